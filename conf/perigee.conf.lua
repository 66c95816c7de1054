-- The configuration of `perigee serve`: every setting, with its default.
--
-- This is a Lua file that returns a table. It knows no libraries, only env "NAME", which gives a variable of the
-- environment, or nil. A setting behind -- has its default, or, where the default is told in words, an example.
-- Sizes ("64KiB", "10MB") and times ("500ms", "10s", "3min") are texts with a unit. Paths that do not begin with /
-- begin in the folder of this file.
--
--   perigee check        says what is wrong here, in the certificates and in the scripts, all at once
--   perigee check --print    prints the settings in effect
--   perigee reload       takes what was changed, or says why not and changes nothing
--
-- perigee.conf(5) has the same in one page.
return {
  -- The Lua script whose handlers answer, or that makes its own servers. A listener can have one of its own.
  -- Kind: file. Default: none: then each listener needs its own.
  script = "/etc/perigee/app.lua",

  -- Texts that the scripts find in `arg` and `...`. So that one script can serve in several places.
  -- Kind: list of texts.
  --arguments = {},

  -- Where the service listens: a list, with a table or an address for each listener. A script that calls
  -- `server:listen()` with one of these addresses gets the socket that all workers share.
  -- Kind: list of tables.
  listen = {
    {
      -- Where to listen, HTTP/2 in clear text unless there is `tls`: `127.0.0.1:8000`, `[::1]:8000`, `:8000`
      -- (all addresses, IPv4 and IPv6), `localhost:8000` (127.0.0.1) or `unix:/run/app.sock`. Port 0 lets the
      -- system choose. Instead of a table with nothing but an address, the address alone may stand in the
      -- list. Names other than localhost are refused: what they lead to can change under a running service.
      -- Kind: address. Default: none, it must be said.
      address = ":8000",

      -- Script of this listener. It has globals and modules of its own. One service can hold a public site
      -- and, behind another address, what only its neighbours may see.
      -- Kind: file. Default: the service's `script`.
      --script = "/etc/perigee/internal.lua",

      -- Connections that may wait in the kernel until a worker takes them. The kernel cuts it to
      -- `net.core.somaxconn`. More helps against bursts only while workers keep up.
      -- Kind: number, 1 to 65535.
      --backlog = 511,

      -- An IPv6 address takes no IPv4 connections. `[::]:80` serves both unless IPv4 has a listener of its
      -- own.
      -- Kind: true or false.
      --ipv6_only = false,

      -- Permissions of a UNIX socket, in octal digits. Who may connect is decided by user and group of the
      -- service.
      -- Kind: octal digits.
      --mode = "0660",
    },

    -- Speaks TLS. Either one `certificate` with its `key`, or a list of such tables: the client's SNI chooses
    -- among the names in the certificates, and the first answers those that ask for another name or for none.
    -- Kind: table, or a list of tables.
    --{
    --  address = ":8443",
    --  tls = {
    --    -- File with the certificate in PEM, the server's own first, then the chain. It is read at start and at
    --    -- reload, by the master; workers get it in memory.
    --    -- Kind: file. Default: none, it must be said.
    --    certificate = "/etc/perigee/tls/fullchain.pem",
    --
    --    -- File with the private key of the certificate in PEM, without a passphrase. The service must be able to
    --    -- start with nobody there. Only root or the service's group should read it.
    --    -- Kind: file. Default: none, it must be said.
    --    key = "/etc/perigee/tls/privkey.pem",
    --
    --    -- Oldest version of TLS that clients may speak. HTTP/2 forbids what is older. TLSv1.3 shuts out clients
    --    -- from before 2018.
    --    -- Kind: "TLSv1.2", "TLSv1.3".
    --    --min_version = "TLSv1.2",
    --
    --    -- Newest version of TLS that is spoken. There is a reason to change it only while a client's fault is
    --    -- looked for.
    --    -- Kind: "TLSv1.2", "TLSv1.3".
    --    --max_version = "TLSv1.3",
    --
    --    -- Suites of TLS 1.2 and 1.3 in OpenSSL's names, `:` between them, in order of preference. Clients end an
    --    -- HTTP/2 session over suites that RFC 9113 forbids (CBC, and keys without ECDHE).
    --    -- Kind: text. Default: the suites that HTTP/2 allows, ours first.
    --    --ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
    --
    --    -- Groups for the exchange of keys in OpenSSL's names, `:` between them. OpenSSL's list is good; change it
    --    -- where a rule asks for certain groups.
    --    -- Kind: text. Default: OpenSSL's list.
    --    --curves = "X25519:P-256",
    --
    --    -- Whether clients are asked for a certificate: `none`; `request`, where the script sees whether it is
    --    -- good (`session.socket.authorized`); `require`, which refuses a client without a good one. Most clients
    --    -- have none.
    --    -- Kind: "none", "request", "require".
    --    --client_certificate = "none",
    --
    --    -- File with the authorities, in PEM, whose certificates of clients are good. `require` needs it. The
    --    -- system's authorities are not trusted with clients: any of them could let in anybody.
    --    -- Kind: file. Default: none.
    --    --client_ca = "/etc/perigee/tls/clients.pem",
    --
    --    -- File with lists of certificates of clients that were taken back, in PEM. Every authority of a chain
    --    -- needs one. It is read anew at reload.
    --    -- Kind: file. Default: none.
    --    --client_crl = "/etc/perigee/tls/revoked.pem",
    --  },
    --},
  },

  -- Worker processes, each with a Lua state of its own. `auto`: one for each processor that the service may
  -- use, by its affinity and the quota of its control group. More than processors only wait for each other.
  -- Kind: "auto" or a number, 1 to 128.
  --workers = "auto",

  -- User that workers run as, by name or number, when the service is started as root. Otherwise it has no
  -- effect. The master binds, reads keys and opens logs; nothing that meets the network needs root.
  -- Kind: text. Default: `perigee` when started as root.
  --user = "perigee",

  -- Group that workers run as, by name or number, when the service is started as root. Otherwise it has no
  -- effect. To share files with another service.
  -- Kind: text. Default: the user's own.
  --group = "perigee",

  -- Permissions that files made by the service or its scripts do not get, in octal digits. Others have no
  -- business in logs and uploads.
  -- Kind: octal digits.
  --umask = "0027",

  -- Socket through which `perigee reload`, `status` and `stop` speak to the service. Two services on one
  -- machine need two.
  -- Kind: file. Default: `$RUNTIME_DIRECTORY/control.sock`, else `/run/perigee/control.sock` as root, else
  -- `$XDG_RUNTIME_DIR/perigee/control.sock`, else `/tmp/perigee-UID/control.sock`.
  --control = "/run/perigee/control.sock",

  -- File that holds the number of the master's process while it runs. systemd needs none; some other
  -- supervisors do.
  -- Kind: file. Default: none.
  --pid_file = "/run/perigee/perigee.pid",

  -- The daemon's log and the access log.
  -- Kind: table.
  log = {
    -- Least important kind of line that is written. info has a few lines for each start, reload and end;
    -- debug has some for each connection.
    -- Kind: "error", "warn", "info", "debug".
    --level = "info",

    -- How a line is written: `key=value` or one JSON object. logfmt is for people, json for collectors.
    -- Kind: "logfmt", "json".
    --format = "logfmt",

    -- Where the daemon's log goes: a file, or `stderr`, which systemd gives to its journal. A file is opened
    -- anew on SIGUSR1, for logrotate.
    -- Kind: file or `stderr`.
    --file = "stderr",

    -- Where the access log goes, with one line for each stream at its end: a file, `stderr`, or `false` for
    -- none. It costs a little CPU for each request and a lot of disk.
    -- Kind: file or `stderr`, or `false`: none. Default: no access log.
    --access = "/var/log/perigee/access.log",

    -- How a line of the access log is written: as Apache's common or combined log, or as `key=value` or a
    -- JSON object, which have more. Most programs that read access logs know combined.
    -- Kind: "common", "combined", "logfmt", "json".
    --access_format = "combined",
  },

  -- What one client, one handler or one worker may use. Each limit has a counter in the metrics and a line in
  -- the log that names it.
  -- Kind: table.
  limits = {
    -- Streams that a client may have open at a time in one session (SETTINGS_MAX_CONCURRENT_STREAMS).
    -- Browsers open some dozens. More lets one client start more work at once.
    -- Kind: number, 1 to 65536.
    --streams = 128,

    -- Header fields of one request, decoded, by the arithmetic of RFC 9113 6.5.2 (32 bytes more for each
    -- field). A request with more is reset. Large cookies fit; what is decoded out of a few bytes stays
    -- bounded.
    -- Kind: size, 1KiB to 16MiB.
    --header_list_size = "64KiB",

    -- Header fields of one request, counted. A request with more is reset. Browsers send about 30; each split
    -- cookie is one more.
    -- Kind: number, 8 to 65536.
    --header_pairs = 128,

    -- Time for the TLS handshake. Clients far away need 1 to 2 s; a connection that says nothing holds
    -- memory.
    -- Kind: time, 100ms to 1h, or 0: no limit.
    --handshake_timeout = "10s",

    -- Time for HTTP/2's first bytes, and for each block of header fields from its first frame to its last. A
    -- block comes in one piece unless somebody holds it back.
    -- Kind: time, 100ms to 1h, or 0: no limit.
    --header_timeout = "10s",

    -- A session without an open stream is closed after this time. A new connection costs a client little; an
    -- idle one holds about 30 KiB here with TLS.
    -- Kind: time, 1s to 24h, or 0: no limit.
    --idle_timeout = "3min",

    -- With more than this waiting to be sent on a stream, `stream:write()` answers false and 'drain' follows.
    -- It is what a handler that heeds it holds in memory for each slow client.
    -- Kind: size, 1KiB to 1GiB.
    --stream_output_high = "64KiB",

    -- A write that comes while more than this waits resets the stream (ERR_STREAM_OVERFLOW). It catches
    -- handlers that do not heed `write()`. At least stream_output_high.
    -- Kind: size, 1KiB to 4GB.
    --stream_output_max = "16MiB",

    -- Framed bytes that the kernel has not taken yet, of one session. Above it no more frames are made. It
    -- bounds what a client that does not read costs, whatever it asks for.
    -- Kind: size, 64KiB to 1GiB.
    --session_output = "1MiB",

    -- Memory that all streams of one session may use. Above it new streams are refused (ENHANCE_YOUR_CALM).
    -- Node's maxSessionMemory, with its default.
    -- Kind: size, 64KiB to 4GB.
    --session_memory = "10MB",

    -- Time that open streams have when a worker is to end: at reload, upgrade and stop. Then they are cut.
    -- Longer than nearly all requests. Services with long downloads or event streams need more.
    -- Kind: time, 0s to 24h.
    --drain_timeout = "30s",

    -- Time in which a new worker must have run its scripts and be listening. Else it is ended, and a reload
    -- fails. A script that loads large tables needs more.
    -- Kind: time, 100ms to 1h.
    --start_timeout = "10s",

    -- A worker whose loop does not come round for this long is ended and replaced; the log says which handler
    -- ran. No handler should hold the loop for more than some milliseconds: all other clients of the worker
    -- wait.
    -- Kind: time, 1s to 1h, or 0: no limit.
    --watchdog_timeout = "10s",
  },

  -- The listener for metrics and health. An address alone may stand for the table; `false`: none.
  -- Kind: table, or `false`: none.
  admin = {
    -- Where metrics (`/metrics`, for Prometheus), `/healthz` and `/readyz` are served. A UNIX socket is out
    -- of reach from outside. An address that others reach needs a firewall: nobody is asked who they are.
    -- Kind: address. Default: `unix:` admin.sock beside `control`.
    --address = "127.0.0.1:9180",

    -- Permissions of the UNIX socket, in octal digits. Who may read the metrics is decided by user and group
    -- of the service.
    -- Kind: octal digits.
    --mode = "0660",
  },

  -- What workers may do.
  -- Kind: table.
  security = {
    -- Scripts may start programs (`luv.spawn`, `io.popen`). `false` denies new processes and `execve` to
    -- workers. Say false when the scripts start none: an intruder then cannot either.
    -- Kind: true or false.
    --processes = true,

    -- Handlers may run as root, when the service is started as root and has no `user`. A mistake in a script,
    -- or in the daemon, is then root's.
    -- Kind: true or false.
    --root = false,
  },
}
