"""scripts/proxy.lua in front of backends of all kinds: what passes, at whose pace, and what happens when one side
leaves.

run: slow
run: deadline 240
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import threading
import time

import h2client
import h2raw
import h2server
import peers
import perigee
import tap
from h2client import Client
from h2server import Script, begin
from perigee import Server

PROXY = "scripts/proxy.lua"
MIB = 1 << 20
OK = h2raw.block([(":status", "200")])


def proxy(backend, *args):
    return Server(PROXY, (getattr(backend, "url", backend), *args))


# A backend that tells what it got.
MIRROR = """
return function(stream, headers)
  local path = headers[":path"]
  if path == "/hints" then
    stream:additionalHeaders { [":status"] = 103, link = "</style.css>" }
    stream:additionalHeaders { [":status"] = 103, link = "</script.js>" }
  end
  if headers.expect == "100-continue" then stream:additionalHeaders { [":status"] = 100 } end
  local got
  stream:on("trailers", function(t) got = t["x-sum"] end)
  local body = stream:body()
  stream:on("wantTrailers", function() stream:sendTrailers { ["x-got"] = got or "none", ["x-size"] = #body } end)
  local list = {}
  for _, name in ipairs { ":method", ":scheme", ":authority", ":path", "x-forwarded-for", "x-forwarded-proto", "te" } do
    list[#list + 1] = name .. "=" .. tostring(headers[name])
  end
  stream:respond({
    ["x-request"] = table.concat(list, " "), ["set-cookie"] = { "a=1", "b=2" }, ["x-many"] = { "one", "two" },
    ["content-type"] = headers["content-type"],
  }, { waitForTrailers = true })
  stream:finish(body)
end
"""


@tap.test
def fields_and_trailers():
    """fields pass both ways, as do trailers and 1xx; the backend learns the client's address and scheme"""
    with Server(MIRROR) as backend, Server(PROXY, (f"http://127.0.0.1:{backend.port}",), tls=True) as server:
        for port, tls, scheme in ((server.port, None, "http"), (server.tls_port, server.cert, "https")):
            with Client(port, tls) as client:
                number = client.request("/x?y=z", "POST", [("content-type", "text/x"), ("te", "trailers")])
                client.send(number, b"the body")
                client.trailers(number, [("x-sum", "abc")])
                got = client.response(number)
                assert got.status == 200 and got.body == b"the body", got
                assert got.headers["x-request"] == (
                    f":method=POST :scheme=http :authority=localhost:{port} :path=/x?y=z x-forwarded-for=127.0.0.1 "
                    f"x-forwarded-proto={scheme} te=trailers"
                ), got.headers
                assert got.headers["set-cookie"] == ["a=1", "b=2"] and got.headers["x-many"] == "one, two", got.headers
                assert got.headers["content-type"] == "text/x", got.headers
                assert got.trailers == {"x-got": "abc", "x-size": "8"}, got.trailers
                got = client.get("/hints", [("x-forwarded-for", "192.0.2.1")])
                assert [i["link"] for i in got.informational] == ["</style.css>", "</script.js>"], got.informational
                assert "x-forwarded-for=192.0.2.1, 127.0.0.1 " in got.headers["x-request"], got.headers
                assert got.trailers == {"x-got": "none", "x-size": "0"}, got.trailers
                number = client.request("/", "POST", [("expect", "100-continue")])
                stream = client.streams[number]
                client.wait(lambda: stream.informational, "100 (Continue)")
                client.send(number, b"now", end=True)
                assert client.response(number).body == b"now"
                assert stream.informational[0][":status"] == "100", stream.informational


@tap.test
def odd_fields():
    """what is right though odd passes; an answer that is none is the backend's mistake: 502, and nothing stays open"""
    with Server(MIRROR) as backend, proxy(f"http://127.0.0.1:{backend.port}") as server, Client(server.port) as client:
        for te in (["Trailers"], ["trailers", "trailers"]):
            got = client.get("/", [("te", value) for value in te])
            assert got.status == 200 and got.headers["x-request"].endswith(" te=trailers"), got.headers

    for status in ("099", "700"):
        def backend(c):
            begin(c)
            c.send(h2raw.headers(1, [(":status", status)], False), h2raw.data(1, b"part"))
            assert c.until(lambda f: f.kind == h2raw.RST_STREAM).code == h2raw.CANCEL

        with client_of(backend) as client:
            assert client.get("/").status == 502, status


@tap.test
def methods_and_statuses():
    """HEAD, answers without a body, and what nginx says of files that are not there pass as they are"""
    with peers.Nginx(files={"file": b"x" * 100}, more="location /none { return 204; }") as backend, proxy(backend) as server:
        with Client(server.port) as client:
            head = client.response(client.request("/file", "HEAD"))
            assert head.status == 200 and head.headers["content-length"] == "100" and not head.body, head.headers
            got = client.get("/file")
            assert got.body == b"x" * 100 and got.headers["server"].startswith("nginx"), got.headers
            assert client.get("/none").status == 204
            assert client.get("/missing").status == 404
            number = client.request("/made", "PUT")
            client.send(number, b"made", end=True)
            assert client.response(number).status == 201
            assert client.get("/made").body == b"made"
            tag = got.headers["etag"]
            assert client.get("/file", [("if-none-match", tag)]).status == 304
            assert client.get("/file", [("range", "bytes=10-19")]).body == b"x" * 10
            got = client.get("/trailers")
            assert got.body == b"body" and got.trailers == {"x-late": "yes"}, got.trailers


# --- leaving ---


@contextlib.contextmanager
def client_of(act):
    """A raw backend behind a proxy, and a client of it."""
    with Script(act) as backend, proxy(backend) as server, Client(server.port) as client:
        yield client


@tap.test
def a_client_leaves():
    """a client that resets or vanishes, while it sends or is sent to: the backend has RST_STREAM(CANCEL) in 100 ms"""
    left, spans = {}, []
    heard = threading.Semaphore(0)

    def backend(c):
        c.expect_preface()
        c.send(h2raw.settings())
        while got := c.read(30):
            path = dict(got.headers or {}).get(":path")
            if path == "/answer":
                c.send(h2raw.headers(got.stream, OK, False), h2raw.data(got.stream, b"begun"))
            elif path == "/wait":
                heard.release()
            elif got.kind == h2raw.DATA and got.payload:
                heard.release()
            elif got.kind == h2raw.RST_STREAM:
                spans.append(time.monotonic() - left["at"])
                assert got.code == h2raw.CANCEL, got
                heard.release()

    with Script(backend) as peer, proxy(peer) as server:
        for method in ("reset", "fin", "tcp reset"):
            for what in ("/answer", "/wait", "/upload"):
                for _ in range(3):
                    client = Client(server.port)
                    number = client.request(what, "POST" if what == "/upload" else "GET")
                    if what == "/upload":
                        client.send(number, b"some")
                    if what == "/answer":
                        client.wait(lambda: client.streams[number].body == b"begun", "the answer's begin")
                    else:
                        assert heard.acquire(timeout=10 * perigee.FACTOR), what
                    left["at"] = time.monotonic()
                    if method == "reset":
                        client.reset(number)
                    else:
                        client.vanish(reset=method == "tcp reset")
                    assert heard.acquire(timeout=10 * perigee.FACTOR), f"the backend heard nothing of a {method}"
                    client.close()
        assert peer.connections == 1, peer.connections
    # A machine that stands still for a moment says nothing about the proxy.
    spans.sort()
    assert len(spans) == 27 and spans[len(spans) * 3 // 4] < 0.1 * perigee.FACTOR, spans


@tap.test
def a_backend_resets():
    """a backend's RST_STREAM reaches the client with its code, before the answer and in the middle of it"""
    def backend(c):
        c.expect_preface()
        c.send(h2raw.settings())
        while got := c.read(30):
            if got.kind != h2raw.HEADERS:
                continue
            path = dict(got.headers)[":path"].split("/")
            if path[1] == "late":
                c.send(h2raw.headers(got.stream, OK, False), h2raw.data(got.stream, b"begun"))
            c.send(h2raw.rst(got.stream, int(path[2])))

    with client_of(backend) as client:
        for code in (h2raw.INTERNAL_ERROR, h2raw.CANCEL, h2raw.ENHANCE_YOUR_CALM, h2raw.HTTP_1_1_REQUIRED):
            for when in ("early", "late"):
                got = client.closing(client.request(f"/{when}/{code}"))
                assert got.reset == code, (when, code, got)
                assert got.body == (b"begun" if when == "late" else b""), got
        # Half an answer is no answer, even if the backend finds nothing wrong.
        assert client.closing(client.request("/late/0")).reset == h2raw.INTERNAL_ERROR
        assert client.closing(client.request("/early/0")).status == 502
        # It may be that others fare better; here they do not.
        assert client.closing(client.request("/early/7")).reset == h2raw.REFUSED_STREAM


@tap.test
def a_backend_lost():
    """a backend that hangs up: 502 before the answer, INTERNAL_ERROR in the middle; one that is back is used again"""
    def backend(c):
        request = begin(c)
        path = dict(request.headers)[":path"]
        if path == "/part":
            c.send(h2raw.headers(1, OK, False), h2raw.data(1, b"part"))
            c.barrier()
        elif path == "/whole":
            c.send(h2raw.headers(1, OK, False), h2raw.data(1, b"whole", True))
            c.barrier()

    with client_of(backend) as client:
        for _ in range(2):
            assert client.get("/nothing").status == 502
            got = client.closing(client.request("/part"))
            assert got.reset == h2raw.INTERNAL_ERROR and got.body == b"part", got
            assert client.get("/whole").body == b"whole"


@tap.test
def no_backend():
    """502 while nobody listens there, 504 when the answer does not begin in time"""
    port = peers.free_port()
    with proxy(f"http://127.0.0.1:{port}") as server, Client(server.port) as client:
        for _ in range(2):
            assert client.get("/").status == 502
            assert client.post("/", b"body").status == 502
        with peers.Nghttpd(files={"index.html": b"here"}, port=port):
            assert client.get("/").body == b"here"

    def silent(c):
        begin(c)
        assert c.until(lambda f: f.kind == h2raw.RST_STREAM, 20).code == h2raw.CANCEL

    with Script(silent) as backend, proxy(backend, "0.3") as server:
        assert h2client.get(server.port).status == 504


@tap.test
def endless_hints():
    """a backend that sends 1xx without end to a client that reads nothing: both are reset, before much memory is taken"""
    def backend(c):
        begin(c)
        hints = (h2raw.block([(":status", "103"), ("link", f"{n}" + "x" * 1000)]) for n in range(100))
        hints = b"".join(h2raw.headers(1, hint, False) for hint in hints)
        for _ in range(500):  # 50 MB
            c.send(hints)
        assert c.until(lambda f: f.kind == h2raw.RST_STREAM, 20).code == h2raw.CANCEL

    with Script(backend) as origin, Server(PROXY, (origin.url,), errors="ERR_STREAM_OVERFLOW") as server:
        before = server.rss
        with h2raw.Raw(server.port) as c:
            c.send(h2raw.get(1))
            server.err.wait_for("ERR_STREAM_OVERFLOW", 20)
            assert c.until(lambda f: f.kind == h2raw.RST_STREAM, 20).code == h2raw.INTERNAL_ERROR
        if not perigee.SANITIZED:
            assert server.rss - before < 16 * MIB, f"resident memory rose by {(server.rss - before) >> 20} MiB"


@tap.test
def goaway():
    """after a backend's GOAWAY the next requests go to a new session, as do those that it left out, if they have no body"""
    def first(c):
        begin(c)
        c.until(lambda f: f.kind == h2raw.HEADERS and f.stream == 5)
        c.send(h2raw.goaway(1))
        c.send(h2raw.headers(1, OK, False), h2raw.data(1, b"first", True))
        c.read_all(20)

    def second(c):
        begin(c)
        c.send(h2raw.headers(1, OK, False), h2raw.data(1, b"second", True))
        third = c.until(lambda f: f.kind == h2raw.HEADERS and f.stream == 3)
        assert dict(third.headers)[":path"] == "/late", third
        c.send(h2raw.headers(3, OK, False), h2raw.data(3, b"third", True))
        c.read_all(20)

    with Script(first, second) as backend, proxy(backend) as server, Client(server.port) as client:
        served, moved = client.request("/served"), client.request("/moved")
        posted = client.request("/posted", "POST")
        client.send(posted, b"gone with it")
        assert client.response(served).body == b"first"
        assert client.response(moved).body == b"second"
        assert client.closing(posted).reset == h2raw.REFUSED_STREAM  # which tells the client that it may try again
        assert client.get("/late").body == b"third"
        assert backend.connections == 2, backend.connections


# --- pace and memory ---


@tap.test
def pace():
    """a client that does not read stops the backend, one that does not read is not fed; neither stops others"""
    got = {"down": 0, "up": 0}

    def backend(exchange):
        path = exchange.headers[":path"]
        if path == "/down":
            exchange.respond()
            chunk = bytes(16384)
            while exchange.reset is None:
                if not exchange.send(chunk):
                    break
                got["down"] += len(chunk)
        else:
            exchange.respond(fields=[("x-path", path)], end=True)

    with h2server.Server(backend) as peer, proxy(peer) as server:
        with Client(server.port, windows="manual") as client:
            number = client.request("/down")
            client.head(number)
            assert perigee.stable(lambda: got["down"], 0.4) < 600_000, got
            client.reset(number)
            assert client.get("/next").headers["x-path"] == "/next"

    def lazy(c):
        request = begin(c, (h2raw.INITIAL_WINDOW_SIZE, 65535))
        c.until(lambda f: f.kind == h2raw.HEADERS and f.stream != request.stream, 30)
        got["up"] = len(c.body(request.stream))
        c.send(h2raw.window_update(0, 1 << 20), h2raw.headers(3, OK))
        c.read_all(30)

    with Script(lazy) as peer, proxy(peer) as server:
        with Client(server.port) as client:
            number = client.request("/up", "POST")
            sent = 0
            try:
                while sent < 4 * MIB:
                    client.send(number, bytes(16384), seconds=0.5)
                    sent += 16384
            except AssertionError:
                pass  # no window
            assert 65535 <= sent < 600_000, sent
            assert client.get("/other").status == 200
            assert got["up"] == 65535, got


def pattern(path, size):
    """Writes a file whose every MiB differs; gives its sha256."""
    block, digest = os.urandom(MIB), hashlib.sha256()
    with open(path, "wb") as f:
        for n in range(size // MIB):
            chunk = b"%08d" % n + block[8:]
            f.write(chunk)
            digest.update(chunk)
    return digest.hexdigest()


def curl_hash(url, *options, seconds=120):
    """sha256 and size of what curl gets."""
    argv = [peers.program("curl"), "-sS", "--fail", "--noproxy", "*", "--http2-prior-knowledge"]
    argv += ["--max-time", str(seconds * perigee.FACTOR), *options, url]
    digest, size = hashlib.sha256(), 0
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while chunk := process.stdout.read(MIB):
            digest.update(chunk)
            size += len(chunk)
        said = process.stderr.read()
    assert process.returncode == 0, f"curl {options} ended with {process.returncode}: {said!r}"
    return digest.hexdigest(), size


def room(path, need):
    free = shutil.disk_usage(path).free
    if free < need:
        raise tap.Skip(f"{free // MIB} MiB of disk space are not enough")


def large(size, seconds):
    """size bytes down from nginx, up to nginx, and up and down through nghttpd."""
    with peers.Nginx() as nginx, peers.Nghttpd() as nghttpd, proxy(nginx) as one, proxy(nghttpd) as two:
        room(nginx.folder, 3 * size + 256 * MIB)
        path = os.path.join(nginx.folder, "files/large")
        want = pattern(path, size)
        base, echo = f"http://127.0.0.1:{one.port}", f"http://127.0.0.1:{two.port}/echo"
        curl_hash(f"{base}/warm", "-T", __file__)  # what they need at all they have now
        curl_hash(f"{base}/warm")
        curl_hash(echo, "-T", __file__)
        before = one.rss, two.rss
        one.reset_rss_peak(), two.reset_rss_peak()
        assert curl_hash(f"{base}/large", seconds=seconds) == (want, size)
        curl_hash(f"{base}/copy", "-T", path, seconds=seconds)
        with open(os.path.join(nginx.folder, "files/copy"), "rb") as f:
            assert hashlib.file_digest(f, "sha256").hexdigest() == want
        assert curl_hash(echo, "-T", path, seconds=seconds) == (want, size)
        if not tap.SANITIZED:
            grown = one.rss_peak - before[0], two.rss_peak - before[1]
            assert max(grown) < 16 * MIB, f"grown by {[n // 1024 for n in grown]} KiB"


@tap.test(deadline=90)
def bodies():
    """48 MiB from nginx, to nginx and through nghttpd arrive whole, and memory stays"""
    large(48 * MIB, 60)


@tap.test(long=True, deadline=600)
def large_bodies():
    """1 GiB from nginx, to nginx and through nghttpd arrive whole, and memory stays"""
    large(1024 * MIB, 400)


@tap.test(deadline=60)
def a_slow_reader():
    """24 MiB to a client that reads slowly arrive whole, and memory stays"""
    with peers.Nghttpd() as backend, proxy(backend) as server:
        want = pattern(os.path.join(backend.folder, "large"), 24 * MIB)
        url = f"http://127.0.0.1:{server.port}/large"
        before = server.rss
        server.reset_rss_peak()
        assert curl_hash(url, "--limit-rate", "12M") == (want, 24 * MIB)
        assert tap.SANITIZED or server.rss_peak - before < 16 * MIB, server.rss_peak - before


# --- load ---


def load(server, requests, *options, seconds=60):
    text = peers.command(
        peers.program("h2load"), "-n", str(requests), *options, f"http://127.0.0.1:{server.port}/file", seconds=seconds
    ).decode()
    assert re.search(rf"^requests: .* {requests} succeeded, 0 failed, 0 errored", text, re.M), text
    assert re.search(rf"^status codes: {requests} 2xx, 0 3xx, 0 4xx, 0 5xx", text, re.M), text


def load_both(requests, seconds=60):
    with peers.Nghttpd(files={"file": b"x" * 1000}) as backend, proxy(backend) as server:
        load(server, requests, "-c", "10", "-m", "20", seconds=seconds)
    # nginx says GOAWAY every so often.
    with peers.Nginx(files={"file": b"x" * 1000}, requests=min(1000, requests // 8)) as backend, proxy(backend) as server:
        load(server, requests, "-c", "10", "-m", "20", seconds=seconds)


@tap.test(deadline=60)
def requests():
    """0 of 2,000 requests fail, in front of nghttpd and of nginx, which says GOAWAY again and again"""
    load_both(2000)


@tap.test(long=True, deadline=300)
def many_requests():
    """0 of 100,000 requests fail, in front of nghttpd and of nginx, which says GOAWAY again and again"""
    load_both(100_000, 240)


if __name__ == "__main__":
    tap.main()
