# Each endpoint within "limit_except" and "if", which are locations of their
# own: permitted clients reach it, and all others are refused.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Server;
use Caphealth::Upload qw(photo form);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;

my $photo = photo('40x30');
my ($form, $headers) = form('a.jpg' => $photo);

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $dir;

my %endpoint = (
    health   => 'caphealth_health;',
    capacity => 'caphealth_capacity;',
    stats    => 'caphealth_image_stats;',
    metrics  => 'caphealth_metrics;',
    live     => 'caphealth_probe live;',
    ready    => 'caphealth_probe ready fresh;',
    page     => 'caphealth_dashboard health=/health capacity=/capacity '
                . 'images=/stats upload=/upload;',
    upload   => 'caphealth_image_upload; caphealth_image_delete on; '
                . "caphealth_image_source $dir/sources;",
);

# all methods are limited, so that each is answered within "limit_except"

my %limit = (
    open   => 'limit_except OPTIONS { allow 127.0.0.1; deny all; }',
    closed => 'limit_except OPTIONS { deny all; }',
    basic  => 'limit_except OPTIONS { auth_basic shop; '
              . 'auth_basic_user_file users; }',
    some   => 'limit_except GET { deny all; }',
    if     => 'if ($request_method != OPTIONS) { set $a 1; }',
    both   => 'if ($arg_a) { set $a 1; } '
              . 'limit_except OPTIONS { allow 127.0.0.1; deny all; }',
);

my $locations = join "\n", map {
    my $limit = $_;

    map {
        "location /$limit/$_ { caphealth_image_variant original; "
        . "$endpoint{$_} $limit{$limit} }"
    } sort keys %endpoint;
} sort keys %limit;

# in other locations, whose own rules are others

$locations .= <<'END';
location /outer {
    deny all;
    location /outer/inner {
        allow all;
        caphealth_image_upload;
        caphealth_image_delete on;
        limit_except GET { allow 127.0.0.1; deny all; }
        location /outer/inner/health {
            caphealth_health;
            limit_except POST { allow 127.0.0.1; deny all; }
        }
        location /outer/inner/none { }
    }
}
END

my $nginx = Caphealth::Server->new(http => <<"END", locations => <<"END2");
root empty;
caphealth_image_root $dir/images;
END
location = /stats { caphealth_image_stats; }
location /upload { caphealth_image_upload; }
$locations
END2

mkdir "$nginx->{prefix}/empty";

open my $users, '>', "$nginx->{prefix}/users" or die "users: $!";
print {$users} "admin:{PLAIN}secret\n";
close $users;

my $http = $nginx->{client};
my $url = "http://127.0.0.1:$nginx->{port}";
my %user = (Authorization => 'Basic YWRtaW46c2VjcmV0');

sub status {
    my ($method, $path, %option) = @_;

    return $http->request($method, "$url$path", \%option)->{status};
}

# what is stored there, and removed again

sub keep {
    my ($path, %more) = @_;

    my $answer = $http->request('POST', "$url$path",
                                { content => $form,
                                  headers => { %$headers, %more } });

    return $answer->{status} if $answer->{status} != 201;

    my $id = decode_json($answer->{content})->{images}[0]{id};

    return "201 " . status('DELETE', "$path/$id", headers => \%more);
}

$nginx->report('/health', sub { defined $_->{system}{cpu_percent} });

for my $name (grep { $_ ne 'upload' } sort keys %endpoint) {
    is status('GET', "/$_/$name"), 200, "$name, $_" for qw(open some if both);

    is status('HEAD', "/open/$name"), 200, "$name, HEAD";
    is status('GET', "/both/$name?a=1"), 200, "$name, both, the if taken";
    is status('GET', "/closed/$name"), 403, "$name, closed";
    is status('POST', "/some/$name"), 403, "$name, closed to POST";
    is status('POST', "/open/$name"), 405, "$name, no POST";
    is status('GET', "/basic/$name"), 401, "$name, nobody";
    is status('GET', "/basic/$name", headers => \%user), 200,
       "$name, somebody";
}

is keep("/$_/upload"), '201 204', "upload, $_" for qw(open if both);
is keep("/basic/upload", %user), '201 204', 'upload, somebody';
is keep("/$_/upload"), 403, "upload, $_" for qw(closed some);
is keep('/basic/upload'), 401, 'upload, nobody';
is status('GET', "/$_/upload"), 405, "upload, no GET, $_" for qw(open some if);
is status('OPTIONS', '/closed/upload'), 405, 'upload, what is not limited';

is keep('/outer/inner'), '201 204', 'upload, in another location';
is status('GET', '/outer/inner'), 405, 'upload there, no GET';
is status('GET', '/outer/inner/health'), 200, 'a report in that one';
is status('GET', '/outer/inner/none'), 404, 'a location without endpoint';
is status('POST', '/outer/inner/none'), 404, 'nor has it that around it';
is status('GET', '/outer'), 403, 'nor do they open the one around them';

is `find $dir/images $dir/sources -type f`, '', 'what was stored is removed';
is $nginx->logged(qr/\[alert\]|\[crit\]/), 0, 'nothing is wrong';
ok $nginx->stop, 'quits';

done_testing;
