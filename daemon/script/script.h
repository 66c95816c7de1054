/* script: the Lua state of a worker and the one way into it.
 *
 * C enters Lua through script_call() only, and every entry ends with the worker's turn. The Lua half
 * calls C in two ways: functions marked PERIGEE_API by FFI, for what happens per request
 * (bind_stream.c, bind_session.c), and classic C functions for the rest (bind_*.c, registered in
 * the table `perigee.native`). */
#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include <stdbool.h>

#include "base/err.h"
#include "net/loop.h"

struct script;

struct script_options {
    const char *path; /* of the program */
    char **arguments; /* for the program; NULL-terminated */
    char **listen;    /* addresses of --listen; NULL-terminated, may be empty */
    const char *tls_certificate, *tls_key; /* files, or NULL */
    bool exit_on_error;                    /* one that nobody caught ends the program */
    bool check; /* record listen, connect and timers instead of doing them */
};

/* Makes the state, with luv on the loop and the Lua half loaded.
 * Err: ERR_NOMEM, ERR_INVALID (the Lua half does not load; logged). */
enum err script_new(struct loop *loop, struct script **out);

/* Ends what the script left open, closes the state, sets NULL. false: something that the script asked of
 * libuv cannot be ended (a file operation that hangs); nothing was freed and the process must end. */
bool script_free(struct script **script);

/* Starts the program; it goes on in the loop. What went wrong is told on standard error. */
void script_start(struct script *script, const struct script_options *options);

/* SIGINT or SIGTERM: ends in order (servers close, open streams finish); the second time at once. */
void script_on_signal(struct script *script, int signal_number);

/* The program's exit status so far: 0, or 1 when it failed. */
int script_status(const struct script *script);

#endif
