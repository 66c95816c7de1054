"""RFC 9113 sections 3.4 and 4: the preface, frames, their sizes and padding, and the contiguity of header blocks."""

import re

import tap
from conformance import Case, any_of, check, dies, either, server, serves, serves_fresh
from h2raw import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, GOAWAY, HEADERS,
    INTERNAL_ERROR, PADDED, PING, PREFACE, PRIORITIZED, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, Raw, block, data, frame, get, goaway, headers, post, request_fields, rst, settings, window_update,
)  # fmt: skip

BLOCK = block(request_fields())
THIRD = len(BLOCK) // 3


def open_block(stream=1, end_stream=True):
    """A HEADERS frame whose block goes on."""
    return headers(stream, BLOCK[:THIRD], end_stream, flags=0)


def continuation(payload, stream=1, end=True):
    return frame(CONTINUATION, END_HEADERS if end else 0, stream, payload)


# --- 3.4 ------------------------------------------------------------------------------------------------


@tap.test
def the_server_begins_with_settings():
    """the first frame of a server is SETTINGS, and the client's are acknowledged (3.4, 6.5.3)"""
    with server() as target, Raw(target.port, acks=False) as c:
        c.barrier()
        assert c.seen[0].kind == SETTINGS and not c.seen[0].ack, c.seen
        assert [f.ack for f in c.seen if f.kind == SETTINGS] == [False, True], c.seen


@tap.test
def anything_but_the_preface_ends_the_connection():
    """what is not the preface is answered by an end of the connection (3.4)"""
    bad = {
        "a preface with other last letters": b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + settings(),
        "a preface with one letter wrong": b"PRJ * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings(),
        "frames without a preface": settings() + get(1),
        "a text": b"hello, is there anybody at home?\r\n\r\n",
        "zeros": bytes(64),
    }
    with server(errors=False) as target:
        for label, text in bad.items():
            with Raw(target.port, preface=False) as c:
                c.send(text)
                received = b""
                c.sock.settimeout(5)
                try:
                    while chunk := c.sock.recv(65536):
                        received += chunk
                except ConnectionResetError:
                    pass
                except TimeoutError:
                    raise AssertionError(f"{label}: still open, received {received!r}") from None
                assert not re.search(rb"^HTTP/\S+ [23]", received), f"{label}: {received!r}"
            serves_fresh(target.port)


def in_single_bytes(c):
    for byte in PREFACE + settings() + get(1):
        c.send(bytes([byte]))


@tap.test
def preface():
    """after the preface comes SETTINGS, however the network cuts it (3.4)"""
    check([
        Case("all in single bytes", in_single_bytes, serves(), preface=False),
        Case("all at once", PREFACE + settings() + get(1), serves(), preface=False),
        Case("PING instead of SETTINGS", PREFACE + frame(PING, payload=bytes(8)), dies(PROTOCOL_ERROR), preface=False),
        Case("HEADERS instead of SETTINGS", PREFACE + get(1), dies(PROTOCOL_ERROR), preface=False),
        Case("an acknowledgement instead of SETTINGS", PREFACE + settings(flags=ACK), dies(PROTOCOL_ERROR),
             preface=False, gap=True),
        Case("the preface twice", PREFACE + settings() + PREFACE, dies(FRAME_SIZE_ERROR, PROTOCOL_ERROR), preface=False),
    ])  # fmt: skip


# --- 4.1 ------------------------------------------------------------------------------------------------


@tap.test
def unknown_things_are_ignored():
    """unknown frame types and flags and reserved bits are ignored (4.1, 5.5)"""
    reserved = 1 << 31
    check([
        Case("an unknown type on stream 0", frame(0xFE, 0xFF, 0, b"anything") + get(1), serves()),
        Case("an unknown type of length 0", frame(0xFE, 0xFF, 0) + get(1), serves()),
        Case("an unknown type of 16384 bytes", frame(0x42, 0, 0, bytes(16384)) + get(1), serves()),
        Case("an unknown type on an idle stream", frame(0xFE, 0, 1, b"x") + get(1), serves()),
        Case("an unknown type on an even idle stream", frame(0xFE, 0, 2, b"x") + get(1), serves()),
        Case("an unknown type between HEADERS and DATA", post(1) + frame(0xFE, 0, 1, b"x") + data(1, b"x", True), serves()),
        Case("undefined flags on PING", frame(PING, 0xFE, 0, bytes(8)) + get(1), serves()),
        Case("undefined flags on SETTINGS", settings(flags=0xFE) + get(1), serves()),
        Case("undefined flags on HEADERS", headers(1, BLOCK, flags=END_HEADERS | 0x52), serves()),
        Case("undefined flags on DATA", post(1) + frame(DATA, 0xF6 | END_STREAM, 1, b"x"), serves()),
        Case("undefined flags on WINDOW_UPDATE", frame(WINDOW_UPDATE, 0xFF, 0, b"\0\0\0\1") + get(1), serves()),
        Case("the reserved bit of a request's stream id", headers(1 | reserved, BLOCK), serves()),
        Case("the reserved bit of PING's stream id", frame(PING, 0, reserved, bytes(8)) + get(1), serves()),
        Case("the reserved bit of an increment", window_update(0, 1 | reserved) + get(1), serves()),
        Case("the reserved bit of GOAWAY's last id", goaway(reserved), ends_or_lives),
    ])  # fmt: skip


def ends_or_lives(c):
    """A client's GOAWAY(NO_ERROR): with no stream open the server may hang up."""
    while got := c.read_or_none(0.2):
        if got.kind == GOAWAY:
            assert got.code == 0, got
            break


# --- 4.2 ------------------------------------------------------------------------------------------------


@tap.test
def frame_sizes():
    """frames over the limit and of the wrong length are FRAME_SIZE_ERROR (4.2, 6.*)"""
    cases = [
        Case("DATA of 16384 bytes", post(1) + data(1, bytes(16384), True), serves()),
        Case("DATA of 16385 bytes", post(1) + data(1, bytes(16385), True), either(FRAME_SIZE_ERROR)),
        Case("HEADERS of 16385 bytes", headers(1, BLOCK + block([("x", "y" * (16385 - len(BLOCK) - 6))])),
             dies(FRAME_SIZE_ERROR)),
        Case("HEADERS that claims 2^24-1 bytes", frame(HEADERS, END_HEADERS, 1, BLOCK, 2**24 - 1), dies(FRAME_SIZE_ERROR)),
        Case("CONTINUATION of 16385 bytes", open_block() + continuation(BLOCK[THIRD:] + block([("x", "y" * (16385 - len(BLOCK) + THIRD - 6))])),
             dies(FRAME_SIZE_ERROR), gap=True),
        Case("an unknown type of 16385 bytes", frame(0xFE, 0, 0, bytes(16385)), dies(FRAME_SIZE_ERROR)),
        Case("SETTINGS of 16386 bytes", frame(SETTINGS, 0, 0, bytes(16386)), dies(FRAME_SIZE_ERROR)),
        Case("WINDOW_UPDATE on a stream of length 3", post(1) + frame(WINDOW_UPDATE, 0, 1, b"\0\0\1"), dies(FRAME_SIZE_ERROR)),
        Case("SETTINGS acknowledgement with a payload", settings((1, 4096), flags=ACK), dies(FRAME_SIZE_ERROR)),
    ]  # fmt: skip
    for name, kind, stream, lengths in (
        ("PING", PING, 0, (0, 6, 7, 9)),
        ("SETTINGS", SETTINGS, 0, (1, 5, 7)),
        ("GOAWAY", GOAWAY, 0, (0, 4, 7)),
        ("WINDOW_UPDATE", WINDOW_UPDATE, 0, (0, 3, 5)),
        ("RST_STREAM", RST_STREAM, 1, (0, 3, 5)),
    ):
        for length in lengths:
            payload = (b"\0\0\0\1" * 3)[:length]
            before = post(1) if stream else b""
            cases.append(Case(f"{name} of length {length}", before + frame(kind, 0, stream, payload), dies(FRAME_SIZE_ERROR)))
    for length in (0, 4, 6):
        payload = (b"\0\0\0\0\0\0\0")[:length]
        cases.append(
            Case(f"PRIORITY of length {length}", post(1) + frame(PRIORITY, 0, 1, payload), either(FRAME_SIZE_ERROR))
        )
    check(cases)


@tap.test
def padding():
    """padding may fill a frame but not exceed it (6.1, 6.2)"""
    padded = PADDED | END_HEADERS | END_STREAM
    wrong = dies(PROTOCOL_ERROR)
    small = dies(PROTOCOL_ERROR, FRAME_SIZE_ERROR)
    check([
        Case("HEADERS with 255 bytes of it", frame(HEADERS, padded, 1, b"\xff" + BLOCK + bytes(255)), serves()),
        Case("HEADERS with none of it", frame(HEADERS, padded, 1, b"\0" + BLOCK), serves()),
        Case("HEADERS with padding and priority",
             frame(HEADERS, padded | PRIORITIZED, 1, b"\x04" + b"\0\0\0\0\x10" + BLOCK + bytes(4)), serves()),
        Case("DATA with 255 bytes of it", post(1) + frame(DATA, PADDED | END_STREAM, 1, b"\xffxyz" + bytes(255)), serves()),
        Case("DATA of nothing else", post(1) + frame(DATA, PADDED | END_STREAM, 1, b"\xff" + bytes(255)), serves()),
        Case("DATA of nothing at all", post(1) + frame(DATA, PADDED | END_STREAM, 1, b"\0"), serves()),
        Case("HEADERS shorter than its padding", frame(HEADERS, padded, 1, bytes([len(BLOCK) + 1]) + BLOCK), wrong),
        Case("HEADERS whose priority is in the padding",
             frame(HEADERS, padded | PRIORITIZED, 1, b"\x02" + b"\0\0\0\0\x10"), small),
        Case("HEADERS too short for the pad length", frame(HEADERS, padded, 1), small),
        Case("HEADERS too short for priority", frame(HEADERS, END_HEADERS | END_STREAM | PRIORITIZED, 1, bytes(4)), small),
        Case("DATA as long as its padding", post(1) + frame(DATA, PADDED | END_STREAM, 1, b"\x05" + bytes(4)), wrong),
        Case("DATA far shorter than its padding", post(1) + frame(DATA, PADDED | END_STREAM, 1, b"\xff"), wrong),
        Case("DATA too short for the pad length", post(1) + frame(DATA, PADDED | END_STREAM, 1), small),
        Case("padding that is not zero", post(1) + frame(DATA, PADDED | END_STREAM, 1, b"\x02x!!"),
             any_of(serves(), either(PROTOCOL_ERROR))),
    ])  # fmt: skip


# --- 4.3, 6.10 --------------------------------------------------------------------------------------------


@tap.test
def header_blocks_are_contiguous():
    """nothing comes between the frames of a header block (4.3, 6.10)"""
    rest = continuation(BLOCK[THIRD:])
    cases = [
        Case("HEADERS and one CONTINUATION", open_block() + rest, serves()),
        Case("HEADERS and three", open_block() + continuation(BLOCK[THIRD : 2 * THIRD], end=False)
             + continuation(BLOCK[2 * THIRD : -1], end=False) + continuation(BLOCK[-1:]), serves()),
        Case("an empty HEADERS and the block behind it", headers(1, b"", flags=0) + continuation(BLOCK), serves()),
        Case("an empty CONTINUATION at the end", headers(1, BLOCK, flags=0) + continuation(b""), serves()),
        Case("a body behind CONTINUATION", headers(1, block(request_fields(method="POST")), False, flags=0)
             + continuation(b"") + data(1, b"body", True), serves()),
        Case("CONTINUATION of another stream", open_block() + continuation(BLOCK[THIRD:], 3), dies(PROTOCOL_ERROR)),
        Case("CONTINUATION on stream 0", open_block() + continuation(BLOCK[THIRD:], 0), dies(PROTOCOL_ERROR)),
        Case("CONTINUATION first of all", continuation(BLOCK), dies(PROTOCOL_ERROR)),
        Case("CONTINUATION on stream 0 first of all", continuation(BLOCK, 0), dies(PROTOCOL_ERROR)),
        Case("CONTINUATION behind a whole HEADERS", post(1) + continuation(b""), dies(PROTOCOL_ERROR)),
        Case("CONTINUATION behind the last", headers(1, BLOCK, False, 0) + continuation(b"") + continuation(b""),
             dies(PROTOCOL_ERROR)),
        Case("CONTINUATION behind DATA", post(1) + data(1, b"x") + continuation(b""), dies(PROTOCOL_ERROR)),
    ]  # fmt: skip
    for label, between in (
        ("DATA", data(1, b"x")),
        ("HEADERS of the stream", get(1)),
        ("HEADERS of another", get(3)),
        ("PRIORITY", frame(PRIORITY, 0, 1, b"\0\0\0\0\x10")),
        ("RST_STREAM", rst(1, 8)),
        ("SETTINGS", settings()),
        ("a SETTINGS acknowledgement", settings(flags=ACK)),
        ("PING", frame(PING, payload=bytes(8))),
        ("GOAWAY", goaway()),
        ("WINDOW_UPDATE", window_update(0, 1)),
        ("an unknown type", frame(0xFE, 0, 0, b"x")),
    ):
        cases.append(Case(f"{label} inside a block", open_block() + between + rest, dies(PROTOCOL_ERROR)))
    check(cases)


@tap.test
def header_blocks_that_never_end():
    """a header block of endless CONTINUATION is cut off"""
    over = dies(ENHANCE_YOUR_CALM, PROTOCOL_ERROR, INTERNAL_ERROR, FRAME_SIZE_ERROR, silent=True)

    def flood(payload):
        def send(c):
            c.send(headers(1, BLOCK, flags=0))
            for _ in range(50):
                c.send(continuation(payload, end=False) * 20)

        return send

    check([
        Case("of 0 bytes", flood(b""), over),
        Case("of 1 byte", flood(block([("x", "y")])), over),
        Case("of 16 KiB", flood(block([("x", "y" * 16000)])), over),
    ], errors=True)  # fmt: skip


@tap.test
def push_is_for_servers():
    """PUSH_PROMISE from a client is PROTOCOL_ERROR (8.4)"""
    promise = b"\0\0\0\2" + BLOCK
    check([
        Case("on an idle stream", frame(PUSH_PROMISE, END_HEADERS, 1, promise), dies(PROTOCOL_ERROR)),
        Case("on an open stream", post(1) + frame(PUSH_PROMISE, END_HEADERS, 1, promise), dies(PROTOCOL_ERROR)),
        Case("on stream 0", frame(PUSH_PROMISE, END_HEADERS, 0, promise), dies(PROTOCOL_ERROR)),
    ])  # fmt: skip


@tap.test
def headers_and_data_need_a_stream():
    """HEADERS and DATA on stream 0 are PROTOCOL_ERROR (6.1, 6.2)"""
    check([
        Case("HEADERS", headers(0, BLOCK), dies(PROTOCOL_ERROR)),
        Case("DATA", data(0, b"x"), dies(PROTOCOL_ERROR)),
        Case("DATA while a stream is open", post(1) + data(0, b"x"), dies(PROTOCOL_ERROR)),
        Case("empty DATA frames", post(1) + data(1) * 10 + data(1, b"x") + data(1, b"", True), serves()),
        Case("HEADERS with priority fields", headers(1, b"\0\0\0\0\x10" + BLOCK, flags=END_HEADERS | PRIORITIZED), serves()),
        Case("a frame cut at every byte", lambda c: [c.send(bytes([b])) for b in post(1) + data(1, b"xyz", True)], serves()),
    ])  # fmt: skip


if __name__ == "__main__":
    tap.main()
