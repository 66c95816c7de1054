--- file_stat: what fstat says of a file, with Node's names: size, mode, ino, dev, nlink, uid, gid; mtime, atime, ctime
-- as {sec, nsec} with toUTCString(); mtimeMs, atimeMs, ctimeMs; isFile() and its kin.
local http_date = require "perigee.http_date"

local file_stat = {}

local Time = {}
Time.__index = Time

--- "Sun, 06 Nov 1994 08:49:37 GMT". What HTTP cannot write (before 1970) is its nearest date.
function Time:toUTCString()
  return http_date.format(math.min(math.max(self.sec, 0), 253402300799))
end
Time.__tostring = Time.toUTCString

--- Milliseconds since 1970, with fractions.
function Time:getTime()
  return self.sec * 1000 + self.nsec / 1e6
end

local methods = {}
for name, kind in next, {
  isFile = "file", isDirectory = "directory", isFIFO = "fifo", isSocket = "socket", isCharacterDevice = "char",
  isBlockDevice = "block", isSymbolicLink = "link",
} do
  methods[name] = function(self) return self.type == kind end
end

local in_ms = { mtimeMs = "mtime", atimeMs = "atime", ctimeMs = "ctime" }

local Stat = {}
function Stat.__index(self, key)
  local time = in_ms[key]
  if time then return Time.getTime(self[time]) end
  return methods[key]
end

--- Gives luv's table (which stays what it is) those methods. Returns it.
function file_stat.wrap(stat)
  for _, name in next, in_ms do setmetatable(stat[name], Time) end
  return setmetatable(stat, Stat)
end

return file_stat
