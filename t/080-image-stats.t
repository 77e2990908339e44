# caphealth_image_stats: who may ask, how, and what an answer looks like.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

our $http = 'caphealth_image_root html/images; caphealth_state_dir html/state;';
our $number = qr/(?:\d+(?:\.\d+)?|null)/;

no_shuffle();
run_tests();

__DATA__

=== TEST 1: every field, known or not
--- http_config eval: $::http
--- config
    location = /stats { caphealth_image_stats; }
--- request
GET /stats
--- response_headers
Content-Type: application/json
Cache-Control: private, no-cache
--- response_body_like eval
qr<^\{"total_files":$::number,"total_size_mb":$::number,"total_size_gb":$::number,"max_files_per_dir":$::number,"products_estimated":$::number,"total_bytes":$::number,"max_files_dir":null,"incomplete_sets":$::number,"stray_files":$::number,"drift_files":$::number,"drift_bytes":$::number,"source":(?:null|"live"),"last_full_scan":(?:null|"[^"]+Z"),"error":null,"roots":\[\{"path":"[^"]+/html/images","source":.*,"total_files":.*"filesystem":\{.*\},"images_left":null,"error":null,"error_code":null,"missing_variants":(?:null|\{.*\})\}\],"timestamp":"[^"]+Z","error_code":null,"host":"[^"]+","version":"\d[^"]*","sources":\[\]\}\n$>
--- no_error_log
[error]
[alert]



=== TEST 2: no image root at all
--- config
    location = /stats { caphealth_image_stats; }
--- request
GET /stats
--- response_body_like: ^\{"total_files":null,.*"source":null,"last_full_scan":null,"error":null,"roots":\[\],
--- no_error_log
[error]
[alert]



=== TEST 3: HEAD
--- http_config eval: $::http
--- config
    location = /stats { caphealth_image_stats; }
--- request
HEAD /stats
--- response_headers
Content-Type: application/json
--- response_body



=== TEST 4: another method
--- http_config eval: $::http
--- config
    location = /stats { caphealth_image_stats; }
--- request
DELETE /stats
--- error_code: 405
--- response_headers
Allow: GET, HEAD



=== TEST 5: local clients only
--- http_config eval
"$::http set_real_ip_from 127.0.0.1; real_ip_header X-Client;"
--- config
    location = /stats { caphealth_image_stats; }
--- request
GET /stats
--- more_headers
X-Client: 192.0.2.7
--- error_code: 403
--- response_body_like: problem:not-local



=== TEST 6: takes no arguments
--- http_config eval: $::http
--- config
    location = /stats { caphealth_image_stats now; }
--- must_die
--- error_log
invalid number of arguments in "caphealth_image_stats" directive



=== TEST 7: not beside another handler
--- http_config eval: $::http
--- config
    location = /stats { caphealth_image_stats; caphealth_health; }
--- must_die
--- error_log
conflicts with another handler of this location
