"""What docs/operations.md says is so: its configurations are good ones, its commands, files, metrics and sentences exist."""
import errno
import glob
import json
import os
import re
import subprocess
import tempfile

import h2client
import perigee
import tap

TOP = perigee.TOP


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


PAGE = read("docs/operations.md")


def blocks(language):
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)
    assert found, f"no block of {language}"
    return found


def sources(*patterns):
    """The text of all these files; pieces of C strings that stand behind each other are one."""
    paths = sorted(path for pattern in patterns for path in glob.glob(os.path.join(TOP, pattern), recursive=True))
    assert paths, patterns
    return re.sub(r'"\s*\n\s*"', "", "\n".join(read(path) for path in paths))


@tap.test
def the_configurations_are_good():
    """`perigee check` is content with every configuration"""
    with tempfile.TemporaryDirectory() as folder:
        perigee.readable_for_all(folder)  # scripts are checked as the user that will run them
        for name in ("example.org", "example.net"):
            os.makedirs(f"{folder}/tls/{name}")
            made = perigee.make_certificate(f"{folder}/tls/{name}", "made")
            for source, to in zip(made, ("fullchain.pem", "privkey.pem")):
                os.rename(source, f"{folder}/tls/{name}/{to}")
        for name in ("app.lua", "internal.lua"):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write("return function(stream) stream:finish() end\n")
        for text in blocks("lua"):
            # Where it is tried, not where it is meant for; and an account that is everywhere.
            text = text.replace("/etc/perigee/", folder + "/").replace("/var/log/perigee/", folder + "/")
            text = text.replace("return {\n", 'return {\n  user = "nobody",\n', 1)
            with open(f"{folder}/perigee.conf.lua", "w", encoding="utf-8") as file:
                file.write(text)
            done = perigee.run("check", "-c", f"{folder}/perigee.conf.lua")
            assert done.code == 0, f"{text}\n{done}"


@tap.test
def the_commands_can_be_typed():
    """the shell reads every command, and `perigee` has each command and option"""
    for text in blocks("sh"):
        done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, timeout=10)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
    calls = re.findall(r"(?:^|[`(] ?|&& |; )perigee ([a-z]+)((?: --?[\w-]+(?:=\S+)?)*)", "\n".join(blocks("sh")), re.M)
    assert len(calls) >= 6, calls
    for command, options in calls:
        help_text = perigee.run("help", command)
        assert help_text.code == 0, f"perigee {command}: {help_text}"
        for option in options.split():
            assert option in help_text.stdout, f"perigee {command} has no {option}"


@tap.test
def the_files_are_installed():
    """every file of the package that is named is installed"""
    build = os.path.dirname(perigee.BINARY)
    if not os.path.exists(os.path.join(build, "cmake_install.cmake")):
        raise tap.Skip("the binary under test is not in its build folder")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["cmake", "--install", build, "--prefix", "/usr"],
            env={**os.environ, "DESTDIR": folder}, capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        named = set(re.findall(r"/usr/share/(?:doc/)?perigee[\w./-]*[\w-]", PAGE))
        named |= {"/etc/perigee/perigee.conf.lua", "/etc/perigee/app.lua", "/etc/logrotate.d/perigee"}
        assert len(named) >= 5, named
        for path in named:
            assert os.path.exists(folder + path), f"{path} is not installed"


@tap.test
def the_log_lines_are_json():
    """examples of logs in JSON are objects, with the keys that the others show"""
    for text in blocks("json"):
        for line in text.splitlines():
            found = json.loads(line)
            assert "time" in found and ("msg" in found or "peer" in found), line


@tap.test
def the_metrics_exist():
    """the alerts use metrics that there are, with labels that there are"""
    code = sources("daemon/metrics/*.[ch]")
    names = set(re.findall(r"perigee_\w+", "\n".join(blocks("yaml"))))
    assert len(names) >= 3, names
    for name in names:
        assert f'"{re.sub("_bucket$", "", name)}"' in code, f"there is no metric {name}"


@tap.test
def the_sentences_exist():
    """each sentence of the table of faults is one that the daemon says"""
    said = sources("daemon/**/*.[ch]", "lua/perigee/**/*.lua").replace('\\"', '"')
    said += " ".join(os.strerror(code) for code in errno.errorcode)
    table = PAGE[PAGE.index("## When something is wrong") :]
    rows = re.findall(r"^\| (.+?) \| .+ \|$", table, re.M)[2:]
    assert len(rows) >= 15, rows
    for row in rows:
        for sentence in re.findall(r"`([^`]+)`", row):
            # Names in capitals, numbers, quoted words and dots stand for what differs.
            for part in re.split(r"\b(?:FILE|PATH|ADDRESS|NAME|DATE|N)\b|[(…]|\d+|\"[^\"]*\"", sentence):
                part = re.sub(r"^[ :;,()?]+|[ :;,()?]+$", "", part)
                assert len(part) < 4 or part in said, f"nobody says {part!r} (of {sentence!r})"


@tap.test
def the_messages_exist():
    """each message of the log that is shown is one that the daemon logs"""
    said = sources("daemon/**/*.[ch]", "lua/perigee/**/*.lua")
    messages = re.findall(r'msg=\\?"([^"\\]+)', PAGE) + [json.loads(b.splitlines()[0]).get("msg") for b in blocks("json")]
    messages = {message for message in messages if message}
    assert len(messages) >= 3, messages
    for message in messages:
        assert f'"{message}"' in said, f"nobody logs {message!r}"


@tap.test
def the_access_log_looks_like_that():
    """lines of the access log have the shape of those that are shown"""
    shown = next(json.loads(line) for text in blocks("json") for line in text.splitlines() if "peer" in line)
    flags = ["--access-log", "access.log", "--access-format", "json"]
    with perigee.Server(perigee.handler("stream:respond() stream:finish('x')"), flags=flags) as server:
        assert h2client.get(server.port, "/a?b").status == 200
        path = os.path.join(server.folder, "access.log")
        written = json.loads(perigee.eventually("a line", lambda: os.path.exists(path) and read(path)))
    assert set(written) | {"by", "code"} == set(shown), set(written) ^ set(shown)
    assert list(written) == [key for key in shown if key in written]
    assert {key: type(value) for key, value in written.items() if value is not None and key != "tls"}.items() <= {
        **{key: type(value) for key, value in shown.items()}, "status": int
    }.items(), written  # fmt: skip
    combined = re.search(r"^```\n(\S+ - - \[.*)$", PAGE, re.M)[1]
    flags[3] = "combined"
    with perigee.Server(perigee.handler("stream:respond() stream:finish('x')"), flags=flags) as server:
        assert h2client.get(server.port, "/a").status == 200
        path = os.path.join(server.folder, "access.log")
        line = perigee.eventually("a line", lambda: os.path.exists(path) and read(path)).strip()

    def shape(text):
        text = re.sub(r'"[^"]*"( \d+ \d+) "[^"]*" "[^"]*"$', r'"REQUEST"\1 "REFERER" "AGENT"', text)
        return re.sub(r"\d+", "0", re.sub(r"\[\d+/\w+/", "[0/M/", re.sub(r"^\S+", "PEER", text)))

    assert shape(line) == shape(combined), line


@tap.test
def the_contents_lead_somewhere():
    """links lead to a heading or a file"""
    headings = {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in headings, f"no heading {target}"
        elif "://" not in target:
            assert os.path.exists(os.path.join(TOP, "docs", target.split("#")[0])), f"no file {target}"


if __name__ == "__main__":
    tap.main()
