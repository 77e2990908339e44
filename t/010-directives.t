# Every directive, and every mistake in one: nginx refuses to start, and the
# sentence names the directive, what was wrong, and what is accepted.

use lib 't/lib';
use Caphealth;
use Test::Nginx::Socket 'no_plan';

our $uncollected = uncollected();

no_shuffle();
run_tests();

__DATA__

=== TEST 1: caphealth_database, unknown scheme, and no password in the log
--- http_config
    caphealth_database mysql://shop:secret@db/shop;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
unknown database "mysql", expected "sqlite:/path", "postgresql://..." or "off"
--- no_error_log
secret



=== TEST 2: caphealth_database, no path
--- http_config
    caphealth_database sqlite:;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "sqlite:" in "caphealth_database" directive, it must be "sqlite:" and a path
--- no_error_log
[alert]



=== TEST 3: caphealth_database twice
--- http_config
    caphealth_database off;
    caphealth_database off;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
"caphealth_database" directive is duplicate
--- no_error_log
[alert]



=== TEST 4: caphealth_database outside of http
--- config
    caphealth_database off;
    location = /health { caphealth_health; }
--- must_die
--- error_log
"caphealth_database" directive is not allowed here
--- no_error_log
[alert]



=== TEST 5: caphealth_query, unknown name
--- http_config
    caphealth_database sqlite:/nowhere.db;
    caphealth_query    sales "SELECT 1";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log eval
qr/unknown query "sales", expected one of .*products_count, .*products_by_vendor/
--- no_error_log
[alert]



=== TEST 6: caphealth_query, empty
--- http_config
    caphealth_database sqlite:/nowhere.db;
    caphealth_query    orders_count "";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
query "orders_count" is empty
--- no_error_log
[alert]



=== TEST 7: caphealth_query twice for one name
--- http_config
    caphealth_database sqlite:/nowhere.db;
    caphealth_query    orders_count "SELECT 1";
    caphealth_query    orders_count "SELECT 2";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
duplicate query "orders_count"
--- no_error_log
[alert]



=== TEST 8: caphealth_query without a database
--- http_config
    caphealth_query orders_count "SELECT 1";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
"caphealth_query" needs a "caphealth_database" that is not "off"
--- no_error_log
[alert]



=== TEST 9: caphealth_refresh, too short
--- http_config
    caphealth_refresh 10ms;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "10ms" in "caphealth_refresh" directive, it must be a time between 1s and 1d
--- no_error_log
[alert]



=== TEST 10: caphealth_refresh, no time
--- http_config
    caphealth_refresh often;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "often" in "caphealth_refresh" directive, it must be a time between 1s and 1d
--- no_error_log
[alert]



=== TEST 11: caphealth_database_refresh, too long
--- http_config
    caphealth_database_refresh 2d;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "2d" in "caphealth_database_refresh" directive, it must be a time between 1s and 1d
--- no_error_log
[alert]



=== TEST 12: caphealth_timeout, zero
--- http_config
    caphealth_timeout 0;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "0" in "caphealth_timeout" directive, it must be a time between 100ms and 10m
--- no_error_log
[alert]



=== TEST 13: caphealth_threshold, unknown name
--- http_config
    caphealth_threshold products warning=1;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
unknown threshold "products", expected one of products_total, storage_gb, db_size_mb, disk_percent, memory_percent, cpu_percent
--- no_error_log
[alert]



=== TEST 14: caphealth_threshold, unknown parameter
--- http_config
    caphealth_threshold products_total warn=1;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid parameter "warn=1" of threshold "products_total", expected "warning=", "critical=" or "limit="
--- no_error_log
[alert]



=== TEST 15: caphealth_threshold, a percentage that is no number
--- http_config
    caphealth_threshold cpu_percent warning=0x50;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value in "warning=0x50" of threshold "cpu_percent", expected a percentage such as "85" or "87.5"
--- no_error_log
[alert]



=== TEST 16: caphealth_threshold, a count with a fraction
--- http_config
    caphealth_threshold products_total warning=1.5;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value in "warning=1.5" of threshold "products_total", expected a whole number
--- no_error_log
[alert]



=== TEST 17: caphealth_threshold, a size with an unknown suffix
--- http_config
    caphealth_threshold storage_gb limit=2t;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value in "limit=2t" of threshold "storage_gb", expected gigabytes such as "800" or a size such as "800g"
--- no_error_log
[alert]



=== TEST 18: caphealth_threshold, megabytes
--- http_config
    caphealth_threshold db_size_mb limit=;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value in "limit=" of threshold "db_size_mb", expected megabytes such as "20000" or a size such as "20g"
--- no_error_log
[alert]



=== TEST 19: caphealth_threshold, warning above critical
--- http_config
    caphealth_threshold memory_percent warning=95;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
threshold "memory_percent" with warning=95.000 critical=90.000 limit=100.000 is not possible
--- no_error_log
[alert]



=== TEST 20: caphealth_threshold, more than 100 percent
--- http_config
    caphealth_threshold disk_percent limit=101;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
threshold "disk_percent" with warning=70.000 critical=85.000 limit=101.000 is not possible
--- no_error_log
[alert]



=== TEST 21: caphealth_threshold twice for one name
--- http_config
    caphealth_threshold disk_percent warning=60;
    caphealth_threshold disk_percent warning=65;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
duplicate threshold "disk_percent"
--- no_error_log
[alert]



=== TEST 22: caphealth_threshold without a bound
--- http_config
    caphealth_threshold disk_percent;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid number of arguments in "caphealth_threshold" directive
--- no_error_log
[alert]



=== TEST 23: caphealth_tier, unknown parameter
--- http_config
    caphealth_tier S max_vendors=3;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid parameter "max_vendors=3" of tier "S", expected "max_clients=" or "max_products="
--- no_error_log
[alert]



=== TEST 24: caphealth_tier, no number
--- http_config
    caphealth_tier S max_clients=many;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value in "max_clients=many" of tier "S", expected a whole number
--- no_error_log
[alert]



=== TEST 25: caphealth_tier, the last one has a bound
--- http_config
    caphealth_tier S max_clients=10;
    caphealth_tier M max_clients=20;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
the ladder of "caphealth_tier" is not possible
--- no_error_log
[alert]



=== TEST 26: caphealth_tier, not in order
--- http_config
    caphealth_tier S max_clients=20;
    caphealth_tier M max_clients=10;
    caphealth_tier L;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
the ladder of "caphealth_tier" is not possible
--- no_error_log
[alert]



=== TEST 27: caphealth_disk, not absolute
--- http_config
    caphealth_disk data;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "data" in "caphealth_disk" directive, it must be an absolute path
--- no_error_log
[alert]



=== TEST 28: caphealth_disk twice
--- http_config
    caphealth_disk /;
    caphealth_disk /;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
duplicate disk "/"
--- no_error_log
[alert]



=== TEST 29: caphealth_zone, too small
--- http_config
    caphealth_zone 4k;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "4k" in "caphealth_zone" directive, it must be a size of at least 64k
--- no_error_log
[alert]



=== TEST 30: caphealth_helper_dir, nothing there
--- http_config
    caphealth_helper_dir /nowhere;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
the program "/nowhere/caphealth-collector" is not there: install it beside the module, or say where it is with "caphealth_helper_dir"
--- no_error_log
[alert]



=== TEST 31: caphealth_helper_dir, not executable
--- http_config
    caphealth_helper_dir html;
--- config
    location = /health { caphealth_health; }
--- user_files
>>> caphealth-collector
text
--- must_die
--- error_log eval
qr/html\/caphealth-collector" is not an executable file: make it one/
--- no_error_log
[alert]



=== TEST 32: caphealth_access, unknown
--- config
    caphealth_access public;
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "public" in "caphealth_access" directive, it must be "local" or "delegated"
--- no_error_log
[alert]



=== TEST 33: caphealth_health twice in a location
--- config
    location = /health { caphealth_health; caphealth_health; }
--- must_die
--- error_log
"caphealth_health" directive is duplicate
--- no_error_log
[alert]



=== TEST 34: two handlers in a location
--- config
    location = /health { caphealth_health; caphealth_capacity; }
--- must_die
--- error_log
"caphealth_capacity" directive conflicts with another handler of this location
--- no_error_log
[alert]



=== TEST 35: an argument too many
--- config
    location = /health { caphealth_health on; }
--- must_die
--- error_log
invalid number of arguments in "caphealth_health" directive
--- no_error_log
[alert]



=== TEST 36: what is not UTF-8
--- http_config eval
"    caphealth_disk /mnt/caf\xe9;"
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
"caphealth_disk" is not in UTF-8
--- no_error_log
[alert]



=== TEST 37: a query that is not UTF-8
--- http_config eval
"    caphealth_database sqlite:/nowhere.db;
    caphealth_query orders_count \"SELECT '\xe9'\";"
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
"caphealth_query" is not in UTF-8
--- no_error_log
[alert]



=== TEST 38: everything said at once is accepted
--- http_config
    caphealth_database         sqlite:/nowhere.db;
    caphealth_query            orders_count "SELECT count(*) FROM sales";
    caphealth_refresh          5s;
    caphealth_database_refresh 2m;
    caphealth_timeout          500ms;
    caphealth_threshold        products_total warning=10 critical=20 limit=30;
    caphealth_threshold        storage_gb     warning=1g critical=1536m limit=2;
    caphealth_threshold        db_size_mb     warning=512k critical=1 limit=1g;
    caphealth_threshold        disk_percent   warning=70% critical=87.5 limit=100;
    caphealth_tier             Basic  max_clients=5 max_products=100;
    caphealth_tier             Plus   max_products=1000;
    caphealth_tier             Custom;
    caphealth_disk             /;
    caphealth_disk             /dev/shm;
    caphealth_zone             1m;
    caphealth_access           delegated;
--- config
    caphealth_access local;
    location = /health { caphealth_access delegated; caphealth_health; }
    location = /capacity { caphealth_capacity; }
--- request
GET /health
--- response_body_like eval
qr/"key":"storage_gb".*"key":"db_size_mb"/
--- no_error_log
[alert]
[emerg]



=== TEST 39: a module that is loaded and not used starts nothing
--- config
    location = /x { return 200 "x"; }
--- request
GET /x
--- response_body: x
--- no_error_log
start caphealth-collector
[alert]



=== TEST 40: caphealth_cpu_window, too short
--- http_config
    caphealth_cpu_window 9s;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "9s" in "caphealth_cpu_window" directive, it must be a time between 10s and 1h
--- no_error_log
[alert]



=== TEST 41: caphealth_cpu_window, too long
--- http_config
    caphealth_cpu_window 3601s;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "3601s" in "caphealth_cpu_window" directive, it must be a time between 10s and 1h
--- no_error_log
[alert]



=== TEST 42: caphealth_cpu_window, the shortest; what is not known yet is null
--- http_config eval
"caphealth_cpu_window 10s; $::uncollected"
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- response_body_like eval
qr/"cpu_mean_percent":null,"cpu_converters_percent":null,"cpu_mean_seconds":null,/
--- no_error_log
[alert]



=== TEST 43: caphealth_threshold off: shown, and not judged
--- http_config
    caphealth_threshold memory_percent off;
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- response_body_like eval
qr/"name":"Memory Usage \(%\)",[^}]*"status":"not_configured"/
--- no_error_log
[alert]



=== TEST 44: caphealth_threshold off, and a bound
--- http_config
    caphealth_threshold memory_percent off warning=5;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid parameter "off" of threshold "memory_percent", expected "warning=", "critical=" or "limit=", or "off" alone
--- no_error_log
[alert]



=== TEST 45: caphealth_database, a possible password is not logged
--- http_config
    caphealth_database "host=db.internal user=u password=s3same";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
unknown database, expected "sqlite:/path", "postgresql://..." or "off"; a string of keywords has to be written as such a URL
--- no_error_log
s3same
db.internal



=== TEST 46: caphealth_database, a possible password is not logged
--- http_config
    caphealth_database "password='s3same x' host=db.internal";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
unknown database, expected "sqlite:/path", "postgresql://..." or "off"; a string of keywords has to be written as such a URL
--- no_error_log
s3same
db.internal



=== TEST 47: caphealth_database, a possible password is not logged
--- http_config
    caphealth_database "password = s3same";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
unknown database, expected "sqlite:/path", "postgresql://..." or "off"; a string of keywords has to be written as such a URL
--- no_error_log
s3same
db.internal



=== TEST 48: caphealth_database, a possible password is not logged
--- http_config
    caphealth_database "s3same@db.internal:5432/shop";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
unknown database, expected "sqlite:/path", "postgresql://..." or "off"
--- no_error_log
s3same
db.internal



=== TEST 49: caphealth_database, a possible password is not logged
--- http_config
    caphealth_database "//u:s3same@db.internal/shop";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
unknown database, expected "sqlite:/path", "postgresql://..." or "off"
--- no_error_log
s3same
db.internal



=== TEST 50: caphealth_database, a possible password is not logged
--- http_config
    caphealth_database "s3same";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
unknown database, expected "sqlite:/path", "postgresql://..." or "off"
--- no_error_log
s3same
db.internal



=== TEST 51: caphealth_database, a possible password is not logged
--- http_config
    caphealth_database "host=db.internal options=-csearch_path=a:b sslpassword=s3same";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
unknown database, expected "sqlite:/path", "postgresql://..." or "off"; a string of keywords has to be written as such a URL
--- no_error_log
s3same
db.internal



=== TEST 52: caphealth_database, port
--- http_config
    caphealth_database "postgresql://u:s3same@db.internal:70000/shop";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid URL in "caphealth_database" directive: a port must be between 1 and 65535
--- no_error_log
s3same
db.internal



=== TEST 53: caphealth_database, unknown parameter
--- http_config
    caphealth_database "postgresql://u:s3same@db.internal/shop?sslmod=require";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid URL in "caphealth_database" directive: libpq knows no parameter "sslmod"
--- no_error_log
s3same
db.internal



=== TEST 54: caphealth_database, a password that is not encoded
--- http_config
    caphealth_database "postgresql://u:s3same@1@db.internal/shop";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid URL in "caphealth_database" directive: what is special in a user or a password must be percent-encoded
--- no_error_log
s3same
db.internal



=== TEST 55: caphealth_query that does not read
--- http_config
    caphealth_database sqlite:/nowhere.db;
    caphealth_query    orders_count "DELETE FROM orders";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
query "orders_count" must be a SELECT: "DELETE FROM orders"
--- no_error_log
[alert]



=== TEST 56: caphealth_query of two statements
--- http_config
    caphealth_database sqlite:/nowhere.db;
    caphealth_query    orders_count "SELECT 1; SELECT 2";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
query "orders_count" must be one SELECT, and has another statement behind ";"
--- no_error_log
[alert]



=== TEST 57: caphealth_notify, no URL of HTTP
--- http_config
    caphealth_notify ftp://h/T0K3N;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid URL in "caphealth_notify" directive: it must begin with "https://" or "http://"; expected is "https://host/path"
--- no_error_log
T0K3N



=== TEST 58: caphealth_notify, a password in the URL
--- http_config
    caphealth_notify https://u:s3same@h/;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid URL in "caphealth_notify" directive: it must not have a user or a password
--- no_error_log
s3same



=== TEST 59: caphealth_notify, an unknown kind
--- http_config
    caphealth_notify https://h/T0K3N on=critical,warn;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "on=critical,warn" in "caphealth_notify" directive, it must be some of "warning", "critical", "unknown", "recovery" and "forecast", with commas between them
--- no_error_log
T0K3N



=== TEST 60: caphealth_notify, an empty kind
--- http_config
    caphealth_notify https://h/ on=critical,;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "on=critical," in "caphealth_notify" directive, it must be some of
--- no_error_log
[alert]



=== TEST 61: caphealth_notify, an unknown format
--- http_config
    caphealth_notify https://h/ format=xml;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "format=xml" in "caphealth_notify" directive, it must be "json", "slack" or "alertmanager"
--- no_error_log
[alert]



=== TEST 62: caphealth_notify, a reminder that is too frequent
--- http_config
    caphealth_notify https://h/ remind=10s;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "remind=10s" in "caphealth_notify" directive, it must be a time between 1m and 30d
--- no_error_log
[alert]



=== TEST 63: caphealth_notify, a hold that is too long
--- http_config
    caphealth_notify https://h/ hold=2d;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "hold=2d" in "caphealth_notify" directive, it must be a time between 0 and 1d
--- no_error_log
[alert]



=== TEST 64: caphealth_notify, an unknown parameter
--- http_config
    caphealth_notify https://h/T0K3N retries=3;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid parameter "retries=3" in "caphealth_notify" directive, expected "on=", "format=", "secret=", "ca=", "runbooks=", "hold=", "interval=" or "remind="
--- no_error_log
T0K3N



=== TEST 65: caphealth_notify, a secret that is not there
--- http_config
    caphealth_notify https://h/ secret=/nowhere/secret;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
open() "/nowhere/secret" of "caphealth_notify" failed (2: No such file or directory)
--- no_error_log
[alert]



=== TEST 66: caphealth_notify, a secret that is too short
--- http_config
    caphealth_notify https://h/ secret=/dev/null;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
the secret in "/dev/null" of "caphealth_notify" is no line of 16 to 1024 printable ASCII characters
--- no_error_log
[alert]



=== TEST 67: caphealth_notify, certificates that are not there
--- http_config
    caphealth_notify https://h/ ca=/nowhere/ca.pem;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
"/nowhere/ca.pem" of "caphealth_notify" is no file of certificates (2: No such file or directory)
--- no_error_log
[alert]



=== TEST 68: caphealth_notify, runbooks at no URL
--- http_config
    caphealth_notify https://h/ runbooks=/handbook;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "runbooks=/handbook" in "caphealth_notify" directive, it must be "runbooks=" and the URL of the handbook's pages of operations
--- no_error_log
[alert]



=== TEST 69: caphealth_notify, alerts that would end
--- http_config
    caphealth_notify https://h/ format=alertmanager;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
"format=alertmanager" in "caphealth_notify" directive needs "remind="
--- no_error_log
[alert]



=== TEST 70: caphealth_notify, the same receiver twice
--- http_config
    caphealth_notify https://h/T0K3N; caphealth_notify https://h/T0K3N;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
duplicate URL in "caphealth_notify" directive: "https://h..."
--- no_error_log
T0K3N



=== TEST 71: caphealth_fleet, SQLite
--- http_config
    caphealth_fleet sqlite:/srv/s3same.db;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid URL in "caphealth_fleet" directive, expected "postgresql://...": nodes cannot share an SQLite file
--- no_error_log
s3same



=== TEST 72: caphealth_fleet, keywords
--- http_config
    caphealth_fleet "host=h password=s3same";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid URL in "caphealth_fleet" directive, expected "postgresql://..."
--- no_error_log
s3same



=== TEST 73: caphealth_fleet, a port that is none
--- http_config
    caphealth_fleet postgresql://u:s3same@h:77777/d;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid URL in "caphealth_fleet" directive: 
--- no_error_log
s3same



=== TEST 74: caphealth_fleet, a name that is none
--- http_config
    caphealth_fleet postgresql://u:s3same@h/d "node=a b";
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "node=a b" in "caphealth_fleet" directive, it must be "node=" and 1 to 63 letters, digits, ".", "-" or "_"
--- no_error_log
s3same



=== TEST 75: caphealth_fleet, an empty name
--- http_config
    caphealth_fleet postgresql:///d node=;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "node=" in "caphealth_fleet" directive, it must be "node=" and 1 to 63
--- no_error_log
[alert]



=== TEST 76: caphealth_fleet, a name of 64 characters
--- http_config
    caphealth_fleet postgresql:///d node=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "node=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" in "caphealth_fleet" directive
--- no_error_log
[alert]



=== TEST 77: caphealth_fleet, a grace that is too short
--- http_config
    caphealth_fleet postgresql:///d grace=999ms;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "grace=999ms" in "caphealth_fleet" directive, it must be "grace=" and a time between 1s and 1d
--- no_error_log
[alert]



=== TEST 78: caphealth_fleet, a grace that is no time
--- http_config
    caphealth_fleet postgresql:///d node=a grace=soon;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid value "grace=soon" in "caphealth_fleet" directive
--- no_error_log
[alert]



=== TEST 79: caphealth_fleet, an unknown parameter
--- http_config
    caphealth_fleet postgresql:///d name=a;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
invalid parameter "name=a" in "caphealth_fleet" directive, expected "node=" or "grace="
--- no_error_log
[alert]



=== TEST 80: caphealth_fleet, twice
--- http_config
    caphealth_fleet postgresql:///d; caphealth_fleet postgresql:///d;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
"caphealth_fleet" directive is duplicate
--- no_error_log
[alert]



=== TEST 81: caphealth_fleet, node= twice
--- http_config
    caphealth_fleet postgresql:///d node=a node=a;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
duplicate parameter "node=" in "caphealth_fleet" directive
--- no_error_log
[alert]



=== TEST 82: caphealth_fleet, grace= twice
--- http_config
    caphealth_fleet postgresql:///d grace=1m grace=2m;
--- config
    location = /health { caphealth_health; }
--- must_die
--- error_log
duplicate parameter "grace=" in "caphealth_fleet" directive
--- no_error_log
[alert]
