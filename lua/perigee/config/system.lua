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

-- The path of this process's control group: of version 2, and of version 1's controller of processors.
local function groups_of(text)
  local unified, old
  for controllers, path in text:gmatch "%d+:([^:\n]*):(/[^\n]*)" do
    if controllers == "" then unified = path end
    if ("," .. controllers .. ","):find(",cpu,", 1, true) then old = path end
  end
  return unified, old
end

-- The smallest quota from this process's control group up to the root, or nil.
local function quota()
  local unified, old = groups_of(native.read_file "/proc/self/cgroup" or "")
  local least
  local function heed(found)
    if found and (not least or found < least) then least = found end
  end
  while unified do
    heed(quota_of(native.read_file("/sys/fs/cgroup" .. unified .. "/cpu.max")))
    unified = #unified > 1 and unified:match "^(.*)/[^/]*$" or nil
  end
  if old then
    local folder = "/sys/fs/cgroup/cpu" .. old
    local us = (native.read_file(folder .. "/cpu.cfs_quota_us") or ""):match "^%d+"
    local period = (native.read_file(folder .. "/cpu.cfs_period_us") or ""):match "^%d+"
    heed(us and quota_of(us .. " " .. (period or "100000")))
  end
  return least
end

--- How many processors this process may use: its affinity, and the quota of its control group, rounded up.
function system.processors()
  local count = native.processors()
  return math.min(count, quota() or count)
end

return system
