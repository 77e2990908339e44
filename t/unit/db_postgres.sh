#!/bin/bash
#
# The database source, against a real PostgreSQL and against what is none:
#
#     db_postgres.sh DIR            where probe_db has been built

set -uo pipefail

probe=${1:?the directory of probe_db is missing}/probe_db
top=$(cd "$(dirname "$0")/../.." && pwd)
postgres=$top/t/lib/postgres.sh
dir=$(mktemp -d) && chmod 755 "$dir"
count=0
failed=0
bad=0
others=()

cleanup() {
    local pid

    for pid in "${others[@]}"; do
        kill "$pid" 2> /dev/null && wait "$pid" 2> /dev/null
    done

    "$postgres" remove "$dir/standby"
    "$postgres" remove "$dir/pg"
    rm -rf "$dir"
}

trap cleanup EXIT
trap 'exit 1' INT TERM

port=$("$postgres" start "$dir/pg") || exit 1

sql() {
    "$postgres" psql "$dir/pg" "$@"
}

# is NAME GOT EXPECTED, like NAME GOT PATTERN, lacks NAME GOT TEXT

report() {
    count=$((count + 1))

    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        echo "# got \"$3\", expected \"$4\""
        failed=$((failed + 1))
    fi
}

is()    { [ "$2" = "$3" ]; report $? "$1" "$2" "$3"; }
like()  { [[ $2 =~ $3 ]]; report $? "$1" "$2" "$3"; }
lacks() { [[ $2 != *"$3"* ]]; report $? "$1" "$2" "none of $3"; }

# open TIMEOUT URL [NAME=SQL ...], then look: $answer, $error, $code

open() {
    local settings

    settings=$(jq -nc '$ARGS.positional as [$timeout, $url]
        | {url: $url, timeout: ($timeout | tonumber),
           queries: ($ARGS.positional[2:] | map(split("=")
               | {key: .[0], value: (.[1:] | join("="))}) | from_entries)}' \
        --args "$@")

    coproc PROBE { exec "$probe" 2>> "$dir/probe.err"; }
    probe_pid=$!
    echo "$settings" >&"${PROBE[1]}"
}

look() {
    answer=
    echo >&"${PROBE[1]}"
    read -r -t 60 answer <&"${PROBE[0]}"
    error=$(jq -r .error <<< "$answer")
    code=$(jq -r .code <<< "$answer")
}

shut() {
    exec {PROBE[1]}>&-
    wait "$probe_pid" || bad=1
}

once() {
    open "$@"
    look
    shut
}

of() {
    jq -c ".data.$1" <<< "$answer"
}

url=postgresql://caphealth@127.0.0.1:$port/shop
month=$(date -u +%Y-%m-01)
next=$(date -u -d "$month + 1 month" +%Y-%m-01)

sql << END
CREATE TABLE vendors (id serial PRIMARY KEY, name text, is_active boolean);
CREATE TABLE products (id serial PRIMARY KEY, vendor_id integer);
CREATE TABLE orders (id serial PRIMARY KEY, created_at timestamptz);
CREATE TABLE inventory (id serial PRIMARY KEY);
INSERT INTO vendors (name, is_active) VALUES ('Anna', true), (NULL, true),
    ('Ünïcode "quoted"', false), ('None', true);
INSERT INTO products (vendor_id) SELECT 1 + i % 3 FROM generate_series(1, 10) i;
INSERT INTO products (vendor_id) VALUES (99);
INSERT INTO inventory SELECT FROM generate_series(1, 7);
INSERT INTO orders (created_at) VALUES
    ('$month 00:00:00Z'::timestamptz - interval '1 second'),
    ('$month 00:00:00Z'), ('$next 00:00:00Z'::timestamptz - interval '1 second'),
    ('$next 00:00:00Z'), (NULL);
GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC;
END

# a schema as it should be

open 5 "$url"
look
is 'no error' "$error" ''
is 'engine' "$(of engine)" '"postgresql"'

for table in products orders vendors inventory; do
    is "$table, as psql counts" "$(of "${table}_count")" \
       "$(sql -c "SELECT count(*) FROM $table")"
done

is 'active vendors' "$(of active_vendors)" \
   "$(sql -c 'SELECT count(*) FROM vendors WHERE is_active')"
is 'products by vendor' "$(of vendors)" \
   '[[null,4,2],["Anna",3,1],["Ünïcode \"quoted\"",3,3]]'
like 'size' "$(of size)" '^[1-9][0-9]+$'
is 'the month, of timestamptz' "$(of orders_this_month)" 2

sql -c "ALTER TABLE orders ALTER created_at TYPE timestamp
        USING created_at AT TIME ZONE 'UTC'"
look
is 'the month, of timestamp' "$(of orders_this_month)" 2
is 'no error of that' "$error" ''

# a server that goes and comes

"$postgres" stop "$dir/pg" 2> /dev/null
look
like 'stopped' "$error" 'Connection refused'
is 'no data' "$(jq .data <<< "$answer")" null
"$postgres" start "$dir/pg" > /dev/null
look
is 'started: it heals' "$error" ''
"$postgres" stop "$dir/pg" 2> /dev/null
"$postgres" start "$dir/pg" > /dev/null
look
is 'restarted between two looks: nothing is wrong' "$error" ''
is 'and the number is there' "$(of orders_this_month)" 2

# a server that hangs

shut
open 1 "$url"
look
"$postgres" signal "$dir/pg" STOP
look
like 'hangs: the error' "$error" 'no answer within'
is 'hangs: no data' "$(jq .data <<< "$answer")" null
"$postgres" signal "$dir/pg" CONT
shut
open 5 "$url"
look
is 'goes on' "$error" ''

# a table that is missing

sql -c 'ALTER TABLE inventory RENAME TO away'
look
is 'missing: the error' "$error" \
   'inventory_count: relation "inventory" does not exist'
is 'missing: its code' "$code" database_schema
is 'missing: its number' "$(of inventory_count)" null
is 'missing: another' "$(of products_count)" 11
sql -c 'ALTER TABLE away RENAME TO inventory'
look
is 'there again' "$(of inventory_count)" 7
shut

# a table that is locked

mkfifo "$dir/lock"
"$postgres" psql "$dir/pg" -f - < "$dir/lock" > "$dir/held" 2>&1 &
locker=$!
exec {lock}> "$dir/lock"
echo 'BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; SELECT 1;' >&$lock
until [ -s "$dir/held" ]; do sleep 0.05; done
once 3 "$url"
is 'locked: the error' "$error" 'orders_count: canceling statement due to lock timeout; orders_this_month: canceling statement due to lock timeout'
is 'locked: its code' "$code" database_partial
is 'locked: its number' "$(of orders_count)" null
is 'locked: another' "$(of products_count)" 11
exec {lock}>&-
wait "$locker"

# who is not let in

once 5 "postgresql://sesame:open-sesame@127.0.0.1:$port/shop"
is 'the right password' "$error" ''
is 'the right password: no code' "$code" null
once 5 "postgresql://sesame:not-open@127.0.0.1:$port/shop"
like 'a wrong password' "$error" 'FATAL:  password authentication failed for user "sesame"$'
is 'a wrong password: its code' "$code" database_authentication
once 5 "postgresql://sesame@127.0.0.1:$port/shop"
like 'no password' "$error" 'no password supplied'
is 'no password: its code' "$code" database_authentication
once 5 "postgresql://nobody@127.0.0.1:$port/shop"
is 'an unknown user: its code' "$code" database_authentication
once 5 "postgresql://caphealth@127.0.0.1:$port/no_such"
like 'a wrong database' "$error" 'FATAL:  database "no_such" does not exist$'
is 'a wrong database: its code' "$code" database_schema
once 5 "postgresql://caphealth@/shop?host=$dir/none"
like 'no socket' "$error" 'No such file or directory'
is 'no socket: its code' "$code" not_found
once 5 "postgresql://caphealth@127.0.0.1:1/shop"
is 'nobody listens: its code' "$code" database_unreachable

# a server that speaks another language

cat > "$dir/german.py" << 'END'
import socket, struct
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    while True:
        n, code = struct.unpack("!II", c.recv(8, socket.MSG_WAITALL))
        c.recv(n - 8, socket.MSG_WAITALL)
        if code >> 16 == 3:
            break
        c.sendall(b"N")
    fields = b"".join(f.encode() + b"\0" for f in (
        "SSCHWERWIEGEND", "VFATAL", "C28P01",
        "MPasswort-Authentifizierung für Benutzer »shop« fehlgeschlagen",
        "Fauth.c", "L338", "Rauth_failed")) + b"\0"
    c.sendall(b"E" + struct.pack("!I", 4 + len(fields)) + fields)
    c.close()
END

python3 "$dir/german.py" > "$dir/german" &
others+=($!)
until [ -s "$dir/german" ]; do sleep 0.05; done
once 5 "postgresql://shop@127.0.0.1:$(< "$dir/german")/shop"
like 'in German' "$error" 'failed: SCHWERWIEGEND:  Passwort-Authentifizierung für Benutzer »shop« fehlgeschlagen$'
is 'in German: the same code' "$code" database_authentication

# no word of a password is in an error, however badly the URL is written

for password in 'not-open' 'no%zzopen' 'no@open' 'no/open' 'no?open' \
                'no?a=open' 'no:open' 'no#open' 'no?x@open' '12/open@x'
do
    once 2 "postgresql://sesame:$password@127.0.0.1:$port/shop"
    is "$password: no data" "$(jq .data <<< "$answer")" null
    like "$password: a code" "$code" '^database_(url_invalid|authentication|schema|unreachable)$'
    lacks "$password: is not told" "$error" open
    like "$password: what is wrong is" "$error" '[a-z]'
done

once 2 "postgresql://sesame@127.0.0.1:$port/shop?password=open%zz"
lacks 'a password among the parameters' "$error" open

# one that listens and says nothing

python3 -c 'import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
print(s.getsockname()[1], flush=True)
time.sleep(600)' > "$dir/silent" &
others+=($!)
until [ -s "$dir/silent" ]; do sleep 0.05; done
once 1 "postgresql://caphealth@127.0.0.1:$(< "$dir/silent")/shop"
like 'silent' "$error" 'no answer within'
is 'silent: its code' "$code" database_timeout
is 'silent: no data' "$(jq .data <<< "$answer")" null

# a first server that says nothing takes its share only; the one that answered
# is asked first at the next look.  Those that listen count who comes, the one
# whose backlog is full drops what comes

cat > "$dir/listen.py" << 'END'
import socket, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(0 if sys.argv[1] == "full" else 100)
if sys.argv[1] == "full":
    full = []
    for i in range(8):
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex(s.getsockname())
        full.append(c)
    print(s.getsockname()[1], flush=True)
    sys.stdin.read()
print(s.getsockname()[1], flush=True)
held = []
while True:
    held.append(s.accept())
    print("a client", flush=True)
END

for kind in silent full; do
    mkfifo "$dir/$kind.in"
    python3 "$dir/listen.py" "$kind" < "$dir/$kind.in" > "$dir/$kind.out" &
    others+=($!)
    exec {hold}> "$dir/$kind.in"
    until [ -s "$dir/$kind.out" ]; do sleep 0.05; done
    first=$(head -n 1 "$dir/$kind.out")

    open 6 "postgresql://caphealth@127.0.0.1:$first,127.0.0.1:$port/shop"
    look
    is "$kind, the first of two: no error" "$error" ''
    is "$kind, the first of two: a number" "$(of products_count)" 11
    before=$(wc -l < "$dir/$kind.out")
    look
    is "$kind: the one that answered is asked first" "$error" ''
    is "$kind: and the other one is not asked" \
       "$(wc -l < "$dir/$kind.out")" "$before"
    shut

    once 2 "postgresql://caphealth@127.0.0.1:$first,127.0.0.1:$first/shop"
    like "$kind, both: which, and why" "$error" \
         "^\"127.0.0.1\", port $first gave no answer within its share of the timeout; \"127.0.0.1\", port $first gave no"
done

once 6 "postgresql://caphealth@127.0.0.1:1,127.0.0.1:$port/shop"
is 'the first refuses' "$error" ''
once 5 "postgresql://caphealth@localhost:$port/shop"
is 'one name, each of its addresses' "$error" ''
once 5 "postgresql://caphealth@/shop?host=$dir/none,$dir/pg&port=$port"
is 'directories with sockets' "$error" ''
once 5 "postgresql://caphealth@/shop?hostaddr=127.0.0.1,127.0.0.1&port=1,$port"
is 'addresses' "$error" ''
once 5 "postgresql://caphealth@127.0.0.1,127.0.0.1/shop?port=1,2,3"
like 'ports that do not fit' "$error" 'could not match 3 port numbers to 2 hosts'

# nothing is held between two looks

open 5 "$url"
look
until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'caphealth'")" = 0 ]; do sleep 0.05; done
is 'no session: the database can be copied' \
   "$(sql -c 'CREATE DATABASE copied TEMPLATE shop' 2>&1)" ''
look
is 'and the next look opens one' "$error" ''
shut

# a hot standby

standby=$("$postgres" standby "$dir/standby" "$dir/pg") || exit 1
both=127.0.0.1:$port,127.0.0.1:$standby
of_standby='inventory_count=SELECT pg_is_in_recovery()::int'

for case in any:0 primary:0 read-write:0 standby:1 read-only:1 \
            prefer-standby:1
do
    once 5 "postgresql://caphealth@$both/shop?target_session_attrs=${case%:*}" \
         "$of_standby"
    is "$case: no error" "$error" ''
    is "$case: the right one" "$(of inventory_count)" "${case#*:}"
done

once 6 "postgresql://caphealth@127.0.0.1:$port,127.0.0.1:$(head -n 1 \
    "$dir/silent.out")/shop?target_session_attrs=prefer-standby" "$of_standby"
is 'prefer-standby, and there is none' "$(of inventory_count)" 0

# what it reads is removed on the primary meanwhile: the query is cancelled

conflicts() {
    "$postgres" psql "$dir/standby" -c "SELECT confl_snapshot
        FROM pg_stat_database_conflicts WHERE datname = 'shop'"
}

is 'no conflict yet' "$(conflicts)" 0

open 30 "postgresql://caphealth@127.0.0.1:$standby/shop" \
     'orders_count=SELECT count(*) FROM orders, (SELECT pg_sleep(2)) s'
echo >&"${PROBE[1]}"
until [ "$("$postgres" psql "$dir/standby" -c "SELECT count(*)
    FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ]; do
    sleep 0.05
done
sql -c "INSERT INTO orders (created_at) VALUES ('2001-01-01')" \
    -c "DELETE FROM orders WHERE created_at < '2002-01-01'" \
    -c 'VACUUM orders'
read -r -t 60 answer <&"${PROBE[0]}"
error=$(jq -r .error <<< "$answer")
shut
is 'a conflict with recovery: tried again' "$error" ''
is 'and counted' "$(of orders_count)" 5
until [ "$(conflicts)" -gt 0 ]; do sleep 0.05; done
is 'there was one' "$(conflicts)" 1

# the estimate that the documentation advises

estimate=$(sed -n 's/^    "\(SELECT nullif(reltuples.*\);*";$/\1/p' \
           "$top/docs/configuration/index.md")
sql -c 'ALTER TABLE inventory SET (autovacuum_enabled = off)'
once 5 "$url" "inventory_count=$estimate"
is 'never analysed: unknown, and not 0' "$(of inventory_count)" null
sql -c 'ANALYZE inventory'
once 5 "$url" "inventory_count=$estimate"
is 'analysed: the estimate' "$(of inventory_count)" 7
is 'analysed: no error' "$error" ''

# queries that take too long cost their own numbers, and no others

slow='SELECT 1 FROM pg_sleep(600)'
once 3 "$url" "orders_count=$slow" "inventory_count=$slow"
is 'slow: the error' "$error" 'orders_count: canceling statement due to statement timeout; inventory_count: canceling statement due to statement timeout'
is 'slow: its code' "$code" database_timeout
is 'slow: another' "$(of vendors_count)" 4
is 'slow: none of them goes on' "$(sql -c "SELECT count(*) FROM pg_stat_activity
    WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()
    AND state = 'active'")" 0

# nothing is written, whatever the queries are

sql << 'END'
CREATE FUNCTION add() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
    'BEGIN INSERT INTO inventory DEFAULT VALUES; RETURN 1; END';
END

for query in 'INSERT INTO inventory DEFAULT VALUES RETURNING 1' \
             'SELECT add()' 'DELETE FROM inventory RETURNING 1'
do
    once 5 "$url" "vendors_count=$query" \
         "products_count=SELECT length(set_config('default_transaction_read_only', 'off', false))"
    like "read only: $query" "$error" '^vendors_count: .*in a read-only transaction$'
    is "nothing is written: $query" "$(sql -c 'SELECT count(*) FROM inventory')" 7
done

# what a query of the operator's own may bring

while IFS='|' read -r query expected; do
    once 5 "$url" "orders_count=$query"
    is "$query" "$error" "$expected"
    is "$query: no number" "$(of orders_count)" null
    is "$query: another" "$(of inventory_count)" 7
done << 'END'
SELECT 1, 2|query "orders_count" returned 2 columns, expected 1
SELECT generate_series(1, 2)|query "orders_count" returned more than one row, expected one
SELECT 1 WHERE false|query "orders_count" returned no row, expected one
SELECT 'many'|query "orders_count" returned "many", expected a whole number that is not negative
SELECT NULL::bigint|query "orders_count" returned NULL, expected a whole number
SELECT -1|query "orders_count" returned "-1", expected a whole number that is not negative
SELECT 1.5|query "orders_count" returned "1.5", expected a whole number that is not negative
COMMIT|query "orders_count" returned 0 columns, expected 1
COPY orders TO STDOUT|query "orders_count" returned 0 columns, expected 1
SELECT 1; SELECT 2|orders_count: cannot insert multiple commands into a prepared statement
SELECT $1::integer|query "orders_count" has 1 parameters, expected none, or two: the first second of this month and of the next
END

once 5 "$url" "products_count=SELECT count(*) FROM orders WHERE created_at >= \$1 AND created_at < \$2" \
     'inventory_count=SELECT 12::numeric'
is 'two parameters' "$error" ''
is 'two parameters: the number' "$(of products_count)" 2
is 'numeric' "$(of inventory_count)" 12

for pad in '' x xx xxx; do
    once 5 "$url" "orders_count=SELECT '$pad' || repeat('€', 60)"
    like "cut: '$pad'" "$error" '^query "orders_count" returned "'
done

is 'the source never broke' "$bad$(cat "$dir/probe.err")" 0

echo "1..$count"
[ "$failed" -eq 0 ]
