---@meta
-- Made by docs/generate from docs/source/server.lua; edit that.

--- Where to listen.
---@class ListenOptions
---@field port? integer 0 to 65535; 0: the system chooses.
---@field host? string An address or name.
---@field path? string Of a UNIX socket, in the place of port and host.
---@field fd? integer A listening socket that is there already, in the place of all that.
---@field backlog? integer How many connections may wait in the kernel.
---@field signal? CancelToken Closes the server when it is cancelled.
---@field readableAll? boolean Of a UNIX socket: everybody may read it.
---@field writableAll? boolean Of a UNIX socket: everybody may connect.
---@field ipv6Only? boolean Without IPv4 on `::`.

--- a server, in clear text or over TLS: listening, and its sessions
---@class Http2Server: Emitter
---@field listening boolean Does it listen?
---@field timeout integer Idle time of a session in ms; 0: none. Applies to sessions made later.
---@field maxConnections integer? Connections at a time; more are closed when they come.
---@field on fun(self: Http2Server, event: "checkContinue", listener: fun(request: Http2ServerRequest, response: Http2ServerResponse)): Http2Server
---@field on fun(self: Http2Server, event: "checkExpectation", listener: fun(request: Http2ServerRequest, response: Http2ServerResponse)): Http2Server
---@field on fun(self: Http2Server, event: "clientError", listener: fun(err: Http2Error, socket: Http2Socket)): Http2Server
---@field on fun(self: Http2Server, event: "close", listener: fun()): Http2Server
---@field on fun(self: Http2Server, event: "connect", listener: fun(request: Http2ServerRequest, response: Http2ServerResponse)): Http2Server
---@field on fun(self: Http2Server, event: "connection", listener: fun(socket: Http2Socket)): Http2Server
---@field on fun(self: Http2Server, event: "draining", listener: fun()): Http2Server
---@field on fun(self: Http2Server, event: "drop", listener: fun(data: table)): Http2Server
---@field on fun(self: Http2Server, event: "error", listener: fun(err: Http2Error)): Http2Server
---@field on fun(self: Http2Server, event: "listening", listener: fun()): Http2Server
---@field on fun(self: Http2Server, event: "newListener", listener: fun(name: string, listener: function)): Http2Server
---@field on fun(self: Http2Server, event: "removeListener", listener: fun(name: string, listener: function)): Http2Server
---@field on fun(self: Http2Server, event: "request", listener: fun(request: Http2ServerRequest, response: Http2ServerResponse)): Http2Server
---@field on fun(self: Http2Server, event: "secureConnection", listener: fun(socket: Http2Socket)): Http2Server
---@field on fun(self: Http2Server, event: "session", listener: fun(session: ServerHttp2Session)): Http2Server
---@field on fun(self: Http2Server, event: "sessionError", listener: fun(err: Http2Error, session: ServerHttp2Session)): Http2Server
---@field on fun(self: Http2Server, event: "stream", listener: fun(stream: ServerHttp2Stream, headers: Headers, flags: integer, rawHeaders: string[])): Http2Server
---@field on fun(self: Http2Server, event: "timeout", listener: fun(session: ServerHttp2Session)): Http2Server
---@field on fun(self: Http2Server, event: "tlsClientError", listener: fun(err: Http2Error, socket: Http2Socket)): Http2Server
---@field on fun(self: Http2Server, event: "unknownProtocol", listener: fun(socket: Http2Socket)): Http2Server
---@field on fun(self: Http2Server, event: string, listener: function): Http2Server
---@field once fun(self: Http2Server, event: "checkContinue", listener: fun(request: Http2ServerRequest, response: Http2ServerResponse)): Http2Server
---@field once fun(self: Http2Server, event: "checkExpectation", listener: fun(request: Http2ServerRequest, response: Http2ServerResponse)): Http2Server
---@field once fun(self: Http2Server, event: "clientError", listener: fun(err: Http2Error, socket: Http2Socket)): Http2Server
---@field once fun(self: Http2Server, event: "close", listener: fun()): Http2Server
---@field once fun(self: Http2Server, event: "connect", listener: fun(request: Http2ServerRequest, response: Http2ServerResponse)): Http2Server
---@field once fun(self: Http2Server, event: "connection", listener: fun(socket: Http2Socket)): Http2Server
---@field once fun(self: Http2Server, event: "draining", listener: fun()): Http2Server
---@field once fun(self: Http2Server, event: "drop", listener: fun(data: table)): Http2Server
---@field once fun(self: Http2Server, event: "error", listener: fun(err: Http2Error)): Http2Server
---@field once fun(self: Http2Server, event: "listening", listener: fun()): Http2Server
---@field once fun(self: Http2Server, event: "newListener", listener: fun(name: string, listener: function)): Http2Server
---@field once fun(self: Http2Server, event: "removeListener", listener: fun(name: string, listener: function)): Http2Server
---@field once fun(self: Http2Server, event: "request", listener: fun(request: Http2ServerRequest, response: Http2ServerResponse)): Http2Server
---@field once fun(self: Http2Server, event: "secureConnection", listener: fun(socket: Http2Socket)): Http2Server
---@field once fun(self: Http2Server, event: "session", listener: fun(session: ServerHttp2Session)): Http2Server
---@field once fun(self: Http2Server, event: "sessionError", listener: fun(err: Http2Error, session: ServerHttp2Session)): Http2Server
---@field once fun(self: Http2Server, event: "stream", listener: fun(stream: ServerHttp2Stream, headers: Headers, flags: integer, rawHeaders: string[])): Http2Server
---@field once fun(self: Http2Server, event: "timeout", listener: fun(session: ServerHttp2Session)): Http2Server
---@field once fun(self: Http2Server, event: "tlsClientError", listener: fun(err: Http2Error, socket: Http2Socket)): Http2Server
---@field once fun(self: Http2Server, event: "unknownProtocol", listener: fun(socket: Http2Socket)): Http2Server
---@field once fun(self: Http2Server, event: string, listener: function): Http2Server
local Http2Server = {}

--- Begins to listen: `listen(port[, host][, backlog][, callback])`, `listen(path[, backlog][, callback])`, or
--- `listen(options[, callback])`. 'listening' or 'error' follows.
---@param port? integer|string|ListenOptions 0: the system chooses; a text is the path of a UNIX socket
---@param host? string without it `::` for both families, else 0.0.0.0
---@param backlog? integer how many connections may wait in the kernel
---@param callback? fun() once, for 'listening'
---@return Http2Server
function Http2Server:listen(port, host, backlog, callback) end

--- Where it listens.
---@return table|string|nil
function Http2Server:address() end

--- Graceful: stops accepting, sends GOAWAY(NO_ERROR) on every session, lets open streams finish, then waits up to a
--- second for the client to hang up. A server that does not run gives the callback ERR_SERVER_NOT_RUNNING; so does one that
--- is closing already, when it is done.
---@param callback? fun(err?: Http2Error) when the last connection is gone
---@return Http2Server
function Http2Server:close(callback) end

--- Sets `timeout`.
---@param ms? integer 120000 by default
---@param callback? fun(session: ServerHttp2Session) for 'timeout'
---@return Http2Server
function Http2Server:setTimeout(ms, callback) end

--- How many connections there are now.
---@param callback fun(err: nil, count: integer)
---@return Http2Server
function Http2Server:getConnections(callback) end

--- Other initial settings for the sessions made from now on.
---@param settings Settings
function Http2Server:updateSettings(settings) end

--- It keeps the program running while it listens (so it is from the start).
---@return Http2Server
function Http2Server:ref() end

--- It does not keep the program running.
---@return Http2Server
function Http2Server:unref() end

--- Another certificate, for clients that ask for that name (SNI).
---@param hostname string `*.example.org` for all below it
---@param context TlsOptions|SecureContext
function Http2Server:addContext(hostname, context) end

--- What TLS session tickets are sealed with.
---@return string
function Http2Server:getTicketKeys() end

--- Other servers with the same keys take up the sessions of this one's clients.
---@param keys string 48 bytes
function Http2Server:setTicketKeys(keys) end

--- Another certificate for the connections made from now on: those that stand keep theirs.
---@param options TlsOptions|SecureContext
function Http2Server:setSecureContext(options) end

--- Of HTTP/1.1, which is not there yet.
function Http2Server:closeIdleConnections() end

