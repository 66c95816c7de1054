--- emitter: events and listeners with Node's names. Each listener runs in a task of its own, in
-- order; emit() goes on when it came back or waits, and a throw in one does not stop the next.
local task = require "perigee.task"
local errors = require "perigee.errors"

local run, wake = task.run, task.wake

local emitter = {}

-- A listener is a function, or {listener = fn, once = true}. events[name] is a list that is never
-- changed, only replaced, so that an emit() under way is not disturbed.

local function check(name, listener)
  if type(name) ~= "string" and type(name) ~= "table" then errors.check_type(name, "eventName", "string") end
  if type(listener) ~= "function" then errors.check_type(listener, "listener", "function") end
end

local function add(self, name, entry, first)
  local events = self._events
  if not events then
    events = {}
    self._events = events
  elseif events.newListener then
    self:emit("newListener", name, type(entry) == "table" and entry.listener or entry)
  end
  local old = events[name]
  local list
  if not old then
    list = { entry }
  else
    list = {}
    for i = 1, #old do list[i] = old[i] end
    table.insert(list, first and 1 or #list + 1, entry)
  end
  events[name] = list
  if self._on_listener then self:_on_listener(name, type(entry) == "table" and entry.listener or entry) end
  return self
end

local function remove_at(self, name, index)
  local old = self._events[name]
  local list
  if #old > 1 then
    list = {}
    for i = 1, #old do
      if i ~= index then list[#list + 1] = old[i] end
    end
  end
  self._events[name] = list
  if self._events.removeListener then
    local entry = old[index]
    self:emit("removeListener", name, type(entry) == "table" and entry.listener or entry)
  end
end

local function remove_entry(self, name, entry)
  local list = self._events[name]
  for i = 1, list and #list or 0 do
    if list[i] == entry then return remove_at(self, name, i) end
  end
end

local methods = {}
emitter.methods = methods

--- Calls listener at each event of that name. Returns self, as all of these do.
function methods:on(name, listener)
  check(name, listener)
  return add(self, name, listener, false)
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
  local list = self._events and self._events[name]
  for i = list and #list or 0, 1, -1 do
    local entry = list[i]
    if entry == listener or (type(entry) == "table" and entry.listener == listener) then
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
  while events[name] do remove_at(self, name, #events[name]) end
  return self
end

function methods:listenerCount(name)
  local list = self._events and self._events[name]
  return list and #list or 0
end

--- The listeners of that name: functions, in order.
function methods:listeners(name)
  local list = self._events and self._events[name]
  local out = {}
  for i = 1, list and #list or 0 do
    local entry = list[i]
    out[i] = type(entry) == "table" and entry.listener or entry
  end
  return out
end

--- The same; one that was added by once() as a function that takes itself away when called.
function methods:rawListeners(name)
  local list = self._events and self._events[name]
  local out = {}
  for i = 1, list and #list or 0 do
    local entry = list[i]
    if type(entry) == "table" then
      out[i] = function(...)
        remove_entry(self, name, entry)
        return entry.listener(...)
      end
    else
      out[i] = entry
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
  return emitter.emit(self, name, self, ...)
end

local function call_entry(self, name, entry, owner, ...)
  local listener = entry
  if type(entry) == "table" then
    remove_entry(self, name, entry)
    listener = entry.listener
  end
  if select("#", ...) <= 4 then
    run(owner, listener, ...)
  else
    task.run_many(owner, listener, ...)
  end
end

-- Tasks that wait in await() for it.
local function wake_waiters(self, name, a, b, c, d)
  local waiters = self._waiters
  local kept
  self._waiters = nil
  for i = 1, #waiters do
    local waiter = waiters[i]
    if waiter.event == name then
      waiter.done = true
      wake(waiter.task, a, b, c, d)
    elseif name == "error" then
      waiter.done = true
      wake(waiter.task, nil, a)
    elseif name == "close" then
      waiter.done = true
      wake(waiter.task, nil, self:_closed_error())
    else
      kept = kept or {}
      kept[#kept + 1] = waiter
    end
  end
  if kept then
    for i = 1, self._waiters and #self._waiters or 0 do kept[#kept + 1] = self._waiters[i] end
    self._waiters = kept
  end
end

--- The inner emit: calls listeners in tasks that belong to owner (a stream, or nil).
function emitter.emit(self, name, owner, a, b, c, d, ...)
  local events = self._events
  local list = events and events[name]
  local heard = false
  if not self._is_stream then owner = owner and owner._is_stream and owner or nil end
  if list then
    heard = true
    if list[2] == nil and select("#", ...) == 0 and type(list[1]) == "function" then
      run(owner, list[1], a, b, c, d)
    else
      for i = 1, #list do call_entry(self, name, list[i], owner, a, b, c, d, ...) end
    end
  end
  if self._waiters then
    heard = true
    wake_waiters(self, name, a, b, c, d)
  end
  if name == "error" and not heard and self._on_unheard_error then self:_on_unheard_error(a) end
  return heard
end

--- Does anybody hear it?
function emitter.has(self, name)
  local events = self._events
  return (events and events[name] or self._waiters) and true or false
end

--- Waits for the event and returns its arguments. A once-only event that already happened returns at
-- once. When 'error' or 'close' comes first: nil, err. After timeout ms (optional): nil,
-- ERR_PERIGEE_TIMEOUT.
function methods:await(name, timeout)
  errors.check_type(name, "eventName", "string")
  local happened, a, b, c = self:_happened(name)
  if happened then return a, b, c end
  task.check_can_wait()
  local waiter = { event = name, task = task.current(), done = false }
  local waiters = self._waiters
  if waiters then
    waiters[#waiters + 1] = waiter
  else
    self._waiters = { waiter }
  end
  if timeout then
    waiter.timer = task.timer(timeout, function()
      if waiter.done then return end
      waiter.done = true
      for i = 1, self._waiters and #self._waiters or 0 do
        if self._waiters[i] == waiter then
          table.remove(self._waiters, i)
          break
        end
      end
      if self._waiters and #self._waiters == 0 then self._waiters = nil end
      wake(waiter.task, nil, errors.new("ERR_PERIGEE_TIMEOUT",
        ("'%s' did not come within %d ms"):format(name, timeout)))
    end)
    return emitter.stop_timer(waiter, task.suspend())
  end
  return task.suspend()
end

function emitter.stop_timer(waiter, ...)
  waiter.timer:close()
  return ...
end

--- Overridden by classes: has a once-only event happened, and with what?
function methods:_happened()
  return false
end

function methods:_closed_error()
  return errors.new("ERR_STREAM_PREMATURE_CLOSE", "closed before the event came")
end

return emitter
