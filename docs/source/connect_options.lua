return {
  title = "Connect options",
  summary = "what http2.connect takes",
  intro = "Beside these, a client takes the [TLS options](tls_options.md#tlsoptions).",
  types = {
    { name = "ConnectOptions", extends = "TlsOptions", text = "For `connect`, and, without those of address and TLS, for `connectPair`.", fields = {
      { "protocol", type = "string", default = "https:", text = "`http:` or `https:`; wins over the authority's." },
      { "host", type = "string", text = "Wins over the authority's." },
      { "hostname", type = "string", text = "The same, and wins over `host`." },
      { "port", type = "integer", text = "Wins over the authority's." },
      { "path", type = "string", text = "Of a UNIX socket to connect to." },
      { "family", type = "integer", default = "0", text = "4 or 6: addresses of that kind only." },
      { "localAddress", type = "string", text = "The address to connect from." },
      { "localPort", type = "integer", text = "The port to connect from." },
      { "timeout", type = "integer", text = "As `setTimeout`, in ms." },
      { "secureContext", type = "SecureContext", text = "Made by [`tls.createSecureContext`](tls.md#createsecurecontext)." },
      { "checkServerIdentity", type = "fun(servername: string, certificate: table): any", text = "In the place of our check of the certificate's name; an error that it returns ends the session." },
      { "keepAlive", type = "boolean", default = "false", text = "TCP keep-alive." },
      { "keepAliveInitialDelay", type = "integer", default = "0", text = "ms until its first probe." },
      { "allowHalfOpen", type = "boolean", text = "Accepted; HTTP/2 has no half-open connections." },
      { "createConnection", type = "fun(authority: string, options: ConnectOptions): integer|userdata", text = "Gives the connection: a descriptor of a connected socket, which is duplicated, or a connected TCP socket or pipe of [luv](luv.md), which is the session's from then on.",
        node = "returns a duplex stream." },
      { "settings", type = "Settings", text = "Our SETTINGS." },
      { "maxSessionMemory", type = "number|string", default = "10", text = "As for servers." },
      { "maxHeaderListPairs", type = "integer", default = "128", text = "Fields in a block, at least 1." },
      { "maxSettings", type = "integer", default = "32", text = "Entries in one SETTINGS frame." },
      { "maxOutstandingPings", type = "integer", default = "10", text = "Pings of ours that may wait for their answer." },
      { "maxOutstandingSettings", type = "integer", default = "10", text = "SETTINGS of ours that may wait." },
      { "maxSessionInvalidFrames", type = "integer", default = "1000", text = "As for servers." },
      { "maxSessionRejectedStreams", type = "integer", default = "100", text = "As for servers." },
      { "maxReservedRemoteStreams", type = "integer", default = "200", text = "Pushed streams that may wait; more are refused." },
      { "maxOriginSetSize", type = "integer", default = "128", text = "Entries of `originSet`; more end the session with ERR_HTTP2_TOO_MANY_ORIGINS." },
      { "streamResetBurst", type = "integer", default = "1000", text = "As for servers." },
      { "streamResetRate", type = "integer", default = "33", text = "As for servers." },
      { "maxDeflateDynamicTableSize", type = "integer", default = "4096", text = "Bytes of our HPACK encoder's table." },
      { "maxSendHeaderBlockLength", type = "integer", default = "65536", text = "Bytes of a block we send." },
      { "peerMaxConcurrentStreams", type = "integer", default = "100", text = "Streams we open before the peer's SETTINGS are there." },
      { "paddingStrategy", type = "integer", default = "PADDING_STRATEGY_NONE", text = "As for servers." },
      { "remoteCustomSettings", type = "integer[]", text = "As for servers." },
      { "strictFieldWhitespaceValidation", type = "boolean", default = "true", text = "As for servers." },
      { "strictSingleValueFields", type = "boolean", default = "true", text = "As for servers." },
      { "noDelay", type = "boolean", default = "true", text = "Accepted; Nagle's algorithm is always off." },
    } },
  },
  examples = {
    { id = "unix", title = "A client of a UNIX socket, with limits",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers) stream:finish(headers[":authority"]) end)
server:listen { path = "app.socket" }
server:await "listening"

local client = http2.connect("http://backend", {
  path = "app.socket", maxSessionMemory = "16MiB", maxHeaderListPairs = 100, maxSettings = 8,
  maxOutstandingPings = 1, maxOutstandingSettings = 1, maxSessionInvalidFrames = 10, maxSessionRejectedStreams = 10,
  maxReservedRemoteStreams = 0, maxOriginSetSize = 1, streamResetBurst = 10, streamResetRate = 1,
  maxDeflateDynamicTableSize = 0, maxSendHeaderBlockLength = 16384, peerMaxConcurrentStreams = 1,
  paddingStrategy = http2.constants.PADDING_STRATEGY_NONE, remoteCustomSettings = { 9 },
  strictFieldWhitespaceValidation = true, strictSingleValueFields = true, noDelay = true,
  settings = { enablePush = false },
})
print(client:request():body())
client:close()
server:close()
]],
      prints = "backend\n" },
    { id = "connect-forms", title = "Ways to say where",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers) stream:finish(headers[":scheme"]) end)
server:listen(0, "127.0.0.1")
server:await "listening"
local port = server:address().port

for _, client in ipairs {
  http2.connect("http://127.0.0.1:" .. port),
  http2.connect { protocol = "http:", host = "127.0.0.1", port = port },
  http2.connect("http://example.org", { host = "127.0.0.1", port = port }),
  http2.connect("//example.org", { protocol = "http:", hostname = "127.0.0.1", port = port, family = 4, localAddress = "127.0.0.1",
    localPort = 0, timeout = 60000, keepAlive = true, keepAliveInitialDelay = 10000, allowHalfOpen = false }),
} do
  print(client:request():body())
  client:close()
end
server:close()

local nobody = http2.connect("http://127.0.0.1:1")
nobody:on("error", function(err) print(err.code) end)
]],
      prints = "http\nhttp\nhttp\nhttp\nECONNREFUSED\n" },
    { id = "check-identity", title = "Another name than the certificate's",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"
local server = http2.createSecureServer { cert = cert, key = key }
server:on("stream", function(stream) stream:finish "trusted" end)
server:listen(0, "127.0.0.1")
server:await "listening"
local client = http2.connect("https://127.0.0.1:" .. server:address().port, {
  ca = cert, servername = "backend.internal",
  checkServerIdentity = function(servername, certificate) print(servername, certificate.subject.CN) end,
})
print(client:request():body())
client:close()
server:close()
]],
      prints = "backend.internal localhost\ntrusted\n" },
    { id = "create-connection", title = "A connection of one's own",
      code = [[
local http2 = require "http2"
local uv = require "luv"
local fds = uv.socketpair()

local session = http2.performServerHandshake(fds[1])
session:on("stream", function(stream) stream:finish "over a socket pair" end)
local client = http2.connect("http://pair", { createConnection = function() return fds[2] end })
print(client:request():body())
client:close()
uv.fs_close(fds[1])
uv.fs_close(fds[2])
]],
      prints = "over a socket pair\n" },
  },
}
