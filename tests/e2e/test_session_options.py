"""Options of sessions that only a peer of its own kind can see work (API.md 4): floods, mistakes, frames.

run: deadline 120
"""

import h2raw
import perigee
import tap
from h2raw import (
    ACK, DATA, END_HEADERS, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, NO_ERROR, PADDED, PING, PROTOCOL_ERROR,
    REFUSED_STREAM, RST_STREAM, SETTINGS, Raw,
)  # fmt: skip

CALM = ENHANCE_YOUR_CALM


def served(options, body="stream:finish 'ok'", more=""):
    """A program whose server has these options; it prints what goes wrong with sessions."""
    return f"""
      local http2 = require "http2"
      local server = http2.createServer({options})
      server:on("stream", function(stream, headers) {body} end)
      server:on("sessionError", function(err) print("sessionError " .. err.code .. ": " .. err.message) end)
      server:on("session", function(session) session:on("close", function() print "closed" end) {more} end)
      server:listen(0, "127.0.0.1", function() print("listening on http://127.0.0.1:" .. server:address().port) end)
    """


def start(options, *args, **named):
    return perigee.Server(served(options, *args), form=1, errors=True, **named)


def ended(c):
    """Reads to the end; gives the GOAWAY that says why."""
    frames = [f for f in c.read_all() if f.kind == GOAWAY]
    assert frames, c.seen[-5:]
    return frames[-1]


@tap.test
def max_settings():
    """maxSettings is the number of entries in one SETTINGS frame"""
    with start("{ maxSettings = 2 }") as server:
        with Raw(server.port, (3, 1), (4, 70000)) as c:
            c.send(h2raw.get(1))
            assert c.response(1) == ("200", b"ok")
            c.send(h2raw.settings((3, 1), (4, 70000), (5, 20000)))
            assert ended(c).code != NO_ERROR
        server.out.wait_for("^sessionError ERR_HTTP2_ERROR")


@tap.test
def max_invalid_frames():
    """more than maxSessionInvalidFrames end the session with ERR_HTTP2_TOO_MANY_INVALID_FRAMES"""
    with start("{ maxSessionInvalidFrames = 3 }") as server:
        with Raw(server.port) as c:
            for i in range(3):
                c.send(h2raw.get(2 * i + 1, extra=[("connection", "close")]))
                got = c.until(lambda f, s=2 * i + 1: f.stream == s)
                assert (got.kind, got.code) == (RST_STREAM, PROTOCOL_ERROR), got
            c.send(h2raw.get(7))
            assert c.response(7) == ("200", b"ok")
            c.send(h2raw.get(9, extra=[("connection", "close")]))
            assert ended(c).code == CALM
        server.out.wait_for("^sessionError ERR_HTTP2_TOO_MANY_INVALID_FRAMES")


@tap.test
def max_rejected_streams():
    """more than maxSessionRejectedStreams in a row end the session; one that is taken begins the count anew"""
    with start("{ maxSessionRejectedStreams = 2, settings = { maxConcurrentStreams = 1 } }",
               "if headers[':path'] ~= '/hold' then stream:finish 'ok' end") as server:
        with Raw(server.port) as c:
            held = h2raw.get(1, "/hold")
            c.send(held)
            for i in (3, 5):
                c.send(h2raw.get(i))
                got = c.until(lambda f, s=i: f.stream == s)
                assert (got.kind, got.code) == (RST_STREAM, REFUSED_STREAM), got
            c.send(h2raw.rst(1, h2raw.CANCEL), h2raw.get(7))
            assert c.response(7) == ("200", b"ok")
            c.send(h2raw.get(9, "/hold"))
            for i in (11, 13):
                c.send(h2raw.get(i))
                assert c.until(lambda f, s=i: f.stream == s).kind == RST_STREAM
            c.send(h2raw.get(15))
            assert ended(c).code == CALM
        server.out.wait_for("^sessionError ERR_HTTP2_ERROR")


@tap.test
def reset_bucket():
    """streamResetBurst resets are taken, the next one ends the session; streamResetRate gives some back"""
    with start("{ streamResetBurst = 3, streamResetRate = 0 }", "") as server, Raw(server.port) as c:
        for i in range(3):
            c.send(h2raw.get(2 * i + 1), h2raw.rst(2 * i + 1, h2raw.CANCEL))
        c.barrier()
        c.send(h2raw.get(7), h2raw.rst(7, h2raw.CANCEL))
        assert ended(c).code == CALM
    with start("{ streamResetBurst = 3, streamResetRate = 1000 }", "") as server, Raw(server.port) as c:
        for i in range(12):
            c.send(h2raw.get(2 * i + 1), h2raw.rst(2 * i + 1, h2raw.CANCEL))
            c.barrier()
            perigee.stable(lambda: None, 0.02)
        assert not [f for f in c.seen if f.kind == GOAWAY]


def bodies(options):
    with start(options, "stream:respond { ['x-a'] = 'b' } stream:finish(('x'):rep(1001))") as server:
        with Raw(server.port) as c:
            c.send(h2raw.get(1))
            c.until(lambda f: f.end_stream)
            return c.on(1, HEADERS)[0], c.on(1, DATA)


@tap.test
def padding_strategy():
    """paddingStrategy: ALIGNED makes frames multiples of 8 bytes, MAX as long as they can be; NONE pads nothing"""
    head, data = bodies("{}")
    assert not head.flags & PADDED and [len(f.payload) for f in data] == [1001]
    head, data = bodies("{ paddingStrategy = http2.constants.PADDING_STRATEGY_ALIGNED }")
    assert head.status == "200"
    assert all((len(f.payload) + 9) % 8 == 0 for f in [head, *data]), (head, data)
    whole = b""
    for f in data:
        pad = f.payload[0] + 1 if f.flags & PADDED else 0
        assert f.payload[len(f.payload) - pad + 1 :] == bytes(max(0, pad - 1)), "padding is zeros"
        whole += f.payload[1 : len(f.payload) - pad + 1] if pad else f.payload
    assert whole == b"x" * 1001
    head, data = bodies("{ paddingStrategy = http2.constants.PADDING_STRATEGY_MAX }")
    assert head.flags & PADDED and data[0].flags & PADDED
    assert (head.payload[0], data[0].payload[0]) == (255, 255)


@tap.test
def field_whitespace():
    """a value with outer blanks is dropped with strictFieldWhitespaceValidation, taken as it is without"""
    body = "stream:finish(('%s|%s'):format(tostring(headers.a), tostring(headers.b)))"
    for options, answer in (("{}", b"nil|fine"), ("{ strictFieldWhitespaceValidation = true }", b"nil|fine"),
                            ("{ strictFieldWhitespaceValidation = false }", b" x\t|fine")):  # fmt: skip
        with start(options, body) as server, Raw(server.port) as c:
            c.send(h2raw.get(1, extra=[("a", " x\t"), ("b", "fine")]))
            assert c.response(1) == ("200", answer), options


@tap.test
def memory_of_pings():
    """PINGs that nobody answers count for maxSessionMemory"""
    pings = "for _ = 1, 500 do session:ping(function() end) end"
    with start("{ maxSessionMemory = '100kB', maxOutstandingPings = 1000 }", "stream:finish 'ok'",
               f"if not first then first = true return end {pings}".replace("first", "_G.x")) as server:
        with Raw(server.port) as c:
            c.send(h2raw.get(1))
            assert c.response(1) == ("200", b"ok")
        with Raw(server.port) as c:
            c.until(lambda f: f.kind == PING)
            c.send(h2raw.get(1))
            got = c.until(lambda f: f.stream == 1)
            assert (got.kind, got.code) == (RST_STREAM, CALM), got
            pings = [f for f in c.seen if f.kind == PING and not f.ack]
            while len(pings) < 500:
                c.until(lambda f: f.kind == PING)
                pings = [f for f in c.seen if f.kind == PING and not f.ack]
            c.send(*[h2raw.frame(PING, ACK, payload=f.payload) for f in pings])
            c.send(h2raw.get(3))
            assert c.response(3) == ("200", b"ok")


@tap.test
def memory_of_files():
    """as many files as there may be streams fit the 10 MB that a session has unless told otherwise"""
    script = """
      return function(stream) stream:respondWithFile("file") end
    """
    with perigee.Server(script, files={"file": b"x" * 300_000}) as server, Raw(server.port) as c:
        c.send(*[h2raw.window_update(0, 1 << 20), *(h2raw.get(2 * i + 1) for i in range(100))])
        while len({f.stream for f in c.seen if f.kind == DATA}) < 17:
            c.until(lambda f: f.kind == DATA)
        perigee.stable(lambda: len(c.barrier()) and len(c.seen))
        c.send(*(h2raw.get(2 * i + 201) for i in range(28)))
        c.barrier()
        c.until(lambda f: f.kind == HEADERS and f.stream == 255)
        assert not [f for f in c.seen if f.kind == RST_STREAM], c.seen[-20:]


@tap.test
def concurrency_before_settings():
    """a client opens peerMaxConcurrentStreams streams before the server's SETTINGS, the rest when they allow it"""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(10 * perigee.FACTOR)
        client = perigee.Process([perigee.BINARY, "run", "app.lua"], {"app.lua": f"""
          local http2 = require "http2"
          local client = http2.connect("http://127.0.0.1:{listener.getsockname()[1]}", {{ peerMaxConcurrentStreams = 2 }})
          for i = 1, 4 do
            client:request({{}}):on("response", function()
              print("response " .. i)
              if i == 4 then client:close() end
            end):resume()
          end
        """})  # fmt: skip
        try:
            sock, _ = listener.accept()
            c = Raw.__new__(Raw)
            c.take_over(sock, acks=False)
            c.window = 65535
            with c:
                c.expect_preface()
                c.until(lambda f: f.stream == 3)
                c.send(h2raw.settings((3, 10)), h2raw.settings(flags=ACK))
                c.until(lambda f: f.stream == 7)
                order = [f.stream or "ack" for f in c.seen if f.kind == HEADERS or f.ack]
                assert order == [1, 3, "ack", 5, 7], order
                ok = h2raw.block([(":status", "200")])
                c.send(*[h2raw.frame(HEADERS, END_HEADERS | h2raw.END_STREAM, i, ok) for i in (1, 3, 5, 7)])
                client.out.wait_for("^response", count=4)
                c.until(lambda f: f.kind == GOAWAY)
            assert client.wait(10) == 0, client.stderr
        finally:
            client.stop()


@tap.test
def altsvc_and_origin_on_the_wire():
    """ALTSVC and ORIGIN frames are those of RFC 7838 and RFC 8336"""
    more = """
      session:altsvc('h2=":1"', "https://a.test")
      session:origin("https://a.test", "https://b.test:8443")
    """
    with start("{}", "stream.session:altsvc('clear', stream.id) stream:finish 'ok'", more) as server:
        with Raw(server.port) as c:
            c.send(h2raw.get(1))
            assert c.response(1) == ("200", b"ok")
            got = [(f.kind, f.stream, f.payload) for f in c.seen if f.kind in (0xA, 0xC)]
            assert got == [
                (0xA, 0, b'\0\x0ehttps://a.testh2=":1"'),
                (0xC, 0, b"\0\x0ehttps://a.test\0\x13https://b.test:8443"),
                (0xA, 1, b"\0\0clear"),
            ], got


@tap.test
def settings_on_the_wire():
    """custom settings go out as they are; a server does not say ENABLE_PUSH 1"""
    options = "{ settings = { customSettings = { [0x1234] = 5 }, maxConcurrentStreams = 9, enablePush = true } }"
    with start(options) as server, Raw(server.port) as c:
        c.until(lambda f: f.kind == SETTINGS and not f.ack)
        assert c.peer == {3: 9, 6: 65536, 0x1234: 5}, c.peer


if __name__ == "__main__":
    tap.main()
