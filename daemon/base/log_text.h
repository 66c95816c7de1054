/* log_text: bytes from anywhere, made fit for a line of a log: no control character, no quote that ends a value,
 * no half or invalid UTF-8 gets through, so that nobody can forge a line or spoil the file for who reads it. */
#ifndef BASE_LOG_TEXT_H
#define BASE_LOG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A line under construction, in memory of the caller's. What does not fit is cut where it can be cut. */
struct log_text {
    char *at;
    size_t used, cap;
    bool cut;
};

/* Bytes that are known to be harmless: all of them, or nothing and cut. */
void log_text_put(struct log_text *text, const char *bytes, size_t length);

/* Between the quotes of JSON and logfmt: \" \\ \n \t \u00XX; the character U+FFFD in place of bytes that are no UTF-8;
 * C1 controls and the line ends of Unicode are escaped too. At most `max` bytes come out. Returns false when something was left out. */
bool log_text_escape(struct log_text *text, const char *bytes, size_t length, size_t max);

/* Between the quotes of the common log format: \" \\ \xXX, as other servers write it; ASCII only. */
bool log_text_escape_common(struct log_text *text, const char *bytes, size_t length, size_t max);

/* Must a value of logfmt stand in quotes? */
bool log_text_needs_quotes(const char *bytes, size_t length);

/* A whole number, in digits. */
void log_text_number(struct log_text *text, unsigned long long number);

#endif
