# A real Prometheus scrapes two real nginx, one with a database and images and
# one without: every rule can be evaluated, every panel of the dashboard has
# something to show, and every name that they and the rules' tests use is one
# that the module has.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Grafana;
use Caphealth::Alerting;
use Caphealth::Postgres;
use Caphealth::Server;
use Caphealth::Upload qw(photo);
use Test::More;

my $metrics = 'location = /metrics { caphealth_metrics; }';

my $database = shop('metrics', <<'END');
INSERT INTO vendors (name) VALUES ('Anna'), ('Ben');
INSERT INTO products (vendor_id) VALUES (1), (1), (2);
INSERT INTO orders (created_at) VALUES (datetime('now'));
END

my $postgres = Caphealth::Postgres->new;

$postgres->shop('');
$postgres->fleet;

my $fleet = $postgres->fleet_url;

my $full = Caphealth::Server->new(
    http      => "caphealth_database sqlite:$database;
                  caphealth_fleet $fleet node=full;
                  caphealth_database_refresh 2s;
                  caphealth_metrics_vendors 10;
                  caphealth_notify http://127.0.0.1:1/ hold=1h;",
    locations => "$metrics
                  location /upload {
                      caphealth_image_upload;
                      caphealth_image_root images;
                  }");
my $bare = Caphealth::Server->new(locations => $metrics);

my ($node, $other) = map { "127.0.0.1:$_->{port}" } $full, $bare;
my $prometheus = Caphealth::Alerting->new($node, $other);

sub upload {
    my ($bytes) = @_;

    return $full->{client}->post("http://$node/upload",
                                 { content => $bytes })->{status};
}

$prometheus->until(sub {
    ($prometheus->query("caphealth_image_live{instance=\"$node\"} == 1"));
}, 60);

is upload(photo('300x200')), 201, 'an upload';
is upload('no image'), 415, 'and one that is rejected';

my @down;

$prometheus->until(sub {
    @down = map { "$_->{labels}{instance}: $_->{health}, $_->{lastError}" }
            grep { $_->{health} ne 'up' }
            @{ $prometheus->api('targets')->{activeTargets} };
    !@down;
}, 60);

is_deeply \@down, [], 'both nodes are scraped';

my @rules;

$prometheus->until(sub {
    @rules = map { @{ $_->{rules} } }
             @{ $prometheus->api('rules')->{groups} };
    !grep { $_->{health} eq 'unknown' } @rules;
}, 60);

cmp_ok scalar @rules, '>', 30, 'the rules are loaded';
is_deeply [ map { "$_->{name}: $_->{lastError}" }
            grep { $_->{health} ne 'ok' } @rules ], [],
          'and each is evaluated without an error';

# how busy and how full the machine of the test is, is its own business

my $machine = qr/Platform|CPUBusy|Filesystem|Inodes/;
my @alerts;

$prometheus->until(sub {
    @alerts = grep { $_ !~ $machine }
              map { "$_->{labels}{alertname} " . ($_->{labels}{instance} // '') }
              @{ $prometheus->api('alerts')->{alerts} };
    !@alerts;
}, 60);

is_deeply \@alerts, [], 'no alert is firing or pending, on either node';

# the dashboard

my $dashboard = Caphealth::Grafana->new;

# something() is true once a query has a sample that is a number

sub something {
    my ($query) = @_;

    return scalar grep { $_->{value}[1] ne 'NaN' } $prometheus->query($query);
}

for (['both nodes', "$node|$other"], ['the one that has everything', $node]) {
    my ($name, $instance) = @$_;

    subtest "panels of $name" => sub {
        for ($dashboard->queries(platform => '.*', job => 'caphealth',
                                 instance => $instance,
                                 __rate_interval => '1m', __range => '1h'))
        {
            my ($panel, $query) = @$_;

            # for which there must have been five days

            next if $query =~ /caphealth_forecast_/;

            # a rate is of the last minute: of an upload in it

            my $seen = $prometheus->until(sub {
                something($query) or do { upload(photo('300x200')); 0 };
            }, 30) || eval { something($query) };

            ok $seen, $panel or diag "$query\n", $@ || 'no data';
        }
    };
}

subtest 'its variables' => sub {
    for ($dashboard->variables) {
        my ($name, $metric, $label) = @$_;

        # of the operator's scrape_configs, and not in this one

        next if $label eq 'platform';

        my $values = $prometheus->api("label/$label/values",
                                      'match[]' => $metric);

        cmp_ok scalar @$values, '>', 0, $name;
    }
};

# the names: of metrics, of their labels, and of the states among the values

my %label;

for my $series (@{ $prometheus->api('series', 'match[]' => '{__name__=~".+"}') }) {
    $label{ $series->{__name__} }{$_}{ $series->{$_} } = 1 for keys %$series;
}

# forecasts need days to go by, and an object store is none of this test's: both
# are in recorded bodies

for (join('', map { Caphealth::Alerting::slurp(
                        "t/unit/data/golden/history/$_.prometheus")
                  } qw(facts live))
     =~ /^(caphealth_(?:forecast|object_store)_\w+\{.*?\}) /mg)
{
    my ($metric, $labels) = /^(\w+)\{(.*)\}$/;

    $label{$metric}{$_} //= {} for qw(job instance);
    $label{$metric}{$1}{$2} = 1 while $labels =~ /(\w+)="([^"]*)"/g;
}

subtest 'the rules and the dashboard use metrics that there are' => sub {
    my %all = map { $_ => 1 } keys %label, map { keys %$_ } values %label;
    my @texts = ((map { $_->[1] } $dashboard->queries(
                      platform => '.*', job => 'caphealth',
                      instance => '.*',
                      __rate_interval => '1m', __range => '1h')),
                 map { ($_->{query}, queries_in($_->{annotations})) } @rules);
    my %used = map { $_ => 1 }
               map { /(?<![:\w])(caphealth_\w+\b)(?!:)/g } @texts;

    cmp_ok scalar keys %used, '>', 40, 'they use some';
    is_deeply [ grep { !$all{$_} } sort keys %used ], [], 'and no others';
};

sub queries_in {
    my ($annotations) = @_;

    return map { /query "(.*?)"/g } values %{ $annotations // {} };
}

subtest "the rules' tests are about such metrics" => sub {
    my %states = map { $_ => 1 }
                 qw(status check level result stage collector dimension);
    my (%strange, $n);

    for my $file (glob 'contrib/prometheus/*.test.yml') {
        for (Caphealth::Alerting::slurp($file)
             =~ /^ +- series: '(caphealth_[^']+)'$/mg)
        {
            my ($metric, $labels) = /^(\w+)\{(.*)\}$/;

            $n++;

            if (!$label{$metric}) {
                $strange{$metric} = 1;
                next;
            }

            while ($labels =~ /(\w+)="([^"]*)"/g) {
                my ($name, $value) = ($1, $2);

                next if $name eq 'platform';

                if (!$label{$metric}{$name}) {
                    $strange{"$metric\{$name}"} = 1;

                } elsif (($states{$name} || $name eq $metric)
                         && !$label{$metric}{$name}{$value})
                {
                    $strange{"$metric\{$name=\"$value\"}"} = 1;
                }
            }
        }
    }

    cmp_ok $n, '>', 100, 'there are some';
    is_deeply [ sort keys %strange ], [], 'and no others';
};

# once more, with a platform that is not well

rename $database, "$database.away" or die "$database: $!";

$prometheus->until(sub {
    @alerts = grep { $_->{labels}{alertname} =~ /Database/ }
              @{ $prometheus->api('alerts')->{alerts} };
    @alerts == 1;
}, 60);

is_deeply [ map { $_->{labels} } @alerts ],
          [ { alertname => 'CaphealthDatabaseDown', job => 'caphealth',
              severity  => 'critical' } ],
          'the database is gone: one alert, of the platform';

diag map { $_->log } $full, $bare unless Test::More->builder->is_passing;

ok $prometheus->stop, 'Prometheus quits';
ok $_->stop, 'and nginx' for $full, $bare;

done_testing;
