-- Header tables: received ones look like ordinary tables and stay whole; sent ones are checked (API.md 7).
local http2 = require "http2"
local cjson = require "cjson"
local support = require "support"

-- Sends the request headers and calls look(headers, stream, flags) with what the handler gets. Its results
-- are returned.
local function received(headers, look)
  local out
  local server = support.server(function(stream, t, flags)
    out = { look(t, stream, flags) }
    stream:respond({ [":status"] = 204 })
  end)
  local session = support.connect(server)
  support.over(session:request(headers))
  session:close()
  return unpack(out)
end

local function ordinary()
  return { [":path"] = "/p?q=1", accept = "text/html", ["x-number"] = 5, ["User-Agent"] = "spec" }
end

describe("a received header table", function()
  it("is indexed by name in any case", function()
    received(ordinary(), function(t)
      assert.equal("GET", t[":method"])
      assert.equal("/p?q=1", t[":path"])
      assert.equal("http", t[":scheme"])
      assert.equal("localhost", t[":authority"])
      assert.equal("text/html", t.accept)
      assert.equal("text/html", t.Accept)
      assert.equal("text/html", t.ACCEPT)
      assert.equal("spec", t["user-agent"])
      assert.equal("5", t["x-number"])
    end)
  end)

  it("has nil for what is absent, and for keys that are no text", function()
    received(ordinary(), function(t)
      assert.is_nil(t.absent)
      assert.is_nil(t.Absent)
      assert.is_nil(t[1])
      assert.is_nil(t[true])
      assert.same({}, t[http2.sensitiveHeaders])
      assert.is_nil(t[""])
    end)
  end)

  it("takes assignments, new and in place of what came", function()
    received(ordinary(), function(t)
      t.accept = "other"
      t["x-mine"] = { 1 }
      assert.equal("other", t.accept)
      assert.equal("other", t.Accept)
      assert.same({ 1 }, t["x-mine"])
      assert.equal("GET", t[":method"])
      t.accept = nil
      assert.is_nil(t.accept)
      assert.is_nil(t.Accept)
      for name in pairs(t) do assert.is_true(name ~= "accept") end
    end)
  end)

  it("loses what is deleted first of all", function()
    received(ordinary(), function(t)
      t.accept = nil
      assert.is_nil(t.accept)
      assert.equal("spec", t["user-agent"])
    end)
  end)

  local whole = {
    [":method"] = "GET", [":path"] = "/p?q=1", [":scheme"] = "http", [":authority"] = "localhost",
    accept = "text/html", ["x-number"] = "5", ["user-agent"] = "spec",
  }

  it("is walked by pairs", function()
    received(ordinary(), function(t)
      local seen = {}
      for name, value in pairs(t) do seen[name] = value end
      assert.same(whole, seen)
    end)
  end)

  it("is walked by next", function()
    received(ordinary(), function(t)
      local seen = {}
      local name, value = next(t)
      while name do
        seen[name] = value
        name, value = next(t, name)
      end
      assert.same(whole, seen)
    end)
  end)

  it("may lose and change fields while it is walked", function()
    received(ordinary(), function(t)
      for name in pairs(t) do t[name] = name == "accept" and "kept" or nil end
      assert.same({ accept = "kept" }, http2.headers(t))
    end)
  end)

  it("is encoded as JSON, also inside of other tables", function()
    received(ordinary(), function(t)
      assert.same(whole, cjson.decode(cjson.encode(t)))
    end)
    received(ordinary(), function(t)
      assert.same({ list = { { headers = whole } } }, cjson.decode(cjson.encode { list = { { headers = t } } }))
    end)
  end)

  it("is filled by http2.headers, for code that looks with rawget", function()
    received(ordinary(), function(t)
      assert.is_nil(rawget(t, "accept"))
      assert.equal(t, http2.headers(t))
      assert.equal("text/html", rawget(t, "accept"))
      assert.equal(t, http2.headers(t))
      assert.equal("text/html", t.ACCEPT)
    end)
    local plain = { a = 1 }
    assert.equal(plain, http2.headers(plain))
  end)

  it("stays whole after the end of stream and session, and collections", function()
    for _, touch in ipairs {
      function() end,
      function(t) return t.accept end,
      function(t) return t.absent end,
      function(t) t["x-new"] = nil end,
      function(t) return pairs(t) end,
    } do
      local kept = received(ordinary(), function(t)
        touch(t)
        return t
      end)
      for _ = 1, 3 do
        support.turns()
        collectgarbage()
      end
      assert.equal("text/html", kept.accept)
      assert.equal("text/html", kept.Accept)
      assert.same(whole, http2.headers(kept))
    end
  end)

  it("keeps to itself: another request on the slot changes nothing", function()
    local tables = {}
    local server = support.server(function(stream, t)
      tables[#tables + 1] = t
      stream:finish()
    end)
    local session = support.connect(server)
    for i = 1, 20 do support.over(session:request({ [":path"] = "/" .. i, ["x-i"] = i })) end
    for i = 1, 20 do
      assert.equal("/" .. i, tables[i][":path"])
      assert.equal(tostring(i), tables[i]["X-I"])
    end
  end)

  it("of a response has a number for :status, which prints as it came", function()
    local answer = support.get(support.server(function(stream)
      stream:respond { [":status"] = 201, ["x-a"] = "b" }
      stream:finish()
    end), "/")
    assert.equal(201, answer.headers[":status"])
    assert.equal("201", tostring(answer.headers[":status"]))
    assert.equal(201, http2.headers(answer.headers)[":status"])
    assert.equal("b", answer.headers["X-A"])
  end)
end)

describe("received duplicates", function()
  -- A flat list keeps duplicates; the sender must not refuse them here.
  local function sent_flat(list, look)
    local out
    local server = support.server(function(stream, t, _, raw)
      out = { look(t, raw) }
      stream:respond { [":status"] = 204 }
    end)
    local session = support.connect(server)
    session._strict = false
    support.over(session:request(list))
    return unpack(out)
  end

  it("of cookie are joined by '; '", function()
    sent_flat({ "cookie", "a=1", "cookie", "b=2", "cookie", "c=3" }, function(t)
      assert.equal("a=1; b=2; c=3", t.cookie)
      assert.equal("a=1; b=2; c=3", t.Cookie)
    end)
  end)

  it("of set-cookie are a list, which a single one is too", function()
    sent_flat({ "set-cookie", "a=1", "set-cookie", "b=2" }, function(t)
      assert.same({ "a=1", "b=2" }, t["set-cookie"])
    end)
    sent_flat({ "set-cookie", "a=1" }, function(t)
      assert.same({ "a=1" }, t["Set-Cookie"])
      assert.same({ "a=1" }, t["set-cookie"])
    end)
  end)

  it("of other names are joined by ', '", function()
    sent_flat({ "accept", "a", "x-y", "1", "accept", "b", "x-y", "2" }, function(t)
      assert.equal("a, b", t.accept)
      assert.equal("1, 2", t["x-y"])
    end)
  end)

  it("of names with a single value: the first counts", function()
    sent_flat({ "user-agent", "first", "user-agent", "second", "etag", "x", "etag", "y" }, function(t)
      assert.equal("first", t["user-agent"])
      assert.equal("x", t.etag)
      assert.equal("first", http2.headers(t)["user-agent"])
    end)
  end)

  it("are all in rawHeaders, in the order of the wire", function()
    sent_flat({ "x-b", "1", "accept", "a", "x-b", "2" }, function(_, raw)
      assert.same({
        ":method", "GET", ":authority", "localhost", ":scheme", "http", ":path", "/",
        "x-b", "1", "accept", "a", "x-b", "2",
      }, raw)
    end)
  end)

  it("also reach listeners with a variable number of arguments", function()
    local server, count = support.server(), nil
    server:on("stream", function(...)
      count = select("#", ...)
      assert.equal(":method", (select(4, ...))[1])
      select(1, ...):finish()
    end)
    support.get(server, "/")
    assert.equal(4, count)
  end)
end)

describe("sensitive names", function()
  it("arrive as such", function()
    received({
      authorization = "Bearer x", ["x-secret"] = "s", ["x-open"] = "o",
      [http2.sensitiveHeaders] = { "X-Secret" },
    }, function(t)
      local names = {}
      for _, name in ipairs(t[http2.sensitiveHeaders]) do names[name] = true end
      assert.is_true(names["x-secret"])
      assert.is_nil(names["x-open"])
      assert.equal("s", t["x-secret"])
    end)
  end)

  it("of a response too", function()
    local answer = support.get(support.server(function(stream)
      stream:respond { ["x-secret"] = "s", [http2.sensitiveHeaders] = { "x-secret" } }
      stream:finish()
    end), "/")
    assert.same({ "x-secret" }, answer.headers[http2.sensitiveHeaders])
  end)
end)

-- What the client gets when the handler responds with t.
local function answered(t, options)
  return support.get(support.server(function(stream)
    stream:respond(t, options)
    stream:finish()
  end), "/").headers
end

-- respond(t) throws with that code; the stream is still to be answered.
local function refused(t, code)
  local err
  support.get(support.server(function(stream)
    err = assert.has_error(function() stream:respond(t) end, code)
    assert.is_false(stream.headersSent)
    stream:respond { [":status"] = 204 }
  end), "/")
  return err
end

describe("sending", function()
  it("lowers names and turns values into text", function()
    local got = answered { ["X-Upper"] = "v", ["x-int"] = 42, ["x-float"] = 1.5, ["x-yes"] = true, ["x-big"] = 2 ^ 40 }
    assert.equal("v", got["x-upper"])
    assert.equal("42", got["x-int"])
    assert.equal("1.5", got["x-float"])
    assert.equal("true", got["x-yes"])
    assert.equal("1099511627776", got["x-big"])
  end)

  it("sends one field for each of a list, nothing for an empty one", function()
    local got = answered { ["set-cookie"] = { "a=1", "b=2" }, vary = { "x", "y" }, ["x-none"] = {}, etag = { "one" } }
    assert.same({ "a=1", "b=2" }, got["set-cookie"])
    assert.equal("x, y", got.vary)
    assert.is_nil(got["x-none"])
    assert.equal("one", got.etag)
  end)

  it("keeps order and duplicates of a flat list", function()
    local raw
    local server = support.server(function(stream)
      stream:respond({ ":status", 203, "x-b", "1", "x-a", "2", "x-b", 3 }, { sendDate = false })
      stream:finish()
    end)
    local stream = support.connect(server):request()
    stream:on("response", function(_, _, r) raw = r end)
    support.over(stream)
    assert.same({ ":status", "203", "x-b", "1", "x-a", "2", "x-b", "3" }, raw)
  end)

  it("refuses names that are no tokens", function()
    for _, name in ipairs { "a b", "a:b", "x\r\ny", "naïve", "a\0", "(x)" } do
      local err = refused({ [name] = "v" }, "ERR_INVALID_HTTP_TOKEN")
      assert.equal("TypeError", err.name)
    end
  end)

  it("skips an empty name", function()
    assert.equal("1", answered({ [""] = "x", ["x-a"] = 1 })["x-a"])
  end)

  it("refuses values with CR, LF or NUL, and names the field", function()
    for _, value in ipairs { "a\rb", "a\nb", "a\0b", "a\r\nx-evil: 1" } do
      local err = refused({ ["X-Value"] = value }, "ERR_INVALID_CHAR")
      assert.matches("x%-value", err.message:lower())
    end
    refused({ ["x-list"] = { "good", "bad\n" } }, "ERR_INVALID_CHAR")
    refused({ "x-flat", "bad\n" }, "ERR_INVALID_CHAR")
  end)

  it("refuses values that have no text", function()
    refused({ ["x-a"] = function() end }, "ERR_HTTP2_INVALID_HEADER_VALUE")
  end)

  it("refuses what belongs to a connection", function()
    for _, name in ipairs {
      "connection", "upgrade", "http2-settings", "keep-alive", "proxy-connection", "transfer-encoding", "te",
      "Connection",
    } do
      refused({ [name] = "x" }, "ERR_HTTP2_INVALID_CONNECTION_HEADERS")
    end
    received({ te = "trailers" }, function(t) assert.equal("trailers", t.te) end)
  end)

  it("allows :status only", function()
    for _, name in ipairs { ":path", ":method", ":Status", ":x" } do
      refused({ [name] = "x" }, "ERR_HTTP2_INVALID_PSEUDOHEADER")
    end
  end)

  it("refuses two of a single value", function()
    for _, name in ipairs { "content-type", "Content-Length", "date", "etag", "location" } do
      refused({ [name] = { "1", "2" } }, "ERR_HTTP2_HEADER_SINGLE_VALUE")
    end
    refused({ "etag", "a", "ETag", "b" }, "ERR_HTTP2_HEADER_SINGLE_VALUE")
    refused({ ":status", 200, ":status", 200 }, "ERR_HTTP2_HEADER_SINGLE_VALUE")
    refused({ [":status"] = { 200, 200 } }, "ERR_HTTP2_HEADER_SINGLE_VALUE")
  end)

  it("refuses a single value that comes again in another case", function()
    for _, name in ipairs { "content-type", "content-length", "user-agent", "location", "max-forwards" } do
      local capital = name:gsub("^%l", string.upper)
      refused({ [name] = "1", [name:upper()] = "2" }, "ERR_HTTP2_HEADER_SINGLE_VALUE")
      refused({ [capital] = "1", [name:upper()] = 2 }, "ERR_HTTP2_HEADER_SINGLE_VALUE")
      refused({ [capital] = { "1" }, [name] = { "2" } }, "ERR_HTTP2_HEADER_SINGLE_VALUE")
    end
    assert.equal("1", answered({ ["Content-Type"] = "1", ["content-type"] = {} })["content-type"])
    for _ = 1, 2 do assert.equal("1", answered({ ["Content-Type"] = "1" })["content-type"]) end
    local both = answered { ["x-a"] = "1", ["X-A"] = "1", Accept = { "1", "1" }, accept = "1" }
    assert.same({ "1, 1", "1, 1, 1" }, { both["x-a"], both.accept })
  end)

  it("lets two of them pass when the server was told so", function()
    local server = support.server(function(stream)
      stream:respond { ["x-y"] = "z", etag = { "a", "b" } }
      stream:finish()
    end, { strictSingleValueFields = false })
    assert.equal("a", support.get(server, "/").headers.etag)
  end)

  it("wants a status from 200 to 599", function()
    for _, status in ipairs { 100, 199, 600, 0, "x", 200.5, -1 } do
      refused({ [":status"] = status }, "ERR_HTTP2_STATUS_INVALID")
    end
    assert.equal(404, answered({ [":status"] = "404" })[":status"])
    assert.equal(200, answered(nil)[":status"])
    assert.equal(599, answered({ [":status"] = 599 })[":status"])
    assert.equal(201, answered({ [":status"] = { 201 } })[":status"]) -- a list of one is single
    refused({ [":status"] = { 99 } }, "ERR_HTTP2_STATUS_INVALID")
  end)

  it("wants a table", function()
    refused("text", "ERR_INVALID_ARG_TYPE")
  end)

  it("does not change the caller's tables", function()
    local t, options = { ["X-A"] = "1", [":status"] = 200 }, { endStream = false }
    answered(t, options)
    assert.same({ ["X-A"] = "1", [":status"] = 200 }, t)
    assert.same({ endStream = false }, options)
    local request, request_options = { ["X-B"] = "2" }, {}
    local session = support.connect(support.server(function(stream) stream:finish() end))
    support.over(session:request(request, request_options))
    assert.same({ ["X-B"] = "2" }, request)
    assert.same({}, request_options)
  end)

  it("sends on a received table as it is", function()
    local server = support.server(function(stream, t)
      t[":method"], t[":path"], t[":scheme"], t[":authority"] = nil, nil, nil, nil
      stream:respond(t)
      stream:finish()
    end)
    assert.equal("v", support.get(server, { ["x-echo"] = "v" }).headers["x-echo"])
  end)

  it("forgets fields of a call that threw", function()
    local server = support.server(function(stream)
      pcall(stream.respond, stream, { "x-left", "1", "bad name", "2" })
      stream:respond { ["x-right"] = "1" }
      stream:finish()
    end)
    local got = support.get(server, "/").headers
    assert.is_nil(got["x-left"])
    assert.equal("1", got["x-right"])
  end)
end)

describe("date", function()
  it("is added", function()
    assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", answered({}).date)
  end)

  it("is the caller's when there is one, in any case and form", function()
    assert.equal("then", answered({ date = "then" }).date)
    assert.equal("then", answered({ Date = "then" }).date)
    assert.equal("then", answered({ "Date", "then" }).date)
  end)

  it("is left out with sendDate false", function()
    assert.is_nil(answered({}, { sendDate = false }).date)
  end)
end)

describe("a request", function()
  it("gets defaults for its pseudo headers", function()
    received(nil, function(t)
      assert.same({ [":method"] = "GET", [":path"] = "/", [":scheme"] = "http", [":authority"] = "localhost" },
        http2.headers(t))
    end)
  end)

  it("takes its own", function()
    received({ [":method"] = "DELETE", [":path"] = "/x", [":scheme"] = "https", [":authority"] = "h:1" }, function(t)
      assert.same({ [":method"] = "DELETE", [":path"] = "/x", [":scheme"] = "https", [":authority"] = "h:1" },
        http2.headers(t))
    end)
  end)

  it("has no :authority of its own beside host", function()
    received({ host = "example.org" }, function(t)
      assert.is_nil(t[":authority"])
      assert.equal("example.org", t.host)
    end)
  end)

  it("may come as a flat list", function()
    received({ ":path", "/flat", "x-a", "1", ":method", "DELETE" }, function(t)
      assert.equal("/flat", t[":path"])
      assert.equal("DELETE", t[":method"])
      assert.equal("1", t["x-a"])
    end)
  end)

  it("as a flat list keeps its order, pseudo headers too, behind those that are filled in", function()
    local raw
    local session = support.connected(support.server(function(stream, _, _, list)
      raw = list
      stream:finish()
    end))
    local function sent(list)
      support.over(session:request(list, { endStream = true }))
      return table.concat(raw, " ")
    end
    assert.equal(":path /a :scheme http :authority x:1 :method POST a b x-foo bar a c",
      sent {
        ":path", "/a", ":scheme", "http", ":authority", "x:1", ":method", "POST", "a", "b", "x-FOO", "bar", "a", "c",
      })
    assert.equal(":authority localhost :scheme http :path /b :method PUT a b",
      sent { ":path", "/b", "a", "b", ":method", "PUT" })
    assert.equal(":method GET :authority localhost :scheme http :path / a b", sent { "a", "b" })
  end)

  it("takes a list of one for a pseudo header, not of two", function()
    received({ [":path"] = { "/one" } }, function(t) assert.equal("/one", t[":path"]) end)
    local session = support.connect(support.server())
    assert.has_error(function() session:request { [":path"] = { "/a", "/b" } } end, "ERR_HTTP2_HEADER_SINGLE_VALUE")
  end)

  it("is refused in place: bad names, values, pseudo headers", function()
    local session = support.connect(support.server())
    local function bad(t, code) assert.has_error(function() session:request(t) end, code) end
    bad({ ["a b"] = "x" }, "ERR_INVALID_HTTP_TOKEN")
    bad({ a = "x\n" }, "ERR_INVALID_CHAR")
    bad({ [":path"] = "/\r\nx" }, "ERR_INVALID_CHAR")
    bad({ [":status"] = 200 }, "ERR_HTTP2_INVALID_PSEUDOHEADER")
    bad({ connection = "close" }, "ERR_HTTP2_INVALID_CONNECTION_HEADERS")
    bad({ te = "gzip" }, "ERR_HTTP2_INVALID_CONNECTION_HEADERS")
    bad({ authorization = { "a", "b" } }, "ERR_HTTP2_HEADER_SINGLE_VALUE")
    bad("text", "ERR_INVALID_ARG_TYPE")
  end)

  it("CONNECT wants :authority, and neither :scheme nor :path", function()
    local session = support.connect(support.server())
    local function bad(t, code)
      t[":method"] = "CONNECT"
      assert.has_error(function() session:request(t) end, code)
    end
    bad({}, "ERR_HTTP2_CONNECT_AUTHORITY")
    bad({ [":authority"] = "a:1", [":scheme"] = "http" }, "ERR_HTTP2_CONNECT_SCHEME")
    bad({ [":authority"] = "a:1", [":path"] = "/" }, "ERR_HTTP2_CONNECT_PATH")
  end)
end)
