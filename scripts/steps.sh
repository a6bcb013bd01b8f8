# Sourced by the scripts: where the checkout is, and how a step is told and fails.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Where the programs are: what scripts/build makes, or a folder with those of another build, which is taken as it is.
programs=${GLOVEBOX_PROGRAMS:-.build/release}

say() { printf '%s\n' "$*" >&2; }
step() { printf '\n== %s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Whether something listens on this loopback port.
port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Prints the first loopback port at or above $1 that nobody listens on.
free_port_from() {
    local port
    for ((port = $1; port < $1 + 200; port++)); do
        port_answers "$port" || {
            echo "$port"
            return
        }
    done
    fail "no free port between $1 and $port"
}

# Prints $2 loopback ports at or above $1, each once, that nobody listens on.
free_ports_from() {
    local port=$1 count
    for ((count = 0; count < $2; count++)); do
        port=$(free_port_from "$port") || return
        echo "$port"
        port=$((port + 1))
    done
}

need_swift() {
    command -v swift >/dev/null || fail "swift isn't on the PATH: install Swift 6.3 (https://www.swift.org/install/linux/) and run this again"
}
