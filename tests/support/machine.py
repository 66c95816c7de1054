"""machine: boots systemd in a throw-away root (debian.Root with the package systemd in it), in namespaces of its own:
processes, mounts, control groups, network (loopback only), names.

    with Machine(root.folder) as machine:             # tap.Skip with the reason where that cannot be had
        machine.must("systemctl", "start", "perigee")
        with machine.network():                       # sockets that this thread makes are the machine's
            h2client.get(80)
        print(machine.journal("perigee"))

All of it ends with its first process. The kernel's settings are read-only to it.
"""

import contextlib
import ctypes
import os
import shlex
import shutil
import subprocess

import perigee
import tap

CLONE_NEWNET = 0x40000000
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}

# $0: the root's folder. Runs in the new namespaces; systemd becomes their process 1.
BOOT = r"""
set -eu
mount --bind "$0" "$0"
cd "$0"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir run/machine
pivot_root . run/machine
cd /
umount -l /run/machine
rmdir /run/machine
exec /lib/systemd/systemd --system --log-target=journal-or-kmsg --show-status=false
"""

NAMESPACES = ["--mount", "--propagation", "private", "--pid", "--cgroup", "--uts", "--ipc", "--net"]


def control_groups():
    """Where cgroup2 is mounted."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        found = [fields[1] for fields in map(str.split, file) if fields[2] == "cgroup2"]
    if not found:
        raise tap.Skip("no cgroup2 is mounted here")
    return found[0]


def can_boot():
    """Skips where no machine can be booted, before anything is done."""
    if os.geteuid() != 0:
        raise tap.Skip("only root can boot a machine")
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        raise tap.Skip("there is no unshare (package util-linux)")
    if subprocess.run(["unshare", *NAMESPACES, "--fork", "true"], capture_output=True).returncode != 0:
        raise tap.Skip("no namespaces here")
    if not os.access(control_groups(), os.W_OK):
        raise tap.Skip("control groups cannot be made here")


class Machine:
    def __init__(self, root):
        can_boot()
        self.group = os.path.join(control_groups(), f"perigee-test-{os.getpid()}")
        self.root, self.process, self.pid = root, None, 0

    def __enter__(self):
        os.mkdir(self.group)
        try:
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _boot(self):
        def join_group():
            with open(os.path.join(self.group, "cgroup.procs"), "w", encoding="utf-8") as file:
                file.write("0")

        argv = ["unshare", *NAMESPACES, "--fork", "--kill-child", "sh", "-c", BOOT, self.root]
        env = {"container": "perigee-test", "TERM": "dumb", **ENVIRONMENT}
        self.process = perigee.Process(["env", "-i", *(f"{k}={v}" for k, v in env.items()), *argv], preexec=join_group)
        try:
            self.pid = perigee.eventually("a first process", self._first_process, 10)
            state = perigee.eventually("a machine that is up", self._state, 60)
        except AssertionError as err:
            raise tap.Skip(f"systemd does not boot here ({err}): {self.process.stderr[-300:]}") from None
        assert state == "running", self.run("systemctl", "--failed").stdout

    def _first_process(self):
        assert self.process.running(), f"exit code {self.process.popen.poll()}"
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="utf-8") as file:
            return int((file.read().split() or ["0"])[0])

    def _state(self):
        assert self.process.running(), f"exit code {self.process.popen.poll()}"
        state = self.run("systemctl", "is-system-running").stdout.strip()
        return state if state in ("running", "degraded") else None

    def __exit__(self, *_):
        if self.process:
            if self.process.running():
                self.process.popen.kill()
            self.process.stop()
        if not os.path.isdir(self.group):
            return
        perigee.eventually("the end of all its processes", self._remove_groups, 10)

    def _remove_groups(self):
        try:
            for folder, _, _ in os.walk(self.group, topdown=False):
                os.rmdir(folder)
            return True
        except OSError:
            return False

    # --- inside ---

    def _inside(self, argv):
        return ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-u", "-i", "-C", "-r", "-w", *argv]

    def run(self, *argv, seconds=60):
        """Runs a command to its end; gives subprocess' answer, with text."""
        return subprocess.run(
            self._inside(argv), env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=seconds * perigee.FACTOR,
        )  # fmt: skip

    def must(self, *argv, seconds=60):
        """The same; a failure fails the test, with the journal's end. Gives what was printed."""
        done = self.run(*argv, seconds=seconds)
        if done.returncode != 0:
            end = self.run("journalctl", "--no-pager", "--lines=40", "--output=cat").stdout
            raise AssertionError(
                f"{shlex.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}\njournal:\n{end}"
            )
        return done.stdout

    def show(self, unit, name):
        """A property of a unit."""
        return self.must("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def journal(self, unit, *more):
        """What the journal has of a unit: its own lines and those of systemd about it. more: for journalctl."""
        self.must("journalctl", "--sync")
        return self.must("journalctl", "--no-pager", "--output=cat", f"--unit={unit}", *more)

    def pids(self, unit):
        """Processes of a unit, as this side numbers them."""
        group = self.show(unit, "ControlGroup")
        if not group:
            return []
        try:
            with open(os.path.join(self.group, group.lstrip("/"), "cgroup.procs"), encoding="utf-8") as file:
                return [int(pid) for pid in file.read().split()]
        except FileNotFoundError:
            return []

    @contextlib.contextmanager
    def network(self):
        """Sockets that this thread makes, and threads that it starts, are in the machine's network meanwhile."""
        libc = ctypes.CDLL(None, use_errno=True)
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            assert libc.setns(back, CLONE_NEWNET) == 0
            os.close(there)
            os.close(back)
