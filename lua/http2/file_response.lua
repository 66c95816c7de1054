--- http2.file_response: answers with the bytes of a file. Opening, stat and reading happen on libuv's thread pool;
-- a piece is read when the one before it is on its way, so a slow reader of a large file holds two pieces at most.
-- A body that turns out shorter than its content-length is reset, never ended as if it were whole.
local native = require "perigee.native"
local core = require "perigee.core"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local failure = require "perigee.failure"
local file_stat = require "perigee.file_stat"
local errors = require "http2.errors"
local headers = require "http2.headers"
local base = require "http2.stream"

local luv = native.luv
local put_tick = ticks.put
local lower = string.lower

-- Bytes of one read. Two are just above the high mark, so that 128 streams, each with what it may have waiting, stay
-- below maxSessionMemory's 10 MB: over it new streams are refused.
local PIECE = 33 * 1024
local WHOLE_MAX = 9007199254740992 -- the largest offset or length
local INTERNAL_ERROR = 2
local BY_HANDLER = 2 -- enum ended_by

local file_response = {}

-- A job is one answer: {headers, offset, length, stat_check, on_error, wait, send_date} of the call; fd, owned
-- (closed by us); then position (-1: the descriptor's own), left (bytes to send, nil: to the end), promised (the
-- content-length, if any), sent, reading (a read is under way), over.

local function no_callback() end

--- Closes a descriptor, on the thread pool: some file systems take their time.
function file_response.close(fd)
  if not luv.fs_close(fd, no_callback) then luv.fs_close(fd) end
end

-- Never while a read is under way: the number could be another file's by then.
local function release(job)
  local fd = job.fd
  job.fd = nil
  if fd and job.owned then file_response.close(fd) end
end

local function stop(job)
  job.over = true
  if not job.reading then release(job) end
end

-- --- Sending.

-- Fewer bytes than were promised: the peer must not take them for the whole.
local function cut(self, job, why)
  stop(job)
  if self.destroyed or self.closed then return end
  self._ended_by, self._end_detail = BY_HANDLER, why
  failure.log("warn", "file response cut", why, nil, self)
  self:close(INTERNAL_ERROR)
end

local function end_body(self, job)
  if job.promised and job.sent < job.promised then
    return cut(self, job, ("the file ended %.0f bytes before its content-length"):format(job.promised - job.sent))
  end
  stop(job)
  core.stream_end(self._slot, self._generation, self._wait_for_trailers)
end

local function read_more(self, job)
  local size = PIECE
  if job.left and job.left < size then size = job.left end
  job.reading = true
  local request, err = luv.fs_read(job.fd, size, job.position, job.on_read)
  if not request then
    job.reading = false
    cut(self, job, "reading failed: " .. tostring(err))
  end
end

local function on_read(self, job, err, data)
  job.reading = false
  if job.over then return release(job) end
  if err then return cut(self, job, "reading failed: " .. err) end
  local length = #data
  if length == 0 then return end_body(self, job) end
  if job.position >= 0 then job.position = job.position + length end
  if job.left then job.left = job.left - length end
  job.sent = job.sent + length
  local queued = core.write(self._slot, self._generation, data)
  if queued < 0 then
    stop(job)
    if queued == core.ERR_NOMEM then self:destroy(errors.make("ERR_HTTP2_NO_MEM")) end
  elseif job.left == 0 then
    end_body(self, job)
  elseif queued <= self.writableHighWaterMark then
    read_more(self, job)
  end -- else 'drain' goes on
end

-- These two take the place of the stream's own, so that other streams need not ask whether they send a file.

local function on_drain(self)
  base.methods._on_drain(self)
  local job = self._file
  if not job.over and not job.reading then read_more(self, job) end
end

local function on_closed(self, ...)
  stop(self._file)
  base.methods._on_closed(self, ...)
end

-- The header block, then the first read. The job's descriptor is released whatever happens.
local function send(self, job)
  local empty = job.left == 0 and not job.promised or job.promised == 0
  local ok, err = pcall(self.respond, self, job.headers,
    { waitForTrailers = job.wait, sendDate = job.send_date, endStream = empty and not job.wait })
  if not ok then
    release(job)
    self:destroy(err)
    return
  end
  if self.destroyed or self.writableEnded then return release(job) end -- no body: empty, or by its status
  self.writableEnded = true -- to the script; what comes is ours
  job.sent = 0
  self._file, self._on_drain, self._on_closed = job, on_drain, on_closed
  if job.left == 0 then return end_body(self, job) end
  job.on_read = function(read_err, data) on_read(self, job, read_err, data) end
  read_more(self, job)
end

--- Answers with a part of an open regular file; fd is ours from now on, and closed in any case.
-- t: a header table with the content-length. offset, length: whole numbers that lie in the file.
function file_response.send_open(self, fd, t, offset, length)
  local job = { headers = t, fd = fd, owned = true, position = offset, left = length, promised = length }
  if self.destroyed or self.closed or self.headersSent then return release(job) end
  send(self, job)
end

-- --- Checking, in Node's order.

local function check_option(options, name, kind)
  local value = options[name]
  if value ~= nil and type(value) ~= kind then errors.invalid_value("options." .. name, value) end
  return value
end

local function check_whole(value, name, low)
  if value ~= nil then errors.check_range(value, name, low, WHOLE_MAX) end
end

local function prepare(self, t, options, fd)
  if self.destroyed or self.closed then errors.throw("ERR_HTTP2_INVALID_STREAM") end
  if self.headersSent then errors.throw("ERR_HTTP2_HEADERS_SENT") end
  if options == nil then options = {} end
  errors.check_type(options, "options", "table")
  local job = {
    offset = check_option(options, "offset", "number"), length = check_option(options, "length", "number"),
    stat_check = check_option(options, "statCheck", "function"),
    on_error = check_option(options, "onError", "function"),
    wait = options.waitForTrailers and true or false, send_date = options.sendDate, owned = fd == nil, fd = fd,
  }
  if fd ~= nil then
    errors.check_type(fd, "fd", "number")
    errors.check_range(fd, "fd", -2147483648, 2147483647)
  end
  check_whole(job.offset, "options.offset", fd and -1 or 0)
  check_whole(job.length, "options.length", -WHOLE_MAX)
  if t ~= nil then errors.check_type(t, "headers", "table") end
  job.headers = t and headers.copy(t) or {} -- statCheck may change it, never the caller's
  local status = headers.status_of(job.headers)
  if status == 204 or status == 205 or status == 304 or self.headRequest then
    errors.throw("ERR_HTTP2_PAYLOAD_FORBIDDEN", tostring(status))
  end
  return job
end

-- --- From the call to the first byte.

local function give_up(self, job, err)
  release(job)
  if job.on_error then
    task.run(self, job.on_error, err)
  else
    self:destroy(err)
  end
end

local function traced(err)
  return { err = err, traceback = debug.traceback("", 2) }
end

-- Calls statCheck, which is no place to wait: what follows needs its answer. Returns the offset and length that it
-- leaves; nothing when the answer is off, because it says so or because it threw.
local function ask(self, job, stat)
  local range = { offset = job.offset or 0, length = job.length or -1 }
  if not job.stat_check then return range.offset, range.length end
  core.enter(self._slot, self._generation, 0)
  local ok, result = xpcall(function()
    local go_on = job.stat_check(file_stat.wrap(stat), job.headers, range)
    check_whole(range.offset, "offset", job.owned and 0 or -1)
    check_whole(range.length, "length", -WHOLE_MAX)
    return go_on
  end, traced)
  core.enter(0, 0, 0)
  if not ok then
    failure.report(self, result.err, result.traceback)
    return nil
  end
  if result == false then return nil end
  return range.offset or 0, range.length or -1
end

local function is_content_length(name)
  return type(name) == "string" and #name == 14 and lower(name) == "content-length"
end

local function set_content_length(t, length)
  if t[1] ~= nil then
    for i = #t - 1, 1, -2 do
      if is_content_length(t[i]) then
        table.remove(t, i)
        table.remove(t, i)
      end
    end
    t[#t + 1] = "content-length"
    t[#t + 1] = length
    return
  end
  for name in next, t do
    if is_content_length(name) then t[name] = nil end
  end
  t["content-length"] = length
end

local function content_length_of(t)
  for name, value in next, t do
    if is_content_length(name) then return tonumber(value) end
    if is_content_length(value) then return tonumber(t[name + 1]) end -- the flat form
  end
  return nil
end

-- On a tick, so outside of any task.
local function check_and_send(self, job, stat)
  if self.destroyed or self.closed or self.headersSent then return release(job) end
  local offset, length = ask(self, job, stat)
  -- It may have answered, or ended the stream.
  if not offset or self.destroyed or self.closed or self.headersSent then return release(job) end
  job.position = offset
  if length >= 0 then job.left = length end
  if job.owned then
    local rest = math.max(stat.size - offset, 0)
    job.left = job.left and math.min(job.left, rest) or rest
    job.promised = job.left
    set_content_length(job.headers, job.left)
  else
    job.promised = content_length_of(job.headers)
    if job.promised then job.left = job.left and math.min(job.left, job.promised) or job.promised end
  end
  send(self, job)
end

local function system_error(code, text, syscall, more)
  local err = errors.new(code, ("%s: %s, %s"):format(code, text, syscall), more)
  err.syscall = syscall
  if err.path then err.message = ("%s '%s'"):format(err.message, err.path) end
  return err
end

-- What is there and is no regular file. A FIFO or a device has no end to promise, and could wait for ever.
local function not_a_file(job, stat)
  if stat.type == "directory" then return errors.make "ERR_HTTP2_SEND_FILE" end
  if job.offset or job.length then return errors.make "ERR_HTTP2_SEND_FILE_NOSEEK" end
  return errors.new("ERR_HTTP2_SEND_FILE", "Only regular files can be sent")
end

--- stream:respondWithFile(path[, headers[, options]]): answers with a regular file and its content-length.
-- options: offset, length (bytes; negative: to the end), statCheck(stat, headers, {offset, length}), which may change
-- the last two or return false to answer in another way, onError(err), waitForTrailers, sendDate.
-- What cannot be opened goes to onError, or ends the stream with that error.
function file_response.with_file(self, path, t, options)
  local job = prepare(self, t, options)
  errors.check_type(path, "path", "string")
  if path:find("\0", 1, true) then errors.invalid_value("path", path, "must be a string without null bytes") end
  native.file_open(nil, path, true, function(code, text, fd, stat)
    if code then return give_up(self, job, system_error(code, text, "open", { path = path, errno = fd })) end
    if not fd then return give_up(self, job, not_a_file(job, stat)) end
    job.fd = fd
    put_tick(check_and_send, self, job, stat)
  end)
end

--- stream:respondWithFD(fd[, headers[, options]]): the same with an open descriptor, which stays the caller's and must
-- stay open until the stream is closed. No content-length of our own; offset -1 reads where the descriptor stands
-- (pipes). fstat is asked only for statCheck. A failing read resets the stream.
function file_response.with_fd(self, fd, t, options)
  if fd == nil then fd = false end
  local job = prepare(self, t, options, fd)
  if not job.stat_check then return check_and_send(self, job) end
  luv.fs_fstat(fd, function(err, stat)
    if err then
      local code, text = err:match "^(%u[%u%d]*): (.*)$"
      return self:destroy(system_error(code or "EIO", text or err, "fstat"))
    end
    put_tick(check_and_send, self, job, stat)
  end)
end

return file_response
