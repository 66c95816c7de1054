/* code: the names of HTTP/2 error codes (RFC 9113 7), as scripts know them. */
#ifndef HTTP_CODE_H
#define HTTP_CODE_H

#include <stdint.h>

/* "NGHTTP2_CANCEL" for 8; NULL for a code without a name. Static memory. */
const char *http_code_name(uint32_t code);

#endif
