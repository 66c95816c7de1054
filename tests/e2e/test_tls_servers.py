"""Secure servers before OpenSSL's client, curl, Node and Python's ssl: certificates by name and by kind, changed while
connections stand, tickets, client certificates, peers without HTTP/2.

run: deadline 180
"""

import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile

import h2client
import perigee
import tap

PRELUDE = """
local http2, tls, fs = require "http2", require "tls", require "fs"
local function read(name) return fs.readFileSync(name) end
local function serve(options)
  local server = http2.createSecureServer(options)
  server:on("stream", function(stream) stream:respond {} stream:finish "hello" end)
  server:listen(0, "127.0.0.1", function() print("listening on https://localhost:" .. server:address().port) end)
  return server
end
"""


class Identities:
    """Files of keys and certificates, made with openssl in a folder that goes away."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="perigee-test-")
        self.files = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *argv):
        done = subprocess.run(["openssl", *argv], cwd=self.folder, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, (argv, done.stderr)
        return done.stdout

    def keep(self, *names):
        for name in names:
            with open(self.path(name), "rb") as f:
                self.files[name] = f.read()

    def make(self, name, hosts="localhost", kind="ec", issuer=None, authority=False):
        """name.pem and name.key."""
        key = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "rsa": ["-newkey", "rsa:2048"]}[kind]
        names = ",".join(f"DNS:{host}" for host in hosts.split()) + ",IP:127.0.0.1"
        self.openssl(
            "req", "-x509", *key, "-nodes", "-days", "2", "-subj", f"/O=Perigee tests/CN={name}",
            "-addext", f"subjectAltName={names}", "-addext", f"basicConstraints=critical,CA:{str(authority).upper()}",
            *(["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"] if issuer and self.can_issue() else []),
            "-keyout", f"{name}.key", "-out", f"{name}.pem",
        )  # fmt: skip
        self.keep(f"{name}.pem", f"{name}.key")

    def can_issue(self):
        return int(self.openssl("version").split()[1].split(b".")[0]) >= 3


def s_client(port, *options, seconds=10, text=b""):
    """What `openssl s_client` says of one handshake."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
        input=text, capture_output=True, timeout=seconds * perigee.FACTOR, check=False,
    )  # fmt: skip
    return (done.stdout + done.stderr).decode(errors="replace")


def subject(port, name, *options):
    found = re.search(r"^subject=.*?CN ?= ?(\S+)", s_client(port, "-servername", name, "-alpn", "h2", *options), re.M)
    return found and found[1]


def tls_socket(port, alpn=None, context=None, session=None):
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    return context.wrap_socket(
        socket.create_connection(("127.0.0.1", port), 10 * perigee.FACTOR), server_hostname="localhost", session=session
    )


def read_all(sock):
    got = b""
    while chunk := sock.recv(65536):
        got += chunk
    return got


def curl(port, *options):
    if not shutil.which("curl"):
        raise tap.Skip("curl is not installed")
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "--http2", "--max-time", str(15 * perigee.FACTOR), *options,
         f"https://localhost:{port}/"],
        capture_output=True, timeout=20 * perigee.FACTOR, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# --- certificates ---


@tap.test
def certificates_by_name():
    """addContext: the name asked for, also by a wildcard, has its certificate; the rest gets the server's own"""
    with Identities() as made:
        for name, hosts in (("own", "localhost"), ("one", "one.example"), ("wild", "*.two.example")):
            made.make(name, hosts)
        script = PRELUDE + """
local server = serve { key = read "own.key", cert = read "own.pem" }
server:addContext("one.example", { key = read "one.key", cert = read "one.pem" })
server:addContext("*.two.example", tls.createSecureContext { key = read "wild.key", cert = read "wild.pem" })
"""
        with perigee.Server(script, form=1, files=made.files) as server:
            wanted = {"one.example": "one", "ONE.example": "one", "a.two.example": "wild", "two.example": "own",
                      "a.b.two.example": "own", "localhost": "own"}  # fmt: skip
            for name, certificate in wanted.items():
                for version in ("-tls1_2", "-tls1_3"):
                    assert subject(server.tls_port, name, version) == certificate, (name, version)


@tap.test
def certificates_by_callback():
    """SNICallback answers later, and each of many clients at once gets the certificate of its name"""
    with Identities() as made:
        names = [f"n{i}" for i in range(4)]
        for name in names:
            made.make(name, f"{name}.example")
        script = PRELUDE + """
local contexts = {}
for i = 0, 3 do
  contexts["n" .. i .. ".example"] = tls.createSecureContext { key = read("n" .. i .. ".key"), cert = read("n" .. i .. ".pem") }
end
local server = serve {
  SNICallback = function(name, cb) setTimeout(function() cb(nil, contexts[name]) end, 20) end,
}
server:on("tlsClientError", function(err) print("refused", err.code) end)
"""
        with perigee.Server(script, form=1, files=made.files) as server:
            clients = []
            for i in range(24):
                name = names[i % 4]
                clients.append((name, subprocess.Popen(
                    ["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-servername", f"{name}.example",
                     "-alpn", "h2"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                )))  # fmt: skip
            for name, client in clients:
                said = client.communicate(timeout=20 * perigee.FACTOR)[0].decode(errors="replace")
                assert re.search(rf"^subject=.*CN ?= ?{name}$", said, re.M), (name, said[:500])
                assert "ALPN protocol: h2" in said, said
            # A name nobody knows: the server has no certificate of its own, so nothing can be agreed on.
            assert subject(server.tls_port, "unknown.example") is None
            server.out.wait_for(r"^refused\s+ERR_SSL_NO_S")


@tap.test
def clients_that_leave_while_the_script_thinks():
    """clients that hang up while SNICallback has not answered leave nothing behind"""
    with Identities() as made:
        made.make("own")
        script = PRELUDE + """
local context = tls.createSecureContext { key = read "own.key", cert = read "own.pem" }
local waiting, slow = {}, true
local server = serve {
  SNICallback = function(_, cb)
    if not slow then return cb(nil, context) end
    waiting[#waiting + 1] = cb
    print("asked " .. #waiting)
    if #waiting == 20 then
      setTimeout(function()
        slow = false
        for i = 1, #waiting do waiting[i](nil, context) end
        print "answered"
      end, 200)
    end
  end,
}
setInterval(function()
  server:getConnections(function(_, n) if not slow and n == 0 then print "none left" end end)
end, 20):unref()
"""
        with perigee.Server(script, form=1, files=made.files) as server:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            for _ in range(20):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                hello = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
                try:
                    hello.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                with socket.create_connection(("127.0.0.1", server.tls_port), 10) as sock:
                    sock.sendall(outgoing.read())
            server.out.wait_for(r"^answered", 10)
            server.out.wait_for(r"^none left", 10)
            assert subject(server.tls_port, "localhost") == "own"


@tap.test
def two_kinds_of_certificates():
    """lists of key and cert: a client that knows but RSA gets the RSA certificate"""
    with Identities() as made:
        made.make("elliptic")
        made.make("rivest", kind="rsa")
        script = PRELUDE + """
serve { key = { read "elliptic.key", read "rivest.key" }, cert = { read "elliptic.pem", read "rivest.pem" } }
"""
        with perigee.Server(script, form=1, files=made.files) as server:
            for signatures, want in (("ECDSA+SHA256", "elliptic"), ("RSA-PSS+SHA256", "rivest")):
                assert subject(server.tls_port, "localhost", "-tls1_3", "-sigalgs", signatures) == want
            for cipher, want in (("ECDHE-ECDSA-AES128-GCM-SHA256", "elliptic"), ("ECDHE-RSA-AES128-GCM-SHA256", "rivest")):
                assert subject(server.tls_port, "localhost", "-tls1_2", "-cipher", cipher) == want


@tap.test
def bundles():
    """pfx: certificate and key out of one PKCS 12 file, with its passphrase, also in a list"""
    with Identities() as made:
        made.make("own")
        made.openssl("pkcs12", "-export", "-in", "own.pem", "-inkey", "own.key", "-out", "own.p12", "-passout", "pass:secret")
        made.keep("own.p12")
        for option in ('pfx = read "own.p12", passphrase = "secret"',
                       'pfx = { { buf = read "own.p12", passphrase = "secret" } }'):  # fmt: skip
            with perigee.Server(PRELUDE + f"serve {{ {option} }}", form=1, files=made.files) as server:
                assert subject(server.tls_port, "localhost") == "own"
        done = perigee.run("app.lua", files={"app.lua": PRELUDE + 'serve { pfx = read "own.p12", passphrase = "no" }', **made.files})
        assert done.code == 1 and "ERR_TLS_PASSPHRASE" in done.stderr, done


@tap.test
def certificates_change_under_load():
    """setSecureContext: new connections see the new certificate, the old ones go on"""
    with Identities() as made:
        made.make("old")
        made.make("new")
        script = PRELUDE + """
local server = serve { key = read "old.key", cert = read "old.pem" }
server:on("stream", function(_, headers)
  if headers[":path"] ~= "/change" then return end
  local ok, err = pcall(server.setSecureContext, server, { key = read "old.key", cert = read "new.pem" })
  print(ok, err.code)
  server:setSecureContext { key = read "new.key", cert = read "new.pem" }
end)
"""
        with perigee.Server(script, form=1, files=made.files) as server:
            assert subject(server.tls_port, "localhost") == "old"
            with h2client.Client(server.tls_port, tls=made.path("old.pem")) as client:
                assert client.get("/change").status == 200
                server.out.wait_for(r"^false\tERR_TLS_KEY_MISMATCH")
                assert subject(server.tls_port, "localhost") == "new"
                assert client.get("/").status == 200


@tap.test
def tickets_between_servers():
    """two servers with the same ticketKeys resume each other's sessions; with others they do not"""
    with Identities() as made:
        made.make("own")
        script = PRELUDE + """
for i = 1, 3 do
  local server = serve { key = read "own.key", cert = read "own.pem", ticketKeys = i == 1 and ("k"):rep(48) or nil }
  if i == 2 then server:setTicketKeys(("k"):rep(48)) end
end
"""
        with perigee.Server(script, form=1, files=made.files, listeners=3) as server:
            ports = [int(port) for port in re.findall(r"localhost:(\d+)", server.stdout)]
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                context.minimum_version = context.maximum_version = version
                session = None
                for port, reused in ((ports[0], False), (ports[1], True), (ports[2], False)):
                    with tls_socket(port, ["h2"], context, session=session) as sock:
                        assert sock.recv(9), "SETTINGS, and the ticket before it"
                        assert sock.session_reused == reused, (version, port)
                        session = session or sock.session


# --- client certificates ---


@tap.test
def client_certificates():
    """requestCert: who has one of our authority gets in, and the script knows the name; revoked ones do not"""
    with Identities() as made:
        if not made.can_issue():
            raise tap.Skip("openssl req cannot issue")
        made.make("own")
        made.make("authority", authority=True)
        made.make("alice", issuer="authority")
        made.make("mallory", issuer="authority")
        made.make("stranger")
        with open(made.path("ca.conf"), "w", encoding="ascii") as f:
            f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=2\n")
        open(made.path("index"), "w", encoding="ascii").close()
        ca = ("ca", "-config", "ca.conf", "-keyfile", "authority.key", "-cert", "authority.pem")
        made.openssl(*ca, "-revoke", "mallory.pem")
        made.openssl(*ca, "-gencrl", "-out", "revoked.crl")
        made.keep("revoked.crl")
        script = PRELUDE + """
local server = http2.createSecureServer {
  key = read "own.key", cert = read "own.pem", ca = read "authority.pem", crl = read "revoked.crl", requestCert = true,
}
server:on("tlsClientError", function(err) print("refused", err.code) end)
server:on("stream", function(stream)
  local socket = stream.session.socket
  local certificate = socket:getPeerCertificate()
  stream:respond {}
  stream:finish(("%s %s %s %s"):format(tostring(socket.authorized), certificate.subject.CN, certificate.subject.O,
    certificate.issuer.CN))
end)
server:listen(0, "127.0.0.1", function() print("listening on https://localhost:" .. server:address().port) end)
"""
        with perigee.Server(script, form=1, files=made.files) as server:
            def ask(name):
                more = ["--cert", made.path(f"{name}.pem"), "--key", made.path(f"{name}.key")] if name else []
                return curl(server.tls_port, "--cacert", made.path("own.pem"), *more)

            code, out, err = ask("alice")
            assert (code, out) == (0, "true alice Perigee tests authority"), (code, out, err)
            for name, reason in ((None, "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE"), ("mallory", "CERT_REVOKED"),
                                 ("stranger", "(DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_GET_CRL)")):  # fmt: skip
                assert ask(name)[0] != 0, name
                server.out.wait_for(rf"^refused\s+{reason}")


# --- peers without HTTP/2 ---


@tap.test
def peers_without_alpn():
    """a TLS client without ALPN gets one 403 and the end of the connection"""
    with perigee.Server("scripts/hello.lua", tls=True) as server:
        with tls_socket(server.tls_port) as sock:
            got = read_all(sock)
        assert got.startswith(b"HTTP/1.0 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nMissing ALPN Protocol"), got
        try:
            tls_socket(server.tls_port, ["http/1.1"])
            raise AssertionError("http/1.1 was agreed on")
        except ssl.SSLError as err:
            assert "NO_APPLICATION_PROTOCOL" in str(err).upper().replace(" ", "_"), err
        with h2client.Client(server.tls_port, tls=server.cert) as client:
            assert client.get("/").status == 200


@tap.test
def a_script_for_unknown_protocols():
    """'unknownProtocol' has the socket; the script answers, ends it, or the time for it runs out"""
    with Identities() as made:
        made.make("own")
        script = PRELUDE + """
local server = serve { key = read "own.key", cert = read "own.pem", unknownProtocolTimeout = 150 }
local n = 0
server:on("unknownProtocol", function(socket)
  n = n + 1
  print("unknown", socket.alpnProtocol, socket.servername, socket.remoteAddress)
  socket:on("close", function() print "closed" end)
  if n == 1 then socket:finish "last words" end
  if n == 2 then socket:destroy() end
end)
"""
        with perigee.Server(script, form=1, files=made.files) as server:
            for n, want in enumerate((b"last words", b"", b""), 1):
                with tls_socket(server.tls_port) as sock:
                    assert read_all(sock) == want, n
                server.out.wait_for(r"^closed", 5, n)
            server.out.wait_for(r"^unknown\tnil\tlocalhost\t127.0.0.1", 5, 3)


# --- Node ---


@tap.test
def node_as_client_and_server():
    """Node's client before SNICallback and ALPNCallback; our client with a certificate before Node's server"""
    node = shutil.which("node") or shutil.which("nodejs")
    if not node:
        raise tap.Skip("node is not installed")
    with Identities() as made:
        made.make("own")
        made.make("mine", authority=True)
        script = PRELUDE + """
local context = tls.createSecureContext { key = read "own.key", cert = read "own.pem" }
serve {
  SNICallback = function(name, cb) setImmediate(function() cb(nil, context) end) end,
  ALPNCallback = function(offer) return offer.protocols[#offer.protocols] end,
}
"""
        js = """
const http2 = require("http2"), fs = require("fs");
const session = http2.connect(`https://localhost:${process.argv[2]}`, { ca: fs.readFileSync(process.argv[3]) });
session.on("error", (err) => { console.log(err.code); process.exit(1); });
session.on("connect", () => console.log(session.alpnProtocol, session.socket.authorized));
const req = session.request();
req.setEncoding("utf8").on("data", (chunk) => console.log(chunk)).on("end", () => session.close());
"""
        with perigee.Server(script, form=1, files=made.files) as server:
            done = subprocess.run(
                [node, "-e", js, "x", str(server.tls_port), made.path("own.pem")],
                capture_output=True, timeout=20 * perigee.FACTOR, check=False,
            )  # fmt: skip
            assert done.stdout == b"h2 true\nhello\n", done
        js = """
const http2 = require("http2"), fs = require("fs");
const [key, cert, ca] = process.argv.slice(2).map((name) => fs.readFileSync(name));
const server = http2.createSecureServer({ key, cert, ca, requestCert: true, rejectUnauthorized: true });
server.on("stream", (stream) => {
  const { socket } = stream.session;
  stream.respond({});
  stream.end(`${socket.authorized} ${socket.getPeerCertificate().subject.CN} ${socket.servername} ${socket.getProtocol()}`);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""
        peer = subprocess.Popen(
            [node, "-e", js, "x", made.path("own.key"), made.path("own.pem"), made.path("mine.pem")], stdout=subprocess.PIPE
        )
        try:
            port = int(peer.stdout.readline())
            app = PRELUDE + f"""
local function ask(what, options)
  options.ca = options.ca or read "own.pem"
  local session = http2.connect("https://localhost:{port}", options)
  session:on("error", function() end)
  local ok, err = session:await "connect"
  if not ok then return print(what, err.code) end
  print(what, session:request():body())
  session:close()
end
ask("pem", {{ key = read "mine.key", cert = read "mine.pem" }})
ask("1.2", {{ key = read "mine.key", cert = read "mine.pem", maxVersion = "TLSv1.2" }})
ask("ca", {{ key = read "mine.key", cert = read "mine.pem", ca = read "mine.pem" }})
ask("name", {{ key = read "mine.key", cert = read "mine.pem", servername = "elsewhere.example" }})
"""
            done = perigee.run("app.lua", files={"app.lua": app, **made.files})
            assert done.stdout.split("\n") == [
                "pem\ttrue mine localhost TLSv1.3",
                "1.2\ttrue mine localhost TLSv1.2",
                "ca\tDEPTH_ZERO_SELF_SIGNED_CERT",
                "name\tERR_TLS_CERT_ALTNAME_INVALID",
                "",
            ], done
        finally:
            peer.kill()
            peer.wait()
            peer.stdout.close()


# --- what holds a program ---


@tap.test
def unref():
    """sessions and servers that were unref'd, whatever their state, do not hold a program"""
    script = """
local http2 = require "http2"
local server = http2.createServer():unref()
server:listen(0, "127.0.0.1", function()
  local port = server:address().port
  local destroyed = http2.connect("http://127.0.0.1:" .. port)
  destroyed:destroy()
  destroyed:unref()
  local early = http2.connect("http://127.0.0.1:" .. port)
  early:unref()
  early:on("error", function() end)
  local late = http2.connect("http://127.0.0.1:" .. port)
  late:on("connect", function() late.socket:unref() print "connected" end)
end)
server:on("session", function(session) session:unref() end)
setTimeout(function() print "held" end, 30000):unref()
"""
    done = perigee.run("app.lua", files={"app.lua": script})
    assert done.code == 0 and done.stdout == "connected\n", done


if __name__ == "__main__":
    tap.main()
