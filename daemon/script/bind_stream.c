/* bind_stream: what a Stream object of the Lua half calls, by FFI. A stream is named by slot and
 * generation; one that is gone is an ordinary answer (ERR_CLOSED), never a crash. Numbers are
 * uint32_t or double so that they cross without boxing. */
#include <string.h>

#include "base/api.h"
#include "base/clock.h"
#include "http/fields.h"
#include "script/script_internal.h"

#define RESPOND_END 1u
#define RESPOND_DATE 2u

#define NAME_CHECKED 2u /* beside FIELD_SENSITIVE */

PERIGEE_API uint32_t perigee_next_event(void);
PERIGEE_API uint32_t perigee_released(void);
PERIGEE_API void perigee_fields_begin(void);
PERIGEE_API int perigee_field(const char *name, uint32_t name_length, const char *value,
                              uint32_t value_length, uint32_t flags);
PERIGEE_API int perigee_field_number(const char *name, uint32_t name_length, double value,
                                     uint32_t flags);
PERIGEE_API int perigee_stream_respond(uint32_t slot, uint32_t generation, uint32_t status,
                                       uint32_t flags);
PERIGEE_API int perigee_stream_inform(uint32_t slot, uint32_t generation, uint32_t status);
PERIGEE_API int perigee_stream_trailers(uint32_t slot, uint32_t generation);
PERIGEE_API double perigee_stream_write(uint32_t slot, uint32_t generation, const char *bytes,
                                        uint32_t length, uint32_t anchor);
PERIGEE_API int perigee_stream_end(uint32_t slot, uint32_t generation, uint32_t trailers);
PERIGEE_API int perigee_stream_reset(uint32_t slot, uint32_t generation, uint32_t code);
PERIGEE_API void perigee_stream_blame(uint32_t slot, uint32_t generation, uint32_t by);
PERIGEE_API void perigee_stream_stop(uint32_t slot, uint32_t generation);
PERIGEE_API void perigee_stream_consume(uint32_t slot, uint32_t generation, uint32_t bytes);
PERIGEE_API int perigee_stream_block(uint32_t slot, uint32_t generation);
PERIGEE_API int perigee_stream_find(uint32_t slot, uint32_t generation, const char *name,
                                    uint32_t length);
PERIGEE_API int perigee_block_find(const struct http_block *block, const char *name,
                                   uint32_t length);
PERIGEE_API void perigee_block_field(const struct http_block *block, uint32_t index);
PERIGEE_API int perigee_stream_field(uint32_t slot, uint32_t generation, uint32_t index);
PERIGEE_API double perigee_stream_number(uint32_t slot, uint32_t generation, uint32_t which);

/* Puts the next event of the batch in shared.event and returns its kind; 0 when the batch is through. */
uint32_t perigee_next_event(void)
{
    const struct event *event = events_next(&the_script->worker.events);

    if (!event)
        return 0;
    perigee_shared.event = *event;
    return event->kind;
}

/* The number of an anchored string that is needed no more, or 0. */
uint32_t perigee_released(void)
{
    return chunk_released();
}

void perigee_enter(uint32_t slot, uint32_t generation, double coroutine)
{
    double now = (double)clock_ticks_ms();

    if (script_now->slot)
        histogram_add(&metrics->handler, metrics_handler_bounds,
                      (uint64_t)(now - script_now->started_ms));
    perigee_shared.now_coroutine = coroutine;
    script_now->slot = slot;
    script_now->generation = generation;
    script_now->started_ms = now;
}

/* --- Fields on their way into a verb: begin, then one call a field, then the verb. */

void perigee_fields_begin(void)
{
    the_script->field_count = 0;
    the_script->field_bytes = 0;
}

static const char *keep(const char *bytes, uint32_t length)
{
    struct script *script = the_script;
    char *at = script->field_arena + script->field_bytes;

    memcpy(at, bytes, length);
    script->field_bytes += length;
    return at;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* name: lower case. flags: FIELD_SENSITIVE, NAME_CHECKED (the name passed before).
 * Err: ERR_FIELD_NAME, ERR_FIELD_VALUE, ERR_FIELD_CONNECTION, ERR_FULL. */
int perigee_field(const char *name, uint32_t name_length, const char *value, uint32_t value_length,
                  uint32_t flags)
{
    struct script *script = the_script;
    enum err err = OK;

    if (!(flags & NAME_CHECKED) && name_length > 0 && name[0] != ':')
        err = http_check_name(name, name_length);
    if (!err)
        err = http_check_value(value, value_length);
    if (!err && value_length > 0 && (is_blank(value[0]) || is_blank(value[value_length - 1])))
        err = ERR_FIELD_VALUE; /* RFC 9113 8.2.1: the peer would refuse the whole block */
    if (err)
        return err;
    if (script->field_count == sizeof(script->fields) / sizeof(script->fields[0]) - 2 ||
        (uint64_t)name_length + value_length + 128 >
            sizeof(script->field_arena) - script->field_bytes)
        return ERR_FULL;
    script->fields[script->field_count++] = (struct http_field){
        .name = keep(name, name_length),
        .value = keep(value, value_length),
        .name_length = name_length,
        .value_length = value_length,
        .flags = flags & FIELD_SENSITIVE,
    };
    return OK;
}

/* The same with a whole number of at most 2^53 for its value. */
int perigee_field_number(const char *name, uint32_t name_length, double value, uint32_t flags)
{
    char digits[24];
    char *at = digits + sizeof(digits);
    uint64_t left = (uint64_t)(value < 0 ? -value : value);

    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        *--at = '-';
    return perigee_field(name, name_length, at, (uint32_t)(digits + sizeof(digits) - at), flags);
}

/* Puts ":status" in front of what was given by perigee_field(): its place was left free. */
static struct http_field *with_status(uint32_t status, uint32_t *count)
{
    struct script *script = the_script;
    char digits[3] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                      (char)('0' + status % 10)};

    memmove(script->fields + 1, script->fields, script->field_count * sizeof(script->fields[0]));
    script->fields[0] = (struct http_field){
        .name = ":status", .name_length = 7, .value = keep(digits, 3), .value_length = 3};
    *count = ++script->field_count;
    return script->fields;
}

/* flags: RESPOND_END no body follows; RESPOND_DATE adds the Date field.  Err: ERR_CLOSED. */
int perigee_stream_respond(uint32_t slot, uint32_t generation, uint32_t status, uint32_t flags)
{
    struct stream *stream = script_stream(slot, generation);
    struct http_field *fields;
    uint32_t count;
    enum err err;

    if (!stream)
        return ERR_CLOSED;
    if (flags & RESPOND_DATE)
        the_script->fields[the_script->field_count++] = (struct http_field){
            .name = "date", .name_length = 4, .value = clock_http_date(), .value_length = 29};
    if (flags & RESPOND_DATE)
        stream->date_second = clock_http_date_second();
    fields = with_status(status, &count);
    err = stream_respond(stream, fields, count, flags & RESPOND_END);
    if (!err)
        metrics_response(status);
    return err;
}

/* A 1xx block.  Err: ERR_CLOSED, ERR_FULL. */
int perigee_stream_inform(uint32_t slot, uint32_t generation, uint32_t status)
{
    struct stream *stream = script_stream(slot, generation);
    struct http_field *fields;
    uint32_t count;
    enum err err;

    if (!stream)
        return ERR_CLOSED;
    fields = with_status(status, &count);
    err = stream_inform(stream, fields, count);
    if (!err)
        metrics_response(status);
    return err;
}

/* The trailers; ends the stream.  Err: ERR_CLOSED. */
int perigee_stream_trailers(uint32_t slot, uint32_t generation)
{
    struct stream *stream = script_stream(slot, generation);

    if (!stream)
        return ERR_CLOSED;
    return stream_send_trailers(stream, the_script->fields, the_script->field_count);
}

/* --- Bodies. */

/* anchor 0: the bytes are copied; else the string stays where it is until perigee_released()
 * names the anchor (also after an error). Returns the bytes that wait in all, or an error:
 * ERR_CLOSED, ERR_NOMEM. */
double perigee_stream_write(uint32_t slot, uint32_t generation, const char *bytes, uint32_t length,
                            uint32_t anchor)
{
    struct stream *stream = script_stream(slot, generation);
    struct chunk *chunk;
    size_t queued;
    enum err err;

    chunk = anchor ? chunk_anchor(bytes, length, anchor) : chunk_copy(bytes, length);
    if (!chunk)
        return ERR_NOMEM;
    if (!stream) {
        chunk_drop(chunk);
        return ERR_CLOSED;
    }
    err = stream_write(stream, chunk, &queued);
    return err ? (double)err : (double)queued;
}

/* trailers 1: an EVENT_END_SENT with flags 1 asks for them.  Err: ERR_CLOSED. */
int perigee_stream_end(uint32_t slot, uint32_t generation, uint32_t trailers)
{
    struct stream *stream = script_stream(slot, generation);

    return stream ? stream_end(stream, trailers) : ERR_CLOSED;
}

/* Err: ERR_CLOSED, also when a reset is under way. */
int perigee_stream_reset(uint32_t slot, uint32_t generation, uint32_t code)
{
    struct stream *stream = script_stream(slot, generation);

    return stream ? stream_reset(stream, code) : ERR_CLOSED;
}

/* Whose doing the reset is that comes next: enum ended_by. For the access log. */
void perigee_stream_blame(uint32_t slot, uint32_t generation, uint32_t by)
{
    struct stream *stream = script_stream(slot, generation);

    if (stream)
        stream->blamed = (uint8_t)by;
}

/* The answer is out and nobody wants the rest of the request (stream.h). */
void perigee_stream_stop(uint32_t slot, uint32_t generation)
{
    struct stream *stream = script_stream(slot, generation);

    if (stream)
        stream_stop_later(stream);
}

/* The listeners had that many bytes of the body: its window may open again. */
void perigee_stream_consume(uint32_t slot, uint32_t generation, uint32_t bytes)
{
    struct stream *stream = script_stream(slot, generation);

    if (stream)
        stream_consume(stream, bytes);
}

/* --- Received blocks. `block`: a Lua string with a copy of one. */

/* The request's block (or the final response's) in shared.bytes and length, good until the stream is
 * gone.  Err: ERR_CLOSED. */
int perigee_stream_block(uint32_t slot, uint32_t generation)
{
    struct stream *stream = script_stream(slot, generation);

    if (!stream || !stream->block)
        return ERR_CLOSED;
    perigee_shared.bytes = (const char *)stream->block;
    perigee_shared.length = stream->block->size;
    return OK;
}

/* perigee_block_find() in that block; -1 also when the stream is gone. */
int perigee_stream_find(uint32_t slot, uint32_t generation, const char *name, uint32_t length)
{
    struct stream *stream = script_stream(slot, generation);

    return stream && stream->block ? perigee_block_find(stream->block, name, length) : -1;
}

/* The value of the first field of that name in shared.bytes and length, the count of such fields in
 * shared.same. Returns its index, or -1. */
int perigee_block_find(const struct http_block *block, const char *name, uint32_t length)
{
    int found = http_block_find(block, name, length, &perigee_shared.same);

    if (found >= 0) {
        perigee_shared.bytes = http_block_bytes(block, block->fields[found].value);
        perigee_shared.length = block->fields[found].value_length;
    }
    return found;
}

/* Field `index` in shared.name, name_length, bytes, length; its flags in shared.same. */
void perigee_block_field(const struct http_block *block, uint32_t index)
{
    const struct http_block_field *field = &block->fields[index];

    perigee_shared.name = http_block_bytes(block, field->name);
    perigee_shared.name_length = field->name_length;
    perigee_shared.bytes = http_block_bytes(block, field->value);
    perigee_shared.length = field->value_length;
    perigee_shared.same = field->flags;
}

/* The same of the stream's block.  Err: ERR_CLOSED, ERR_RANGE behind the last field. */
int perigee_stream_field(uint32_t slot, uint32_t generation, uint32_t index)
{
    struct stream *stream = script_stream(slot, generation);

    if (!stream || !stream->block)
        return ERR_CLOSED;
    if (index >= stream->block->count)
        return ERR_RANGE;
    perigee_block_field(stream->block, index);
    return OK;
}

/* which: 0 bytes that wait, 1 body bytes received, 2 body bytes sent, 3 id, 4 ms of life, 5 second of the Date that was
 * added to the answer, 6 ms until the first header block (-1: none yet), 7 those until the first byte in and, times
 * 2^26, out (each and one, 0: none yet), 0x100 + i: http_state i.
 * -1 when the stream is gone. */
double perigee_stream_number(uint32_t slot, uint32_t generation, uint32_t which)
{
    struct stream *stream = script_stream(slot, generation);

    if (!stream)
        return -1;
    switch (which) {
    case 0:
        return (double)stream->queued;
    case 1:
        return stream->bytes_in;
    case 2:
        return stream->bytes_out;
    case 3:
        return stream->id;
    case 4:
        return (double)stream_age_ms(stream);
    case 5:
        return (double)stream->date_second;
    case 6:
        return (double)stream->first_header - 1;
    case 7:
        return stream->first_in + (double)stream->first_out * (STREAM_MS_MAX + 1.0);
    default:
        if (!stream->session->machine || which < 0x100)
            return -1;
        return http_state(stream->session->machine, (enum http_state)(which - 0x100), stream->id);
    }
}
