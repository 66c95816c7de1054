-- Perigee's client against servers that other people wrote: perigee run client.lua URL CERTIFICATE|- MODE...
-- Prints a line or more for each mode; test_peer_servers.py compares them.
local http2 = require "http2"
local fs = require "fs"
local digest = require "perigee.digest"
local task = require "perigee.task"

local url, certificate = arg[1], arg[2]

local function connect()
  local client = http2.connect(url, { ca = certificate ~= "-" and fs.readFileSync(certificate) or nil })
  client:on("error", function(err) print("session error", err.code) end)
  return client
end

-- The rest of a body: its sha256, or why it was cut.
local function hash_of(stream)
  local sum = digest.new "sha256"
  local next_chunk, state = stream:chunks()
  while true do
    local chunk, err = next_chunk(state)
    if err then return err.code end
    if not chunk then return sum:hex() end
    sum:update(chunk)
  end
end

local function piece(n)
  return ("%08d"):format(n) .. ("x"):rep(16376)
end

local modes = {}

function modes.get(path)
  local client = connect()
  local request = client:request { [":path"] = path or "/get" }
  local answer = request:await "response"
  local body = request:body()
  print(client.alpnProtocol, answer[":status"], answer["x-many"], body, request.rstCode, request.complete)
  client:close()
end

function modes.head()
  local client = connect()
  local request = client:request { [":path"] = "/get", [":method"] = "HEAD" }
  local answer, flags = request:await "response"
  print(answer[":status"], flags % 2, request:body() == "", request.rstCode)
  client:close()
end

-- Each piece comes back before the next one leaves.
function modes.echo(path)
  local client = connect()
  local headers = { [":path"] = path or "/echo", [":method"] = "POST", trailer = "x-sum" }
  local request = client:request(headers, { waitForTrailers = true })
  request:on("wantTrailers", function() request:sendTrailers { ["x-sum"] = "abc" } end)
  local answer = request:await "response"
  local next_chunk, state = request:chunks()
  local same, waits = true, ""
  for n = 0, 63 do
    request:send(piece(n))
    while #waits < 16384 do waits = waits .. next_chunk(state) end
    same = same and waits:sub(1, 16384) == piece(n)
    waits = waits:sub(16385)
  end
  request:finish()
  local rest = next_chunk(state)
  local trailers = request:await "trailers"
  print(answer[":status"], same, rest, trailers["x-sum"], request.rstCode)
  client:close()
end

-- A body of pieces up, as fast as it is taken, and whatever comes back.
function modes.post(path, method)
  local client = connect()
  local request = client:request { [":path"] = path or "/echo", [":method"] = method or "POST" }
  task.spawn(function()
    for n = 0, 127 do request:send(piece(n)) end
    request:finish()
  end)
  local answer = request:await "response"
  print(answer[":status"], hash_of(request), request.rstCode)
  client:close()
end

function modes.stream(path)
  local client = connect()
  local request = client:request { [":path"] = path or "/stream" }
  print(request:await "response"[":status"], hash_of(request), request.rstCode)
  client:close()
end

function modes.trailers(path)
  local client = connect()
  local request = client:request { [":path"] = path }
  request:await "response"
  print(request:body(), request:await "trailers"["x-late"], request.rstCode)
  client:close()
end

function modes.hints()
  local client = connect()
  local request = client:request { [":path"] = "/hints" }
  request:on("headers", function(headers) print(headers[":status"], headers.link) end)
  print(request:await "response"[":status"], request:body(), request.rstCode)
  client:close()
end

-- GOAWAY comes in the middle of a body, which still arrives whole; the session takes no more requests.
function modes.goaway(path)
  local client = connect()
  local request = client:request { [":path"] = path or "/goaway" }
  local heard = false
  client:on("goaway", function(code)
    heard = true
    print("goaway", code, request.complete)
  end)
  request:await "response"
  if not heard then client:await "goaway" end
  local late = client:request { [":path"] = "/get" }
  local _, err = late:await "response"
  print(err and err.code, client.closed, client.destroyed)
  print(hash_of(request), request.rstCode)
  client:await "close"
  print("closed", client.closeInfo.code)
end

function modes.reset(path)
  local client = connect()
  local request = client:request { [":path"] = path or "/reset" }
  request:on("error", function(err) print("error", err.code, err.message) end)
  local answer = request:await "response"
  local hash = hash_of(request)
  request:await "close"
  print(answer[":status"], hash, request.rstCode, request.closeInfo.by)
  print(client:request { [":path"] = "/get" }:await "response"[":status"])
  client:close()
end

-- We leave in the middle of an answer; the server knows.
function modes.leave()
  local client = connect()
  local token = http2.cancelToken()
  local request = client:request({ [":path"] = "/endless" }, { signal = token })
  request:on("error", function(err) print("error", err.code) end)
  request:await "response"
  request:await "data"
  token:cancel()
  request:await "close"
  local seen
  repeat
    local again = client:request { [":path"] = "/aborted" }
    seen = again:body()
  until seen ~= "0"
  print(seen, request.rstCode)
  client:close()
end

-- The same to a server that cannot tell.
function modes.cancel(path)
  local client = connect()
  local request = client:request { [":path"] = path }
  request:await "response"
  request:await "data"
  request:close(8)
  request:await "close"
  print(request.rstCode, client:request { [":path"] = "/get" }:body())
  client:close()
end

-- An answer that comes before the body is through: we may stop.
function modes.early()
  local client = connect()
  local request = client:request { [":path"] = "/early", [":method"] = "POST" }
  request:on("error", function(err) print("error", err.code) end)
  task.spawn(function()
    while request:send(piece(0)) do end -- luacheck: ignore 542
  end)
  local answer = request:await "response"
  local body = request:body()
  print(answer[":status"], body, request.complete)
  request:close()
  client:close()
end

for i = 3, #arg do
  local name, rest = arg[i]:match "^(%w+)=?(.*)$"
  print("-- " .. name)
  local list = {}
  for word in rest:gmatch "[^,]+" do list[#list + 1] = word end
  modes[name](list[1], list[2])
end
