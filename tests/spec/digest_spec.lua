-- perigee.digest: message digests, keyed ones, random bytes.
local digest = require "perigee.digest"

local ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" -- FIPS 180-4, SHA-256 of "abc"

describe("a digest", function()
  it("of known texts is the known one", function()
    assert.equal(ABC, digest.hex("sha256", "abc"))
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", digest.hex("sha256", ""))
    assert.equal("a9993e364706816aba3e25717850c26c9cd0d89d", digest.hex("sha1", "abc"))
    assert.equal("3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532", digest.hex("sha3-256", "abc"))
    assert.equal(64, #digest.raw("sha512", "abc"))
  end)

  it("may come piece by piece", function()
    local d = digest.new "sha256"
    assert.equal(d, d:update "a")
    assert.equal(ABC, d:update(""):update("b"):update("c"):hex())
  end)

  it("raw has the bytes of the hex form", function()
    local hex = digest.raw("sha256", "abc"):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
    assert.equal(ABC, hex)
  end)

  it("takes every byte", function()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    assert.equal("40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880",
      digest.hex("sha256", table.concat(all)))
  end)

  it("is over after its result", function()
    local d = digest.new "sha256"
    d:final()
    assert.has_error(function() d:update "x" end, "ERR_CRYPTO_HASH_FINALIZED")
    assert.has_error(function() d:final() end, "ERR_CRYPTO_HASH_FINALIZED")
    assert.has_error(function() d:hex() end, "ERR_CRYPTO_HASH_FINALIZED")
  end)

  it("needs an algorithm that is known, and text", function()
    local err = assert.has_error(function() digest.new "sha257" end, "ERR_CRYPTO_INVALID_DIGEST")
    assert.matches("sha257", err.message)
    assert.has_error(function() digest.new(256) end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() digest.new("sha256"):update(5) end, "ERR_INVALID_ARG_TYPE")
    assert.has_error(function() digest.hex("sha256") end, "ERR_INVALID_ARG_TYPE")
  end)

  it("that nobody finishes is collected", function()
    for _ = 1, 1000 do digest.new("sha256"):update "x" end
    collectgarbage()
    assert.equal(ABC, digest.hex("sha256", "abc"))
  end)
end)

describe("hmac", function()
  it("of RFC 4231 case 2 is the known one", function()
    assert.equal("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      digest.hmac("sha256", "Jefe"):update("what do ya want for nothing?"):hex())
  end)

  it("takes an empty and a long key", function()
    assert.equal("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
      digest.hmac("sha256", ""):hex())
    assert.equal("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", -- RFC 4231 case 6
      digest.hmac("sha256", ("\170"):rep(131)):update("Test Using Larger Than Block-Size Key - Hash Key First"):hex())
  end)

  it("needs a key", function()
    assert.has_error(function() digest.hmac "sha256" end, "ERR_INVALID_ARG_TYPE")
  end)
end)

describe("random", function()
  it("gives as many bytes as asked for, others each time", function()
    assert.equal("", digest.random(0))
    assert.equal(32, #digest.random(32))
    assert.is_true(digest.random(32) ~= digest.random(32))
    assert.equal(1048576, #digest.random(1048576))
  end)

  it("checks the number", function()
    for _, n in ipairs { -1, 1.5, 1048577, 0 / 0 } do
      assert.has_error(function() digest.random(n) end, "ERR_OUT_OF_RANGE")
    end
    assert.has_error(function() digest.random() end, "ERR_INVALID_ARG_TYPE")
  end)
end)
