/* tls_pair: a TLS client and a TLS server joined, over a pipe, over sockets, or through a relay that can cut,
 * spoil and count what passes. */
#ifndef TESTS_UNIT_TLS_PAIR_H
#define TESTS_UNIT_TLS_PAIR_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "identity.h"
#include "net/pipe.h"
#include "net/socket.h"
#include "net/tls.h"
#include "peer.h"

/* --- the identities that most tests use: authority -> server (localhost), and a stranger */

static struct identity authority, server_identity, client_identity, stranger;

static inline int make_identities(void **state)
{
    (void)state;
    identity_make(&authority, &(struct identity_options){.name = "authority", .authority = true});
    identity_make(&server_identity,
                  &(struct identity_options){.name = "localhost",
                                             .names = "DNS:localhost,IP:127.0.0.1,IP:::1",
                                             .issuer = &authority});
    identity_make(&client_identity,
                  &(struct identity_options){.name = "client", .issuer = &authority});
    identity_make(&stranger,
                  &(struct identity_options){.name = "stranger", .names = "DNS:localhost"});
    return 0;
}

static inline int free_identities(void **state)
{
    (void)state;
    identity_free(&authority);
    identity_free(&server_identity);
    identity_free(&client_identity);
    identity_free(&stranger);
    return 0;
}

static inline struct tls_options server_options(void)
{
    return (struct tls_options){.server = true,
                                .certificate = server_identity.certificate,
                                .key = server_identity.key,
                                .alpn = "h2",
                                .session_tickets = true};
}

static inline struct tls_options client_options(void)
{
    return (struct tls_options){.ca = authority.certificate, .verify_peer = true, .alpn = "h2"};
}

static inline struct tls_context *context_of(const struct tls_options *options)
{
    struct tls_context *context;
    struct failure failure;

    if (tls_context_new(options, &context, &failure))
        fail_msg("%s", failure.text);
    return context;
}

/* --- the way between */

static inline void socket_ends(struct loop *loop, struct transport *ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listening = socket(AF_INET, SOCK_STREAM, 0), fds[2];

    assert_int_equal(bind(listening, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listening, 1), 0);
    getsockname(listening, (struct sockaddr *)&address, &length);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&address, length), 0);
    fds[1] = accept(listening, NULL, NULL);
    close(listening);
    for (int i = 0; i < 2; i++)
        assert_int_equal(socket_transport_new(loop, fds[i], NULL, &ends[i]), OK);
}

/* capacity 0: sockets, else a pipe that holds as much. */
static inline void ends_make(struct loop *loop, size_t capacity, struct transport *ends[2])
{
    if (capacity == 0)
        socket_ends(loop, ends);
    else
        assert_int_equal(pipe_transport_pair(loop, capacity, &ends[0], &ends[1]), OK);
}

struct tls_pair {
    struct peer client, server;
};

/* Own: the contexts stay the caller's. */
static inline void tls_pair_join(struct loop *loop, struct transport *ends[2],
                                 struct tls_context *client, struct tls_context *server,
                                 const char *name, struct tls_pair *pair)
{
    struct transport *secure[2];

    assert_int_equal(tls_transport_new(loop, ends[0], client, name, &secure[0]), OK);
    assert_int_equal(tls_transport_new(loop, ends[1], server, NULL, &secure[1]), OK);
    peer_start(&pair->client, loop, secure[0]);
    peer_start(&pair->server, loop, secure[1]);
}

static inline void tls_pair_on(struct loop *loop, struct transport *ends[2],
                               const struct tls_options *client, const struct tls_options *server,
                               const char *name, struct tls_pair *pair)
{
    struct tls_context *contexts[] = {context_of(client), context_of(server)};

    tls_pair_join(loop, ends, contexts[0], contexts[1], name, pair);
    tls_context_drop(&contexts[0]); /* the transports hold them */
    tls_context_drop(&contexts[1]);
}

static inline void tls_pair_start(void **state, size_t capacity, const struct tls_options *client,
                                  const struct tls_options *server, const char *name,
                                  struct tls_pair *pair)
{
    struct transport *ends[2];

    ends_make(loop_of(state), capacity, ends);
    tls_pair_on(loop_of(state), ends, client, server, name, pair);
}

static inline bool is_settled(const struct peer *peer)
{
    return peer->opened || peer->failed;
}

/* Both sides have opened or failed. */
static inline void tls_pair_settle(struct tls_pair *pair)
{
    WAIT_FOR(pair->client.loop, is_settled(&pair->client) && is_settled(&pair->server));
}

static inline void tls_pair_open(struct tls_pair *pair)
{
    tls_pair_settle(pair);
    if (!pair->client.opened || !pair->server.opened)
        fail_msg("client: %s; server: %s", transport_failure(pair->client.t)->text,
                 transport_failure(pair->server.t)->text);
}

static inline void tls_pair_end(struct tls_pair *pair)
{
    peer_end(&pair->client);
    peer_end(&pair->server);
}

static inline void assert_failed(const struct peer *peer, const char *code, const char *text)
{
    const struct failure *failure = transport_failure(peer->t);

    assert_int_equal(peer->failed, 1);
    if (code) /* NULL: one that has OpenSSL's reason for its name */
        assert_string_equal(failure->code, code);
    else
        assert_memory_equal(failure->code, "ERR_SSL_", 8);
    if (!strstr(failure->text, text))
        fail_msg("expected \"%s\" in \"%s\"", text, failure->text);
}

/* --- a relay between two ends: way 0 is from the client, way 1 from the server */

struct relay {
    struct loop *loop;
    struct transport *ends[2];
    size_t passed[2]; /* bytes, by way */
    size_t cut_at;    /* both ends are closed after as many in all; 0: never */
    size_t spoil_at;  /* this byte of the server's is changed; 0: none */
    bool aborts;      /* cuts with a reset */
    int records;      /* of application data, whole ones from the server */
    uint8_t header[5];
    size_t header_used, body_left;
};

static inline void relay_end(struct relay *relay)
{
    for (int i = 0; i < 2; i++) {
        if (relay->aborts)
            transport_abort(&relay->ends[i]);
        else
            transport_close(&relay->ends[i]);
    }
    loop_stop(relay->loop);
}

static inline void relay_count(struct relay *relay, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        size_t take = relay->body_left < length ? relay->body_left : length;

        bytes += take;
        length -= take;
        relay->body_left -= take;
        while (relay->body_left == 0 && length > 0 && relay->header_used < 5) {
            relay->header[relay->header_used++] = *bytes++;
            length--;
        }
        if (relay->header_used == 5) {
            relay->header_used = 0;
            relay->body_left = (size_t)relay->header[3] << 8 | relay->header[4];
            relay->records += relay->header[0] == 23;
        }
    }
}

static inline void relay_pass(struct relay *relay, int way)
{
    const uint8_t *bytes;
    size_t length, taken;
    enum err err = transport_read(relay->ends[way], &bytes, &length);

    if (err == ERR_AGAIN)
        return;
    if (err) {
        transport_shutdown(relay->ends[1 - way]);
        return;
    }
    if (relay->cut_at && relay->passed[0] + relay->passed[1] + length > relay->cut_at)
        length = relay->cut_at - relay->passed[0] - relay->passed[1];
    if (way == 1 && relay->spoil_at > relay->passed[1] &&
        relay->spoil_at <= relay->passed[1] + length)
        ((uint8_t *)bytes)[relay->spoil_at - relay->passed[1] - 1] ^= 0x55;
    if (way == 1)
        relay_count(relay, bytes, length);
    if (length > 0) {
        struct iovec piece = {.iov_base = (void *)bytes, .iov_len = length};

        assert_int_equal(transport_write(relay->ends[1 - way], &piece, 1, &taken), OK);
        assert_int_equal(taken, length); /* its pipes are roomy */
    }
    relay->passed[way] += length;
    if (relay->cut_at && relay->passed[0] + relay->passed[1] == relay->cut_at)
        relay_end(relay);
}

static inline void relay_on_client(void *owner, unsigned events)
{
    if (events & TRANSPORT_READABLE)
        relay_pass(owner, 0);
}

static inline void relay_on_server(void *owner, unsigned events)
{
    if (events & TRANSPORT_READABLE)
        relay_pass(owner, 1);
}

/* Sets the relay between two new pipes, whose far ends are for the client and the server. */
static inline void relay_start(struct relay *relay, struct loop *loop, struct transport *ends[2])
{
    const size_t roomy = 1024 * 1024;

    relay->loop = loop;
    assert_int_equal(pipe_transport_pair(loop, roomy, &ends[0], &relay->ends[0]), OK);
    assert_int_equal(pipe_transport_pair(loop, roomy, &ends[1], &relay->ends[1]), OK);
    transport_set_owner(relay->ends[0], relay_on_client, relay);
    transport_set_owner(relay->ends[1], relay_on_server, relay);
    transport_want(relay->ends[0], true, false);
    transport_want(relay->ends[1], true, false);
}

#endif
