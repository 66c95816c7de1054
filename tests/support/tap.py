"""tap: the tests of one Python file, as TAP.

    import tap

    @tap.test                               # the function's name, or its docstring, is the test's name
    def answers_with_trailers(): ...

    @tap.test(long=True, deadline=300)      # only with --long; seconds instead of 30
    def survives_an_hour_of_resets(): ...

    if __name__ == "__main__":
        tap.main()

An exception fails the test; tap.Skip(reason) skips it. `python3 test_x.py NAME...` runs those tests only.
"""

import os
import signal
import sys
import traceback

DEADLINE = 30
LONG = os.environ.get("PERIGEE_LONG") == "1"
SANITIZED = os.environ.get("PERIGEE_SANITIZED") == "1"  # everything is slower, and memory figures mean nothing

_tests = []


class Skip(Exception):
    """Raised by a test that cannot run here. Its text is the reason."""


class Overrun(BaseException):
    """A test's deadline passed. Not an Exception, so that no `except Exception` of a test eats it."""


def test(function=None, *, long=False, deadline=DEADLINE):
    if function is None:
        return lambda f: test(f, long=long, deadline=deadline)
    function.deadline = deadline
    if LONG or not long:
        _tests.append(function)
    return function


def _name(function):
    text = (function.__doc__ or function.__name__.replace("_", " ")).strip().split("\n")[0]
    return text.replace("#", "no.")  # a '#' would begin a TAP directive


def _on_alarm(*_):
    raise Overrun


def _run(number, function):
    """Runs one test, prints its line, returns whether it did not fail."""
    verdict, note, details = "ok", "", ""
    try:
        signal.alarm(function.deadline * (3 if SANITIZED else 1))
        try:
            function()
        finally:
            signal.alarm(0)
    except Skip as skip:
        note = f" # SKIP {skip}"
    except (Exception, Overrun, SystemExit):
        verdict, details = "not ok", traceback.format_exc()
    for line in details.splitlines():
        print("# " + line)
    print(f"{verdict} {number} - {_name(function)}{note}", flush=True)
    return verdict == "ok"


def main():
    wanted = sys.argv[1:]
    tests = [f for f in _tests if not wanted or f.__name__ in wanted]
    signal.signal(signal.SIGALRM, _on_alarm)
    print(f"1..{len(tests)}", flush=True)
    failed = [f for number, f in enumerate(tests, 1) if not _run(number, f)]
    sys.exit(1 if failed else 0)
