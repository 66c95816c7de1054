-- Upload: counts and hashes a body of any size without holding it.
--
--   ./dev run scripts/upload.lua
--   curl --http2-prior-knowledge --data-binary @some.iso http://localhost:8000/
local digest = require "perigee.digest"

return function(stream, headers)
  if headers[":method"] ~= "POST" and headers[":method"] ~= "PUT" then
    stream:respond { [":status"] = 405, allow = "POST, PUT" }
    stream:finish("send a body with POST or PUT\n")
    return
  end

  local sha256, bytes = digest.new "sha256", 0
  for chunk in stream:chunks() do
    sha256:update(chunk)
    bytes = bytes + #chunk
  end
  if not stream.complete then return end -- the client left in the middle

  stream:respond { [":status"] = 200, ["content-type"] = "text/plain" }
  stream:finish(("bytes %d\nsha256 %s\n"):format(bytes, sha256:hex()))
end
