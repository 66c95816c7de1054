--- http2: servers, sessions and streams with the names and semantics of Node's http2 module.
local errors = require "http2.errors"
local settings = require "http2.settings"
local headers = require "http2.headers"
local server = require "http2.server"
local compat = require "http2.compat"
local client = require "http2.client"
local cancel = require "http2.cancel"
local session_class = require "http2.session"
local stream_class = require "http2.stream"
local ServerStream = require "http2.server_stream"

local http2 = {
  constants = require "http2.constants",
  sensitiveHeaders = headers.sensitive,
  -- What 'request' listeners get; http2.compat_object says how to make more of them.
  Http2ServerRequest = compat.Request, Http2ServerResponse = compat.Response,
}

--- A cleartext server. options and on_request (a 'request' listener) are optional. See http2.server.
function http2.createServer(options, on_request)
  return server.new(options, on_request, false)
end

--- A TLS server with ALPN h2; options need key and cert (PEM texts).
function http2.createSecureServer(options, on_request)
  return server.new(options, on_request, true)
end

--- A client session. authority: "http://host:port", "https://…", or {protocol=, host=, port=}.
function http2.connect(authority, options, listener)
  return client.connect(authority, options, listener)
end

--- A client session joined to a new session of server in memory, without a socket: for tests of handlers.
function http2.connectPair(of_server, options, listener)
  return client.connect_pair(of_server, options, listener)
end

--- A token for the option signal: token:cancel([reason]) ends what was begun with it; token.cancelled, token.reason.
function http2.cancelToken()
  return cancel.new()
end

--- A fresh table of the default settings.
function http2.getDefaultSettings()
  return settings.defaults()
end

--- Fetches all fields of a received header table into it and returns it.
function http2.headers(t)
  return headers.fill(t)
end

--- Settings as the payload of a SETTINGS frame: six bytes each.
function http2.getPackedSettings(t)
  return settings.pack(t == nil and {} or t)
end

--- And back. options: validate (false): throw for values out of range.
function http2.getUnpackedSettings(packed, options)
  if options ~= nil then errors.check_type(options, "options", "table") end
  return settings.unpack(packed, options and options.validate)
end

--- A server session on a connected socket, without a server object. fd: its descriptor, which is duplicated; the
-- caller closes its own. options: those of createServer().
function http2.performServerHandshake(fd, options)
  return server.handshake(fd, options)
end

-- Classes, for http2.type().
http2.Http2Session, http2.Http2Stream = session_class, stream_class
http2.ServerHttp2Session, http2.ClientHttp2Session = server.Session, client.Session
http2.ServerHttp2Stream, http2.ClientHttp2Stream = ServerStream, client.Stream

local classes = {
  [server.Session] = "ServerHttp2Session", [client.Session] = "ClientHttp2Session",
  [ServerStream] = "ServerHttp2Stream", [client.Stream] = "ClientHttp2Stream",
}

--- The name of the class of an object of this module: "ServerHttp2Session", "ClientHttp2Stream", "Http2Server", …;
-- nil for anything else.
function http2.type(object)
  local metatable = type(object) == "table" and getmetatable(object)
  if not metatable then return nil end
  if metatable == server.metatable then return object._secure and "Http2SecureServer" or "Http2Server" end
  return classes[metatable]
end

return http2
