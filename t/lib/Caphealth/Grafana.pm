package Caphealth::Grafana;

# The dashboard of contrib/grafana, and its queries as Prometheus gets them.

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(dirname);
use JSON::PP qw(decode_json);

my $file = dirname(__FILE__) . '/../../../contrib/grafana/caphealth.json';

sub new {
    my ($class) = @_;

    open my $in, '<:raw', $file or croak "\"$file\": $!";
    local $/ = undef;

    return bless { json => decode_json(scalar <$in>) }, $class;
}

# all panels but the rows' headings

sub panels {
    my ($self) = @_;

    return grep { $_->{type} ne 'row' } @{ $self->{json}{panels} };
}

# queries(VARIABLE => VALUE, ...): [ PANEL'S TITLE, PROMQL ], ...

sub queries {
    my ($self, %value) = @_;

    my @queries;

    for my $panel ($self->panels) {
        for my $target (@{ $panel->{targets} }) {
            my $query = $target->{expr};

            $query =~ s/\$\{?(\w+)\}?/$value{$1} \/\/ croak "\$$1?"/eg;
            push @queries, [ "$panel->{title}, $target->{refId}", $query ];
        }
    }

    return @queries;
}

# [ VARIABLE, METRIC, LABEL ] of each that is filled from Prometheus

sub variables {
    my ($self) = @_;

    return map {
        $_->{query}{query} =~ /^label_values\((\w+)(?:\{.*\})?, (\w+)\)$/
            or croak $_->{query}{query};
        [ $_->{name}, $1, $2 ];
    } grep { $_->{type} eq 'query' } @{ $self->{json}{templating}{list} };
}

1;
