# A report over HTTP/2, by curl: headers, conditions, methods.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Server;
use Test::More;

my $version = `$ENV{TEST_NGINX_BINARY} -V 2>&1`;

plan skip_all => 'nginx is built without HTTP/2'
    unless $version =~ /--with-http_v2_module/;

my ($minor) = $version =~ m{nginx/1\.(\d+)};
my ($listen, $http2) = $minor >= 25 ? ('', 'http2 on;') : (' http2', '');
my $port = Caphealth::Server::free_port();

my $nginx = Caphealth::Server->new(http => <<"END");
server {
    listen 127.0.0.1:$port$listen;
    $http2
    location = /health { caphealth_health; }
    location = /capacity { caphealth_capacity; }
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
is $nginx->logged(qr/\[(alert|crit|emerg|error)\]/), 0, 'nothing in the log';
ok $nginx->stop, 'quits';

done_testing;
