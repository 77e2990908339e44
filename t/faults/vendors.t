#!/usr/bin/perl

# Vendors who upload with tokens of one use, each with a quota, into one
# location that keeps sources, makes three formats and knows repeated uploads:
# what all of them together have to add up to, and after workers were killed.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Token qw(token key_file);
use Caphealth::Tree qw(settled);
use Caphealth::Upload qw(form photo);
use Digest::SHA qw(sha256_hex);
use Fcntl qw(:flock);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep);

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

my $key = { kid => 'a', secret => '0f' x 32 };
my $keys = key_file('a ' . '0f' x 32);
my $n = 0;

sub server {
    my ($id, %option) = @_;

    my $source = "$dir/source" . $n++;
    my $nginx = Caphealth::Upload->new(
        workers  => 2,
        http     => 'caphealth_refresh 1s; caphealth_image_scan 1s;
                     caphealth_image_scan_share 100%;
                     caphealth_image_variant original;
                     caphealth_image_variant square size=80x80 fit=cover
                                             format=jpeg;
                     caphealth_image_variant 60 max=60 format=avif;',
        location => "caphealth_image_tokens $keys; caphealth_image_delete on;
                     caphealth_image_id $id; caphealth_image_source $source;
                     caphealth_image_quota images=2; }
                     location = /owners { caphealth_image_owners;",
        %option);

    $nginx->{source} = $source;

    return $nginx;
}

my $jti = 0;

# once(SUB => OWNER, ...): a new token of one use

sub once {
    return token($key, exp => time + 600, once => JSON::PP::true,
                 jti => "$$ " . $jti++, @_);
}

# a form of one photo, which is wide, with a focus

sub body {
    my ($width, $focus) = @_;

    my ($form, $headers) = form('a.jpg' => photo("${width}x100"));

    $form =~ s/(?=--b1234--)/--b1234\r
Content-Disposition: form-data; name="focus"\r
\r
$focus\r
/ if $focus;

    return ($form, $headers);
}

sub send_to {
    my ($nginx, $token, $idempotency_key, $form, $headers) = @_;

    return $nginx->post($form, { %$headers,
        Authorization => "Bearer $token",
        defined $idempotency_key
        ? ('Idempotency-Key' => $idempotency_key) : () });
}

sub remove {
    my ($nginx, $id, $owner) = @_;

    return HTTP::Tiny->new->delete(
        "http://127.0.0.1:$nginx->{port}/upload/$id?force=1",
        { headers => { Authorization => 'Bearer '
            . once(sub => $owner, delete => JSON::PP::true) } });
}

sub id {
    my ($response) = @_;

    return eval { decode_json($response->{content})->{images}[0]{id} } // '';
}

# as docs/http-api.md says it

sub key_id {
    my ($owner, $idempotency_key) = @_;

    return substr sha256_hex(join "\0", '/upload', $owner, $idempotency_key, 1),
                  0, 32;
}

# [files, bytes] of the images, of the sources, and of what else is there

sub found {
    my ($root, $like) = @_;

    my ($files, $bytes, @others) = (0, 0);

    for (split /\n/, `find $root -type f -printf '%s %P\n'`) {
        my ($size, $path) = split / /, $_, 2;

        next if $path =~ m{^\.owners/} || $path =~ /\.answer$/;

        # of a process that died, which a scan leaves for an hour: see sources.t

        next if $path =~ m{/\.[^/]+\.tmp$};

        if ($path =~ $like) {
            $files++;
            $bytes += $size;

        } else {
            push @others, $path;
        }
    }

    return [ $files, $bytes, @others ];
}

# adds_up(NGINX, NAME, OWNER => [IDS], ...): no other image is there, and all
# counters are what find says

sub adds_up {
    my ($nginx, $name, %ids) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $stats = $nginx->counted;
    my $images = found($nginx->{root},
                       qr{/[0-9a-f]{32}_(?:original\.webp|square\.jpg|
                          60\.(?:avif|webp))$}x);
    my $sources = found($nginx->{source}, qr{/[0-9a-f]{32}\.jpeg$});
    my @ids = map { @$_ } values %ids;

    is_deeply $images, [ @{$stats}{qw(total_files total_bytes)} ],
              "$name: files";
    is_deeply $sources, [ @{ $stats->{sources}[0] }
                          {qw(total_files total_bytes)} ],
              "$name: sources";
    is_deeply [ $images->[0], $sources->[0] ], [ 3 * @ids, scalar @ids ],
              "$name: so many";

    my %bytes = map {
        my $sum = 0;

        $sum += -s for map { glob "$nginx->{root}/??/??/${_}_*.{webp,jpg,avif}" }
                       @{ $ids{$_} };
        $_ => scalar @{ $ids{$_} } . " $sum";
    } grep { @{ $ids{$_} } } keys %ids;

    return is_deeply {
        map { $_->{owner} => "$_->{images} $_->{bytes}" }
        grep { $_->{images} } @{ $nginx->json('/owners')->{owners} }
    }, \%bytes, "$name: owners";
}

subtest 'key' => sub {
    my $nginx = server('key');
    my @left = body(400, '0,0.5');
    my @other = body(300);
    my $a = once(sub => 'v7');
    my $first = send_to($nginx, $a, 'k1', @left);

    is $first->{status}, 201, 'stored' or diag $first->{content};
    adds_up($nginx, 'one', v7 => [ id($first) ]);

    my $square = `cat $nginx->{root}/??/??/*_square.jpg`;

    for (1, 2) {
        my $again = send_to($nginx, $a, 'k1', @left);

        is $again->{status}, 200, 'repeated with the used token'
            or diag $again->{content};
        is $again->{content}, $first->{content}, 'is answered the same';
    }

    is send_to($nginx, $a, 'k2', @other)->{status}, 401,
       'which is for no other key';
    is send_to($nginx, $a, 'k1', @other)->{status}, 422,
       'nor for another body';
    is send_to($nginx, $a, 'k1', body(400, '1,0.5'))->{status}, 422,
       'nor for another focus';
    is send_to($nginx, $a, undef, @left)->{status}, 400, 'nor without a key';
    adds_up($nginx, 'still one', v7 => [ id($first) ]);

    my $b = once(sub => 'v7');

    is send_to($nginx, $b, 'k1', @left)->{status}, 200, 'with a new token';

    my $second = send_to($nginx, $b, 'k2', @other);

    is $second->{status}, 201, 'which was not used by that';

    my $c = once(sub => 'v7');

    is send_to($nginx, $c, 'k3', @left)->{status}, 507, 'the quota';
    is send_to($nginx, $a, 'k1', @left)->{status}, 200,
       'a repeated one is answered nevertheless';
    adds_up($nginx, 'two', v7 => [ map { id($_) } $first, $second ]);

    my $d = send_to($nginx, once(sub => 'v8'), 'k1', @left);

    is $d->{status}, 201, 'the same key of another owner';
    is remove($nginx, id($first), 'v8')->{status}, 404, 'who cannot remove that';
    is remove($nginx, id($first), 'v7')->{status}, 204, 'removed by its owner';
    is send_to($nginx, $a, 'k1', @left)->{status}, 401,
       'then a used token does not store it again';
    adds_up($nginx, 'after it', v7 => [ id($second) ], v8 => [ id($d) ]);
    is send_to($nginx, $c, 'k3', @left)->{status}, 201,
       'the token that was refused is used now';
    ok $nginx->reload, 'reload';
    is send_to($nginx, $b, 'k2', @other)->{status}, 200, 'after a reload';

    my $x = once(sub => 'v9');
    my @status = sort $nginx->parallel(6, sub {
        return send_to($nginx, $x, 'k9', @left)->{status};
    });

    is "@status", '200 200 200 200 200 201', 'many at once';

    # one that is refused while others with the same token and key wait, each
    # of which is refused itself

    my $y = once(sub => 'v9');
    my ($bad, $headers) = form('a.jpg' => "\xff\xd8\xff\xe0broken");

    is_deeply [ $nginx->parallel(4, sub {
        return send_to($nginx, $y, 'k10', $bad, $headers)->{status};
    }) ], [ (422) x 4 ], 'nothing comes of many';
    is send_to($nginx, $y, 'k10', @left)->{status}, 201,
       'so the token is free';
    is send_to($nginx, $y, 'k11', @left)->{status}, 401, 'once';
    is remove($nginx, id($d), 'v8')->{status}, 204, 'removed';

    # what is left is cut at its focus as the first was

    is scalar(grep { `cat $_` eq $square }
              glob "$nginx->{root}/??/??/*_square.jpg"), 3, 'the same cuts';
    is $nginx->logged(qr/\[alert\]|\[crit\]|\[emerg\]/), 0, 'nothing is wrong';
    ok $nginx->stop, 'quits';
};

subtest 'content' => sub {
    my $nginx = server('content');
    my @left = body(400, '0,0.5');
    my $a = once(sub => 'v7');
    my $b = once(sub => 'v8');
    my $first = send_to($nginx, $a, undef, @left);

    is $first->{status}, 201, 'stored';
    is send_to($nginx, $a, undef, @left)->{status}, 401, 'the token is used';

    my $again = send_to($nginx, $b, undef, body(400, '1,1'));

    is $again->{status}, 200, 'by another owner';
    is id($again), id($first), 'the same image';
    adds_up($nginx, 'one', v7 => [ id($first) ]);

    my $second = send_to($nginx, $b, undef, body(300));

    is $second->{status}, 201, 'whose token was not used by that';
    is remove($nginx, id($first), 'v8')->{status}, 404, 'and who cannot remove it';
    is remove($nginx, id($first), 'v7')->{status}, 204, 'its owner can';
    adds_up($nginx, 'the other', v8 => [ id($second) ]);

    my $third = send_to($nginx, once(sub => 'v8'), undef, @left);

    is $third->{status}, 201, 'stored again';
    adds_up($nginx, 'by its new owner', v8 => [ map { id($_) } $second, $third ]);
    is send_to($nginx, once(sub => 'v8'), undef, body(200))->{status}, 507,
       'whose quota it is in';
    is $nginx->logged(qr/\[alert\]|\[crit\]|\[emerg\]/), 0, 'nothing is wrong';
    ok $nginx->stop, 'quits';
};

# as a worker leaves it that is killed when an image has its files, and its
# record and its owner's counts have not been written

sub as_if_killed {
    my ($nginx, $id, $owner) = @_;

    unlink glob("$nginx->{root}/??/??/${id}_*.answer"),
           "$nginx->{root}/.owners/$owner/.counts";
}

subtest 'an image of an upload that died is not counted twice' => sub {
    my $nginx = server('key');
    my $token = once(sub => 'v7');
    my $first = send_to($nginx, once(sub => 'v7'), 'k1', body(300));
    my $second = send_to($nginx, $token, 'k2', body(400));

    is $second->{status}, 201, 'as many as the quota';
    as_if_killed($nginx, id($second), 'v7');
    is send_to($nginx, once(sub => 'v7'), 'k2', body(500))->{status}, 201,
       'replaces files that were never answered';
    settled($nginx);
    adds_up($nginx, 'two', v7 => [ map { id($_) } $first, $second ]);
    ok $nginx->stop, 'quits';

    $nginx = server('content');
    $first = send_to($nginx, once(sub => 'v7'), undef, body(300));
    as_if_killed($nginx, id($first), 'v7');
    is send_to($nginx, once(sub => 'v8'), undef, body(300))->{status}, 201,
       'of the same bytes, and of another owner';
    settled($nginx);
    adds_up($nginx, 'one', v8 => [ id($first) ]);
    ok $nginx->stop, 'quits';
};

subtest 'DELETE waits for an upload of the same id' => sub {
    my $nginx = server('key');
    my $id = key_id('v7', 'k1');
    my @converters = $nginx->hold({
        Authorization => 'Bearer ' . token($key, exp => time + 600),
        'Idempotency-Key' => 'none' });

    my @answers = $nginx->parallel(3, sub {
        my ($i) = @_;

        return send_to($nginx, once(sub => 'v7'), 'k1', body(300))->{status}
            if $i == 0;

        $nginx->until(sub { glob "$nginx->{root}/??/??/.$id.tmp" });

        return remove($nginx, $id, 'v7')->{status} if $i == 1;

        sleep 0.3;
        kill CONT => @converters;

        return '';
    });

    is "@answers[0, 1]", '201 204', 'it is stored, and then removed';
    settled($nginx);
    adds_up($nginx, 'nothing is left');
    ok $nginx->stop, 'quits';
};

# an owner that another process has locked

sub locked {
    my ($nginx, $owner) = @_;

    open my $dir, '<', "$nginx->{root}/.owners/$owner" or die $!;
    flock $dir, LOCK_EX or die $!;

    return $dir;
}

subtest 'an owner that is locked holds no thread' => sub {
    my $nginx = server('key', main => 'thread_pool default threads=2;',
                       workers => 1);
    my $first = send_to($nginx, once(sub => 'v7'), 'k', body(300));
    my $lock = locked($nginx, 'v7');
    my $unlock = "$dir/unlock";
    my $ask = sub {
        my ($i) = @_;

        return remove($nginx, id($first), 'v7')->{status} if $i == 4;

        # one of another owner

        if ($i == 5) {
            my $status = send_to($nginx, once(sub => 'v8'), 'k5', body(300))
                         ->{status};
            my ($row) = grep { $_->{owner} eq 'v7' }
                        @{ $nginx->json('/owners')->{owners} };

            open my $done, '>', $unlock;

            return "$status $row->{images}";
        }

        my $status = send_to($nginx, once(sub => 'v7', images => 9), "k$i",
                             body(300))->{status};

        return $status . (-e $unlock ? '' : ' too early');
    };

    # the lock is this process's, and its children have it too

    my $pid = fork;

    if ($pid == 0) {
        $nginx->until(sub { -e $unlock });
        sleep 0.2;
        flock $lock, LOCK_UN;
        require POSIX;
        POSIX::_exit(0);
    }

    my @answers = $nginx->parallel(6, $ask);

    waitpid $pid, 0;
    close $lock;

    is "@answers", '201 201 201 201 204 201 1',
       'others go on, and these wait';
    unlink $unlock;
    settled($nginx);
    adds_up($nginx, 'all of them', v8 => [ key_id('v8', 'k5') ],
            v7 => [ map { key_id('v7', "k$_") } 0 .. 3 ]);
    ok $nginx->stop, 'quits';
};

subtest 'an owner that stays locked' => sub {
    my $nginx = server('key');
    my $first = send_to($nginx, once(sub => 'v7'), 'k0', body(300));

    $nginx->configure(http => "$nginx->{http} caphealth_image_timeout 1s;");
    ok $nginx->reload, 'reload';

    my $lock = locked($nginx, 'v7');
    my $token = once(sub => 'v7');

    for my $ask (sub { send_to($nginx, $token, 'k1', body(400)) },
                 sub { remove($nginx, id($first), 'v7') }) {
        my ($response, $problem);

        # on a busy machine a converter may not start in time

        $nginx->until(sub {
            $response = $ask->();
            $problem = eval { decode_json($response->{content}) };
            $problem->{type} =~ /server-busy$/;
        });

        is "$response->{status} $problem->{type}",
           '503 urn:caphealth:problem:server-busy', 'refused';
        like $problem->{detail}, qr/changed .* for 1000 ms, .* Try again/,
             'and why';
    }

    close $lock;
    ok $nginx->until(sub {
        send_to($nginx, $token, 'k1', body(400))->{status} == 201;
    }), 'again';
    ok $nginx->stop, 'quits';
};

subtest 'workers are killed' => sub {
    my $nginx = server('key');

    srand 20;

    my @answers = $nginx->parallel(4, sub {
        my ($i) = @_;

        if ($i == 0) {
            for (1 .. 8) {
                sleep 0.1 + rand 0.4;

                my @workers = $nginx->workers;

                kill KILL => $workers[rand @workers] if @workers;
            }

            return '';
        }

        my @told;

        for my $j (1 .. 8) {
            my $owner = "v$i-$j";
            my $token = token($key, exp => time + 600, sub => $owner, jti => $owner,
                              once => JSON::PP::true);
            my $answer;

            # as a client does that heard nothing: the same again

            for my $try (1 .. 20) {
                $answer = send_to($nginx, $token, 'k', body(200 + $j, '0,1'));

                last if $answer->{status} =~ /^20/;

                sleep 0.1;
            }

            push @told, "$owner " . id($answer);
        }

        return join "\n", @told;
    });

    my %ids = map { /^(\S+) ([0-9a-f]{32})$/ ? ($1 => [$2]) : ($_ => []) }
              map { split /\n/ } @answers;

    is scalar(grep { @$_ } values %ids), 24, 'each is stored in the end';

    # the master is killed too, and nginx is started again

    my $master = $nginx->master;
    my @pids = ($master, $nginx->workers);

    kill KILL => @pids;
    ok $nginx->until(sub { !grep { Caphealth::Server::lives($_) } @pids }),
       'nothing runs';
    $nginx->start;

    ok settled($nginx), 'a scan';
    adds_up($nginx, 'corrected', %ids);
    is $nginx->json('/stats')->{$_}, 0, $_ for qw(stray_files incomplete_sets);
    is $nginx->json('/stats')->{sources}[0]{without_image}, 0,
       'no source is left';
    ok $nginx->stop, 'quits';
};

# the log and the answer when no more uses can be kept

sub refused {
    my ($nginx, $response, $detail, $logged) = @_;

    my $problem = eval { decode_json($response->{content}) } // {};

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is "$response->{status} " . ($problem->{type} // ''),
       '503 urn:caphealth:problem:server-busy', 'refused';
    like $problem->{detail}, $detail, 'the detail of the answer';
    isnt $nginx->logged($logged), 0, 'and the operator';
}

subtest 'as many uses as can be kept' => sub {
    my $nginx = server('key', connections => 3000);

    # each request has used its token, and its body does not come

    my @open = map {
        $nginx->raw("POST /upload HTTP/1.0\r\nIdempotency-Key: a\r\n"
                    . 'Authorization: Bearer ' . once(sub => 'v7')
                    . "\r\nContent-Length: 9\r\n\r\n")
    } 1 .. 2060;

    # a request between them would take the place of one for as long as it lasts

    ok $nginx->until(sub {
        $nginx->logged(qr/2048 tokens of one use have been used/);
    }), 'no more can be kept';

    my $token = once(sub => 'v7');
    my $response = send_to($nginx, $token, 'k1', 'no image', {});

    refused($nginx, $response, qr/^As many tokens of one use as can be kept/,
            qr/2048 tokens of one use have been used .*let them expire sooner/);

    @open = ();

    ok $nginx->until(sub {
        send_to($nginx, $token, 'k1', body(400))->{status} == 201;
    }), 'it is used when others are free';
    ok $nginx->stop, 'quits';
};

subtest 'a zone without room for uses' => sub {
    my ($nginx, $size);

    # the smallest that takes all else

    for ($size = 384; !$nginx && $size < 4096; $size += 32) {
        $nginx = eval {
            Caphealth::Upload->new(http => "caphealth_zone ${size}k;",
                                   location => "caphealth_image_tokens $keys;");
        };
    }

    my $more = once(sub => 'v7');
    my $response = send_to($nginx, $more, undef, body(400));

    refused($nginx, $response, qr/^The server has no room .* its log says/,
            qr/no room in "caphealth_zone" for tokens of one use, make it/);

    my ($kilobytes) = $nginx->log =~ /make it (\d+) kilobytes larger/;

    $size += $kilobytes;
    $nginx->configure(http => $nginx->{http}
                              =~ s/caphealth_zone \d+k/caphealth_zone ${size}k/r);
    ok $nginx->stop, 'quits';
    $nginx->start;
    is send_to($nginx, $more, undef, body(400))->{status}, 201,
       'as large as that says, it has room';
    ok $nginx->stop, 'quits';
};

done_testing;
