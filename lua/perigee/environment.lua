--- environment: globals and modules of a script that shares the Lua state with others: what it assigns and what it
-- loads is its own. The binary's modules are the same for all.
local native = require "perigee.native"
local globals = require "perigee.globals"

local environment = {}

local function copy_of(t)
  local copy = {}
  for key, value in next, t do copy[key] = value end
  return copy
end

-- In a script's `package`: where a file was looked for is part of the error.
local function file_loader(package, env)
  return function(name)
    local file, tried = package.searchpath(name, package.path)
    if not file then return tried end
    local chunk, err = globals.loadfile(file, "t", env)
    if not chunk then error(("error loading module '%s' from file '%s':\n\t%s"):format(name, file, err), 0) end
    return chunk
  end
end

local function c_loader(package)
  return function(name)
    local file, tried = package.searchpath(name, package.cpath)
    if not file then return tried end
    local fn, err = package.loadlib(file, "luaopen_" .. name:gsub("^.*%-", ""):gsub("%.", "_"))
    if not fn then error(("error loading module '%s' from file '%s':\n\t%s"):format(name, file, err), 0) end
    return fn
  end
end

-- Lua 5.1's module(), which makes a global table of the module.
local function make_module(env, loaded)
  return function(name, ...)
    local module = loaded[name]
    if type(module) ~= "table" then
      module = env
      for part in name:gmatch "[^.]+" do
        if module[part] == nil then module[part] = {} end
        module = module[part]
      end
      loaded[name] = module
    end
    module._M, module._NAME, module._PACKAGE = module, name, name:match "^(.*%.)[^.]*$" or ""
    setfenv(2, module)
    for i = 1, select("#", ...) do (select(i, ...))(module) end
  end
end

--- package.path of a script: first its own folder.
function environment.path_for(path, rest)
  local folder = path:match "^(.*)/[^/]*$" or "."
  return folder .. "/?.lua;" .. folder .. "/?/init.lua;" .. rest
end

--- What scripts of this state have in common: to be called before the first of them runs.
function environment.snapshot()
  local base = { globals = copy_of(_G), libraries = {}, loaded = copy_of(package.loaded), path = package.path }
  for name, value in next, base.globals do
    if type(value) == "table" and value ~= _G and name ~= "package" then base.libraries[name] = copy_of(value) end
  end
  return base
end

-- The binary's modules are loaded once, for all.
local function shared_loader(name)
  local loader = native.find_module(name)
  if type(loader) == "function" then return function() return require(name) end end
  return loader
end

--- A fresh table of globals for the script at path. base: of snapshot().
function environment.new(base, path)
  local env = copy_of(base.globals)
  local loaded = copy_of(base.loaded)
  env._G, loaded._G = env, env
  for name, library in next, base.libraries do
    env[name] = copy_of(library)
    if loaded[name] == base.globals[name] then loaded[name] = env[name] end
  end
  local own = copy_of(package)
  own.loaded, own.preload, own.path = loaded, {}, environment.path_for(path, base.path)
  own.loaders = {
    function(name) return own.preload[name] or ("\n\tno field package.preload['%s']"):format(name) end,
    shared_loader, file_loader(own, env), c_loader(own),
  }
  env.package, loaded.package = own, own
  env.require = environment.make_require(own)
  env.module = make_module(env, loaded)
  function env.load(chunk, name, mode, of) return load(chunk, name, mode, of or env) end
  function env.loadstring(text, name) return load(text, name or text, "t", env) end
  function env.loadfile(file, mode, of) return globals.loadfile(file, mode, of or env) end
  function env.dofile(file)
    local chunk, err = globals.loadfile(file, "t", env)
    if not chunk then error(err, 0) end
    return chunk()
  end
  return env
end

return environment
