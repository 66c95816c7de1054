return {
  title = "Http2Stream",
  summary = "a request and its answer, what both sides share: bodies, trailers, the end",
  class = "Http2Stream", extends = "Emitter", var = "stream",
  intro = [[
    One exchange: a duplex of bytes between header blocks. Servers get [theirs](server_stream.md) with 'stream', clients make
    [theirs](client_stream.md) with [`request`](client_session.md#request).

    **Reading.** Nothing flows until somebody reads: by 'data', `resume`, `pipe`, `read`, or in sequence by `body` and
    `chunks`. What is not read holds the peer's window; a server drops what nobody wanted once it has answered.

    **Writing.** `write` never waits: it answers false when more than 64 KiB are queued, and 'drain' comes when they are gone. `send`
    is the form that waits. A stream for which more than 16 MiB wait is reset with ERR_STREAM_OVERFLOW.

    **The end.** 'close' is always the last event and comes once; 'error', if any, right before it. `rstCode`,
    [`closeInfo`](close_info.md) and `complete` tell what happened. A handler that is suspended when its stream ends
    abnormally is resumed with the thrown error ERR_PERIGEE_CANCELLED.
  ]],
  events = {
    { "data", args = { { "chunk", "string" } }, text = "A piece of the body; each DATA frame is one. A listener makes the body flow.",
      node = "gives a Buffer." },
    { "end", args = {}, text = "The body has been read to its end. Also when the peer cut it with RST_STREAM(NO_ERROR): see `complete`." },
    { "readable", args = {}, text = "Something waits for `read()`." },
    { "pause", args = {}, text = "The flow of 'data' was stopped." },
    { "resume", args = {}, text = "'data' flows from now on." },
    { "drain", args = {}, text = "`write` answered false, and the queue is empty again." },
    { "finish", args = {}, text = "Our END_STREAM was handed over." },
    { "pipe", args = { { "source", "Http2Stream" } }, text = "Another stream is piped into this one." },
    { "unpipe", args = { { "source", "Http2Stream" } }, text = "It no longer is." },
    { "aborted", args = {}, text = "It was closed before our side had ended. Once, and before 'error' and 'close'." },
    { "error", args = { { "err", "Http2Error" } },
      text = "Why it failed. A reset with a code other than NO_ERROR and CANCEL gives ERR_HTTP2_STREAM_ERROR. Without a listener it is logged.",
      node = "an 'error' without a listener ends the process." },
    { "close", args = {}, text = "It is over. Always the last event, and once." },
    { "ready", args = {}, text = "It has an id." },
    { "timeout", args = {}, text = "Nothing happened for the time given to `setTimeout`." },
    { "frameError", args = { { "type", "integer" }, { "code", "integer" }, { "id", "integer" } }, text = "A frame could not be sent; the stream is closed." },
    { "trailers", args = { { "headers", "Headers" }, { "flags", "integer" }, { "rawHeaders", "string[]" } }, text = "The block behind the peer's body.", rfc = "RFC 9113 8.1" },
    { "wantTrailers", args = {}, text = "With `waitForTrailers`: our body is out; call `sendTrailers` or `close`. Without a listener the stream ends." },
  },
  properties = {
    { "id", type = "integer?", text = "nil while it is pending." },
    { "pending", type = "boolean", text = "Does it wait for the connection?" },
    { "closed", type = "boolean", text = "Is it closed: by `close`, by a reset, or because both sides are done?" },
    { "destroyed", type = "boolean", text = "Is it over?" },
    { "aborted", type = "boolean", text = "Did 'aborted' happen?" },
    { "rstCode", type = "integer", default = "0", text = "The code it ended with." },
    { "session", type = "Http2Session?", text = "Its session; nil when it is destroyed." },
    { "headersSent", type = "boolean", text = "Has the answer begun? Always true on a client." },
    { "sentHeaders", type = "Headers?", text = "What was sent, with what was filled in." },
    { "sentInfoHeaders", type = "Headers[]?", text = "The 1xx blocks that were sent, the first 100 of them." },
    { "sentTrailers", type = "Headers?", text = "The trailers that were sent." },
    { "endAfterHeaders", type = "boolean", text = "Did the peer's header block end its side: is there no body to read?" },
    { "bufferSize", type = "integer", text = "Bytes accepted by `write` and not yet sent." },
    { "state", type = "StreamState", text = "The protocol's view of it; `{}` when it is gone." },
    { "headRequest", type = "boolean?", text = "Is it a HEAD request?", node = "has it, undocumented." },
    { "complete", type = "boolean", text = "Did the peer's END_STREAM come? false after the end means a cut body.", node = false },
    { "closeInfo", type = "CloseInfo?", text = "How it ended; nil while it is open. See [Why it ended](close_info.md).", node = false },
    { "bytesRead", type = "integer", text = "Bytes of body received.", node = false },
    { "bytesWritten", type = "integer", text = "Bytes of body sent or queued.", node = false },
    { "metrics", type = "StreamMetrics", text = "Bytes and times.", node = "tells them through perf_hooks." },
    { "writable", type = "boolean", text = "May it still be written to?" },
    { "writableEnded", type = "boolean", text = "Was `finish` called?" },
    { "writableFinished", type = "boolean", text = "Did 'finish' happen?" },
    { "writableLength", type = "integer", text = "The same as `bufferSize`." },
    { "writableHighWaterMark", type = "integer", default = "65536", text = "Above that `write` answers false.", node = "16384." },
    { "writableCorked", type = "integer", default = "0", text = "How often `cork` was called and not undone." },
    { "writableObjectMode", type = "boolean", default = "false", text = "Always false: chunks are strings." },
    { "readableObjectMode", type = "boolean", default = "false", text = "Always false: chunks are strings." },
    { "writableNeedDrain", type = "boolean", text = "Will 'drain' come?" },
    { "readable", type = "boolean", text = "May it still be read from?" },
    { "readableEnded", type = "boolean", text = "Did 'end' happen?" },
    { "readableLength", type = "integer", text = "Bytes that came and were not read." },
    { "readableHighWaterMark", type = "integer", default = "65536", text = "What may come before somebody reads, unless the settings have another `initialWindowSize`.", node = "16384." },
    { "errored", type = "Http2Error?", text = "The error it ended with." },
    { "readableFlowing", type = "boolean?", text = "true: flows; false: paused; nil: nobody has asked yet." },
  },
  methods = {
    { "write", args = { { "data", "string" }, { "encoding?", "string", "ignored" }, { "callback?", "fun(err?: Http2Error)" } },
      returns = { "boolean", "false: enough waits, 'drain' will come; or it is over" }, throws = "ERR_INVALID_ARG_TYPE",
      text = [[
        Sends bytes; never waits. On a server it answers with 200 first, if nothing did. Each write is at least one DATA frame. After
        `finish` there is an 'error' ERR_STREAM_WRITE_AFTER_END, after the end just false.
      ]] },
    { "send", args = { { "data", "string" } }, returns = { "boolean|nil, Http2Error?", "true, or nil and why it is over" },
      throws = "ERR_INVALID_ARG_TYPE ERR_PERIGEE_AWAIT_PLACE", text = "The same, but waits while too much waits already.", node = false },
    { "finish", args = { { "data?", "string" }, { "encoding?", "string", "ignored" }, { "callback?", "fun(err?: Http2Error)", "at 'finish', or when it is too late for that" } },
      returns = { "Http2Stream" }, throws = "ERR_INVALID_ARG_TYPE",
      text = "Ends our side, with a last piece if given.", node = "is called `end`, which Lua reserves." },
    { "end_", args = { { "data?", "string" }, { "encoding?", "string" }, { "callback?", "fun()" } }, returns = { "Http2Stream" },
      text = "The same as `finish`.", node = false },
    { "end", args = { { "data?", "string" }, { "encoding?", "string" }, { "callback?", "fun()" } }, returns = { "Http2Stream" },
      text = 'The same as `finish`, to be called as `stream["end"](stream, …)`.' },
    { "close", args = { { "code?", "integer", "0" }, { "callback?", "fun()", "at 'close'" } }, throws = "ERR_OUT_OF_RANGE", rfc = "RFC 9113 6.4",
      text = [[
        Sends RST_STREAM with that code. With code 0 after `finish` it waits until the body is out. A second call does nothing.
      ]],
      node = "sends END_STREAM before the RST_STREAM, so that a cut body looks whole; here it does not." },
    { "destroy", args = { { "err?", "any", "for 'error'; the code is INTERNAL_ERROR then" } }, returns = { "Http2Stream" },
      text = "Ends it at once: what waits is dropped but for the first piece; then RST_STREAM. 'close' comes on the next turn." },
    { "setTimeout", args = { { "ms", "integer", "0: none" }, { "callback?", "fun()", "once, for 'timeout'" } }, returns = { "Http2Stream" },
      throws = "ERR_OUT_OF_RANGE", text = "Emits 'timeout' when nothing came or went for that time." },
    { "sendTrailers", args = { { "headers", "Headers" } }, rfc = "RFC 9113 8.1",
      throws = "ERR_HTTP2_TRAILERS_NOT_READY ERR_HTTP2_TRAILERS_ALREADY_SENT ERR_HTTP2_INVALID_STREAM ERR_HTTP2_INVALID_PSEUDOHEADER",
      text = "Ends our side with trailers, after 'wantTrailers'." },
    { "body", args = { { "limit?", "integer", "bytes" } }, returns = { "string|nil, Http2Error?", "the body, or nil and why it was cut, or ERR_PERIGEE_BODY_TOO_LARGE" },
      throws = "ERR_PERIGEE_AWAIT_PLACE ERR_PERIGEE_READER", text = "Waits for the whole body.", node = false },
    { "chunks", args = {}, returns = { "fun(): string?, Http2Error?", "an iterator for `for`" },
      throws = "ERR_PERIGEE_AWAIT_PLACE ERR_PERIGEE_READER",
      text = [[
        `for chunk in stream:chunks() do … end` reads the body in order, and holds the peer back while the loop is busy. When the body was
        cut the loop ends and `complete` is false.
      ]], node = "has async iteration." },
    { "read", args = { { "size?", "integer", "bytes" } }, returns = { "string?" }, throws = "ERR_OUT_OF_RANGE",
      text = "All that waits, or nil. With a size: so many bytes, nil when there are fewer; at the end of the body what is left." },
    { "resume", args = {}, returns = { "Http2Stream" }, text = "'data' comes from now on; without a listener the body is thrown away." },
    { "pause", args = {}, returns = { "Http2Stream" }, text = "No 'data' until `resume`; the peer is held back by its window." },
    { "isPaused", args = {}, returns = { "boolean" }, text = "Was it paused?" },
    { "pipe", args = { { "target", "table", "a stream, or anything with `write` and `finish`" }, { "options?", "{end_: boolean?}", "`end_ = false`: the target stays open" } },
      returns = { "table", "the target" }, throws = "ERR_INVALID_ARG_TYPE",
      text = "Sends what comes on to the target, as fast as it takes it. A cut body does not end the target.",
      node = "ends the target also after a cut body." },
    { "unpipe", args = { { "target?", "table" } }, returns = { "Http2Stream" }, text = "Undoes `pipe`, for that target or for all." },
    { "cork", args = {}, returns = { "Http2Stream" }, text = "Holds what is written until `uncork` was called as often; it leaves as one piece then. `finish` releases it too." },
    { "uncork", args = {}, returns = { "Http2Stream" }, text = "Undoes one `cork`." },
    { "setEncoding", args = { { "encoding", "string" } }, returns = { "Http2Stream" }, text = "Does nothing: chunks are strings of bytes.", node = "chunks become text." },
    { "setDefaultEncoding", args = { { "encoding", "string" } }, returns = { "Http2Stream" }, text = "Does nothing." },
    { "priority", args = { { "options", "table" } }, text = "Does nothing: RFC 9113 dropped priorities.", rfc = "RFC 9113 5.3",
      node = "sends PRIORITY, and warns in newer versions." },
  },
  types = {
    { name = "StreamState", text = "Of `stream.state`.", fields = {
      { "state", type = "integer", text = "NGHTTP2_STREAM_STATE_*: 2 open, 5 half closed (local), 6 half closed (remote), 7 closed." },
      { "localClose", type = "integer", text = "1: our side has ended." },
      { "remoteClose", type = "integer", text = "1: the peer's side has ended." },
      { "localWindowSize", type = "integer", text = "Bytes that the peer may still send." },
      { "weight", type = "integer", default = "16", text = "Of priorities; always 16." },
      { "sumDependencyWeight", type = "integer", default = "0", text = "Of priorities; always 0." },
    } },
    { name = "StreamMetrics", text = "Of `stream.metrics`; times in ms since the stream began, 0 for what did not happen. Of a server's stream whose end nobody waits for the times of bytes are forgotten when it closes.", fields = {
      { "bytesRead", type = "integer", text = "Bytes of body received." },
      { "bytesWritten", type = "integer", text = "Bytes of body sent." },
      { "id", type = "integer", text = "Of the stream." },
      { "timeToFirstByte", type = "integer", text = "Until the first DATA came." },
      { "timeToFirstByteSent", type = "integer", text = "Until the first DATA was sent." },
      { "timeToFirstHeader", type = "integer", text = "Until the first header block came." },
    } },
  },
  examples = {
    { id = "stream-events", title = "The events of an exchange",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  stream:respond()
  stream:write "one"
  stream:write "two"
  stream:finish()
end)

local client = http2.connectPair(server)
local request = client:request { [":method"] = "POST" }
request:on("ready", function() print("ready", request.id, request.pending) end)
request:on("finish", function() print("finish", request.writableEnded, request.writableFinished) end)
request:on("response", function(headers) print("response", headers[":status"], request.headersSent) end)
request:on("data", function(chunk) print("data", chunk) end)
request:on("end", function() print("end", request.complete, request.readableEnded) end)
request:on("close", function() print("close", request.rstCode, request.closed, request.destroyed, request.aborted) end)
request:finish "a body"
request:await "close"
print(request.session, request.bytesRead, request.bytesWritten)
client:close()
]],
      prints = [[
ready 1 false
finish true true
response 200 true
data one
data two
end true true
close 0 true true false
nil 6 6
]] },
    { id = "backpressure", title = "Writing as fast as the peer takes it",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  print(stream.writableHighWaterMark, stream.writableNeedDrain)
  while stream:write(("x"):rep(50000)) do end
  print(stream.writableNeedDrain, stream.bufferSize == stream.writableLength)
  stream:await "drain" -- with listeners: stream:once("drain", more)
  for _ = 1, 10 do stream:send(("x"):rep(50000)) end
  stream:finish()
end)

local client = http2.connectPair(server)
print(#client:request():body())
client:close()
]],
      prints = [[
65536 false
true true
600000
]] },
    { id = "reading", title = "Ways to read",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  local path = headers[":path"]
  if path == "/body" then
    local body, err = stream:body(5)
    stream:finish(body or err.code)
  elseif path == "/chunks" then
    local count = 0
    for chunk in stream:chunks() do count = count + #chunk end
    stream:finish("counted " .. count)
  elseif path == "/read" then
    stream:on("readable", function() stream:finish("read " .. tostring(stream:read())) end)
  else
    stream:on("pause", function() print "pause" end)
    stream:on("resume", function() print "resume" end)
    stream:pause()
    print("paused", stream:isPaused(), stream.readableFlowing, stream.readableLength, stream.readableHighWaterMark)
    setTimeout(function() stream:resume() end, 5)
    stream:pipe(stream)
  end
end)

local client = http2.connectPair(server)
for _, path in ipairs { "/body", "/chunks", "/read", "/pipe" } do
  local request = client:request { [":method"] = "POST", [":path"] = path }
  request:finish "0123456789"
  print(request:body())
end
client:close()
]],
      prints = [[
ERR_PERIGEE_BODY_TOO_LARGE
counted 10
read 0123456789
pause
paused true false 0 65536
resume
0123456789
]] },
    { id = "pipes", title = "Pipes into anything",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  stream:on("pipe", function() print "pipe" end)
  stream:on("unpipe", function() print "unpipe" end)
  stream:respond()
  stream:pipe(stream)
  stream:unpipe(stream)
  stream:pipe(stream)
end)

local client = http2.connectPair(server)
local request = client:request { [":method"] = "POST" }
request:finish "hello"

local sink = { write = function(_, chunk) print("sink " .. chunk) end, finish = function() print "sink ends" end }
local other = { write = function() end, finish = function() print "never" end }
request:pipe(sink)
request:pipe(other, { end_ = false })
request:unpipe(other)
request:await "close"
client:close()
]],
      prints = "pipe\nunpipe\npipe\nsink hello\nsink ends\n" },
    { id = "trailers", title = "Trailers both ways",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  stream:on("trailers", function(headers) print("request trailers", headers["x-sum"]) end)
  stream:on("wantTrailers", function()
    stream:sendTrailers { ["x-status"] = "fine" }
    print(stream.sentTrailers["x-status"])
  end)
  stream:respond({}, { waitForTrailers = true })
  print(select(2, pcall(stream.sendTrailers, stream, {})).code)
  stream:pipe(stream)
end)

local client = http2.connectPair(server)
local request = client:request({ [":method"] = "POST" }, { waitForTrailers = true })
request:on("wantTrailers", function() request:sendTrailers { ["x-sum"] = "42" } end)
request:finish "body"
request:resume()
print("response trailers", request:await "trailers" ["x-status"])
client:close()
]],
      prints = [[
ERR_HTTP2_TRAILERS_NOT_READY
request trailers 42
fine
response trailers fine
]] },
    { id = "ends", title = "Ways to end",
      code = [[
local http2 = require "http2"
local codes = http2.constants
local server = http2.createServer()
server:on("stream", function(stream, headers)
  stream:on("aborted", function() print("aborted", stream.aborted) end)
  stream:on("error", function(err) print("error", err.code or err.message) end)
  stream:respond()
  stream:write "half of it"
  if headers[":path"] == "/close" then stream:close(codes.NGHTTP2_ENHANCE_YOUR_CALM) end
  if headers[":path"] == "/destroy" then stream:destroy "no more" end
end)

local client = http2.connectPair(server)
for _, path in ipairs { "/close", "/destroy" } do
  local request = client:request { [":path"] = path }
  request:on("error", function() end)
  local body, err = request:body()
  print(path, body, err.code, request.rstCode, request.complete, request.errored == err)
end
client:close()
]],
      prints = [[
aborted true
error ERR_HTTP2_STREAM_ERROR
/close nil ERR_HTTP2_STREAM_ERROR 11 false true
aborted true
error no more
/destroy nil ERR_HTTP2_STREAM_ERROR 2 false true
]] },
    { id = "stream-timeout", title = "A peer that says nothing",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  stream:setTimeout(20, function()
    local state = stream.state
    print("timeout", state.state, state.localClose, state.remoteClose, state.localWindowSize)
    print(state.weight, state.sumDependencyWeight)
    stream:close(http2.constants.NGHTTP2_CANCEL)
  end)
end)
server:listen(0, "127.0.0.1")
server:await "listening"
local client = http2.connect("http://127.0.0.1:" .. server:address().port)
local request = client:request { [":method"] = "POST" }
request:await "close"
print(request.rstCode)
client:close()
server:close()
]],
      prints = "timeout 2 0 0 65535\n16 0\n8\n" },
    { id = "noops", title = "Cork, and what is accepted and does nothing",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  stream:setEncoding "utf8"
  stream:setDefaultEncoding "utf8"
  stream:cork()
  stream:priority { weight = 10 }
  stream:write "hel"
  stream:uncork()
  stream:end_ "lo"
  print(stream.writable, stream.readable, stream.writableCorked, stream.writableObjectMode, stream.readableObjectMode)
  stream["end"](stream)
end)
local client = http2.connectPair(server)
print(client:request():body())
client:close()
]],
      prints = "false true 0 false false\nhello\n" },
    { id = "stream-metrics", title = "Bytes and times of a stream",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream) stream:finish "hello" end)
local client = http2.connectPair(server)
local request = client:request()
request:body()
local metrics = request.metrics
print(metrics.id, metrics.bytesRead, metrics.bytesWritten)
print(metrics.timeToFirstHeader >= 0, metrics.timeToFirstByte >= metrics.timeToFirstHeader, metrics.timeToFirstByteSent)
client:close()
]],
      prints = "1 5 0\ntrue true 0\n" },
  },
}
