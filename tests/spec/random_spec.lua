-- Anything may be called on anything at any time: random calls on sessions and streams, alive or gone, from
-- handlers and listeners. What must hold whatever they do: 'close' comes once and last, 'error' and 'aborted' at
-- most once, nothing is left alive, and nothing but the error tables of API.md is thrown.
-- run: deadline 240
--
-- PERIGEE_SEED=n runs that seed alone.
local http2 = require "http2"
local task = require "perigee.task"
local support = require "support"

local LONG = os.getenv "PERIGEE_LONG"
local SEEDS, CALLS = LONG and 60 or 8, 250

local random = math.random

local function one_of(list) return list[random(#list)] end

local names = { "x", "x-" .. ("y"):rep(20), "Content-Type", ":status", "connection", "bad name", "", "te", "date" }
local values = { "1", "", "trailers", 5, true, "a\r\nb", { "a", "b" }, {}, ("z"):rep(5000) }
local numbers = { 0, 1, 2, 8, 11, 13, -1, 1.5, 65535, 2 ^ 31, 2 ^ 32 }
local texts = { "", "a", ("b"):rep(100), ("c"):rep(20000), ("d"):rep(300000) }

local function some_headers()
  local t = {}
  for _ = 1, random(0, 3) do t[one_of(names)] = one_of(values) end
  if random(4) == 1 then t[":status"] = one_of { 200, 204, 304, 404, 99, 103, 600 } end
  return t
end

local function nothing() end

local streams, tokens, file -- of the seed that is played

-- What is no stream and takes a body: it may wait or throw.
local function foreign()
  return {
    write = function()
      local way = random(12)
      if way == 1 then error({ code = "X" }) end
      if way <= 4 then task.sleep(random(0, 2)) end
    end,
    finish = nothing, destroy = nothing,
  }
end

-- --- What may be called. Each gets the object; what it throws is looked at.

local stream_calls = {
  function(s)
    if not s.respond then return end
    s:respond(some_headers(), { endStream = random(4) == 1, waitForTrailers = random(3) == 1 })
  end,
  function(s) if s.respond then s:respond {} end end,
  function(s) s:write(one_of(texts), nothing) end,
  function(s) s:write(one_of(texts)) end,
  function(s) s:finish(random(2) == 1 and one_of(texts) or nil, nothing) end,
  function(s) s:close(one_of(numbers), nothing) end,
  function(s) s:close() end,
  function(s) s:destroy() end,
  function(s) s:destroy(one_of { "boom", 5, { code = "X" } }) end,
  function(s) if s.respond then s:additionalHeaders { [":status"] = one_of { 100, 103, 101, 200 } } end end,
  function(s) s:sendTrailers(some_headers()) end,
  function(s) s:pause() end,
  function(s) s:resume() end,
  function(s) s:read(one_of { nil, 1, 100 }) end,
  function(s) s:pipe(s) end,
  function(s) s:pipe(one_of(streams), { end_ = random(3) > 1 }) end,
  function(s) s:pipe(foreign()) end,
  function(s) s:unpipe(one_of { nil, one_of(streams) }) end,
  function(s)
    if not s.respondWithFile then return end
    s:respondWithFile(one_of { file, file, file, "/", "/nothing" }, some_headers(), {
      offset = one_of { nil, 5, 100000 }, length = one_of { nil, 0, 5, 100000 }, waitForTrailers = random(3) == 1,
      onError = one_of { nil, nothing }, statCheck = one_of { nil, function() return one_of { nil, false } end },
    })
  end,
  function() one_of(tokens):cancel(one_of { nil, "enough" }) end,
  function(s) s:setTimeout(one_of { 0, 1, 5 }, nothing) end,
  function(s) s:on("data", nothing) end,
  function(s) s:on("wantTrailers", function() s:sendTrailers { a = "b" } end) end,
  function(s) s:removeAllListeners "data" end,
  function(s) return s.state, s.closeInfo, s.sentHeaders, s.session, s.bufferSize, s.readableLength, s.bytesRead end,
  function(s) s:emit("something", 1, 2, 3, 4, 5, 6) end,
}

local waits = {
  function(s) s:body(1000) end,
  function(s) for _ in s:chunks() do if random(3) == 1 then break end end end,
  function(s) s:send(one_of(texts)) end,
  function(s) s:await(one_of { "close", "end", "finish", "drain", "data", "response" }, one_of { 1, 5 }) end,
  function() task.sleep(random(0, 3)) end,
}

local session_calls = {
  function(s) s:close(nothing) end,
  function(s) s:destroy() end,
  function(s) s:destroy(one_of { "boom", 0, 2, 11, -1 }) end,
  function(s) s:goaway(one_of { 0, 0, 0, 2 }, one_of { 0, 1, 3 }, one_of { nil, "why" }) end,
  function(s) s:ping(one_of { nil, "12345678", "short" }, nothing) end,
  function(s) s:settings({ initialWindowSize = one_of { 0, 10, 65535, 1000000 } }, nothing) end,
  function(s) s:setTimeout(one_of { 0, 1, 5 }, nothing) end,
  function(s) s:setLocalWindowSize(one_of { 65535, 1000000 }) end,
  function(s)
    local socket = s.socket
    return s.state, s.localSettings, s.remoteSettings, s.closeInfo, socket and socket.remoteAddress, s.encrypted
  end,
  function(s) s:ref() end,
}

-- --- The world: what there is, and what was heard of it.

local function world(seed)
  math.randomseed(seed)
  local w = { streams = {}, sessions = {}, heard = {}, wrong = {} }
  streams, tokens = w.streams, {}
  for i = 1, 10 do tokens[i] = http2.cancelToken() end

  local function complain(text) w.wrong[#w.wrong + 1] = text end

  local function attempt(fn, object)
    local ok, err = pcall(fn, object)
    if not ok and not (type(err) == "table" and err.code) then complain("threw " .. tostring(err)) end
  end

  -- Two or three calls on this and others; now and then one that waits.
  local function act(object, calls)
    for _ = 1, random(1, 3) do attempt(one_of(calls), object) end
    if random(5) == 1 and #w.streams > 0 then attempt(one_of(stream_calls), one_of(w.streams)) end
    if random(15) == 1 and #w.sessions > 0 then attempt(one_of(session_calls), one_of(w.sessions)) end
  end
  w.attempt, w.act = attempt, act

  local once = { close = true, error = true, aborted = true, ["end"] = true, finish = true }

  local function watch(name, object, events, calls)
    local seen = {}
    w.heard[#w.heard + 1] = { name = name, object = object, seen = seen }
    for event in events:gmatch "%S+" do
      object:on(event, function(...)
        if seen.close then complain(("%s: %s behind 'close'"):format(name, event)) end
        if once[event] and seen[event] then complain(("%s: %s twice"):format(name, event)) end
        if event == "aborted" and seen.error then complain(name .. ": aborted behind 'error'") end
        seen[event] = true
        if event == "close" and not object.closeInfo then complain(name .. ": no closeInfo at 'close'") end
        if random(6) == 1 then act(object, calls) end
      end)
    end
  end

  local function meet_stream(name, stream)
    w.streams[#w.streams + 1] = stream
    watch(("%s %s of seed %d"):format(name, tostring(stream.id), seed), stream,
      "aborted finish end error close drain timeout trailers", stream_calls)
  end

  local function meet_session(name, session)
    w.sessions[#w.sessions + 1] = session
    watch(("%s of seed %d"):format(name, seed), session, "error close goaway timeout connect ping", session_calls)
  end

  w.server = support.server(function(stream)
    meet_stream("S", stream)
    if random(3) > 1 then act(stream, stream_calls) end
    if random(3) == 1 then
      one_of(waits)(stream)
      act(stream, stream_calls)
    end
    if random(40) == 1 then error "thrown by a handler" end
  end)
  w.server:on("session", function(session) meet_session("Ss", session) end)

  function w.connect()
    local session = random(3) == 1 and http2.connectPair(w.server) or support.connect(w.server)
    meet_session("Cs", session)
    return session
  end

  function w.request(session)
    attempt(function()
      local stream = session:request(one_of { { [":method"] = "POST" }, {}, { [":method"] = "HEAD" }, some_headers() },
        {
          waitForTrailers = random(4) == 1, parent = random(3) == 1 and one_of(streams) or nil,
          signal = random(5) == 1 and one_of(tokens) or nil,
        })
      meet_stream("C", stream)
      if random(2) == 1 then act(stream, stream_calls) end
    end)
  end
  return w
end

local function play(seed)
  file = support.file("random.bin", ("0123456789"):rep(30000))
  local w = world(seed)
  local clients = { w.connect(), w.connect() }
  for step = 1, CALLS do
    local what = random(10)
    if what <= 3 then
      local client = random(#clients)
      if clients[client].destroyed and random(3) == 1 then clients[client] = w.connect() end
      w.request(clients[client])
    elseif what <= 7 and #w.streams > 0 then
      w.act(one_of(w.streams), stream_calls)
    elseif what == 8 and random(4) == 1 then
      w.act(one_of(w.sessions), session_calls)
    elseif what == 9 and #w.streams > 0 then
      local stream = one_of(w.streams)
      task.spawn(function() w.attempt(one_of(waits), stream) end)
    end
    if step % 7 == 0 then support.turns(random(1, 3)) end
    if step % 50 == 0 then collectgarbage() end
  end
  for _, session in ipairs(w.sessions) do session:destroy() end
  for _, stream in ipairs(w.streams) do stream:resume() end -- whole bodies outlive a session that the peer ended
  local function all_closed()
    for _, one in ipairs(w.heard) do
      if not one.seen.close then return false, one end
    end
    return true
  end
  local ok = pcall(support.wait_for, all_closed)
  if not ok then
    local _, one = all_closed()
    w.wrong[#w.wrong + 1] = ("%s: no 'close' (destroyed %s, closed %s)"):format(one.name,
      tostring(one.object.destroyed), tostring(one.object.closed))
  end
  support.turns(5)
  support.failures() -- what handlers threw on purpose, or by calling wrongly
  assert.same({}, w.wrong)
  support.close_all()
end

describe("random calls", function()
  local only = tonumber(os.getenv "PERIGEE_SEED")
  for seed = only or 1, only or SEEDS do
    it("with seed " .. seed, function() play(seed) end)
  end
end)
