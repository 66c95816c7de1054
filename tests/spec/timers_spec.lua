-- setTimeout and its kin, setImmediate, process.nextTick: order, clearing, arguments, what holds the loop.
local put = require("perigee.ticks").put
local support = require "support"

describe("setTimeout", function()
  it("calls once, later, with its arguments", function()
    local seen = {}
    setTimeout(function(...) seen[#seen + 1] = { n = select("#", ...), ... } end, 1, "a", nil, "c")
    assert.same({}, seen)
    support.wait_for(function() return #seen > 0 end)
    support.turns()
    assert.same({ { n = 3, [1] = "a", [3] = "c" } }, seen)
  end)

  it("goes by time, then by who came first", function()
    local order = {}
    for _, ms in ipairs { 20, 1, 20, 5 } do
      setTimeout(function() order[#order + 1] = ms end, ms)
    end
    support.wait_for(function() return #order == 4 end)
    assert.same({ 1, 5, 20, 20 }, order)
  end)

  it("is not called after clearTimeout, also twice, also with nothing", function()
    local called = false
    local timer = setTimeout(function() called = true end, 1)
    clearTimeout(timer)
    clearTimeout(timer)
    clearTimeout(nil)
    local done = false
    setTimeout(function() done = true end, 5)
    support.wait_for(function() return done end)
    assert.is_false(called)
  end)

  it("takes what is no time as 1 ms", function()
    local calls = 0
    for _, ms in ipairs { -5, 0, 0 / 0, 1e12 } do setTimeout(function() calls = calls + 1 end, ms) end
    setTimeout(function() calls = calls + 1 end)
    support.wait_for(function() return calls == 5 end)
  end)

  it("wants a function", function()
    assert.has_error(function() setTimeout("print()", 1) end, "ERR_INVALID_ARG_TYPE")
  end)

  it("runs each callback as a task, which may wait", function()
    local server = support.server(function(stream) stream:finish "late" end)
    local body
    setTimeout(function() body = support.get(server, "/").body end, 1)
    support.wait_for(function() return body end)
    assert.equal("late", body)
  end)

  it("goes on after a callback that throws", function()
    local called = false
    setTimeout(function() error "first" end, 1)
    setTimeout(function() called = true end, 1)
    support.wait_for(function() return called end)
    local failures = support.failures()
    assert.equal(1, #failures)
    assert.matches("timers_spec.lua:%d+: first", failures[1])
  end)

  it("can be started anew", function()
    local order = {}
    local timer = setTimeout(function() order[#order + 1] = "refreshed" end, 20)
    setTimeout(function() timer:refresh() end, 10)
    setTimeout(function() order[#order + 1] = "other" end, 22)
    support.wait_for(function() return #order == 2 end)
    assert.same({ "other", "refreshed" }, order)
  end)

  it("tells whether it holds the loop", function()
    local timer = setTimeout(function() end, 60000)
    assert.is_true(timer:hasRef())
    assert.equal(timer, timer:unref())
    assert.is_false(timer:hasRef())
    assert.equal(timer, timer:ref())
    assert.is_true(timer:hasRef())
    clearTimeout(timer)
    assert.is_false(timer:hasRef())
  end)
end)

describe("setInterval", function()
  it("calls again and again until it is cleared from inside", function()
    local calls = 0
    local timer
    timer = setInterval(function(text)
      assert.equal("again", text)
      calls = calls + 1
      if calls == 3 then clearInterval(timer) end
    end, 1, "again")
    support.wait_for(function() return calls == 3 end)
    local done = false
    setTimeout(function() done = true end, 5)
    support.wait_for(function() return done end)
    assert.equal(3, calls)
  end)
end)

describe("setImmediate", function()
  it("comes in the next round, in order, with arguments", function()
    local order = {}
    setImmediate(function(a, b)
      order[#order + 1] = a .. b
      setImmediate(function() order[#order + 1] = "third" end)
    end, "fir", "st")
    setImmediate(function() order[#order + 1] = "second" end)
    assert.same({}, order)
    support.wait_for(function() return #order == 3 end)
    assert.same({ "first", "second", "third" }, order)
  end)

  it("can be cleared, also by one before it", function()
    local called = false
    local second
    setImmediate(function() clearImmediate(second) end)
    second = setImmediate(function() called = true end)
    support.turns()
    assert.is_false(called)
  end)
end)

describe("process.nextTick", function()
  it("runs before timers and immediates, those it makes included", function()
    local order = {}
    local function note(name) order[#order + 1] = name end
    setImmediate(function()
      setImmediate(note, "immediate")
      process.nextTick(function()
        note "tick"
        process.nextTick(note, "tick in a tick")
      end)
      note "callback"
    end)
    support.wait_for(function() return #order == 4 end)
    assert.same({ "callback", "tick", "tick in a tick", "immediate" }, order)
  end)

  it("hands on its arguments", function()
    local seen
    process.nextTick(function(...) seen = { n = select("#", ...), ... } end, 1, nil, 3, nil, 5)
    support.wait_for(function() return seen end)
    assert.same({ n = 5, [1] = 1, [3] = 3, [5] = 5 }, seen)
  end)

  it("lets the loop go on when ticks make ticks for ever", function()
    local stop, ticks = false, 0
    setTimeout(function() stop = true end, 1)
    local function again()
      ticks = ticks + 1
      if not stop then put(again) end
    end
    put(again)
    support.wait_for(function() return stop end)
    assert.is_true(ticks > 1)
  end)
end)
