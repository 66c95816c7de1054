"""Accidents of every day: a terminal's Ctrl-C, signals for the wrong process, a frozen machine, closed descriptors,
and all kinds of changes and deaths in a random order under traffic.

run: long
run: alone
run: deadline 240
"""

import contextlib
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import time

import h2client
import h2raw
import perigee
import service as services
import tap
import traffic
from h2raw import GOAWAY, NO_ERROR
from service import READY, Service, alive, free_port, gone
from traffic import Target, Traffic

HOLD = """
return function(stream)
  for _ in stream:chunks() do end
  if stream.destroyed then return end
  stream:respond {}
  stream:finish "done"
end
"""


def strike(pid, number):
    with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
        os.kill(pid, number)


def chaos(rounds, seed, actions=("reload", "upgrade", "kill", "term", "refused", "slots", "logs")):
    """Changes and deaths in an order that the seed decides. Nobody but clients of killed workers may notice."""
    print(f"# seed {seed}")
    dice = random.Random(seed)
    binary, replace = services.own_binary()
    with Service(traffic.script(), binary=binary, errors=True) as service:
        killed, told = {}, set()
        with Traffic(Target(service.port), Target(service.tls_port, tls=service.cert)) as load:
            load.flows()
            for n in range(rounds):
                action = dice.choice(actions)
                load.place = f"round {n}, {action}"
                victims = service.worker_pids()
                if action == "reload":
                    service.signal(signal.SIGHUP)
                elif action == "upgrade":
                    replace()
                    service.signal(signal.SIGUSR2)
                elif action == "kill" and victims:
                    victim = dice.choice(victims)
                    killed[str(victim)] = time.monotonic()
                    strike(victim, signal.SIGKILL)
                elif action == "term" and victims:
                    victim = dice.choice(victims)
                    if victim not in told:  # a second signal would end it at once
                        told.add(victim)
                        strike(victim, signal.SIGTERM)
                elif action == "refused":
                    service.write("app.lua", "error 'no'\n")
                    service.command("reload", seconds=60)
                    service.write("app.lua", traffic.script(f"round {n}"))
                elif action == "slots":
                    service.settings["workers"] = dice.choice((1, 2, 3))
                    service.configure()
                    service.command("reload", seconds=60)
                elif action == "logs":
                    service.signal(signal.SIGUSR1)
                load.more(dice.randrange(5, 60))
                assert service.running()
            load.place = "the end"
            perigee.eventually("a reload that is taken", lambda: service.command("reload", seconds=60).code == 0, 30)
            service.settled(service.settings["workers"], 30)
            load.flows()
            load.more(100)

    def its_own(anomaly):
        if anomaly.worker in killed:
            return True
        # Taken by one that was killed before it answered: lost at that moment.
        return anomaly.worker is None and any(abs(anomaly.at - at) < 1 * perigee.FACTOR for at in killed.values())

    left = [a for a in load.anomalies if a.kind != "slow" and not its_own(a)]
    print("# " + load.summary().split("\n")[0] + f"; {len(killed)} killed")
    assert not left, "\n".join(map(str, left[:30]))


@tap.test(deadline=90)
def changes_in_a_random_order():
    """reloads, good and refused, upgrades, slots, logs, SIGTERM of workers in a random order: nothing is lost"""
    chaos(8, random.randrange(1 << 30), ("reload", "upgrade", "term", "refused", "slots", "logs"))


@tap.test(deadline=90)
def changes_and_deaths_in_a_random_order():
    """the same with kill -9 of workers: only their own clients suffer"""
    chaos(8, random.randrange(1 << 30))


@tap.test(long=True, deadline=900)
def a_long_time_of_changes():
    """two hundred changes lose nothing"""
    chaos(200, random.randrange(1 << 30), ("reload", "upgrade", "term", "refused", "slots", "slots", "slots", "logs"))


@tap.test(long=True, deadline=900)
def a_long_time_of_both():
    """two hundred changes and deaths"""
    chaos(200, random.randrange(1 << 30))


@tap.test
def a_terminal():
    """Ctrl-C in a terminal reaches master and workers alike: it is one request to end, and open streams finish"""
    with Service(HOLD) as service, h2raw.Raw(service.port) as c:
        c.send(h2raw.post(1))
        c.barrier()
        for pid in [service.pid, *service.workers()]:
            os.kill(pid, signal.SIGINT)
        got = c.until(lambda f: f.kind == GOAWAY)
        assert got.code == NO_ERROR
        service.notified.wait_for("STOPPING=1")
        c.send(h2raw.data(1, b"x", True))
        assert c.response(1) == ("200", b"done")
        assert service.wait(10) == 0


@tap.test
def signals_for_the_wrong_process():
    """SIGHUP, SIGUSR1, SIGUSR2 and SIGPIPE sent to workers do no harm (killall -HUP perigee)"""
    with Service(traffic.script()) as service, h2client.Client(service.port) as client:
        before = service.settled(2).keys()
        slow = client.request("/slow?all-of-this")
        client.head(slow)
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGCHLD, signal.SIGWINCH):
            for pid in before:
                os.kill(pid, number)
        assert client.response(slow).body == b"all-of-this"
        assert service.settled(2).keys() == before


@tap.test
def a_frozen_machine():
    """a service that was stopped as a whole for longer than watchdog_timeout goes on when it is continued"""
    with Service(traffic.script(), settings={"limits": {"watchdog_timeout": "1s"}}) as service:
        before = service.settled(2).keys()
        all_of_it = [service.pid, *before]
        for pid in all_of_it:
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        perigee.eventually("more time than the watchdog gives", lambda: time.monotonic() - began > 2, 3)
        for pid in all_of_it:
            os.kill(pid, signal.SIGCONT)
        assert h2client.get(service.port, "/quick?x").body == b"x"
        began = time.monotonic()
        perigee.eventually("time for the watchdog", lambda: time.monotonic() - began > 1, 3)
        assert service.settled(2).keys() == before


@tap.test
def a_frozen_master():
    """while the master is stopped workers serve; afterwards it does what was asked for meanwhile"""
    with Service(traffic.script(), settings={"limits": {"watchdog_timeout": "1s"}}, errors=True) as service:
        before = service.settled(2)
        os.kill(service.pid, signal.SIGSTOP)
        victim = next(iter(before))
        try:
            with Traffic(Target(service.port), kept=5, fresh=10) as load:
                load.flows()
                load.more(50)
            load.clean()
            service.signal(signal.SIGHUP)
            os.kill(victim, signal.SIGKILL)
        finally:
            os.kill(service.pid, signal.SIGCONT)
        perigee.eventually("a reload", lambda: not before.keys() & service.workers().keys(), 15)
        service.settled(2)


@tap.test
def closed_descriptors():
    """started without standard input, output and error it serves, and its sockets do not become them"""
    launcher = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    settings = {"log": {"file": "perigee.log", "access": "access.log"}}
    with Service(traffic.script(before="print 'printed'\n"), launcher=launcher, settings=settings) as service:
        assert h2client.get(service.port, "/quick?x").body == b"x"
        for pid in [service.pid, *service.workers()]:
            for number, where in services.descriptors(pid).items():
                if number <= 2:
                    assert not where.startswith("socket:") and not where.endswith(".log"), (pid, number, where)
        service.reload()
        assert h2client.get(service.port, "/quick?x").body == b"x"


@tap.test
def inherited_signal_masks():
    """a supervisor that leaves signals blocked or ignored does not make the service deaf"""

    def deaf():
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)

    with Service(traffic.script(), preexec=deaf, errors="signal KILL") as service:
        before = service.settled(2)
        service.signal(signal.SIGHUP)
        perigee.eventually("a reload", lambda: not before.keys() & service.workers().keys(), 15)
        victim, mark = next(iter(service.settled(2))), service.mark()
        os.kill(victim, signal.SIGKILL)
        service.wait_log(READY, 10, mark)


@tap.test
def tickets_are_good_everywhere():
    """a TLS session is resumed by every worker; after a reload it may take a whole handshake, and works"""
    with Service(traffic.script()) as service:
        context = ssl.create_default_context(cafile=service.cert)
        context.set_alpn_protocols(["h2"])

        def connect(session=None):
            """(resumed?, worker, session)"""
            sock = socket.create_connection(("127.0.0.1", service.tls_port), 10)
            with context.wrap_socket(sock, server_hostname="localhost", session=session) as tls:
                c = h2raw.Raw.__new__(h2raw.Raw)
                c.take_over(tls)
                c.send(h2raw.PREFACE + h2raw.settings(), h2raw.get(1, "/quick?x"))
                c.response(1)
                return tls.session_reused, dict(c.on(1, h2raw.HEADERS)[0].headers)["worker"], tls.session

        _, _, session = connect()
        seen = {}
        for _ in range(40):
            resumed, worker, _ = connect(session)
            seen.setdefault(worker, []).append(resumed)
        assert len(seen) == 2 and all(all(resumed) for resumed in seen.values()), seen
        service.reload()
        assert {connect(session)[1] for _ in range(20)} <= {str(pid) for pid in service.workers()}


# --- what a service manager may hand over --------------------------------------------------------------


@tap.test
def sockets_of_a_manager():
    """a UNIX socket from the service manager is served and not removed; one that nothing is configured for is told"""
    where = perigee.folder()
    path = os.path.join(where, "web.sock")
    with contextlib.ExitStack() as stack:
        stack.callback(os.rmdir, where)
        stack.callback(os.unlink, path)
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(path)
        unix.listen()
        extra = stack.enter_context(socket.socket())
        extra.bind(("127.0.0.1", 0))
        extra.listen()
        listen = ["clear", {"address": f"unix:{path}"}]
        with Service(traffic.script(), listen=listen, sockets=[unix, extra]) as service:
            with Traffic(Target(path), Target(service.port), kept=5, fresh=10) as load:
                load.flows()
                old = service.workers()
                service.reload()
                for pid in old:
                    gone(pid, 15)
                load.flows()
            load.clean()
        assert os.path.exists(path)  # the manager's


@tap.test
def a_connection_that_waits_for_the_start():
    """a connection made before the service starts (socket activation) is served"""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", free_port()))
        sock.listen(16)
        port = sock.getsockname()[1]
        early = [h2raw.Raw(port) for _ in range(10)]
        for c in early:
            c.send(h2raw.get(1, "/quick?early"))
        listen = [{"address": f"127.0.0.1:{port}"}]
        with Service(traffic.script(), listen=listen, sockets=[sock]):
            for c in early:
                with c:
                    assert c.response(1) == ("200", b"early")


@tap.test
def an_end_that_loses_no_waiting_connection():
    """what connects while an activated service is down waits for the next one"""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", free_port()))
        sock.listen(16)
        port = sock.getsockname()[1]
        listen = [{"address": f"127.0.0.1:{port}"}]
        with Service(traffic.script(), listen=listen, sockets=[sock]) as first:
            assert h2client.get(port, "/quick?x").body == b"x"
            first.signal(signal.SIGTERM)
            assert first.wait(10) == 0
            with h2raw.Raw(port) as between:
                between.send(h2raw.get(1, "/quick?between"))
                with Service(traffic.script(), listen=listen, sockets=[sock]):
                    assert between.response(1) == ("200", b"between")


@tap.test
def nonsense_from_a_manager():
    """LISTEN_FDS for another process is ignored; a descriptor that is no listening socket is one clear error"""
    with Service(traffic.script(), env={"LISTEN_FDS": "3", "LISTEN_PID": "1"}) as service:
        assert h2client.get(service.port, "/quick?x").body == b"x"
    with socket.socket() as sock:  # it does not listen
        sock.bind(("127.0.0.1", 0))
        with Service(traffic.script(), listen=["clear"], sockets=[sock], ready=False, exits=1) as service:
            service.wait(10)
            assert len(service.stderr.splitlines()) == 1 and re.search("listening socket", service.stderr), service.stderr


@tap.test
def a_path_with_blanks():
    """a configuration in a folder with a blank and a letter beyond ASCII in its name"""
    where = perigee.folder()
    odd = os.path.join(where, "my café 'service'")
    os.mkdir(odd)
    port = free_port()
    settings = {
        "script": "app.lua", "workers": 2, "listen": [{"address": f"127.0.0.1:{port}"}], "control": "control.sock",
        "admin": False, "pid_file": "the pid", "log": {"file": "the log", "access": "the access log"},
        "security": {"root": True} if os.geteuid() == 0 else None,
    }  # fmt: skip
    with open(os.path.join(odd, "the conf"), "w") as f:
        f.write(services.config_text(settings))
    with open(os.path.join(odd, "app.lua"), "w") as f:
        f.write(traffic.script())
    notified = services.Notified()
    binary, replace = services.own_binary()
    process = perigee.Process(
        [binary, "serve", "-c", os.path.join(odd, "the conf")], env={"NOTIFY_SOCKET": notified.name}
    )
    services.known(process.pid)
    try:
        notified.wait_for("READY=1", 15)
        assert h2client.get(port, "/quick?x").body == b"x"
        assert perigee.run("reload", "-c", os.path.join(odd, "the conf")).code == 0
        replace()
        process.signal(signal.SIGUSR2)
        notified.wait_for("READY=1", 15, 3)
        assert h2client.get(port, "/quick?x").body == b"x"
        assert perigee.run("stop", "-c", os.path.join(odd, "the conf")).code == 0
        assert process.wait(5) == 0
    finally:
        process.stop()
        services.known(process.pid, ended=True)
        notified.close()
        subprocess.run(["rm", "-r", where], check=True)


@tap.test
def a_control_path_that_is_too_long():
    """a control socket whose path is too long for a socket's name is one clear line"""
    with Service(
        traffic.script(), settings={"control": "x" * 120 + "/control.sock"}, ready=False, exits=1
    ) as service:
        service.wait(10)
        assert len(service.stderr.splitlines()) == 1 and "control" in service.stderr, service.stderr
    assert not alive(service.pid)


if __name__ == "__main__":
    tap.main()
