-- Tasks: who owns them, what cancels them, spawn, all, sleep, detach (DESIGN.md 3, "Ownership by a stream").
local http2 = require "http2"
local task = require "perigee.task"
local uv = require "luv"
local support = require "support"

-- Waits for what never comes.
local function wait_for_ever()
  return http2.createServer():await "never"
end

local RESET_BY_PEER, SESSION_LOST = "the client resets the stream", "the connection is lost"

-- A server whose handler runs fn(stream); a client that leaves in one of two ways when fn waits.
local function leave_while(how, fn)
  local waits = false
  local server = support.server(function(stream)
    waits = true
    fn(stream)
  end)
  local session = support.connect(server)
  session:on("error", function() end)
  local stream = session:request()
  stream:on("error", function() end)
  support.wait_for(function() return waits end)
  if how == RESET_BY_PEER then stream:close(8) else session:destroy() end
end

for _, how in ipairs { RESET_BY_PEER, SESSION_LOST } do
  describe("when " .. how .. ",", function()
    it("a task that waits gets ERR_PERIGEE_CANCELLED thrown and cleans up", function()
      local err, cleaned
      leave_while(how, function()
        local ok, thrown = pcall(wait_for_ever)
        assert.is_false(ok)
        err = thrown
        cleaned = true
        error(thrown, 0)
      end)
      support.wait_for(function() return cleaned end)
      assert.equal("ERR_PERIGEE_CANCELLED", err.code)
    end)

    it("it gets it in coroutines and in the tasks that it spawned", function()
      local codes = {}
      local function wait()
        local _, thrown = pcall(wait_for_ever)
        codes[#codes + 1] = thrown.code
      end
      leave_while(how, function()
        task.spawn(wait)
        task.spawn(coroutine.wrap(wait))
        wait()
      end)
      support.wait_for(function() return #codes == 3 end)
      assert.same({ "ERR_PERIGEE_CANCELLED", "ERR_PERIGEE_CANCELLED", "ERR_PERIGEE_CANCELLED" }, codes)
    end)

    it("one that waits for the stream itself hears of it by nil, err", function()
      local got
      leave_while(how, function(stream)
        got = { pcall(stream.await, stream, "x") }
      end)
      support.wait_for(function() return got end)
      assert.is_true(got[1])
      assert.is_nil(got[2])
      assert.equal("ERR_STREAM_PREMATURE_CLOSE", got[3].code)
    end)

    it("one that was detached goes on", function()
      local e, went_on = http2.createServer(), false
      local gone = false
      leave_while(how, function(stream)
        stream:on("close", function() gone = true end)
        task.detach()
        e:await "go"
        went_on = true
      end)
      support.wait_for(function() return gone end)
      support.turns()
      assert.is_false(went_on)
      e:emit "go"
      assert.is_true(went_on)
    end)

    it("timers that its handler started run", function()
      local fired = false
      leave_while(how, function() setTimeout(function() fired = true end, 10) end)
      support.wait_for(function() return fired end)
    end)
  end)
end

describe("a task", function()
  it("that swallows its cancellation may go on", function()
    local ended
    leave_while(RESET_BY_PEER, function()
      pcall(wait_for_ever)
      task.sleep(1)
      ended = true
    end)
    support.wait_for(function() return ended end)
  end)

  it("is cancelled when its own side resets the stream", function()
    local code
    local server = support.server(function(stream)
      setImmediate(function() stream:close(8) end)
      local _, err = pcall(wait_for_ever)
      code = err.code
    end)
    support.get(server, "/")
    support.wait_for(function() return code end)
    assert.equal("ERR_PERIGEE_CANCELLED", code)
  end)

  it("is not cancelled by the stream's normal end", function()
    local e, result = http2.createServer(), nil
    local closed = false
    local server = support.server(function(stream)
      stream:on("close", function() closed = true end)
      stream:finish "done"
      result = e:await "go"
    end)
    assert.equal("done", support.get(server, "/").body)
    support.wait_for(function() return closed end)
    support.turns()
    assert.is_nil(result)
    e:emit("go", "went on")
    assert.equal("went on", result)
  end)

  it("of a listener of the stream belongs to it as well", function()
    local code
    local server = support.server(function(stream)
      stream:on("data", function()
        local _, err = pcall(wait_for_ever)
        code = err.code
      end)
    end)
    local stream = support.connect(server):request { [":method"] = "POST" }
    stream:write "x"
    support.turns(10)
    stream:close(8)
    support.wait_for(function() return code end)
    assert.equal("ERR_PERIGEE_CANCELLED", code)
  end)

  it("knows its stream", function()
    local owner, same_in_spawned, in_timer = nil, nil, "unset"
    local server = support.server(function(stream)
      owner = task.owner() == stream
      task.spawn(function() same_in_spawned = task.owner() == stream end)
      setTimeout(function()
        in_timer = task.owner()
        stream:finish()
      end, 1)
    end)
    support.get(server, "/")
    assert.is_true(owner)
    assert.is_true(same_in_spawned)
    assert.is_nil(in_timer)
    assert.is_nil(task.owner())
  end)

  it("that fails with an error of its own is reported once, and its stream gets 500", function()
    local server = support.server(function()
      task.sleep(1)
      error "after a while"
    end)
    assert.equal(500, support.get(server, "/").status)
    local failures = support.failures()
    assert.equal(1, #failures)
    assert.matches("tasks_spec.lua:%d+: after a while", failures[1])
  end)
end)

describe("requests with a parent", function()
  it("are cancelled when the parent is lost", function()
    local backend_closed
    local backend = support.server(function(stream)
      stream:on("close", function() backend_closed = stream.rstCode end)
    end)
    local upstream = support.connect(backend)
    leave_while(RESET_BY_PEER, function(stream)
      upstream:request({ [":path"] = "/x" }, { parent = stream }):on("error", function() end)
    end)
    support.wait_for(function() return backend_closed end)
    assert.equal(8, backend_closed)
  end)
end)

describe("task.spawn", function()
  it("runs at once up to the first wait, and hands results to await", function()
    local begun = false
    local handle = task.spawn(function(a, b)
      begun = true
      task.sleep(1)
      return a, nil, b
    end, 1, 3)
    assert.is_true(begun)
    assert.same({ 1, nil, 3 }, { handle:await() })
    assert.same({ 1, nil, 3 }, { handle:await() })
  end)

  it("gives nil, err of a function that fails", function()
    local handle = task.spawn(function()
      task.sleep(1)
      error { code = "MINE" }
    end)
    local got, err = handle:await()
    assert.is_nil(got)
    assert.equal("MINE", err.code)
  end)

  it("reports a failure that nobody waits for", function()
    task.spawn(function() error "alone" end)
    assert.matches("alone", support.failures()[1])
  end)

  it("can be cancelled where it waits", function()
    local cleaned = false
    local handle = task.spawn(function()
      local ok, err = pcall(wait_for_ever)
      cleaned = not ok
      error(err, 0)
    end)
    setImmediate(function() handle:cancel() end)
    local got, err = handle:await()
    assert.is_nil(got)
    assert.equal("ERR_PERIGEE_CANCELLED", err.code)
    assert.is_true(cleaned)
    handle:cancel() -- it is over: nothing happens
  end)
end)

describe("task.all", function()
  it("runs side by side and gives the first results in order", function()
    local running, most = 0, 0
    local function one(value, ms)
      return function()
        running = running + 1
        most = math.max(most, running)
        task.sleep(ms)
        running = running - 1
        return value
      end
    end
    assert.same({ "a", "b", "c" }, task.all { one("a", 5), one("b", 1), one("c", 3) })
    assert.equal(3, most)
    assert.same({}, task.all {})
  end)

  it("cancels the rest when the first fails", function()
    local cancelled
    local results, err = task.all {
      function()
        task.sleep(1)
        error("first", 0)
      end,
      function()
        local _, why = pcall(wait_for_ever)
        cancelled = why.code
      end,
    }
    assert.is_nil(results)
    assert.equal("first", err)
    assert.equal("ERR_PERIGEE_CANCELLED", cancelled)
  end)
end)

describe("task.sleep", function()
  it("waits about as long as told, while others go on", function()
    local others = 0
    local timer = setInterval(function() others = others + 1 end, 1)
    uv.update_time() -- timers count from the time that the loop knows
    local before = uv.hrtime()
    task.sleep(20)
    assert.is_true(uv.hrtime() - before >= 19e6)
    assert.is_true(others > 0)
    clearInterval(timer)
  end)
end)
