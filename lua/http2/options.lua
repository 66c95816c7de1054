--- http2.options: what createServer, createSecureServer and connect take, checked: an unknown name is
-- an error that tells the nearest known one. Turned into the numbers of daemon/script/bind_options.c.
local native = require "perigee.native"
local errors = require "http2.errors"
local settings = require "http2.settings"
local compat_object = require "http2.compat_object"

local options = {}

local U32 = 4294967295

-- name -> type, or {low, high} of a whole number
local both = {
  settings = "table",
  maxHeaderListPairs = { 1, U32 },
  maxSettings = { 1, U32 },
  maxOutstandingPings = { 0, U32 },
  maxSessionInvalidFrames = { 0, U32 },
  streamResetBurst = { 0, U32 },
  streamResetRate = { 0, U32 },
  maxDeflateDynamicTableSize = { 0, U32 },
  maxSendHeaderBlockLength = { 1, U32 },
  peerMaxConcurrentStreams = { 0, U32 },
  strictFieldWhitespaceValidation = "boolean",
  strictSingleValueFields = "boolean",
  noDelay = "boolean", -- always on
}

local tls = {
  key = "pem", cert = "pem", ca = "pem", passphrase = "string", ciphers = "string",
  ecdhCurve = "string", minVersion = "string", maxVersion = "string", rejectUnauthorized = "boolean",
  ALPNProtocols = "table", servername = "string",
}

local server_only = {
  maxHeaderSize = { 1, U32 }, timeout = { 0, U32 }, exposeErrors = "boolean",
  handshakeTimeout = { 0, U32 }, headerTimeout = { 0, U32 }, idleTimeout = { 0, U32 },
  requestCert = "boolean", maxConnections = { 0, U32 },
  Http2ServerRequest = "class", Http2ServerResponse = "class",
}

local client_only = {
  protocol = "string", host = "string", hostname = "string", port = "any", path = "string",
}

-- Named so that the error can say that they are known, and missing.
local later = {
  allowHTTP1 = true, http1Options = true, pfx = true, SNICallback = true, ALPNCallback = true,
  createConnection = true, paddingStrategy = true, remoteCustomSettings = true, origins = true,
  Http1IncomingMessage = true, Http1ServerResponse = true,
  maxReservedRemoteStreams = true, maxOriginSetSize = true,
  maxSessionMemory = true, maxOutstandingSettings = true, maxSessionRejectedStreams = true,
  unknownProtocolTimeout = true, keepAlive = true, keepAliveInitialDelay = true, highWaterMark = true,
}

local function union(...)
  local out = {}
  for i = 1, select("#", ...) do
    for name, rule in next, (select(i, ...)) do out[name] = rule end
  end
  return out
end

local rules = {
  server = union(both, tls, server_only),
  client = union(both, tls, client_only),
}

local function check_value(name, value, rule)
  if type(rule) == "table" then
    errors.check_range(value, name, rule[1], rule[2])
  elseif rule == "pem" then
    errors.check_type(value, name, "string or table")
  elseif rule == "class" then
    compat_object.check_class(value, name)
  elseif rule ~= "any" then
    errors.check_type(value, name, rule)
  end
end

--- Checks a table of options of one role ("server", "client"). Throws at the first that is wrong.
function options.check(given, role, what)
  local known = rules[role]
  for name, value in next, given do
    local rule = known[name]
    if not rule then
      -- A switch that says no to what is missing asks for nothing.
      if later[name] and value ~= false then errors.throw("ERR_PERIGEE_NOT_SUPPORTED", "the option " .. name) end
      if not later[name] then
        local near = errors.nearest(tostring(name), union(known, later))
        error(errors.new("ERR_INVALID_ARG_VALUE", ("unknown option %q given to %s%s"):format(tostring(name),
          what, near and (" (did you mean %q?)"):format(near) or "")), 0)
      end
    else
      check_value(name, value, rule)
    end
  end
end

local function pem(value)
  if type(value) == "table" then return table.concat(value, "\n") end
  return value
end

--- A TLS context of these options. Throws what is wrong with certificate, key, names or versions.
function options.tls_context(given, server)
  if server and not given.cert then
    error(errors.new("ERR_TLS_CERT", "createSecureServer needs the option \"cert\": a PEM text"), 0)
  end
  if server and not given.key then
    error(errors.new("ERR_TLS_KEY", "createSecureServer needs the option \"key\": a PEM text"), 0)
  end
  local context, code, text = native.tls_context {
    server = server,
    certificate = pem(given.cert), key = pem(given.key), ca = pem(given.ca),
    passphrase = given.passphrase, ciphers = given.ciphers, groups = given.ecdhCurve,
    min_version = given.minVersion, max_version = given.maxVersion,
    alpn = given.ALPNProtocols and table.concat(given.ALPNProtocols, ",") or "h2",
    request_certificate = given.requestCert,
    verify_peer = given.rejectUnauthorized ~= false and (not server or given.requestCert) or false,
  }
  if not context then error(errors.new(code, text), 0) end
  return context
end

--- The numbers for C. given: checked options.
function options.native(given, server)
  local wanted = given.settings or {}
  local list = settings.to_list(wanted)
  if server then
    local has = {}
    for i = 1, #list do has[list[i][1]] = true end
    if not has[3] then list[#list + 1] = { 3, 128 } end
    if not has[6] then list[#list + 1] = { 6, 65536 } end
    table.sort(list, function(a, b) return a[1] < b[1] end)
  elseif wanted.enablePush == nil then
    list[#list + 1] = { 2, 0 }
    table.sort(list, function(a, b) return a[1] < b[1] end)
  end
  return {
    settings = list,
    max_header_list_bytes = given.maxHeaderSize or wanted.maxHeaderListSize or wanted.maxHeaderSize,
    max_header_pairs = given.maxHeaderListPairs and math.max(given.maxHeaderListPairs, server and 4 or 1),
    max_settings = given.maxSettings,
    peer_max_concurrent_streams = given.peerMaxConcurrentStreams,
    max_deflate_table_bytes = given.maxDeflateDynamicTableSize,
    max_send_block_bytes = given.maxSendHeaderBlockLength,
    reset_burst = given.streamResetBurst,
    reset_rate = given.streamResetRate,
    max_invalid_frames = given.maxSessionInvalidFrames,
    handshake_timeout_ms = given.handshakeTimeout,
    header_timeout_ms = given.headerTimeout,
    idle_timeout_ms = given.idleTimeout,
  }
end

return options
