# The Grafana dashboard as a document: what Grafana would stumble over.  Its
# queries are tried in prometheus.t.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Grafana;
use Test::More;

my $dashboard = Caphealth::Grafana->new;
my $json = $dashboard->{json};
my @panels = @{ $json->{panels} };

is $json->{id}, undef, 'it has no id: Grafana gives it one';
like $json->{uid}, qr/^[a-z0-9-]{1,40}$/, 'it has a uid, for links';
cmp_ok $json->{schemaVersion}, '>=', 36, 'a version of the schema';

my %ids;

$ids{ $_->{id} }++ for @panels;
is_deeply [ grep { $ids{$_} > 1 } keys %ids ], [], 'every id is there once';

# Grafana moves panels that overlap, to where nobody wants them

my (%taken, @overlapping);

for my $panel (@panels) {
    my $at = $panel->{gridPos};

    for my $x ($at->{x} .. $at->{x} + $at->{w} - 1) {
        for my $y ($at->{y} .. $at->{y} + $at->{h} - 1) {
            push @overlapping, $panel->{title}
                if $x > 23 || $taken{$x}{$y}++;
        }
    }
}

is_deeply \@overlapping, [], 'no panel is in the way of another';

my %required = map { $_->{id} => $_ } @{ $json->{__requires} };
my %variable = map { $_->{name} => $_ } @{ $json->{templating}{list} };

is $variable{datasource}{type}, 'datasource', 'a choice of the data source';
ok $variable{$_}{multi} && $variable{$_}{includeAll}, "of each $_, or all"
    for qw(platform job instance);
is $variable{platform}{allValue}, '.*',
   'all platforms: also those without the label';

for my $panel ($dashboard->panels) {
    subtest $panel->{title} => sub {
        my $defaults = $panel->{fieldConfig}{defaults};
        my (%refs, @strangers);

        ok $required{ $panel->{type} }, 'its type is required';
        like $panel->{description}, qr/\.$/, 'a description';
        ok $defaults->{unit} || @{ $defaults->{mappings} }
           || $panel->{options}{textMode} && $panel->{options}{textMode} eq 'name'
           || $panel->{title} eq 'Versions',
           'a unit, or names for its values';

        for my $target (@{ $panel->{targets} }) {
            $refs{ $target->{refId} }++;

            is $target->{datasource}{uid}, '${datasource}', 'the data source';
            unlike $target->{expr}, qr/\{(?![^}]*platform=~)[^}]*job=~/,
                   'of the platform that is chosen';
            push @strangers, grep { !$variable{$_} && !/^__/ }
                             $target->{expr} =~ /\$\{?(\w+)/g;
        }

        is_deeply [ grep { $refs{$_} > 1 } keys %refs ], [],
                  'its queries have names of their own';
        is_deeply \@strangers, [], 'and use variables that are there';

        is $defaults->{thresholds}{steps}[0]{value}, undef,
           'the first step has no lower end';
    };
}

done_testing;
