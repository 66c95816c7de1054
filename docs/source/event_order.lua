-- event_order: the contract of event order: what a script hears, in which order, for each way an exchange can go.
--
-- docs/event-order.md is written from this table and tests/spec/event_order_spec.lua runs it, so that the two
-- cannot drift. A row has:
--   name    the scenario of the test
--   title   the case
--   order   all events of both sides in one process, in their order; or
--   server, client   the events of either side, when the order between the two is left open
--   note    what is worth a word (optional)
--   apart_over_tls   over TLS the order between the two sides is another
--
-- Names: Sv the server; Ss its session, S its stream, SP and CP a pushed one on both sides; Cs the client's session, C its stream. In brackets: the
-- rstCode of a 'close', the code (and last id) of a 'goaway', the status of a 'headers', the code of an error
-- without its ERR_HTTP2_.
local group = {}

local function rows(title, list)
  list.title = title
  group[#group + 1] = list
end

rows("An exchange that goes well", {
  {
    name = "get", title = "GET, respond and finish",
    order = [[Sv session, Cs connect, C ready, C finish, Sv stream, S finish, S close(0),
      C response, C data, C end, C close(0)]],
    note = "A server drops a body that nobody reads; its 'end', where listened to, comes right before S close.",
  },
  {
    name = "post", title = "POST read to its end, then answered",
    order = [[Sv session, Cs connect, C ready, C finish, Sv stream, S data, S end, S finish, S close(0),
      C response, C data, C end, C close(0)]],
  },
  {
    name = "then_close", title = "after that, client.close() and server.close() in one go",
    order = "Cs close, Ss goaway(0), Sv close, Ss close",
    note = "Node 26: Sv close, Ss close, Cs close.",
  },
  {
    name = "trailers", title = "trailers, by waitForTrailers",
    order = [[Sv session, Cs connect, C ready, C finish, Sv stream, S finish, S wantTrailers, C response, C data,
      S close(0), C trailers, C end, C close(0)]],
    note = "sendTrailers() sends on the next turn.",
  },
  {
    name = "request_trailers", title = "trailers of a request",
    server = "S data, S trailers, S end, S finish, S close(0)",
    client = "C ready, C finish, C wantTrailers, C response, C data, C end, C close(0)",
  },
  {
    name = "informational", title = "103, then 100, then 200",
    client = "C ready, C finish, C headers(103), C continue, C headers(100), C response, C end, C close(0)",
    server = "S finish, S close(0)",
  },
  {
    name = "push", title = "a push beside the answer",
    order = [[Sv session, Cs connect, Sv stream, S callback, S finish, S close(0), SP finish, SP close(0), Cs stream(2),
      C response, CP push, C data, C end, C close(0), CP data, CP end, CP close(0)]],
    note = "SP and CP are the pushed stream at the server and at the client.",
  },
  {
    name = "implicit", title = "finish() without respond()",
    order = [[Sv session, Cs connect, C ready, C finish, Sv stream, S finish, S close(0), C response, C data, C end,
      C close(0)]],
    note = "An implicit 200; headersSent is true at once.",
  },
  {
    name = "head", title = "HEAD, answered with a body",
    order = [[Sv session, Cs connect, C ready, C finish, Sv stream, S error STREAM_WRITE_AFTER_END, S finish,
      S close(0), C response, C end, C close(0)]],
    note = "writableEnded is true in the handler already; the client is not affected.",
  },
  {
    name = "no_content", title = "respond(204), then finish with data",
    order = [[Sv session, Cs connect, C ready, C finish, Sv stream, S error STREAM_WRITE_AFTER_END, S finish,
      S close(0), C response, C end, C close(0)]],
    note = "The client gets 204 with END_STREAM.",
  },
  {
    name = "queued", title = "maxConcurrentStreams 1, a second request",
    client = [[C ready, D ready, C finish, C response, C data, C end, C close(0), D finish, D response, D data, D end,
      D close(0)]],
    note = "D, the second, has an id at once and is silent until the first has ended.",
  },
})

rows("A stream is cut", {
  {
    name = "server_close_cancel", title = "S close(CANCEL) in the middle of a body",
    order = "S aborted, S finish, S close(8), C end, C close(8)",
    note = "CANCEL is no error. Node 26 ends the body first: the client sees code 0 and takes it for whole.",
  },
  {
    name = "server_close_internal", title = "S close(INTERNAL_ERROR) in the middle of a body",
    order = "S aborted, S finish, S error STREAM_ERROR, S close(2), C end, C error STREAM_ERROR, C close(2)",
    note = "'end' is the last word about the body, not that it was whole: `complete` is.",
  },
  {
    name = "server_destroy", title = "S destroy() in the middle of a body",
    order = "S aborted, S close(0), C end, C close(0)",
    note = "'aborted' comes inside destroy(); `session` is nil at once.",
  },
  {
    name = "server_destroy_error", title = "S destroy(err) in the middle of a body",
    order = "S aborted, S error boom, S close(2), C end, C error STREAM_ERROR, C close(2)",
    note = [[On the wire it is close(INTERNAL_ERROR); so the client hears the same. Node 26: no 'end' here.]],
  },
  {
    name = "client_close_cancel", title = "C close(CANCEL)",
    order = "C end, C close(8), S aborted, S finish, S close(8)",
    note = "C is not aborted: the body of its request had ended.",
  },
  {
    name = "client_destroy_error", title = "C destroy(err)",
    order = "C error boom, C close(2), S aborted, S finish, S error STREAM_ERROR, S close(2)",
  },
  {
    name = "client_close_uploading", title = "C close(CANCEL) while uploading",
    order = "C aborted, C finish, C end, C close(8), S aborted, S finish, S close(8)",
  },
  {
    name = "stream_timeout", title = "S timeout, then close(CANCEL)",
    server = "S timeout, S callback, S aborted, S finish, S close(8)",
    client = "C end, C close(8)",
  },
  {
    name = "handler_throws", title = "the handler throws before it answered",
    order = [[Sv session, Cs connect, C ready, C finish, Sv stream, S finish, S close(0), C response(500), C data,
      C end, C close(0)]],
    note = "Node's process dies.",
  },
  {
    name = "handler_throws_late", title = "the handler throws in the middle of its body",
    server = "S aborted, S finish, S error STREAM_ERROR, S close(2)",
    client = "C ready, C finish, C response, C data, C end, C error STREAM_ERROR, C close(2)",
  },
  {
    name = "overflow", title = "S writes more than stream_output_max ahead of the client",
    server = "S aborted, S error STREAM_OVERFLOW, S close(2)",
    client = "C response, C error STREAM_ERROR, C close(2)",
    note = "The client had paused: what lies unread is dropped with the reset, so no 'end'.",
  },
  {
    name = "unanswered", title = "S close(INTERNAL_ERROR) before it answered",
    order = "Sv session, Cs connect, C ready, C finish, Sv stream, S aborted, S finish, S error STREAM_ERROR, S close(2), " ..
      "C error STREAM_ERROR, C close(2)",
    note = "What did not begin has no 'end', but an error.",
  },
  {
    name = "missing_file", title = "respondWithFile() of a file that is not there, without onError",
    server = "S aborted, S error ENOENT, S close(2)",
    client = "C error STREAM_ERROR, C close(2)",
  },
  {
    name = "early_answer", title = "the answer is whole, the request is not read",
    server = "S finish, S close(0)",
    client = "C ready, C response, C data, C end, C aborted, C finish, C close(0)",
    note = "RST_STREAM(NO_ERROR) behind the answer lets the client stop (RFC 9113 8.1).",
  },
})

rows("A session ends", {
  {
    name = "session_destroy", title = "Ss destroy() with an open stream; server.close()",
    order = "S aborted, S close(0), Cs goaway(0, 1), Ss close, C end, C close(8), Cs close, Sv close",
    apart_over_tls = true,
    note = "Over TLS the client hears GOAWAY and the end in one go: 'Ss close' comes behind 'Cs close' there.",
  },
  {
    name = "session_destroy_error", title = "Ss destroy(err)",
    order = [[S aborted, S error boom, S close(2), Cs goaway(2, 1), C error SESSION_ERROR, C close(2), Cs error SESSION_ERROR,
      Cs close, Sv sessionError, Ss error boom, Ss close]],
  },
  {
    name = "session_destroy_code", title = "Ss destroy(ENHANCE_YOUR_CALM)",
    order = [[S aborted, S error SESSION_ERROR, S close(11), Cs goaway(11, 1), C error SESSION_ERROR, C close(11),
      Cs error SESSION_ERROR, Cs close, Sv sessionError, Ss error SESSION_ERROR, Ss close]],
  },
  {
    name = "session_close", title = "Ss close() with an open stream",
    order = [[Cs goaway(0, 1), Ss goaway(0), S finish, S close(0), C data, C end, C close(0), Cs close, Ss close]],
    note = "closed is true, destroyed is not; the body finishes first.",
  },
  {
    name = "session_goaway", title = "Ss goaway(INTERNAL_ERROR, 0, data)",
    server = "Ss goaway(0), S aborted, S finish, S close(8), Ss close",
    client = "Cs goaway(2, 1), C error SESSION_ERROR, C close(2), Cs error SESSION_ERROR, Cs close",
  },
  {
    name = "client_lost", title = "the client's connection is lost",
    server = "S aborted, S finish, S close(8), Ss close",
    note = "No error.",
  },
  {
    name = "client_session_destroy", title = "Cs destroy() with an open stream",
    server = "Ss goaway(0), S aborted, S finish, S close(8), Ss close",
    client = "C end, C close(0), Cs close",
  },
  {
    name = "server_lost", title = "the server's connection is lost",
    client = "C end, C close(8), Cs close",
    note = "The client's view of `client_lost`.",
  },
  {
    name = "server_timeout", title = "the server's timeout without a 'timeout' listener",
    server = "S aborted, S close(0), Ss close",
    note = "Silently: no error anywhere.",
  },
  {
    name = "refused", title = "connection refused",
    client = "C error STREAM_CANCEL, C close(8), Cs error ECONNREFUSED, Cs close",
    note = "err.cause of C's error is the session's.",
  },
  {
    name = "destroyed_early", title = "Cs destroy() before it is connected",
    client = "C error STREAM_CANCEL, C close(8), Cs close",
  },
  {
    name = "closed_early", title = "Cs close() before it is connected",
    client = "C error GOAWAY_SESSION, C close(8), Cs close",
  },
  {
    name = "request_too_late", title = "a request on a session that is closed",
    client = "C error GOAWAY_SESSION, C close(0)",
    note = "On a destroyed session: INVALID_SESSION. Old Nodes threw.",
  },
  {
    name = "protocol_error", title = "the peer breaks the protocol",
    server = "S aborted, S finish, S error STREAM_ERROR, S close(1), Sv sessionError, Ss error ERROR, Ss close",
  },
})

return group
