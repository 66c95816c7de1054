return {
  title = "Headers",
  summary = "header tables, sent and received, and the rules for them",
  intro = [[
    **Sent.** A table `{[":status"] = 200, ["content-type"] = "text/plain"}`, or a flat list `{"name", "value", …}` where order and
    duplicates matter. The caller's tables are never changed.

    - Names go out in lower case and must be tokens (RFC 9110 5.6.2); pseudo headers go first. Allowed are `:method`, `:scheme`,
      `:authority`, `:path`, `:protocol` in requests, `:status` in responses, none in trailers (RFC 9113 8.3).
    - Values are strings, numbers, booleans, or a list of them: one field each; an empty list sends nothing.
    - CR, LF and NUL in a value throw ERR_INVALID_CHAR with the field's name.
    - `connection`, `upgrade`, `http2-settings`, `keep-alive`, `proxy-connection`, `transfer-encoding`, and `te` unless it is `trailers`,
      throw ERR_HTTP2_INVALID_CONNECTION_HEADERS (RFC 9113 8.2.2).
    - Two values of a field that may have one throw ERR_HTTP2_HEADER_SINGLE_VALUE, unless `strictSingleValueFields` is false.
    - `date` is added to answers unless it is there or `sendDate` is false.
    - Names listed under `http2.sensitiveHeaders` are sent never-indexed (RFC 7541 6.2.3).

    **Received.** A table with lower-case names; look-up with capitals works too. Duplicates are joined with `", "`, those of `cookie` with
    `"; "`; `set-cookie` is always a list; of a single-value field the first counts. `:status` is a number. Names that came
    never-indexed are listed under `http2.sensitiveHeaders`. `rawHeaders`, where an event has it, keeps names and values in wire order.

    Received tables are filled when they are walked: `pairs`, `next`, an assignment, `cjson.encode` and
    [`http2.headers`](http2.md#headers) fetch all; an index fetches one field. A C module that walks tables by itself, and
    `rawget`, see only what was fetched.

    CONNECT needs `:authority` and forbids `:scheme` and `:path`, unless `:protocol` is there (RFC 8441).
  ]],
  types = {
    { name = "Headers", text = "A header table.", alias = "table<string|table, string|number|boolean|string[]>", fields = {} },
  },
  examples = {
    { id = "headers-sent", title = "What is sent, and what is refused",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  print(headers["X-Many"], headers.cookie, headers["x-number"], headers["x-none"])
  stream:respond { ["Set-Cookie"] = { "a=1", "b=2" } }
  stream:finish()
end)

local client = http2.connectPair(server)
local headers = client:request {
  ["x-many"] = { "a", "b" }, cookie = { "c=3", "d=4" }, ["x-number"] = 5, ["x-none"] = {},
}:await "response"
print(headers[":status"], #headers["set-cookie"], headers["set-cookie"][2])

for _, wrong in ipairs {
  { ["x y"] = "1" }, { ["x-a"] = "1\r\nx-b: 2" }, { connection = "close" }, { [":status"] = 200 }, { age = { 1, 2 } },
} do
  print(select(2, pcall(client.request, client, wrong)))
end
client:close()
]],
      prints = [[
a, b c=3; d=4 5 nil
200 2 b=2
TypeError [ERR_INVALID_HTTP_TOKEN]: Header name must be a valid HTTP token ["x y"]
TypeError [ERR_INVALID_CHAR]: Invalid character in header content ["x-a"]
TypeError [ERR_HTTP2_INVALID_CONNECTION_HEADERS]: HTTP/1 Connection specific headers are forbidden: "connection"
TypeError [ERR_HTTP2_INVALID_PSEUDOHEADER]: ":status" is an invalid pseudoheader or is used incorrectly
TypeError [ERR_HTTP2_HEADER_SINGLE_VALUE]: Header field "age" must only have a single value
]] },
    { id = "flat", title = "A flat list keeps the order",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers, flags, rawHeaders)
  print(table.concat(rawHeaders, " "))
  stream:respond { ":status", 200, "x-b", "2", "x-a", "1", "x-b", "3" }
  stream:finish()
end)
local client = http2.connectPair(server)
local request = client:request { ":path", "/list", "x-z", "26", "x-a", "1" }
request:on("response", function(headers, flags, rawHeaders) print(headers["x-b"], rawHeaders[3], rawHeaders[5]) end)
request:body()
client:close()
]],
      prints = [[
:method GET :authority localhost :scheme http :path /list x-z 26 x-a 1
2, 3 x-b x-a
]] },
  },
}
