"""The four programs that the project began with: what they print, and that they end by themselves.

run: alone
run: deadline 240
"""

import contextlib
import os
import socket

import perigee
import tap

NAMES = ("stream-close-1", "stream-close-2", "session-destroy-1", "session-destroy-2")
PORT = 8000  # theirs, and fixed


@contextlib.contextmanager
def port_8000():
    """Holds a lock that every run of this file asks for, then makes sure that nobody else has the port."""
    lock = socket.socket(socket.AF_UNIX)

    def locked():
        try:
            lock.bind("\0perigee-test-port-8000")  # an abstract name: no file, released with the process
            return True
        except OSError:
            return False

    try:
        perigee.eventually("the lock for port 8000", locked, 120)
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                try:
                    probe.bind((address, PORT))
                    probe.listen()
                except OSError as err:
                    raise tap.Skip(f"port {PORT} is taken by somebody else ({address}: {err.strerror})") from None
        yield
    finally:
        lock.close()


def lines(text):
    return [line.rstrip() for line in text.rstrip().splitlines()]


def runs(name, count, env=None):
    with open(os.path.join(perigee.TOP, "tests/e2e/seeds", name + ".expected")) as f:
        wanted = lines(f.read())
    script = os.path.join(perigee.TOP, "scripts/seeds", name + ".lua")
    with port_8000():
        for number in range(1, count + 1):
            done = perigee.run("run", script, env=env, seconds=5)
            assert lines(done.stdout) == wanted, f"run {number}: {lines(done.stdout)} instead of {wanted}\n{done}"
            assert done.stderr == "", f"run {number} wrote to stderr:\n{done.stderr}"
            assert done.code == 0, f"run {number}: {done}"


def make(name):
    def few():
        runs(name, 5)

    def interpreted():
        runs(name, 2, {"PERIGEE_JIT": "off"})

    def many():
        runs(name, 200)

    def many_interpreted():
        runs(name, 200, {"PERIGEE_JIT": "off"})

    few.__doc__ = f"{name} prints what it must"
    interpreted.__doc__ = f"{name} prints it without the JIT, too"
    many.__doc__ = f"{name} prints it 200 times in a row"
    many_interpreted.__doc__ = f"{name} prints it 200 times in a row without the JIT"
    tap.test(few)
    tap.test(interpreted)
    tap.test(many, long=True, deadline=150)
    tap.test(many_interpreted, long=True, deadline=150)


for each in NAMES:
    make(each)

if __name__ == "__main__":
    tap.main()
