-- The pages of the manual, in the order of the index. Each is a file beside this one that returns a table:
--
--   title, summary      of the page; intro: its first paragraphs (markdown)
--   class, extends, var what kind of object it tells of, and the name used for one in signatures
--   module              what require() is given for it; globals = true: its names are globals
--   node = false        the whole page is not in Node
--   functions, events, properties, methods, fields, codes
--                       lists of entries {"name", text = …}; the keys are told below
--   types               list of {name, text, fields}: tables that are given or got
--   examples            list of {id, title, code, prints}: whole programs and what they print; the suite runs them.
--                       (print's tabs are written as blanks). They run in a folder with localhost.pem and localhost.key (certs/make), and `files`.
--   text                instead of entries: prose, a list of markdown and {"id of an example"}
--
-- An entry's keys: text (markdown); args {{"name?", "type", "meaning"}, …}, returns {"type", "meaning"}; type and
-- default of properties and fields; throws: error codes; rfc: where it is specified; node: how Node differs, false
-- when it has no such thing; comes: of an error, when. An entry's example is found by its name; the suite fails
-- when there is none.
return {
  intro = [[
    Everything that a script finds, one page for a class or module. The same data makes the annotations for
    lua-language-server in `lua/types`: add that folder to `Lua.workspace.library`.

    All programs on these pages are run by the test suite, and print what is written under them. Where an entry says nothing of
    Node, it is as in Node's manual; [what differs](../node-differences.md) is in one list. The [guide](../guide.md) is shorter, and
    [the event order](../event-order.md) says in which order things happen.
  ]],
  "guide",
  "http2",
  "server", "server_options", "tls_options",
  "session", "server_session", "client_session", "connect_options",
  "socket", "stream", "server_stream", "client_stream",
  "request", "response",
  "headers", "settings", "errors", "close_info", "constants",
  "emitter", "cancel", "tls",
  "task", "static", "digest", "log", "metrics", "luv", "globals", "program",
}
