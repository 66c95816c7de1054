-- markdown: a page of the reference as text.
local source = require "generator.source"

local markdown = {}

local function put(out, ...)
  out[#out + 1] = table.concat { ... }
end

-- A text of the source: indentation of long strings goes, blank ends too.
local function clean(text)
  text = text:gsub("^\n", ""):gsub("%s+$", "")
  local indent
  for line in text:gmatch "[^\n]+" do
    local blanks = line:match "^( *)%S"
    if blanks and (not indent or #blanks < #indent) then indent = blanks end
  end
  if indent and #indent > 0 then text = ("\n" .. text):gsub("\n" .. indent, "\n"):sub(2) end
  return (text:gsub("[ \t]+\n", "\n"))
end
markdown.clean = clean

local WIDTH = 110

local function utf8_length(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

-- One paragraph or list item, its lines not longer than they need be. indent: of all but the first.
local function fill(text, indent)
  local lines, line = {}, nil
  for word in text:gmatch "%S+" do
    if line and utf8_length(line) + 1 + utf8_length(word) > WIDTH then
      lines[#lines + 1] = line
      line = indent .. word
    else
      line = line and line .. " " .. word or word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

-- A text of the source with its paragraphs and lists filled; tables and code stay as they are.
local function prose(text)
  local out, held, indent, in_code = {}, nil, "", false
  local function flush()
    if held then out[#out + 1] = fill(held, indent) end
    held = nil
  end
  for line in (clean(text) .. "\n"):gmatch "(.-)\n" do
    if line:find "^```" then
      flush()
      in_code = not in_code
      out[#out + 1] = line
    elseif in_code or line == "" or line:find "^|" or line:find "^#" then
      flush()
      out[#out + 1] = line
    elseif line:find "^%- " then
      flush()
      held, indent = line, "  "
    elseif held then
      held = held .. " " .. line:match "^%s*(.*)$"
    else
      held, indent = line, ""
    end
  end
  flush()
  return table.concat(out, "\n")
end

markdown.prose_of = prose

--- The link target of an entry. Events and properties may share a method's name.
local prefixes = { events = "event-", properties = "", methods = "", functions = "", fields = "", codes = "" }
local function anchor(entry, of_type)
  return (of_type and of_type.name:lower() .. "-" or "") .. prefixes[entry.section] .. entry.name:lower()
end
markdown.anchor = anchor

local function argument_names(entry)
  local text, closing = "", ""
  for i, arg in ipairs(entry.args or {}) do
    local name, optional = arg[1]:match "^([^?]*)(%??)$"
    if optional == "?" then
      text = text .. "[" .. (i > 1 and ", " or "") .. name
      closing = closing .. "]"
    else
      text = text .. closing .. (i > 1 and ", " or "") .. name
      closing = ""
    end
  end
  return text .. closing
end

--- How an entry is written: stream:respond([headers[, options]]).
function markdown.signature(entry)
  local page = entry.page
  if entry.section == "methods" then
    return ("%s:%s(%s)"):format(page.var, entry.name, argument_names(entry))
  elseif entry.section == "functions" then
    local before = page.globals and "" or page.var .. "."
    return ("%s%s(%s)"):format(before, entry.name, argument_names(entry))
  elseif entry.section == "properties" then
    return (page.globals and "" or page.var .. ".") .. entry.name
  elseif entry.section == "events" then
    return "'" .. entry.name .. "'"
  end
  return entry.name
end

local function type_text(t)
  return "`" .. t:gsub("|", "` or `") .. "`"
end

local function links_to_codes(codes)
  local parts = {}
  for code in codes:gmatch "%S+" do parts[#parts + 1] = ("[%s](errors.md#%s)"):format(code, code:lower()) end
  return table.concat(parts, ", ")
end

--- What an entry has to say about Node, or nil when it is the same there.
function markdown.difference(entry)
  if entry.node == false then return "Not in Node." end
  if type(entry.node) == "string" then return "Node: " .. entry.node end
end

local function put_notes(out, entry)
  if entry.throws then put(out, fill("- Throws " .. links_to_codes(entry.throws) .. ".", "  ")) end
  if entry.rfc then put(out, "- See ", entry.rfc, ".") end
  local difference = markdown.difference(entry)
  if difference then put(out, fill("- " .. difference, "  ")) end
  local example = entry.example
  if example then
    local target = example.page == entry.page and "" or markdown.file_of(example.page, entry.page)
    put(out, "- Example: [", example.title, "](", target, "#example-", example.id, ").")
  end
end

--- The file of a page, seen from another one.
function markdown.file_of(page, from)
  if page.text then return (from and not from.text) and "../" .. page.name .. ".md" or page.name .. ".md" end
  return ((from and from.text) and "api/" or "") .. page.name .. ".md"
end

local function put_entry(out, entry)
  put(out, ('### <a id="%s"></a>`%s`'):format(anchor(entry), markdown.signature(entry)), "\n")
  if entry.section == "properties" then
    put(out, type_text(entry.type), entry.default and (", at first `" .. entry.default .. "`") or "", "\n")
  end
  put(out, prose(entry.text), "\n")
  for _, arg in ipairs(entry.args or {}) do
    local name, optional = arg[1]:match "^([^?]*)(%??)$"
    put(out, fill(("- `%s` (%s%s)%s"):format(name, type_text(arg[2]), optional == "?" and ", optional" or "",
      arg[3] and ": " .. arg[3] or ""), "  "))
  end
  if entry.returns then
    put(out, fill(("- Returns %s%s."):format(type_text(entry.returns[1]),
      entry.returns[2] and ": " .. entry.returns[2] or ""), "  "))
  end
  put_notes(out, entry)
  put(out, "")
end

local function cell(text)
  return (clean(text):gsub("\n%s*", " "):gsub("|", "\\|"))
end

local function put_fields(out, fields, of_type)
  put(out, "| name | type | default | meaning |")
  put(out, "| --- | --- | --- | --- |")
  for _, entry in ipairs(fields) do
    local text = { cell(entry.text) }
    if entry.throws then text[#text + 1] = "Throws " .. links_to_codes(entry.throws) .. "." end
    if entry.rfc then text[#text + 1] = "See " .. entry.rfc .. "." end
    local difference = markdown.difference(entry)
    if difference then text[#text + 1] = cell(difference) end
    if entry.example and entry.example.page ~= entry.page then
      text[#text + 1] = ("[Example](%s#example-%s)."):format(markdown.file_of(entry.example.page, entry.page),
        entry.example.id)
    elseif entry.example then
      text[#text + 1] = ("[Example](#example-%s)."):format(entry.example.id)
    end
    put(out, ('| <a id="%s"></a>`%s` | `%s` | %s | %s |'):format(anchor(entry, of_type), entry.name,
      (entry.type:gsub("|", "\\|")), entry.default and "`" .. entry.default:gsub("|", "\\|") .. "`" or "",
      table.concat(text, " ")))
  end
  put(out, "")
end

local function put_codes(out, codes)
  put(out, "| code | text | comes |")
  put(out, "| --- | --- | --- |")
  for _, entry in ipairs(codes) do
    local notes = { cell(entry.comes) }
    local difference = markdown.difference(entry)
    if difference then notes[#notes + 1] = cell(difference) end
    if entry.example then
      notes[#notes + 1] = ("[Example](%s#example-%s)."):format(
        entry.example.page == entry.page and "" or markdown.file_of(entry.example.page, entry.page), entry.example.id)
    end
    put(out, ('| <a id="%s"></a>`%s` | %s | %s |'):format(entry.name:lower(), entry.name, cell(entry.text),
      table.concat(notes, " ")))
  end
  put(out, "")
end

--- An example with its heading.
function markdown.put_example(out, example, level)
  put(out, ('%s <a id="example-%s"></a>%s'):format(level or "###", example.id, example.title), "\n")
  put(out, "```lua\n", clean(example.code), "\n```\n")
  if example.prints ~= "" then put(out, "prints\n\n```text\n", clean(example.prints), "\n```\n") end
end

local function put_inherited(out, pages, page)
  for _, ancestor in ipairs(source.ancestors(pages, page)) do
    local parts = {}
    for _, section in ipairs { "events", "properties", "methods" } do
      local names = {}
      for i, entry in ipairs(ancestor[section] or {}) do
        names[i] = section == "events" and "'" .. entry.name .. "'" or "`" .. entry.name .. "`"
      end
      if #names > 0 then parts[#parts + 1] = ("the %s %s"):format(section, table.concat(names, ", ")) end
    end
    if #parts > 0 then
      put(out, fill(("It also has what [%s](%s.md) has: %s."):format(ancestor.title, ancestor.name,
        table.concat(parts, "; ")), ""), "\n")
    end
  end
end

local GENERATED = "<!-- Made by docs/generate from docs/source/%s.lua; edit that. -->\n"

--- A page of docs/api.
function markdown.page(pages, page)
  local out = {}
  put(out, GENERATED:format(page.name))
  put(out, "# ", page.title, "\n")
  put(out, "[Reference](README.md)", page.extends and page.extends ~= "Emitter" and
    (" · a kind of [%s](%s.md)"):format(pages.by_class[page.extends].title, pages.by_class[page.extends].name) or "",
    "\n")
  put(out, prose(page.intro), "\n")
  put_inherited(out, pages, page)
  for _, section in ipairs(source.sections) do
    local entries = page[section[1]]
    if entries and #entries > 0 then
      put(out, "## ", section[2], "\n")
      if section[1] == "fields" then
        put_fields(out, entries)
      elseif section[1] == "codes" then
        put_codes(out, entries)
      else
        for _, entry in ipairs(entries) do put_entry(out, entry) end
      end
    end
  end
  for _, t in ipairs(page.types or {}) do
    put(out, ('## <a id="%s"></a>%s\n'):format(t.name:lower(), t.name))
    put(out, prose(t.text), "\n")
    put_fields(out, t.fields, t)
  end
  if page.examples and #page.examples > 0 then
    put(out, "## Examples\n")
    for _, example in ipairs(page.examples) do markdown.put_example(out, example) end
  end
  return (table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub("%s*$", "\n"))
end

--- docs/api/README.md.
function markdown.index(pages)
  local out = {}
  put(out, GENERATED:format "index")
  put(out, "# Reference\n")
  put(out, prose(pages.intro), "\n")
  put(out, "| page | what it has |")
  put(out, "| --- | --- |")
  for _, page in ipairs(pages) do
    if not page.text then put(out, ("| [%s](%s.md) | %s |"):format(page.title, page.name, cell(page.summary))) end
  end
  put(out, "\n## All names\n")
  local names = {}
  source.each_entry(pages, function(entry, page, section, t)
    if section == "codes" or page.listed == false then return end
    local where = t and t.name or page.title
    names[#names + 1] = { entry.name:lower() .. " " .. where,
      ("[`%s`](%s.md#%s) (%s%s)"):format(section == "events" and "'" .. entry.name .. "'" or entry.name, page.name,
        anchor(entry, t), where, section == "events" and ", event" or "") }
  end)
  table.sort(names, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  local letter
  local line = {}
  local function flush()
    if #line > 0 then put(out, "- ", table.concat(line, ", ")) end
    line = {}
  end
  for _, name in ipairs(names) do
    local first = name[1]:sub(1, 1)
    if first ~= letter then flush() end
    letter = first
    line[#line + 1] = name[2]
  end
  flush()
  put(out, "")
  return (table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub("%s*$", "\n"))
end

--- A page of prose with examples in it: text is a list of markdown and names of examples {"id"}.
function markdown.prose(page)
  local out, by_id = {}, {}
  for _, example in ipairs(page.examples or {}) do by_id[example.id] = example end
  put(out, GENERATED:format(page.name))
  put(out, "# ", page.title, "\n")
  for _, part in ipairs(page.text) do
    if type(part) == "string" then
      put(out, prose(part), "\n")
    else
      markdown.put_example(out, assert(by_id[part[1]], part[1]), "###")
    end
  end
  return (table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub("%s*$", "\n"))
end

return markdown
