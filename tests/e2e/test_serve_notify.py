"""What the service tells its supervisor (sd_notify), heard at a socket of the test's own.

run: slow
run: deadline 180
"""

import os
import signal
import time

import h2client
import h2raw
import perigee
import service as services
import tap
import traffic
from service import Notified, Service

HOLD = """
return function(stream)
  for _ in stream:chunks() do end
  if stream.destroyed then return end
  stream:respond {}
  stream:finish "done"
end
"""


def monotonic_us():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@tap.test
def ready():
    """READY=1 comes once, when every worker serves"""
    with Service(traffic.script(), ready=False) as service:
        service.notified.wait_for("READY=1", 15)
        for port, trust in ((service.port, None), (service.tls_port, service.cert)):
            assert h2client.get(port, "/quick?x", tls=trust).body == b"x"
        assert len(service.workers()) == 2
        service.notified.wait_for(r"STATUS=.*\b2\b.*workers?.*")
        assert service.notified.count("READY=1") == 1
        assert service.notified.count("STOPPING=1") == 0


@tap.test
def reloading():
    """RELOADING=1 with the monotonic clock, then READY=1: by command and by SIGHUP, and also when it is refused"""
    with Service(traffic.script(), errors=True) as service:
        for n, how in enumerate(("command", "signal", "refused"), 1):
            before = monotonic_us()
            if how == "command":
                service.reload()
            elif how == "signal":
                service.signal(signal.SIGHUP)
            else:
                service.write("app.lua", "error 'no'\n")
                service.reload(code=1)
            service.notified.wait_for("RELOADING=1", count=n)
            service.notified.wait_for("READY=1", 15, n + 1)
            after = monotonic_us()
            messages = [text.splitlines() for _, text in service.notified.messages]
            last = [lines for lines in messages if "RELOADING=1" in lines][-1]
            (clock,) = [int(line.split("=")[1]) for line in last if line.startswith("MONOTONIC_USEC=")]
            assert before <= clock <= after, (before, clock, after)
            assert len([lines for lines in messages if "RELOADING=1" in lines]) == n
            order = [line for lines in messages for line in lines if line in ("RELOADING=1", "READY=1")]
            assert order == ["READY=1"] + ["RELOADING=1", "READY=1"] * n, order


@tap.test
def stopping():
    """STOPPING=1, and a STATUS that counts the streams that are left"""
    with Service(HOLD) as service, h2raw.Raw(service.port) as c:
        c.send(h2raw.post(1), h2raw.post(3))
        c.barrier()
        service.signal(signal.SIGTERM)
        service.notified.wait_for("STOPPING=1")
        service.notified.wait_for(r"STATUS=.*\b2 streams\b.*")
        c.send(h2raw.data(1, b"x", True))
        service.notified.wait_for(r"STATUS=.*\b1 streams?\b.*")
        c.send(h2raw.data(3, b"x", True))
        assert service.wait(10) == 0
        assert service.notified.count("STOPPING=1") == 1


@tap.test
def watchdog():
    """WATCHDOG=1 twice in each period when the supervisor asks for it; not when it asks somebody else or nobody"""
    with Service(traffic.script(), env={"WATCHDOG_USEC": "1000000"}) as service:
        service.notified.wait_for("WATCHDOG=1", 10, 6)
        times = [at for at, text in service.notified.messages if "WATCHDOG=1" in text.splitlines()]
        gaps = [b - a for a, b in zip(times, times[1:])]
        assert max(gaps) < 1.0 * perigee.FACTOR and sum(gaps) / len(gaps) > 0.2, gaps
        # It goes on while old workers drain, and after an upgrade.
        with h2client.Client(service.port) as kept:
            kept.request("/slow?held-up-a-little")
            service.reload()
            have = service.notified.count("WATCHDOG=1")
            service.notified.wait_for("WATCHDOG=1", 10, have + 2)
    for env in ({}, {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}):
        with Service(traffic.script(), env=env) as service:
            service.reload()
            service.reload()
            assert service.notified.count("WATCHDOG=1") == 0, env


@tap.test
def an_upgrade_is_a_reload():
    """an upgrade says RELOADING=1, then READY=1 and, if at all, the same MAINPID; the watchdog goes on"""
    binary, replace = services.own_binary()
    with Service(traffic.script(), binary=binary, env={"WATCHDOG_USEC": "1000000"}) as service:
        replace()
        service.signal(signal.SIGUSR2)
        service.notified.wait_for("RELOADING=1")
        service.notified.wait_for("READY=1", 20, 2)
        have = service.notified.count("WATCHDOG=1")
        service.notified.wait_for("WATCHDOG=1", 10, have + 2)
        assert all(line == f"MAINPID={service.pid}" for line in service.notified.lines if line.startswith("MAINPID="))


@tap.test
def a_socket_in_the_file_system():
    """NOTIFY_SOCKET can be a path, too, and one that has gone away does no harm"""
    where = perigee.folder()
    notified = Notified(os.path.join(where, "notify.sock"))
    with Service(traffic.script(), notify=notified) as service:
        os.unlink(os.path.join(where, "notify.sock"))
        os.rmdir(where)
        service.reload()
        assert h2client.get(service.port, "/quick?x").body == b"x"


@tap.test
def workers_do_not_speak():
    """only the master speaks: workers and what they start have no NOTIFY_SOCKET"""
    script = """
      return function(stream)
        stream:respond {}
        stream:finish(tostring(os.getenv "NOTIFY_SOCKET") .. tostring(os.getenv "WATCHDOG_USEC")
          .. tostring(os.getenv "LISTEN_FDS") .. tostring(os.getenv "PERIGEE_WORKER"))
      end
    """
    with Service(script, env={"WATCHDOG_USEC": "1000000"}) as service:
        assert h2client.get(service.port).body == b"nil" * 4
        for pid in service.workers():
            assert b"NOTIFY_SOCKET=@" not in services.environment(pid)


if __name__ == "__main__":
    tap.main()
