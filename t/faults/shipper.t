# What a worker makes of its shipper's answers, and of none: by a shipper that
# does what the bucket's name says, t/strange/ship.c.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Postgres;
use Caphealth::Token qw(token key_file);
use Caphealth::Upload qw(photo form);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

my $build = $ENV{BUILD} // 'build';
my $photo = photo('640x480');
my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $helpers = "$dir/helpers";

chmod 0755, $dir;
mkdir $helpers or die "$!\n";
system('cp', "$build/caphealth-collector", "$build/caphealth-converter",
       "$build/strange/caphealth-shipper", "$helpers/") == 0 or die;

# store(BUCKET, %option): an nginx with such a store

my $number = 0;

sub store {
    my ($bucket, %option) = @_;

    my $parameters = $option{parameters} // '';
    my $locations = $option{locations} // '';
    my $asked = "$dir/asked" . ++$number;

    open my $credentials, '>', "$dir/credentials$number" or die "$!\n";
    chmod 0600, "$dir/credentials$number";
    print {$credentials} "[default]\naws_access_key_id = $asked\n"
                         . "aws_secret_access_key = hidden-$number\n";
    close $credentials;

    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers; "
                . ($option{http} // 'caphealth_image_scan off;'),
        keep => "caphealth_image_store s3://$bucket
                     endpoint=http://127.0.0.1:1 region=none
                     credentials=$dir/credentials$number $parameters;",
        location => 'caphealth_image_delete on; '
                    . ($option{location} // ''),
        main => $option{main} // '',
    );

    $nginx->{asked} = $asked;

    return $nginx;
}

# what the shipper was asked for: the lines of that kind

sub asked {
    my ($nginx, $what) = @_;

    open my $file, '<', $nginx->{asked} or return;

    return map { /^$what (.*)/ ? $1 : () } <$file>;
}

sub spill {
    my ($path) = @_;

    open my $file, '>', $path or die "open() \"$path\" failed: $!\n";

    return;
}

sub problem {
    my ($response) = @_;

    return $response->{status} . ' '
           . (decode_json($response->{content})->{type} =~ s/.*://r);
}

# the secret is in no line

sub ends {
    my ($nginx) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok !$nginx->logged(qr/hidden-/), 'no secret is logged';
    ok !$nginx->logged(qr/\[(alert|emerg)\](?!.* exited on signal 9)/), 'no alert'
        or diag $nginx->log;

    return ok $nginx->stop, 'nginx quits';
}

subtest 'all is put, then 201; counted; removed' => sub {
    my $nginx = store('well');

    $nginx->report('/stats', sub { ($_->{source} // '') eq 'live' });

    my $before = $nginx->descriptors;
    my $response = $nginx->post($photo);

    is $response->{status}, 201, 'stored' or diag $nginx->log;

    my $image = decode_json($response->{content})->{images}[0];
    my $id = $image->{id};
    my @put = asked($nginx, 'put');

    is scalar @put, 3, 'three files';
    is_deeply [ sort map { $_->{url} =~ s{^/media/}{}r }
                         values %{ $image->{variants} } ],
              [ sort @put ], 'under the names in the answer';
    like $put[0], qr/_original\.webp$/, 'the mark is the first of them';

    my ($settings) = asked($nginx, 'settings');
    my $s = decode_json($settings);

    is_deeply [ @$s{qw(bucket prefix endpoint region style connections)} ],
              [ 'well', '', 'http://127.0.0.1:1', 'none', 'path', 8 ],
              'its settings';
    is $s->{secret}, "hidden-$number", 'with the secret';
    is_deeply $s->{marks}, ['original'], 'and the mark';

    my $bytes = 0;
    $bytes += $_->{bytes} for values %{ $image->{variants} };

    my $stats = $nginx->json('/stats');

    is $stats->{total_files}, 3, 'they are counted';
    is $stats->{total_bytes}, $bytes, 'with their bytes';
    is $stats->{roots}[0]{path}, 's3://well', 'of that root';
    is $stats->{roots}[0]{filesystem}, undef, 'which has no file system';

    ok $nginx->idle($before), 'no descriptor is left open';
    is_deeply [ glob "$nginx->{prefix}/caphealth/spool/* "
                     . "$nginx->{prefix}/caphealth/spool/.??*" ],
              [], 'nothing is left in the spool';

    is $nginx->remove($id)->{status}, 204, 'DELETE';
    like((asked($nginx, 'remove'))[0], qr{^../../${id}_$}, 'removes all of it');
    like((asked($nginx, 'mark'))[0], qr{/${id}_original\.$},
         'the mark first');
    is $nginx->json('/stats')->{total_files}, 0, 'and is counted';

    ends($nginx);
};

subtest 'what the store says' => sub {
    for my $case ([ away => '503 store-unavailable', qr/\[error\].*was not put into "s3:\/\/away": the store is away/ ],
                  [ full => '507 storage-full', qr/\[crit\].*the store is full/ ],
                  [ denied => '500 storage-failed', qr/\[crit\].*the store is denied; check the credentials, the region and the bucket of "caphealth_image_store"/ ],
                  [ read => '500 storage-failed', qr/\[crit\].*the store is read.*\(5: / ],
                  [ failed => '500 storage-failed', qr/\[crit\].*the store is failed/ ])
    {
        my ($bucket, $expected, $logged) = @$case;
        my $nginx = store($bucket);

        my $response = $nginx->post($photo);

        is problem($response), $expected, "$bucket: $expected";
        ok $nginx->logged($logged), 'it is logged' or diag $nginx->log;
        is $response->{headers}{'retry-after'},
           $bucket eq 'away' ? 77 : undef, 'when to try again';
        is scalar asked($nginx, 'remove'), 0,
           'the shipper has removed it itself';

        # only a file that is put can be too much, or unreadable

        is problem($nginx->remove('0' x 32)),
           $bucket =~ /full|read/ ? '503 store-unavailable' : $expected,
           'and of a DELETE';

        is $nginx->post($photo)->{status}, (split / /, $expected)[0],
           'once more';
        ends($nginx);
    }

    my $nginx = store('none');

    is problem($nginx->remove('0' x 32)), '404 no-such-image', 'none: 404';
    is $nginx->remove('x')->{status}, 404, 'no id: 404';
    is scalar asked($nginx, 'remove'), 1, 'which the store is not asked for';
    ends($nginx);
};

# the shipper of "away" asks for a pause of 77 seconds, of which 60 are kept; that
# of "recovers" takes the fifth image

subtest 'a store that is known to be away' => sub {
    my $nginx = store('away');
    my ($body, $headers) = form(map { ("$_.jpg" => $photo) } 1 .. 4);

    is problem($nginx->post($body, $headers)), '503 store-unavailable',
       'one upload of four images is one failure';
    ok !$nginx->logged(qr/is away, uploads are refused/), 'and one is none';

    is problem($nginx->post($photo)), '503 store-unavailable', 'again'
        for 2 .. 3;

    ok $nginx->logged(qr/\[error\].*object store "s3:\/\/away" is away, uploads are refused before they are read/),
       'three in a row are logged';

    my $put = asked($nginx, 'put');
    my $response = $nginx->post('no image');

    is problem($response), '503 store-unavailable',
       'then an upload is refused whatever it is';
    is $response->{headers}{'retry-after'}, 77, 'when to try again';

    my $socket = $nginx->raw("POST /upload HTTP/1.1\r\nHost: localhost\r\n"
                             . "Content-Length: 1000\r\n\r\n");

    like readline($socket), qr/^HTTP\S+ 503 /, 'before its body has come';
    close $socket;

    is problem($nginx->remove('0' x 32)), '503 store-unavailable',
       'a DELETE is passed on';
    is scalar asked($nginx, 'remove'), 1, 'to the shipper';
    is scalar asked($nginx, 'put'), $put, 'which is asked for no upload';
    is scalar(grep { /is away, uploads/ } split /\n/, $nginx->log), 1,
       'logged once';
    ends($nginx);

    $nginx = store('recovers');

    is $nginx->post($photo)->{status}, 503, 'away' for 1 .. 3;
    is $nginx->remove('0' x 32)->{status}, 204, 'it still removes';
    ok $nginx->until(sub { $nginx->post($photo)->{status} == 201 }),
       'uploads are let through one at a time until one is stored'
        or diag $nginx->log;
    is scalar asked($nginx, 'put'), 3 * 5, 'it was tried no more than that';
    ok $nginx->logged(qr/\[notice\].*object store "s3:\/\/recovers" answers again/),
       'it is logged' or diag $nginx->log;
    is $nginx->post($photo)->{status}, 201, 'then as before';
    is problem($nginx->post('no image')), '415 unsupported-image',
       'uploads are read again';
    ends($nginx);
};

subtest 'an id that is taken' => sub {
    my $nginx = store('exists-once');
    my $response = $nginx->post($photo);

    is $response->{status}, 201, 'another one is taken';

    my @put = asked($nginx, 'put');
    my $id = decode_json($response->{content})->{images}[0]{id};

    is scalar @put, 6, 'the files are put again';
    unlike $put[0], qr/$id/, 'the first time with another id';
    like $_, qr{^../../${id}_}, 'the second time with this one'
        for @put[3 .. 5];
    like $response->{headers}{location}, qr/$id/, 'and so the URL';
    ends($nginx);

    $nginx = store('exists');
    is problem($nginx->post($photo)), '500 storage-failed', 'twice: 500';
    is scalar asked($nginx, 'put'), 6, 'not a third time';
    ends($nginx);
};

subtest 'tokens' => sub {
    my $key = { kid => 'k', secret => '5a' x 32 };
    my $file = key_file("$key->{kid} $key->{secret}\n");
    my $nginx = store('well', location => "caphealth_image_tokens $file;");

    my $ask = sub {
        my ($method, $path, %claims) = @_;

        return $nginx->{client}->request(
            $method, "http://127.0.0.1:$nginx->{port}/upload$path",
            { content => $photo, headers => {
                Authorization => 'Bearer ' . token($key, exp => int time + 60,
                                                   %claims)
            } });
    };

    my $response = $ask->('POST', '', sub => 'vendor-7');

    is $response->{status}, 201, 'of an owner';
    is $ask->('POST', '')->{status}, 201, 'of nobody';

    my $id = decode_json($response->{content})->{images}[0]{id};

    is problem($ask->('POST', '', sub => 'vendor-7', images => 5)),
       '403 not-permitted', 'a quota, which is not counted here';
    is $ask->('DELETE', "/$id", sub => 'vendor-8',
              delete => JSON::PP::true)->{status}, 204,
       'what the shipper finds to be of an owner is removed';
    is $ask->('DELETE', "/$id", delete => JSON::PP::true)->{status}, 204,
       'without an owner';
    is_deeply [ asked($nginx, 'owner') ], [ 'vendor-7', '' ],
              'the shipper is told whose images it puts';
    is_deeply [ asked($nginx, 'remover') ], [ 'vendor-8', '' ],
              'and whose it may remove';
    ends($nginx);

    $nginx = store('half', location => "caphealth_image_tokens $file;");

    my ($body, $headers) = form(map { ("$_.jpg" => $photo) } 1 .. 2);

    $headers->{Authorization} = 'Bearer ' . token($key, exp => int time + 60,
                                                  sub => 'vendor-7');
    is problem($nginx->post($body, $headers)), '500 storage-failed',
       'an upload of an owner that fails';
    ok $nginx->until(sub { asked($nginx, 'remover') == 1 }), 'is withdrawn';
    is_deeply [ asked($nginx, 'remover') ], [''], 'whoever it is of';
    ends($nginx);

    my $owner = "B\xc3\xa4r & S\xc3\xb6hne";

    $nginx = store('none', location => "caphealth_image_owner '$owner';");
    is problem($nginx->remove($id)), '404 no-such-image',
       'what is not of that owner is not there';
    is_deeply [ asked($nginx, 'remover') ], [$owner],
              'as caphealth_image_owner names it';
    ends($nginx);
};

subtest 'one of several fails: the others are removed' => sub {
    my $nginx = store('half');

    $nginx->report('/stats', sub { ($_->{source} // '') eq 'live' });

    my ($body, $headers) = form(map { ("$_.jpg" => $photo) } 1 .. 4);

    is problem($nginx->post($body, $headers)), '500 storage-failed', 'refused';

    my %answered = map { $_ => 1 } asked($nginx, 'answered');
    my @ids = map { m{/([0-9a-f]{32})_} } sort keys %answered;

    ok $nginx->until(sub { asked($nginx, 'remove') >= 1 }), 'some are removed';

    my @removed = map { m{/([0-9a-f]{32})_} } asked($nginx, 'remove');
    my %put = map { m{/([0-9a-f]{32})_} ? ($1 => 1) : () } asked($nginx, 'put');

    ok $put{$_}, 'that was put' for @removed;
    is $nginx->json('/stats')->{total_files}, 0, 'nothing is counted';
    ends($nginx);
};

subtest 'a shipper that dies, lies, or says nothing' => sub {
    for my $case ([ dies => qr/exited/, 1 ],
                  [ unasked => qr/sent an answer without a request/, 1 ],
                  [ invalid => qr/sent an invalid answer/, 1 ],
                  [ counts => qr/sent invalid counts of its requests/, 1 ],
                  [ silent => qr/does not answer/, 1 ])
    {
        my ($bucket, $reason) = @$case;
        my $nginx = store($bucket, parameters => 'timeout=1s');
        my $before = time;

        is problem($nginx->post($photo)), '503 store-unavailable',
           "$bucket: 503";
        cmp_ok time - $before, '<', 30, 'in time';
        ok $nginx->logged(qr/caphealth-shipper \d+ $reason, it is replaced/),
           'it is logged' or diag $nginx->log;

        # what it has put is not known, so the next one removes it

        ok $nginx->until(sub { asked($nginx, 'remove') == 1 }), 'removed';
        is(((asked($nginx, 'remove'))[0] =~ s{.*/(.*)_}{$1}r),
           ((asked($nginx, 'put'))[0] =~ s{.*/(.*)_original.*}{$1}r),
           'that image') unless $bucket =~ /^(?:unasked|invalid|counts)$/;
        ends($nginx);
    }
};

subtest 'one that does not start' => sub {
    my $nginx = store('unready');

    is problem($nginx->post($photo)), '503 store-unavailable', 'refused';
    ok $nginx->logged(qr/caphealth-shipper exited, uploads to its object store are refused until it works/),
       'it is logged once';

    my $response = $nginx->post($photo);

    is problem($response), '503 store-unavailable', 'at once';
    like $response->{headers}{'retry-after'}, qr/^([1-9]|1[01])$/,
         'with the time of the next attempt';
    is $nginx->logged(qr/caphealth-shipper exited, /), 1, 'still once';
    ends($nginx);
};

subtest 'the client is gone' => sub {
    my $nginx = store('held');
    my $released = "$nginx->{asked}.released";

    $nginx->report('/stats', sub { ($_->{source} // '') eq 'live' });

    my $length = length $photo;
    my $before = $nginx->descriptors;
    my $socket = $nginx->raw("POST /upload HTTP/1.1\r\nHost: localhost\r\n"
                             . "Content-Length: $length\r\n\r\n$photo");

    ok $nginx->until(sub { asked($nginx, 'put') == 3 }), 'it is on its way';
    ok $nginx->gone($socket), 'nginx knows it';
    spill($released);

    ok $nginx->until(sub { asked($nginx, 'remove') == 1 }), 'then removed';
    is $nginx->json('/stats')->{total_files}, 0, 'and not counted';
    ok $nginx->idle($before), 'no descriptor is left open';

    # while the worker quits, too

    unlink $released;
    $socket = $nginx->raw("POST /upload HTTP/1.1\r\nHost: localhost\r\n"
                          . "Content-Length: $length\r\n\r\n$photo");
    ok $nginx->until(sub { asked($nginx, 'put') == 6 }), 'on its way';
    kill HUP => $nginx->master;
    ok $nginx->until(sub {
        $nginx->pids(qr/worker process is shutting down/)
    }), 'a reload';
    ok $nginx->gone($socket), 'nginx knows it';
    spill($released);
    ok $nginx->until(sub { asked($nginx, 'remove') == 2 }), 'removed';
    ok $nginx->until(sub {
        !$nginx->pids(qr/worker process is shutting down/)
    }), 'the old worker ends';
    ends($nginx);
};

subtest 'a reload during an upload' => sub {
    my $nginx = store('slow');

    my ($status) = $nginx->parallel(2, sub {
        my ($i) = @_;

        return $nginx->post($photo)->{status} if $i == 0;

        $nginx->until(sub { asked($nginx, 'put') == 3 });
        kill HUP => $nginx->master;
        return '';
    });

    is $status, 201, 'it ends well';
    is scalar asked($nginx, 'remove'), 0, 'nothing is removed';
    ends($nginx);
};

# its idle shipper has ended, and another one is started for its last upload, with
# the variants of before

subtest 'a worker that quits, and new variants' => sub {
    my $nginx = store('well', location => '}
        location = /metrics { caphealth_metrics;');
    my $counted = sub {
        my $missing = $_[0]{roots}[0]{missing_variants};

        return $missing ? join ' ', sort keys %$missing : '';
    };

    $nginx->report('/stats', sub { $counted->($_) });
    is $nginx->post($photo)->{status}, 201, 'stored';

    my @converters = $nginx->converters;
    my $received = 'caphealth_image_upload_received_bytes_total';
    my $before = $nginx->metric($received);

    kill STOP => @converters;

    my ($status) = $nginx->parallel(2, sub {
        my ($i) = @_;

        return $nginx->post($photo)->{status} if $i == 0;

        $nginx->until(sub { $nginx->metric($received) > $before });
        $nginx->configure(http => "$nginx->{http}
                                   caphealth_image_variant original;
                                   caphealth_image_variant 64 max=64;");
        kill HUP => $nginx->master;
        $nginx->until(sub { asked($nginx, 'settings') == 2 });
        $nginx->report('/stats', sub { $counted->($_) });
        kill CONT => @converters;
        return '';
    });

    is $status, 201, 'it stores the image';
    is scalar asked($nginx, 'settings'), 3, 'by another shipper';
    is $counted->($nginx->json('/stats')), '64 original',
       'and those of now are counted' or diag $nginx->log;
    ends($nginx);
};

subtest 'many at once: no more than there are connections are on their way' => sub {
    my $nginx = store('slow', parameters => 'connections=2 timeout=20s',
                      http => 'caphealth_image_converters 2;');

    my @status = $nginx->parallel(6, sub { $nginx->post($photo)->{status} });

    is_deeply \@status, [ (201) x 6 ], 'all are put';
    is scalar asked($nginx, 'put'), 18, 'each once';
    ends($nginx);

    $nginx = store('slow', http => 'caphealth_image_queue 0;',
                   parameters => 'connections=1');

    my %seen;
    $seen{$_}++ for $nginx->parallel(8, sub {
        sleep 0.15 * $_[0];
        $nginx->post($photo)->{status}
    });

    ok $seen{503}, 'what is too much is refused' or diag explain \%seen;
    is_deeply [ grep { $_ != 201 && $_ != 503 } keys %seen ], [],
              'and nothing else happens';
    ends($nginx);
};

subtest 'listings' => sub {
    my $nginx = store('no-listing');

    ok $nginx->until(sub {
        $nginx->logged(qr/caphealth object store "s3:\/\/no-listing": the store answered 403/)
    }), 'its error is logged' or diag $nginx->log;

    my $root = $nginx->json('/stats')->{roots}[0];

    is $root->{files}, undef, 'nothing is known';
    like $root->{error}, qr/403/, 'it is told';
    is $nginx->post($photo)->{status}, 201, 'uploads go on';
    ends($nginx);

    $nginx = store('bad-listing');
    ok $nginx->until(sub {
        $nginx->logged(qr/caphealth-shipper \d+ sent an invalid listing, it is replaced/)
    }), 'one that cannot be' or diag $nginx->log;
    is $nginx->json('/stats')->{roots}[0]{files}, undef, 'nothing is known';
    ends($nginx);

    # the collector's sources have the same numbers beside a store

    $nginx = store('well', http => 'caphealth_database sqlite:/nowhere;');
    my $report = $nginx->report('/health', sub { $_->{database}{error} });
    like $report->{database}{error}, qr/nowhere/, 'the database is the database';
    ends($nginx);
};

subtest 'in a fleet the node with the lease lists' => sub {
    my $postgres = Caphealth::Postgres->new;

    $postgres->fleet;

    my %node = map {
        my $node = $_;

        $node => sub {
            my $nginx = store('well', http => "caphealth_refresh 1s;
                caphealth_image_scan 1s;
                caphealth_fleet @{[ $postgres->fleet_url ]} node=$node;");

            $nginx->configure(locations => "$nginx->{locations}
                                  location = /nodes { caphealth_nodes; }");
            $nginx->reload;

            return $nginx;
        }
    } qw(a b);

    my $first = $node{a}->();

    $first->report('/stats', sub { ($_->{source} // '') eq 'live' });
    is $first->json('/stats')->{total_files}, 0, 'the only one lists';

    my $second = $node{b}->();

    ok $second->until(sub { @{ $second->json('/nodes')->{nodes} } == 2 }),
       'another one' or diag $second->log;
    ok $second->until(sub {
        ($second->json('/stats')->{source} // '') eq 'live'
    }), 'has the counts';

    my $lists = asked($first, 'list');

    ok $first->until(sub { asked($first, 'list') > $lists + 257 }),
       'the first one lists again';
    is asked($second, 'list') // 0, 0, 'the second one never did';

    ok $first->stop, 'the first one ends';
    ok $second->until(sub { asked($second, 'list') >= 257 }),
       'then the second one lists' or diag $second->log;
    ends($second);
};

subtest 'credentials are renewed by a reload' => sub {
    my $nginx = store('well');

    is $nginx->post($photo)->{status}, 201, '201';

    open my $credentials, '>', "$dir/credentials$number" or die "$!\n";
    print {$credentials} "[default]\naws_access_key_id = $nginx->{asked}\n"
                         . "aws_secret_access_key = hidden-renewed\n"
                         . "aws_session_token = hidden-session\n";
    close $credentials;

    ok $nginx->reload, 'reload';
    is $nginx->post($photo)->{status}, 201, '201';

    my @settings = map { decode_json($_) } asked($nginx, 'settings');

    is $settings[0]{secret}, "hidden-$number", 'the first';
    is $settings[-1]{secret}, 'hidden-renewed', 'the second';
    is $settings[-1]{session}, 'hidden-session', 'with its session';
    ends($nginx);
};

done_testing;
