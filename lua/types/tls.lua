---@meta tls
-- Made by docs/generate from docs/source/tls.lua; edit that.

--- What `createSecureContext` returns; nothing of it can be seen.
---@class SecureContext

--- certificates for SNICallback, addContext and the client's secureContext
---@class tlslib
---@field DEFAULT_MIN_VERSION string `TLSv1.2`.
---@field DEFAULT_MAX_VERSION string `TLSv1.3`.
local tls = {}

--- A certificate, read and checked once: for `SNICallback`, [`addContext`](server.md#addcontext), [`setSecureContext`](server.md#setsecurecontext), and the client's option `secureContext`.
---@param options? TlsOptions
---@return SecureContext
function tls.createSecureContext(options) end

return tls

