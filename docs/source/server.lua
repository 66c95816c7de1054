return {
  title = "Http2Server",
  summary = "a server, in clear text or over TLS: listening, and its sessions",
  class = "Http2Server", extends = "Emitter", var = "server",
  intro = [[
    Made by [`http2.createServer`](http2.md#createserver) and [`http2.createSecureServer`](http2.md#createsecureserver).
    A server is Node's Http2Server and Http2SecureServer in one class. Options are told on the pages [Server
    options](server_options.md) and [TLS options](tls_options.md).
  ]],
  events = {
    { "stream", args = { { "stream", "ServerHttp2Stream" }, { "headers", "Headers" }, { "flags", "integer" },
      { "rawHeaders", "string[]" } },
      text = "A request. Without a listener of it or of 'request', the answer is 404." },
    { "request", args = { { "request", "Http2ServerRequest" }, { "response", "Http2ServerResponse" } },
      text = "A request, as the pair of objects of Node's compatibility API." },
    { "session", args = { { "session", "ServerHttp2Session" } }, text = "A new connection that speaks HTTP/2." },
    { "sessionError", args = { { "err", "Http2Error" }, { "session", "ServerHttp2Session" } },
      text = "The 'error' of any session. Without a listener such errors are swallowed." },
    { "listening", args = {}, text = "The server listens; `address()` tells where." },
    { "close", args = {}, text = [[
      It no longer listens, and its last connection is gone. Comes before the 'close' of the session that went last.
    ]] },
    { "draining", args = {}, node = false, text = [[
      The process is about to end: at SIGTERM or SIGINT, and in a service also when its worker is replaced. The server accepts no more; its sessions
      leave as soon as no stream is open. Event streams and long polls should end now: what a service has open at the end of `drain_timeout` is cut, with
      closeInfo.by "shutdown"; a program ends after 30 s.
    ]] },
    { "error", args = { { "err", "Http2Error" } },
      text = "`listen` failed: EADDRINUSE, EACCES, … Without a listener it is logged and the exit status is 1." },
    { "connection", args = { { "socket", "Http2Socket" } }, text = "A connection was accepted; HTTP/2 has not begun." },
    { "secureConnection", args = { { "socket", "Http2Socket" } }, text = "A TLS handshake succeeded." },
    { "drop", args = { { "data", "table", "`{localAddress=, localPort=, localFamily=, remoteAddress=, remotePort=, remoteFamily=}`" } },
      text = "A connection was closed because there are `maxConnections`." },
    { "tlsClientError", args = { { "err", "Http2Error" }, { "socket", "Http2Socket" } },
      text = "A TLS handshake failed. The connection is gone already." },
    { "clientError", args = { { "err", "Http2Error" }, { "socket", "Http2Socket" } },
      text = "A connection failed before it spoke HTTP/2. It is destroyed, with a listener or without." },
    { "timeout", args = { { "session", "ServerHttp2Session" } },
      text = "A session was idle for the server's timeout. Without a listener the session is destroyed, without an error." },
    { "checkContinue", args = { { "request", "Http2ServerRequest" }, { "response", "Http2ServerResponse" } },
      text = [[
        In the place of 'request', when a request has `expect: 100-continue`: call `response:writeContinue()`, or answer. Without
        a listener 100 is sent, and 'request' follows.
      ]] },
    { "checkExpectation", args = { { "request", "Http2ServerRequest" }, { "response", "Http2ServerResponse" } },
      text = "In the place of 'request', for any other `expect`. Without a listener the answer is 417." },
    { "connect", args = { { "request", "Http2ServerRequest" }, { "response", "Http2ServerResponse" } },
      text = "In the place of 'request', for CONNECT. Without a listener the answer is 405." },
    { "unknownProtocol", args = { { "socket", "Http2Socket" } },
      text = "A TLS client asked by ALPN for nothing that we speak. Without a listener it gets a 403 as HTTP/1.1 text. The connection ends after `unknownProtocolTimeout`." },
  },
  properties = {
    { "listening", type = "boolean", default = "false", text = "Does it listen?" },
    { "timeout", type = "integer", default = "0", text = "Idle time of a session in ms; 0: none. Applies to sessions made later." },
    { "maxConnections", type = "integer?", text = "Connections at a time; more are closed when they come." },
  },
  methods = {
    { "listen",
      args = { { "port?", "integer|string|ListenOptions", "0: the system chooses; a text is the path of a UNIX socket" },
        { "host?", "string", "without it `::` for both families, else 0.0.0.0" },
        { "backlog?", "integer", "how many connections may wait in the kernel" },
        { "callback?", "fun()", "once, for 'listening'" } },
      returns = { "Http2Server" },
      throws = "ERR_SERVER_ALREADY_LISTEN ERR_INVALID_ARG_TYPE ERR_OUT_OF_RANGE",
      text = [[
        Begins to listen: `listen(port[, host][, backlog][, callback])`, `listen(path[, backlog][, callback])`, or
        `listen(options[, callback])`. 'listening' or 'error' follows.
      ]] },
    { "address", args = {}, returns = { "table|string|nil", "`{address=, family=, port=}`, the path of a UNIX socket, or nil" },
      text = "Where it listens." },
    { "close", args = { { "callback?", "fun(err?: Http2Error)", "when the last connection is gone" } }, returns = { "Http2Server" },
      rfc = "RFC 9113 6.8",
      text = [[
        Graceful: stops accepting, sends GOAWAY(NO_ERROR) on every session, lets open streams finish, then waits up to a
        second for the client to hang up. A server that does not run gives the callback ERR_SERVER_NOT_RUNNING; so does one that
        is closing already, when it is done.
      ]],
      node = "20 only stops accepting and waits for clients to go; later versions close idle sessions too." },
    { "setTimeout", args = { { "ms?", "integer", "120000 by default" }, { "callback?", "fun(session: ServerHttp2Session)", "for 'timeout'" } },
      returns = { "Http2Server" }, throws = "ERR_OUT_OF_RANGE", text = "Sets `timeout`." },
    { "getConnections", args = { { "callback", "fun(err: nil, count: integer)" } }, returns = { "Http2Server" },
      throws = "ERR_INVALID_ARG_TYPE", text = "How many connections there are now." },
    { "updateSettings", args = { { "settings", "Settings" } }, throws = "ERR_HTTP2_INVALID_SETTING_VALUE ERR_INVALID_ARG_TYPE",
      text = "Other initial settings for the sessions made from now on." },
    { "ref", args = {}, returns = { "Http2Server" }, text = "It keeps the program running while it listens (so it is from the start)." },
    { "unref", args = {}, returns = { "Http2Server" }, text = "It does not keep the program running." },
    { "addContext", args = { { "hostname", "string", "`*.example.org` for all below it" }, { "context", "TlsOptions|SecureContext" } },
      throws = "ERR_TLS_REQUIRED_SERVER_NAME ERR_TLS_CERT ERR_TLS_KEY ERR_TLS_KEY_MISMATCH ERR_INVALID_ARG_VALUE", rfc = "RFC 6066 3",
      text = "Another certificate, for clients that ask for that name (SNI)." },
    { "getTicketKeys", args = {}, returns = { "string", "48 bytes" }, rfc = "RFC 5077", text = "What TLS session tickets are sealed with." },
    { "setTicketKeys", args = { { "keys", "string", "48 bytes" } }, throws = "ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE",
      text = "Other servers with the same keys take up the sessions of this one's clients." },
    { "setSecureContext", args = { { "options", "TlsOptions|SecureContext" } }, throws = "ERR_TLS_CERT ERR_TLS_KEY ERR_TLS_KEY_MISMATCH",
      text = "Another certificate for the connections made from now on: those that stand keep theirs." },
    { "closeIdleConnections", args = {}, throws = "ERR_PERIGEE_NOT_SUPPORTED", text = "Of HTTP/1.1, which is not there yet." },
  },
  types = {
    { name = "ListenOptions", text = "Where to listen.", fields = {
      { "port", type = "integer", text = "0 to 65535; 0: the system chooses." },
      { "host", type = "string", text = "An address or name." },
      { "path", type = "string", text = "Of a UNIX socket, in the place of port and host." },
      { "fd", type = "integer", text = "A listening socket that is there already, in the place of all that." },
      { "backlog", type = "integer", text = "How many connections may wait in the kernel." },
      { "signal", type = "CancelToken", text = "Closes the server when it is cancelled.", node = "takes an AbortSignal." },
      { "readableAll", type = "boolean", default = "false", text = "Of a UNIX socket: everybody may read it." },
      { "writableAll", type = "boolean", default = "false", text = "Of a UNIX socket: everybody may connect." },
      { "ipv6Only", type = "boolean", default = "false", text = "Without IPv4 on `::`." },
    } },
  },
  examples = {
    { id = "server-draining", title = "Leaving",
      code = [[
local http2, luv = require "http2", require "luv"
local server = http2.createServer()
server:on("draining", function() print "draining" end)
server:on("close", function() print "closed" end)
server:listen(0, "127.0.0.1", function() luv.kill(luv.os_getpid(), "sigterm") end)
]],
      prints = "draining\nclosed\n" },
    { id = "listen", title = "Ways to listen",
      code = [[
local http2 = require "http2"

local server = http2.createServer()
server:on("listening", function() print("listening", server.listening, server:address().address) end)
server:listen({ port = 0, host = "127.0.0.1", backlog = 64, ipv6Only = false }, function()
  local taken = http2.createServer()
  taken:on("error", function(err)
    print(err.code)
    server:close(function() print "closed" end)
  end)
  taken:listen(server:address().port, "127.0.0.1")
end)

local unix = http2.createServer()
unix:listen { path = "app.socket", readableAll = true, writableAll = true }
unix:await "listening"
print(unix:address(), pcall(unix.listen, unix, { fd = 0 }))
unix:close()
]],
      prints = [[
app.socket false Error [ERR_SERVER_ALREADY_LISTEN]: Listen method has been called more than once without closing.
listening true 127.0.0.1
EADDRINUSE
closed
]] },
    { id = "server-events", title = "What a server tells",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("connection", function(socket) print("connection", socket.remoteAddress) end)
server:on("session", function(session) print("session", session.alpnProtocol) end)
server:on("stream", function(stream, headers, flags, rawHeaders)
  print("stream", headers[":path"], flags, #rawHeaders)
  stream:finish "ok"
end)
server:on("drop", function(data) print("drop", data.remoteAddress) end)
server:on("close", function() print "close" end)
server:setTimeout(60000)
server:listen(0, "127.0.0.1")
server:await "listening"

local client = http2.connect("http://127.0.0.1:" .. server:address().port)
client:request { [":path"] = "/x" }:body()
server:getConnections(function(err, count) print("connections", err, count) end)
client:close()
server:close()
]],
      prints = [[
connection 127.0.0.1
session h2c
stream /x 5 8
connections nil 1
close
]] },
    { id = "session-error", title = "Errors and idle sessions",
      code = [[
local http2 = require "http2"
local server = http2.createServer { maxConnections = 100 }
server:on("session", function(session) session:setTimeout(20) end)
server:on("timeout", function(session)
  print("timeout", server.timeout)
  session:destroy(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
end)
server:on("sessionError", function(err, session) print(err.code, session.destroyed) end)

server:listen(0, "127.0.0.1")
server:await "listening"

print(server.maxConnections)
local client = http2.connect("http://127.0.0.1:" .. server:address().port)
client:on("error", function() end)
server:await "sessionError"
server:close()
]],
      prints = [[
100
timeout 0
ERR_HTTP2_SESSION_ERROR true
]] },
    { id = "update-settings", title = "Settings for later sessions; a server that holds nothing up",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:updateSettings { maxConcurrentStreams = 7 }
local client = http2.connectPair(server)
client:on("remoteSettings", function(settings)
  print(settings.maxConcurrentStreams)
  client:close()
end)
client:await "close"
print(pcall(server.closeIdleConnections, server))

server:listen(0, "127.0.0.1"):unref() -- the program ends although it listens
server:ref()
server:unref()
]],
      prints = [[
7
false Error [ERR_PERIGEE_NOT_SUPPORTED]: server:closeIdleConnections is not supported
]] },
    { id = "contexts", title = "Certificates for names, and a new one without a restart",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"

local server = http2.createSecureServer { cert = cert, key = key }
server:addContext("*.example.org", { cert = cert, key = key })
server:setSecureContext { cert = cert, key = key }
server:setTicketKeys(server:getTicketKeys())
server:on("secureConnection", function(socket) print("secure", socket.servername) end)
server:on("stream", function(stream) stream:finish "ok" end)
server:listen(0, "127.0.0.1")
server:await "listening"

local client = http2.connect("https://127.0.0.1:" .. server:address().port,
  { servername = "www.example.org", rejectUnauthorized = false })
print(client:request():body())
client:close()
server:close()
]],
      prints = [[
secure www.example.org
ok
]] },
    { id = "tls-errors", title = "Clients that do not fit",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"

local server = http2.createSecureServer { cert = cert, key = key, minVersion = "TLSv1.3" }
server:on("tlsClientError", function(err) print("tlsClientError", type(err.code)) end)
server:on("clientError", function() print "clientError" end)
server:listen(0, "127.0.0.1")
server:await "listening"

local url = "https://localhost:" .. server:address().port
local old = http2.connect(url, { ca = cert, maxVersion = "TLSv1.2" })
local _, err = old:await "connect"
print(err.code)
server:close()
]],
      prints = "clientError\ntlsClientError string\nERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION\n" },
    { id = "expectations", title = "Expectations and CONNECT",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("request", function(req, res) res:finish("request " .. req.method) end)
server:on("checkContinue", function(req, res)
  res:writeContinue()
  res:finish "continued"
end)
server:on("checkExpectation", function(req, res) res:finish("expected " .. req.headers.expect) end)
server:on("connect", function(req, res) res:finish("connect " .. req.authority) end)

local client = http2.connectPair(server)
print(client:request { [":method"] = "PUT" }:finish "x":body())
print(client:request({ [":method"] = "PUT", expect = "100-continue" }):finish "x":body())
print(client:request { expect = "a miracle" }:body())
print(client:request { [":method"] = "CONNECT", [":authority"] = "example.org:80" }:finish():body())
client:close()
]],
      prints = [[
request PUT
continued
expected a miracle
connect example.org:80
]] },
  },
}
