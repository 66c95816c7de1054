"""The systemd files of conf/, as systemd's own tools read them: clean, hardened as promised, and in agreement with one
another. What a running systemd does with them is test_booted.py's."""

import os
import re
import shutil
import subprocess

import perigee
import tap

CONF = os.path.join(perigee.TOP, "conf")


def read(name):
    with open(os.path.join(CONF, name), encoding="utf-8") as file:
        return file.read()


def settings(name):
    """[(key, value)] of a unit file, in order."""
    return [tuple(line.split("=", 1)) for line in read(name).splitlines() if re.match(r"\w+=", line)]


def setting(name, key):
    """The values of a key, in order; one that is set to nothing forgets those before it."""
    values = []
    for k, value in settings(name):
        if k == key:
            values = values + [value] if value else []
    return values


def tool(name, *argv, **options):
    if shutil.which(name) is None:
        raise tap.Skip(f"there is no {name} (package systemd)")
    return subprocess.run([name, *argv], capture_output=True, text=True, timeout=60, **options)


def version():
    return int(re.match(r"systemd (\d+)", tool("systemd-analyze", "--version").stdout)[1])


def unit_folder(*dropins):
    """A folder with the pair, and the drop-ins beside it. The binary is the one under test."""
    where = perigee.folder()
    for name in ("perigee.service", "perigee.socket"):
        with open(os.path.join(where, name), "w", encoding="utf-8") as file:
            file.write(read(name).replace("/usr/bin/perigee", perigee.BINARY))
    os.mkdir(os.path.join(where, "perigee.service.d"))
    for name in dropins:
        shutil.copy(os.path.join(CONF, "perigee.service.d", name), os.path.join(where, "perigee.service.d"))
    return where


def exposure(*dropins):
    where = unit_folder(*dropins)
    done = tool("systemd-analyze", "security", "--offline=true", "--no-pager", os.path.join(where, "perigee.service"))
    shutil.rmtree(where)
    level = re.search(r"Overall exposure level for perigee\.service: ([\d.]+)", done.stdout)
    assert level, done.stdout[-2000:] + done.stderr
    bad = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("✗")]
    return float(level[1]), f"{level[1]}: {' '.join(bad)}"


@tap.test
def hardened():
    """systemd-analyze security: at most 1.3 as shipped, 0.6 without network, 2.8 with a root master"""
    for most, dropins in ((1.3, ()), (0.6, ("private-network.conf",)), (2.8, ("root-master.conf",))):
        level, what = exposure(*dropins)
        assert level <= most, f"{dropins or 'shipped'}: {what}"


@tap.test
def verified():
    """systemd-analyze verify has nothing to say, with each drop-in and with all"""
    names = sorted(os.listdir(os.path.join(CONF, "perigee.service.d")))
    assert names == ["notify-reload.conf", "private-network.conf", "root-master.conf"], names
    if version() < 253:
        names.remove("notify-reload.conf")
    for dropins in ((), *((name,) for name in names), names):
        where = unit_folder(*dropins)
        units = [os.path.join(where, name) for name in ("perigee.service", "perigee.socket")]
        done = tool("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units)
        shutil.rmtree(where)
        ours = [line for line in (done.stdout + done.stderr).splitlines() if "perigee" in line]
        assert done.returncode == 0 and not ours, f"{dropins}: {done.stdout}{done.stderr}"


@tap.test
def compiles_scripts():
    """no unit takes executable memory away, which the JIT needs"""
    assert setting("perigee.service", "MemoryDenyWriteExecute") == []
    for name in os.listdir(os.path.join(CONF, "perigee.service.d")):
        assert setting("perigee.service.d/" + name, "MemoryDenyWriteExecute") == [], name


@tap.test
def the_service():
    """the service is of Type=notify, unprivileged from its start, with the paths that the daemon has by default"""
    service = dict(settings("perigee.service"))
    assert service["Type"] == "notify" and int(service["WatchdogSec"]) >= 10, service
    assert service["ExecStart"] == "/usr/bin/perigee serve" and service["ExecReload"] == "/usr/bin/perigee reload"
    assert service["User"] == service["Group"] == "perigee"
    assert service["CapabilityBoundingSet"] == "" and "AmbientCapabilities" not in service
    assert [service[k + "Directory"] for k in ("Runtime", "State", "Logs")] == ["perigee"] * 3
    # A drain takes 30 s by default (limits.drain_timeout); a worker that is killed must not end the others.
    assert int(service["TimeoutStopSec"]) > 30 and service["KillMode"] == "mixed" and service["OOMPolicy"] == "continue"
    assert "perigee.socket" in service["Wants"].split() and "perigee.socket" in service["After"].split()
    assert service["Also"] == "perigee.socket"
    socket = dict(settings("perigee.socket"))
    assert "Accept" not in socket and socket["ListenStream"] == "8000", socket


@tap.test
def off_by_default():
    """the preset leaves both units off until somebody enables them"""
    lines = [line for line in read("perigee.preset").splitlines() if line and not line.startswith("#")]
    assert sorted(lines) == ["disable perigee.service", "disable perigee.socket"], lines


@tap.test
def account_and_folders():
    """systemd-sysusers and systemd-tmpfiles make the account and its folders"""
    if os.geteuid() != 0:
        raise tap.Skip("only root can make accounts, even in a folder")
    root = perigee.folder()
    os.mkdir(os.path.join(root, "etc"))
    done = tool("systemd-sysusers", f"--root={root}", os.path.join(CONF, "perigee.sysusers"))
    assert done.returncode == 0, done.stderr
    with open(os.path.join(root, "etc/passwd"), encoding="utf-8") as file:
        name, _, uid, gid, _, home, shell = file.read().strip().split(":")
    assert (name, home) == ("perigee", "/var/lib/perigee") and shell.endswith("/nologin"), (name, home, shell)
    assert uid != "0" and gid != "0"
    done = tool("systemd-tmpfiles", f"--root={root}", "--create", os.path.join(CONF, "perigee.tmpfiles"))
    assert done.returncode == 0, done.stderr
    for path, mode in (("run", 0o755), ("var/lib", 0o750), ("var/log", 0o750)):
        status = os.stat(os.path.join(root, path, "perigee"))
        assert (status.st_uid, status.st_gid) == (int(uid), int(gid)), path
        assert status.st_mode & 0o7777 == mode, f"{path}: {status.st_mode:o}"
    shutil.rmtree(root)


if __name__ == "__main__":
    tap.main()
