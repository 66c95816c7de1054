--- http2.headers: header tables both ways.
--
-- Received ones look like ordinary tables but are filled on touch: an index fetches one field;
-- assignment, pairs, next, cjson.encode and http2.headers(t) fetch all. Sent ones are checked by the
-- rules of RFC 9113 8.2 and 8.3 and handed to C field by field.
local core = require "perigee.core"
local errors = require "http2.errors"

local new_table = require "table.new"
local raw_next = next
local lower, find = string.lower, string.find

local headers = {}

--- Key under which a header table lists the names to send, or received, as never indexed.
local sensitive = setmetatable({}, { __tostring = function() return "http2.sensitiveHeaders" end })
headers.sensitive = sensitive

-- One value only (API.md 7): duplicates throw when sent, later ones are dropped when received.
local single = {}
for name in ([[
  :status :method :authority :scheme :path :protocol
  access-control-allow-credentials access-control-max-age access-control-request-method age
  authorization content-encoding content-language content-length content-location content-md5
  content-range content-type date dnt etag expires from host if-match if-modified-since
  if-none-match if-range if-unmodified-since last-modified location max-forwards
  proxy-authorization range referer retry-after tk upgrade-insecure-requests user-agent
  x-content-type-options
]]):gmatch "%S+" do single[name] = true end

-- --- Received.

-- t[SOURCE]: the stream whose C block has the fields, or a string with a copy of it; gone when t is filled. A
-- place in the array part lies in the table's own memory.
local SOURCE = 0

-- All fields are here: only look-ups in another case are left.
local Filled = {}
function Filled.__index(t, key)
  if type(key) ~= "string" then return key == sensitive and {} or nil end
  local small = lower(key)
  if small ~= key then return t[small] end
  return nil
end

local function join(t, name, value)
  local old = rawget(t, name)
  if old == nil then
    if name == "set-cookie" then
      value = { value }
    elseif name == ":status" then
      value = tonumber(value)
    end
    rawset(t, name, value)
  elseif name == "set-cookie" then
    old[#old + 1] = value
  elseif name == "cookie" then
    rawset(t, name, old .. "; " .. value)
  elseif not single[name] then
    rawset(t, name, old .. ", " .. value)
  end
end

local function put(name, value, flags, t)
  if flags % 2 == 1 then
    local list = rawget(t, sensitive)
    if not list then
      list = {}
      rawset(t, sensitive, list)
    end
    list[#list + 1] = name
  end
  join(t, name, value)
end

-- Calls each(name, value, flags, context) for all fields of a source.
local function each_field(source, each, context)
  if type(source) == "string" then
    core.block_each(source, each, context)
  else
    core.block_each_in(source._slot, source._generation, each, context)
  end
end

-- Where handlers walk their headers, the next tables are made large enough from the start: growing on the way
-- to twenty fields costs more than all else about them.
local room, room_for = 0, 0 -- places for fields; how many tables are made so, unless one is filled
local ROOM_MAX, ROOM_FOR = 64, 64

local counted
local function put_counted(name, value, flags, t)
  counted = counted + 1
  put(name, value, flags, t)
end

local function fill(t)
  local source = rawget(t, SOURCE)
  setmetatable(t, Filled)
  t[SOURCE] = nil
  counted = 0
  each_field(source, put_counted, t)
  room, room_for = counted <= ROOM_MAX and counted or ROOM_MAX, ROOM_FOR
  return t
end

local Lazy = {}
-- What is fetched is not stored: an assignment to any key must come by __newindex.
function Lazy.__index(t, key)
  if type(key) ~= "string" then
    if key == sensitive then return fill(t)[sensitive] end -- an empty list when there is none
    return nil
  end
  local source = rawget(t, SOURCE)
  local value, same
  if type(source) == "string" then
    value, same = core.block_find(source, key)
  else
    value, same = core.block_find_in(source._slot, source._generation, key)
  end
  if value == nil then
    local small = lower(key)
    if small ~= key then return t[small] end
    return nil
  end
  if key == ":status" then return tonumber(value) end
  if same == 1 and key ~= "set-cookie" then return value end
  return fill(t)[key]
end

function Lazy.__newindex(t, key, value)
  rawset(fill(t), key, value)
end

--- The table of a stream's block, not filled yet.
function headers.of_stream(stream)
  local t
  if room_for > 0 then
    room_for = room_for - 1
    t = new_table(1, room)
  else
    t = new_table(1, 0)
  end
  t[SOURCE] = stream
  return setmetatable(t, Lazy)
end

--- The table of a copied block.
function headers.of_copy(copy)
  local t = new_table(1, 0)
  t[SOURCE] = copy
  return setmetatable(t, Lazy)
end

--- The stream's block is about to go: a table that still needs it gets a copy.
function headers.keep(t, stream)
  if rawget(t, SOURCE) == stream then
    t[SOURCE] = core.block_copy(stream._slot, stream._generation) or nil
    if not rawget(t, SOURCE) then setmetatable(t, Filled) end
  end
end

--- The same for one who wants the block too: returns the copy.
function headers.keep_copy(t, stream)
  local copy = core.block_copy(stream._slot, stream._generation)
  if copy and rawget(t, SOURCE) == stream then t[SOURCE] = copy end
  return copy
end

--- Fills a received header table; any other table is left alone. Returns it.
function headers.fill(t)
  if getmetatable(t) == Lazy then return fill(t) end
  return t
end

--- Is t a received table that is not filled yet?
function headers.is_lazy(t)
  return getmetatable(t) == Lazy
end

local function append_raw(name, value, _, list)
  list[#list + 1] = name
  list[#list + 1] = value
end

--- Names and values of a block in wire order: {name, value, name, value, …}. source: a stream or a copy.
function headers.raw(source)
  local list = {}
  each_field(source, append_raw, list)
  return list
end

-- --- Sent.

local FIELD_NAME, FIELD_VALUE = core.ERR_FIELD_NAME, core.ERR_FIELD_VALUE
local FIELD_CONNECTION, CHECKED = core.ERR_FIELD_CONNECTION, core.NAME_CHECKED

-- name as written -> name in lower case, for names that passed the check.
local known, known_count = {}, 0
local KNOWN_MAX = 1024

local function refuse(err, name, value)
  if err == FIELD_NAME then errors.throw("ERR_INVALID_HTTP_TOKEN", name) end
  if err == FIELD_VALUE then errors.throw("ERR_INVALID_CHAR", name) end
  if err == FIELD_CONNECTION then errors.throw("ERR_HTTP2_INVALID_CONNECTION_HEADERS", name) end
  error(errors.new("ERR_HTTP2_INVALID_HEADER_VALUE",
    ("the header block is larger than 128 KiB or 254 fields (at %q)"):format(name)), 0)
end

local function text_of(value, name)
  local t = type(value)
  if t == "string" then return value end
  if t == "number" and value % 1 == 0 then return ("%.0f"):format(value) end
  if t == "number" or t == "boolean" then return tostring(value) end
  errors.throw("ERR_HTTP2_INVALID_HEADER_VALUE", tostring(value), name)
end

local function check_te(name, value)
  if name == "te" and value ~= "trailers" then
    errors.throw("ERR_HTTP2_INVALID_CONNECTION_HEADERS", name)
  end
end

-- Adds one field; checks the name once in its life.
local function add(name, value, flags)
  local small = known[name]
  local err
  if small then
    if small == "te" then check_te(small, value) end
    err = core.field(small, value, flags + CHECKED)
    if err ~= 0 then refuse(err, small, value) end
    return small
  end
  small = lower(name)
  check_te(small, value)
  err = core.field(small, value, flags)
  if err ~= 0 then refuse(err, small, value) end
  if known_count < KNOWN_MAX then
    known_count = known_count + 1
    known[name] = small
  end
  return small
end

-- Whole numbers are written in C: no string is made of them here.
local function add_number(name, value, flags)
  local small = known[name]
  if not small or small == "te" then return add(name, ("%.0f"):format(value), flags) end
  local err = core.field_number(small, value, flags + CHECKED)
  if err ~= 0 then refuse(err, small, tostring(value)) end
  return small
end

local function is_sensitive(list, name)
  for i = 1, #list do
    if lower(list[i]) == name then return true end
  end
  return false
end

local function add_value(name, value, flags, strict)
  if type(value) == "number" and value % 1 == 0 and value >= -9007199254740992 and value <= 9007199254740992 then
    return (add_number(name, value, flags))
  end
  if type(value) ~= "table" then return (add(name, text_of(value, name), flags)) end
  local small = lower(name)
  if #value > 1 and strict and single[small] then errors.throw("ERR_HTTP2_HEADER_SINGLE_VALUE", small) end
  for i = 1, #value do add_value(name, value[i], flags, strict) end
  return #value > 0 and small or nil
end

local function is_pseudo(name)
  return name:byte(1) == 58 -- ':'
end

-- A name with a single value, not written in lower case: it may be in the table a second time in another case.
local tables = 0 -- that were walked
local last_in = {} -- name -> the number of the table that last had it in capitals

local function check_once(t, name)
  local other = rawget(t, name)
  if other ~= nil and not (type(other) == "table" and #other == 0) or last_in[name] == tables then
    errors.throw("ERR_HTTP2_HEADER_SINGLE_VALUE", name)
  end
  last_in[name] = tables
end

-- One pair of the table form; returns its name in lower case when it is a field.
local function add_pair(t, name, value, pseudo, strict, list)
  if type(name) ~= "string" then
    if name ~= sensitive then errors.check_type(name, "header name", "string") end
    return nil
  end
  if is_pseudo(name) then
    if not pseudo[name] then errors.throw("ERR_HTTP2_INVALID_PSEUDOHEADER", name) end
    return nil
  end
  if name == "" then return nil end -- skipped, as Node does
  local flags = 0
  if list and is_sensitive(list, lower(name)) then flags = 1 end
  local small
  if type(value) == "string" then
    small = add(name, value, flags)
  else
    small = add_value(name, value, flags, strict)
  end
  if small ~= name and strict and small and single[small] then check_once(t, small) end
  return small
end

-- The table form. Returns whether there is a date. LuaJIT compiles no loop in the middle of a trace that
-- began elsewhere (in a handler, say), so the first pairs are taken in a straight line.
local STRAIGHT = 12
local add_table = assert(loadstring(([[
  local next, add_pair, sensitive = ...
  return function(t, pseudo, strict)
    local list = t[sensitive]
    local dated = false
    local name, value = next(t)
    %s
    while name ~= nil do
      if add_pair(t, name, value, pseudo, strict, list) == "date" then dated = true end
      name, value = next(t, name)
    end
    return dated
  end
]]):format(([[
    if name == nil then return dated end
    if add_pair(t, name, value, pseudo, strict, list) == "date" then dated = true end
    name, value = next(t, name)
]]):rep(STRAIGHT)), "=perigee:http2.headers (add_table)"))(raw_next, add_pair, sensitive)

-- The flat form: {name, value, name, value, …}; order and duplicates are kept.
local function add_list(t, pseudo, strict)
  local list = t[sensitive]
  local dated = false
  local seen = {}
  if #t % 2 == 1 then
    error(errors.new("ERR_INVALID_ARG_VALUE", "a flat header list has names and values in turn"), 0)
  end
  for i = 1, #t, 2 do
    local name, value = t[i], t[i + 1]
    errors.check_type(name, "header name", "string")
    local small = lower(name)
    if strict and single[small] and seen[small] then errors.throw("ERR_HTTP2_HEADER_SINGLE_VALUE", small) end
    seen[small] = true
    if is_pseudo(name) then
      if not pseudo[name] then errors.throw("ERR_HTTP2_INVALID_PSEUDOHEADER", name) end
    elseif name ~= "" then
      local flags = list and is_sensitive(list, small) and 1 or 0
      add_value(name, value, flags, strict)
      if small == "date" then dated = true end
    end
  end
  return dated
end

--- A copy of a header table or flat list to send: the caller's may change until then.
function headers.copy(t)
  if getmetatable(t) == Lazy then fill(t) end
  local copy = {}
  for name, value in raw_next, t do
    if type(value) == "table" then
      local list = {}
      for i = 1, #value do list[i] = value[i] end
      value = list
    end
    copy[name] = value
  end
  return copy
end

--- A flat list as a table: names in lower case, found in any; what comes twice as a list.
function headers.of_list(list)
  local t = setmetatable({}, Filled)
  for i = 1, #list, 2 do
    local name, value = lower(list[i]), list[i + 1]
    local old = rawget(t, name)
    if old == nil then
      t[name] = value
    elseif type(old) == "table" then
      old[#old + 1] = value
    else
      t[name] = { old, value }
    end
  end
  return t
end

--- A field of the table or flat form, by its exact lower-case name.
function headers.get(t, name)
  if t[1] ~= nil then
    for i = 1, #t, 2 do
      if t[i] == name then return t[i + 1] end
    end
    return nil
  end
  return t[name]
end

--- The status that a response table asks for, 200 by default. Throws ERR_HTTP2_STATUS_INVALID.
function headers.status_of(t)
  local status = headers.get(t, ":status")
  if status == nil then return 200 end
  local number = tonumber(status)
  if type(status) == "table" then -- as any field: a list of one is single
    if #status > 1 then errors.throw("ERR_HTTP2_HEADER_SINGLE_VALUE", ":status") end
    number = tonumber(status[1])
  end
  if not number or number % 1 ~= 0 or number < 100 or number > 599 then
    errors.throw("ERR_HTTP2_STATUS_INVALID", tostring(status))
  end
  if number < 200 then errors.throw("ERR_HTTP2_STATUS_INVALID", tostring(status)) end
  return number
end

local RESPONSE = { [":status"] = true }
local REQUEST = {
  [":method"] = true, [":scheme"] = true, [":authority"] = true, [":path"] = true, [":protocol"] = true,
}
local IN_ORDER = { ":method", ":authority", ":scheme", ":path", ":protocol" }
local NONE = {}

local function add_all(t, pseudo, strict)
  if getmetatable(t) == Lazy then fill(t) end
  if t[1] ~= nil then return (add_list(t, pseudo, strict)) end
  tables = tables + 1
  return (add_table(t, pseudo, strict))
end

--- Stages the fields of a response but :status. Returns whether a date is among them.
function headers.stage_response(t, strict)
  core.fields_begin()
  return (add_all(t, RESPONSE, strict))
end

--- Stages trailers.
function headers.stage_trailers(t)
  core.fields_begin()
  add_all(t, NONE, true)
end

local function stage_pseudo(name, value)
  if type(value) == "table" then
    if #value > 1 then errors.throw("ERR_HTTP2_HEADER_SINGLE_VALUE", name) end
    value = value[1]
  end
  if value == nil then return end
  value = text_of(value, name)
  if find(value, "[%z\r\n]") then errors.throw("ERR_INVALID_CHAR", name) end
  local err = core.field(name, value, CHECKED)
  if err ~= 0 then refuse(err, name, value) end
end

-- Those of a flat list keep its order, behind the defaults.
local function stage_pseudo_of_list(t, pseudo)
  local own = {}
  for i = 1, #t, 2 do own[t[i]] = true end
  for i = 1, #IN_ORDER do
    local name = IN_ORDER[i]
    if not own[name] then stage_pseudo(name, pseudo[name]) end
  end
  for i = 1, #t, 2 do
    local name = t[i]
    if own[name] and REQUEST[name] then
      own[name] = nil
      stage_pseudo(name, pseudo[name])
    end
  end
end

--- Stages a request; pseudo: its pseudo headers with defaults filled in.
function headers.stage_request(t, pseudo, strict)
  core.fields_begin()
  if t[1] ~= nil then
    stage_pseudo_of_list(t, pseudo)
  else
    for i = 1, #IN_ORDER do stage_pseudo(IN_ORDER[i], pseudo[IN_ORDER[i]]) end
  end
  add_all(t, REQUEST, strict)
end

return headers
