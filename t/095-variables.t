# The variables: the status for decisions, what became of uploads for the log,
# the signature of a request to an object store.

use lib 't/lib';
use Caphealth;
use Test::Nginx::Socket 'no_plan';

# the log, where it can be looked for: among the errors.  A request that is
# followed by another has been logged when that one is answered

our $format = <<'END';
    log_format note '[note] id="$caphealth_image_id" result="$caphealth_image_result" seconds="$caphealth_image_seconds" status="$caphealth_status"';
END

our $uncollected = uncollected();

our $images = "$format caphealth_image_root html/images; caphealth_state_dir html/state;";

our $log = 'access_log logs/error.log note;';

our $upload = "location /upload { $log caphealth_image_upload; caphealth_image_delete on;";

# the status and the report, once the collector has looked

our $collected = collected(also => ['/s', '/health'])
    . 'location = /s { return 200 "$caphealth_status "; }';

# a white pixel

our $png = pack 'H*', '89504e470d0a1a0a0000000d49484452000000010000000108000000'
    . '003a7e9b550000000a49444154789c63f80f0001010100b138f61400'
    . '00000049454e44ae426082';

# a location that asks an object store, which is this server itself, and says
# what it was asked

our $store = 'caphealth_image_store s3://shop/images region=eu-central-1 '
    . 'endpoint=https://s3.example.com:8443 credentials=../html/s3';

our $media = <<'END';
    location /media/ {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT$caphealth_s3_uri;
        proxy_set_header Host                 $caphealth_s3_host;
        proxy_set_header Authorization        $caphealth_s3_authorization;
        proxy_set_header X-Amz-Date           $caphealth_s3_date;
        proxy_set_header X-Amz-Security-Token $caphealth_s3_token;
    }

    location ~ ^/(?:shop|images)/ {
        return 200 "$request_method $request_uri $http_host $http_authorization date=$http_x_amz_date token=$http_x_amz_security_token";
    }

    location /v { return 200 "<$caphealth_s3_uri$caphealth_s3_authorization>"; }
END

our $credentials = ">>> s3\n[default]\naws_access_key_id = AKIDEXAMPLE\n"
    . "aws_secret_access_key = secret\n";

our $image = '01/23/0123456789abcdef0123456789abcdef_800.webp';

no_shuffle();
run_tests();

__DATA__

=== TEST 1: unknown, as long as nothing has been looked at; no endpoint is needed
--- http_config eval: $::uncollected
--- config
    location = /s { return 200 "$caphealth_status"; }
--- request
GET /s
--- response_body: unknown
--- no_error_log
[error]
[alert]



=== TEST 2: the status, from any location
--- http_config
    caphealth_threshold memory_percent warning=0 critical=0;
--- config eval
$::collected
--- request
GET /collected/also
--- response_body_like: ^critical 



=== TEST 3: the same that the health report says
--- http_config
    caphealth_threshold memory_percent warning=0 critical=100;
    caphealth_threshold disk_percent   warning=100 critical=100;
    caphealth_threshold cpu_percent    off;
--- config eval
$::collected
--- request
GET /collected/also
--- response_body_like: ^(degraded|critical) .*"overall_status":"\1"



=== TEST 4: in map and in if
--- http_config eval
$::uncollected . 'map $caphealth_status $closed {
    volatile;
    default 0;
    unknown 1;
}'
--- config
    location = /m { return 200 "$closed"; }
    location = /i {
        if ($caphealth_status = unknown) { return 503 "later"; }
        return 200 "now";
    }
--- request eval
["GET /m", "GET /i"]
--- error_code eval
[200, 503]
--- response_body eval
["1", "later"]



=== TEST 5: nothing of an upload where there is none
--- config
    location = /v {
        return 200 "<$caphealth_image_id$caphealth_image_result$caphealth_image_seconds>";
    }
--- request
GET /v
--- response_body: <>



=== TEST 6: nothing of an upload in the log of another request
--- http_config eval: $::format . $::uncollected
--- config eval
"location = /v { $::log return 200; }"
--- request
GET /v
--- wait: 0.3
--- error_log
[note] id="-" result="-" seconds="-" status="unknown"



=== TEST 7: an upload that is stored
--- http_config eval: $::images
--- config eval
"$::upload }"
--- request eval
"POST /upload\n$::png\n"
--- error_code: 201
--- response_body_like eval
qr/"id"/
--- wait: 0.3
--- error_log eval
[qr/\[note\] id="[0-9a-f]{32}" result="stored" seconds="\d+\.\d{3}" status="\w+"/]



=== TEST 8: several images: all of their ids
--- http_config eval: $::images
--- config eval
"$::upload }"
--- request eval
"POST /upload\n" . CORE::join('', map { "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n$::png\r\n" } 1 .. 3) . "--b--\r\n\n"
--- more_headers eval
"Content-Type: multipart/form-data; boundary=b"
--- error_code: 201
--- wait: 0.3
--- error_log eval
[qr/\[note\] id="[0-9a-f]{32},[0-9a-f]{32},[0-9a-f]{32}" result="stored" seconds="\d+\.\d{3}"/]



=== TEST 9: in headers of the answer
--- http_config eval: $::images
--- config eval
"$::upload add_header X-Id \$caphealth_image_id always;
 add_header X-Result \$caphealth_image_result always; }"
--- request eval
["POST /upload\n$::png\n", "POST /upload\nnone"]
--- error_code eval
[201, 415]
--- response_headers_like eval
["X-Id: [0-9a-f]{32}\nX-Result: stored", "X-Result: unsupported-image"]



=== TEST 10: one that is refused, by the name of its problem
--- http_config eval: $::images
--- config eval
"$::upload }"
--- request eval
"POST /upload\nnone"
--- error_code: 415
--- wait: 0.3
--- error_log eval
[qr/\[note\] id="-" result="unsupported-image" seconds="\d+\.\d{3}"/]



=== TEST 11: before its body is read
--- http_config eval: $::images
--- config eval
"$::upload }"
--- request eval
"POST /upload\nnone"
--- more_headers eval
"Sec-Fetch-Site: cross-site"
--- error_code: 403
--- wait: 0.3
--- error_log
[note] id="-" result="cross-site" seconds="-"



=== TEST 12: another method is no upload
--- http_config eval: $::images
--- config eval
"$::upload }"
--- request eval
"PUT /upload\nnone"
--- error_code: 405
--- wait: 0.3
--- error_log
[note] id="-" result="-" seconds="-"



=== TEST 13: a DELETE, and its id
--- http_config eval: $::images
--- config eval
"$::upload }"
--- request eval
"DELETE /upload/0123456789abcdef0123456789abcdef"
--- error_code: 404
--- wait: 0.3
--- error_log eval
[qr/\[note\] id="0123456789abcdef0123456789abcdef" result="no-such-image" seconds="\d+\.\d{3}"/]



=== TEST 14: evaluated too early, right in the log nevertheless
--- http_config eval
"$::images map \$caphealth_image_result \$kept { volatile; default 0; '' 1; stored 2; }"
--- config eval
"$::upload
 if (\$caphealth_image_result = stored) { return 500; }
 if (\$caphealth_image_id) { return 500; }
 set \$early \$caphealth_image_seconds;
 add_header X-Kept \$kept;
 }"
--- request eval
"POST /upload\n$::png\n"
--- error_code: 201
--- response_headers eval
["X-Kept: 2", ""]
--- wait: 0.3
--- error_log eval
[qr/\[note\] id="[0-9a-f]{32}" result="stored" seconds="\d+\.\d{3}"/]



=== TEST 15: a client from elsewhere
--- http_config eval
"$::images set_real_ip_from 127.0.0.1; real_ip_header X-Client;"
--- config eval
"$::upload }"
--- request eval
"POST /upload\nnone"
--- more_headers eval
["X-Client: 192.0.2.7", ""]
--- error_code: 403
--- wait: 0.3
--- error_log
[note] id="-" result="not-local" seconds="-"



=== TEST 16: the name of a variable that is not ours
--- config
    location = /v { return 200 "$caphealth_nothing"; }
--- must_die
--- error_log
unknown "caphealth_nothing" variable



=== TEST 17: a request to an object store is signed
--- http_config eval: "$::store;"
--- config eval: $::media
--- user_files eval: $::credentials
--- request eval: "GET /media/$::image?a=b"
--- response_body_like eval
qr{^GET /shop/images/$::image s3\.example\.com:8443 AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-central-1/s3/aws4_request, ?SignedHeaders=host;x-amz-content-sha256;x-amz-date, ?Signature=[0-9a-f]{64} date=\d{8}T\d{6}Z token=$}



=== TEST 18: the bucket in the host's name; the token of a session is signed, too
--- http_config eval: "$::store style=virtual;"
--- config eval: $::media
--- user_files eval: $::credentials . "aws_session_token = session\n"
--- request eval: "GET /media/old/$::image"
--- response_body_like eval
qr{^GET /images/$::image shop\.s3\.example\.com:8443 .*SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, .* token=session$}



=== TEST 19: nothing else than an image is
--- http_config eval: "$::store;"
--- config eval: $::media
--- user_files eval: $::credentials
--- request eval
["GET /v", "GET /v/", "GET /v/01/23/", "GET /v/?list-type=2",
 "GET /v/02/23/0123456789abcdef0123456789abcdef_800.webp",
 "GET /v/01/23/0123456789abcdef0123456789abcdef_800.png",
 "GET /v/01/23/0123456789abcdef0123456789abcdef_800.webp/",
 "GET /v/$::image"]
--- response_body_like eval
["^<>\$", "^<>\$", "^<>\$", "^<>\$", "^<>\$", "^<>\$", "^<>\$",
 "^</shop/images/01/23/.*Signature="]



=== TEST 20: nothing where there is no store
--- config
    location = /v {
        return 200 "<$caphealth_s3_uri$caphealth_s3_host$caphealth_s3_date$caphealth_s3_token$caphealth_s3_authorization>";
    }
--- request
GET /v
--- response_body: <>
