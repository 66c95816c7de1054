-- configuration: conf/perigee.conf.lua, docs/configuration.md and docs/man/perigee.conf.5 out of the schema of the
-- settings (lua/perigee/config/schema.lua).
local schema = require "perigee.config.schema"
local printer = require "perigee.config.print"

local configuration = {}

local EXAMPLE_TLS_ADDRESS = ":8443"

-- --- Words about a setting.

local units = {
  size = "size", time = "time", mode = "octal digits", flag = "true or false", address = "address", path = "file",
  script = "file", output = "file or `stderr`", text = "text", texts = "list of texts", listeners = "list of tables",
  section = "table", tls = "table, or a list of tables",
}

local function kind_of(field)
  if field.type == "choice" then
    local quoted = {}
    for i, choice in ipairs(field.choices) do quoted[i] = '`"' .. choice .. '"`' end
    return table.concat(quoted, ", ")
  end
  local kind = units[field.type]
  if field.type == "count" then kind = "number" end
  if field.type == "workers" then kind = '`"auto"` or a number' end
  if field.low then kind = ("%s, %s to %s"):format(kind, field.low, field.high) end
  if field.zero then kind = kind .. ", or 0: no limit" end
  if field.off then kind = kind .. ", or `false`: none" end
  return kind
end

local function default_of(field)
  if field.default ~= nil then return "`" .. printer.value(field, field.default) .. "`" end
  return field.otherwise or field.required and "none, it must be said" or "none"
end

-- All that is said in prose, without kind and default.
local function prose_of(field)
  return field.reason and field.text .. " " .. field.reason or field.text
end

local function wrap(text, width, prefix)
  local out, line = {}, nil
  for word in text:gmatch "%S+" do
    if line and #line + 1 + #word > width then
      out[#out + 1] = line
      line = prefix .. word
    else
      line = line and line .. " " .. word or prefix .. word
    end
  end
  out[#out + 1] = line
  return table.concat(out, "\n")
end

-- --- The file.

local FILE_HEAD = [[
-- The configuration of `perigee serve`: every setting, with its default.
--
-- This is a Lua file that returns a table. It knows no libraries, only env "NAME", which gives a variable of the
-- environment, or nil. A setting behind -- has its default, or, where the default is told in words, an example.
-- Sizes ("64KiB", "10MB") and times ("500ms", "10s", "3min") are texts with a unit. Paths that do not begin with /
-- begin in the folder of this file.
--
--   perigee check        says what is wrong here, in the certificates and in the scripts, all at once
--   perigee check --print    prints the settings in effect
--   perigee reload       takes what was changed, or says why not and changes nothing
--
-- perigee.conf(5) has the same in one page.
return {
]]

local put_fields

local function put(out, indent, text)
  out[#out + 1] = indent .. text .. "\n"
end

local function put_prose(out, indent, field)
  put(out, "", wrap(prose_of(field), 110, indent .. "-- "))
  local facts = "Kind: " .. kind_of(field) .. "."
  if field.default == nil and not field.fields then facts = facts .. " Default: " .. default_of(field) .. "." end
  facts = facts:gsub('`(".-")`', "%1")
  put(out, "", wrap(facts, 110, indent .. "-- "))
end

-- How a line of the file says a setting: behind -- unless it must be there.
local function put_value(out, indent, field)
  local value = field.default ~= nil and printer.value(field, field.default) or field.example
  put(out, indent, ("%s%s = %s,"):format((field.required or field.shown) and "" or "--", field.name, value))
end

local function field_of(fields, name)
  for _, field in ipairs(fields) do
    if field.name == name then return field end
  end
end

local function commented(out, indent, inner)
  for line in table.concat(inner):gmatch "([^\n]*)\n" do put(out, indent, line == "" and "--" or "--" .. line) end
end

-- One listener in clear text with all its settings, and one with TLS, as a comment.
local function put_listen(out, indent, field)
  local fields, tls = {}, field_of(field.fields, "tls")
  for _, inner in ipairs(field.fields) do
    if inner ~= tls then fields[#fields + 1] = inner end
  end
  put(out, indent, "listen = {")
  put(out, indent, "  {")
  put_fields(out, fields, indent .. "    ")
  put(out, indent, "  },")
  out[#out + 1] = "\n"
  put_prose(out, indent .. "  ", tls)
  local inner = {}
  put(inner, "", "{")
  put(inner, "", ('  address = "%s",'):format(EXAMPLE_TLS_ADDRESS))
  put(inner, "", "  tls = {")
  put_fields(inner, tls.fields, "    ")
  put(inner, "", "  },")
  put(inner, "", "},")
  commented(out, indent .. "  ", inner)
  put(out, indent, "},")
end

function put_fields(out, fields, indent)
  for i, field in ipairs(fields) do
    if i > 1 then out[#out + 1] = "\n" end
    put_prose(out, indent, field)
    if field.type == "listeners" then
      put_listen(out, indent, field)
    elseif field.type == "section" then
      put(out, indent, field.name .. " = {")
      put_fields(out, field.fields, indent .. "  ")
      put(out, indent, "},")
    else
      put_value(out, indent, field)
    end
  end
end

--- conf/perigee.conf.lua.
function configuration.file()
  local out = { FILE_HEAD }
  put_fields(out, schema.fields, "  ")
  out[#out + 1] = "}\n"
  return table.concat(out)
end

-- --- The page of the manual.

local PAGE_HEAD = [[
# Configuration

<!-- Made by docs/generate from lua/perigee/config/schema.lua; edit that. -->

What `perigee serve` reads: `/etc/perigee/perigee.conf.lua`, or the file named with `-c`. `perigee run` has none.

```lua
return {
  script  = "/etc/perigee/app.lua",
  workers = "auto",
  listen  = {
    { address = "0.0.0.0:443", tls = { certificate = "tls/fullchain.pem", key = "tls/privkey.pem" } },
    { address = "127.0.0.1:8000", script = "/etc/perigee/internal.lua" },
  },
  limits  = { header_list_size = "64KiB", idle_timeout = "3min" },
  log     = { access = "/var/log/perigee/access.log", level = "info" },
}
```

It is a Lua file that returns a table. It knows no libraries, only `env "NAME"`, which gives a variable of the
environment or nil; texts have no methods; it may use 32 MiB of memory, ten million instructions and two seconds.

- **Sizes** are texts with a unit: `"64KiB"`, `"1MiB"`, `"1GiB"` by 1024; `"64kB"`, `"10MB"`, `"1GB"` by 1000; `"100B"`.
- **Times** are texts with a unit: `"500ms"`, `"10s"`, `"3min"`, `"1h"`, `"1d"`. Sizes and times without a unit are
  refused, except 0.
- **Permissions** are texts of octal digits: `"0660"`.
- **Paths** that do not begin with `/` begin in the folder of the file.

`perigee check [-c FILE]` says all that is wrong, with file, line, setting, what was expected and what was found, in
the settings, the certificates and the scripts; it opens no port. `perigee check --print` prints the settings in
effect, as a configuration file again. `perigee reload` takes what was changed; when anything is wrong it says what, and
nothing changes. What `perigee check` calls a warning stops neither start nor reload.

`conf/perigee.conf.lua` has all settings with their defaults, to begin with.
]]

local function cell(text)
  return (text:gsub("%s+", " "):gsub("|", "\\|"))
end

local put_table

local function put_group(out, field, title, level)
  put(out, "\n", ("%s %s\n"):format(("#"):rep(level), title))
  put(out, "", wrap(prose_of(field), 116, "") .. "\n")
  put_table(out, field.fields, level)
end

function put_table(out, fields, level)
  local groups = {}
  put(out, "", "| setting | kind | default | meaning |")
  put(out, "", "| --- | --- | --- | --- |")
  for _, field in ipairs(fields) do
    local meaning = cell(prose_of(field))
    if field.fields then
      meaning = cell(field.text)
      groups[#groups + 1] = field
    end
    local default = field.type == "section" and not field.otherwise and "" or cell(default_of(field))
    put(out, "", ("| `%s` | %s | %s | %s |"):format(field.name, cell(kind_of(field)), default, meaning))
  end
  for _, field in ipairs(groups) do
    put_group(out, field, "`" .. field.name .. "`" .. (field.type == "listeners" and ", each entry" or ""), level + 1)
  end
end

--- docs/configuration.md.
function configuration.page()
  local out = { PAGE_HEAD }
  put(out, "", "\n## Settings\n")
  put_table(out, schema.fields, 2)
  return table.concat(out)
end

-- --- perigee.conf(5).

local MAN_HEAD = [[
.\" Made by docs/generate from lua/perigee/config/schema.lua; edit that.
.TH PERIGEE.CONF 5 "" "Perigee" "File Formats"
.SH NAME
perigee.conf.lua \- configuration of the HTTP/2 service perigee
.SH SYNOPSIS
.I /etc/perigee/perigee.conf.lua
.SH DESCRIPTION
The file that
.B perigee serve
reads: Lua source that returns a table. It knows no libraries, only
.BR "env \(dqNAME\(dq" ,
which gives a variable of the environment or nil; texts have no methods; memory, instructions and time are bounded.
.PP
Sizes are texts with a unit: B, kB, MB, GB (by 1000), KiB, MiB, GiB (by 1024).
Times are texts with a unit: ms, s, min, h, d.
Sizes and times without a unit are refused, except 0. Permissions are texts of octal digits.
Paths that do not begin with / begin in the folder of the file.
.PP
.B perigee check
says all that is wrong, with file, line, setting, what was expected and what was found.
.B perigee check \-\-print
prints the settings in effect.
.B perigee reload
takes what was changed, or says what is wrong and changes nothing.
]]

local MAN_TAIL = [[
.SH FILES
.TP
.I /etc/perigee/perigee.conf.lua
The configuration of the service.
.SH EXAMPLES
.EX
return {
  script = "/etc/perigee/app.lua",
  listen = {
    { address = ":443", tls = {
        certificate = "/etc/perigee/tls/fullchain.pem",
        key = "/etc/perigee/tls/privkey.pem" } },
    { address = "127.0.0.1:8000", script = "/etc/perigee/internal.lua" },
  },
  limits = { idle_timeout = "1min" },
  log = { access = "/var/log/perigee/access.log" },
}
.EE
.SH SEE ALSO
.BR perigee (1)
]]

local function escaped(text)
  return (text:gsub("\\", "\\e"):gsub("\"", "\\(dq"))
end

-- Text with `code` in bold, one line a sentence's part, none beginning with a request.
local function roff(text)
  text = escaped(text):gsub("`([^`]*)`", function(code) return "\\fB" .. code:gsub("-", "\\-") .. "\\fR" end)
  text = wrap(text, 110, "")
  return (("\n" .. text):gsub("\n([.'])", "\n\\&%1"):sub(2))
end

local put_man

local function put_man_field(out, field, path)
  local name = path .. field.name
  put(out, "", ".TP")
  put(out, "", "\\fB" .. name .. "\\fR")
  put(out, "", roff(prose_of(field)))
  put(out, "", ".br")
  local facts = "Kind: " .. kind_of(field) .. "."
  if field.type ~= "section" then facts = facts .. " Default: " .. default_of(field) .. "." end
  put(out, "", roff(facts))
end

function put_man(out, fields, path)
  local groups = {}
  for _, field in ipairs(fields) do
    if field.fields then groups[#groups + 1] = field end
    put_man_field(out, field, path)
  end
  for _, field in ipairs(groups) do
    local name = path .. field.name .. (field.type == "listeners" and "[]." or ".")
    put(out, "", ".SS \"" .. name:sub(1, -2) .. "\"")
    put_man(out, field.fields, name)
  end
end

--- docs/man/perigee.conf.5.
function configuration.man()
  local out = { MAN_HEAD }
  put(out, "", ".SH SETTINGS")
  put_man(out, schema.fields, "")
  out[#out + 1] = MAN_TAIL
  return table.concat(out)
end

return configuration
