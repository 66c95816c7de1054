---@meta perigee.log
-- Made by docs/generate from docs/source/log.lua; edit that.

--- structured log lines
---@class perigee.loglib
local log = {}

--- Something is wrong, and someone should see to it.
---@param message string
---@param ... any up to four pairs of key and value
function log.error(message, ...) end

--- Something is odd.
---@param message string
---@param ... any up to four pairs of key and value
function log.warn(message, ...) end

--- Good to know.
---@param message string
---@param ... any up to four pairs of key and value
function log.info(message, ...) end

--- For people who look for a fault; not written by default.
---@param message string
---@param ... any up to four pairs of key and value
function log.debug(message, ...) end

return log

