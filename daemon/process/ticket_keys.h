/* ticket_keys: session tickets outlive a reload. Each configuration comes with new keys for its TLS listeners; a
 * listener that stays what it was keeps its key, for eight hours. */
#ifndef PROCESS_TICKET_KEYS_H
#define PROCESS_TICKET_KEYS_H

#include "config/settings.h"

#define TICKET_KEYS_MS (8 * 60 * 60 * 1000ull)

/* Puts the old settings' keys into the new document, a memfd that is not sealed yet, for each listener with the same
 * address and the same demands on clients: a ticket must not open what a certificate is asked for now.
 * Returns how many were kept. Err: none; a document that cannot be read is left alone, its reader will say so. */
unsigned ticket_keys_keep(int document, const struct settings *old);

#endif
