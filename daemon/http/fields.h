/* fields: may a script send this name, this value? RFC 9113 8.2, RFC 9110 5.1 and 5.5. */
#ifndef HTTP_FIELDS_H
#define HTTP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* name in lower case (a pseudo header's colon is not looked at here). Err: ERR_FIELD_NAME when
 * it is empty or no token or has capitals; ERR_FIELD_CONNECTION for connection, upgrade,
 * http2-settings, keep-alive, proxy-connection, transfer-encoding ("te" is the caller's: it
 * depends on the value). */
enum err http_check_name(const char *name, size_t length);

/* Err: ERR_FIELD_VALUE for CR, LF, NUL or another control but TAB. */
enum err http_check_value(const char *value, size_t length);

/* Checks a request's authority: no userinfo, no blanks, not empty (RFC 9113 8.3.1). */
bool http_authority_is_sane(const char *authority, size_t length);

#endif
