"""The end of a service, and of its workers: open streams finish, up to a deadline, and everybody is told.

run: slow
run: deadline 240
"""

import os
import re
import signal
import threading
import time

import h2client
import h2raw
import perigee
import tap
import traffic
from h2raw import GOAWAY, NO_ERROR, PING, Raw
from service import Service, alive, gone, strays
from traffic import Target, Traffic

# Answers when the request's body has ended; writes down when the server drains.
HOLD = """
return {
  start = function(server)
    server:on("draining", function()
      local file = io.open("draining", "a")
      file:write "draining\\n"
      file:close()
    end)
  end,
  stream = function(stream, headers)
    for _ in stream:chunks() do end
    if stream.destroyed then return end
    stream:respond { worker = tostring(require "luv".os_getpid()) }
    stream:finish "done"
  end,
}
"""


def goaway(c, seconds=5):
    got = c.until(lambda f: f.kind == GOAWAY, seconds)
    assert got.code == NO_ERROR, got
    return got


def two_steps(port, tls, end):
    """What a client sees that has a stream open, opens another when the first GOAWAY is under way, and acknowledges."""
    with Raw(port, tls=tls) as c:
        c.send(h2raw.post(1))
        c.barrier()
        end()
        assert goaway(c).last_id == h2raw.MAX_WINDOW
        ping = next((f for f in c.seen if f.kind == PING and not f.ack), None) or c.until(
            lambda f: f.kind == PING and not f.ack
        )
        c.send(h2raw.get(3), h2raw.frame(PING, h2raw.ACK, payload=ping.payload))
        assert goaway(c).last_id == 3, c.seen
        assert c.response(3) == ("200", b"done")
        c.send(h2raw.data(1, b"x", True))
        assert c.response(1) == ("200", b"done")
        assert not [f for f in c.read_all() if f.kind == GOAWAY and f.code != NO_ERROR]


@tap.test
def sigterm():
    """SIGTERM of the master: two-step GOAWAY, open streams finish, exit code 0"""
    with Service(HOLD) as service:
        two_steps(service.port, None, lambda: service.signal(signal.SIGTERM))
        assert service.wait(5) == 0
        assert h2client.refused(service.port) and h2client.refused(service.tls_port)


@tap.test
def sigint_over_tls():
    """SIGINT does the same, over TLS"""
    with Service(HOLD) as service:
        two_steps(service.tls_port, service.cert, lambda: service.signal(signal.SIGINT))
        assert service.wait(5) == 0


@tap.test
def a_reload_and_a_worker_that_is_told_to_go():
    """reload and SIGTERM of a worker drain in two steps, too"""
    with Service(HOLD) as service:
        two_steps(service.port, None, service.reload)
        service.settled(2)
        pids = list(service.workers())

        def end_all():
            for pid in pids:
                os.kill(pid, signal.SIGTERM)

        two_steps(service.port, None, end_all)
        service.settled(2)
        assert not set(pids) & service.workers().keys()


@tap.test
def a_client_that_never_answers_the_ping():
    """a client that does not acknowledge holds nothing up: its streams are answered, the service ends"""
    with Service(HOLD) as service, Raw(service.port) as c:
        c.send(h2raw.post(1))
        c.barrier()
        service.signal(signal.SIGTERM)
        goaway(c)
        c.send(h2raw.data(1, b"x", True))
        assert c.response(1) == ("200", b"done")
        assert service.wait(10) == 0


@tap.test
def idle_clients():
    """connections without a stream, and ones that have not said anything yet, do not hold up the end"""
    limits = {"header_timeout": "1s", "handshake_timeout": "1s"}
    with Service(HOLD, settings={"limits": limits}) as service:
        idle = [h2client.Client(service.port) for _ in range(5)] + [h2client.Client(service.tls_port, service.cert)]
        for client in idle:
            client.get("/")
        silent = [h2raw.connect(service.port), h2raw.connect(service.tls_port)]
        began = time.monotonic()
        service.signal(signal.SIGTERM)
        for client in idle:
            client.wait_eof()
            assert client.goaway.error_code == 0
        # A connection that has not said anything may be about to: it has header_timeout or handshake_timeout.
        assert service.wait(10) == 0
        assert time.monotonic() - began < 5 * perigee.FACTOR
        for sock in silent:
            sock.close()


@tap.test
def the_deadline():
    """at drain_timeout the rest is cut; log and supervisor hear how many streams were left, and which handlers held it up"""
    with Service(HOLD, settings={"limits": {"drain_timeout": "2s"}}, errors=True) as service:
        with Raw(service.port) as c:
            c.send(h2raw.post(1, "/upload/one"), h2raw.post(3, "/upload/two"), h2raw.post(5, "/upload/three"))
            c.barrier()
            began = time.monotonic()
            service.signal(signal.SIGTERM)
            service.notified.wait_for(r"STOPPING=1")
            service.notified.wait_for(r"STATUS=.*\b3 streams.*")
            c.read_all(10)
            assert time.monotonic() - began >= 1.5
            assert service.wait(5) == 0
        assert time.monotonic() - began < 6 * perigee.FACTOR
        log = service.stderr
        assert re.search(r"3 streams", log) and re.search(r"/upload/(one|two|three)", log), log
        assert re.search(r"app\.lua", log), log


@tap.test
def the_script_hears_of_it():
    """server:on("draining") runs once for each server of each worker that drains"""
    with Service(HOLD) as service:

        def heard():
            try:
                with open(service.path("draining")) as f:
                    return f.read().count("draining\n")
            except FileNotFoundError:
                return 0

        assert heard() == 0
        service.reload()
        perigee.eventually("two workers, two servers each", lambda: heard() == 4)
        service.settled(2)
        service.signal(signal.SIGTERM)
        perigee.eventually("and two more", lambda: heard() == 8)
        assert service.wait(5) == 0


@tap.test
def a_second_signal():
    """a second signal ends at once, whatever is open"""
    for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)):
        with Service(HOLD, exits=None, errors=True) as service, Raw(service.port) as c:
            c.send(h2raw.post(1))
            c.barrier()
            service.signal(first)
            goaway(c)
            service.notified.wait_for("STOPPING=1")
            began = time.monotonic()

            def ended():
                service.signal(second)  # again, because one that comes with the first is not meant as a second
                return not service.running()

            perigee.eventually("the end", ended)
            assert time.monotonic() - began < 2 * perigee.FACTOR


@tap.test
def a_signal_to_the_group():
    """timeout(1) and some supervisors signal the process and then its group: that is one end, in order"""
    with Service(HOLD) as service, Raw(service.port) as c:
        c.send(h2raw.post(1))
        c.barrier()
        service.signal(signal.SIGTERM)
        service.signal(signal.SIGTERM)
        goaway(c)
        c.send(h2raw.data(1, b"x", True))
        assert c.response(1) == ("200", b"done")
        assert service.wait(5) == 0
        assert "ending at once" not in service.stderr


@tap.test
def perigee_stop():
    """`perigee stop` waits until the service has ended, open streams first; then there is nobody to ask"""
    with Service(HOLD) as service, Raw(service.port) as c:
        c.send(h2raw.post(1))
        c.barrier()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(service.command("stop", seconds=30)))
        thread.start()
        goaway(c)
        assert not answers and service.running()
        c.send(h2raw.data(1, b"x", True))
        assert c.response(1) == ("200", b"done")
        thread.join(20)
        assert answers and answers[0].code == 0, answers
        perigee.eventually("the end of the master", lambda: not service.running(), 1)
        assert service.wait(1) == 0
        for command in ("status", "reload", "stop"):
            done = service.command(command)
            assert done.code == 1 and done.stderr.count("\n") == 1 and "perigee.conf.lua" in done.stderr, done


@tap.test
def no_reload_while_it_ends():
    """while the service ends, a reload is refused and a SIGHUP changes nothing"""
    with Service(HOLD, errors="reload") as service, Raw(service.port) as c:
        c.send(h2raw.post(1))
        c.barrier()
        service.signal(signal.SIGTERM)
        goaway(c)
        service.signal(signal.SIGHUP)
        done = service.command("reload")
        assert done.code == 1 and done.stderr.strip(), done
        assert service.command("status").code == 0
        c.send(h2raw.data(1, b"x", True))
        assert c.response(1) == ("200", b"done")
        assert service.wait(5) == 0


@tap.test
def an_end_under_traffic():
    """SIGTERM under traffic: whoever was connected is answered in full"""
    with Service(traffic.script()) as service:
        with Traffic(Target(service.port), Target(service.tls_port, tls=service.cert), fresh=0) as load:
            load.flows()
            load.more(100)
            load.place, end = "SIGTERM", time.monotonic()
            service.signal(signal.SIGTERM)
            assert service.wait(10) == 0
        # Connections that replace the old ones are refused, or reset before they were taken. All else is an anomaly.
        left = [a for a in load.anomalies if a.kind != "slow" and a.connected and a.connected < end]
        assert not left, "\n".join(map(str, left))


@tap.test(deadline=60)
def a_master_that_is_killed():
    """kill -9 of the master: workers drain, end, and free the ports"""
    with Service(HOLD, exits=-signal.SIGKILL) as service, Raw(service.port) as c:
        pids = list(service.workers())
        c.send(h2raw.post(1))
        c.barrier()
        service.signal(signal.SIGKILL)
        goaway(c)
        c.send(h2raw.data(1, b"x", True))
        assert c.response(1) == ("200", b"done")
        for pid in pids:
            gone(pid, 15)
        perigee.eventually("free ports", lambda: h2client.refused(service.port) and h2client.refused(service.tls_port))
        service.wait(5)
        assert not strays()


@tap.test(deadline=60)
def a_start_after_a_killed_master():
    """a new service starts where one was killed: its control socket and PID file are no obstacle"""
    with Service(HOLD, exits=-signal.SIGKILL, settings={"pid_file": "perigee.pid"}) as first:
        pids = list(first.workers())
        first.signal(signal.SIGKILL)
        first.popen.wait(5)
        for pid in pids:
            gone(pid, 15)
        assert os.path.exists(first.path("control.sock"))
        settings = {"control": first.path("control.sock"), "pid_file": first.path("perigee.pid"), "listen": first.listen}
        with Service(HOLD, settings=settings) as second:
            with open(first.path("perigee.pid")) as f:
                assert f.read() == f"{second.pid}\n"
            assert h2client.get(first.port).body == b"done"
            assert alive(second.pid)


if __name__ == "__main__":
    tap.main()
