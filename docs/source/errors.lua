-- code, text, when it comes
local function code(name, text, comes, node)
  return { name, text = text, comes = comes, node = node }
end

-- The same, of a code that no short program brings about.
local function without(entry, why)
  entry.no_example = why
  return entry
end

return {
  title = "Errors",
  summary = "every error code: its text and when it comes",
  intro = [[
    An error is a table `{name, code, message}` whose text is Node's: `TypeError [ERR_INVALID_ARG_TYPE]: …`. The same object is thrown, and given to
    'error' events and callbacks: `pcall` and `err.code == "ERR_HTTP2_INVALID_STREAM"` work.

    Misuse (a wrong argument, a wrong state) throws at once. What the world does arrives as an event, or as `nil, err`. Failures of the system have
    its names for codes: ECONNREFUSED, ECONNRESET, EADDRINUSE, EACCES, ENOENT, … Failed TLS handshakes have OpenSSL's, as in Node: ERR_SSL_…

    A throw that nobody catches ends the handler's stream, with a 500 or RST_STREAM(INTERNAL_ERROR), and is logged with session, stream and
    traceback; nothing else stops. An 'error' that nobody hears is logged.
  ]],
  types = {
    { name = "Http2Error", text = "What is thrown, and what 'error' gives.", fields = {
      { "name", type = "string", text = "`Error`, `TypeError` or `RangeError`." },
      { "code", type = "string", text = "Of the list above, or a name of the system; nil for a thrown text." },
      { "message", type = "string", text = "For people." },
      { "errno", type = "integer", text = "The number that the system, or nghttp2, has for it." },
      { "syscall", type = "string", text = "What failed: `listen`, `open`, …" },
      { "path", type = "string", text = "Of the file, if there is one." },
      { "cause", type = "any", text = "The error behind this one." },
      { "value", type = "any", text = "What a script threw, when that was no error table.", node = false },
    } },
  },
  codes = {
    code("ERR_HTTP2_ALTSVC_INVALID_ORIGIN", "HTTP/2 ALTSVC frames require a valid origin", "`altsvc` with a text that is no origin."),
    code("ERR_HTTP2_ALTSVC_LENGTH", "HTTP/2 ALTSVC frames are limited to 16382 bytes", "`altsvc` with too much text."),
    code("ERR_HTTP2_CONNECT_AUTHORITY", ":authority header is required for CONNECT requests", "`request` with CONNECT."),
    code("ERR_HTTP2_CONNECT_PATH", "The :path header is forbidden for CONNECT requests", "`request` with CONNECT."),
    code("ERR_HTTP2_CONNECT_SCHEME", "The :scheme header is forbidden for CONNECT requests", "`request` with CONNECT."),
    without(code("ERR_HTTP2_ERROR", "what nghttp2 says, and how it came in brackets", "A session whose peer broke the protocol, and failures inside; `errno` is nghttp2's number."), "needs a peer that breaks the protocol"),
    code("ERR_HTTP2_GOAWAY_SESSION", "New streams cannot be created after receiving a GOAWAY", "The 'error' of a stream made on a session that is closing."),
    code("ERR_HTTP2_HEADERS_AFTER_RESPOND", "Cannot specify additional headers after response initiated", "`additionalHeaders` after `respond`."),
    code("ERR_HTTP2_HEADERS_SENT", "Response has already been initiated.", "`respond` twice; header setters of a response that has begun."),
    code("ERR_HTTP2_HEADER_SINGLE_VALUE", 'Header field "…" must only have a single value', "Sending several values of a field that has one."),
    code("ERR_HTTP2_INFO_STATUS_NOT_ALLOWED", "Informational status codes cannot be used", "A response's `statusCode` or `writeHead` with 1xx."),
    code("ERR_HTTP2_INVALID_CONNECTION_HEADERS", 'HTTP/1 Connection specific headers are forbidden: "…"', "Sending `connection`, `transfer-encoding` and the like."),
    code("ERR_HTTP2_INVALID_HEADER_VALUE", 'Invalid value "…" for header "…"', "Sending a value that is no text, number, boolean or list; nil to a header setter."),
    code("ERR_HTTP2_INVALID_INFO_STATUS", "Invalid informational status code: …", "`additionalHeaders` with a status that is not 1xx."),
    code("ERR_HTTP2_INVALID_ORIGIN", "HTTP/2 ORIGIN frames require a valid origin", "`origin` with a text that is no origin."),
    code("ERR_HTTP2_INVALID_PACKED_SETTINGS_LENGTH", "Packed settings length must be a multiple of six", "`getUnpackedSettings`."),
    code("ERR_HTTP2_INVALID_PSEUDOHEADER", '"…" is an invalid pseudoheader or is used incorrectly', "Sending a name with a colon that does not belong there."),
    code("ERR_HTTP2_INVALID_SESSION", "The session has been destroyed", "Methods of a session that is destroyed, and the 'error' of requests on it."),
    code("ERR_HTTP2_INVALID_SETTING_VALUE", 'Invalid value for setting "…": …', "Settings out of range or of a wrong type."),
    code("ERR_HTTP2_INVALID_STREAM", "The stream has been destroyed", "`respond`, `additionalHeaders`, `sendTrailers` … on a stream that is gone. Uncaught because the client left it is logged at debug level."),
    code("ERR_HTTP2_MAX_PENDING_SETTINGS_ACK", "Maximum number of pending settings acknowledgements", "The 'error' of a session with more than `maxOutstandingSettings` SETTINGS under way."),
    code("ERR_HTTP2_NESTED_PUSH", "A push stream cannot initiate another push stream.", "`pushStream` of a pushed stream."),
    without(code("ERR_HTTP2_NO_MEM", "Out of memory", "The system has none left."), "needs a system without memory"),
    code("ERR_HTTP2_NO_SOCKET_MANIPULATION", "HTTP/2 sockets should not be directly manipulated (e.g. read and written)", "Reading, writing or pausing `session.socket`."),
    code("ERR_HTTP2_ORIGIN_LENGTH", "HTTP/2 ORIGIN frames are limited to 16382 bytes", "`origin` with too many."),
    without(code("ERR_HTTP2_OUT_OF_STREAMS", "No stream ID is available because maximum stream ID has been reached", "The 'error' of a request when the ids of its session are used up."), "needs two to the 30th requests"),
    code("ERR_HTTP2_PAYLOAD_FORBIDDEN", "Responses with … status must not have a payload", "`respondWithFile`, `respondWithFD` with 204, 205, 304."),
    code("ERR_HTTP2_PING_CANCEL", "HTTP2 ping cancelled", "The callback of `ping`: not sent, or the session ended."),
    code("ERR_HTTP2_PING_LENGTH", "HTTP2 ping payload must be 8 bytes", "`ping`."),
    code("ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED", "Cannot set HTTP/2 pseudo-headers", "Header setters of a response."),
    code("ERR_HTTP2_PUSH_DISABLED", "HTTP/2 client has disabled push streams", "`pushStream` when the peer takes none."),
    code("ERR_HTTP2_SEND_FILE", "Directories cannot be sent", "`respondWithFile` of what is no regular file: to `onError`, or the stream's 'error'."),
    code("ERR_HTTP2_SEND_FILE_NOSEEK", "Offset or length can only be specified for regular files", "`respondWithFD` of a pipe, with offset or length."),
    code("ERR_HTTP2_SESSION_ERROR", "Session closed with error code …", "The 'error' of a session that was destroyed with a code, or whose peer sent GOAWAY with one; and of its streams."),
    code("ERR_HTTP2_SETTINGS_CANCEL", "HTTP2 session settings canceled", "The callback of `settings`: the session ended."),
    code("ERR_HTTP2_SOCKET_UNBOUND", "The socket has been disconnected from the Http2Session", "Looking at `session.socket` when the session has ended."),
    code("ERR_HTTP2_STATUS_101", "HTTP status code 101 (Switching Protocols) is forbidden in HTTP/2", "`additionalHeaders` with 101."),
    code("ERR_HTTP2_STATUS_INVALID", "Invalid status code: …", "A status that is no whole number from 200 to 599."),
    code("ERR_HTTP2_STREAM_CANCEL", "The pending stream has been canceled (caused by: …)", "The 'error' of requests that still waited for the connection."),
    code("ERR_HTTP2_STREAM_ERROR", "Stream closed with error code NGHTTP2_…", "The 'error' of a stream that was reset, but with NO_ERROR or CANCEL."),
    code("ERR_HTTP2_TOO_MANY_CUSTOM_SETTINGS", "Number of custom settings exceeds MAX_ADDITIONAL_SETTINGS", "More than 10 `customSettings`."),
    without(code("ERR_HTTP2_TOO_MANY_INVALID_FRAMES", "Too many invalid HTTP/2 frames", "The 'error' of a session whose peer sent more than `maxSessionInvalidFrames`."), "needs a peer that breaks the protocol"),
    code("ERR_HTTP2_TOO_MANY_ORIGINS", "more than … origins (maxOriginSetSize)", "The 'error' of a client whose server named more than `maxOriginSetSize`."),
    code("ERR_HTTP2_TRAILERS_ALREADY_SENT", "Trailing headers have already been sent", "`sendTrailers` twice."),
    code("ERR_HTTP2_TRAILERS_NOT_READY", "Trailing headers cannot be sent until after the wantTrailers event is emitted", "`sendTrailers` too early."),
    code("ERR_HTTP2_UNSUPPORTED_PROTOCOL", 'protocol "…" is unsupported.', "`connect` with neither `http:` nor `https:`."),
    code("ERR_STREAM_ALREADY_FINISHED", "Cannot call end after a stream was finished", "The callback of `finish` behind 'finish'."),
    code("ERR_STREAM_DESTROYED", "Cannot call … after a stream was destroyed", "The callback of `write` and `finish` on a stream that is gone."),
    code("ERR_STREAM_OVERFLOW", "more than … bytes (stream_output_max) wait for the peer", "The 'error' of a stream whose script writes on although the peer does not read.", false),
    code("ERR_STREAM_PREMATURE_CLOSE", "Premature close", "What sequential readers give for a cut body."),
    code("ERR_STREAM_WRITE_AFTER_END", "write after end", "The 'error' after `write` behind `finish`, and what a callback of `finish` is told whose data came too late."),
    code("ERR_SERVER_ALREADY_LISTEN", "Listen method has been called more than once without closing.", "`listen`."),
    code("ERR_SERVER_NOT_RUNNING", "Server is not running.", "The callback of `close` of a server that does not listen, or that another call closes; `connectPair` with one that closes."),
    code("ERR_INVALID_ARG_TYPE", 'The "…" argument must be of type …', "An argument of a wrong type."),
    code("ERR_INVALID_ARG_VALUE", "what is wrong with it", "A wrong argument; an option or setting that is not known."),
    code("ERR_OUT_OF_RANGE", 'The value of "…" is out of range.', "A number that is too small, too large, or not whole."),
    code("ERR_INVALID_CHAR", 'Invalid character in header content ["…"]', "Sending a value with CR, LF or NUL.", "lets the field vanish."),
    code("ERR_INVALID_HTTP_TOKEN", 'Header name must be a valid HTTP token ["…"]', "Sending a name that is no token."),
    code("ERR_INVALID_IP_ADDRESS", "Invalid IP address: …", "The option `localAddress`."),
    code("ERR_SOCKET_BAD_PORT", "options.port should be >= 0 and < 65536. …", "`listen`."),
    code("ERR_INVALID_URL", 'Invalid URL: "…"', "`connect`."),
    code("ERR_INVALID_FD", "not a connected socket: …", "`performServerHandshake`.", "has ERR_INVALID_FD_TYPE and others."),
    code("ERR_INVALID_ADDRESS", "…", "An address of `listen`, `connect` or `--listen` that cannot be read; a path that is too long for a UNIX socket.", "has ERR_SOCKET_BAD_PORT and others."),
    code("ABORT_ERR", "The operation was aborted", "The 'error' of a request whose `signal` was cancelled."),
    code("ERR_CRYPTO_INVALID_DIGEST", "Invalid digest: …", "`digest.new` and kin."),
    code("ERR_CRYPTO_HASH_FINALIZED", "Digest already called", "A digest that gave its result."),
    without(code("ERR_TLS", "…", "TLS failed in another way.", "has OpenSSL's own codes."), "needs a TLS library that fails"),
    code("ERR_TLS_CERT", "…", "A certificate is missing or cannot be read.", "has OpenSSL's own codes."),
    code("ERR_TLS_KEY", "…", "A private key is missing or cannot be read.", "has OpenSSL's own codes."),
    code("ERR_TLS_KEY_MISMATCH", "…", "Key and certificate do not belong together.", "has OpenSSL's own codes."),
    code("ERR_TLS_PASSPHRASE", "…", "A key has a passphrase, and it was not given, or is wrong.", "has OpenSSL's own codes."),
    code("ERR_TLS_CA", "…", "The option `ca` cannot be read.", "has OpenSSL's own codes."),
    code("ERR_TLS_CIPHERS", "…", "The option `ciphers` cannot be read.", "has OpenSSL's own codes."),
    code("ERR_TLS_GROUPS", "…", "The option `ecdhCurve` cannot be read.", "has OpenSSL's own codes."),
    code("ERR_TLS_VERSION", "…", "`minVersion` or `maxVersion` is neither TLSv1.2 nor TLSv1.3.", "is ERR_TLS_INVALID_PROTOCOL_VERSION."),
    code("ERR_TLS_ALPN", "…", "The option `ALPNProtocols` cannot be used; or the peers have no protocol in common.", "has no code for it."),
    code("ERR_TLS_CRL", "…", "The option `crl` cannot be read.", "has OpenSSL's own codes."),
    code("ERR_TLS_PFX", "…", "The option `pfx` cannot be read.", "has OpenSSL's own codes."),
    code("ERR_TLS_SIGNATURES", "…", "The option `sigalgs` cannot be read.", "has OpenSSL's own codes."),
    code("ERR_TLS_SESSION", "…", "The option `sessionIdContext` cannot be used.", "has OpenSSL's own codes."),
    without(code("ERR_TLS_REQUIRED", "listen[…] of the configuration has tls …", "`listen` of a clear-text server on a listener of a service that has TLS.", false), "needs a service"),
    code("ERR_TLS_REQUIRED_SERVER_NAME", '"hostname" is required parameter for Server.addContext', "`addContext`."),
    code("ERR_TLS_INVALID_CONTEXT", "Invalid SNI context", "`SNICallback` gave what is no context: ends the handshake."),
    code("ERR_TLS_CALLBACK", "…", "`SNICallback` or `ALPNCallback` threw, or gave an error without a code: ends the handshake.", false),
    code("ERR_TLS_ALPN_CALLBACK_INVALID_RESULT", "ALPN callback returned a value (…) that did not match any of the client's offered protocols (…)", "`ALPNCallback`: ends the handshake."),
    without(code("ERR_TLS_HANDSHAKE", "…", "A handshake failed in a way for which OpenSSL has no code of its own (ERR_SSL_…)."), "needs a peer that breaks TLS in an unusual way"),
    without(code("ERR_TLS_HANDSHAKE_TIMEOUT", "…", "A handshake took too long."), "needs a peer that says nothing for seconds"),
    code("ERR_TLS_CERT_ALTNAME_INVALID", "…", "The server's certificate is for another name."),
    code("ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS", "The ALPNCallback and ALPNProtocols TLS options are mutually exclusive", "Both options at once."),
    code("ERR_PERIGEE_AWAIT_PLACE", "waiting is not possible …", "Waiting inside a callback of a C function, a finalizer, a `statCheck`.", false),
    code("ERR_PERIGEE_BODY_TOO_LARGE", "the body is longer than … bytes", "`body(limit)`.", false),
    code("ERR_PERIGEE_CANCELLED", "the stream of this task ended: …", "Is thrown in tasks that wait when their stream ends abnormally, or by `cancel`.", false),
    without(code("ERR_PERIGEE_DRAINING", "the worker is about to end: it accepts no more", "`listen` in a service's worker that drains.", false), "needs a service"),
    without(code("ERR_PERIGEE_EXIT", "a script of `perigee serve` cannot end its worker …", "`os.exit`, `process.exit` in a service.", false), "needs a service"),
    code("ERR_PERIGEE_LOOP", "luv.… is not for scripts: …", "`luv.run` and kin.", false),
    code("ERR_PERIGEE_NOT_SUPPORTED", "… is not supported", "What Node has and Perigee does not.", false),
    code("ERR_PERIGEE_READER", "another task waits for this body already", "Two tasks that read one body in sequence.", false),
    code("ERR_PERIGEE_TIMEOUT", "'…' did not come within … ms", "`await` with a timeout.", false),
  },
  examples = {
    { id = "catch", title = "Catching an error",
      code = [[
local http2 = require "http2"
local ok, err = pcall(http2.createServer, { settings = { maxFrameSize = 1 } })
print(ok, err.name, err.code)
print(err.message)
print(err)

local _, missing = pcall(require("fs").readFileSync, "no such file")
print(missing.code, missing.errno, missing.syscall, missing.path)
]],
      prints = [[
false RangeError ERR_HTTP2_INVALID_SETTING_VALUE
Invalid value for setting "maxFrameSize": 1
RangeError [ERR_HTTP2_INVALID_SETTING_VALUE]: Invalid value for setting "maxFrameSize": 1
ENOENT 2 open no such file
]] },
    { id = "errors-answering", title = "Mistakes in an answer",
      code = [[
local http2 = require "http2"
local function code(fn, ...) return select(2, pcall(fn, ...)).code end

local server = http2.createServer()
server:on("stream", function(stream)
  print(code(stream.respond, stream, { [":status"] = 99 }))
  print(code(stream.respond, stream, { ["x-a"] = print }))
  print(code(stream.respond, stream, "200"))
  print(code(stream.additionalHeaders, stream, { [":status"] = 101 }))
  print(code(stream.additionalHeaders, stream, { [":status"] = 200 }))
  print(code(stream.respondWithFile, stream, "a", { [":status"] = 304 }))
  stream:respond({}, { waitForTrailers = true })
  print(code(stream.respond, stream))
  print(code(stream.additionalHeaders, stream, { [":status"] = 103 }))
  stream:on("wantTrailers", function()
    stream:sendTrailers {}
    print(code(stream.sendTrailers, stream, {}))
  end)
  stream:finish()
  stream:await "close"
  print(code(stream.respond, stream))
end)

local client = http2.connectPair(server)
client:request():body()
client:close()
]],
      prints = [[
ERR_HTTP2_STATUS_INVALID
ERR_HTTP2_INVALID_HEADER_VALUE
ERR_INVALID_ARG_TYPE
ERR_HTTP2_STATUS_101
ERR_HTTP2_INVALID_INFO_STATUS
ERR_HTTP2_PAYLOAD_FORBIDDEN
ERR_HTTP2_HEADERS_SENT
ERR_HTTP2_HEADERS_AFTER_RESPOND
ERR_HTTP2_TRAILERS_ALREADY_SENT
ERR_HTTP2_INVALID_STREAM
]] },
    { id = "errors-calls", title = "Mistakes in calls",
      code = [[
local http2 = require "http2"
local function code(fn, ...) return select(2, pcall(fn, ...)).code end

print(code(http2.connect, "ftp://localhost"))
print(code(http2.connect, "http://"))
print(code(http2.connect, "http://localhost", { port = 70000 }))
print(code(http2.createServer, { maxSetings = 1 }))
print(code(http2.performServerHandshake, 9999))

local server = http2.createServer()
print(code(server.listen, server, { port = 70000 }))
print(code(http2.connect, "http://localhost", { localAddress = "nowhere" }))
server:on("error", function(err) print(err.code) end)
server:listen { path = ("x"):rep(200) }
local idle = http2.createServer()
idle:close(function(err) print(err.code) end)

local client = http2.connectPair(server)
client:await "connect"
print(code(client.ping, client, "short", print))
local custom = {}
for id = 100, 110 do custom[id] = 1 end
print(code(client.settings, client, { customSettings = custom }))
print(code(client.request, client, { [":method"] = "CONNECT" }))
print(code(client.request, client, { [":method"] = "CONNECT", [":authority"] = "a", [":scheme"] = "http" }))
print(code(client.request, client, { [":method"] = "CONNECT", [":authority"] = "a", [":path"] = "/" }))
client:close()
]],
      prints = [[
ERR_HTTP2_UNSUPPORTED_PROTOCOL
ERR_INVALID_URL
ERR_OUT_OF_RANGE
ERR_INVALID_ARG_VALUE
ERR_INVALID_FD
ERR_SOCKET_BAD_PORT
ERR_INVALID_IP_ADDRESS
ERR_INVALID_ADDRESS
ERR_SERVER_NOT_RUNNING
ERR_HTTP2_PING_LENGTH
ERR_HTTP2_TOO_MANY_CUSTOM_SETTINGS
ERR_HTTP2_CONNECT_AUTHORITY
ERR_HTTP2_CONNECT_SCHEME
ERR_HTTP2_CONNECT_PATH
]] },
    { id = "errors-gone", title = "What is cancelled when a session goes",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream) stream:respond() end)

local client = http2.connectPair(server)
client:await "connect"
client:ping(function(err) print("ping", err.code) end)
client:settings({}, function(err) print("settings", err.code) end)
client:close()
client:request():on("error", function(err) print("closing", err.code) end)
client:destroy()
client:request():on("error", function(err) print("destroyed", err.code) end)

local nobody = http2.connect "http://127.0.0.1:1"
nobody:on("error", function(err) print("session", err.code) end)
local _, err = nobody:request():await "response"
print("pending", err.code, err.cause.code)
]],
      prints = [[
closing ERR_HTTP2_GOAWAY_SESSION
ping ERR_HTTP2_PING_CANCEL
settings ERR_HTTP2_SETTINGS_CANCEL
destroyed ERR_HTTP2_INVALID_SESSION
pending ERR_HTTP2_STREAM_CANCEL ECONNREFUSED
session ECONNREFUSED
]] },
    { id = "errors-writing", title = "Reading and writing at the wrong time",
      code = [[
local http2 = require "http2"
local task = require "perigee.task"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  stream:on("error", function(err) print("error", err.code) end)
  if headers[":path"] == "/end" then
    stream:on("finish", function()
      stream:finish(function(err) print("callback", err.code) end)
    end)
    stream:finish "done"
    stream:write "more"
  elseif headers[":path"] == "/flood" then
    while not stream.destroyed do stream:write(("x"):rep(1000000)) end
  else
    stream:respond()
    task.spawn(function() stream:body() end)
    print(select(2, pcall(stream.body, stream)).code)
    stream:destroy()
    stream:write("late", function(err) print("callback", err.code) end)
    stream:finish(function(err) print("callback", err.code) end)
  end
end)

local client = http2.connectPair(server)
for _, path in ipairs { "/end", "/flood", "/read" } do
  local request = client:request { [":path"] = path, [":method"] = path == "/read" and "POST" or "GET" }
  request:on("error", function() end)
  local body, err = request:body()
  print(path, body, err and err.code)
end
client:destroy()
]],
      prints = [[
error ERR_STREAM_WRITE_AFTER_END
callback ERR_STREAM_ALREADY_FINISHED
/end done nil
error ERR_STREAM_OVERFLOW
/flood nil ERR_HTTP2_STREAM_ERROR
ERR_PERIGEE_READER
callback ERR_STREAM_DESTROYED
callback ERR_STREAM_DESTROYED
/read nil ERR_STREAM_PREMATURE_CLOSE
]] },
    { id = "errors-tls", title = "Certificates that do not do",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"
local function code(options) return select(2, pcall(http2.createSecureServer, options)).code end

print(code {})
print(code { cert = cert })
print(code { cert = "?", key = key })
print(code { cert = cert, key = "?" })
print(code { cert = cert, key = key, ca = "?" })
print(code { cert = cert, key = key, ciphers = "?" })
print(code { cert = cert, key = key, ecdhCurve = "?" })
print(code { cert = cert, key = key, minVersion = "TLSv1" })
print(code { cert = cert, key = key, ALPNProtocols = { ("x"):rep(300) } })
print(code { cert = cert, key = key, sigalgs = "?" })
print(code { cert = cert, key = key, sessionIdContext = ("x"):rep(100) })
print(code { pfx = "?" })
print(code { cert = cert, key = key, crl = "?" })
print(code { cert = cert, key = key, ALPNProtocols = { "h2" }, ALPNCallback = function() end })
print(code { pfx = fs.readFileSync "localhost.p12", passphrase = "wrong" })
print(code { cert = cert, key = fs.readFileSync "other.key" })

local server = http2.createSecureServer { cert = cert, key = key }
server:listen(0, "127.0.0.1")
server:await "listening"
print(select(2, pcall(server.addContext, server, "", {})).code)
local client = http2.connect("https://127.0.0.1:" .. server:address().port, { ca = cert, servername = "example.org" })
local _, err = client:await "connect"
print(err.code)
server:close()
]],
      prints = [[
ERR_TLS_CERT
ERR_TLS_KEY
ERR_TLS_CERT
ERR_TLS_KEY
ERR_TLS_CA
ERR_TLS_CIPHERS
ERR_TLS_GROUPS
ERR_TLS_VERSION
ERR_TLS_ALPN
ERR_TLS_SIGNATURES
ERR_TLS_SESSION
ERR_TLS_PFX
ERR_TLS_CRL
ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS
ERR_TLS_PASSPHRASE
ERR_TLS_KEY_MISMATCH
ERR_TLS_REQUIRED_SERVER_NAME
ERR_TLS_CERT_ALTNAME_INVALID
]] },
    { id = "errors-handshake", title = "Handshakes that a script ends",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"

local function try(options)
  options.cert, options.key = cert, key
  local server = http2.createSecureServer(options)
  server:on("tlsClientError", function(err)
    print(err.code)
    server:close()
  end)
  server:listen(0, "127.0.0.1")
  server:await "listening"
  http2.connect("https://localhost:" .. server:address().port, { ca = cert }):on("error", function() end):await "close"
  server:await "close"
end

try { SNICallback = function(_, callback) callback(nil, "no context") end }
try { SNICallback = function(_, callback) callback "no" end }
try { ALPNCallback = function() return "h3" end }
]],
      prints = [[
ERR_TLS_INVALID_CONTEXT
ERR_TLS_CALLBACK
ERR_TLS_ALPN_CALLBACK_INVALID_RESULT
]] },
    { id = "errors-frames", title = "ALTSVC, ORIGIN, pushes, files",
      code = [[
local http2 = require "http2"
local function code(fn, ...) return select(2, pcall(fn, ...)).code end

local server = http2.createServer { maxOutstandingSettings = 1 }
server:on("sessionError", function(err) print(err.code) end)
server:on("session", function(session)
  print(code(session.altsvc, session, "h2", "mailto:nobody"))
  print(code(session.altsvc, session, ("x"):rep(20000), "https://example.org"))
  print(code(session.origin, session, "mailto:nobody"))
  print(code(session.origin, session, "https://" .. ("x"):rep(20000)))
end)
server:on("stream", function(stream, headers)
  if headers[":path"] == "/push" then
    stream:pushStream({}, function(err, push)
      print(code(push.pushStream, push, {}, print))
      push:finish()
    end)
    stream:finish()
  elseif headers[":path"] == "/folder" then
    stream:respondWithFile(".", {}, { onError = function(err)
      print(err.code)
      stream:finish()
    end })
  else
    local session = stream.session
    session:settings {}
    session:settings {}
  end
end)

local client = http2.connectPair(server, { settings = { enablePush = true } })
client:on("error", function() end)
client:on("stream", function(pushed) pushed:resume() end)
for _, path in ipairs { "/push", "/folder", "/settings" } do
  local request = client:request { [":path"] = path }
  request:on("error", function() end)
  request:body()
end
client:destroy()
]],
      prints = [[
ERR_HTTP2_ALTSVC_INVALID_ORIGIN
ERR_HTTP2_ALTSVC_LENGTH
ERR_HTTP2_INVALID_ORIGIN
ERR_HTTP2_ORIGIN_LENGTH
ERR_HTTP2_NESTED_PUSH
ERR_HTTP2_SEND_FILE
ERR_HTTP2_MAX_PENDING_SETTINGS_ACK
]] },
    { id = "errors-compat", title = "Mistakes with the compatibility API",
      code = [[
local http2 = require "http2"
local function code(fn, ...) return select(2, pcall(fn, ...)).code end
local server = http2.createServer(function(_, response)
  print(code(function() response.statusCode = 103 end))
  print(code(function() response.statusCode = 999 end))
  print(code(response.setHeader, response, "x-a"))
  print(code(response.setHeader, response, ":path", "/"))
  print(code(response.setHeader, response, "x a", "1"))
  print(code(response.writeInformation, response, 200))
  response:finish()
end)
local client = http2.connectPair(server)
client:request():body()
client:close()
]],
      prints = [[
ERR_HTTP2_INFO_STATUS_NOT_ALLOWED
ERR_HTTP2_STATUS_INVALID
ERR_HTTP2_INVALID_HEADER_VALUE
ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED
ERR_INVALID_HTTP_TOKEN
ERR_HTTP2_STATUS_INVALID
]] },
    { id = "errors-files", title = "What is no regular file",
      code = [[
local http2 = require "http2"
local uv = require "luv"
local fds = uv.pipe({}, {})
local server = http2.createServer()
server:on("stream", function(stream)
  stream:respondWithFile("/dev/null", {}, { offset = 1, onError = function(err)
    print(err.code)
    stream:finish()
  end })
end)
local client = http2.connectPair(server)
client:request():body()
client:close()
uv.fs_close(fds.read)
uv.fs_close(fds.write)
]],
      prints = "ERR_HTTP2_SEND_FILE_NOSEEK\n" },
    { id = "errors-origins", title = "A server that names too many origins",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"
local server = http2.createSecureServer { cert = cert, key = key, origins = { "https://a.example", "https://b.example" } }
server:listen(0, "127.0.0.1")
server:await "listening"
local client = http2.connect("https://localhost:" .. server:address().port, { ca = cert, maxOriginSetSize = 1 })
client:on("error", function(err) print(err.code) end)
client:await "close"
server:close()
]],
      prints = "ERR_HTTP2_TOO_MANY_ORIGINS\n" },
  },
}
