-- Files: serves a folder, this one by default. Nothing outside of it, and no name that begins with a dot.
--
--   ./dev run scripts/files.lua docs
--   curl --http2-prior-knowledge http://localhost:8000/README.md
local static = require "perigee.static"

local files = static.new(arg[1] or ".", { cacheControl = "no-cache" })

return function(stream, headers)
  files:respond(stream, headers)
end
