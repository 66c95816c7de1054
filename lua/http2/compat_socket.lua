--- http2.compat_socket: req.socket and res.socket, in place of HTTP/1's socket. Events and the end are the
-- stream's, the idle timer is the session's, facts (remoteAddress, …) come from session.socket; the bytes
-- belong to the protocol.
local errors = require "http2.errors"

local of_stream = { on = true, once = true, emit = true, destroy = true, finish = true, end_ = true, ["end"] = true }
local forbidden = { write = true, read = true, pause = true, resume = true }

local getters = {}

function getters.destroyed(stream) return stream.destroyed end

function getters.writable(stream)
  return not (stream.destroyed or stream.writableEnded)
end

function getters.readable(stream)
  return not (stream.destroyed or stream.readableEnded)
end

-- Where everything else is kept: with the connection while there is one.
local function below(stream)
  local session = stream.session
  return session and session.socket or stream
end

local function bound(target, name)
  return function(_, ...) return target[name](target, ...) end
end

local function refuse()
  errors.throw("ERR_HTTP2_NO_SOCKET_MANIPULATION")
end

local Socket = {}

function Socket.__index(self, key)
  local stream = rawget(self, "_stream")
  local getter = getters[key]
  if getter then return getter(stream) end
  if forbidden[key] then return refuse end
  if of_stream[key] then return bound(stream, key) end
  if key == "setTimeout" then return bound(stream.session or stream, key) end
  local target = below(stream)
  local value = target[key]
  if type(value) == "function" then return bound(target, key) end
  return value
end

--- What a script notes down stays with the connection: all its requests see it.
function Socket.__newindex(self, key, value)
  if forbidden[key] then refuse() end
  local stream = rawget(self, "_stream")
  if of_stream[key] or getters[key] then
    stream[key] = value
  elseif key == "setTimeout" then
    (stream.session or stream)[key] = value
  else
    below(stream)[key] = value
  end
end

function Socket.__tostring() return "Http2CompatSocket" end

--- The socket of a stream.
return function(stream)
  return setmetatable({ _stream = stream }, Socket)
end
