/* net/tls: handshakes: versions, protocols, names, certificates of both sides, and what refuses them. */
#include "tls_pair.h"

#include <uv.h>

static const size_t ways[] = {0, 1, 100, 100000}; /* sockets, and pipes of these capacities */

static void both_versions_open_over_every_way(void **state)
{
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
    static const char *const ciphers[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"};

    for (size_t i = 0; i < COUNT(versions) * COUNT(ways); i++) {
        struct tls_options client = client_options(), server = server_options();
        const struct transport_info *info[2];
        struct tls_pair pair;

        client.min_version = client.max_version = versions[i % 2];
        tls_pair_start(state, ways[i / 2], &client, &server, "localhost", &pair);
        tls_pair_open(&pair);
        info[0] = transport_info(pair.client.t);
        info[1] = transport_info(pair.server.t);
        for (int side = 0; side < 2; side++) {
            assert_true(info[side]->secure);
            assert_string_equal(info[side]->protocol, "h2");
            assert_string_equal(info[side]->server_name, "localhost");
            assert_string_equal(info[side]->tls_version, versions[i % 2]);
            assert_string_equal(info[side]->cipher, ciphers[i % 2]);
            assert_false(info[side]->resumed);
            assert_int_equal(info[side]->peer_verified, side == 0);
        }
        peer_send(&pair.client, "question", 8, true);
        peer_send(&pair.server, "answer", 6, true);
        WAIT_FOR(pair.client.loop, pair.client.read_end && pair.server.read_end);
        assert_true(peer_got(&pair.server, "question", 8));
        assert_true(peer_got(&pair.client, "answer", 6));
        assert_int_equal(pair.client.read_end, ERR_EOF);
        assert_int_equal(pair.server.read_end, ERR_EOF);
        tls_pair_end(&pair);
    }
}

static void the_highest_version_is_taken(void **state)
{
    struct tls_options client = client_options(), server = server_options();
    struct tls_pair pair;

    tls_pair_start(state, 5000, &client, &server, "localhost", &pair);
    tls_pair_open(&pair);
    assert_string_equal(transport_info(pair.client.t)->tls_version, "TLSv1.3");
    tls_pair_end(&pair);
}

static void no_common_version_or_cipher_is_refused(void **state)
{
    struct tls_options client = client_options(), server = server_options();
    struct tls_pair pair;

    client.max_version = "TLSv1.2";
    server.min_version = "TLSv1.3";
    tls_pair_start(state, 5000, &client, &server, "localhost", &pair);
    tls_pair_settle(&pair);
    assert_failed(&pair.server, "ERR_SSL_UNSUPPORTED_PROTOCOL",
                  "the TLS handshake failed: unsupported protocol");
    assert_failed(&pair.client, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "alert protocol version");
    tls_pair_end(&pair);

    server = server_options();
    client.ciphers = "ECDHE-RSA-AES128-GCM-SHA256"; /* the certificate is none for RSA */
    tls_pair_start(state, 5000, &client, &server, "localhost", &pair);
    tls_pair_settle(&pair);
    assert_failed(&pair.server, "ERR_SSL_NO_SHARED_CIPHER", "no shared cipher");
    assert_failed(&pair.client, "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "handshake failure");
    tls_pair_end(&pair);
}

/* --- ALPN */

static void the_servers_first_common_protocol_is_taken(void **state)
{
    static const struct {
        const char *client, *server, *want;
    } cases[] = {
        {"h2", "h2", "h2"},
        {"http/1.1,h2", "h2,http/1.1", "h2"},
        {"h2,http/1.1", "http/1.1,h2", "http/1.1"},
        {"http/1.0,http/1.1", "h2,http/1.1", "http/1.1"},
        {NULL, "h2", NULL},
        {"h2", NULL, NULL},
        {NULL, NULL, NULL},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_options client = client_options(), server = server_options();
        struct tls_pair pair;

        client.alpn = cases[i].client;
        server.alpn = cases[i].server;
        tls_pair_start(state, 5000, &client, &server, "localhost", &pair);
        tls_pair_open(&pair);
        if (cases[i].want) {
            assert_string_equal(transport_info(pair.client.t)->protocol, cases[i].want);
            assert_string_equal(transport_info(pair.server.t)->protocol, cases[i].want);
        } else {
            assert_null(transport_info(pair.client.t)->protocol);
            assert_null(transport_info(pair.server.t)->protocol);
        }
        tls_pair_end(&pair);
    }
}

static void no_common_protocol_is_refused_with_an_alert(void **state)
{
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
    static const char *const offers[] = {"http/1.1", "h", "h22", "h2c"};

    for (size_t i = 0; i < COUNT(versions) * COUNT(offers); i++) {
        struct tls_options client = client_options(), server = server_options();
        struct tls_pair pair;

        client.alpn = offers[i / 2];
        client.max_version = versions[i % 2];
        tls_pair_start(state, 5000, &client, &server, "localhost", &pair);
        tls_pair_settle(&pair);
        assert_failed(&pair.server, "ERR_SSL_NO_APPLICATION_PROTOCOL", "no application protocol");
        assert_failed(&pair.client, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
                      "alert no application protocol");
        tls_pair_end(&pair);
    }
}

/* --- SNI */

static void the_certificate_follows_the_name_asked_for(void **state)
{
    static const struct {
        const char *asked, *want; /* want: NULL is the listener's own */
    } cases[] = {
        {"example.org", "exact"},  {"EXAMPLE.org", "exact"},
        {"example.org.", "exact"}, {"a.example.org", "any"},
        {"b.Example.ORG", "any"},  {"www.example.org", "www"},
        {"localhost", NULL},       {"a.b.example.org", NULL},
        {"xexample.org", NULL},    {NULL, NULL},
        {"127.0.0.1", NULL},
    };
    struct identity exact, any, www;
    const struct {
        const char *name;
        const struct identity *identity;
    } names[] = {{"www.example.org", &www},
                 {"*.example.org", &any},
                 {"example.org", &stranger},
                 {"example.org", &exact}};
    struct tls_options options = server_options(), client = client_options();
    struct tls_context *server = context_of(&options), *other;

    identity_make(&exact, &(struct identity_options){.name = "exact"});
    identity_make(&any, &(struct identity_options){.name = "any"});
    identity_make(&www, &(struct identity_options){.name = "www"});
    for (size_t i = 0; i < COUNT(names); i++) {
        options.certificate = names[i].identity->certificate;
        options.key = names[i].identity->key;
        options.alpn = NULL; /* the listener's is what counts */
        other = context_of(&options);
        assert_int_equal(tls_context_add_name(server, names[i].name, other), OK);
        tls_context_drop(&other);
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct identity *want = !cases[i].want            ? &server_identity
                                      : cases[i].want[0] == 'e' ? &exact
                                      : cases[i].want[0] == 'a' ? &any
                                                                : &www;
        struct transport *ends[2];
        struct tls_context *context;
        struct tls_pair pair;
        const char *got;

        /* The client trusts the one that it should see, and no other. */
        client.ca = want == &server_identity ? authority.certificate : want->certificate;
        context = context_of(&client);
        ends_make(loop_of(state), 5000, ends);
        tls_pair_join(loop_of(state), ends, context, server, cases[i].asked, &pair);
        tls_context_drop(&context);
        tls_pair_settle(&pair);
        if (pair.client.opened)
            assert_string_equal(transport_info(pair.client.t)->protocol, "h2");
        else /* after the chain was found good */
            assert_failed(&pair.client, "ERR_TLS_CERT_ALTNAME_INVALID", "");
        got = transport_info(pair.server.t)->server_name;
        if (pair.server.opened && got)
            assert_memory_equal(got, cases[i].asked, strlen(got));
        if (pair.server.opened && (!cases[i].asked || cases[i].asked[0] == '1'))
            assert_null(got); /* an address is not sent */
        tls_pair_end(&pair);
    }
    tls_context_drop(&server);
    identity_free(&exact);
    identity_free(&any);
    identity_free(&www);
}

/* --- the server's certificate */

static void a_bad_certificate_is_refused_with_nodes_code(void **state)
{
    struct identity expired, early, chained, self, not_ca, under;
    char with_root[8192];
    const struct {
        const struct identity *identity;
        const char *certificate; /* NULL: the identity's */
        const char *ca, *name, *code, *text;
    } cases[] = {
        {&stranger, NULL, authority.certificate, "localhost", "DEPTH_ZERO_SELF_SIGNED_CERT",
         "the peer's certificate was refused: self-signed certificate"},
        {&stranger, NULL, authority.certificate, "elsewhere", "DEPTH_ZERO_SELF_SIGNED_CERT", ""},
        {&server_identity, NULL, stranger.certificate, "localhost",
         "UNABLE_TO_VERIFY_LEAF_SIGNATURE", ""},
        {&server_identity, with_root, stranger.certificate, "localhost",
         "SELF_SIGNED_CERT_IN_CHAIN", ""},
        {&expired, NULL, authority.certificate, "localhost", "CERT_HAS_EXPIRED", "has expired"},
        {&early, NULL, authority.certificate, "localhost", "CERT_NOT_YET_VALID", "not yet valid"},
        {&server_identity, NULL, authority.certificate, "elsewhere", "ERR_TLS_CERT_ALTNAME_INVALID",
         "the peer's certificate is not for elsewhere, it is for: localhost, 127.0.0.1, ::1"},
        {&server_identity, NULL, authority.certificate, "127.0.0.2", "ERR_TLS_CERT_ALTNAME_INVALID",
         "the peer's certificate is not for 127.0.0.2, it is for: localhost, 127.0.0.1, ::1"},
        {&client_identity, NULL, authority.certificate, "localhost", "ERR_TLS_CERT_ALTNAME_INVALID",
         "it is for: none"},
        {&under, NULL, authority.certificate, "localhost", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", ""},
    };

    identity_make(&expired, &(struct identity_options){.name = "localhost",
                                                       .names = "DNS:localhost",
                                                       .issuer = &authority,
                                                       .from_s = -2 * HOUR_S,
                                                       .until_s = -HOUR_S});
    identity_make(&early, &(struct identity_options){.name = "localhost",
                                                     .names = "DNS:localhost",
                                                     .issuer = &authority,
                                                     .from_s = HOUR_S,
                                                     .until_s = 2 * HOUR_S});
    identity_make(&chained, &(struct identity_options){
                                .name = "between", .issuer = &authority, .authority = true});
    identity_make(&self, &(struct identity_options){.name = "self"});
    identity_make(&not_ca, &(struct identity_options){.name = "not_ca", .issuer = &authority});
    identity_make(&under, &(struct identity_options){
                              .name = "localhost", .names = "DNS:localhost", .issuer = &chained});
    snprintf(with_root, sizeof(with_root), "%s%s", server_identity.certificate,
             authority.certificate);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_options client = client_options(), server = server_options();
        struct tls_pair pair;

        client.ca = cases[i].ca;
        client.max_version = i % 2 ? "TLSv1.2" : "TLSv1.3";
        server.certificate =
            cases[i].certificate ? cases[i].certificate : cases[i].identity->certificate;
        server.key = cases[i].identity->key;
        tls_pair_start(state, 5000, &client, &server, cases[i].name, &pair);
        tls_pair_settle(&pair);
        assert_failed(&pair.client, cases[i].code, cases[i].text);
        if (pair.server.opened) { /* TLS 1.3: it hears of it later */
            WAIT_FOR(pair.server.loop, pair.server.read_end);
            assert_int_equal(pair.server.read_end, ERR_TLS);
            assert_non_null(strstr(transport_failure(pair.server.t)->text, "alert"));
        } else {
            assert_failed(&pair.server, NULL, "alert");
        }
        tls_pair_end(&pair);

        client.verify_peer = false; /* who does not ask is not told */
        tls_pair_start(state, 5000, &client, &server, cases[i].name, &pair);
        tls_pair_open(&pair);
        assert_false(transport_info(pair.client.t)->peer_verified);
        tls_pair_end(&pair);
    }
    identity_free(&expired);
    identity_free(&early);
    identity_free(&chained);
    identity_free(&self);
    identity_free(&not_ca);
    identity_free(&under);
}

static void a_good_chain_is_accepted_for_names_and_addresses(void **state)
{
    static const char *const names[] = {"localhost", "LocalHost", "localhost.",
                                        "127.0.0.1", "::1",       NULL};
    struct identity between, leaf;
    char chain[8192];

    identity_make(&between, &(struct identity_options){
                                .name = "between", .issuer = &authority, .authority = true});
    identity_make(&leaf, &(struct identity_options){.name = "leaf",
                                                    .issuer = &between,
                                                    .names = "DNS:localhost,IP:127.0.0.1,IP:::1"});
    snprintf(chain, sizeof(chain), "%s%s", leaf.certificate, between.certificate);
    for (size_t i = 0; i < COUNT(names); i++) {
        struct tls_options client = client_options(), server = server_options();
        struct tls_pair pair;

        server.certificate = chain;
        server.key = leaf.key;
        tls_pair_start(state, 5000, &client, &server, names[i], &pair);
        tls_pair_open(&pair);
        assert_true(transport_info(pair.client.t)->peer_verified);
        tls_pair_end(&pair);
    }
    identity_free(&between);
    identity_free(&leaf);
}

/* --- the client's certificate */

static void client_certificates_are_asked_for_and_judged(void **state)
{
    const struct {
        const struct identity *identity;
        bool requested, required, opens, verified;
        const char *code, *text;
    } cases[] = {
        {&client_identity, false, false, true, false, NULL, NULL},
        {&client_identity, true, false, true, true, NULL, NULL},
        {&client_identity, true, true, true, true, NULL, NULL},
        {&client_identity, false, true, true, true, NULL, NULL},
        {NULL, true, false, true, false, NULL, NULL},
        {NULL, true, true, false, false, "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
         "peer did not return a certificate"},
        {&stranger, true, false, true, false, NULL, NULL},
        {&stranger, true, true, false, false, "DEPTH_ZERO_SELF_SIGNED_CERT", "refused"},
    };
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};

    for (size_t i = 0; i < COUNT(cases) * 2; i++) {
        struct tls_options client = client_options(), server = server_options();
        size_t at = i / 2;
        struct tls_pair pair;

        client.max_version = versions[i % 2];
        if (cases[at].identity) {
            client.certificate = cases[at].identity->certificate;
            client.key = cases[at].identity->key;
        }
        server.ca = authority.certificate;
        server.request_certificate = cases[at].requested;
        server.verify_peer = cases[at].required;
        tls_pair_start(state, 5000, &client, &server, "localhost", &pair);
        tls_pair_settle(&pair);
        assert_int_equal(pair.server.opened, cases[at].opens);
        if (cases[at].opens)
            assert_int_equal(transport_info(pair.server.t)->peer_verified, cases[at].verified);
        else
            assert_failed(&pair.server, cases[at].code, cases[at].text);
        if (!cases[at].opens && pair.client.opened) {
            WAIT_FOR(pair.client.loop, pair.client.read_end);
            assert_int_equal(pair.client.read_end, ERR_TLS);
        }
        tls_pair_end(&pair);
    }
}

/* A name's certificate brings neither its authorities nor its leniency along. */
static void client_certificates_are_judged_by_the_listener_whatever_the_name(void **state)
{
    struct tls_options server = server_options(), client = client_options();
    struct tls_context *listener, *other, *context;
    const struct identity *identities[] = {&client_identity, &stranger};

    server.ca = stranger.certificate;
    other = context_of(&server);
    server.ca = authority.certificate;
    server.verify_peer = true;
    listener = context_of(&server);
    assert_int_equal(tls_context_add_name(listener, "localhost", other), OK);
    tls_context_drop(&other);
    for (size_t i = 0; i < COUNT(identities); i++) {
        struct transport *ends[2];
        struct tls_pair pair;

        client.certificate = identities[i]->certificate;
        client.key = identities[i]->key;
        context = context_of(&client);
        ends_make(loop_of(state), 5000, ends);
        tls_pair_join(loop_of(state), ends, context, listener, "localhost", &pair);
        tls_context_drop(&context);
        tls_pair_settle(&pair);
        assert_int_equal(pair.server.opened, identities[i] == &client_identity);
        tls_pair_end(&pair);
    }
    tls_context_drop(&listener);
}

/* --- peers that do not play along */

static void a_peer_that_leaves_in_mid_handshake_is_a_reset(void **state)
{
    for (int version = 0; version < 2; version++) {
        size_t whole = 0;

        for (size_t cut = 0; cut <= whole; cut += cut < 20 ? 1 : 97) {
            struct tls_options client = client_options(), server = server_options();
            struct relay relay = {.cut_at = cut, .aborts = cut % 2};
            struct transport *ends[2];
            struct tls_pair pair;

            client.max_version = version ? "TLSv1.2" : "TLSv1.3";
            relay_start(&relay, loop_of(state), ends);
            tls_pair_on(loop_of(state), ends, &client, &server, "localhost", &pair);
            if (cut == 0) { /* the first tells how long the way is */
                tls_pair_open(&pair);
                run_for(relay.loop, 20);
                whole = relay.passed[0] + relay.passed[1];
                relay_end(&relay);
                tls_pair_end(&pair);
                continue;
            }
            tls_pair_settle(&pair);
            if (pair.client.failed)
                assert_failed(&pair.client, "ECONNRESET", "the peer left during the TLS handshake");
            if (pair.server.failed)
                assert_failed(&pair.server, "ECONNRESET", "the peer left during the TLS handshake");
            if (pair.client.opened)
                WAIT_FOR(relay.loop, pair.client.read_end);
            run_for(relay.loop, 1);
            assert_in_range(pair.client.events + pair.server.events, 2, 6); /* no spin */
            tls_pair_end(&pair);
        }
        assert_true(whole > 500);
    }
}

static void text_that_is_not_tls_is_refused(void **state)
{
    static const char *const texts[] = {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                        "\x16\x03\x01\xff\xff garbage garbage garbage garbage"};

    for (size_t i = 0; i < COUNT(texts); i++) {
        struct tls_options options = server_options();
        struct tls_context *context = context_of(&options);
        struct transport *ends[2], *secure;
        struct peer raw, server;

        ends_make(loop_of(state), 5000, ends);
        tls_transport_new(loop_of(state), ends[1], context, NULL, &secure);
        tls_context_drop(&context);
        peer_start(&raw, loop_of(state), ends[0]);
        peer_start(&server, loop_of(state), secure);
        peer_send(&raw, texts[i], strlen(texts[i]), false);
        WAIT_FOR(server.loop, server.failed);
        assert_failed(&server, i == 0 ? "ERR_SSL_HTTP_REQUEST" : NULL, i == 0 ? "http request" : "");
        peer_end(&server);
        WAIT_FOR(raw.loop, raw.read_end);
        peer_end(&raw);
    }
}

static void a_spoiled_handshake_fails_on_both_sides(void **state)
{
    for (size_t at = 1; at < 600; at += 37) {
        struct tls_options client = client_options(), server = server_options();
        struct relay relay = {.spoil_at = at};
        struct transport *ends[2];
        struct tls_pair pair;

        relay_start(&relay, loop_of(state), ends);
        tls_pair_on(loop_of(state), ends, &client, &server, "localhost", &pair);
        run_for(relay.loop, 5);
        if (!is_settled(&pair.client)) /* it waits for a record that was made longer */
            relay_end(&relay);
        WAIT_FOR(relay.loop, is_settled(&pair.client));
        assert_int_equal(pair.client.failed, 1);
        relay_end(&relay);
        tls_pair_end(&pair);
    }
}

static void close_it(struct peer *peer, unsigned events)
{
    (void)events;
    transport_close(&peer->t);
}

static void a_transport_may_be_closed_in_its_callback(void **state)
{
    struct tls_options client = client_options(), server = server_options();
    struct tls_pair pair;

    for (int i = 0; i < 2; i++) { /* OPEN, FAILED */
        client.alpn = i == 0 ? "h2" : "h1";
        for (size_t way = 0; way < COUNT(ways); way++) {
            tls_pair_start(state, ways[way], &client, &server, "localhost", &pair);
            pair.client.on_event = close_it;
            pair.server.on_event = close_it;
            WAIT_FOR(pair.client.loop, !pair.client.t && !pair.server.t);
            assert_int_equal(pair.client.events + pair.server.events, 2);
            tls_pair_end(&pair);
        }
    }
}

static void a_transport_may_be_closed_at_any_time(void **state)
{
    struct tls_options client = client_options(), server = server_options();

    for (int turns = 0; turns < 20; turns++) {
        struct tls_pair pair;

        tls_pair_start(state, 300, &client, &server, "localhost", &pair);
        for (int i = 0; i < turns && !is_settled(&pair.client); i++)
            uv_run(loop_uv(pair.client.loop), UV_RUN_NOWAIT);
        if (turns % 2)
            transport_abort(&pair.client.t);
        peer_end(&pair.client);
        WAIT_FOR(pair.server.loop, pair.server.failed || pair.server.read_end);
        peer_end(&pair.server);
    }
}

static void bytes_before_the_end_of_the_handshake_are_not_taken(void **state)
{
    struct tls_options client = client_options(), server = server_options();
    struct iovec piece = {.iov_base = (char[]){"x"}, .iov_len = 1};
    struct tls_pair pair;
    const uint8_t *bytes;
    size_t count;

    tls_pair_start(state, 5000, &client, &server, "localhost", &pair);
    assert_int_equal(transport_write(pair.client.t, &piece, 1, &count), ERR_AGAIN);
    assert_int_equal(count, 0);
    assert_int_equal(transport_read(pair.client.t, &bytes, &count), ERR_AGAIN);
    transport_shutdown(pair.client.t); /* is done after the handshake */
    assert_int_equal(transport_write(pair.client.t, &piece, 1, &count), ERR_CLOSED);
    WAIT_FOR(pair.client.loop, pair.server.read_end);
    assert_int_equal(pair.server.read_end, ERR_EOF);
    assert_int_equal(pair.client.opened, 1);
    tls_pair_end(&pair);
}

static void every_failing_allocation_ends_the_handshake_cleanly(void **state)
{
    struct tls_options client = client_options(), server = server_options();
    struct tls_context *contexts[] = {context_of(&client), context_of(&server)};
    bool all_was_well = false;

    for (uint64_t n = 1; !all_was_well; n++) {
        struct transport *ends[2], *secure[2] = {NULL, NULL};
        struct tls_pair pair;
        enum err err[2];

        ends_make(loop_of(state), 200, ends);
        mem_fail_at(n);
        err[0] = tls_transport_new(loop_of(state), ends[0], contexts[0], "localhost", &secure[0]);
        err[1] = tls_transport_new(loop_of(state), ends[1], contexts[1], NULL, &secure[1]);
        assert_true(err[0] == OK || err[0] == ERR_NOMEM);
        if (!err[0] && !err[1]) {
            peer_start(&pair.client, loop_of(state), secure[0]);
            peer_start(&pair.server, loop_of(state), secure[1]);
            pair.client.on_event = pair.server.on_event = NULL;
            WAIT_FOR(pair.client.loop, is_settled(&pair.client) || is_settled(&pair.server));
            if (pair.client.failed || pair.server.failed) {
                struct peer *failed = pair.client.failed ? &pair.client : &pair.server;

                assert_string_equal(transport_failure(failed->t)->code, "ENOMEM");
            } else {
                tls_pair_settle(&pair);
                all_was_well = pair.client.opened && pair.server.opened;
            }
            tls_pair_end(&pair);
        } else {
            transport_close(&secure[0]);
            transport_close(&secure[1]);
        }
        mem_fail_at(0);
        assert_true(n < 50);
    }
    tls_context_drop(&contexts[0]);
    tls_context_drop(&contexts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(both_versions_open_over_every_way),
        LOOP_TEST(the_highest_version_is_taken),
        LOOP_TEST(no_common_version_or_cipher_is_refused),
        LOOP_TEST(the_servers_first_common_protocol_is_taken),
        LOOP_TEST(no_common_protocol_is_refused_with_an_alert),
        LOOP_TEST(the_certificate_follows_the_name_asked_for),
        LOOP_TEST(a_bad_certificate_is_refused_with_nodes_code),
        LOOP_TEST(a_good_chain_is_accepted_for_names_and_addresses),
        LOOP_TEST(client_certificates_are_asked_for_and_judged),
        LOOP_TEST(client_certificates_are_judged_by_the_listener_whatever_the_name),
        LOOP_TEST(a_peer_that_leaves_in_mid_handshake_is_a_reset),
        LOOP_TEST(text_that_is_not_tls_is_refused),
        LOOP_TEST(a_spoiled_handshake_fails_on_both_sides),
        LOOP_TEST(a_transport_may_be_closed_in_its_callback),
        LOOP_TEST(a_transport_may_be_closed_at_any_time),
        LOOP_TEST(bytes_before_the_end_of_the_handshake_are_not_taken),
        LOOP_TEST(every_failing_allocation_ends_the_handshake_cleanly),
    };

    return cmocka_run_group_tests_name("tls", tests, make_identities, free_identities);
}
