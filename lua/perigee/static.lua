--- static: serves the files of a folder: GET and HEAD with types, validators, conditions (RFC 9110 13) and ranges
-- (RFC 9110 14). Nothing outside of the folder is ever opened, whatever a path says and wherever links lead.
--
--   local files = require("perigee.static").new "public"
--   return function(stream, headers) files:respond(stream, headers) end
local native = require "perigee.native"
local errors = require "perigee.errors"
local task = require "perigee.task"
local log = require "perigee.log"
local conditions = require "perigee.static_conditions"
local types = require "perigee.static_types"
local file_response = require "http2.file_response"

local static = {}
local SLASH, DOT = 47, 46

local Files = {}
Files.__index = Files

local OPTIONS = {
  index = "string or boolean", dotfiles = "boolean", links = "boolean", cacheControl = "string", types = "table",
  prefix = "string", precompressed = "boolean",
}

--- A server of the files below root. It is opened now: a missing one throws (ENOENT, ENOTDIR, …). options:
--   index          the file for a folder, "index.html" by default; false: none
--   dotfiles       true: names that begin with a dot are served too
--   links          false: no symbolic links at all (true by default: those that stay below root)
--   cacheControl   the cache-control field of what is found, such as "max-age=3600"
--   types          {extension = content type}, before the built-in ones
--   prefix         what paths begin with and files do not, such as "/static" (or "/static/")
--   precompressed  true: FILE.br or FILE.gz is sent to those who take it
function static.new(root, options)
  errors.check_type(root, "root", "string")
  options = options or {}
  errors.check_type(options, "options", "table")
  for name, value in next, options do
    if not OPTIONS[name] then errors.invalid_value("options." .. tostring(name), value, "is unknown") end
    errors.check_type(value, "options." .. name, OPTIONS[name])
  end
  local folder, code, text = native.folder_open(root)
  if not folder then
    error(errors.new(code, ("%s: %s, open '%s'"):format(code, text, root), { path = root, syscall = "open" }), 0)
  end
  -- Without slashes at its end: two in a row would make the location of a folder another host's.
  local prefix = (options.prefix or ""):gsub("/+$", "")
  if prefix ~= "" and prefix:byte(1) ~= SLASH then
    errors.invalid_value("options.prefix", prefix, "must begin with a slash")
  end
  local index = options.index
  if index == nil or index == true then index = "index.html" end
  return setmetatable({
    _folder = folder, _index = index, _dotfiles = options.dotfiles == true, _links = options.links ~= false,
    _cache_control = options.cacheControl, _types = options.types or {}, _prefix = prefix,
    _precompressed = options.precompressed == true,
  }, Files)
end

-- --- Answers without a file.

local TEXTS = {
  [400] = "Bad Request", [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed",
  [412] = "Precondition Failed", [416] = "Range Not Satisfiable", [500] = "Internal Server Error",
  [503] = "Service Unavailable", [301] = "Moved Permanently",
}

local function is_over(stream)
  return stream.destroyed or stream.closed or stream.headersSent
end

-- t: more fields, or nil. The text says nothing of the file system.
local function refuse(stream, status, t)
  if is_over(stream) then return end
  local text = TEXTS[status] .. "\n"
  t = t or {}
  t[":status"], t["content-type"], t["content-length"] = status, "text/plain; charset=utf-8", #text
  t["x-content-type-options"] = "nosniff"
  stream:respond(t)
  if not stream.headRequest then stream:finish(text) end
end

-- What an errno tells the client.
local STATUS_OF = {
  ENOENT = 404, ENOTDIR = 404, ENAMETOOLONG = 404, ELOOP = 404, EXDEV = 404, EACCES = 403, EPERM = 403,
  ENXIO = 403, EMFILE = 503, ENFILE = 503, ENOMEM = 503, EAGAIN = 503,
}

local function refuse_errno(stream, code)
  local status = STATUS_OF[code] or 500
  if status >= 500 then log.warn("a file could not be opened", "error", code) end
  refuse(stream, status)
end

-- --- The path.

-- Decodes one segment, once. nil: not percent-encoded as it should be, or with a byte that has no place in a name.
local function decode(segment)
  if segment:find "%%" then
    if segment:gsub("%%%x%x", ""):find("%", 1, true) then return nil end
    segment = segment:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
  end
  if segment:find "[%z\1-\31\127/\\]" then return nil end -- an encoded slash is no slash, and nothing else either
  return segment
end

-- The names of a request path's segments; is_folder: it ends with a slash. Or nil and the status of the refusal.
local function names_of(self, path)
  local names, is_folder = {}, true
  for segment in (path .. "/"):gmatch "([^/]*)/" do
    local name = decode(segment)
    if not name or name == "." or name == ".." then return nil, 400 end
    names[#names + 1] = name
  end
  -- "/a/b" has an empty one in front, "/a/" also one behind.
  if table.remove(names, 1) ~= "" or #names == 0 then return nil, 400 end
  if names[#names] == "" then names[#names] = nil else is_folder = false end
  for i = 1, #names do
    if names[i] == "" then return nil, 404 end
    if names[i]:byte(1) == DOT and not self._dotfiles then return nil, 404 end
  end
  return names, is_folder
end

local function encode(name)
  return (name:gsub("[^%w._~!$&'()*+,;=:@-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- The same path with a slash behind it.
local function folder_location(request)
  local parts = {}
  for i, name in ipairs(request.names) do parts[i] = encode(name) end
  local query = request.query:gsub("[^%w%p]", function(c) return ("%%%02X"):format(c:byte()) end)
  return ("%s/%s/%s"):format(request.files._prefix, table.concat(parts, "/"), query)
end

-- --- The file.

local function accepts(headers, coding)
  local accepted = headers["accept-encoding"]
  if not accepted then return false end
  for item in accepted:lower():gmatch "[^,]+" do
    local name, parameters = item:match "^%s*([%w*-]+)%s*(.*)$"
    if name == coding then return not parameters:find "^;%s*q=0%.?0*%s*$" end
  end
  return false
end

local function send_file(request, fd, stat, coding)
  local self, stream = request.files, request.stream
  local fields = conditions.validators(stat)
  fields["content-type"] = types.of(request.path, self._types)
  fields["accept-ranges"] = "bytes"
  fields["x-content-type-options"] = "nosniff"
  fields["cache-control"] = self._cache_control
  fields["content-encoding"] = coding
  if self._precompressed then fields.vary = "accept-encoding" end
  local status, first, length = conditions.evaluate(request.headers, fields, stat)
  if status == 200 or status == 206 then
    if status == 206 then
      fields["content-range"] = ("bytes %.0f-%.0f/%.0f"):format(first, first + length - 1, stat.size)
    end
    fields[":status"], fields["content-length"] = status, length
    return file_response.send_open(stream, fd, fields, first, length)
  end
  file_response.close(fd)
  local t = { etag = fields.etag, vary = fields.vary }
  if status == 416 then t["content-range"] = ("bytes */%.0f"):format(stat.size) end
  if status ~= 304 then return refuse(stream, status, t) end
  t[":status"], t["cache-control"], t["last-modified"] = 304, fields["cache-control"], fields["last-modified"]
  stream:respond(t)
end

local open_file

local function on_opened(request, code, fd, stat)
  local stream = request.stream
  if is_over(stream) then
    if fd then file_response.close(fd) end
    return
  end
  local coding = table.remove(request.codings, 1)
  if fd then return send_file(request, fd, stat, coding) end
  if coding then return open_file(request) end -- there is none that is compressed so
  if code then return refuse_errno(stream, code) end
  if stat.type ~= "directory" then return refuse(stream, 403) end
  if request.is_folder then return refuse(stream, 404) end -- a folder that has the index's name
  refuse(stream, 301, { location = folder_location(request) })
end

local SUFFIXES = { br = ".br", gzip = ".gz" }

open_file = function(request)
  local files, coding = request.files, request.codings[1]
  native.file_open(files._folder, request.path .. (SUFFIXES[coding] or ""), files._links, function(code, _, fd, stat)
    if code then fd = nil end
    task.run(request.stream, on_opened, request, code, fd, stat)
  end)
end

local function codings_for(headers)
  local codings = {}
  for _, coding in ipairs { "br", "gzip" } do
    if accepts(headers, coding) then codings[#codings + 1] = coding end
  end
  return codings
end

--- Answers a request. headers: its header table. The answer may come after this has returned.
function Files:respond(stream, headers)
  local method = headers[":method"]
  if method ~= "GET" and method ~= "HEAD" then return refuse(stream, 405, { allow = "GET, HEAD" }) end
  local path, query = (headers[":path"] or ""):match "^([^?#]*)(%??[^#]*)"
  local prefix = self._prefix
  if path:sub(1, #prefix) ~= prefix or prefix ~= "" and path:byte(#prefix + 1) ~= SLASH then
    return refuse(stream, 404)
  end
  local names, is_folder = names_of(self, path:sub(#prefix + 1))
  if not names then return refuse(stream, is_folder) end
  if is_folder then
    if not self._index then return refuse(stream, 404) end
    names[#names + 1] = self._index
  end
  open_file {
    files = self, stream = stream, headers = headers, path = table.concat(names, "/"), names = names,
    is_folder = is_folder, query = query, codings = self._precompressed and codings_for(headers) or {},
  }
end

return static
