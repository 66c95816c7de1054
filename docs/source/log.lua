local args = {
  { "message", "string", "what happened, the same text each time" },
  { "fields?", "table", "what is special this time: values by name; or up to 16 names and values, one after the other" },
  { "...", "any" },
}
return {
  title = "perigee.log",
  summary = "structured log lines",
  module = "perigee.log", var = "log", node = false,
  intro = [[
    `local log = require "perigee.log"`. A line goes to the daemon's log (standard error for `perigee run`) in the daemon's format, one
    line whatever is in it: control characters and quotes are escaped. A line of a handler, a listener of a stream, or what they
    await, has the numbers of its `session` and `stream`, which the access log has too.

    | format | line |
    | --- | --- |
    | `logfmt` | `time=2026-01-31T12:34:56.789Z level=info msg="cache filled" entries=12 session=3 stream=1` |
    | `json` | `{"time":"2026-01-31T12:34:56.789Z","level":"info","msg":"cache filled","entries":"12","session":"3","stream":"1"}` |

    `--log-level` and `--log-format` of `perigee run`, or `log.level` and `log.format` of the configuration, say what is written and how. Fields
    are sorted by name; values become text by `tostring`, and nil leaves its field out. A field named as one of the line's own (`time`,
    `level`, `msg`, `worker`, `pid`, `session`, `stream`, `left_out`, `cut`) gets a `_` behind its name; in names, what is not a letter,
    a digit, `_`, `-` or `.` becomes `_`. A line is cut, and says `cut=true`, over 8 KiB, or over 4 KiB when the log is a pipe or socket.
    The daemon's own lines are cut short when they come in floods; a script's are all written.
  ]],
  functions = {
    { "error", args = args, text = "Something is wrong, and someone should see to it." },
    { "warn", args = args, text = "Something is odd." },
    { "info", args = args, text = "Good to know." },
    { "debug", args = args, text = "For people who look for a fault; not written by default." },
  },
  examples = {
    { id = "log", title = "Logging",
      code = [[
local log = require "perigee.log"
log.info("cache filled", { entries = 12, took_ms = 3 })
log.warn "cache is slow"
log.error("cache is gone", "path", "/tmp/cache")
log.debug "nobody sees this"
print "logged"
]],
      prints = "logged\n" },
  },
}
