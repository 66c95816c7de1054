return {
  title = "Server options",
  summary = "what createServer and createSecureServer take: limits, settings, deadlines",
  intro = [[
    An option that is not known throws ERR_INVALID_ARG_VALUE and names the nearest one that is; a value of the wrong type or
    out of range throws too. All numbers are whole. The limits protect against peers, not against scripts.
  ]],
  types = {
    { name = "ServerOptions", text = "For `createServer`, and for `createSecureServer` beside those of TLS.", fields = {
      { "settings", type = "Settings", default = "{maxConcurrentStreams=128, maxHeaderListSize=65536}", rfc = "RFC 9113 6.5",
        text = "Our SETTINGS, sent when a session begins.",
        node = "sends no maxConcurrentStreams: as many streams as the peer likes." },
      { "maxSessionMemory", type = "number|string", default = "10",
        text = "Megabytes a session may use, or a text such as `\"16MiB\"`. Beyond it new streams are refused with ENHANCE_YOUR_CALM; those that are open go on.",
        node = "takes numbers only." },
      { "maxHeaderListPairs", type = "integer", default = "128", text = "Fields in a block, at least 4; more cost the stream a reset with ENHANCE_YOUR_CALM." },
      { "maxHeaderSize", type = "integer", default = "65536", text = "Bytes of a received block, counted as SETTINGS_MAX_HEADER_LIST_SIZE does (RFC 9113 6.5.2).",
        node = "has it as a setting only." },
      { "maxSettings", type = "integer", default = "32", text = "Entries in one SETTINGS frame." },
      { "maxOutstandingPings", type = "integer", default = "10", text = "Pings of ours that may wait for their answer." },
      { "maxOutstandingSettings", type = "integer", default = "10", text = "SETTINGS of ours that may wait for their acknowledgement; beyond it the session ends with ERR_HTTP2_MAX_PENDING_SETTINGS_ACK." },
      { "maxSessionInvalidFrames", type = "integer", default = "1000", text = "Useless or wrong frames of a peer; then the session ends with ENHANCE_YOUR_CALM." },
      { "maxSessionRejectedStreams", type = "integer", default = "100", text = "Streams refused because there are too many; then the session ends." },
      { "streamResetBurst", type = "integer", default = "1000", text = "Resets a peer may send at once (a token bucket); then GOAWAY." },
      { "streamResetRate", type = "integer", default = "33", text = "Resets a second by which that bucket fills." },
      { "maxDeflateDynamicTableSize", type = "integer", default = "4096", rfc = "RFC 7541 4.2", text = "Bytes of our HPACK encoder's table." },
      { "maxSendHeaderBlockLength", type = "integer", default = "65536", text = "Bytes of a block we send; a larger one is a 'frameError' and ends the stream." },
      { "peerMaxConcurrentStreams", type = "integer", default = "100", text = "What we assume of the peer until its SETTINGS are there." },
      { "paddingStrategy", type = "integer", default = "PADDING_STRATEGY_NONE", text = "PADDING_STRATEGY_NONE, _MAX or _ALIGNED of [the constants](constants.md)." },
      { "remoteCustomSettings", type = "integer[]", text = "Ids (at most 10) of unknown settings to keep when the peer sends them." },
      { "strictFieldWhitespaceValidation", type = "boolean", default = "true", rfc = "RFC 9113 8.2.1", text = "Received values with blanks or tabs at their ends are dropped." },
      { "strictSingleValueFields", type = "boolean", default = "true", text = "Sending two values of a field that may have one throws ERR_HTTP2_HEADER_SINGLE_VALUE." },
      { "timeout", type = "integer", default = "0", text = "Idle time of a session in ms, as `setTimeout`; 0: none.",
        node = "has the method only." },
      { "handshakeTimeout", type = "integer", default = "10000", text = "ms for the TLS handshake.", node = "120 s by default." },
      { "headerTimeout", type = "integer", default = "10000", text = "ms for the preface, and for each header block from its first byte to its last.", node = false },
      { "idleTimeout", type = "integer", default = "0", text = "ms without an open stream after which a session is closed gracefully; 0: none.", node = false },
      { "maxConnections", type = "integer", text = "Connections at a time; more are closed when they come.", node = "is a property of the server." },
      { "exposeErrors", type = "boolean", default = "false", text = "The 500 of a handler that threw has the error's text in its body. Not for the public.", node = false },
      { "keepAlive", type = "boolean", default = "false", text = "TCP keep-alive." },
      { "keepAliveInitialDelay", type = "integer", default = "0", text = "ms until its first probe." },
      { "allowHalfOpen", type = "boolean", text = "Accepted; HTTP/2 has no half-open connections." },
      { "unknownProtocolTimeout", type = "integer", default = "10000", text = "ms until a TLS connection without a common protocol is ended." },
      { "Http2ServerRequest", type = "table", text = "A class in the place of [Http2ServerRequest](request.md), for 'request'." },
      { "Http2ServerResponse", type = "table", text = "A class in the place of [Http2ServerResponse](response.md), for 'request'." },
      { "noDelay", type = "boolean", default = "true", text = "Accepted; Nagle's algorithm is always off.", node = "can be turned off." },
      { "origins", type = "string[]", rfc = "RFC 8336", text = "Sent in an ORIGIN frame when a TLS session begins." },
      { "allowHTTP1", type = "boolean", default = "false", text = "`true` throws ERR_PERIGEE_NOT_SUPPORTED: HTTP/1.1 comes later. An HTTP/1.x peer gets one 505.",
        node = "serves HTTP/1.1 on the same port." },
    } },
  },
  examples = {
    { id = "server-limits", title = "A server with narrow limits",
      code = [[
local http2 = require "http2"
local server = http2.createServer {
  settings = { maxConcurrentStreams = 10, initialWindowSize = 32768 },
  maxSessionMemory = 2, maxHeaderListPairs = 40, maxHeaderSize = 8192, maxSettings = 8,
  maxOutstandingPings = 2, maxOutstandingSettings = 2, maxSessionInvalidFrames = 20, maxSessionRejectedStreams = 5,
  streamResetBurst = 50, streamResetRate = 5, maxDeflateDynamicTableSize = 1024, maxSendHeaderBlockLength = 16384,
  peerMaxConcurrentStreams = 10, maxConnections = 1000,
  strictFieldWhitespaceValidation = true, strictSingleValueFields = true, noDelay = true,
  keepAlive = true, keepAliveInitialDelay = 60000, allowHalfOpen = false,
  timeout = 60000, handshakeTimeout = 5000, headerTimeout = 5000, idleTimeout = 30000, unknownProtocolTimeout = 1000,
  exposeErrors = true,
}
server:on("stream", function() error "out of luck" end)

local client = http2.connectPair(server)
local request = client:request()
print(request:await "response" [":status"], (request:body():gsub("^.-:%d+: ", "")))
client:close()
print(select(2, pcall(http2.createServer, { maxSesionMemory = 2 })).message)
]],
      prints = [[
500 out of luck

unknown option "maxSesionMemory" given to createServer (did you mean "maxSessionMemory"?)
]] },
    { id = "padding", title = "Padding, and settings that nobody knows",
      code = [[
local http2 = require "http2"
local server = http2.createServer {
  paddingStrategy = http2.constants.PADDING_STRATEGY_ALIGNED,
  remoteCustomSettings = { 4660 },
}
server:on("session", function(session)
  session:on("remoteSettings", function(settings) print(settings.customSettings[4660]) end)
end)
server:on("stream", function(stream) stream:finish "padded" end)
local client = http2.connectPair(server, { settings = { customSettings = { [4660] = 7 } } })
print(client:request():body())
client:close()
]],
      prints = "7\npadded\n" },
    { id = "own-classes", title = "Requests and responses with methods of one's own",
      code = [[
local http2 = require "http2"

local Request = http2.Http2ServerRequest:extend()
function Request:agent() return self.headers["user-agent"] or "nobody" end

local Response = http2.Http2ServerResponse:extend()
function Response:json(text)
  self:setHeader("content-type", "application/json")
  self:finish(text)
end

local server = http2.createServer({ Http2ServerRequest = Request, Http2ServerResponse = Response },
  function(request, response) response:json(('["%s"]'):format(request:agent())) end)
local client = http2.connectPair(server)
print(client:request():body())
client:close()
]],
      prints = "[\"nobody\"]\n" },
    { id = "origins", title = "Origins, and what is not there yet",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"
local server = http2.createSecureServer { cert = cert, key = key, origins = { "https://example.org" } }
server:listen(0, "127.0.0.1")
server:await "listening"
local client = http2.connect("https://localhost:" .. server:address().port, { ca = cert })
client:on("origin", function(origins)
  print(origins[1])
  client:close()
  server:close()
end)
print(select(2, pcall(http2.createServer, { allowHTTP1 = true })).code)
]],
      prints = "ERR_PERIGEE_NOT_SUPPORTED\nhttps://example.org\n" },
  },
}
