"""Push, ALTSVC and ORIGIN, constants and settings against Node, nghttp and python3-h2 (API.md 3, 5, 6, 8, 12).

run: deadline 120
"""

import json
import os
import re
import shutil
import subprocess

import h2.events
from h2.settings import SettingCodes

import h2client
import h2server
import peers
import perigee
import tap

PUSHES = perigee.handler("""
  if stream.pushAllowed then
    stream:pushStream({ [":path"] = "/pushed", ["x-why"] = "because" }, function(err, push)
      if err then print("pushStream " .. tostring(err)) return end
      push:on("close", function() print("push close " .. push.rstCode) end)
      push:respond { ["x-kind"] = "pushed" }
      push:finish "of the push"
    end)
  else
    print(select(2, pcall(stream.pushStream, stream, {}, print)).code)
  end
  stream:respond {}
  stream:finish "of the request"
""")


class Taker(h2client.Client):
    """Takes pushes."""

    def _note(self, event):
        super()._note(event)
        if isinstance(event, h2.events.PushedStreamReceived):
            self.streams[event.pushed_stream_id] = h2client.Stream(event.pushed_stream_id)
            self.promised.append(event.pushed_stream_id)

    @property
    def promised(self):
        return self.__dict__.setdefault("_promised", [])


def program(name):
    if path := shutil.which(name):
        return path
    raise tap.Skip(f"{name} is not installed")


def script(name):
    return os.path.join(perigee.TOP, "tests/e2e", name)


def output(*argv, seconds=20):
    done = subprocess.run(argv, capture_output=True, timeout=seconds * perigee.FACTOR, text=True)
    assert done.returncode == 0, f"{argv} ended with {done.returncode}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
    return done.stdout


def node(*argv):
    return output(program("node"), script("push.js"), *argv).splitlines()


@tap.test
def node_takes_pushes():
    """Node's client takes what we push, in clear and over TLS"""
    with perigee.Server(PUSHES, tls=True) as server:
        for url, more in ((f"http://127.0.0.1:{server.port}", []), (f"https://localhost:{server.tls_port}", [server.cert])):
            assert node("take", url, *more) == [
                "push GET /pushed because -> 200 pushed flags 4", "body of the request", "push body of the push",
            ]  # fmt: skip
        server.out.wait_for("^push close 0$", count=2)


@tap.test
def node_takes_no_pushes():
    """a client with enablePush off gets none, and pushStream() says so"""
    with perigee.Server(PUSHES) as server:
        assert node("refuse", f"http://127.0.0.1:{server.port}") == ["body of the request"]
        server.out.wait_for("^ERR_HTTP2_PUSH_DISABLED$")


@tap.test
def nghttp_shows_pushes():
    """nghttp -v shows PUSH_PROMISE and the pushed answer"""
    with perigee.Server(PUSHES) as server:
        text = output(program("nghttp"), "-v", f"http://127.0.0.1:{server.port}/")
        assert re.search(r"recv \(stream_id=\d+\) :path: /pushed", text), text
        assert re.search(r"recv PUSH_PROMISE frame .*stream_id=\d+>", text), text
        assert "promised_stream_id=2" in text, text
        assert "of the push" in text and "of the request" in text, text


@tap.test
def h2_takes_pushes():
    """python3-h2 takes a push"""
    with perigee.Server(PUSHES) as server:
        with Taker(server.port, settings={SettingCodes.ENABLE_PUSH: 1}) as client:
            assert client.get("/").body == b"of the request"
            (promised,) = client.promised
            pushed = client.response(promised)
            assert (pushed.status, pushed.headers["x-kind"], bytes(pushed.body)) == (200, "pushed", b"of the push")
        server.out.wait_for("^push close 0$")


def client(options, listen):
    return f"""
      local http2 = require "http2"
      local client = http2.connect(arg[1], {options})
      local open = {2 if listen else 1}
      local function over()
        open = open - 1
        if open == 0 then client:close() end
      end
      if {str(listen).lower()} then
        client:on("stream", function(push, request, flags)
          print(("stream %d %s %s %s flags %d"):format(push.id, request[":method"], request[":path"], request["x-why"], flags))
          push:on("push", function(response) print("push " .. response[":status"] .. " " .. response["x-kind"]) end)
          local parts = {{}}
          push:on("data", function(chunk) parts[#parts + 1] = chunk end)
          push:on("end", function() print("push body " .. table.concat(parts)) end)
          push:on("close", over)
        end)
      end
      local request = client:request {{}}
      print("body " .. request:body())
      if request.closed and request.destroyed then over() else request:on("close", over) end
    """


@tap.test
def we_take_pushes_of_node():
    """our client takes Node's pushes when it listens and cancels them when it does not"""
    server = perigee.Process([program("node"), script("push.js"), "give"])
    try:
        url = server.out.wait_for(r"^listening on (\S+)$", 15)[0][1]
        done = perigee.run("run", "app.lua", url, files={"app.lua": client("{}", True)})
        assert done.code == 0, done
        assert sorted(done.stdout.splitlines()) == [
            "body of the request", "push 200 pushed", "push body of the push", "stream 2 GET /pushed because flags 4",
        ], done  # fmt: skip
        server.out.wait_for("^push close 0$")
        done = perigee.run("run", "app.lua", url, files={"app.lua": client("{}", False)})
        assert (done.code, done.stdout) == (0, "body of the request\n"), done
        server.out.wait_for("^push close ", count=2)
        assert "push error" not in server.stdout, server.stdout
    finally:
        server.stop()


TAKER = """
  local http2 = require "http2"
  local client = http2.connect(arg[1], { ca = arg[3] and require("fs").readFileSync(arg[3]) })
  client:on("stream", function(push, request)
    push:await "push"
    print(("push %s %s %d"):format(request[":path"], tostring(push:body() ~= ""), push.rstCode))
  end)
  local request = client:request { [":path"] = arg[2] }
  print("body " .. tostring(request:body() ~= ""))
  request:await "close"
  client:close()
"""


def taken(url, path, *cert):
    done = perigee.run("run", "app.lua", url, path, *cert, files={"app.lua": TAKER}, seconds=20)
    assert done.code == 0 and not done.stderr, done
    return sorted(done.stdout.splitlines())


@tap.test
def we_take_pushes_of_nghttpd():
    """our client takes a push of nghttpd"""
    files = {"index.html": "index", "pushed": "of the push"}
    with peers.Nghttpd(files=files, flags=["--push=/index.html=/pushed"]) as server:
        assert taken(f"http://127.0.0.1:{server.port}", "/index.html") == ["body true", "push /pushed true 0"]


@tap.test
def we_take_pushes_of_the_h2_library():
    """our client takes a push of python3-h2"""

    def handle(exchange):
        exchange.push("/pushed", b"of the push")
        exchange.respond()
        exchange.send(b"of the request", end=True)

    with h2server.Server(handle) as server:
        assert taken(server.url, "/") == ["body true", "push /pushed true 0"]


@tap.test(deadline=240)
def we_take_pushes_of_go():
    """our client takes a push of Go's net/http"""
    with peers.Go("tests/e2e/peers/peer.go") as server:
        got = taken(f"https://localhost:{server.port}", "/push", server.cert)
        assert got == ["body true", "push /get true 0"], got


@tap.test
def node_hears_altsvc_and_origin():
    """Node's client hears ALTSVC and, over TLS, ORIGIN"""
    text = perigee.handler("""
      stream.session:altsvc('h2=":8000"', "https://example.org:81")
      stream.session:origin("https://example.org", "https://example.com:444")
      stream:finish "ok"
    """)
    with perigee.Server(text, tls=True) as server:
        assert sorted(node("announced", f"https://localhost:{server.tls_port}", server.cert)) == [
            'altsvc h2=":8000" https://example.org:81 0', "body ok",
            "origin https://example.org https://example.com:444",
        ]  # fmt: skip


@tap.test
def constants_are_those_of_node():
    """every name of Node 20's http2.constants is there, with its value, and no other"""
    version = int(output(program("node"), "-p", "process.versions.node.split('.')[0]"))
    theirs = dict(line.split("=", 1) for line in node("constants"))
    done = perigee.run("run", "app.lua", files={"app.lua": """
      for name, value in pairs(require("http2").constants) do
        print(name .. "=" .. (type(value) == "string" and ("%q"):format(value) or ("%d"):format(value)))
      end
    """})  # fmt: skip
    ours = dict(line.split("=", 1) for line in done.stdout.splitlines())
    wrong = {name: (ours[name], theirs[name]) for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
    assert not wrong, wrong
    assert len(ours) == 240, len(ours)
    if version == 20:
        assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()


@tap.test
def settings_are_packed_as_by_node():
    """getPackedSettings and getDefaultSettings give what Node's give"""
    t = {
        "headerTableSize": 100, "enablePush": False, "initialWindowSize": 2147483647, "maxFrameSize": 16777215,
        "maxConcurrentStreams": 4294967295, "maxHeaderListSize": 100, "enableConnectProtocol": True,
    }  # fmt: skip
    packed, defaults = node("packed", json.dumps(t))
    lua = ", ".join(f"{name} = {json.dumps(value)}" for name, value in t.items())
    done = perigee.run("run", "app.lua", files={"app.lua": f"""
      local http2 = require "http2"
      print((http2.getPackedSettings({{ {lua} }}):gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
      for name, value in pairs(http2.getDefaultSettings()) do print(name .. "=" .. tostring(value)) end
    """})  # fmt: skip
    ours = done.stdout.splitlines()
    assert ours[0] == packed, (ours[0], packed)
    want = {name: json.dumps(value) for name, value in json.loads(defaults).items()}
    assert dict(line.split("=") for line in ours[1:]) == want, (ours[1:], want)


if __name__ == "__main__":
    tap.main()
