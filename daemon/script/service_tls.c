/* service_tls: the TLS context of a listener of the settings. Certificates and keys go from the document to OpenSSL and
 * never enter Lua. */
#include <stdio.h>
#include <string.h>

#include "net/tls_context.h"
#include "script/script_internal.h"
#include "script/service.h"

#define PATH_BYTES 96
#define PAIRS_MAX 8 /* certificates for the same names, of different kinds */

/* A listener's tls, and its certificates as a list: "listen.2.tls.certificates". */
struct section {
    const struct settings *settings;
    char path[PATH_BYTES], list[PATH_BYTES];
    unsigned count;
};

static const char *text_of(const struct section *section, const char *name)
{
    char path[2 * PATH_BYTES];

    snprintf(path, sizeof(path), "%s.%s", section->path, name);
    return settings_text(section->settings, path);
}

/* "listen.2.tls.certificates.1.names" */
static const char *names_of(const struct section *section, unsigned index, char path[2 * PATH_BYTES])
{
    snprintf(path, 2 * PATH_BYTES, "%s.%u.names", section->list, index);
    return path;
}

static bool same_names(const struct section *section, unsigned a, unsigned b)
{
    char first[2 * PATH_BYTES], second[2 * PATH_BYTES];
    const struct settings *s = section->settings;
    unsigned count = settings_count(s, names_of(section, a, first));

    if (count == 0 || count != settings_count(s, names_of(section, b, second)))
        return false;
    for (unsigned i = 1; i <= count; i++)
        if (strcmp(settings_text_at(s, NULL, first, i), settings_text_at(s, NULL, second, i)) != 0)
            return false;
    return true;
}

/* Has an earlier certificate the same names? Then it is in that one's context. */
static bool is_joined(const struct section *section, unsigned index)
{
    for (unsigned i = 1; i < index; i++)
        if (same_names(section, i, index))
            return true;
    return false;
}

static enum err make(const struct section *section, unsigned index, struct tls_context **out,
                     struct failure *failure)
{
    const char *client = text_of(section, "client_certificate");
    struct tls_identity pairs[PAIRS_MAX];
    struct tls_options options = {
        .server = true,
        .more = pairs,
        .ca = text_of(section, "client_ca"),
        .crl = text_of(section, "client_crl"),
        .min_version = text_of(section, "min_version"),
        .max_version = text_of(section, "max_version"),
        .ciphers = text_of(section, "ciphers"),
        .groups = text_of(section, "curves"),
        .alpn = "h2",
        .request_certificate = client && strcmp(client, "none") != 0,
        .verify_peer = client && strcmp(client, "require") == 0,
        .session_tickets = true,
    };

    memset(pairs, 0, sizeof(pairs));
    for (unsigned i = index; i <= section->count && options.more_count < PAIRS_MAX; i++) {
        if (i != index && !same_names(section, index, i))
            continue;
        pairs[options.more_count].certificate =
            settings_text_at(section->settings, "certificate", section->list, i);
        pairs[options.more_count].key = settings_text_at(section->settings, "key", section->list, i);
        options.more_count++;
    }
    return tls_context_new(&options, out, failure);
}

/* Clients that ask for the names of that certificate see it. */
static enum err add_names(const struct section *section, unsigned index,
                          struct tls_context *context, struct failure *failure)
{
    struct tls_context *other = NULL;
    char path[2 * PATH_BYTES];
    unsigned count = settings_count(section->settings, names_of(section, index, path));
    enum err err = OK;

    if (count == 0 || is_joined(section, index))
        return OK;
    err = make(section, index, &other, failure);
    for (unsigned i = 1; !err && i <= count; i++) {
        const char *name = settings_text_at(section->settings, NULL, path, i);

        if (tls_context_add_name(context, name, other) == ERR_NOMEM)
            err = failure_set(failure, ERR_NOMEM, "ENOMEM", "out of memory");
    }
    tls_context_drop(&other);
    return err;
}

static int digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The key of session tickets, the same in all workers. */
static void set_ticket_key(const struct section *section, struct tls_context *context)
{
    const char *text = text_of(section, "ticket_key");
    uint8_t key[TLS_TICKET_KEY_BYTES];

    if (!text || strlen(text) != 2 * sizeof(key))
        return;
    for (size_t i = 0; i < sizeof(key); i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return;
        key[i] = (uint8_t)(high << 4 | low);
    }
    tls_context_set_ticket_key(context, key);
}

enum err service_tls_context(const struct settings *settings, unsigned listener,
                             struct tls_context **out, struct failure *failure)
{
    struct section section = {.settings = settings};
    enum err err;

    *out = NULL;
    snprintf(section.path, sizeof(section.path), "listen.%u.tls", listener);
    snprintf(section.list, sizeof(section.list), "listen.%u.tls.certificates", listener);
    section.count = settings_count(settings, section.list);
    if (section.count == 0)
        return failure_set(failure, ERR_NOT_FOUND, "ERR_TLS_CERT",
                           "listen[%u] of the configuration has no certificate", listener);
    err = make(&section, 1, out, failure);
    for (unsigned i = 1; !err && section.count > 1 && i <= section.count; i++)
        err = add_names(&section, i, *out, failure);
    if (!err)
        set_ticket_key(&section, *out);
    else
        tls_context_drop(out);
    return err;
}
