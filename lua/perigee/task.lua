--- task: coroutines. Every listener, callback and main chunk runs in a pooled coroutine, so that it
-- may wait; waiting never holds up anyone else.
--
-- A task may belong to a stream (its owner). When the owner ends abnormally, its suspended tasks are
-- resumed with a thrown ERR_PERIGEE_CANCELLED, so that their clean-up runs.
local native = require "perigee.native"
local core = require "perigee.core"
local errors = require "perigee.errors"

local create, raw_resume, raw_yield = coroutine.create, coroutine.resume, coroutine.yield
local isyieldable = coroutine.isyieldable
local enter = core.enter
local address_of = native.thread_address
local unpack = unpack

local task = {}

local DONE = {}    -- the listener came back
local SUSPEND = {} -- a scheduler's yield; wrapped coroutines hand it on
local CANCEL = {}  -- resumed with this: throw what follows

task.SUSPEND = SUSPEND

local pool, pooled = {}, 0
local POOL_MAX = 256
local current -- the task that runs
local depth = 0 -- user coroutines nested in it
local DEPTH_MAX = 190 -- LuaJIT recurses on the C stack for each

-- Called with (owner, thrown value, coroutine) when a task fails; set by perigee.failure.
local on_failure

function task.set_failure_handler(handler)
  on_failure = handler
end

-- A listener with "..." should not see more arguments than the event has.
local function body(fn, a, b, c, d)
  while true do
    if c == nil and d == nil then
      if b ~= nil then fn(a, b) elseif a ~= nil then fn(a) else fn() end
    else
      fn(a, b, c, d)
    end
    fn, a, b, c, d = raw_yield(DONE)
  end
end

-- A trace that began in this loop would grow into whatever handler comes next, and what LuaJIT cannot
-- compile there (a closure, say) would end compiling it for all. Handlers begin traces of their own.
jit.off(body)

local waits = 0 -- counts the waits of owned tasks: the order in which they are cancelled

local function own(owner, t)
  local owned = owner._tasks
  if not owned then
    owned = {}
    owner._tasks = owned
  end
  waits = waits + 1
  owned[t] = waits
end

-- After a resume: the task is done, or waits, or failed.
local function settle(t, ok, what)
  local owner = t.owner
  if ok then
    if what == DONE then
      t.owner = nil
      if pooled < POOL_MAX then
        pooled = pooled + 1
        pool[pooled] = t
      end
      if owner and owner._unread_waits then owner:_after_finish() end
      return true
    end
    t.suspended = true
    if owner then own(owner, t) end
    return false
  end
  t.owner = nil
  on_failure(owner, what, t.co)
  return false
end

-- Tells C whose code goes on (script_now), and in which coroutine: the watchdog reads it.
local function tell(t)
  local owner = t.owner
  if owner then
    enter(owner._slot, owner._generation, t.address)
  else
    enter(0, 0, t.address)
  end
end

local function switch(t, a, b, c, d, e)
  local before, before_depth = current, depth
  current, depth = t, 0
  tell(t)
  local ok, what = raw_resume(t.co, a, b, c, d, e)
  current, depth = before, before_depth
  if before then tell(before) end
  return (settle(t, ok, what))
end

--- Runs fn(a, b, c, d) in a task that belongs to owner (a stream, or nil). Returns true when it
-- came back, false when it waits or failed (which has been reported then).
function task.run(owner, fn, a, b, c, d)
  local t
  if pooled > 0 then
    t = pool[pooled]
    pool[pooled] = nil
    pooled = pooled - 1
  else
    local co = create(body)
    t = { co = co, address = address_of(co), owner = nil, suspended = false, serial = 0, run = 0 }
  end
  t.owner = owner
  t.run = t.run + 1
  return (switch(t, fn, a, b, c, d))
end

--- The same for any number of arguments.
function task.run_many(owner, fn, ...)
  local n = select("#", ...)
  if n <= 4 then return task.run(owner, fn, ...) end
  local arguments = { ... }
  return task.run(owner, function() fn(unpack(arguments, 1, n)) end)
end

local function received(first, ...)
  if first == CANCEL then error((...), 0) end
  return first, ...
end

-- A function that was called in a tail call has no name on the stack.
local library = {}
for _, part in next, { string = string, table = table } do
  for name, fn in next, part do library[fn] = name end
end

-- One can wait through these.
local transparent = { yield = true, pcall = true, xpcall = true, resume = true }

-- The C function between us and the task, for the error's text.
local function boundary()
  for level = 3, 60 do
    local info = debug.getinfo(level, "Snf")
    if not info then break end
    local name = info.name or library[info.func]
    if info.what == "C" and name and not transparent[name] then return name end
  end
  return "a C function"
end

--- Throws unless the running code may wait here.
function task.check_can_wait()
  if current and isyieldable() then return end
  if not current then
    error(errors.new("ERR_PERIGEE_AWAIT_PLACE",
      "waiting is not possible here: this code does not run in a task (a finalizer, or a statCheck)"), 0)
  end
  error(errors.new("ERR_PERIGEE_AWAIT_PLACE",
    ("waiting is not possible inside a callback of a C function (%s)"):format(boundary())), 0)
end

--- Waits until someone calls task.wake() on the running task; returns what was given there.
-- Throws ERR_PERIGEE_AWAIT_PLACE where it cannot work (in callbacks of table.sort, gsub, …).
function task.suspend()
  task.check_can_wait()
  return received(raw_yield(SUSPEND))
end

--- The running task and its serial number, for task.wake_at(). The number is good for the next wait only: a task
-- is used again when it is done, and a late wake-up must not find the next one.
function task.ticket()
  return current, current.serial
end

local function take_up(t)
  if not t.suspended then return false end
  t.suspended = false
  t.serial = t.serial + 1
  local owner = t.owner
  if owner and owner._tasks then owner._tasks[t] = nil end
  return true
end

-- Goes on with it. What is doomed hears of nothing else, such as the end of another that it waited for.
local function go_on(t, a, b, c, d)
  local doom = t.doom
  if doom then
    t.doom = nil
    switch(t, CANCEL, doom)
  else
    switch(t, a, b, c, d)
  end
end

--- Goes on with a suspended task; one that does not wait any more, or waits for something else, is left alone.
function task.wake_at(t, serial, a, b, c, d)
  if t.serial == serial and take_up(t) then go_on(t, a, b, c, d) end
end

--- The running task, for task.wake(): take it, start what will wake it, call task.suspend().
function task.current()
  if not current then return nil end
  return { task = current, run = current.run }
end

--- Lets task.suspend() of the task that task.current() gave return these values. Too late is no harm.
function task.wake(running, a, b, c, d)
  local t = running.task
  if t.run == running.run and take_up(t) then go_on(t, a, b, c, d) end
end

--- Goes on with a suspended task by throwing err in it.
function task.cancel(t, err)
  if take_up(t) then go_on(t, CANCEL, err) end
end

--- Cancels all suspended tasks of an owner, in the order in which they began to wait.
function task.cancel_owned(owner, reason)
  local owned = owner._tasks
  if not owned then return end
  local err = errors.new("ERR_PERIGEE_CANCELLED", "the stream of this task ended: " .. reason)
  local list, since = {}, {}
  for t, wait in next, owned do
    list[#list + 1], since[t] = t, wait
    t.doom = err
  end
  table.sort(list, function(a, b) return since[a] < since[b] end)
  for i = 1, #list do
    if list[i].doom then task.cancel(list[i], err) end -- else it has heard
  end
end

--- The stream that the running task belongs to, or nil.
function task.owner()
  return current and current.owner
end

--- From now on the running task belongs to no stream: it goes on when its stream ends.
function task.detach()
  if current then current.owner = nil end
end

-- What a spawned task leaves for those who wait for it.
local Handle = {}
Handle.__index = Handle

--- Waits for the task; returns what its function returned, or nil, err when it failed.
function Handle:await()
  if not self.done then
    task.check_can_wait()
    self.waiters[#self.waiters + 1] = { task.ticket() }
    task.suspend()
  end
  if self.err ~= nil then return nil, self.err end
  return unpack(self.results, 1, self.count)
end

--- Throws ERR_PERIGEE_CANCELLED in it where it waits.
function Handle:cancel()
  if self.task then
    task.cancel(self.task, errors.new("ERR_PERIGEE_CANCELLED", "the task was cancelled"))
  end
end

local function finish(handle, ok, ...)
  handle.done = true
  handle.task = nil
  if ok then
    handle.count = select("#", ...)
    handle.results = { ... }
  else
    handle.err = (...)
  end
  local waiters = handle.waiters
  for i = 1, #waiters do task.wake_at(waiters[i][1], waiters[i][2]) end
  if handle.on_done then handle.on_done(handle) end
  if not ok and #waiters == 0 and not handle.on_done then error((...), 0) end
end

local function start(handle, fn, ...)
  local n = select("#", ...)
  local arguments = { ... }
  task.run(task.owner(), function()
    handle.task = current
    finish(handle, pcall(fn, unpack(arguments, 1, n)))
  end)
  return handle
end

--- Starts fn(...) as a task of its own that belongs to the same stream. Returns a handle with
-- await() and cancel(). A failure that nobody waits for is logged.
function task.spawn(fn, ...)
  errors.check_type(fn, "fn", "function")
  return start(setmetatable({ waiters = {}, done = false, count = 0 }, Handle), fn, ...)
end

--- Waits for all functions, run side by side. Returns a list of their first results, or nil, err of the first
-- that failed (the others are cancelled then).
function task.all(functions)
  errors.check_type(functions, "functions", "table")
  task.check_can_wait()
  local waiting, serial = task.ticket()
  local handles, left, failed = {}, #functions, nil
  local suspended = false
  local function on_done(handle)
    left = left - 1
    if handle.err ~= nil and not failed then failed = handle end
    if suspended and (failed or left == 0) then task.wake_at(waiting, serial) end
  end
  for i = 1, #functions do
    errors.check_type(functions[i], "function " .. i, "function")
    local handle = setmetatable({ waiters = {}, done = false, count = 0, on_done = on_done }, Handle)
    handles[i] = handle
    if not failed then start(handle, functions[i]) end
  end
  if not failed and left > 0 then
    suspended = true
    task.suspend()
  end
  suspended = false
  if failed then
    for i = 1, #handles do handles[i]:cancel() end
    return nil, failed.err
  end
  local results = {}
  for i = 1, #handles do results[i] = handles[i].results[1] end
  return results
end

--- Waits ms milliseconds.
function task.sleep(ms)
  task.check_can_wait()
  local t, serial = task.ticket()
  local timer = task.timer(ms, function() task.wake_at(t, serial) end)
  local ok, err = pcall(task.suspend)
  timer:close() -- a cancelled sleep leaves nothing behind
  if not ok then error(err, 0) end
end

-- coroutine.* for scripts: a scheduler's yield passes through a user's coroutines to the task.

local hand_on

local function left(co, ...)
  depth = depth - 1
  return hand_on(co, ...)
end

local function go_in(co, ...)
  if depth >= DEPTH_MAX then
    return false, "C stack overflow: coroutines are nested too deep"
  end
  depth = depth + 1
  return left(co, raw_resume(co, ...))
end

hand_on = function(co, ok, what, ...)
  if ok and what == SUSPEND then return go_in(co, raw_yield(SUSPEND)) end
  return ok, what, ...
end

local function result_or_error(ok, ...)
  if not ok then error((...), 0) end
  return ...
end

--- coroutine.resume, create, wrap, yield as scripts see them.
task.coroutine = {
  resume = go_in,
  wrap = function(fn)
    local co = create(fn)
    return function(...) return result_or_error(go_in(co, ...)) end
  end,
  yield = function(...)
    if depth == 0 then error("attempt to yield outside a coroutine", 2) end
    return raw_yield(...)
  end,
}

return task
