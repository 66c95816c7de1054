"""Files: scripts/files.lua with real clients, and respondWithFile when things go wrong in the middle.

run: alone
run: deadline 240
"""

import concurrent.futures
import hashlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import h2.errors
import h2client
import h2raw
import perigee
import tap
from h2raw import DATA, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, Raw

MIB = 1 << 20
FILES = "scripts/files.lua"
BIG = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(3 * MIB // 32)) + b"and a bit"

# Answers /NAME with that file of the folder; /fd with the blocking FIFO of that name.
SENDER = perigee.handler("""
  local path = headers[":path"]:sub(2)
  if path == "fd" then
    local uv = require "luv"
    local fd = uv.fs_open("fd", "r+", 0)
    stream:on("close", function() uv.fs_close(fd) end)
    stream:respondWithFD(fd, {}, { offset = -1, length = 5 })
    return
  end
  stream:respondWithFile(path, { ["content-type"] = "application/octet-stream" }, {
    onError = function(err)
      stream:respond { [":status"] = 404, ["x-code"] = err.code }
      stream:finish()
    end,
  })
""")


def command(*argv, seconds=20, **options):
    done = subprocess.run(argv, capture_output=True, timeout=seconds * perigee.FACTOR, **options)
    assert done.returncode == 0, f"{argv} ended with {done.returncode}: {done.stderr[-2000:]!r}"
    return done.stdout


def curl(url, *options):
    """(status, headers, body) as curl sees them, with the path as it stands there."""
    if not shutil.which("curl"):
        raise tap.Skip("curl is not installed")
    text = command(
        "curl", "-sS", "--noproxy", "*", "--path-as-is", "--max-time", str(15 * perigee.FACTOR), "-i",
        *(options if "-k" in options else ("--http2-prior-knowledge", *options)), url,
    )  # fmt: skip
    head, _, body = text.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


def served(files=None, **options):
    return perigee.Server(FILES, files={"big.bin": BIG, "small.txt": "small\n", **(files or {})}, **options)


def is_settled(server, fds):
    perigee.eventually(lambda: f"{fds} descriptors, there are {server.fds}", lambda: server.fds <= fds, 10)


def open_files(server, name):
    """How many descriptors of the daemon are open on that file."""
    count = 0
    for fd in os.listdir(f"/proc/{server.pid}/fd"):
        try:
            count += os.readlink(f"/proc/{server.pid}/fd/{fd}").split(" (deleted)")[0].endswith("/" + name)
        except FileNotFoundError:
            pass
    return count


# --- whole files ---


@tap.test
def curl_gets_files():
    """curl gets files as they are, in clear and over TLS, whole, by range and resumed"""
    with served(tls=True) as server:
        clear, secure = f"http://127.0.0.1:{server.port}/", f"https://127.0.0.1:{server.tls_port}/"
        for url, options in ((clear, ()), (secure, ("-k", "--http2"))):
            status, headers, body = curl(url + "big.bin", *options)
            assert (status, body == BIG) == (200, True), (status, len(body))
            assert headers["content-length"] == str(len(BIG)), headers
            status, headers, body = curl(url + "big.bin", "-r", "1000000-2000000", *options)
            assert (status, body == BIG[1000000:2000001]) == (206, True), (status, len(body))
            assert headers["content-range"] == f"bytes 1000000-2000000/{len(BIG)}", headers
            status, _, body = curl(url + "big.bin", "-C", str(len(BIG) - 7), *options)
            assert (status, body) == (206, BIG[-7:]), (status, body)
        status, headers, body = curl(clear + "small.txt", "-I")
        assert (status, body, headers["content-length"]) == (200, b"", "6"), (status, headers, body)
        status, headers, _ = curl(clear + "small.txt")
        assert headers["content-type"].startswith("text/plain"), headers
        assert curl(clear + "small.txt", "-H", "if-none-match: " + headers["etag"])[0] == 304
        assert curl(clear + "small.txt", "-z", headers["last-modified"])[0] == 304
        status, headers, _ = curl(clear + "small.txt", "-r", "6-")
        assert (status, headers["content-range"]) == (416, "bytes */6"), (status, headers)
        assert curl(clear + "small.txt", "-X", "DELETE")[0] == 405


@tap.test
def the_argument_is_the_folder():
    """files.lua serves the folder of its argument; a missing one is said at once"""
    with perigee.Server(FILES, ["public"], files={"public/index.html": "hi", "private": "no"}) as server:
        assert h2client.get(server.port, "/").body == b"hi"
        assert h2client.get(server.port, "/private").status == 404
    done = perigee.run("run", "--listen", "http://127.0.0.1:0", os.path.join(perigee.TOP, FILES), "nowhere")
    assert done.code == 1 and "ENOENT" in done.stderr and "nowhere" in done.stderr, done


@tap.test(deadline=60)
def many_downloads_at_once():
    """300 downloads at once, on three connections, arrive whole and leave no descriptor behind"""
    with served() as server:
        h2client.get(server.port, "/big.bin")
        before = perigee.stable(lambda: server.fds)
        want = hashlib.sha256(BIG[: MIB // 2]).digest()

        def downloads(_):
            with h2client.Client(server.port) as client:
                digests = [hashlib.sha256() for _ in range(100)]
                numbers = [
                    client.request("/big.bin", headers=[("range", f"bytes=0-{MIB // 2 - 1}")], sink=digest.update)
                    for digest in digests
                ]
                for number in numbers:
                    client.response(number, 50)
                return [digest.digest() for digest in digests]

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for digests in pool.map(downloads, range(3)):
                assert all(digest == want for digest in digests)
        is_settled(server, before)


# --- what is no file, and what is elsewhere ---


@tap.test
def outside_is_refused():
    """paths and links that lead out, and what is no regular file, are refused at once"""
    with served({".env": "secret", "folder/index.html": "index"}) as server:
        top = server.folder
        os.symlink("/etc/passwd", os.path.join(top, "passwd"))
        os.symlink("..", os.path.join(top, "up"))
        os.symlink("/dev/zero", os.path.join(top, "zero"))
        os.mkfifo(os.path.join(top, "fifo"))
        os.mkdir(os.path.join(top, "bare"))
        devices = []
        try:
            os.mknod(os.path.join(top, "device"), 0o20666, os.makedev(1, 5))
            devices.append(("/device", 403))
        except PermissionError:
            pass
        before = perigee.stable(lambda: server.fds)
        base = f"http://127.0.0.1:{server.port}"
        started = time.monotonic()
        for path, want in [
            ("/../../../../etc/passwd", 400), ("/%2e%2e/%2e%2e/etc/passwd", 400), ("/..%2f..%2fetc%2fpasswd", 400),
            ("/%252e%252e/etc/passwd", 404), ("/folder/..%5c..%5cetc", 400), ("/small.txt%00.html", 400),
            ("//etc/passwd", 404), ("/passwd", 404), ("/up/etc/passwd", 404), ("/zero", 404), ("/.env", 404),
            ("/fifo", 403), ("/bare/", 404), ("/bare", 301), ("/nothing", 404), *devices,
        ]:  # fmt: skip
            status, headers, body = curl(base + path)
            assert status == want, (path, status, body)
            assert top not in body.decode() and "root:" not in body.decode(), (path, body)
            assert len(body) < 100, (path, body)
        assert time.monotonic() - started < 15 * perigee.FACTOR
        assert h2client.get(server.port, "/folder/").body == b"index"
        is_settled(server, before)


@tap.test
def a_replaced_folder_does_not_lead_out():
    """a folder that is swapped for a link, again and again, never lets a file of elsewhere out"""
    with served({"swap/name.txt": "inside", "elsewhere/name.txt": "inside too"}) as server:
        outside = perigee.folder()
        try:
            with open(os.path.join(outside, "name.txt"), "w") as f:
                f.write("OUTSIDE")
            swap, spare, link = (os.path.join(server.folder, name) for name in ("swap", "spare", "link"))
            os.symlink(outside, link)
            over = threading.Event()

            def shuffle():
                while not over.is_set():
                    os.rename(swap, spare)
                    os.rename(link, swap)
                    os.rename(swap, link)
                    os.rename(spare, swap)

            thread = threading.Thread(target=shuffle)
            thread.start()
            try:
                seen = set()
                with h2client.Client(server.port) as client:
                    for _ in range(500):
                        answer = client.get("/swap/name.txt")
                        seen.add((answer.status, bytes(answer.body)))
            finally:
                over.set()
                thread.join()
            assert not any(b"OUTSIDE" in body for _, body in seen), seen
            assert seen <= {(200, b"inside"), (404, b"Not Found\n"), (503, b"Service Unavailable\n")}, seen
        finally:
            shutil.rmtree(outside)


@tap.test
def a_fifo_does_not_block():
    """respondWithFile refuses a FIFO without waiting for its writer"""
    with perigee.Server(SENDER) as server:
        os.mkfifo(os.path.join(server.folder, "fifo"))
        for name in ("fifo", ".", "missing"):
            answer = h2client.get(server.port, "/" + name)
            want = "ENOENT" if name == "missing" else "ERR_HTTP2_SEND_FILE"
            assert (answer.status, answer.headers["x-code"]) == (404, want), answer.headers


# --- in the middle ---


def stalled(server, path, **options):
    """A client whose windows hold up the answer after its first 64 KiB."""
    client = h2client.Client(server.port, windows="manual", **options)
    number = client.request(path)
    stream = client.streams[number]
    client.wait(lambda: stream.received >= 65535, "the first window")
    return client, number


@tap.test
def aborted_downloads_leave_no_descriptor():
    """downloads that the client cuts, by RST_STREAM or by leaving, leave no descriptor open"""
    with perigee.Server(SENDER, files={"big.bin": BIG}) as server:
        h2client.get(server.port, "/big.bin")
        before = perigee.stable(lambda: server.fds)
        for number in range(24):
            client, stream = stalled(server, "/big.bin")
            assert open_files(server, "big.bin") == 1
            if number % 3 == 0:
                client.reset(stream)
                client.ping()
                perigee.eventually("the file to be closed", lambda: open_files(server, "big.bin") == 0)
                client.close()
            else:
                client.vanish(reset=number % 3 == 1)
                perigee.eventually("the file to be closed", lambda: open_files(server, "big.bin") == 0)
        is_settled(server, before)
        # Resets that come while the file is being opened or read.
        with h2client.Client(server.port) as client:
            for _ in range(100):
                client.reset(client.request("/big.bin"))
            client.ping()
        is_settled(server, before)
        want = {"sessions": 1, "streams": 1, "transports": 1, "listeners": 1}
        h2client.settled(server.port, want)


@tap.test
def a_truncated_file_is_reset():
    """a file that is cut short while it is sent resets its stream; the client never takes it for whole"""
    with perigee.Server(SENDER, files={"big.bin": BIG}) as server:
        client, number = stalled(server, "/big.bin")
        os.truncate(os.path.join(server.folder, "big.bin"), MIB)
        client.h2.increment_flow_control_window(16 * MIB)
        client.h2.increment_flow_control_window(16 * MIB, number)
        client.ping()
        stream = client.closing(number)
        assert stream.reset == h2.errors.ErrorCodes.INTERNAL_ERROR, stream
        assert not stream.ended and stream.received <= MIB, stream
        assert client.get("/missing").status == 404  # the connection goes on
        client.close()
        server.err.wait_for(r"level=warn.*file response cut.*before its content-length")


@tap.test
def a_growing_file_ends_where_it_ended():
    """a file that grows while it is sent is sent as long as it was"""
    with perigee.Server(SENDER, files={"big.bin": BIG}) as server:
        client, number = stalled(server, "/big.bin")
        with open(os.path.join(server.folder, "big.bin"), "ab") as f:
            f.write(b"more" * 100000)
        client.h2.increment_flow_control_window(16 * MIB)
        client.h2.increment_flow_control_window(16 * MIB, number)
        client.ping()
        stream = client.response(number)
        assert bytes(stream.body) == BIG, stream
        client.close()


@tap.test
def a_slow_read_holds_up_nobody():
    """while a read waits for its data, other requests are answered"""
    with perigee.Server(SENDER, files={"small.txt": "small"}) as server:
        path = os.path.join(server.folder, "fd")
        os.mkfifo(path)
        with h2client.Client(server.port) as client:
            slow = client.request("/fd")
            client.head(slow)
            for _ in range(50):
                assert client.get("/small.txt").body == b"small"
            assert not client.streams[slow].ended and client.streams[slow].received == 0
            with open(path, "wb", buffering=0) as f:
                f.write(b"later")
            assert client.response(slow).body == b"later"


@tap.test
def a_download_ends_before_the_daemon():
    """SIGTERM lets a download finish"""
    with perigee.Server(SENDER, files={"big.bin": BIG}) as server, Raw(server.port) as c:
        c.send(h2raw.get(1, "/big.bin"))
        while len(c.body(1)) < 65535:
            c.until(lambda f: f.kind == DATA)
        server.signal(signal.SIGTERM)
        c.until(lambda f: f.kind == GOAWAY)
        c.send(h2raw.window_update(0, 16 * MIB), h2raw.window_update(1, 16 * MIB))
        c.until(lambda f: f.kind == DATA and f.end_stream, 20)
        assert c.body(1) == BIG
        c.sock.close()
        assert server.wait(10) == 0


@tap.test(deadline=120)
def a_slow_reader_of_a_large_file_costs_no_memory():
    """a slow reader of a sparse file of 256 MiB does not make the daemon grow"""
    size = 256 * MIB
    with perigee.Server(SENDER, files={"big.bin": BIG}) as server:
        with open(os.path.join(server.folder, "sparse"), "wb") as f:
            f.truncate(size)
        with Raw(server.port, (INITIAL_WINDOW_SIZE, 0), receive_buffer=65536) as c:
            c.send(h2raw.get(1, "/big.bin"), h2raw.window_update(1, 8 * MIB), h2raw.window_update(0, 2**30))
            c.response(1, 20)
            server.reset_rss_peak()
            before = server.rss
            c.send(h2raw.get(3, "/sparse"))
            c.until(lambda f: f.kind == HEADERS and f.stream == 3)
            perigee.stable(lambda: server.cpu_seconds)
            c.barrier()
            assert not c.on(3, DATA)
            c.send(h2raw.window_update(3, 2**30))
            received, rests = 0, 0
            while True:
                c.seen.clear()
                f = c.read(10)
                if f.kind != DATA:
                    continue
                assert not f.payload.strip(b"\0")
                received += len(f.payload)
                if f.end_stream:
                    break
                if received * 4 // size > rests:
                    rests += 1
                    perigee.stable(lambda: server.cpu_seconds)
            assert received == size, received
            grown = server.rss_peak - before
            assert perigee.SANITIZED or grown < 12 * MIB, f"resident memory rose by {grown / MIB:.1f} MiB"


@tap.test
def no_descriptor_left():
    """when descriptors run out, requests get 503 and are served again later"""
    with served(nofile=48) as server, h2client.Client(server.port, windows="manual") as client:
        before = perigee.stable(lambda: server.fds)
        numbers = [client.request("/big.bin") for _ in range(60)]
        streams = [client.head(number) for number in numbers]
        refused = [stream for stream in streams if stream.status == 503]
        assert refused and {stream.status for stream in streams} == {200, 503}, [stream.status for stream in streams]
        for number, stream in zip(numbers, streams):
            if stream.status == 200:
                client.reset(number)
        client.ping()
        is_settled(server, before)
        assert h2client.get(server.port, "/small.txt").status == 200
        server.err.wait_for(r"level=warn.*could not be opened.*EMFILE")


# --- other clients ---

NODE = """
const http2 = require('http2'), crypto = require('crypto')
const client = http2.connect('http://127.0.0.1:' + process.argv[2])
const ask = (headers) => new Promise((resolve, reject) => {
  const req = client.request(headers), sum = crypto.createHash('sha256')
  let head
  req.on('response', (h) => { head = h })
  req.on('data', (chunk) => sum.update(chunk))
  req.on('error', reject)
  req.on('end', () => resolve([head[':status'], head['content-length'], sum.digest('hex')].join(' ')))
  req.end()
})
Promise.all([ask({':path': '/big.bin'}), ask({':path': '/big.bin', range: 'bytes=-1000'}), ask({':path': '/nothing'})])
  .then((lines) => { console.log(lines.join('\\n')); client.close() })
"""


@tap.test
def node_gets_files():
    """Node's client gets whole files, a range and a 404"""
    node = shutil.which("node") or shutil.which("nodejs")
    if not node:
        raise tap.Skip("node is not installed")
    with served({"client.js": NODE}) as server:
        lines = command(node, os.path.join(server.folder, "client.js"), str(server.port)).decode().splitlines()
        whole, part = hashlib.sha256(BIG).hexdigest(), hashlib.sha256(BIG[-1000:]).hexdigest()
        assert lines[0] == f"200 {len(BIG)} {whole}", lines
        assert lines[1] == f"206 1000 {part}", lines
        assert re.match(r"404 10 ", lines[2]), lines


if __name__ == "__main__":
    tap.main()
