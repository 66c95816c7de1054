--- config.print: settings as a configuration file again, with every default in its place. Keys are named by their
-- files, never shown.
local schema = require "perigee.config.schema"
local units = require "perigee.config.units"

local printer = {}

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    return c == '"' and '\\"' or c == "\\" and "\\\\" or ("\\%03d"):format(c:byte())
  end) .. '"'
end

local function of_number(say)
  return function(number) return '"' .. say(number) .. '"' end
end

local texts = {
  size = of_number(units.say_size), time = of_number(units.say_time), mode = of_number(units.say_mode),
  count = tostring, workers = tostring, flag = tostring,
}

function texts.texts(list)
  if #list == 0 then return "{}" end
  local out = {}
  for i, text in ipairs(list) do out[i] = quoted(text) end
  return "{ " .. table.concat(out, ", ") .. " }"
end

local put_fields

local function put(out, indent, format, ...)
  out[#out + 1] = indent .. format:format(...) .. "\n"
end

local function put_tls(out, field, tls, indent)
  put(out, indent, "tls = {")
  for _, pair in ipairs(tls.certificates) do
    put(out, indent, "  { certificate = %s, key = %s },", quoted(pair.certificate_file), quoted(pair.key_file))
  end
  for _, option in ipairs(field.fields) do
    local value = tls[option.name .. "_file"] or tls[option.name]
    if value ~= nil then put(out, indent, "  %s = %s,", option.name, (texts[option.type] or quoted)(value)) end
  end
  put(out, indent, "},")
end

local function put_one(out, field, value, indent)
  if field.type == "listeners" then
    put(out, indent, "%s = {", field.name)
    for _, listener in ipairs(value) do
      put(out, indent, "  {")
      put_fields(out, field.fields, listener, indent .. "    ")
      put(out, indent, "  },")
    end
    put(out, indent, "},")
  elseif field.type == "section" and value then
    put(out, indent, "%s = {", field.name)
    put_fields(out, field.fields, value, indent .. "  ")
    put(out, indent, "},")
  elseif field.type == "tls" then
    put_tls(out, field, value, indent)
  elseif value == false then
    put(out, indent, "%s = false,", field.name)
  else
    put(out, indent, "%s = %s,", field.name, (texts[field.type] or quoted)(value))
  end
end

function put_fields(out, fields, settings, indent)
  for _, field in ipairs(fields) do
    local value = settings[field.name]
    if value == nil and field.off then value = false end
    if value ~= nil then put_one(out, field, value, indent) end
  end
end

--- The text of a file that has these settings. file: whose they are.
function printer.text(settings, file)
  local out = { ("-- The settings in effect of %s.\nreturn {\n"):format(file:gsub("%c", "?")) }
  put_fields(out, schema.fields, settings, "  ")
  out[#out + 1] = "}\n"
  return table.concat(out)
end

--- A value of a setting as a user writes it.
function printer.value(field, value)
  if type(value) == "table" then return texts.texts(value) end
  return type(value) == "string" and quoted(value) or tostring(value)
end

return printer
