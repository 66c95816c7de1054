"""A service that starts, and one that cannot: one clear line, exit code 1, nothing left behind.

run: slow
run: deadline 240
"""

import contextlib
import json
import os
import pwd
import re
import resource
import shutil
import socket
import stat
import subprocess

import h2client
import perigee
import service as services
import tap
import traffic
from service import Notified, Service, config_text, free_port, strays

ROOT = os.geteuid() == 0

WHO = """
local uv = require "luv"
return function(stream, headers)
  stream:respond { worker = tostring(uv.os_getpid()) }
  stream:finish "NAME"
end
"""


def who(name):
    return WHO.replace("NAME", name)


def failing(settings=None, script=who("app"), files=None, launcher=(), preexec=None, seconds=15, env=None):
    """A start that must fail. Gives what it wrote to stderr: one line, in which `perigee: ` or a log line speaks."""
    port = free_port()
    config = {
        "script": "app.lua",
        "workers": 2,
        "listen": [{"address": f"127.0.0.1:{port}"}],
        "control": "control.sock",
        "admin": {"address": "unix:admin.sock"},
        "security": {"root": True} if ROOT else None,
        **(settings or {}),
    }
    notified = Notified()
    files = {"app.lua": script, services.CONFIG: config_text(config), **(files or {})}
    process = perigee.Process(
        [*launcher, perigee.BINARY, "serve", "-c", services.CONFIG],
        files,
        {"NOTIFY_SOCKET": notified.name, **(env or {})},
        preexec,
    )
    services.known(process.pid)
    try:
        code = process.wait(seconds)
        left = strays()
        files_left = set(os.listdir(process.folder)) - files.keys()
    finally:
        process.stop()
        notified.close()
        services.known(process.pid, ended=True)
    text = process.stdout + process.stderr
    assert not perigee.SANITIZER.search(text), text
    assert code == 1, f"exit code {code}\n{text}"
    assert "READY=1" not in notified.lines, notified.lines
    assert not left, f"left behind: {left}\n{text}"
    assert not files_left & {"control.sock", "admin.sock", "perigee.pid"}, files_left
    assert h2client.refused(port)
    return process.stderr


def one_line(text, *words):
    lines = [line for line in text.splitlines() if not re.search(r"level=(info|debug)", line)]
    assert len(lines) == 1, text
    for word in words:
        assert re.search(word, lines[0], re.I), (word, text)


# --- what it serves ------------------------------------------------------------------------------------


@tap.test
def serves_in_clear_and_over_tls():
    """two workers, a clear and a TLS listener: both serve, new connections reach both workers"""
    with Service(who("app")) as service:
        for port, trust in ((service.port, None), (service.tls_port, service.cert)):
            seen = set()
            for _ in range(60):
                answer = h2client.get(port, tls=trust)
                assert (answer.status, bytes(answer.body)) == (200, b"app")
                seen.add(int(answer.headers["worker"]))
            assert seen == service.workers().keys(), seen


@tap.test
def listeners_with_scripts_of_their_own():
    """each listener can have its own script; globals and modules are not shared between them"""
    module = 'local m = { name = "unset" }\nreturn m\n'
    script = """
      shared = (shared or "") .. "NAME"
      local m = require "common"
      assert(m.name == "unset")
      m.name = "NAME"
      return function(stream) stream:finish(shared .. " " .. require "common".name) end
    """
    ports = [free_port(), free_port(), free_port()]
    listen = [
        {"address": f"127.0.0.1:{ports[0]}"},
        {"address": f"127.0.0.1:{ports[1]}", "script": "b.lua"},
        {"address": f"127.0.0.1:{ports[2]}", "script": "sub/c.lua"},
    ]
    files = {
        "b.lua": script.replace("NAME", "b"),
        "sub/c.lua": script.replace("NAME", "c"),
        "common.lua": module,
        "sub/common.lua": module,
    }
    with Service(script.replace("NAME", "a"), listen=listen, files=files):
        for port, want in zip(ports, (b"a a", b"b b", b"c c")):
            assert h2client.get(port).body == want


@tap.test
def unix_listener():
    """a UNIX socket: served by the workers, with the mode that was asked for, removed at the end"""
    with Service(traffic.script(), listen=["clear", {"address": "unix:web.sock", "mode": "0660"}]) as service:
        path = service.path("web.sock")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660, oct(os.stat(path).st_mode)
        with traffic.Traffic(traffic.Target(path), kept=5, fresh=10) as load:
            load.flows()
            load.place = "reload"
            old = service.workers()
            service.reload()
            for pid in old:
                services.gone(pid, 15)
            load.flows()
            load.more(50)
        load.clean()
        service.signal(15)
        service.popen.wait(10)
        assert not os.path.exists(path) and not os.path.exists(service.path("control.sock"))


@tap.test
def certificates_by_name():
    """several certificates on one listener: the name that the client asks for decides, the first is the default"""
    where = perigee.folder()
    try:
        for name in ("one", "two"):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
                + ["-days", "2", "-subj", f"/CN={name}.test", "-addext", f"subjectAltName=DNS:{name}.test,DNS:*.{name}.test"]
                + ["-keyout", f"{where}/{name}.key", "-out", f"{where}/{name}.pem"],
                check=True,
                capture_output=True,
                timeout=30,
            )
        port = free_port()
        pairs = [{"certificate": f"{where}/{name}.pem", "key": f"{where}/{name}.key"} for name in ("one", "two")]
        with Service(who("app"), listen=[{"address": f"127.0.0.1:{port}", "tls": pairs}]):
            for asked, got in (
                ("one.test", "one"), ("two.test", "two"), ("www.two.test", "two"), ("other.test", "one"), ("", "one"),
            ):  # fmt: skip
                argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-alpn", "h2"]
                argv += ["-servername", asked] if asked else ["-noservername"]
                done = subprocess.run(argv, input=b"", capture_output=True, timeout=20)
                assert re.search(rf"subject=CN ?= ?{got}\.test".encode(), done.stdout), (asked, got, done)
    finally:
        shutil.rmtree(where)


PROGRAM = """
local http2 = require "http2"
local uv = require "luv"
local function serve(server, ...)
  server:on("stream", function(stream)
    stream:respond { worker = tostring(uv.os_getpid()) }
    stream:finish "program"
  end)
  server:listen(...)
end
"""


@tap.test
def programs():
    """a program's own servers take the master's sockets, however their address is written, and survive a reload"""
    port, other = free_port(), free_port()
    script = PROGRAM + (
        f'serve(http2.createServer(), {port}, "127.0.0.1")\n'
        f'serve(http2.createServer(), {{ port = {other}, host = "localhost" }})\n'
    )
    listen = [{"address": f"127.0.0.1:{port}"}, {"address": f"127.0.0.1:{other}"}]
    with Service(script, listen=listen) as service:
        for n in range(2):
            for where in (port, other):
                seen = {int(h2client.get(where).headers["worker"]) for _ in range(60)}
                assert seen == service.workers().keys(), seen
            service.reload()


@tap.test
def a_program_with_an_address_of_its_own():
    """a program may listen elsewhere; the log says that this address is not covered by reload"""
    port, own = free_port(), free_port()
    script = PROGRAM + (
        f'serve(http2.createServer(), {port}, "127.0.0.1")\nserve(http2.createServer(), {own}, "127.0.0.1")\n'
    )
    with Service(script, listen=[{"address": f"127.0.0.1:{port}"}], workers=1) as service:
        assert h2client.get(port).body == h2client.get(own).body == b"program"
        assert re.search(rf"level=warn.*127\.0\.0\.1:{own}", service.stderr), service.stderr


@tap.test
def warnings():
    """each warning of the configuration's check is a line of its own, in the log's format"""
    cert, key = perigee.certificate()
    odd = {"certificate": cert, "key": key, "client_ca": cert}
    listen = [{"address": f"127.0.0.1:{free_port()}", "tls": odd} for _ in range(2)]
    with Service(who("app"), listen=listen, settings={"log": {"level": "info", "format": "json"}}) as service:
        notes = [line for line in map(json.loads, service.stderr.splitlines()) if line["msg"] == "configuration"]
        assert len(notes) == 2 and all(note["level"] == "warn" and "\n" not in note["note"] for note in notes), notes


@tap.test
def pid_file():
    """the PID file holds the master's pid while it runs, and is gone afterwards"""
    with Service(who("app"), settings={"pid_file": "perigee.pid"}) as service:
        path = service.path("perigee.pid")
        with open(path) as f:
            assert f.read() == f"{service.pid}\n"
        service.reload()
        with open(path) as f:
            assert f.read() == f"{service.pid}\n"
        service.signal(15)
        service.popen.wait(10)
        assert not os.path.exists(path)


@tap.test
def without_a_supervisor():
    """without NOTIFY_SOCKET it serves in the foreground all the same"""
    with Service(who("app"), env={"NOTIFY_SOCKET": ""}, ready=False) as service:
        service.wait_log(services.READY, 15, count=2)
        assert h2client.get(service.port).body == b"app"


# --- sockets of a supervisor ---------------------------------------------------------------------------


def listening():
    sock = socket.socket()
    sock.bind(("127.0.0.1", free_port()))
    sock.listen(128)
    return sock


@tap.test(deadline=60)
def activation():
    """LISTEN_FDS: listeners take the sockets they were given, by address, through reload and upgrade"""
    binary, replace = services.own_binary()
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(listening()) for _ in range(2)]
        ports = [sock.getsockname()[1] for sock in socks]
        cert, key = perigee.certificate()
        listen = [
            {"address": f"127.0.0.1:{ports[0]}"},
            {"address": f"127.0.0.1:{ports[1]}", "tls": {"certificate": cert, "key": key}},
        ]
        with Service(traffic.script(), listen=listen, sockets=socks, names="a:b", binary=binary) as service:
            with traffic.Traffic(traffic.Target(ports[0]), traffic.Target(ports[1], tls=cert)) as load:
                load.flows()
                old = service.workers()
                load.place = "reload"
                service.reload()
                for pid in old:
                    services.gone(pid, 15)
                load.flows()
                load.place = "upgrade"
                replace()
                ready = service.notified.count("READY=1")
                service.signal(12)
                service.notified.wait_for("READY=1", 20, ready + 1)
                load.flows()
                load.more(100)
            load.clean()
            for pid in service.workers():
                assert b"LISTEN_" not in services.environment(pid)


@tap.test
def activation_without_a_listener():
    """a socket of the service manager that no listener asks for is named in the log"""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(listening()) for _ in range(2)]
        ports = [sock.getsockname()[1] for sock in socks]
        listen = [{"address": f"127.0.0.1:{ports[0]}"}]
        with Service(who("app"), listen=listen, sockets=socks, names="a:b") as service:
            service.err.wait_for(f"no listener for a socket.* address=127.0.0.1:{ports[1]}")
            assert h2client.get(ports[0]).body == b"app"


@tap.test
def systemd_socket_activate():
    """systemd-socket-activate starts it at the first connection, and that connection is served"""
    activate = shutil.which("systemd-socket-activate")
    if not activate:
        raise tap.Skip("systemd-socket-activate is not installed")
    port = free_port()
    launcher = [activate, "-l", f"127.0.0.1:{port}", "-E", "NOTIFY_SOCKET", "-E", "ASAN_OPTIONS", "-E", "UBSAN_OPTIONS"]
    with Service(who("app"), listen=[{"address": f"127.0.0.1:{port}"}], launcher=launcher, ready=False) as service:
        service.err.wait_for("Listening on")
        assert h2client.get(port).body == b"app"
        service.notified.wait_for("READY=1")


# --- privileges ----------------------------------------------------------------------------------------


@tap.test
def drops_to_a_user():
    """started as root, workers are the user's: no capability, no_new_privs, seccomp, not dumpable, all descriptors"""
    if not ROOT:
        raise tap.Skip("needs root")
    where = perigee.folder()
    perigee.readable_for_all(where)
    with open(os.path.join(where, "app.lua"), "w") as f:
        f.write(who("app"))
    cert, key = perigee.certificate()
    assert stat.S_IMODE(os.stat(key).st_mode) & 0o077 == 0  # nobody but root can read it
    settings = {"script": os.path.join(where, "app.lua"), "user": "nobody", "group": "nogroup", "security": None}
    try:
        with Service(settings=settings, nofile=None) as service:
            perigee.readable_for_all(service.folder)
            assert h2client.get(service.port).body == b"app"
            assert h2client.get(service.tls_port, tls=service.cert).body == b"app"
            for pid in service.workers():
                with open(f"/proc/{pid}/status") as f:
                    status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
                assert status["Uid"].split() == ["65534"] * 4, status
                assert status["Gid"].split() == ["65534"] * 4, status
                assert status["Groups"].split() in ([], ["65534"]), status
                for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
                    assert int(status[name], 16) == 0 or name == "CapBnd", (name, status)
                assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", status
                with open(f"/proc/{pid}/limits") as f:
                    soft, hard = re.search(r"Max open files\s+(\d+)\s+(\d+)", f.read()).groups()
                assert soft == hard
            service.reload()
            assert h2client.get(service.tls_port, tls=service.cert).body == b"app"
    finally:
        shutil.rmtree(where)


@tap.test
def refuses_root():
    """handlers do not run as root, unless told; the user is called perigee when none is named"""
    if not ROOT:
        raise tap.Skip("needs root")
    try:
        pwd.getpwnam("perigee")
        raise tap.Skip("there is a user perigee here")
    except KeyError:
        one_line(failing({"security": None}), "user", "perigee")


@tap.test
def a_user_that_is_not_there():
    """an unknown user or group is refused"""
    if not ROOT:
        raise tap.Skip("needs root")
    one_line(failing({"user": "no-such-user"}), "no-such-user")
    one_line(failing({"user": "nobody", "group": "no-such-group"}), "no-such-group")


# --- starts that fail ----------------------------------------------------------------------------------


@tap.test
def a_taken_port():
    """a port that somebody has is an error, also when it is another perigee of the same user"""
    with contextlib.closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        one_line(failing({"listen": [{"address": f"127.0.0.1:{port}"}]}), f"127.0.0.1:{port}", "in use")
    with Service(who("first")) as first:
        for port in (first.port, first.tls_port):
            one_line(failing({"listen": [{"address": f"127.0.0.1:{port}"}]}), f"127.0.0.1:{port}", "in use")
        for _ in range(20):
            assert h2client.get(first.port).body == b"first"


@tap.test
def the_same_service_twice():
    """a second service with the control socket or PID file of one that runs is refused, and the first goes on"""
    with Service(who("first"), settings={"pid_file": "perigee.pid"}) as first:
        one_line(failing({"control": first.path("control.sock")}), "control.sock")
        one_line(failing({"pid_file": first.path("perigee.pid")}), "perigee.pid", str(first.pid))
        assert h2client.get(first.port).body == b"first"
        with open(first.path("perigee.pid")) as f:
            assert f.read() == f"{first.pid}\n"
        first.status()


@tap.test
def a_taken_unix_socket():
    """a UNIX socket on which somebody listens is an error; a dead one is replaced"""
    where = perigee.folder()
    path = os.path.join(where, "web.sock")
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
            sock.bind(path)
            sock.listen()
            one_line(failing({"listen": [{"address": f"unix:{path}"}]}), "web.sock", "in use")
        assert os.path.exists(path)
        with Service(who("app"), listen=["clear", {"address": f"unix:{path}"}]):
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
                sock.connect(path)
    finally:
        shutil.rmtree(where)


@tap.test(deadline=60)
def bad_certificates():
    """a certificate that is missing, none, or not its key's: one line that names the file"""
    cert, key = perigee.certificate()
    with contextlib.ExitStack() as stack:
        where = perigee.folder()
        stack.callback(shutil.rmtree, where)
        other, other_key = perigee.make_certificate(where, "other")

        def tls(certificate, key):
            return {"listen": [{"address": f"127.0.0.1:{free_port()}", "tls": {"certificate": certificate, "key": key}}]}

        one_line(failing(tls("missing.pem", key)), "missing.pem", "no such file")
        one_line(failing(tls(cert, "missing.key")), "missing.key", "no such file")
        one_line(failing(tls(cert, other_key)), "other.key", "match")
        one_line(failing(tls("app.lua", key)), "app.lua")
        one_line(failing(tls(cert, "app.lua")), "app.lua")


@tap.test(deadline=60)
def bad_configurations():
    """a configuration that is wrong: file, line, reason"""
    assert "nowhere.lua" in failing({"script": "nowhere.lua"})
    assert re.search(r"wokers.*workers", failing({"wokers": 2}))
    assert re.search(r"perigee\.conf\.lua:2", failing(files={services.CONFIG: "return {\n  workers = = 2\n}\n"}))
    done = perigee.run("serve", "-c", "nowhere.conf.lua")
    assert done.code == 1
    one_line(done.stderr, "nowhere.conf.lua", "no such file")


@tap.test
def an_unwritable_log():
    """a log that cannot be opened"""
    one_line(failing({"log": {"file": "missing/perigee.log"}}), "missing/perigee.log", "no such file")
    one_line(failing({"log": {"access": "missing/access.log"}}), "missing/access.log", "no such file")
    one_line(failing({"log": {"access": "."}}), "access", "folder")


@tap.test(deadline=60)
def no_descriptors():
    """with too few descriptors: one line that says how many are needed; with those it serves"""
    need = None
    for most in (16, 40, 100, 200):  # with fewer not even its libraries are found

        def tight(most=most):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

        text = failing(preexec=tight)
        one_line(text, "descriptor", str(most))
        need = int(re.search(r"at least (\d+)", text)[1])
    with Service(who("app"), nofile=need) as service:
        assert h2client.get(service.tls_port, tls=service.cert).body == b"app"
        service.reload()


@tap.test
def a_low_port_without_root():
    """port 443 as an ordinary user"""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
        if int(f.read()) <= 443:
            raise tap.Skip("everybody may bind port 443 here")
    launcher, preexec = [], None
    if ROOT:
        if not shutil.which("setpriv"):
            raise tap.Skip("setpriv is not installed")
        launcher = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
        perigee.readable_for_all(os.path.dirname(perigee.folder()))

        def preexec():
            perigee.readable_for_all(os.getcwd())
            os.chown(os.getcwd(), 65534, 65534)

        probe = subprocess.run([*launcher, perigee.BINARY, "--version"], capture_output=True)
        if probe.returncode:
            raise tap.Skip("an ordinary user cannot run the binary where it is")
    text = failing({"listen": [{"address": "127.0.0.1:443"}], "security": None}, launcher=launcher, preexec=preexec)
    one_line(text, "127.0.0.1:443", "permission")


@tap.test
def an_ordinary_user():
    """an ordinary user's service needs no root at all"""
    if not ROOT:
        raise tap.Skip("that is what all the other tests show")
    where = perigee.folder()
    perigee.readable_for_all(where)
    os.chown(where, 65534, 65534)
    with open(os.path.join(where, "app.lua"), "w") as f:
        f.write(who("app"))
    launcher = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    if subprocess.run([*launcher, perigee.BINARY, "--version"], capture_output=True).returncode:
        raise tap.Skip("an ordinary user cannot run the binary where it is")
    settings = {
        "script": os.path.join(where, "app.lua"), "control": os.path.join(where, "control.sock"),
        "admin": {"address": f"unix:{where}/admin.sock"}, "security": None,
    }  # fmt: skip

    def preexec():
        perigee.readable_for_all(os.getcwd())

    try:
        with Service(settings=settings, listen=["clear"], launcher=launcher, preexec=preexec) as service:
            assert h2client.get(service.port).body == b"app"
            service.reload()
            assert h2client.get(service.port).body == b"app"
            # The administrator finds it by its configuration, too.
            done = perigee.run("reload", "-c", service.path(services.CONFIG))
            assert done.code == 0, done
    finally:
        shutil.rmtree(where)


if __name__ == "__main__":
    tap.main()
