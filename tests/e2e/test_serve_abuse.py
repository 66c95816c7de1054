"""Bad moments: signals in the middle of something, files that never answer, children, queues of what goes away.

run: long
run: alone
run: deadline 300
"""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import h2client
import h2raw
import perigee
import service as services
import tap
import traffic
from service import READY, Service, alive, children, gone
from traffic import Target, Traffic

MOST_PROCESSES = 60  # and threads

SLOW_START = 'local task = require "perigee.task"\ntask.sleep(DELAY)\n'


def slow_start(ms):
    """A script whose main chunk takes a while."""
    return SLOW_START.replace("DELAY", str(ms)) + traffic.script()


@tap.test(deadline=60)
def a_burst_of_signals():
    """fifty SIGHUP and SIGUSR1 within moments, under traffic: few reloads, nothing lost"""
    with Service(traffic.script()) as service:
        with Traffic(Target(service.port), Target(service.tls_port, tls=service.cert)) as load:
            load.flows()
            for n in range(50):
                service.signal(signal.SIGHUP)
                service.signal(signal.SIGUSR1)
                if n % 10 == 0:
                    load.more(20)
            load.more(100)
            service.settled(2)
            load.flows()
        load.clean()
        assert 1 <= service.status()["reloads"] <= 50


@tap.test(deadline=60)
def sigterm_in_the_middle_of_a_reload():
    """SIGTERM while a new worker is being tried: the service ends, and nothing stays"""
    with Service(traffic.script()) as service:
        service.write("app.lua", slow_start(3000))
        before = len(children(service.pid))
        service.signal(signal.SIGHUP)
        perigee.eventually("a new worker", lambda: len(service.worker_pids()) > before)
        began = time.monotonic()
        service.signal(signal.SIGTERM)
        assert service.wait(10) == 0
        assert time.monotonic() - began < 8 * perigee.FACTOR


@tap.test(deadline=60)
def sigterm_in_the_middle_of_an_upgrade():
    """SIGTERM right behind SIGUSR2: the service ends, as the old or the new binary"""
    binary, replace = services.own_binary()
    for pause in (0, 0.05, 0.2, 0.5):
        with Service(traffic.script(), binary=binary) as service:
            replace()
            service.signal(signal.SIGUSR2)
            threading.Event().wait(pause)
            service.signal(signal.SIGTERM)
            assert service.wait(20) == 0


@tap.test
def a_script_that_hangs_in_the_check():
    """an upgrade whose check of the script never ends is given up by SIGTERM, and nothing of it stays"""
    binary, replace = services.own_binary()
    with Service(traffic.script(), binary=binary) as service:
        known = set(services.descendants(service.pid))
        service.write("app.lua", "while true do end\n")
        replace()
        service.signal(signal.SIGUSR2)

        def hangs():
            """Its check is a process of a process of the master's."""
            return [pid for pid in services.descendants(service.pid) if pid not in known | set(children(service.pid))]

        perigee.eventually("the check of the script", hangs)
        assert h2client.get(service.port, "/quick?x").body == b"x"
        began = time.monotonic()
        service.signal(signal.SIGTERM)
        assert service.wait(10) == 0
        assert time.monotonic() - began < 5 * perigee.FACTOR


@tap.test(deadline=60)
def reload_and_upgrade_at_once():
    """SIGHUP and SIGUSR2 together, both ways round, under traffic: both happen, nothing is lost"""
    binary, replace = services.own_binary()
    with Service(traffic.script(), binary=binary) as service:
        with Traffic(Target(service.port), Target(service.tls_port, tls=service.cert), kept=10) as load:
            load.flows()
            for pair in ((signal.SIGHUP, signal.SIGUSR2), (signal.SIGUSR2, signal.SIGHUP)):
                load.place = " then ".join(number.name for number in pair)
                old = service.settled(2)
                replace()
                for number in pair:
                    service.signal(number)
                perigee.eventually(
                    "new workers", lambda: alive(service.pid) and not old.keys() & service.workers().keys(), 20
                )
                for pid in old:
                    gone(pid, 20)
                service.settled(2)
                load.flows()
                load.more(50)
        load.clean()


@tap.test(deadline=60)
def a_worker_killed_in_the_middle_of_a_reload():
    """old workers killed while the new ones start: the new ones serve"""
    with Service(traffic.script(), errors=True) as service:
        old = service.settled(2)
        service.write("app.lua", slow_start(1000))
        done = []
        service.configure()
        thread = threading.Thread(target=lambda: done.append(service.command("reload", seconds=40)))
        thread.start()
        perigee.eventually("a new worker", lambda: len(service.worker_pids()) > 2)
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        thread.join(40)
        assert done and done[0].code == 0, done
        service.settled(2)
        assert h2client.get(service.port, "/quick?x").body == b"x"


@tap.test(deadline=60)
def the_checking_process_is_killed():
    """whoever kills the process that checks the configuration makes the reload fail, no more"""
    with Service(traffic.script(), errors=True) as service:
        os.mkfifo(service.path("never.pem"))
        service.listen[1]["tls"] = {"certificate": "never.pem", "key": service.key}
        before = set(children(service.pid))
        done = []
        service.configure()
        thread = threading.Thread(target=lambda: done.append(service.command("reload", seconds=60)))
        thread.start()
        try:
            # A certificate that never answers may be refused at once instead.
            perigee.eventually("a process that checks", lambda: set(children(service.pid)) - before or done)
            for pid in set(children(service.pid)) - before:
                os.kill(pid, signal.SIGKILL)
        finally:
            thread.join(60)
        assert done and done[0].code == 1 and done[0].stderr.strip(), done
        assert h2client.get(service.port, "/quick?x").body == b"x"
        service.listen[1]["tls"] = {"certificate": service.cert, "key": service.key}
        service.reload()


@tap.test(deadline=90)
def files_that_never_answer():
    """a FIFO in the place of certificate, key or script is refused; a reload never hangs for ever"""
    settings = {"limits": {"start_timeout": "2s"}}
    with Service(traffic.script(), errors=True, settings=settings) as service:
        os.mkfifo(service.path("fifo"))
        good = {"certificate": service.cert, "key": service.key}
        for what in ("certificate", "key", "script"):
            service.listen[1]["tls"] = {**good, what: "fifo"} if what != "script" else good
            service.settings["script"] = "fifo" if what == "script" else "app.lua"
            done = service.reload(code=1, seconds=20)
            assert "fifo" in done.stderr, (what, done)
        service.settings["script"] = "app.lua"
        service.reload()
        service.settled(2)


@tap.test
def programs_of_scripts_inherit_nothing():
    """a program that a script starts has standard input, output and error, and no other descriptor of the service"""
    script = """
      local uv = require "luv"
      return function(stream)
        local out, text = uv.new_pipe(false), {}
        uv.spawn("/bin/sh", { args = { "-c", "ls -l /proc/self/fd; env" }, stdio = { nil, out, nil } }, function() end)
        out:read_start(function(_, chunk)
          if chunk then text[#text + 1] = chunk return end
          out:close()
          stream:respond {}
          stream:finish(table.concat(text))
        end)
      end
    """
    with Service(script, settings={"log": {"access": "access.log", "file": "perigee.log"}}) as service:
        text = h2client.get(service.port).body.decode()
        numbers = {int(match) for match in re.findall(r" (\d+) -> ", text)}
        assert numbers <= {0, 1, 2, 3}, text  # 3: of ls, the folder it reads
        assert text.count("socket:") == 1  # the one that luv made for standard output
        assert ".log" not in text and "memfd" not in text, text
        assert "PERIGEE_WORKER" not in text and "NOTIFY_SOCKET" not in text, text


@tap.test
def descriptors_of_a_worker():
    """what a worker inherits is counted: no descriptor of the master's own, none twice after reloads"""
    with Service(traffic.script()) as service:

        def count():
            return [len(services.descriptors(pid)) for pid in service.settled(2)]

        before, masters = perigee.stable(count), perigee.stable(lambda: service.fds)
        for _ in range(5):
            service.reload()
        perigee.eventually(lambda: f"{before}, it is {count()}", lambda: count() == before, 10)
        perigee.eventually(lambda: f"{masters}, it is {service.fds}", lambda: service.fds <= masters, 10)


@tap.test
def port_zero():
    """port 0: the system chooses one port, the log tells it, all workers share it, a reload keeps it"""
    with Service(traffic.script(), listen=[{"address": "127.0.0.1:0"}], ready=False) as service:
        port = int(service.wait_log(r'msg=listening address="?127\.0\.0\.1:(\d+)')[0][1])
        service.notified.wait_for("READY=1")
        seen = {int(h2client.get(port, "/quick?x").headers["worker"]) for _ in range(60)}
        assert seen == service.workers().keys(), seen
        service.reload()
        assert int(h2client.get(port, "/quick?x").headers["worker"]) in service.workers()


BUSY = """
local uv = require "luv"
return function(stream, headers)
  stream:respond { worker = tostring(uv.os_getpid()) }
  if headers[":path"] == "/busy" then
    stream:write "busy"
    require("perigee.task").sleep(1) -- so that this much leaves
    local till = uv.hrtime() + BUSY_NS
    while uv.hrtime() < till do end
  end
  stream:finish "done"
end
"""


@tap.test(deadline=60)
def a_listener_that_goes_away_is_emptied():
    """connections that wait for a listener which a reload takes away are served before it is closed"""
    seconds = 2 * perigee.FACTOR
    with Service(BUSY.replace("BUSY_NS", str(int(seconds * 1e9)))) as service, contextlib.ExitStack() as stack:
        going = service.add_listener("clear")
        service.reload()
        busy = {}
        while len(busy) < 2:  # a connection to each worker
            client = stack.enter_context(h2client.Client(service.port))
            busy.setdefault(int(client.get("/").headers["worker"]), client)
        streams = {client: client.request("/busy") for client in busy.values()}
        for client, stream in streams.items():
            client.wait(lambda client=client, stream=stream: client.streams[stream].body == b"busy", "the worker to be busy")
        waiting = [stack.enter_context(h2raw.Raw(going)) for _ in range(60)]
        for c in waiting:
            c.send(h2raw.get(1, "/"))
        service.listen.pop()
        service.reload()
        assert all(c.response(1, 10) == ("200", b"done") for c in waiting)
        for client, stream in streams.items():
            assert client.response(stream, 10).body == b"busydone"
        perigee.eventually("the port is closed", lambda: h2client.refused(going), 10)


@tap.test
def many_workers():
    """thirty workers: all serve, all are replaced, all end"""
    if perigee.SANITIZED:
        raise tap.Skip("too much for a sanitizer")
    with Service(traffic.script(), workers=30) as service:
        assert len(service.settled(30)) == 30
        service.reload()
        assert len(service.settled(30)) == 30
        seen = {int(h2client.get(service.port, "/quick?x").headers["worker"]) for _ in range(300)}
        assert len(seen) >= 25, seen


@tap.test(deadline=60)
def many_workers_on_many_listeners():
    """twenty workers on sixty listeners: 1,200 sockets are handed over, through an upgrade too"""
    if perigee.SANITIZED:
        raise tap.Skip("too much for a sanitizer")
    binary, replace = services.own_binary()
    ports = [services.free_port() for _ in range(60)]
    listen = [{"address": f"127.0.0.1:{port}"} for port in ports]
    with Service(traffic.script(), workers=20, listen=listen, binary=binary) as service:
        old = service.settled(20, 30)
        replace()
        service.signal(signal.SIGUSR2)
        perigee.eventually("new workers", lambda: not old.keys() & service.workers().keys(), 30)
        service.settled(20, 30)
        for port in ports:
            assert h2client.get(port, "/quick?x").body == b"x"


@tap.test
def no_memory_for_more_processes():
    """when no process can be made, a reload is refused, and the service goes on"""
    if os.geteuid() != 0:
        raise tap.Skip("needs root")
    where = perigee.folder()
    somebody = 60123  # nobody else's: the limit counts all processes of a user
    os.chown(where, somebody, somebody)
    path = where
    while path.startswith(os.environ.get("TMPDIR", "/tmp")) and path != "/tmp":
        os.chmod(path, 0o755)
        path = os.path.dirname(path)
    with open(os.path.join(where, "app.lua"), "w") as f:
        f.write(traffic.script())

    def limited():
        os.chmod(os.getcwd(), 0o755)
        resource.setrlimit(resource.RLIMIT_NPROC, (MOST_PROCESSES, MOST_PROCESSES))
        os.setgroups([])
        os.setgid(somebody)
        os.setuid(somebody)

    settings = {
        "script": os.path.join(where, "app.lua"), "control": os.path.join(where, "control.sock"),
        "admin": False, "security": None,
    }  # fmt: skip
    try:
        with Service(settings=settings, listen=["clear"], preexec=limited, errors=True) as service:
            before = service.settled(2)
            service.configure()
            others = []
            try:
                for _ in range(MOST_PROCESSES):
                    others.append(subprocess.Popen(["/bin/sleep", "60"], user=somebody, group=somebody, extra_groups=[]))
                    services.known(others[-1].pid)
                done = service.command("reload")
            finally:
                for other in others:
                    other.kill()
                    other.wait()
            assert done.code == 1 and "resource" in done.stderr.lower(), done
            assert service.workers().keys() == before.keys()
            assert h2client.get(service.port, "/quick?x").body == b"x"
            assert service.command("reload").code == 0
    finally:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(where, "app.lua"))
            os.rmdir(where)


@tap.test
def killed_while_it_drains():
    """an old worker that is killed while it drains is not replaced"""
    with Service(traffic.script(pause=3), errors=True) as service, h2client.Client(service.port) as client:
        slow = client.request("/slow?never-to-end")
        victim = int(client.head(slow).headers["worker"])
        service.reload()
        restarts = service.status()["restarts"]
        os.kill(victim, signal.SIGKILL)
        gone(victim)
        assert len(service.settled(2)) == 2
        assert service.status()["restarts"] == restarts
        client.wait_eof()


@tap.test
def a_client_that_does_not_let_go():
    """connections that are half open, or do not read, do not hold a reload or its old workers up beyond the deadline"""
    settings = {"limits": {"drain_timeout": "1s"}}
    with Service(traffic.script(), settings=settings, errors=True) as service, contextlib.ExitStack() as stack:
        for port in (service.port, service.tls_port):
            for _ in range(5):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        for _ in range(5):
            c = stack.enter_context(h2raw.Raw(service.port))
            c.send(h2raw.post(1, "/up?x"), h2raw.data(1, b"y" * 1000))
        h2client.get(service.port, "/quick?x")
        old = service.settled(2)
        began = time.monotonic()
        service.reload()
        for pid in old:
            gone(pid, 8)
        assert time.monotonic() - began < 6 * perigee.FACTOR


@tap.test
def a_folder_that_went_away():
    """the service's working folder and script are deleted: workers go on, a crash cannot be mended, a new script can"""
    with Service(traffic.script(), workers=1, errors=True) as service:
        text = traffic.script()
        os.unlink(service.path("app.lua"))
        victim, mark = next(iter(service.workers())), service.mark()
        os.kill(victim, signal.SIGKILL)
        service.wait_log(r"app\.lua", mark=mark)
        service.write("app.lua", text)
        service.wait_log(READY, 20, mark)
        assert h2client.get(service.port, "/quick?x").body == b"x"


if __name__ == "__main__":
    tap.main()
