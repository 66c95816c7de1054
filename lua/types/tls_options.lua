---@meta
-- Made by docs/generate from docs/source/tls_options.lua; edit that.

--- Of both sides.
---@class TlsOptions
---@field key? string|string[] The private key.
---@field cert? string|string[] The certificate, then those between it and the root.
---@field ca? string|string[] Roots to trust, in the place of the system's.
---@field pfx? string Key and certificate in one PKCS #12 file's bytes.
---@field passphrase? string Of an encrypted key or pfx.
---@field ciphers? string For TLS 1.2, in OpenSSL's notation.
---@field ecdhCurve? string Groups for the key exchange, with colons between them.
---@field minVersion? string `"TLSv1.2"` or `"TLSv1.3"`.
---@field maxVersion? string The same.
---@field rejectUnauthorized? boolean A certificate that does not verify ends the handshake.
---@field ALPNProtocols? string[] What we offer or accept.
---@field servername? string Client: the name to ask for and to verify; the host by default.

--- [ServerOptions](server_options.md#serveroptions), TlsOptions, and:
---@class SecureServerOptions: ServerOptions
---@field requestCert? boolean Asks clients for a certificate; one is needed unless `rejectUnauthorized` is false.
---@field SNICallback? fun(servername: string, callback: fun(err?: any, context?: TlsOptions)) Chooses a certificate when a client asks for a name; the handshake waits for the answer.
---@field ALPNCallback? fun(arguments: {servername: string, protocols: string[]}): string? Chooses the protocol among those that the client offers; nil refuses it. Excludes `ALPNProtocols`.

