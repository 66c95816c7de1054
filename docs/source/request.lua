return {
  title = "Http2ServerRequest",
  summary = "compatibility API: the request",
  class = "Http2ServerRequest", extends = "Emitter", var = "request",
  intro = [[
    The first argument of 'request'. Reading is that of the [stream](stream.md): events, `pipe`, `body`, `chunks`. A stream's
    errors are not repeated here.
  ]],
  events = {
    { "data", args = { { "chunk", "string" } }, text = "A piece of the body." },
    { "end", args = {}, text = "The body has been read to its end." },
    { "aborted", args = {}, text = "The client left before the answer was whole." },
    { "close", args = {}, text = "The stream is over." },
  },
  properties = {
    { "method", type = "string", text = "May be set." },
    { "url", type = "string", text = "`:path`; may be set." },
    { "headers", type = "Headers", text = "See [Headers](headers.md)." },
    { "rawHeaders", type = "string[]", text = "Names and values in wire order." },
    { "trailers", type = "Headers", text = "Filled at 'end'." },
    { "rawTrailers", type = "string[]", text = "The same in wire order." },
    { "authority", type = "string", text = "`:authority`, else `host`." },
    { "scheme", type = "string", text = "`http` or `https`." },
    { "httpVersion", type = "string", text = "`2.0`." },
    { "httpVersionMajor", type = "integer", text = "2." },
    { "httpVersionMinor", type = "integer", text = "0." },
    { "stream", type = "ServerHttp2Stream", text = "The stream behind it." },
    { "socket", type = "SocketInfo", text = "Facts about the connection.", node = "is a view of the socket." },
    { "connection", type = "SocketInfo", text = "The same." },
    { "aborted", type = "boolean", text = "Did 'aborted' happen?" },
    { "complete", type = "boolean", text = "Did the whole body come?" },
  },
  methods = {
    { "extend", args = {}, returns = { "table" }, text = [[
      Of the class: makes a class below it, for the server's option. Methods put there are those of all requests; a `new` of its own calls
      `http2.Http2ServerRequest.new(self, stream, headers, ...)`.
    ]], node = "uses JavaScript's classes." },
    { "new", args = { { "stream", "ServerHttp2Stream" }, { "headers", "Headers" }, { "...", "any" } }, returns = { "Http2ServerRequest" },
      text = "Of the class: makes an object. For classes below it.", node = "is the constructor." },
    { "setTimeout", args = { { "ms", "integer" }, { "callback?", "fun()" } }, returns = { "Http2ServerRequest" }, text = "Of the stream." },
    { "destroy", args = { { "err?", "any" } }, text = "Of the stream." },
  },
  examples = {
    { id = "compat", title = "The compatibility API",
      code = [[
local http2 = require "http2"
local server = http2.createServer(function(request, response)
  response:setHeader("content-type", "text/plain")
  response:finish(("%s %s %s %s"):format(request.method, request.url, request.httpVersion, request:body()))
end)

local client = http2.connectPair(server)
local call = client:request { [":method"] = "POST", [":path"] = "/a?b" }
call:finish "body"
print(call:body())
client:close()
]],
      prints = "POST /a?b 2.0 body\n" },
    { id = "compat-request", title = "What a request has",
      code = [[
local http2 = require "http2"
local server = http2.createServer(function(request, response)
  print(request.scheme, request.authority, request.httpVersionMajor, request.httpVersionMinor)
  print(request.headers["x-a"], #request.rawHeaders, request.socket == request.connection)
  request:setTimeout(1000)
  request:on("data", function(chunk) print("data", chunk) end)
  request:on("aborted", function() print "aborted" end)
  request:on("close", function() print("close", request.aborted) end)
  request:on("end", function()
    print("end", request.complete, request.trailers["x-t"], #request.rawTrailers)
    response:finish "ok"
  end)
end)

local client = http2.connectPair(server)
local call = client:request({ [":method"] = "POST", ["x-a"] = "1" }, { waitForTrailers = true })
call:on("wantTrailers", function() call:sendTrailers { ["x-t"] = "2" } end)
call:finish "body"
print(call:body())
client:close()
]],
      prints = "" },
    { id = "compat-destroy", title = "Refusing a request",
      code = [[
local http2 = require "http2"
local server = http2.createServer(function(request)
  print(request.stream.id)
  request:destroy()
end)
local client = http2.connectPair(server)
local call = client:request()
call:await "close"
print(call.rstCode)
client:close()
]],
      prints = "1\n0\n" },
  },
}
