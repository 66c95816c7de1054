-- Writes the generated pages and types (see docs/generator/pages.lua).
--   --check            only says which are out of date, and fails then
--   --names            prints what is documented: lines "CLASS NAME", and "missing NAME" for what is said to be missing
--   --examples FOLDER  writes each example into a folder of its own there: app.lua, expected, its files
local uv = require "luv"
local pages = require "generator.pages"
local source = require "generator.source"
local markdown = require "generator.markdown"

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  uv.fs_mkdir(path:match "^(.*)/[^/]*$", 493) -- may be there: then it fails, and no harm done
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function write_pages(check)
  local stale = false
  for _, page in ipairs(pages.all()) do
    local text = page.make()
    if read(page.path) ~= text then
      stale = true
      if check then
        print(page.path .. " is out of date: run docs/generate")
      else
        write(page.path, text)
        print("wrote " .. page.path)
      end
    end
  end
  return stale
end

local function write_examples(folder)
  for _, page in ipairs(source.pages()) do
    for _, example in ipairs(page.examples or {}) do
      local where = folder .. "/" .. page.name .. "." .. example.id
      assert(uv.fs_mkdir(where, 448))
      write(where .. "/app.lua", markdown.clean(example.code) .. "\n")
      write(where .. "/expected", example.prints)
      for name, text in pairs(example.files or {}) do write(where .. "/" .. name, text) end
    end
  end
end

local function print_names()
  local all = source.pages()
  for class in next, all.by_class do
    for _, section in ipairs { "events", "properties", "methods" } do
      for name in next, source.all_of(all, class, section) do print(class, name) end
    end
  end
  for _, section in ipairs { "functions", "properties" } do
    for _, entry in ipairs(all.by_name.http2[section]) do print("http2", entry.name) end
  end
  for _, row in ipairs(require("source.differences").missing) do
    for name in row[1]:gmatch "%S+" do print("missing", name) end
  end
end

if arg[1] == "--names" then
  print_names()
elseif arg[1] == "--examples" then
  write_examples(assert(arg[2], "--examples needs a folder"))
elseif write_pages(arg[1] == "--check") and arg[1] == "--check" then
  os.exit(1)
end
