"""The logs: formats that their readers can read, one line for each request whatever became of it, no line lost when the
file is changed, and nobody waits for a log that cannot be written.

run: slow
run: alone
run: deadline 300
"""

import contextlib
import ctypes
import ctypes.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import h2client
import h2raw
import perigee
import tap

SCRIPT = perigee.handler("""
  local path = headers[":path"]
  if path == "/close" then
    stream:close(2)
    return
  elseif path == "/push" then
    stream:pushStream({ [":path"] = "/pushed?a=\\"b\\"" }, function(err, pushed)
      if err then return end
      pushed:respond { [":status"] = 203 }
      pushed:finish "pushed"
    end)
  elseif path:find("^/wait") then
    stream:respond {}
    stream:write "begin"
    return
  elseif path == "/silent" then
    return
  elseif path == "/overflow" then
    stream:respond {}
    local piece = ("x"):rep(2^20)
    for _ = 1, 40 do stream:write(piece) end
    return
  elseif path == "/log" then
    local log = require "perigee.log"
    log.warn("from the handler", { path = path, level = "x\\ny", ["a b"] = 1 })
    stream:on("close", function() log.info("later", "n", 2) end)
  elseif path == "/throw" then
    error "thrown"
  end
  for _ in stream:chunks() do end
  stream:respond { ["content-type"] = "text/plain" }
  stream:finish("hello world\\n")
""")

LOGFMT_PAIR = re.compile(r'([a-z_]+)=("(?:[^"\\\x00-\x1f]|\\(?:["\\nt]|u[0-9a-f]{4}))*"|[^\s"=\\\x00-\x1f\x7f]+)(?: |$)')

# As goaccess and awk scripts read it: seven or nine fields, those with blanks in quotes or brackets.
COMMON = re.compile(
    r'(?P<peer>\S+) - - \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] '
    r'"(?P<method>[^ "]+) (?P<path>(?:[^ "\\]|\\["\\]|\\x[0-9a-f]{2})+) (?P<protocol>HTTP/2\.0)" '
    r"(?P<status>\d{3}) (?P<bytes_out>\d+)"
    r'(?: "(?P<referer>(?:[^"\\]|\\["\\]|\\x[0-9a-f]{2})*)" "(?P<agent>(?:[^"\\]|\\["\\]|\\x[0-9a-f]{2})*)")?'
)


def parse_logfmt(line):
    found, at = {}, 0
    while at < len(line):
        match = LOGFMT_PAIR.match(line, at)
        assert match, f"no logfmt from {line[at:]!r} on in {line!r}"
        key, value = match.groups()
        assert key not in found, f"{key} twice in {line!r}"
        found[key] = json.loads(value) if value.startswith('"') else value
        at = match.end()
    return found


def parse_json(line):
    return json.loads(line, object_pairs_hook=lambda pairs: dict(pairs) if len(dict(pairs)) == len(pairs) else {})


def parse_common(line):
    match = COMMON.fullmatch(line)
    assert match, f"not the common format: {line!r}"
    return match.groupdict()


PARSERS = {"logfmt": parse_logfmt, "json": parse_json, "common": parse_common, "combined": parse_common}


@contextlib.contextmanager
def logged(form="logfmt", script=SCRIPT, flags=(), path=None, **options):
    """A server with an access log: (server, lines), where lines() are those parsed until now. A path may be given."""
    where = path or os.path.join(perigee.folder(), "access.log")
    try:
        with perigee.Server(
            script, flags=["--access-log", where, "--access-format", form, *flags], **options
        ) as server:
            yield server, lambda: [PARSERS[form](line) for line in read_lines(where)]
    finally:
        if not path:
            shutil.rmtree(os.path.dirname(where), ignore_errors=True)


def read_lines(path):
    """Whole lines; the last one may still be on its way."""
    try:
        with open(path, encoding="utf-8", newline="\n") as f:
            return f.read().split("\n")[:-1]
    except FileNotFoundError:
        return []


def wait_for(lines, count, **wanted):
    """The first `count` lines that have these values."""

    def find():
        found = [line for line in lines() if all(line.get(key) == value for key, value in wanted.items())]
        return found if len(found) >= count else None

    return perigee.eventually(lambda: f"{count} lines with {wanted}, there are {lines()[-5:]}", find)


@tap.test
def a_peer_at_a_listener_for_both():
    """a client of IPv4 has the same peer in the access log where the listener takes IPv6 as well"""
    for form in ("logfmt", "json"):
        with logged(form, clear=False, flags=["--listen", ":0"], listeners=1) as (server, lines):
            assert h2client.get(server.port, "/").status == 200
            (line,) = wait_for(lines, 1)
            assert re.fullmatch(r"127\.0\.0\.1:\d+", line["peer"]), line


@tap.test
def logfmt_and_json():
    """logfmt and JSON: each line has all there is to know, in clear and over TLS"""
    for form in ("logfmt", "json"):
        with logged(form, tls=True) as (server, lines):
            curl(server, "/a?b=c", agent="me")
            curl(server, "/secure", "--data-binary", "four", tls=True)
            first, second = wait_for(lines, 2)
            number = str if form == "logfmt" else int
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"]), first
            assert re.fullmatch(r"127\.0\.0\.1:\d+", first["peer"]), first
            assert first["protocol"] == "HTTP/2.0" and first["method"] == "GET" and first["path"] == "/a?b=c", first
            assert first["authority"] == f"127.0.0.1:{server.port}", first
            assert first["tls"] == ("-" if form == "logfmt" else None), first
            assert first["status"] == number(200), first
            assert first["bytes_in"] == number(0) and first["bytes_out"] == number(12), first
            assert 0 < float(first["ms"]) < 10000 and "." in str(first["ms"]), first
            assert first["session"] == number(1) and first["stream"] == number(1), first
            assert "by" not in first and "cut" not in first, first
            assert second["tls"] == "TLSv1.3" and second["method"] == "POST", second
            assert second["bytes_in"] == number(4) and second["session"] == number(2), second
            if form == "json":
                assert first["agent"] == "me" and first["referer"] is None, first


def curl(server, path, *more, agent=None, referer=None, tls=False):
    if not shutil.which("curl"):
        raise tap.Skip("curl is not installed")
    argv = ["curl", "-s", "--http2", *more]
    argv += ["-k"] if tls else ["--http2-prior-knowledge"]
    argv += ["-A", agent] if agent is not None else []
    argv += ["-e", referer] if referer is not None else []
    where = f"https://127.0.0.1:{server.tls_port}" if tls else f"http://127.0.0.1:{server.port}"
    done = subprocess.run([*argv, where + path], capture_output=True, timeout=20 * perigee.FACTOR)
    assert done.returncode == 0, done
    return done.stdout


@tap.test
def common_and_combined():
    """common and combined: the formats that other servers write, for tools that read them"""
    for form in ("common", "combined"):
        with logged(form) as (server, lines):
            curl(server, "/a?b=c", agent="Agent/1.0 (x; y)", referer="http://example.org/z")
            with h2client.Client(server.port) as client:
                client.reset(client.request("/wait"))
                client.closing(client.request("/close"))
            first, second, third = wait_for(lines, 3)
            assert first["peer"] == "127.0.0.1" and first["method"] == "GET" and first["path"] == "/a?b=c", first
            assert first["status"] == "200" and first["bytes_out"] == "12", first
            wanted = ("http://example.org/z", "Agent/1.0 (x; y)") if form == "combined" else (None, None)
            assert (first["referer"], first["agent"]) == wanted, first
            assert second["path"] == "/wait" and second["status"] in ("200", "499"), second
            assert third["path"] == "/close" and third["status"] == "444", third


@tap.test
def every_end_has_a_line():
    """a stream that is reset, refused, pushed or lost has a line too, with who ended it"""
    with logged(form="json", flags=["--log-level", "error"]) as (server, lines):
        with h2client.Client(server.port) as client:
            client.closing(client.request("/close"))
            number = client.request("/wait")
            client.head(number)
            client.reset(number)
            client.head(client.request("/wait?lost"))
            client.get("/ok")
        by = {line["path"]: line for line in wait_for(lines, 4)}
        close, wait, lost, ok = by["/close"], by["/wait"], by["/wait?lost"], by["/ok"]
        assert (close["by"], close["code"], close["status"]) == ("handler", "NGHTTP2_INTERNAL_ERROR", None), close
        assert (wait["by"], wait["code"], wait["status"]) == ("peer", "NGHTTP2_CANCEL", 200), wait
        assert wait["bytes_out"] == 5, wait
        assert (lost["by"], lost["code"], lost["status"]) == ("session", "NGHTTP2_CANCEL", 200), lost
        assert lost["reason"], lost
        assert "by" not in ok, ok

        with h2raw.Raw(server.port, (h2raw.ENABLE_PUSH, 1)) as raw:
            raw.send(h2raw.get(1, "/push"))
            raw.until(lambda f: f.kind == h2raw.DATA and f.stream == 2 and f.end_stream)
        (pushed,) = wait_for(lines, 1, pushed=True)
        assert (pushed["path"], pushed["status"], pushed["stream"]) == ('/pushed?a="b"', 203, 2), pushed
        assert pushed["method"] == "GET" and pushed["bytes_out"] == 6 and pushed["authority"] == "localhost", pushed

        with h2raw.Raw(server.port) as raw:
            raw.send(h2raw.headers(1, [(":method", "GET"), (":path", "/no-scheme")]))  # before a session is heard of
            raw.until(lambda f: f.kind == h2raw.RST_STREAM)
            raw.send(h2raw.get(3, "/big", [(f"x-{i}", "y") for i in range(200)]))
            raw.until(lambda f: f.kind == h2raw.RST_STREAM and f.stream == 3)
        (malformed,) = wait_for(lines, 1, by="protocol")
        assert (malformed["stream"], malformed["path"], malformed["status"]) == (1, None, None), malformed
        assert malformed["code"] == "NGHTTP2_PROTOCOL_ERROR" and malformed["reason"], malformed
        (large,) = wait_for(lines, 1, by="limit")
        assert (large["stream"], large["code"]) == (3, "NGHTTP2_ENHANCE_YOUR_CALM"), large
        assert large["session"] == malformed["session"] > pushed["session"] and large["peer"] == malformed["peer"], large


@tap.test
def overflow_is_the_limits_doing():
    """a stream that writes on although nobody reads is reset by the limit, in closeInfo and in the access log"""
    with logged(errors="ERR_STREAM_OVERFLOW") as (server, lines):
        with h2client.Client(server.port, windows=None) as client:
            number = client.request("/overflow")
            client.closing(number, 20)
        (line,) = wait_for(lines, 1, path="/overflow")
        assert (line["by"], line["status"]) == ("limit", "200"), line
        assert int(line["bytes_out"]) < 2**21, line  # what was framed, not what the script wished


@tap.test
def the_end_writes_what_is_open():
    """SIGTERM: streams that are open, or end just then, have their lines when the process is gone"""
    path = os.path.join(perigee.folder(), "access.log")
    with logged(path=path) as (server, _):
        client = h2client.Client(server.port)
        for i in range(20):
            client.get(f"/{i}")
        client.head(client.request("/wait"))
        server.signal(signal.SIGTERM)
        client.wait(lambda: client.goaway, "GOAWAY")
        server.signal(signal.SIGTERM)  # at once
        server.wait(20)
        client.close()
    lines = [parse_logfmt(line) for line in read_lines(path)]
    assert [line["path"] for line in lines] == [f"/{i}" for i in range(20)] + ["/wait"], lines
    assert lines[-1]["by"] in ("session", "shutdown"), lines[-1]
    shutil.rmtree(os.path.dirname(path))


def load(port, requests, clients=20, streams=10, seconds=120):
    if not shutil.which("h2load"):
        raise tap.Skip("h2load is not installed")
    done = subprocess.run(
        ["h2load", "-n", str(requests), "-c", str(clients), "-m", str(streams), f"http://127.0.0.1:{port}/load"],
        capture_output=True, text=True, timeout=seconds * perigee.FACTOR,
    )  # fmt: skip
    assert f"{requests} succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done


@tap.test(deadline=180)
def reopening_loses_no_line():
    """100,000 requests while the file is renamed and reopened again and again: 100,000 lines, each whole, once"""
    requests = 100_000 // (10 if perigee.SANITIZED else 1)
    folder = perigee.folder()
    path = os.path.join(folder, "access.log")
    with logged(path=path) as (server, _):
        loading = threading.Thread(target=load, args=(server.port, requests))
        loading.start()
        turns = 0
        while loading.is_alive():
            if turns < 200 and os.path.exists(path) and os.path.getsize(path) > 0:
                os.rename(path, f"{path}.{turns}")
                turns += 1
                server.signal(signal.SIGUSR1)
                perigee.eventually("a new file", lambda: os.path.exists(path))
            loading.join(0.02)
        assert turns >= 3, f"{turns} files only"
    seen = set()
    for name in os.listdir(folder):
        for line in read_lines(os.path.join(folder, name)):
            found = parse_logfmt(line)
            assert found["path"] == "/load" and found["status"] == "200", found
            seen.add((found["session"], found["stream"]))
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
            assert not data or data.endswith(b"\n"), f"{name} ends within a line"
    assert len(seen) == requests, f"{len(seen)} lines, not {requests}"
    shutil.rmtree(folder)


@tap.test
def a_log_that_cannot_be_reopened_stays():
    """SIGUSR1 when the path cannot be opened: an error is logged, the old file goes on"""
    folder = perigee.folder()
    inner = os.path.join(folder, "inner")
    os.mkdir(inner)
    with logged(path=os.path.join(inner, "access.log"), errors="stays as it was") as (server, _):
        h2client.get(server.port, "/1")
        os.rename(inner, inner + ".old")
        server.signal(signal.SIGUSR1)
        server.err.wait_for(r'level=error msg="the access log stays as it was" error="the log .*No such file')
        h2client.get(server.port, "/2")
        perigee.eventually("a line", lambda: len(read_lines(inner + ".old/access.log")) == 2)
    shutil.rmtree(folder)


@tap.test
def what_cannot_be_opened_is_an_error():
    """an access log that cannot be opened, or a format that nobody knows: one line, and no daemon"""
    done = perigee.run("run", "--access-log", "/nowhere/access.log", "app.lua", files={"app.lua": SCRIPT})
    assert done.code == 1 and done.stdout == "", done
    assert done.stderr == "perigee: the log /nowhere/access.log cannot be opened: No such file or directory\n", done
    done = perigee.run("run", "--access-format", "xml", "app.lua", files={"app.lua": SCRIPT})
    assert done.code == 2 and "--access-format: expected logfmt, common, combined or json, found" in done.stderr, done


@tap.test
def to_standard_output():
    """--access-log - writes to standard output, between what the script prints"""
    with perigee.Server(SCRIPT, flags=["--access-log", "-", "--access-format", "common"]) as server:
        h2client.get(server.port, "/out")
        server.out.wait_for(r'^127\.0\.0\.1 - - \[.*\] "GET /out HTTP/2\.0" 200 12$')
        server.signal(signal.SIGUSR1)
        h2client.get(server.port, "/again")
        server.out.wait_for(r'"GET /again HTTP/2\.0"')


@tap.test(deadline=60)
def dev_full():
    """a device that is always full: serving goes on, and the log says so once"""
    with logged(path="/dev/full", errors="access log cannot be written") as (server, _):
        for _ in range(3):
            load(server.port, 10000 // perigee.FACTOR)
        server.err.wait_for(r'level=error msg="the access log cannot be written" reason=ENOSPC')
        assert h2client.get(server.port).status == 200
        server.code = server.stop()
        assert len(re.findall("cannot be written", server.stderr)) == 1, server.stderr
        again = re.search(r'msg="the access log is written again" lost_lines=(\d+)', server.stderr)
        assert again and int(again[1]) == 3 * (10000 // perigee.FACTOR) + 1, server.stderr


@contextlib.contextmanager
def small_disk(size):
    """A tmpfs of so many bytes."""
    libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    where = perigee.folder()
    if libc.mount(b"tmpfs", where.encode(), b"tmpfs", 0, f"size={size}".encode()) != 0:
        os.rmdir(where)
        raise tap.Skip(f"no file system can be mounted: {os.strerror(ctypes.get_errno())}")
    try:
        yield where
    finally:
        libc.umount2(where.encode(), 2)  # MNT_DETACH
        os.rmdir(where)


@tap.test(deadline=90)
def a_full_disk():
    """a disk that fills up and is cleared: serving goes on, nothing is lost while 1 MiB is enough, the loss is counted"""
    with small_disk(2 << 20) as disk:
        path = os.path.join(disk, "access.log")
        with logged(path=path, errors="access log cannot be written") as (server, _):
            h2client.get(server.port)
            perigee.eventually("a line", lambda: read_lines(path))
            with open(os.path.join(disk, "filler"), "wb") as f:
                fill(f)
            requests = 1
            while "cannot be written" not in server.stderr:
                h2client.get(server.port)
                requests += 1
            load(server.port, 2000)  # some 340 KiB
            requests += 2000
            os.unlink(os.path.join(disk, "filler"))
            again = server.err.wait_for(r'msg="the access log is written again" lost_lines=(\d+)')[0]
            assert again[1] == "0", again[0]
            perigee.eventually("all lines", lambda: len(read_lines(path)) == requests)
            for line in read_lines(path):
                parse_logfmt(line)  # none is torn

            with open(os.path.join(disk, "filler"), "wb") as f:
                fill(f)
            load(server.port, 20000)
            requests += 20000
            os.unlink(os.path.join(disk, "filler"))
            again = server.err.wait_for(r'msg="the access log is written again" lost_lines=(\d+)', count=2)[1]
            assert int(again[1]) > 0, again[0]
            # 2 MiB may not be enough for what was kept: what counts is that all is counted.
            perigee.eventually(
                "all lines or the count of those lost",
                lambda: len(read_lines(path))
                + sum(map(int, re.findall(r"written again\" lost_lines=(\d+)", server.stderr)))
                == requests,
            )


def fill(f):
    block = b"x" * 65536
    try:
        while f.write(block):
            f.flush()
    except OSError:
        pass
    with contextlib.suppress(OSError):
        f.close()


@tap.test(deadline=90)
def a_stuck_reader():
    """a reader of the access log that does not read: serving goes on; when it reads again, lines are whole"""
    folder = perigee.folder()
    path = os.path.join(folder, "fifo")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    requests = 60000 // (10 if perigee.SANITIZED else 1)
    with logged(path=path, errors="access log cannot be written") as (server, _):
        load(server.port, requests)
        assert h2client.get(server.port).status == 200
        os.set_blocking(reader, True)
        lines = perigee.Output(os.fdopen(reader, "rb", buffering=0))
        server.code = server.stop(30)
        lost = sum(map(int, re.findall(r"lost_lines=(\d+)", server.stderr)))
        lines.join()
        found = lines.text.split("\n")
        assert found.pop() == "", "the last line is torn"
        for line in found[:1000] + found[-1000:]:
            assert parse_logfmt(line)["status"] == "200", line
        assert len(found) + lost == requests + 1, f"{len(found)} lines and {lost} lost of {requests + 1}"
        assert lost > 0 or perigee.SANITIZED, "the pipe never filled"
    shutil.rmtree(folder)


@tap.test
def nobody_reads_at_the_end():
    """the end of the program does not wait for a reader that does not read"""
    folder = perigee.folder()
    path = os.path.join(folder, "fifo")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with logged(path=path) as (server, _):
        load(server.port, 2000)  # a pipe holds 64 KiB
        server.signal(signal.SIGTERM)
        assert server.wait(10) == 0
        assert re.search(r"lost_lines=\d{3,}", server.stderr), server.stderr
    os.close(reader)
    shutil.rmtree(folder)


HOSTILE = [
    ('/"x" 200 1 "-" "-"', "quotes"),
    ("/a b HTTP/2.0\" 500 0", "blanks"),
    ("/\\", "a backslash at the end"),
    ("/x\\\"y", "an escaped quote"),
    ("/=a=b level=error", "pairs"),
    ("/\u00e9\u20ac\U0001f600", "UTF-8"),
    ("/\u0085\u2028\u2029\u009b31m", "line ends and controls of Unicode"),
    ("/" + "p" * 15000, "a long path"),
    ("/" + '"' * 9000, "a long path that grows"),
]


@tap.test
def nobody_forges_a_line():
    """whatever a client sends as path, agent or referer: one line that its reader can read"""
    for form in PARSERS:
        with logged(form) as (server, lines):
            sent = 0
            for path, _ in HOSTILE:
                for extra in ([], [("user-agent", path[:6000]), ("referer", path[:6000])]):
                    with h2raw.Raw(server.port) as raw:
                        fields = h2raw.request_fields(path="/" if extra else path, extra=extra)
                        raw.send(h2raw.headers(1, [(n, v.encode() if isinstance(v, str) else v) for n, v in fields]))
                        raw.until(lambda f: f.stream == 1 and (f.kind == h2raw.RST_STREAM or f.end_stream))
                        sent += 1
            found = wait_for(lines, sent)  # parsed: that they can be is the test
            assert len(found) == sent, found[-1]
            if form == "json":
                paths = [line["path"] for line in found]
                for path, label in HOSTILE[:7]:
                    assert path in paths or " " in path, f"{label}: {path!r} not in {paths}"  # that is malformed
                agents = [line["agent"] for line in found]
                for path, label in HOSTILE[:7]:
                    assert path in agents, f"{label}: {path!r} not in {agents}"
                long = [line for line in found if line.get("cut")]
                assert len(long) == 4, [len(str(line)) for line in long]


@tap.test
def bytes_that_are_no_text():
    """bytes that are no UTF-8 in a field do not spoil the file"""
    for form in PARSERS:
        with logged(form) as (server, lines):
            with h2raw.Raw(server.port) as raw:
                raw.send(h2raw.headers(1, [*h2raw.request_fields(), (b"user-agent", b"\xff\xfe\x80"), ("referer", "\t")]))
                raw.until(lambda f: f.stream == 1 and (f.kind == h2raw.RST_STREAM or f.end_stream))
            (line,) = wait_for(lines, 1)
            if form == "json":
                assert line["agent"] == "\ufffd\ufffd\ufffd", line
            if form == "combined":
                assert line["agent"] == r"\xff\xfe\x80", line


@tap.test
def lines_of_scripts():
    """perigee.log: the session and stream whose code runs, the same as in the access log, and no key twice"""
    for form in ("logfmt", "json"):
        with logged(form, flags=["--log-format", form, "--log-level", "info"]) as (server, lines):
            h2client.get(server.port, "/1")
            h2client.get(server.port, "/log")
            (access,) = wait_for(lines, 1, path="/log")
            server.err.wait_for("later")
            own = [PARSERS[form](line) for line in server.err.lines if "from the handler" in line]
            later = [PARSERS[form](line) for line in server.err.lines if "later" in line]
            assert len(own) == 1 and len(later) == 1, server.stderr
            assert own[0]["level"] == "warn" and own[0]["level_"] == "x\ny" and own[0]["a_b"] == "1", own
            assert own[0]["path"] == "/log" and later[0]["n"] == "2", (own, later)
            assert (own[0]["session"], own[0]["stream"]) == (str(access["session"]), str(access["stream"])), (own, access)
            assert later[0]["session"] == own[0]["session"], later


@tap.test
def floods_are_cut_short():
    """a handler that fails 2,000 times: a few lines, and a count of those left out"""
    with perigee.Server(SCRIPT, errors="handler failed") as server:
        with h2client.Client(server.port) as client:
            for _ in range(20):
                for number in [client.request("/throw") for _ in range(100)]:
                    assert client.response(number).status == 500
        server.code = server.stop()
        failed = [parse_logfmt(line) for line in server.err.lines if "handler failed" in line]
        written = [line for line in failed if "error" in line]
        left_out = sum(int(line.get("left_out", 0)) for line in failed)
        assert 10 <= len(written) < 200, f"{len(written)} lines"
        assert len(written) + left_out == 2000, f"{len(written)} lines and {left_out} left out"


@tap.test
def the_journal():
    """on systemd's journal a line has a priority and no time"""
    folder = perigee.folder()
    script = os.path.join(folder, "app.lua")
    with open(script, "w") as f:
        f.write('require("perigee.log").warn("hello", { a = 1 })')
    ours, theirs = socket.socketpair()
    stat = os.fstat(theirs.fileno())
    with contextlib.closing(ours):
        subprocess.run(
            [perigee.BINARY, "run", script],
            stderr=theirs,
            timeout=20 * perigee.FACTOR,
            env={**os.environ, "JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"},
            check=True,
        )
        theirs.close()
        assert ours.makefile().read() == "<4>level=warn msg=hello a=1\n"
    shutil.rmtree(folder)


if __name__ == "__main__":
    tap.main()
