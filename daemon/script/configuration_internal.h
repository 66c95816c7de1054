/* configuration_internal: the parts of the configuration's Lua side. */
#ifndef SCRIPT_CONFIGURATION_INTERNAL_H
#define SCRIPT_CONFIGURATION_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

/* evaluate(text) -> value | nil, message: runs a configuration's text and copies what it returns. The message has
 * "configuration:LINE: " in front where the line is known. */
int configuration_evaluate(lua_State *lua);

/* Registers what the checks know of the system in the table on top of the stack. */
void bind_configuration(lua_State *lua);

#endif
