return {
  title = "perigee.digest",
  summary = "message digests, HMAC, random bytes",
  module = "perigee.digest", var = "digest", node = false,
  intro = '`local digest = require "perigee.digest"`. Algorithms by OpenSSL\'s names: `sha256`, `sha512`, `sha1`, `md5`, `sha3-256`, …',
  functions = {
    { "new", args = { { "algorithm", "string" } }, returns = { "Digest" }, throws = "ERR_CRYPTO_INVALID_DIGEST ERR_INVALID_ARG_TYPE", text = "A digest to be fed piece by piece." },
    { "hmac", args = { { "algorithm", "string" }, { "key", "string" } }, returns = { "Digest" }, rfc = "RFC 2104",
      throws = "ERR_CRYPTO_INVALID_DIGEST ERR_INVALID_ARG_TYPE", text = "The same with a key." },
    { "raw", args = { { "algorithm", "string" }, { "bytes", "string" } }, returns = { "string" }, throws = "ERR_CRYPTO_INVALID_DIGEST", text = "The digest of one string, as bytes." },
    { "hex", args = { { "algorithm", "string" }, { "bytes", "string" } }, returns = { "string" }, throws = "ERR_CRYPTO_INVALID_DIGEST", text = "The same as lower-case hex digits." },
    { "random", args = { { "n", "integer", "up to 1048576" } }, returns = { "string" }, throws = "ERR_OUT_OF_RANGE", text = "Unpredictable bytes." },
  },
  types = {
    { name = "Digest", text = "Of `new` and `hmac`. After `final` or `hex` it throws ERR_CRYPTO_HASH_FINALIZED.", fields = {
      { "update", type = "fun(self: Digest, bytes: string): Digest", text = "Takes more bytes." },
      { "final", type = "fun(self: Digest): string", text = "The result as bytes." },
      { "hex", type = "fun(self: Digest): string", text = "The result as hex digits." },
    } },
  },
  examples = {
    { id = "digest", title = "Digests",
      code = [[
local digest = require "perigee.digest"
print(digest.hex("sha1", "abc"))
print(#digest.raw("sha256", "abc"), #digest.random(16))

local d = digest.new "md5"
d:update("a"):update "bc"
print(d:hex())
print(select(2, pcall(d.update, d, "more")).code)
print(#digest.hmac("sha256", "key"):update("text"):final())
print(select(2, pcall(digest.new, "sha0")).code)
]],
      prints = [[
a9993e364706816aba3e25717850c26c9cd0d89d
32 16
900150983cd24fb0d6963f7d28e17f72
ERR_CRYPTO_HASH_FINALIZED
32
ERR_CRYPTO_INVALID_DIGEST
]] },
  },
}
