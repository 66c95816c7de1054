--- http2.settings: SETTINGS as tables (API.md 8), checked, to and from their numbers.
local errors = require "http2.errors"

local settings = {}

local U32 = 4294967295

-- name -> id, lowest, highest
local entries = {
  headerTableSize = { 1, 0, U32 },
  enablePush = { 2, "boolean" },
  maxConcurrentStreams = { 3, 0, U32 },
  initialWindowSize = { 4, 0, 2147483647 },
  maxFrameSize = { 5, 16384, 16777215 },
  maxHeaderListSize = { 6, 0, U32 },
  enableConnectProtocol = { 8, "boolean" },
}
local CUSTOM_MAX = 10

local by_id = {}
for name, entry in next, entries do by_id[entry[1]] = name end

local function refuse(name, value)
  errors.throw("ERR_HTTP2_INVALID_SETTING_VALUE", name, tostring(value))
end

-- name: as the caller wrote it.
local function number_of(entry, name, value)
  if entry[2] == "boolean" then
    if type(value) ~= "boolean" then
      local err = errors.make("ERR_HTTP2_INVALID_SETTING_VALUE", name, tostring(value))
      err.name = "TypeError"
      error(err, 0)
    end
    return value and 1 or 0
  end
  if type(value) ~= "number" or value % 1 ~= 0 or value < entry[2] or value > entry[3] then
    refuse(name, value)
  end
  return value
end

local function add_custom(list, given)
  local count = 0
  for key, number in next, errors.check_type(given, "customSettings", "table") do
    local id = tonumber(key)
    count = count + 1
    if count > CUSTOM_MAX then errors.throw("ERR_HTTP2_TOO_MANY_CUSTOM_SETTINGS") end
    if not id or id % 1 ~= 0 or id < 0 or id > 65535 then refuse("customSettings:id", key) end
    if type(number) ~= "number" or number % 1 ~= 0 or number < 0 or number > U32 then
      refuse("customSettings:value", number)
    end
    -- One that has a name is said by its name.
    if not by_id[id] then list[#list + 1] = { id, number } end
  end
end

--- A checked table as a list of {id, value}, in the order of ids. Unknown names throw.
function settings.to_list(t)
  errors.check_type(t, "settings", "table")
  local list = {}
  for name, value in next, t do
    if name == "customSettings" then
      add_custom(list, value)
    elseif not (name == "maxHeaderSize" and t.maxHeaderListSize ~= nil) then -- one thing, two names
      local known = name == "maxHeaderSize" and "maxHeaderListSize" or name
      if not entries[known] then
        local near = errors.nearest(tostring(name), entries)
        error(errors.new("ERR_INVALID_ARG_VALUE", ("unknown setting %q%s"):format(tostring(name),
          near and (" (did you mean %q?)"):format(near) or "")), 0)
      end
      list[#list + 1] = { entries[known][1], number_of(entries[known], name, value) }
    end
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

--- The ids of customs to receive, checked: a set. list: nil for none.
function settings.custom_ids(list)
  local set = {}
  if not list then return set end
  if #list > CUSTOM_MAX then errors.throw("ERR_HTTP2_TOO_MANY_CUSTOM_SETTINGS") end
  for i = 1, #list do set[errors.check_range(list[i], "remoteCustomSettings", 0, 65535)] = true end
  return set
end

--- What a session has before a list of ours is acknowledged.
function settings.initial()
  local t = settings.defaults()
  t.maxHeaderListSize, t.maxHeaderSize = U32, U32
  return t
end

--- The table `old` with a list on top. customs: the ids of those to keep that have no name; nil: all.
function settings.apply(old, list, customs)
  local t = {}
  for name, value in next, old do t[name] = value end
  for i = 1, #list do
    local id, value = list[i][1], list[i][2]
    local name = by_id[id]
    if not name then
      if not customs or customs[id] then
        local all = {}
        for other, known in next, t.customSettings or {} do all[other] = known end
        all[id] = value
        t.customSettings = all
      end
    elseif entries[name][2] == "boolean" then
      t[name] = value ~= 0
    else
      t[name] = value
    end
  end
  t.maxHeaderSize = t.maxHeaderListSize
  return t
end

--- As in a SETTINGS frame's payload: six bytes each, in the order of ids.
function settings.pack(t)
  local list = settings.to_list(t)
  for i = 1, #list do
    local id, value = list[i][1], list[i][2]
    list[i] = string.char(math.floor(id / 256), id % 256, math.floor(value / 16777216),
      math.floor(value / 65536) % 256, math.floor(value / 256) % 256, value % 256)
  end
  return table.concat(list)
end

--- The settings of such a payload; unknown ids become customSettings. validate: throws for values that no
-- SETTINGS frame may have.
function settings.unpack(packed, validate)
  errors.check_type(packed, "buf", "string")
  if #packed % 6 ~= 0 then errors.throw("ERR_HTTP2_INVALID_PACKED_SETTINGS_LENGTH") end
  local t = {}
  for at = 1, #packed, 6 do
    local a, b, c, d, e, f = packed:byte(at, at + 5)
    local id, value = a * 256 + b, ((c * 256 + d) * 256 + e) * 256 + f
    local name = by_id[id]
    if not name then
      t.customSettings = t.customSettings or {}
      t.customSettings[id] = value
    elseif entries[name][2] == "boolean" then
      t[name] = value ~= 0
    else
      if validate and (value < entries[name][2] or value > entries[name][3]) then refuse(name, value) end
      t[name] = value
    end
  end
  if t.maxHeaderListSize then t.maxHeaderSize = t.maxHeaderListSize end
  return t
end

--- A fresh table of the protocol's defaults.
function settings.defaults()
  return {
    headerTableSize = 4096, enablePush = true, initialWindowSize = 65535, maxFrameSize = 16384,
    maxConcurrentStreams = U32, maxHeaderListSize = 65535, maxHeaderSize = 65535,
    enableConnectProtocol = false,
  }
end

return settings
