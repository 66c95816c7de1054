--- http_date: dates as HTTP writes them (RFC 9110 5.6.7).
local errors = require "perigee.errors"

local http_date = {}

local DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }
local month_number = {}
for i, name in ipairs(MONTHS) do month_number[name] = i end

local floor = math.floor
local SECONDS_MAX = 253402300799 -- the end of the year 9999

-- Days from 1970-01-01 to a date of the Gregorian calendar. (Years begin in March here: the leap day is the last.)
local function days_from(year, month, day)
  if month <= 2 then year = year - 1 end
  local of_year = floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return year * 365 + floor(year / 4) - floor(year / 100) + floor(year / 400) + of_year - 719468
end

--- The IMF-fixdate of a time: "Sun, 06 Nov 1994 08:49:37 GMT". seconds: since 1970, 0 up to the year 9999.
function http_date.format(seconds)
  seconds = floor(errors.check_type(seconds, "seconds", "number"))
  errors.check_range(seconds, "seconds", 0, SECONDS_MAX)
  local t = os.date("!*t", seconds)
  return ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[t.wday], t.day, MONTHS[t.month], t.year, t.hour,
    t.min, t.sec)
end

-- The three forms that a recipient must take: IMF-fixdate, RFC 850, asctime.
local FORMS = {
  { "^%a%a%a, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$", "day month year hour min sec" },
  { "^%a+day, (%d%d)%-(%a%a%a)%-(%d%d) (%d%d):(%d%d):(%d%d) GMT$", "day month year hour min sec" },
  { "^%a%a%a (%a%a%a) ([ %d]%d) (%d%d):(%d%d):(%d%d) (%d%d%d%d)$", "month day hour min sec year" },
}

-- RFC 9110 5.6.7: two digits that seem to be more than 50 years ahead are of the past.
local function full_year(text)
  local year = tonumber(text)
  if #text == 4 then return year end
  local now = tonumber(os.date "!%Y")
  year = year + now - now % 100
  if year > now + 50 then year = year - 100 end
  return year
end

local function in_range(value, low, high)
  return value and value >= low and value <= high
end

--- The seconds since 1970 of a date in any form that HTTP knows; nil when it is none.
function http_date.parse(text)
  for i = 1, #FORMS do
    local found = { text:match(FORMS[i][1]) }
    if found[1] then
      local t, n = {}, 0
      for name in FORMS[i][2]:gmatch "%a+" do
        n = n + 1
        t[name] = found[n]
      end
      local month, day = month_number[t.month], tonumber(t.day)
      local hour, min, sec = tonumber(t.hour), tonumber(t.min), tonumber(t.sec)
      if not month or not in_range(day, 1, 31) or hour > 23 or min > 59 or sec > 60 then return nil end
      return days_from(full_year(t.year), month, day) * 86400 + hour * 3600 + min * 60 + sec
    end
  end
  return nil
end

return http_date
