return {
  title = "TLS options",
  summary = "what createSecureServer, addContext and connect take for TLS",
  intro = [[
    Certificates and keys are PEM texts (a text, or a list of texts), not paths: read them with `fs.readFileSync`. TLS 1.2 with
    the ciphers that RFC 9113 allows, and TLS 1.3. Compression and renegotiation are off.
  ]],
  types = {
    { name = "TlsOptions", text = "Of both sides.", fields = {
      { "key", type = "string|table", text = "The private key; `{pem=, passphrase=}`; or a list, with as many certificates." },
      { "cert", type = "string|string[]", text = "The certificate, then those between it and the root." },
      { "ca", type = "string|string[]", text = "Roots to trust, in the place of the system's." },
      { "pfx", type = "string|table", text = "Key and certificate in one PKCS #12 file's bytes; `{buf=, passphrase=}`; or a list." },
      { "crl", type = "string|string[]", text = "Lists of certificates that are revoked." },
      { "sigalgs", type = "string", text = "Signature algorithms, with colons between them." },
      { "honorCipherOrder", type = "boolean", default = "true", text = "Server: our order of ciphers counts, not the client's." },
      { "secureOptions", type = "integer", text = "OpenSSL's SSL_OP_ bits." },
      { "sessionIdContext", type = "string", text = "Server: sessions are only taken up by servers with the same one." },
      { "sessionTimeout", type = "integer", text = "Server: seconds for which a session may be taken up." },
      { "ticketKeys", type = "string", text = "Server: 48 bytes, see [`getTicketKeys`](server.md#getticketkeys)." },
      { "passphrase", type = "string", text = "Of an encrypted key or pfx." },
      { "ciphers", type = "string", text = "For TLS 1.2, in OpenSSL's notation." },
      { "ecdhCurve", type = "string", text = "Groups for the key exchange, with colons between them." },
      { "minVersion", type = "string", default = "TLSv1.2", text = "`\"TLSv1.2\"` or `\"TLSv1.3\"`.", rfc = "RFC 9113 9.2" },
      { "maxVersion", type = "string", default = "TLSv1.3", text = "The same." },
      { "rejectUnauthorized", type = "boolean", default = "true", text = "A certificate that does not verify ends the handshake." },
      { "ALPNProtocols", type = "string[]", default = '{"h2"}', rfc = "RFC 7301", text = "What we offer or accept." },
      { "servername", type = "string", rfc = "RFC 6066 3", text = "Client: the name to ask for and to verify; the host by default." },
    } },
    { name = "SecureServerOptions", extends = "ServerOptions", text = "[ServerOptions](server_options.md#serveroptions), TlsOptions, and:", fields = {
      { "requestCert", type = "boolean", default = "false", text = "Asks clients for a certificate; one is needed unless `rejectUnauthorized` is false." },
      { "SNICallback", type = "fun(servername: string, callback: fun(err?: any, context?: TlsOptions|SecureContext)): TlsOptions|SecureContext|nil",
        text = "Chooses a certificate when a client asks for a name: by calling back, or by returning it. The handshake waits, under its deadline; the function may wait, too." },
      { "ALPNCallback", type = "fun(arguments: {servername: string, protocols: string[]}): string?",
        text = "Chooses the protocol among those that the client offers; nil refuses it. Excludes `ALPNProtocols`.",
        throws = "ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS" },
    }, generic = {} },
  },
  examples = {
    { id = "client-certificates", title = "Certificates of clients",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"

local server = http2.createSecureServer {
  cert = { cert }, key = key, ca = cert, requestCert = true, rejectUnauthorized = true,
  honorCipherOrder = true, sessionTimeout = 300, sessionIdContext = "app", secureOptions = 0,
  sigalgs = "ECDSA+SHA256:RSA+SHA256", ticketKeys = ("k"):rep(48),
  minVersion = "TLSv1.2", maxVersion = "TLSv1.3", ciphers = "ECDHE+AESGCM", ecdhCurve = "X25519:P-256",
  ALPNProtocols = { "h2" },
}
server:on("stream", function(stream) stream:finish(tostring(stream.session.socket.authorized)) end)
server:listen(0, "127.0.0.1")
server:await "listening"

local url = "https://127.0.0.1:" .. server:address().port
local client = http2.connect(url, { ca = cert, cert = cert, key = key, servername = "localhost" })
print(client:request():body())
client:close()

local nobody = http2.connect(url, { ca = cert, servername = "localhost" })
nobody:on("error", function() end)
local _, err = nobody:request():await "response"
print(err.code, err.cause.code)
server:close()
]],
      prints = "true\nERR_HTTP2_STREAM_CANCEL ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE\n" },
    { id = "sni", title = "Choosing certificate and protocol by script",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"

local server = http2.createSecureServer {
  cert = cert, key = key,
  SNICallback = function(servername, callback)
    print("asked for " .. servername)
    callback(nil, { cert = cert, key = key })
  end,
  ALPNCallback = function(offer)
    print("offers " .. table.concat(offer.protocols, ", "))
    return "h2"
  end,
}
server:on("stream", function(stream) stream:finish "ok" end)
server:listen(0, "127.0.0.1")
server:await "listening"

local client = http2.connect("https://localhost:" .. server:address().port, { ca = cert })
print(client:request():body())
client:close()
server:close()
]],
      prints = "asked for localhost\noffers h2\nok\n" },
    { id = "crl", title = "A list of revoked certificates must be one",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local cert, key = fs.readFileSync "localhost.pem", fs.readFileSync "localhost.key"
print(select(2, pcall(http2.createSecureServer, { cert = cert, key = key, crl = "?" })).code)
]],
      prints = "ERR_TLS_CRL\n" },
    { id = "pfx", title = "Keys that have a passphrase",
      code = [[
local http2 = require "http2"
local fs = require "fs"
local server = http2.createSecureServer { pfx = fs.readFileSync "localhost.p12", passphrase = "perigee" }
server:on("stream", function(stream) stream:finish "from a pfx" end)
server:listen(0, "127.0.0.1")
server:await "listening"
local client = http2.connect("https://localhost:" .. server:address().port, { ca = fs.readFileSync "localhost.pem" })
print(client:request():body())
client:close()
server:close()
]],
      prints = "from a pfx\n" },
  },
}
