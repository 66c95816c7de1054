--- ticks: work that waits until the running callback has come back: nextTick, 'close', callbacks.
-- The queue is emptied after each event of a batch and after every other entry into Lua.
local task = require "perigee.task"

local ticks = {}

local queue = {} -- fn, a, b, c one behind the other
local first, last = 1, 0
local CAP = 100000 -- then the loop gets its chance, and the rest goes on in the next turn

--- Calls fn(a, b, c) on the next tick. For the Lua half: fn must not wait or throw.
function ticks.put(fn, a, b, c)
  queue[last + 1] = fn
  queue[last + 2] = a or false
  queue[last + 3] = b or false
  queue[last + 4] = c or false
  last = last + 4
end

function ticks.pending()
  return last >= first
end

--- Runs what is queued, also what is queued meanwhile.
function ticks.drain()
  local done = 0
  while first <= last do
    local fn, a, b, c = queue[first], queue[first + 1], queue[first + 2], queue[first + 3]
    queue[first] = nil
    queue[first + 1] = nil
    queue[first + 2] = nil
    queue[first + 3] = nil
    first = first + 4
    fn(a or nil, b or nil, c or nil)
    done = done + 1
    if done >= CAP then return ticks.later() end
  end
  first, last = 1, 0
end

local function run_user(owner, call)
  task.run_many(owner, unpack(call, 1, call.n))
end

--- process.nextTick(fn, …) of scripts.
function ticks.next_tick(fn, ...)
  if type(fn) ~= "function" then error("nextTick expects a function", 2) end
  ticks.put(run_user, nil, { n = select("#", ...) + 1, fn, ... })
end

return ticks
