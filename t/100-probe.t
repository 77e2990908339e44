# caphealth_probe: what is asked for, who may ask, and what an answer is like.

use lib 't/lib';
use Caphealth;
use Test::Nginx::Socket 'no_plan';

our $all = 'exclude=fresh&exclude=memory&exclude=disk';

# the text of /ready?verbose, once the collector has looked

our $collected = collected(also => ['/ready?verbose']);

our $fast = <<'END';
    caphealth_refresh 1s;
    caphealth_disk    /;
    caphealth_threshold cpu_percent    warning=100 critical=100;
    caphealth_threshold disk_percent   warning=100 critical=100;
END

our $calm = $fast . <<'END';
    caphealth_threshold memory_percent warning=100 critical=100;
END

$ENV{TEST_NGINX_SHOP} = shop('probe', 'INSERT INTO products VALUES (1, 1);');

no_shuffle();
run_tests();

__DATA__

=== TEST 1: live
--- config
    location = /live { caphealth_probe live; }
--- request
GET /live
--- response_headers
Content-Type: text/plain; charset=utf-8
Cache-Control: no-store
X-Content-Type-Options: nosniff
!ETag
!Age
--- response_body
ok
--- no_error_log
[error]



=== TEST 2: live, each check
--- config
    location = /live { caphealth_probe live; }
--- request eval
["GET /live?verbose", "GET /live?verbose=false&exclude=ping"]
--- response_body eval
["[+]ping ok\nlive check passed\n",
 "[+]ping excluded: ok\nlive check passed\n"]



=== TEST 3: HEAD
--- config
    location = /live { caphealth_probe live; }
    location = /ready { caphealth_probe ready; }
--- request eval
["HEAD /live", "HEAD /ready?$::all"]
--- response_headers eval
["Content-Length: 3", "Content-Length: 3"]
--- response_body eval
["", ""]
--- error_code eval
[200, 200]



=== TEST 4: any other method
--- config
    location = /live { caphealth_probe live; }
    location = /ready { caphealth_probe ready; }
--- request eval
["POST /live\nx", "DELETE /ready"]
--- error_code eval
[405, 405]
--- response_headers eval
["Allow: GET, HEAD\nContent-Type: application/problem+json",
 "Allow: GET, HEAD\nContent-Type: application/problem+json"]
--- no_error_log
[error]



=== TEST 5: local clients only, unless it is delegated
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header   X-Client;
--- config
    location = /live { caphealth_probe live; }
    location = /ready { caphealth_probe ready; }
    location = /open { caphealth_access delegated; caphealth_probe live; }
--- request eval
["GET /live", "GET /ready", "GET /open"]
--- more_headers
X-Client: 192.0.2.7
--- error_code eval
[403, 403, 200]



=== TEST 6: ready, once the collector has looked
--- http_config eval: $::calm
--- config eval
"$::collected location = /ready { caphealth_probe ready; }"
--- request
GET /collected/also
--- response_body_like eval
qr/^\[\+\]fresh ok\n\[\+\]memory ok\n\[\+\]disk ok\nready check passed\n$/
--- no_error_log
[error]
[alert]



=== TEST 7: not ready, what is critical and why, whether or not it is asked for
--- http_config eval
"$::fast caphealth_threshold memory_percent warning=0 critical=0;"
--- config
    location = /ready { caphealth_probe ready; }
--- request eval
["GET /ready", "GET /ready?exclude=fresh&exclude=disk"]
--- error_code eval
[503, 503]
--- response_headers eval
["Cache-Control: no-store\nContent-Type: text/plain; charset=utf-8",
 "Cache-Control: no-store\nContent-Type: text/plain; charset=utf-8"]
--- response_body_like eval
['^\[.\]fresh .*\[-\]memory failed: .*ready check failed\n$',
 '^\[\+\]fresh excluded: ok\n\[-\]memory failed: [^\n]+\n\[\+\]disk excluded: ok\nready check failed\n$']



=== TEST 8: the reason has the number, its unit and the bound
--- http_config eval
"$::fast caphealth_threshold memory_percent warning=0 critical=0.5;"
--- config eval
"$::collected location = /ready { caphealth_probe ready; }"
--- request
GET /collected/also
--- response_body_like eval
qr/\n\[-\]memory failed: \d+\.\d percent, critical from 0\.5 percent\n/



=== TEST 9: a warning does not fail
--- http_config eval
"$::fast caphealth_threshold memory_percent warning=0 critical=100;"
--- config eval
"$::collected location = /ready { caphealth_probe ready; }"
--- request
GET /collected/also
--- response_body_like eval
qr/\n\[\+\]memory ok: \d+\.\d percent, warning from 0 percent\n.*\nready check passed\n$/s



=== TEST 10: a database that is down does not fail it by default
--- http_config eval
"$::calm caphealth_database sqlite:/nonexistent;"
--- config eval
"$::collected location = /ready { caphealth_probe ready; }"
--- request
GET /collected/also
--- response_body_like eval
qr/^\[\+\]fresh ok\n\[\+\]memory ok\n\[\+\]disk ok\nready check passed\n$/



=== TEST 11: but where it is asked for
--- http_config eval
"$::calm caphealth_database sqlite:/nonexistent;"
--- config eval
"$::collected location = /ready { caphealth_probe ready fresh database products database_size; }"
--- request
GET /collected/also
--- response_body_like eval
qr/^\[\+\]fresh ok\n\[-\]database failed: "\/nonexistent" cannot be opened[^\n]+\n\[-\]products failed: [^\n]+\n\[-\]database_size failed: [^\n]+\nready check failed\n$/



=== TEST 12: a database that answers, and a number of it that is critical
--- http_config eval
"$::calm caphealth_database sqlite:\$TEST_NGINX_SHOP;
 caphealth_threshold products_total warning=1 critical=1 limit=9;"
--- config eval
"$::collected location = /ready { caphealth_probe ready database products; }"
--- request
GET /collected/also
--- response_body_like eval
qr/^\[\+\]database ok\n\[-\]products failed: 1 products, critical from 1 products\nready check failed\n$/



=== TEST 13: image trees are looked at where there are any
--- http_config eval
"$::calm caphealth_image_root html/images; caphealth_state_dir html/state;"
--- config
    location = /ready { caphealth_probe ready; }
--- request eval
"GET /ready?verbose&$::all&exclude=images"
--- response_body
[+]fresh excluded: ok
[+]memory excluded: ok
[+]disk excluded: ok
[+]images excluded: ok
ready check passed



=== TEST 14: exclude, what it does not know, and what it does not need
--- config
    location = /live { caphealth_probe live; }
    location = /ready { caphealth_probe ready; }
--- request eval
["GET /ready?$::all&exclude=cpus&exclude=database&verbose",
 "GET /live?verbose&exclude=&exclude=a%22%5c%0a%00&exclude=pin%67",
 "GET /live?exclude=x"]
--- response_body eval
["[+]fresh excluded: ok\n[+]memory excluded: ok\n[+]disk excluded: ok\n"
 . "warn: some health checks cannot be excluded: no matches for \"cpus\",\"database\"\n"
 . "ready check passed\n",
 "[+]ping excluded: ok\n"
 . "warn: some health checks cannot be excluded: no matches for \"\",\"a\\\"\\\\\\x0a?\"\n"
 . "live check passed\n",
 "ok\n"]
--- error_code eval
[200, 200, 200]



=== TEST 15: on one connection with others
--- config
    location = /live { caphealth_probe live; }
    location = /ready { caphealth_probe ready; }
    location = /x { return 200 "x"; }
--- pipelined_requests eval
["GET /live", "GET /ready?$::all", "GET /x"]
--- error_code eval
[200, 200, 200]



=== TEST 16: neither live nor ready
--- config
    location = /ready { caphealth_probe lives; }
--- must_die
--- error_log
unknown probe "lives", expected "live" or "ready"



=== TEST 17: no argument
--- config
    location = /ready { caphealth_probe; }
--- must_die
--- error_log
invalid number of arguments in "caphealth_probe" directive



=== TEST 18: live has no checks
--- config
    location = /live { caphealth_probe live database; }
--- must_die
--- error_log
"caphealth_probe" directive has checks for "ready" only, "live" takes none



=== TEST 19: an unknown check
--- config
    location = /ready { caphealth_probe ready fresh disks; }
--- must_die
--- error_log
unknown check "disks" of "caphealth_probe ready", expected "fresh", "cpu", "memory", "disk", "images", "database", "products" or "database_size"



=== TEST 20: a check twice
--- config
    location = /ready { caphealth_probe ready disk fresh disk; }
--- must_die
--- error_log
check "disk" of "caphealth_probe ready" is duplicate



=== TEST 21: a check of a database that is not there
--- config
    location = /ready { caphealth_probe ready fresh products; }
--- must_die
--- error_log eval
qr/check "products" of "caphealth_probe ready" in \S+nginx.conf:\d+ needs a "caphealth_database", add one or leave the check out/



=== TEST 22: a check of images that are not there
--- config
    location = /ready { caphealth_probe ready fresh images; }
--- must_die
--- error_log eval
qr/check "images" of "caphealth_probe ready" in \S+nginx.conf:\d+ needs a "caphealth_image_root", add one or leave the check out/



=== TEST 23: what comes later in the configuration counts too
--- config
    location = /ready { caphealth_probe ready images database; }
    location = /late { caphealth_image_root html/images; return 200; }
--- http_config
    caphealth_database  sqlite:$TEST_NGINX_SHOP;
    caphealth_state_dir html/state;
--- request
GET /ready?exclude=images&exclude=database
--- response_body
ok



=== TEST 24: twice in one location
--- config
    location = /ready { caphealth_probe ready; caphealth_probe ready; }
--- must_die
--- error_log
"caphealth_probe" directive is duplicate



=== TEST 25: both in one location
--- config
    location = /ready { caphealth_probe ready; caphealth_probe live; }
--- must_die
--- error_log
conflicts with another handler of this location
