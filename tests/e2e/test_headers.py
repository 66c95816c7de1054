"""Header blocks that the server sends: large ones, ones too large, informational ones, trailers, never-indexed fields."""

import h2client
import h2raw
import perigee
import tap
from h2raw import CONTINUATION, END_HEADERS, GOAWAY, HEADERS, NO_ERROR, RST_STREAM, Raw

SCRIPT = perigee.handler("""
  local kind, count = headers[":path"]:match "^/(%a+)(%d*)"
  if kind == "fields" then
    local t = {}
    for i = 1, tonumber(count) do t["x-" .. i] = ("v"):rep(1000) end
    stream:on("error", function() end)
    stream:on("close", function() print("closed " .. count) end)
    stream:respond(t)
    stream:finish("ok")
  elseif kind == "informational" then
    stream:additionalHeaders { [":status"] = 103, link = "</style.css>; rel=preload" }
    stream:additionalHeaders { [":status"] = 103, link = "</code.js>; rel=preload" }
    stream:respond { ["x-final"] = "yes" }
    stream:finish("ok")
  elseif kind == "trailers" then
    stream:on("wantTrailers", function() stream:sendTrailers { ["x-sum"] = "42", ["x-list"] = { "a", "b" } } end)
    stream:respond({}, { waitForTrailers = true })
    stream:finish(count == "0" and "" or "ok")
  elseif kind == "forms" then
    stream:respond {
      ["X-Upper"] = "name in lower case", ["x-number"] = 42, ["set-cookie"] = { "a=1", "b=2" }, ["x-empty"] = {},
      ["x-text"] = "", [":status"] = "201",
    }
    stream:finish("ok")
  elseif kind == "status" then
    stream:respond { [":status"] = tonumber(count) }
    if not stream.writableEnded then stream:finish("body") end
  elseif kind == "received" then
    stream:on("trailers", function(trailers) print("trailers " .. tostring(trailers["x-sum"])) end)
    for _ in stream:chunks() do end
    stream:respond {}
    stream:finish("ok")
  else
    stream:finish("ok")
  end
""")


@tap.test
def large_blocks():
    """a block that needs several frames is sent as HEADERS and CONTINUATION, with nothing between"""
    with perigee.Server(SCRIPT) as server, Raw(server.port) as c:
        for stream, count in ((1, 10), (5, 30), (9, 60)):
            c.send(h2raw.get(stream, f"/fields{count}"), h2raw.get(stream + 2, "/plain"))
            assert c.response(stream) == ("200", b"ok")
            assert len(c.on(stream, HEADERS)[0].headers) == count + 2
        inside = None
        for f in c.seen:
            assert inside is None or (f.kind == CONTINUATION and f.stream == inside), c.seen
            if f.kind in (HEADERS, CONTINUATION):
                inside = None if f.flags & END_HEADERS else f.stream
        assert [f for f in c.seen if f.kind == CONTINUATION], "no block needed CONTINUATION"


@tap.test
def blocks_that_are_too_large():
    """a block that is larger than what we can build is an error of its handler"""
    with perigee.Server(SCRIPT, errors=True) as server, Raw(server.port) as c:
        c.send(h2raw.get(1, "/fields200"))
        got = c.until(lambda f: f.stream == 1)
        assert got.status == "500", got
        server.out.wait_for("^closed 200$")
        c.send(h2raw.get(3, "/plain"))
        assert c.response(3) == ("200", b"ok")


@tap.test
def blocks_that_are_too_large_and_who_hears_of_it():
    """a block over maxSendHeaderBlockLength (64 KiB) resets its stream whoever listens, a listener hears of it, and the
    session closes in order: what is open ends well (API.md 4, 5 'frameError')"""
    script = perigee.handler("""
      local path = headers[":path"]
      if path == "/echo" then return stream:pipe(stream) end
      for _, name in ipairs { "frameError", "error" } do
        if path:find(name) then
          stream:on(name, function(a, b) print(path .. " heard " .. name) end)
        end
      end
      stream:on("close", function() print("closed " .. path) end)
      local t = {}
      if path:find "many" then
        for i = 1, 100 do t["x-" .. i] = ("v"):rep(1000) end
      else
        t["x-one"] = ("v"):rep(100000)
      end
      stream:respond(t)
      if not path:find "respond" and not stream.destroyed then stream:finish("body") end
    """)
    with perigee.Server(script, errors=True) as server:
        paths = [f"/{size}-{then}{name}" for size in ("one", "many") for then in ("respond", "finish")
                 for name in ("", "-error", "-frameError")]  # fmt: skip
        for path in paths:
            with Raw(server.port) as c:
                c.send(h2raw.post(1, "/echo"), h2raw.data(1, b"before "))
                c.send(h2raw.get(3, path))
                end = c.until(lambda f: f.stream == 3)
                assert end.kind == RST_STREAM, (path, end)
                server.out.wait_for(f"^closed {path}$")
                if "rror" in path:
                    server.out.wait_for(f"^{path} heard ")
                assert c.until(lambda f: f.kind == GOAWAY).code == NO_ERROR
                c.send(h2raw.data(1, b"and after", True))
                assert c.response(1) == ("200", b"before and after")


@tap.test
def informational_blocks():
    """additionalHeaders() sends 103 before the answer"""
    with perigee.Server(SCRIPT) as server, h2client.Client(server.port) as client:
        answer = client.get("/informational")
        assert [one[":status"] for one in answer.informational] == ["103", "103"], answer.informational
        assert answer.informational[1]["link"] == "</code.js>; rel=preload"
        assert answer.status == 200 and answer.headers["x-final"] == "yes" and answer.body == b"ok"


@tap.test
def trailers():
    """trailers come behind a body, also an empty one; those of a client reach the handler"""
    with perigee.Server(SCRIPT) as server, h2client.Client(server.port) as client:
        for path, body in (("/trailers", b"ok"), ("/trailers0", b"")):
            answer = client.get(path)
            assert answer.body == body and answer.trailers == {"x-sum": "42", "x-list": ["a", "b"]}, answer.trailers
        stream = client.request("/received", "POST")
        client.send(stream, b"body")
        client.trailers(stream, [("x-sum", "7")])
        assert client.response(stream).body == b"ok"
        server.out.wait_for("^trailers 7$")


@tap.test
def forms_of_values():
    """names leave in lower case, numbers as text, lists as fields, empty lists not at all (API.md 7)"""
    with perigee.Server(SCRIPT) as server, h2client.Client(server.port) as client:
        answer = client.get("/forms")
        assert answer.status == 201
        assert answer.headers["x-upper"] == "name in lower case" and answer.headers["x-number"] == "42"
        assert answer.headers["set-cookie"] == ["a=1", "b=2"] and "x-empty" not in answer.headers
        assert answer.headers["x-text"] == "" and "date" in answer.headers


@tap.test
def statuses_without_body():
    """204, 205 and 304 end the stream with the header block; others have a body"""
    with perigee.Server(SCRIPT) as server, Raw(server.port) as c:
        for number, status in enumerate((204, 205, 304, 200, 404, 500, 599)):
            stream = 2 * number + 1
            c.send(h2raw.get(stream, f"/status{status}"))
            assert c.response(stream) == (str(status), b"" if status in (204, 205, 304) else b"body")
            if status in (204, 205, 304):
                assert c.on(stream)[0].end_stream, c.on(stream)


if __name__ == "__main__":
    tap.main()
