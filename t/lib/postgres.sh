#!/bin/bash
#
# A real PostgreSQL of one's own, on a free port of the loopback address:
#
#     postgres.sh start DIR         prints the port; DIR is made if need be
#     postgres.sh standby DIR OF    a hot standby of the one in OF, which waits
#                                   for no query; prints its port
#     postgres.sh stop DIR          at once; the data stays for another start
#     postgres.sh signal DIR NAME   to the server and each of its processes
#     postgres.sh psql DIR [ARG]    psql, as the superuser, database shop
#     postgres.sh remove DIR        stops it and removes DIR
#
# The role caphealth needs no password, the role sesame does: "open-sesame".
# PostgreSQL refuses to run as root: then it is postgres, or else nobody.

set -euo pipefail

action=${1:?postgres.sh start|standby|stop|signal|psql|remove DIR}
dir=${2:?the directory is missing}
shift 2

ports=$(dirname "$(readlink -f "$0")")/ports.py
bin=$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null | sort -V | tail -n 1)
[ -x "$bin/initdb" ] || { echo "PostgreSQL is not installed" >&2; exit 1; }

as=()

if [ "$(id -u)" -eq 0 ]; then
    user=postgres
    id -u "$user" > /dev/null 2>&1 || user=nobody
    as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups)
fi

say() {
    (cd "$dir" && "${as[@]}" "$@")
}

pids() {
    local pid

    pid=$(head -n 1 "$dir/data/postmaster.pid" 2> /dev/null) || return 0
    echo "$pid"
    pgrep -P "$pid" || true
}

send() {
    local pid

    for pid in $(pids); do
        kill -s "$1" "$pid" 2> /dev/null || true
    done
}

make() {
    say "$bin/initdb" -D data -U postgres -A trust -E UTF8 --locale=C \
        --no-sync > "$dir/initdb.log" 2>&1 \
        || { cat "$dir/initdb.log" >&2; exit 1; }

    cat > "$dir/data/pg_hba.conf" << 'END'
local  all          all                  trust
local  replication  all                  trust
host   all  sesame  127.0.0.1/32  scram-sha-256
host   all  all     127.0.0.1/32  trust
END

    cat >> "$dir/data/postgresql.conf" << 'END'
listen_addresses = '127.0.0.1'
fsync = off
full_page_writes = off
max_connections = 20
shared_buffers = 16MB
dynamic_shared_memory_type = mmap
timezone = 'Pacific/Kiritimati'
END
}

serve() {
    say "$bin/pg_ctl" -D data -l server.log -w -t 60 \
        -o "-p $1 -k '$dir'" start > "$dir/start.log" 2>&1
}

start() {
    local port try

    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    [ ${#as[@]} -eq 0 ] || chown -R "$user" "$dir"

    if [ -f "$dir/port" ]; then
        serve "$(< "$dir/port")" || { cat "$dir/server.log" >&2; exit 1; }
        cat "$dir/port"
        return
    fi

    make

    # between the choice of a port and its use another may take it

    for try in 1 2 3 4 5; do
        port=$("$ports")

        if serve "$port"; then
            echo "$port" > "$dir/port"
            client postgres -c 'CREATE ROLE caphealth LOGIN' \
                -c "CREATE ROLE sesame LOGIN PASSWORD 'open-sesame'" \
                -c 'CREATE DATABASE shop OWNER caphealth'
            echo "$port"
            return
        fi
    done

    cat "$dir/server.log" >&2
    exit 1
}

standby() {
    local primary try

    primary=$(cd "$1" && pwd)
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    [ ${#as[@]} -eq 0 ] || chown -R "$user" "$dir"

    say "$bin/pg_basebackup" -D data -h "$primary" -p "$(< "$primary/port")" \
        -U postgres -R -c fast --no-sync > "$dir/basebackup.log" 2>&1 \
        || { cat "$dir/basebackup.log" >&2; exit 1; }

    echo 'max_standby_streaming_delay = 0' >> "$dir/data/postgresql.conf"

    for try in 1 2 3 4 5; do
        "$ports" > "$dir/port"

        if serve "$(< "$dir/port")"; then
            cat "$dir/port"
            return
        fi
    done

    cat "$dir/server.log" >&2
    exit 1
}

stop() {
    [ -f "$dir/data/postmaster.pid" ] || return 0

    # one that is stopped by a signal does not hear that it shall end

    send CONT
    say "$bin/pg_ctl" -D data -w -t 60 -m immediate stop > /dev/null
}

client() {
    local database=$1
    shift

    psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$dir" -p "$(< "$dir/port")" \
        -U postgres "$@" "$database"
}

case $action in
start)  start ;;
standby) standby "$1" ;;
stop)   stop ;;
signal) send "$1" ;;
psql)   dir=$(cd "$dir" && pwd); client shop "$@" ;;
remove) [ ! -d "$dir" ] || { stop; rm -rf "$dir"; } ;;
*)      echo "unknown action \"$action\"" >&2; exit 2 ;;
esac
