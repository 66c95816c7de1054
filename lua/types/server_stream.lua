---@meta
-- Made by docs/generate from docs/source/server_stream.lua; edit that.

--- For `respond`.
---@class RespondOptions
---@field endStream? boolean There is no body.
---@field waitForTrailers? boolean 'wantTrailers' comes when the body is out.
---@field sendDate? boolean Adds `date`, unless the headers have one.

--- For `respondWithFile` and `respondWithFD`.
---@class FileOptions: RespondOptions
---@field offset? integer Where to begin, in bytes.
---@field length? integer How many bytes; -1: to the end.
---@field statCheck? fun(stat: FileStat, headers: Headers, options: {offset: integer, length: integer}): boolean? May change the headers, offset and length; false: answers by itself. It cannot wait.
---@field onError? fun(err: Http2Error) Gets what is wrong with the file, in the place of 'error'. `respondWithFile` only.

--- What `statCheck` is told of a file: that of libuv, with Node's names on top.
---@class FileStat
---@field size? integer Bytes.
---@field type? string `file`, `directory`, `link`, `fifo`, `socket`, `char` or `block`.
---@field mode? integer Kind and permissions.
---@field uid? integer The owner.
---@field gid? integer The group.
---@field ino? integer The inode.
---@field dev? integer The device.
---@field nlink? integer How many names it has.
---@field mtime? FileTime Last written.
---@field atime? FileTime Last read.
---@field ctime? FileTime Last changed, in itself or in its facts.
---@field mtimeMs? number ms since 1970.
---@field atimeMs? number The same.
---@field ctimeMs? number The same.
---@field isFile? fun(self: FileStat): boolean Of that kind?
---@field isDirectory? fun(self: FileStat): boolean Of that kind?
---@field isFIFO? fun(self: FileStat): boolean Of that kind?
---@field isSocket? fun(self: FileStat): boolean Of that kind?
---@field isCharacterDevice? fun(self: FileStat): boolean Of that kind?
---@field isBlockDevice? fun(self: FileStat): boolean Of that kind?
---@field isSymbolicLink? fun(self: FileStat): boolean Of that kind?

--- A time of a file.
---@class FileTime
---@field sec? integer Seconds since 1970.
---@field nsec? integer Nanoseconds on top.
---@field toUTCString? fun(self: FileTime): string As HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
---@field getTime? fun(self: FileTime): number ms since 1970.

--- the server's side of an exchange: answers
---@class ServerHttp2Stream: Http2Stream
---@field pushAllowed boolean May `pushStream` be called: the peer takes pushes, and this is no pushed stream.
---@field on fun(self: ServerHttp2Stream, event: "aborted", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "close", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "data", listener: fun(chunk: string)): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "drain", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "end", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "error", listener: fun(err: Http2Error)): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "finish", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "frameError", listener: fun(type: integer, code: integer, id: integer)): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "newListener", listener: fun(name: string, listener: function)): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "pause", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "pipe", listener: fun(source: Http2Stream)): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "readable", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "ready", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "removeListener", listener: fun(name: string, listener: function)): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "resume", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "timeout", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "trailers", listener: fun(headers: Headers, flags: integer, rawHeaders: string[])): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "unpipe", listener: fun(source: Http2Stream)): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: "wantTrailers", listener: fun()): ServerHttp2Stream
---@field on fun(self: ServerHttp2Stream, event: string, listener: function): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "aborted", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "close", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "data", listener: fun(chunk: string)): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "drain", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "end", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "error", listener: fun(err: Http2Error)): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "finish", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "frameError", listener: fun(type: integer, code: integer, id: integer)): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "newListener", listener: fun(name: string, listener: function)): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "pause", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "pipe", listener: fun(source: Http2Stream)): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "readable", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "ready", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "removeListener", listener: fun(name: string, listener: function)): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "resume", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "timeout", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "trailers", listener: fun(headers: Headers, flags: integer, rawHeaders: string[])): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "unpipe", listener: fun(source: Http2Stream)): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: "wantTrailers", listener: fun()): ServerHttp2Stream
---@field once fun(self: ServerHttp2Stream, event: string, listener: function): ServerHttp2Stream
local ServerHttp2Stream = {}

--- Begins the answer. Statuses 204, 205, 304 and answers to HEAD have no body: the stream is ended.
---@param headers? Headers|string[] `:status` 200 to 599, 200 by default; a table, or a flat list
---@param options? RespondOptions
function ServerHttp2Stream:respond(headers, options) end

--- Answers with a regular file, read off the loop. `content-length` is set. A file that cannot be opened, and what is no regular
--- file, goes to `onError`, else the stream is destroyed with that error.
---@param path string
---@param headers? Headers
---@param options? FileOptions
function ServerHttp2Stream:respondWithFile(path, headers, options) end

--- Answers with what is behind a descriptor, which stays the caller's: close it after 'close'. No `content-length` by itself.
---@param fd integer
---@param headers? Headers
---@param options? FileOptions
function ServerHttp2Stream:respondWithFD(fd, headers, options) end

--- Sends a block in advance, such as 103 Early Hints; before `respond`.
---@param headers Headers `:status` 100 to 199, not 101
function ServerHttp2Stream:additionalHeaders(headers) end

--- Promises a stream; `:method` GET, `:path` /, `:scheme` and `:authority` are filled in. Answer on the stream that the callback gets.
---@param headers Headers of the request that is answered in advance
---@param options? table
---@param callback fun(err?: Http2Error, stream?: ServerHttp2Stream, headers?: Headers)
function ServerHttp2Stream:pushStream(headers, options, callback) end

