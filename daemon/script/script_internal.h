/* script_internal: the state, for the files of this floor. There is one per process, because FFI
 * functions find it without an argument. */
#ifndef SCRIPT_SCRIPT_INTERNAL_H
#define SCRIPT_SCRIPT_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/api.h"
#include <stdatomic.h>

#include "http/machine.h"
#include "metrics/metrics.h"
#include "metrics/region.h"
#include "net/loop.h"
#include "session/session.h"
#include "session/worker.h"

/* What both halves see; the layout is repeated in lua/perigee/core.lua. */
struct script_shared {
    double now_coroutine; /* the lua_State that runs, a pointer as a number; 0: none of a task's */
    /* Results of the last call that has more than one. */
    uint32_t slot, generation, id, same;
    uint32_t name_length, length;
    const char *name, *bytes;
    /* The event that perigee_next_event() told of: flat and in one place, so that reading it makes no
     * objects in Lua. */
    struct event event;
};

struct script_service;

struct script {
    lua_State *lua;
    struct allocator *allocator;
    struct loop *loop;
    struct worker worker;
    const struct script_service *service; /* NULL: this is no worker of a service */
    int dispatch_ref, callback_ref, signal_ref, start_ref, stop_ref, service_ref;
    int status, signals_heard;
    bool stopping;      /* the state is about to close: no callback enters it any more */
    atomic_int signals; /* counted on the thread that waits for them */
    atomic_int last_signal;
    /* Header fields on their way into a verb. */
    struct http_field fields[256];
    uint32_t field_count, field_bytes;
    char field_arena[128 * 1024];
    struct http_setting_entry settings[32]; /* 7 that have names, 10 of the script's own */
    uint32_t setting_count;
};

extern struct script *the_script;
extern struct script_shared perigee_shared;
extern struct script_now *script_now; /* never NULL; in a worker it lies where the master can read it */

static inline struct stream *script_stream(uint32_t slot, uint32_t generation)
{
    return slots_get(&the_script->worker.streams, slot, generation);
}

static inline struct session *script_session(uint32_t slot, uint32_t generation)
{
    return slots_get(&the_script->worker.sessions, slot, generation);
}

/* Says whose code runs from now on, a stream's or (0, 0) none's, and counts the time of whose did (bind_stream.c). */
PERIGEE_API void perigee_enter(uint32_t slot, uint32_t generation, double coroutine);

/* Calls the function below `arguments` values, drops all results, logs an error. The only entry. */
void script_call(struct script *script, int arguments);

/* A loader as package.loaders has them, for the modules in the binary; with PERIGEE_LUA the tree's copy wins. */
int script_find_module(lua_State *lua);

/* Turns the compiler off where it cannot work, and with PERIGEE_JIT=off in the environment (jit.c). After
 * luaL_openlibs(), before any other Lua code. */
void script_choose_jit(lua_State *lua);

/* Register their functions in the table on top of the stack. */
void bind_server(lua_State *lua);
void bind_client(lua_State *lua);
void bind_session(lua_State *lua);
void bind_socket(lua_State *lua);
void bind_tls(lua_State *lua);
void bind_digest(lua_State *lua);
void bind_file(lua_State *lua);
void bind_system(lua_State *lua);
void bind_service(lua_State *lua);

/* Pushes nil, code, text of a failure; returns 3. */
int script_push_failure(lua_State *lua, const struct failure *failure);

/* Reads the table of session options at index into *options, over the defaults of the role (bind_options.c).
 * The Lua half has checked names, types and ranges. */
void script_read_options(lua_State *lua, int index, bool server, struct session_options *options);

/* Only its `settings`, a list of {id, value} (at most 32), and max_header_list_bytes, which goes with them. */
void script_read_settings(lua_State *lua, int index, struct session_options *options);

/* The TLS context at index, or NULL when there is nil (bind_tls.c). */
struct tls_context *script_tls_context(lua_State *lua, int index);

/* Pushes an empty place for a context, which the caller fills; it is dropped with the userdata (bind_tls.c). */
struct tls_context **script_push_tls_context(lua_State *lua);

struct settings;

/* What a listener (from 1) of the settings says about TLS (service_tls.c). Own: caller.  Err: as tls_context_new(),
 * ERR_NOT_FOUND. */
enum err service_tls_context(const struct settings *settings, unsigned listener,
                             struct tls_context **out, struct failure *failure);

/* luv, bound to our loop, with our way of calling back (luv.c). Leaves luv's table on the stack. */
void script_open_luv(struct script *script);

#endif
