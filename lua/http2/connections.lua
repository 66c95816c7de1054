--- http2.connections: what a server's script hears of connections before HTTP/2 begins, or when it never does.
-- C tells only what somebody listens to. News are those of enum connection_news (daemon/session/events.h).
local native = require "perigee.native"
local core = require "perigee.core"
local emitter = require "perigee.emitter"
local errors = require "http2.errors"
local secure = require "http2.secure"
local socket_class = require "http2.socket"

local emit, has = emitter.emit, emitter.has

local connections = {}

local news_of = {
  connection = 0, secureConnection = 1, tlsClientError = 2, clientError = 2, unknownProtocol = 4, drop = 5,
}

--- A server got a listener, or a task awaits: from now on C tells.
function connections.listen(server, name)
  local news = news_of[name]
  if not news then return end
  local tells = server._tells or {}
  server._tells = tells
  if tells[news] then return end
  tells[news] = true
  if server._slot then native.server_tell(server._slot, server._generation, news) end
end

--- The C server exists from now on.
function connections.begin(server)
  for news in next, server._tells or {} do native.server_tell(server._slot, server._generation, news) end
end

local on = {}

on[0] = function(server, slot, generation)
  emit(server, "connection", nil, socket_class.get(slot, generation, server))
end

on[1] = function(server, slot, generation)
  local socket = socket_class.get(slot, generation, server)
  if not socket.destroyed then emit(server, "secureConnection", nil, socket) end
end

-- clientError is given the first chance, as in Node. Nothing can be said on that connection any more.
on[2] = function(server, slot, generation, split, _, text)
  local err = errors.new(text:sub(1, split), text:sub(split + 1))
  local socket = socket_class.get(slot, generation, server)
  emit(server, "clientError", nil, err, socket)
  emit(server, "tlsClientError", nil, err, socket)
  socket:destroy()
end

on[3] = function(server, slot, generation, split, flags, text)
  secure.decide(server, slot, generation, flags % 2 == 1 and text:sub(1, split) or nil,
    flags >= 2 and text:sub(split + 1) or nil)
end

on[4] = function(server, slot, generation)
  local socket = socket_class.get(slot, generation, server)
  if socket.destroyed then return end
  if has(server, "unknownProtocol") and emit(server, "unknownProtocol", nil, socket) then return end
  native.session_dismiss(slot, generation, nil)
end

local function put_address(t, prefix, text)
  local host, port, family = text:match "^(%S+) (%d+) (%S+)$"
  t[prefix .. "Address"] = host or text
  t[prefix .. "Port"], t[prefix .. "Family"] = tonumber(port), family
end

on[5] = function(server, _, _, split, _, text)
  local data = {}
  put_address(data, "local", text:sub(1, split))
  put_address(data, "remote", text:sub(split + 1))
  emit(server, "drop", nil, data)
end

--- From the dispatcher. server: nil when the script let go of it.
function connections.hear(server, slot, generation, news, split, flags, text)
  if server then
    on[news](server, slot, generation, split, flags, text)
  elseif slot ~= 0 then
    core.session_destroy(slot, generation, 0)
  end
end

return connections
