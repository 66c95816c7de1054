-- surface: the contract as names: what Node's module has that scripts can count on here, class by class. (Data for
-- reference_spec.lua; the rows that must and should be there, and those that cost little.)
local function names(text)
  local list = {}
  for name in text:gmatch "%S+" do list[#list + 1] = name end
  return list
end

local emitter = [[
  on addListener once off removeListener prependListener prependOnceListener emit removeAllListeners listenerCount
  listeners rawListeners eventNames setMaxListeners await]]

local session = {
  events = "close connect error frameError goaway localSettings remoteSettings ping stream timeout",
  properties = [[alpnProtocol encrypted connecting closed destroyed socket type state localSettings remoteSettings
    pendingSettingsAck goawayCode goawayLastStreamID closeInfo metrics]],
  methods = emitter .. [[ close destroy goaway ping settings setLocalWindowSize setNextStreamID setTimeout ref unref]],
}

local stream = {
  events = [[aborted close error ready data end readable drain finish pipe unpipe timeout frameError trailers
    wantTrailers]],
  properties = [[id pending closed destroyed aborted rstCode session headersSent sentHeaders sentInfoHeaders
    sentTrailers endAfterHeaders bufferSize state headRequest writableEnded writableFinished writableLength
    writableHighWaterMark writableNeedDrain readableEnded readableFlowing complete closeInfo metrics]],
  methods = emitter .. [[ write end finish end_ close destroy setTimeout sendTrailers priority pause resume read pipe
    unpipe cork uncork setEncoding send chunks body]],
}

local function also(base, more)
  local out = {}
  for _, kind in ipairs { "events", "properties", "methods" } do
    out[kind] = (base[kind] or "") .. " " .. (more[kind] or "")
  end
  return out
end

local classes = {
  Http2Server = {
    events = [[stream request session sessionError listening close error connection secureConnection tlsClientError
      clientError timeout checkContinue checkExpectation connect unknownProtocol]],
    properties = "listening timeout maxConnections",
    methods = emitter .. [[ listen close setTimeout updateSettings address getConnections ref unref addContext
      setSecureContext]],
  },
  ServerHttp2Session = also(session, { properties = "server", methods = "altsvc origin" }),
  ClientHttp2Session = also(session, { events = "altsvc origin", properties = "originSet", methods = "request" }),
  ServerHttp2Stream = also(stream, {
    properties = "pushAllowed", methods = "respond respondWithFile respondWithFD additionalHeaders pushStream",
  }),
  ClientHttp2Stream = also(stream, { events = "response headers continue push" }),
  Http2Socket = {
    events = "close",
    properties = [[remoteAddress remotePort localAddress localPort servername encrypted authorized alpnProtocol
      destroyed]],
    methods = emitter .. " destroy setTimeout ref unref getPeerCertificate",
  },
  Http2ServerRequest = {
    events = "aborted close end data",
    properties = [[aborted authority complete connection socket headers httpVersion httpVersionMajor httpVersionMinor
      method rawHeaders rawTrailers scheme stream trailers url]],
    methods = emitter .. " destroy setTimeout read pipe unpipe pause resume setEncoding body chunks",
  },
  Http2ServerResponse = {
    events = "close finish drain",
    properties = [[connection socket finished headersSent req sendDate statusCode statusMessage stream writableEnded
      writableFinished writableLength writableHighWaterMark]],
    methods = emitter .. [[ addTrailers appendHeader cork uncork createPushResponse destroy end finish end_ flushHeaders
      getHeader getHeaderNames getHeaders hasHeader removeHeader setHeader setTrailer setTimeout write writeContinue
      writeEarlyHints writeHead writeInformation send]],
  },
}

local contract = { classes = {} }
for class, lists in next, classes do
  contract.classes[class] = {}
  for kind, text in next, lists do contract.classes[class][kind] = names(text) end
end

contract.module = names [[createServer createSecureServer connect constants getDefaultSettings getPackedSettings
  getUnpackedSettings performServerHandshake sensitiveHeaders Http2ServerRequest Http2ServerResponse cancelToken
  connectPair headers]]

local both = [[settings maxSessionMemory maxHeaderListPairs maxSettings maxOutstandingPings maxOutstandingSettings
  maxSessionInvalidFrames maxSessionRejectedStreams streamResetBurst streamResetRate maxDeflateDynamicTableSize
  maxSendHeaderBlockLength peerMaxConcurrentStreams paddingStrategy remoteCustomSettings
  strictFieldWhitespaceValidation strictSingleValueFields noDelay]]
local tls = [[key cert ca pfx passphrase ciphers ecdhCurve minVersion maxVersion rejectUnauthorized ALPNProtocols]]

contract.options = {
  ServerOptions = names(both .. [[ unknownProtocolTimeout Http2ServerRequest Http2ServerResponse]]),
  SecureServerOptions = names(tls .. " ALPNCallback SNICallback requestCert"),
  ConnectOptions = names(both .. " " .. tls ..
    [[ createConnection protocol servername maxReservedRemoteStreams maxOriginSetSize]]),
  RequestOptions = names "endStream waitForTrailers signal parent exclusive weight",
  RespondOptions = names "endStream waitForTrailers sendDate",
  FileOptions = names "offset length statCheck onError waitForTrailers",
  ListenOptions = names "port host path fd backlog",
  Settings = names [[headerTableSize enablePush initialWindowSize maxFrameSize maxConcurrentStreams maxHeaderListSize
    maxHeaderSize enableConnectProtocol customSettings]],
  SessionState = names [[effectiveLocalWindowSize effectiveRecvDataLength nextStreamID localWindowSize lastProcStreamID
    remoteWindowSize outboundQueueSize deflateDynamicTableSize inflateDynamicTableSize]],
  StreamState = names "state weight sumDependencyWeight localClose remoteClose localWindowSize",
  SessionMetrics = names [[bytesRead bytesWritten framesReceived framesSent maxConcurrentStreams pingRTT
    streamAverageDuration streamCount]],
  StreamMetrics = names "bytesRead bytesWritten timeToFirstByte timeToFirstByteSent timeToFirstHeader",
  CloseInfo = names "by code codeName reason detail bytesIn bytesOut ms",
}

contract.errors = {}
for name in ([[ALTSVC_INVALID_ORIGIN ALTSVC_LENGTH CONNECT_AUTHORITY CONNECT_PATH CONNECT_SCHEME ERROR GOAWAY_SESSION
  HEADERS_AFTER_RESPOND HEADERS_SENT HEADER_SINGLE_VALUE INFO_STATUS_NOT_ALLOWED INVALID_CONNECTION_HEADERS
  INVALID_HEADER_VALUE INVALID_INFO_STATUS INVALID_ORIGIN INVALID_PACKED_SETTINGS_LENGTH INVALID_PSEUDOHEADER
  INVALID_SESSION INVALID_SETTING_VALUE INVALID_STREAM MAX_PENDING_SETTINGS_ACK NESTED_PUSH NO_MEM
  NO_SOCKET_MANIPULATION ORIGIN_LENGTH OUT_OF_STREAMS PAYLOAD_FORBIDDEN PING_CANCEL PING_LENGTH
  PSEUDOHEADER_NOT_ALLOWED PUSH_DISABLED SEND_FILE SEND_FILE_NOSEEK SESSION_ERROR SETTINGS_CANCEL SOCKET_BOUND
  SOCKET_UNBOUND STATUS_101 STATUS_INVALID STREAM_CANCEL STREAM_ERROR STREAM_SELF_DEPENDENCY
  TOO_MANY_CUSTOM_SETTINGS TOO_MANY_INVALID_FRAMES TOO_MANY_ORIGINS TRAILERS_ALREADY_SENT TRAILERS_NOT_READY
  UNSUPPORTED_PROTOCOL]]):gmatch "%S+" do table.insert(contract.errors, "ERR_HTTP2_" .. name) end
for name in ([[ERR_STREAM_WRITE_AFTER_END ERR_STREAM_DESTROYED ERR_STREAM_PREMATURE_CLOSE ERR_INVALID_ARG_TYPE
  ERR_INVALID_ARG_VALUE ERR_OUT_OF_RANGE ERR_INVALID_HTTP_TOKEN ERR_INVALID_CHAR ERR_SOCKET_CLOSED
  ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS]]):gmatch "%S+" do table.insert(contract.errors, name) end

return contract
