-- The order of events, row by row of docs/source/event_order.lua, over memory, TCP and TLS.
-- run: deadline 240
--
-- Three runs of each row, fifty with --long; tests/e2e/test_event_order.py runs this file with the JIT off and with
-- a collection after every callback too.
local http2 = require "http2"
local native = require "perigee.native"
local support = require "support"
local uv = require "luv"
local groups = dofile "docs/source/event_order.lua"

local RUNS = tonumber(os.getenv "PERIGEE_EVENT_ORDER_RUNS") or os.getenv "PERIGEE_LONG" and 50 or 3

local POST = { [":method"] = "POST" }

local function text_of(err)
  local code = tostring(err.code or err.message)
  return (code:gsub("^ERR_HTTP2_", ""):gsub("^ERR_", ""))
end

-- --- The stage: a server and a client whose events all go into one list.

local Stage = {}
Stage.__index = Stage

function Stage:note(text) self.log[#self.log + 1] = text end

function Stage:record(name, object, names)
  for event in names:gmatch "%S+" do
    object:on(event, function() self:note(name .. " " .. event) end)
  end
end

function Stage:record_errors(name, object)
  object:on("error", function(err)
    self.errors[name] = err
    self:note(("%s error %s"):format(name, text_of(err)))
  end)
end

-- names: events of a stream to hear; 'data' makes it flow.
function Stage:record_stream(name, stream, names)
  self[name] = stream
  self:record(name, stream, names)
  self:record_errors(name, stream)
  stream:on("headers", function(t) self:note(("%s headers(%d)"):format(name, t[":status"])) end)
  stream:on("close", function() self:note(("%s close(%d)"):format(name, stream.rstCode)) end)
end

function Stage:record_client(session)
  self.Cs = session
  self:record("Cs", session, "connect close")
  self:record_errors("Cs", session)
  session:on("goaway", function(code, id) self:note(("Cs goaway(%d, %d)"):format(code, id)) end)
end

--- A request of the client, heard as name ("C"). given: options of request(), and `events`.
function Stage:request(headers, given, name)
  given = given or {}
  name = name or "C"
  local events = given.events
  given.events = nil
  local stream = self.Cs:request(headers, given)
  self[name] = stream
  stream:on("response", function(t)
    self:note(("%s response%s"):format(name, t[":status"] == 500 and "(500)" or ""))
  end)
  self:record_stream(name, stream, events or "aborted finish wantTrailers continue data end trailers ready timeout")
  return stream
end

--- Forgets what was until now, when all is still.
function Stage:forget()
  support.turns(12)
  for i = #self.log, 1, -1 do self.log[i] = nil end
end

-- handler: for 'stream' of the server, given (stream, stage, headers). given: server options; `events` of S.
local function stage(transport, handler, given)
  given = given or {}
  local events = given.events or "aborted finish wantTrailers trailers timeout"
  given.events = nil
  local x = setmetatable({ log = {}, errors = {} }, Stage)
  if transport == "tls" then
    given.cert, given.key = native.development_certificate()
    x.server = support.adopt_server(http2.createSecureServer(given))
  else
    x.server = support.server(nil, given)
  end
  x:record("Sv", x.server, "session sessionError stream close")
  x.server:on("session", function(session)
    x.Ss = session
    x:record("Ss", session, "close")
    x:record_errors("Ss", session)
    session:on("goaway", function(code) x:note(("Ss goaway(%d)"):format(code)) end)
  end)
  x.server:on("stream", function(stream, headers)
    x:record_stream("S", stream, events)
    if handler then handler(stream, x, headers) end
  end)
  if transport == "pipe" then
    x:record_client(support.connect(x.server))
  else
    x.server:listen(0, "127.0.0.1")
    x.port = x.server:address().port
    local scheme = transport == "tls" and "https" or "http"
    x:record_client(support.adopt_session(http2.connect(("%s://127.0.0.1:%d"):format(scheme, x.port),
      { ca = given.cert })))
  end
  return x
end

-- The same in the middle of a response's body; forgotten until there.
local function middle(transport, given, headers, handler)
  local x = stage(transport, function(stream, x)
    stream:respond {}
    stream:write "part"
    if handler then handler(stream, x) end
  end, given)
  x:request(headers)
  x.C:await "data"
  x:forget()
  return x
end

-- --- The scenarios, by the rows' names. Each leaves its events in the log of the stage that it returns.

local scenarios = {}

local function hello(stream)
  stream:respond { ["content-type"] = "text/plain" }
  stream:finish "hello"
end

function scenarios.get(transport)
  local x = stage(transport, hello)
  x:request()
  return x
end

function scenarios.post(transport)
  local x = stage(transport, function(stream)
    stream:on("end", function() hello(stream) end)
  end, { events = "aborted finish data end" })
  x:request(POST):finish "upload"
  return x
end

function scenarios.then_close(transport)
  local x = scenarios.get(transport)
  x.C:await "close"
  x:forget()
  x.Cs:close()
  x.server:close()
  return x
end

function scenarios.trailers(transport)
  local x = stage(transport, function(stream)
    stream:respond({}, { waitForTrailers = true })
    stream:on("wantTrailers", function() stream:sendTrailers { sum = "1" } end)
    stream:finish "hello"
  end)
  x:request()
  return x
end

function scenarios.request_trailers(transport)
  local x = stage(transport, function(stream)
    stream:on("end", function() hello(stream) end)
  end, { events = "aborted finish data end trailers" })
  local stream = x:request(POST, { waitForTrailers = true })
  stream:on("wantTrailers", function() stream:sendTrailers { sum = "1" } end)
  stream:finish "upload"
  return x
end

function scenarios.informational(transport)
  local x = stage(transport, function(stream)
    stream:additionalHeaders { [":status"] = 103 }
    stream:additionalHeaders { [":status"] = 100 }
    stream:respond({}, { endStream = true })
  end)
  x:request()
  return x
end

function scenarios.push(transport)
  local x = stage(transport, function(stream, x)
    stream:pushStream({ [":path"] = "/pushed" }, function(err, pushed)
      assert.is_nil(err)
      x:note "S callback"
      x:record_stream("SP", pushed, "aborted finish")
      hello(pushed)
    end)
    hello(stream)
  end)
  x.Cs:on("stream", function(pushed)
    x:note(("Cs stream(%d)"):format(pushed.id))
    x:record_stream("CP", pushed, "push data end aborted")
  end)
  x:request(nil, { events = "data end aborted" })
  return x
end

function scenarios.implicit(transport)
  local x = stage(transport, function(stream)
    stream:finish "hello"
    assert.is_true(stream.headersSent)
  end)
  x:request()
  return x
end

function scenarios.head(transport)
  local x = stage(transport, function(stream)
    assert.is_true(stream.writableEnded)
    stream:respond {}
    stream:write "body"
  end)
  x:request { [":method"] = "HEAD" }
  return x
end

function scenarios.no_content(transport)
  local x = stage(transport, function(stream)
    stream:respond { [":status"] = 204 }
    stream:finish "body"
  end)
  x:request()
  return x
end

function scenarios.queued(transport)
  local x = stage(transport, function(stream)
    setImmediate(hello, stream)
  end, { settings = { maxConcurrentStreams = 1 } })
  x.Cs:await "connect"
  x.Cs:await "remoteSettings"
  x:forget()
  x:request()
  x:request(nil, nil, "D")
  assert.same({ 1, 3 }, { x.C.id, x.D.id })
  return x
end

function scenarios.server_close_cancel(transport)
  local x = middle(transport)
  x.S:close(8)
  return x
end

function scenarios.server_close_internal(transport)
  local x = middle(transport)
  x.S:close(2)
  return x
end

function scenarios.server_destroy(transport)
  local x = middle(transport)
  x.S:destroy()
  assert.same({ "S aborted" }, x.log)
  assert.is_nil(x.S.session)
  return x
end

function scenarios.server_destroy_error(transport)
  local x = middle(transport)
  x.S:destroy("boom")
  return x
end

function scenarios.client_close_cancel(transport)
  local x = middle(transport)
  x.C:close(8)
  return x
end

function scenarios.client_destroy_error(transport)
  local x = middle(transport)
  x.C:destroy("boom")
  return x
end

function scenarios.client_close_uploading(transport)
  local x = middle(transport, nil, POST)
  x.C:write "upload"
  x.C:close(8)
  return x
end

function scenarios.stream_timeout(transport)
  local x = middle(transport)
  x.S:setTimeout(20, function()
    x:note "S callback"
    x.S:close(8)
  end)
  return x
end

function scenarios.handler_throws(transport)
  local x = stage(transport, function() error("wrong", 0) end)
  x:request()
  x.C:await "close"
  x.forgiven = support.failures()
  return x
end

function scenarios.handler_throws_late(transport)
  local x = stage(transport, function(stream, x)
    stream:respond {}
    stream:write "part"
    x.C:await "data"
    error("wrong", 0)
  end)
  x:request()
  x.C:await "close"
  x.forgiven = support.failures()
  return x
end

function scenarios.overflow(transport)
  local x = stage(transport, function(stream)
    stream:respond {}
    local piece = ("x"):rep(1048576)
    for _ = 1, 20 do
      if stream.destroyed then break end
      stream:write(piece)
    end
  end)
  x:request(nil, { events = "aborted end" }):pause()
  return x
end

function scenarios.unanswered(transport)
  local x = stage(transport, function(stream) stream:close(2) end)
  x:request()
  return x
end

function scenarios.missing_file(transport)
  local x = stage(transport, function(stream) stream:respondWithFile("/nowhere/at/all") end)
  x:request(nil, { events = "aborted end data" })
  return x
end

function scenarios.early_answer(transport)
  local x = stage(transport, hello)
  x:request(POST):write "upload"
  return x
end

function scenarios.session_destroy(transport)
  local x = middle(transport)
  x.Ss:destroy()
  x.server:close()
  return x
end

function scenarios.session_destroy_error(transport)
  local x = middle(transport)
  x.Ss:destroy("boom")
  return x
end

function scenarios.session_destroy_code(transport)
  local x = middle(transport)
  x.Ss:destroy(11)
  return x
end

function scenarios.session_close(transport)
  local x = middle(transport)
  x.Ss:close()
  assert.same({ true, false }, { x.Ss.closed, x.Ss.destroyed })
  x.Ss:await "goaway"
  x.S:finish "rest"
  return x
end

function scenarios.session_goaway(transport)
  local x = middle(transport)
  x.Ss:goaway(2, 0, "why")
  return x
end

function scenarios.client_session_destroy(transport)
  local x = middle(transport)
  x.Cs:destroy()
  return x
end

function scenarios.server_timeout(transport)
  local x = middle(transport)
  x.server:setTimeout(20)
  x.Ss:setTimeout(20)
  return x
end

function scenarios.refused()
  local x = setmetatable({ log = {}, errors = {} }, Stage)
  local closed = http2.createServer():listen(0, "127.0.0.1")
  local port = closed:address().port
  closed:close()
  x:record_client(support.adopt_session(http2.connect("http://127.0.0.1:" .. port)))
  x:request()
  x.check = function() assert.equal("ECONNREFUSED", x.errors.C.cause.code) end
  return x
end

function scenarios.destroyed_early(transport)
  local x = stage(transport)
  x:request()
  x.Cs:destroy()
  return x
end

function scenarios.closed_early(transport)
  local x = stage(transport)
  x:request()
  x.Cs:close()
  return x
end

function scenarios.request_too_late(transport)
  local x = middle(transport)
  x.S:finish()
  x.C:await "close"
  x:forget()
  x.Cs:close()
  x:request()
  return x
end

-- What no session of ours would do is done by bytes over TCP.

local PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
local GET = "\0\0\6\1\5\0\0\0\1\130\132\134\65\1a" -- HEADERS: GET / of http, :authority a
local DATA_ON_0 = "\0\0\1\0\0\0\0\0\0x"

-- A client of bytes that has asked for a body and got a part of it.
local function raw_middle()
  local x = stage("tcp", function(stream)
    stream:respond {}
    stream:write "part"
  end)
  x.Cs:destroy()
  x.Cs:await "close"
  local socket, got = uv.new_tcp(), ""
  socket:connect("127.0.0.1", x.port, function()
    socket:write(PREFACE .. GET)
    socket:read_start(function(_, bytes) got = got .. (bytes or "") end)
  end)
  support.wait_for(function() return got:find("part", 1, true) end)
  x:forget()
  return x, socket
end

local raw = { client_lost = true, protocol_error = true, server_lost = true, refused = true }

function scenarios.client_lost()
  local x, socket = raw_middle()
  socket:close()
  return x
end

function scenarios.protocol_error()
  local x, socket = raw_middle()
  socket:write(DATA_ON_0)
  support.wait_for(function() return x.Ss.destroyed end)
  socket:close()
  return x
end

function scenarios.server_lost()
  local x = setmetatable({ log = {}, errors = {} }, Stage)
  local listener, socket = uv.new_tcp(), uv.new_tcp()
  listener:bind("127.0.0.1", 0)
  listener:listen(1, function()
    listener:accept(socket)
    listener:close()
    local got = ""
    socket:read_start(function(_, bytes)
      got = got .. (bytes or "")
      if #got > #PREFACE + 20 and not x.answered then
        x.answered = true
        socket:write("\0\0\0\4\0\0\0\0\0" .. "\0\0\1\1\4\0\0\0\1\136" .. "\0\0\4\0\0\0\0\0\1part")
      end
    end)
  end)
  x:record_client(support.adopt_session(http2.connect("http://127.0.0.1:" .. listener:getsockname().port)))
  x:request()
  x.C:await "data"
  x:forget()
  socket:close()
  return x
end

-- --- Running.

local function list_of(text)
  local list = {}
  for part in text:gmatch "[^,\n]+" do
    part = part:gsub("^%s+", ""):gsub("%s+$", "")
    if part:match "^%d" then list[#list] = list[#list] .. ", " .. part -- "goaway(0, 1)"
    else list[#list + 1] = part end
  end
  return list
end

local function has(log, text)
  for i = 1, #log do
    if log[i] == text then return true end
  end
  return false
end

-- What was heard of one side, by the objects that the row speaks of.
local function heard_of(log, wanted)
  local names, out = {}, {}
  for _, text in ipairs(wanted) do names[text:match "^%w+"] = true end
  for _, text in ipairs(log) do
    if names[text:match "^%w+"] then out[#out + 1] = text end
  end
  return out
end

-- The sides of a row, each with the events that are to come, in order.
local function sides_of(row, transport)
  local sides = {}
  for _, side in ipairs { "order", "server", "client" } do
    if row[side] then sides[side] = list_of(row[side]) end
  end
  if transport == "tls" and row.apart_over_tls then
    local server, client = {}, {}
    for _, text in ipairs(sides.order) do
      local side = text:find "^S" and server or client
      side[#side + 1] = text
    end
    return { server = server, client = client }
  end
  return sides
end

local function run(row, transport)
  local x = scenarios[row.name](transport)
  local wanted = sides_of(row, transport)
  pcall(support.wait_for, function()
    for _, list in pairs(wanted) do
      if not has(x.log, list[#list]) then return false end
    end
    return true
  end)
  support.turns(12) -- for what should not follow
  for side, list in pairs(wanted) do
    assert.same(list, side == "order" and x.log or heard_of(x.log, list))
  end
  if x.check then x.check() end
  support.close_all()
end

describe("order of events:", function()
  local known = {}
  for _, list in ipairs(groups) do
    for _, row in ipairs(list) do
      known[row.name] = true
      for _, transport in ipairs(raw[row.name] and { "tcp" } or { "pipe", "tcp", "tls" }) do
        it(("%s (%s)"):format(row.name, transport), function()
          for _ = 1, RUNS do run(row, transport) end
        end)
      end
    end
  end

  it("has a row for each scenario", function()
    for name in pairs(scenarios) do assert.is_true(known[name] or name) end
  end)
end)
