-- Streams: answering, writing, reading, ending, and what a kept one says (API.md 6; DESIGN.md 3, "Writing",
-- "Cut bodies").
local support = require "support"

-- The client's stream of a request whose handler runs in this test.
local function open(handler, headers, options)
  local session = support.connected(support.server(handler))
  return session:request(headers, options), session
end

-- Runs look(stream) in a handler, answers what it left unanswered, and waits for all of it.
local function in_handler(look, headers, sent)
  local out
  local stream = open(function(stream, t)
    out = { look(stream, t) }
    if not stream.closed and not stream.writableEnded then stream:finish() end
  end, sent and { [":method"] = "POST" } or headers)
  if sent then stream:finish(sent) end
  support.over(stream)
  return unpack(out or {})
end

local function chunks_of(stream)
  local list = {}
  for chunk in stream:chunks() do list[#list + 1] = chunk end
  return list
end

describe("respond", function()
  it("sends headers; the body follows with write and finish", function()
    local answer = support.get(support.server(function(stream)
      assert.is_false(stream.headersSent)
      stream:respond { [":status"] = 201, ["x-a"] = "b" }
      assert.is_true(stream.headersSent)
      stream:write "one "
      stream:finish "two"
    end), "/")
    assert.equal(201, answer.status)
    assert.equal("b", answer.headers["x-a"])
    assert.equal("one two", answer.body)
  end)

  it("throws ERR_HTTP2_HEADERS_SENT the second time", function()
    in_handler(function(stream)
      stream:respond {}
      assert.has_error(function() stream:respond {} end, "ERR_HTTP2_HEADERS_SENT")
    end)
  end)

  it("throws ERR_INVALID_ARG_TYPE for what is no table", function()
    in_handler(function(stream)
      assert.has_error(function() stream:respond "x" end, "ERR_INVALID_ARG_TYPE")
      assert.has_error(function() stream:respond({}, 5) end, "ERR_INVALID_ARG_TYPE")
      assert.is_false(stream.headersSent)
    end)
  end)

  it("throws ERR_HTTP2_INVALID_STREAM on a stream that is gone", function()
    in_handler(function(stream)
      stream:close(8)
      assert.has_error(function() stream:respond {} end, "ERR_HTTP2_INVALID_STREAM")
    end)
    in_handler(function(stream)
      stream:destroy()
      assert.has_error(function() stream:respond {} end, "ERR_HTTP2_INVALID_STREAM")
    end)
  end)

  it("with endStream is the whole answer", function()
    local stream = open(function(stream)
      stream:respond({ [":status"] = 404 }, { endStream = true })
      assert.is_true(stream.writableEnded)
      assert.is_true(stream.writableEnded)
    end)
    local t, flags = stream:await "response"
    assert.equal(404, t[":status"])
    assert.equal(1, flags % 2)
    assert.equal("", stream:body())
  end)

  it("ends the stream for statuses without a body", function()
    for _, status in ipairs { 204, 205, 304 } do
      in_handler(function(stream)
        stream:respond { [":status"] = status }
        assert.is_true(stream.writableEnded)
      end)
    end
  end)

  it("happens by itself at the first write, or finish", function()
    for _, verb in ipairs { "write", "finish" } do
      local answer = support.get(support.server(function(stream)
        stream[verb](stream, "text")
        assert.is_true(stream.headersSent)
        stream:finish()
      end), "/")
      assert.equal(200, answer.status)
      assert.equal("text", answer.body)
    end
  end)

  it("tells what it sent", function()
    in_handler(function(stream)
      assert.is_nil(stream.sentHeaders)
      stream:respond { ["x-a"] = "b" }
      assert.equal(200, stream.sentHeaders[":status"])
      assert.equal("b", stream.sentHeaders["x-a"])
      assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", stream.sentHeaders.date)
    end)
    in_handler(function(stream)
      stream:respond({ ":status", 201, "Set-Cookie", "a=1", "set-cookie", "b=2" }, { sendDate = false })
      assert.same({ [":status"] = 201, ["set-cookie"] = { "a=1", "b=2" } }, stream.sentHeaders)
      assert.same({ "a=1", "b=2" }, stream.sentHeaders["Set-Cookie"])
    end)
  end)

  it("tells what a client sent", function()
    local stream = open(function(stream) stream:finish() end, { [":path"] = "/x", ["x-a"] = "b" })
    support.over(stream)
    local sent = stream.sentHeaders
    assert.same({ "GET", "/x", "http", "localhost", "b" },
      { sent[":method"], sent[":path"], sent[":scheme"], sent[":authority"], sent["x-a"] })
  end)
end)

describe("HEAD", function()
  it("has ended its side before the handler begins, and sends headers only", function()
    local errors = {}
    local stream = open(function(stream)
      assert.is_true(stream.headRequest)
      stream:on("error", function(err) errors[#errors + 1] = err.code end)
      stream:respond { ["content-length"] = 5 }
      assert.is_true(stream.writableEnded)
      assert.is_false(stream:write "hello")
    end, { [":method"] = "HEAD" })
    local t = stream:await "response"
    assert.equal("5", t["content-length"])
    assert.equal("", stream:body())
    support.wait_for(function() return #errors > 0 end)
    assert.same({ "ERR_STREAM_WRITE_AFTER_END" }, errors)
  end)
end)

describe("write", function()
  it("after finish gives ERR_STREAM_WRITE_AFTER_END to the callback and to 'error'", function()
    local told, heard
    local answer = support.get(support.server(function(stream)
      stream:on("error", function(err) heard = err end)
      stream:finish "done"
      assert.is_false(stream:write("more", function(err) told = err end))
    end), "/")
    assert.equal("done", answer.body)
    support.wait_for(function() return told and heard end)
    assert.equal("ERR_STREAM_WRITE_AFTER_END", told.code)
    assert.equal("ERR_STREAM_WRITE_AFTER_END", heard.code)
  end)

  it("after 204 does the same, and the client gets its 204", function()
    local heard
    local stream = open(function(stream)
      stream:on("error", function(err) heard = err end)
      stream:respond { [":status"] = 204 }
      stream:finish "x"
    end)
    assert.equal(204, stream:await("response")[":status"])
    assert.equal("", stream:body())
    support.wait_for(function() return heard end)
    assert.equal("ERR_STREAM_WRITE_AFTER_END", heard.code)
  end)

  it("on a stream that is gone is false and throws nothing", function()
    local told
    in_handler(function(stream)
      stream:destroy()
      assert.is_false(stream:write "late")
      assert.is_false(stream:write("late", function(err) told = err.code end))
      assert.equal(stream, stream:finish "later")
    end)
    support.wait_for(function() return told end)
    assert.equal("ERR_STREAM_DESTROYED", told)
  end)

  it("takes text only", function()
    in_handler(function(stream)
      assert.has_error(function() stream:write(5) end, "ERR_INVALID_ARG_TYPE")
      assert.has_error(function() stream:write(nil) end, "ERR_INVALID_ARG_TYPE")
    end)
  end)

  it("tells its callback that it was taken", function()
    local calls = {}
    in_handler(function(stream)
      stream:write("a", function(err) calls[#calls + 1] = { err } end)
      assert.same({}, calls)
    end)
    assert.same({ {} }, calls)
  end)

  it("keeps every byte", function()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    all = table.concat(all):rep(40)
    local answer = support.request(support.server(function(stream) stream:finish(stream:body()) end),
      { [":method"] = "POST" }, all)
    assert.is_true(answer.body == all)
  end)

  it("keeps its boundary: each is a 'data' event of its own (API.md 1, rule 7)", function()
    local stream = open(function(stream)
      stream:write "a"
      stream:write ""
      stream:write "b"
      stream:finish "c"
    end)
    assert.same({ "a", "b", "c" }, chunks_of(stream))
  end)

  it("is false above the high mark, and 'drain' follows when there is room", function()
    local results, drained = {}, 0
    local stream = open(function(stream)
      local piece = ("x"):rep(40000)
      stream:on("drain", function()
        drained = drained + 1
        assert.is_false(stream.writableNeedDrain)
        stream:finish()
      end)
      for i = 1, 4 do results[i] = stream:write(piece) end
      assert.is_true(stream.writableNeedDrain)
      assert.is_true(stream.bufferSize > 65536)
    end)
    assert.equal(160000, #stream:body())
    assert.same({ true, false, false, false }, results)
    assert.equal(1, drained)
  end)

  it("before the connection stands: by the same marks, and one 'drain' when all is out", function()
    local size = 0
    local server = support.server(function(stream)
      for chunk in stream:chunks() do size = size + #chunk end
      stream:finish()
    end)
    local stream = support.connect(server):request { [":method"] = "POST" }
    for _ = 1, 100 do assert.is_true(stream:write "small") end
    assert.equal(500, stream.bufferSize)
    assert.is_true(stream:write(("x"):rep(65036)))
    assert.is_false(stream:write "y")
    assert.is_true(stream.writableNeedDrain)
    assert.equal(65537, stream.writableLength)
    local drains = {}
    stream:on("drain", function() drains[#drains + 1] = stream.bufferSize end)
    stream:await "drain"
    support.turns(5)
    assert.same({ 0 }, drains)
    stream:finish()
    support.over(stream)
    assert.equal(65537, size)
  end)

  it("before the connection stands has the bound too", function()
    local stream = support.connect(support.server()):request { [":method"] = "POST" }
    local err
    stream:on("error", function(e) err = e end)
    local chunk = ("x"):rep(1048576)
    for _ = 1, 16 do stream:write(chunk) end
    assert.is_false(stream.destroyed)
    stream:write "x"
    assert.is_true(stream.destroyed)
    support.over(stream)
    assert.equal("ERR_STREAM_OVERFLOW", err.code)
    assert.equal("limit", stream.closeInfo.by)
  end)

  it("beyond the bound resets the stream with ERR_STREAM_OVERFLOW", function()
    local heard
    local stream = open(function(stream)
      stream:on("error", function(err) heard = err end)
      local piece = ("x"):rep(1048576)
      for _ = 1, 40 do
        if stream.destroyed then break end
        stream:write(piece)
      end
      assert.is_true(stream.destroyed)
    end)
    local _, err = stream:body()
    assert.equal("ERR_HTTP2_STREAM_ERROR", err.code)
    assert.equal(2, stream.rstCode)
    assert.equal("ERR_STREAM_OVERFLOW", heard.code)
    assert.matches("stream_output_max", heard.message)
  end)
end)

describe("send", function()
  it("waits while too much waits, so that nothing piles up", function()
    local most = 0
    local stream = open(function(stream)
      for _ = 1, 50 do
        assert.is_true(stream:send(("x"):rep(20000)))
        most = math.max(most, stream.bufferSize)
      end
      stream:finish()
    end)
    assert.equal(1000000, #stream:body())
    assert.is_true(most <= 65536)
  end)

  it("gives nil, err when the stream ends", function()
    local got
    local stream = open(function(stream)
      local ok, err
      repeat ok, err = stream:send(("x"):rep(20000)) until not ok
      got = err
    end)
    stream:await "response"
    support.turns()
    stream:close(8)
    support.wait_for(function() return got end)
    assert.equal("ERR_STREAM_PREMATURE_CLOSE", got.code)
  end)
end)

describe("finish", function()
  it("has two more names, as `end` is a word of Lua", function()
    assert.equal("a", support.get(support.server(function(s) s["end"](s, "a") end), "/").body)
    assert.equal("b", support.get(support.server(function(s) s:end_ "b" end), "/").body)
  end)

  it("calls back at 'finish', also when that was before", function()
    local order = {}
    in_handler(function(stream)
      stream:on("finish", function()
        order[#order + 1] = "finish"
        assert.is_true(stream.writableFinished)
        stream:finish(function(err) order[#order + 1] = "late callback " .. err.code end)
      end)
      stream:finish("x", function() order[#order + 1] = "callback" end)
      assert.is_true(stream.writableEnded)
      assert.is_false(stream.writableFinished)
    end)
    support.wait_for(function() return #order == 3 end)
    assert.same({ "finish", "callback", "late callback ERR_STREAM_ALREADY_FINISHED" }, order)
  end)

  it("may be called again without data", function()
    in_handler(function(stream)
      stream:finish()
      assert.equal(stream, stream:finish())
    end)
  end)

  it("tells its callback when it comes too late", function()
    local got = {}
    local function note(name)
      return function(err) got[name] = err and err.code or "finish" end
    end
    in_handler(function(stream)
      stream:on("error", function() end)
      stream:on("finish", function() stream:finish(note "finished") end)
      stream:on("close", function()
        stream:finish(note "gone")
        stream:finish("x", note "data, gone")
      end)
      stream:finish("x", note "first")
      stream:finish(note "second")
      stream:finish("y", note "data, second")
    end)
    in_handler(function(stream)
      stream:respond {}
      stream:close(8)
      stream:finish("x", note "data, closed")
      stream:finish(note "closed")
    end)
    in_handler(function(stream)
      stream:destroy()
      stream:finish(note "destroyed")
    end)
    support.wait_for(function() return got.destroyed end)
    assert.same({
      first = "finish", second = "finish", ["data, second"] = "ERR_STREAM_WRITE_AFTER_END",
      finished = "ERR_STREAM_ALREADY_FINISHED", gone = "ERR_STREAM_ALREADY_FINISHED",
      ["data, gone"] = "ERR_STREAM_WRITE_AFTER_END", closed = "finish",
      ["data, closed"] = "ERR_STREAM_WRITE_AFTER_END", destroyed = "ERR_STREAM_DESTROYED",
    }, got)
  end)
end)

describe("destroy", function()
  it("is code 0 before anything else is known, and no error (API.md 1, rules 2 and 4)", function()
    local seen = {}
    in_handler(function(stream)
      assert.equal(0, stream.rstCode)
      support.record(seen, "S", stream, "aborted error")
      stream:respond {}
      stream:finish "text"
      stream:destroy()
      assert.equal(0, stream.rstCode)
      assert.is_true(stream.destroyed)
      assert.is_false(stream.aborted)
      assert.is_nil(stream.session)
    end)
    assert.same({}, seen)
  end)

  it("lets the first write out and drops the rest (rule 3)", function()
    local stream = open(function(stream)
      stream:respond {}
      stream:write "first "
      stream:finish "never sent"
      stream:destroy()
    end)
    local got = {}
    stream:on("data", function(chunk) got[#got + 1] = chunk end)
    stream:await "close"
    assert.same({ "first " }, got)
  end)

  it("lets a single payload out in full (rule 3)", function()
    local stream = open(function(stream)
      stream:finish "RST_STREAM error code : 0"
      stream:destroy()
    end)
    local got = {}
    stream:on("data", function(chunk) got[#got + 1] = chunk end)
    stream:await "close"
    assert.same({ "RST_STREAM error code : 0" }, got)
  end)

  it("emits 'close' later, so that a listener added behind it hears (rule 5)", function()
    local order = {}
    in_handler(function(stream)
      stream:destroy()
      stream:on("close", function() order[#order + 1] = "close" end)
      order[1] = "after destroy"
    end)
    support.wait_for(function() return #order == 2 end)
    assert.same({ "after destroy", "close" }, order)
  end)

  it("twice is once", function()
    local closes = 0
    in_handler(function(stream)
      stream:on("close", function() closes = closes + 1 end)
      stream:destroy()
      stream:destroy("late error")
      stream:close(8)
    end)
    support.turns()
    assert.equal(1, closes)
  end)

  it("hands on any table with a message as it is", function()
    for _, err in ipairs {
      { message = "kaboom" }, setmetatable({ message = "kaboom" }, { __tostring = function() return "kaboom!" end }),
    } do
      local heard
      local stream = open(function(stream)
        stream:on("error", function(given) heard = given end)
        stream:write "hello"
        stream:destroy(err)
      end)
      stream:on("error", function() end)
      support.over(stream)
      support.wait_for(function() return heard end)
      assert.is_true(heard == err)
    end
  end)

  it("with an error is INTERNAL_ERROR: 'error', then 'close'", function()
    local order, heard = {}, nil
    local stream = open(function(stream)
      support.record(order, "S", stream, "aborted error close")
      stream:on("error", function(err) heard = err end)
      stream:respond {}
      stream:destroy "broken"
      assert.equal(2, stream.rstCode)
    end)
    local _, err = stream:body()
    assert.equal("ERR_HTTP2_STREAM_ERROR", err.code)
    assert.matches("NGHTTP2_INTERNAL_ERROR", err.message)
    assert.same({ "S aborted", "S error", "S close" }, order)
    assert.equal("broken", heard.message)
  end)

  it("emits 'aborted' at once when our side had not ended", function()
    in_handler(function(stream)
      local aborted = false
      stream:on("aborted", function() aborted = true end)
      stream:respond {}
      stream:destroy()
      assert.is_true(aborted)
      assert.is_true(stream.aborted)
    end)
  end)
end)

describe("close", function()
  it("sends RST_STREAM with its code; callback at 'close'", function()
    local called = false
    local stream = open(function(stream)
      stream:respond {}
      stream:close(8, function() called = true end)
      assert.is_true(stream.closed)
      assert.equal(8, stream.rstCode)
    end)
    support.over(stream)
    assert.equal(8, stream.rstCode)
    support.wait_for(function() return called end)
  end)

  it("with code 0 waits for the body that is on its way", function()
    local stream = open(function(stream)
      stream:respond {}
      stream:write(("x"):rep(200000))
      stream:finish "end"
      stream:close()
    end)
    assert.equal(200003, #stream:body())
  end)

  it("checks the code", function()
    in_handler(function(stream)
      for _, code in ipairs { -1, 4294967296, 1.5 } do
        assert.has_error(function() stream:close(code) end, "ERR_OUT_OF_RANGE")
      end
      assert.has_error(function() stream:close "8" end, "ERR_INVALID_ARG_TYPE")
      assert.is_false(stream.closed)
    end)
  end)

  it("of a second code changes nothing", function()
    local stream = open(function(stream)
      stream:close(8)
      stream:close(2)
      assert.equal(8, stream.rstCode)
    end)
    support.over(stream)
    assert.equal(8, stream.rstCode)
  end)

  it("on a request that waits for its connection ends it", function()
    local session = support.connect(support.server(function(stream) stream:finish() end))
    local stream = session:request()
    assert.is_true(stream.pending)
    assert.is_nil(stream.id)
    stream:close(8)
    support.over(stream)
    assert.equal(8, stream.rstCode)
  end)
end)

describe("the end by a client", function()
  it("RST_STREAM with code 0 after headers is a clean end (API.md 1, rule 6)", function()
    local order = {}
    local stream = open(function(stream)
      stream:respond {}
      stream:write "part"
      stream:close(0)
    end)
    support.record(order, "C", stream, "error aborted end close")
    support.over(stream)
    assert.same({ "C end", "C close" }, order)
    assert.equal(0, stream.rstCode)
    assert.is_false(stream.complete)
  end)
end)

describe("reading a body", function()
  it("by body() gives all of it", function()
    local answer = support.request(support.server(function(stream) stream:finish("got " .. stream:body()) end),
      { [":method"] = "POST" }, "this")
    assert.equal("got this", answer.body)
  end)

  it("by body(limit) refuses more", function()
    local err
    local server = support.server(function(stream)
      local _
      _, err = stream:body(5)
      stream:finish()
    end)
    support.request(server, { [":method"] = "POST" }, "123456")
    assert.equal("ERR_PERIGEE_BODY_TOO_LARGE", err.code)
    err = nil
    support.request(server, { [":method"] = "POST" }, "12345")
    assert.is_nil(err)
  end)

  it("by chunks() gives it piece by piece, at the reader's pace", function()
    local stream = open(function(stream)
      for i = 1, 5 do
        stream:write("chunk " .. i)
        support.turns(2)
      end
      stream:finish()
    end)
    local got = {}
    for chunk in stream:chunks() do
      support.turns(3)
      got[#got + 1] = chunk
    end
    assert.same({ "chunk 1", "chunk 2", "chunk 3", "chunk 4", "chunk 5" }, got)
    assert.is_true(stream.complete)
  end)

  it("that is cut gives nil, err", function()
    for _, code in ipairs { 0, 8 } do
      local stream = open(function(stream)
        stream:respond {}
        stream:write "part"
        setImmediate(function() stream:close(code) end)
      end)
      local body, err = stream:body()
      assert.is_nil(body)
      assert.equal("ERR_STREAM_PREMATURE_CLOSE", err.code)
      assert.is_false(stream.complete)
    end
  end)

  it("that is cut with an error gives that error, and the pieces before it", function()
    local stream = open(function(stream)
      stream:respond {}
      stream:write "part"
      support.turns(10)
      stream:close(2)
    end)
    local next_chunk, state = stream:chunks()
    assert.equal("part", next_chunk(state))
    local chunk, err = next_chunk(state)
    assert.is_nil(chunk)
    assert.equal("ERR_HTTP2_STREAM_ERROR", err.code)
  end)

  it("by 'data' and 'end' listeners", function()
    local got, ended = {}, false
    local stream = open(function(stream)
      stream:write "a"
      stream:finish "b"
    end)
    stream:on("data", function(chunk) got[#got + 1] = chunk end)
    stream:on("end", function() ended = true end)
    stream:await "close"
    assert.same({ "a", "b" }, got)
    assert.is_true(ended)
    assert.is_true(stream.readableEnded)
  end)

  it("does not begin before anybody wants it", function()
    local stream = open(function(stream) stream:finish "kept" end)
    stream:await "response"
    support.turns(10)
    assert.is_false(stream.readableEnded)
    assert.equal("kept", stream:body())
  end)

  it("by read() takes what is there", function()
    local stream = open(function(stream)
      stream:write "a"
      stream:finish "b"
    end)
    stream:await "response"
    support.turns(10)
    assert.equal("ab", stream:read())
    assert.is_nil(stream:read())
    stream:await "close"
  end)

  it("by read(size) takes that much, and the rest at the end", function()
    local got = {}
    in_handler(function(stream)
      support.wait_for(function() return stream.complete end)
      assert.equal(5, stream.readableLength)
      for _ = 1, 3 do got[#got + 1] = tostring(stream:read(2)) end
      got[#got + 1] = tostring(stream:read(2))
      assert.has_error(function() stream:read(-1) end, "ERR_OUT_OF_RANGE")
      stream:respond {}
    end, nil, "12345")
    assert.same({ "12", "34", "5", "nil" }, got)
  end)

  it("tells of pause and resume", function()
    local log = {}
    in_handler(function(stream)
      stream:on("pause", function() log[#log + 1] = "pause" end)
      stream:on("resume", function() log[#log + 1] = "resume" end)
      stream:pause()
      stream:pause()
      log[#log + 1] = "-"
      stream:resume()
      log[#log + 1] = "-"
      stream:respond {}
    end)
    assert.same({ "pause", "-", "-", "resume" }, log)
  end)

  it("says whether headers were all there is", function()
    local get, post, kept
    support.request(support.server(function(stream)
      get, kept = stream.endAfterHeaders, stream
      stream:respond({}, { endStream = true })
    end))
    assert.is_true(get)
    support.wait_for(function() return kept.destroyed end)
    assert.is_true(kept.endAfterHeaders)
    assert.equal(0, kept.bytesRead)
    local answer = support.request(support.server(function(stream)
      post = stream.endAfterHeaders
      stream:body()
      stream:respond({}, { endStream = true })
    end), { [":method"] = "POST" }, "x")
    assert.is_false(post)
    assert.is_true(answer.stream.endAfterHeaders)
  end)

  it("stops at pause() and goes on at resume()", function()
    local sent = 0
    local stream = open(function(stream)
      for _ = 1, 40 do
        if not stream:send(("x"):rep(10000)) then return end
        sent = sent + 1
      end
      stream:finish()
    end)
    local size = 0
    stream:on("data", function(chunk)
      size = size + #chunk
      if size < 20000 then stream:pause() end
    end)
    support.wait_for(function() return stream:isPaused() end)
    support.turns(20)
    local held = size
    support.turns(20)
    assert.equal(held, size)
    assert.is_true(sent < 40) -- the window holds the sender back
    stream:on("data", function() end) -- a new listener does not undo pause()
    support.turns(5)
    assert.equal(held, size)
    while not stream.destroyed do
      stream:resume()
      support.turns(1)
    end
    assert.equal(400000, size)
  end)
end)

describe("pipe", function()
  it("echoes a body and ends with it", function()
    local stream = open(function(stream)
      stream:respond {}
      assert.equal(stream, stream:pipe(stream))
    end, { [":method"] = "POST" })
    local text = ("echo "):rep(60000)
    stream:finish(text)
    assert.is_true(stream:body() == text)
  end)

  it("goes to anything with write and finish", function()
    local got, ended = {}, false
    local stream = open(function(stream)
      stream:write "a"
      stream:finish "b"
    end)
    stream:pipe {
      write = function(_, chunk)
        got[#got + 1] = chunk
        return true
      end,
      finish = function() ended = true end,
    }
    support.over(stream)
    assert.same({ "a", "b" }, got)
    assert.is_true(ended)
  end)

  it("with end_ = false leaves the target open", function()
    local ended = false
    local stream = open(function(stream) stream:finish "b" end)
    stream:pipe({ write = function() return true end, finish = function() ended = true end }, { end_ = false })
    support.over(stream)
    assert.is_false(ended)
  end)
end)

describe("trailers", function()
  it("of a response come after its body, once 'wantTrailers' asked for them", function()
    local server = support.server(function(stream)
      stream:respond({}, { waitForTrailers = true })
      assert.has_error(function() stream:sendTrailers {} end, "ERR_HTTP2_TRAILERS_NOT_READY")
      stream:on("wantTrailers", function()
        stream:sendTrailers { ["X-Sum"] = "abc" }
        assert.has_error(function() stream:sendTrailers {} end, "ERR_HTTP2_TRAILERS_ALREADY_SENT")
      end)
      stream:finish "body"
    end)
    local stream = support.connected(server):request()
    local seen, raw = {}, nil
    stream:on("trailers", function(t, flags, r)
      raw = r
      seen[#seen + 1] = t["x-sum"]
      assert.equal(1, flags % 2)
    end)
    assert.equal("body", stream:body())
    assert.same({ "abc" }, seen)
    assert.same({ "x-sum", "abc" }, raw)
    assert.equal("abc", stream:await("trailers")["x-sum"])
  end)

  it("of a request reach the handler", function()
    local got
    local stream = open(function(stream)
      stream:on("trailers", function(t) got = t["x-check"] end)
      stream:body()
      stream:finish()
    end, { [":method"] = "POST" }, { waitForTrailers = true })
    stream:on("wantTrailers", function() stream:sendTrailers { ["x-check"] = "1" } end)
    stream:finish "upload"
    support.over(stream)
    assert.equal("1", got)
  end)

  it("are empty when nobody listens for 'wantTrailers'", function()
    assert.equal("body", support.get(support.server(function(stream)
      stream:respond({}, { waitForTrailers = true })
      stream:finish "body"
    end), "/").body)
  end)

  it("may come without a body", function()
    local stream = open(function(stream)
      stream:respond({}, { waitForTrailers = true })
      stream:on("wantTrailers", function() stream:sendTrailers { ["grpc-status"] = 5 } end)
      stream:finish()
    end)
    local trailers = stream:await "trailers"
    assert.equal("5", trailers["grpc-status"])
    support.over(stream)
  end)

  it("have no pseudo headers", function()
    in_handler(function(stream)
      stream:respond({}, { waitForTrailers = true })
      stream:on("wantTrailers", function()
        assert.has_error(function() stream:sendTrailers { [":status"] = 200 } end, "ERR_HTTP2_INVALID_PSEUDOHEADER")
        stream:sendTrailers {}
      end)
    end)
  end)
end)

describe("additionalHeaders", function()
  it("sends 1xx blocks before the response", function()
    local stream = open(function(stream)
      stream:additionalHeaders { [":status"] = 103, link = "</a.css>" }
      stream:additionalHeaders { [":status"] = 100 }
      stream:respond {}
      stream:finish()
      assert.equal(2, #stream.sentInfoHeaders)
    end)
    local seen = {}
    stream:on("headers", function(t) seen[#seen + 1] = t[":status"] end)
    stream:on("continue", function() seen[#seen + 1] = "continue" end)
    stream:on("response", function(t) seen[#seen + 1] = t[":status"] end)
    support.over(stream)
    assert.same({ 103, "continue", 100, 200 }, seen)
  end)

  it("refuses what is no 1xx, 101, and to come late", function()
    in_handler(function(stream)
      local function bad(t, code) assert.has_error(function() stream:additionalHeaders(t) end, code) end
      bad({ [":status"] = 200 }, "ERR_HTTP2_INVALID_INFO_STATUS")
      bad({}, "ERR_HTTP2_INVALID_INFO_STATUS")
      bad({ [":status"] = 101 }, "ERR_HTTP2_STATUS_101")
      bad({ [":status"] = 100.5 }, "ERR_HTTP2_INVALID_INFO_STATUS")
      bad({ [":method"] = "POST" }, "ERR_HTTP2_INVALID_PSEUDOHEADER")
      bad({ [":status"] = 103, [":method"] = "POST" }, "ERR_HTTP2_INVALID_PSEUDOHEADER")
      stream:respond {}
      bad({ [":status"] = 103 }, "ERR_HTTP2_HEADERS_AFTER_RESPOND")
    end)
  end)
end)

describe("closeInfo", function()
  -- What 'close' listeners see on both sides, when act(server's stream, client's stream) ended an exchange that was
  -- in the middle of its response.
  local function infos(act, headers)
    local got, theirs = {}, nil
    local ours = open(function(stream)
      theirs = stream
      stream:on("error", function() end)
      stream:on("close", function() got.server = stream.closeInfo end)
      stream:respond {}
      stream:write "12345"
    end, headers)
    ours:on("error", function() end)
    ours:on("close", function() got.client = ours.closeInfo end)
    ours:on("data", function() end)
    ours:await "data"
    assert.is_nil(ours.closeInfo)
    assert.is_nil(theirs.closeInfo)
    act(theirs, ours)
    support.wait_for(function() return got.server and got.client end)
    return got.server, got.client
  end

  local function brief(info) return ("%s %d %s"):format(info.by, info.code, info.reason) end

  it("is nil while the stream is open, and tells the sizes and the time of a whole exchange", function()
    local kept, info
    local answer = support.request(support.server(function(stream)
      kept = stream
      assert.is_nil(stream.closeInfo)
      stream:on("close", function() info = stream.closeInfo end)
      stream:finish("12" .. stream:body())
    end), { [":method"] = "POST" }, "345")
    support.wait_for(function() return info end)
    assert.equal("NGHTTP2_NO_ERROR", info.codeName)
    assert.equal("handler 0 finished", brief(info))
    assert.same({ 3, 5 }, { info.bytesIn, info.bytesOut })
    assert.is_true(info.ms >= 0 and info.ms < 60000)
    assert.is_true(kept.complete)
    support.wait_for(function() return answer.stream.closeInfo end)
    assert.equal("peer 0 finished", brief(answer.stream.closeInfo))
    assert.same({ 5, 3 }, { answer.stream.closeInfo.bytesIn, answer.stream.closeInfo.bytesOut })
  end)

  it("of a client that resets", function()
    local server, client = infos(function(_, ours) ours:close(8) end)
    assert.equal("peer 8 reset", brief(server))
    assert.equal("handler 8 reset", brief(client))
    assert.equal("NGHTTP2_CANCEL", server.codeName)
    assert.same({ 5, 5 }, { server.bytesOut, client.bytesIn })
  end)

  it("of a handler that resets, or destroys", function()
    local server, client = infos(function(theirs) theirs:close(2) end)
    assert.same({ "handler 2 reset", "peer 2 reset" }, { brief(server), brief(client) })
    server, client = infos(function(theirs) theirs:destroy() end)
    assert.same({ "handler 0 reset", "peer 0 reset" }, { brief(server), brief(client) })
    server = infos(function(theirs) theirs:destroy "boom" end)
    assert.same({ "handler 2 reset", "boom" }, { brief(server), server.detail })
  end)

  it("of a session that ends", function()
    local server, client = infos(function(theirs) theirs.session:destroy(11) end)
    assert.same({ "session 11 reset", "session 11 reset" }, { brief(server), brief(client) })
  end)

  it("of a stream whose peer does not take what is written", function()
    local server = infos(function(theirs, ours)
      ours:pause()
      while not theirs.destroyed do theirs:write(("x"):rep(4194304)) end
    end)
    assert.equal("limit 2 reset", brief(server))
    assert.matches("stream_output_max", server.detail)
  end)
end)

describe("closeInfo of a session", function()
  local function ends(act)
    local session, info
    local server = support.server(function(stream) stream:finish "12345" end)
    server:on("session", function(one)
      session = one
      one:on("error", function() end)
      one:on("close", function() info = one.closeInfo end)
    end)
    local client, client_info = support.connected(server), nil
    client:on("error", function() end)
    client:on("close", function() client_info = client.closeInfo end)
    client:request():body()
    assert.is_nil(session.closeInfo)
    act(server, session, client)
    support.wait_for(function() return info and client_info end)
    return info, client_info
  end

  it("names who ended it, and counts the bytes of both directions", function()
    local server, client = ends(function(_, _, client) client:close() end)
    assert.same({ "peer", 0 }, { server.by, server.code })
    assert.same({ "handler", 0 }, { client.by, client.code })
    assert.is_true(server.bytesIn > 40 and server.bytesOut > 40 and server.ms >= 0)
    assert.is_true(client.bytesIn > 40 and client.bytesIn <= server.bytesOut)
    server, client = ends(function(_, session) session:destroy "boom" end)
    assert.same({ "handler", 2, "boom" }, { server.by, server.code, server.detail })
    assert.same({ "peer", 2 }, { client.by, client.code })
    server = ends(function(_, session) session:close() end)
    assert.same({ "handler", 0 }, { server.by, server.code })
    server = ends(function(one) one:close() end)
    assert.same({ "shutdown", 0 }, { server.by, server.code })
  end)
end)

describe("a kept stream", function()
  it("says that it is gone", function()
    local kept
    local server = support.server(function(stream)
      kept = stream
      stream.user = "ann"
      stream:finish "bye"
    end)
    support.get(server, "/")
    collectgarbage()
    support.wait_for(function() return kept.destroyed end)
    assert.is_true(kept.closed)
    assert.is_false(kept:write "late")
    assert.is_nil(kept.session)
    assert.equal(0, kept.rstCode)
    assert.equal(0, kept.bufferSize)
    assert.same({}, kept.state)
    assert.equal("ann", kept.user)
    assert.is_false(kept.aborted)
    kept:close(8)
    kept:destroy()
    kept:finish "later"
    kept:pause()
    kept:resume()
    assert.is_nil(kept:read())
    assert.matches("Http2Stream", tostring(kept))
  end)

  it("never speaks for a later one on the same slot", function()
    local kept = {}
    local server = support.server(function(stream)
      for _, old in ipairs(kept) do
        assert.is_false(old:write "intruder")
        old:close(2)
        old:destroy "intruder"
      end
      kept[#kept + 1] = stream
      stream:finish("answer " .. #kept)
    end)
    local session = support.connected(server)
    for i = 1, 5 do
      local stream = session:request()
      assert.equal("answer " .. i, stream:body())
      support.over(stream)
    end
  end)
end)

describe("a handler that throws", function()
  it("is answered with 500, without internals", function()
    local answer = support.get(support.server(function() error "secret detail" end), "/")
    assert.equal(500, answer.status)
    assert.is_nil(answer.body:find("secret", 1, true))
    assert.equal(1, #support.failures())
  end)

  it("shows the error when the server was told to", function()
    local answer = support.get(support.server(function() error "shown detail" end, { exposeErrors = true }), "/")
    assert.matches("shown detail", answer.body)
    assert.equal(1, #support.failures())
  end)

  it("after its headers resets that stream only", function()
    local server = support.server(function(stream, t)
      stream:respond {}
      if t[":path"] == "/bad" then
        stream:write "part"
        error "late"
      end
      stream:finish "good"
    end)
    local session = support.connected(server)
    local good, bad = session:request(), session:request { [":path"] = "/bad" }
    local _, err = bad:body()
    assert.equal("ERR_HTTP2_STREAM_ERROR", err.code)
    assert.equal(2, bad.rstCode)
    assert.equal("good", good:body())
    assert.equal("good", session:request():body())
    assert.equal(1, #support.failures())
  end)
end)

describe("a server without a 'stream' listener", function()
  it("answers 404", function()
    assert.equal(404, support.get(support.server(), "/").status)
  end)

  it("leaves the answer to a session that has one", function()
    local server = support.server()
    server:on("session", function(session)
      session:on("stream", function(stream, headers)
        if headers[":path"] == "/destroy" then return session:destroy() end
        setImmediate(function() stream:finish "by the session" end)
      end)
    end)
    assert.equal("by the session", support.get(server, "/").body)
    support.over(support.connected(server):request { [":path"] = "/destroy" })
  end)
end)
