/* net/tls_hello: a ClientHello waits for an answer, which says certificate and protocol, or no. */
#include "tls_pair.h"

/* What the server's peer is told to answer, and what it saw. */
static struct {
    struct tls_answer answer;
    bool late; /* the test answers itself */
    char name[80];
    uint8_t protocols[80];
    size_t protocols_length;
    bool has_name, has_protocols;
} script;

static void answer(struct peer *peer)
{
    assert_int_equal(tls_answer(peer->t, &script.answer), OK);
    assert_null(tls_hello(peer->t));
    assert_int_equal(tls_answer(peer->t, &script.answer), ERR_STATE); /* once */
}

static void on_event(struct peer *peer, unsigned events)
{
    const struct tls_hello *hello = tls_hello(peer->t);

    if (!(events & TRANSPORT_HELLO)) {
        assert_null(hello);
        return;
    }
    assert_int_equal(events, TRANSPORT_HELLO);
    script.has_name = hello->name;
    snprintf(script.name, sizeof(script.name), "%s", hello->name ? hello->name : "");
    script.has_protocols = hello->has_protocols;
    script.protocols_length = hello->protocols_length;
    assert_true(hello->protocols_length <= sizeof(script.protocols));
    if (hello->protocols_length)
        memcpy(script.protocols, hello->protocols, hello->protocols_length);
    if (!script.late)
        answer(peer);
}

static void begin(void **state, const struct tls_options *client, const struct tls_options *server,
                  const char *name, struct tls_pair *pair)
{
    tls_pair_start(state, 5000, client, server, name, pair);
    pair->server.on_event = on_event;
}

static struct tls_options asking(bool name, bool protocol)
{
    struct tls_options options = server_options();

    options.asks_name = name;
    options.asks_protocol = protocol;
    options.alpn = protocol ? NULL : "h2";
    return options;
}

static void the_answer_says_whose_certificate_and_which_protocol(void **state)
{
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
    struct tls_options server = asking(true, true), client = client_options();
    struct tls_options other = server_options();
    struct identity there;
    struct tls_context *context;
    struct tls_pair pair;
    size_t before = mem_live();

    identity_make(&there, &(struct identity_options){.name = "there.example",
                                                     .names = "DNS:there.example",
                                                     .issuer = &authority});
    other.certificate = there.certificate;
    other.key = there.key;
    server.certificate = server.key = NULL; /* none of its own */
    client.alpn = "x,h2,y";
    for (size_t i = 0; i < COUNT(versions); i++) {
        context = context_of(&other);
        memset(&script, 0, sizeof(script));
        script.answer = (struct tls_answer){.context = context, .protocol = "y"};
        client.max_version = versions[i];
        begin(state, &client, &server, "there.example", &pair);
        tls_pair_open(&pair);
        tls_context_drop(&context);
        assert_int_equal(pair.server.hellos, 1);
        assert_true(script.has_name);
        assert_string_equal(script.name, "there.example");
        assert_int_equal(script.protocols_length, 7);
        assert_memory_equal(script.protocols, "\1x\2h2\1y", 7);
        assert_true(transport_info(pair.client.t)->peer_verified);
        assert_string_equal(transport_info(pair.client.t)->protocol, "y");
        assert_string_equal(transport_info(pair.server.t)->protocol, "y");
        assert_string_equal(transport_info(pair.server.t)->server_name, "there.example");
        tls_pair_end(&pair);
    }
    identity_free(&there);
    run_for(loop_of(state), 5);
    assert_int_equal(mem_live(), before);
}

/* TLS 1.3's HelloRetryRequest brings a second hello, which nobody is asked about. */
static void a_second_hello_asks_nobody(void **state)
{
    struct tls_options server = asking(true, true), client = client_options();
    struct tls_pair pair;

    memset(&script, 0, sizeof(script));
    script.answer.protocol = "h2";
    client.groups = "X25519:P-384";
    server.groups = "P-384";
    begin(state, &client, &server, "localhost", &pair);
    tls_pair_open(&pair);
    assert_int_equal(pair.server.hellos, 1);
    assert_string_equal(transport_info(pair.server.t)->protocol, "h2");
    tls_pair_end(&pair);
}

static void nobody_is_asked_about_what_was_not_said(void **state)
{
    struct tls_options server = asking(true, true), client = client_options();
    struct tls_pair pair;

    memset(&script, 0, sizeof(script));
    client.alpn = NULL;
    begin(state, &client, &server, "127.0.0.1", &pair); /* an address is no name */
    tls_pair_open(&pair);
    assert_int_equal(pair.server.hellos, 0);
    assert_null(transport_info(pair.server.t)->protocol);
    tls_pair_end(&pair);

    server = asking(true, false); /* its own protocols, nobody's name */
    client.alpn = "h2";
    begin(state, &client, &server, "127.0.0.1", &pair);
    tls_pair_open(&pair);
    assert_int_equal(pair.server.hellos, 0);
    assert_string_equal(transport_info(pair.server.t)->protocol, "h2");
    tls_pair_end(&pair);
}

static void an_answer_may_come_late(void **state)
{
    struct tls_options server = asking(true, false), client = client_options();
    struct tls_pair pair;

    memset(&script, 0, sizeof(script));
    script.late = true;
    begin(state, &client, &server, "localhost", &pair);
    WAIT_FOR(pair.server.loop, pair.server.hellos > 0);
    run_for(pair.server.loop, 20);
    assert_false(is_settled(&pair.server) || is_settled(&pair.client));
    answer(&pair.server);
    assert_false(is_settled(&pair.server)); /* events come from the loop */
    tls_pair_open(&pair);
    peer_send(&pair.client, "hello", 5, false);
    WAIT_FOR(pair.server.loop, peer_got(&pair.server, "hello", 5));
    tls_pair_end(&pair);
}

static void a_refusal_ends_the_handshake_with_its_words(void **state)
{
    struct tls_options server = asking(true, true), client = client_options();
    struct failure failure;
    struct tls_pair pair;

    failure_set(&failure, ERR_TLS, "ERR_MINE", "not for you");
    for (int i = 0; i < 3; i++) {
        memset(&script, 0, sizeof(script));
        script.answer.failure = i < 2 ? &failure : NULL; /* last: no protocol will do */
        script.answer.is_about_protocol = i == 1;
        begin(state, &client, &server, "localhost", &pair);
        tls_pair_settle(&pair);
        if (i < 2)
            assert_failed(&pair.server, "ERR_MINE", "not for you");
        else
            assert_failed(&pair.server, "ERR_SSL_NO_APPLICATION_PROTOCOL", "no application");
        assert_failed(&pair.client, NULL,
                      i == 0 ? "alert internal error" : "alert no application protocol");
        tls_pair_end(&pair);
    }
}

static void who_leaves_while_it_waits_is_noticed_after_the_answer(void **state)
{
    struct tls_options server = asking(true, false), client = client_options();
    size_t before = mem_live();
    struct tls_pair pair;

    for (int i = 0; i < 2; i++) {
        memset(&script, 0, sizeof(script));
        script.late = true;
        begin(state, &client, &server, "localhost", &pair);
        WAIT_FOR(pair.server.loop, pair.server.hellos > 0);
        peer_end(&pair.client);
        run_for(pair.server.loop, 10);
        assert_false(is_settled(&pair.server));
        if (i == 1) { /* and one that nobody answers at all */
            answer(&pair.server);
            WAIT_FOR(pair.server.loop, pair.server.failed);
            assert_string_equal(transport_failure(pair.server.t)->code, "ECONNRESET");
        }
        peer_end(&pair.server);
        run_for(loop_of(state), 5);
        assert_int_equal(mem_live(), before);
    }
}

static void every_failed_allocation_ends_in_order(void **state)
{
    struct tls_options server = asking(true, true), client = client_options();
    struct tls_context *contexts[2];
    bool failed = true;

    memset(&script, 0, sizeof(script));
    script.answer.protocol = "h2";
    for (uint64_t n = 1; failed; n++) {
        struct transport *ends[2];
        struct tls_pair pair;
        size_t before;

        contexts[0] = context_of(&client);
        contexts[1] = context_of(&server);
        script.late = true;
        ends_make(loop_of(state), 5000, ends);
        tls_pair_join(loop_of(state), ends, contexts[0], contexts[1], "localhost", &pair);
        pair.server.on_event = on_event;
        tls_context_drop(&contexts[0]);
        tls_context_drop(&contexts[1]);
        before = mem_live();
        mem_fail_at(n);
        WAIT_FOR(pair.server.loop, pair.server.hellos > 0 || pair.server.failed);
        failed = pair.server.failed;
        if (!failed)
            failed = tls_answer(pair.server.t, &script.answer) == ERR_NOMEM;
        mem_fail_at(0);
        assert_true(n < 20);
        tls_pair_end(&pair);
        run_for(loop_of(state), 5);
        assert_true(mem_live() <= before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(the_answer_says_whose_certificate_and_which_protocol),
        LOOP_TEST(a_second_hello_asks_nobody),
        LOOP_TEST(nobody_is_asked_about_what_was_not_said),
        LOOP_TEST(an_answer_may_come_late),
        LOOP_TEST(a_refusal_ends_the_handshake_with_its_words),
        LOOP_TEST(who_leaves_while_it_waits_is_noticed_after_the_answer),
        LOOP_TEST(every_failed_allocation_ends_in_order),
    };

    return cmocka_run_group_tests_name("tls_hello", tests, make_identities, free_identities);
}
