-- CONNECT: a stream becomes a plain duplex of bytes, with :protocol (RFC 8441) and without, in both roles.
local support = require "support"

local CONNECT = { [":method"] = "CONNECT", [":authority"] = "target:443" }

-- A server that greets, then sends back what it gets in capitals; and a session that has heard its settings.
local function shouting(options, seen)
  local server = support.server(function(stream, headers)
    for _, name in ipairs { ":method", ":protocol", ":authority", ":scheme", ":path" } do
      seen[name] = headers[name]
    end
    stream:respond { ["sec-websocket-protocol"] = "shout" }
    stream:write "hi "
    for chunk in stream:chunks() do stream:send(chunk:upper()) end
    seen.complete = stream.complete
    stream:finish(stream.complete and " bye" or nil)
  end, options)
  local session = support.connect(server)
  if options then session:await "remoteSettings" else session:await "connect" end
  return session
end

local function converse(stream)
  local answer, flags = stream:await "response"
  assert.equal(200, answer[":status"])
  assert.equal(0, flags % 2)
  local next_chunk, state = stream:chunks()
  assert.equal("hi ", next_chunk(state))
  for _, word in ipairs { "one", "two", "three" } do
    assert.is_true(stream:write(word))
    assert.equal(word:upper(), next_chunk(state))
  end
  stream:finish()
  assert.equal(" bye", next_chunk(state))
  assert.is_nil(next_chunk(state))
  stream:await "close"
  assert.equal(0, stream.rstCode)
end

describe("extended CONNECT", function()
  local EXTENDED = { settings = { enableConnectProtocol = true } }

  it("opens a duplex of bytes", function()
    local seen = {}
    local session = shouting(EXTENDED, seen)
    assert.is_true(session.remoteSettings.enableConnectProtocol)
    converse(session:request {
      [":method"] = "CONNECT", [":protocol"] = "websocket", [":path"] = "/chat", ["sec-websocket-version"] = 13,
    })
    assert.same({
      [":method"] = "CONNECT", [":protocol"] = "websocket", [":authority"] = "localhost", [":scheme"] = "http",
      [":path"] = "/chat", complete = true,
    }, seen)
  end)

  it("has the defaults of other requests for :scheme, :authority and :path", function()
    local seen = {}
    local session = shouting(EXTENDED, seen)
    converse(session:request { [":method"] = "CONNECT", [":protocol"] = "x" })
    assert.equal("/", seen[":path"])
  end)

  it("holds back who writes to a reader that does not read, both ways", function()
    local waits = {}
    local server = support.server(function(stream)
      stream:respond {}
      repeat until not stream:write(("s"):rep(10000))
      waits.server = stream
    end, EXTENDED)
    local session = support.connect(server)
    session:await "remoteSettings"
    local stream = session:request { [":method"] = "CONNECT", [":protocol"] = "x" }
    stream:await "response"
    repeat until not stream:write(("c"):rep(10000))
    support.wait_for(function() return waits.server end)
    support.turns(10)
    local drained = {}
    stream:on("drain", function() drained[#drained + 1] = "client" end)
    waits.server:on("drain", function() drained[#drained + 1] = "server" end)
    assert.is_true(stream.writableNeedDrain and waits.server.writableNeedDrain)
    stream:resume()
    support.wait_for(function() return drained[1] end)
    assert.same({ "server" }, drained)
    waits.server:resume()
    support.wait_for(function() return drained[2] end)
    stream:finish()
    waits.server:finish()
    stream:await "close"
  end)

  it("ends by a reset of either side", function()
    for _, who in ipairs { "client", "server" } do
      local theirs
      local server = support.server(function(stream)
        stream:respond {}
        theirs = stream
      end, EXTENDED)
      local session = support.connect(server)
      session:await "remoteSettings"
      local ours = session:request { [":method"] = "CONNECT", [":protocol"] = "x" }
      ours:await "response"
      local order = {}
      support.record(order, "S", theirs, "aborted finish end error close")
      support.record(order, "C", ours, "aborted finish end error close");
      (who == "client" and ours or theirs):close(8)
      support.wait_for(function() return ours.destroyed and theirs.destroyed end)
      support.turns(3)
      assert.equal(8, ours.rstCode)
      assert.equal(8, theirs.rstCode)
      for _, side in ipairs { "S", "C" } do
        local mine = {}
        for _, entry in ipairs(order) do
          if entry:sub(1, 1) == side then mine[#mine + 1] = entry end
        end
        assert.equal(side .. " aborted", mine[1])
        assert.equal(side .. " close", mine[#mine])
      end
    end
  end)

  it("is refused by a server that has not enabled it", function()
    local seen = {}
    local session = shouting(nil, seen)
    local stream = session:request { [":method"] = "CONNECT", [":protocol"] = "x" }
    local answer, err = stream:await "response"
    assert.is_nil(answer)
    assert.equal("ERR_HTTP2_STREAM_ERROR", err.code)
    assert.equal(1, stream.rstCode)
    assert.is_nil(seen[":method"])
  end)
end)

describe("CONNECT", function()
  it("opens a duplex of bytes to an authority", function()
    local seen = {}
    converse(shouting(nil, seen):request(CONNECT))
    assert.same({ [":method"] = "CONNECT", [":authority"] = "target:443", complete = true }, seen)
  end)

  it("needs :authority and forbids :scheme and :path", function()
    local session = shouting(nil, {})
    local cases = {
      ERR_HTTP2_CONNECT_AUTHORITY = { [":method"] = "CONNECT" },
      ERR_HTTP2_CONNECT_SCHEME = { [":method"] = "CONNECT", [":authority"] = "x", [":scheme"] = "http" },
      ERR_HTTP2_CONNECT_PATH = { [":method"] = "CONNECT", [":authority"] = "x", [":path"] = "/" },
    }
    for code, headers in pairs(cases) do
      assert.has_error(function() session:request(headers) end, code)
    end
  end)
end)
