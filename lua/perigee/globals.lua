--- globals: what scripts find beside Lua's own: wrapped functions that know header tables and tasks, and
-- the few of Node's globals that examples use.
-- luacheck: globals pairs next ipairs coroutine load loadstring loadfile dofile os string console process
-- luacheck: globals setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate
local native = require "perigee.native"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local timers = require "perigee.timers"
local headers = require "http2.headers"
local errors = require "perigee.errors"

local globals = {}

-- --- Header tables are filled when they are walked.

local raw_next, raw_pairs = next, pairs
local is_lazy, fill = headers.is_lazy, headers.fill

-- What pairs() gives is the stock next: loops over tables are compiled then.
function pairs(t)
  if is_lazy(t) then fill(t) end
  return raw_pairs(t)
end

function next(t, key)
  if is_lazy(t) then fill(t) end
  return raw_next(t, key)
end

local function fill_all(value, seen)
  if type(value) ~= "table" or seen[value] then return end
  seen[value] = true
  fill(value)
  for _, inner in raw_next, value do fill_all(inner, seen) end
end

-- A module written in C looks into tables itself.
local function wrap_json(cjson)
  local encode = cjson.encode
  cjson.encode = function(value)
    fill_all(value, {})
    return encode(value)
  end
end

globals.on_require = { cjson = wrap_json, ["cjson.safe"] = wrap_json }

-- --- Coroutines hand a scheduler's yield on.

for name, fn in raw_next, task.coroutine do coroutine[name] = fn end

-- --- Source text only: crafted bytecode would be memory corruption.

local raw_load = load
string.dump = nil

local function check_text(text)
  if type(text) == "string" and text:byte(1) == 27 then
    return nil, "attempt to load a binary chunk (only source text is accepted)"
  end
  return text
end

function load(chunk, name, mode, env)
  if mode ~= nil and mode ~= "t" and mode ~= "bt" then
    return nil, "attempt to load a binary chunk (only source text is accepted)"
  end
  return raw_load(chunk, name, "t", env)
end

function loadstring(text, name)
  return load(text, name or text)
end

local function read_file(path)
  local file, err = io.open(path, "rb")
  if not file then return nil, err end
  local text, read_err = file:read "*a"
  file:close()
  if not text then return nil, path .. ": " .. tostring(read_err) end
  -- A first line for the shell is a comment.
  if text:sub(1, 1) == "#" then text = "--" .. text end
  return check_text(text)
end

function loadfile(path, mode, env)
  if not path then return nil, "a path is expected" end
  local text, err = read_file(path)
  if not text then return nil, err end
  return load(text, "@" .. path, mode or "t", env or _G)
end

-- In Lua, so that what it runs may wait.
function dofile(path)
  local chunk, err = loadfile(path)
  if not chunk then error(err, 0) end
  return chunk()
end

globals.loadfile = loadfile

-- --- The end of the process.

os.exit = function(status)
  if status == nil or status == true then status = 0 end
  if status == false then status = 1 end
  native.exit(status)
end

-- --- Node's.

setTimeout, setInterval, setImmediate = timers.setTimeout, timers.setInterval, timers.setImmediate
clearTimeout, clearInterval, clearImmediate =
  timers.clearTimeout, timers.clearInterval, timers.clearImmediate

local function shown(value)
  if type(value) ~= "table" or (getmetatable(value) and getmetatable(value).__tostring) then
    return tostring(value)
  end
  local parts = {}
  for key, inner in pairs(value) do
    parts[#parts + 1] = ("%s: %s"):format(tostring(key), type(inner) == "string" and ("%q"):format(inner)
      or tostring(inner))
  end
  table.sort(parts)
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- "%s", "%d", "%i", "%f", "%j", "%o", "%%" as Node's util.format; the rest follows behind blanks.
local function format(first, ...)
  local rest = { n = select("#", ...), ... }
  local used = 0
  local out = shown(first)
  if type(first) == "string" then
    out = first:gsub("%%([sdifjo%%])", function(kind)
      if kind == "%" then return "%" end
      if used >= rest.n then return nil end
      used = used + 1
      local value = rest[used]
      if kind == "d" or kind == "i" then
        local number = tonumber(value)
        if not number then return "NaN" end
        return kind == "i" and ("%d"):format(number) or tostring(number)
      end
      if kind == "f" then return tostring(tonumber(value) or "NaN") end
      return shown(value)
    end)
  end
  local parts = { out }
  for i = used + 1, rest.n do parts[#parts + 1] = shown(rest[i]) end
  return table.concat(parts, " ")
end

local function log_out(...)
  io.stdout:write(select("#", ...) > 0 and format(...) or "", "\n")
end

local function log_err(...)
  io.stderr:write(select("#", ...) > 0 and format(...) or "", "\n")
end

console = { log = log_out, info = log_out, debug = log_out, error = log_err, warn = log_err }

process = {
  nextTick = ticks.next_tick,
  exit = os.exit,
  argv = {},
  env = setmetatable({}, { __index = function(_, name) return os.getenv(name) end }),
  hrtime = function()
    local ms = native.clock()
    return { math.floor(ms / 1000), math.floor(ms % 1000 * 1e6) }
  end,
}

--- The `fs` module: as much of it as examples with certificates need.
globals.fs = {
  --- The whole file as a string. Throws an error with the system's code (ENOENT, EACCES, …).
  readFileSync = function(path)
    local file, text, number = io.open(path, "rb")
    if not file then
      local code = ({ [2] = "ENOENT", [13] = "EACCES" })[number] or "EIO"
      error(errors.new(code, ("%s: %s, open '%s'"):format(code, text:gsub("^[^:]*: ", ""), path),
        { errno = number, path = path, syscall = "open" }), 2)
    end
    local all, err = file:read "*a"
    file:close()
    if not all then error(errors.new("EIO", ("%s: '%s'"):format(tostring(err), path), { path = path }), 2) end
    return all
  end,
}

return globals
