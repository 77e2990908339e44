# caphealth_nodes, and what else there is of a fleet, where none is configured.

use lib 't/lib';
use Caphealth;
use Test::Nginx::Socket 'no_plan';

# the reports, once the collector has looked

our $collected = collected();

# a client from elsewhere, as nginx sees it behind a balancer

our $elsewhere = <<'END';
    set_real_ip_from 127.0.0.1;
    real_ip_header   X-Client;
END

no_shuffle();
run_tests();

__DATA__

=== TEST 1: no fleet, a problem that says how to have one
--- config
    location = /nodes { caphealth_nodes; }
--- request
GET /nodes
--- error_code: 404
--- response_headers
Content-Type: application/problem+json
--- response_body
{"type":"urn:caphealth:problem:no-fleet","title":"No fleet","status":404,"detail":"This node does not belong to a fleet. To add it to one, set \"caphealth_fleet\"."}
--- no_error_log
[error]
[alert]



=== TEST 2: other methods
--- config
    location = /nodes { caphealth_nodes; }
--- request
POST /nodes
--- error_code: 405
--- response_headers
Allow: GET, HEAD
--- response_body_like: problem:method-not-allowed



=== TEST 3: closed to others by default
--- http_config eval: $::elsewhere
--- config
    location = /nodes { caphealth_nodes; }
--- request
GET /nodes
--- more_headers
X-Client: 192.0.2.7
--- error_code: 403
--- response_body_like: problem:not-local
--- error_log
access forbidden, "caphealth_access" is "local"



=== TEST 4: within if and limit_except
--- config
    location = /nodes {
        caphealth_nodes;

        if ($arg_a) {
            set $b 1;
        }

        limit_except GET { deny all; }
    }
--- request
GET /nodes?a=1
--- error_code: 404
--- response_body_like: problem:no-fleet



=== TEST 5: twice
--- config
    location = /nodes { caphealth_nodes; caphealth_nodes; }
--- must_die
--- error_log
"caphealth_nodes" directive is duplicate



=== TEST 6: an argument
--- config
    location = /nodes { caphealth_nodes 10; }
--- must_die
--- error_log
invalid number of arguments in "caphealth_nodes" directive



=== TEST 7: beside another endpoint
--- config
    location = /nodes { caphealth_nodes; caphealth_health; }
--- must_die
--- error_log
"caphealth_health" directive conflicts with another handler of this location



=== TEST 8: the reports have nothing of it
--- config eval: $::collected
--- request eval
["GET /collected/health", "GET /collected/capacity"]
--- response_body_unlike eval
["fleet", "fleet"]
--- no_error_log
[error]



=== TEST 9: nor have the metrics, asked for each node
--- config
    location = /metrics { caphealth_metrics nodes; }
--- request
GET /metrics
--- response_body_unlike: fleet
--- no_error_log
[error]
[alert]



=== TEST 10: $caphealth_fleet_status, without an endpoint
--- config
    location = /s { return 200 "$caphealth_fleet_status"; }
--- request
GET /s
--- response_body: not_configured
--- no_error_log
[error]
[alert]
