---@meta perigee.digest
-- Made by docs/generate from docs/source/digest.lua; edit that.

--- Of `new` and `hmac`. After `final` or `hex` it throws ERR_CRYPTO_HASH_FINALIZED.
---@class Digest
---@field update? fun(self: Digest, bytes: string): Digest Takes more bytes.
---@field final? fun(self: Digest): string The result as bytes.
---@field hex? fun(self: Digest): string The result as hex digits.

--- message digests, HMAC, random bytes
---@class perigee.digestlib
local digest = {}

--- A digest to be fed piece by piece.
---@param algorithm string
---@return Digest
function digest.new(algorithm) end

--- The same with a key.
---@param algorithm string
---@param key string
---@return Digest
function digest.hmac(algorithm, key) end

--- The digest of one string, as bytes.
---@param algorithm string
---@param bytes string
---@return string
function digest.raw(algorithm, bytes) end

--- The same as lower-case hex digits.
---@param algorithm string
---@param bytes string
---@return string
function digest.hex(algorithm, bytes) end

--- Unpredictable bytes.
---@param n integer up to 1048576
---@return string
function digest.random(n) end

return digest

