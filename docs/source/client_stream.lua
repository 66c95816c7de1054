return {
  title = "ClientHttp2Stream",
  summary = "the client's side of an exchange",
  class = "ClientHttp2Stream", extends = "Http2Stream", var = "request",
  intro = "Made by [`client:request`](client_session.md#request), or pushed by a server.",
  events = {
    { "response", args = { { "headers", "Headers" }, { "flags", "integer" }, { "rawHeaders", "string[]" } }, text = "The answer's header block." },
    { "headers", args = { { "headers", "Headers" }, { "flags", "integer" }, { "rawHeaders", "string[]" } }, text = "A 1xx block before the answer." },
    { "continue", args = {}, text = "100 came; right before its 'headers'." },
    { "push", args = { { "headers", "Headers" }, { "flags", "integer" }, { "rawHeaders", "string[]" } }, text = "The answer on a pushed stream." },
  },
  examples = {
    { id = "continue", title = "Asking before sending",
      code = [[
local http2 = require "http2"
local server = http2.createServer(function(request, response) response:finish "thanks" end)

local client = http2.connectPair(server)
local request = client:request { [":method"] = "PUT", expect = "100-continue" }
request:on("continue", function()
  print "continue"
  request:finish "the large body"
end)
request:on("response", function(headers, flags, rawHeaders)
  print("response", headers[":status"], flags, rawHeaders[1], rawHeaders[2])
end)
print(request:body())
client:close()
]],
      prints = [[
continue
response 200 4 :status 200
thanks
]] },
  },
}
