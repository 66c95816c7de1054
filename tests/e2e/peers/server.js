// Node's http2 server as a peer of our client: node server.js [CERTIFICATE KEY]
// What each path does is told in test_peer_servers.py.
"use strict";
const fs = require("fs");
const http2 = require("http2");

const [certificate, key] = process.argv.slice(2);
const server = certificate
  ? http2.createSecureServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) })
  : http2.createServer();

let aborted = 0;

const pieces = [...Array(128)].map((_, n) => Buffer.from(String(n).padStart(8, "0") + "x".repeat(16376)));

// Writes pieces[from] to pieces[to - 1] at the client's pace.
function send(stream, from, to, done) {
  for (let n = from; n < to; n++)
    if (!stream.write(pieces[n])) return stream.once("drain", () => send(stream, n + 1, to, done));
  done();
}

const paths = {
  "/get"(stream) {
    stream.respond({ ":status": 200, "content-type": "text/plain", "x-many": ["one", "two"] });
    stream.end(stream.headRequest ? undefined : "hello");
  },
  "/echo"(stream) {
    let sum;
    stream.on("trailers", (trailers) => { sum = trailers["x-sum"]; });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": sum ?? "none" }));
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.pipe(stream);
  },
  "/stream"(stream) {
    stream.respond({ ":status": 200 });
    send(stream, 0, 128, () => stream.end());
  },
  "/hints"(stream) {
    stream.additionalHeaders({ ":status": 103, link: "</a.css>" });
    stream.additionalHeaders({ ":status": 103, link: "</b.css>" });
    stream.respond({ ":status": 200 });
    stream.end("hinted");
  },
  "/goaway"(stream) {
    stream.respond({ ":status": 200 });
    send(stream, 0, 2, () => {
      stream.session.close();
      setImmediate(() => send(stream, 2, 128, () => stream.end()));
    });
  },
  "/reset"(stream) {
    stream.respond({ ":status": 200 });
    stream.write("part", () => stream.destroy(new Error("on purpose"))); // close() would end the body first
    stream.on("error", () => {});
  },
  "/endless"(stream) {
    stream.respond({ ":status": 200 });
    stream.on("close", () => { aborted = stream.rstCode; });
    stream.write("part");
  },
  "/early"(stream) {
    stream.respond({ ":status": 413 });
    stream.end("too much");
  },
  "/aborted"(stream) {
    stream.respond({ ":status": 200 });
    stream.end(String(aborted));
  },
};

server.on("stream", (stream, headers) => paths[headers[":path"]](stream));
server.on("sessionError", () => {});
server.listen(0, "127.0.0.1", () => console.log("listening " + server.address().port));
