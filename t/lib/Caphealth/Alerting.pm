package Caphealth::Alerting;

# A real Prometheus, as contrib/prometheus/prometheus.yml configures it, but
# for the addresses of its targets and how often it does everything.

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Time::HiRes qw(sleep time);

use Caphealth::Server;

my $contrib = dirname(__FILE__) . '/../../../contrib/prometheus';
my %alive;

# new(TARGET, ...): started, and answering

sub new {
    my ($class, @targets) = @_;

    my $self = bless {
        dir    => tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1),
        port   => Caphealth::Server::free_port(),
        client => HTTP::Tiny->new(timeout => 30),
    }, $class;

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

sub write {
    my ($self, $name, $text) = @_;

    open my $file, '>', "$self->{dir}/$name" or croak $!;
    print {$file} $text;
    close $file or croak $!;

    return;
}

sub start {
    my ($self) = @_;

    my $pid = fork // croak "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', "$self->{dir}/log" or die $!;
        open STDERR, '>&', \*STDOUT or die $!;

        exec 'prometheus', "--config.file=$self->{dir}/prometheus.yml",
             "--storage.tsdb.path=$self->{dir}/data",
             "--web.listen-address=127.0.0.1:$self->{port}",
             '--log.level=warn'
            or die "prometheus: $!\n";
    }

    $alive{$pid} = $self->{pid} = $pid;

    $self->until(sub { $self->get('/-/ready')->{success} }, 60)
        or croak "prometheus does not answer:\n"
                 . slurp("$self->{dir}/log");

    return;
}

*until = \&Caphealth::Server::until;

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

# query(PROMQL): its samples now

sub query {
    my ($self, $query) = @_;

    my $data = $self->api('query', query => $query);

    return $data->{resultType} eq 'vector' ? @{ $data->{result} }
                                           : $data->{result};
}

sub stop {
    my ($self) = @_;

    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
    delete $alive{ $self->{pid} };

    return $? == 0;
}

END {
    my $status = $?;

    for my $pid (keys %alive) {
        kill KILL => $pid;
        waitpid $pid, 0;
    }

    $? = $status;
}

1;
