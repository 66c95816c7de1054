"""What a worker of `perigee serve` may and may not do: scripts start programs, map files and look names up; calls of
the deny-list answer EPERM; security.processes = false takes programs away, and nothing else."""

import h2client
import tap
from service import Service

SCRIPT = """
local uv, ffi = require "luv", require "ffi"
local http2, task = require "http2", require "perigee.task"
ffi.cdef "long syscall(long number, ...); int *__errno_location(void);"
local numbers = {
  x64 = { keyctl = 250, unshare = 272, bpf = 321, io_uring_setup = 425 },
  arm64 = { keyctl = 219, unshare = 97, bpf = 280, io_uring_setup = 425 },
}

local asked = {}

-- Gives the call's errno, 0 when it worked. As root each would fail for its arguments, with another one.
function asked.call(name)
  local nr = assert(numbers[jit.arch], "no numbers for " .. jit.arch)[name]
  local argument = name == "unshare" and 0x10000000 or -1
  local result = ffi.C.syscall(nr, ffi.cast("long", argument), ffi.cast("long", 0), ffi.cast("long", 0))
  return result == -1 and ffi.errno() or 0
end

function asked.spawn()
  local done
  local handle, err = uv.spawn("/bin/sh", { args = { "-c", "exit 3" } }, function(code) done = "exit code " .. code end)
  if not handle then return err end
  for _ = 1, 500 do
    if done then break end
    task.sleep(10)
  end
  return done
end

function asked.popen()
  local pipe, err = io.popen "echo from a shell"
  if not pipe then return err end
  local text = pipe:read "*l"
  pipe:close()
  return text
end

function asked.execute() return os.execute "exit 3" end

function asked.lookup()
  local done
  uv.getaddrinfo("127.0.0.1", nil, { socktype = "stream" }, function(err, found) done = err or found[1].addr end)
  for _ = 1, 500 do
    if done then break end
    task.sleep(10)
  end
  return done
end

return function(stream, headers)
  local what, argument = headers[":path"]:match "^/(%a+)/?([%w_]*)$"
  if what == "file" then return stream:respondWithFile("/etc/passwd", { ["content-type"] = "text/plain" }) end
  local value = asked[what](argument)
  stream:respond {}
  stream:finish(tostring(value))
end
"""

EPERM = b"1"


def ask(service, path):
    return h2client.get(service.port, path).body


@tap.test
def works():
    """scripts start programs, look names up and send files"""
    with Service(SCRIPT, listen=["clear"]) as service:
        assert ask(service, "/spawn") == b"exit code 3"
        assert ask(service, "/popen") == b"from a shell"
        assert ask(service, "/execute") == b"768"
        assert ask(service, "/lookup") == b"127.0.0.1"
        assert b"root:" in ask(service, "/file")


@tap.test
def denied():
    """calls of the deny-list answer EPERM, in every worker, also after a reload"""
    with Service(SCRIPT, listen=["clear"]) as service:
        for _ in range(2):
            for name in ("keyctl", "unshare", "bpf", "io_uring_setup"):
                assert ask(service, f"/call/{name}") == EPERM, name
            service.reload()


@tap.test
def no_processes():
    """security.processes = false: no script starts a program; all else works, a reload takes it back"""
    security = {"processes": False, "root": True}
    with Service(SCRIPT, listen=["clear"], settings={"security": security}) as service:
        assert b"EPERM" in ask(service, "/spawn")
        assert ask(service, "/popen") != b"from a shell"
        assert ask(service, "/execute") != b"768"
        assert ask(service, "/lookup") == b"127.0.0.1"
        assert b"root:" in ask(service, "/file")
        security["processes"] = True
        service.reload()
        assert ask(service, "/spawn") == b"exit code 3"


if __name__ == "__main__":
    tap.main()
