--- timers: setTimeout and its kin, on luv's timers. Each callback is a task of its own; a pending timer
-- keeps the program running until unref().
local uv = require "luv"
local task = require "perigee.task"
local errors = require "perigee.errors"

local timers = {}

local Timer = {}
Timer.__index = Timer

--- Ends it; twice is fine.
function Timer:close()
  local handle = self._handle
  self._handle = nil
  if handle and not handle:is_closing() then handle:close() end
end

--- Does it keep the program running? Yes at first.
function Timer:ref()
  if self._handle then self._handle:ref() end
  return self
end

function Timer:unref()
  if self._handle then self._handle:unref() end
  return self
end

function Timer:hasRef()
  return self._handle ~= nil and self._handle:has_ref()
end

--- Starts anew with the same time.
function Timer:refresh()
  if self._handle then self._handle:again() end
  return self
end

-- Node: less than 1 ms, more than 2^31-1 ms, and what is no number is 1 ms.
local function clean(ms)
  ms = tonumber(ms) or 1
  if ms ~= ms or ms < 1 or ms > 2147483647 then return 1 end
  return math.floor(ms)
end

local function start(fn, ms, again, ...)
  errors.check_type(fn, "callback", "function")
  local timer = setmetatable({ _handle = uv.new_timer() }, Timer)
  local arguments = { ... }
  local n = select("#", ...)
  ms = clean(ms)
  local function fire()
    if not again then timer:close() end
    fn(unpack(arguments, 1, n))
  end
  uv.update_time() -- the loop's is of before this callback
  -- A repeat time even for one shot: refresh() needs it.
  timer._handle:start(ms, ms, fire)
  return timer
end

--- Calls fn(…) once, ms milliseconds from now. Returns a timer for clearTimeout.
function timers.setTimeout(fn, ms, ...) return start(fn, ms, false, ...) end

--- Calls fn(…) every ms milliseconds.
function timers.setInterval(fn, ms, ...) return start(fn, ms, true, ...) end

function timers.clearTimeout(timer)
  if type(timer) == "table" and timer.close then timer:close() end
end
timers.clearInterval = timers.clearTimeout

-- setImmediate: the next loop iteration, after the descriptors were looked at.
local immediates = {}
local check, idle

local function run_immediates()
  local due = immediates
  immediates = {}
  for i = 1, #due do
    local entry = due[i]
    if not entry.cleared then
      entry.done = true
      task.run_many(nil, entry.fn, unpack(entry, 1, entry.n))
    end
  end
  if #immediates == 0 then
    check:stop()
    idle:stop()
  end
end

local Immediate = {}
Immediate.__index = Immediate
function Immediate:close() self.cleared = true end

--- Calls fn(…) in the next loop iteration. Returns an object for clearImmediate.
function timers.setImmediate(fn, ...)
  errors.check_type(fn, "callback", "function")
  local entry = setmetatable({ fn = fn, n = select("#", ...), ... }, Immediate)
  if not check then
    check, idle = uv.new_check(), uv.new_idle()
  end
  if #immediates == 0 then
    check:start(run_immediates)
    idle:start(function() end) -- so that the loop does not wait
  end
  immediates[#immediates + 1] = entry
  return entry
end

timers.clearImmediate = timers.clearTimeout

-- after_poll: behind the next whole look at the descriptors, wherever in the iteration we are now: a peer that
-- lives in this process has heard by then what leaves in this turn, and once only.
local waiting, due = {}, {}
local prepare, awake

local function before_poll()
  local now = due
  due, waiting = waiting, {}
  for i = 1, #now do now[i][1](now[i][2], now[i][3]) end
  if #waiting == 0 and #due == 0 then
    prepare:stop()
    awake:stop()
  end
end

--- For the Lua half: calls fn(a, b), which must not wait or throw, when the descriptors were looked at once.
function timers.after_poll(fn, a, b)
  if not prepare then prepare, awake = uv.new_prepare(), uv.new_idle() end
  if #waiting == 0 and #due == 0 then
    prepare:start(before_poll)
    awake:start(function() end) -- so that the loop does not wait
  end
  waiting[#waiting + 1] = { fn, a, b }
end

-- For waits with a time-out, which belong to the waiting task.
function task.timer(ms, fn)
  return start(fn, ms, false)
end

return timers
