-- perigee.static: paths that stay inside, conditions, ranges, types; and HTTP's dates.
local static = require "perigee.static"
local http_date = require "perigee.http_date"
local uv = require "luv"
local support = require "support"

local root -- root/{hello.txt,page.html,folder/index.html,empty,.hidden,...} below the spec's folder

local function put(name, text)
  local file = assert(io.open(root .. "/" .. name, "wb"))
  file:write(text)
  file:close()
end

local function make_root()
  root = support.folder() .. "/root"
  for _, name in ipairs { "", "/folder", "/bare", "/odd name%41", "/.git" } do uv.fs_mkdir(root .. name, 448) end
  support.file("secret", "secret")
  put("hello.txt", "hello world\n")
  put("page.html", "<p>")
  put("empty", "")
  put("100%.txt", "percent")
  put("folder/index.html", "index")
  put("odd name%41/index.html", "odd")
  put(".hidden", "hidden")
  put(".git/config", "config")
  put("page.css", "plain css")
  put("page.css.gz", "gz")
  put("page.css.br", "br")
  put("page.js", "plain js")
  put("page.js.gz", "gz")
  uv.fs_symlink("hello.txt", root .. "/inside")
  uv.fs_symlink("../secret", root .. "/outside")
  uv.fs_symlink("/etc/hostname", root .. "/absolute")
  uv.fs_symlink("..", root .. "/above")
  os.execute("mkfifo '" .. root .. "/fifo'")
end

local function remove_root()
  os.execute("rm -r '" .. root .. "'")
end

-- One exchange with a static server. headers: a path or a table. A field's value "" means: without it.
local function ask(files, headers)
  if type(headers) == "string" then headers = { [":path"] = headers } end
  local server = support.server(function(stream, request) files:respond(stream, request) end)
  return support.request(server, headers)
end

local function status_of(files, path, method)
  local answer = ask(files, { [":path"] = path, [":method"] = method })
  if answer.status ~= 200 then
    assert.equal(tostring(#answer.body), method ~= "HEAD" and answer.headers["content-length"] or "0")
    assert.is_nil(answer.body:find(root, 1, true)) -- it says nothing of the file system
    assert.is_nil(answer.body:find("secret", 1, true))
  end
  return answer.status, answer
end

describe("static", function()
  before_each(make_root)
  after_each(remove_root)

  it("sends a file with type, length and validators", function()
    local answer = ask(static.new(root), "/hello.txt")
    assert.equal(200, answer.status)
    assert.equal("hello world\n", answer.body)
    assert.equal("12", answer.headers["content-length"])
    assert.equal("text/plain; charset=utf-8", answer.headers["content-type"])
    assert.equal("bytes", answer.headers["accept-ranges"])
    assert.equal("nosniff", answer.headers["x-content-type-options"])
    assert.matches('^"[%x-]+"$', answer.headers.etag)
    local stat = uv.fs_stat(root .. "/hello.txt")
    assert.equal(stat.mtime.sec, http_date.parse(answer.headers["last-modified"]))
    assert.is_nil(answer.headers["cache-control"])
    assert.equal("0", ask(static.new(root), "/empty").headers["content-length"])
    assert.equal("percent", ask(static.new(root), "/100%25.txt?query=/../x").body)
  end)

  it("knows types by extension, the script's first", function()
    local files = static.new(root, { types = { html = "text/x-mine" } })
    assert.equal("text/x-mine", ask(files, "/page.html").headers["content-type"])
    assert.equal("text/css; charset=utf-8", ask(files, "/page.css").headers["content-type"])
    assert.equal("application/octet-stream", ask(files, "/empty").headers["content-type"])
  end)

  it("answers HEAD as GET but for the body", function()
    local files = static.new(root)
    local answer = ask(files, { [":path"] = "/hello.txt", [":method"] = "HEAD", range = "bytes=0-1" })
    assert.equal(200, answer.status)
    assert.equal("12", answer.headers["content-length"])
    assert.equal("", answer.body)
    local status, refusal = status_of(files, "/nothing", "HEAD")
    assert.equal(404, status)
    assert.equal("10", refusal.headers["content-length"])
    assert.equal("", refusal.body)
  end)

  it("takes no other method", function()
    for _, method in ipairs { "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get" } do
      local status, answer = status_of(static.new(root), "/hello.txt", method)
      assert.equal(405, status)
      assert.equal("GET, HEAD", answer.headers.allow)
    end
  end)

  it("never leaves its folder", function()
    local files = static.new(root)
    for path, wanted in pairs {
      ["/../secret"] = 400, ["/folder/../../secret"] = 400, ["/folder/../hello.txt"] = 400, ["/./hello.txt"] = 400,
      ["/.."] = 400, ["/%2e%2e/secret"] = 400, ["/%2E./secret"] = 400, ["/.%2e/secret"] = 400,
      ["/folder/%2e%2e/hello.txt"] = 400, ["/..%2fsecret"] = 400, ["/..%2Fsecret"] = 400, ["/..%5csecret"] = 400,
      ["/..\\secret"] = 400, ["/folder%2findex.html"] = 400, ["/hello.txt%00"] = 400, ["/%00"] = 400,
      ["/hello.txt%00.html"] = 400, ["/%"] = 400, ["/%4"] = 400, ["/%zz"] = 400, ["/a%0d%0ab"] = 400, ["/a%7f"] = 400,
      ["/%252e%252e/secret"] = 404, ["/..%252fsecret"] = 404, ["/%c0%ae%c0%ae/secret"] = 404,
      ["//hello.txt"] = 404, ["//etc/hostname"] = 404, ["/folder//index.html"] = 404,
      ["/outside"] = 404, ["/absolute"] = 404, ["/above/secret"] = 404, ["/above/"] = 404,
      ["/.hidden"] = 404, ["/.git/config"] = 404, ["/%2ehidden"] = 404, ["/.git/"] = 404, ["/.../x"] = 404,
      ["/nothing"] = 404, ["/hello.txt/"] = 404, ["/hello.txt/x"] = 404, ["/bare/"] = 404,
      ["/" .. ("x"):rep(300)] = 404, ["/" .. ("x/"):rep(3000)] = 404, ["/fifo"] = 403,
    } do
      assert.equal(path:sub(1, 40) .. wanted, path:sub(1, 40) .. status_of(files, path))
    end
  end)

  it("follows links that stay inside, unless told not to", function()
    local status = status_of(static.new(root), "/inside")
    assert.is_true(status == 200 or status == 404) -- an old kernel follows none
    assert.equal(404, (status_of(static.new(root, { links = false }), "/inside")))
    assert.equal(200, (status_of(static.new(root, { links = false }), "/hello.txt")))
  end)

  it("hides dotfiles, unless told not to", function()
    local files = static.new(root, { dotfiles = true })
    assert.equal("hidden", ask(files, "/.hidden").body)
    assert.equal("config", ask(files, "/.git/config").body)
    assert.equal(400, (status_of(files, "/../secret")))
    assert.equal(400, (status_of(files, "/.")))
  end)

  it("serves a folder's index and sends browsers to the form with a slash", function()
    local files = static.new(root)
    assert.equal("index", ask(files, "/folder/").body)
    for path, location in pairs {
      ["/folder"] = "/folder/", ["/folder?a=b"] = "/folder/?a=b", ["/odd%20name%2541"] = "/odd%20name%2541/",
      ["/bare"] = "/bare/",
    } do
      local status, answer = status_of(files, path)
      assert.equal(301, status)
      assert.equal(location, answer.headers.location)
    end
    assert.equal("odd", ask(files, "/odd%20name%2541/").body)
    assert.equal(404, (status_of(files, "/")))
    assert.equal("hello world\n", ask(static.new(root, { index = "hello.txt" }), "/").body)
    assert.equal(404, (status_of(static.new(root, { index = false }), "/folder/")))
    assert.equal(404, (status_of(static.new(root, { index = "folder" }), "/"))) -- which is a folder
  end)

  it("serves below a prefix", function()
    local files = static.new(root, { prefix = "/static", cacheControl = "max-age=60" })
    local answer = ask(files, "/static/hello.txt")
    assert.equal("hello world\n", answer.body)
    assert.equal("max-age=60", answer.headers["cache-control"])
    assert.equal("/static/folder/", ask(files, "/static/folder").headers.location)
    assert.equal(404, (status_of(files, "/hello.txt")))
    assert.equal(404, (status_of(files, "/statichello.txt")))
  end)

  it("takes a prefix with a slash behind it for one without", function()
    for _, prefix in ipairs { "/static/", "/static//" } do
      local files = static.new(root, { prefix = prefix })
      assert.equal("hello world\n", ask(files, "/static/hello.txt").body)
      assert.equal("/static/folder/", ask(files, "/static/folder").headers.location)
    end
    -- A location that began with two slashes would be another host's.
    for _, prefix in ipairs { "/", "//" } do
      local files = static.new(root, { prefix = prefix })
      assert.equal("/folder/", ask(files, "/folder").headers.location)
      assert.equal(404, (status_of(files, "//folder")))
    end
    local err = assert.has_error(function() static.new(root, { prefix = "static" }) end)
    assert.equal("ERR_INVALID_ARG_VALUE", err.code)
    assert.is_truthy(err.message:find("options.prefix", 1, true))
  end)

  it("sends what is compressed already to those who take it", function()
    local files = static.new(root, { precompressed = true })
    for accepted, wanted in pairs {
      ["gzip, br"] = "br", ["gzip"] = "gz", ["br;q=0, gzip"] = "gz", ["BR;q=0.5"] = "br", ["identity"] = "plain css",
      ["gzip;q=0.0"] = "plain css", ["zstd"] = "plain css",
    } do
      local answer = ask(files, { [":path"] = "/page.css", ["accept-encoding"] = accepted })
      assert.equal(accepted .. wanted, accepted .. answer.body)
      assert.equal("text/css; charset=utf-8", answer.headers["content-type"])
      assert.equal("accept-encoding", answer.headers.vary)
      local coding = ({ br = "br", gz = "gzip" })[wanted]
      assert.equal(coding, answer.headers["content-encoding"])
    end
    assert.equal("gz", ask(files, { [":path"] = "/page.js", ["accept-encoding"] = "br, gzip" }).body)
    assert.equal("<p>", ask(files, { [":path"] = "/page.html", ["accept-encoding"] = "br, gzip" }).body)
    assert.equal("plain css", ask(static.new(root), { [":path"] = "/page.css", ["accept-encoding"] = "br" }).body)
    assert.equal(404, ask(files, { [":path"] = "/nothing", ["accept-encoding"] = "br, gzip" }).status)
  end)

  it("refuses a root or options that are none", function()
    assert.equal("ENOENT", assert.has_error(function() static.new(root .. "/nothing") end).code)
    assert.equal("ENOTDIR", assert.has_error(function() static.new(root .. "/hello.txt") end).code)
    assert.has_error(function() static.new() end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() static.new(root, { index = 5 }) end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() static.new(root, { dotFiles = true }) end, "ERR_INVALID_ARG_VALUE")
  end)

  it("keeps its folder when that is renamed", function()
    local files = static.new(root)
    uv.fs_rename(root, root .. "-moved")
    assert.equal("index", ask(files, "/folder/").body)
    uv.fs_rename(root .. "-moved", root)
  end)

  it("closes its folder when it is forgotten", function()
    local function count()
      local n = 0
      for _ in uv.fs_scandir_next, uv.fs_scandir "/proc/self/fd" do n = n + 1 end
      return n
    end
    collectgarbage()
    collectgarbage()
    local before = count()
    local one, two = static.new(root), static.new(root)
    assert.equal(before + 2, count())
    assert.is_true(one ~= two)
    one, two = nil, nil -- luacheck: ignore 311
    support.wait_for(function()
      collectgarbage()
      return count() == before
    end)
  end)
end)

describe("static, conditions", function()
  local files, etag, modified, seconds
  before_each(function()
    make_root()
    uv.fs_utime(root .. "/hello.txt", 1000000000, 1000000000.25)
    files = static.new(root, { cacheControl = "no-cache" })
    local answer = ask(files, "/hello.txt")
    etag, modified = answer.headers.etag, answer.headers["last-modified"]
    seconds = http_date.parse(modified)
  end)
  after_each(remove_root)

  local function conditional(fields)
    fields[":path"] = "/hello.txt"
    return ask(files, fields)
  end

  it("If-None-Match and If-Modified-Since save the body", function()
    local earlier, later = http_date.format(seconds - 1), http_date.format(seconds + 1)
    for _, case in ipairs {
      { 304, "if-none-match", etag }, { 304, "if-none-match", "W/" .. etag }, { 304, "if-none-match", "*" },
      { 304, "if-none-match", '"a", W/"b", ' .. etag }, { 200, "if-none-match", '"a"' },
      { 200, "if-none-match", (etag:gsub('"', "")) },
      { 304, "if-modified-since", modified }, { 304, "if-modified-since", later },
      { 200, "if-modified-since", earlier }, { 200, "if-modified-since", "yesterday" },
      { 304, "if-modified-since", os.date("!%A, %d-%b-%y %H:%M:%S GMT", seconds) },
      { 304, "if-modified-since", (os.date("!%a %b %d %H:%M:%S %Y", seconds):gsub(" 0", "  ", 1)) },
    } do
      local answer = conditional { [case[2]] = case[3] }
      assert.equal(case[2] .. case[3] .. case[1], case[2] .. case[3] .. answer.status)
      if answer.status == 304 then
        assert.equal(etag, answer.headers.etag)
        assert.equal("no-cache", answer.headers["cache-control"])
        assert.is_nil(answer.headers["content-length"])
        assert.equal("", answer.body)
      else
        assert.equal("hello world\n", answer.body)
      end
    end
    assert.equal(200, conditional({ ["if-none-match"] = '"a"', ["if-modified-since"] = later }).status)
    assert.equal(304, conditional({ ["if-none-match"] = etag, ["if-modified-since"] = earlier }).status)
    assert.equal(304, conditional({ [":method"] = "HEAD", ["if-none-match"] = etag }).status)
  end)

  it("If-Match and If-Unmodified-Since refuse another version", function()
    local earlier, later = http_date.format(seconds - 1), http_date.format(seconds + 1)
    for _, case in ipairs {
      { 200, "if-match", etag }, { 200, "if-match", "*" }, { 200, "if-match", '"a", ' .. etag },
      { 412, "if-match", '"a"' }, { 412, "if-match", "W/" .. etag },
      { 200, "if-unmodified-since", modified }, { 200, "if-unmodified-since", later },
      { 412, "if-unmodified-since", earlier }, { 200, "if-unmodified-since", "yesterday" },
    } do
      local answer = conditional { [case[2]] = case[3] }
      assert.equal(case[2] .. case[3] .. case[1], case[2] .. case[3] .. answer.status)
    end
    assert.equal(200, conditional({ ["if-match"] = etag, ["if-unmodified-since"] = earlier }).status)
    assert.equal(304, conditional({ ["if-match"] = etag, ["if-none-match"] = etag }).status)
    assert.equal(412, conditional({ ["if-match"] = '"a"', range = "bytes=0-1" }).status)
  end)

  it("sends the range that was asked for", function()
    for range, wanted in pairs {
      ["bytes=0-0"] = "h", ["bytes=0-4"] = "hello", ["bytes=6-"] = "world\n", ["bytes=-6"] = "world\n",
      ["bytes=6-100"] = "world\n", ["bytes=-100"] = "hello world\n", ["bytes=11-11"] = "\n", ["Bytes= 1 - 2"] = "el",
      ["bytes=0-99999999999999999999999"] = "hello world\n",
    } do
      local answer = conditional { range = range }
      assert.equal(range .. 206, range .. answer.status)
      assert.equal(range .. wanted, range .. answer.body)
      assert.equal(tostring(#wanted), answer.headers["content-length"])
      local first = ("hello world\n"):find(wanted, 1, true) - 1
      assert.equal(("bytes %d-%d/12"):format(first, first + #wanted - 1), answer.headers["content-range"])
      assert.equal(etag, answer.headers.etag)
    end
  end)

  it("refuses a range behind the end", function()
    for _, range in ipairs { "bytes=12-", "bytes=12-20", "bytes=-0", "bytes=99999999999999999999-" } do
      local answer = conditional { range = range }
      assert.equal(416, answer.status)
      assert.equal("bytes */12", answer.headers["content-range"])
    end
    assert.equal(416, ask(files, { [":path"] = "/empty", range = "bytes=0-" }).status)
    assert.equal(200, ask(files, { [":path"] = "/empty", range = "bytes=-5" }).status)
  end)

  it("sends the whole for a range that says nothing, or several", function()
    for _, range in ipairs {
      "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes", "lines=0-1", "0-1", "bytes=0-1,3-4", "bytes=0-1 3",
      "bytes=--1", "bytes=0x1-2",
    } do
      local answer = conditional { range = range }
      assert.equal(range .. 200, range .. answer.status)
      assert.equal("hello world\n", answer.body)
      assert.is_nil(answer.headers["content-range"])
    end
  end)

  it("takes no longer for a range of many blanks", function()
    local started = os.clock()
    assert.equal(200, conditional({ range = "bytes=" .. (" "):rep(30000) .. "x" }).status)
    assert.is_true(os.clock() - started < 1) -- it took several
  end)

  it("If-Range asks whether the rest still fits", function()
    for condition, wanted in pairs {
      [etag] = 206, [modified] = 206, ["W/" .. etag] = 200, ['"a"'] = 200, [http_date.format(seconds + 1)] = 200,
      [etag .. ', "a"'] = 200, nonsense = 200,
    } do
      local answer = conditional { range = "bytes=0-4", ["if-range"] = condition }
      assert.equal(condition .. wanted, condition .. answer.status)
    end
    assert.equal(200, conditional({ range = "bytes=50-", ["if-range"] = '"a"' }).status)
  end)

  it("the tag changes with the file", function()
    put("hello.txt", "HELLO WORLD\n")
    assert.is_true(ask(files, "/hello.txt").headers.etag ~= etag)
    uv.fs_utime(root .. "/hello.txt", 1000000000, 1000000000.5)
    local second = ask(files, "/hello.txt").headers
    assert.is_true(second.etag ~= etag)
    assert.equal(modified, second["last-modified"]) -- the same second
    uv.fs_utime(root .. "/hello.txt", 4000000000, 4000000000)
    local future = http_date.parse(ask(files, "/hello.txt").headers["last-modified"])
    assert.is_true(future <= os.time() + 1)
  end)
end)

describe("http_date", function()
  it("writes and reads IMF-fixdate", function()
    assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", http_date.format(784111777))
    assert.equal("Thu, 01 Jan 1970 00:00:00 GMT", http_date.format(0))
    assert.equal("Fri, 31 Dec 9999 23:59:59 GMT", http_date.format(253402300799))
    for _, t in ipairs { 0, 951782400, 951868799, 1709164800, 1709251199, 1740787199, 4107542400, 253402300799 } do
      assert.equal(t, http_date.parse(http_date.format(t)))
    end
    for day = 0, 20000, 13 do assert.equal(day * 86400, http_date.parse(http_date.format(day * 86400))) end
  end)

  it("reads the two old forms", function()
    assert.equal(784111777, http_date.parse "Sunday, 06-Nov-94 08:49:37 GMT")
    assert.equal(784111777, http_date.parse "Sun Nov  6 08:49:37 1994")
    local year = tonumber(os.date "!%Y")
    local near = http_date.parse(("Monday, 01-Jan-%02d 00:00:00 GMT"):format((year + 40) % 100))
    assert.equal(year + 40, tonumber(os.date("!%Y", near)))
    local far = http_date.parse(("Monday, 01-Jan-%02d 00:00:00 GMT"):format((year + 60) % 100))
    assert.equal(year - 40, tonumber(os.date("!%Y", far)))
  end)

  it("takes nothing else for a date", function()
    for _, text in ipairs {
      "", "now", "784111777", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
      "Sun, 6 Nov 1994 08:49:37 GMT",
      "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
      "1994-11-06T08:49:37Z", " Sun, 06 Nov 1994 08:49:37 GMT",
    } do
      assert.is_nil(http_date.parse(text))
    end
    assert.has_error(function() http_date.format(-1) end, "ERR_OUT_OF_RANGE")
    assert.has_error(function() http_date.format "0" end, "ERR_INVALID_ARG_TYPE")
  end)
end)
