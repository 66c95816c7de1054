--- http2.cancel: what ends other things than itself. Tokens (Node's AbortSignal and its controller in one) end what
-- was begun with them: client:request(headers, {signal = token}), server:listen {signal = token}. A stream that ends
-- abnormally ends what belongs to it: its tasks, and the requests whose parent it is.
local task = require "perigee.task"
local errors = require "perigee.errors"

local cancel = {}

local Token = { cancelled = false }
Token.__index = Token

--- A token that nobody has cancelled.
function cancel.new()
  return setmetatable({ _count = 0, _begun = {} }, Token)
end

--- value, when it is a token. Throws ERR_INVALID_ARG_TYPE with the argument's name when it is none.
function cancel.check(value, name)
  if getmetatable(value) == Token then return value end
  error(errors.named("TypeError", "ERR_INVALID_ARG_TYPE",
    ("The %q argument must be a token of http2.cancelToken(). Received type %s"):format(name, type(value))), 0)
end

--- The error of what was cancelled with the token: an AbortError, code ABORT_ERR; cause: the reason.
function cancel.error_of(token)
  local err = errors.named("AbortError", "ABORT_ERR", "The operation was aborted")
  err.cause = token.reason
  return err
end

--- Ends everything that was begun with the token, in that order. reason: kept as token.reason and as the
-- cause of the errors. The second time nothing happens.
function Token:cancel(reason)
  if self.cancelled then return end
  self.cancelled, self.reason = true, reason
  local list = {}
  for key, entry in next, self._begun do list[#list + 1] = { key = key, at = entry.at, fn = entry.fn } end
  table.sort(list, function(a, b) return a.at < b.at end)
  self._begun = {}
  for i = 1, #list do task.run(nil, list[i].fn, list[i].key) end
end

--- Calls fn(key) when the token is cancelled, unless cancel.forget() comes first. Not for a cancelled one.
function cancel.add(token, key, fn)
  token._count = token._count + 1
  token._begun[key] = { at = token._count, fn = fn }
end

--- key ended by itself.
function cancel.forget(token, key)
  token._begun[key] = nil
end

--- After a stream's abnormal end: what belongs to it ends too.
function cancel.owned(stream, reason)
  if stream._tasks then task.cancel_owned(stream, reason) end
  local requests = stream._requests
  stream._requests = nil
  for i = 1, requests and #requests or 0 do requests[i]:_give_up() end
end

--- request belongs to the stream parent from now on: it ends when that ends abnormally, at once if it has.
function cancel.adopt(parent, request)
  if parent.closed and (parent.aborted or parent.rstCode ~= 0) then
    request:_give_up()
    return
  end
  local requests = parent._requests or {}
  parent._requests = requests
  requests[#requests + 1] = request
  request:once("close", function()
    for i = 1, #requests do
      if requests[i] == request then return table.remove(requests, i) end
    end
  end)
end

return cancel
