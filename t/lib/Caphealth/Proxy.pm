package Caphealth::Proxy;

# A TCP proxy in a process of its own, which behaves as the network does when it
# fails.  It listens on a port of its own and passes on what comes to another
# one:
#
#     my $proxy = Caphealth::Proxy->new(to => PORT);
#
#     $proxy->pass         # as it is, which it begins with
#     $proxy->cut          # what is connected is reset, nobody can connect
#     $proxy->hold         # passes nothing on, and keeps the connections open
#     $proxy->mute         # passes on nothing of what the server sends
#     $proxy->delay(2)     # each piece comes so many seconds later
#     $proxy->to(PORT)     # another one, for those who connect from now on

use strict;
use warnings;

use Caphealth::Server;
use Carp qw(croak);
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

my %made;

sub new {
    my ($class, %option) = @_;

    my $self = bless { port => Caphealth::Server::free_port() }, $class;

    my $listener = listener($self->{port}) or croak "bind() failed: $!";

    pipe my $orders, $self->{orders} or croak $!;
    pipe $self->{done}, my $done or croak $!;
    $_->autoflush(1) for $self->{orders}, $done;

    my $pid = fork // croak $!;

    if ($pid == 0) {
        %made = ();
        $SIG{INT} = $SIG{TERM} = 'DEFAULT';
        close $self->{orders};
        close $self->{done};
        eval { serve($listener, $option{to}, $self->{port}, $orders, $done) };
        print STDERR $@ if $@;
        POSIX::_exit(0);
    }

    close $listener;
    $self->{pid} = $pid;
    $made{$pid} = $self;

    return $self;
}

sub listener {
    my ($port) = @_;

    return IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1',
                                 LocalPort => $port, ReuseAddr => 1);
}

for my $order (qw(pass cut hold mute delay to)) {
    no strict 'refs';

    # it is done when this returns

    *$order = sub {
        my ($self, @argument) = @_;

        print { $self->{orders} } "$order @argument\n";
        readline $self->{done} // croak 'the proxy has ended';

        return;
    };
}

sub serve {
    my ($listener, $to, $port, $orders, $done) = @_;

    my ($mode, $delay) = ('pass', 0);
    my (%peer, %late);

    my $close = sub {
        for my $socket (@_) {
            $socket && delete $peer{$socket} or next;
            setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
            close $socket;
        }
    };

    while (1) {
        my @sockets = map { $_->[0] }
                      grep { $mode ne 'mute' || !$_->[2] } values %peer;
        my @read = ($orders, $listener ? $listener : (),
                    $mode eq 'hold' ? () : @sockets);
        my ($next) = sort { $a <=> $b } map { $_->[0][0] } grep { @$_ }
                     values %late;
        my $timeout = defined $next && $mode ne 'hold'
                      ? ($next > time ? $next - time : 0) : undef;

        for my $socket (IO::Select->new(@read)->can_read($timeout)) {

            if ($socket == $orders) {
                my $line = <$orders> // return;
                my ($order, $argument) = split ' ', $line;

                if ($order eq 'to') {
                    $to = $argument;

                } else {
                    $mode = $order;
                    $delay = $order eq 'delay' ? $argument : 0;
                }

                if ($mode eq 'cut') {
                    $close->(@sockets);
                    %late = ();
                    close $listener if $listener;
                    $listener = undef;

                } elsif (!$listener) {
                    $listener = listener($port) or die "bind() failed: $!\n";
                }

                print {$done} "\n";
                last;
            }

            if ($listener && $socket == $listener) {
                my $client = $listener->accept or next;
                my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                                   PeerPort => $to);

                if (!$server) {
                    setsockopt $client, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
                    close $client;
                    next;
                }

                $peer{$client} = [$client, $server];
                $peer{$server} = [$server, $client, 'server'];
                next;
            }

            my $pair = $peer{$socket} or next;
            my $n = sysread $socket, my $data, 65536;

            next if !defined $n && $!{EINTR};

            push @{ $late{$socket} }, [time + $delay, $pair->[1], $data, $n];
        }

        next if $mode eq 'hold';

        for my $queue (values %late) {
            while (@$queue && $queue->[0][0] <= time) {
                my (undef, $socket, $data, $n) = @{ shift @$queue };

                if (!$n) {
                    $close->($peer{$socket} ? ($peer{$socket}[1], $socket)
                                            : ());
                    next;
                }

                while (length $data && $peer{$socket}) {
                    my $wrote = syswrite $socket, $data;

                    if (!defined $wrote) {
                        next if $!{EINTR};
                        $close->($peer{$socket}[1], $socket);
                        last;
                    }

                    substr $data, 0, $wrote, '';
                }
            }
        }

        delete @late{ grep { !$peer{$_} && !@{ $late{$_} } } keys %late };
    }
}

END {
    my $status = $?;

    for my $pid (keys %made) {
        kill KILL => $pid;
        waitpid $pid, 0;
    }

    $? = $status;
}

1;
