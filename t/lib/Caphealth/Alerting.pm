package Caphealth::Alerting;

# A real Prometheus, as contrib/prometheus/prometheus.yml configures it, but
# for the addresses of its targets and how often it does everything.

use strict;
use warnings;

use parent 'Caphealth::Prometheus';

use Carp qw(croak);
use File::Basename qw(dirname);

my $contrib = dirname(__FILE__) . '/../../../contrib/prometheus';

# new(TARGET, ...): started, and answering

sub new {
    my ($class, @targets) = @_;

    my $self = $class->made;
    my $config = slurp("$contrib/prometheus.yml");
    my $list = join "\n", map { "          - $_" } @targets;

    $config =~ s/^(\s*\w+_interval:\s*)\w+/${1}1s/mg;
    $config =~ s/^ +- 127\.0\.0\.1:8080$/$list/m or croak 'no target';

    $self->write('prometheus.yml', $config);

    # rules of which some are evaluated less often

    my $rules = slurp("$contrib/caphealth.rules.yml");

    $rules =~ s/^ +interval: \w+\n//mg;

    $self->write('caphealth.rules.yml', $rules);
    $self->start;

    return $self;
}

sub slurp {
    my ($path) = @_;

    open my $file, '<', $path or croak "\"$path\": $!";
    local $/ = undef;

    return scalar <$file>;
}

# query(PROMQL): its samples now

sub query {
    my ($self, $query) = @_;

    my $data = $self->api('query', query => $query);

    return $data->{resultType} eq 'vector' ? @{ $data->{result} }
                                           : $data->{result};
}

1;
