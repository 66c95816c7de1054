-- Corners where the parts meet: requests before their connection, servers without a network, timers and tasks.
local http2 = require "http2"
local uv = require "luv"
local task = require "perigee.task"
local support = require "support"

describe("corners", function()
  it("body() of a request that waits for its connection", function()
    local session = support.connect(support.server(function(stream) stream:finish "x" end))
    assert.equal("x", session:request():body())
  end)

  it("chunks() of a request that waits for its connection", function()
    local session = support.connect(support.server(function(stream) stream:finish "x" end))
    local got = {}
    for chunk in session:request():chunks() do got[#got + 1] = chunk end
    assert.same({ "x" }, got)
  end)

  it("luv.walk leaves out handles that are closed and collected", function()
    for _ = 1, 50 do uv.new_timer():close() end
    support.turns(2)
    collectgarbage()
    uv.walk(function(handle) handle:is_closing() end)
  end)

  it("a server may listen anew from its 'close' listener", function()
    local server = support.adopt_server(http2.createServer()):listen(0)
    local again
    server:once("close", function() server:listen(0, function() again = true end) end)
    server:close()
    support.wait_for(function() return again end)
  end)

  it("the address of a UNIX socket is its path", function()
    local path = support.folder() .. "/socket"
    local server = support.adopt_server(http2.createServer()):listen(path)
    server:await "listening"
    assert.equal(path, server:address())
  end)

  it("task.all cancels the rest as soon as one fails, also when an earlier one still waits", function()
    local results, err = task.all {
      function() task.sleep(60000) end,
      function()
        task.sleep(1)
        error("second", 0)
      end,
    }
    assert.is_nil(results)
    assert.equal("second", err)
  end)

  it("task.all hands on a failure without a wait, and nothing is logged", function()
    local results, err = task.all { function() error("first", 0) end, function() task.sleep(1) end }
    assert.is_nil(results)
    assert.equal("first", err)
  end)

  it("HEAD: writableEnded is true in the handler", function()
    local ended
    local server = support.server(function(stream)
      ended = stream.writableEnded
      stream:respond {}
    end)
    support.request(server, { [":method"] = "HEAD" })
    assert.is_true(ended)
  end)

  it("an answer without a body ends the client's stream though nobody reads", function()
    local session = support.connected(support.server(function(stream) stream:respond { [":status"] = 204 } end))
    local stream = session:request()
    local closed = stream:await("close", 1000)
    assert.is_true(stream.destroyed or closed)
  end)

  it("gsub reached by a tail call is named in ERR_PERIGEE_AWAIT_PLACE", function()
    local e = http2.createServer()
    local err = assert.has_error(function() return string.gsub("abc", "b", function() e:await "x" end) end)
    assert.matches("gsub", err.message)
  end)

  it("a server that only had pairs can be closed when they are gone", function()
    local server = http2.createServer()
    local session = support.connected(server)
    session:destroy()
    session:await "close"
    support.turns(20)
    server:close()
  end)

  it("a cancelled sleep, or await with a time-out, leaves no timer that holds the loop", function()
    local function timers()
      local n = 0
      uv.walk(function(handle)
        local ok, active = pcall(uv.is_active, handle)
        if ok and active then n = n + 1 end
      end)
      return n
    end
    local before = timers()
    local e = http2.createServer()
    local first = task.spawn(function() pcall(task.sleep, 60000) end)
    local second = task.spawn(function() pcall(e.await, e, "x", 60000) end)
    first:cancel()
    second:cancel()
    assert.equal(before, timers())
  end)

  it("a timer counts from the call, not from the begin of the loop's turn", function()
    local from = uv.hrtime()
    while uv.hrtime() - from < 50e6 do end
    from = uv.hrtime()
    task.sleep(20)
    assert.is_true(uv.hrtime() - from >= 19e6)
  end)
end)
