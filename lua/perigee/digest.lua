--- digest: message digests (SHA-256 and kin, as OpenSSL knows them), keyed ones, random bytes.
--
--   local digest = require "perigee.digest"
--   digest.hex("sha256", "abc")
--   local d = digest.new "sha256"; d:update("a"); d:update("bc"); d:hex()
local native = require "perigee.native"
local errors = require "perigee.errors"

local digest = {}

local Digest = {}
Digest.__index = Digest

local function to_hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function make(name, key)
  errors.check_type(name, "algorithm", "string")
  local state = native.digest_new(name, key)
  if not state then
    error(errors.new("ERR_CRYPTO_INVALID_DIGEST", "Invalid digest: " .. name), 0)
  end
  return setmetatable({ _state = state }, Digest)
end

--- A streaming digest. name: "sha256", "sha512", "sha1", "md5", "sha3-256", … Throws ERR_CRYPTO_INVALID_DIGEST.
function digest.new(name)
  return make(name)
end

--- The same keyed: HMAC (RFC 2104).
function digest.hmac(name, key)
  errors.check_type(key, "key", "string")
  return make(name, key)
end

--- The digest of one string, raw, or as lower-case hex digits.
function digest.raw(name, bytes)
  return make(name):update(bytes):final()
end

function digest.hex(name, bytes)
  return make(name):update(bytes):hex()
end

--- n unpredictable bytes, n up to 1 MiB.
function digest.random(n)
  return native.random(errors.check_range(n, "n", 0, 1048576))
end

--- Takes more bytes; returns self. Throws ERR_CRYPTO_HASH_FINALIZED after final() or hex().
function Digest:update(bytes)
  errors.check_type(bytes, "data", "string")
  if not native.digest_update(self._state, bytes) then
    error(errors.new("ERR_CRYPTO_HASH_FINALIZED", "Digest already called"), 0)
  end
  return self
end

--- The result as raw bytes; once.
function Digest:final()
  local bytes = native.digest_final(self._state)
  if not bytes then
    error(errors.new("ERR_CRYPTO_HASH_FINALIZED", "Digest already called"), 0)
  end
  return bytes
end

--- The result as lower-case hex digits; once.
function Digest:hex()
  return to_hex(self:final())
end

return digest
