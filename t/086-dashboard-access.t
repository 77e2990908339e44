# caphealth_dashboard: who may see what.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

our $health = 'location = /health { caphealth_health; }';

our $page = <<"END";
    $health
    location = /capacity { caphealth_capacity; }
    location /admin { caphealth_dashboard; }
END

our $elsewhere = <<'END';
    set_real_ip_from 127.0.0.1;
    real_ip_header   X-Client;
END

# the numbers of the health, or none of them

our $shown = qr/<article class="card" data-key="cpu"/;
our $hidden = qr/(?s)^(?!.*<article class="card" data-key="cpu")/;

$ENV{TEST_NGINX_HTML_DIR} = html_dir();

no_shuffle();
run_tests();

__DATA__

=== TEST 1: a client from elsewhere
--- http_config eval: $::elsewhere
--- config eval: $::page
--- request
GET /admin
--- more_headers
X-Client: 192.0.2.7
--- error_code: 403
--- response_body_like: problem:not-local



=== TEST 2: the page delegated, its data not
--- http_config eval: $::elsewhere
--- config eval
$::health . 'location /admin { caphealth_dashboard; caphealth_access delegated; }'
--- request
GET /admin
--- more_headers
X-Client: 192.0.2.7
--- response_body_like eval
qr/$::hidden.*You may not see the platform&#39;s health/s
--- no_error_log
[alert]



=== TEST 3: deny
--- config eval
'location = /health { caphealth_health; deny all; }
 location = /capacity { caphealth_capacity; }
 location /admin { caphealth_dashboard; }'
--- request
GET /admin
--- response_body_like eval
qr/$::hidden.*You may not see the platform&#39;s health: the server answered 403/s



=== TEST 4: auth_basic; with and without a password
--- config
    location = /health {
        caphealth_health;
        auth_basic platform;
        auth_basic_user_file $TEST_NGINX_HTML_DIR/users;
    }
    location /admin { caphealth_dashboard; }
--- user_files
>>> users
ann:{PLAIN}secret
--- request eval
["GET /admin", "GET /admin", "GET /admin"]
--- more_headers eval
["", "Authorization: Basic YW5uOnNlY3JldA==", "Authorization: Basic YW5uOndyb25n"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[qr/$::hidden.*You are not signed in for the platform&#39;s health/s, $::shown,
 qr/$::hidden.*You are not signed in for the platform&#39;s health/s]



=== TEST 5: auth_request, which takes a request of its own
--- config
    location = /yes { return 204; }
    location = /no { return 403; }
    location = /health {
        caphealth_health;
        auth_request /yes;
    }
    location = /capacity {
        caphealth_capacity;
        auth_request /no;
    }
    location /admin { caphealth_dashboard; }
--- request
GET /admin
--- response_body_like eval
qr/You may not see the platform&#39;s capacity.*$::shown/s
--- no_error_log
[alert]



=== TEST 6: auth_request fails
--- config
    location = /broken { return 500; }
    location = /health {
        caphealth_health;
        auth_request /broken;
    }
    location /admin { caphealth_dashboard; }
--- request
GET /admin
--- response_body_like eval
qr/$::hidden.*Cannot show the platform&#39;s health: the server answered 500/s



=== TEST 7: satisfy any
--- config
    satisfy any;
    location = /no { return 401; }
    location = /health {
        caphealth_health;
        auth_request /no;
        allow 127.0.0.1;
        deny all;
    }
    location = /capacity {
        caphealth_capacity;
        auth_request /no;
        deny all;
    }
    location /admin { caphealth_dashboard; allow all; }
--- request
GET /admin
--- response_body_like eval
qr/You are not signed in for the platform&#39;s capacity.*$::shown/s



=== TEST 8: the page's own rules come first
--- config eval
$::health . 'location /admin { caphealth_dashboard; deny all; }'
--- request
GET /admin
--- error_code: 403
--- error_log
access forbidden by rule



=== TEST 9: error_page of the page is not that of the questions
--- config
    error_page 403 = /sorry;
    location = /sorry { return 200 "sorry"; }
    location = /health { caphealth_health; deny all; }
    location /admin { caphealth_dashboard; }
--- request
GET /admin
--- response_body_like eval
qr/$::hidden.*You may not see the platform&#39;s health: the server answered 403/s



=== TEST 10: a rule that goes by a variable whose value nginx keeps
--- http_config
    map $uri $refused {
        default   "";
        /health   1;
    }
--- config
    if ($refused) { return 403; }
    location = /health { caphealth_health; }
    location /admin { caphealth_dashboard; }
--- request eval
["GET /health", "GET /admin"]
--- error_code eval
[403, 200]
--- response_body_like eval
[qr/403/, qr/$::hidden.*You may not see the platform&#39;s health/s]



=== TEST 11: an authorization service is told which location
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/auth.sock;

        location / {
            if ($http_x_original_uri = /capacity) { return 403; }
            return 204;
        }
    }
--- config
    location = /auth {
        internal;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/auth.sock;
        proxy_set_header X-Original-URI $request_uri;
    }
    auth_request /auth;
    location = /health { caphealth_health; }
    location = /capacity { caphealth_capacity; }
    location /admin { caphealth_dashboard; }
--- request
GET /admin
--- response_body_like eval
qr/You may not see the platform&#39;s capacity.*$::shown/s
--- no_error_log
[alert]



=== TEST 12: rules for a method
--- config
    location = /health { caphealth_health; }
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_url /images/;
        limit_except POST { deny all; }
    }
    location /admin { caphealth_dashboard; }
--- http_config
    caphealth_state_dir html/state;
--- request
GET /admin
--- response_body_like: <form id="upload"



=== TEST 13: what the server's name has told
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/named.sock;
        server_name ~^(?<who>[a-z]+)\.example$;

        location = /auth {
            if ($who != ann) { return 403; }
            return 204;
        }

        location = /health { caphealth_health; auth_request /auth; }
        location /admin { caphealth_dashboard; }
    }
--- config
    location /admin {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/named.sock;
        proxy_set_header Host ann.example;
    }
--- request
GET /admin
--- response_body_like eval: $::shown
