--- spec: runs one file of specs inside the daemon and prints TAP.
--
--   perigee run tests/support/spec.lua tests/spec/await_spec.lua
--
-- Gives describe, it, before_each, after_each and assert to the file, with busted's names. Each test is a
-- task of its own, so it may await; it has a deadline; what fails in a listener or a callback fails the
-- test that runs; and at its end nothing that C holds is left: sessions, streams, chunks, transports,
-- listeners, servers are as many as before.
--
-- PERIGEE_SPEC_GC=1: a full collection after each callback. PERIGEE_SPEC_ONLY=text: tests with it in their name.
-- luacheck: globals describe it before_each after_each assert
local task = require "perigee.task"
local live = require("perigee.metrics").live
local support = require "support"

local slow = os.getenv "PERIGEE_SANITIZED" or os.getenv "PERIGEE_SPEC_GC" or os.getenv "PERIGEE_LONG"
local DEADLINE_MS = slow and 30000 or 5000
local COUNTED = { "sessions", "streams", "chunks", "transports", "listeners", "servers" }

-- --- assert.*: expected before actual, as in busted.

local function shown(value, depth)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" or (getmetatable(value) or {}).__tostring then return tostring(value) end
  if depth > 4 then return "{…}" end
  local parts = {}
  for i = 1, #value do parts[i] = shown(value[i], depth + 1) end
  local named = {}
  for key, inner in pairs(value) do
    if not (type(key) == "number" and key >= 1 and key <= #value) then
      named[#named + 1] = ("%s = %s"):format(tostring(key), shown(inner, depth + 1))
    end
  end
  table.sort(named)
  for i = 1, #named do parts[#parts + 1] = named[i] end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function complain(expected, actual)
  error(("expected %s\n     got %s"):format(expected, shown(actual, 0)), 3)
end

local real_assert = assert
assert = setmetatable({}, { __call = function(_, ...) return real_assert(...) end })

function assert.is_true(value) if value ~= true then complain("true", value) end end
function assert.is_false(value) if value ~= false then complain("false", value) end end
function assert.is_nil(value) if value ~= nil then complain("nil", value) end end
function assert.is_truthy(value) if not value then complain("a true value", value) end end

function assert.equal(expected, actual)
  if expected ~= actual then complain(shown(expected, 0), actual) end
end

--- Equal in depth.
function assert.same(expected, actual)
  if not same(expected, actual) then complain(shown(expected, 0), actual) end
end

--- The pattern occurs in the text.
function assert.matches(pattern, text)
  if not tostring(text):find(pattern) then complain("text with " .. pattern, text) end
end

--- fn throws; when code is given, an error table with that code. Returns what was thrown.
function assert.has_error(fn, code)
  local ok, err = pcall(fn)
  if ok then error("expected an error, but there was none", 2) end
  if code and (type(err) ~= "table" or err.code ~= code) then complain("an error " .. code, tostring(err)) end
  return err
end

-- --- Collecting the tests.

local tests, group = {}, { name = "", before = {}, after = {} }

function describe(name, fn)
  local outer = group
  group = { name = outer.name .. name .. ": ", before = {}, after = {}, outer = outer }
  fn()
  group = outer
end

function it(name, fn)
  tests[#tests + 1] = { name = group.name .. name, fn = fn, group = group }
end

function before_each(fn) table.insert(group.before, fn) end
function after_each(fn) table.insert(group.after, fn) end

-- --- Running them.

local function hooks(g, which)
  if not g then return end
  if which == "before" then hooks(g.outer, which) end
  for i = 1, #g[which] do g[which][i]() end
  if which == "after" then hooks(g.outer, which) end
end

local function trace(err)
  if type(err) == "table" then return tostring(err) .. "\n" .. debug.traceback("", 2) end
  return debug.traceback(err, 2)
end

-- Runs fn as a task with a deadline. Returns true, or nil and what went wrong.
local function guarded(fn)
  local me, ok, err = task.current(), nil, nil
  local timer = setTimeout(function()
    if ok == nil then
      ok, err = false, ("not done after %d ms"):format(DEADLINE_MS)
      task.wake(me)
    end
  end, DEADLINE_MS)
  task.run(nil, function()
    local done, why = xpcall(fn, trace)
    if ok ~= nil then return end
    ok, err = done, why
    setImmediate(function() task.wake(me) end) -- not from inside of what ended
  end)
  task.suspend()
  clearTimeout(timer)
  return ok, err
end

local function counts()
  local all, out = live(), {}
  for _, name in ipairs(COUNTED) do out[name] = all[name] end
  return out
end

local function left_over(before)
  local now, out = counts(), {}
  for _, name in ipairs(COUNTED) do
    if now[name] ~= before[name] then
      out[#out + 1] = ("%s: %d, were %d"):format(name, now[name], before[name])
    end
  end
  if #out > 0 then return table.concat(out, "; ") end
end

local function run_test(test)
  local before = counts()
  local problems = {}
  local function note(ok, err)
    if not ok then problems[#problems + 1] = err end
  end
  support.begin()
  note(guarded(function()
    hooks(test.group, "before")
    test.fn()
  end))
  note(guarded(function()
    hooks(test.group, "after")
    support.close_all()
  end))
  for _, err in ipairs(support.failures()) do note(false, "in a callback: " .. err) end
  local ok = guarded(function()
    support.wait_for(function() return not left_over(before) end)
  end)
  if not ok then note(false, "left alive: " .. (left_over(before) or "nothing, but late")) end
  return problems
end

-- After each resume of a coroutine, that is after each listener and callback, collect all garbage.
local function collect_always()
  local function upvalue(fn, wanted)
    for i = 1, 60 do
      local name, value = debug.getupvalue(fn, i)
      if name == wanted then return i, value end
    end
    error("no upvalue " .. wanted)
  end
  local _, switch = upvalue(task.run, "switch")
  local index, resume = upvalue(switch, "raw_resume")
  local function collected(...)
    collectgarbage()
    return ...
  end
  debug.setupvalue(switch, index, function(...) return collected(resume(...)) end)
end

local path = arg[1]
if not path then
  io.stderr:write "usage: perigee run tests/support/spec.lua FILE\n"
  os.exit(2)
end
if os.getenv "PERIGEE_SPEC_GC" then
  collect_always()
  jit.flush()
end

dofile(path)

local only = os.getenv "PERIGEE_SPEC_ONLY"
if only then
  local kept = {}
  for _, test in ipairs(tests) do
    if test.name:find(only, 1, true) then kept[#kept + 1] = test end
  end
  tests = kept
end

print("1.." .. #tests)
local failed = 0
for i, test in ipairs(tests) do
  local problems = run_test(test)
  if #problems == 0 then
    print(("ok %d - %s"):format(i, test.name))
  else
    failed = failed + 1
    print(("not ok %d - %s"):format(i, test.name))
    for _, problem in ipairs(problems) do print("# " .. problem:gsub("\n", "\n# ")) end
  end
end
support.clean_up()
-- What passed ends by itself: nothing may hold the loop.
if failed > 0 then process.exit(1) end
