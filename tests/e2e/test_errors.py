"""Errors that a prototyper meets at once: each is one clear message (issue 2, item 7).

run: slow
"""

import os
import re
import socket

import h2client
import perigee
import tap
from h2raw import CANCEL, INTERNAL_ERROR

HANDLER = 'return function(stream) stream:respond {} stream:finish("ok") end\n'

PROGRAM = """
local http2 = require "http2"
local server = http2.createServer()
server:on("stream", function(stream) stream:respond {} stream:finish("ok") end)
server:listen(%s)
"""


def failed(*argv, code=1, **options):
    """Runs a command that must fail; gives what it said on stderr."""
    done = perigee.run(*argv, **options)
    assert done.code == code, f"wanted exit code {code}: {done}"
    assert done.stderr.strip(), f"not a word on stderr: {done}"
    assert "listening on" not in done.stdout, f"half-started: {done}"
    for inner in ("PANIC", "core dumped", "Assertion"):
        assert inner not in done.stderr, done
    return done.stderr


def says(text, *patterns):
    for pattern in patterns:
        assert re.search(pattern, text, re.I), f"no {pattern!r} in:\n{text}"


# --- the script ---


@tap.test
def a_syntax_error():
    """a syntax error names file and line, exit 1"""
    files = {"bad.lua": "local x = 1\nlocal y = = 2\n"}
    for argv in (("run", "bad.lua"), ("bad.lua",), ("run", "--listen", "http://127.0.0.1:0", "bad.lua")):
        says(failed(*argv, files=files), r"bad\.lua:2:", "unexpected symbol")


@tap.test
def an_error_in_the_main_chunk():
    """an error in the main chunk names file and line, with the traceback, exit 1"""
    files = {"bad.lua": "local function deep()\n  error('the cupboard is bare')\nend\nlocal function go() deep() end\ngo()\n"}
    text = failed("run", "bad.lua", files=files)
    says(text, r"bad\.lua:2: the cupboard is bare", r"traceback|stack", r"bad\.lua:5:")
    files = {"bad.lua": "local t\nprint(t.x.y)\n"}
    says(failed("run", "bad.lua", files=files), r"bad\.lua:2:", "index")
    files = {"bad.lua": "error({ code = 'ERR_MINE', message = 'a table', name = 'Mine' })\n"}
    assert failed("run", "bad.lua", files=files)
    for thrown in ("nil", "42", "{}", "true"):
        assert failed("run", "bad.lua", files={"bad.lua": f"error({thrown})\n"})


@tap.test
def a_missing_module():
    """a missing module is named, exit 1; so is the file with an error inside a module"""
    files = {"bad.lua": "\nlocal m = require 'nosuch.module'\n"}
    says(failed("run", "bad.lua", files=files), r"module 'nosuch\.module' not found", r"bad\.lua:2")
    files = {"bad.lua": "require 'mod'\n", "mod.lua": "\n\nreturn 1 +\n"}
    says(failed("run", "bad.lua", files=files), r"mod\.lua:\d+:")
    files = {"bad.lua": "require 'mod'\n", "mod.lua": "\n\nerror('broken')\n"}
    says(failed("run", "bad.lua", files=files), r"mod\.lua:3: broken")


@tap.test
def a_missing_file():
    """a script that is not there, or is a folder, or cannot be read as Lua, is named, exit 1"""
    says(failed("run", "nosuch.lua"), r"nosuch\.lua", "no such file|not found|cannot open")
    says(failed("nosuch.lua"), r"nosuch\.lua", "no such file|not found|cannot open")
    says(failed("run", "folder.lua", files={"folder.lua/x": ""}), r"folder\.lua", "directory|folder")
    says(failed("run", "bytecode.lua", files={"bytecode.lua": b"\x1bLJ\x02\x0a\x00\x00"}), r"bytecode\.lua|bytecode|binary")


@tap.test
def a_script_that_is_no_handler():
    """--listen with a script that returns no handler says what is missing"""
    text = failed("run", "--listen", "http://127.0.0.1:0", "odd.lua", files={"odd.lua": "return 42\n"})
    says(text, r"odd\.lua|script|handler", "handler|function")


@tap.test
def a_table_without_a_handler():
    """a script that returns a table with neither stream nor request is told so, by run and by check"""
    files = {"odd.lua": "return { session = function() end }\n"}
    for argv in (("run", "--listen", "http://127.0.0.1:0"), ("check",)):
        says(failed(*argv, "odd.lua", files=files), r"odd\.lua", r"\bstream\b", r"\brequest\b")
    files = {"odd.lua": "return { request = 5 }\n"}
    for argv in (("run", "--listen", "http://127.0.0.1:0"), ("check",)):
        says(failed(*argv, "odd.lua", files=files), r"odd\.lua", r'"request"', "number")


# --- addresses ---


@tap.test
def a_port_in_use():
    """a port in use is named with EADDRINUSE, exit 1, in both forms"""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = failed("run", "--listen", f"http://127.0.0.1:{port}", "app.lua", files={"app.lua": HANDLER})
        says(text, "EADDRINUSE", rf"127\.0\.0\.1:{port}")
        text = failed("run", "app.lua", files={"app.lua": PROGRAM % f'{port}, "127.0.0.1"'})
        says(text, "EADDRINUSE", rf"127\.0\.0\.1:{port}")
        # The second of two listeners: the first is not left half-started.
        argv = ["run", "--listen", "http://127.0.0.1:0", "--listen", f"http://127.0.0.1:{port}", "app.lua"]
        done = perigee.run(*argv, files={"app.lua": HANDLER})
        assert done.code == 1, done
        says(done.stderr, "EADDRINUSE", rf"127\.0\.0\.1:{port}")


@tap.test
def a_port_in_use_and_a_listener():
    """a program that listens for 'error' hears EADDRINUSE and goes on"""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        script = (PROGRAM % f'{port}, "127.0.0.1"').replace(
            "server:listen", 'server:on("error", function(err) print(err.code, err.port) end)\nserver:listen'
        )
        done = perigee.run("run", "app.lua", files={"app.lua": script})
        assert done.code == 0 and done.stdout.split()[0] == "EADDRINUSE", done


@tap.test
def two_daemons():
    """a second daemon on the same address is told so; it does not share the port"""
    with perigee.Server(HANDLER) as server:
        text = failed("run", "--listen", f"http://127.0.0.1:{server.port}", "app.lua", files={"app.lua": HANDLER})
        says(text, "EADDRINUSE", str(server.port))
        assert h2client.get(server.port).body == b"ok"


@tap.test
def a_privileged_port():
    """a port without permission is named with EACCES, exit 1"""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
        if int(f.read()) <= 80:
            raise tap.Skip("every port is free to all here")
    if os.geteuid() != 0:
        as_nobody = None
    else:
        # The binary may lie in a folder that others cannot enter: drop only what allows the port.
        as_nobody = drop_net_bind
    text = failed("run", "--listen", "http://127.0.0.1:80", "app.lua", files={"app.lua": HANDLER}, preexec=as_nobody)
    says(text, "EACCES|permission", r"127\.0\.0\.1:80")
    text = failed("run", "app.lua", files={"app.lua": PROGRAM % '80, "127.0.0.1"'}, preexec=as_nobody)
    says(text, "EACCES|permission", r":80\b")


def drop_net_bind():
    """Takes CAP_NET_BIND_SERVICE (10) out of the bounding set: what exec gives root lacks it then."""
    import ctypes

    if ctypes.CDLL(None).prctl(24, 10, 0, 0, 0) != 0:  # PR_CAPBSET_DROP
        os._exit(77)


@tap.test
def addresses_that_are_none():
    """an address that cannot be used is named"""
    files = {"app.lua": HANDLER}
    for address in ("http://127.0.0.1:99999", "http://127.0.0.1:abc", "ftp://127.0.0.1:0", "http://", "nonsense"):
        done = perigee.run("run", "--listen", address, "app.lua", files=files)
        assert done.code in (1, 2) and "listening on" not in done.stdout, (address, done)
        assert address in done.stderr or address.partition("//")[2] in done.stderr, (address, done)
    done = perigee.run("run", "--listen", "http://192.0.2.1:0", "app.lua", files=files)
    assert done.code == 1, done
    says(done.stderr, r"192\.0\.2\.1", "EADDRNOTAVAIL|cannot assign")
    done = perigee.run("run", "--listen", "http://no-such-host.invalid:0", "app.lua", files=files, seconds=20)
    assert done.code == 1, done
    says(done.stderr, r"no-such-host\.invalid")


# --- certificates ---


@tap.test
def certificates():
    """a certificate that is missing, no certificate, or not the key's: one clear sentence each, exit 1"""
    cert, key = perigee.certificate()
    where = perigee.folder()
    _, other = perigee.make_certificate(where, "other")
    files = {"app.lua": HANDLER, "garbage.pem": "this is not a certificate\n", "empty.pem": ""}
    listen = ("run", "--listen", "https://127.0.0.1:0")
    cases = {
        "missing certificate": (("--tls-cert", "nosuch.pem", "--tls-key", key), [r"nosuch\.pem", "no such file|cannot|not found"]),
        "missing key": (("--tls-cert", cert, "--tls-key", "nosuch.key"), [r"nosuch\.key", "no such file|cannot|not found"]),
        "garbage certificate": (("--tls-cert", "garbage.pem", "--tls-key", key), [r"garbage\.pem", "certificate"]),
        "garbage key": (("--tls-cert", cert, "--tls-key", "garbage.pem"), [r"garbage\.pem", "key"]),
        "empty certificate": (("--tls-cert", "empty.pem", "--tls-key", key), [r"empty\.pem", "certificate"]),
        "another key": (("--tls-cert", cert, "--tls-key", other), [r"key", "match|belong"]),
        "no key given": (("--tls-cert", cert), ["tls-key|key"]),
    }
    try:
        for label, (flags, patterns) in cases.items():
            done = perigee.run(*listen, *flags, "app.lua", files=files)
            assert done.code in (1, 2) and "listening on" not in done.stdout, (label, done)
            says(done.stderr, *patterns)
            sentences = [line for line in done.stderr.splitlines() if line.strip()]
            assert len(sentences) == 1, f"{label}: more than one line:\n{done.stderr}"
    finally:
        for name in os.listdir(where):
            os.unlink(os.path.join(where, name))
        os.rmdir(where)


@tap.test
def certificates_of_a_program():
    """createSecureServer with a certificate that does not fit says so"""
    cert, key = perigee.certificate()
    with open(cert) as f, open(key) as g:
        good_cert, good_key = f.read(), g.read()
    script = """
local http2 = require "http2"
local fs = require "fs"
local server = http2.createSecureServer { cert = fs.readFileSync("cert"), key = fs.readFileSync("key") }
server:listen(0, "127.0.0.1")
"""
    files = {"app.lua": script, "cert": good_cert, "key": "nothing"}
    says(failed("run", "app.lua", files=files), "key", r"app\.lua:4")
    files = {"app.lua": script, "cert": "nothing", "key": good_key}
    says(failed("run", "app.lua", files=files), "cert", r"app\.lua:4")
    files = {"app.lua": script, "cert": good_cert}
    says(failed("run", "app.lua", files=files), "ENOENT|no such file", r"\bkey\b", r"app\.lua:4")


# --- handlers ---

THROWS = perigee.handler("""
  local path = headers[":path"]
  if path == "/before" then
    error("secret detail")
  elseif path == "/index" then
    local nothing
    return nothing.field
  elseif path == "/table" then
    error { code = "ERR_SECRET", message = "secret detail" }
  elseif path == "/after" then
    stream:respond { ["content-type"] = "text/plain" }
    error("secret detail")
  elseif path == "/between" then
    stream:respond {}
    stream:write("some")
    error("secret detail")
  elseif path == "/later" then
    stream:await("end")
    error("secret detail")
  elseif path == "/listener" then
    stream:on("data", function() error("secret detail") end)
    return
  elseif path == "/good" then
    stream:respond {}
    for chunk in stream:chunks() do stream:write(chunk) end
    stream:finish()
    return
  end
  stream:respond {}
  stream:finish("ok")
""")


@tap.test
def a_handler_that_throws():
    """a handler that throws: 500 without internals, a log line with traceback, session and stream; others go on"""
    with perigee.Server(THROWS, errors=True) as server, h2client.Client(server.port) as client:
        before = client.live()
        good = client.request("/good", "POST")
        client.head(good)
        client.send(good, b"first ")
        for path in ("/before", "/index", "/table"):
            number = client.request(path)
            answer = client.response(number)
            assert answer.status == 500, (path, answer)
            text = bytes(answer.body) + repr(answer.headers).encode()
            for internal in (b"secret", b"ERR_", b".lua", b"traceback", b"field"):
                assert internal not in text, (path, text)
        line = server.err.wait_for(r"^.*level=error.*secret detail.*$")[0][0]
        says(line, r"app\.lua:\d+", r"traceback", r"\bsession=\d+", r"\bstream=\d+")
        where = THROWS[: THROWS.index("secret detail")].count("\n") + 1
        says(line, rf"app\.lua:{where}: secret detail")
        count = sum("secret detail" in one for one in server.err.lines if "level=error" in one)
        server.err.wait_for(r"level=error", count=3)
        assert count <= 2, f"one throw, one line:\n{server.stderr}"
        number = client.request("/later", "POST", end=False)
        client.send(number, b"x", end=True)
        assert client.response(number).status == 500
        client.send(good, b"last", end=True)
        assert client.response(good).body == b"first last"
        assert client.live() == before


@tap.test
def a_handler_that_throws_late():
    """a throw after the header block left resets the stream with INTERNAL_ERROR, and the connection lives"""
    with perigee.Server(THROWS, errors="secret detail") as server, h2client.Client(server.port) as client:
        good = client.request("/good", "POST")
        for path in ("/after", "/between"):
            try:
                client.response(client.request(path))
            except h2client.Reset as reset:
                assert reset.code == INTERNAL_ERROR and reset.stream.status == 200, reset
            else:
                raise AssertionError(f"{path} was not reset")
        number = client.request("/listener", "POST")
        client.send(number, b"x")
        assert client.response(number).status == 500
        client.send(good, b"body", end=True)
        assert client.response(good).body == b"body"


UNTELLABLE = """
local server = require("http2").createServer { exposeErrors = arg[1] == "exposed" }
server:on("stream", function(stream, headers)
  local path = headers[":path"]
  if path == "/throws" then
    error(setmetatable({}, { __tostring = function() error("no text") end }))
  elseif path == "/table" then
    error(setmetatable({}, { __tostring = function() return {} end }))
  elseif path == "/destroy" then
    stream:destroy(setmetatable({}, { __tostring = function() error("no text") end }))
  elseif path == "/nil" then
    error(nil)
  elseif path == "/close" then
    stream:close(8)
    error("behind close")
  end
  stream:finish("ok")
end)
server:on("stream", function(_, headers) print("second " .. headers[":path"]) end)
server:listen(0, "127.0.0.1", function() print("listening on http://127.0.0.1:" .. server:address().port) end)
"""


def untellable(args):
    with perigee.Server(UNTELLABLE, args, form=1, errors=True) as server, h2client.Client(server.port) as client:
        for count, path in enumerate(("/throws", "/table", "/nil", "/destroy", "/close"), 1):
            number = client.request(path)
            answer = client.closing(number)
            if path == "/destroy":
                assert answer.reset == INTERNAL_ERROR, answer
            elif path == "/close":
                assert answer.reset == CANCEL, answer
            else:
                assert answer.status == 500, (path, answer)
            line = server.err.wait_for("^.*level=error.*$", count=count)[-1][0]
            says(line, "unhandled stream error" if path == "/destroy" else "handler failed", rf"\bstream={number}\b")
            server.out.wait_for(f"^second {path}$")
        assert client.get("/").body == b"ok"
    assert "Lua half" not in server.stderr, server.stderr
    assert len([line for line in server.err.lines if "level=error" in line]) == 5, server.stderr


@tap.test
def values_that_cannot_be_told():
    """a thrown value whose __tostring fails, and a throw behind close(), stay with their stream"""
    untellable([])


@tap.test
def values_that_cannot_be_told_to_the_client():
    """the same with exposeErrors, which would tell the client"""
    untellable(["exposed"])


@tap.test
def errors_outside_handlers():
    """a throw in a timer, an unheard 'error' and a throw in a 'close' listener are logged and end nothing"""
    script = perigee.handler("""
      local path = headers[":path"]
      if path == "/timer" then
        setTimeout(function() error("thrown in a timer") end, 1)
      elseif path == "/tick" then
        process.nextTick(function() error("thrown in a tick") end)
      elseif path == "/immediate" then
        setImmediate(function() error("thrown in an immediate") end)
      elseif path == "/close" then
        stream:on("close", function() error("thrown in close") end)
      elseif path == "/destroy" then
        return stream:destroy("thrown by hand")
      elseif path == "/write" then
        stream:respond {}
        stream:finish("ok")
        stream:write("thrown away")
        return
      end
      stream:respond {}
      stream:finish("ok")
    """)
    with perigee.Server(script, errors="thrown|WRITE_AFTER_END") as server, h2client.Client(server.port) as client:
        for path in ("timer", "tick", "immediate", "close"):
            assert client.get("/" + path).body == b"ok"
            server.err.wait_for(rf"^.*level=error.*thrown in an? {path}|^.*level=error.*thrown in {path}")
        # API.md 9, keep or fix: an 'error' of the script's own making that nobody hears is logged with its stream.
        for path, words in (("/destroy", "thrown by hand"), ("/write", "ERR_STREAM_WRITE_AFTER_END")):
            stream = client.request(path)
            client.closing(stream)
            server.err.wait_for(rf"^.*level=error.*{words}.* stream={stream}\b")
        assert client.get("/").body == b"ok"


# --- options ---


@tap.test
def an_unknown_option():
    """an unknown option of createServer is named with the nearest known one"""
    script = 'local http2 = require "http2"\n\nhttp2.createServer { %s }\n'
    for wrong, near in (
        ("maxSessionMemry = 5", "maxSessionMemory"),
        ("setings = {}", "settings"),
        ("maxHeaderListPair = 5", "maxHeaderListPairs"),
    ):
        text = failed("run", "app.lua", files={"app.lua": script % wrong})
        says(text, wrong.split()[0], near, r"app\.lua:3")
    says(failed("run", "app.lua", files={"app.lua": script % "quite_something_else = 1"}), "quite_something_else")
    done = perigee.run("run", "app.lua", files={"app.lua": script % 'key = "x", cert = "y"'})
    assert done.code == 0, f"a plain server ignores TLS options (API.md 1, rule 1): {done}"


@tap.test
def options_without_effect():
    """an option of Node's that Perigee does not have is refused, not ignored"""
    for option in ("highWaterMark = 1000", "pauseOnConnect = true"):
        for call in ("createServer {", 'connect("http://127.0.0.1:1", {'):
            script = f"local http2 = require 'http2'\n\nhttp2.{call} {option} }}" + (")" if "(" in call else "")
            text = failed("run", "app.lua", files={"app.lua": script})
            says(text, "ERR_PERIGEE_NOT_SUPPORTED", option.split()[0], r"app\.lua:3")


@tap.test
def arguments_of_the_wrong_type():
    """what a prototyper passes wrongly is told with Node's codes"""
    script = perigee.handler("""
      local function code(fn, ...)
        local ok, err = pcall(fn, ...)
        return ok and "ok" or type(err) == "table" and tostring(err.code) or tostring(err)
      end
      local out = {
        code(stream.on, stream, "data", "no function"),
        code(stream.respond, stream, { [":status"] = 99 }),
        code(stream.respond, stream, { [":path"] = "/" }),
        code(stream.respond, stream, { ["bad name"] = "x" }),
        code(stream.respond, stream, { ["connection"] = "close" }),
        code(stream.respond, stream, { ["x-split"] = "a\\r\\nb" }),
        code(stream.respond, stream, { ["x-blank"] = " a" }),
        code(stream.respond, stream, { ["x-blank"] = "a\\t" }),
        code(stream.respond, stream, { ["x-blank"] = { "a", " " } }),
        code(stream.close, stream, "code"),
      }
      stream:respond {}
      stream:finish(table.concat(out, " "))
    """)
    with perigee.Server(script) as server:
        assert h2client.get(server.port).body.decode().split() == [
            "ERR_INVALID_ARG_TYPE", "ERR_HTTP2_STATUS_INVALID", "ERR_HTTP2_INVALID_PSEUDOHEADER",
            "ERR_INVALID_HTTP_TOKEN", "ERR_HTTP2_INVALID_CONNECTION_HEADERS", "ERR_INVALID_CHAR",
            "ERR_INVALID_CHAR", "ERR_INVALID_CHAR", "ERR_INVALID_CHAR",
            "ERR_INVALID_ARG_TYPE",
        ]  # fmt: skip


# --- the command line ---


@tap.test
def usage_errors():
    """wrong usage is exit 2, with a word about what is wrong"""
    files = {"app.lua": HANDLER}
    for argv, word in (
        ((), "usage"),
        (("run",), "script"),
        (("run", "--no-such-flag", "app.lua"), "no-such-flag"),
        (("--no-such-flag",), "no-such-flag"),
        (("run", "--listen"), "listen"),
        (("run", "app.lua", "--listen"), None),
        (("check", "--no-such-flag"), "no-such-flag"),
        (("run", "--log-level", "shouting", "app.lua"), "shouting|log-level"),
    ):
        if word is None:
            continue  # behind the script everything is the script's
        says(failed(*argv, files=files, code=2), word)


@tap.test
def check():
    """check is 0 for a good script, 1 for a bad one with file and line, and listens nowhere"""
    files = {
        "good.lua": HANDLER,
        "program.lua": PROGRAM % "0",
        "waits.lua": "setTimeout(function() print('fired') end, 100000)\n" + HANDLER,
        "syntax.lua": "local x =\n",
        "throws.lua": "\n\nerror('no luck')\n",
    }
    for name in ("good.lua", "program.lua", "waits.lua"):
        done = perigee.run("check", name, files=files)
        assert done.code == 0, f"{name}: {done}"
        assert "fired" not in done.stdout and "listening on" not in done.stdout, done
    says(failed("check", "syntax.lua", files=files), r"syntax\.lua:\d+:")
    says(failed("check", "throws.lua", files=files), r"throws\.lua:3: no luck")
    says(failed("check", "nosuch.lua", files=files), r"nosuch\.lua")
    with socket.socket() as taken:  # listening is recorded, not done
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        files = {"app.lua": PROGRAM % f'{taken.getsockname()[1]}, "127.0.0.1"'}
        done = perigee.run("check", "app.lua", files=files)
        assert done.code == 0, done


@tap.test
def check_opens_nothing():
    """check runs whatever a main chunk asks of clients, timers and luv, and opens nothing; what fails in it is told"""
    connect = 'local http2 = require "http2"\nlocal client = http2.connect("http://127.0.0.1:1")\n'
    for verbs in ("client:close()", "client:destroy()", "client:ref() client:unref()",
                  "client:close() client:destroy() client:ref()"):  # fmt: skip
        done = perigee.run("check", "app.lua", files={"app.lua": connect + verbs}, seconds=3)
        assert done.code == 0 and done.stderr == "", (verbs, done)
    timers = "local t = setTimeout(print, 1)\nt:refresh()\nsetTimeout(print, 1):unref()\nclearTimeout(t)\n"
    done = perigee.run("check", "app.lua", files={"app.lua": timers + "clearInterval(setInterval(print, 1))"}, seconds=3)
    assert done.code == 0 and done.stderr == done.stdout == "", done
    for waits in ('require("perigee.task").sleep(1e8)', 'require("http2").createServer():listen(0):await("listening")'):
        done = perigee.run("check", "app.lua", files={"app.lua": waits + " error('too far')"}, seconds=3)
        assert done.code == 0, done
        says(done.stderr, r"app\.lua: .*waits")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        uv = f"""
local uv = require "luv"
local server = uv.new_tcp()
assert(server:bind("127.0.0.1", {taken.getsockname()[1]}))
assert(server:listen(5, print))
uv.spawn("/bin/sh", {{ args = {{ "-c", "echo spawned" }}, stdio = {{ nil, 1, 2 }} }}, print)
"""
        done = perigee.run("check", "app.lua", files={"app.lua": uv}, seconds=3)
        assert done.code == 0 and done.stdout == "", done
    text = failed("check", "app.lua", files={"app.lua": "process.nextTick(function()\n  error('in a tick')\nend)"})
    says(text, r"app\.lua:2: in a tick")


@tap.test
def version_and_help():
    """--version names the libraries, help the commands"""
    done = perigee.run("--version")
    assert done.code == 0 and done.stderr == "", done
    for name in ("perigee", "nghttp2", "OpenSSL", "LuaJIT", "libuv", "luv"):
        assert re.search(rf"^.*\b{name}\b.*\d", done.stdout, re.M | re.I), f"no {name} in {done.stdout}"
    for argv in (("help",), ("--help",), ("help", "run")):
        done = perigee.run(*argv)
        assert done.code == 0 and "run" in done.stdout, done
    for argv, words in ((("help",), ("run", "check", "--version")), (("help", "run"), ("--listen", "--tls-cert", "--tls-key"))):
        done = perigee.run(*argv)
        assert all(word in done.stdout for word in words), done


@tap.test
def programs_end_by_themselves():
    """a program with nothing to wait for ends with 0; one that ends itself, with its code"""
    done = perigee.run("run", "app.lua", "one", "two", files={"app.lua": "print(...)\nprint(arg[0], arg[1], arg[2])\n"})
    assert done.code == 0 and done.stdout.split() == ["one", "two", "app.lua", "one", "two"], done
    done = perigee.run("app.lua", files={"app.lua": "setTimeout(function() print('later') end, 20)\n"})
    assert done.code == 0 and done.stdout == "later\n", done
    done = perigee.run("app.lua", files={"app.lua": "process.exit(3)\n"})
    assert done.code == 3, done


@tap.test
def an_uncaught_error_ends_the_program_when_told_to():
    """--exit-on-error: a throw, or an 'error' nobody hears, is logged and ends the program with 1"""
    program = """
      setInterval(function() end, 1000)
      %s
    """
    for line, wanted in (
        ('setImmediate(function() error("wrong") end)', "wrong"),
        ('require("http2").connect("http://127.0.0.1:1")', "ECONNREFUSED"),
    ):
        done = perigee.run("run", "--exit-on-error", "app.lua", files={"app.lua": program % line})
        assert done.code == 1 and re.search(rf"level=error .*{wanted}", done.stderr), done


if __name__ == "__main__":
    tap.main()
