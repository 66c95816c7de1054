/* tls: the transport. What the owner asks for is passed on to OpenSSL, what OpenSSL puts out goes down
 * (tls_bio.c); the events of the transport below drive the handshake and then become the owner's. */
#include "net/tls.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "metrics/metrics.h"
#include "net/tls_internal.h"

/* --- life */

/* The one place that moves the state: forward only, and what failed never opens. */
static void move(struct tls *tls, enum tls_state state)
{
    assert(state > tls->state && !(tls->state == TLS_OPEN && state == TLS_FAILED));
    tls->state = state;
}

static void destroy(struct tls *tls)
{
    assert(tls->state == TLS_CLOSED && tls->busy == 0);
    SSL_free(tls->ssl);
    tls_context_drop(&tls->context);
    tls_hello_forget(tls);
    tls_context_drop(&tls->chosen);
    mem_free(tls->agreed);
    mem_free(tls->server_name);
    mem_free(tls->early);
    mem_free(tls->pending);
    mem_free(tls);
    transport_died();
}

/* Is there something to read that no event of `below` will announce? */
static bool has_news(const struct tls *tls)
{
    return tls->state == TLS_OPEN && (tls->early || (tls->read_end && !tls->told_end));
}

/* Brings what is asked of `below` up to date. */
void tls_watch(struct tls *tls)
{
    bool readable = false, writable;

    if (tls->state == TLS_HANDSHAKE)
        readable = tls->hello_state != TLS_HELLO_ASKED;
    else if (tls->state == TLS_OPEN)
        readable = tls->wants_read && !tls->read_end && !tls->early;
    if (tls->pending_length > TLS_PENDING_MAX_BYTES)
        readable = false;
    writable = tls->pending_length > 0 || (tls->state == TLS_OPEN && tls->wants_write);
    transport_want(tls->below, readable, writable);
    if (tls->wants_read && has_news(tls))
        deferred_put(tls->base.loop, &tls->turn);
}

static void enter(struct tls *tls)
{
    tls->busy++;
}

static void leave(struct tls *tls)
{
    if (--tls->busy > 0)
        return;
    if (tls->state == TLS_CLOSED)
        destroy(tls);
    else
        tls_watch(tls);
}

static void tell(struct tls *tls, unsigned events)
{
    if (events & TRANSPORT_WRITABLE)
        tls->wants_write = false;
    if (events && tls->state != TLS_CLOSED)
        transport_tell(&tls->base, events);
}

/* --- our end */

/* FIN, once all before it is out. */
static void shut_below(struct tls *tls)
{
    if (!tls->notified || tls->shut || tls->pending_length > 0 || tls->write_error)
        return;
    tls->shut = true;
    transport_shutdown(tls->below);
}

/* close_notify. Not after an error: OpenSSL would take it for one of ours. */
static void notify(struct tls *tls)
{
    if (tls->state != TLS_OPEN || tls->notified || tls->write_error)
        return;
    tls->notified = true;
    ERR_clear_error();
    SSL_shutdown(tls->ssl);
    ERR_clear_error();
    tls_flush(tls);
}

static void tls_shutdown(struct transport *t)
{
    struct tls *tls = tls_of(t);

    tls->write_ended = true;
    notify(tls); /* in the handshake: opened() does it */
    shut_below(tls);
    tls_watch(tls);
}

/* --- handshake */

static enum metrics_role role_of(const struct tls *tls)
{
    return tls->context->server ? METRICS_SERVER : METRICS_CLIENT;
}

static void count_handshake(const struct tls *tls)
{
    unsigned kind = (SSL_version(tls->ssl) >= TLS1_3_VERSION ? 2 : 0) + tls->base.info.resumed;

    metrics->tls_handshakes[role_of(tls) * METRICS_TLS_KINDS + kind]++;
}

static void fail(struct tls *tls)
{
    metrics->tls_failed[role_of(tls)]++;
    move(tls, TLS_FAILED);
    tell(tls, TRANSPORT_FAILED);
}

static void peer_left(struct tls *tls, enum err err)
{
    const struct failure *below = &tls->below->failure;

    if (err == ERR_IO && below->sys_errno && below->sys_errno != ECONNRESET)
        tls->base.failure = *below;
    else
        failure_set(&tls->base.failure, ERR_IO, "ECONNRESET",
                    "the peer left during the TLS handshake");
    tls->base.failure.sys_errno = below->sys_errno ? below->sys_errno : ECONNRESET;
    fail(tls);
}

static bool fill_info(struct tls *tls)
{
    struct transport_info *info = &tls->base.info;
    const unsigned char *protocol;
    const char *name = NULL;
    unsigned length;

    SSL_get0_alpn_selected(tls->ssl, &protocol, &length);
    if (length > 0) {
        info->protocol =
            tls->agreed ? tls->agreed : tls_protocol_find(tls->context, protocol, length);
        if (!info->protocol) {
            failure_set(
                &tls->base.failure, ERR_TLS, "ERR_TLS_HANDSHAKE",
                "the TLS handshake failed: the server chose the protocol \"%.*s\", which was not offered",
                (int)length, (const char *)protocol);
            return false;
        }
    }
    if (tls->context->server)
        name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
    if (name) {
        tls->server_name = mem_copy(name, strlen(name));
        if (!tls->server_name) {
            failure_set(&tls->base.failure, ERR_NOMEM, "ENOMEM",
                        "the TLS handshake failed: out of memory");
            return false;
        }
    }
    info->server_name = tls->server_name;
    info->tls_version = SSL_get_version(tls->ssl);
    info->cipher = SSL_get_cipher_name(tls->ssl);
    info->cipher_name = SSL_CIPHER_standard_name(SSL_get_current_cipher(tls->ssl));
    info->resumed = SSL_session_reused(tls->ssl);
    info->peer_verified = tls->context->checks_peer && SSL_get0_peer_certificate(tls->ssl) &&
                          SSL_get_verify_result(tls->ssl) == X509_V_OK;
    info->peer_error = tls_verify_error(tls);
    return true;
}

static void opened(struct tls *tls)
{
    if (!fill_info(tls)) {
        fail(tls);
        return;
    }
    move(tls, TLS_OPEN);
    count_handshake(tls);
    if (tls->input_length > 0 && tls_keep_input(tls))
        tls->read_end = ERR_NOMEM;
    if (tls->write_ended) { /* by the owner, who did not wait for this */
        notify(tls);
        shut_below(tls);
    }
    tell(tls, TRANSPORT_OPEN | (tls->wants_read && has_news(tls) ? TRANSPORT_READABLE : 0));
}

static void handshake_step(struct tls *tls)
{
    int done, reason;

    ERR_clear_error();
    done = SSL_do_handshake(tls->ssl);
    reason = done == 1 ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, done);
    tls_flush(tls);
    if (done == 1) {
        opened(tls);
    } else if (reason == SSL_ERROR_WANT_CLIENT_HELLO_CB) {
        if (tls->input_length > 0 && tls_keep_input(tls)) {
            failure_set(&tls->base.failure, ERR_NOMEM, "ENOMEM",
                        "the TLS handshake failed: out of memory");
            fail(tls);
        } else {
            tell(tls, TRANSPORT_HELLO);
        }
    } else if (reason != SSL_ERROR_WANT_READ) {
        if (!tls->refused)
            tls_describe(&tls->base.failure, "ERR_TLS_HANDSHAKE", "the TLS handshake failed");
        fail(tls);
    } else if (tls->write_error == ERR_NOMEM) {
        failure_set(&tls->base.failure, ERR_NOMEM, "ENOMEM",
                    "the TLS handshake failed: out of memory");
        fail(tls);
    }
    ERR_clear_error();
}

/* The client's hello; a server waits for it. */
static void greet(struct tls *tls)
{
    if (tls->started || tls->context->server)
        return;
    tls->started = true;
    handshake_step(tls);
}

static void handshake(struct tls *tls)
{
    uint8_t *cipher = loop_cipher_buffer(tls->base.loop);
    enum err err;

    err = tls->below->kind->read(tls->below, cipher, TLS_READ_BYTES, &tls->input_length);
    if (err == ERR_AGAIN)
        return;
    if (err) {
        peer_left(tls, err);
        return;
    }
    tls->input = cipher;
    handshake_step(tls);
    tls->input_length = 0;
}

/* The owner has answered: on from where the hello made it stop. */
static void resume(struct tls *tls)
{
    uint8_t *kept = tls->early;

    tls->input = kept;
    tls->input_length = kept ? tls->early_length : 0;
    tls->early = NULL;
    tls->early_length = 0;
    handshake_step(tls);
    tls->input_length = 0;
    mem_free(kept);
}

/* --- events */

static void on_turn(struct deferred *turn)
{
    struct tls *tls = list_entry(turn, struct tls, turn);

    enter(tls);
    if (tls->state == TLS_HANDSHAKE && tls->hello_state == TLS_HELLO_ANSWERED)
        resume(tls);
    else if (tls->state == TLS_HANDSHAKE)
        greet(tls);
    else if (tls->wants_read && has_news(tls))
        tell(tls, TRANSPORT_READABLE);
    leave(tls);
}

static void on_below(void *owner, unsigned events)
{
    struct tls *tls = owner;
    unsigned told = 0;

    enter(tls);
    if (events & TRANSPORT_WRITABLE) {
        tls_send_pending(tls);
        shut_below(tls);
    }
    if (tls->state == TLS_HANDSHAKE && (events & TRANSPORT_FAILED)) {
        tls->base.failure = tls->below->failure;
        fail(tls);
    } else if (tls->state == TLS_HANDSHAKE) {
        if (events & TRANSPORT_OPEN)
            greet(tls);
        if (tls->state == TLS_HANDSHAKE && tls->hello_state != TLS_HELLO_ASKED &&
            (events & TRANSPORT_READABLE))
            handshake(tls);
    } else if (tls->state == TLS_OPEN) {
        if ((events & TRANSPORT_READABLE) && tls->wants_read && !tls->read_end)
            told |= TRANSPORT_READABLE;
        if ((events & TRANSPORT_WRITABLE) && tls->wants_write && tls->pending_length == 0)
            told |= TRANSPORT_WRITABLE;
        tell(tls, told);
    }
    leave(tls);
}

/* --- the other calls */

static void tls_want(struct transport *t, bool readable, bool writable)
{
    struct tls *tls = tls_of(t);

    tls->wants_read = readable;
    tls->wants_write = writable;
    if (tls->busy == 0)
        tls_watch(tls);
}

static void tls_close(struct transport *t, bool abort)
{
    struct tls *tls = tls_of(t);

    if (!abort && tls->pending_length == 0)
        notify(tls);
    if (tls->state == TLS_HANDSHAKE)
        metrics->tls_failed[role_of(tls)]++;
    move(tls, TLS_CLOSED);
    deferred_cancel(&tls->turn);
    if (abort || tls->write_error == ERR_NOMEM) /* what is lost must not look like an end */
        transport_abort(&tls->below);
    else
        transport_close(&tls->below);
    if (tls->busy == 0)
        destroy(tls);
}

static void tls_ref(struct transport *t, bool hold)
{
    if (hold)
        transport_ref(tls_of(t)->below);
    else
        transport_unref(tls_of(t)->below);
}

static size_t tls_unsent(const struct transport *t)
{
    const struct tls *tls = list_entry(t, struct tls, base);

    return tls->pending_length + transport_unsent(tls->below);
}

const struct transport_kind tls_kind = {
    .read = tls_read,
    .write = tls_write,
    .want = tls_want,
    .shutdown = tls_shutdown,
    .close = tls_close,
    .ref = tls_ref,
    .unsent = tls_unsent,
};

/* What a client asks for and checks: a name goes out as SNI, an address does not (RFC 6066 3). */
static enum err expect_name(struct tls *tls, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);
    struct address ignored;
    size_t length = strlen(name);

    tls->server_name = mem_copy(name, length);
    if (!tls->server_name)
        return ERR_NOMEM;
    if (address_from_ip(name, 0, &ignored) == OK)
        return tls->context->any_name || X509_VERIFY_PARAM_set1_ip_asc(param, name) ? OK : ERR_TLS;
    if (length > 1 && name[length - 1] == '.')
        tls->server_name[length - 1] = '\0';
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (!SSL_set_tlsext_host_name(tls->ssl, tls->server_name))
        return ERR_TLS;
    if (!tls->context->any_name && !X509_VERIFY_PARAM_set1_host(param, tls->server_name, 0))
        return ERR_TLS;
    return OK;
}

static enum err start_ssl(struct tls *tls, const char *server_name)
{
    BIO *bio;

    tls->ssl = SSL_new(tls->context->ssl);
    if (!tls->ssl)
        return ERR_TLS;
    bio = tls_bio_new(tls);
    if (!bio)
        return ERR_NOMEM;
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_app_data(tls->ssl, tls);
    if (tls->context->server) {
        tls_context_renew_tickets(tls->context);
        SSL_set_accept_state(tls->ssl);
        return OK;
    }
    SSL_set_connect_state(tls->ssl);
    return server_name ? expect_name(tls, server_name) : OK;
}

enum err tls_transport_new(struct loop *loop, struct transport *below, struct tls_context *context,
                           const char *server_name, struct transport **out)
{
    struct tls *tls;
    enum err err;

    *out = NULL;
    assert(below->kind != &tls_kind); /* both would decrypt from the loop's one cipher buffer */
    tls = mem_zalloc(sizeof(*tls));
    if (!tls) {
        transport_close(&below);
        return ERR_NOMEM;
    }
    transport_born(&tls->base, &tls_kind, loop);
    deferred_init(&tls->turn, on_turn);
    tls_context_hold(context);
    tls->context = context;
    ERR_clear_error();
    err = start_ssl(tls, server_name);
    ERR_clear_error();
    if (err) {
        transport_close(&below);
        move(tls, TLS_CLOSED);
        destroy(tls);
        return err;
    }
    tls->below = below;
    tls->base.info.local = below->info.local;
    tls->base.info.peer = below->info.peer;
    tls->base.info.secure = true;
    transport_set_owner(below, on_below, tls);
    if (below->is_open)
        deferred_put(loop, &tls->turn);
    tls_watch(tls);
    *out = &tls->base;
    return OK;
}
