return {
  title = "Settings",
  summary = "the settings of a session as a table",
  intro = "What [`settings`](session.md#settings), the option `settings` and `updateSettings` take, and what `localSettings` and `remoteSettings` are. Values out of range throw ERR_HTTP2_INVALID_SETTING_VALUE, unknown names ERR_INVALID_ARG_VALUE.",
  types = {
    { name = "Settings", text = "All of RFC 9113 6.5.2, and RFC 8441.", fields = {
      { "headerTableSize", type = "integer", default = "4096", text = "Bytes of the HPACK decoder's table, 0 to 2^32-1." },
      { "enablePush", type = "boolean", default = "true", text = "May the server push?" },
      { "initialWindowSize", type = "integer", default = "65535", text = "Bytes of a new stream's window, 0 to 2^31-1." },
      { "maxFrameSize", type = "integer", default = "16384", text = "Bytes of a frame's payload, 16384 to 16777215." },
      { "maxConcurrentStreams", type = "integer", default = "4294967295", text = "Streams that the peer may have open. Our servers say 128 unless told otherwise." },
      { "maxHeaderListSize", type = "integer", default = "65535", text = "Bytes of a header block. Our servers say 65536 unless told otherwise." },
      { "maxHeaderSize", type = "integer", default = "65535", text = "The same under its old name." },
      { "enableConnectProtocol", type = "boolean", default = "false", text = "May clients use extended CONNECT? It cannot be taken back.", rfc = "RFC 8441" },
      { "customSettings", type = "table<integer, integer>", text = "Other settings by id (0 to 65535), at most 10; more throw ERR_HTTP2_TOO_MANY_CUSTOM_SETTINGS." },
    } },
  },
  examples = {
    { id = "settings", title = "Settings of both sides",
      code = [[
local http2 = require "http2"
local server = http2.createServer { settings = {
  headerTableSize = 8192, initialWindowSize = 100000, maxFrameSize = 32768, maxConcurrentStreams = 50,
  maxHeaderListSize = 16384, enableConnectProtocol = true,
} }
local client = http2.connectPair(server, { settings = { enablePush = false } })
local theirs = client:await "remoteSettings"
print(theirs.headerTableSize, theirs.initialWindowSize, theirs.maxFrameSize, theirs.maxConcurrentStreams)
print(theirs.maxHeaderListSize, theirs.maxHeaderSize, theirs.enableConnectProtocol)
print(select(2, pcall(client.settings, client, { maxFrameSize = 1 })))
print(select(2, pcall(client.settings, client, { customSettings = { [70000] = 1 } })).code)
client:settings({ enablePush = true }, function(_, acknowledged)
  print(acknowledged.enablePush, client.localSettings.enablePush)
  client:close()
end)
]],
      prints = [[
8192 100000 32768 50
16384 16384 true
RangeError [ERR_HTTP2_INVALID_SETTING_VALUE]: Invalid value for setting "maxFrameSize": 1
ERR_HTTP2_INVALID_SETTING_VALUE
true true
]] },
    { id = "extended-connect", title = "Extended CONNECT",
      code = [[
local http2 = require "http2"
local server = http2.createServer { settings = { enableConnectProtocol = true } }
server:on("stream", function(stream, headers)
  print(headers[":method"], headers[":protocol"], headers[":path"])
  stream:respond()
  stream:pipe(stream) -- a plain stream of bytes
end)
local client = http2.connectPair(server)
client:await "remoteSettings"
local tunnel = client:request { [":method"] = "CONNECT", [":protocol"] = "echo", [":scheme"] = "http", [":path"] = "/e", [":authority"] = "x" }
tunnel:finish "bytes"
print(tunnel:body())
client:close()
]],
      prints = "CONNECT echo /e\nbytes\n" },
  },
}
