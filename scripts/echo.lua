-- Echo: sends each request's body back while it arrives. The client's reading speed holds back its
-- writing: nothing piles up here.
--
--   ./dev run scripts/echo.lua
--   curl --http2-prior-knowledge --data-binary @README.md http://localhost:8000/
return function(stream, headers)
  stream:respond {
    [":status"] = 200,
    ["content-type"] = headers["content-type"] or "application/octet-stream",
  }
  stream:pipe(stream)
end
