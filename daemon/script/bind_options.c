/* bind_options: the Lua half's table of session options to the struct of the session floor. */
#include "script/script_internal.h"

/* Leaves *value as it is when the key is not there. */
static void read_number(lua_State *lua, int index, const char *key, uint32_t *value)
{
    lua_getfield(lua, index, key);
    if (lua_isnumber(lua, -1))
        *value = (uint32_t)lua_tonumber(lua, -1);
    lua_pop(lua, 1);
}

static void read_flag(lua_State *lua, int index, const char *key, bool *value)
{
    lua_getfield(lua, index, key);
    if (lua_isboolean(lua, -1))
        *value = lua_toboolean(lua, -1);
    lua_pop(lua, 1);
}

/* A number: enum http_padding. */
static void read_padding(lua_State *lua, int index, enum http_padding *padding)
{
    uint32_t number = (uint32_t)*padding;

    read_number(lua, index, "padding", &number);
    *padding = (enum http_padding)number;
}

void script_read_settings(lua_State *lua, int index, struct session_options *options)
{
    size_t max = sizeof(options->settings) / sizeof(options->settings[0]);

    options->http.settings_count = 0;
    read_number(lua, index, "max_header_list_bytes", &options->http.max_header_list_bytes);
    lua_getfield(lua, index, "settings");
    for (size_t i = 0; lua_istable(lua, -1) && i < max && i < lua_objlen(lua, -1); i++) {
        lua_rawgeti(lua, -1, (int)i + 1);
        lua_rawgeti(lua, -1, 1);
        lua_rawgeti(lua, -2, 2);
        options->settings[i].id = (uint32_t)lua_tonumber(lua, -2);
        options->settings[i].value = (uint32_t)lua_tonumber(lua, -1);
        options->http.settings_count = i + 1;
        lua_pop(lua, 3);
    }
    lua_pop(lua, 1);
}

void script_read_options(lua_State *lua, int index, bool server, struct session_options *options)
{
    struct http_options *http = &options->http;
    struct limits *limits = &options->limits;

    *options = (struct session_options){0};
    http_options_defaults(http, server);
    limits_defaults(limits, server);
    http->server = server;
    http->settings = options->settings;
    script_read_settings(lua, index, options);
    read_number(lua, index, "max_header_pairs", &http->max_header_pairs);
    read_number(lua, index, "max_settings", &http->max_settings);
    read_number(lua, index, "peer_max_concurrent_streams", &http->peer_max_concurrent_streams);
    read_number(lua, index, "max_deflate_table_bytes", &http->max_deflate_table_bytes);
    read_number(lua, index, "max_send_block_bytes", &http->max_send_block_bytes);
    read_number(lua, index, "reset_burst", &http->reset_burst);
    read_number(lua, index, "reset_rate", &http->reset_rate);
    read_number(lua, index, "max_invalid_frames", &http->max_invalid_frames);
    read_number(lua, index, "max_rejected_streams", &http->max_rejected_streams);
    read_number(lua, index, "max_reserved_remote_streams", &http->max_reserved_remote_streams);
    read_number(lua, index, "max_unsent_acks", &http->max_outstanding_pings_acks);
    read_number(lua, index, "session_memory", &limits->session_memory);
    read_flag(lua, index, "strict_whitespace", &http->strict_whitespace);
    read_padding(lua, index, &http->padding);
    read_number(lua, index, "connection_window", &http->connection_window);
    read_number(lua, index, "handshake_timeout_ms", &limits->handshake_timeout_ms);
    read_number(lua, index, "header_timeout_ms", &limits->header_timeout_ms);
    read_number(lua, index, "idle_timeout_ms", &limits->idle_timeout_ms);
    read_number(lua, index, "stream_output_high", &limits->stream_output_high);
    read_number(lua, index, "stream_output_max", &limits->stream_output_max);
    read_number(lua, index, "session_output", &limits->session_output);
    options->unknown_protocol_ms = 10000;
    read_number(lua, index, "unknown_protocol_ms", &options->unknown_protocol_ms);
    lua_getfield(lua, index, "keep_alive");
    options->keep_alive = lua_toboolean(lua, -1);
    lua_pop(lua, 1);
    read_number(lua, index, "keep_alive_s", &options->keep_alive_s);
    lua_getfield(lua, index, "tls");
    options->tls = script_tls_context(lua, -1);
    lua_pop(lua, 1);
}
