--- http2.server: listening, and the sessions that come of it.
local native = require "perigee.native"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local emitter = require "perigee.emitter"
local cancel = require "http2.cancel"
local errors = require "http2.errors"
local compat = require "http2.compat"
local options = require "http2.options"
local origins = require "http2.origins"
local settings = require "http2.settings"
local headers = require "http2.headers"
local secure_contexts = require "http2.secure"
local connections = require "http2.connections"
local listening = require "http2.listening"
local session_class = require "http2.session"

local emit, put_tick = emitter.emit, ticks.put

-- Server sessions.
local session_methods, session_getters = { type = 0 }, {}

function session_methods:_on_timeout()
  if emitter.has(self, "timeout") then emit(self, "timeout", nil) end
  if self.destroyed or not self.server then return end
  if emitter.has(self.server, "timeout") then
    emit(self.server, "timeout", nil, self)
  elseif not emitter.has(self, "timeout") then
    self:destroy()
  end
end

--- From the dispatcher: a stream of a session without a server.
function session_methods:_on_stream_alone(stream, t, flags)
  if not emit(self, "stream", stream, stream, t, flags, headers.raw(stream)) then
    stream:respond({ [":status"] = 404 }, { endStream = true })
  end
end

for name, fn in next, origins.server_methods do session_methods[name] = fn end

local function takes_raw(listener)
  local about = debug.getinfo(listener, "u")
  return about.isvararg or about.nparams >= 4
end

-- A listener was added: one that wants rawHeaders makes the server collect them.
function session_methods:_on_listener(name, listener)
  if name == "stream" and self.server and takes_raw(listener) then self.server._wants_raw = true end
end

local Session = session_class.extend(session_methods, session_getters)

-- Servers.
local Server = {}
for name, fn in next, emitter.methods do Server[name] = fn end
Server.listening = false
Server.timeout = 0

local servers = {} -- slot -> server, while C knows it
local metatable = {
  -- The names of the hot path are fields of each object, so that they never come here.
  __index = function(self, name)
    if name == "maxConnections" then return rawget(self, "_max_connections") or nil end
    return Server[name]
  end,
  __newindex = function(self, name, value)
    if name == "maxConnections" then
      if value ~= nil then errors.check_range(value, name, 0, 4294967295) end
      self._max_connections = value or false
      if self._slot then native.server_limit(self._slot, self._generation, value) end
    else
      rawset(self, name, value)
    end
  end,
  __tostring = function(self) return self._secure and "Http2SecureServer" or "Http2Server" end,
}

local module = { by_slot = servers, Session = Session, metatable = metatable }

--- Makes a server. given: options (checked here), on_request: a compat 'request' listener.
function module.new(given, on_request, secure)
  if type(given) == "function" and not secure then given, on_request = nil, given end
  given = given or {}
  errors.check_type(given, "options", "table")
  local what = secure and "createSecureServer" or "createServer"
  options.check(given, "server", what)
  local numbers = options.native(given, true)
  -- A plain server accepts TLS options and ignores them (API.md 1, rule 1).
  -- In a service a server without a certificate gets that of its listener.
  if secure and not (module.claim and secure_contexts.is_bare(given)) then
    numbers.tls = secure_contexts.of_server(given)
  end
  local server = setmetatable({
    _secure = secure, _options = given, _numbers = numbers, _sessions = {}, _connections = 0,
    _expose_errors = given.exposeErrors, _strict = given.strictSingleValueFields ~= false,
    timeout = given.timeout or 0,
    _max_connections = given.maxConnections or false, _wants_raw = false, _events = false, _waiters = false,
    _slot = false, _closing = false,
  }, metatable)
  if on_request ~= nil then server:on("request", on_request) end
  return server
end

-- A listener was added: those that want rawHeaders make us collect them; 'request' comes with machinery.
function Server:_on_listener(name, listener)
  connections.listen(self, name)
  if name == "stream" then
    if takes_raw(listener) then self._wants_raw = true end
  elseif name == "request" and not self._has_compat then
    self._has_compat = true
    compat.install(self)
  end
end

function Server:await(name, timeout)
  connections.listen(self, name)
  return emitter.methods.await(self, name, timeout)
end

local function refuse_listen(self, where, code, text, number)
  if self._slot and self._connections == 0 then
    servers[self._slot] = nil
    native.server_forget(self._slot, self._generation)
    self._slot = false
  end
  local err = errors.new(code, text, {
    errno = number, syscall = "listen", address = where.host or where.path, port = where.port,
  })
  put_tick(function() emit(self, "error", nil, err) end)
end

--- From elsewhere in the Lua half: the C server exists from now on.
function Server:_make()
  if self._slot then return true end
  local slot, generation, text = native.server_new(self._numbers)
  if not slot then return nil, generation, text end
  self._slot, self._generation = slot, generation
  servers[slot] = self
  if self._max_connections then native.server_limit(slot, generation, self._max_connections) end
  connections.begin(self)
  return true
end

local function close_with(self, signal)
  if signal.cancelled then return self:close() end
  cancel.add(signal, self, self.close)
  self:once("close", function() cancel.forget(signal, self) end)
end

local function open_sockets(self, where)
  local claimed, claim_code, claim_text
  if module.claim and not where.fd then
    claimed, claim_code, claim_text = module.claim(self, where)
    if claim_code then return nil, claim_code, claim_text end
  end
  if self._secure and not self._numbers.tls then
    return nil, "ERR_TLS_CERT", "a TLS server needs options.cert and options.key, or an address of the settings " ..
      "that has tls"
  end
  local made, code, text = self:_make()
  if not made then return nil, code, text end
  if claimed then return claimed(self) end
  return native.server_listen(self._slot, self._generation, where)
end

local function bind(self, where)
  local done, code, text, number = open_sockets(self, where)
  if not done then return refuse_listen(self, where, code, text, number) end
  self.listening = true
  if self._unheld then self:unref() end
  put_tick(function()
    if self.listening then emit(self, "listening", nil) end
  end)
end

-- The first address of a name. close() meanwhile makes it void.
local function look_up(self, where)
  local host, ticket = where.host, {}
  self._looking_up = ticket
  if module.on_look_up then module.on_look_up(1) end
  native.luv.getaddrinfo(host, nil, { socktype = "stream" }, function(err, found)
    if module.on_look_up then ticks.put(module.on_look_up, -1) end
    if self._looking_up ~= ticket then return end
    self._looking_up = nil
    if err or not found[1] then
      return refuse_listen(self, where, "ENOTFOUND", "getaddrinfo ENOTFOUND " .. host)
    end
    where.host = found[1].addr
    bind(self, where)
  end)
end

--- listen(port[, host][, backlog][, callback]), listen(path[, …]), listen {port=, host=, path=, fd=, backlog=,
-- signal=, …}; signal: a token of http2.cancelToken() that closes the server.
-- Port 0 lets the system choose; address() tells. 'listening' or 'error' follows.
function Server:listen(...)
  local where, callback = listening.parse(...)
  if self.listening or self._closing or self._looking_up then
    error(errors.new("ERR_SERVER_ALREADY_LISTEN",
      "Listen method has been called more than once without closing."), 0)
  end
  if callback then self:once("listening", callback) end
  if module.recorder then
    module.recorder(self, where)
  elseif where.port and listening.is_name(where.host) then
    look_up(self, where)
  else
    bind(self, where)
  end
  if where.signal and (self.listening or self._looking_up) then close_with(self, where.signal) end
  return self
end

--- {address=, family=, port=}, the path of a UNIX socket, or nil.
function Server:address()
  if not self.listening then return nil end
  local host, port, family = native.server_address(self._slot, self._generation)
  if not port then return host and host:gsub("^unix:", "") or nil end
  return { address = host, family = family, port = port }
end

local function emit_close(self)
  if self._close_told then return end
  self._close_told = true
  servers[self._slot or 0] = nil
  if self._slot then native.server_forget(self._slot, self._generation) end
  self._slot = false
  self._closing, self._draining = false, nil -- a listener of 'close' may listen again
  emit(self, "close", nil)
  if self._drained then self._drained() end
end

function Server:_maybe_closed()
  if not self._closing or self._connections > 0 then return end
  -- In a drain connections that have not spoken yet are waited for; the one that is gone counts until the batch is.
  if self._draining and native.server_count(self._slot, self._generation) > 1 then return end
  put_tick(emit_close, self)
end

--- From the dispatcher, in a drain: no connection is left.
function Server:_on_empty()
  if self._draining then put_tick(emit_close, self) end
end

--- Graceful: stops accepting, GOAWAY(NO_ERROR) on every session, open streams finish; callback (and
-- 'close') when the last connection is gone.
function Server:close(callback)
  if callback ~= nil then errors.check_type(callback, "callback", "function") end
  self._looking_up = nil
  if not self._slot then
    if callback then put_tick(task.run, nil, callback, errors.make("ERR_SERVER_NOT_RUNNING")) end
    return self
  end
  if self._closing then -- as in Node, only the first caller closed it
    if callback then self:once("close", function() callback(errors.make("ERR_SERVER_NOT_RUNNING")) end) end
    return self
  end
  if callback then self:once("close", callback) end
  self._closing = true
  self._close_told = false
  self.listening = false
  native.server_stop(self._slot, self._generation)
  native.server_close_early(self._slot, self._generation)
  local open = {}
  for session in next, self._sessions do open[#open + 1] = session end
  table.sort(open, function(a, b) return a._number < b._number end)
  for i = 1, #open do
    open[i]._closed_by = open[i]._closed_by or "shutdown"
    open[i]:close()
  end
  self:_maybe_closed()
  return self
end

--- Idle time of sessions in ms, 0 for none; callback at 'timeout'. Applies to sessions made later.
function Server:setTimeout(ms, callback)
  self.timeout = errors.check_range(ms or 120000, "msecs", 0, 2147483647)
  if callback then self:on("timeout", callback) end
  return self
end

--- Adds to the settings that sessions made later begin with.
function Server:updateSettings(t)
  errors.check_type(t, "settings", "table")
  settings.to_list(t) -- throws what is wrong with them
  local given, all = {}, {}
  for name, value in next, self._options do given[name] = value end
  for name, value in next, self._options.settings or {} do all[name] = value end
  for name, value in next, t do all[name] = value end
  given.settings = all
  local numbers = options.native(given, true)
  numbers.tls = self._numbers.tls
  self._options, self._numbers = given, numbers
  if self._slot then native.server_settings(self._slot, self._generation, numbers) end
end

--- callback(err, n): connections now.
function Server:getConnections(callback)
  errors.check_type(callback, "callback", "function")
  local n = self._slot and native.server_count(self._slot, self._generation) or 0
  put_tick(task.run, nil, function() callback(nil, n) end)
  return self
end

function Server:ref()
  self._unheld = nil
  if self._slot then native.server_ref(self._slot, self._generation, true) end
  return self
end

function Server:unref()
  self._unheld = true
  if self._slot then native.server_ref(self._slot, self._generation, false) end
  return self
end

secure_contexts.extend(Server)

for _, name in ipairs { "closeIdleConnections" } do
  Server[name] = function() errors.throw("ERR_PERIGEE_NOT_SUPPORTED", "server:" .. name) end
end

function Server:_happened(name)
  if name == "listening" and self.listening then return true end
  if name == "close" and self._close_told then return true end
  return false
end

function Server:_on_unheard_error(err)
  -- The prototyper's usual one: the port is taken.
  module.on_fatal(err)
end

local function emit_connect(session)
  if session.destroyed or not emitter.has(session, "connect") then return end
  emit(session, "connect", nil, session, session.socket)
end

-- What the options of its server say about a session.
function module.configure(session, given, numbers)
  session._max_pings, session._max_settings = given.maxOutstandingPings, given.maxOutstandingSettings
  session._strict = given.strictSingleValueFields ~= false
  session._output_max = numbers.stream_output_max or 16777216
  session:_first_settings(numbers)
end

--- From the dispatcher: a connection speaks HTTP/2.
function Server:_on_session(slot, generation)
  local session = session_class.new(Session, slot, generation)
  session.server = self
  module.configure(session, self._options, self._numbers)
  self._sessions[session] = true
  self._connections = self._connections + 1
  if self._draining then session:_drain() elseif self._closing then session:close() end
  if self._options.origins then session:origin(unpack(self._options.origins)) end
  if emitter.has(self, "session") then emit(self, "session", nil, session) end
  put_tick(emit_connect, session)
  if self.timeout > 0 and not session.destroyed then session:setTimeout(self.timeout) end
  return session
end

--- From the dispatcher: its transport is gone. First the server's 'close', then the session's.
function Server:_on_session_gone(session)
  if not self._sessions[session] then return end
  self._sessions[session] = nil
  self._connections = self._connections - 1
  self:_maybe_closed()
end

-- --- A session without a server object.

--- A server session on a connected socket. fd: its descriptor, which is duplicated. given: options of createServer().
-- The session is `connecting` until the peer has said that it speaks HTTP/2.
function module.handshake(fd, given)
  errors.check_range(fd, "fd", 0, 2147483647)
  given = given or {}
  errors.check_type(given, "options", "table")
  options.check(given, "server", "performServerHandshake")
  local numbers = options.native(given, true)
  local server, server_generation, text = native.server_new(numbers)
  if not server then error(errors.new(server_generation, text), 0) end
  local slot, generation, why = native.adopt(server, server_generation, fd)
  native.server_forget(server, server_generation) -- it lives as long as its session
  if not slot then error(errors.new(generation, why), 0) end
  local session = session_class.new(Session, slot, generation)
  module.configure(session, given, numbers)
  session.connecting = true
  session._adopter = {
    _on_session = function()
      session.connecting = false
      if given.origins then session:origin(unpack(given.origins)) end
      put_tick(emit_connect, session)
      return session
    end,
    _on_session_gone = function(self)
      servers[server] = nil
      if self._drained then self._drained() end
    end,
  }
  servers[server] = session._adopter
  module.sessions[slot] = session
  return session
end

return module
