"""The order of events (docs/source/event_order.lua) does not depend on the JIT, nor on when garbage is collected."""
# run: deadline 400

import os
import re
import subprocess

import perigee
import tap

SPEC = "tests/spec/event_order_spec.lua"


def run_spec(runs, **env):
    """Runs the spec in the tree; every row must pass."""
    done = subprocess.run(
        [perigee.BINARY, "run", "tests/support/spec.lua", SPEC],
        cwd=perigee.TOP,
        env={**os.environ, "PERIGEE_EVENT_ORDER_RUNS": str(runs), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    failed = re.findall(r"^not ok.*(?:\n#.*)*", done.stdout, re.M)
    assert not failed and done.returncode == 0, "\n".join(failed) or done.stderr[-4000:]
    assert len(re.findall(r"^ok", done.stdout, re.M)) > 80, done.stdout


@tap.test(deadline=600)
def with_the_jit_off():
    """with the JIT off every row is as written"""
    run_spec(50 if tap.LONG else 2, PERIGEE_JIT="off")


@tap.test(deadline=300)
def with_a_collection_after_every_callback():
    """with a collection after every callback every row is as written"""
    run_spec(3 if tap.LONG else 1, PERIGEE_SPEC_GC="1")


if __name__ == "__main__":
    tap.main()
