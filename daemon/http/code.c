/* code: the table. */
#include "http/code.h"

#include <stddef.h>

const char *http_code_name(uint32_t code)
{
    static const char *const names[] = {
        "NGHTTP2_NO_ERROR",
        "NGHTTP2_PROTOCOL_ERROR",
        "NGHTTP2_INTERNAL_ERROR",
        "NGHTTP2_FLOW_CONTROL_ERROR",
        "NGHTTP2_SETTINGS_TIMEOUT",
        "NGHTTP2_STREAM_CLOSED",
        "NGHTTP2_FRAME_SIZE_ERROR",
        "NGHTTP2_REFUSED_STREAM",
        "NGHTTP2_CANCEL",
        "NGHTTP2_COMPRESSION_ERROR",
        "NGHTTP2_CONNECT_ERROR",
        "NGHTTP2_ENHANCE_YOUR_CALM",
        "NGHTTP2_INADEQUATE_SECURITY",
        "NGHTTP2_HTTP_1_1_REQUIRED",
    };

    return code < sizeof(names) / sizeof(names[0]) ? names[code] : NULL;
}
