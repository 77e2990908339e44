# What the ids of images follow from: nothing, a request's Idempotency-Key, or
# the bytes; and what a request that is repeated is answered.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

use Caphealth::Broken qw(chunk png);
use Compress::Zlib qw(compress);
use Digest::SHA qw(sha256_hex);

our $image = png(40, 30, [ 8, 0 ], chunk('IDAT', compress("\0" x 41 x 30)));
our $other = png(40, 30, [ 8, 0 ], chunk('IDAT', compress("\0\1" x 20 . "\0"
                                                          x (41 * 30 - 40))));

sub part {
    my ($disposition, $bytes) = @_;

    return "--b\r\nContent-Disposition: form-data; $disposition\r\n\r\n"
           . "$bytes\r\n";
}

our $one = part('name="f"; filename="a.png"', $image);
our $two = part('name="f"; filename="b.png"', $other);
our $end = "--b--";
our $form = 'Content-Type: multipart/form-data; boundary=b';

our $http = 'caphealth_image_root html/images; caphealth_state_dir html/state;'
            . ' caphealth_image_url /media/;';

# the id of a key, as docs/http-api.md says it

our $id = substr sha256_hex("/upload\0\0k1\0" . '1'), 0, 32;
our $content = substr sha256_hex($image), 0, 32;

no_shuffle();
run_tests();

__DATA__

=== TEST 1: an upload that is repeated is answered the same, whatever quotes the key is in
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; caphealth_image_id key; }
    location = /again  { caphealth_image_upload; caphealth_image_id key; }
--- request eval
["POST /upload\n$::image", "POST /upload\n$::image", "POST /upload\n$::image",
 "POST /upload\n$::image", "POST /again\n$::image"]
--- more_headers eval
["Idempotency-Key: k1", "Idempotency-Key: k1", "Idempotency-Key: \"k1\"",
 "Idempotency-Key: k2", "Idempotency-Key: k1"]
--- error_code eval
[201, 200, 200, 201, 201]
--- response_body_like eval
["^\\{\"images\":\\[\\{\"id\":\"$::id\"", "\"id\":\"$::id\"",
 "\"id\":\"$::id\"", "\"id\":\"(?!$::id)", "\"id\":\"(?!$::id)"]
--- response_headers eval
["Content-Type: application/json", "Content-Type: application/json",
 "Content-Type: application/json", "Content-Type: application/json",
 "Content-Type: application/json"]
--- no_error_log
[alert]
[error]



=== TEST 2: a key that is missing, or is none
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; caphealth_image_id key; }
--- request eval
["POST /upload\n$::image", "POST /upload\n$::image", "POST /upload\n$::image",
 "POST /upload\n$::image"]
--- more_headers eval
["", "Idempotency-Key: \"a", "Idempotency-Key: " . 'x' x 256,
 "Idempotency-Key: a\nIdempotency-Key: a"]
--- error_code eval
[400, 400, 400, 400]
--- response_body_like eval
["problem:invalid-idempotency-key.*An upload needs the header Idempotency-Key",
 "problem:invalid-idempotency-key.*must be a string in quotes",
 "problem:invalid-idempotency-key.*must have 1 to 255 bytes",
 "problem:invalid-idempotency-key.*more than once"]
--- no_error_log
[alert]
[error]



=== TEST 3: what makes a request another one: the bytes and the fields
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; caphealth_image_id key; }
--- request eval
["POST /upload\n$::one$::end", "POST /upload\n$::image",
 "POST /upload\n" . ($::one =~ s/a\.png/c.png/r) . ::part('name=x', 'y') . $::end,
 "POST /upload\n$::two$::end", "POST /upload\n$::one$::two$::end",
 "POST /upload\n$::one" . ::part('name=alt', 'a chair') . $::end]
--- more_headers eval
["$::form\nIdempotency-Key: k1", "Idempotency-Key: k1",
 "$::form\nIdempotency-Key: k1", "$::form\nIdempotency-Key: k1",
 "$::form\nIdempotency-Key: k1", "$::form\nIdempotency-Key: k1"]
--- error_code eval
[201, 200, 200, 422, 422, 422]
--- response_body_like eval
["\"id\":\"$::id\"", "\"id\":\"$::id\"", "\"id\":\"$::id\"",
 "problem:idempotency-key-reused.*Send a new key",
 "problem:idempotency-key-reused", "problem:idempotency-key-reused"]
--- no_error_log
[alert]
[error]



=== TEST 4: several files, one of which is removed: its place is free again
--- http_config eval: $::http
--- config
    location /upload {
        caphealth_image_upload; caphealth_image_id key;
        caphealth_image_delete on;
    }
--- request eval
["POST /upload\n$::one$::two" . ::part('name=alt', 'both') . $::end,
 "POST /upload\n$::one$::two" . ::part('name=alt', 'both') . $::end,
 "DELETE /upload/$::id", "DELETE /upload/$::id",
 "POST /upload\n$::one$::two" . ::part('name=alt', 'both') . $::end,
 "POST /upload\n$::one$::two" . ::part('name=alt', 'both') . $::end]
--- more_headers eval
["$::form\nIdempotency-Key: k1", "$::form\nIdempotency-Key: k1", "", "",
 "$::form\nIdempotency-Key: k1", "$::form\nIdempotency-Key: k1"]
--- error_code eval
[201, 200, 204, 404, 201, 200]
--- response_body_like eval
["\"id\":\"$::id\".*\"alt\":\"both\".*\"alt\":\"both\"",
 "\"id\":\"$::id\".*\"alt\":\"both\".*\"alt\":\"both\"", '^$', 'no-such-image',
 "\"id\":\"$::id\".*\"alt\":\"both\".*\"alt\":\"both\"",
 "\"id\":\"$::id\".*\"alt\":\"both\".*\"alt\":\"both\""]
--- no_error_log
[alert]
[error]



=== TEST 5: an image is stored once by its bytes, and is not removed unless by force
--- http_config eval: $::http
--- config
    location /upload {
        caphealth_image_upload; caphealth_image_id content;
        caphealth_image_delete on;
    }
--- request eval
["POST /upload\n$::one" . ::part('name=alt', 'first') . $::end,
 "POST /upload\n$::one" . ::part('name=alt', 'second') . $::end,
 "POST /upload\n$::image", "POST /upload\n$::one$::two$::two$::end",
 "DELETE /upload/$::content", "DELETE /upload/$::content?force=0",
 "DELETE /upload/$::content?force=1", "POST /upload\n$::image"]
--- more_headers eval
[$::form, $::form, '', $::form, '', '', '', '']
--- error_code eval
[201, 200, 200, 201, 409, 409, 204, 201]
--- response_body_like eval
[qr/"id":"$::content",(?!.*duplicate).*"alt":"first"/,
 qr/"id":"$::content",(?!.*first).*"alt":"second","duplicate":true\}\]\}$/,
 qr/"id":"$::content",(?!.*alt).*"duplicate":true\}\]\}$/,
 qr/"id":"$::content",.*"duplicate":true\},\{"id":"(\w+)",(?!.*duplicate.*duplicate).*\},\{"id":"\1",.*"duplicate":true\}\]\}$/,
 "problem:image-shared.*force=1", "problem:image-shared", '^$',
 qr/"id":"$::content",(?!.*duplicate)/]
--- no_error_log
[alert]
[error]



=== TEST 6: without the directive a key makes no difference
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; }
    location = /random { caphealth_image_upload; caphealth_image_id random; }
--- request eval
["POST /upload\n$::image", "POST /upload\n$::image", "POST /random\n$::image"]
--- more_headers eval
["Idempotency-Key: k1", "Idempotency-Key: k1", "Idempotency-Key: k1"]
--- error_code eval
[201, 201, 201]
--- response_body_like eval
["\"id\":\"(?!$::id)", "\"id\":\"(?!$::id)", "\"id\":\"(?!$::id)"]



=== TEST 7: a retry gets the same srcset; elsewhere, the URLs of that location
--- http_config eval: $::http
--- config
    location = /upload  { caphealth_image_upload; caphealth_image_id key; }
    location = /content { caphealth_image_upload; caphealth_image_id content; }
    location = /moved   {
        caphealth_image_upload; caphealth_image_id content;
        caphealth_image_url https://cdn.example.com/;
        caphealth_image_variant other max=10;
    }
--- request eval
["POST /upload\n$::image", "POST /upload\n$::image", "POST /content\n$::image",
 "POST /moved\n$::image"]
--- more_headers eval
["Idempotency-Key: k1", "Idempotency-Key: k1", "", ""]
--- error_code eval
[201, 200, 201, 200]
--- response_body_like eval
[qr{"srcset":\{"webp":"/media/../../${main::id}_original.webp 40w"\}},
 qr{"srcset":\{"webp":"/media/../../${main::id}_original.webp 40w"\}},
 qr{"srcset":\{"webp":"/media/../../${main::content}_original.webp 40w"\}},
 qr{"srcset":\{"webp":"https://cdn.example.com/../../${main::content}_original.webp 40w"\},"colour":"#000000","thumbhash":"AAgCBYAAAAAAAAAAAAAAAAAAAAAA","duplicate"}]
--- no_error_log
[alert]
[error]



=== TEST 8: another focus makes a request another one; the middle is what it is without
--- http_config eval: $::http
--- config
    location = /upload { caphealth_image_upload; caphealth_image_id key; }
--- request eval
["POST /upload?focus=0,1\n$::image", "POST /upload?focus=0.0,1.0\n$::image",
 "POST /upload?focus=1,1\n$::image", "POST /upload\n$::image",
 "POST /upload\n$::image", "POST /upload?focus=0.5,0.5\n$::image"]
--- more_headers eval
["Idempotency-Key: k1", "Idempotency-Key: k1", "Idempotency-Key: k1",
 "Idempotency-Key: k1", "Idempotency-Key: k2", "Idempotency-Key: k2"]
--- error_code eval
[201, 200, 422, 422, 201, 200]
--- response_body_like eval
["images", "images", "idempotency-key-reused", "idempotency-key-reused",
 "images", "images"]
--- no_error_log
[alert]
[error]
