--- config.cross: what no setting shows by itself: addresses met twice, files that are not there, certificates and keys,
-- users. Fills in the defaults that depend on the system and reads certificates and keys into the settings.
local check = require "perigee.config.check"
local types = require "perigee.config.types"
local units = require "perigee.config.units"

local cross = {}

local function with(path, ...)
  local longer = { unpack(path) }
  for i = 1, select("#", ...) do longer[#longer + 1] = (select(i, ...)) end
  return longer
end

local function folder_of(path)
  return path:match "^(.*)/[^/]*$" or "."
end

-- --- Files

local function check_readable(context, path, file, what)
  local about, why = context.system.about(file)
  if not about then
    context:note("error", path, "expected %s that can be read, found %s (%s)", what, file, why)
  elseif about.type ~= "file" then
    context:note("error", path, "expected %s, found %s, which is %s", what, file,
      about.type == "folder" and "a folder" or "no regular file")
  elseif not about.readable then
    context:note("error", path, "expected %s that can be read, found %s (Permission denied)", what, file)
  else
    return true
  end
end

-- A file that will be made or continued.
local function check_writable(context, path, file)
  if file == nil or file == "stderr" then return end
  local about = context.system.about(file)
  local folder = folder_of(file)
  if about then
    if about.type == "folder" then
      context:note("error", path, "expected a file to write to, found the folder %s", file)
    elseif not about.writable then
      context:note("error", path, "expected a file to write to, found %s (Permission denied)", file)
    end
    return
  end
  local inside, why = context.system.about(folder == "" and "/" or folder)
  if not inside or inside.type ~= "folder" or not inside.writable then
    context:note("error", path, "expected a file to write to, found %s, whose folder %s", file,
      not inside and ("is not there (%s)"):format(why) or inside.type ~= "folder" and "is no folder"
        or "cannot be written to (Permission denied)")
  end
end

local function check_socket(context, path, socket)
  if #socket > 107 then
    context:note("error", path, "expected a path of up to 107 bytes for a socket, found %d bytes", #socket)
  end
end

-- --- TLS

local codes = {
  ERR_TLS_CERT = "certificate", ERR_TLS_KEY = "key", ERR_TLS_KEY_MISMATCH = "key", ERR_TLS_PASSPHRASE = "key",
  ERR_TLS_CIPHERS = "ciphers", ERR_TLS_GROUPS = "curves", ERR_TLS_CA = "client_ca", ERR_TLS_CRL = "client_crl",
  ERR_TLS_VERSION = "min_version",
}

local function read_into(context, path, file, what)
  if not check_readable(context, path, file, what) then return nil end
  local text, why = context.system.read_file(file)
  if not text then context:note("error", path, "expected %s that can be read, found %s (%s)", what, file, why) end
  return text
end

local function date(seconds)
  return os.date("!%Y-%m-%d", seconds)
end

local function warn_of_time(context, path, facts)
  local now = context.system.now()
  if facts.ends <= now then
    context:note("warning", path, "the certificate (%s) expired on %s", facts.subject, date(facts.ends))
  elseif facts.begins > now then
    context:note("warning", path, "the certificate (%s) is good from %s on only", facts.subject, date(facts.begins))
  end
end

-- Reads one certificate with its key. true when they are good.
local function read_pair(context, pair)
  if not pair.certificate or not pair.key then return false end
  local file, key_file = pair.certificate, pair.key
  pair.certificate_file, pair.key_file = file, key_file
  pair.certificate = read_into(context, with(pair.at, "certificate"), file, "a file with a certificate")
  pair.key = read_into(context, with(pair.at, "key"), key_file, "a file with a private key")
  if not pair.certificate or not pair.key then return false end
  local ok, code, why = context.system.tls_context {
    server = true, certificate = pair.certificate, key = pair.key, alpn = "h2",
  }
  if not ok then
    local name = codes[code] or "certificate"
    if code == "ERR_TLS_PASSPHRASE" then why = "the private key is encrypted: expected one without a passphrase" end
    context:note("error", with(pair.at, name), "%s (%s)", why, name == "key" and key_file or file)
    return false
  end
  local about = context.system.about(key_file)
  if about and about.mode % 8 >= 4 then
    context:note("warning", with(pair.at, "key"),
      "every user of this machine can read the private key (%s has mode %s)", key_file, units.say_mode(about.mode))
  end
  local facts = context.system.certificate(pair.certificate)
  if not facts then return true end
  pair.names = facts.names
  warn_of_time(context, with(pair.at, "certificate"), facts)
  return true
end

-- Ciphers, curves, authorities, with a certificate that is known to be good.
local function check_options(context, tls, path, pair)
  local ok, code, why = context.system.tls_context {
    server = true, certificate = pair.certificate, key = pair.key, alpn = "h2",
    min_version = tls.min_version, max_version = tls.max_version, ciphers = tls.ciphers, groups = tls.curves,
    ca = tls.client_ca, crl = tls.client_crl,
  }
  if not ok then context:note("error", codes[code] and with(path, codes[code]) or path, "%s", why) end
end

local function check_tls(context, tls, path)
  local good
  if tls.min_version == "TLSv1.3" and tls.max_version == "TLSv1.2" then
    context:note("error", with(path, "max_version"), "expected at least min_version (TLSv1.3), found TLSv1.2")
    return
  end
  for _, name in ipairs { "client_ca", "client_crl" } do
    if tls[name] then
      tls[name .. "_file"] = tls[name]
      tls[name] = read_into(context, with(path, name), tls[name], name == "client_ca" and "a file with authorities"
        or "a file with lists of certificates that were taken back")
    end
  end
  if tls.client_certificate == "require" and not tls.client_ca_file then
    context:note("error", with(path, "client_certificate"),
      'expected "require" with the setting client_ca: without it no client has a good certificate')
  elseif tls.client_certificate == "none" and (tls.client_ca_file or tls.client_crl_file) then
    context:note("warning", with(path, tls.client_ca_file and "client_ca" or "client_crl"),
      'has no effect while client_certificate is "none"')
  end
  for i, pair in ipairs(tls.certificates) do
    if read_pair(context, pair) then
      good = good or pair
      if i > 1 and pair.names and #pair.names == 0 then
        context:note("warning", with(pair.at, "certificate"), "the certificate names no host: no client will see it")
      end
    end
  end
  if good then check_options(context, tls, path, good) end
  tls.ticket_key = context.system.random(48)
end

-- --- Addresses

-- What a listener takes: a list of texts, of which no two listeners may share one.
local function claims(listener)
  if listener.path then return { "unix:" .. listener.path } end
  if listener.port == 0 then return {} end
  local v4, v6 = "0.0.0.0:" .. listener.port, "[::]:" .. listener.port
  if listener.host == "" then return { v4, v6 } end
  if listener.host == "::" then return listener.ipv6_only and { v6 } or { v4, v6 } end
  return { listener.host .. ":" .. listener.port }
end

local function check_addresses(context, settings)
  local taken = {}
  local function claim(listener, path, name)
    if not listener.port and not listener.path then return end
    for _, text in ipairs(claims(listener)) do
      if taken[text] then
        context:note("error", path, "expected an address of its own, found %s, which %s has",
          listener.address, taken[text])
        return
      end
    end
    for _, text in ipairs(claims(listener)) do taken[text] = name end
  end
  for _, listener in ipairs(settings.listen or {}) do
    claim(listener, with(listener.at, "address"), check.path_text(listener.at))
  end
  if settings.admin then claim(settings.admin, { "admin", "address" }, "admin") end
  if settings.control then claim({ path = settings.control, address = settings.control }, { "control" }, "control") end
end

local function check_listener(context, settings, listener)
  local path = listener.at
  if listener.scheme then
    local wants = listener.scheme:lower() == "https"
    if wants and not listener.tls then
      context:note("error", with(path, "address"), "expected the setting tls beside an https address, found none")
    elseif not wants and listener.tls then
      context:note("error", with(path, "address"),
        "expected an https address, or one without a scheme, beside the setting tls")
    end
  end
  listener.secure = listener.tls ~= nil
  if listener.tls then check_tls(context, listener.tls, with(path, "tls")) end
  if listener.script then
    check_readable(context, with(path, "script"), listener.script, "a script")
  elseif settings.script then
    listener.script = settings.script
  else
    context:note("error", path, "expected the setting script, here or for the whole service, found none")
  end
end

-- --- What depends on the system

local function control_path(system)
  local runtime = system.environment "RUNTIME_DIRECTORY"
  if runtime and runtime ~= "" then return runtime:match "^[^:]*" .. "/control.sock" end
  if system.uid() == 0 then return "/run/perigee/control.sock" end
  local user_runtime = system.environment "XDG_RUNTIME_DIR"
  if user_runtime and user_runtime ~= "" then return user_runtime .. "/perigee/control.sock" end
  return ("/tmp/perigee-%d/control.sock"):format(system.uid())
end

local function fill_in(context, settings)
  settings.control = settings.control or control_path(context.system)
  check_socket(context, { "control" }, settings.control)
  local admin = settings.admin
  if admin then
    if not admin.address then
      local path = folder_of(settings.control) .. "/admin.sock"
      admin.address = { address = "unix:" .. path, path = path }
    end
    check.spread(admin)
    if admin.path then check_socket(context, { "admin", "address" }, admin.path) end
    if admin.scheme == "https" then
      context:note("error", { "admin", "address" }, "expected an address without TLS, found https")
    end
    admin.secure = nil
  end
end

-- As root: user and group must be there. As somebody else they cannot be taken on, and the service runs as it is.
local function check_account(context, settings)
  local system, uid = context.system, context.system.uid()
  local may_be_root = settings.security and settings.security.root or system.environment "PERIGEE_ALLOW_ROOT"
  if uid == 0 and not settings.user and not may_be_root then
    settings.user = "perigee"
    if not system.user(settings.user) then
      context:note("error", { "user" }, 'expected an existing user, found "perigee", the default: '
        .. 'make it, name another one, or say user = "root" (scripts run as root then)')
    end
  elseif uid == 0 then
    for _, name in ipairs { "user", "group" } do
      if settings[name] and not system[name](settings[name]) then
        context:note("error", { name }, "expected an existing %s, found %s", name, types.shown(settings[name]))
      end
    end
  elseif settings.user and system.user(settings.user) == uid then
    return
  else
    for _, name in ipairs { "user", "group" } do
      if settings[name] then
        context:note("warning", { name }, "has no effect: only root can start a service as another %s%s", name,
          system[name](settings[name]) and "" or (", and there is no %s %s"):format(name, types.shown(settings[name])))
        settings[name] = nil
      end
    end
  end
end

--- Checks settings of check.run() and completes them. context: its third result.
function cross.run(settings, context)
  if settings.script then check_readable(context, { "script" }, settings.script, "a script") end
  fill_in(context, settings)
  for _, listener in ipairs(settings.listen or {}) do check_listener(context, settings, listener) end
  check_addresses(context, settings)
  check_account(context, settings)
  local limits = settings.limits
  if limits and limits.stream_output_max and limits.stream_output_high and
    limits.stream_output_max < limits.stream_output_high then
    context:note("error", { "limits", "stream_output_max" }, "expected at least stream_output_high (%s), found %s",
      units.say_size(limits.stream_output_high), units.say_size(limits.stream_output_max))
  end
  local log = settings.log or {}
  check_writable(context, { "log", "file" }, log.file)
  check_writable(context, { "log", "access" }, log.access)
  check_writable(context, { "pid_file" }, settings.pid_file)
end

return cross
