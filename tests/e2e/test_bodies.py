"""Large bodies, up, down and both ways: they arrive whole, and the daemon does not hold them.

run: alone
run: deadline 240
"""

import hashlib
import re

import h2client
import h2raw
import perigee
import tap
from h2raw import DATA, HEADERS, INITIAL_WINDOW_SIZE, PING, Raw

MIB = 1 << 20
GROWTH = 8 * MIB

# Answers /down?N with N blocks of 64 KiB that differ, as fast as the client takes them; prints their hash.
DOWN = perigee.handler("""
  local digest = require("perigee.digest").new "sha256"
  local left = tonumber(headers[":path"]:match "%d+")
  local filler = ("perigee "):rep(8191)
  stream:respond { ["content-type"] = "application/octet-stream" }
  while left > 0 do
    local chunk = ("%08d"):format(left) .. filler
    digest:update(chunk)
    if not stream:write(chunk) then stream:await("drain") end
    left = left - 1
  end
  stream:finish()
  print("sha256 " .. digest:hex())
""")

PIPE = perigee.handler("""
  stream:respond {}
  stream:pipe(stream)
""")


class Growth:
    """Bounds how far the resident memory of a daemon rises over what it was. Means nothing under a sanitizer."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.server.reset_rss_peak()
        self.before = self.server.rss
        return self

    def __exit__(self, kind, *_):
        if kind is None and not perigee.SANITIZED:
            grown = self.server.rss_peak - self.before
            assert grown < GROWTH, f"resident memory rose by {grown / MIB:.1f} MiB over {self.before / MIB:.1f} MiB"


# 64 KiB each.
BLOCKS = [bytes((number * 7 + n) % 256 for n in range(256)) * 256 for number in range(16)]


def upload(mib, secure):
    with perigee.Server("scripts/upload.lua", tls=True) as server:
        port, trust = (server.tls_port, server.cert) if secure else (server.port, None)
        with h2client.Client(port, trust) as client:
            client.post("/", BLOCKS[0] * 16)  # 1 MiB: what stays allocated is so already
            with Growth(server):
                digest = hashlib.sha256()
                stream = client.request("/", "POST")
                for number in range(mib * 16):
                    chunk = BLOCKS[number % 16]
                    digest.update(chunk)
                    assert client.send(stream, chunk), "the upload was reset"
                client.send(stream, end=True)
                text = client.response(stream, 30).body.decode()
        assert re.search(rf"^bytes {mib * MIB}$", text, re.M), text
        assert re.search(rf"^sha256 {digest.hexdigest()}$", text, re.M), (text, digest.hexdigest())


def quiet(server):
    """Waits until the daemon has nothing to do: it used no CPU time for a while."""
    perigee.stable(lambda: server.cpu_seconds)


def slow_answer(mib):
    """A reader that at first opens no window, then reads nothing, then rests every now and then."""
    with perigee.Server(DOWN) as server, Raw(server.port, (INITIAL_WINDOW_SIZE, 0), receive_buffer=65536) as c:
        c.send(h2raw.get(1, "/down?16"), h2raw.window_update(1, 2 * MIB), h2raw.window_update(0, 2**30))
        c.response(1)  # 1 MiB: what stays allocated is so already
        with Growth(server):
            c.send(h2raw.get(3, f"/down?{mib * 16}"))
            c.until(lambda f: f.kind == HEADERS)
            quiet(server)
            c.barrier()
            assert not c.on(3, DATA)
            c.send(h2raw.window_update(3, 2**30 + MIB))
            quiet(server)
            c.seen.clear()
            digest, received, rests = hashlib.sha256(), 0, 0
            while True:
                f = c.read(10)
                assert f and f.kind in (DATA, PING), f"{f} after {received} bytes"
                digest.update(f.payload)
                received += len(f.payload)
                if f.end_stream:
                    break
                if received * 8 // (mib * MIB) > rests:
                    rests += 1
                    quiet(server)
                    c.send(h2raw.window_update(0, mib * MIB // 8))
                c.seen.clear()
        assert received == mib * MIB, received
        assert server.out.wait_for(r"^sha256 (\w+)$", count=2)[1][1] == digest.hexdigest()


def echo(mib, secure):
    with perigee.Server(PIPE, tls=True) as server:
        port, trust = (server.tls_port, server.cert) if secure else (server.port, None)
        with h2client.Client(port, trust) as client:
            client.post("/", BLOCKS[0] * 16)
            with Growth(server):
                sent, got = hashlib.sha256(), hashlib.sha256()
                stream = client.request("/", "POST", sink=got.update)
                for number in range(mib * 16):
                    sent.update(BLOCKS[number % 16])
                    assert client.send(stream, BLOCKS[number % 16]), "the echo was reset"
                client.send(stream, end=True)
                answer = client.response(stream, 30)
        assert answer.received == mib * MIB and got.digest() == sent.digest(), answer


@tap.test(deadline=60)
def an_upload():
    """64 MiB up: the hashes agree, and resident memory stays"""
    upload(64, secure=False)


@tap.test(deadline=60)
def an_upload_over_tls():
    """64 MiB up over TLS: the hashes agree, and resident memory stays"""
    upload(64, secure=True)


@tap.test(deadline=60)
def an_answer_to_a_slow_reader():
    """64 MiB down to a slow reader: the hashes agree, and resident memory stays"""
    slow_answer(64)


@tap.test
def an_echo():
    """16 MiB through pipe: the hashes agree, and resident memory stays"""
    echo(16, secure=False)


@tap.test
def an_echo_over_tls():
    """16 MiB through pipe over TLS: the hashes agree, and resident memory stays"""
    echo(16, secure=True)


@tap.test(long=True, deadline=300)
def a_large_upload():
    """1 GiB up: the hashes agree, and resident memory stays"""
    upload(1024, secure=False)


@tap.test(long=True, deadline=300)
def a_large_answer_to_a_slow_reader():
    """1 GiB down to a slow reader: the hashes agree, and resident memory stays"""
    slow_answer(1024)


@tap.test
def an_echo_without_a_reader():
    """a client that posts and does not read holds its own stream back, and nobody else"""
    with perigee.Server(PIPE) as server:
        before = h2client.live(server.port)
        with Raw(server.port, (INITIAL_WINDOW_SIZE, 0)) as c:
            c.barrier()
            c.send(h2raw.post(1))
            window, spent = 65535, 0
            while spent < 4 * MIB:
                opened = sum(f.increment for f in c.seen if f.kind == h2raw.WINDOW_UPDATE and f.stream == 1)
                if window + opened - spent < 16384:
                    break
                c.send(h2raw.data(1, bytes(16384)))
                spent += 16384
                c.barrier()
            assert spent <= MIB, f"the daemon took {spent} bytes that nobody reads"
            c.send(h2raw.post(3), h2raw.window_update(3, 10), h2raw.data(3, b"other", True))
            assert c.response(3) == ("200", b"other")
        h2client.settled(server.port, before)


@tap.test
def a_handler_that_heeds_nothing():
    """a handler that writes on whatever write() says is stopped: INTERNAL_ERROR, and the log names the option"""
    script = perigee.handler("""
      stream:on("error", function(err) print("error " .. tostring(err.code)) end)
      stream:respond {}
      local chunk = ("x"):rep(65536)
      local count = 0
      while not stream.destroyed and count < 1000 do
        stream:write(chunk)
        count = count + 1
      end
      print("wrote " .. count)
    """)
    with perigee.Server(script, errors="stream_output_max") as server:
        with Raw(server.port, (INITIAL_WINDOW_SIZE, 1000)) as c:
            c.send(h2raw.get(1))
            end = c.until(lambda f: f.kind == h2raw.RST_STREAM)
            assert end.code == h2raw.INTERNAL_ERROR, end
            server.out.wait_for(r"^error ERR_STREAM_OVERFLOW$")
            server.err.wait_for(r"stream_output_max")
            count = int(server.out.wait_for(r"^wrote (\d+)$")[0][1])
            assert 256 <= count <= 260, f"{count} chunks of 64 KiB for a limit of 16 MiB"
            c.barrier()


@tap.test
def small_pieces():
    """ten thousand writes of one byte arrive in order, as does a body of single bytes up"""
    script = perigee.handler("""
      if headers[":method"] == "POST" then
        local sum, count = 0, 0
        for chunk in stream:chunks() do
          for i = 1, #chunk do
            count = count + 1
            sum = (sum * 31 + chunk:byte(i)) % 1000003
          end
        end
        stream:respond {}
        stream:finish(count .. " " .. sum)
        return
      end
      stream:respond {}
      for i = 1, 10000 do
        if not stream:write(string.char(i % 256)) then stream:await("drain") end
      end
      stream:finish()
    """)
    with perigee.Server(script) as server, h2client.Client(server.port) as client:
        assert bytes(client.get("/").body) == bytes(n % 256 for n in range(1, 10001))
        stream, total = client.request("/", "POST"), 0
        for number in range(2000):
            client.send(stream, bytes([number % 256]))
            total = (total * 31 + number % 256) % 1000003
        client.send(stream, end=True)
        assert client.response(stream).body.decode() == f"2000 {total}"


@tap.test
def a_body_that_nobody_wants():
    """a handler that answers without reading does not stop the connection (API.md 6, 'data')"""
    script = perigee.handler("""
      stream:respond {}
      stream:finish("early")
    """)
    with perigee.Server(script) as server, h2client.Client(server.port) as client:
        for _ in range(5):
            stream = client.request("/", "POST")
            client.head(stream)
            client.send(stream, bytes(300_000), end=True)
            assert client.closing(stream).body == b"early"
        assert client.get("/").body == b"early"


if __name__ == "__main__":
    tap.main()
