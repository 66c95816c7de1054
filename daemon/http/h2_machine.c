/* h2_machine: the life of an HTTP/2 machine, and how it is ended before its time. */
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "http/h2_verbs.h"

void http_options_defaults(struct http_options *options, bool server)
{
    *options = (struct http_options){
        .server = server,
        .max_header_list_bytes = 64 * 1024,
        .max_header_pairs = 128,
        .max_settings = 32,
        .max_outstanding_pings_acks = 1000,
        .peer_max_concurrent_streams = 100,
        .max_deflate_table_bytes = 4096,
        .max_send_block_bytes = 64 * 1024,
        .reset_burst = 1000,
        .reset_rate = 33,
        .useless_burst = 10000,
        .useless_rate = 330,
        .max_invalid_frames = 1000,
        .max_rejected_streams = 100,
        .max_reserved_remote_streams = 200,
        .connection_window = 1024 * 1024,
        .strict_whitespace = true,
    };
}

/* --- the end */

static __attribute__((format(printf, 3, 0))) void note_end(struct h2_machine *m, uint32_t code,
                                                           const char *format, va_list arguments)
{
    m->is_ended = true;
    m->base.end_code = code;
    vsnprintf(m->base.end_reason, sizeof(m->base.end_reason), format, arguments);
}

void h2_note_end(struct h2_machine *m, uint32_t code, const char *format, ...)
{
    va_list arguments;

    if (m->is_ended)
        return;
    va_start(arguments, format);
    note_end(m, code, format, arguments);
    va_end(arguments);
}

static void terminate(struct h2_machine *m, uint32_t code)
{
    if (nghttp2_session_terminate_session(m->session, code) != 0)
        m->err = ERR_NOMEM;
}

void h2_end(struct h2_machine *m, uint32_t code, const char *format, ...)
{
    va_list arguments;

    if (m->is_ended)
        return;
    va_start(arguments, format);
    note_end(m, code, format, arguments);
    va_end(arguments);
    terminate(m, code);
}

void h2_end_at_limit(struct h2_machine *m, enum metrics_limit limit, const char *format, ...)
{
    va_list arguments;

    if (m->is_ended)
        return;
    metrics_hit(limit);
    va_start(arguments, format);
    note_end(m, HTTP_ENHANCE_YOUR_CALM, format, arguments);
    va_end(arguments);
    terminate(m, HTTP_ENHANCE_YOUR_CALM);
}

/* --- birth and death */

static void h2_free(struct http_machine *base)
{
    struct h2_machine *m = h2_of(base);

    nghttp2_session_del(m->session);
    http_block_builder_free(&m->parked.builder);
    h2_trailers_free(m);
    h2_ids_deinit(&m->ids);
    mem_free(m->waiting);
    mem_free(m->goaway);
    mem_free(m->peer_goaway);
    if (m->shared)
        h2_shared_put();
    mem_free(m);
}

static bool h2_is_over(const struct http_machine *base)
{
    const struct h2_machine *m = h2_of(base);

    if (m->err)
        return true;
    if (h2_wants_write(base))
        return false;
    return !nghttp2_session_want_read(m->session) ||
           (m->is_server && m->has_peer_goaway && m->open + m->pushes == 0);
}

static const struct http_machine_kind h2_kind = {
    .free = h2_free,
    .feed = h2_feed,
    .drain = h2_drain,
    .request = h2_request,
    .respond = h2_respond,
    .inform = h2_inform,
    .trailers = h2_trailers_send,
    .push = h2_push,
    .data_ready = h2_data_ready,
    .reset = h2_reset,
    .consume = h2_consume,
    .goaway = h2_goaway_later,
    .shutdown_notice = h2_shutdown_notice,
    .settings = h2_settings,
    .ping = h2_ping,
    .window = h2_window,
    .next_id = h2_next_id,
    .altsvc = h2_altsvc,
    .origin = h2_origin,
    .setting = h2_setting,
    .state = h2_state,
    .is_over = h2_is_over,
    .wants_write = h2_wants_write,
};

static enum err session_new(struct h2_machine *m, const struct http_options *options)
{
    const nghttp2_option *option = h2_shared_option(options);
    const nghttp2_session_callbacks *callbacks =
        m->padding == HTTP_PADDING_NONE ? m->shared->callbacks : m->shared->padding_callbacks;
    nghttp2_mem *memory;
    int error;

    if (!option)
        return ERR_NOMEM;
    memory = h2_memory_begin(options->server);
    if (options->server)
        error = nghttp2_session_server_new3(&m->session, callbacks, m, option, memory);
    else
        error = nghttp2_session_client_new3(&m->session, callbacks, m, option, memory);
    h2_memory_end();
    return error ? ERR_NOMEM : OK;
}

enum err http2_machine_new(const struct http_options *options,
                           const struct http_callbacks *callbacks, void *owner,
                           struct http_machine **out)
{
    struct h2_machine *m = mem_zalloc(sizeof(*m));
    struct http_machine *made = NULL;
    enum err err = ERR_NOMEM;

    *out = NULL;
    if (!m)
        return ERR_NOMEM;
    made = &m->base;
    m->base.kind = &h2_kind;
    m->base.callbacks = callbacks;
    m->base.owner = owner;
    m->is_server = options->server;
    m->max_list_bytes = options->max_header_list_bytes;
    m->max_pairs = options->max_header_pairs;
    m->max_invalid = options->max_invalid_frames;
    m->max_rejected = options->max_rejected_streams;
    m->padding = options->padding;
    m->connection_window = options->connection_window;
    m->max_streams = UINT32_MAX;
    m->scan.is_preface = options->server;
    m->scan.left = options->server ? NGHTTP2_CLIENT_MAGIC_LEN : 0;
    h2_guard_init(&m->guard, options);
    h2_ids_init(&m->ids);

    m->shared = h2_shared_get();
    if (!m->shared)
        goto done;
    err = session_new(m, options);
    if (err)
        goto done;
    err = h2_settings(&m->base, options->settings, options->settings_count);
    if (err)
        goto done;
    *out = made;
    made = NULL;
done:
    http_free(&made);
    return err;
}
