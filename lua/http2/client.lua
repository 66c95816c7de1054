--- http2.client: connect(), and requests.
local native = require "perigee.native"
local core = require "perigee.core"
local task = require "perigee.task"
local ticks = require "perigee.ticks"
local timers = require "perigee.timers"
local emitter = require "perigee.emitter"
local cancel = require "http2.cancel"
local errors = require "http2.errors"
local headers = require "http2.headers"
local options = require "http2.options"
local origins = require "http2.origins"
local secure_contexts = require "http2.secure"
local socket_class = require "http2.socket"
local session_class = require "http2.session"
local stream_class = require "http2.stream"

local emit, put_tick = emitter.emit, ticks.put
local CANCEL = 8

local module = {}

-- --- Streams.

local stream_methods, stream_getters = { headersSent = true, _is_client = true }, {}

--- What went out, with the pseudo headers filled in.
function stream_getters:sentHeaders()
  if not self._given then return nil end
  if not self._sent_filled then
    local out = headers.copy(self._given)
    if out[1] ~= nil then out = headers.of_list(out) end
    for name, value in next, self._pseudo_filled do out[name] = value end
    self._sent_filled = out
  end
  return self._sent_filled
end

function stream_getters:bufferSize()
  local waiting = self._waiting
  return (waiting and waiting.bytes or 0) + stream_class.getters.bufferSize(self)
end
stream_getters.writableLength = stream_getters.bufferSize

-- Before the connection stands: bodies wait here.
function stream_methods:_write_pending(data, callback)
  local waiting = self._waiting or { bytes = 0 }
  waiting[#waiting + 1] = data
  waiting.bytes = waiting.bytes + #data
  self._waiting = waiting
  if callback then put_tick(task.run, self, callback) end
  return waiting.bytes <= stream_class.HIGH_MARK or self:_hold_back(waiting.bytes)
end

local function emit_ready(stream)
  if not stream.destroyed then emit(stream, "ready", stream) end
end

-- Hands a request to the protocol. Returns false and ends the stream when it does not take it.
local function submit(session, stream)
  headers.stage_request(stream._given, stream._pseudo_filled, session._strict)
  local slot, generation, id = core.session_request(session._slot, session._generation,
    stream.writableEnded and not stream._waiting and not stream._wait_for_trailers)
  if not slot then
    local code = generation == core.ERR_FULL and "ERR_HTTP2_OUT_OF_STREAMS" or "ERR_HTTP2_GOAWAY_SESSION"
    stream.pending = nil
    stream:destroy(errors.make(code))
    return
  end
  stream._slot, stream._generation, stream.id = slot, generation, id
  stream.pending = nil
  module.streams[slot] = stream
  put_tick(emit_ready, stream)
  local waiting = stream._waiting
  if waiting then
    stream._waiting = nil
    for i = 1, #waiting do core.write(slot, generation, waiting[i]) end -- what is above the high mark drains
    if stream.writableEnded then core.stream_end(slot, generation, stream._wait_for_trailers) end
  elseif stream.writableEnded and stream._wait_for_trailers then
    core.stream_end(slot, generation, true)
  end
  if stream._close_code then
    core.stream_reset(slot, generation, stream._close_code)
    stream._reset_by_us = true
  end
end

function stream_methods:_on_headers(category, t, flags, copy)
  local raw = headers.raw(copy)
  if category == 1 then
    self._response, self._response_flags, self._has_message = t, flags, true
    if flags % 2 == 1 then self._bytes_read = -1 end
    if self._is_push then
      self._session:_on_promise_kept(self)
      emit(self, "push", self, t, flags, raw)
    else
      if t[":status"] == 421 then self._session:_on_misdirected(self._pseudo_filled[":authority"]) end
      emit(self, "response", self, t, flags, raw)
    end
  elseif category == 2 then
    if t[":status"] == 100 then emit(self, "continue", self) end
    emit(self, "headers", self, t, flags, raw)
  else
    self._trailers = t
    emit(self, "trailers", self, t, flags, raw)
  end
end

--- From its parent, which is gone, or a pipe whose source was cut: nobody wants the answer any more.
function stream_methods:_give_up()
  self:close(CANCEL)
  if self.pending then self:destroy() end -- and the request need not leave
end

--- From the dispatcher: see http2.stream. The times stay for `metrics`.
function stream_methods:_on_closed(...)
  self._first_header = core.stream_number(self._slot, self._generation, 6)
  self._times = core.stream_number(self._slot, self._generation, 7)
  return stream_class.methods._on_closed(self, ...)
end

local Stream = stream_class.extend(stream_methods, stream_getters)
module.Stream = Stream

-- --- Sessions.

local session_methods, session_getters = { type = 1 }, {}
for name, fn in next, origins.client_methods do session_methods[name] = fn end
for name, fn in next, origins.client_getters do session_getters[name] = fn end

-- The streams that wait for the connection.
function session_methods:_fail_pending(err, cause)
  local order = self._order
  self._order = {}
  for i = 1, order and #order or 0 do
    local stream = order[i]
    if stream.pending and not stream.destroyed then
      if cause then err.cause = cause end
      stream.closed = true
      stream.rstCode = CANCEL
      stream_class.finish_life(stream, err)
    end
  end
end

local function fail_later(session, code)
  local stream = setmetatable({ _session = session, _slot = 0, _generation = 0 }, Stream)
  session._open = session._open + 1
  stream.closed = true
  stream_class.finish_life(stream, errors.make(code))
  return stream
end

local BODILESS = { GET = true, HEAD = true, DELETE = true }

local request_options = {
  endStream = "boolean", waitForTrailers = "any", parent = "any", signal = "any",
  exclusive = "boolean", weight = "number", silent = "boolean", -- of priorities, which RFC 9113 dropped
}

local function check_connect(pseudo)
  if pseudo[":authority"] == nil then errors.throw("ERR_HTTP2_CONNECT_AUTHORITY") end
  if pseudo[":scheme"] ~= nil then errors.throw("ERR_HTTP2_CONNECT_SCHEME") end
  if pseudo[":path"] ~= nil then errors.throw("ERR_HTTP2_CONNECT_PATH") end
end

local function abort(stream, signal)
  stream:destroy(cancel.error_of(signal))
end

local function check_request_options(given)
  errors.check_type(given, "options", "table")
  for name, value in next, given do
    local rule = request_options[name]
    if rule and rule ~= "any" and type(value) ~= rule then errors.check_type(value, "options." .. name, rule) end
    if not rule then
      local near = errors.nearest(tostring(name), request_options)
      error(errors.new("ERR_INVALID_ARG_VALUE", ("unknown option %q given to request%s"):format(tostring(name),
        near and (" (did you mean %q?)"):format(near) or "")), 0)
    end
  end
  if given.signal ~= nil then cancel.check(given.signal, "options.signal") end
  local parent = given.parent -- a number is of priorities
  if parent ~= nil and type(parent) ~= "number" and not (type(parent) == "table" and parent._is_stream) then
    error(errors.named("TypeError", "ERR_INVALID_ARG_TYPE",
      ('The "options.parent" property must be a stream. Received type %s'):format(type(parent))), 0)
  end
end

--- Opens a stream. t: header table or flat list; :method GET, :path /, :scheme and :authority are filled in.
-- given: endStream (true by default for GET, HEAD, DELETE), waitForTrailers, signal (a token of
-- http2.cancelToken()), parent (a stream that owns it: when that ends abnormally, so does this).
function session_methods:request(t, given)
  t = t or {}
  errors.check_type(t, "headers", "table")
  given = given or {}
  check_request_options(given)
  if self.destroyed then return fail_later(self, "ERR_HTTP2_INVALID_SESSION") end
  if self.closed then return fail_later(self, "ERR_HTTP2_GOAWAY_SESSION") end
  headers.fill(t)
  local get = headers.get
  local pseudo = { [":method"] = get(t, ":method") or "GET", [":protocol"] = get(t, ":protocol") }
  if pseudo[":method"] == "CONNECT" and pseudo[":protocol"] == nil then
    pseudo[":authority"], pseudo[":scheme"], pseudo[":path"] =
      get(t, ":authority"), get(t, ":scheme"), get(t, ":path")
    check_connect(pseudo)
  else
    pseudo[":authority"] = get(t, ":authority") or (get(t, "host") == nil and self._authority or nil)
    pseudo[":scheme"] = get(t, ":scheme") or self._scheme
    pseudo[":path"] = get(t, ":path") or "/"
  end
  headers.stage_request(t, pseudo, self._strict) -- throws what is wrong with it here and now
  local ends = given.endStream
  if ends == nil then ends = BODILESS[pseudo[":method"]] == true end
  local stream = setmetatable({
    _session = self, _slot = 0, _generation = 0, pending = true, _given = t,
    _pseudo_filled = pseudo, writableEnded = ends or nil, headRequest = pseudo[":method"] == "HEAD" or nil,
    _wait_for_trailers = given.waitForTrailers and true or nil,
  }, Stream)
  self._open = self._open + 1
  local signal = given.signal
  if signal then
    if signal.cancelled then
      stream.pending = nil -- nothing of it leaves
      abort(stream, signal)
      return stream
    end
    cancel.add(signal, stream, function() abort(stream, signal) end)
    stream:once("close", function() cancel.forget(signal, stream) end)
  end
  local parent = given.parent
  if type(parent) == "table" then
    cancel.adopt(parent, stream)
    if stream.destroyed then return stream end
  end
  if self.connecting then
    stream._given = headers.copy(t)
    self._order[#self._order + 1] = stream
  else
    submit(self, stream)
  end
  return stream
end

-- The option checkServerIdentity, in the place of our own check of the name: for certificates whose chain is good.
local function check_identity(self)
  local socket = socket_class.get(self._slot, self._generation)
  if not socket.authorized or socket.resumed then return true end
  local ok, err = pcall(self._check_identity, self._servername, socket:getPeerCertificate())
  if type(err) == "table" and not errors.is(err) then err = errors.new(err.code, tostring(err.message)) end
  if not ok or err then
    if self._is_strict or not ok then
      self:destroy(err)
      return false
    end
    socket.authorized, socket.authorizationError = false, errors.from(err).code or errors.from(err).message
  end
  return true
end

local function open_late(session)
  if not session._opens then return end
  session:_on_open()
  ticks.drain()
end

--- From the dispatcher: the connection stands. 'connect' waits until the peer, if it lives in this process, has
-- heard of us (API.md 9: its 'session' comes first); but not longer than until something comes of the peer.
function session_methods:_on_open_soon()
  self._opens = true
  timers.after_poll(open_late, self)
end

-- is_lost: it is gone again already; what waits ends with it.
function session_methods:_on_open(is_lost)
  self._opens = nil
  self.connecting = false
  if self.destroyed then return end
  if self._check_identity and not check_identity(self) then return end
  emit(self, "connect", nil, self, self.socket)
  if is_lost then return end
  local order = self._order
  self._order = {}
  for i = 1, #order do
    if not order[i].destroyed then submit(self, order[i]) end
  end
end

local Session = session_class.extend(session_methods, session_getters)
module.Session = Session

-- --- connect().

local function parse_authority(authority)
  if type(authority) == "table" then
    return authority.protocol or "https:", authority.hostname or authority.host or "localhost",
      authority.port and tonumber(authority.port)
  end
  errors.check_type(authority, "authority", "string or table")
  local protocol, rest = authority:match "^(%a[%w+.-]*:)//(.*)$"
  if not protocol then
    protocol, rest = "https:", authority:gsub("^//", "")
  end
  rest = rest:match "^[^/?#]*"
  rest = rest:gsub("^[^@]*@", "")
  local host, port = rest:match "^(%[[^%]]*%]):?(%d*)$"
  if not host then host, port = rest:match "^([^:]*):?(%d*)$" end
  if not host or host == "" then
    error(errors.new("ERR_INVALID_URL", ("Invalid URL: %q"):format(authority)), 0)
  end
  return protocol, host, tonumber(port)
end

local function check_local(given)
  local family, from = given.family, given.localAddress
  if family ~= nil and family ~= 0 and family ~= 4 and family ~= 6 then
    error(errors.named("TypeError", "ERR_INVALID_ARG_VALUE",
      ("The property 'options.family' must be one of: 0, 4, 6. Received %s"):format(tostring(family))), 0)
  end
  if from ~= nil and not from:find(":", 1, true) and not from:find "^%d+%.%d+%.%d+%.%d+$" then
    error(errors.named("TypeError", "ERR_INVALID_IP_ADDRESS", "Invalid IP address: " .. from), 0)
  end
end

-- A session that is not there yet; given: checked options; numbers: the same for C.
local function new_session(given, numbers, scheme, authority)
  local session = session_class.new(Session)
  session.connecting = true
  session._order = {}
  session._output_max = numbers.stream_output_max or 16777216
  session._scheme, session._authority = scheme, authority
  session._strict = given.strictSingleValueFields ~= false
  session._max_pings, session._max_settings = given.maxOutstandingPings, given.maxOutstandingSettings
  session._max_origins = given.maxOriginSetSize
  session:_first_settings(numbers)
  return session
end

-- native.connect() or one of its kin answered.
local function begin(session, slot, generation, text)
  if not slot then error(errors.new(generation, text), 0) end
  session._slot, session._generation = slot, generation
  module.sessions[slot] = session
  return session
end

-- What createConnection() returned: a descriptor, or a connected socket or pipe of luv, which is ours from now on.
local function connect_over(session, connection, numbers)
  local fd = connection
  if type(connection) ~= "number" then
    local ok, number = pcall(function() return connection:fileno() end)
    if not ok or not number then
      error(errors.new("ERR_INVALID_ARG_VALUE",
        "createConnection must return a descriptor or a connected socket of luv"), 0)
    end
    fd = number
  end
  begin(session, native.connect_over(fd, numbers))
  if fd ~= connection then connection:close() end -- the session has a duplicate
end

--- Opens a client session. authority: a URL, or a table {protocol=, host=, port=}. options: those of
-- http2.options, and protocol, createConnection. listener: for 'connect'.
function module.connect(authority, given, listener)
  if type(given) == "function" then given, listener = nil, given end
  given = given or {}
  errors.check_type(given, "options", "table")
  options.check(given, "client", "connect")
  local protocol, host, port = parse_authority(authority)
  protocol = given.protocol or protocol
  if protocol ~= "http:" and protocol ~= "https:" then
    errors.throw("ERR_HTTP2_UNSUPPORTED_PROTOCOL", protocol)
  end
  local secure = protocol == "https:"
  local default_port = secure and 443 or 80
  host = given.hostname or given.host or host
  port = tonumber(given.port) or port or default_port
  errors.check_range(port, "port", 0, 65535)
  local numbers = options.native(given, false)
  local bare = host:gsub("^%[(.*)%]$", "%1")
  numbers.host, numbers.port, numbers.path = bare, port, given.path
  check_local(given)
  numbers.family, numbers.local_host, numbers.local_port = given.family, given.localAddress, given.localPort
  if secure then
    numbers.tls = secure_contexts.of_client(given)
    numbers.servername = given.servername ~= "" and given.servername or bare
  end
  local session = new_session(given, numbers, secure and "https" or "http",
    port == default_port and host or host .. ":" .. port)
  session._check_identity = secure and given.checkServerIdentity or nil
  session._servername = numbers.servername
  session._is_strict = given.rejectUnauthorized ~= false
  if listener then session:once("connect", listener) end
  if module.recorder then
    module.recorder(session)
  elseif given.createConnection then
    connect_over(session, given.createConnection(authority, given), numbers)
  else
    begin(session, native.connect(numbers))
  end
  if given.timeout and given.timeout > 0 then session:setTimeout(given.timeout) end
  return session
end

--- A client session whose peer is a new session of server, joined in memory without a socket: for tests of
-- scripts. The server need not listen. given: the options of connect() but those of address and TLS.
-- listener: for 'connect'.
function module.connect_pair(server, given, listener)
  if type(given) == "function" then given, listener = nil, given end
  given = given or {}
  errors.check_type(server, "server", "table")
  if not server._make then
    error(errors.named("TypeError", "ERR_INVALID_ARG_TYPE", 'The "server" argument must be a server of http2'), 0)
  end
  errors.check_type(given, "options", "table")
  options.check(given, "client", "connectPair")
  if listener ~= nil then errors.check_type(listener, "listener", "function") end
  if server._closing then error(errors.make("ERR_SERVER_NOT_RUNNING"), 0) end
  local made, made_code, made_text = server:_make()
  if not made then error(errors.new(made_code, made_text), 0) end
  local numbers = options.native(given, false)
  local session = new_session(given, numbers, "http", "localhost")
  if listener then session:once("connect", listener) end
  return begin(session, native.connect_pair(server._slot, server._generation, numbers))
end

return module
