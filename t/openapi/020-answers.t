# Answers of a real server, of every operation and in many states, are what
# contrib/openapi.yaml says, and it says nothing that cannot be had.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Postgres;
use Caphealth::Server;
use Caphealth::Token qw(token key_file);
use Caphealth::Upload qw(photo strange form);
use File::Temp qw(tempdir);
use IPC::Open2 qw(open2);
use JSON::PP;
use Test::More;

my $codec = JSON::PP->new->utf8;

my $checker = open2(my $out, my $in, qw(python3 -W ignore), 't/openapi/check.py', '.');

sub ask {
    my ($question) = @_;

    print {$in} $codec->encode($question), "\n";
    $in->flush;

    return $codec->decode(readline $out // die "check.py has died\n");
}

# is_described(NAME, METHOD, PATH, RESPONSE): the path is the description's

sub is_described {
    my ($name, $method, $path, $response) = @_;

    my %headers = map { $_ => ref $response->{headers}{$_}
                              ? join ', ', @{ $response->{headers}{$_} }
                              : $response->{headers}{$_} }
                  keys %{ $response->{headers} };
    my $body = $response->{content} // '';

    utf8::decode($body);

    my $wrong = ask({ answer => {
        method  => $method,
        path    => $path,
        status  => $response->{status} + 0,
        headers => \%headers,
        body    => $body,
    } });

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return ok(!@$wrong, "$name: $method $path, $response->{status}")
           || diag join "\n", @$wrong;
}

# --- the server ---

my $base = '/platform';

my ($too_large) = slurp('conf/snippets/images.conf')
                  =~ /^(location \@image_too_large \{.*?^\}\n)/ms;

sub slurp {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!";
    local $/ = undef;

    return scalar <$file>;
}

my $fast = <<'END';
    client_max_body_size 48m;
    caphealth_refresh          1s;
    caphealth_database_refresh 1s;
    caphealth_timeout          1s;
    set_real_ip_from 127.0.0.1;
    real_ip_header   X-Client;
END

# server(http => ..., images => DIRECTIVES): with all that is described

sub server {
    my (%option) = @_;

    my $images = $option{images} // '';
    my $http = $option{http} // '';
    my $root = $option{root} // tempdir('caphealth-XXXXXX', TMPDIR => 1,
                                        CLEANUP => 1);

    my $keep = $option{keep} // "caphealth_image_root $root;";

    chmod 0755, $root;

    my $self = Caphealth::Server->new(
        main => $option{main} // '',
        http => "$fast $http",
        locations => <<"END",
    location = $base/health { caphealth_health; }
    location = $base/capacity { caphealth_capacity; }
    location = $base/image-stats { caphealth_image_stats; }
    location = $base/image-owners {
        caphealth_image_owners;
        caphealth_image_root $root;
    }
    location = $base/history { caphealth_history; }
    location = $base/nodes { caphealth_nodes; }
    location = /metrics { caphealth_metrics; }
    location = $base/live { caphealth_probe live; }
    location = $base/ready { caphealth_probe ready; }
    location /admin/platform-health {
        caphealth_dashboard health=$base/health capacity=$base/capacity;
    }
    location $base/images {
        caphealth_image_upload;
        caphealth_image_delete on;
        $keep
        caphealth_image_url /media/;
        error_page 413 = \@image_too_large;
        $images
    }
    $too_large
END
    );

    $self->{root} = $root;

    return $self;
}

sub request {
    my ($nginx, $method, $path, $headers, $content) = @_;

    my %option = (headers => $headers // {});

    $option{content} = $content if defined $content;

    return HTTP::Tiny->new(timeout => 60)->request($method,
        "http://127.0.0.1:$nginx->{port}$path", \%option);
}

my @reads = ('/metrics',
             map { "$base/$_" } qw(health capacity image-stats live ready));
my $health_json = { Accept => 'application/health+json' };

# everything that can be read, in the state that the server is in

sub reads {
    my ($nginx, $state) = @_;

    for my $path (@reads) {
        my $get = request($nginx, 'GET', $path);

        is_described($state, 'GET', $path, $get);
    }

    is_described($state, 'GET', "$base/health",
                 request($nginx, 'GET', "$base/health", $health_json));
    is_described($state, 'GET', '/metrics', request($nginx, 'GET', '/metrics',
        { Accept => 'application/openmetrics-text' }));
    is_described($state, 'GET', "$base/history",
                 request($nginx, 'GET', "$base/history$_->[0]", $_->[1]))
        for [''], ['?window=2d'], ['?window=1d'],
            ['?from=2026-01-01T00:00:00Z&series=cpu_percent'],
            ['?window=2d', { Accept => 'text/csv' }];
    is_described($state, 'GET', "$base/capacity",
                 request($nginx, 'GET', "$base/capacity?vendors=list&limit=2"));
    is_described($state, 'GET', "$base/capacity",
                 request($nginx, 'GET', "$base/capacity?vendors=list&limit=0"));
    is_described($state, 'GET', "$base/nodes",
                 request($nginx, 'GET', "$base/nodes"));
    is_described("$state, verbose", 'GET', $_,
                 request($nginx, 'GET', "$_?verbose&exclude=disk&exclude=x"))
        for "$base/live", "$base/ready";
    is_described($state, 'GET', '/admin/platform-health',
                 request($nginx, 'GET', '/admin/platform-health'));

    return;
}

sub health { return $_[0]->json("$base/health") }

# --- the states ---

subtest 'nothing is collected yet' => sub {
    my $helpers = silent();
    my $nginx = server(http => "caphealth_helper_dir $helpers;
                                caphealth_database sqlite:" . shop('n') . ';');

    reads($nginx, 'nothing');
    is health($nginx)->{overall_status}, 'unknown', 'it is as it was meant';
    ok $nginx->stop, 'quits';
};

subtest 'well, then grown, then without a database' => sub {
    my $vendors = join ',', map { "('Vendor $_')" } 1 .. 40;
    my $database = shop('well', <<"END");
INSERT INTO vendors (name) VALUES $vendors, (NULL), ('Ünïcode "q"');
INSERT INTO products (vendor_id) SELECT id FROM vendors;
INSERT INTO orders (created_at) VALUES (datetime('now'));
END
    my $nginx = server(
        http => "caphealth_database sqlite:$database; caphealth_disk /;
                 caphealth_disk /tmp; caphealth_image_scan 1s;
                 caphealth_threshold cpu_percent    off;
                 caphealth_threshold memory_percent warning=100 critical=100;
                 caphealth_threshold disk_percent   warning=100 critical=100;");

    # but for the CPU, which on a busy machine is at 100 %

    my $report = $nginx->report("$base/health", sub {
        !grep { $_->{status} ne 'ok' } @{ $_->{thresholds} }[0 .. 4];
    });

    is_deeply [ map { $_->{status} } @{ $report->{thresholds} }[0 .. 4] ],
              [ ('ok') x 5 ], 'it is well';
    reads($nginx, 'well');
    is $report->{recommendations}[-1]{code}, 'tier-next', 'and large';

    # what has not changed, and HEAD

    for my $path ("$base/health", "$base/capacity") {
        is_described('If-None-Match', 'GET', $path,
            request($nginx, 'GET', $path, { 'If-None-Match' => '*' }));
    }

    # the statistics have a tag that outlives the second; a scan may end

    my ($stats, $seen) = ("$base/image-stats");

    ok $nginx->until(sub {
        my $tag = request($nginx, 'GET', $stats)->{headers}{etag};

        $seen = request($nginx, 'GET', $stats, { 'If-None-Match' => $tag });
        $seen->{status} == 304;
    }), 'the same tag comes again';
    is_described('If-None-Match', 'GET', $stats, $seen);

    for my $path (@reads, '/admin/platform-health') {
        my $head = request($nginx, 'HEAD', $path);

        like $head->{status}, qr/^(200|503)$/, "HEAD $path";
        is $head->{content} // '', '', 'has no body';
        cmp_ok $head->{headers}{'content-length'}, '>', 0, 'has a length';
    }

    # who may not, and how not

    # the history: once there is one, and without one

    my $past = "$base/history";

    $nginx->until(sub { request($nginx, 'GET', $past)->{status} == 200 });
    $seen = request($nginx, 'GET', $past);
    is_described('a history', 'GET', $past, $seen);
    is_described('the same', 'GET', $past, request($nginx, 'GET', $past,
        { 'If-None-Match' => $seen->{headers}{etag} }));

    for my $path (@reads, $past, "$base/nodes", '/admin/platform-health') {
        is_described('elsewhere', 'GET', $path,
            request($nginx, 'GET', $path, { 'X-Client' => '192.0.2.7' }));
        is_described('a method', 'PUT', $path, request($nginx, 'PUT', $path));
    }

    # the page's files

    my $page = request($nginx, 'GET', '/admin/platform-health')->{content};
    my ($version) = $page =~ m{/admin/platform-health/([0-9a-f]{16})/};
    my $file = '/admin/platform-health/{version}/{file}';

    for my $name (qw(page.css page.js texts.json icon-healthy.svg)) {
        my $path = "/admin/platform-health/$version/$name";

        is_described($name, 'GET', $file, request($nginx, 'GET', $path));
        is_described($name, 'GET', $file,
            request($nginx, 'GET', $path, { 'If-None-Match' => '*' }));
        is_described($name, 'PUT', $file, request($nginx, 'PUT', $path));
        is_described($name, 'GET', $file,
            request($nginx, 'GET', $path, { 'X-Client' => '192.0.2.7' }));
    }

    is_described('no file', 'GET', $file,
        request($nginx, 'GET', "/admin/platform-health/$version/none"));

    # a table is gone

    system('sqlite3', $database, 'DROP TABLE orders') == 0 or die;
    $nginx->report("$base/health", sub { $_->{database}{error} });
    reads($nginx, 'a table is gone');
    is health($nginx)->{database}{reachable}, JSON::PP::true, 'reachable';

    # the database is gone, with good numbers of before, and then stale ones

    rename $database, "$database.away" or die $!;
    $nginx->report("$base/health", sub { !$_->{database}{reachable} });
    reads($nginx, 'the database is gone');
    $nginx->report("$base/health", sub { $_->{database}{stale} });
    reads($nginx, 'the database is stale');

    # other bounds

    $nginx->configure(http => "$fast caphealth_database sqlite:$database;
                               caphealth_disk /;
                               caphealth_threshold memory_percent warning=0 critical=100;
                               caphealth_threshold disk_percent warning=0 critical=0;
                               caphealth_tier A max_clients=2; caphealth_tier B;");
    $nginx->reload;
    $nginx->report("$base/health", sub { $_->{database}{error} });
    reads($nginx, 'other bounds');

    # neither a database nor images

    my $locations = $nginx->{locations} =~ s/location \Q$base\E\/images \{.*?\n    \}\n//sr;

    $nginx->configure(http => $fast, locations => $locations);
    $nginx->reload;
    $nginx->report("$base/health", sub { defined $_->{system}{cpu_percent} });
    reads($nginx, 'neither database nor images');
    is health($nginx)->{database}{configured}, JSON::PP::false, 'it is off';
    ok $nginx->stop, 'quits';
};

subtest 'the collector falls silent' => sub {
    my $helpers = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $build = $ENV{BUILD} || 'build';

    chmod 0755, $helpers;
    system("cp $build/caphealth-* $helpers/") == 0 or die;

    my $nginx = server(http => "caphealth_helper_dir $helpers;");

    $nginx->report("$base/health", sub { defined $_->{system}{cpu_percent} });

    system('cp', silent() . '/caphealth-collector', "$helpers/silent") == 0
        or die;
    rename "$helpers/silent", "$helpers/caphealth-collector" or die $!;
    kill KILL => $nginx->collectors;

    $nginx->report("$base/health", sub { $_->{stale} });
    reads($nginx, 'stale');
    is health($nginx)->{overall_status}, 'unknown', 'it is as it was meant';
    ok $nginx->stop, 'quits';
};

# --- uploads ---

my $photo = photo('600x400');
my $path = "$base/images";
my $one = "$base/images/{id}";

sub posted {
    my ($nginx, $name, $content, $headers) = @_;

    my $response = request($nginx, 'POST', $path, $headers, $content);

    is_described($name, 'POST', $path, $response);

    return $response;
}

subtest 'uploads' => sub {
    my $nginx = server(http => 'caphealth_image_max_files 2;
                                caphealth_image_memory 64m;
                                caphealth_image_scan 1s;');

    my $response = posted($nginx, 'a photo', $photo);
    my $id = decode_json($response->{content})->{images}[0]{id};

    posted($nginx, 'PNG', photo('60x40', 'png'));
    posted($nginx, 'a form of two', form('a.jpg', $photo, 'b.webp',
                                         photo('30x30', 'webp')));
    reads($nginx, 'with images');
    $nginx->report("$base/image-stats",
                   sub { $_->{roots}[0]{last_full_scan} });
    reads($nginx, 'after a scan');

    my ($form, $type) = form('a.jpg', $photo);

    posted($nginx, 'malformed', substr($form, 0, 100), $type);
    posted($nginx, 'no image', form());

    my $alt = "--b1234\r\nContent-Disposition: form-data; name=alt\r\n\r\n";

    posted($nginx, 'a description', "${alt}A chair\r\n$form", $type);
    posted($nginx, 'a description in Latin-1', "${alt}caf\xe9\r\n$form", $type);
    posted($nginx, 'three files', form(map { ($_, $photo) } 1 .. 3));
    posted($nginx, 'a large file', "\xff\xd8\xff" . 'x' x (40 * 1048576));
    posted($nginx, 'a large body', 'x' x (49 * 1048576));
    posted($nginx, 'a text', 'Dear sir or madam');
    posted($nginx, 'half a photo', substr $photo, 0, 200);
    posted($nginx, 'another site', $photo,
           { 'Sec-Fetch-Site' => 'cross-site' });
    posted($nginx, 'elsewhere', $photo, { 'X-Client' => '192.0.2.7' });
    is_described('GET', 'GET', $path, request($nginx, 'GET', $path));

    is_described('elsewhere', 'DELETE', $one,
        request($nginx, 'DELETE', "$path/$id", { 'X-Client' => '192.0.2.7' }));
    is_described('another site', 'DELETE', $one,
        request($nginx, 'DELETE', "$path/$id",
                { 'Sec-Fetch-Site' => 'cross-site' }));
    is_described('GET', 'GET', $one, request($nginx, 'GET', "$path/$id"));
    is_described('it goes', 'DELETE', $one,
        request($nginx, 'DELETE', "$path/$id"));
    is_described('it is gone', 'DELETE', $one,
        request($nginx, 'DELETE', "$path/$id"));

    # a directory in the place of a file cannot be unlinked

    $id = 'abcd' . '0' x 28;

    mkdir "$nginx->{root}/ab";
    mkdir "$nginx->{root}/ab/cd";
    mkdir "$nginx->{root}/ab/cd/${id}_$_.webp" for qw(original 800 200);

    is_described('it cannot be removed', 'DELETE', $one,
        request($nginx, 'DELETE', "$path/$id"));

    # a root that cannot be read

    rename $nginx->{root}, "$nginx->{root}.away" or die $!;
    $nginx->report("$base/image-stats", sub { $_->{error} });
    reads($nginx, 'the root is gone');
    rename "$nginx->{root}.away", $nginx->{root} or die $!;
    ok $nginx->stop, 'quits';
};

subtest 'tokens and owners' => sub {
    my $keys = key_file('a ' . '0f' x 32);
    my $nginx = server(images => "caphealth_image_tokens $keys;
                                  caphealth_image_owner \$http_x_owner;
                                  caphealth_image_quota images=1;");
    my $bearer = sub {
        my (%claims) = @_;

        return { Authorization => 'Bearer '
                 . token({ kid => 'a', secret => '0f' x 32 },
                         exp => time + 600, %claims) };
    };
    my $mine = $bearer->(sub => 'vendor-7', delete => JSON::PP::true);
    my $response = posted($nginx, 'with a token', $photo, $mine);
    my $id = decode_json($response->{content})->{images}[0]{id};
    my $owners = "$base/image-owners";

    posted($nginx, 'one too many', $photo, $mine);
    posted($nginx, 'without a token', $photo);
    posted($nginx, 'with an old token', $photo, $bearer->(exp => 1));
    posted($nginx, 'without an owner', $photo, $bearer->());
    posted($nginx, 'with an owner that is none', $photo,
           { %{ $bearer->() }, 'X-Owner' => 'x' x 81 });

    is_described('owners', 'GET', $owners, request($nginx, 'GET', $owners));
    is_described('an argument', 'GET', $owners,
        request($nginx, 'GET', "$owners?limit=0"));
    is_described('POST', 'GET', $owners, request($nginx, 'POST', $owners));
    is_described('elsewhere', 'GET', $owners,
        request($nginx, 'GET', $owners, { 'X-Client' => '192.0.2.7' }));

    for my $case ([ 'without a token' ], [ 'no token', $bearer->(exp => 1) ],
                  [ 'a token for uploads', $bearer->() ],
                  [ 'of the owner', $mine ])
    {
        my ($name, $headers) = @$case;

        is_described($name, 'DELETE', $one,
            request($nginx, 'DELETE', "$path/$id", $headers));
    }

    ok $nginx->stop, 'quits';
};

subtest 'uploads that are repeated' => sub {
    my $nginx = server(images => 'caphealth_image_id key;');
    my %key = ('Idempotency-Key' => '"8e03978e-40d5-43dd-bc93-6894a57f9324"');

    posted($nginx, 'no key', $photo);
    posted($nginx, 'the first', $photo, \%key);
    posted($nginx, 'the second', $photo, \%key);
    posted($nginx, 'another', photo('50x40'), \%key);

    my @converters = Caphealth::Upload::converters($nginx);

    kill STOP => @converters;

    my $first = Caphealth::Upload::raw($nginx,
        "POST $path HTTP/1.0\r\nIdempotency-Key: b\r\nContent-Length: "
        . length($photo) . "\r\n\r\n$photo");

    ok $nginx->until(sub { glob "$nginx->{root}/*/*/.*.tmp" }), 'one waits';
    posted($nginx, 'the same at once', $photo, { 'Idempotency-Key' => 'b' });
    kill CONT => @converters;
    like join('', <$first>), qr/^HTTP\S+ 201 /, 'the first is stored';
    ok $nginx->stop, 'quits';

    $nginx = server(images => 'caphealth_image_id content;');

    my $response = posted($nginx, 'new bytes', $photo);

    posted($nginx, 'the same bytes', $photo);

    my $id = decode_json($response->{content})->{images}[0]{id};

    is_described('it is shared', 'DELETE', $one,
        request($nginx, 'DELETE', "$path/$id"));
    is_described('by force', 'DELETE', $one,
        request($nginx, 'DELETE', "$path/$id?force=1"));
    ok $nginx->stop, 'quits';
};

subtest 'uploads that fail for the server\'s sake' => sub {
    my $helpers = Caphealth::Upload::strange_helpers();
    my $http = "caphealth_helper_dir $helpers; caphealth_image_timeout 1s;
                caphealth_image_priority normal;";
    my $nginx = server(http => $http);

    posted($nginx, 'no room', strange('full'));

    my $response;

    $nginx->until(sub {
        Caphealth::Upload::prefer($nginx);
        $response = request($nginx, 'POST', $path, {}, strange('hang'));
        $response->{status} == 422;
    });
    is_described('too long', 'POST', $path, $response);

    # files in the places of directories

    system("rm -rf $nginx->{root}/*") == 0 or die;

    for (0 .. 255) {
        open my $shard, '>', sprintf '%s/%02x', $nginx->{root}, $_ or die $!;
        close $shard or die $!;
    }

    posted($nginx, 'no shard', strange('well'));
    ok $nginx->stop, 'quits';

    # one that is converted for long, one that waits, and one too many

    $nginx = server(http => "caphealth_helper_dir $helpers;
                             caphealth_image_queue 1;
                             caphealth_image_timeout 20s;");

    my @waiting = map {
        Caphealth::Upload::raw($nginx,
            "POST $path HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n"
            . "\r\n" . strange('sleep'));
    } 1 .. 2;

    $nginx->until(sub {
        $response = request($nginx, 'POST', $path, {}, strange('well'));
        $response->{status} == 503;
    });
    is_described('the queue is full', 'POST', $path, $response);
    like $response->{content}, qr/queue-full/, 'it is as it was meant';
    close $_ for @waiting;
    ok $nginx->stop('TERM'), 'ends';

    # the only thread waits until nobody writes to a file any more, in vain

    $nginx = server(http => "caphealth_helper_dir $helpers;",
                    main => 'thread_pool default threads=1 max_queue=0;');

    $nginx->until(sub {
        request($nginx, 'GET', "$base/history")->{status} == 200
    });

    for my $case ([ GET => "$base/history?series=status" ],
                  [ POST => $path, strange('well') ],
                  [ DELETE => "$path/" . '0' x 32 ])
    {
        my ($method, $uri, $content) = @$case;

        $nginx->until(sub {
            push @waiting, Caphealth::Upload::raw($nginx,
                "POST $path HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7"
                . "\r\n\r\n" . strange('keep'));
            $response = request($nginx, $method, $uri, {}, $content);
            $response->{status} == 503;
        });
        is_described("no thread for $method", $method,
                     $method eq 'GET' ? "$base/history"
                     : $path . ($content ? '' : '/{id}'), $response);
        like $response->{content}, qr/server-busy/, 'it is as it was meant';
    }

    close $_ for @waiting;
    ok $nginx->stop('TERM'), 'ends';

    # no history

    $nginx = server(http => 'caphealth_history off;');
    is_described('off', 'GET', "$base/history",
                 request($nginx, 'GET', "$base/history"));
    ok $nginx->stop, 'quits';

    # no converter

    my $none = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

    chmod 0755, $none;
    system("cp $helpers/caphealth-collector $none/;
            cp /bin/false $none/caphealth-converter") == 0 or die;

    $nginx = server(http => "caphealth_helper_dir $none;");
    posted($nginx, 'no converter', $photo);
    ok $nginx->stop, 'quits';

    # no shipper

    system("cp $helpers/caphealth-converter $none/;
            cp /bin/false $none/caphealth-shipper") == 0 or die;

    open my $credentials, '>', "$none/credentials" or die "$!\n";
    print {$credentials} "[default]\naws_access_key_id=a\n"
                         . "aws_secret_access_key=b\n";
    close $credentials;

    $nginx = server(http => "caphealth_helper_dir $none;",
                    keep => 'caphealth_image_store s3://shop'
                            . ' endpoint=http://127.0.0.1:1 region=none'
                            . " credentials=$none/credentials;");

    is_described('no shipper', 'DELETE', "$path/{id}",
                 request($nginx, 'DELETE', "$path/" . '0' x 32));
    posted($nginx, 'no shipper', $photo);
    ok $nginx->stop, 'quits';
};

subtest 'a fleet' => sub {
    my $postgres = Caphealth::Postgres->new;
    my $nodes = "$base/nodes";

    $postgres->shop('');
    $postgres->fleet;
    $postgres->sql(<<'END');
INSERT INTO caphealth.nodes (name, instance, started, reported, seconds,
    version, state, cause, shop, report)
VALUES ('silent', 'x', now(), now() - interval '1 hour', 10, '0.1.0',
        'healthy', '', false, '{}')
END

    my $nginx = server(http => 'caphealth_fleet ' . $postgres->fleet_url
                               . ' node=one; caphealth_database '
                               . $postgres->url . ';
                 caphealth_threshold cpu_percent    off;
                 caphealth_threshold memory_percent warning=100 critical=100;
                 caphealth_threshold disk_percent   warning=100 critical=100;');

    reads($nginx, 'a fleet that is not known yet');

    my $report = $nginx->report($nodes, sub {
        @{ $_->{nodes} } == 2 && $_->{database_from}
    });

    is $report->{platform_status}, 'unknown', 'it is as it was meant';
    reads($nginx, 'a fleet');

    my $seen;

    ok $nginx->until(sub {
        my $tag = request($nginx, 'GET', $nodes)->{headers}{etag};

        $seen = request($nginx, 'GET', $nodes, { 'If-None-Match' => $tag });
        $seen->{status} == 304;
    }), 'the same tag comes again';
    is_described('If-None-Match', 'GET', $nodes, $seen);

    $postgres->stop;
    $nginx->report($nodes, sub { $_->{error} });
    reads($nginx, "without the fleet's database");
    ok $nginx->stop, 'quits';
};

# --- as a whole ---

is_deeply ask({ seen => [] }), [],
          'every response that is described has been seen';
is_deeply ask({ code => 1 }), [], 'the description and the sources agree';

# a description that is compared with nothing would pass all of this

subtest 'the check can fail' => sub {
    my %answer = (method => 'GET', path => "$base/live", status => 200,
                  headers => { 'content-type' => 'text/plain',
                               'cache-control' => 'no-store' },
                  body => "ok\n");
    my $wrong = sub { scalar @{ ask({ answer => { %answer, @_ } }) } };

    is $wrong->(), 0, 'a good one';
    isnt $wrong->(status => 418), 0, 'another status';
    isnt $wrong->(body => "fine\n"), 0, 'another text';
    isnt $wrong->(headers => { 'content-type' => 'text/plain' }), 0,
         'a header is missing';
    isnt $wrong->(path => "$base/capacity", body => '{}'), 0,
         'another media type';

    my $nginx = Caphealth::Server->new(http => $fast);
    my $health = $nginx->json('/health');
    my %json = (path => "$base/health",
                headers => { 'content-type' => 'application/json',
                             'cache-control' => 'private, no-cache',
                             etag => '"1"', vary => 'Accept' });

    is $wrong->(%json, body => encode_json($health)), 0, 'a health report';

    for my $change (
        sub { delete $_[0]{tiers} },
        sub { $_[0]{systems} = delete $_[0]{system} },
        sub { $_[0]{more} = 1 },
        sub { delete $_[0]{thresholds}[5]{percent_used} },
        sub { @{ $_[0]{thresholds} } = reverse @{ $_[0]{thresholds} } },
        sub { $_[0]{disks}[0]{read_only} = 'no' },
        sub { $_[0]{timestamp} = '2026-11-24 12:00:00' },
        sub { $_[0]{overall_status} = 'fine' },
    ) {
        my $copy = decode_json(encode_json($health));

        $change->($copy);
        isnt $wrong->(%json, body => encode_json($copy)), 0, 'a change';
    }

    ok $nginx->stop, 'quits';
};

close $in;
waitpid $checker, 0;
is $?, 0, 'check.py ends well';

done_testing;
