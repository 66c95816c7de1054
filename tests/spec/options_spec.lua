-- What the options of sessions do (API.md 4): those that can be seen from the inside. tests/e2e/test_session_options.py
-- has those that need a peer of its own kind.
local http2 = require "http2"
local support = require "support"

local c = http2.constants

local function pair(handler, options, client_options)
  local Ss
  local server = support.server(handler or function(stream) stream:finish() end, options)
  server:on("session", function(session) Ss = session end)
  local Cs = support.connected(server, client_options)
  support.wait_for(function() return Ss end)
  return Cs, Ss, server
end

describe("maxSessionMemory", function()
  local function over(limit)
    local Cs = pair(function(stream, headers)
      stream:respond {}
      stream:finish(headers[":path"] == "/big" and ("x"):rep(3000000) or "small")
    end, { maxSessionMemory = limit })
    local big = Cs:request { [":path"] = "/big" }
    big:await "response"
    local small, err = Cs:request { [":path"] = "/small" }, nil
    small:on("error", function(e) err = e end)
    small:await "close"
    assert.equal("ERR_HTTP2_STREAM_ERROR", err.code)
    assert.equal("Stream closed with error code NGHTTP2_ENHANCE_YOUR_CALM", err.message)
    assert.equal(c.NGHTTP2_ENHANCE_YOUR_CALM, small.rstCode)
    assert.equal(3000000, #big:body(4000000)) -- the one that was there may pass
    assert.equal("small", Cs:request({ [":path"] = "/small" }):body())
  end

  it("refuses new streams while it is used up, in megabytes", function() over(1) end)
  it("or as text", function()
    over "1MiB"
    over "500 kB"
  end)

  it("is 10 megabytes unless it is said", function()
    local Cs = pair(function(stream, headers)
      stream:respond {}
      stream:finish(headers[":path"] == "/big" and ("x"):rep(3000000) or "small")
    end)
    local big = Cs:request { [":path"] = "/big" }
    big:await "response"
    assert.equal("small", Cs:request({ [":path"] = "/small" }):body())
    big:close(8)
  end)

  it("counts streams and the headers of requests", function()
    local held = {}
    local Cs, Ss = pair(function(stream) held[#held + 1] = stream end, { maxSessionMemory = "100kB" })
    local refused
    for i = 1, 100 do
      local request = Cs:request { [":path"] = "/" .. i, x = ("x"):rep(1000) }
      request:on("error", function(err) refused = refused or err end)
    end
    support.wait_for(function() return refused end)
    support.turns(5)
    assert.is_true(#held > 20 and #held < 60)
    for i = 1, #held do held[i]:finish() end
    support.wait_for(function() return Ss.metrics.streamCount == #held and Cs._open == 0 end)
    local ok
    Cs:request({}):on("response", function() ok = true end)
    support.wait_for(function() return #held > 20 and held[#held].id > 200 end)
    held[#held]:finish()
    support.wait_for(function() return ok end)
  end)

  it("is checked", function()
    for _, value in ipairs { 0, -1, "", "16", "16 miles", "x" } do
      assert.has_error(function() support.server(nil, { maxSessionMemory = value }):_make() end,
        "ERR_INVALID_ARG_VALUE")
    end
    assert.has_error(function() http2.createServer { maxSessionMemory = true } end, "ERR_INVALID_ARG_TYPE")
  end)
end)

describe("maxOutstandingPings", function()
  it("is how many wait for their answer", function()
    local Cs = pair(nil, nil, { maxOutstandingPings = 2 })
    local answered, cancelled = 0, 0
    local function count(err)
      if err then cancelled = cancelled + 1 else answered = answered + 1 end
    end
    assert.is_true(Cs:ping(count))
    assert.is_true(Cs:ping(count))
    assert.is_false(Cs:ping(count))
    support.wait_for(function() return answered == 2 end)
    assert.equal(1, cancelled)
    assert.is_true(Cs:ping(count))
  end)
end)

describe("maxDeflateDynamicTableSize", function()
  it("bounds our encoder's table", function()
    local function table_after(options)
      local Cs = pair(nil, nil, options)
      Cs:request({ ["x-name"] = "value" }):body()
      return Cs.state.deflateDynamicTableSize
    end
    assert.is_true(table_after() > 0)
    assert.equal(0, table_after { maxDeflateDynamicTableSize = 0 })
  end)
end)

describe("maxSendHeaderBlockLength", function()
  it("ends a request that is larger, and closes the session", function()
    local Cs = pair(nil, nil, { maxSendHeaderBlockLength = 1000 })
    local log = {}
    local request = Cs:request { x = ("x"):rep(2000) }
    request:on("frameError", function(frame_type, code, id)
      log[#log + 1] = ("frameError %d %d %d"):format(frame_type, code, id)
    end)
    request:on("error", function(err) log[#log + 1] = err.message end)
    request:on("close", function() log[#log + 1] = "close " .. request.rstCode end)
    Cs:on("close", function() log[#log + 1] = "session" end)
    support.wait_for(function() return #log == 4 end)
    assert.same({
      "frameError 1 6 1", "Stream closed with error code NGHTTP2_FRAME_SIZE_ERROR", "close 6", "session",
    }, log)
  end)

  it("ends an answer that is larger; the session closes in order", function()
    local log, slow = {}, nil
    local Cs, Ss = pair(function(stream, headers)
      if headers[":path"] == "/slow" then
        stream:respond {}
        slow = stream
        return
      end
      stream:on("frameError", function(frame_type, code, id)
        log[#log + 1] = ("frameError %d %d %d"):format(frame_type, code, id)
      end)
      stream:on("error", function(err) log[#log + 1] = err.message end)
      stream:respond { x = ("x"):rep(2000) }
      stream:finish "never"
    end, { maxSendHeaderBlockLength = 1000 })
    local other = Cs:request { [":path"] = "/slow" }
    other:await "response"
    local request, code = Cs:request {}, nil
    request:on("error", function() end)
    request:on("close", function() code = request.rstCode end)
    support.wait_for(function() return code and #log == 2 and Ss.closed end)
    assert.equal(c.NGHTTP2_FRAME_SIZE_ERROR, code)
    assert.same({ "frameError 1 6 3", "Stream closed with error code NGHTTP2_FRAME_SIZE_ERROR" }, log)
    slow:finish "whole"
    assert.equal("whole", other:body())
    Cs:await "close"
  end)
end)

describe("strictSingleValueFields", function()
  it("false lets duplicates through", function()
    local Cs = pair(nil, nil, { strictSingleValueFields = false })
    Cs:request({ etag = { "a", "b" } }):body()
    local strict = pair()
    assert.has_error(function() strict:request { etag = { "a", "b" } } end, "ERR_HTTP2_HEADER_SINGLE_VALUE")
  end)
end)

describe("protocol", function()
  it("wins over the authority's", function()
    local server = support.server(function(stream, headers) stream:finish(headers[":scheme"]) end)
    server:listen(0, "127.0.0.1")
    server:await "listening"
    local Cs = support.adopt_session(http2.connect({ host = "127.0.0.1", port = server:address().port },
      { protocol = "http:" }))
    assert.equal("http", Cs:request({}):body())
    assert.has_error(function() http2.connect("http://localhost", { protocol = "ftp:" }) end,
      "ERR_HTTP2_UNSUPPORTED_PROTOCOL")
  end)
end)

describe("padding", function()
  it("of either kind changes lengths and nothing else", function()
    local sizes = {}
    for _, strategy in ipairs { "NONE", "ALIGNED", "MAX", "CALLBACK" } do
      local number = c["PADDING_STRATEGY_" .. strategy]
      local Cs, Ss = pair(function(stream) stream:pipe(stream) end, { paddingStrategy = number },
        { paddingStrategy = number })
      local request = Cs:request { [":method"] = "POST" }
      request:finish(("x"):rep(1001))
      assert.equal(("x"):rep(1001), request:body())
      sizes[strategy] = Ss.metrics.bytesWritten
    end
    assert.is_true(sizes.ALIGNED > sizes.NONE and sizes.ALIGNED < sizes.NONE + 24)
    assert.is_true(sizes.MAX > sizes.NONE + 200)
    assert.equal(sizes.ALIGNED, sizes.CALLBACK)
    assert.has_error(function() http2.createServer { paddingStrategy = 3 } end, "ERR_OUT_OF_RANGE")
  end)
end)
