/* settings: the configuration of the service as a document, immutable. The `configure` role evaluates and
 * checks the configuration file and writes it (process/configure.h); master and workers only read it here.
 *
 *   perigee-settings 1\n
 *   PATH TYPE LENGTH\nBYTES\n ...
 *
 * TYPE: s text (no NUL), n whole number (decimal), b "true" or "false". A list counts itself as PATH#:
 * "listen# n 1\n2\n", "listen.1.address s 5\n:8000\n". Times are milliseconds, sizes bytes; defaults are filled
 * in, paths are absolute, certificates and keys are PEM texts. docs/configuration.md has the meaning of each.
 *
 * Beyond what a user writes, a listener (and admin) has its address in parts:
 *   listen.N.host, .port      literal, in its normal form; host "" is every address; port 0: the system's choice
 *   listen.N.path             instead of these, of a UNIX socket ("@name": abstract)
 *   listen.N.secure           has the rest of tls:
 *   listen.N.tls.certificates#, listen.N.tls.certificates.M.{certificate,key}   PEM; the first is the default
 *   listen.N.tls.certificates.M.{certificate_file,key_file,names#,names.K}      "example.org", "*.example.org"
 *   listen.N.tls.{min_version,max_version,ciphers,curves,client_certificate,client_ca,client_crl}
 *   listen.N.tls.ticket_key   of session tickets, the same for all workers: 48 bytes in hexadecimal */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SETTINGS_MAX_BYTES (64u * 1024 * 1024) /* of a document */

struct settings;

/* Copies. Own: caller, until settings_free().
 * Err: ERR_INVALID (the failure says what, and in which byte or at which path), ERR_NOMEM; *out is then NULL. */
enum err settings_parse(const char *bytes, size_t length, struct settings **out,
                        struct failure *failure);

/* The whole file, whatever its position is, which stays.  Err: as above, ERR_IO. */
enum err settings_read(int fd, struct settings **out, struct failure *failure);

void settings_free(struct settings **settings); /* overwrites the keys; NULL is fine; sets NULL */

/* Each looks for a path of its type; one that is not there, or is of another type, is absent. */
const char *settings_text(const struct settings *settings, const char *path); /* NULL: absent */
int64_t settings_number(const struct settings *settings, const char *path, int64_t fallback);
bool settings_flag(const struct settings *settings, const char *path, bool fallback);
unsigned settings_count(const struct settings *settings,
                        const char *path); /* of the list "listen": reads "listen#" */

/* The same for what a list holds: settings_text_at(s, "address", "listen", 2) is "listen.2.address". A name NULL is
 * the entry itself ("arguments.1"). */
const char *settings_text_at(const struct settings *settings, const char *name, const char *list,
                             unsigned index);
int64_t settings_number_at(const struct settings *settings, const char *name, const char *list,
                           unsigned index, int64_t fallback);
bool settings_flag_at(const struct settings *settings, const char *name, const char *list,
                      unsigned index, bool fallback);

#endif
