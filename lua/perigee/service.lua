--- service: a worker of `perigee serve`. Loads the scripts of the settings, gives their servers the master's sockets,
-- says when all serve, and leaves in order when the master says so.
local native = require "perigee.native"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local timers = require "perigee.timers"
local errors = require "perigee.errors"
local failure = require "perigee.failure"
local globals = require "perigee.globals"
local environment = require "perigee.environment"
local handlers = require "perigee.handlers"
local held = require "perigee.held"
local drain = require "http2.drain"
local options = require "http2.options"
local stream_class = require "http2.stream"
local server_module = require "http2.server"
local client_module = require "http2.client"

local service = {}

-- enum script_news
local READY, FAILED, HELD, DRAINED = 0, 1, 2, 3
local CUT_MS = 1500 -- for connections to end in order after the deadline
local TRACE_LINES = 8

local setting, setting_count = native.setting, native.setting_count

local listeners = {} -- {index, address, name, secure, server, path of its script}
local waiting = 0    -- main chunks and start handlers that are not through, names that are looked up
local covers = {}    -- slot -> true
local state = "starting" -- "ready", "draining", "failed"

-- --- Failing and being ready.

local function fail(text)
  if state == "failed" then return end
  if state ~= "starting" then return native.log("error", "callback failed", "error", text) end
  state = "failed"
  native.service_news(FAILED, text)
  native.set_status(1)
  native.stop()
end

-- The first lines of a traceback, without ours.
local function fail_with(what, err, traceback)
  local lines = {}
  for line in traceback:gsub("^.-stack traceback:\n?", ""):gmatch "[^\n]+" do
    if not line:find("[\t ]perigee:") and #lines < TRACE_LINES then lines[#lines + 1] = line end
  end
  local text = failure.text_of(err)
  fail(what .. text .. (#lines > 0 and "\nstack traceback:\n" .. table.concat(lines, "\n") or ""))
end

local function unserved()
  local list = {}
  for i = 1, #listeners do
    if not listeners[i].server then list[#list + 1] = listeners[i] end
  end
  return list
end

local function check_ready()
  if state ~= "starting" or waiting > 0 then return end
  local missing = unserved()
  for i = 1, #missing do
    if not missing[i].told then
      missing[i].told = true
      native.log("warn", "not ready yet: no server listens there", "listener", missing[i].address, "script",
        missing[i].script, "expected", "server:listen() with that address, or a script that returns handlers")
    end
  end
  if #missing > 0 then return end
  state = "ready"
  native.service_news(READY)
end

local function one_more(n)
  waiting = waiting + n
  check_ready()
end

-- Runs fn(...) in a task; what it throws is a failure to start, and until it is through the service is not ready.
local function begin(what, fn, ...)
  waiting = waiting + 1
  task.run_many(nil, function(...)
    local main = coroutine.running()
    failure.mains[main] = function(err, traceback) fail_with(what, err, traceback) end
    fn(...)
    failure.mains[main] = nil
    one_more(-1)
  end, ...)
end

--- An 'error' of a server that nobody hears: above all an address that is taken.
local function on_server_error(err)
  fail(("%s (%s)"):format(err.message, tostring(err.code)))
end

-- --- Listeners.

local function is_every(host)
  return host == nil or host == "" or host == "::"
end

-- "::" without ipv6_only is every address, as no host is.
local function normal_name(where)
  return native.listen_name {
    host = not is_every(where.host) and where.host or nil, port = where.port, path = where.path,
  }
end

local function read_listeners()
  for i = 1, setting_count "listen" do
    local at = "listen." .. i .. "."
    local listener = {
      index = i, address = setting(at .. "address"), secure = setting(at .. "secure") or false,
      script = setting(at .. "script") or setting "script", shared = native.service_is_shared(i),
      port = setting(at .. "port"),
    }
    listener.name = normal_name { host = setting(at .. "host"), port = listener.port, path = setting(at .. "path") }
    listeners[i] = listener
  end
end

-- Those that listen(where) means: the address itself; without a host every listener of that port.
local function meant(where)
  local list = {}
  local name = normal_name(where)
  for i = 1, #listeners do
    local listener = listeners[i]
    local same_port = where.port and where.port > 0 and listener.port == where.port
    if name and listener.name == name or same_port and is_every(where.host) then
      list[#list + 1] = listener
    end
  end
  return list
end

local function is_free(listener)
  local server = listener.server
  return not server or not (server.listening or server._closing)
end

-- The worker's own slot, and those that it covers.
local function open(listener, server)
  local own = native.service_slot()
  local slot, generation = server._slot, server._generation
  local done, code, text, number = native.service_listen(slot, generation, listener.index, own, 0)
  if not done then return nil, code, text, number end
  listener.server = server
  for covered in next, covers do
    if not listener.shared then native.service_listen(slot, generation, listener.index, covered, covered) end
  end
  return true
end

local function why_not(listener, server)
  if not is_free(listener) then
    return "EADDRINUSE", ("listen EADDRINUSE: address already in use %s (listen[%d] of the configuration)"):format(
      listener.address, listener.index)
  end
  if listener.secure and not server._secure then
    return "ERR_TLS_REQUIRED", ("listen[%d] of the configuration (%s) has tls, but the server that listens there was "
      .. "made by createServer(); use createSecureServer()"):format(listener.index, listener.address)
  end
end

-- From server:listen(): a function that opens the master's sockets; or nil, and why not; or nothing for an address that
-- is not in the settings.
local function claim(server, where)
  if state == "draining" then return nil, "ERR_PERIGEE_DRAINING", "the worker is about to end: it accepts no more" end
  local list = meant(where)
  if #list == 0 then
    where.reuse_port = where.port and where.port > 0 or nil -- workers, and the next generation of them, share it
    native.log("warn", "bound by the worker itself: not covered by lossless reload", "address",
      normal_name(where) or ("%s:%s"):format(tostring(where.host), tostring(where.port)), "expected",
      "an entry of listen in the configuration")
    return
  end
  for _, listener in ipairs(list) do
    local code, text = why_not(listener, server)
    if code then return nil, code, text end
    if server._secure and not server._numbers.tls and listener.secure then
      local context, tls_code, tls_text = native.listener_tls(listener.index)
      if not context then return nil, tls_code, tls_text end
      server._numbers.tls = context
    end
  end
  return function()
    for _, listener in ipairs(list) do
      local done, code, text, number = open(listener, server)
      if not done then return nil, code, text, number end
    end
    ticks.put(check_ready)
    return true
  end
end

--- The master: accept from that slot's sockets too, or no longer.
function service.cover(slot, on)
  covers[slot] = on or nil
  for _, listener in ipairs(listeners) do
    local server = listener.server
    if server and server.listening and not listener.shared then
      if on then
        native.service_listen(server._slot, server._generation, listener.index, slot, slot)
      else
        native.service_uncover(server._slot, server._generation, slot)
      end
    end
  end
end

-- --- Scripts.

local function serve_listener(listener, given)
  local server = server_module.new({}, nil, listener.secure)
  if listener.secure then
    local context, code, text = native.listener_tls(listener.index)
    if not context then return fail(("listen[%d]: %s (%s)"):format(listener.index, text, code)) end
    server._numbers.tls = context
  end
  handlers.attach(server, given)
  local made, code, text = server:_make()
  if made then made, code, text = open(listener, server) end
  if not made then return fail(("listen[%d]: %s (%s)"):format(listener.index, text, code)) end
  server.listening = true
  ticks.put(function() server:emit("listening") end)
  if given.start then begin(listener.script .. ": start: ", given.start, server) end
end

local function on_result(script, result)
  local given, err = handlers.of(result, script.path)
  if err then return fail(err) end
  for _, listener in ipairs(given and script.listeners or {}) do
    if state == "starting" then serve_listener(listener, given) end
  end
end

-- The scripts with their listeners, in the order of the settings. The service's own is there without one, too.
local function read_scripts()
  local scripts, by_path = {}, {}
  local function at(path)
    if not by_path[path] then
      by_path[path] = { path = path, listeners = {} }
      scripts[#scripts + 1] = by_path[path]
    end
    return by_path[path]
  end
  local main = setting "script"
  if main then at(main).is_main = true end
  for _, listener in ipairs(listeners) do
    local script = at(listener.script)
    script.listeners[#script.listeners + 1] = listener
  end
  return scripts
end

local function prepare(script, base, arguments)
  local env = _G
  if script.is_main then
    package.path = environment.path_for(script.path, package.path)
  else
    env = environment.new(base, script.path)
  end
  env.arg = { [0] = script.path, unpack(arguments) }
  env.process.argv = { "perigee", script.path, unpack(arguments) }
  local chunk, err = globals.loadfile(script.path, "t", env)
  if not chunk then fail(err) end
  return chunk
end

local function refuse_exit()
  error(errors.new("ERR_PERIGEE_EXIT", "a script of `perigee serve` cannot end its worker, which serves others too; " ..
    "end the stream or session, or the service with `perigee stop`"), 2)
end

-- The configuration's limits, for servers and clients of scripts that say nothing themselves.
local both_limits = { "stream_output_high", "stream_output_max", "session_output", "session_memory" }
local server_limits = {
  handshake_timeout = "handshake_timeout_ms", header_timeout = "header_timeout_ms", idle_timeout = "idle_timeout_ms",
  header_pairs = "max_header_pairs", header_list_size = "max_header_list_bytes",
}

local function apply_limits()
  local of_server, of_client = options.defaults[true], options.defaults[false]
  for _, name in ipairs(both_limits) do
    of_server[name] = setting("limits." .. name)
    of_client[name] = of_server[name]
  end
  for name, number in next, server_limits do of_server[number] = setting("limits." .. name) end
  options.default_settings[3] = setting "limits.streams" or 128
  options.default_settings[6] = of_server.max_header_list_bytes or 65536
  if of_server.stream_output_high then stream_class.set_high_mark(of_server.stream_output_high) end
end

--- Begins: runs the main chunks, one script after the other.
function service.serve()
  local arguments = {}
  for i = 1, setting_count "arguments" do arguments[i] = setting("arguments." .. i) end
  os.exit, process.exit = refuse_exit, refuse_exit -- luacheck: globals os process
  server_module.claim, server_module.on_look_up, server_module.on_fatal = claim, one_more, on_server_error
  apply_limits()
  read_listeners()
  local base = environment.snapshot()
  waiting = waiting + 1
  for _, script in ipairs(read_scripts()) do
    local chunk = state == "starting" and prepare(script, base, arguments)
    if chunk then
      begin("", function() on_result(script, chunk(unpack(arguments))) end)
      ticks.drain()
    end
  end
  one_more(-1)
end

-- --- The end.

local function server_sessions()
  local list = {}
  for _, session in next, server_module.sessions do
    if session.type == 0 then list[#list + 1] = session end
  end
  table.sort(list, function(a, b) return a._number < b._number end)
  return list
end

local function open_streams()
  local list = {}
  for _, stream in next, client_module.streams do
    if stream and stream._slot ~= 0 and stream._session.type == 0 then list[#list + 1] = stream end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

local function finish()
  if state == "over" then return end
  state = "over"
  for _, session in next, server_module.sessions do
    if session.type == 1 then session:destroy() end
  end
  native.service_news(DRAINED)
  native.stop()
end

local function cut_off()
  local text = held.describe(open_streams())
  if text then
    native.log("warn", "drain_timeout: open streams are cut", "held_by", text)
    native.service_news(HELD, text)
  end
  for _, session in ipairs(server_sessions()) do
    native.session_shut(session._slot, session._generation, "drain_timeout: the server ends and could wait no longer")
  end
  for _, server in next, server_module.by_slot do
    if server._slot then native.server_close_early(server._slot, server._generation) end
  end
  timers.setTimeout(finish, CUT_MS)
end

local cutting

--- The master, or a signal: no new connections; those that stand leave in order, and have ms milliseconds for that.
function service.drain(ms)
  if cutting then cutting:close() end
  cutting = timers.setTimeout(cut_off, math.max(1, math.min(ms, 2147483647)))
  if state == "draining" or state == "over" then return end
  state = "draining"
  local left = 1
  local function gone()
    left = left - 1
    if left == 0 then ticks.put(finish) end
  end
  local list = {}
  for _, server in next, server_module.by_slot do list[#list + 1] = server end
  for _, server in ipairs(list) do
    left = left + 1
    if server._slot then drain.server(server, gone) else server._drained = gone end -- or an adopted session's place
  end
  for _, session in ipairs(server_sessions()) do
    if session._adopter then session:_drain() end
  end
  gone()
  ticks.drain()
end

return service
