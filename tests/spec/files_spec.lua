-- respondWithFile, respondWithFD: what is checked at once, what comes later, and that whole means whole.
local task = require "perigee.task"
local uv = require "luv"
local support = require "support"

local MIB = 1048576

-- One exchange: the handler answers with call(stream, headers). events: what the server's stream emitted; thrown: the
-- error among it.
local function exchange(call, headers)
  local events, kept, thrown = {}, nil, nil
  local server = support.server(function(stream, request)
    kept = stream
    support.record(events, "S", stream, "aborted error finish wantTrailers close")
    stream:on("error", function(err) thrown = err end)
    call(stream, request)
  end)
  local answer = support.request(server, headers or "/")
  support.wait_for(function() return kept.destroyed and events[#events] == "S close" end)
  answer.events, answer.server_stream, answer.thrown = events, kept, thrown
  return answer
end

-- Descriptors of this process.
local function descriptors()
  local n = 0
  for _ in uv.fs_scandir_next, uv.fs_scandir "/proc/self/fd" do n = n + 1 end
  return n
end

local function block(i)
  return (("%08d"):format(i) .. ("abcdefgh"):rep(127)):rep(8)
end

-- 8 KiB pieces that differ.
local function big_text(bytes)
  local parts = {}
  for i = 1, bytes / 8192 do parts[i] = block(i) end
  return table.concat(parts)
end

local function with_descriptor(path, fn)
  local fd = assert(uv.fs_open(path, "r", 0))
  local ok, err = pcall(fn, fd)
  uv.fs_close(fd)
  if not ok then error(err, 0) end
end

describe("respondWithFile", function()
  it("sends a file with its length and type", function()
    local path = support.file("hello.txt", "hello file\n")
    local answer = exchange(function(stream)
      stream:respondWithFile(path, { ["content-type"] = "text/plain" })
      assert.is_false(stream.headersSent) -- it is not open yet
    end)
    assert.equal(200, answer.status)
    assert.equal("11", answer.headers["content-length"])
    assert.equal("text/plain", answer.headers["content-type"])
    assert.is_truthy(answer.headers.date)
    assert.equal("hello file\n", answer.body)
    assert.same({ "S finish", "S close" }, answer.events)
    assert.equal(0, answer.server_stream.rstCode)
  end)

  it("needs neither headers nor options, and takes a status", function()
    local path = support.file("plain", "x")
    assert.equal("x", exchange(function(stream) stream:respondWithFile(path) end).body)
    local answer = exchange(function(stream) stream:respondWithFile(path, { [":status"] = 404 }) end)
    assert.equal(404, answer.status)
    assert.equal("x", answer.body)
  end)

  it("sends offset and length of every kind", function()
    local text = "0123456789"
    local path = support.file("digits", text)
    for _, case in ipairs {
      { nil, nil, "0123456789" }, { 0, -1, "0123456789" }, { 0, 0, "" }, { 3, nil, "3456789" }, { 3, 4, "3456" },
      { 3, 7, "3456789" }, { 3, 8, "3456789" }, { 9, 1, "9" }, { 9, 100, "9" }, { 10, nil, "" }, { 10, 5, "" },
      { 11, nil, "" }, { 4294967296 * 1024, 1, "" }, { nil, 3, "012" }, { nil, -7, "0123456789" },
    } do
      local answer = exchange(function(stream)
        stream:respondWithFile(path, nil, { offset = case[1], length = case[2] })
      end)
      local what = ("offset %s, length %s: "):format(tostring(case[1]), tostring(case[2]))
      assert.equal(what .. case[3], what .. tostring(answer.body))
      assert.equal(what .. #case[3], what .. tostring(answer.headers["content-length"]))
      assert.equal(0, answer.stream.rstCode)
    end
  end)

  it("sends an empty file without a body, or with trailers behind none", function()
    local path = support.file("empty", "")
    local answer = exchange(function(stream) stream:respondWithFile(path) end)
    assert.equal("0", answer.headers["content-length"])
    assert.equal("", answer.body)
    answer = exchange(function(stream)
      stream:on("wantTrailers", function() stream:sendTrailers { ["x-sum"] = "0" } end)
      stream:respondWithFile(path, nil, { waitForTrailers = true })
    end)
    assert.equal("0", answer.stream._trailers["x-sum"])
  end)

  it("sends a large file byte by byte as it is", function()
    local text = big_text(3 * MIB)
    local path = support.file("large", text)
    local answer = exchange(function(stream) stream:respondWithFile(path) end)
    assert.equal(#text, #answer.body)
    assert.is_true(text == answer.body)
    answer = exchange(function(stream) stream:respondWithFile(path, nil, { offset = 65535, length = 2 * MIB + 1 }) end)
    assert.is_true(text:sub(65536, 65536 + 2 * MIB) == answer.body)
  end)

  it("never changes the caller's tables", function()
    local path = support.file("caller", "abc")
    local fields, options = { ["Content-Length"] = 99, ["x-a"] = "1" }, { offset = 1 }
    local answer = exchange(function(stream)
      options.statCheck = function(_, headers, range)
        headers["x-b"] = "2"
        range.offset = 2
      end
      stream:respondWithFile(path, fields, options)
    end)
    assert.equal("1", answer.headers["content-length"]) -- ours, however the caller spelled it
    assert.equal("2", answer.headers["x-b"])
    assert.equal("c", answer.body)
    assert.same({ ["Content-Length"] = 99, ["x-a"] = "1" }, fields)
    assert.equal(1, options.offset)
  end)

  it("takes a flat list of headers", function()
    local path = support.file("flat", "abc")
    local answer = exchange(function(stream)
      stream:respondWithFile(path, { ":status", 203, "x-a", "1", "content-length", 7, "x-a", "2" })
    end)
    assert.equal(203, answer.status)
    assert.equal("1, 2", answer.headers["x-a"])
    assert.equal("3", answer.headers["content-length"])
  end)

  it("closes its descriptors", function()
    local path = support.file("closed", big_text(MIB))
    exchange(function(stream) stream:respondWithFile(path) end)
    local before = descriptors()
    for _ = 1, 5 do exchange(function(stream) stream:respondWithFile(path) end) end
    exchange(function(stream) stream:respondWithFile(path, nil, { statCheck = function() return false end })
      stream:finish() end)
    exchange(function(stream)
      stream:respondWithFile(path, { connection = "close" }) -- cannot be sent
    end)
    exchange(function(stream)
      stream:respondWithFile(path)
      stream:close(8)
    end)
    support.wait_for(function() return descriptors() <= before end)
  end)

  it("calls back with the system's error", function()
    local path = support.folder() .. "/nothing"
    local heard
    local answer = exchange(function(stream)
      stream:respondWithFile(path, nil, {
        onError = function(err)
          heard = err
          stream:respond { [":status"] = 404 }
          task.sleep(1) -- it is a task like any handler
          stream:finish("gone")
        end,
        statCheck = function() error "never" end,
      })
    end)
    assert.equal(404, answer.status)
    assert.equal("gone", answer.body)
    assert.equal("ENOENT", heard.code)
    assert.equal(-2, heard.errno)
    assert.equal("open", heard.syscall)
    assert.equal(path, heard.path)
    assert.equal(("ENOENT: no such file or directory, open '%s'"):format(path), heard.message)
    assert.same({ "S finish", "S close" }, answer.events)
  end)

  it("ends the stream when nobody takes the error", function()
    local answer = exchange(function(stream) stream:respondWithFile(support.folder() .. "/nothing") end)
    assert.equal("ERR_HTTP2_STREAM_ERROR", answer.err.code)
    assert.same({ "S aborted", "S error", "S close" }, answer.events)
    assert.equal("ENOENT", answer.thrown.code)
    assert.equal(2, answer.server_stream.rstCode)
  end)

  it("sends regular files only", function()
    local fifo = support.folder() .. "/fifo"
    assert.equal(0, os.execute("mkfifo '" .. fifo .. "'"))
    for _, case in ipairs {
      { support.folder(), nil, "ERR_HTTP2_SEND_FILE", "Directories cannot be sent" },
      { support.folder(), 1, "ERR_HTTP2_SEND_FILE", "Directories cannot be sent" },
      { fifo, nil, "ERR_HTTP2_SEND_FILE", "Only regular files can be sent" },
      { fifo, 10, "ERR_HTTP2_SEND_FILE_NOSEEK", "Offset or length can only be specified for regular files" },
      { "/dev/zero", nil, "ERR_HTTP2_SEND_FILE", "Only regular files can be sent" },
    } do
      local heard
      local answer = exchange(function(stream)
        stream:respondWithFile(case[1], nil, {
          offset = case[2], statCheck = function() error "never" end,
          onError = function(err)
            heard = err
            stream:respond({ [":status"] = 403 }, { endStream = true })
          end,
        })
      end)
      assert.equal(403, answer.status)
      assert.equal(case[3], heard.code)
      assert.equal(case[4], heard.message)
    end
    assert.equal("ERR_HTTP2_SEND_FILE",
      exchange(function(stream) stream:respondWithFile "/dev/null" end).thrown.code)
  end)

  it("answers 500 when onError throws", function()
    local answer = exchange(function(stream)
      stream:respondWithFile(support.folder() .. "/nothing", nil, { onError = function() error "no idea" end })
    end)
    assert.equal(500, answer.status)
    assert.matches("no idea", support.failures()[1])
  end)
end)

describe("respondWithFile, checks at once", function()
  local path
  before_each(function() path = support.file("checked", "abc") end)

  -- Throws it, and the stream is as good as before.
  local function refused(code, text, call, headers)
    local thrown
    local answer = exchange(function(stream)
      thrown = assert.has_error(function() call(stream) end, code)
      if not stream.headersSent then stream:respond() end
      if not stream.writableEnded then stream:finish() end
    end, headers)
    assert.equal(200, answer.status)
    if text then assert.equal(text, thrown.message) end
  end

  it("refuses options of the wrong type", function()
    for _, option in ipairs { "offset", "length", "statCheck", "onError" } do
      for _, value in ipairs { true, "1", {} } do
        refused("ERR_INVALID_ARG_VALUE", nil, function(stream)
          stream:respondWithFile(path, nil, { [option] = value })
        end)
        refused("ERR_INVALID_ARG_VALUE", nil, function(stream)
          stream:respondWithFD(0, nil, { [option] = value })
        end)
      end
    end
    refused("ERR_INVALID_ARG_VALUE", "The property 'options.offset' is invalid. Received true", function(stream)
      stream:respondWithFile(path, nil, { offset = true })
    end)
    refused("ERR_INVALID_ARG_TYPE", nil, function(stream) stream:respondWithFile(path, nil, 5) end)
    refused("ERR_INVALID_ARG_TYPE", nil, function(stream) stream:respondWithFile(path, "text/plain") end)
  end)

  it("refuses numbers that are no place in a file", function()
    for _, value in ipairs { 0.5, 0 / 0, math.huge, -1, 2 ^ 54 } do
      refused("ERR_OUT_OF_RANGE", nil, function(stream) stream:respondWithFile(path, nil, { offset = value }) end)
    end
    for _, value in ipairs { 0.5, 0 / 0, math.huge, -math.huge } do
      refused("ERR_OUT_OF_RANGE", nil, function(stream) stream:respondWithFile(path, nil, { length = value }) end)
      refused("ERR_OUT_OF_RANGE", nil, function(stream) stream:respondWithFD(0, nil, { length = value }) end)
    end
    refused("ERR_OUT_OF_RANGE", nil, function(stream) stream:respondWithFD(0, nil, { offset = -2 }) end)
    refused("ERR_OUT_OF_RANGE", nil, function(stream) stream:respondWithFD(0.5) end)
  end)

  it("refuses a path that is none", function()
    for _, value in ipairs { 5, true, {} } do
      refused("ERR_INVALID_ARG_TYPE", nil, function(stream) stream:respondWithFile(value) end)
    end
    refused("ERR_INVALID_ARG_TYPE", nil, function(stream) stream:respondWithFile() end)
    refused("ERR_INVALID_ARG_VALUE", nil, function(stream) stream:respondWithFile(path .. "\0.txt") end)
  end)

  it("refuses a descriptor that is none", function()
    for _, value in ipairs { "5", true, {} } do
      refused("ERR_INVALID_ARG_TYPE", nil, function(stream) stream:respondWithFD(value) end)
    end
    refused("ERR_INVALID_ARG_TYPE", nil, function(stream) stream:respondWithFD() end)
  end)

  it("refuses statuses and methods without a body", function()
    for _, status in ipairs { 204, 205, 304 } do
      local text = ("Responses with %d status must not have a payload"):format(status)
      refused("ERR_HTTP2_PAYLOAD_FORBIDDEN", text, function(stream)
        stream:respondWithFile(path, { [":status"] = status })
      end)
      refused("ERR_HTTP2_PAYLOAD_FORBIDDEN", text, function(stream)
        stream:respondWithFD(0, { [":status"] = status })
      end)
    end
    for _, name in ipairs { "respondWithFile", "respondWithFD" } do
      refused("ERR_HTTP2_PAYLOAD_FORBIDDEN", "Responses with 200 status must not have a payload", function(stream)
        stream[name](stream, name == "respondWithFile" and path or 0)
      end, { [":method"] = "HEAD" })
    end
    for _, status in ipairs { 99, 101, 199, 600, "x" } do
      refused("ERR_HTTP2_STATUS_INVALID", nil, function(stream)
        stream:respondWithFile(path, { [":status"] = status })
      end)
    end
  end)

  it("refuses a second answer", function()
    for _, name in ipairs { "respondWithFile", "respondWithFD" } do
      refused("ERR_HTTP2_HEADERS_SENT", "Response has already been initiated.", function(stream)
        stream:respond()
        stream[name](stream, 0)
      end)
    end
  end)

  it("refuses a stream that is gone", function()
    local codes = {}
    exchange(function(stream)
      stream:destroy()
      codes[1] = assert.has_error(function() stream:respondWithFile(path) end).code
      codes[2] = assert.has_error(function() stream:respondWithFD(0) end).code
    end)
    assert.same({ "ERR_HTTP2_INVALID_STREAM", "ERR_HTTP2_INVALID_STREAM" }, codes)
  end)

  it("ends the stream when the headers cannot be sent", function()
    with_descriptor(path, function(fd)
      for _, call in ipairs {
        function(stream) stream:respondWithFile(path, { [":method"] = "POST" }) end,
        function(stream) stream:respondWithFD(fd, { [":method"] = "POST" }) end,
        function(stream) stream:respondWithFD(fd, { [":method"] = "POST" }, { statCheck = function() end }) end,
      } do
        local answer = exchange(call)
        assert.equal("ERR_HTTP2_INVALID_PSEUDOHEADER", answer.thrown.code)
        assert.equal(2, answer.stream.rstCode)
      end
    end)
  end)

  it("lets the first of two answers win", function()
    local answer = exchange(function(stream)
      stream:respondWithFile(path)
      stream:respond { [":status"] = 202 }
      stream:finish("mine")
    end)
    assert.equal(202, answer.status)
    assert.equal("mine", answer.body)
    local other = support.file("other", "other")
    answer = exchange(function(stream)
      stream:respondWithFile(path)
      stream:respondWithFile(other)
    end)
    assert.is_true(answer.body == "abc" or answer.body == "other")
  end)
end)

describe("statCheck", function()
  local path
  before_each(function() path = support.file("stat", "0123456789") end)

  it("gets what fstat says, with Node's names", function()
    local seen
    exchange(function(stream)
      stream:respondWithFile(path, { ["x-a"] = "1" }, {
        offset = 2, length = 3, statCheck = function(...) seen = { n = select("#", ...), ... } end,
      })
    end)
    local stat, headers, range = seen[1], seen[2], seen[3]
    assert.equal(3, seen.n)
    assert.equal(10, stat.size)
    assert.is_true(stat:isFile())
    assert.is_false(stat:isDirectory())
    assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", stat.mtime:toUTCString())
    assert.equal(stat.mtimeMs, stat.mtime:getTime())
    assert.equal("1", headers["x-a"])
    assert.same({ offset = 2, length = 3 }, range)
    with_descriptor(path, function(fd)
      exchange(function(stream)
        stream:respondWithFD(fd, nil, { statCheck = function(...) seen = { ... } end })
      end)
    end)
    assert.equal(10, seen[1].size)
    assert.is_true(seen[1]:isFile())
    assert.equal(stat.mtimeMs, seen[1].mtimeMs)
    assert.same({ offset = 0, length = -1 }, seen[3])
  end)

  it("changes headers, offset and length", function()
    local answer = exchange(function(stream)
      stream:respondWithFile(path, nil, {
        statCheck = function(stat, headers, range)
          headers["last-modified"] = stat.mtime:toUTCString()
          headers["content-length"] = stat.size -- ours is right
          range.offset, range.length = 4, 2
        end,
      })
    end)
    assert.equal("45", answer.body)
    assert.equal("2", answer.headers["content-length"])
    assert.matches("GMT$", answer.headers["last-modified"])
  end)

  it("cancels with false, for another answer", function()
    local answer = exchange(function(stream)
      stream:respondWithFile(path, nil, {
        statCheck = function()
          stream:respond { [":status"] = 304 }
          return false
        end,
      })
    end)
    assert.equal(304, answer.status)
    assert.equal("", answer.body)
    answer = exchange(function(stream)
      stream:respondWithFile(path, nil, {
        statCheck = function()
          setImmediate(function()
            stream:respond { [":status"] = 418 }
            stream:finish("short and stout")
          end)
          return false
        end,
      })
    end)
    assert.equal(418, answer.status)
  end)

  it("may answer itself without saying so", function()
    local answer = exchange(function(stream)
      stream:respondWithFile(path, nil, { statCheck = function() stream:respond { [":status"] = 304 } end })
    end)
    assert.equal(304, answer.status)
  end)

  it("may turn the answer into one without a body", function()
    local answer = exchange(function(stream)
      stream:respondWithFile(path, nil, {
        statCheck = function(_, headers) headers[":status"] = 304 end,
      })
    end)
    assert.equal(304, answer.status)
    assert.equal("", answer.body)
  end)

  it("may end the stream", function()
    local answer = exchange(function(stream)
      stream:respondWithFile(path, nil, { statCheck = function() stream:close(8) end })
    end)
    assert.equal(8, answer.stream.rstCode)
  end)

  it("that throws costs the stream a 500", function()
    local answer = exchange(function(stream)
      stream:respondWithFile(path, nil, { statCheck = function() error "not this one" end })
    end)
    assert.equal(500, answer.status)
    answer = exchange(function(stream)
      stream:respondWithFile(path, nil, { statCheck = function(_, _, range) range.offset = -5 end })
    end)
    assert.equal(500, answer.status)
  end)

  it("is no place to wait", function()
    local codes = {}
    with_descriptor(path, function(fd)
      local options = {
        statCheck = function()
          codes[#codes + 1] = assert.has_error(function() task.sleep(1) end).code
        end,
      }
      assert.equal("0123456789", exchange(function(stream) stream:respondWithFile(path, nil, options) end).body)
      assert.equal("0123456789", exchange(function(stream) stream:respondWithFD(fd, nil, options) end).body)
    end)
    assert.same({ "ERR_PERIGEE_AWAIT_PLACE", "ERR_PERIGEE_AWAIT_PLACE" }, codes)
  end)
end)

describe("respondWithFD", function()
  it("sends a descriptor and leaves it open", function()
    local path = support.file("fd", "0123456789")
    with_descriptor(path, function(fd)
      for _ = 1, 3 do
        local answer = exchange(function(stream)
          stream:respondWithFD(fd, { ["content-type"] = "text/plain" })
          assert.is_true(stream.headersSent)
          assert.is_true(stream.writableEnded)
        end)
        assert.equal("0123456789", answer.body)
        assert.is_nil(answer.headers["content-length"])
        assert.same({ "S finish", "S close" }, answer.events)
      end
      assert.equal(10, uv.fs_fstat(fd).size)
    end)
  end)

  it("sends offset and length", function()
    local path = support.file("fd-range", "0123456789")
    with_descriptor(path, function(fd)
      for _, case in ipairs {
        { 3, nil, "3456789" }, { 3, 4, "3456" }, { 8, 20, "89" }, { 0, 0, "" }, { 10, -1, "" }, { 20, 5, "" },
      } do
        local answer = exchange(function(stream)
          stream:respondWithFD(fd, nil, { offset = case[1], length = case[2] })
        end)
        assert.equal(case[3], answer.body)
        assert.equal(0, answer.stream.rstCode)
      end
      -- Node's way of announcing a range.
      local answer = exchange(function(stream)
        stream:respondWithFD(fd, nil, {
          offset = 8, length = 20,
          statCheck = function(stat, headers, range)
            headers["content-length"] = math.min(range.length, stat.size - range.offset)
          end,
        })
      end)
      assert.equal("2", answer.headers["content-length"])
      assert.equal("89", answer.body)
    end)
  end)

  it("keeps to a content-length that was given", function()
    local path = support.file("fd-length", "0123456789")
    with_descriptor(path, function(fd)
      local answer = exchange(function(stream) stream:respondWithFD(fd, { ["Content-Length"] = 4 }) end)
      assert.equal("0123", answer.body)
      answer = exchange(function(stream) stream:respondWithFD(fd, { ["content-length"] = 11 }) end)
      assert.equal(2, answer.stream.rstCode)
      assert.is_nil(answer.body)
    end)
  end)

  it("resets the stream when the descriptor cannot be read", function()
    local answer = exchange(function(stream) stream:respondWithFD(1000000) end)
    assert.equal(200, answer.status)
    assert.equal(2, answer.stream.rstCode)
    assert.equal("ERR_HTTP2_STREAM_ERROR", answer.thrown.code)
    assert.equal("Stream closed with error code NGHTTP2_INTERNAL_ERROR", answer.thrown.message)
    answer = exchange(function(stream) stream:respondWithFD(1000000, nil, { statCheck = function() end }) end)
    assert.equal("EBADF", answer.thrown.code)
  end)

  it("reads a pipe where it stands with offset -1, and holds up nobody meanwhile", function()
    local pipe = assert(uv.pipe({ nonblock = false }, { nonblock = false }))
    local server = support.server(function(stream, headers)
      if headers[":path"] == "/pipe" then
        stream:respondWithFD(pipe.read, nil, { offset = -1 })
      else
        stream:finish("quick")
      end
    end)
    local session = support.connected(server)
    local slow = session:request { [":path"] = "/pipe" }
    slow:await "response"
    for _ = 1, 3 do assert.equal("quick", support.get(server, "/").body) end
    assert.is_false(slow.complete)
    uv.fs_write(pipe.write, "late")
    uv.fs_close(pipe.write)
    assert.equal("late", slow:body())
    uv.fs_close(pipe.read)
  end)

  it("sends trailers behind the body", function()
    local path = support.file("fd-trailers", "body")
    with_descriptor(path, function(fd)
      for _, name in ipairs { "respondWithFD", "respondWithFile" } do
        local answer = exchange(function(stream)
          stream:on("wantTrailers", function() stream:sendTrailers { ["x-sum"] = "42" } end)
          stream[name](stream, name == "respondWithFD" and fd or path, nil, { waitForTrailers = true })
        end)
        assert.equal("body", answer.body)
        assert.equal("42", answer.stream._trailers["x-sum"])
        assert.same({ "S finish", "S wantTrailers", "S close" }, answer.events)
      end
    end)
  end)
end)

describe("a file that changes while it is sent", function()
  -- Starts a download that its window stops, does change(), reads on.
  local function changed(change)
    local text = big_text(4 * MIB)
    local path = support.file("changing", text)
    local kept
    local server = support.server(function(stream)
      kept = stream
      stream:on("error", function() end)
      stream:respondWithFile(path)
    end)
    local session = support.connected(server)
    local stream = session:request { [":path"] = "/" }
    stream:on("error", function() end)
    stream:await "response"
    support.wait_for(function() return kept.bytesWritten >= 65536 end)
    change(path)
    local body, err = stream:body()
    support.wait_for(function() return kept.destroyed and kept._slot == 0 end)
    return body, err, kept, text, stream
  end

  it("is reset when it got shorter", function()
    local body, err, kept, _, stream = changed(function(path)
      local fd = uv.fs_open(path, "r+", 0)
      uv.fs_ftruncate(fd, MIB)
      uv.fs_close(fd)
    end)
    assert.is_nil(body)
    assert.is_truthy(err)
    assert.is_false(stream.complete)
    assert.equal(2, stream.rstCode)
    assert.matches("before its content%-length", kept.closeInfo.detail)
  end)

  it("ends where its length was when it got longer", function()
    local body, _, _, text = changed(function(path)
      local file = io.open(path, "ab")
      file:write(("more"):rep(100000))
      file:close()
    end)
    assert.is_true(body == text)
  end)

  it("is sent to its end when it is deleted", function()
    local body, _, _, text = changed(os.remove)
    assert.is_true(body == text)
  end)
end)

describe("a download that is cut", function()
  local path
  before_each(function() path = support.file("cut", big_text(4 * MIB)) end)

  -- One that stands still behind its window. end_it(server stream, client stream, client session)
  local function cut(end_it)
    local before = descriptors()
    local events, kept = {}, nil
    local server = support.server(function(stream)
      kept = stream
      support.record(events, "S", stream, "aborted close")
      stream:on("error", function() end)
      stream:respondWithFile(path)
    end)
    local session = support.connected(server)
    session:on("error", function() end)
    local stream = session:request { [":path"] = "/" }
    stream:on("error", function() end)
    stream:await "response"
    support.wait_for(function() return kept.bytesWritten >= 131072 end)
    assert.equal(before + 1, descriptors())
    support.turns(10)
    assert.is_true(kept.bytesWritten <= 65535 + 2 * 65536 + 65536) -- it waits for the reader
    end_it(kept, stream, session)
    support.wait_for(function() return events[#events] == "S close" end)
    support.wait_for(function() return descriptors() <= before end)
    return events, kept
  end

  it("by the client closes the file", function()
    local events, kept = cut(function(_, stream) stream:close(8) end)
    assert.same({ "S close" }, events) -- no 'aborted': our side had been ended, as in Node
    assert.equal(8, kept.rstCode)
  end)

  it("by the client's session closes the file", function()
    cut(function(_, _, session) session:destroy() end)
  end)

  it("by the handler closes the file", function()
    cut(function(kept) kept:close(2) end)
    cut(function(kept) kept:destroy() end)
    cut(function(kept) kept:destroy "mine" end)
    cut(function(kept) kept.session:destroy() end)
  end)
end)
