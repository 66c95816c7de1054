-- What scripts find beside Lua's own: source text only, files that may wait, Node's few globals.
-- luacheck: ignore 143 (string.dump is gone: that is what is tested)
local fs = require "fs"
local support = require "support"

-- "return 1" compiled by this LuaJIT begins like that.
local BYTECODE = "\27LJ\2\10" .. ("\0"):rep(20)

-- What fn writes to a standard stream ("stdout" or "stderr").
local function written(which, fn)
  local stream, out = io[which], {}
  rawset(io, which, { write = function(_, ...)
    for i = 1, select("#", ...) do out[#out + 1] = tostring((select(i, ...))) end
  end })
  local ok, err = pcall(fn)
  rawset(io, which, stream)
  if not ok then error(err, 0) end
  return table.concat(out)
end

describe("bytecode", function()
  it("is loaded by nothing", function()
    local function refused(fn, err)
      assert.is_nil(fn)
      assert.matches("attempt to load .*chunk", err)
    end
    local path = support.file("bytecode.lua", BYTECODE)
    local after_comment = support.file("comment.lua", "#!/usr/bin/perigee\n" .. BYTECODE)
    refused(load(BYTECODE))
    refused(load(BYTECODE, "name", "bt"))
    refused(load(BYTECODE, "name", "b"))
    refused(loadstring(BYTECODE))
    refused(loadfile(path))
    local sent = false
    refused(load(function()
      if sent then return nil end
      sent = true
      return BYTECODE
    end))
    assert.is_nil((loadfile(after_comment)))
    assert.matches("binary chunk", assert.has_error(function() dofile(path) end))
  end)

  it("is made by nothing", function()
    assert.is_nil(string.dump)
    assert.is_nil(("").dump)
  end)
end)

describe("load", function()
  it("takes text, pieces, a name and an environment", function()
    assert.equal(3, load "return 1 + 2"())
    local pieces = { "return ", "4", nil }
    local i = 0
    assert.equal(4, load(function()
      i = i + 1
      return pieces[i]
    end)())
    assert.equal(5, load("return x", "name", "t", { x = 5 })())
    local fn, err = load("return +", "=my chunk")
    assert.is_nil(fn)
    assert.matches("^my chunk:1:", err)
  end)

  it("has loadstring beside it", function()
    assert.equal(6, loadstring "return 6"())
    local fn, err = loadstring "x ="
    assert.is_nil(fn)
    assert.matches('%[string "x ="%]:1:', err)
  end)
end)

describe("loadfile and dofile", function()
  it("run a file, with a first line for the shell or without", function()
    assert.equal(7, dofile(support.file("seven.lua", "return 7")))
    assert.equal(8, dofile(support.file("eight.lua", "#!/usr/bin/env perigee\nreturn 8")))
    assert.equal(9, loadfile(support.file("nine.lua", "return x"), "t", { x = 9 })())
  end)

  it("tell lines of the file, also behind a line for the shell", function()
    local path = support.file("bad.lua", "#!x\n\nreturn +")
    local fn, err = loadfile(path)
    assert.is_nil(fn)
    assert.matches("bad.lua:3:", err)
    assert.matches("bad.lua:3:", assert.has_error(function() dofile(path) end))
  end)

  it("tell that a file is missing", function()
    local fn, err = loadfile "/nowhere/x.lua"
    assert.is_nil(fn)
    assert.matches("/nowhere/x.lua", err)
    assert.matches("/nowhere/x.lua", assert.has_error(function() dofile "/nowhere/x.lua" end))
  end)
end)

describe("require", function()
  package.path = support.folder() .. "/?.lua;" .. package.path

  it("loads once and gives its name", function()
    support.file("one_module.lua", "loads = (loads or 0) + 1 return { name = ... }")
    local module = require "one_module"
    assert.equal("one_module", module.name)
    assert.equal(module, require "one_module")
    assert.equal(module, package.loaded.one_module)
    assert.equal(1, rawget(_G, "loads"))
    rawset(_G, "loads", nil)
  end)

  it("gives true for a module that returns nothing, false for one that returns false", function()
    support.file("nothing_module.lua", "")
    assert.is_true(require "nothing_module")
    support.file("false_module.lua", "return false")
    assert.is_false(require "false_module")
  end)

  it("takes what the module put into package.loaded", function()
    support.file("self_module.lua", "package.loaded[...] = 'put there'")
    assert.equal("put there", require "self_module")
  end)

  it("names a module that is missing, and where it looked", function()
    local err = assert.has_error(function() require "no.such.module" end)
    assert.matches("module 'no.such.module' not found", err)
    assert.matches("no/such/module.lua", err)
    assert.matches("globals_spec.lua:%d+:", err)
  end)

  it("tells of syntax errors with file and line", function()
    support.file("bad_module.lua", "\nlocal = 5")
    assert.matches("bad_module.lua:2:", assert.has_error(function() require "bad_module" end))
  end)

  it("tells of a loop", function()
    support.file("loop_a.lua", "return require 'loop_b'")
    support.file("loop_b.lua", "return require 'loop_a'")
    assert.matches("loop or previous error", assert.has_error(function() require "loop_a" end))
  end)

  it("asks package.preload first, for names of the daemon's too", function()
    package.preload.preloaded_module = function(name) return { from = name } end
    assert.equal("preloaded_module", require("preloaded_module").from)
  end)

  it("wants a name", function()
    assert.matches("name of a module", assert.has_error(function() require() end))
  end)
end)

describe("console", function()
  it("logs with Node's formats", function()
    local function line(...)
      local arguments, n = { ... }, select("#", ...)
      return written("stdout", function() console.log(unpack(arguments, 1, n)) end)
    end
    assert.equal("\n", line())
    assert.equal("plain\n", line "plain")
    assert.equal("a 1 true nil\n", line("a", 1, true, nil))
    assert.equal("status : 200\n", line("status : %d", 200))
    assert.equal("x=1.5 y=two 100%\n", line("x=%d y=%s 100%%", 1.5, "two"))
    assert.equal("rest 1 2\n", line("rest %s", 1, 2))
    assert.equal("missing %s\n", line "missing %s")
    assert.equal("NaN\n", line("%d", "x"))
    assert.equal("whole 3\n", line("whole %i", 3.7))
    assert.equal("%d is text 5\n", line("%s is text", "%d", 5))
  end)

  it("shows tables", function()
    assert.equal('{ a: 1, b: "x" }\n', written("stdout", function() console.log { a = 1, b = "x" } end))
    local err = assert.has_error(function() fs.readFileSync "/nowhere" end)
    assert.equal(tostring(err) .. "\n", written("stdout", function() console.log(err) end))
  end)

  it("sends errors and warnings to the other stream", function()
    assert.equal("bad 1\n", written("stderr", function() console.error("bad %d", 1) end))
    assert.equal("hm\n", written("stderr", function() console.warn "hm" end))
    assert.equal("", written("stdout", function() written("stderr", function() console.error "x" end) end))
  end)
end)

describe("fs.readFileSync", function()
  it("gives the whole file, every byte", function()
    local text = "a\0b\r\n\255"
    assert.equal(text, fs.readFileSync(support.file("bytes", text)))
    assert.equal("", fs.readFileSync(support.file("empty", "")))
  end)

  it("throws with the system's code, the path and where it was called", function()
    local err = assert.has_error(function() fs.readFileSync "/nowhere/key.pem" end, "ENOENT")
    assert.equal("/nowhere/key.pem", err.path)
    assert.equal("open", err.syscall)
    assert.matches("/nowhere/key.pem", err.message)
    assert.matches("^ENOENT: no such file or directory, open '/nowhere/key.pem'$",
      err.message:gsub("No such", "no such"))
  end)

  it("throws for a folder", function()
    assert.has_error(function() fs.readFileSync(support.folder()) end, "EIO")
  end)
end)

describe("process", function()
  it("has arguments, environment and a clock", function()
    assert.equal("perigee", process.argv[1])
    assert.matches("spec.lua$", process.argv[2])
    assert.equal(os.getenv "PATH", process.env.PATH)
    assert.is_nil(process.env.SURELY_NOT_SET)
    local a, b = process.hrtime(), process.hrtime()
    assert.is_true(b[1] > a[1] or (b[1] == a[1] and b[2] >= a[2]))
  end)
end)

describe("pairs and next", function()
  it("are Lua's for ordinary tables", function()
    local t, seen = { 1, 2, x = 3 }, 0
    for _, value in pairs(t) do seen = seen + value end
    assert.equal(6, seen)
    assert.equal(1, next { "a" })
    assert.is_nil(next {})
    local keys = 0
    for key in next, t do
      t[key] = nil
      keys = keys + 1
    end
    assert.equal(3, keys)
    assert.has_error(function() pairs(nil) end)
    assert.has_error(function() next(5) end)
  end)
end)
