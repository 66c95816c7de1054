-- Request: handlers in the (request, response) form that HTTP/1 servers of Node have.
--
--   ./dev run scripts/request.lua
--   curl --http2-prior-knowledge http://localhost:8000/hello
--   curl --http2-prior-knowledge --data-binary @README.md http://localhost:8000/shout
local routes = {}

function routes.hello(req, res)
  res:setHeader("content-type", "text/plain")
  res:finish(("hello %s, this is HTTP/%s\n"):format(req.headers["user-agent"] or "you", req.httpVersion))
end

-- Sends the body back in capitals while it arrives; send() waits when the client reads slowly.
function routes.shout(req, res)
  if req.method ~= "POST" then
    res:writeHead(405, { allow = "POST" })
    return res:finish("send a body with POST\n")
  end
  res:setHeader("content-type", req.headers["content-type"] or "text/plain")
  local bytes = 0
  for chunk in req:chunks() do
    bytes = bytes + #chunk
    res:send(chunk:upper())
  end
  res:setTrailer("x-bytes", bytes)
  res:finish()
end

return {
  request = function(req, res)
    local route = routes[req.url:match "^/(%w+)$"]
    if route then return route(req, res) end
    res.statusCode = 404
    res:finish("no such page\n")
  end,
}
