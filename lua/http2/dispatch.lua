--- http2.dispatch: takes the events of a turn one by one and tells the objects. Kinds are those of
-- daemon/session/events.h. Ticks run after each event, so the order of things does not depend on how
-- the network cut the bytes.
local core = require "perigee.core"
local ticks = require "perigee.ticks"
local emitter = require "perigee.emitter"
local headers = require "http2.headers"
local server_module = require "http2.server"
local client = require "http2.client"
local session_class = require "http2.session"
local connections = require "http2.connections"
local socket_class = require "http2.socket"
local push = require "http2.push"
local ServerStream = require "http2.server_stream"

local emit = emitter.emit
local pending, drain = ticks.pending, ticks.drain
local next_event, event, event_text = core.next_event, core.event, core.event_text
local END_STREAM = 1
local ENDED_BY_SESSION, ENDED_BY_SHUTDOWN = 3, 6

local streams = {}  -- slot -> object while C knows it, then false: the keys stay, so the table is never rehashed
local sessions = {}
client.streams, client.sessions = streams, sessions
server_module.sessions = sessions
session_class.streams, push.streams = streams, streams

-- The session of an event that the peer caused: a client's 'connect' comes before all of them.
local function heard_of(slot, is_lost)
  local session = sessions[slot]
  if session and session._opens then
    session:_on_open(is_lost)
    if pending() then drain() end
  end
  return session
end
socket_class.sessions = sessions

local on = {}

on[1] = function(slot, generation, _, server_slot) -- EVENT_SESSION_OPEN
  if server_slot == 0 then
    local session = sessions[slot]
    if session then session:_on_open_soon() end
    return
  end
  local server = server_module.by_slot[server_slot]
  if not server then
    core.session_destroy(slot, generation, 0)
    return
  end
  local socket = socket_class.by_slot[slot]
  -- By a listener of 'secureConnection'.
  if socket and socket._generation == generation and socket.destroyed then return end
  -- Known before its listeners run: they may await what comes.
  sessions[slot] = server:_on_session(slot, generation)
end

on[2] = function(slot, generation, code, name_length, _, by) -- EVENT_SESSION_GONE
  local session = heard_of(slot, true)
  socket_class.gone(slot, generation)
  if not session then return end
  sessions[slot] = nil
  local all = event_text()
  local server = session.server or session._adopter
  if server then server:_on_session_gone(session) end
  session:_on_gone(code, by, all:sub(1, name_length), all:sub(name_length + 1))
end

on[3] = function(slot, _, _, _, _, _, length) -- EVENT_SETTINGS
  local session = heard_of(slot)
  if session and not session.destroyed then session:_on_settings(length > 0 and event_text() or "") end
end

on[4] = function(slot) -- EVENT_SETTINGS_ACK
  local session = heard_of(slot)
  if session and not session.destroyed then session:_on_settings_ack() end
end

on[5] = function(slot, _, _, _, _, ack) -- EVENT_PING
  local session = heard_of(slot)
  if session and not session.destroyed then session:_on_ping(event_text(), ack == 1) end
end

on[6] = function(slot, _, code, last_id, _, _, length) -- EVENT_GOAWAY
  local session = heard_of(slot)
  if session then session:_on_goaway(code, last_id, length > 0 and event_text() or nil) end
end

on[7] = function(slot, _, code, frame_type, id, stream_slot) -- EVENT_FRAME_ERROR
  local session = sessions[slot]
  if session and not session.destroyed then
    session:_on_frame_error(streams[stream_slot] or nil, frame_type, code, id)
  end
end

on[8] = function(slot, generation, id, session_slot, _, flags, is_head) -- EVENT_STREAM
  local session = sessions[session_slot]
  if not session or session.destroyed then
    core.stream_reset(slot, generation, 7)
    return
  end
  local server = session.server
  -- All that an ordinary exchange will know is named here, so that the table never grows.
  local stream = setmetatable({
    _slot = slot, _generation = generation, id = id, _session = session, _headers = false, _events = false,
    complete = flags % 2 == END_STREAM, headersSent = false, _sent = false, writableEnded = false,
    writableFinished = false, closed = false, destroyed = false, _bytes_read = flags % 2 == END_STREAM and -1 or 0,
    _bytes_written = 0, _ms = 0,
  }, ServerStream)
  streams[slot] = stream
  session._open = session._open + 1
  local t = headers.of_stream(stream)
  stream._headers = t
  if is_head == 1 then stream.headRequest, stream.writableEnded = true, true end
  if not server then return session:_on_stream_alone(stream, t, flags) end
  local raw = server._wants_raw and headers.raw(stream) or nil
  local heard = emit(server, "stream", stream, stream, t, flags, raw)
  if session._events and emit(session, "stream", stream, stream, t, flags, raw) then heard = true end
  if not heard then stream:respond({ [":status"] = 404 }, { endStream = true }) end
end

on[9] = function(slot, _, _, category, _, flags) -- EVENT_HEADERS
  local stream = streams[slot]
  if not stream then return end
  local copy = event_text()
  local t = headers.of_copy(copy)
  if not stream.destroyed then
    if stream._on_headers then
      stream:_on_headers(category, t, flags, copy)
    else
      stream._trailers = t
      emit(stream, "trailers", stream, t, flags, headers.raw(copy))
    end
  end
  if flags % 2 == END_STREAM then stream:_on_end() end
end

on[10] = function(slot) -- EVENT_DATA
  local stream = streams[slot]
  if stream and not stream.destroyed then stream:_on_data(event_text()) end
end

on[11] = function(slot) -- EVENT_END
  local stream = streams[slot]
  if stream then stream:_on_end() end
end

on[12] = function(slot, _, _, _, _, trailers_due) -- EVENT_END_SENT
  local stream = streams[slot]
  if stream then stream:_on_end_sent(trailers_due == 1) end
end

on[13] = function(slot) -- EVENT_DRAIN
  local stream = streams[slot]
  if stream then stream:_on_drain() end
end

on[14] = function(slot, _, code, end_sent, ms, by, length) -- EVENT_STREAM_CLOSED
  local stream = streams[slot]
  if not stream then return end
  if end_sent == 1 then
    stream:_on_end_sent(false)
    if pending() then drain() end
  end
  streams[slot] = false
  -- Its end is the session's: what listeners do now they do on a destroyed session (API.md 1, rule 11).
  if by == ENDED_BY_SESSION or by == ENDED_BY_SHUTDOWN then stream._session.destroyed = true end
  stream:_on_closed(code, by, length > 0 and event_text() or false, ms)
end

on[15] = function(slot, generation, id, session_slot, _, flags) -- EVENT_PUSH
  push.arrived(heard_of(session_slot), client.Stream, slot, generation, id, flags, event_text())
end

on[18] = function(slot, _, id, origin_length) -- EVENT_ALTSVC
  local session = heard_of(slot)
  if not session or session.destroyed then return end
  local all = event_text()
  session:_on_altsvc(id, all:sub(1, origin_length), all:sub(origin_length + 1))
end

on[19] = function(slot) -- EVENT_ORIGIN
  local session = heard_of(slot)
  if session and not session.destroyed then session:_on_origin(event_text()) end
end

on[16] = function(slot, generation) -- EVENT_SERVER_EMPTY
  local server = server_module.by_slot[slot]
  if server and server._generation == generation and server._on_empty then server:_on_empty() end
end

on[17] = function(slot, generation, news, server_slot, split, flags, length) -- EVENT_CONNECTION
  connections.hear(server_module.by_slot[server_slot], slot, generation, news, split, flags,
    length > 0 and event_text() or "")
end

--- Hears the whole batch.
return function()
  local kind = next_event()
  while kind ~= 0 do
    on[kind](event.event_slot, event.event_generation, event.code, event.a, event.b, event.flags,
      event.event_length)
    if pending() then drain() end
    kind = next_event()
  end
  core.release()
end
