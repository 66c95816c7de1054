return {
  title = "perigee.metrics",
  summary = "how much of what is alive",
  module = "perigee.metrics", var = "metrics", node = false,
  intro = '`local metrics = require "perigee.metrics"`.',
  functions = {
    { "live", args = {}, returns = { "LiveCounts" }, text = "How many of each this process has now." },
  },
  types = {
    { name = "LiveCounts", text = "Of `live`.", fields = {
      { "sessions", type = "integer", text = "Connections." },
      { "streams", type = "integer", text = "Open streams." },
      { "chunks", type = "integer", text = "Pieces of output that wait." },
      { "transports", type = "integer", text = "Transports; a TLS connection counts as two." },
      { "listeners", type = "integer", text = "Listening sockets." },
      { "servers", type = "integer", text = "Servers." },
      { "blocks", type = "integer", text = "Heap blocks of the C half." },
    } },
  },
  examples = {
    { id = "live", title = "What is alive",
      code = [[
local http2 = require "http2"
local live = require("perigee.metrics").live
local server = http2.createServer()
server:on("stream", function(stream)
  local now = live()
  print(now.sessions, now.streams, now.transports, now.listeners, now.servers, now.chunks, now.blocks > 0)
  stream:finish()
end)
local client = http2.connectPair(server)
client:request():body()
client:close()
]],
      prints = "2 2 2 0 1 0 true\n" },
  },
}
