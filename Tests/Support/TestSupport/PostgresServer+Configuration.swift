extension PostgresServer {
    static func settings(port: Int) -> [String] {
        [
            "listen_addresses = '127.0.0.1'", "port = \(port)", "fsync = off", "synchronous_commit = off",
            "full_page_writes = off", "max_connections = 200", "shared_buffers = '32MB'", "ssl = on",
            "ssl_cert_file = '../server.crt'", "ssl_key_file = '../server.key'", "log_min_messages = warning",
            "lc_messages = 'C'", "timezone = 'UTC'",
        ]
    }

    /// How each role signs in, by the group role that it's a member of.
    static let authentication = """
        local   all postgres                 trust
        host    all postgres 127.0.0.1/32    trust
        host    all +auth_trust 127.0.0.1/32 trust
        host    all +auth_md5 127.0.0.1/32   md5
        host    all +auth_cleartext 127.0.0.1/32 password
        hostssl all +auth_tls 127.0.0.1/32   scram-sha-256
        host    all +auth_tls 127.0.0.1/32   reject
        host    all +auth_reject 127.0.0.1/32 reject
        host    all all 127.0.0.1/32         scram-sha-256

        """

    static let roles = """
        CREATE ROLE auth_trust; CREATE ROLE auth_md5; CREATE ROLE auth_scram; CREATE ROLE auth_tls;
        CREATE ROLE auth_cleartext; CREATE ROLE auth_reject;
        """

    /// Makes and starts the cluster in `$1`, as root by way of the system's `postgres` user, from the files in `$2`.
    /// Prints its own process id once clients are let in, then stops the server when descriptor 9 comes to its end.
    static let script = #"""
        set -u
        home=$1 given=$2
        fail() { echo "$1"; cat "$home/log" 2>/dev/null; rm -rf "$home"; exit 1; }
        for folder in /usr/lib/postgresql/15/bin $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
            [ -x "$folder/initdb" ] && bin=$folder && break
        done
        [ -n "${bin:-}" ] || fail 'no PostgreSQL server is installed: run scripts/install-packages'
        mkdir -m 700 "$home" || fail "can't make $home"
        as=()
        if [ "$(id -u)" = 0 ]; then
            as=(setpriv --reuid=postgres --regid=postgres --init-groups --)
        fi
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
            -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
            -keyout "$home/server.key" -out "$home/server.crt" 2>"$home/log" || fail "can't make a certificate"
        chmod 600 "$home/server.key"
        cp "$given/settings.conf" "$given/hba.conf" "$home"
        [ "$(id -u)" = 0 ] && chown -R postgres: "$home"
        cd "$home" || fail "can't enter $home"
        "${as[@]}" "$bin/initdb" -D "$home/data" -U postgres -E UTF8 --locale=C.UTF-8 -A trust --no-sync \
            --no-instructions >"$home/log" 2>&1 9<&- || fail "initdb failed"
        "${as[@]}" sh -c 'cat "$1/settings.conf" >>"$1/data/postgresql.conf"
            echo "unix_socket_directories = '"'"'$1'"'"'" >>"$1/data/postgresql.conf"
            cp "$1/hba.conf" "$1/data/pg_hba.conf"' sh "$home" || fail "can't configure"
        "${as[@]}" "$bin/postgres" -D "$home/data" >"$home/log" 2>&1 9<&- &
        server=$!
        port=$(sed -n 's/^port = //p' "$home/settings.conf" | tail -1)
        for _ in $(seq 300); do
            kill -0 "$server" 2>/dev/null || fail "the server ended"
            "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -t 1 2>/dev/null && ready=1 && break
            sleep 0.05
        done
        [ -n "${ready:-}" ] || { kill -QUIT "$server"; fail "the server wasn't ready in time"; }
        trap : INT TERM HUP
        echo $$
        exec >/dev/null 2>&1
        cat <&9
        kill -INT "$server" 2>/dev/null
        for _ in $(seq 100); do kill -0 "$server" 2>/dev/null || break; sleep 0.05; done
        kill -0 "$server" 2>/dev/null && kill -QUIT "$server"
        wait "$server"
        rm -rf "$home"
        """#
}
