"""The admin listener: what it answers, to whom it does not, and who answers when workers come and go.

run: slow
run: deadline 120
"""

import os
import re
import shutil
import socket
import subprocess
import threading
import time

import perigee
import prometheus
import tap

PROGRAM = os.path.join(os.path.dirname(perigee.BINARY), "tests", "test_admin")
HEAD_SECONDS = 5
AT_A_TIME = 32


class Admin:
    """WORKERS processes that answer on one listening socket (tests/unit/test_admin.c)."""

    def __init__(self, workers=1, path=None):
        if not os.access(PROGRAM, os.X_OK):
            raise tap.Skip("unit tests are not built")
        self.path = path
        if path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
        else:
            self._listener = socket.socket()
            self._listener.bind(("127.0.0.1", 0))
            self.port = self._listener.getsockname()[1]
        self._listener.listen(200)
        fd = self._listener.fileno()
        self._process = subprocess.Popen(
            [PROGRAM, "serve", str(fd), str(workers)],
            pass_fds=[fd], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        # Nobody but the workers may hold it: where none accepts, connections are to be refused.
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        assert self._process.wait(20 * perigee.FACTOR) == 0
        self._process.stdout.close()

    def tell(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def dial(self, timeout=20):
        sock = socket.socket(socket.AF_UNIX if self.path else socket.AF_INET)
        sock.settimeout(timeout * perigee.FACTOR)
        sock.connect(self.path or ("127.0.0.1", self.port))
        return sock

    def say(self, *pieces, gap=0):
        """Sends pieces, gives everything that comes until the end."""
        with self.dial() as sock:
            for piece in pieces:
                sock.sendall(piece)
                time.sleep(gap)
            return drain(sock)

    def get(self, path, method="GET"):
        """(status, fields, body)"""
        return split(self.say(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()))


def drain(sock):
    got = bytearray()
    while piece := sock.recv(65536):
        got += piece
    return bytes(got)


def split(answer):
    head, blank, body = answer.partition(b"\r\n\r\n")
    assert blank, answer
    first, *lines = head.decode("ascii").split("\r\n")
    status = re.fullmatch(r"HTTP/1\.1 (\d{3}) [A-Za-z ]+", first)
    assert status, first
    fields = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        assert colon and name.lower() not in fields, line
        fields[name.lower()] = value
    return int(status[1]), fields, body


def status_of(answer):
    status, fields, body = split(answer)
    assert fields["connection"] == "close", fields
    assert int(fields["content-length"]) == len(body), (fields, body)
    return status


@tap.test
def what_is_asked_for_is_answered():
    with Admin() as admin:
        status, fields, body = admin.get("/metrics")
        assert (status, fields["content-type"]) == (200, "text/plain; version=0.0.4"), fields
        families = prometheus.parse(body.decode())
        assert prometheus.value(families, "perigee_workers", state="starting") == 1
        status, fields, body = admin.get("/healthz")
        assert (status, body) == (200, b"ok\n") and fields["content-type"].startswith("text/plain"), (status, body)
        assert admin.get("/readyz")[0] == 503, "no worker is ready yet"
        admin.tell("ready 1")
        assert admin.get("/readyz")[0] == 200
        assert admin.get("/metrics?name=x")[0] == 200
        for path in ("/", "/metric", "/metrics/", "/METRICS", "//metrics", "/%6detrics"):
            assert admin.get(path)[0] == 404, path


@tap.test
def head_is_get_without_a_body():
    with Admin() as admin:
        for path in ("/metrics", "/healthz", "/readyz", "/nothing"):
            status, fields, body = admin.get(path, "HEAD")
            assert body == b"" and int(fields["content-length"]) > 0, (path, fields, body)
            assert status == admin.get(path)[0], path


@tap.test
def other_methods_are_told_which_there_are():
    with Admin() as admin:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "BREW"):
            status, fields, _ = admin.get("/metrics", method)
            assert (status, fields["allow"]) == (405, "GET, HEAD"), (method, status)


@tap.test
def garbage_is_answered_once_and_hung_up_on():
    cases = [
        (400, b"GET\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        (400, b"GET /metrics HTTP/1.1\r\n\r\n"),
        (400, b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, b"GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n"),
        (400, b"GET /metrics HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"),
        (400, b"GET /metrics HTTP/1.1\r\nHost: a\0\r\n\r\n"),
        (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (431, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 2000 + b"\r\n"),
        (431, b"a" * 200000),
    ]
    with Admin() as admin:
        for status, text in cases:
            assert status_of(admin.say(text)) == status, text[:60]
        assert admin.get("/healthz")[0] == 200


@tap.test
def a_head_may_come_in_any_pieces():
    text = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
    with Admin() as admin:
        for at in range(1, len(text)):
            assert status_of(admin.say(text[:at], text[at:], gap=0.001)) == 200, at
        assert status_of(admin.say(*[bytes([byte]) for byte in text], gap=0.001)) == 200


@tap.test
def a_second_request_and_a_body_are_not_read():
    text = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    with Admin() as admin:
        answer = admin.say(text * 3)
        assert answer.count(b"HTTP/1.1 ") == 1 and status_of(answer) == 200, answer
        answer = admin.say(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000)
        assert status_of(answer) == 200, answer


@tap.test
def slow_heads_have_five_seconds():
    with Admin() as admin, admin.dial() as silent, admin.dial() as slow:
        start = time.monotonic()
        slow.sendall(b"GET / HTTP/1.1\r\n")
        stop = threading.Event()

        def drip():
            try:
                while not stop.wait(0.25):
                    slow.sendall(b"A")
            except OSError:
                pass

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert drain(silent) == b""
            silent_for = time.monotonic() - start
            try:
                assert drain(slow) == b""
            except ConnectionResetError:
                pass  # a drip was under way
            slow_for = time.monotonic() - start
        finally:
            stop.set()
            dripping.join()
        for seconds in (silent_for, slow_for):
            assert HEAD_SECONDS - 0.5 < seconds < HEAD_SECONDS + 2 * perigee.FACTOR, seconds
        assert admin.get("/healthz")[0] == 200


@tap.test
def so_many_at_a_time_and_the_rest_wait():
    with Admin() as admin:
        held = [admin.dial() for _ in range(AT_A_TIME)]
        assert status_of(ask_on(held.pop())) == 200, "the last place was taken"
        held.append(admin.dial())
        with admin.dial(timeout=1) as late:
            late.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            try:
                raise AssertionError(f"one more than {AT_A_TIME} was served: {late.recv(100)}")
            except TimeoutError:
                pass
            late.settimeout(10 * perigee.FACTOR)
            held.pop().close()
            assert status_of(drain(late)) == 200
        for sock in held:
            sock.close()
        assert admin.get("/healthz")[0] == 200


def ask_on(sock):
    with sock:
        sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        return drain(sock)


@tap.test
def a_client_that_hangs_up_leaves_nothing_behind():
    with Admin() as admin:
        for turn in range(AT_A_TIME * 4):
            with admin.dial() as sock:
                sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n"[: 5 + turn % 20])
        assert admin.get("/healthz")[0] == 200


@tap.test
def a_unix_socket_is_as_good():
    where = perigee.folder()
    try:
        with Admin(path=os.path.join(where, "admin.sock")) as admin:
            assert admin.get("/healthz")[0] == 200
            if shutil.which("curl"):
                done = subprocess.run(
                    ["curl", "-sS", "--fail", "--unix-socket", admin.path, "http://localhost/metrics"],
                    capture_output=True, text=True, timeout=20, check=True,
                )  # fmt: skip
                prometheus.parse(done.stdout)
    finally:
        shutil.rmtree(where)


@tap.test
def workers_share_the_socket_and_the_numbers():
    with Admin(workers=3) as admin:
        admin.tell("ready 1")
        admin.tell("count 1 10")
        admin.tell("count 2 200")
        admin.tell("count 3 3000")

        def requests():
            return prometheus.value(
                prometheus.parse(admin.get("/metrics")[2].decode()), "perigee_streams_total", role="server"
            )

        for _ in range(20):
            assert requests() == 3210
        admin.tell("retire 2")  # its numbers stay, and nobody misses its answers
        for _ in range(20):
            assert requests() == 3210
        assert admin.get("/readyz")[0] == 200
        admin.tell("retire 1")
        assert admin.get("/readyz")[0] == 503, "the ready one is gone"
        assert requests() == 3210


@tap.test
def a_draining_worker_leaves_the_answers_to_the_others():
    with Admin(workers=2) as admin:
        admin.tell("drain 1")
        for _ in range(20):
            assert admin.get("/healthz")[0] == 200
        admin.tell("retire 2")  # nobody else is left, which a reload takes care never to do

        def is_refused():
            try:
                admin.dial().close()
                return False
            except ConnectionRefusedError:
                return True

        perigee.eventually("the drained worker does not accept", is_refused)


@tap.test
def a_service_that_ends_answers_to_the_end():
    with Admin(workers=2) as admin:
        admin.tell("ready 1")
        assert admin.get("/readyz")[0] == 200
        admin.tell("end")
        admin.tell("drain 1")
        admin.tell("drain 2")
        for _ in range(5):
            assert admin.get("/readyz")[0] == 503
            assert admin.get("/healthz")[0] == 200
            families = prometheus.parse(admin.get("/metrics")[2].decode())
            assert prometheus.value(families, "perigee_draining") == 1


@tap.test
def many_scrapers_at_once():
    with Admin(workers=2) as admin:
        faults = []

        def scrape():
            try:
                for _ in range(25):
                    status, _, body = admin.get("/metrics")
                    assert status == 200
                    prometheus.parse(body.decode())
            except Exception as fault:  # pylint: disable=broad-except
                faults.append(fault)

        scrapers = [threading.Thread(target=scrape) for _ in range(8)]
        for scraper in scrapers:
            scraper.start()
        for scraper in scrapers:
            scraper.join()
        assert not faults, faults


HISTOGRAM = """# HELP h x
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 2
h_sum 1.5
h_count 2
"""
COUNTER = """# HELP a_total x
# TYPE a_total counter
a_total{b="c",d="e\\"f"} 1
"""


@tap.test
def the_tests_own_reader_of_metrics_is_strict():
    families = prometheus.parse(COUNTER + HISTOGRAM)
    assert prometheus.value(families, "a_total", b="c", d='e"f') == 1
    assert prometheus.value(families, "h_count") == 2
    bad = [
        COUNTER[:-1], COUNTER + "\n", COUNTER + COUNTER, COUNTER + "b 2\n", HISTOGRAM + COUNTER.split("\n", 1)[1],
        COUNTER.replace("counter", "histogram"), COUNTER.replace("counter", "gauge"), COUNTER.replace("a_total", "a"),
        COUNTER.replace('"c"', "c"), COUNTER.replace('"c",', '"c",,'), COUNTER.replace('d="', 'b="'),
        COUNTER.replace(" 1\n", " one\n"), COUNTER.replace(" 1\n", " -1\n"), COUNTER.replace(" 1\n", "  1\n"),
        COUNTER.replace("# TYPE a_total counter\n", ""), COUNTER + 'a_total{d="e\\"f",b="c"} 2\n',
        HISTOGRAM.replace("+Inf", "2"), HISTOGRAM.replace("h_count 2", "h_count 3"), HISTOGRAM.replace("h_sum 1.5\n", ""),
        HISTOGRAM.replace('"1"} 1', '"1"} 3'), HISTOGRAM.replace('le="1"', 'ge="1"'),
    ]  # fmt: skip
    for text in bad:
        try:
            prometheus.parse(text)
        except prometheus.Malformed:
            continue
        raise AssertionError("taken:\n" + text)


@tap.test
def promtool_finds_no_fault():
    if not shutil.which("promtool"):
        raise tap.Skip("no promtool")
    with Admin(workers=2) as admin:
        admin.tell("count 1 10")
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=admin.get("/metrics")[2], capture_output=True, timeout=20, check=False
        )
        assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    with open(os.path.join(perigee.TOP, "docs", "metrics.md"), encoding="utf-8") as page:
        rules = re.search(r"^```yaml\n(groups:.*?)^```", page.read(), re.M | re.S)[1]
    where = perigee.folder()
    try:
        with open(os.path.join(where, "rules.yml"), "w", encoding="utf-8") as file:
            file.write(rules)
        done = subprocess.run(
            ["promtool", "check", "rules", file.name], capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        shutil.rmtree(where)


@tap.test
def the_manual_lists_what_is_exported():
    """docs/metrics.md has each family with its type, and none that is not there."""
    with Admin() as admin:
        families = prometheus.parse(admin.get("/metrics")[2].decode())
    with open(os.path.join(perigee.TOP, "docs", "metrics.md"), encoding="utf-8") as page:
        text = page.read()
    rows = dict(re.findall(r"^\| `(perigee_\w+)` \| (\w+) \|", text, re.M))
    assert rows == {name: family.type for name, family in families.items()}, set(rows) ^ set(families)
    named = {labels[0][1] for _, labels in families["perigee_limit_hits_total"].samples}
    assert named == set(re.findall(r"^\| `(\w+)` \| [A-Z]", text.partition("## Limits")[2], re.M)), named
    for name in set(re.findall(r"perigee_\w+", text)):
        assert re.sub(r"_(bucket|sum|count)$", "", name) in families or name in families, f"{name} is in an example only"


if __name__ == "__main__":
    tap.main()
