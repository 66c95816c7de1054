---@meta
-- Made by docs/generate from docs/source/program.lua; edit that.

--- The table that a script may return. A server of it gets these listeners; at least `stream` or `request` must be there.
---@class Handlers
---@field stream? fun(stream: ServerHttp2Stream, headers: Headers, flags: integer, rawHeaders: string[]) See 'stream' of [Http2Server](server.md#event-stream).
---@field request? fun(request: Http2ServerRequest, response: Http2ServerResponse) See 'request'.
---@field checkContinue? fun(request: Http2ServerRequest, response: Http2ServerResponse) See 'checkContinue'.
---@field checkExpectation? fun(request: Http2ServerRequest, response: Http2ServerResponse) See 'checkExpectation'.
---@field connect? fun(request: Http2ServerRequest, response: Http2ServerResponse) See 'connect'.
---@field session? fun(session: ServerHttp2Session) See 'session'.
---@field start? fun(server: Http2Server) Is called for each server when it was made.
---@field sessionError? fun(err: Http2Error, session: ServerHttp2Session) See 'sessionError'.
---@field timeout? fun(session: ServerHttp2Session) See 'timeout'.
---@field connection? fun(socket: Http2Socket) See 'connection'.
---@field listening? fun() See 'listening'.
---@field close? fun() See 'close'.
---@field error? fun(err: Http2Error) See 'error'.

