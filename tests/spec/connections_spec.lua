-- Connections before HTTP/2 begins, or when it never does; session.socket; how many there may be (API.md 4, 5).
local http2 = require "http2"
local uv = require "luv"
local native = require "perigee.native"
local support = require "support"

local cert, key = native.development_certificate()

local function hello(stream) stream:finish "hello" end

local function listen(server)
  support.adopt_server(server):on("stream", hello)
  server:listen(0, "127.0.0.1")
  server:await "listening"
  return server, server:address().port
end

local function plain(options) return listen(http2.createServer(options)) end

local function secure(options)
  options = options or {}
  options.key, options.cert = key, cert
  return listen(http2.createSecureServer(options))
end

local function connect(port, scheme)
  return support.adopt_session(http2.connect(("%s://localhost:%d"):format(scheme or "http", port), {
    ca = scheme and cert or nil,
  }))
end

local function get(port, scheme)
  local session = connect(port, scheme)
  assert.equal("hello", session:request():body())
  session:close()
  session:await "close"
end

-- A TCP client that says text; what comes back is in the table's `got`, `closed` says that the server hung up.
local function raw(port, text)
  local client = { got = "", closed = false }
  local tcp = uv.new_tcp()
  tcp:connect("127.0.0.1", port, function(err)
    if err then
      client.closed = true
      if not tcp:is_closing() then tcp:close() end -- the test may have given up on it
      return
    end
    if text then tcp:write(text) end
    tcp:read_start(function(_, chunk)
      if chunk then
        client.got = client.got .. chunk
      else
        client.closed = true
        if not tcp:is_closing() then tcp:close() end
      end
    end)
  end)
  client.tcp = tcp
  return client
end

local function close_raw(client)
  if not client.tcp:is_closing() then client.tcp:close() end
end

describe("'connection'", function()
  it("comes with the socket, before HTTP/2 begins", function()
    local server, port = plain()
    local order, socket = {}, nil
    server:on("connection", function(s)
      socket = s
      order[#order + 1] = "connection"
    end)
    server:on("session", function() order[#order + 1] = "session" end)
    get(port)
    assert.same({ "connection", "session" }, order)
    assert.equal("127.0.0.1", socket.remoteAddress)
    assert.equal("IPv4", socket.remoteFamily)
    assert.is_true(socket.remotePort > 0)
    assert.same({ address = "127.0.0.1", family = "IPv4", port = port }, socket:address())
    assert.is_false(socket.encrypted)
    assert.equal(server, socket.server)
    support.wait_for(function() return socket.destroyed end)
    assert.equal("127.0.0.1", socket.remoteAddress) -- still known
    assert.equal("closed", socket.readyState)
  end)

  it("comes at once, also when the client says nothing", function()
    local server, port = plain()
    local socket
    server:on("connection", function(s) socket = s end)
    local client = raw(port)
    support.wait_for(function() return socket end)
    local closed
    socket:on("close", function(had_error) closed = { had_error } end)
    close_raw(client)
    support.wait_for(function() return closed end)
    assert.same({ false }, closed)
    socket:await "close" -- it happened already
  end)

  it("lets the script turn a client away, with last words or without", function()
    local server, port = plain()
    local ways = {
      function(socket) socket:destroy() end,
      function(socket) socket:destroy { message = "no" } end,
      function(socket) socket:finish "go away" end,
      function(socket) socket["end"](socket) end,
    }
    local at, errors_heard, closed = 0, 0, 0
    server:on("connection", function(socket)
      at = at + 1
      socket:on("error", function(err)
        assert.equal("no", err.message)
        errors_heard = errors_heard + 1
      end)
      socket:on("close", function() closed = closed + 1 end)
      ways[at](socket)
    end)
    for i = 1, #ways do
      local client = raw(port, "GET / HTTP/1.1\r\n\r\n")
      support.wait_for(function() return client.closed end)
      assert.equal(i == 3 and "go away" or "", client.got)
      support.wait_for(function() return closed == i end)
    end
    assert.equal(1, errors_heard)
    assert.has_error(function()
      server:removeAllListeners "connection"
      local failed
      server:on("connection", function(socket) failed = pcall(socket.finish, socket, ("x"):rep(20000)) == false end)
      local client = raw(port)
      support.wait_for(function() return failed ~= nil end)
      close_raw(client)
      if failed then error { code = "right" } end
    end, "right")
  end)

  it("sockets are not to be read and written", function()
    local server, port = plain()
    local code
    server:on("connection", function(socket)
      local _, err = pcall(socket.write, socket, "x")
      code = err.code
      socket:setNoDelay():unref():ref()
    end)
    get(port)
    assert.equal("ERR_HTTP2_NO_SOCKET_MANIPULATION", code)
  end)

  it("can be awaited", function()
    local server, port = plain()
    local client
    setTimeout(function() client = raw(port) end, 1)
    local socket = server:await "connection"
    assert.equal("127.0.0.1", socket.remoteAddress)
    close_raw(client)
  end)

  it("socket:setTimeout tells when nothing became of it", function()
    local server, port = plain()
    local heard = 0
    server:on("connection", function(socket)
      socket:setTimeout(10, function()
        heard = heard + 1
        socket:destroy()
      end)
    end)
    local client = raw(port)
    support.wait_for(function() return client.closed end)
    assert.equal(1, heard)
  end)
end)

describe("TLS events", function()
  it("'secureConnection' has what was agreed", function()
    local server, port = secure()
    local order, seen = {}, nil
    for _, name in ipairs { "connection", "secureConnection", "session" } do
      server:on(name, function() order[#order + 1] = name end)
    end
    server:on("secureConnection", function(socket)
      seen = { socket.encrypted, socket.servername, socket.alpnProtocol, socket:getProtocol(), socket:isSessionReused(),
        socket.authorized, next(socket:getPeerCertificate()), socket:getCertificate().subject.CN }
    end)
    get(port, "https")
    assert.same({ "connection", "secureConnection", "session" }, order)
    assert.same({ true, "localhost", "h2", "TLSv1.3", false, false, nil, "localhost" }, seen)
  end)

  it("'secureConnection' can end it before a session is told", function()
    for _, method in ipairs { "destroy", "finish" } do
      local server, port = secure()
      local sessions, closed = 0, false
      server:on("session", function() sessions = sessions + 1 end)
      server:on("secureConnection", function(socket)
        socket:on("close", function() closed = true end)
        socket[method](socket)
      end)
      local session = connect(port, "https")
      session:on("error", function() end)
      session:await "close"
      support.wait_for(function() return closed end)
      assert.equal(0, sessions)
    end
  end)

  it("'clientError', then 'tlsClientError' tell what went wrong, and the connection ends", function()
    local server, port = secure()
    local order = {}
    local closed = 0
    for _, name in ipairs { "tlsClientError", "clientError" } do
      server:on(name, function(err, socket)
        order[#order + 1] = name .. " " .. err.code .. " " .. socket.remoteAddress
        socket:on("close", function() closed = closed + 1 end)
      end)
    end
    local client = raw(port, "GET / HTTP/1.1\r\n\r\n")
    support.wait_for(function() return client.closed and closed == 2 end)
    local leaver = raw(port)
    setTimeout(function() close_raw(leaver) end, 5)
    support.wait_for(function() return closed == 4 end)
    assert.same({
      "clientError ERR_SSL_HTTP_REQUEST 127.0.0.1", "tlsClientError ERR_SSL_HTTP_REQUEST 127.0.0.1",
      "clientError ECONNRESET 127.0.0.1", "tlsClientError ECONNRESET 127.0.0.1",
    }, order)
  end)

  it("a handshake that takes too long is told", function()
    local server, port = secure { handshakeTimeout = 30 }
    local code
    server:on("tlsClientError", function(err) code = err.code end)
    local client = raw(port)
    support.wait_for(function() return client.closed end)
    assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", code)
  end)

  it("are not needed: nobody listens, and all is closed", function()
    local server, port = secure { handshakeTimeout = 30 }
    local clients = { raw(port, "garbage garbage garbage\r\n\r\n"), raw(port) }
    for i = 1, #clients do support.wait_for(function() return clients[i].closed end) end
    local count
    support.wait_for(function()
      server:getConnections(function(_, n) count = n end)
      support.turns(1)
      return count == 0
    end)
  end)
end)

describe("maxConnections", function()
  local function hold(port)
    local session = connect(port)
    return session:await "connect" and session
  end

  it("drops those above it, and 'drop' says whom", function()
    local server, port = plain { maxConnections = 1 }
    local dropped = {}
    server:on("drop", function(data) dropped[#dropped + 1] = data end)
    local first = hold(port)
    assert.is_nil(raw(port).got:match "x")
    support.wait_for(function() return dropped[1] end)
    assert.equal("127.0.0.1", dropped[1].remoteAddress)
    assert.equal("IPv4", dropped[1].remoteFamily)
    assert.is_true(dropped[1].remotePort > 0)
    assert.equal(port, dropped[1].localPort)
    assert.equal("127.0.0.1", dropped[1].localAddress)
    first:close()
    first:await "close"
  end)

  it("can be changed at any time", function()
    local server, port = plain()
    assert.is_nil(server.maxConnections)
    server.maxConnections = 1
    assert.equal(1, server.maxConnections)
    local first = hold(port)
    local second = raw(port)
    support.wait_for(function() return second.closed end)
    server.maxConnections = 2
    get(port)
    server.maxConnections = 0
    local third = raw(port)
    support.wait_for(function() return third.closed end)
    server.maxConnections = nil
    get(port)
    assert.has_error(function() server.maxConnections = -1 end, "ERR_OUT_OF_RANGE")
    assert.has_error(function() server.maxConnections = "many" end, "ERR_INVALID_ARG_TYPE")
    first:close()
    local before = http2.createServer()
    before.maxConnections = 7
    assert.equal(7, before.maxConnections)
  end)

  it("is counted by getConnections", function()
    local server, port = plain()
    local client = raw(port)
    local count, err
    support.wait_for(function()
      server:getConnections(function(e, n) err, count = e, n end)
      support.turns(1)
      return count == 1
    end)
    assert.is_nil(err)
    close_raw(client)
    assert.has_error(function() server:getConnections() end, "ERR_INVALID_ARG_TYPE")
  end)
end)

describe("session.socket", function()
  it("has the facts of the connection, on both sides", function()
    local server, port = secure()
    local theirs
    server:on("session", function(session) theirs = session.socket end)
    local session = connect(port, "https")
    assert.is_truthy(session.socket) -- already while it connects
    assert.is_nil(session.socket.remoteAddress)
    assert.same({ true, "opening" }, { session.socket.connecting, session.socket.readyState })
    session:await "connect"
    assert.same({ false, "open" }, { session.socket.connecting, session.socket.readyState })
    support.wait_for(function() return theirs end)
    local socket = session.socket
    assert.equal(socket, session.socket)
    assert.equal("127.0.0.1", socket.remoteAddress)
    assert.equal(port, socket.remotePort)
    assert.equal(port, theirs.localPort)
    assert.equal(theirs.remotePort, socket:address().port)
    assert.equal("h2", socket.alpnProtocol)
    assert.equal("localhost", theirs.servername)
    assert.is_true(socket.readable and socket.writable)
    local certificate = socket:getPeerCertificate()
    assert.equal("localhost", certificate.subject.CN)
    assert.equal("localhost", certificate.issuer.CN)
    assert.matches("DNS:localhost", certificate.subjectaltname)
    assert.matches("IP Address:127.0.0.1", certificate.subjectaltname)
    assert.matches("^%a%a%a +%d+ %d%d:%d%d:%d%d %d%d%d%d GMT$", certificate.valid_from)
    assert.matches("GMT$", certificate.valid_to)
    assert.matches("^%x%x:", certificate.fingerprint256)
    assert.equal(95, #certificate.fingerprint256)
    assert.equal(256, certificate.bits)
    local digest = require "perigee.digest"
    assert.equal(certificate.fingerprint256:gsub(":", ""):lower(), digest.hex("sha256", certificate.raw))
    session:request():body()
    assert.is_true(socket.bytesRead > 0 and socket.bytesWritten > 24)
    assert.is_true(theirs.bytesRead >= 24)
    session:close()
  end)

  it("refuses what would disturb the protocol", function()
    local session = support.connected(support.server(hello))
    local socket = session.socket
    for _, name in ipairs { "emit", "finish", "end_", "end", "pause", "read", "resume", "write", "setEncoding",
      "setKeepAlive", "setNoDelay", "pipe" } do
      assert.has_error(function() return socket[name] end, "ERR_HTTP2_NO_SOCKET_MANIPULATION")
      assert.has_error(function() socket[name] = nil end, "ERR_HTTP2_NO_SOCKET_MANIPULATION")
    end
    assert.has_error(function() socket.destroy = print end, "ERR_HTTP2_NO_SOCKET_MANIPULATION")
    socket.mine = 5
    assert.equal(5, session.socket.mine)
    session:close()
  end)

  it("hands setTimeout, ref, unref and destroy to the session", function()
    local session = support.connected(support.server(hello))
    local socket = session.socket
    local heard
    socket:setTimeout(5, function() heard = true end)
    support.wait_for(function() return heard end)
    socket:unref()
    socket:ref()
    local closed
    socket:on("close", function() closed = true end)
    socket:destroy()
    assert.is_true(session.destroyed)
    support.wait_for(function() return closed end)
  end)

  it("tells its end also when it never connected", function()
    local _, port = plain()
    local session = connect(port)
    local closed
    session.socket:on("close", function() closed = true end)
    session:destroy()
    support.wait_for(function() return closed end)
  end)

  it("is unbound when the session has ended", function()
    local session = support.connected(support.server(hello))
    local socket = session.socket
    session:destroy()
    assert.is_nil(session.socket)
    assert.has_error(function() return socket.remoteAddress end, "ERR_HTTP2_SOCKET_UNBOUND")
    assert.has_error(function() return socket.on end, "ERR_HTTP2_SOCKET_UNBOUND")
    assert.has_error(function() socket.mine = 1 end, "ERR_HTTP2_SOCKET_UNBOUND")
    assert.has_error(function() return socket.write end, "ERR_HTTP2_NO_SOCKET_MANIPULATION")
    socket:destroy() -- as often as you like
  end)
end)

describe("listen", function()
  it("looks names up", function()
    local server = support.adopt_server(http2.createServer())
    server:listen(0, "no-such-name.invalid")
    assert.has_error(function() server:listen(0) end, "ERR_SERVER_ALREADY_LISTEN")
    local ok, err = server:await "listening"
    assert.is_nil(ok)
    assert.equal("ENOTFOUND", err.code)
    assert.equal("no-such-name.invalid", err.address)
    server:on("stream", hello):listen(0, "127.1") -- a form that only the resolver knows
    server:await "listening"
    assert.equal("127.0.0.1", server:address().address)
    get(server:address().port)
  end)

  it("can be called off while the name is looked up", function()
    local server = http2.createServer()
    server:on("error", function() error "late" end)
    local code
    server:listen(0, "no-such-name.invalid")
    server:close(function(err) code = err and err.code end)
    support.wait_for(function() return code end)
    assert.equal("ERR_SERVER_NOT_RUNNING", code)
    support.turns(20)
    assert.is_false(server.listening)
  end)

  it("gives a UNIX socket the rights asked for", function()
    local path = support.folder() .. "/rights"
    local server = support.adopt_server(http2.createServer())
    server:listen { path = path, readableAll = true, writableAll = true }
    server:await "listening"
    assert.equal(438, require("bit").band(uv.fs_stat(path).mode, 438)) -- 0666
    server:close()
  end)

  it("says in 'error' what could not be bound", function()
    local _, port = plain()
    local second = http2.createServer():listen { port = port, host = "127.0.0.1", exclusive = true }
    local _, err = second:await "listening"
    assert.equal("EADDRINUSE", err.code)
    assert.equal("listen", err.syscall)
    assert.equal(port, err.port)
    assert.equal("127.0.0.1", err.address)
  end)

  it("a server that was unref'd before does not hold the program", function()
    local server = http2.createServer():unref()
    server:listen(0, "127.0.0.1")
    server:await "listening"
    server:close()
  end)
end)
