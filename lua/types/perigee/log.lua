---@meta perigee.log
-- Made by docs/generate from docs/source/log.lua; edit that.

--- structured log lines
---@class perigee.loglib
local log = {}

--- Something is wrong, and someone should see to it.
---@param message string what happened, the same text each time
---@param fields? table what is special this time: values by name; or up to 16 names and values, one after the other
---@param ... any
function log.error(message, fields, ...) end

--- Something is odd.
---@param message string what happened, the same text each time
---@param fields? table what is special this time: values by name; or up to 16 names and values, one after the other
---@param ... any
function log.warn(message, fields, ...) end

--- Good to know.
---@param message string what happened, the same text each time
---@param fields? table what is special this time: values by name; or up to 16 names and values, one after the other
---@param ... any
function log.info(message, fields, ...) end

--- For people who look for a fault; not written by default.
---@param message string what happened, the same text each time
---@param fields? table what is special this time: values by name; or up to 16 names and values, one after the other
---@param ... any
function log.debug(message, fields, ...) end

return log

