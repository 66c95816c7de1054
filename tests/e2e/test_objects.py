"""Objects that a script keeps longer than what they stand for lives: no crash, the right events."""

import re

import h2client
import perigee
import tap


def lines(server, pattern, count=1):
    return [match[0] for match in server.out.wait_for(pattern, count=count)]


@tap.test
def a_handler_that_never_answers():
    """a client that leaves a handler that never answers: 'aborted', 'close', and nothing stays"""
    script = perigee.handler("""
      local id = headers[":path"]
      stream:on("aborted", function() print("aborted " .. id) end)
      stream:on("error", function(err) print("error " .. id .. " " .. tostring(err)) end)
      stream:on("close", function()
        print(("close %s %s %s %d"):format(id, tostring(stream.aborted), tostring(stream.destroyed), stream.rstCode))
      end)
      print("waiting " .. id)
      local function report(ok, got, err)
        err = ok and err or got
        print(("resumed %s %s %s"):format(id, tostring(ok), type(err) == "table" and err.code or tostring(err)))
      end
      if id == "/reset" then
        report(pcall(stream.await, stream, "drain"))
      elseif id ~= "/listeners" then
        report(pcall(require("perigee.task").sleep, 1e8))
      end
    """)
    with perigee.Server(script) as server:
        before = h2client.live(server.port)
        for path, leave in (("/reset", "reset"), ("/gone", "vanish"), ("/shut", "close"), ("/listeners", "reset")):
            client = h2client.Client(server.port)
            stream = client.request(path, "POST")
            lines(server, rf"^waiting {path}$")
            if leave == "reset":
                client.reset(stream)
                client.ping()
                client.close()
            elif leave == "vanish":
                client.vanish(reset=True)
            else:
                client.close()
            lines(server, rf"^close {path} true true 8$")
            said = [line for line in server.out.lines if line.split()[1:2] == [path]]
            assert said.index(f"aborted {path}") < said.index(f"close {path} true true 8"), said
            assert not [line for line in said if line.startswith("error")], said
            # await() has its own way to say it (DESIGN.md 3, "emit"): nil, err.
            wanted = "true ERR_STREAM_PREMATURE_CLOSE" if path == "/reset" else "false ERR_PERIGEE_CANCELLED"
            if path != "/listeners":
                assert lines(server, rf"^resumed {path} .*$") == [f"resumed {path} {wanted}"]
            h2client.settled(server.port, before)


@tap.test
def who_answers_a_client_that_left():
    """an 'aborted' listener that answers throws; it is the client's doing, so the log says it at debug level"""
    script = perigee.handler("""
      stream:on("aborted", function() stream:respond {} end)
      stream:on("close", function() print "closed" end)
      print "waiting"
    """)
    with perigee.Server(script, flags=["--log-level", "debug"]) as server, h2client.Client(server.port) as client:
        stream = client.request("/", "POST")
        lines(server, "^waiting$")
        client.reset(stream)
        lines(server, "^closed$")
        server.err.wait_for("level=debug .*ERR_HTTP2_INVALID_STREAM")


@tap.test
def a_stream_kept_for_ever():
    """a stream kept after its end answers every method: false, nil or an error, never a crash"""
    script = perigee.LIVE + """
local kept = {}
local function call(fn, ...)
  local ok, a, b = pcall(fn, ...)
  if ok then return ("returned %s"):format(tostring(a)) end
  return ("threw %s"):format(type(a) == "table" and tostring(a.code) or tostring(a))
end
local properties = { "id", "session", "destroyed", "closed", "aborted", "pending", "rstCode", "headersSent", "sentHeaders",
  "state", "bufferSize", "complete", "closeInfo", "writableEnded", "writableLength", "readableEnded", "nonsense", "length" }
local methods = {
  write = { "late" }, send = { "late" }, finish = { "late" }, end_ = { "late" }, ["end"] = { "late" }, close = { 8 },
  destroy = {}, respond = { {} }, sendTrailers = { { x = "y" } }, additionalHeaders = { { [":status"] = 103 } },
  pause = {}, resume = {}, read = {}, unpipe = {}, cork = {}, uncork = {}, setEncoding = { "utf8" },
  setTimeout = { 1000 }, priority = { {} }, respondWithFile = { "/etc/hostname" }, body = {}, chunks = {},
  await = { "drain" }, on = { "data", print }, once = { "close", print }, off = { "data", print },
  emit = { "something" }, listenerCount = { "data" }, removeAllListeners = {},
}
return function(stream, headers)
  if live(stream, headers) then return end
  if headers[":path"] == "/keep" then
    kept[#kept + 1] = stream
    kept[#kept + 1] = headers
    stream:respond { ["x-a"] = "b" }
    stream:finish("bye")
    return
  elseif headers[":path"] == "/abandon" then
    kept[#kept + 1] = stream
    kept[#kept + 1] = headers
    return
  elseif headers[":path"] == "/occupy" then
    return
  end
  for _ = 1, 3 do collectgarbage() end
  local out = {}
  for i = 1, #kept, 2 do
    local old, fields = kept[i], kept[i + 1]
    out[#out + 1] = ("path %s agent %s destroyed %s write %s session %s"):format(tostring(fields[":path"]),
      tostring(fields["user-agent"]), tostring(old.destroyed), tostring(old:write("late")), tostring(old.session))
    for _, name in ipairs(properties) do
      out[#out + 1] = ("%s: %s"):format(name, call(function() return old[name] end))
    end
    for name, arguments in pairs(methods) do
      if type(old[name]) == "function" then
        out[#out + 1] = ("%s(): %s"):format(name, call(old[name], old, unpack(arguments)))
      end
    end
    local count = 0
    for _ in pairs(fields) do count = count + 1 end
    out[#out + 1] = "fields " .. count
    old.mine = i
    out[#out + 1] = "mine " .. tostring(old.mine)
  end
  stream:respond {}
  stream:finish(table.concat(out, "\\n"))
end
"""
    with perigee.Server(script) as server:
        before = h2client.live(server.port)
        with h2client.Client(server.port) as client:
            assert client.get("/keep", [("user-agent", "one")]).body == b"bye"
            client.reset(client.request("/abandon", "POST", [("user-agent", "two")]))
            client.ping()
            for _ in range(2):  # on the connection that is still there
                check_kept(client.get("/use").body.decode())
        h2client.settled(server.port, before)
        with h2client.Client(server.port) as client:  # and when it is gone
            check_kept(client.get("/use").body.decode())
            slots = [client.request("/occupy", "POST") for _ in range(20)]  # others live in the slots now
            client.ping()
            check_kept(client.get("/use").body.decode())
            for slot in slots:
                assert client.streams[slot].reset is None, "a stale object reached a stream that lives in its slot"
                client.reset(slot)
        h2client.settled(server.port, before)


def check_kept(text):
    heads = [line for line in text.split("\n") if line.startswith("path ")]
    assert heads[0] == "path /keep agent one destroyed true write false session nil", text
    assert heads[1] == "path /abandon agent two destroyed true write false session nil", text
    assert "respond(): threw ERR_HTTP2_INVALID_STREAM" in text, text
    assert not re.search(r"threw (?!ERR_|nil)", text), [line for line in text.split("\n") if "threw" in line]
    assert "mine 1" in text


@tap.test
def a_session_kept_for_ever():
    """a session kept after its end answers its properties and methods"""
    script = perigee.LIVE + """
local kept
local function call(fn, ...)
  local ok, a = pcall(fn, ...)
  return ok and "returned" or type(a) == "table" and "threw " .. tostring(a.code) or "threw " .. tostring(a)
end
return function(stream, headers)
  if live(stream, headers) then return end
  if headers[":path"] == "/keep" then
    kept = stream.session
    kept:on("close", function() print("session closed") end)
  else
    collectgarbage()
    local out = { tostring(kept.destroyed) }
    for name, arguments in pairs { close = {}, destroy = {}, goaway = { 0 }, ping = { print }, settings = { {} } } do
      if kept[name] then out[#out + 1] = name .. " " .. call(kept[name], kept, unpack(arguments)) end
    end
    for _, name in ipairs { "alpnProtocol", "encrypted", "closed", "connecting", "state", "socket", "localSettings" } do
      out[#out + 1] = name .. " " .. call(function() return kept[name] end)
    end
    stream:respond {}
    stream:finish(table.concat(out, "\\n"))
    return
  end
  stream:respond {}
  stream:finish("ok")
end
"""
    with perigee.Server(script) as server:
        h2client.get(server.port, "/keep")
        lines(server, "^session closed$")
        text = h2client.get(server.port, "/use").body.decode()
        assert text.startswith("true\n") and not re.search(r"threw (?!ERR_)", text), text


@tap.test
def misuse():
    """answering twice, writing after the end, writing after a reset: the errors of API.md 9"""
    script = perigee.handler("""
      local path = headers[":path"]
      stream:on("error", function(err) print("error " .. path .. " " .. tostring(err.code)) end)
      stream:on("close", function() print("close " .. path) end)
      local function try(fn, ...)
        local ok, err = pcall(fn, ...)
        print(("%s %s %s"):format(path, tostring(ok), ok and tostring(err) or tostring(err.code)))
      end
      if path == "/twice" then
        stream:respond {}
        try(stream.respond, stream, {})
        stream:finish("once")
      elseif path == "/after" then
        stream:respond {}
        stream:finish("whole")
        try(stream.write, stream, "more")
      elseif path == "/reset" then
        stream:respond {}
        stream:close(8)
        try(stream.write, stream, "more")
        try(stream.respond, stream, {})
      elseif path == "/trailers" then
        stream:respond {}
        try(stream.sendTrailers, stream, { x = "y" })
        stream:finish("whole")
      elseif path == "/late" then
        stream:respond {}
        try(stream.additionalHeaders, stream, { [":status"] = 103 })
        stream:finish("whole")
      end
    """)
    with perigee.Server(script, errors=True) as server, h2client.Client(server.port) as client:
        assert client.get("/twice").body == b"once"
        lines(server, r"^/twice false ERR_HTTP2_HEADERS_SENT$")
        assert client.closing(client.request("/after")).status == 200
        lines(server, r"^error /after ERR_STREAM_WRITE_AFTER_END$")
        assert client.closing(client.request("/reset")).reset == 8
        assert lines(server, r"^/reset .*$", 2) == ["/reset true false", "/reset false ERR_HTTP2_INVALID_STREAM"]
        assert client.get("/trailers").body == b"whole"
        lines(server, r"^/trailers false ERR_HTTP2_TRAILERS_NOT_READY$")
        assert client.get("/late").body == b"whole"
        lines(server, r"^/late false ERR_HTTP2_HEADERS_AFTER_RESPOND$")
        lines(server, r"^close ", 5)


@tap.test
def misuse_of_a_session():
    """session:destroy() with a code that is no number throws, and the session goes on"""
    script = perigee.handler("""
      local out = {}
      for _, code in ipairs { "NO_ERROR", true, {}, -1, 2 ^ 32, 0.5 } do
        local ok, err = pcall(stream.session.destroy, stream.session, nil, code)
        out[#out + 1] = tostring(ok) .. " " .. tostring(type(err) == "table" and err.code)
      end
      stream:finish(table.concat(out, ","))
    """)
    with perigee.Server(script) as server, h2client.Client(server.port) as client:
        for _ in range(2):
            said = client.get("/").body.decode().split(",")
            assert said[:3] == ["false ERR_INVALID_ARG_TYPE"] * 3, said
            assert all(one.startswith("false ERR_") for one in said[3:]), said


@tap.test
def a_once_listener_and_an_event_within_the_event():
    """once() listeners are called once, also when a listener before them causes the event again"""
    script = """
local server = require("http2").createServer()
local inner = 0
server:on("thing", function(word)
  if word == "outer" then server:emit("thing", "inner") end
end)
server:once("thing", function(word) print("once", word) end)
server:on("thing", function(word) print("on", word) end)
server:emit("thing", "outer")
server:emit("thing", "third")
"""
    done = perigee.run("app.lua", files={"app.lua": script})
    assert done.code == 0 and done.stderr == "", done
    assert done.stdout.split() == ["once", "inner", "on", "inner", "on", "outer", "on", "third"], done


@tap.test
def a_collection_in_every_callback():
    """with a full collection in every callback, streams, listeners and tables stay as they are"""
    script = perigee.handler("""
      collectgarbage()
      local size = 0
      stream:on("data", function(chunk)
        collectgarbage()
        size = size + #chunk
      end)
      stream:on("end", function()
        collectgarbage()
        stream:respond { ["x-path"] = headers[":path"] }
        stream:write(("x"):rep(5000), function() collectgarbage() end)
        setTimeout(function()
          collectgarbage()
          stream:finish(headers["x-tag"] .. " " .. size, function() collectgarbage() end)
        end, 1)
      end)
      for _, name in ipairs { "finish", "close", "aborted" } do
        stream:on(name, function() collectgarbage() end)
      end
      stream.session:on("close", function() collectgarbage() end)
    """)
    with perigee.Server(script) as server:
        before = h2client.live(server.port)
        for _ in range(3):
            with h2client.Client(server.port) as client:
                asked = []
                for number in range(30):
                    stream = client.request(f"/{number}", "POST", [("x-tag", f"tag{number}")])
                    client.send(stream, bytes(number * 100), end=number % 5 != 0)
                    asked.append(stream)
                for number, stream in enumerate(asked):
                    if number % 5 == 0:
                        client.reset(stream)
                        continue
                    answer = client.response(stream)
                    assert answer.headers["x-path"] == f"/{number}"
                    assert bytes(answer.body) == b"x" * 5000 + f"tag{number} {number * 100}".encode(), number
        h2client.settled(server.port, before)


if __name__ == "__main__":
    tap.main()
