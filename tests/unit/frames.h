/* frames: what the tests of the HTTP/2 machine share. A builder of hand-made frames (HPACK
 * literals only), a reader that puts what a machine said into words, and `peer`: a machine with
 * an owner that writes down all it hears. Nothing here uses base/mem.h, so that tests may count
 * and fail what the machine allocates. */
#ifndef TESTS_UNIT_FRAMES_H
#define TESTS_UNIT_FRAMES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/machine.h"

#define UNUSED __attribute__((unused))
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, WITH_PRIORITY = 32 };

/* --- growing bytes */

struct bytes {
    uint8_t *at;
    size_t used, cap;
};

static UNUSED void bytes_put(struct bytes *b, const void *from, size_t length)
{
    if (b->cap - b->used < length) {
        b->cap = (b->used + length) * 2 + 256;
        b->at = realloc(b->at, b->cap);
        assert_non_null(b->at);
    }
    if (length)
        memcpy(b->at + b->used, from, length);
    b->used += length;
}

static UNUSED void bytes_byte(struct bytes *b, unsigned byte)
{
    uint8_t one = (uint8_t)byte;

    bytes_put(b, &one, 1);
}

static UNUSED void bytes_be32(struct bytes *b, uint32_t n)
{
    uint8_t four[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

    bytes_put(b, four, 4);
}

static UNUSED void bytes_free(struct bytes *b)
{
    free(b->at);
    *b = (struct bytes){0};
}

static UNUSED __attribute__((format(printf, 2, 3))) void bytes_print(struct bytes *b,
                                                                     const char *format, ...)
{
    char text[4096];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    bytes_put(b, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

/* --- building frames */

static UNUSED void put_head(struct bytes *b, size_t length, unsigned type, unsigned flags,
                            uint32_t id)
{
    bytes_byte(b, (unsigned)(length >> 16) & 255);
    bytes_byte(b, (unsigned)(length >> 8) & 255);
    bytes_byte(b, (unsigned)length & 255);
    bytes_byte(b, type);
    bytes_byte(b, flags);
    bytes_be32(b, id);
}

static UNUSED void put_frame(struct bytes *b, unsigned type, unsigned flags, uint32_t id,
                             const void *payload, size_t length)
{
    put_head(b, length, type, flags, id);
    bytes_put(b, payload, length);
}

static UNUSED void put_preface(struct bytes *b)
{
    bytes_put(b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    put_head(b, 0, SETTINGS, 0, 0);
}

static UNUSED void put_number(struct bytes *b, unsigned type, uint32_t id,
                              uint32_t number) /* RST, WINDOW_UPDATE */
{
    put_head(b, 4, type, 0, id);
    bytes_be32(b, number);
}

static UNUSED void put_setting(struct bytes *b, unsigned setting, uint32_t value)
{
    put_head(b, 6, SETTINGS, 0, 0);
    bytes_byte(b, setting >> 8);
    bytes_byte(b, setting & 255);
    bytes_be32(b, value);
}

static UNUSED void put_goaway(struct bytes *b, uint32_t last_id, uint32_t code, const char *opaque)
{
    put_head(b, 8 + strlen(opaque), GOAWAY, 0, 0);
    bytes_be32(b, last_id);
    bytes_be32(b, code);
    bytes_put(b, opaque, strlen(opaque));
}

static UNUSED void hpack_length(struct bytes *b, size_t length)
{
    if (length < 127) {
        bytes_byte(b, (unsigned)length);
        return;
    }
    bytes_byte(b, 127);
    for (length -= 127; length >= 128; length >>= 7)
        bytes_byte(b, (length & 127) | 128);
    bytes_byte(b, (unsigned)length);
}

/* first: 0x00 without indexing, 0x10 never indexed, 0x40 with indexing; the name is a literal. */
static UNUSED void hpack_field(struct bytes *b, unsigned first, const char *name,
                               size_t name_length, const char *value, size_t value_length)
{
    bytes_byte(b, first);
    hpack_length(b, name_length);
    bytes_put(b, name, name_length);
    hpack_length(b, value_length);
    bytes_put(b, value, value_length);
}

/* Pairs of name and value, then NULL. */
static UNUSED void hpack_list(struct bytes *b, va_list pairs)
{
    const char *name;

    while ((name = va_arg(pairs, const char *))) {
        const char *value = va_arg(pairs, const char *);

        hpack_field(b, 0x00, name, strlen(name), value, strlen(value));
    }
}

static UNUSED __attribute__((sentinel)) void hpack(struct bytes *b, ...)
{
    va_list pairs;

    va_start(pairs, b);
    hpack_list(b, pairs);
    va_end(pairs);
}

/* HEADERS with END_HEADERS. */
static UNUSED __attribute__((sentinel)) void put_headers(struct bytes *b, uint32_t id,
                                                         unsigned flags, ...)
{
    struct bytes block = {0};
    va_list pairs;

    va_start(pairs, flags);
    hpack_list(&block, pairs);
    va_end(pairs);
    put_frame(b, HEADERS, flags | END_HEADERS, id, block.at, block.used);
    bytes_free(&block);
}

#define GET_FIELDS ":method", "GET", ":scheme", "http", ":authority", "host", ":path", "/"
#define POST_FIELDS ":method", "POST", ":scheme", "http", ":authority", "host", ":path", "/"

static UNUSED void put_get(struct bytes *b, uint32_t id)
{
    put_headers(b, id, END_STREAM, GET_FIELDS, NULL);
}

static UNUSED void put_post(struct bytes *b, uint32_t id)
{
    put_headers(b, id, 0, POST_FIELDS, NULL);
}

static UNUSED void put_data(struct bytes *b, uint32_t id, unsigned flags, const char *text)
{
    put_frame(b, DATA, flags, id, text, strlen(text));
}

/* --- reading frames */

static UNUSED uint32_t be32_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* One frame in words: "DATA 1 5 end", "HEADERS 1 end", "RST_STREAM 1 8", "GOAWAY 1 0 text",
 * "SETTINGS ack". */
static UNUSED void describe_frame(struct bytes *out, const uint8_t *head, size_t length)
{
    static const char *const names[] = {"DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
                                        "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
                                        "WINDOW_UPDATE", "CONTINUATION"};
    const uint8_t *payload = head + 9;
    unsigned type = head[3], flags = head[4];
    uint32_t id = be32_at(head + 5);

    assert_true(type < COUNT(names));
    bytes_print(out, "%s", names[type]);
    switch (type) {
    case SETTINGS:
    case PING:
        bytes_print(out, "%s", flags & ACK ? " ack" : "");
        break;
    case DATA:
        bytes_print(out, " %u %zu%s", id, length, flags & END_STREAM ? " end" : "");
        break;
    case RST_STREAM:
    case WINDOW_UPDATE:
        bytes_print(out, " %u %u", id, be32_at(payload));
        break;
    case GOAWAY:
        bytes_print(out, " %u %u%s%.*s", be32_at(payload), be32_at(payload + 4),
                    length > 8 ? " " : "", (int)length - 8, (const char *)payload + 8);
        break;
    case PUSH_PROMISE:
        bytes_print(out, " %u %u", id, be32_at(payload));
        break;
    default:
        bytes_print(out, " %u%s", id, flags & END_STREAM ? " end" : "");
        break;
    }
    bytes_print(out, "; ");
}

/* Puts what a machine said into words. The bytes must end with a frame's end. Own: caller,
 * free(). */
static UNUSED char *describe(const struct bytes *said, bool from_client)
{
    struct bytes out = {0};
    size_t at = 0;

    if (from_client && said->used >= 24 && memcmp(said->at, "PRI ", 4) == 0)
        at = 24;
    while (at < said->used) {
        size_t length;

        assert_true(said->used - at >= 9);
        length = be32_at(said->at + at) >> 8;
        assert_true(said->used - at >= 9 + length);
        describe_frame(&out, said->at + at, length);
        at += 9 + length;
    }
    bytes_put(&out, "", 1);
    return (char *)out.at;
}

/* --- a peer */

struct test_stream {
    uint32_t id;
    const char *body; /* what pull() gives: piece by piece, split at '|' */
    bool is_held;     /* pull() says ERR_AGAIN after the body instead of the end */
    bool has_trailers;
    bool is_broken; /* pull() fails */
    size_t big;     /* instead of body: so many bytes in all */
    struct bytes received;
    size_t consumed;
};

#define STREAMS_MAX 512

struct peer {
    struct http_machine *m;
    struct http_options options;
    struct bytes out; /* what it said and nobody took */
    struct bytes log; /* what its owner heard */
    struct test_stream *streams[STREAMS_MAX];
    size_t streams_count;
    size_t room;           /* of the sink; 0: unbounded */
    bool is_refusing;      /* on_open says NULL */
    uint32_t refusal_code; /* and that; 0: nothing */
    bool is_hoarding;      /* received bytes are not consumed */
    bool is_quiet;         /* no log */
    enum err err;          /* the last error of feed() or drain() */
    unsigned closed;
    struct http_callbacks callbacks;
};

#define heard(peer, ...) ((peer)->is_quiet ? (void)0 : bytes_print(&(peer)->log, __VA_ARGS__))

static UNUSED struct test_stream *stream_new(struct peer *p, uint32_t id)
{
    struct test_stream *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    assert_true(p->streams_count < STREAMS_MAX);
    s->id = id;
    p->streams[p->streams_count++] = s;
    return s;
}

static UNUSED struct test_stream *stream_of(struct peer *p, uint32_t id)
{
    for (size_t i = p->streams_count; i > 0; i--)
        if (p->streams[i - 1]->id == id)
            return p->streams[i - 1];
    return NULL;
}

static UNUSED void *peer_on_open(void *owner, uint32_t id, uint32_t *code)
{
    struct peer *p = owner;

    if (p->refusal_code)
        *code = p->refusal_code;
    heard(p, "open %u; ", id);
    return p->is_refusing ? NULL : stream_new(p, id);
}

static UNUSED void peer_on_headers(void *owner, void *stream, enum http_category category,
                                   bool end_stream, uint8_t flags, struct http_block *block)
{
    static const char *const names[] = {"request", "response", "informational", "trailers", "push"};
    struct test_stream *s = stream;
    struct peer *p = owner;

    (void)flags;
    assert_true(s->id != 0);
    heard(p, "%s %u%s", names[category], s->id, end_stream ? " end" : "");
    for (uint32_t i = 0; i < block->count && i < 8; i++) {
        const struct http_block_field *f = &block->fields[i];

        heard(p, " %.*s%s%.*s", (int)f->name_length, http_block_bytes(block, f->name),
              f->flags & FIELD_SENSITIVE ? "!" : "=", (int)f->value_length,
              http_block_bytes(block, f->value));
    }
    heard(p, "; ");
    mem_free(block);
}

static UNUSED void peer_on_data(void *owner, void *stream, const uint8_t *bytes, size_t length)
{
    struct test_stream *s = stream;

    (void)owner;
    assert_true(s->id != 0 && length > 0);
    bytes_put(&s->received, bytes, length);
}

static UNUSED void peer_on_end(void *owner, void *stream)
{
    struct test_stream *s = stream;
    struct peer *p = owner;

    assert_true(s->id != 0);
    if (s->received.used > 60)
        heard(p, "end %u (%zu bytes); ", s->id, s->received.used);
    else
        heard(p, "end %u (%.*s); ", s->id, (int)s->received.used, (const char *)s->received.at);
}

static UNUSED void peer_on_reset(void *owner, void *stream, uint32_t code)
{
    struct test_stream *s = stream;
    struct peer *p = owner;

    assert_true(s->id != 0);
    heard(p, "reset %u %u; ", s->id, code);
}

static UNUSED void peer_on_end_sent(void *owner, void *stream)
{
    struct test_stream *s = stream;
    struct peer *p = owner;

    assert_true(s->id != 0);
    heard(p, "sent %u; ", s->id);
}

static UNUSED void peer_on_closed(void *owner, void *stream, uint32_t code, bool by_us,
                                  const char *reason)
{
    struct test_stream *s = stream;
    struct peer *p = owner;

    assert_true(s->id != 0);
    p->closed++;
    heard(p, "closed %u %u%s%s%s; ", s->id, code, by_us ? " by us" : "", reason ? ": " : "",
          reason ? reason : "");
    s->id = 0; /* nothing may come after it */
}

static UNUSED void peer_on_settings(void *owner, const struct http_setting_entry *entries,
                                    size_t count)
{
    (void)owner, (void)entries, (void)count;
}

static UNUSED void peer_on_settings_ack(void *owner)
{
    (void)owner;
}

static UNUSED void peer_on_ping(void *owner, const uint8_t payload[8], bool ack)
{
    struct peer *p = owner;

    heard(p, "ping%s %.8s; ", ack ? " ack" : "", (const char *)payload);
}

static UNUSED void peer_on_goaway(void *owner, uint32_t code, uint32_t last_id,
                                  const uint8_t *opaque, size_t length)
{
    struct peer *p = owner;

    heard(p, "goaway %u %u (%.*s); ", code, last_id, (int)length, (const char *)opaque);
}

static UNUSED void peer_on_frame_error(void *owner, uint32_t id, uint8_t type, uint32_t code)
{
    struct peer *p = owner;

    heard(p, "frame error %u %u %u; ", id, type, code);
}

static UNUSED enum err peer_pull(void *owner, void *stream, size_t max, struct http_piece *piece)
{
    static uint8_t zeros[16384];
    struct test_stream *s = stream;
    const char *bar;

    (void)owner;
    if (s->is_broken)
        return ERR_IO;
    if (s->big) {
        piece->bytes = zeros;
        piece->length = s->big < max ? s->big : max;
        s->big -= piece->length;
        piece->end = !s->big && !s->is_held;
        piece->trailers = s->has_trailers;
        return OK;
    }
    if (!s->body)
        return ERR_AGAIN;
    bar = strchr(s->body, '|');
    piece->bytes = (const uint8_t *)s->body;
    piece->length = bar ? (size_t)(bar - s->body) : strlen(s->body);
    if (piece->length > max)
        piece->length = max;
    else if (!bar)
        piece->end = !s->is_held;
    s->body += piece->length;
    s->body += *s->body == '|';
    piece->trailers = s->has_trailers;
    if (!piece->length && !piece->end)
        return ERR_AGAIN;
    return OK;
}

static UNUSED void peer_on_block_begin(void *owner)
{
    struct peer *p = owner;

    heard(p, "block begin; ");
}

static UNUSED void peer_on_block_end(void *owner)
{
    struct peer *p = owner;

    heard(p, "block end; ");
}

/* A peer with default limits; change p->options, then peer_start(). */
static UNUSED void peer_init(struct peer *p, bool server)
{
    *p = (struct peer){.callbacks = {
                           .on_open = peer_on_open,
                           .on_headers = peer_on_headers,
                           .on_data = peer_on_data,
                           .on_end = peer_on_end,
                           .on_reset = peer_on_reset,
                           .on_end_sent = peer_on_end_sent,
                           .on_closed = peer_on_closed,
                           .on_settings = peer_on_settings,
                           .on_settings_ack = peer_on_settings_ack,
                           .on_ping = peer_on_ping,
                           .on_goaway = peer_on_goaway,
                           .on_frame_error = peer_on_frame_error,
                           .pull = peer_pull,
                       }};
    http_options_defaults(&p->options, server);
}

static UNUSED void peer_start(struct peer *p)
{
    assert_int_equal(http2_machine_new(&p->options, &p->callbacks, p, &p->m), OK);
}

static UNUSED void peer_free(struct peer *p)
{
    http_free(&p->m);
    for (size_t i = 0; i < p->streams_count; i++) {
        bytes_free(&p->streams[i]->received);
        free(p->streams[i]);
    }
    bytes_free(&p->out);
    bytes_free(&p->log);
}

static UNUSED void peer_copy(void *owner, const uint8_t *bytes, size_t length)
{
    struct peer *p = owner;

    bytes_put(&p->out, bytes, length);
}

static UNUSED void peer_refer(void *owner, void *stream, const struct http_piece *piece)
{
    struct peer *p = owner;

    (void)stream;
    bytes_put(&p->out, piece->bytes, piece->length);
}

static UNUSED size_t peer_room(void *owner)
{
    struct peer *p = owner;

    if (!p->room)
        return SIZE_MAX;
    return p->out.used < p->room ? p->room - p->out.used : 0;
}

static UNUSED enum err peer_drain(struct peer *p)
{
    struct http_sink sink = {.owner = p, .copy = peer_copy, .refer = peer_refer, .room = peer_room};
    enum err err = http_drain(p->m, &sink);

    if (err)
        p->err = err;
    return err;
}

static UNUSED enum err peer_feed(struct peer *p, const void *bytes, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1); /* so that ASan sees a step too far */
    enum err err;

    assert_non_null(copy);
    memcpy(copy, bytes, length);
    err = http_feed(p->m, copy, length);
    free(copy);
    if (err)
        p->err = err;
    for (size_t i = 0; i < p->streams_count && !p->is_hoarding; i++) {
        struct test_stream *s = p->streams[i];

        if (s->id && s->received.used > s->consumed)
            http_consume(p->m, s->id, s->received.used - s->consumed);
        s->consumed = s->received.used;
    }
    return err;
}

/* Feeds what was built and forgets it. */
static UNUSED enum err peer_hear(struct peer *p, struct bytes *b)
{
    enum err err = peer_feed(p, b->at, b->used);

    b->used = 0;
    return err;
}

/* Moves bytes both ways until both are silent. */
static UNUSED void converse(struct peer *a, struct peer *b)
{
    struct bytes taken;

    do {
        peer_drain(a);
        peer_drain(b);
        taken = a->out;
        a->out = (struct bytes){0};
        peer_feed(b, taken.at ? (void *)taken.at : (void *)"", taken.used);
        bytes_free(&taken);
        taken = b->out;
        b->out = (struct bytes){0};
        peer_feed(a, taken.at ? (void *)taken.at : (void *)"", taken.used);
        bytes_free(&taken);
    } while (http_wants_write(a->m) || http_wants_write(b->m));
}

/* --- verbs with fields in words */

/* Pairs "name", "value", NULL into fields; returns how many. A name that begins with '!' is
 * sensitive. */
static UNUSED size_t fields_from(struct http_field *fields, va_list pairs)
{
    size_t count = 0;
    const char *name;

    while ((name = va_arg(pairs, const char *))) {
        const char *value = va_arg(pairs, const char *);
        bool is_sensitive = name[0] == '!';

        name += is_sensitive;
        fields[count++] =
            (struct http_field){name, value, (uint32_t)strlen(name), (uint32_t)strlen(value),
                                is_sensitive ? FIELD_SENSITIVE : 0};
    }
    return count;
}

static UNUSED __attribute__((sentinel)) enum err respond(struct peer *p, uint32_t id, int end, ...)
{
    struct http_field fields[64];
    va_list pairs;
    size_t count;

    va_start(pairs, end);
    count = fields_from(fields, pairs);
    va_end(pairs);
    return http_respond(p->m, id, fields, count, end);
}

static UNUSED __attribute__((sentinel)) enum err inform(struct peer *p, uint32_t id, ...)
{
    struct http_field fields[64];
    va_list pairs;
    size_t count;

    va_start(pairs, id);
    count = fields_from(fields, pairs);
    va_end(pairs);
    return http_inform(p->m, id, fields, count);
}

static UNUSED __attribute__((sentinel)) enum err trailers(struct peer *p, uint32_t id, ...)
{
    struct http_field fields[64];
    va_list pairs;
    size_t count;

    va_start(pairs, id);
    count = fields_from(fields, pairs);
    va_end(pairs);
    return http_trailers(p->m, id, fields, count);
}

/* Returns the new stream, or NULL with p->err. */
static UNUSED __attribute__((sentinel)) struct test_stream *request(struct peer *p, int end, ...)
{
    struct test_stream *s = stream_new(p, 0);
    struct http_field fields[64];
    va_list pairs;
    size_t count;

    va_start(pairs, end);
    count = fields_from(fields, pairs);
    va_end(pairs);
    p->err = http_request(p->m, fields, count, end, s, &s->id);
    return p->err ? NULL : s;
}

/* --- asserts */

/* What the owner heard since the last look. */
static UNUSED void assert_heard(struct peer *p, const char *expected)
{
    bytes_put(&p->log, "", 1);
    assert_string_equal((const char *)p->log.at, expected);
    p->log.used = 0;
}

/* Drains; what the machine said since the last look. */
static UNUSED void assert_said(struct peer *p, const char *expected)
{
    char *words;

    peer_drain(p);
    words = describe(&p->out, !p->options.server);
    assert_string_equal(words, expected);
    free(words);
    p->out.used = 0;
}

/* A server that has shaken hands; nothing to hear or say is left. */
static UNUSED void server_ready(struct peer *p)
{
    struct bytes b = {0};

    peer_start(p);
    put_preface(&b);
    put_head(&b, 0, SETTINGS, ACK, 0);
    assert_int_equal(peer_hear(p, &b), OK);
    bytes_free(&b);
    assert_said(p, "SETTINGS; SETTINGS ack; ");
    assert_heard(p, "");
}

static UNUSED void client_ready(struct peer *p)
{
    struct bytes b = {0};

    peer_start(p);
    put_head(&b, 0, SETTINGS, 0, 0);
    assert_int_equal(peer_hear(p, &b), OK);
    put_head(&b, 0, SETTINGS, ACK, 0);
    assert_said(p, "SETTINGS; SETTINGS ack; ");
    assert_int_equal(peer_hear(p, &b), OK);
    bytes_free(&b);
    assert_heard(p, "");
}

#endif
