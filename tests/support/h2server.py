"""h2server: servers that a test writes itself.

    with Script(act) as peer:           # act(c): each connection as an h2raw.Raw that has not spoken, in a thread
        run(..., peer.url)              # what failed in act fails the test

    with Server(handle) as peer: ...    # the h2 library: handle(exchange) for each request, in its connection's thread
"""

import queue
import socket
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

import h2client
import h2raw
import perigee


class Listener:
    """Accepts on a port of its own until the `with` ends; serve(sock, n) has each connection in a thread."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url, self.secure = f"http://127.0.0.1:{self.port}", False
        self.failures, self._threads, self._socks = [], [], []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._run, args=(sock, len(self._threads)), daemon=True)
            self._threads.append(thread)
            self._socks.append(sock)
            thread.start()

    def _run(self, sock, n):
        try:
            with sock:
                self.serve(sock, n)
        except Exception as err:  # told by the test's thread
            self.failures.append(err)

    @property
    def connections(self):
        return len(self._threads)

    def __enter__(self):
        self._acceptor.start()
        return self

    def __exit__(self, kind, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._acceptor.join(5)
        for thread in self._threads:
            thread.join(0.001 if kind else 15 * perigee.FACTOR)
        alive = [thread for thread in self._threads if thread.is_alive()]
        for sock in self._socks:
            if sock.fileno() >= 0:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        if kind is None:
            if self.failures:
                raise self.failures[0]
            assert not alive, "the server's half did not end"


class Script(Listener):
    """acts: one function for each connection, the last one also for those that follow."""

    def __init__(self, *acts):
        super().__init__()
        self.acts = acts

    def serve(self, sock, n):
        c = h2raw.Raw.__new__(h2raw.Raw)
        c.take_over(sock)
        self.acts[min(n, len(self.acts) - 1)](c)


def begin(c, *pairs):
    """Takes in the client's preface and its first request; gives its HEADERS."""
    c.expect_preface()
    c.send(h2raw.settings(*pairs))
    return c.until(lambda f: f.kind == h2raw.HEADERS and f.headers)


class Exchange:
    """One request as it stands when its headers are here: id, headers, body (what has come), ended, trailers."""

    def __init__(self, connection, number, fields):
        self.connection, self.id = connection, number
        self.headers = h2client.table(fields)
        self.body, self.trailers, self.ended, self.reset = bytearray(), None, False, None

    def read(self):
        """Waits for the rest of the request; False when it was cut."""
        self.connection.wait(lambda: self.ended or self.reset is not None)
        return self.ended

    def respond(self, status=200, fields=(), end=False):
        self.connection.h2.send_headers(self.id, [(":status", str(status)), *fields], end_stream=end)
        self.connection.flush()

    def send(self, data, end=False):
        """Sends as windows allow. False when the stream was reset meanwhile."""
        h2, view = self.connection.h2, memoryview(data)
        while view:
            self.connection.wait(lambda: self.reset is not None or h2.local_flow_control_window(self.id) > 0)
            if self.reset is not None:
                return False
            size = min(h2.local_flow_control_window(self.id), h2.max_outbound_frame_size, len(view))
            h2.send_data(self.id, bytes(view[:size]), end_stream=end and size == len(view))
            view = view[size:]
            self.connection.flush()
        if end and not data:
            h2.end_stream(self.id)
            self.connection.flush()
        return True

    def finish(self, fields=()):
        """The end, with trailers if there are any."""
        if fields:
            self.connection.h2.send_headers(self.id, list(fields), end_stream=True)
            self.connection.flush()
        else:
            self.send(b"", end=True)

    def push(self, path, body):
        """A promise, and what was promised."""
        h2 = self.connection.h2
        number = h2.get_next_available_stream_id()
        fields = [(":method", "GET"), (":scheme", "http"), (":authority", self.headers[":authority"]), (":path", path)]
        h2.push_stream(self.id, number, fields)
        h2.send_headers(number, [(":status", "200")])
        h2.send_data(number, body, end_stream=True)
        self.connection.flush()

    def rst(self, code):
        self.connection.h2.reset_stream(self.id, code)
        self.connection.flush()


class Gone(Exception):
    """The client hung up."""


class Connection:
    """One connection of a Server: h2 (the library's object) and what has come."""

    def __init__(self, sock, handle):
        self.sock, self.handle = sock, handle
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.exchanges, self.new = {}, queue.SimpleQueue()
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        try:
            self.sock.sendall(self.h2.data_to_send())
        except OSError:
            raise Gone from None

    def wait(self, happened, seconds=15):
        until = perigee.deadline(seconds)
        while not happened():
            self.sock.settimeout(max(0.001, until - time.monotonic()))
            self._read()

    def _read(self):
        try:
            chunk = self.sock.recv(262144)
        except ConnectionResetError:
            raise Gone from None
        if not chunk:
            raise Gone
        for event in self.h2.receive_data(chunk):
            self._note(event)
        self.flush()

    def _note(self, event):
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            self.exchanges[number] = Exchange(self, number, event.headers)
            self.new.put(self.exchanges[number])
            return
        exchange = self.exchanges.get(number)
        if isinstance(event, h2.events.DataReceived):
            exchange.body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, number)
        elif isinstance(event, h2.events.TrailersReceived):
            exchange.trailers = h2client.table(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            exchange.ended = True
        elif isinstance(event, h2.events.StreamReset) and exchange:
            exchange.reset = int(event.error_code)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event

    def run(self):
        try:
            while True:
                self.wait(lambda: not self.new.empty(), 60)
                self.handle(self.new.get())
        except (Gone, h2.exceptions.StreamClosedError):
            pass


class Server(Listener):
    """Serves requests one after the other on each connection."""

    def __init__(self, handle):
        super().__init__()
        self.handle = handle

    def serve(self, sock, n):
        Connection(sock, self.handle).run()
