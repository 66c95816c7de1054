--- emitter: events and listeners with Node's names. Each listener runs in a task of its own, in
-- order; emit() goes on when it came back or waits, and a throw in one does not stop the next.
local task = require "perigee.task"
local errors = require "perigee.errors"

local run, wake = task.run, task.wake_at

local emitter = {}

-- An entry is a function, or {listener = fn, once = true}. events[name] is one entry (the usual case), or a
-- list {list = true, entry, …} that is never changed, only replaced, so that an emit() under way is
-- not disturbed.

local function check(name, listener)
  if type(name) ~= "string" and type(name) ~= "table" then errors.check_type(name, "eventName", "string") end
  if type(listener) ~= "function" then errors.check_type(listener, "listener", "function") end
end

local function function_of(entry)
  if type(entry) == "table" then return entry.listener end
  return entry
end

-- What is registered under a name, as a list.
local function entries_of(self, name)
  local events = self._events
  local entry = events and events[name]
  if not entry then return {} end
  if type(entry) == "table" and entry.list then return entry end
  return { entry }
end

local function add(self, name, entry, first)
  local events = self._events
  if events and events.newListener then self:emit("newListener", name, function_of(entry)) end
  if not events then
    self._events = { [name] = entry }
  elseif not events[name] then
    events[name] = entry
  else
    local old = entries_of(self, name)
    local list = { list = true }
    for i = 1, #old do list[i] = old[i] end
    table.insert(list, first and 1 or #list + 1, entry)
    events[name] = list
  end
  if self._on_listener then self:_on_listener(name, function_of(entry)) end
  return self
end

local function remove_at(self, name, index)
  local old = entries_of(self, name)
  local list = { list = true }
  for i = 1, #old do
    if i ~= index then list[#list + 1] = old[i] end
  end
  if #list <= 1 then list = list[1] end
  self._events[name] = list
  if self._events.removeListener then self:emit("removeListener", name, function_of(old[index])) end
end

local function remove_entry(self, name, entry)
  local list = entries_of(self, name)
  for i = 1, #list do
    if list[i] == entry then return remove_at(self, name, i) end
  end
end

local methods = {}
emitter.methods = methods

--- Calls listener at each event of that name. Returns self, as all of these do.
function methods:on(name, listener)
  check(name, listener)
  return (add(self, name, listener, false))
end
methods.addListener = methods.on

function methods:prependListener(name, listener)
  check(name, listener)
  return add(self, name, listener, true)
end

--- Calls listener at the next event of that name only.
function methods:once(name, listener)
  check(name, listener)
  return add(self, name, { listener = listener, once = true }, false)
end

function methods:prependOnceListener(name, listener)
  check(name, listener)
  return add(self, name, { listener = listener, once = true }, true)
end

--- Takes the newest such listener away.
function methods:off(name, listener)
  check(name, listener)
  local list = entries_of(self, name)
  for i = #list, 1, -1 do
    if function_of(list[i]) == listener then
      remove_at(self, name, i)
      break
    end
  end
  return self
end
methods.removeListener = methods.off

--- Takes all listeners of that name away, or all there are.
function methods:removeAllListeners(name)
  local events = self._events
  if not events then return self end
  if name == nil then
    for key in next, events do
      if key ~= "removeListener" then self:removeAllListeners(key) end
    end
    events.removeListener = nil
    return self
  end
  while events[name] do remove_at(self, name, #entries_of(self, name)) end
  return self
end

function methods:listenerCount(name)
  return #entries_of(self, name)
end

--- The listeners of that name: functions, in order.
function methods:listeners(name)
  local list = entries_of(self, name)
  local out = {}
  for i = 1, #list do out[i] = function_of(list[i]) end
  return out
end

--- The same; one that was added by once() as a function that takes itself away when called.
function methods:rawListeners(name)
  local list = entries_of(self, name)
  local out = {}
  for i = 1, #list do
    local entry = list[i]
    out[i] = entry
    if type(entry) == "table" then
      out[i] = function(...)
        remove_entry(self, name, entry)
        return entry.listener(...)
      end
    end
  end
  return out
end

function methods:eventNames()
  local out = {}
  for name in next, self._events or {} do out[#out + 1] = name end
  return out
end

--- Kept for Node's sake: there is no bound on listeners here.
function methods:setMaxListeners()
  return self
end

--- Calls the listeners. Returns whether there were any. An 'error' that nobody hears is logged.
function methods:emit(name, ...)
  local owner = self._is_stream and self or nil
  if select("#", ...) <= 4 then return emitter.emit(self, name, owner, ...) end
  local events = self._events
  local entry = events and events[name]
  if not entry then return false end
  emitter.emit_many(self, name, owner, entry, ...)
  return true
end

local function call_entry(self, name, entry, owner, ...)
  local listener = entry
  if type(entry) == "table" then
    if entry.called then return end -- by an emit() inside this one
    entry.called = true
    remove_entry(self, name, entry)
    listener = entry.listener
  end
  if select("#", ...) <= 4 then
    run(owner, listener, ...)
  else
    task.run_many(owner, listener, ...)
  end
end

-- Tasks that wait in await() for it. Returns whether there were any.
local function wake_waiters(self, name, a, b, c, d)
  local waiters = self._waiters
  local kept
  local heard = false
  self._waiters = nil
  for i = 1, #waiters do
    local waiter = waiters[i]
    if waiter.event == name then
      heard = true
      wake(waiter.task, waiter.serial, a, b, c, d)
    elseif name == "error" then
      heard = true
      wake(waiter.task, waiter.serial, nil, a)
    elseif name == "close" then
      wake(waiter.task, waiter.serial, nil, self:_closed_error())
    else
      kept = kept or {}
      kept[#kept + 1] = waiter
    end
  end
  if kept then
    for i = 1, self._waiters and #self._waiters or 0 do kept[#kept + 1] = self._waiters[i] end
    self._waiters = kept
  end
  return heard
end

-- The rare ways: several listeners, one of once(), more than four arguments.
local function emit_many(self, name, owner, entry, ...)
  if type(entry) == "table" and entry.list then
    for i = 1, #entry do call_entry(self, name, entry[i], owner, ...) end
  else
    call_entry(self, name, entry, owner, ...)
  end
end

emitter.emit_many = emit_many

--- The inner emit: calls listeners in tasks that belong to owner (a stream, or nil).
function emitter.emit(self, name, owner, a, b, c, d)
  local events = self._events
  local entry = events and events[name]
  local heard = false
  if entry then
    heard = true
    if type(entry) == "function" then
      run(owner, entry, a, b, c, d)
    else
      emit_many(self, name, owner, entry, a, b, c, d)
    end
  end
  if self._waiters then
    heard = wake_waiters(self, name, a, b, c, d) or heard
  end
  if name == "error" and not heard and self._on_unheard_error then self:_on_unheard_error(a) end
  return heard
end

--- Does anybody hear it?
function emitter.has(self, name)
  local events = self._events
  if events and events[name] then return true end
  local waiters = self._waiters
  for i = 1, waiters and #waiters or 0 do
    if waiters[i].event == name then return true end
  end
  return false
end

emitter.wake_waiters = wake_waiters

local function forget_waiter(self, waiter)
  local waiters = self._waiters
  for i = 1, waiters and #waiters or 0 do
    if waiters[i] == waiter then
      table.remove(waiters, i)
      break
    end
  end
  if waiters and #waiters == 0 then self._waiters = nil end
end

local function waited(self, waiter, ok, ...)
  if waiter.timer then waiter.timer:close() end
  if not ok then
    forget_waiter(self, waiter)
    error((...), 0)
  end
  return ...
end

--- Waits for the event and returns its arguments. A once-only event that already happened returns at
-- once. When 'error' or 'close' comes first: nil, err. After timeout ms (optional): nil,
-- ERR_PERIGEE_TIMEOUT.
function methods:await(name, timeout)
  errors.check_type(name, "eventName", "string")
  local happened, a, b, c = self:_happened(name)
  if happened then return a, b, c end
  task.check_can_wait()
  local running, serial = task.ticket()
  local waiter = { event = name, task = running, serial = serial, timer = false }
  local waiters = self._waiters
  if waiters then
    waiters[#waiters + 1] = waiter
  else
    self._waiters = { waiter }
  end
  if timeout then
    waiter.timer = task.timer(timeout, function()
      forget_waiter(self, waiter)
      wake(running, serial, nil, errors.new("ERR_PERIGEE_TIMEOUT",
        ("'%s' did not come within %d ms"):format(name, timeout)))
    end)
  end
  return waited(self, waiter, pcall(task.suspend))
end

--- Overridden by classes: has a once-only event happened, and with what?
function methods:_happened()
  return false
end

function methods:_closed_error()
  return errors.new("ERR_STREAM_PREMATURE_CLOSE", "closed before the event came")
end

return emitter
