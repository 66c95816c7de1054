-- pages: every generated file, as a path and the function that makes its text. A page with data of its own joins
-- the list in pages.all().
local source = require "generator.source"
local markdown = require "generator.markdown"
local types = require "generator.types"
local differences = require "generator.differences"
local event_order = require "generator.event_order"
local configuration = require "generator.configuration"

local pages = {}

local function reference(list)
  local all = source.pages()
  for _, page in ipairs(all) do
    if page.text then
      list[#list + 1] = { path = "docs/" .. page.name .. ".md", make = function() return markdown.prose(page) end }
    else
      list[#list + 1] = {
        path = "docs/api/" .. page.name .. ".md", make = function() return markdown.page(all, page) end,
      }
    end
    if types.page(all, page) then
      list[#list + 1] = { path = types.path(page), make = function() return types.page(all, page) end }
    end
  end
  list[#list + 1] = { path = "docs/api/README.md", make = function() return markdown.index(all) end }
end

--- All generated files: a list of {path, make}.
function pages.all()
  local list = {}
  reference(list)
  list[#list + 1] = {
    path = "docs/node-differences.md", make = function() return differences.page(source.pages()) end,
  }
  list[#list + 1] = {
    path = "docs/event-order.md", make = function() return event_order.page(dofile "docs/source/event_order.lua") end,
  }
  list[#list + 1] = { path = "conf/perigee.conf.lua", make = configuration.file }
  list[#list + 1] = { path = "docs/configuration.md", make = configuration.page }
  list[#list + 1] = { path = "docs/man/perigee.conf.5", make = configuration.man }
  return list
end

return pages
