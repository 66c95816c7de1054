"""The server halves of the four programs, frame by frame: API.md 1, "What is on the wire"."""

import socket

import h2raw
import perigee
import tap
from h2raw import DATA, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, NO_ERROR, PING, RST_STREAM, SETTINGS, Raw

# The programs of scripts/seeds without their clients, on port 0.
PROGRAM = """
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream)
%s
end)
server:listen(0, "127.0.0.1", function()
  print("listening on http://127.0.0.1:" .. server:address().port)
end)
"""

STREAM_1 = PROGRAM % """
  stream:respond { [":status"] = 200, ["content-type"] = "text/plain" }
  stream:write("hello ")
  stream:finish("RST_STREAM error code : " .. stream.rstCode)
  stream:destroy()
  stream:on("close", function() print("stream is destroyed") end)
  server:close(function() print("server destroyed") end)
"""

STREAM_2 = PROGRAM % """
  stream:finish("RST_STREAM error code : " .. stream.rstCode)
  stream:destroy()
  stream:on("close", function() print("stream is destroyed") end)
  server:close(function() print("server destroyed") end)
"""

SESSION_1 = PROGRAM % """
  stream:respond { [":status"] = 200, ["content-type"] = "text/plain" }
  stream:write("hello ")
  local session = stream.session
  stream:finish("session protocol : " .. session.alpnProtocol)
  session:on("error", function(err) print(err) end)
  session:on("close", function() print("session is destroyed") end)
  server:close(function()
    print("server destroyed")
    session:destroy()
  end)
"""

SESSION_2 = PROGRAM % """
  stream.session:destroy()
  print("session is closed")
  server:close(function() print("server destroyed") end)
"""

TEXT_2 = b"RST_STREAM error code : 0"


def words(f):
    """A frame in one comparable line."""
    name = h2raw.TYPES[f.kind]
    if f.kind == HEADERS:
        fields = dict(f.headers)
        date = fields.pop("date", None)
        assert len(f.headers) == len(fields) + (date is not None), f"a field twice: {f.headers}"
        shown = " ".join(f"{key}={value}" for key, value in sorted(fields.items()))
        return f"{name} {shown}{' date' if date else ''}{' END_STREAM' if f.end_stream else ''}"
    if f.kind == DATA:
        return f"{name} {f.payload.decode()!r}{' END_STREAM' if f.end_stream else ''}"
    if f.kind in (RST_STREAM, GOAWAY):
        return f"{name} {h2raw.code_name(f.code)}{f' last {f.last_id}' if f.kind == GOAWAY else ''}"
    return f"{name}{' ACK' if f.ack else ''}"


def exchange(program, prints, *pairs, during=None, apart=False):
    """One GET; gives what the server said, but for the SETTINGS exchange and GOAWAYs that are graceful.
    apart: the request comes when the SETTINGS exchange is over, not in one segment with the preface."""
    with perigee.Server(program, form=1) as server:
        with Raw(server.port, *pairs) as c:
            if apart:
                c.barrier()
            c.send(h2raw.get(1))
            if during:
                during(c)
            while (f := c.read()) and not (f.stream == 1 and (f.kind == RST_STREAM or f.end_stream)):
                pass
            if not c.eof:
                c.send(h2raw.frame(PING, payload=b"the end?"), h2raw.goaway())
                c.sock.shutdown(socket.SHUT_WR)
                c.read_all()
        assert server.wait(5) == 0
        assert [line.rstrip() for line in server.out.lines[1:]] == prints, server.stdout
        assert server.stderr == "", server.stderr
    assert c.seen[0].kind == SETTINGS and not c.seen[0].ack, c.seen
    assert [f.ack for f in c.seen if f.kind == SETTINGS] == [False, True], c.seen
    for f in c.seen:
        if f.kind == GOAWAY:
            assert f.code == NO_ERROR and f.last_id == 1, c.seen
    return [words(f) for f in c.seen if f.kind not in (SETTINGS, PING, GOAWAY)], c.seen


OK = "HEADERS :status=200 content-type=text/plain date"
STREAM_PRINTS = ["stream is destroyed", "server destroyed"]


@tap.test
def stream_close_1():
    """stream close 1: HEADERS, DATA 'hello ', RST_STREAM NO_ERROR, and nothing else"""
    for apart in (False, True):
        said, _ = exchange(STREAM_1, STREAM_PRINTS, apart=apart)
        assert said == [OK, "DATA 'hello '", "RST_STREAM NO_ERROR"], said


@tap.test
def stream_close_2():
    """stream close 2: an implicit HEADERS, DATA with the whole text, RST_STREAM NO_ERROR"""
    for apart in (False, True):
        said, _ = exchange(STREAM_2, STREAM_PRINTS, apart=apart)
        assert said == ["HEADERS :status=200 date", f"DATA {TEXT_2.decode()!r}", "RST_STREAM NO_ERROR"], said


@tap.test
def session_destroy_1():
    """session destroy 1: HEADERS, one DATA for each write, the last with END_STREAM"""
    for apart in (False, True):
        said, _ = exchange(SESSION_1, ["server destroyed", "session is destroyed"], apart=apart)
        assert said == [OK, "DATA 'hello '", "DATA 'session protocol : h2c' END_STREAM"], said


@tap.test
def session_destroy_2():
    """session destroy 2: GOAWAY(NO_ERROR, the request's id) and the end, no HEADERS and no RST_STREAM"""
    for apart in (False, True):
        said, seen = exchange(SESSION_2, ["session is closed", "server destroyed"], apart=apart)
        assert said == [], said
        assert seen[-1].kind == GOAWAY, seen


@tap.test
def a_reset_never_waits_for_a_closed_window():
    """with a window of 0 or 1 byte the RST_STREAM comes all the same, behind what the window lets out"""
    for window, data in ((0, []), (1, ["DATA 'h'"]), (5, ["DATA 'hello'"]), (6, ["DATA 'hello '"])):
        for apart in (False, True):
            said, _ = exchange(STREAM_1, STREAM_PRINTS, (INITIAL_WINDOW_SIZE, window), apart=apart)
            assert said == [OK, *data, "RST_STREAM NO_ERROR"], (window, said)
    for window, data in ((0, []), (1, ["DATA 'R'"])):
        said, _ = exchange(STREAM_2, STREAM_PRINTS, (INITIAL_WINDOW_SIZE, window))
        assert said == ["HEADERS :status=200 date", *data, "RST_STREAM NO_ERROR"], (window, said)


@tap.test
def writes_keep_their_boundaries():
    """two writes that a window held back still leave as DATA frames of their own (rule 7)"""

    def open_later(c):
        c.barrier()
        assert not c.on(1, DATA), c.seen
        c.send(h2raw.window_update(1, 3))
        c.barrier()
        c.send(h2raw.window_update(1, 1000))

    said, _ = exchange(SESSION_1, ["server destroyed", "session is destroyed"], (INITIAL_WINDOW_SIZE, 0), during=open_later)
    assert said == [OK, "DATA 'hel'", "DATA 'lo '", "DATA 'session protocol : h2c' END_STREAM"], said


@tap.test
def a_session_destroyed_while_windows_are_closed():
    """the GOAWAY of a destroyed session does not wait for a window either"""
    said, seen = exchange(SESSION_2, ["session is closed", "server destroyed"], (INITIAL_WINDOW_SIZE, 0))
    assert said == [] and seen[-1].kind == GOAWAY, seen


if __name__ == "__main__":
    tap.main()
