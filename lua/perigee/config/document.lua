--- config.document: settings as the text that daemon/config/settings.h describes.
local document = {}

local HEAD = "perigee-settings 1\n"

-- Of the checks only: where a setting stands in the file.
local hidden = { at = true, scheme = true }

local function is_list(value)
  return #value > 0 or next(value) == nil
end

local function put(out, path, value)
  local kind, text = "s", value
  if type(value) == "number" then
    kind, text = "n", ("%.0f"):format(value)
  elseif type(value) == "boolean" then
    kind, text = "b", tostring(value)
  end
  out[#out + 1] = ("%s %s %d\n%s\n"):format(path, kind, #text, text)
end

local function put_all(out, path, value)
  if type(value) ~= "table" then return put(out, path, value) end
  if is_list(value) then
    put(out, path .. "#", #value)
    for i, inner in ipairs(value) do put_all(out, path .. "." .. i, inner) end
    return
  end
  local names = {}
  for name in next, value do
    if not hidden[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do put_all(out, path == "" and name or path .. "." .. name, value[name]) end
end

--- The text of a tree of settings: texts, whole numbers, booleans, lists, tables with names.
function document.write(settings)
  local out = { HEAD }
  put_all(out, "", settings)
  return table.concat(out)
end

return document
