-- Server-sent events: a number every tenth of a second, for as long as the client stays.
--
--   ./dev run scripts/sse.lua
--   curl -N --http2-prior-knowledge http://localhost:8000/
return function(stream)
  stream:respond {
    [":status"] = 200,
    ["content-type"] = "text/event-stream",
    ["cache-control"] = "no-store",
  }

  local n = 0
  local timer = setInterval(function()
    n = n + 1
    stream:write(("data: %d\n\n"):format(n))
  end, 100)

  -- 'close' comes once, whoever ended the stream and why.
  stream:on("close", function() clearInterval(timer) end)
end
