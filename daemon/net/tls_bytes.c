/* tls_bytes: reading and writing on an open connection: records to plain text and back. */
#include <string.h>

#include "base/mem.h"
#include "net/tls_internal.h"

#define RECORD_OVERHEAD_MAX 256

/* --- reading */

static enum err end_reading(struct tls *tls, enum err err)
{
    tls->read_end = err;
    if (err == ERR_IO)
        tls->base.failure = tls->below->failure;
    return err;
}

/* After an error of OpenSSL the connection is of no use in either direction. */
static enum err break_off(struct tls *tls)
{
    tls_describe(&tls->base.failure, "ERR_TLS", "the TLS connection broke");
    tls->write_error = ERR_TLS;
    tls->read_end = ERR_TLS;
    return ERR_TLS;
}

/* Decrypts all of the input; returns how many bytes it was. */
static size_t decrypt(struct tls *tls, uint8_t *into, size_t capacity)
{
    size_t used = 0, got;

    /* When the input is used up, what OpenSSL still holds is a part of a record. */
    while (tls->input_length > 0 && used < capacity && !tls->read_end) {
        if (SSL_read_ex(tls->ssl, into + used, capacity - used, &got)) {
            used += got;
            continue;
        }
        switch (SSL_get_error(tls->ssl, 0)) {
        case SSL_ERROR_WANT_READ:
            break;
        case SSL_ERROR_ZERO_RETURN:
            tls->read_end = ERR_EOF; /* what stands behind a close_notify is not ours to read */
            tls->input_length = 0;
            break;
        default:
            tls_flush(tls); /* the alert */
            break_off(tls);
            tls->input_length = 0;
        }
    }
    return used;
}

enum err tls_read(struct transport *t, uint8_t *into, size_t capacity, size_t *length)
{
    struct tls *tls = tls_of(t);
    bool was_early = tls->early;
    enum err err;

    if (tls->state == TLS_HANDSHAKE)
        return ERR_AGAIN;
    if (tls->state == TLS_FAILED)
        return tls->base.failure.err;
    if (was_early) {
        tls->input = tls->early;
        tls->input_length = tls->early_length;
    } else if (tls->read_end) {
        tls->told_end = true;
        return tls->read_end;
    } else if (tls->pending_length > TLS_PENDING_MAX_BYTES) {
        return ERR_AGAIN;
    } else {
        uint8_t *cipher = loop_cipher_buffer(t->loop);

        err = tls->below->kind->read(tls->below, cipher, TLS_READ_BYTES, &tls->input_length);
        if (err == ERR_AGAIN)
            return err;
        if (err) {
            tls->told_end = true;
            end_reading(tls, err);
            tls_watch(tls);
            return err;
        }
        tls->input = cipher;
    }

    ERR_clear_error();
    *length = decrypt(tls, into, capacity);
    tls_flush(tls);
    if (tls->input_length > 0) {
        if (tls_keep_input(tls))
            tls->read_end = ERR_NOMEM;
    } else if (was_early) {
        mem_free(tls->early);
        tls->early = NULL;
    }
    if (tls->read_end && *length == 0)
        tls->told_end = true;
    if (tls->busy == 0 && (was_early || tls->read_end || tls->pending_length > 0))
        tls_watch(tls);
    if (*length > 0)
        return OK;
    return tls->read_end ? tls->read_end : ERR_AGAIN;
}

/* --- writing */

/* Where a write of several pieces has come to. */
struct cursor {
    const struct iovec *pieces;
    int count, at;
    size_t offset; /* in the piece `at` */
};

static void advance(struct cursor *cursor, size_t bytes)
{
    while (cursor->at < cursor->count) {
        size_t left = cursor->pieces[cursor->at].iov_len - cursor->offset;

        if (bytes < left) {
            cursor->offset += bytes;
            return;
        }
        bytes -= left;
        cursor->offset = 0;
        cursor->at++;
    }
}

/* The plain text of the next record, in *bytes: a piece as it is when it fills the record or is the last, else
 * small pieces put together in the loop's record buffer. 0: all was written. */
static size_t next_record(struct tls *tls, struct cursor from, const uint8_t **bytes)
{
    uint8_t *record = tls->base.loop->record;
    size_t used = 0;

    advance(&from, 0); /* over empty pieces */
    while (from.at < from.count && used < LOOP_RECORD_BYTES) {
        const uint8_t *piece = (const uint8_t *)from.pieces[from.at].iov_base + from.offset;
        size_t take = from.pieces[from.at].iov_len - from.offset;

        if (take > LOOP_RECORD_BYTES - used)
            take = LOOP_RECORD_BYTES - used;
        advance(&from, take);
        if (used == 0 && (take == LOOP_RECORD_BYTES || from.at == from.count)) {
            *bytes = piece;
            return take;
        }
        memcpy(record + used, piece, take);
        used += take;
    }
    *bytes = record;
    return used;
}

enum err tls_write(struct transport *t, const struct iovec *pieces, int count, size_t *taken)
{
    struct tls *tls = tls_of(t);
    struct loop *loop = t->loop;
    struct cursor cursor = {.pieces = pieces, .count = count};
    const uint8_t *bytes;
    size_t length, written;

    if (tls->state == TLS_HANDSHAKE)
        return tls->write_ended ? ERR_CLOSED : ERR_AGAIN;
    if (tls->state == TLS_FAILED)
        return tls->base.failure.err;
    if (tls->write_error)
        return tls->write_error;
    if (tls->write_ended)
        return ERR_CLOSED;
    if (tls->pending_length > 0)
        return ERR_AGAIN;

    ERR_clear_error();
    while ((length = next_record(tls, cursor, &bytes)) > 0) {
        if (LOOP_OUTPUT_BYTES - loop->output_used < length + RECORD_OVERHEAD_MAX) {
            tls_flush(tls);
            if (tls->pending_length > 0 || tls->write_error)
                break;
        }
        if (!SSL_write_ex(tls->ssl, bytes, length, &written)) {
            break_off(tls);
            break;
        }
        advance(&cursor, written);
        *taken += written;
    }
    tls_flush(tls);
    if (tls->busy == 0 && tls->pending_length > 0)
        tls_watch(tls);
    if (tls->write_error)
        return tls->write_error;
    return OK;
}
