-- Sessions (API.md 5; rules 8 to 14 of section 1). The order of events: event_order_spec.lua.
local http2 = require "http2"
local support = require "support"

-- A server and a client whose events all go into log, as "S close(0)": S and C are the stream at the server
-- and at the client, Ss and Cs their sessions, Sv is the server.
local function stage(handler, options)
  local x = { log = {} }
  local function note(text) x.log[#x.log + 1] = text end
  local server = support.server(nil, options)
  x.server = server
  support.record(x.log, "Sv", server, "session sessionError close")
  server:on("session", function(session)
    x.Ss = session
    support.record(x.log, "Ss", session, "error close")
    session:on("goaway", function(code) note(("Ss goaway(%d)"):format(code)) end)
  end)
  server:on("stream", function(stream)
    local name = x.S and "S" .. stream.id or "S"
    x[name] = stream
    note(name .. " stream")
    support.record(x.log, name, stream, "aborted finish wantTrailers error")
    stream:on("close", function() note(("%s close(%d)"):format(name, stream.rstCode)) end)
    handler(stream, x)
  end)
  x.Cs = support.connect(server)
  support.record(x.log, "Cs", x.Cs, "connect error close")
  x.Cs:on("goaway", function(code, id) note(("Cs goaway(%d, %d)"):format(code, id)) end)

  --- A request of the client; its events count as those of name, "C" by default.
  function x.request(headers, name)
    name = name or "C"
    local stream = x.Cs:request(headers)
    x[name] = stream
    support.record(x.log, name, stream, "ready finish response continue data end trailers aborted")
    stream:on("headers", function(t) note(("%s headers(%d)"):format(name, t[":status"])) end)
    stream:on("error", function(err) note(name .. " error " .. tostring(err.code or err.message)) end)
    stream:on("close", function() note(("%s close(%d)"):format(name, stream.rstCode)) end)
    return stream
  end

  --- Forgets what was until now.
  function x.forget()
    support.turns(10)
    for i = #x.log, 1, -1 do x.log[i] = nil end
  end

  --- Waits for that last event, and a little for what should not follow.
  function x.ends_with(text)
    support.wait_for(function()
      for i = 1, #x.log do
        if x.log[i] == text then return true end
      end
    end)
    support.turns(10)
  end

  --- The events of those objects only: "S", "Ss", ….
  function x.of(...)
    local wanted, out = {}, {}
    for _, name in ipairs { ... } do wanted[name] = true end
    for _, text in ipairs(x.log) do
      if wanted[text:match "^%w+"] then out[#out + 1] = text end
    end
    return out
  end
  return x
end

-- The same, in the middle of a body.
local function middle(headers)
  local x = stage(function(stream)
    stream:respond {}
    stream:write "part"
  end)
  x.request(headers)
  x.ends_with "C data"
  x.forget()
  return x
end

describe("the end", function()
  it("server:close(): its 'close' comes before that of the session that went last (rule 9)", function()
    local x = stage(function(stream) stream:finish "x" end)
    support.over(x.request())
    x.forget()
    local called
    x.Cs:close(function() x.log[#x.log + 1] = "callback of Cs" end)
    x.server.listening = true -- pairs only: nothing listens
    x.server:close(function() called = true end)
    x.ends_with "Ss close"
    assert.is_true(called)
    local at = {}
    for i, text in ipairs(x.log) do at[text] = i end
    assert.is_true(at["Cs close"] < at["callback of Cs"])
    assert.is_true(at["Cs close"] < at["Sv close"])
    assert.is_true(at["Sv close"] < at["Ss close"])
  end)

  it("session:close() waits for open streams and not for the peer (rule 8)", function()
    local release
    local x = stage(function(stream) release = function() stream:finish "late" end end)
    local stream = x.request()
    support.wait_for(function() return release end)
    local closed = false
    x.Cs:close(function() closed = true end)
    assert.is_true(x.Cs.closed)
    support.turns(10)
    assert.is_false(closed)
    release()
    stream:await "close"
    support.wait_for(function() return closed end)
    assert.is_true(x.Cs.destroyed)
  end)

  it("session:destroy() twice is once (rule 10)", function()
    local x = middle()
    x.Cs:destroy()
    x.Cs:destroy "late"
    x.ends_with "Cs close"
    assert.same({ "Cs close" }, x.of "Cs")
  end)

  it("close(callback) on a destroyed session is dropped (rule 11)", function()
    local x = middle()
    x.Cs:destroy()
    x.Cs:close(function() x.log[#x.log + 1] = "Cs callback" end)
    x.ends_with "Cs close"
    assert.same({ "Cs close" }, x.of "Cs")
  end)

  it("close(callback) on a closing session is called (rule 12)", function()
    local x = middle()
    x.Cs:close()
    x.Cs:close(function() x.log[#x.log + 1] = "Cs callback" end)
    x.S:finish()
    x.ends_with "Cs callback"
  end)

  it("requests of a closed or destroyed session fail a little later", function()
    local x = middle()
    local function code_of(stream)
      local got
      stream:on("error", function(err) got = err.code end)
      support.wait_for(function() return got end)
      return got
    end
    x.Cs:close()
    assert.equal("ERR_HTTP2_GOAWAY_SESSION", code_of(x.Cs:request()))
    x.Cs:destroy()
    assert.equal("ERR_HTTP2_INVALID_SESSION", code_of(x.Cs:request()))
  end)

  it("close() behind a request on a living session does not lose it", function()
    local x = stage(function(stream) stream:finish "served" end)
    x.Cs:await "connect"
    local stream = x.Cs:request()
    x.Cs:close()
    assert.equal("served", stream:body())
  end)
end)

describe("a session", function()
  it("tells what it is", function()
    local x = stage(function(stream) stream:finish() end)
    assert.is_true(x.Cs.connecting)
    assert.is_nil(x.Cs.alpnProtocol)
    x.Cs:await "connect"
    support.over(x.request())
    assert.is_false(x.Cs.connecting)
    assert.equal("h2c", x.Cs.alpnProtocol) -- rule 14
    assert.equal("h2c", x.Ss.alpnProtocol)
    assert.is_false(x.Cs.encrypted)
    assert.same({ 1, 0 }, { x.Cs.type, x.Ss.type })
    assert.equal(x.server, x.Ss.server)
    assert.is_false(x.Cs.closed)
    assert.is_false(x.Cs.destroyed)
    assert.equal(x.Cs, x.Cs:request().session)
    assert.has_error(function() return x.Cs.socket.write end, "ERR_HTTP2_NO_SOCKET_MANIPULATION")
  end)

  it("keeps fields of the script's own", function()
    local x = stage(function() end)
    x.Cs.user = "ann"
    x.Cs:destroy()
    x.Cs:await "close"
    assert.equal("ann", x.Cs.user)
    assert.is_nil(x.Cs.unknown)
  end)

  it("emits 'connect' with itself on both sides", function()
    local seen = {}
    local server = support.server(function() end)
    server:on("session", function(session)
      session:on("connect", function(s) seen[#seen + 1] = s == session end)
    end)
    local session = support.connect(server)
    session:on("connect", function(s) seen[#seen + 1] = s == session end)
    support.wait_for(function() return #seen == 2 end)
    assert.same({ true, true }, seen)
  end)
end)

describe("ping", function()
  it("calls back with the time and the payload", function()
    local x = stage(function() end)
    x.Cs:await "connect"
    local heard, got
    support.wait_for(function() return x.Ss end)
    x.Ss:on("ping", function(payload) heard = payload end)
    assert.is_true(x.Cs:ping("12345678", function(err, ms, payload) got = { err, ms, payload } end))
    support.wait_for(function() return got end)
    assert.is_nil(got[1])
    assert.is_true(got[2] >= 0)
    assert.equal("12345678", got[3])
    assert.equal("12345678", heard)
  end)

  it("makes a payload of its own, and answers in order", function()
    local x = stage(function() end)
    x.Cs:await "connect"
    local order = {}
    for i = 1, 3 do x.Cs:ping(function(_, _, payload) order[#order + 1] = i * #payload end) end
    support.wait_for(function() return #order == 3 end)
    assert.same({ 8, 16, 24 }, order)
  end)

  it("checks the payload", function()
    local x = stage(function() end)
    x.Cs:await "connect"
    assert.has_error(function() x.Cs:ping("short", print) end, "ERR_HTTP2_PING_LENGTH")
    assert.has_error(function() x.Cs:ping(12345678, print) end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() x.Cs:ping "12345678" end, "ERR_INVALID_ARG_TYPE")
  end)

  it("over the limit, before connect, after close() and at the end gives ERR_HTTP2_PING_CANCEL", function()
    local x = stage(function() end)
    local cancelled = 0
    local function count(err)
      if err then
        assert.equal("ERR_HTTP2_PING_CANCEL", err.code)
        cancelled = cancelled + 1
      end
    end
    assert.is_false(x.Cs:ping(count))
    x.Cs:await "connect"
    for _ = 1, 10 do assert.is_true(x.Cs:ping(count)) end
    assert.is_false(x.Cs:ping(count))
    x.Cs:close()
    assert.is_false(x.Cs:ping(count))
    x.Cs:destroy()
    assert.has_error(function() x.Cs:ping(count) end, "ERR_HTTP2_INVALID_SESSION")
    support.wait_for(function() return cancelled == 13 end)
  end)
end)

describe("settings", function()
  it("are acknowledged and seen by the peer", function()
    local x = stage(function() end)
    x.Cs:await "connect"
    support.wait_for(function() return x.Ss end)
    support.turns(10)
    local remote, got
    x.Ss:on("remoteSettings", function(settings) remote = settings end)
    x.Cs:settings({ initialWindowSize = 100000, maxFrameSize = 20000 }, function(err, settings, ms)
      got = { err, settings, ms }
    end)
    assert.is_true(x.Cs.pendingSettingsAck)
    support.wait_for(function() return got end)
    assert.is_nil(got[1])
    assert.equal(100000, got[2].initialWindowSize)
    assert.is_true(got[3] >= 0)
    assert.is_false(x.Cs.pendingSettingsAck)
    assert.equal(100000, remote.initialWindowSize)
    assert.equal(20000, x.Ss.remoteSettings.maxFrameSize)
    assert.equal(100000, x.Cs.localSettings.initialWindowSize)
  end)

  it("are checked", function()
    local x = stage(function() end)
    local function bad(t, code) return assert.has_error(function() x.Cs:settings(t) end, code) end
    for name, value in pairs {
      initialWindowSize = 2147483648, maxFrameSize = 16383, headerTableSize = -1, maxConcurrentStreams = 1.5,
    } do
      assert.equal("RangeError", bad({ [name] = value }, "ERR_HTTP2_INVALID_SETTING_VALUE").name)
    end
    for _, name in ipairs { "maxHeaderListSize", "maxHeaderSize" } do -- by the name that was used
      assert.equal(('Invalid value for setting "%s": -1'):format(name),
        bad({ [name] = -1 }, "ERR_HTTP2_INVALID_SETTING_VALUE").message)
    end
    assert.equal("TypeError", bad({ enablePush = 1 }, "ERR_HTTP2_INVALID_SETTING_VALUE").name)
    assert.matches("maxFrameSize", bad({ maxFramSize = 1 }, "ERR_INVALID_ARG_VALUE").message)
    bad(nil, "ERR_INVALID_ARG_TYPE")
  end)

  it("that nobody acknowledges any more give ERR_HTTP2_SETTINGS_CANCEL", function()
    local x = stage(function() end)
    x.Cs:await "connect"
    local code
    x.Cs:settings({}, function(err) code = err and err.code end)
    x.Cs:destroy()
    support.wait_for(function() return code end)
    assert.equal("ERR_HTTP2_SETTINGS_CANCEL", code)
  end)

  it("have Node's defaults", function()
    assert.same({
      headerTableSize = 4096, enablePush = true, initialWindowSize = 65535, maxFrameSize = 16384,
      maxConcurrentStreams = 4294967295, maxHeaderListSize = 65535, maxHeaderSize = 65535,
      enableConnectProtocol = false,
    }, http2.getDefaultSettings())
    assert.is_true(http2.getDefaultSettings() ~= http2.getDefaultSettings())
  end)
end)

describe("goaway", function()
  it("brings code, last stream and data to the peer", function()
    local x = stage(function(stream) stream:finish() end)
    support.over(x.request())
    local got
    x.Cs:on("goaway", function(...) got = { ... } end)
    x.Ss:goaway(0, 0, "data")
    support.wait_for(function() return got end)
    assert.same({ 0, 1, "data" }, got)
    assert.same({ 0, 1 }, { x.Cs.goawayCode, x.Cs.goawayLastStreamID })
    assert.is_true(x.Cs.closed)
  end)

  it("checks its arguments", function()
    local x = stage(function() end)
    assert.has_error(function() x.Cs:goaway(-1) end, "ERR_OUT_OF_RANGE")
    assert.has_error(function() x.Cs:goaway(0, "x") end, "ERR_INVALID_ARG_TYPE")
    for _, bad in ipairs { true, {}, print } do
      assert.has_error(function() x.Cs:goaway(bad) end, "ERR_INVALID_ARG_TYPE")
      assert.has_error(function() x.Cs:goaway(0, bad) end, "ERR_INVALID_ARG_TYPE")
      assert.has_error(function() x.Cs:goaway(0, 0, bad) end, "ERR_INVALID_ARG_TYPE")
    end
    assert.has_error(function() x.Cs:goaway(0, 0, 5) end, "ERR_INVALID_ARG_TYPE")
    x.Cs:destroy()
    assert.has_error(function() x.Cs:goaway() end, "ERR_HTTP2_INVALID_SESSION")
  end)
end)

describe("setTimeout", function()
  it("of a session emits 'timeout' when nothing happens", function()
    local x = stage(function() end)
    x.Cs:await "connect"
    local calls = 0
    assert.equal(x.Cs, x.Cs:setTimeout(5, function() calls = calls + 1 end))
    support.wait_for(function() return calls > 0 end)
    x.Cs:setTimeout(0)
    assert.is_false(x.Cs.destroyed)
  end)

  it("of a server without a listener ends idle sessions silently", function()
    local server = support.server(function() end)
    assert.equal(server, server:setTimeout(5))
    local session = support.connect(server)
    local heard = {}
    support.record(heard, "Cs", session, "error")
    session:await "close"
    assert.same({}, heard)
  end)

  it("of a server with a listener leaves it to that", function()
    local got
    local server = support.server(function() end)
    server:setTimeout(5, function(session) got = session end)
    local session = support.connect(server)
    support.wait_for(function() return got end)
    assert.equal(0, got.type)
    assert.is_false(session.destroyed)
  end)
end)
