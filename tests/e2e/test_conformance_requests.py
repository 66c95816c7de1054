"""RFC 9113 section 8: what a well-formed request is. A malformed one is a stream error PROTOCOL_ERROR (8.1.1)."""

import tap
from conformance import NGHTTPD, Case, any_of, check, lives, resets, server, serves
from h2raw import (
    CANCEL, CONNECT_ERROR, CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PROTOCOL_ERROR,
    REFUSED_STREAM, RST_STREAM, Raw, block, data, frame, get, headers, post, request_fields, rst,
)  # fmt: skip

malformed = resets(PROTOCOL_ERROR)

METHOD, SCHEME, AUTHORITY, PATH = request_fields()
REGULAR = ("x-one", "1")


def ask(*fields, body=False):
    """A request of exactly these fields."""
    return headers(1, list(fields), end_stream=not body)


def plus(*extra, path="/"):
    return get(1, path, extra=extra)


@tap.test
def pseudo_headers():
    """pseudo headers are complete, known, single and first (8.3, 8.3.1)"""
    check([
        Case("no :method", ask(SCHEME, AUTHORITY, PATH), malformed),
        Case("no :scheme", ask(METHOD, AUTHORITY, PATH), malformed),
        Case("no :path", ask(METHOD, SCHEME, AUTHORITY), malformed),
        Case("none at all", ask(REGULAR), malformed),
        Case("an empty block", ask(), malformed),
        Case(":method twice", ask(METHOD, METHOD, SCHEME, AUTHORITY, PATH), malformed),
        Case(":scheme twice", ask(METHOD, SCHEME, SCHEME, AUTHORITY, PATH), malformed),
        Case(":authority twice", ask(METHOD, SCHEME, AUTHORITY, AUTHORITY, PATH), malformed),
        Case(":path twice", ask(METHOD, SCHEME, AUTHORITY, PATH, (":path", "/two")), malformed),
        Case("an unknown one", ask(METHOD, SCHEME, AUTHORITY, PATH, (":unknown", "x")), malformed),
        Case("a name of one colon", ask(METHOD, SCHEME, AUTHORITY, PATH, (":", "x")), malformed),
        Case(":status in a request", ask(METHOD, SCHEME, AUTHORITY, PATH, (":status", "200")), malformed),
        Case(":status alone", ask((":status", "200")), malformed),
        Case(":protocol without leave", ask((":method", "CONNECT"), (":protocol", "websocket"), SCHEME, AUTHORITY, PATH),
             malformed),
        Case(":protocol and GET", ask(METHOD, SCHEME, AUTHORITY, PATH, (":protocol", "websocket")), malformed),
        Case("one behind a regular field", ask(METHOD, SCHEME, AUTHORITY, REGULAR, PATH), malformed),
        Case("all behind a regular field", ask(REGULAR, METHOD, SCHEME, AUTHORITY, PATH), malformed),
        Case("an empty :path", ask(METHOD, SCHEME, AUTHORITY, (":path", "")), malformed),
        Case("a :path without a slash", ask(METHOD, SCHEME, AUTHORITY, (":path", "index.html")), malformed),
        Case("a :path of * and GET", ask(METHOD, SCHEME, AUTHORITY, (":path", "*")), malformed),
        Case("a :path of * and OPTIONS", ask((":method", "OPTIONS"), SCHEME, AUTHORITY, (":path", "*")),
             any_of(serves(), malformed, serves("404", body=None), serves("400", body=None))),
        Case("a blank in :path", ask(METHOD, SCHEME, AUTHORITY, (":path", "/a b")),
             any_of(malformed, serves(), serves("404", body=None))),
        Case("a line feed in :path", ask(METHOD, SCHEME, AUTHORITY, (":path", "/a\nb")), malformed),
        Case("a NUL in :path", ask(METHOD, SCHEME, AUTHORITY, (":path", "/\0")), malformed),
        Case("an empty :method", ask((":method", ""), SCHEME, AUTHORITY, PATH), malformed),
        Case("a blank in :method", ask((":method", "GET /"), SCHEME, AUTHORITY, PATH), malformed),
        Case("an empty :scheme", ask(METHOD, (":scheme", ""), AUTHORITY, PATH), malformed),
        Case("a :scheme that is none", ask(METHOD, (":scheme", "1://"), AUTHORITY, PATH), malformed),
        Case("another order", ask(PATH, AUTHORITY, METHOD, SCHEME), serves()),
        Case("a :path with a query", ask(METHOD, SCHEME, AUTHORITY, (":path", "/?a=b&c=%20")), serves()),
        Case("upper case", ask((":Method", "GET"), SCHEME, AUTHORITY, PATH), malformed),
    ])  # fmt: skip


@tap.test
def authority():
    """:authority and host name one host, without a user (8.3.1)"""
    without = (METHOD, SCHEME, PATH)
    check([
        Case("the same host twice", ask(METHOD, SCHEME, AUTHORITY, PATH, ("host", "localhost")), serves()),
        Case("host alone", ask(*without, ("host", "localhost")), serves()),
        Case("neither", ask(*without), any_of(malformed, serves())),
        Case("a host that differs", ask(METHOD, SCHEME, AUTHORITY, PATH, ("host", "example.org")), malformed, gap=True),
        Case("a host that differs in its port", ask(METHOD, SCHEME, AUTHORITY, PATH, ("host", "localhost:81")), malformed,
             gap=True),
        Case("two hosts", ask(*without, ("host", "a.example"), ("host", "b.example")), malformed),
        Case("a user in :authority", ask(METHOD, SCHEME, (":authority", "me:secret@localhost"), PATH), malformed, gap=True),
        Case("a user without password", ask(METHOD, SCHEME, (":authority", "me@localhost"), PATH), malformed, gap=True),
        Case("a user in host", ask(*without, ("host", "me@localhost")), malformed, gap=True),
        Case("a port", ask(METHOD, SCHEME, (":authority", "localhost:8080"), PATH), serves()),
        Case("an IPv6 address", ask(METHOD, SCHEME, (":authority", "[::1]:8080"), PATH), serves()),
        Case("a blank in :authority", ask(METHOD, SCHEME, (":authority", "local host"), PATH), malformed),
        Case("a NUL in :authority", ask(METHOD, SCHEME, (":authority", "local\0host"), PATH), malformed),
        Case("a slash in :authority", ask(METHOD, SCHEME, (":authority", "localhost/x"), PATH), any_of(malformed, serves())),
    ])  # fmt: skip


@tap.test
def field_names_and_values():
    """names are lower-case tokens, values hold no line break and no NUL (8.2, 8.2.1)"""
    cases = [
        Case("an upper-case letter in a name", plus(("X-One", "1")), malformed),
        Case("one upper-case letter at its end", plus(("x-onE", "1")), malformed),
        Case("every visible character in a value", plus(("x-one", "".join(map(chr, range(0x21, 0x7F))))), serves()),
        Case("blanks and tabs inside a value", plus(("x-one", "a \t b")), serves()),
        Case("bytes over 127 in a value", plus(("x-one", "\xe4\xf6\xff")), serves()),
        Case("an empty value", plus(("x-one", "")), serves()),
        Case("every token character in a name", plus(("a!#$%&'*+-.^_`|~09z", "1")), serves()),
        Case("many cookies", plus(*[("cookie", f"c{n}={n}") for n in range(20)]), serves()),
    ]
    for character in "\0\t\n\r \"(),/;<=>?@[\\]{}\x7f\x80\xff":
        cases.append(Case(f"{character!r} in a name", plus((f"x{character}y", "1")), malformed, gap=True))
    cases.append(Case("a colon inside a name", plus(("x:y", "1")), malformed, gap=True))
    cases.append(Case("an empty name", plus(("", "1")), malformed, gap=True))
    for character in "\0\r\n":
        for value in (f"a{character}b", f"{character}a", f"a{character}"):
            cases.append(Case(f"a value {value!r}", plus(("x-one", value)), malformed, gap=True))
    check(cases)


@tap.test
def outer_blanks():
    """blanks around a value never reach a handler (8.2.1; API.md 4, strictFieldWhitespaceValidation)"""

    def clean(c):
        got = c.until(lambda f: f.stream == 1 and (f.end_stream or f.kind == RST_STREAM))
        if got.kind == RST_STREAM:
            assert got.code == PROTOCOL_ERROR, got
        else:
            text = c.body(1).decode("latin-1")
            assert "x-one=[ " not in text and "x-one=[\t" not in text and "b ]" not in text and "b\t]" not in text, text
        lives(c)

    check([Case(repr(value), plus(("x-one", value), path="/seen"), clean) for value in (" ab", "ab ", "\tab", "ab\t", " ab ")])


@tap.test
def connection_fields():
    """fields that belong to a connection are malformed, but te: trailers (8.2.2)"""
    cases = [
        Case(f"{name}: {value}", plus((name, value)), malformed)
        for name, value in (
            ("connection", "keep-alive"),
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("te", "trailers, deflate"),
            ("te", ""),
        )
    ]
    cases.append(Case("te: trailers", plus(("te", "trailers")), serves()))
    cases.append(Case("te: Trailers", plus(("te", "Trailers")), any_of(serves(), malformed)))
    check(cases)


@tap.test
def content_length():
    """content-length agrees with the body (8.1.1)"""

    def upload(length, *chunks, trailers=()):
        text = post(1, extra=[("content-length", str(one)) for one in (length if isinstance(length, tuple) else (length,))])
        for number, chunk in enumerate(chunks, 1):
            text += data(1, chunk, number == len(chunks) and not trailers)
        return text + (headers(1, list(trailers)) if trailers else b"")

    late = [("x-checksum", "1")]
    check([
        Case("right, one frame", upload(3, b"abc"), serves()),
        Case("right, three frames", upload(3, b"a", b"b", b"c"), serves()),
        Case("right, an empty frame last", upload(3, b"abc", b""), serves()),
        Case("right, behind it trailers", upload(3, b"abc", trailers=late), serves()),
        Case("0 and no body", plus(("content-length", "0")), serves()),
        Case("0 and an empty frame", upload(0, b""), serves()),
        Case("too small, one frame", upload(1, b"abc"), malformed),
        Case("too small, three frames", upload(2, b"a", b"b", b"c"), malformed),
        Case("too large, one frame", upload(10, b"abc"), malformed),
        Case("too large, three frames", upload(10, b"a", b"b", b"c"), malformed),
        Case("too large, behind it trailers", upload(10, b"abc", trailers=late), malformed),
        Case("5 and END_STREAM on HEADERS", plus(("content-length", "5")), malformed),
        Case("0 and a body", upload(0, b"abc"), malformed),
        Case("not a number", upload("abc", b"abc"), malformed),
        Case("negative", upload("-3", b"abc"), malformed),
        Case("with a plus", upload("+3", b"abc"), malformed),
        Case("hexadecimal", upload("0x3", b"abc"), malformed),
        Case("empty", upload("", b"abc"), malformed),
        Case("beyond 64 bits", upload("99999999999999999999999999", b"abc"), malformed),
        Case("twice, different", upload((3, 4), b"abc"), malformed),
        Case("a list of two", upload("3, 4", b"abc"), malformed),
        Case("twice, the same", upload((3, 3), b"abc"), any_of(serves(), malformed)),
    ])  # fmt: skip


@tap.test
def trailers():
    """trailers end the stream and hold no pseudo header (8.1)"""

    def body_and(*frames):
        return post(1) + data(1, b"body") + b"".join(frames)

    check([
        Case("trailers", body_and(headers(1, [("x-sum", "1")])), serves()),
        Case("trailers without a body", post(1) + headers(1, [("x-sum", "1")]), serves()),
        Case("empty trailers", body_and(headers(1, [])), serves()),
        Case("trailers without END_STREAM", body_and(headers(1, [("x-sum", "1")], end_stream=False)), malformed),
        Case("a second request block", body_and(headers(1, request_fields(), end_stream=False)), malformed),
        Case(":path in trailers", body_and(headers(1, [PATH])), malformed),
        Case(":status in trailers", body_and(headers(1, [(":status", "200")])), malformed),
        Case("an unknown pseudo header in trailers", body_and(headers(1, [(":x", "200")])), malformed),
        Case("a pseudo header behind a field in trailers", body_and(headers(1, [("x-sum", "1"), PATH])), malformed),
        Case("an upper-case name in trailers", body_and(headers(1, [("X-Sum", "1")])), malformed),
        Case("connection in trailers", body_and(headers(1, [("connection", "close")])), malformed),
        Case("transfer-encoding in trailers", body_and(headers(1, [("transfer-encoding", "chunked")])), malformed),
    ])  # fmt: skip


@tap.test
def connect_requests():
    """CONNECT has :authority and neither :scheme nor :path (8.5)"""
    connect = (":method", "CONNECT")
    host = (":authority", "localhost:443")

    def answered(c):
        got = c.until(lambda f: f.stream == 1 and f.kind in (HEADERS, RST_STREAM))
        assert got.kind == HEADERS or got.code in (REFUSED_STREAM, CONNECT_ERROR), f"CONNECT got {got}"
        c.send(rst(1, CANCEL))
        lives(c)

    check([
        Case("as it should be", ask(connect, host, body=True), answered, gap=True),
        Case("ended at once", ask(connect, host), answered),
        Case("with :path", ask(connect, host, PATH), malformed),
        Case("with :scheme", ask(connect, host, SCHEME), malformed),
        Case("with both", ask(connect, host, SCHEME, PATH), malformed),
        Case("without :authority", ask(connect), malformed),
    ])  # fmt: skip


@tap.test
def methods():
    """HEAD has a length and no body, other methods are the handler's (RFC 9110 9)"""

    def bodiless(c):
        got = c.until(lambda f: f.stream == 1 and f.end_stream)
        assert c.on(1, HEADERS)[0].status == "200" and c.body(1) == b"", c.seen
        assert got

    check([
        Case("HEAD", headers(1, request_fields(method="HEAD")), bodiless),
        Case("DELETE", headers(1, request_fields(method="DELETE")), serves(body=None)),
        Case("a method of one's own", headers(1, request_fields(method="BREW")), serves(body=None)),
        Case("in lower case", headers(1, request_fields(method="get")), serves(body=None)),
    ])  # fmt: skip


@tap.test
def large_header_blocks():
    """header lists over the limits are refused, and the connection or at least the server lives (10.5.1)"""
    if NGHTTPD:
        raise tap.Skip("other limits")
    calm = resets(ENHANCE_YOUR_CALM, PROTOCOL_ERROR, REFUSED_STREAM)

    def in_pieces(fields):
        """HEADERS and up to 8 CONTINUATION."""
        whole = block(request_fields(extra=fields))
        pieces = [whole[at : at + 16384] for at in range(0, len(whole), 16384)]
        assert len(pieces) <= 9
        out = frame(HEADERS, END_STREAM | (END_HEADERS if len(pieces) == 1 else 0), 1, pieces[0])
        for number, piece in enumerate(pieces[1:], 2):
            out += frame(CONTINUATION, END_HEADERS if number == len(pieces) else 0, 1, piece)
        return out

    def answered_431_or_reset(c):
        got = c.until(lambda f: f.stream == 1 and f.kind in (HEADERS, RST_STREAM))
        assert got.kind == RST_STREAM or got.status == "431", got
        lives(c)

    check([
        Case("a value of 16000 bytes", in_pieces([("x", "y" * 16000)]), serves()),
        Case("60000 bytes", in_pieces([(f"x{n}", "y" * 15000) for n in range(4)]), serves()),
        Case("100 fields", in_pieces([(f"x{n}", "y") for n in range(100)]), serves()),
        Case("200 fields", in_pieces([(f"x{n}", "y") for n in range(200)]), calm),
        Case("80000 bytes", in_pieces([(f"x{n}", "y" * 16000) for n in range(5)]), answered_431_or_reset),
    ])  # fmt: skip


@tap.test
def fields_reach_the_handler():
    """cookies are joined, lists joined, single-value fields kept once (8.2.3; API.md 7)"""
    if NGHTTPD:
        raise tap.Skip("needs a handler")
    with server() as target, Raw(target.port) as c:
        c.send(get(1, "/seen", extra=[
            ("cookie", "a=1"), ("cookie", "b=2"), ("accept", "text/html"), ("accept", "*/*"), ("user-agent", "one"),
            ("user-agent", "two"), ("x-empty", ""),
        ]))  # fmt: skip
        status, body = c.response(1)
        lines = body.decode().split("\n")
        assert status == "200"
        for want in (
            ":method=[GET]", ":path=[/seen]", ":scheme=[http]", ":authority=[localhost]", "cookie=[a=1; b=2]",
            "accept=[text/html, */*]", "user-agent=[one]", "x-empty=[]",
        ):  # fmt: skip
            assert want in lines, f"{want} is not in {lines}"


if __name__ == "__main__":
    tap.main()
