"""Perigee as a server of clients that other people wrote: Node, Go, curl, nghttp, the h2 library. What each can do
of: GET, POST, streamed bodies, trailers, 1xx, GOAWAY in the middle of a body, RST_STREAM in the middle of a body, an
answer that comes early. (The paths: test_peer_servers.py.)

run: deadline 240
"""

import hashlib
import os
import re

import h2raw
import peers
import perigee
import tap
from h2client import Client
from peers import command, program
from perigee import Server

SERVER = "tests/e2e/peers/server.lua"
PIECES = [b"%08d" % n + b"x" * 16376 for n in range(128)]
BODY = b"".join(PIECES)
STREAM = hashlib.sha256(BODY).hexdigest()


def check(ask, wanted):
    for mode, lines in wanted.items():
        got = ask(mode)
        assert got == lines, f"{mode}: {got}, not {lines}"


@tap.test(deadline=60)
def node():
    """Node's client, in clear and over TLS"""
    script = os.path.join(perigee.TOP, "tests/e2e/client.js")
    with Server(SERVER, tls=True) as server:
        for secure in (False, True):
            url = [f"https://localhost:{server.tls_port}", server.cert] if secure else [f"http://127.0.0.1:{server.port}"]
            check(lambda mode: command(program("node", "nodejs"), script, mode, *url).decode().splitlines(), {
                "duplex": [f"200 {64 * 16384} abc 0"],
                "stream": [f"200 {STREAM} 0"],
                "hints": ["103 </a.css>", "103 </b.css>", "200 hinted 0"],
                "goaway": ["goaway 0", f"{STREAM} 0 true"],
                "cut": ["200 part error ERR_HTTP2_STREAM_ERROR 2"],
                "early": ["413 too much 0"],
                "leave": ["8"],
            })  # fmt: skip


@tap.test(deadline=200)
def go():
    """Go's client, over TLS"""
    binary = peers.go_binary("tests/e2e/peers/peer.go")
    with Server(SERVER, tls=True) as server:
        url = f"https://localhost:{server.tls_port}"
        check(lambda mode: command(binary, "client", url, server.cert, mode).decode().splitlines(), {
            "get": ["HTTP/2.0 200 [one two] hello"],
            "stream": [f"200 {STREAM}"],
            "echo": ["200 true 0 abc"],
            "hints": ["103 </a.css>", "103 </b.css>", "200 hinted"],
            "goaway": [f"200 {STREAM}", "hello"],
            "reset": ["200 part stream error: stream ID 1; INTERNAL_ERROR; received from peer", "hello"],
            "leave": ["8"],
            "early": ["413 too much"],
        })  # fmt: skip


@tap.test(deadline=60)
def curl():
    """curl, in clear and over TLS"""
    with Server(SERVER, tls=True, files={"body": BODY}) as server:
        for url, options in (
            (f"http://127.0.0.1:{server.port}", ["--http2-prior-knowledge"]),
            (f"https://localhost:{server.tls_port}", ["--http2", "--cacert", server.cert]),
        ):
            base = [program("curl"), "-sS", "--noproxy", "*", "--max-time", str(20 * perigee.FACTOR), *options]
            head, _, body = command(*base, "-D", "-", f"{url}/get").decode().partition("\r\n\r\n")
            assert head.startswith("HTTP/2 200") and head.count("x-many") == 2 and body == "hello", (head, body)
            assert hashlib.sha256(command(*base, f"{url}/stream")).hexdigest() == STREAM
            path = os.path.join(server.folder, "body")
            assert command(*base, "-T", path, "-X", "POST", f"{url}/echo") == BODY
            text = command(*base, "-D", "-", "-d", "some", f"{url}/echo").decode()
            assert re.search(r"some.*x-sum: none", text, re.S), text  # it shows trailers with the headers
            text = command(*base, "-D", "-", f"{url}/hints").decode()
            assert re.search(r"HTTP/2 103.*</a.css>.*HTTP/2 103.*</b.css>.*HTTP/2 200.*hinted", text, re.S), text
            both = command(*base, f"{url}/goaway", f"{url}/get")  # on one connection, if it could
            assert both == BODY + b"hello", len(both)
            try:
                command(*base, f"{url}/reset")
            except AssertionError as err:
                assert "ended with 92" in str(err) and "INTERNAL_ERROR" in str(err), err
            else:
                raise AssertionError("curl found nothing wrong")
            # (An early answer: curl 7.88 forgets it when RST_STREAM(NO_ERROR) comes behind it.)


@tap.test(deadline=60)
def nghttp():
    """nghttp, in clear and over TLS"""
    with Server(SERVER, tls=True, files={"body": BODY}) as server:
        path = os.path.join(server.folder, "body")
        for url in (f"http://127.0.0.1:{server.port}", f"https://127.0.0.1:{server.tls_port}"):
            def ask(*more):
                text = command(program("nghttp"), "--no-verify-peer", "-v", *more, seconds=30)
                return re.sub(rb"\x1b\[[\d;]*m", b"", text)

            text = ask(url + "/get")
            assert text.count(b"x-many") == 2 and b"hello" in text, text
            got = command(program("nghttp"), "--no-verify-peer", url + "/stream")
            assert hashlib.sha256(got).hexdigest() == STREAM
            got = command(program("nghttp"), "--no-verify-peer", "-d", path, url + "/echo")
            assert hashlib.sha256(got).hexdigest() == STREAM
            text = ask("-d", path, "--trailer=x-sum: abc", url + "/echo")
            assert re.search(rb"recv \(stream_id=\d+\) x-sum: abc", text), text[-3000:]
            text = ask(url + "/hints")
            found = re.findall(rb"recv \(stream_id=\d+\) (:status: \d+|link: \S+)", text)
            assert found == [b":status: 103", b"link: </a.css>", b":status: 103", b"link: </b.css>", b":status: 200"], found
            text = ask(url + "/goaway")
            at = text.index(b"recv GOAWAY frame")
            assert text.index(b"END_STREAM", at) and PIECES[127][:16] in text[at:], text[-3000:]
            text = ask(url + "/reset")
            assert re.search(rb"recv RST_STREAM frame.*\n.*error_code=INTERNAL_ERROR", text) and b"part" in text, text
            text = ask("-d", path, url + "/early")
            assert b":status: 413" in text and b"too much" in text, text[-3000:]


@tap.test(deadline=60)
def python():
    """the h2 library, in clear and over TLS"""
    with Server(SERVER, tls=True) as server:
        for port, tls in ((server.port, None), (server.tls_port, server.cert)):
            with Client(port, tls) as client:
                assert client.get("/get").headers["x-many"] == ["one", "two"]
                assert hashlib.sha256(client.get("/stream").body).hexdigest() == STREAM
                assert hashlib.sha256(client.post("/echo", BODY).body).hexdigest() == STREAM
                number = client.request("/echo", "POST")
                stream = client.streams[number]
                for piece in PIECES:
                    size = len(stream.body) + len(piece)
                    client.send(number, piece)
                    client.wait(lambda: len(stream.body) == size, "the piece")
                client.trailers(number, [("x-sum", "abc")])
                assert client.response(number).trailers == {"x-sum": "abc"} and stream.body == BODY
                assert [i["link"] for i in client.get("/hints").informational] == ["</a.css>", "</b.css>"]
                got = client.closing(client.request("/reset"))
                assert got.body == b"part" and got.reset == h2raw.INTERNAL_ERROR, got
                number = client.request("/endless")
                client.wait(lambda: client.streams[number].body, "data")
                client.reset(number)
                assert client.get("/aborted").body == b"8"
                number = client.request("/early", "POST")
                client.send(number, b"some")
                got = client.response(number)
                client.wait(lambda: got.reset is not None, "RST_STREAM")
                assert got.status == 413 and got.body == b"too much" and got.reset == 0, got
                # (A GOAWAY: this library takes nothing more behind it.)


if __name__ == "__main__":
    tap.main()
