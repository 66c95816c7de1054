"""h2client: a well-behaved HTTP/2 client on the h2 library, with deadlines.

    with Client(server.port) as client:
        answer = client.get("/")                     # answer.status, .headers, .body, .trailers
        stream = client.request("/up", "POST", end=False)
        client.send(stream, b"...", end=True)        # waits for windows
        answer = client.response(stream)             # Reset when the stream was reset

Windows are opened as data arrives; windows="manual" leaves that to the test.
"""

import re
import socket
import ssl
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

import h2raw
import perigee


class Reset(AssertionError):
    """The stream was reset. code: of RST_STREAM. stream: what had arrived."""

    def __init__(self, stream, code):
        super().__init__(f"stream {stream.id} was reset: {h2raw.code_name(code)}; it had {stream}")
        self.stream, self.code = stream, int(code)


class Ended(AssertionError):
    """The connection ended while something was waited for."""


class Stream:
    def __init__(self, number):
        self.id = number
        self.headers, self.trailers = {}, None
        self.body = bytearray()
        self.received = 0
        self.sink = None  # called with each chunk instead of keeping it in body
        self.informational = []
        self.ended, self.reset = False, None

    @property
    def status(self):
        return int(self.headers.get(":status", 0))

    def __repr__(self):
        return f"<stream {self.id} status {self.status} {self.received} bytes ended {self.ended} reset {self.reset}>"


def table(fields):
    """Fields as a dictionary; more than one of a name becomes a list."""
    out = {}
    for name, value in fields:
        if name in out:
            out[name] = (out[name] if isinstance(out[name], list) else [out[name]]) + [value]
        else:
            out[name] = value
    return out


class Connection(h2.connection.H2Connection):
    """For h2 a connection is over with any GOAWAY. After one without an error, streams that are open go on (RFC 9113,
    6.8), and so does this."""

    def _receive_goaway_frame(self, frame):
        result = super()._receive_goaway_frame(frame)
        if frame.error_code == 0:
            self.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
        return result


class Client:
    """settings: {h2.settings.SettingCodes: value} for the first SETTINGS. tls: the certificate file to trust."""

    def __init__(self, port, tls=None, settings=None, windows="auto", connection_window=0, receive_buffer=None):
        self.sock = h2raw.connect(port, tls=tls, receive_buffer=receive_buffer)
        if tls:
            assert self.sock.selected_alpn_protocol() == "h2"
        self.scheme = "https" if tls else "http"
        self.authority = f"localhost:{port}"
        self.windows = windows
        self.h2 = Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.local_settings = h2.settings.Settings(client=True, initial_values={2: 0, 3: 100, **(settings or {})})
        self.streams = {}
        self.goaway = None
        self.eof = False
        self._pings, self._acked = 0, set()
        self.h2.initiate_connection()
        if connection_window:
            self.h2.increment_flow_control_window(connection_window)
        self._flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """GOAWAY, then the end of the connection."""
        try:
            if not self.eof:
                self.h2.close_connection()
                self._flush()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        self.sock.close()

    def vanish(self, reset=False):
        h2raw.vanish(self.sock, reset)

    def _flush(self):
        pending = self.h2.data_to_send()
        if pending:
            self.sock.settimeout(20 * perigee.FACTOR)
            self.sock.sendall(pending)

    # --- reading ---

    def pump(self, until):
        """Reads once, at the latest until `until` (time.monotonic()), and notes what arrived."""
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        try:
            chunk = self.sock.recv(262144)
        except (ConnectionResetError, ssl.SSLEOFError):
            chunk = b""
        if not chunk:
            self.eof = True
            return
        for event in self.h2.receive_data(chunk):
            self._note(event)
        try:
            self._flush()
        except (BrokenPipeError, ConnectionResetError):
            pass  # the end is seen by the next read

    def _note(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = table(event.headers)
        elif isinstance(event, h2.events.InformationalResponseReceived):
            stream.informational.append(table(event.headers))
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = table(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            stream.received += len(event.data)
            if stream.sink:
                stream.sink(event.data)
            else:
                stream.body += event.data
            if self.windows == "auto" and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = int(event.error_code)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event
        elif isinstance(event, h2.events.PingAckReceived):
            self._acked.add(bytes(event.ping_data))

    def wait(self, happened, what, seconds=10):
        """Reads until happened(); fails at the deadline, or with Ended."""
        until = perigee.deadline(seconds)
        while not happened():
            if self.eof:
                raise Ended(f"the connection ended before {what}; GOAWAY {self.goaway}; {list(self.streams.values())[-5:]}")
            try:
                self.pump(until)
            except TimeoutError:
                streams = list(self.streams.values())[-5:]
                raise AssertionError(f"no {what} within {seconds * perigee.FACTOR} s; {streams}") from None

    def wait_eof(self, seconds=5):
        """Reads until the server has ended the connection."""
        until = perigee.deadline(seconds)
        while not self.eof:
            try:
                self.pump(until)
            except TimeoutError:
                raise AssertionError(f"the server did not end the connection; GOAWAY {self.goaway}") from None

    # --- requests ---

    def request(self, path="/", method="GET", headers=(), end=None, sink=None):
        """Opens a stream, gives its id. end: END_STREAM on HEADERS; by default for all but POST and PUT."""
        number = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", self.scheme), (":authority", self.authority), (":path", path)]
        stream = self.streams[number] = Stream(number)
        stream.sink = sink
        end = method not in ("POST", "PUT") if end is None else end
        self.h2.send_headers(number, fields + list(headers), end_stream=end)
        self._flush()
        return number

    def send(self, number, data=b"", end=False, seconds=30):
        """Sends data as windows allow, reading meanwhile. Stops early, giving False, when the stream was reset."""
        view, stream = memoryview(data), self.streams[number]
        while view:
            if stream.reset is not None:
                return False
            size = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(view))
            if size == 0:
                self.wait(
                    lambda: stream.reset is not None or self.h2.local_flow_control_window(number) > 0, "window", seconds
                )
                continue
            last = end and size == len(view)
            self.h2.send_data(number, bytes(view[:size]), end_stream=last)
            view = view[size:]
            self._flush()
            self._read_ready()
        if end and not data:
            self.h2.end_stream(number)
            self._flush()
        return True

    def trailers(self, number, fields):
        """Ends a request with a block behind its body."""
        self.h2.send_headers(number, fields, end_stream=True)
        self._flush()

    def _read_ready(self):
        """Takes in what has arrived already."""
        self.sock.settimeout(0)
        try:
            chunk = self.sock.recv(262144)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        self.eof = not chunk
        for event in self.h2.receive_data(chunk) if chunk else ():
            self._note(event)
        self._flush()

    def response(self, number, seconds=10):
        """The stream when it has ended. Reset when it was reset instead."""
        stream = self.streams[number]
        self.wait(lambda: stream.ended or stream.reset is not None, f"end of stream {number}", seconds)
        if not stream.ended:
            raise Reset(stream, stream.reset)
        return stream

    def closing(self, number, seconds=10):
        """Like response(), but a reset is an answer too."""
        stream = self.streams[number]
        self.wait(lambda: stream.ended or stream.reset is not None, f"end of stream {number}", seconds)
        return stream

    def head(self, number, seconds=10):
        """The stream when its header block is here."""
        stream = self.streams[number]
        self.wait(lambda: stream.headers or stream.reset is not None, f"answer on {number}", seconds)
        if not stream.headers:
            raise Reset(stream, stream.reset)
        return stream

    def get(self, path="/", headers=(), seconds=10):
        return self.response(self.request(path, headers=headers), seconds)

    def post(self, path="/", body=b"", headers=(), seconds=30):
        number = self.request(path, "POST", headers)
        self.send(number, body, end=True, seconds=seconds)
        return self.response(number, seconds)

    def reset(self, number, code=h2.errors.ErrorCodes.CANCEL):
        self.h2.reset_stream(number, code)
        self._flush()

    def ping(self, seconds=5):
        """PING and its answer."""
        self._pings += 1
        payload = b"%08d" % self._pings
        self.h2.ping(payload)
        self._flush()
        self.wait(lambda: payload in self._acked, "answer to a PING", seconds)

    def live(self):
        """The live counters, asked on this connection of a handler made with perigee.handler()."""
        return counters(self.get("/live").body.decode())


def counters(text):
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", text)}


def get(port, path="/", tls=None, headers=()):
    """One request on a connection of its own."""
    with Client(port, tls) as client:
        return client.get(path, headers)


def live(port, tls=None):
    """The live counters as a fresh connection sees them."""
    return counters(get(port, "/live", tls).body.decode())


def settled(port, want, tls=None, seconds=10):
    """Waits until the live counters, as a fresh connection sees them, are `want` again."""
    last = {}

    def same():
        last.update(live(port, tls))
        return last == want

    perigee.eventually(lambda: f"live counters {want}, they are {last}", same, seconds)


def refused(port):
    """Whether nobody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return False
    except ConnectionRefusedError:
        return True
