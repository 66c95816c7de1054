return {
  title = "tls",
  summary = "certificates for SNICallback, addContext and the client's secureContext",
  module = "tls", var = "tls",
  intro = '`local tls = require "tls"`: as much of Node\'s module as servers and clients of `http2` need.',
  functions = {
    { "createSecureContext", args = { { "options?", "TlsOptions" } }, returns = { "SecureContext" },
      throws = "ERR_TLS_CERT ERR_TLS_KEY ERR_TLS_KEY_MISMATCH ERR_TLS_CA ERR_INVALID_ARG_VALUE",
      text = "A certificate, read and checked once: for `SNICallback`, [`addContext`](server.md#addcontext), [`setSecureContext`](server.md#setsecurecontext), and the client's option `secureContext`." },
  },
  properties = {
    { "DEFAULT_MIN_VERSION", type = "string", text = "`TLSv1.2`." },
    { "DEFAULT_MAX_VERSION", type = "string", text = "`TLSv1.3`." },
  },
  types = {
    { name = "SecureContext", text = "What `createSecureContext` returns; nothing of it can be seen.", fields = {} },
  },
  examples = {
    { id = "secure-context", title = "A certificate that is made once",
      code = [[
local http2 = require "http2"
local tls = require "tls"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"
print(tls.DEFAULT_MIN_VERSION, tls.DEFAULT_MAX_VERSION)

local context = tls.createSecureContext { cert = cert, key = key }
local server = http2.createSecureServer { SNICallback = function(_, callback) callback(nil, context) end }
server:on("stream", function(stream) stream:finish "ok" end)
server:listen(0, "127.0.0.1")
server:await "listening"

local client = http2.connect("https://localhost:" .. server:address().port,
  { secureContext = tls.createSecureContext { ca = cert } })
print(client:request():body())
client:close()
server:close()
]],
      prints = "TLSv1.2 TLSv1.3\nok\n" },
  },
}
