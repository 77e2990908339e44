# The nodes of a fleet as one of them shows them: with two real nginx and a real
# PostgreSQL, of which one is stopped, and then the other.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Postgres;
use Caphealth::Server;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

# a node that has not reported for three refreshes is silent

my $often = <<'END';
caphealth_refresh          2s;
caphealth_database_refresh 2s;
caphealth_threshold        cpu_percent off;
END

my $postgres = Caphealth::Postgres->new;

$postgres->shop('INSERT INTO products (vendor_id) VALUES (1), (1);');
$postgres->fleet;

sub node {
    my ($name, $http) = @_;

    return Caphealth::Server->new(
        http => "$often caphealth_fleet " . $postgres->fleet_url
                . " node=$name; caphealth_database " . $postgres->url . ';'
                . ($http // ''),
        locations => 'location = /nodes { caphealth_nodes; }
                      location = /each { caphealth_metrics nodes; }
                      location = /metrics { caphealth_metrics; }
                      location = /variable {
                          return 200 $caphealth_fleet_status;
                      }');
}

# found(NODES, NAME): the node of that name

sub found {
    my ($nodes, $name) = @_;

    return (grep { $_->{name} eq $name } @{ $nodes->{nodes} })[0];
}

# whether the metrics have the line, which may come later

sub metric {
    my ($nginx, $path, $line) = @_;

    return $nginx->until(sub {
        $nginx->get($path)->{content} =~ /^\Q$line\E$/m;
    });
}

my $one = node('one');

$one->report('/nodes', sub { $_->{lease_held} });

my $two = node('two');

subtest 'both are well' => sub {
    my $nodes = $one->report('/nodes', sub {
        $_->{platform_status} eq 'healthy' && @{ $_->{nodes} } == 2
    });

    is_deeply [ map { $_->{name} } @{ $nodes->{nodes} } ], [ qw(one two) ],
              'by their names';
    is_deeply $nodes->{counts}, { healthy => 2, degraded => 0, unknown => 0,
                                  critical => 0, silent => 0 }, 'counted';
    is $nodes->{reason}, undef, 'no reason';
    is $nodes->{node}, 'one', 'which node answers';
    is $nodes->{lease_holder}, 'one', 'which one asks';
    is $nodes->{lease_held}, JSON::PP::true, 'it is this one';
    is $nodes->{database_from}, 'one', 'whose numbers these are';
    is $nodes->{alone}, JSON::PP::false, 'not alone';
    is $nodes->{error}, undef, 'no error';
    is $nodes->{refresh_seconds}, 2, 'how often';

    my $node = found($nodes, 'two');

    is $node->{interval_seconds}, 2, 'how often a node reports';
    is $node->{doubled}, JSON::PP::false, 'there is one of it';
    cmp_ok abs $node->{clock_offset_seconds}, '<', 5, 'its clock';
    like $node->{version}, qr/^\d+\.\d+\.\d+/, 'its version';
    like $node->{reported_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
         'when it last reported';

    my $other = $two->report('/nodes', sub { @{ $_->{nodes} } == 2
                                             && $_->{database_from} });

    is $other->{node}, 'two', 'the other answers, too';
    is $other->{lease_held}, JSON::PP::false, 'and holds no lease';

    # its first reports are older than its first numbers of the database

    $two->report('/health', sub {
        $_->{database}{products_count}
            && $_->{fleet}{platform_status} eq 'healthy'
    });
    is_deeply $two->json('/health')->{fleet},
              { platform_status => 'healthy', node => 'two',
                database_from => 'one', alone => JSON::PP::false },
              'in its health report';
    is_deeply $two->json('/capacity')->{fleet},
              $two->json('/health')->{fleet}, 'and of the capacity';
    is $two->get('/variable')->{content}, 'healthy', 'and as a variable';
};

subtest 'as an answer' => sub {
    my ($answer, $again, $head);

    $one->until(sub {
        $answer = $one->get('/nodes');
        $again = $one->get('/nodes',
            { 'If-None-Match' => $answer->{headers}{etag} });
        $head = $one->{client}->request('HEAD',
            "http://127.0.0.1:$one->{port}/nodes");

        $again->{status} == 304
            && $head->{headers}{etag} eq $answer->{headers}{etag}
    });

    is $again->{status}, 304, 'If-None-Match';
    is $head->{headers}{'content-length'}, length $answer->{content}, 'HEAD';
    is $answer->{headers}{'content-type'}, 'application/json', 'its type';
    is $answer->{headers}{'cache-control'}, 'private, no-cache',
       'must be revalidated';
    like $answer->{headers}{age}, qr/^\d+$/, 'its age';
};

subtest 'metrics' => sub {
    ok metric($one, '/metrics', 'caphealth_fleet_nodes{status="healthy"} 2'),
       'counts';
    ok metric($one, '/metrics', 'caphealth_fleet_lease_held 1'), 'the lease';
    ok metric($two, '/metrics', 'caphealth_fleet_lease_held 0'),
       'which the other has not';
    ok metric($one, '/metrics', 'caphealth_collector_up{collector="fleet"} 1'),
       'the source';
    unlike $one->get('/metrics')->{content}, qr/node="/,
       'no label of a node, unless asked for';
    ok metric($one, '/each', 'caphealth_fleet_node_silent{node="two"} 0'),
       'of each node';
};

subtest 'one of them is critical' => sub {
    $two->configure(http => "$two->{http}
                             caphealth_threshold memory_percent warning=0
                                                 critical=0;");
    ok $two->reload, 'reload';

    my $nodes = $one->report('/nodes', sub {
        $_->{platform_status} eq 'critical'
    });

    is $nodes->{counts}{critical}, 1, 'it is counted';
    like $nodes->{reason}, qr/^two: .*Memory/, 'the reason names it';
    like found($nodes, 'two')->{cause}, qr/Memory/, 'its cause';
    is found($nodes, 'two')->{cause_code}, 'threshold', 'for programs';
    is found($nodes, 'two')->{cause_args}{subject}, 'memory_percent',
       'with what it is about';
    is found($nodes, 'one')->{cause_code}, undef, 'the other one has none';
    is $one->json('/health')->{overall_status}, 'healthy',
       'the one that shows it is well';

    $one->until(sub {
        $one->json('/capacity')->{fleet}{platform_status} eq 'critical'
    });
    is $one->json('/capacity')->{fleet}{platform_status}, 'critical',
       'the capacity report is rendered again';
    is $one->get('/variable')->{content}, 'critical', 'so is the variable';
};

subtest 'it is silent' => sub {
    ok $two->stop, 'it quits';

    my $nodes = $one->report('/nodes', sub { $_->{counts}{silent} });

    is $nodes->{platform_status}, 'unknown', 'the platform is unknown';
    like $nodes->{reason}, qr/^two: it has not reported since 20/, 'why';
    is found($nodes, 'two')->{status}, 'unknown', 'so is the node';
    is found($nodes, 'two')->{cause_code}, 'silent', 'why, for programs';
    ok metric($one, '/metrics', 'caphealth_fleet_silent_nodes 1'), 'counted';
    ok metric($one, '/each', 'caphealth_fleet_node_silent{node="two"} 1'),
       'and named';

    is $postgres->sql("SELECT caphealth.retire('two')"), "t\n", 'it is retired';
    $nodes = $one->report('/nodes', sub { $_->{platform_status} eq 'healthy' });
    is @{ $nodes->{nodes} }, 1, 'and gone';
};

subtest 'many nodes' => sub {
    $postgres->sql(<<'END');
INSERT INTO caphealth.nodes (name, instance, started, reported, seconds,
    version, state, cause, shop, report)
SELECT 'node-' || i, 'x' || i, now(), now() + interval '1 hour', 3600, '0.1.0',
    'degraded', 'Memory Usage (%): 80.0 percent, warning from 75 percent',
    false, '{}' FROM generate_series(1, 1000) i
END

    my $nodes = $one->report('/nodes', sub { @{ $_->{nodes} } == 1001 });

    is @{ $nodes->{nodes} }, 1001, 'all are there';
    is $nodes->{counts}{degraded}, 1000, 'and counted';
    is $nodes->{platform_status}, 'degraded', 'the worst of them';

    my $begin = time;
    $one->get('/nodes') for 1 .. 20;
    note sprintf '%.1f ms a request of %d bytes', (time - $begin) * 50,
                 length $one->get('/nodes')->{content};

    $postgres->sql("DELETE FROM caphealth.nodes WHERE name LIKE 'node-%'");
};

subtest "the fleet's database is gone" => sub {
    $one->report('/nodes', sub { $_->{platform_status} eq 'healthy' });
    $postgres->stop;

    my $nodes = $one->report('/nodes', sub {
        $_->{platform_status} eq 'unknown' && $_->{alone}
    });

    like $nodes->{reason}, qr/^the fleet's database: /, 'why';
    ok $nodes->{error}, 'with the error';
    is $nodes->{error_code}, 'fleet_unreachable', 'and its code';
    ok metric($one, '/metrics', 'caphealth_collector_up{collector="fleet"} 0'),
       'the source is down';
    is $one->logged(qr{^\d{4}/\d\d/\d\d [0-9:]{8} \[error\] .*: caphealth }
                    . 'fleet: node "one" is alone: '), 1, 'the log says so';
    is $one->json('/health')->{fleet}{alone}, JSON::PP::true,
       'the health report says so';
    ok metric($one, '/metrics', 'caphealth_fleet_alone 1'), 'so do the metrics';

    $postgres->start;
    $nodes = $one->report('/nodes', sub {
        $_->{platform_status} eq 'healthy' && !$_->{alone}
    });
    is $nodes->{error}, undef, 'it heals by itself';
    is $one->logged_times(qr/\[notice\] .* node "one" is connected to the/, 1),
       1, 'which is logged, too';
    ok $one->stop, 'quits';
};

done_testing;
