--- http2.stream: an exchange as the script sees it, what both roles share: life, writing, waiting; reading is in
-- http2.readable.
-- The C half knows it by slot and generation; the object stays for as long as the script keeps it.
local native = require "perigee.native"
local core = require "perigee.core"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local timers = require "perigee.timers"
local emitter = require "perigee.emitter"
local failure = require "perigee.failure"
local cancel = require "http2.cancel"
local cork = require "http2.cork"
local errors = require "http2.errors"
local make_metatable = require("http2.class").metatable
local headers = require "http2.headers"
local readable = require "http2.readable"

local emit, put_tick = emitter.emit, ticks.put
local NO_ERROR, INTERNAL_ERROR, CANCEL = 0, 2, 8
local HIGH_MARK = 65536 -- bytes; write() is false above it
local BY_SESSION, BY_LIMIT = 3, 5 -- enum ended_by

local logs_ends = native.log_wants "debug"

local methods = {}
for name, fn in next, emitter.methods do methods[name] = fn end
for name, fn in next, readable.methods do methods[name] = fn end

-- Properties as they are until something happens; set on the object then.
local defaults = {
  _is_stream = true,
  closed = false, destroyed = false, aborted = false, pending = false, rstCode = 0,
  headersSent = false, complete = false, headRequest = false,
  writableEnded = false, writableFinished = false, readableEnded = false,
  writableHighWaterMark = HIGH_MARK, readableHighWaterMark = 65536, writableCorked = 0,
  writableObjectMode = false, readableObjectMode = false,
  _cut = false, -- the peer's body ended, but not by END_STREAM
  _ended_by = false, _end_detail = false, -- for closeInfo, where it was not the usual end
  _usual_end = "peer",
  _has_message = false, -- did the peer's headers come?
  _bytes_read = 0, _bytes_written = 0, -- from the end on; _bytes_read is -1 when the peer's headers ended its side
  _bodiless = false, -- our headers ended ours
}

local getters = {}
for name, fn in next, readable.getters do getters[name] = fn end
for name, fn in next, require("http2.stream_numbers") do getters[name] = fn end

local class = { HIGH_MARK = HIGH_MARK, methods = methods, getters = getters, defaults = defaults }

local made = {} -- metatables

--- Makes the metatable of a role. more: methods that come on top; more_getters likewise.
function class.extend(more, more_getters)
  local metatable = make_metatable(defaults, methods, more, getters, more_getters, function(self)
    return ("Http2Stream (id %s)"):format(tostring(self.id))
  end)
  made[#made + 1] = metatable
  return metatable
end

--- In a service: limits.stream_output_high. Before the first stream.
function class.set_high_mark(bytes)
  HIGH_MARK, class.HIGH_MARK = bytes, bytes
  for i = 1, #made do made[i].methods.writableHighWaterMark = bytes end
end

-- --- Properties.

function getters:writableNeedDrain() return self._needs_drain == true end

--- May one still write?
function getters:writable()
  return not (self.writableEnded or self.destroyed or self.closed)
end

--- The error that it ended with, or nil.
function getters:errored() return self._last_error end

--- Did the peer's headers end its side: is there no body?
function getters:endAfterHeaders() return self._bytes_read < 0 end

--- The session, until the stream is destroyed.
function getters:session()
  if self.destroyed then return nil end
  return self._session
end

-- --- The end.

-- 'error' comes once, whatever goes wrong behind it.
local function emit_error(self, err)
  if self._error_told then return end
  self._error_told = true
  self._last_error = self._last_error or err
  emit(self, "error", self, err)
end

-- 'error' (if any) and then 'close', the last event.
local function emit_close(self, err)
  self._close_due = nil
  if logs_ends and (self._ended_by or self.rstCode ~= NO_ERROR) then failure.log_end(self, self.closeInfo) end
  if err then emit_error(self, err) end
  self._close_emitted = true
  emit(self, "close", self)
  if self._reader then self:_wake_reader() end
  if self._pipes and not (self.complete and self.readableEnded) then readable.cut_pipes(self) end
  if self._timer then
    self._timer:close()
    self._timer = nil
  end
  self._session:_on_stream_done(self)
end

-- The handler's part of the object is over. err: for 'error', or nil.
local function finish_life(self, err)
  if self._close_waits then self._close_waits = nil end
  self.destroyed = true
  self._buffer = nil
  self._close_due = true
  if err then self._last_error = err end
  put_tick(emit_close, self, err)
end
class.finish_life = finish_life

local function mark_aborted(self)
  if self.aborted or self.writableEnded then return end
  self.aborted = true
  emit(self, "aborted", self)
end

local function emit_finish(self)
  if self.writableFinished or self._close_emitted then return end
  self.writableFinished = true
  emit(self, "finish", self)
end

-- The last word about a body that someone reads; that it was cut is `complete`'s to say. A message that did not even
-- begin has 'error' for its word, if there is one.
local function end_reading(self, err)
  if self._flowing and not self.readableEnded and (self._has_message or not err) then
    put_tick(readable.emit_end, self)
  end
end

-- A reset by either side, after which the rest of the events are owed.
local function close_abnormally(self, code)
  local err = code ~= NO_ERROR and code ~= CANCEL and errors.stream_error(code) or nil
  if not self.writableFinished then
    self.writableEnded = true
    put_tick(emit_finish, self)
  end
  end_reading(self, err)
  finish_life(self, err)
  put_tick(cancel.owned, self, errors.code_name(code))
end

--- Ends the stream at once: what waits is dropped but for the first chunk, then RST_STREAM. err
-- (optional): an error for 'error'; its code is INTERNAL_ERROR then.
function methods:destroy(err)
  if self.destroyed then return self end
  local code = NO_ERROR
  if err ~= nil then
    err = errors.from(err)
    code = INTERNAL_ERROR
    if err.code == "ABORT_ERR" then code = CANCEL end
    if not self._ended_by then self._end_detail = err.message end
  elseif self.closed then
    code = self.rstCode
  end
  if not self.closed then
    self.closed = true
    self.rstCode = code
    mark_aborted(self)
  end
  if self.destroyed then return self end -- by an 'aborted' listener
  self._reset_by_us = true
  core.stream_reset(self._slot, self._generation, code)
  if not err then
    if code ~= NO_ERROR and code ~= CANCEL then err = errors.stream_error(code) end
    end_reading(self, err)
  end
  finish_life(self, err)
  if self.aborted or code ~= NO_ERROR then put_tick(cancel.owned, self, "destroyed") end
  return self
end

--- From the session that is being destroyed: ends with it. err: the session's, or nil.
function methods:_end_with_session(err, code)
  if self.destroyed then return end
  self._ended_by, self._end_detail = BY_SESSION, err and err.message or nil
  if not self.closed then
    self.closed = true
    self.rstCode = code
    mark_aborted(self)
  end
  if self.destroyed then return end -- by an 'aborted' listener
  if not err then end_reading(self) end
  finish_life(self, err)
  put_tick(cancel.owned, self, "the session was destroyed")
end

--- RST_STREAM with code (0 by default); callback at 'close'. With code 0 after finish() it waits until
-- the body has left.
function methods:close(code, callback)
  if type(code) == "function" then code, callback = nil, code end
  code = errors.check_range(code or NO_ERROR, "code", 0, 4294967295)
  if callback then self:once("close", callback) end
  if self.closed then return end
  if self.pending then
    self._close_code = code
    self.closed = true
    self.rstCode = code
    return
  end
  if code == NO_ERROR and self.writableEnded and not self.writableFinished then
    self._close_after_finish = true
    return
  end
  self.closed = true
  self.rstCode = code
  mark_aborted(self)
  self._reset_by_us = true
  core.stream_reset(self._slot, self._generation, code)
end

local by_names = { "peer", "handler", "session", "timeout", "limit", "shutdown", "protocol" }
class.by_names = by_names

-- Nobody waits for a word about the end?
local function is_unheard(self)
  local events = self._events
  return not self._waiters and not self._tasks and not self._reader and not self._pipes and not self._timer and
    (not events or not (events["end"] or events.close or events.aborted))
end

--- How it ended, nil while it is open: {by, code, codeName, reason, detail, bytesIn, bytesOut, ms}.
-- by: "peer", "handler", "session" (it went with that), "timeout", "limit", "shutdown", "protocol" (the peer broke
-- it). reason: "finished" when both sides were whole, else "reset". detail: words, or nil. bytes: of the bodies.
function getters:closeInfo()
  if not (self.destroyed or self.closed and self._slot == 0) then return nil end
  local code, by = self.rstCode, by_names[self._ended_by] or self._reset_by_us and "handler"
  return {
    by = by or self._usual_end, code = code, codeName = errors.code_name(code), reason = by and "reset" or "finished",
    detail = self._end_detail or nil, bytesIn = self.bytesRead, bytesOut = self.bytesWritten,
    ms = self._slot == 0 and self._ms or core.stream_number(self._slot, self._generation, 4),
  }
end

--- From the dispatcher: the protocol is through with it. by: enum ended_by. ms: how long it lived.
function methods:_on_closed(code, by, reason, ms)
  if self._bytes_read == 0 then self._bytes_read = core.stream_number(self._slot, self._generation, 1) end
  self._bytes_written = core.stream_number(self._slot, self._generation, 2)
  local t = self._headers
  if t then headers.keep(t, self) end
  -- Only where somebody may still ask: for most requests it would be one field more than their table has places.
  if not is_unheard(self) then self._times = core.stream_number(self._slot, self._generation, 7) end
  self._slot = 0
  self._ms = ms
  if by ~= 0 and not self._ended_by then self._ended_by, self._end_detail = by, reason end
  if self.destroyed then return end
  if self.closed and self._reset_by_us then
    close_abnormally(self, self.rstCode)
    return
  end
  local orderly = code == NO_ERROR and by <= 1
  self.closed = true
  if code ~= 0 then self.rstCode = code end
  if orderly then
    if self.writableEnded and self.complete and self._unread_is_dropped and is_unheard(self) then
      -- The usual end of an answered request.
      self.destroyed = true
      self._buffer = nil
      self._session:_on_stream_done()
      return
    end
    if not self.writableEnded then
      mark_aborted(self)
      if self.destroyed then return end -- by a listener
      self.writableEnded = true
      emit_finish(self)
      if self.destroyed then return end
      -- To a client it is an early answer, if that is whole; a server's answer was cut.
      if self._unread_is_dropped or not self.complete then put_tick(cancel.owned, self, errors.code_name(code)) end
    end
    -- The peer's RST_STREAM(NO_ERROR) ends a body too; `complete` tells the difference.
    self._cut = not self.complete
    self._close_waits = true
    -- What is empty has been read; and a server drops what nobody wants.
    if not self._buffer and not self._reader then
      self._flowing = true
    elseif not self._flowing and self._reads == nil and self._unread_is_dropped then
      self:resume()
    end
    self:_flow()
    if self.readableEnded or (self._unread_is_dropped and not self._flowing) then self:_maybe_done() end
    if self._close_waits then self._session:_hold(self) end
    return
  end
  mark_aborted(self)
  if self.destroyed then return end
  close_abnormally(self, code)
end

function methods:_maybe_done()
  if self._close_waits and not self.destroyed then finish_life(self, nil) end
end

--- A handler or a listener of it threw.
function methods:_fail(err)
  if self.destroyed or self.closed or self._slot == 0 then return end
  if self._fail_response and not self.headersSent then
    self:_fail_response(err)
    put_tick(cancel.owned, self, "its handler failed") -- to the protocol the end is an orderly one
  else
    self:close(INTERNAL_ERROR)
  end
end

--- 'error' that nobody hears. What a client did is its own business; what the script did is the log's.
function methods:_on_unheard_error(err)
  local quiet = self._peer_errors_are_quiet and
    (err.code == "ERR_HTTP2_STREAM_ERROR" or self._ended_by == BY_SESSION) or -- the session has its own word
    err.code == "ABORT_ERR" or -- by a token: the script knows
    -- A body for HEAD or 304 goes nowhere, as it should; handlers need not ask.
    self._bodiless and err.code == "ERR_STREAM_WRITE_AFTER_END"
  failure.unheard("unhandled stream error", err, self, quiet)
end

-- --- Writing.

local function call_back(callback, err, owner)
  task.run(owner, callback, err)
end

local function write_after_end(self, callback)
  local err = errors.make("ERR_STREAM_WRITE_AFTER_END")
  if callback then put_tick(call_back, callback, err, self) end
  put_tick(emit_error, self, err)
  return false
end

--- Sends data (a string). Never waits: false means that enough waits already and 'drain' will come.
-- On a stream that is gone: false. After finish(): an 'error' ERR_STREAM_WRITE_AFTER_END.
function methods:write(data, encoding, callback)
  if type(encoding) == "function" then callback = encoding end
  if type(data) ~= "string" then errors.check_type(data, "chunk", "string") end
  if self.writableEnded and not (self.destroyed or self.closed) then
    if self.headRequest and not self.headersSent then self:respond() end
    return write_after_end(self, callback)
  end
  if self.destroyed or self.closed then
    if callback then put_tick(call_back, callback, errors.make("ERR_STREAM_DESTROYED", "write"), self) end
    return false
  end
  if self.pending then return self:_write_pending(data, callback) end
  if not self.headersSent then self:respond() end
  if self.writableEnded then return write_after_end(self, callback) end
  if callback then put_tick(call_back, callback, nil, self) end
  if data == "" then return not self._needs_drain end
  local queued = core.write(self._slot, self._generation, data)
  if queued < 0 then return false end
  if queued <= HIGH_MARK then return true end
  return self:_hold_back(queued)
end

--- More waits than the high mark, `queued` bytes: false; beyond the bound the stream is reset.
function methods:_hold_back(queued)
  local most = self._session._output_max
  if queued > most then
    self:_overflow(errors.make("ERR_STREAM_OVERFLOW", most))
  else
    self._needs_drain = true
  end
  return false
end

--- The script sends on although the peer does not read.
function methods:_overflow(err)
  failure.log("warn", "stream reset", err, nil, self)
  native.count("stream_output_max")
  self._ended_by, self._end_detail = BY_LIMIT, err.message
  core.stream_blame(self._slot, self._generation, BY_LIMIT)
  self:destroy(err)
end

--- Sends data and waits while too much waits already. Returns true, or nil, err when the stream ended.
function methods:send(data)
  if self:write(data) then return true end
  if self.destroyed or self.closed then return nil, self:_closed_error() end
  local _, err = self:await("drain")
  if err then return nil, err end
  return true
end

-- For a callback of finish(): at 'finish'; soon, with an error, when this call comes too late for that.
local function call_at_finish(self, callback, has_data)
  local err
  if has_data and (self.writableEnded or (self.closed and not self.destroyed)) then
    err = errors.make("ERR_STREAM_WRITE_AFTER_END")
  elseif self.writableFinished then
    err = errors.make("ERR_STREAM_ALREADY_FINISHED", "end")
  elseif self.destroyed then
    err = errors.make("ERR_STREAM_DESTROYED", "end")
  end
  if err then
    put_tick(call_back, callback, err, self)
  else
    self:once("finish", callback)
  end
end

--- Ends our side, with a last piece of data if given; callback at 'finish', or with an error. Also callable as
-- stream["end"](stream, …) and stream:end_(…).
function methods:finish(data, encoding, callback)
  if type(data) == "function" then
    data, callback = nil, data
  elseif type(encoding) == "function" then
    callback = encoding
  end
  if callback then call_at_finish(self, callback, data ~= nil) end
  if self.writableEnded then
    if self.headRequest and not self.headersSent and not self.closed then self:respond() end
    if data ~= nil and not self.destroyed and not self.closed then write_after_end(self) end
    return self
  end
  if self.destroyed or self.closed then return self end
  if data ~= nil and data ~= "" then
    self:write(data)
    if self.destroyed then return self end
  elseif not self.headersSent and not self.pending then
    self:respond(nil, { endStream = not self._wait_for_trailers })
    if self.writableEnded then return self end
  end
  self.writableEnded = true
  if self.pending then return self end
  core.stream_end(self._slot, self._generation, self._wait_for_trailers)
  return self
end
methods.end_, methods["end"] = methods.finish, methods.finish

--- From the dispatcher: our END_STREAM is framed, or (trailers_due) the body before trailers.
function methods:_on_end_sent(trailers_due)
  if self.destroyed then return end
  emit_finish(self)
  if self.destroyed or self.closed then return end -- a listener saw to that
  if trailers_due then
    self._trailers_ready = true
    if emitter.has(self, "wantTrailers") then
      emit(self, "wantTrailers", self)
    else
      self:sendTrailers {}
    end
    return
  end
  if self._close_after_finish then
    if self._slot ~= 0 and not self.closed then
      self.closed = true
      core.stream_reset(self._slot, self._generation, NO_ERROR)
      self._reset_by_us = true
    end
  elseif self._after_finish then
    self:_after_finish()
  end
end

local function send_trailers(self, t)
  if self.closed or self._slot == 0 then return end
  headers.stage_trailers(t)
  core.stream_trailers(self._slot, self._generation)
end

--- Sends trailers on the next turn, after 'wantTrailers' (respond or request with waitForTrailers).
function methods:sendTrailers(t)
  errors.check_type(t, "headers", "table")
  if self.destroyed or self.closed then errors.throw("ERR_HTTP2_INVALID_STREAM") end
  if self._trailers_sent then errors.throw("ERR_HTTP2_TRAILERS_ALREADY_SENT") end
  if not self._trailers_ready then errors.throw("ERR_HTTP2_TRAILERS_NOT_READY") end
  headers.stage_trailers(t) -- throws what is wrong with them here and now
  self._trailers_sent = true
  self.sentTrailers = t
  if next(t) == nil then
    core.stream_trailers(self._slot, self._generation) -- only END_STREAM
  else
    timers.after_poll(send_trailers, self, headers.copy(t))
  end
end

--- From the dispatcher: the queue is empty again.
function methods:_on_drain()
  self._needs_drain = nil
  if self.destroyed then return end
  if not self.writableEnded then
    emit(self, "drain", self)
  elseif self._waiters then -- a send() whose data is out
    emitter.wake_waiters(self, "drain")
  end
end

methods.cork, methods.uncork = cork.cork, cork.uncork
function methods:setEncoding() return self end
methods.setDefaultEncoding = methods.setEncoding

local priority_noticed = false

--- Does nothing: RFC 9113 dropped priorities. Says so once.
function methods:priority()
  if not priority_noticed then
    priority_noticed = true
    native.log("warn", "stream:priority() does nothing: RFC 9113 dropped the priorities of RFC 7540")
  end
  return self
end

function methods:_closed_error()
  return self._last_error or errors.make("ERR_STREAM_PREMATURE_CLOSE")
end

--- For await(): what happened once and for all.
function methods:_happened(name)
  if name == "close" then
    return self.destroyed and self._slot == 0 and not self._close_due
  elseif name == "end" then
    if self.readableEnded then
      if self.complete then return true end
      return true, nil, self:_closed_error()
    end
    if not self._reads and not self.destroyed then self:resume() end
  elseif name == "data" then
    if self._flowing ~= false and not self.destroyed then self:resume() end
  elseif name == "finish" then
    if self.writableFinished then return true end
  elseif name == "response" then
    if self._response then return true, self._response, self._response_flags end
  elseif name == "ready" then
    if self.id then return true end
  elseif name == "trailers" then
    if self._trailers then return true, self._trailers end
  elseif name == "aborted" then
    if self.aborted then return true end
  end
  -- An 'error' that is still to come is heard by who waits.
  if self.destroyed and not self._close_due then return true, nil, self:_closed_error() end
  return false
end

--- Calls callback and emits 'timeout' when nothing happened for ms milliseconds; 0 ends that.
function methods:setTimeout(ms, callback)
  errors.check_range(ms, "msecs", 0, 2147483647)
  if self._timer then
    self._timer:close()
    self._timer = nil
  end
  self._idle_ms = ms > 0 and ms or nil
  if ms > 0 then
    if callback then self:once("timeout", callback) end
    local function fire()
      self._timer = nil
      if self.destroyed then return end
      -- Activity since then moves the end.
      local seen = self.bytesRead + self.bytesWritten - self.bufferSize
      if seen ~= self._seen_activity then
        self._seen_activity = seen
        self._timer = task.timer(ms, fire):unref()
        return
      end
      emit(self, "timeout", self)
    end
    self._seen_activity = self.bytesRead + self.bytesWritten - self.bufferSize
    self._timer = task.timer(ms, fire):unref()
  elseif callback then
    self:off("timeout", callback)
  end
  return self
end

return class
