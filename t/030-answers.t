# What every answer of a report has in common: headers, methods, conditions,
# protocol versions, subrequests.

use lib 't/lib';
use Caphealth;
use Test::Nginx::Socket 'no_plan';

our $uncollected = uncollected();

no_shuffle();
run_tests();

__DATA__

=== TEST 1: the headers of a report
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- response_headers_like
Content-Type: application/json
ETag: "[0-9a-f]+-[0-9a-f]{8}"
Cache-Control: private, no-cache
--- no_error_log
[error]



=== TEST 2: every field is there before anything is known, and nothing is 0
--- http_config eval: $::uncollected
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- response_body_like eval
qr/^\{"system":\{"cpu_percent":null,.*"overall_status":"unknown"/
--- no_error_log
[error]



=== TEST 3: HEAD
--- config
    location = /health { caphealth_health; }
--- request
HEAD /health
--- response_headers_like
Content-Type: application/json
Content-Length: [1-9]\d+
--- response_body:



=== TEST 4: any other method
--- config
    location = /health { caphealth_health; }
--- request
POST /health
key=value
--- error_code: 405
--- response_headers
Allow: GET, HEAD
Content-Type: application/problem+json
--- response_body
{"type":"urn:caphealth:problem:method-not-allowed","title":"Method not allowed","status":405,"detail":"This location can only be read. Use GET or HEAD."}
--- no_error_log
[error]



=== TEST 5: DELETE and OPTIONS, on one connection with what follows
--- config
    location = /health { caphealth_health; }
    location = /x { return 200 "x"; }
--- pipelined_requests eval
["DELETE /health", "OPTIONS /health", "GET /x"]
--- error_code eval
[405, 405, 200]



=== TEST 6: the body of a refused POST is not taken for the next request
--- config
    location = /health { caphealth_health; }
    location = /x { return 200 "x"; }
--- raw_request eval
"POST /health HTTP/1.1\r
Host: localhost\r
Content-Length: 21\r
\r
GET /smuggle HTTP/1.1GET /x HTTP/1.1\r
Host: localhost\r
Connection: close\r
\r
"
--- error_code: 405
--- no_error_log
[error]
smuggle HTTP



=== TEST 7: If-None-Match, any
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- more_headers
If-None-Match: *
--- error_code: 304
--- response_body:
--- response_headers
!Content-Type
!Content-Length
Cache-Control: private, no-cache



=== TEST 8: If-None-Match, another
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- more_headers
If-None-Match: "ffff-ffffffff"
--- response_body_like: "overall_status"



=== TEST 9: the capacity report has a tag of its own
--- config
    location = /health { caphealth_health; }
    location = /capacity { caphealth_capacity; }
--- request eval
["GET /capacity", "GET /capacity"]
--- more_headers eval
["", "If-None-Match: *"]
--- error_code eval
[200, 304]



=== TEST 10: HTTP/1.0
--- config
    location = /capacity { caphealth_capacity; }
--- request
GET /capacity HTTP/1.0
--- response_headers
Content-Type: application/json
Connection: close
--- response_body_like eval
qr/^\{"products_total":null,.*\}\n$/



=== TEST 11: keep-alive, several reports on one connection
--- config
    location = /health { caphealth_health; }
    location = /capacity { caphealth_capacity; }
--- pipelined_requests eval
["GET /health", "GET /capacity", "GET /health"]
--- error_code eval
[200, 200, 200]
--- no_error_log
[error]



=== TEST 12: as an auth_request subrequest, it lets through
--- config
    location = /health { caphealth_health; }
    location = /x { auth_request /health; empty_gif; }
--- request
GET /x
--- response_headers
Content-Type: image/gif
--- no_error_log
[error]



=== TEST 13: as an auth_request subrequest, it refuses
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header   X-Client;
--- config
    location = /health { caphealth_health; }
    location = /x { auth_request /health; empty_gif; }
--- request
GET /x
--- more_headers
X-Client: 192.0.2.7
--- error_code: 403



=== TEST 14: included by SSI
--- config
    location = /health { caphealth_health; }
    location = /capacity { caphealth_capacity; }
    location = /page.html { ssi on; }
--- user_files
>>> page.html
a<!--#include virtual="/health" -->b<!--#include virtual="/capacity" -->c
--- request
GET /page.html
--- response_body_like eval
qr/^a\{"system":.*\}\nb\{"products_total":.*\}\nc\n$/s
--- no_error_log
[error]



=== TEST 15: included by SSI in a page that is posted to
--- config
    location = /health { caphealth_health; }
    location = /page {
        ssi on;
        ssi_types *;
        return 200 'a<!--# include virtual="/health" -->b';
    }
--- request
POST /page
x=y
--- response_body_like eval
qr/^a\{"system":.*\}\nb$/s



=== TEST 16: after error_page, with its status and not as a 304
--- config
    location = /health { caphealth_health; }
    location = /x { return 503; error_page 503 /health; }
--- request
GET /x
--- more_headers
If-None-Match: *
--- error_code: 503
--- response_headers
Content-Type: application/json
--- response_body_like: "overall_status"



=== TEST 17: after error_page, a POST
--- config
    location = /health { caphealth_health; }
    location = /x { return 502; error_page 502 =200 /health; }
--- request
POST /x
key=value
--- response_body_like: "overall_status"



=== TEST 18: gzip makes the tag a weak one
--- config
    location = /health { gzip on; gzip_types application/json; caphealth_health; }
--- request
HEAD /health
--- more_headers
Accept-Encoding: gzip
--- response_headers_like
Content-Encoding: gzip
ETag: W/"[0-9a-f]+-[0-9a-f]{8}"



=== TEST 19: a range is not served of what changes all the time
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- more_headers
Range: bytes=0-3
--- error_code: 200
--- response_body_like: "overall_status"



=== TEST 20: a location with an "if", which has a configuration of its own
--- config
    location = /health { caphealth_health; if ($arg_x) { set $y 1; } }
    location = /ready { caphealth_probe ready; if ($arg_x) { set $y 1; } }
    location /admin { caphealth_dashboard; if ($arg_x) { set $y 1; } }
--- request eval
["GET /health?x=1", "GET /admin?x=1",
 "GET /ready?x=1&exclude=fresh&exclude=memory&exclude=disk"]
--- error_code eval
[200, 200, 200]
--- no_error_log
[alert]



=== TEST 21: the page is no part of another
--- config
    location = /ssi {
        ssi on; ssi_types *;
        return 200 'a<!--# include virtual="/admin/" -->z';
    }
    location /admin { caphealth_dashboard; }
    location = /health { caphealth_health; }
--- request
GET /ssi
--- response_body_like: ^a.*403 Forbidden.*z$
--- error_log
"caphealth_dashboard" takes no subrequests



=== TEST 22: each of the others, included, with an argument and after a POST
--- config
    location = /ssi {
        ssi on; ssi_types *;
        return 200 'a<!--# include virtual="/$arg_what?x=1" -->z';
    }
    location = /health { caphealth_health; }
    location = /capacity { caphealth_capacity; }
    location = /stats { caphealth_image_stats; }
    location = /metrics { caphealth_metrics; }
    location = /live { caphealth_probe live; }
    location = /upload { caphealth_image_upload; }
    caphealth_image_root $TEST_NGINX_SERVER_ROOT/images;
--- request eval
["GET /ssi?what=health", "GET /ssi?what=capacity", "GET /ssi?what=stats",
 "GET /ssi?what=metrics", "GET /ssi?what=live", "GET /ssi?what=upload",
 "POST /ssi?what=health\nkey=value"]
--- response_body_like eval
[qr/^a\{"system".*\}\s*z$/s, qr/^a\{"products_total".*\}\s*z$/s,
 qr/^a\{.*\}\s*z$/s, qr/^a# HELP .*z$/s, qr/^a.*z$/s, qr/^a.*403.*z$/s,
 qr/^a\{"system".*\}\s*z$/s]
--- no_error_log
[alert]



=== TEST 23: auth_request, add_before_body and mirror ask them
--- config
    location = /health { caphealth_health; }
    location = /live { caphealth_probe live; }
    location = /upload { caphealth_image_upload; }
    location /admin { caphealth_dashboard; }
    caphealth_image_root $TEST_NGINX_SERVER_ROOT/images;

    location = /asks/live { auth_request /live; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/ok; }
    location = /asks/health {
        auth_request /health; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/ok;
    }
    location = /asks/upload {
        auth_request /upload; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/ok;
    }
    location = /asks/admin {
        auth_request /admin; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/ok;
    }
    location = /before/health {
        addition_types *; add_before_body /health; add_after_body /live;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/ok;
    }
    location = /mirrors {
        mirror /health; mirror /upload; mirror /admin; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/ok;
    }
    location = /ok { return 200 "ok\n"; }
--- request eval
["GET /asks/live", "GET /asks/health", "GET /asks/upload", "GET /asks/admin",
 "GET /before/health", "GET /mirrors", "POST /mirrors\nkey=value",
 "HEAD /asks/health"]
--- error_code eval
[200, 200, 403, 403, 200, 200, 200, 200]
--- no_error_log
[alert]



=== TEST 24: each answer in JSON can be compressed, that of a HEAD says the same
--- http_config
    gzip on; gzip_vary on; gzip_min_length 0;
    gzip_types application/json application/health+json
               application/problem+json;
--- config
    location = /health { caphealth_health; }
    location = /capacity { caphealth_capacity; }
    location = /stats { caphealth_image_stats; }
--- request eval
["GET /health", "HEAD /health", "GET /capacity", "HEAD /capacity",
 "GET /stats", "HEAD /stats"]
--- more_headers
Accept-Encoding: gzip
--- response_headers_like eval
[("Content-Encoding: gzip\nETag: W/\"[0-9a-f-]+\"") x 6]
