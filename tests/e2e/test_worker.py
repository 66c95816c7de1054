"""A worker of `perigee serve` by itself: what it serves, when it is ready, how it leaves, where it is stuck.

run: slow
run: deadline 240
"""

import os
import socket
import ssl
import time

import h2client
import h2raw
import perigee
import tap
from h2raw import ACK, DATA, GOAWAY, HEADERS, MAX_WINDOW, NO_ERROR, PING, Raw
from worker import Worker

HELLO = """
return function(stream, headers)
  stream:respond {}
  stream:finish("hello " .. headers[":path"])
end
"""

# /slow waits until it is told to go on by /go.
SLOW = """
local task = require "perigee.task"
local waiting = {}
local function slow(stream)
  waiting[#waiting + 1] = task.current()
  local ok, err = pcall(task.suspend)
  if not ok then print("cancelled: " .. tostring(err.code)) error(err, 0) end
  stream:respond {}
  stream:finish("slow")
end
return {
  stream = function(stream, headers)
    stream:on("close", function()
      print("closed by " .. stream.closeInfo.by)
    end)
    if headers[":path"] == "/slow" then return slow(stream) end
    stream:respond {}
    stream:finish("quick")
    if headers[":path"] == "/go" then
      for i = 1, #waiting do task.wake(waiting[i]) end
    end
  end,
  draining = function() print("draining heard") end,
}
"""


def text(port, path="/", tls=None):
    return h2client.get(port, path, tls).body.decode()


def pings(c):
    return [f for f in c.seen if f.kind == PING and not f.ack]


def goaways(c):
    return [f for f in c.seen if f.kind == GOAWAY]


def answer_ping(c):
    """Acknowledges the PING of a drain."""
    ping = pings(c)[-1]
    c.send(h2raw.frame(PING, flags=ACK, payload=ping.payload))


# --- Serving -------------------------------------------------------------------------------------------


@tap.test
def handlers_are_served_from_the_masters_socket():
    """a script that returns handlers is served from the master's socket"""
    with Worker(HELLO) as worker:
        assert text(worker.port, "/a") == "hello /a"
        worker.send("DRAIN", b=5000)
        worker.hear("DRAINING")
        assert worker.wait() == 0


def tls_listener(*pairs, address="127.0.0.1:0"):
    return {"address": address, "tls": [{"certificate": cert, "key": key} for cert, key in pairs]}


def subject_names(port, name):
    """The names in the certificate that a client sees which asks for `name`."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=name) as sock:
        assert sock.selected_alpn_protocol() == "h2"
        return sock.getpeercert(True)


@tap.test
def certificates_by_sni():
    """the client's SNI chooses among the certificates of a listener, the first answers the rest"""
    where = perigee.folder()
    one, other = perigee.make_certificate(where, "one"), os.path.join(where, "other")
    perigee.subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=other", "-addext", "subjectAltName=DNS:*.example.org", "-keyout", other + ".key"]
        + ["-out", other + ".pem"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    with Worker(HELLO, [tls_listener(one, (other + ".pem", other + ".key"))]) as worker:
        assert text(worker.port, "/t", tls=one[0]) == "hello /t"
        with open(one[0]) as first, open(other + ".pem") as second:
            first, second = (ssl.PEM_cert_to_DER_cert(f.read()) for f in (first, second))
        assert subject_names(worker.port, "localhost") == first
        assert subject_names(worker.port, "www.example.org") == second
        assert subject_names(worker.port, "elsewhere.net") == first
    perigee.shutil.rmtree(where)


@tap.test
def tickets_are_good_in_every_worker():
    """a TLS session of one worker is resumed by another one with the same settings"""
    pair = perigee.certificate()
    with Worker(HELLO, [tls_listener(pair)], slots=2, apart=True) as first:
        with Worker(HELLO, slot=2, like=first) as second:
            context = ssl.create_default_context(cafile=pair[0])
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["h2"])
            port = second.sockets[0][1].getsockname()[1]
            with context.wrap_socket(
                socket.create_connection(("127.0.0.1", first.port)), server_hostname="localhost"
            ) as sock:
                session = sock.session
                assert not sock.session_reused
            with context.wrap_socket(
                socket.create_connection(("127.0.0.1", port)), server_hostname="localhost", session=session
            ) as sock:
                assert sock.session_reused


PROGRAM = """
local http2 = require "http2"
local function serve(server, name)
  server:on("stream", function(stream)
    stream:respond {}
    stream:finish(name)
  end)
  return server
end
"""


@tap.test
def programs_get_the_masters_sockets():
    """listen(port), listen{host=, port=} and listen(path) of a program take the master's sockets"""
    port = perigee_port()
    script = (
        PROGRAM
        + f"""
serve(http2.createServer(), "every"):listen({port})
serve(http2.createServer(), "one"):listen {{ host = "127.0.0.1", port = tonumber(arg[1]) }}
serve(http2.createServer(), "path"):listen(arg[0]:gsub("app.lua", "app.sock"), function() print("path listens") end)
"""
    )
    other = perigee_port()
    listen = [f"127.0.0.1:{port}", f"127.0.0.1:{other}", "unix:app.sock"]
    with Worker(script, listen, settings={"arguments": [str(other)]}) as worker:
        worker.out.wait_for("path listens")
        assert text(port) == "every"
        assert text(other) == "one"
        assert "not covered" not in worker.stderr
        inode = os.stat(worker.listen[2]["address"][5:]).st_ino
        worker.send("DRAIN", b=5000)
        assert worker.wait() == 0
        assert os.stat(worker.listen[2]["address"][5:]).st_ino == inode, "it is the master's to unlink"


def perigee_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@tap.test
def a_program_may_use_the_certificate_of_the_settings():
    """createSecureServer() without a certificate takes that of its listener"""
    pair = perigee.certificate()
    script = PROGRAM + 'serve(http2.createSecureServer(), "secure"):listen(tonumber(arg[1]), "127.0.0.1")'
    port = perigee_port()
    listen = [tls_listener(pair, address=f"127.0.0.1:{port}")]
    with Worker(script, listen, settings={"arguments": [str(port)]}):
        assert text(port, tls=pair[0]) == "secure"


@tap.test
def a_plain_server_at_a_tls_entry_fails():
    """a plain server that listens on an entry with tls: FAILED, and it says what to use"""
    port = perigee_port()
    script = PROGRAM + f'serve(http2.createServer(), "plain"):listen({port})'
    listen = [tls_listener(perigee.certificate(), address=f"127.0.0.1:{port}")]
    with Worker(script, listen, ready=False, errors=True, exits=1) as worker:
        assert "createSecureServer()" in worker.hear("FAILED").text
        worker.wait()


@tap.test
def other_addresses_are_bound_by_the_workers():
    """an address that is not in the settings is bound by each worker, and the log warns of it"""
    port, extra = perigee_port(), perigee_port()
    script = (
        PROGRAM
        + f"""
serve(http2.createServer(), "main"):listen({port}, "127.0.0.1")
serve(http2.createServer(), "extra"):listen({extra}, "127.0.0.1")
"""
    )
    with Worker(script, [f"127.0.0.1:{port}"], slots=2) as first:
        first.err.wait_for(f"not covered by lossless reload.*127.0.0.1:{extra}")
        with Worker(script, slot=2, like=first):
            assert text(extra) == "extra"
            assert text(port) == "main"


@tap.test
def a_listener_nobody_serves_is_not_ready():
    """READY waits for a server at every listener; the log says what is missing"""
    port = perigee_port()
    script = PROGRAM + f'setTimeout(function() serve(http2.createServer(), "late"):listen({port}) end, 300)'
    with Worker(script, [f"127.0.0.1:{port}"], ready=False) as worker:
        worker.err.wait_for("not ready yet: no server listens there")
        assert not worker.heard
        worker.hear("READY")
        assert text(port) == "late"


@tap.test
def scripts_of_listeners_are_apart():
    """a listener's own script has its own globals and modules"""
    script = """
counter = (counter or 0) + 1
string.shared = "%s"
local module = require "module"
module.count = module.count + 1
return function(stream)
  stream:respond {}
  stream:finish(("%%s %%d %%d %%s %%s %%s"):format("%s", counter, module.count, string.shared, tostring(_G.counter == counter),
    tostring(loadstring "return counter"())))
end
"""
    files = {"other.lua": script % ("b", "b"), "module.lua": "return { count = 0 }"}
    listen = ["127.0.0.1:0", {"address": "127.0.0.1:0", "script": "other.lua"}]
    with Worker(script % ("a", "a"), listen, files=files) as worker:
        assert text(worker.ports[0]) == "a 1 1 a true 1"
        assert text(worker.ports[1]) == "b 1 1 b true 1"


@tap.test
def limits_of_the_settings_are_in_force():
    """limits.streams, header_list_size and idle_timeout hold for servers that say nothing else"""
    limits = {"streams": 7, "header_list_size": "8KiB", "idle_timeout": "1s"}
    with Worker(HELLO, settings={"limits": limits}) as worker:
        with Raw(worker.port) as c:
            c.barrier()
            assert c.peer[3] == 7 and c.peer[6] == 8192, c.peer
            c.until(lambda f: f.kind == GOAWAY)


# --- Failing to start ----------------------------------------------------------------------------------


def fails(script, *words, files=None, **more):
    with Worker(script, ready=False, errors=True, exits=1, files=files, **more) as worker:
        reason = worker.hear("FAILED").text
        for word in words:
            assert word in reason, (word, reason)
        assert worker.wait() == 1
    return reason


@tap.test
def why_it_fails_is_said():
    """FAILED says why, with file and line: syntax, a thrown error, a wrong result, exit, a start handler"""
    fails("\nx = = 1\n", "app.lua:2:")
    fails('local function inner() error("no database") end\ninner()\n', "app.lua:1: no database", "app.lua:2:")
    fails("return 5", "returned a number")
    fails("return { straem = print }", "straem", "stream")
    fails("\n\nprocess.exit(3)", "app.lua:3:", "cannot end its worker")
    fails("os.exit(0)", "app.lua:1:")
    fails('return { stream = print, start = function() error "start" end }', "app.lua:1: start")
    fails('require "nowhere"', "module 'nowhere' not found")
    fails(HELLO, "broken.lua:1:", files={"broken.lua": "x ="}, listen=[{"address": "127.0.0.1:0", "script": "broken.lua"}])


@tap.test
def an_address_that_is_taken():
    """an address of the script's own that is taken: FAILED"""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        fails(PROGRAM + f'serve(http2.createServer(), "x"):listen({port}, "127.0.0.1")', "EADDRINUSE", str(port))


@tap.test
def a_main_chunk_that_waits():
    """READY comes when a main chunk that waits is through"""
    script = 'require("perigee.task").sleep(300)\nprint("slept")\n' + HELLO
    with Worker(script) as worker:
        worker.out.wait_for("^slept$")
        assert text(worker.port) == "hello /"
    fails('require("perigee.task").sleep(50)\nerror "late"', "app.lua:2: late")


@tap.test
def exit_of_a_handler_is_an_error():
    """process.exit in a handler: an error with its place in the log, and the worker goes on"""
    script = "return function(stream)\n  process.exit(1)\nend"
    with Worker(script, errors="cannot end its worker.*app.lua:2:") as worker:
        assert [h2client.get(worker.port).status for _ in range(2)] == [500, 500]


@tap.test
def exit_by_another_way_is_told():
    """exit() called from C: the log says so"""
    script = 'local ffi = require "ffi"\nffi.cdef "void exit(int);"\nreturn function() ffi.C.exit(7) end'
    quiet = {"ASAN_OPTIONS": "detect_leaks=0"}  # nothing is freed on that way
    with Worker(script, errors=r"something called exit\(\)", exits=7, env=quiet) as worker:
        with Raw(worker.port) as c:
            c.send(h2raw.get(1))
            worker.wait()
        assert "something called exit()" in worker.stderr


# --- Cover ---------------------------------------------------------------------------------------------


def waits(port):
    """A connection that nobody accepts: its request gets no answer."""
    c = Raw(port)
    c.send(h2raw.get(1))
    return c


@tap.test
def other_slots_are_covered():
    """COVER: connections of another slot are accepted too; UNCOVER: no longer, and no socket is shut"""
    with Worker(HELLO, slots=2, apart=True) as worker:
        second = worker.sockets[0][1].getsockname()[1]
        with waits(second) as c:
            worker.send("COVER", a=2)
            assert c.response(1) == ("200", b"hello /")
            worker.send("UNCOVER", a=2)
            with waits(second) as late:
                # What came before is served; this one may have come before or behind.
                worker.send("COVER", a=2)
                assert late.response(1) == ("200", b"hello /")
                assert text(worker.port) == "hello /"
                worker.send("UNCOVER", a=2)
                c.send(h2raw.get(3))
                assert c.response(3) == ("200", b"hello /")
        perigee.eventually("the socket is left alone", lambda: not_accepted(second))


def not_accepted(port):
    with Raw(port) as c:
        c.send(h2raw.get(1))
        try:
            c.read_or_none(0.2)
        except TimeoutError:
            return True
    return False


@tap.test
def a_program_covers_too():
    """servers of a program accept from a covered slot, also those that begin to listen later"""
    port = perigee_port()
    script = PROGRAM + f'setTimeout(function() serve(http2.createServer(), "late"):listen({port}) end, 200)'
    with Worker(script, [f"127.0.0.1:{port}"], slots=2, apart=True, ready=False) as worker:
        worker.send("COVER", a=2)
        worker.hear("READY")
        assert text(worker.sockets[0][1].getsockname()[1]) == "late"


def holds(worker, sock):
    """Has the worker a descriptor of this socket?"""
    inode = f"socket:[{os.fstat(sock.fileno()).st_ino}]"
    found = False
    for fd in os.listdir(f"/proc/{worker.pid}/fd"):
        try:
            found = found or os.readlink(f"/proc/{worker.pid}/fd/{fd}") == inode
        except FileNotFoundError:
            pass
    return found


@tap.test
def a_slot_that_is_gone_is_let_go():
    """UNCOVER for good: what waits there is served, and the worker holds the socket no longer; a drain lets go of all"""
    with Worker(SLOW, slots=2, apart=True) as worker:
        first, second = worker.sockets[0]
        worker.send("COVER", a=2)
        assert text(second.getsockname()[1], "/quick") == "quick"
        with waits(second.getsockname()[1]) as c:
            worker.send("UNCOVER", a=2, b=1)
            assert c.response(1) == ("200", b"quick")
        perigee.eventually("it is closed", lambda: not holds(worker, second))
        assert holds(worker, first)
        with Raw(worker.port) as c:
            c.send(h2raw.get(1, "/slow"))
            c.barrier()
            worker.send("DRAIN", b=20000)
            worker.hear("DRAINING")
            assert not holds(worker, first)
            worker.send("DRAIN", b=0)
            assert worker.wait() == 0


# --- Drain ---------------------------------------------------------------------------------------------


def drain_in_two_steps(tls):
    pair = perigee.certificate()
    with Worker(SLOW, [tls_listener(pair) if tls else "127.0.0.1:0"]) as worker:
        with Raw(worker.port, tls=pair[0] if tls else None) as c:
            c.send(h2raw.get(1, "/slow"))
            c.barrier()
            worker.send("DRAIN", b=20000)
            c.until(lambda f: f.kind == PING and not f.ack)
            assert [(f.last_id, f.code) for f in goaways(c)] == [(MAX_WINDOW, NO_ERROR)], c.seen
            worker.out.wait_for("draining heard")
            # Sent before the client heard: served like any other.
            c.send(h2raw.get(3, "/quick"))
            assert c.response(3) == ("200", b"quick")
            assert len(goaways(c)) == 1
            answer_ping(c)
            c.until(lambda f: f.kind == GOAWAY)
            assert (goaways(c)[-1].last_id, goaways(c)[-1].code) == (3, NO_ERROR)
            perigee.eventually("no more is accepted", lambda: not_accepted(worker.port))
            assert worker.running()
            worker.signal(15)  # asks for the same once more
            with Worker(SLOW, like=worker) as successor:
                assert text(successor.port, "/quick", tls=pair[0] if tls else None) == "quick"
            c.send(h2raw.rst(1, 8))
            c.read_all()
        assert worker.wait() == 0
        assert worker.stdout.count("draining heard") == 1


@tap.test
def a_drain_has_two_steps():
    """DRAIN: GOAWAY with the highest id and a PING, then GOAWAY with the real id; streams in between are served"""
    drain_in_two_steps(tls=False)


@tap.test
def a_drain_has_two_steps_over_tls():
    """DRAIN over TLS does the same"""
    drain_in_two_steps(tls=True)


@tap.test
def a_peer_that_does_not_answer_the_ping():
    """a client that does not answer the PING gets the second GOAWAY all the same"""
    with Worker(SLOW) as worker:
        with Raw(worker.port) as c:
            c.send(h2raw.get(1, "/quick"))
            c.response(1)
            worker.send("DRAIN", b=20000)
            c.until(lambda f: f.kind == GOAWAY and f.last_id == 1, seconds=5)
            c.read_all()  # it does not hang up either
            assert worker.wait() == 0


@tap.test
def idle_sessions_end_with_their_clients():
    """an idle session ends as soon as its client hung up"""
    with Worker(SLOW) as worker:
        with Raw(worker.port) as c:
            c.send(h2raw.get(1, "/quick"))
            c.response(1)
            worker.send("DRAIN", b=20000)
            c.until(lambda f: f.kind == GOAWAY)
        assert worker.wait() == 0


@tap.test
def connections_that_begin_are_served():
    """a connection that was accepted and has not spoken yet when the drain begins is served"""
    with Worker(SLOW) as worker:
        sock = h2raw.connect(worker.port)
        perigee.eventually("it is accepted", lambda: h2client.live and worker.fds > 0 and accepted(worker, sock))
        worker.send("DRAIN", b=20000)
        worker.hear("DRAINING")
        with Raw.__new__(Raw) as c:
            c.take_over(sock)
            c.window = 65535
            c.send(h2raw.PREFACE + h2raw.settings(), h2raw.get(1, "/quick"))
            assert c.response(1) == ("200", b"quick")
            if not pings(c):
                c.until(lambda f: f.kind == PING and not f.ack)
            answer_ping(c)
            c.until(lambda f: f.kind == GOAWAY and f.last_id == 1)
        assert worker.wait() == 0


@tap.test
def connections_that_wait_are_taken():
    """connections that wait in the kernel's queue when the drain begins are accepted and served"""
    script = """
local function busy(ms)
  local until_ms = process.hrtime()[1] * 1000 + process.hrtime()[2] / 1e6 + ms
  while process.hrtime()[1] * 1000 + process.hrtime()[2] / 1e6 < until_ms do end
end
return function(stream, headers)
  print("busy")
  if headers[":path"] == "/busy" then busy(300) end
  stream:respond {}
  stream:finish("done")
end
"""
    with Worker(script) as worker:
        with Raw(worker.port) as c:
            c.send(h2raw.get(1, "/busy"))
            worker.out.wait_for("busy")
            late = [Raw(worker.port) for _ in range(80)]
            worker.send("DRAIN", b=20000)
            for one in late:
                one.send(h2raw.get(1, "/late"))
            for one in late:
                assert one.response(1) == ("200", b"done")
                one.sock.close()
            assert c.response(1) == ("200", b"done")
        assert worker.wait() == 0


def accepted(worker, sock):
    """Has the worker the other end of this connection? (Its local port is the connection's.)"""
    port = sock.getsockname()[1]
    inodes = set()
    for fd in os.listdir(f"/proc/{worker.pid}/fd"):
        try:
            inodes.add(os.readlink(f"/proc/{worker.pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    with open("/proc/net/tcp") as table:
        for line in table.readlines()[1:]:
            fields = line.split()
            if int(fields[2].split(":")[1], 16) == port and f"socket:[{fields[9]}]" in inodes:
                return True
    return False


@tap.test
def what_holds_up_the_drain_is_told():
    """at the deadline HELD says which handlers hold it up and where they wait; then all is cut, closeInfo: shutdown"""
    with Worker(SLOW) as worker:
        with Raw(worker.port) as c, Raw(worker.port) as other:
            c.send(h2raw.get(1, "/slow"), h2raw.get(3, "/slow"))
            other.send(h2raw.post(1, "/quick?rest"))
            c.barrier()
            other.barrier()
            began = time.monotonic()
            worker.send("DRAIN", b=700)
            held = worker.hear("HELD").text
            assert time.monotonic() - began >= 0.7
            assert held.startswith("2 streams: 2 GET /slow "), held
            assert "app.lua:6" in held, held
            c.read_all()
            other.read_all()
        assert worker.wait() == 0
        assert worker.stdout.count("cancelled: ERR_PERIGEE_CANCELLED") == 2, worker.stdout
        assert worker.stdout.count("closed by shutdown") == 2, worker.stdout
        assert "drain_timeout" in worker.stderr


@tap.test
def held_by_a_client():
    """HELD names clients that do not read or do not send"""
    script = """
return function(stream, headers)
  if headers[":path"] == "/read" then stream:respond {} return stream:finish(("x"):rep(200000)) end
  for _ in stream:chunks() do end
end
"""
    with Worker(script) as worker:
        with Raw(worker.port) as c:
            c.send(h2raw.get(1, "/read"), h2raw.post(3, "/send"))
            c.barrier()
            worker.send("DRAIN", b=300)
            held = worker.hear("HELD").text
            assert "1 GET /read the client does not read the answer" in held, held
            assert "1 POST /send" in held and "app.lua:4" in held, held
        assert worker.wait() == 0


@tap.test
def a_second_order_ends_at_once():
    """DRAIN with 0, and a second SIGTERM, end a draining worker at once, with 0"""
    for again in (lambda w: w.send("DRAIN", b=0), lambda w: w.signal(15)):
        with Worker(SLOW) as worker:
            with Raw(worker.port) as c:
                c.send(h2raw.get(1, "/slow"))
                c.barrier()
                worker.signal(15)
                worker.hear("DRAINING")
                c.until(lambda f: f.kind == GOAWAY)
                again(worker)
                assert worker.wait(3) == 0


@tap.test
def a_masters_end_drains():
    """when the master is gone, the worker drains with the settings' drain_timeout"""
    with Worker(SLOW, settings={"limits": {"drain_timeout": "500ms"}}) as worker:
        with Raw(worker.port) as c:
            c.send(h2raw.get(1, "/slow"))
            c.barrier()
            worker.vanish()
            c.read_all()
        assert worker.wait() == 0
        assert "the master is gone" in worker.stderr
        assert "GET /slow" in worker.stderr


@tap.test
def requests_of_a_script_go_on_in_a_drain():
    """handlers of open streams may still ask other servers"""
    script = """
local http2, task = require "http2", require "perigee.task"
local client
local waiting
return function(stream, headers)
  if headers[":path"] == "/slow" then
    client = client or http2.connect("http://127.0.0.1:" .. headers["x-port"])
    waiting = task.current()
    task.suspend()
    local request = client:request { [":path"] = "/from" }
    request:await("response")
    stream:respond {}
    return stream:finish(request:body())
  end
  stream:respond {}
  stream:finish("quick")
  if headers[":path"] == "/go" then task.wake(waiting) end
end
"""
    with Worker(HELLO) as origin, Worker(script) as worker:
        with Raw(worker.port) as c:
            c.send(h2raw.get(1, "/slow", [("x-port", str(origin.port))]))
            c.barrier()
            worker.send("DRAIN", b=20000)
            c.until(lambda f: f.kind == PING and not f.ack)
            c.send(h2raw.get(3, "/go"))
            assert c.response(1) == ("200", b"hello /from")
            answer_ping(c)
            c.until(lambda f: f.kind == GOAWAY and f.last_id == 3)
        assert worker.wait() == 0


# --- The watchdog --------------------------------------------------------------------------------------


def stuck(script, *words, ask=None, env=None):
    """The worker is stuck; it says where. ask: makes it so."""
    with Worker(script, ready=ask is not None, errors="the loop does not come back", exits=-9, env=env) as worker:
        c = ask(worker) if ask else None
        if not ask:
            worker.out.wait_for("looping")
        worker.out.wait_for("looping")
        time.sleep(0.2)  # let it be compiled
        worker.send("WHERE")
        line = worker.err.wait_for("the loop does not come back.*")[0][0]
        worker.popen.kill()
        worker.wait()
        if c:
            c.close()
        for word in words:
            assert word in line, (word, line)


def ask_for(path):
    def ask(worker):
        sock = h2raw.connect(worker.port)
        sock.sendall(h2raw.PREFACE + h2raw.settings() + h2raw.get(1, path))
        return sock

    return ask


LOOPS = """
return function(stream, headers)
  print("looping")
  %s
end
"""


@tap.test
def a_stuck_handler_is_found():
    """WHERE: the line of a handler that loops in compiled code, with its request"""
    stuck(LOOPS % "while true do end", 'request="GET /loop"', "stream=1", "app.lua:4", ask=ask_for("/loop"))
    stuck(LOOPS % "local n = 0 while true do n = n + #tostring(n) % 3 end", "app.lua:4", ask=ask_for("/loop"))
    stuck(
        LOOPS % "local function deep() local n = 0 repeat n = n + 1 until n < 0 end\n  deep()",
        "app.lua:4 ", "app.lua:5", ask=ask_for("/x"),
    )  # fmt: skip


@tap.test
def a_stuck_handler_is_found_without_the_compiler():
    """WHERE: the same where nothing is compiled"""
    stuck(LOOPS % "while true do end", "GET /loop", "app.lua:4", ask=ask_for("/loop"), env={"PERIGEE_JIT": "off"})


@tap.test
def a_stuck_c_function_is_found():
    """WHERE: a C function that does not come back"""
    stuck(LOOPS % 'string.find(("a"):rep(30000), ("a*"):rep(40) .. "b")', "app.lua:4", ask=ask_for("/c"))


@tap.test
def a_stuck_timer_is_found():
    """WHERE: a timer's callback, which belongs to no stream"""
    script = 'setTimeout(function()\n  print("looping")\n  while true do end\nend, 1)\n' + HELLO
    stuck(script, "app.lua:3", ask=lambda worker: None)


@tap.test
def a_stuck_coroutine_is_found():
    """WHERE: a coroutine of the script's own inside a handler"""
    body = "coroutine.wrap(function()\n    while true do end\n  end)()"
    stuck(LOOPS % body, "app.lua:", ask=ask_for("/co"))


@tap.test
def a_stuck_main_chunk_is_found():
    """WHERE: the main chunk"""
    stuck('print("looping")\nwhile true do end\n', "app.lua:2")


@tap.test
def a_loop_that_is_not_stuck_goes_on():
    """WHERE asked of a worker that is well does no harm"""
    with Worker(HELLO, errors="the loop does not come back") as worker:
        for _ in range(5):
            worker.send("WHERE")
        worker.err.wait_for("the loop does not come back", count=5)
        assert text(worker.port) == "hello /"


# --- Titles --------------------------------------------------------------------------------------------


@tap.test
def the_title_counts_sessions():
    """the process title has slot, slots and sessions, and says that it drains"""

    def title(worker):
        with open(f"/proc/{worker.pid}/cmdline", "rb") as f:
            return f.read().rstrip(b"\0").decode()

    with Worker(SLOW, slots=2, apart=True) as worker:
        perigee.eventually("a title", lambda: title(worker) == "perigee: worker 1 of 2, 0 sessions")
        with Raw(worker.port) as c:
            c.send(h2raw.get(1, "/slow"))
            c.barrier()
            perigee.eventually(lambda: title(worker), lambda: title(worker) == "perigee: worker 1 of 2, 1 session")
            worker.send("DRAIN", b=20000)
            perigee.eventually(
                lambda: title(worker), lambda: title(worker) == "perigee: worker 1 of 2, draining, 1 session"
            )
            worker.send("DRAIN", b=0)
            assert worker.wait() == 0


if __name__ == "__main__":
    tap.main()
