-- The manual's source (docs/source) against the contract (tests/spec/surface.lua) and against what is really there,
-- both ways: a name in one and not in the other fails. And what is generated is up to date.
package.path = "docs/?.lua;tests/spec/?.lua;" .. package.path
local http2 = require "http2"
local uv = require "luv"
local support = require "support"
local contract = require "surface"
local source = require "generator.source"
local pages = source.pages()

-- --- Looking into things.

-- The value of an upvalue of that name, of fn or of a function it uses.
local function upvalue(fn, wanted, depth)
  local inner = {}
  for i = 1, 60 do
    local name, value = debug.getupvalue(fn, i)
    if not name then break end
    if name == wanted then return value end
    if type(value) == "function" then inner[#inner + 1] = value end
  end
  for _, value in ipairs(depth ~= 0 and inner or {}) do
    local found = upvalue(value, wanted, (depth or 2) - 1)
    if found ~= nil then return found end
  end
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

-- Calls fn(text, path) for each file below folder with that ending; not for the generated types.
local function each_file(folder, ending, fn)
  for name, kind in uv.fs_scandir_next, uv.fs_scandir(folder) do
    local path = folder .. "/" .. name
    if kind == "directory" then
      if path ~= "lua/types" then each_file(path, ending, fn) end
    elseif name:sub(-#ending) == ending then
      fn(read(path), path)
    end
  end
end

local function set(list)
  local out = {}
  for _, name in ipairs(list) do out[name] = true end
  return out
end

local function is_public(name)
  return type(name) == "string" and not name:find "^_"
end

local function public_keys(...)
  local out = {}
  for i = 1, select("#", ...) do
    for name in next, (select(i, ...)) or {} do
      if is_public(name) then out[name] = true end
    end
  end
  return out
end

-- What is in a and not in b, as text.
local function beyond(a, b)
  local out = {}
  for name in next, a do
    if not b[name] then out[#out + 1] = tostring(name) end
  end
  table.sort(out)
  return table.concat(out, " ")
end

-- --- What is documented.

local types = {}
for _, page in ipairs(pages) do
  for _, t in ipairs(page.types or {}) do types[t.name] = t end
end

local function fields(...)
  local out = {}
  for _, name in ipairs { ... } do
    for _, entry in ipairs(types[name].fields) do out[entry.name] = true end
  end
  return out
end

local function documented(class, ...)
  local out = {}
  for _, section in ipairs { ... } do
    for name in next, source.all_of(pages, class, section) do out[name] = true end
  end
  return out
end

local codes = {}
for _, page in ipairs(pages) do
  for _, entry in ipairs(page.codes or {}) do codes[entry.name] = entry end
end

local not_there = {}
for _, row in ipairs(require("source.differences").missing) do
  for name in row[1]:gmatch "%S+" do not_there[name] = true end
end

-- --- What is there: objects of each class, after they have seen something.

local objects

local function exchange(server, client, path, options)
  local request = client:request({ [":method"] = "POST", [":path"] = path }, options)
  request:on("wantTrailers", function() request:sendTrailers { a = "1" } end)
  request:finish "body"
  return support.over(request)
end

local function collect()
  objects = {}
  local server = support.server(nil, { settings = { maxConcurrentStreams = 10 } })
  objects.Http2Server = server
  server:on("session", function(session) objects.ServerHttp2Session = session end)
  server:on("stream", function(stream, headers)
    if headers[":path"] ~= "/stream" then return end
    objects.ServerHttp2Stream = stream
    stream:on("wantTrailers", function() stream:sendTrailers { a = "1" } end)
    stream:additionalHeaders { [":status"] = 103 }
    stream:respond({}, { waitForTrailers = true })
    stream:finish(stream:body())
  end)
  server:on("connection", function(socket) objects.Http2Socket = socket end)
  server:listen { path = support.folder() .. "/surface.socket" }
  server:await "listening"
  local client = http2.connect("http://localhost", { path = support.folder() .. "/surface.socket" })
  support.adopt_session(client):await "connect"
  objects.ClientHttp2Session = client
  objects.ClientHttp2Stream = exchange(server, client, "/stream", { waitForTrailers = true })
  client:settings {}
  local answered
  client:ping(function() answered = true end)
  support.wait_for(function() return answered end)

  local compat = support.server(nil)
  compat:on("request", function(request, response)
    objects.Http2ServerRequest, objects.Http2ServerResponse = request, response
    response:finish(request:body())
  end)
  exchange(compat, support.connected(compat), "/", {})
  client:close()
  client:await "close"
end

-- Methods and properties of an object by way of its metatable. (Getters are not called.)
local function surface(object)
  local metatable = getmetatable(object)
  local index = metatable.__index
  local values, getters
  if type(index) == "table" then
    values = index
  else
    for _, name in ipairs { "fixed", "class", "Server", "Socket" } do values = values or upvalue(index, name, 0) end
    getters = upvalue(index, "computed", 0) or upvalue(index, "getters", 0)
  end
  local methods, properties = {}, public_keys(getters, values._getters, values._setters)
  for _, t in ipairs { values, object } do
    for name, value in next, t do
      if is_public(name) then
        if type(value) == "function" then methods[name] = true else properties[name] = true end
      end
    end
  end
  return methods, properties
end

-- Names that are assigned to some object of ours: properties that only come with events.
local assigned = {}
each_file("daemon/script", ".c", function(text)
  for name in text:gmatch "%f[%w_]set_text%(lua, \"(%l%w*)\"" do assigned[name] = true end
  for name in text:gmatch "lua_setfield%(lua, %-2, \"(%l%w*)\"" do assigned[name] = true end
  for line in text:gmatch "set_address(%b());" do
    for name in line:gmatch "\"(%l%w*)\"" do assigned[name] = true end
  end
end)
each_file("lua/http2", ".lua", function(text)
  for name in text:gmatch "[%w_]+%.(%l[%w]*)%s*=[^=]" do assigned[name] = true end
  for name in text:gmatch "[{,]%s*(%l%w*) = given%." do assigned[name] = true end
  for name in text:gmatch "name == \"(%l%w*)\"" do assigned[name] = true end
  for name in text:gmatch "rawset%(self, \"(%l%w*)\"" do assigned[name] = true end
end)

local constructed = { -- names of the objects that scripts make in other ways, beside their class
  Http2ServerRequest = { "extend", "new" }, Http2ServerResponse = { "extend", "new" },
}

describe("the manual", function()
  before_each(function() if not objects then collect() end end)

  for class in next, contract.classes do
    it("has all of " .. class .. ", and nothing else", function()
      local object = objects[class]
      if not object then error("there is no " .. class) end
      local methods, properties = surface(object)
      local written_methods, written_properties = documented(class, "methods"), documented(class, "properties")
      local either = documented(class, "methods", "properties")
      for _, name in ipairs(constructed[class] or {}) do methods[name] = true end
      assert.equal("", beyond(methods, either))
      assert.equal("", beyond(properties, either))
      assert.equal("", beyond(written_methods, methods))
      for name in next, assigned do properties[name] = true end
      assert.equal("", beyond(written_properties, properties))
    end)

    it("has what the contract says of " .. class, function()
      for kind, names in next, contract.classes[class] do
        assert.equal("", beyond(set(names), documented(class, kind)))
      end
    end)
  end

  it("has the events that are emitted, and no others", function()
    local written = {}
    source.each_entry(pages, function(entry, _, section)
      if section == "events" then written[entry.name] = true end
    end)
    local emitted, quoted = {}, {}
    local function gather(text)
      for name in text:gmatch "emit%(%s*[%w_.]+,%s*\"(%w+)\"" do emitted[name] = true end
      for name in text:gmatch ":emit%(%s*\"(%w+)\"" do emitted[name] = true end
      for name in text:gmatch "\"(%w+)\"" do quoted[name] = true end
      for name in text:gmatch "[{,]%s*(%w+) = \"?%w+\"?" do quoted[name] = true end
    end
    each_file("lua/http2", ".lua", gather)
    gather(read "lua/perigee/emitter.lua")
    assert.equal("", beyond(emitted, written))
    assert.equal("", beyond(written, quoted))
  end)
end)

describe("the manual's modules", function()
  -- For the Lua half only.
  local internal = {
    ["perigee.task"] = set { "SUSPEND", "set_failure_handler", "run", "run_many", "check_can_wait", "ticket", "wake_at",
      "cancel", "cancel_owned", "coroutine", "timer" },
  }

  for _, page in ipairs(pages) do
    if page.module and page.module ~= "luv" then
      it("have all of " .. page.module, function()
        local written, real = {}, public_keys(require(page.module))
        for _, section in ipairs { "functions", "properties" } do
          for _, entry in ipairs(page[section] or {}) do written[entry.name] = true end
        end
        assert.equal("", beyond(written, real))
        for name in next, internal[page.module] or {} do real[name] = nil end
        assert.equal("", beyond(real, written))
      end)
    end
  end

  it("have the contract's functions of http2", function()
    assert.equal("", beyond(set(contract.module), public_keys(http2)))
  end)

  it("have what is in console, process, fs, timers, digests, tasks and counts", function()
    local timer = setTimeout(function() end, 1)
    local real = {
      Console = console, Process = process, Fs = require "fs", Timer = getmetatable(timer).__index,
      Digest = getmetatable(require("perigee.digest").new "md5").__index,
      LiveCounts = require("perigee.metrics").live(), Constants = http2.constants,
      CancelToken = getmetatable(http2.cancelToken()).__index,
      StaticFiles = getmetatable(require("perigee.static").new ".").__index,
      StaticOptions = upvalue(require("perigee.static").new, "OPTIONS"),
    }
    clearTimeout(timer)
    for name, t in next, real do
      local written = types[name] and fields(name) or documented(name, "methods", "properties")
      local there = public_keys(t)
      if name == "CancelToken" then there.reason = true end
      assert.equal(name .. ":", name .. ":" .. beyond(written, there))
      assert.equal(name .. ":", name .. ":" .. beyond(there, written))
    end
    local functions = {}
    for _, entry in ipairs(pages.by_name.globals.functions) do functions[entry.name] = true end
    for name in next, functions do assert.equal("function", type(_G[name])) end
    local timers = public_keys(require "perigee.timers")
    timers.after_poll = nil -- for the Lua half only
    assert.equal("", beyond(timers, functions))
  end)
end)

describe("the manual's tables", function()
  before_each(function() if not objects then collect() end end)

  local check = require("http2.options").check
  local rules, later = upvalue(check, "rules"), upvalue(check, "later")

  local function same_options(role, written)
    assert.equal("", beyond(public_keys(rules[role]), written))
    assert.equal("", beyond(written, public_keys(rules[role], later)))
  end

  it("have the options of servers", function()
    same_options("server", fields("ServerOptions", "TlsOptions", "SecureServerOptions"))
  end)

  it("have the options of clients", function()
    same_options("client", fields("ConnectOptions", "TlsOptions"))
  end)

  it("have the options of requests", function()
    local real = upvalue(getmetatable(objects.ClientHttp2Session).__index, "fixed", 0).request
    assert.equal("", beyond(public_keys(upvalue(real, "request_options")), fields "RequestOptions"))
    assert.equal("", beyond(fields "RequestOptions", public_keys(upvalue(real, "request_options"))))
  end)

  -- Options that are looked up one by one.
  local function looked_up(path, pattern)
    local out = {}
    for name in read(path):gmatch(pattern) do out[name] = true end
    return out
  end

  it("have the options of respond, respondWithFile and listen", function()
    local of_respond = looked_up("lua/http2/server_stream.lua", "%f[%w]options%.(%a%w*)")
    assert.equal("", beyond(of_respond, fields "RespondOptions"))
    local of_files = looked_up("lua/http2/file_response.lua", "%f[%w]options%.(%a%w*)")
    local checked = looked_up("lua/http2/file_response.lua", "check_option%(options, \"(%w+)\"")
    for name in next, checked do of_files[name] = true end
    assert.equal("", beyond(of_files, fields("FileOptions", "RespondOptions")))
    assert.equal("", beyond(fields "FileOptions", of_files))
    local of_listen = looked_up("lua/http2/server.lua", "%f[%w]first%.(%a%w*)")
    for name in next, looked_up("lua/http2/listening.lua", "%f[%w]given%.(%a%w*)") do of_listen[name] = true end
    assert.equal("", beyond(of_listen, fields "ListenOptions"))
    assert.equal("", beyond(fields "ListenOptions", of_listen))
  end)

  it("have what a statCheck is told", function()
    local stat = require("perigee.file_stat").wrap(uv.fs_stat ".")
    local about, of_time = getmetatable(stat), getmetatable(stat.mtime).__index
    local in_ms, methods = upvalue(about.__index, "in_ms", 0), upvalue(about.__index, "methods", 0)
    local written = fields "FileStat"
    assert.equal("", beyond(public_keys(in_ms, methods), written))
    assert.equal("", beyond(written, public_keys(in_ms, methods, stat)))
    assert.equal("", beyond(public_keys(of_time), fields "FileTime"))
    assert.equal("", beyond(fields "FileTime", public_keys(of_time, stat.mtime)))
  end)

  it("have all settings", function()
    local entries = public_keys(upvalue(require("http2.settings").to_list, "entries"),
      { customSettings = true, maxHeaderSize = true })
    assert.equal("", beyond(entries, fields "Settings"))
    assert.equal("", beyond(fields "Settings", entries))
  end)

  it("have what state, metrics and closeInfo tell", function()
    local server = support.server(function(stream)
      stream:respond()
      stream:pipe(stream)
    end)
    local client = support.connected(server)
    local answered = false
    client:ping(function() answered = true end)
    local request = client:request { [":method"] = "POST" }
    request:on("error", function() end)
    request:write "body"
    request:chunks()(request)
    support.wait_for(function() return answered end)
    local told = {
      SessionState = client.state, StreamState = request.state, SessionMetrics = client.metrics,
      StreamMetrics = request.metrics,
    }
    request:close(2)
    support.over(request)
    client:close()
    told.CloseInfo = request.closeInfo
    told.CloseInfo.detail = true -- there may be none
    for _, name in ipairs { "SessionState", "StreamState", "SessionMetrics", "StreamMetrics", "CloseInfo" } do
      local t = told[name] or {}
      assert.equal(name .. ":", name .. ":" .. beyond(public_keys(t), fields(name)))
      assert.equal(name .. ":", name .. ":" .. beyond(fields(name), public_keys(t)))
    end
  end)

  it("have the handlers that a script may return", function()
    local of = require("perigee.handlers").of
    local real = public_keys(upvalue(of, "own_names"), upvalue(of, "event_names"))
    assert.equal("", beyond(real, fields "Handlers"))
    assert.equal("", beyond(fields "Handlers", real))
  end)

  it("have what the contract says", function()
    for name, names in next, contract.options do
      local written = fields(name)
      if name == "SecureServerOptions" or name == "ConnectOptions" then
        for field in next, fields "TlsOptions" do written[field] = true end
      elseif name == "FileOptions" then
        for field in next, fields "RespondOptions" do written[field] = true end
      end
      assert.equal(name .. ":", name .. ":" .. beyond(set(names), written))
    end
  end)
end)

describe("the manual's error codes", function()
  local texts = upvalue(require("http2.errors").make, "texts")
  local real = { ABORT_ERR = true }

  it("are those that the sources have", function()
    for name in next, texts do real[name] = true end
    each_file("lua", ".lua", function(text)
      for name in text:gmatch "[\"'](ERR_[%u%d_]+)[\"']" do real[name] = true end
    end)
    each_file("daemon", ".c", function(text, path)
      if path:find "^daemon/process/" then return end -- those never reach a script
      for name in text:gmatch "\"(ERR_[%u%d_]+)\"" do real[name] = true end
    end)
    assert.equal("", beyond(real, codes))
    assert.equal("", beyond(public_keys(codes), real))
  end)

  it("have the texts that they have", function()
    for name, text in next, texts do
      local written = codes[name] and codes[name].text or "nothing"
      local pattern = text:gsub("[^%w%%]", "%%%0"):gsub("%%%%s", "\1"):gsub("%%s", ".*"):gsub("\1", ".*")
      if not written:find("^" .. pattern .. "$") then assert.equal(text, written) end
    end
  end)

  it("are those of the contract; the rest is named as not there", function()
    local either = public_keys(codes, not_there)
    assert.equal("", beyond(set(contract.errors), either))
  end)

  it("are known where an entry says that it throws them", function()
    source.each_entry(pages, function(entry)
      for code in (entry.throws or ""):gmatch "%S+" do
        if not codes[code] then error(("%s throws the unknown %s"):format(entry.name, code)) end
      end
    end)
  end)
end)

describe("what is made of the manual", function()
  it("shows every name in an example", function()
    local lonely = {}
    source.each_entry(pages, function(entry, page)
      if not entry.example and not entry.no_example and page.name ~= "constants" then
        lonely[#lonely + 1] = page.name .. "." .. entry.name
      end
    end)
    assert.equal("", table.concat(lonely, " "))
  end)

  it("is up to date (docs/generate makes it so)", function()
    for _, page in ipairs(require("generator.pages").all()) do
      local file = io.open(page.path, "rb")
      local text = file and file:read "*a"
      if file then file:close() end
      if text ~= page.make() then error(page.path .. " is not what docs/generate writes") end
    end
  end)

  it("leaves no page or type behind that nothing makes", function()
    local made = {}
    for _, page in ipairs(require("generator.pages").all()) do made[page.path] = true end
    for _, folder in ipairs { "docs/api", "lua/types" } do
      local function check_file(_, path)
        if not made[path] then error(path .. " is made by nothing") end
      end
      each_file(folder, ".md", check_file)
      for name, kind in uv.fs_scandir_next, uv.fs_scandir(folder) do
        if kind ~= "directory" and name:find "%.lua$" then check_file(nil, folder .. "/" .. name) end
      end
    end
  end)

  it("are types that Lua can read", function()
    for _, page in ipairs(require("generator.pages").all()) do
      if page.path:find "%.lua$" then assert.is_truthy(loadstring(page.make(), page.path)) end
    end
  end)

  it("has links that lead somewhere", function()
    local targets = {}
    for _, page in ipairs(require("generator.pages").all()) do targets[page.path] = page.make() end
    for path, text in next, targets do
      if path:find "%.md$" then
        local folder = path:match "^(.*)/"
        for link in text:gsub("```.-```", ""):gsub("`[^`\n]*`", ""):gmatch "%]%(([^)%s]+)%)" do
          if not link:find "^%a+:" then
            local file, id = link:match "^([^#]*)#?(.*)$"
            local target = file == "" and path or folder .. "/" .. file
            while target:find "[^/]+/%.%./" do target = target:gsub("[^/]+/%.%./", "", 1) end
            local there = targets[target] or uv.fs_stat(target)
            if not there then error(("%s: %s leads nowhere"):format(path, link)) end
            if id ~= "" and type(there) == "string" and not there:find('id="' .. id .. '"', 1, true) then
              error(("%s: %s: there is no such place"):format(path, link))
            end
          end
        end
      end
    end
  end)
end)
