/* certificate: makes the self-signed development certificate (ECDSA P-256; localhost, 127.0.0.1, ::1; 90 days). */
#ifndef CRYPTO_CERTIFICATE_H
#define CRYPTO_CERTIFICATE_H

#include "base/err.h"

/* Both as PEM text.  Own: caller, mem_free() each.  Err: ERR_NOMEM, ERR_TLS. */
enum err certificate_make_development(char **certificate, char **key);

/* Is the PEM certificate good for another `seconds` at least? Err: ERR_TIMEOUT when not, ERR_INVALID when unreadable. */
enum err certificate_check_time(const char *certificate, long seconds);

#endif
