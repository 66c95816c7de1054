/* err: texts for errors. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_text(enum err err)
{
    switch (err) {
    case OK:
        return "no error";
    case ERR_NOMEM:
        return "out of memory";
    case ERR_FULL:
        return "a bound was reached";
    case ERR_CLOSED:
        return "closed";
    case ERR_AGAIN:
        return "not ready yet";
    case ERR_EOF:
        return "end of input";
    case ERR_IO:
        return "input or output failed";
    case ERR_INVALID:
        return "invalid argument";
    case ERR_RANGE:
        return "out of range";
    case ERR_STATE:
        return "not allowed in this state";
    case ERR_PROTOCOL:
        return "protocol error";
    case ERR_LIMIT:
        return "a limit was reached";
    case ERR_TIMEOUT:
        return "timed out";
    case ERR_TLS:
        return "TLS error";
    case ERR_NOT_FOUND:
        return "not found";
    case ERR_FIELD_NAME:
        return "invalid header name";
    case ERR_FIELD_VALUE:
        return "invalid header value";
    case ERR_FIELD_CONNECTION:
        return "connection-specific header";
    }
    return "unknown error";
}

const char *errno_name(int sys_errno)
{
    static char number[16];
    const char *name = strerrorname_np(sys_errno);

    if (name)
        return name;
    snprintf(number, sizeof(number), "E%d", sys_errno);
    return number;
}

enum err failure_set(struct failure *f, enum err err, const char *code, const char *format, ...)
{
    va_list args;

    if (!f)
        return err;
    f->err = err;
    f->sys_errno = 0;
    snprintf(f->code, sizeof(f->code), "%s", code);
    va_start(args, format);
    vsnprintf(f->text, sizeof(f->text), format, args);
    va_end(args);
    return err;
}

enum err failure_errno(struct failure *f, int sys_errno, const char *format, ...)
{
    va_list args;
    size_t used;

    if (!f)
        return ERR_IO;
    f->err = ERR_IO;
    f->sys_errno = sys_errno;
    snprintf(f->code, sizeof(f->code), "%s", errno_name(sys_errno));
    va_start(args, format);
    vsnprintf(f->text, sizeof(f->text), format, args);
    va_end(args);
    used = strlen(f->text);
    snprintf(f->text + used, sizeof(f->text) - used, ": %s", strerror(sys_errno));
    return ERR_IO;
}
