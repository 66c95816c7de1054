--- http2.class: how streams and sessions find their methods and properties.

local class = {}

local function merged(...)
  local all = {}
  for i = 1, select("#", ...) do
    for name, value in next, (select(i, ...)) do all[name] = value end
  end
  return all
end

--- Makes a metatable. defaults: values until the object has its own; methods, more: of the class and of a role, which
-- come on top; getters, more_getters: name -> function(self), likewise. to_string: for tostring().
-- The parts that were put together are the metatable's methods and getters.
function class.metatable(defaults, methods, more, getters, more_getters, to_string)
  local fixed, computed = merged(defaults, methods, more), merged(getters, more_getters)
  return {
    __index = function(self, key)
      local value = fixed[key]
      if value ~= nil then return value end
      local getter = computed[key]
      if getter then return getter(self) end
      return nil
    end,
    __tostring = to_string, methods = fixed, getters = computed,
  }
end

return class
