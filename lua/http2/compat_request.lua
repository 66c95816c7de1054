--- http2.compat_request: Http2ServerRequest, the body and head of a request as HTTP/1 servers know it. The body is
-- the stream's: 'data' listeners and readers go there.
local ticks = require "perigee.ticks"
local emitter = require "perigee.emitter"
local errors = require "http2.errors"
local headers = require "http2.headers"
local object = require "http2.compat_object"
local socket_of = require "http2.compat_socket"

local emit, put_tick = emitter.emit, ticks.put

local getters, setters = {}, {}
local Request = object.class(getters, setters)
Request._name = "Http2ServerRequest"
Request.httpVersion, Request.httpVersionMajor, Request.httpVersionMinor = "2.0", 2, 0
Request.emit = object.emit

--- Makes the request of a stream. headers: its received table. options, rawHeaders: as Node passes them; not needed.
function Request:new(stream, received)
  local req = {
    stream = stream, headers = received, _events = false, _heard = false, _response = false, _block = false,
    _did_read = false, _end_told = false, _destroyed = false,
  }
  return (object.make(self, req))
end

-- --- Properties.

function getters:method() return self.headers[":method"] end

function setters:method(method)
  errors.check_type(method, "method", "string")
  if not method:find "%S" then
    error(errors.new("ERR_INVALID_ARG_VALUE", ("The argument 'method' is invalid. Received %q"):format(method)), 0)
  end
  self.headers[":method"] = method
end

function getters:url() return self.headers[":path"] end

function setters:url(url) self.headers[":path"] = url end

function getters:scheme() return self.headers[":scheme"] end

function getters:authority() return self.headers[":authority"] or self.headers.host end

function getters:aborted() return self.stream.aborted end

function getters:destroyed() return self.stream.destroyed end

--- Nothing more will come: read to its end, aborted or over. (stream.complete: was the body whole?)
function getters:complete()
  local stream = self.stream
  return stream.aborted or stream.readableEnded or stream.destroyed
end

function getters:readable()
  local stream = self.stream
  return not (stream.destroyed or stream.readableEnded)
end

function getters:readableEnded() return self.stream.readableEnded end

function getters:readableFlowing() return self.stream.readableFlowing end

function getters:socket()
  local socket = socket_of(self.stream)
  rawset(self, "socket", socket)
  return socket
end

function getters:connection() return self.socket end

--- {name, value, name, value, …} in the order of the wire.
function getters:rawHeaders()
  local stream, list = self.stream, {}
  if self._block then
    list = headers.raw(self._block)
  elseif stream._slot ~= 0 then
    list = headers.raw(stream)
  end
  rawset(self, "rawHeaders", list)
  return list
end

-- From the stream: its block is about to go. What the script keeps stays whole.
function Request:_keep_block(copy)
  self._block = copy
end

--- The fields behind the body; empty until they arrive.
function getters:trailers()
  local t = {}
  rawset(self, "trailers", t)
  return t
end

function getters:rawTrailers()
  local list = {}
  rawset(self, "rawTrailers", list)
  return list
end

-- From the stream. raw: names and values in the order of the wire.
function Request:_on_trailers(t, raw)
  local own, list = self.trailers, self.rawTrailers
  for name, value in next, headers.fill(t) do own[name] = value end
  for i = 1, #raw do list[#list + 1] = raw[i] end
end

-- --- Events. Those of the body are the stream's own.

local of_body = { data = true, readable = true, pause = true, resume = true }
local reads = { data = true, readable = true }

local function delegate(name, adds)
  local plain = emitter.methods[name]
  Request[name] = function(self, event, listener)
    if not of_body[event] then return plain(self, event, listener) end
    if adds and reads[event] then self._did_read = true end
    local result = self.stream[name](self.stream, event, listener)
    if result == self.stream then return self end
    return result
  end
end
for _, name in ipairs { "on", "addListener", "once", "prependListener", "prependOnceListener" } do
  delegate(name, true)
end
for _, name in ipairs { "off", "removeListener", "listenerCount", "listeners", "rawListeners" } do
  delegate(name, false)
end

function Request:removeAllListeners(event)
  if event == nil then
    for name in next, of_body do self.stream:removeAllListeners(name) end
  elseif of_body[event] then
    self.stream:removeAllListeners(event)
    return self
  end
  return emitter.methods.removeAllListeners(self, event)
end

function Request:eventNames()
  local names = emitter.methods.eventNames(self)
  for name in next, of_body do
    if self.stream:listenerCount(name) > 0 then names[#names + 1] = name end
  end
  return names
end

function Request:emit(event, ...)
  if of_body[event] then return self.stream:emit(event, ...) end
  return object.emit(self, event, ...)
end

local heard = { aborted = true, timeout = true, close = true, ["end"] = true }

-- A listener was added.
function Request:_on_listener(event)
  if not heard[event] then return end
  object.hear(self, event)
  if event == "end" then object.hear(self, "close") end
end

local function tell_end(self)
  if self._end_told then return end
  self._end_told = true
  emit(self, "end", self.stream)
end

-- The stream said it. A body that nobody read ends after 'close', as with Node: it is thrown away then.
function Request:_tell(event)
  if event == "end" then
    if self._did_read then tell_end(self) end
  elseif event == "close" then
    emit(self, "close", self.stream)
    if not self._did_read or self.stream.readableFlowing then put_tick(tell_end, self) end
  elseif event ~= "drain" then
    emit(self, event, self.stream)
  end
end

function Request:_on_unheard_error(err)
  self.stream:_on_unheard_error(err)
end

-- --- The body.

function Request:resume()
  self._did_read = true
  self.stream:resume()
  return self
end

function Request:pause()
  self.stream:pause()
  return self
end

function Request:isPaused() return self.stream:isPaused() end

function Request:setEncoding() return self end

--- All that waits as one string, or nil.
function Request:read(size)
  self._did_read = true
  return self.stream:read(size)
end

--- As stream:pipe(): sends the body on to target, as fast as that takes it. Returns target.
function Request:pipe(target, options)
  self._did_read = true
  return self.stream:pipe(target, options)
end

function Request:unpipe(target)
  self.stream:unpipe(target)
  return self
end

--- for chunk in req:chunks() do … end, as stream:chunks().
function Request:chunks()
  self._did_read = true
  return self.stream:chunks()
end

--- Waits for the whole body, as stream:body().
function Request:body(limit)
  self._did_read = true
  return self.stream:body(limit)
end

--- Waits for an event, as stream:await().
function Request:await(event, timeout)
  if of_body[event] or heard[event] or event == "error" or event == "trailers" then
    if reads[event] or event == "end" then self._did_read = true end
    return self.stream:await(event, timeout)
  end
  object.hear(self, "close") -- which ends the waiting
  return emitter.methods.await(self, event, timeout)
end

function Request:_closed_error() return self.stream:_closed_error() end

local function emit_error(self, err)
  emit(self, "error", self.stream, err)
end

--- Ends the stream at once. err: heard by 'error' listeners of the request too; those that the stream meets by
-- itself are not.
function Request:destroy(err)
  if self.stream.destroyed or self._destroyed then return self end
  self._destroyed = true -- the stream is later: its 'aborted' comes first, and a listener may call this again
  if err ~= nil and emitter.has(self, "error") then put_tick(emit_error, self, errors.from(err)) end
  self.stream:destroy(err)
  return self
end

--- As stream:setTimeout(); 'timeout' comes here too.
function Request:setTimeout(ms, callback)
  if not object.is_over(self.stream) then self.stream:setTimeout(ms, callback) end
  return self
end

return Request
