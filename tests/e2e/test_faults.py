"""Peers that fail, in both roles: the right events in the right order, the right word about why (closeInfo), and
nothing left alive."""

import contextlib
import socket

import h2client
import h2raw
import perigee
import tap
from h2raw import CANCEL, INTERNAL_ERROR, NO_ERROR, STREAM_CLOSED, Raw
from h2server import Script, begin
from perigee import Server

# Says of each stream what was heard: events; then closeInfo's by, code and reason, and complete. Of sessions likewise.
WITNESS = perigee.LIVE + """
local known = setmetatable({}, { __mode = "k" })
return function(stream, headers)
  if live(stream, headers) then return end
  local path, session, heard = headers[":path"], stream.session, {}
  for _, name in ipairs { "aborted", "trailers", "end", "finish", "error" } do
    stream:on(name, function(err)
      assert(not heard.over, name) -- 'close' is the last
      heard[#heard + 1] = name == "error" and err.code or name
    end)
  end
  stream:on("close", function()
    local info = stream.closeInfo
    heard.over = true
    print(("%s: %s close | %s %d %s %s"):format(path, table.concat(heard, " "), info.by, info.code, info.reason,
      stream.complete and "whole" or "cut"))
    assert(info.code == stream.rstCode and stream.destroyed and stream.session == nil)
  end)
  if not known[session] then
    known[session] = true
    session:on("close", function() print("session", session.closeInfo.by, session.closeInfo.code) end)
  end
  if path:find "^/quiet" then
    stream:resume()
  elseif path:find "^/part" then
    stream:resume()
    stream:write "part"
  elseif path:find "^/endless" then
    while stream:send(("endless "):rep(1000)) do end
  elseif path:find "^/read" then
    local body = stream:body()
    if body then stream:finish("bytes " .. #body) end
  end
end
"""


@contextlib.contextmanager
def witness():
    """A server, and the check that nothing of its clients is left; what it says is asked with heard()."""
    with Server(WITNESS) as server:
        before = h2client.live(server.port)
        yield server
        h2client.settled(server.port, before)


def heard(server, *lines, seconds=8):
    """Waits for as many lines as are wanted, and compares them, each case in its own order."""
    found = server.out.wait_for(r"^(/|session\t).*$", seconds, len(lines))
    got = [" ".join(match[0].split()) for match in found]
    assert got == list(lines), f"heard {got}, not {list(lines)}"


@tap.test
def resets():
    """a client's RST_STREAM, while it uploads and while it is answered: aborted, finish, (end,) close; by peer"""
    for code, error in ((CANCEL, ""), (NO_ERROR, ""), (INTERNAL_ERROR, " ERR_HTTP2_STREAM_ERROR")):
        for path in ("/quiet", "/part", "/read"):
            with witness() as server, Raw(server.port) as c:
                c.send(h2raw.post(1, path), h2raw.data(1, b"some"))
                c.barrier()
                c.send(h2raw.rst(1, code))
                end = " end" if path != "/read" else ""
                heard(server, f"{path}: aborted finish{end}{error} close | peer {code} reset cut")
    with witness() as server, Raw(server.port) as c:
        c.send(h2raw.get(1, "/part"))
        c.until(lambda f: f.kind == h2raw.DATA)
        c.send(h2raw.rst(1, CANCEL))
        heard(server, "/part: end aborted finish close | peer 8 reset whole")


@tap.test
def trailers_only():
    """HEADERS, then HEADERS with END_STREAM: a whole body of no bytes, with trailers"""
    with witness() as server, Raw(server.port) as c:
        c.send(h2raw.post(1, "/read"), h2raw.headers(1, [("x-late", "yes")]))
        assert c.response(1) == ("200", b"bytes 0")
        heard(server, "/read: trailers end finish close | handler 0 finished whole")
        c.send(h2raw.post(3, "/quiet"), h2raw.headers(3, [("x-late", "yes")]))
        c.barrier()
        c.send(h2raw.rst(3, CANCEL))
        heard(server, "/read: trailers end finish close | handler 0 finished whole",
              "/quiet: trailers end aborted finish close | peer 8 reset whole")


@tap.test
def data_after_the_end():
    """DATA behind END_STREAM: the protocol is broken, STREAM_CLOSED; a stream that waits for its answer ends with it"""
    with witness() as server, Raw(server.port) as c:
        c.send(h2raw.post(1, "/quiet"), h2raw.data(1, b"all", True), h2raw.data(1, b"more"))
        got = c.until(lambda f: f.kind in (h2raw.RST_STREAM, h2raw.GOAWAY))
        assert got.code == STREAM_CLOSED, got
        if got.kind == h2raw.RST_STREAM:
            heard(server, "/quiet: end aborted finish ERR_HTTP2_STREAM_ERROR close | protocol 5 reset whole")
        else:
            c.read_all()
            heard(server, "/quiet: end aborted finish ERR_HTTP2_STREAM_ERROR close | session 5 reset whole", "session protocol 5")


def shut(c):
    c.sock.shutdown(socket.SHUT_WR)


def vanish(c):
    h2raw.vanish(c.sock)


def reset_tcp(c):
    h2raw.vanish(c.sock, reset=True)


@tap.test
def connections_lost():
    """a client that closes its half of TCP, hangs up, or resets TCP: its streams end with CANCEL, by session"""
    for lose in (shut, vanish, reset_tcp):
        for path, end, whole in (("/quiet", " end", "cut"), ("/part", " end", "cut"), ("/read", "", "cut")):
            with witness() as server, Raw(server.port) as c:
                c.send(h2raw.post(1, path), h2raw.data(1, b"half"))
                c.barrier()
                lose(c)
                heard(server, f"{path}: aborted finish{end} close | session 8 reset {whole}", "session peer 8")
        with witness() as server, Raw(server.port) as c:  # its request is whole, the answer is on its way
            c.send(h2raw.get(1, "/part"))
            c.until(lambda f: f.kind == h2raw.DATA)
            lose(c)
            heard(server, "/part: end aborted finish close | session 8 reset whole", "session peer 8")
        with witness() as server, Raw(server.port) as c:  # nothing is open
            c.send(h2raw.get(1, "/read"))
            c.response(1)
            lose(c)
            heard(server, "/read: end finish close | handler 0 finished whole",
                  "session peer 8" if lose is reset_tcp else "session peer 0")


@tap.test
def a_reader_that_stops():
    """a client that stops reading holds up its own answer only; when it goes, the answer ends like any other"""
    for lose in (lambda c: c.send(h2raw.rst(1, CANCEL)), vanish, reset_tcp):
        with witness() as server, Raw(server.port) as c:
            c.send(h2raw.get(1, "/endless"))
            size = 0
            while size < 65535:
                size += len(c.until(lambda f: f.kind == h2raw.DATA).payload)
            c.barrier()
            with Raw(server.port) as other:
                other.send(h2raw.get(1, "/read"))
                assert other.response(1) == ("200", b"bytes 0")
                shut(other)
                other.read_all()
            one = "/read: end finish close | handler 0 finished whole"
            server.out.wait_for(r"^session\tpeer\t0$")
            lose(c)
            if lose in (vanish, reset_tcp):
                heard(server, one, "session peer 0", "/endless: aborted finish close | session 8 reset whole", "session peer 8")
            else:
                heard(server, one, "session peer 0", "/endless: aborted finish close | peer 8 reset whole")


# --- our client, and servers that fail ---

CLIENT = """
local http2 = require "http2"
local client = http2.connect(arg[1])
client:on("error", function(err) print("session error", err.code) end)
client:on("goaway", function(code) print("goaway", code) end)
local req = client:request({ [":method"] = arg[2] })
for _, name in ipairs { "response", "trailers", "aborted", "end", "finish", "error", "drain" } do
  req:on(name, function(err) print(name, name == "error" and err.code or "") end)
end
req:on("close", function()
  local info = req.closeInfo
  print("close", info.by, info.code, info.reason, req.complete and "whole" or "cut")
  assert(info.code == req.rstCode and req.destroyed)
  client:close()
end)
client:on("close", function()
  print("session", client.closeInfo.by, client.closeInfo.code)
  local timer -- the connection itself may take a moment longer
  timer = setInterval(function()
    local now = require("perigee.metrics").live()
    if now.sessions + now.streams + now.transports + now.chunks > 0 then return end
    print "nothing left"
    clearInterval(timer)
  end, 5)
end)
if arg[2] == "POST" then
  local n = 0
  while req:write(("up "):rep(10000)) do n = n + 1 end
  print("full")
else
  req:resume()
end
"""

OK = h2raw.block([(":status", "200")])


def client(act, method="GET"):
    """What our client hears of a server that does act(c) when the request is there; without what the session says at
    the end, and with the check that nothing is left."""
    def serve(c):
        begin(c)
        if method == "POST":
            c.until(lambda f: f.kind == h2raw.DATA)
        act(c)
        if c.sock.fileno() >= 0:
            c.read_all(10)

    with Script(serve) as peer:
        done = perigee.run("run", "app.lua", peer.url, method, files={"app.lua": CLIENT})
    assert done.code == 0 and done.stderr == "", done
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines.pop() == "nothing left", done
    return lines


def answer(*frames):
    return lambda c: c.send(*frames)


def then(*frames, end):
    def act(c):
        c.send(*frames)
        c.barrier()
        end(c)

    return act


PART = h2raw.headers(1, OK, False) + h2raw.data(1, b"part")
CASES = {
    # An answer that is whole, for comparison.
    "whole": (answer(PART, h2raw.data(1, b"", True)), "finish response end; close peer 0 finished whole; session handler 0"),
    "trailers only": (answer(h2raw.headers(1, OK, False), h2raw.headers(1, [("x-late", "yes")])),
                      "finish response trailers end; close peer 0 finished whole; session handler 0"),
    "reset before the answer": (answer(h2raw.rst(1, CANCEL)), "finish end; close peer 8 reset cut; session handler 0"),
    "refused": (answer(h2raw.rst(1, h2raw.REFUSED_STREAM)),
                "finish error ERR_HTTP2_STREAM_ERROR; close peer 7 reset cut; session handler 0"),
    "reset in the middle": (answer(PART, h2raw.rst(1, INTERNAL_ERROR)),
                            "finish response end error ERR_HTTP2_STREAM_ERROR; close peer 2 reset cut; session handler 0"),
    "reset with 0 in the middle": (answer(PART, h2raw.rst(1, NO_ERROR)),
                                   "finish response end; close peer 0 reset cut; session handler 0"),
    "malformed": (answer(h2raw.headers(1, h2raw.block([(":status", "x")]))),
                  "finish error ERR_HTTP2_STREAM_ERROR; close protocol 1 reset cut; session handler 0"),
    "hangs up": (then(PART, end=vanish), "finish response end; close session 8 reset cut; session peer 8"),
    "half-closes": (then(PART, end=shut), "finish response end; close session 8 reset cut; session peer 8"),
    "resets TCP": (then(PART, end=reset_tcp),
                   "finish response end; close session 8 reset cut; session error ECONNRESET; session peer 8"),
    "GOAWAY with an error": (answer(PART, h2raw.goaway(1, INTERNAL_ERROR)),
                             "finish response goaway 2 error ERR_HTTP2_SESSION_ERROR; close session 2 reset cut; "
                             "session error ERR_HTTP2_SESSION_ERROR; session peer 2"),
}  # fmt: skip


@tap.test
def servers():
    """a server that resets, breaks the protocol, hangs up or says GOAWAY: the request's events, closeInfo, the session's"""
    wrong = []
    for label, (act, wanted) in CASES.items():
        wanted = [part for group in wanted.split("; ") for part in split(group)]
        got = client(act)
        if got != wanted:
            wrong.append(f"{label}: {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)


def split(group):
    """The lines of "finish response error CODE", or one that begins with close or session."""
    if group.startswith(("close", "session")):
        return [group]
    words, lines = group.split(), []
    for word in words:
        if lines and (word.startswith("ERR_") or word.isdigit()):
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


@tap.test
def data_after_the_servers_end():
    """a server's DATA behind END_STREAM: the answer was whole; what follows breaks the protocol"""
    got = client(answer(PART, h2raw.data(1, b"", True), h2raw.data(1, b"more")))
    assert got[:4] == ["finish", "response", "end", "close peer 0 finished whole"], got


@tap.test
def servers_that_do_not_read():
    """a server that stops reading: write() is false, nothing piles up; when it goes, the upload is aborted"""
    got = client(then(end=vanish), "POST")
    assert got == ["full", "aborted", "finish", "close session 8 reset cut", "session peer 8"], got
    got = client(answer(h2raw.rst(1, CANCEL)), "POST")
    assert got == ["full", "aborted", "finish", "close peer 8 reset cut", "session handler 0"], got
    got = client(answer(h2raw.headers(1, OK, True), h2raw.rst(1, NO_ERROR)), "POST")
    assert got[:2] == ["full", "response"] and "close peer 0 reset whole" in got, got


if __name__ == "__main__":
    tap.main()
