--- http2.session: a connection as the script sees it, what both roles share.
local native = require "perigee.native"
local core = require "perigee.core"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local timers = require "perigee.timers"
local emitter = require "perigee.emitter"
local failure = require "perigee.failure"
local errors = require "http2.errors"
local make_metatable = require("http2.class").metatable
local settings = require "http2.settings"
local socket_class = require "http2.socket"
local stream_class = require "http2.stream"
local drain = require "http2.drain"

local emit, put_tick = emitter.emit, ticks.put
local NO_ERROR, INTERNAL_ERROR = 0, 2
local PINGS_MAX, SETTINGS_MAX = 10, 10
local STREAMS_ASSUMED = 100 -- of the peer, until its SETTINGS come
local CONNECT_PROTOCOL = 8 -- SETTINGS_ENABLE_CONNECT_PROTOCOL
local BYTES_IN, BYTES_OUT = 0x100, 0x101 -- beside enum http_state

local logs_ends = native.log_wants "debug"

local methods = {}
for name, fn in next, emitter.methods do methods[name] = fn end
for name, fn in next, drain.methods do methods[name] = fn end

local getters = {}
local class = { methods = methods, getters = getters }

local defaults = {
  closed = false, destroyed = false, connecting = false, goawayCode = 0, goawayLastStreamID = 0,
}

--- Makes the metatable of a role.
function class.extend(more, more_getters)
  return make_metatable(defaults, methods, more, getters, more_getters, function(self)
    return ("Http2Session (number %d)"):format(self._number)
  end)
end

--- A new object. slot and generation may come later (a client that connects).
function class.new(metatable, slot, generation)
  slot, generation = slot or 0, generation or 0
  return setmetatable({
    _slot = slot, _generation = generation, _number = core.session_name(slot, generation), _open = 0,
    _started = native.clock(),
  }, metatable)
end

-- --- Properties.

local function info(self)
  if not self._info and not self.connecting then
    self._info = native.session_info(self._slot, self._generation)
  end
  return self._info
end

function getters:alpnProtocol()
  local known = info(self)
  return known and known.alpnProtocol
end

function getters:encrypted()
  local known = info(self)
  if not known then return nil end
  return known.encrypted
end

--- The connection, as far as a script may touch it (http2.socket); nil when the session has ended.
function getters:socket()
  if self.destroyed then return nil end
  if not self._socket then self._socket = socket_class.view(self) end
  return self._socket
end

--- For the roles. numbers: of http2.options: the settings that the preface will say, and what to keep of the peer's.
function methods:_first_settings(numbers)
  local list = numbers.settings
  self._first = numbers
  for i = 1, #list do
    if list[i][1] == CONNECT_PROTOCOL then self._connect_protocol = list[i][2] == 1 end
  end
end

--- Ours, as the peer has acknowledged them; {} before the connection stands. The same table until they change.
function getters:localSettings()
  local t = self._local_settings
  if t then return t end
  if self.connecting or self.destroyed then return {} end
  t = settings.initial()
  if self._settled then t = settings.apply(t, self._first.settings) end
  self._local_settings = t
  return t
end

--- The peer's, as the script has heard of them; likewise.
function getters:remoteSettings()
  local t = self._remote_settings
  if t then return t end
  if self.connecting or self.destroyed then return {} end
  t = settings.initial()
  if self._remote_first then
    t = settings.apply(t, core.settings_list(self._remote_first), self._first.custom_settings)
  else
    t.maxConcurrentStreams = self._first.peer_max_concurrent_streams or STREAMS_ASSUMED
  end
  self._remote_settings = t
  return t
end

-- SETTINGS of ours without an answer. Those of the preface count, once the connection stands.
local function unanswered(self)
  local waiting = self._settings_sent
  return (waiting and #waiting or 0) + ((self._settled or self.connecting) and 0 or 1)
end

--- Is there an answer to come to SETTINGS of ours?
function getters:pendingSettingsAck()
  return unanswered(self) + (self._settings_queued or 0) > 0
end

local count_names = {
  "bytesRead", "bytesWritten", "framesReceived", "framesSent", "streamCount", "maxConcurrentStreams",
}

--- Counts: {type, bytesRead, bytesWritten, framesReceived, framesSent, streamCount, maxConcurrentStreams,
-- streamAverageDuration, pingRTT}. Bytes are those of HTTP/2, without TLS; durations are ms. They stay after the end.
function getters:metrics()
  if self._metrics then return self._metrics end
  local slot, generation = self._slot, self._generation
  local t = { type = self.type == 0 and "server" or "client", pingRTT = self.pingRTT or 0 }
  for i = 1, #count_names do t[count_names[i]] = math.max(0, core.session_count(slot, generation, i - 1)) end
  local ended = core.session_count(slot, generation, 6)
  t.streamAverageDuration = ended > 0 and core.session_count(slot, generation, 7) / ended or 0
  return t
end

local state_names = {
  "effectiveLocalWindowSize", "effectiveRecvDataLength", "nextStreamID", "localWindowSize",
  "lastProcStreamID", "remoteWindowSize", "outboundQueueSize", "deflateDynamicTableSize",
  "inflateDynamicTableSize",
}

function getters:state()
  if self.destroyed or core.session_number(self._slot, self._generation, 0) < 0 then
    return {}
  end
  local state = {}
  for i = 1, #state_names do
    state[state_names[i]] = core.session_number(self._slot, self._generation, i - 1)
  end
  return state
end

-- --- The end.

local function emit_gone(self, err)
  if self._close_emitted then return end
  self._close_emitted = true
  if err then
    if self.server then emit(self.server, "sessionError", nil, err, self) end
    emit(self, "error", nil, err)
  end
  emit(self, "close", nil)
end

local function emit_gone_late(self, err)
  emit_gone(self, err)
  ticks.drain()
end

-- Notes how it ended; the first cause is the cause.
local function note_end(self, by, code, reason, detail)
  if self.closeInfo then return end
  self.closeInfo = {
    by = by, code = code, codeName = errors.code_name(code), reason = reason, detail = detail,
    bytesIn = math.max(0, core.session_number(self._slot, self._generation, BYTES_IN)),
    bytesOut = math.max(0, core.session_number(self._slot, self._generation, BYTES_OUT)),
    ms = native.clock() - self._started,
  }
  if logs_ends then failure.log_end(nil, self.closeInfo, self) end
end

--- Graceful: GOAWAY(NO_ERROR), no new streams; ends when the open ones did. callback at 'close'.
function methods:close(callback)
  if self.destroyed then return end
  if callback then self:once("close", callback) end
  if self.closed then return end
  self.closed = true
  self._closed_by = self._closed_by or "handler"
  if self.connecting then
    self:_fail_pending(errors.make("ERR_HTTP2_GOAWAY_SESSION"))
  elseif not (self._promised and next(self._promised)) then
    core.session_goaway(self._slot, self._generation, NO_ERROR, -1, nil)
  end
  self:_maybe_finish()
end

--- A promised stream has its answer, or ended without. nghttp2 takes no answer to a promise behind our GOAWAY, and
-- its body for a broken protocol: so close() waits for those.
function methods:_on_promise_kept(stream)
  local promised = self._promised
  if not promised[stream] then return end
  promised[stream] = nil
  if self.closed and not self.destroyed and next(promised) == nil then
    core.session_goaway(self._slot, self._generation, NO_ERROR, -1, nil)
  end
end

-- Closing, and the last stream's 'close' is out.
function methods:_maybe_finish()
  if self.closed and not self.destroyed and self._open == 0 then
    core.session_finish(self._slot, self._generation)
  end
end

--- From a stream that C is through with, and whose body is not read yet.
function methods:_hold(stream)
  local held = self._held or {}
  held[stream] = true
  self._held = held
end

function methods:_on_stream_done(stream)
  if self._held then self._held[stream] = nil end
  if self._promised then self:_on_promise_kept(stream) end
  self._open = self._open - 1
  if self.closed and self._open == 0 then self:_maybe_finish() end
end

-- Destroys the streams, sends GOAWAY(code), lets go of the connection; 'close' is the caller's. stream_code: what
-- the streams end with.
local function destroy(self, err, code, stream_code)
  self.destroyed = true
  self._destroyed_here = true
  info(self)
  note_end(self, stream_code and "peer" or "handler", stream_code or code, "destroyed", err and err.message)
  self._destroy_error = err
  local open = native.session_streams(self._slot, self._generation)
  self:_fail_pending(errors.make("ERR_HTTP2_STREAM_CANCEL", err and (" (caused by: " .. err.message .. ")") or ""),
    err)
  local streams = class.streams
  for i = 1, #open do
    local stream = streams[open[i]]
    if stream then stream:_end_with_session(err, stream_code or code) end
  end
  while self._held and next(self._held) do
    local stream = next(self._held)
    self._held[stream] = nil
    stream:destroy()
  end
  core.session_destroy(self._slot, self._generation, code)
  self:_cancel_callbacks()
end

--- At once: streams are destroyed, GOAWAY(code), the connection ends. A number in the first place is the
-- code and makes an error unless it is 0; an error without code means INTERNAL_ERROR.
function methods:destroy(err, code)
  if self.destroyed then return end
  if code ~= nil then errors.check_range(code, "code", 0, 4294967295) end
  if type(err) == "number" then
    code = errors.check_range(err, "code", 0, 4294967295)
    err = code ~= NO_ERROR and errors.make("ERR_HTTP2_SESSION_ERROR", tostring(code)) or nil
  elseif err ~= nil then
    err = errors.from(err)
    code = code or INTERNAL_ERROR
  end
  code = code or NO_ERROR
  destroy(self, err, code)
  -- Behind what the peer hears of it first, if it lives in this process (API.md 9).
  timers.after_poll(emit_gone_late, self, err)
end

function methods:_fail_pending() end

--- From the dispatcher: the connection is gone. name: a code such as ECONNREFUSED, or "".
function methods:_on_gone(code, by, name, reason)
  local here = self._destroyed_here
  self.destroyed = true
  self._metrics = self.metrics
  local orderly = name == "" and code == NO_ERROR and self._closed_by
  note_end(self, orderly or stream_class.by_names[by] or "peer", code, name ~= "" and name or "closed",
    reason ~= "" and reason or nil)
  if self._timer then
    self._timer:close()
    self._timer = nil
  end
  if self._notice then self:_leave() end
  self:_cancel_callbacks()
  if here then return end
  local err = self._pending_error
  if not err and name == "ERR_HTTP2_ERROR" then
    err = errors.protocol_error(code, reason)
  elseif not err and name ~= "" then
    err = errors.new(name, reason)
  end
  self:_fail_pending(errors.make("ERR_HTTP2_STREAM_CANCEL",
    err and (" (caused by: " .. err.message .. ")") or ""), err)
  put_tick(emit_gone, self, err)
end

--- From the dispatcher: the peer's GOAWAY.
function methods:_on_goaway(code, last_id, opaque)
  self.goawayCode, self.goawayLastStreamID = code, last_id
  if self.destroyed then return end
  emit(self, "goaway", nil, code, last_id, opaque)
  if self.destroyed then return end
  if code == NO_ERROR then
    self._closed_by = self._closed_by or "peer"
    self:close()
  else
    local err = errors.make("ERR_HTTP2_SESSION_ERROR", tostring(code))
    destroy(self, err, NO_ERROR, code) -- it was the peer's word: ours says NO_ERROR
    put_tick(emit_gone, self, err)
  end
end

function methods:_on_unheard_error(err)
  if self.server then return end -- 'sessionError' had its chance
  failure.unheard("unhandled session error", err)
end

function methods:_closed_error()
  return self._destroy_error or errors.make("ERR_HTTP2_INVALID_SESSION")
end

function methods:_happened(name)
  if name == "close" then return self._close_emitted or false end
  if name == "connect" and not self.connecting and not self.destroyed then return true, self, self.socket end
  if self.destroyed then return true, nil, self:_closed_error() end
  return false
end

-- --- Frames.

--- GOAWAY only. last_id 0 or less: the last stream that was processed.
function methods:goaway(code, last_id, opaque)
  if self.destroyed then errors.throw("ERR_HTTP2_INVALID_SESSION") end
  if opaque ~= nil then errors.check_type(opaque, "opaqueData", "string") end
  code = errors.check_range(code or NO_ERROR, "code", 0, 4294967295)
  last_id = errors.check_type(last_id or 0, "lastStreamID", "number")
  if self.connecting then
    self:once("connect", function()
      if not self.destroyed then self:goaway(code, last_id, opaque) end
    end)
    return
  end
  core.session_goaway(self._slot, self._generation, code, last_id > 0 and last_id or -1, opaque)
end

local function call_back(callback, a, b)
  task.run(nil, callback, a, b)
end

--- Sends PING; callback(err, ms, payload) at the answer. payload: 8 bytes, or none. Returns whether it was sent: not
-- before the connection stands, after close(), or when maxOutstandingPings wait; callback gets
-- ERR_HTTP2_PING_CANCEL then.
function methods:ping(payload, callback)
  if self.destroyed then errors.throw("ERR_HTTP2_INVALID_SESSION") end
  if type(payload) == "function" then payload, callback = nil, payload end
  if payload ~= nil then
    errors.check_type(payload, "payload", "string")
    if #payload ~= 8 then errors.throw("ERR_HTTP2_PING_LENGTH") end
  end
  errors.check_type(callback, "callback", "function")
  local waiting = self._pings or {}
  payload = payload or native.random(8)
  if self.connecting or self.closed or #waiting >= (self._max_pings or PINGS_MAX) or
    core.session_ping(self._slot, self._generation, payload) ~= 0 then
    put_tick(call_back, callback, errors.make("ERR_HTTP2_PING_CANCEL"))
    return false
  end
  waiting[#waiting + 1] = { callback = callback, sent = native.clock() }
  self._pings = waiting
  return true
end

function methods:_on_ping(payload, ack)
  if not ack then
    emit(self, "ping", nil, payload)
    return
  end
  if self._notice and self:_is_noticed(payload) then return end
  local ping = self._pings and table.remove(self._pings, 1)
  if ping then
    self.pingRTT = native.clock() - ping.sent
    task.run(nil, ping.callback, nil, self.pingRTT, payload)
  end
end

-- The connection stands.
local function submit_settings(self, entry)
  if self.destroyed then return end
  if unanswered(self) >= (self._max_settings or SETTINGS_MAX) then
    self:destroy(errors.make "ERR_HTTP2_MAX_PENDING_SETTINGS_ACK")
    if entry.callback then put_tick(call_back, entry.callback, errors.make("ERR_HTTP2_SETTINGS_CANCEL")) end
    return
  end
  entry.sent = native.clock()
  local waiting = self._settings_sent or {}
  waiting[#waiting + 1] = entry
  self._settings_sent = waiting
  core.session_settings(self._slot, self._generation, entry.list)
end

--- Sends SETTINGS; callback(err, settings, ms) when they are acknowledged. More than maxOutstandingSettings that are
-- not: the session is destroyed.
function methods:settings(t, callback)
  if self.destroyed then errors.throw("ERR_HTTP2_INVALID_SESSION") end
  local list = settings.to_list(t)
  if callback ~= nil then errors.check_type(callback, "callback", "function") end
  if t.enableConnectProtocol ~= nil then
    if self._connect_protocol and not t.enableConnectProtocol then -- RFC 8441 3
      errors.throw("ERR_HTTP2_INVALID_SETTING_VALUE", "enableConnectProtocol", "false after true")
    end
    self._connect_protocol = t.enableConnectProtocol
  end
  local entry = { callback = callback, list = list }
  if not self.connecting then return submit_settings(self, entry) end
  self._settings_queued = (self._settings_queued or 0) + 1
  self._queued_settings = self._queued_settings or {}
  table.insert(self._queued_settings, entry)
  self:once("connect", function()
    if self.destroyed then return end
    self._settings_queued = self._settings_queued - 1
    table.remove(self._queued_settings, 1)
    submit_settings(self, entry)
  end)
end

function methods:_on_settings_ack()
  local sent
  if not self._settled then
    self._settled = true -- those of the preface
    self._local_settings = nil
  else
    sent = self._settings_sent and table.remove(self._settings_sent, 1)
    if not sent then return end
    self._local_settings = settings.apply(self.localSettings, sent.list)
  end
  if sent and sent.callback then
    task.run(nil, sent.callback, nil, self.localSettings, native.clock() - sent.sent)
  end
  if emitter.has(self, "localSettings") then emit(self, "localSettings", nil, self.localSettings) end
end

--- From the dispatcher. text: for core.settings_list().
function methods:_on_settings(text)
  if not self._remote_first then -- most sessions hear no more, and nobody asks them
    self._remote_first, self._remote_settings = text, nil
  else
    self._remote_settings =
      settings.apply(self.remoteSettings, core.settings_list(text), self._first.custom_settings)
  end
  if emitter.has(self, "remoteSettings") then emit(self, "remoteSettings", nil, self.remoteSettings) end
end

local function cancel_settings(list)
  for i = 1, list and #list or 0 do
    if list[i].callback then put_tick(call_back, list[i].callback, errors.make("ERR_HTTP2_SETTINGS_CANCEL")) end
  end
end

function methods:_cancel_callbacks()
  local pings, sent, queued = self._pings, self._settings_sent, self._queued_settings
  self._pings, self._settings_sent, self._queued_settings, self._settings_queued = nil, nil, nil, nil
  for i = 1, pings and #pings or 0 do
    put_tick(call_back, pings[i].callback, errors.make("ERR_HTTP2_PING_CANCEL"))
  end
  cancel_settings(sent)
  cancel_settings(queued)
end

--- The connection's receive window in bytes, in all.
function methods:setLocalWindowSize(size)
  if self.destroyed then errors.throw("ERR_HTTP2_INVALID_SESSION") end
  errors.check_range(size, "windowSize", 0, 2147483647)
  if self.connecting then
    self:once("connect", function()
      if not self.destroyed then self:setLocalWindowSize(size) end
    end)
    return
  end
  core.session_window(self._slot, self._generation, size)
end

--- The id of the next stream that this side opens: higher than those before, odd for a client.
function methods:setNextStreamID(id)
  if self.destroyed then errors.throw("ERR_HTTP2_INVALID_SESSION") end
  errors.check_range(id, "id", 1, 4294967295)
  if self.connecting then
    self:once("connect", function()
      if not self.destroyed then self:setNextStreamID(id) end
    end)
    return
  end
  if core.session_next_id(self._slot, self._generation, id) == core.ERR_RANGE then
    error(errors.named("RangeError", "ERR_OUT_OF_RANGE", ("the id %d is not one that can come next"):format(id)), 0)
  end
end

-- A frame could not be sent: its stream ends, and the session closes (API.md 5).
local function close_after(self, stream, code)
  if stream and not stream.closed and not stream.destroyed then stream:close(code) end
  self:close()
  ticks.drain()
end

function methods:_on_frame_error(stream, frame_type, code, id)
  emit(stream or self, "frameError", stream, frame_type, code, id)
  timers.after_poll(function() close_after(self, stream, code) end)
end

--- Emits 'timeout' when nothing came or went for ms milliseconds; 0 ends that.
function methods:setTimeout(ms, callback)
  errors.check_range(ms, "msecs", 0, 2147483647)
  if self._timer then
    self._timer:close()
    self._timer = nil
  end
  if ms == 0 then
    if callback then self:off("timeout", callback) end
    return self
  end
  if callback then self:on("timeout", callback) end
  local seen = core.session_activity(self._slot, self._generation)
  local function fire()
    self._timer = nil
    if self.destroyed then return end
    if core.session_activity(self._slot, self._generation) == seen then
      if self._on_timeout then self:_on_timeout() else emit(self, "timeout", nil) end
      if self.destroyed then return end
    end
    seen = core.session_activity(self._slot, self._generation)
    self._timer = task.timer(ms, fire):unref()
  end
  self._timer = task.timer(ms, fire):unref()
  return self
end

function methods:ref()
  core.session_ref(self._slot, self._generation, true)
end

function methods:unref()
  core.session_ref(self._slot, self._generation, false)
end

return class
