--- held: which streams are still open, and what each waits for, in words: for the log at the end of a drain.
local core = require "perigee.core"

local held = {}

local GROUPS_MAX, PATH_MAX = 8, 80

-- Where a suspended task waits: the innermost line of a script ("app.lua:12"), or nil.
local function line_of(co)
  for level = 0, 60 do
    local info = debug.getinfo(co, level, "Sl")
    if not info then return nil end
    if info.what ~= "C" and info.source:sub(1, 9) ~= "=perigee:" then
      return ("%s:%d"):format(info.short_src, info.currentline)
    end
  end
end

-- Where its handler waits: of several tasks the one that began to wait last.
local function place_of(stream)
  local newest, since
  for t, wait in next, stream._tasks or {} do
    if not since or wait > since then newest, since = t, wait end
  end
  return newest and line_of(newest.co)
end

local function reason_of(stream)
  local place = place_of(stream)
  if place then return place end
  if stream.writableEnded then return "the client does not read the answer" end
  if not stream.complete then return "the client has not sent all of its body" end
  return "no task waits: a callback has to end it"
end

local function cut(path)
  path = tostring(path)
  return #path > PATH_MAX and path:sub(1, PATH_MAX) .. "…" or path
end

--- A list of server streams in words, or nil: "3 streams: 2 GET /slow app.lua:12 (31 s), 1 POST /up … (2 s)".
function held.describe(streams)
  local groups, by_key, left_out = {}, {}, 0
  for _, stream in ipairs(streams) do
    local headers = stream._headers or {}
    local key = ("%s %s %s"):format(headers[":method"] or "?", cut(headers[":path"] or headers[":authority"] or "?"),
      reason_of(stream))
    local group = by_key[key]
    if not group then
      group = { key = key, count = 0, ms = 0 }
      by_key[key], groups[#groups + 1] = group, group
    end
    group.count = group.count + 1
    group.ms = math.max(group.ms, core.stream_number(stream._slot, stream._generation, 4))
  end
  if #groups == 0 then return nil end
  table.sort(groups, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a.key < b.key
  end)
  local parts = {}
  for i, group in ipairs(groups) do
    if i <= GROUPS_MAX then
      parts[i] = ("%d %s (%.0f s)"):format(group.count, group.key, group.ms / 1000)
    else
      left_out = left_out + group.count
    end
  end
  if left_out > 0 then parts[#parts + 1] = ("and %d more"):format(left_out) end
  return ("%d stream%s: %s"):format(#streams, #streams == 1 and "" or "s", table.concat(parts, ", "))
end

return held
