"""worker: one worker of `perigee serve`, with the test in the place of its master.

    with Worker(script, listen=["127.0.0.1:0"]) as worker:      # READY was heard
        h2client.get(worker.ports[0], "/")
        worker.send(worker.DRAIN, b=5000)                       # a message; see daemon/process/messages.h
        worker.hear(worker.HELD).text
        assert worker.wait() == 0

The settings are a configuration that the binary itself checks and turns into a document. The sockets are the test's:
worker.sockets[listener][slot - 1].
"""

import os
import re
import select
import shutil
import socket
import struct
import subprocess
import time
from dataclasses import dataclass

import perigee
import service

with open(os.path.join(perigee.TOP, "daemon/process/messages.h")) as header:
    KINDS = re.findall(r"^\s+MESSAGE_([A-Z]+)\b", header.read(), re.M)


@dataclass
class Message:
    kind: str
    a: int
    b: int
    text: str


def document(folder, settings):
    """The settings document of a configuration, as an open memfd."""
    path = os.path.join(folder, service.CONFIG)
    with open(path, "w") as f:
        f.write(service.config_text(settings))
    fd = os.memfd_create("settings")

    def on_3():
        os.dup2(fd, 3)
        os.set_inheritable(3, True)

    done = subprocess.run(
        [perigee.BINARY, "configure", "-c", path],
        env={**os.environ, "PERIGEE_CONFIGURE": "1"},
        capture_output=True,
        text=True,
        timeout=30 * perigee.FACTOR,
        preexec_fn=on_3,
        close_fds=False,
    )
    assert done.returncode == 0, done.stderr
    return fd


def bind(address, slots, apart):
    """Sockets of an address for all slots: one alone for a UNIX socket. Port 0: the same port for all, unless apart."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(address[5:])
        sock.listen(511)
        sock.setblocking(False)
        return [sock]
    host, port = address.rsplit(":", 1)
    found = []
    for _ in range(slots):
        sock = socket.socket(socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host or "0.0.0.0", found[0].getsockname()[1] if found and not apart else 0 if found else int(port)))
        sock.listen(511)
        sock.setblocking(False)
        found.append(sock)
    return found


class Worker(perigee.Server):
    """script: Lua text of app.lua. listen: addresses, or tables of a listener's settings. files: more files.
    like: another worker, whose settings and sockets this one gets too. apart: slots have ports of their own.
    ready: wait for READY. errors, exits: as perigee.Server's."""

    def __init__(
        self, script, listen=("127.0.0.1:0",), *, settings=None, files=None, slot=1, slots=1, ready=True,
        errors=False, exits=0, env=None, like=None, apart=False,
    ):  # fmt: skip
        self.errors, self.exits, self.code = errors, exits, None
        where = perigee.folder()
        self.where = where
        for name, text in {"app.lua": script, **(files or {})}.items():
            with open(os.path.join(where, name), "w") as f:
                f.write(text)
        listen = like.listen if like else listen
        listen = [dict(entry) if isinstance(entry, dict) else {"address": entry} for entry in listen]
        self.sockets = []
        for i, entry in enumerate(listen):
            address = entry["address"].replace("unix:", f"unix:{where}/") if not like else entry["address"]
            sockets = [sock.dup() for sock in like.sockets[i]] if like else bind(address, slots, apart)
            if address.endswith(":0"):
                address = f"{address[:-2]}:{sockets[0].getsockname()[1]}"
            entry["address"] = address
            self.sockets.append(sockets)
        slots = len(self.sockets[0])
        self.listen = listen
        plan = {"script": "app.lua", "listen": listen, "admin": False, "security": {"root": True}, **(settings or {})}
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.document = os.dup(like.document) if like else document(where, plan)
        inherited = [sock.fileno() for sockets in self.sockets for sock in sockets] + [theirs.fileno(), self.document]
        text = "|".join(",".join(str(sock.fileno()) for sock in sockets) for sockets in self.sockets)
        shared = "".join("1" if entry["address"].startswith("unix:") else "0" for entry in listen)
        role = (
            f"control={theirs.fileno()} settings={self.document} region=-1 page=-1 log=-1 access=-1 slot={slot} slots={slots} "
            f"generation=1 sockets={text} shared={shared}"
        )
        perigee.Process.__init__(
            self, [perigee.BINARY], env={**(env or {}), "PERIGEE_WORKER": role}, descriptors=inherited
        )
        theirs.close()
        self.heard = []
        if ready:
            try:
                self.hear("READY")
            except BaseException as err:
                self.code = self.stop()
                perigee._note(err, self)
                raise

    @property
    def ports(self):
        return [sockets[0].getsockname()[1] if sockets[0].family != socket.AF_UNIX else None for sockets in self.sockets]

    @property
    def port(self):
        return self.ports[0]

    def send(self, kind, a=0, b=0):
        self.control.send(struct.pack("=IIQ", KINDS.index(kind) + 1, a, b) + b"\0")

    def hear(self, kind, seconds=10):
        """The next message of that kind; any other that comes first is kept in `heard`."""
        until = perigee.deadline(seconds)
        while True:
            left = until - time.monotonic()
            assert left > 0 and select.select([self.control], [], [], left)[0], f"no {kind}; heard {self.heard}"
            packet = self.control.recv(4096)
            assert packet, f"the worker ended before it said {kind}; heard {self.heard}"
            number, a, b = struct.unpack("=IIQ", packet[:16])
            message = Message(KINDS[number - 1], a, b, packet[16:].split(b"\0")[0].decode())
            if message.kind == kind:
                return message
            self.heard.append(message)

    def vanish(self):
        """The master dies."""
        self.control.close()

    def __exit__(self, kind, err, _):
        try:
            super().__exit__(kind, err, _)
        finally:
            self.control.close()
            os.close(self.document)
            for sock in sum(self.sockets, []):
                sock.close()
            shutil.rmtree(self.where, ignore_errors=True)
