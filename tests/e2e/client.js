// Node's http2 client against the daemon: node client.js MODE URL [CERTIFICATE]
// Prints lines that test_clients.py compares; exits 1 with the error's text when something goes wrong.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const http2 = require("http2");

const [mode, url, certificate] = process.argv.slice(2);
const session = http2.connect(url, certificate ? { ca: fs.readFileSync(certificate) } : {});
session.on("error", (err) => fail("session", err));

function fail(where, err) {
  console.error(`${where}: ${err.code} ${err.message}`);
  process.exit(1);
}

// Resolves when the stream is over, with what came.
function collect(stream) {
  return new Promise((resolve) => {
    const answer = { body: [], events: [] };
    stream.on("response", (headers) => { answer.headers = headers; });
    stream.on("data", (chunk) => answer.body.push(chunk));
    for (const name of ["end", "aborted", "error"])
      stream.on(name, (err) => answer.events.push(err ? `error ${err.code}` : name));
    stream.on("close", () => {
      answer.body = Buffer.concat(answer.body);
      answer.rstCode = stream.rstCode;
      resolve(answer);
    });
  });
}

function ask(headers, options) {
  return collect(session.request(headers, options));
}

function post(path, chunks) {
  const stream = session.request({ ":method": "POST", ":path": path });
  const done = collect(stream);
  let at = 0;
  (function more() {
    while (at < chunks.length)
      if (!stream.write(chunks[at++])) return stream.once("drain", more);
    stream.end();
  })();
  return done;
}

function sha256(bytes) {
  return crypto.createHash("sha256").update(bytes).digest("hex");
}

const modes = {
  async get() {
    const answer = await ask({ ":path": "/" });
    console.log(answer.headers[":status"], session.alpnProtocol, answer.rstCode, answer.events.join(" "));
    console.log(answer.body.toString());
  },
  async echo() {
    const chunks = [...Array(64)].map(() => crypto.randomBytes(1 + crypto.randomInt(40000)));
    const answer = await post("/", chunks);
    console.log(answer.headers[":status"], sha256(answer.body) === sha256(Buffer.concat(chunks)), answer.rstCode);
  },
  async several() {
    const bodies = [...Array(50)].map((_, n) => Buffer.from(`body ${n} `.repeat(1 + n * 37)));
    const answers = await Promise.all(bodies.map((body) => post("/", [body])));
    console.log(answers.filter((answer, n) => answer.body.equals(bodies[n]) && answer.rstCode === 0).length);
  },
  async reset() {
    const answer = await ask({ ":path": "/reset" });
    console.log(answer.rstCode, answer.events.join(" "));
    console.log((await ask({ ":path": "/" })).headers[":status"]);
  },
  // The client leaves in the middle of an answer; the server is asked afterwards.
  async destroy() {
    const stream = session.request({ ":path": "/endless" });
    await new Promise((resolve) => stream.once("data", resolve));
    const done = collect(stream);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await done;
    console.log(stream.rstCode, (await ask({ ":path": "/" })).headers[":status"]);
    session.request({ ":path": "/endless" }).once("data", () => {
      session.destroy();
      console.log("destroyed");
    }).on("error", () => {});
  },
  async trailers() {
    const answer = await new Promise((resolve) => {
      const stream = session.request({ ":path": "/trailers" });
      const done = collect(stream);
      stream.on("trailers", async (trailers) => resolve({ ...(await done), trailers }));
    });
    console.log(answer.body.toString(), answer.trailers["x-late"]);
  },
  // Each piece comes back before the next one leaves; trailers both ways.
  async duplex() {
    const stream = session.request({ ":method": "POST", ":path": "/echo" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "abc" }));
    let trailers;
    stream.on("trailers", (got) => { trailers = got; });
    const done = collect(stream);
    for (let n = 0; n < 64; n++) {
      const piece = crypto.randomBytes(16384);
      let left = piece.length;
      const back = new Promise((resolve) => {
        stream.on("data", function hear(chunk) {
          left -= chunk.length;
          if (left > 0) return;
          stream.off("data", hear);
          resolve();
        });
      });
      stream.write(piece);
      await back;
    }
    stream.end();
    const answer = await done;
    console.log(answer.headers[":status"], answer.body.length, trailers["x-sum"], answer.rstCode);
  },
  async stream() {
    const answer = await ask({ ":path": "/stream" });
    console.log(answer.headers[":status"], sha256(answer.body), answer.rstCode);
  },
  async hints() {
    const stream = session.request({ ":path": "/hints" });
    stream.on("headers", (headers) => console.log(headers[":status"], headers.link));
    const answer = await collect(stream);
    console.log(answer.headers[":status"], answer.body.toString(), answer.rstCode);
  },
  async goaway() {
    session.once("goaway", (code) => console.log("goaway", code));
    const answer = await ask({ ":path": "/goaway" });
    console.log(sha256(answer.body), answer.rstCode, session.closed);
  },
  async cut() {
    const answer = await ask({ ":path": "/reset" });
    console.log(answer.headers[":status"], answer.body.toString(), answer.events.join(" "), answer.rstCode);
  },
  async early() {
    const stream = session.request({ ":method": "POST", ":path": "/early" });
    const done = collect(stream);
    const feed = () => { while (!stream.destroyed && stream.write(Buffer.alloc(16384))); };
    stream.on("drain", feed);
    feed();
    const answer = await done;
    console.log(answer.headers[":status"], answer.body.toString(), answer.rstCode);
  },
  async leave() {
    const stream = session.request({ ":path": "/endless" });
    await new Promise((resolve) => stream.once("data", resolve));
    stream.close(http2.constants.NGHTTP2_CANCEL);
    let seen = "0";
    while (seen === "0") seen = (await ask({ ":path": "/aborted" })).body.toString();
    console.log(seen);
  },
};

modes[mode]().then(() => session.close(), (err) => fail(mode, err));
