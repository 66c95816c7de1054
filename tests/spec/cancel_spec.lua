-- What ends a request from outside: a token (options.signal), and the stream that is its parent.
local http2 = require "http2"
local live = require("perigee.metrics").live
local support = require "support"

-- A server that begins an answer and never ends it, and knows how its streams ended.
local function endless()
  local seen = { opened = 0, codes = {} }
  local server = support.server(function(stream)
    seen.opened = seen.opened + 1
    stream:on("close", function() seen.codes[#seen.codes + 1] = stream.rstCode end)
    stream:respond {}
    stream:write "begun"
  end)
  return server, seen
end

local function recorded(stream)
  local list = {}
  support.record(list, "C", stream, "ready response aborted end close")
  stream:on("error", function(err)
    list[#list + 1] = "C error"
    list.err = err
  end)
  return list
end

describe("a token", function()
  it("ends the request that was begun with it: AbortError, CANCEL", function()
    local server, seen = endless()
    local token = http2.cancelToken()
    local stream = support.connected(server):request({}, { signal = token })
    local list = recorded(stream)
    stream:await "response"
    assert.is_false(token.cancelled)
    token:cancel "the user left"
    assert.is_true(token.cancelled)
    assert.equal("the user left", token.reason)
    assert.is_true(stream.destroyed)
    support.wait_for(function() return #seen.codes == 1 end)
    assert.same({ "C ready", "C response", "C error", "C close", err = list.err }, list)
    assert.equal("AbortError", list.err.name)
    assert.equal("ABORT_ERR", list.err.code)
    assert.equal("The operation was aborted", list.err.message)
    assert.equal("the user left", list.err.cause)
    assert.equal(8, stream.rstCode)
    assert.same({ 8 }, seen.codes)
    assert.equal("handler", stream.closeInfo.by)
  end)

  it("that is cancelled already ends a request at once, and nothing of it leaves", function()
    local server, seen = endless()
    local token = http2.cancelToken()
    token:cancel()
    local session = support.connected(server)
    for _, made in ipairs { "connected", "connecting" } do
      local s = made == "connected" and session or support.connect(server)
      local stream = s:request({ [":method"] = "POST" }, { signal = token })
      assert.is_true(stream.destroyed)
      local list = recorded(stream)
      local ok, err = stream:await "response"
      assert.is_nil(ok)
      assert.equal("ABORT_ERR", err.code)
      support.wait_for(function() return list[#list] == "C close" end)
      assert.equal(8, stream.rstCode)
      assert.same({ "C error", "C close", err = err }, list)
    end
    local other = session:request()
    other:await "response"
    assert.equal(1, other.id)
    other:close(8)
    assert.equal(1, seen.opened)
  end)

  it("cancelled while the request waits for its connection: nothing of it leaves", function()
    local server, seen = endless()
    local token = http2.cancelToken()
    local session = support.connect(server)
    local stream = session:request({}, { signal = token })
    local list = recorded(stream)
    token:cancel()
    session:await "connect"
    support.turns(10)
    assert.same({ "C error", "C close", err = list.err }, list)
    assert.equal(0, seen.opened)
    assert.equal(8, stream.rstCode)
  end)

  it("ends many requests in the order they were begun, and leaves alone those that are over", function()
    local token = http2.cancelToken()
    local order = {}
    local server = support.server(function(stream, headers)
      stream:respond {}
      if headers[":path"] == "/short" then stream:finish() end
    end)
    local session = support.connected(server)
    local short = session:request({ [":path"] = "/short" }, { signal = token })
    support.over(short)
    for i = 1, 20 do
      session:request({ [":path"] = "/" .. i }, { signal = token }):on("error", function() order[#order + 1] = i end)
    end
    token:cancel()
    token:cancel "again"
    assert.is_nil(token.reason)
    support.wait_for(function() return #order == 20 end)
    for i = 1, 20 do assert.equal(i, order[i]) end
    assert.equal(0, short.rstCode)
  end)

  it("keeps nothing of requests that are over", function()
    local token = http2.cancelToken()
    local session = support.connected(support.server(function(stream) stream:finish "x" end))
    local kept = setmetatable({}, { __mode = "k" })
    for _ = 1, 50 do
      local stream = session:request({}, { signal = token })
      kept[stream] = true
      support.over(stream)
    end
    support.turns(3)
    collectgarbage()
    collectgarbage()
    local n = 0
    for _ in pairs(kept) do n = n + 1 end
    assert.is_true(n <= 2) -- of the last one a register may know
  end)

  it("is checked", function()
    local session = support.connected(support.server(function(stream) stream:finish() end))
    for _, wrong in ipairs { "x", 1, {}, true } do
      assert.has_error(function() session:request({}, { signal = wrong }) end, "ERR_INVALID_ARG_TYPE")
    end
  end)

  it("may be cancelled by a listener of what it ends", function()
    local token = http2.cancelToken()
    local server = endless()
    local session = support.connected(server)
    local stream = session:request({ [":method"] = "POST" }, { signal = token })
    local aborted = 0
    stream:on("aborted", function()
      aborted = aborted + 1
      token:cancel()
    end)
    stream:on("error", function() end)
    stream:await "response"
    token:cancel()
    support.over(stream)
    assert.equal(1, aborted)
    assert.equal(8, stream.rstCode)
  end)
end)

describe("a request with a parent", function()
  -- A request of a second server, made by a handler; how(stream, client's stream) ends the handler's stream.
  local function with_parent(how, connecting)
    local backend, seen = endless()
    local inner
    local front = support.server(function(stream)
      local upstream = connecting and support.connect(backend) or support.connected(backend)
      inner = upstream:request({ [":method"] = "POST" }, { parent = stream })
      inner:on("error", function() end)
      if not connecting then inner:await "response" end
      stream:on("error", function() end)
      how(stream, seen)
    end, {})
    local request = support.connected(front):request { [":method"] = "POST" }
    request:on("error", function() end)
    return function() return inner end, seen, request
  end

  local abnormal = {
    ["its own side resets it"] = function(stream) stream:close(2) end,
    ["it is destroyed"] = function(stream) stream:destroy() end,
    ["it is destroyed with an error when its answer was out"] = function(stream)
      stream:finish "answer"
      stream:await "finish"
      stream:destroy "sorry"
    end,
    ["its session is destroyed"] = function(stream) stream.session:destroy() end,
  }
  for name, how in pairs(abnormal) do
    it("is cancelled when " .. name, function()
      local inner, seen = with_parent(how)
      support.wait_for(function() return #seen.codes == 1 end)
      assert.same({ 8 }, seen.codes)
      assert.equal(8, inner().rstCode)
      assert.equal(0, #(inner()._requests or {}))
    end)
  end

  for _, code in ipairs { 0, 8, 2 } do
    it("is cancelled when the client resets it with code " .. code, function()
      local inner, seen, request = with_parent(function() end)
      support.wait_for(function() return inner() and inner()._response end)
      request:close(code)
      support.wait_for(function() return #seen.codes == 1 end)
      assert.same({ 8 }, seen.codes)
    end)
  end

  it("ends when the handler of its parent throws, also where that is a 500 to the client", function()
    local backend, seen = endless()
    local upstream = support.connected(backend)
    local server = support.server(function(stream)
      upstream:request({}, { parent = stream }):await "response"
      error "after the answer"
    end)
    assert.equal(500, support.request(server, {}).status)
    support.wait_for(function() return #seen.codes == 1 end)
    assert.equal(8, seen.codes[1])
    support.failures()
  end)

  it("is cancelled before it leaves, when its connection is not there yet", function()
    local inner, seen = with_parent(function(stream) stream:close(8) end, true)
    support.wait_for(function() return inner() and inner().destroyed end)
    support.turns(10)
    assert.equal(8, inner().rstCode)
    assert.equal(0, seen.opened)
  end)

  it("is cancelled at once when that has ended already", function()
    local backend, seen = endless()
    local session = support.connected(backend)
    local parent
    local front = support.server(function(stream)
      parent = stream
      stream:close(8)
    end)
    support.over(support.connected(front):request())
    local inner = session:request({}, { parent = parent })
    assert.is_true(inner.destroyed)
    support.over(inner)
    assert.equal(8, inner.rstCode)
    assert.equal(0, seen.opened)
  end)

  it("goes on when that ends normally", function()
    local inner, done
    local backend = support.server(function(stream)
      stream:respond {}
      support.wait_for(function() return done end)
      stream:finish "late"
    end)
    local front = support.server(function(stream)
      inner = support.connected(backend):request({}, { parent = stream })
      stream:finish "early"
    end)
    local request = support.connected(front):request()
    assert.equal("early", request:body())
    request:await "close"
    support.turns(3)
    done = true
    assert.equal("late", inner:body())
    assert.equal(0, inner.rstCode)
  end)

  it("leaves nothing with that when it is over", function()
    local requests
    local backend = support.server(function(stream) stream:finish "x" end)
    local front = support.server(function(stream)
      local session = support.connected(backend)
      for _ = 1, 10 do session:request({}, { parent = stream }):body() end
      support.turns(3)
      requests = #stream._requests
      stream:finish()
    end)
    support.over(support.connected(front):request())
    assert.equal(0, requests)
  end)
end)

describe("a task of a stream", function()
  it("is cancelled when the client leaves with code 0 in the middle of an answer", function()
    local why
    local server = support.server(function(stream)
      stream:respond {}
      stream:write "part"
      local ok, err = pcall(function() http2.createServer():await "never" end)
      why = not ok and err.code
      error(err, 0)
    end)
    local request = support.connected(server):request()
    request:await "response"
    request:close(0)
    support.wait_for(function() return why end)
    assert.equal("ERR_PERIGEE_CANCELLED", why)
  end)
end)

describe("listen", function()
  it("ends with its token", function()
    local token = http2.cancelToken()
    local server = support.adopt_server(http2.createServer())
    server:listen { port = 0, host = "127.0.0.1", signal = token }
    server:await "listening"
    local before = live().listeners
    token:cancel()
    server:await "close"
    assert.is_false(server.listening)
    assert.equal(before - 1, live().listeners)
    server:listen { port = 0, host = "127.0.0.1" }
    server:await "listening"
    server:close()
    local other = http2.createServer()
    local closed = false
    other:on("close", function() closed = true end)
    other:listen { port = 0, signal = token }
    support.wait_for(function() return closed end)
    assert.is_false(other.listening)
  end)

  it("checks its token", function()
    assert.has_error(function() http2.createServer():listen { port = 0, signal = {} } end, "ERR_INVALID_ARG_TYPE")
  end)
end)
