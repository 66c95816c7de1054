-- Perigee's server for clients that other people wrote. The paths are those of test_peer_servers.py.
local aborted = 0

local function piece(n)
  return ("%08d"):format(n) .. ("x"):rep(16376)
end

local paths = {}

paths["/get"] = function(stream)
  stream:respond { ["content-type"] = "text/plain", ["x-many"] = { "one", "two" } }
  stream:finish(not stream.headRequest and "hello" or nil)
end

paths["/echo"] = function(stream)
  local sum = "none"
  stream:on("trailers", function(t) sum = t["x-sum"] end)
  stream:on("wantTrailers", function() stream:sendTrailers { ["x-sum"] = sum } end)
  stream:respond({}, { waitForTrailers = true })
  stream:pipe(stream)
end

paths["/stream"] = function(stream)
  for n = 0, 127 do
    if not stream:send(piece(n)) then return end
  end
  stream:finish()
end

paths["/hints"] = function(stream)
  stream:additionalHeaders { [":status"] = 103, link = "</a.css>" }
  stream:additionalHeaders { [":status"] = 103, link = "</b.css>" }
  stream:finish "hinted"
end

paths["/goaway"] = function(stream)
  for n = 0, 127 do
    if n == 2 then stream.session:close() end
    if not stream:send(piece(n)) then return end
  end
  stream:finish()
end

paths["/reset"] = function(stream)
  stream:on("error", function() end)
  stream:write "part"
  stream:close(2)
end

paths["/endless"] = function(stream)
  stream:on("close", function() aborted = stream.rstCode end)
  stream:write "part"
end

paths["/early"] = function(stream)
  stream:respond { [":status"] = 413 }
  stream:finish "too much"
end

paths["/aborted"] = function(stream)
  stream:finish(tostring(aborted))
end

return function(stream, headers)
  paths[headers[":path"]](stream)
end
