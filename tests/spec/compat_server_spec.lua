-- Servers with 'request' listeners: who gets which request, classes of the script's own, what is thrown.
local http2 = require "http2"
local support = require "support"

local function new(options, handler)
  return support.adopt_server(http2.createServer(options, handler))
end

local function hello(_, res) res:finish "hello" end

describe("a server", function()
  it("takes a 'request' listener in all forms", function()
    for _, server in ipairs {
      new(hello), new({}, hello), new(nil, hello), new():on("request", hello), new():once("request", hello),
      new():prependListener("request", hello),
    } do
      assert.equal("hello", support.get(server, "/").body)
    end
    assert.has_error(function() http2.createServer({}, 5) end, "ERR_INVALID_ARG_TYPE")
  end)

  it("calls all 'request' listeners, and 'stream' listeners beside them", function()
    local seen = {}
    local server = new(function(req)
      seen[#seen + 1] = "first " .. req.url
    end)
    server:on("request", function(_, res)
      seen[#seen + 1] = "second"
      res:finish "x"
    end)
    server:on("stream", function(stream, headers) seen[#seen + 1] = "stream " .. headers[":path"] end)
    assert.equal("x", support.get(server, "/a").body)
    assert.same({ "first /a", "second", "stream /a" }, seen)
  end)

  it("says 404 when the listener is gone and nobody else is there", function()
    local server = new()
    server:once("request", hello)
    assert.equal(200, support.get(server, "/").status)
    assert.equal(404, support.get(server, "/").status)
    server:on("stream", function(stream) stream:finish "stream" end)
    assert.equal("stream", support.get(server, "/").body)
  end)

  it("can await a request", function()
    local server = new()
    server:on("request", function() end)
    local session = support.connected(server)
    local stream = session:request()
    local req, res = server:await "request"
    res:finish("awaited " .. req.url)
    assert.equal("awaited /", stream:body())
  end)

  it("is left as it was when it has 'stream' listeners only", function()
    local server = support.server(function(stream) stream:finish(tostring(stream._compat)) end)
    assert.equal("nil", support.get(server, "/").body)
    assert.equal(1, server:listenerCount "stream")
  end)

  it("may have two listeners at work for many requests at a time", function()
    local server = new(function(req, res)
      res:write(req.url)
      req:await "end"
      res:finish(" done")
    end)
    local session = support.connected(server)
    local streams = {}
    for i = 1, 50 do
      streams[i] = session:request { [":path"] = "/" .. i, [":method"] = "POST" }
      streams[i]:write "body"
    end
    for i = 50, 1, -1 do streams[i]:finish() end
    for i = 1, 50 do assert.equal(("/%d done"):format(i), streams[i]:body()) end
  end)
end)

describe("CONNECT", function()
  local connect = { [":method"] = "CONNECT", [":authority"] = "example.org:80" }

  it("is answered by 405 when nobody listens for 'connect'", function()
    local server = new(function() error "not a request" end)
    local answer = support.request(server, connect)
    assert.equal(405, answer.status)
    assert.equal(5, answer.flags)
  end)

  it("goes to 'connect'", function()
    local server = new(function() error "not a request" end)
    server:on("connect", function(req, res)
      assert.equal("example.org:80", req.authority)
      assert.is_nil(req.url)
      assert.is_nil(req.scheme)
      res:writeHead(200)
      res:finish "tunnel"
    end)
    assert.equal("tunnel", support.request(server, connect).body)
  end)
end)

describe("Expect", function()
  local function ask(server, expect)
    local seen = {}
    local session = support.connected(server)
    local stream = session:request { expect = expect }
    stream:on("continue", function() seen[#seen + 1] = "continue" end)
    local headers = stream:await "response"
    seen[#seen + 1] = headers[":status"]
    support.over(stream)
    return seen
  end

  it("100-continue is granted, and the request comes", function()
    assert.same({ "continue", 200 }, ask(new(hello), "100-continue"))
  end)

  it("100-continue goes to 'checkContinue' when somebody listens", function()
    local server = new(function() error "not a request" end)
    server:on("checkContinue", function(req, res)
      assert.equal("100-continue", req.headers.expect)
      res.statusCode = 413
      res:finish()
    end)
    assert.same({ 413 }, ask(server, "100-continue"))
    server = new(hello)
    server:once("checkContinue", function(req, res)
      assert.is_true(res:writeContinue())
      server:emit("request", req, res)
    end)
    assert.same({ "continue", 200 }, ask(server, "100-continue"))
  end)

  it("anything else is 417, or goes to 'checkExpectation'", function()
    local server = new(function() error "not a request" end)
    assert.same({ 417 }, ask(server, "meoww"))
    assert.same({ 417 }, ask(server, "100-Continue"))
    server:once("checkExpectation", function(req, res)
      assert.equal("meoww", req.headers.expect)
      res.statusCode = 299
      res:finish()
    end)
    assert.same({ 299 }, ask(server, "meoww"))
    assert.same({ 417 }, ask(server, "meoww"))
  end)

  it("is not looked at where there are 'stream' listeners only", function()
    local server = support.server(function(stream, headers) stream:finish(headers.expect) end)
    assert.same({ 200 }, ask(server, "100-continue"))
  end)

  it("and CONNECT do not take a waiting task for a listener", function()
    local server = new(hello)
    setImmediate(function() server:await "close" end)
    support.turns(2)
    assert.same({ "continue", 200 }, ask(server, "100-continue"))
    assert.same({ 417 }, ask(server, "meoww"))
    assert.equal(405, support.request(server, { [":method"] = "CONNECT", [":authority"] = "a:1" }).status)
  end)
end)

describe("classes of the script's own", function()
  it("are made by extend(), and by the options", function()
    local Request, Response = http2.Http2ServerRequest:extend(), http2.Http2ServerResponse:extend()
    function Request:userAgent() return self.headers["user-agent"] or "unknown" end
    function Response:json(text)
      self:setHeader("content-type", "application/json")
      self:finish(text)
    end
    local server = new({ Http2ServerRequest = Request, Http2ServerResponse = Response }, function(req, res)
      res:json(("{%q:%q}"):format("agent", req:userAgent()))
    end)
    local answer = support.request(server, { [":path"] = "/", ["user-agent"] = "spec" })
    assert.equal('{"agent":"spec"}', answer.body)
    assert.equal("application/json", answer.headers["content-type"])
    -- Other servers have what they had.
    assert.is_nil(http2.Http2ServerRequest.userAgent)
    assert.is_nil(http2.Http2ServerResponse.json)
  end)

  it("may extend one another, override methods, and have a constructor", function()
    local Base = http2.Http2ServerRequest:extend()
    function Base:new(stream, headers, ...)
      local req = http2.Http2ServerRequest.new(self, stream, headers, ...)
      req.tag = "made"
      return req
    end
    local Derived = Base:extend()
    function Derived:body() return "<" .. Base.body(self) .. ">" end
    local Response = http2.Http2ServerResponse:extend()
    function Response:new(stream, options, req)
      local res = http2.Http2ServerResponse.new(self, stream, options, req)
      assert.equal("made", req.tag)
      return res
    end
    function Response:finish(data, ...) return http2.Http2ServerResponse.finish(self, data .. "!", ...) end
    local server = new({ Http2ServerRequest = Derived, Http2ServerResponse = Response }, function(req, res)
      res:end_(req:body() .. req.tag .. req.method)
    end)
    assert.equal("<x>madePOST!", support.request(server, { [":method"] = "POST" }, "x").body)
  end)

  it("are refused when they are none", function()
    for _, name in ipairs { "Http2ServerRequest", "Http2ServerResponse" } do
      assert.has_error(function() http2.createServer { [name] = "x" } end, "ERR_INVALID_ARG_TYPE")
      local err = assert.has_error(function() http2.createServer { [name] = {} } end, "ERR_INVALID_ARG_VALUE")
      assert.matches(name .. ":extend", err.message)
      assert.has_error(function() http2.connect("http://localhost", { [name] = http2[name] }) end,
        "ERR_INVALID_ARG_VALUE")
    end
  end)

  it("have a text", function()
    local texts
    support.get(new(function(req, res)
      texts = { tostring(req), tostring(res), tostring(req.socket) }
      res:finish()
    end), "/")
    assert.same({ "Http2ServerRequest (stream 1)", "Http2ServerResponse (stream 1)", "Http2CompatSocket" }, texts)
  end)
end)

describe("a request listener that throws", function()
  it("answers 500 when nothing was sent, at once or later", function()
    for _, throw in ipairs {
      function() error "no good" end,
      function(req)
        req:body()
        error "no good"
      end,
      function(req) req:on("end", function() error "no good" end):resume() end,
      function(_, res)
        res:setHeader("x-bad", "a\nb")
        res:finish "x"
      end,
    } do
      local answer = support.request(new(throw), { [":method"] = "POST" }, "x")
      assert.equal(500, answer.status)
      assert.equal("Internal Server Error\n", answer.body)
      assert.equal(1, #support.failures())
    end
  end)

  it("resets the stream when the head was sent, and nothing else stops", function()
    local seen = {}
    local server = new(function(req, res)
      if req.url == "/good" then return res:finish "good" end
      support.record(seen, "res", res, "finish close")
      res:write "x"
      error "no good"
    end)
    local session = support.connected(server)
    local bad, good = session:request { [":path"] = "/bad" }, session:request { [":path"] = "/good" }
    bad:on("error", function() end)
    assert.equal("good", good:body())
    support.over(bad)
    assert.equal(2, bad.rstCode)
    assert.equal(1, #support.failures())
    assert.same({ "res finish", "res close" }, seen)
  end)

  it("in one listener of a response does not stop the next", function()
    local seen = {}
    support.get(new(function(_, res)
      res:on("close", function() error "no good" end)
      res:on("close", function() seen[#seen + 1] = "second" end)
      res:finish()
    end), "/")
    support.wait_for(function() return #seen == 1 end)
    assert.equal(1, #support.failures())
  end)
end)
