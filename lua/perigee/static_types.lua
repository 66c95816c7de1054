--- static_types: content types by a file's extension.
local static_types = {}

local UTF8 = "; charset=utf-8"

local known = {}
for extension, kind in ([[
  html text/html  htm text/html  css text/css  js text/javascript  mjs text/javascript  txt text/plain
  md text/markdown  csv text/csv  xml text/xml  vtt text/vtt  ics text/calendar  lua text/plain  log text/plain
  json application/json  map application/json  webmanifest application/manifest+json  jsonld application/ld+json
  atom application/atom+xml  rss application/rss+xml  wasm application/wasm  pdf application/pdf
  zip application/zip  gz application/gzip  tar application/x-tar  bz2 application/x-bzip2  xz application/x-xz
  zst application/zstd  br application/octet-stream  7z application/x-7z-compressed  epub application/epub+zip
  png image/png  jpg image/jpeg  jpeg image/jpeg  gif image/gif  webp image/webp  avif image/avif  bmp image/bmp
  svg image/svg+xml  ico image/vnd.microsoft.icon  tif image/tiff  tiff image/tiff
  woff font/woff  woff2 font/woff2  ttf font/ttf  otf font/otf
  mp3 audio/mpeg  ogg audio/ogg  oga audio/ogg  opus audio/ogg  wav audio/wav  flac audio/flac  m4a audio/mp4
  mp4 video/mp4  m4v video/mp4  webm video/webm  ogv video/ogg  mov video/quicktime  mkv video/x-matroska
]]):gmatch "(%S+)%s+(%S+)" do
  known[extension] = kind:find "^text/" and kind .. UTF8 or kind
end

--- The type of a file of that name. more: {extension = type}, looked at first.
function static_types.of(name, more)
  local extension = name:match "%.([%w_-]+)$"
  extension = extension and extension:lower()
  return extension and (more[extension] or known[extension]) or "application/octet-stream"
end

return static_types
