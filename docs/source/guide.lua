return {
  title = "Guide",
  summary = "the module in ten small programs",
  intro = "",
  text = {
    [[
      Perigee runs a Lua script that serves or asks over HTTP/2. This guide shows how scripts are written; the [reference](api/README.md) has every
      name, [what differs from Node](node-differences.md) every difference. All programs here are run by the test suite, and print what is
      written under them. Most use `http2.connectPair`, a client and a server joined in memory, so that they end by themselves.
    ]],
    "## Two forms of a script",
    [[
      A script that **returns a handler** is served by the daemon, on the addresses of `--listen` (or http://localhost:8000 and
      https://localhost:8443). A handler is a function of a stream and its headers:
    ]],
    [[
      ```lua
      return function(stream, headers)
        stream:respond { [":status"] = 200, ["content-type"] = "text/plain" }
        stream:finish("hello " .. headers[":path"] .. "\n")
      end
      ```
    ]],
    "A script that returns nothing is a **program**: it makes its servers and clients itself, and ends when nothing is left to wait for.",
    { "guide-program" },
    [[
      [`perigee serve`](operations.md), the service, runs both forms, in one worker process or more. Workers share nothing, so what a script keeps
      in a variable is known to one of them only; a reload starts new workers with new variables.
      [More about it](api/program.md).
    ]],
    [[
      Methods take a colon, properties a dot. Node's `end` is `finish`, because Lua reserves `end`. Everything else is called as in Node.
    ]],
    "## Bodies",
    [[
      Handlers run in coroutines, so they may wait where they stand; nobody else waits with them. `body` gives the whole body, with a limit;
      `chunks` gives it piece by piece, and holds the client back while the loop is busy.
    ]],
    { "guide-bodies" },
    [[
      `write` never waits. It answers false when more than 64 KiB are queued, and 'drain' comes when they are gone. `send` is the form that
      waits. A script that does neither, and writes on, has its stream reset at 16 MiB.
    ]],
    { "guide-send" },
    "`pipe` does all that for you, and passes an abort on:",
    { "guide-pipe" },
    "## Sequential code",
    [[
      `await` waits for an event and returns its arguments; when 'error' or 'close' comes first it returns `nil, err`. `task.all` runs functions side
      by side, `task.spawn` starts one and goes on. What a handler started ends with its stream when the client leaves.
    ]],
    { "guide-sequential" },
    "## Asking others",
    [[
      A client session carries many requests. Inside a handler, `parent = stream` ends the request when the client of the handler leaves. This is a proxy
      in one handler; `scripts/proxy.lua` is a whole one.
    ]],
    { "guide-proxy" },
    "## Files",
    "`respondWithFile` sends one file. `perigee.static` serves a folder: types, validators, ranges, and no way out of it.",
    { "guide-files" },
    "## When things go wrong",
    [[
      A handler that throws costs its own stream a 500 (or a reset, when headers have left) and a log line with traceback. Misuse throws tables with a
      `code`; what the network does comes as an event or as `nil, err`. Afterwards `closeInfo` says who ended it, and why.
    ]],
    { "guide-errors" },
    "## Testing handlers",
    [[
      `http2.connectPair(server)` makes a client whose peer is `server`, without a port. Put handlers into modules, and give them to a server in the
      test. A pair alone does not keep a program running; what waits for it is simply over when nothing else is left to do.
    ]],
    { "guide-testing" },
    [[
      ## Where to go on

      [Reference](api/README.md) · [the order of events](event-order.md) · [what differs from Node](node-differences.md) · the handlers in
      [`scripts`](../scripts) · [how Perigee is built](../ARCHITECTURE.md)
    ]],
  },
  examples = {
    { id = "guide-program", title = "A program",
      code = [[
local http2 = require "http2"

local server = http2.createServer()
server:on("stream", function(stream, headers)
  stream:respond { [":status"] = 200, ["content-type"] = "text/plain" }
  stream:finish("hello " .. headers[":path"])
end)
server:listen(0, "127.0.0.1") -- port 0: any that is free
server:await "listening"

local client = http2.connect("http://127.0.0.1:" .. server:address().port)
local request = client:request { [":path"] = "/world" }
print(request:await "response" [":status"])
print(request:body())
client:close()
server:close()
]],
      prints = "200\nhello /world\n" },
    { id = "guide-bodies", title = "Reading bodies",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  if headers[":path"] == "/small" then
    local body, err = stream:body(1024)
    if not body then return stream:close() end -- too long, or the client left: err says which
    stream:finish("got " .. body)
  else
    local bytes = 0
    for chunk in stream:chunks() do bytes = bytes + #chunk end
    if not stream.complete then return end -- the client left in the middle
    stream:finish("got " .. bytes .. " bytes")
  end
end)

local client = http2.connectPair(server)
for path, body in pairs { ["/small"] = "a note" } do
  print(client:request { [":method"] = "POST", [":path"] = path }:finish(body):body())
end
print(client:request { [":method"] = "POST", [":path"] = "/large" }:finish(("x"):rep(1000000)):body())
client:close()
]],
      prints = "got a note\ngot 1000000 bytes\n" },
    { id = "guide-send", title = "Writing at the client's pace",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  for _ = 1, 100 do
    local sent = stream:send(("x"):rep(10000))
    if not sent then return end -- the client left
  end
  stream:finish()
end)

local client = http2.connectPair(server)
print(#client:request():body())
client:close()
]],
      prints = "1000000\n" },
    { id = "guide-pipe", title = "An echo",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  stream:respond()
  stream:pipe(stream)
end)
local client = http2.connectPair(server)
print(client:request { [":method"] = "POST" }:finish "hello, wall":body())
client:close()
]],
      prints = "hello, wall\n" },
    { id = "guide-sequential", title = "Two things at a time",
      code = [[
local http2 = require "http2"
local task = require "perigee.task"

local function look_up(name, ms)
  task.sleep(ms) -- a database, say
  return name .. " found"
end

local server = http2.createServer()
server:on("stream", function(stream)
  local results, err = task.all {
    function() return look_up("user", 20) end,
    function() return look_up("cart", 10) end,
  }
  if not results then return stream:destroy(err) end
  stream:finish(table.concat(results, ", "))
end)

local client = http2.connectPair(server)
local request = client:request()
local headers = request:await("response", 5000) -- ms
print(headers[":status"], request:body())
client:close()
]],
      prints = "200 user found, cart found\n" },
    { id = "guide-proxy", title = "A proxy in one handler",
      code = [[
local http2 = require "http2"

local backend = http2.createServer()
backend:on("stream", function(stream, headers)
  stream:respond { ["x-path"] = headers[":path"] }
  stream:pipe(stream)
end)
local upstream = http2.connectPair(backend) -- http2.connect "http://backend:8000"

local server = http2.createServer()
server:on("stream", function(stream, headers)
  local request = upstream:request({ [":method"] = headers[":method"], [":path"] = headers[":path"] },
    { endStream = false, parent = stream })
  stream:pipe(request)
  local response, err = request:await "response"
  if not response then
    stream:respond { [":status"] = 502 }
    return stream:finish(err.code)
  end
  stream:respond { [":status"] = response[":status"], ["x-path"] = response["x-path"] }
  request:pipe(stream)
end)

local client = http2.connectPair(server)
local request = client:request { [":method"] = "POST", [":path"] = "/there" }
request:finish "and back"
print(request:await "response" ["x-path"], request:body())
client:close()
upstream:close()
]],
      prints = "/there and back\n" },
    { id = "guide-files", title = "Files",
      files = { ["notes.txt"] = "remember the milk" },
      code = [[
local http2 = require "http2"
local files = require("perigee.static").new "."

local server = http2.createServer()
server:on("stream", function(stream, headers)
  if headers[":path"] == "/milk" then
    stream:respondWithFile("notes.txt", { ["content-type"] = "text/plain" }, { offset = 13 })
  else
    files:respond(stream, headers)
  end
end)

local client = http2.connectPair(server)
for _, path in ipairs { "/milk", "/notes.txt", "/nothing" } do
  local request = client:request { [":path"] = path }
  print(request:await "response" [":status"], (request:body():gsub("\n", "")))
end
client:close()
]],
      prints = "200 milk\n200 remember the milk\n404 Not Found\n" },
    { id = "guide-errors", title = "Errors, and why it ended",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  stream:on("close", function()
    local info = stream.closeInfo
    print(headers[":path"], info.by, info.codeName)
  end)
  if headers[":path"] == "/throws" then error "a mistake" end -- logged; the client gets a 500
  local ok, err = pcall(stream.respond, stream, { [":status"] = 99 })
  print(ok, err.code)
  stream:respond()
end)

local client = http2.connectPair(server)
local request = client:request { [":path"] = "/throws" }
print(request:await "response" [":status"])

request = client:request { [":path"] = "/waits" }
request:await "response"
request:close(http2.constants.NGHTTP2_CANCEL)
client:close()
]],
      prints = [[
/throws handler NGHTTP2_NO_ERROR
500
false ERR_HTTP2_STATUS_INVALID
/waits peer NGHTTP2_CANCEL
]] },
    { id = "guide-testing", title = "A handler and its test",
      files = { ["greeter.lua"] = [[
return function(stream, headers)
  local name = headers[":path"]:match "^/greet/(%a+)$"
  if not name then
    stream:respond { [":status"] = 404 }
    return stream:finish()
  end
  stream:respond { ["content-type"] = "text/plain" }
  stream:finish("hello, " .. name)
end
]] },
      code = [[
local http2 = require "http2"
local greeter = require "greeter"

local server = http2.createServer():on("stream", greeter)
local client = http2.connectPair(server)
local function get(path)
  local request = client:request { [":path"] = path }
  return request:await "response" [":status"], request:body()
end

local status, body = get "/greet/ada"
assert(status == 200 and body == "hello, ada")
assert(get "/elsewhere" == 404)
client:close()
print "all is well"
]],
      prints = "all is well\n" },
  },
}
