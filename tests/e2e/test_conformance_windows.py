"""RFC 9113 sections 5.2 and 6.9: flow control, of what the server sends and of what it takes."""

import tap
from conformance import NGHTTPD, PAGE, Case, check, dies, either, resets, server, serves
from h2raw import (
    CANCEL, DATA, FLOW_CONTROL_ERROR, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, MAX_WINDOW, PADDED, PROTOCOL_ERROR,
    RST_STREAM, WINDOW_UPDATE, Raw, data, frame, get, post, rst, settings, window_update,
)  # fmt: skip


def settle(c):
    """Two round trips: what could be sent has been."""
    c.barrier()
    c.barrier()


def sizes(c, stream=1):
    return [len(f.payload) for f in c.on(stream, DATA)]


@tap.test
def window_updates():
    """WINDOW_UPDATE of 0 and beyond 2^31-1 are errors of the stream or of the connection (6.9, 6.9.1)"""

    def twice(stream):
        return window_update(stream, MAX_WINDOW) + window_update(stream, MAX_WINDOW)

    def raise_initial(c):
        c.send(post(1), window_update(1, MAX_WINDOW - 100))
        c.barrier()
        c.send(settings((INITIAL_WINDOW_SIZE, 101)))

    flow, protocol = FLOW_CONTROL_ERROR, PROTOCOL_ERROR
    check([
        Case("0 on the connection", window_update(0, 0), dies(protocol)),
        Case("0 on a stream", post(1) + window_update(1, 0), either(protocol)),
        Case("0 with the reserved bit", post(1) + window_update(1, 1 << 31), either(protocol)),
        Case("overflow of the connection", window_update(0, MAX_WINDOW), dies(flow)),
        Case("overflow of the connection in steps", twice(0), dies(flow)),
        Case("overflow of a stream", post(1) + window_update(1, MAX_WINDOW), resets(flow)),
        Case("overflow of a stream in steps", post(1) + twice(1), resets(flow)),
        # 6.9.2 wants a connection error here; libnghttp2 resets each stream that it concerns.
        Case("overflow by INITIAL_WINDOW_SIZE", raise_initial, either(flow), (INITIAL_WINDOW_SIZE, 0)),
        Case("as high as it goes", window_update(0, MAX_WINDOW - 65535) + get(1) + window_update(1, MAX_WINDOW - 65535),
             lambda c: c.response(1)),
        Case("many of 1 byte", window_update(0, 1) * 300 + get(1) + window_update(1, 1) * 300, serves()),
    ])  # fmt: skip


@tap.test
def windows_of_one_byte():
    """a window of 1 byte lets out exactly 1 byte, each time (6.9.1)"""
    with server() as target, Raw(target.port, (INITIAL_WINDOW_SIZE, 1)) as c:
        c.send(get(1))
        settle(c)
        for more in range(1, 30):
            assert sizes(c) == [1] * more, sizes(c)
            c.send(window_update(1, 1))
            settle(c)
        c.send(window_update(1, len(PAGE)))
        assert c.response(1) == ("200", PAGE)


@tap.test
def a_whole_body_in_single_bytes():
    """a body through a window of 1 byte arrives whole"""
    with server() as target, Raw(target.port, (INITIAL_WINDOW_SIZE, 1)) as c:
        c.send(get(1))
        for _ in range(1, 2000):
            c.send(window_update(1, 1))
        settle(c)
        assert c.body(1) == PAGE[:2000]
        c.send(window_update(1, len(PAGE)))
        assert c.response(1)[1] == PAGE


@tap.test
def a_window_of_zero():
    """with a window of 0 the header block leaves, and the body when SETTINGS open it (6.9.2)"""
    with server() as target, Raw(target.port, (INITIAL_WINDOW_SIZE, 0)) as c:
        c.send(get(1), get(3))
        settle(c)
        assert [f.kind for f in c.seen if f.stream] == [HEADERS, HEADERS], c.seen
        c.send(settings((INITIAL_WINDOW_SIZE, 3)))
        settle(c)
        assert (c.body(1), c.body(3)) == (PAGE[:3], PAGE[:3])
        c.send(settings((INITIAL_WINDOW_SIZE, 65535)))
        assert c.response(1)[1] == c.response(3)[1] == PAGE


@tap.test
def a_negative_window():
    """a window made negative by SETTINGS must first be filled (6.9.2)"""
    with server() as target, Raw(target.port, (INITIAL_WINDOW_SIZE, 1000)) as c:
        c.send(get(1))
        settle(c)
        assert c.body(1) == PAGE[:1000]
        c.send(settings((INITIAL_WINDOW_SIZE, 200)), window_update(1, 799))
        settle(c)
        assert c.body(1) == PAGE[:1000], "the window is -1"
        c.send(window_update(1, 1))
        settle(c)
        assert c.body(1) == PAGE[:1000], "the window is 0"
        c.send(window_update(1, 1))
        settle(c)
        assert c.body(1) == PAGE[:1001], "the window was 1"
        c.send(get(3))
        settle(c)
        assert c.body(3) == PAGE[:200], "a later stream begins with the new size"
        c.send(settings((INITIAL_WINDOW_SIZE, 300)))
        settle(c)
        assert (len(c.body(1)), len(c.body(3))) == (1101, 300)
        c.send(window_update(1, len(PAGE)), window_update(3, len(PAGE)))
        assert c.response(1)[1] == c.response(3)[1] == PAGE


@tap.test
def the_connection_window():
    """all streams together stay within the connection's window (6.9.1)"""
    with server() as target, Raw(target.port, (INITIAL_WINDOW_SIZE, 1 << 20)) as c:
        streams = range(1, 11, 2)
        c.send(*(get(stream) for stream in streams))
        settle(c)
        assert sum(sum(sizes(c, stream)) for stream in streams) == 65535
        for more in (1, 2, 1000):
            at = sum(sum(sizes(c, stream)) for stream in streams)
            c.send(window_update(0, more))
            settle(c)
            assert sum(sum(sizes(c, stream)) for stream in streams) == at + more
        c.send(settings((INITIAL_WINDOW_SIZE, 1 << 24)))
        at = len(c.on(1) + c.on(3) + c.on(5) + c.on(7) + c.on(9))
        settle(c)
        assert len(c.on(1) + c.on(3) + c.on(5) + c.on(7) + c.on(9)) == at, "SETTINGS leave the connection's window alone"
        c.send(window_update(0, 1 << 20))
        for stream in streams:
            assert c.response(stream)[1] == PAGE


@tap.test
def a_body_that_fills_the_window():
    """END_STREAM needs no window when the body filled it exactly (6.9)"""
    with server() as target, Raw(target.port, (INITIAL_WINDOW_SIZE, len(PAGE))) as c:
        c.send(get(1))
        assert c.response(1)[1] == PAGE


class Upload:
    """Sends body bytes as the server's windows allow. Counts padding too."""

    def __init__(self, c):
        self.c = c
        c.barrier()
        self.initial = c.peer.get(INITIAL_WINDOW_SIZE, 65535)
        self.spent = {}

    def window(self, stream):
        opened = sum(f.increment for f in self.c.seen if f.kind == WINDOW_UPDATE and f.stream == stream)
        return (self.initial if stream else 65535) + opened - self.spent.get(stream, 0)

    def send(self, stream, payload, end=False, padding=None):
        body = payload if padding is None else bytes([padding]) + payload + bytes(padding)
        flags = (1 if end else 0) | (PADDED if padding is not None else 0)
        while self.window(stream) < len(body) or self.window(0) < len(body):
            got = self.c.until(lambda f: f.kind in (WINDOW_UPDATE, GOAWAY, RST_STREAM))
            assert got.kind != GOAWAY, got
            if got.kind == RST_STREAM and got.stream == stream:
                return False
        for which in (stream, 0):
            self.spent[which] = self.spent.get(which, 0) + len(body)
        self.c.send(frame(DATA, flags, stream, body))
        return True


@tap.test
def an_upload_within_the_windows():
    """a body far larger than the windows is taken as they are opened (5.2.1)"""
    with server() as target, Raw(target.port) as c:
        up = Upload(c)
        c.send(post(1))
        for _ in range(60):
            assert up.send(1, bytes(16384))
        assert up.send(1, b"", end=True)
        assert c.response(1)[1] == PAGE


@tap.test
def padding_counts():
    """padding takes window, and the server gives it back (6.1, 6.9)"""
    with server() as target, Raw(target.port) as c:
        up = Upload(c)
        c.send(post(1))
        for _ in range(1500):
            assert up.send(1, b"x", padding=255)
        assert up.send(1, b"", end=True)
        assert c.response(1)[1] == PAGE


@tap.test
def a_handler_that_does_not_read():
    """a body nobody reads holds its stream's window, and no other stream (5.2.2)"""
    if NGHTTPD:
        raise tap.Skip("needs a handler")
    with server() as target, Raw(target.port) as c:
        up = Upload(c)
        held = range(1, 31, 2)
        for stream in held:
            c.send(post(stream, "/held"))
            left = up.initial
            while left:
                size = min(left, 16384)
                assert up.send(stream, bytes(size)), f"stream {stream} was reset"
                left -= size
        settle(c)
        opened = [f for f in c.seen if f.kind == WINDOW_UPDATE and f.stream in held]
        assert not opened, f"the window of an unread body was opened: {opened}"
        c.send(post(101))
        for _ in range(20):
            assert up.send(101, bytes(16384))
        assert up.send(101, b"", end=True)
        assert c.response(101)[1] == PAGE
        c.send(data(1, b"x"))  # one more than the window
        either(FLOW_CONTROL_ERROR)(c)


@tap.test
def bodies_of_reset_streams():
    """what arrives for streams that are reset is given back to the connection's window (6.9, 5.1)"""

    def ended_by_client(c, up, stream):
        c.send(post(stream, "/held"))
        up.send(stream, bytes(16000))
        up.send(stream, bytes(16000))
        c.send(rst(stream, CANCEL))

    def ended_by_server(c, up, stream):
        c.send(post(stream, extra=[("content-length", "5")]))
        up.send(stream, bytes(16000))
        for _ in range(2):
            if not [f for f in c.on(stream) if f.kind == RST_STREAM]:
                up.send(stream, bytes(16000))

    with server() as target:
        for end in (ended_by_client, ended_by_server):
            with Raw(target.port) as c:
                up = Upload(c)
                for number in range(40):
                    end(c, up, 2 * number + 1)
                c.send(post(1001))
                for _ in range(10):
                    assert up.send(1001, bytes(16384)), end.__name__
                up.send(1001, b"", end=True)
                assert c.response(1001)[1] == PAGE, end.__name__


@tap.test
def too_much_data():
    """DATA beyond the window is FLOW_CONTROL_ERROR (6.9.1)"""
    if NGHTTPD:
        raise tap.Skip("needs a handler that does not read")

    def overrun(c):
        c.barrier()
        c.send(post(1, "/held"))
        for _ in range(c.peer.get(INITIAL_WINDOW_SIZE, 65535) // 16384 + 2):
            c.send(data(1, bytes(16384)))

    def padded(c):
        c.barrier()
        c.send(post(1, "/held"))
        for _ in range(c.peer.get(INITIAL_WINDOW_SIZE, 65535) // 256 + 2):
            c.send(frame(DATA, PADDED, 1, b"\xff" + bytes(255)))

    check([
        Case("of bytes", overrun, either(FLOW_CONTROL_ERROR)),
        Case("of padding", padded, any_outcome),
    ])  # fmt: skip


def any_outcome(c):
    """Padding may be given back at once (nobody reads it) or held."""
    c.send(get(3))
    got = c.until(lambda f: f.kind in (RST_STREAM, GOAWAY) or f.stream == 3 and f.end_stream)
    assert got.stream == 3 or got.code == FLOW_CONTROL_ERROR, got


if __name__ == "__main__":
    tap.main()
