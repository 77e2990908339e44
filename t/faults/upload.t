# Uploads while things are killed, clients go away and disks fill: what was
# answered with 201 is there whole, nothing else is, and the next one works.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Upload qw(photo strange form);
use Caphealth::Valgrind qw(patience);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

my $helpers = Caphealth::Upload::strange_helpers();
my $photo = photo('600x400');

# upload(NGINX, N): N uploads, one after another, and what became of them

sub upload {
    my ($nginx, $n) = @_;

    return join ' ', map {
        my $response = $nginx->post($photo);

        $response->{status} . ($response->{status} == 201
            ? ':' . decode_json($response->{content})->{images}[0]{id} : '');
    } 1 .. $n;
}

# the images that were answered with 201, and all answers, counted

sub tally {
    my (%ids, %statuses);

    for (map { split ' ' } @_) {
        my ($status, $id) = split /:/;

        $statuses{$status}++;
        $ids{$id} = 1 if $id;
    }

    return (\%ids, \%statuses);
}

subtest 'converters are killed' => sub {
    my $nginx = Caphealth::Upload->new(workers => 2);

    upload($nginx, 4);

    my $before = $nginx->descriptors;
    my $old = keys %{ $nginx->sets };

    my @answers = $nginx->parallel(5, sub {
        my ($i) = @_;

        return upload($nginx, 50) if $i;

        # however long a converter takes to start, some images come through

        for (1 .. 30) {
            my $stored = $nginx->files;

            $nginx->until(sub { $nginx->files > $stored + 3 }) or last;

            my @pids = $nginx->converters or next;

            kill KILL => $pids[rand @pids];
        }

        return '';
    });

    my ($ids, $statuses) = tally(@answers);
    my $sets = $nginx->sets;

    ok $nginx->logged(qr/caphealth-converter \d+ exited on signal 9/),
       'converters were killed';

    cmp_ok $statuses->{201} // 0, '>', 20, 'many of 200 work';
    is $statuses->{201} + ($statuses->{422} // 0) + ($statuses->{503} // 0),
       200, 'each gets an answer';
    is scalar(grep { $sets->{$_} != 3 } keys %$sets), 0,
       'every image is there whole';
    is scalar(grep { !$sets->{$_} } keys %$ids), 0,
       'everything that was answered is there';
    is keys(%$sets) - $old, keys %$ids, 'and nothing else';
    ok $nginx->idle($before), 'no descriptor is left open';
    cmp_ok scalar $nginx->converters, '<=', 2, 'no converter is left over';
    is $nginx->post($photo)->{status}, 201, 'the next upload works';
    is $nginx->logged(qr/worker process \d+ exited on signal/), 0,
       'the workers live';
    ok $nginx->stop, 'quits';
};

subtest 'workers are killed' => sub {
    my $nginx = Caphealth::Upload->new(workers => 2);

    upload($nginx, 2);

    my @answers = $nginx->parallel(5, sub {
        my ($i) = @_;

        return upload($nginx, 20) if $i;

        for (1 .. 8) {
            sleep patience(0.1 + rand 0.3);

            my @pids = $nginx->workers or next;

            kill KILL => $pids[rand @pids];
        }

        return '';
    });

    my ($ids) = tally(@answers);

    ok $nginx->until(sub { $nginx->workers == 2 }), 'the workers are back';
    sleep 0.5;

    my @files = $nginx->files;
    my %sets;

    for my $file (@files) {
        $sets{$1}{$2} = 1
            if $file =~ m{^\./../../([0-9a-f]{32})_([a-z0-9]+)\.webp$};
    }

    is scalar(grep { m{/\.} } @files), 0, 'no temporary file is left';
    is scalar(grep { $sets{$_}{original} && keys %{ $sets{$_} } != 3 }
                   keys %sets), 0,
       'every image that has its mark is there whole';
    is scalar(grep { !$sets{$_}{original} } keys %$ids), 0,
       'everything that was answered is there';
    ok $nginx->until(sub { $nginx->converters <= 2 }),
       'the converters went with their workers';
    is $nginx->post($photo)->{status}, 201, 'the next upload works';
    ok $nginx->stop, 'quits';
};

subtest 'clients go away' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers;
                 client_body_buffer_size 16k;");
    my $slow = strange('slow');
    my $head = "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n"
               . "\r\n%s";
    my ($body) = form('a.jpg' => strange('well'), 'b.jpg' => strange('slow'));

    $nginx->post(strange('well'));

    my $before = $nginx->descriptors;

    for my $case (
        [ 'before the headers end', "POST /upload HTTP/1.1\r\nHost: a\r\n" ],
        [ 'before the body', sprintf($head, 100, '') ],
        [ 'in a body in memory', sprintf($head, 100, 'x' x 50) ],
        [ 'in a body in a file', sprintf($head, 900000, 'x' x 500000) ],
        [ 'in a chunk', "POST /upload HTTP/1.1\r\nHost: a\r\n"
          . "Transfer-Encoding: chunked\r\n\r\n64\r\nabc" ],
        [ 'when all is said', sprintf($head, length $slow, $slow) ],
        [ 'in the second of two', "POST /upload HTTP/1.1\r\nHost: a\r\n"
          . "Content-Type: multipart/form-data; boundary=b1234\r\n"
          . "Content-Length: " . length($body) . "\r\n\r\n$body" ])
    {
        my ($name, $bytes) = @$case;

        for my $pause (0, 0.02, 0.3) {
            my $socket = $nginx->raw($bytes);

            sleep $pause;
            close $socket;
        }

        is $nginx->post(strange('well'))->{status}, 201, $name;
    }

    # one that was said whole, at once, may have been stored, if its client
    # was still there when it was

    ok $nginx->idle($before), 'no descriptor is left open';
    is keys %{ $nginx->sets }, 8, 'nothing is left';
    is $nginx->alerts, '', 'no alert';
    ok $nginx->stop, 'quits';
};

subtest 'gone while the files get their names' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers;");

    $nginx->post(strange('well'));

    my $before = $nginx->descriptors;
    my $well = strange('well');

    for (1 .. 100) {
        my $socket = $nginx->raw("POST /upload HTTP/1.1\r\nHost: a\r\n"
                                 . "Content-Length: " . length($well)
                                 . "\r\n\r\n$well");
        sleep rand 0.006;
        close $socket;
    }

    ok $nginx->idle($before), 'no descriptor is left open';
    is scalar(grep { $_ != 3 } values %{ $nginx->sets }), 0,
       'whole images, or none';
    ok $nginx->stop, 'quits';
};

subtest 'reload, and quit, while images are converted' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers;", workers => 2);

    $nginx->post(strange('well'));

    my ($status, $reloaded) = $nginx->parallel(2, sub {
        my ($i) = @_;

        return $nginx->post(strange('slow'))->{status} if $i == 0;

        $nginx->converting;

        return $nginx->reload;
    });

    is $status, 201, 'the upload is answered';
    ok $reloaded, 'the old worker then goes';
    is scalar $nginx->converters, 0, 'and its converter with it';

    ($status) = $nginx->parallel(2, sub {
        my ($i) = @_;

        return $nginx->post(strange('slow'))->{status} if $i == 0;

        $nginx->converting;
        kill QUIT => $nginx->master;

        return '';
    });

    is $status, 201, 'answered before nginx quits';
    ok $nginx->stop, 'which it does';
    is keys %{ $nginx->sets }, 3, 'all are there';
    is $nginx->alerts, '', 'no alert';
};

subtest 'a limit of the size of files' => sub {
    my $nginx = Caphealth::Upload->new;

    is $nginx->post($photo)->{status}, 201, 'works at first';

    my $before = $nginx->descriptors;
    my ($pid) = $nginx->converters;

    system('prlimit', '--pid', $pid, '--fsize=2000:') == 0 or die 'prlimit';

    my $response = $nginx->post($photo);

    is $response->{status}, 507, 'insufficient storage';
    like $response->{content}, qr/"urn:caphealth:problem:storage-full"/,
         'is what it is called';
    is keys %{ $nginx->sets }, 1, 'nothing is left';

    kill KILL => $pid;

    ok $nginx->until(sub { $nginx->post($photo)->{status} == 201 }),
       'works again without it';
    ok $nginx->idle($before), 'no descriptor is left open';
    ok $nginx->stop, 'quits';
};

# max_queue=0: a task is refused when no thread is free

for my $queue (0, 1) {
    subtest "a thread pool with a queue of $queue" => sub {
        my $http2 = Caphealth::Server::free_port();
        my $nginx = Caphealth::Upload->new(
            main     => "thread_pool default threads=1 max_queue=$queue;",
            location => 'caphealth_image_delete on;',
            http     => "caphealth_helper_dir $helpers;
                         server {
                             listen 127.0.0.1:$http2 http2;
                             location /upload { caphealth_image_upload; }
                         }",
            workers  => 2);
        my $well = strange('well');
        my $file = "$nginx->{prefix}/well";
        my $before = $nginx->descriptors;

        open my $image, '>', $file or die $!;
        print {$image} $well;
        close $image or die $!;

        my @answers = $nginx->parallel(16, sub {
            my ($i) = @_;
            my @answers;

            for my $n (1 .. 10) {
                # six at once on one connection, which is soon closed, or not

                if ($i % 4 == 2) {
                    my $most = $n % 2 ? 0.05 : 60;
                    my $told = `timeout $most h2load -n 6 -c 1 -m 6 -d $file \\
                                http://127.0.0.1:$http2/upload 2> /dev/null`;

                    push @answers, ("h2-$2") x $1
                        while $told =~ /(\d+) ([1-5])xx/g;
                    next;
                }

                if ($i % 4 == 3) {
                    my $socket = $nginx->raw("POST /upload HTTP/1.1\r\nHost: "
                        . "a\r\nContent-Length: " . length($well)
                        . "\r\n\r\n$well");

                    sleep rand 0.01;
                    close $socket;
                    next;
                }

                my ($body, $headers) = $i % 2
                    ? form(map { ("$_.jpg" => $well) } 1 .. 5) : $well;
                my $response = $nginx->post($body, $headers);
                my $answer = $response->{status};

                if ($answer == 201) {
                    for my $image (@{ decode_json($response->{content})
                                      ->{images} })
                    {
                        push @answers, "201:$image->{id}";
                    }

                } else {
                    $answer .= '?' if $answer == 503
                        && !$response->{headers}{'retry-after'};
                    push @answers, $answer;
                }
            }

            return join ' ', @answers;
        });

        my ($ids, $statuses) = tally(@answers);

        is_deeply [ grep { !/^(?:201|503|h2-[25])$/ } keys %$statuses ], [],
                  'stored, or to be tried again'
            or diag explain $statuses;
        cmp_ok $statuses->{201} // 0, '>', 0, 'some are stored';
        cmp_ok $statuses->{'h2-2'} // 0, '>', 0, 'by HTTP/2 too';
        ok $nginx->idle($before), 'no descriptor is left open';
        is $nginx->logged(qr/worker process \d+ exited on signal/), 0,
           'the workers live';

        my $sets = $nginx->sets;

        is_deeply [ grep { $sets->{$_} != 3 } keys %$sets ], [],
                  'every image is there whole';
        is_deeply [ grep { !$sets->{$_} } keys %$ids ], [],
                  'everything that was answered is there';

        @answers = $nginx->parallel(8, sub {
            my ($i) = @_;
            my @ids = sort keys %$ids;

            return join ' ', map { $nginx->remove($ids[$_])->{status} }
                             grep { $_ % 8 == $i } 0 .. $#ids;
        });

        my %deleted;

        $deleted{$_}++ for map { split ' ' } @answers;

        is_deeply [ grep { !/^(?:204|503)$/ } keys %deleted ], [],
                  'removed, or to be tried again'
            or diag explain \%deleted;
        is keys %{ $nginx->sets }, keys(%$sets) - ($deleted{204} // 0),
           'what was removed is gone';
        is $nginx->logged(qr/worker process \d+ exited on signal/), 0,
           'the workers live';
        is $nginx->alerts, '', 'no alert';
        ok $nginx->until(sub { $nginx->post($well)->{status} == 201 }),
           'the next upload works';
        ok $nginx->stop, 'quits';
    };
}

# 915 descriptors, if all its files were open at once

subtest 'a form of many files, of many variants' => sub {
    my $variants = join ' ', map { "caphealth_image_variant v$_ max=${_}00;" }
                             1 .. 7;
    my $nginx = Caphealth::Upload->new(
        main        => 'worker_rlimit_nofile 160;',
        connections => 64,
        http        => "caphealth_helper_dir $helpers; $variants
                        caphealth_image_variant original;
                        caphealth_image_max_files 100;
                        caphealth_image_queue 100;");
    my @form = map { ("$_.jpg" => strange('well')) } 1 .. 100;

    $nginx->post(strange('well'));

    my $before = $nginx->descriptors;
    my $response = $nginx->post(form(@form));

    is $response->{status}, 201, 'is stored';
    is @{ decode_json($response->{content})->{images} }, 100, 'all of it';
    is_deeply [ grep { $_ != 8 } values %{ $nginx->sets } ], [], 'whole';

    $response = $nginx->post(form(@form[0 .. 197], 'z.jpg' => strange('crash')));

    is $response->{status}, 422, 'the last is a bad one';
    ok $nginx->idle($before), 'no descriptor is left open';
    is_deeply [ grep { m{/\.} } $nginx->files ], [], 'nothing is left';
    is keys %{ $nginx->sets }, 101, 'and none of them is stored';
    ok $nginx->stop, 'quits';
};

subtest 'one that waits for a converter' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers; caphealth_image_timeout 4s;
                 caphealth_image_priority normal;");

    # each of them takes a second

    my @answers = $nginx->parallel(12, sub {
        my $response = $nginx->post(strange('slow'));

        return "$response->{status} "
               . ($response->{headers}{'retry-after'} // '')
               . " $response->{content}";
    });

    my @late = grep { /^503/ } @answers;

    ok scalar(@late), 'does not wait for ever';
    is scalar(grep { /^201/ } @answers) + @late, 12, 'the others are stored';
    like $_, qr/queue-full.*waited 4000 ms/, 'the log has the reason' for @late;
    ok !grep({ !/^503 [1-9]/ } @late), 'and when to try again';
    cmp_ok scalar(grep { /^503 1 / } @late), '<=', 1,
           'when those before it are done';
    ok $nginx->stop, 'quits';
};

# mounting needs a privilege that a test may not have

sub mounted {
    my ($options) = @_;

    my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1);

    chmod 0755, $dir;

    return $dir if system("mount -t tmpfs -o $options tmpfs $dir 2> /dev/null")
                   == 0;
    rmdir $dir;

    return;
}

subtest 'a full disk' => sub {
    my $root = mounted('size=256k')
        or plan skip_all => 'no privilege to mount';
    my $nginx = Caphealth::Upload->new(root => $root);
    my $status;

    for (1 .. 50) {
        $status = $nginx->post($photo)->{status};
        last if $status != 201;
    }

    is $status, 507, 'insufficient storage';

    my $sets = $nginx->sets;

    is scalar(grep { $_ != 3 } values %$sets), 0, 'nothing is left';
    ok $nginx->logged(qr/\[crit\].*No space left/), 'the log says so';

    system("rm -rf $root/*");

    is $nginx->post($photo)->{status}, 201, 'works again once there is room';
    ok $nginx->stop, 'quits';

    system("umount $root") == 0 or diag 'umount';
    rmdir $root;
};

subtest 'a file system that is read only' => sub {
    my $root = mounted('size=1m')
        or plan skip_all => 'no privilege to mount';
    my $nginx = Caphealth::Upload->new(root => $root);

    is $nginx->post($photo)->{status}, 201, 'works at first';

    system("mount -o remount,ro $root") == 0 or die 'mount';

    my $response = $nginx->post($photo);

    is $response->{status}, 500, 'an error of the server';
    like $response->{content}, qr/"urn:caphealth:problem:storage-failed"/,
         'is what it is called';
    ok $nginx->logged(qr/\[crit\].*Read-only file system/),
       'the log says what it is';

    system("mount -o remount,rw $root") == 0 or die 'mount';

    is $nginx->post($photo)->{status}, 201, 'works again';
    ok $nginx->stop, 'quits';

    system("umount $root") == 0 or diag 'umount';
    rmdir $root;
};

subtest 'shards that cannot be written' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers;");

    is $nginx->post(strange('well'))->{status}, 201, 'works at first';

    my $before = $nginx->descriptors;

    for (0 .. 255) {
        my $shard = sprintf '%s/%02x', $nginx->{root}, $_;

        next if -d $shard;
        open my $file, '>', $shard or die $!;
    }

    my @statuses = map { $nginx->post(strange('well'))->{status} } 1 .. 5;

    ok !grep({ !/^(500|201)$/ } @statuses), 'a file in its place';
    ok grep({ $_ == 500 } @statuses), 'is an error of the server';
    ok $nginx->logged(qr/\[crit\].*open\(\) of a shard directory.*Not a dir/),
       'the log says what it is';
    ok $nginx->idle($before), 'no descriptor is left open';
    ok $nginx->stop, 'quits';
};

done_testing;
