"""RFC 9113 sections 6.3 to 6.8: PRIORITY, RST_STREAM, SETTINGS, PING and GOAWAY."""

import tap
from conformance import NGHTTPD, PAGE, Case, any_of, check, dies, lives, server, serves
from h2raw import (
    ACK, CANCEL, DATA, ENABLE_CONNECT_PROTOCOL, ENABLE_PUSH, END_HEADERS, FLOW_CONTROL_ERROR, GOAWAY,
    HEADER_TABLE_SIZE, HEADERS, INITIAL_WINDOW_SIZE, INTERNAL_ERROR, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE, NO_RFC7540_PRIORITIES, PING, PRIORITIZED, PRIORITY, PROTOCOL_ERROR, RST_STREAM, SETTINGS, Raw, block,
    data, frame, get, goaway, post, request_fields, rst, settings, window_update,
)  # fmt: skip

BLOCK = block(request_fields())


def priority(stream, on=0, weight=16):
    return frame(PRIORITY, 0, stream, on.to_bytes(4, "big") + bytes([weight]))


def ignores_priorities(c):
    """A server that said NO_RFC7540_PRIORITIES=1 (RFC 9218 2.1) need not look into the dependency."""
    assert c.peer.get(NO_RFC7540_PRIORITIES) == 1, f"a dependency on itself was taken; settings {c.peer}"
    lives(c)


@tap.test
def priority_frames():
    """PRIORITY is checked and otherwise ignored (6.3, 5.3.2)"""

    def on_itself(*frames):
        def act(c):
            c.barrier()
            c.send(*frames)

        return act

    def refused_or_ignored(c):
        c.send(frame(PING, payload=b"selfself"))
        got = c.until(lambda f: f.kind in (PING, GOAWAY) or f.kind == RST_STREAM)
        if got.kind == PING:
            ignores_priorities(c)
        else:
            assert got.code == PROTOCOL_ERROR, got

    refused_or_ignored.wanted = "PROTOCOL_ERROR, or NO_RFC7540_PRIORITIES=1"
    exclusive = (1 << 31).to_bytes(4, "big") + b"\xff"
    check([
        Case("on stream 0", priority(0), dies(PROTOCOL_ERROR)),
        Case("on an idle stream", priority(3) + get(1), serves()),
        Case("on an open stream", post(1) + priority(1, 3) + data(1, b"", True), serves()),
        Case("on an idle one that nobody opens", priority(201) + get(1), serves()),
        Case("exclusive", frame(PRIORITY, 0, 1, exclusive) + get(1), serves()),
        Case("a circle of dependencies", get(1) + priority(1, 3) + priority(3, 5) + priority(5, 1), serves()),
        Case("on itself", on_itself(post(1), priority(1, 1)), refused_or_ignored),
        Case("on itself, in HEADERS", on_itself(frame(HEADERS, END_HEADERS | PRIORITIZED, 1, b"\0\0\0\1\x10" + BLOCK)),
             refused_or_ignored),
    ])  # fmt: skip


@tap.test
def rst_stream_frames():
    """RST_STREAM ends its stream, whatever its code (6.4)"""

    def quiet(c):
        lives(c)
        assert not c.on(1, DATA), c.seen

    check([
        Case("on stream 0", rst(0, CANCEL), dies(PROTOCOL_ERROR)),
        Case("on an idle stream", rst(1, CANCEL), dies(PROTOCOL_ERROR)),
        Case("CANCEL", post(1) + rst(1, CANCEL), quiet),
        Case("NO_ERROR", post(1) + rst(1, 0), quiet),
        Case("a code that nobody knows", post(1) + rst(1, 0xFFFFFFFF), quiet),
        Case("in the middle of a body", post(1) + data(1, bytes(1000)) + rst(1, CANCEL), quiet),
        Case("while the answer waits for its window", get(1) + rst(1, CANCEL), quiet, (INITIAL_WINDOW_SIZE, 0)),
    ])  # fmt: skip


@tap.test
def settings_frames():
    """SETTINGS out of range are refused, unknown ones ignored (6.5, 6.5.2)"""
    wrong = dies(PROTOCOL_ERROR)
    flow = dies(FLOW_CONTROL_ERROR)
    check([
        Case("on a stream", settings(stream=1), wrong),
        Case("an acknowledgement on a stream", settings(flags=ACK, stream=1), wrong),
        Case("ENABLE_PUSH 2", settings((ENABLE_PUSH, 2)), wrong),
        Case("ENABLE_PUSH 2^32-1", settings((ENABLE_PUSH, 2**32 - 1)), wrong),
        Case("INITIAL_WINDOW_SIZE 2^31", settings((INITIAL_WINDOW_SIZE, 2**31)), flow),
        Case("INITIAL_WINDOW_SIZE 2^32-1", settings((INITIAL_WINDOW_SIZE, 2**32 - 1)), flow),
        Case("MAX_FRAME_SIZE 16383", settings((MAX_FRAME_SIZE, 16383)), wrong),
        Case("MAX_FRAME_SIZE 0", settings((MAX_FRAME_SIZE, 0)), wrong),
        Case("MAX_FRAME_SIZE 2^24", settings((MAX_FRAME_SIZE, 2**24)), wrong),
        Case("a wrong one behind a right one", settings((MAX_FRAME_SIZE, 20000), (ENABLE_PUSH, 7)), wrong),
        Case("NO_RFC7540_PRIORITIES 2", settings((NO_RFC7540_PRIORITIES, 2)), any_of(wrong, lives), gap=True),
        Case("every one at its lowest", settings((HEADER_TABLE_SIZE, 0), (ENABLE_PUSH, 0), (MAX_CONCURRENT_STREAMS, 0),
             (MAX_FRAME_SIZE, 16384)) + get(1), serves()),
        Case("every one at its highest", settings((HEADER_TABLE_SIZE, 2**32 - 1), (ENABLE_PUSH, 1),
             (MAX_CONCURRENT_STREAMS, 2**32 - 1), (INITIAL_WINDOW_SIZE, 2**31 - 1), (MAX_FRAME_SIZE, 2**24 - 1),
             (MAX_HEADER_LIST_SIZE, 2**32 - 1)) + get(1), serves()),
        Case("unknown ids", settings((0, 1), (7, 5), (0xFF, 9), (0xFFFF, 2**32 - 1)) + get(1), serves()),
        Case("ENABLE_CONNECT_PROTOCOL from a client", settings((ENABLE_CONNECT_PROTOCOL, 1)) + get(1), serves()),
        Case("none at all", settings() + get(1), serves()),
        Case("twenty of one id", settings(*[(MAX_FRAME_SIZE, 16384 + n) for n in range(20)]) + get(1), serves()),
    ])  # fmt: skip


@tap.test
def settings_acknowledgements():
    """every SETTINGS is acknowledged, once, in order with PING (6.5.3)"""
    with server() as target, Raw(target.port) as c:
        c.barrier()
        at = len(c.seen)
        for _ in range(5):
            c.send(settings((MAX_FRAME_SIZE, 20000)), frame(PING, payload=b"settings"))
        c.until(lambda f: f.kind == PING and sum(one.kind == PING for one in c.seen[at:]) == 5)
        c.barrier()
        acks = [f for f in c.seen[at:] if f.kind == SETTINGS]
        assert len(acks) == 5 and all(f.ack for f in acks), c.seen[at:]


@tap.test
def the_last_value_counts():
    """of two values of one setting in a frame the last counts (6.5.3)"""
    with server() as target, Raw(target.port) as c:
        c.send(settings((INITIAL_WINDOW_SIZE, 1), (INITIAL_WINDOW_SIZE, 2)), get(1))
        c.barrier()
        c.barrier()
        assert c.body(1) == PAGE[:2], c.seen


@tap.test
def header_table_size_zero():
    """a client with HEADER_TABLE_SIZE 0 gets blocks that use no dynamic table (6.5.2, RFC 7541 4.2)"""
    with server() as target:
        with Raw(target.port, (HEADER_TABLE_SIZE, 0)) as c:
            c.decoder.max_allowed_table_size = 0
            for stream in (1, 3, 5):
                c.send(get(stream, extra=[("x-try", str(stream))]), window_update(0, len(PAGE)))
                assert c.response(stream) == ("200", PAGE)
        with Raw(target.port) as c:  # in the middle of a connection, there and back
            for stream, size in ((1, 4096), (3, 0), (5, 4096), (7, 100), (9, 0), (11, 65536)):
                c.send(settings((HEADER_TABLE_SIZE, size)))
                c.barrier()
                c.decoder.max_allowed_table_size = size
                c.send(get(stream), window_update(0, len(PAGE)))
                assert c.response(stream) == ("200", PAGE)


@tap.test
def max_frame_size():
    """no frame of the server is longer than MAX_FRAME_SIZE says (4.2, 6.5.2)"""
    with server() as target, Raw(target.port) as c:
        c.send(get(1))
        c.response(1)
        assert max(len(f.payload) for f in c.on(1)) <= 16384
        c.send(settings((MAX_FRAME_SIZE, 18000)), get(3))
        assert c.response(3)[1] == PAGE
        assert max(len(f.payload) for f in c.on(3)) <= 18000


@tap.test
def pings():
    """PING is answered with its payload and nothing else (6.7)"""

    def echoed(c):
        got = c.until(lambda f: f.kind == PING)
        assert got.ack and got.payload == b"\0\1\2\3\xff\xfe\xfd\xfc", got
        lives(c)

    def unanswered(c):
        assert not [f for f in c.barrier() if f.kind == PING], c.seen
        lives(c)

    payload = b"\0\1\2\3\xff\xfe\xfd\xfc"
    check([
        Case("PING", frame(PING, payload=payload), echoed),
        Case("an acknowledgement of nothing", frame(PING, ACK, 0, payload), unanswered),
        Case("on a stream", frame(PING, 0, 1, payload), dies(PROTOCOL_ERROR)),
        Case("on an open stream", post(1) + frame(PING, 0, 1, payload), dies(PROTOCOL_ERROR)),
        Case("an acknowledgement on a stream", frame(PING, ACK, 1, payload), dies(PROTOCOL_ERROR)),
    ])  # fmt: skip


@tap.test
def pings_in_a_row():
    """a hundred PINGs are answered in order (6.7)"""
    with server() as target, Raw(target.port) as c:
        payloads = [n.to_bytes(8, "big") for n in range(100)]
        c.send(*(frame(PING, payload=one) for one in payloads))
        c.until(lambda f: f.kind == PING and f.payload == payloads[-1])
        assert [f.payload for f in c.seen if f.kind == PING] == payloads


@tap.test
def goaway_frames():
    """GOAWAY belongs to the connection (6.8)"""
    check([
        Case("on a stream", goaway(stream=1), dies(PROTOCOL_ERROR)),
        Case("on an open stream", post(1) + goaway(stream=1), dies(PROTOCOL_ERROR)),
    ])  # fmt: skip


@tap.test
def goaway_lets_open_streams_finish():
    """after a client's GOAWAY(NO_ERROR) its open streams are served to their end (6.8)"""
    with server() as target, Raw(target.port, (INITIAL_WINDOW_SIZE, 10)) as c:
        c.send(get(1), post(3))
        c.until(lambda f: f.kind == DATA)
        c.send(goaway(0, 0, b"thank you"), data(3, b"x", True))
        c.send(window_update(1, 65535), window_update(3, 65535))
        assert c.response(1)[1] == PAGE
        assert c.response(3)[1] == PAGE
        rest = c.read_all()
        assert all(f.kind != GOAWAY or f.code == 0 for f in rest), rest


@tap.test
def goaway_with_an_error_ends_the_connection():
    """after a client's GOAWAY with an error the server hangs up (6.8; API.md 5, 'goaway')"""
    if NGHTTPD:
        raise tap.Skip("nghttpd waits for the client")
    with server() as target:
        for code in (PROTOCOL_ERROR, INTERNAL_ERROR, 0xDEADBEEF):
            with Raw(target.port, (INITIAL_WINDOW_SIZE, 0)) as c:
                c.send(get(1))
                c.barrier()
                c.send(goaway(0, code))
                for f in c.read_all():
                    assert f.kind != GOAWAY or f.code == 0, f


if __name__ == "__main__":
    tap.main()
