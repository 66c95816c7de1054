--- metrics: counts of what exists now.
local native = require "perigee.native"

local metrics = {}

--- A table {sessions, streams, chunks, transports, listeners, servers, blocks}: how many of each this process has.
-- A TLS connection counts as two transports; blocks are heap blocks of the C half.
function metrics.live()
  return native.live()
end

return metrics
