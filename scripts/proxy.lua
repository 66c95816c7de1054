-- Proxy: hands each request on to a backend and brings its answer back, both while they arrive. Who reads slowly
-- holds back who writes; who leaves is told to the other side: nothing piles up here, nothing goes on in vain.
--
--   ./dev run scripts/proxy.lua http://127.0.0.1:8080 [SECONDS until an answer has to begin]
local http2 = require "http2"
local CANCEL, REFUSED_STREAM = http2.constants.NGHTTP2_CANCEL, http2.constants.NGHTTP2_REFUSED_STREAM

local backend, patience, ATTEMPTS = arg[1] or "http://127.0.0.1:8080", (tonumber(arg[2]) or 60) * 1000, 10

-- The session that all requests share, made anew when the last one is gone or going (GOAWAY).
local session
local function connection()
  if not session or session.closed or session.destroyed then
    session = http2.connect(backend)
    session:on("error", function() end) -- its requests hear of it, too
    session:unref() -- requests hold the program, an idle connection does not
  end
  return session
end

-- A body, and the trailers behind it.
local function relay(from, to)
  local trailers = {}
  from:on("trailers", function(t) trailers = t end)
  to:on("wantTrailers", function() to:sendTrailers(trailers) end)
  from:pipe(to)
end

return function(stream, headers)
  local bodiless = stream.complete
  local so_far, client = headers["x-forwarded-for"], stream.session.socket.remoteAddress or "unknown"
  headers["x-forwarded-for"] = so_far and so_far .. ", " .. client or client
  headers["x-forwarded-proto"], headers[":scheme"] = headers[":scheme"], nil -- :authority stays as it came
  if headers.te then headers.te = "trailers" end -- whatever its case; trailers do pass here

  local request, answer, flags
  for _ = 1, ATTEMPTS do
    request = connection():request(headers, { endStream = bodiless, waitForTrailers = not bodiless, parent = stream })
    request:on("error", function() end) -- what it comes to is seen below
    request:on("headers", function(info) if not stream.closed then stream:additionalHeaders(info) end end) -- 1xx
    if not bodiless then relay(stream, request) end
    answer, flags = request:await("response", patience)
    -- What the backend has not begun, and we still have, goes to the next session.
    if request.closed and not request.id then session:close() end
    local untouched = request.closed and (request.rstCode == REFUSED_STREAM or not request.id)
    if answer or not (untouched and bodiless) then break end
  end

  local status = answer and answer[":status"]
  if answer and status >= 200 and status <= 599 then
    stream:respond(answer, { endStream = flags % 2 == 1, waitForTrailers = true }) -- flag 1: END_STREAM
    relay(request, stream)
  elseif request.id and request.rstCode ~= 0 and request.closeInfo.by == "peer" then
    stream:close(request.rstCode) -- the backend's own word
  else
    stream:respond({ [":status"] = (answer or request.closed) and 502 or 504 }, { endStream = true })
    request:close(CANCEL)
  end
end
