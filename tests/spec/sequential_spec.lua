-- Sequential code over real exchanges (DESIGN: "Awaiting works in", "Cut bodies", "Ownership by a stream").
local http2 = require "http2"
local task = require "perigee.task"
local support = require "support"

local ENDS = { [0] = "code 0", [8] = "CANCEL", [2] = "INTERNAL_ERROR", lost = "the session lost" }

local function lose(stream, how)
  if how == "lost" then stream.session:destroy() else stream:close(how) end
end

-- A client's stream whose answer begins with "part" and is cut after a while; and a server's whose request is.
local function cut_answer(how)
  local server = support.server(function(stream)
    stream:on("error", function() end)
    stream:respond {}
    stream:write "part"
    support.turns(10)
    lose(stream, how)
  end)
  local session = support.connected(server)
  session:on("error", function() end)
  local stream = session:request()
  assert.equal(200, stream:await "response"[":status"])
  return stream
end

local function with_cut_request(how, read)
  local result
  local server = support.server(function(stream)
    stream:on("error", function() end)
    task.detach() -- else it is cancelled where it waits
    result = { read(stream) }
  end)
  local session = support.connected(server)
  local request = session:request { [":method"] = "POST" }
  request:on("error", function() end)
  request:write "part"
  support.turns(10)
  lose(request, how)
  support.wait_for(function() return result end)
  return unpack(result, 1, 3)
end

local READERS = {
  body = function(stream) return stream:body() end,
  ["await 'end'"] = function(stream) return stream:await "end" end,
  chunks = function(stream)
    local parts = {}
    local next_chunk, state = stream:chunks()
    while true do
      local chunk, err = next_chunk(state)
      if not chunk then return err == nil, err, table.concat(parts) end
      parts[#parts + 1] = chunk
    end
  end,
}

describe("a cut body", function()
  for how, name in pairs(ENDS) do
    for reader, read in pairs(READERS) do
      local wanted = how == 2 and "ERR_HTTP2_STREAM_ERROR" or "ERR_STREAM_PREMATURE_CLOSE"

      it(("gives nil, err to %s of a client (%s)"):format(reader, name), function()
        local stream = cut_answer(how)
        local value, err, parts = read(stream)
        assert.is_truthy(not value)
        assert.equal(wanted, err.code)
        if reader == "chunks" then assert.equal("part", parts) end
        assert.is_false(stream.complete)
        stream:await "close"
        assert.equal(how == "lost" and "session" or "peer", stream.closeInfo.by)
        assert.equal("reset", stream.closeInfo.reason)
      end)

      it(("gives nil, err to %s of a server (%s)"):format(reader, name), function()
        local value, err, parts = with_cut_request(how, read)
        assert.is_truthy(not value)
        assert.equal(wanted, err.code)
        if reader == "chunks" then assert.equal("part", parts) end
      end)
    end
  end
end)

describe("a whole body", function()
  it("is whole to each reader, and empty bodies are too", function()
    for _, body in ipairs { "", "text", ("long"):rep(50000) } do
      for reader, read in pairs(READERS) do
        local server = support.server(function(stream) stream:finish(body) end)
        local stream = support.connected(server):request()
        local value, err, parts = read(stream)
        assert.is_nil(err)
        if reader == "body" then assert.equal(body, value) end
        if reader == "chunks" then assert.equal(body, parts) end
        assert.is_true(stream.complete)
      end
    end
  end)

  it("comes with what was asked in one line", function()
    local server = support.server(function(stream, headers)
      stream:respond { ["x-path"] = headers[":path"] }
      stream:finish()
    end)
    local session = support.connect(server)
    assert.equal("/line", session:request { [":path"] = "/line" }:await "response"["x-path"])
  end)
end)

describe("await", function()
  it("that timed out can be tried again, and hears what came meanwhile", function()
    local go
    local server = support.server(function(stream)
      support.wait_for(function() return go end)
      stream:respond { ["x-late"] = "yes" }
      stream:finish()
    end)
    local stream = support.connected(server):request()
    local answer, err = stream:await("response", 1)
    assert.is_nil(answer)
    assert.equal("ERR_PERIGEE_TIMEOUT", err.code)
    go = true
    support.wait_for(function() return stream._response end)
    assert.equal("yes", stream:await("response", 1)["x-late"])
    assert.is_nil(stream._waiters)
  end)

  it("of an answer that never comes: the cause of a connection that could not be made", function()
    local session = support.adopt_session(http2.connect "http://127.0.0.1:1")
    session:on("error", function() end)
    local answer, err = session:request():await "response"
    assert.is_nil(answer)
    assert.equal("ERR_HTTP2_STREAM_CANCEL", err.code)
    assert.equal("ECONNREFUSED", err.cause.code)
  end)

  it("of any event is over when the stream is", function()
    local events = { "response", "trailers", "drain", "data", "end", "wantTrailers", "timeout", "no such thing" }
    for _, event in ipairs(events) do
      local server = support.server(function(stream) stream:close(8) end)
      local value, err = support.connected(server):request({ [":method"] = "POST" }):await(event)
      assert.is_nil(value)
      assert.equal("ERR_STREAM_PREMATURE_CLOSE", err.code)
    end
  end)

  it("inside a sort names it, and the handler's stream gets 500", function()
    local said
    local server = support.server(function(stream)
      local ok, err = pcall(function()
        table.sort({ 1, 2, 3 }, function(a, b)
          stream:await("data", 10)
          return a < b
        end)
      end)
      said = not ok and err
      error(err, 0)
    end)
    local got = support.get(server, { [":method"] = "POST" }, "body")
    assert.equal(500, got.status)
    assert.equal("ERR_PERIGEE_AWAIT_PLACE", said.code)
    assert.matches("sort", said.message)
    assert.equal(1, #support.failures())
  end)
end)

describe("send", function()
  it("waits for a client that reads slowly, and ends when that leaves", function()
    for _, how in ipairs { 0, 8, 2, "lost" } do
      local result
      local server = support.server(function(stream)
        stream:on("error", function() end)
        task.detach()
        local ok, err
        repeat ok, err = stream:send(("x"):rep(30000)) until not ok
        result = { ok, err }
      end)
      local session = support.connected(server)
      session:on("error", function() end)
      local stream = session:request()
      stream:on("error", function() end)
      stream:await "response"
      support.turns(10)
      assert.is_nil(result)
      lose(stream, how)
      support.wait_for(function() return result end)
      assert.is_nil(result[1])
      assert.equal(how == 2 and "ERR_HTTP2_STREAM_ERROR" or "ERR_STREAM_PREMATURE_CLOSE", result[2].code)
    end
  end)
end)

describe("a task of a stream", function()
  local function run(ending, fn)
    local log = {}
    local server = support.server(function(stream)
      stream:on("error", function() end)
      fn(stream, log)
    end)
    local session = support.connected(server)
    session:on("error", function() end)
    local stream = session:request()
    stream:on("error", function() end)
    ending(stream, log)
    return log
  end

  it("goes on behind a normal end: its own, what it spawned, and its requests", function()
    local inner
    local backend = support.server(function(stream)
      task.sleep(5)
      stream:finish "inner"
    end)
    local log = run(function(stream, log)
      assert.equal("done", stream:body())
      stream:await "close"
      support.wait_for(function() return #log == 3 end)
    end, function(stream, log)
      inner = support.connected(backend):request({}, { parent = stream })
      task.spawn(function()
        task.sleep(5)
        log[#log + 1] = "spawned"
      end)
      stream:finish "done"
      local body = inner:body()
      log[#log + 1] = body
      log[#log + 1] = "handler"
    end)
    table.sort(log)
    assert.same({ "handler", "inner", "spawned" }, log)
  end)

  it("is cancelled by every abnormal end, once, wherever it waits", function()
    for how in pairs(ENDS) do
      local waits = {
        function() task.sleep(60000) end,
        function() http2.createServer():await "never" end,
        function() http2.createServer():await("never", 60000) end,
        function() task.all { function() task.sleep(60000) end } end,
        function() task.spawn(function() task.sleep(60000) end):await() end,
      }
      local log = run(function(stream, log)
        stream:await "response"
        support.turns(5)
        lose(stream, how)
        support.wait_for(function() return #log == #waits end)
        support.turns(5)
      end, function(stream, log)
        stream:respond {}
        stream:write "part"
        for i = 1, #waits do
          task.spawn(function()
            local ok, err = pcall(waits[i])
            log[#log + 1] = ok and "went on" or err.code
          end)
        end
      end)
      for i = 1, #waits do assert.equal("ERR_PERIGEE_CANCELLED", log[i]) end
      assert.equal(#waits, #log)
    end
  end)

  it("is cancelled in the order in which it began to wait, and not again while it cleans up", function()
    local log = run(function(stream, log)
      stream:await "response"
      support.turns(3)
      stream:close(8)
      support.wait_for(function() return #log == 40 end)
      support.turns(5)
    end, function(stream, log)
      stream:respond {}
      stream:write "part"
      local before
      for i = 1, 20 do
        local waited_for = before
        before = task.spawn(function()
          local _, err = pcall(function()
            if waited_for then waited_for:await() end
            task.sleep(60000)
          end)
          log[#log + 1] = i .. " " .. err.code
          task.sleep(1)
          log[#log + 1] = "clean"
        end)
      end
    end)
    assert.equal(40, #log)
    for i = 1, 20 do
      assert.equal(i .. " ERR_PERIGEE_CANCELLED", log[i])
      assert.equal("clean", log[20 + i])
    end
  end)
end)
