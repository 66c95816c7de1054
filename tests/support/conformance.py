"""conformance: what the tests of RFC 9113 share: the server they ask, what they expect, and a runner of tables.

A case is (label, actions, expectation). actions: bytes to send, or a function of the Raw connection. Each case has
a connection of its own, and after it the server must answer a fresh one; after a table the live counters must be
back where they were.

PERIGEE_PEER=nghttpd runs the tables against nghttpd instead, which shows what is wrong with the tests themselves.
Cases that it is known to fail are marked with gap=True.
"""

import os
import re
import time

import h2client
import h2raw
import perigee
import tap
from h2raw import DATA, GOAWAY, HEADERS, RST_STREAM, Raw, code_name

NGHTTPD = os.environ.get("PERIGEE_PEER") == "nghttpd"

FAILURES_MAX = 5  # then a table stops: each may have waited for its deadline
PAGE = b"0123456789abcdef" * 1200  # what / answers: two frames of the default size

# Reads a body to its end and answers the page; /held never reads and never ends; /seen tells a request's fields.
SCRIPT = perigee.handler("""
  local path = headers[":path"]
  if path == "/held" then
    stream:respond {}
    return
  elseif path == "/seen" then
    local lines = {}
    for name, value in pairs(headers) do
      if type(name) == "string" then
        for _, one in ipairs(type(value) == "table" and value or { value }) do
          lines[#lines + 1] = ("%s=[%s]"):format(name, tostring(one))
        end
      end
    end
    table.sort(lines)
    stream:respond { ["content-type"] = "text/plain" }
    stream:finish(table.concat(lines, "\\n"))
    return
  end
  if headers[":method"] == "CONNECT" then
    stream:respond({ [":status"] = 405 }, { endStream = true })
    return
  end
  for _ in stream:chunks() do end
  if stream.destroyed then return end
  stream:respond { ["content-type"] = "text/plain" }
  stream:finish(("0123456789abcdef"):rep(1200))
""")


class Nghttpd(perigee.Process):
    """nghttpd with the page as its index."""

    def __init__(self):
        super().__init__(
            ["nghttpd", "--no-tls", "--verbose", "--address=127.0.0.1", "-d", ".", "-m", "128", "0"],
            {"index.html": PAGE, "held": PAGE, "seen": PAGE},
        )
        self.port = self._port()

    def _port(self):
        inodes = set()

        def listening():
            for fd in os.listdir(f"/proc/{self.pid}/fd"):
                try:
                    link = re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{self.pid}/fd/{fd}"))
                except OSError:
                    continue
                if link:
                    inodes.add(link[1])
            with open("/proc/net/tcp") as f:
                for line in f.readlines()[1:]:
                    fields = line.split()
                    if fields[3] == "0A" and fields[9] in inodes:
                        return int(fields[1].split(":")[1], 16)
            return None

        return perigee.eventually("nghttpd listens", listening)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def server(**options):
    return Nghttpd() if NGHTTPD else perigee.Server(SCRIPT, **options)


# --- expectations: functions of (connection) that raise AssertionError ----------------------------------------


def _outcome(c, stream):
    """Reads to a reset of `stream`, its end, a GOAWAY with an error, or the connection's end."""
    while True:
        got = c.read()
        if got is None:
            return None
        if got.kind == GOAWAY and got.code != h2raw.NO_ERROR:
            return got
        if stream is not None and got.stream == stream and (got.kind == RST_STREAM or got.end_stream):
            return got


def _names(codes):
    return " or ".join(code_name(code) for code in codes)


def _closed_after_goaway(c):
    """RFC 9113 5.4.1: the connection is closed behind the GOAWAY of an error."""
    try:
        c.read_all()
    except AssertionError:
        raise AssertionError(f"GOAWAY, but the connection stays open; seen {c.seen[-8:]}") from None


def dies(*codes, silent=False):
    """A connection error: GOAWAY with one of the codes, then the end. silent: the end alone will do."""

    def check(c):
        got = _outcome(c, None)
        if got is None and silent:
            return
        assert got is not None, f"the connection ended without GOAWAY({_names(codes)}); seen {c.seen[-8:]}"
        assert got.code in codes, f"{got} instead of {_names(codes)}"
        _closed_after_goaway(c)

    check.wanted = "GOAWAY " + _names(codes)
    return check


def resets(*codes, stream=1, answered=False):
    """A stream error: RST_STREAM with one of the codes, and the connection lives on.
    answered: an answer may have been framed before the mistake was read."""

    def check(c):
        got = _outcome(c, stream)
        if answered and got is not None and got.end_stream:
            got = _outcome(c, stream)
        assert got is not None, f"the connection ended; wanted RST_STREAM {_names(codes)}; seen {c.seen[-8:]}"
        assert got.kind == RST_STREAM, f"{got} instead of RST_STREAM {_names(codes)}; seen {c.seen[-8:]}"
        assert got.code in codes, f"{got} instead of {_names(codes)}"
        lives(c)

    check.wanted = "RST_STREAM " + _names(codes)
    return check


def either(*codes, stream=1):
    """RFC 9113 5.4: a stream error that may be treated as a connection error."""

    def check(c):
        got = _outcome(c, stream)
        if got is not None and got.end_stream:
            got = _outcome(c, stream)  # answered before the mistake was read
        assert got is not None, f"the connection ended without a word; seen {c.seen[-8:]}"
        assert got.kind in (RST_STREAM, GOAWAY), f"{got} instead of an error; seen {c.seen[-8:]}"
        assert got.code in codes, f"{got} instead of {_names(codes)}"
        if got.kind == GOAWAY:
            _closed_after_goaway(c)
        else:
            lives(c)

    check.wanted = "an error " + _names(codes)
    return check


def serves(status="200", stream=1, body=PAGE):
    """The request is answered, with the page."""

    def check(c):
        got = c.response(stream)
        assert got[0] == status, f"status {got[0]}, not {status}"
        if body is not None and not (NGHTTPD and body != PAGE):
            assert got[1] == body, f"body of {len(got[1])} bytes: {got[1][:200]!r}"
        lives(c)

    check.wanted = f"status {status}"
    return check


def lives(c, fresh=1001):
    """The connection goes on: a PING and a fresh stream are answered."""
    c.barrier()
    if not any(f.stream == fresh for f in c.seen):
        c.send(h2raw.get(fresh))
        if c.window < len(PAGE):
            c.send(h2raw.window_update(fresh, len(PAGE)))
        assert c.response(fresh)[0] == "200", "a fresh stream is not served"


lives.wanted = "nothing special"


def any_of(*checks):
    """For what the RFC leaves open: the first expectation that holds on what was read."""

    def check(c):
        got = _outcome(c, 1)
        problems = []
        for one in checks:
            try:
                return one(_Replay(c, got))
            except AssertionError as err:
                problems.append(str(err))
        raise AssertionError("; ".join(problems))

    check.wanted = " or ".join(one.wanted for one in checks)
    return check


class _Replay:
    """A connection of which one frame was read already."""

    def __init__(self, c, got):
        self._c, self._got, self._given = c, got, False

    def __getattr__(self, name):
        return getattr(self._c, name)

    def read(self, *args):
        if not self._given:
            self._given = True
            return self._got
        return self._c.read(*args)


# --- tables -------------------------------------------------------------------------------------------


class Case:
    def __init__(self, label, actions, expect, *pairs, gap=False, preface=True):
        self.label, self.actions, self.expect = label, actions, expect
        self.pairs, self.gap, self.preface = pairs, gap, preface

    def run(self, port):
        with Raw(port, *self.pairs, preface=self.preface) as c:
            if isinstance(self.actions, (bytes, bytearray)):
                c.send(self.actions)
            else:
                self.actions(c)
            self.expect(c)


def serves_fresh(port):
    with Raw(port) as c:
        c.send(h2raw.get(1))
        status, body = c.response(1)
        assert status == "200" and body == PAGE, f"a fresh connection got {status}, {len(body)} bytes"


def check(cases, **options):
    """Runs a table against one server; all failures together are one."""
    failures = []
    with server(**options) as target:
        before = None if NGHTTPD else h2client.live(target.port)
        for case in cases:
            if NGHTTPD and case.gap:
                continue
            start = time.monotonic()
            try:
                case.run(target.port)
                serves_fresh(target.port)
            except (AssertionError, OSError) as err:
                wanted = getattr(case.expect, "wanted", "")
                failures.append(f"{case.label}: wanted {wanted}: {err}" + "\n".join(getattr(err, "__notes__", [])))
            if tap.LONG or os.environ.get("PERIGEE_VERBOSE"):
                print(f"# {case.label}: {time.monotonic() - start:.3f} s")
            if not target.running():
                failures.append(f"{case.label}: the server is gone")
                break
            if len(failures) == FAILURES_MAX:
                failures.append("the rest of the table was left out")
                break
        if before and target.running():
            try:
                h2client.settled(target.port, before)
            except AssertionError as err:
                failures.append(f"after all cases: {err}")
        assert not failures, f"{len(failures)} of {len(cases)} cases failed:\n" + "\n".join(failures)


__all__ = [
    "Case", "DATA", "GOAWAY", "HEADERS", "NGHTTPD", "PAGE", "RST_STREAM", "any_of", "check", "dies", "either", "lives",
    "resets", "server", "serves", "serves_fresh",
]  # fmt: skip
