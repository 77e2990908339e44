# caphealth_metrics: who may ask, how, in which format.

use lib 't/lib';
use Caphealth;
use Test::Nginx::Socket 'no_plan';

our $images = 'caphealth_image_root html/images; caphealth_state_dir html/state;';
our $shop = shop('metrics', <<'END');
INSERT INTO vendors (name) VALUES ('a"b\c'), ('Zoë' || char(10) || 'x'),
    (CAST(x'41ff42' AS TEXT)), ('Zoë'), ('Zoë'),
    (printf('%.10000c', 'v'));
INSERT INTO products (vendor_id) VALUES (1), (1), (1), (1), (1), (1), (1),
    (2), (2), (2), (2), (2), (2), (3), (3), (3), (3), (3), (4), (4), (5), (5),
    (6), (6), (6), (NULL);
END

# the metrics, once the collector has had the time to look

our $collected = collected(cpu => 1) =~ s/caphealth_capacity/caphealth_metrics/r;

no_shuffle();
run_tests();

__DATA__

=== TEST 1: Prometheus's format, by default
--- config
    location = /metrics { caphealth_metrics; }
--- request
GET /metrics
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
Cache-Control: private, no-cache
Vary: Accept
! ETag
--- response_body_like eval
qr/\A# HELP caphealth_build_info The versions .*\n# TYPE caphealth_build_info gauge\ncaphealth_build_info\{version="[\d.]+",nginx_version="[\d.]+"\} 1\n(?:(?:# (?:HELP|TYPE) .*|[a-z_0-9]+(?:\{.*\})? [-+0-9.e]+)\n)+\z/
--- no_error_log
[error]
[alert]



=== TEST 2: OpenMetrics, for a client that would rather have it
--- config
    location = /metrics { caphealth_metrics; }
--- request
GET /metrics
--- more_headers
Accept: application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1
--- response_headers
Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8
Vary: Accept
--- response_body_like eval
qr/\A# HELP caphealth_build The .*\n# TYPE caphealth_build info\n.*\n# TYPE caphealth_status stateset\n.*\n# TYPE caphealth_collector_failures counter\n.*# EOF\n\z/s
--- no_error_log
[error]
[alert]



=== TEST 3: several lines of Accept are one
--- config
    location = /metrics { caphealth_metrics; }
--- request eval
["GET /metrics", "GET /metrics", "GET /metrics"]
--- more_headers eval
["Accept: text/plain;q=0.5\nAccept: application/openmetrics-text",
 "Accept: application/openmetrics-text;q=0.1\nAccept: text/plain;q=0.2",
 "Accept: application/openmetrics-text;q=\nAccept: text/html"]
--- response_headers eval
["Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8",
 "Content-Type: text/plain; version=0.0.4; charset=utf-8",
 "Content-Type: text/plain; version=0.0.4; charset=utf-8"]



=== TEST 4: HEAD
--- config
    location = /metrics { caphealth_metrics; }
--- request
HEAD /metrics
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
--- response_headers_like
Content-Length: [1-9]\d{3,}
--- response_body



=== TEST 5: another method
--- config
    location = /metrics { caphealth_metrics; }
--- request
POST /metrics
x
--- error_code: 405
--- response_headers
Allow: GET, HEAD
Content-Type: application/problem+json



=== TEST 6: local clients only
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header   X-Client;
--- config
    location = /metrics { caphealth_metrics; }
--- request
GET /metrics
--- more_headers
X-Client: 192.0.2.7
--- error_code: 403
--- response_body_like: problem:not-local



=== TEST 7: others, where it is delegated
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header   X-Client;
--- config
    location = /metrics { caphealth_access delegated; caphealth_metrics; }
--- request
GET /metrics
--- more_headers
X-Client: 192.0.2.7
--- response_body_like: ^# HELP caphealth_build_info



=== TEST 8: what is not known is absent, and its collector is not up
--- http_config
    caphealth_database sqlite:/nowhere/shop.db;
--- config eval: $::collected
--- request
GET /collected/capacity
--- response_body_like eval
qr/(?!.*caphealth_database_rows)(?!.*caphealth_vendor_products)caphealth_status\{caphealth_status="critical",status="critical"\} 1\n.*caphealth_collector_up\{collector="database"\} 0\n.*caphealth_collector_failures_total\{collector="database"\} [1-9].*caphealth_database_up 0\n/s



=== TEST 9: no uploads, no images, no database: no metrics of them
--- config
    location = /metrics { caphealth_metrics; }
--- request
GET /metrics
--- response_body_like eval
qr/\A(?!.*caphealth_(?:image_|converter_|database_|collector_up\{collector="database")).*caphealth_collector_restarts_total 0\n\z/s



=== TEST 10: uploads, counted from zero
--- http_config eval: $::images
--- config
    location = /metrics { caphealth_metrics; }
    location /upload    { caphealth_image_upload; }
--- request
GET /metrics
--- response_body_like eval
qr/caphealth_image_upload_requests_total\{result="stored"\} 0\n.*_requests_total\{result="queue-full"\} 0\n.*_requests_total\{result="client-closed-request"\} 0\n.*_bucket\{stage="receive",le="1.0"\} 0\n.*caphealth_image_upload_received_bytes_total 0\n.*caphealth_image_queue_jobs 0\n.*caphealth_converter_starts_total 0\n/s



=== TEST 11: refused uploads, by the reason
--- http_config eval: $::images
--- config
    location = /metrics { caphealth_metrics; }
    location /upload    { caphealth_image_upload; caphealth_image_delete on; }
--- request eval
["POST /upload\nnone", "POST /upload\nGIF89a", "POST /upload\n--x--",
 "DELETE /upload/1", "GET /upload", "GET /metrics"]
--- more_headers eval
["", "Sec-Fetch-Site: cross-site",
 "Content-Type: multipart/form-data; boundary=y", "", "", ""]
--- error_code eval
[415, 403, 400, 404, 405, 200]
--- response_body_like eval
[qr/unsupported-image/, qr/cross-site/, qr/malformed/, qr/no-such/, qr/POST/,
 qr/requests_total\{result="stored"\} 0\n.*requests_total\{result="malformed-multipart"\} 1\n.*\{result="cross-site"\} 1\n.*\{result="unsupported-image"\} 1\n.*\{result="internal-error"\} 0\n.*delete_requests_total\{result="deleted"\} 0\n.*delete_requests_total\{result="no-such-image"\} 1\n.*_count\{stage="receive"\} 2\n.*_count\{stage="publish"\} 0\n.*received_bytes_total 9\n.*written_bytes_total 0\n/s]



=== TEST 12: vendors, hostile names escaped, equal ones added up
--- http_config eval
"caphealth_database sqlite:$::shop; caphealth_metrics_vendors 5;"
--- config eval: $::collected
--- request
GET /collected/capacity
--- response_body_like eval
qr/# TYPE caphealth_vendor_products gauge\ncaphealth_vendor_products\{vendor="a\\"b\\\\c"\} 7\ncaphealth_vendor_products\{vendor="Zo\xc3\xab\\nx"\} 6\ncaphealth_vendor_products\{vendor="A\xef\xbf\xbdB"\} 5\ncaphealth_vendor_products\{vendor="Zo\xc3\xab"\} 4\ncaphealth_vendor_products\{vendor="v{10000}"\} 3\n#/
--- no_error_log
[error]
[alert]



=== TEST 13: no vendors by default
--- http_config eval
"caphealth_database sqlite:$::shop;"
--- config eval: $::collected
--- request
GET /collected/capacity
--- response_body_like eval
qr/\A(?!.*caphealth_vendor_products).*caphealth_database_rows\{table="vendors"\} 6\n/s



=== TEST 14: a number of vendors that is none
--- http_config
    caphealth_metrics_vendors some;
--- config
    location = /metrics { caphealth_metrics; }
--- must_die
--- error_log
in "caphealth_metrics_vendors" directive, it must be a number of vendors between 0 and 10000



=== TEST 15: more vendors than may be
--- http_config
    caphealth_metrics_vendors 10001;
--- config
    location = /metrics { caphealth_metrics; }
--- must_die
--- error_log
it must be a number of vendors between 0 and 10000



=== TEST 16: takes no arguments but "nodes"
--- config
    location = /metrics { caphealth_metrics openmetrics; }
--- must_die
--- error_log
invalid value "openmetrics" in "caphealth_metrics" directive, it must be "nodes", or left out



=== TEST 17: not beside another handler
--- config
    location = /metrics { caphealth_metrics; caphealth_health; }
--- must_die
--- error_log
conflicts with another handler of this location



=== TEST 18: compressed as any text is
--- http_config
    gzip on;
    gzip_types application/openmetrics-text;
--- config
    location = /metrics { caphealth_metrics; }
--- request
GET /metrics
--- more_headers
Accept: application/openmetrics-text
Accept-Encoding: gzip
--- response_headers
Content-Encoding: gzip
Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8



=== TEST 19: in a subrequest
--- config
    location = /metrics { caphealth_metrics; }
    location = /page {
        ssi on; ssi_types *;
        return 200 'a<!--# include virtual="/metrics" -->b';
    }
--- request
GET /page
--- response_body_like eval
qr/\Aa# HELP caphealth_build_info.*caphealth_collector_restarts_total 0\nb\z/s
