-- http2.connectPair: a server and a client joined in memory, as users' own tests want it.
local http2 = require "http2"
local support = require "support"

local function echo()
  return support.server(function(stream, headers)
    stream:respond { ["x-path"] = headers[":path"], ["x-authority"] = headers[":authority"] }
    stream:pipe(stream)
  end)
end

local function pair(...)
  return support.adopt_session(http2.connectPair(...))
end

describe("connectPair", function()
  it("joins a client to a server that does not listen", function()
    local server = echo()
    local client = pair(server)
    assert.is_false(server.listening)
    local request = client:request { [":method"] = "POST", [":path"] = "/a" }
    request:finish "hello"
    local headers = request:await "response"
    assert.equal("/a", headers["x-path"])
    assert.equal("localhost", headers["x-authority"])
    assert.equal("hello", request:body())
  end)

  it("looks like a connection in clear text on both sides", function()
    local server = echo()
    local seen
    server:on("session", function(session) seen = session end)
    local client = pair(server)
    client:await "connect"
    assert.equal("h2c", client.alpnProtocol)
    assert.is_false(client.encrypted)
    assert.equal(1, client.type)
    support.wait_for(function() return seen end)
    assert.equal(0, seen.type)
    assert.equal(server, seen.server)
    assert.is_nil(client.socket.remotePort)
  end)

  it("takes options, and a listener in their place or behind them", function()
    local heard = {}
    local client = pair(echo(), function(session) heard[#heard + 1] = session end)
    local other = pair(echo(), { settings = { initialWindowSize = 1000 } },
      function(session) heard[#heard + 1] = session end)
    support.wait_for(function() return #heard == 2 end)
    assert.is_true(heard[1] == client or heard[2] == client)
    assert.is_true(heard[1] == other or heard[2] == other)
    support.wait_for(function() return other.localSettings.initialWindowSize == 1000 end) -- acknowledged
  end)

  it("heeds maxOutstandingPings and strictSingleValueFields", function()
    local client = pair(echo(), { maxOutstandingPings = 1, strictSingleValueFields = false })
    client:await "connect"
    assert.is_true(client:ping(function() end))
    assert.is_false(client:ping(function() end))
    local stream = client:request { ["content-type"] = { "a", "b" } }
    stream:close()
    support.over(stream)
  end)

  it("makes as many pairs as are asked for, each a session of its own", function()
    local sessions = 0
    local server = echo()
    server:on("session", function() sessions = sessions + 1 end)
    local one, two = pair(server), pair(server)
    one:await "connect"
    two:await "connect"
    support.wait_for(function() return sessions == 2 end)
    one:close()
    one:await "close"
    assert.is_false(two.destroyed)
  end)

  it("ends in order when the server closes", function()
    local server = echo()
    local client = pair(server)
    client:await "connect"
    local closed = false
    server:close(function() closed = true end)
    client:await "close"
    support.wait_for(function() return closed end)
  end)

  it("throws for what is no server, for unknown options, and when the server closes", function()
    assert.has_error(function() http2.connectPair() end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.connectPair {} end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.connectPair(echo(), 5) end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.connectPair(echo(), { maxSetings = 1 }) end, "ERR_INVALID_ARG_VALUE")
    local server = echo()
    pair(server):await "connect"
    server:close()
    assert.has_error(function() http2.connectPair(server) end, "ERR_SERVER_NOT_RUNNING")
  end)
end)
