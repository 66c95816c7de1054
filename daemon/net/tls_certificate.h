/* tls_certificate: the peer's certificate in words, for scripts. */
#ifndef NET_TLS_CERTIFICATE_H
#define NET_TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

#include "net/transport.h"

#define CERTIFICATE_FACTS_MAX 96

/* One fact: bytes, not NUL-terminated. group is "subject" or "issuer" for a part of such a name, else NULL. Names are
 * those of Node's tls.getPeerCertificate(). */
struct certificate_fact {
    const char *group;
    char name[24];
    const char *value;
    size_t length;
};

struct certificate_facts {
    struct certificate_fact at[CERTIFICATE_FACTS_MAX];
    size_t count;
    bool is_authority;
    int bits; /* of the public key */
    size_t used;
    char text[32 * 1024];
};

/* What there is about the certificate that t's peer (own: that t itself) showed. Facts that do not fit are left out.
 * False: there is none, or t is no TLS transport. */
bool tls_certificate_describe(const struct transport *t, bool own, struct certificate_facts *out);

#endif
