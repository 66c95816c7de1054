return {
  title = "perigee.static",
  summary = "serving the files of a folder",
  module = "perigee.static", var = "static", node = false,
  intro = [[
    `local static = require "perigee.static"`. GET and HEAD for the files below a folder: content types, validators (`etag`, `last-modified`) and
    conditions (RFC 9110 13), ranges (RFC 9110 14). No path leaves the folder, neither by `..` nor by a symbolic link (Linux's
    `openat2` with RESOLVE_BENEATH). Only regular files are sent; opening and reading happen off the loop. `scripts/files.lua` is an
    example to run.
  ]],
  functions = {
    { "new", args = { { "root", "string", "the folder; opened now" }, { "options?", "StaticOptions" } }, returns = { "StaticFiles" },
      throws = "ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE", text = "A server of the files below `root`. One that cannot be opened throws ENOENT, ENOTDIR, …" },
  },
  types = {
    { name = "StaticOptions", text = "For `new`.", fields = {
      { "index", type = "string|boolean", default = "index.html", text = "The file for a folder; false: none." },
      { "dotfiles", type = "boolean", default = "false", text = "Names that begin with a dot are served, too." },
      { "links", type = "boolean", default = "true", text = "Symbolic links that stay below `root` are followed; false: none are." },
      { "cacheControl", type = "string", text = "The `cache-control` of what is found." },
      { "types", type = "table<string, string>", text = "Content types by extension, before the built-in ones." },
      { "prefix", type = "string", default = "", text = "What request paths begin with and files do not." },
      { "precompressed", type = "boolean", default = "false", text = "FILE.br or FILE.gz goes to those who take it." },
    } },
    { name = "StaticFiles", text = "What `new` returns.", fields = {
      { "respond", type = "fun(self: StaticFiles, stream: ServerHttp2Stream, headers: Headers)",
        text = "Answers a request: 200, 206, 301 (a folder without its slash), 304, 400, 403, 404, 405, 412, 416." },
    } },
  },
  examples = {
    { id = "static", title = "A folder on the web",
      files = { ["hello.txt"] = "hello, file", [".secret"] = "?" },
      code = [[
local http2 = require "http2"
local files = require("perigee.static").new(".", {
  index = false, dotfiles = false, links = false, cacheControl = "max-age=60", types = { txt = "text/x-plain" },
  prefix = "/static", precompressed = true,
})
local server = http2.createServer()
server:on("stream", function(stream, headers) files:respond(stream, headers) end)

local client = http2.connectPair(server)
for _, path in ipairs { "/static/hello.txt", "/static/.secret", "/static/../hello.txt" } do
  local request = client:request { [":path"] = path, range = "bytes=0-4" }
  local headers = request:await "response"
  print(headers[":status"], headers["content-type"], headers["cache-control"], (request:body():gsub("\n", "")))
end
client:close()
]],
      prints = [[
206 text/x-plain max-age=60 hello
404 text/plain; charset=utf-8 nil Not Found
400 text/plain; charset=utf-8 nil Bad Request
]] },
  },
}
