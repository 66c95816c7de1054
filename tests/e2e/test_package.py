"""The Debian package in a bare Debian: installed, used, upgraded while it serves, removed, purged; and what
`cmake --install` puts where.

./dev package makes the package and runs this; so does ./dev test --long.

run: alone
run: deadline 480
"""

import atexit
import contextlib
import glob
import gzip
import os
import re
import shutil
import subprocess
import tempfile

import debian
import perigee
import tap

PACKAGES = glob.glob(os.path.join(perigee.TOP, "build/package/perigee_*.deb"))
CONFFILES = ["/etc/logrotate.d/perigee", "/etc/perigee/app.lua", "/etc/perigee/perigee.conf.lua"]
UNITS = ["/usr/lib/systemd/system/perigee.service", "/usr/lib/systemd/system/perigee.socket"]
DROPIN = "/usr/lib/systemd/system/perigee.service.d/notify-reload.conf"
PORT = 8000  # of the configuration as it is shipped
PID_FILE = "/run/perigee/perigee.pid"
# What apt, dpkg and the loader keep for themselves.
THEIRS = ("/var/lib/dpkg", "/var/lib/apt", "/var/cache", "/var/log/apt", "/var/log/dpkg.log", "/var/log/alternatives.log")
THEIRS += ("/etc/ld.so.cache", "/run/adduser", "/tmp", "/perigee.deb", "/var/lib/systemd", "/var/lib/dbus")
BACKUPS = ("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-")  # as they were before the last change


class State:
    """The one root that the tests share, in the order in which they stand here."""

    root = None
    bare = None  # its files before the package came


def root():
    if State.root is None:
        if perigee.SANITIZED:
            raise tap.Skip("the package is of another build: once is enough")
        if not PACKAGES:
            raise tap.Skip("there is no package: ./dev package makes one")
        made = debian.Root(os.path.join(perigee.TOP, "build/package/root"))
        made.__enter__()
        atexit.register(made.__exit__)
        State.root = made
        State.bare = made.files(*THEIRS)
        shutil.copy(max(PACKAGES, key=os.path.getmtime), made.path("/perigee.deb"))
    return State.root


def files():
    return root().files(*THEIRS)


def new_files():
    """Paths that were not there before the package was."""
    return sorted(path for path in files() if path not in State.bare and path not in BACKUPS)


def owner(path):
    found = root().must("stat", "-c", "%U:%G %a", path).strip()
    return found


@contextlib.contextmanager
def written(path, text):
    """A file of the root has this text for as long as the block lasts; what was there before is there again then."""
    real = root().path(path)
    before = None
    if os.path.exists(real):
        with open(real, encoding="utf-8") as file:
            before = file.read()
    root().write(path, text)
    try:
        yield
    finally:
        if before is None:
            os.unlink(real)
        else:
            root().write(path, before)


def text_of(path):
    with open(root().path(path), encoding="utf-8") as file:
        return file.read()


def configured(*names):
    """The configuration with these settings, which it shows behind "--", in force."""
    text = text_of("/etc/perigee/perigee.conf.lua")
    for name in names:
        text, count = re.subn(rf"^( *)--({name} = )", r"\1\2", text, flags=re.M)
        assert count == 1, f"{name}: {count} times in the configuration"
    return text


def listing():
    return root().must("dpkg", "-L", "perigee").split("\n")


# --- the package ---------------------------------------------------------------------------------------


@tap.test(long=True, deadline=300)
def installs_on_a_bare_root():
    """installs on a bare Debian, with what it depends on, and starts nothing"""
    there = root()
    said = there.must("apt-get", "install", "-y", "--no-install-recommends", "/perigee.deb")
    assert "warning" not in said.lower().replace("debconf: ", ""), said
    status = there.must("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", "perigee")
    assert re.fullmatch(r"installed \d+\.\d+\.\d+\S*", status), status
    version = there.must("perigee", "--version")
    assert version.startswith("perigee " + status.split()[1]), version
    assert "(static)" not in version, version
    links = [path for path, what in files().items() if ".wants/" in path and "perigee" in path]
    assert not links, links
    assert not os.path.exists(there.path(PID_FILE))


@tap.test(long=True)
def has_what_a_package_has():
    """has units, settings of systemd, manual pages, documents, scripts and types"""
    root()
    listed = listing()
    for path in [
        *CONFFILES,
        *UNITS,
        "/usr/lib/systemd/system-preset/90-perigee.preset",
        "/usr/lib/sysusers.d/perigee.conf",
        "/usr/lib/tmpfiles.d/perigee.conf",
        "/usr/share/man/man1/perigee.1.gz",
        "/usr/share/man/man5/perigee.conf.5.gz",
        "/usr/share/doc/perigee/copyright",
        "/usr/share/doc/perigee/changelog.gz",
        "/usr/share/doc/perigee/README.md",
        "/usr/share/doc/perigee/docs/operations.md",
        "/usr/share/perigee/scripts/hello.lua",
        "/usr/share/perigee/types/http2.lua",
    ]:
        assert path in listed, f"{path} is not in the package"
    conffiles = root().must("dpkg-query", "-W", "-f", "${Conffiles}", "perigee").split()[::2]
    assert sorted(conffiles) == CONFFILES, conffiles


@tap.test(long=True)
def is_what_was_packed():
    """dpkg --verify finds every file as it was packed"""
    assert root().must("dpkg", "--verify", "perigee") == ""


@tap.test(long=True)
def makes_an_account():
    """makes an account that nobody can log into, and its folders"""
    fields = root().must("getent", "passwd", "perigee").strip().split(":")
    assert 0 < int(fields[2]) < 1000 and fields[6].endswith("nologin"), fields
    assert root().must("id", "-Gn", "perigee").split() == ["perigee"]
    for folder in ("/var/log/perigee", "/var/lib/perigee"):
        assert owner(folder) == "perigee:perigee 750", f"{folder}: {owner(folder)}"
    assert owner("/etc/perigee") == "root:root 755", owner("/etc/perigee")


@tap.test(long=True)
def its_configuration_is_well():
    """`perigee check` is content with the configuration as it is shipped"""
    root().must("perigee", "check")


@tap.test(long=True)
def follows_systemd():
    """the unit says notify-reload where systemd knows it, and only there"""
    there = root()
    # A systemctl that says which version it is and does nothing: /run/systemd/system is not there.
    for version, wanted in ((253, True), (252, False), (257, True), (252, False)):
        there.write("/usr/local/bin/systemctl", f'#!/bin/sh\necho "systemd {version} ({version}.1-1)"\n', 0o755)
        there.must("/var/lib/dpkg/info/perigee.postinst", "triggered", "/usr/lib/systemd/systemd")
        assert os.path.exists(there.path(DROPIN)) == wanted, f"with systemd {version}"
    os.unlink(there.path("/usr/local/bin/systemctl"))
    assert "Type=notify-reload" in text_of("/usr/share/perigee/systemd/notify-reload.conf")


class Service:
    """The service as it is shipped, started by root without systemd, in a network of its own."""

    def __init__(self):
        there = root()
        self.enter = there.network()
        self.enter.__enter__()
        self.master = there.start("perigee", "serve", "--log-level", "info")

    def __enter__(self):
        try:
            self.master.err.wait_for(r'msg="?started\b', 20)
        except BaseException:
            self.master.stop(30)
            self.enter.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.master.running():
                assert self.master.stop(30) == 0
        finally:
            self.enter.__exit__(None, None, None)

    def get(self, path):
        url = f"http://127.0.0.1:{PORT}{path}"
        return root().outside("curl", "-sS", "--fail", "--max-time", "5", "--http2-prior-knowledge", url)

    def workers(self):
        """pids of the children."""
        with open(f"/proc/{self.master.pid}/task/{self.master.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]


def uid_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^Uid:\s+(\d+)", file.read(), re.M)[1])


@tap.test(long=True, deadline=60)
def serves_without_systemd():
    """started by root without systemd it serves as the account, reloads, and ends in order"""
    there = root()
    account = int(there.must("id", "-u", "perigee"))
    with Service() as service:
        assert service.get("/one") == "Perigee works: /one\n"
        assert uid_of(service.master.pid) == 0
        workers = service.workers()
        assert workers and all(uid_of(pid) == account for pid in workers), workers
        assert "ready" in there.must("perigee", "status")
        with written("/etc/perigee/app.lua", "return function(stream)\n"):
            refused = there.run("perigee", "reload")
            assert refused.returncode == 1 and "/etc/perigee/app.lua:2: " in refused.stderr, refused
        assert service.get("/two") == "Perigee works: /two\n"
        changed = text_of("/etc/perigee/app.lua").replace("Perigee works: ", "changed: ")
        with written("/etc/perigee/app.lua", changed):
            there.must("perigee", "reload")
            assert service.get("/three") == "changed: /three\n"
        there.must("perigee", "stop")
        assert service.master.wait(20) == 0


@tap.test(long=True, deadline=60)
def an_upgrade_takes_the_service_along():
    """while it serves, a newer package makes it go on as the new binary, in the same process"""
    there = root()
    changed = configured("pid_file")
    with written("/etc/perigee/perigee.conf.lua", changed), Service() as service:
        before = service.workers()
        there.must("dpkg", "--force-confold", "-i", "/perigee.deb")
        service.master.err.wait_for(r'msg="?upgraded\b', 20)
        perigee.eventually("new workers", lambda: service.workers() and not set(before) & set(service.workers()), 20)
        assert service.get("/new") == "Perigee works: /new\n"
        binary = os.stat(there.path("/usr/bin/perigee"))
        for pid in [service.master.pid, *service.workers()]:
            now = os.stat(f"/proc/{pid}/exe")
            assert (now.st_dev, now.st_ino) == (binary.st_dev, binary.st_ino), pid
        assert text_of("/etc/perigee/perigee.conf.lua") == changed, "the changed configuration was overwritten"


@tap.test(long=True)
def takes_certificates_of_certbot():
    """certbot's hook makes a certificate readable for the service's group and for nobody else"""
    there = root()
    lineage = "/etc/letsencrypt/live/example.org"
    os.makedirs(there.path(lineage))
    try:
        made = perigee.make_certificate(there.path(lineage), "made")
        for source, name in zip(made, ("fullchain.pem", "privkey.pem")):
            os.rename(source, there.path(f"{lineage}/{name}"))
        for _ in range(2):  # a renewal is the same again
            there.must("env", f"RENEWED_LINEAGE={lineage}", "/usr/share/perigee/certbot-deploy-hook")
            assert owner("/etc/perigee/tls/example.org") == "root:perigee 750"
            assert owner("/etc/perigee/tls/example.org/privkey.pem") == "root:perigee 640"
        assert sorted(os.listdir(there.path("/etc/perigee/tls/example.org"))) == ["fullchain.pem", "privkey.pem"]
        pair = 'certificate = "tls/example.org/fullchain.pem", key = "tls/example.org/privkey.pem"'
        config = f'return {{ script = "app.lua", listen = {{ {{ address = ":443", tls = {{ {pair} }} }} }} }}\n'
        with written("/etc/perigee/tls.conf.lua", config):
            there.must("perigee", "check", "-c", "/etc/perigee/tls.conf.lua")
    finally:
        shutil.rmtree(there.path("/etc/perigee/tls"), ignore_errors=True)
        shutil.rmtree(there.path("/etc/letsencrypt"))


@tap.test(long=True, deadline=60)
def a_removal_ends_the_service():
    """a removal ends the service first, in order"""
    with Service() as service:
        remove_package("remove")
        assert service.master.wait(20) == 0, service.master.stderr
    root().must("apt-get", "install", "-y", "--no-install-recommends", "/perigee.deb")


def remove_package(how):
    """apt-get remove, or purge."""
    return root().must("apt-get", how, "-y", "perigee")


@tap.test(long=True)
def a_removal_leaves_the_configuration():
    """a removal leaves the configuration files and nothing else"""
    there = root()
    there.write("/etc/perigee/app.lua", text_of("/etc/perigee/app.lua") + "-- changed\n")
    deps = there.must("dpkg-query", "-W", "-f", "${Depends}", "perigee")
    ours = set(listing())
    remove_package("remove")
    left = [path for path in new_files() if path in ours or "perigee" in path]
    assert left == sorted([*CONFFILES, "/etc/perigee"]), left
    assert text_of("/etc/perigee/app.lua").endswith("-- changed\n")
    assert "libnghttp2" in deps


@tap.test(long=True)
def an_account_that_owns_something_stays():
    """a purge leaves the account, locked, while something in /etc belongs to it"""
    there = root()
    there.write("/etc/key.pem", "a key\n", 0o640)
    there.must("chgrp", "perigee", "/etc/key.pem")
    remove_package("purge")
    fields = there.must("getent", "shadow", "perigee").split(":")
    assert fields[1].startswith("!") and fields[7] == "1", fields
    os.unlink(there.path("/etc/key.pem"))


@tap.test(long=True, deadline=120)
def a_purge_leaves_nothing():
    """installed again and purged, with all that came along, the root is as bare as it was"""
    there = root()
    there.must("apt-get", "install", "-y", "--no-install-recommends", "/perigee.deb")
    there.write("/var/log/perigee/access.log", "a line\n")
    remove_package("purge")
    there.must("apt-get", "autoremove", "--purge", "-y")
    assert new_files() == [], new_files()
    now = files()
    changed = [path for path, what in State.bare.items() if now.get(path) != what and path not in BACKUPS]
    assert not changed, changed


@tap.test(long=True, deadline=90)
def logs_are_rotated():
    """logrotate moves the access log away, and the next request is in the new one"""
    there = root()
    # Last, for logrotate itself does not leave the root as bare as it was.
    there.must("apt-get", "install", "-y", "--no-install-recommends", "/perigee.deb", "logrotate")
    log = "/var/log/perigee/access.log"
    with written("/etc/perigee/perigee.conf.lua", configured("pid_file", "access")), Service() as service:
        service.get("/before")
        perigee.eventually("a line", lambda: "GET /before " in text_of(log))
        there.must("logrotate", "--force", "/etc/logrotate.d/perigee")
        service.master.err.wait_for('msg="log files reopened"')
        service.get("/after")
        perigee.eventually("a line in the new file", lambda: "GET /after " in text_of(log))
        assert "/before" not in text_of(log) and "GET /before " in text_of(log + ".1")
        assert owner(log) == "perigee:perigee 640", owner(log)


# --- cmake --install -----------------------------------------------------------------------------------


def build_folder():
    folder = os.path.dirname(perigee.BINARY)
    if not os.path.exists(os.path.join(folder, "cmake_install.cmake")):
        raise tap.Skip("the binary under test is not in its build folder")
    return folder


def install(destination, prefix):
    done = subprocess.run(
        ["cmake", "--install", build_folder(), "--prefix", prefix],
        env={**os.environ, "DESTDIR": destination}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@tap.test
def an_installation_names_its_own_places():
    """`cmake --install --prefix`: units and pages are where the prefix is, and name the binary there"""
    with tempfile.TemporaryDirectory() as folder:
        install(folder, "/opt/perigee")
        with open(folder + "/opt/perigee/lib/systemd/system/perigee.service", encoding="utf-8") as file:
            unit = file.read()
        assert re.search(r"^ExecStart=/opt/perigee/bin/perigee serve", unit, re.M), unit
        assert "/usr/bin" not in unit, unit
        done = subprocess.run([folder + "/opt/perigee/bin/perigee", "--version"], capture_output=True, timeout=10)
        assert done.returncode == 0, done
        with gzip.open(folder + "/opt/perigee/share/man/man1/perigee.1.gz", "rt") as file:
            assert ".TH PERIGEE 1" in file.read()


@tap.test
def an_installation_keeps_the_configuration():
    """an installation over another one does not touch the configuration"""
    with tempfile.TemporaryDirectory() as folder:
        install(folder, "/usr/local")
        for path in CONFFILES:
            assert os.path.exists(folder + path), path
        with open(folder + "/etc/perigee/app.lua", "w", encoding="utf-8") as file:
            file.write("return changed\n")
        assert "Kept: " in install(folder, "/usr/local")
        with open(folder + "/etc/perigee/app.lua", encoding="utf-8") as file:
            assert file.read() == "return changed\n"


# --- the manual pages ----------------------------------------------------------------------------------


def page(name):
    with open(os.path.join(perigee.TOP, "docs/man", name), encoding="utf-8") as file:
        return file.read().replace("\\-", "-")


@tap.test
def the_page_has_every_option():
    """perigee(1) has every command and option that `perigee help` has, and no other"""
    text = page("perigee.1")
    helps = {"": perigee.run("help").stdout}
    commands = re.findall(r"^  (\w+)\s{2,}\S", helps[""], re.M)
    assert len(commands) >= 3, helps
    for command in commands:
        if command != "help":
            helps[command] = perigee.run("help", command).stdout
        assert re.search(rf"^\.(TP\n\.?B? ?|TP\n\\fB){command}\b", text, re.M), f"{command} is not in perigee(1)"
    told = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", "".join(helps.values())))
    written = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text)) - {"--http2-prior-knowledge"}
    assert told | {"--version", "--help"} == written | {"--version", "--help"}, told ^ written


if __name__ == "__main__":
    tap.main()
