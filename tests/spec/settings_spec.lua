-- SETTINGS: packed, custom, pending, bounded; a server's for later sessions (API.md 3, 5, 8).
local http2 = require "http2"
local support = require "support"

local function hex(text)
  return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

describe("getPackedSettings", function()
  it("has six bytes for each, in the order of ids", function()
    assert.equal("", http2.getPackedSettings {})
    assert.equal("", http2.getPackedSettings())
    assert.equal("000100000064" .. "000200000001" .. "0003000000c8" .. "000400000064" .. "000500004e20" ..
      "000600000064" .. "000800000000", hex(http2.getPackedSettings {
        headerTableSize = 100, enablePush = true, maxConcurrentStreams = 200, initialWindowSize = 100,
        maxFrameSize = 20000, maxHeaderListSize = 100, enableConnectProtocol = false,
      }))
    assert.equal("0006ffffffff", hex(http2.getPackedSettings { maxHeaderSize = 4294967295 }))
    assert.equal("0006000003e8", hex(http2.getPackedSettings { maxHeaderSize = 1, maxHeaderListSize = 1000 }))
    assert.equal("1234000000ff" .. "ffff00000001",
      hex(http2.getPackedSettings { customSettings = { [0xffff] = 1, [0x1234] = 255 } }))
  end)

  it("checks values and names", function()
    for name, values in pairs {
      headerTableSize = { -1, 4294967296, 1.5, "1" }, initialWindowSize = { -1, 2147483648 },
      maxFrameSize = { 16383, 16777216 }, maxConcurrentStreams = { -1, 4294967296 },
      maxHeaderListSize = { -1, 4294967296 }, maxHeaderSize = { -1, 4294967296 },
    } do
      for _, value in ipairs(values) do
        local err = assert.has_error(function() http2.getPackedSettings { [name] = value } end,
          "ERR_HTTP2_INVALID_SETTING_VALUE")
        assert.equal("RangeError", err.name)
      end
    end
    for _, value in ipairs { 1, 0, "", {} } do
      local err = assert.has_error(function() http2.getPackedSettings { enablePush = value } end,
        "ERR_HTTP2_INVALID_SETTING_VALUE")
      assert.equal("TypeError", err.name)
      assert.equal(('Invalid value for setting "enablePush": %s'):format(tostring(value)), err.message)
    end
    assert.has_error(function() http2.getPackedSettings(1) end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() http2.getPackedSettings { customSettings = { [65536] = 1 } } end,
      "ERR_HTTP2_INVALID_SETTING_VALUE")
    assert.has_error(function() http2.getPackedSettings { customSettings = { [99] = -1 } } end,
      "ERR_HTTP2_INVALID_SETTING_VALUE")
    local many = {}
    for id = 100, 110 do many[id] = 1 end
    assert.has_error(function() http2.getPackedSettings { customSettings = many } end,
      "ERR_HTTP2_TOO_MANY_CUSTOM_SETTINGS")
  end)
end)

describe("getUnpackedSettings", function()
  it("is the way back", function()
    local t = {
      headerTableSize = 100, enablePush = true, maxConcurrentStreams = 4294967295, initialWindowSize = 2147483647,
      maxFrameSize = 20000, maxHeaderListSize = 300, enableConnectProtocol = true,
      customSettings = { [0x1234] = 4294967295 },
    }
    local back = http2.getUnpackedSettings(http2.getPackedSettings(t))
    assert.equal(300, back.maxHeaderSize)
    back.maxHeaderSize = nil
    assert.same(t, back)
    assert.same({}, http2.getUnpackedSettings "")
  end)

  it("checks length and type, and values when asked to", function()
    local err = assert.has_error(function() http2.getUnpackedSettings "12345" end,
      "ERR_HTTP2_INVALID_PACKED_SETTINGS_LENGTH")
    assert.equal("RangeError", err.name)
    assert.equal("Packed settings length must be a multiple of six", err.message)
    for _, value in ipairs { 1, {}, true, print } do
      assert.has_error(function() http2.getUnpackedSettings(value) end, "ERR_INVALID_ARG_TYPE")
    end
    local wrong = { "\0\4\255\255\255\255", "\0\5\0\0\0\1" }
    for _, packed in ipairs(wrong) do
      http2.getUnpackedSettings(packed)
      assert.has_error(function() http2.getUnpackedSettings(packed, { validate = true }) end,
        "ERR_HTTP2_INVALID_SETTING_VALUE")
    end
    assert.has_error(function() http2.getUnpackedSettings("", 1) end, "ERR_INVALID_ARG_TYPE")
    -- A switch is on unless it is 0.
    assert.is_true(http2.getUnpackedSettings("\0\2\0\0\0\100", { validate = true }).enablePush)
    assert.is_false(http2.getUnpackedSettings("\0\8\0\0\0\0", { validate = true }).enableConnectProtocol)
  end)
end)

-- A server and a connected client; both sessions.
local function pair(server_options, client_options)
  local server = support.server(function(stream) stream:finish() end, server_options)
  local Ss
  server:on("session", function(session) Ss = session end)
  local Cs = support.connect(server, client_options)
  return Cs, function()
    support.wait_for(function() return Ss end)
    return Ss
  end, server
end

describe("localSettings and remoteSettings", function()
  it("are empty before, defaults until the answer, then what was said; the same table until they change", function()
    local Cs, server_session =
      pair({ settings = { maxConcurrentStreams = 7 } }, { settings = { initialWindowSize = 70000 } })
    assert.same({}, Cs.localSettings)
    assert.same({}, Cs.remoteSettings)
    assert.is_false(Cs.pendingSettingsAck)
    local at_connect
    Cs:on("connect", function()
      at_connect = { Cs.localSettings.initialWindowSize, Cs.pendingSettingsAck, Cs.localSettings == Cs.localSettings }
    end)
    local heard, heard_remote
    Cs:on("localSettings", function(t) heard = t end)
    Cs:on("remoteSettings", function(t) heard_remote = t end)
    support.wait_for(function() return heard and heard_remote end)
    assert.same({ 65535, true, true }, at_connect)
    assert.equal(70000, heard.initialWindowSize)
    assert.is_true(heard == Cs.localSettings)
    assert.is_true(heard_remote == Cs.remoteSettings)
    assert.equal(7, heard_remote.maxConcurrentStreams)
    assert.equal(65536, heard_remote.maxHeaderListSize)
    assert.is_false(Cs.pendingSettingsAck)
    local Ss = server_session()
    support.wait_for(function() return not Ss.pendingSettingsAck end)
    assert.equal(7, Ss.localSettings.maxConcurrentStreams)
    assert.equal(70000, Ss.remoteSettings.initialWindowSize)
    assert.is_true(Ss.remoteSettings.enablePush)
  end)

  it("carry custom settings: ours when they are acknowledged, the peer's that were asked for", function()
    local Cs, server_session = pair(
      { settings = { customSettings = { [0x99] = 5, [0x100] = 6 } }, remoteCustomSettings = { 0x77 } },
      { settings = { customSettings = { [0x77] = 4294967295 } }, remoteCustomSettings = { 0x99, 0x98 } })
    local Ss = server_session()
    support.wait_for(function() return not Cs.pendingSettingsAck and not Ss.pendingSettingsAck end)
    assert.same({ [0x99] = 5 }, Cs.remoteSettings.customSettings)
    assert.same({ [0x77] = 4294967295 }, Cs.localSettings.customSettings)
    assert.same({ [0x77] = 4294967295 }, Ss.remoteSettings.customSettings)
    assert.same({ [0x99] = 5, [0x100] = 6 }, Ss.localSettings.customSettings)
    local remote
    Cs:on("remoteSettings", function(t) remote = t end)
    Ss:settings { customSettings = { [0x98] = 1 } }
    support.wait_for(function() return remote end)
    assert.same({ [0x98] = 1, [0x99] = 5 }, remote.customSettings)
    support.wait_for(function() return not Ss.pendingSettingsAck end)
    assert.equal(6, Ss.localSettings.customSettings[0x100])
    assert.equal(1, Ss.localSettings.customSettings[0x98])
  end)

  it("change one by one, also when the frames came together", function()
    local server = support.server(function(stream) stream:finish() end, { settings = { maxConcurrentStreams = 7 } })
    server:on("session", function(session)
      session:settings { maxConcurrentStreams = 8 }
      session:settings { initialWindowSize = 1000 }
    end)
    local Cs, seen = support.connect(server), {}
    Cs:on("remoteSettings", function(t)
      seen[#seen + 1] = { t.maxConcurrentStreams, t.initialWindowSize, t == Cs.remoteSettings }
    end)
    Cs:await "connect"
    assert.equal(100, Cs.remoteSettings.maxConcurrentStreams) -- assumed
    support.wait_for(function() return #seen == 3 end)
    assert.same({ { 7, 65535, true }, { 8, 65535, true }, { 8, 1000, true } }, seen)
  end)

  it("checks the ids of remoteCustomSettings", function()
    assert.has_error(function() http2.createServer { remoteCustomSettings = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 } } end,
      nil)
    local server = http2.createServer { remoteCustomSettings = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 } }
    assert.is_truthy(server)
  end)
end)

describe("session:settings", function()
  it("given before the connection stands goes out then, and counts as pending", function()
    local Cs, server_session = pair()
    local order = {}
    Cs:settings({ maxFrameSize = 20000 }, function(err, t)
      order[#order + 1] = err and err.code or "callback " .. t.maxFrameSize
    end)
    Cs:on("localSettings", function(t) order[#order + 1] = "localSettings " .. t.maxFrameSize end)
    assert.is_true(Cs.pendingSettingsAck)
    support.wait_for(function() return #order == 3 end)
    assert.same({ "localSettings 16384", "callback 20000", "localSettings 20000" }, order)
    assert.equal(20000, server_session().remoteSettings.maxFrameSize)
    assert.is_false(Cs.pendingSettingsAck)
  end)

  it("of a session that dies before it connects is cancelled", function()
    local Cs = pair()
    local code
    Cs:settings({}, function(err) code = err.code end)
    Cs:destroy()
    support.wait_for(function() return code end)
    assert.equal("ERR_HTTP2_SETTINGS_CANCEL", code)
    assert.has_error(function() Cs:settings {} end, "ERR_HTTP2_INVALID_SESSION")
  end)

  it("too often destroys the session", function()
    for _, role in ipairs { "client", "server" } do
      local limits = { maxOutstandingSettings = 2 }
      local Cs, server_session = pair(role == "server" and limits or nil, role == "client" and limits or nil)
      Cs:await "connect"
      local session = role == "client" and Cs or server_session()
      support.wait_for(function() return not session.pendingSettingsAck end)
      local code, cancelled = nil, 0
      session:on("error", function(err) code = err.code end)
      for _ = 1, 2 do
        session:settings({ maxFrameSize = 20000 }, function(err) cancelled = cancelled + (err and 1 or 0) end)
        assert.is_true(session.pendingSettingsAck)
        assert.is_false(session.destroyed)
      end
      session:settings({}, function(err) cancelled = cancelled + (err and 1 or 0) end)
      assert.is_true(session.destroyed)
      support.wait_for(function() return code and cancelled == 3 end)
      assert.equal("ERR_HTTP2_MAX_PENDING_SETTINGS_ACK", code)
    end
  end)

  it("does not take enableConnectProtocol back (RFC 8441 3)", function()
    local _, server_session = pair { settings = { enableConnectProtocol = true } }
    local Ss = server_session()
    assert.has_error(function() Ss:settings { enableConnectProtocol = false } end, "ERR_HTTP2_INVALID_SETTING_VALUE")
    Ss:settings { enableConnectProtocol = true }
  end)

  it("checks its callback", function()
    local Cs = pair()
    for _, value in ipairs { 1, true, {}, "x" } do
      assert.has_error(function() Cs:settings({}, value) end, "ERR_INVALID_ARG_TYPE")
    end
  end)
end)

describe("server:updateSettings", function()
  it("is for the sessions that are made later, on top of what was said before", function()
    local Cs, server_session, server = pair { settings = { maxConcurrentStreams = 7, initialWindowSize = 70000 } }
    server_session()
    local remote
    support.wait_for(function() return Cs.remoteSettings.maxConcurrentStreams == 7 end)
    server:updateSettings { maxConcurrentStreams = 9, maxFrameSize = 20000 }
    local later = support.connect(server)
    later:on("remoteSettings", function(t) remote = t end)
    support.wait_for(function() return remote end)
    assert.equal(9, remote.maxConcurrentStreams)
    assert.equal(20000, remote.maxFrameSize)
    assert.equal(70000, remote.initialWindowSize)
    assert.equal(7, Cs.remoteSettings.maxConcurrentStreams)
  end)

  it("before listen() too, and is checked", function()
    local server = support.server(nil, {})
    server:updateSettings { maxConcurrentStreams = 9 }
    local session, remote = support.connect(server), nil
    session:on("remoteSettings", function(t) remote = t end)
    support.wait_for(function() return remote end)
    assert.equal(9, remote.maxConcurrentStreams)
    for _, value in ipairs { 1, true, "x" } do
      assert.has_error(function() server:updateSettings(value) end, "ERR_INVALID_ARG_TYPE")
    end
    assert.has_error(function() server:updateSettings() end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() server:updateSettings { maxFrameSize = 1 } end, "ERR_HTTP2_INVALID_SETTING_VALUE")
  end)
end)
