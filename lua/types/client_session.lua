---@meta
-- Made by docs/generate from docs/source/client_session.lua; edit that.

--- For `request`.
---@class RequestOptions
---@field endStream? boolean There is no body.
---@field waitForTrailers? boolean 'wantTrailers' comes when the body is out: send trailers then.
---@field signal? CancelToken Cancels the request: see [CancelToken](cancel.md).
---@field parent? ServerHttp2Stream A stream whose handler makes this request: when it ends abnormally, or its handler throws, the request is reset with CANCEL.
---@field exclusive? boolean Accepted and ignored: of priorities.
---@field weight? integer Accepted and ignored: of priorities.
---@field silent? boolean Accepted and ignored: of priorities.

--- a connection, the client's side: requests
---@class ClientHttp2Session: Http2Session
---@field originSet string[]? TLS: the origins that the server says this connection may be used for. One that answers 421 is taken away.
---@field on fun(self: ClientHttp2Session, event: "altsvc", listener: fun(alt: string, origin: string, streamId: integer)): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "close", listener: fun()): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "connect", listener: fun(session: Http2Session, socket: Http2Socket)): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "error", listener: fun(err: Http2Error)): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "frameError", listener: fun(type: integer, code: integer, id: integer)): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "goaway", listener: fun(code: integer, lastStreamID: integer, opaqueData?: string)): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "localSettings", listener: fun(settings: Settings)): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "newListener", listener: fun(name: string, listener: function)): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "origin", listener: fun(origins: string[])): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "ping", listener: fun(payload: string)): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "remoteSettings", listener: fun(settings: Settings)): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "removeListener", listener: fun(name: string, listener: function)): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "stream", listener: fun(stream: ClientHttp2Stream, headers: Headers, flags: integer, rawHeaders: string[])): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: "timeout", listener: fun()): ClientHttp2Session
---@field on fun(self: ClientHttp2Session, event: string, listener: function): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "altsvc", listener: fun(alt: string, origin: string, streamId: integer)): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "close", listener: fun()): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "connect", listener: fun(session: Http2Session, socket: Http2Socket)): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "error", listener: fun(err: Http2Error)): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "frameError", listener: fun(type: integer, code: integer, id: integer)): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "goaway", listener: fun(code: integer, lastStreamID: integer, opaqueData?: string)): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "localSettings", listener: fun(settings: Settings)): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "newListener", listener: fun(name: string, listener: function)): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "origin", listener: fun(origins: string[])): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "ping", listener: fun(payload: string)): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "remoteSettings", listener: fun(settings: Settings)): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "removeListener", listener: fun(name: string, listener: function)): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "stream", listener: fun(stream: ClientHttp2Stream, headers: Headers, flags: integer, rawHeaders: string[])): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: "timeout", listener: fun()): ClientHttp2Session
---@field once fun(self: ClientHttp2Session, event: string, listener: function): ClientHttp2Session
local ClientHttp2Session = {}

--- Opens a stream. `:method` GET, `:path` /, `:scheme` and `:authority` are filled in. Before the connection stands the
--- stream is `pending`; over the peer's limit of streams it has an id and waits. On a session that is closed or destroyed
--- the stream gets an 'error' on the next turn.
---@param headers? Headers|string[]
---@param options? RequestOptions
---@return ClientHttp2Stream
function ClientHttp2Session:request(headers, options) end

