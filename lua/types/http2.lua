---@meta http2
-- Made by docs/generate from docs/source/http2.lua; edit that.

--- the module: making servers and clients
---@class http2lib
---@field constants Constants Error codes, header names, methods, statuses; see [Constants](constants.md).
---@field sensitiveHeaders table The key under which a header table lists the names to send, or received, as never indexed (RFC 7541 7.1.3).
---@field Http2Session table What both kinds of sessions have.
---@field ServerHttp2Session table The metatable of a server's sessions.
---@field ClientHttp2Session table The metatable of a client's sessions.
---@field Http2Stream table What both kinds of streams have.
---@field ServerHttp2Stream table The metatable of a server's streams.
---@field ClientHttp2Stream table The metatable of a client's streams.
---@field Http2ServerRequest table The class of compat requests; see [Http2ServerRequest](request.md).
---@field Http2ServerResponse table The class of compat responses; see [Http2ServerResponse](response.md).
local http2 = {}

--- A server in clear text, for clients that know it speaks HTTP/2 (*prior knowledge*). TLS options are accepted
--- and ignored.
---@overload fun(onRequest: fun(request: Http2ServerRequest, response: Http2ServerResponse)): Http2Server
---@param options? ServerOptions
---@param onRequest? fun(request: Http2ServerRequest, response: Http2ServerResponse) a listener of 'request'
---@return Http2Server
function http2.createServer(options, onRequest) end

--- A server over TLS 1.2 or 1.3, with `h2` by ALPN.
---@param options SecureServerOptions
---@param onRequest? fun(request: Http2ServerRequest, response: Http2ServerResponse)
---@return Http2Server
function http2.createSecureServer(options, onRequest) end

--- A client session. It connects in the background; requests made meanwhile wait. The default protocol is
--- `https:`, the default ports are 80 and 443. All addresses of a name are tried in turn.
---@overload fun(authority: string|table, listener: fun(session: ClientHttp2Session, socket: Http2Socket)): ClientHttp2Session
---@param authority string|table `"http://host:port"`, `"https://…"`, or `{protocol=, host=, port=}`
---@param options? ConnectOptions
---@param listener? fun(session: ClientHttp2Session, socket: Http2Socket) once, for 'connect'
---@return ClientHttp2Session
function http2.connect(authority, options, listener) end

--- A client session that is joined to a new session of `server` in memory: no port, no socket, no TLS. It behaves
--- like a connection in clear text. Meant for tests of handlers.
---@param server Http2Server it need not listen
---@param options? ConnectOptions without those of address and TLS
---@param listener? fun(session: ClientHttp2Session, socket: Http2Socket) once, for 'connect'
---@return ClientHttp2Session
function http2.connectPair(server, options, listener) end

--- A fresh table of the protocol's default settings.
---@return Settings
function http2.getDefaultSettings() end

--- The payload of a SETTINGS frame.
---@param settings? Settings
---@return string
function http2.getPackedSettings(settings) end

--- The settings of such a payload; `validate` checks their values.
---@param payload string
---@param options? {validate: boolean?}
---@return Settings
function http2.getUnpackedSettings(payload, options) end

--- A server session on a connection that was accepted elsewhere, without a server object. The descriptor is
--- duplicated: close yours when you like.
---@param fd integer a connected socket's descriptor
---@param options? ServerOptions
---@return ServerHttp2Session
function http2.performServerHandshake(fd, options) end

--- A token for the option `signal`; see [CancelToken](cancel.md).
---@return CancelToken
function http2.cancelToken() end

--- The class of an object of this module; nil for anything else.
---@param object any
---@return string?
function http2.type(object) end

--- Fetches all fields of a received header table into it; see [Headers](headers.md).
---@param t Headers
---@return Headers
function http2.headers(t) end

return http2

