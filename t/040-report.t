# The numbers, from a real SQLite database to the wire.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Caphealth;

our $collected = collected();
our $cpu = collected(cpu => 1);

our $sql = <<'END';
INSERT INTO vendors VALUES (1, 'Anna', 1), (2, 'Bert', 0), (3, NULL, 1),
    (4, 'Anna', 1), (5, 'nothing to sell', 1);
INSERT INTO products (vendor_id) VALUES (1), (1), (2), (3), (4), (4), (4);
INSERT INTO orders (created_at) VALUES (datetime('now')),
    (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')), (unixepoch('now')),
    (date('now', 'start of month')), (date('now', 'start of month', '-1 day')),
    (date('now', 'start of month', '+1 month'));
INSERT INTO inventory (product_id) VALUES (1), (2);
END

our $shop = shop('shop', $sql);
our $bare = shop('bare', 'DROP TABLE inventory;');
our $full = shop('full', $sql . <<'END');
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 993)
INSERT INTO products (vendor_id) SELECT 1 FROM n;
END

timeout(30);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: health, the database
--- http_config eval
"    caphealth_database sqlite:$::shop;"
--- config eval: $::collected
--- request
GET /collected/health
--- response_body_like eval
'"database":\{"size_mb":0\.0\d,"products_count":7,"orders_count":6,"vendors_count":5,"inventory_count":2,'
--- no_error_log
[error]



=== TEST 2: capacity, in order
--- http_config eval
"    caphealth_database sqlite:$::shop;"
--- config eval: $::collected
--- request
GET /collected/capacity
--- response_body_like eval
'\{"products_total":7,"products_by_vendor":\{"Anna":5,"Bert":1,"Unknown":1\},"images_total":null,"storage_used_gb":null,"database_size_mb":0\.0\d,"orders_this_month":4,"active_vendors":4,'
--- no_error_log
[error]



=== TEST 3: health, the system
--- config eval: $::cpu
--- request
GET /collected/health
--- response_body_like eval
'\{"system":\{"cpu_percent":\d+\.\d,"memory_percent":\d+\.\d,"memory_used_gb":\d+\.\d+,"memory_total_gb":\d+\.\d+,"disk_percent":\d+\.\d,'
--- no_error_log
[error]



=== TEST 4: health, without a database and without images
--- config eval: $::cpu
--- request
GET /collected/health
--- response_body_like eval
'"products_count":null,.*"name":"Products","current":null,"warning":400000,"critical":475000,"limit":500000,"status":"not_configured","percent_used":null.*"overall_status":"(healthy|degraded|critical)".*"infrastructure_tier":null'
--- no_error_log
[error]



=== TEST 5: thresholds and tiers of our own, critical
--- http_config eval
"    caphealth_database  sqlite:$::full;
    caphealth_threshold products_total warning=500 critical=1000 limit=2000;
    caphealth_tier      Stall max_clients=3;
    caphealth_tier      Shop  max_clients=6 max_products=2000;
    caphealth_tier      Mall;"
--- config eval: $::collected
--- request
GET /collected/health
--- response_body_like eval
'"name":"Products","current":1000,"warning":500,"critical":1000,"limit":2000,"status":"critical","percent_used":50\.0,.*"overall_status":"critical","recommendations":\[\{"priority":"critical","title":"Products at critical level","description":"Currently at 50% of capacity \(1000 of 2000\)","action":"Immediate scaling or cleanup required","code":"threshold-critical","subject":"products_total","path":null,"forecast":null\}.*"infrastructure_tier":"Shop","next_tier_trigger":"Approaching Mall tier \(vendors: 83%, products: 50%\)"'
--- no_error_log
[error]



=== TEST 6: the built-in ladder
--- http_config eval
"    caphealth_database sqlite:$::full;"
--- config eval: $::collected
--- request
GET /collected/health
--- response_body_like eval
'"infrastructure_tier":"Starter","next_tier_trigger":null'
--- no_error_log
[error]



=== TEST 7: queries of our own
--- http_config eval
"    caphealth_database sqlite:$::shop;
    caphealth_query    orders_count 'SELECT 4711';
    caphealth_query    products_by_vendor \"SELECT 'all', count(*) FROM products\";"
--- config eval: $::collected
--- request eval
["GET /collected/health", "GET /collected/capacity"]
--- error_code eval: [200, 200]
--- response_body_like eval
['"orders_count":4711', '"products_by_vendor":\{"all":7\}']
--- no_error_log
[error]



=== TEST 8: a query of the wrong shape is named, the others are answered
--- http_config eval
"    caphealth_database sqlite:$::shop;
    caphealth_query    orders_count 'SELECT 1, 2';"
--- config eval: $::collected
--- request
GET /collected/health
--- response_body_like eval
'"products_count":7,"orders_count":null,"vendors_count":5,.*"error":"[^"]*\\\\"orders_count\\\\" returned 2 columns'
--- error_log
caphealth database: query "orders_count" returned 2 columns



=== TEST 9: a table that is missing is named, the others are answered
--- http_config eval
"    caphealth_database sqlite:$::bare;"
--- config eval: $::collected
--- request
GET /collected/health
--- response_body_like eval
'"products_count":0,"orders_count":0,"vendors_count":0,"inventory_count":null,.*"error":"[^"]*inventory_count[^"]*no such table: inventory'
--- error_log
no such table: inventory



=== TEST 10: a database that is not there is critical, and not made
--- http_config
    caphealth_database sqlite:$TEST_NGINX_SERVER_ROOT/nowhere.db;
--- config eval: $::collected
--- request
GET /collected/health
--- response_body_like eval
'"products_count":null,.*"reachable":false,.*"overall_status":"critical".*"title":"Database cannot be reached"'
--- error_log
caphealth database:



=== TEST 11: a path relative to nginx's prefix
--- http_config
    caphealth_database sqlite:html/nowhere.db;
--- config eval: $::collected
--- request
GET /collected/health
--- response_body_like eval
'"reachable":false'
--- error_log eval
qr/caphealth database: .*\/html\/nowhere\.db/



=== TEST 12: watched disks, the first gives disk_percent, one is missing
--- http_config eval
"    caphealth_disk /dev/shm;
    caphealth_disk /nowhere;"
--- config eval: $::cpu
--- request
GET /collected/health
--- response_body_like eval
'"disk_percent":\d+\.\d,.*"overall_status":"(unknown|degraded|critical)".*"disks":\[\{"path":"/dev/shm","percent":\d+\.\d,.*\{"path":"/nowhere","percent":null,.*"error":"statvfs\(\) \\\\"/nowhere\\\\" failed'
--- error_log
caphealth disk "/nowhere": statvfs() "/nowhere" failed



=== TEST 13: names that do not fit into the zone are said to, and cost nothing else
--- http_config eval
my $big = Caphealth::shop('big', <<'END');
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
INSERT INTO vendors SELECT i, printf('vendor %0200d', i), 1 FROM n;
INSERT INTO products (vendor_id) SELECT id FROM vendors;
END
"   caphealth_zone     64k;
    caphealth_database sqlite:$big;"
--- config eval: $::collected
--- request
GET /collected/capacity
--- response_body_like eval
'"products_total":999,"products_by_vendor":null,.*"error":"its vendors' . "' names do not fit into"
--- error_log
caphealth database: its vendors' names do not fit into "caphealth_zone", make it larger



=== TEST 14: hostile names are text
--- http_config eval
my $hostile = Caphealth::shop('hostile', <<'END');
INSERT INTO vendors VALUES (1, '"</script>' || char(10, 1, 8238) || 'Ünï\', 1);
INSERT INTO products (vendor_id) VALUES (1);
END
"   caphealth_database sqlite:$hostile;"
--- config eval: $::collected
--- request
GET /collected/capacity
--- response_body_like eval
'"products_by_vendor":\{"\\\\"</script>\\\\n\\\\u0001.*\\\\\\\\":1\}'
--- no_error_log
[error]
