---@meta
-- Made by docs/generate from docs/source/stream.lua; edit that.

--- Of `stream.state`.
---@class StreamState
---@field state? integer NGHTTP2_STREAM_STATE_*: 2 open, 5 half closed (local), 6 half closed (remote), 7 closed.
---@field localClose? integer 1: our side has ended.
---@field remoteClose? integer 1: the peer's side has ended.
---@field localWindowSize? integer Bytes that the peer may still send.
---@field weight? integer Of priorities; always 16.
---@field sumDependencyWeight? integer Of priorities; always 0.

--- Of `stream.metrics`; times in ms since the stream began, 0 for what did not happen. Of a server's stream whose end nobody waits for the times of bytes are forgotten when it closes.
---@class StreamMetrics
---@field bytesRead? integer Bytes of body received.
---@field bytesWritten? integer Bytes of body sent.
---@field id? integer Of the stream.
---@field timeToFirstByte? integer Until the first DATA came.
---@field timeToFirstByteSent? integer Until the first DATA was sent.
---@field timeToFirstHeader? integer Until the first header block came.

--- a request and its answer, what both sides share: bodies, trailers, the end
---@class Http2Stream: Emitter
---@field id integer? nil while it is pending.
---@field pending boolean Does it wait for the connection?
---@field closed boolean Is it closed: by `close`, by a reset, or because both sides are done?
---@field destroyed boolean Is it over?
---@field aborted boolean Did 'aborted' happen?
---@field rstCode integer The code it ended with.
---@field session Http2Session? Its session; nil when it is destroyed.
---@field headersSent boolean Has the answer begun? Always true on a client.
---@field sentHeaders Headers? What was sent, with what was filled in.
---@field sentInfoHeaders Headers[]? The 1xx blocks that were sent, the first 100 of them.
---@field sentTrailers Headers? The trailers that were sent.
---@field endAfterHeaders boolean Did the peer's header block end its side: is there no body to read?
---@field bufferSize integer Bytes accepted by `write` and not yet sent.
---@field state StreamState The protocol's view of it; `{}` when it is gone.
---@field headRequest boolean? Is it a HEAD request?
---@field complete boolean Did the peer's END_STREAM come? false after the end means a cut body.
---@field closeInfo CloseInfo? How it ended; nil while it is open. See [Why it ended](close_info.md).
---@field bytesRead integer Bytes of body received.
---@field bytesWritten integer Bytes of body sent or queued.
---@field metrics StreamMetrics Bytes and times.
---@field writable boolean May it still be written to?
---@field writableEnded boolean Was `finish` called?
---@field writableFinished boolean Did 'finish' happen?
---@field writableLength integer The same as `bufferSize`.
---@field writableHighWaterMark integer Above that `write` answers false.
---@field writableCorked integer How often `cork` was called and not undone.
---@field writableObjectMode boolean Always false: chunks are strings.
---@field readableObjectMode boolean Always false: chunks are strings.
---@field writableNeedDrain boolean Will 'drain' come?
---@field readable boolean May it still be read from?
---@field readableEnded boolean Did 'end' happen?
---@field readableLength integer Bytes that came and were not read.
---@field readableHighWaterMark integer What may come before somebody reads, unless the settings have another `initialWindowSize`.
---@field errored Http2Error? The error it ended with.
---@field readableFlowing boolean? true: flows; false: paused; nil: nobody has asked yet.
---@field on fun(self: Http2Stream, event: "aborted", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: "close", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: "data", listener: fun(chunk: string)): Http2Stream
---@field on fun(self: Http2Stream, event: "drain", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: "end", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: "error", listener: fun(err: Http2Error)): Http2Stream
---@field on fun(self: Http2Stream, event: "finish", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: "frameError", listener: fun(type: integer, code: integer, id: integer)): Http2Stream
---@field on fun(self: Http2Stream, event: "newListener", listener: fun(name: string, listener: function)): Http2Stream
---@field on fun(self: Http2Stream, event: "pause", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: "pipe", listener: fun(source: Http2Stream)): Http2Stream
---@field on fun(self: Http2Stream, event: "readable", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: "ready", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: "removeListener", listener: fun(name: string, listener: function)): Http2Stream
---@field on fun(self: Http2Stream, event: "resume", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: "timeout", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: "trailers", listener: fun(headers: Headers, flags: integer, rawHeaders: string[])): Http2Stream
---@field on fun(self: Http2Stream, event: "unpipe", listener: fun(source: Http2Stream)): Http2Stream
---@field on fun(self: Http2Stream, event: "wantTrailers", listener: fun()): Http2Stream
---@field on fun(self: Http2Stream, event: string, listener: function): Http2Stream
---@field once fun(self: Http2Stream, event: "aborted", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: "close", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: "data", listener: fun(chunk: string)): Http2Stream
---@field once fun(self: Http2Stream, event: "drain", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: "end", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: "error", listener: fun(err: Http2Error)): Http2Stream
---@field once fun(self: Http2Stream, event: "finish", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: "frameError", listener: fun(type: integer, code: integer, id: integer)): Http2Stream
---@field once fun(self: Http2Stream, event: "newListener", listener: fun(name: string, listener: function)): Http2Stream
---@field once fun(self: Http2Stream, event: "pause", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: "pipe", listener: fun(source: Http2Stream)): Http2Stream
---@field once fun(self: Http2Stream, event: "readable", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: "ready", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: "removeListener", listener: fun(name: string, listener: function)): Http2Stream
---@field once fun(self: Http2Stream, event: "resume", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: "timeout", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: "trailers", listener: fun(headers: Headers, flags: integer, rawHeaders: string[])): Http2Stream
---@field once fun(self: Http2Stream, event: "unpipe", listener: fun(source: Http2Stream)): Http2Stream
---@field once fun(self: Http2Stream, event: "wantTrailers", listener: fun()): Http2Stream
---@field once fun(self: Http2Stream, event: string, listener: function): Http2Stream
local Http2Stream = {}

--- Sends bytes; never waits. On a server it answers with 200 first, if nothing did. Each write is at least one DATA frame. After
--- `finish` there is an 'error' ERR_STREAM_WRITE_AFTER_END, after the end just false.
---@param data string
---@param encoding? string ignored
---@param callback? fun(err?: Http2Error)
---@return boolean
function Http2Stream:write(data, encoding, callback) end

--- The same, but waits while too much waits already.
---@param data string
---@return boolean|nil
---@return Http2Error?
function Http2Stream:send(data) end

--- Ends our side, with a last piece if given.
---@param data? string
---@param encoding? string ignored
---@param callback? fun(err?: Http2Error) at 'finish', or when it is too late for that
---@return Http2Stream
function Http2Stream:finish(data, encoding, callback) end

--- The same as `finish`.
---@param data? string
---@param encoding? string
---@param callback? fun()
---@return Http2Stream
function Http2Stream:end_(data, encoding, callback) end

--- The same as `finish`, to be called as `stream["end"](stream, …)`.
---@param data? string
---@param encoding? string
---@param callback? fun()
---@return Http2Stream
Http2Stream["end"] = function(self, data, encoding, callback) end

--- Sends RST_STREAM with that code. With code 0 after `finish` it waits until the body is out. A second call does nothing.
---@param code? integer 0
---@param callback? fun() at 'close'
function Http2Stream:close(code, callback) end

--- Ends it at once: what waits is dropped but for the first piece; then RST_STREAM. 'close' comes on the next turn.
---@param err? any for 'error'; the code is INTERNAL_ERROR then
---@return Http2Stream
function Http2Stream:destroy(err) end

--- Emits 'timeout' when nothing came or went for that time.
---@param ms integer 0: none
---@param callback? fun() once, for 'timeout'
---@return Http2Stream
function Http2Stream:setTimeout(ms, callback) end

--- Ends our side with trailers, after 'wantTrailers'.
---@param headers Headers
function Http2Stream:sendTrailers(headers) end

--- Waits for the whole body.
---@param limit? integer bytes
---@return string|nil
---@return Http2Error?
function Http2Stream:body(limit) end

--- `for chunk in stream:chunks() do … end` reads the body in order, and holds the peer back while the loop is busy. When the body was
--- cut the loop ends and `complete` is false.
---@return fun(): string?, Http2Error?
function Http2Stream:chunks() end

--- All that waits, or nil. With a size: so many bytes, nil when there are fewer; at the end of the body what is left.
---@param size? integer bytes
---@return string?
function Http2Stream:read(size) end

--- 'data' comes from now on; without a listener the body is thrown away.
---@return Http2Stream
function Http2Stream:resume() end

--- No 'data' until `resume`; the peer is held back by its window.
---@return Http2Stream
function Http2Stream:pause() end

--- Was it paused?
---@return boolean
function Http2Stream:isPaused() end

--- Sends what comes on to the target, as fast as it takes it. A cut body does not end the target.
---@param target table a stream, or anything with `write` and `finish`
---@param options? {end_: boolean?} `end_ = false`: the target stays open
---@return table
function Http2Stream:pipe(target, options) end

--- Undoes `pipe`, for that target or for all.
---@param target? table
---@return Http2Stream
function Http2Stream:unpipe(target) end

--- Holds what is written until `uncork` was called as often; it leaves as one piece then. `finish` releases it too.
---@return Http2Stream
function Http2Stream:cork() end

--- Undoes one `cork`.
---@return Http2Stream
function Http2Stream:uncork() end

--- Does nothing: chunks are strings of bytes.
---@param encoding string
---@return Http2Stream
function Http2Stream:setEncoding(encoding) end

--- Does nothing.
---@param encoding string
---@return Http2Stream
function Http2Stream:setDefaultEncoding(encoding) end

--- Does nothing: RFC 9113 dropped priorities.
---@param options table
function Http2Stream:priority(options) end

