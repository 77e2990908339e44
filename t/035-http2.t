# HTTP/2, by curl: a report's headers, conditions and methods; uploads, small,
# large, and given up.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Server;
use Caphealth::Upload qw(photo strange);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;

my $version = `$ENV{TEST_NGINX_BINARY} -V 2>&1`;

plan skip_all => 'nginx is built without HTTP/2'
    unless $version =~ /--with-http_v2_module/;

my ($minor) = $version =~ m{nginx/1\.(\d+)};
my ($listen, $http2) = $minor >= 25 ? ('', 'http2 on;') : (' http2', '');
my $port = Caphealth::Server::free_port();
my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $helpers = Caphealth::Upload::strange_helpers();

chmod 0755, $dir;

my $nginx = Caphealth::Server->new(http => <<"END");
caphealth_helper_dir $helpers;
caphealth_image_root $dir/images;
caphealth_image_url /media/;
server {
    listen 127.0.0.1:$port$listen;
    $http2
    location = /health { caphealth_health; }
    location = /capacity { caphealth_capacity; }
    location /upload {
        caphealth_image_upload;
        caphealth_image_delete on;
        client_max_body_size 32m;
    }
    location /media/ { alias $dir/images/; }
}
END

my @curl = qw(curl -s --http2-prior-knowledge --max-time 10);
my $url = "http://127.0.0.1:$port";

sub curl {
    open my $pipe, '-|', @curl, @_ or die "curl: $!\n";

    return join '', <$pipe>;
}

$nginx->report('/health', sub { defined $_->{system}{cpu_percent} });

like curl('-i', "$url/health"),
     qr{^HTTP/2 200 .*\netag: "[^"]+"\r\n.*cache-control: private, no-cache.*\r\n\r\n\{"system":.*\}\n$}s,
     'a report';
like curl('-i', '-H', 'If-None-Match: *', "$url/capacity"),
     qr{^HTTP/2 304 (?!.*content-length)}s, 'a condition';
like curl('-I', "$url/health"), qr{^HTTP/2 200 .*content-length: [1-9]}s,
     'HEAD';
like curl('-i', '-X', 'DELETE', "$url/health"),
     qr{^HTTP/2 405 .*allow: GET, HEAD\r.*"status":405}s, 'DELETE';

# an image that the converter of t/strange takes for a real one, of any size

sub file {
    my ($name, $bytes) = @_;

    open my $file, '>', "$dir/$name" or die "$name: $!\n";
    print {$file} $bytes;
    close $file or die "$name: $!\n";

    return "$dir/$name";
}

my $small = file('small.jpg', strange('well'));
my $large = file('large.jpg', strange('well') . 'x' x 3000000);
my $slow = file('slow.jpg', strange('slow'));

for my $case ([ 'a form', '-F', "file=\@$small" ],
              [ 'a body', '--data-binary', "\@$small" ],
              [ 'a large body', '--data-binary', "\@$large" ],
              [ 'a form of two', '-F', "a=\@$large", '-F', "b=\@$small" ])
{
    my ($name, @arguments) = @$case;
    my ($head, $body) = split /\r\n\r\n/,
                              curl('-i', @arguments, "$url/upload"), 2;

    like $head, qr{^HTTP/2 201 }, $name;

    for my $image (@{ decode_json($body)->{images} }) {
        like curl('-I', $url . $image->{variants}{800}{url}),
             qr{^HTTP/2 200 }, 'it is served';
        like curl('-i', '-X', 'DELETE', "$url/upload/$image->{id}"),
             qr{^HTTP/2 204 }, 'and removed';
    }
}

like curl('-i', '-F', 'file=text', "$url/upload"),
     qr{^HTTP/2 400 .*problem:no-image}s, 'no image';
is curl('--max-time', '0.5', '--data-binary', "\@$slow", "$url/upload"), '',
   'a client that gives up';
like curl('-i', '--data-binary', "\@$small", "$url/upload"),
     qr{^HTTP/2 201 }, 'the next upload works';
is `find $dir/images -type f | wc -l` + 0, 3, 'nothing else is there';
is $nginx->logged(qr/\[(alert|crit|emerg|error)\]/), 0, 'nothing in the log';
ok $nginx->stop, 'quits';

done_testing;
