--- handlers: what a script's main chunk returns: nothing (a program, which makes its own servers), or handlers.
local errors = require "perigee.errors"

local handlers = {}

local own_names = { stream = true, session = true, request = true, start = true }
local event_names = {
  sessionError = true, timeout = true, connection = true, close = true, listening = true, error = true,
  checkContinue = true, checkExpectation = true, connect = true, draining = true,
  secureConnection = true, tlsClientError = true, clientError = true, unknownProtocol = true, drop = true,
}

local function check(given, path)
  for name, fn in next, given do
    if not own_names[name] and not event_names[name] then
      local near = errors.nearest(tostring(name), own_names)
      return nil, ("%s returned a table with the unknown handler %q%s"):format(path, tostring(name),
        near and (" (did you mean %q?)"):format(near) or " (known: stream, session, request, start)")
    end
    if type(fn) ~= "function" then
      return nil, ("%s: the handler %q must be a function, not a %s"):format(path, name, type(fn))
    end
  end
  if not given.stream and not given.request then
    return nil, ("%s returned a table without a stream or request handler"):format(path)
  end
  return given
end

--- The table of handlers; false for a program; or nil and what is wrong. path: of the script.
function handlers.of(result, path)
  if result == nil then return false end
  if type(result) == "function" then return { stream = result } end
  if type(result) ~= "table" then
    return nil, ("%s returned a %s; expected a handler (a function, or a table with a stream or request handler), " ..
      "or nothing from a program that makes its own servers"):format(path, type(result))
  end
  return check(result, path)
end

--- Makes them listeners of the server. `start` is the caller's to call.
function handlers.attach(server, given)
  for name, fn in next, given do
    if name ~= "start" then server:on(name, fn) end
  end
end

return handlers
