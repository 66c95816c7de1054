-- differences: docs/node-differences.md, from docs/source/differences.lua and the `node` notes of all entries.
local source = require "generator.source"
local markdown = require "generator.markdown"

local differences = {}

local function cell(text)
  return (markdown.clean(text):gsub("\n%s*", " "):gsub("|", "\\|"))
end

local function put_rows(out, rows)
  out[#out + 1] = "| what | Node 20 | Perigee | why |"
  out[#out + 1] = "| --- | --- | --- | --- |"
  for _, row in ipairs(rows) do
    out[#out + 1] = ("| %s | %s | %s | %s |"):format(cell(row[1]), cell(row[2]), cell(row[3]), cell(row[4]))
  end
  out[#out + 1] = ""
end

function differences.page(pages)
  local data = require "source.differences"
  local out = {
    "<!-- Made by docs/generate from docs/source/differences.lua and the notes in docs/source; edit those. -->\n",
    "# What differs from Node 20\n", markdown.prose_of(data.intro), "",
  }
  for _, group in ipairs(data.groups) do
    out[#out + 1] = ("## %s\n"):format(group.title)
    if group.intro then out[#out + 1] = markdown.prose_of(group.intro) .. "\n" end
    put_rows(out, group.rows)
  end
  out[#out + 1] = "## Not there\n"
  out[#out + 1] = markdown.prose_of(data.missing_intro) .. "\n"
  out[#out + 1] = "| name | why |\n| --- | --- |"
  for _, row in ipairs(data.missing) do
    out[#out + 1] = ("| %s | %s |"):format(cell(row.shown or "`" .. row[1]:gsub("%s+", "`, `") .. "`"), cell(row[2]))
  end
  out[#out + 1] = "\n## Name by name\n"
  out[#out + 1] = markdown.prose_of(data.names_intro) .. "\n"
  out[#out + 1] = "| name | what differs |\n| --- | --- |"
  local added = {}
  source.each_entry(pages, function(entry, page, section, t)
    local link = ("[`%s`](api/%s.md#%s)"):format(
      (section == "fields" or section == "codes") and entry.name or markdown.signature(entry), page.name,
      section == "codes" and entry.name:lower() or markdown.anchor(entry, t))
    if type(entry.node) == "string" then
      out[#out + 1] = ("| %s%s | %s |"):format(link, t and " of " .. t.name or "", cell(entry.node))
    elseif entry.node == false then
      local list = added[page] or {}
      added[page] = list
      list[#list + 1] = link
    end
  end)
  out[#out + 1] = "\n## Only here\n"
  out[#out + 1] = markdown.prose_of(data.added_intro) .. "\n"
  for _, page in ipairs(pages) do
    if page.node == false then
      out[#out + 1] = ("- [%s](api/%s.md): the whole page"):format(page.title, page.name)
    elseif added[page] then
      out[#out + 1] = ("- [%s](api/%s.md): %s"):format(page.title, page.name, table.concat(added[page], ", "))
    end
  end
  out[#out + 1] = ""
  return (table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub("%s*$", "\n"))
end

return differences
