"""The service's logs: nothing is lost over reopen, reload and drain; a full disk does not stop it.

run: slow
run: alone
run: deadline 240
"""

import collections
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import threading

import h2client
import h2raw
import perigee
import tap
from h2raw import DATA, GOAWAY, HEADERS, RST_STREAM
from service import Service, gone

OK = """
return function(stream, headers)
  if headers[":path"] == "/log" then require "perigee.log".warn("a line of the script", { user = "x y" }) end
  stream:respond { [":status"] = 200 }
  stream:finish "ok"
end
"""

BATCH = 100
REQUESTS = 20000 if perigee.SANITIZED else 100000
LATE = 1000  # after all changes


def ask(port, numbers):
    """One request for each number, a batch at a time, obeying GOAWAY. Returns how many were answered."""
    waiting, answered = collections.deque(numbers), 0
    while waiting:
        with h2raw.Raw(port) as c:
            going, number = None, 1
            while waiting and going is None:
                batch = [waiting.popleft() for _ in range(min(BATCH, len(waiting)))]
                open_ids = dict(zip(range(number, number + 2 * len(batch), 2), batch))
                number += 2 * len(batch)
                c.send(*(h2raw.get(stream, f"/{n}") for stream, n in open_ids.items()))
                while open_ids:
                    got = c.read(10)
                    assert got, f"the connection ended with {len(open_ids)} requests open; GOAWAY {going}"
                    if got.kind == GOAWAY:
                        assert got.code == 0, got
                        going = got.last_id
                        for stream in [s for s in open_ids if s > going]:
                            waiting.append(open_ids.pop(stream))
                    elif got.kind in (HEADERS, DATA) and got.end_stream and open_ids.pop(got.stream, None) is not None:
                        answered += 1
                    assert got.kind != RST_STREAM, got
                c.seen.clear()
    return answered


def flood(port, count, clients=4, first=0):
    """`count` requests with different paths, from several clients. Gives the threads' way to wait for them."""
    answered, errors = [], []

    def one(at):
        try:
            answered.append(ask(port, range(first + at, first + count, clients)))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(at,)) for at in range(clients)]
    for thread in threads:
        thread.start()

    def wait():
        for thread in threads:
            thread.join()
        assert not errors, errors
        assert sum(answered) == count, answered

    return wait


def lines(service, *names):
    text = ""
    for name in names:
        with open(service.path(name)) as f:
            text += f.read()
    return text.splitlines()


def paths(log):
    return collections.Counter(re.search(r'"GET /(\d+) HTTP/2', line)[1] for line in log)


@tap.test(deadline=150)
def a_line_for_each_request():
    """100,000 requests have 100,000 lines in the access log, over reopens, reloads and a drain"""
    with Service(OK, settings={"log": {"access": "access.log"}}) as service:
        wait = flood(service.port, REQUESTS)
        names = ["access.log"]

        def grown(size):
            perigee.eventually(
                f"{size} bytes in the access log", lambda: os.path.getsize(service.path("access.log")) > size, 60
            )

        step = 60 * REQUESTS // 10
        grown(step)
        os.rename(service.path("access.log"), service.path("access.log.1"))
        names.append("access.log.1")
        service.signal(signal.SIGUSR1)
        perigee.eventually("a new access log", lambda: os.path.exists(service.path("access.log")))
        grown(step)
        service.reload()
        grown(2 * step)
        os.rename(service.path("access.log"), service.path("access.log.2"))
        names.append("access.log.2")
        service.reload()  # opens it anew, too
        wait()
        flood(service.port, LATE, first=REQUESTS)()
        grown(0)
        service.signal(signal.SIGTERM)
        service.popen.wait(15)
        log = lines(service, *names)
        seen = paths(log)
        assert len(log) == REQUESTS + LATE, f"{len(log)} lines; {[n for n, times in seen.items() if times != 1][:20]}"
        assert len(seen) == REQUESTS + LATE and set(seen.values()) == {1}


@tap.test
def the_formats():
    """access lines in common, combined, logfmt and JSON: who, when, what, how long"""
    agent = [("user-agent", 'quo"te\\ and \t tab'), ("referer", "http://example.com/")]
    for form in ("common", "combined", "logfmt", "json"):
        with Service(OK, settings={"log": {"access": "access.log", "access_format": form}}) as service:
            with h2client.Client(service.tls_port, service.cert) as client:
                client.get('/a"b?c=d', headers=agent)
                client.post("/up", b"x" * 1000)
            service.signal(signal.SIGTERM)
            service.popen.wait(10)
            log = lines(service, "access.log")
            assert len(log) == 2, log
            if form == "json":
                one, two = map(json.loads, log)
                assert one["method"] == "GET" and one["path"] == '/a"b?c=d' and one["status"] == 200, one
                assert one["authority"] == f"localhost:{service.tls_port}" and "127.0.0.1" in one["peer"], one
                assert two["method"] == "POST" and two["bytes_in"] == 1000 and two["bytes_out"] == 2, two
                assert {"time", "protocol", "ms"} <= one.keys(), one
            elif form == "logfmt":
                assert re.match(r"time=\S+ peer=127\.0\.0\.1:\d+ protocol=HTTP/2", log[0]), log
                assert r'path="/a\"b?c=d" status=200 ' in log[0] and " ms=" in log[0], log
                assert "method=POST" in log[1] and "bytes_in=1000 bytes_out=2 " in log[1], log
            else:
                head = r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
                assert re.match(head + r'"GET /a(\\"|\\x22|%22)b\?c=d HTTP/2(\.0)?" 200 2\b', log[0]), log
                assert re.match(head + r'"POST /up HTTP/2(\.0)?" 200 2\b', log[1]), log
                assert ("example.com" in log[0]) == (form == "combined"), log
                if form == "combined":
                    assert 'quo"te' not in log[0] and "\t" not in log[0], log


@tap.test
def streams_that_ended_badly():
    """a stream that was reset or never answered has a line, too"""
    script = "return function(stream, headers) if headers[':path'] == '/throw' then error 'x' end stream:on('data', print) end"
    with Service(script, settings={"log": {"access": "access.log", "access_format": "json"}}, errors=True) as service:
        with h2raw.Raw(service.port) as c:
            c.send(h2raw.post(1, "/reset"), h2raw.rst(1, h2raw.CANCEL), h2raw.get(3, "/throw"), h2raw.post(5, "/left"))
            c.response(3)
        service.signal(signal.SIGTERM)
        service.popen.wait(10)
        log = {entry["path"]: entry for entry in map(json.loads, lines(service, "access.log"))}
        assert log.keys() == {"/reset", "/throw", "/left"}, log
        assert log["/throw"]["status"] == 500, log


@tap.test
def the_daemon_log_in_json():
    """log.format json: each line of master, workers and scripts is one JSON object"""
    settings = {"log": {"format": "json", "level": "info"}}
    with Service(OK, settings=settings) as service:
        h2client.get(service.port, "/log")
        service.reload()
        service.signal(signal.SIGTERM)
        service.popen.wait(10)
        service.err.join()
        log = [json.loads(line) for line in service.stderr.splitlines()]
        assert all({"time", "level", "msg"} <= line.keys() for line in log), log
        (own,) = [line for line in log if line["msg"] == "a line of the script"]
        assert own["level"] == "warn" and own["user"] == "x y", own
        assert any(key in own for key in ("stream", "session")), own


@tap.test
def a_log_file_and_its_reopening():
    """log.file: all lines go there; SIGUSR1 begins a new one; nothing is lost between them"""
    with Service(OK, settings={"log": {"file": "perigee.log"}}) as service:
        pids = set(service.settled(2))
        os.rename(service.path("perigee.log"), service.path("perigee.log.1"))
        service.signal(signal.SIGUSR1)
        perigee.eventually("a new log", lambda: os.path.exists(service.path("perigee.log")))
        # From then on workers write to the new one.
        perigee.eventually(
            "lines of the script in the new log",
            lambda: h2client.get(service.port, "/log") and "a line of the script" in "".join(lines(service, "perigee.log")),
        )
        size = os.path.getsize(service.path("perigee.log.1"))
        service.reload()
        for pid in pids:
            gone(pid, 10)
        assert size == os.path.getsize(service.path("perigee.log.1"))
        service.signal(signal.SIGTERM)
        service.popen.wait(10)
        log = "\n".join(lines(service, "perigee.log.1", "perigee.log"))
        assert log.count('msg="worker ready"') == 4, log
        assert os.stat(service.path("perigee.log")).st_mode & 0o777 == 0o640


@tap.test
def a_reopening_that_fails():
    """when the log cannot be opened anew, the old file goes on, and says so"""
    with Service(OK, settings={"log": {"access": "logs/access.log"}}, files={"logs/x": ""}, errors="access.log") as service:
        h2client.get(service.port, "/1")
        os.rename(service.path("logs"), service.path("old"))
        mark = service.mark()
        service.signal(signal.SIGUSR1)
        service.wait_log(r"level=error.*logs/access\.log", mark=mark)
        h2client.get(service.port, "/2")
        perigee.eventually("the second line", lambda: len(lines(service, "old/access.log")) == 2)
        os.rename(service.path("old"), service.path("logs"))
        service.signal(signal.SIGUSR1)
        h2client.get(service.port, "/3")
        perigee.eventually("the third line", lambda: len(lines(service, "logs/access.log")) == 3)


def full_disk(service, fill, free):
    """Serves with a full disk, says so a few times, not each time; goes on when there is room."""
    mark = service.mark()
    h2client.get(service.port, "/1")
    fill()
    flood(service.port, 20000 // perigee.FACTOR)()
    service.wait_log(r"level=(warn|error).*access", mark=mark)
    told = re.findall(r"level=(?:warn|error).*", service.since(mark))
    assert 1 <= len(told) <= 20, told[:30]
    assert "No space left" in service.since(mark) or "ENOSPC" in service.since(mark), told
    # What they could not write is lost when they end, before there is room: that is told, too.
    mark, before = service.mark(), service.workers()
    service.reload()
    for pid in before:
        gone(pid, 10)
    h2client.get(service.port, "/2")
    if free:
        service.wait_log(r"level=\w+.*\b(lost|dropped)[\w_]*=\d+", mark=mark)
        free()
        h2client.get(service.port, "/777777")
        perigee.eventually(
            "a line after the relief", lambda: any("/777777 " in line for line in lines(service, "disk/access.log"))
        )
        # Whole lines only, whatever was lost between them.
        assert all(re.search(r'"GET /\d+ HTTP/2', line) for line in lines(service, "disk/access.log"))


@tap.test(deadline=90)
def a_device_that_is_always_full():
    """a log without any room (/dev/full) does not stop serving, and is reported"""
    with Service(OK, settings={"log": {"access": "/dev/full"}}, errors=True) as service:
        full_disk(service, lambda: None, None)


@tap.test(deadline=90)
def a_disk_that_fills_up():
    """a disk that fills up does not stop serving, is reported, and lines go on when there is room again"""
    if os.geteuid() != 0:
        raise tap.Skip("needs root")
    where = perigee.folder()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", where], capture_output=True).returncode:
        shutil.rmtree(where)
        raise tap.Skip("cannot mount a tmpfs here")
    try:
        ballast = os.path.join(where, "ballast")

        def fill():
            with open(ballast, "wb", buffering=0) as f, contextlib.suppress(OSError):
                while f.write(b"x" * 4096):
                    pass

        def free():
            with open(os.path.join(where, "access.log"), "r+b") as f:
                f.truncate(0)
            os.unlink(ballast)

        settings = {"log": {"access": os.path.join(where, "access.log")}}
        with Service(OK, settings=settings, errors=True) as service:
            os.symlink(where, service.path("disk"))
            full_disk(service, fill, free)
    finally:
        subprocess.run(["umount", "-l", where], check=False)
        shutil.rmtree(where, ignore_errors=True)


@tap.test
def a_log_that_nobody_reads():
    """stderr as a pipe that is full does not stop serving"""
    where = perigee.folder()
    path = os.path.join(where, "pipe")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    launcher = ["/bin/sh", "-c", f'exec "$@" 2>"{path}"', "sh"]
    try:
        with Service(OK, settings={"log": {"access": "stderr"}}, launcher=launcher) as service:
            for _ in range(3):
                flood(service.port, 1000)()
            assert service.command("status").code == 0
            service.reload()
            flood(service.port, 1000)()
    finally:
        os.close(reader)
        shutil.rmtree(where)


if __name__ == "__main__":
    tap.main()
