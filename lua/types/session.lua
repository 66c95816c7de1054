---@meta
-- Made by docs/generate from docs/source/session.lua; edit that.

--- Of `session.state`; all in bytes or numbers of streams.
---@class SessionState
---@field effectiveLocalWindowSize? integer Our receive window for the connection.
---@field effectiveRecvDataLength? integer Received since our last WINDOW_UPDATE.
---@field nextStreamID? integer Of the next stream we open.
---@field localWindowSize? integer What the peer may still send.
---@field lastProcStreamID? integer Of the last stream of the peer that was processed.
---@field remoteWindowSize? integer What we may still send.
---@field outboundQueueSize? integer Frames that wait to go out.
---@field deflateDynamicTableSize? integer Of our HPACK encoder.
---@field inflateDynamicTableSize? integer Of our HPACK decoder.

--- Of `session.metrics`.
---@class SessionMetrics
---@field type? string `server` or `client`.
---@field bytesRead? integer Bytes of the connection.
---@field bytesWritten? integer Bytes of the connection.
---@field framesReceived? integer Frames of the peer.
---@field framesSent? integer Frames of ours.
---@field maxConcurrentStreams? integer The most streams that were open at a time.
---@field pingRTT? number ms of the last answered PING; 0 without one.
---@field streamAverageDuration? number ms, of the streams that ended.
---@field streamCount? integer Streams so far.

--- a connection, what both sides share
---@class Http2Session: Emitter
---@field alpnProtocol string? `h2`, or `h2c` in clear text; nil before it is connected.
---@field encrypted boolean? Is it TLS? nil before it is connected.
---@field connecting boolean Is it still connecting?
---@field closed boolean Was it closed, by `close()` or the peer's GOAWAY(0)? `destroy()` alone does not set it.
---@field destroyed boolean Is it over?
---@field socket Http2Socket A restricted view of the [connection](socket.md).
---@field type integer 0 (NGHTTP2_SESSION_SERVER) or 1 (NGHTTP2_SESSION_CLIENT).
---@field state SessionState Windows and tables as numbers; `{}` before it is connected and afterwards.
---@field localSettings Settings Our settings as acknowledged; `{}` when unknown.
---@field remoteSettings Settings The peer's; `{}` when unknown.
---@field pendingSettingsAck boolean Does the peer owe an acknowledgement of SETTINGS?
---@field goawayCode integer Of the last GOAWAY received.
---@field goawayLastStreamID integer Of the last GOAWAY received.
---@field closeInfo CloseInfo? How it ended; nil while it is open. See [Why it ended](close_info.md).
---@field pingRTT number? ms of the last answered PING.
---@field metrics SessionMetrics Counts of frames, streams and bytes.
---@field on fun(self: Http2Session, event: "close", listener: fun()): Http2Session
---@field on fun(self: Http2Session, event: "connect", listener: fun(session: Http2Session, socket: Http2Socket)): Http2Session
---@field on fun(self: Http2Session, event: "error", listener: fun(err: Http2Error)): Http2Session
---@field on fun(self: Http2Session, event: "frameError", listener: fun(type: integer, code: integer, id: integer)): Http2Session
---@field on fun(self: Http2Session, event: "goaway", listener: fun(code: integer, lastStreamID: integer, opaqueData?: string)): Http2Session
---@field on fun(self: Http2Session, event: "localSettings", listener: fun(settings: Settings)): Http2Session
---@field on fun(self: Http2Session, event: "newListener", listener: fun(name: string, listener: function)): Http2Session
---@field on fun(self: Http2Session, event: "ping", listener: fun(payload: string)): Http2Session
---@field on fun(self: Http2Session, event: "remoteSettings", listener: fun(settings: Settings)): Http2Session
---@field on fun(self: Http2Session, event: "removeListener", listener: fun(name: string, listener: function)): Http2Session
---@field on fun(self: Http2Session, event: "stream", listener: fun(stream: Http2Stream, headers: Headers, flags: integer, rawHeaders: string[])): Http2Session
---@field on fun(self: Http2Session, event: "timeout", listener: fun()): Http2Session
---@field on fun(self: Http2Session, event: string, listener: function): Http2Session
---@field once fun(self: Http2Session, event: "close", listener: fun()): Http2Session
---@field once fun(self: Http2Session, event: "connect", listener: fun(session: Http2Session, socket: Http2Socket)): Http2Session
---@field once fun(self: Http2Session, event: "error", listener: fun(err: Http2Error)): Http2Session
---@field once fun(self: Http2Session, event: "frameError", listener: fun(type: integer, code: integer, id: integer)): Http2Session
---@field once fun(self: Http2Session, event: "goaway", listener: fun(code: integer, lastStreamID: integer, opaqueData?: string)): Http2Session
---@field once fun(self: Http2Session, event: "localSettings", listener: fun(settings: Settings)): Http2Session
---@field once fun(self: Http2Session, event: "newListener", listener: fun(name: string, listener: function)): Http2Session
---@field once fun(self: Http2Session, event: "ping", listener: fun(payload: string)): Http2Session
---@field once fun(self: Http2Session, event: "remoteSettings", listener: fun(settings: Settings)): Http2Session
---@field once fun(self: Http2Session, event: "removeListener", listener: fun(name: string, listener: function)): Http2Session
---@field once fun(self: Http2Session, event: "stream", listener: fun(stream: Http2Stream, headers: Headers, flags: integer, rawHeaders: string[])): Http2Session
---@field once fun(self: Http2Session, event: "timeout", listener: fun()): Http2Session
---@field once fun(self: Http2Session, event: string, listener: function): Http2Session
local Http2Session = {}

--- Graceful: sends GOAWAY(NO_ERROR), takes no new streams, ends when the open ones are done. On a session that is
--- destroyed it does nothing, and the callback is dropped; on one that is closing the callback is kept.
---@param callback? fun() at 'close'
function Http2Session:close(callback) end

--- Ends it at once: streams are destroyed, GOAWAY(code) is sent, the connection ends. A code other than 0 in the
--- first place makes an ERR_HTTP2_SESSION_ERROR. Twice is no harm.
---@param err? Http2Error|integer for 'error'; a number is the code
---@param code? integer of the GOAWAY; INTERNAL_ERROR when there is an error
function Http2Session:destroy(err, code) end

--- Sends GOAWAY and nothing else. Before the connection stands it waits for it.
---@param code? integer 0
---@param lastStreamID? integer 0 or less: the last one processed
---@param opaqueData? string
function Http2Session:goaway(code, lastStreamID, opaqueData) end

--- Sends PING and calls back at its answer, or with ERR_HTTP2_PING_CANCEL when it was not sent or the session ended.
---@param payload? string 8 bytes; random ones by default
---@param callback fun(err?: Http2Error, ms?: number, payload?: string)
---@return boolean
function Http2Session:ping(payload, callback) end

--- Sends SETTINGS and calls back when they are acknowledged, or with ERR_HTTP2_SETTINGS_CANCEL.
---@param settings Settings
---@param callback? fun(err?: Http2Error, settings?: Settings, ms?: number)
function Http2Session:settings(settings, callback) end

--- The connection's receive window.
---@param size integer bytes in all, not a difference
function Http2Session:setLocalWindowSize(size) end

--- The id of the next stream that we open; it must be larger than all before.
---@param id integer
function Http2Session:setNextStreamID(id) end

--- Emits 'timeout' when no frame came or went for that time.
---@param ms integer 0: none
---@param callback? fun() for 'timeout'
---@return Http2Session
function Http2Session:setTimeout(ms, callback) end

--- It keeps the program running (so it is from the start).
function Http2Session:ref() end

--- It does not keep the program running.
function Http2Session:unref() end

