/* admin_request: the head of an HTTP/1.x request to the admin listener: a line that asks, fields that are looked at
 * no further than to see that they are some (RFC 9112). A pure function of the bytes so far. */
#ifndef PROCESS_ADMIN_REQUEST_H
#define PROCESS_ADMIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define ADMIN_HEAD_BYTES 8192 /* a longer head is refused with 431 */

struct admin_request {
    const char *path; /* in the bytes given, without a query */
    size_t path_length;
    bool is_head; /* HEAD: no body in the answer */
};

/* Returns 0 when the head is not whole yet; 200 when it is, and asks for the path in *out; else the status that
 * answers it: 400, 405, 431, 505. (Of those out->is_head is right as far as the method was read.) */
unsigned admin_request_read(const char *bytes, size_t length, struct admin_request *out);

#endif
