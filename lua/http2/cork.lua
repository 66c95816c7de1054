--- http2.cork: writes that are held together, from cork() to its uncork(), and leave as one.
-- A corked stream has a write() and a finish() of its own: others pay nothing for it.
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local emitter = require "perigee.emitter"
local errors = require "http2.errors"

local cork = {}

local function emit_drain(self)
  if not (self.destroyed or self.writableEnded) then emitter.emit(self, "drain", self) end
end

-- Back to the class's methods; what was held goes out in one piece.
local function release(self)
  local held = self._held_writes
  self._held_writes, self.writableCorked = nil, nil
  self.write, self.finish, self.end_, self["end"] = nil, nil, nil, nil
  if #held == 0 then return end
  local callbacks = held.callbacks
  local callback = callbacks and function(err)
    for i = 1, #callbacks do task.run(self, callbacks[i], err) end
  end
  local taken = self:write(table.concat(held), nil, callback)
  if taken and held.is_full then ticks.put(emit_drain, self) end -- as the last write() promised
end

-- write() of a corked stream.
local function hold(self, data, encoding, callback)
  local held = self._held_writes
  if self.destroyed or self.closed or self.writableEnded then
    return (getmetatable(self).methods.write(self, data, encoding, callback))
  end
  if type(encoding) == "function" then callback = encoding end
  errors.check_type(data, "chunk", "string")
  if callback then
    held.callbacks = held.callbacks or {}
    table.insert(held.callbacks, callback)
  end
  if data ~= "" then
    held[#held + 1] = data
    held.bytes = held.bytes + #data
  end
  if held.bytes > self._session._output_max then
    release(self) -- which is too much for the stream
    return false
  end
  held.is_full = self.bufferSize > self.writableHighWaterMark
  return not held.is_full
end

-- finish() of a corked stream.
local function finish(self, data, encoding, callback)
  if type(data) == "function" then
    data, callback = nil, data
  elseif type(encoding) == "function" then
    callback = encoding
  end
  if data ~= nil then self:write(data) end
  release(self)
  return self:finish(callback)
end

--- Holds what is written until uncork() was called as often; finish() releases it too.
function cork.cork(self)
  if self.destroyed or self.closed or self.writableEnded then return self end
  if not self._held_writes then
    self._held_writes = { bytes = 0 }
    self.write, self.finish, self.end_, self["end"] = hold, finish, finish, finish
  end
  self.writableCorked = self.writableCorked + 1
  return self
end

function cork.uncork(self)
  if self._held_writes then
    self.writableCorked = self.writableCorked - 1
    if self.writableCorked == 0 then release(self) end
  end
  return self
end

--- Bytes that wait for uncork().
function cork.held_bytes(self)
  local held = self._held_writes
  return held and held.bytes or 0
end

return cork
