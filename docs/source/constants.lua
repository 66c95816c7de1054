-- The list is the module's own; only what the groups mean is written here.
local constants = require "http2.constants"

local meanings = {
  NGHTTP2_NO_ERROR = "Graceful.", NGHTTP2_PROTOCOL_ERROR = "The peer broke the protocol.",
  NGHTTP2_INTERNAL_ERROR = "Our own failure.", NGHTTP2_FLOW_CONTROL_ERROR = "More was sent than the window allows.",
  NGHTTP2_SETTINGS_TIMEOUT = "SETTINGS were not acknowledged in time.", NGHTTP2_STREAM_CLOSED = "A frame for a stream that was closed.",
  NGHTTP2_FRAME_SIZE_ERROR = "A frame of a wrong size.", NGHTTP2_REFUSED_STREAM = "Not processed: it may be tried again.",
  NGHTTP2_CANCEL = "Not wanted any more.", NGHTTP2_COMPRESSION_ERROR = "HPACK failed.", NGHTTP2_CONNECT_ERROR = "A tunnel failed.",
  NGHTTP2_ENHANCE_YOUR_CALM = "Too much of something.", NGHTTP2_INADEQUATE_SECURITY = "TLS is not good enough.",
  NGHTTP2_HTTP_1_1_REQUIRED = "Try HTTP/1.1.",
}

local groups = {
  { "NGHTTP2_SESSION_", "The `type` of a session." },
  { "NGHTTP2_STREAM_STATE_", "The `state.state` of a stream." },
  { "NGHTTP2_FLAG_", "Bits of `flags`." },
  { "NGHTTP2_SETTINGS_", "The id of a setting." },
  { "PADDING_STRATEGY_", "For the option `paddingStrategy`." },
  { "DEFAULT_SETTINGS_", "A setting's value at the start." },
  { "M", "A bound of a setting." },
  { "HTTP2_HEADER_", "A field's name." },
  { "HTTP2_METHOD_", "A method." },
  { "HTTP_STATUS_", "A status." },
  { "NGHTTP2_", "Of nghttp2." },
}

local function meaning(name)
  if meanings[name] then return meanings[name] end
  for _, group in ipairs(groups) do
    if name:sub(1, #group[1]) == group[1] then return group[2] end
  end
  error("no meaning for " .. name)
end

local names = {}
for name in pairs(constants) do names[#names + 1] = name end
table.sort(names, function(a, b)
  local x, y = constants[a], constants[b]
  local code_a, code_b = meanings[a] and 0 or 1, meanings[b] and 0 or 1
  if code_a ~= code_b then return code_a < code_b end
  if code_a == 0 then return x < y end
  return a < b
end)

local fields = {}
for i, name in ipairs(names) do
  fields[i] = {
    name, type = type(constants[name]) == "string" and "string" or "integer", default = tostring(constants[name]),
    text = meaning(name),
  }
end

return {
  title = "Constants",
  summary = "error codes, names of headers and methods, statuses: `http2.constants`",
  listed = false,
  intro = "`http2.constants`, with Node's names. The column \"default\" is the value. The codes for RST_STREAM and GOAWAY come first (RFC 9113 7).",
  types = { { name = "Constants", text = "`http2.constants`.", fields = fields } },
  examples = {
    { id = "constants", title = "Constants",
      code = [[
local constants = require("http2").constants
print(constants.NGHTTP2_CANCEL, constants.HTTP2_HEADER_CONTENT_TYPE, constants.HTTP2_METHOD_GET)
print(constants.HTTP_STATUS_NOT_FOUND)
local count = 0
for _ in pairs(constants) do count = count + 1 end
print(count)
]],
      prints = "8 content-type GET\n404\n240\n" },
  },
}
