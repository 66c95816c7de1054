--- tls: what of Node's tls module servers and clients of http2 need, as `require "tls"`: certificates for SNICallback,
-- server:addContext() and server:setSecureContext(), and for the option secureContext of http2.connect().
local secure = require "http2.secure"

return {
  createSecureContext = secure.create_context,
  DEFAULT_MIN_VERSION = "TLSv1.2",
  DEFAULT_MAX_VERSION = "TLSv1.3",
}
