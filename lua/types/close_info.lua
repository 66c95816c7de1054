---@meta
-- Made by docs/generate from docs/source/close_info.lua; edit that.

--- How a stream or a session ended.
---@class CloseInfo
---@field by? string Who ended it; see above.
---@field code? integer The HTTP/2 error code.
---@field codeName? string Its name, such as `NGHTTP2_CANCEL`.
---@field reason? string In a word. Of a stream: `finished` when both sides were whole, else `reset`. Of a session: `closed`, `destroyed`, or an error's code such as ECONNRESET.
---@field detail? string More about it, for people; may be nil.
---@field bytesIn? integer Bytes of body received (stream), or of the connection (session).
---@field bytesOut? integer Bytes sent.
---@field ms? number How long it was open.

