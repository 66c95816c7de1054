---@meta perigee.static
-- Made by docs/generate from docs/source/static.lua; edit that.

--- For `new`.
---@class StaticOptions
---@field index? string|boolean The file for a folder; false: none.
---@field dotfiles? boolean Names that begin with a dot are served, too.
---@field links? boolean Symbolic links that stay below `root` are followed; false: none are.
---@field cacheControl? string The `cache-control` of what is found.
---@field types? table<string, string> Content types by extension, before the built-in ones.
---@field prefix? string What request paths begin with and files do not.
---@field precompressed? boolean FILE.br or FILE.gz goes to those who take it.

--- What `new` returns.
---@class StaticFiles
---@field respond? fun(self: StaticFiles, stream: ServerHttp2Stream, headers: Headers) Answers a request: 200, 206, 301 (a folder without its slash), 304, 400, 403, 404, 405, 412, 416.

--- serving the files of a folder
---@class perigee.staticlib
local static = {}

--- A server of the files below `root`. One that cannot be opened throws ENOENT, ENOTDIR, …
---@param root string the folder; opened now
---@param options? StaticOptions
---@return StaticFiles
function static.new(root, options) end

return static

