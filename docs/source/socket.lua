return {
  title = "Socket",
  summary = "a connection under a session: addresses, TLS, certificates",
  class = "Http2Socket", extends = "Emitter", var = "socket",
  intro = [[
    What servers hand out in 'connection', 'secureConnection', 'tlsClientError', 'clientError' and 'unknownProtocol', and, as a restricted view,
    what `session.socket` is. It tells about the connection; its bytes belong to the protocol: reading and writing throw
    ERR_HTTP2_NO_SOCKET_MANIPULATION.

    In the view `destroy`, `setTimeout`, `ref` and `unref` are the session's, `emit`, `finish` and what moves bytes throw, and when the
    session has ended everything throws ERR_HTTP2_SOCKET_UNBOUND.
  ]],
  events = {
    { "close", args = { { "hadError", "boolean" } }, text = "The connection is gone." },
    { "error", args = { { "err", "Http2Error" } }, text = "What `destroy` was given." },
    { "timeout", args = {}, text = "Nothing became of it within the time given to `setTimeout`." },
  },
  properties = {
    { "remoteAddress", type = "string?", text = "The peer's address, or the path of a UNIX socket." },
    { "remotePort", type = "integer?", text = "nil on UNIX sockets and pairs." },
    { "remoteFamily", type = "string?", text = "`IPv4` or `IPv6`." },
    { "localAddress", type = "string?", text = "Ours." },
    { "localPort", type = "integer?", text = "Ours." },
    { "localFamily", type = "string?", text = "Ours." },
    { "encrypted", type = "boolean", text = "Is it TLS?" },
    { "alpnProtocol", type = "string?", text = "`h2`, or `h2c` in clear text.", node = "is false in clear text." },
    { "servername", type = "string?", rfc = "RFC 6066 3", text = "The name that the client asked for." },
    { "authorized", type = "boolean?", text = "TLS: did the peer's certificate verify?" },
    { "authorizationError", type = "string?", text = "TLS: why not." },
    { "tlsVersion", type = "string?", text = "`TLSv1.2` or `TLSv1.3`.", node = false },
    { "cipher", type = "string?", text = "OpenSSL's name of it.", node = false },
    { "cipherStandardName", type = "string?", text = "The IETF's name of it.", node = false },
    { "resumed", type = "boolean?", text = "TLS: was an earlier session taken up?", node = false },
    { "server", type = "Http2Server?", text = "The server that accepted it." },
    { "destroyed", type = "boolean", text = "Is it over?" },
    { "connecting", type = "boolean", text = "Always false." },
    { "pending", type = "boolean", text = "Always false." },
    { "readyState", type = "string", text = "`open` or `closed`." },
    { "readable", type = "boolean", text = "Is it open?" },
    { "writable", type = "boolean", text = "Is it open?" },
    { "bytesRead", type = "integer", text = "Of HTTP/2, without TLS." },
    { "bytesWritten", type = "integer", text = "Of HTTP/2, without TLS." },
  },
  methods = {
    { "destroy", args = { { "err?", "any", "for 'error'" } }, returns = { "Http2Socket" }, text = "Ends the connection at once, with its session." },
    { "finish", args = { { "data?", "string", "up to 16 KiB, only when HTTP/2 did not begin" } }, returns = { "Http2Socket" },
      throws = "ERR_HTTP2_NO_SOCKET_MANIPULATION ERR_OUT_OF_RANGE", text = "Ends it in order: behind these last words, or as `session:close()` does.",
      node = "is called `end`." },
    { "end_", args = { { "data?", "string" } }, returns = { "Http2Socket" }, text = "The same.", node = false },
    { "end", args = { { "data?", "string" } }, returns = { "Http2Socket" }, text = 'The same, as `socket["end"](socket)`.' },
    { "setTimeout", args = { { "ms", "integer", "0: none" }, { "callback?", "fun()" } }, returns = { "Http2Socket" }, throws = "ERR_OUT_OF_RANGE",
      text = "Emits 'timeout' when no session came of it in that time; later it is the session's." },
    { "address", args = {}, returns = { "table", "`{address=, family=, port=}`" }, text = "Our end." },
    { "getPeerCertificate", args = {}, returns = { "table?", "empty without one, nil when the connection is gone" },
      text = "The peer's certificate: `subject`, `issuer`, `subjectaltname`, `valid_from`, `valid_to`, `fingerprint256`, `serialNumber`, `bits`, `ca` …" },
    { "getCertificate", args = {}, returns = { "table?" }, text = "The same of ours." },
    { "getCipher", args = {}, returns = { "table?", "`{name=, standardName=, version=}`" }, text = "The cipher." },
    { "getProtocol", args = {}, returns = { "string?" }, text = "The same as `tlsVersion`." },
    { "isSessionReused", args = {}, returns = { "boolean" }, text = "The same as `resumed`." },
    { "setNoDelay", args = {}, returns = { "Http2Socket" }, text = "Does nothing: Nagle's algorithm is always off." },
    { "ref", args = {}, returns = { "Http2Socket" }, text = "It keeps the program running (so it is from the start)." },
    { "unref", args = {}, returns = { "Http2Socket" }, text = "It does not." },
    { "write", args = {}, throws = "ERR_HTTP2_NO_SOCKET_MANIPULATION", text = "Throws." },
    { "read", args = {}, throws = "ERR_HTTP2_NO_SOCKET_MANIPULATION", text = "Throws." },
    { "pause", args = {}, throws = "ERR_HTTP2_NO_SOCKET_MANIPULATION", text = "Throws." },
    { "resume", args = {}, throws = "ERR_HTTP2_NO_SOCKET_MANIPULATION", text = "Throws." },
    { "pipe", args = {}, throws = "ERR_HTTP2_NO_SOCKET_MANIPULATION", text = "Throws." },
    { "setEncoding", args = {}, throws = "ERR_HTTP2_NO_SOCKET_MANIPULATION", text = "Throws." },
  },
  examples = {
    { id = "socket", title = "Who is at the other end",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"
local server = http2.createSecureServer { cert = cert, key = key }
server:on("session", function(session)
  local socket = session.socket
  print(socket.remoteAddress, socket.remoteFamily, socket.remotePort > 0)
  print(socket.localAddress, socket.localFamily, socket.localPort == socket:address().port)
  print(socket.servername, socket.alpnProtocol, socket.encrypted, socket.tlsVersion, socket:getProtocol())
  print(socket.cipher == socket:getCipher().name, socket.cipherStandardName == socket:getCipher().standardName)
  print(socket.authorized, socket.authorizationError, socket.resumed, socket:isSessionReused())
  print(socket:getCertificate().subject.CN, next(socket:getPeerCertificate()))
  print(socket.readyState, socket.readable, socket.writable, socket.connecting, socket.pending, socket.destroyed)
  print(socket.server == server, socket.bytesRead > 0, socket.bytesWritten >= 0)
end)
server:listen(0, "127.0.0.1")
server:await "listening"
local client = http2.connect("https://localhost:" .. server:address().port, { ca = cert })
client:await "remoteSettings"
print(client.socket:getPeerCertificate().subject.CN)
print(#client.originSet)
client:close()
server:close()
]],
      prints = [[
127.0.0.1 IPv4 true
127.0.0.1 IPv4 true
localhost h2 true TLSv1.3 TLSv1.3
true true
false nil false false
localhost nil
open true true false false false
true true true
localhost
1
]] },
    { id = "socket-view", title = "What may be done with it",
      code = [[
local http2 = require "http2"
local function code(fn, ...) return select(2, pcall(fn, ...)).code end

local server = http2.createServer()
server:on("connection", function(socket)
  socket:on("close", function(hadError) print("close", hadError) end)
  socket:on("error", function(err) print("error", err) end)
  socket:on("timeout", function() print "timeout" end)
  socket:setTimeout(60000)
  socket:setNoDelay():unref():ref()
  for _, name in ipairs { "write", "read", "pause", "resume", "pipe", "setEncoding" } do
    print(name, code(socket[name], socket))
  end
end)
server:on("session", function(session)
  local socket = session.socket
  socket:destroy()
  print(code(function() return socket.remoteAddress end))
end)
server:listen(0, "127.0.0.1")
server:await "listening"
local client = http2.connect("http://127.0.0.1:" .. server:address().port)
client:await "close"
server:close()
]],
      prints = [[
write ERR_HTTP2_NO_SOCKET_MANIPULATION
read ERR_HTTP2_NO_SOCKET_MANIPULATION
pause ERR_HTTP2_NO_SOCKET_MANIPULATION
resume ERR_HTTP2_NO_SOCKET_MANIPULATION
pipe ERR_HTTP2_NO_SOCKET_MANIPULATION
setEncoding ERR_HTTP2_NO_SOCKET_MANIPULATION
ERR_HTTP2_SOCKET_UNBOUND
close false
]] },
    { id = "socket-words", title = "Last words to those who speak no HTTP/2",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local server = http2.createSecureServer {
  cert = fs.readFileSync "localhost.pem", key = fs.readFileSync "localhost.key", unknownProtocolTimeout = 1000,
}
server:on("unknownProtocol", function(socket)
  print "unknownProtocol"
  socket:finish "HTTP/2 only\n" -- the same: socket:end_(…), socket["end"](socket, …)
  server:close()
end)
server:listen(0, "127.0.0.1")
server:await "listening"

local uv = require "luv"
local process
process = uv.spawn("openssl", {
  args = { "s_client", "-quiet", "-connect", "127.0.0.1:" .. server:address().port },
  stdio = { nil, 1, nil },
}, function() process:close() end)
]],
      prints = "unknownProtocol\nHTTP/2 only\n" },
  },
}
