-- luacheck: what the Lua files may use beside LuaJIT's own globals.
std = "luajit"
max_line_length = 120

-- What the daemon gives to scripts, with Node's names.
read_globals = {
  "setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate",
  "console", "process", "fs",
}

-- A handler's signature names what it is given, used or not.
unused_args = false

-- describe, it, before_each, assert.is_true and the like: tests/support/spec.lua has busted's names.
files["tests"] = { std = "luajit+busted" }

-- The manual's data is prose, and the types made of it are annotations.
files["docs/source"] = { max_line_length = false }
files["lua/perigee/config/schema.lua"] = { max_line_length = false }
files["lua/types"] = { max_line_length = false, ignore = { "1", "211", "241" } }

exclude_files = { "build" }
