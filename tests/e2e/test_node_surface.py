"""Every name that Node's http2 objects have is in the manual, or is named there as missing."""
import os
import shutil
import subprocess

import perigee
import tap

# Lines "CLASS NAME" of an exchange of Node's with itself. Symbols and names with a dash in front are its own affair.
ASK_NODE = r"""
const http2 = require('http2')
const seen = new Set()
function note(name, object) {
  for (let p = object; p && p !== Object.prototype; p = Object.getPrototypeOf(p))
    for (const key of Object.getOwnPropertyNames(p))
      if (key !== 'constructor' && !key.startsWith('_') && (p !== object || typeof p[key] === 'function'))
        seen.add(name + ' ' + key)
}
for (const key of Object.keys(http2)) seen.add('http2 ' + key)
const server = http2.createServer()
note('Http2Server', server)
server.on('session', (session) => note('ServerHttp2Session', session))
server.on('stream', (stream) => note('ServerHttp2Stream', stream))
server.on('request', (request, response) => {
  note('Http2ServerRequest', request)
  note('Http2ServerResponse', response)
  response.end()
})
server.listen(0, () => {
  const client = http2.connect('http://localhost:' + server.address().port)
  const request = client.request()
  note('ClientHttp2Session', client)
  note('ClientHttp2Stream', request)
  request.resume()
  request.on('close', () => {
    client.close()
    server.close()
    console.log([...seen].join('\n'))
  })
})
"""

CLASSES = {
    "http2", "Http2Server", "ServerHttp2Session", "ServerHttp2Stream", "Http2ServerRequest", "Http2ServerResponse",
    "ClientHttp2Session", "ClientHttp2Stream",
}  # fmt: skip


def documented():
    generate = os.path.join(perigee.TOP, "docs", "generate.lua")
    done = perigee.run("run", generate, "--names")
    assert done.code == 0, done
    pairs = {tuple(line.split("\t")) for line in done.stdout.splitlines()}
    assert len(pairs) > 300, pairs
    return pairs


@tap.test
def nothing_of_node_is_forgotten():
    """each name of Node's classes is documented or listed as not there"""
    node = shutil.which("node")
    if not node:
        raise tap.Skip("node is not installed")
    said = subprocess.run([node, "-e", ASK_NODE], capture_output=True, text=True, timeout=30)
    assert said.returncode == 0, said.stderr
    asked = {tuple(line.split()) for line in said.stdout.splitlines()}
    assert {name for name, _ in asked} == CLASSES, {name for name, _ in asked}
    known = documented()
    forgotten = sorted(pair for pair in asked if pair not in known and ("missing", pair[1]) not in known)
    assert not forgotten, forgotten


tap.main()
