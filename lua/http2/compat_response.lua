--- http2.compat_response: Http2ServerResponse, an answer as HTTP/1 servers give it: its head piece by piece
-- (http2.compat_head), then its body. On a stream that is gone everything is silent.
local ticks = require "perigee.ticks"
local emitter = require "perigee.emitter"
local errors = require "http2.errors"
local headers = require "http2.headers"
local head = require "http2.compat_head"
local object = require "http2.compat_object"
local socket_of = require "http2.compat_socket"

local emit, put_tick = emitter.emit, ticks.put
local call_back, is_over = object.call_back, object.is_over
local check = head.check

local getters, setters = {}, {}
local Response = object.class(getters, setters)
Response._name = "Http2ServerResponse"
Response.emit = object.emit
Response.sendDate = true
for name, fn in next, head.methods do Response[name] = fn end

--- Makes the response of a stream. options: as Node passes them; not needed. req: its request, unless it is pushed.
function Response:new(stream, _, req)
  local res = {
    stream = stream, req = req, _events = false, _heard = false, _status = 200, _headers = false, _names = false,
    _trailers = false, _ended = false, _ends_head = false, _destroyed = false,
  }
  return (object.make(self, res))
end

-- --- Properties.

function getters:statusCode() return self._status end

function setters:statusCode(code)
  local number = math.floor(tonumber(code) or 0)
  if number >= 100 and number < 200 then errors.throw("ERR_HTTP2_INFO_STATUS_NOT_ALLOWED") end
  if number < 100 or number > 599 then errors.throw("ERR_HTTP2_STATUS_INVALID", tostring(code)) end
  self._status = number
end

function getters:statusMessage()
  head.warn_message()
  return ""
end

setters.statusMessage = head.warn_message

function setters:sendDate(value) rawset(self, "sendDate", value and true or false) end

function getters:headersSent() return self.stream.headersSent end

function getters:finished() return self._ended end

getters.writableEnded = getters.finished

function getters:writable()
  return not (self._ended or self.stream.destroyed)
end

function getters:destroyed() return self.stream.destroyed end

for _, name in ipairs {
  "writableCorked", "writableFinished", "writableHighWaterMark", "writableLength", "writableNeedDrain",
  "writableObjectMode",
} do
  getters[name] = function(self) return self.stream[name] end
end

--- The request's socket; nil when the response is over.
function getters:socket()
  if is_over(self.stream) then return nil end
  if self.req then return self.req.socket end
  if not self._socket then rawset(self, "_socket", socket_of(self.stream)) end
  return self._socket
end

getters.connection = getters.socket

-- --- Informational answers. They say whether something was sent: not after the head, not on a stream that is gone.

local function inform(self, status, t)
  local stream = self.stream
  if stream.headersSent or stream.destroyed or stream.closed then return false end
  local out = {}
  for name, value in next, t do out[name] = value end
  out[":status"] = status
  stream:additionalHeaders(out)
  return true
end

function Response:writeContinue()
  return inform(self, 100, {})
end

--- Sends 103 with hints.link, a text or a list of "</styles.css>; rel=preload; as=style", and the other fields of
-- hints.
function Response:writeEarlyHints(hints)
  errors.check_type(hints, "hints", "table")
  local link = head.link(hints.link)
  if not link then return false end
  local t = {}
  for name, value in next, hints do t[name] = value end
  t.link = link
  return inform(self, 103, t)
end

--- Sends any 1xx but 101.
function Response:writeInformation(status, t)
  if t ~= nil then errors.check_type(t, "headers", "table") end
  if type(status) ~= "number" or status % 1 ~= 0 or status < 100 or status > 199 or status == 101 then
    errors.throw("ERR_HTTP2_STATUS_INVALID", tostring(status))
  end
  return inform(self, status, t or {})
end

-- --- Body.

local function write_after(self, code, callback)
  local err = errors.make(code)
  if callback then put_tick(call_back, callback, err, self.stream) end
  return err
end

--- Sends data (a string); the head goes first. Never waits: false means that 'drain' will come. After the end:
-- false, ERR_STREAM_WRITE_AFTER_END to callback and the stream is reset; where no body may be (HEAD, 204): false.
function Response:write(data, encoding, callback)
  if type(encoding) == "function" then callback = encoding end
  if type(data) ~= "string" then errors.check_type(data, "chunk", "string") end
  local stream = self.stream
  if self._ended then
    self:destroy(write_after(self, "ERR_STREAM_WRITE_AFTER_END", callback))
    return false
  end
  if is_over(stream) then
    self:destroy(write_after(self, "ERR_HTTP2_INVALID_STREAM", callback))
    return false
  end
  if self._destroyed then return false end
  if not stream.headersSent then self:writeHead(self._status) end
  if stream._bodiless then
    write_after(self, "ERR_STREAM_WRITE_AFTER_END", callback)
    return false
  end
  return (stream:write(data, nil, callback))
end

--- Sends data and waits while too much waits already. Returns true, or nil, err when the stream ended.
function Response:send(data)
  if self:write(data) then return true end
  local stream = self.stream
  if stream._bodiless and not self._ended then return true end
  if stream.destroyed or stream.closed then return nil, stream:_closed_error() end
  local _, err = stream:await "drain"
  if err then return nil, err end
  return true
end

local function send_trailers(self)
  local stream = self.stream
  if not (stream.destroyed or stream.closed or stream._trailers_sent) then
    stream:sendTrailers(self._trailers or {})
  end
end

-- (A closure in finish() would keep LuaJIT from compiling that.)
local function await_trailers(self)
  self.stream:on("wantTrailers", function() send_trailers(self) end) -- behind the script's own listeners
end

--- Ends the answer, with a last piece of data if given; callback when it is out. Repeated calls are no harm.
-- Also callable as res["end"](res, …) and res:end_(…).
function Response:finish(data, encoding, callback)
  if type(data) == "function" then
    data, callback = nil, data
  elseif type(encoding) == "function" then
    callback = encoding
  end
  if data ~= nil and type(data) ~= "string" then errors.check_type(data, "chunk", "string") end
  local stream = self.stream
  if self._ended or is_over(stream) then
    self:_give_up()
    if callback then put_tick(call_back, callback, nil, stream) end
    return self
  end
  if data ~= nil and data ~= "" then self:write(data) end
  -- Trailers are sent when somebody set some; else END_STREAM rides on the last frame.
  local events = stream._events
  local wait = self._trailers or events and events.wantTrailers
  if not stream.headersSent then
    self._ends_head = not wait
    self:writeHead(self._status)
  end
  self._ended = true
  if callback then
    if stream.writableFinished or stream.destroyed then
      put_tick(call_back, callback, nil, stream)
    else
      stream:once("finish", callback)
    end
  end
  if stream.writableEnded then return self end
  if wait then
    stream._wait_for_trailers = true
    await_trailers(self)
  end
  stream:finish()
  return self
end

-- The handler has no more to say: a 'close' that waited for it comes.
function Response:_give_up()
  self._ended = true
  if self._owes_end then
    self._owes_end = nil
    put_tick(self._tell, self, "close")
  end
end

function Response:end_(...) return self:finish(...) end
Response["end"] = Response.end_

function Response:cork() self.stream:cork() end

function Response:uncork() self.stream:uncork() end

--- Sets a field to follow the body; any time before finish().
function Response:setTrailer(name, value)
  local small = check(name, value)
  if not small then return end
  if not self._trailers then self._trailers = {} end
  self._trailers[small] = value
end

function Response:addTrailers(t)
  errors.check_type(t, "headers", "table")
  for name, value in next, headers.fill(t) do self:setTrailer(name, value) end
end

--- Pushes another answer: callback(err, response). headers: of the request that it answers.
function Response:createPushResponse(t, callback)
  errors.check_type(callback, "callback", "function")
  local stream = self.stream
  if stream.destroyed or stream.closed then
    put_tick(call_back, callback, errors.make "ERR_HTTP2_INVALID_STREAM", stream)
    return
  end
  local class = getmetatable(self).class
  stream:pushStream(t, {}, function(err, pushed)
    if err then return callback(err) end
    callback(nil, class:new(pushed))
  end)
end

-- --- Events and the end.

--- Ends the stream at once; err: the reason, or nil.
function Response:destroy(err)
  if self._destroyed then return self end
  self._destroyed = true
  self.stream:destroy(err)
  return self
end

--- As stream:setTimeout(); 'timeout' comes here too.
function Response:setTimeout(ms, callback)
  if not is_over(self.stream) then self.stream:setTimeout(ms, callback) end
  return self
end

local heard = { close = "close", finish = "close", drain = "drain", timeout = "timeout" }

-- A listener was added.
function Response:_on_listener(event)
  if heard[event] then object.hear(self, heard[event]) end
end

-- The stream said it.
function Response:_tell(event)
  local stream = self.stream
  if event == "close" then
    -- The answer to HEAD is over with its head; for the handler it is when it says so, if it still can.
    if stream.headRequest and not self._ended and stream.headersSent and stream.closeInfo.reason == "finished" then
      rawset(self, "_owes_end", true)
      return
    end
    emit(self, "finish", stream)
    emit(self, "close", stream)
  elseif event == "drain" or event == "timeout" then
    emit(self, event, stream)
  end
end

function Response:_on_unheard_error(err)
  self.stream:_on_unheard_error(err)
end

function Response:_closed_error() return self.stream:_closed_error() end

--- Waits for an event. "finish": until the whole answer is handed over; nil, err when it was cut.
function Response:await(event, timeout)
  local stream = self.stream
  if event == "finish" then
    local _, err = stream:await("finish", timeout)
    if err then return nil, err end
    if stream.aborted or stream.rstCode ~= 0 then return nil, stream:_closed_error() end
    return true
  end
  if heard[event] or event == "error" or event == "aborted" then return stream:await(event, timeout) end
  object.hear(self, "close") -- which ends the waiting
  return emitter.methods.await(self, event, timeout)
end

return Response
