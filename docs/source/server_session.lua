return {
  title = "ServerHttp2Session",
  summary = "a connection, the server's side",
  class = "ServerHttp2Session", extends = "Http2Session", var = "session",
  intro = "What the server's 'session' gives, and what `stream.session` is in a handler.",
  events = {
    { "stream", args = { { "stream", "ServerHttp2Stream" }, { "headers", "Headers" }, { "flags", "integer" }, { "rawHeaders", "string[]" } },
      text = "A request, before the server's own 'stream'." },
  },
  properties = {
    { "server", type = "Http2Server?", text = "The server it belongs to." },
  },
  methods = {
    { "altsvc", args = { { "alt", "string" }, { "originOrStream", "string|integer|table", "an origin, or the id of a stream" } }, rfc = "RFC 7838 4",
      throws = "ERR_INVALID_URL ERR_HTTP2_ALTSVC_INVALID_ORIGIN ERR_HTTP2_ALTSVC_LENGTH ERR_INVALID_CHAR ERR_OUT_OF_RANGE ERR_INVALID_ARG_TYPE ERR_HTTP2_INVALID_SESSION",
      text = "Sends ALTSVC: the same can be had elsewhere, too." },
    { "origin", args = { { "...", "string|table" } }, rfc = "RFC 8336",
      throws = "ERR_INVALID_URL ERR_HTTP2_INVALID_ORIGIN ERR_HTTP2_ORIGIN_LENGTH ERR_INVALID_ARG_TYPE ERR_HTTP2_INVALID_SESSION",
      text = "Sends ORIGIN: this connection speaks for these origins." },
  },
  examples = {
    { id = "altsvc", title = "Alternative services",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("session", function(session)
  print(session.server == server)
  session:altsvc('h2=":8000"', "https://example.org:80")
  print(select(2, pcall(session.origin, session, "nonsense")).code)
  session:origin("https://example.com", { origin = "https://example.net" })
end)
server:on("session", function(session)
  session:on("stream", function(stream, headers) print("session stream", headers[":path"]) end)
end)
server:on("stream", function(stream)
  stream.session:altsvc('h2=":8001"', stream.id)
  stream:finish "ok"
end)
local client = http2.connectPair(server)
client:on("altsvc", function(alt, origin, streamId) print("altsvc", alt, origin, streamId) end)
print(client:request():body())
client:close()
]],
      prints = [[
true
ERR_INVALID_URL
altsvc h2=":8000" https://example.org:80 0
session stream /
altsvc h2=":8001" 1
ok
]] },
  },
}
