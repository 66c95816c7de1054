-- perigee.config: what a configuration means, what is wrong with one, and that its documentation is its schema.
-- luacheck: globals loadstring setfenv
local check = require "perigee.config.check"
local config = require "perigee.config"
local document = require "perigee.config.document"
local lines = require "perigee.config.lines"
local schema = require "perigee.config.schema"
local types = require "perigee.config.types"
local units = require "perigee.config.units"
local native = require "perigee.native"

-- A machine of the test's own. files: path -> text. over: functions that replace some of it.
local function machine(files, over)
  local system = {}
  function system.absolute(path) return path end
  function system.read_file(path)
    if files[path] then return files[path] end
    return nil, "No such file or directory"
  end
  function system.about(path)
    if files[path] then return { type = "file", mode = 384, readable = true, writable = true } end
    if path == "/etc" or path == "/log" then return { type = "folder", readable = true, writable = true } end
    return nil, "No such file or directory"
  end
  function system.evaluate(text)
    local chunk, why = loadstring(text, "=configuration")
    if not chunk then return nil, why end
    return setfenv(chunk, {})()
  end
  function system.address(text)
    local where, _, why = native.parse_listen(text)
    if not where then return nil, why end
    where.host = where.host or ""
    where.literal = where.host == "" or where.host:find "^[%d.]+$" ~= nil or where.host:find(":", 1, true) ~= nil
    return where
  end
  function system.user(name) return name == "www" and 33 or name == "perigee" and 100 or nil end
  function system.group(name) return name == "www" and 33 or nil end
  function system.uid() return 1000 end
  function system.processors() return 3 end
  function system.environment(name) return ({ XDG_RUNTIME_DIR = "/run/user/1000" })[name] end
  function system.now() return 1000 end
  function system.random(n) return ("0"):rep(2 * n) end
  function system.tls_context(options)
    if options.certificate:find "^bad" then return nil, "ERR_TLS_CERT", "the certificate is bad" end
    if options.key ~= options.certificate then return nil, "ERR_TLS_KEY_MISMATCH", "the key does not match" end
    if options.ciphers == "none" then return nil, "ERR_TLS_CIPHERS", "no such ciphers" end
    return true
  end
  function system.certificate(text)
    return { subject = "CN=" .. text, begins = text == "early" and 2000 or 0, ends = text == "old" and 999 or 5000,
      names = text == "nameless" and {} or { text } }
  end
  for name, fn in next, over or {} do system[name] = fn end
  return system
end

local FILE = "/etc/p.lua"

local function load(text, files, over)
  local all = { [FILE] = text, ["/etc/app.lua"] = "", ["/etc/other.lua"] = "" }
  for path, content in next, files or {} do all[path] = content end
  return config.load(FILE, machine(all, over))
end

-- A good configuration with some lines in it.
local function with(more, files, over)
  return load('return { script = "app.lua", listen = ":8000",\n' .. more .. "\n}", files, over)
end

local function settings_of(more, files, over)
  local result = with(more, files, over)
  assert.equal("", result.problems)
  assert.is_true(result.good)
  return result.settings
end

local function problem(expected, more, files, over)
  local result = with(more, files, over)
  assert.equal(FILE .. ":" .. expected .. "\n", result.problems)
  assert.is_false(result.good)
  assert.is_nil(result.document)
end

local function warning(expected, more, files, over)
  local result = with(more, files, over)
  assert.equal(FILE .. ":" .. expected .. "\n", result.problems)
  assert.is_true(result.good)
  return result.settings
end

describe("sizes, times and permissions", function()
  it("are read with their units", function()
    assert.equal(65536, units.size "64KiB")
    assert.equal(64000, units.size "64kB")
    assert.equal(64000, units.size " 64 KB ")
    assert.equal(1536, units.size "1.5KiB")
    assert.equal(7, units.size "7B")
    assert.equal(1073741824, units.size "1GiB")
    assert.equal(500, units.time "500ms")
    assert.equal(180000, units.time "3min")
    assert.equal(100, units.time "0.1s")
    assert.equal(86400000, units.time "1d")
    assert.equal(432, units.mode "0660")
    assert.equal(432, units.mode "660")
  end)

  it("are nothing without, or with others", function()
    for _, text in ipairs { "", "64", "KiB", "64K", "64k", "64M", "1,5MB", "-1MB", "0x10MB", "1e3MB", "64 Ki B",
      "99999999999999999999GiB", "0.3B" } do
      assert.is_nil(units.size(text))
    end
    for _, text in ipairs { "", "10", "s", "3m", "3 minutes", "-1s", "0.0001ms" } do assert.is_nil(units.time(text)) end
    for _, text in ipairs { "", "27", "0800", "00660", "rw-", "0o660" } do assert.is_nil(units.mode(text)) end
  end)

  it("are said in the largest unit that fits", function()
    for _, text in ipairs { "0B", "1B", "64KiB", "10MB", "16MiB", "1GB", "3kB", "1025B" } do
      assert.equal(text, units.say_size(units.size(text)))
    end
    for _, text in ipairs { "0ms", "1ms", "10s", "3min", "24h", "1500ms", "90s" } do
      assert.equal(text, units.say_time(units.time(text)))
    end
    for _, text in ipairs { "0027", "0660", "0000", "0777" } do assert.equal(text, units.say_mode(units.mode(text))) end
  end)
end)

describe("the lines of settings", function()
  local function line(source, ...) return lines.of(lines.read(source), { ... }) end

  it("are those of their keys", function()
    local source = [==[
-- return { script = 1 }
--[[ return {
script = 2 } ]]
local unused = "return {"
return {
  script = "x", -- script = 7
  ["workers"] = 2;
  listen = {
    ":1",
    {
      address = [[
:2]], tls = { { key = "k" },
        { key = f(1, { 2, 3 }), certificate = "c" } },
    },
  },
  log = { level = "in" .. "fo", file = "\"}" },
}]==]
    assert.equal(6, line(source, "script"))
    assert.equal(7, line(source, "workers"))
    assert.equal(8, line(source, "listen"))
    assert.equal(9, line(source, "listen", 1))
    assert.equal(10, line(source, "listen", 2))
    assert.equal(11, line(source, "listen", 2, "address"))
    assert.equal(12, line(source, "listen", 2, "tls"))
    assert.equal(12, line(source, "listen", 2, "tls", 1, "key"))
    assert.equal(13, line(source, "listen", 2, "tls", 2, "key"))
    assert.equal(13, line(source, "listen", 2, "tls", 2, "certificate"))
    assert.equal(16, line(source, "log", "level"))
    assert.equal(16, line(source, "log", "file"))
  end)

  it("are that of the table around what is not there", function()
    local source = "return {\n  log = {\n },\n}"
    assert.equal(2, line(source, "log", "level"))
    assert.equal(1, line(source, "limits", "streams"))
  end)

  it("follow tables in variables", function()
    local source = "local tls = {\n key = 1 }\nlocal c = {\n listen = { { tls = tls },\n { tls = tls } } }\nreturn c"
    assert.equal(2, line(source, "listen", 1, "tls", "key"))
    assert.equal(4, line(source, "listen", 1))
    assert.equal(5, line(source, "listen", 2))
  end)

  it("are known behind a line for the shell and a byte order mark", function()
    assert.equal(2, line("#!/usr/bin/perigee\nreturn {}", "x"))
    assert.equal(2, line("\239\187\191\nreturn {}", "x"))
  end)

  it("end with any text", function()
    local random = math.random
    math.randomseed(7)
    local parts = { "return", " ", "{", "}", "=", "\n", "a", "[[", "]]", "--", "--[[", '"', "\\", ",", "'", "[", "]" }
    for _ = 1, 2000 do
      local text = {}
      for i = 1, 30 do text[i] = parts[random(#parts)] end
      lines.of(lines.read(table.concat(text)), { "a", 1, "a" })
    end
    assert.is_nil(line("", "a"))
    assert.is_nil(line("return", "a"))
    assert.equal(1, line(("return " .. ("{"):rep(5000)), "a"))
  end)
end)

describe("the schema", function()
  local function each(fields, fn)
    for _, field in ipairs(fields) do
      fn(field)
      if field.fields then each(field.fields, fn) end
    end
  end

  it("has a text and, but for groups, a reason for each setting", function()
    each(schema.fields, function(field)
      assert.is_truthy(field.name:find "^[a-z0-9_]+$")
      assert.matches("%.$", field.text)
      if not field.fields then assert.matches("%.$", field.reason) end
      if field.default == nil and not field.fields then assert.is_truthy(field.example) end
    end)
  end)

  it("has defaults, examples and ranges that are good themselves", function()
    local context = { folder = "/etc", system = machine {} }
    each(schema.fields, function(field)
      if not types[field.type] then return end
      local example = field.example and loadstring("return " .. field.example)()
      for _, value in next, { field.default, example } do
        local good, expected = types[field.type](value, field, context)
        if good == nil then error(("%s: %s"):format(field.name, expected)) end
      end
      local read = field.type == "size" and units.size or field.type == "time" and units.time
      if read then assert.is_true(read(field.low) < read(field.high) and read(field.high) <= 4294967295) end
    end)
  end)
end)

describe("a configuration", function()
  it("has every default filled in", function()
    local settings = settings_of ""
    assert.equal("/etc/app.lua", settings.script)
    assert.equal(3, settings.workers)
    assert.equal(23, settings.umask)
    assert.equal("/run/user/1000/perigee/control.sock", settings.control)
    assert.same({ address = "unix:/run/user/1000/perigee/admin.sock", path = "/run/user/1000/perigee/admin.sock",
      mode = 432 }, settings.admin)
    assert.same({ level = "info", format = "logfmt", file = "stderr", access_format = "combined" }, settings.log)
    assert.equal(180000, settings.limits.idle_timeout)
    assert.equal(10000000, settings.limits.session_memory)
    assert.same({ processes = true, root = false }, settings.security)
    local listener = settings.listen[1]
    assert.equal("/etc/app.lua", listener.script)
    assert.equal("", listener.host)
    assert.equal(8000, listener.port)
    assert.is_false(listener.secure)
    assert.equal(511, listener.backlog)
    assert.is_nil(settings.user)
  end)

  it("has the control socket where the system says", function()
    local function control(environment, uid)
      return settings_of("", nil, { environment = function(name) return environment[name] end,
        uid = function() return uid end }).control
    end
    assert.equal("/run/x/control.sock", control({ RUNTIME_DIRECTORY = "/run/x:/run/y" }, 0))
    assert.equal("/run/x/control.sock", control({ RUNTIME_DIRECTORY = "/run/x", XDG_RUNTIME_DIR = "/u" }, 5))
    assert.equal("/run/perigee/control.sock", control({ XDG_RUNTIME_DIR = "/u" }, 0))
    assert.equal("/u/perigee/control.sock", control({ XDG_RUNTIME_DIR = "/u" }, 5))
    assert.equal("/tmp/perigee-5/control.sock", control({}, 5))
    assert.equal("/tmp/perigee-5/control.sock", control({ RUNTIME_DIRECTORY = "" }, 5))
    assert.equal("/etc/c.sock", settings_of('control = "c.sock"').control)
    assert.equal("/etc/admin.sock", settings_of('control = "c.sock"').admin.path)
  end)

  it("takes values in their own units", function()
    local settings = settings_of [[
      workers = 7, arguments = { "a", "" }, umask = "077", pid_file = "/log/pid",
      log = { access = "/log/a", level = "debug" },
      limits = { idle_timeout = 0, handshake_timeout = "0s", drain_timeout = "1.5s", header_list_size = "32kB" },
      security = { processes = false }, admin = "127.0.0.1:9180"]]
    assert.equal(7, settings.workers)
    assert.same({ "a", "" }, settings.arguments)
    assert.equal(63, settings.umask)
    assert.equal("/log/a", settings.log.access)
    assert.equal(0, settings.limits.idle_timeout)
    assert.equal(0, settings.limits.handshake_timeout)
    assert.equal(1500, settings.limits.drain_timeout)
    assert.equal(32000, settings.limits.header_list_size)
    assert.is_false(settings.security.processes)
    assert.equal(9180, settings.admin.port)
  end)

  it("may have no admin listener and no access log", function()
    local settings = settings_of "admin = false, log = { access = false }"
    assert.is_nil(settings.admin)
    assert.is_nil(settings.log.access)
  end)

  it("names listeners in many ways", function()
    local result = load [[return { listen = { ":1", { address = "[::1]:2", script = "other.lua", ipv6_only = true },
      "http://localhost:3", { address = "unix:run/x", mode = "600" }, "unix:@abstract", "0" }, script = "app.lua" }]]
    assert.equal("", result.problems)
    local l = result.settings.listen
    assert.equal("", l[1].host)
    assert.equal("::1", l[2].host)
    assert.equal("/etc/other.lua", l[2].script)
    assert.equal("127.0.0.1", l[3].host)
    assert.equal("/etc/run/x", l[4].path)
    assert.equal(384, l[4].mode)
    assert.is_nil(l[4].port)
    assert.equal("@abstract", l[5].path)
    assert.equal(0, l[6].port)
    assert.same({ "/etc/app.lua", "/etc/other.lua" }, result.scripts)
    assert.equal(1, #load('return { script = "app.lua", listen = { address = ":1" } }').settings.listen)
  end)
end)

describe("what is wrong with a setting", function()
  it("is told with file, line, setting, what was expected and found", function()
    problem('2: workers: expected "auto" or a whole number from 1 to 128, found "two"', 'workers = "two"')
    problem("2: workers: expected \"auto\" or a whole number from 1 to 128, found 1.5", "workers = 1.5")
    problem("2: limits.streams: expected a whole number from 1 to 65536, found 0", "limits = { streams = 0 }")
    problem('2: log.level: expected "error", "warn", "info" or "debug", found "loud"', 'log = { level = "loud" }')
    problem("2: security.root: expected true or false, found 1", "security = { root = 1 }")
    problem("2: user: expected a text, found a table", "user = {}")
    problem("2: user: expected a text, found a value of another kind", "user = function() end")
    problem('2: arguments: expected a list of texts, found "x"', 'arguments = "x"')
    problem("2: arguments: expected a list of texts, found a table", 'arguments = { "x", 3 }')
    problem("2: arguments: expected a list of texts, found a table", 'arguments = { x = "y" }')
    problem("2: log: expected a table of settings, found 5", "log = 5")
    problem("2: admin: expected a table of settings, an address, or false, found true", "admin = true")
    problem("2: pid_file: expected the path of a file (a text), found \"\"", 'pid_file = ""')
    problem('2: log.file: expected the path of a file, or "stderr", found "a\\10b"', 'log = { file = "a\\nb" }')
  end)

  it("is a number without a unit", function()
    problem('2: limits.idle_timeout: expected a time with its unit (ms, s, min, h, d) in a text such as "10s", '
      .. "from 1s to 24h, or 0 for no limit, found 180", "limits = { idle_timeout = 180 }")
    problem('2: limits.header_list_size: expected a size with its unit (B, kB, MB, GB, KiB, MiB, GiB) in a text '
      .. 'such as "64KiB", from 1KiB to 16MiB, found 65536', "limits = { header_list_size = 65536 }")
    problem('2: umask: expected permissions as three octal digits in a text such as "0660", found 27', "umask = 27")
  end)

  it("is a value out of its range", function()
    for _, wrong in ipairs { '"10ms"', '"25h"', '"3m"', "-1", "true" } do
      local result = with("limits = { idle_timeout = " .. wrong .. " }")
      assert.matches("^/etc/p%.lua:2: limits%.idle_timeout: expected a time", result.problems)
    end
    for _, wrong in ipairs { '"1B"', '"1GiB"', '"0B"', "0" } do
      local result = with("limits = { header_list_size = " .. wrong .. " }")
      assert.matches("limits%.header_list_size: expected", result.problems)
    end
  end)

  it("is a name that is not known, and the nearest that is", function()
    problem("2: limts: unknown setting (did you mean limits?)", "limts = {}")
    problem("2: limits.idle_timeot: unknown setting (did you mean idle_timeout?)", 'limits = { idle_timeot = "1s" }')
    problem("2: level: unknown setting (did you mean log.level?)", 'level = "info"')
    problem("2: log.user: unknown setting (did you mean user, outside of this table?)", 'log = { user = "www" }')
    problem("2: quite_different: unknown setting", "quite_different = 1")
    problem('2: ["a b"]: unknown setting', '["a b"] = 1')
    problem("2: [1]: unknown setting", '"x"')
    problem("1: [true]: unknown setting", "[true] = 1")
  end)

  it("comes with all else, in the order of lines", function()
    local result = load [[
local limits = { streams = "x" }
return {
  workers = 0,
  listen = {
    { adress = ":1" },
    { address = "example.org:1" },
    5,
    name = ":1",
  },
  limits = limits,
  umask = 1,
}]]
    local found = {}
    for line, setting in result.problems:gmatch "p%.lua:(%d+): ([^:]*):" do
      found[#found + 1] = line .. " " .. setting
    end
    assert.same({ "1 limits.streams", "3 workers", "5 listen[1].adress", "5 listen[1].address", "5 listen[1]",
      "6 listen[2].address", "6 listen[2]", "7 listen[3]", "8 listen.name", "11 umask" }, found)
    assert.is_false(result.good)
  end)

  it("is one that is set twice", function()
    local result = load [[
local log = { level = "info", level = "debug" }
return {
  script = "app.lua",
  listen = { ":1", { address = ":2", ["address"] = ":3" } },
  log = log,
  script = "other.lua",
}]]
    assert.equal("/etc/p.lua:1: log.level: is set twice, first in line 1\n"
      .. "/etc/p.lua:4: listen[2].address: is set twice, first in line 4\n"
      .. "/etc/p.lua:6: script: is set twice, first in line 3\n", result.problems)
    assert.is_false(result.good)
  end)

  it("is a file that returns no table", function()
    for _, text in ipairs { "", "return", "return nil", "return 5", 'return "x"' } do
      assert.matches("^/etc/p%.lua: expected a table of settings to be returned, found ", load(text).problems)
    end
  end)

  it("is a file that is not there, or is no Lua", function()
    assert.equal("/none: cannot be read: No such file or directory\n", config.load("/none", machine {}).problems)
    assert.matches("^/etc/p%.lua:2: unexpected symbol", load("return {\n= }").problems)
  end)

  it("is on one line, whatever is in it", function()
    local result = load("return { ['a\\n\\027[1mb'] = 1 }")
    for line in result.problems:gmatch "[^\n]*" do assert.is_nil(line:find "%c") end
    assert.matches('%["a\\10\\27%[1mb"%]', result.problems)
  end)
end)

describe("what no setting shows by itself", function()
  it("is a script that is not there", function()
    local result = load 'return { script = "none.lua", listen = { { address = ":1", script = "app.lua" } } }'
    assert.equal("/etc/p.lua:1: script: expected a script that can be read, found /etc/none.lua "
      .. "(No such file or directory)\n", result.problems)
    assert.matches("%(Permission denied%)", with("", nil, { about = function(path)
      return { type = "file", readable = path ~= "/etc/app.lua", writable = true, mode = 0 }
    end }).problems)
    assert.matches("which is a folder", with("", nil, { about = function()
      return { type = "folder", readable = true, writable = true, mode = 0 }
    end }).problems)
  end)

  it("is a listener without a script", function()
    local result = load 'return {\nlisten = {\n":1",\n{ address = ":2", script = "app.lua" } } }'
    assert.equal("/etc/p.lua:3: listen[1]: expected the setting script, here or for the whole service, found none\n",
      result.problems)
  end)

  it("is a service that listens nowhere", function()
    for _, text in ipairs { "return {}", "return { listen = {} }", "return { listen = 3 }" } do
      assert.matches("listen: expected where to listen, at least one address, found ", load(text).problems)
    end
  end)

  it("is an address that is had twice", function()
    local function twice(first, second, good)
      local result = load(('return { script = "app.lua", listen = {\n%s,\n%s } }'):format(first, second))
      if good then return assert.equal("", result.problems) end
      assert.matches("^/etc/p%.lua:3: listen%[2%]%.address: expected an address of its own, found .*, which "
        .. "listen%[1%] has", result.problems)
    end
    twice('":1"', '":1"')
    twice('":1"', '"0.0.0.0:1"')
    twice('":1"', '"[::]:1"')
    twice('"[::]:1"', '"0.0.0.0:1"')
    twice('"localhost:1"', '"127.0.0.1:1"')
    twice('"unix:/a"', '"unix:/a"')
    twice('"unix:/etc/a"', '"unix:a"')
    twice('{ address = "[::]:1", ipv6_only = true }', '"0.0.0.0:1"', true)
    twice('":1"', '"127.0.0.1:1"', true)
    twice('":0"', '":0"', true)
    assert.matches("admin%.address: expected an address of its own, found :8000, which listen%[1%] has",
      with('admin = ":8000"').problems)
    assert.matches("control: expected an address of its own, found /a, which admin has",
      with('admin = "unix:/a", control = "/a"').problems)
  end)

  it("is a file that cannot be written", function()
    problem("2: log.access: expected a file to write to, found /none/a, whose folder is not there "
      .. "(No such file or directory)", 'log = { access = "/none/a" }')
    problem("2: log.file: expected a file to write to, found the folder /log", 'log = { file = "/log" }')
    problem("2: pid_file: expected a file to write to, found /etc/p.lua/x, whose folder is no folder",
      'pid_file = "/etc/p.lua/x"')
  end)

  it("is a user that is not there", function()
    local root = { uid = function() return 0 end }
    problem('2: user: expected an existing user, found "nobody else"', 'user = "nobody else"', nil, root)
    problem('2: group: expected an existing group, found "none"', 'user = "www", group = "none"', nil, root)
    assert.equal("www", settings_of('user = "www", group = "www"', nil, root).user)
    assert.equal("perigee", settings_of("", nil, root).user)
    assert.is_nil(settings_of("security = { root = true }", nil, root).user)
    root.user = function() end
    problem('1: user: expected an existing user, found "perigee", the default: make it, name another one, or say '
      .. 'user = "root" (scripts run as root then)', "", nil, root)
  end)

  it("is a user that one cannot become, which is a warning", function()
    local settings = warning("2: warning: user: has no effect: only root can start a service as another user",
      'user = "www"')
    assert.is_nil(settings.user)
    warning("2: warning: group: has no effect: only root can start a service as another group, and there is no group "
      .. '"none"', 'group = "none"')
    assert.equal("www", settings_of('user = "www"', nil, { uid = function() return 33 end }).user)
  end)

  it("is a limit below another one", function()
    problem("2: limits.stream_output_max: expected at least stream_output_high (64KiB), found 32KiB",
      'limits = { stream_output_max = "32KiB" }')
  end)

  it("is a path that is too long for a socket", function()
    local long = "/" .. ("x"):rep(107)
    problem("2: control: expected a path of up to 107 bytes for a socket, found 108 bytes",
      ('control = "%s", admin = false'):format(long))
    assert.matches("listen%[1%]%.address: expected", load(('return { script = "app.lua", listen = "unix:%s" }')
      :format(long)).problems)
    assert.matches("admin%.address: expected a path of up to 107 bytes", with(('control = "/%s"'):format(("x"):rep(98)
      .. "/c")).problems)
  end)
end)

describe("TLS in a configuration", function()
  local files = {
    ["/etc/a.pem"] = "a.org", ["/etc/a.key"] = "a.org", ["/etc/b.pem"] = "b.org", ["/etc/b.key"] = "b.org",
    ["/etc/old.pem"] = "old", ["/etc/early.pem"] = "early", ["/etc/nameless.pem"] = "nameless",
    ["/etc/bad.pem"] = "bad", ["/etc/ca.pem"] = "ca",
  }

  local function tls(text, over)
    return load(('return { script = "app.lua", listen = {\n{ address = ":1", tls = %s } } }'):format(text), files, over)
  end

  local function problems(expected, text, over)
    local result = tls(text, over)
    assert.equal(expected ~= "" and "/etc/p.lua:2: " .. expected .. "\n" or "", result.problems)
    return result
  end

  it("has a certificate or several, read, with their names", function()
    local one = problems("", '{ certificate = "a.pem", key = "a.key" }').settings.listen[1]
    assert.is_true(one.secure)
    assert.same({ "a.org" }, one.tls.certificates[1].names)
    assert.equal("a.org", one.tls.certificates[1].key)
    assert.equal("/etc/a.key", one.tls.certificates[1].key_file)
    assert.equal("TLSv1.2", one.tls.min_version)
    assert.equal(96, #one.tls.ticket_key)
    local two = problems("", [[{ { certificate = "a.pem", key = "a.key" }, { certificate = "b.pem", key = "b.key" },
      min_version = "TLSv1.3", client_certificate = "require", client_ca = "ca.pem" }]]).settings.listen[1].tls
    assert.equal(2, #two.certificates)
    assert.equal("b.org", two.certificates[2].certificate)
    assert.equal("TLSv1.3", two.min_version)
    assert.equal("ca", two.client_ca)
    assert.equal("/etc/ca.pem", two.client_ca_file)
  end)

  it("needs both files, and files that fit", function()
    problems("listen[1].tls.key: expected the path of a file (a text), found nothing", '{ certificate = "a.pem" }')
    assert.matches("tls%.certificate: expected.*tls%.key: expected", tls("{}").problems)
    problems("listen[1].tls.certificate: expected a file with a certificate that can be read, found /etc/none "
      .. "(No such file or directory)", '{ certificate = "none", key = "a.key" }')
    problems("listen[1].tls.key: the key does not match (/etc/b.key)", '{ certificate = "a.pem", key = "b.key" }')
    problems("listen[1].tls.certificate: the certificate is bad (/etc/bad.pem)",
      '{ certificate = "bad.pem", key = "a.key" }')
    problems("listen[1].tls[2].key: the key does not match (/etc/a.key)",
      '{ { certificate = "a.pem", key = "a.key" }, { certificate = "b.pem", key = "a.key" } }')
    problems("listen[1].tls: expected a table with certificate and key, or a list of such tables, found true", "true")
    problems("listen[1].tls: expected either a certificate with its key or a list of them, found both",
      '{ certificate = "a.pem", key = "a.key", { certificate = "b.pem", key = "b.key" } }')
    problems("listen[1].tls[1]: expected a table with certificate and key, found \"a.pem\"", '{ "a.pem" }')
    problems("listen[1].tls.certificat: unknown setting (did you mean certificate?)",
      '{ certificate = "a.pem", key = "a.key", certificat = "x" }')
    problems("listen[1].tls[1].min_version: unknown setting (did you mean min_version, beside the list?)",
      '{ { certificate = "a.pem", key = "a.key", min_version = "TLSv1.3" } }')
  end)

  it("has options that fit", function()
    problems("listen[1].tls.ciphers: no such ciphers", '{ certificate = "a.pem", key = "a.key", ciphers = "none" }')
    problems("listen[1].tls.max_version: expected at least min_version (TLSv1.3), found TLSv1.2",
      '{ certificate = "a.pem", key = "a.key", min_version = "TLSv1.3", max_version = "TLSv1.2" }')
    problems('listen[1].tls.client_certificate: expected "require" with the setting client_ca: without it no client '
      .. "has a good certificate", '{ certificate = "a.pem", key = "a.key", client_certificate = "require" }')
    assert.is_true(problems('warning: listen[1].tls.client_ca: has no effect while client_certificate is "none"',
      '{ certificate = "a.pem", key = "a.key", client_ca = "ca.pem" }').good)
  end)

  it("warns of certificates out of their time, without names, and keys that all can read", function()
    assert.is_true(problems("warning: listen[1].tls.certificate: the certificate (CN=old) expired on 1970-01-01",
      '{ certificate = "old.pem", key = "old.pem" }').good)
    assert.is_true(problems("warning: listen[1].tls.certificate: the certificate (CN=early) is good from 1970-01-01 on "
      .. "only", '{ certificate = "early.pem", key = "early.pem" }').good)
    assert.is_true(problems("warning: listen[1].tls[2].certificate: the certificate names no host: no client will see "
      .. "it",
      '{ { certificate = "a.pem", key = "a.key" }, { certificate = "nameless.pem", key = "nameless.pem" } }').good)
    assert.is_true(problems("warning: listen[1].tls.key: every user of this machine can read the private key "
      .. "(/etc/a.key has mode 0644)", '{ certificate = "a.pem", key = "a.key" }', { about = function()
        return { type = "file", mode = 420, readable = true, writable = true }
      end }).good)
  end)

  it("agrees with the address's scheme", function()
    local function scheme(expected, address, more)
      local text = ('return { script = "app.lua", listen = {\n{ address = "%s"%s } } }'):format(address, more)
      local result = load(text, files)
      assert.equal(expected ~= "" and "/etc/p.lua:2: listen[1].address: " .. expected .. "\n" or "", result.problems)
    end
    local good = ', tls = { certificate = "a.pem", key = "a.key" }'
    scheme("", "https://127.0.0.1:1", good)
    scheme("", "http://127.0.0.1:1", "")
    scheme("expected the setting tls beside an https address, found none", "https://127.0.0.1:1", "")
    scheme("expected an https address, or one without a scheme, beside the setting tls", "http://127.0.0.1:1", good)
  end)

  it("shows no key, neither printed nor in a message", function()
    local secret = "-----BEGIN " .. "PRIVATE KEY-----SECRET"
    files["/etc/s.key"], files["/etc/s.pem"] = secret, secret
    local result = problems("", '{ certificate = "s.pem", key = "s.key" }')
    assert.is_nil(result.printed:find("SECRET", 1, true))
    assert.is_truthy(result.printed:find('key = "/etc/s.key"', 1, true))
    assert.is_truthy(result.document:find("SECRET", 1, true))
  end)
end)

describe("the number of processors", function()
  -- config.system over files of the test's own.
  local function processors(own, files)
    local real = package.loaded["perigee.native"]
    package.loaded["perigee.native"] = {
      processors = function() return own end, read_file = function(path) return files[path] end,
    }
    local ok, system = pcall(dofile, "lua/perigee/config/system.lua")
    package.loaded["perigee.native"] = real
    assert.is_true(ok)
    return system.processors()
  end

  it("is what affinity allows, and no more than the least quota of the control groups, rounded up", function()
    local groups = { ["/proc/self/cgroup"] = "0::/system.slice/perigee.service\n" }
    local function with_quota(own, at, text)
      local files = { ["/sys/fs/cgroup" .. at .. "/cpu.max"] = text }
      for path, content in next, groups do files[path] = content end
      return processors(own, files)
    end
    assert.equal(8, processors(8, {}))
    assert.equal(8, processors(8, groups))
    assert.equal(2, with_quota(8, "/system.slice/perigee.service", "150000 100000\n"))
    assert.equal(1, with_quota(8, "/system.slice/perigee.service", "5000 100000\n"))
    assert.equal(8, with_quota(8, "/system.slice/perigee.service", "max 100000\n"))
    assert.equal(4, with_quota(8, "/system.slice", "400000 100000\n"))
    assert.equal(2, with_quota(2, "/system.slice", "400000 100000\n"))
    groups["/proc/self/cgroup"] = "0::/\n"
    assert.equal(3, with_quota(8, "/", "300000 100000\n"))
  end)

  it("heeds quotas of the older kind of control groups", function()
    local folder = "/sys/fs/cgroup/cpu/box"
    assert.equal(2, processors(8, { ["/proc/self/cgroup"] = "5:memory:/x\n4:cpu,cpuacct:/box\n",
      [folder .. "/cpu.cfs_quota_us"] = "200000\n", [folder .. "/cpu.cfs_period_us"] = "100000\n" }))
    assert.equal(3, processors(8, { ["/proc/self/cgroup"] = "4:cpu:/box\n",
      [folder .. "/cpu.cfs_quota_us"] = "300000" }))
    assert.equal(8, processors(8, { ["/proc/self/cgroup"] = "4:cpu,cpuacct:/box\n",
      [folder .. "/cpu.cfs_quota_us"] = "-1\n", [folder .. "/cpu.cfs_period_us"] = "100000\n" }))
  end)
end)

-- The tree of a document, or an error.
local function read(text)
  local tree, at = {}, select(2, text:find "^perigee%-settings 1\n") + 1
  while at <= #text do
    local path, kind, length, from = text:match("^([%w_.#]+) ([snb]) (%d+)\n()", at)
    local value = text:sub(from, from + length - 1)
    assert.equal("\n", text:sub(from + length, from + length))
    at = from + length + 1
    if kind == "n" then value = tonumber(value) elseif kind == "b" then value = value == "true" end
    assert.is_nil(tree[path])
    tree[path] = value
  end
  return tree
end

describe("the document of settings", function()
  it("has every value under its path", function()
    local tree = read(document.write {
      text = "a\nb s 1\nc", number = 9007199254740992, flag = false, empty = "", list = { "x", { y = 1, at = { 5 } } },
      none = {}, deep = { er = { yes = true } }, scheme = "http",
    })
    assert.same({ text = "a\nb s 1\nc", number = 9007199254740992, flag = false, empty = "", ["list#"] = 2,
      ["list.1"] = "x", ["list.2.y"] = 1, ["none#"] = 0, ["deep.er.yes"] = true }, tree)
  end)

  it("has what C reads", function()
    local tree = read(with('user = "www", umask = "077", pid_file = "/log/p", arguments = { "a" }', nil,
      { uid = function() return 33 end }).document)
    local expected = { script = "/etc/app.lua", ["arguments#"] = 1, ["arguments.1"] = "a", workers = 3, user = "www",
      umask = 63, pid_file = "/log/p", ["listen#"] = 1, ["listen.1.address"] = ":8000", ["listen.1.host"] = "",
      ["listen.1.port"] = 8000, ["listen.1.secure"] = false, ["listen.1.script"] = "/etc/app.lua",
      ["listen.1.backlog"] = 511, ["listen.1.ipv6_only"] = false, ["listen.1.mode"] = 432, ["log.level"] = "info",
      ["log.format"] = "logfmt", ["log.file"] = "stderr", ["log.access_format"] = "combined",
      ["security.processes"] = true, ["security.root"] = false, ["admin.mode"] = 432,
      ["limits.drain_timeout"] = 30000, ["limits.start_timeout"] = 10000, ["limits.watchdog_timeout"] = 10000 }
    for path, value in next, expected do
      if tree[path] ~= value then error(("%s is %s, not %s"):format(path, tostring(tree[path]), tostring(value))) end
    end
  end)

  it("comes out of what is printed again", function()
    local files = { ["/etc/a.pem"] = "a", ["/etc/b.pem"] = "b", ["/etc/ca.pem"] = "ca" }
    local first = load([[
return {
  script = "app.lua", arguments = { "a b", "", 'quo"te\\', "\1" }, workers = "auto", control = "c", pid_file = "pid",
  listen = { ":1", { address = "unix:sock", script = "other.lua", mode = "0600" },
    { address = "https://[::1]:2", tls = {
      { certificate = "a.pem", key = "a.pem" }, { certificate = "b.pem", key = "b.pem" },
      client_certificate = "request", client_ca = "ca.pem", ciphers = "X" } } },
  limits = { idle_timeout = 0, header_list_size = "1025B", drain_timeout = "1500ms" }, admin = false,
  log = { access = "stderr", file = "/log/x" }, security = { processes = false },
}]], files)
    assert.equal("", first.problems)
    local second = load(first.printed, files)
    assert.equal("", second.problems)
    assert.same(read(first.document), read(second.document))
    assert.equal(first.printed:gsub("^[^\n]*", ""), (second.printed:gsub("^[^\n]*", "")))
  end)
end)

describe("conf/perigee.conf.lua", function()
  local function text_of(path)
    local file = assert(io.open(path))
    local text = file:read "*a"
    file:close()
    return text
  end
  local shipped = text_of "conf/perigee.conf.lua"

  -- Takes one -- away from in front of settings and of what belongs to them, as a user would.
  local function uncommented(text)
    local out = {}
    for line in text:gmatch "([^\n]*)\n" do
      local indent, rest = line:match "^(%s*)%-%-(.*)$"
      if rest and (rest == "" or rest:find "^[{}]" or rest:find "^  +" or rest:find "^[%w_]+ = ") then
        line = indent .. rest
      end
      out[#out + 1] = line
    end
    return table.concat(out, "\n") .. "\n"
  end

  -- Takes away every sign of a comment but those of prose.
  local function all_uncommented()
    local head, body = shipped:match "^(.-)(\nreturn {.*)$"
    return head .. uncommented(uncommented(body))
  end

  it("is good, and has the defaults", function()
    local files = { ["/etc/perigee/app.lua"] = "", ["/etc/perigee.conf.lua"] = shipped, ["/etc/m.lua"] =
      'return { script = "/etc/perigee/app.lua", listen = ":8000" }' }
    local given = config.load("/etc/perigee.conf.lua", machine(files))
    local minimal = config.load("/etc/m.lua", machine(files))
    assert.equal("", given.problems)
    assert.equal(minimal.document, given.document)
  end)

  it("shows every setting of the schema, with its default, and no other", function()
    local seen = 0
    local function compare(fields, value, path)
      local known = {}
      for _, field in ipairs(fields) do
        known[field.name] = true
        local found = value[field.name]
        if field.type == "tls" and path == "listen[1]" then
          assert.is_nil(found) -- the second one has it
        elseif found == nil then
          error(("%s.%s is not in the file"):format(path, field.name))
        elseif field.type == "section" then
          compare(field.fields, found, field.name)
        elseif field.type == "listeners" then
          compare(field.fields, found[1], "listen[1]")
          compare({ field.fields[1], field.fields[3] }, found[2], "listen[2]")
        elseif field.type == "tls" then
          compare(field.fields, found, "tls")
        elseif field.default ~= nil then
          assert.same(field.default, found)
        else
          assert.same(loadstring("return " .. field.example)(), found)
        end
        seen = seen + 1
      end
      for name in next, value do
        if not known[name] then error(("%s.%s is in the file only"):format(path, tostring(name))) end
      end
    end
    local text = all_uncommented():gsub('address = ":8443"', 'address = ":8000"')
    compare(schema.fields, assert(loadstring(text))(), "")
    assert.is_true(seen > 40)
  end)

  it("says all that the schema says of each setting", function()
    local flat = shipped:gsub("\n%s*%-%-[%s%-]*", " "):gsub("%s+", " ")
    local page = text_of("docs/configuration.md"):gsub("%s+", " ")
    local man = text_of("docs/man/perigee.conf.5"):gsub("\\f[BR]", ""):gsub("\\%-", "-"):gsub("\\&", "")
      :gsub("%s+", " "):gsub("`", "")
    local function all(fields)
      for _, field in ipairs(fields) do
        for _, said in ipairs { field.text, field.reason } do
          said = said:gsub("%s+", " ")
          if not flat:find(said, 1, true) then error("not in the file: " .. said) end
          if not page:find(said, 1, true) then error("not in the page: " .. said) end
          said = said:gsub("`", ""):gsub('"', "\\(dq")
          if not man:find(said, 1, true) then error("not in the manual page: " .. said) end
        end
        if field.fields then all(field.fields) end
      end
    end
    all(schema.fields)
  end)

end)

describe("a value in a message", function()
  it("is short, and whole letters", function()
    assert.equal('"' .. ("x"):rep(60) .. '"', types.shown(("x"):rep(60)))
    assert.equal('"' .. ("x"):rep(60) .. '…"', types.shown(("x"):rep(61)))
    assert.equal('"' .. ("x"):rep(59) .. '…"', types.shown(("x"):rep(59) .. "ä" .. "y"))
    assert.equal('"a\\"b\\\\c\\9"', types.shown 'a"b\\c\t')
    assert.equal("0.5", types.shown(0.5))
  end)
end)

describe("a path of settings", function()
  it("is written as Lua would", function()
    assert.equal('listen[2].tls["a b"][true]', check.path_text { "listen", 2, "tls", "a b", true })
    assert.equal("", check.path_text {})
  end)
end)
