-- source: the data of the manual (docs/source/*.lua), loaded, checked and joined. docs/source/index.lua names the
-- files and says what is in them.
local source = {}

-- The lists of entries a page may have, in the order in which they are shown.
source.sections = {
  { "functions", "Functions" },
  { "events", "Events" },
  { "properties", "Properties" },
  { "methods", "Methods" },
  { "fields", "Fields" },
  { "codes", "Codes" },
}

local page_keys = {}
for key in ("name title summary class extends module globals var intro examples types node " ..
  "listed functions events properties methods fields codes text"):gmatch "%S+" do page_keys[key] = true end

local entry_keys = {}
for key in ("args text returns throws node rfc type default overloads comes no_example"):gmatch "%S+" do
  entry_keys[key] = true
end

local function complain(page, format, ...)
  error(("docs/source/%s.lua: "):format(page.name) .. format:format(...), 0)
end

local function check_entry(page, section, entry)
  if type(entry[1]) ~= "string" then complain(page, "an entry of %s without a name", section) end
  for key in next, entry do
    if type(key) == "string" and not entry_keys[key] then
      complain(page, "%s: unknown key %q", entry[1], key)
    end
  end
  if type(entry.text) ~= "string" or entry.text == "" then complain(page, "%s has no text", entry[1]) end
  entry.name = entry[1]
  entry.page = page
  entry.section = section
end

--- The lists of a page: calls fn(section, entries, type or nil) for each.
function source.each_list(page, fn)
  for _, section in ipairs(source.sections) do
    if page[section[1]] then fn(section[1], page[section[1]]) end
  end
  for _, t in ipairs(page.types or {}) do fn("fields", t.fields, t) end
end

--- Calls fn(entry, page, section, type or nil) for all entries of all pages.
function source.each_entry(pages, fn)
  for _, page in ipairs(pages) do
    source.each_list(page, function(section, entries, t)
      for _, entry in ipairs(entries) do fn(entry, page, section, t) end
    end)
  end
end

-- Does this text use the name: ":name(", ".name", "name =", '"name"'?
local function uses(text, name)
  local plain = name:gsub("[^%w_]", "%%%0")
  return text:find("%f[%w_]" .. plain .. "%f[^%w_]") ~= nil
end

--- Is that entry's name to be seen in the example (its code, or what it prints)?
function source.shows(example, entry)
  return uses(example.code, entry.name) or uses(example.prints, entry.name)
end

-- The example that shows an entry: one of its page first.
local function find_example(pages, entry)
  for _, example in ipairs(entry.page.examples or {}) do
    if source.shows(example, entry) then return example end
  end
  for _, page in ipairs(pages) do
    for _, example in ipairs(page.examples or {}) do
      if source.shows(example, entry) then return example end
    end
  end
end

local cached

--- All pages in order, each as its file gives it, with name, and entries that know their page and example.
function source.pages()
  if cached then return cached end
  local pages, by_class, by_name, ids = {}, {}, {}, {}
  local index = require "source.index"
  pages.intro = index.intro
  for i, name in ipairs(index) do
    local page = require("source." .. name)
    page.name = name
    pages[i], by_name[name] = page, page
    for key in next, page do
      if not page_keys[key] then complain(page, "unknown key %q", tostring(key)) end
    end
    if page.class then by_class[page.class] = page end
    source.each_list(page, function(section, entries)
      for _, entry in ipairs(entries) do check_entry(page, section, entry) end
    end)
    for _, example in ipairs(page.examples or {}) do
      if not (example.id and example.title and example.code and example.prints) then
        complain(page, "an example needs id, title, code, prints (%s)", tostring(example.id))
      end
      if ids[example.id] then complain(page, "two examples are called %q", example.id) end
      ids[example.id] = true
      example.page = page
    end
  end
  source.each_entry(pages, function(entry) entry.example = find_example(pages, entry) end)
  pages.by_class, pages.by_name = by_class, by_name
  cached = pages
  return pages
end

--- The classes above a class, nearest first, as pages.
function source.ancestors(pages, page)
  local out = {}
  while page and page.extends do
    page = pages.by_class[page.extends]
    out[#out + 1] = page
  end
  return out
end

--- What an object of the class has in all, by section: {name = entry}.
function source.all_of(pages, class, section)
  local page = assert(pages.by_class[class], "no class " .. class)
  local out = {}
  local line = source.ancestors(pages, page)
  for i = #line, 1, -1 do
    for _, entry in ipairs(line[i][section] or {}) do out[entry.name] = entry end
  end
  for _, entry in ipairs(page[section] or {}) do out[entry.name] = entry end
  return out
end

return source
