/* certificate: makes the self-signed development certificate (ECDSA P-256; localhost, 127.0.0.1, ::1; 90 days). */
#ifndef CRYPTO_CERTIFICATE_H
#define CRYPTO_CERTIFICATE_H

#include <stdint.h>

#include "base/err.h"

/* Both as PEM text.  Own: caller, mem_free() each.  Err: ERR_NOMEM, ERR_TLS. */
enum err certificate_make_development(char **certificate, char **key);

/* Is the PEM certificate good for another `seconds` at least? Err: ERR_TIMEOUT when not, ERR_INVALID when unreadable. */
enum err certificate_check_time(const char *certificate, long seconds);

struct certificate_summary {
    char subject[160];        /* "CN=example.org,O=Example" */
    int64_t begins_s, ends_s; /* seconds since 1970 */
    char names[8 * 1024]; /* its DNS names (else the CN when it may be one), each with its NUL; "" ends them */
};

/* The first certificate of a PEM text; names that do not fit or are no names are left out.
 * Err: ERR_INVALID when there is none. */
enum err certificate_summarize(const char *certificate, struct certificate_summary *out);

#endif
