"""What a service counts, as its admin listener and `perigee status` tell it.

run: slow
run: deadline 200
"""

import os
import re
import signal
import socket
import ssl
import threading
import time

import h2client
import h2raw
import perigee
import prometheus
import service
import tap

SCRIPT = """
local task = require "perigee.task"
return function(stream, headers)
  local path = headers[":path"]
  if path == "/throw" then error("thrown on purpose") end
  if path == "/busy" then
    local clock = require("perigee.native").clock
    local t = clock()
    while clock() - t < 120 do end
  end
  if path == "/wait" then task.sleep(300) end
  if path == "/hold" then stream:respond {} stream:write("x") return end
  if path == "/close" then stream:close(8) return end
  if path == "/early" then stream:additionalHeaders { [":status"] = 103, link = "</a>" } end
  if path == "/echo" then
    stream:respond {}
    for chunk in stream:chunks() do stream:write(chunk) end
    return stream:finish()
  end
  if path == "/flood" then
    stream:respond {}
    for _ = 1, 40 do stream:write(("x"):rep(1048576)) end
    return
  end
  stream:respond { [":status"] = path == "/404" and 404 or 200 }
  stream:finish("hello")
end
"""


def started(**options):
    return service.Service(SCRIPT, **options)


def ask(running, path):
    """(status, body) from the admin listener."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10 * perigee.FACTOR)
        sock.connect(running.path("admin.sock"))
        sock.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        got = b""
        while piece := sock.recv(65536):
            got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


class Numbers:
    """The metrics of one moment."""

    def __init__(self, running):
        status, text = ask(running, "/metrics")
        assert status == 200, (status, text)
        self.families = prometheus.parse(text)

    def __call__(self, name, **labels):
        """A sample; nought when it has no line, as a status never sent."""
        found = prometheus.value(self.families, "perigee_" + name, **labels)
        return 0 if found is None else found

    def limit(self, name):
        found = prometheus.value(self.families, "perigee_limit_hits_total", limit=name)
        assert found is not None, name
        return found

    def over(self, name, bound):
        """How many of a histogram were longer than a bound."""
        return self(name + "_count") - self(name + "_bucket", le=bound)


def reaches(running, what, happened, seconds=10):
    """Waits for numbers that may lag a little behind what the client saw."""
    state = {}

    def look():
        state["numbers"] = Numbers(running)
        return happened(state["numbers"])

    try:
        perigee.eventually(what, look, seconds)
    except AssertionError as err:
        lines = [f"{k}: {v}" for f in state["numbers"].families.values() for k, v in f.samples.items() if v]
        raise AssertionError(f"{err}\n" + "\n".join(lines)) from None
    return state["numbers"]


@tap.test
def each_request_is_counted_once_by_what_became_of_it():
    with started(errors="handler failed") as running:
        with h2client.Client(running.port) as client:
            for _ in range(7):
                assert client.get("/").status == 200
            assert client.get("/404").status == 404
            assert client.get("/early").status == 200
            assert client.get("/throw").status == 500
            assert client.post("/echo", b"y" * 100_000).body == b"y" * 100_000
            try:
                client.get("/close")
                raise AssertionError("not reset")
            except h2client.Reset:
                pass
            held = client.request("/hold")
            client.head(held)
            now = Numbers(running)
            assert now("streams_active", role="server") == 1 and now("sessions_active", role="server") == 1
            client.reset(held)
            now = reaches(running, "the end of all streams", lambda n: n("streams_active", role="server") == 0)
        assert now("streams_total", role="server") == 13
        codes = {code: now("responses_total", code=code) for code in ("200", "103", "404", "500")}
        assert codes == {"200": 10, "103": 1, "404": 1, "500": 1}, codes
        closed = {o: now("streams_closed_total", role="server", outcome=o) for o in ("completed", "peer", "handler")}
        assert closed["completed"] >= 10 and closed["peer"] == 1 and sum(closed.values()) == 13, closed
        assert now("script_errors_total") == 1
        assert now("received_body_bytes_total", role="server") == 100_000
        assert 100_000 + 9 * 5 <= now("sent_body_bytes_total", role="server") < 101_000
        for way in ("received", "sent"):
            assert 100_000 < now(f"{way}_bytes_total", role="server") < 110_000, way
        assert now("stream_duration_seconds_count") == 13
        assert now("sessions_total", role="server") == 1
        assert now("streams_total", role="client") == 0
        reaches(running, "the end of the session", lambda n: n("sessions_closed_total", role="server", outcome="peer") == 1)


@tap.test
def long_handlers_turns_and_streams_are_seen():
    with started(workers=1) as running, h2client.Client(running.port) as client:
        client.get("/")
        before = Numbers(running)
        client.get("/busy")
        after = reaches(running, "its end", lambda n: n("streams_active", role="server") == 0)
        for histogram in ("handler_duration_seconds", "loop_lag_seconds"):
            assert after.over(histogram, "0.1") >= before.over(histogram, "0.1") + 1, histogram
            assert after(histogram + "_sum") >= before(histogram + "_sum") + 0.1, histogram
        waits = after.over("handler_duration_seconds", "0.2")
        client.get("/wait")
        after = reaches(running, "its end", lambda n: n("stream_duration_seconds_count") == 3)
        assert after.over("stream_duration_seconds", "0.2") >= 1
        assert after.over("handler_duration_seconds", "0.2") == waits, "a handler that waits runs no script"


@tap.test
def each_handshake_is_counted():
    with started(workers=1) as running:
        context = ssl.create_default_context(cafile=running.cert)
        context.set_alpn_protocols(["h2"])

        def shake(version, session=None):
            context.minimum_version = context.maximum_version = version
            with socket.create_connection(("127.0.0.1", running.tls_port), 10 * perigee.FACTOR) as plain:
                with context.wrap_socket(plain, server_hostname="localhost", session=session) as sock:
                    sock.sendall(h2raw.PREFACE + h2raw.settings())
                    sock.recv(100)  # and with it the tickets
                    return sock.session

        ticket = shake(ssl.TLSVersion.TLSv1_2)
        shake(ssl.TLSVersion.TLSv1_2, ticket)
        ticket = shake(ssl.TLSVersion.TLSv1_3)
        shake(ssl.TLSVersion.TLSv1_3, ticket)
        with socket.create_connection(("127.0.0.1", running.tls_port), 10) as plain:
            plain.sendall(b"this is no ClientHello at all\r\n\r\n")
            plain.settimeout(10 * perigee.FACTOR)
            while plain.recv(1000):
                pass
        with socket.create_connection(("127.0.0.1", running.tls_port), 10):
            pass  # leaves before a word
        now = reaches(
            running, "two that failed", lambda n: n("tls_handshakes_failed_total", role="server") == 2
        )
        for version in ("1.2", "1.3"):
            for resumed in ("no", "yes"):
                count = now("tls_handshakes_total", role="server", version=version, resumed=resumed)
                assert count == 1, (version, resumed, count)
        assert now("tls_handshakes_failed_total", role="client") == 0


@tap.test
def limits_are_counted_by_their_names():
    limits = {
        "idle_timeout": "1s", "header_timeout": "400ms", "handshake_timeout": "400ms", "streams": 4,
        "header_list_size": "4KiB", "header_pairs": 20,
    }  # fmt: skip
    with started(workers=1, settings={"limits": limits}, errors="ERR_STREAM_OVERFLOW") as running:

        def hit(name, sock, *frames):
            """Says frames on a connection and keeps it until the limit was hit once more."""
            before = Numbers(running).limit(name)
            with sock:
                try:
                    for frame in frames:
                        sock.sendall(frame)
                except OSError:
                    pass  # cut off already
                reaches(running, f"a hit of {name}", lambda n: n.limit(name) > before)

        def connect(port=None):
            return socket.create_connection(("127.0.0.1", port or running.port), 10)

        def say(name, *frames):
            hit(name, connect(), h2raw.PREFACE + h2raw.settings(), *frames)

        hit("header_timeout", connect())
        hit("handshake_timeout", connect(running.tls_port))
        say("idle_timeout", h2raw.get(1))
        say("header_list_size", h2raw.get(1, extra=[("a", "x" * 5000)]))
        say("header_pairs", h2raw.get(1, extra=[(f"a{i}", "x") for i in range(30)]))
        say("streams", *[h2raw.get(number, "/hold") for number in range(1, 13, 2)])
        say("useless_frames", h2raw.frame(h2raw.PRIORITY, 0, 3, b"\0\0\0\0\1") * 12000)
        say("resets", b"".join(h2raw.get(number) + h2raw.rst(number, h2raw.CANCEL) for number in range(1, 4001, 2)))
        say("settings_frames", h2raw.settings(*[(9, 0)] * 40))
        say("stream_output_max", h2raw.get(1, "/flood"))  # and its windows are never opened
        now = Numbers(running)
        for outcome in ("timeout", "limit"):
            assert now("sessions_closed_total", role="server", outcome=outcome) >= 1, outcome


@tap.test
def lines_left_out_of_a_flood_are_counted():
    with started(workers=1, errors=True) as running:
        with h2client.Client(running.port) as client:
            for _ in range(100):
                assert client.get("/throw").status == 500
        now = reaches(running, "the lines", lambda n: n("log_lines_left_out_total") > 50)
        written = len(re.findall("thrown on purpose", running.stderr))
        assert now("script_errors_total") == 100 and written < 50, written
        assert now("log_lines_lost_total") == 0


@tap.test
def totals_never_fall_whatever_becomes_of_workers():
    """A scraper reads all the time while workers are killed, the service is reloaded and its binary changed."""
    with started(workers=2, errors=True) as running:
        faults, over = [], threading.Event()
        state = {"scrapes": 0, "killing": False}

        def scrape():
            before = {}
            try:
                while not over.is_set():
                    now = {}
                    try:
                        numbers = Numbers(running)
                    except (OSError, IndexError):
                        assert state["killing"], "a reload costs no scrape"
                        continue
                    for family in numbers.families.values():
                        if family.type == "gauge":
                            continue
                        now.update((key, number) for key, number in family.samples.items())
                    for key, number in before.items():
                        assert now.get(key, -1) >= number, f"{key} fell from {number} to {now.get(key)}"
                    before = now
                    state["scrapes"] += 1
            except Exception as fault:  # pylint: disable=broad-except
                faults.append(fault)

        def use(count):
            for _ in range(count):
                with h2client.Client(running.port) as client:
                    client.get("/")

        scraper = threading.Thread(target=scrape)
        scraper.start()
        try:
            asked = 0
            for turn in range(4):
                use(10)
                asked += 10
                if turn % 2:
                    running.reload()
                else:
                    victim = next(iter(running.settled(2)))
                    # What it counted when it was killed must not be under way.
                    reaches(running, "quiet", lambda n: n("streams_active", role="server") == 0)
                    state["killing"] = True
                    os.kill(victim, signal.SIGKILL)
                    running.settled(2)
                    state["killing"] = False
                running.settled(2)
            before = Numbers(running)("generation")
            os.kill(running.pid, signal.SIGUSR2)
            reaches(running, "an upgrade", lambda n: n("upgrades_total", result="done") == 1 and n("generation") > before)
            running.settled(2)
        finally:
            over.set()
            scraper.join()
        assert not faults, faults
        assert state["scrapes"] > 10, state
        now = Numbers(running)
        assert now("streams_total", role="server") == asked
        assert now("responses_total", code="200") == asked
        assert now("worker_restarts_total") == 2
        assert now("reloads_total", result="done") == 3 and now("reloads_total", result="failed") == 0
        running.write("app.lua", "this is no Lua")
        running.reload(code=1)
        assert Numbers(running)("reloads_total", result="failed") == 1
        assert Numbers(running)("generation") == now("generation"), "the old generation goes on"
        running.write("app.lua", SCRIPT)


@tap.test
def a_draining_service_is_not_ready_and_answers_to_the_end():
    with started(workers=2) as running, h2client.Client(running.port) as client:
        assert ask(running, "/readyz")[0] == 200
        held = client.request("/hold")
        client.head(held)
        os.kill(running.pid, signal.SIGTERM)
        perigee.eventually("503 from /readyz", lambda: ask(running, "/readyz")[0] == 503)
        assert ask(running, "/healthz") == (200, "ok\n")
        now = reaches(running, "a worker that drains", lambda n: n("workers", state="draining") == 1)
        assert now("draining") == 1 and now("streams_active", role="server") == 1
        client.reset(held)


@tap.test
def an_old_worker_of_a_reload_leaves_the_answers_to_the_new():
    with started(workers=1) as running, h2client.Client(running.port) as client:
        held = client.request("/hold")
        client.head(held)
        old = next(iter(running.workers()))
        running.reload()
        now = reaches(running, "one that drains", lambda n: n("workers", state="draining") == 1)
        assert now("workers", state="ready") == 1 and now("draining") == 0
        os.kill(old, signal.SIGSTOP)  # would it still accept, a scraper would hang
        try:
            for _ in range(10):
                assert ask(running, "/readyz")[0] == 200
            assert Numbers(running)("streams_active", role="server") == 1
        finally:
            os.kill(old, signal.SIGCONT)
        client.reset(held)
        now = reaches(running, "the old one's end", lambda n: n("workers", state="draining") == 0)
        assert now.limit("drain_timeout") == 0


@tap.test
def a_drain_that_had_to_end_is_a_hit_of_its_limit():
    with started(workers=1, settings={"limits": {"drain_timeout": "300ms"}}, errors=True) as running:
        with h2client.Client(running.port) as client:
            client.head(client.request("/hold"))
            running.reload()
            now = reaches(running, "the hit", lambda n: n.limit("drain_timeout") == 1)
            reaches(running, "the old one's end", lambda n: n("workers", state="draining") == 0)
        closed = Numbers(running)
        for outcome in ("completed", "peer", "handler"):
            assert closed("streams_closed_total", role="server", outcome=outcome) == now(
                "streams_closed_total", role="server", outcome=outcome
            ), outcome
        assert closed("streams_active", role="server") == 0


@tap.test
def status_shows_a_process_table():
    with started(workers=2) as running:
        with h2client.Client(running.port) as client:
            held = client.request("/hold")
            client.head(held)
            for _ in range(3):
                client.get("/404")
            told = running.status()
            lines = running.command("status").stdout.splitlines()
            client.reset(held)
        assert told["state"] == "serving" and told["slots"] == 2 and told["generation"] == 1, told
        assert [w["worker"] for w in told["workers"]] == [1, 2]
        assert {w["state"] for w in told["workers"]} == {"ready"}
        assert sum(w["requests"] for w in told["workers"]) == 4 == told["totals"]["requests"]
        assert sum(w["streams"] for w in told["workers"]) == 1 and sum(w["sessions"] for w in told["workers"]) == 1
        assert told["totals"]["responses"] == {"200": 1, "404": 3}
        assert all(w["lua_memory"] > 100_000 and w["beat_age_ms"] < 60_000 for w in told["workers"])
        head = next(i for i, line in enumerate(lines) if line.startswith("WORKER"))
        rows = [line.split() for line in lines[head + 1 : head + 3]]
        assert [row[1] for row in rows] == [str(w["pid"]) for w in told["workers"]], lines
        assert all(row[2] == "ready" for row in rows)
        assert re.search(r"4xx 3\b", "\n".join(lines)), lines


if __name__ == "__main__":
    tap.main()
