---@meta
-- Made by docs/generate from docs/source/headers.lua; edit that.

--- A header table.
---@alias Headers table<string|table, string|number|boolean|string[]>

