/* limits: what one peer may use of us. DESIGN.md 6 has the reasons; docs name them as here. */
#ifndef CONFIG_LIMITS_H
#define CONFIG_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct limits {
    uint32_t handshake_timeout_ms; /* TLS handshake; 0: none, here and below */
    uint32_t header_timeout_ms;    /* preface, and each header block */
    uint32_t idle_timeout_ms;      /* while no stream is open */
    uint32_t linger_ms;            /* for the peer's hang-up after our GOAWAY or FIN */
    uint32_t stop_grace_ms; /* for a request's rest behind its answer, before RST_STREAM(NO_ERROR) */
    uint32_t stream_output_high; /* bytes; write() answers false above it */
    uint32_t stream_output_max;  /* bytes; a write beyond it resets the stream */
    uint32_t session_output;     /* bytes framed and not yet taken by the kernel */
    uint32_t session_memory;     /* bytes that all streams of a session may have waiting */
};

/* A server's, or a client's, as `perigee run` has them. */
void limits_defaults(struct limits *limits, int server);

#endif
