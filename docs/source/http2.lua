return {
  title = "http2",
  summary = "the module: making servers and clients",
  module = "http2",
  var = "http2",
  intro = [[
    `local http2 = require "http2"`. Names and meanings are those of Node's `http2` module; [what
    differs](../node-differences.md) is written down.

    Methods take a colon, properties a dot. `end` is reserved in Lua: what Node calls `end()` is `finish()` here (and
    `end_()`, and `stream["end"](stream)`). A trailing callback may stand in the place of an option table that is left
    out. Callbacks get the error first, `nil` when all went well.
  ]],
  functions = {
    { "createServer",
      args = { { "options?", "ServerOptions" }, { "onRequest?", "fun(request: Http2ServerRequest, response: Http2ServerResponse)",
        "a listener of 'request'" } },
      returns = { "Http2Server" }, throws = "ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE ERR_OUT_OF_RANGE",
      overloads = { "fun(onRequest: fun(request: Http2ServerRequest, response: Http2ServerResponse)): Http2Server" },
      rfc = "RFC 9113 3.3",
      text = [[
        A server in clear text, for clients that know it speaks HTTP/2 (*prior knowledge*). TLS options are accepted
        and ignored.
      ]],
      node = "unknown options are ignored; here they throw and name the nearest known one." },
    { "createSecureServer",
      args = { { "options", "SecureServerOptions" }, { "onRequest?", "fun(request: Http2ServerRequest, response: Http2ServerResponse)" } },
      returns = { "Http2Server" },
      throws = "ERR_TLS_CERT ERR_TLS_KEY ERR_TLS_KEY_MISMATCH ERR_INVALID_ARG_VALUE",
      rfc = "RFC 9113 3.2, RFC 7301",
      text = "A server over TLS 1.2 or 1.3, with `h2` by ALPN.",
      node = "a server without certificate is made, and no handshake succeeds." },
    { "connect",
      args = { { "authority", "string|table", '`"http://host:port"`, `"https://…"`, or `{protocol=, host=, port=}`' },
        { "options?", "ConnectOptions" },
        { "listener?", "fun(session: ClientHttp2Session, socket: Http2Socket)", "once, for 'connect'" } },
      returns = { "ClientHttp2Session" },
      overloads = { "fun(authority: string|table, listener: fun(session: ClientHttp2Session, socket: Http2Socket)): ClientHttp2Session" },
      throws = "ERR_INVALID_URL ERR_HTTP2_UNSUPPORTED_PROTOCOL ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE",
      text = [[
        A client session. It connects in the background; requests made meanwhile wait. The default protocol is
        `https:`, the default ports are 80 and 443. All addresses of a name are tried in turn.
      ]] },
    { "connectPair",
      args = { { "server", "Http2Server", "it need not listen" }, { "options?", "ConnectOptions", "without those of address and TLS" },
        { "listener?", "fun(session: ClientHttp2Session, socket: Http2Socket)", "once, for 'connect'" } },
      returns = { "ClientHttp2Session" },
      throws = "ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE ERR_SERVER_NOT_RUNNING",
      text = [[
        A client session that is joined to a new session of `server` in memory: no port, no socket, no TLS. It behaves
        like a connection in clear text. Meant for tests of handlers.
      ]],
      node = false },
    { "getDefaultSettings", args = {}, returns = { "Settings" }, rfc = "RFC 9113 6.5.2",
      text = "A fresh table of the protocol's default settings.",
    },
    { "getPackedSettings", args = { { "settings?", "Settings" } }, returns = { "string", "6 bytes a setting" },
      throws = "ERR_HTTP2_INVALID_SETTING_VALUE ERR_INVALID_ARG_TYPE", rfc = "RFC 9113 6.5.1",
      text = "The payload of a SETTINGS frame." },
    { "getUnpackedSettings", args = { { "payload", "string" }, { "options?", "{validate: boolean?}" } },
      returns = { "Settings" },
      throws = "ERR_HTTP2_INVALID_PACKED_SETTINGS_LENGTH ERR_HTTP2_INVALID_SETTING_VALUE ERR_INVALID_ARG_TYPE",
      text = "The settings of such a payload; `validate` checks their values." },
    { "performServerHandshake", args = { { "fd", "integer", "a connected socket's descriptor" }, { "options?", "ServerOptions" } },
      returns = { "ServerHttp2Session" }, throws = "ERR_INVALID_FD ERR_INVALID_ARG_VALUE",
      text = [[
        A server session on a connection that was accepted elsewhere, without a server object. The descriptor is
        duplicated: close yours when you like.
      ]],
      node = "takes a socket object." },
    { "cancelToken", args = {}, returns = { "CancelToken" }, text = "A token for the option `signal`; see [CancelToken](cancel.md).",
      node = "has AbortController, a global." },
    { "type", args = { { "object", "any" } }, returns = { "string?", "`Http2Server`, `Http2SecureServer`, `ServerHttp2Session`, `ClientHttp2Session`, `ServerHttp2Stream`, `ClientHttp2Stream`" },
      text = "The class of an object of this module; nil for anything else.", node = "has `instanceof`." },
    { "headers", args = { { "t", "Headers" } }, returns = { "Headers", "the same table" },
      text = "Fetches all fields of a received header table into it; see [Headers](headers.md).", node = false },
  },
  properties = {
    { "constants", type = "Constants", text = "Error codes, header names, methods, statuses; see [Constants](constants.md)." },
    { "sensitiveHeaders", type = "table",
      text = "The key under which a header table lists the names to send, or received, as never indexed (RFC 7541 7.1.3)." },
    { "Http2Session", type = "table", text = "What both kinds of sessions have." },
    { "ServerHttp2Session", type = "table", text = "The metatable of a server's sessions." },
    { "ClientHttp2Session", type = "table", text = "The metatable of a client's sessions.", node = false },
    { "Http2Stream", type = "table", text = "What both kinds of streams have." },
    { "ServerHttp2Stream", type = "table", text = "The metatable of a server's streams.", node = false },
    { "ClientHttp2Stream", type = "table", text = "The metatable of a client's streams.", node = false },
    { "Http2ServerRequest", type = "table", text = "The class of compat requests; see [Http2ServerRequest](request.md)." },
    { "Http2ServerResponse", type = "table", text = "The class of compat responses; see [Http2ServerResponse](response.md)." },
  },
  examples = {
    { id = "hello", title = "A server and a client",
      code = [[
local http2 = require "http2"

local server = http2.createServer()
server:on("stream", function(stream, headers)
  stream:respond { [":status"] = 200, ["content-type"] = "text/plain" }
  stream:finish("hello " .. headers[":path"])
end)
server:listen(0, "127.0.0.1", function()
  local client = http2.connect("http://127.0.0.1:" .. server:address().port)
  local request = client:request { [":path"] = "/you" }
  print(request:await "response" [":status"], request:body())
  client:close()
  server:close()
end)
]],
      prints = "200 hello /you\n" },
    { id = "secure", title = "The same over TLS",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"

local server = http2.createSecureServer { cert = cert, key = key }
server:on("stream", function(stream) stream:finish(stream.session.alpnProtocol) end)
server:listen(0, "127.0.0.1", function()
  local client = http2.connect("https://localhost:" .. server:address().port, { ca = cert })
  print(client:request():body())
  client:close()
  server:close()
end)
]],
      prints = "h2\n" },
    { id = "pair", title = "Testing a handler without a network",
      code = [[
local http2 = require "http2"

local function handler(stream, headers)
  stream:respond { ["x-method"] = headers[":method"] }
  stream:finish(stream:body():upper())
end

local server = http2.createServer():on("stream", handler)
local client = http2.connectPair(server)
local request = client:request { [":method"] = "POST" }
request:finish "shout"
assert(request:await "response" ["x-method"] == "POST")
print(request:body())
client:close()
]],
      prints = "SHOUT\n" },
    { id = "packed", title = "Settings as bytes",
      code = [[
local http2 = require "http2"
print(http2.getDefaultSettings().maxFrameSize)

local payload = http2.getPackedSettings { enablePush = false, initialWindowSize = 70000 }
print(#payload)
local settings = http2.getUnpackedSettings(payload, { validate = true })
print(settings.enablePush, settings.initialWindowSize)
print(select(2, pcall(http2.getUnpackedSettings, "short")).code)
]],
      prints = [[
16384
12
false 70000
ERR_HTTP2_INVALID_PACKED_SETTINGS_LENGTH
]] },
    { id = "sensitive", title = "A field that proxies must not index",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  stream:finish(table.concat(headers[http2.sensitiveHeaders], ", "))
end)
local client = http2.connectPair(server)
local request = client:request { ["x-token"] = "s3cret", [http2.sensitiveHeaders] = { "X-Token" } }
print(request:body())
client:close()
]],
      prints = "x-token\n" },
    { id = "handshake", title = "A session on a socket that something else accepted",
      code = [[
local http2 = require "http2"
local uv = require "luv"

local fds = uv.socketpair()
local session = http2.performServerHandshake(fds[1])
uv.fs_close(fds[1]) -- it has its own copy
session:on("close", function() print "session closed" end)
uv.fs_close(fds[2])
]],
      prints = "session closed\n" },
    { id = "type", title = "What is this?",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
  print(http2.type(stream), http2.type(stream.session), http2.type {})
  stream:finish()
end)
local client = http2.connectPair(server)
local request = client:request()
print(http2.type(server), http2.type(client), http2.type(request))
request:await "response"
for _, name in ipairs { "Http2Session", "ServerHttp2Session", "ClientHttp2Session", "Http2Stream", "ServerHttp2Stream",
  "ClientHttp2Stream", "Http2ServerRequest", "Http2ServerResponse" } do
  assert(type(http2[name]) == "table")
end
client:close()
]],
      prints = "Http2Server ClientHttp2Session ClientHttp2Stream\nServerHttp2Stream ServerHttp2Session nil\n" },
    { id = "all-headers", title = "Handing received headers to a C module",
      code = [[
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  local names = 0
  for _ in pairs(headers) do names = names + 1 end
  stream:finish(tostring(rawget(http2.headers(headers), "x-a")) .. " of " .. names)
end)
local client = http2.connectPair(server)
print(client:request { ["x-a"] = "1" }:body())
client:close()
]],
      prints = "1 of 5\n" },
  },
}
