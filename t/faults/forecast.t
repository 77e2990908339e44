# Forecasts of a real nginx, by the history that is in its state directory:
# what the collector reads of it, what each worker makes of that, and that a
# threshold which is changed takes effect with the reload.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Server;
use File::Temp qw(tempdir);
use Test::More;

my $build = $ENV{BUILD} || 'build';
my $state = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0700, $state;

# products have become 10 more a day, and are 1000; the vendors are as many as
# ever

my $database = shop('forecast', <<'END');
INSERT INTO vendors (name) VALUES ('Anna'), ('Ben');
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO products (vendor_id) SELECT 1 FROM n;
END

system("$build/unit/probe_history", "$state/history.sqlite", 40,
       products_count => 'count', 995, 10,
       vendors_count => 'count', 2, 0) == 0 or die 'probe_history';

sub directives {
    my ($limit, @more) = @_;

    return <<"END";
caphealth_state_dir         $state;
caphealth_refresh           1s;
caphealth_database          sqlite:$database;
caphealth_database_refresh  1s;
caphealth_threshold products_total warning=900 critical=1100 limit=$limit;
caphealth_tier              Small max_clients=10 max_products=1250;
caphealth_tier              Large;
@more
END
}

my $nginx = Caphealth::Server->new(
    workers   => 2,
    http      => directives(1500),
    locations => 'location = /metrics { caphealth_metrics; }');

sub products {
    my ($report) = @_;

    return grep { $_->{key} eq 'products_total' } @{ $report->{thresholds} };
}

sub about {
    my ($days, $expected, $name) = @_;

    ok $days->{low} <= $days->{mid} && $days->{mid} <= $days->{high}
       && abs($days->{mid} - $expected) < 0.1 * $expected + 1, $name
        or diag explain $days;
}

# The collector reads the history when the first record comes, which may be before
# the database has been looked at; and after each collection one of the forecasts
# is made.

my $report = $nginx->report('/health', sub {
    my ($threshold) = products($_);
    my $tier = $_->{tier_forecast};

    $threshold->{forecast} && defined $threshold->{current}
        && $tier->{products}{forecast}
        && ($tier->{vendors}{forecast_code} // '') eq 'not_growing';
}, 90);

my ($threshold) = products($report);
my $forecast = $threshold->{forecast};

is $threshold->{forecast_reason}, undef, 'there is a forecast';
is_deeply $forecast->{warning_in_days}, { low => 0, mid => 0, high => 0 },
          'the warning is reached';
about($forecast->{critical_in_days}, 10, 'critical in 10 days');
about($forecast->{limit_in_days}, 50, 'the limit in 50');
cmp_ok $forecast->{from_days}, '>=', 38, 'by all that there is';
cmp_ok $forecast->{hit_rate}, '>', 0.8, 'it has been right';

my ($advice) = grep { ($_->{subject} // '') eq 'products_total' }
               @{ $report->{recommendations} };

like $advice->{forecast}, qr/^at this pace, full in \d+ days \(\d+ to \d+\)$/,
     'the recommendation has it as a sentence';
is $advice->{action}, 'Plan scaling in the next 2-4 weeks',
   'beside the earlier one';

about($report->{tier_forecast}{products}{forecast}{limit_in_days}, 25,
      'the tier is outgrown in 25 days');
is $report->{tier_forecast}{vendors}{forecast_code}, 'not_growing',
   'not by the vendors';

# each worker makes its own

my $metrics;

$nginx->until(sub {
    $metrics = $nginx->get('/metrics')->{content};
    $metrics =~ /^caphealth_forecast_tier_seconds/m
        && $metrics =~ /^caphealth_forecast_limit_seconds/m;
});

like $metrics, qr/^caphealth_forecast_limit_seconds
                  \{measure="products_total",level="limit",estimate="mid"\}
                  \ 4\d{6}$/mx, 'a metric';
like $metrics, qr/^caphealth_forecast_tier_seconds
                  \{dimension="products",estimate="mid"\}\ 2\d{6}$/mx,
     'and one of the tier';
unlike $metrics, qr/forecast_tier_seconds\{dimension="vendors"/,
       'none where nothing grows';

# a limit that is moved: with the first answer

$nginx->configure(http => directives(1200));
ok $nginx->reload, 'a reload';

about((products($nginx->json('/health')))[0]{forecast}{limit_in_days}, 20,
      'the limit in 20 days, at once');

# and without a history

$nginx->configure(http => directives(1500, 'caphealth_history off;'));
ok $nginx->reload, 'a reload';

($threshold) = products($nginx->json('/health'));

is $threshold->{forecast}, undef, 'without a history there is none';
is $threshold->{forecast_code}, 'no_history', 'and it says why';
unlike $nginx->get('/metrics')->{content}, qr/caphealth_forecast_/,
       'nor a metric';

$nginx->stop;
$nginx->sane;

done_testing;
