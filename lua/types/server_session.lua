---@meta
-- Made by docs/generate from docs/source/server_session.lua; edit that.

--- a connection, the server's side
---@class ServerHttp2Session: Http2Session
---@field server Http2Server? The server it belongs to.
---@field on fun(self: ServerHttp2Session, event: "close", listener: fun()): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "connect", listener: fun(session: Http2Session, socket: Http2Socket)): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "error", listener: fun(err: Http2Error)): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "frameError", listener: fun(type: integer, code: integer, id: integer)): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "goaway", listener: fun(code: integer, lastStreamID: integer, opaqueData?: string)): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "localSettings", listener: fun(settings: Settings)): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "newListener", listener: fun(name: string, listener: function)): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "ping", listener: fun(payload: string)): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "remoteSettings", listener: fun(settings: Settings)): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "removeListener", listener: fun(name: string, listener: function)): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "stream", listener: fun(stream: ServerHttp2Stream, headers: Headers, flags: integer, rawHeaders: string[])): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: "timeout", listener: fun()): ServerHttp2Session
---@field on fun(self: ServerHttp2Session, event: string, listener: function): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "close", listener: fun()): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "connect", listener: fun(session: Http2Session, socket: Http2Socket)): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "error", listener: fun(err: Http2Error)): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "frameError", listener: fun(type: integer, code: integer, id: integer)): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "goaway", listener: fun(code: integer, lastStreamID: integer, opaqueData?: string)): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "localSettings", listener: fun(settings: Settings)): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "newListener", listener: fun(name: string, listener: function)): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "ping", listener: fun(payload: string)): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "remoteSettings", listener: fun(settings: Settings)): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "removeListener", listener: fun(name: string, listener: function)): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "stream", listener: fun(stream: ServerHttp2Stream, headers: Headers, flags: integer, rawHeaders: string[])): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: "timeout", listener: fun()): ServerHttp2Session
---@field once fun(self: ServerHttp2Session, event: string, listener: function): ServerHttp2Session
local ServerHttp2Session = {}

--- Sends ALTSVC: the same can be had elsewhere, too.
---@param alt string
---@param originOrStream string|integer|table an origin, or the id of a stream
function ServerHttp2Session:altsvc(alt, originOrStream) end

--- Sends ORIGIN: this connection speaks for these origins.
---@param ... string|table
function ServerHttp2Session:origin(...) end

