"""What meets in the service at a bad moment, and workers and readers of its log that do what they should not.

run: long
run: deadline 180
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time

import h2client
import perigee
import service as services
import tap
import traffic
from service import Service

SLOW_CHUNK = """
local ffi = require "ffi"
ffi.cdef "int usleep(unsigned)"
ffi.C.usleep(1500000)
"""

FLOOD = """
local ffi = require "ffi"
ffi.cdef [[
  int getsockopt(int, int, int, int *, unsigned *);
  long send(int, const void *, size_t, int);
]]
local function control()
  local kind, length = ffi.new("int[1]"), ffi.new("unsigned[1]", 4)
  for fd = 3, 200 do
    if ffi.C.getsockopt(fd, 1, 3, kind, length) == 0 and kind[0] == 5 then return fd end -- SO_TYPE, SOCK_SEQPACKET
  end
end
return function(stream, headers)
  stream:respond {}
  if headers[":path"] ~= "/flood" then return stream:finish("ok") end
  local fd, bytes = control(), ffi.new("uint32_t[5]", { 4, 0, 0, 0, 0x41 })
  while true do ffi.C.send(fd, bytes, 18, 0x4040) end -- MSG_NOSIGNAL, MSG_DONTWAIT
end
"""


@tap.test(deadline=60)
def slots_that_come_back():
    """workers 4, 2 and 4 again before the sockets of the two are closed: all four get connections"""
    with Service(traffic.script(), listen=("clear",), workers=4) as service:
        service.settings["workers"] = 2
        service.reload()
        service.settings["workers"] = 4
        service.write("app.lua", SLOW_CHUNK + traffic.script())
        service.reload()
        service.settled(4)
        for _ in range(200):
            assert h2client.get(service.port, "/quick?x").body == b"x"
        workers = service.workers()
        assert len(workers) == 4 and all(w["requests"] > 0 for w in workers.values()), workers


@tap.test(deadline=60)
def reload_during_an_upgrade():
    """who asks for a reload while the new binary is checked is told what came of it"""
    binary, replace = services.own_binary()
    with Service(traffic.script(), listen=("clear",), binary=binary) as service:
        service.write("app.lua", SLOW_CHUNK + traffic.script())
        ready = service.notified.count("READY=1")
        replace()
        service.signal(signal.SIGUSR2)
        service.wait_log("upgrade asked for")
        done = service.command("reload")
        assert done.code == 1 and "another binary" in done.stderr, done
        service.notified.wait_for("READY=1", 30, ready + 1, gone=lambda: not service.running())
        service.settled(2)


@tap.test(deadline=60)
def a_worker_that_never_stops_to_talk():
    """a worker that sends messages without end keeps the master from nothing, and is ended like any that is stuck"""
    limits = {"limits": {"watchdog_timeout": "3s"}}
    with Service(FLOOD, listen=("clear",), workers=3, settings=limits, errors=True) as service:
        before = service.workers()
        clients = [h2client.Client(service.port) for _ in range(2)]
        for client in clients:
            client.request("/flood")
        for _ in range(5):
            assert service.command("status", seconds=10).code == 0
        service.wait_log("watchdog_timeout: its loop stood still", 20)
        perigee.eventually("three workers again", lambda: len(service.workers()) == 3, 20)
        assert before.keys() - service.workers().keys()
        for client in clients:
            client.close()


@tap.test(deadline=90)
def nobody_reads_the_log():
    """a pipe on standard error that nobody reads holds neither the master nor its end up"""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_inheritable(writer, True)

    def preexec():
        os.dup2(writer, 2)

    with Service(traffic.script(), listen=("clear",), preexec=preexec, errors=True) as service:
        os.close(writer)
        for _ in range(6):
            assert service.command("reload", seconds=30).code == 0
        assert h2client.get(service.port, "/quick?x").body == b"x"
        assert service.command("status", seconds=10).code == 0
        began = time.monotonic()
        assert service.command("stop", seconds=30).code == 0
        assert time.monotonic() - began < 20 * perigee.FACTOR
    os.close(reader)


@tap.test(deadline=60)
def an_upgrade_of_the_second_service():
    """of two services with the same default paths the second one, upgraded and ended, leaves the first one's socket"""
    where = tempfile.mkdtemp(prefix="perigee-test-")
    default = {"env": {"RUNTIME_DIRECTORY": where}, "settings": {"control": None, "admin": None}}
    path = os.path.join(where, "control.sock")
    binary, replace = services.own_binary()
    with Service(traffic.script(), listen=("clear",), **default) as first:
        with Service(traffic.script(), listen=("clear",), binary=binary, **default) as second:
            second.wait_log("no control socket by path")
            ready = second.notified.count("READY=1")
            replace()
            second.signal(signal.SIGUSR2)
            second.notified.wait_for("READY=1", 30, ready + 1, gone=lambda: not second.running())
        done = perigee.run("status", "--control", path)
        assert done.code == 0 and "serving" in done.stdout, done
        # Nor does the first one take away what somebody put in its socket's place.
        os.unlink(path)
        with open(path, "w") as f:
            f.write("another's")
        first.signal(signal.SIGTERM)
        first.wait(30)
        assert os.path.exists(path)
    shutil.rmtree(where)


@tap.test(deadline=60)
def logs_reopened_during_a_reload():
    """SIGUSR1 while a new worker tries the script: its lines go to the new files of its own configuration"""
    settings = {"log": {"level": "info", "access": "one.log"}}
    with Service(traffic.script(), listen=("clear",), workers=1, settings=settings) as service:
        service.settings["log"] = {"level": "info", "access": "two.log"}
        service.configure()
        service.write("app.lua", SLOW_CHUNK + traffic.script())
        service.signal(signal.SIGHUP)
        perigee.eventually("the file of the next", lambda: os.path.exists(service.path("two.log")), 15)
        perigee.eventually("the next worker", lambda: len(service.worker_pids()) == 2, 15)
        os.rename(service.path("two.log"), service.path("two.log.1"))
        service.signal(signal.SIGUSR1)
        service.wait_log("log files reopened")
        service.wait_log("msg=reloaded", 15)
        assert h2client.get(service.port, "/quick?x").body == b"x"
        perigee.eventually("a line in two.log", lambda: os.path.getsize(service.path("two.log")) > 0, 10)
        assert os.path.getsize(service.path("two.log.1")) == 0 and os.path.getsize(service.path("one.log")) == 0


def as_nobody(*argv, cwd="/"):
    setpriv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    return subprocess.run([*setpriv, *argv], capture_output=True, text=True, cwd=cwd, timeout=60 * perigee.FACTOR)


def can_be_nobody():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return False
    return as_nobody(perigee.BINARY, "--version").returncode == 0


@tap.test
def another_user_asks():
    """somebody else's `perigee status` says why it gets no answer"""
    if not can_be_nobody():
        raise tap.Skip("only root can be somebody else, and its binary may be closed to others")
    with Service(traffic.script(), listen=("clear",)) as service:
        os.chmod(service.folder, 0o755)
        done = as_nobody(perigee.BINARY, "status", "-c", service.path(services.CONFIG))
        assert done.returncode == 1 and "only root and the service's own user" in done.stderr, done
        assert service.command("status").code == 0


@tap.test
def a_script_is_checked_as_its_worker_runs():
    """root's `perigee check -c`, and so an upgrade, does not run scripts as root where workers do not"""
    if not can_be_nobody():
        raise tap.Skip("only root can be somebody else, and its binary may be closed to others")
    script = "require 'ffi'.cdef 'int getuid(void)'; print('uid', require 'ffi'.C.getuid())\n" + traffic.script()
    folder = tempfile.mkdtemp(prefix="perigee-test-", dir="/tmp")  # that nobody gets at, too
    os.chmod(folder, 0o755)
    text = services.config_text({"script": "app.lua", "user": "nobody", "listen": [{"address": "127.0.0.1:0"}]})
    for name, content in (("app.lua", script), ("a.conf.lua", text)):
        with open(os.path.join(folder, name), "w") as f:
            f.write(content)
    try:
        done = perigee.run("check", "-c", os.path.join(folder, "a.conf.lua"))
    finally:
        shutil.rmtree(folder)
    assert done.code == 0 and "uid\t65534" in done.stdout, done


@tap.test
def words_that_a_terminal_obeys():
    """what a script says reaches the terminal of who reloads without its control characters"""
    with Service(traffic.script(), listen=("clear",), errors="reload refused|cannot serve|worker ended") as service:
        service.write("app.lua", "error 'red \\27[31m bell \\7 end'")
        done = service.reload(code=1)
        assert "red ?[31m bell ? end" in done.stderr and "\x1b" not in done.stderr, done


if __name__ == "__main__":
    tap.main()
