-- Hello: a handler for every request, the shortest of Perigee's two forms.
--
--   ./dev run
--   curl --http2-prior-knowledge http://localhost:8000/world
return function(stream, headers)
  stream:respond { [":status"] = 200, ["content-type"] = "text/plain; charset=utf-8" }
  stream:finish("hello " .. (headers[":path"]:match "^/([%w._-]+)" or "world") .. "\n")
end
