---@meta perigee.metrics
-- Made by docs/generate from docs/source/metrics.lua; edit that.

--- Of `live`.
---@class LiveCounts
---@field sessions? integer Connections.
---@field streams? integer Open streams.
---@field chunks? integer Pieces of output that wait.
---@field transports? integer Transports; a TLS connection counts as two.
---@field listeners? integer Listening sockets.
---@field servers? integer Servers.
---@field blocks? integer Heap blocks of the C half.

--- how much of what is alive
---@class perigee.metricslib
local metrics = {}

--- How many of each this process has now.
---@return LiveCounts
function metrics.live() end

return metrics

