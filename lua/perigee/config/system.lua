--- config.system: what the checks ask the system, all in one table so that a test can give its own. Filled in by C
-- (bind_configuration.c): read_file, about, address, certificate, user, group, uid, processors, environment, now,
-- absolute, random, tls_context, evaluate.
local native = require "perigee.native"

local system = setmetatable({}, { __index = native })

-- A quota of the control group in processors, or nil. text: of cpu.max, "max 100000" or "150000 100000".
local function quota_of(text)
  local quota, period = (text or ""):match "^(%d+) (%d+)"
  if quota and tonumber(period) > 0 then return math.max(1, math.ceil(tonumber(quota) / tonumber(period))) end
end

-- The smallest quota from this process's control group up to the root (version 2), or version 1's own.
local function quota()
  local groups = native.read_file "/proc/self/cgroup" or ""
  local least
  local path = groups:match "0::(/[^\n]*)"
  while path do
    local found = quota_of(native.read_file("/sys/fs/cgroup" .. path .. "/cpu.max"))
    if found and (not least or found < least) then least = found end
    path = path ~= "/" and path ~= "" and (path:match "^(.*)/[^/]*$") or nil
  end
  local v1 = groups:match "[:,]cpu[:,][^\n]*:(/[^\n]*)" or groups:match ":cpu,cpuacct:(/[^\n]*)"
  if v1 then
    local folder = "/sys/fs/cgroup/cpu" .. v1
    local us = native.read_file(folder .. "/cpu.cfs_quota_us") or ""
    local found = quota_of(us:match "^%d+" and us:match "^%d+" .. " " ..
      (native.read_file(folder .. "/cpu.cfs_period_us") or "100000"))
    if found and (not least or found < least) then least = found end
  end
  return least
end

--- How many processors this process may use: its affinity, and the quota of its control group, rounded up.
function system.processors()
  local count = native.processors()
  return math.min(count, quota() or count)
end

return system
