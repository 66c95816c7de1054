--- http2.compat_head: the head of a response: names and values, piece by piece or all at once. Names are checked when
-- they are set, values when they are sent (C does that on the way).
local log = require "perigee.log"
local errors = require "http2.errors"
local headers = require "http2.headers"

local lower = string.lower

local methods = {}
local head = { methods = methods }

local pseudo = {
  [":status"] = true, [":method"] = true, [":path"] = true, [":authority"] = true, [":scheme"] = true,
  [":protocol"] = true,
}

-- name as written -> in lower case and without blanks around it, for names that passed the check.
local known, known_count = {}, 0
local KNOWN_MAX = 1024

local function small_name(name)
  errors.check_type(name, "name", "string")
  return (lower(name:match "^%s*(.-)%s*$"))
end

local function check_name(name)
  local small = small_name(name)
  if pseudo[small] then errors.throw("ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED") end
  if small:byte(1) == 58 then errors.throw("ERR_HTTP2_INVALID_PSEUDOHEADER", small) end
  if not small:find "^[%w!#$%%&'*+%-.^_`|~]+$" then errors.throw("ERR_INVALID_HTTP_TOKEN", name) end
  if known_count < KNOWN_MAX then
    known_count = known_count + 1
    known[name] = small
  end
  return small
end

local warned = {}

-- Logs a text once in the life of the process.
local function warn_once(text)
  if warned[text] then return end
  warned[text] = true
  log.warn(text)
end

--- Logs that HTTP/2 has no status message.
function head.warn_message()
  warn_once "the status message has no meaning in HTTP/2 and was dropped"
end

--- Checks name and value as they come from the script. Returns the name as sent; nil when the field is dropped.
local function check(name, value)
  local small = known[name] or check_name(name)
  if value == nil then errors.throw("ERR_HTTP2_INVALID_HEADER_VALUE", "nil", small) end
  if small == "connection" then
    warn_once "the header \"connection\" has no meaning in HTTP/2 and was dropped"
    return nil
  end
  return small
end
head.check = check

-- The name for a look-up.
local function find(name)
  return known[name] or small_name(name)
end

-- Old and new values as one list of its own. Either may be a list.
local function joined(old, new)
  local list = {}
  for _, values in ipairs { old, new } do
    if type(values) == "table" then
      for i = 1, #values do list[#list + 1] = values[i] end
    else
      list[#list + 1] = values
    end
  end
  return list
end

--- The `link` of early hints as one text; nil when there is none. Throws unless its parts look like
-- "</styles.css>; rel=preload; as=style".
function head.link(value)
  local parts = type(value) == "table" and value or { value }
  local function refuse()
    error(errors.new("ERR_INVALID_ARG_VALUE", "The argument 'hints' must have a link, a list or string of the form " ..
      "\"</styles.css>; rel=preload; as=style\""), 0)
  end
  if value == nil then refuse() end
  for i = 1, #parts do
    local part = parts[i]
    if type(part) ~= "string" then refuse() end
    local rest = part:match "^<[^>]*>(.*)$"
    while rest and rest ~= "" do
      rest = rest:match "^%s*;%s*[^;\"%s]+=\"[^;\"%s]*\"(.*)$" or rest:match "^%s*;%s*[^;\"%s]+(.*)$"
    end
    if not rest then refuse() end
  end
  return #parts > 0 and table.concat(parts, ", ") or nil
end

-- --- Methods of a response.

local function check_unsent(self)
  if self.stream.headersSent then errors.throw("ERR_HTTP2_HEADERS_SENT") end
end

local function put(self, name, value)
  local t, names = self._headers, self._names
  if not names then
    t, names = self._headers or {}, {}
    self._headers, self._names = t, names
  end
  if t[name] == nil then names[#names + 1] = name end
  t[name] = value
end

--- Sets a field of the head; a list sends one field for each element. Throws ERR_HTTP2_HEADERS_SENT late.
function methods:setHeader(name, value)
  if self.stream.headersSent then check_unsent(self) end
  local small = check(name, value)
  if small then put(self, small, value) end
  return self
end

--- Adds a value to those that the field has.
function methods:appendHeader(name, value)
  check_unsent(self)
  local small = check(name, value)
  if not small then return self end
  local t = self._headers
  if t and t[small] ~= nil then value = joined(t[small], value) end
  put(self, small, value)
  return self
end

function methods:getHeader(name)
  local small = find(name)
  if not self._headers then return nil end
  return self._headers[small]
end

function methods:hasHeader(name)
  return self:getHeader(name) ~= nil
end

--- The names in the order they were set; ":status" is the last once the head is sent.
function methods:getHeaderNames()
  local out = {}
  for i, name in ipairs(self._names or {}) do out[i] = name end
  if self._headers and self._headers[":status"] then out[#out + 1] = ":status" end
  return out
end

--- A copy of the fields.
function methods:getHeaders()
  local out = {}
  for name, value in next, self._headers or {} do out[name] = value end
  return out
end

function methods:removeHeader(name)
  local small = find(name)
  check_unsent(self)
  local t, names = self._headers, self._names
  if small == "date" then self.sendDate = false end
  if not t or t[small] == nil then return self end
  t[small] = nil
  for i = 1, #names do
    if names[i] == small then
      table.remove(names, i)
      break
    end
  end
  return self
end

-- {name, value, name, value, …} or {{name, value}, …}: they take the place of what was set, and keep duplicates.
local function put_list(self, list)
  local nested = type(list[1]) == "table"
  if not nested and #list % 2 == 1 then
    error(errors.new("ERR_INVALID_ARG_VALUE", "a flat header list has names and values in turn"), 0)
  end
  local step = nested and 1 or 2
  for i = 1, #list, step do self:removeHeader(nested and list[i][1] or list[i]) end
  for i = 1, #list, step do
    if nested then
      self:appendHeader(list[i][1], list[i][2])
    else
      self:appendHeader(list[i], list[i + 1])
    end
  end
end

local function put_all(self, t)
  errors.check_type(t, "headers", "table")
  if t[1] ~= nil then return put_list(self, t) end
  for name, value in next, headers.fill(t) do
    if name == headers.sensitive then
      if not self._headers then self._headers = {} end
      self._headers[name] = value
    else
      local small = check(name, value)
      if small then put(self, small, value) end
    end
  end
end

local dated = { [false] = { endStream = false }, [true] = { endStream = true } }
local undated = {
  [false] = { endStream = false, sendDate = false }, [true] = { endStream = true, sendDate = false },
}

--- Sends the head: writeHead(status[, message][, headers]); message is for HTTP/1. headers, a table or a list, go over
-- those set before. Throws ERR_HTTP2_HEADERS_SENT the second time, ERR_HTTP2_STATUS_INVALID.
function methods:writeHead(status, message, t)
  local ends = self._ends_head
  self._ends_head = false
  local stream = self.stream
  if stream.destroyed or stream.closed then return self end
  if stream.headersSent then check_unsent(self) end
  if type(message) == "string" then
    head.warn_message()
  elseif t == nil then
    t = message
  end
  if t ~= nil then put_all(self, t) end
  t = self._headers
  if not t then
    t = {}
    self._headers = t
  end
  if status == nil then status = self._status end
  t[":status"] = status
  stream:respond(t, (self.sendDate and dated or undated)[ends])
  self._status = tonumber(status) or self._status
  return self
end

--- Sends the head as it is now.
function methods:flushHeaders()
  if not self.stream.headersSent then self:writeHead(self._status) end
end

return head
