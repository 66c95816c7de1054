-- event_order: docs/event-order.md out of docs/source/event_order.lua, which tests/spec/event_order_spec.lua runs.
local event_order = {}

local HEAD = [[
# The order of events

What a script hears, in which order, for each way an exchange can go. It is the same in every run, with the JIT on
or off, whenever garbage is collected, over memory, TCP and TLS: each row below is a test. This page is written from
the test's own data, `docs/source/event_order.lua`, by `docs/generate`.

**Names.** Sv is the server; Ss its session, S its stream; Cs the client's session, C its stream (D a second
one; SP and CP a pushed stream, at the server and at the client).
In brackets stand the `rstCode` of a 'close', the code (and last id) of a 'goaway', the status of a 'headers'; behind
an 'error' stands its code without `ERR_HTTP2_` or `ERR_`, or its message.

**What holds everywhere**

- 'close' comes once and last; nothing comes behind it.
- 'error' comes before 'close', 'aborted' before 'error'.
- 'end' comes before 'close'. That a body was whole is `stream.complete`'s to say: a cut one has an 'end' too.
- Only 'aborted' is emitted inside the call that causes it (`close`, `destroy`); all else comes when the running
  code has come back.
- A server's 'close' comes when its last connection is gone, before the 'close' of that connection's session.
- What a session's peer caused comes behind the session's 'connect'.

Where a row does not tell the sides apart, the order holds across both, when they live in one process.
]]

local function cell(text)
  return (text:gsub("%s+", " "):gsub("^ ", ""):gsub("|", "\\|"))
end

local function order_of(row)
  if row.order then return cell(row.order) end
  local parts = {}
  if row.server then parts[#parts + 1] = "server: " .. cell(row.server) end
  if row.client then parts[#parts + 1] = "client: " .. cell(row.client) end
  return table.concat(parts, "<br>")
end

--- The page's text. groups: what docs/source/event_order.lua returns.
function event_order.page(groups)
  local out = { HEAD }
  for _, group in ipairs(groups) do
    out[#out + 1] = "\n## " .. group.title .. "\n\n| case | events | note |\n| --- | --- | --- |\n"
    for _, row in ipairs(group) do
      out[#out + 1] = ("| %s | %s | %s |\n"):format(cell(row.title), order_of(row), row.note and cell(row.note) or "")
    end
  end
  return table.concat(out)
end

return event_order
