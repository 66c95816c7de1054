---@meta
-- Made by docs/generate from docs/source/socket.lua; edit that.

--- a connection under a session: addresses, TLS, certificates
---@class Http2Socket: Emitter
---@field remoteAddress string? The peer's address, or the path of a UNIX socket.
---@field remotePort integer? nil on UNIX sockets and pairs.
---@field remoteFamily string? `IPv4` or `IPv6`.
---@field localAddress string? Ours.
---@field localPort integer? Ours.
---@field localFamily string? Ours.
---@field encrypted boolean Is it TLS?
---@field alpnProtocol string? `h2`, or `h2c` in clear text.
---@field servername string? The name that the client asked for.
---@field authorized boolean? TLS: did the peer's certificate verify?
---@field authorizationError string? TLS: why not.
---@field tlsVersion string? `TLSv1.2` or `TLSv1.3`.
---@field cipher string? OpenSSL's name of it.
---@field cipherStandardName string? The IETF's name of it.
---@field resumed boolean? TLS: was an earlier session taken up?
---@field server Http2Server? The server that accepted it.
---@field destroyed boolean Is it over?
---@field connecting boolean Always false.
---@field pending boolean Always false.
---@field readyState string `open` or `closed`.
---@field readable boolean Is it open?
---@field writable boolean Is it open?
---@field bytesRead integer Of HTTP/2, without TLS.
---@field bytesWritten integer Of HTTP/2, without TLS.
---@field on fun(self: Http2Socket, event: "close", listener: fun(hadError: boolean)): Http2Socket
---@field on fun(self: Http2Socket, event: "error", listener: fun(err: Http2Error)): Http2Socket
---@field on fun(self: Http2Socket, event: "newListener", listener: fun(name: string, listener: function)): Http2Socket
---@field on fun(self: Http2Socket, event: "removeListener", listener: fun(name: string, listener: function)): Http2Socket
---@field on fun(self: Http2Socket, event: "timeout", listener: fun()): Http2Socket
---@field on fun(self: Http2Socket, event: string, listener: function): Http2Socket
---@field once fun(self: Http2Socket, event: "close", listener: fun(hadError: boolean)): Http2Socket
---@field once fun(self: Http2Socket, event: "error", listener: fun(err: Http2Error)): Http2Socket
---@field once fun(self: Http2Socket, event: "newListener", listener: fun(name: string, listener: function)): Http2Socket
---@field once fun(self: Http2Socket, event: "removeListener", listener: fun(name: string, listener: function)): Http2Socket
---@field once fun(self: Http2Socket, event: "timeout", listener: fun()): Http2Socket
---@field once fun(self: Http2Socket, event: string, listener: function): Http2Socket
local Http2Socket = {}

--- Ends the connection at once, with its session.
---@param err? any for 'error'
---@return Http2Socket
function Http2Socket:destroy(err) end

--- Ends it in order: behind these last words, or as `session:close()` does.
---@param data? string up to 16 KiB, only when HTTP/2 did not begin
---@return Http2Socket
function Http2Socket:finish(data) end

--- The same.
---@param data? string
---@return Http2Socket
function Http2Socket:end_(data) end

--- The same, as `socket["end"](socket)`.
---@param data? string
---@return Http2Socket
Http2Socket["end"] = function(self, data) end

--- Emits 'timeout' when no session came of it in that time; later it is the session's.
---@param ms integer 0: none
---@param callback? fun()
---@return Http2Socket
function Http2Socket:setTimeout(ms, callback) end

--- Our end.
---@return table
function Http2Socket:address() end

--- The peer's certificate: `subject`, `issuer`, `subjectaltname`, `valid_from`, `valid_to`, `fingerprint256`, `serialNumber`, `bits`, `ca` …
---@return table?
function Http2Socket:getPeerCertificate() end

--- The same of ours.
---@return table?
function Http2Socket:getCertificate() end

--- The cipher.
---@return table?
function Http2Socket:getCipher() end

--- The same as `tlsVersion`.
---@return string?
function Http2Socket:getProtocol() end

--- The same as `resumed`.
---@return boolean
function Http2Socket:isSessionReused() end

--- Does nothing: Nagle's algorithm is always off.
---@return Http2Socket
function Http2Socket:setNoDelay() end

--- It keeps the program running (so it is from the start).
---@return Http2Socket
function Http2Socket:ref() end

--- It does not.
---@return Http2Socket
function Http2Socket:unref() end

--- Throws.
function Http2Socket:write() end

--- Throws.
function Http2Socket:read() end

--- Throws.
function Http2Socket:pause() end

--- Throws.
function Http2Socket:resume() end

--- Throws.
function Http2Socket:pipe() end

--- Throws.
function Http2Socket:setEncoding() end

