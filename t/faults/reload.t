# A reload keeps the facts, takes up a changed configuration at once, loses
# no request and leaks nothing.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Server;
use File::Temp;
use Test::More;
use Time::HiRes qw(sleep time);

my $database = shop('shop', <<'END');
INSERT INTO vendors (name) VALUES ('Anna');
INSERT INTO products (vendor_id) VALUES (1), (1);
END

my $other = shop('other', <<'END');
INSERT INTO vendors (name) VALUES ('Bert');
INSERT INTO products (vendor_id) VALUES (1);
END

my $slow = <<"END";
caphealth_refresh          1h;
caphealth_database_refresh 1h;
END

sub complete {
    return defined $_->{system}{memory_percent}
           && defined $_->{database}{products_count};
}

subtest 'changed thresholds' => sub {
    my $nginx = Caphealth::Server->new(
        http => "$slow caphealth_database sqlite:$database;", workers => 2);

    my $before = $nginx->report('/health', \&complete);
    my $tag = $nginx->get('/health')->{headers}{etag};

    is $before->{thresholds}[0]{status}, 'ok', 'ok at first';

    $nginx->configure(http => "$slow caphealth_database sqlite:$database;
        caphealth_threshold products_total warning=1 critical=2 limit=3;");
    ok $nginx->reload, 'reload';

    my $response = $nginx->get('/health', { 'If-None-Match' => $tag });

    is $response->{status}, 200, 'the same facts have another tag';
    like $response->{content}, qr/"current":2,.*?"status":"critical"/,
         'and are evaluated again, with the facts from before';
    ok $nginx->stop, 'quits';
};

subtest 'changed database' => sub {
    my $nginx = Caphealth::Server->new(
        http => "$slow caphealth_database sqlite:$database;");

    is $nginx->report('/health', \&complete)->{database}{products_count}, 2,
       'the first shop';

    $nginx->configure(http => "$slow caphealth_database sqlite:/nowhere.db;");
    ok $nginx->reload, 'reload';

    is $nginx->json('/health')->{database}{products_count}, undef,
       'the facts of one shop are never shown as those of another';

    $nginx->configure(http => "$slow caphealth_database sqlite:$other;");
    ok $nginx->reload, 'reload';

    is $nginx->report('/health', \&complete)->{database}{products_count}, 1,
       'the other shop';
    ok $nginx->stop, 'quits';
};

subtest 'changed zone size' => sub {
    my $nginx = Caphealth::Server->new(
        http => "$slow caphealth_database sqlite:$database;");
    my $before = $nginx->report('/health', \&complete);

    $nginx->configure(http => "$slow caphealth_zone 1m;
                               caphealth_database sqlite:$database;");

    # so that the new collector finds nothing newer

    rename $database, "$database.away" or die "rename: $!\n";

    ok $nginx->reload, 'reload';

    my $after = $nginx->json('/health');

    rename "$database.away", $database or die "rename: $!\n";

    is $after->{database}{products_count}, 2, 'the facts are carried over';
    is $after->{database}{collected_at}, $before->{database}{collected_at},
       'with their age';
    ok $nginx->stop, 'quits';
};

subtest 'a bad configuration changes nothing' => sub {
    my $nginx = Caphealth::Server->new(
        http => "$slow caphealth_database sqlite:$database;");

    $nginx->report('/health', \&complete);

    my $collector = $nginx->collector;

    $nginx->configure(http => 'caphealth_refresh never;');
    like $nginx->check, qr/invalid value "never" in "caphealth_refresh" directive/,
         'nginx -t says what is wrong';

    kill HUP => $nginx->master;
    ok $nginx->until(sub { $nginx->logged(qr/\[emerg\].*invalid value/) }),
       'so does the log';
    is $nginx->json('/health')->{database}{products_count}, 2, 'it serves on';
    is $nginx->collector, $collector, 'with the same collector';
    ok $nginx->stop, 'quits';
};

subtest 'a reload that fails after it has touched the zone' => sub {
    my $often = "caphealth_refresh 1s; caphealth_database_refresh 1s;";
    my $nginx = Caphealth::Server->new(
        http => "$often caphealth_database sqlite:$database;");
    my $before = $nginx->report('/health', \&complete);

    # the zone is settled before the sockets are opened

    my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
    my $port = $taken->sockport;

    $nginx->configure(http => "$often caphealth_database sqlite:$other;
        server { listen 127.0.0.1:$port; }");
    kill HUP => $nginx->master;
    ok $nginx->until(sub { $nginx->logged(qr/still could not bind/) }),
       'it fails';

    my $after = $nginx->report('/health', sub {
        $_->{database}{collected_at} gt $before->{database}{collected_at};
    });

    cmp_ok $after->{database}{collected_at}, 'gt',
           $before->{database}{collected_at}, 'the old facts go on';
    is $after->{database}{products_count}, 2, 'of the old shop';
    ok $nginx->stop, 'quits';
};

subtest 'many reloads under load' => sub {
    my ($reloads, $pause) = $ENV{TEST_NGINX_USE_VALGRIND}
                            ? (20, 1) : ($ENV{TEST_RELOADS} || 200, 0.03);
    my $nginx = Caphealth::Server->new(workers => 2,
        http => "caphealth_refresh 1s; caphealth_database sqlite:$database;");

    $nginx->report('/health', \&complete);
    $nginx->reload for 1 .. 3;

    my $files = sub {
        my @open = glob '/proc/' . $nginx->master . '/fd/*';
        return scalar @open;
    };

    my $descriptors = $files->();
    my @load = map { load($nginx) } 1 .. 2;

    for (1 .. $reloads) {
        kill HUP => $nginx->master;
        sleep $pause;
    }

    ok $nginx->until(sub { $nginx->workers == 2 && $nginx->collectors == 1
                           && keys %{ $nginx->processes } == 3 }),
       'two workers and one collector are left'
        or diag explain $nginx->processes;

    my ($requests, $failed) = (0, 0);

    for my $pipe (@load) {
        print { $pipe->{stop} } "\n";

        my $line = readline $pipe->{result};
        my ($r, $f) = split ' ', $line;

        $requests += $r;
        $failed += $f;
        waitpid $pipe->{pid}, 0;
    }

    cmp_ok $requests, '>', $reloads, "$requests requests";
    is $failed, 0, 'none failed';
    ok $nginx->until(sub { $files->() == $descriptors }),
       'the master has no more descriptors'
        or diag $files->(), " instead of $descriptors";
    is $nginx->alerts, '', 'no alert in the log';
    ok $nginx->report('/health', sub { defined $_->{system}{cpu_percent} }),
       'facts come in';
    ok $nginx->stop, 'quits';
};

# each has a collector whose first look knows no CPU use, and is gone before it
# has made a second one

subtest 'reloads one after another turn no answer unknown' => sub {
    my $nginx = Caphealth::Server->new(workers => 2, http => <<"END");
caphealth_refresh   1s;
caphealth_database  sqlite:$database;
caphealth_threshold cpu_percent    warning=100 critical=100;
caphealth_threshold memory_percent warning=100 critical=100;
caphealth_threshold disk_percent   warning=100 critical=100;
END

    $nginx->report('/health', sub { complete()
                                    && defined $_->{system}{cpu_mean_percent}
                                    && $_->{overall_status} ne 'unknown' });

    my $before = $nginx->json('/health');
    my @load = map { load($nginx) } 1 .. 2;
    my %collectors = map { $_ => 1 } $nginx->collectors;
    my (%statuses, @unknown);

    for my $round (1 .. $ENV{TEST_RELOADS} || 12) {
        my @fresh;

        kill HUP => $nginx->master;

        $nginx->until(sub {
            my $report = $nginx->json('/health');

            push @unknown, $report if $report->{overall_status} eq 'unknown'
                                   || !defined $report->{system}{cpu_percent};
            $statuses{ $report->{overall_status} }++;

            @fresh = grep { !$collectors{$_} } $nginx->collectors;
        }) or last;

        $collectors{$_} = 1 for @fresh;
    }

    cmp_ok keys %collectors, '>', 10, 'one collector after another';
    is scalar @unknown, 0, 'no answer is unknown'
        or diag explain $unknown[0];
    cmp_ok $nginx->json('/health')->{system}{cpu_mean_seconds}, '>',
           $before->{system}{cpu_mean_seconds},
           'the mean goes on where the last collector was';

    for my $pipe (@load) {
        print { $pipe->{stop} } "\n";

        my ($requests, $failed, $unknown)
            = split ' ', readline $pipe->{result};

        cmp_ok $requests, '>', 100, "$requests requests";
        is $failed, 0, 'none failed';
        is $unknown, 0, 'none was answered with an unknown status';
        waitpid $pipe->{pid}, 0;
    }

    ok $nginx->stop, 'quits';
};

# a client in a process of its own: a request after another until told to stop

sub load {
    my ($nginx) = @_;

    pipe my $stop_r, my $stop_w or die $!;
    pipe my $result_r, my $result_w or die $!;

    $stop_w->autoflush(1);

    my $parent = $$;
    my $pid = fork // die $!;

    if ($pid == 0) {
        my $url = "http://127.0.0.1:$nginx->{port}/health";
        my ($requests, $failed, $unknown) = (0, 0, 0);
        my $ready = '';

        vec($ready, fileno($stop_r), 1) = 1;

        # it ends with the test, also where the test dies

        until (select(my $r = $ready, undef, undef, 0)
               || getppid() != $parent)
        {
            my $response = HTTP::Tiny->new(keep_alive => 0)->get($url);

            $requests++;
            $failed++ unless $response->{status} == 200;
            $unknown++ if $response->{content}
                          =~ /"overall_status":"unknown"/;
        }

        syswrite $result_w, "$requests $failed $unknown\n";

        require POSIX;
        POSIX::_exit(0);
    }

    close $result_w;

    return { pid => $pid, stop => $stop_w, result => $result_r };
}

# an old tree stays in the zone until the old workers are gone

subtest 'renamed image roots' => sub {
    my $dir = File::Temp::tempdir('caphealth-XXXXXX', TMPDIR => 1,
                                  CLEANUP => 1);

    chmod 0755, $dir;

    my $roots = sub {
        my ($name) = @_;

        return http => "$slow caphealth_database sqlite:$database;",
               locations => join '', map { "location = /$name$_ {
                   caphealth_image_root $dir/$name$_;
                   caphealth_image_upload; }" } 1 .. 5;
    };

    my $nginx = Caphealth::Server->new($roots->('a'));

    $nginx->report('/health', \&complete);

    for my $name (qw(b c d a)) {
        $nginx->configure($roots->($name));

        like $nginx->check, qr/test is successful/, "$name passes the test";
        ok $nginx->reload, 'and is reloaded';

        my $health = $nginx->json('/health');

        is_deeply [map { $_->{path} } @{ $health->{image_storage}{roots} }],
                  [map { "$dir/$name$_" } 1 .. 5], 'these roots';
        is $health->{database}{products_count}, 2, 'the facts are kept';
    }

    is $nginx->alerts, '', 'no alerts in the log';
    ok $nginx->stop, 'quits';
};

# A list of vendors that does not fit beside the one before gets its place. A
# failed look between them keeps that, and nothing else may get it as well.

subtest 'vendors that fill the zone, before and after an outage' => sub {
    my $dir = File::Temp::tempdir('caphealth-XXXXXX', TMPDIR => 1,
                                  CLEANUP => 1);
    my $many = shop('many', <<'END');
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
INSERT INTO vendors SELECT i, printf('%0260d', i), 1 FROM n;
INSERT INTO products (vendor_id) SELECT id FROM vendors;
END

    chmod 0755, $dir;

    my $http = "caphealth_zone 1m; caphealth_database sqlite:$many;";
    my $often = "caphealth_refresh 1s; caphealth_database_refresh 1s;";
    my $nginx = Caphealth::Server->new(http => "$often $http");

    $nginx->report('/health', \&complete);

    rename $many, "$many.away" or die "rename: $!\n";

    $nginx->report('/health', sub { $_->{database}{error} });

    rename "$many.away", $many or die "rename: $!\n";

    $nginx->report('/health', sub { !$_->{database}{error} });

    # the tree has no room but in a zone of its own, into which the list comes

    $nginx->configure(http => "$slow $http", locations =>
        "location = /images { caphealth_image_root $dir/images;
                              caphealth_image_upload; }");
    ok $nginx->reload, 'reload';

    my $vendors = eval { $nginx->json('/capacity')->{products_by_vendor} };

    is scalar keys %{ $vendors // {} }, 999, 'all vendors are still there';
    is $nginx->alerts, '', 'no alerts in the log';
    ok $nginx->stop, 'quits';
};

# what a test finds room for, a reload does

subtest 'small zones' => sub {
    my @disks = map { "caphealth_disk /proc/$_;" }
                map { sprintf '%s/..', join '/..', ('self') x $_ } 1 .. 60;

    my $nginx = Caphealth::Server->new(http => "$slow caphealth_zone 64k;");
    my ($passed, $refused) = (0, 0);

    for my $n (map { 4 * $_ } 1 .. 15) {
        $nginx->configure(http => "$slow caphealth_zone 64k;"
                                  . join '', @disks[0 .. $n - 1]);

        if ($nginx->check =~ /test is successful/) {
            $passed++;
            ok $nginx->reload, "$n disks, which pass, are reloaded";
            is scalar @{ $nginx->report('/health', sub {
                   !grep { !defined $_->{percent} } @{ $_->{disks} }
               })->{disks} }, $n, 'and looked at';

        } else {
            $refused++;
            like $nginx->check, qr/has no room for \d+ sections/, "$n do not";
        }
    }

    ok $passed && $refused, 'some pass, some do not';
    unlike $nginx->log, qr/do not fit/, 'nothing was found too late';
    ok $nginx->stop, 'quits';
};

done_testing;
