# Images in a real object store, OpenStack Swift by its S3 API, and all that can
# go wrong on the way to it: 201 means that every variant is there, and whatever
# fails leaves nothing.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Pgbouncer;
use Caphealth::Postgres;
use Caphealth::Proxy;
use Caphealth::Swift;
use Caphealth::Token qw(token key_file);
use Caphealth::Upload qw(photo form);
use Caphealth::Valgrind qw(patience);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

my ($swift, $why) = Caphealth::Swift->new('shop', 'other', 'wrong');

plan skip_all => $why if !$swift;

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($target) = $swift->{endpoint} =~ /:(\d+)$/;
my $port = Caphealth::Server::free_port();
my $photo = photo('320x240');
my $timeout = patience(2);

chmod 0755, $dir;

sub flaky {
    my ($command) = @_;

    return system('t/lib/flaky', $command, "$dir/flaky",
                  $command eq 'start' ? ($port, $target) : ()) == 0
           || die "flaky $command failed\n";
}

flaky('start');

END {
    my $status = $?;

    flaky('stop') if -d "$dir/flaky";
    $? = $status;
}

# rules(RULE, ...): what the proxy in front of Swift does from now on

sub rules {
    open my $file, '>', "$dir/flaky/rules.new" or die "$!\n";
    print {$file} map { "$_\n" } @_;
    close $file;
    rename "$dir/flaky/rules.new", "$dir/flaky/rules" or die "$!\n";

    return;
}

# requests(LIKE): those that the proxy has seen

sub requests {
    my ($like) = @_;

    open my $file, '<', "$dir/flaky/log" or return;

    return grep { $_ =~ $like } <$file>;
}

# server(%option): an nginx with images in s3://BUCKET/PREFIX, or in the same as
# the last one

my $prefix = 'a';

sub server {
    my (%option) = @_;

    my $bucket = $option{bucket} // 'shop';
    my $parameters = $swift->parameters;
    my $http = $option{http} // 'caphealth_image_scan off;';

    $parameters =~ s/:$target\b/:$port/ if $option{flaky};
    for my $name (grep { $option{$_} } qw(credentials endpoint)) {
        $parameters =~ s/$name=\S+/$name=$option{$name}/;
    }

    $prefix++ if !$option{same};

    my $nginx = Caphealth::Upload->new(
        workers => $option{workers} // 1,
        http => $http,
        keep => "caphealth_image_store s3://$bucket/$prefix $parameters "
                . ($option{parameters} // '') . ';',
        location => 'caphealth_image_delete on; ' . ($option{location} // '')
                    . '} location = /metrics { caphealth_metrics;',
    );

    @$nginx{qw(bucket prefix_in)} = ($bucket, $prefix);

    return $nginx;
}

# { key => bytes } of what is in the store

sub stored {
    my ($nginx) = @_;

    my $list = $swift->list($nginx->{bucket});

    return { map { m{^$nginx->{prefix_in}/(.*)} ? ($1 => $list->{$_}) : () }
                 keys %$list };
}

# the same, from the answers to clients

sub told {
    my %told;

    for my $response (@_) {
        for my $image (@{ decode_json($response->{content})->{images} }) {
            for my $variant (values %{ $image->{variants} }) {
                $told{ $variant->{url} =~ s{^/media/}{}r } = $variant->{bytes};
            }
        }
    }

    return \%told;
}

sub problem {
    my ($response) = @_;

    return $response->{status} . ' '
           . (decode_json($response->{content})->{type} =~ s/.*://r);
}

# the same without the records

sub images {
    my ($nginx) = @_;

    my $stored = stored($nginx);

    delete @$stored{ grep { /\.answer$/ } keys %$stored };

    return $stored;
}

# the counts are what is in the store

sub counts_agree {
    my ($nginx, $name) = @_;

    my $stored = images($nginx);
    my ($bytes, $complete) = (0, 0);

    for my $key (keys %$stored) {
        $bytes += $stored->{$key};
        $complete += ($key =~ /_original\./);
    }

    my $stats;

    $nginx->until(sub {
        $stats = $nginx->json('/stats');
        ($stats->{source} // '') eq 'live'
            && $stats->{total_files} == keys %$stored;
    }, 120);

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return is_deeply [ @$stats{qw(total_files total_bytes products_estimated)} ],
                     [ scalar keys %$stored, $bytes, $complete ], $name;
}

sub ends {
    my ($nginx) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok !$nginx->logged(qr/\[(alert|emerg)\](?!.* exited on signal 9)/),
       'no alert' or diag $nginx->log;
    ok !$nginx->logged(qr/testing/), 'no secret is logged';

    return ok $nginx->stop, 'nginx quits';
}

subtest 'photos' => sub {
    my $nginx = server();
    my $before;
    my @answers;

    for my $path (glob 'conf/demo-photos/*.jpg') {
        open my $file, '<:raw', $path or die "$path: $!\n";
        my $bytes = do { local $/ = undef; <$file> };
        my $response = $nginx->post($bytes);

        is $response->{status}, 201, $path or diag $nginx->log;
        push @answers, $response;
        $before //= $nginx->descriptors;
    }

    my ($body, $headers) = form('a.png' => photo('200x300', 'png'),
                                'b.webp' => photo('300x200', 'webp'),
                                'c.gif' => photo('64x64', 'gif'));
    my $response = $nginx->post($body, $headers);

    is $response->{status}, 201, 'a form';
    push @answers, $response;

    is_deeply stored($nginx), told(@answers),
              'the store has the files of the answers, and no others';

    my ($key) = grep { /_original\.webp$/ } keys %{ told($response) };
    my $bytes = $swift->call('get', 'shop', "$nginx->{prefix_in}/$key");

    is substr($bytes, 0, 4) . substr($bytes, 8, 4), 'RIFFWEBP', 'an image';
    ok $nginx->idle($before), 'no descriptor is left open';
    is_deeply [ glob "$nginx->{prefix}/caphealth/spool/*" ], [],
              'nothing is left in the spool';

    counts_agree($nginx, 'the counts are those of a listing');

    my $id = decode_json($response->{content})->{images}[0]{id};
    my $of = "root=\"s3://shop/$nginx->{prefix_in}\"";
    my $n = keys %{ stored($nginx) };

    is $nginx->metric("caphealth_object_store_images_total{$of,"
                      . 'operation="put",result="ok"}'), $n / 3,
       'the images are in the metrics';
    is $nginx->metric("caphealth_object_store_put_duration_seconds_count{$of}"),
       $n / 3, 'and how long each took';
    ok $nginx->metric("caphealth_object_store_requests_total{$of,"
                      . 'result="ok"}') >= $n, 'the requests';
    is $nginx->metric("caphealth_object_store_requests_total{$of,"
                      . 'result="away"}'), 0, 'of which none failed';
    is $nginx->metric("caphealth_object_store_images_under_way{$of}"), 0,
       'nothing is under way';

    is $nginx->remove($id)->{status}, 204, 'DELETE';
    is $nginx->metric("caphealth_object_store_images_total{$of,"
                      . 'operation="remove",result="ok"}'), 1,
       'is counted, too';
    is scalar(grep { /$id/ } keys %{ stored($nginx) }), 0, 'it is gone';
    is problem($nginx->remove($id)), '404 no-such-image', 'once more: 404';
    counts_agree($nginx, 'the counts follow');
    ends($nginx);
};

subtest 'many at once, from several workers' => sub {
    my $nginx = server(workers => 2, parameters => 'connections=4');

    my @contents = $nginx->parallel(12, sub {
        my $response = $nginx->post($photo);
        $response->{status} == 201 ? $response->{content} : '';
    });

    is scalar(grep { $_ } @contents), 12, 'all are stored';
    is_deeply stored($nginx), told(map { { content => $_ } } @contents),
              'and there';

    my @ids = map { decode_json($_)->{images}[0]{id} } @contents;
    my @status = $nginx->parallel(6, sub {
        $nginx->remove($ids[ $_[0] ])->{status}
    });

    is_deeply \@status, [ (204) x 6 ], 'and removed at once';
    counts_agree($nginx, 'the counts are those of a listing');
    ends($nginx);
};

# each leaves nothing, or is stored

subtest 'half-failing' => sub {
    my $nginx = server(flaky => 1, parameters => 'timeout=4s');

    for my $case (
        [ 'the mark is refused', 'PUT _original status 403 AccessDenied',
          '500 storage-failed' ],
        [ 'a variant is refused', 'PUT _200 status 403 AccessDenied',
          '500 storage-failed' ],
        [ 'the mark fails for ever', 'PUT _original status 500 InternalError',
          '503 store-unavailable' ],
        [ 'a variant is cut for ever', 'PUT _800 cut',
          '503 store-unavailable' ],
        [ 'half of a variant is sent, for ever', 'PUT _200 cut-request 100',
          '503 store-unavailable' ],
        [ 'an answer to a variant is lost, for ever', 'PUT _200 drop',
          '503 store-unavailable' ],
        [ 'never an answer to the mark', 'PUT _original hang',
          '503 store-unavailable' ],
        [ 'no room', 'PUT . status 507 InsufficientStorage',
          '507 storage-full' ],
        [ 'the mark fails once', 'PUT _original times=1 status 503 SlowDown',
          201 ],
        [ 'the answer to the mark is lost once', 'PUT _original times=1 drop',
          201 ],
        [ 'an answer to a variant is lost once', 'PUT _800 times=1 drop',
          201 ],
        [ 'each connection is cut once', 'PUT . times=3 cut', 201 ])
    {
        my ($name, $rule, $expected) = @$case;
        my $before = stored($nginx);

        rules($rule);

        my $response = $nginx->post($photo);

        rules();

        if ($expected eq '201') {
            is $response->{status}, 201, $name or diag $nginx->log;
            is_deeply stored($nginx), { %$before, %{ told($response) } },
                      'it is there' if $response->{status} == 201;
            next;
        }

        is problem($response), $expected, $name;
        ok $response->{headers}{'retry-after'}, 'when to try again'
            if $expected =~ /503/;
        ok $nginx->until(sub {
            join(' ', sort keys %{ stored($nginx) })
                eq join(' ', sort keys %$before)
        }), 'nothing is left' or diag explain stored($nginx);

        # several failures in a row would make the store known to be away

        is $nginx->post($photo)->{status}, 201, 'then all is well'
            or diag $nginx->log;
    }

    counts_agree($nginx, 'the counts are those of a listing');
    ends($nginx);
};

# what a network holds up for longer than the timeout may come when all has been
# removed; it has no mark, and is counted and removed by listings

subtest 'too slow' => sub {
    my $nginx = server(flaky => 1, parameters => 'timeout=1s',
                       http => 'caphealth_image_scan 1s;');

    rules('PUT . delay 3');
    is problem($nginx->post($photo)), '503 store-unavailable', 'given up';
    ok $nginx->until(sub {
        requests(qr{PUT \S*/$nginx->{prefix_in}/}) >= 2
    }), 'then it comes';
    rules();
    is scalar(grep { /_original/ } keys %{ stored($nginx) }), 0,
       'without a mark';
    counts_agree($nginx, 'the counts are those of a listing');
    ends($nginx);
};

subtest 'one image of a form fails: none is stored' => sub {
    my $nginx = server(flaky => 1, parameters => 'timeout=4s');

    rules('PUT _original skip=2 times=1 status 403 AccessDenied');

    my ($body, $headers) = form(map { ("$_.jpg" => $photo) } 1 .. 4);

    is problem($nginx->post($body, $headers)), '500 storage-failed', 'refused';
    rules();
    ok $nginx->until(sub { !keys %{ stored($nginx) } }), 'nothing is left'
        or diag explain stored($nginx);
    counts_agree($nginx, 'nor counted');
    ends($nginx);
};

sub key {
    my ($key) = @_;

    return { 'Idempotency-Key' => $key };
}

sub records {
    my ($nginx) = @_;

    return scalar grep { /\.answer$/ } keys %{ stored($nginx) };
}

subtest 'the same key, to any node' => sub {
    my @node = map {
        server(same => $_, location => 'caphealth_image_id key;')
    } 0, 1;

    my $first = $node[0]->post($photo, key('a'));

    is $first->{status}, 201, 'stored' or diag $node[0]->log;
    is_deeply images($node[0]), told($first), 'its files are there';
    is records($node[0]), 1, 'and its record';

    for (1, 0) {
        my $again = $node[$_]->post($photo, key('a'));

        is $again->{status}, 200, "repeated, node $_" or diag $node[$_]->log;
        is $again->{content}, $first->{content}, 'byte for byte';
    }

    is problem($node[1]->post(photo('300x200'), key('a'))),
       '422 idempotency-key-reused', 'another body';
    is_deeply images($node[0]), told($first), 'nothing else is stored';
    counts_agree($node[0], 'the record is not counted');

    my $id = decode_json($first->{content})->{images}[0]{id};

    is $node[1]->remove($id)->{status}, 204, 'removed';
    is_deeply stored($node[0]), {}, 'with its record';

    my $other = $node[0]->post(photo('300x200'), key('a'));

    is $other->{status}, 201, 'the key is free';
    is $node[1]->post(photo('300x200'), key('a'))->{content},
       $other->{content}, 'for another body';

    # all at once

    my @answers = $node[0]->parallel(6, sub {
        my $response = $node[ $_[0] % 2 ]->post($photo, key('b'));

        return "$response->{status} $response->{content}";
    });

    is scalar(grep { /^20[01] / } @answers), 6, 'all at once: all are told'
        or diag map { "$_\n" } @answers;
    ok scalar(grep { /^201 / } @answers), 'one stores it';

    my %bodies = map { s/^\d+ //r => 1 } @answers;

    is keys(%bodies), 1, 'the same';
    is_deeply images($node[0]), told($other, { content => keys %bodies }),
              'and it is stored once';
    is records($node[0]), 2, 'with a record';
    ends($_) for @node;
};

subtest 'owners' => sub {
    my $key = { kid => 'k', secret => '5a' x 32 };
    my $tokens = 'caphealth_image_tokens '
                 . key_file("$key->{kid} $key->{secret}\n") . ';';
    my @node = (
        server(flaky => 1, location => $tokens),
        server(same => 1, location => "$tokens caphealth_image_id key;"),
        server(same => 1, location => 'caphealth_image_owner $http_x_owner;'),
    );

    my $ask = sub {
        my ($node, $method, $path, $headers, %claims) = @_;

        return $node[$node]{client}->request($method,
            "http://127.0.0.1:$node[$node]{port}/upload$path",
            { $method eq 'POST' ? (content => $photo) : (), headers => {
                Authorization => 'Bearer ' . token($key, exp => int time + 600,
                    delete => JSON::PP::true, %claims), %$headers } });
    };

    # vendor-7 has one of each node, which any node removes for vendor-7 only

    my @id;

    for my $node (0 .. 2) {
        my $response = $ask->($node, 'POST', '', { 'X-Owner' => 'vendor-7',
            'Idempotency-Key' => '"a"' }, sub => 'vendor-7');

        is $response->{status}, 201, "stored, node $node"
            or diag $node[$node]->log;
        push @id, decode_json($response->{content})->{images}[0]{id};
    }

    for my $node (0 .. 2) {
        for my $id (@id) {
            is problem($ask->($node, 'DELETE', "/$id",
                              { 'X-Owner' => 'vendor-8' },
                              sub => 'vendor-8')),
               '404 no-such-image', "of another, node $node";
        }
    }

    is keys %{ images($node[0]) }, 9, 'all are there';
    is $ask->(1, 'POST', '', { 'Idempotency-Key' => '"a"' },
              sub => 'vendor-8')->{status}, 201, 'the key of another owner';
    is $ask->(1, 'POST', '', { 'Idempotency-Key' => '"a"' },
              sub => 'vendor-7')->{status}, 200, 'that of the owner, again';

    rules('HEAD . times=2 status 503');
    is $ask->(0, 'DELETE', "/$id[0]", {}, sub => 'vendor-7')->{status}, 204,
       'of the owner, when the store answers again' or diag $node[0]->log;
    rules('HEAD . status 403 AccessDenied');
    is problem($ask->(0, 'DELETE', "/$id[1]", {}, sub => 'vendor-7')),
       '500 storage-failed', 'a store that does not say whose it is';
    rules('DELETE . times=1 status 403 AccessDenied');
    is problem($ask->(0, 'DELETE', "/$id[1]", {}, sub => 'vendor-7')),
       '500 storage-failed', 'a removal that is refused';
    rules();
    is problem($ask->(0, 'DELETE', "/$id[1]", {}, sub => 'vendor-8')),
       '404 no-such-image', 'then it is still not of another';
    is $ask->(2, 'DELETE', "/$id[1]", { 'X-Owner' => 'vendor-7' })->{status},
       204, 'but of the owner';
    is $ask->(0, 'DELETE', "/$id[2]", {})->{status}, 204,
       'a token without an owner removes any';
    is problem($ask->(0, 'DELETE', "/$id[2]", {}, sub => 'vendor-7')),
       '404 no-such-image', 'once';
    is keys %{ images($node[0]) }, 3, 'but for that of the other owner';
    ends($_) for @node;
};

subtest 'a key, and images of a form' => sub {
    my $nginx = server(flaky => 1, parameters => 'timeout=4s',
                       location => 'caphealth_image_id key;');
    my @form = form(map { ("$_.jpg" => photo("${_}0x200")) } 11 .. 14);
    my ($body, $headers) = ($form[0], { %{ $form[1] }, %{ key('a') } });

    for my $rule ('PUT _original skip=2 times=1 status 403 AccessDenied',
                  'PUT _800 skip=2 times=1 status 403 AccessDenied',
                  'PUT [.]answer skip=2 times=1 status 403 AccessDenied',
                  'PUT [.]answer times=1 status 403 AccessDenied')
    {
        rules($rule);
        is problem($nginx->post($body, $headers)), '500 storage-failed', $rule;
        rules();
        ok $nginx->until(sub { !keys %{ stored($nginx) } }),
           'nothing is left, nor a record' or diag explain stored($nginx);
    }

    my $first = $nginx->post($body, $headers);

    is $first->{status}, 201, 'stored' or diag $nginx->log;
    is records($nginx), 4, 'a record each';

    my @ids = map { $_->{id} } @{ decode_json($first->{content})->{images} };

    is $nginx->remove($ids[1])->{status}, 204, 'one is removed';

    my $again = $nginx->post($body, $headers);

    is $again->{status}, 201, 'that one is stored again' or diag $nginx->log;
    is $again->{content}, $first->{content}, 'and the answer is the same';
    is $nginx->post($body, $headers)->{status}, 200, 'then all are there';

    # what is stored is not converted, and is removed before the others are put

    is $nginx->remove($ids[1])->{status}, 204, 'one is removed again';

    my @converters = $nginx->converters;
    my $stored = qr{^HEAD \S*$ids[0]_original\S* 200};
    my $looks = requests($stored);

    kill STOP => @converters;

    my ($answer, $removed) = $nginx->parallel(2, sub {
        return problem($nginx->post($body, $headers)) if $_[0] == 0;

        $nginx->until(sub { requests($stored) > $looks });

        my $status = $nginx->remove($ids[0])->{status};

        kill CONT => @converters;

        return $status;
    });

    is $removed, 204, 'and another one while that is converted';
    is $answer, '409 idempotency-key-in-use', 'neither is stored'
        or diag $nginx->log;
    ok !$nginx->logged(qr/shipper \d+ .*, it is replaced/),
       'the shipper was asked for nothing invalid';
    is $nginx->post($body, $headers)->{status}, 201, 'then both are'
        or diag $nginx->log;

    # whatever is lost on the way

    my $n = 0;
    my @told = ($first);

    for my $rule ('PUT [.]answer times=1 drop', 'GET [.]answer times=2 drop',
                  'HEAD . times=2 cut', 'PUT . times=3 after 503',
                  'GET [.]answer times=1 cut-answer 100',
                  'GET [.]answer times=1 length 10')
    {
        rules($rule);
        push @told, $nginx->post($photo, key(++$n));
        is $told[-1]{status}, 201, $rule or diag $nginx->log;
        is $nginx->post($photo, key($n))->{content}, $told[-1]{content},
           'repeated';
    }

    rules('GET [.]answer status 503');
    is problem($nginx->post($photo, key('away'))), '503 store-unavailable',
       'no look is possible';
    rules('GET [.]answer status 403 AccessDenied');
    is problem($nginx->post($photo, key('away'))), '500 storage-failed',
       'or allowed';
    rules();
    is_deeply images($nginx), told(@told), 'each is stored once';
    counts_agree($nginx, 'the counts are those of a listing');
    ends($nginx);
};

subtest 'a key, and a node that is killed' => sub {

    # a node's timeout is how long it waits for another node, too

    my @node = map {
        server(same => $_ ne 'first', flaky => 1,
               parameters => 'timeout=' . ($_ eq 'last' ? $timeout : 60) . 's',
               location => 'caphealth_image_id key;')
    } qw(first second last);
    my $length = length $photo;
    my $request = sub {
        return "POST /upload HTTP/1.1\r\nHost: localhost\r\n"
               . "Idempotency-Key: $_[0]\r\n"
               . "Content-Length: $length\r\n\r\n$photo";
    };

    # before anything of it is in the store

    my $in = "$node[0]{bucket}/$node[0]{prefix_in}";

    my $first = $node[0]->post($photo, key('first'));

    is $first->{status}, 201, 'one';
    kill STOP => $node[0]->converters;

    my $lost = $node[0]->raw($request->('a'));

    ok $node[0]->until(sub { requests(qr{GET \S*/$in/\S*[.]answer}) >= 3 }),
       'the next is looked for';
    kill KILL => $node[0]->workers;
    is $node[1]->post($photo, key('a'))->{status}, 201, 'the retry is stored'
        or diag $node[1]->log;

    # between its files and its mark

    rules('PUT _original hang');
    ok $node[0]->until(sub { $node[0]->get('/health')->{success} }),
       'a new worker';
    $lost = $node[0]->raw($request->('b'));
    ok $node[0]->until(sub { keys %{ stored($node[0]) } == 11 }),
       'all but its mark is there' or diag explain stored($node[0]);
    kill KILL => $node[0]->workers;
    rules();

    my $response = $node[1]->post($photo, key('b'));

    is problem($response), '409 idempotency-key-in-use',
       'it is not known that it has died';
    like $response->{headers}{'retry-after'}, qr/^[1-6]?[0-9]$/,
         'for a while';
    ok $node[2]->until(sub {
        ($response = $node[2]->post(photo('300x200'), key('b')))->{status}
            == 201
    }), 'then another is stored' or diag $node[2]->log;
    is_deeply images($node[1]),
              told($first, $response, $node[1]->post($photo, key('a'))),
              'in its place';

    # the client is gone, and it is stored nevertheless

    rules('PUT _original delay 0.5');
    $lost = $node[1]->raw($request->('c'));
    ok $node[1]->until(sub { keys %{ stored($node[1]) } >= 15 }), 'on its way';
    close $lost;
    is $node[1]->post($photo, key('c'))->{status}, 200, 'and told later'
        or diag $node[1]->log;
    rules();
    is scalar keys %{ images($node[1]) }, 12, 'four images';
    ends($node[1]);
    ok $_->stop, 'nginx quits' for @node[0, 2];
};

# an upload that has waited before it was converted waits as long again before it
# is stored; the look after the first one is held until the record is removed

subtest 'a key that others have twice during one upload' => sub {
    my $nginx = server(flaky => 1, parameters => 'timeout=60s',
                       location => 'caphealth_image_id key;');
    my $in = "$nginx->{bucket}/$nginx->{prefix_in}";
    my $look = qr{^GET \S*/$in/\S*[.]answer};

    $nginx->post($photo, key('a'));

    my ($record) = grep { /\.answer$/ } keys %{ stored($nginx) };
    my @record = ($nginx->{bucket}, "$nginx->{prefix_in}/$record");

    open my $file, '>', "$dir/record" or die $!;
    print {$file} $swift->call('get', @record);
    close $file;

    # a record without its image is that of a request that is under way

    $swift->call('delete', $nginx->{bucket}, "$nginx->{prefix_in}/$_")
        for keys %{ images($nginx) };

    # after CODE the first look finds the record; while the second look is held,
    # the record is removed

    my $removed = sub {
        my ($code) = @_;
        my $looks = requests($look);

        rules('GET [.]answer skip=1 hold');
        $code->();
        ok $nginx->until(sub { requests($look) > $looks }), 'the id is in use';
        $swift->call('delete', @record);
        rules();
    };

    my $length = length $photo;
    my $client;

    kill STOP => $nginx->converters;

    $removed->(sub {
        $client = $nginx->raw("POST /upload HTTP/1.0\r\nIdempotency-Key: a\r\n"
                              . "Content-Length: $length\r\n\r\n$photo");
    });
    ok $nginx->until(sub { requests(qr{$look\S* 404}) >= 2 }), 'then it is not';

    $swift->call('put', @record, "$dir/record");
    is problem($nginx->post($photo, key('a'))), '409 idempotency-key-in-use',
       'another one waits as long as one may';

    $removed->(sub { kill CONT => $nginx->converters });

    like scalar readline $client, qr{^HTTP/1.1 201 }, 'it is stored'
        or diag $nginx->log;
    is scalar keys %{ images($nginx) }, 3, 'its files are there';
    ends($nginx);
};

# Of two ids the first one is taken, and given up because another request has the
# second one.  The only connection is in use, so that has to wait; then the client
# goes.

subtest 'the client is gone while an id is given up' => sub {
    my $nginx = server(flaky => 1, parameters => 'timeout=60s connections=1',
                       location => 'caphealth_image_id key;');
    my @form = form(map { ("$_.jpg" => photo("${_}0x200")) } 11, 12);
    my ($body, $headers) = ($form[0], { %{ $form[1] }, %{ key('a') } });
    my $first = $nginx->post($body, $headers);

    is $first->{status}, 201, 'stored' or diag $nginx->log;

    my @ids = map { $_->{id} } @{ decode_json($first->{content})->{images} };
    my ($record) = grep { /$ids[1].*\.answer$/ } keys %{ stored($nginx) };
    my @record = ($nginx->{bucket}, "$nginx->{prefix_in}/$record");

    open my $file, '>', "$dir/record" or die $!;
    print {$file} $swift->call('get', @record);
    close $file;

    is $nginx->remove($_)->{status}, 204, 'removed' for @ids;

    my $unknown = '0123456789abcdef' x 2;
    my $claim = qr{^PUT \S*$ids[1]\S*[.]answer};
    my $claims = requests($claim);

    # what a claim has put is read back

    rules("HEAD $ids[1]\\S*[.]answer hold", "* $unknown hold");

    my $client = $nginx->raw(
        "POST /upload HTTP/1.0\r\n"
        . join('', map { "$_: $headers->{$_}\r\n" } keys %$headers)
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body");

    ok $nginx->until(sub { requests($claim) > $claims }),
       'the second one is being taken' or diag $nginx->log;
    $swift->call('put', @record, "$dir/record");

    my $deletion = $nginx->raw("DELETE /upload/$unknown HTTP/1.0\r\n\r\n");
    my $of = "{root=\"s3://$nginx->{bucket}/$nginx->{prefix_in}\"}";

    ok $nginx->until(sub {
        $nginx->metric("caphealth_object_store_images_under_way$of") == 3;
    }), 'a deletion waits behind it';

    my $whose = qr{^HEAD \S*$ids[1]\S*[.]answer};
    my $asked = requests($whose);

    rules("* $unknown hold");
    ok $nginx->until(sub { requests($whose) > $asked }), 'it is in use';
    ok $nginx->gone($client), 'the client is gone';
    is records($nginx), 2, 'the first one is still taken';
    rules();
    ok $nginx->until(sub { records($nginx) == 1 }), 'then it is free'
        or diag explain stored($nginx);
    ends($nginx);
};

subtest 'gone, and back' => sub {
    my $nginx = server(flaky => 1, parameters => 'timeout=2s');

    is $nginx->post($photo)->{status}, 201, 'there';
    flaky('stop');

    my $response = $nginx->post($photo);

    is problem($response), '503 store-unavailable', 'gone';
    like $response->{headers}{'retry-after'}, qr/^[1-9]\d*$/,
         'when to try again';
    is problem($nginx->remove('0' x 32)), '503 store-unavailable', 'DELETE';
    is $nginx->get('/health')->{status}, 200, 'the report is there';
    ok $nginx->logged(qr/\[error\].*was not put into "s3:/), 'it is logged';
    flaky('start');
    is $nginx->post($photo)->{status}, 201, 'back';
    is scalar keys %{ stored($nginx) }, 6, 'two images';
    ends($nginx);
};

subtest 'full' => sub {
    $swift->call('bucket', 'small', 80000);

    my $nginx = server(bucket => 'small',
                       location => 'caphealth_image_id key;');
    my ($response, @ids);

    for (1 .. 20) {
        $response = $nginx->post($photo, key($_));
        last if $response->{status} != 201;
        push @ids, decode_json($response->{content})->{images}[0]{id};
    }

    ok scalar @ids, 'there is room for some';
    is problem($response), '507 storage-full', 'then one is refused'
        or diag $nginx->log;

    my %sets;
    $sets{ (m{/([0-9a-f]{32})_})[0] }++ for keys %{ images($nginx) };

    is_deeply [ grep { $_ != 3 } values %sets ], [],
              'no image is there in part';

    $swift->call('bucket', 'small', 1);
    is $nginx->remove($ids[0])->{status}, 204, 'what is there can be removed'
        or diag $nginx->log;
    is_deeply [ grep { /$ids[0]/ } keys %{ stored($nginx) } ], [],
              'all of it';
    counts_agree($nginx, 'the counts are those of a listing');
    ends($nginx);
};

subtest 'credentials that are wrong, no such bucket' => sub {
    open my $file, '>', "$dir/credentials" or die "$!\n";
    print {$file} "[default]\naws_access_key_id = test:tester\n"
                  . "aws_secret_access_key = testing-not\n";
    close $file;
    chmod 0600, "$dir/credentials";

    my $nginx = server(credentials => "$dir/credentials");

    is problem($nginx->post($photo)), '500 storage-failed', 'a wrong secret';
    ok $nginx->logged(qr/\[crit\].*SignatureDoesNotMatch.*check the credentials/),
       'the log says so' or diag $nginx->log;

    # corrected by a reload

    my $parameters = $swift->parameters;

    $nginx->configure(http => $nginx->{http}
                              =~ s/endpoint=.*?;/$parameters;/r);
    ok $nginx->reload, 'reload';
    is $nginx->post($photo)->{status}, 201, 'corrected';
    ends($nginx);

    $nginx = server(bucket => 'nowhere');
    is problem($nginx->post($photo)), '500 storage-failed', 'no such bucket';
    ok $nginx->logged(qr/\[crit\].*NoSuchBucket.*check the credentials/),
       'the log says so' or diag $nginx->log;
    ends($nginx);
};

subtest 'a certificate, a store that is elsewhere, or speaks otherwise' => sub {
    my $listen = Caphealth::Server::free_port();
    my $plain = Caphealth::Server::free_port();

    system('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
           'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
           '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
           '-keyout', "$dir/key.pem", '-out', "$dir/cert.pem") == 0
        or die "openssl failed\n";

    my $nginx = server(
        endpoint => "https://localhost:$listen",
        parameters => "trusted_certificate=$dir/cert.pem",
        http => <<"END");
    caphealth_image_scan off;

    server {
        listen 127.0.0.1:$listen ssl;
        ssl_certificate     $dir/cert.pem;
        ssl_certificate_key $dir/key.pem;

        location / {
            proxy_pass       $swift->{endpoint};
            proxy_set_header Host \$http_host;
        }
    }

    server {
        listen 127.0.0.1:$plain;
        return 307 $swift->{endpoint}\$request_uri;
    }
END

    my $http = $nginx->{http};

    is $nginx->post($photo)->{status}, 201, 'an authority of its own'
        or diag $nginx->log;

    my $before = stored($nginx);
    my $check = qr/check "endpoint=" of "caphealth_image_store",/;

    for my $case (
        [ 'not trusted', qr/ trusted_certificate=\S+?(?=;)/, '',
          qr/SSL certificate problem: self-signed certificate; $check and that the store's certificate is of that name/ ],
        [ 'TLS to a port of HTTP', qr/localhost:$listen(?=\s)/,
          "localhost:$plain",
          qr/the store does not answer by TLS; $check/ ],
        [ 'HTTP to a port of TLS',
          qr{https://localhost:\d+(.*?) trusted_certificate=[^\s;]+}s,
          "http://localhost:$listen",
          qr/the store answered 400; $check the server there may expect https/ ],
        [ 'a redirect',
          qr{https://localhost:\d+(.*?) trusted_certificate=[^\s;]+}s,
          "http://localhost:$plain",
          qr/the store answered 307; check "endpoint=" and "region=" of "caphealth_image_store", redirects/ ])
    {
        my ($name, $like, $with, $logged) = @$case;
        my $now = $http;

        $now =~ s/$like/$with . ($1 \/\/ '')/e or die "$http has no $like\n";
        $nginx->configure(http => $now);
        ok $nginx->reload, "$name: reload";
        is problem($nginx->post($photo)), '500 storage-failed', $name;
        ok $nginx->logged(qr/\[crit\].*was not put into.*$logged/),
           'the log says what to do' or diag $nginx->log;
        is problem($nginx->remove('0' x 32)), '500 storage-failed', 'DELETE';
    }

    is_deeply stored($nginx), $before, 'nothing more is stored';
    ends($nginx);
};

subtest 'the client is gone' => sub {
    my $nginx = server(flaky => 1);
    my $length = length $photo;

    is $nginx->post($photo)->{status}, 201, 'one';

    my $before = $nginx->descriptors;
    my $seen = requests(qr/PUT/);

    rules('PUT _original hold');

    my $socket = $nginx->raw("POST /upload HTTP/1.1\r\nHost: localhost\r\n"
                             . "Content-Length: $length\r\n\r\n$photo");

    ok $nginx->until(sub { keys %{ stored($nginx) } > 3 }), 'on its way';

    ok $nginx->gone($socket), 'nginx knows it';
    rules();
    ok $nginx->until(sub { requests(qr/DELETE/) >= 3 }), 'removed again';
    is scalar keys %{ stored($nginx) }, 3, 'one is there';
    ok $nginx->idle($before), 'no descriptor is left open';
    counts_agree($nginx, 'and counted');
    ends($nginx);
};

subtest 'the shipper is killed, then the worker' => sub {
    my $nginx = server(flaky => 1, http => 'caphealth_refresh 1s;
                                            caphealth_image_scan 1s;');

    for my $victim (qr/caphealth-shipper/, qr/^nginx: worker/) {
        my $there = keys %{ stored($nginx) };
        my $marks = requests(qr/PUT \S*_original/);

        rules('PUT _original hold');

        my ($status) = $nginx->parallel(2, sub {
            my ($i) = @_;

            return $nginx->post($photo)->{status} if $i == 0;

            $nginx->until(sub { keys %{ stored($nginx) } >= $there + 2 });
            kill KILL => $nginx->pids($victim);
            return '';
        });

        isnt $status, 201, "$victim: not stored";

        if ($victim =~ /shipper/) {
            is $status, 503, 'but a 503';
            ok $nginx->until(sub { !keys %{ stored($nginx) } }),
               'and the next shipper removes it' or diag $nginx->log;
        }

        # the mark that was on its way comes now

        rules();
        ok $nginx->until(sub { requests(qr/PUT \S*_original/) > $marks }),
           'its last request ends';
    }

    ok $nginx->until(sub { $nginx->post($photo)->{status} == 201 }),
       'a new worker';

    # what they have left nobody was told of; it is found by the next scan

    my $stored;

    my $stats = $nginx->report('/stats', sub {
        $stored = keys %{ stored($nginx) };
        ($_->{source} // '') eq 'live' && $_->{total_files} == $stored
    });

    is $stats->{total_files}, $stored, 'the counts are those of a listing';
    ends($nginx);
};

subtest 'reloads during uploads' => sub {
    my $nginx = server(workers => 2);

    my @contents = $nginx->parallel(5, sub {
        my ($i) = @_;

        if ($i == 0) {
            for (1 .. 3) {
                kill HUP => $nginx->master;
                sleep 1;
            }

            return '';
        }

        return join "\n", map {
            my $response = $nginx->post($photo);
            $response->{status} == 201 ? $response->{content} : 'failed'
        } 1 .. 4;
    });

    my @answers = map { { content => $_ } }
                  grep { /\S/ } map { split /\n/ } @contents;

    is scalar @answers, 16, 'each has an answer';
    is_deeply stored($nginx), told(@answers), 'and is stored';
    counts_agree($nginx, 'and counted');
    ends($nginx);
};

subtest 'listings find what others do' => sub {
    my $nginx = server(http => 'caphealth_image_scan 1s;');
    my $in = "shop $nginx->{prefix_in}";

    is $nginx->post($photo)->{status}, 201, 'one';
    counts_agree($nginx, 'counted');

    my $id = '0123456789abcdef0123456789abcdef';
    my $place = "$nginx->{prefix_in}/01/23/${id}";

    open my $file, '>', "$dir/file" or die "$!\n";
    print {$file} 'x' x 10;
    close $file;

    $swift->call('put', 'shop', "${place}_800.webp", "$dir/file");
    $swift->call('put', 'shop', "$nginx->{prefix_in}/readme.txt", "$dir/file");

    my $stats = $nginx->report('/stats', sub { $_->{stray_files} == 1
                                               && $_->{incomplete_sets} == 1 });

    is $stats->{stray_files}, 1, 'a stray file';
    is $stats->{incomplete_sets}, 1, 'an image without its mark';
    is $stats->{total_files}, 4, 'whose file is counted';

    $swift->call('put', 'shop', "${place}_original.webp", "$dir/file");
    $stats = $nginx->report('/stats', sub { $_->{products_estimated} == 2 });
    is $stats->{incomplete_sets}, 0, 'which another program completes';
    is $nginx->remove($id)->{status}, 204, 'it can be removed';

    $stats = $nginx->report('/stats', sub { $_->{total_files} == 3 });
    is $stats->{products_estimated}, 1, 'one is left';
    ends($nginx);
};

# Three nodes of a fleet with two stores, one of them behind pgbouncer: whatever
# happens, each node has the counts of both stores, and one node lists them.

subtest 'the nodes of a fleet share the counts' => sub {
    my $postgres = Caphealth::Postgres->new;
    my (%proxy, %node);

    $postgres->fleet;
    $prefix++;

    my $standby = Caphealth::Postgres->standby($postgres);
    my $bouncer = Caphealth::Pgbouncer->new(to => $postgres->{port});
    my ($store, $other) = map { "s3://shop/$_ " . $swift->parameters
                                =~ s/:$target\b/:$port/r }
                          $prefix, "$prefix-other";
    my @in = map { { bucket => 'shop', prefix_in => $_ } }
             $prefix, "$prefix-other";
    my $in = $in[0];

    my $new = sub {
        my ($name) = @_;

        $proxy{$name} //= Caphealth::Proxy->new(
            to => ($name eq 'c' ? $bouncer : $postgres)->{port});

        my $url = "postgresql://caphealth\@127.0.0.1:$proxy{$name}{port}/shop";

        $node{$name} = Caphealth::Upload->new(
            http => "caphealth_refresh 2s; caphealth_timeout ${timeout}s;
                     caphealth_fleet $url node=$name grace=1s;",
            keep => "caphealth_image_store $store;",
            location => "caphealth_image_delete on; }
                         location = /other { caphealth_image_upload;
                         caphealth_image_store $other;",
        );
    };

    # the nodes show what is in the store, and all of them that it is live

    my $agree = sub {
        my ($name, @nodes) = @_;

        my $stored = { map { my $n = $_;
                             my $s = stored($in[$n]);
                             map { ("$n/$_" => $s->{$_}) } keys %$s } 0, 1 };
        my $bytes = 0;
        $bytes += $_ for values %$stored;

        my $expected = join ' ', 'live', scalar keys %$stored, $bytes,
                       scalar grep { /_original\./ } keys %$stored;
        my %got;

        for my $n (@nodes) {
            $node{$n}->until(sub {
                my $s = $node{$n}->json('/stats');

                $got{$n} = join ' ', map { $_ // 'null' } @$s{qw(source
                           total_files total_bytes products_estimated)};
                $got{$n} eq $expected
            }, 600);
        }

        local $Test::Builder::Level = $Test::Builder::Level + 1;

        return is_deeply(\%got, { map { $_ => $expected } @nodes }, $name)
               || diag map { $node{$_}->log } @nodes;
    };

    my $post = sub {
        my ($n) = @_;

        my $response = $node{$n}->post($photo);

        return $response->{status} == 201
               ? decode_json($response->{content})->{images}[0]{id} : undef;
    };

    # uploads an image to each store

    my $both = sub {
        my ($n) = @_;

        my $id = $post->($n);

        return $node{$n}->post($photo, {}, '/other')->{status} == 201
               ? $id : undef;
    };

    $new->('a');
    ok $post->('a'), 'an upload';
    $agree->('one node', 'a');

    my $listing = qr{prefix=$prefix(?:%2F|/)[0-9a-f][0-9a-f](?:%2F|/)(?:\D)};
    my $lists = requests($listing);


    $new->($_) for qw(b c);
    $agree->('two more have the counts', qw(a b c));

    my @ids = map { my $n = $_; map { [ $n, $both->($n) ] } 1 .. 3 } qw(a b c);

    ok !(grep { !$_->[1] } @ids), 'uploads on each';
    $agree->('are counted on all', qw(a b c));

    # of another node's

    is $node{b}->remove($ids[0][1])->{status}, 204, 'a deletion';
    is $node{a}->remove($ids[3][1])->{status}, 204, 'another one';
    $agree->('too', qw(a b c));
    cmp_ok requests($listing), '<', $lists + 100,
       'and the store was not listed for it';

    # an outage, in which one of them goes on

    $proxy{b}->cut;
    ok $both->('b') && $both->('a'), 'one is cut off';
    ok $node{b}->until(sub { $node{b}->json('/stats')->{source} eq 'saved' }),
       'its counts are not live';
    ok $both->('b'), 'it goes on';
    $proxy{b}->pass;
    $agree->('its uploads are counted afterwards', qw(a b c));

    # the database stores, and its answer does not come

    $proxy{c}->mute;
    ok $both->('c'), 'an answer is lost';
    ok $node{c}->until(sub {
        $node{c}->logged(qr/caphealth fleet: .*no answer/)
    }), 'which is an error';
    $proxy{c}->cut;
    $proxy{c}->pass;
    $agree->('and not counted twice', qw(a b c));

    # a pass, uploads and a reload at once; then what it has found

    $postgres->sql('UPDATE caphealth.stores SET lost = clock_timestamp()');

    my @posted = $node{a}->parallel(4, sub {
        my ($i) = @_;

        $node{b}->reload if $i == 3;

        return join ' ', map { $both->(qw(a b c a)[$i]) // '-' } 1 .. 4;
    });

    is scalar(grep { /-/ } @posted), 0, 'uploads during a pass and a reload';
    $agree->('are counted', qw(a b c));
    is $postgres->sql('SELECT drift_files, drift_bytes, pass > 1
                       FROM caphealth.stores'), "0|0|t\n0|0|t\n",
       'and the pass found that no count was wrong';

    # the lister, which is the holder of the lease, is killed in an upload

    my ($instance) = $postgres->sql('SELECT lister FROM caphealth.stores')
                     =~ /(\S+)/;
    my ($dead) = $postgres->sql("SELECT node FROM caphealth.store_nodes
                                 WHERE instance = '$instance'") =~ /(\S+)/;
    my @left = grep { $_ ne $dead } qw(a b c);

    rules('PUT _original delay 1');

    $node{$dead}->parallel(2, sub {
        my ($i) = @_;

        return $post->($dead) // '' if $i == 0;

        my $before = keys %{ stored($in) };

        $node{$dead}->until(sub { keys %{ stored($in) } > $before });
        kill KILL => $node{$dead}->master, keys %{ $node{$dead}->processes };
        return '';
    });

    rules();
    ok $post->($left[0]), 'the lister is killed';
    ok $node{$left[0]}->until(sub {
        $postgres->sql("SELECT bool_and(lister <> '$instance' AND trusted
                                        AND scan_began > lost
                                        AND lost > '-infinity')
                        FROM caphealth.stores") eq "t\n"
    }, 600), 'another one lists';
    $agree->('the counts are right', @left);

    $node{$dead}->start;
    $agree->('it is started again', qw(a b c));
    ok $post->($dead), 'and takes uploads';
    $agree->('which are counted', qw(a b c));

    # An instance that has quit is not waited for: when it has been silent for
    # three refreshes, nothing is lost and no listing has begun.

    my $instance_of = sub {
        return $postgres->sql("SELECT instance FROM caphealth.nodes
                               WHERE name = '$_[0]'") =~ s/\s//gr;
    };

    my $passes = sub {
        return $postgres->sql('SELECT name, pass, lost, pass_began
                               FROM caphealth.stores ORDER BY name');
    };

    my $missed = sub {
        my ($instance) = @_;

        return $node{a}->until(sub {
            $postgres->sql("SELECT bool_and(n.lost AND s.lister_until
                                            > n.reported + interval '10 s')
                            FROM caphealth.stores s, caphealth.store_nodes n
                            WHERE n.instance = '$instance'
                            AND n.store = s.name") eq "t\n"
        }, 60);
    };

    my $ends = sub {
        my ($n, $how, $code) = @_;

        my ($instance, $before) = ($instance_of->($n), $passes->());

        $code->();
        $agree->("$how: counted", qw(a b));
        ok $missed->($instance), 'it is not waited for';
        is $passes->(), $before, 'and nothing was lost, or is listed';
        is_deeply [ map { $node{$_}->json('/stats')->{source} } qw(a b) ],
                  [ 'live', 'live' ], 'the others are live';
    };

    $ends->('c', 'quits during an upload', sub {
        $node{c}->configure(workers => 3);
        ok $node{c}->reload, 'a node with more workers';
        rules('PUT _original delay 1');

        my ($id) = $node{c}->parallel(2, sub {
            my ($i) = @_;

            return $post->('c') // '' if $i == 0;

            my $before = keys %{ stored($in) };

            $node{c}->until(sub { keys %{ stored($in) } > $before });
            kill QUIT => $node{c}->master;
            return '';
        });

        rules();
        ok $id, 'an upload that ends while nginx quits';
        ok $node{c}->stop, 'nginx has quit';
    });

    my $before = $passes->();

    $node{c}->start;
    $agree->('after its start it is live', qw(a b c));
    is $passes->(), $before, 'without a listing';

    $ends->('b', 'has a zone of another size', sub {
        my $http = $node{b}{http};

        $node{b}->configure(http => "$http caphealth_zone 8m;");
        ok $both->('b'), 'an upload before a reload';
        ok $node{b}->reload, 'the reload';
    });

    # a binary upgrade

    $ends->('c', 'is upgraded', sub {
        my $old = $node{c}->master;

        ok $both->('c'), 'an upload before an upgrade';
        kill USR2 => $old;
        ok $node{c}->until(sub { $node{c}->master != $old
                                 && $node{c}->workers }), 'a new nginx';
        ok $post->('c'), 'another one, to either';
        kill QUIT => $old;
        ok $node{c}->until(sub { !kill 0, $old }), 'the old one quits';
    });

    # if the database is away when a node quits, it is as if the node was killed

    ok $post->('c'), 'an upload';
    $proxy{c}->hold;
    ok $post->('c'), 'the database does not answer';

    my $missing = $instance_of->('c');

    ok $node{c}->stop, 'nginx quits nevertheless';
    ok $node{c}->logged(qr/\[warn\].*last changes of object stores/),
       'which is a warning';
    ok $missed->($missing), 'it is silent';
    $agree->('and its changes are found', qw(a b));
    isnt $passes->(), $before, 'by a listing';
    $proxy{c}->cut;
    $proxy{c}->pass;
    $node{c}->start;
    $agree->('and it is back', qw(a b c));

    # a failover loses changes that a node knows to be stored

    $standby->sql(q(ALTER SYSTEM SET primary_conninfo = ''));
    $standby->sql('SELECT pg_reload_conf()');
    ok $node{a}->until(sub {
        $standby->sql('SELECT count(*) FROM pg_stat_wal_receiver') eq "0\n"
    }), 'a standby is left behind';
    ok $both->('a'), 'an upload';
    $agree->('is known to all', qw(a b c));

    chomp(my $known = $standby->sql('SELECT max(lost) FROM caphealth.stores'));

    $postgres->stop;
    $standby->sql('SELECT pg_promote()');

    for (values %proxy) {
        $_->to($standby->{port});
        $_->cut;
        $_->pass;
    }

    ok $node{a}->until(sub {
        $standby->sql("SELECT bool_and(lost > '$known' AND trusted)
                       FROM caphealth.stores") eq "t\n"
    }, 600), 'its loss is seen, and the stores are listed';
    $agree->('and the counts are right', qw(a b c));

    ok $node{$_}->stop, "$_ quits" for qw(a b c);
};

done_testing;
