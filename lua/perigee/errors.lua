--- errors: what is thrown, and what 'error' events carry: a table {name, code, message, ...} whose
-- text is Node's: "TypeError [ERR_INVALID_ARG_TYPE]: …".
local errors = {}

local Error = {}
Error.__index = Error

function Error:__tostring()
  if self.code then
    return ("%s [%s]: %s"):format(self.name, self.code, self.message)
  end
  return ("%s: %s"):format(self.name, self.message)
end

--- Makes an error. fields (table, optional): more of them, such as errno or cause.
function errors.new(code, message, fields)
  local e = setmetatable({ name = "Error", code = code, message = message }, Error)
  if fields then
    for key, value in next, fields do e[key] = value end
  end
  return e
end

--- The same with another name: "TypeError", "RangeError".
function errors.named(name, code, message)
  return setmetatable({ name = name, code = code, message = message }, Error)
end

function errors.is(value)
  return type(value) == "table" and getmetatable(value) == Error
end

local function message_of(value)
  return value.message
end

--- Any thrown value as an error: tables with a message as they are, the rest as a message.
function errors.from(value)
  if errors.is(value) then return value end
  if type(value) == "table" then
    local ok, message = pcall(message_of, value)
    if ok and type(message) == "string" then return value end
  end
  local ok, text = pcall(tostring, value)
  return errors.new(nil, ok and type(text) == "string" and text or "(a " .. type(value) .. " without a text)",
    { value = value })
end

local function shown(value)
  if type(value) == "string" then return ("%q"):format(value) end
  return tostring(value)
end

local function kind_of(name)
  return name:find(".", 1, true) and "property" or "argument"
end

--- Throws ERR_INVALID_ARG_TYPE unless value is of one of the types ("string or table").
function errors.check_type(value, name, types)
  local t = type(value)
  for wanted in types:gmatch "%a+" do
    if t == wanted then return value end
  end
  error(errors.named("TypeError", "ERR_INVALID_ARG_TYPE",
    ("The %q %s must be of type %s. Received type %s (%s)")
      :format(name, kind_of(name), types, t, shown(value))), 0)
end

--- Throws ERR_INVALID_ARG_VALUE. name: of an argument, or "options.x". reason (optional): "is invalid" by default.
function errors.invalid_value(name, value, reason)
  error(errors.named("TypeError", "ERR_INVALID_ARG_VALUE", ("The %s '%s' %s. Received %s")
    :format(kind_of(name), name, reason or "is invalid", shown(value))), 0)
end

--- Throws ERR_OUT_OF_RANGE unless value is a whole number from low to high.
function errors.check_range(value, name, low, high)
  if type(value) ~= "number" then errors.check_type(value, name, "number") end
  if value ~= value or value < low or value > high or value % 1 ~= 0 then
    error(errors.named("RangeError", "ERR_OUT_OF_RANGE",
      ("The value of %q is out of range. It must be a whole number >= %s and <= %s. Received %s")
        :format(name, tostring(low), tostring(high), tostring(value))), 0)
  end
  return value
end

--- The names in `known` (a table with the names as keys) nearest to `name`, or nil.
function errors.nearest(name, known)
  local best, best_distance
  local lower = name:lower()
  for candidate in next, known do
    local other = candidate:lower()
    local row = {}
    for j = 0, #other do row[j] = j end
    for i = 1, #lower do
      local diagonal = row[0]
      row[0] = i
      for j = 1, #other do
        local above = row[j]
        local cost = lower:byte(i) == other:byte(j) and 0 or 1
        row[j] = math.min(above + 1, row[j - 1] + 1, diagonal + cost)
        diagonal = above
      end
    end
    local distance = row[#other]
    if not best or distance < best_distance or (distance == best_distance and candidate < best) then
      best, best_distance = candidate, distance
    end
  end
  if best and best_distance <= math.max(2, #name / 3) then return best end
  return nil
end

return errors
