"""Ends in good order: signals, server:close(), idle clients; and running out of descriptors.

run: alone
run: deadline 180
"""

import re
import resource
import signal
import socket
import threading
import time

import h2client
import h2raw
import perigee
import tap
from h2raw import GOAWAY, NO_ERROR, Raw

# Answers when the body has ended: a request stays open for as long as its client likes.
BODY = perigee.handler("""
  local count = 0
  for chunk in stream:chunks() do count = count + #chunk end
  if stream.destroyed then return end
  stream:respond {}
  stream:finish("bytes " .. count)
""")

PROGRAM = """
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream, headers)
  if headers[":path"] == "/close" then
    server:close(function() print("server closed") end)
    print("listening", server.listening)
  end
  for _ in stream:chunks() do end
  if stream.destroyed then return end
  stream:respond {}
  stream:finish("done")
end)
server:on("close", function() print("close event") end)
server:listen(0, "127.0.0.1", function()
  print("listening on http://127.0.0.1:" .. server:address().port)
end)
"""


def goaways(c):
    got = [f for f in c.seen if f.kind == GOAWAY]
    assert all(f.code == NO_ERROR for f in got), got
    return got


def a_signal(number, secure):
    with perigee.Server(BODY, tls=True) as server:
        port, trust = (server.tls_port, server.cert) if secure else (server.port, None)
        with Raw(port, tls=trust) as c:
            c.send(h2raw.post(1), h2raw.data(1, b"before "))
            c.barrier()
            server.signal(number)
            c.until(lambda f: f.kind == GOAWAY)
            perigee.eventually("the port is closed", lambda: h2client.refused(server.port) and h2client.refused(port))
            assert server.running()
            c.send(h2raw.data(1, b"and after", True))
            assert c.response(1) == ("200", b"bytes 16")
            c.read_all()
            assert goaways(c)[-1].last_id == 1, c.seen
        assert server.wait(5) == 0


@tap.test
def sigterm_lets_streams_finish():
    """SIGTERM: GOAWAY, the open stream is answered, exit code 0"""
    a_signal(signal.SIGTERM, secure=False)


@tap.test
def a_script_hears_that_it_drains():
    """'draining' is heard at SIGTERM, before the streams have ended"""
    script = """
return {
  stream = function(stream)
    stream:respond {}
    stream:write("first ")
    waiting = stream
  end,
  draining = function() waiting:finish("last") end,
}
"""
    with perigee.Server(script) as server:
        with Raw(server.port) as c:
            c.send(h2raw.get(1))
            c.until(lambda f: f.stream == 1 and f.payload == b"first ")
            server.signal(signal.SIGTERM)
            assert c.response(1) == ("200", b"first last")
        assert server.wait(5) == 0


@tap.test
def sigint_lets_streams_finish():
    """SIGINT does the same, over TLS"""
    a_signal(signal.SIGINT, secure=True)


@tap.test
def a_program_and_sigterm():
    """SIGTERM ends a program in good order, too"""
    with perigee.Server(PROGRAM, form=1) as server, Raw(server.port) as c:
        c.send(h2raw.post(1))
        c.barrier()
        server.signal(signal.SIGTERM)
        c.until(lambda f: f.kind == GOAWAY)
        c.send(h2raw.data(1, b"x", True))
        assert c.response(1) == ("200", b"done")
        c.read_all()
        assert goaways(c)
        assert server.wait(5) == 0


@tap.test
def a_second_signal():
    """a second signal ends at once, open streams or not"""
    for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)):
        with perigee.Server(BODY, exits=None) as server, Raw(server.port) as c:
            c.send(h2raw.post(1))
            c.barrier()
            server.signal(first)
            c.until(lambda f: f.kind == GOAWAY)
            assert server.running()
            start = time.monotonic()
            server.signal(second)
            server.wait(3)
            assert time.monotonic() - start < 1 * perigee.FACTOR


def taken(server):
    """Waits until the daemon has no signal pending: a second one of the same number would be merged with it."""

    def nothing_pending():
        with open(f"/proc/{server.pid}/status") as f:
            return int(re.search(r"^ShdPnd:\s*(\w+)", f.read(), re.M)[1], 16) == 0

    perigee.eventually("the signal is taken", nothing_pending)


@tap.test
def two_signals_and_a_busy_handler():
    """a second signal ends also a process whose handler never comes back"""
    script = perigee.handler("print('busy') while true do end")
    with perigee.Server(script, exits=None) as server, Raw(server.port) as c:
        c.send(h2raw.get(1))
        server.out.wait_for("^busy$")
        server.signal(signal.SIGTERM)
        taken(server)
        assert server.running()
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        server.wait(3)
        assert time.monotonic() - start < 2.5 * perigee.FACTOR


@tap.test
def two_signals_at_once():
    """two signals that come together are two: open streams do not hold up the end"""
    for _ in range(6):
        with perigee.Server(BODY, exits=None) as server, Raw(server.port) as c:
            c.send(h2raw.post(1))
            c.barrier()
            server.signal(signal.SIGTERM)
            server.signal(signal.SIGINT)
            server.wait(3)


@tap.test
def a_signal_during_the_start():
    """SIGTERM at any moment of the start ends the process"""
    files = {"app.lua": PROGRAM}
    for number in range(20):
        process = perigee.Process([perigee.BINARY, "app.lua"], files)
        try:
            threading.Event().wait(number * 0.0005)  # not for anything: this is how late the signal comes
            process.signal(signal.SIGTERM)
            process.wait(3)
        finally:
            process.stop(0)


@tap.test
def a_signal_and_nobody_there():
    """SIGTERM without a client ends at once with 0"""
    for script, form in ((BODY, 2), (PROGRAM, 1)):
        with perigee.Server(script, form=form) as server:
            start = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - start < 1 * perigee.FACTOR


@tap.test
def idle_clients_and_sigterm():
    """an idle client gets GOAWAY(NO_ERROR) and is closed after about a second, when it does not hang up itself"""
    with perigee.Server(BODY, tls=True) as server:
        with Raw(server.port) as idle, Raw(server.tls_port, tls=server.cert) as secure, Raw(server.port) as polite:
            for c in (idle, secure, polite):
                c.send(h2raw.get(1))
                c.response(1)
            start = time.monotonic()
            server.signal(signal.SIGTERM)
            polite.until(lambda f: f.kind == GOAWAY)
            polite.sock.close()
            for c in (idle, secure):
                c.read_all()
                assert goaways(c), c.seen
            assert time.monotonic() - start < 2.5 * perigee.FACTOR
        assert server.wait(5) == 0


@tap.test
def clients_that_never_spoke_and_sigterm():
    """connections without a preface, or within a handshake, do not hold the end up"""
    with perigee.Server(BODY, tls=True) as server:
        socks = [h2raw.connect(server.port), h2raw.connect(server.tls_port), h2raw.connect(server.port)]
        socks[2].sendall(h2raw.PREFACE[:10])
        assert h2client.get(server.port).status == 200
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait(4) == 0
        assert time.monotonic() - start < 2.5 * perigee.FACTOR
        for sock in socks:
            sock.close()


@tap.test
def server_close():
    """server:close() in a handler: no new connections, GOAWAY, open streams finish, then its callback and the end"""
    with perigee.Server(PROGRAM, form=1) as server:
        with Raw(server.port) as idle, Raw(server.port) as c:
            idle.barrier()
            c.send(h2raw.post(1), h2raw.post(3, "/close"))
            c.until(lambda f: f.kind == GOAWAY)
            server.out.wait_for(r"^listening\s+false$")
            assert h2client.refused(server.port)
            idle.read_all()
            assert goaways(idle), idle.seen
            assert "server closed" not in server.stdout
            c.send(h2raw.data(1, b"x", True), h2raw.data(3, b"x", True))
            assert c.response(1) == c.response(3) == ("200", b"done")
            c.read_all()
            assert goaways(c)[-1].last_id == 3, c.seen
        assert server.wait(5) == 0
        assert server.out.lines[-2:] in (["server closed", "close event"], ["close event", "server closed"]), server.stdout


@tap.test
def requests_behind_goaway():
    """a request that the client sent before it knew of server:close() is still served (API.md 9, keep or fix)"""
    with perigee.Server(PROGRAM, form=1) as server:
        with Raw(server.port) as c:
            c.send(h2raw.get(1, "/close"))
            c.until(lambda f: f.kind == GOAWAY)
            c.send(h2raw.get(3))
            end = c.read()
            while end and not (end.stream == 3 and (end.end_stream or end.kind == h2raw.RST_STREAM)):
                end = c.read()
            assert end is None or end.end_stream or end.code == h2raw.REFUSED_STREAM, c.seen
        assert server.wait(5) == 0


@tap.test
def listening_again_in_close():
    """a listener of 'close' may let the server listen again"""
    script = """
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream) stream:finish("again") end)
local times = 0
server:on("close", function()
  times = times + 1
  print("closed " .. times)
  if times == 1 then
    server:listen(0, "127.0.0.1", function() print("listening on http://127.0.0.1:" .. server:address().port) end)
  end
end)
server:listen(0, "127.0.0.1", function() server:close() end)
"""
    with perigee.Server(script, form=1) as server:
        assert h2client.get(server.port).body == b"again"
        assert server.stop() == 0


# --- what a script leaves behind ---


@tap.test
def requests_of_libuv_under_way():
    """a program that ends while libuv works for it ends by itself and with its own status"""
    script = """
local uv = require "luv"
for _ = 1, 200 do uv.fs_stat("app.lua", function() end) end
error("that is all")
"""
    for _ in range(3):
        done = perigee.run("app.lua", files={"app.lua": script}, seconds=3)
        assert done.code == 1 and "that is all" in done.stderr, done


@tap.test
def a_request_of_libuv_that_hangs():
    """a request of libuv that never ends does not hold up the end by a signal, with or without a server"""
    opens = """
local uv = require "luv"
os.execute("mkfifo fifo")
uv.fs_open("fifo", "r", 0, function() print("opened") end)
print("opening")
"""
    for script, status in ((opens, 128 + signal.SIGTERM), (PROGRAM + opens, 0)):
        process = perigee.Process([perigee.BINARY, "app.lua"], {"app.lua": script})
        try:
            process.out.wait_for("^opening$")
            if script != opens:
                process.out.wait_for("^listening on")
            process.signal(signal.SIGTERM)
            assert process.wait(3) == status and "opened" not in process.stdout, process.stderr
        finally:
            process.stop(1)


@tap.test
def things_made_at_the_end():
    """close callbacks of luv and finalizers that connect or listen when all is over do no harm"""
    connects = 'http2.connect("http://127.0.0.1:1"):on("error", function() end)'
    listens = 'http2.createServer():listen(0, "127.0.0.1")'
    for makes in (connects, listens, connects + " " + listens):
        for script, status in (
            (f'require("luv").new_timer():close(function() {makes} end) error("the end")', 1),
            (f'local t = require("luv").new_timer() t:start(1e6, 0, function() end) '
             f'getmetatable(kept).__gc = function() {makes} end error("the end")', 1),
            (f'getmetatable(kept).__gc = function() {makes} end process.exit(3)', 3),
            (f'getmetatable(kept).__gc = function() {makes} end', 0),
        ):  # fmt: skip
            script = 'http2 = require "http2"\nkept = newproxy(true)\n' + script
            done = perigee.run("app.lua", files={"app.lua": script}, seconds=4)
            assert done.code == status, (script, done)
    script = f'http2 = require "http2" kept = newproxy(true) getmetatable(kept).__gc = function() {connects} {listens} end'
    with perigee.Server(script + PROGRAM, form=1) as server:
        assert h2client.get(server.port).status == 200


# --- descriptors ---


def limit_descriptors(server, more):
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (server.fds + more, hard))
    return soft, hard


def waiting_connections(port, count):
    """Connections whose request is sent; the kernel holds those that are not accepted."""
    socks = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), 5)
        sock.sendall(h2raw.PREFACE + h2raw.settings() + h2raw.get(1))
        socks.append(sock)
    return socks


def outcome(sock, seconds):
    """What becomes of a waiting connection: "answered", "closed", or "silent" at the deadline."""
    until = time.monotonic() + seconds
    got = b""
    while b"bytes 0" not in got:
        left = until - time.monotonic()
        if left <= 0:
            return "silent"
        sock.settimeout(left)
        try:
            chunk = sock.recv(65536)
        except TimeoutError:
            return "silent"
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            return "closed"
        got += chunk
    return "answered"


def answered(sock, seconds):
    return outcome(sock, seconds) == "answered"


def exhausted(relief):
    """Runs a server out of descriptors, looks at what it does, then lets `relief` help it."""
    with perigee.Server(BODY, errors="EMFILE|descriptor|too many open files") as server:
        with h2client.Client(server.port) as kept:
            assert kept.get("/").status == 200
            limits = limit_descriptors(server, 3)
            socks = waiting_connections(server.port, 10)
            served = [sock for sock in socks[:3] if answered(sock, 3 * perigee.FACTOR)]
            assert kept.get("/").status == 200, "a kept connection goes on"
            waiting = [sock for sock in socks if sock not in served]
            assert len(waiting) >= 7
            before = server.cpu_seconds
            start = time.monotonic()
            assert not answered(waiting[0], 1.0), "there were no descriptors"
            spent = server.cpu_seconds - before
            share = spent / (time.monotonic() - start)
            assert share < 0.1, f"{share:.0%} of a CPU while waiting for descriptors"
            for _ in range(20):
                assert kept.get("/").status == 200
            start = time.monotonic()
            relief(server, limits, served)
            for sock in waiting:  # each that was served makes room for the next
                assert answered(sock, 1 * perigee.FACTOR), "not served within a second of relief"
                sock.close()
            took = time.monotonic() - start
            assert took < 1.5 * perigee.FACTOR, f"{len(waiting)} waiting clients were served in {took:.1f} s"
            for sock in socks:
                sock.close()
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
            assert h2client.get(server.port).status == 200


def raise_limit(server, limits, _):
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)


def close_some(_, __, served):
    for sock in served:
        sock.close()


@tap.test
def out_of_descriptors():
    """without descriptors kept connections are served at little CPU, new ones within a second of relief"""
    exhausted(raise_limit)


@tap.test
def out_of_descriptors_until_somebody_leaves():
    """the same when relief is that others hang up"""
    exhausted(close_some)


@tap.test
def a_low_limit_from_the_start():
    """under a low descriptor limit a crowd of clients is served in turn, and nobody hangs"""
    with perigee.Server(BODY, nofile=96, errors="EMFILE|descriptor|limit") as server:
        socks = waiting_connections(server.port, 150)
        ends = []
        for sock in socks:
            ends.append(outcome(sock, 3 * perigee.FACTOR))
            sock.close()
            assert ends[-1] != "silent", f"connection {len(ends)} hangs; before it {ends.count('answered')} were served"
        assert ends.count("answered") >= 10, ends
        assert h2client.get(server.port).status == 200


if __name__ == "__main__":
    tap.main()
