--- http2.compat: 'request' listeners, (request, response) in place of (stream, headers), for those who come from
-- HTTP/1 servers. A server has this machinery from its first such listener on; others never touch it.
local emitter = require "perigee.emitter"
local failure = require "perigee.failure"
local headers = require "http2.headers"
local base = require "http2.stream"
local ServerStream = require "http2.server_stream"
local Request = require "http2.compat_request"
local Response = require "http2.compat_response"

local emit = emitter.emit

local compat = { Request = Request, Response = Response }

-- The stream under a pair: a server's stream that also tells its request.
local methods = {}
for name, fn in next, ServerStream.methods do methods[name] = fn end

local on_closed = ServerStream.methods._on_closed

-- The block of the request goes with the stream; rawHeaders may be asked for later.
function methods:_on_closed(...)
  local req = self._compat
  if req then req:_keep_block(headers.keep_copy(self._headers, self)) end -- (a push has none)
  on_closed(self, ...)
end

--- From the dispatcher: the fields behind the body.
function methods:_on_headers(_, t, flags, copy)
  local raw = headers.raw(copy)
  self._trailers = t
  if self._compat then self._compat:_on_trailers(t, raw) end
  emit(self, "trailers", self, t, flags, raw)
end

--- As in Node, errors of the stream are not the pair's business: what the client did, or the handler by destroy().
-- A mistake of the handler is still the log's.
function methods:_on_unheard_error(err)
  if err.code == "ERR_STREAM_WRITE_AFTER_END" then
    ServerStream.methods._on_unheard_error(self, err)
  else
    failure.log("debug", "stream ended by an error", err, nil, self)
  end
end

--- A handler that threw will not say that the answer to HEAD is over.
function methods:_fail(err)
  ServerStream.methods._fail(self, err)
  local req = self._compat
  if req and req._response then req._response:_give_up() end
end

local CompatStream = base.extend(methods, ServerStream.getters)

-- The request goes to whom it may concern.
local function route(server, stream, req, res)
  local t = req.headers
  if t[":method"] == "CONNECT" then
    if not emit(server, "connect", stream, req, res) then
      res.statusCode = 405
      res:finish()
    end
    return
  end
  local expect = t.expect
  if expect ~= nil then
    if expect == "100-continue" then
      if emit(server, "checkContinue", stream, req, res) then return end
      res:writeContinue()
    else
      if not emit(server, "checkExpectation", stream, req, res) then
        res.statusCode = 417
        res:finish()
      end
      return
    end
  end
  local listener = server._events.request
  if type(listener) == "function" and not server._waiters then
    -- The usual case. We are in a task of the stream already.
    listener(req, res)
  elseif not emit(server, "request", stream, req, res) and server:listenerCount "stream" == 1 then
    res.statusCode = 404 -- the listener left, and nobody else is there
    res:finish()
  end
end

--- Lets a server emit 'request'.
function compat.install(server)
  local request_class = server._options.Http2ServerRequest or Request
  local response_class = server._options.Http2ServerResponse or Response
  server:on("stream", function(stream, t)
    setmetatable(stream, CompatStream)
    local req = request_class:new(stream, t)
    stream._compat = req
    local res = response_class:new(stream, nil, req)
    req._response = res
    route(server, stream, req, res)
  end)
end

return compat
