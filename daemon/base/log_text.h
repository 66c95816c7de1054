/* log_text: bytes from anywhere, made fit for a line of a log: no control character, no quote that ends a value,
 * no half or invalid UTF-8 gets through, so that nobody can forge a line or spoil the file for who reads it. */
#ifndef BASE_LOG_TEXT_H
#define BASE_LOG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A line under construction, in memory of the caller's. What does not fit is cut where it can be cut. */
struct log_text {
    char *at;
    size_t used, cap;
    bool cut;
};

/* Bytes that are known to be harmless: all of them, or nothing and cut. */
static inline void log_text_put(struct log_text *text, const char *bytes, size_t length)
{
    if (length > text->cap - text->used) {
        text->cut = true;
        return;
    }
    memcpy(text->at + text->used, bytes, length);
    text->used += length;
}

/* Between the quotes of JSON and logfmt: \" \\ \n \t \u00XX; the character U+FFFD in place of bytes that are no UTF-8;
 * C1 controls and the line ends of Unicode are escaped too. At most `max` bytes come out. Returns false when something was left out. */
bool log_text_escape(struct log_text *text, const char *bytes, size_t length, size_t max);

/* Between the quotes of the common log format: \" \\ \xXX, as other servers write it; ASCII only. */
bool log_text_escape_common(struct log_text *text, const char *bytes, size_t length, size_t max);

/* A value of logfmt: as it is when every byte of it can stand so, else in quotes. At most `max` bytes and the quotes. */
bool log_text_value(struct log_text *text, const char *bytes, size_t length, size_t max);

/* A whole number, in digits. */
void log_text_number(struct log_text *text, unsigned long long number);

#endif
