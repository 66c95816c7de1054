-- cork() and uncork(): writes that leave as one.
local http2 = require "http2"
local support = require "support"

-- What a client reads of what handler writes: a list of chunks.
local function chunks(handler)
  local stream = support.connected(support.server(handler)):request()
  local list = {}
  stream:on("data", function(chunk) list[#list + 1] = chunk end)
  stream:await "close"
  return list
end

describe("cork", function()
  it("holds what is written until uncork was called as often", function()
    local list = chunks(function(stream)
      assert.equal(0, stream.writableCorked)
      stream:write "one"
      assert.equal(stream, stream:cork())
      assert.equal(1, stream.writableCorked)
      assert.is_true(stream:write "two ")
      stream:cork()
      assert.equal(2, stream.writableCorked)
      stream:write ""
      stream:write "three "
      assert.equal(3 + 10, stream.writableLength)
      assert.equal(stream, stream:uncork())
      assert.equal(1, stream.writableCorked)
      stream:write "four"
      stream:uncork()
      assert.equal(0, stream.writableCorked)
      stream:uncork() -- once too often is no harm
      assert.equal(3 + 14, stream.bufferSize)
      stream:write "five"
      stream:finish()
    end)
    assert.same({ "one", "two three four", "five" }, list)
  end)

  it("is undone by finish, in all spellings", function()
    for _, name in ipairs { "finish", "end_", "end" } do
      local list = chunks(function(stream)
        stream:cork()
        stream:cork()
        stream:write "one "
        stream[name](stream, "two", "utf8", function() stream.user = true end)
        assert.equal(0, stream.writableCorked)
        assert.is_true(stream.writableEnded)
      end)
      assert.same({ "one two" }, list)
    end
    assert.same({}, chunks(function(stream)
      stream:cork()
      stream:finish()
    end))
  end)

  it("sends no headers of its own", function()
    assert.same({ "body" }, chunks(function(stream)
      stream:cork()
      stream:write "body"
      assert.is_false(stream.headersSent)
      stream:uncork()
      assert.is_true(stream.headersSent)
      stream:finish()
    end))
  end)

  it("calls back when what was held is taken", function()
    local done = {}
    chunks(function(stream)
      stream:cork()
      stream:write("a", function(err) done[#done + 1] = "a " .. tostring(err) end)
      stream:write("b", "utf8", function(err) done[#done + 1] = "b " .. tostring(err) end)
      setImmediate(function()
        assert.same({}, done)
        stream:uncork()
        stream:finish()
      end)
    end)
    assert.same({ "a nil", "b nil" }, done)
  end)

  it("is false above the high mark, and 'drain' follows behind uncork", function()
    local drained
    local list = chunks(function(stream)
      stream:cork()
      assert.is_true(stream:write(("x"):rep(60000)))
      assert.is_false(stream:write(("y"):rep(10000)))
      stream:on("drain", function()
        drained = true
        stream:finish()
      end)
      setImmediate(function() stream:uncork() end)
    end)
    assert.is_true(drained)
    assert.equal(70000, #table.concat(list))
  end)

  it("has the bound of all writing", function()
    local err
    local stream = support.connected(support.server(function(stream)
      stream:on("error", function(given) err = given end)
      stream:cork()
      local piece = ("x"):rep(1048576)
      for _ = 1, 17 do stream:write(piece) end
    end)):request()
    stream:on("error", function() end)
    support.over(stream)
    assert.equal("ERR_STREAM_OVERFLOW", err.code)
  end)

  it("drops what it holds when the stream is destroyed", function()
    assert.same({ "out" }, chunks(function(stream)
      stream:write "out"
      stream:cork()
      stream:write "held"
      stream:destroy()
      assert.is_false(stream:write "late")
      stream:uncork()
    end))
  end)

  it("works on a request that waits for its connection", function()
    local stream = support.connect(support.server(function(stream) stream:pipe(stream) end)):request {
      [":method"] = "POST",
    }
    stream:cork()
    stream:write "a"
    stream:write "b"
    assert.equal(2, stream.writableLength)
    stream:uncork()
    assert.equal(2, stream.writableLength)
    stream:finish "c"
    assert.equal("abc", stream:body())
  end)

  it("works on a compat response", function()
    local server = support.adopt_server(http2.createServer(function(_, res)
      res:write(("1"):rep(1024))
      for depth = 1, 4 do
        res:cork()
        assert.equal(depth, res.writableCorked)
        res:write(("1"):rep(1024))
      end
      assert.equal(5 * 1024, res.writableLength)
      for depth = 3, 0, -1 do
        res:uncork()
        assert.equal(depth, res.writableCorked)
      end
      assert.is_false(res.writableObjectMode)
      res:finish()
    end))
    local stream = support.connected(server):request()
    local sizes = {}
    stream:on("data", function(chunk) sizes[#sizes + 1] = #chunk end)
    stream:await "close"
    assert.same({ 1024, 4096 }, sizes)
  end)
end)
