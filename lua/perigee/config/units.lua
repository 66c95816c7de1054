--- config.units: sizes, times and permissions as people write them.
local units = {}

-- Smallest first; those that say() uses, in its order of preference, are marked.
local sizes = { b = 1, kb = 1e3, mb = 1e6, gb = 1e9, kib = 1024, mib = 1048576, gib = 1073741824 }
local times = { ms = 1, s = 1000, min = 60000, h = 3600000, d = 86400000 }
local size_names = { { "GiB", 1073741824 }, { "GB", 1e9 }, { "MiB", 1048576 }, { "MB", 1e6 }, { "KiB", 1024 },
  { "kB", 1e3 }, { "B", 1 } }
local time_names = { { "h", 3600000 }, { "min", 60000 }, { "s", 1000 }, { "ms", 1 } }

local function parse(text, known)
  local digits, unit = text:match "^%s*(%d+%.?%d*)%s*(%a+)%s*$"
  local factor = digits and known[unit:lower()]
  local value = factor and tonumber(digits) * factor
  if not value or value > 2 ^ 53 then return nil end
  -- "0.1s" is no whole number of floating point milliseconds by accident only.
  local whole = math.floor(value + 0.5)
  return math.abs(value - whole) < 1e-6 and whole or nil
end

local function say(value, names)
  if value == 0 then return "0" .. names[#names][1] end
  for _, name in ipairs(names) do
    if value % name[2] == 0 then return ("%d%s"):format(value / name[2], name[1]) end
  end
end

--- "64KiB" in bytes, or nil.
function units.size(text) return parse(text, sizes) end

--- "3min" in milliseconds, or nil.
function units.time(text) return parse(text, times) end

--- "0660" as a number, or nil.
function units.mode(text)
  return text:find "^0?[0-7][0-7][0-7]$" and tonumber(text, 8) or nil
end

function units.say_size(bytes) return say(bytes, size_names) end
function units.say_time(ms) return say(ms, time_names) end
function units.say_mode(mode) return ("0%03o"):format(mode) end

return units
