"""peers: HTTP/2 programs that other people wrote, started as servers, each in a folder of its own.

    with Nghttpd() as peer: ...                 # peer.url, peer.port, peer.folder
    with Nginx(secure=True) as peer: ...        # peer.cert too
    with Node(SCRIPT) as peer: ...              # JavaScript that prints "listening PORT"
    with Go(SOURCE) as peer: ...                # likewise; compiled once a run

A program that is not installed skips the test.
"""

import atexit
import functools
import os
import shutil
import socket
import subprocess

import perigee
import tap


def program(*names):
    """The path of the first of these commands that is installed."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise tap.Skip(f"{names[0]} is not installed")


def command(*argv, seconds=20, **options):
    """Runs a client to its end; gives its standard output."""
    try:
        done = subprocess.run(argv, capture_output=True, timeout=seconds * perigee.FACTOR, **options)
    except subprocess.TimeoutExpired as err:
        raise AssertionError(f"{argv[0]} did not end; stdout {err.stdout!r} stderr {err.stderr!r}") from None
    assert done.returncode == 0, f"{argv} ended with {done.returncode}: {done.stdout[-2000:]!r} {done.stderr[-2000:]!r}"
    return done.stdout


class Peer(perigee.Process):
    """A server on self.port. One that cannot tell its port is asked until it answers."""

    def __init__(self, argv, secure, files=None, port=None, env=None):
        self.secure, self.port = secure, port
        self.cert = perigee.certificate()[0]
        super().__init__(argv, files, env)
        try:
            if port:
                perigee.eventually(f"{argv[0]} listens", self._answers, 10)
            else:
                self.port = int(self.out.wait_for(r"^listening (\d+)$", 20)[0][1])
        except BaseException as err:
            self.stop()
            err.args = (f"{err}\n{argv[0]} wrote:\n{self.stderr[-2000:]}",)
            raise

    @property
    def url(self):
        return f"https://localhost:{self.port}" if self.secure else f"http://127.0.0.1:{self.port}"

    def _answers(self):
        assert self.running(), self.stderr
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except ConnectionRefusedError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def free_port():
    """A port that nobody has, for programs that cannot choose one and tell."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nghttpd(Peer):
    """Serves its folder, and sends back what is posted. Pushes /pushed with /index.html."""

    def __init__(self, secure=False, files=None, flags=(), port=None):
        cert, key = perigee.certificate()
        port = port or free_port()
        argv = [program("nghttpd"), "--address=127.0.0.1", "-d", ".", "--echo-upload", *flags, str(port)]
        super().__init__(argv + ([key, cert] if secure else ["--no-tls"]), secure, files, port)


NGINX = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
  client_max_body_size 0;
  sendfile on;
  keepalive_requests {requests};
  server {{
    listen 127.0.0.1:{port} {listen};
    root files;
    location / {{ dav_methods PUT DELETE; }}
    location /trailers {{ return 200 "body"; add_trailer x-late yes; }}
    {more}
  }}
}}
"""


class Nginx(Peer):
    """Serves files/ of its folder; PUT writes there. requests: how many a connection may carry."""

    def __init__(self, secure=False, files=None, requests=1000, more=""):
        cert, key = perigee.certificate()
        port = free_port()
        listen = "http2"
        if secure:
            listen = "ssl http2"
            more += f"\nssl_certificate {cert};\nssl_certificate_key {key};"
        text = NGINX.format(port=port, listen=listen, requests=requests, more=more)
        files = {f"files/{name}": data for name, data in (files or {}).items()}
        files = {"nginx.conf": text, "temp/.keep": "", "files/.keep": "", **files}
        argv = [program("nginx", "/usr/sbin/nginx"), "-p", ".", "-c", "nginx.conf", "-e", "stderr"]
        super().__init__(argv, secure, files, port)


class Node(Peer):
    """Node runs the script of the tree, with certificate and key behind it if secure."""

    def __init__(self, script, secure=False):
        argv = [program("node", "nodejs"), os.path.join(perigee.TOP, script)]
        super().__init__(argv + (list(perigee.certificate()) if secure else []), secure)


@functools.lru_cache(maxsize=None)
def go_binary(source):
    """The program made of one Go file of the tree, compiled once a run."""
    where = perigee.folder()
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    binary = os.path.join(where, "program")
    # The cache of compiled packages is worth keeping: without it this takes a minute.
    env = {**os.environ, "GOCACHE": cache_folder("go"), "GO111MODULE": "off", "GOTOOLCHAIN": "local"}
    command(program("go"), "build", "-o", binary, os.path.join(perigee.TOP, source), seconds=170, env=env, cwd=where)
    return binary


def cache_folder(name):
    path = os.path.join(perigee.TOP, "build", "cache", name)
    os.makedirs(path, exist_ok=True)
    return path


class Go(Peer):
    """A server written in Go. It speaks HTTP/2 over TLS only, as its library does."""

    def __init__(self, source):
        super().__init__([go_binary(source), *perigee.certificate()], True)
