# Three nodes of a fleet, on a real PostgreSQL with a standby, each behind a proxy
# of its own; and the shop's database on another server.  Whatever fails, every
# node answers, none shows numbers as newer than they are, one asks the shop, or
# those that are alone; and when it is over the fleet is as before.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Clock;
use Caphealth::Pgbouncer;
use Caphealth::Postgres;
use Caphealth::Proxy;
use Caphealth::Receiver;
use Caphealth::Server;
use Caphealth::Valgrind qw(patience);
use File::Temp qw(tempdir);
use IPC::Open2 qw(open2);
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

my $timeout = patience(1);
my $often = <<"END";
caphealth_refresh          1s;
caphealth_database_refresh 1s;
caphealth_timeout          ${timeout}s;
caphealth_threshold        cpu_percent off;
caphealth_threshold        memory_percent off;
END

my $shop = Caphealth::Postgres->new;
my $fleet = Caphealth::Postgres->new;

$shop->shop('INSERT INTO products (vendor_id) VALUES (1);
             GRANT INSERT ON products TO sesame;
             GRANT USAGE ON products_id_seq TO sesame');
$shop->sql("ALTER SYSTEM SET log_line_prefix = '%a: '");
$shop->sql("SELECT pg_reload_conf(); ALTER ROLE sesame SET log_statement = 'all'");
$fleet->fleet;

my $standby = Caphealth::Postgres->standby($fleet);
my $clock = Caphealth::Clock->new;

my (%node, %proxy, %away, @lies, @silence);

sub config {
    my ($name, %option) = @_;

    $proxy{$name} //= Caphealth::Proxy->new(to => $fleet->{port});

    my $servers = "127.0.0.1:$proxy{$name}{port},127.0.0.1:$standby->{port}";
    my $as = $option{as} // $name;

    return (
        locations => 'location = /nodes { caphealth_nodes; }',
        http => "$often caphealth_database "
                . $shop->url . "?application_name=$name;"
                . "caphealth_fleet postgresql://caphealth\@$servers/shop"
                . "?target_session_attrs=read-write node=$as;"
                . ($option{http} // ''));
}

# --- what the shop's server says of who asked ---

my $log = "$shop->{dir}/server.log";

sub looks {
    my ($from) = @_;

    open my $file, '<', $log or die "$log: $!";
    seek $file, $from, 0;

    return map { /^(\w+): LOG:  execute .*FROM products$/ ? $1 : () } <$file>;
}

# whether all of these have asked from now on

sub all_ask {
    my (@names) = @_;

    my $from = -s $log;

    return until_so(sub {
        my %asks = map { $_ => 1 } looks($from);

        return !grep { !$asks{$_} } @names;
    });
}

# --- what must hold at any time ---

# a row of the shop that is known to be there from a time on

my @known = ([0, 1]);
my ($from_psql, $to_psql);
my $psql = open2($from_psql, $to_psql, 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1',
                 $shop->url);

sub sell {
    print {$to_psql} "INSERT INTO products (vendor_id) VALUES (1)"
                     . " RETURNING id;\n";
    $to_psql->flush;

    chomp(my $id = <$from_psql> // die 'psql has ended');
    push @known, [time, $id];

    return;
}

my %offset;

sub observe {
    sell() if time - $known[-1][0] > 0.3;

    for my $name (grep { !$away{$_} } sort keys %node) {
        for my $path ('/health', '/nodes', '/capacity') {
            my $response = $node{$name}->get($path);

            if ($response->{status} != 200) {
                push @silence, "$name: $path: $response->{status}";
                next;
            }

            next if $path ne '/health';

            my $d = decode_json($response->{content})->{database};

            next if !defined $d->{products_count} || $d->{stale};

            # In whole seconds, of a clock that may be wrong; and the holder's
            # age is stored when the server has it, within the timeout.

            my ($y, $m, $day, $h, $min, $s)
                = $d->{collected_at} =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/;
            my $at = timegm($s, $min, $h, $day, $m - 1, $y)
                     - ($offset{$name} // 0) - 1 - $timeout;
            my ($least) = map { $_->[1] } grep { $_->[0] < $at } reverse @known;

            push @lies, "$name: $d->{products_count} products at"
                        . " $d->{collected_at}, and there were $least"
                if $d->{products_count} < ($least // 0);
        }
    }

    return;
}

sub until_so {
    my ($code) = @_;

    my ($any) = values %node;

    return $any->until(sub { observe(); $code->() });
}

sub nodes {
    my ($name) = @_;

    return $node{$name}->json('/nodes');
}

# the names of those that answer, and are not set aside

sub present { return grep { !$away{$_} } sort keys %node }

# the holder that all of these see, who see each other; or undef

sub agreed {
    my (@names) = @_;

    my %holders;

    for my $name (@names) {
        my $n = nodes($name);
        my %of = map { $_->{name} => $_ } @{ $n->{nodes} };

        return if $n->{alone} || $n->{error} || $n->{stale}
                  || grep { !$of{$_} || $of{$_}{silent} } @names;

        $holders{ $n->{lease_holder} // '' } = 1;
    }

    my ($holder) = keys %holders;

    return keys %holders == 1 && (grep { $_ eq $holder } @names) ? $holder
                                                                  : undef;
}

# Once they agree, and the shop is asked by that one alone, but for those that
# are said to be: returns it.

sub settled {
    my ($names, @besides) = @_;

    my ($holder, $from, %asks) = ('');

    my $ok = until_so(sub {
        my $now = agreed(@$names) // '';

        if ($now eq '' || $now ne $holder) {
            ($holder, $from) = ($now, -s $log);
            return 0;
        }

        my @looks = looks($from);

        %asks = map { $_ => 1 } @looks;
        $from = -s $log if grep { my $n = $_; !grep { $n eq $_ } $holder,
                                  @besides } keys %asks;

        return @looks >= 3 && keys %asks == 1 + @besides && $asks{$holder};
    });

    return $holder if $ok;

    diag 'asked by ', join ' ', keys %asks;
    diag "$_: ", $node{$_}->get('/nodes')->{content}, "\n", $node{$_}->log
        for @$names, @besides;

    return;
}

sub healed {
    my ($what) = @_;

    my $holder = settled([present()]);

    ok defined $holder, ($what // 'it heals alone') . ', and one asks the shop';
    honest();

    return $holder;
}

sub honest {
    is_deeply \@silence, [], 'every node answers throughout';
    is_deeply \@lies, [], 'no number is older than it says';
    @silence = @lies = ();

    return;
}

sub alone {
    my (@names) = @_;

    my $ok = until_so(sub {
        !grep { !nodes($_)->{alone} } @names
    });

    diag map { $node{$_}->get('/nodes')->{content}, $node{$_}->log } @names
        if !$ok;

    return $ok;
}

sub others {
    my ($name) = @_;

    return grep { $_ ne $name } present();
}

sub everything {
    my ($nginx) = @_;

    return ($nginx->master, keys %{ $nginx->processes });
}

my %third = config('c');

$node{$_} = Caphealth::Server->new(config($_)) for qw(a b);
$node{c} = $clock->server(%third);

my $holder;

subtest 'three nodes' => sub {
    $holder = healed('see each other');

    for my $name (present()) {
        my $n = nodes($name);

        is join(' ', map { $_->{name} } @{ $n->{nodes} }), 'a b c',
           "$name: all nodes";
        is $n->{database_from}, $holder, "$name: whose numbers it shows";
    }
};

subtest "the holder's collector is killed" => sub {
    my $before = $node{$holder}->collector;

    kill KILL => $before;
    until_so(sub {
        my @now = $node{$holder}->collectors;
        @now == 1 && $now[0] != $before;
    });
    $holder = healed();
};

subtest 'the holder is killed, nginx and all' => sub {
    my $dead = $holder;

    $away{$dead} = 1;
    kill KILL => everything($node{$dead});

    $holder = healed('another one holds the lease');
    isnt $holder, $dead, 'that lives';

    ok until_so(sub {
        my $n = nodes($holder);
        my ($row) = grep { $_->{name} eq $dead } @{ $n->{nodes} };

        $row->{silent} && $row->{status} eq 'unknown'
        && $n->{platform_status} eq 'unknown' && $n->{reason} =~ /^$dead: /;
    }), 'the dead one is unknown, and with it the platform';

    local $ENV{TEST_NGINX_PRELOAD} = "$clock->{dir}/clock.so"
        if $dead eq 'c';

    $node{$dead}->start;
    delete $away{$dead};
    $holder = healed('it is started again');
};

subtest 'the holder is stopped' => sub {
    my $stopped = $holder;
    my @processes = everything($node{$stopped});

    $away{$stopped} = 1;
    kill STOP => @processes;
    $holder = healed('another one holds the lease');
    isnt $holder, $stopped, 'that runs';

    kill CONT => @processes;
    delete $away{$stopped};
    $holder = healed('it goes on');
};

subtest 'the holder is cut off' => sub {
    my $cut = $holder;

    for my $how (qw(cut hold)) {
        $cut = $holder;
        $proxy{$cut}->$how;

        ok alone($cut), "$how: it is alone";
        $holder = settled([others($cut)], $cut);
        isnt $holder, undef, 'another one holds the lease, and both ask';

        my $n = nodes($cut);

        is $n->{database_from}, $cut, 'its numbers are its own';
        is $n->{platform_status}, 'unknown', 'what it does not see is unknown';
        ok $n->{error}, "and why: $n->{error}";

        $proxy{$cut}->pass;
        $holder = healed();
    }
};

subtest 'the holder cannot query the shop, the others can' => sub {
    my $blind = $holder;
    my %before = config($blind);
    my $nowhere = Caphealth::Server::free_port();
    my $differs = sub {
        my ($row) = grep { $_->{name} eq $blind } @{ nodes('a')->{nodes} };

        return $row->{database_differs};
    };

    $node{$blind}->configure(%before,
        http => $before{http} =~ s/:$shop->{port}\b/:$nowhere/r);
    ok $node{$blind}->reload, 'its way there is closed';

    $holder = settled([present()]);
    isnt $holder // $blind, $blind, 'another one holds the lease, and asks';

    ok until_so(sub {
        my $d = $node{$blind}->json('/health')->{database};

        nodes($blind)->{database_from} eq $holder && !$d->{error}
        && !$d->{stale};
    }), 'the first one has its numbers';
    ok until_so($differs), 'and says that it would ask another database';
    is $node{$blind}->logged_times(qr/\[warn\] .*"caphealth_database" or .* of node "$blind" differs from that of node "$holder"/, 1),
       1, 'in its log, too';

    $node{$blind}->configure(%before);
    ok $node{$blind}->reload, 'the way is open';
    ok until_so(sub { !$differs->() }), 'it is as the others';
    is healed(), $holder, 'the lease stays where it is';
};

# no other node knows what it sent while it was alone

subtest 'a node that is alone notifies, and takes it back' => sub {
    my ($name) = others($holder);
    my $receiver = Caphealth::Receiver->new;
    my %before = config($name);
    my $notify = "caphealth_notify http://127.0.0.1:$receiver->{port}/"
                 . ' on=critical,recovery hold=0 interval=0;';
    my $set = sub {
        my ($more) = @_;

        $node{$name}->configure(%before, http => "$before{http} $more");

        return $node{$name}->reload;
    };
    my $told = sub { return map { "$_->{node} $_->{to}" } $receiver->delivered };

    $proxy{$name}->cut;
    ok $set->("$notify caphealth_threshold disk_percent warning=0 critical=0;"),
       'it becomes critical';
    ok until_so(sub { join(' ', $told->()) eq "$name critical" }),
       'and says so, alone' or diag $told->(), $node{$name}->log;

    $proxy{$name}->pass;
    ok until_so(sub { defined agreed(present()) }), 'it is connected again';
    ok $set->($notify), 'it is well again';
    ok until_so(sub { [ $receiver->delivered ]->[1] }), 'this it says, too'
        or diag $told->(), $node{$name}->log;

    my (undef, $recovery) = $receiver->delivered;

    is $recovery->{kind}, 'recovery', 'as a recovery';
    is $recovery->{summary}, "$name is healthy again (was critical)",
       'of itself, not of the platform';

    ok $set->(''), 'as before';
    $holder = healed();
};

subtest 'the way is slow' => sub {
    $_->delay($timeout / 4) for values %proxy;
    $holder = healed('but within the timeout');
    $_->pass for values %proxy;
};

subtest 'a clock is two minutes off' => sub {
    for my $by (120, -120) {
        $offset{c} = $by;
        $clock->set($by);

        ok until_so(sub {
            my $n = nodes('a');
            my ($c) = grep { $_->{name} eq 'c' } @{ $n->{nodes} };

            !$c->{silent}
            && abs($c->{clock_offset_seconds} - $by) < patience(5);
        }), "$by: its offset is shown";

        # whoever has it

        $fleet->sql("UPDATE caphealth.lease SET node = n.name,
                         instance = n.instance,
                         expires = clock_timestamp() + interval '3 s'
                     FROM caphealth.nodes n WHERE n.name = 'c'");

        $holder = healed('the lease is not of its clock');
    }

    $offset{c} = 0;
    $clock->set(0);
    $holder = healed('it is set right');
};

subtest 'two nodes of one name' => sub {
    my $name = (others($holder))[0];
    my $doubled = sub {
        my ($row) = grep { $_->{name} eq $name } @{ nodes($holder)->{nodes} };

        return $row->{doubled};
    };

    my $other = Caphealth::Server->new(config('d', as => $name));

    ok until_so($doubled), 'is told';
    is $other->until(sub { $other->get('/health')->{status} == 200 }), 1,
       'both answer';
    ok $other->stop, 'one quits';
    ok until_so(sub { !$doubled->() }), 'and it is no longer reported';
    $holder = healed();
};

subtest 'nodes of other versions' => sub {
    $fleet->sql("INSERT INTO caphealth.nodes (name, instance, started,
                     reported, seconds, version, state, cause, shop, report)
                 VALUES ('z', 'z', now(), now(), 3600, '99.1.0', 'degraded',
                         'what this version does not know', false,
                         '{\"new\": {\"a\": [1]}}')");

    ok until_so(sub {
        !grep {
            my ($z) = grep { $_->{name} eq 'z' } @{ nodes($_)->{nodes} };
            !$z || $z->{version} ne '99.1.0' || $z->{status} ne 'degraded';
        } present()
    }), 'a newer one is shown';

    $fleet->sql("SELECT caphealth.retire('z')");
    $fleet->sql('UPDATE caphealth.schema SET version = 9, oldest = 9');
    ok alone(present()), 'a schema that is too new: each is alone';
    like nodes('a')->{error}, qr/upgrade caphealth/, 'and says what to do';
    ok all_ask(qw(a b c)), 'each asks the shop';

    $fleet->sql('UPDATE caphealth.schema SET version = 2, oldest = 1');
    $holder = healed();
};

subtest 'the database is read-only' => sub {
    $fleet->sql('ALTER DATABASE shop SET default_transaction_read_only = on');
    $fleet->sql("SELECT count(pg_terminate_backend(pid))
                 FROM pg_stat_activity WHERE usename = 'caphealth'
                 AND backend_type = 'client backend'");

    ok alone(present()), 'each is alone';
    like nodes('a')->{error}, qr/read-only/, 'and says why';

    $fleet->sql('BEGIN READ WRITE;
                 ALTER DATABASE shop RESET default_transaction_read_only;
                 COMMIT');
    $holder = healed();
};

subtest 'the database is away' => sub {
    $fleet->stop;

    ok alone(present()), 'each is alone';
    ok all_ask(qw(a b c)), 'each asks the shop';

    for my $name (present()) {
        ok nodes($name)->{error}, "$name says why";
    }

    $fleet->start;
    $holder = healed();
};

subtest 'through pgbouncer, in transaction mode' => sub {
    my $bouncer = Caphealth::Pgbouncer->new(to => $fleet->{port});

    for my $proxy (values %proxy) {
        $proxy->to($bouncer->{port});
        $proxy->cut;
        $proxy->pass;
    }

    $holder = healed('the same');

    cmp_ok $fleet->sql("SELECT count(*) FROM pg_stat_activity
                        WHERE usename = 'caphealth'"), '<=', 2,
           'by two connections of the server';

    for my $proxy (values %proxy) {
        $proxy->to($fleet->{port});
        $proxy->cut;
        $proxy->pass;
    }

    $bouncer->stop;
    $holder = healed('and directly again');
};

subtest 'the past is copied, and an outage caught up' => sub {
    my $state = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $build = $ENV{BUILD} || 'build';

    chmod 0755, $state;
    mkdir "$state/state", 0700;

    # a file of the collector's own, with the rows of a node that was alone

    system("$build/unit/probe_history", "$state/state/history.sqlite", 1,
           cpu_percent => 'percent', 7, 0, products_count => 'count', 9, 0)
        == 0 or die 'probe_history';

    my $blob = unpack 'H*', pack('VVd<', 0x80000001, 6, 42)
                            . pack('VVd<d<d<', 2, 6, 1, 2.5, 4);

    my %rows = (minutes => 60, ten_minutes => 600, six_hours => 21600);

    for my $table (keys %rows) {
        system('sqlite3', "$state/state/history.sqlite", <<"END") == 0 or die;
DELETE FROM $table;
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 500)
INSERT INTO $table SELECT (unixepoch() - 600) / $rows{$table} * $rows{$table}
    - n * $rows{$table}, x'$blob' FROM t;
INSERT INTO events (time, kind, "from", "to", text, code, args)
    VALUES (unixepoch() - 3600, 'outage', '', '', '$table', '', '{"a":1}');
END
    }

    # of a node that is gone: any node removes what is too old

    $fleet->sql("INSERT INTO caphealth.history
                 SELECT 'gone', step, now() - keep - i, '{1}', '{1}', '{1}',
                        '{1}', '{1}'
                 FROM caphealth.history_steps,
                      (VALUES (interval '1 s'), (interval '-1 h')) d (i);
                 INSERT INTO caphealth.history_series (name, unit)
                 VALUES ('orders_count', 'count');
                 INSERT INTO caphealth.history_platform
                 SELECT step, now() - keep - interval '1 s', s.id, 1, 1, 1, 1
                 FROM caphealth.history_steps, caphealth.history_series s;
                 INSERT INTO caphealth.history_events
                 SELECT 'gone', now() - i, md5('')::uuid, '', '', '', '', '', '{}'
                 FROM (VALUES (interval '2 years'), (interval '4 years')) d (i)"
    );

    my $copied = sub {
        chomp(my $n = ($_[0] // $fleet)->sql(
            "SELECT count(*) FROM caphealth.history WHERE node = 'h'"));
        return $n;
    };

    $away{h} = 1;
    $node{h} = Caphealth::Server->new(
        config('h', http => "caphealth_state_dir $state/state;"));

    ok until_so(sub { $copied->() > 0 }), 'it begins';
    $proxy{h}->cut;

    ok until_so(sub { nodes('h')->{alone} }), 'the node is cut off';

    my $part = $copied->();

    cmp_ok $part, '<', 1500, "with $part of 1500 rows copied";
    $proxy{h}->pass;
    ok until_so(sub { $copied->() >= 1500 }), 'it goes on where it was';

    is $fleet->sql("SELECT step, count(*) FROM caphealth.history
                    WHERE node = 'h' AND start < now() - interval '10 min'
                    GROUP BY step ORDER BY step"),
       "60|500\n600|500\n21600|500\n", 'each row once, none is missing';
    is $fleet->sql("SELECT DISTINCT series, unit, samples, min, mean, max
                    FROM caphealth.node_history WHERE node = 'h'
                    AND start < now() - interval '10 min'"),
       "cpu_percent|percent|6|42|42|42\n", "as they are in the node's file";
    is $fleet->sql("SELECT series, step, count(*), min(mean), max(samples)
                    FROM caphealth.platform_history
                    WHERE start < now() - interval '10 min'
                    GROUP BY 1, 2 ORDER BY 2"),
       join('', map { "products_count|$_|500|2.5|6\n" } 60, 600, 21600),
       "the shop's once for the platform";
    is $fleet->sql("SELECT text, kind, args FROM caphealth.history_events
                    WHERE node = 'h' AND kind = 'outage' AND text ~ '_|min'
                    ORDER BY 1"),
       qq(minutes|outage|{"a": 1}\nsix_hours|outage|{"a": 1}\n)
       . qq(ten_minutes|outage|{"a": 1}\n), 'the events, once';

    is $fleet->sql("SELECT step FROM caphealth.history WHERE node = 'gone'
                    ORDER BY 1"), "60\n600\n21600\n", 'old rows are removed';
    is $fleet->sql("SELECT count(*) FROM caphealth.platform_history
                    WHERE series = 'orders_count'
                    AND start < now() - interval '1 day' "), "0\n",
       "the platform's, too";
    is $fleet->sql("SELECT count(*) FROM caphealth.history_events
                    WHERE node = 'gone'"), "1\n", 'and old events';

    # a server that has lost some of it

    $fleet->sql("DELETE FROM caphealth.history WHERE node = 'h' AND step = 600
                 AND start > now() - interval '1 day'");
    ok $copied->() < 1500, 'the server loses rows';
    ok $node{h}->reload, 'a new collector';
    ok until_so(sub { $copied->() >= 1500 }), 'which copies them again';
    ok $node{h}->stop, 'quits';
    delete $node{h};
    delete $away{h};
    honest();
};

subtest 'the database fails over to a second server' => sub {
    $fleet->stop;
    $standby->sql('SELECT pg_promote()');
    $_->cut for values %proxy;

    $holder = healed('the nodes go on with that');
    is $standby->sql("SELECT node FROM caphealth.lease
                      WHERE expires > clock_timestamp()"), "$holder\n",
       'and the lease is there';
};

ok $node{$_}->stop, "$_ quits" for sort keys %node;

print {$to_psql} "\\q\n";
close $to_psql;
waitpid $psql, 0;

done_testing;
