--- config.lines: in which line of a configuration file a setting stands. Reads the source's table constructors: that of
-- the last `return`, and those of local variables, which it may name. What it cannot follow has the line of the
-- table around it.
local lines = {}

-- Calls on(kind, text, line) for each token: kind "name", "text", "number" or "sign".
local function scan(source, on)
  local at, line = 1, 1
  local function skip_to(last)
    local _, count = source:sub(at, last):gsub("\n", "")
    line = line + count
    at = last + 1
  end
  -- A first line for the shell, a mark of UTF-8.
  if source:find "^\239\187\191" then at = 4 end
  if source:find("^#", at) then skip_to((source:find("\n", at, true) or #source + 1) - 1) end
  while at <= #source do
    local c = source:sub(at, at)
    local text_equals = c == "[" and source:match("^%[(=*)%[", at)
    local comment_equals = c == "-" and source:match("^%-%-%[(=*)%[", at)
    if text_equals or comment_equals then
      local closing = "]" .. (text_equals or comment_equals) .. "]"
      local _, last = source:find(closing, at, true)
      local text = source:sub(at, last or #source)
      if text_equals then on("text", text:sub(#closing + 1, -#closing - 1):gsub("^\n", ""), line) end
      skip_to(last or #source)
    elseif c == "-" and source:find("^%-%-", at) then
      skip_to((source:find("\n", at, true) or #source + 1) - 1)
    elseif c == '"' or c == "'" then
      local last = at + 1
      while last <= #source and source:sub(last, last) ~= c do
        last = last + (source:sub(last, last) == "\\" and 2 or 1)
      end
      on("text", source:sub(at + 1, last - 1), line)
      skip_to(math.min(last, #source))
    elseif c:find "[%a_]" then
      local word = source:match("^[%w_]+", at)
      on("name", word, line)
      at = at + #word
    elseif c:find "%d" then
      local word = source:match("^[%w.]+", at)
      on("number", word, line)
      at = at + #word
    elseif c:find "%s" then
      skip_to(at)
    else
      local sign = source:match("^[=~<>]=", at) or c
      on("sign", sign, line)
      at = at + #sign
    end
  end
end

local opening = { ["{"] = true, ["("] = true, ["["] = true }
local closing = { ["}"] = true, [")"] = true, ["]"] = true }

local Reader = {}
Reader.__index = Reader

function Reader:is(offset, sign)
  local token = self.tokens[self.at + offset]
  return token ~= nil and token.kind == "sign" and token.text == sign
end

function Reader:ends_value(offset)
  return self.tokens[self.at + offset] == nil or self:is(offset, ",") or self:is(offset, ";") or self:is(offset, "}")
end

-- Over the rest of an expression, to the sign that ends it.
function Reader:skip_value()
  local depth = 0
  while self.tokens[self.at] do
    local token = self.tokens[self.at]
    if depth == 0 and self:ends_value(0) then return end
    if token.kind == "sign" and opening[token.text] then depth = depth + 1 end
    if token.kind == "sign" and closing[token.text] then depth = depth - 1 end
    self.at = self.at + 1
  end
end

-- What stands at the place: a table's node, or one with the line only.
function Reader:value(line, depth)
  local token = self.tokens[self.at]
  local node = { line = line }
  if not token then return node end
  if self:is(0, "{") then
    node = self:constructor(line, depth + 1)
  elseif token.kind == "name" and self:ends_value(1) and self.variables[token.text] then
    node = self.variables[token.text]
  end
  self:skip_value()
  return node
end

-- Stands on "{"; ends behind "}".
function Reader:constructor(line, depth)
  local node, count = { line = line, fields = {}, twice = {} }, 0
  self.at = self.at + 1
  if depth > 100 then return node end
  while self.tokens[self.at] and not self:is(0, "}") do
    local token = self.tokens[self.at]
    local key
    if token.kind == "name" and self:is(1, "=") then
      key = token.text
      self.at = self.at + 2
    elseif self:is(0, "[") and self:is(2, "]") and self:is(3, "=") then
      local name = self.tokens[self.at + 1]
      key = name.kind == "number" and tonumber(name.text) or name.text
      self.at = self.at + 4
    else
      count = count + 1
      key = count
    end
    local before = node.fields[key]
    node.fields[key] = self:value(token.line, depth)
    if before then node.twice[#node.twice + 1] = { key = key, line = token.line, first = before.line } end
    if self:is(0, ",") or self:is(0, ";") then self.at = self.at + 1 end
  end
  self.at = self.at + 1
  return node
end

--- The node of what the file returns, for lines.of(), or nil.
function lines.read(source)
  local reader = setmetatable({ tokens = {}, at = 1, variables = {} }, Reader)
  scan(source, function(kind, text, line)
    reader.tokens[#reader.tokens + 1] = { kind = kind, text = text, line = line }
  end)
  local root
  while reader.tokens[reader.at] do
    local token, before = reader.tokens[reader.at], reader.at
    if token.kind == "name" and token.text == "return" then
      reader.at = reader.at + 1
      local first = reader.tokens[reader.at]
      if reader:is(0, "{") then
        root = reader:constructor(first.line, 0)
      elseif first and first.kind == "name" then
        root = reader.variables[first.text] or root
      end
    elseif token.kind == "name" and reader:is(1, "=") and reader:is(2, "{") then
      reader.at = reader.at + 2
      reader.variables[token.text] = reader:constructor(token.line, 0)
    end
    reader.at = math.max(reader.at, before + 1)
  end
  return root
end

--- Calls fn(path, line, line of the first) for each key that a table has twice: Lua would take the last in silence.
function lines.each_twice(root, fn)
  local function visit(node, path)
    if not node or not node.fields or #path > 16 then return end
    for _, twice in ipairs(node.twice) do
      path[#path + 1] = twice.key
      fn({ unpack(path) }, twice.line, twice.first)
      path[#path] = nil
    end
    for key, inner in next, node.fields do
      path[#path + 1] = key
      visit(inner, path)
      path[#path] = nil
    end
  end
  visit(root, {})
end

--- The line of a setting, or of the nearest table around it; nil when nothing is known. path: a list of keys.
function lines.of(root, path)
  local node = root
  local line = node and node.line
  for i = 1, #path do
    node = node and node.fields and node.fields[path[i]]
    if not node then break end
    line = node.line
  end
  return line
end

return lines
