"""debian: a bare Debian of the release that runs here, unpacked into a folder, to install a package in.

    with Root(os.path.join(TOP, "build/package/root")) as root:    # tap.Skip with the reason where that cannot be had
        done = root.run("apt-get", "install", "-y", "/perigee.deb")
        with root.network():                                       # from here on, one that only has its loopback
            daemon = root.start("perigee", "serve")                # a perigee.Process
            page = root.outside("curl", "http://127.0.0.1/")       # a program of this machine, in that network

Commands run chrooted, with /proc mounted in a mount namespace of their own, which ends with them. What debootstrap made is kept for a week as a tar file; mirrors and proxies are those of this machine's apt.
"""

import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import time

import perigee
import tap

TOP = perigee.TOP
CACHE_SECONDS = 7 * 86400
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND": "noninteractive",
    "LC_ALL": "C.UTF-8",
    "HOME": "/",
}
IN_ROOT = 'mount -t proc proc "$0/proc" && cd "$0" && exec chroot . "$@"'


def _output(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


def codename():
    with open("/etc/os-release", encoding="utf-8") as file:
        fields = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    if fields.get("ID") != "debian" or "VERSION_CODENAME" not in fields:
        raise tap.Skip("this is not a release of Debian")
    return fields["VERSION_CODENAME"].strip('"')


def repositories(name):
    """(address, suite) of the repositories that this machine uses for that release; the main one is first."""
    lines = _output("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages")
    found = [line.split() for line in dict.fromkeys(lines.splitlines())]
    ours = [(uri, suite) for uri, suite, component in found if suite.startswith(name) and component == "main"]
    if (main := next((r for r in ours if r[1] == name), None)) is None:
        raise tap.Skip(f"apt has no repository of {name}; its lists may never have been fetched (apt-get update)")
    return [main, *(r for r in ours if r != main)]


def can_make_roots():
    """Skips where a root cannot be made, before anything is done."""
    if os.geteuid() != 0:
        raise tap.Skip("only root can make a throw-away Debian")
    for command, package in (("debootstrap", "debootstrap"), ("unshare", "util-linux"), ("apt-get", "apt")):
        if shutil.which(command) is None:
            raise tap.Skip(f"there is no {command} (package {package})")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        raise tap.Skip("no mount namespaces here")


class Root:
    def __init__(self, folder):
        can_make_roots()
        self.folder = folder
        self.name = codename()
        self.repositories = repositories(self.name)
        self.enter = []  # the command that enters the network in use
        self.archive = os.path.join(TOP, f"build/debootstrap-{self.name}.tar")

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        try:
            self._unpack()
            self._configure()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, inside):
        return os.path.join(self.folder, inside.lstrip("/"))

    def _unpack(self):
        """From the archive, which one test makes while others wait for it."""
        with open(self.archive + ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._make_archive()
        subprocess.run(["tar", "-C", self.folder, "-xpf", self.archive], check=True)

    def _make_archive(self):
        try:
            fresh = time.time() - os.stat(self.archive).st_mtime < CACHE_SECONDS
        except FileNotFoundError:
            fresh = False
        if not fresh:
            mirror = self.repositories[0][0]
            # In namespaces of its own: its processes and mounts end with it, also when a deadline ends it.
            made = subprocess.run(
                ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
                 "debootstrap", "--variant=minbase", self.name, self.folder, mirror],
                capture_output=True, text=True,
            )  # fmt: skip
            if made.returncode != 0:
                raise tap.Skip("debootstrap: " + (made.stdout + made.stderr).strip().splitlines()[-1])
            part = self.archive + ".part"
            subprocess.run(["tar", "-C", self.folder, "-cf", part, "."], check=True)
            os.rename(part, self.archive)
            shutil.rmtree(self.folder)
            os.makedirs(self.folder)

    def _configure(self):
        sources = "".join(f"deb {uri} {suite} main\n" for uri, suite in self.repositories)
        proxies = [line for line in _output("apt-config", "dump").splitlines() if line.startswith("Acquire::http")]
        self.write("/etc/apt/sources.list", sources)
        self.write("/etc/dpkg/dpkg.cfg.d/fast", "force-unsafe-io\n")  # nobody needs it after a power cut
        self.write("/etc/apt/apt.conf.d/90here", 'Acquire::Languages "none";\n' + "".join(f"{p}\n" for p in proxies))
        with open("/etc/resolv.conf", encoding="utf-8") as file:
            self.write("/etc/resolv.conf", file.read())
        updated = self.run("apt-get", "-q", "update")
        if updated.returncode != 0:
            raise tap.Skip("apt-get update: " + updated.stderr.strip().splitlines()[-1])

    def write(self, inside, text, mode=0o644):
        """Writes a file, its folder included; a link in its place goes."""
        path = self.path(inside)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.islink(path):
            os.unlink(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    @contextlib.contextmanager
    def network(self):
        """A network of its own, kept by a process that waits for its standard input to end."""
        keeper = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && read -r _"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            if keeper.stdout.readline() != "up\n":
                raise tap.Skip("no network namespaces here")
            self.enter = ["nsenter", f"--net=/proc/{keeper.pid}/ns/net"]
            yield
        finally:
            self.enter = []
            keeper.communicate(timeout=10)

    def outside(self, *argv, seconds=10):
        """Runs a program of this machine in the root's network; gives what it printed."""
        done = subprocess.run([*self.enter, *argv], capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, f"{shlex.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _command(self, argv):
        return [*self.enter, "unshare", "--mount", "--propagation", "private", "sh", "-c", IN_ROOT, self.folder, *argv]

    def run(self, *argv, seconds=120):
        """Runs a command to its end; gives subprocess' answer, with text."""
        return subprocess.run(
            self._command(argv), env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
        )

    def must(self, *argv, seconds=120):
        """The same; a failure fails the test. Gives what was printed."""
        done = self.run(*argv, seconds=seconds)
        assert done.returncode == 0, f"{shlex.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *argv):
        return perigee.Process(self._command(argv), env=ENVIRONMENT)

    def files(self, *without):
        """What is there: path -> what it is and holds. The folders of `without`, mounts and devices are left out."""
        found = {}
        for folder, folders, names in os.walk(self.folder):
            inside = "/" + os.path.relpath(folder, self.folder)
            inside = "/" if inside == "/." else inside
            folders[:] = [n for n in folders if os.path.join(inside, n) not in ("/proc", "/sys", "/dev", *without)]
            for name in [*folders, *names]:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    found[os.path.join(inside, name)] = "-> " + os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        found[os.path.join(inside, name)] = file.read()
                elif os.path.isdir(path):
                    found[os.path.join(inside, name)] = "folder"
        return {path: what for path, what in found.items() if path not in without}
