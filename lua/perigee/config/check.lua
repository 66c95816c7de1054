--- config.check: compares what a configuration file returned with the schema and makes the settings of it: a tree of
-- tables with every default filled in. What is wrong is collected, never thrown.
local errors = require "perigee.errors"
local schema = require "perigee.config.schema"
local types = require "perigee.config.types"

local check = {}

local shown = types.shown

-- --- Where a problem is: a list of keys, and how it is written.

local function join(path, key)
  local joined = {}
  for i = 1, #path do joined[i] = path[i] end
  joined[#joined + 1] = key
  return joined
end

--- {"listen", 1, "tls"} as "listen[1].tls".
function check.path_text(path)
  local text = ""
  for _, key in ipairs(path) do
    if type(key) == "string" and key:find "^[%a_][%w_]*$" then
      text = text .. (text ~= "" and "." or "") .. key
    else
      text = text .. "[" .. shown(key) .. "]"
    end
  end
  return text
end

local Context = {}
Context.__index = Context

--- Notes a problem. severity: "error" or "warning".
function Context:note(severity, path, format, ...)
  self.problems[#self.problems + 1] = { severity = severity, path = path, text = format:format(...) }
end

function Context:wrong(path, expected, value, hint)
  self:note("error", path, "expected %s, found %s%s", expected, value == nil and "nothing" or shown(value),
    hint and (" (" .. hint .. ")") or "")
end

-- --- Walking.

local function by_name(fields)
  local known = {}
  for _, field in ipairs(fields) do known[field.name] = field end
  return known
end

local function sorted_keys(t)
  local keys = {}
  for key in next, t do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) ~= type(b) then return type(a) == "number" end
    if type(a) == "number" or type(a) == "string" then return a < b end
    return tostring(a) < tostring(b)
  end)
  return keys
end

-- A setting that is elsewhere under the same name.
local function elsewhere(name, fields)
  if fields == schema.certificate_fields then
    return by_name(schema.tls_fields)[name] and name .. ", beside the list"
  elseif fields == schema.fields then
    for _, section in ipairs(schema.fields) do
      if section.type == "section" and by_name(section.fields)[name] then return section.name .. "." .. name end
    end
  elseif by_name(schema.fields)[name] then
    return name .. ", outside of this table"
  end
end

local function unknown_keys(context, fields, value, path)
  local known = by_name(fields)
  for _, key in ipairs(sorted_keys(value)) do
    if not known[key] then
      local hint
      if type(key) == "string" then hint = errors.nearest(key, known) or elsewhere(key, fields) end
      context:note("error", join(path, key), "unknown setting%s",
        hint and (" (did you mean %s?)"):format(hint) or "")
    end
  end
end

local walk

local kinds = {} -- types of tables: function(context, field, value, path) -> settings or nil

-- One value of a setting, which may be nil. Answers nil when there is none, or it was wrong.
local function one(context, field, value, path)
  if value == nil then
    if field.required then
      context:wrong(path, (select(2, context:typed(field, nil))), nil)
      return nil
    end
    if field.default == nil and field.type ~= "section" then return nil end
    value = field.default
  end
  if field.off and value == false then return nil end
  if kinds[field.type] then return kinds[field.type](context, field, value, path) end
  local good, expected, hint = context:typed(field, value)
  if good == nil then
    if field.off then expected = expected .. ", or false" end
    context:wrong(path, expected, value, hint)
  end
  return good
end

function Context:typed(field, value)
  if field.type == "listeners" then return nil, "where to listen, at least one address" end
  return types[field.type](value, field, self)
end

function walk(context, fields, value, path)
  local out = {}
  unknown_keys(context, fields, value, path)
  for _, field in ipairs(fields) do
    out[field.name] = one(context, field, value[field.name], join(path, field.name))
  end
  return out
end

function kinds.section(context, field, value, path)
  if value == nil then value = {} end
  if field.short and type(value) == "string" then value = { [field.short] = value } end
  if type(value) ~= "table" then
    context:wrong(path, "a table of settings" .. (field.short and ", an address" or "") ..
      (field.off and ", or false" or ""), value)
    return nil
  end
  return walk(context, field.fields, value, path)
end

-- An address has become a table; its parts belong to the listener.
local function spread(listener)
  local where = listener.address
  if type(where) == "table" then
    listener.address = nil
    for name, part in next, where do listener[name] = part end
  end
  return listener
end
check.spread = spread

function kinds.listeners(context, field, value, path)
  if type(value) == "string" or (type(value) == "table" and value.address ~= nil) then value = { value } end
  if type(value) ~= "table" or next(value) == nil then
    context:wrong(path, "where to listen, at least one address", type(value) ~= "table" and value or nil)
    return {}
  end
  local out = {}
  for _, key in ipairs(sorted_keys(value)) do
    local entry, where = value[key], join(path, key)
    if type(key) ~= "number" then
      context:note("error", where, "expected a list of addresses or tables, found the name %s", shown(key))
    elseif type(entry) == "string" then
      out[#out + 1] = spread(walk(context, field.fields, { address = entry }, where))
    elseif type(entry) == "table" then
      out[#out + 1] = spread(walk(context, field.fields, entry, where))
    else
      context:wrong(where, "an address or a table with one", entry)
    end
    if out[#out] and not out[#out].at then out[#out].at = where end
  end
  return out
end

-- {certificates = {{certificate =, key =, at =}, …}, min_version = …}
function kinds.tls(context, field, value, path)
  if type(value) ~= "table" then
    context:wrong(path, "a table with certificate and key, or a list of such tables", value)
    return nil
  end
  local rest, entries, has_list = {}, {}, false
  for key, inner in next, value do
    if type(key) == "number" then has_list = true else rest[key] = inner end
  end
  local own = rest.certificate ~= nil or rest.key ~= nil
  if own or not has_list then entries[1] = { { certificate = rest.certificate, key = rest.key }, path } end
  if own and has_list then
    context:note("error", path, "expected either a certificate with its key or a list of them, found both")
  end
  rest.certificate, rest.key = nil, nil
  for _, key in ipairs(sorted_keys(value)) do
    if type(key) == "number" then entries[#entries + 1] = { value[key], join(path, key) } end
  end
  local options = {}
  for _, option in ipairs(field.fields) do
    if option.name ~= "certificate" and option.name ~= "key" then options[#options + 1] = option end
  end
  -- A name that is near to certificate is told so.
  unknown_keys(context, field.fields, rest, path)
  local out = { certificates = {} }
  for _, option in ipairs(options) do
    out[option.name] = one(context, option, rest[option.name], join(path, option.name))
  end
  for _, entry in ipairs(entries) do
    local given, where = entry[1], entry[2]
    if type(given) == "table" then
      local pair = walk(context, schema.certificate_fields, given, where)
      pair.at = where
      out.certificates[#out.certificates + 1] = pair
    else
      context:wrong(where, "a table with certificate and key", given)
    end
  end
  return out
end

--- Checks a value that a file returned. folder: of the file, absolute. system: perigee.config.system, or a test's own.
-- Answers the settings (complete only when no error was found) and a list of problems {severity, path, text}.
function check.run(value, folder, system)
  local context = setmetatable({ folder = folder, system = system, problems = {} }, Context)
  if type(value) ~= "table" then
    context:wrong({}, "a table of settings to be returned", value)
    return nil, context.problems, context
  end
  return walk(context, schema.fields, value, {}), context.problems, context
end

return check
