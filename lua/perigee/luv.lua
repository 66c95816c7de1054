--- luv: libuv's binding for scripts, on the daemon's loop. What would stop the loop, take it over or
-- walk the daemon's own handles is replaced; the rest is luv's, callbacks run as tasks.
local native = require "perigee.native"
local errors = require "perigee.errors"

local stock = native.luv
local uv = setmetatable({}, { __index = stock })
for name, value in next, stock do uv[name] = value end

local function refuse(name, why)
  uv[name] = function()
    error(errors.new("ERR_PERIGEE_LOOP",
      ("luv.%s is not for scripts: %s"):format(name, why)), 2)
  end
end

refuse("run", "the daemon runs the loop")
refuse("stop", "it would end the daemon; close what you opened, or call process.exit()")
refuse("loop_close", "the loop is the daemon's")
refuse("loop_configure", "the loop is the daemon's")

-- Handles that scripts made: luv's own walk would meet the daemon's and abort.
local handles = setmetatable({}, { __mode = "k" })

local function remember(handle, ...)
  if type(handle) == "userdata" then handles[handle] = true end
  return handle, ...
end

for _, name in ipairs {
  "new_async", "new_check", "new_fs_event", "new_fs_poll", "new_idle", "new_pipe", "new_poll",
  "new_prepare", "new_signal", "new_socket_poll", "new_tcp", "new_timer", "new_tty", "new_udp", "spawn",
} do
  local make = stock[name]
  if make then
    uv[name] = function(...) return remember(make(...)) end
  end
end

-- luv takes a closed handle's userdata for a stranger.
local function is_open(handle)
  local known, closing = pcall(stock.is_closing, handle)
  return known and not closing
end

--- Calls fn(handle) for each open handle that was made through luv.
function uv.walk(fn)
  errors.check_type(fn, "callback", "function")
  local open = {}
  for handle in next, handles do
    if is_open(handle) then open[#open + 1] = handle end
  end
  for i = 1, #open do fn(open[i]) end
end

--- For the end of the program: closes what the script left open.
function uv._close_all()
  for handle in next, handles do
    if is_open(handle) then stock.close(handle) end
  end
end

return uv
