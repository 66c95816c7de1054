--- http2.origins: ALTSVC (RFC 7838) and ORIGIN (RFC 8336): what server sessions say, what client sessions know.
local core = require "perigee.core"
local emitter = require "perigee.emitter"
local errors = require "http2.errors"

local emit = emitter.emit

local origins = {}

local PAYLOAD_MAX = 16382
local SETS_MAX = 128

local default_ports = { http = 80, https = 443, ws = 80, wss = 443, ftp = 21 }

local function invalid(url)
  local err = errors.new("ERR_INVALID_URL", "Invalid URL")
  err.name, err.input = "TypeError", url
  error(err, 0)
end

--- The origin of a URL as text: "https://example.org:8443"; "null" when its scheme has none.
function origins.of(url)
  local scheme, rest = url:match "^%s*(%a[%w+.-]*):(.*)$"
  if not scheme then invalid(url) end
  scheme = scheme:lower()
  if not default_ports[scheme] then return "null" end
  local authority = rest:match "^[/\\]*([^/?#\\]*)"
  authority = authority:gsub("^.*@", "")
  local host, port = authority:match "^(%[[%x:.]+%])(.*)$"
  if not host then host, port = authority:match "^([^:]*)(.*)$" end
  if host == "" or (port ~= "" and not port:find "^:%d*$") or host:find "[%c%s<>^|%%\"`{}]" then invalid(url) end
  host = host:lower()
  port = tonumber(port:sub(2))
  if port and port > 65535 then invalid(url) end
  if port == nil or port == default_ports[scheme] then return scheme .. "://" .. host end
  return ("%s://%s:%d"):format(scheme, host, port)
end

-- A string, or a table with a field origin.
local function origin_of(given, name, code)
  local text
  if type(given) == "string" then
    text = origins.of(given)
  elseif type(given) == "table" and given.origin ~= nil then
    text = given.origin
    if type(text) ~= "string" then errors.throw(code) end
  else
    errors.check_type(given, name, "string")
  end
  if text == "null" or text == "" then errors.throw(code) end
  return text
end

-- --- Server sessions.

local server = {}
origins.server_methods = server

local function when_open(self, fn)
  if self.destroyed then errors.throw("ERR_HTTP2_INVALID_SESSION") end
  if self.connecting then
    self:once("connect", fn)
  else
    fn()
  end
end

--- Sends ALTSVC. alt: the field value (RFC 7838 3). origin_or_stream: a URL, a table with origin, or the number
-- of a stream.
function server:altsvc(alt, origin_or_stream)
  if self.destroyed then errors.throw("ERR_HTTP2_INVALID_SESSION") end
  errors.check_type(alt, "alt", "string")
  if alt:find "[%z\1-\8\10-\31\92\127]" then errors.throw("ERR_INVALID_CHAR", "alt") end
  local id, origin = 0, ""
  if type(origin_or_stream) == "number" then
    id = errors.check_range(origin_or_stream, "originOrStream", 1, 2147483647)
  else
    origin = origin_of(origin_or_stream, "originOrStream", "ERR_HTTP2_ALTSVC_INVALID_ORIGIN")
  end
  if #origin + #alt > PAYLOAD_MAX then errors.throw("ERR_HTTP2_ALTSVC_LENGTH") end
  when_open(self, function() core.session_altsvc(self._slot, self._generation, id, origin, alt) end)
end

--- Sends ORIGIN: the origins that this connection may be used for. Each is a URL or a table with origin.
function server:origin(...)
  if self.destroyed then errors.throw("ERR_HTTP2_INVALID_SESSION") end
  local n = select("#", ...)
  if n == 0 then return end
  local parts, length = {}, 0
  for i = 1, n do
    local origin = origin_of((select(i, ...)), "origin", "ERR_HTTP2_INVALID_ORIGIN")
    parts[i] = string.char(math.floor(#origin / 256), #origin % 256) .. origin
    length = length + #parts[i]
    if length > PAYLOAD_MAX then errors.throw("ERR_HTTP2_ORIGIN_LENGTH") end
  end
  local packed = table.concat(parts)
  when_open(self, function() core.session_origin(self._slot, self._generation, packed) end)
end

-- --- Client sessions.

local client, client_getters = {}, {}
origins.client_methods, origins.client_getters = client, client_getters

-- The set: list and index; it begins with the origin that we connected to (RFC 8336 2.3).
local function set_of(self)
  local set = self._origins
  if not set then
    local socket = self.socket
    local host = socket.servername or (self._servername ~= "" and self._servername) or socket.remoteAddress or ""
    if host:find ":" then host = "[" .. host .. "]" end
    local first = origins.of(("https://%s:%s"):format(host, socket.remotePort or ""))
    set = { first, [first] = true }
    self._origins = set
  end
  return set
end

--- The origins that the server says this TLS connection may be used for; nil without TLS and after the end.
function client_getters:originSet()
  if self.destroyed or not self.encrypted then return nil end
  local set, list = set_of(self), {}
  for i = 1, #set do list[i] = set[i] end
  return list
end

--- From the dispatcher: ORIGIN. packed: as the frame has them.
function client:_on_origin(packed)
  if not self.encrypted then return end
  local set, list, at = set_of(self), {}, 1
  while at + 1 <= #packed do
    local length = packed:byte(at) * 256 + packed:byte(at + 1)
    local origin = packed:sub(at + 2, at + 1 + length)
    at = at + 2 + length
    list[#list + 1] = origin
    if not set[origin] then
      if #set >= (self._max_origins or SETS_MAX) then
        self:destroy(errors.make("ERR_HTTP2_TOO_MANY_ORIGINS", self._max_origins or SETS_MAX))
        return
      end
      set[#set + 1] = origin
      set[origin] = true
    end
  end
  emit(self, "origin", nil, list)
end

--- From the dispatcher: ALTSVC.
function client:_on_altsvc(id, origin, value)
  emit(self, "altsvc", nil, value, origin, id)
end

--- The server answered 421 (RFC 9110 15.5.20): it is not the right one for that authority.
function client:_on_misdirected(authority)
  if not authority or not self.encrypted then return end
  local set = set_of(self)
  local ok, origin = pcall(origins.of, "https://" .. authority)
  if not ok or not set[origin] then return end
  set[origin] = nil
  for i = 1, #set do
    if set[i] == origin then
      table.remove(set, i)
      break
    end
  end
end

return origins
