--- config.schema: every setting of `perigee serve`, once. The checks, `check --print`, conf/perigee.conf.lua,
-- docs/configuration.md and the page perigee.conf(5) are made of it.
--
-- A setting: name, type, text (what it is), reason (why this default, when to change it), and
--   default   as a user would write it; nil: none
--   otherwise what holds when it is not set and that is no fixed value, in words
--   example   shown where there is no default
--   low, high range, as a user would write them; zero = true: 0 is good too, and means that there is no limit
--   choices   of type "choice"
--   required  there is no way without it
--   fields    of a "section", of each entry of "listeners" and of "tls"
--   off       false is good too, and means that there is none
-- Types are those of config.check.
local schema = {}

local certificate_fields = {
  {
    name = "certificate", type = "path", required = true, example = '"/etc/perigee/tls/fullchain.pem"',
    text = "File with the certificate in PEM, the server's own first, then the chain.",
    reason = "It is read at start and at reload, by the master; workers get it in memory.",
  },
  {
    name = "key", type = "path", required = true, example = '"/etc/perigee/tls/privkey.pem"',
    text = "File with the private key of the certificate in PEM, without a passphrase.",
    reason = "The service must be able to start with nobody there. Only root or the service's group should read it.",
  },
}

--- Settings of one certificate, of which `tls` may have several.
schema.certificate_fields = certificate_fields

local tls_fields = {
  certificate_fields[1],
  certificate_fields[2],
  {
    name = "min_version", type = "choice", choices = { "TLSv1.2", "TLSv1.3" }, default = "TLSv1.2",
    text = "Oldest version of TLS that clients may speak.",
    reason = "HTTP/2 forbids what is older. TLSv1.3 shuts out clients from before 2018.",
  },
  {
    name = "max_version", type = "choice", choices = { "TLSv1.2", "TLSv1.3" }, default = "TLSv1.3",
    text = "Newest version of TLS that is spoken.",
    reason = "There is a reason to change it only while a client's fault is looked for.",
  },
  {
    name = "ciphers", type = "text", example = '"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"',
    otherwise = "the suites that HTTP/2 allows, ours first",
    text = "Suites of TLS 1.2 and 1.3 in OpenSSL's names, `:` between them, in order of preference.",
    reason = "Clients end an HTTP/2 session over suites that RFC 9113 forbids (CBC, and keys without ECDHE).",
  },
  {
    name = "curves", type = "text", example = '"X25519:P-256"', otherwise = "OpenSSL's list",
    text = "Groups for the exchange of keys in OpenSSL's names, `:` between them.",
    reason = "OpenSSL's list is good; change it where a rule asks for certain groups.",
  },
  {
    name = "client_certificate", type = "choice", choices = { "none", "request", "require" }, default = "none",
    text = "Whether clients are asked for a certificate: `none`; `request`, where the script sees whether it is good "
      .. "(`session.socket.authorized`); `require`, which refuses a client without a good one.",
    reason = "Most clients have none.",
  },
  {
    name = "client_ca", type = "path", example = '"/etc/perigee/tls/clients.pem"',
    text = "File with the authorities, in PEM, whose certificates of clients are good. `require` needs it.",
    reason = "The system's authorities are not trusted with clients: any of them could let in anybody.",
  },
  {
    name = "client_crl", type = "path", example = '"/etc/perigee/tls/revoked.pem"',
    text = "File with lists of certificates of clients that were taken back, in PEM. Every authority of a chain needs one.",
    reason = "It is read anew at reload.",
  },
}

--- Settings of `tls`, those of one certificate among them.
schema.tls_fields = tls_fields

local listener_fields = {
  {
    name = "address", type = "address", required = true, example = '":8000"',
    text = "Where to listen, HTTP/2 in clear text unless there is `tls`: `127.0.0.1:8000`, `[::1]:8000`, `:8000` (all addresses, IPv4 and IPv6), `localhost:8000` "
      .. "(127.0.0.1) or `unix:/run/app.sock`. Port 0 lets the system choose. Instead of a table with nothing but "
      .. "an address, the address alone may stand in the list.",
    reason = "Names other than localhost are refused: what they lead to can change under a running service.",
  },
  {
    name = "script", type = "script", otherwise = "the service's `script`", example = '"/etc/perigee/internal.lua"',
    text = "Script of this listener. It has globals and modules of its own.",
    reason = "One service can hold a public site and, behind another address, what only its neighbours may see.",
  },
  {
    name = "tls", type = "tls", otherwise = "clear text",
    text = "Speaks TLS. Either one `certificate` with its `key`, or a list of such tables: the client's SNI chooses among "
      .. "the names in the certificates, and the first answers those that ask for another name or for none.",
    fields = tls_fields,
  },
  {
    name = "backlog", type = "count", default = 511, low = 1, high = 65535,
    text = "Connections that may wait in the kernel until a worker takes them.",
    reason = "The kernel cuts it to `net.core.somaxconn`. More helps against bursts only while workers keep up.",
  },
  {
    name = "ipv6_only", type = "flag", default = false,
    text = "An IPv6 address takes no IPv4 connections.",
    reason = "`[::]:80` serves both unless IPv4 has a listener of its own.",
  },
  {
    name = "mode", type = "mode", default = "0660",
    text = "Permissions of a UNIX socket, in octal digits.",
    reason = "Who may connect is decided by user and group of the service.",
  },
}

local log_fields = {
  {
    name = "level", type = "choice", choices = { "error", "warn", "info", "debug" }, default = "info",
    text = "Least important kind of line that is written.",
    reason = "info has a few lines for each start, reload and end; debug has some for each connection.",
  },
  {
    name = "format", type = "choice", choices = { "logfmt", "json" }, default = "logfmt",
    text = "How a line is written: `key=value` or one JSON object.",
    reason = "logfmt is for people, json for collectors.",
  },
  {
    name = "file", type = "output", default = "stderr",
    text = "Where the daemon's log goes: a file, or `stderr`, which systemd gives to its journal.",
    reason = "A file is opened anew on SIGUSR1, for logrotate.",
  },
  {
    name = "access", type = "output", off = true, example = '"/var/log/perigee/access.log"', otherwise = "no access log",
    text = "Where the access log goes, with one line for each stream at its end: a file, `stderr`, or `false` for none.",
    reason = "It costs a little CPU for each request and a lot of disk.",
  },
  {
    name = "access_format", type = "choice", choices = { "common", "combined", "logfmt", "json" }, default = "combined",
    text = "How a line of the access log is written: as Apache's common or combined log, or as `key=value` or a JSON object, "
      .. "which have more.",
    reason = "Most programs that read access logs know combined.",
  },
}

local limit_fields = {
  {
    name = "streams", type = "count", default = 128, low = 1, high = 65536,
    text = "Streams that a client may have open at a time in one session (SETTINGS_MAX_CONCURRENT_STREAMS).",
    reason = "Browsers open some dozens. More lets one client start more work at once.",
  },
  {
    name = "header_list_size", type = "size", default = "64KiB", low = "1KiB", high = "16MiB",
    text = "Header fields of one request, decoded, by the arithmetic of RFC 9113 6.5.2 (32 bytes more for each field). "
      .. "A request with more is reset.",
    reason = "Large cookies fit; what is decoded out of a few bytes stays bounded.",
  },
  {
    name = "header_pairs", type = "count", default = 128, low = 8, high = 65536,
    text = "Header fields of one request, counted. A request with more is reset.",
    reason = "Browsers send about 30; each split cookie is one more.",
  },
  {
    name = "handshake_timeout", type = "time", default = "10s", low = "100ms", high = "1h", zero = true,
    text = "Time for the TLS handshake.",
    reason = "Clients far away need 1 to 2 s; a connection that says nothing holds memory.",
  },
  {
    name = "header_timeout", type = "time", default = "10s", low = "100ms", high = "1h", zero = true,
    text = "Time for HTTP/2's first bytes, and for each block of header fields from its first frame to its last.",
    reason = "A block comes in one piece unless somebody holds it back.",
  },
  {
    name = "idle_timeout", type = "time", default = "3min", low = "1s", high = "24h", zero = true,
    text = "A session without an open stream is closed after this time.",
    reason = "A new connection costs a client little; an idle one holds about 30 KiB here with TLS.",
  },
  {
    name = "stream_output_high", type = "size", default = "64KiB", low = "1KiB", high = "1GiB",
    text = "With more than this waiting to be sent on a stream, `stream:write()` answers false and 'drain' follows.",
    reason = "It is what a handler that heeds it holds in memory for each slow client.",
  },
  {
    name = "stream_output_max", type = "size", default = "16MiB", low = "1KiB", high = "4GB",
    text = "A write that comes while more than this waits resets the stream (ERR_STREAM_OVERFLOW).",
    reason = "It catches handlers that do not heed `write()`. At least stream_output_high.",
  },
  {
    name = "session_output", type = "size", default = "1MiB", low = "64KiB", high = "1GiB",
    text = "Framed bytes that the kernel has not taken yet, of one session. Above it no more frames are made.",
    reason = "It bounds what a client that does not read costs, whatever it asks for.",
  },
  {
    name = "session_memory", type = "size", default = "10MB", low = "64KiB", high = "4GB",
    text = "Memory that all streams of one session may use. Above it new streams are refused (ENHANCE_YOUR_CALM).",
    reason = "Node's maxSessionMemory, with its default.",
  },
  {
    name = "drain_timeout", type = "time", default = "30s", low = "0s", high = "24h",
    text = "Time that open streams have when a worker is to end: at reload, upgrade and stop. Then they are cut.",
    reason = "Longer than nearly all requests. Services with long downloads or event streams need more.",
  },
  {
    name = "start_timeout", type = "time", default = "10s", low = "100ms", high = "1h",
    text = "Time in which a new worker must have run its scripts and be listening. Else it is ended, and a reload fails.",
    reason = "A script that loads large tables needs more.",
  },
  {
    name = "watchdog_timeout", type = "time", default = "10s", low = "1s", high = "1h", zero = true,
    text = "A worker whose loop does not come round for this long is ended and replaced; the log says which handler ran.",
    reason = "No handler should hold the loop for more than some milliseconds: all other clients of the worker wait.",
  },
}

local admin_fields = {
  {
    name = "address", type = "address", otherwise = "`unix:` admin.sock beside `control`",
    example = '"127.0.0.1:9180"',
    text = "Where metrics (`/metrics`, for Prometheus), `/healthz` and `/readyz` are served.",
    reason = "A UNIX socket is out of reach from outside. An address that others reach needs a firewall: nobody is asked "
      .. "who they are.",
  },
  {
    name = "mode", type = "mode", default = "0660",
    text = "Permissions of the UNIX socket, in octal digits.",
    reason = "Who may read the metrics is decided by user and group of the service.",
  },
}

local security_fields = {
  {
    name = "processes", type = "flag", default = true,
    text = "Scripts may start programs (`luv.spawn`, `io.popen`). `false` denies new processes and `execve` to workers.",
    reason = "Say false when the scripts start none: an intruder then cannot either.",
  },
  {
    name = "root", type = "flag", default = false,
    text = "Handlers may run as root, when the service is started as root and has no `user`.",
    reason = "A mistake in a script, or in the daemon, is then root's.",
  },
}

--- All settings, in the order in which they are documented.
schema.fields = {
  {
    name = "script", type = "script", example = '"/etc/perigee/app.lua"', shown = true,
    otherwise = "none: then each listener needs its own",
    text = "The Lua script whose handlers answer, or that makes its own servers.",
    reason = "A listener can have one of its own.",
  },
  {
    name = "arguments", type = "texts", default = {},
    text = "Texts that the scripts find in `arg` and `...`.",
    reason = "So that one script can serve in several places.",
  },
  {
    name = "listen", type = "listeners", required = true, shown = true,
    text = "Where the service listens: a list, with a table or an address for each listener. A script that calls "
      .. "`server:listen()` with one of these addresses gets the socket that all workers share.",
    fields = listener_fields,
  },
  {
    name = "workers", type = "workers", default = "auto", low = 1, high = 128,
    text = "Worker processes, each with a Lua state of its own. `auto`: one for each processor that the service may use, by "
      .. "its affinity and the quota of its control group.",
    reason = "More than processors only wait for each other.",
  },
  {
    name = "user", type = "text", example = '"perigee"', otherwise = "`perigee` when started as root",
    text = "User that workers run as, by name or number, when the service is started as root. Otherwise it has no effect.",
    reason = "The master binds, reads keys and opens logs; nothing that meets the network needs root.",
  },
  {
    name = "group", type = "text", example = '"perigee"', otherwise = "the user's own",
    text = "Group that workers run as, by name or number, when the service is started as root. Otherwise it has no effect.",
    reason = "To share files with another service.",
  },
  {
    name = "umask", type = "mode", default = "0027",
    text = "Permissions that files made by the service or its scripts do not get, in octal digits.",
    reason = "Others have no business in logs and uploads.",
  },
  {
    name = "control", type = "path",
    otherwise = "`$RUNTIME_DIRECTORY/control.sock`, else `/run/perigee/control.sock` as root, else "
      .. "`$XDG_RUNTIME_DIR/perigee/control.sock`, else `/tmp/perigee-UID/control.sock`",
    example = '"/run/perigee/control.sock"',
    text = "Socket through which `perigee reload`, `status` and `stop` speak to the service.",
    reason = "Two services on one machine need two.",
  },
  {
    name = "pid_file", type = "path", example = '"/run/perigee/perigee.pid"', otherwise = "none",
    text = "File that holds the number of the master's process while it runs.",
    reason = "systemd needs none; some other supervisors do.",
  },
  {
    name = "log", type = "section", fields = log_fields,
    text = "The daemon's log and the access log.",
  },
  {
    name = "limits", type = "section", fields = limit_fields,
    text = "What one client, one handler or one worker may use. Each limit has a counter in the metrics and a line in the log "
      .. "that names it.",
  },
  {
    name = "admin", type = "section", off = true, short = "address", fields = admin_fields,
    text = "The listener for metrics and health. An address alone may stand for the table; `false`: none.",
  },
  {
    name = "security", type = "section", fields = security_fields,
    text = "What workers may do.",
  },
}

return schema
