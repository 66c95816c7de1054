local name = { "name", "string" }
return {
  title = "Http2ServerResponse",
  summary = "compatibility API: the response",
  class = "Http2ServerResponse", extends = "Emitter", var = "response",
  intro = [[
    The second argument of 'request'. Header names are taken in any case, and sent in lower case. Calls on a stream that is gone do
    nothing, where the stream's own methods throw. Trailers may be set at any time before `finish`.
  ]],
  events = {
    { "finish", args = {}, text = "The answer was handed over." },
    { "close", args = {}, text = "The stream is over." },
    { "drain", args = {}, text = "`write` answered false, and the queue is empty again." },
    { "timeout", args = {}, text = "Nothing happened for the time given to `setTimeout`." },
    { "pipe", args = { { "source", "table" } }, text = "A stream is piped into it." },
    { "unpipe", args = { { "source", "table" } }, text = "It no longer is." },
  },
  properties = {
    { "statusCode", type = "integer", default = "200", text = "200 to 599; others throw ERR_HTTP2_STATUS_INVALID, 1xx ERR_HTTP2_INFO_STATUS_NOT_ALLOWED." },
    { "statusMessage", type = "string", default = "", text = "Always empty: HTTP/2 has none. Setting it is ignored, with one warning in the log." },
    { "headersSent", type = "boolean", text = "Has the answer begun?" },
    { "sendDate", type = "boolean", default = "true", text = "Add `date`?" },
    { "finished", type = "boolean", text = "Was `finish` called?" },
    { "req", type = "Http2ServerRequest", text = "The request." },
    { "stream", type = "ServerHttp2Stream", text = "The stream behind it." },
    { "socket", type = "Http2Socket?", text = "Facts about the connection; nil after the end." },
    { "connection", type = "Http2Socket?", text = "The same." },
    { "writable", type = "boolean", text = "May it still be written to?" },
    { "destroyed", type = "boolean", text = "Is it over?" },
    { "writableNeedDrain", type = "boolean", text = "Will 'drain' come?" },
    { "writableEnded", type = "boolean", text = "Was `finish` called?" },
    { "writableFinished", type = "boolean", text = "Did 'finish' happen?" },
    { "writableLength", type = "integer", text = "Bytes that wait." },
    { "writableHighWaterMark", type = "integer", default = "65536", text = "Above that `write` answers false." },
    { "writableCorked", type = "integer", default = "0", text = "How often `cork` was called and not undone." },
    { "writableObjectMode", type = "boolean", default = "false", text = "Always false: chunks are strings." },
  },
  methods = {
    { "extend", args = {}, returns = { "table" }, text = "Of the class: makes a class below it, as [the request's](request.md#extend).",
      node = "uses JavaScript's classes." },
    { "new", args = { { "stream", "ServerHttp2Stream" }, { "options", "nil" }, { "request?", "Http2ServerRequest" } }, returns = { "Http2ServerResponse" },
      text = "Of the class: makes an object. For classes below it.", node = "is the constructor." },
    { "setHeader", args = { name, { "value", "string|number|string[]" } },
      throws = "ERR_HTTP2_HEADERS_SENT ERR_HTTP2_INVALID_HEADER_VALUE ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED ERR_INVALID_HTTP_TOKEN ERR_INVALID_CHAR",
      text = "Sets a header, in the place of one of that name. `connection` is dropped with a warning." },
    { "appendHeader", args = { name, { "value", "string|string[]" } }, throws = "ERR_HTTP2_HEADERS_SENT ERR_HTTP2_INVALID_HEADER_VALUE",
      text = "Adds a value to those of that name." },
    { "getHeader", args = { name }, returns = { "string|number|string[]|nil" }, text = "As it was set." },
    { "getHeaders", args = {}, returns = { "table", "a copy" }, text = "All of them." },
    { "getHeaderNames", args = {}, returns = { "string[]", "in lower case" }, text = "Their names." },
    { "hasHeader", args = { name }, returns = { "boolean" }, text = "Is it set?" },
    { "removeHeader", args = { name }, throws = "ERR_HTTP2_HEADERS_SENT", text = "Takes it away." },
    { "setTrailer", args = { name, { "value", "string|number|string[]" } }, throws = "ERR_HTTP2_INVALID_HEADER_VALUE ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED",
      text = "Sets a trailer." },
    { "addTrailers", args = { { "headers", "Headers" } }, throws = "ERR_HTTP2_INVALID_HEADER_VALUE ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED", text = "Sets several." },
    { "writeHead", args = { { "status", "integer" }, { "message?", "string", "ignored" }, { "headers?", "Headers|table", "a table, a flat list, or a list of pairs" } },
      returns = { "Http2ServerResponse" }, throws = "ERR_HTTP2_HEADERS_SENT ERR_HTTP2_STATUS_INVALID ERR_HTTP2_INFO_STATUS_NOT_ALLOWED",
      text = "Begins the answer." },
    { "flushHeaders", args = {}, text = "Begins the answer with what is set, if nothing did." },
    { "write", args = { { "data", "string" }, { "encoding?", "string", "ignored" }, { "callback?", "fun(err?: Http2Error)" } }, returns = { "boolean" },
      text = "As [the stream's](stream.md#write). After `finish`: ERR_STREAM_WRITE_AFTER_END to the callback and by `destroy`; on a stream that is gone ERR_HTTP2_INVALID_STREAM." },
    { "send", args = { { "data", "string" } }, returns = { "boolean|nil, Http2Error?" }, text = "As [the stream's](stream.md#send): waits.", node = false },
    { "finish", args = { { "data?", "string" }, { "encoding?", "string", "ignored" }, { "callback?", "fun()" } }, returns = { "Http2ServerResponse" },
      text = "Ends the answer. Twice is no harm.", node = "is called `end`." },
    { "end_", args = { { "data?", "string" }, { "encoding?", "string" }, { "callback?", "fun()" } }, returns = { "Http2ServerResponse" }, text = "The same.", node = false },
    { "end", args = { { "data?", "string" }, { "encoding?", "string" }, { "callback?", "fun()" } }, returns = { "Http2ServerResponse" }, text = 'The same, as `response["end"](response, …)`.' },
    { "writeContinue", args = {}, rfc = "RFC 9110 15.2.1", text = "Sends 100: for 'checkContinue'." },
    { "writeEarlyHints", args = { { "hints", "Headers", "`link`: a text or a list" } }, rfc = "RFC 8297", throws = "ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE",
      text = "Sends 103." },
    { "writeInformation", args = { { "status", "integer", "102 to 199" }, { "headers?", "Headers" } },
      throws = "ERR_HTTP2_STATUS_INVALID ERR_INVALID_ARG_TYPE", text = "Sends any 1xx block but 101; false when that is too late.",
      node = "only the newest versions have it." },
    { "createPushResponse", args = { { "headers", "Headers" }, { "callback", "fun(err?: Http2Error, response?: Http2ServerResponse)" } },
      text = "As [`pushStream`](server_stream.md#pushstream), with a response for the pushed stream." },
    { "setTimeout", args = { { "ms", "integer" }, { "callback?", "fun()" } }, returns = { "Http2ServerResponse" }, text = "Of the stream." },
    { "destroy", args = { { "err?", "any" } }, text = "Of the stream." },
    { "cork", args = {}, text = "As `stream:cork()`." },
    { "uncork", args = {}, text = "As `stream:uncork()`." },
  },
  examples = {
    { id = "response-headers", title = "Headers of a response",
      code = [[
local http2 = require "http2"
local server = http2.createServer(function(request, response)
  response:setHeader("X-One", "1")
  response:appendHeader("x-many", "a")
  response:appendHeader("x-many", "b")
  response:setHeader("x-gone", "?")
  response:removeHeader "x-gone"
  print(response:getHeader "x-one", response:hasHeader "x-gone", #response:getHeaderNames(), response:getHeaders()["x-one"])
  print(select(2, pcall(response.setHeader, response, ":status", "200")).code)
  response.statusCode = 201
  response.statusMessage = "made"
  response.sendDate = false
  response:flushHeaders()
  print(response.headersSent, select(2, pcall(response.setHeader, response, "x", "y")).code)
  response:finish()
  print(response.req == request, response.finished, response.writableEnded, response.writableNeedDrain)
end)

local client = http2.connectPair(server)
local headers = client:request():await "response"
print(headers[":status"], headers["x-one"], headers["x-many"], headers.date)
client:close()
]],
      prints = [[
1 false 2 1
ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED
true ERR_HTTP2_HEADERS_SENT
true true true false
201 1 a, b nil
]] },
    { id = "write-head", title = "Writing a response",
      code = [[
local http2 = require "http2"
local server = http2.createServer(function(_, response)
  response:on("finish", function() print("finish", response.writableFinished) end)
  response:on("close", function() print("close", response.socket, response.connection) end)
  response:setTimeout(1000)
  response:writeEarlyHints { link = "</a.css>; rel=preload" }
  response:writeInformation(102)
  response:writeHead(200, { ["content-type"] = "text/plain" })
  response:cork()
  print(response:write "one ", response.writable, response.writableLength, response.writableHighWaterMark, response.writableCorked)
  response:uncork()
  print(response.writableCorked, response.writableObjectMode)
  response:send "two"
  response:setTrailer("x-t", "1")
  response:addTrailers { ["x-u"] = "2" }
  response:end_()
  response["end"](response)
end)

local client = http2.connectPair(server)
local call = client:request()
call:on("headers", function(headers) print("information", headers[":status"]) end)
call:on("trailers", function(headers) print("trailers", headers["x-t"], headers["x-u"]) end)
print(call:body())
client:close()
]],
      prints = [[
true true 4 65536 1
0 false
information 103
information 102
finish true
close nil nil
trailers 1 2
one two
]] },
    { id = "response-pipe", title = "Piping into a response",
      code = [[
local http2 = require "http2"
local server = http2.createServer(function(request, response)
  response:on("pipe", function() print "pipe" end)
  response:on("unpipe", function() print "unpipe" end)
  response:on("drain", function() end)
  response:on("timeout", function() end)
  request:pipe(response)
end)
local client = http2.connectPair(server)
local call = client:request { [":method"] = "POST" }
call:finish "echo"
print(call:body())
client:close()
]],
      prints = "pipe\nunpipe\necho\n" },
    { id = "push-response", title = "Pushing by the compatibility API",
      code = [[
local http2 = require "http2"
local server = http2.createServer(function(_, response)
  response:createPushResponse({ [":path"] = "/a.css" }, function(err, push)
    print(err)
    push:finish "css"
  end)
  response:finish "page"
end)
local client = http2.connectPair(server)
client:on("stream", function(pushed) print(pushed:body()) end)
print(client:request():body())
client:close()
]],
      prints = "nil\npage\ncss\n" },
    { id = "response-destroy", title = "A response that is given up",
      code = [[
local http2 = require "http2"
local server = http2.createServer(function(_, response)
  response:write "half"
  response:destroy()
  print(response.destroyed, response.stream.destroyed)
end)
local client = http2.connectPair(server)
local call = client:request()
local body, err = call:body()
print(body, err.code)
client:close()
]],
      prints = "true true\nnil ERR_STREAM_PREMATURE_CLOSE\n" },
  },
}
