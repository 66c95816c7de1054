/* err: the one error type. 0 is OK, a negative value is why not. Where a person will read the
 * reason (a port that is taken, a key that does not match), a struct failure carries the words. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
    OK = 0,
    ERR_NOMEM = -1,     /* the allocator said no */
    ERR_FULL = -2,      /* a bound was reached: try after something was taken out */
    ERR_CLOSED = -3,    /* the thing is gone or ended */
    ERR_AGAIN = -4,     /* nothing now: wait for the event */
    ERR_EOF = -5,       /* the peer ended its side in order */
    ERR_IO = -6,        /* the system said no: see errno or the failure */
    ERR_INVALID = -7,   /* an argument is not of the form asked for */
    ERR_RANGE = -8,     /* a number is out of its range */
    ERR_STATE = -9,     /* right call, wrong moment */
    ERR_PROTOCOL = -10, /* the peer broke the protocol */
    ERR_LIMIT = -11,    /* a configured limit was reached */
    ERR_TIMEOUT = -12,  /* a deadline passed */
    ERR_TLS = -13,      /* OpenSSL said no: see the failure */
    ERR_NOT_FOUND = -14,
    ERR_FIELD_NAME = -15,       /* a header name is not a token */
    ERR_FIELD_VALUE = -16,      /* a header value has CR, LF or NUL */
    ERR_FIELD_CONNECTION = -17, /* a connection-specific header field, RFC 9113 8.2.2 */
};

/* Why something that a person asked for did not work. `code` is a short symbol in the style of
 * errno names ("EADDRINUSE", "ERR_TLS_CERT"), `text` a whole sentence without a final stop. */
struct failure {
    enum err err;
    int sys_errno; /* 0 when the system had no part in it */
    char code[64];
    char text[344];
};

/* A short English text for err; static memory. */
const char *err_text(enum err err);

/* Fills *f (which may be NULL) and returns err, so that a caller can `return failure_set(...)`. */
enum err failure_set(struct failure *f, enum err err, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a failed system call: code is the errno's name ("EACCES"), text is `format`
 * followed by ": " and the system's words. Returns ERR_IO. */
enum err failure_errno(struct failure *f, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "EADDRINUSE" for EADDRINUSE; "E<number>" for one without a name. Static memory. */
const char *errno_name(int sys_errno);

#endif
