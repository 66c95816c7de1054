--- config: reads a configuration file of the service: evaluates, checks, completes.
local check = require "perigee.config.check"
local cross = require "perigee.config.cross"
local document = require "perigee.config.document"
local lines = require "perigee.config.lines"
local printer = require "perigee.config.print"

local config = {}

-- One line, whatever a hostile file made of it.
local function clean(text)
  return (text:gsub("[%z\1-\31\127]", function(c) return ("\\%d"):format(c:byte()) end))
end

-- Lua's own words, with the file's name instead of ours.
local function of_lua(file, message)
  local line, text = message:match "^configuration:(%d+): (.*)$"
  text = text or message
  if text:find "wrong mode" then text = "expected Lua source text, found compiled code" end
  if text == "not enough memory" then text = "the file needs more than 32 MiB of memory" end
  if text:find "^attempt to index .*string" or text:find "^attempt to call method" then
    text = text .. ": texts have no methods in a configuration"
  end
  return ("%s:%s %s\n"):format(file, line and line .. ":" or "", clean(text))
end

-- In the order of the file; what has no line comes last.
local function in_order(problems)
  for i, problem in ipairs(problems) do problem.number = i end
  table.sort(problems, function(a, b)
    local one, other = a.line or math.huge, b.line or math.huge
    if one ~= other then return one < other end
    return a.number < b.number
  end)
end

--- Problems of check and cross as lines of text; true when none of them is an error.
function config.report(file, problems, root)
  local out, good = {}, true
  for _, problem in ipairs(problems) do
    problem.line = problem.line or lines.of(root, problem.path)
    if problem.severity == "error" then good = false end
  end
  in_order(problems)
  for i, problem in ipairs(problems) do
    local where = check.path_text(problem.path)
    out[i] = clean(("%s:%s %s%s%s"):format(file, problem.line and problem.line .. ":" or "",
      problem.severity == "warning" and "warning: " or "", where ~= "" and where .. ": " or "", problem.text)) .. "\n"
  end
  return table.concat(out), good
end

-- Scripts that could be read, each once.
local function scripts_of(settings, system)
  local out, seen = {}, {}
  local function add(path)
    local about = path and not seen[path] and system.about(path)
    if about and about.type == "file" and about.readable then out[#out + 1] = path end
    if path then seen[path] = true end
  end
  add(settings.script)
  for _, listener in ipairs(settings.listen or {}) do add(listener.script) end
  return out
end

local function failed(text)
  return { good = false, problems = text, scripts = {} }
end

--- Loads a file: {good =, problems = text, scripts =} and, when good, document, printed, arguments, settings.
-- system: perigee.config.system unless a test has its own.
function config.load(file, system)
  system = system or require "perigee.config.system"
  local name = clean(file)
  local path, why = system.absolute(file)
  local text
  if path then text, why = system.read_file(path) end
  if not text then return failed(("%s: cannot be read: %s\n"):format(name, why)) end
  local value, message = system.evaluate(text)
  if value == nil and message then return failed(of_lua(name, message)) end
  local settings, problems, context = check.run(value, path:match "^(.*)/[^/]*$", system)
  if settings then cross.run(settings, context) end
  local root = lines.read(text)
  lines.each_twice(root, function(twice, line, first)
    context:note("error", twice, "is set twice, first in line %d", first)
    problems[#problems].line = line
  end)
  local report, good = config.report(name, problems, root)
  if not settings then return failed(report) end
  local result = { good = good, problems = report, scripts = scripts_of(settings, system) }
  if good then
    result.settings, result.document = settings, document.write(settings)
    result.printed, result.arguments = printer.text(settings, name), settings.arguments
  end
  return result
end

return config
