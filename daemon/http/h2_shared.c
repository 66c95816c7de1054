/* h2_shared: the callbacks, the option sets and the scratch memory of all machines. */
#include <string.h>

#include "base/mem.h"
#include "http/h2_internal.h"

#define OPTION_SETS 8

/* What of http_options nghttp2 is told. No holes: compared as bytes. */
struct option_key {
    uint32_t max_settings, max_acks, peer_streams, max_deflate_table, max_send_block, max_reserved;
    uint32_t is_strict, is_client;
};

static struct h2_shared shared;
static size_t references;
static nghttp2_session_callbacks *callbacks, *padding_callbacks;
static struct {
    struct option_key key;
    nghttp2_option *option;
} sets[OPTION_SETS];
static size_t sets_count, next_set;

static nghttp2_session_callbacks *callbacks_new(void)
{
    nghttp2_session_callbacks *made;

    if (nghttp2_session_callbacks_new(&made) != 0)
        return NULL;
    h2_receive_setup(made);
    h2_block_setup(made);
    h2_send_setup(made);
    h2_stream_setup(made);
    return made;
}

struct h2_shared *h2_shared_get(void)
{
    if (!callbacks)
        callbacks = callbacks_new();
    if (!padding_callbacks) {
        padding_callbacks = callbacks_new();
        if (padding_callbacks)
            h2_padding_setup(padding_callbacks);
    }
    if (!callbacks || !padding_callbacks) {
        references++;
        h2_shared_put();
        return NULL;
    }
    shared.callbacks = callbacks;
    shared.padding_callbacks = padding_callbacks; /* the usual session does not ask about it */
    references++;
    return &shared;
}

void h2_shared_put(void)
{
    if (--references)
        return;
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_session_callbacks_del(padding_callbacks);
    callbacks = padding_callbacks = NULL;
    for (size_t i = 0; i < sets_count; i++)
        nghttp2_option_del(sets[i].option);
    sets_count = next_set = 0;
    http_block_builder_free(&shared.block.builder);
    mem_free(shared.nv);
    shared = (struct h2_shared){0};
    h2_memory_trim();
}

static nghttp2_option *option_of(const struct option_key *key)
{
    nghttp2_option *option;

    if (nghttp2_option_new(&option) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1); /* h2_ids.c knows */
    nghttp2_option_set_user_recv_extension_type(option, H2_PROBE_TYPE);
    if (key->is_client) {
        nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_ALTSVC);
        nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_ORIGIN);
    }
    nghttp2_option_set_max_reserved_remote_streams(option, key->max_reserved);
    nghttp2_option_set_max_settings(option, key->max_settings);
    nghttp2_option_set_max_outbound_ack(option, key->max_acks);
    nghttp2_option_set_peer_max_concurrent_streams(option, key->peer_streams);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, key->max_deflate_table);
    nghttp2_option_set_max_send_header_block_length(option, key->max_send_block);
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, !key->is_strict);
    nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX,
                                               UINT32_MAX); /* h2_guard.c counts */
    return option;
}

const nghttp2_option *h2_shared_option(const struct http_options *options)
{
    struct option_key key = {
        .max_settings = options->max_settings,
        .max_acks = options->max_outstanding_pings_acks,
        .peer_streams = options->peer_max_concurrent_streams,
        .max_deflate_table = options->max_deflate_table_bytes,
        .max_send_block = options->max_send_block_bytes,
        .max_reserved = options->max_reserved_remote_streams,
        .is_strict = options->strict_whitespace,
        .is_client = !options->server,
    };
    nghttp2_option *option;

    for (size_t i = 0; i < sets_count; i++)
        if (memcmp(&sets[i].key, &key, sizeof(key)) == 0)
            return sets[i].option;
    option = option_of(&key);
    if (!option)
        return NULL;
    if (sets_count < OPTION_SETS) {
        next_set = sets_count++;
    } else { /* nghttp2 copies what it needs: the oldest may go */
        next_set = (next_set + 1) % OPTION_SETS;
        nghttp2_option_del(sets[next_set].option);
    }
    sets[next_set].key = key;
    sets[next_set].option = option;
    return option;
}
