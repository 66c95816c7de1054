"""The request/response form: scripts/request.lua and handlers of all kinds, with clients that others wrote.

run: deadline 180
"""

import os
import re
import shutil
import subprocess

import h2client
import perigee
import tap

REQUEST = "scripts/request.lua"

ROUTES = """
local routes = {}
function routes.get(_, res)
  res:writeHead(200, { { "x-order", "1" }, { "x-order", "2" } })
  res:finish("hello")
end
function routes.echo(req, res) req:pipe(res) end
function routes.hints(_, res)
  res:writeEarlyHints { link = "</a.css>; rel=preload; as=style" }
  res:finish("hints")
end
function routes.nothing(_, res)
  res.statusCode = 204
  res:finish("a body that goes nowhere")
end
function routes.throw() error("thrown by the test") end
function routes.destroy(_, res)
  res:flushHeaders()
  res:destroy("no more")
end
local function request(req, res)
  local route = routes[(req.url or ""):sub(2)]
  if route then return route(req, res) end
  res.statusCode = 404
  res:finish()
end
"""

HANDLERS = ROUTES + "return { request = request }\n"


def listener(body, more=""):
    """A program-less script: `body` is Lua, run for each request; /live answers with the counters."""
    return f"""{perigee.LIVE}
return {{
  stream = function(stream, headers) live(stream, headers) end,
  request = function(req, res)
    if req.url == "/live" then return end
    {body}
  end,{more}
}}
"""


def program(*names):
    for name in names:
        if path := shutil.which(name):
            return path
    raise tap.Skip(f"{names[0]} is not installed")


def command(*argv, seconds=20, **options):
    """Runs a client to its end; gives its standard output."""
    done = subprocess.run(argv, capture_output=True, timeout=seconds * perigee.FACTOR, **options)
    assert done.returncode == 0, f"{argv} ended with {done.returncode}: {done.stdout[-2000:]!r} {done.stderr[-2000:]!r}"
    return done.stdout


def both(server):
    """(url, curl's options) in clear and over TLS."""
    yield f"http://127.0.0.1:{server.port}", ["--http2-prior-knowledge"]
    yield f"https://localhost:{server.tls_port}", ["--http2", "--cacert", server.cert]


def curl(url, options, *more, **run_options):
    return command(
        program("curl"), "-sS", "--noproxy", "*", "--max-time", str(15 * perigee.FACTOR), *options, *more, url,
        **run_options,
    ).decode()  # fmt: skip


# --- the script of the tree ---


@tap.test
def curl_and_the_script():
    """curl shows what request.lua answers: 200, 404, 405, a body in capitals, HEAD"""
    with perigee.Server(REQUEST, tls=True) as server:
        for url, options in both(server):
            text = curl(url + "/hello", options, "-i", "-A", "curl")
            assert re.match(r"HTTP/2 200 \r\ncontent-type: text/plain\r\n", text), text
            assert text.endswith("hello curl, this is HTTP/2.0\n"), text
            head = curl(url + "/hello", options, "-I")
            assert head.startswith("HTTP/2 200") and "hello" not in head and "date:" in head, head
            text = curl(url + "/nosuch", options, "-i")
            assert text.startswith("HTTP/2 404") and text.endswith("no such page\n"), text
            text = curl(url + "/shout", options, "-i")
            assert text.startswith("HTTP/2 405") and "\nallow: POST\r\n" in text, text
            for body in ("", "some text", "long " * 60000):
                got = curl(url + "/shout", options, "--data-binary", "@-", input=body.encode())
                assert got == body.upper(), (url, len(got), len(body))


@tap.test
def nghttp_and_the_script():
    """nghttp posts several at once to request.lua, and sees the trailers behind the body"""
    body = b"x" * 250000
    with perigee.Server(REQUEST, files={"body": body}) as server:
        url = f"http://127.0.0.1:{server.port}/shout"
        path = os.path.join(server.folder, "body")
        got = command(program("nghttp"), "-d", path, "-m", "4", url)
        assert got == body.upper() * 4, len(got)
        text = re.sub(r"\x1b\[[\d;]*m", "", command(program("nghttp"), "-v", "-n", "-d", path, url).decode())
        assert re.search(rf"x-bytes: {len(body)}\n", text), text[-2000:]


@tap.test
def trailers_of_the_script():
    """request.lua's trailers come behind the body, with END_STREAM"""
    with perigee.Server(REQUEST) as server, h2client.Client(server.port) as client:
        answer = client.post("/shout", b"abc")
        assert (answer.status, bytes(answer.body), answer.trailers) == (200, b"ABC", {"x-bytes": "3"}), answer


# --- Node ---

SEEN = """\
get: 200 1, 2, body 5, closed 0
head: 200 1, 2 end, body 0, closed 0
post: 200, body 500000, closed 0
continue: continue, 100, 200, body 1, closed 0
expectation: 417 end, body 0, closed 0
connect: 405 end, body 0, closed 0
hints: 103 </a.css>; rel=preload; as=style, 200, body 5, closed 0
nothing: 204 end, body 0, closed 0
throw: 500, body 22, closed 0
destroy: 200, ERR_HTTP2_STREAM_ERROR, closed 2
missing: 404 end, body 0, closed 0
"""


@tap.test
def node_and_all_routes():
    """Node's client sees what it would see from Node, in clear and over TLS"""
    script = os.path.join(perigee.TOP, "tests/e2e/compat_client.js")
    with perigee.Server(HANDLERS, tls=True, errors="thrown by the test") as server:
        for where in ([f"http://127.0.0.1:{server.port}"], [f"https://localhost:{server.tls_port}", server.cert]):
            got = command(program("node", "nodejs"), script, *where).decode()
            # Whether 'end' comes before the error is the client's affair.
            assert re.sub(r"200, body 0, ERR_", "200, ERR_", got) == SEEN, got


# --- forms of a script ---


@tap.test
def a_program():
    """http2.createServer(fn) serves, and ends by itself when it is closed"""
    script = """
      local http2 = require "http2"
      local server
      server = http2.createServer(function(req, res)
        res:setHeader("content-type", "text/plain")
        res:finish("bye " .. req.url)
        server:close(function() print "closed" end)
      end)
      server:listen(0, "127.0.0.1", function() print("listening on http://127.0.0.1:" .. server:address().port) end)
    """
    with perigee.Server(script, form=1) as server:
        assert h2client.get(server.port, "/all").body == b"bye /all"
        server.out.wait_for("^closed$")
        assert server.wait() == 0


@tap.test
def stream_and_request_handlers_in_one_table():
    """a table may have both, and the other events of the server"""
    script = """
      return {
        stream = function(stream, headers) print("stream " .. headers[":path"]) end,
        request = function(req, res) res:finish("request " .. req.url) end,
        checkContinue = function(req, res)
          res.statusCode = 413
          res:finish()
        end,
      }
    """
    with perigee.Server(script) as server:
        assert h2client.get(server.port, "/x").body == b"request /x"
        server.out.wait_for("^stream /x$")
        assert h2client.get(server.port, "/x", headers=[("expect", "100-continue")]).status == 413


# --- ends ---


@tap.test
def a_handler_that_throws():
    """a throw costs its own stream a 500, or a reset when the head is out; the text goes to the log only"""
    script = listener("""
      if req.url == "/late" then res:write("part") end
      if req.url == "/waited" then req:body() end
      if req.url ~= "/good" then error("thrown by the test") end
      res:finish("good")
    """)
    with perigee.Server(script, errors="thrown by the test") as server, h2client.Client(server.port) as client:
        for path in ("/at-once", "/waited"):
            answer = client.post(path, b"x")
            assert answer.status == 500 and b"thrown" not in answer.body, answer
        late = client.closing(client.request("/late"))
        assert (late.status, late.reset) == (200, 2), late
        assert client.get("/good").body == b"good"
        assert server.err.wait_for(r"handler failed.*thrown by the test", count=3)


@tap.test
def clients_that_leave():
    """a client that leaves: 'aborted' and 'close' once, later calls are silent, and nothing stays"""
    script = listener("""
      local id = req.url
      req:on("aborted", function() print("aborted " .. id) end)
      req:on("error", function() print("error " .. id) end)
      res:on("error", function() print("error " .. id) end)
      res:write("part")
      res:on("close", function()
        res:writeHead(500)
        res:write("late")
        res:finish("late")
        print("close " .. id)
      end)
    """)
    with perigee.Server(script) as server:
        before = h2client.live(server.port)
        for path, leave in (("/reset", "reset"), ("/gone", "vanish"), ("/shut", "close")):
            client = h2client.Client(server.port)
            stream = client.request(path, "POST")
            client.head(stream)
            if leave == "reset":
                client.reset(stream)
                client.ping()
                client.close()
            elif leave == "vanish":
                client.vanish(reset=True)
            else:
                client.close()
            server.out.wait_for(f"^close {path}$")
            said = [line for line in server.out.lines if line.split()[1:] == [path]]
            assert said == [f"aborted {path}", f"close {path}"], said
            h2client.settled(server.port, before)


@tap.test
def a_client_that_stops_reading():
    """req:pipe(res) holds back the writer when the client stops reading, and goes on when it reads"""
    script = listener("""
      req:on("end", function() print("read all") end)
      req:pipe(res)
    """)
    total = 4_000_000
    with perigee.Server(script) as server, h2client.Client(server.port, windows="manual") as client:
        number = client.request("/", "POST")
        stream = client.streams[number]
        sent = 0
        # Sends until both windows are shut: nobody takes what comes back.
        while (size := min(client.h2.local_flow_control_window(number), 16384)) > 0:
            client.h2.send_data(number, b"x" * size)
            client._flush()
            sent += size
            client.ping()
        assert stream.received <= 65535 and sent < total / 4, (stream.received, sent)
        assert "read all" not in server.stdout
        client.windows = "auto"
        client.h2.acknowledge_received_data(stream.received, number)
        client._flush()
        client.send(number, b"x" * (total - sent), end=True, seconds=60)
        answer = client.response(number, 60)
        assert answer.received == total, answer


@tap.test
def what_is_on_the_wire():
    """an answer in one piece is HEADERS and DATA with END_STREAM; an empty one is HEADERS with it"""
    script = listener("""
      if req.url == "/empty" then return res:finish() end
      res:finish("text")
    """)
    for path, frames in (("/text", [("HEADERS", 4), ("DATA", 1)]), ("/empty", [("HEADERS", 5)])):
        assert seen_frames(server_script=script, path=path) == frames, path


def seen_frames(server_script, path):
    """(type, flags) of the frames of one answer."""
    with perigee.Server(server_script) as server:
        text = command(program("nghttp"), "-v", "-n", f"http://127.0.0.1:{server.port}{path}").decode()
    text = re.sub(r"\x1b\[[\d;]*m", "", text)
    found = re.findall(r"recv (HEADERS|DATA) frame <length=\d+, flags=0x([0-9a-f]+), stream_id=[1-9]", text)
    return [(kind, int(flags, 16)) for kind, flags in found]


tap.main()
