-- await: where it works, what it returns, and what it says where it cannot work (DESIGN.md 3, "emit" to
-- "Ownership").
local http2 = require "http2"
local uv = require "luv"
local support = require "support"

-- Waits for something that takes a few turns, and returns it.
local function answer()
  local e = http2.createServer()
  setImmediate(function() e:emit("answer", 42) end)
  return (e:await "answer")
end

describe("await works in", function()
  it("the task of a test", function()
    assert.equal(42, answer())
  end)

  it("a module while it is required", function()
    package.path = support.folder() .. "/?.lua;" .. package.path
    support.file("waiting_module.lua", [[
      local e = require("http2").createServer()
      setImmediate(function() e:emit("answer", 42) end)
      return { name = ..., answer = e:await "answer" }
    ]])
    local module = require "waiting_module"
    assert.same({ name = "waiting_module", answer = 42 }, module)
    assert.equal(module, require "waiting_module")
  end)

  it("a module required by a module, and in dofile", function()
    support.file("outer_module.lua", [[return { inner = require "inner_module" }]])
    support.file("inner_module.lua", ("return dofile(%q)"):format(support.file("done.lua", [[
      local e = require("http2").createServer()
      setTimeout(function() e:emit("answer", 42) end, 1)
      return (e:await "answer")
    ]])))
    assert.same({ inner = 42 }, require "outer_module")
  end)

  it("a generator made with coroutine.wrap", function()
    local numbers = coroutine.wrap(function()
      for i = 1, 3 do coroutine.yield(i + answer()) end
    end)
    local got = {}
    for n in numbers do got[#got + 1] = n end
    assert.same({ 43, 44, 45 }, got)
  end)

  it("coroutines inside coroutines, whose own yields stay theirs", function()
    local inner = coroutine.create(function(a)
      local b = coroutine.yield(a + answer())
      return b, answer()
    end)
    local outer = coroutine.wrap(function()
      local ok, first = coroutine.resume(inner, 1)
      assert.is_true(ok)
      coroutine.yield(first)
      local _, second, third = coroutine.resume(inner, "b")
      coroutine.yield(second .. third)
    end)
    assert.equal(43, outer())
    assert.equal("b42", outer())
    assert.equal("dead", coroutine.status(inner))
  end)

  it("a luv callback", function()
    local got
    local timer = uv.new_timer()
    timer:start(1, 0, function()
      timer:close()
      got = answer()
    end)
    support.wait_for(function() return got end)
    assert.equal(42, got)
  end)

  it("timers, immediates, ticks", function()
    local got = 0
    local function take()
      local n = answer()
      got = got + n
    end
    setTimeout(take, 1)
    setImmediate(take)
    process.nextTick(take)
    support.wait_for(function() return got == 3 * 42 end)
  end)

  it("a listener, without holding up the next", function()
    local e, order = http2.createServer(), {}
    for i = 1, 3 do
      e:on("x", function()
        answer()
        order[#order + 1] = i
      end)
    end
    e:emit "x"
    support.wait_for(function() return #order == 3 end)
    assert.same({ 1, 2, 3 }, order)
  end)

  it("pcall and xpcall", function()
    local ok, got = pcall(answer)
    assert.same({ true, 42 }, { ok, got })
    ok, got = xpcall(function() error(answer(), 0) end, function(err) return err + 1 end)
    assert.same({ false, 43 }, { ok, got })
  end)

  it("an iterator and a metamethod", function()
    local t = setmetatable({}, { __index = answer, __add = answer })
    assert.equal(42, t.x)
    assert.equal(42, t + 1)
    local got
    for n in function(_, last) return not last and answer() or nil end do got = n end
    assert.equal(42, got)
  end)
end)

describe("await cannot work in", function()
  local function refused(fn, place)
    local err = assert.has_error(fn, "ERR_PERIGEE_AWAIT_PLACE")
    assert.matches(place, err.message)
  end

  it("a callback of table.sort, and says so", function()
    refused(function() table.sort({ 3, 1, 2 }, function() return answer() > 1 end) end, "sort")
  end)

  it("a callback of string.gsub, and says so", function()
    refused(function() return (("abc"):gsub("b", answer)) end, "gsub")
    refused(function() return (string.gsub("abc", "b", answer)) end, "gsub")
  end)

  it("these also inside a user's coroutine", function()
    refused(coroutine.wrap(function() table.sort({ 2, 1 }, function() return answer() > 1 end) end), "sort")
  end)

  it("a finalizer", function()
    local said
    do
      local proxy = newproxy(true)
      getmetatable(proxy).__gc = function()
        local _, err = pcall(answer)
        said = type(err) == "table" and err.code or tostring(err)
      end
    end
    support.wait_for(function()
      collectgarbage()
      return said
    end)
    assert.equal("ERR_PERIGEE_AWAIT_PLACE", said)
  end)

  it("and the task goes on after the refusal", function()
    pcall(table.sort, { 2, 1 }, function() return answer() > 1 end)
    assert.equal(42, answer())
  end)
end)

describe("await returns", function()
  it("the event's arguments", function()
    local e = http2.createServer()
    setImmediate(function() e:emit("x", 1, nil, "three") end)
    local a, b, c = e:await "x"
    assert.same({ 1, nil, "three" }, { a, b, c })
  end)

  it("at once what already happened once and for all", function()
    local server = support.server(function(stream) stream:finish "body" end)
    local session = support.connect(server)
    local stream = session:request()
    assert.equal(200, stream:await("response")[":status"])
    assert.equal(200, stream:await("response")[":status"])
    assert.equal("body", stream:body())
    stream:await "close"
    assert.is_true(stream.destroyed)
    stream:await "close"
    stream:await "finish"
    stream:await "end"
    stream:await "ready"
    assert.equal(session, session:await "connect")
    session:close()
    session:await "close"
    session:await "close"
  end)

  it("a piece of a body, which begins to flow as for a listener", function()
    local server = support.server(function(stream)
      stream:respond {}
      stream:write "one"
      support.turns(5)
      stream:finish "two"
    end)
    local stream = support.connected(server):request()
    assert.equal("one", stream:await "data")
    assert.equal("two", stream:await "data")
    assert.is_nil((stream:await "data"))
    assert.is_true(stream.readableEnded)
  end)

  it("an error that is still to come, of a stream that has just ended, and nobody logs it", function()
    local session = support.connected(support.server())
    session:destroy()
    local logged = require("perigee.failure").log
    local lines = 0
    require("perigee.failure").log = function() lines = lines + 1 end
    local ok, err = session:request():await "response"
    require("perigee.failure").log = logged
    assert.is_nil(ok)
    assert.equal("ERR_HTTP2_INVALID_SESSION", err.code)
    assert.equal(0, lines)
  end)

  it("nil, err when 'error' comes first", function()
    local e = http2.createServer()
    setImmediate(function() e:emit("error", "the error") end)
    local got, err = e:await "x"
    assert.is_nil(got)
    assert.equal("the error", err)
  end)

  it("nil, err when 'close' comes first", function()
    local server = support.server(function(stream) stream:close(8) end)
    local stream = support.connect(server):request()
    local got, err = stream:await "response"
    assert.is_nil(got)
    assert.equal("ERR_STREAM_PREMATURE_CLOSE", err.code)
  end)

  it("the error of a stream that is already over", function()
    local server = support.server(function(stream) stream:close(2) end)
    local stream = support.connect(server):request()
    local _, first = stream:await "response"
    assert.equal("ERR_HTTP2_STREAM_ERROR", first.code)
    stream:await "close"
    local got, again = stream:await "response"
    assert.is_nil(got)
    assert.equal("ERR_HTTP2_STREAM_ERROR", again.code)
  end)

  it("the session's error to those who wait for its 'connect'", function()
    local session = support.adopt_session(http2.connect("http://127.0.0.1:1"))
    local got, err = session:await "connect"
    assert.is_nil(got)
    assert.equal("ECONNREFUSED", err.code)
  end)

  it("nil, ERR_PERIGEE_TIMEOUT after the time given", function()
    local e = http2.createServer()
    local got, err = e:await("x", 5)
    assert.is_nil(got)
    assert.equal("ERR_PERIGEE_TIMEOUT", err.code)
    assert.matches("'x'", err.message)
    assert.is_false(e:emit "x")
  end)

  it("the event when it comes in time", function()
    local e = http2.createServer()
    setImmediate(function() e:emit("x", "in time") end)
    assert.equal("in time", e:await("x", 4000))
  end)

  it("to all who wait, in the order they came", function()
    local e, order = http2.createServer(), {}
    for i = 1, 3 do
      setImmediate(function() order[i] = i .. e:await "x" end)
    end
    support.turns()
    e:emit("x", "!")
    assert.same({ "1!", "2!", "3!" }, order)
  end)

  it("the next one when asked anew from its own wake-up", function()
    local e, got = http2.createServer(), {}
    setImmediate(function()
      while #got < 3 do got[#got + 1] = e:await "x" end
    end)
    support.turns()
    for i = 1, 5 do e:emit("x", i) end
    assert.same({ 1, 2, 3 }, got)
  end)

  it("nothing before its event: others do not wake it", function()
    local e, woken = http2.createServer(), false
    setImmediate(function()
      e:await "x"
      woken = true
    end)
    support.turns()
    e:emit "y"
    support.turns()
    assert.is_false(woken)
    e:emit "x"
    assert.is_true(woken)
  end)

  it("counts as a listener of 'error' while it waits", function()
    local e = http2.createServer()
    local result
    setImmediate(function() result = { e:await "x" } end)
    support.turns()
    assert.is_true(e:emit("error", "heard"))
    assert.same({ nil, "heard" }, result)
  end)

  it("refuses a name that is no text", function()
    assert.has_error(function() http2.createServer():await(7) end, "ERR_INVALID_ARG_TYPE")
  end)
end)

describe("a task that awaits one event", function()
  it("does not count as a listener of others", function()
    local server = support.server()
    setImmediate(function() server:await "close" end)
    support.turns(2)
    assert.is_false(server:emit "other")
    assert.equal(404, support.get(server, "/").status)
  end)

  it("does not keep trailers from being sent", function()
    local closed = false
    local server = support.server(function(stream)
      stream:respond(nil, { waitForTrailers = true })
      stream:finish "body"
      stream:await "close"
      closed = true
    end)
    assert.equal("body", support.get(server, "/").body)
    support.wait_for(function() return closed end)
  end)
end)

describe("coroutines of scripts", function()
  it("cannot yield where nothing resumed them", function()
    local err = assert.has_error(function() coroutine.yield(1) end)
    assert.matches("outside a coroutine", err)
    assert.equal(42, answer())
  end)

  it("cannot be nested without end", function()
    local deepest = 0
    local function nest(level)
      deepest = level
      return coroutine.wrap(nest)(level + 1)
    end
    local err = assert.has_error(function() nest(1) end)
    assert.matches("nested too deep", err)
    assert.is_true(deepest > 100)
    assert.equal(42, answer())
  end)

  it("may still be nested a hundred deep, waiting at the bottom", function()
    local function nest(level)
      if level == 100 then return answer() end
      return coroutine.wrap(nest)(level + 1)
    end
    assert.equal(42, nest(1))
  end)

  it("keep a count of nesting of their own in each task", function()
    local done = 0
    for _ = 1, 10 do
      setImmediate(function()
        local co = coroutine.wrap(function()
          answer()
          coroutine.yield "mine"
        end)
        assert.equal("mine", co())
        done = done + 1
      end)
    end
    support.wait_for(function() return done == 10 end)
  end)

  it("hand on errors and results unchanged", function()
    local thrown = {}
    local ok, err = coroutine.resume(coroutine.create(function() error(thrown) end))
    assert.is_false(ok)
    assert.equal(thrown, err)
    assert.equal(thrown, assert.has_error(coroutine.wrap(function() error(thrown) end)))
    local co = coroutine.create(function(...) return select("#", ...), ... end)
    assert.same({ true, 3, 1, nil, 3 }, { coroutine.resume(co, 1, nil, 3) })
    ok, err = coroutine.resume(co)
    assert.is_false(ok)
    assert.matches("dead coroutine", err)
  end)
end)
