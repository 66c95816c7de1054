--- http2.push: streams that the server promises (RFC 9113 8.4), as both roles see them.
local core = require "perigee.core"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local emitter = require "perigee.emitter"
local errors = require "http2.errors"
local headers = require "http2.headers"

local put_tick = ticks.put
local CANCEL, REFUSED_STREAM = 8, 7
local ENABLE_PUSH = 2

local push = {}

--- May this stream promise others: does the client take pushes, and are stream and session alive?
function push.is_allowed(stream)
  if stream.destroyed or stream.closed or stream._slot == 0 then return false end
  local session = stream._session
  if session.closed or session.destroyed then return false end
  return core.session_setting(session._slot, session._generation, true, ENABLE_PUSH) == 1
end

local function error_of(err)
  if err == core.ERR_FULL then return errors.make("ERR_HTTP2_OUT_OF_STREAMS") end
  if err == core.ERR_STATE then return errors.make("ERR_HTTP2_PUSH_DISABLED") end
  if err == core.ERR_NOMEM then return errors.make("ERR_HTTP2_NO_MEM") end
  return errors.make("ERR_HTTP2_INVALID_STREAM")
end

local PSEUDO = { ":method", ":authority", ":scheme", ":path" }

-- The request that the push answers: the caller's, with what is missing taken from the stream's own. Returns the
-- table that the callback gets, and its pseudo headers.
local function complete(stream, t)
  local filled, pseudo = headers.copy(t), {}
  local own = stream._headers
  if t[1] ~= nil then -- the flat form
    filled = {}
    for i = 1, #t, 2 do
      local old = filled[t[i]]
      if old == nil then
        filled[t[i]] = t[i + 1]
      elseif type(old) == "table" then
        old[#old + 1] = t[i + 1]
      else
        filled[t[i]] = { old, t[i + 1] }
      end
    end
  end
  for i = 1, #PSEUDO do
    local name = PSEUDO[i]
    local value = filled[name]
    if value == nil then
      value = name == ":method" and "GET" or own[name]
      if value == nil and name == ":authority" then value = own.host end
      filled[name] = value
    end
    pseudo[name] = value
  end
  return filled, pseudo
end

local function call_back(callback, stream, filled)
  task.run(stream, callback, nil, stream, filled)
end

--- Promises a stream on this one; callback(err, stream, headers) on the next tick. t: the request's headers.
-- options: endStream (the push has no body).
function push.start(stream, class, t, options, callback)
  if not push.is_allowed(stream) then errors.throw("ERR_HTTP2_PUSH_DISABLED") end
  if stream.id % 2 == 0 then errors.throw("ERR_HTTP2_NESTED_PUSH") end
  if type(options) == "function" then options, callback = nil, options end
  errors.check_type(callback, "callback", "function")
  if options ~= nil then errors.check_type(options, "options", "table") end
  if t == nil then t = {} end
  errors.check_type(t, "headers", "table")
  local filled, pseudo = complete(stream, t)
  headers.stage_request(t, pseudo, stream._session._strict)
  local slot, generation, id = core.stream_push(stream._slot, stream._generation)
  if not slot then
    put_tick(task.run, nil, callback, error_of(generation))
    return
  end
  local is_head = pseudo[":method"] == "HEAD"
  local pushed = setmetatable({
    _slot = slot, _generation = generation, id = id, _session = stream._session, _push_headers = filled,
    complete = true, readableEnded = true, writableEnded = is_head or options and options.endStream and true or nil,
    headRequest = is_head or nil,
  }, class)
  push.streams[slot] = pushed
  stream._session._open = stream._session._open + 1
  put_tick(call_back, callback, pushed, filled)
end

--- From the dispatcher, on a client session: the server promises a stream. block: its request. Nobody listens:
-- it is cancelled.
function push.arrived(session, class, slot, generation, id, flags, block)
  if not session or session.destroyed or session.closed then
    core.stream_reset(slot, generation, REFUSED_STREAM)
    return
  end
  if not emitter.has(session, "stream") then
    core.stream_reset(slot, generation, CANCEL)
    return
  end
  local t = headers.of_copy(block)
  local stream = setmetatable({
    _slot = slot, _generation = generation, id = id, _session = session, _is_push = true,
    writableEnded = true, writableFinished = true, headRequest = t[":method"] == "HEAD" or nil,
  }, class)
  push.streams[slot] = stream
  session._open = session._open + 1
  session._promised = session._promised or {}
  session._promised[stream] = true
  emitter.emit(session, "stream", stream, stream, t, flags, headers.raw(block))
end

return push
