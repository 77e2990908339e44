package Caphealth::Prometheus;

# A real Prometheus on a port of its own, and what it answers.

use strict;
use warnings;

use Carp qw(croak);
use Caphealth::Server;
use Exporter qw(import);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(checked parsed);

my %alive;

# new(JOB => HOST:PORT/PATH, ...): started, and each has been scraped

sub new {
    my ($class, %jobs) = @_;

    my $self = $class->made;

    $self->write('prometheus.yml', join '',
        "global: { scrape_interval: 1s }\nscrape_configs:\n", map {
            my ($host, $path) = split m{(?=/)}, $jobs{$_}, 2;

            "- job_name: $_\n  metrics_path: $path\n"
            . "  static_configs: [ { targets: [ '$host' ] } ]\n";
        } sort keys %jobs);

    $self->start;
    $self->until(sub {
        ($self->query('count(up == 1)')->{'{}'} // 0) == keys %jobs;
    }) or croak "Prometheus does not scrape:\n" . $self->log;

    return $self;
}

# with a place and a port, and nothing else yet

sub made {
    my ($class) = @_;

    return bless {
        dir    => tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1),
        port   => Caphealth::Server::free_port(),
        client => HTTP::Tiny->new(timeout => 30),
    }, $class;
}

sub write {
    my ($self, $name, $text) = @_;

    open my $file, '>', "$self->{dir}/$name" or croak $!;
    print {$file} $text;
    close $file or croak $!;

    return;
}

# by its prometheus.yml

sub start {
    my ($self) = @_;

    $self->{pid} = fork // croak "fork: $!";

    if ($self->{pid} == 0) {
        open STDOUT, '>', "$self->{dir}/log";
        open STDERR, '>&', \*STDOUT;
        exec 'prometheus', "--config.file=$self->{dir}/prometheus.yml",
             "--storage.tsdb.path=$self->{dir}/data",
             "--web.listen-address=127.0.0.1:$self->{port}"
            or POSIX::_exit(127);
    }

    $alive{ $self->{pid} } = $self;

    $self->until(sub { $self->get('/-/ready')->{success} })
        or croak "Prometheus does not answer:\n" . $self->log;

    return;
}

sub until {
    my ($self, $code, $seconds) = @_;

    return Caphealth::Server::until($self, $code, $seconds // 60);
}

sub get {
    my ($self, $path) = @_;

    return $self->{client}->get("http://127.0.0.1:$self->{port}$path");
}

# api(PATH, NAME => VALUE, ...): the data of the answer; dies of an error

sub api {
    my ($self, $path, @form) = @_;

    my $query = $self->{client}->www_form_urlencode(\@form);
    my $response = $self->get("/api/v1/$path?$query");
    my $answer = eval { decode_json($response->{content}) };

    croak $answer->{error} // $response->{content}
        unless $answer && $answer->{status} eq 'success';

    return $answer->{data};
}

# query(QUERY): { labels in the form of the text format => value }

sub query {
    my ($self, $query) = @_;

    my $result = $self->api('query', query => $query)->{result};

    return { map { labels($_->{metric}) => $_->{value}[1] } @$result };
}

# all but where it is from

sub labels {
    my ($metric) = @_;

    my %labels = %$metric;
    my $name = delete $labels{__name__} // '';

    delete @labels{ grep { /^(?:job|instance|caphealth_.*)$/ } keys %labels };

    return $name . '{' . join(',', map { "$_=\"$labels{$_}\"" }
                                   sort keys %labels) . '}';
}

# the last error of each target

sub errors {
    my ($self) = @_;

    return grep { length }
           map { $_->{lastError} } @{ $self->api('targets')->{activeTargets} };
}

sub log {
    my ($self) = @_;

    open my $file, '<', "$self->{dir}/log" or return '';
    local $/ = undef;

    return <$file> // '';
}

sub stop {
    my ($self) = @_;

    delete $alive{ $self->{pid} };

    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;

    return $? == 0;
}

# checked(TEXT): what "promtool check metrics" complains about

sub checked {
    my ($text) = @_;

    return piped($text, 'promtool check metrics 2>&1');
}

# parsed(TEXT): what OpenMetrics's reference parser says of it: its number of
# families, or an error

sub parsed {
    my ($text) = @_;

    return piped($text, '/usr/bin/python3 -c "import sys
from prometheus_client.openmetrics.parser import text_fd_to_metric_families
print(len(list(text_fd_to_metric_families(sys.stdin))))" 2>&1 | tail -n 1');
}

sub piped {
    my ($text, $command) = @_;

    my $file = File::Temp->new;

    print {$file} $text;
    close $file or croak $!;

    return scalar `{ $command; } < $file`;
}

END {
    my $status = $?;

    $_->stop for values %alive;
    $? = $status;
}

1;
