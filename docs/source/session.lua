return {
  title = "Http2Session",
  summary = "a connection, what both sides share",
  class = "Http2Session", extends = "Emitter", var = "session",
  intro = [[
    One connection. Servers get [theirs](server_session.md) with 'session', clients make [theirs](client_session.md) with
    [`http2.connect`](http2.md#connect). The object stays usable when the connection is gone: methods answer with
    their error, properties with their last value, nil or `{}`.

    The order in which events come is written down in [the event order](../event-order.md): 'error' before 'close', 'close'
    last and once.
  ]],
  events = {
    { "connect", args = { { "session", "Http2Session" }, { "socket", "Http2Socket" } },
      text = "The connection stands: on the turn after it did." },
    { "close", args = {}, text = "The connection is gone. Always the last event." },
    { "error", args = { { "err", "Http2Error" } },
      text = "Why it is going. Servers: also 'sessionError' of the server. Without a listener it is logged (client) or swallowed (server)." },
    { "frameError", args = { { "type", "integer" }, { "code", "integer" }, { "id", "integer" } },
      text = "A frame could not be sent; on the stream if it has one." },
    { "goaway", args = { { "code", "integer" }, { "lastStreamID", "integer" }, { "opaqueData?", "string" } }, rfc = "RFC 9113 6.8",
      text = [[
        The peer sent GOAWAY. With code 0 our own `close()` follows: open streams finish. With another code the session is
        destroyed with ERR_HTTP2_SESSION_ERROR.
      ]] },
    { "localSettings", args = { { "settings", "Settings" } }, text = "The peer acknowledged our SETTINGS." },
    { "remoteSettings", args = { { "settings", "Settings" } }, text = "The peer's SETTINGS came." },
    { "ping", args = { { "payload", "string", "8 bytes" } }, text = "The peer sent PING. The answer goes out by itself." },
    { "stream", args = { { "stream", "Http2Stream" }, { "headers", "Headers" }, { "flags", "integer" }, { "rawHeaders", "string[]" } },
      text = "Server: a request, before the server's own 'stream'. Client: a pushed stream." },
    { "timeout", args = {}, text = "Nothing came or went for the time given to `setTimeout`." },
  },
  properties = {
    { "alpnProtocol", type = "string?", text = "`h2`, or `h2c` in clear text; nil before it is connected." },
    { "encrypted", type = "boolean?", text = "Is it TLS? nil before it is connected." },
    { "connecting", type = "boolean", text = "Is it still connecting?" },
    { "closed", type = "boolean", text = "Was it closed, by `close()` or the peer's GOAWAY(0)? `destroy()` alone does not set it." },
    { "destroyed", type = "boolean", text = "Is it over?" },
    { "socket", type = "Http2Socket", text = "A restricted view of the [connection](socket.md)." },
    { "type", type = "integer", text = "0 (NGHTTP2_SESSION_SERVER) or 1 (NGHTTP2_SESSION_CLIENT)." },
    { "state", type = "SessionState", text = "Windows and tables as numbers; `{}` before it is connected and afterwards." },
    { "localSettings", type = "Settings", text = "Our settings as acknowledged; `{}` when unknown." },
    { "remoteSettings", type = "Settings", text = "The peer's; `{}` when unknown." },
    { "pendingSettingsAck", type = "boolean", text = "Does the peer owe an acknowledgement of SETTINGS?" },
    { "goawayCode", type = "integer", default = "0", text = "Of the last GOAWAY received.", node = "has it, undocumented." },
    { "goawayLastStreamID", type = "integer", default = "0", text = "Of the last GOAWAY received.", node = "has it, undocumented." },
    { "closeInfo", type = "CloseInfo?", text = "How it ended; nil while it is open. See [Why it ended](close_info.md).", node = false },
    { "pingRTT", type = "number?", text = "ms of the last answered PING.", node = "tells it through perf_hooks." },
    { "metrics", type = "SessionMetrics", text = "Counts of frames, streams and bytes.", node = "tells them through perf_hooks." },
  },
  methods = {
    { "close", args = { { "callback?", "fun()", "at 'close'" } },  rfc = "RFC 9113 6.8",
      text = [[
        Graceful: sends GOAWAY(NO_ERROR), takes no new streams, ends when the open ones are done. On a session that is
        destroyed it does nothing, and the callback is dropped; on one that is closing the callback is kept.
      ]], node = "drops the callback also when the session is closing." },
    { "destroy", args = { { "err?", "Http2Error|integer", "for 'error'; a number is the code" }, { "code?", "integer", "of the GOAWAY; INTERNAL_ERROR when there is an error" } },
      throws = "ERR_OUT_OF_RANGE ERR_INVALID_ARG_TYPE",
      text = [[
        Ends it at once: streams are destroyed, GOAWAY(code) is sent, the connection ends. A code other than 0 in the
        first place makes an ERR_HTTP2_SESSION_ERROR. Twice is no harm.
      ]] },
    { "goaway", args = { { "code?", "integer", "0" }, { "lastStreamID?", "integer", "0 or less: the last one processed" }, { "opaqueData?", "string" } },
      throws = "ERR_HTTP2_INVALID_SESSION ERR_OUT_OF_RANGE ERR_INVALID_ARG_TYPE", rfc = "RFC 9113 6.8",
      text = "Sends GOAWAY and nothing else. Before the connection stands it waits for it." },
    { "ping", args = { { "payload?", "string", "8 bytes; random ones by default" }, { "callback", "fun(err?: Http2Error, ms?: number, payload?: string)" } },
      returns = { "boolean", "whether it was sent; false also when `maxOutstandingPings` wait" },
      throws = "ERR_HTTP2_PING_LENGTH ERR_INVALID_ARG_TYPE", rfc = "RFC 9113 6.7",
      text = "Sends PING and calls back at its answer, or with ERR_HTTP2_PING_CANCEL when it was not sent or the session ended." },
    { "settings", args = { { "settings", "Settings" }, { "callback?", "fun(err?: Http2Error, settings?: Settings, ms?: number)" } },
      throws = "ERR_HTTP2_INVALID_SETTING_VALUE ERR_HTTP2_INVALID_SESSION ERR_INVALID_ARG_TYPE", rfc = "RFC 9113 6.5",
      text = "Sends SETTINGS and calls back when they are acknowledged, or with ERR_HTTP2_SETTINGS_CANCEL." },
    { "setLocalWindowSize", args = { { "size", "integer", "bytes in all, not a difference" } },
      throws = "ERR_HTTP2_INVALID_SESSION ERR_OUT_OF_RANGE", rfc = "RFC 9113 6.9", text = "The connection's receive window." },
    { "setNextStreamID", args = { { "id", "integer" } }, throws = "ERR_HTTP2_INVALID_SESSION ERR_OUT_OF_RANGE",
      text = "The id of the next stream that we open; it must be larger than all before." },
    { "setTimeout", args = { { "ms", "integer", "0: none" }, { "callback?", "fun()", "for 'timeout'" } }, returns = { "Http2Session" },
      throws = "ERR_OUT_OF_RANGE", text = "Emits 'timeout' when no frame came or went for that time." },
    { "ref", args = {}, text = "It keeps the program running (so it is from the start)." },
    { "unref", args = {}, text = "It does not keep the program running." },
  },
  types = {
    { name = "SessionState", text = "Of `session.state`; all in bytes or numbers of streams.", fields = {
      { "effectiveLocalWindowSize", type = "integer", text = "Our receive window for the connection." },
      { "effectiveRecvDataLength", type = "integer", text = "Received since our last WINDOW_UPDATE." },
      { "nextStreamID", type = "integer", text = "Of the next stream we open." },
      { "localWindowSize", type = "integer", text = "What the peer may still send." },
      { "lastProcStreamID", type = "integer", text = "Of the last stream of the peer that was processed." },
      { "remoteWindowSize", type = "integer", text = "What we may still send." },
      { "outboundQueueSize", type = "integer", text = "Frames that wait to go out." },
      { "deflateDynamicTableSize", type = "integer", text = "Of our HPACK encoder." },
      { "inflateDynamicTableSize", type = "integer", text = "Of our HPACK decoder." },
    } },
    { name = "SessionMetrics", text = "Of `session.metrics`.", fields = {
      { "type", type = "string", text = "`server` or `client`." },
      { "bytesRead", type = "integer", text = "Bytes of the connection." },
      { "bytesWritten", type = "integer", text = "Bytes of the connection." },
      { "framesReceived", type = "integer", text = "Frames of the peer." },
      { "framesSent", type = "integer", text = "Frames of ours." },
      { "maxConcurrentStreams", type = "integer", text = "The most streams that were open at a time." },
      { "pingRTT", type = "number", text = "ms of the last answered PING; 0 without one." },
      { "streamAverageDuration", type = "number", text = "ms, of the streams that ended." },
      { "streamCount", type = "integer", text = "Streams so far." },
    } },
  },
  examples = {
    { id = "session-life", title = "From connect to close",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream) stream:finish "ok" end)

local client = http2.connectPair(server)
print(client.connecting, client.alpnProtocol, client.type)
client:on("connect", function(session) print("connect", session.encrypted, session.connecting) end)
client:on("goaway", function(code, lastStreamID) print("goaway", code, lastStreamID) end)
client:on("close", function() print("close", client.closed, client.destroyed) end)
print(client:request():body())
server:close() -- sends GOAWAY; the client closes in turn
client:await "close"
print(client.goawayCode, client.goawayLastStreamID, client.closeInfo.codeName)
]],
      prints = [[
true nil 1
connect false false
ok
goaway 0 1
close true true
0 1 NGHTTP2_NO_ERROR
]] },
    { id = "session-destroy", title = "Ending with an error",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream) stream:respond() end)

local client = http2.connectPair(server)
local request = client:request()
request:on("error", function(err) print("stream: " .. err.message) end)
client:on("error", function(err) print("session: " .. err.message) end)
request:await "response"
client:destroy(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
print(client.destroyed, client.closed)
client:await "close"
]],
      prints = [[
true false
stream: Session closed with error code 11
session: Session closed with error code 11
]] },
    { id = "ping", title = "PING and SETTINGS",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("session", function(session)
  session:on("ping", function(payload) print("ping", payload) end)
  session:on("remoteSettings", function(settings) print("remoteSettings", settings.initialWindowSize) end)
end)

local client = http2.connectPair(server)
client:on("localSettings", function(settings) print("localSettings", settings.initialWindowSize) end)
client:await "localSettings" -- those of the beginning
client:settings({ initialWindowSize = 100000 }, function(err, settings, ms)
  print("acknowledged", err, settings.initialWindowSize, ms >= 0)
  client:ping("8 bytes.", function(ping_err, ping_ms, payload)
    print("answer", ping_err, payload, client.pingRTT == ping_ms)
    client:close()
  end)
end)
print(client.pendingSettingsAck, client.remoteSettings.maxConcurrentStreams, client.localSettings.initialWindowSize)
]],
      prints = [[
remoteSettings 65535
localSettings 65535
true 128 65535
remoteSettings 100000
acknowledged nil 100000 true
localSettings 100000
ping 8 bytes.
answer nil 8 bytes. true
]] },
    { id = "goaway", title = "A GOAWAY of one's own",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("session", function(session)
  session:goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, "come back later")
end)
local client = http2.connectPair(server)
client:on("goaway", function(code, lastStreamID, opaqueData) print(code, lastStreamID, opaqueData) end)
client:on("error", function(err) print(err.code) end)
client:await "close"
]],
      prints = [[
11 0 come back later
ERR_HTTP2_SESSION_ERROR
]] },
    { id = "session-windows", title = "Windows, ids, idle time",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream) stream:finish(tostring(stream.id)) end)

server:listen(0, "127.0.0.1")
server:await "listening"
local client = http2.connect("http://127.0.0.1:" .. server:address().port)
client:await "remoteSettings"
client:setLocalWindowSize(1048576)
local state = client.state
print(state.effectiveLocalWindowSize, state.localWindowSize, state.effectiveRecvDataLength, state.remoteWindowSize)
print(state.lastProcStreamID, state.outboundQueueSize >= 0, state.deflateDynamicTableSize, state.inflateDynamicTableSize)
client:setNextStreamID(101)
print(client:request():body(), client.state.nextStreamID)
client:setTimeout(20, function()
  print "idle"
  client:close()
end)
client:ref()
client:await "close"
client:unref()
print(next(client.state))
server:close()
]],
      prints = [[
1048576 1048576 0 65535
0 true 0 0
101 103
idle
nil
]] },
    { id = "session-metrics", title = "Counts of a session",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream) stream:finish "ok" end)
local client = http2.connectPair(server)
client:request():body()
client:request():body()
local metrics = client.metrics
print(metrics.type, metrics.streamCount, metrics.maxConcurrentStreams, metrics.framesSent > 2)
print(metrics.framesReceived > 2, metrics.bytesRead > 0, metrics.bytesWritten > 0)
print(metrics.pingRTT, metrics.streamAverageDuration >= 0)
client:close()
]],
      prints = "client 2 1 true\ntrue true true\n0 true\n" },
    { id = "frame-error", title = "A frame that cannot be sent",
      code = [[
local http2 = require "http2"
local server = http2.createServer { maxSendHeaderBlockLength = 500 }
server:on("stream", function(stream)
  stream:on("frameError", function(kind, code, id) print("frameError", kind, id) end)
  stream:on("error", function(err) print(err.code) end)
  stream:respond { ["x-large"] = ("x"):rep(2000) }
end)
local client = http2.connectPair(server)
client:request():on("error", function() end):await "close"
client:destroy()
]],
      prints = "frameError 1 1\nERR_HTTP2_STREAM_ERROR\n" },
  },
}
