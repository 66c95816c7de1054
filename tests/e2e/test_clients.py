"""Clients that other people wrote, against the scripts of scripts/: curl, nghttp, Node, a browser.

run: deadline 180
"""

import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import warnings

import h2client
import h2raw
import perigee
import tap
from peers import command, program

HELLO, ECHO, UPLOAD, SSE = (f"scripts/{name}.lua" for name in ("hello", "echo", "upload", "sse"))
BODY = bytes(n * 7 % 251 for n in range(300_000))


def both(server):
    """(url, curl's options) in clear and over TLS."""
    yield f"http://127.0.0.1:{server.port}/", ["--http2-prior-knowledge"]
    yield f"https://localhost:{server.tls_port}/", ["--http2", "--cacert", server.cert]


def curl(url, options, *more, **run_options):
    text = command(
        program("curl"), "-sS", "--noproxy", "*", "--max-time", str(15 * perigee.FACTOR), *options, *more,
        "-o", "-", "-w", "\n%{http_version} %{http_code}", url, **run_options,
    )  # fmt: skip
    body, _, said = text.rpartition(b"\n")
    return body, said.decode()


def uploaded(text, body):
    """Whether upload.lua's answer is right for the body."""
    text = text.decode()
    assert re.search(rf"^bytes {len(body)}$", text, re.M), text
    assert re.search(rf"^sha256 {hashlib.sha256(body).hexdigest()}$", text, re.M), text


# --- curl ---


@tap.test
def curl_and_hello():
    """curl shows hello.lua's answer, in clear and over TLS"""
    with perigee.Server(HELLO, tls=True) as server:
        for url, options in both(server):
            body, said = curl(url, options)
            assert said == "2 200", (url, said)
            assert b"hello" in body.lower(), body
            head = command(program("curl"), "-sS", "--noproxy", "*", *options, "-I", url).decode()
            assert head.startswith("HTTP/2 200") and "date:" in head, head


@tap.test
def curl_and_echo():
    """curl gets back what it posts to echo.lua"""
    with perigee.Server(ECHO, tls=True) as server:
        for url, options in both(server):
            for body in (b"", b"x", BODY):
                got, said = curl(url, options, "--data-binary", "@-", input=body)
                assert said == "2 200" and got == body, (url, said, len(got), len(body))


@tap.test
def curl_and_upload():
    """upload.lua tells curl the size and hash of what it sent"""
    with perigee.Server(UPLOAD, tls=True) as server:
        for url, options in both(server):
            for body in (b"", b"x", BODY):
                got, said = curl(url, options, "--data-binary", "@-", input=body)
                assert said == "2 200", (url, said)
                uploaded(got, body)


# --- nghttp ---


@tap.test
def nghttp_and_hello():
    """nghttp -v shows hello.lua's frames, in clear and over TLS"""
    with perigee.Server(HELLO, tls=True) as server:
        for url in (f"http://127.0.0.1:{server.port}/", f"https://127.0.0.1:{server.tls_port}/"):
            text = command(program("nghttp"), "-v", "--no-verify-peer", url).decode()
            text = re.sub(r"\x1b\[[\d;]*m", "", text)
            assert re.search(r":status: 200", text) and "hello" in text.lower(), text
            assert "recv SETTINGS frame" in text and "recv DATA frame" in text, text


@tap.test
def nghttp_and_upload():
    """nghttp posts a file to upload.lua, several at once, with padding"""
    with perigee.Server(UPLOAD, tls=True, files={"body": BODY}) as server:
        path = os.path.join(server.folder, "body")
        for url in (f"http://127.0.0.1:{server.port}/", f"https://127.0.0.1:{server.tls_port}/"):
            text = command(program("nghttp"), "--no-verify-peer", "-d", path, "-m", "5", "-b", "64", url)
            assert text.count(b"bytes %d" % len(BODY)) == 5, text
            assert text.count(hashlib.sha256(BODY).hexdigest().encode()) == 5, text


# --- Node ---

RESET = perigee.handler("""
  local path = headers[":path"]
  if path == "/reset" then
    stream:respond { ["content-type"] = "text/plain" }
    stream:write("partial")
    stream:close(8)
  elseif path == "/endless" then
    stream:respond {}
    local chunk = ("endless "):rep(1000)
    while not stream.destroyed do
      if not stream:write(chunk) then stream:await("drain") end
    end
  elseif path == "/trailers" then
    stream:on("wantTrailers", function() stream:sendTrailers { ["x-late"] = "yes" } end)
    stream:respond({ ["content-type"] = "text/plain" }, { waitForTrailers = true })
    stream:finish("body")
  else
    stream:respond {}
    stream:finish("ok")
  end
""")


def node(mode, server, secure):
    script = os.path.join(perigee.TOP, "tests/e2e/client.js")
    where = f"https://localhost:{server.tls_port}" if secure else f"http://127.0.0.1:{server.port}"
    return command(program("node", "nodejs"), script, mode, where, *([server.cert] if secure else [])).decode().splitlines()


@tap.test
def node_and_hello():
    """Node's client shows hello.lua's answer, in clear and over TLS"""
    with perigee.Server(HELLO, tls=True) as server:
        for secure in (False, True):
            first, *body = node("get", server, secure)
            assert first == f"200 {'h2' if secure else 'h2c'} 0 end", first
            assert "hello" in "\n".join(body).lower(), body


@tap.test
def node_and_echo():
    """Node's client gets back what it streams to echo.lua, also fifty at once"""
    with perigee.Server(ECHO, tls=True) as server:
        for secure in (False, True):
            assert node("echo", server, secure) == ["200 true 0"]
            assert node("several", server, secure) == ["50"]


@tap.test
def node_and_resets():
    """Node's client sees a reset of the server, and may leave in the middle of an answer"""
    with perigee.Server(RESET, tls=True) as server:
        before = h2client.live(server.port)
        for secure in (False, True):
            reset, again = node("reset", server, secure)
            assert reset.startswith("8 ") and again == "200", (reset, again)
            assert node("destroy", server, secure) == ["8 200", "destroyed"]
            assert node("trailers", server, secure) == ["body yes"]
        h2client.settled(server.port, before)


# --- a browser ---


@tap.test(deadline=90)
def a_browser_and_hello():
    """a headless browser shows hello.lua's answer over TLS"""
    name = program("chromium", "chromium-browser", "google-chrome")
    with perigee.Server(HELLO, tls=True) as server, tempfile.TemporaryDirectory() as profile:
        flags = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
            "--disable-component-update --disable-sync --ignore-certificate-errors"
        ).split()
        url = f"https://localhost:{server.tls_port}/"
        process = subprocess.Popen(
            [name, *flags, f"--user-data-dir={profile}", "--dump-dom", url],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            text, said = process.communicate(timeout=60)
        finally:
            # Its own process group, made above, and nothing else: helpers may outlive the browser.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        assert b"hello" in text.lower(), f"{text!r} {said[-2000:]!r}"


# --- server-sent events ---


@tap.test
def events():
    """sse.lua sends events on time, and notices that its client left"""
    with perigee.Server(SSE_PROBE, files={"sse.lua": read(SSE)}, tls=True) as server:
        before = h2client.live(server.port)
        for leave in ("reset", "vanish", "close"):
            client = h2client.Client(server.port)
            stream = client.streams[client.request("/")]
            client.wait(lambda: len(events_in(stream.body)) >= 3, "three events", 15)
            assert stream.headers["content-type"].startswith("text/event-stream"), stream.headers
            numbers = events_in(stream.body)
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), stream.body
            if leave == "reset":
                client.reset(stream.id)
                client.ping()
                client.close()
            elif leave == "vanish":
                client.vanish(reset=True)
            else:
                client.close()
            h2client.settled(server.port, before)


def read(path):
    with open(os.path.join(perigee.TOP, path)) as f:
        return f.read()


# The script under test, with the counters beside it.
SSE_PROBE = perigee.LIVE + """
local sse = dofile("sse.lua")
local handle = type(sse) == "table" and sse.stream or sse
return function(stream, headers, ...)
  if live(stream, headers) then return end
  return handle(stream, headers, ...)
end
"""


def events_in(body):
    """The numbers of the whole events in a body."""
    whole = bytes(body).decode().rpartition("\n\n")[0]
    return [int(number) for number in re.findall(r"^data: (\d+)$", whole, re.M)]


@tap.test
def curl_and_events():
    """curl -N shows sse.lua's events as they come"""
    with perigee.Server(SSE) as server:
        process = subprocess.Popen(
            [program("curl"), "-sSN", "--noproxy", "*", "--http2-prior-knowledge", f"http://127.0.0.1:{server.port}/"],
            stdout=subprocess.PIPE,
        )
        try:
            out = perigee.Output(process.stdout)
            out.wait_for(r"^data: \d+$", 15, 3)
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


# --- those who speak something else ---


def say(port, text):
    """What a clear-text peer gets, to the end of the connection."""
    with h2raw.connect(port) as sock:
        sock.sendall(text)
        got = b""
        try:
            while chunk := sock.recv(65536):
                got += chunk
        except ConnectionResetError:
            pass
        return got


@tap.test
def http_1():
    """an HTTP/1.x peer gets one short 505 and a close"""
    with perigee.Server(HELLO) as server:
        for text in (
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
            b"PUT /x HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            got = say(server.port, text)
            assert got.startswith(b"HTTP/1.1 505 "), (text, got)
            assert re.search(rb"\r\nconnection: close\r\n", got, re.I), got
            assert got.count(b"HTTP/1.1 ") == 1 and len(got) < 1024, got
        body, said = curl(f"http://127.0.0.1:{server.port}/", ["--http1.1"])
        assert said == "1.1 505", (body, said)
        assert h2client.get(server.port).status == 200


@tap.test
def tls_without_h2():
    """a TLS client that does not offer h2 fails the handshake with no_application_protocol"""
    with perigee.Server(HELLO, tls=True) as server:
        for alpn in (("http/1.1",), ("spdy/3", "foo")):
            try:
                h2raw.connect(server.tls_port, tls=server.cert, alpn=alpn).close()
            except ssl.SSLError as err:
                assert "alert no application protocol" in str(err).lower().replace("_", " "), err
            else:
                raise AssertionError(f"a handshake with {alpn} went through")
        assert h2client.get(server.tls_port, tls=server.cert).status == 200


@tap.test
def tls_versions():
    """TLS 1.2 and 1.3 are served, older ones refused"""
    with perigee.Server(HELLO, tls=True) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            sock = h2raw.connect(server.tls_port, tls=server.cert, alpn=("h2", "http/1.1"), version=version)
            with sock:
                assert sock.selected_alpn_protocol() == "h2"
                sock.sendall(h2raw.PREFACE + h2raw.settings() + h2raw.get(1))
                assert sock.recv(9)[3] == h2raw.SETTINGS
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", server.tls_port), 5) as sock:
            try:
                context.wrap_socket(sock).close()
            except (ssl.SSLError, ConnectionResetError):
                pass
            else:
                raise AssertionError("TLS 1.1 was served")


@tap.test
def tls_suites():
    """over TLS 1.2 only the suites that RFC 9113 9.2.2 allows are taken"""
    with perigee.Server(HELLO, tls=True) as server:
        for suite, good in (("ECDHE-ECDSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-CHACHA20-POLY1305", True),
                            ("ECDHE-ECDSA-AES128-SHA", False), ("ECDHE-ECDSA-AES256-SHA384", False)):  # fmt: skip
            context = ssl.create_default_context(cafile=server.cert)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(suite + ":@SECLEVEL=0")
            context.set_alpn_protocols(["h2"])
            with socket.create_connection(("127.0.0.1", server.tls_port), 5) as sock:
                try:
                    context.wrap_socket(sock, server_hostname="localhost").close()
                    assert good, f"{suite} was taken"
                except (ssl.SSLError, ConnectionResetError) as err:
                    assert not good, f"{suite} was refused: {err}"


@tap.test
def tls_resumption():
    """a TLS session is resumed with its ticket, for 1.2 and 1.3"""
    with perigee.Server(HELLO, tls=True) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=server.cert)
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2"])
            session = None
            for resumed in (False, True):
                raw = socket.create_connection(("127.0.0.1", server.tls_port), 5)
                with context.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
                    sock.sendall(h2raw.PREFACE + h2raw.settings() + h2raw.get(1))
                    assert sock.recv(9)[3] == h2raw.SETTINGS  # a ticket of 1.3 comes with the first data
                    assert sock.session_reused is resumed, (version, resumed)
                    session = sock.session


@tap.test
def clear_text_to_a_tls_port():
    """clear text on a TLS port ends the connection, and nothing else"""
    with perigee.Server(HELLO, tls=True) as server:
        say(server.tls_port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        say(server.tls_port, h2raw.PREFACE + h2raw.settings() + h2raw.get(1))
        assert h2client.get(server.tls_port, tls=server.cert).status == 200


if __name__ == "__main__":
    tap.main()
