--- config.types: what a value of each type of setting may be. A type is a function(value, field, context) that answers
-- the value as the settings have it (times in milliseconds, sizes in bytes, paths absolute), or nil and what was
-- expected.
local units = require "perigee.config.units"

local types = {}

--- A value in a message: short, on one line.
function types.shown(value)
  if type(value) == "string" then
    local text = value
    -- Not in the middle of a letter of UTF-8.
    if #value > 60 then text = value:sub(1, 60):gsub("[\192-\255][\128-\191]*$", "") .. "…" end
    return '"' .. text:gsub('[%c"\\]', function(c)
      return c == '"' and '\\"' or c == "\\" and "\\\\" or ("\\%d"):format(c:byte())
    end) .. '"'
  end
  if type(value) == "number" then return ("%.14g"):format(value) end
  if type(value) == "boolean" then return tostring(value) end
  if type(value) == "function" then return "a value of another kind" end
  return "a " .. type(value)
end

local function is_text(value)
  return type(value) == "string" and value ~= "" and not value:find "[%z\1-\31\127]"
end

function types.text(value)
  if is_text(value) then return value end
  return nil, "a text"
end

-- Relative ones begin in the folder of the file.
local function absolute(path, context)
  if path:sub(1, 1) == "/" then return path end
  return (context.folder == "/" and "" or context.folder) .. "/" .. path:gsub("^%./", "")
end

function types.path(value, _, context)
  if is_text(value) then return absolute(value, context) end
  return nil, "the path of a file (a text)"
end

types.script = types.path

function types.output(value, _, context)
  if value == "stderr" then return value end
  if is_text(value) then return absolute(value, context) end
  return nil, 'the path of a file, or "stderr"'
end

function types.flag(value)
  if type(value) == "boolean" then return value end
  return nil, "true or false"
end

local function is_whole(value, low, high)
  return type(value) == "number" and value % 1 == 0 and value >= low and value <= high
end

function types.count(value, field)
  if is_whole(value, field.low, field.high) then return value end
  return nil, ("a whole number from %d to %d"):format(field.low, field.high)
end

function types.workers(value, field, context)
  if value == "auto" then return math.min(context.system.processors(), field.high) end
  if is_whole(value, field.low, field.high) then return value end
  return nil, ('"auto" or a whole number from %d to %d'):format(field.low, field.high)
end

local function measured(value, field, read, what)
  local range = ("from %s to %s"):format(field.low, field.high)
  if field.zero then range = range .. ", or 0 for no limit" end
  if value == 0 and (field.zero or read(field.low) == 0) then return 0 end
  local number = type(value) == "string" and read(value)
  if not number then return nil, what .. ", " .. range end
  if number == 0 and field.zero then return 0 end
  if number < read(field.low) or number > read(field.high) then return nil, what .. ", " .. range end
  return number
end

function types.size(value, field)
  return measured(value, field, units.size,
    'a size with its unit (B, kB, MB, GB, KiB, MiB, GiB) in a text such as "64KiB"')
end

function types.time(value, field)
  return measured(value, field, units.time, 'a time with its unit (ms, s, min, h, d) in a text such as "10s"')
end

function types.mode(value)
  local mode = type(value) == "string" and units.mode(value)
  if mode then return mode end
  return nil, 'permissions as three octal digits in a text such as "0660"'
end

function types.choice(value, field)
  for _, choice in ipairs(field.choices) do
    if value == choice then return value end
  end
  local quoted = {}
  for i, choice in ipairs(field.choices) do quoted[i] = '"' .. choice .. '"' end
  return nil, table.concat(quoted, ", ", 1, #quoted - 1) .. " or " .. quoted[#quoted]
end

function types.texts(value)
  if type(value) ~= "table" then return nil, "a list of texts" end
  local out, count = {}, 0
  for _ in next, value do count = count + 1 end
  for i = 1, count do
    -- An argument may be empty, and what a program is given holds no NUL.
    if type(value[i]) ~= "string" or value[i]:find "%z" then return nil, "a list of texts" end
    out[i] = value[i]
  end
  return out
end

-- {address = as written, host =, port =, secure =, schemed =} or {…, path =}.
function types.address(value, _, context)
  local expected = 'an address such as "127.0.0.1:8000", "[::1]:8000", ":8000" or "unix:/run/app.sock"'
  if not is_text(value) then return nil, expected end
  local where, why = context.system.address(value)
  if not where then return nil, expected, why:match ": ([^:]*)$" end
  local scheme = value:match "^(%a+)://"
  local found = { address = value, secure = scheme and scheme:lower() == "https" or nil, scheme = scheme }
  if where.path then
    if where.path:sub(1, 1) ~= "@" then where.path = absolute(where.path, context) end
    if #where.path > 107 then return nil, "a path of up to 107 bytes behind unix:" end
    found.path = where.path
    return found
  end
  if where.host == "localhost" then where.host, where.literal = "127.0.0.1", true end
  if not where.literal then
    return nil, "an IP address (or localhost) before the port: what a name leads to can change"
  end
  found.host, found.port = where.host, where.port
  return found
end

return types
