return {
  title = "Events",
  summary = "what servers, sessions, streams, requests and responses share: listeners, and waiting for an event",
  class = "Emitter",
  var = "emitter",
  intro = [[
    Servers, sessions, streams, requests and responses emit events. Each listener runs in a coroutine of its own, so
    it may wait (`await`, `chunks`, `task.sleep` …). The next listener is called when this one returns *or waits*. What
    a listener throws is logged and does not stop the others; on a stream it also ends that stream, with a 500 or
    RST_STREAM(INTERNAL_ERROR).

    Listeners get exactly the arguments listed, no `self`.
  ]],
  events = {
    { "newListener", args = { { "name", "string" }, { "listener", "function" } },
      text = "Before a listener is added." },
    { "removeListener", args = { { "name", "string" }, { "listener", "function" } },
      text = "After a listener was taken away." },
  },
  methods = {
    { "on", args = { { "name", "string" }, { "listener", "function" } }, returns = { "self" },
      throws = "ERR_INVALID_ARG_TYPE", text = "Calls `listener` at each event of that name." },
    { "addListener", args = { { "name", "string" }, { "listener", "function" } }, returns = { "self" },
      throws = "ERR_INVALID_ARG_TYPE", text = "The same as `on`." },
    { "once", args = { { "name", "string" }, { "listener", "function" } }, returns = { "self" },
      throws = "ERR_INVALID_ARG_TYPE", text = "Calls `listener` at the next event of that name only." },
    { "prependListener", args = { { "name", "string" }, { "listener", "function" } }, returns = { "self" },
      throws = "ERR_INVALID_ARG_TYPE", text = "As `on`, but before the listeners that are there." },
    { "prependOnceListener", args = { { "name", "string" }, { "listener", "function" } }, returns = { "self" },
      throws = "ERR_INVALID_ARG_TYPE", text = "As `once`, but before the listeners that are there." },
    { "off", args = { { "name", "string" }, { "listener", "function" } }, returns = { "self" },
      throws = "ERR_INVALID_ARG_TYPE", text = "Takes the newest such listener away." },
    { "removeListener", args = { { "name", "string" }, { "listener", "function" } }, returns = { "self" },
      throws = "ERR_INVALID_ARG_TYPE", text = "The same as `off`." },
    { "removeAllListeners", args = { { "name?", "string", "all events when it is left out" } }, returns = { "self" },
      text = "Takes all listeners of that name away." },
    { "listenerCount", args = { { "name", "string" } }, returns = { "integer" },
      text = "How many listeners of that name there are." },
    { "listeners", args = { { "name", "string" } }, returns = { "function[]" },
      text = "The listeners of that name, in the order in which they are called." },
    { "rawListeners", args = { { "name", "string" } }, returns = { "function[]" },
      text = "The same; one added by `once` comes as a function that takes itself away when it is called." },
    { "eventNames", args = {}, returns = { "string[]" }, text = "The events that have listeners." },
    { "setMaxListeners", args = { { "n", "integer" } }, returns = { "self" },
      text = "Does nothing: there is no bound on listeners.",
      node = "warns when an event has more than 10 listeners." },
    { "emit", args = { { "name", "string" }, { "...", "any" } }, returns = { "boolean", "whether anybody listened" },
      text = "Calls the listeners with these arguments. An 'error' that nobody hears is logged.",
      node = "an 'error' without a listener is thrown and ends the process." },
    { "await", args = { { "name", "string" }, { "timeout?", "integer", "ms" } },
      returns = { "any", "the event's arguments; `nil, err` when 'error' or 'close' came first or the time is over" },
      throws = "ERR_PERIGEE_AWAIT_PLACE ERR_INVALID_ARG_TYPE",
      text = [[
        Waits for the event. One that comes once only and has already come ('close', 'response', 'connect', 'end' …)
        is answered at once. While it waits it counts as a listener of 'error'. The error of a timeout is
        [ERR_PERIGEE_TIMEOUT](errors.md#err_perigee_timeout).
      ]],
      node = false },
  },
  examples = {
    { id = "listeners", title = "Adding and taking away listeners",
      code = [[
local http2 = require "http2"
local server = http2.createServer()

server:on("newListener", function(name) print("new listener of " .. name) end)
server:on("removeListener", function(name) print("one less of " .. name) end)

local function second(n) print("second " .. n) end
server:on("lap", second)
server:prependListener("lap", function(n) print("first " .. n) end)
server:once("lap", function(n) print("only once " .. n) end)
server:prependOnceListener("lap", function(n) print("only once, before all " .. n) end)

print(server:emit("lap", 1))
server:off("lap", second)
print(server:emit("lap", 2), server:listenerCount "lap", #server:listeners "lap")

server:addListener("pit", second)
server:removeListener("pit", second)
print(server:emit "pit")
server:removeAllListeners "lap"
print(#server:eventNames(), #server:rawListeners "lap")
server:setMaxListeners(100)
]],
      prints = [[
new listener of removeListener
new listener of lap
new listener of lap
new listener of lap
new listener of lap
one less of lap
only once, before all 1
first 1
second 1
one less of lap
only once 1
true
one less of lap
first 2
true 1 1
new listener of pit
one less of pit
false
one less of lap
2 0
]] },
    { id = "await", title = "Waiting for an event",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream) stream:respond { ["x-answer"] = 42 } end) -- and no end
server:listen(0, "127.0.0.1")
server:await "listening"

local client = http2.connect("http://127.0.0.1:" .. server:address().port)
local request = client:request { [":path"] = "/" }
local headers = request:await "response"
print(headers["x-answer"])

local _, err = request:await("end", 20)
print(err.code)

setTimeout(function() request:close(http2.constants.NGHTTP2_INTERNAL_ERROR) end, 5)
_, err = request:await "trailers"
print(err.code)
client:close()
server:close()
]],
      prints = [[
42
ERR_PERIGEE_TIMEOUT
ERR_HTTP2_STREAM_ERROR
]] },
  },
}
