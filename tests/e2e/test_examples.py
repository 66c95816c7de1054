"""Every example of the manual runs as it stands there, ends by itself, and prints what stands under it."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile

import h2client
import perigee
import tap

SECONDS = 10 * perigee.FACTOR


def make_identity(folder):
    """What the examples find beside them: a certificate for localhost, its key, both as PKCS #12, another key."""
    cert, key = perigee.certificate()
    shutil.copy(cert, os.path.join(folder, "localhost.pem"))
    shutil.copy(key, os.path.join(folder, "localhost.key"))
    commands = [
        ["pkcs12", "-export", "-inkey", key, "-in", cert, "-passout", "pass:perigee", "-out", "localhost.p12"],
        ["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "other.key"],
    ]
    for command in commands:
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True, timeout=30)


def text_of(output):
    """Without what pages do not show: print's tabs and blanks at the ends."""
    return re.sub(r"[ \t]+", " ", output).replace(" \n", "\n").strip()


def run_example(folder):
    """What is wrong with the example in that folder, or None."""
    with open(os.path.join(folder, "expected")) as f:
        expected = f.read()
    try:
        done = subprocess.run(
            [perigee.BINARY, "run", "app.lua"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"did not end within {SECONDS} s"
    if done.returncode == 0 and text_of(done.stdout) == text_of(expected):
        return None
    return f"exit code {done.returncode}, printed:\n{done.stdout}\nnot:\n{expected}\nstderr:\n{done.stderr[:2000]}"


@tap.test(deadline=100)
def the_examples_do_what_they_say():
    """all examples of docs/source print what is written there"""
    folder = tempfile.mkdtemp(prefix="examples-")
    try:
        generate = os.path.join(perigee.TOP, "docs", "generate.lua")
        done = perigee.run("run", generate, "--examples", folder)
        assert done.code == 0, done
        names = sorted(os.listdir(folder))
        assert len(names) > 80, names
        shared = tempfile.mkdtemp(prefix="identity-", dir=folder)
        make_identity(shared)
        for name in names:
            shutil.copytree(shared, os.path.join(folder, name), dirs_exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            faults = list(pool.map(run_example, (os.path.join(folder, name) for name in names)))
        wrong = [f"--- {name}: {fault}" for name, fault in zip(names, faults) if fault]
        assert not wrong, f"{len(wrong)} of {len(names)}\n" + "\n".join(wrong)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@tap.test
def the_guides_handler_is_served():
    """the guide's handler answers"""
    with open(os.path.join(perigee.TOP, "docs", "guide.md"), encoding="utf-8") as f:
        handlers = [text for text in re.findall(r"^```lua\n(.*?)^```", f.read(), re.M | re.S) if text.startswith("return")]
    assert len(handlers) == 1, handlers
    with perigee.Server(handlers[0]) as server:
        assert h2client.get(server.port, "/you").body == b"hello /you\n"


tap.main()
