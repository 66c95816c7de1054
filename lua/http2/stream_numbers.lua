--- http2.stream_numbers: what of a stream can be counted and timed: properties of both roles.
local core = require "perigee.core"
local cork = require "http2.cork"

local getters = {}

local STATE = 15 -- enum http_state
local TIMES_BASE = 67108864 -- perigee_stream_number(): two times in one number

function getters:bufferSize()
  return math.max(0, core.stream_number(self._slot, self._generation, 0)) + cork.held_bytes(self)
end
getters.writableLength = getters.bufferSize

-- The slot is 0 when the protocol is through with it (and before it has begun).
function getters:bytesRead()
  if self._slot == 0 then return math.max(0, self._bytes_read) end
  return math.max(0, core.stream_number(self._slot, self._generation, 1))
end

function getters:bytesWritten()
  if self._slot == 0 then return self._bytes_written end
  return math.max(0, core.stream_number(self._slot, self._generation, 2))
end

--- Of the protocol: {state (NGHTTP2_STREAM_STATE_…), weight, sumDependencyWeight, localClose, remoteClose,
-- localWindowSize}; {} when it is gone.
function getters:state()
  local state = self._slot == 0 and -1 or core.stream_number(self._slot, self._generation, 0x100 + STATE)
  if state < 0 then return {} end
  return {
    state = state, weight = 16, sumDependencyWeight = 0,
    localClose = core.stream_number(self._slot, self._generation, 0x100 + 9),
    remoteClose = core.stream_number(self._slot, self._generation, 0x100 + 10),
    localWindowSize = core.stream_number(self._slot, self._generation, 0x100 + 11),
  }
end

-- How long it took, in ms; n: that and one, 0 for never.
local function ms_of(n)
  return n > 0 and n - 1 or 0
end

--- Numbers: {id, bytesRead, bytesWritten (of the bodies), timeToFirstHeader, timeToFirstByte, timeToFirstByteSent}:
-- ms from the stream's beginning, 0 for what has not happened. Of a server's stream whose end nobody waits for the
-- last two are forgotten when it closes.
function getters:metrics()
  local slot, generation = self._slot, self._generation
  local times = math.max(0, slot == 0 and (self._times or 0) or core.stream_number(slot, generation, 7))
  local received = times % TIMES_BASE
  local first_header = 0 -- a server's stream begins with its headers
  if self._is_client then
    first_header = slot == 0 and (self._first_header or 0) or core.stream_number(slot, generation, 6)
  end
  return {
    id = self.id, bytesRead = self.bytesRead, bytesWritten = self.bytesWritten,
    timeToFirstHeader = math.max(0, first_header), timeToFirstByte = ms_of(received),
    timeToFirstByteSent = ms_of((times - received) / TIMES_BASE),
  }
end

return getters
