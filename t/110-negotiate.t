# conf/snippets/negotiate.conf: one URL, the best format by Accept, as clients
# send it.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

our ($http, $location);

{
    local $/ = undef;
    open my $file, '<', 'conf/snippets/negotiate.conf' or die $!;

    ($http, $location) = split /^(?=location )/m, <$file>;
    $location =~ s{/srv/images}{html/images};
}

my $image = '00/11/00112233445566778899aabbccddeeff';

our $url = "/image/${image}_800";

our $files = ">>> images/${image}_800.webp\nwebp\n"
           . ">>> images/${image}_800-avif.avif\navif\n"
           . ">>> images/${image}_800-jpeg.jpg\njpeg\n"
           . ">>> images/${image}_200.webp\nsmall webp\n"
           . ">>> images/${image}_200-jpeg.jpg\nsmall jpeg\n";

no_shuffle();
run_tests();

__DATA__

=== TEST 1: Chromium, an image of a page
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: "GET $::url"
--- more_headers
Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8
--- response_headers
Content-Type: image/avif
Vary: Accept
Cache-Control: public, max-age=31536000, immutable
--- response_body
avif



=== TEST 2: Chromium, an image as a page
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: "GET $::url"
--- more_headers
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7
--- response_headers
Content-Type: image/avif



=== TEST 3: Safari 14, which has no AVIF
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: "GET $::url"
--- more_headers
Accept: image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5
--- response_headers
Content-Type: image/webp
Vary: Accept
--- response_body
webp



=== TEST 4: curl, which takes anything
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: "GET $::url"
--- more_headers
Accept: */*
--- response_headers
Content-Type: image/jpeg
Vary: Accept
--- response_body
jpeg



=== TEST 5: no Accept
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: "GET $::url"
--- response_headers
Content-Type: image/jpeg
Vary: Accept



=== TEST 6: what is refused by its q
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: "GET $::url"
--- more_headers
Accept: image/avif;q=0, image/webp ; q=0.5, */*
--- response_headers
Content-Type: image/webp



=== TEST 7: the same with digits behind the point, and another parameter
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: "GET $::url"
--- more_headers
Accept: image/webp;level=1;q=0.000,IMAGE/AVIF; Q=0.01
--- response_headers
Content-Type: image/avif



=== TEST 8: both are refused
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: "GET $::url"
--- more_headers
Accept: image/webp;q=0.0, image/avif; q=0
--- response_headers
Content-Type: image/jpeg



=== TEST 9: a type that only begins so
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: "GET $::url"
--- more_headers
Accept: image/avif-sequence, x-image/webp, image/webp2
--- response_headers
Content-Type: image/jpeg



=== TEST 10: an AVIF that was not kept
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: $::url =~ s/800/200/r =~ s/^/GET /r
--- more_headers
Accept: image/avif,image/webp,*/*
--- response_headers
Content-Type: image/webp
--- response_body
small webp



=== TEST 11: no such image
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: $::url =~ s/800/400/r =~ s/^/GET /r
--- more_headers
Accept: image/avif
--- error_code: 404



=== TEST 12: nothing else of the tree
--- http_config eval: $::http
--- config eval: $::location
--- user_files eval: $::files
--- request eval: "GET $::url.webp"
--- error_code: 404
