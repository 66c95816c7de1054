/* log_text: one look-up a byte says whether it may stand as it is; runs of such bytes are copied at once. */
#include "base/log_text.h"

#include <stdint.h>
#include <string.h>

enum {
    PLAIN,
    BLANK = 1, /* blank and '=': need quotes in logfmt, nothing else */
    ESCAPED,   /* quote, backslash, controls */
    BEYOND,    /* not ASCII */
};

#define FOUR(x) x, x, x, x
#define SIXTEEN(x) FOUR(x), FOUR(x), FOUR(x), FOUR(x)

static const uint8_t kinds[256] = {
    SIXTEEN(ESCAPED), SIXTEEN(ESCAPED), [' '] = BLANK,    ['='] = BLANK,
    ['"'] = ESCAPED,  ['\\'] = ESCAPED, [0x7f] = ESCAPED, [0x80] = SIXTEEN(BEYOND),
    SIXTEEN(BEYOND),  SIXTEEN(BEYOND),  SIXTEEN(BEYOND),  SIXTEEN(BEYOND),
    SIXTEEN(BEYOND),  SIXTEEN(BEYOND),  SIXTEEN(BEYOND),
};

static const char hex_digits[] = "0123456789abcdef";

static size_t plain_run(const char *bytes, size_t length)
{
    size_t run = 0;

    while (run < length && kinds[(uint8_t)bytes[run]] <= BLANK)
        run++;
    return run;
}

/* The length of the UTF-8 character at bytes and its code point; 0 when it is none (RFC 3629 4). */
static size_t decode(const uint8_t *bytes, size_t length, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = bytes[0];
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

    if (lead < 0xc2 || lead > 0xf4 || size > length)
        return 0;
    *code = lead & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (bytes[i] & 0x3fu);
    }
    if (*code < least[size] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
        return 0;
    return size;
}

static size_t escape_code(char out[6], uint32_t code)
{
    out[0] = '\\';
    out[1] = 'u';
    for (int i = 0; i < 4; i++)
        out[2 + i] = hex_digits[code >> (12 - 4 * i) & 0xf];
    return 6;
}

static size_t escape_short(char out[6], char letter)
{
    out[0] = '\\';
    out[1] = letter;
    return 2;
}

/* What stands for the character at bytes, in out; *taken: how many bytes it is. */
static size_t escape(const char *bytes, size_t length, char out[6], size_t *taken)
{
    uint8_t byte = (uint8_t)bytes[0];
    uint32_t code = byte;

    *taken = 1;
    if (byte < 0x80) {
        switch (byte) {
        case '"':
        case '\\':
            return escape_short(out, (char)byte);
        case '\n':
            return escape_short(out, 'n');
        case '\t':
            return escape_short(out, 't');
        default:
            return escape_code(out, code);
        }
    }
    *taken = decode((const uint8_t *)bytes, length, &code);
    if (*taken == 0) {
        *taken = 1;
        memcpy(out, "\xef\xbf\xbd", 3); /* U+FFFD */
        return 3;
    }
    if (code < 0xa0 || code == 0x2028 || code == 0x2029) /* C1 controls; line and paragraph ends */
        return escape_code(out, code);
    memcpy(out, bytes, *taken);
    return *taken;
}

static size_t escape_common(const char *bytes, size_t length, char out[6], size_t *taken)
{
    uint8_t byte = (uint8_t)bytes[0];

    (void)length;
    *taken = 1;
    if (byte == '"' || byte == '\\')
        return escape_short(out, (char)byte);
    out[0] = '\\';
    out[1] = 'x';
    out[2] = hex_digits[byte >> 4];
    out[3] = hex_digits[byte & 0xf];
    return 4;
}

static bool put_escaped(struct log_text *text, const char *bytes, size_t length, size_t max,
                        size_t (*how)(const char *, size_t, char[6], size_t *))
{
    size_t room = text->cap - text->used;
    size_t end;

    end = text->used + (room < max ? room : max);
    while (length > 0) {
        size_t taken = plain_run(bytes, length);
        const char *from = bytes;
        char out[6];
        size_t size = taken;

        if (taken == 0) {
            size = how(bytes, length, out, &taken);
            from = out;
            if (size > end - text->used)
                return false; /* never half an escape or character */
        } else if (size > end - text->used) {
            memcpy(text->at + text->used, bytes, end - text->used);
            text->used = end;
            return false;
        }
        memcpy(text->at + text->used, from, size);
        text->used += size;
        bytes += taken;
        length -= taken;
    }
    return true;
}

bool log_text_escape(struct log_text *text, const char *bytes, size_t length, size_t max)
{
    return put_escaped(text, bytes, length, max, escape);
}

bool log_text_escape_common(struct log_text *text, const char *bytes, size_t length, size_t max)
{
    return put_escaped(text, bytes, length, max, escape_common);
}

bool log_text_value(struct log_text *text, const char *bytes, size_t length, size_t max)
{
    size_t room = text->cap - text->used;
    char *out = text->at + text->used;
    size_t i = 0;
    bool complete;

    if (room > max)
        room = max;
    while (i < length && i < room && kinds[(uint8_t)bytes[i]] == PLAIN) {
        out[i] = bytes[i];
        i++;
    }
    if (i > 0 && (i == length || i == room)) {
        text->used += i;
        return i == length;
    }
    if (text->cap - text->used < 2) {
        text->cut = true;
        return false;
    }
    log_text_put(text, "\"", 1);
    text->cap--;
    complete = put_escaped(text, bytes, length, max, escape);
    text->cap++;
    log_text_put(text, "\"", 1);
    return complete;
}

void log_text_number(struct log_text *text, unsigned long long number)
{
    char digits[24];
    char *at = digits + sizeof(digits);

    if (number < 10) { /* many are */
        digits[0] = (char)('0' + number);
        log_text_put(text, digits, 1);
        return;
    }
    for (; number > UINT32_MAX; number /= 10)
        *--at = (char)('0' + number % 10);
    for (uint32_t rest = (uint32_t)number; rest > 0; rest /= 10)
        *--at = (char)('0' + rest % 10);
    log_text_put(text, at, (size_t)(digits + sizeof(digits) - at));
}
