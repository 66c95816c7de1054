return {
  title = "luv",
  summary = "libuv for scripts: timers, files, names, sockets, processes",
  module = "luv", var = "uv", node = false,
  intro = [[
    `local uv = require "luv"` (or `"uv"`) is [luv](https://github.com/luvit/luv), on the daemon's loop. Callbacks run as tasks, so they may
    wait. What would stop the loop or take it over throws ERR_PERIGEE_LOOP: `run`, `stop`, `loop_close`, `loop_configure`. All else is luv's own
    and documented there.
  ]],
  functions = {
    { "walk", args = { { "fn", "fun(handle: userdata)" } }, throws = "ERR_INVALID_ARG_TYPE", text = "Calls `fn` for each open handle that was made through luv; the daemon's own are not shown." },
    { "run", args = {}, throws = "ERR_PERIGEE_LOOP", text = "Not for scripts." },
    { "stop", args = {}, throws = "ERR_PERIGEE_LOOP", text = "Not for scripts." },
    { "loop_close", args = {}, throws = "ERR_PERIGEE_LOOP", text = "Not for scripts." },
    { "loop_configure", args = {}, throws = "ERR_PERIGEE_LOOP", text = "Not for scripts." },
  },
  examples = {
    { id = "luv", title = "A timer of libuv's",
      code = [[
local uv = require "luv"
local timer = uv.new_timer()
timer:start(5, 0, function()
  local handles = 0
  uv.walk(function() handles = handles + 1 end)
  print("fired", handles)
  timer:close()
end)
for _, name in ipairs { "run", "stop", "loop_close", "loop_configure" } do
  print(name, select(2, pcall(uv[name])).code)
end
]],
      prints = [[
run ERR_PERIGEE_LOOP
stop ERR_PERIGEE_LOOP
loop_close ERR_PERIGEE_LOOP
loop_configure ERR_PERIGEE_LOOP
fired 1
]] },
  },
}
