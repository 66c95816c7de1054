-- Servers: listening, addresses, closing, options, and what they say about mistakes (API.md 4).
local http2 = require "http2"
local uv = require "luv"
local ffi = require "ffi"
local support = require "support"

ffi.cdef "int dup(int fd);"

local function hello(stream) stream:finish "hello" end

local function new(handler)
  local server = support.adopt_server(http2.createServer())
  server:on("stream", handler or hello)
  return server
end

-- Fetches / from an address: {path=} of a UNIX socket, or a port of this machine.
local function fetch(where, host)
  local session
  if type(where) == "table" then
    session = http2.connect("http://localhost", { path = where.path })
  else
    session = http2.connect(("http://%s:%d"):format(host or "127.0.0.1", where))
  end
  support.adopt_session(session)
  if not session:await "connect" then return nil end
  local stream = session:request()
  local body = stream:body()
  session:close()
  return body
end

describe("listen", function()
  it("on port 0 takes a free one, and address() tells", function()
    local server = new()
    assert.is_nil(server:address())
    assert.is_false(server.listening)
    local called = false
    assert.equal(server, server:listen(0, function() called = true end))
    server:await "listening"
    support.wait_for(function() return called end)
    assert.is_true(server.listening)
    local address = server:address()
    assert.is_true(address.port > 0)
    assert.equal("hello", fetch(address.port))
  end)

  it("takes a host", function()
    local server = new():listen(0, "127.0.0.1")
    server:await "listening"
    assert.equal("127.0.0.1", server:address().address)
    assert.equal("IPv4", server:address().family)
    assert.equal("hello", fetch(server:address().port))
  end)

  it("takes port, host, backlog and a callback", function()
    local called = false
    local server = new():listen(0, "127.0.0.1", 16, function() called = true end)
    support.wait_for(function() return called end)
    assert.equal("hello", fetch(server:address().port))
  end)

  it("takes an IPv6 host", function()
    local server = new():listen(0, "::1")
    local ok = server:await "listening"
    if ok == nil and not server.listening then return end -- a machine without IPv6
    assert.equal("::1", server:address().address)
    assert.equal("IPv6", server:address().family)
    assert.equal("hello", fetch(server:address().port, "[::1]"))
  end)

  it("takes a table", function()
    local server = new():listen { port = 0, host = "127.0.0.1", backlog = 5 }
    server:await "listening"
    assert.equal("hello", fetch(server:address().port))
  end)

  it("takes the path of a UNIX socket, as text or in a table", function()
    for i, form in ipairs { function(path) return path end, function(path) return { path = path } end } do
      local path = ("%s/socket%d"):format(support.folder(), i)
      local server = new():listen(form(path))
      server:await "listening"
      assert.equal("hello", fetch { path = path })
    end
  end)

  it("takes a descriptor that listens already", function()
    local socket = uv.new_tcp()
    socket:bind("127.0.0.1", 0)
    socket:listen(5, function() end)
    local port = socket:getsockname().port
    local server = new():listen { fd = ffi.C.dup(socket:fileno()) }
    socket:close()
    server:await "listening"
    assert.equal(port, server:address().port)
    assert.equal("hello", fetch(port))
  end)

  it("emits 'listening' later, so that a listener added behind it hears", function()
    local server = new():listen(0)
    local heard = false
    server:on("listening", function() heard = true end)
    assert.is_false(heard)
    support.wait_for(function() return heard end)
  end)

  it("on a port that is taken emits 'error' EADDRINUSE", function()
    local first = new():listen(0, "127.0.0.1")
    first:await "listening"
    local second = new()
    local err
    second:on("error", function(e) err = e end)
    second:on("listening", function() error "it cannot listen" end)
    second:listen(first:address().port, "127.0.0.1")
    assert.is_nil(err) -- not at once
    support.wait_for(function() return err end)
    assert.equal("EADDRINUSE", err.code)
    assert.matches(tostring(first:address().port), err.message)
    assert.is_false(second.listening)
    assert.is_nil(second:address())
  end)

  it("in a folder that does not exist emits 'error'", function()
    local server = new():listen "/nowhere/at/all/socket"
    local ok, err = server:await "listening"
    assert.is_nil(ok)
    assert.equal("ENOENT", err.code)
  end)

  it("twice throws ERR_SERVER_ALREADY_LISTEN", function()
    local server = new():listen(0)
    assert.has_error(function() server:listen(0) end, "ERR_SERVER_ALREADY_LISTEN")
  end)

  it("checks what it is given", function()
    local server = new()
    for _, port in ipairs { 65536, -1, 1.5 } do
      local err = assert.has_error(function() server:listen(port) end, "ERR_SOCKET_BAD_PORT")
      assert.equal("RangeError", err.name)
      assert.has_error(function() server:listen { port = port } end, "ERR_SOCKET_BAD_PORT")
    end
    assert.has_error(function() server:listen { port = "abc" } end, "ERR_SOCKET_BAD_PORT")
    assert.has_error(function() server:listen(true) end, "ERR_INVALID_ARG_VALUE")
    assert.has_error(function() server:listen {} end, "ERR_INVALID_ARG_VALUE")
    assert.has_error(function() server:listen { path = 5 } end, "ERR_INVALID_ARG_VALUE")
    assert.has_error(function() server:listen { port = 0, backlog = -1 } end, "ERR_OUT_OF_RANGE")
    assert.has_error(function() server:listen { host = {}, port = 0 } end, "ERR_INVALID_ARG_TYPE")
    assert.is_false(server.listening)
  end)
end)

describe("close", function()
  it("of a server that does not listen gives ERR_SERVER_NOT_RUNNING", function()
    local err
    new():close(function(e) err = e end)
    support.wait_for(function() return err end)
    assert.equal("ERR_SERVER_NOT_RUNNING", err.code)
  end)

  it("without connections closes soon, and refuses new ones at once", function()
    local server = new():listen(0, "127.0.0.1")
    server:await "listening"
    local port = server:address().port
    local order = {}
    server:on("close", function() order[#order + 1] = "close" end)
    server:close(function(err)
      assert.is_nil(err)
      order[#order + 1] = "callback"
    end)
    assert.same({}, order)
    assert.is_false(server.listening)
    assert.is_nil(server:address())
    support.wait_for(function() return #order == 2 end)
    assert.same({ "close", "callback" }, order)
    assert.is_nil(fetch(port))
  end)

  it("tells a second caller that the first one did it, when it is done", function()
    local server, calls = new():listen(0, "127.0.0.1"), {}
    server:await "listening"
    server:close(function(err) calls[#calls + 1] = err and err.code or "closed" end)
    server:close(function(err) calls[#calls + 1] = err and err.code or "closed" end)
    support.wait_for(function() return #calls == 2 end)
    assert.same({ "closed", "ERR_SERVER_NOT_RUNNING" }, calls)
  end)

  it("waits for open streams, and tells sessions by GOAWAY", function()
    local release
    local server = new(function(stream) release = function() stream:finish "late" end end)
    local session = support.connect(server)
    local goaway, closed
    session:on("goaway", function(code, id) goaway = { code, id } end)
    local stream = session:request()
    support.wait_for(function() return release end)
    server:close(function() closed = true end)
    support.wait_for(function() return goaway end)
    assert.same({ 0, 1 }, goaway)
    support.turns(10)
    assert.is_nil(closed)
    release()
    assert.equal("late", stream:body())
    support.wait_for(function() return closed end)
  end)

  it("may be called again meanwhile: all callbacks come", function()
    local server = new():listen(0)
    local calls = 0
    for _ = 1, 3 do server:close(function() calls = calls + 1 end) end
    support.wait_for(function() return calls == 3 end)
  end)

  it("lets the server listen anew", function()
    local server = new():listen(0, "127.0.0.1")
    server:await "listening"
    server:close()
    server:await "close"
    support.turns(1)
    local listening = false
    server:listen(0, "127.0.0.1", function() listening = true end)
    support.wait_for(function() return listening end)
    assert.equal("hello", fetch(server:address().port))
  end)

  it("in a 'listening' listener is fine", function()
    local server = new():listen(0)
    local closed = false
    server:on("listening", function() server:close(function() closed = true end) end)
    support.wait_for(function() return closed end)
  end)
end)

describe("a server", function()
  it("counts its connections", function()
    local server = new()
    local session = support.connect(server)
    session:await "connect"
    support.turns(5)
    local got
    server:getConnections(function(err, n) got = { err, n } end)
    support.wait_for(function() return got end)
    assert.same({ nil, 1 }, got)
  end)

  it("keeps fields of the script's own", function()
    local server = new()
    server.name = "front"
    assert.equal("front", server.name)
    assert.is_nil(server.unknown)
  end)

  it("serves many sessions and streams at once", function()
    local server = new(function(stream, headers)
      support.turns(2)
      stream:finish(headers[":path"])
    end)
    local done = 0
    for s = 1, 5 do
      setImmediate(function()
        local session = support.connected(server)
        for i = 1, 20 do
          local path = ("/%d/%d"):format(s, i)
          local stream = session:request { [":path"] = path }
          setImmediate(function()
            assert.equal(path, stream:body())
            done = done + 1
          end)
        end
      end)
    end
    support.wait_for(function() return done == 100 end)
  end)

  it("needs no 'stream' listener where its sessions have one; the server's come first", function()
    local server, seen = support.adopt_server(http2.createServer()), {}
    server:on("session", function(session)
      session:on("stream", function(stream, headers, flags, raw)
        assert.same({ "/x", 5, ":method" }, { headers[":path"], flags, raw[1] })
        seen[#seen + 1] = "session"
        if not stream.headersSent then stream:finish "of the session" end
      end)
    end)
    local answer = support.get(server, "/x")
    assert.same({ 200, "of the session" }, { answer.status, answer.body })
    server:on("stream", function(stream)
      seen[#seen + 1] = "server"
      stream:finish "of the server"
    end)
    assert.equal("of the server", support.get(server, "/x").body)
    assert.same({ "session", "server", "session" }, seen)
  end)
end)

describe("createServer", function()
  it("takes TLS options and ignores them (API.md 1, rule 1)", function()
    local server = support.adopt_server(http2.createServer { key = "no key", cert = "no certificate" })
    server:on("stream", hello)
    assert.equal("hello", support.get(server, "/").body)
  end)

  it("names an option that is unknown, and the nearest known one", function()
    local err = assert.has_error(function() http2.createServer { maxSesionMemory = 5 } end, "ERR_INVALID_ARG_VALUE")
    assert.matches('"maxSesionMemory"', err.message)
    assert.matches('did you mean "maxSessionMemory"', err.message)
    assert.matches("createServer", err.message)
    err = assert.has_error(function() http2.createServer { zzzzzz = 1 } end, "ERR_INVALID_ARG_VALUE")
    assert.is_nil(err.message:find "did you mean")
    err = assert.has_error(function() http2.createSecureServer { certs = "x" } end, "ERR_INVALID_ARG_VALUE")
    assert.matches('did you mean "cert"', err.message)
    assert.matches("createSecureServer", err.message)
  end)

  it("checks types and ranges", function()
    assert.has_error(function() http2.createServer { maxHeaderListPairs = "5" } end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.createServer { maxHeaderListPairs = -1 } end, "ERR_OUT_OF_RANGE")
    assert.has_error(function() http2.createServer { settings = 5 } end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.createServer { exposeErrors = "yes" } end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.createServer "text" end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.createServer { settings = { maxFrameSize = 1 } } end,
      "ERR_HTTP2_INVALID_SETTING_VALUE")
  end)

  it("does not change the caller's options", function()
    local options = { settings = { initialWindowSize = 70000 } }
    support.adopt_server(http2.createServer(options))
    assert.same({ settings = { initialWindowSize = 70000 } }, options)
  end)

  it("with maxHeaderListPairs below 4 take 4: a request without fields", function()
    local server = support.server(hello, { maxHeaderListPairs = 0 })
    assert.equal("hello", support.get(server, "/").body)
    local answer = support.get(server, { foo = "bar" })
    assert.equal("ERR_HTTP2_STREAM_ERROR", answer.err.code)
    assert.equal(11, answer.stream.rstCode)
  end)

  it("with a small maxHeaderListSize refuse a long request, and nothing but that", function()
    for _, name in ipairs { "maxHeaderListSize", "maxHeaderSize" } do
      local session = support.connected(support.server(hello, { settings = { [name] = 200 } }))
      local stream = session:request { foo = ("a"):rep(1000) }
      local _, err = stream:await "response"
      assert.equal("Stream closed with error code NGHTTP2_ENHANCE_YOUR_CALM", err.message)
      assert.equal(11, stream.rstCode)
      assert.equal("hello", session:request():body())
    end
  end)

  it("with maxHeaderListPairs refuses longer requests", function()
    local server = support.server(hello, { maxHeaderListPairs = 6 })
    assert.equal("hello", support.get(server, { a = 1, b = 2 }).body)
    local answer = support.get(server, { a = 1, b = 2, c = 3, d = 4 })
    assert.equal("ERR_HTTP2_STREAM_ERROR", answer.err.code)
    assert.equal(11, answer.stream.rstCode)
  end)
end)

describe("createSecureServer", function()
  it("says what is missing or wrong", function()
    assert.has_error(function() http2.createSecureServer {} end, "ERR_TLS_CERT")
    assert.has_error(function() http2.createSecureServer { cert = "x" } end, "ERR_TLS_KEY")
    local err = assert.has_error(function() http2.createSecureServer { cert = "x", key = "y" } end)
    assert.is_truthy(err.code)
    assert.matches("certificate", err.message)
  end)

  it("wants options before a listener, and of the right types", function()
    assert.has_error(function() http2.createSecureServer(hello) end, "ERR_INVALID_ARG_TYPE")
    local err = assert.has_error(function() http2.createSecureServer { settings = "x" } end, "ERR_INVALID_ARG_TYPE")
    assert.matches('The "options.settings" property must be of type table', err.message)
    err = assert.has_error(function() http2.createServer { maxSessionInvalidFrames = -1 } end, "ERR_OUT_OF_RANGE")
    assert.matches('"options.maxSessionInvalidFrames" is out of range', err.message)
  end)
end)

describe("connect", function()
  it("refuses other protocols and bad addresses", function()
    assert.has_error(function() http2.connect "ftp://localhost" end, "ERR_HTTP2_UNSUPPORTED_PROTOCOL")
    assert.has_error(function() http2.connect "http://" end, "ERR_INVALID_URL")
    assert.has_error(function() http2.connect(5) end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.connect("http://localhost:70000") end, "ERR_OUT_OF_RANGE")
    local err = assert.has_error(function() http2.connect("http://localhost", { sevrername = "x" }) end,
      "ERR_INVALID_ARG_VALUE")
    assert.matches('did you mean "servername"', err.message)
  end)

  it("takes a table, and a listener that is called once", function()
    local server = new():listen(0, "127.0.0.1")
    server:await "listening"
    local calls = 0
    local session = support.adopt_session(http2.connect(
      { protocol = "http:", host = "127.0.0.1", port = server:address().port }, function() calls = calls + 1 end))
    assert.equal("hello", (session:await "connect"):request():body())
    assert.equal(1, calls)
  end)

  it("says that its peer may not speak HTTP/2", function()
    local listener, peer = uv.new_tcp(), uv.new_tcp()
    listener:bind("127.0.0.1", 0)
    listener:listen(1, function()
      listener:accept(peer)
      local answered = false
      peer:read_start(function(_, data)
        if data and not answered then peer:write "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" end
        answered = true
      end)
    end)
    local session = support.adopt_session(http2.connect("http://127.0.0.1:" .. listener:getsockname().port))
    local stream = session:request()
    local _, err = stream:await "response"
    assert.same({ "ERR_HTTP2_STREAM_ERROR", 1 }, { err.code, stream.rstCode })
    _, err = session:await "close"
    assert.same({ "ERR_HTTP2_ERROR", -505 }, { err.code, err.errno })
    assert.matches("^Protocol error .*may not speak HTTP/2", err.message)
    peer:close()
    listener:close()
  end)

  it("cancels what waits when its peer breaks the protocol at once", function()
    local listener, peer = uv.new_tcp(), uv.new_tcp()
    listener:bind("127.0.0.1", 0)
    listener:listen(1, function()
      listener:accept(peer)
      peer:write "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
    end)
    local session = support.adopt_session(http2.connect("http://127.0.0.1:" .. listener:getsockname().port))
    session:on("error", function() end)
    local _, err = session:request():await "response"
    assert.same({ "ERR_HTTP2_STREAM_CANCEL", "ERR_HTTP2_ERROR" }, { err.code, err.cause and err.cause.code })
    peer:close()
    listener:close()
  end)

  it("names an option of request() that is unknown", function()
    local session = support.connect(new())
    local err = assert.has_error(function() session:request({}, { endStraem = true }) end, "ERR_INVALID_ARG_VALUE")
    assert.matches('did you mean "endStream"', err.message)
  end)

  it("refuses options of request() that are of another type", function()
    local session = support.connected(new())
    for name, wrong in pairs {
      endStream = { 1, "x", {} }, exclusive = { 1, {} }, silent = { 1, {} }, weight = { true, "x", {} },
      parent = { true, "x", {} }, signal = { true, 1, {} },
    } do
      for _, value in ipairs(wrong) do
        local err = assert.has_error(function() session:request({}, { [name] = value }) end, "ERR_INVALID_ARG_TYPE")
        assert.matches("options." .. name, err.message)
      end
    end
    assert.equal("hello", session:request({}, { weight = 16, parent = 0, exclusive = false, silent = true }):body())
  end)
end)

describe("what is not there yet", function()
  local function refused(name, fn)
    local err = assert.has_error(fn, "ERR_PERIGEE_NOT_SUPPORTED")
    assert.is_truthy(err.message:find(name, 1, true))
    assert.matches("not supported", err.message)
  end

  it("says so, by name", function()
    refused("allowHTTP1", function() http2.createServer { allowHTTP1 = true } end)
    for _, name in ipairs { "closeIdleConnections", "addContext", "setSecureContext",
      "getTicketKeys", "setTicketKeys" } do
      refused(name, function()
        local server = http2.createServer()
        server[name](server)
      end)
    end
  end)

  it("but a switch that says no to it is fine", function()
    http2.createServer { allowHTTP1 = false }
  end)
end)
