"""RFC 7541: what a header block may hold. What cannot be decoded is a connection error COMPRESSION_ERROR (4.3)."""

import hpack

import tap
from conformance import Case, check, dies, resets, server, serves
from h2raw import (
    COMPRESSION_ERROR, HEADER_TABLE_SIZE, PROTOCOL_ERROR, Raw, block, get, headers, integer, request_fields, text,
    window_update,
)  # fmt: skip

broken = dies(COMPRESSION_ERROR)

# Static table (RFC 7541 A): 2 :method GET, 4 :path /, 6 :scheme http, 1 :authority.
INDEXED = b"\x82\x86\x84" + b"\x01" + text("localhost")


def ask(*pieces):
    return headers(1, b"".join(pieces))


@tap.test
def representations():
    """every representation of a field is understood (6.1, 6.2)"""
    name, value = text("x-name"), text("value")
    check([
        Case("indexed fields", ask(INDEXED), serves()),
        Case("literal without indexing", ask(INDEXED, b"\0", name, value), serves()),
        Case("literal never indexed", ask(INDEXED, b"\x10", name, value), serves()),
        Case("literal with indexing, used again", ask(INDEXED, b"\x40", name, value, b"\xbe\xbe"), serves()),
        Case("a name from the dynamic table", ask(INDEXED, b"\x40", name, value, b"\x7e", text("other")), serves()),
        Case("a name from the static table", ask(INDEXED, integer(58, 4), text("agent")), serves()),
        Case("an integer longer than need be", ask(INDEXED, b"\0\x7f\x80\x80\x00" + b"x" * 127, value), serves()),
    ])  # fmt: skip


@tap.test
def huffman_coding():
    """Huffman-coded text is understood, and wrong padding is not (5.2)"""
    coded = hpack.Encoder().encode([(":authority", "www.example.com")], huffman=True)
    good = b"\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"  # www.example.com, RFC 7541 C.4.1
    host = b"\x41"
    rest = b"\x82\x86\x84"
    check([
        Case("as it should be", ask(rest, host, good), serves()),
        Case("by a library", ask(rest, coded), serves()),
        Case("padding of 8 bits", ask(rest, host, b"\x8d" + good[1:] + b"\xff"), broken),
        Case("padding of 16 bits", ask(rest, host, b"\x8e" + good[1:] + b"\xff\xff"), broken),
        Case("padding of zeros", ask(rest, host, good[:-1] + b"\x80"), broken),
        Case("the EOS symbol", ask(rest, host, b"\x84\xff\xff\xff\xff"), broken),
        Case("the EOS symbol within text", ask(rest, host, b"\x85\x1f\xff\xff\xff\xfc"), broken),
    ])  # fmt: skip


@tap.test
def indices():
    """an index that names nothing is COMPRESSION_ERROR (2.3.3, 6.1)"""
    check([
        Case("0", ask(INDEXED, b"\x80"), broken),
        Case("62 with an empty dynamic table", ask(INDEXED, b"\xbe"), broken),
        Case("70", ask(INDEXED, integer(70, 7, 0x80)), broken),
        Case("2^31", ask(INDEXED, integer(2**31, 7, 0x80)), broken),
        Case("one above the dynamic table", ask(INDEXED, b"\x40", text("a"), text("b"), b"\xbf"), broken),
        Case("as a literal's name", ask(INDEXED, b"\x7f\x20", text("value")), broken),
        Case("first of all", ask(b"\xff\x80\x01"), broken),
    ])  # fmt: skip


@tap.test
def integers_and_lengths():
    """integers that overflow and strings that are cut are COMPRESSION_ERROR (5.1, 5.2)"""
    check([
        Case("an integer without end", ask(INDEXED, b"\xff" + b"\xff" * 20), broken),
        Case("an integer over 32 bits", ask(INDEXED, b"\xff\x80\x80\x80\x80\x80\x80\x01"), broken),
        Case("an integer that is cut", ask(INDEXED, b"\xff\x80"), broken),
        Case("a name that is cut", ask(INDEXED, b"\0\x05abc"), broken),
        Case("a value that is cut", ask(INDEXED, b"\0", text("name"), b"\x0avalue"), broken),
        Case("a length that is cut", ask(INDEXED, b"\0", text("name"), b"\x7f\x80"), broken),
        Case("a length of 2^31", ask(INDEXED, b"\0", integer(2**31, 7)), broken),
        Case("no value", ask(INDEXED, b"\0", text("name")), broken),
        Case("one byte", ask(b"\x40"), broken),
    ])  # fmt: skip


@tap.test
def table_size_updates():
    """table size updates come first in a block and stay within the setting (4.2, 6.3)"""
    zero, full = b"\x20", integer(4096, 5, 0x20)
    check([
        Case("to 0", ask(zero, INDEXED), serves()),
        Case("to 0 and back", ask(zero, full, INDEXED), serves()),
        Case("to 4096", ask(full, INDEXED), serves()),
        Case("to 4097", ask(integer(4097, 5, 0x20), INDEXED), broken),
        Case("to 2^32-1", ask(integer(2**32 - 1, 5, 0x20), INDEXED), broken),
        Case("at the end of a block", ask(INDEXED, zero), broken),
        Case("in the middle of a block", ask(b"\x82", zero, INDEXED[1:]), broken),
        Case("to 0 forgets entries", get(1) + headers(3, b"".join([
            b"\x40", text("a"), text("b")]) + block(request_fields())) + headers(5, zero + b"\xbe" + INDEXED), broken),
    ])  # fmt: skip


@tap.test
def the_table_outlives_a_bad_request():
    """a malformed request still changes the dynamic table, as both sides need it (4.3)"""
    check([
        Case("a field of a reset stream is used again",
             headers(1, b"\x40" + text("x-kept") + text("1") + INDEXED)  # a regular field before pseudo headers
             + headers(3, INDEXED + b"\xbe"),
             lambda c: (resets(PROTOCOL_ERROR)(c), serves(stream=3)(c))),
        Case("trailers for a stream that was reset are decoded",
             headers(1, b"\x82" + INDEXED, end_stream=False)  # :method twice
             + headers(1, b"\x40" + text("x-kept") + text("1"))
             + headers(3, INDEXED + b"\xbe"),
             serves(stream=3)),
    ])  # fmt: skip


@tap.test
def a_table_shared_over_many_requests():
    """a library's encoder and the server agree over a hundred requests, with the table shrinking and growing"""
    with server() as target, Raw(target.port, (HEADER_TABLE_SIZE, 256)) as c:
        c.decoder.max_allowed_table_size = 256
        encoder = hpack.Encoder()
        for number in range(100):
            encoder.header_table_size = (4096, 100, 0, 2000)[number // 5 % 4]
            fields = request_fields(extra=[("x-fixed", "always"), ("x-number", str(number)), ("cookie", "a" * number)])
            c.send(headers(2 * number + 1, encoder.encode(fields)), window_update(0, 19200))
            assert c.response(2 * number + 1)[0] == "200", number


if __name__ == "__main__":
    tap.main()
