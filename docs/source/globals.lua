return {
  title = "Globals",
  summary = "what scripts find beside Lua's own: timers, console, process, fs",
  globals = true, var = "",
  intro = [[
    As much of Node's globals as examples need. Lua's own are there; changed are `require`, `dofile` and `coroutine.*` (code in them may
    wait), `pairs` and `next` (they fill header tables), and `load`, `loadstring`, `loadfile`, which take source text only. `string.dump` is gone.
  ]],
  functions = {
    { "setTimeout", args = { { "fn", "function" }, { "ms?", "integer" }, { "...", "any", "for fn" } }, returns = { "Timer" }, throws = "ERR_INVALID_ARG_TYPE",
      text = "Calls `fn(...)` once, in `ms` milliseconds." },
    { "setInterval", args = { { "fn", "function" }, { "ms?", "integer" }, { "...", "any", "for fn" } }, returns = { "Timer" }, throws = "ERR_INVALID_ARG_TYPE",
      text = "Calls `fn(...)` every `ms` milliseconds." },
    { "setImmediate", args = { { "fn", "function" }, { "...", "any", "for fn" } }, returns = { "table" }, throws = "ERR_INVALID_ARG_TYPE",
      text = "Calls `fn(...)` in the next iteration of the loop." },
    { "clearTimeout", args = { { "timer?", "table" } }, text = "Ends a timer. Any of the three clears any of the three." },
    { "clearInterval", args = { { "timer?", "table" } }, text = "The same." },
    { "clearImmediate", args = { { "timer?", "table" } }, text = "The same." },
  },
  properties = {
    { "console", type = "Console", text = "Prints texts, with `%s`, `%d`, `%i`, `%f`, `%j`, `%o` filled in." },
    { "process", type = "Process", text = "The running program." },
    { "fs", type = "Fs", text = 'Not a global but `require "fs"`: as much as examples with certificates need.' },
  },
  types = {
    { name = "Timer", text = "What `setTimeout` and `setInterval` return.", fields = {
      { "close", type = "fun(self: Timer)", text = "Ends it." },
      { "ref", type = "fun(self: Timer): Timer", text = "It keeps the program running (so it is from the start)." },
      { "unref", type = "fun(self: Timer): Timer", text = "It does not." },
      { "hasRef", type = "fun(self: Timer): boolean", text = "Does it?" },
      { "refresh", type = "fun(self: Timer): Timer", text = "Starts anew with the same time." },
    } },
    { name = "Console", text = "`console`.", fields = {
      { "log", type = "fun(...)", text = "To standard output." },
      { "info", type = "fun(...)", text = "To standard output." },
      { "debug", type = "fun(...)", text = "To standard output." },
      { "error", type = "fun(...)", text = "To standard error." },
      { "warn", type = "fun(...)", text = "To standard error." },
    } },
    { name = "Process", text = "`process`.", fields = {
      { "nextTick", type = "fun(fn: function, ...)", text = "Calls `fn(...)` when the running code came back, before anything else." },
      { "exit", type = "fun(status?: integer)", text = "Ends the program at once." },
      { "argv", type = "string[]", text = "`perigee`, the script's path, its arguments." },
      { "env", type = "table<string, string>", text = "The environment." },
      { "hrtime", type = "fun(): integer[]", text = "A clock: `{seconds, nanoseconds}`." },
    } },
    { name = "Fs", text = '`require "fs"`.', fields = {
      { "readFileSync", type = "fun(path: string): string", text = "The whole file. Throws an error with the system's code, such as ENOENT." },
    } },
  },
  examples = {
    { id = "timers", title = "Timers",
      code = [[
setImmediate(function(what)
  print(what)
  local interval
  interval = setInterval(function()
    print "interval"
    clearInterval(interval)
  end, 5)
end, "immediate")
clearTimeout(setTimeout(function() print "never" end, 1))
clearImmediate(setImmediate(print, "never"))
process.nextTick(print, "tick")

local timer = setTimeout(print, 60000, "never")
print(timer:hasRef(), timer:unref():hasRef(), timer:ref():hasRef())
timer:refresh()
timer:close()
]],
      prints = [[
true false true
tick
immediate
interval
]] },
    { id = "process", title = "console, process, fs",
      code = [[
local fs = require "fs"
console.log("%s is %d", "six", 6)
console.info { a = 1 }
console.debug "debug"
console.error "to standard error"
console.warn "to standard error, too"
print(process.argv[1], process.env.NO_SUCH_NAME, #process.hrtime())
print(select(2, pcall(fs.readFileSync, "no such file")).code)
process.exit(0)
]],
      prints = [[
six is 6
{ a: 1 }
debug
perigee nil 2
ENOENT
]] },
  },
}
