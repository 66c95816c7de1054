"""Places where a script may wait, and those where it cannot."""

import re

import h2client
import h2raw
import perigee
import tap
from h2raw import Raw

PROGRAM = """
local http2 = require "http2"
local server = http2.createServer()
%s
server:listen(0, "127.0.0.1", function()
  print("listening on http://127.0.0.1:" .. server:address().port)
end)
"""


@tap.test
def waiting_in_all_places():
    """await works in a required module, a generator, a luv callback, a timer, a listener and a spawned task"""
    files = {
        "waiter.lua": """
local waiter = {}
function waiter.body(stream)
  local text = {}
  stream:on("data", function(chunk) text[#text + 1] = chunk end)
  stream:await("end")
  return table.concat(text)
end
return waiter
""",
        "main_waits.lua": """
local task = require "perigee.task"
local done
local timer = require("luv").new_timer()
timer:start(5, 0, function() timer:close(); done = true end)
task.sleep(20)
return done
""",
    }
    script = perigee.LIVE + """
local uv = require "luv"
local waited = require "main_waits" -- while it is loaded
local waiter = require "waiter"
local task = require "perigee.task"

local function pieces(stream)
  return coroutine.wrap(function()
    for chunk in stream:chunks() do coroutine.yield(chunk) end
    coroutine.yield("end")
  end)
end

return function(stream, headers)
  if live(stream, headers) then return end
  local path = headers[":path"]
  local function answer(text)
    stream:respond {}
    stream:finish(text)
  end
  if path == "/loaded" then
    answer(tostring(waited))
  elseif path == "/module" then
    answer(waiter.body(stream))
  elseif path == "/generator" then
    local all = {}
    for piece in pieces(stream) do all[#all + 1] = piece end
    answer(table.concat(all, "|"))
  elseif path == "/nested" then
    local outer = coroutine.wrap(function()
      local inner = coroutine.wrap(function()
        stream:resume()
        stream:await("end")
        coroutine.yield("inner")
      end)
      coroutine.yield(inner())
      coroutine.yield("outer")
    end)
    answer(outer() .. " " .. outer())
  elseif path == "/luv" then
    local timer = uv.new_timer()
    timer:start(1, 0, function()
      timer:close()
      answer(waiter.body(stream))
    end)
  elseif path == "/timer" then
    setTimeout(function() answer(waiter.body(stream)) end, 1)
  elseif path == "/listener" then
    stream:once("data", function(chunk)
      stream:await("end")
      answer(chunk)
    end)
  elseif path == "/spawn" then
    local one = task.spawn(function() return waiter.body(stream) end)
    answer(one:await())
  elseif path == "/pcall" then
    local ok, text = pcall(waiter.body, stream)
    answer(tostring(ok) .. " " .. text)
  elseif path == "/metamethod" then
    local object = setmetatable({}, { __index = function() return waiter.body(stream) end })
    answer(object.anything)
  end
end
"""
    wanted = {
        "/loaded": b"true",
        "/module": b"onetwo",
        "/generator": b"one|two|end",
        "/nested": b"inner outer",
        "/luv": b"onetwo",
        "/timer": b"onetwo",
        "/listener": b"one",
        "/spawn": b"onetwo",
        "/pcall": b"true onetwo",
        "/metamethod": b"onetwo",
    }
    with perigee.Server(script, files=files) as server, h2client.Client(server.port) as client:
        asked = {path: client.request(path, "POST") for path in wanted}
        for stream in asked.values():
            client.send(stream, b"one")
        client.ping()
        for path, stream in asked.items():
            if path != "/loaded":
                client.send(stream, b"two", end=True)
        for path, stream in asked.items():
            assert client.closing(stream).body == wanted[path], (path, client.streams[stream], server.stderr)


@tap.test
def waiting_in_the_main_chunk():
    """await works in the main chunk of a program, also through pcall"""
    script = PROGRAM % """
server:on("stream", function(stream, headers)
  stream:respond { ["x-path"] = headers[":path"] }
  stream:finish("answer")
end)""" + """
if not server.listening then server:await("listening") end
local session = http2.connect("http://127.0.0.1:" .. server:address().port)
session:await("connect")
local request = session:request { [":path"] = "/main" }
local headers = request:await("response")
print("status", headers[":status"], headers["x-path"])
local text = {}
for chunk in request:chunks() do text[#text + 1] = chunk end
print("body", table.concat(text))
local ok, problem = pcall(function()
  local other = session:request { [":path"] = "/again" }
  return other:await("response")["x-path"]
end)
print("pcall", ok, problem)
local refused = http2.connect("http://127.0.0.1:1")
local got, err = refused:await("connect")
print("refused", got, err and err.code)
session:close()
server:close()
"""
    done = perigee.run("run", "app.lua", files={"app.lua": script})
    assert done.code == 0, done
    assert [" ".join(line.split()) for line in done.stdout.splitlines()[1:]] == [
        "status 200 /main", "body answer", "pcall true /again", "refused nil ECONNREFUSED",
    ], done  # fmt: skip


@tap.test
def late_wake_ups():
    """what a cancelled task waited for does not wake the task that comes after it"""
    script = """
local http2 = require "http2"
local task = require "perigee.task"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  local path = headers[":path"]
  local function report(ok, err)
    print(("%s ended %s"):format(path, ok and tostring(err) or err.code))
  end
  if path == "/sleep" then
    print("waiting")
    report(pcall(task.sleep, 300))
    return
  elseif path == "/await" then
    print("waiting")
    report(pcall(server.await, server, "thing"))
    return
  elseif path == "/emit" then
    server:emit("thing", "early")
  else
    print("sleeping")
    local start = require("luv").now()
    task.sleep(1500)
    require("luv").update_time()
    local took = require("luv").now() - start
    stream:respond {}
    stream:finish(tostring(took))
    return
  end
  stream:finish("ok")
end)
server:listen(0, "127.0.0.1", function() print("listening on http://127.0.0.1:" .. server:address().port) end)
"""
    with perigee.Server(script, form=1) as server, h2client.Client(server.port) as client:
        gone = [client.request("/sleep") for _ in range(3)] + [client.request("/await") for _ in range(50)]
        server.out.wait_for("^waiting$", count=len(gone))
        for stream in gone:
            client.reset(stream)
        server.out.wait_for("^/(sleep|await) ended ERR_PERIGEE_CANCELLED$", count=len(gone))
        sleepers = [client.request("/long") for _ in range(60)]
        server.out.wait_for("^sleeping$", count=len(sleepers))
        assert client.get("/emit").body == b"ok"
        for stream in sleepers:
            took = int(client.response(stream).body)
            assert 1499 <= took < 1500 + 2000 * perigee.FACTOR, f"sleep(1500) took {took} ms"


@tap.test
def cancelled_waits_and_the_end():
    """what cancelled tasks waited for does not keep a program alive"""
    script = """
local task = require "perigee.task"
local server = require("http2").createServer()
local ends = 0
local function try(fn, ...)
  local ok, err = pcall(fn, ...)
  print(ok, type(err) == "table" and err.code or err)
end
for i = 1, 50 do
  local sleeps = task.spawn(try, task.sleep, 60000)
  local awaits = task.spawn(try, server.await, server, "thing", 60000)
  sleeps:cancel()
  awaits:cancel()
end
"""
    done = perigee.run("app.lua", files={"app.lua": script}, seconds=3)
    assert done.code == 0 and done.stderr == "", done
    assert done.stdout.split() == ["false", "ERR_PERIGEE_CANCELLED"] * 100, done


@tap.test
def two_readers_of_one_body():
    """a second task that waits for the same body gets an error, the first gets the body"""
    script = perigee.handler("""
      local task = require "perigee.task"
      local parts = {}
      local second = task.spawn(function()
        for chunk in stream:chunks() do parts[#parts + 1] = chunk end
      end)
      local ok, err = pcall(function() for _ in stream:chunks() do end end)
      print("second " .. tostring(ok) .. " " .. tostring(type(err) == "table" and err.code))
      second:await()
      stream:respond {}
      stream:finish(table.concat(parts))
    """)
    with perigee.Server(script) as server, h2client.Client(server.port) as client:
        stream = client.request("/", "POST")
        server.out.wait_for("^second false ERR_PERIGEE_READER$")
        for part in (b"one ", b"two ", b"three"):
            client.send(stream, part)
            client.ping()
        client.send(stream, end=True)
        assert client.response(stream).body == b"one two three"


@tap.test
def a_send_that_waits_while_the_stream_is_finished():
    """send() returns true when its data is out, also when finish() was called meanwhile"""
    script = perigee.handler("""
      stream:respond {}
      require("perigee.task").spawn(function()
        local ok, err = stream:send(("x"):rep(200000))
        print("send", ok, err)
      end)
      stream:finish("end")
      print("finished")
    """)
    with perigee.Server(script) as server, Raw(server.port) as c:
        c.send(h2raw.get(1))
        server.out.wait_for("^finished$")
        assert "send" not in server.stdout
        c.send(h2raw.window_update(0, 2**20), h2raw.window_update(1, 2**20))
        assert c.response(1) == ("200", b"x" * 200000 + b"end")
        server.out.wait_for(r"^send\s+true\s+nil$")


@tap.test
def waiting_where_it_cannot_work():
    """inside table.sort, gsub and string callbacks await throws an error that names the place"""
    script = perigee.handler("""
      local function try(fn)
        local ok, err = pcall(fn)
        if ok then return "worked" end
        return ("%s %s"):format(type(err) == "table" and tostring(err.code) or "text", tostring(err):gsub("%s", " "))
      end
      local out = {
        try(function() table.sort({ 3, 1, 2 }, function(a, b) stream:await("end") return a < b end) end),
        try(function() return (("abc"):gsub("b", function() stream:await("end") end)) end),
        try(function() table.sort({ 3, 1, 2 }, function(a, b) for _ in stream:chunks() do end return a < b end) end),
      }
      stream:respond {}
      stream:finish(table.concat(out, "\\n"))
    """)
    with perigee.Server(script) as server, h2client.Client(server.port) as client:
        stream = client.request("/", "POST")
        sort, gsub, chunks = client.response(stream).body.decode().split("\n")
        assert re.match(r"ERR_PERIGEE_AWAIT_\w+ .*\b(table\.)?sort\b", sort), sort
        assert re.match(r"ERR_PERIGEE_AWAIT_\w+ .*\bgsub\b", gsub), gsub
        assert re.match(r"ERR_PERIGEE_AWAIT_\w+ .*\b(table\.)?sort\b", chunks), chunks
        assert client.live()["streams"] >= 1


@tap.test
def deep_recursion():
    """recursion without end, plain, through gsub and through coroutines, is an error and not a crash"""
    script = perigee.handler("""
      local path = headers[":path"]
      local function plain(n) return 1 + plain(n + 1) end
      local function through_gsub() return (("x"):gsub("x", through_gsub)) end
      local function through_wrap() return coroutine.wrap(through_wrap)() end
      local fn = path == "/plain" and plain or path == "/gsub" and through_gsub or through_wrap
      local ok, err = pcall(fn, 1)
      stream:respond {}
      stream:finish(tostring(ok) .. " " .. tostring(err))
    """)
    with perigee.Server(script) as server, h2client.Client(server.port) as client:
        for path in ("/plain", "/gsub", "/wrap"):
            text = client.get(path, seconds=20).body.decode()
            assert text.startswith("false ") and re.search("overflow|too deep|too complex|C stack", text), (path, text[:300])


if __name__ == "__main__":
    tap.main()
