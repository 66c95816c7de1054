--- http2.secure: TLS contexts out of options, and the decisions that a script makes in a handshake.
local native = require "perigee.native"
local task = require "perigee.task"
local failure = require "perigee.failure"
local errors = require "http2.errors"
local options = require "http2.options"

local secure = {}

-- --- Contexts.

local function list_of(value, key)
  if value == nil then return {} end
  if type(value) ~= "table" or value[key] ~= nil then return { value } end
  return value
end

-- An entry of key or pfx: a text, or {pem=|buf=, passphrase=}.
local function entry_of(entry, key, passphrase, name)
  if type(entry) == "table" then entry, passphrase = entry[key], entry.passphrase or passphrase end
  errors.check_type(entry, name, "string")
  return entry, passphrase
end

-- The certificates with their keys. Several keys: one for each certificate, in the same order.
local function identities(given)
  local keys, certs, out = list_of(given.key, "pem"), list_of(given.cert, "pem"), {}
  for i = 1, #certs do errors.check_type(certs[i], "options.cert", "string") end
  if #keys <= 1 and (#keys > 0 or #certs > 0) then
    local key, passphrase
    if keys[1] then key, passphrase = entry_of(keys[1], "pem", given.passphrase, "options.key") end
    out[1] = { key = key, passphrase = passphrase, certificate = #certs > 0 and table.concat(certs, "\n") or nil }
  elseif #keys > 1 then
    if #keys ~= #certs then
      error(errors.new("ERR_INVALID_ARG_VALUE", ("the options \"key\" and \"cert\" are lists of %d and %d entries; "
        .. "they must be of the same length, one certificate for each key"):format(#keys, #certs)), 0)
    end
    for i = 1, #keys do
      local key, passphrase = entry_of(keys[i], "pem", given.passphrase, "options.key")
      out[i] = { key = key, passphrase = passphrase, certificate = certs[i] }
    end
  end
  local bundles = list_of(given.pfx, "buf")
  for i = 1, #bundles do
    local pfx, passphrase = entry_of(bundles[i], "buf", given.passphrase, "options.pfx")
    out[#out + 1] = { pfx = pfx, passphrase = passphrase }
  end
  return out
end

local function joined(value)
  if type(value) == "table" then return table.concat(value, "\n") end
  return value
end

local function check_ticket_keys(keys, name)
  errors.check_type(keys, name, "string")
  if #keys ~= 48 then
    error(errors.named("TypeError", "ERR_INVALID_ARG_VALUE",
      ("The property '%s' must be exactly 48 bytes. Received %d"):format(name, #keys)), 0)
  end
end

-- Throws what is wrong with certificate, key, names or versions.
local function make(given, server)
  local more = identities(given)
  if given.ticketKeys ~= nil then check_ticket_keys(given.ticketKeys, "options.ticketKeys") end
  local context, code, text = native.tls_context {
    server = server, more = more,
    ca = joined(given.ca), crl = joined(given.crl), ciphers = given.ciphers,
    groups = given.ecdhCurve ~= "auto" and given.ecdhCurve or nil, signatures = given.sigalgs,
    min_version = given.minVersion, max_version = given.maxVersion,
    alpn = not given.ALPNCallback and
      (given.ALPNProtocols and table.concat(given.ALPNProtocols, ",") or "h2") or nil,
    request_certificate = given.requestCert,
    verify_peer = given.rejectUnauthorized ~= false and (not server or given.requestCert) or false,
    any_name = given.checkServerIdentity ~= nil,
    client_order = given.honorCipherOrder == false,
    flags = given.secureOptions, session_timeout_s = given.sessionTimeout,
    session_name = given.sessionIdContext,
    asks_name = given.SNICallback ~= nil, asks_protocol = given.ALPNCallback ~= nil,
  }
  if not context then error(errors.new(code, text), 0) end
  if given.ticketKeys then native.tls_set_ticket_key(context, given.ticketKeys) end
  return context
end

local SecureContext = {}
SecureContext.__index = SecureContext
function SecureContext.__tostring() return "SecureContext" end

local function is_context(value)
  return type(value) == "table" and getmetatable(value) == SecureContext
end

local function copy_of(t)
  local copy = {}
  for name, value in next, t do copy[name] = value end
  return copy
end

--- tls.createSecureContext(): for SNICallback, addContext, setSecureContext, and secureContext of connect().
-- What is wrong with the options is thrown here.
function secure.create_context(given)
  given = given or {}
  errors.check_type(given, "options", "table")
  options.check(given, "context", "createSecureContext")
  local self = setmetatable({ _given = copy_of(given) }, SecureContext)
  if given.key or given.cert or given.pfx then
    self._server = make(given, true)
  else
    self._client = make(given, false)
  end
  return self
end

-- C's context of a role, of a SecureContext or of options. As a certificate for a name it asks nobody.
local function native_of(value)
  if not is_context(value) then value = secure.create_context(value) end
  if not value._server then value._server = make(value._given, true) end
  return value._server
end

local of_server = { "requestCert", "rejectUnauthorized", "ALPNProtocols", "ALPNCallback", "SNICallback" }

-- The options of a context, with what belongs to the server or client that uses it.
local function merge(given, base)
  if is_context(given) then given = given._given end
  local merged = copy_of(given)
  for _, name in ipairs(of_server) do
    if merged[name] == nil then merged[name] = base[name] end
  end
  return merged
end

--- Do the options have no certificate, nor a way to one?
function secure.is_bare(given)
  return given.cert == nil and given.key == nil and given.pfx == nil and given.SNICallback == nil
end

--- C's context of a server's options, checked.
function secure.of_server(given)
  if given.ALPNCallback ~= nil and given.ALPNProtocols ~= nil then
    errors.throw("ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS")
  end
  local has_other = given.pfx ~= nil or given.SNICallback ~= nil
  if given.cert == nil and (given.key ~= nil or not has_other) then
    error(errors.new("ERR_TLS_CERT", "createSecureServer needs the option \"cert\": a PEM text"), 0)
  end
  if given.key == nil and (given.cert ~= nil or not has_other) then
    error(errors.new("ERR_TLS_KEY", "createSecureServer needs the option \"key\": a PEM text"), 0)
  end
  return make(given, true)
end

--- C's context of a client's options, checked.
function secure.of_client(given)
  if given.secureContext ~= nil then given = merge(given.secureContext, given) end
  return make(given, false)
end

-- --- What a secure server can be told at run time.

local methods = {}

--- Clients that ask for hostname ("example.org", "*.example.org") see another certificate. context: options of
-- createSecureContext(), or one that it made.
function methods:addContext(hostname, context)
  if hostname == nil or hostname == "" then errors.throw("ERR_TLS_REQUIRED_SERVER_NAME") end
  errors.check_type(hostname, "hostname", "string")
  errors.check_type(context, "context", "table")
  local other = native_of(context)
  if not native.tls_add_name(self._numbers.tls, hostname, other) then
    error(errors.new("ERR_INVALID_ARG_VALUE",
      ("hostname: expected a name such as example.org or *.example.org, found %q"):format(hostname)), 0)
  end
  local names = self._names or {}
  self._names = names
  names[#names + 1] = { hostname, other }
end

--- New connections get these certificates; those that stand go on. Names of addContext() and the key of session
-- tickets stay. When the options are wrong it throws, and all stays as it was.
function methods:setSecureContext(given)
  errors.check_type(given, "options", "table")
  if not is_context(given) then options.check(given, "context", "setSecureContext") end
  local context = secure.of_server(merge(given, self._options))
  for _, entry in ipairs(self._names or {}) do native.tls_add_name(context, entry[1], entry[2]) end
  if given.ticketKeys == nil then native.tls_set_ticket_key(context, self._numbers.tls) end
  self._numbers.tls = context
  if self._slot then native.server_tls(self._slot, self._generation, context) end
end

--- The 48 bytes that session tickets are sealed with: other servers that set them resume our clients' sessions.
function methods:getTicketKeys()
  return native.tls_ticket_key(self._numbers.tls)
end

function methods:setTicketKeys(keys)
  check_ticket_keys(keys, "keys")
  native.tls_set_ticket_key(self._numbers.tls, keys)
end

--- For http2.server: the methods, refused where there is no TLS.
function secure.extend(class)
  for name, fn in next, methods do
    class[name] = function(self, ...)
      if not self._secure then
        errors.throw("ERR_PERIGEE_NOT_SUPPORTED", "server:" .. name .. " without TLS (createSecureServer)")
      end
      if not self._numbers.tls then
        errors.throw("ERR_PERIGEE_NOT_SUPPORTED", ("server:%s before listen(), without a certificate"):format(name))
      end
      return fn(self, ...)
    end
  end
end

-- --- SNICallback and ALPNCallback: a client's hello waits for an answer.

local function answer(ask, ...)
  if ask.answered then return end
  ask.answered = true
  native.session_answer(ask.slot, ask.generation, ...)
end

local function refuse(ask, err, about_protocol)
  err = errors.from(err)
  answer(ask, nil, nil, err.code or "ERR_TLS_CALLBACK", err.message, about_protocol)
end

-- In a task of its own, so that it may wait. What it throws ends the handshake.
local function guarded(ask, name, fn, ...)
  local ok, err = xpcall(fn, function(thrown) return { thrown, debug.traceback() } end, ask, ...)
  if ok then return end
  failure.log("error", name .. " failed", err[1], err[2], nil)
  refuse(ask, err[1])
end

local function protocols_of(wire)
  local list, at = {}, 1
  while at <= #wire do
    local length = wire:byte(at)
    list[#list + 1] = wire:sub(at + 1, at + length)
    at = at + 1 + length
  end
  return list
end

local function choose_protocol(ask, context)
  local callback = ask.server._options.ALPNCallback
  if not callback or not ask.protocols then return answer(ask, context, nil) end
  local offered = protocols_of(ask.protocols)
  local chosen = callback { servername = ask.name, protocols = offered }
  if chosen == nil then return answer(ask, context, nil) end
  for i = 1, #offered do
    if offered[i] == chosen and not chosen:find("\0", 1, true) then return answer(ask, context, chosen) end
  end
  refuse(ask, errors.make("ERR_TLS_ALPN_CALLBACK_INVALID_RESULT", tostring(chosen), table.concat(offered, ", ")), true)
end

local function choose_context(ask)
  local callback = ask.server._options.SNICallback
  if not callback or not ask.name then return choose_protocol(ask, nil) end
  local called = false
  local function done(err, context)
    if called then return end
    called = true
    if err then return refuse(ask, err) end
    local found
    if context then
      if type(context) ~= "table" then return refuse(ask, errors.make("ERR_TLS_INVALID_CONTEXT")) end
      local ok, result = pcall(native_of, context)
      if not ok then return refuse(ask, result) end
      found = result
    end
    task.run(nil, guarded, ask, "ALPNCallback", choose_protocol, found)
  end
  -- A context that is returned is as good as one given to the callback.
  local context = callback(ask.name, done)
  if context ~= nil then done(nil, context) end
end

--- From http2.connections: a client said hello. name: its SNI or nil; protocols: its ALPN list as on the wire or nil.
function secure.decide(server, slot, generation, name, protocols)
  local ask = { server = server, slot = slot, generation = generation, name = name, protocols = protocols }
  task.run(nil, guarded, ask, "SNICallback", choose_context)
end

return secure
