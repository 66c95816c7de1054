-- The order of events of request, response and their stream (API.md 11: req close, res finish, res close, and req
-- end when nobody read), as seen in Node. Each case runs many times.
local http2 = require "http2"
local support = require "support"

local TIMES = 10

-- {name, request headers, what its body is (or nil), handler(req, res, list), client(stream, session), order}
-- The client's part runs when the handler has; the order is complete when the response is closed.
local cases = {
  {
    "GET that nobody reads", {}, nil,
    function(_, res) res:finish "x" end, nil,
    "stream finish, stream end, req close, res finish, res close, stream close, req end",
  },
  {
    "GET with resume()", {}, nil,
    function(req, res)
      req:resume()
      res:finish "x"
    end, nil,
    "req end, stream end, stream finish, req close, res finish, res close, stream close",
  },
  {
    "GET answered by its head", {}, nil,
    function(_, res) res:finish() end, nil,
    "stream finish, stream end, req close, res finish, res close, stream close, req end",
  },
  {
    "POST read to its end", { [":method"] = "POST" }, "body",
    function(req, res)
      req:on("data", function() end)
      req:on("end", function() res:finish "ok" end)
    end, nil,
    "req end, stream end, stream finish, req close, res finish, res close, stream close",
  },
  {
    "POST read by body()", { [":method"] = "POST" }, "body",
    function(req, res) res:finish(req:body()) end, nil,
    "req end, stream end, stream finish, req close, res finish, res close, stream close",
  },
  {
    "POST piped back", { [":method"] = "POST" }, "body",
    function(req, res) req:pipe(res) end, nil,
    "res pipe, req end, stream end, stream finish, req close, res finish, res close, stream close",
  },
  {
    "HEAD that is ended", { [":method"] = "HEAD" }, nil,
    function(_, res) res:finish "data" end, nil,
    "stream finish, stream end, req close, res finish, res close, stream close, req end",
  },
  {
    "HEAD that is ended when its stream is over", { [":method"] = "HEAD" }, nil,
    function(_, res, list)
      res:writeHead(200)
      res.stream:on("close", function()
        setImmediate(function()
          list[#list + 1] = "finish()"
          res:finish(function() list[#list + 1] = "callback" end)
        end)
      end)
    end, nil,
    "stream finish, stream end, req close, stream close, req end, finish(), res finish, res close, callback",
  },
  {
    "trailers", {}, nil,
    function(_, res)
      res:setTrailer("a", "b")
      res:finish "x"
    end, nil,
    "stream finish, stream end, req close, res finish, res close, stream close, req end",
  },
  {
    "CANCEL by the client", {}, nil,
    function(_, res) res:write "x" end,
    function(stream) stream:close(8) end,
    "req aborted, stream aborted, stream finish, req close, res finish, res close, stream close, req end",
  },
  {
    "CANCEL by the client in its body, which is read", { [":method"] = "POST" }, false,
    function(req) req:on("data", function() end) end,
    function(stream) stream:close(8) end,
    "req aborted, stream aborted, stream finish, req end, stream end, req close, res finish, res close, stream close",
  },
  {
    "INTERNAL_ERROR by the client", {}, nil,
    function(_, res) res:write "x" end,
    function(stream)
      stream:on("error", function() end)
      stream:close(2)
    end,
    "req aborted, stream aborted, stream finish, stream error, req close, res finish, res close, stream close, req end",
  },
  {
    "the client's session is gone", {}, nil,
    function(_, res) res:write "x" end,
    function(_, session) session:destroy() end,
    "req aborted, stream aborted, stream finish, req close, res finish, res close, stream close, req end",
  },
  {
    "res:destroy()", {}, nil,
    function(_, res)
      res:write "x"
      res:destroy()
    end, nil,
    "req aborted, stream aborted, req close, res finish, res close, stream close, req end",
  },
  {
    "res:destroy(err)", {}, nil,
    function(_, res)
      res:write "x"
      res:destroy "boo"
    end, nil,
    "req aborted, stream aborted, stream error, req close, res finish, res close, stream close, req end",
  },
  {
    "stream:close(8) by the handler", {}, nil,
    function(_, res)
      res:write "x"
      res.stream:close(8)
    end, nil,
    "req aborted, stream aborted, stream finish, req close, res finish, res close, stream close, req end",
  },
  {
    "a timeout", {}, nil,
    function(_, res, list)
      res:setTimeout(1, function()
        list[#list + 1] = "callback"
        res:finish()
      end)
    end, nil,
    "req timeout, res timeout, callback, stream finish, stream end, req close, res finish, res close, " ..
      "stream close, req end",
  },
}

local function run(case)
  local list, closed, begun = {}, false, false
  local server = support.adopt_server(http2.createServer(function(req, res)
    -- The stream's listeners are there first; the pair is told first all the same.
    support.record(list, "stream", res.stream, "aborted error finish end close")
    support.record(list, "req", req, "aborted error timeout end close")
    support.record(list, "res", res, "error timeout drain pipe finish close")
    res:on("close", function() setImmediate(function() closed = true end) end)
    case[4](req, res, list)
    begun = true
  end))
  local session = support.connect(server)
  local stream = session:request(case[2], { endStream = case[3] == nil })
  stream:on("error", function() end)
  stream:resume()
  if case[3] then stream:finish(case[3]) end
  support.wait_for(function() return begun end)
  if case[5] then
    if not case[1]:find "body" then stream:await "response" end
    case[5](stream, session)
  end
  support.wait_for(function() return closed end)
  session:destroy()
  return table.concat(list, ", ")
end

describe("the order of events of", function()
  for _, case in ipairs(cases) do
    it(case[1], function()
      for _ = 1, TIMES do assert.equal(case[6], run(case)) end
    end)
  end
end)
