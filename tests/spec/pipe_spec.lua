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
