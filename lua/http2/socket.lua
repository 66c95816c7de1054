--- http2.socket: a connection as the script sees it: facts, and what may be done with it. Servers hand it out in
-- 'connection', 'secureConnection', 'tlsClientError', 'unknownProtocol'; session.socket is a restricted view of it.
local native = require "perigee.native"
local core = require "perigee.core"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local emitter = require "perigee.emitter"
local errors = require "http2.errors"

local emit, put_tick = emitter.emit, ticks.put

local Socket = {}
for name, fn in next, emitter.methods do Socket[name] = fn end

local sockets = {} -- slot -> object, while the connection lives and somebody asked for it
local module = { by_slot = sockets, sessions = {} } -- sessions: slot -> session, the dispatcher's

-- Those of a handshake change when it is done; the last known stay when the connection is gone.
local function facts_of(self)
  local facts = self._facts
  if self._gone or (facts and (not facts.encrypted or facts.tlsVersion)) then return facts end
  facts = native.session_info(self._slot, self._generation) or facts
  self._facts = facts
  return facts
end

local getters = {}

function getters:connecting()
  local session = module.sessions[self._slot]
  return not self._gone and session ~= nil and session.connecting
end
getters.pending = getters.connecting

function getters:readyState()
  if self.destroyed then return "closed" end
  return self.connecting and "opening" or "open"
end
function getters:readable() return not self.destroyed end
function getters:writable() return not self.destroyed end

function getters:bytesRead()
  local read = native.session_counts(self._slot, self._generation)
  return read or 0
end

function getters:bytesWritten()
  local _, written = native.session_counts(self._slot, self._generation)
  return written or 0
end

local metatable = {
  __index = function(self, key)
    local value = Socket[key]
    if value ~= nil then return value end
    local getter = getters[key]
    if getter then return getter(self) end
    if type(key) ~= "string" or key:byte() == 95 then return nil end -- "_": ours, and not there
    local facts = facts_of(self)
    return facts and facts[key]
  end,
  __tostring = function(self) return self.encrypted and "TLSSocket" or "Socket" end,
}

--- The object of the connection that a session's slot stands for.
function module.get(slot, generation, server)
  local socket = sockets[slot]
  if socket and socket._generation == generation then return socket end
  socket = setmetatable({
    _slot = slot, _generation = generation, _events = false, _waiters = false, server = server, destroyed = false,
  }, metatable)
  facts_of(socket)
  sockets[slot] = socket
  return socket
end

local function emit_close(self)
  local err = self._error
  if err then emit(self, "error", nil, err) end
  self._close_told = true
  emit(self, "close", nil, err ~= nil)
end

--- From the dispatcher: the connection on that slot is gone.
function module.gone(slot, generation)
  local socket = sockets[slot]
  if not socket or socket._generation ~= generation then return end
  sockets[slot] = nil
  socket._gone, socket.destroyed = true, true
  if socket._timer then socket._timer:close() end
  put_tick(emit_close, socket)
end

function Socket:_happened(name)
  if name == "close" and self._close_told then return true end
  if self._gone then return true, nil, self:_closed_error() end
  return false
end

--- Ends the connection at once. err: for an 'error' before 'close'.
function Socket:destroy(err)
  if self.destroyed then return self end
  self.destroyed = true
  if err ~= nil then self._error = errors.from(err) end
  local session = module.sessions[self._slot]
  if session then
    session:destroy(err)
  elseif not native.session_dismiss(self._slot, self._generation, "") then
    core.session_destroy(self._slot, self._generation, 0) -- HTTP/2 stands, and nobody heard of it yet
  end
  return self
end

--- Ends the connection in order: behind data (a text of at most 16 KiB, only when HTTP/2 did not begin on it), or
-- as session:close() does.
function Socket:finish(data)
  if data ~= nil then errors.check_type(data, "data", "string") end
  local session = module.sessions[self._slot]
  if session then
    if data ~= nil then errors.throw("ERR_HTTP2_NO_SOCKET_MANIPULATION") end
    session:close()
  elseif not self.destroyed then
    if data ~= nil and #data > 16384 then
      error(errors.new("ERR_OUT_OF_RANGE", "the last words on a connection are at most 16384 bytes"), 0)
    end
    if not native.session_dismiss(self._slot, self._generation, data or "") then return self:destroy() end
    self.destroyed = true
  end
  return self
end
Socket.end_ = Socket.finish
Socket["end"] = Socket.finish

for _, name in ipairs { "write", "read", "pause", "resume", "pipe", "setEncoding" } do
  Socket[name] = function() errors.throw("ERR_HTTP2_NO_SOCKET_MANIPULATION") end
end

--- 'timeout' when the connection still is what it is after ms milliseconds; 0 ends that.
function Socket:setTimeout(ms, callback)
  errors.check_range(ms, "msecs", 0, 2147483647)
  local session = module.sessions[self._slot]
  if session then
    session:setTimeout(ms, callback)
    return self
  end
  if self._timer then self._timer:close() end
  self._timer = nil
  if ms == 0 or self.destroyed then return self end
  if callback then self:once("timeout", callback) end
  self._timer = task.timer(ms, function()
    self._timer = nil
    if not self.destroyed then emit(self, "timeout", nil) end
  end):unref()
  return self
end

function Socket:setNoDelay() return self end -- it always is

function Socket:ref()
  core.session_ref(self._slot, self._generation, true)
  return self
end

function Socket:unref()
  core.session_ref(self._slot, self._generation, false)
  return self
end

--- Our end: {address=, family=, port=}.
function Socket:address()
  local facts = facts_of(self)
  if not facts or not facts.localAddress then return {} end
  return { address = facts.localAddress, family = facts.localFamily, port = facts.localPort }
end

--- The peer's certificate as a table, empty when it showed none; nil when the connection is gone.
function Socket:getPeerCertificate()
  if self._gone then return nil end
  return native.session_certificate(self._slot, self._generation, false) or {}
end

--- The same for ours.
function Socket:getCertificate()
  if self._gone then return nil end
  return native.session_certificate(self._slot, self._generation, true) or {}
end

function Socket:getCipher()
  local facts = facts_of(self)
  if not facts or not facts.cipher then return nil end
  return { name = facts.cipher, standardName = facts.cipherStandardName, version = facts.tlsVersion }
end

function Socket:getProtocol()
  local facts = facts_of(self)
  return facts and facts.tlsVersion
end

function Socket:isSessionReused()
  local facts = facts_of(self)
  return facts and facts.resumed or false
end

-- --- session.socket.

local SESSION = {} -- key of the session in a view
local forbidden, of_session = {}, { destroy = true, setTimeout = true, ref = true, unref = true }
local names = "emit end_ end finish pause read resume write send pipe setEncoding setKeepAlive setNoDelay"
for name in names:gmatch "%S+" do
  forbidden[name] = true
end

local view = {}

local function real_of(session)
  if session.destroyed then errors.throw("ERR_HTTP2_SOCKET_UNBOUND") end
  return module.get(session._slot, session._generation, session.server)
end

function view:__index(key)
  local session = rawget(self, SESSION)
  if of_session[key] then
    return function(_, ...) return session[key](session, ...) end
  end
  if forbidden[key] then errors.throw("ERR_HTTP2_NO_SOCKET_MANIPULATION") end
  local real = real_of(session)
  local value = real[key]
  if type(value) ~= "function" or rawget(real, key) ~= nil then return value end
  return function(first, ...)
    local result = value(rawequal(first, self) and real or first, ...)
    if rawequal(result, real) then return self end
    return result
  end
end

function view:__newindex(key, value)
  local session = rawget(self, SESSION)
  if forbidden[key] or key == "destroy" then errors.throw("ERR_HTTP2_NO_SOCKET_MANIPULATION") end
  if of_session[key] then
    session[key] = value
  else
    real_of(session)[key] = value
  end
end

function view:__tostring()
  return "Http2Socket of " .. tostring(rawget(self, SESSION))
end

--- The view of a session: facts can be read; what would disturb the protocol is refused; destroy, setTimeout,
-- ref and unref are the session's. When the session has ended, nothing can be read (ERR_HTTP2_SOCKET_UNBOUND).
function module.view(session)
  return setmetatable({ [SESSION] = session }, view)
end

return module
