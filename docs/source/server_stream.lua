return {
  title = "ServerHttp2Stream",
  summary = "the server's side of an exchange: answers",
  class = "ServerHttp2Stream", extends = "Http2Stream", var = "stream",
  intro = [[
    What a handler gets. `write` and `finish` begin the answer with status 200 when `respond` did not. When nothing was answered yet and
    the handler throws, the answer is a 500; else the stream is reset with INTERNAL_ERROR.
  ]],
  properties = {
    { "pushAllowed", type = "boolean", text = "May `pushStream` be called: the peer takes pushes, and this is no pushed stream." },
  },
  methods = {
    { "respond", args = { { "headers?", "Headers|string[]", "`:status` 200 to 599, 200 by default; a table, or a flat list" }, { "options?", "RespondOptions" } },
      rfc = "RFC 9113 8.3.2",
      throws = [[ERR_HTTP2_HEADERS_SENT ERR_HTTP2_INVALID_STREAM ERR_HTTP2_STATUS_INVALID ERR_HTTP2_INVALID_CONNECTION_HEADERS
        ERR_HTTP2_INVALID_PSEUDOHEADER ERR_HTTP2_HEADER_SINGLE_VALUE ERR_INVALID_HTTP_TOKEN ERR_INVALID_CHAR ERR_INVALID_ARG_TYPE]],
      text = "Begins the answer. Statuses 204, 205, 304 and answers to HEAD have no body: the stream is ended." },
    { "respondWithFile", args = { { "path", "string" }, { "headers?", "Headers" }, { "options?", "FileOptions" } },
      throws = "ERR_HTTP2_HEADERS_SENT ERR_HTTP2_INVALID_STREAM ERR_HTTP2_PAYLOAD_FORBIDDEN ERR_HTTP2_STATUS_INVALID ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE",
      text = [[
        Answers with a regular file, read off the loop. `content-length` is set. A file that cannot be opened, and what is no regular
        file, goes to `onError`, else the stream is destroyed with that error.
      ]] },
    { "respondWithFD", args = { { "fd", "integer" }, { "headers?", "Headers" }, { "options?", "FileOptions" } },
      throws = "ERR_HTTP2_HEADERS_SENT ERR_HTTP2_INVALID_STREAM ERR_HTTP2_PAYLOAD_FORBIDDEN ERR_HTTP2_STATUS_INVALID ERR_INVALID_ARG_TYPE",
      text = "Answers with what is behind a descriptor, which stays the caller's: close it after 'close'. No `content-length` by itself.",
      node = "also takes a FileHandle." },
    { "additionalHeaders", args = { { "headers", "Headers", "`:status` 100 to 199, not 101" } }, rfc = "RFC 9110 15.2, RFC 8297",
      throws = "ERR_HTTP2_HEADERS_AFTER_RESPOND ERR_HTTP2_STATUS_101 ERR_HTTP2_INVALID_INFO_STATUS ERR_HTTP2_INVALID_STREAM ERR_INVALID_ARG_TYPE",
      text = "Sends a block in advance, such as 103 Early Hints; before `respond`." },
    { "pushStream", args = { { "headers", "Headers", "of the request that is answered in advance" }, { "options?", "table" },
      { "callback", "fun(err?: Http2Error, stream?: ServerHttp2Stream, headers?: Headers)" } },
      throws = "ERR_HTTP2_PUSH_DISABLED ERR_HTTP2_NESTED_PUSH ERR_HTTP2_INVALID_STREAM ERR_INVALID_ARG_TYPE", rfc = "RFC 9113 8.4",
      text = "Promises a stream; `:method` GET, `:path` /, `:scheme` and `:authority` are filled in. Answer on the stream that the callback gets." },
  },
  types = {
    { name = "RespondOptions", text = "For `respond`.", fields = {
      { "endStream", type = "boolean", default = "false", text = "There is no body." },
      { "waitForTrailers", type = "boolean", default = "false", text = "'wantTrailers' comes when the body is out." },
      { "sendDate", type = "boolean", default = "true", text = "Adds `date`, unless the headers have one." },
    } },
    { name = "FileOptions", extends = "RespondOptions", text = "For `respondWithFile` and `respondWithFD`.", fields = {
      { "offset", type = "integer", default = "0", text = "Where to begin, in bytes." },
      { "length", type = "integer", default = "-1", text = "How many bytes; -1: to the end." },
      { "statCheck", type = "fun(stat: FileStat, headers: Headers, options: {offset: integer, length: integer}): boolean?",
        text = "May change the headers, offset and length; false: answers by itself. It cannot wait." },
      { "onError", type = "fun(err: Http2Error)", text = "Gets what is wrong with the file, in the place of 'error'. `respondWithFile` only." },
    } },
    { name = "FileStat", text = "What `statCheck` is told of a file: that of libuv, with Node's names on top.", fields = {
      { "size", type = "integer", text = "Bytes." },
      { "type", type = "string", text = "`file`, `directory`, `link`, `fifo`, `socket`, `char` or `block`.", node = false },
      { "mode", type = "integer", text = "Kind and permissions." },
      { "uid", type = "integer", text = "The owner." },
      { "gid", type = "integer", text = "The group." },
      { "ino", type = "integer", text = "The inode." },
      { "dev", type = "integer", text = "The device." },
      { "nlink", type = "integer", text = "How many names it has." },
      { "mtime", type = "FileTime", text = "Last written." },
      { "atime", type = "FileTime", text = "Last read." },
      { "ctime", type = "FileTime", text = "Last changed, in itself or in its facts." },
      { "mtimeMs", type = "number", text = "ms since 1970." },
      { "atimeMs", type = "number", text = "The same." },
      { "ctimeMs", type = "number", text = "The same." },
      { "isFile", type = "fun(self: FileStat): boolean", text = "Of that kind?" },
      { "isDirectory", type = "fun(self: FileStat): boolean", text = "Of that kind?" },
      { "isFIFO", type = "fun(self: FileStat): boolean", text = "Of that kind?" },
      { "isSocket", type = "fun(self: FileStat): boolean", text = "Of that kind?" },
      { "isCharacterDevice", type = "fun(self: FileStat): boolean", text = "Of that kind?" },
      { "isBlockDevice", type = "fun(self: FileStat): boolean", text = "Of that kind?" },
      { "isSymbolicLink", type = "fun(self: FileStat): boolean", text = "Of that kind?" },
    } },
    { name = "FileTime", text = "A time of a file.", node = false, fields = {
      { "sec", type = "integer", text = "Seconds since 1970." },
      { "nsec", type = "integer", text = "Nanoseconds on top." },
      { "toUTCString", type = "fun(self: FileTime): string", text = "As HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`." },
      { "getTime", type = "fun(self: FileTime): number", text = "ms since 1970." },
    } },
  },
  examples = {
    { id = "respond", title = "Answering",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  if headers[":path"] == "/empty" then
    stream:respond({ [":status"] = 204 }, { endStream = true })
    print(stream.endAfterHeaders, stream.headRequest)
  else
    stream:respond({ ":status", 200, "set-cookie", "a=1", "set-cookie", "b=2" }, { sendDate = false })
    print(stream.headersSent, select(2, pcall(stream.respond, stream)).code)
    stream:finish "hello"
  end
  print(stream.sentHeaders[":status"])
end)

local client = http2.connectPair(server)
for _, path in ipairs { "/", "/empty" } do
  local headers = client:request { [":path"] = path }:await "response"
  print(headers[":status"], headers.date ~= nil, headers["set-cookie"] and #headers["set-cookie"])
end
client:close()
]],
      prints = [[
true ERR_HTTP2_HEADERS_SENT
200
200 false 2
true false
204
204 true nil
]] },
    { id = "early-hints", title = "Early hints",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  stream:additionalHeaders { [":status"] = 103, link = "</style.css>; rel=preload" }
  print(#stream.sentInfoHeaders)
  stream:finish "page"
end)
local client = http2.connectPair(server)
local request = client:request()
request:on("headers", function(headers) print(headers[":status"], headers.link) end)
print(request:body())
client:close()
]],
      prints = "1\n103 </style.css>; rel=preload\npage\n" },
    { id = "file", title = "Answering with files",
      files = { ["a.txt"] = "0123456789" },
      code = [[
local http2 = require "http2"
local uv = require "luv"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  local path = headers[":path"]
  if path == "/fd" then
    local fd = uv.fs_open("a.txt", "r", 0)
    stream:on("close", function() uv.fs_close(fd) end)
    stream:respondWithFD(fd, {}, { offset = 5 })
    return
  end
  stream:respondWithFile(path:sub(2), { ["content-type"] = "text/plain" }, {
    offset = 2, length = 3,
    statCheck = function(stat, out) out["x-size"] = stat.size end,
    onError = function(err)
      stream:respond { [":status"] = err.code == "ENOENT" and 404 or 500 }
      stream:finish(err.code)
    end,
  })
end)
local client = http2.connectPair(server)
for _, path in ipairs { "/a.txt", "/b.txt", "/fd" } do
  local request = client:request { [":path"] = path }
  local headers = request:await "response"
  print(headers[":status"], headers["content-length"], headers["x-size"], request:body())
end
client:close()
]],
      prints = [[
200 3 10 234
404 nil nil ENOENT
200 nil nil 56789
]] },
    { id = "stat-check", title = "What is known of a file",
      files = { ["a.txt"] = "0123456789" },
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  stream:respondWithFile("a.txt", {}, { statCheck = function(stat, out, range)
    out["last-modified"] = stat.mtime:toUTCString()
    print(stat.size, stat.type, stat.mode % 512 > 0, stat.nlink, stat.ino > 0, stat.dev > 0, stat.uid >= 0, stat.gid >= 0)
    print(stat.mtimeMs == stat.mtime:getTime(), stat.atimeMs > 0, stat.ctimeMs > 0, stat.atime.sec > 0, stat.ctime.nsec >= 0)
    print(stat:isFile(), stat:isDirectory(), stat:isSymbolicLink(), stat:isFIFO(), stat:isSocket())
    print(stat:isCharacterDevice(), stat:isBlockDevice())
    if headers["if-modified-since"] == out["last-modified"] then
      stream:respond { [":status"] = 304 }
      return false
    end
    range.length = 4
  end })
end)
local client = http2.connectPair(server)
local request = client:request()
print(request:await "response" [":status"], request:body())
client:close()
]],
      prints = [[
10 file true 1 true true true true
true true true true true
true false false false false
false false
200 0123
]] },
    { id = "push-errors", title = "When push is off",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  print(stream.pushAllowed, select(2, pcall(stream.pushStream, stream, {}, print)).code)
  stream:finish()
end)
local client = http2.connectPair(server, { settings = { enablePush = false } })
client:await "remoteSettings"
client:request():body()
client:close()
]],
      prints = "false ERR_HTTP2_PUSH_DISABLED\n" },
  },
}
