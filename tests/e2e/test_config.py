"""The configuration of the service: `perigee check`, and the child that makes the master's settings of it (issue 4).

run: slow
run: deadline 300
"""

import os
import random
import re
import resource
import stat
import subprocess

import perigee
import tap

APP = 'return function(stream) stream:respond {} stream:finish("ok") end\n'
# As root, tests need no user "perigee" (and as anybody else the setting is without effect).
MINIMAL = 'return { script = "app.lua", listen = ":8000", security = { root = true } }\n'


def config(more="", listen='":8000"'):
    """A good configuration, one setting a line; `more` begins in line 5."""
    return (
        "return {\n"
        '  script = "app.lua",\n'
        f"  listen = {{ {listen} }},\n"
        "  security = { root = true },\n" + more + "\n}\n"
    )


def check(text, *flags, files=None, **options):
    """`perigee check` of a configuration c.lua beside a good app.lua."""
    return perigee.run("check", "-c", "c.lua", *flags, files={"app.lua": APP, "c.lua": text, **(files or {})}, **options)


def good(text, *flags, **options):
    done = check(text, *flags, **options)
    assert done.code == 0 and not done.stderr, done
    return done


def bad(text, *patterns, **options):
    done = check(text, **options)
    assert done.code == 1 and not done.stdout, done
    for pattern in patterns:
        assert re.search(pattern, done.stderr, re.M), f"no {pattern!r} in:\n{done}"
    return done


def configure(text, files=None, env=None):
    """Runs the master's child; gives (exit code, what it said, the document as {path: value}, or None)."""
    process = perigee.Process(
        ["sh", "-c", 'exec "$0" configure -c c.lua 3>document', perigee.BINARY],
        {"app.lua": APP, "c.lua": text, **(files or {})},
        {"PERIGEE_CONFIGURE": "1", **(env or {})},
    )
    try:
        code = process.wait(10)
        said = process.stderr
        with open(os.path.join(process.folder, "document"), "rb") as f:
            document = f.read()
        where = process.folder
    finally:
        process.stop()
    assert not perigee.SANITIZER.search(said), said
    return code, said, parsed(document) if document else None, where


def parsed(document):
    head = b"perigee-settings 1\n"
    assert document.startswith(head), document[:100]
    settings, at = {}, len(head)
    while at < len(document):
        line = re.compile(rb"([a-z0-9_.#]+) ([snb]) (\d+)\n").match(document, at)
        assert line, document[at : at + 100]
        end = line.end() + int(line[3])
        value = document[line.end() : end].decode()
        assert document[end : end + 1] == b"\n"
        at = end + 1
        path = line[1].decode()
        assert path not in settings, path
        settings[path] = {b"s": str, b"n": int, b"b": lambda v: {"true": True, "false": False}[v]}[line[2]](value)
    return settings


def openssl(*argv, cwd):
    subprocess.run(["openssl", *argv], check=True, capture_output=True, timeout=30, cwd=cwd)


def make_pair(where, name, *names, days=2):
    """Writes NAME.pem and NAME.key for the host names."""
    subject_names = ["-addext", "subjectAltName=" + ",".join("DNS:" + n for n in names)] if names else []
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days),
        "-subj", "/CN=" + name, *subject_names, "-keyout", name + ".key", "-out", name + ".pem", cwd=where,
    )  # fmt: skip


class Certificates:
    """Files for `files=`: a.pem, a.key for example.org and *.example.org, b.* for b.test, and some that are bad."""

    _files = None

    @classmethod
    def files(cls):
        if cls._files is None:
            where = perigee.folder()
            make_pair(where, "a", "example.org", "*.example.org")
            make_pair(where, "b", "b.test")
            make_pair(where, "plain")
            openssl("ec", "-in", "a.key", "-aes128", "-passout", "pass:x", "-out", "locked.key", cwd=where)
            with open(os.path.join(where, "ca.cnf"), "w") as f:
                f.write("[ca]\ndefault_ca=c\n[c]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n")
                f.write("policy=p\n[p]\ncommonName=supplied\n")
            with open(os.path.join(where, "index"), "w"), open(os.path.join(where, "serial"), "w") as f:
                f.write("01\n")
            openssl("req", "-new", "-key", "a.key", "-subj", "/CN=old", "-out", "old.csr", cwd=where)
            openssl("ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "a.key", "-in", "old.csr", "-notext",
                    "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-out", "old.pem", cwd=where)  # fmt: skip
            cls._files = {}
            for name in os.listdir(where):
                if name.endswith((".pem", ".key")):
                    with open(os.path.join(where, name), "rb") as f:
                        cls._files[name] = f.read()
            subprocess.run(["rm", "-r", where], check=True)
        return dict(cls._files)


def private(*names):
    """Before the command: only the owner reads these keys, so that nothing warns of them."""

    def before():
        for name in names:
            os.chmod(name, 0o600)

    return before


# --- what is good ---


@tap.test
def a_good_configuration_is_passed_over_in_silence():
    good(MINIMAL)
    good(config('  workers = 2,\n  limits = { idle_timeout = "1min", header_list_size = "32KiB" },'))


@tap.test
def a_program_may_be_the_script():
    program = 'local s = require("http2").createServer()\ns:listen(8000)\n'
    good(MINIMAL, files={"app.lua": program})


@tap.test
def the_environment_is_read():
    done = good(config('  pid_file = env "PIDS" .. "/p", log = { access = env "NONE" },'), "--print", env={"PIDS": "/tmp"})
    assert 'pid_file = "/tmp/p"' in done.stdout and "access = false" in done.stdout, done


@tap.test
def the_shipped_configuration_has_the_defaults():
    with open(os.path.join(perigee.TOP, "conf/perigee.conf.lua")) as f:
        shipped = f.read()
    changed = shipped.replace('script = "/etc/perigee/app.lua"', 'script = "app.lua"').replace(
        "--root = false", "root = true"
    )
    assert changed.count("app.lua") == shipped.count("app.lua") and "\n    root = true" in changed
    folders = []

    def printed(text):
        done = good(text, "--print")
        folders.append(re.search(r'script = "(.*)/app.lua"', done.stdout)[1])
        return done.stdout.replace(folders[-1], "")

    assert printed(changed) == printed(MINIMAL)


@tap.test
def workers_follow_the_processors_that_may_be_used():
    done = good(MINIMAL, "--print", preexec=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}))
    assert "  workers = 1,\n" in done.stdout, done


# --- --print ---


@tap.test
def what_is_printed_is_a_configuration_with_the_same_settings():
    text = """
return {
  script = "app.lua", arguments = { "x y", 'q"\\\\', "" },
  listen = {
    ":8000", { address = "unix:run.sock", mode = "600", script = "other.lua" },
    { address = "https://[::1]:8443", backlog = 7, tls = {
      { certificate = "a.pem", key = "a.key" }, { certificate = "b.pem", key = "b.key" },
      min_version = "TLSv1.3", client_certificate = "request", client_ca = "b.pem" } },
  },
  workers = 3, umask = "077", control = "c.sock", pid_file = "pid",
  log = { level = "debug", format = "json", file = "d.log", access = "a.log", access_format = "json" },
  limits = { idle_timeout = 0, drain_timeout = "1500ms", header_list_size = "1025B" },
  admin = "127.0.0.1:9180", security = { processes = false, root = true },
}
"""
    files = {"other.lua": APP, **Certificates.files()}
    first = good(text, "--print", files=files, preexec=private("a.key", "b.key"))
    folder = re.search(r'script = "(.*)/app.lua"', first.stdout)[1]
    printed = first.stdout.replace(folder + "/", "")  # the next run has a folder of its own
    second = good(printed, "--print", files=files, preexec=private("a.key", "b.key"))
    other = re.search(r'script = "(.*)/app.lua"', second.stdout)[1]
    assert second.stdout.replace(other + "/", "") == printed
    for said in ('idle_timeout = "0ms"', 'drain_timeout = "1500ms"', 'header_list_size = "1025B"', 'key = "b.key"',
                 'umask = "0077"', "processes = false", 'address = "127.0.0.1:9180"', "backlog = 7"):  # fmt: skip
        assert said in printed, f"no {said!r} in:\n{printed}"
    assert "PRIVATE" not in first.stdout + first.stderr


@tap.test
def scripts_print_beside_what_is_printed():
    done = check(MINIMAL, "--print", files={"app.lua": 'print "hello"\n' + APP})
    assert done.code == 0 and done.stdout.startswith("-- The settings") and done.stderr == "hello\n", done


@tap.test
def nothing_is_printed_of_a_bad_configuration():
    done = check(config("  workers = 0,"), "--print")
    assert done.code == 1 and not done.stdout and "c.lua:5: workers:" in done.stderr, done


# --- what is wrong ---


@tap.test
def all_problems_are_said_at_once_in_the_order_of_lines():
    done = bad(
        """return {
  script = "none.lua",
  workers = "many",
  listen = {
    ":8000",
    { address = "127.0.0.1:8000", skript = "app.lua" },
    { address = "0.0.0.0:8000", tls = { certificate = "c.lua", key = "none.key" } },
  },
  limits = { idle_timeot = "3min", header_timeout = 10, streams = 0 },
  log = { file = "none/x.log", level = "loud" },
  security = { root = true },
  level = "info",
}
"""
    )
    where = [re.match(r"c\.lua:(\d+): ([^:]+): ", line) for line in done.stderr.splitlines()]
    assert all(where), done
    assert sorted((int(m[1]), m[2]) for m in where) == [
        (2, "script"), (3, "workers"), (6, "listen[2].skript"), (7, "listen[3].address"),
        (7, "listen[3].tls.key"), (9, "limits.header_timeout"), (9, "limits.idle_timeot"), (9, "limits.streams"),
        (10, "log.file"), (10, "log.level"), (12, "level"),
    ], done  # fmt: skip
    assert [int(m[1]) for m in where] == sorted(int(m[1]) for m in where), done
    for said in ("did you mean idle_timeout?", "did you mean log.level?", "did you mean script?", "found 10",
                 '"auto" or a whole number from 1 to 128, found "many"', "No such file or directory"):  # fmt: skip
        assert said in done.stderr, f"no {said!r} in {done}"


@tap.test
def scripts_are_checked_with_the_settings_and_each_once():
    text = """
return {
  script = "app.lua", arguments = { "one", "two words" }, security = { root = true },
  listen = { ":8000", { address = ":8001", script = "broken.lua" }, { address = ":8002", script = "throws.lua" },
    { address = ":8003", script = "app.lua" } },
}
"""
    app = 'io.stderr:write("checked with ", table.concat(arg, "|"), "\\n")\n' + APP
    files = {"app.lua": app, "broken.lua": "\nx =\n", "throws.lua": '\n\nerror "no data base"\n'}
    done = bad(text, r"broken\.lua:3:.*unexpected", r"throws\.lua:3: no data base", files=files)
    assert done.stderr.count("checked with one|two words\n") == 1, done
    done = bad(text.replace('":8000"', '":8000", 5'), r"c\.lua:4: listen\[2\]: expected", r"broken\.lua:3:", files=files)
    assert done.stderr.count("checked with") == 1, done  # an error in the settings hides no error of a script


@tap.test
def a_script_that_kills_its_process_is_no_good():
    bad(MINIMAL, r"the check of /.*/app\.lua was ended by signal 9",
        files={"app.lua": 'require("luv").kill(require("luv").os_getpid(), 9)\n'})  # fmt: skip


@tap.test
def a_script_beside_a_configuration_is_checked_too():
    done = perigee.run("check", "-c", "c.lua", "x.lua", files={"c.lua": MINIMAL, "app.lua": APP, "x.lua": "x ="})
    assert done.code == 1 and re.search(r"x\.lua:1:", done.stderr), done
    done = perigee.run("check", "x.lua", files={"x.lua": APP})
    assert done.code == 0 and not done.stderr, done


@tap.test
def the_default_file_is_named():
    if os.path.exists("/etc/perigee/perigee.conf.lua"):
        raise tap.Skip("there is one")
    done = perigee.run("check")
    assert done.code == 1 and "/etc/perigee/perigee.conf.lua: cannot be read: No such file" in done.stderr, done


@tap.test
def paths_begin_in_the_folder_of_the_file():
    files = {"etc/c.lua": MINIMAL, "etc/app.lua": APP}
    done = perigee.run("check", "-c", "etc/c.lua", "--print", files=files)
    assert done.code == 0 and re.search(r'script = "/.*/etc/app\.lua"', done.stdout), done
    done = perigee.run("check", "-c", "etc/c.lua", files={"etc/c.lua": MINIMAL, "app.lua": APP})
    assert done.code == 1 and "etc/c.lua:1: script: expected a script that can be read" in done.stderr, done


@tap.test
def what_cannot_be_read_is_one_line():
    for path, why in (("none.lua", "No such file or directory"), (".", "Is a directory"), ("/dev/zero", "regular file")):
        done = perigee.run("check", "-c", path)
        assert done.code == 1 and done.stderr == f"{path}: cannot be read: {why}\n" or why in done.stderr, done
        assert done.stderr.count("\n") == 1, done
    done = perigee.run("check", "-c", "fifo", preexec=lambda: os.mkfifo("fifo"))
    assert done.code == 1 and "it is not a regular file" in done.stderr, done
    done = perigee.run("check", "-c", "large.lua", files={"large.lua": " " * (1024 * 1024 + 1)})
    assert done.code == 1 and "larger than 1 MiB" in done.stderr, done


@tap.test
def a_wrong_command_line_is_exit_code_2():
    for argv in (("check", "-c"), ("check", "--prnt"), ("check", "--print=x")):
        done = perigee.run(*argv)
        assert done.code == 2 and done.stderr, done


# --- certificates ---


def tls(text):
    return config(listen='{ address = ":8443", tls = ' + text + " }")


@tap.test
def certificates_are_told_from_bad_ones():
    files = Certificates.files()
    where = private("a.key", "b.key", "plain.key", "locked.key")

    def wrong(text, pattern):
        done = bad(tls(text), pattern, files=files, preexec=where)
        assert done.stderr.count("\n") == 1 and "PRIVATE KEY-----" not in done.stderr, done

    good(tls('{ certificate = "a.pem", key = "a.key" }'), files=files, preexec=where)
    wrong('{ certificate = "a.pem", key = "b.key" }',
          r"^c\.lua:3: listen\[1\]\.tls\.key: the private key does not match the certificate \(subject CN=a\)")  # fmt: skip
    wrong('{ { certificate = "a.pem", key = "a.key" }, { certificate = "b.pem", key = "a.key" } }',
          r"listen\[1\]\.tls\[2\]\.key: the private key does not match")  # fmt: skip
    wrong('{ certificate = "a.key", key = "a.key" }',
          r'tls\.certificate: .*expected a "CERTIFICATE" block in PEM, found a "(EC )?PRIVATE KEY" block')  # fmt: skip
    wrong('{ certificate = "app.lua", key = "a.key" }', r"tls\.certificate: .*found text without any PEM block")
    wrong('{ certificate = "a.pem", key = "a.pem" }', r'tls\.key: .*expected a "PRIVATE KEY" block')
    wrong('{ certificate = "a.pem", key = "locked.key" }', r"tls\.key: the private key is encrypted")
    wrong('{ certificate = "a.pem", key = "none.key" }', r"tls\.key: expected a file with a private key .*No such file")
    wrong('{ certificate = "a.pem", key = "a.key", ciphers = "NONSENSE" }', r"tls\.ciphers: .*NONSENSE")
    wrong('{ certificate = "a.pem", key = "a.key", curves = "NONSENSE" }', r"tls\.curves: .*NONSENSE")
    wrong('{ certificate = "a.pem", key = "a.key", client_ca = "a.key", client_certificate = "request" }',
          r"tls\.client_ca: ")  # fmt: skip
    wrong('{ certificate = "a.pem", key = "a.key", client_ca = "b.pem", client_crl = "b.pem", '
          'client_certificate = "require" }', r"tls\.client_crl: ")  # fmt: skip


@tap.test
def an_expired_certificate_and_an_open_key_are_warnings():
    done = check(tls('{ certificate = "old.pem", key = "a.key" }'), files=Certificates.files(), preexec=private("a.key"))
    assert done.code == 0, done
    assert done.stderr == "c.lua:3: warning: listen[1].tls.certificate: the certificate (CN=old) expired on 2020-02-01\n"
    done = check(tls('{ certificate = "a.pem", key = "a.key" }'), files=Certificates.files(),
                 preexec=lambda: os.chmod("a.key", 0o644))  # fmt: skip
    assert done.code == 0 and re.search(r"warning: listen\[1\]\.tls\.key: every user .* mode 0644", done.stderr), done


# --- the settings document ---


@tap.test
def the_masters_child_writes_the_settings():
    text = tls('{ { certificate = "a.pem", key = "a.key" }, { certificate = "b.pem", key = "b.key" }, '
               '{ certificate = "plain.pem", key = "plain.key" } }')  # fmt: skip
    files = Certificates.files()
    code, _, settings, where = configure(text, files)
    assert code == 0
    expected = {
        "script": where + "/app.lua", "listen#": 1, "listen.1.address": ":8443", "listen.1.host": "",
        "listen.1.port": 8443, "listen.1.secure": True, "listen.1.tls.certificates#": 3,
        "listen.1.tls.certificates.1.certificate": files["a.pem"].decode(),
        "listen.1.tls.certificates.1.key": files["a.key"].decode(),
        "listen.1.tls.certificates.1.names#": 2, "listen.1.tls.certificates.1.names.1": "example.org",
        "listen.1.tls.certificates.1.names.2": "*.example.org", "listen.1.tls.certificates.2.names.1": "b.test",
        "listen.1.tls.certificates.3.names.1": "plain", "listen.1.tls.client_certificate": "none",
        "limits.drain_timeout": 30000, "limits.header_list_size": 65536, "umask": 0o27, "log.file": "stderr",
        "security.processes": True, "security.root": True,
    }  # fmt: skip
    for path, value in expected.items():
        assert settings.get(path) == value, f"{path} is {settings.get(path)!r}, not {value!r}"
    assert re.fullmatch(r"[0-9a-f]{96}", settings["listen.1.tls.ticket_key"])
    again = configure(text, files)[2]
    assert again["listen.1.tls.ticket_key"] != settings["listen.1.tls.ticket_key"]


@tap.test
def sockets_follow_the_folders_of_the_environment():
    where = {"RUNTIME_DIRECTORY": "/run/one:/run/two"}
    _, _, settings, _ = configure(MINIMAL, env=where)
    assert settings["control"] == "/run/one/control.sock" and settings["admin.path"] == "/run/one/admin.sock", settings


@tap.test
def the_masters_child_writes_nothing_of_a_bad_configuration():
    code, said, settings, _ = configure(config("  workers = 0,"))
    assert code == 1 and settings is None and said.startswith("c.lua:5: workers: "), said


@tap.test
def the_masters_child_looks_at_scripts_only():
    code, said, settings, _ = configure(MINIMAL, {"app.lua": "x ="})  # the first new worker will say it
    assert code == 0 and settings and not said, said


@tap.test
def the_role_is_internal():
    done = perigee.run("configure")  # the name of a script
    assert done.code == 1 and re.search(r"configure: No such file", done.stderr), done


# --- hostile files ---

HOSTILE = {
    "an endless loop": ("\nwhile true do end", r"^c\.lua:2: the file runs for too long"),
    "an endless loop that counts": ("for i = 1, 1e18 do end", r"^c\.lua:1: the file runs for too long"),
    "an endless loop without a body": ("repeat until false", r"too long"),
    "an endless recursion": ("local function f() return f() end return f()", r"too long"),
    "a deep recursion": ("local function f() return 1 + f() end return f()", r"stack overflow"),
    "a text that doubles": ('local s = "x" while true do s = s .. s end', r"^c\.lua: the file needs more than 32 MiB"),
    "a slow copy of a large text": (
        'local s = "xxxxxxxxxxxxxxxx" for i = 1, 16 do s = s .. s end while true do local t = s .. "y" end',
        r"^c\.lua:1: the file runs for too long",
    ),
    "a table that grows": ("local t = {} for i = 1, 1e9 do t[i] = i end", r"32 MiB|too long"),
    "tables that hold each other": ("local t = {} t.limits = t return t", r"nested too deeply, or one holds itself"),
    "a table that doubles": (
        "local t = {} for i = 1, 15 do t = { t, t, t, t } end return { limits = t }", r"returns too much|too deeply",
    ),
    "a long text many times": (
        'local s = "xxxxxxxxxxxxxxxx" for i = 1, 16 do s = s .. s end\n'
        "local t = {} for i = 1, 40000 do t[i] = s end return { arguments = t }", r"^c\.lua: a text has more than 64 KiB",
    ),
    "many texts": ("local t = {} for i = 1, 60000 do t[i] = i end return { arguments = t }", r"returns too much"),
    "os": ('os.exit(0)', r'^c\.lua:1: the name "os" is not known: a configuration has no libraries'),
    "io": ('local f = io.open("x")', r'the name "io" is not known'),
    "require": ('require "ffi"', r'the name "require" is not known'),
    "pcall": ("pcall(error)", r'the name "pcall" is not known'),
    "setmetatable": ("setmetatable({}, {})", r'the name "setmetatable" is not known'),
    "_G": ("return _G", r'the name "_G" is not known'),
    "methods of texts": ('return ("x"):rep(1e9)', r"^c\.lua:1: attempt to index .*: texts have no methods"),
    "a number for FFI": ("return { listen = { 1LL } }", r"^c\.lua:1: listen\[1\]: expected"),
    "coroutines": ("coroutine.wrap(function() end)()", r'the name "coroutine" is not known'),
    "env with a table": ("local x = env {}", r"^c\.lua:1: env expects the name of a variable"),
    "bytecode": (b"\x1bLJ\x02\x08\x00", r"^c\.lua: expected Lua source text, found compiled code"),
    "nothing": ("", r"^c\.lua: expected a table of settings to be returned, found nothing"),
    "only a comment": ("-- return {}", r"expected a table of settings to be returned"),
    "deep nesting": ("return " + "{" * 5000 + "}" * 5000, r"^c\.lua:1: chunk has too many syntax levels"),
    "nesting that is compiled": ("return { limits = " + "{" * 100 + "}" * 100 + " }", r"nested too deeply"),
    "deep parentheses": ("return " + "(" * 100000 + ")" * 100000, r"^c\.lua:1: chunk has too many syntax levels"),
    "a NUL": (b'return { script = "a\0b" }', r'script: expected the path of a file \(a text\), found "a\\0b"'),
    "a NUL in the source": (b"return {} \0", r"^c\.lua:1: "),
    "signs of a terminal": ('return { ["\\27[2J"] = "\\27]0;x\\7" }', r'\["\\27\[2J"\]: unknown setting'),
    "another writing": ('return { ["größe"] = 1 }'.encode(), r"größe.*unknown setting"),
    "a number that is none": ("return { workers = 0/0, umask = 1/0 }", r"workers: expected .*found -?nan"),
    "an error of its own kind": ("local t = nil + 1", r"^c\.lua:1: attempt to perform arithmetic"),
}


def hostile(label, text, pattern):
    done = check(text, seconds=20)
    assert done.code == 1 and not done.stdout, f"{label}: {done}"
    assert re.search(pattern, done.stderr, re.M), f"{label}: no {pattern!r} in {done}"
    assert "PANIC" not in done.stderr and "traceback" not in done.stderr, f"{label}: {done}"
    for line in done.stderr.splitlines():
        assert line.startswith("c.lua:"), f"{label}: {done}"
        assert line.isprintable(), f"{label}: {line!r}"


@tap.test(deadline=150)
def hostile_files_are_refused_in_bounds():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for label, (text, pattern) in HOSTILE.items():
        hostile(label, text, pattern)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not perigee.SANITIZED:
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert used < 20, f"{used} s of CPU"
        assert after.ru_maxrss < 150 * 1024, f"{after.ru_maxrss} KiB of memory"


@tap.test(deadline=150)
def damaged_files_are_refused_or_good():
    rng = random.Random(4)
    text = config(
        '  limits = { idle_timeout = "3min", streams = 100 },\n  log = { level = "info" },\n  admin = false,',
        '":8000", { address = "unix:x.sock", mode = "0600" }',
    ).encode()
    for number in range(12 if perigee.SANITIZED else 40):
        damaged = bytearray(text)
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(len(damaged))
            kind = rng.randrange(3)
            if kind == 0:
                damaged[at] = rng.randrange(256)
            elif kind == 1:
                del damaged[at : at + rng.randrange(1, 20)]
            else:
                damaged[at:at] = rng.choice((b"{", b"}", b'"', b",", b"= ", b"\n", b"[", b"nil", b"\xff", b"env"))
            if not damaged:
                break
        done = check(bytes(damaged), seconds=20)
        assert done.code in (0, 1) and bool(done.stderr) == bool(done.code), f"{number}: {bytes(damaged)!r}\n{done}"


@tap.test
def rubbish_is_refused():
    rng = random.Random(5)
    for size in (1, 10, 1000, 100000):
        done = check(rng.randbytes(size))
        assert done.code == 1 and done.stderr.startswith("c.lua:"), done
        assert all(line.isprintable() or "\ufffd" in line for line in done.stderr.splitlines()), done


@tap.test
def files_of_others_are_not_read():
    if os.geteuid() == 0:
        raise tap.Skip("root reads everything")
    done = check(MINIMAL, preexec=lambda: os.chmod("c.lua", 0))
    assert done.code == 1 and "c.lua: cannot be read: Permission denied" in done.stderr, done
    done = check(MINIMAL, preexec=lambda: os.chmod("app.lua", stat.S_IWUSR))
    assert done.code == 1 and "script: expected a script that can be read" in done.stderr, done


if __name__ == "__main__":
    tap.main()
