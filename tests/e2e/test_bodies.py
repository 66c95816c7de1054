"""Large bodies, up, down and both ways: they arrive whole, and the daemon does not hold them.

run: alone
run: deadline 240
"""

import hashlib
import re
import signal
import subprocess
import time

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
def many_small_pieces_that_waited():
    """a body of single bytes that waits for its handler costs it no time when it is read"""
    script = perigee.handler("""
      if headers[":method"] == "GET" then
        GO()
        stream:respond({}, { endStream = true })
        return
      end
      local task = require "perigee.task"
      local waiting = task.current()
      rawset(_G, "GO", function() task.wake(waiting) end)
      task.suspend()
      local started, sum = os.clock(), 0
      for chunk in stream:chunks() do sum = sum + #chunk end
      local seconds = os.clock() - started
      stream:respond {}
      stream:finish(("%d %.2f"):format(sum, seconds))
    """)
    with perigee.Server(script) as server, Raw(server.port) as c:
        c.send(h2raw.post(1), h2raw.data(1, b"x") * 60000, h2raw.data(1, end_stream=True))
        c.barrier(30)
        c.send(h2raw.get(3))
        status, body = c.response(1, 30)
        size, seconds = body.split()
        assert status == "200" and size == b"60000", body
        assert float(seconds) < 0.5, f"{float(seconds)} s"  # it was 1.8


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


@tap.test
def a_body_behind_its_answer():
    """a body that arrives a moment behind its answer is taken: no reset, which curl calls a failure"""
    script = perigee.handler("stream:respond {}\nstream:finish('early')")
    with perigee.Server(script) as server:
        for _ in range(20):
            done = subprocess.run(
                ["curl", "-sS", "--http2-prior-knowledge", "-d", "x", f"http://127.0.0.1:{server.port}/"],
                capture_output=True,
                text=True,
                timeout=30,
            )
            assert (done.returncode, done.stdout) == (0, "early"), done
        with Raw(server.port) as late:
            late.send(h2raw.post(1, "/"))
            assert late.response(1)[0] == "200"
            late.send(h2raw.data(1, b"rest", end_stream=True))
            late.barrier()
            assert not late.on(1, h2raw.RST_STREAM), late.seen


@tap.test
def a_body_over_the_limit():
    """who answers in the middle of an upload is heard: the answer, then RST_STREAM(NO_ERROR), and the slot is free"""
    script = perigee.handler("""
      if headers[":path"] == "/limit" then
        local body, err = stream:body(10)
        stream:respond { [":status"] = 413 }
        stream:finish(tostring(body) .. " " .. err.code)
        return
      end
      for _ in stream:chunks() do break end
      stream:respond { [":status"] = 413 }
      stream:finish("enough")
    """)
    with perigee.Server(script) as server, h2client.Client(server.port) as client:
        before = client.live()
        for path, body in (("/limit", b"nil ERR_PERIGEE_BODY_TOO_LARGE"), ("/break", b"enough")) * 6:
            number = client.request(path, "POST")
            client.send(number, bytes(30_000))  # 360,000 in all: what is dropped is given back to the connection's window
            answer = client.response(number)
            assert answer.status == 413 and answer.body == body, answer
            client.wait(lambda: answer.reset is not None, f"RST_STREAM behind the answer to {path}")
            assert answer.reset == h2raw.NO_ERROR, (path, answer)
            assert client.live() == before
        with Raw(server.port) as slow:
            slow.send(h2raw.post(1, "/limit"), h2raw.data(1, bytes(100)))
            assert slow.response(1)[0] == "413"
            start = time.monotonic()
            server.signal(signal.SIGTERM)
            slow.until(lambda f: f.kind == h2raw.GOAWAY)
            slow.read_all()
            client.wait_eof()
            assert server.wait(3) == 0
            assert time.monotonic() - start < 2.5 * perigee.FACTOR


# --- pipes ---


@tap.test
def a_pipe_whose_target_throws():
    """a pipe's target that throws is a handler that fails: 500 or a reset, and a log line with session and stream"""
    script = perigee.handler("""
      if headers[":path"] == "/late" then stream:respond {} end
      stream:pipe {
        write = function(_, chunk)
          if #chunk > 1 then error("the pipe breaks") end
        end,
        finish = function() error("the end breaks") end,
      }
    """)
    with perigee.Server(script, errors="the pipe breaks|the end breaks") as server, h2client.Client(server.port) as client:
        cases = (("/early", b"chunk"), ("/late", b"chunk"), ("/early", b"x"), ("/late", b"x"))
        for count, (path, body) in enumerate(cases, 1):
            number = client.request(path, "POST")
            client.send(number, body)
            if body == b"x":
                client.send(number, end=True)
            answer = client.closing(number)
            if path == "/early":
                assert answer.status == 500, answer
            else:
                assert answer.reset == h2raw.INTERNAL_ERROR, answer
            words = "the end breaks" if body == b"x" else "the pipe breaks"
            line = server.err.wait_for("^.*level=error.*$", count=count)[-1][0]
            assert re.search(rf'msg="handler failed".*{words}', line), line
            assert re.search(rf"\bsession=\d+ .*\bstream={number}\b", line), line
        assert client.get("/early").status == 500


@tap.test
def a_pipe_whose_target_waits():
    """a pipe's target may wait in write(): nothing is lost, the order stays, and the end comes behind it"""
    script = perigee.handler("""
      local task = require "perigee.task"
      local got, busy = {}, false
      stream:pipe {
        write = function(_, chunk)
          if busy then print("write within write") end
          busy = true
          task.sleep(#got % 3 == 2 and 0 or 3)
          got[#got + 1] = chunk
          busy = false
        end,
        finish = function()
          if busy then print("finish within write") end
          stream:respond {}
          stream:finish(table.concat(got))
        end,
      }
    """)
    with perigee.Server(script) as server, h2client.Client(server.port) as client:
        parts = [b"%04d " % number * 100 for number in range(60)]
        number = client.request("/", "POST")
        for at, part in enumerate(parts):
            client.send(number, part, end=at == len(parts) - 1)
            if at % 7 == 0:
                client.ping()
        assert client.response(number).body == b"".join(parts)
        assert "within" not in server.stdout, server.stdout


@tap.test
def a_pipe_that_does_not_end_its_target():
    """pipe(stream, {end_ = false}) leaves the end to the script: one answer, the body and what it adds"""
    script = perigee.handler("""
      stream:pipe(stream, { [headers[":path"]:sub(2)] = false })
      stream:on("end", function() stream:finish("tail") end)
    """)
    with perigee.Server(script) as server, Raw(server.port) as c:
        for stream, name in ((1, "end_"), (3, "end")):
            c.send(h2raw.post(stream, "/" + name), h2raw.data(stream, b"one "))
            c.barrier()
            c.send(h2raw.data(stream, b"two "), h2raw.data(stream, b"", True))
            assert c.response(stream) == ("200", b"one two tail")
            assert len(c.on(stream, HEADERS)) == 1, c.on(stream)


@tap.test
def a_pipe_to_a_slow_target_and_a_slower_one():
    """a pipe to two targets goes at the pace of the slower one, whichever that is, and both get it all"""
    script = perigee.handler("""
      local ended = 0
      local function target(name, pause)
        local self = { full = false, size = 0 }
        function self:on(event, fn) if event == "drain" then self.drained = fn end end
        function self:emit() end
        function self:write(chunk)
          if self.full then print(name .. " was full") end
          self.full = true
          self.size = self.size + #chunk
          setTimeout(function() self.full = false self.drained() end, pause)
          return false
        end
        function self:finish()
          print(name, self.size)
          ended = ended + 1
          if ended == 2 then stream:finish("both") end
        end
        return self
      end
      local slow, slower = target("slow", 1), target("slower", 15)
      local first = headers[":path"] == "/slow"
      stream:pipe(first and slow or slower)
      stream:pipe(first and slower or slow)
    """)
    with perigee.Server(script) as server, h2client.Client(server.port) as client:
        for count, path in enumerate(("/slow", "/slower"), 1):
            number = client.request(path, "POST")
            for at in range(15):
                client.send(number, bytes(1000), end=at == 14)
                client.ping()
            assert client.response(number).body == b"both"
            server.out.wait_for(r"^slow\s+15000$", count=count)
            server.out.wait_for(r"^slower\s+15000$", count=count)
        assert "was full" not in server.stdout, server.stdout


if __name__ == "__main__":
    tap.main()
