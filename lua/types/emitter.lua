---@meta
-- Made by docs/generate from docs/source/emitter.lua; edit that.

--- what servers, sessions, streams, requests and responses share: listeners, and waiting for an event
---@class Emitter
---@field on fun(self: Emitter, event: "newListener", listener: fun(name: string, listener: function)): Emitter
---@field on fun(self: Emitter, event: "removeListener", listener: fun(name: string, listener: function)): Emitter
---@field on fun(self: Emitter, event: string, listener: function): Emitter
---@field once fun(self: Emitter, event: "newListener", listener: fun(name: string, listener: function)): Emitter
---@field once fun(self: Emitter, event: "removeListener", listener: fun(name: string, listener: function)): Emitter
---@field once fun(self: Emitter, event: string, listener: function): Emitter
local Emitter = {}

--- Calls `listener` at each event of that name.
---@param name string
---@param listener function
---@return self
function Emitter:on(name, listener) end

--- The same as `on`.
---@param name string
---@param listener function
---@return self
function Emitter:addListener(name, listener) end

--- Calls `listener` at the next event of that name only.
---@param name string
---@param listener function
---@return self
function Emitter:once(name, listener) end

--- As `on`, but before the listeners that are there.
---@param name string
---@param listener function
---@return self
function Emitter:prependListener(name, listener) end

--- As `once`, but before the listeners that are there.
---@param name string
---@param listener function
---@return self
function Emitter:prependOnceListener(name, listener) end

--- Takes the newest such listener away.
---@param name string
---@param listener function
---@return self
function Emitter:off(name, listener) end

--- The same as `off`.
---@param name string
---@param listener function
---@return self
function Emitter:removeListener(name, listener) end

--- Takes all listeners of that name away.
---@param name? string all events when it is left out
---@return self
function Emitter:removeAllListeners(name) end

--- How many listeners of that name there are.
---@param name string
---@return integer
function Emitter:listenerCount(name) end

--- The listeners of that name, in the order in which they are called.
---@param name string
---@return function[]
function Emitter:listeners(name) end

--- The same; one added by `once` comes as a function that takes itself away when it is called.
---@param name string
---@return function[]
function Emitter:rawListeners(name) end

--- The events that have listeners.
---@return string[]
function Emitter:eventNames() end

--- Does nothing: there is no bound on listeners.
---@param n integer
---@return self
function Emitter:setMaxListeners(n) end

--- Calls the listeners with these arguments. An 'error' that nobody hears is logged.
---@param name string
---@param ... any
---@return boolean
function Emitter:emit(name, ...) end

--- Waits for the event. One that comes once only and has already come ('close', 'response', 'connect', 'end' …)
--- is answered at once. While it waits it counts as a listener of 'error'. The error of a timeout is
--- [ERR_PERIGEE_TIMEOUT](errors.md#err_perigee_timeout).
---@param name string
---@param timeout? integer ms
---@return any
function Emitter:await(name, timeout) end

