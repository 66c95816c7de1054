--- log: structured lines on standard error, with the identity of the stream whose code runs.
--   log.info("cache filled", "entries", 12)
local native = require "perigee.native"
local task = require "perigee.task"

local log = {}

local function text(value)
  if value == nil then return nil end
  return tostring(value)
end

local function write(level, message, ...)
  if not native.log_wants(level) then return end
  local pairs_given = { n = select("#", ...), ... }
  local out = {}
  local n = math.min(pairs_given.n, 8)
  for i = 1, n, 2 do
    out[i] = tostring(pairs_given[i])
    out[i + 1] = text(pairs_given[i + 1])
  end
  n = n + n % 2
  local stream = task.owner()
  if stream and stream._session then
    out[n + 1], out[n + 2] = "session", text(stream._session._number)
    out[n + 3], out[n + 4] = "stream", text(stream.id)
    n = n + 4
  end
  native.log(level, tostring(message), unpack(out, 1, n))
end

--- Each takes a message and up to four pairs of key and value.
function log.error(message, ...) write("error", message, ...) end
function log.warn(message, ...) write("warn", message, ...) end
function log.info(message, ...) write("info", message, ...) end
function log.debug(message, ...) write("debug", message, ...) end

return log
