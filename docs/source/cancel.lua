return {
  title = "CancelToken",
  summary = "cancels requests from elsewhere",
  class = "CancelToken", var = "token",
  node = false,
  intro = [[
    Made by `http2.cancelToken()`; Node's AbortController and AbortSignal in one. Given as `signal` to
    [`request`](client_session.md#requestoptions-signal) it ends the stream with CANCEL and an 'error' [ABORT_ERR](errors.md#abort_err), whose `cause` is
    the reason; given to [`listen`](server.md#listenoptions-signal) it closes the server.
  ]],
  properties = {
    { "cancelled", type = "boolean", default = "false", text = "Was it cancelled?" },
    { "reason", type = "any", text = "What `cancel` was given." },
  },
  methods = {
    { "cancel", args = { { "reason?", "any" } }, text = "Ends all that was begun with the token, and what will be. Twice is no harm." },
  },
  examples = {
    { id = "cancel", title = "Cancelling a request",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream) stream:respond() end)

local client = http2.connectPair(server)
local token = http2.cancelToken()
local request = client:request({}, { signal = token })
request:await "response"
process.nextTick(function() token:cancel "too slow" end)
local _, err = request:body()
print(err.code, err.cause, request.rstCode)
print(token.cancelled, token.reason)
client:close()
]],
      prints = "ABORT_ERR too slow 8\ntrue too slow\n" },
    { id = "cancel-listen", title = "Closing a server by a token",
      code = [[
local http2 = require "http2"
local token = http2.cancelToken()
local server = http2.createServer()
server:listen { port = 0, host = "127.0.0.1", signal = token }
server:on("close", function() print "closed" end)
token:cancel()
]],
      prints = "closed\n" },
  },
}
