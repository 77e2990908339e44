package Caphealth::Receiver;

# A receiver of notifications that does as it is told: a process of its own with
# a real socket, by TLS if there is a certificate.

use strict;
use warnings;

use Carp qw(croak);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::SSL;
use JSON::PP qw(decode_json encode_json);
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep time);

# new(port => N, cert => FILE, key => FILE): listens; without a port at one that
# is free

sub new {
    my ($class, %option) = @_;

    my $self = bless { dir => tempdir('caphealth-XXXXXX', TMPDIR => 1,
                                      CLEANUP => 1),
                       %option }, $class;

    $self->does('200');
    $self->listen;

    return $self;
}

# what is done with each request that begins from now on: "STATUS [HEADER]",
# "hang", "reset"

sub does {
    my ($self, $what) = @_;

    open my $file, '>', "$self->{dir}/new" or croak $!;
    print {$file} $what;
    close $file or croak $!;

    rename "$self->{dir}/new", "$self->{dir}/does" or croak $!;

    return;
}

sub listen {
    my ($self) = @_;

    my $socket = IO::Socket::INET->new(
        Listen => 16, LocalAddr => '127.0.0.1', ReuseAddr => 1,
        LocalPort => $self->{port} // Caphealth::Server::free_port())
        or croak "listen: $!";

    $self->{port} = $socket->sockport;
    $self->{pid} = fork // croak "fork: $!";

    if ($self->{pid} == 0) {
        local $SIG{CHLD} = 'IGNORE';
        local $SIG{TERM} = 'DEFAULT';

        while (1) {
            my $client = $socket->accept or next;

            if (fork == 0) {
                close $socket;
                eval { $self->answer($client) };
                POSIX::_exit(0);
            }

            close $client;
        }
    }

    close $socket;

    return;
}

# away: connections are refused

sub close_down {
    my ($self) = @_;

    kill 'TERM', $self->{pid} if $self->{pid};
    waitpid $self->{pid}, 0 if $self->{pid};
    $self->{pid} = 0;

    return;
}

sub answer {
    my ($self, $client) = @_;

    open my $file, '<', "$self->{dir}/does" or return;
    my $does = <$file>;

    if ($self->{cert}) {
        $client = IO::Socket::SSL->start_SSL($client, SSL_server => 1,
            SSL_cert_file => $self->{cert}, SSL_key_file => $self->{key})
            or return;
    }

    my ($head, $body) = ('', '');

    while ($head !~ /\r\n\r\n/) {
        sysread $client, $head, 65536, length $head or return;
    }

    ($head, $body) = split /\r\n\r\n/, $head, 2;
    my ($length) = $head =~ /^Content-Length: (\d+)/mi;

    while (length $body < $length) {
        sysread $client, $body, 65536, length $body or return;
    }

    my ($line, @headers) = split /\r\n/, $head;

    open my $log, '>>', "$self->{dir}/log" or return;
    syswrite $log, encode_json({
        line => $line, time => time, does => $does, body => $body,
        headers => { map { my ($n, $v) = split /: */, $_, 2; lc $n => $v }
                     @headers } }) . "\n";

    if ($does eq 'hang') {
        sleep 60;
        return;
    }

    if ($does eq 'reset') {
        setsockopt $client, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
        return;
    }

    my ($status, $header) = split / /, $does, 2;
    $header = $header ? "$header\r\n" : '';

    print {$client} "HTTP/1.1 $status Said\r\n${header}Content-Length: 2\r\n"
                    . "Connection: close\r\n\r\nok";
    close $client;

    return;
}

# the requests so far: { line, headers, body, time, does }

sub requests {
    my ($self) = @_;

    open my $log, '<', "$self->{dir}/log" or return;

    return map { decode_json($_) } <$log>;
}

# the bodies of those that were answered with a success

sub delivered {
    my ($self) = @_;

    return map { decode_json($_->{body}) }
           grep { $_->{does} =~ /^2/ } $self->requests;
}

sub DESTROY {
    my ($self) = @_;

    local ($., $@, $!, $^E, $?);

    $self->close_down;

    return;
}

1;
