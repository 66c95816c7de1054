--- log: structured lines in the daemon's log, with the identity of the stream whose code runs.
--   log.info("cache filled", { entries = 12 })
local native = require "perigee.native"
local task = require "perigee.task"

local log = {}

local FIELDS_MAX = 16

-- The line's own keys: a field of that name gets a "_" behind it, so that no reader finds two.
local reserved = {
  time = true, level = true, msg = true, worker = true, pid = true, session = true, stream = true,
  left_out = true, cut = true,
}

local function text(value)
  if value == nil then return nil end
  return tostring(value)
end

local function add(out, n, key, value)
  key = tostring(key)
  out[n + 1], out[n + 2] = reserved[key] and key .. "_" or key, text(value)
  return n + 2
end

-- Sorted: a person who compares lines finds a field in the same place.
local function add_fields(out, fields)
  local keys, n = {}, 0
  for key in next, fields do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i = 1, math.min(#keys, FIELDS_MAX) do n = add(out, n, keys[i], fields[keys[i]]) end
  return n
end

local function write(level, message, first, ...)
  if not native.log_wants(level) then return end
  local out, n = {}, 0
  if type(first) == "table" and select("#", ...) == 0 then
    n = add_fields(out, first)
  elseif first ~= nil then
    local given = { first, ... }
    for i = 1, math.min(select("#", ...) + 1, FIELDS_MAX * 2), 2 do n = add(out, n, given[i], given[i + 1]) end
  end
  local stream = task.owner()
  if stream and stream._session then
    out[n + 1], out[n + 2] = "session", text(stream._session._number)
    out[n + 3], out[n + 4] = "stream", text(stream.id)
    n = n + 4
  end
  native.log_all(level, tostring(message), unpack(out, 1, n))
end

--- Each takes a message and its fields: a table, or up to 16 pairs of key and value.
function log.error(message, ...) write("error", message, ...) end
function log.warn(message, ...) write("warn", message, ...) end
function log.info(message, ...) write("info", message, ...) end
function log.debug(message, ...) write("debug", message, ...) end

return log
