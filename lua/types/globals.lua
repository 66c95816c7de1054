---@meta
-- Made by docs/generate from docs/source/globals.lua; edit that.

--- What `setTimeout` and `setInterval` return.
---@class Timer
---@field close? fun(self: Timer) Ends it.
---@field ref? fun(self: Timer): Timer It keeps the program running (so it is from the start).
---@field unref? fun(self: Timer): Timer It does not.
---@field hasRef? fun(self: Timer): boolean Does it?
---@field refresh? fun(self: Timer): Timer Starts anew with the same time.

--- `console`.
---@class Console
---@field log? fun(...) To standard output.
---@field info? fun(...) To standard output.
---@field debug? fun(...) To standard output.
---@field error? fun(...) To standard error.
---@field warn? fun(...) To standard error.

--- `process`.
---@class Process
---@field nextTick? fun(fn: function, ...) Calls `fn(...)` when the running code came back, before anything else.
---@field exit? fun(status?: integer) Ends the program at once.
---@field argv? string[] `perigee`, the script's path, its arguments.
---@field env? table<string, string> The environment.
---@field hrtime? fun(): integer[] A clock: `{seconds, nanoseconds}`.

--- `require "fs"`.
---@class Fs
---@field readFileSync? fun(path: string): string The whole file. Throws an error with the system's code, such as ENOENT.

--- Prints texts, with `%s`, `%d`, `%i`, `%f`, `%j`, `%o` filled in.
---@type Console
console = {}

--- The running program.
---@type Process
process = {}

--- Not a global but `require "fs"`: as much as examples with certificates need.
---@type Fs
fs = {}

--- Calls `fn(...)` once, in `ms` milliseconds.
---@param fn function
---@param ms? integer
---@param ... any
---@return Timer
function setTimeout(fn, ms, ...) end

--- Calls `fn(...)` every `ms` milliseconds.
---@param fn function
---@param ms? integer
---@param ... any
---@return Timer
function setInterval(fn, ms, ...) end

--- Calls `fn(...)` in the next iteration of the loop.
---@param fn function
---@param ... any
---@return table
function setImmediate(fn, ...) end

--- Ends a timer. Any of the three clears any of the three.
---@param timer? table
function clearTimeout(timer) end

--- The same.
---@param timer? table
function clearInterval(timer) end

--- The same.
---@param timer? table
function clearImmediate(timer) end

