package Caphealth::Probe;

# The collector's database source, without nginx: build/unit/probe_db.

use strict;
use warnings;

use Carp qw(croak);
use IPC::Open2 qw(open2);
use JSON::PP qw(decode_json encode_json);

sub new {
    my ($class, $url, %option) = @_;

    my $build = $ENV{BUILD} || 'build';
    my $self = bless {}, $class;

    $self->{pid} = open2($self->{out}, $self->{in}, "$build/unit/probe_db");

    print { $self->{in} } encode_json({
        url     => $url,
        queries => $option{queries} // {},
        timeout => $option{timeout} // 5,
    }), "\n";

    return $self;
}

# one look: (DATA, ERROR)

sub look {
    my ($self) = @_;

    print { $self->{in} } "\n";
    $self->{in}->flush;

    my $line = readline $self->{out} // croak 'the probe has died';
    my $reply = decode_json($line);

    return ($reply->{data}, $reply->{error});
}

sub DESTROY {
    my ($self) = @_;

    local $?;

    close $self->{in};
    waitpid $self->{pid}, 0;

    return;
}

1;
