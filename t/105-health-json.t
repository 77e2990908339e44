# application/health+json: when it is answered, and with what.

use lib 't/lib';
use Caphealth;
use Test::Nginx::Socket 'no_plan';

our $health = 'Content-Type: application/health+json';
our $json = 'Content-Type: application/json';

# what the collector saw, once it has looked

our $collected = collected();

our $fast = <<'END';
    caphealth_refresh 1s;
    caphealth_disk    /;
    caphealth_threshold cpu_percent    warning=100 critical=100;
    caphealth_threshold disk_percent   warning=100 critical=100;
END

our $calm = $fast . <<'END';
    caphealth_threshold memory_percent warning=100 critical=100;
END

our $wanted = 'Accept: application/health+json';

$ENV{TEST_NGINX_SHOP} = shop('health', 'INSERT INTO products VALUES (1, 1);');

no_shuffle();
run_tests();

__DATA__

=== TEST 1: a request without Accept
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- response_headers
Content-Type: application/json
Vary: Accept
Cache-Control: private, no-cache
--- response_body_like: ^\{"system":\{



=== TEST 2: what must be JSON
--- config
    location = /health { caphealth_health; }
--- request eval
[("HEAD /health") x 10]
--- more_headers eval
["Accept: */*", "Accept: application/json", "Accept: application/*",
 "Accept: text/html", "Accept:",
 "Accept: application/health+json, application/json",
 "Accept: application/json, application/health+json;q=0.9",
 "Accept: application/health+json;q=0, */*",
 "Accept: application/health+json;q=2, application/json;q=0.1",
 "Accept: text/html, application/xml;q=0.9, */*;q=0.8"]
--- response_headers eval
[($::json) x 10]
--- error_code eval
[(200) x 10]



=== TEST 3: what must be health+json, and the status that goes with "fail"
--- http_config eval
"$::fast caphealth_threshold memory_percent warning=0 critical=0;"
--- config
    location = /health { caphealth_health; }
--- request eval
[("HEAD /health") x 7]
--- more_headers eval
["Accept: application/health+json",
 "Accept: APPLICATION/Health+JSON ; q=0.001",
 "Accept: application/json;q=0.9 , application/health+json; q=0.95",
 "Accept: application/json;q=0.5, */*",
 "Accept: text/html\r\nAccept: application/health+json",
 "Accept: text/plain;p=\"application/json,\", application/health+json;q=0.1",
 "Accept: ,,application/health+json;charset=utf-8"]
--- response_headers eval
[("$::health\nVary: Accept\nCache-Control: private, no-cache") x 7]
--- error_code eval
[(503) x 7]



=== TEST 4: the JSON has 200 nevertheless
--- http_config eval
"$::fast caphealth_threshold memory_percent warning=0 critical=0;"
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- response_body_like: "overall_status":"(critical|unknown)"



=== TEST 5: pass, but for the CPU, which on a busy machine is at 100 %
--- http_config eval
"$::calm caphealth_database sqlite:\$TEST_NGINX_SHOP;"
--- config eval: $::collected
--- request
GET /collected/health
--- more_headers eval: $::wanted
--- response_body_like eval
qr<^\{"status":"(pass|warn|fail)","releaseId":"\d+\.\d+\.\d+","serviceId":"[^"]+","description":"[^"]+","checks":\{"cpu:utilization":\[\{"componentType":"system","observedValue":(null|\d+\.\d),"observedUnit":"percent","status":"(pass|warn|fail)","time":"[^"]+Z"(,"output":"[^"]+")?\}\],"memory:utilization":\[\{[^}]+"status":"pass","time":"[^"]+Z"\}\],"disk:utilization":\[\{"componentId":"/","componentType":"system","observedValue":\d+\.\d,"observedUnit":"percent","status":"pass","time":"[^"]+Z"\}\],"database:reachable":\[\{"componentType":"datastore","observedValue":true,"status":"pass","time":"[^"]+Z"\}\],"database:size":\[\{"componentType":"datastore","observedValue":\d+\.\d+,"observedUnit":"MiB","status":"pass","time":"[^"]+Z"\}\],"database:products":\[\{"componentType":"datastore","observedValue":1,"observedUnit":"products","status":"pass","time":"[^"]+Z"\}\],"disk:inodes":\[\{"componentId":"/",[^}]+\}\],"disk:read_only":\[\{"componentId":"/",[^}]+"observedValue":false,[^}]+\}\]\}(,"output":"cpu:utilization: [^"]+")?\}\n$>
--- no_error_log
[error]
[alert]



=== TEST 6: warn
--- http_config eval
"$::fast caphealth_threshold memory_percent warning=0 critical=100;"
--- config eval: $::collected
--- request
GET /collected/health
--- more_headers eval: $::wanted
--- response_body_like eval
qr<"status":"(warn|fail)",.*"memory:utilization":\[\{[^}]+"status":"warn","time":"[^"]+","output":"[\d.]+ percent, warning from 0 percent"\}\].*"output":"(cpu:utilization: [^"]+; )?memory:utilization: [\d.]+ percent, warning from 0 percent"\}\n$>



=== TEST 7: a database that is down
--- http_config eval
"$::calm caphealth_database sqlite:/nonexistent;"
--- config eval: $::collected
--- request
GET /collected/health
--- more_headers eval: $::wanted
--- response_body_like eval
qr<^\{"status":"fail",.*"database:reachable":\[\{"componentType":"datastore","observedValue":false,"status":"fail","output":"\\"/nonexistent\\" cannot be opened[^}]*"\}\]>



=== TEST 8: a tag of its own, and 304 only for what is 200
--- http_config eval
"$::fast caphealth_threshold memory_percent warning=0 critical=0;"
--- config
    location = /health { caphealth_health; }
--- request eval
["HEAD /health", "HEAD /health"]
--- more_headers eval
["$::wanted\r\nIf-None-Match: *", "If-None-Match: *"]
--- error_code eval
[503, 304]
--- response_headers_like eval
['ETag: "[0-9a-f]+-[0-9a-f]{8}"', 'ETag: "[0-9a-f]+-[0-9a-f]{8}"']
--- response_headers eval
["Vary: Accept", "Vary: Accept"]



=== TEST 9: any other method, and who may ask, as before
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header   X-Client;
--- config
    location = /health { caphealth_health; }
--- request eval
["POST /health\nx", "GET /health"]
--- more_headers eval
[$::wanted, "$::wanted\r\nX-Client: 192.0.2.7"]
--- error_code eval
[405, 403]
--- response_headers eval
["Content-Type: application/problem+json",
 "Content-Type: application/problem+json"]



=== TEST 10: the capacity report does not depend on Accept
--- config
    location = /capacity { caphealth_capacity; }
--- request
GET /capacity
--- more_headers eval: $::wanted
--- response_headers
Content-Type: application/json
!Vary



=== TEST 11: gzip leaves both reasons to vary
--- config
    location = /health { gzip on; gzip_types application/json; gzip_vary on; caphealth_health; }
--- request
HEAD /health
--- more_headers
Accept-Encoding: gzip
--- response_headers_like
Content-Encoding: gzip
Vary: Accept.*
