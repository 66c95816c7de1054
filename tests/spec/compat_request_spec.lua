-- Http2ServerRequest: every member of API.md 11, and what becomes of it when its stream is gone.
local http2 = require "http2"
local task = require "perigee.task"
local support = require "support"

local function new(handler, options)
  return support.adopt_server(http2.createServer(options, handler))
end

-- One exchange; handler(req, res) answers. Returns what support.request() returns.
local function exchange(handler, headers, sent)
  return support.request(new(handler), headers or "/", sent)
end

-- A request whose body the caller writes; returns the client's stream and a box that gets req and res.
local function open(handler, headers)
  local box = {}
  local session = support.connected(new(function(req, res)
    box.req, box.res = req, res
    handler(req, res)
  end))
  headers = headers or {}
  headers[":method"] = headers[":method"] or "POST"
  return session:request(headers), box, session
end

describe("a request's head", function()
  it("has method, url, scheme, authority, headers and version", function()
    local seen
    exchange(function(req, res)
      seen = {
        req.method, req.url, req.scheme, req.authority, req.headers["foo-bar"], req.headers["Foo-Bar"],
        req.httpVersion, req.httpVersionMajor, req.httpVersionMinor,
      }
      assert.is_nil(req.path)
      assert.equal(req.stream, res.stream)
      assert.equal(req, res.req)
      res:finish()
    end, { [":path"] = "/foobar?a=b", [":authority"] = "example.org:8000", ["foo-bar"] = "abc123" })
    assert.same({ "GET", "/foobar?a=b", "http", "example.org:8000", "abc123", "abc123", "2.0", 2, 0 }, seen)
  end)

  it("falls back to host when there is no :authority", function()
    local headers = { host = "example.org" }
    local req = http2.Http2ServerRequest:new({}, headers)
    assert.equal("example.org", req.authority)
    headers[":authority"] = "other.example"
    assert.equal("other.example", req.authority)
  end)

  it("lets method and url be rewritten, which the header table shows", function()
    exchange(function(req, res)
      req.url = "/one"
      assert.equal("/one", req.url)
      assert.equal("/one", req.headers[":path"])
      req.method = "PUT"
      assert.equal("PUT", req.method)
      assert.equal("PUT", req.headers[":method"])
      local err = assert.has_error(function() req.method = "   " end, "ERR_INVALID_ARG_VALUE")
      assert.matches("method", err.message)
      assert.has_error(function() req.method = true end, "ERR_INVALID_ARG_TYPE")
      assert.equal("PUT", req.method)
      res:finish()
    end)
    assert.same({}, support.failures())
  end)

  it("keeps fields of the script's own", function()
    exchange(function(req, res)
      req.user = "me"
      req._private = false
      assert.equal("me", req.user)
      assert.is_false(req._private)
      assert.is_nil(req.nothing)
      res:finish()
    end)
  end)

  it("has the raw headers in the order of the wire", function()
    local raw
    exchange(function(req, res)
      raw = req.rawHeaders
      assert.equal(raw, req.rawHeaders)
      res:finish()
    end, { "x-one", "1", "x-two", "2", "x-one", "3", ":path", "/" })
    local own = {}
    for i = 1, #raw, 2 do
      if raw[i]:find "^x%-" then own[#own + 1] = raw[i] .. "=" .. raw[i + 1] end
    end
    assert.same({ "x-one=1", "x-two=2", "x-one=3" }, own)
  end)

  it("has headers and raw headers also when the stream is gone, walked before or not", function()
    for _, walk in ipairs { "never", "before", "after" } do
      local kept
      exchange(function(req, res)
        kept = req
        if walk == "before" then for _ in pairs(req.headers) do end end -- luacheck: ignore
        res:finish()
      end, { [":path"] = "/kept", ["x-a"] = "1" })
      support.wait_for(function() return kept.stream._slot == 0 end)
      collectgarbage()
      if walk == "after" then for _ in pairs(kept.headers) do end end -- luacheck: ignore
      assert.equal("/kept", kept.url)
      assert.equal("1", kept.headers["x-a"])
      local found
      for i = 1, #kept.rawHeaders, 2 do
        if kept.rawHeaders[i] == "x-a" then found = kept.rawHeaders[i + 1] end
      end
      assert.equal("1", found)
    end
  end)
end)

describe("a request's body", function()
  it("comes as 'data' and 'end'", function()
    local answer = exchange(function(req, res)
      local parts = {}
      assert.is_false(req.complete)
      req:setEncoding("utf8"):on("data", function(chunk) parts[#parts + 1] = chunk end)
      req:on("end", function()
        assert.is_true(req.complete)
        assert.is_true(req.readableEnded)
        res:finish(table.concat(parts))
      end)
    end, { [":method"] = "POST" }, "the body")
    assert.equal("the body", answer.body)
  end)

  it("ends at once for a GET that is listened to", function()
    local seen = {}
    exchange(function(req, res)
      req:on("data", function() seen[#seen + 1] = "data" end)
      req:on("end", function()
        seen[#seen + 1] = "end"
        res:finish()
      end)
    end)
    assert.same({ "end" }, seen)
  end)

  it("is held back by pause() until resume()", function()
    local req, got = nil, ""
    local stream, box = open(function(r)
      req = r
      r:pause()
      r:on("data", function(chunk) got = got .. chunk end)
    end)
    stream:finish "Request Body from Client"
    support.wait_for(function() return req and req.stream._buffer end)
    support.turns(3)
    assert.equal("", got)
    assert.is_true(req:isPaused())
    assert.equal(req, req:resume())
    req:await "end"
    assert.equal("Request Body from Client", got)
    box.res:finish()
    support.over(stream)
    -- No harm when the stream is gone.
    support.wait_for(function() return req.stream.destroyed end)
    req:pause()
    req:resume()
  end)

  it("is read by read(), chunks() and body()", function()
    local answer = exchange(function(req, res)
      req:await "readable"
      local piece = req:read()
      req:resume():await "end"
      res:finish("read " .. piece)
    end, { [":method"] = "POST" }, "piece")
    assert.equal("read piece", answer.body)
    answer = exchange(function(req, res)
      local n = 0
      for chunk in req:chunks() do n = n + #chunk end
      res:finish(tostring(n))
    end, { [":method"] = "POST" }, ("x"):rep(100000))
    assert.equal("100000", answer.body)
    answer = exchange(function(req, res) res:finish("got " .. req:body()) end, { [":method"] = "POST" }, "all of it")
    assert.equal("got all of it", answer.body)
    answer = exchange(function(req, res)
      local body, err = req:body(3)
      assert.is_nil(body)
      res:finish(err.code)
    end, { [":method"] = "POST" }, "too much")
    assert.equal("ERR_PERIGEE_BODY_TOO_LARGE", answer.body)
  end)

  it("is awaited to its end", function()
    local answer = exchange(function(req, res)
      local n = 0
      req:on("data", function(chunk) n = n + #chunk end)
      local _, err = req:await "end"
      assert.is_nil(err)
      res:finish(tostring(n))
    end, { [":method"] = "POST" }, "12345")
    assert.equal("5", answer.body)
  end)

  it("goes to a target by pipe(), and stops at unpipe()", function()
    local target = { got = {} }
    function target.write(_, chunk)
      target.got[#target.got + 1] = chunk
      return true
    end
    function target.finish() target.ended = true end
    local stream, box = open(function(req) assert.equal(target, req:pipe(target)) end)
    stream:write "one"
    support.wait_for(function() return #target.got == 1 end)
    assert.equal(box.req, box.req:unpipe(target))
    stream:finish "two"
    support.wait_for(function() return box.req.stream._buffer end)
    assert.same({ "one" }, target.got)
    box.req:pipe(target)
    support.wait_for(function() return target.ended end)
    assert.equal("onetwo", table.concat(target.got))
    box.res:finish()
    support.over(stream)
  end)

  it("that is cut gives nil, err to readers, and says that it is complete and aborted", function()
    local body, err
    local stream, box = open(function(req)
      task.detach() -- else the wait ends by ERR_PERIGEE_CANCELLED
      body, err = req:body()
    end)
    stream:write "half"
    support.wait_for(function() return box.req and box.req.stream.bytesRead == 4 end)
    stream:close(8)
    support.wait_for(function() return err end)
    assert.is_nil(body)
    assert.equal("ERR_STREAM_PREMATURE_CLOSE", err.code)
    assert.is_true(box.req.aborted)
    assert.is_true(box.req.complete)
    assert.is_false(box.req.stream.complete)
  end)

  it("counts listeners of the body as its own", function()
    exchange(function(req, res)
      local function nothing() end
      req:pause()
      assert.equal(req, req:on("data", nothing))
      assert.equal(req, req:on("custom", nothing))
      assert.equal(1, req:listenerCount "data")
      assert.same({ nothing }, req:listeners "data")
      local names = req:eventNames()
      table.sort(names)
      assert.same({ "custom", "data" }, names)
      req:off("data", nothing)
      assert.equal(0, req:listenerCount "data")
      req:on("data", nothing)
      req:removeAllListeners "data"
      assert.equal(0, req:listenerCount "data")
      req:once("data", nothing)
      req:removeAllListeners()
      assert.same({}, req:eventNames())
      res:finish()
    end)
  end)

  it("passes more than four arguments to listeners of the script's own events", function()
    exchange(function(req, res)
      local seen
      req:on("many", function(...) seen = { ... } end)
      assert.is_true(req:emit("many", 1, 2, 3, 4, 5))
      assert.is_false(req:emit("none", 1, 2, 3, 4, 5))
      assert.same({ 1, 2, 3, 4, 5 }, seen)
      res:finish()
    end)
  end)
end)

describe("a request's trailers", function()
  it("are in the table that was there before", function()
    local before, req
    local stream, box = open(function(r)
      req, before = r, r.trailers
      assert.same({}, before)
      assert.same({}, r.rawTrailers)
      r:resume()
    end)
    stream._wait_for_trailers = true -- as the option waitForTrailers
    stream:on("wantTrailers", function() stream:sendTrailers { ["x-late"] = "1", Foo = "bar" } end)
    stream:finish "body"
    support.wait_for(function() return req and req.readableEnded end)
    assert.equal(before, req.trailers)
    assert.equal("1", before["x-late"])
    assert.equal("bar", before.foo)
    assert.equal(4, #req.rawTrailers)
    box.res:finish()
    support.over(stream)
  end)

  it("are there for one who asks late, and 'trailers' of the stream is heard as ever", function()
    local req, heard
    local stream, box = open(function(r)
      req = r
      r.stream:on("trailers", function(t, _, raw) heard = { t["x-late"], #raw } end)
      r:resume()
    end)
    stream._wait_for_trailers = true
    stream:on("wantTrailers", function() stream:sendTrailers { ["x-late"] = "1" } end)
    stream:finish "body"
    support.wait_for(function() return req and req.readableEnded end)
    assert.same({ "1", 2 }, heard)
    assert.same({ ["x-late"] = "1" }, req.trailers)
    assert.same({ "x-late", "1" }, req.rawTrailers)
    box.res:finish()
    support.over(stream)
  end)
end)

describe("a request's end", function()
  it("by destroy() ends the stream; an error reaches its listeners and nobody else", function()
    local seen = {}
    local stream = open(function(req, res)
      support.record(seen, "req", req, "aborted close")
      support.record(seen, "res", res, "close error")
      req:on("error", function(err) seen[#seen + 1] = "req error " .. err.message end)
      assert.equal(req, req:destroy "no good")
      assert.is_true(req.destroyed)
      assert.is_true(req.stream.destroyed)
      assert.equal(req, req:destroy "again")
    end)
    local err
    stream:on("error", function(e) err = e end)
    support.over(stream)
    assert.equal("ERR_HTTP2_STREAM_ERROR", err.code)
    assert.equal(2, stream.rstCode)
    assert.same({ "req aborted", "req error no good", "req close", "res close" }, seen)
  end)

  it("without an error is code 0", function()
    local stream = open(function(req) req:destroy() end)
    support.over(stream)
    assert.equal(0, stream.rstCode)
  end)

  it("by an error of the stream is not repeated on it", function()
    local seen = {}
    local stream, box = open(function(req, res)
      req:on("error", function() seen[#seen + 1] = "req" end)
      res:on("error", function() seen[#seen + 1] = "res" end)
      res:on("close", function() seen[#seen + 1] = "close" end)
      res:write "x"
    end)
    stream:on("error", function() end)
    stream:await "response"
    stream:close(2)
    support.wait_for(function() return #seen > 0 end)
    assert.same({ "close" }, seen)
    assert.is_true(box.req.aborted)
  end)

  it("wakes who awaits an event that will never come", function()
    local result
    local stream = open(function(req)
      result = { req:await "never" }
    end)
    support.turns(3)
    stream:close(8)
    support.wait_for(function() return result end)
    assert.is_nil(result[1])
    assert.equal("ERR_STREAM_PREMATURE_CLOSE", result[2].code)
  end)

  it("setTimeout() tells request, response and callback, and does nothing later", function()
    local seen = {}
    local stream, box = open(function(req, res)
      res:on("timeout", function() seen[#seen + 1] = "res" end)
      req:on("timeout", function() seen[#seen + 1] = "req" end)
      assert.equal(req, req:setTimeout(5, function()
        seen[#seen + 1] = "callback"
        res:finish()
      end))
    end)
    support.over(stream)
    assert.same({ "req", "res", "callback" }, seen)
    support.wait_for(function() return box.req.stream.destroyed end)
    support.turns(2)
    assert.equal(box.req, box.req:setTimeout(5, function() error "too late" end))
    assert.equal(box.res, box.res:setTimeout(5, function() error "too late" end))
    task.sleep(20)
  end)
end)

describe("req.socket", function()
  it("is one for request and response, tells about the connection and forbids the bytes", function()
    local req, res
    exchange(function(q, s)
      req, res = q, s
      local socket = q.socket
      assert.equal(socket, q.socket)
      assert.equal(socket, q.connection)
      assert.equal(socket, s.socket)
      assert.equal(socket, s.connection)
      assert.is_false(socket.destroyed)
      assert.is_true(socket.readable)
      assert.is_true(socket.writable)
      assert.equal(q.stream.session.socket.remoteAddress, socket.remoteAddress)
      for _, name in ipairs { "read", "write", "pause", "resume" } do
        assert.has_error(function() socket[name](socket) end, "ERR_HTTP2_NO_SOCKET_MANIPULATION")
        assert.has_error(function() socket[name] = print end, "ERR_HTTP2_NO_SOCKET_MANIPULATION")
      end
      local events = {}
      socket:on("test", function(x) events[#events + 1] = x end)
      socket:emit("test", 1)
      socket:once("close", function() events[#events + 1] = "close" end)
      q.stream.events = events
      socket.user = "me"
      assert.equal("me", socket.user)
      assert.equal("me", q.stream.session.socket.user)
      s:finish()
    end)
    support.wait_for(function() return req.stream.destroyed end)
    support.turns(2)
    assert.same({ 1, "close" }, req.stream.events)
    assert.is_nil(res.socket)
    assert.is_nil(res.connection)
    assert.is_true(req.socket.destroyed)
    assert.is_false(req.socket.readable)
    assert.is_false(req.socket.writable)
    assert.is_nil(req.socket.remoteAddress)
  end)

  it("sets the session's idle time, and destroys the stream", function()
    local stream = open(function(req)
      local session, given = req.stream.session, nil
      function session.setTimeout(_, ms) given = ms end
      req.socket:setTimeout(987)
      assert.equal(987, given)
      req.socket:destroy()
      assert.is_true(req.stream.destroyed)
    end)
    support.over(stream)
    assert.equal(0, stream.rstCode)
  end)
end)

describe("a request that is destroyed again by a listener", function()
  it("says 'error' once", function()
    local list = {}
    local server = support.adopt_server(http2.createServer(function(req)
      req:on("aborted", function() req:destroy "again" end)
      req:on("error", function(err) list[#list + 1] = tostring(err.message) end)
      req:on("close", function() list[#list + 1] = "close" end)
      req:destroy "at first"
    end))
    local stream = support.connected(server):request {}
    stream:on("error", function() end)
    support.wait_for(function() return list[#list] == "close" end)
    assert.same({ "at first", "close" }, list)
  end)
end)
