# Converters that crash, hang, lie, or are not there: the upload in hand gets
# an answer, nothing is left behind, the next one works.
#
# t/strange/convert.c is the real converter but for its decoder, which does
# what the image tells it to.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Upload qw(photo strange form);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time);

my $build = $ENV{BUILD} || 'build';
my $asan = $ENV{TEST_NGINX_PRELOAD};
my $helpers = Caphealth::Upload::strange_helpers();

# post_again(NGINX, WORD, LIKE): the answer to an image that makes the converter
# do so; where the machine is busy and no converter is free in time, the client
# comes again, until the answer is not 503, or, with LIKE, until it matches that

sub post_again {
    my ($nginx, $word, $like) = @_;

    my $response;

    $nginx->until(sub {
        $nginx->prefer;
        $response = $nginx->post(strange($word));

        return $like ? $response->{content} =~ $like
                     : $response->{status} != 503;
    });

    return $response;
}

subtest 'a decoder that does what it must not' => sub {
    plan skip_all => 'a build with sanitizers has no sandbox' if $asan;

    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers;");
    my $before;

    for my $call (qw(open socket execve fork kill readv execmem share limit
                     tgkill))
    {
        my $response = post_again($nginx, $call);

        is $response->{status}, 422, "$call: the upload is refused";
        is_deeply [ $nginx->files ], [], 'nothing is left';
    }

    post_again($nginx, 'log');

    is $nginx->logged(qr/forged/), 0, "nothing gets into the server's log";
    is $nginx->logged_times(qr/caphealth-converter \d+ exited on signal 31/, 10), 10,
       'each was killed by the kernel, SIGSYS';
    is post_again($nginx, 'ask')->{status}, 201,
       'what only asks is refused, and not killed';

    # SIGABRT, after what libc says of it

    for my $end (qw(abort heap assert)) {
        is post_again($nginx, $end)->{status}, 422, "$end: a crash";
    }

    is $nginx->logged_times(qr/caphealth-converter \d+ exited on signal 6/, 3), 3,
       'and no attack';
    is post_again($nginx, 'well')->{status}, 201, 'the next upload works';
    ok $nginx->stop, 'quits';
};

sub idle_seconds {
    my ($nginx) = @_;

    return $nginx->metric('caphealth_converter_idle_cpu_seconds_total');
}

subtest 'the CPU time of converters at idle priority' => sub {
    my $nginx = Caphealth::Upload->new(http => 'caphealth_refresh 1s;');
    my $photo = photo('3000x2000');

    $nginx->configure(locations => "$nginx->{locations}
                                    location = /metrics { caphealth_metrics; }");
    ok $nginx->reload, 'reload';

    is idle_seconds($nginx), 0, 'none at first';
    is $nginx->post($photo)->{status}, 201, 'a photo' for 1 .. 3;

    my $counted = idle_seconds($nginx);
    my $used = $nginx->converter_seconds;

    cmp_ok $counted, '>', 0, "$counted seconds are counted";
    cmp_ok $counted, '<=', $used + 0.02, "not more than the $used it has used";
    cmp_ok $counted, '>', $used / 2, 'nor much less';

    # those of another converter come on top, and the first is not lost

    my ($first) = $nginx->pids(qr/caphealth-converter/);

    kill KILL => $first;

    ok $nginx->until(sub { $nginx->post($photo)->{status} == 201 }),
       'another one works';

    my $second = idle_seconds($nginx);

    cmp_ok $second, '>', $counted, 'what both used is counted';
    cmp_ok $second - $counted, '<=', $nginx->converter_seconds + 0.02, 'and once';

    # as part of what the platform used, which is judged without it

    my $report = $nginx->report('/health', sub {
        ($_->{system}{cpu_converters_percent} // 0) > 0;
    });

    cmp_ok $report->{system}{cpu_converters_percent}, '>', 0, 'in the report';
    is $report->{thresholds}[5]{current}, $report->{system}{cpu_mean_percent},
       'the threshold judges what is left';

    my $total = $report->{system}{cpu_mean_percent}
                + $report->{system}{cpu_converters_percent};

    cmp_ok $total, '<=', 100.1, 'both together are what was used';

    ok $nginx->reload, 'reload';
    cmp_ok idle_seconds($nginx), '>=', $second, 'a reload keeps it';
    ok $nginx->stop, 'quits';
};

subtest 'the CPU time of converters at normal priority is the platform\'s' => sub {
    my $nginx = Caphealth::Upload->new(
        http => 'caphealth_image_priority normal;');

    $nginx->configure(locations => "$nginx->{locations}
                                    location = /metrics { caphealth_metrics; }");
    ok $nginx->reload, 'reload';
    is $nginx->post(photo('3000x2000'))->{status}, 201, 'a photo';
    is idle_seconds($nginx), 0, 'nothing is counted apart';
    ok $nginx->stop, 'quits';
};

subtest 'a decoder that fails' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers; caphealth_image_timeout 2s;
                 caphealth_image_memory 200m;
                 caphealth_image_priority normal;");

    is post_again($nginx, 'well')->{status}, 201, 'works at first';

    my $id = decode_json(post_again($nginx, 'well')->{content})
             ->{images}[0]{id};
    my $before = $nginx->descriptors;
    my $sets = keys %{ $nginx->sets };

    for my $case ([ crash => 422, qr/decoder stopped/ ],
                  [ hang => 422, qr/not converted within 2000 ms/ ],
                  [ bloat => 422, qr/more memory than is allowed/ ],
                  [ garbage => 422, qr/decoder stopped/ ],
                  [ short => 422, qr/decoder stopped/ ],
                  [ serial => 422, qr/decoder stopped/ ],
                  [ numbers => 422, qr/decoder stopped/ ],
                  [ bytes => 422, qr/decoder stopped/ ],
                  [ keep => 422, qr/decoder stopped/ ],
                  [ status => 422, qr/decoder stopped/ ],
                  [ detail => 422, qr/decoder stopped/ ],
                  [ quotes => 422, qr/damaged \(it says "\\boo"\)/ ],
                  [ full => 507, qr/no room/ ])
    {
        my ($word, $status, $detail) = @$case;

        next if $asan && $word eq 'bloat';

        my $response = post_again($nginx, $word);

        is $response->{status}, $status, "$word: $status";
        is $response->{headers}{'content-type'}, 'application/problem+json',
           'a problem';
        like decode_json($response->{content})->{detail}, $detail,
             'that says what it was';
        is post_again($nginx, 'well')->{status}, 201, 'the next upload works';
        $sets++;
        is keys %{ $nginx->sets }, $sets, 'nothing else is there';
    }

    my ($body, $headers) = form('a.jpg' => strange('well'),
                                'b.jpg' => strange('quotes'),
                                'c.jpg' => strange('well'));
    my $response = $nginx->post($body, $headers);

    is $response->{status}, 422, 'one bad one of several';
    like decode_json($response->{content})->{detail},
         qr/^File 2 of 3, "b\.jpg": /, 'is named';
    is keys %{ $nginx->sets }, $sets, 'and none of them is stored';

    ok $nginx->idle($before), 'no descriptor is left open';
    is scalar $nginx->converters, 1, 'one converter';
    is $nginx->logged(qr/worker process \d+ exited on signal/), 0,
       'the worker lives';
    is $nginx->get("/media/" . substr($id, 0, 2) . '/' . substr($id, 2, 2)
                   . "/${id}_original.webp")->{status}, 200,
       'what was stored is served';
    ok $nginx->stop, 'quits';
};

# proc(5): policy is the 41st field, the 39th behind the name

sub policies {
    my ($nginx) = @_;

    return map {
        my $file;

        open($file, '<', "/proc/$_/stat")
            ? (split / /, (split /\) /, <$file> // ') ')[1])[38] : ();
    } $nginx->converters;
}

sub policy {
    my ($nginx) = @_;

    return (policies($nginx))[0] // 'none';
}

my ($SCHED_OTHER, $SCHED_IDLE) = (0, 5);

subtest 'an answer that comes twice' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers;");

    like $nginx->post(strange('twice'))->{status}, qr/^(?:201|422)$/,
         'one of the answers counts';
    ok $nginx->until(sub { $nginx->logged(qr/sent an answer without a request/) }),
       'the other is told';
    is post_again($nginx, 'well')->{status}, 201, 'the next upload works';
    cmp_ok $nginx->logged(qr/start caphealth-converter/), '>=', 2,
           'by another converter';
    ok $nginx->stop, 'quits';
};

subtest 'one that keeps what it was given' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers;");

    for (1 .. 2) {
        is post_again($nginx, 'keep')->{status}, 422,
           'what it could still write to is not served';
    }

    is_deeply [ $nginx->files ], [], 'nothing is left';
    is $nginx->logged(qr/check of who writes to an output in image root/), 2,
       'the log says why';

    # 16 descriptors, 4 of its own, 4 of each of the images

    like $nginx->post(strange('keep'))->{status}, qr/^422$/, 'nor a third';
    is $nginx->post(strange('well'))->{status}, 422, 'then it has no room';
    ok $nginx->until(sub { $nginx->post(strange('well'))->{status} == 201 }),
       'and is replaced';
    is $nginx->logged(qr/caphealth-converter \d+ died, it is replaced/), 1,
       'the log says so';
    ok $nginx->stop, 'quits';
};

subtest 'what it is left with' => sub {
    plan skip_all => 'with a sanitizer there is no sandbox'
        if $ENV{TEST_NGINX_PRELOAD};

    my $nginx = Caphealth::Upload->new;

    is $nginx->post(photo('20x20'))->{status}, 201, 'it has converted';

    my ($pid) = $nginx->converters;

    open my $file, '<', "/proc/$pid/status" or die "status: $!";
    my $status = join '', <$file>;

    like $status, qr/^NoNewPrivs:\s+1$/m, 'no new privileges';
    like $status, qr/^Seccomp:\s+2$/m, 'a filter';

  SKIP: {
        my @open = glob "/proc/$pid/fd/*";

        # it is not dumpable, so only root can look

        skip 'not to be looked at', 1 unless @open;

        is_deeply [ sort map { readlink($_) =~ s/:.*//r } @open ],
                  [ ('/dev/null') x 3, 'socket' ],
                  'its socket, and no server log';
    }

    ok $nginx->stop, 'quits';
};

subtest 'its priority' => sub {
    for my $case ([ '' => $SCHED_IDLE ],
                  [ 'caphealth_image_priority idle;' => $SCHED_IDLE ],
                  [ 'caphealth_image_priority normal;' => $SCHED_OTHER ])
    {
        my ($directive, $policy) = @$case;
        my $nginx = Caphealth::Upload->new(http => $directive);

        is $nginx->post(photo('20x20'))->{status}, 201, 'an upload';
        is policy($nginx), $policy, "policy $policy with \"$directive\"";
        ok $nginx->stop, 'quits';

        $nginx = Caphealth::Upload->new(
            http => "caphealth_helper_dir $helpers; $directive");

        is $nginx->post(strange('timer'))->{status},
           $policy == $SCHED_IDLE ? 201 : 422,
           $policy == $SCHED_IDLE ? 'a timer makes it yield' : 'no timer';
        ok $nginx->stop, 'quits';
    }
};

subtest 'one that gets no CPU time' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers; caphealth_image_timeout 2s;");
    my $response = post_again($nginx, 'sleep', qr/too busy/);

    is $response->{status}, 503, 'the image is not to blame';
    ok $response->{headers}{'retry-after'}, 'and may come again';
    like decode_json($response->{content})->{detail}, qr/too busy/,
         'it says why';
    is post_again($nginx, 'well')->{status}, 201, 'the next upload works';
    is policy($nginx), $SCHED_OTHER, 'it is not as polite any more';
    is $nginx->logged(qr/got \d+ ms of CPU time in 2000 ms, the machine is busy/),
       1, 'the log says so';
    ok $nginx->stop, 'quits';
};

subtest 'the converters of the other workers are not idle either' => sub {
    my $nginx = Caphealth::Upload->new(workers => 2,
        http => "caphealth_helper_dir $helpers; caphealth_image_timeout 5s;");
    my $all = sub {
        my ($policy) = @_;

        return $nginx->until(sub {
            $nginx->post(strange('well'));
            my @policies = policies($nginx);
            @policies == 2 && !grep { $_ != $policy } @policies;
        });
    };

    ok $all->($SCHED_IDLE), 'a converter in each worker, idle';
    is post_again($nginx, 'sleep', qr/too busy/)->{status}, 503,
       'one gets no CPU time';
    ok $all->($SCHED_OTHER), 'then both are normal';
    ok $nginx->stop, 'quits';
};

# the OOM killer sends SIGKILL, too

subtest 'one that is killed by another process' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers; caphealth_image_timeout 60s;
                 caphealth_image_converters 2;");

    for my $case ([ KILL => 503, qr/ended the program that read the image/ ],
                  [ SEGV => 422, qr/decoder stopped/ ])
    {
        my ($signal, $status, $detail) = @$case;

        is post_again($nginx, 'well')->{status}, 201, 'a converter';

        my ($answer) = $nginx->parallel(2, sub {
            my ($i) = @_;

            if ($i == 0) {
                my $response = $nginx->post(strange('hang'));

                return "$response->{status} "
                       . ($response->{headers}{'retry-after'} // '-')
                       . " $response->{content}";
            }

            $nginx->converting;
            kill $signal => $nginx->converters;

            return '';
        });

        like $answer, $status == 503 ? qr/^503 [1-9]\d* .*converter-unavailable/
                                     : qr/^422 - .*undecodable-image/,
             "SIG$signal: $status";
        like $answer, $detail, 'and says what it was';
        is_deeply [ grep { /tmp/ } $nginx->files ], [], 'nothing is left';
    }

    is post_again($nginx, 'well')->{status}, 201, 'the next upload works';
    ok $nginx->stop, 'quits';
};

subtest 'memory is returned to the system when idle' => sub {
    my $nginx = Caphealth::Upload->new;
    my $resident = sub {
        my ($pid) = $nginx->converters or return 0;

        open my $file, '<', "/proc/$pid/status" or return 0;

        my ($kb) = join('', <$file>) =~ /^VmRSS:\s+(\d+)/m;

        return ($kb // 0) / 1024;
    };

    $nginx->post(photo('20x20'));

    my $at_first = $resident->();

    cmp_ok $at_first, '>', 0, 'a converter';
    is $nginx->post(photo('3000x2000'))->{status}, 201, 'a large photo';

  SKIP: {
        skip 'sanitizers keep memory', 1 if $asan;

        ok $nginx->until(sub { $resident->() < $at_first + 10 }),
           'it is as small as before';
    }

    ok $nginx->stop, 'quits';
};

subtest 'one that hangs holds up nobody else' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers; caphealth_image_timeout 60s;
                 caphealth_image_converters 2;");

    $nginx->post(strange('well'));

    my ($hanging, $other) = $nginx->parallel(2, sub {
        my ($i) = @_;

        return $nginx->post(strange('hang'))->{status} if $i == 0;

        $nginx->converting;

        my $status = $nginx->post(strange('well'))->{status};

        kill KILL => $nginx->converters;

        return $status;
    });

    is $other, 201, 'another is answered';
    is $hanging, 503, 'while it hangs';
    ok $nginx->stop, 'quits';
};

subtest 'keeps crashing' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers;");
    my $end = time + 3;
    my $n = 0;

    while (time < $end) {
        is post_again($nginx, 'crash')->{status}, 422, 'crash';
        $n++;
    }

    cmp_ok $n, '<=', 10, 'the pause between two starts grows';
    is post_again($nginx, 'well')->{status}, 201, 'the next upload works';
    ok $nginx->stop, 'quits';
};

subtest 'renewed' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers;");
    my %pids;

    for (1 .. 205) {
        my $status = $nginx->post(strange('well'))->{status};

        is $status, 201, 'upload' if $status != 201;
        $pids{$_} = 1 for $nginx->converters;
    }

    cmp_ok scalar keys %pids, '>=', 3, 'after a hundred images each';
    ok $nginx->until(sub { $nginx->converters == 1 }), 'one is left';
    is $nginx->logged(qr/\[(alert|crit|emerg|error)\]/), 0,
       'it is not logged';
    ok $nginx->stop, 'quits';
};

# with the metrics, and a converter that is there

sub with_metrics {
    my ($http, %option) = @_;

    my $nginx = Caphealth::Upload->new(%option,
        http => "caphealth_helper_dir $helpers; $http");

    $nginx->configure(locations => "$nginx->{locations}
                                    location = /metrics { caphealth_metrics; }");
    ok $nginx->reload, 'reload';
    is $nginx->post(strange('well'))->{status}, 201, 'works at first';

    return $nginx;
}

subtest 'too many at once' => sub {
    my $nginx = with_metrics('caphealth_image_queue 1;');

    my @answers = $nginx->held(5, sub {
        my $response = $nginx->post(strange('well'));

        return "$response->{status} "
               . ($response->{headers}{'retry-after'} // '-');
    }, 'caphealth_image_upload_requests_total{result="queue-full"}', 3);

    is scalar(grep { $_ eq '201 -' } @answers), 2, 'two are taken';
    is scalar(grep { /^503 [1-9]\d*$/ } @answers), 3,
       'the others get a Retry-After';
    is keys %{ $nginx->sets }, 3, 'what was answered is stored';
    is $nginx->post(strange('well'))->{status}, 201, 'then there is room';
    ok $nginx->stop, 'quits';
};

# The kernel lets no process send a descriptor while more of them, of all processes
# of its user, are on their way than it may have open; root may without that.

subtest 'too many descriptors on their way' => sub {
    my $binary = tempdir(CLEANUP => 1) . '/nginx';

    open my $file, '>', $binary or die $!;
    print {$file} "#!/bin/sh\nexec ",
        $> == 0 ? 'setpriv --bounding-set=-sys_resource,-sys_admin ' : '',
        $ENV{TEST_NGINX_BINARY} || 'nginx', ' "$@"', "\n";
    close $file;
    chmod 0755, $binary;

    my $nginx = with_metrics('', binary => $binary,
                             main => 'worker_rlimit_nofile 300;');

    my $sender = open my $sending, '-|', '/usr/bin/python3', '-c', <<'END'
import socket, time
pair = socket.socketpair()
for i in range(2):
    socket.send_fds(pair[0], [b'x'], [0] * 250)
print('sent', flush=True)
time.sleep(3600)
END
        or die $!;

    is scalar readline $sending, "sent\n", 'other ones are sent';

    my ($status, $waits) = $nginx->parallel(2, sub {
        return $nginx->post(strange('well'))->{status} if $_[0] == 0;

        my $waits = $nginx->until(sub {
            $nginx->metric('caphealth_image_queue_jobs') == 1;
        });

        kill KILL => $sender;

        return $waits;
    });

    is $waits, 1, 'an image waits';
    is $status, 201, 'until they have come';
    ok !$nginx->logged(qr/converter \d+ cannot be/), 'its converter stays'
        or diag $nginx->log;
    close $sending;
    ok $nginx->stop, 'quits';
};

subtest 'a form that does not fit into the queue' => sub {
    my $nginx = with_metrics('caphealth_image_queue 3;');
    my ($three, $headers) = form(map { $_ => strange('well') } 1 .. 3);
    my ($five) = form(map { $_ => strange('well') } 1 .. 5);

    is $nginx->post($five, $headers)->{status}, 201,
       'a large one, when nothing waits';

    my @statuses = $nginx->held(3, sub {
        my ($i) = @_;

        return $nginx->post(strange('well'))->{status} if $i < 2;

        $nginx->until(sub {
            $nginx->metric('caphealth_image_queue_jobs') == 1;
        });

        return $nginx->post($three, $headers)->{status};
    }, 'caphealth_image_upload_requests_total{result="queue-full"}', 1);

    is "@statuses", '201 201 503', 'a smaller one, when one waits';
    is $nginx->post($three, $headers)->{status}, 201, 'then there is room';
    is keys %{ $nginx->sets }, 11, 'all or nothing';
    ok $nginx->stop, 'quits';
};

subtest 'missing' => sub {
    my $dir = tempdir(CLEANUP => 1);
    my $program = "$dir/caphealth-converter";

    chmod 0755, $dir;
    system("cp $helpers/* $dir/") == 0 or die 'cp';

    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $dir;", );
    my $before = $nginx->descriptors;

    unlink $program;

    like $nginx->check, qr/"\Q$program\E" is not there: install it/,
         'nginx -t says so';

    my $response = $nginx->post(strange('well'));

    is $response->{status}, 503, 'an upload is refused';
    like $response->{headers}{'retry-after'}, qr/^[1-9]/, 'for now';
    like decode_json($response->{content})->{detail}, qr/error log/,
         'for a reason that is in the log';
    is $nginx->logged(qr/execve\("\Q$program\E"\) failed, check that/), 1,
       'which it is';
    is_deeply [ $nginx->files ], [], 'nothing is left';

    copy("$helpers/caphealth-converter", $program) or die $!;
    chmod 0755, $program;

    ok $nginx->until(sub { $nginx->post(strange('well'))->{status} == 201 }),
       'heals once it is there again';
    is $nginx->logged(qr/caphealth-converter \d+ works again/), 1,
       'and the log says so';
    ok $nginx->idle($before), 'no descriptor is left open';
    ok $nginx->stop, 'quits';
};

subtest 'another program' => sub {
    my $dir = tempdir(CLEANUP => 1);

    chmod 0755, $dir;
    copy("$helpers/caphealth-collector", "$dir/") or die $!;
    chmod 0755, "$dir/caphealth-collector";

    my ($version) = `cat src/ipc/caphealth_ipc.h`
                    =~ /define CAPHEALTH_IPC_VERSION\s+(\d+)/;

    for my $case (
        [ 'of another version', q{send $s, pack('SSLQ', 99, 1, 0, 0), 0},
          qr/is of another version than the module: protocol 99, expected/ ],
        [ 'that says nothing of a message', q{send $s, 'x', 0},
          qr/caphealth-converter sent an invalid answer, uploads are/ ],
        [ 'that is ready before it says its version',
          qq{send \$s, pack('SSLQ', $version, 7, 0, 0), 0},
          qr/did not introduce itself/ ],
        [ 'that ends', q{exit 3}, qr/caphealth-converter died/ ])
    {
        my ($name, $code, $logged) = @$case;

        open my $file, '>', "$dir/caphealth-converter" or die $!;
        print {$file} "#!/usr/bin/perl\nopen my \$s, '+<&=', 3;\n$code;\n"
                      . "sleep 60;\n";
        close $file;
        chmod 0755, "$dir/caphealth-converter";

        my $nginx = Caphealth::Upload->new(
            http => "caphealth_helper_dir $dir;");

        is $nginx->post(strange('well'))->{status}, 503, $name;
        ok $nginx->logged($logged), 'the log says what it was';
        is_deeply [ $nginx->files ], [], 'nothing is left';
        ok $nginx->stop, 'quits';
    }
};

done_testing;
