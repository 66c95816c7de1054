---@meta
-- Made by docs/generate from docs/source/response.lua; edit that.

--- compatibility API: the response
---@class Http2ServerResponse: Emitter
---@field statusCode integer 200 to 599; others throw ERR_HTTP2_STATUS_INVALID, 1xx ERR_HTTP2_INFO_STATUS_NOT_ALLOWED.
---@field statusMessage string Always empty: HTTP/2 has none. Setting it is ignored, with one warning in the log.
---@field headersSent boolean Has the answer begun?
---@field sendDate boolean Add `date`?
---@field finished boolean Was `finish` called?
---@field req Http2ServerRequest The request.
---@field stream ServerHttp2Stream The stream behind it.
---@field socket Http2Socket? Facts about the connection; nil after the end.
---@field connection Http2Socket? The same.
---@field writable boolean May it still be written to?
---@field destroyed boolean Is it over?
---@field writableNeedDrain boolean Will 'drain' come?
---@field writableEnded boolean Was `finish` called?
---@field writableFinished boolean Did 'finish' happen?
---@field writableLength integer Bytes that wait.
---@field writableHighWaterMark integer Above that `write` answers false.
---@field writableCorked integer How often `cork` was called and not undone.
---@field writableObjectMode boolean Always false: chunks are strings.
---@field on fun(self: Http2ServerResponse, event: "close", listener: fun()): Http2ServerResponse
---@field on fun(self: Http2ServerResponse, event: "drain", listener: fun()): Http2ServerResponse
---@field on fun(self: Http2ServerResponse, event: "finish", listener: fun()): Http2ServerResponse
---@field on fun(self: Http2ServerResponse, event: "newListener", listener: fun(name: string, listener: function)): Http2ServerResponse
---@field on fun(self: Http2ServerResponse, event: "pipe", listener: fun(source: table)): Http2ServerResponse
---@field on fun(self: Http2ServerResponse, event: "removeListener", listener: fun(name: string, listener: function)): Http2ServerResponse
---@field on fun(self: Http2ServerResponse, event: "timeout", listener: fun()): Http2ServerResponse
---@field on fun(self: Http2ServerResponse, event: "unpipe", listener: fun(source: table)): Http2ServerResponse
---@field on fun(self: Http2ServerResponse, event: string, listener: function): Http2ServerResponse
---@field once fun(self: Http2ServerResponse, event: "close", listener: fun()): Http2ServerResponse
---@field once fun(self: Http2ServerResponse, event: "drain", listener: fun()): Http2ServerResponse
---@field once fun(self: Http2ServerResponse, event: "finish", listener: fun()): Http2ServerResponse
---@field once fun(self: Http2ServerResponse, event: "newListener", listener: fun(name: string, listener: function)): Http2ServerResponse
---@field once fun(self: Http2ServerResponse, event: "pipe", listener: fun(source: table)): Http2ServerResponse
---@field once fun(self: Http2ServerResponse, event: "removeListener", listener: fun(name: string, listener: function)): Http2ServerResponse
---@field once fun(self: Http2ServerResponse, event: "timeout", listener: fun()): Http2ServerResponse
---@field once fun(self: Http2ServerResponse, event: "unpipe", listener: fun(source: table)): Http2ServerResponse
---@field once fun(self: Http2ServerResponse, event: string, listener: function): Http2ServerResponse
local Http2ServerResponse = {}

--- Of the class: makes a class below it, as [the request's](request.md#extend).
---@return table
function Http2ServerResponse:extend() end

--- Of the class: makes an object. For classes below it.
---@param stream ServerHttp2Stream
---@param options nil
---@param request? Http2ServerRequest
---@return Http2ServerResponse
function Http2ServerResponse:new(stream, options, request) end

--- Sets a header, in the place of one of that name. `connection` is dropped with a warning.
---@param name string
---@param value string|number|string[]
function Http2ServerResponse:setHeader(name, value) end

--- Adds a value to those of that name.
---@param name string
---@param value string|string[]
function Http2ServerResponse:appendHeader(name, value) end

--- As it was set.
---@param name string
---@return string|number|string[]|nil
function Http2ServerResponse:getHeader(name) end

--- All of them.
---@return table
function Http2ServerResponse:getHeaders() end

--- Their names.
---@return string[]
function Http2ServerResponse:getHeaderNames() end

--- Is it set?
---@param name string
---@return boolean
function Http2ServerResponse:hasHeader(name) end

--- Takes it away.
---@param name string
function Http2ServerResponse:removeHeader(name) end

--- Sets a trailer.
---@param name string
---@param value string|number|string[]
function Http2ServerResponse:setTrailer(name, value) end

--- Sets several.
---@param headers Headers
function Http2ServerResponse:addTrailers(headers) end

--- Begins the answer.
---@param status integer
---@param message? string ignored
---@param headers? Headers|table a table, a flat list, or a list of pairs
---@return Http2ServerResponse
function Http2ServerResponse:writeHead(status, message, headers) end

--- Begins the answer with what is set, if nothing did.
function Http2ServerResponse:flushHeaders() end

--- As [the stream's](stream.md#write). After `finish`: ERR_STREAM_WRITE_AFTER_END to the callback and by `destroy`; on a stream that is gone ERR_HTTP2_INVALID_STREAM.
---@param data string
---@param encoding? string ignored
---@param callback? fun(err?: Http2Error)
---@return boolean
function Http2ServerResponse:write(data, encoding, callback) end

--- As [the stream's](stream.md#send): waits.
---@param data string
---@return boolean|nil
---@return Http2Error?
function Http2ServerResponse:send(data) end

--- Ends the answer. Twice is no harm.
---@param data? string
---@param encoding? string ignored
---@param callback? fun()
---@return Http2ServerResponse
function Http2ServerResponse:finish(data, encoding, callback) end

--- The same.
---@param data? string
---@param encoding? string
---@param callback? fun()
---@return Http2ServerResponse
function Http2ServerResponse:end_(data, encoding, callback) end

--- The same, as `response["end"](response, …)`.
---@param data? string
---@param encoding? string
---@param callback? fun()
---@return Http2ServerResponse
Http2ServerResponse["end"] = function(self, data, encoding, callback) end

--- Sends 100: for 'checkContinue'.
function Http2ServerResponse:writeContinue() end

--- Sends 103.
---@param hints Headers `link`: a text or a list
function Http2ServerResponse:writeEarlyHints(hints) end

--- Sends any 1xx block but 101; false when that is too late.
---@param status integer 102 to 199
---@param headers? Headers
function Http2ServerResponse:writeInformation(status, headers) end

--- As [`pushStream`](server_stream.md#pushstream), with a response for the pushed stream.
---@param headers Headers
---@param callback fun(err?: Http2Error, response?: Http2ServerResponse)
function Http2ServerResponse:createPushResponse(headers, callback) end

--- Of the stream.
---@param ms integer
---@param callback? fun()
---@return Http2ServerResponse
function Http2ServerResponse:setTimeout(ms, callback) end

--- Of the stream.
---@param err? any
function Http2ServerResponse:destroy(err) end

--- As `stream:cork()`.
function Http2ServerResponse:cork() end

--- As `stream:uncork()`.
function Http2ServerResponse:uncork() end

