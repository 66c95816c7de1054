"""Reload: new scripts, settings and certificates under traffic lose nothing; bad ones change nothing and say why.

run: slow
run: deadline 300
"""

import hashlib
import os
import signal
import ssl
import threading
import time

import h2client
import perigee
import tap
import traffic
from service import READY, Service, alive, gone
from traffic import Target, Traffic


def targets(service, *more_trust):
    return Target(service.port), Target(service.tls_port, tls=[service.cert, *more_trust])


def answer(port, path="/quick?x", tls=None):
    return h2client.get(port, path, tls=tls)


def fingerprint(path):
    with open(path) as f:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()


def renewed(load, old):
    """Waits until no kept connection lives on a process of `old` and each has been answered."""
    load.wait_for(
        "kept connections on new workers",
        lambda: load.served_by() and not load.served_by() & {str(pid) for pid in old},
        20,
    )
    load.flows()


# --- good reloads --------------------------------------------------------------------------------------


def reloads(times, **options):
    with Service(traffic.script("mark 0")) as service:
        with Traffic(*targets(service), **options) as load:
            load.flows()
            for n in range(1, times + 1):
                old = service.workers()
                load.place = f"reload {n}"
                service.write("app.lua", traffic.script(f"mark {n}"))
                service.reload()
                since = time.monotonic()
                load.wait_for(
                    "an answer of the new script on a fresh connection",
                    lambda: any(a.mark == f"mark {n}" and not a.kept for a in load.since(since)),
                )
                renewed(load, old)
                for pid in old:
                    gone(pid, 20)
            load.place = "the end"
            load.more(50)
        load.clean()
        assert load.goaways >= times * len(load.targets) * load.kept, load.summary()
        assert len(service.settled(2)) == 2


@tap.test(deadline=120)
def ten_reloads_lose_nothing():
    """ten reloads under kept and fresh connections, in clear and over TLS: 0 failed, refused, lost"""
    reloads(3 if perigee.SANITIZED else 10)


@tap.test(long=True, deadline=600)
def fifty_reloads_lose_nothing():
    """fifty reloads under three times the traffic"""
    reloads(50, kept=60, fresh=60)


@tap.test(deadline=60)
def reloads_by_signal_that_overlap():
    """SIGHUPs in quick succession, while old workers still drain: all is well in the end"""
    with Service(traffic.script(pause=1.0)) as service:
        with Traffic(*targets(service)) as load:
            load.flows()
            first = service.workers()
            for n in range(5):
                load.place = f"SIGHUP {n}"
                ready = len(service.err.text)
                service.signal(signal.SIGHUP)
                service.wait_log(READY, 15, ready)
            renewed(load, first)
            for pid in first:
                gone(pid, 20)
        load.clean()
        service.settled(2)


@tap.test(deadline=60)
def reloads_at_the_same_time():
    """several `perigee reload` at once: each gets an answer, and the service is whole"""
    with Service(traffic.script()) as service:
        with Traffic(*targets(service), kept=5, fresh=10) as load:
            load.flows()
            answers = []
            service.configure()
            threads = [
                threading.Thread(target=lambda: answers.append(service.command("reload", seconds=60))) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(answers) == 4
            assert all(done.code == 0 or done.stderr.strip() for done in answers), answers
            assert any(done.code == 0 for done in answers), answers
            service.settled(2)
            load.more(50)
        load.clean()


@tap.test(deadline=60)
def a_new_certificate():
    """a reload takes the certificate anew: fresh connections see it, kept ones finish on the old"""
    with Service(traffic.script()) as service:
        other, key = perigee.make_certificate(service.folder, "other")
        with Traffic(*targets(service, other)) as load:
            load.flows()
            old = service.workers()
            load.place = "the new certificate"
            service.listen[1]["tls"] = {"certificate": other, "key": key}
            assert {a.certificate for a in load.answers if a.certificate} == {fingerprint(service.cert)}
            service.reload()
            since = time.monotonic()
            renewed(load, old)
            load.more(50)
        fresh = {a.certificate for a in load.answers if a.certificate and a.at > since and not a.kept}
        assert fingerprint(other) in fresh, fresh
        assert load.answers[-1].certificate in (None, fingerprint(other))
        load.clean()


@tap.test(deadline=60)
def the_same_files_with_other_contents():
    """certificate files that were replaced under their names are read again"""
    with Service(traffic.script()) as service:
        cert, key = perigee.make_certificate(service.folder, "site")
        service.listen[1]["tls"] = {"certificate": "site.pem", "key": "site.key"}
        service.reload()
        assert answer(service.tls_port, tls=cert).status == 200
        perigee.make_certificate(service.folder, "site")
        service.reload()
        assert answer(service.tls_port, tls=service.path("site.pem")).status == 200


@tap.test(deadline=90)
def slots_come_and_go():
    """2 workers, then 4, then 1, then 3, under traffic: nothing is lost, and each count is reached"""
    with Service(traffic.script()) as service:
        with Traffic(*targets(service)) as load:
            load.flows()
            for count in (4, 1, 3):
                load.place = f"{count} workers"
                old = service.workers()
                service.settings["workers"] = count
                service.reload()
                renewed(load, old)
                for pid in old:
                    gone(pid, 20)
                assert len(service.settled(count)) == count
                load.more(100)
        load.clean()


@tap.test(deadline=60)
def listeners_come_and_go():
    """a listener that is added serves; one that is taken away is closed; the others lose nothing"""
    with Service(traffic.script()) as service:
        with Traffic(*targets(service)) as load:
            load.flows()
            added = service.add_listener("clear")
            assert h2client.refused(added)
            load.place = "a listener is added"
            service.reload()
            assert answer(added).status == 200
            service.listen.pop()
            load.place = "a listener is taken away"
            with h2client.Client(added) as kept:
                slow = kept.request("/slow?its-last-words")
                kept.head(slow)
                service.reload()
                assert kept.response(slow).body == b"its-last-words"
            perigee.eventually("the port is closed", lambda: h2client.refused(added))
            load.more(50)
        load.clean()


@tap.test
def a_taken_port_for_a_new_listener():
    """a reload that adds a listener whose port is taken is refused"""
    with Service(traffic.script(), errors="taken|in use|bind|listen|reload") as service, Service(traffic.script()) as other:
        before = service.workers()
        service.listen.append({"address": f"127.0.0.1:{other.port}"})
        refused = service.reload(code=1)
        assert str(other.port) in refused.stderr and "in use" in refused.stderr, refused
        assert service.workers().keys() == before.keys()
        for n in range(20):  # none of them went to the service that may not have the port
            assert int(answer(other.port).headers["worker"]) in other.workers()


@tap.test
def an_open_stream_outlives_the_reload():
    """a stream that was open at a reload ends whole on its old worker, long after the new ones serve"""
    with Service(traffic.script(pause=2.0)) as service, h2client.Client(service.port) as kept:
        slow = kept.request("/slow?first---and-second")
        old = int(kept.head(slow).headers["worker"])
        service.reload()
        assert int(answer(service.port).headers["worker"]) in service.workers()
        assert old not in service.workers() and old in service.workers(draining=True)
        assert kept.response(slow).body == b"first---and-second"
        assert kept.goaway.error_code == 0
        kept.wait_eof()
        gone(old, 10)


# --- refused reloads -----------------------------------------------------------------------------------


def refused(service, *words, seconds=60):
    """A reload that must be refused for a reason with all these words: told, logged, and nothing has changed."""
    before, mark = service.workers().keys(), service.mark()
    done = service.reload(code=1, seconds=seconds)
    for word in words:
        assert word in done.stderr, (word, done)
    assert len(done.stderr) < 4000 and done.stderr.endswith("\n"), done
    service.wait_log(r"level=error.*reload", mark=mark)
    for word in words:
        assert word.replace('"', '\\"') in service.since(mark) or word in service.since(mark), (word, service.since(mark))
    assert service.workers(draining=True).keys() == before
    return done


@tap.test(deadline=90)
def bad_reloads_change_nothing():
    """syntax error, unknown key, certificate that does not match ...: exit code 1, the reason, the old service untouched"""
    good = traffic.script()
    with Service(good, settings={"limits": {"start_timeout": "2s"}}, errors=True) as service:
        with Traffic(*targets(service), kept=5, fresh=10) as load:
            load.flows()
            before = service.workers().keys()

            load.place = "a syntax error in the script"
            service.write("app.lua", "local x = = 1\nreturn function() end\n")
            refused(service, "app.lua:1", "unexpected symbol")

            load.place = "an error of the main chunk"
            service.write("app.lua", "\n\nerror 'no database'\n")
            refused(service, "app.lua:3", "no database")

            load.place = "a script that is not there"
            service.settings["script"] = "nowhere.lua"
            refused(service, "nowhere.lua")
            service.settings["script"] = "app.lua"

            load.place = "a script that never comes to its end"
            service.write("app.lua", "while true do end\n")
            refused(service, "start_timeout")

            load.place = "a script whose worker dies"
            service.write("app.lua", "local uv = require 'luv' uv.kill(uv.os_getpid(), 'sigkill')\n")
            refused(service, "signal KILL")
            service.write("app.lua", good)

            load.place = "an unknown key"
            service.settings["wokers"] = 3
            refused(service, "wokers", "workers", "perigee.conf.lua:")
            del service.settings["wokers"]

            load.place = "a value of the wrong type"
            service.settings["workers"] = "many"
            refused(service, "workers")
            service.settings["workers"] = 2

            load.place = "a key of another certificate"
            other, key = perigee.make_certificate(service.folder, "other")
            service.listen[1]["tls"] = {"certificate": service.cert, "key": key}
            refused(service, "other.key")

            load.place = "a certificate that is not there"
            service.listen[1]["tls"] = {"certificate": "missing.pem", "key": key}
            refused(service, "missing.pem", "No such file")

            load.place = "a certificate that is none"
            service.write("garbage.pem", "-----BEGIN NOTHING-----\n")
            service.listen[1]["tls"] = {"certificate": "garbage.pem", "key": key}
            refused(service, "garbage.pem")
            service.listen[1]["tls"] = {"certificate": service.cert, "key": service.key}

            assert service.workers().keys() == before
            load.more(100)
            load.place = "all is well again"
            service.reload()
            service.settled(2)
        load.clean()
        assert not before & service.workers().keys()


@tap.test
def a_bad_configuration_file():
    """a configuration with a syntax error is refused, by `perigee reload` and by SIGHUP"""
    with Service(traffic.script(), errors=True) as service:
        before = service.workers().keys()
        service.write("perigee.conf.lua", "return {\n  workers = 2,,\n}\n")
        mark = service.mark()
        done = service.command("reload", "--control", service.path("control.sock"))
        assert done.code == 1 and "perigee.conf.lua:2" in done.stderr, done
        service.wait_log(r"level=error.*perigee\.conf\.lua:2", mark=mark)
        mark = service.mark()
        service.signal(signal.SIGHUP)
        service.wait_log(r"level=error.*perigee\.conf\.lua:2", mark=mark)
        assert all(alive(pid) for pid in before)
        service.configure()
        assert service.workers(draining=True).keys() == before
        assert answer(service.port).status == 200


@tap.test
def all_problems_at_once():
    """a reload names every problem of the configuration, not the first one only"""
    with Service(traffic.script(), errors=True) as service:
        service.settings.update(wokers=3, pid_fle="x", umask=True)
        done = refused(service, "wokers", "pid_fle", "umask")
        assert "pid_file" in done.stderr, done
        for key in ("wokers", "pid_fle", "umask"):
            del service.settings[key]
        service.settings["umask"] = None
        service.reload()


@tap.test
def a_refused_reload_keeps_later_crashes_on_the_old_script():
    """after a refused reload a worker that is replaced runs what was valid, not what was refused"""
    with Service(traffic.script("old"), errors=True) as service:
        service.settings["workers"] = 0
        refused(service, "workers")
        pid = next(iter(service.workers()))
        mark = service.mark()
        os.kill(pid, signal.SIGKILL)
        service.wait_log(READY, mark=mark)
        assert len(service.settled(2)) == 2
        service.settings["workers"] = 2


if __name__ == "__main__":
    tap.main()
