# The counts of the image trees: live, saved, scanned, and never a lie.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Upload qw(photo strange);
use Caphealth::Tree qw(find_tree scans settled stats);
use File::Path qw(make_path);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

my $photo = photo('300x200');
my $tail = '0' x 28;

sub put {
    my ($nginx, $path, $text) = @_;

    my ($dir) = "$nginx->{root}/$path" =~ m{^(.*)/};

    make_path($dir);

    open my $file, '>', "$nginx->{root}/$path" or die "$path: $!";
    print {$file} $text;
    close $file or die $!;

    return;
}

sub upload {
    my ($nginx) = @_;

    my $response = $nginx->post($photo);

    return $response->{status} == 201
           ? decode_json($response->{content})->{images}[0]{id} : undef;
}

sub matches {
    my ($nginx, $what) = @_;

    is_deeply stats($nginx), find_tree($nginx->{root}), $what;

    return;
}

subtest 'the request after a 201, or a 204, counts it' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options(
        workers => 2) });

    settled($nginx);
    matches($nginx, 'empty');

    for (1 .. 10) {
        my $id = upload($nginx);

        ok $id, 'uploaded';
        matches($nginx, 'counted at once');

        if ($_ % 2) {
            is $nginx->remove($id)->{status}, 204, 'removed';
            matches($nginx, 'counted at once');
        }
    }

    is $nginx->remove('0' x 32)->{status}, 404, 'nothing to remove';
    matches($nginx, 'nothing changed');

    my $root = $nginx->json('/stats')->{roots}[0];

    is $root->{source}, 'live', 'live';
    is $root->{drift_files}, 0, 'no drift';
    cmp_ok $root->{images_left}, '>', 0, 'room for more images';

    my $health = $nginx->report('/health', sub {
        $_->{image_storage}{total_files} == 15;
    });

    is $health->{image_storage}{total_files}, 15, 'so does the report';
    is $nginx->json('/capacity')->{images_total}, 15, 'and the capacity';
    ok $nginx->reload, 'reloaded';
    matches($nginx, 'a reload keeps the counts');
    is $nginx->json('/stats')->{source}, 'live', 'as they are';
    ok $nginx->stop, 'quits';
};

subtest 'thresholds on storage react' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options(
        http => 'caphealth_threshold storage_gb warning=2 critical=4
                 limit=8;') });

    settled($nginx);

    my $status = sub {
        my ($wanted) = @_;

        my $health = $nginx->report('/health', sub {
            $_->{thresholds}[1]{status} eq $wanted;
        });

        is $health->{thresholds}[1]{status}, $wanted, "storage: $wanted";
    };

    $status->('ok');

    # sparse

    for my $gb (3, 5) {
        put($nginx, "ab/cd/abcd${tail}_original.webp", '');
        truncate "$nginx->{root}/ab/cd/abcd${tail}_original.webp", $gb << 30
            or die $!;
        $status->($gb == 3 ? 'warning' : 'critical');
    }

    unlink "$nginx->{root}/ab/cd/abcd${tail}_original.webp";
    $status->('ok');
    ok $nginx->stop, 'quits';
};

subtest 'saved, and there at once after a restart' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options(
        scan => 'off', workers => 2) });

    $nginx->until(sub { scans($nginx) == 1 });
    upload($nginx) for 1 .. 5;

    my $before = stats($nginx);

    ok $nginx->stop, 'quits';

    my @state = glob "$nginx->{prefix}/caphealth/*.tree";

    is @state, 1, 'the state is saved';

    # someone adds a file while nothing is running

    put($nginx, "ab/cd/abcd${tail}_original.webp", '12345');

    $nginx->start;

    my $stats = $nginx->json('/stats');

    like $stats->{source}, qr/^(saved|live)$/, 'numbers at once';
    cmp_ok $stats->{total_files}, '>=', $before->{total_files}, 'the saved';

    $nginx->until(sub { scans($nginx) == 2 });
    matches($nginx, 'then what is really there');

    my $root = $nginx->json('/stats')->{roots}[0];

    is $root->{drift_files}, 1, 'the drift is reported';
    is $root->{drift_bytes}, 5, 'in bytes too';
    is $nginx->logged(qr/the counts were off by 1 files, 5 bytes/), 1,
       'and logged';
    ok $nginx->stop, 'quits';

    open my $file, '+<', $state[0] or die $!;
    seek $file, 5000, 0;
    print {$file} 'x';
    close $file or die $!;

    $nginx->start;
    $nginx->until(sub { scans($nginx) == 3 });
    matches($nginx, 'a damaged state is not believed');
    is $nginx->logged(qr/\[error\].*the saved state of image root .* is damaged/),
       1, 'and that is logged';
    is scalar(() = glob "$nginx->{prefix}/caphealth/*.bad"), 1, 'set aside';
    ok $nginx->stop('TERM'), 'terminates';
    is scalar(() = glob "$nginx->{prefix}/caphealth/*.tree"), 1,
       'a fast shutdown saves too';
};

# which of the workers answers first, nobody knows: each of them waits here

subtest 'there at once, from every worker' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options(
        scan => 'off', workers => 8) });

    $nginx->until(sub { scans($nginx) == 1 });
    upload($nginx);
    ok $nginx->stop, 'quits';

    system("flock $nginx->{prefix}/caphealth sleep 1 &");
    sleep 0.2;
    $nginx->start;

    my @answers = $nginx->parallel(16, sub {
        return $nginx->json('/stats')->{source} // 'unknown';
    });

    is_deeply [ grep { !/^(?:saved|live)$/ } @answers ], [], 'numbers at once';
    ok $nginx->stop, 'quits';
};

# an upload that is held until a scan has ended, which takes its time on a busy
# machine

my %patient = (shutdown => '120s', http => 'caphealth_image_timeout 120s;');

# the old master's last upload ends when the new one's first scan has long
# ended: its converter, which is stopped until then, holds it

subtest 'a binary upgrade during an upload' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options(
        main => 'env LD_PRELOAD;', scan => 'off', %patient) });

    $nginx->until(sub { scans($nginx) == 1 });
    upload($nginx);
    matches($nginx, 'live at first');

    my $old = $nginx->master;
    my @converters = $nginx->converters;

    kill STOP => @converters;

    my $socket = $nginx->raw("POST /upload HTTP/1.1\r\nHost: a\r\n"
                             . "Connection: close\r\nContent-Length: "
                             . length($photo) . "\r\n\r\n$photo");

    ok $nginx->until(sub {
        grep { /\(deleted\)/ } map { readlink // '' }
             map { glob "/proc/$_/fd/*" } $nginx->workers;
    }), 'it is being converted';

    my ($worker) = $nginx->workers;

    kill USR2 => $old;
    ok $nginx->until(sub { $nginx->master && $nginx->master != $old
                           && $nginx->workers }), 'a new master';
    ok $nginx->until(sub { -s "$nginx->{prefix}/nginx.pid.oldbin" }),
       'beside the old one';

    # until then requests may be answered by the old one's worker

    kill WINCH => $old;
    ok $nginx->until(sub { `cat /proc/$worker/cmdline` =~ /shutting down/ }),
       'whose worker takes no more';
    ok $nginx->until(sub { !grep { $_ == $worker } $nginx->workers }),
       'the old worker takes no more requests';
    ok $nginx->until(sub { scans($nginx) >= 2 }), 'the new one scans';

    # which is one upload short, and knows that it may be; a request may still
    # have come to the old one

    ok $nginx->until(sub { $nginx->json('/stats')->{source} eq 'saved' }),
       'its counts are not live';

    kill CONT => @converters;
    like do { local $/ = undef; readline $socket }, qr{^HTTP/1\.1 201},
         'the upload is answered';

    kill QUIT => $old;
    ok $nginx->until(sub { !Caphealth::Server::lives($old) }),
       'the old master quits';
    ok $nginx->until(sub { $nginx->json('/stats')->{source} eq 'live' }),
       'then they are';
    matches($nginx, 'and right');
    is $nginx->json('/stats')->{total_files}, 6, 'with that upload';
    ok $nginx->stop, 'quits';
};

subtest 'another size of the zone during an upload' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options(
        scan => 'off', %patient) });

    $nginx->until(sub { scans($nginx) == 1 });
    upload($nginx);

    my @converters = $nginx->converters;
    my ($old) = $nginx->workers;

    kill STOP => @converters;

    my $socket = $nginx->raw("POST /upload HTTP/1.1\r\nHost: a\r\n"
                             . "Connection: close\r\nContent-Length: "
                             . length($photo) . "\r\n\r\n$photo");

    ok $nginx->until(sub {
        grep { /\(deleted\)/ } map { readlink // '' } glob "/proc/$old/fd/*";
    }), 'it is being converted';

    $nginx->configure(http => "$nginx->{http} caphealth_zone 8m;");
    kill HUP => $nginx->master;
    ok $nginx->until(sub { scans($nginx) >= 2
                           && !grep { $_ == $old } $nginx->workers }),
       'the new worker scans, the old one takes no more requests';
    is $nginx->json('/stats')->{source}, 'saved', 'their counts are not live';

    kill CONT => @converters;
    like do { local $/ = undef; readline $socket }, qr{^HTTP/1\.1 201},
         'the upload is answered';
    ok $nginx->until(sub { $nginx->json('/stats')->{source} eq 'live' }),
       'live when the old worker is gone';
    matches($nginx, 'and right');
    ok $nginx->stop, 'quits';
};

# whether a thread of the worker is about to give an upload's files their names:
# they have none yet, and nobody may write to one any more

sub publishing {
    my ($nginx, $pid) = @_;

    for my $fd (glob "/proc/$pid/fd/*") {
        next if (readlink($fd) // '') !~ m{^\Q$nginx->{root}\E/.*\(deleted\)};

        (my $info = $fd) =~ s{/fd/}{/fdinfo/};

        open my $file, '<', $info or next;

        return 1 if grep { /^flags:\s+\d*0$/ } <$file>;
    }

    return 0;
}

# another process of that pid, which is stopped by closing the handle; or none,
# where pids cannot be chosen

sub impostor {
    my ($pid) = @_;

    for (1 .. 200) {
        open my $last, '>', '/proc/sys/kernel/ns_last_pid' or return;
        syswrite $last, $pid - 1 or return;
        close $last or return;

        my $child = open my $pipe, '|-';

        defined $child or die "fork: $!";

        if ($child == 0) {
            require POSIX;

            readline STDIN;
            POSIX::_exit(0);
        }

        return $pipe if $child == $pid;
    }

    return;
}

subtest 'a worker is killed, and another process gets its pid' => sub {
    my $helpers = Caphealth::Upload::strange_helpers();
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options(
        http => "caphealth_helper_dir $helpers;", workers => 2) });

    settled($nginx);

    # the worker that scans must not see the pid unused; the kernel gives it
    # some of the connections

    my $collector = $nginx->collector;
    my ($scanner) = grep { `cat /proc/$_/task/$_/children` =~ /\b$collector\b/ }
                    $nginx->workers;
    my ($pid) = grep { $_ != $scanner } $nginx->workers;

    kill STOP => $scanner;

    my $keep = strange('keep');
    my @sockets;

    # an upload is seen for two seconds, which a busy machine may miss, so there
    # is always another one

    ok $nginx->until(sub {
        push @sockets,
             $nginx->raw("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: "
                         . length($keep) . "\r\n\r\n$keep");

        return publishing($nginx, $pid);
    }), 'files get their names';

    kill KILL => $pid;
    $nginx->until(sub { !-e "/proc/$pid" });

    my $impostor = impostor($pid);

    kill CONT => $scanner;

    SKIP: {
        skip 'a pid cannot be had again', 1 if !$impostor;

        ok settled($nginx), 'a scan ends';
    }

    ok $nginx->stop, 'quits';
};

subtest 'strays are counted, and left alone' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options() });

    settled($nginx);

    put($nginx, 'ab/cd/notes.txt', '123');
    put($nginx, 'README', '12');
    put($nginx, 'backup/of/all', '1');
    put($nginx, "ab/cd/abcd${tail}_200.webp", '1234');
    symlink '/etc', "$nginx->{root}/ab/ce";
    symlink $nginx->{root}, "$nginx->{root}/loop";

    my $stats;

    $nginx->until(sub {
        $stats = $nginx->json('/stats')->{roots}[0];
        $stats->{stray_files} == 5 && $stats->{incomplete_sets} == 1;
    });

    is $stats->{stray_files}, 5, 'strays';
    is $stats->{incomplete_sets}, 1, 'an image without its mark';
    is $stats->{odd_directories}, 1, 'a link in place of a directory';
    is $stats->{total_files}, 1, 'what is ours';
    ok -e "$nginx->{root}/$_", "$_ is left alone"
        for 'ab/cd/notes.txt', 'README', 'backup/of/all',
            "ab/cd/abcd${tail}_200.webp";
    ok $nginx->stop, 'quits';
};

subtest 'a root that goes away, and comes back' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options() });

    settled($nginx);
    upload($nginx) for 1 .. 3;

    my $before = stats($nginx);

    rename $nginx->{root}, "$nginx->{root}.away" or die $!;

    my $stats = $nginx->report('/stats', sub { defined $_->{error} });

    like $stats->{error}, qr/cannot be read: No such file/, 'it is reported';
    is $stats->{total_files}, $before->{total_files},
       'the counts are not thrown away';
    like $nginx->report('/health', sub {
             defined $_->{image_storage}{error}
         })->{image_storage}{error}, qr/No such file/, 'in the report too';

    rename "$nginx->{root}.away", $nginx->{root} or die $!;

    $stats = $nginx->report('/stats', sub { !defined $_->{error} });

    is $stats->{error}, undef, 'it heals';
    matches($nginx, 'nothing is lost');
    ok $nginx->stop, 'quits';
};

subtest 'a tree that others fill' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options() });
    my $other = "$nginx->{prefix}/other";

    $nginx->configure(http => "$nginx->{http}", locations => "
        location /stats { caphealth_image_stats;
                          caphealth_image_root $other; }");

    put($nginx, "../other.new/ab/cd/abcd${tail}_$_.webp", '1')
        for qw(original 800);
    put($nginx, "../other.new/ab/ce/abce${tail}_200.webp", '1');
    rename "$nginx->{root}/../other.new", $other or die $!;

    ok $nginx->reload, 'reloaded';

    my $root = $nginx->report('/stats', sub {
        ($_->{roots}[1]{total_files} // 0) == 3;
    })->{roots}[1];

    is $root->{products_estimated}, 1, 'an image, by the usual mark';
    is $root->{incomplete_sets}, 1, 'and one without';
    ok $nginx->stop, 'quits';
};

subtest 'two roots, two locations with one' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options() });
    my $other = "$nginx->{prefix}/other";

    $nginx->configure(locations => "$nginx->{locations}
        location = /other { caphealth_image_upload;
                            caphealth_image_root $other; }
        location = /again { caphealth_image_upload; }");

    ok $nginx->reload, 'reloaded';
    $nginx->until(sub { defined $nginx->json('/stats')->{total_files} });

    for my $path (qw(upload other again)) {
        is $nginx->{client}->post("http://127.0.0.1:$nginx->{port}/$path",
                                  { content => $photo })->{status}, 201,
           "to /$path";
    }

    my $stats = $nginx->json('/stats');

    is $stats->{total_files}, 9, 'added up';
    is_deeply [ map { $_->{total_files} } @{ $stats->{roots} } ], [ 6, 3 ],
              'and listed';
    ok $nginx->stop, 'quits';
};

subtest 'the capacity report has the counts of the statistics' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options() });

    settled($nginx);
    $nginx->report('/capacity', sub { defined $_->{images_total} });

    is $nginx->post(photo('64x48'))->{status}, 201, 'an upload';
    is $nginx->json('/stats')->{total_files}, 3, 'in the statistics';
    is $nginx->report('/capacity', sub { $_->{images_total} == 3 })
             ->{images_total}, 3, 'and in the capacity, soon';
    ok $nginx->stop, 'quits';
};

done_testing;
