# caphealth_access: an endpoint that someone forgot to protect is closed.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

# a client from elsewhere, as nginx sees it behind a balancer

our $elsewhere = <<'END';
    set_real_ip_from 127.0.0.1;
    real_ip_header   X-Client;
END

$ENV{TEST_NGINX_HTML_DIR} = html_dir();

no_shuffle();
run_tests();

__DATA__

=== TEST 1: local by default, a client on the loopback interface
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- response_headers
Content-Type: application/json
--- no_error_log
[error]



=== TEST 2: local, a client from elsewhere
--- http_config eval: $::elsewhere
--- config
    location = /health { caphealth_health; }
--- request
GET /health
--- more_headers
X-Client: 192.0.2.7
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like eval
qr/^\{"type":"urn:caphealth:problem:not-local","title":"Local clients only","status":403,"detail":"This location answers .* set \\"caphealth_access delegated\\" and protect/
--- error_log
access forbidden, "caphealth_access" is "local"



=== TEST 3: local, an IPv6 client from elsewhere
--- http_config eval: $::elsewhere
--- config
    location = /capacity { caphealth_capacity; }
--- request
GET /capacity
--- more_headers
X-Client: 2001:db8::1
--- error_code: 403
--- response_body_like: problem:not-local



=== TEST 4: local, the whole of 127.0.0.0/8, ::1 and what maps to it
--- http_config eval: $::elsewhere
--- config
    location = /health { caphealth_health; }
--- request eval
["GET /health", "GET /health", "GET /health", "GET /health"]
--- more_headers eval
["X-Client: 127.8.9.10", "X-Client: ::1", "X-Client: ::ffff:127.0.0.1",
 "X-Client: ::ffff:192.0.2.1"]
--- error_code eval
[200, 200, 200, 403]



=== TEST 5: local, a unix socket
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/health.sock;
        location = /health { caphealth_health; }
    }
--- config
    location = /health {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/health.sock;
    }
--- request
GET /health
--- response_body_like: "overall_status"
--- no_error_log
[error]



=== TEST 6: delegated, nobody is refused
--- http_config eval: $::elsewhere
--- config
    caphealth_access delegated;
    location = /health { caphealth_health; }
--- request
GET /health
--- more_headers
X-Client: 192.0.2.7
--- response_body_like: "overall_status"
--- no_error_log
[error]



=== TEST 7: delegated, allow and deny decide
--- http_config eval: $::elsewhere
--- config
    caphealth_access delegated;
    location = /health { allow 192.0.2.0/24; deny all; caphealth_health; }
--- request eval
["GET /health", "GET /health"]
--- more_headers eval
["X-Client: 192.0.2.7", "X-Client: 198.51.100.1"]
--- error_code eval
[200, 403]



=== TEST 8: delegated, auth_basic decides
--- config
    caphealth_access delegated;
    location = /health {
        auth_basic           "platform";
        auth_basic_user_file $TEST_NGINX_HTML_DIR/users;
        caphealth_health;
    }
--- user_files
>>> users
admin:{PLAIN}secret
--- request eval
["GET /health", "GET /health"]
--- more_headers eval
["", "Authorization: Basic YWRtaW46c2VjcmV0"]
--- error_code eval
[401, 200]



=== TEST 9: delegated, auth_request decides
--- config
    caphealth_access delegated;
    location = /health {
        auth_request /is-admin;
        caphealth_health;
    }
    location = /is-admin {
        internal;
        if ($cookie_session = "admin") { return 204; }
        return 403;
    }
--- request eval
["GET /health", "GET /health"]
--- more_headers eval
["Cookie: session=visitor", "Cookie: session=admin"]
--- error_code eval
[403, 200]



=== TEST 10: delegated for one location leaves the others closed
--- http_config eval: $::elsewhere
--- config
    location = /health { caphealth_access delegated; caphealth_health; }
    location = /capacity { caphealth_capacity; }
--- request eval
["GET /health", "GET /capacity"]
--- more_headers
X-Client: 192.0.2.7
--- error_code eval
[200, 403]
