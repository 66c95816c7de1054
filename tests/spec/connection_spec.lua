-- Sessions over connections that are there, ids, windows, state, counts, classes (API.md 3, 4, 5, 13).
local http2 = require "http2"
local support = require "support"
local uv = require "luv"

-- A server session without a server, and a client; a handler for its 'stream'.
local function joined(options, client_options)
  local ends = uv.socketpair("stream", nil, {}, {})
  local Ss = http2.performServerHandshake(ends[1], options)
  support.adopt_session(Ss)
  local close = uv.fs_close
  close(ends[1]) -- it has a duplicate
  client_options = client_options or {}
  client_options.createConnection = function() return ends[2] end
  local Cs = support.adopt_session(http2.connect("http://localhost:1", client_options))
  close(ends[2])
  return Cs, Ss
end

describe("performServerHandshake", function()
  it("serves a socket without a server", function()
    local Cs, Ss = joined({ settings = { maxConcurrentStreams = 3 } })
    assert.equal("ServerHttp2Session", http2.type(Ss))
    assert.is_nil(Ss.server)
    assert.equal(0, Ss.type)
    local connected, closed
    Ss:on("connect", function(session) connected = session end)
    Ss:on("close", function() closed = true end)
    Ss:on("stream", function(stream, headers, flags, raw)
      assert.equal(":method", raw[1])
      assert.equal(5, flags)
      stream:respond {}
      stream:finish("path " .. headers[":path"])
    end)
    assert.equal("path /x", Cs:request({ [":path"] = "/x" }):body())
    assert.is_true(connected == Ss)
    assert.is_false(Ss.connecting)
    assert.equal(3, Cs.remoteSettings.maxConcurrentStreams)
    Cs:close()
    support.wait_for(function() return closed end)
  end)

  it("answers 404 when nobody listens", function()
    local Cs = joined()
    assert.equal(404, Cs:request({}):await "response"[":status"])
  end)

  it("sends what was asked for before the peer spoke", function()
    local Cs, Ss = joined()
    local heard
    Ss:on("stream", function(stream) stream:finish() end)
    Ss:settings({ maxFrameSize = 30000 }, function(err) heard = not err end)
    support.wait_for(function() return heard end)
    assert.equal(30000, Cs.remoteSettings.maxFrameSize)
  end)

  it("ends like any session when the peer does not speak HTTP/2", function()
    local ends = uv.socketpair("stream", nil, {}, {})
    local Ss = http2.performServerHandshake(ends[1])
    uv.fs_close(ends[1])
    local closed
    Ss:on("close", function() closed = true end)
    uv.fs_close(ends[2])
    support.wait_for(function() return closed end)
    assert.is_true(Ss.destroyed)
  end)

  it("checks its arguments", function()
    assert.has_error(function() http2.performServerHandshake() end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.performServerHandshake "x" end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.performServerHandshake(-1) end, "ERR_OUT_OF_RANGE")
    assert.has_error(function() http2.performServerHandshake(9999) end, "ERR_INVALID_FD")
    assert.has_error(function() http2.performServerHandshake(0, 1) end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.performServerHandshake(0, { maxSetings = 1 }) end, "ERR_INVALID_ARG_VALUE")
  end)
end)

describe("createConnection", function()
  it("gets authority and options, and may return a socket of luv", function()
    local server = support.server(function(stream, headers) stream:finish(headers[":authority"]) end)
    server:listen(0, "127.0.0.1")
    server:await "listening"
    local port = server:address().port
    local socket, connected = uv.new_tcp(), nil
    socket:connect("127.0.0.1", port, function(err) connected = err or true end)
    support.wait_for(function() return connected end)
    assert.is_true(connected)
    local seen
    local options = { createConnection = function(authority, given)
      seen = { authority, given }
      return socket
    end }
    local Cs = support.adopt_session(http2.connect("http://example.org", options))
    assert.equal("http://example.org", seen[1])
    assert.is_true(seen[2] == options)
    assert.equal("example.org", Cs:request({}):body())
    assert.is_true(socket:is_closing() == true)
  end)

  it("that returns something else is an error", function()
    for _, value in ipairs { "x", {}, true, -1 } do
      local ok, err = pcall(http2.connect, "http://localhost", { createConnection = function() return value end })
      assert.is_false(ok)
      assert.is_truthy(err.code == "ERR_INVALID_ARG_VALUE" or err.code == "ERR_INVALID_FD")
    end
    assert.has_error(function() http2.connect("http://localhost", { createConnection = 1 }) end, "ERR_INVALID_ARG_TYPE")
  end)
end)

local function pair(handler, options, client_options)
  local Ss
  local server = support.server(handler or function(stream) stream:finish() end, options)
  server:on("session", function(session) Ss = session end)
  local Cs = support.connected(server, client_options)
  support.wait_for(function() return Ss end)
  return Cs, Ss
end

describe("setNextStreamID", function()
  it("is the id of the next request, and 2^31-1 the last", function()
    local Cs = pair()
    Cs:setNextStreamID(101)
    assert.equal(101, Cs.state.nextStreamID)
    assert.equal(101, Cs:request({}).id)
    Cs:setNextStreamID(2147483647)
    local last = Cs:request {}
    assert.equal(2147483647, last.id)
    assert.equal("", last:body())
    local code
    Cs:request({}):on("error", function(err) code = err.code end)
    support.wait_for(function() return code end)
    assert.equal("ERR_HTTP2_OUT_OF_STREAMS", code)
  end)

  it("checks its argument", function()
    local Cs = pair()
    for _, value in ipairs { "x", {}, true } do
      assert.has_error(function() Cs:setNextStreamID(value) end, "ERR_INVALID_ARG_TYPE")
    end
    for _, value in ipairs { 0, -1, 4294967296, 2, 1.5 } do
      assert.has_error(function() Cs:setNextStreamID(value) end, "ERR_OUT_OF_RANGE")
    end
    Cs:destroy()
    assert.has_error(function() Cs:setNextStreamID(3) end, "ERR_HTTP2_INVALID_SESSION")
  end)
end)

describe("setLocalWindowSize", function()
  it("is the connection's window in all", function()
    local Cs, Ss = pair()
    Cs:setLocalWindowSize(1000000)
    assert.equal(1000000, Cs.state.localWindowSize)
    assert.equal(1000000, Cs.state.effectiveLocalWindowSize)
    Cs:request({}):body()
    assert.equal(1000000, Ss.state.remoteWindowSize)
    Cs:setLocalWindowSize(20000)
    assert.equal(20000, Cs.state.effectiveLocalWindowSize)
    for _, value in ipairs { -1, 2147483648, 1.5 } do
      assert.has_error(function() Cs:setLocalWindowSize(value) end, "ERR_OUT_OF_RANGE")
    end
    assert.has_error(function() Cs:setLocalWindowSize "1" end, "ERR_INVALID_ARG_TYPE")
    Cs:destroy()
    assert.has_error(function() Cs:setLocalWindowSize(1) end, "ERR_HTTP2_INVALID_SESSION")
  end)

  it("before the connection stands is done then", function()
    local server = support.server(function(stream) stream:finish() end)
    local Cs = support.connect(server)
    Cs:setLocalWindowSize(500000)
    Cs:await "connect"
    assert.equal(500000, Cs.state.localWindowSize)
  end)
end)

describe("state", function()
  local names = {
    "deflateDynamicTableSize", "effectiveLocalWindowSize", "effectiveRecvDataLength", "inflateDynamicTableSize",
    "lastProcStreamID", "localWindowSize", "nextStreamID", "outboundQueueSize", "remoteWindowSize",
  }

  it("of a session has all its numbers while it lives", function()
    local seen
    local server = support.server(function(stream)
      seen = stream.session.state
      stream:finish()
    end)
    local Cs = support.connect(server)
    assert.same({}, Cs.state)
    Cs:await "connect"
    Cs:request({}):body()
    for _, state in ipairs { seen, Cs.state } do
      local have = {}
      for name, value in pairs(state) do
        assert.equal("number", type(value))
        have[#have + 1] = name
      end
      table.sort(have)
      assert.same(names, have)
    end
    assert.equal(1, seen.lastProcStreamID)
    assert.equal(2, seen.nextStreamID)
    assert.equal(3, Cs.state.nextStreamID)
    Cs:destroy()
    assert.same({}, Cs.state)
  end)

  it("of a stream follows it", function()
    local c = http2.constants
    local at_start, answered
    local Cs = pair(function(stream)
      at_start = stream.state
      stream:respond {}
      stream:write "x"
      stream:on("data", function() end)
      stream:on("end", function()
        answered = stream.state
        stream:finish()
      end)
    end)
    local request = Cs:request { [":method"] = "POST" }
    assert.equal(c.NGHTTP2_STREAM_STATE_OPEN, (function()
      request:await "response"
      return request.state.state
    end)())
    request:finish "x"
    request:body()
    assert.equal(c.NGHTTP2_STREAM_STATE_OPEN, at_start.state)
    assert.same({ c.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE, 0, 1, 16, 0 }, {
      answered.state, answered.localClose, answered.remoteClose, answered.weight, answered.sumDependencyWeight,
    })
    assert.same({}, request.state)
  end)
end)

describe("metrics", function()
  it("of a session count frames, bytes and streams, also after the end", function()
    local hold = {}
    local Cs, Ss = pair(function(stream)
      hold[#hold + 1] = stream
      if #hold == 3 then
        for i = 1, 3 do hold[i]:finish "12345" end
      end
    end)
    local requests = {}
    for i = 1, 3 do requests[i] = Cs:request {} end
    for i = 1, 3 do assert.equal("12345", requests[i]:body()) end
    local pinged
    Cs:ping(function() pinged = true end)
    support.wait_for(function() return pinged end)
    local m, s = Cs.metrics, Ss.metrics
    assert.equal("client", m.type)
    assert.equal("server", s.type)
    assert.equal(3, m.streamCount)
    assert.equal(3, s.maxConcurrentStreams)
    assert.equal(m.bytesWritten, s.bytesRead)
    assert.equal(m.bytesRead, s.bytesWritten)
    assert.equal(m.framesSent, s.framesReceived)
    assert.equal(m.framesReceived, s.framesSent)
    assert.is_true(m.framesSent >= 6) -- SETTINGS, its answer, three HEADERS, PING
    assert.is_true(m.bytesRead > 15)
    assert.is_true(m.pingRTT >= 0)
    assert.equal(0, s.pingRTT)
    assert.is_true(m.streamAverageDuration >= 0)
    local closed
    Ss:on("close", function() closed = Ss.metrics end)
    Cs:close()
    support.wait_for(function() return closed end)
    assert.equal(3, closed.streamCount)
    assert.is_true(closed.framesReceived > s.framesReceived)
    assert.equal(3, Cs.metrics.streamCount)
  end)

  it("of a stream are times and bytes, also at its 'close'", function()
    local seen, stream_life
    local Cs = pair(function(stream)
      stream:on("close", function() seen, stream_life = stream.metrics, stream.closeInfo.ms end)
      assert.equal(0, stream.metrics.timeToFirstByte)
      assert.equal(0, stream.metrics.timeToFirstByteSent)
      setTimeout(function()
        stream:respond {}
        stream:write "12345"
      end, 15)
      stream:on("data", function() end)
      stream:on("end", function() stream:finish() end)
    end)
    local request = Cs:request { [":method"] = "POST" }
    assert.equal(0, request.metrics.timeToFirstHeader)
    request:await "response"
    request:finish "123"
    request:body()
    support.wait_for(function() return seen end)
    assert.equal(3, seen.bytesRead)
    assert.equal(5, seen.bytesWritten)
    assert.equal(0, seen.timeToFirstHeader)
    assert.is_true(seen.timeToFirstByteSent >= 14)
    assert.is_true(seen.timeToFirstByte >= seen.timeToFirstByteSent)
    assert.is_true(stream_life >= seen.timeToFirstByte)
    support.over(request)
    local m = request.metrics
    assert.is_true(m.timeToFirstHeader >= 14)
    assert.is_true(m.timeToFirstByte >= m.timeToFirstHeader)
    assert.is_true(m.timeToFirstByteSent >= m.timeToFirstHeader)
    assert.equal(5, m.bytesRead)
    assert.equal(1, m.id)
  end)
end)

describe("http2.type", function()
  it("names the class of an object", function()
    local seen
    local Cs, Ss = pair(function(stream)
      seen = http2.type(stream)
      stream:finish()
    end)
    local request = Cs:request {}
    request:body()
    assert.equal("ServerHttp2Stream", seen)
    assert.equal("ClientHttp2Stream", http2.type(request))
    assert.equal("ClientHttp2Session", http2.type(Cs))
    assert.equal("ServerHttp2Session", http2.type(Ss))
    assert.equal("Http2Server", http2.type(Ss.server))
    assert.is_true(getmetatable(Ss) == http2.ServerHttp2Session)
    for _, value in ipairs { 1, "x", {}, print, setmetatable({}, {}) } do assert.is_nil(http2.type(value)) end
    assert.equal("table", type(http2.Http2Session))
    assert.equal("table", type(http2.Http2Stream))
  end)
end)
