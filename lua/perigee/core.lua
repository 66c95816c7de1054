--- core: the boundary to the C half. The only module that knows FFI; the rest of lua/ sees functions
-- and plain values. Layouts are those of daemon/session/events.h and daemon/script/script_internal.h.
local ffi = require "ffi"

ffi.cdef [[
struct perigee_block_field { uint32_t name, name_length, value, value_length, flags; };
struct perigee_block { uint32_t size, count; struct perigee_block_field fields[?]; };
struct perigee_shared {
  double now_coroutine;
  uint32_t slot, generation, id, same;
  uint32_t name_length, length;
  const char *name, *bytes;
  uint32_t kind, event_slot, event_generation, code;
  uint32_t a, b, flags, event_length;
  const char *event_bytes;
};
extern struct perigee_shared perigee_shared;

uint32_t perigee_next_event(void);
uint32_t perigee_released(void);
void perigee_enter(uint32_t slot, uint32_t generation, double coroutine);

void perigee_fields_begin(void);
int perigee_field(const char *name, uint32_t name_length, const char *value, uint32_t value_length,
                  uint32_t flags);
int perigee_field_number(const char *name, uint32_t name_length, double value, uint32_t flags);
int perigee_stream_respond(uint32_t slot, uint32_t generation, uint32_t status, uint32_t flags);
int perigee_stream_inform(uint32_t slot, uint32_t generation, uint32_t status);
int perigee_stream_trailers(uint32_t slot, uint32_t generation);
double perigee_stream_write(uint32_t slot, uint32_t generation, const char *bytes, uint32_t length,
                            uint32_t anchor);
int perigee_stream_end(uint32_t slot, uint32_t generation, uint32_t trailers);
int perigee_stream_reset(uint32_t slot, uint32_t generation, uint32_t code);
void perigee_stream_stop(uint32_t slot, uint32_t generation);
void perigee_stream_consume(uint32_t slot, uint32_t generation, uint32_t bytes);
int perigee_stream_block(uint32_t slot, uint32_t generation);
int perigee_stream_find(uint32_t slot, uint32_t generation, const char *name, uint32_t length);
int perigee_block_find(const void *block, const char *name, uint32_t length);
void perigee_block_field(const void *block, uint32_t index);
int perigee_stream_field(uint32_t slot, uint32_t generation, uint32_t index);
void perigee_stream_blame(uint32_t slot, uint32_t generation, uint32_t by);
double perigee_stream_number(uint32_t slot, uint32_t generation, uint32_t which);
int perigee_stream_push(uint32_t slot, uint32_t generation);

int perigee_session_request(uint32_t slot, uint32_t generation, uint32_t end);
int perigee_session_goaway(uint32_t slot, uint32_t generation, uint32_t code, double last_id,
                           const char *opaque, uint32_t length);
int perigee_session_finish(uint32_t slot, uint32_t generation);
int perigee_session_destroy(uint32_t slot, uint32_t generation, uint32_t code);
int perigee_session_ping(uint32_t slot, uint32_t generation, const char *payload);
void perigee_settings_begin(void);
int perigee_setting_add(uint32_t id, uint32_t value);
int perigee_session_settings(uint32_t slot, uint32_t generation);
double perigee_session_setting(uint32_t slot, uint32_t generation, uint32_t remote, uint32_t id);
uint32_t perigee_session_name(uint32_t slot, uint32_t generation);
double perigee_session_number(uint32_t slot, uint32_t generation, uint32_t which);
double perigee_session_count(uint32_t slot, uint32_t generation, uint32_t which);
int perigee_session_next_id(uint32_t slot, uint32_t generation, uint32_t id);
int perigee_session_altsvc(uint32_t slot, uint32_t generation, uint32_t id, const char *origin,
                           uint32_t origin_length, const char *value, uint32_t value_length);
int perigee_session_origin(uint32_t slot, uint32_t generation, const char *origins, uint32_t length);
int perigee_session_window(uint32_t slot, uint32_t generation, uint32_t size);
double perigee_session_activity(uint32_t slot, uint32_t generation);
void perigee_session_ref(uint32_t slot, uint32_t generation, uint32_t hold);
]]

local C = ffi.C

-- A call in parentheses is no tail call: LuaJIT counts those as loops and gives up after fifteen.

local shared = C.perigee_shared
local string_of = ffi.string

local core = {
  next_event = C.perigee_next_event,
  event = shared, -- fields of the event: event_slot, event_generation, code, a, b, flags, event_length
  enter = C.perigee_enter,
  -- enum err
  OK = 0, ERR_NOMEM = -1, ERR_FULL = -2, ERR_CLOSED = -3, ERR_RANGE = -8, ERR_STATE = -9,
  ERR_FIELD_NAME = -15, ERR_FIELD_VALUE = -16, ERR_FIELD_CONNECTION = -17,
  -- flags of a field and of respond()
  SENSITIVE = 1, NAME_CHECKED = 2,
  RESPOND_END = 1, RESPOND_DATE = 2,
}

--- The bytes of the event as a string.
function core.event_text()
  return string_of(shared.event_bytes, shared.event_length)
end

--- The text of an EVENT_SETTINGS as a list of {id, value}.
function core.settings_list(text)
  local numbers, list = ffi.cast("const uint32_t *", text), {}
  for i = 1, #text / 8 do list[i] = { numbers[2 * i - 2], numbers[2 * i - 1] } end
  return list
end

-- Strings that C refers to while they wait in an output queue: number -> string.
local anchors = {} -- luacheck: ignore 241 (it keeps them from being collected)
local free_anchors, free_count, anchor_count = {}, 0, 0

--- Takes back the anchors of strings that have left.
function core.release()
  local anchor = C.perigee_released()
  while anchor ~= 0 do
    anchors[anchor] = false
    free_count = free_count + 1
    free_anchors[free_count] = anchor
    anchor = C.perigee_released()
  end
end

-- A longer string is not copied.
local ANCHOR_FROM = 2048

--- Queues data on a stream. Returns how many bytes wait in all, or a negative error.
function core.write(slot, generation, data)
  local length = #data
  local anchor = 0
  if length >= ANCHOR_FROM then
    core.release()
    if free_count > 0 then
      anchor = free_anchors[free_count]
      free_count = free_count - 1
    else
      anchor_count = anchor_count + 1
      anchor = anchor_count
    end
    anchors[anchor] = data
  end
  local queued = C.perigee_stream_write(slot, generation, data, length, anchor)
  if queued == -1 and anchor ~= 0 then -- no memory: C never had it
    anchors[anchor] = false
    free_count = free_count + 1
    free_anchors[free_count] = anchor
  end
  return queued
end

function core.stream_end(slot, generation, trailers)
  return (C.perigee_stream_end(slot, generation, trailers and 1 or 0))
end

core.stream_reset = C.perigee_stream_reset
core.stream_stop = C.perigee_stream_stop
core.stream_consume = C.perigee_stream_consume
core.stream_respond = C.perigee_stream_respond
core.stream_inform = C.perigee_stream_inform
core.stream_trailers = C.perigee_stream_trailers
core.stream_blame = C.perigee_stream_blame
core.stream_number = C.perigee_stream_number
core.fields_begin = C.perigee_fields_begin

--- Adds one field (strings; name in lower case). Returns 0 or an error.
function core.field(name, value, flags)
  return (C.perigee_field(name, #name, value, #value, flags))
end

--- The same with a whole number for its value.
function core.field_number(name, value, flags)
  return (C.perigee_field_number(name, #name, value, flags))
end

--- A promised stream on that one: slot, generation, id, or nil, err.
function core.stream_push(slot, generation)
  local err = C.perigee_stream_push(slot, generation)
  if err ~= 0 then return nil, err end
  return shared.slot, shared.generation, shared.id
end

-- Header blocks. A source is a string with a copy of one, or slot and generation of its stream.

--- A copy of the stream's block as a string, or nil.
function core.block_copy(slot, generation)
  if C.perigee_stream_block(slot, generation) ~= 0 then return nil end
  return string_of(shared.bytes, shared.length)
end

--- The first value of that name and how many fields have it, or nil. (From a stream's block.)
function core.block_find_in(slot, generation, name)
  if C.perigee_stream_find(slot, generation, name, #name) < 0 then return nil end
  return string_of(shared.bytes, shared.length), shared.same
end

--- The same from a copy.
function core.block_find(copy, name)
  if C.perigee_block_find(copy, name, #name) < 0 then return nil end
  return string_of(shared.bytes, shared.length), shared.same
end

--- Calls each(name, value, flags, context) for all fields of a copy, in wire order.
function core.block_each(copy, each, context)
  local count = ffi.cast("const uint32_t *", copy)[1]
  for i = 0, count - 1 do
    C.perigee_block_field(copy, i)
    each(string_of(shared.name, shared.name_length), string_of(shared.bytes, shared.length),
      shared.same, context)
  end
end

--- The same from a stream's block.
function core.block_each_in(slot, generation, each, context)
  local i = 0
  while C.perigee_stream_field(slot, generation, i) == 0 do
    each(string_of(shared.name, shared.name_length), string_of(shared.bytes, shared.length),
      shared.same, context)
    i = i + 1
  end
end

-- Sessions.

--- Opens a stream with the fields given before: slot, generation, id, or nil, err.
function core.session_request(slot, generation, ends)
  local err = C.perigee_session_request(slot, generation, ends and 1 or 0)
  if err ~= 0 then return nil, err end
  return shared.slot, shared.generation, shared.id
end

function core.session_goaway(slot, generation, code, last_id, opaque)
  return (C.perigee_session_goaway(slot, generation, code, last_id, opaque, opaque and #opaque or 0))
end

--- settings: a list of {id, value}. Returns 0 or an error.
function core.session_settings(slot, generation, settings)
  C.perigee_settings_begin()
  for i = 1, #settings do
    local err = C.perigee_setting_add(settings[i][1], settings[i][2])
    if err ~= 0 then return err end
  end
  return (C.perigee_session_settings(slot, generation))
end

core.session_finish = C.perigee_session_finish
core.session_destroy = C.perigee_session_destroy
core.session_ping = C.perigee_session_ping
core.session_name = C.perigee_session_name
core.session_number = C.perigee_session_number
core.session_window = C.perigee_session_window
core.session_activity = C.perigee_session_activity

core.session_count = C.perigee_session_count
core.session_next_id = C.perigee_session_next_id

--- ALTSVC on stream id, or (0) for origin. Returns 0 or an error.
function core.session_altsvc(slot, generation, id, origin, value)
  return (C.perigee_session_altsvc(slot, generation, id, origin, #origin, value, #value))
end

--- ORIGIN; origins: each behind its length of two bytes. Returns 0 or an error.
function core.session_origin(slot, generation, origins)
  return (C.perigee_session_origin(slot, generation, origins, #origins))
end

function core.session_setting(slot, generation, remote, id)
  return (C.perigee_session_setting(slot, generation, remote and 1 or 0, id))
end

function core.session_ref(slot, generation, hold)
  C.perigee_session_ref(slot, generation, hold and 1 or 0)
end

return core
