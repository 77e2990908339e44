# Uploads: what is taken, what is answered, what is refused and how.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

use Caphealth::Broken qw(chunk png);
use Compress::Zlib qw(compress);

# 40 by 30 grey pixels, and forms of them

our $image = png(40, 30, [ 8, 0 ], chunk('IDAT', compress("\0" x 41 x 30)));

sub part {
    my ($disposition, $bytes) = @_;

    return "--b\r\nContent-Disposition: form-data; $disposition\r\n\r\n"
           . "$bytes\r\n";
}

our $one = part('name="f"; filename="a.png"', $image);
our $end = "--b--";
our $form = 'Content-Type: multipart/form-data; boundary=b';

our $moving = `convert -delay 5 -size 2x2 xc:red xc:blue gif:-`;

our $root = 'caphealth_image_root html/images; caphealth_state_dir html/state;';

our $http = "$root caphealth_image_url /media/;";

no_shuffle();
run_tests();

__DATA__

=== TEST 1: an image as it is
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n$::image"
--- error_code: 201
--- response_headers
Content-Type: application/json
--- response_headers_like
Location: (?:http://localhost:\d+)?/media/([0-9a-f]{2})/([0-9a-f]{2})/\1\2[0-9a-f]{28}_original\.webp
--- response_body_like eval
qr{^\{"images":\[\{"id":"(..)(..)(.{28})","format":"png","width":40,"height":30,"bytes":@{[ length $::image ]},"sha256":"[0-9a-f]{64}","variants":\{"original":\{"url":"/media/\1/\2/\1\2\3_original.webp","width":40,"height":30,"bytes":\d+,"format":"webp"\},"800":\{"url":"/media/\1/\2/\1\2\3_800.webp","width":40,"height":30,"bytes":\d+,"format":"webp"\},"200":\{"url":"/media/\1/\2/\1\2\3_200.webp","width":40,"height":30,"bytes":\d+,"format":"webp"\}\},"srcset":\{"webp":"/media/\1/\2/\1\2\3_original.webp 40w"\},"colour":"#000000","thumbhash":"AAgCBYAAAAAAAAAAAAAAAAAAAAAA"\}\]\}\n?$}
--- no_error_log
[error]
[alert]



=== TEST 2: a form of two files and a field; no Location
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n" . ::part('name="vendor"', 'Example') . $::one x 2 . $::end
--- more_headers eval: $::form
--- error_code: 201
--- response_headers
!Location
--- response_body_like: ^\{"images":\[\{"id".*\},\{"id".*\}\]\}\n?$
--- no_error_log
[error]



=== TEST 3: a form of one file has a Location
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n" . $::one . $::end
--- more_headers eval: $::form
--- error_code: 201
--- response_headers_like
Location: (?:http://localhost:\d+)?/media/.*_original\.webp



=== TEST 4: a type that lies, and a name that does
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n$::image"
--- more_headers
Content-Type: image/jpeg
--- error_code: 201
--- response_body_like: "format":"png"



=== TEST 5: a chunked body
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- raw_request eval
"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
. "Transfer-Encoding: chunked\r\n\r\n"
. "a\r\n" . substr($::image, 0, 10) . "\r\n"
. sprintf("%x\r\n", length($::image) - 10) . substr($::image, 10)
. "\r\n0\r\n\r\n"
--- error_code: 201
--- response_body_like: "format":"png"
--- no_error_log
[error]



=== TEST 6: a body that is larger than its buffer
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; client_body_buffer_size 32; }
--- request eval
"POST /upload\n" . $::one x 3 . $::end
--- more_headers eval: $::form
--- error_code: 201
--- no_error_log
[error]



=== TEST 7: a body in a file, as the operator wants it
--- http_config eval: $::http
--- config
    location = /upload {
        caphealth_image_upload;
        client_body_in_file_only clean;
    }
--- request eval
"POST /upload\n$::image"
--- error_code: 201
--- no_error_log
[error]



=== TEST 8: HTTP/1.0
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload HTTP/1.0\n$::image"
--- error_code: 201
--- response_body_like: "format":"png"



=== TEST 9: other variants, the whole one first, each in its size
--- http_config eval: $::http
--- config
    caphealth_image_variant small max=20 quality=50 method=0;
    caphealth_image_variant full  method=0;
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n$::image"
--- error_code: 201
--- response_headers_like
Location: (?:http://localhost:\d+)?/media/.*_full\.webp
--- response_body_like: "variants":\{"full":\{"url":"/media/[^"]*_full.webp","width":40,"height":30,"bytes":\d+,"format":"webp"\},"small":\{"url":"[^"]*_small.webp","width":20,"height":15,"bytes":\d+,"format":"webp"\}\},"srcset":\{"webp":"[^"]*"\},"colour":"#[0-9a-f]{6}","thumbhash":"[^"]*"\}\]



=== TEST 10: the prefix of a CDN
--- http_config eval: "$::root caphealth_image_url https://cdn.example.com/i;"
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n$::image"
--- error_code: 201
--- response_headers_like
Location: https://cdn\.example\.com/i/.*_original\.webp
--- response_body_like: "url":"https://cdn.example.com/i/../../[^"]*_800.webp"



=== TEST 11: other methods, without DELETE
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
["GET /upload", "HEAD /upload", "PUT /upload\nx", "DELETE /upload",
 "OPTIONS /upload"]
--- error_code eval
[405, 405, 405, 405, 405]
--- response_headers eval
["Allow: POST", "Allow: POST", "Allow: POST", "Allow: POST", "Allow: POST"]
--- response_body_like eval
["problem:method-not-allowed.*POST one as it is", "",
 "problem:method-not-allowed", "problem:method-not-allowed",
 "problem:method-not-allowed"]
--- no_error_log
[error]



=== TEST 12: other methods, with DELETE
--- http_config eval: $::http
--- config
    location /upload { caphealth_image_upload; caphealth_image_delete on; }
--- request eval
["GET /upload", "PATCH /upload/x\nx"]
--- error_code eval
[405, 405]
--- response_headers eval
["Allow: POST, DELETE", "Allow: POST, DELETE"]



=== TEST 13: DELETE of what is not there, and of what is no id
--- http_config eval: $::http
--- config
    location /upload { caphealth_image_upload; caphealth_image_delete on; }
--- request eval
["DELETE /upload/0123456789abcdef0123456789abcdef", "DELETE /upload/x",
 "DELETE /upload/", "DELETE /upload/..%2f..%2fetc%2fpasswd",
 "DELETE /upload/0123456789ABCDEF0123456789ABCDEF"]
--- error_code eval
[404, 404, 404, 400, 404]
--- response_body_like eval
["problem:no-such-image", "problem:no-such-image", "problem:no-such-image",
 "400 Bad Request", "problem:no-such-image"]
--- no_error_log
[alert]
[crit]



=== TEST 14: a page of another site
--- http_config eval: $::http
--- config
    location /upload { caphealth_image_upload; caphealth_image_delete on; }
--- request eval
["POST /upload\n$::image", "DELETE /upload/0123456789abcdef0123456789abcdef",
 "POST /upload\n$::image", "POST /upload\n$::image", "POST /upload\n$::image"]
--- more_headers eval
["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: cross-site",
 "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: same-site",
 "Sec-Fetch-Site: none"]
--- error_code eval
[403, 403, 201, 201, 201]
--- response_body_like eval
["problem:cross-site.*page of another site", "problem:cross-site", "images",
 "images", "images"]



=== TEST 15: local by default
--- http_config eval: "$::http set_real_ip_from 127.0.0.1; real_ip_header X-Client;"
--- config
    location = /upload { caphealth_image_upload; }
    location = /open { caphealth_image_upload; caphealth_access delegated; }
--- request eval
["POST /upload\n$::image", "POST /open\n$::image"]
--- more_headers eval
["X-Client: 192.0.2.7", "X-Client: 192.0.2.7"]
--- error_code eval
[403, 201]
--- response_body_like eval
["problem:not-local", "images"]



=== TEST 16: a body that nginx finds too large
--- http_config eval: $::root
--- config
    location = /upload {
        caphealth_image_upload;
        client_max_body_size 100;
        error_page 413 = @large;
    }
    location @large {
        default_type application/problem+json;
        return 413 '{"status":413}';
    }
--- request eval
"POST /upload\n" . 'x' x 101
--- error_code: 413
--- response_body: {"status":413}



=== TEST 17: a file that no converter could hold
--- http_config eval: "$::http caphealth_image_memory 64m;"
--- config
    location = /upload { caphealth_image_upload; client_max_body_size 40m; }
--- request eval
"POST /upload\n\xff\xd8\xff" . 'x' x (33 * 1024 * 1024)
--- error_code: 413
--- response_body_like: problem:file-too-large.*"detail":"It has 34603011 bytes; .*caphealth_image_memory



=== TEST 18: too many files
--- http_config eval: "$::http caphealth_image_max_files 2;"
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
["POST /upload\n" . $::one x 3 . $::end, "POST /upload\n" . $::one x 2 . $::end]
--- more_headers eval
[$::form, $::form]
--- error_code eval
[413, 201]
--- response_body_like eval
["problem:too-many-files.*may carry 2 files", "images"]



=== TEST 19: too many pixels
--- http_config eval: "$::http caphealth_image_max_pixels 1199;"
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n$::image"
--- error_code: 422
--- response_body_like: problem:undecodable-image.*40 x 30 pixels, the limit is 1199



=== TEST 20: no image: by its bytes, whatever its name says; which one
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n" . $::one . ::part('name="f"; filename="b.jpg"', 'text') . $::end
--- more_headers eval: $::form
--- error_code: 415
--- response_headers
Content-Type: application/problem+json
--- response_body_like: problem:unsupported-image.*"detail":".*2.*b\.jpg



=== TEST 21: a form without a file
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n" . ::part('name="f"', 'text') . $::end
--- more_headers eval: $::form
--- error_code: 400
--- response_body_like: problem:no-image



=== TEST 22: a form that is none
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
["POST /upload\n$::image", "POST /upload\n$::image"]
--- more_headers eval
[$::form, 'Content-Type: multipart/form-data']
--- error_code eval
[400, 400]
--- response_body_like eval
["problem:malformed-multipart.*does not begin with the boundary",
 "problem:malformed-multipart.*has no boundary"]
--- no_error_log
[alert]



=== TEST 23: a name with quotes and control characters in an error
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n" . ::part('name="f"; filename="a%22<b>\"\x{1}c.jpg"', 'text') . $::end
--- more_headers eval: $::form
--- error_code: 415
--- response_body_like: ^\{"type":"urn:caphealth:problem:unsupported-image","title":"[^"]+","status":415,"detail":"(?:[^"\\\x00-\x1f]|\\.)+"\}$



=== TEST 24: no subrequest
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
    location = /x { auth_request /upload; return 200; }
    location = /y { auth_request /upload; root html; }
--- request
GET /y
--- error_code: 403
--- error_log
"caphealth_image_upload" takes no subrequests



=== TEST 25: a browser that says only where the page is from
--- http_config eval: $::http
--- config
    location /upload { caphealth_image_upload; }
--- request eval
["POST /upload\n$::image", "POST /upload\n$::image",
 "POST /upload\n$::image", "POST /upload\n$::image",
 "POST /upload\n$::image", "POST /upload\n$::image"]
--- more_headers eval
["Origin: http://localhost:8443", "Origin: http://LOCALHOST",
 "Origin: http://localhost.example", "Origin: http://evil.example:80",
 "Origin: null", "Origin: http://evil.example\nSec-Fetch-Site: same-site"]
--- error_code eval
[201, 201, 403, 403, 403, 201]
--- response_body_like eval
["images", "images", "problem:cross-site", "problem:cross-site",
 "problem:cross-site", "images"]



=== TEST 26: a description for all files, and one for each
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
["POST /upload\n" . ::part('name="alt"', "St\xc3\xbchle \"A\"") . $::one x 2 . $::end,
 "POST /upload\n" . ::part('name="alt"', 'first') . $::one
 . ::part('name="alt"', '') . $::one . ::part('name=alt', 'third') . $::one
 . $::end,
 "POST /upload\n" . ::part('name="Alt"', 'x') . $::one . $::end,
 "POST /upload\n" . ::part('name=alt', 'x' x 4096) . $::one . $::end]
--- more_headers eval
[$::form, $::form, $::form, $::form]
--- error_code eval
[201, 201, 201, 201]
--- response_body_like eval
[qr/^\{"images":\[(\{[^{]*"sha256":"\w+","alt":"St\xc3\xbchle \\"A\\"","variants":\{[^\]]*){2}\]\}$/,
 qr/^[^\]]*"alt":"first","variants"[^\]]*"sha256":"\w+","variants"[^\]]*"alt":"third","variants"[^\]]*\]\}$/,
 qr/^(?!.*"alt")/s, qr/"alt":"x{4096}"/]
--- no_error_log
[alert]
[error]



=== TEST 27: a description that cannot be taken
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
--- request eval
["POST /upload\n" . ::part('name=alt', 'a') x 2 . $::one x 3 . $::end,
 "POST /upload\n" . ::part('name=alt', "caf\xe9") . $::one . $::end,
 "POST /upload\n" . ::part('name=alt', "a\0b") . $::one . $::end,
 "POST /upload\n" . ::part('name=alt', 'x' x 4097) . $::one . $::end]
--- more_headers eval
[$::form, $::form, $::form, $::form]
--- error_code eval
[400, 400, 400, 400]
--- response_body_like eval
['problem:invalid-field.*"alt." is sent 2 times for 3 files',
 'problem:invalid-field.*File 1 of 1, ."a.png.": The field ."alt." is not UTF-8',
 'problem:invalid-field.*is not UTF-8, or has a NUL',
 'problem:invalid-field.*has 4097 bytes; the most are 4096']
--- no_error_log
[alert]
[error]



=== TEST 28: a variant in each format; an AVIF that is no smaller is WebP
--- http_config eval: $::http
--- config
    caphealth_image_variant original format=jpeg;
    caphealth_image_variant small max=20 format=avif;
    caphealth_image_variant tiny max=10;
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n$::image"
--- error_code: 201
--- response_headers_like
Location: (?:http://localhost:\d+)?/media/.*_original\.jpg
--- response_body_like: "original":\{"url":"[^"]*_original.jpg","width":40,"height":30,"bytes":\d+,"format":"jpeg"\},"small":\{"url":"[^"]*_small.webp","width":20,"height":15,"bytes":\d+,"format":"webp"\},"tiny":\{"url":"[^"]*_tiny.webp"



=== TEST 29: an animation that is kept, and one that is not
--- http_config eval: $::http
--- config
    caphealth_image_variant original animation=keep;
    caphealth_image_variant still max=1;
    location = /upload { caphealth_image_upload; }
--- request eval
"POST /upload\n$::moving"
--- error_code: 201
--- response_body_like: "format":"gif","width":2,"height":2,.*"original":\{"url":"[^"]*","width":2,"height":2,"bytes":\d+,"format":"webp","frames":2\},"still":\{"url":"[^"]*","width":1,"height":1,"bytes":\d+,"format":"webp"\}



=== TEST 30: a focus, for all files or for each, and what is none
--- http_config eval: $::http
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_variant a size=1x1 fit=cover;
    }
--- request eval
["POST /upload\n" . ::part('name="focus"', '0.25,1') . $::one x 2 . $::end,
 "POST /upload\n" . ::part('name="focus"', '') . $::one . $::end,
 "POST /upload\n" . ::part('name="focus"', '0.5,1.5') . $::one . $::end]
--- more_headers eval
[$::form, $::form, $::form]
--- error_code eval
[201, 201, 400]
--- response_body_like eval
["images", "images", qr/invalid-field.*File 1 of 1.*\\"focus\\" must be two numbers from 0 to 1/]
--- no_error_log
[alert]



=== TEST 31: what an img of HTML takes as its srcset, of each format
--- http_config eval: $::http
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_variant small max=20;
        caphealth_image_variant square size=20x20 fit=cover;
        caphealth_image_variant mail max=30 format=jpeg;
        caphealth_image_variant full;
    }
--- request eval
"POST /upload\n$::image"
--- error_code: 201
--- response_body_like: \},"srcset":\{"webp":"/media/../../\w+_full.webp 40w, /media/../../\w+_small.webp 20w","jpeg":"/media/../../\w+_mail.jpg 30w"\},"colour":"#



=== TEST 32: a focus as an argument, escaped or not; a form has its own
--- http_config eval: $::http
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_variant a size=30x30 fit=cover;
    }
--- request eval
["POST /upload?focus=0.25,1\n$::image", "POST /upload?a=b&focus=1%2C.5\n$::image",
 "POST /upload?focus=\n$::image", "POST /upload?focus=0.5\n$::image",
 "POST /upload?focus=%00,1\n$::image", "POST /upload?focus=2,2\n" . $::one . $::end]
--- more_headers eval
['', '', '', '', '', $::form]
--- error_code eval
[201, 201, 201, 400, 400, 201]
--- response_body_like eval
["images", "images", "images",
 qr/invalid-field.*The argument \\"focus\\" must be two numbers from 0 to 1/,
 "invalid-field", "images"]
--- no_error_log
[alert]
[error]
