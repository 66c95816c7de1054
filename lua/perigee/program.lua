--- program: `perigee run`: loads the script, tells its two forms apart, ends it in order.
local native = require "perigee.native"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local timers = require "perigee.timers"
local errors = require "perigee.errors"
local failure = require "perigee.failure"
local environment = require "perigee.environment"
local globals = require "perigee.globals"
local handlers = require "perigee.handlers"
local http2 = require "http2"
local server_module = require "http2.server"
local client_module = require "http2.client"

local program = {}

local DRAIN_MS = 30000

local function complain(text)
  io.stderr:write("perigee: ", text, "\n")
end

local function fail(text)
  complain(text)
  native.set_status(1)
  native.stop()
end

local waits = false -- the main chunk

local function main_failed(err, traceback)
  waits = false
  local text = failure.text_of(err)
  -- The traceback begins with the error's text when that is a string; ours is a table.
  complain(text .. "\n" .. traceback:gsub("^.-stack traceback:", "stack traceback:"))
  native.set_status(1)
  native.stop()
end

--- An 'error' of a server that nobody hears: above all a port that is taken.
function server_module.on_fatal(err)
  complain(("%s (%s)"):format(err.message, tostring(err.code)))
  native.set_status(1)
end

-- --- Form 2: handlers.

local function read_file(path, what)
  local file, err = io.open(path, "rb")
  if not file then return nil, ("cannot read the %s: %s"):format(what, err) end
  local text = file:read "*a"
  file:close()
  return text
end

-- The development certificate of this user, made when there is none or it is about to end.
local function development_certificate()
  local home = os.getenv "XDG_STATE_HOME"
  if not home or home == "" then home = (os.getenv "HOME" or "") .. "/.local/state" end
  local folder = home .. "/perigee"
  local cert_path, key_path = folder .. "/localhost.pem", folder .. "/localhost.key"
  local cert, key = read_file(cert_path, ""), read_file(key_path, "")
  if cert and key and native.certificate_lasts(cert, 86400) then return cert, key end
  cert, key = native.development_certificate()
  if not cert then return nil end
  local uv = native.luv
  local made = ""
  for part in folder:gmatch "[^/]+" do
    made = made .. "/" .. part
    uv.fs_mkdir(made, 448) -- 0700
  end
  -- A folder that cannot be written only costs the next start a new certificate.
  for path, text in next, { [cert_path] = cert, [key_path] = key } do
    local fd = uv.fs_open(path, "w", 384) -- 0600
    if fd then
      uv.fs_write(fd, text, 0)
      uv.fs_close(fd)
    end
  end
  return cert, key
end

local function certificate_of(start)
  if start.certificate or start.key then
    if not start.certificate then return nil, "--tls-key needs --tls-cert" end
    if not start.key then return nil, "--tls-cert needs --tls-key" end
    local cert, err = read_file(start.certificate, "certificate")
    if not cert then return nil, err end
    local key, key_err = read_file(start.key, "private key")
    if not key then return nil, key_err end
    return cert, key
  end
  local cert, key = development_certificate()
  if not cert then return nil, "the development certificate could not be made" end
  return cert, key
end

local function host_in_url(host)
  if not host or host == "127.0.0.1" or host == "::1" or host == "::" or host == "0.0.0.0" then
    return host == "127.0.0.1" and "127.0.0.1" or host == "::1" and "[::1]" or "localhost"
  end
  return host:find(":", 1, true) and "[" .. host .. "]" or host
end

local function announce(server, where)
  local address = server:address()
  if type(address) == "string" then
    print("listening on unix:" .. address)
  else
    print(("listening on %s://%s:%d"):format(where.secure and "https" or "http",
      where.named or host_in_url(where.host), address.port))
  end
end

-- "localhost" is both families: one listener each, on the same port.
local function serve_one(start, given_handlers, where)
  local given = {}
  if where.secure then
    local cert, key = certificate_of(start)
    if not cert then return fail(key) end
    given.cert, given.key = cert, key
  end
  local ok, server = pcall(where.secure and http2.createSecureServer or http2.createServer, given)
  if not ok then
    local in_files = start.certificate and (" (--tls-cert %s, --tls-key %s)"):format(start.certificate, start.key)
    return fail(errors.from(server).message .. (in_files or ""))
  end
  handlers.attach(server, given_handlers)
  if not given_handlers.error then
    server:on("error", function(err) fail(("%s (%s)"):format(err.message, tostring(err.code))) end)
  end
  server:once("listening", function() announce(server, where) end)
  server:listen { port = where.port, host = where.host, path = where.path }
  if given_handlers.start then task.run(nil, given_handlers.start, server) end
end

local function serve(start, given_handlers)
  local wanted = start.listen
  if #wanted == 0 then wanted = { "http://localhost:8000", "https://localhost:8443" } end
  local parsed = {}
  for i = 1, #wanted do
    local where, _, text = native.parse_listen(wanted[i])
    if not where then return fail(text) end
    if where.host == "localhost" then
      where.host, where.named = nil, "localhost"
    end
    parsed[i] = where
  end
  for i = 1, #parsed do serve_one(start, given_handlers, parsed[i]) end
end

local function on_result(start, result)
  local given_handlers, err = handlers.of(result, start.path)
  if err then return fail(err) end
  if given_handlers and not start.check then serve(start, given_handlers) end
end

-- --- check: the main chunk runs, but nothing is opened.

local function record_only()
  server_module.recorder = function() end
  client_module.recorder = function() end
  -- Whatever is asked of it, it does nothing.
  local inert = setmetatable({}, { __index = function() return function(self) return self end end })
  local function no_timer(fn)
    errors.check_type(fn, "callback", "function")
    return inert
  end
  -- luacheck: globals setTimeout setInterval setImmediate
  setTimeout, setInterval, setImmediate = no_timer, no_timer, no_timer
  local uv = require "luv"
  for name in next, uv do
    if type(name) == "string" and (name:find "^new_" or name == "spawn" or name == "getaddrinfo" or
      name == "queue_work") then
      uv[name] = function() return inert end
    end
  end
  failure.on_any = function() native.set_status(1) end
end

--- Runs the script: start = {path, arguments, listen, certificate, key, check, exit_on_error}.
function program.start(start)
  local path = start.path
  package.path = environment.path_for(path, package.path)
  -- luacheck: globals arg process
  arg = { [0] = path, unpack(start.arguments) }
  process.argv = { "perigee", path, unpack(start.arguments) }
  local chunk, err = globals.loadfile(path)
  if not chunk then return fail(err) end
  if start.check then record_only() end
  if start.exit_on_error then
    failure.on_any = function()
      native.set_status(1)
      native.stop()
    end
  end
  task.run(nil, function()
    local main = coroutine.running()
    failure.mains[main] = main_failed
    waits = true
    local result = chunk(unpack(start.arguments))
    on_result(start, result)
    failure.mains[main] = nil
    waits = false
  end)
  ticks.drain()
  if start.check then
    if waits then complain(path .. ": the main chunk waits; checked up to there") end
    native.stop()
  end
end

--- SIGINT, SIGTERM: servers and sessions close in order; the program ends when the last is gone, or after 30 s.
function program.signal(number)
  local servers, others = {}, {}
  for _, server in next, server_module.by_slot do -- or the place of a session without one
    if getmetatable(server) == server_module.metatable then servers[#servers + 1] = server end
  end
  for _, session in next, client_module.sessions do
    if not session.server then others[#others + 1] = session end
  end
  if #servers == 0 then
    native.set_status(128 + number)
    native.stop()
    return
  end
  -- The script's own timers do not hold up the end.
  local left = #servers
  local function closed()
    left = left - 1
    if left == 0 then native.stop() end
  end
  for i = 1, #servers do
    servers[i]:emit("draining")
    servers[i]:close(closed)
  end
  for i = 1, #others do others[i]:close() end
  timers.setTimeout(function()
    native.log("warn", "drain deadline reached", "open_sessions", tostring(native.live().sessions))
    native.stop()
  end, DRAIN_MS)
  ticks.drain()
end

return program
