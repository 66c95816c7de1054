--- http2: servers, sessions and streams with the names and semantics of Node's http2 module.
local errors = require "http2.errors"
local settings = require "http2.settings"
local headers = require "http2.headers"
local server = require "http2.server"
local compat = require "http2.compat"
local client = require "http2.client"
local cancel = require "http2.cancel"

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

for _, name in ipairs { "getPackedSettings", "getUnpackedSettings", "performServerHandshake" } do
  http2[name] = function() errors.throw("ERR_PERIGEE_NOT_SUPPORTED", "http2." .. name) end
end

return http2
