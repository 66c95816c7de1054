---@meta
-- Made by docs/generate from docs/source/request.lua; edit that.

--- compatibility API: the request
---@class Http2ServerRequest: Emitter
---@field method string May be set.
---@field url string `:path`; may be set.
---@field headers Headers See [Headers](headers.md).
---@field rawHeaders string[] Names and values in wire order.
---@field trailers Headers Filled at 'end'.
---@field rawTrailers string[] The same in wire order.
---@field authority string `:authority`, else `host`.
---@field scheme string `http` or `https`.
---@field httpVersion string `2.0`.
---@field httpVersionMajor integer 2.
---@field httpVersionMinor integer 0.
---@field stream ServerHttp2Stream The stream behind it.
---@field socket Http2Socket Facts about the connection.
---@field connection Http2Socket The same.
---@field aborted boolean Did 'aborted' happen?
---@field complete boolean Will nothing more come: was it read to its end, or aborted? Whether the body was whole says `stream.complete`.
---@field destroyed boolean Is it over?
---@field readable boolean May it still be read from?
---@field readableEnded boolean Did 'end' happen?
---@field readableFlowing boolean? As [the stream's](stream.md#readableflowing).
---@field on fun(self: Http2ServerRequest, event: "aborted", listener: fun()): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: "close", listener: fun()): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: "data", listener: fun(chunk: string)): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: "end", listener: fun()): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: "error", listener: fun(err: Http2Error)): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: "newListener", listener: fun(name: string, listener: function)): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: "pause", listener: fun()): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: "readable", listener: fun()): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: "removeListener", listener: fun(name: string, listener: function)): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: "resume", listener: fun()): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: "timeout", listener: fun()): Http2ServerRequest
---@field on fun(self: Http2ServerRequest, event: string, listener: function): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "aborted", listener: fun()): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "close", listener: fun()): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "data", listener: fun(chunk: string)): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "end", listener: fun()): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "error", listener: fun(err: Http2Error)): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "newListener", listener: fun(name: string, listener: function)): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "pause", listener: fun()): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "readable", listener: fun()): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "removeListener", listener: fun(name: string, listener: function)): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "resume", listener: fun()): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: "timeout", listener: fun()): Http2ServerRequest
---@field once fun(self: Http2ServerRequest, event: string, listener: function): Http2ServerRequest
local Http2ServerRequest = {}

--- As [the stream's](stream.md#read).
---@param size? integer
---@return string?
function Http2ServerRequest:read(size) end

--- As [the stream's](stream.md#resume).
---@return Http2ServerRequest
function Http2ServerRequest:resume() end

--- As [the stream's](stream.md#pause).
---@return Http2ServerRequest
function Http2ServerRequest:pause() end

--- As [the stream's](stream.md#ispaused).
---@return boolean
function Http2ServerRequest:isPaused() end

--- As [the stream's](stream.md#pipe).
---@param target table
---@param options? {end_: boolean?}
---@return table
function Http2ServerRequest:pipe(target, options) end

--- As [the stream's](stream.md#unpipe).
---@param target? table
---@return Http2ServerRequest
function Http2ServerRequest:unpipe(target) end

--- As [the stream's](stream.md#body).
---@param limit? integer
---@return string|nil
---@return Http2Error?
function Http2ServerRequest:body(limit) end

--- As [the stream's](stream.md#chunks).
---@return fun(): string?, Http2Error?
function Http2ServerRequest:chunks() end

--- Does nothing.
---@param encoding string
---@return Http2ServerRequest
function Http2ServerRequest:setEncoding(encoding) end

--- Of the class: makes a class below it, for the server's option. Methods put there are those of all requests; a `new` of its own calls
--- `http2.Http2ServerRequest.new(self, stream, headers, ...)`.
---@return table
function Http2ServerRequest:extend() end

--- Of the class: makes an object. For classes below it.
---@param stream ServerHttp2Stream
---@param headers Headers
---@param ... any
---@return Http2ServerRequest
function Http2ServerRequest:new(stream, headers, ...) end

--- Of the stream.
---@param ms integer
---@param callback? fun()
---@return Http2ServerRequest
function Http2ServerRequest:setTimeout(ms, callback) end

--- Of the stream.
---@param err? any
function Http2ServerRequest:destroy(err) end

