/* sniff: which protocol does a peer speak, by its first bytes? For clear text, where no ALPN
 * tells. */
#ifndef HTTP_SNIFF_H
#define HTTP_SNIFF_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_PREFACE_BYTES 24

enum http_sniffed {
    SNIFF_MORE,  /* a prefix of something known: ask again with more */
    SNIFF_HTTP2, /* the client preface of RFC 9113 3.4 */
    SNIFF_HTTP1, /* a method token and a blank, or a part of one: an HTTP/1.x request line */
    SNIFF_OTHER,
};

/* bytes: all that came so far. Decides at the latest at HTTP_PREFACE_BYTES. */
enum http_sniffed http_sniff(const uint8_t *bytes, size_t length);

/* The answer to an HTTP/1.x peer: status 505, Connection: close, one line of text. */
extern const char http1_refusal[];
extern const size_t http1_refusal_length;

/* The answer to a peer that came over TLS and did not agree on HTTP/2: status 403 in a form that most understand. */
extern const char alpn_refusal[];
extern const size_t alpn_refusal_length;

#endif
