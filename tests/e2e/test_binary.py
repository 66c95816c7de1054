"""The binary itself: position-independent, its relocations read-only, no executable stack, guarded stacks and
checked calls. By readelf, from what the linker and the compiler left in it."""

import os
import re
import shutil
import subprocess

import perigee
import tap


def readelf(*flags):
    if shutil.which("readelf") is None:
        raise tap.Skip("there is no readelf (package binutils)")
    done = subprocess.run(
        ["readelf", "--wide", *flags, perigee.BINARY], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout


def need_release():
    """Sanitizers and coverage take the optimiser and its checks away."""
    if os.path.basename(os.path.dirname(perigee.BINARY)) not in ("release", "package"):
        raise tap.Skip("this is not a release build")


def segments():
    """type -> flags of the program headers."""
    return dict(re.findall(r"^\s+([A-Z_]+)\s+(?:0x[0-9a-f]+\s+){5}([RWE ]{3})", readelf("--program-headers"), re.M))


@tap.test
def position_independent():
    """is a position-independent executable"""
    assert re.search(r"Type:\s+DYN", readelf("--file-header"))
    assert re.search(r"\(FLAGS_1\).*\bPIE\b", readelf("--dynamic"))


@tap.test
def read_only_relocations():
    """has full RELRO: all is bound at start, then read-only"""
    assert "GNU_RELRO" in segments()
    dynamic = readelf("--dynamic")
    assert re.search(r"\(FLAGS\).*\bBIND_NOW\b|\(BIND_NOW\)", dynamic), dynamic
    assert re.search(r"\(FLAGS_1\).*\bNOW\b", dynamic), dynamic
    assert "(TEXTREL)" not in dynamic


@tap.test
def no_executable_data():
    """no segment is both writable and executable, and the stack is not executable"""
    found = segments()
    assert "E" not in found["GNU_STACK"], found
    headers = readelf("--program-headers")
    assert not re.search(r"^\s+LOAD\s.*\bRWE\b", headers, re.M), headers


@tap.test
def guarded_stacks():
    """functions check their stacks"""
    need_release()
    assert re.search(r"\bUND __stack_chk_fail\b", readelf("--dyn-syms"))


@tap.test
def checked_calls():
    """calls of the C library are checked against the size of their buffers (FORTIFY)"""
    need_release()
    checked = set(re.findall(r"\bUND (__\w+_chk)\b", readelf("--dyn-syms"))) - {"__stack_chk_fail"}
    assert len(checked) >= 5, sorted(checked)
    assert {"__vsnprintf_chk", "__snprintf_chk"} & checked, sorted(checked)


@tap.test
def no_search_path():
    """libraries are found where the system has them: no RPATH, no RUNPATH"""
    assert not re.search(r"\((RPATH|RUNPATH)\)", readelf("--dynamic"))


if __name__ == "__main__":
    tap.main()
