/* embedded: the Lua half, compiled into the binary as text. The table is made by embed.cmake from
 * lua/; a module's name is its path there: lua/http2/stream.lua is "http2.stream", lua/http2/init.lua
 * is "http2". All of it is static and read-only. */
#ifndef SCRIPT_EMBEDDED_H
#define SCRIPT_EMBEDDED_H

#include <stddef.h>

struct embedded_module {
    const char *name;
    const char *text; /* a NUL follows the last byte */
    size_t length;    /* bytes, without that NUL */
};

extern const struct embedded_module embedded_modules[]; /* in the order of their file names */
extern const size_t embedded_module_count;

#endif
