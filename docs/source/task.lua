return {
  title = "perigee.task",
  summary = "coroutines: waiting, running side by side, who owns what",
  module = "perigee.task", var = "task", node = false,
  intro = [[
    `local task = require "perigee.task"`. Every handler, listener, timer and the main chunk runs as a task, a coroutine that may
    wait: `await`, `chunks`, `body`, `send`, `task.sleep`. Waiting holds up nobody else.

    A task that runs for a stream belongs to it. When the stream ends abnormally (a reset, a lost connection), its waiting tasks are
    resumed with the thrown error ERR_PERIGEE_CANCELLED, so that their clean-up runs. Timers belong to no stream.

    Waiting cannot work inside callbacks of C functions (`table.sort`, `gsub`), finalizers and `statCheck`:
    ERR_PERIGEE_AWAIT_PLACE names the place.
  ]],
  functions = {
    { "sleep", args = { { "ms", "integer" } }, throws = "ERR_PERIGEE_AWAIT_PLACE", text = "Waits." },
    { "spawn", args = { { "fn", "function" }, { "...", "any", "for fn" } }, returns = { "TaskHandle" }, throws = "ERR_INVALID_ARG_TYPE",
      text = "Starts `fn(...)` as a task that belongs to the same stream. A failure that nobody waits for is logged." },
    { "all", args = { { "functions", "function[]" } }, returns = { "any[]|nil, any", "their first results in order; or nil and the first error" },
      throws = "ERR_INVALID_ARG_TYPE ERR_PERIGEE_AWAIT_PLACE",
      text = "Runs them side by side and waits for all. When one fails the others are cancelled." },
    { "detach", args = {}, text = "From now on the running task belongs to no stream, and goes on when its stream ends." },
    { "owner", args = {}, returns = { "Http2Stream?" }, text = "The stream that the running task belongs to." },
    { "current", args = {}, returns = { "table?" }, text = "The running task, for `wake`. For code that waits for something of its own: take it, start what will wake it, call `suspend`." },
    { "suspend", args = {}, returns = { "any", "what `wake` was given" }, throws = "ERR_PERIGEE_AWAIT_PLACE", text = "Waits for `wake`." },
    { "wake", args = { { "running", "table", "from `current`" }, { "...", "any", "up to four values" } },
      text = "Lets `suspend` of that task return these values. Too late is no harm." },
  },
  types = {
    { name = "TaskHandle", text = "What `spawn` returns.", fields = {
      { "done", type = "boolean", text = "Is it through?" },
      { "await", type = "fun(self: TaskHandle): any", text = "Waits for the task: what its function returned, or nil and its error." },
      { "cancel", type = "fun(self: TaskHandle)", text = "Throws ERR_PERIGEE_CANCELLED in it, where it waits." },
    } },
  },
  examples = {
    { id = "tasks", title = "Side by side",
      code = [[
local task = require "perigee.task"

local function work(name, ms)
  task.sleep(ms)
  return name .. " is done"
end

local handle = task.spawn(work, "first", 20)
print(handle.done, handle:await())

local results = task.all {
  function() return work("slow", 20) end,
  function() return work("quick", 5) end,
}
print(results[1], results[2])

local _, err = task.all { function() error({ code = "E_MINE" }) end, function() task.sleep(1000) end }
print(err.code)

handle = task.spawn(work, "never", 60000)
handle:cancel()
_, err = handle:await()
print(err.code)
]],
      prints = [[
false first is done
slow is done quick is done
E_MINE
ERR_PERIGEE_CANCELLED
]] },
    { id = "owners", title = "What ends with the stream, and what does not",
      code = [[
local http2 = require "http2"
local task = require "perigee.task"
local server = http2.createServer()
server:on("stream", function(stream)
  print(task.owner() == stream)
  task.spawn(function()
    task.detach()
    task.sleep(20)
    print "detached: still here"
  end)
  stream:respond()
  local ok, err = pcall(task.sleep, 60000)
  print(ok, err.code)
end)
local client = http2.connectPair(server)
local request = client:request()
request:await "response"
request:close(http2.constants.NGHTTP2_CANCEL)
client:close()
]],
      prints = [[
true
false ERR_PERIGEE_CANCELLED
detached: still here
]] },
    { id = "wake", title = "Waiting for something of one's own",
      code = [[
local task = require "perigee.task"
local me = task.current()
setTimeout(function() task.wake(me, "woken", 42) end, 5)
local what, number = task.suspend()
print(what, number)
print(select(2, pcall(table.sort, { 2, 1 }, function() task.sleep(1) end)).code)
]],
      prints = "woken 42\nERR_PERIGEE_AWAIT_PLACE\n" },
  },
}
