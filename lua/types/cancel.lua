---@meta
-- Made by docs/generate from docs/source/cancel.lua; edit that.

--- cancels requests from elsewhere
---@class CancelToken
---@field cancelled boolean Was it cancelled?
---@field reason any What `cancel` was given.
local CancelToken = {}

--- Ends all that was begun with the token, and what will be. Twice is no harm.
---@param reason? any
function CancelToken:cancel(reason) end

