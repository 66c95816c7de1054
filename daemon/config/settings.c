/* settings: one copy of the document, in which the separators become NULs, and an index of it by path. */
#include "config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define HEAD "perigee-settings 1\n"
#define PATH_MAX_BYTES 160

struct entry {
    const char *path, *text;
    int64_t number;
    char type; /* 's', 'n', 'b' (then number is 0 or 1) */
};

struct settings {
    char *bytes;
    size_t length;
    struct entry *entries; /* sorted by path */
    size_t count, capacity;
};

/* --- parsing */

struct reader {
    char *at, *end;
    const char *begin;
    struct failure *failure;
};

static enum err complain(const struct reader *reader, const char *at, const char *what)
{
    return failure_set(reader->failure, ERR_INVALID, "SETTINGS",
                       "the settings document is damaged at byte %zu: %s",
                       (size_t)(at - reader->begin), what);
}

static bool is_path_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '#';
}

static enum err read_path(struct reader *reader, const char **path)
{
    char *begin = reader->at;

    while (reader->at < reader->end && is_path_byte(*reader->at))
        reader->at++;
    if (reader->at == begin || reader->at - begin > PATH_MAX_BYTES || reader->at == reader->end ||
        *reader->at != ' ')
        return complain(reader, begin, "expected a path and a blank");
    *reader->at++ = '\0';
    *path = begin;
    return OK;
}

static enum err read_length(struct reader *reader, size_t *length)
{
    char *begin = reader->at;
    size_t value = 0;

    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' &&
           value <= SETTINGS_MAX_BYTES)
        value = value * 10 + (size_t)(*reader->at++ - '0');
    if (reader->at == begin || reader->at == reader->end || *reader->at != '\n')
        return complain(reader, begin, "expected the length of a value");
    reader->at++;
    if (value >= (size_t)(reader->end - reader->at) || reader->at[value] != '\n')
        return complain(reader, begin, "the length does not lead to the value's end");
    *length = value;
    return OK;
}

static bool to_number(const char *text, int64_t *out)
{
    char *end;
    long long value;

    if (!(*text == '-' || (*text >= '0' && *text <= '9')))
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    *out = value;
    return errno == 0 && end != text && *end == '\0';
}

static enum err read_entry(struct reader *reader, struct entry *out)
{
    const char *begin = reader->at;
    size_t length = 0;
    char *text;
    enum err err = read_path(reader, &out->path);

    if (err)
        return err;
    if (reader->end - reader->at < 2 || !strchr("snb", reader->at[0]) || reader->at[1] != ' ')
        return complain(reader, reader->at, "expected the type s, n or b");
    out->type = reader->at[0];
    reader->at += 2;
    err = read_length(reader, &length);
    if (err)
        return err;
    text = reader->at;
    reader->at += length + 1;
    text[length] = '\0';
    if (memchr(text, '\0', length))
        return complain(reader, begin, "a value with a NUL byte");
    out->text = text;
    out->number = 0;
    if (out->type == 'n' && !to_number(text, &out->number))
        return complain(reader, begin, "expected a whole number");
    if (out->type == 'b' && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return complain(reader, begin, "expected true or false");
    if (out->type == 'b')
        out->number = *text == 't';
    return OK;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static enum err add_entry(struct settings *s, const struct entry *entry)
{
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 64;
        struct entry *grown = mem_realloc(s->entries, capacity * sizeof(*grown));

        if (!grown)
            return ERR_NOMEM;
        s->entries = grown;
        s->capacity = capacity;
    }
    s->entries[s->count++] = *entry;
    return OK;
}

/* s->bytes hold the document. */
static enum err parse(struct settings *s, struct failure *failure)
{
    struct reader reader = {
        .at = s->bytes, .end = s->bytes + s->length, .begin = s->bytes, .failure = failure};
    enum err err = OK;

    if (s->length < strlen(HEAD) || memcmp(s->bytes, HEAD, strlen(HEAD)) != 0)
        return complain(&reader, s->bytes, "expected \"perigee-settings 1\"");
    reader.at += strlen(HEAD);
    while (!err && reader.at < reader.end) {
        struct entry entry;

        err = read_entry(&reader, &entry);
        if (!err)
            err = add_entry(s, &entry);
    }
    if (err == ERR_NOMEM)
        return failure_set(failure, err, "ENOMEM", "the settings cannot be read: out of memory");
    if (err || s->count == 0)
        return err;
    qsort(s->entries, s->count, sizeof(*s->entries), compare);
    for (size_t i = 1; i < s->count; i++)
        if (strcmp(s->entries[i - 1].path, s->entries[i].path) == 0)
            return failure_set(failure, ERR_INVALID, "SETTINGS",
                               "the settings document is damaged: %s is there twice",
                               s->entries[i].path);
    return OK;
}

/* Takes bytes over, also on error. */
static enum err take(char *bytes, size_t length, struct settings **out, struct failure *failure)
{
    struct settings *s = mem_zalloc(sizeof(*s));
    enum err err;

    if (!s) {
        mem_free(bytes);
        return failure_set(failure, ERR_NOMEM, "ENOMEM",
                           "the settings cannot be read: out of memory");
    }
    s->bytes = bytes;
    s->length = length;
    err = parse(s, failure);
    if (!err) {
        *out = s;
        s = NULL;
    }
    settings_free(&s);
    return err;
}

enum err settings_parse(const char *bytes, size_t length, struct settings **out,
                        struct failure *failure)
{
    char *copy;

    *out = NULL;
    if (length > SETTINGS_MAX_BYTES)
        return failure_set(failure, ERR_INVALID, "SETTINGS",
                           "the settings document has more than %u bytes", SETTINGS_MAX_BYTES);
    copy = mem_copy(bytes, length);
    if (!copy)
        return failure_set(failure, ERR_NOMEM, "ENOMEM",
                           "the settings cannot be read: out of memory");
    return take(copy, length, out, failure);
}

enum err settings_read(int fd, struct settings **out, struct failure *failure)
{
    struct stat about;
    size_t length = 0;
    char *bytes;

    *out = NULL;
    if (fstat(fd, &about))
        return failure_errno(failure, errno, "the settings document cannot be read");
    if (about.st_size > (off_t)SETTINGS_MAX_BYTES)
        return failure_set(failure, ERR_INVALID, "SETTINGS",
                           "the settings document has more than %u bytes", SETTINGS_MAX_BYTES);
    bytes = mem_alloc((size_t)about.st_size + 1);
    if (!bytes)
        return failure_set(failure, ERR_NOMEM, "ENOMEM",
                           "the settings cannot be read: out of memory");
    while (length < (size_t)about.st_size) {
        ssize_t got = pread(fd, bytes + length, (size_t)about.st_size - length, (off_t)length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int why = errno;

            mem_free(bytes);
            return failure_errno(failure, why, "the settings document cannot be read");
        }
        if (got == 0)
            break;
        length += (size_t)got;
    }
    bytes[length] = '\0';
    return take(bytes, length, out, failure);
}

void settings_free(struct settings **settings)
{
    struct settings *s = *settings;

    if (!s)
        return;
    explicit_bzero(s->bytes, s->length);
    mem_free(s->bytes);
    mem_free(s->entries);
    mem_free(s);
    *settings = NULL;
}

/* --- looking up */

static const struct entry *find(const struct settings *s, const char *path, char type)
{
    struct entry wanted = {.path = path};
    const struct entry *found;

    if (s->count == 0)
        return NULL;
    found = bsearch(&wanted, s->entries, s->count, sizeof(*s->entries), compare);
    return found && found->type == type ? found : NULL;
}

static const struct entry *find_at(const struct settings *s, const char *name, const char *list,
                                   unsigned index, char type)
{
    char path[PATH_MAX_BYTES + 1];
    int length =
        snprintf(path, sizeof(path), "%s.%u%s%s", list, index, name ? "." : "", name ? name : "");

    return length > 0 && length < (int)sizeof(path) ? find(s, path, type) : NULL;
}

const char *settings_text(const struct settings *s, const char *path)
{
    const struct entry *found = find(s, path, 's');

    return found ? found->text : NULL;
}

int64_t settings_number(const struct settings *s, const char *path, int64_t fallback)
{
    const struct entry *found = find(s, path, 'n');

    return found ? found->number : fallback;
}

bool settings_flag(const struct settings *s, const char *path, bool fallback)
{
    const struct entry *found = find(s, path, 'b');

    return found ? found->number != 0 : fallback;
}

unsigned settings_count(const struct settings *s, const char *path)
{
    char counted[PATH_MAX_BYTES + 1];
    int length = snprintf(counted, sizeof(counted), "%s#", path);
    int64_t count = length > 0 && length < (int)sizeof(counted) ? settings_number(s, counted, 0) : 0;

    return count > 0 && count <= (int64_t)SETTINGS_MAX_BYTES ? (unsigned)count : 0;
}

const char *settings_text_at(const struct settings *s, const char *name, const char *list,
                             unsigned index)
{
    const struct entry *found = find_at(s, name, list, index, 's');

    return found ? found->text : NULL;
}

int64_t settings_number_at(const struct settings *s, const char *name, const char *list,
                           unsigned index, int64_t fallback)
{
    const struct entry *found = find_at(s, name, list, index, 'n');

    return found ? found->number : fallback;
}

bool settings_flag_at(const struct settings *s, const char *name, const char *list, unsigned index,
                      bool fallback)
{
    const struct entry *found = find_at(s, name, list, index, 'b');

    return found ? found->number != 0 : fallback;
}
