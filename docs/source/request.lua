return {
  title = "Http2ServerRequest",
  summary = "compatibility API: the request",
  class = "Http2ServerRequest", extends = "Emitter", var = "request",
  intro = [[
    The first argument of 'request'. Reading is that of the [stream](stream.md): events, `pipe`, `body`, `chunks`. A stream's
    errors are not repeated here.
  ]],
  events = {
    { "timeout", args = {}, text = "Nothing happened for the time given to `setTimeout`." },
    { "error", args = { { "err", "Http2Error" } }, text = "What `destroy` was given; not what the stream meets by itself." },
    { "readable", args = {}, text = "Something waits for `read()`." },
    { "pause", args = {}, text = "As the stream's." },
    { "resume", args = {}, text = "As the stream's." },
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
    { "socket", type = "Http2Socket", text = "Facts about the connection.", node = "is a view of the socket." },
    { "connection", type = "Http2Socket", text = "The same." },
    { "aborted", type = "boolean", text = "Did 'aborted' happen?" },
    { "complete", type = "boolean", text = "Will nothing more come: was it read to its end, or aborted? Whether the body was whole says `stream.complete`." },
    { "destroyed", type = "boolean", text = "Is it over?" },
    { "readable", type = "boolean", text = "May it still be read from?" },
    { "readableEnded", type = "boolean", text = "Did 'end' happen?" },
    { "readableFlowing", type = "boolean?", text = "As [the stream's](stream.md#readableflowing)." },
  },
  methods = {
    { "read", args = { { "size?", "integer" } }, returns = { "string?" }, text = "As [the stream's](stream.md#read)." },
    { "resume", args = {}, returns = { "Http2ServerRequest" }, text = "As [the stream's](stream.md#resume)." },
    { "pause", args = {}, returns = { "Http2ServerRequest" }, text = "As [the stream's](stream.md#pause)." },
    { "isPaused", args = {}, returns = { "boolean" }, text = "As [the stream's](stream.md#ispaused)." },
    { "pipe", args = { { "target", "table" }, { "options?", "{end_: boolean?}" } }, returns = { "table" }, text = "As [the stream's](stream.md#pipe)." },
    { "unpipe", args = { { "target?", "table" } }, returns = { "Http2ServerRequest" }, text = "As [the stream's](stream.md#unpipe)." },
    { "body", args = { { "limit?", "integer" } }, returns = { "string|nil, Http2Error?" }, text = "As [the stream's](stream.md#body).", node = false },
    { "chunks", args = {}, returns = { "fun(): string?, Http2Error?" }, text = "As [the stream's](stream.md#chunks).", node = "has async iteration." },
    { "setEncoding", args = { { "encoding", "string" } }, returns = { "Http2ServerRequest" }, text = "Does nothing." },
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
    print("end", request.complete, request.readableEnded, request.trailers["x-t"], #request.rawTrailers)
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
      prints = [[
http localhost 2 0
1 10 true
data body
end true true 2 2
close false
ok
]] },
    { id = "compat-reading", title = "Reading a request",
      code = [[
local http2 = require "http2"
local server = http2.createServer(function(request, response)
  request:setEncoding "utf8"
  request:pause()
  print(request:isPaused(), request.readableFlowing, request.readable, request.destroyed)
  request:resume():pause()
  request:on("readable", function()
    print(request:read())
    response:finish()
  end)
  request:on("timeout", function() end)
  request:on("error", function(err) print(err) end)
end)
local client = http2.connectPair(server)
client:request { [":method"] = "POST" }:finish "body":body()
client:close()

local counter = http2.createServer(function(request, response)
  local bytes = 0
  for chunk in request:chunks() do bytes = bytes + #chunk end
  response:finish(tostring(bytes))
end)
client = http2.connectPair(counter)
print(client:request { [":method"] = "POST" }:finish "body":body())
client:close()
]],
      prints = "true false true false\nbody\n4\n" },
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
