/* openssl: OpenSSL's headers, with its type ERR_STATE (of no use to anybody) out of the way of ours. */
#ifndef NET_OPENSSL_H
#define NET_OPENSSL_H

#define ERR_STATE openssl_error_state
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif
