"""Where memory must not become executable the compiler stays off, and nothing else is different."""

import ctypes

import h2client
import perigee
import tap
from perigee import Server

PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1

HOT = """
local sum = 0
for i = 1, 2e6 do sum = sum + i % 7 end
print(jit.status() and "compiled" or "interpreted", sum)
jit.on()
jit.on(function() end)
for i = 1, 2e6 do sum = sum + i % 7 end
print(jit.status() and "compiled" or "interpreted", sum)
"""
SUMS = ("5999997", "11999994")


def deny_executable_memory():
    """What MemoryDenyWriteExecute= means, as newer kernels have it for a process and its children."""
    if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
        raise OSError("refused")


def need_mdwe():
    with open("/proc/sys/kernel/osrelease") as f:
        major, minor = (int(n) for n in f.read().split("-")[0].split(".")[:2])
    if (major, minor) < (6, 3):
        raise tap.Skip("this kernel cannot deny executable memory")


def said(done):
    return [tuple(line.split()) for line in done.stdout.splitlines()]


@tap.test
def compiles():
    """the compiler is on by default"""
    done = perigee.run("run", "app.lua", files={"app.lua": HOT})
    assert said(done) == [("compiled", SUMS[0]), ("compiled", SUMS[1])] and done.code == 0, done
    assert done.stderr == "", done


@tap.test
def off_by_wish():
    """PERIGEE_JIT=off turns it off until the script turns it on"""
    done = perigee.run("run", "app.lua", files={"app.lua": HOT}, env={"PERIGEE_JIT": "off"})
    assert said(done) == [("interpreted", SUMS[0]), ("compiled", SUMS[1])] and done.code == 0, done
    assert done.stderr == "", done


@tap.test
def memory_denied():
    """without executable memory scripts are interpreted, jit.on() does nothing, and the log says both"""
    need_mdwe()
    done = perigee.run("run", "app.lua", files={"app.lua": HOT}, preexec=deny_executable_memory)
    assert said(done) == [("interpreted", SUMS[0]), ("interpreted", SUMS[1])] and done.code == 0, done
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and all("level=warn" in line for line in lines), done
    assert "scripts are interpreted" in lines[0] and "MemoryDenyWriteExecute" in lines[0], done
    assert "jit.on() does nothing here" in lines[1], done


@tap.test
def serves_without_executable_memory():
    """a server without executable memory answers over TLS and in clear"""
    need_mdwe()
    script = perigee.handler('  stream:respond { ["content-type"] = "text/plain" }\n  stream:finish(headers[":path"])')
    with Server(script, tls=True, preexec=deny_executable_memory) as server:
        for _ in range(200):
            assert h2client.get(server.port, "/clear").body == b"/clear"
        assert h2client.get(server.tls_port, "/tls", tls=server.cert).body == b"/tls"
        assert "scripts are interpreted" in server.stderr


if __name__ == "__main__":
    tap.main()
