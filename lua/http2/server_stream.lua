--- http2.server_stream: the server's side of an exchange: answers.
local core = require "perigee.core"
local headers = require "http2.headers"
local emitter = require "perigee.emitter"
local failure = require "perigee.failure"
local push = require "http2.push"
local errors = require "http2.errors"
local base = require "http2.stream"
local file_response = require "http2.file_response"

local methods, getters = {}, {}

local RESPOND_END, RESPOND_DATE = core.RESPOND_END, core.RESPOND_DATE
local EMPTY = {}
local INFO_KEPT = 100 -- 1xx blocks that sentInfoHeaders shows: a proxied backend may never stop sending them
local status_of = headers.status_of

--- Starts the answer. t: header table (or flat list) with ":status" 200 to 599 (200 by default).
-- options: endStream, waitForTrailers, sendDate (true by default).
-- Throws ERR_HTTP2_HEADERS_SENT the second time, ERR_HTTP2_INVALID_STREAM when the stream is gone.
function methods:respond(t, options)
  if self.destroyed or self.closed then errors.throw("ERR_HTTP2_INVALID_STREAM") end
  if self.headersSent then errors.throw("ERR_HTTP2_HEADERS_SENT") end
  if t == nil then t = EMPTY elseif type(t) ~= "table" then errors.check_type(t, "headers", "table") end
  local status = status_of(t)
  local flags, ends, wait = RESPOND_DATE, false, false
  if options then
    if type(options) ~= "table" then errors.check_type(options, "options", "table") end
    ends = options.endStream and true or false
    wait = options.waitForTrailers and true or false
    if options.sendDate == false then flags = 0 end
  end
  if status == 204 or status == 205 or status == 304 or self.headRequest then
    ends = true
  end
  if ends then
    flags = flags + RESPOND_END
    wait = false
  end
  if headers.stage_response(t, self._session._strict) and flags >= RESPOND_DATE then flags = flags - RESPOND_DATE end
  local err = core.stream_respond(self._slot, self._generation, status, flags)
  if err == core.ERR_NOMEM then
    self:destroy(errors.make("ERR_HTTP2_NO_MEM"))
    return
  end
  self.headersSent = true
  self._sent = t
  if ends then
    self.writableEnded = true
    self._bodiless = true
  elseif wait then
    self._wait_for_trailers = true
  end
end

--- What went out, with :status and (while the stream lives) date filled in.
function getters:sentHeaders()
  local sent = self._sent
  if not sent then return self._push_headers end -- of a push: its request, until respond()
  if not self._sent_filled then
    local out = headers.copy(sent)
    if out[1] ~= nil then -- a flat list
      out = headers.of_list(out)
    end
    out[":status"] = status_of(sent)
    local second = core.stream_number(self._slot, self._generation, 5)
    if second > 0 then out.date = os.date("!%a, %d %b %Y %H:%M:%S GMT", second) end
    self._sent_filled = out
  end
  return self._sent_filled
end

--- Sends a 1xx block (not 101), before respond(). When too many wait for the peer the stream is reset.
function methods:additionalHeaders(t)
  if self.destroyed or self.closed then errors.throw("ERR_HTTP2_INVALID_STREAM") end
  if self.headersSent then errors.throw("ERR_HTTP2_HEADERS_AFTER_RESPOND") end
  errors.check_type(t, "headers", "table")
  local given = headers.get(t, ":status")
  local status = tonumber(given)
  if status == 101 then errors.throw("ERR_HTTP2_STATUS_101") end
  local valid = status and status % 1 == 0 and status >= 100 and status <= 199
  if given ~= nil and not valid then errors.throw("ERR_HTTP2_INVALID_INFO_STATUS", tostring(given)) end
  headers.stage_response(t, self._session._strict) -- throws what is wrong with the rest
  if not valid then errors.throw("ERR_HTTP2_INVALID_INFO_STATUS", tostring(given)) end
  if core.stream_inform(self._slot, self._generation, status) == core.ERR_FULL then
    self:_overflow(errors.new("ERR_STREAM_OVERFLOW", "more than 1048576 bytes of 1xx blocks wait for the peer"))
    return
  end
  local list = self.sentInfoHeaders or {}
  if #list < INFO_KEPT then list[#list + 1] = t end
  self.sentInfoHeaders = list
end

methods.respondWithFile = file_response.with_file
methods.respondWithFD = file_response.with_fd

--- Promises a stream: callback(err, stream, headers), where it is answered with respond(). t: the headers of the
-- request it answers; :method GET, and :authority, :scheme, :path of this one are filled in. options: endStream.
-- Throws ERR_HTTP2_PUSH_DISABLED when the client takes none, ERR_HTTP2_NESTED_PUSH on a promised stream.
function methods:pushStream(t, options, callback)
  push.start(self, getmetatable(self), t, options, callback)
end

getters.pushAllowed = push.is_allowed

-- The handler threw before it answered: 500, with the error's text only when the server was told to.
function methods:_fail_response(err)
  self:respond { [":status"] = 500, ["content-type"] = "text/plain; charset=utf-8" }
  if self.writableEnded then return end
  self:finish(self._session.server._expose_errors and failure.text_of(err) .. "\n" or "Internal Server Error\n")
end

--- From a pipe whose source was cut: the client must not take the part for the whole. It hears the source's code
-- if that came from the source's peer, or the script.
function methods:_give_up(source)
  local by, code = source._ended_by, source.rstCode
  if by == 3 or by == 7 or code == 0 then code = 2 end -- a lost session, a broken protocol: not this client's affair
  self:close(code)
end

-- The answer is out. When nobody wants the rest of the request, the client may stop (RFC 9113 8.1): neither a
-- listener nor a task of the handler that may still come to it.
function methods:_after_finish()
  self._unread_waits = nil
  if self.complete or self._slot == 0 or self.closed then return end
  if self._reads and (self._flowing or self._reader or emitter.has(self, "readable") or emitter.has(self, "data")) then
    return
  end
  if self._reads and self._tasks and next(self._tasks) then
    self._unread_waits = true -- asked again when a task of it is done
    return
  end
  core.stream_stop(self._slot, self._generation)
end

local class = base.extend(methods, getters)
class.methods._peer_errors_are_quiet = true
class.methods._unread_is_dropped = true
class.methods._usual_end = "handler"
class.methods._has_message = true

return class
