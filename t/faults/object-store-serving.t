#!/usr/bin/perl

# Images served out of an object store, as the snippets of conf/snippets have
# it: cached, signed for a private bucket, and while the store is away.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Server;
use Caphealth::Swift;
use Digest::MD5 qw(md5_hex);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Test::More;

my $build = $ENV{BUILD} || 'build';
my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

my ($swift, $why) = Caphealth::Swift->new('shop');

plan skip_all => $why if !$swift;

$swift->call('public', 'shop');

# --- images in the store: by a command that is tested elsewhere ---

my @photos = glob 'conf/demo-photos/*.jpg';

mkdir "$dir/tree";
system("$build/caphealth-converter --convert @photos $dir/tree > $dir/out") == 0
    or die "--convert failed\n";

my $parameters = $swift->parameters;

my $options = join ' ', map { "--$_" } split ' ', $parameters;

system("$build/caphealth-shipper --move $dir/tree s3://shop/images $options "
       . "> $dir/out") == 0
    or die "--move failed\n";

sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "open() \"$path\": $!\n";
    local $/ = undef;

    return <$file>;
}

my @keys = sort map { s{^\Q$dir\E/tree/}{}r }
           split /\n/, `find $dir/tree -name '*_800.webp'`;
my %file = map { $_ => slurp("$dir/tree/$_") } @keys;

is scalar @keys, 5, 'there are images in the store';

# --- an https in front of it, which notes what it is asked ---

system('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
       'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
       '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout',
       "$dir/key.pem", '-out', "$dir/cert.pem") == 0
    or die "openssl failed\n";

my $tls = Caphealth::Server::free_port();

# it adds what stores send, and answers some names of variants with an error

my @theirs = map { /^ *proxy_hide_header +(\S+);/mg }
             slurp('conf/snippets/object-store-private.conf');
my $theirs = join "\n", map { "add_header $_ theirs always;" } @theirs;
my @errors = (302, 308, 401, 410, 418, 429, 501, 507);
my $errors = join "\n", map { "location ~ _s$_ { return $_ '<Error>theirs'; }" }
                        @errors;

my $front = <<"END";
    log_format asked '\$request_method \$request_uri \$status cookie=\$http_cookie range=\$http_range';

    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate     $dir/cert.pem;
        ssl_certificate_key $dir/key.pem;
        access_log          $dir/asked.log asked;

        $theirs
        $errors

        location / {
            proxy_pass       $swift->{endpoint};
            proxy_set_header Host \$http_host;
        }
    }
END

# what the store was asked since the last time; nginx writes its log when the
# answer has been sent

my $seen = 0;

sub asked {
    my ($nginx, $n) = @_;
    my @lines;

    $nginx->until(sub {
        @lines = split /\n/, slurp("$dir/asked.log");
        return @lines >= $seen + $n;
    });

    my @new = @lines[$seen .. $#lines];
    $seen = @lines;

    return @new;
}

# snippet(NAME, PATTERN => TEXT, ...): what of it goes into http and what into
# server, with what is other in this test

sub snippet {
    my ($name, @other) = @_;

    my $text = slurp("conf/snippets/$name");
    my $cache = "$dir/cache" . $name;

    mkdir $cache;

    @other = (qr{/var/cache/nginx/images} => $cache,
              qr{(?=add_header X-Content-Type)} =>
                  "add_header X-Cache \$upstream_cache_status always;\n",
              @other);

    while (my ($like, $with) = splice @other, 0, 2) {
        $text =~ s/$like/$with/g or die "$name has no $like\n";
    }

    return split /^(?=location)/m, $text, 2;
}

sub private {
    my (%option) = @_;

    $parameters =~ s{endpoint=\S+}{endpoint=https://localhost:$tls};
    my $store = $option{parameters} // $parameters;

    my ($http, $locations) = snippet('object-store-private.conf',
        qr{caphealth_image_store \s [^;]+}x =>
            "caphealth_image_store s3://shop/images $store",
        qr{192\.0\.2\.21:8443} => "127.0.0.1:$tls",
        qr{/etc/ssl/certs/ca-certificates\.crt} => "$dir/cert.pem",
        @{ $option{other} // [] });

    return (http => ($option{front} // $front) . $http,
            locations => $locations);
}

# without TLS, and with a cache of its own

sub plain {
    my ($cache, $credentials) = @_;

    my $store = $parameters =~ s/endpoint=\S+/endpoint=$swift->{endpoint}/r;

    $store =~ s/credentials=\S+/credentials=$credentials/ if $credentials;

    return private(front => '', parameters => $store, other => [
        qr{/cacheobject} => "/cache-$cache-object",
        qr{127\.0\.0\.1:$tls} => $swift->{endpoint} =~ s{^http://}{}r,
        qr{https://object_store} => 'http://object_store' ]);
}

sub ask {
    my ($nginx, $method, $path, %headers) = @_;

    return $nginx->{client}->request($method,
        "http://127.0.0.1:$nginx->{port}$path", { headers => \%headers });
}

my $nginx = Caphealth::Server->new(private());

subtest 'a private bucket: signed, cached' => sub {
    my $answer = ask($nginx, 'GET', "/media/$keys[0]?v=1", Cookie => 'a=b',
                     'If-None-Match' => '"x"');

    is $answer->{status}, 200, 'an image';
    ok $answer->{content} eq $file{ $keys[0] }, 'its bytes';
    is $answer->{headers}{'x-cache'}, 'MISS', 'out of the store';
    is $answer->{headers}{'content-type'}, 'image/webp', 'its type';
    is $answer->{headers}{'cache-control'},
       'public, max-age=31536000, immutable', 'for ever';
    is $answer->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff';
    is $answer->{headers}{etag}, '"' . md5_hex($file{ $keys[0] }) . '"',
       'its entity tag';
    is_deeply [ grep { /^x-(?!cache|content)|cookie|expires|vary/
                       || $answer->{headers}{$_} =~ /theirs|ARRAY/ }
                keys %{ $answer->{headers} } ], [],
       'nothing that the store says of itself';
    is_deeply [ asked($nginx, 1) ],
       ["GET /shop/images/$keys[0] 200 cookie=- range=-"],
       'the store is asked for the key, and gets nothing of the client';

    my $hash = md5_hex("localhost:$tls/shop/images/$keys[0]");
    my ($two, $one) = $hash =~ /(..)(.)$/;

    ok $nginx->until(sub {
        -f "$dir/cacheobject-store-private.conf/$one/$two/$hash"
    }), 'in a file that can be found by the key';

    $answer = ask($nginx, 'GET', "/media/$keys[0]?v=2");
    is $answer->{headers}{'x-cache'}, 'HIT', 'then out of the cache';
    ok $answer->{content} eq $file{ $keys[0] }, 'the same bytes';

    $answer = ask($nginx, 'GET', "/media/$keys[0]",
                  'If-None-Match' => $answer->{headers}{etag});
    is $answer->{status}, 304, 'a client that has it';
    is_deeply [ asked($nginx, 0) ], [], 'the store is not asked again';
};

subtest 'HEAD, ranges' => sub {
    my $answer = ask($nginx, 'HEAD', "/media/$keys[1]");

    is $answer->{status}, 200, 'HEAD of one that is not cached';
    is $answer->{headers}{'content-length'}, length $file{ $keys[1] },
       'its length';
    is_deeply [ asked($nginx, 1) ],
       ["GET /shop/images/$keys[1] 200 cookie=- range=-"], 'fetches it';

    $answer = ask($nginx, 'GET', "/media/$keys[1]", Range => 'bytes=10-19');
    is $answer->{status}, 206, 'a range of one that is cached';
    is $answer->{content}, substr($file{ $keys[1] }, 10, 10), 'its bytes';

    $answer = ask($nginx, 'GET', "/media/$keys[2]", Range => 'bytes=10-19');
    is $answer->{status}, 206, 'a range of one that is not';
    is $answer->{content}, substr($file{ $keys[2] }, 10, 10), 'its bytes';
    is_deeply [ asked($nginx, 1) ],
       ["GET /shop/images/$keys[2] 200 cookie=- range=-"],
       'the store is asked for all of it';
};

subtest 'what is none of ours is never asked for' => sub {
    my $other = $keys[3] =~ s{^..}{ff}r;

    is ask($nginx, 'GET', "/media/$_")->{status}, 404, $_
        for '', '?list-type=2', '../', $other, "$keys[3]/", "$keys[3].png",
            ".$keys[3]", $keys[3] =~ s/800/../r, $keys[3] =~ s/webp/answer/r;

    is ask($nginx, $_, "/media/$keys[3]")->{status}, 405, $_
        for qw(POST PUT DELETE PATCH);

    is_deeply [ asked($nginx, 0) ], [], 'the store has heard of none';

    my $missing = $keys[3] =~ s/800/801/r;
    my $answer = ask($nginx, 'GET', "/media/$missing");

    is $answer->{status}, 404, 'an image that is not there';
    unlike $answer->{content}, qr/NoSuchKey|shop/, 'nothing of the store';
    is_deeply [ asked($nginx, 1) ],
       ["GET /shop/images/$missing 404 cookie=- range=-"], 'it was asked';
};

subtest 'errors of the store' => sub {
    my %expected = (410 => 404, 429 => 503, 507 => 503);

    for my $status (@errors) {
        my $missing = $keys[3] =~ s/800/s$status/r;
        my $answer = ask($nginx, 'GET', "/media/$missing");

        is $answer->{status}, $expected{$status} // 502, "its $status";
        unlike $answer->{content}, qr/theirs/, 'without its body';
        is_deeply [ grep { $answer->{headers}{$_} =~ /theirs|ARRAY/ }
                    keys %{ $answer->{headers} } ], [], 'and its headers';
    }

    asked($nginx, scalar @errors);
};

subtest 'many ask for one at once' => sub {
    my @sockets = map { IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $nginx->{port}) } 1 .. 20;

    print {$_} "GET /media/$keys[3] HTTP/1.0\r\n\r\n" for @sockets;

    my $good = grep {
        local $/ = undef;
        my $text = readline $_;
        $text =~ s/^.*?\r\n\r\n//s;
        $text eq $file{ $keys[3] };
    } @sockets;

    is $good, 20, 'all get it';
    is_deeply [ asked($nginx, 1) ],
       ["GET /shop/images/$keys[3] 200 cookie=- range=-"],
       'the store is asked once';
};

subtest 'what is uploaded is served, on every node' => sub {
    my %plain = plain('upload');
    my $node = Caphealth::Server->new(
        http => "caphealth_state_dir $dir/state; $plain{http}",
        locations => "location /upload {
                          caphealth_image_upload;
                          caphealth_image_delete on;
                          caphealth_image_url /media/;
                          client_max_body_size 32m;
                      } $plain{locations}");
    my $upload = sub {
        my ($method, $path, $body) = @_;

        return HTTP::Tiny->new(timeout => 60)->request($method,
            "http://127.0.0.1:$node->{port}$path", { content => $body // '' });
    };

    my $answer = $upload->('POST', '/upload', slurp($photos[0]));

    is $answer->{status}, 201, 'an upload' or diag $answer->{content};

    my $image = decode_json($answer->{content})->{images}[0];
    my %url = map { $_ => $image->{variants}{$_}{url} }
              keys %{ $image->{variants} };

    for my $name (sort keys %url) {
        my $here = ask($node, 'GET', $url{$name});

        is $here->{status}, 200, "$name, here";
        is length $here->{content}, $image->{variants}{$name}{bytes},
           'as long as the answer has it';
        is_deeply [ grep { /^x-(?!cache|content)|caphealth/ }
                    keys %{ $here->{headers} } ], [],
           'nothing that the store has of it beside its bytes';
    }

    is ask($nginx, 'GET', $url{200})->{status}, 200, 'and on another node';

    is $upload->('DELETE', "/upload/$image->{id}")->{status}, 204, 'DELETE';
    is ask($nginx, 'GET', $url{800})->{status}, 404, 'what was not cached';
    is ask($nginx, 'GET', $url{200})->{headers}{'x-cache'}, 'HIT',
       'what was stays until it is evicted';

    $node->stop;
};

subtest 'a bucket that everybody may read' => sub {
    my ($http, $locations) = snippet('object-store.conf',
        qr{192\.0\.2\.21:8080} => "unix:$dir/public",
        qr{object_store/shop} => 'object_store/v1/AUTH_test/shop');

    # other stores than Swift refuse what is not there

    my $refusing = "server { listen unix:$dir/public;
        location / { proxy_pass $swift->{endpoint}; }
        location ~ _s403 { return 403 theirs; } }\n";
    my $public = Caphealth::Server->new(http => $refusing . $http,
                                        locations => $locations);
    my $answer = ask($public, 'GET', "/media/$keys[0]");

    is $answer->{status}, 200, 'an image';
    ok $answer->{content} eq $file{ $keys[0] }, 'its bytes';
    is $answer->{headers}{'x-cache'}, 'MISS', 'out of the store';
    is $answer->{headers}{'content-type'}, 'image/webp', 'its type';
    is_deeply [ grep { /^x-(?!cache|content)|cookie|expires|vary/ }
                keys %{ $answer->{headers} } ], [],
       'nothing that the store says of itself';
    is ask($public, 'GET', "/media/$keys[0]")->{headers}{'x-cache'}, 'HIT',
       'then out of the cache';
    is ask($public, 'GET', "/media/$keys[1]", Range => 'bytes=0-9')->{status},
       206, 'a range';
    is ask($public, 'GET', '/media/' . $keys[1] =~ s{^..}{ff}r)->{status}, 404,
       'not the name of a variant';
    is ask($public, 'GET', '/media/' . $keys[1] =~ s/800/801/r)->{status}, 404,
       'not there';

    $answer = ask($public, 'GET', '/media/' . $keys[1] =~ s/800/s403/r);
    is $answer->{status}, 404, 'not there, in a bucket that may not be listed';
    unlike $answer->{content}, qr/theirs/, 'nothing of the store';

    is ask($public, 'POST', "/media/$keys[0]")->{status}, 405, 'POST';

    $public->stop;
};

subtest 'without the right signature' => sub {
    my $url = "$swift->{endpoint}/shop/images/$keys[0]";
    my $answer = HTTP::Tiny->new->get($url);

    ok $answer->{status} >= 400, "the store refuses who signs nothing: "
                                 . $answer->{status};

    my $path = "$dir/wrong";

    open my $file, '>', $path or die $!;
    print {$file} "[default]\naws_access_key_id = test:tester\n"
                  . "aws_secret_access_key = guessed\n";
    close $file;
    chmod 0600, $path;

    my $other = Caphealth::Server->new(plain('wrong', $path));

    $answer = ask($other, 'GET', "/media/$keys[0]");
    is $answer->{status}, 502, 'a wrong secret: the operator has to correct it';
    unlike $answer->{content}, qr/Signature|test:tester|shop/,
       'the client does not see it';

    $other->stop;
};

subtest 'the store is away' => sub {
    my $old = Caphealth::Server->new(private(front => '', other => [
        qr{/cacheobject} => '/cache-old-object', qr/200 60d/ => '200 1s' ]));

    is ask($old, 'GET', "/media/$keys[0]")->{status}, 200, 'it was there';

    $swift->stop;

    my $answer = ask($nginx, 'GET', "/media/$keys[0]");
    is $answer->{status}, 200, 'what is cached is served';
    is $answer->{headers}{'x-cache'}, 'HIT', 'as before';

    ok $old->until(sub {
        $answer = ask($old, 'GET', "/media/$keys[0]");
        $answer->{headers}{'x-cache'} ne 'HIT';
    }), 'what is too old';
    is $answer->{status}, 200, 'is served, too';
    like $answer->{headers}{'x-cache'}, qr/STALE|UPDATING/, 'as stale';
    ok $answer->{content} eq $file{ $keys[0] }, 'its bytes';

    $answer = ask($nginx, 'GET', "/media/$keys[4]");
    is $answer->{status}, 503, 'what is not cached: 503';
    is $answer->{headers}{'retry-after'}, 10, 'Retry-After';

    $old->stop;
};

$nginx->stop;

done_testing;
