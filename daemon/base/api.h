/* api: marks a function that the Lua half calls by name through LuaJIT's FFI.
 * Such a function takes and returns plain numbers and pointers only, never an aggregate by value,
 * and never enters Lua (ARCHITECTURE.md, "The boundary"). */
#ifndef BASE_API_H
#define BASE_API_H

#define PERIGEE_API __attribute__((visibility("default"), used))

#endif
