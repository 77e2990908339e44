# Uploads with tokens: who is let in, what a token limits, one use, CORS.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Token qw(token key_file);
use Caphealth::Upload qw(photo form);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use Test::More;

my $keys = key_file("# of the shop\n\nold " . 'b' x 42 . "A\r\n"
                    . 'new ' . '0f' x 32 . "\n");
my $old = { kid => 'old', secret => 'b' x 42 . 'A' };
my $new = { kid => 'new', secret => '0f' x 32 };

my $nginx = Caphealth::Upload->new(
    http     => 'set_real_ip_from 127.0.0.1; real_ip_header X-Client;
                 log_format uploads "$request|$request_uri|'
                . '$caphealth_image_owner|$caphealth_image_result";',
    location => "client_max_body_size 64k;
                 caphealth_image_tokens $keys;
                 caphealth_image_delete on;
                 caphealth_image_cors https://shop.example http://[::1]:8080;
                 access_log uploads.log uploads;
                 error_log error.log info;");

my $url = "http://127.0.0.1:$nginx->{port}/upload";
my $photo = photo('60x40');

# ask(METHOD, PATH, BODY, %headers)

sub ask {
    my ($method, $path, $body, %headers) = @_;

    return HTTP::Tiny->new->request($method, "$url$path",
        { headers => { 'X-Client' => '192.0.2.7', %headers },
          defined $body ? (content => $body) : () });
}

# post(TOKEN, BODY, %headers): with the token in the header

sub post {
    my ($token, $body, %headers) = @_;

    return ask(POST => '', $body // $photo, Authorization => "Bearer $token",
               %headers);
}

sub refused {
    my ($response, $status, $type, $detail, $name) = @_;

    my $problem = eval { decode_json($response->{content}) } // {};

    is_deeply [ $response->{status}, $response->{headers}{'content-type'},
                $problem->{type} ],
              [ $status, 'application/problem+json',
                "urn:caphealth:problem:$type" ], $name
        or diag $response->{content};
    like $problem->{detail}, $detail, "$name: why";

    return $response;
}

my $soon = time + 600;

subtest 'who is let in' => sub {
    is post(token($new, exp => $soon, sub => 'vendor-7'))->{status}, 201,
       'a token in the header, from elsewhere';
    is ask(POST => '?token=' . token($old, exp => $soon, sub => 'vendor-8'),
           $photo)->{status}, 201, 'as an argument, by the older key';
    is post(token($new, exp => $soon), $photo,
            Authorization => 'bEARER   ' . token($new, exp => $soon))
       ->{status}, 201, 'the scheme in any case';

    my $missing = refused ask(POST => '', $photo), 401, 'no-token',
                          qr/^The request has no token\. Ask/, 'none';

    is $missing->{headers}{'www-authenticate'}, 'Bearer realm="caphealth"',
       'what is asked for';

    my $bad = refused post('x'), 401, 'invalid-token',
                      qr/not a JSON Web Token/, 'no token';

    is $bad->{headers}{'www-authenticate'},
       'Bearer realm="caphealth", error="invalid_token"', 'and what is wrong';
    refused post(token($new, exp => time - 1)), 401, 'invalid-token',
            qr/^The token has expired\. Ask for a new one\.$/, 'an old one';
    refused post(token({ %$new, secret => '0e' x 32 }, exp => $soon)), 401,
            'invalid-token', qr/signature/, 'one of another secret';
    refused post(token({ %$new, kid => 'gone' }, exp => $soon)), 401,
            'invalid-token', qr/"kid" is not/, 'one of another key';
    refused post(token({ %$new, alg => 'none' }, exp => $soon)), 401,
            'invalid-token', qr/HS256/, 'one that is not signed';
    refused ask(POST => '', $photo, 'X-Client' => '127.0.0.1'), 401,
            'no-token', qr/no token/, 'a local client without one';
};

subtest 'limits' => sub {
    my $size = length $photo;
    my ($form, $headers) = form('a.jpg' => $photo, 'b.jpg' => $photo);

    is post(token($new, exp => $soon, bytes => $size))->{status}, 201,
       'as many bytes as may be';
    refused post(token($new, exp => $soon, bytes => $size - 1)), 413,
            'file-too-large',
            qr/has $size bytes, and the token is for at most /, 'a byte more';

    # no body is sent: it is refused before it is read

    my $socket = $nginx->raw("POST /upload HTTP/1.1\r\nHost: a\r\n"
                             . 'Authorization: Bearer '
                             . token($new, exp => $soon, bytes => 10)
                             . "\r\nContent-Length: 11\r\n"
                             . "Expect: 100-continue\r\n\r\n");
    my $line = <$socket>;

    like $line, qr{^HTTP/1.1 413}, 'before the body is read';
    $line = do {
        my $s = $nginx->raw("POST /upload HTTP/1.1\r\nHost: a\r\n"
                            . "Content-Length: 11\r\n"
                            . "Expect: 100-continue\r\n\r\n");
        <$s>;
    };
    like $line, qr{^HTTP/1.1 401}, 'and so without a token';

    my $sent = 0;
    my $chunked = HTTP::Tiny->new->post($url, {
        headers => { Authorization => 'Bearer '
                     . token($new, exp => $soon, bytes => $size - 1) },
        content => sub { return $sent++ ? undef : $photo },
    });

    refused $chunked, 413, 'file-too-large', qr/has $size bytes/, 'chunked';

    is post(token($new, exp => $soon, files => 2), $form, %$headers)
       ->{status}, 201, 'as many images as may be';
    refused post(token($new, exp => $soon, files => 1), $form, %$headers), 413,
            'too-many-files', qr/has 2 images, and the token is for at most 1/,
            'one more';
    is post(token($new, exp => $soon, pixels => 2400))->{status}, 201,
       'as many pixels as may be';
    refused post(token($new, exp => $soon, pixels => 2399)), 422,
            'undecodable-image', qr/more pixels than the token is for, 2399/,
            'one more';
};

subtest 'one use' => sub {
    my $once = token($new, exp => $soon, once => JSON::PP::true, jti => 'a');

    refused post($once, 'no image'), 415, 'unsupported-image', qr/this is text/,
            'of what is refused';
    is post($once)->{status}, 201, 'it is left, and is used';
    refused post($once), 401, 'invalid-token', qr/has been used/, 'once';
    ok $nginx->reload, 'a reload';
    refused post($once), 401, 'invalid-token', qr/has been used/,
            'is no other use';
    refused post(token($old, exp => $soon, once => JSON::PP::true,
                       jti => 'a') =~ s/.$/-/r), 401, 'invalid-token',
            qr/signature/, 'nor is one of another key that is forged';
    is post(token($old, exp => $soon, once => JSON::PP::true, jti => 'a'))
       ->{status}, 201, 'another key has uses of its own';

    my $race = token($new, exp => $soon, once => JSON::PP::true, jti => 'b');
    my @status = sort $nginx->parallel(4, sub { post($race)->{status} });

    is "@status", '201 401 401 401', 'of several at once one is stored';
};

subtest 'DELETE' => sub {
    my $mine = token($new, exp => $soon, sub => 'vendor-7',
                     delete => JSON::PP::true);
    my $id = decode_json(post($mine)->{content})->{images}[0]{id};
    my $remove = sub {
        my ($token) = @_;

        return ask(DELETE => "/$id", undef,
                   Authorization => "Bearer $token");
    };

    refused $remove->(token($new, exp => $soon, sub => 'vendor-7')), 403,
            'not-permitted', qr/"delete":true/, 'with a token for uploads';
    is $remove->($mine)->{status}, 204, 'with one for both';
};

# the claim of the image is held, as by another request that has its id, so that
# the deletion waits

subtest 'one use, of a DELETE whose client goes away' => sub {
    my $any = token($new, exp => $soon);
    my $once = token($new, exp => $soon, once => JSON::PP::true, jti => 'c',
                     delete => JSON::PP::true);
    my $id = decode_json(post($any)->{content})->{images}[0]{id};
    my ($file) = grep { /$id/ } $nginx->files;

    open my $claim, '>', "$nginx->{root}/" . dirname($file) . "/.$id.tmp"
        or die $!;
    flock $claim, LOCK_EX or die $!;

    my $gone = $nginx->raw("DELETE /upload/$id HTTP/1.1\r\nHost: localhost\r\n"
                           . "X-Client: 192.0.2.7\r\n"
                           . "Authorization: Bearer $once\r\n"
                           . "Transfer-Encoding: chunked\r\n\r\n");

    ok $nginx->until(sub { post($once, 'no image')->{status} == 401 }),
       'the use is held';

    print {$gone} "no chunk\r\n";
    $gone->flush;

    is <$gone>, undef, 'the client is gone';

    close $claim;

    ok $nginx->until(sub { !grep { /$id/ } $nginx->files }),
       'the image is removed';
    is post($any)->{status}, 201, 'later';
    refused post($once, 'no image'), 401, 'invalid-token', qr/has been used/,
            'and the token is used';
};

subtest 'CORS' => sub {
    my %preflight = ('Access-Control-Request-Method' => 'POST',
                     'Access-Control-Request-Headers' => 'authorization');
    my $answer = ask(OPTIONS => '', undef, Origin => 'https://shop.example',
                     %preflight);
    my $h = $answer->{headers};

    is $answer->{status}, 204, 'a preflight';
    is $h->{'access-control-allow-origin'}, 'https://shop.example', 'origin';
    is $h->{'access-control-allow-methods'}, 'POST, DELETE', 'methods';
    like $h->{'access-control-allow-headers'},
         qr/^Authorization, Content-Type, Idempotency-Key$/, 'headers';
    is $h->{'access-control-max-age'}, 7200, 'age';
    is $h->{vary}, 'Origin', 'Vary';

    $answer = ask(OPTIONS => '', undef, Origin => 'https://evil.example',
                  %preflight);
    is $answer->{status}, 405, 'of another origin';
    is $answer->{headers}{'access-control-allow-origin'}, undef, 'no origin';
    is $answer->{headers}{vary}, 'Origin', 'Vary is set nevertheless';

    my @from = (Origin => 'https://shop.example',
                'Sec-Fetch-Site' => 'cross-site');

    $answer = post(token($new, exp => $soon), $photo, @from);
    is $answer->{status}, 201, 'an upload';
    is $answer->{headers}{'access-control-allow-origin'},
       'https://shop.example', 'can be read';
    is $answer->{headers}{'access-control-expose-headers'},
       'Location, Retry-After, WWW-Authenticate', 'with its Location';
    is post(token($new, exp => $soon), $photo, Origin => 'http://[::1]:8080')
       ->{status}, 201, 'from the second origin';

    for my $case ([ 401, 'x' ], [ 413, token($new, exp => $soon, bytes => 1) ])
    {
        $answer = post($case->[1], $photo, @from);
        is_deeply [ $answer->{status},
                    $answer->{headers}{'access-control-allow-origin'} ],
                  [ $case->[0], 'https://shop.example' ], "$case->[0] as well";
    }

    $answer = post(token($new, exp => $soon), 'x' x 70_000, @from);
    is_deeply [ $answer->{status},
                $answer->{headers}{'access-control-allow-origin'} ],
              [ 413, 'https://shop.example' ], 'and what nginx itself refuses';

    refused post(token($new, exp => $soon), $photo,
                 Origin => 'https://shop.example.evil.example'), 403,
            'cross-site', qr/page of another site/, 'another origin';
    refused post(token($new, exp => $soon), $photo,
                 Origin => 'https://evil.example',
                 'Sec-Fetch-Site' => 'cross-site'), 403,
            'cross-site', qr/page of another site/, 'with Fetch Metadata';
    refused post(token($new, exp => $soon), $photo, Origin => 'null'), 403,
            'cross-site', qr/page of another site/, 'a page without one';
    is $nginx->get('/stats')->{headers}{vary}, undef,
       'nothing of it elsewhere';
};

subtest 'logs' => sub {
    my $log = do {
        open my $file, '<', "$nginx->{prefix}/uploads.log" or die $!;
        local $/ = undef;
        <$file>;
    };

    like $log, qr{^POST /upload HTTP/1.1\|/upload\|vendor-7\|stored$}m,
         'the owner is logged';
    like $log, qr{^POST\ /upload\?token=\*\*\*\ HTTP/1.1\|
                  /upload\?token=\*\*\*\|vendor-8\|stored$}mx,
         'and the token is not';

    ask(POST => '?a=1&Token=' . token($new, exp => 1) . '&token=secret&b=2',
        $photo);
    ask(POST => '?token=secret', $photo);
    ok $nginx->until(sub { $nginx->logged(qr/token=\*\*\*/) }),
       'nor in the error log';
    is $nginx->logged(qr/secret|eyJ/), 0, 'none of it';
    ok $nginx->until(sub {
        $nginx->logged(qr/\?a=1&Token=\*\*\*&token=\*\*\*&b=2 /);
    }), 'what is no token is';
};

is $nginx->logged(qr/\[alert\]|\[crit\]|\[emerg\]/), 0, 'nothing is wrong';
ok $nginx->stop, 'quits';

done_testing;
