/* limits: the defaults. */
#include "config/limits.h"

void limits_defaults(struct limits *limits, int server)
{
    *limits = (struct limits){
        .handshake_timeout_ms = server ? 10000 : 30000,
        .header_timeout_ms = server ? 10000 : 0,
        .idle_timeout_ms = 0,
        .linger_ms = 1000,
        .stop_grace_ms = 100,
        .stream_output_high = 64 * 1024,
        .stream_output_max = 16 * 1024 * 1024,
        .session_output = 1024 * 1024,
        .session_memory = 10 * 1000 * 1000,
    };
}
