local args = { { "message", "string" }, { "...", "any", "up to four pairs of key and value" } }
return {
  title = "perigee.log",
  summary = "structured log lines",
  module = "perigee.log", var = "log", node = false,
  intro = [[
    `local log = require "perigee.log"`. Lines go to standard error, with the session and stream whose code runs.
    `--log-level` and `--log-format` of `perigee run` say what is written and how.
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
log.info("cache filled", "entries", 12)
log.warn "cache is slow"
log.error("cache is gone", "path", "/tmp/cache")
log.debug "nobody sees this"
print "logged"
]],
      prints = "logged\n" },
  },
}
