--- http2.options: what createServer, createSecureServer and connect take, checked: an unknown name is
-- an error that tells the nearest known one. Turned into the numbers of daemon/script/bind_options.c.
local errors = require "http2.errors"
local settings = require "http2.settings"
local compat_object = require "http2.compat_object"

local options = {}

local U32 = 4294967295

-- name -> type, or {low, high} of a whole number
local both = {
  settings = "table",
  maxHeaderListPairs = { 0, U32 },
  maxSettings = { 1, U32 },
  maxOutstandingPings = { 0, U32 },
  maxOutstandingSettings = { 1, U32 },
  maxSessionMemory = "number or string",
  maxSessionRejectedStreams = { 0, U32 },
  paddingStrategy = { 0, 2 },
  remoteCustomSettings = "table",
  maxSessionInvalidFrames = { 0, U32 },
  streamResetBurst = { 0, U32 },
  streamResetRate = { 0, U32 },
  maxDeflateDynamicTableSize = { 0, U32 },
  maxSendHeaderBlockLength = { 1, U32 },
  peerMaxConcurrentStreams = { 0, U32 },
  strictFieldWhitespaceValidation = "boolean",
  strictSingleValueFields = "boolean",
  noDelay = "boolean", -- always on
  keepAlive = "boolean",
  keepAliveInitialDelay = { 0, U32 },
  allowHalfOpen = "boolean", -- HTTP/2 has no half-open connections
}

-- What a secure context is made of (createSecureContext), and what its user adds.
local context = {
  key = "pem", cert = "pem", ca = "pem", pfx = "pem", crl = "pem", passphrase = "string", ciphers = "string",
  ecdhCurve = "string", sigalgs = "string", minVersion = "string", maxVersion = "string",
  honorCipherOrder = "boolean", secureOptions = { 0, 2 ^ 53 }, sessionIdContext = "string",
  sessionTimeout = { 1, 2147483647 }, ticketKeys = "string",
}

local tls = { rejectUnauthorized = "boolean", ALPNProtocols = "table", servername = "string" }
for name, rule in next, context do tls[name] = rule end

local server_only = {
  SNICallback = "function", ALPNCallback = "function", unknownProtocolTimeout = { 0, U32 },
  maxHeaderSize = { 1, U32 }, timeout = { 0, U32 }, exposeErrors = "boolean",
  handshakeTimeout = { 0, U32 }, headerTimeout = { 0, U32 }, idleTimeout = { 0, U32 },
  requestCert = "boolean", maxConnections = { 0, U32 },
  Http2ServerRequest = "class", Http2ServerResponse = "class",
  origins = "table",
}

local client_only = {
  protocol = "string", host = "string", hostname = "string", port = "any", path = "string",
  family = { 0, 6 }, localAddress = "string", localPort = { 0, 65535 }, timeout = { 0, U32 },
  checkServerIdentity = "function", secureContext = "table",
  createConnection = "function", maxReservedRemoteStreams = { 0, U32 }, maxOriginSetSize = { 1, U32 },
}

-- Named so that the error can say that they are known, and missing.
local later = {
  allowHTTP1 = true, http1Options = true,
  Http1IncomingMessage = true, Http1ServerResponse = true,
  highWaterMark = true, lookup = true, session = true, dhparam = true, secureProtocol = true,
  enableTrace = true, pskCallback = true, clientCertEngine = true, privateKeyEngine = true,
  pauseOnConnect = true,
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
  context = union(tls, { requestCert = "boolean" }),
}

local function check_value(name, value, rule)
  local full = "options." .. name
  if type(rule) == "table" then
    errors.check_range(value, full, rule[1], rule[2])
  elseif rule == "pem" then
    errors.check_type(value, full, "string or table")
  elseif rule == "class" then
    compat_object.check_class(value, name)
  elseif rule ~= "any" then
    errors.check_type(value, full, rule)
  end
end

--- Checks a table of options of one role ("server", "client", or "context" of TLS). Throws at the first that is wrong.
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

local units = { b = 1, kb = 1e3, mb = 1e6, gb = 1e9, kib = 1024, mib = 1048576, gib = 1073741824 }

-- A number of megabytes (10^6 bytes), or text such as "16MiB", in bytes.
local function bytes_of(name, value)
  if value == nil then return nil end
  local bytes = type(value) == "number" and value * 1e6
  if type(value) == "string" then
    local number, unit = value:match "^%s*(%d+%.?%d*)%s*(%a+)%s*$"
    bytes = number and units[unit:lower()] and tonumber(number) * units[unit:lower()]
  end
  if not bytes or bytes < 1 or bytes ~= bytes then
    error(errors.new("ERR_INVALID_ARG_VALUE", ("%s: a number of megabytes, or a text such as \"16MiB\", not %s")
      :format(name, tostring(value))), 0)
  end
  return math.min(math.floor(bytes), U32)
end

--- In a service: the numbers of the configuration's limits, for what a script does not say. server -> name -> number;
-- and the values of SETTINGS that a server begins with, by id.
options.defaults = { [true] = {}, [false] = {} }
options.default_settings = { [3] = 128, [6] = 65536 }

--- The numbers for C. given: checked options.
function options.native(given, server)
  local wanted = given.settings or {}
  local list = settings.to_list(wanted)
  if server then
    local has = {}
    for i = 1, #list do has[list[i][1]] = true end
    for id, value in next, options.default_settings do
      if not has[id] then list[#list + 1] = { id, value } end
    end
    table.sort(list, function(a, b) return a[1] < b[1] end)
  end
  local numbers = {
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
    max_rejected_streams = given.maxSessionRejectedStreams,
    max_reserved_remote_streams = given.maxReservedRemoteStreams,
    session_memory = bytes_of("maxSessionMemory", given.maxSessionMemory),
    strict_whitespace = given.strictFieldWhitespaceValidation,
    padding = given.paddingStrategy,
    custom_settings = settings.custom_ids(given.remoteCustomSettings), -- for the Lua half
    handshake_timeout_ms = given.handshakeTimeout,
    header_timeout_ms = given.headerTimeout,
    idle_timeout_ms = given.idleTimeout,
    -- 0 is at once, as a timer of Node's would have it.
    unknown_protocol_ms = given.unknownProtocolTimeout and math.max(given.unknownProtocolTimeout, 1),
    keep_alive = given.keepAlive,
    keep_alive_s = given.keepAliveInitialDelay and math.floor(given.keepAliveInitialDelay / 1000),
  }
  for name, value in next, options.defaults[server] do
    if numbers[name] == nil then numbers[name] = value end
  end
  return numbers
end

return options
