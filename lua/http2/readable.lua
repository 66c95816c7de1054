--- http2.readable: the body that comes in: events, pipes, and sequential code.
local core = require "perigee.core"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local emitter = require "perigee.emitter"
local errors = require "http2.errors"

local emit, put_tick = emitter.emit, ticks.put
local PIECES_MAX = 64 -- as many full frames are a MiB

local methods, getters = {}, {}
local readable = { methods = methods, getters = getters }

function getters:readableFlowing()
  return self._flowing
end

--- Bytes that came and were not read.
function getters:readableLength()
  local buffer, length = self._buffer, 0
  for i = 1, buffer and #buffer or 0 do length = length + #buffer[i] end
  return length
end

--- May one still read?
function getters:readable()
  return not (self.readableEnded or self.destroyed)
end

--- The last word about the body; once.
function readable.emit_end(self)
  if self.readableEnded or self._close_emitted then return end
  self.readableEnded = true
  if self._waiters and not self.complete then emitter.wake_waiters(self, "end", nil, self:_closed_error()) end
  emit(self, "end", self)
end

local function consume(self, bytes)
  core.stream_consume(self._slot, self._generation, bytes)
end

-- What becomes of a pipe's target when the pipe has had its chunk, or its end.

-- A target that is over takes nothing any more and will not say 'drain' either: what comes is dropped.
local function note_written(entry, taken)
  local target = entry.target
  entry.blocked = not taken and not (target.destroyed or target.closed or target.writableEnded)
end

-- Goes on when no target holds it up any more.
local function go_on(self)
  local pipes = self._pipes
  for i = 1, pipes and #pipes or 0 do
    if pipes[i].blocked then return end
  end
  if self._held_by_pipe then
    self._held_by_pipe = nil
    self:resume()
  end
end

local function unblock(self, entry)
  if entry.waits then return end -- its write() has not come back
  entry.blocked = false
  go_on(self)
end

--- The body ended without its end: what its pipes lead to has a part, and must not take it for the whole.
function readable.cut_pipes(self)
  local pipes = self._pipes
  for i = #pipes, 1, -1 do
    local entry = pipes[i]
    local target = entry and entry.target
    if target and not entry.keep_open then
      if target._is_stream then
        if not (target.closed or target.writableEnded) then target:_give_up(self) end
      elseif target.destroy then
        task.run(nil, target.destroy, target, self:_closed_error())
      end
    end
  end
end

-- A target that is no stream of ours is a script's own code: it may throw, and it may wait.
local function write_foreign(self, entry, chunk)
  local taken = entry.target:write(chunk)
  if entry.waits then
    entry.waits = false
    if taken ~= false then unblock(self, entry) end
  else
    note_written(entry, taken ~= false)
  end
end

local function write_to(self, entry, chunk)
  if entry.target._is_stream then
    note_written(entry, entry.target:write(chunk))
  elseif not task.run(self, write_foreign, self, entry, chunk) and not self.destroyed then
    entry.waits, entry.blocked = true, true
  end
end

local function deliver(self, chunk)
  local events = self._events
  if events and events.data then
    emit(self, "data", self, chunk)
  elseif self._waiters then
    emitter.wake_waiters(self, "data", chunk)
  end
  local pipes = self._pipes
  if pipes then
    for i = 1, #pipes do
      local entry = pipes[i]
      if not entry then break end -- a target's write() undid a pipe
      write_to(self, entry, chunk)
      if entry.blocked then
        self._flowing = false
        self._held_by_pipe = true
      end
    end
  end
  consume(self, #chunk)
end

--- From the dispatcher: a piece of the peer's body.
function methods:_on_data(chunk)
  if self.destroyed then return end
  if self._flowing and not self._buffer then
    deliver(self, chunk)
    return
  end
  local buffer = self._buffer
  if buffer then
    buffer[#buffer + 1] = chunk
  else
    self._buffer = { chunk }
  end
  if self._reader then
    self:_wake_reader()
  elseif emitter.has(self, "readable") then
    emit(self, "readable", self)
  end
end

--- From the dispatcher: the peer's END_STREAM.
function methods:_on_end()
  self.complete = true
  if self.destroyed then return end
  self:_flow()
end

-- The next piece that waits. Of many small ones (a peer may send a byte at a time) all: each that is taken from the
-- front moves those behind it.
local function take(self)
  local buffer = self._buffer
  if not buffer then return nil end
  if #buffer > PIECES_MAX then
    self._buffer = nil
    return table.concat(buffer)
  end
  local chunk = table.remove(buffer, 1)
  if #buffer == 0 then self._buffer = nil end
  return chunk
end

-- Hands out what waits, and the end behind it, as far as the script wants it.
function methods:_flow()
  while self._flowing and self._buffer and not self.destroyed do deliver(self, take(self)) end
  if self._buffer or not (self.complete or self._cut) then return end
  if self._reader then self:_wake_reader() end
  if self._flowing and not self.readableEnded and not self.destroyed then
    readable.emit_end(self)
    local pipes = self.complete and self._pipes -- of a cut one, see cut_pipes()
    for i = 1, pipes and #pipes or 0 do
      local entry = pipes[i]
      if entry and not entry.keep_open then task.run(self, entry.target.finish, entry.target) end
    end
    self:_maybe_done()
  end
end

local function start_flow(self)
  self._flow_put = nil
  self:_flow()
end

local function emit_resume(self)
  emit(self, "resume", self)
end

--- 'data' events come from now on, until pause().
function methods:resume()
  self._reads = true
  if not self._flowing then
    self._flowing = true
    if emitter.has(self, "resume") then put_tick(emit_resume, self) end
    if not self._flow_put and (self._buffer or self.complete or self._cut) then
      self._flow_put = true
      put_tick(start_flow, self)
    end
  end
  return self
end

--- No 'data' until resume(); the peer is held back by its window.
function methods:pause()
  local paused = self._flowing == false
  self._flowing = false
  if not paused and emitter.has(self, "pause") then emit(self, "pause", self) end
  return self
end

function methods:isPaused()
  return self._flowing == false
end

--- All that waits as one string, or nil. size: so many bytes of it, nil when there are fewer; what is left at the
-- body's end comes whatever the size.
function methods:read(size)
  self._reads = true
  if size ~= nil then errors.check_range(size, "size", 1, 1073741824) end
  local buffer = self._buffer
  if not buffer then
    if (self.complete or self._cut) and not self.readableEnded and not self.destroyed then
      self._flowing = true
      put_tick(start_flow, self)
    end
    return nil
  end
  local all = table.concat(buffer)
  self._buffer = nil
  if size and #all > size then
    self._buffer = { all:sub(size + 1) }
    all = all:sub(1, size)
  elseif size and #all < size and not (self.complete or self._cut) then
    self._buffer = { all }
    return nil
  end
  consume(self, #all)
  return all
end

local function emit_readable(self)
  emit(self, "readable", self)
end

-- A listener was added. (No closures here: LuaJIT would not compile on().)
function methods:_on_listener(name)
  if name == "data" then
    if self._flowing ~= false then self:resume() end
  elseif name == "readable" then
    self._reads = true
    if self._buffer then put_tick(emit_readable, self) end
  end
end

--- Sends what comes on to target (a stream, or anything with write and finish), as fast as it
-- takes it; target ends with it, unless options.end_ is false. When the body is cut, a stream is reset and
-- another target's destroy(err) called. Returns target.
function methods:pipe(target, options)
  errors.check_type(target, "destination", "table")
  local entry = {
    target = target, blocked = false, waits = false,
    keep_open = options ~= nil and (options.end_ == false or options["end"] == false),
  }
  local pipes = self._pipes or {}
  pipes[#pipes + 1] = entry
  self._pipes = pipes
  if target.on then
    entry.on_drain = function() unblock(self, entry) end
    target:on("drain", entry.on_drain)
    if target ~= self then
      entry.on_close = function()
        self:unpipe(target)
        if self.writableFinished and self._after_finish then self:_after_finish() end -- nobody reads on
      end
      target:on("close", entry.on_close)
    end
    target:emit("pipe", self._compat or self)
  end
  self:resume()
  return target
end

--- Undoes pipe(), for target or for all.
function methods:unpipe(target)
  local pipes = self._pipes
  for i = pipes and #pipes or 0, 1, -1 do
    if target == nil or pipes[i].target == target then
      local entry = table.remove(pipes, i)
      if entry.on_drain then
        entry.target:off("drain", entry.on_drain)
        if entry.on_close then entry.target:off("close", entry.on_close) end
      end
      if entry.target.emit then entry.target:emit("unpipe", self._compat or self) end
    end
  end
  if pipes and #pipes == 0 then
    self._pipes = nil
    self._held_by_pipe = nil
    self:pause()
  else
    go_on(self)
  end
  return self
end

-- --- Sequential code.

function methods:_wake_reader()
  local reader = self._reader
  self._reader = nil
  put_tick(task.wake_at, reader, self._reader_serial)
end

--- The next piece of the body; nil at its end; nil, err when it was cut.
local function next_chunk(self)
  while true do
    local chunk = take(self)
    if chunk then
      consume(self, #chunk)
      return chunk
    end
    if self.complete or self._cut then
      if not self.readableEnded and not self.destroyed then
        self._flowing = true
        put_tick(start_flow, self)
      end
      if self.complete then return nil end
      return nil, self:_closed_error()
    end
    if self.destroyed or (self._slot == 0 and not self.pending) then return nil, self:_closed_error() end
    task.check_can_wait()
    if self._reader and self._reader.suspended and self._reader.serial == self._reader_serial then
      error(errors.new("ERR_PERIGEE_READER", "another task waits for this body already"), 0)
    end
    self._reader, self._reader_serial = task.ticket()
    task.suspend()
  end
end

--- for chunk in stream:chunks() do … end: the body piece by piece. Whether it was whole: stream.complete,
-- or the second value that the iterator gives at the end.
function methods:chunks()
  self._reads = true
  self._flowing = false
  return next_chunk, self
end

--- Waits for the whole body and returns it; nil, err when it was cut or is longer than limit bytes.
function methods:body(limit)
  self._reads = true
  self._flowing = false
  local parts, size = {}, 0
  while true do
    local chunk, err = next_chunk(self)
    if err then return nil, err end
    if not chunk then return table.concat(parts) end
    size = size + #chunk
    if limit and size > limit then
      self._reads = false -- nobody wants the rest
      return nil, errors.new("ERR_PERIGEE_BODY_TOO_LARGE", ("the body is longer than %d bytes"):format(limit))
    end
    parts[#parts + 1] = chunk
  end
end

return readable
