--- http2.listening: the forms of server:listen().
local cancel = require "http2.cancel"
local errors = require "http2.errors"

local listening = {}

local function shown(value)
  if type(value) == "string" then return ("type string ('%s')"):format(value) end
  return ("type %s (%s)"):format(type(value), tostring(value))
end

local function check_port(value)
  local port = tonumber(value)
  if not port or port < 0 or port > 65535 or port % 1 ~= 0 then
    error(errors.named("RangeError", "ERR_SOCKET_BAD_PORT",
      ("options.port should be >= 0 and < 65536. Received %s."):format(shown(value))), 0)
  end
  return port
end

local function invalid(text)
  error(errors.named("TypeError", "ERR_INVALID_ARG_VALUE", "The argument 'options' " .. text), 0)
end

-- listen {port=, host=, path=, fd=, backlog=, exclusive=, readableAll=, writableAll=, ipv6Only=}. There is one
-- process, so exclusive changes nothing.
local function of_table(given)
  local where = {
    backlog = given.backlog, ipv6_only = given.ipv6Only, readable_all = given.readableAll,
    writable_all = given.writableAll,
    signal = given.signal ~= nil and cancel.check(given.signal, "options.signal") or nil,
  }
  if type(given.fd) == "number" and given.fd >= 0 then
    where.fd = given.fd
  elseif type(given.port) == "number" or type(given.port) == "string" then
    where.port, where.host = check_port(given.port), given.host
  elseif given.port == nil and type(given.path) == "string" then
    where.path = given.path
  elseif given.port == nil and given.path == nil then
    invalid 'must have the property "port" or "path"'
  else
    invalid "is invalid: port must be a number, path a string"
  end
  return where
end

--- What arguments of listen() mean: {port=, host=, path=, fd=, backlog=, …}, callback or nil. Throws what is wrong.
function listening.parse(...)
  local n = select("#", ...)
  local first, second, third = ...
  local callback = n > 0 and select(n, ...) or nil
  if type(callback) ~= "function" then callback = nil end
  local where
  if type(first) == "table" then
    where = of_table(first)
  elseif type(first) == "string" and not tonumber(first) then
    where = { path = first, backlog = type(second) == "number" and second or nil }
  elseif first == nil or type(first) == "function" or type(first) == "number" or type(first) == "string" then
    where = { port = type(first) == "function" and 0 or check_port(first or 0) }
    if type(second) == "string" then where.host = second end
    if type(second) == "number" then where.backlog = second end
    if type(third) == "number" then where.backlog = third end
  else
    invalid("is invalid. Received " .. tostring(first))
  end
  if where.host ~= nil then errors.check_type(where.host, "host", "string") end
  if where.backlog ~= nil then errors.check_range(where.backlog, "backlog", 0, 2147483647) end
  if where.host == "localhost" then where.host = "127.0.0.1" end
  return where, callback
end

--- Is it a name that must be looked up?
function listening.is_name(host)
  return host ~= nil and host ~= "" and not host:find(":", 1, true) and not host:find "^%d+%.%d+%.%d+%.%d+$"
end

return listening
