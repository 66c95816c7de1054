return {
  title = "Why it ended",
  summary = "closeInfo of streams and sessions, and what it says",
  node = false,
  intro = [[
    `stream.closeInfo` and `session.closeInfo` are nil while it is open, and then a table that says who ended it and why. The same is in the
    log line, if there is one. `by` is one of

    | by | ended by |
    | --- | --- |
    | `peer` | the other side: it reset the stream, closed the session, or hung up; of a client's stream also: it finished |
    | `handler` | our script: it called `close` or `destroy`; of a server's stream also: it finished |
    | `session` | the session of this stream |
    | `timeout` | a deadline |
    | `limit` | a limit of ours that the peer met |
    | `shutdown` | `server:close()`, or the end of the program |
    | `protocol` | a mistake of the peer in HTTP/2 or TLS |
  ]],
  types = {
    { name = "CloseInfo", text = "How a stream or a session ended.", fields = {
      { "by", type = "string", text = "Who ended it; see above." },
      { "code", type = "integer", text = "The HTTP/2 error code." },
      { "codeName", type = "string", text = "Its name, such as `NGHTTP2_CANCEL`." },
      { "reason", type = "string", text = "In a word. Of a stream: `finished` when both sides were whole, else `reset`. Of a session: `closed`, `destroyed`, or an error's code such as ECONNRESET." },
      { "detail", type = "string", text = "More about it, for people; may be nil." },
      { "bytesIn", type = "integer", text = "Bytes of body received (stream), or of the connection (session)." },
      { "bytesOut", type = "integer", text = "Bytes sent." },
      { "ms", type = "number", text = "How long it was open." },
    } },
  },
  examples = {
    { id = "close-info", title = "Asking why it ended",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  stream:on("close", function()
    local info = stream.closeInfo
    print(headers[":path"], info.by, info.code, info.codeName, info.reason, info.detail)
    print(info.bytesIn, info.bytesOut, info.ms >= 0)
  end)
  if headers[":path"] == "/ok" then stream:finish "done" else stream:respond() end
end)
server:on("session", function(session)
  session:on("close", function() print("session", session.closeInfo.by, session.closeInfo.reason) end)
end)

local client = http2.connectPair(server)
local request = client:request { [":path"] = "/ok" }
print(request.closeInfo)
request:body()
request = client:request { [":path"] = "/slow" }
request:await "response"
request:close(http2.constants.NGHTTP2_CANCEL)
client:close()
]],
      prints = [[
nil
/ok handler 0 NGHTTP2_NO_ERROR finished nil
0 4 true
/slow peer 8 NGHTTP2_CANCEL reset nil
0 0 true
session peer closed
]] },
  },
}
