/* address: where to listen or to connect, as text and as the system has it. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct address {
    socklen_t length; /* 0: none */
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
    };
};

#define ADDRESS_TEXT_BYTES 128 /* enough for every address_text() and address_host() */

/* host: a literal IPv4 or IPv6 address (no brackets, "%scope" allowed). Err: ERR_INVALID for a name. */
enum err address_from_ip(const char *host, uint16_t port, struct address *out);

/* path: a UNIX socket; a leading '@' names the abstract namespace. Err: ERR_RANGE when too long,
 * ERR_INVALID when there is none. */
enum err address_from_path(const char *path, struct address *out);

/* Splits "host:port", "[v6]:port", ":port", "port", "unix:/path", and the same behind "http://" or
 * "https://" (a "/" at the end is fine). host gets "" when none is named; port 0 to 65535; *path points into
 * text for UNIX sockets, else NULL; *secure is true for https, false for the rest.
 * Err: ERR_INVALID with a sentence that quotes the text. */
enum err address_parse_listen(const char *text, char host[ADDRESS_TEXT_BYTES], uint16_t *port,
                              const char **path, bool *secure, struct failure *failure);

/* "127.0.0.1:80", "[::1]:80", "unix:/run/x", "unix:@abstract", "unix:" when it has no name, "" for no
 * address. Returns out. */
const char *address_text(const struct address *address, char out[ADDRESS_TEXT_BYTES]);
/* Without port and brackets; an IPv4 address that came in over IPv6 ("::ffff:1.2.3.4") as IPv4. UNIX
 * sockets as above. */
const char *address_host(const struct address *address, char out[ADDRESS_TEXT_BYTES]);
uint16_t address_port(const struct address *address); /* 0 for UNIX */
bool address_is_ipv6(const struct address *address);  /* not for IPv4 that came in over IPv6 */

#endif
