"""SIGUSR2: the service becomes the binary that is installed now, in its place, and loses nothing.

run: slow
run: deadline 300
"""

import os
import shutil
import signal
import time

import h2client
import perigee
import service as services
import tap
import traffic
from service import Service, gone
from traffic import Target, Traffic


def upgrade(service, mark=None):
    """SIGUSR2, and waits until workers of the new master serve."""
    ready = service.notified.count("READY=1")
    before = service.workers()
    service.signal(signal.SIGUSR2)
    service.notified.wait_for("READY=1", 30, ready + 1, gone=lambda: not service.running())
    perigee.eventually("new workers", lambda: not before.keys() & service.workers().keys(), 20)
    return before


def ended(service, old):
    for pid in old:
        gone(pid, 20)


@tap.test(deadline=120)
def everything_at_once():
    """reloads, a binary upgrade, a certificate change and SIGTERM of workers under traffic: 0 failed, refused, lost"""
    binary, replace = services.own_binary()
    with Service(traffic.script(), binary=binary) as service:
        other, key = perigee.make_certificate(service.folder, "other")
        pid = service.pid
        with Traffic(Target(service.port), Target(service.tls_port, tls=[service.cert, other])) as load:
            load.flows()
            load.place = "a reload before"
            service.reload()
            load.more(50)

            load.place = "the upgrade"
            replace()
            ended(service, upgrade(service))
            assert service.pid == pid and service.running()
            load.flows()
            load.more(50)

            load.place = "a reload with a new certificate afterwards"
            service.listen[1]["tls"] = {"certificate": other, "key": key}
            service.reload()
            load.more(50)

            for n in range(4):
                load.place = f"SIGTERM of worker {n}"
                before = service.settled(2)
                victim = sorted(before)[n % 2]
                os.kill(victim, signal.SIGTERM)
                gone(victim, 20)
                service.settled(2)
                load.flows()
                load.more(50)

            load.place = "a second upgrade"
            replace()
            ended(service, upgrade(service))
            load.flows()
            load.more(50)
            service.settled(2)
        load.clean()
        assert os.readlink(f"/proc/{service.pid}/exe") == binary


@tap.test(deadline=60)
def an_open_stream_outlives_the_upgrade():
    """a stream of before the upgrade ends whole; its worker is still known, as draining"""
    binary, replace = services.own_binary()
    with Service(traffic.script(pause=2.5), binary=binary, errors="signal KILL") as service, h2client.Client(service.port) as kept:
        slow = kept.request("/slow?first---and-second")
        old = int(kept.head(slow).headers["worker"])
        replace()
        upgrade(service)
        assert service.workers(draining=True)[old]["state"] == "draining"
        assert kept.response(slow).body == b"first---and-second"
        kept.wait_eof()
        gone(old, 10)
        service.settled(2)
        # The new master is that of its workers in every way: it replaces, reloads, ends.
        victim = next(iter(service.workers()))
        os.kill(victim, signal.SIGKILL)
        gone(victim)
        service.settled(2)
        service.reload()


@tap.test(deadline=90)
def bad_binaries_change_nothing():
    """a new binary that fails its check, cannot be run or is not there: the old one goes on, and says why"""
    binary, replace = services.own_binary()

    def script(text, mode=0o755):
        with open(binary + ".new", "w") as f:
            f.write(text)
        os.chmod(binary + ".new", mode)
        os.rename(binary + ".new", binary)

    def truncated():
        with open(perigee.BINARY, "rb") as whole, open(binary + ".new", "wb") as f:
            f.write(whole.read(100000))
        os.chmod(binary + ".new", 0o755)
        os.rename(binary + ".new", binary)

    with Service(traffic.script(), binary=binary, errors="upgrade|binary") as service:
        with Traffic(Target(service.port), Target(service.tls_port, tls=service.cert), kept=5, fresh=10) as load:
            load.flows()
            before = service.workers()
            for what, make in (
                ("a program that fails", lambda: script("#!/bin/sh\necho 'no such library' >&2\nexit 127\n")),
                ("a program that hears no check", lambda: script("#!/bin/sh\nexec sleep 0.1\n", 0o644)),
                ("half a binary", truncated),
                ("no binary", lambda: os.unlink(binary)),
            ):
                load.place, mark = what, service.mark()
                make()
                service.signal(signal.SIGUSR2)
                service.wait_log(r"level=error.*upgrade", 20, mark)
                assert service.command("status").code == 0
                assert service.workers(draining=True).keys() == before.keys(), what
                load.more(20)
            load.place = "a good one afterwards"
            shutil.copy2(perigee.BINARY, binary)
            ended(service, upgrade(service))
            service.settled(2)
            load.flows()
        load.clean()


@tap.test(deadline=60)
def a_bad_configuration_at_the_upgrade():
    """an upgrade while the configuration is bad does not happen"""
    binary, replace = services.own_binary()
    with Service(traffic.script(), binary=binary, errors=True) as service:
        before = service.workers().keys()
        service.write("perigee.conf.lua", "return { wokers = 2 }\n")
        mark = service.mark()
        service.signal(signal.SIGUSR2)
        service.wait_log(r"level=error.*", 20, mark)
        assert "wokers" in service.since(mark), service.since(mark)
        service.configure()
        assert service.workers(draining=True).keys() == before


@tap.test(deadline=60)
def totals_do_not_fall():
    """what status counts goes on through reload, crash and upgrade"""
    binary, replace = services.own_binary()
    with Service(traffic.script(), binary=binary, errors="signal KILL") as service:

        def totals():
            return service.status()["totals"]

        for n in range(20):
            h2client.get(service.port, "/quick?x")
        seen = totals()
        assert seen["requests"] >= 20, seen
        for change in (
            service.reload,
            lambda: [os.kill(pid, signal.SIGKILL) or gone(pid) for pid in list(service.workers())[:1]],
            lambda: (replace(), upgrade(service)),
        ):
            change()
            service.settled(2)
            h2client.get(service.port, "/quick?x")
            now = totals()
            assert now["requests"] >= seen["requests"] + 1, (seen, now)
            assert now["sessions_accepted"] >= seen["sessions_accepted"] + 1, (seen, now)
            seen = now


@tap.test(long=True, deadline=600)
def twenty_upgrades():
    """twenty upgrades and reloads in turn under traffic"""
    binary, replace = services.own_binary()
    with Service(traffic.script(), binary=binary) as service:
        fds = None
        with Traffic(Target(service.port), Target(service.tls_port, tls=service.cert)) as load:
            load.flows()
            for n in range(20):
                load.place = f"round {n}"
                replace()
                ended(service, upgrade(service))
                old = service.workers()
                service.reload()
                ended(service, old)
                service.settled(2)
                load.flows()
                fds = fds or perigee.stable(lambda: service.fds)
        load.clean()
        perigee.eventually(lambda: f"{fds} descriptors, there are {service.fds}", lambda: service.fds <= fds)


if __name__ == "__main__":
    tap.main()
