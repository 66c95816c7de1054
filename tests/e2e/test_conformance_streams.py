"""RFC 9113 sections 5.1 and 5.4: what each state of a stream takes, stream ids, and how many streams there may be."""

import tap
from conformance import NGHTTPD, PAGE, Case, check, dies, either, lives, server, serves
from h2raw import (
    CANCEL, CONTINUATION, END_HEADERS, GOAWAY, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, PRIORITY, PROTOCOL_ERROR,
    REFUSED_STREAM, RST_STREAM, STREAM_CLOSED, Raw, block, data, frame, get, headers, post, request_fields, rst,
    window_update,
)  # fmt: skip

BLOCK = block(request_fields())
CLOSED_WINDOW = (INITIAL_WINDOW_SIZE, 0)  # keeps a stream half-closed (remote): its answer cannot leave


def priority(stream, on=0):
    return frame(PRIORITY, 0, stream, on.to_bytes(4, "big") + b"\x10")


def continuation(stream=1):
    return frame(CONTINUATION, END_HEADERS, stream, BLOCK)


def served_with_window(c):
    c.send(window_update(1, 65535))
    serves()(c)


def answered_then(*frames):
    """The stream is over on both sides, in order."""

    def act(c):
        c.send(get(1))
        assert c.response(1)[1] == PAGE
        c.send(*frames)

    return act


def reset_by_us_then(*frames):
    return post(1) + rst(1, CANCEL) + b"".join(frames)


def reset_by_server_then(*frames):
    """The server resets the stream because of a body that is longer than it says."""

    def act(c):
        c.send(post(1, extra=[("content-length", "1")]), data(1, b"too much"))
        got = c.until(lambda f: f.stream == 1)
        assert got.kind == RST_STREAM, got
        c.send(*frames)

    return act


def silent(c):
    """Nothing more is said on stream 1 while the connection lives on."""
    c.barrier()
    at = len(c.seen)
    lives(c)
    c.barrier()
    assert not [f for f in c.seen[at:] if f.stream == 1], c.seen[at:]


silent.wanted = "silence on the stream"


@tap.test
def idle():
    """on an idle stream only HEADERS and PRIORITY are right (5.1)"""
    wrong = dies(PROTOCOL_ERROR)
    check([
        Case("DATA", data(1, b"x", True), wrong),
        Case("empty DATA", data(1), wrong),
        Case("RST_STREAM", rst(1, CANCEL), wrong),
        Case("WINDOW_UPDATE", window_update(1, 100), wrong),
        Case("CONTINUATION", continuation(), wrong),
        Case("DATA above the last stream", post(1) + data(3, b"x"), wrong),
        Case("RST_STREAM above the last stream", post(1) + rst(3, CANCEL), wrong),
        Case("WINDOW_UPDATE above the last stream", post(1) + window_update(3, 100), wrong),
        Case("DATA on a server's id", data(2, b"x"), wrong),
        Case("RST_STREAM on a server's id", rst(2, CANCEL), wrong),
        Case("WINDOW_UPDATE on a server's id", window_update(2, 1), wrong),
        Case("PRIORITY", priority(1) + get(1), serves()),
        Case("PRIORITY far above", priority(99999) + get(1), serves()),
    ])  # fmt: skip


@tap.test
def half_closed():
    """behind END_STREAM only WINDOW_UPDATE, PRIORITY and RST_STREAM are right (5.1)"""
    wrong = either(STREAM_CLOSED)
    trailers = headers(1, [("x", "y")])
    check([
        Case("DATA", get(1) + data(1, b"x"), wrong, CLOSED_WINDOW),
        Case("DATA with END_STREAM", get(1) + data(1, b"", True), wrong, CLOSED_WINDOW),
        Case("DATA behind DATA with END_STREAM", post(1) + data(1, b"x", True) + data(1, b"x", True), wrong, CLOSED_WINDOW),
        Case("HEADERS", get(1) + get(1), wrong, CLOSED_WINDOW),
        Case("trailers", get(1) + trailers, wrong, CLOSED_WINDOW),
        Case("trailers twice", post(1) + trailers + trailers, wrong, CLOSED_WINDOW),
        Case("CONTINUATION", get(1) + continuation(), dies(PROTOCOL_ERROR, STREAM_CLOSED), CLOSED_WINDOW),
        Case("WINDOW_UPDATE", get(1), served_with_window, CLOSED_WINDOW),
        Case("PRIORITY", get(1) + priority(1), served_with_window, CLOSED_WINDOW),
        Case("RST_STREAM", get(1) + rst(1, CANCEL) + window_update(0, 100000), silent, CLOSED_WINDOW),
    ])  # fmt: skip


@tap.test
def closed_by_the_client():
    """behind the client's RST_STREAM only PRIORITY is right (5.1)"""
    closed = either(STREAM_CLOSED)
    check([
        Case("DATA", reset_by_us_then(data(1, b"x")), closed),
        Case("DATA with END_STREAM", reset_by_us_then(data(1, b"x", True)), closed),
        Case("HEADERS", reset_by_us_then(get(1)), either(STREAM_CLOSED, PROTOCOL_ERROR)),
        Case("CONTINUATION", reset_by_us_then(continuation()), dies(PROTOCOL_ERROR, STREAM_CLOSED)),
        Case("PRIORITY", reset_by_us_then(priority(1)), lives),
        Case("WINDOW_UPDATE", reset_by_us_then(window_update(1, 1)), tolerated),
        Case("RST_STREAM", reset_by_us_then(rst(1, CANCEL)), tolerated),
        Case("nothing", reset_by_us_then(), silent),
    ])  # fmt: skip


def tolerated(c):
    """RFC 9113 5.1 leaves it open: ignored, or STREAM_CLOSED."""
    c.send(get(3))
    got = c.until(lambda f: f.kind in (RST_STREAM, GOAWAY) or f.stream == 3 and f.end_stream)
    assert got.stream == 3 or got.code == STREAM_CLOSED, got


tolerated.wanted = "nothing, or STREAM_CLOSED"


@tap.test
def closed_by_both():
    """on a stream that has ended on both sides only WINDOW_UPDATE, PRIORITY and RST_STREAM pass (5.1)"""
    check([
        Case("DATA", answered_then(data(1, b"x")), either(STREAM_CLOSED)),
        Case("DATA with END_STREAM", answered_then(data(1, b"x", True)), either(STREAM_CLOSED)),
        Case("HEADERS", answered_then(get(1)), either(STREAM_CLOSED, PROTOCOL_ERROR)),
        Case("trailers", answered_then(headers(1, [("x", "y")])), either(STREAM_CLOSED, PROTOCOL_ERROR)),
        Case("CONTINUATION", answered_then(continuation()), dies(PROTOCOL_ERROR, STREAM_CLOSED)),
        Case("WINDOW_UPDATE", answered_then(window_update(1, 1000)), silent),
        Case("RST_STREAM", answered_then(rst(1, CANCEL)), silent),
        Case("PRIORITY", answered_then(priority(1)), silent),
    ])  # fmt: skip


@tap.test
def closed_by_the_server():
    """what was on its way when the server reset the stream is ignored (5.1)"""
    check([
        Case("DATA", reset_by_server_then(data(1, b"x")), lives),
        Case("DATA with END_STREAM", reset_by_server_then(data(1, b"x", True)), lives),
        Case("much DATA", reset_by_server_then(data(1, bytes(16000)) * 3), lives),
        Case("trailers", reset_by_server_then(headers(1, [("x", "y")])), lives),
        Case("WINDOW_UPDATE", reset_by_server_then(window_update(1, 1)), lives),
        Case("RST_STREAM", reset_by_server_then(rst(1, CANCEL)), lives),
        Case("PRIORITY", reset_by_server_then(priority(1)), lives),
    ])  # fmt: skip


@tap.test
def ids():
    """a client's ids are odd and only grow (5.1.1)"""
    wrong = dies(PROTOCOL_ERROR)
    both = either(PROTOCOL_ERROR, STREAM_CLOSED)
    top = 2**31 - 1

    def lower_than_answered(c):
        c.send(get(5))
        c.response(5)
        c.send(get(3))

    check([
        Case("an even id", get(2), wrong),
        Case("an even id behind an odd one", get(1) + get(4), wrong),
        Case("id 0", headers(0, BLOCK), wrong),
        Case("an id below an open one that was never used", post(5) + get(3), wrong, gap=True),
        Case("an id below an ended one that was never used", lower_than_answered, wrong, gap=True),
        Case("an open id again", post(1) + post(1), either(PROTOCOL_ERROR, STREAM_CLOSED)),
        Case("an ended id again", answered_then(get(1)), both),
        Case("ids with gaps", get(1) + get(7) + get(701) + window_update(0, 65535), serves(stream=7)),
        Case("the highest id", get(top), lambda c: c.response(top)),
        Case("an id above the highest", get(top) + get(1), both, gap=True),
    ])  # fmt: skip


@tap.test
def more_streams_than_allowed():
    """the stream above MAX_CONCURRENT_STREAMS is refused, and a later one served (5.1.2)"""
    if NGHTTPD:
        raise tap.Skip("nghttpd ends the connection")
    with server() as target, Raw(target.port) as c:
        c.barrier()
        limit = c.peer[MAX_CONCURRENT_STREAMS]
        assert limit == 128, c.peer
        last = 2 * limit - 1
        c.send(*(post(stream) for stream in range(1, last + 1, 2)))
        assert not [f for f in c.barrier() if f.stream], "streams within the limit are left alone"
        c.send(get(last + 2))
        refusal = c.until(lambda f: f.stream == last + 2)
        assert refusal.kind == RST_STREAM and refusal.code in (REFUSED_STREAM, PROTOCOL_ERROR), refusal
        c.send(data(1, b"", True))
        assert c.response(1)[1] == PAGE
        c.send(rst(3, CANCEL))
        c.send(get(last + 4), get(last + 6))
        for stream in (last + 4, last + 6):
            assert c.response(stream)[0] == "200"


@tap.test
def more_streams_before_the_limit_is_known():
    """streams above the limit that left before our SETTINGS arrived are refused one by one (5.1.2)"""
    with server() as target, Raw(target.port, acks=False) as c:
        c.send(*(post(stream) for stream in range(1, 401, 2)))
        refused = set()
        while len(refused) < 72:
            f = c.until(lambda f: f.stream)
            assert f.kind == RST_STREAM and f.code == REFUSED_STREAM and f.stream > 255, f
            refused.add(f.stream)
        c.send(data(1, b"", True), data(3, b"", True))
        assert c.response(1)[1] == c.response(3)[1] == PAGE


@tap.test
def one_error_leaves_the_others():
    """a stream error ends its stream only (5.4.2)"""
    with server() as target, Raw(target.port) as c:
        c.send(post(1), post(3, extra=[("content-length", "1")]), post(5))
        c.send(data(3, b"too much"))
        got = c.until(lambda f: f.stream == 3)
        assert got.kind == RST_STREAM and got.code == PROTOCOL_ERROR, got
        c.send(data(1, b"a", True), data(5, b"b", True))
        assert c.response(1)[1] == PAGE
        c.send(window_update(0, 65535))
        assert c.response(5)[1] == PAGE


@tap.test
def goaway_names_the_last_stream():
    """GOAWAY of a connection error names the highest stream that was taken (6.8)"""
    with server() as target, Raw(target.port, CLOSED_WINDOW) as c:
        c.send(post(1), post(7))
        c.barrier()
        c.send(data(0, b"x"))
        got = c.read_all()[-1]
        assert got.kind == GOAWAY and got.code == PROTOCOL_ERROR, got
        assert got.last_id == 7, got


if __name__ == "__main__":
    tap.main()
