# The collector is killed, hangs, is missing, is of another version: the
# endpoints answer, say what they do not know, and heal by themselves.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Server;
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep time);

my $collector = $ENV{TEST_NGINX_COLLECTOR} or die "TEST_NGINX_COLLECTOR\n";
my $database = shop('shop', <<'END');
INSERT INTO vendors (name) VALUES ('Anna');
INSERT INTO products (vendor_id) VALUES (1), (1);
END

my ($version) = `cat src/ipc/caphealth_ipc.h`
                =~ /define CAPHEALTH_IPC_VERSION\s+(\d+)/;

my $http = <<"END";
caphealth_refresh          1s;
caphealth_database_refresh 1s;
caphealth_disk             /;
caphealth_database         sqlite:$database;
END

sub complete {
    return defined $_->{system}{cpu_percent}
           && defined $_->{database}{products_count};
}

# within three refreshes, after which the facts would be stale

subtest 'killed' => sub {
    my $nginx = Caphealth::Server->new(workers => 2,
        http => $http =~ s/(caphealth_refresh +)1s/${1}3s/r);
    my $before = $nginx->report('/health', \&complete);

    is $before->{database}{products_count}, 2, 'facts at first';

    my $pid = $nginx->collector;
    kill KILL => $pid;

    ok $nginx->until(sub { $nginx->collector != $pid }), 'is replaced';

    my $after = $nginx->report('/health', sub {
        $_->{timestamp} gt $before->{timestamp};
    });

    ok defined $after->{system}{cpu_percent},
       'the first sample of the new one replaces nothing';
    isnt $after->{overall_status}, 'unknown', 'the status is known all along';
    is $nginx->logged(qr/caphealth-collector exited, it is replaced/), 1,
       'the log says it once';
    ok $nginx->until(sub { $nginx->logged(qr/\d works again/) == 1 }),
       'the log says when it is over';
    ok $nginx->stop, 'quits, and leaves nobody behind';
};

subtest 'what it is left with' => sub {
    my $nginx = Caphealth::Server->new(http => $http);

    $nginx->report('/health', \&complete);

    my $pid = $nginx->collector;
    my ($status, $limits) = map {
        open my $file, '<', "/proc/$pid/$_" or die "$_: $!";
        join '', <$file>;
    } qw(status limits);

    like $status, qr/^NoNewPrivs:\s+1$/m, 'no new privileges';
    like $limits, qr/^Max core file size\s+0\s+0\s/m, 'no core file';
    like $status, qr/^SigBlk:\s+0+$/m, 'no signal is blocked';

    # nginx ignores SIGPIPE and SIGSYS; signals from 32 on are the C library's

    my ($ignored) = $status =~ /^SigIgn:\s+(\w+)$/m;
    is hex($ignored) & 0x7fffffff, 0, 'none is ignored';

    my ($most) = map {
        open my $file, '<', "/proc/$_/limits" or die "$_: $!";
        join('', <$file>) =~ /^(Max open files.*)$/m;
    } ($nginx->workers)[0];

    like $limits, qr/^\Q$most\E$/m, "the worker's limit of descriptors";

  SKIP: {
        skip 'only root may see its descriptors', 1 if $> != 0;

        my @sockets = grep { (readlink($_) // '') =~ /^socket:/ }
                      glob "/proc/$pid/fd/*";

        is_deeply [ map { m{(\d+)$} } @sockets ], [ 3 ],
                  'one socket, and none of the worker\'s';
    }

  SKIP: {
        skip 'not with a sanitizer, nor under Valgrind', 1
            if $ENV{TEST_NGINX_PRELOAD} || $ENV{TEST_NGINX_USE_VALGRIND};

        like $limits, qr/^Max data size\s+\d+\s+\d+\s/m, 'a limit of memory';
    }

    ok $nginx->stop, 'quits';
};

subtest 'keeps dying' => sub {
    my $nginx = Caphealth::Server->new(http => $http);
    my $end = time + 4;
    my $report;

    $nginx->report('/health', \&complete);

    while (time < $end + 30) {
        kill KILL => $nginx->collectors;

        $report = $nginx->json('/health');

        last if time > $end && $report->{stale};

        sleep 0.02;
    }

    my $starts = $nginx->logged(qr/start caphealth-collector/);

    cmp_ok $starts, '<=', 10, 'the pause between two starts grows';
    cmp_ok $starts, '>=', 3, 'and it is tried again and again';

    # once a reason: it may be found dead when it is asked, or before

    cmp_ok $nginx->logged(qr/\[error\].*it is replaced/), '<', $starts,
        'not logged at each start';

    is $report->{overall_status}, 'unknown', 'what is stale is not healthy';
    is $report->{database}{products_count}, 2, 'the last good number is there';
    like $report->{system}{error}, qr/^caphealth-collector /, 'with the error';

    ok $nginx->report('/health', sub { !$_->{stale} })->{stale} == 0,
       'heals';
    ok $nginx->until(sub { $nginx->logged(qr/\d works again/) == 1 }),
       'logged once it has lived for a while';
    ok $nginx->stop, 'quits';
};

subtest 'stopped, as a process that hangs' => sub {
    my $nginx = Caphealth::Server->new(
        http => "$http caphealth_timeout 500ms;");

    $nginx->report('/health', \&complete);

    my $pid = $nginx->collector;
    kill STOP => $pid;

    ok $nginx->until(sub { my ($p) = $nginx->collectors; $p && $p != $pid }),
       'is killed and replaced';
    is $nginx->logged(qr/caphealth-collector does not answer/), 1, 'logged';
    ok !$nginx->report('/health', sub { complete() && !$_->{stale} })->{stale},
       'heals';

    kill STOP => $nginx->collector;
    ok $nginx->reload, 'reload while it hangs';
    ok $nginx->until(sub { $nginx->collectors == 1 }),
       'the one that hung is gone';

    kill STOP => $nginx->collector;
    ok $nginx->stop('QUIT'), 'quit while it hangs, nobody is left behind';
    is $nginx->logged(qr/open socket/), 0, 'no socket is left open';
};

subtest 'missing, not executable' => sub {
    my $dir = tempdir(CLEANUP => 1);
    my $program = "$dir/caphealth-collector";

    chmod 0755, $dir;
    copy($collector, $program) or die $!;
    chmod 0755, $program;

    my $nginx = Caphealth::Server->new(
        http => "$http caphealth_helper_dir $dir;");

    $nginx->report('/health', \&complete);
    unlink $program;

    like $nginx->check, qr/"\Q$program\E" is not there: install it/,
         'nginx -t says that it is missing';

    kill KILL => $nginx->collector;

    ok $nginx->until(sub {
        $nginx->logged(qr/execve\("\Q$program\E"\) failed, check that it is/)
    }), 'the log says that it cannot be executed';

    my $report = $nginx->report('/health', sub { $_->{stale} });

    is $report->{overall_status}, 'unknown', 'the status is unknown';
    like $report->{system}{error}, qr/cannot be executed/, 'the report says why';

    copy($collector, $program) or die $!;
    chmod 0644, $program;

    like $nginx->check, qr/"\Q$program\E" is not an executable file/,
         'nginx -t says that it is not executable';

    chmod 0755, $program;

    ok !$nginx->report('/health', sub { !$_->{stale} })->{stale},
       'heals once it is there again';
    is $nginx->logged(qr/execve.*failed/), 1, 'logged once';
    ok $nginx->stop, 'quits';
};

subtest 'of another version' => sub {
    my $dir = tempdir(CLEANUP => 1);

    chmod 0755, $dir;

    open my $file, '>', "$dir/caphealth-collector" or die $!;

    # version 99, HELLO

    print {$file} <<'END';
#!/usr/bin/perl
open my $socket, '+<&=', 3;
send $socket, pack('SSLQ', 99, 1, 0, 0), 0;
sleep 60;
END

    close $file;
    chmod 0755, "$dir/caphealth-collector";

    my $nginx = Caphealth::Server->new(
        http => "$http caphealth_helper_dir $dir;");

    ok $nginx->until(sub {
        $nginx->logged(qr/is of another version than the module: protocol 99, expected \d+; install both from the same build/)
    }), 'the log says so, and what to do';

    my $report = $nginx->report('/health', sub { $_->{system}{error} });

    is $report->{system}{error}, 'caphealth-collector is of another version',
       'the report says so';
    is $report->{overall_status}, 'unknown', 'the status is unknown';
    ok $nginx->stop, 'quits';
};

subtest 'that answers garbage' => sub {
    my $dir = tempdir(CLEANUP => 1);

    chmod 0755, $dir;

    for my $case ([ 'nothing of a message', q{send $s, 'x', 0} ],
                  [ 'an unknown message', q{send $s, pack('SSLQ', $version, 77, 0, 0), 0} ],
                  [ 'its version twice', q{send $s, pack('SSLQ', $version, 1, 0, 0), 0 for 1, 2} ],
                  [ 'facts unasked', q{send $s, pack('SSLQ', $version, 5, 0, 4711), 0} ],
                  [ 'facts of no source', q{send $s, pack('SSLQ', $version, 5, 99, 1), 0} ],
                  [ 'nothing at all', q{exit 3} ])
    {
        my ($name, $code) = @$case;

        open my $file, '>', "$dir/caphealth-collector" or die $!;
        print {$file} "#!/usr/bin/perl\nmy \$version = $version;\n"
                      . "open my \$s, '+<&=', 3;\n$code;\n"
                      . "sleep 60;\n";
        close $file;
        chmod 0755, "$dir/caphealth-collector";

        my $nginx = Caphealth::Server->new(
            http => "$http caphealth_helper_dir $dir;");

        ok $nginx->until(sub { $nginx->logged(qr/it is replaced/) }), $name;
        is $nginx->json('/health')->{overall_status}, 'unknown', 'unknown';
        is $nginx->logged(qr/worker process \d+ exited on signal/), 0,
           'the worker lives';
        ok $nginx->stop, 'quits';
    }
};

subtest 'worker 0 is killed' => sub {
    my $nginx = Caphealth::Server->new(http => $http, workers => 2);
    my $before = $nginx->report('/health', \&complete);
    my $pid = $nginx->collector;

    open my $file, '<', "/proc/$pid/stat" or die $!;
    my ($worker) = <$file> =~ /\) \S (\d+)/;

    kill KILL => $worker;

    ok $nginx->until(sub { !Caphealth::Server::lives($pid) }), 'its collector goes with it';
    ok $nginx->until(sub {
        $nginx->workers == 2 && $nginx->collector != $pid;
    }), 'both are replaced';

    my $after = $nginx->report('/health', sub {
        $_->{timestamp} gt $before->{timestamp};
    });

    cmp_ok $after->{timestamp}, 'gt', $before->{timestamp}, 'facts go on';
    is $after->{database}{products_count}, 2, 'and none was lost';
    ok $nginx->stop, 'quits';
};

subtest 'the log is rotated' => sub {
    plan skip_all => 'only root may see where a collector\'s stderr goes'
        if $> != 0;

    my $nginx = Caphealth::Server->new(http => $http);
    my $log = "$nginx->{prefix}/error.log";

    $nginx->report('/health', \&complete);

    my $pid = $nginx->collector;

    is readlink "/proc/$pid/fd/2", $log, 'the collector complains to it';

    rename $log, "$log.1";
    kill USR1 => $nginx->master;

    ok $nginx->until(sub { -e $log }), 'there is a new one';
    ok $nginx->until(sub { readlink("/proc/$pid/fd/2") eq $log }),
       'that is where it complains now';
    is $nginx->collector, $pid, 'and it is the same collector';
    ok $nginx->stop, 'quits';
};

done_testing;
