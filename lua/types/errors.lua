---@meta
-- Made by docs/generate from docs/source/errors.lua; edit that.

--- What is thrown, and what 'error' gives.
---@class Http2Error
---@field name? string `Error`, `TypeError` or `RangeError`.
---@field code? string Of the list above, or a name of the system; nil for a thrown text.
---@field message? string For people.
---@field errno? integer The number that the system, or nghttp2, has for it.
---@field syscall? string What failed: `listen`, `open`, …
---@field path? string Of the file, if there is one.
---@field cause? any The error behind this one.
---@field value? any What a script threw, when that was no error table.

