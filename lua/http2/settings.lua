--- http2.settings: SETTINGS as tables (API.md 8), checked, to and from their numbers.
local errors = require "http2.errors"
local core = require "perigee.core"

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

local function refuse(name, value)
  errors.throw("ERR_HTTP2_INVALID_SETTING_VALUE", name, tostring(value))
end

local function number_of(name, value)
  local entry = entries[name]
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

--- A checked table as a list of {id, value}, in the order of ids. Unknown names throw.
function settings.to_list(t)
  errors.check_type(t, "settings", "table")
  local list = {}
  for name, value in next, t do
    if name == "customSettings" then
      local count = 0
      for id, number in next, errors.check_type(value, "customSettings", "table") do
        count = count + 1
        if count > CUSTOM_MAX then
          error(errors.new("ERR_HTTP2_TOO_MANY_CUSTOM_SETTINGS",
            "Number of custom settings exceeds MAX_ADDITIONAL_SETTINGS"), 0)
        end
        id = tonumber(id)
        if not id or id % 1 ~= 0 or id < 0 or id > 65535 then refuse("customSettings", tostring(id)) end
        if type(number) ~= "number" or number < 0 or number > U32 then refuse("customSettings", number) end
        list[#list + 1] = { id, number }
      end
    else
      local known = name == "maxHeaderSize" and "maxHeaderListSize" or name
      if not entries[known] then
        local near = errors.nearest(tostring(name), entries)
        error(errors.new("ERR_INVALID_ARG_VALUE", ("unknown setting %q%s"):format(tostring(name),
          near and (" (did you mean %q?)"):format(near) or "")), 0)
      end
      list[#list + 1] = { entries[known][1], number_of(known, value) }
    end
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

--- The settings in force on a session, ours or (remote) the peer's, as a table; {} when it is gone.
function settings.of_session(slot, generation, remote)
  local t = {}
  for name, entry in next, entries do
    local value = core.session_setting(slot, generation, remote, entry[1])
    if value < 0 then return {} end
    if entry[2] == "boolean" then
      t[name] = value ~= 0
    else
      t[name] = value
    end
  end
  t.maxHeaderSize = t.maxHeaderListSize
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
