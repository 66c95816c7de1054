--- failure: where errors end that no script caught. A handler's error ends its own stream and is logged
-- once, with a traceback; the main chunk's error ends the program.
local native = require "perigee.native"
local task = require "perigee.task"
local errors = require "perigee.errors"

local failure = {}

--- The text of any thrown value; a __tostring that fails is no reason to fail too.
local function text_of(err)
  if type(err) == "table" and not getmetatable(err) and type(err.message) == "string" then return err.message end
  local ok, text = pcall(tostring, err)
  if ok and type(text) == "string" then return text end
  return "(a " .. type(err) .. " without a text)"
end
failure.text_of = text_of

local function identity(stream)
  local session = stream and stream._session
  return session and tostring(session._number) or nil, stream and stream.id and tostring(stream.id) or nil
end

--- Logs an error once, with the traceback of where it came from (a coroutine, or text).
function failure.log(level, message, err, where, stream)
  local traceback = type(where) == "thread" and debug.traceback(where) or where
  local session, id = identity(stream)
  native.log(level, message, "error", text_of(err), "session", session, "stream", id,
    "traceback", traceback)
end

--- An 'error' event that nobody hears. quiet: it is the peer's doing.
function failure.unheard(message, err, stream, quiet)
  failure.log(quiet and "debug" or "error", message, err, nil, stream)
  if quiet then return end
  native.count("script_errors")
  if failure.on_any then failure.on_any() end
end

--- Logs how a stream or a session (stream: nil) ended, in the words of its closeInfo.
function failure.log_end(stream, info, session)
  local number, id = identity(stream)
  native.log("debug", stream and "stream closed" or "session closed", "by", info.by, "code", info.codeName,
    "reason", info.reason, "detail", info.detail, "session", number or tostring(session._number), "stream", id)
end

-- The peer went away while the handler was at work: no fault of the handler.
local function is_peers_doing(err)
  return errors.is(err) and (err.code == "ERR_HTTP2_INVALID_STREAM" or err.code == "ERR_PERIGEE_CANCELLED")
end

--- coroutine -> function(err, traceback), called instead of the log: of main chunks.
failure.mains = {}

--- A hook, called after each logged failure.
failure.on_any = nil

--- Somebody's code threw: logs it and ends its stream (owner, or nil) with 500 or a reset. where: its coroutine,
-- or a traceback.
function failure.report(owner, err, where)
  if errors.is(err) and err.code == "ERR_PERIGEE_CANCELLED" then return end
  if owner and (owner.destroyed or owner.aborted) and is_peers_doing(err) then
    failure.log("debug", "handler failed after the stream was gone", err, where, owner)
    return
  end
  failure.log("error", owner and "handler failed" or "callback failed", err, where, owner)
  native.count("script_errors")
  if failure.on_any then failure.on_any() end
  if owner and owner._fail then owner:_fail(err) end
end

task.set_failure_handler(function(owner, err, co)
  local on_main = failure.mains[co]
  if on_main then
    failure.mains[co] = nil
    native.count("script_errors")
    on_main(err, debug.traceback(co))
    return
  end
  failure.report(owner, err, co)
end)

return failure
