-- Push: what the server promises, and what a client hears of it (API.md 6, 9).
local http2 = require "http2"
local support = require "support"

-- A server whose handler pushes; a client that hears of pushes when it listens.
local function pair(handler, options, client_options)
  local server = support.server(handler, options)
  return support.connected(server, client_options), server
end

-- Reads a pushed stream to its end: {request, response, body, flags}.
local function take(session, result)
  session:on("stream", function(stream, request, flags, raw)
    result.stream, result.request, result.flags, result.raw = stream, request, flags, raw
    stream:on("push", function(response, push_flags, push_raw)
      result.response, result.push_flags, result.push_raw = response, push_flags, push_raw
    end)
    local parts = {}
    stream:on("data", function(chunk) parts[#parts + 1] = chunk end)
    stream:on("end", function() result.body = table.concat(parts) end)
    stream:on("close", function() result.closed = stream.rstCode end)
  end)
end

describe("pushStream", function()
  it("promises a request, fills it in and is answered in its callback", function()
    local log, got = {}, {}
    local given, pushed
    local session = pair(function(stream)
      support.record(log, "S", stream, "finish close")
      log[#log + 1] = "stream"
      assert.is_true(stream.pushAllowed)
      local mine = { [":path"] = "/pushed", ["x-field"] = "1" }
      stream:pushStream(mine, function(err, push, headers)
        log[#log + 1] = "callback"
        assert.is_nil(err)
        support.record(log, "P", push, "finish close")
        given, pushed = headers, push
        assert.is_false(push.headersSent)
        assert.equal("/pushed", push.sentHeaders[":path"])
        push:respond { ["x-push"] = "yes" }
        push:finish "of the push"
      end)
      log[#log + 1] = "behind"
      assert.is_nil(mine[":method"])
      stream:respond {}
      stream:finish "of the request"
    end)
    take(session, got)
    local request = session:request { [":path"] = "/", [":authority"] = "example.org" }
    support.record(log, "C", request, "response")
    session:on("stream", function() log[#log + 1] = "Cs stream" end)
    assert.equal("of the request", request:body())
    support.wait_for(function() return got.closed end)
    assert.same({ ":path", ":method", ":authority", ":scheme", "x-field" }, (function()
      local names = {}
      for _, name in ipairs { ":path", ":method", ":authority", ":scheme", "x-field" } do
        if given[name] then names[#names + 1] = name end
      end
      return names
    end)())
    assert.equal("GET", got.request[":method"])
    assert.equal("http", got.request[":scheme"])
    assert.equal("example.org", got.request[":authority"])
    assert.equal("/pushed", got.request[":path"])
    assert.equal("1", got.request["x-field"])
    assert.equal(http2.constants.NGHTTP2_FLAG_END_HEADERS, got.flags)
    assert.equal(":method", got.raw[1])
    assert.equal(2, got.stream.id)
    assert.equal(2, pushed.id)
    assert.equal(200, got.response[":status"])
    assert.equal("yes", got.response["x-push"])
    assert.equal(":status", got.push_raw[1])
    assert.equal("of the push", got.body)
    assert.equal(0, got.closed)
    assert.is_true(got.stream.writableEnded)
    assert.same({
      "stream", "behind", "callback", "S finish", "S close", "P finish", "P close", "Cs stream", "C response",
    }, log)
  end)

  it("is cancelled when the client does not listen, and nothing is left of it", function()
    local code
    local session = pair(function(stream)
      stream:pushStream({ [":path"] = "/x" }, function(_, push)
        push:on("close", function() code = push.rstCode end)
        push:respond {}
        push:write "x"
      end)
      stream:respond {}
      stream:finish "answer"
    end)
    assert.equal("answer", session:request({}):body())
    support.wait_for(function() return code end)
    assert.equal(http2.constants.NGHTTP2_CANCEL, code)
  end)

  it("is switched off by the client's settings", function()
    local refused
    local session = pair(function(stream)
      assert.is_false(stream.pushAllowed)
      refused = assert.has_error(function() stream:pushStream({}, print) end, "ERR_HTTP2_PUSH_DISABLED")
      stream:finish()
    end, nil, { settings = { enablePush = false } })
    session:request({}):body()
    assert.equal("HTTP/2 client has disabled push streams", refused.message)
  end)

  it("cannot be nested", function()
    local err
    local session = pair(function(stream)
      stream:pushStream({ [":path"] = "/x" }, function(_, push)
        err = assert.has_error(function() push:pushStream({}, print) end, "ERR_HTTP2_NESTED_PUSH")
        push:respond({}, { endStream = true })
      end)
      stream:finish()
    end)
    take(session, {})
    session:request({}):body()
    support.wait_for(function() return err end)
  end)

  it("of HEAD has no body", function()
    local got, refused = {}, nil
    local session = pair(function(stream)
      stream:pushStream({ [":path"] = "/x", [":method"] = "HEAD" }, function(_, push)
        assert.is_true(push.writableEnded)
        push:on("error", function(err) refused = err.code end)
        push:respond { ["content-length"] = 10 }
        push:write "never seen"
      end)
      stream:finish()
    end)
    take(session, got)
    session:request({}):body()
    support.wait_for(function() return got.closed end)
    assert.equal("HEAD", got.request[":method"])
    assert.equal("10", got.response["content-length"])
    assert.equal("", got.body)
    assert.equal("ERR_STREAM_WRITE_AFTER_END", refused)
  end)

  it("checks its arguments", function()
    local done
    local session = pair(function(stream)
      local function bad(code, ...)
        local n, arguments = select("#", ...), { ... }
        assert.has_error(function() stream:pushStream(unpack(arguments, 1, n)) end, code)
      end
      bad("ERR_INVALID_ARG_TYPE", {})
      bad("ERR_INVALID_ARG_TYPE", {}, {})
      bad("ERR_INVALID_ARG_TYPE", {}, "options", print)
      bad("ERR_INVALID_ARG_TYPE", "headers", print)
      bad("ERR_HTTP2_INVALID_CONNECTION_HEADERS", { connection = "close" }, print)
      bad("ERR_HTTP2_INVALID_PSEUDOHEADER", { [":status"] = 200 }, print)
      bad("ERR_INVALID_CHAR", { x = "a\r\nb" }, print)
      stream:close(8)
      bad("ERR_HTTP2_PUSH_DISABLED", {}, print)
      assert.is_false(stream.pushAllowed)
      done = true
    end)
    session:request({}):await "close"
    assert.is_true(done)
  end)

  it("without an answer ends when the client closes it", function()
    local got, closed = {}, nil
    local session = pair(function(stream)
      stream:pushStream({ [":path"] = "/x" }, function(_, push)
        push:on("close", function() closed = push.rstCode end)
      end)
      stream:finish()
    end)
    session:on("stream", function(stream)
      got.state = stream.state.state
      stream:close(8)
    end)
    session:request({}):body()
    support.wait_for(function() return closed end)
    assert.equal(8, closed)
    assert.equal(http2.constants.NGHTTP2_STREAM_STATE_RESERVED_REMOTE, got.state)
  end)

  it("sends large bodies and trailers like any stream", function()
    local got = {}
    local trailers
    local big = ("0123456789"):rep(50000)
    local session = pair(function(stream)
      stream:pushStream({ [":path"] = "/x" }, function(_, push)
        push:respond({}, { waitForTrailers = true })
        push:on("wantTrailers", function() push:sendTrailers { sum = "1" } end)
        push:finish(big)
      end)
      stream:finish "small"
    end)
    take(session, got)
    session:on("stream", function(stream) stream:on("trailers", function(t) trailers = t end) end)
    session:request({}):body()
    support.wait_for(function() return got.closed end)
    assert.is_true(got.body == big)
    assert.equal("1", trailers.sum)
  end)

  it("that has no answer yet gets it from a session that closes", function()
    local answer, failed
    local session = pair(function(stream)
      stream:pushStream({ [":path"] = "/pushed" }, function(_, push)
        answer = function()
          push:respond {}
          push:finish "late"
        end
      end)
      stream:finish "x"
    end)
    session:on("error", function(err) failed = err end)
    local got = {}
    take(session, got)
    support.over(session:request())
    session:close()
    support.turns(5)
    answer()
    session:await "close"
    assert.is_nil(failed)
    assert.same({ "late", 0 }, { got.body, got.closed })
  end)

  it("counts for a session that closes: it waits for the push", function()
    local got = {}
    local finish
    local session = pair(function(stream)
      stream:pushStream({ [":path"] = "/x" }, function(_, push)
        push:respond {}
        push:write "first "
        finish = function() push:finish "last" end
      end)
      stream:finish "small"
    end)
    take(session, got)
    session:request({}):body()
    support.wait_for(function() return got.response end)
    session:close()
    support.turns(5)
    assert.is_false(session.destroyed)
    finish()
    session:await "close"
    assert.equal("first last", got.body)
  end)
end)

describe("maxReservedRemoteStreams", function()
  it("refuses more promises than that", function()
    local seen, codes = 0, {}
    local session = pair(function(stream)
      for i = 1, 4 do
        stream:pushStream({ [":path"] = "/" .. i }, function(_, push)
          push:on("error", function() end)
          push:on("close", function() codes[#codes + 1] = push.rstCode end)
        end)
      end
      stream:finish()
    end, nil, { maxReservedRemoteStreams = 2 })
    session:on("stream", function() seen = seen + 1 end)
    session:request({}):body()
    support.wait_for(function() return #codes == 2 end)
    support.turns(5)
    assert.equal(2, seen)
    assert.same({ 8, 8 }, codes)
  end)
end)
