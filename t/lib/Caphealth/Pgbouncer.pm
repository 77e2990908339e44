package Caphealth::Pgbouncer;

# A real pgbouncer in transaction mode, on a port of its own, before a server on
# another one: with at most two connections to it.

use strict;
use warnings;

use Caphealth::Server;
use Carp qw(croak);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep);

my %made;

sub new {
    my ($class, %option) = @_;

    my $self = bless {
        dir  => tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1),
        port => Caphealth::Server::free_port(),
    }, $class;

    open my $file, '>', "$self->{dir}/pgbouncer.ini" or croak $!;

    print {$file} <<"END";
[databases]
* = host=127.0.0.1 port=$option{to}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $self->{port}
unix_socket_dir =
auth_type = trust
auth_file = users
pool_mode = transaction
default_pool_size = 2
server_lifetime = 1
END

    close $file or croak $!;

    open $file, '>', "$self->{dir}/users" or croak $!;
    print {$file} qq("caphealth" ""\n);
    close $file or croak $!;

    # it refuses to run as root

    my @as;

    if ($> == 0) {
        my ($uid, $gid) = (getpwnam 'nobody')[2, 3];

        chown $uid, $gid, $self->{dir};
        @as = ('setpriv', "--reuid=$uid", "--regid=$gid", '--clear-groups');
    }

    $self->{pid} = fork // croak $!;

    if ($self->{pid} == 0) {
        $SIG{INT} = $SIG{TERM} = 'DEFAULT';
        chdir $self->{dir};
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', "$self->{dir}/log";
        exec @as, 'pgbouncer', 'pgbouncer.ini' or POSIX::_exit(127);
    }

    $made{ $self->{pid} } = $self;

    for (1 .. 200) {
        return $self if IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                              PeerPort => $self->{port});
        sleep 0.05;
    }

    croak 'pgbouncer does not start: ' . `cat $self->{dir}/log`;
}

sub stop {
    my ($self) = @_;

    kill KILL => $self->{pid};
    waitpid $self->{pid}, 0;
    delete $made{ $self->{pid} };

    return;
}

END {
    my $status = $?;

    $_->stop for values %made;
    $? = $status;
}

1;
