// Node's http2 as the other side of pushes and of what sessions say about themselves: node push.js MODE ARGUMENT [CERTIFICATE]
// Prints lines that test_push.py compares; exits 1 with the error's text when something goes wrong.
"use strict";
const fs = require("fs");
const http2 = require("http2");

const [mode, argument, certificate] = process.argv.slice(2);

function fail(where, err) {
  console.error(`${where}: ${err.code} ${err.message}`);
  process.exit(1);
}

function body(stream, done) {
  const chunks = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  stream.on("end", () => done(Buffer.concat(chunks).toString()));
  stream.on("error", (err) => fail("stream", err));
}

function connect() {
  const session = http2.connect(argument, certificate ? { ca: fs.readFileSync(certificate) } : {});
  session.on("error", (err) => fail("session", err));
  return session;
}

const modes = {
  // The URL of a server that pushes.
  take() {
    const session = connect();
    let open = 2;
    const over = () => { if (--open === 0) session.close(); };
    session.on("stream", (push, request) => {
      push.on("push", (response, flags) => {
        console.log(`push ${request[":method"]} ${request[":path"]} ${request["x-why"]} -> ` +
          `${response[":status"]} ${response["x-kind"]} flags ${flags}`);
      });
      body(push, (text) => console.log(`push body ${text}`));
      push.on("close", over);
    });
    const request = session.request({ ":path": "/" });
    body(request, (text) => console.log(`body ${text}`));
    request.on("close", over);
  },

  // The same with push switched off.
  refuse() {
    const session = http2.connect(argument, { settings: { enablePush: false } });
    session.on("stream", () => fail("push", new Error("a push")));
    const request = session.request({ ":path": "/" });
    body(request, (text) => { console.log(`body ${text}`); session.close(); });
  },

  // A server that pushes.
  give() {
    const server = http2.createServer();
    server.on("stream", (stream, headers) => {
      stream.pushStream({ ":path": "/pushed", "x-why": "because" }, (err, push) => {
        if (err) fail("pushStream", err);
        push.on("close", () => console.log(`push close ${push.rstCode}`));
        push.on("error", (e) => console.log(`push error ${e.code}`));
        push.respond({ "x-kind": "pushed" });
        push.end("of the push");
      });
      stream.respond();
      stream.end("of the request");
    });
    server.listen(0, () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
    process.on("SIGTERM", () => process.exit(0));
  },

  // What a session says about itself.
  announced() {
    const session = connect();
    let left = 3;
    const over = () => { if (--left === 0) session.close(); };
    session.on("altsvc", (alt, origin, id) => { console.log(`altsvc ${alt} ${origin} ${id}`); over(); });
    session.on("origin", (origins) => { console.log(`origin ${origins.join(" ")}`); over(); });
    const request = session.request({ ":path": "/" });
    body(request, (text) => console.log(`body ${text}`));
    request.on("close", over);
  },

  // Its constants, as Lua.
  constants() {
    for (const [name, value] of Object.entries(http2.constants))
      console.log(`${name}=${JSON.stringify(value)}`);
  },

  // Settings packed: hexadecimal.
  packed() {
    console.log(http2.getPackedSettings(JSON.parse(argument)).toString("hex"));
    console.log(JSON.stringify(http2.getDefaultSettings()));
  },
};
modes[mode]();
