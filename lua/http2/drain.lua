--- http2.drain: how servers leave without losing a request. A server stops to accept; each session says GOAWAY with the
-- highest id, and, when the peer has heard of it, GOAWAY with the real one (RFC 9113 6.8). Streams that come in between
-- are served like any other, and so are connections that were accepted before.
local native = require "perigee.native"
local task = require "perigee.task"
local emitter = require "perigee.emitter"

local drain = { methods = {} }

local methods = drain.methods
local PING = "draining" -- SESSION_DRAIN_PING
local NOTICE_MS = 2000 -- a peer that does not answer the PING has heard, or does not listen

--- The first step. A session that closes already goes on with that.
function methods:_drain()
  if self.closed or self.destroyed or self._notice then return end
  if self.connecting then return self:destroy() end -- adopted, and never spoke
  if not native.session_drain(self._slot, self._generation) then return end
  self._notice = task.timer(NOTICE_MS, function() self:_leave() end):unref()
end

--- The second one.
function methods:_leave()
  if self._notice then self._notice:close() end
  self._notice = nil
  if self.closed or self.destroyed then return end
  self._closed_by = self._closed_by or "shutdown"
  self:close()
end

--- An answer to a PING came: was it that of the notice?
function methods:_is_noticed(payload)
  if not self._notice or payload ~= PING then return false end
  self:_leave()
  return true
end

--- Begins it for a server; on_gone() when its last connection is gone, those in a handshake too.
function drain.server(server, on_gone)
  server._drained = on_gone
  if server._closing then return end -- it leaves by its own close()
  server._closing, server._draining, server._close_told = true, true, false
  server.listening, server._looking_up = false, nil
  native.service_stop(server._slot, server._generation)
  emitter.emit(server, "draining", nil)
  local open = {}
  for session in next, server._sessions do open[#open + 1] = session end
  table.sort(open, function(a, b) return a._number < b._number end)
  for i = 1, #open do open[i]:_drain() end
  native.server_tell_empty(server._slot, server._generation)
end

return drain
