"""perigee: starts the binary under test, one daemon per test, and ends it again.

    with Server(HANDLER) as server:                    # form 2: a handler, --listen on port 0
        get(server.port, "/")
    with Server(PROGRAM, form=1) as server: ...        # a program that prints its own "listening on" line
    with Server("scripts/hello.lua", tls=True) as server: ...   # a file of the tree; server.tls_port too

    done = run("check", "bad.lua", files={"bad.lua": "x ="})    # a command that ends by itself

Each process gets a folder of its own and is ended by its pid. Leaving the `with` asserts that it ended with 0,
that no sanitizer spoke and that nothing was logged as an error (errors=True, or a pattern, allows that).
"""

import atexit
import ctypes
import functools
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

import tap

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("PERIGEE") or os.path.join(TOP, "build/release/perigee"))
SANITIZED = tap.SANITIZED or "asan" in BINARY or bool(os.environ.get("ASAN"))
FACTOR = 4 if SANITIZED else 1  # how much longer things may take

SANITIZER = re.compile(r"ERROR: AddressSanitizer|LeakSanitizer|runtime error:")

# For handlers under test: `if live(stream, headers) then return end` answers /live with the counters. The asking
# session, stream and transport are among them.
LIVE = """
local function live(stream, headers)
  if headers[":path"] ~= "/live" then return false end
  local now = require("perigee.metrics").live()
  stream:respond { ["content-type"] = "text/plain" }
  stream:finish(("sessions=%d streams=%d transports=%d listeners=%d")
    :format(now.sessions, now.streams, now.transports, now.listeners))
  return true
end
"""


def handler(body):
    """A form 2 script: `body` is Lua, run for each stream but those of /live."""
    return LIVE + "return function(stream, headers)\n  if live(stream, headers) then return end\n" + body + "\nend\n"


def deadline(seconds):
    return time.monotonic() + seconds * FACTOR


def eventually(what, happened, seconds=5):
    """Asks until happened() gives something true, which is returned. For states that nobody announces."""
    until = deadline(seconds)
    pause = threading.Event()
    while True:
        answer = happened()
        if answer:
            return answer
        assert time.monotonic() < until, f"not within {seconds * FACTOR} s: {what() if callable(what) else what}"
        pause.wait(0.01)


def stable(read, seconds=0.2):
    """Reads until the value has not changed for `seconds`; gives it."""
    state = {"value": read(), "since": time.monotonic()}

    def unchanged():
        value = read()
        if value != state["value"]:
            state.update(value=value, since=time.monotonic())
        return time.monotonic() - state["since"] >= seconds

    eventually(lambda: f"a steady value, it is {state['value']}", unchanged, 10)
    return state["value"]


def folder():
    return tempfile.mkdtemp(prefix="perigee-test-")


def readable_for_all(path):
    """The folders above it can be entered by everybody, as far as they are the test's."""
    while path.startswith(os.environ.get("TMPDIR", "/tmp")) and path != "/tmp":
        os.chmod(path, 0o755)
        path = os.path.dirname(path)


@functools.lru_cache(maxsize=None)
def certificate():
    """(certificate, key): files of one development certificate, made once per run of a test file."""
    where = folder()
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    return make_certificate(where, "localhost")


def make_certificate(where, name):
    """ECDSA P-256, its own authority, for localhost and the loopback addresses."""
    cert, key = os.path.join(where, name + ".pem"), os.path.join(where, name + ".key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"]
        + ["-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return cert, key


def raise_own_descriptor_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < want:
        resource.setrlimit(resource.RLIMIT_NOFILE, (want, hard))


raise_own_descriptor_limit()

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _end_with_parent():
    """In the child, before exec: a test that is killed takes its daemon along."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Output:
    """What a process writes to one pipe, collected by a thread, so that the process never waits for the test."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._data = bytearray()
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        while chunk := os.read(self._pipe.fileno(), 65536):
            with self._changed:
                self._data += chunk
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def text(self):
        with self._changed:
            return self._data.decode(errors="replace")

    @property
    def lines(self):
        return self.text.splitlines()

    def wait_for(self, pattern, seconds=5, count=1):
        """Waits until whole lines match `count` times; gives the matches. Fails at the deadline or the end."""
        until = deadline(seconds)
        with self._changed:
            while True:
                text = self._data.decode(errors="replace")
                found = list(re.finditer(pattern, text[: text.rfind("\n") + 1], re.M))
                if len(found) >= count:
                    return found
                left = until - time.monotonic()
                assert left > 0 and not self._ended, f"waited for {count} x {pattern!r} in:\n{text[-4000:]}"
                self._changed.wait(left)

    def join(self, seconds=5):
        self._thread.join(seconds * FACTOR)


class Process:
    """A child in a folder of its own. files: name -> text, written there first. descriptors: of the test's, that
    it gets under their numbers."""

    def __init__(self, argv, files=None, env=None, preexec=None, nofile=None, descriptors=()):
        self.folder = folder()
        for name, text in (files or {}).items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode())

        def before_exec():
            _end_with_parent()
            if nofile:
                resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
            if preexec:
                preexec()

        try:
            self.popen = subprocess.Popen(
                argv,
                cwd=self.folder,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                preexec_fn=before_exec,
                pass_fds=descriptors,
            )
        except OSError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self.pid = self.popen.pid
        self.out, self.err = Output(self.popen.stdout), Output(self.popen.stderr)

    @property
    def stdout(self):
        return self.out.text

    @property
    def stderr(self):
        return self.err.text

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=5):
        """The exit code; fails when the process still runs at the deadline."""
        try:
            code = self.popen.wait(seconds * FACTOR)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"still running after {seconds * FACTOR} s; stdout:\n{self.stdout[-2000:]}\nstderr:\n{self.stderr[-4000:]}"
            ) from None
        self.out.join()
        self.err.join()
        return code

    def stop(self, seconds=10):
        """SIGTERM, then SIGKILL when the deadline passed. Gives the exit code (negative: the signal)."""
        if self.running():
            self.signal(signal.SIGTERM)
        try:
            code = self.popen.wait(seconds * FACTOR)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            code = self.popen.wait()
        self.out.join()
        self.err.join()
        for pipe in (self.popen.stdout, self.popen.stderr):
            pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return code

    # --- /proc ---

    def _status(self, name):
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(rf"^{name}:\s+(\d+)", f.read(), re.M)[1])

    @property
    def rss(self):
        return self._status("VmRSS") * 1024

    @property
    def rss_peak(self):
        return self._status("VmHWM") * 1024

    def reset_rss_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as f:
            f.write("5")

    @property
    def threads(self):
        return self._status("Threads")

    @property
    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @property
    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server(Process):
    """A daemon that listens. script: Lua text, or the path of a file of the tree (ends in .lua).
    form: 2 is a handler behind --listen, 1 a program that prints "listening on" itself.
    errors: True or a pattern allows (only such) error lines in the log. exits: the exit code wanted."""

    def __init__(
        self, script, args=(), *, form=2, clear=True, tls=False, flags=(), files=None, env=None, errors=False,
        exits=0, listeners=None, nofile=None, preexec=None,
    ):  # fmt: skip
        self.errors, self.exits, self.code = errors, exits, None
        files = dict(files or {})
        if script.endswith(".lua") and "\n" not in script:
            path = os.path.join(TOP, script)
        else:
            files["app.lua"] = script
            path = "app.lua"
        argv = [BINARY, "run"]
        if form == 2:
            argv += ["--listen", "http://127.0.0.1:0"] if clear else []
            argv += ["--listen", "https://127.0.0.1:0"] if tls else []
        if tls and form == 2:
            self.cert, key = certificate()
            argv += ["--tls-cert", self.cert, "--tls-key", key]
        argv += [*flags, path, *args]
        super().__init__(argv, files, env, preexec, nofile=nofile)
        try:
            want = listeners or (clear + tls if form == 2 else 1)
            found = self.out.wait_for(r"^listening on (https?)://\S+:(\d+)/?\s*$", 10, want)
        except BaseException as err:
            self.code = self.stop()
            _note(err, self)
            raise
        self.ports = {match[1]: int(match[2]) for match in reversed(found)}
        self.port, self.tls_port = self.ports.get("http"), self.ports.get("https")

    def __enter__(self):
        return self

    def __exit__(self, kind, err, _):
        if self.code is None:
            self.code = self.stop()
        if err is not None:
            _note(err, self)
            return
        assert not SANITIZER.search(self.stderr), f"a sanitizer spoke:\n{self.stderr}"
        if self.exits is not None:
            assert self.code == self.exits, f"exit code {self.code}, not {self.exits}; stderr:\n{self.stderr[-4000:]}"
        errors = [line for line in self.err.lines if re.search(r"\blevel=error\b", line)]
        if self.errors is not True:
            bad = [line for line in errors if not (self.errors and re.search(self.errors, line))]
            assert not bad, "logged as errors:\n" + "\n".join(bad[:20])


def _note(err, process):
    text = f"the daemon (exit code {getattr(process, 'code', None)}) wrote to stderr:\n{process.stderr[-6000:]}"
    if hasattr(err, "add_note"):
        err.add_note(text)


@dataclass
class Done:
    """A command that ended by itself."""

    code: int
    stdout: str
    stderr: str

    def __str__(self):
        return f"exit code {self.code}\nstdout:\n{self.stdout}\nstderr:\n{self.stderr}"


def run(*argv, files=None, env=None, seconds=10, preexec=None):
    """Runs `perigee argv...` in a folder with `files` to its end."""
    process = Process([BINARY, *argv], files, env, preexec)
    try:
        code = process.wait(seconds)
        done = Done(code, process.stdout, process.stderr)
    finally:
        process.stop()
    assert not SANITIZER.search(done.stderr), f"a sanitizer spoke:\n{done.stderr}"
    assert code >= 0, f"ended by {signal.Signals(-code).name}\n{done}"
    return done
