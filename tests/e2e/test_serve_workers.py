"""Workers that die, hang or cannot start: the others do not notice, and the place is filled again.

run: slow
run: deadline 300
"""

import os
import re
import signal
import time
from datetime import datetime, timezone

import h2client
import h2raw
import perigee
import tap
import traffic
from service import READY, Service, alive, gone, title
from traffic import Target, Traffic

FAST = 0.1 * perigee.FACTOR  # s, from the end of a worker to the next that serves

# Workers that start while the file `broken` is there fail.
BREAKABLE = """
local file = io.open "broken"
if file then
  file:close()
  error "the database is away"
end
"""

# Loops, and other ways to harm oneself.
HARMFUL = """
local ffi = require "ffi"
local function spin()
  local n = 0
  while true do n = n + 1 end -- SPIN
end
local ways = {
  ["/spin"] = spin,
  ["/pcall"] = function() while true do pcall(spin) end end,
  ["/find"] = function() return (("a"):rep(60):find(("a*"):rep(30) .. "b")) end,
  ["/crash"] = function() ffi.cast("int *", 8)[0] = 1 end,
  ["/exit"] = function() os.exit(3) end,
}
local uv = require "luv"
return function(stream, headers)
  local way = ways[headers[":path"]]
  if way then way() end
  stream:respond { worker = tostring(uv.os_getpid()) }
  stream:finish "well"
end
"""


def stamp(line):
    """The time of a log line, as time.time()."""
    text = re.search(r"\btime=(\S+)Z", line)[1]
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def line_of(service, match, mark):
    text = service.since(mark)
    return text[text.rfind("\n", 0, match.start()) + 1 :].split("\n", 1)[0]


def on_worker(service, other_than=None):
    """A client and the pid of the worker that it is connected to: not other_than."""
    for _ in range(100):
        client = h2client.Client(service.port)
        pid = int(client.get("/quick?x").headers["worker"])
        if pid != other_than:
            return client, pid
        client.close()
    raise AssertionError(f"a hundred connections, all on {other_than}")


def start_of_a_program():
    """Seconds that the shortest of all programs takes: what this machine can do now."""
    began = time.monotonic()
    assert perigee.run("run", "empty.lua", files={"empty.lua": "require 'http2'"}).code == 0
    return time.monotonic() - began


def kill_under_traffic(service):
    """kill -9 of one of two workers. Gives the seconds until another was ready."""
    with Traffic(Target(service.port), Target(service.tls_port, tls=service.cert)) as load:
        load.flows()
        load.more(100)
        load.place = "after kill -9"
        victim, mark = next(iter(service.settled(2))), service.mark()
        when, now = time.time(), time.monotonic()
        os.kill(victim, signal.SIGKILL)
        ready = service.wait_log(READY, 10, mark)[0]
        took = stamp(line_of(service, ready, mark)) - when
        load.more(300)
        load.flows()
        assert alive(int(ready[1])) and len(service.settled(2)) == 2

    # A connection that the victim had taken but not answered yet has no worker's name.
    def its_own(anomaly):
        return anomaly.worker == str(victim) or (
            anomaly.worker is None and anomaly.kind == "lost" and (anomaly.connected or now + 1) <= now + 0.1
        )

    assert all(a.kind in ("lost", "unannounced", "slow") for a in load.anomalies), load.summary()
    assert all(its_own(a) or a.kind == "slow" for a in load.anomalies), f"victim {victim}; {load.summary()}"
    assert any(a.worker == str(victim) for a in load.anomalies), load.summary()
    return took


@tap.test(deadline=90)
def kill_9():
    """kill -9 of one of two workers: only its own connections suffer, and a new one serves within 100 ms"""
    times, plain = [], []
    while len(times) < 3 and (not times or min(times) > FAST):
        # The second death within 10 s would wait: each try is that of a service of its own.
        with Service(traffic.script(), errors=True) as service:
            times.append(kill_under_traffic(service))
        plain.append(start_of_a_program())
    figures = ", ".join(f"{1000 * t:.0f} ms" for t in times)
    print(f"# a new worker after {figures}; a program that does nothing takes {1000 * min(plain):.0f} ms here")
    # A machine that is busy with other things is not what is measured.
    assert min(times) <= max(FAST, 4 * min(plain)), (times, plain)


@tap.test(deadline=60)
def a_slot_that_stays_empty():
    """one of two workers fails at every start: none of 1,000 new connections hangs, and it comes back when mended"""
    with Service(BREAKABLE + traffic.script(), errors=True) as service:
        before = service.settled(2)
        service.write("broken", "")
        victim, mark = next(iter(before)), service.mark()
        (other,) = before.keys() - {victim}
        os.kill(victim, signal.SIGKILL)
        slowest = 0
        for n in range(1000):
            began = time.monotonic()
            with h2raw.Raw(service.port) as c:
                c.send(h2raw.get(1, f"/quick?{n}"))
                assert c.response(1) == ("200", str(n).encode())
                assert dict(c.on(1, h2raw.HEADERS)[0].headers)["worker"] == str(other)
            slowest = max(slowest, time.monotonic() - began)
        print(f"# the slowest of 1,000 took {1000 * slowest:.0f} ms")
        assert slowest < 1 * perigee.FACTOR
        service.wait_log(r"the database is away", mark=mark)
        os.unlink(service.path("broken"))
        service.settled(2, 15)
        # What stood in for it goes on, and the new one gets its share again.
        seen = {int(h2client.get(service.port, "/quick?x").headers["worker"]) for _ in range(100)}
        assert seen == service.workers().keys(), seen


@tap.test(deadline=60)
def every_worker_fails():
    """a script that fails in every worker: the master lives, waits longer and longer, says why; mended, all is well"""
    with Service(BREAKABLE + traffic.script(), errors=True) as service:
        before = service.settled(2)
        service.write("broken", "")
        mark = service.mark()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        service.wait_log(r"the database is away", mark=mark, count=6, seconds=15)
        text = service.since(mark)
        times = [stamp(line) for line in text.splitlines() if "the database is away" in line]
        assert times[5] - times[0] >= 0.1, f"no back-off between {times}"
        assert "app.lua:" in text, text
        assert service.running() and service.command("status").code == 0
        assert service.reload(code=1).stderr.find("the database is away") >= 0
        # Whoever comes now waits and is served.
        with h2raw.Raw(service.port) as early:
            early.send(h2raw.get(1, "/quick?early"))
            os.unlink(service.path("broken"))
            service.reload()
            assert early.response(1, 15) == ("200", b"early")
        service.settled(2)


@tap.test(deadline=60)
def a_script_that_fails_from_the_start():
    """a service whose script fails at once: not ready, but alive, with the reason in the log; mended, it serves"""
    with Service("local x = 1\nerror 'no database'\n", ready=False, errors=True) as service:
        service.wait_log(r"app\.lua:2.*no database", count=4, seconds=15)
        assert service.running() and service.notified.count("READY=1") == 0
        assert service.command("status").code == 0
        service.write("app.lua", traffic.script())
        service.notified.wait_for("READY=1", 20)
        service.settled(2)
        service.reload()
    with Service("error 'no database'\n", ready=False, errors=True) as service:
        service.wait_log(r"app\.lua:1.*no database", count=2)
        began = time.monotonic()
        service.signal(signal.SIGTERM)
        assert service.wait(5) == 0
        assert time.monotonic() - began < 3 * perigee.FACTOR


@tap.test(deadline=60)
def a_reload_mends_a_failed_start():
    """a service that could not start with one script starts with the script of the next configuration"""
    files = {"good.lua": traffic.script()}
    with Service("error 'no database'\n", ready=False, errors=True, files=files) as service:
        service.wait_log(r"app\.lua:1.*no database", count=3)
        assert service.status()["state"] == "starting"
        service.settings["script"] = "good.lua"
        service.reload(seconds=20)
        service.notified.wait_for("READY=1", 5)
        service.settled(2)
        assert service.status()["state"] == "serving"
        assert h2client.get(service.port, "/quick?x").body == b"x"


@tap.test(deadline=60)
def restarts_are_spaced():
    """crash after crash does not make the master spin: under 30 starts in the first 3 s"""
    with Service(BREAKABLE + traffic.script(), workers=1, errors=True) as service:
        service.write("broken", "")
        mark, cpu = service.mark(), service.cpu_seconds
        os.kill(next(iter(service.workers())), signal.SIGKILL)
        began = time.monotonic()
        service.wait_log(r"the database is away", mark=mark, count=5, seconds=20)
        while time.monotonic() - began < 3:
            service.command("status")
        assert service.since(mark).count("the database is away") < 30
        assert service.cpu_seconds - cpu < 1.0 * perigee.FACTOR


@tap.test(deadline=60)
def endless_loops():
    """an endless loop, compiled, behind pcall or in C, is ended within watchdog_timeout + 1 s, and the log has its place"""
    limit = 1.0
    with Service(
        HARMFUL, errors=True, settings={"limits": {"watchdog_timeout": f"{limit * perigee.FACTOR:.0f}s"}}
    ) as service:
        spin = HARMFUL[: HARMFUL.index("-- SPIN")].count("\n") + 1
        for path in ("/spin", "/pcall", "/find"):
            service.settled(2)
            client, victim = on_worker(service)
            other, calm = on_worker(service, victim)
            mark, began = service.mark(), time.monotonic()
            client.request(path)
            gone(victim, limit + 1)
            took = time.monotonic() - began
            print(f"# {path}: ended after {took:.2f} s")
            assert took <= (limit + 1) * perigee.FACTOR, took
            assert int(other.get("/").headers["worker"]) == calm
            service.wait_log(READY, mark=mark)
            log = service.since(mark)
            assert "watchdog" in log and re.search(r"app\.lua:\d+", log), log
            if path == "/spin":
                assert re.search(rf"app\.lua:({spin}|{spin - 1}|{spin - 2}|\d+)", log), log
            assert path in log, log
            client.wait_eof()
            client.close()
            other.close()


@tap.test(deadline=60)
def a_stopped_worker():
    """a worker that does not run at all (SIGSTOP) is replaced, too"""
    with Service(traffic.script(), errors=True, settings={"limits": {"watchdog_timeout": "1s"}}) as service:
        victim, mark = next(iter(service.settled(2))), service.mark()
        os.kill(victim, signal.SIGSTOP)
        gone(victim, 10)
        service.wait_log(READY, mark=mark)
        service.settled(2)


@tap.test(deadline=60)
def a_long_handler_is_no_hang():
    """a worker whose handlers wait (and do not compute) is left alone by the watchdog"""
    with Service(traffic.script(pause=3), settings={"limits": {"watchdog_timeout": "1s"}}) as service:
        before = service.settled(2).keys()
        with h2client.Client(service.port) as client:
            assert client.get("/slow?slow-and-alive").body == b"slow-and-alive"
        assert service.settled(2).keys() == before


@tap.test(deadline=60)
def crashes():
    """a worker that crashes or leaves is replaced, and the log says how it ended"""
    if perigee.SANITIZED:
        raise tap.Skip("the sanitizer catches the crash")
    with Service(HARMFUL, errors=True) as service:
        for path, words in (("/crash", "SEGV"), ("/exit", "3")):
            service.settled(2)
            client, victim = on_worker(service)
            mark = service.mark()
            client.request(path)
            if path == "/exit":  # a script may not be able to: then the worker lives
                client.wait(lambda: client.eof or client.streams[3].ended or client.streams[3].reset is not None, "an end")
                if alive(victim):
                    client.close()
                    continue
            gone(victim)
            service.wait_log(rf"worker ended.*({words})", mark=mark)
            service.wait_log(READY, mark=mark)
            client.wait_eof()
            client.close()
        service.settled(2)


@tap.test(deadline=60)
def many_deaths_leak_nothing():
    """a dozen killed workers later the master has as many descriptors as before"""
    with Service(traffic.script(), workers=4, errors=True) as service:
        service.settled(4)
        before = perigee.stable(lambda: service.fds)
        for _ in range(3):
            for victim in service.settled(4):
                os.kill(victim, signal.SIGKILL)
                gone(victim)
        service.settled(4)
        perigee.eventually(lambda: f"{before} descriptors, there are {service.fds}", lambda: service.fds <= before)


@tap.test
def titles():
    """process titles: the master's, and each worker's with its live sessions"""
    with Service(traffic.script()) as service:
        assert title(service.pid).startswith("perigee: master"), title(service.pid)
        pids = list(service.workers())
        pattern = r"perigee: worker ([12]) of 2, (\d+) sessions?"
        assert {re.match(pattern, title(pid))[1] for pid in pids} == {"1", "2"}
        clients = [h2client.Client(service.port) for _ in range(6)]
        for client in clients:
            client.get("/quick?x")
        perigee.eventually(
            lambda: f"6 sessions in the titles: {[title(pid) for pid in pids]}",
            lambda: sum(int(re.match(pattern, title(pid))[2]) for pid in pids) == 6,
        )
        for client in clients:
            client.close()
        perigee.eventually(
            lambda: f"no session in the titles: {[title(pid) for pid in pids]}",
            lambda: sum(int(re.match(pattern, title(pid))[2]) for pid in pids) == 0,
        )


if __name__ == "__main__":
    tap.main()
