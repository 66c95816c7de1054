-- ALTSVC, ORIGIN and 421: what a server announces, what a client keeps (API.md 5, 13).
local http2 = require "http2"
local native = require "perigee.native"
local support = require "support"

-- Over TLS, in this process: client session and a function that gives the server's.
local function secure(options, client_options, handler)
  options = options or {}
  options.cert, options.key = native.development_certificate()
  local server = support.adopt_server(http2.createSecureServer(options))
  local Ss
  server:on("session", function(session) Ss = session end)
  server:on("stream", handler or function(stream) stream:finish() end)
  server:listen(0, "127.0.0.1")
  server:await "listening"
  client_options = client_options or {}
  client_options.ca = options.cert
  local port = server:address().port
  local Cs = support.adopt_session(http2.connect("https://localhost:" .. port, client_options))
  return Cs, function()
    support.wait_for(function() return Ss end)
    return Ss
  end, port
end

-- In clear, over memory.
local function clear(handler, client_options)
  local Ss
  local server = support.server(handler or function(stream) stream:finish() end)
  server:on("session", function(session) Ss = session end)
  local Cs = support.connect(server, client_options)
  support.wait_for(function() return Ss end)
  return Cs, Ss
end

describe("altsvc", function()
  it("is heard with value, origin and stream", function()
    local heard = {}
    local Cs, Ss = clear(function(stream)
      stream.session:altsvc('h3=":443"; ma=60', stream.id)
      stream:finish()
    end)
    Cs:on("altsvc", function(alt, origin, id) heard[#heard + 1] = { alt, origin, id } end)
    Ss:altsvc('h2=":8000"', "https://Example.ORG:8111/path?x#y")
    Ss:altsvc("clear", { origin = "https://example.com" })
    Cs:request({}):body()
    support.wait_for(function() return #heard == 3 end)
    assert.same({
      { 'h2=":8000"', "https://example.org:8111", 0 }, { "clear", "https://example.com", 0 },
      { 'h3=":443"; ma=60', "", 1 },
    }, heard)
  end)

  it("checks its arguments", function()
    local _, Ss = clear()
    local function bad(code, ...)
      local n, arguments = select("#", ...), { ... }
      local err = assert.has_error(function() Ss:altsvc(unpack(arguments, 1, n)) end, code)
      return err
    end
    for _, id in ipairs { 0, -1, 2147483648, 1.5 } do bad("ERR_OUT_OF_RANGE", "h2", id) end
    for _, alt in ipairs { 0, {}, true } do bad("ERR_INVALID_ARG_TYPE", alt, 1) end
    bad("ERR_INVALID_ARG_TYPE", "h2")
    bad("ERR_INVALID_ARG_TYPE", "h2", true)
    bad("ERR_INVALID_ARG_TYPE", "h2", {})
    bad("ERR_INVALID_CHAR", "\1")
    bad("ERR_INVALID_CHAR", "\1", 1)
    bad("ERR_INVALID_CHAR", "a\nb", 1)
    bad("ERR_INVALID_URL", "h2", "h2")
    bad("ERR_INVALID_URL", "h2", "http://")
    for _, origin in ipairs { "file:///x", "mailto:x@y", "abc:abc:", { origin = "null" }, { origin = 0 } } do
      bad("ERR_HTTP2_ALTSVC_INVALID_ORIGIN", "h2", origin)
    end
    assert.equal("TypeError", bad("ERR_HTTP2_ALTSVC_LENGTH", ("a"):rep(16383), 1).name)
    bad("ERR_HTTP2_ALTSVC_LENGTH", ("a"):rep(16366), "http://example.com")
    Ss:altsvc(("a"):rep(16382 - #"http://example.com"), "http://example.com")
    Ss:destroy()
    bad("ERR_HTTP2_INVALID_SESSION", "h2", 1)
  end)
end)

describe("origin", function()
  it("fills the client's originSet, which begins with where it connected to", function()
    local Cs, server_session, port = secure()
    local heard
    assert.is_nil(Cs.originSet)
    Cs:on("origin", function(origins) heard = origins end)
    Cs:await "connect"
    local own = "https://localhost:" .. port
    assert.same({ own }, Cs.originSet)
    server_session():origin("https://example.org:443/x", "http://foo.test:80", { origin = "https://bar.test:8443" })
    support.wait_for(function() return heard end)
    assert.same({ "https://example.org", "http://foo.test", "https://bar.test:8443" }, heard)
    assert.same({ own, "https://example.org", "http://foo.test", "https://bar.test:8443" }, Cs.originSet)
    heard = nil
    server_session():origin "https://example.org"
    support.wait_for(function() return heard end)
    assert.equal(4, #Cs.originSet)
    Cs:destroy()
    assert.is_nil(Cs.originSet)
  end)

  it("goes out at the beginning with the option origins", function()
    local Cs = secure { origins = { "https://one.test", "https://two.test" } }
    local heard
    Cs:on("origin", function(origins) heard = origins end)
    support.wait_for(function() return heard end)
    assert.same({ "https://one.test", "https://two.test" }, heard)
  end)

  it("means nothing in clear", function()
    local Cs, Ss = clear()
    local heard
    Cs:on("origin", function() heard = true end)
    Ss:origin "https://example.org"
    Cs:request({}):body()
    assert.is_nil(heard)
    assert.is_nil(Cs.originSet)
  end)

  it("more often than maxOriginSetSize ends the session", function()
    local Cs, server_session = secure(nil, { maxOriginSetSize = 3 })
    local code
    Cs:on("error", function(err) code = err.code end)
    server_session():origin("https://a.test", "https://b.test")
    support.turns(5)
    assert.is_false(Cs.destroyed)
    server_session():origin("https://a.test", "https://b.test", "https://c.test")
    support.wait_for(function() return code end)
    assert.equal("ERR_HTTP2_TOO_MANY_ORIGINS", code)
  end)

  it("checks its arguments", function()
    local _, Ss = clear()
    local function bad(code, ...)
      local n, arguments = select("#", ...), { ... }
      return assert.has_error(function() Ss:origin(unpack(arguments, 1, n)) end, code)
    end
    for _, value in ipairs { 0, true, {} } do bad("ERR_INVALID_ARG_TYPE", value) end
    for _, value in ipairs { "file://foo", { origin = "null" }, { origin = 0 }, "blob:x" } do
      assert.equal("TypeError", bad("ERR_HTTP2_INVALID_ORIGIN", value).name)
    end
    bad("ERR_INVALID_URL", "example.org")
    local many = {}
    for i = 1, 100 do many[i] = ("https://%s%d.test"):format(("a"):rep(180), i) end
    bad("ERR_HTTP2_ORIGIN_LENGTH", unpack(many))
    Ss:origin() -- says nothing
    Ss:destroy()
    bad("ERR_HTTP2_INVALID_SESSION", "https://example.org")
  end)

  it("is taken back by a 421", function()
    local Cs, server_session, port = secure(nil, nil, function(stream)
      stream:respond({ [":status"] = 421 }, { endStream = true })
    end)
    local heard
    Cs:on("origin", function() heard = true end)
    server_session():origin("https://other.test", "https://third.test")
    support.wait_for(function() return heard end)
    local own = "https://localhost:" .. port
    assert.same({ own, "https://other.test", "https://third.test" }, Cs.originSet)
    assert.equal(421, Cs:request({ [":authority"] = "other.test" }):await "response"[":status"])
    assert.same({ own, "https://third.test" }, Cs.originSet)
  end)
end)
