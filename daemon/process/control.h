/* control: how `perigee reload`, `status` and `stop` reach the master. Two UNIX sockets: one by path (the setting
 * `control`), one in the abstract namespace, named by the configuration file, which is found even while that file is
 * broken. One line asks, e.g. "reload\n"; the answer is "ok\n" or "error\n", text, and the end of the connection. Both
 * sides look who the other is (SO_PEERCRED): root or the same user. */
#ifndef PROCESS_CONTROL_H
#define PROCESS_CONTROL_H

#include <stdbool.h>

#include "process/arguments.h"

#define CONTROL_LINE_BYTES 64

/* "@perigee/3f2a..." of a configuration file's absolute path. */
void control_name(const char *config, char out[108]);

/* Where the setting `control` points to when the file names none. */
void control_default_path(char out[108]);

/* The folder of that path, when it is missing. false: it is the one below /tmp, and another user was there first. */
bool control_make_folder(const char *path);

/* Is it what a configuration that does not name one gets? Then a second service goes without. */
bool control_is_default(const char *path);

/* The client's side: asks and prints. Returns the exit status. */
int control_main(const struct arguments *arguments);

#endif
