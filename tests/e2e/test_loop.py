"""What a script may do with the loop: luv beside the server, timers, Node's shims."""

import re

import h2client
import perigee
import tap


def lines(server, pattern, count=1):
    return [match[0] for match in server.out.wait_for(pattern, count=count)]


@tap.test
def the_loop_is_ours():
    """uv.run, stop, loop_close and loop_configure throw a clear error, uv.walk meets the script's handles only"""
    script = perigee.handler("""
      local uv = require "luv"
      local out = {}
      for _, name in ipairs { "run", "stop", "loop_close", "loop_configure" } do
        local ok, err = pcall(uv[name])
        out[#out + 1] = ("%s %s %s"):format(name, tostring(ok), tostring(type(err) == "table" and err.message or err))
      end
      local mine = uv.new_timer()
      mine:start(100000, 0, function() end)
      local count = 0
      uv.walk(function(handle) count = count + 1; if not handle:is_closing() then handle:close() end end)
      out[#out + 1] = "walked " .. count
      stream:respond {}
      stream:finish(table.concat(out, "\\n"))
    """)
    with perigee.Server(script, tls=True) as server, h2client.Client(server.port) as client:
        for _ in range(3):
            *refusals, walked = client.get("/").body.decode().split("\n")
            for name, text in zip(("run", "stop", "loop_close", "loop_configure"), refusals):
                assert re.match(rf"{name} false .*\b{name}\b", text), text
            assert re.fullmatch(r"walked [1-9]\d?", walked), walked
        assert h2client.get(server.tls_port, tls=server.cert).status == 200
        assert h2client.get(server.port).status == 200


@tap.test
def luv_handles():
    """timers, TCP, files and DNS of luv work beside the server"""
    script = perigee.handler("""
      local uv = require "luv"
      local task = require "perigee.task"
      local out = {}
      local echo = uv.new_tcp()
      echo:bind("127.0.0.1", 0)
      echo:listen(5, function()
        local peer = uv.new_tcp()
        echo:accept(peer)
        peer:read_start(function(_, text)
          if text then peer:write(text) else peer:close() end
        end)
      end)
      local port = echo:getsockname().port
      local me = task.current()
      local client = uv.new_tcp()
      client:connect("127.0.0.1", port, function(err)
        client:write("through luv")
        client:read_start(function(_, text)
          client:close()
          echo:close()
          out[1] = err or text
          task.wake(me)
        end)
      end)
      task.suspend()
      uv.fs_open("note", "r", 420, function(_, fd)
        uv.fs_read(fd, 100, 0, function(_, text)
          uv.fs_close(fd)
          out[2] = text
          task.wake(me)
        end)
      end)
      task.suspend()
      stream:respond {}
      stream:finish(table.concat(out, "|"))
    """)
    with perigee.Server(script, files={"note": "from a file"}) as server:
        assert h2client.get(server.port).body == b"through luv|from a file"


@tap.test
def node_shims():
    """setTimeout, setImmediate, process.nextTick and console.log behave as in Node"""
    script = """
console.log("%s is %d, %s", "answer", 42, true)
console.log("plain", 1, nil, false)
console.log("100%")
console.log()
print("main")
setTimeout(function(a, b) print("timeout", a, b) end, 1, "x", 2)
setImmediate(function(a) print("immediate", a) end, "y")
process.nextTick(function(a) print("tick", a) process.nextTick(print, "tick again") end, "z")
local gone = setTimeout(function() print("never") end, 1)
clearTimeout(gone)
local count = 0
local again
again = setInterval(function()
  count = count + 1
  if count == 3 then
    clearInterval(again)
    print("interval", count)
  end
end, 2)
print("main ends")
"""
    done = perigee.run("run", "app.lua", files={"app.lua": script})
    assert done.code == 0 and done.stderr == "", done
    out = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert out[:4] == ["answer is 42, true", "plain 1 nil false", "100%", ""], out
    assert out[4:8] == ["main", "main ends", "tick z", "tick again"], out
    assert sorted(out[8:]) == ["immediate y", "interval 3", "timeout x 2"], out
    assert out[-1] == "interval 3", out


@tap.test
def timers_do_not_hold_streams():
    """a timer of a handler fires after its stream is gone, without harm"""
    script = perigee.handler("""
      local path = headers[":path"]
      stream:on("close", function() print("close " .. path) end)
      setTimeout(function()
        local ok, err = pcall(function()
          print(("timer %s %s %s"):format(path, tostring(stream.destroyed), tostring(stream:write("late"))))
          stream:respond {}
        end)
        print(("caught %s %s %s"):format(path, tostring(ok), type(err) == "table" and err.code or tostring(err)))
      end, 30)
    """)
    with perigee.Server(script) as server:
        before = h2client.live(server.port)
        with h2client.Client(server.port) as client:
            stream = client.request("/one")
            client.ping()
            client.reset(stream)
            lines(server, "^close /one$")
            assert lines(server, "^timer .*$") == ["timer /one true false"]
            assert lines(server, "^caught .*$") == ["caught /one false ERR_HTTP2_INVALID_STREAM"]
        h2client.settled(server.port, before)


if __name__ == "__main__":
    tap.main()
