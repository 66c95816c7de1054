/* notify: tells a service manager how the service is (the sd_notify protocol): datagrams of lines
 * "NAME=value" to the UNIX socket that $NOTIFY_SOCKET names, a path or an abstract name ("@...").
 * Without a manager every call is a no-op that gives false. Only the master talks: workers call
 * notify_forget(). The variables stay in the environment, so that an upgrade in place goes on talking. */
#ifndef PROCESS_NOTIFY_H
#define PROCESS_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_TEXT_MAX 2048 /* bytes of one datagram of ours; what is longer is cut */

/* Is there a manager that listens? */
bool notify_is_wanted(void);

/* Sends the text as it is; lines are separated by '\n'. Waits at most a second for a manager that does
 * not read. False: nobody listens, or it did not get there. Never changes the course of the service. */
bool notify_send(const char *text);

/* The messages of a life, in order. status: one line for people (STATUS=), NULL for none; line breaks in
 * it become blanks. */
bool notify_ready(const char *status); /* READY=1: after start, and again at the end of a reload */
bool notify_reloading(const char *status); /* RELOADING=1 with MONOTONIC_USEC=, as notify-reload wants */
bool notify_stopping(const char *status); /* STOPPING=1 */
bool notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool notify_watchdog(void);            /* WATCHDOG=1: to be sent at half of notify_watchdog_us() */
bool notify_main_pid(int64_t pid);     /* MAINPID=: only where the main process changes */
bool notify_extend(uint64_t extra_us); /* EXTEND_TIMEOUT_USEC=: a start or drain that takes longer */

/* The manager wants a WATCHDOG=1 at least that often from this process ($WATCHDOG_USEC, $WATCHDOG_PID);
 * 0: it does not. */
uint64_t notify_watchdog_us(void);

/* Closes the socket and takes the variables out of the environment: what a worker and a script's child
 * have no business with. */
void notify_forget(void);

#endif
