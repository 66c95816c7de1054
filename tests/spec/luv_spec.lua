-- luv on the daemon's loop: what was replaced, and that the rest works (DESIGN.md 3, "luv").
local uv = require "luv"
local support = require "support"

describe("luv", function()
  it("is found by two names", function()
    assert.equal(uv, require "uv")
  end)

  it("refuses what would stop the loop or take it over, and says why", function()
    for _, name in ipairs { "run", "stop", "loop_close", "loop_configure" } do
      local err = assert.has_error(function() uv[name]() end, "ERR_PERIGEE_LOOP")
      assert.matches(name, err.message)
      assert.matches("daemon", err.message)
    end
  end)

  it("refuses that in a handler too, and the server goes on", function()
    local server = support.server(function(stream)
      assert.has_error(function() uv.run() end, "ERR_PERIGEE_LOOP")
      assert.has_error(function() uv.stop() end, "ERR_PERIGEE_LOOP")
      uv.walk(function() end)
      stream:finish "alive"
    end)
    assert.equal("alive", support.get(server, "/").body)
    assert.equal("alive", support.get(server, "/").body)
  end)

  it("walks the handles that were made through it, and no others", function()
    local server = support.server(function(stream) stream:finish() end)
    support.connected(server)
    server:listen(0)
    local timer, pipe = uv.new_timer(), uv.new_pipe(false)
    local seen = {}
    uv.walk(function(handle) seen[handle] = (seen[handle] or 0) + 1 end)
    assert.equal(1, seen[timer])
    assert.equal(1, seen[pipe])
    for handle in pairs(seen) do assert.equal("userdata", type(handle)) end
    timer:close()
    pipe:close()
  end)

  it("walk wants a function", function()
    assert.has_error(function() uv.walk() end, "ERR_INVALID_ARG_TYPE")
  end)

  it("runs callbacks as tasks; one that throws is reported and stops nothing", function()
    local done = false
    local first, second = uv.new_timer(), uv.new_timer()
    first:start(1, 0, function()
      first:close()
      error "in a luv callback"
    end)
    second:start(1, 0, function()
      second:close()
      support.turns(2)
      done = true
    end)
    support.wait_for(function() return done end)
    local failures = support.failures()
    assert.equal(1, #failures)
    assert.matches("luv_spec.lua:%d+: in a luv callback", failures[1])
  end)

  it("makes a TCP echo inside the daemon", function()
    local listener = uv.new_tcp()
    listener:bind("127.0.0.1", 0)
    listener:listen(16, function(err)
      assert.is_nil(err)
      local peer = uv.new_tcp()
      listener:accept(peer)
      peer:read_start(function(read_err, chunk)
        assert.is_nil(read_err)
        if chunk then
          peer:write(chunk)
        else
          peer:close()
        end
      end)
    end)
    local got, closed = "", false
    local socket = uv.new_tcp()
    socket:connect("127.0.0.1", listener:getsockname().port, function(err)
      assert.is_nil(err)
      socket:read_start(function(_, chunk)
        if chunk then
          got = got .. chunk
          if #got == 10 then socket:shutdown() end
        else
          socket:close(function() closed = true end)
        end
      end)
      socket:write { "hello", "again" }
    end)
    support.wait_for(function() return closed end)
    assert.equal("helloagain", got)
    listener:close()
  end)

  it("reads files without and with a callback", function()
    local path = support.file("read.txt", "content of a file")
    local fd = uv.fs_open(path, "r", 0)
    assert.equal("content", uv.fs_read(fd, 7, 0))
    local later
    uv.fs_read(fd, 4, 11, function(err, data) later = { err, data } end)
    assert.is_nil(later)
    support.wait_for(function() return later end)
    assert.same({ nil, "a fi" }, later)
    uv.fs_close(fd)
    local missing, err = uv.fs_stat(path .. ".missing")
    assert.is_nil(missing)
    assert.matches("ENOENT", err)
  end)

  it("runs a process", function()
    local out, status = "", nil
    local pipe = uv.new_pipe(false)
    local process
    process = uv.spawn("/bin/echo", { args = { "from", "a", "child" }, stdio = { nil, pipe } }, function(code)
      status = code
      process:close()
    end)
    pipe:read_start(function(_, chunk)
      if chunk then
        out = out .. chunk
      else
        pipe:close()
      end
    end)
    support.wait_for(function() return status and pipe:is_closing() end)
    assert.equal(0, status)
    assert.equal("from a child\n", out)
  end)

  it("wakes the loop by an async handle", function()
    local woken
    local async
    async = uv.new_async(function(text)
      woken = text
      async:close()
    end)
    async:send "x"
    support.wait_for(function() return woken end)
    assert.equal("x", woken)
  end)

  it("goes together with await in a handler", function()
    local server = support.server(function(stream)
      local timer = uv.new_timer()
      timer:start(1, 0, function()
        timer:close()
        stream:write "from a luv timer, "
        stream:finish "still alive"
      end)
    end)
    assert.equal("from a luv timer, still alive", support.get(server, "/").body)
  end)
end)
