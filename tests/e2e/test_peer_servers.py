"""Perigee as a client of servers that other people wrote: Node, Go, nghttpd, nginx, the h2 library. What each can do
of: GET, POST, streamed bodies, trailers, 1xx, GOAWAY in the middle of a body, RST_STREAM in the middle of a body, an
answer that comes early.

The scripted ones serve: /get, /echo (sends back while it receives, and the trailer x-sum), /stream (128 pieces of
16 KiB), /hints (103 twice), /goaway (the same body as /stream with a GOAWAY in it), /reset (a part, then
RST_STREAM(INTERNAL_ERROR)), /endless, /aborted (the code that /endless ended with), /early (413 before the body).

run: deadline 240
"""

import hashlib
import os

import h2raw
import h2server
import peers
import perigee
import tap

CLIENT = os.path.join(perigee.TOP, "tests/e2e/peers/client.lua")
PIECES = [b"%08d" % n + b"x" * 16376 for n in range(128)]
STREAM = hashlib.sha256(b"".join(PIECES)).hexdigest()


def ask(peer, *modes):
    """Runs our client; gives the lines of each mode."""
    done = perigee.run("run", CLIENT, peer.url, peer.cert if peer.secure else "-", *modes, seconds=40)
    assert done.code == 0 and "level=error" not in done.stderr, done
    out = {}
    for line in done.stdout.splitlines():
        if line.startswith("-- "):
            lines = out[line[3:]] = []
        else:
            lines.append(" ".join(line.split()))
    return out


def check(got, wanted):
    for mode, lines in wanted.items():
        assert got[mode] == lines, f"{mode}: {got[mode]}, not {lines}"


def scripted(peer, secure, in_goaway=STREAM):
    """What each scripted server's answers come to. in_goaway: sha256 of the body that has a GOAWAY in it."""
    modes = "get head echo post stream hints goaway reset leave early".split()
    got = ask(peer, *modes)
    protocol = "h2" if secure else "h2c"
    got["goaway"] = [line for line in got["goaway"] if line != "goaway 0 true"]  # Node says it again at the end
    early = got.pop("early")
    check(got, {
        "get": [f"{protocol} 200 one, two hello 0 true"],
        "head": ["200 1 true 0"],
        "echo": ["200 true nil abc 0"],
        "post": [f"200 {STREAM} 0"],
        "stream": [f"200 {STREAM} 0"],
        "hints": ["103 </a.css>", "103 </b.css>", "200 hinted 0"],
        "goaway": ["goaway 0 false", "ERR_HTTP2_GOAWAY_SESSION true false", f"{in_goaway} 0", "closed 0"],
        "reset": ["error ERR_HTTP2_STREAM_ERROR Stream closed with error code NGHTTP2_INTERNAL_ERROR",
                  "200 ERR_HTTP2_STREAM_ERROR 2 peer", "200"],
        "leave": ["error ABORT_ERR", "8 8"],
    })  # fmt: skip
    assert early == ["413 too much true"], early


@tap.test(deadline=60)
def node():
    """Node's server, in clear and over TLS"""
    for secure in (False, True):
        with peers.Node("tests/e2e/peers/server.js", secure) as peer:
            scripted(peer, secure)


@tap.test(deadline=200)
def go():
    """Go's server, over TLS"""
    with peers.Go("tests/e2e/peers/peer.go") as peer:
        scripted(peer, True)


@tap.test(deadline=60)
def python():
    """a server on the h2 library"""
    state = {"aborted": 0}

    def handle(exchange):
        path = exchange.headers[":path"]
        if path == "/get":
            head = exchange.headers[":method"] == "HEAD"
            exchange.respond(fields=[("x-many", "one"), ("x-many", "two")], end=head)
            if not head:
                exchange.send(b"hello", True)
        elif path == "/echo":
            exchange.respond()
            sent = 0
            while not (exchange.ended and sent == len(exchange.body)):
                exchange.connection.wait(lambda: exchange.ended or len(exchange.body) > sent)
                chunk = bytes(exchange.body[sent:])
                exchange.send(chunk)
                sent += len(chunk)
            exchange.finish(list((exchange.trailers or {}).items()))
        elif path == "/stream":
            exchange.respond()
            exchange.send(b"".join(PIECES), True)
        elif path == "/hints":
            for link in "</a.css>", "</b.css>":
                exchange.respond(103, [("link", link)])
            exchange.respond()
            exchange.send(b"hinted", True)
        elif path == "/goaway":
            exchange.respond()
            exchange.send(PIECES[0])
            exchange.connection.sock.sendall(h2raw.goaway(exchange.id))
            # No more than the window holds: the library takes the client's own GOAWAY for the end.
            exchange.send(PIECES[1], True)
        elif path == "/reset":
            exchange.respond()
            exchange.send(b"part")
            exchange.rst(2)
        elif path == "/endless":
            exchange.respond()
            exchange.send(b"part")
            exchange.read()
            exchange.connection.wait(lambda: exchange.reset is not None)
            state["aborted"] = exchange.reset
        elif path == "/early":
            exchange.respond(413)
            exchange.send(b"too much", True)
        elif path == "/aborted":
            exchange.respond()
            exchange.send(b"%d" % state["aborted"], True)

    with h2server.Server(handle) as peer:
        scripted(peer, False, hashlib.sha256(b"".join(PIECES[:2])).hexdigest())


@tap.test(deadline=60)
def nghttpd():
    """nghttpd, in clear and over TLS: GET, POST, a large body, trailers, one left in the middle"""
    files = {"get": b"hello", "stream": b"".join(PIECES)}
    for secure in (False, True):
        with peers.Nghttpd(secure, files, ["--trailer=x-late: yes"]) as peer:
            check(ask(peer, "get", "head", "post", "stream", "trailers=/get", "cancel=/stream", "get"), {
                "get": [f"{'h2' if secure else 'h2c'} 200 nil hello 0 true"],
                "head": ["200 1 true 0"],
                "post": [f"200 {STREAM} 0"],
                "stream": [f"200 {STREAM} 0"],
                "trailers": ["hello yes 0"],
                "cancel": ["8 hello"],
            })  # fmt: skip


@tap.test(deadline=60)
def nginx():
    """nginx, in clear and over TLS: GET, PUT, a large body, trailers, GOAWAY, resets of both sides"""
    files = {"get": b"hello", "stream": b"".join(PIECES)}
    for secure in (False, True):
        with peers.Nginx(secure, files, more="location /gone { return 444; }") as peer:
            check(ask(peer, "get", "head", "stream", "trailers=/trailers", "cancel=/stream", "post=/up,PUT"), {
                "get": [f"{'h2' if secure else 'h2c'} 200 nil hello 0 true"],
                "head": ["200 1 true 0"],
                "stream": [f"200 {STREAM} 0"],
                "trailers": ["body yes 0"],
                "cancel": ["8 hello"],
                "post": [f"201 {hashlib.sha256().hexdigest()} 0"],
            })  # fmt: skip
            with open(os.path.join(peer.folder, "files/up"), "rb") as f:
                assert hashlib.sha256(f.read()).hexdigest() == STREAM
        # After its first request a connection hears GOAWAY.
        with peers.Nginx(secure, files, requests=1) as peer:
            check(ask(peer, "goaway=/stream"), {
                "goaway": ["goaway 0 false", "ERR_HTTP2_GOAWAY_SESSION true false", f"{STREAM} 0", "closed 0"],
            })  # fmt: skip


if __name__ == "__main__":
    tap.main()
