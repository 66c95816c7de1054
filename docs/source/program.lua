return {
  title = "Programs and handlers",
  summary = "the two forms of a script",
  intro = [[
    `perigee app.lua` runs a script. What its main chunk returns tells its form:

    - **nothing**: a *program*. It makes its own servers and clients, and ends by itself when nothing is left to wait for.
    - a **function**: a *handler*, the listener of 'stream'. The daemon makes the servers, from `--listen` (or on
      http://localhost:8000 and https://localhost:8443).
    - a **table** of listeners: the same with more of them.

    An error that no script catches is logged and ends its own stream only; `--exit-on-error` restores Node's way: it ends the program.

    On SIGINT and SIGTERM all servers close gracefully; after 30 s, or at a second signal, the program ends.

    ## In a service

    `perigee serve` runs the same scripts, in one worker process or more, each with a Lua state of its own.

    - Handlers are served at every listener of the configuration that has no script of its own. A listener's own script has its own globals and
      modules; the modules of the binary are the same for all.
    - A program's `server:listen()` with an address of the configuration takes the socket that the service holds, so that no connection is lost
      when a worker is replaced; without a host it takes every listener of that port. Where the listener has `tls`, the server must come from
      `createSecureServer`; without `cert` and `key` it uses the certificates of the configuration. Any other address is bound by each worker itself,
      which the log warns of: it is not covered by lossless reload.
    - The worker is ready when all main chunks and `start` handlers have returned, also those that wait, and every listener has a server. An
      error before that makes the start, or the reload, fail with its reason.
    - A worker that leaves tells its servers by ['draining'](server.md#event-draining), sends GOAWAY in two steps (RFC 9113 6.8), and ends when the
      last stream did, or at `drain_timeout`. Requests that a handler makes go on meanwhile.
    - `os.exit` and `process.exit` throw: one script must not end what the worker serves to others.
    - What the configuration says under `limits` holds for servers whose options say nothing else.
  ]],
  types = {
    { name = "Handlers", text = "The table that a script may return. A server of it gets these listeners; at least `stream` or `request` must be there.", node = false, fields = {
      { "stream", type = "fun(stream: ServerHttp2Stream, headers: Headers, flags: integer, rawHeaders: string[])", text = "See 'stream' of [Http2Server](server.md#event-stream)." },
      { "request", type = "fun(request: Http2ServerRequest, response: Http2ServerResponse)", text = "See 'request'." },
      { "checkContinue", type = "fun(request: Http2ServerRequest, response: Http2ServerResponse)", text = "See 'checkContinue'." },
      { "checkExpectation", type = "fun(request: Http2ServerRequest, response: Http2ServerResponse)", text = "See 'checkExpectation'." },
      { "connect", type = "fun(request: Http2ServerRequest, response: Http2ServerResponse)", text = "See 'connect'." },
      { "secureConnection", type = "fun(socket: Http2Socket)", text = "See 'secureConnection'." },
      { "tlsClientError", type = "fun(err: Http2Error, socket: Http2Socket)", text = "See 'tlsClientError'." },
      { "clientError", type = "fun(err: Http2Error, socket: Http2Socket)", text = "See 'clientError'." },
      { "unknownProtocol", type = "fun(socket: Http2Socket)", text = "See 'unknownProtocol'." },
      { "draining", type = "fun()", text = "See 'draining'." },
      { "drop", type = "fun(data: table)", text = "See 'drop'." },
      { "session", type = "fun(session: ServerHttp2Session)", text = "See 'session'." },
      { "start", type = "fun(server: Http2Server)", text = "Is called for each server when it was made." },
      { "sessionError", type = "fun(err: Http2Error, session: ServerHttp2Session)", text = "See 'sessionError'." },
      { "timeout", type = "fun(session: ServerHttp2Session)", text = "See 'timeout'." },
      { "connection", type = "fun(socket: Http2Socket)", text = "See 'connection'." },
      { "listening", type = "fun()", text = "See 'listening'." },
      { "close", type = "fun()", text = "See 'close'." },
      { "error", type = "fun(err: Http2Error)", text = "See 'error'." },
    } },
  },
  examples = {
    { id = "handlers", title = "A table of handlers, and its test",
      files = { ["handlers.lua"] = [[
return {
  start = function(server) print("start", server ~= nil) end,
  listening = function() print "listening" end,
  session = function() print "session" end,
  connection = function() end,
  sessionError = function(err) print(err.code) end,
  timeout = function(session) session:close() end,
  close = function() end,
  error = function(err) print(err.code) end,
  draining = function() end,
  stream = function(stream) stream:finish "from a table" end,
  -- For the compatibility API, in the place of stream: request, checkContinue, checkExpectation, connect.
}
]] },
      code = [[
local http2 = require "http2"
local handlers = dofile "handlers.lua"
local server = http2.createServer():on("session", handlers.session):on("stream", handlers.stream)
local client = http2.connectPair(server)
print(client:request():body())
client:close()
]],
      prints = "session\nfrom a table\n" },
  },
}
