"""The control socket: who may speak there, what it answers, and what it bears.

run: slow
run: deadline 120
"""

import contextlib
import os
import shutil
import socket
import stat
import subprocess

import h2client
import perigee
import service as services
import tap
import traffic
from service import Service


def connect(service):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10 * perigee.FACTOR)
    sock.connect(service.path("control.sock"))
    return sock


def well(service):
    """It serves, and whoever asks is answered."""
    assert h2client.get(service.port, "/quick?x").body == b"x"
    assert service.command("status", seconds=10).code == 0


@tap.test
def status_for_people():
    """`perigee status` prints a table: a line for each worker with its pid, sessions and streams"""
    with Service(traffic.script(), workers=3) as service:
        with h2client.Client(service.port) as client:
            client.get("/quick?x")
            done = service.command("status")
            assert done.code == 0 and not done.stderr
            rows = [line.split() for line in done.stdout.splitlines()]
            for pid, worker in service.workers().items():
                (row,) = [row for row in rows if str(pid) in row]
                assert row[0] == str(worker["worker"]), row
            assert sum(worker["sessions"] for worker in service.workers().values()) == 1


@tap.test
def status_for_machines():
    """`perigee status --json` is one JSON object"""
    with Service(traffic.script()) as service:
        status = service.status()
        assert status["state"] == "serving" and status["slots"] == 2 and len(status["workers"]) == 2, status
        generation = status["generation"]
        service.reload()
        status = service.status()
        assert status["generation"] == generation + 1 and status["reloads"] == 1, status


@tap.test
def found_by_path():
    """--control finds the service without its configuration file; a wrong path is one clear line"""
    with Service(traffic.script()) as service:
        done = perigee.run("status", "--control", service.path("control.sock"))
        assert done.code == 0 and "serving" in done.stdout, done
        done = perigee.run("status", "--control", service.path("nobody.sock"))
        assert done.code == 1 and done.stderr.count("\n") == 1 and "nobody.sock" in done.stderr, done


@tap.test
def not_for_everybody():
    """the control socket is for its owner (and group): nobody else may connect"""
    with Service(traffic.script()) as service:
        mode = stat.S_IMODE(os.stat(service.path("control.sock")).st_mode)
        assert mode & 0o007 == 0 and mode & 0o600 == 0o600, oct(mode)
        if os.geteuid() == 0 and shutil.which("setpriv"):
            os.chmod(service.folder, 0o755)
            done = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c"]
                + ["import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])", service.path("control.sock")],
                capture_output=True,
                text=True,
            )
            assert done.returncode == 1 and "Permission" in done.stderr, done


@tap.test
def garbage():
    """what is no command is refused, whatever it is, and the master goes on"""
    cases = [
        b"", b"\n", b"\0", b"hello\n", b"reload", b"RELOAD\n", b"reload" * 100000, b"\xff" * 70000, b"status --json\0\0",
        os.urandom(4096), b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", b"stopp\n", b"status\n" * 5000,
    ]  # fmt: skip
    with Service(traffic.script(), errors="control") as service:
        generation = service.status()["generation"]
        fds = perigee.stable(lambda: service.fds)
        for case in cases:
            with contextlib.closing(connect(service)) as sock:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    sock.sendall(case)
                    sock.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionResetError):
                    while sock.recv(65536):
                        pass
            well(service)
        status = service.status()
        assert status["state"] == "serving" and len(status["workers"]) == 2
        # "reload" without its end may count as a command or not; nothing else of these does.
        assert status["generation"] <= generation + 1, status
        perigee.eventually(lambda: f"{fds} descriptors, there are {service.fds}", lambda: service.fds <= fds)


@tap.test(deadline=60)
def many_and_slow():
    """hundreds of connections that say nothing, or a byte at a time, keep nobody else from asking, and are ended"""
    with Service(traffic.script(), errors="control") as service:
        fds = perigee.stable(lambda: service.fds)
        with contextlib.ExitStack() as stack:
            silent = []
            for n in range(300):
                sock = socket.socket(socket.AF_UNIX)
                stack.enter_context(sock)
                sock.settimeout(0.05)
                try:
                    sock.connect(service.path("control.sock"))
                except (BlockingIOError, TimeoutError, ConnectionRefusedError):
                    break
                silent.append(sock)
            for sock in silent[:50]:
                with contextlib.suppress(OSError):
                    sock.send(b"s")
            well(service)
            cpu = service.cpu_seconds
            well(service)
            assert service.cpu_seconds - cpu < 0.5 * perigee.FACTOR
            assert service.reload()
        perigee.eventually(lambda: f"{fds} descriptors, there are {service.fds}", lambda: service.fds <= fds, 20)
        well(service)


@tap.test
def a_client_that_leaves():
    """a client that asks for a reload and goes away: the reload happens, nothing breaks"""
    with Service(traffic.script()) as service:
        for _ in range(5):
            process = subprocess.Popen(
                [perigee.BINARY, "reload", "-c", service.path("perigee.conf.lua")],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            services.known(process.pid)
            service.notified.wait_for("RELOADING=1")
            process.kill()
            process.wait()
        service.settled(2)
        well(service)


if __name__ == "__main__":
    tap.main()
