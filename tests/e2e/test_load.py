"""h2load, in clear and over TLS: no request fails.

run: alone
run: deadline 240
"""

import re
import shutil
import subprocess

import h2client
import perigee
import tap

HELLO = perigee.handler("""
  stream:respond { ["content-type"] = "text/plain" }
  stream:finish("hello world\\n")
""")

ECHO = perigee.handler("""
  stream:respond {}
  stream:pipe(stream)
""")


def load(server, secure, requests, clients, streams, *more, seconds=60):
    if not shutil.which("h2load"):
        raise tap.Skip("h2load is not installed")
    where = f"https://127.0.0.1:{server.tls_port}/" if secure else f"http://127.0.0.1:{server.port}/"
    argv = ["h2load", "-n", str(requests), "-c", str(clients), "-m", str(streams), *more, where]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds * perigee.FACTOR)
    assert done.returncode == 0, done
    wanted = (
        rf"requests: {requests} total, {requests} started, {requests} done, {requests} succeeded, 0 failed, 0 errored, "
        r"0 timeout"
    )
    assert re.search(wanted, done.stdout), done.stdout
    assert f"status codes: {requests} 2xx, 0 3xx, 0 4xx, 0 5xx" in done.stdout, done.stdout


def loaded(script, *arguments, **options):
    with perigee.Server(script, tls=True) as server:
        before, fds = h2client.live(server.port), perigee.stable(lambda: server.fds)
        for secure in (False, True):
            load(server, secure, *arguments, **options)
            h2client.settled(server.port, before)
        perigee.eventually(lambda: f"{fds} descriptors, there are {server.fds}", lambda: server.fds == fds)


@tap.test(deadline=60)
def many_requests():
    """20,000 requests of 50 clients, 20 at once each: none fails"""
    loaded(HELLO, 20000 // perigee.FACTOR, 50, 20)


@tap.test
def memory_does_not_creep():
    """the second and third 20,000 requests need no more memory than the first"""
    if perigee.SANITIZED:
        raise tap.Skip("memory figures mean nothing under a sanitizer")
    with perigee.Server(HELLO, tls=True) as server:
        for secure in (False, True):
            load(server, secure, 20000, 50, 20)
            before = server.rss
            for _ in range(2):
                load(server, secure, 20000, 50, 20)
            assert server.rss - before < 4 << 20, f"{(server.rss - before) / 1024:.0f} KiB more after 40,000 requests"


@tap.test
def many_connections():
    """500 clients with a few requests each: none fails"""
    loaded(HELLO, 2000, 500 // perigee.FACTOR, 1)


@tap.test
def many_bodies():
    """2,000 echoes of 10 KiB: none fails"""
    with open("/dev/zero", "rb") as f:
        body = f.read(10240)
    with perigee.Server(ECHO, tls=True, files={"body": body}) as server:
        for secure in (False, True):
            load(server, secure, 2000 // perigee.FACTOR, 20, 10, "-d", f"{server.folder}/body")


@tap.test(long=True, deadline=240)
def very_many_requests():
    """200,000 requests of 100 clients, 100 at once each: none fails"""
    loaded(HELLO, 200_000 // perigee.FACTOR, 100, 100, seconds=100)


if __name__ == "__main__":
    tap.main()
