---@meta perigee.task
-- Made by docs/generate from docs/source/task.lua; edit that.

--- What `spawn` returns.
---@class TaskHandle
---@field done? boolean Is it through?
---@field await? fun(self: TaskHandle): any Waits for the task: what its function returned, or nil and its error.
---@field cancel? fun(self: TaskHandle) Throws ERR_PERIGEE_CANCELLED in it, where it waits.

--- coroutines: waiting, running side by side, who owns what
---@class perigee.tasklib
local task = {}

--- Waits.
---@param ms integer
function task.sleep(ms) end

--- Starts `fn(...)` as a task that belongs to the same stream. A failure that nobody waits for is logged.
---@param fn function
---@param ... any for fn
---@return TaskHandle
function task.spawn(fn, ...) end

--- Runs them side by side and waits for all. When one fails the others are cancelled.
---@param functions function[]
---@return any[]|nil
---@return any
function task.all(functions) end

--- From now on the running task belongs to no stream, and goes on when its stream ends.
function task.detach() end

--- The stream that the running task belongs to.
---@return Http2Stream?
function task.owner() end

--- The running task, for `wake`. For code that waits for something of its own: take it, start what will wake it, call `suspend`.
---@return table?
function task.current() end

--- Waits for `wake`.
---@return any
function task.suspend() end

--- Lets `suspend` of that task return these values. Too late is no harm.
---@param running table from `current`
---@param ... any up to four values
function task.wake(running, ...) end

return task

