"""service: starts `perigee serve` in a folder of its own, asks it, changes it, and leaves nothing behind.

    with Service(traffic.script()) as service:       # two workers, a clear and a TLS listener, ready
        h2client.get(service.port, "/quick?x")
        service.write("app.lua", new_script)
        service.reload()                             # perigee reload; Done, exit code 0
        service.settings["workers"] = 4
        assert service.reload(code=1).stderr ...     # refused, with its reason

The configuration is written from `settings`, a table of Python values, each time it is used. Readiness and all that
the service tells its supervisor arrive at a notify socket of the test's own (service.notified).

Leaving the `with` ends the service by SIGTERM and asserts what perigee.Server asserts, and that no process is left.
"""

import atexit
import contextlib
import ctypes
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import threading
import time

import perigee

_PR_SET_CHILD_SUBREAPER = 36

CONFIG = "perigee.conf.lua"

# The lines by which the service tells of its workers.
READY = r'msg="worker ready".*?\bpid=(\d+)'
ENDED = r'msg="worker ended".*?\bpid=(\d+)'


def adopt_orphans():
    """Processes whose parent ends become the test's own children, so that none gets away."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


adopt_orphans()
_numbers = itertools.count(1)
_known = set()  # pids of children that tests started on purpose


def known(pid, ended=False):
    """A child that is no stray."""
    (_known.discard if ended else _known.add)(pid)


# --- Lua from Python -----------------------------------------------------------------------------------


class Lua(str):
    """Lua source that stands in the configuration as it is."""


def lua(value):
    if isinstance(value, Lua):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return '"' + re.sub(r'[\\"\x00-\x1f]', lambda m: f"\\{ord(m[0]):03d}", value) + '"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f'["{name}"] = {lua(v)}' for name, v in value.items() if v is not None) + " }"
    return "{ " + ", ".join(lua(v) for v in value) + " }"


def config_text(settings):
    """One key a line, so that line numbers mean something."""
    lines = [f"  {name} = {lua(value)}," for name, value in settings.items() if value is not None]
    return "return {\n" + "\n".join(lines) + "\n}\n"


# --- ports, processes ----------------------------------------------------------------------------------


def free_port(host="127.0.0.1"):
    """A port that nobody has, from below the range out of which the kernel gives ports away."""
    for _ in range(1000):
        port = random.randrange(10000, 30000)
        with contextlib.closing(socket.socket()) as sock:
            try:
                sock.bind((host, port))
                return port
            except OSError:
                pass
    raise AssertionError("no free port")


def stat(pid):
    """(parent, state) of a process; (0, "X") when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            state, parent = f.read().rsplit(")", 1)[1].split()[:2]
        return int(parent), state
    except (FileNotFoundError, ProcessLookupError):
        return 0, "X"


def alive(pid):
    return stat(pid)[1] not in "ZX"


def children(pid):
    """Living children."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        parent, state = stat(name)
        if parent == pid and state not in "ZX":
            found.append(int(name))
    return found


def descendants(pid):
    found = children(pid)
    for child in list(found):
        found += descendants(child)
    return found


def strays():
    """Living children of the test itself that it did not start: what a service left behind."""
    return [pid for pid in children(os.getpid()) if pid not in _known]


def gone(pid, seconds=5):
    """Waits until a process has ended. An adopted one is collected."""

    def ended():
        with contextlib.suppress(ChildProcessError):
            if pid not in _known:
                os.waitpid(pid, os.WNOHANG)
        return not alive(pid)

    perigee.eventually(f"the end of process {pid}", ended, seconds)


def environment(pid):
    """b"" for an ordinary user: the service's processes let nobody look inside (they are not dumpable)."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            return f.read()
    except PermissionError:
        return b""


def descriptors(pid):
    """Number -> what it is. {} for an ordinary user, see environment()."""
    found = {}
    with contextlib.suppress(PermissionError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
    return found


def title(pid):
    """What ps shows; "" when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


# --- the supervisor's socket ---------------------------------------------------------------------------


class Notified:
    """A notify socket (sd_notify): collects what is sent there. path: a place in the file system; abstract without."""

    def __init__(self, path=None):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name = path or f"@perigee-test-{os.getpid()}-{next(_numbers)}-{random.randrange(1 << 30)}"
        self.sock.bind(self.name.replace("@", "\0") if self.name.startswith("@") else self.name)
        self.messages = []  # (time.monotonic(), text)
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        while text := self.sock.recv(65536):  # nothing: close() shut it down
            with self._changed:
                self.messages.append((time.monotonic(), text.decode(errors="replace")))
                self._changed.notify_all()

    @property
    def lines(self):
        with self._changed:
            return [line for _, text in self.messages for line in text.splitlines()]

    def count(self, line):
        return self.lines.count(line)

    def wait_for(self, pattern, seconds=10, count=1, gone=None):
        """Waits until `count` lines match; gives the last match. gone: asked whether to give up."""
        until = perigee.deadline(seconds)
        while True:
            found = [m for m in (re.fullmatch(pattern, line) for line in self.lines) if m]
            if len(found) >= count:
                return found[count - 1]
            left = until - time.monotonic()
            assert left > 0, f"no {pattern!r} for the supervisor within {seconds * perigee.FACTOR} s: {self.lines}"
            assert not (gone and gone()), f"the service ended before {pattern!r}: {self.lines}"
            with self._changed:
                self._changed.wait(min(left, 0.05))

    def close(self):
        self.sock.shutdown(socket.SHUT_RD)
        self._thread.join(5)
        self.sock.close()


# Started in the place of the service: moves the descriptors to 3, 4, ... and becomes it, as a supervisor's child does.
ACTIVATE = """
import os, sys
numbers = [int(n) for n in sys.argv[1].split(",")]
numbers = [os.dup(n) for n in numbers]
for at, number in enumerate(numbers): os.dup2(number, 100 + at)
for at in range(len(numbers)): os.dup2(100 + at, 3 + at); os.set_inheritable(3 + at, True)
os.closerange(3 + len(numbers), 400)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(numbers)), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


class Service(perigee.Process):
    """script: text of app.lua. listen: "clear", "tls" or tables; ports are chosen. settings: more keys of the
    configuration, None leaves one out. launcher: argv in front of the binary's. binary: of the service itself.
    sockets: listening sockets handed over as by a supervisor. ready: wait for READY=1."""

    def __init__(
        self, script=None, *, listen=("clear", "tls"), workers=2, settings=None, files=None, errors=False, exits=0,
        env=None, launcher=(), binary=None, flags=(), sockets=(), names="", ready=True, nofile=None, preexec=None,
        notify=None,
    ):  # fmt: skip
        self.errors, self.exits, self.code = errors, exits, None
        self.strays_allowed = False
        self.cert, self.key = perigee.certificate()
        self.listen, self.port, self.tls_port = [], None, None
        for kind in listen:
            self.add_listener(kind)
        self.settings = {
            "script": "app.lua" if script is not None else None,
            "workers": workers,
            "listen": self.listen,
            "control": "control.sock",
            "admin": {"address": "unix:admin.sock"},
            "security": {"root": True} if os.geteuid() == 0 else None,
        }
        self.settings.update(settings or {})
        self.settings.setdefault("log", {"level": "info"})
        self.notified = notify or Notified()
        files = {CONFIG: config_text(self.settings), **(files or {})}
        if script is not None:
            files.setdefault("app.lua", script)
        argv = [*launcher, binary or perigee.BINARY, "serve", "-c", CONFIG, *flags]
        if sockets:
            numbers = ",".join(str(s.fileno()) for s in sockets)
            argv = ["/usr/bin/python3", "-c", ACTIVATE, numbers, names, *argv]
        env = {"NOTIFY_SOCKET": self.notified.name, **(env or {})}
        super().__init__(argv, files, env, preexec, nofile, tuple(s.fileno() for s in sockets))
        _known.add(self.pid)
        if ready:
            try:
                self.notified.wait_for("READY=1", 15, gone=lambda: not self.running())
            except BaseException as err:
                self._end()
                self._note(err)
                raise

    # --- configuration ---

    def add_listener(self, kind, **more):
        """A listener for the next configuration: "clear", "tls" or a table. Gives its port."""
        if isinstance(kind, dict):
            self.listen.append(kind)
            return None
        port = free_port()
        entry = {"address": f"127.0.0.1:{port}", **more}
        if kind == "tls":
            entry.setdefault("tls", {"certificate": self.cert, "key": self.key})
            self.tls_port = self.tls_port or port
        else:
            self.port = self.port or port
        self.listen.append(entry)
        return port

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        """Replaces a file of the service's folder, at once."""
        mode = "wb" if isinstance(text, bytes) else "w"
        with open(self.path(name + ".new"), mode) as f:
            f.write(text)
        os.rename(self.path(name + ".new"), self.path(name))

    def configure(self):
        self.write(CONFIG, config_text(self.settings))

    @property
    def fds(self):
        """How many descriptors the master has; always 0 for an ordinary user, see environment()."""
        return len(descriptors(self.pid))

    # --- asking ---

    def command(self, *argv, seconds=30):
        """Asks the service as its configuration file tells, or, when the control socket has an absolute path, there."""
        control = self.settings["control"]
        where = ("--control", control) if control.startswith("/") else ("-c", self.path(CONFIG))
        return perigee.run(argv[0], *where, *argv[1:], seconds=seconds)

    def reload(self, code=0, seconds=60):
        """Writes the configuration, `perigee reload`. code: what it must exit with."""
        self.configure()
        done = self.command("reload", seconds=seconds)
        assert done.code == code, done
        return done

    def status(self):
        done = self.command("status", "--json")
        assert done.code == 0, done
        return json.loads(done.stdout)

    def workers(self, draining=False):
        """pid -> what status says, of the workers that serve; with draining, of all."""
        return {w["pid"]: w for w in self.status()["workers"] if draining or w["state"] != "draining"}

    def worker_pids(self):
        """Without asking the service: its living children that are workers by their title."""
        return [pid for pid in children(self.pid) if title(pid).startswith("perigee: worker")]

    def settled(self, count=None, seconds=15):
        """Waits until all workers are of one generation, ready, none drains; gives them."""
        state = {}

        def quiet():
            state["all"] = every = self.workers(draining=True)
            return (
                len(every) == (count or len(every) or -1)
                and len({w["generation"] for w in every.values()}) == 1
                and all(w["state"] == "ready" for w in every.values())
            )

        perigee.eventually(lambda: f"{count} workers of one generation: {state}", quiet, seconds)
        return state["all"]

    def mark(self):
        """A place in the log: lines_since() gives what came later."""
        return len(self.err.text)

    def since(self, mark):
        return self.err.text[mark:]

    def wait_log(self, pattern, seconds=10, mark=0, count=1):
        """Waits for lines of the log behind a mark."""
        def found():
            text = self.err.text[mark:]
            matches = list(re.finditer(pattern, text[: text.rfind("\n") + 1], re.M))
            return matches if len(matches) >= count else None

        return perigee.eventually(
            lambda: f"{count} x {pattern!r} in the log:\n{self.err.text[mark:][-4000:]}", found, seconds
        )

    # --- the end ---

    def _end(self):
        before = descendants(self.pid)
        self.code = self.stop(40)
        self.left = [pid for pid in before if alive(pid)] + strays()
        _known.discard(self.pid)
        for pid in self.left if not self.strays_allowed else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in before:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        self.notified.close()

    def _note(self, err):
        if hasattr(err, "add_note"):
            err.add_note(f"the service (exit code {self.code}) wrote to stderr:\n{self.stderr[-6000:]}")

    def __enter__(self):
        return self

    def __exit__(self, kind, err, _):
        if self.code is None:
            self._end()
        if err is not None:
            self._note(err)
            return
        assert not perigee.SANITIZER.search(self.stderr), f"a sanitizer spoke:\n{self.stderr}"
        assert not self.left or self.strays_allowed, f"left behind: {self.left}; stderr:\n{self.stderr[-4000:]}"
        if self.exits is not None:
            assert self.code == self.exits, f"exit code {self.code}, not {self.exits}; stderr:\n{self.stderr[-4000:]}"
        if self.errors is not True:
            lines = [line for line in self.stderr.splitlines() if re.search(r"\blevel=error\b", line)]
            bad = [line for line in lines if not (self.errors and re.search(self.errors, line))]
            assert not bad, "logged as errors:\n" + "\n".join(bad[:20])


def own_binary():
    """(path, replace): a copy of the binary that a test may replace as a package's upgrade does."""
    where = perigee.folder()
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    path = os.path.join(where, "perigee")

    def replace(source=perigee.BINARY):
        shutil.copy2(source, path + ".new")
        os.rename(path + ".new", path)

    replace()
    return path, replace
