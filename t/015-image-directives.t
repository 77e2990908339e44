# The directives about images, and every mistake in one.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

no_shuffle();
run_tests();

__DATA__

=== TEST 1: caphealth_image_upload without a root
--- config
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
"caphealth_image_upload" needs a "caphealth_image_root", the directory for the images
--- no_error_log
[alert]



=== TEST 2: caphealth_image_upload beside another handler
--- config
    location = /upload {
        caphealth_health;
        caphealth_image_upload;
        caphealth_image_root html/images;
    }
--- must_die
--- error_log
"caphealth_image_upload" directive conflicts with another handler of this location



=== TEST 3: caphealth_image_root, the root of all
--- config
    caphealth_image_root ///;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid value "/" in "caphealth_image_root" directive, it must be a directory of the images' own, not "/"



=== TEST 4: caphealth_image_root with a variable
--- config
    caphealth_image_root /srv/$host;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid value "/srv/$host" in "caphealth_image_root" directive, it must be the path of a directory, without variables



=== TEST 5: caphealth_image_root twice
--- config
    caphealth_image_root a;
    caphealth_image_root b;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
"caphealth_image_root" directive is duplicate



=== TEST 6: caphealth_image_root below nothing
--- config
    caphealth_image_root /nowhere/images;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
mkdir() "/nowhere/images" failed



=== TEST 7: caphealth_image_url, no prefix
--- config
    caphealth_image_root html/images;
    caphealth_image_url media;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid value "media" in "caphealth_image_url" directive, it must be a prefix as "/media/" or "https://cdn.example.com/"



=== TEST 8: caphealth_image_url, with what a URL may not have
--- config
    caphealth_image_root html/images;
    caphealth_image_url '/media/"?x';
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid value "/media/"?x" in "caphealth_image_url" directive, it must be a prefix as "/media/" or "https://cdn.example.com/"



=== TEST 9: caphealth_image_variant, a name that is no name
--- config
    caphealth_image_root html/images;
    caphealth_image_variant ../x;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid "caphealth_image_variant" "../x", at "../x": its name must be 1 to 32 of a-z, 0-9 and "-"



=== TEST 10: caphealth_image_variant twice
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a;
    caphealth_image_variant a max=5;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
its name is duplicate



=== TEST 11: caphealth_image_variant, sizes that are none
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a max=16384;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
at "max=16384": max is the longer side in pixels, 1 to 16383



=== TEST 12: caphealth_image_variant, a quality that is none
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a quality=101;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
at "quality=101": quality is that of the format, 0 to 100



=== TEST 13: caphealth_image_variant, a method that is none
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a method=7;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
at "method=7": method is libwebp's, 0 (fast) to 6 (small)



=== TEST 14: caphealth_image_variant, an option that is none
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a min=7;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
at "min=7": the options are max=PX, size=WxH, fit=inside|cover|contain, background=#rrggbb[aa], format=webp|jpeg|avif, animation=first|keep, quality=0..100 and method=0..6



=== TEST 15: variants that are all limited, one as the largest
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a max=7;
    caphealth_image_variant b size=7x6 fit=cover;
    location = /upload { caphealth_image_upload; }
--- request
    GET /upload
--- error_code: 405



=== TEST 16: two variants that are whole, of which the first is the largest
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a;
    caphealth_image_variant b size=16383x16383 fit=contain background=#01aF00;
    caphealth_image_variant c background=#01aF0080 animation=keep;
    caphealth_image_variant d max=7 animation=first;
    location = /upload { caphealth_image_upload; }
--- request
    GET /upload
--- error_code: 405



=== TEST 17: nine variants
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a;
    caphealth_image_variant b max=1;
    caphealth_image_variant c max=2;
    caphealth_image_variant d max=3;
    caphealth_image_variant e max=4;
    caphealth_image_variant f max=5;
    caphealth_image_variant g max=6;
    caphealth_image_variant h max=7;
    caphealth_image_variant i max=8;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
there may be 8 variants at most



=== TEST 18: caphealth_image_max_files out of bounds
--- http_config
    caphealth_image_max_files 101;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "101" in "caphealth_image_max_files" directive, it must be a number of files between 1 and 100



=== TEST 19: caphealth_image_max_pixels out of bounds
--- http_config
    caphealth_image_max_pixels 0;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "0" in "caphealth_image_max_pixels" directive, it must be width times height, between 1 and 1g



=== TEST 20: caphealth_image_timeout out of bounds
--- http_config
    caphealth_image_timeout 1ms;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "1ms" in "caphealth_image_timeout" directive, it must be a time between 1s and 10m



=== TEST 21: caphealth_image_memory out of bounds
--- http_config
    caphealth_image_memory 63m;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "63m" in "caphealth_image_memory" directive, it must be a size of at least 64m, of which the decoders themselves take half



=== TEST 22: caphealth_image_converters out of bounds
--- http_config
    caphealth_image_converters 17;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "17" in "caphealth_image_converters" directive, it must be a number of processes for each worker between 1 and 16



=== TEST 23: caphealth_image_queue out of bounds
--- http_config
    caphealth_image_queue 1025;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "1025" in "caphealth_image_queue" directive, it must be a number of images between 0 and 1024



=== TEST 24: caphealth_image_delete, neither on nor off
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_delete yes;
    }
--- must_die
--- error_log
invalid value "yes" in "caphealth_image_delete" directive, it must be "on" or "off"



=== TEST 25: caphealth_image_priority, neither idle nor normal
--- http_config
    caphealth_image_priority low;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "low" in "caphealth_image_priority" directive, it must be "normal" or "idle"



=== TEST 26: everything said at once is accepted, and what is not used starts nothing
--- http_config
    caphealth_image_root       html/images;
    caphealth_state_dir        html/state;
    caphealth_image_url        https://cdn.example.com/i;
    caphealth_image_max_pixels 20m;
    caphealth_image_max_files  3;
    caphealth_image_timeout    5s;
    caphealth_image_memory     256m;
    caphealth_image_converters 2;
    caphealth_image_queue      0;
    caphealth_image_priority   normal;
    caphealth_image_variant    full method=6 quality=90;
    caphealth_image_variant    thumb max=100;
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root    html/other;
        caphealth_image_url     /other/;
        caphealth_image_delete  on;
        caphealth_image_variant whole;
    }
    location = /x { return 200 "x"; }
--- request
GET /x
--- response_body: x
--- no_error_log
start caphealth-converter
[alert]
[error]



=== TEST 27: caphealth_image_scan, not a time
--- http_config
    caphealth_image_scan often;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "often" in "caphealth_image_scan" directive, it must be a time between 1s and 365d, as "6h", or "off"



=== TEST 28: caphealth_image_scan, too often
--- http_config
    caphealth_image_scan 0;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "0" in "caphealth_image_scan" directive, it must be a time between 1s and 365d, as "6h", or "off"



=== TEST 29: caphealth_image_scan twice, once off
--- http_config
    caphealth_image_scan off;
    caphealth_image_scan 1h;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
"caphealth_image_scan" directive is duplicate



=== TEST 30: caphealth_image_scan_share, not a percentage
--- http_config
    caphealth_image_scan_share 25;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "25" in "caphealth_image_scan_share" directive, it must be between 1% and 100% of a core



=== TEST 31: caphealth_image_scan_share of nothing
--- http_config
    caphealth_image_scan_share 0%;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "0%" in "caphealth_image_scan_share" directive, it must be between 1% and 100% of a core



=== TEST 32: caphealth_image_scan_share of more than a core
--- http_config
    caphealth_image_scan_share 101%;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
invalid value "101%" in "caphealth_image_scan_share" directive, it must be between 1% and 100% of a core



=== TEST 33: caphealth_state_dir twice
--- http_config
    caphealth_state_dir html/a;
    caphealth_state_dir html/b;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
"caphealth_state_dir" directive is duplicate



=== TEST 34: caphealth_state_dir that cannot be made
--- http_config
    caphealth_state_dir /nonexistent/state;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
mkdir() "/nonexistent/state" failed



=== TEST 35: a zone too small for the trees
--- http_config
    caphealth_zone 256k;
    caphealth_state_dir html/state;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
--- must_die
--- error_log
"caphealth_zone" of 262144 bytes has no room for 4 sections of facts and 1 image trees of 384 kilobytes, make it larger



=== TEST 36: a zone that is large enough, and all that is about scans
--- http_config
    caphealth_zone             1m;
    caphealth_state_dir        html/state;
    caphealth_image_scan       30s;
    caphealth_image_scan_share 100%;
--- config
    location = /upload { caphealth_image_upload; caphealth_image_root html/images; }
    location = /x { return 200 "x"; }
--- request
GET /x
--- response_body: x
--- no_error_log
[alert]
[error]



=== TEST 37: caphealth_image_delete without an upload
--- config
    location = /upload { caphealth_image_delete on; }
--- must_die
--- error_log
"caphealth_image_delete" needs a "caphealth_image_upload" in its location "/upload"



=== TEST 38: caphealth_image_delete that a location inside inherits
--- config
    location /images {
        caphealth_image_delete on;
        caphealth_image_root html/images;
        location /images/upload { caphealth_image_upload; }
    }
    location = /x { return 200 "x"; }
--- request
GET /x
--- response_body: x
--- no_error_log
[alert]
[error]



=== TEST 39: caphealth_image_variant, a size that is none
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a size=400;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid "caphealth_image_variant" "a", at "size=400": size is width and height in pixels, as 400x300, 1 to 16383 each



=== TEST 40: caphealth_image_variant, a size without a height
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a size=400x;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid "caphealth_image_variant" "a", at "size=400x": size is width and height in pixels, as 400x300, 1 to 16383 each



=== TEST 41: caphealth_image_variant, a fit that is none
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a size=4x4 fit=fill;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid "caphealth_image_variant" "a", at "fit=fill": fit is inside, cover or contain



=== TEST 42: caphealth_image_variant, a fit without a size
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a max=9 fit=cover;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid "caphealth_image_variant" "a", at "fit=cover": cover and contain need a size=WxH



=== TEST 43: caphealth_image_variant, max and size
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a max=9 size=4x4;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid "caphealth_image_variant" "a", at "size=4x4": max and size exclude each other



=== TEST 44: caphealth_image_variant, a background that is none
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a background=white;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid "caphealth_image_variant" "a", at "background=white": background is a colour, #rrggbb, or #rrggbbaa with its opacity



=== TEST 45: caphealth_image_tokens, a file that is not there
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_tokens keys;
    }
--- must_die
--- error_log
"caphealth_image_tokens": open() "
/keys" failed (2: No such file or directory)



=== TEST 46: caphealth_image_tokens, a secret that is too short
--- user_files
>>> keys
# keys

a 0123456789abcdef
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_tokens ../html/keys;
    }
--- must_die
--- error_log
"caphealth_image_tokens": invalid key in
html/keys:3, its secret must be of at least 32 bytes: 64 hexadecimal digits, or 43 characters of base64url
--- no_error_log
0123456789abcdef



=== TEST 47: caphealth_image_tokens, two keys of one id
--- user_files
>>> keys
a 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
b 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
a 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_tokens ../html/keys;
    }
--- must_die
--- error_log
"caphealth_image_tokens": duplicate key "a" in
html/keys:3, each needs an id of its own



=== TEST 48: caphealth_image_tokens, a file without keys
--- user_files
>>> keys
# none
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_tokens ../html/keys;
    }
--- must_die
--- error_log
"caphealth_image_tokens": there is no key in "
it must have lines of an id and a secret



=== TEST 49: caphealth_image_tokens, a directory
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_tokens ../html;
    }
--- must_die
--- error_log
must be a file of keys, of at most 256 kilobytes



=== TEST 50: caphealth_image_tokens, a file that others can read
--- user_files
>>> keys
a 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_tokens ../html/keys;
    }
    location = /x { return 200 "x"; }
--- request
GET /x
--- response_body: x
--- error_log
so that others can read or change its secrets; make it 0600
--- no_error_log
0001020304



=== TEST 51: caphealth_image_cors, an origin with a path
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_cors https://a.example https://b.example/;
    }
--- must_die
--- error_log
invalid value "https://b.example/" in "caphealth_image_cors" directive, it must be an origin as a browser sends it



=== TEST 52: caphealth_image_cors, the scheme's own port
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_cors https://b.example:443;
    }
--- must_die
--- error_log
invalid value "https://b.example:443" in "caphealth_image_cors" directive



=== TEST 53: caphealth_image_cors, any origin and one more
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_cors * https://b.example;
    }
--- must_die
--- error_log
invalid value "*" in "caphealth_image_cors" directive, "*" is any origin, and must be alone



=== TEST 54: caphealth_image_cors, any origin without tokens
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_cors *;
    }
--- must_die
--- error_log
"caphealth_image_cors *" needs a "caphealth_image_tokens": without tokens a page of any site could make a visitor's browser upload



=== TEST 55: caphealth_image_source without an upload
--- config
    location = /upload { caphealth_image_source html/s; }
--- must_die
--- error_log eval
qr<"caphealth_image_source" "\S+/html/s" is in no location with "caphealth_image_upload">



=== TEST 56: caphealth_image_source, the root of all
--- config
    caphealth_image_root html/images;
    location = /upload { caphealth_image_upload; caphealth_image_source /; }
--- must_die
--- error_log eval
qr<invalid value "/" in "caphealth_image_source" directive, it must be>



=== TEST 57: caphealth_image_source with a variable
--- config
    caphealth_image_root html/images;
    location = /upload { caphealth_image_upload; caphealth_image_source /a/$host; }
--- must_die
--- error_log eval
qr<invalid value "/a/\$host" in "caphealth_image_source" directive, it must be the path of a directory, without variables>



=== TEST 58: caphealth_image_source twice
--- config
    caphealth_image_root html/images;
    location = /upload {
        caphealth_image_upload;
        caphealth_image_source html/s;
        caphealth_image_source html/t;
    }
--- must_die
--- error_log eval
qr<"caphealth_image_source" directive is duplicate>



=== TEST 59: caphealth_image_source is the root
--- config
    caphealth_image_root html/images;
    location = /upload { caphealth_image_upload; caphealth_image_source html/images/; }
--- must_die
--- error_log eval
qr<images" is both a "caphealth_image_root" and a "caphealth_image_source">



=== TEST 60: caphealth_image_source in the root
--- config
    caphealth_image_root html/images;
    location = /upload { caphealth_image_upload; caphealth_image_source html/images/s; }
--- must_die
--- error_log eval
qr<"caphealth_image_source" "\S+/html/images/s" and "caphealth_image_root" "\S+/html/images" are one inside the other>



=== TEST 61: caphealth_image_root in the source
--- config
    caphealth_image_root html/s/images;
    location = /upload { caphealth_image_upload; caphealth_image_source html/s; }
--- must_die
--- error_log eval
qr<"caphealth_image_source" "\S+/html/s" and "caphealth_image_root" "\S+/html/s/images" are one inside the other>



=== TEST 62: caphealth_image_source, two for one root
--- config
    caphealth_image_root html/images;
    location /a { caphealth_image_upload; caphealth_image_source html/s; }
    location /b { caphealth_image_upload; caphealth_image_source html/t; }
--- must_die
--- error_log eval
qr<all locations of a root keep the sources in one place>



=== TEST 63: caphealth_image_source, two roots with one
--- config
    location /a {
        caphealth_image_root html/a;
        caphealth_image_upload;
        caphealth_image_source html/s;
    }
    location /b {
        caphealth_image_root html/b;
        caphealth_image_upload;
        caphealth_image_source html/s;
    }
--- must_die
--- error_log eval
qr<all locations of a root keep the sources in one place>



=== TEST 64: caphealth_image_variant, a format that is none
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a format=jpg;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid "caphealth_image_variant" "a", at "format=jpg": format is webp, jpeg or avif



=== TEST 65: caphealth_image_variant, a transparent background of a JPEG
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a format=jpeg background=#ffffff80;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
a JPEG has no transparency: its background is #rrggbb



=== TEST 66: caphealth_image_variant, an animation that is none
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a animation=yes;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid "caphealth_image_variant" "a", at "animation=yes": animation is first, of which one frame is shown, or keep



=== TEST 67: caphealth_image_variant, an animation in a JPEG
--- config
    caphealth_image_root html/images;
    caphealth_image_variant a animation=keep format=jpeg;
    location = /upload { caphealth_image_upload; }
--- must_die
--- error_log
invalid "caphealth_image_variant" "a", at "format=jpeg": animation=keep is for WebP



=== TEST 68: caphealth_image_quota, a number that is none
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_quota images=0;
    }
--- must_die
--- error_log
invalid value "images=0" in "caphealth_image_quota" directive, it must be "images=" and a number, or "bytes=" and a size as "500m", each once and above 0



=== TEST 69: caphealth_image_quota, a size twice
--- config
    location = /upload {
        caphealth_image_upload;
        caphealth_image_root html/images;
        caphealth_image_quota bytes=1g bytes=2g;
    }
--- must_die
--- error_log
invalid value "bytes=2g" in "caphealth_image_quota" directive



=== TEST 70: caphealth_image_owners without a root
--- config
    location = /owners { caphealth_image_owners; }
--- must_die
--- error_log
"caphealth_image_owners" needs a "caphealth_image_root", the tree whose owners are listed



=== TEST 71: an id that follows from something else
--- config
    location = /upload { caphealth_image_id hash; }
--- must_die
--- error_log
invalid value "hash" in "caphealth_image_id" directive, it must be random, key or content



=== TEST 72: an id that follows from two things
--- config
    location = /upload { caphealth_image_id key; caphealth_image_id content; }
--- must_die
--- error_log
"caphealth_image_id" directive is duplicate



=== TEST 73: an id from a key, inherited, and another one
--- http_config
    caphealth_image_id key;
--- config
    caphealth_image_root html/images;
    location = /key    { caphealth_image_upload; }
    location = /random { caphealth_image_upload; caphealth_image_id random; }
--- request eval
["POST /key\nx", "POST /random\nx"]
--- error_code eval
[400, 415]
