/* sniff: compares with the client preface, then looks for a request line. */
#include "http/sniff.h"

#include <string.h>

#include "http/fields.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

_Static_assert(sizeof(preface) - 1 == HTTP_PREFACE_BYTES, "RFC 9113 3.4");

#define REFUSAL_TEXT "This port speaks HTTP/2 only.\n"

const char http1_refusal[] = "HTTP/1.1 505 HTTP Version Not Supported\r\n"
                             "Connection: close\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\n"
                             "Content-Length: 30\r\n"
                             "\r\n" REFUSAL_TEXT;
const size_t http1_refusal_length = sizeof(http1_refusal) - 1;

const char alpn_refusal[] = "HTTP/1.0 403 Forbidden\r\n"
                            "Content-Type: text/plain\r\n"
                            "\r\n"
                            "Missing ALPN Protocol, expected `h2` to be available.\n";
const size_t alpn_refusal_length = sizeof(alpn_refusal) - 1;

_Static_assert(sizeof(REFUSAL_TEXT) - 1 == 30, "Content-Length above");

/* A method is a token (RFC 9110 9.1), in practice capitals; small letters and digits are tokens
 * too. */
static int is_token_byte(uint8_t byte)
{
    char small = byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : (char)byte;

    return http_check_name(&small, 1) == OK;
}

enum http_sniffed http_sniff(const uint8_t *bytes, size_t length)
{
    size_t seen = length < HTTP_PREFACE_BYTES ? length : HTTP_PREFACE_BYTES;

    if (seen == 0)
        return SNIFF_MORE;
    if (memcmp(bytes, preface, seen) == 0)
        return seen == HTTP_PREFACE_BYTES ? SNIFF_HTTP2 : SNIFF_MORE;
    for (size_t i = 0; i < seen; i++) {
        if (bytes[i] == ' ' && i > 0)
            return SNIFF_HTTP1;
        if (!is_token_byte(bytes[i]))
            return SNIFF_OTHER;
    }
    return SNIFF_HTTP1; /* a token so far: nothing but a request line begins so */
}
