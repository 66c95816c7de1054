"""h2raw: an HTTP/2 client that says anything, right or wrong, frame by frame, and reads with deadlines.

Frames and header blocks are put together here, by hand, so that nothing corrects them on the way; only the
server's header blocks are decoded by a library (hpack), which thereby judges them.
"""

import socket
import ssl
import struct
import time

import hpack

import perigee

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
TYPES = "DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION".split()

ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20  # the flag PRIORITY of a HEADERS frame

(
    NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
    REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED,
) = range(14)  # fmt: skip
CODES = (
    "NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR "
    "REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY HTTP_1_1_REQUIRED"
).split()

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7)
)
ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES = 8, 9

MAX_WINDOW = 2**31 - 1


def code_name(code):
    return CODES[code] if code < len(CODES) else str(code)


# --- writing ---------------------------------------------------------------------------------------


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """One frame. length: what its head claims, when that is not the payload's."""
    length = len(payload) if length is None else length
    return struct.pack(">IBI", length << 8 | kind, flags, stream) + payload


def settings(*pairs, flags=0, stream=0):
    return frame(SETTINGS, flags, stream, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def rst(stream, code):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last=0, code=NO_ERROR, opaque=b"", stream=0):
    return frame(GOAWAY, 0, stream, struct.pack(">II", last, code) + opaque)


def integer(value, bits, first=0):
    """An HPACK integer (RFC 7541 5.1) with a prefix of `bits` under the bits `first`."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def text(value):
    value = value.encode("latin-1") if isinstance(value, str) else value
    return integer(len(value), 7) + value


def block(fields):
    """A header block of literals without indexing: it touches nobody's dynamic table."""
    return b"".join(b"\0" + text(name) + text(value) for name, value in fields)


def request_fields(path="/", method="GET", scheme="http", authority="localhost", extra=()):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path), *extra]


def headers(stream, fields, end_stream=True, flags=END_HEADERS):
    """A HEADERS frame. fields: pairs, or the bytes of a block."""
    fields = fields if isinstance(fields, bytes) else block(fields)
    return frame(HEADERS, flags | (END_STREAM if end_stream else 0), stream, fields)


def get(stream, path="/", extra=()):
    return headers(stream, request_fields(path, extra=extra))


def post(stream, path="/", extra=()):
    """The head of a request whose body is still to come."""
    return headers(stream, request_fields(path, "POST", extra=extra), end_stream=False)


def data(stream, payload=b"", end_stream=False):
    return frame(DATA, END_STREAM if end_stream else 0, stream, payload)


# --- reading ---------------------------------------------------------------------------------------


class Frame:
    def __init__(self, kind, flags, stream, payload):
        self.kind, self.flags, self.stream, self.payload = kind, flags, stream, payload
        self.headers = None  # the decoded block, once whole, on the frame that began it

    @property
    def end_stream(self):
        return self.kind in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    @property
    def ack(self):
        return self.kind in (SETTINGS, PING) and bool(self.flags & ACK)

    @property
    def code(self):
        return struct.unpack(">I", self.payload[:4] if self.kind == RST_STREAM else self.payload[4:8])[0]

    @property
    def last_id(self):
        return struct.unpack(">I", self.payload[:4])[0]

    @property
    def increment(self):
        return struct.unpack(">I", self.payload)[0]

    @property
    def pairs(self):
        return [struct.unpack_from(">HI", self.payload, at) for at in range(0, len(self.payload), 6)]

    @property
    def status(self):
        return dict(self.headers or {}).get(":status")

    def __repr__(self):
        words = [TYPES[self.kind] if self.kind < len(TYPES) else f"type {self.kind}"]
        if self.stream:
            words.append(f"on {self.stream}")
        if self.ack:
            words.append("ACK")
        if self.end_stream:
            words.append("END_STREAM")
        if self.kind == HEADERS:
            words.append(str(self.headers))
        elif self.kind == DATA:
            words.append(f"{len(self.payload)} {self.payload[:32]!r}")
        elif self.kind == RST_STREAM:
            words.append(code_name(self.code))
        elif self.kind == GOAWAY:
            words.append(f"{code_name(self.code)} last {self.last_id} {self.payload[8:80]!r}")
        elif self.kind == WINDOW_UPDATE:
            words.append(f"+{self.increment}")
        elif self.kind == SETTINGS and not self.ack:
            words.append(str(self.pairs))
        return "<" + " ".join(words) + ">"


def connect(port, *, tls=None, alpn=("h2",), receive_buffer=None, seconds=5, version=None):
    """A connected socket. tls: the file of the certificate to trust."""
    sock = socket.socket()
    try:
        sock.settimeout(seconds * perigee.FACTOR)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context(cafile=tls)
            context.set_alpn_protocols(list(alpn))
            if version:
                context.minimum_version = context.maximum_version = version
            sock = context.wrap_socket(sock, server_hostname="localhost")
        return sock
    except BaseException:
        sock.close()
        raise


def vanish(sock, reset=False):
    """Ends a connection without a word: FIN, or RST."""
    if reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Raw:
    """One connection. Unless preface is False, the preface with `pairs` as SETTINGS is sent at once.
    The server's SETTINGS are acknowledged as they are read, unless acks is False."""

    def __init__(self, port, *pairs, preface=True, acks=True, tls=None, receive_buffer=None):
        self.take_over(connect(port, tls=tls, receive_buffer=receive_buffer), acks)
        self.window = dict(pairs).get(INITIAL_WINDOW_SIZE, 65535)  # what our streams begin with
        if preface:
            self.send(PREFACE + settings(*pairs))

    def take_over(self, sock, acks=True):
        """Begins on a connected socket; nothing is sent."""
        self.sock, self.acks = sock, acks
        self.seen = []  # every frame read
        self.peer = {}  # the server's settings
        self.decoder = hpack.Decoder()
        self.eof = False
        self._bytes, self._at = b"", 0  # received and not yet read: from _at
        self._block, self._begun = None, None
        self._pings = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *frames):
        """Sends; a server that closed meanwhile is seen when reading."""
        self.sock.settimeout(10 * perigee.FACTOR)
        try:
            self.sock.sendall(b"".join(frames))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            pass

    def _more(self, until):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        try:
            chunk = self.sock.recv(262144)
        except (ConnectionResetError, ssl.SSLEOFError):
            chunk = b""
        self.eof = not chunk
        self._bytes, self._at = self._bytes[self._at :] + chunk, 0

    def _holds_a_frame(self):
        there = len(self._bytes) - self._at
        return there >= 9 and there >= 9 + int.from_bytes(self._bytes[self._at : self._at + 3], "big")

    def expect_preface(self, seconds=5):
        """The server's side: takes in what a client begins with."""
        until = perigee.deadline(seconds)
        while len(self._bytes) < len(PREFACE) and not self.eof:
            self._more(until)
        assert self._bytes.startswith(PREFACE), self._bytes[:100]
        self._at = len(PREFACE)

    def read_or_none(self, seconds):
        """The next frame; None at the end of the connection. TimeoutError at the deadline."""
        until = time.monotonic() + seconds
        while not self._holds_a_frame():
            if self.eof:
                return None
            self._more(until)
        head, flags, stream = struct.unpack_from(">IBI", self._bytes, self._at)
        body, self._at = self._at + 9, self._at + 9 + (head >> 8)
        got = Frame(head & 0xFF, flags, stream & MAX_WINDOW, self._bytes[body : self._at])
        self._take(got)
        return got

    def _take(self, got):
        self.seen.append(got)
        if got.kind == HEADERS:
            at = (1 if got.flags & PADDED else 0) + (5 if got.flags & PRIORITIZED else 0)
            pad = got.payload[0] if got.flags & PADDED else 0
            self._block, self._begun = bytearray(got.payload[at : len(got.payload) - pad]), got
        elif got.kind == CONTINUATION:
            self._block += got.payload
        if got.kind in (HEADERS, CONTINUATION) and got.flags & END_HEADERS:
            self._begun.headers = self.decoder.decode(bytes(self._block))
        if got.kind == SETTINGS and not got.ack:
            self.peer.update(got.pairs)
            if self.acks:
                self.send(settings(flags=ACK))

    def read(self, seconds=3):
        try:
            return self.read_or_none(seconds * perigee.FACTOR)
        except TimeoutError:
            raise AssertionError(f"silence for {seconds * perigee.FACTOR} s after {self.seen[-8:]}") from None

    def until(self, wanted, seconds=5):
        """Reads until wanted(frame); gives that frame. Fails at the end of the connection."""
        end = perigee.deadline(seconds)
        while True:
            got = self.read(max(0.001, (end - time.monotonic()) / perigee.FACTOR))
            assert got, f"the connection ended; seen {self.seen[-8:]}"
            if wanted(got):
                return got

    def read_all(self, seconds=5):
        """Every frame to the end of the connection."""
        got = []
        end = perigee.deadline(seconds)
        while one := self.read(max(0.001, (end - time.monotonic()) / perigee.FACTOR)):
            got.append(one)
        return got

    def barrier(self, seconds=5):
        """PING and its answer: what was sent before has been dealt with. Gives the frames seen on the way."""
        self._pings += 1
        payload = b"ping%04d" % (self._pings % 10000)
        self.send(frame(PING, payload=payload))
        at = len(self.seen)
        self.until(lambda f: f.kind == PING and f.ack and f.payload == payload, seconds)
        return self.seen[at:-1]

    def on(self, stream, kind=None):
        return [f for f in self.seen if f.stream == stream and kind in (None, f.kind)]

    def body(self, stream):
        return b"".join(f.payload for f in self.on(stream, DATA))

    def response(self, stream, seconds=5):
        """Reads to the end of a stream; gives (status, body). A reset fails."""
        def over(f):
            return f.stream == stream and (f.end_stream or f.kind == RST_STREAM)

        last = next(filter(over, self.seen), None) or self.until(over, seconds)
        assert last.kind != RST_STREAM, f"reset instead of an answer: {last}"
        return self.on(stream, HEADERS)[0].status, self.body(stream)
