-- Http2ServerResponse: every member of API.md 11, and its silence on a stream that is gone.
local http2 = require "http2"
local task = require "perigee.task"
local support = require "support"

local HEADERS_SENT = "ERR_HTTP2_HEADERS_SENT"

local function new(handler, options)
  return support.adopt_server(http2.createServer(options, handler))
end

local function exchange(handler, headers, sent)
  return support.request(new(handler), headers or "/", sent)
end

-- A request in progress; returns the client's stream and a box that gets req and res.
local function open(handler, headers)
  local box = {}
  local session = support.connected(new(function(req, res)
    box.req, box.res = req, res
    handler(req, res)
  end))
  return session:request(headers or {}), box, session
end

-- Runs checks on a response in a handler that answers when they are done.
local function with_response(check)
  exchange(function(req, res)
    check(res, req)
    res:finish()
  end)
end

describe("a response's head", function()
  it("sets, gets, has and removes headers, whatever the case and the blanks around", function()
    with_response(function(res)
      local odd = " FOO-BAR\n\t"
      res:setHeader("foo-bar", "abc123")
      assert.is_true(res:hasHeader "foo-bar")
      assert.is_false(res:hasHeader "bar-foo")
      assert.is_true(res:hasHeader(odd))
      assert.equal("abc123", res:getHeader "foo-bar")
      assert.equal("abc123", res:getHeader(odd))
      assert.is_nil(res:getHeader "bar-foo")
      res:removeHeader "bar-foo"
      res:removeHeader "foo-bar"
      assert.is_false(res:hasHeader "foo-bar")
      res:setHeader(odd, "def")
      assert.equal("def", res:getHeader "foo-bar")
      res:removeHeader(odd)
      assert.is_false(res:hasHeader(odd))
    end)
  end)

  it("lists names in the order they were set, and gives a copy of the fields", function()
    with_response(function(res)
      assert.same({}, res:getHeaderNames())
      assert.same({}, res:getHeaders())
      for _, name in ipairs { "X-C", "x-a", "x-b", "x-a" } do res:setHeader(name, "1") end
      assert.same({ "x-c", "x-a", "x-b" }, res:getHeaderNames())
      res:removeHeader "x-a"
      assert.same({ "x-c", "x-b" }, res:getHeaderNames())
      assert.same({ ["x-c"] = "1", ["x-b"] = "1" }, res:getHeaders())
      res:getHeaders()["x-d"] = "1"
      assert.is_false(res:hasHeader "x-d")
    end)
  end)

  it("refuses names that are none", function()
    with_response(function(res)
      for _, method in ipairs { "hasHeader", "getHeader", "removeHeader", "setHeader", "appendHeader", "setTrailer" } do
        local err = assert.has_error(function() res[method](res) end, "ERR_INVALID_ARG_TYPE")
        assert.matches("name", err.message)
      end
      for _, method in ipairs { "setHeader", "appendHeader", "setTrailer" } do
        for _, name in ipairs { ":status", ":method", ":path", ":authority", ":scheme" } do
          local err = assert.has_error(function() res[method](res, name, "x") end,
            "ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED")
          assert.equal("Cannot set HTTP/2 pseudo-headers", err.message)
        end
        assert.has_error(function() res[method](res, ":foo", "x") end, "ERR_HTTP2_INVALID_PSEUDOHEADER")
        for _, name in ipairs { "", "a b", "a\tb", "a\1b", "ä", "a:b" } do
          local err = assert.has_error(function() res[method](res, name, "x") end, "ERR_INVALID_HTTP_TOKEN")
          assert.equal(('Header name must be a valid HTTP token ["%s"]'):format(name), err.message)
        end
        local err = assert.has_error(function() res[method](res, "test", nil) end, "ERR_HTTP2_INVALID_HEADER_VALUE")
        assert.equal('Invalid value "nil" for header "test"', err.message)
      end
      assert.same({}, res:getHeaderNames())
    end)
  end)

  it("drops `connection` with a warning", function()
    local answer = exchange(function(_, res)
      res:setHeader("Connection", "close")
      res:appendHeader("connection", "close")
      res:setTrailer("connection", "close")
      assert.is_false(res:hasHeader "connection")
      res:writeHead(200, { connection = "keep-alive" }):finish "ok"
    end)
    assert.equal(200, answer.status)
    assert.is_nil(answer.headers.connection)
  end)

  it("refuses what belongs to a connection when it is sent, and can be mended then", function()
    local answer = exchange(function(_, res)
      res:setHeader("transfer-encoding", "chunked")
      local err = assert.has_error(function() res:finish "x" end, "ERR_HTTP2_INVALID_CONNECTION_HEADERS")
      assert.matches("transfer%-encoding", err.message)
      res:removeHeader "transfer-encoding"
      for _, value in ipairs { "a\nb", "a\rb", "a\0b", { "fine", "a\nb" } } do
        res:setHeader("X-Bad", value)
        err = assert.has_error(function() res:finish() end, "ERR_INVALID_CHAR")
        assert.matches("x%-bad", err.message)
      end
      assert.is_false(res.writableEnded)
      res:removeHeader "x-bad"
      res:finish "mended"
    end)
    assert.equal("mended", answer.body)
  end)

  it("sends lists as one field each, numbers as text, and what was appended", function()
    local answer = exchange(function(_, res)
      res:setHeader("B", 1)
      res:appendHeader("b", "2")
      local more = { "3", "4" }
      res:appendHeader("b", more)
      res:appendHeader("c", more)
      res:appendHeader("f", false)
      assert.equal(false, res:getHeader "f")
      res:appendHeader("f", true)
      res:appendHeader("c", 5)
      assert.same({ "3", "4" }, more)
      assert.same({ 1, "2", "3", "4" }, res:getHeader "b")
      assert.same({ "3", "4", 5 }, res:getHeader "c")
      res:setHeader("set-cookie", { "a=1", "b=2" })
      res:finish()
    end)
    assert.equal("1, 2, 3, 4", answer.headers.b)
    assert.equal("3, 4, 5", answer.headers.c)
    assert.equal("false, true", answer.headers.f)
    assert.same({ "a=1", "b=2" }, answer.headers["set-cookie"])
  end)

  it("has a date unless told otherwise", function()
    local answer = exchange(function(_, res)
      assert.is_true(res.sendDate)
      res:finish()
    end)
    assert.is_truthy(answer.headers.date)
    answer = exchange(function(_, res)
      res.sendDate = false
      assert.is_false(res.sendDate)
      res:finish()
    end)
    assert.is_nil(answer.headers.date)
    answer = exchange(function(_, res)
      res:setHeader("date", "today")
      res:removeHeader "date"
      assert.is_false(res.sendDate)
      res:finish "x"
    end)
    assert.is_nil(answer.headers.date)
    answer = exchange(function(_, res)
      res:setHeader("Date", "today")
      res:finish()
    end)
    assert.equal("today", answer.headers.date)
  end)

  it("takes statuses 200 to 599", function()
    local answer = exchange(function(_, res)
      assert.equal(200, res.statusCode)
      for _, code in ipairs { 200, 300, 400, 500, 599 } do
        res.statusCode = code
        assert.equal(code, res.statusCode)
      end
      for _, code in ipairs { 100, 199 } do
        local err = assert.has_error(function() res.statusCode = code end, "ERR_HTTP2_INFO_STATUS_NOT_ALLOWED")
        assert.equal("RangeError", err.name)
      end
      for _, code in ipairs { 99, 0, 600, "abc", {} } do
        local err = assert.has_error(function() res.statusCode = code end, "ERR_HTTP2_STATUS_INVALID")
        assert.equal("RangeError", err.name)
      end
      assert.has_error(function() res.statusCode = nil end, "ERR_HTTP2_STATUS_INVALID")
      assert.equal(599, res.statusCode)
      res.statusCode = "404"
      assert.equal(404, res.statusCode)
      res:finish()
    end)
    assert.equal(404, answer.status)
  end)

  it("ignores a status message", function()
    local answer = exchange(function(_, res)
      res.statusMessage = "Gone"
      assert.equal("", res.statusMessage)
      res:writeHead(410, "Gone", { ["x-a"] = "1" }):finish()
    end)
    assert.equal(410, answer.status)
    assert.equal("1", answer.headers["x-a"])
  end)

  it("keeps fields of the script's own", function()
    with_response(function(res)
      res.locals = { 1 }
      assert.same({ 1 }, res.locals)
      assert.is_nil(res.nothing)
    end)
  end)
end)

describe("writeHead", function()
  it("goes over what was set, and is for once", function()
    local answer = exchange(function(_, res)
      res:setHeader("foo-bar", "def456")
      res:setHeader("other", "1")
      assert.is_false(res.headersSent)
      assert.equal(res, res:writeHead(418, { ["Foo-Bar"] = "abc123" }))
      assert.is_true(res.headersSent)
      assert.equal(418, res.statusCode)
      for _, late in ipairs {
        function() res:writeHead(300) end, function() res:setHeader("a", "b") end,
        function() res:appendHeader("a", "b") end, function() res:removeHeader "a" end,
      } do
        local err = assert.has_error(late, HEADERS_SENT)
        assert.equal("Response has already been initiated.", err.message)
      end
      res:flushHeaders() -- no harm
      res:finish()
    end)
    assert.equal(418, answer.status)
    assert.equal("abc123", answer.headers["foo-bar"])
    assert.equal("1", answer.headers.other)
  end)

  it("takes flat and nested lists, which replace what was set and keep duplicates", function()
    local lists = {
      { "a", "1", "a", "2", "b", "3" }, { { "a", "1" }, { "A", "2" }, { "b", "3" } },
    }
    for _, list in ipairs(lists) do
      local answer = exchange(function(_, res)
        res:setHeader("a", "0")
        res:setHeader("z", "0")
        res:writeHead(201, list)
        res:finish()
      end)
      assert.equal(201, answer.status)
      assert.equal("1, 2", answer.headers.a)
      assert.equal("3", answer.headers.b)
      assert.equal("0", answer.headers.z)
      answer = exchange(function(_, res) res:writeHead(201, list):finish() end)
      assert.equal("1, 2", answer.headers.a)
    end
    with_response(function(res)
      assert.has_error(function() res:writeHead(200, { "a" }) end, "ERR_INVALID_ARG_VALUE")
      assert.has_error(function() res:writeHead(200, 5) end, "ERR_INVALID_ARG_TYPE")
    end)
  end)

  it("takes a received table as it is", function()
    local answer = exchange(function(req, res)
      local given = req.headers
      given[":method"], given[":path"], given[":scheme"], given[":authority"] = nil, nil, nil, nil
      res:writeHead(200, given):finish()
    end, { [":path"] = "/", ["x-in"] = "back" })
    assert.equal("back", answer.headers["x-in"])
  end)

  it("sends sensitive fields as such, and leaves the caller's table alone", function()
    local given = { ["x-secret"] = "s", [http2.sensitiveHeaders] = { "x-secret" } }
    local answer = exchange(function(_, res) res:writeHead(200, given):finish() end)
    assert.equal("s", answer.headers["x-secret"])
    assert.same({ "x-secret" }, answer.headers[http2.sensitiveHeaders])
    assert.is_nil(given[":status"])
  end)

  it("refuses statuses that are none, and can be tried again", function()
    local answer = exchange(function(_, res)
      for _, code in ipairs { 99, 100, 101, 199, 600, "abc" } do
        local err = assert.has_error(function() res:writeHead(code) end, "ERR_HTTP2_STATUS_INVALID")
        assert.equal("RangeError", err.name)
        assert.equal(200, res.statusCode)
        assert.is_false(res.headersSent)
      end
      res:finish "fine"
    end)
    assert.equal(200, answer.status)
    assert.equal("fine", answer.body)
  end)

  it("is called by write(), finish() and flushHeaders(), so that a script can put its own in front", function()
    for _, send in ipairs {
      function(res) res:write "x" end, function(res) res:finish() end, function(res) res:finish "x" end,
      function(res) res:flushHeaders() end,
    } do
      local answer = exchange(function(_, res)
        local plain = res.writeHead
        function res:writeHead(...)
          self:setHeader("x-late", "yes")
          return plain(self, ...)
        end
        send(res)
        res:finish()
      end)
      assert.equal("yes", answer.headers["x-late"])
    end
  end)

  it("shows :status among the headers when they are sent", function()
    with_response(function(res)
      res:setHeader("a", "b")
      res:flushHeaders()
      assert.same({ "a", ":status" }, res:getHeaderNames())
      assert.same({ a = "b", [":status"] = 200 }, res:getHeaders())
      assert.is_true(res:hasHeader ":status")
    end)
  end)
end)

describe("a response's body", function()
  it("is written and finished", function()
    local answer = exchange(function(_, res)
      assert.is_true(res.writable)
      assert.is_true(res:write "one ")
      assert.is_true(res:write("two ", "utf8"))
      assert.is_false(res.writableEnded)
      assert.is_false(res.finished)
      assert.equal(res, res:finish("three", "utf8"))
      assert.is_true(res.writableEnded)
      assert.is_true(res.finished)
      assert.is_false(res.writable)
      assert.equal(res, res:finish())
    end)
    assert.equal("one two three", answer.body)
  end)

  it("has the stream's writable values", function()
    local box = select(2, open(function(_, res)
      assert.equal(0, res.writableCorked)
      assert.equal(65536, res.writableHighWaterMark)
      assert.equal(0, res.writableLength)
      assert.is_false(res.writableNeedDrain)
      assert.is_false(res.writableFinished)
      assert.is_false(res.destroyed)
      res:cork()
      res:uncork()
      res:write "x"
      assert.equal(1, res.writableLength)
      res:finish()
    end))
    support.wait_for(function() return box.res and box.res.writableFinished end)
    support.wait_for(function() return box.res.destroyed end)
  end)

  it("is ended by `end` in all spellings, with and without its arguments", function()
    for _, finish in ipairs {
      function(res, done) res:finish("end", "utf8", done) end, function(res, done) res:finish("end", done) end,
      function(res, done) res:end_("end", done) end, function(res, done) res["end"](res, "end", done) end,
      function(res, done)
        res:write "end"
        res:finish(done)
      end,
    } do
      local called = 0
      local answer = exchange(function(_, res)
        finish(res, function() called = called + 1 end)
        assert.equal(0, called) -- not at once
      end)
      assert.equal("end", answer.body)
      support.wait_for(function() return called == 1 end)
    end
  end)

  it("may be ended again, with a callback that is called once", function()
    local seen = {}
    exchange(function(_, res)
      res:finish("x", function()
        seen[#seen + 1] = "first"
        res:finish(function() seen[#seen + 1] = "third" end)
      end)
      res:finish("more", function(err)
        assert.is_nil(err)
        seen[#seen + 1] = "second"
      end)
    end)
    support.wait_for(function() return #seen == 3 end)
    assert.same({ "second", "first", "third" }, seen)
  end)

  it("takes strings only", function()
    with_response(function(res)
      assert.has_error(function() res:write(5) end, "ERR_INVALID_ARG_TYPE")
      assert.has_error(function() res:write() end, "ERR_INVALID_ARG_TYPE")
      assert.has_error(function() res:finish(5) end, "ERR_INVALID_ARG_TYPE")
      assert.is_false(res.headersSent)
      assert.is_false(res.writableEnded)
    end)
  end)

  it("that is empty is no body: the head ends the stream", function()
    for _, finish in ipairs { function(res) res:finish() end, function(res) res:finish "" end } do
      local answer = exchange(function(_, res) finish(res) end)
      assert.equal(5, answer.flags)
      assert.equal("", answer.body)
    end
  end)

  it("is dropped where there is none to be: HEAD, 204, 304", function()
    local cases = { { "HEAD", 200 }, { "GET", 204 }, { "GET", 205 }, { "GET", 304 } }
    for _, case in ipairs(cases) do
      local seen = {}
      local answer = exchange(function(_, res)
        res.stream:on("error", function() seen[#seen + 1] = "error" end)
        res.statusCode = case[2]
        assert.is_false(res.writableEnded)
        assert.is_false(res:write("data", function(err) seen[#seen + 1] = err.code end))
        assert.is_true(res:send "data")
        res:finish("data", function(err) seen[#seen + 1] = tostring(err) end)
        assert.is_true(res.writableEnded)
      end, { [":method"] = case[1] })
      assert.equal(case[2], answer.status)
      assert.equal(5, answer.flags)
      assert.equal("", answer.body)
      support.wait_for(function() return #seen == 2 end)
      assert.same({ "ERR_STREAM_WRITE_AFTER_END", "nil" }, seen)
    end
  end)

  it("after its end resets the stream, and the callback has the error", function()
    local seen = {}
    local stream = open(function(_, res)
      res:on("error", function() seen[#seen + 1] = "error on res" end)
      res:write "b"
      res:finish()
      assert.is_false(res:write("c", function(err) seen[#seen + 1] = err.code end))
      assert.is_true(res.stream.destroyed)
    end)
    local err
    stream:on("error", function(e) err = e end)
    support.over(stream)
    assert.equal("ERR_HTTP2_STREAM_ERROR", err.code)
    assert.same({ "ERR_STREAM_WRITE_AFTER_END" }, seen)
  end)

  it("is sent and waited for by send()", function()
    local sent = 0
    local stream, box = open(function(_, res)
      local piece = ("x"):rep(50000)
      for _ = 1, 20 do
        if not res:send(piece) then break end
        sent = sent + 1
      end
      res:finish()
    end)
    stream:await "response"
    support.turns(5)
    assert.is_true(sent < 20)
    assert.equal(1000000, #stream:body())
    assert.equal(20, sent)
    local ok, err = box.res:send "late"
    assert.is_nil(ok)
    assert.equal("ERR_STREAM_PREMATURE_CLOSE", err.code)
  end)

  it("write() says false when enough waits, and 'drain' follows", function()
    local drained = false
    local stream = open(function(_, res)
      res:on("drain", function()
        drained = true
        res:finish()
      end)
      while res:write(("x"):rep(10000)) do end -- luacheck: ignore
      assert.is_true(res.writableNeedDrain)
    end)
    stream:await "response"
    assert.is_false(drained)
    stream:body()
    assert.is_true(drained)
  end)

  it("comes from a pipe, held back by a slow client", function()
    local seen = {}
    local box
    local stream
    stream, box = open(function(req, res)
      res:on("pipe", function(source) seen[#seen + 1] = source == req and "pipe" end)
      res:on("unpipe", function(source) seen[#seen + 1] = source == req and "unpipe" end)
      assert.equal(res, req:pipe(res))
    end, { [":method"] = "POST" })
    local piece, left = ("y"):rep(100000), 20
    local function feed()
      while left > 0 do
        left = left - 1
        if not stream:write(piece) then return stream:once("drain", feed) end
      end
      stream:finish()
    end
    feed()
    stream:await "response"
    support.turns(10)
    assert.is_true(left > 0) -- nobody reads: it all waits
    assert.is_true(box.res.writableLength < 300000)
    assert.equal(2000000, #stream:body())
    support.wait_for(function() return box.res.destroyed end)
    assert.same({ "pipe", "unpipe" }, seen)
  end)
end)

describe("a response's trailers", function()
  it("follow the body, or the head when there is none", function()
    for _, body in ipairs { "hello", "" } do
      local trailers
      local stream = open(function(_, res)
        res:addTrailers { ABC = 123 }
        res:setTrailer("ABCD", 1)
        res:setTrailer("abcd", "124")
        res:finish(body)
      end)
      stream:on("trailers", function(t) trailers = t end)
      assert.equal(body, stream:body())
      assert.equal("123", trailers.abc)
      assert.equal("124", trailers.abcd)
    end
  end)

  it("may be set between writes, and none are sent for HEAD", function()
    local stream = open(function(_, res)
      res:write "a"
      res:setTrailer("x-t", "1")
      res:finish "b"
    end)
    local trailers
    stream:on("trailers", function(t) trailers = t end)
    assert.equal("ab", stream:body())
    assert.equal("1", trailers["x-t"])
    local answer = exchange(function(_, res)
      res:setTrailer("x-t", "1")
      res:finish "body"
    end, { [":method"] = "HEAD" })
    assert.equal(5, answer.flags)
  end)

  it("may be the script's own business by 'wantTrailers' of the stream", function()
    local stream = open(function(_, res)
      res.stream:on("wantTrailers", function() res.stream:sendTrailers { own = "1" } end)
      res:finish "x"
    end)
    local trailers
    stream:on("trailers", function(t) trailers = t end)
    stream:body()
    assert.equal("1", trailers.own)
    local wanted = false
    local answer = exchange(function(_, res)
      res.stream:on("wantTrailers", function() wanted = true end) -- one who only looks on
      res:finish "x"
    end)
    assert.equal("x", answer.body)
    assert.is_true(wanted)
  end)
end)

describe("informational answers", function()
  it("come before the head and say whether they went out", function()
    local seen = {}
    local stream = open(function(_, res)
      assert.is_true(res:writeContinue())
      assert.is_true(res:writeEarlyHints { link = { "</a>; rel=preload", "</b>; rel=\"x\"; as=style" }, foo = "bar" })
      assert.is_true(res:writeEarlyHints { link = "</c>" })
      assert.is_false(res:writeEarlyHints { link = {} })
      assert.is_true(res:writeInformation(110, { ["X-Progress"] = "50%" }))
      assert.is_true(res:writeInformation(102))
      res:flushHeaders()
      assert.is_false(res:writeContinue())
      assert.is_false(res:writeEarlyHints { link = "</a>" })
      assert.is_false(res:writeInformation(110))
      res:finish()
    end)
    stream:on("continue", function() seen[#seen + 1] = "continue" end)
    stream:on("headers", function(headers)
      seen[#seen + 1] = ("%s %s %s %s"):format(headers[":status"], headers.link, headers.foo, headers["x-progress"])
    end)
    support.over(stream)
    assert.same({
      "continue", "100 nil nil nil", "103 </a>; rel=preload, </b>; rel=\"x\"; as=style bar nil", "103 </c> nil nil",
      "110 nil nil 50%", "102 nil nil nil",
    }, seen)
  end)

  it("refuse hints and statuses that are none", function()
    with_response(function(res)
      for _, hints in ipairs { {}, { link = "bad" }, { link = 5 }, { link = { "bad" } }, { link = "</a>; rel=\"" } } do
        assert.has_error(function() res:writeEarlyHints(hints) end, "ERR_INVALID_ARG_VALUE")
      end
      for _, hints in ipairs { 5, "</a>" } do
        assert.has_error(function() res:writeEarlyHints(hints) end, "ERR_INVALID_ARG_TYPE")
      end
      assert.has_error(function() res:writeEarlyHints() end, "ERR_INVALID_ARG_TYPE")
      for _, status in ipairs { 101, 99, 200, 100.5, "100", false } do
        assert.has_error(function() res:writeInformation(status or nil) end, "ERR_HTTP2_STATUS_INVALID")
      end
    end)
  end)
end)

describe("a response's end", function()
  it("by destroy() resets the stream: 0, or INTERNAL_ERROR with an error, given in any form", function()
    for _, case in ipairs { { nil, 0 }, { "test-error", 2 }, { { code = "OWN" }, 2 } } do
      local finished = false
      local stream = open(function(req, res)
        req:on("error", function() error "not here" end)
        res:on("error", function() error "not here" end)
        res:on("finish", function()
          finished = true
          res:destroy(case[1]) -- no harm
        end)
        assert.equal(res, res:destroy(case[1]))
        res:destroy(case[1])
        assert.is_false(res:write "x")
      end)
      stream:on("error", function() end)
      support.over(stream)
      assert.equal(case[2], stream.rstCode)
      support.wait_for(function() return finished end)
    end
  end)

  it("makes all that comes later silent", function()
    local seen = {}
    local stream = open(function(_, res)
      res:on("close", function()
        res:setHeader("a", "b")
        res:removeHeader "a"
        res.statusCode = 300
        res:flushHeaders()
        res:setTrailer("a", "b")
        assert.is_false(res.headersSent)
        assert.is_false(res:writeContinue())
        assert.is_false(res:writeEarlyHints { link = "</a>" })
        assert.is_false(res:writeInformation(110))
        assert.equal(res, res:writeHead(200, { c = "d" }))
        assert.is_false(res:write("x", function(err) seen[#seen + 1] = err.code end))
        res:finish(function(err) seen[#seen + 1] = "finish " .. tostring(err) end)
        res:createPushResponse({ [":path"] = "/" }, function(err) seen[#seen + 1] = "push " .. err.code end)
      end)
      -- The same while the end is under way.
      res.stream:destroy()
      assert.equal(res, res:writeHead(200))
      assert.is_false(res:writeContinue())
      assert.is_false(res:writeEarlyHints { link = "</a>" })
      assert.is_false(res:write "x")
    end)
    support.over(stream)
    support.wait_for(function() return #seen == 3 end)
    assert.same({ "ERR_HTTP2_INVALID_STREAM", "finish nil", "push ERR_HTTP2_INVALID_STREAM" }, seen)
  end)

  it("with finish() after destroy() calls back", function()
    local called = false
    local stream = open(function(_, res)
      res:destroy()
      res:finish("x", function() called = true end)
    end)
    support.over(stream)
    support.wait_for(function() return called end)
  end)

  it("is awaited: await('finish') is true for a whole answer and nil, err for a cut one", function()
    local result
    local stream = open(function(_, res)
      res:finish "x"
      result = { res:await "finish" }
    end)
    support.over(stream)
    support.wait_for(function() return result end)
    assert.is_true(result[1])
    result = nil
    stream = open(function(_, res)
      require("perigee.task").detach()
      res:write "x"
      result = { res:await "finish" }
    end)
    stream:await "response"
    stream:close(8)
    support.wait_for(function() return result end)
    assert.is_nil(result[1])
    assert.is_truthy(result[2].code)
  end)

  it("setTimeout() calls back", function()
    local stream = open(function(_, res)
      assert.equal(res, res:setTimeout(5, function() res:finish "timed out" end))
    end)
    assert.equal("timed out", stream:body())
  end)
end)

describe("createPushResponse", function()
  it("needs a callback", function()
    with_response(function(res)
      local err = assert.has_error(function() res:createPushResponse { [":path"] = "/p" } end, "ERR_INVALID_ARG_TYPE")
      assert.matches("callback", err.message)
    end)
  end)

  it("gives a response on the pushed stream, or the error", function()
    local Mine = http2.Http2ServerResponse:extend()
    local server = new(function(_, res)
      local stream, given = res.stream, nil
      function stream.pushStream(_, headers, options, callback)
        given = { headers, options }
        if headers.fails then return callback { code = "NO" } end
        callback(nil, stream, headers)
      end
      local seen = {}
      res:createPushResponse({ fails = true }, function(err, pushed) seen[1], seen[2] = err.code, pushed end)
      assert.same({ "NO" }, seen)
      res:createPushResponse({ [":path"] = "/p" }, function(err, pushed)
        assert.is_nil(err)
        assert.same({ { [":path"] = "/p" }, {} }, given)
        assert.equal(stream, pushed.stream)
        assert.is_nil(pushed.req)
        assert.equal(Mine.mark, pushed.mark)
        assert.is_truthy(pushed.socket)
        pushed:finish "pushed"
      end)
    end, { Http2ServerResponse = Mine })
    function Mine.mark() end
    assert.equal("pushed", support.get(server, "/").body)
  end)
end)

describe("a response whose handler has no last word", function()
  -- The answer to HEAD waits with 'close' until its handler ends it; these never will.
  local function closes(go_on)
    local closed
    local session = support.connected(new(function(_, res)
      res:on("close", function() closed = true end)
      res:writeHead(200)
      go_on(res)
    end))
    session:request { [":method"] = "HEAD" }
    support.wait_for(function() return closed end)
  end

  it("says 'close' when it threw", function()
    closes(function(res)
      res.stream:await "close"
      error "before its end"
    end)
    assert.equal(1, #support.failures())
  end)

  it("says 'close' when it waited and is cancelled", function()
    closes(function(res)
      res.stream.session:destroy()
      task.sleep(60000)
    end)
    closes(function(res)
      res.stream:close(0)
      task.sleep(60000)
    end)
  end)
end)
