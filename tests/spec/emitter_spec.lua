-- Events and listeners: Node's names and rules, with each listener a task of its own (API.md 13).
-- A server that never listens serves as the emitter.
local http2 = require "http2"
local support = require "support"

local function new() return http2.createServer() end

-- A listener that notes what it is called with.
local function noting(list, name)
  return function(...) list[#list + 1] = { name, n = select("#", ...), ... } end
end

describe("on", function()
  it("calls listeners in order of registration, with exactly the event's arguments", function()
    local e, seen = new(), {}
    e:on("x", noting(seen, "first"))
    e:addListener("x", noting(seen, "second"))
    assert.is_true(e:emit("x", 1, "two"))
    assert.same({ { "first", 1, "two", n = 2 }, { "second", 1, "two", n = 2 } }, seen)
  end)

  it("hands on any number of arguments, nil among them", function()
    local e, seen = new(), {}
    e:on("x", noting(seen, "few"))
    e:emit("x")
    e:emit("x", nil, 2)
    e:emit("x", 1, 2, 3, 4, 5, 6)
    assert.same({
      { "few", n = 0 },
      { "few", [3] = 2, n = 2 },
      { "few", 1, 2, 3, 4, 5, 6, n = 6 },
    }, seen)
  end)

  it("returns the emitter", function()
    local e = new()
    local function f() end
    for _, name in ipairs {
      "on", "addListener", "once", "prependListener", "prependOnceListener", "off", "removeListener",
    } do
      assert.equal(e, e[name](e, "x", f))
    end
    assert.equal(e, e:removeAllListeners("x"))
    assert.equal(e, e:setMaxListeners(3))
  end)

  it("refuses what is no function", function()
    local err = assert.has_error(function() new():on("x", "f") end, "ERR_INVALID_ARG_TYPE")
    assert.matches("listener", err.message)
    assert.has_error(function() new():once("x") end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() new():off("x", 1) end, "ERR_INVALID_ARG_TYPE")
  end)

  it("calls one that was added twice twice", function()
    local e, seen = new(), {}
    local f = noting(seen, "f")
    e:on("x", f)
    e:on("x", f)
    e:emit "x"
    assert.equal(2, #seen)
    assert.equal(2, e:listenerCount "x")
  end)
end)

describe("emit", function()
  it("says whether anybody heard", function()
    local e = new()
    assert.is_false(e:emit "x")
    e:on("x", function() end)
    assert.is_true(e:emit "x")
    assert.is_false(e:emit("y", 1, 2, 3, 4, 5))
  end)

  it("goes on after a listener that throws", function()
    local e, seen = new(), {}
    e:on("x", function() error "bad listener" end)
    e:on("x", noting(seen, "good"))
    assert.is_true(e:emit "x")
    assert.equal(1, #seen)
    local failures = support.failures()
    assert.equal(1, #failures)
    assert.matches("emitter_spec.lua:%d+: bad listener", failures[1])
  end)

  it("goes on after a listener that waits", function()
    local e, order = new(), {}
    e:on("x", function()
      order[#order + 1] = "first begins"
      e:await "go"
      order[#order + 1] = "first ends"
    end)
    e:on("x", function() order[#order + 1] = "second" end)
    e:emit "x"
    assert.same({ "first begins", "second" }, order)
    e:emit "go"
    assert.same({ "first begins", "second", "first ends" }, order)
  end)

  it("may be nested", function()
    local e, order = new(), {}
    e:on("x", function(depth)
      order[#order + 1] = depth
      if depth < 5 then e:emit("x", depth + 1) end
    end)
    e:emit("x", 1)
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("is not disturbed by listeners that are added or taken away meanwhile", function()
    local e, order = new(), {}
    local function last() order[#order + 1] = "last" end
    local function late() order[#order + 1] = "late" end
    e:on("x", function()
      order[#order + 1] = "first"
      e:off("x", last)
      e:on("x", late)
    end)
    e:on("x", last)
    e:emit "x"
    assert.same({ "first", "last" }, order)
    e:emit "x"
    assert.same({ "first", "last", "first", "late" }, order)
  end)
end)

describe("once", function()
  it("calls one time, and is away before it is called", function()
    local e, calls, counted = new(), 0, nil
    e:once("x", function()
      calls = calls + 1
      counted = e:listenerCount "x"
      if calls < 5 then e:emit "x" end
    end)
    assert.is_true(e:emit "x")
    assert.is_false(e:emit "x")
    assert.equal(1, calls)
    assert.equal(0, counted)
  end)

  it("can be taken away by its function", function()
    local e, seen = new(), {}
    local f = noting(seen, "f")
    e:once("x", f)
    e:off("x", f)
    assert.is_false(e:emit "x")
    assert.same({}, seen)
  end)

  it("keeps its place among others, and its arguments", function()
    local e, seen = new(), {}
    e:on("x", noting(seen, "a"))
    e:once("x", noting(seen, "b"))
    e:on("x", noting(seen, "c"))
    e:emit("x", 1, 2, 3, 4, 5)
    e:emit "x"
    assert.same({
      { "a", 1, 2, 3, 4, 5, n = 5 }, { "b", 1, 2, 3, 4, 5, n = 5 }, { "c", 1, 2, 3, 4, 5, n = 5 },
      { "a", n = 0 }, { "c", n = 0 },
    }, seen)
  end)
end)

describe("prependListener and prependOnceListener", function()
  it("go to the front", function()
    local e, order = new(), {}
    local function add(name) return function() order[#order + 1] = name end end
    e:on("x", add "c")
    e:prependListener("x", add "b")
    e:prependOnceListener("x", add "a")
    e:emit "x"
    e:emit "x"
    assert.same({ "a", "b", "c", "b", "c" }, order)
  end)
end)

describe("off", function()
  it("takes the newest of equal ones, one at a time", function()
    local e, order = new(), {}
    local function f() order[#order + 1] = "f" end
    e:on("x", f)
    e:on("x", function() order[#order + 1] = "g" end)
    e:on("x", f)
    e:off("x", f)
    e:emit "x"
    assert.same({ "f", "g" }, order)
    e:removeListener("x", f)
    e:off("x", f)
    e:emit "x"
    assert.same({ "f", "g", "g" }, order)
  end)
end)

describe("removeAllListeners", function()
  it("takes those of one event", function()
    local e = new()
    e:on("x", function() end)
    e:on("x", function() end)
    e:on("y", function() end)
    e:removeAllListeners "x"
    assert.equal(0, e:listenerCount "x")
    assert.equal(1, e:listenerCount "y")
  end)

  it("takes all", function()
    local e = new()
    for _, name in ipairs { "a", "b", "c", "d", "removeListener" } do
      e:on(name, function() end)
      e:once(name, function() end)
    end
    e:removeAllListeners()
    assert.same({}, e:eventNames())
  end)

  it("takes none of an emitter that has none", function()
    local e = new()
    e:removeAllListeners()
    e:removeAllListeners "x"
    assert.same({}, e:eventNames())
  end)
end)

describe("newListener and removeListener", function()
  it("tell name and function, before it is added and after it is gone", function()
    local e, seen = new(), {}
    local function f() end
    e:on("newListener", function(name, fn)
      seen[#seen + 1] = { "new", name, fn == f, e:listenerCount "x" }
    end)
    e:on("removeListener", function(name, fn)
      seen[#seen + 1] = { "removed", name, fn == f, e:listenerCount "x" }
    end)
    e:once("x", f)
    e:emit "x"
    e:on("x", f)
    e:off("x", f)
    assert.same({
      { "new", "removeListener", false, 0 },
      { "new", "x", true, 0 }, { "removed", "x", true, 0 },
      { "new", "x", true, 0 }, { "removed", "x", true, 0 },
    }, seen)
  end)
end)

describe("asking", function()
  it("tells listeners, names and counts", function()
    local e = new()
    local function f() end
    local function g() end
    assert.same({}, e:listeners "x")
    assert.equal(0, e:listenerCount "x")
    e:on("x", f)
    e:once("x", g)
    assert.same({ f, g }, e:listeners "x")
    assert.equal(2, e:listenerCount "x")
    assert.same({ "x" }, e:eventNames())
  end)

  it("gives raw listeners of once that take themselves away", function()
    local e, seen = new(), {}
    e:once("x", noting(seen, "f"))
    local raw = e:rawListeners "x"
    assert.equal(1, #raw)
    raw[1](7)
    assert.same({ { "f", 7, n = 1 } }, seen)
    assert.equal(0, e:listenerCount "x")
  end)
end)
