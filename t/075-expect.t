# "Expect: 100-continue": a refused client is answered at once, is not asked for
# the body, and the connection ends, for nobody knows whether the body comes.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Server;
use Caphealth::Upload qw(photo strange form);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep);

my $photo = photo('40x30');
my $helpers = Caphealth::Upload::strange_helpers();
my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $dir;

my $nginx = Caphealth::Server->new(http => <<"END", locations => <<'END2');
caphealth_helper_dir $helpers;
caphealth_image_root $dir/images;
caphealth_image_queue 0;
caphealth_image_memory 64m;
set_real_ip_from 127.0.0.1;
real_ip_header   X-Client;
END
location /upload {
    caphealth_image_upload;
    caphealth_image_delete on;
    client_max_body_size 40m;
}
location /posts  { caphealth_image_upload; }
location /small  { caphealth_image_upload; client_max_body_size 10; }
location /denied { caphealth_image_upload; deny all; }
location /basic {
    caphealth_image_upload;
    auth_basic           shop;
    auth_basic_user_file users;
}
location /page {
    caphealth_dashboard capacity=/capacity images=off upload=/upload;
}
END2

# begun(METHOD, PATH, HEADERS, BODY): the socket of such a request; the body is
# sent at once if there is one

sub begun {
    my ($method, $path, $headers, $body) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $nginx->{port})
        or die "connect: $!";

    print {$socket} join "\r\n", "$method $path HTTP/1.1", 'Host: localhost',
                    @$headers, '', $body // '';

    return $socket;
}

# ask(...): the whole answer, after which the server has closed the connection

sub ask {
    my $socket = begun(@_);

    return join '', <$socket>;
}

my @expect = ('Expect: 100-continue', 'Content-Length: 300');
my @chunked = ('Expect: 100-continue', 'Transfer-Encoding: chunked');
my $other = "X-Client: 192.0.2.1";
my $id = '0' x 32;

for my $case (
    [ 403, 'not-local',            'POST',   '/upload', $other ],
    [ 403, 'not-local',            'DELETE', "/upload/$id", $other ],
    [ 403, 'not-local',            'GET',    '/health', $other ],
    [ 403, 'cross-site',           'POST',   '/upload',
      'Sec-Fetch-Site: cross-site' ],
    [ 403, 'cross-site',           'POST',   '/upload',
      'Origin: http://elsewhere' ],
    [ 400, 'malformed-multipart',  'POST',   '/upload',
      'Content-Type: multipart/form-data' ],
    [ 415, 'unsupported-image',    'POST',   '/upload',
      'Content-Type: multipart/mixed; boundary=b' ],
    [ 405, 'method-not-allowed',   'PUT',    '/upload' ],
    [ 405, 'method-not-allowed',   'DELETE', '/posts' ],
    [ 405, 'method-not-allowed',   'POST',   '/health' ],
    [ 405, 'method-not-allowed',   'POST',   '/page' ],
    [ 404, 'no-such-image',        'DELETE', '/upload/x' ],
    [ 404, 'no-such-image',        'DELETE', "/upload/$id" ],
    [ 404, 'no-such-file',         'GET',    '/page/none' ],
    [ 200, 'collected_at',         'GET',    '/health' ])
{
    my ($status, $type, $method, $path, @more) = @$case;

    for my $headers (\@expect, \@chunked) {
        my $answer = ask($method, $path, [ @$headers, @more ]);

        like $answer, qr{\AHTTP/1\.1 $status .*^Connection: close\r\n.*$type}ms,
             "$method $path: $status, $type";
    }
}

like ask('POST', '/upload', [ 'Expect: 100-continue',
                              'Content-Length: 35000000' ]),
     qr{\AHTTP/1\.1 413 .*file-too-large.*It has 35000000 bytes}s,
     'an image of more than can be converted';

# nginx's own answers, after which it waits for the body

for my $case ([ 413, '/small' ], [ 403, '/denied' ], [ 401, '/basic' ]) {
    my ($status, $path) = @$case;

    like readline(begun('POST', $path, \@expect)),
         qr{\AHTTP/1\.1 $status }, "POST $path: $status";
}

# a body that was not waited with is read over, and the connection is kept

my $answers = ask('POST', '/upload', [ 'Expect: 100-continue',
                                       'Content-Length: 3', $other ],
                  "abcGET /health HTTP/1.1\r\nHost: a\r\n"
                  . "Connection: close\r\n\r\n");

like $answers, qr{\AHTTP/1\.1 403 .*^Connection: keep-alive.*^HTTP/1\.1 200 }ms,
     'a body that comes at once';

# who is let in is asked for it

sub upload {
    my ($body) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $nginx->{port})
        or die "connect: $!";

    print {$socket} join "\r\n", 'POST /upload HTTP/1.1', 'Host: localhost',
                    'Connection: close', 'Expect: 100-continue',
                    'Content-Length: ' . length $body, '', '';

    my $first = readline $socket;

    if ($first =~ m{^HTTP/1\.1 100 }) {
        readline $socket;
        print {$socket} $body;
    }

    return ($first, $socket);
}

my ($first, $socket) = upload($photo);

like $first, qr{^HTTP/1\.1 100 Continue\r\n}, 'go on';
like join('', <$socket>), qr{\AHTTP/1\.1 201 }, 'stored';

# one converter, and nobody may wait

($first, $socket) = upload(strange('slow'));
like $first, qr{^HTTP/1\.1 100 }, 'one is converted';

my $refused;

ok $nginx->until(sub {
    $refused = ask('POST', '/upload', \@expect);
    return $refused =~ /queue-full/;
}), 'the next is refused';
like $refused, qr{\AHTTP/1\.1 503 .*^Retry-After: \d}ms, 'without 100';
like join('', <$socket>), qr{\AHTTP/1\.1 201 }, 'the first is stored';

ok $nginx->stop, 'quits';

# a program that does not work

mkdir "$dir/helpers";
copy("$helpers/caphealth-collector", "$dir/helpers/") or die $!;
system('cp', '/bin/false', "$dir/helpers/caphealth-converter") == 0 or die;
chmod 0755, glob "$dir/helpers $dir/helpers/*";

$nginx = Caphealth::Server->new(http => <<"END", locations => <<'END2');
caphealth_helper_dir $dir/helpers;
caphealth_image_root $dir/images;
END
location /upload { caphealth_image_upload; }
END2

($first, $socket) = upload($photo);
like $first, qr{^HTTP/1\.1 100 }, 'it is not known yet that there is none';
like join('', <$socket>), qr{\AHTTP/1\.1 503 .*converter-unavailable}s,
     'then it is';
like ask('POST', '/upload', \@expect),
     qr{\AHTTP/1\.1 503 .*^Retry-After: \d.*converter-unavailable}ms,
     'and nobody is asked for a body';
ok $nginx->stop, 'quits';

done_testing;
