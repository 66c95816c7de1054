-- types: a page of the reference as annotations for LuaLS (lua-language-server).
local source = require "generator.source"
local clean = require("generator.markdown").clean

local types = {}

local function put(out, ...)
  out[#out + 1] = table.concat { ... }
end

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true " ..
  "until while"):gmatch "%S+" do KEYWORDS[word] = true end

local function put_text(out, text, indent)
  for line in (clean(text) .. "\n"):gmatch "(.-)\n" do
    out[#out + 1] = ((indent or "") .. "---" .. (line ~= "" and " " .. line or ""))
  end
end

local function first_line(text)
  return (clean(text):gsub("\n%s*", " "))
end

-- A list of arguments as the inside of fun(...).
local function parameters(args)
  local parts = {}
  for i, arg in ipairs(args or {}) do parts[i] = arg[1] .. ": " .. arg[2] end
  return table.concat(parts, ", ")
end

local function parameter_names(args)
  local parts = {}
  for i, arg in ipairs(args or {}) do parts[i] = (arg[1]:gsub("%?$", "")) end
  return table.concat(parts, ", ")
end

local function put_function(out, owner, separator, entry)
  put_text(out, entry.text)
  for _, overload in ipairs(entry.overloads or {}) do put(out, "---@overload ", overload) end
  for _, arg in ipairs(entry.args or {}) do
    put(out, "---@param ", arg[1], " ", arg[2], arg[3] and " " .. arg[3] or "")
  end
  if entry.returns then
    local returned = entry.returns[1]
    if returned:find "^fun" then
      put(out, "---@return ", returned) -- its commas are its own
    else
      for t in (returned .. ","):gmatch "%s*(.-)," do put(out, "---@return ", t) end
    end
  end
  if KEYWORDS[entry.name] then
    put(out, ("%s[%q] = function(%s%s) end\n"):format(owner, entry.name, separator == ":" and "self" or "",
      entry.args and #entry.args > 0 and ", " .. parameter_names(entry.args) or ""))
  else
    put(out, ("function %s%s%s(%s) end\n"):format(owner, separator, entry.name, parameter_names(entry.args)))
  end
end

local function put_field(out, entry)
  local name = entry.name
  if not name:find "^[%a_][%w_]*$" then name = ("[%q]"):format(name) end
  put(out, "---@field ", name, entry.section == "fields" and "?" or "", " ", entry.type, " ", first_line(entry.text))
end

-- Typed on() and once() for each event, also those of the classes above: a field hides that of the parent.
local function put_events(out, pages, page)
  local events = source.all_of(pages, page.class, "events")
  local names = {}
  for name in next, events do names[#names + 1] = name end
  table.sort(names)
  for _, method in ipairs { "on", "once" } do
    for _, name in ipairs(names) do
      put(out, ("---@field %s fun(self: %s, event: %q, listener: fun(%s)): %s"):format(method, page.class, name,
        parameters(events[name].args), page.class))
    end
    put(out, ("---@field %s fun(self: %s, event: string, listener: function): %s"):format(method, page.class,
      page.class))
  end
end

local function put_class(out, pages, page)
  put_text(out, page.summary)
  put(out, "---@class ", page.class, page.extends and ": " .. page.extends or "")
  for _, entry in ipairs(page.properties or {}) do put_field(out, entry) end
  if next(source.all_of(pages, page.class, "events")) then put_events(out, pages, page) end
  put(out, ("local %s = {}\n"):format(page.class))
  for _, entry in ipairs(page.methods or {}) do put_function(out, page.class, ":", entry) end
end

local function put_module(out, page)
  put_text(out, page.summary)
  put(out, "---@class ", page.module, "lib")
  for _, entry in ipairs(page.properties or {}) do put_field(out, entry) end
  put(out, ("local %s = {}\n"):format(page.var))
  for _, entry in ipairs(page.functions or {}) do put_function(out, page.var, ".", entry) end
  put(out, "return ", page.var, "\n")
end

local function put_globals(out, page)
  for _, entry in ipairs(page.properties or {}) do
    put_text(out, entry.text)
    put(out, "---@type ", entry.type)
    put(out, entry.name, " = {}\n")
  end
  for _, entry in ipairs(page.functions or {}) do
    put_text(out, entry.text)
    for _, arg in ipairs(entry.args or {}) do put(out, "---@param ", arg[1], " ", arg[2]) end
    if entry.returns then put(out, "---@return ", entry.returns[1]) end
    put(out, ("function %s(%s) end\n"):format(entry.name, parameter_names(entry.args)))
  end
end

local function put_type(out, t)
  put_text(out, t.text)
  if t.alias then
    put(out, "---@alias ", t.name, " ", t.alias, "\n")
    return
  end
  put(out, "---@class ", t.name, t.extends and ": " .. t.extends or "")
  for _, entry in ipairs(t.fields) do put_field(out, entry) end
  for _, generic in ipairs(t.generic or {}) do put(out, "---@field ", generic) end
  put(out, "")
end

--- The annotations of a page, or nil when it has nothing to annotate.
function types.page(pages, page)
  local out = {}
  for _, t in ipairs(page.types or {}) do put_type(out, t) end
  if page.class then put_class(out, pages, page) end
  if page.module then put_module(out, page) end
  if page.globals then put_globals(out, page) end
  if #out == 0 then return nil end
  local head = ("---@meta%s\n-- Made by docs/generate from docs/source/%s.lua; edit that.\n\n"):format(
    page.module and " " .. page.module or "", page.name)
  return head .. table.concat(out, "\n"):gsub("[ \t]+\n", "\n"):gsub("\n\n\n+", "\n\n"):gsub("%s*$", "\n")
end

--- The file of those annotations.
function types.path(page)
  return "lua/types/" .. (page.module and page.module:gsub("%.", "/") or page.name:gsub("-", "_")) .. ".lua"
end

return types
