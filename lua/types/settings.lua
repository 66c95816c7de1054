---@meta
-- Made by docs/generate from docs/source/settings.lua; edit that.

--- All of RFC 9113 6.5.2, and RFC 8441.
---@class Settings
---@field headerTableSize? integer Bytes of the HPACK decoder's table, 0 to 2^32-1.
---@field enablePush? boolean May the server push?
---@field initialWindowSize? integer Bytes of a new stream's window, 0 to 2^31-1.
---@field maxFrameSize? integer Bytes of a frame's payload, 16384 to 16777215.
---@field maxConcurrentStreams? integer Streams that the peer may have open. Our servers say 128 unless told otherwise.
---@field maxHeaderListSize? integer Bytes of a header block. Our servers say 65536 unless told otherwise.
---@field maxHeaderSize? integer The same under its old name.
---@field enableConnectProtocol? boolean May clients use extended CONNECT? It cannot be taken back.
---@field customSettings? table<integer, integer> Other settings by id (0 to 65535), at most 10; more throw ERR_HTTP2_TOO_MANY_CUSTOM_SETTINGS.

