"""Peers that are slow on purpose: each phase has its deadline (DESIGN.md 6: handshake, preface, header block, idle).

run: alone
run: deadline 150
"""

import ssl
import time

import h2client
import h2raw
import perigee
import tap
from h2raw import GOAWAY, INITIAL_WINDOW_SIZE, Raw

PROGRAM = perigee.LIVE + """
local http2 = require "http2"
local fs = require "fs"
local options = { OPTIONS }
local secure = arg[1] == "secure"
if secure then options.cert, options.key = fs.readFileSync("cert"), fs.readFileSync("key") end
local server = secure and http2.createSecureServer(options) or http2.createServer(options)
server:on("stream", function(stream, headers)
  if live(stream, headers) then return end
  for _ in stream:chunks() do end
  if stream.destroyed then return end
  stream:respond {}
  stream:finish("done")
end)
server:listen(0, "127.0.0.1", function()
  print(("listening on %s://127.0.0.1:%d"):format(secure and "https" or "http", server:address().port))
end)
"""


def server(options, secure=False):
    cert, key = perigee.certificate()
    files = {}
    for name, path in (("cert", cert), ("key", key)):
        with open(path) as f:
            files[name] = f.read()
    started = perigee.Server(PROGRAM.replace("OPTIONS", options), ["secure"] if secure else [], form=1, files=files)
    started.cert = cert
    return started


def lasts(sock, text, seconds):
    """How long the server keeps a connection that sends `text` in drips and then nothing."""
    start = time.monotonic()
    with sock:
        sock.settimeout(seconds * 3 * perigee.FACTOR)
        try:
            if text:
                sock.sendall(text)
            while sock.recv(65536):
                pass
        except (ConnectionResetError, ssl.SSLError):
            pass
        except TimeoutError:
            raise AssertionError(f"still open after {time.monotonic() - start:.1f} s") from None
    return time.monotonic() - start


def on_time(took, seconds, label):
    assert seconds * 0.7 <= took <= seconds + 1 * perigee.FACTOR, f"{label}: {took:.2f} s instead of {seconds} s"


HELLO = h2raw.PREFACE + h2raw.settings()


@tap.test
def short_deadlines():
    """connections that stop before or within the preface, or within a header block, are closed on time"""
    with server("handshakeTimeout = 500, headerTimeout = 500") as target:
        before = h2client.live(target.port)
        for label, text in (
            ("not a byte", b""),
            ("half a preface", h2raw.PREFACE[:10]),
            ("a preface and no SETTINGS", h2raw.PREFACE),
            ("a header block without its end", HELLO + h2raw.headers(1, h2raw.block(h2raw.request_fields()), flags=0)),
            ("half a HEADERS frame", HELLO + h2raw.get(1)[:20]),
        ):
            on_time(lasts(h2raw.connect(target.port), text, 0.5), 0.5, label)
        h2client.settled(target.port, before)


@tap.test
def short_deadlines_over_tls():
    """TLS handshakes that stop are closed on time"""
    with server("handshakeTimeout = 500, headerTimeout = 500", secure=True) as target:
        before = h2client.live(target.tls_port, target.cert)
        on_time(lasts(h2raw.connect(target.tls_port), b"", 0.5), 0.5, "not a byte")
        on_time(lasts(h2raw.connect(target.tls_port), b"\x16\x03\x01\x02\x00\x01", 0.5), 0.5, "half a ClientHello")
        on_time(lasts(h2raw.connect(target.tls_port, tls=target.cert), b"", 0.5), 0.5, "a handshake and no preface")
        h2client.settled(target.tls_port, before, target.cert)


@tap.test
def a_header_block_beside_an_idle_time():
    """half a header block has its own deadline, however long a connection may be idle"""
    with server("headerTimeout = 500, idleTimeout = 60000") as target:
        for requests in (0, 1):
            with Raw(target.port) as c:
                for stream in range(1, 2 * requests, 2):
                    c.send(h2raw.get(stream))
                    assert c.response(stream)[0] == "200"
                c.barrier()
                start = time.monotonic()
                c.send(h2raw.headers(2 * requests + 1, h2raw.block(h2raw.request_fields()), flags=0))
                c.read_all()
                on_time(time.monotonic() - start, 0.5, f"half a header block behind {requests} requests")


@tap.test
def idle_connections():
    """a connection without a stream is closed with GOAWAY after the idle time, one with a stream is not"""
    with server("idleTimeout = 500") as target:
        with Raw(target.port) as idle, Raw(target.port) as busy:
            busy.send(h2raw.post(1))
            idle.send(h2raw.get(1))
            assert idle.response(1)[0] == "200"
            start = time.monotonic()
            rest = idle.read_all()
            on_time(time.monotonic() - start, 0.5, "idle")
            assert [f for f in rest if f.kind == GOAWAY and f.code == 0], rest
            busy.barrier()
            busy.send(h2raw.data(1, b"x", True))
            assert busy.response(1) == ("200", b"done")


@tap.test
def no_deadline_for_the_slow_and_honest():
    """a client that is slow but within its rights is served: a late body, a window opened late"""
    with server("handshakeTimeout = 300, headerTimeout = 300, idleTimeout = 300") as target:
        with Raw(target.port, (INITIAL_WINDOW_SIZE, 0)) as c:
            c.send(h2raw.post(1))
            for _ in range(4):
                try:
                    assert c.read_or_none(0.3), "the connection ended"
                except TimeoutError:
                    pass
                c.send(h2raw.data(1, b"x"))
            c.send(h2raw.data(1, b"", True), h2raw.window_update(1, 100))
            assert c.response(1) == ("200", b"done")


@tap.test
def a_server_timeout_and_a_busy_session():
    """server:setTimeout() closes a session that is silent, and none whose handler goes on writing"""
    script = """
local server = require("http2").createServer()
local task = require "perigee.task"
server:setTimeout(400)
server:on("stream", function(stream)
  stream:respond {}
  for i = 1, 15 do
    stream:write(i .. " ")
    task.sleep(100)
  end
  stream:finish("end")
end)
server:listen(0, "127.0.0.1", function() print("listening on http://127.0.0.1:" .. server:address().port) end)
"""
    with perigee.Server(script, form=1) as target, Raw(target.port) as c:
        c.send(h2raw.get(1))
        assert c.response(1) == ("200", b"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 end")
        start = time.monotonic()
        c.read_all()
        assert time.monotonic() - start < 1.5 * perigee.FACTOR


@tap.test(long=True, deadline=60)
def the_usual_deadlines():
    """without options it is 10 s for a handshake, a preface and a header block"""
    with server("") as target, server("", secure=True) as secure:
        on_time(lasts(h2raw.connect(target.port), b"", 10), 10, "not a byte")
        text = HELLO + h2raw.headers(1, h2raw.block(h2raw.request_fields()), flags=0)
        on_time(lasts(h2raw.connect(target.port), text, 10), 10, "a header block without its end")
        on_time(lasts(h2raw.connect(secure.tls_port), b"\x16\x03\x01", 10), 10, "half a ClientHello")


if __name__ == "__main__":
    tap.main()
