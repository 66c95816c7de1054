---@meta luv
-- Made by docs/generate from docs/source/luv.lua; edit that.

--- libuv for scripts: timers, files, names, sockets, processes
---@class luvlib
local uv = {}

--- Calls `fn` for each open handle that was made through luv; the daemon's own are not shown.
---@param fn fun(handle: userdata)
function uv.walk(fn) end

--- Not for scripts.
function uv.run() end

--- Not for scripts.
function uv.stop() end

--- Not for scripts.
function uv.loop_close() end

--- Not for scripts.
function uv.loop_configure() end

return uv

