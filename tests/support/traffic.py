"""traffic: clients that never stop asking and check every answer, for tests that change a service under load.

    with Traffic(Target(service.port), Target(service.tls_port, tls=service.cert)) as traffic:
        traffic.flows()                      # every kept connection had an answer
        traffic.place = "the first reload"   # anomalies name it
        ...
    traffic.clean()                          # nothing failed, was refused, lost or ended without a word

Each target has `kept` connections, which ask every `pace` seconds, and `fresh` new ones a second, which ask
twice and leave. A request carries a token that nobody else has, and its answer must be that token, whole: at
once (/quick), in two parts with a pause between (/slow), or sent in two parts and echoed (/up). SCRIPT answers so.

They obey GOAWAY as a good client does: what is open is finished, a new connection is made, a stream above the last
id is asked again (RFC 9113, 6.8: counted as 'retried'). All connections live in one thread.
"""

import collections
import errno
import hashlib
import heapq
import itertools
import math
import selectors
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field

import hpack

import h2raw
import perigee

# A form 2 script that answers. MARK tells one version from another, `worker` one process from another.
SCRIPT = """
local task, uv = require "perigee.task", require "luv"
local worker = tostring(uv.os_getpid())
local function main(stream, headers)
  local path, token = headers[":path"]:match "^(/%w+)%?(.*)$"
  stream:respond { [":status"] = path and 200 or 404, worker = worker, mark = "MARK" }
  if path == "/slow" then
    stream:write(token:sub(1, 8))
    task.sleep(PAUSE)
    stream:finish(token:sub(9))
  elseif path == "/up" then
    stream:pipe(stream)
  else
    stream:finish(token or "")
  end
end
return main
"""

PAUSE = 0.3  # s, in the middle of /slow and of /up
KINDS = ("/quick", "/slow", "/quick", "/up", "/quick")
PATIENCE = 10 * perigee.FACTOR  # s for a connection and for an answer


def script(mark="one", before="", pause=PAUSE):
    """SCRIPT as text. before: Lua put in front of it."""
    return before + SCRIPT.replace("MARK", mark).replace("PAUSE", str(int(pause * 1000)))


@dataclass
class Target:
    """Where to connect: a port of 127.0.0.1 or the path of a UNIX socket. tls: a certificate file to trust, or more."""

    address: object
    tls: object = None
    name: str = "localhost"

    def __post_init__(self):
        self.context = None
        if self.tls:
            self.context = ssl.create_default_context()
            for path in [self.tls] if isinstance(self.tls, str) else self.tls:
                self.context.load_verify_locations(path)
            self.context.set_alpn_protocols(["h2"])

    def __str__(self):
        return f"{'tls' if self.tls else 'clear'} {self.address}"


@dataclass
class Anomaly:
    """kind: failed, refused, lost, unannounced, retried or slow. connected, at: time.monotonic()."""

    kind: str
    text: str
    place: str
    target: str
    worker: object  # the process that answered on this connection before, or None
    connected: object
    at: float = field(default_factory=time.monotonic)

    def __str__(self):
        return f"{self.kind} at {self.place}: {self.text} ({self.target}, worker {self.worker})"


@dataclass
class Answer:
    """What an answered request leaves behind."""

    at: float
    kind: str
    kept: bool
    seconds: float
    worker: str
    mark: str
    certificate: object  # SHA-256 of the server's certificate, hex, over TLS


class _Request:
    def __init__(self, kind, token):
        self.kind, self.token = kind, token
        self.began = time.monotonic()
        self.headers, self.body = None, b""


class _Connection:
    """One HTTP/2 connection that never blocks."""

    def __init__(self, traffic, target, kept):
        self.traffic, self.target, self.kept = traffic, target, kept
        self.began = time.monotonic()
        self.connected = self.worker = self.certificate = None
        self.state = "connecting"  # then "handshake", "open", "closing", "closed"
        self.goaway = None  # the last id of the newest GOAWAY
        self.streams, self.next_id, self.asked = {}, 1, 0
        self.waiting = []  # requests to make once the connection is open
        self.inbound, self.outbound = bytearray(), b""
        self.decoder, self.unacknowledged = hpack.Decoder(), 0
        family = socket.AF_UNIX if isinstance(target.address, str) else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.setblocking(False)
        where = target.address if family == socket.AF_UNIX else ("127.0.0.1", target.address)
        self.events = 0
        code = self.sock.connect_ex(where)
        if code in (0, errno.EINPROGRESS):
            self.watch(selectors.EVENT_WRITE)
        else:
            self.traffic.later(0, lambda: self.connect_failed(code))

    def watch(self, events):
        if events != self.events:
            if not self.events:
                self.traffic.selector.register(self.sock, events, self)
            elif events:
                self.traffic.selector.modify(self.sock, events, self)
            else:
                self.traffic.selector.unregister(self.sock)
            self.events = events

    def note(self, kind, text):
        self.traffic.note(kind, text, self)

    # --- life ---

    def connect_failed(self, code):
        kind = "refused" if code in (errno.ECONNREFUSED, errno.ENOENT) else "lost"
        self.note(kind, f"connect: {errno.errorcode.get(code, code)}")
        self.end(None)

    def ready(self, events):
        if self.state == "connecting":
            code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                return self.connect_failed(code)
            self.connected = time.monotonic()
            if self.sock.family == socket.AF_INET:
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self.target.context:
                return self.opened()
            self.watch(0)
            self.sock = self.target.context.wrap_socket(
                self.sock, server_hostname=self.target.name, do_handshake_on_connect=False
            )
            self.state = "handshake"
        if self.state == "handshake":
            return self.handshake()
        if events & selectors.EVENT_READ:
            self.read()
        if self.state in ("open", "closing"):
            self.flush()

    def handshake(self):
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            return self.watch(selectors.EVENT_READ)
        except ssl.SSLWantWriteError:
            return self.watch(selectors.EVENT_WRITE)
        except OSError as error:
            self.note("lost", f"handshake: {error}")
            return self.end(None)
        if self.sock.selected_alpn_protocol() != "h2":
            self.note("failed", f"ALPN {self.sock.selected_alpn_protocol()}")
        self.certificate = hashlib.sha256(self.sock.getpeercert(True)).hexdigest()
        self.opened()

    def opened(self):
        self.state = "open"
        self.send(h2raw.PREFACE + h2raw.settings((h2raw.ENABLE_PUSH, 0)))
        waiting, self.waiting = self.waiting, []
        for request in waiting:
            self.start(request)

    def leave(self):
        """Our good-bye; the server closes, too."""
        if self.state != "open":
            return
        self.send(h2raw.goaway())
        if self.state != "open":
            return
        self.state = "closing"
        try:
            if self.target.context:
                try:
                    self.sock.unwrap()
                except (ssl.SSLWantReadError, ssl.SSLError, ValueError):
                    pass
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return self.end(None)
        self.began = time.monotonic()

    def end(self, why):
        """The connection is over. why: what was seen, None when it is told already."""
        if self.state == "closed":
            return
        closing, self.state = self.state == "closing", "closed"
        self.watch(0)
        self.sock.close()
        lost, self.streams = self.streams, {}
        for number, request in lost.items():
            if self.goaway is not None and number > self.goaway:
                self.traffic.again(self, request)
            else:
                self.note("lost", f"{request.kind} on {number}: {why or 'closed'}; GOAWAY {self.goaway}")
        if why and not lost and not closing and self.goaway is None:
            self.note("unannounced", f"{why} without GOAWAY after {self.asked} requests")
        self.traffic.gone(self)

    # --- bytes ---

    def send(self, data):
        self.outbound += data
        self.flush()

    def flush(self):
        try:
            while self.outbound:
                sent = self.sock.send(self.outbound)
                self.outbound = self.outbound[sent:]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError:
            self.outbound = b""  # reading tells how it ended
        if self.state != "closed":
            self.watch(selectors.EVENT_READ | (selectors.EVENT_WRITE if self.outbound else 0))

    def read(self):
        why = None
        try:
            while chunk := self.sock.recv(65536):
                self.inbound += chunk
            why = "the end of the connection"
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            why = f"{type(error).__name__}"
        at = 0
        while len(self.inbound) - at >= 9 and self.state != "closed":
            head, flags, stream = struct.unpack_from(">IBI", self.inbound, at)
            end = at + 9 + (head >> 8)
            if end > len(self.inbound):
                break
            self.take(h2raw.Frame(head & 0xFF, flags, stream & h2raw.MAX_WINDOW, bytes(self.inbound[at + 9 : end])))
            at = end
        del self.inbound[:at]
        if why:
            self.end(why)

    def take(self, got):
        if got.kind == h2raw.HEADERS:
            fields = dict(self.decoder.decode(got.payload))  # neither padding nor priority from this server
            if got.stream in self.streams:
                self.streams[got.stream].headers = fields
        elif got.kind == h2raw.DATA:
            self.unacknowledged += len(got.payload)
            if self.unacknowledged > 32768:
                self.send(h2raw.window_update(0, self.unacknowledged))
                self.unacknowledged = 0
            if got.stream in self.streams:
                self.streams[got.stream].body += got.payload
        elif got.kind == h2raw.RST_STREAM:
            request = self.streams.pop(got.stream, None)
            if request:
                kind = "refused" if got.code == h2raw.REFUSED_STREAM else "failed"
                self.note(kind, f"{request.kind} on {got.stream} was reset: {h2raw.code_name(got.code)}")
                self.rest()
        elif got.kind == h2raw.GOAWAY and self.state == "open":
            self.told_to_go(got)
        elif got.kind == h2raw.SETTINGS and not got.ack:
            self.send(h2raw.settings(flags=h2raw.ACK))
        elif got.kind == h2raw.PING and not got.ack:
            self.send(h2raw.frame(h2raw.PING, h2raw.ACK, payload=got.payload))
        if got.end_stream and got.stream in self.streams:
            self.answered(got.stream)

    def told_to_go(self, got):
        if got.code != h2raw.NO_ERROR:
            self.note("failed", f"GOAWAY {h2raw.code_name(got.code)} {got.payload[8:80]!r}")
        if self.goaway is not None and got.last_id > self.goaway:
            self.note("failed", f"GOAWAY raised the last id from {self.goaway} to {got.last_id}")
        first, self.goaway = self.goaway is None, got.last_id
        for number in [n for n in self.streams if n > got.last_id]:
            self.traffic.again(self, self.streams.pop(number))
        if first:
            self.traffic.goaways += 1
            self.traffic.replace(self)
        self.rest()

    # --- requests ---

    def start(self, request):
        if self.state != "open":
            self.waiting.append(request)
            return
        number, self.next_id = self.next_id, self.next_id + 2
        self.asked += 1
        self.streams[number] = request
        request.began = time.monotonic()
        scheme = "https" if self.target.context else "http"
        up = request.kind == "/up"
        fields = h2raw.request_fields(
            f"{request.kind}?{request.token}", "POST" if up else "GET", scheme, self.target.name
        )
        head = h2raw.headers(number, fields, end_stream=not up)
        if up:
            half, rest = request.token[:8].encode(), request.token[8:].encode()
            head += h2raw.data(number, half)
            self.traffic.later(PAUSE, lambda: self.second_half(number, request, rest))
        self.send(head)

    def second_half(self, number, request, rest):
        if self.streams.get(number) is request and self.state == "open":
            self.send(h2raw.data(number, rest, True))

    def answered(self, number):
        request = self.streams.pop(number)
        fields = request.headers or {}
        if fields.get(":status") != "200" or request.body != request.token.encode():
            self.note("failed", f"{request.kind}?{request.token}: {fields} {request.body[:80]!r}")
        else:
            self.worker = fields.get("worker")
            self.traffic.answered(self, request, fields)
        self.rest()

    def rest(self):
        """Leaves when there is nothing more to do here."""
        if not self.streams and not self.waiting and (self.goaway is not None or not self.kept):
            self.leave()

    def overdue(self, now):
        if self.state in ("connecting", "handshake") and now - self.began > PATIENCE:
            self.note("lost", f"no connection within {PATIENCE} s ({self.state})")
            self.end(None)
        elif self.state == "closing" and now - self.began > 2 * perigee.FACTOR:
            self.end(None)
        for number in [n for n, r in self.streams.items() if now - r.began > PATIENCE]:
            request = self.streams.pop(number)
            self.note("lost", f"{request.kind} on {number}: no answer within {PATIENCE} s")
            self.rest()


class Traffic:
    """slow: seconds above which the answer to a /quick is an anomaly of that kind."""

    def __init__(self, *targets, kept=20, fresh=20, pace=0.25, slow=1.0 * perigee.FACTOR):
        self.targets, self.kept, self.fresh, self.pace, self.slow = targets, kept, fresh, pace, slow
        self.place = "the beginning"
        self.selector = selectors.DefaultSelector()
        self.connections = set()
        self.answers, self.anomalies, self.goaways = [], [], 0
        self.error = None
        self._tokens, self._order = itertools.count(1), itertools.count()
        self._timers, self._stopping = [], False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        for index, target in enumerate(self.targets):
            for n in range(self.kept):
                self._open(target, True)
            if self.fresh:
                self.later(index / len(self.targets) / self.fresh, lambda target=target: self._fresh(target))
        self.later(0.5, self._sweep)
        self._thread.start()
        return self

    def __exit__(self, *_):
        """Waits for the answers that are due, then ends all connections."""
        self._stopping = True
        self._thread.join(PATIENCE + 10)
        assert not self._thread.is_alive(), "the traffic does not end"

    # --- the loop's thread ---

    def later(self, seconds, what):
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), what))

    def _run(self):
        try:
            until = None
            while True:
                if self._stopping:
                    until = until or time.monotonic() + PATIENCE + 2
                    for connection in list(self.connections):
                        if not connection.streams and not connection.waiting:
                            connection.leave()
                    if not self.connections or time.monotonic() > until:
                        break
                now = time.monotonic()
                while self._timers and self._timers[0][0] <= now:
                    heapq.heappop(self._timers)[2]()
                wait = min(0.05, max(0, self._timers[0][0] - time.monotonic())) if self._timers else 0.05
                for key, events in self.selector.select(wait):
                    if key.data.state != "closed":
                        key.data.ready(events)
            for connection in list(self.connections):
                connection.end("the end of the test")
            self.selector.close()
        except BaseException as error:  # told by flows(), wait_for() and clean()
            self.error = error
        finally:
            with self._changed:
                self._changed.notify_all()

    def _open(self, target, kept):
        connection = _Connection(self, target, kept)
        self.connections.add(connection)
        if kept:
            self.later(self.pace * (len(self.connections) % 7) / 7, lambda: self._ask(connection))
        else:
            self._request(connection)
            self._request(connection)
        return connection

    def _fresh(self, target):
        if not self._stopping:
            self._open(target, False)
            self.later(1 / self.fresh, lambda: self._fresh(target))

    def _ask(self, connection):
        """A kept connection's clock."""
        if self._stopping or connection.state in ("closing", "closed") or connection.goaway is not None:
            return
        if connection.state == "open" and len(connection.streams) < 20:
            self._request(connection)
        self.later(self.pace, lambda: self._ask(connection))

    def _request(self, connection):
        number = next(self._tokens)
        connection.start(_Request(KINDS[number % len(KINDS)], f"token-{number:08d}-{id(self) & 0xFFFFFF:06x}"))

    def _sweep(self):
        now = time.monotonic()
        for connection in list(self.connections):
            connection.overdue(now)
        self.later(0.5, self._sweep)

    def replace(self, connection):
        """A kept connection was told to go."""
        if connection.kept and not self._stopping:
            self._open(connection.target, True)

    def again(self, connection, request):
        """A stream that the server says it never looked at."""
        self.note("retried", f"{request.kind}?{request.token}; GOAWAY {connection.goaway}", connection)
        _Connection.start(self._open_bare(connection.target), _Request(request.kind, request.token))

    def _open_bare(self, target):
        connection = _Connection(self, target, False)
        self.connections.add(connection)
        return connection

    def gone(self, connection):
        self.connections.discard(connection)
        if connection.goaway is None and connection.kept and not self._stopping:
            # Not at once: a service that refuses would be asked in circles.
            self.later(0.1, lambda: self._stopping or self._open(connection.target, True))

    def note(self, kind, text, connection):
        with self._changed:
            self.anomalies.append(
                Anomaly(kind, text, self.place, str(connection.target), connection.worker, connection.connected)
            )
            self._changed.notify_all()

    def answered(self, connection, request, fields):
        now = time.monotonic()
        seconds = now - request.began
        if request.kind == "/quick" and seconds > self.slow:
            self.note("slow", f"{request.kind} took {seconds:.2f} s", connection)
        with self._changed:
            self.answers.append(
                Answer(now, request.kind, connection.kept, seconds, connection.worker, fields.get("mark"),
                       connection.certificate)
            )  # fmt: skip
            self._changed.notify_all()

    # --- the test's thread ---

    def wait_for(self, what, happened, seconds=10):
        """Waits until happened(), which is asked after each answer and anomaly."""
        until = perigee.deadline(seconds)
        with self._changed:
            while not (value := happened()):
                left = until - time.monotonic()
                assert self.error is None, f"the traffic broke: {self.error!r}"
                assert left > 0, f"not within {seconds * perigee.FACTOR} s: {what}; {self.summary()}"
                self._changed.wait(min(left, 0.1))
        return value

    def flows(self, seconds=15):
        """Waits until every kept connection has been answered, and fresh ones of each target."""

        def flowing():
            kept = [c for c in list(self.connections) if c.kept]
            return (
                len(kept) >= self.kept * len(self.targets)
                and all(c.worker for c in kept)
                and (not self.fresh or any(not a.kept for a in self.answers))
            )

        self.wait_for("an answer on each kept connection", flowing, seconds)

    def since(self, when):
        """The answers after a time.monotonic()."""
        return list(itertools.takewhile(lambda answer: answer.at > when, reversed(self.answers)))

    def more(self, count=100, seconds=15):
        """Waits for so many further answers."""
        have = len(self.answers)
        self.wait_for(f"{count} more answers", lambda: len(self.answers) >= have + count, seconds)

    def served_by(self):
        """Processes on which kept connections live."""
        return {c.worker for c in list(self.connections) if c.kept and c.worker and c.goaway is None}

    def counts(self):
        return collections.Counter(anomaly.kind for anomaly in self.anomalies)

    def p99(self, kind="/quick"):
        """Milliseconds."""
        times = sorted(answer.seconds for answer in self.answers if answer.kind == kind)
        return 1000 * times[math.ceil(len(times) * 0.99) - 1] if times else 0.0

    def summary(self):
        counts = self.counts()
        words = [f"{counts[kind]} {kind}" for kind in ("failed", "refused", "lost", "unannounced", "retried", "slow")]
        return (
            f"{len(self.answers)} answers, {', '.join(words)}, {self.goaways} GOAWAYs, "
            f"p99 of /quick {self.p99():.1f} ms" + "".join(f"\n  {a}" for a in self.anomalies[:20])
        )

    def clean(self, but=("slow",)):
        """Asserts that there were answers and no anomaly of another kind than `but`."""
        assert self.error is None, f"the traffic broke: {self.error!r}"
        assert self.answers, self.summary()
        assert not [anomaly for anomaly in self.anomalies if anomaly.kind not in but], self.summary()
        print("# " + self.summary().replace("\n", "\n# "), flush=True)
