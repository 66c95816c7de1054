--- start: the first module. Makes require() ours, so that a module may wait while it loads, and hands C the
-- functions that it calls.
-- luacheck: globals require
local native = package.loaded["perigee.native"]

local loaded = package.loaded

-- Names of ours come before files of that name, but after package.preload.
table.insert(package.loaders, 2, native.find_module)

local LOADING = {}
local after = {} -- name -> function(module), once it is loaded

local function find(loaders, name)
  local tried = {}
  for i = 1, #loaders do
    local loader = loaders[i](name)
    if type(loader) == "function" then return loader end
    if type(loader) == "string" then tried[#tried + 1] = loader end
  end
  error(("module '%s' not found:%s"):format(name, table.concat(tried)), 3)
end

-- require() with that package's tables.
local function make_require(own)
  return function(name)
    if type(name) ~= "string" then error("require expects the name of a module (a string)", 2) end
    local modules = own.loaded
    local module = modules[name]
    if module == LOADING then
      error(("loop or previous error loading module '%s'"):format(name), 2)
    end
    if module ~= nil then return module end
    local loader = find(own.loaders, name)
    modules[name] = LOADING
    local result = loader(name)
    if result ~= nil then
      modules[name] = result
    elseif modules[name] == LOADING then
      modules[name] = true
    end
    if after[name] then after[name](modules[name]) end
    return modules[name]
  end
end

require = make_require(package)

loaded.luv = require "perigee.luv"
loaded.uv = loaded.luv
local globals = require "perigee.globals"
for name, fn in next, globals.on_require do after[name] = fn end
loaded.fs = globals.fs

local task = require "perigee.task"
local ticks = require "perigee.ticks"
local timers = require "perigee.timers"
local program = require "perigee.program"
require("perigee.environment").make_require = make_require

function ticks.later()
  timers.setImmediate(function() end) -- its callback ends with a drain
end

-- A small heap may wait longer for its collection: marking what lives is dear against the garbage of a
-- request, and a few megabytes are not. A large one keeps Lua's usual pace.
local SMALL_HEAP_KIB = 16384
local function pace()
  collectgarbage("setpause", collectgarbage "count" < SMALL_HEAP_KIB and 400 or 200)
end
local function each_cycle()
  local sentinel = newproxy(true)
  getmetatable(sentinel).__gc = function()
    pace()
    each_cycle()
  end
end
pace()
each_cycle()

return {
  dispatch = require "http2.dispatch",
  start = program.start,
  signal = program.signal,
  -- What the master of `perigee serve` says to a worker.
  service = function(command, ...) require("perigee.service")[command](...) end,
  -- luv calls back.
  callback = function(fn, ...)
    task.run_many(nil, fn, ...)
    ticks.drain()
  end,
  stop = function() loaded.luv._close_all() end,
}
