--- http2.errors: the module's own errors by code, with Node's texts.
local base = require "perigee.errors"

local errors = {}

local texts = {
  ERR_HTTP2_ALTSVC_INVALID_ORIGIN = "HTTP/2 ALTSVC frames require a valid origin",
  ERR_HTTP2_ALTSVC_LENGTH = "HTTP/2 ALTSVC frames are limited to 16382 bytes",
  ERR_HTTP2_CONNECT_AUTHORITY = ":authority header is required for CONNECT requests",
  ERR_HTTP2_CONNECT_PATH = "The :path header is forbidden for CONNECT requests",
  ERR_HTTP2_CONNECT_SCHEME = "The :scheme header is forbidden for CONNECT requests",
  ERR_HTTP2_GOAWAY_SESSION = "New streams cannot be created after receiving a GOAWAY",
  ERR_HTTP2_HEADERS_AFTER_RESPOND = "Cannot specify additional headers after response initiated",
  ERR_HTTP2_HEADERS_SENT = "Response has already been initiated.",
  ERR_HTTP2_HEADER_SINGLE_VALUE = 'Header field "%s" must only have a single value',
  ERR_HTTP2_INFO_STATUS_NOT_ALLOWED = "Informational status codes cannot be used",
  ERR_HTTP2_INVALID_CONNECTION_HEADERS = 'HTTP/1 Connection specific headers are forbidden: "%s"',
  ERR_HTTP2_INVALID_HEADER_VALUE = 'Invalid value "%s" for header "%s"',
  ERR_HTTP2_INVALID_INFO_STATUS = "Invalid informational status code: %s",
  ERR_HTTP2_INVALID_ORIGIN = "HTTP/2 ORIGIN frames require a valid origin",
  ERR_HTTP2_INVALID_PACKED_SETTINGS_LENGTH = "Packed settings length must be a multiple of six",
  ERR_HTTP2_INVALID_PSEUDOHEADER = '"%s" is an invalid pseudoheader or is used incorrectly',
  ERR_HTTP2_INVALID_SESSION = "The session has been destroyed",
  ERR_HTTP2_INVALID_SETTING_VALUE = 'Invalid value for setting "%s": %s',
  ERR_HTTP2_INVALID_STREAM = "The stream has been destroyed",
  ERR_HTTP2_MAX_PENDING_SETTINGS_ACK = "Maximum number of pending settings acknowledgements",
  ERR_HTTP2_NESTED_PUSH = "A push stream cannot initiate another push stream.",
  ERR_HTTP2_NO_MEM = "Out of memory",
  ERR_HTTP2_NO_SOCKET_MANIPULATION =
    "HTTP/2 sockets should not be directly manipulated (e.g. read and written)",
  ERR_HTTP2_ORIGIN_LENGTH = "HTTP/2 ORIGIN frames are limited to 16382 bytes",
  ERR_HTTP2_OUT_OF_STREAMS = "No stream ID is available because maximum stream ID has been reached",
  ERR_HTTP2_PAYLOAD_FORBIDDEN = "Responses with %s status must not have a payload",
  ERR_HTTP2_PING_CANCEL = "HTTP2 ping cancelled",
  ERR_HTTP2_PING_LENGTH = "HTTP2 ping payload must be 8 bytes",
  ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED = "Cannot set HTTP/2 pseudo-headers",
  ERR_HTTP2_PUSH_DISABLED = "HTTP/2 client has disabled push streams",
  ERR_HTTP2_SEND_FILE = "Directories cannot be sent",
  ERR_HTTP2_SEND_FILE_NOSEEK = "Offset or length can only be specified for regular files",
  ERR_HTTP2_SESSION_ERROR = "Session closed with error code %s",
  ERR_HTTP2_SETTINGS_CANCEL = "HTTP2 session settings canceled",
  ERR_HTTP2_SOCKET_UNBOUND = "The socket has been disconnected from the Http2Session",
  ERR_HTTP2_STATUS_101 = "HTTP status code 101 (Switching Protocols) is forbidden in HTTP/2",
  ERR_HTTP2_STATUS_INVALID = "Invalid status code: %s",
  ERR_HTTP2_STREAM_CANCEL = "The pending stream has been canceled%s",
  ERR_HTTP2_STREAM_ERROR = "Stream closed with error code %s",
  ERR_HTTP2_TOO_MANY_CUSTOM_SETTINGS = "Number of custom settings exceeds MAX_ADDITIONAL_SETTINGS",
  ERR_HTTP2_TOO_MANY_INVALID_FRAMES = "Too many invalid HTTP/2 frames",
  ERR_HTTP2_TOO_MANY_ORIGINS = "more than %s origins (maxOriginSetSize)",
  ERR_HTTP2_TRAILERS_ALREADY_SENT = "Trailing headers have already been sent",
  ERR_HTTP2_TRAILERS_NOT_READY =
    "Trailing headers cannot be sent until after the wantTrailers event is emitted",
  ERR_HTTP2_UNSUPPORTED_PROTOCOL = 'protocol "%s" is unsupported.',
  ERR_INVALID_CHAR = 'Invalid character in header content ["%s"]',
  ERR_INVALID_HTTP_TOKEN = 'Header name must be a valid HTTP token ["%s"]',
  ERR_SERVER_NOT_RUNNING = "Server is not running.",
  ERR_STREAM_ALREADY_FINISHED = "Cannot call %s after a stream was finished",
  ERR_STREAM_DESTROYED = "Cannot call %s after a stream was destroyed",
  ERR_STREAM_OVERFLOW = "more than %s bytes (stream_output_max) wait for the peer",
  ERR_STREAM_PREMATURE_CLOSE = "Premature close",
  ERR_STREAM_WRITE_AFTER_END = "write after end",
  ERR_TLS_ALPN_CALLBACK_INVALID_RESULT =
    "ALPN callback returned a value (%s) that did not match any of the client's offered protocols (%s)",
  ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS =
    "The ALPNCallback and ALPNProtocols TLS options are mutually exclusive",
  ERR_TLS_INVALID_CONTEXT = "Invalid SNI context",
  ERR_TLS_REQUIRED_SERVER_NAME = '"hostname" is required parameter for Server.addContext',
  ERR_PERIGEE_NOT_SUPPORTED = "%s is not supported",
}

local names = {
  ERR_HTTP2_CONNECT_AUTHORITY = "Error", ERR_HTTP2_INVALID_CONNECTION_HEADERS = "TypeError",
  ERR_HTTP2_HEADER_SINGLE_VALUE = "TypeError", ERR_HTTP2_INVALID_HEADER_VALUE = "TypeError",
  ERR_HTTP2_INVALID_PSEUDOHEADER = "TypeError", ERR_HTTP2_INVALID_INFO_STATUS = "RangeError",
  ERR_HTTP2_INFO_STATUS_NOT_ALLOWED = "RangeError", ERR_HTTP2_STATUS_INVALID = "RangeError",
  ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED = "TypeError",
  ERR_HTTP2_INVALID_SETTING_VALUE = "RangeError", ERR_HTTP2_PING_LENGTH = "RangeError",
  ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS = "TypeError",
  ERR_HTTP2_ALTSVC_INVALID_ORIGIN = "TypeError", ERR_HTTP2_ALTSVC_LENGTH = "TypeError",
  ERR_HTTP2_INVALID_ORIGIN = "TypeError", ERR_HTTP2_ORIGIN_LENGTH = "TypeError",
  ERR_HTTP2_INVALID_PACKED_SETTINGS_LENGTH = "RangeError",
  ERR_INVALID_CHAR = "TypeError", ERR_INVALID_HTTP_TOKEN = "TypeError",
}

--- Makes the error of that code; the rest fills its text.
function errors.make(code, ...)
  local text = texts[code]
  if select("#", ...) > 0 then text = text:format(...) end
  return base.named(names[code] or "Error", code, text)
end

--- Throws it.
function errors.throw(code, ...)
  error(errors.make(code, ...), 0)
end

local code_names = {
  [0] = "NGHTTP2_NO_ERROR", "NGHTTP2_PROTOCOL_ERROR", "NGHTTP2_INTERNAL_ERROR",
  "NGHTTP2_FLOW_CONTROL_ERROR", "NGHTTP2_SETTINGS_TIMEOUT", "NGHTTP2_STREAM_CLOSED",
  "NGHTTP2_FRAME_SIZE_ERROR", "NGHTTP2_REFUSED_STREAM", "NGHTTP2_CANCEL", "NGHTTP2_COMPRESSION_ERROR",
  "NGHTTP2_CONNECT_ERROR", "NGHTTP2_ENHANCE_YOUR_CALM", "NGHTTP2_INADEQUATE_SECURITY",
  "NGHTTP2_HTTP_1_1_REQUIRED",
}

--- The name of an HTTP/2 error code, or its number as text.
function errors.code_name(code)
  return code_names[code] or tostring(code)
end

--- What a stream that ended with that code (neither 0 nor 8) reports.
function errors.stream_error(code)
  return errors.make("ERR_HTTP2_STREAM_ERROR", errors.code_name(code))
end

-- What nghttp2 says, and its number, when a session ends with that code.
local protocol_errors = {
  [1] = { -505, "Protocol error" },
  [3] = { -524, "Flow control error" },
  [5] = { -510, "Stream was already closed or invalid" },
  [6] = { -522, "The length of the frame is invalid" },
  [9] = { -523, "Header compression/decompression error" },
  [11] = { -904, "Flooding was detected in this HTTP/2 session, and it must be closed" },
}

--- ERR_HTTP2_ERROR: the peer broke the protocol, so that the session ended with that code. detail: how.
function errors.protocol_error(code, detail)
  local known = protocol_errors[code] or { -534, "Internal error" }
  local text = detail ~= "" and ("%s (%s)"):format(known[2], detail) or known[2]
  return base.new("ERR_HTTP2_ERROR", text, { errno = known[1] })
end

errors.from = base.from
errors.is = base.is
errors.check_type = base.check_type
errors.check_range = base.check_range
errors.invalid_value = base.invalid_value
errors.named = base.named
errors.nearest = base.nearest
errors.new = base.new
errors.named = base.named

return errors
