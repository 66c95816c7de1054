/* tls_bio: how ciphertext moves between OpenSSL and the transport below. OpenSSL reads from what was
 * just read into the loop's cipher buffer, and writes into the loop's output buffer, which goes down whole. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "net/tls_internal.h"

static int bio_read(BIO *bio, char *into, int capacity)
{
    struct tls *tls = BIO_get_data(bio);
    size_t take = (size_t)capacity < tls->input_length ? (size_t)capacity : tls->input_length;

    BIO_clear_retry_flags(bio);
    if (take == 0) {
        BIO_set_retry_read(bio); /* the end of the peer is not told here: tls.c knows it */
        return -1;
    }
    memcpy(into, tls->input, take);
    tls->input += take;
    tls->input_length -= take;
    return (int)take;
}

static int bio_write(BIO *bio, const char *bytes, int length)
{
    struct tls *tls = BIO_get_data(bio);
    struct loop *loop = tls->base.loop;
    size_t left = (size_t)length;

    BIO_clear_retry_flags(bio);
    while (left > 0) {
        size_t room = LOOP_OUTPUT_BYTES - loop->output_used;
        size_t take = left < room ? left : room;

        memcpy(loop->output + loop->output_used, bytes, take);
        loop->output_used += take;
        bytes += take;
        left -= take;
        if (left > 0)
            tls_flush(tls);
    }
    return length;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH; /* tls_flush() does it */
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* Made once and kept for the life of the process. */
static BIO_METHOD *method(void)
{
    static BIO_METHOD *made;
    BIO_METHOD *m;

    if (made)
        return made;
    m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "perigee");
    if (!m)
        return NULL;
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_control);
    BIO_meth_set_create(m, bio_create);
    made = m;
    return made;
}

BIO *tls_bio_new(struct tls *tls)
{
    BIO_METHOD *m = method();
    BIO *bio = m ? BIO_new(m) : NULL;

    if (bio)
        BIO_set_data(bio, tls);
    return bio;
}

static void note_write_error(struct tls *tls, enum err err)
{
    tls->write_error = err;
    if (err == ERR_NOMEM) { /* records are lost, and with them the connection: reading says so */
        failure_set(&tls->base.failure, err, "ENOMEM", "the TLS connection broke: out of memory");
        if (!tls->read_end)
            tls->read_end = err;
    } else if (tls->state == TLS_OPEN && tls->below->failure.err) { /* before, reading says more */
        tls->base.failure = tls->below->failure;
    }
    mem_free(tls->pending);
    tls->pending = NULL;
    tls->pending_from = tls->pending_length = 0;
}

/* Hands bytes down, as many as go; returns how many. */
static size_t send_below(struct tls *tls, const uint8_t *bytes, size_t length)
{
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = length};
    size_t taken = 0;
    enum err err = transport_write(tls->below, &piece, 1, &taken);

    if (err && err != ERR_AGAIN)
        note_write_error(tls, err);
    return taken;
}

static void keep(struct tls *tls, const uint8_t *bytes, size_t length)
{
    uint8_t *grown;

    if (tls->pending_from > 0) {
        memmove(tls->pending, tls->pending + tls->pending_from, tls->pending_length);
        tls->pending_from = 0;
    }
    grown = mem_realloc(tls->pending, tls->pending_length + length);
    if (!grown) {
        note_write_error(tls, ERR_NOMEM);
        return;
    }
    memcpy(grown + tls->pending_length, bytes, length);
    tls->pending = grown;
    tls->pending_length += length;
}

void tls_flush(struct tls *tls)
{
    struct loop *loop = tls->base.loop;
    size_t length = loop->output_used, taken = 0;

    if (length == 0)
        return;
    if (!tls->write_error && tls->pending_length == 0)
        taken = send_below(tls, loop->output, length);
    if (!tls->write_error && taken < length)
        keep(tls, loop->output + taken, length - taken);
    loop->output_used = 0;
}

void tls_send_pending(struct tls *tls)
{
    size_t taken;

    if (tls->pending_length == 0)
        return;
    taken = send_below(tls, tls->pending + tls->pending_from, tls->pending_length);
    if (tls->write_error)
        return;
    tls->pending_from += taken;
    tls->pending_length -= taken;
    if (tls->pending_length == 0) {
        mem_free(tls->pending);
        tls->pending = NULL;
        tls->pending_from = 0;
    }
}

enum err tls_keep_input(struct tls *tls)
{
    uint8_t *kept;

    assert(tls->input_length > 0);
    kept = (uint8_t *)mem_copy(tls->input, tls->input_length);
    mem_free(tls->early); /* only now: the input may be part of it */
    tls->early = kept;
    tls->early_length = kept ? tls->input_length : 0;
    tls->input_length = 0;
    return kept ? OK : ERR_NOMEM;
}
