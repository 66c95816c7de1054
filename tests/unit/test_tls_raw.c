/* net/tls as a server, against a client that is plain OpenSSL on the far end of a pipe and does what ours never
 * does: resumes, renegotiates, floods, sends everything at once. */
#include "tls_pair.h"

#include <uv.h>

#include "net/tls_internal.h"

struct raw {
    struct loop *loop;
    struct transport *t;
    SSL *ssl;
    BIO *in, *out;
    SSL_SESSION *session; /* the latest ticket */
    bool open, deaf;      /* deaf: does not read any more */
    int error;            /* of OpenSSL; 0: none */
    char got[256];
    size_t got_length;
};

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct raw *raw = SSL_get_app_data(ssl);

    SSL_SESSION_free(raw->session);
    raw->session = session;
    return 1; /* ours now */
}

static SSL_CTX *raw_context(int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_session);
    return context;
}

static void raw_send(struct raw *raw)
{
    char *bytes;
    long length = BIO_get_mem_data(raw->out, &bytes);
    struct iovec piece = {.iov_base = bytes, .iov_len = (size_t)length};
    size_t taken;

    if (length <= 0)
        return;
    if (transport_write(raw->t, &piece, 1, &taken) == OK)
        assert_int_equal(taken, length); /* the pipe is roomy */
    (void)BIO_reset(raw->out);
}

static void raw_step(struct raw *raw)
{
    int status = 1, error;

    if (!raw->open) {
        status = SSL_do_handshake(raw->ssl);
        raw->open = status == 1;
    }
    while (raw->open && status > 0) {
        status = SSL_read(raw->ssl, raw->got + raw->got_length,
                          (int)(sizeof(raw->got) - raw->got_length));
        if (status > 0)
            raw->got_length += (size_t)status;
    }
    error = SSL_get_error(raw->ssl, status);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_NONE)
        raw->error = error;
    ERR_clear_error();
    raw_send(raw);
}

static void raw_on_event(void *owner, unsigned events)
{
    struct raw *raw = owner;
    const uint8_t *bytes;
    size_t length;

    loop_stop(raw->loop);
    if (events & TRANSPORT_READABLE) {
        if (transport_read(raw->t, &bytes, &length) == OK)
            BIO_write(raw->in, bytes, (int)length);
        else
            raw->deaf = true;
    }
    if (!raw->error)
        raw_step(raw);
    transport_want(raw->t, !raw->deaf, false);
}

static void raw_start(struct raw *raw, struct loop *loop, SSL_CTX *context, struct transport *t)
{
    memset(raw, 0, sizeof(*raw));
    raw->loop = loop;
    raw->t = t;
    raw->ssl = SSL_new(context);
    raw->in = BIO_new(BIO_s_mem());
    raw->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(raw->in, -1);
    SSL_set_bio(raw->ssl, raw->in, raw->out);
    SSL_set_app_data(raw->ssl, raw);
    SSL_set_connect_state(raw->ssl);
    transport_set_owner(t, raw_on_event, raw);
    transport_want(t, true, false);
}

static void raw_end(struct raw *raw)
{
    transport_close(&raw->t);
    SSL_SESSION_free(raw->session);
    SSL_set_shutdown(raw->ssl, SSL_SENT_SHUTDOWN); /* else OpenSSL gives up its session */
    SSL_free(raw->ssl);
}

/* The server waits on a new pipe, whose other end is the raw client's. */
static void start(void **state, SSL_CTX *client, struct tls_context *server, struct raw *raw,
                  struct peer *peer)
{
    struct transport *ends[2], *secure;

    ends_make(loop_of(state), 200000, ends);
    assert_int_equal(tls_transport_new(loop_of(state), ends[1], server, NULL, &secure), OK);
    peer_start(peer, loop_of(state), secure);
    raw_start(raw, loop_of(state), client, ends[0]);
}

static struct tls_context *server_context(void)
{
    struct tls_options options = server_options();

    return context_of(&options);
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void a_ticket_resumes_the_session(void **state)
{
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct tls_context *server = server_context();
        SSL_CTX *client = raw_context(versions[i]);
        SSL_SESSION *session;
        struct raw raw;
        struct peer peer;

        start(state, client, server, &raw, &peer);
        WAIT_FOR(raw.loop, peer.opened && raw.session);
        assert_false(transport_info(peer.t)->resumed);
        session = raw.session;
        raw.session = NULL;
        peer_end(&peer);
        raw_end(&raw);

        for (int again = 0; again < 2; again++) {
            start(state, client, server, &raw, &peer);
            assert_true(SSL_set_session(raw.ssl, session));
            WAIT_FOR(raw.loop, peer.opened && raw.open);
            assert_true(SSL_session_reused(raw.ssl));
            assert_true(transport_info(peer.t)->resumed);
            peer_send(&peer, "hello", 5, false);
            WAIT_FOR(raw.loop, raw.got_length == 5);
            if (raw.session) { /* TLS 1.3: the one that was used is of no use any more */
                SSL_SESSION_free(session);
                session = raw.session;
                raw.session = NULL;
            }
            peer_end(&peer);
            raw_end(&raw);
        }
        tls_context_drop(&server);

        server = server_context(); /* another key: a full handshake, and no error */
        start(state, client, server, &raw, &peer);
        SSL_set_session(raw.ssl, session);
        WAIT_FOR(raw.loop, peer.opened && raw.open);
        assert_false(transport_info(peer.t)->resumed);
        peer_end(&peer);
        raw_end(&raw);
        tls_context_drop(&server);
        SSL_SESSION_free(session);
        SSL_CTX_free(client);
    }
}

static void a_ticket_of_an_old_key_means_a_full_handshake(void **state)
{
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct tls_context *server = server_context();
        SSL_CTX *client = raw_context(versions[i]);
        SSL_SESSION *session;
        struct raw raw;
        struct peer peer;

        start(state, client, server, &raw, &peer);
        WAIT_FOR(raw.loop, peer.opened && raw.session);
        session = raw.session;
        raw.session = NULL;
        peer_end(&peer);
        raw_end(&raw);

        server->tickets_from_ms -= 9u * 60 * 60 * 1000;
        start(state, client, server, &raw, &peer);
        SSL_set_session(raw.ssl, session);
        WAIT_FOR(raw.loop, peer.opened && raw.session && raw.open);
        assert_false(transport_info(peer.t)->resumed);
        SSL_SESSION_free(session);
        session = raw.session;
        raw.session = NULL;
        peer_end(&peer);
        raw_end(&raw);

        start(state, client, server, &raw, &peer); /* the new key stays for its time */
        SSL_set_session(raw.ssl, session);
        WAIT_FOR(raw.loop, peer.opened && raw.open);
        assert_true(transport_info(peer.t)->resumed);
        SSL_SESSION_free(session);
        peer_end(&peer);
        raw_end(&raw);
        tls_context_drop(&server);
        SSL_CTX_free(client);
    }
}

static void a_client_that_was_verified_is_when_it_resumes(void **state)
{
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct tls_options options = server_options();
        SSL_CTX *client = raw_context(versions[i]);
        SSL_SESSION *session = NULL;
        struct tls_context *server;

        options.ca = authority.certificate;
        options.verify_peer = true;
        server = context_of(&options);
        SSL_CTX_use_certificate(client, client_identity.x509);
        SSL_CTX_use_PrivateKey(client, client_identity.pair);
        for (int again = 0; again < 2; again++) {
            struct raw raw;
            struct peer peer;

            start(state, client, server, &raw, &peer);
            if (session)
                SSL_set_session(raw.ssl, session);
            WAIT_FOR(raw.loop, peer.opened && raw.open && (session || raw.session));
            assert_int_equal(transport_info(peer.t)->resumed, again);
            assert_true(transport_info(peer.t)->peer_verified);
            if (!session) {
                session = raw.session;
                raw.session = NULL;
            }
            peer_end(&peer);
            raw_end(&raw);
        }
        SSL_SESSION_free(session);
        SSL_CTX_free(client);
        tls_context_drop(&server);
    }
}

static void without_tickets_there_is_nothing_to_resume(void **state)
{
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct tls_options options = server_options();
        SSL_CTX *client = raw_context(versions[i]);
        struct tls_context *server;
        struct raw raw;
        struct peer peer;

        options.session_tickets = false;
        server = context_of(&options);
        start(state, client, server, &raw, &peer);
        peer_send(&peer, "hello", 5, false);
        WAIT_FOR(raw.loop, raw.got_length == 5);
        assert_true(!raw.session || !SSL_SESSION_has_ticket(raw.session));
        peer_end(&peer);
        raw_end(&raw);
        tls_context_drop(&server);
        SSL_CTX_free(client);
    }
}

static void renegotiation_is_refused(void **state)
{
    struct tls_context *server = server_context();
    SSL_CTX *client = raw_context(TLS1_2_VERSION);
    struct raw raw;
    struct peer peer;

    start(state, client, server, &raw, &peer);
    WAIT_FOR(raw.loop, peer.opened && raw.open);
    assert_true(SSL_renegotiate(raw.ssl));
    SSL_do_handshake(raw.ssl);
    raw_send(&raw);
    WAIT_FOR(raw.loop, raw.error || peer.read_end); /* by the no_renegotiation alert */
    assert_int_equal(SSL_total_renegotiations(raw.ssl), 1);
    assert_int_equal(SSL_get_state(raw.ssl) == TLS_ST_OK && !raw.error, 0);
    assert_int_equal(raw.got_length, 0);
    peer_end(&peer);
    raw_end(&raw);
    tls_context_drop(&server);
    SSL_CTX_free(client);
}

static void bytes_that_come_with_the_end_of_the_handshake_are_read(void **state)
{
    for (size_t i = 0; i < COUNT(versions) * 2; i++) {
        bool pauses = i % 2;
        struct tls_context *server = server_context();
        SSL_CTX *client = raw_context(versions[i / 2]);
        struct transport *ends[2], *secure;
        struct raw raw;
        struct peer peer;
        const uint8_t *bytes;
        size_t length;

        /* The client answers the server's flight by hand: Finished, question and close_notify in one write. */
        ends_make(loop_of(state), 200000, ends);
        assert_int_equal(tls_transport_new(loop_of(state), ends[1], server, NULL, &secure), OK);
        peer_start(&peer, loop_of(state), secure);
        peer.pauses = pauses;
        peer_want(&peer);
        raw_start(&raw, loop_of(state), client, ends[0]);
        transport_want(raw.t, false, false);
        for (int flight = 0; !raw.open; flight++) {
            assert_true(flight < 4);
            raw.open = SSL_do_handshake(raw.ssl) == 1;
            if (raw.open || versions[i / 2] == TLS1_2_VERSION) {
                SSL_write(raw.ssl, "question", 8); /* fails before it is open */
                if (raw.open)
                    SSL_shutdown(raw.ssl);
            }
            raw_send(&raw);
            if (raw.open)
                break;
            while (transport_read(raw.t, &bytes, &length) != OK)
                uv_run(loop_uv(raw.loop), UV_RUN_ONCE);
            BIO_write(raw.in, bytes, (int)length);
        }
        WAIT_FOR(raw.loop, peer.opened);
        if (pauses) {
            run_for(raw.loop, 5);
            assert_int_equal(peer.got_length, 0);
            peer.pauses = false;
            peer_want(&peer);
        }
        WAIT_FOR(raw.loop, peer.read_end);
        assert_int_equal(peer.read_end, ERR_EOF);
        assert_true(peer_got(&peer, "question", 8));
        peer_end(&peer);
        raw_end(&raw);
        tls_context_drop(&server);
        SSL_CTX_free(client);
    }
}

static void a_flood_of_key_updates_does_not_grow_the_server(void **state)
{
    struct tls_context *server = server_context();
    SSL_CTX *client = raw_context(TLS1_3_VERSION);
    struct raw raw;
    struct peer peer;
    size_t most = 0;
    bool stopped = false; /* the server has stopped reading */

    start(state, client, server, &raw, &peer);
    WAIT_FOR(raw.loop, peer.opened && raw.open);
    raw.deaf = true; /* every update asks for an answer, and none is read */
    transport_want(raw.t, false, false);
    for (int round = 0; round < 1000 && !stopped; round++) {
        char *bytes;
        long length;
        struct iovec piece;
        size_t taken;

        for (int i = 0; i < 100; i++) {
            SSL_key_update(raw.ssl, SSL_KEY_UPDATE_REQUESTED);
            SSL_do_handshake(raw.ssl);
        }
        length = BIO_get_mem_data(raw.out, &bytes);
        piece = (struct iovec){.iov_base = bytes, .iov_len = (size_t)length};
        stopped = transport_write(raw.t, &piece, 1, &taken) || taken < (size_t)length;
        (void)BIO_reset(raw.out);
        for (int i = 0; i < 5; i++)
            uv_run(loop_uv(raw.loop), UV_RUN_NOWAIT);
        if (transport_unsent(peer.t) > most)
            most = transport_unsent(peer.t);
    }
    assert_true(stopped);
    assert_in_range(most, 100 * 1000, 300 * 1000);
    peer_end(&peer);
    raw_end(&raw);
    tls_context_drop(&server);
    SSL_CTX_free(client);
}

static void a_key_update_is_answered(void **state)
{
    struct tls_context *server = server_context();
    SSL_CTX *client = raw_context(TLS1_3_VERSION);
    struct raw raw;
    struct peer peer;

    start(state, client, server, &raw, &peer);
    WAIT_FOR(raw.loop, peer.opened && raw.open);
    SSL_key_update(raw.ssl, SSL_KEY_UPDATE_REQUESTED);
    SSL_write(raw.ssl, "new key", 7);
    raw_send(&raw);
    WAIT_FOR(raw.loop, peer.got_length == 7);
    peer_send(&peer, "mine too", 8, false);
    WAIT_FOR(raw.loop, raw.got_length == 8);
    assert_memory_equal(raw.got, "mine too", 8);
    peer_end(&peer);
    raw_end(&raw);
    tls_context_drop(&server);
    SSL_CTX_free(client);
}

static void old_versions_and_weak_suites_are_refused(void **state)
{
    static const struct {
        int version;
        const char *ciphers;
    } cases[] = {
        {TLS1_VERSION, "DEFAULT@SECLEVEL=0"},          {TLS1_1_VERSION, "DEFAULT@SECLEVEL=0"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256"}, /* RFC 9113, appendix A */
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA"},    {TLS1_2_VERSION, "AES128-GCM-SHA256"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_context *server = server_context();
        SSL_CTX *client = raw_context(cases[i].version);
        struct raw raw;
        struct peer peer;

        assert_true(SSL_CTX_set_cipher_list(client, cases[i].ciphers));
        start(state, client, server, &raw, &peer);
        WAIT_FOR(raw.loop, is_settled(&peer));
        assert_int_equal(peer.failed, 1);
        assert_memory_equal(transport_failure(peer.t)->code, "ERR_SSL_", 8);
        peer_end(&peer);
        raw_end(&raw);
        tls_context_drop(&server);
        SSL_CTX_free(client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_ticket_resumes_the_session),
        LOOP_TEST(a_ticket_of_an_old_key_means_a_full_handshake),
        LOOP_TEST(a_client_that_was_verified_is_when_it_resumes),
        LOOP_TEST(without_tickets_there_is_nothing_to_resume),
        LOOP_TEST(renegotiation_is_refused),
        LOOP_TEST(bytes_that_come_with_the_end_of_the_handshake_are_read),
        LOOP_TEST(a_flood_of_key_updates_does_not_grow_the_server),
        LOOP_TEST(a_key_update_is_answered),
        LOOP_TEST(old_versions_and_weak_suites_are_refused),
    };

    return cmocka_run_group_tests_name("tls_raw", tests, make_identities, free_identities);
}
