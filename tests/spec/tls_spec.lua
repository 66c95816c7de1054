-- TLS: options of secure servers and clients, decisions in a handshake, certificates that change (API.md 3, 4).
local http2 = require "http2"
local tls = require "tls"
local native = require "perigee.native"
local task = require "perigee.task"
local support = require "support"

-- Certificates for localhost that are their own authorities.
local cert, key = native.development_certificate()
local other_cert, other_key = native.development_certificate()

local function hello(stream) stream:finish "hello" end

-- A secure server that listens on 127.0.0.1; returns it and its port.
local function serve(options, handler)
  options.cert, options.key = options.cert or cert, options.key or key
  local server = support.adopt_server(http2.createSecureServer(options))
  server:on("stream", handler or hello)
  server:listen(0, "127.0.0.1")
  server:await "listening"
  return server, server:address().port
end

local function connect(port, options)
  options = options or {}
  options.ca = options.ca or cert
  return support.adopt_session(http2.connect(("https://localhost:%d"):format(port), options))
end

-- Connects; returns the session, or nil and the error.
local function try(port, options)
  local session = connect(port, options)
  local ok, err = session:await "connect"
  if not ok then return nil, err end
  return session
end

local function works(port, options)
  local session, err = try(port, options)
  if not session then error(err, 2) end
  assert.equal("hello", session:request():body())
  session:close()
end

local function fails(port, options, code)
  local session, err = try(port, options)
  if session then error("it connected", 2) end
  if not err.code:find(code) then error(("expected %s, got %s"):format(code, tostring(err)), 2) end
  return err
end

describe("a secure server", function()
  it("speaks h2 over TLS with a client that knows its authority", function()
    local _, port = serve {}
    works(port)
    fails(port, { ca = other_cert }, "DEPTH_ZERO_SELF_SIGNED_CERT")
    works(port, { ca = other_cert, rejectUnauthorized = false })
    works(port, { ca = { cert } })
  end)

  it("takes several certificates, lists of keys and passphrases in them", function()
    local _, port = serve { key = { { pem = key, passphrase = "not needed" } }, cert = { cert } }
    works(port)
    local err = assert.has_error(function()
      http2.createSecureServer { key = { key, other_key }, cert = cert }
    end, "ERR_INVALID_ARG_VALUE")
    assert.matches("2 and 1", err.message)
    assert.has_error(function() http2.createSecureServer { key = { key, key }, cert = { cert, other_cert } } end,
      "ERR_TLS_KEY_MISMATCH")
  end)

  it("says which option is wrong", function()
    local function wrong(code, options)
      options.key, options.cert = options.key or key, options.cert or cert
      return assert.has_error(function() http2.createSecureServer(options) end, code)
    end
    wrong("ERR_TLS_SIGNATURES", { sigalgs = "nothing" })
    wrong("ERR_TLS_CRL", { crl = "nothing" })
    wrong("ERR_TLS_PFX", { pfx = "nothing" })
    wrong("ERR_TLS_SESSION", { sessionIdContext = ("x"):rep(33) })
    wrong("ERR_TLS_GROUPS", { ecdhCurve = "nothing" })
    wrong("ERR_INVALID_ARG_VALUE", { ticketKeys = "short" })
    wrong("ERR_INVALID_ARG_TYPE", { SNICallback = 5 })
    wrong("ERR_INVALID_ARG_TYPE", { ALPNCallback = {} })
    wrong("ERR_PERIGEE_NOT_SUPPORTED", { dhparam = "auto" })
    local err = wrong("ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS", { ALPNCallback = print, ALPNProtocols = { "b" } })
    assert.equal("TypeError", err.name)
  end)

  it("takes Node's other options", function()
    local _, port = serve {
      ecdhCurve = "auto", sigalgs = "ECDSA+SHA256", honorCipherOrder = false, sessionTimeout = 100,
      sessionIdContext = "mine", ticketKeys = ("k"):rep(48), minVersion = "TLSv1.2", maxVersion = "TLSv1.3",
      secureOptions = 0, handshakeTimeout = 5000, keepAlive = true, keepAliveInitialDelay = 5000, allowHalfOpen = true,
    }
    works(port)
    local session = try(port, { maxVersion = "TLSv1.2", ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384" })
    assert.equal("TLSv1.2", session.socket:getProtocol())
    assert.same({
      name = "ECDHE-ECDSA-AES256-GCM-SHA384", standardName = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
      version = "TLSv1.2",
    }, session.socket:getCipher())
    session:close()
  end)

  it("judges clients' certificates", function()
    local seen
    local server, port = serve({ ca = other_cert, requestCert = true, rejectUnauthorized = false }, function(stream)
      local socket = stream.session.socket
      seen = { socket.authorized, socket.authorizationError, socket:getPeerCertificate().raw ~= nil }
      stream:finish "hello"
    end)
    works(port, { cert = other_cert, key = other_key })
    assert.same({ false, "INVALID_PURPOSE", true }, seen) -- it is a server's
    works(port, { cert = cert, key = key })
    assert.is_false(seen[1])
    assert.is_truthy(seen[2])
    works(port)
    assert.same({ false, "UNABLE_TO_GET_ISSUER_CERT", false }, seen)
    server:close()
  end)
end)

describe("SNICallback", function()
  local function with(callback, options)
    options = options or {}
    options.SNICallback = callback
    return serve(options)
  end

  it("chooses the certificate", function()
    local names = {}
    local _, port = with(function(name, cb)
      names[#names + 1] = name
      cb(nil, tls.createSecureContext { key = other_key, cert = other_cert })
    end)
    works(port, { ca = other_cert })
    fails(port, { ca = cert }, "DEPTH_ZERO_SELF_SIGNED_CERT")
    assert.same({ "localhost", "localhost" }, names)
  end)

  it("may answer later, wait, or return what it chose", function()
    local context = tls.createSecureContext { key = other_key, cert = other_cert }
    local ways = {
      function(_, cb) setTimeout(function() cb(nil, context) end, 5) end,
      function(_, cb)
        task.sleep(5)
        cb(nil, context)
      end,
      function() return context end,
      function()
        task.sleep(5)
        return { key = other_key, cert = other_cert }
      end,
    }
    for i = 1, #ways do
      local _, port = with(ways[i])
      works(port, { ca = other_cert })
    end
  end)

  it("that chooses nothing leaves the server's own", function()
    local _, port = with(function(_, cb) cb() end)
    works(port)
    _, port = with(function(_, cb) cb(nil, nil) end)
    works(port)
  end)

  it("is not asked by a client without a name", function()
    local called = false
    local _, port = with(function(_, cb)
      called = true
      cb()
    end)
    local session = support.adopt_session(http2.connect("https://127.0.0.1:" .. port, { ca = cert }))
    assert.is_truthy(session:await "connect")
    assert.is_false(called)
    session:close()
  end)

  it("is enough: no certificate of the server's own is needed", function()
    local server = support.adopt_server(http2.createSecureServer {
      SNICallback = function(_, cb) cb(nil, tls.createSecureContext { key = key, cert = cert }) end,
    })
    server:on("stream", hello):listen(0, "127.0.0.1")
    server:await "listening"
    works(server:address().port)
  end)

  it("that fails ends the handshake, and 'tlsClientError' says why", function()
    local fault = { code = "MINE" }
    local ways = {
      { function(_, cb) cb(fault) end },
      { function(_, cb) cb(nil, 5) end, "ERR_TLS_INVALID_CONTEXT" },
      { function(_, cb) cb(nil, { key = key, cert = other_cert }) end, "ERR_TLS_KEY_MISMATCH" },
      { function() error "thrown" end, "ERR_TLS_CALLBACK" },
    }
    for i = 1, #ways do
      local server, port = with(ways[i][1])
      local told
      server:on("tlsClientError", function(err, socket) told = { err.code, type(socket.remotePort) } end)
      fails(port, {}, "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR")
      support.wait_for(function() return told end)
      assert.same({ ways[i][2] or "ERR_TLS_CALLBACK", "number" }, told)
    end
  end)

  it("that never answers is ended by handshakeTimeout", function()
    local server, port = with(function() end, { handshakeTimeout = 50 })
    local told
    server:on("tlsClientError", function(err) told = err.code end)
    fails(port, {}, "ECONNRESET")
    support.wait_for(function() return told end)
    assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", told)
  end)

  it("may answer a client that is gone, or twice", function()
    local answers = {}
    local server, port = with(function(_, cb) answers[#answers + 1] = cb end)
    local session = connect(port)
    support.wait_for(function() return answers[1] end)
    session:destroy()
    support.turns(3)
    answers[1](nil, tls.createSecureContext { key = key, cert = cert })
    answers[1](nil, tls.createSecureContext { key = key, cert = cert })
    answers[1] { code = "LATE" }
    support.wait_for(function()
      local count
      server:getConnections(function(_, n) count = n end)
      support.turns(1)
      return count == 0
    end)
    session = connect(port)
    support.wait_for(function() return answers[2] end)
    server:close()
    support.turns(2)
    answers[2]()
    assert.is_nil((session:await "connect"))
  end)
end)

describe("ALPNCallback", function()
  it("chooses among what the client offers, and may wait", function()
    local seen
    local _, port = serve {
      ALPNCallback = function(offer)
        seen = offer
        task.sleep(2)
        return "h2"
      end,
    }
    works(port, { ALPNProtocols = { "x", "h2" } })
    assert.same({ servername = "localhost", protocols = { "x", "h2" } }, seen)
  end)

  it("may agree on a name of its own", function()
    local server, port = serve { ALPNCallback = function() return "mine" end }
    local theirs
    server:on("session", function(session) theirs = session.alpnProtocol end)
    local session = try(port, { ALPNProtocols = { "h2", "mine" } })
    assert.equal("mine", session.alpnProtocol)
    assert.equal("hello", session:request():body())
    assert.equal("mine", theirs)
    session:close()
  end)

  it("that returns nothing, or what was not offered, refuses with an alert", function()
    for i, result in ipairs { false, "h2\0", "h3" } do
      local server, port = serve { ALPNCallback = function() return result or nil end }
      local told
      server:on("tlsClientError", function(err) told = err end)
      fails(port, {}, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL")
      support.wait_for(function() return told end)
      assert.equal(i == 1 and "ERR_SSL_NO_APPLICATION_PROTOCOL" or "ERR_TLS_ALPN_CALLBACK_INVALID_RESULT", told.code)
    end
  end)

  it("goes with SNICallback", function()
    local order = {}
    local _, port = serve {
      SNICallback = function(name, cb)
        order[#order + 1] = name
        setTimeout(function() cb(nil, tls.createSecureContext { key = other_key, cert = other_cert }) end, 1)
      end,
      ALPNCallback = function(offer)
        order[#order + 1] = offer.protocols[1]
        return "h2"
      end,
    }
    works(port, { ca = other_cert })
    assert.same({ "localhost", "h2" }, order)
  end)
end)

describe("certificates", function()
  it("change at run time; connections that stand go on", function()
    local server, port = serve {}
    local old = try(port)
    server:setSecureContext { key = other_key, cert = other_cert }
    fails(port, {}, "DEPTH_ZERO_SELF_SIGNED_CERT")
    works(port, { ca = other_cert })
    assert.equal("hello", old:request():body())
    old:close()
    server:setSecureContext(tls.createSecureContext { key = key, cert = cert })
    works(port)
  end)

  it("that are wrong change nothing", function()
    local server, port = serve {}
    assert.has_error(function() server:setSecureContext { key = key, cert = other_cert } end, "ERR_TLS_KEY_MISMATCH")
    assert.has_error(function() server:setSecureContext {} end, "ERR_TLS_CERT")
    assert.has_error(function() server:setSecureContext() end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() server:setSecureContext { kye = key } end, "ERR_INVALID_ARG_VALUE")
    assert.has_error(function() server:addContext("a.example", { key = key }) end, "ERR_TLS_CERT")
    works(port)
  end)

  it("for other names are added, before and after listen(), and stay when the server's own change", function()
    local server = support.adopt_server(http2.createSecureServer { key = key, cert = cert })
    server:on("stream", hello)
    server:addContext("localhost", { key = other_key, cert = other_cert })
    server:listen(0, "127.0.0.1")
    server:await "listening"
    local port = server:address().port
    works(port, { ca = other_cert })
    local session = support.adopt_session(http2.connect("https://127.0.0.1:" .. port, { ca = cert }))
    assert.is_truthy(session:await "connect")
    session:close()
    server:setSecureContext { key = key, cert = cert }
    works(port, { ca = other_cert })
    server:addContext("LOCALHOST", tls.createSecureContext { key = key, cert = cert })
    works(port, { ca = cert })
    assert.has_error(function() server:addContext("", {}) end, "ERR_TLS_REQUIRED_SERVER_NAME")
    assert.has_error(function() server:addContext("*", { key = key, cert = cert }) end, "ERR_INVALID_ARG_VALUE")
    assert.has_error(function() server:addContext "a.example" end, "ERR_INVALID_ARG_TYPE")
  end)

  it("share the key of session tickets", function()
    local one, two = serve {}, serve {}
    assert.equal(48, #one:getTicketKeys())
    assert.is_true(one:getTicketKeys() ~= two:getTicketKeys())
    two:setTicketKeys(one:getTicketKeys())
    assert.equal(one:getTicketKeys(), two:getTicketKeys())
    one:setSecureContext { key = other_key, cert = other_cert }
    assert.equal(one:getTicketKeys(), two:getTicketKeys())
    one:setSecureContext { key = key, cert = cert, ticketKeys = ("t"):rep(48) }
    assert.equal(("t"):rep(48), one:getTicketKeys())
    assert.has_error(function() two:setTicketKeys "short" end, "ERR_INVALID_ARG_VALUE")
    assert.has_error(function() two:setTicketKeys() end, "ERR_INVALID_ARG_TYPE")
    assert.equal(("k"):rep(48), (serve { ticketKeys = ("k"):rep(48) }):getTicketKeys())
  end)

  it("are made once and used often with createSecureContext", function()
    local context = tls.createSecureContext { key = key, cert = cert, ca = cert }
    assert.matches("SecureContext", tostring(context))
    local server, port = serve { ca = cert, requestCert = true, rejectUnauthorized = false }
    local shown
    server:on("secureConnection", function(socket) shown = socket:getPeerCertificate().subject end)
    works(port, { secureContext = context })
    assert.equal("localhost", shown.CN)
    assert.has_error(function() tls.createSecureContext { key = "x", cert = "y" } end, "ERR_TLS_CERT")
    assert.has_error(function() tls.createSecureContext { nothing = 1 } end, "ERR_INVALID_ARG_VALUE")
    assert.has_error(function() tls.createSecureContext(5) end, "ERR_INVALID_ARG_TYPE")
  end)
end)

describe("a client", function()
  it("checks the name, and says for whom the certificate is", function()
    local _, port = serve {}
    local err = fails(port, { servername = "elsewhere.example" }, "ERR_TLS_CERT_ALTNAME_INVALID")
    assert.matches("elsewhere.example", err.message)
    works(port, { servername = "localhost" })
  end)

  it("knows who is not authorized when that is allowed", function()
    local _, port = serve {}
    local session = try(port, { ca = other_cert, rejectUnauthorized = false })
    assert.is_false(session.socket.authorized)
    assert.equal("DEPTH_ZERO_SELF_SIGNED_CERT", session.socket.authorizationError)
    session:close()
    session = try(port, { servername = "elsewhere.example", rejectUnauthorized = false })
    assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", session.socket.authorizationError)
    session:close()
    session = try(port)
    assert.is_true(session.socket.authorized)
    assert.is_nil(session.socket.authorizationError)
    session:close()
  end)

  it("lets checkServerIdentity look at the name", function()
    local server, port = serve {}
    local seen, requests = nil, 0
    server:on("stream", function() requests = requests + 1 end)
    local session = try(port, {
      servername = "elsewhere.example",
      checkServerIdentity = function(name, certificate) seen = { name, certificate.subject.CN } end,
    })
    assert.same({ "elsewhere.example", "localhost" }, seen)
    session:close()
    requests = 0
    session = connect(port, { checkServerIdentity = function() return { code = "MINE", message = "not you" } end })
    local stream = session:request()
    local stream_error
    stream:on("error", function(err) stream_error = err end)
    local ok, err = session:await "connect"
    assert.is_nil(ok)
    assert.equal("MINE", err.code)
    support.wait_for(function() return stream_error end)
    assert.equal("ERR_HTTP2_STREAM_CANCEL", stream_error.code)
    support.turns(5)
    assert.equal(0, requests)
    fails(port, { ca = other_cert, checkServerIdentity = function() error "not asked" end }, "DEPTH_ZERO")
  end)

  it("comes from where it is told to", function()
    local seen
    local _, port = serve({}, function(stream)
      seen = { stream.session.socket.remoteAddress, stream.session.socket.remotePort }
      stream:finish "hello"
    end)
    works(port, { localAddress = "127.0.0.3", family = 4 })
    assert.equal("127.0.0.3", seen[1])
    fails(port, { family = 6 }, "ECONNREFUSED")
    assert.has_error(function() connect(port, { family = 5 }) end, "ERR_INVALID_ARG_VALUE")
    assert.has_error(function() connect(port, { localAddress = "somewhere" }) end, "ERR_INVALID_IP_ADDRESS")
    assert.has_error(function() connect(port, { localPort = "x" }) end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() connect(port, { lookup = print }) end, "ERR_PERIGEE_NOT_SUPPORTED")
    assert.has_error(function() connect(port, { checkServerIdentity = 5 }) end, "ERR_INVALID_ARG_TYPE")
    works(port, { keepAlive = true, keepAliveInitialDelay = 1000, noDelay = true })
  end)

  it("emits 'timeout' after the option of that name", function()
    local _, port = serve {}
    local session = connect(port, { timeout = 20 })
    local heard = false
    session:on("timeout", function() heard = true end)
    support.wait_for(function() return heard end)
    session:close()
  end)
end)
