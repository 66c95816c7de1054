--- http2.compat_object: what requests and responses have in common: how they are made, how scripts make more of
-- them, and how they hear of their stream.
--
-- A class is a table of methods. A subclass is made by extend() and given to the server:
--
--   local Request = http2.Http2ServerRequest:extend()
--   function Request:userAgent() return self.headers["user-agent"] or "unknown" end
--   http2.createServer({ Http2ServerRequest = Request }, function(req, res) … end)
--
-- It may have a new() of its own, which lets the base make the object:
--
--   function Request:new(stream, headers, ...)
--     local req = http2.Http2ServerRequest.new(self, stream, headers, ...)
--     req.startedAt = os.time()
--     return req
--   end
local task = require "perigee.task"
local emitter = require "perigee.emitter"
local errors = require "http2.errors"

local object = {}

local function extend(base)
  return setmetatable({}, { __index = base })
end

--- A class without ancestors. getters, setters: name -> function, for what looks like a field.
function object.class(getters, setters)
  local class = { extend = extend, _getters = getters, _setters = setters }
  for name, fn in next, emitter.methods do class[name] = fn end
  return class
end

-- The metatable of a class's objects, made when the first one is.
local function metatable_of(class)
  local getters, setters = class._getters, class._setters
  local metatable = {
    class = class,
    __index = function(self, key)
      local value = class[key]
      if value ~= nil then return value end
      local getter = getters[key]
      if getter then return getter(self) end
      return nil
    end,
    __newindex = function(self, key, value)
      local setter = setters[key]
      if setter then
        setter(self, value)
      else
        rawset(self, key, value)
      end
    end,
    __tostring = function(self) return ("%s (stream %s)"):format(class._name, tostring(self.stream.id)) end,
  }
  class._metatable = metatable
  return metatable
end

--- Makes fields an object of the class. (No tail calls here and in new(): see perigee.core.)
function object.make(class, fields)
  setmetatable(fields, rawget(class, "_metatable") or metatable_of(class))
  return fields
end

--- Throws unless value can stand for a class in the server's options.
function object.check_class(value, name)
  errors.check_type(value, name, "table")
  if type(value.new) ~= "function" then
    error(errors.new("ERR_INVALID_ARG_VALUE",
      ("%s needs a new(): make it by http2.%s:extend()"):format(name, name)), 0)
  end
  return value
end

--- Has the stream said its last word? (Between its end and 'close' it has not.)
function object.is_over(stream)
  return stream.destroyed and not stream._close_due
end

--- For ticks.put: a callback, in a task of its stream.
function object.call_back(callback, err, stream)
  task.run(stream, callback, err)
end

--- Lets an event of the stream reach the pair: the request's _tell(event), then the response's. Streams are
-- not listened to before somebody asks for it: most exchanges end without a word.
function object.hear(self, event)
  local last = self._response or self
  local heard = last._heard
  if not heard then
    heard = {}
    last._heard = heard
  elseif heard[event] then
    return
  end
  heard[event] = true
  -- Before the script's own listeners on the stream, whenever those came.
  self.stream:prependListener(event, function()
    local first = last.req
    if first then first:_tell(event) end
    last:_tell(event)
  end)
end

--- emit(): listeners belong to the stream, as tasks do.
function object.emit(self, name, ...)
  if select("#", ...) <= 4 then return emitter.emit(self, name, self.stream, ...) end
  local events = self._events
  local entry = events and events[name]
  if not entry then return false end
  emitter.emit_many(self, name, self.stream, entry, ...)
  return true
end

return object
