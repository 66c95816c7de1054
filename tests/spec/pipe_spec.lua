-- Pipes to several targets: each holds back the source while it is full, and none does so for ever.
local task = require "perigee.task"
local support = require "support"

-- A target of a script's own that keeps what it gets; full: its write() answers false until drain().
local function target(full)
  local t = { got = {}, listeners = {} }
  function t.write(_, chunk)
    t.got[#t.got + 1] = chunk
    return not full
  end
  function t.finish() t.ended = true end
  function t.on(_, name, fn) t.listeners[name] = fn end
  function t.off(_, name) t.listeners[name] = nil end
  function t.emit() end
  function t.drain()
    full = false
    t.listeners.drain()
  end
  return t
end

-- Sends pieces to a handler that pipes them on; returns the server's stream.
local function piped(pieces, pipe)
  local source
  local server = support.server(function(stream)
    source = stream
    stream:respond {}
    pipe(stream)
  end)
  local request = support.connected(server):request { [":method"] = "POST" }
  for _, piece in ipairs(pieces) do request:write(piece) end
  request:finish()
  support.wait_for(function() return source end)
  return source
end

describe("pipe", function()
  it("goes on when the target that is full is taken away", function()
    local fast, slow = target(false), target(true)
    local source = piped({ "a", "b" }, function(stream)
      stream:pipe(fast)
      stream:pipe(slow)
    end)
    support.wait_for(function() return #fast.got == 1 end)
    source:unpipe(slow)
    support.wait_for(function() return fast.ended end)
    assert.equal("ab", table.concat(fast.got))
    assert.same({ "a" }, slow.got)
  end)

  it("goes on when the target that is full is gone", function()
    local fast, slow = target(false), target(true)
    piped({ "a", "b" }, function(stream)
      stream:pipe(fast)
      stream:pipe(slow)
    end)
    support.wait_for(function() return #fast.got == 1 end)
    slow.listeners.close()
    support.wait_for(function() return fast.ended end)
    assert.equal("ab", table.concat(fast.got))
  end)

  it("goes on when the last of two that were full has drained", function()
    local one, two = target(true), target(true)
    piped({ "a", "b" }, function(stream)
      stream:pipe(one)
      stream:pipe(two)
    end)
    support.wait_for(function() return #two.got == 1 end)
    one.drain()
    support.turns(3)
    assert.same({ "a" }, one.got)
    two.drain()
    support.wait_for(function() return one.ended and two.ended end)
    assert.equal("ab", table.concat(one.got))
  end)

  it("does not enter a write() that still waits, whatever its target emits", function()
    local waiting = target(false)
    local inside = 0
    local keep = waiting.write
    function waiting.write(_, chunk)
      inside = inside + 1
      assert.equal(1, inside)
      task.sleep(1)
      waiting.listeners.drain()
      task.sleep(1)
      inside = inside - 1
      return keep(waiting, chunk)
    end
    piped({ "a", "b", "c" }, function(stream) stream:pipe(waiting) end)
    support.wait_for(function() return waiting.ended end)
    assert.equal("abc", table.concat(waiting.got))
  end)
end)

describe("a pipe whose source is cut", function()
  -- A client that sends a part and leaves with that code; pipe(stream) is the handler's.
  local function cut(code, pipe, send)
    local server = support.server(pipe)
    local session = support.connected(server)
    session:on("error", function() end)
    local request = session:request { [":method"] = "POST" }
    request:on("error", function() end)
    request:write "part"
    request:await "ready"
    support.turns(5)
    if send then send(request) elseif code then request:close(code) else session:destroy() end
    return request
  end

  for _, how in ipairs { 0, 8, 2, "lost" } do
    it("does not finish its target, but destroys it (" .. how .. ")", function()
      local t = target(false)
      function t.destroy(_, err) t.err = err end
      cut(how ~= "lost" and how or nil, function(stream)
        stream:on("error", function() end)
        stream:pipe(t)
      end)
      support.wait_for(function() return t.err end)
      assert.is_nil(t.ended)
      assert.equal(how == 2 and "ERR_HTTP2_STREAM_ERROR" or "ERR_STREAM_PREMATURE_CLOSE", t.err.code)
    end)

    it("cancels the request it leads to (" .. how .. ")", function()
      local codes = {}
      local backend = support.server(function(stream)
        stream:on("close", function() codes[#codes + 1] = stream.rstCode end)
        stream:resume()
      end)
      cut(how ~= "lost" and how or nil, function(stream)
        stream:on("error", function() end)
        stream:pipe(support.connected(backend):request { [":method"] = "POST" })
      end)
      support.wait_for(function() return codes[1] end)
      assert.same({ 8 }, codes)
    end)
  end

  it("resets the answer it leads to with the source's code, or INTERNAL_ERROR", function()
    for how, wanted in pairs { [8] = 8, [11] = 11, [0] = 2, lost = 2 } do
      local backend = support.server(function(stream)
        stream:on("error", function() end)
        stream:respond {}
        stream:write "part"
        support.turns(20)
        if how == "lost" then stream.session:destroy() else stream:close(how) end
      end)
      local front = support.server(function(stream)
        stream:on("error", function() end)
        local session = support.connected(backend)
        session:on("error", function() end)
        local inner = session:request()
        inner:on("error", function() end)
        inner:await "response"
        stream:respond {}
        inner:pipe(stream)
      end)
      local request = support.connected(front):request()
      request:on("error", function() end)
      support.over(request)
      assert.equal(wanted, request.rstCode)
      assert.is_false(request.complete)
    end
  end)

  it("leaves a target with end_ = false alone", function()
    local t, closed = target(false), false
    function t.destroy() t.destroyed = true end
    cut(8, function(stream)
      stream:pipe(t, { end_ = false })
      stream:on("close", function() closed = true end)
    end)
    support.wait_for(function() return closed end)
    support.turns(3)
    assert.is_nil(t.ended)
    assert.is_nil(t.destroyed)
  end)

  it("and one whose target went away: when the answer is out, the client may stop", function()
    local backend = support.server(function(stream)
      stream:respond {}
      stream:finish "enough" -- without having read: RST_STREAM(NO_ERROR) follows
    end)
    local front = support.server(function(stream)
      local inner = support.connected(backend):request { [":method"] = "POST" }
      stream:pipe(inner)
      inner:await "response"
      stream:respond {}
      inner:pipe(stream)
    end)
    local request = support.connected(front):request { [":method"] = "POST" }
    request:write "part"
    assert.equal("enough", request:body())
    request:await "close"
    assert.equal(0, request.rstCode)
  end)
end)
