--- static_conditions: what a request's conditions (RFC 9110 13) and range (RFC 9110 14) make of a file.
local http_date = require "perigee.http_date"

local RANGE_MAX = 100 -- bytes; two large numbers need less

local static_conditions = {}

--- {etag, last-modified} of a file. The tag is strong: it changes with the file's size, its place on the disk, or
-- the nanosecond of its last change.
function static_conditions.validators(stat)
  local mtime = stat.mtime
  local now = os.time()
  return {
    etag = ('"%x-%x-%x%08x"'):format(stat.ino, stat.size, math.max(mtime.sec, 0), mtime.nsec),
    -- Never later than now (RFC 9110 8.8.2.1).
    ["last-modified"] = http_date.format(math.max(math.min(mtime.sec, now), 0)),
  }
end

-- Is etag in a list of entity tags, or is the list "*"? weak: W/"x" and "x" are the same then.
local function has_tag(list, etag, weak)
  if list:match "^%s*%*%s*$" then return true end
  for mark, tag in list:gmatch '(W?/?)("[^"]*")' do
    if tag == etag and (weak or mark == "") then return true end
  end
  return false
end

-- Was the file changed after that date? A date that is none says nothing: nil.
local function is_newer(stat, date)
  local seconds = http_date.parse(date)
  if not seconds then return nil end
  return math.max(stat.mtime.sec, 0) > seconds
end

-- RFC 9110 13.2.2, in its order: 412, 304, or 200.
local function precondition(headers, etag, stat)
  local if_match, if_none_match = headers["if-match"], headers["if-none-match"]
  if if_match then
    if not has_tag(if_match, etag, false) then return 412 end
  elseif headers["if-unmodified-since"] and is_newer(stat, headers["if-unmodified-since"]) then
    return 412
  end
  if if_none_match then
    if has_tag(if_none_match, etag, true) then return 304 end
  elseif headers["if-modified-since"] and is_newer(stat, headers["if-modified-since"]) == false then
    return 304
  end
  return 200
end

-- Does If-Range let the range be looked at? A date must be exactly ours (RFC 9110 13.1.5).
local function range_is_on(headers, fields)
  local condition = headers["if-range"]
  if not condition then return true end
  if condition:find '^%s*W?/?"' then return condition:match '^%s*("[^"]*")%s*$' == fields.etag end
  return condition == fields["last-modified"]
end

-- The first byte and the length of a Range field; false: it cannot be satisfied; nil: none that we know, so the
-- whole is sent. Several ranges count as none: RFC 9110 14.2 leaves that to the server. So does a field so long that
-- the pattern, which tries every way to share blanks out, would take seconds.
local function range_of(text, size)
  if #text > RANGE_MAX then return nil end
  local first, last = text:match "^%s*[Bb][Yy][Tt][Ee][Ss]%s*=%s*(%d*)%s*%-%s*(%d*)%s*$"
  if not first or (first == "" and last == "") then return nil end
  if first == "" then
    local length = math.min(tonumber(last), size)
    if tonumber(last) == 0 then return false end
    if size == 0 then return nil end
    return size - length, length
  end
  first, last = tonumber(first), last == "" and math.huge or tonumber(last)
  if first > last then return nil end
  if first >= size then return false end
  return first, math.min(last, size - 1) - first + 1
end

--- The status of the answer and, for 200 and 206, the first byte and the length of its body. fields: validators().
function static_conditions.evaluate(headers, fields, stat)
  local size = stat.size
  local status = precondition(headers, fields.etag, stat)
  if status ~= 200 then return status end
  local range = headers.range
  if range and headers[":method"] == "GET" and range_is_on(headers, fields) then
    local first, length = range_of(range, size)
    if first == false then return 416 end
    if first then return 206, first, length end
  end
  return 200, 0, size
end

return static_conditions
