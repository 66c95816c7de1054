return {
  title = "ClientHttp2Session",
  summary = "a connection, the client's side: requests",
  class = "ClientHttp2Session", extends = "Http2Session", var = "client",
  intro = "Made by [`http2.connect`](http2.md#connect) or [`http2.connectPair`](http2.md#connectpair).",
  events = {
    { "stream", args = { { "stream", "ClientHttp2Stream" }, { "headers", "Headers", "of the request that was promised" }, { "flags", "integer" }, { "rawHeaders", "string[]" } },
      text = "A pushed stream. Without a listener pushes are reset with CANCEL; `enablePush = false` in the settings keeps the server from making them.",
      node = "leaves a push that nobody hears of open." },
    { "altsvc", args = { { "alt", "string" }, { "origin", "string" }, { "streamId", "integer", "0: for the origin" } }, rfc = "RFC 7838 4",
      text = "The peer sent ALTSVC." },
    { "origin", args = { { "origins", "string[]" } }, rfc = "RFC 8336", text = "The peer sent ORIGIN." },
  },
  properties = {
    { "originSet", type = "string[]?", rfc = "RFC 8336", text = "TLS: the origins that the server says this connection may be used for. One that answers 421 is taken away." },
  },
  methods = {
    { "request", args = { { "headers?", "Headers|string[]" }, { "options?", "RequestOptions" } }, returns = { "ClientHttp2Stream" },
      rfc = "RFC 9113 8.3.1, RFC 8441",
      throws = [[ERR_HTTP2_CONNECT_AUTHORITY ERR_HTTP2_CONNECT_SCHEME ERR_HTTP2_CONNECT_PATH
        ERR_HTTP2_INVALID_CONNECTION_HEADERS ERR_HTTP2_INVALID_PSEUDOHEADER ERR_HTTP2_HEADER_SINGLE_VALUE
        ERR_INVALID_HTTP_TOKEN ERR_INVALID_CHAR ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE]],
      text = [[
        Opens a stream. `:method` GET, `:path` /, `:scheme` and `:authority` are filled in. Before the connection stands the
        stream is `pending`; over the peer's limit of streams it has an id and waits. On a session that is closed or destroyed
        the stream gets an 'error' on the next turn.
      ]] },
  },
  types = {
    { name = "RequestOptions", text = "For `request`.", fields = {
      { "endStream", type = "boolean", default = "true for GET, HEAD, DELETE", text = "There is no body." },
      { "waitForTrailers", type = "boolean", default = "false", text = "'wantTrailers' comes when the body is out: send trailers then." },
      { "signal", type = "CancelToken", text = "Cancels the request: see [CancelToken](cancel.md).", node = "takes an AbortSignal." },
      { "parent", type = "ServerHttp2Stream", text = "A stream whose handler makes this request: when it ends abnormally, or its handler throws, the request is reset with CANCEL.",
        node = "has it for priorities, which RFC 9113 dropped." },
      { "exclusive", type = "boolean", text = "Accepted and ignored: of priorities." },
      { "weight", type = "integer", text = "Accepted and ignored: of priorities." },
      { "silent", type = "boolean", text = "Accepted and ignored: of priorities." },
    } },
  },
  examples = {
    { id = "request", title = "Requests",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  stream:respond { ["x-got"] = headers[":method"] .. " " .. headers[":path"] }
  stream:pipe(stream)
end)

local client = http2.connectPair(server)
local get = client:request()
print(get.pending, get:await "response" ["x-got"])

local post = client:request({ [":method"] = "POST", [":path"] = "/p" }, { endStream = false, weight = 1, exclusive = false, silent = true })
post:finish "a body"
print(post:await "response" ["x-got"], post:body())

client:destroy()
client:request():on("error", function(err) print(err.code) end)
]],
      prints = [[
true GET /
POST /p a body
ERR_HTTP2_INVALID_SESSION
]] },
    { id = "parent", title = "A request that ends with the handler's stream",
      code = [[
local http2 = require "http2"
local backend = http2.createServer()
backend:on("stream", function(stream)
  stream:on("close", function() print("backend", stream.rstCode) end)
  stream:respond()
end)
local upstream = http2.connectPair(backend)

local server = http2.createServer()
server:on("stream", function(stream)
  local request = upstream:request({}, { parent = stream })
  request:await "response"
  stream:respond()
  request:pipe(stream)
end)

local client = http2.connectPair(server)
local request = client:request()
request:await "response"
request:close(http2.constants.NGHTTP2_CANCEL)
client:close()
client:await "close"
upstream:close()
]],
      prints = "backend 8\n" },
    { id = "push", title = "Server push",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  print("allowed", stream.pushAllowed)
  stream:pushStream({ [":path"] = "/style.css" }, function(err, push, headers)
    push:respond { ["content-type"] = "text/css" }
    push:finish("body of " .. headers[":path"])
  end)
  stream:finish "page"
end)

local client = http2.connectPair(server, { maxReservedRemoteStreams = 10 })
client:on("stream", function(pushed, headers)
  print("promised", headers[":path"])
  pushed:on("push", function(response) print("push", response["content-type"]) end)
  print(pushed:body())
  client:close()
end)
local request = client:request()
print(request:body())
]],
      prints = [[
allowed true
promised /style.css
push text/css
page
body of /style.css
]] },
  },
}
