--- support: what specs share: servers without a network, requests, records of events, waiting.
--
-- Whatever is made here is closed when the test ends.
local http2 = require "http2"
local task = require "perigee.task"
local uv = require "luv"

local support = {}

local WAIT_MS = (os.getenv "PERIGEE_SANITIZED" or os.getenv "PERIGEE_SPEC_GC") and 20000 or 3000

local servers, sessions, failures = {}, {}, {}

-- Errors that no script caught fail the test, unless it asks for them with failures().
local function hear_failures()
  local name, handler = debug.getupvalue(task.set_failure_handler, 1)
  if name ~= "on_failure" then error "task.set_failure_handler looks different now" end
  task.set_failure_handler(function(owner, err, co)
    if not (type(err) == "table" and err.code == "ERR_PERIGEE_CANCELLED") then
      failures[#failures + 1] = debug.traceback(co, tostring(err))
    end
    handler(owner, err, co)
  end)
end
hear_failures()

--- What listeners and callbacks threw until now: a list of texts. They are forgiven.
function support.failures()
  local list = failures
  failures = {}
  return list
end

--- For the runner: a test begins.
function support.begin()
  servers, sessions, failures = {}, {}, {}
end

--- Closes with the test: a server.
function support.adopt_server(server)
  servers[#servers + 1] = server
  return server
end

--- Closes with the test: a client session.
function support.adopt_session(session)
  sessions[#sessions + 1] = session
  return session
end

--- A plain server that nobody can reach but support.connect(). handler: for 'stream', or nil.
function support.server(handler, options)
  local server = http2.createServer(options)
  if handler then server:on("stream", handler) end
  return support.adopt_server(server)
end

--- A client session with server, over a pipe in memory. It connects in a moment.
function support.connect(server, options)
  return support.adopt_session(http2.connectPair(server, options))
end

--- The same when it stands.
function support.connected(server, options)
  local session = support.connect(server, options)
  session:await "connect"
  return session
end

--- One exchange: {status, headers, body, flags, err, stream}. headers: of the request, or its path; sent: its
-- body, or nil.
function support.request(server, headers, sent)
  if type(headers) == "string" then headers = { [":path"] = headers } end
  local session = support.connect(server)
  local stream = session:request(headers, { endStream = sent == nil })
  if sent then stream:finish(sent) end
  local response, flags = stream:await "response"
  if not response then
    session:close()
    return { err = flags, stream = stream }
  end
  local body, err = stream:body()
  session:close()
  return {
    status = response[":status"], headers = response, flags = flags, body = body, err = err, stream = stream,
  }
end

support.get = support.request

--- Reads what a stream still gets and waits for its 'close'. Returns the stream.
function support.over(stream)
  stream:resume()
  stream:await "close"
  return stream
end

--- Waits until test() is true; throws after a while.
function support.wait_for(test)
  local last = uv.hrtime() + WAIT_MS * 1e6
  while not test() do
    if uv.hrtime() > last then error("waited in vain", 2) end
    task.sleep(1)
  end
end

--- Lets the loop go round a few times: for what should not happen.
function support.turns(n)
  for _ = 1, n or 5 do
    local me = task.current()
    setImmediate(function() task.wake(me) end)
    task.suspend()
  end
end

--- Sends the events of an object into a list as "NAME event". names: text with the events' names.
function support.record(list, name, object, names)
  for event in names:gmatch "%S+" do
    object:on(event, function() list[#list + 1] = name .. " " .. event end)
  end
end

--- A folder of its own for the running spec.
local folder
function support.folder()
  if not folder then folder = uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/spec-XXXXXX") end
  return folder
end

--- A file with that text in the folder; returns its path.
function support.file(name, text)
  local path = support.folder() .. "/" .. name
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

--- For the runner: closes what is open.
function support.close_all()
  for _, server in ipairs(servers) do
    if server._slot and not server._closing then server:close() end -- it listens, or has pairs
  end
  for _, session in ipairs(sessions) do session:destroy() end
  for _, server in ipairs(servers) do
    for session in pairs(server._sessions) do session:destroy() end
  end
end

--- For the runner: the end.
function support.clean_up()
  if not folder then return end
  for name in uv.fs_scandir_next, uv.fs_scandir(folder) do os.remove(folder .. "/" .. name) end
  uv.fs_rmdir(folder)
end

return support
