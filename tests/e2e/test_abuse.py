"""Peers that vanish, talk nonsense or stop in the middle: nothing of them stays.

run: alone
run: deadline 240
"""

import random
import socket
import ssl
import time

import h2client
import h2raw
import perigee
import tap
from h2raw import CANCEL, DATA, END_HEADERS, HEADERS, INITIAL_WINDOW_SIZE, Raw

MANY = 1000

# /read takes its body, /unread never does, /endless answers for as long as somebody listens; others are answered.
SCRIPT = perigee.handler("""
  local path = headers[":path"]
  if path == "/unread" then
    stream:respond {}
  elseif path == "/endless" then
    stream:respond {}
    local chunk = ("endless "):rep(2000)
    while not stream.destroyed do
      if not stream:write(chunk) then stream:await("drain") end
    end
  else
    local count = 0
    for chunk in stream:chunks() do count = count + #chunk end
    if not stream.destroyed then
      stream:respond {}
      stream:finish("bytes " .. count)
    end
  end
""")


class Untouched:
    """What the server has before and after: live objects, descriptors, threads; and that it still answers."""

    def __init__(self, server):
        self.server = server

    def now(self):
        return {"fds": self.server.fds, "threads": self.server.threads}

    def __enter__(self):
        self.live = h2client.live(self.server.port)  # by the first client of all
        for _ in range(3):  # what is made once is made now
            h2client.get(self.server.port)
        if self.server.tls_port:
            h2client.get(self.server.tls_port, tls=self.server.cert)
        h2client.settled(self.server.port, self.live)
        self.before = perigee.stable(self.now)
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        h2client.settled(self.server.port, self.live, seconds=20)
        perigee.eventually(lambda: f"{self.before}, it is {self.now()}", lambda: self.now() == self.before)
        assert h2client.get(self.server.port).status == 200
        if self.server.tls_port:
            assert h2client.get(self.server.tls_port, tls=self.server.cert).status == 200


HALVES = [
    b"",
    h2raw.PREFACE[:5],
    h2raw.PREFACE,
    h2raw.PREFACE + h2raw.settings()[:4],
    h2raw.PREFACE + h2raw.settings() + h2raw.get(1)[:20],
    h2raw.PREFACE + h2raw.settings() + h2raw.headers(1, h2raw.block(h2raw.request_fields()), True, flags=0),
    h2raw.PREFACE + h2raw.settings() + h2raw.post(1, "/read"),
    h2raw.PREFACE + h2raw.settings() + h2raw.post(1, "/read") + h2raw.data(1, bytes(10000)),
    h2raw.PREFACE + h2raw.settings() + h2raw.post(1, "/read") + h2raw.frame(DATA, 0, 1, bytes(100), 16000),
    h2raw.PREFACE + h2raw.settings() + h2raw.post(1, "/unread") + h2raw.data(1, bytes(16000)) * 3,
    h2raw.PREFACE + h2raw.settings() + b"".join(h2raw.post(stream, "/read") for stream in range(1, 41, 2)),
    h2raw.PREFACE + h2raw.settings((INITIAL_WINDOW_SIZE, 0)) + h2raw.get(1, "/endless"),
    h2raw.PREFACE + h2raw.settings() + h2raw.get(1, "/endless"),
]


@tap.test(deadline=60)
def half_requests():
    """1,000 connections that send a part of a request and vanish leave nothing behind"""
    with perigee.Server(SCRIPT) as server, Untouched(server):
        for start in range(0, MANY, 100):  # a hundred at once
            socks = []
            for number in range(start, start + 100):
                sock = h2raw.connect(server.port)
                sock.sendall(HALVES[number % len(HALVES)])
                socks.append(sock)
            for number, sock in enumerate(socks):
                h2raw.vanish(sock, reset=number % 2 == 0)


@tap.test(deadline=60)
def half_requests_over_tls():
    """300 TLS connections that send a part of a request and vanish leave nothing behind"""
    with perigee.Server(SCRIPT, tls=True) as server, Untouched(server):
        for start in range(0, 300, 50):
            socks = []
            for number in range(start, start + 50):
                sock = h2raw.connect(server.tls_port, tls=server.cert)
                sock.sendall(HALVES[number % len(HALVES)])
                socks.append(sock)
            for number, sock in enumerate(socks):
                h2raw.vanish(sock, reset=number % 2 == 0)


def nonsense(source, number):
    """Bytes that are wrong from the start, behind the preface, or in frames that look right."""
    noise = source.randbytes(source.randrange(1, 3000))
    hello = h2raw.PREFACE + h2raw.settings()
    kind = number % 5
    if kind == 0:
        return noise
    if kind == 1:
        return h2raw.PREFACE + noise
    if kind == 2:
        return hello + noise
    if kind == 3:
        return hello + h2raw.frame(HEADERS, END_HEADERS, 1, noise)
    frames = (
        h2raw.frame(source.randrange(12), source.randrange(256), source.randrange(6), source.randbytes(source.randrange(40)))
        for _ in range(50)
    )
    return hello + b"".join(frames)


@tap.test(deadline=60)
def garbage():
    """1,000 connections that send garbage leave nothing behind"""
    source = random.Random(2)
    with perigee.Server(SCRIPT) as server, Untouched(server):
        for start in range(0, MANY, 50):
            socks = []
            for number in range(start, start + 50):
                sock = h2raw.connect(server.port)
                socks.append(sock)
                try:
                    sock.sendall(nonsense(source, number))
                except (BrokenPipeError, ConnectionResetError):
                    pass
            for number, sock in enumerate(socks):
                h2raw.vanish(sock, reset=number % 3 == 0)


@tap.test(deadline=60)
def garbage_over_tls():
    """garbage instead of a handshake, and garbage inside TLS, leave nothing behind"""
    source = random.Random(3)
    with perigee.Server(SCRIPT, tls=True) as server, Untouched(server):
        for number in range(200):
            sock = h2raw.connect(server.tls_port, tls=server.cert if number % 2 else None)
            try:
                sock.sendall(nonsense(source, number))
            except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
                pass
            h2raw.vanish(sock, reset=number % 3 == 0)


def client_hello():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    outgoing = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


@tap.test(deadline=60)
def half_handshakes():
    """200 TLS handshakes that stop in the middle leave nothing behind"""
    hello = client_hello()
    with perigee.Server(SCRIPT, tls=True) as server, Untouched(server):
        socks = []
        for number in range(200):
            sock = h2raw.connect(server.tls_port)
            sock.sendall(hello[: 1 + len(hello) * number // 200] if number % 4 else hello)
            if number % 8 == 0:
                assert sock.recv(100), "no ServerHello"
            socks.append(sock)
        for number, sock in enumerate(socks):
            h2raw.vanish(sock, reset=number % 2 == 0)


@tap.test
def resets_in_mid_body():
    """streams that their client resets in the middle of a body, up or down, leave nothing behind"""
    with perigee.Server(SCRIPT) as server, Untouched(server), Raw(server.port) as c:
        for number in range(200):
            stream = 2 * number + 1
            if number % 2:
                c.send(h2raw.get(stream, "/endless"))
                c.until(lambda f, s=stream: f.stream == s and f.kind == DATA)
                got = len(c.body(stream))
                c.send(h2raw.rst(stream, CANCEL))
                c.barrier()
                c.send(h2raw.window_update(0, len(c.body(stream))))
                assert got
            else:
                c.send(h2raw.post(stream, "/read"), h2raw.data(stream, bytes(1000)), h2raw.rst(stream, CANCEL))
                c.barrier()
        c.send(h2raw.get(1001), h2raw.window_update(0, 65535))
        assert c.response(1001) == ("200", b"bytes 0")


@tap.test(deadline=45)
def readers_that_stop():
    """clients that ask for endless answers and read nothing cost a bounded amount, and then nothing"""
    with perigee.Server(SCRIPT) as server:
        with Untouched(server):
            before = server.rss
            socks = []
            for _ in range(20):
                sock = h2raw.connect(server.port, receive_buffer=4096)
                sock.sendall(h2raw.PREFACE + h2raw.settings((INITIAL_WINDOW_SIZE, 2**31 - 1)) + h2raw.window_update(0, 2**30))
                sock.sendall(b"".join(h2raw.get(2 * n + 1, "/endless") for n in range(5)))
                socks.append(sock)
            assert h2client.get(server.port).status == 200
            busy = h2client.live(server.port)
            assert busy["streams"] >= 100, busy
            if not perigee.SANITIZED:
                assert server.rss - before < 64 << 20, f"{(server.rss - before) >> 20} MiB for 100 stalled streams"
            for number, sock in enumerate(socks):
                h2raw.vanish(sock, reset=number % 2 == 0)


# Answers with 4 MiB in one write.
LARGE = perigee.handler("""
  stream:respond {}
  stream:write(("large..."):rep(524288))
  print("written")
""")

WIDE = (INITIAL_WINDOW_SIZE, h2raw.MAX_WINDOW)


def stalled(port):
    """A connection with all windows open that takes next to nothing from its socket."""
    c = Raw(port, WIDE, receive_buffer=4096)
    c.send(h2raw.window_update(0, h2raw.MAX_WINDOW - 65535))
    return c


@tap.test
def a_reset_while_much_waits():
    """a client that asks on without reading and then resets its connection: its session goes, and nothing waits for it"""
    with perigee.Server(LARGE) as server:
        before = h2client.live(server.port)
        fds = perigee.stable(lambda: server.fds)
        c = stalled(server.port)
        c.send(h2raw.get(1))
        server.out.wait_for("^written$")
        perigee.stable(lambda: server.cpu_seconds)  # it sent what it could
        c.send(*(h2raw.get(stream) for stream in range(3, 203, 2)))
        server.out.wait_for("^written$", count=101)
        c.send(*(h2raw.get(stream) for stream in range(203, 213, 2)))  # it does not read any more
        h2raw.vanish(c.sock, reset=True)
        h2client.settled(server.port, before, seconds=0.8)  # not only after the second that lingering takes
        perigee.eventually(lambda: f"{fds} descriptors, it has {server.fds}", lambda: server.fds == fds, 3)
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 1 * perigee.FACTOR


@tap.test
def goaways_that_nobody_takes():
    """session:goaway() again and again, to a client that reads nothing: the last one leaves, nothing stays"""
    script = perigee.handler("""
      local session = stream.session
      local function four(text)
        for i = 1, 4 do session:goaway(0, 0, (text .. i):rep(100)) end
        print(text)
      end
      stream:respond {}
      stream:write(("large..."):rep(524288))
      four("at once ")
      setImmediate(function() four("afterwards ") end)
    """)
    with perigee.Server(script) as server:
        before = h2client.live(server.port)
        c = stalled(server.port)
        c.send(h2raw.get(1))
        server.out.wait_for("^afterwards $")
        got = c.until(lambda f: f.kind == h2raw.GOAWAY)
        while got.payload[8:] != b"afterwards 4" * 100:
            got = c.until(lambda f: f.kind == h2raw.GOAWAY)
        assert got.code == h2raw.NO_ERROR, got
        c.sock.close()
        c = stalled(server.port)
        c.send(h2raw.get(1))
        server.out.wait_for("^afterwards $", count=2)
        h2raw.vanish(c.sock, reset=True)
        h2client.settled(server.port, before)


@tap.test
def half_closed_connections():
    """a client that closes its half of TCP gets its answer or the end, and nothing stays"""
    with perigee.Server(SCRIPT) as server, Untouched(server):
        for path in ("/", "/endless", "/unread"):
            with Raw(server.port) as c:
                c.send(h2raw.get(1, path))
                c.sock.shutdown(socket.SHUT_WR)
                c.read_all(10)
        with Raw(server.port) as c:  # in the middle of a body
            c.send(h2raw.post(1, "/read"), h2raw.data(1, b"half"))
            c.sock.shutdown(socket.SHUT_WR)
            c.read_all(10)
            assert not [f for f in c.on(1, HEADERS) if f.status == "200"], c.seen


def twice(number):
    return 2 * number + 1


FLOODS = {  # frames for the n-th time
    "streams that the client resets": lambda n: h2raw.get(twice(n)) + h2raw.rst(twice(n), CANCEL),
    "streams that the server must reset: content-length": lambda n: h2raw.post(
        twice(n), extra=[("content-length", "1")]) + h2raw.data(twice(n), b"too much"),
    "streams that the server must reset: windows": lambda n: h2raw.post(twice(n))
    + h2raw.window_update(twice(n), h2raw.MAX_WINDOW),
    "malformed requests": lambda n: h2raw.get(twice(n), extra=[("connection", "close")]),
    "frames of an unknown type": lambda n: h2raw.frame(0xFE) * 10,
    "empty DATA": lambda n: (b"" if n else h2raw.post(1)) + h2raw.data(1) * 10,
    "PRIORITY": lambda n: h2raw.frame(h2raw.PRIORITY, 0, twice(n), b"\0\0\0\0\x10") * 10,
    "WINDOW_UPDATE of 1": lambda n: h2raw.window_update(0, 1) * 10,
}  # fmt: skip


@tap.test
def floods_are_cut_off():
    """at most 10,000 useless frames, whatever their kind, end the connection with ENHANCE_YOUR_CALM (HARDENING.md 4)"""
    with perigee.Server(SCRIPT, errors=True) as server, Untouched(server):
        for label, flood in FLOODS.items():
            with Raw(server.port) as c, h2client.Client(server.port) as other:
                for number in range(0, 12000, 50):
                    c.send(b"".join(flood(n) for n in range(number, number + 50)))
                    try:
                        c.barrier()
                    except AssertionError:
                        break
                ends = [f for f in c.seen if f.kind == h2raw.GOAWAY]
                assert ends and ends[-1].code == h2raw.ENHANCE_YOUR_CALM, f"{label}: {number} times, then {c.seen[-4:]}"
                assert other.get("/").status == 200, label


@tap.test
def an_hpack_bomb():
    """a large table entry that is referred to thousands of times ends the connection (CVE-2016-6581)"""
    with perigee.Server(SCRIPT, errors=True) as server, Untouched(server):
        with Raw(server.port) as c:
            fields = h2raw.block(h2raw.request_fields())
            c.send(h2raw.headers(1, fields + b"\x40" + h2raw.text("x") + h2raw.text("y" * 4000)))
            for number in range(4):
                c.send(h2raw.headers(2 * number + 3, fields + b"\xbe" * 16000))
            ends = [f for f in c.read_all() if f.kind == h2raw.GOAWAY]
            assert ends and ends[-1].code == h2raw.ENHANCE_YOUR_CALM, c.seen


@tap.test
def rapid_resets():
    """a flood of HEADERS and RST_STREAM ends the connection (CVE-2023-44487), and only that one"""
    with perigee.Server(SCRIPT, errors=True) as server, Untouched(server):
        with Raw(server.port) as c, h2client.Client(server.port) as other:
            for number in range(0, 4000, 100):
                c.send(b"".join(h2raw.get(2 * n + 1) + h2raw.rst(2 * n + 1, CANCEL) for n in range(number, number + 100)))
            c.read_all(10)
            assert other.get("/").status == 200


@tap.test
def floods():
    """floods of PING, SETTINGS and empty frames end or are served, and memory stays"""
    flood = {
        "PING": h2raw.frame(h2raw.PING, payload=bytes(8)) * 1000,
        "SETTINGS": h2raw.settings() * 1000,
        "empty DATA": h2raw.data(1) * 1000,
        "PRIORITY": h2raw.frame(h2raw.PRIORITY, 0, 3, b"\0\0\0\0\x10") * 1000,
    }
    with perigee.Server(SCRIPT, errors=True) as server, Untouched(server):
        before = server.rss
        for label, frames in flood.items():
            with Raw(server.port) as c:
                c.send(h2raw.post(1, "/read"))
                c.barrier()
                c.sock.settimeout(0.5)
                try:
                    for _ in range(20):  # nothing of it is read
                        c.sock.sendall(frames)
                except OSError:
                    pass  # the server does not take more, or has ended it
                assert h2client.get(server.port).status == 200, label
        if not perigee.SANITIZED:
            assert server.rss - before < 16 << 20, f"resident memory rose by {(server.rss - before) >> 20} MiB"


if __name__ == "__main__":
    tap.main()
