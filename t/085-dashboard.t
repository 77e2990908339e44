# caphealth_dashboard: its directives, its answers.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

our $health = 'location = /health { caphealth_health; }';

our $page = <<"END";
    $health
    location = /capacity { caphealth_capacity; }
    location /admin { caphealth_dashboard; }
END

our $shown = qr{data-health="/health".*accept="image/jpeg,image/[^{}"]+".*</html>}s;

no_shuffle();
run_tests();

__DATA__

=== TEST 1: an exact location
--- config eval
$::health . 'location = /admin { caphealth_dashboard; }'
--- must_die
--- error_log
"caphealth_dashboard" needs a location that is a prefix, as "location /admin/health": the page's files are served below it



=== TEST 2: a regular expression
--- config eval
$::health . 'location ~ ^/admin { caphealth_dashboard; }'
--- must_die
--- error_log
"caphealth_dashboard" needs a location that is a prefix



=== TEST 3: a named location
--- config eval
$::health . 'location @admin { caphealth_dashboard; }'
--- must_die
--- error_log
"caphealth_dashboard" needs a location that is a prefix



=== TEST 4: twice
--- config eval
$::health . 'location /admin { caphealth_dashboard; caphealth_dashboard; }'
--- must_die
--- error_log
"caphealth_dashboard" directive is duplicate



=== TEST 5: beside another handler
--- config eval
$::health . 'location /admin { caphealth_capacity; caphealth_dashboard; }'
--- must_die
--- error_log
"caphealth_dashboard" directive conflicts with another handler of this location



=== TEST 6: a parameter of another name
--- config eval
$::health . 'location /admin { caphealth_dashboard metrics=/metrics; }'
--- must_die
--- error_log
invalid parameter "metrics=/metrics" of "caphealth_dashboard", it may be "health=", "capacity=", "images=", "upload=", "history=" or "nodes="



=== TEST 7: a parameter twice
--- config eval
$::health . 'location /admin { caphealth_dashboard capacity=off capacity=/c; }'
--- must_die
--- error_log
duplicate "capacity" of "caphealth_dashboard"



=== TEST 8: not a path
--- config eval
$::health . 'location /admin { caphealth_dashboard health=http://x/health; }'
--- must_die
--- error_log
invalid "health=http://x/health" of "caphealth_dashboard", it must be the path of a location, as "health=/platform/health"



=== TEST 9: a path with arguments
--- config eval
$::health . 'location /admin { caphealth_dashboard health=/health?a=b; }'
--- must_die
--- error_log
invalid "health=/health?a=b" of "caphealth_dashboard"



=== TEST 10: the health cannot be left out
--- config eval
$::health . 'location /admin { caphealth_dashboard health=off; }'
--- must_die
--- error_log
invalid "health=off" of "caphealth_dashboard"



=== TEST 11: no health in this server
--- config
    location /admin { caphealth_dashboard; }
--- must_die
--- error_log eval
qr/"caphealth_dashboard" in .*nginx\.conf:\d+ finds no "caphealth_health" location in its server, add one/



=== TEST 12: a health in another server is none
--- http_config
    server {
        listen 127.0.0.1:1;
        location = /health { caphealth_health; }
    }
--- config
    location /admin { caphealth_dashboard; }
--- must_die
--- error_log
finds no "caphealth_health" location in its server, add one



=== TEST 13: several of them
--- config eval
$::health . '
    location = /other { caphealth_health; }
    location /admin { caphealth_dashboard; }'
--- must_die
--- error_log
finds several "caphealth_health" locations in its server, name one with "health="



=== TEST 14: a path without any such location
--- config eval
$::health . 'location /admin { caphealth_dashboard capacity=/capacity; }'
--- must_die
--- error_log eval
qr/"capacity=\/capacity" of "caphealth_dashboard" in .*nginx\.conf:\d+: there is no "caphealth_capacity" location in its server/



=== TEST 15: one of several, named; nested, and by a regular expression
--- config
    location = /other { caphealth_health; }
    location /platform {
        location ~ ^/platform/heal.h$ { caphealth_health; }
    }
    location /admin { caphealth_dashboard health=/platform/health; }
--- request
GET /admin
--- response_body_like: data-health="/platform/health"
--- no_error_log
[error]
[alert]



=== TEST 16: the data's own locations answer for their access rules
--- config
    location = /health { caphealth_health; deny all; }
    location = /capacity { caphealth_capacity; internal; }
    location /admin { caphealth_dashboard; }
--- request eval
["GET /admin", "GET /health", "GET /capacity"]
--- error_code eval
[200, 403, 404]
--- response_body_like eval
[$::shown, qr/403/, qr/404/]



=== TEST 17: links
--- config eval
$::page . '
    caphealth_dashboard_link "Orders & more" /admin/orders?x=1&y=2;
    caphealth_dashboard_link Wiki https://wiki.example.com/;'
--- request
GET /admin
--- response_body_like eval
qr{<a href="/admin/orders\?x=1&amp;y=2">Orders &amp; more</a>.*<a href="https://wiki\.example\.com/">Wiki</a>}s



=== TEST 18: a link without a title
--- config eval
$::page . 'caphealth_dashboard_link "" /orders;'
--- must_die
--- error_log
"caphealth_dashboard_link" needs a title that is not empty



=== TEST 19: a link that is a script
--- config eval
$::page . 'caphealth_dashboard_link Run javascript:alert(1);'
--- must_die
--- error_log
invalid URL "javascript:alert(1)" of "caphealth_dashboard_link", it must begin with "/", "http://" or "https://", and what is special in a URL must be escaped



=== TEST 20: a link to another host by mistake
--- config eval
$::page . 'caphealth_dashboard_link Shop //shop/;'
--- must_die
--- error_log
invalid URL "//shop/" of "caphealth_dashboard_link"



=== TEST 21: a title that is no UTF-8
--- config eval
$::page . "caphealth_dashboard_link \"caf\xe9\" /cafe;"
--- must_die
--- error_log
UTF-8



=== TEST 22: links are inherited where there are none
--- http_config
    caphealth_dashboard_link Outer /outer;
--- config
    location = /health { caphealth_health; }
    location /one { caphealth_dashboard; }
    location /two { caphealth_dashboard; caphealth_dashboard_link Inner /inner; }
--- request eval
["GET /one", "GET /two"]
--- response_body_like eval
[qr/>Outer</, qr/(?s)^(?!.*Outer).*>Inner</]



=== TEST 23: the page
--- config eval: $::page
--- request
GET /admin
--- response_headers
Content-Type: text/html; charset=utf-8
Cache-Control: private, no-cache
X-Content-Type-Options: nosniff
X-Frame-Options: SAMEORIGIN
Referrer-Policy: same-origin
Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'
--- response_body_like eval
qr{^<!DOCTYPE html>.*<html lang="en" data-refresh="\d+" data-health="/health"\s+data-capacity="/capacity" data-images=""\s+data-upload="".*</html>}s
--- no_error_log
[error]
[alert]



=== TEST 24: with a slash, and with arguments
--- config eval: $::page
--- request eval
["GET /admin/", "GET /admin?a=b"]
--- error_code eval
[200, 200]
--- response_body_like eval
[$::shown, $::shown]



=== TEST 25: below a location that ends with a slash
--- config eval
$::health . 'location /admin/ { caphealth_dashboard; }'
--- request
GET /admin/
--- response_body_like: <link rel="stylesheet" href="/admin/[0-9a-f]{16}/page.css">



=== TEST 26: a location's name that must be escaped
--- config eval
$::health . 'location "/ad min" { caphealth_dashboard; }'
--- request
GET /ad%20min
--- response_body_like: href="/ad%20min/[0-9a-f]{16}/page.css"



=== TEST 27: HEAD
--- config eval: $::page
--- request
HEAD /admin
--- response_headers
Content-Type: text/html; charset=utf-8
--- response_body



=== TEST 28: another method
--- config eval: $::page
--- request
POST /admin
--- error_code: 405
--- response_headers
Allow: GET, HEAD
Content-Type: application/problem+json
--- response_body_like: problem:method-not-allowed



=== TEST 29: no such file, and one of another version
--- config eval: $::page
--- request eval
["GET /admin/page.css", "GET /admin/0123456789abcdef/page.css",
 "GET /administration", "GET /admin/../admin/x"]
--- error_code eval
[404, 404, 404, 404]
--- response_body_like eval
[(qr/problem:no-such-file.*Load the page again/) x 4]



=== TEST 30: the page is kept, and asked for again
--- config eval: $::page
--- request
GET /admin
--- more_headers
If-None-Match: *
--- error_code: 304
--- response_headers_like
ETag: "[0-9a-f]{8}"



=== TEST 31: photos of another origin
--- config
    location = /health { caphealth_health; }
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_url https://cdn.example.com/shop/;
    }
    location /admin { caphealth_dashboard; }
--- http_config
    caphealth_state_dir html/state;
--- request
GET /admin
--- response_headers_like
Content-Security-Policy: .*img-src 'self' https://cdn\.example\.com;.*



=== TEST 32: a query of a client is not in the page
--- config eval: $::page
--- request
GET /admin?<script>alert(1)</script>
--- response_body_like eval
qr/(?s)^(?!.*alert\(1\))/
--- error_code: 200



=== TEST 33: pipelined, and gzipped
--- config eval: $::page . 'gzip on; gzip_min_length 0;'
--- pipelined_requests eval
["GET /admin", "GET /health", "GET /admin"]
--- response_body_like eval
[$::shown, qr/^\{"system"/, $::shown]
--- no_error_log
[alert]



=== TEST 34: nothing of the configuration becomes HTML
--- config
    location = "/a&<b>" { caphealth_health; }
    location "/ad\"min" {
        caphealth_dashboard;
        caphealth_dashboard_link "<script>" "/a?b=1&c='x'";
    }
--- request
GET /ad%22min
--- response_body_like eval
qr{data-health="/a&amp;%3Cb%3E".*href="/ad%22min/[0-9a-f]{16}/page\.css".*<a href="/a\?b=1&amp;c='x'">&lt;script&gt;</a>}s



=== TEST 35: a client from elsewhere
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header   X-Client;
--- config eval: $::page
--- request
GET /admin
--- more_headers
X-Client: 192.0.2.7
--- error_code: 403
--- response_body_like: problem:not-local



=== TEST 36: the history is any location that is named
--- config eval
$::health . '
    location /past { return 204; }
    location /admin { caphealth_dashboard history=/past; }
    location /other { caphealth_dashboard history=off; }
    location /plain { caphealth_dashboard; }'
--- request eval
["GET /admin", "GET /other", "GET /plain"]
--- response_body_like eval
[qr{data-history="/past"}, qr{data-history=""}, qr{data-history=""}]



=== TEST 37: what the uploads' location takes, and whether it deletes
--- config eval
$::health . '
    location /images {
        client_max_body_size   7m;
        caphealth_image_upload;
        caphealth_image_root   images;
        caphealth_image_url    /media/;
        caphealth_image_delete on;
    }
    location /admin { caphealth_dashboard; }
    location /other { caphealth_dashboard upload=off; }'
--- request eval
["GET /admin", "GET /other"]
--- response_body_like eval
[qr{data-upload-max="7340032"\s+data-upload-delete="on"},
 qr{data-upload-max=""\s+data-upload-delete=""}]



=== TEST 38: a history is found by itself, if there is a single one
--- config eval
$::health . '
    location = /history { caphealth_history; }
    location /admin { caphealth_dashboard; }
    location /other { caphealth_dashboard history=off; }'
--- request eval
["GET /admin", "GET /other"]
--- response_body_like eval
[qr{data-history="/history"}, qr{data-history=""}]



=== TEST 39: so are the nodes
--- config eval
$::health . '
    location = /nodes { caphealth_nodes; }
    location /admin { caphealth_dashboard; }
    location /other { caphealth_dashboard nodes=off; }'
--- request eval
["GET /admin", "GET /other"]
--- response_body_like eval
[qr{data-nodes="/nodes"}, qr{data-nodes=""}]



=== TEST 40: nodes that are named, and are not there
--- config eval
$::health . 'location /admin { caphealth_dashboard nodes=/nodes; }'
--- must_die
--- error_log
there is no "caphealth_nodes" location in its server
