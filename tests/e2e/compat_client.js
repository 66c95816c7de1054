// Node's http2 client against 'request' listeners: node compat_client.js URL [CERTIFICATE]
// Prints one line for each exchange; exits 1 with the error's text when something goes wrong.
"use strict";
const fs = require("fs");
const http2 = require("http2");

const [url, certificate] = process.argv.slice(2);
const session = http2.connect(url, certificate ? { ca: fs.readFileSync(certificate) } : {});
session.on("error", (err) => fail("session", err));

function fail(where, err) {
  console.error(`${where}: ${err.code} ${err.message}`);
  process.exit(1);
}

// Resolves with a line of what came, in order.
function ask(name, headers, body) {
  return new Promise((resolve) => {
    const seen = [];
    let bytes = 0;
    const stream = session.request(headers, { endStream: body === undefined });
    stream.on("continue", () => seen.push("continue"));
    stream.on("headers", (h) => seen.push(`${h[":status"]}${h.link ? " " + h.link : ""}`));
    stream.on("response", (h, flags) => seen.push(`${h[":status"]}${h["x-order"] ? " " + h["x-order"] : ""}${flags & 1 ? " end" : ""}`));
    stream.on("data", (chunk) => { bytes += chunk.length; });
    stream.on("trailers", (h) => seen.push(`trailers ${h["x-bytes"]}`));
    stream.on("end", () => seen.push(`body ${bytes}`));
    stream.on("error", (err) => seen.push(err.code));
    stream.on("close", () => {
      console.log(`${name}: ${seen.join(", ")}, closed ${stream.rstCode}`);
      resolve();
    });
    if (body !== undefined) stream.end(body);
  });
}

(async () => {
  await ask("get", { ":path": "/get" });
  await ask("head", { ":path": "/get", ":method": "HEAD" });
  await ask("post", { ":path": "/echo", ":method": "POST" }, Buffer.alloc(500000, "x"));
  await ask("continue", { ":path": "/echo", ":method": "POST", "expect": "100-continue" }, "y");
  await ask("expectation", { ":path": "/get", "expect": "the unexpected" });
  await ask("connect", { ":method": "CONNECT", ":authority": "example.org:1" });
  await ask("hints", { ":path": "/hints" });
  await ask("nothing", { ":path": "/nothing" });
  await ask("throw", { ":path": "/throw" });
  await ask("destroy", { ":path": "/destroy" });
  await ask("missing", { ":path": "/missing" });
  session.close();
})().catch((err) => fail("script", err));
