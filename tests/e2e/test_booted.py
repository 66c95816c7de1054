"""The package under a real systemd, booted in namespaces: enabled, reloaded, upgraded, hung, killed, restarted, stopped;
and with each drop-in. The root is that of the package's test with systemd added.

run: alone
run: deadline 480
"""

import atexit
import contextlib
import glob
import os
import re
import shutil
import signal
import socket

import debian
import h2client
import machine
import perigee
import tap
import traffic

PACKAGES = glob.glob(os.path.join(perigee.TOP, "build/package/perigee_*.deb"))
EXAMPLES = "/usr/share/doc/perigee/examples/perigee.service.d"
DROPINS = "/etc/systemd/system/perigee.service.d"
SOCKET_DROPIN = "/etc/systemd/system/perigee.socket.d/port.conf"
UNIT = "perigee.service"

WHO = """
local uv = require "luv"
return function(stream, headers)
  if headers[":path"] == "/connect" then
    local socket, err = uv.new_tcp()
    local ok, why = false, err
    if socket then ok, why = pcall(uv.tcp_connect, socket, "127.0.0.1", 1, function() socket:close() end) end
    stream:respond {}
    return stream:finish(tostring(ok and why ~= nil) .. " " .. tostring(why))
  end
  stream:respond { jit = tostring(jit.status()), pid = tostring(uv.os_getpid()) }
  stream:finish "MARK"
end
"""

CONFIG = """return { script = "app.lua", workers = 2, USER listen = { { address = ":80" } } }
"""


class State:
    """The machine that the tests share; each begins with a service that is stopped and as the package has it."""

    root = booted = None


def boot():
    if State.booted is None:
        if perigee.SANITIZED:
            raise tap.Skip("the package is of another build: once is enough")
        if not PACKAGES:
            raise tap.Skip("there is no package: ./dev package makes one")
        machine.can_boot()
        root = debian.Root(os.path.join(perigee.TOP, "build/package/machine"))
        root.__enter__()
        atexit.register(root.__exit__)
        shutil.copy(max(PACKAGES, key=os.path.getmtime), root.path("/perigee.deb"))
        root.must("apt-get", "install", "-qq", "--no-install-recommends", "/perigee.deb", "systemd")
        booted = machine.Machine(root.folder)
        booted.__enter__()
        atexit.register(booted.__exit__)
        State.root, State.booted = root, booted
    return State.booted


@contextlib.contextmanager
def service(script=None, dropins=(), config=None, start=True):
    """The machine, with the service that starts from this, on port 80; afterwards all is as before."""
    m, root = boot(), State.root
    root.write("/etc/perigee/app.lua", script or WHO)
    root.write("/etc/perigee/perigee.conf.lua", config or CONFIG.replace("USER", ""))
    root.write(SOCKET_DROPIN, "[Socket]\nListenStream=\nListenStream=80\n")
    for name in dropins:
        if "\n" in name:
            root.write(f"{DROPINS}/test.conf", name)
        else:
            m.must("install", "-D", "-t", DROPINS, f"{EXAMPLES}/{name}")
    m.must("systemctl", "daemon-reload")
    try:
        if start:
            m.must("systemctl", "start", UNIT)
        yield m
    finally:
        m.run("systemctl", "stop", "perigee.socket", UNIT)
        m.run("systemctl", "unmask", "perigee.socket")
        m.run("systemctl", "reset-failed")
        shutil.rmtree(root.path(DROPINS), ignore_errors=True)
        m.run("systemctl", "daemon-reload")


def get(m, path="/", port=80):
    with m.network():
        return h2client.get(port, path)


def main_pid(m):
    return int(m.show(UNIT, "MainPID"))


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)


def workers(m):
    """Workers of the service, by this side's numbers."""
    found = []
    for pid in m.pids(UNIT):
        with contextlib.suppress(FileNotFoundError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read().startswith(b"perigee: worker"):
                    found.append(pid)
    return found


def master(m):
    """The main process, by this side's number."""
    inside = main_pid(m)
    return next(pid for pid in m.pids(UNIT) if status(pid)["NSpid"].split()[-1] == str(inside))


@tap.test(long=True, deadline=300)
def as_shipped():
    """installed, then enable --now: it serves what the package has, and is off before and after"""
    m = boot()
    for unit in ("perigee.socket", UNIT):
        assert m.run("systemctl", "is-enabled", unit).stdout.strip() == "disabled", unit
        assert m.show(unit, "ActiveState") == "inactive", unit
    try:
        m.must("systemctl", "enable", "--now", "perigee")
        for unit in ("perigee.socket", UNIT):
            assert m.must("systemctl", "is-enabled", unit).strip() == "enabled", unit
            assert m.show(unit, "ActiveState") == "active", unit
        answer = get(m, "/some/path", 8000)
        assert answer.status == 200 and b"/some/path" in answer.body, answer
    finally:
        m.must("systemctl", "disable", "--now", "perigee")
        m.must("systemctl", "stop", "perigee.socket")
    for unit in ("perigee.socket", UNIT):
        assert m.run("systemctl", "is-enabled", unit).stdout.strip() == "disabled", unit


@tap.test(long=True, deadline=120)
def unprivileged():
    """it serves on port 80, unprivileged from its start, with the JIT, and says so to systemd"""
    with service() as m:
        answer = get(m)
        assert answer.body == b"MARK" and answer.headers["jit"] == "true", answer
        assert "2 workers" in m.show(UNIT, "StatusText")
        pids = m.pids(UNIT)
        assert len(pids) >= 3, pids
        uid = m.must("id", "-u", "perigee").strip()
        for pid in pids:
            found = status(pid)
            assert found["Uid"].split() == [uid] * 4 and uid != "0", found
            assert all(int(found["Cap" + name], 16) == 0 for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")), found
            assert found["NoNewPrivs"].strip() == "1" and found["Seccomp"].strip() == "2", found
        # The workers' own filter is on top of the unit's.
        filters = {pid: int(status(pid)["Seccomp_filters"]) for pid in pids}
        assert all(filters[pid] == filters[master(m)] + 1 for pid in workers(m)), filters
        log = m.journal(UNIT)
        assert not re.search(r"level=(error|warn)", log), log


@tap.test(long=True, deadline=120)
def reloaded():
    """systemctl reload under traffic: the new script serves, nothing is lost; a bad one makes it fail and is told why"""
    with service(traffic.script("one")) as m:
        before = main_pid(m)
        with m.network():
            load = traffic.Traffic(traffic.Target(80))
            load.__enter__()
        try:
            load.flows()
            State.root.write("/etc/perigee/app.lua", traffic.script("two"))
            m.must("systemctl", "reload", UNIT)
            assert get(m, "/quick?x").headers["mark"] == "two"
            State.root.write("/etc/perigee/app.lua", "return = 1\n")
            done = m.run("systemctl", "reload", UNIT)
            assert done.returncode != 0, done
            assert "app.lua:1" in m.journal(UNIT, "--priority=err")
            assert get(m, "/quick?x").headers["mark"] == "two"
            assert m.show(UNIT, "ActiveState") == "active" and main_pid(m) == before
            load.flows()
        finally:
            load.__exit__(None, None, None)
        load.clean()


@tap.test(long=True, deadline=120)
def upgraded():
    """a binary that is replaced, then SIGUSR2: the main process goes on as the new one, is still watched, can be reloaded"""
    with service() as m:
        before, old = main_pid(m), workers(m)
        m.must("cp", "/usr/bin/perigee", "/usr/bin/perigee.new")
        m.must("mv", "/usr/bin/perigee.new", "/usr/bin/perigee")  # as dpkg does it
        assert os.readlink(f"/proc/{master(m)}/exe").endswith(" (deleted)")
        m.must("systemctl", "kill", "--kill-whom=main", "--signal=USR2", UNIT)
        perigee.eventually("new workers", lambda: len(set(workers(m)) - set(old)) == 2, 20)
        perigee.eventually("the end of the old ones", lambda: not set(workers(m)) & set(old), 20)
        assert main_pid(m) == before and m.show(UNIT, "ActiveState") == "active"
        assert os.readlink(f"/proc/{master(m)}/exe").endswith("/usr/bin/perigee")
        assert get(m).body == b"MARK"
        State.root.write("/etc/perigee/app.lua", WHO.replace("MARK", "later"))
        m.must("systemctl", "reload", UNIT)
        assert get(m).body == b"later" and main_pid(m) == before
        assert m.show(UNIT, "NRestarts") == "0"


@tap.test(long=True, deadline=120)
def a_killed_worker():
    """a worker that is killed is replaced; systemd sees the same service"""
    with service() as m:
        before, old = main_pid(m), workers(m)
        os.kill(old[0], signal.SIGKILL)
        perigee.eventually("another worker", lambda: len(workers(m)) == 2 and old[0] not in workers(m), 10)
        assert get(m).body == b"MARK"
        assert main_pid(m) == before and m.show(UNIT, "ActiveState") == "active"


@tap.test(long=True, deadline=120)
def a_master_that_hangs():
    """a master that does nothing any more is ended by systemd's watchdog, and the service starts anew"""
    with service(dropins=["[Service]\nWatchdogSec=2\nRestartSec=0\nTimeoutAbortSec=1\n"]) as m:
        before, old = main_pid(m), m.pids(UNIT)
        os.kill(master(m), signal.SIGSTOP)
        perigee.eventually("a restart", lambda: m.show(UNIT, "NRestarts") == "1", 20)
        perigee.eventually("the service", lambda: m.show(UNIT, "ActiveState") == "active", 20)
        assert main_pid(m) != before and not set(old) & set(m.pids(UNIT))
        assert get(m).body == b"MARK"
        assert "watchdog" in m.journal(UNIT).lower()


@tap.test(long=True, deadline=120)
def restarted_and_stopped():
    """a restart refuses no connection; a stop leaves no process; the next connection starts it again"""
    with service() as m:
        with m.network():
            early = [socket.create_connection(("127.0.0.1", 80)) for _ in range(3)]
        m.must("systemctl", "restart", UNIT)
        for sock in early:
            sock.close()
        assert get(m).body == b"MARK"
        pids = m.pids(UNIT)
        m.must("systemctl", "stop", UNIT)
        assert m.show(UNIT, "Result") == "success" and m.show(UNIT, "ActiveState") == "inactive"
        assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
        assert m.run("test", "-e", "/run/perigee").returncode != 0
        assert get(m).body == b"MARK"  # the socket is still there
        perigee.eventually("the service", lambda: m.show(UNIT, "ActiveState") == "active", 10)


@tap.test(long=True, deadline=120)
def a_long_drain():
    """a stop waits for open streams up to drain_timeout, though the unit's TimeoutStopSec= is shorter"""
    script = """
    local task = require "perigee.task"
    return function(stream)
      stream:respond {}
      stream:write "begun, "
      task.sleep(5000)
      stream:finish "whole"
    end
    """
    with service(script, dropins=["[Service]\nTimeoutStopSec=2\n"]) as m:
        with m.network():
            client = h2client.Client(80)
        with client:
            stream = client.request("/")
            client.head(stream)
            m.must("systemctl", "stop", UNIT)
            assert client.response(stream).body == b"begun, whole"
        assert m.show(UNIT, "Result") == "success"


@tap.test(long=True, deadline=120)
def a_start_that_fails():
    """a configuration that is wrong: systemctl start fails, and the journal says why in one line"""
    with service(config="return { script = 'app.lua', lisen = { { address = ':80' } } }\n", start=False) as m:
        done = m.run("systemctl", "start", UNIT)
        assert done.returncode != 0, done
        log = m.journal(UNIT)
        assert "lisen" in log and "listen" in log, log
        perigee.eventually("no process", lambda: not m.pids(UNIT), 10)


@tap.test(long=True, deadline=120)
def without_network():
    """private-network.conf: the sockets of systemd are served, scripts reach nobody"""
    with service(dropins=["private-network.conf"]) as m:
        assert get(m).body == b"MARK"
        assert get(m, "/connect").body.startswith(b"false"), get(m, "/connect").body
        State.root.write("/etc/perigee/app.lua", WHO.replace("MARK", "later"))
        m.must("systemctl", "reload", UNIT)
        assert get(m).body == b"later"


@tap.test(long=True, deadline=120)
def a_changed_socket():
    """another port in the socket unit, brought into force as the manual says"""
    config = CONFIG.replace("USER", "").replace(":80", ":81")
    with service() as m:
        State.root.write(SOCKET_DROPIN, "[Socket]\nListenStream=\nListenStream=81\n")
        State.root.write("/etc/perigee/perigee.conf.lua", config)
        m.must("systemctl", "daemon-reload")  # `systemctl edit` does it
        m.must("systemctl", "stop", "perigee.socket")
        m.must("systemctl", "restart", UNIT)
        assert get(m, port=81).body == b"MARK"
        assert m.must("systemctl", "is-active", "perigee.socket").strip() == "active"


@tap.test(long=True, deadline=120)
def a_root_master():
    """root-master.conf: the master binds by itself, workers are perigee's with nothing left; crash, reload, stop work"""
    config = CONFIG.replace("USER", 'user = "perigee",')
    with service(dropins=["root-master.conf"], config=config, start=False) as m:
        m.must("systemctl", "mask", "--now", "perigee.socket")
        m.must("systemctl", "start", UNIT)
        assert get(m).body == b"MARK"
        uid = m.must("id", "-u", "perigee").strip()
        assert status(master(m))["Uid"].split() == ["0"] * 4
        for pid in workers(m):
            found = status(pid)
            assert found["Uid"].split() == [uid] * 4, found
            assert all(int(found["Cap" + name], 16) == 0 for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")), found
        # The admin socket is for the service's group, though root bound it.
        assert m.must("stat", "-c", "%U:%G %a", "/run/perigee/admin.sock").strip() == "perigee:perigee 660"
        assert "not changed" not in m.journal(UNIT), m.journal(UNIT)
        old = workers(m)
        os.kill(old[0], signal.SIGKILL)
        perigee.eventually("another worker", lambda: len(workers(m)) == 2 and old[0] not in workers(m), 10)
        os.kill(workers(m)[0], signal.SIGSTOP)  # the master must be able to end somebody else's process
        perigee.eventually("that it is replaced", lambda: "stands still" in m.journal(UNIT), 30)
        perigee.eventually("two workers that run", lambda: sum(status(p)["State"][0] in "SR" for p in workers(m)) == 2, 20)
        State.root.write("/etc/perigee/app.lua", WHO.replace("MARK", "later"))
        m.must("systemctl", "reload", UNIT)
        assert get(m).body == b"later"
        m.must("systemctl", "stop", UNIT)
        assert m.show(UNIT, "Result") == "success"


if __name__ == "__main__":
    tap.main()
