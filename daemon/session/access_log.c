/* access_log: what a stream has to tell, collected into a record. */
#include "session/access_log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "http/block.h"
#include "metrics/metrics.h"
#include "net/transport.h"
#include "session/session.h"
#include "session/stream.h"

#define PATIENCE_MS 2000
#define PEERS 64u /* sessions whose peer is known as text */

bool access_log_is_on;

/* The peers of the sessions that were last heard of: most lines are of one that had a line before. */
struct peer {
    uint32_t slot, generation;
    char text[ADDRESS_TEXT_BYTES];
    size_t length;
};

static struct log_writer *writer;
static enum access_format line_format;
static struct peer peers[PEERS];

/* On the writer's thread. */
static void on_news(void *owner, const struct log_writer_news *news)
{
    (void)owner;
    if (news->over)
        log_line(LOG_WARN, "the access log is written again", "lost_lines",
                 log_number((int64_t)news->lost_lines), "lost_bytes",
                 log_number((int64_t)news->lost_bytes), NULL);
    else
        log_line(LOG_ERROR, "the access log cannot be written", "reason",
                 news->sys_errno ? errno_name(news->sys_errno) : "the reader is too slow", NULL);
}

enum err access_log_open(int fd, enum access_format format)
{
    enum err err = log_writer_new(fd, on_news, NULL, &writer);

    line_format = format;
    memset(peers, 0, sizeof(peers));
    access_log_is_on = !err;
    return err;
}

void access_log_reopen(int fd)
{
    if (access_log_is_on)
        log_writer_reopen(writer, fd);
    else
        close(fd);
}

void access_log_flush(unsigned patience_ms)
{
    if (access_log_is_on)
        log_writer_flush(writer, patience_ms);
}

void access_log_close(void)
{
    access_log_is_on = false;
    log_writer_free(&writer, PATIENCE_MS);
}

void access_log_count(void)
{
    uint64_t left_out, lost;

    log_counts(&left_out, &lost);
    if (access_log_is_on)
        lost += log_writer_lost(writer);
    metrics->log_left_out = left_out;
    metrics->log_lost = lost;
}

/* Host and port. An IPv4 client is one at every listener: one that takes both kinds has it as ::ffff:192.0.2.7. */
static void write_peer(const struct address *address, char out[ADDRESS_TEXT_BYTES])
{
    char host[ADDRESS_TEXT_BYTES];

    address_host(address, host);
    if (address->length && address->any.sa_family == AF_INET6 && !strchr(host, ':'))
        snprintf(out, ADDRESS_TEXT_BYTES, "%.100s:%u", host, address_port(address));
    else
        address_text(address, out);
}

static void set_peer(struct access_record *record, const struct session *session)
{
    struct peer *peer = &peers[session->slot % PEERS];

    if (peer->slot != session->slot || peer->generation != session->generation) {
        const struct address *address = &transport_info(session->transport)->peer;

        peer->slot = session->slot;
        peer->generation = session->generation;
        if (line_format == ACCESS_LOGFMT || line_format == ACCESS_JSON)
            write_peer(address, peer->text);
        else
            address_host(address, peer->text);
        peer->length = strlen(peer->text);
    }
    record->peer = (struct access_text){peer->text, peer->length};
}

static void set_from_session(struct access_record *record, struct session *session)
{
    clock_gettime(CLOCK_REALTIME, &record->ended);
    record->session = session_number(session);
    if (!session->transport)
        return;
    set_peer(record, session);
    record->tls = transport_info(session->transport)->tls_version;
}

static bool is_named(const struct http_block *block, const struct http_block_field *field,
                     const char *name)
{
    return memcmp(http_block_bytes(block, field->name), name, field->name_length) == 0;
}

static void set_if_none(struct access_text *text, const struct http_block *block,
                        const struct http_block_field *field)
{
    if (!text->bytes)
        *text = (struct access_text){http_block_bytes(block, field->value), field->value_length};
}

/* One walk over the fields finds all that are wanted. */
static void set_from_block(struct access_record *record, const struct http_block *block)
{
    struct access_text host = {NULL, 0};

    for (uint32_t i = 0; i < block->count; i++) {
        const struct http_block_field *field = &block->fields[i];

        switch (field->name_length) {
        case 4:
            if (is_named(block, field, "host"))
                set_if_none(&host, block, field);
            break;
        case 5:
            if (is_named(block, field, ":path"))
                set_if_none(&record->path, block, field);
            break;
        case 7:
            if (is_named(block, field, ":method"))
                set_if_none(&record->method, block, field);
            else if (is_named(block, field, "referer"))
                set_if_none(&record->referer, block, field);
            break;
        case 10:
            if (is_named(block, field, ":authority"))
                set_if_none(&record->authority, block, field);
            else if (is_named(block, field, "user-agent"))
                set_if_none(&record->agent, block, field);
            break;
        }
    }
    if (!record->authority.bytes)
        record->authority = host;
}

static void write_record(const struct access_record *record)
{
    char line[ACCESS_LINE_MAX];
    size_t max = writer ? log_writer_line_max(writer) : 0;

    if (max == 0)
        return;
    log_writer_put(writer, line,
                   access_line(record, line_format, line, max < sizeof(line) ? max : sizeof(line)));
}

void access_log_stream(const struct stream *stream, uint32_t code, enum ended_by by,
                       const char *reason)
{
    struct session *session = stream->session;
    struct access_record record = {
        .status = stream->status,
        .bytes_in = (uint64_t)stream->bytes_in,
        .bytes_out = stream->sent,
        .us = clock_us() - stream->opened_us,
        .stream = stream->id,
        .pushed = stream->id % 2 == 0,
        .by = stream->blamed ? (enum ended_by)stream->blamed : by,
        .code = code,
        .reason = reason,
    };

    if (!session->server)
        return;
    set_from_session(&record, session);
    if (stream->block)
        set_from_block(&record, stream->block);
    write_record(&record);
}

void access_log_refused(struct session *session, uint32_t id, uint32_t code, const char *reason)
{
    struct access_record record = {
        .stream = id,
        .by = code == HTTP_PROTOCOL_ERROR ? ENDED_BY_PROTOCOL : ENDED_BY_LIMIT,
        .code = code,
        .reason = reason,
    };

    set_from_session(&record, session);
    write_record(&record);
}
