"""Perigee as a client, against servers that other people wrote: nghttpd, Node, and one that answers by hand."""

import re
import socket

import h2raw
import perigee
import tap
from h2server import Script, begin
from peers import Nghttpd

PROGRAM = """
local http2 = require "http2"
local fs = require "fs"
local options = arg[2] and arg[2] ~= "" and { ca = fs.readFileSync(arg[2]) } or nil
local client = http2.connect(arg[1], options)
client:on("error", function(err) print("session error", err.code) end)
client:on("close", function() print("session closed") end)
"""

GET = PROGRAM + """
local req = client:request { [":path"] = "/" }
req:on("response", function(headers) print("status " .. headers[":status"], client.alpnProtocol) end)
local size = 0
req:on("data", function(chunk) size = size + #chunk end)
req:on("end", function() print("size " .. size) end)
req:on("error", function(err) print("error", err.code) end)
req:on("close", function() print("closed", req.rstCode) client:close() end)
"""

POST = PROGRAM + """
local digest = require "perigee.digest"
local left = 10
for n = 1, 10 do
  local req = client:request { [":method"] = "POST", [":path"] = "/echo" .. n }
  local sent, got = digest.new "sha256", digest.new "sha256"
  req:on("data", function(chunk) got:update(chunk) end)
  req:on("close", function()
    left = left - 1
    print(n, sent:hex() == got:hex(), req.rstCode)
    if left == 0 then client:close() end
  end)
  require("perigee.task").spawn(function()
    for i = 1, n * 10 do
      local chunk = ("%d "):format(i * n):rep(3000)
      sent:update(chunk)
      if not req:write(chunk) then req:await("drain") end
    end
    req:finish()
  end)
end
"""

SIZE = 3_000_000
FILES = {"index.html": bytes(SIZE)}


def program(text, *args, **options):
    done = perigee.run("run", "app.lua", *args, files={"app.lua": text}, **options)
    assert done.code == 0 and "level=error" not in done.stderr, done
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


@tap.test
def a_get():
    """a GET of nghttpd in clear and over TLS, and the program ends by itself"""
    with Nghttpd(files=FILES) as peer:
        assert program(GET, peer.url) == ["status 200 h2c", f"size {SIZE}", "closed 0", "session closed"]
    with Nghttpd(secure=True, files=FILES) as peer:
        assert program(GET, peer.url, peer.cert) == ["status 200 h2", f"size {SIZE}", "closed 0", "session closed"]


@tap.test
def uploads_at_once():
    """ten uploads at once come back whole from nghttpd"""
    with Nghttpd(files=FILES) as peer:
        out = program(POST, peer.url)
        assert sorted(out[:10]) == sorted(f"{n} true 0" for n in range(1, 11)) and out[10:] == ["session closed"], out


@tap.test
def a_certificate_that_is_not_trusted():
    """a server whose certificate is not trusted, or of another name, is an error and no request leaves"""
    with Nghttpd(secure=True, files=FILES) as peer:
        out = program(GET, peer.url)
        assert not [line for line in out if line.startswith("status")], out
        assert re.search(r"session error \S*(CERT|VERIFY|SELF_SIGNED|TLS)", "\n".join(out)), out
        assert out[-1] == "session closed", out


@tap.test
def nobody_there():
    """connection refused: the request's error, its close, the session's error, its close (API.md 9)"""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        out = program(GET, f"http://127.0.0.1:{sock.getsockname()[1]}")
    assert [line for line in out if not line.startswith("closed")] == [
        "error ERR_HTTP2_STREAM_CANCEL", "session error ECONNREFUSED", "session closed",
    ], out  # fmt: skip


@tap.test
def a_request_table_that_changes():
    """a request table that is changed before the connection is there changes no request, and harms none"""
    script = """
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  local list = {}
  for _, name in ipairs { ":method", ":path", "x-one", "x-list", "x-late" } do
    list[#list + 1] = tostring(headers[name])
  end
  for chunk in stream:chunks() do list[#list + 1] = chunk end
  stream:finish(table.concat(list, " "))
end)
server:listen(0, "127.0.0.1"):await("listening")
local client = http2.connect("http://127.0.0.1:" .. server:address().port)
local given = { [":method"] = "POST", [":path"] = "/first", ["x-one"] = "1", ["x-list"] = { "a", "b" } }
local first = client:request(given)
given[":path"], given[":method"], given["x-one"] = 42, nil, function() end
given["x-list"][1], given["x-late"], given["bad name"] = {}, "late", "x"
given["connection"] = "close"
local second = client:request { [":path"] = "/second" }
first:finish("body")
for _, req in ipairs { first, second } do
  req:on("error", function(err) print("error", err.code) end)
  req:await("response", 2000)
  print(req:body())
end
local third = client:request { [":path"] = "/third" }
third:await("response", 2000)
print(third:body())
client:close()
server:close()
"""
    done = perigee.run("app.lua", files={"app.lua": script})
    assert done.code == 0 and done.stderr == "", done
    assert done.stdout.splitlines() == [
        "POST /first 1 a, b nil body", "GET /second nil nil nil", "GET /third nil nil nil",
    ], done  # fmt: skip


@tap.test
def servers_that_misbehave():
    """resets, GOAWAY, malformed answers and lost connections end a request with the right events"""
    ok = h2raw.block([(":status", "200")])

    def reset(c):
        begin(c)
        c.send(h2raw.rst(1, h2raw.REFUSED_STREAM))
        c.read_all(10)

    def reset_in_the_middle(c):
        begin(c)
        c.send(h2raw.headers(1, ok, False), h2raw.data(1, b"part"), h2raw.rst(1, h2raw.INTERNAL_ERROR))
        c.read_all(10)

    def malformed(c):
        begin(c)
        c.send(h2raw.headers(1, h2raw.block([(":status", "two hundred")])))
        c.read_all(10)

    def too_short(c):
        begin(c)
        c.send(h2raw.headers(1, h2raw.block([(":status", "200"), ("content-length", "9")]), False), h2raw.data(1, b"x", True))
        c.read_all(10)

    def goaway(c):
        begin(c)
        c.send(h2raw.goaway(0, h2raw.INTERNAL_ERROR))
        c.read_all(10)

    def hang_up(c):
        begin(c)
        c.send(h2raw.headers(1, ok, False), h2raw.data(1, b"part"))
        c.barrier()

    def no_http2(c):
        c.expect_preface()
        c.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        c.sock.shutdown(socket.SHUT_WR)

    def preface_of_nothing(c):
        c.expect_preface()

    wanted = {
        reset: [r"error ERR_HTTP2_STREAM_ERROR", r"closed 7"],
        reset_in_the_middle: [r"status 200", r"error ERR_HTTP2_STREAM_ERROR", r"closed 2"],
        malformed: [r"error ERR_HTTP2_STREAM_ERROR", r"closed 1"],
        too_short: [r"error ERR_HTTP2_STREAM_ERROR", r"closed 1"],
        goaway: [r"session error ERR_HTTP2_SESSION_ERROR"],
        hang_up: [r"status 200", r"closed 8"],
        no_http2: [r"error "],
        preface_of_nothing: [r"closed "],
    }
    for act, patterns in wanted.items():
        with Script(act) as peer:
            out = program(GET, peer.url)
        assert out[-1] == "session closed", (act.__name__, out)
        for pattern in patterns:
            assert re.search(pattern, "\n".join(out)), f"{act.__name__}: no {pattern!r} in {out}"


if __name__ == "__main__":
    tap.main()
