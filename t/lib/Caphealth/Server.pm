package Caphealth::Server;

# A real nginx, master and workers, for tests that kill, stop and reload.

use strict;
use warnings;

use Caphealth::Valgrind qw(memcheck memory_errors patience program);
use Carp qw(croak);
use Fcntl qw(:flock);
use File::Spec;
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Time::HiRes qw(sleep time);

my %alive;

# new(http => DIRECTIVES, locations => LOCATIONS, main => DIRECTIVES,
#     workers => N, connections => N of a worker, shutdown => how long a worker
#     that quits waits for its clients): started, and answering

sub new {
    my ($class, %option) = @_;

    my $self = bless {
        workers     => 1,
        connections => 512,
        shutdown    => '10s',
        main        => '',
        http        => '',
        locations   => '',
        prefix      => tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1),
        port        => free_port(),
        binary      => $ENV{TEST_NGINX_BINARY} || 'nginx',
        %option,
    }, $class;

    $self->{client} = HTTP::Tiny->new(timeout => patience(30));

    chmod 0755, $self->{prefix};
    mkdir "$self->{prefix}/tmp";

    $self->write_conf;
    $self->start;

    return $self;
}

# A port for this process: below those that the kernel gives to clients, or one
# of them could have it by the time that nginx listens.  Two nginx with
# "reuseport" would share a port without an error, so it is locked, too.

my @locks;

sub free_port {
    for (1 .. 1000) {
        my $port = 10000 + int rand 22000;

        IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
                              LocalPort => $port) or next;

        my $name = File::Spec->tmpdir . "/caphealth-port-$<-$port";

        open my $lock, '>>', $name or next;
        flock $lock, LOCK_EX | LOCK_NB or next;

        push @locks, [ $lock, $name, $$ ];

        return $port;
    }

    croak "no free port: $!";
}

# configure(http => ..., ...): for the next reload

sub configure {
    my ($self, %option) = @_;

    %$self = (%$self, %option);

    return $self->write_conf;
}

sub write_conf {
    my ($self) = @_;

    my $modules = join "\n", map { "load_module $_;" }
                  split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $user = $> == 0 ? 'user root;' : '';

    open my $conf, '>', "$self->{prefix}/nginx.conf" or croak $!;

    print {$conf} <<"END";
$modules
$user
$self->{main}
worker_processes $self->{workers};
worker_shutdown_timeout $self->{shutdown};
pid nginx.pid;
error_log error.log notice;
events { worker_connections $self->{connections}; }
http {
    access_log off;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    $self->{http}
    server {
        listen 127.0.0.1:$self->{port} reuseport backlog=4096;
        location = /health { caphealth_health; }
        location = /capacity { caphealth_capacity; }
        location = /pid { return 200 "\$pid"; }
        $self->{locations}
    }
}
END

    close $conf or croak $!;

    return;
}

sub start {
    my ($self) = @_;

    my @command = (memcheck($self->{prefix}),
                   $self->{binary}, '-p', "$self->{prefix}/",
                   '-c', 'nginx.conf', '-e', 'error.log');

    local $ENV{LD_PRELOAD} = $ENV{TEST_NGINX_PRELOAD}
        if $ENV{TEST_NGINX_PRELOAD};

    system(@command) == 0 or croak "nginx does not start:\n" . $self->log;

    $self->until(sub { $self->master && $self->get('/pid')->{success} })
        or croak "nginx does not answer:\n" . $self->log;

    $alive{ $self->{prefix} } = $self;

    return;
}

# the command line's own test, and what it says

sub check {
    my ($self) = @_;

    local $ENV{LD_PRELOAD} = $ENV{TEST_NGINX_PRELOAD}
        if $ENV{TEST_NGINX_PRELOAD};

    return `$self->{binary} -t -p $self->{prefix}/ -c nginx.conf -e error.log 2>&1`;
}

sub master {
    my ($self) = @_;

    open my $file, '<', "$self->{prefix}/nginx.pid" or return 0;

    my $pid = <$file> // 0;
    chomp $pid;

    return $pid;
}

# the processes below the master: { pid => what it calls itself }

sub processes {
    my ($self) = @_;

    my (%parent, %name, %below);

    for my $dir (glob '/proc/[0-9]*') {
        my ($pid) = $dir =~ /(\d+)/;

        open my $file, '<', "$dir/stat" or next;
        my $stat = <$file> // next;

        my ($state, $ppid) = $stat =~ /\) (\S) (\d+)/ or next;
        next if $state eq 'Z';

        $parent{$pid} = $ppid;

        open $file, '<', "$dir/cmdline" or next;
        $name{$pid} = join ' ', program(split /\0/, <$file> // '');
    }

    my $master = $self->master or return {};

    for my $pid (keys %parent) {
        my $p = $pid;

        $p = $parent{$p} while $p && $p != $master;
        $below{$pid} = $name{$pid} if $p && $pid != $master;
    }

    $self->entitle(\%below, grep { $parent{$_} == $master } keys %below)
        if $ENV{TEST_NGINX_USE_VALGRIND};

    return \%below;
}

# Valgrind hides the titles that nginx gives its processes

sub entitle {
    my ($self, $names, @workers) = @_;

    for my $pid (@workers) {
        $names->{$pid} = 'nginx: worker process'
            . ($self->logged(qr/ $pid#.* gracefully shutting down/)
               ? ' is shutting down' : '');
    }

    return;
}

sub pids {
    my ($self, $like) = @_;

    my $all = $self->processes;

    my @pids = sort { $a <=> $b } grep { $all->{$_} =~ $like } keys %$all;

    return @pids;
}

sub collectors {
    my ($self) = @_;

    return $self->pids(qr/caphealth-collector/);
}

sub workers {
    my ($self) = @_;

    return $self->pids(qr/^nginx: worker process(?! is shutting down)/);
}

sub collector {
    my ($self) = @_;

    my @pids;

    $self->until(sub { @pids = $self->collectors; @pids == 1 })
        or croak "not one collector but @pids\n" . $self->log;

    return $pids[0];
}

sub get {
    my ($self, $path, $headers) = @_;

    return $self->{client}->get("http://127.0.0.1:$self->{port}$path",
                                { headers => $headers // {} });
}

sub json {
    my ($self, $path) = @_;

    my $response = $self->get($path);

    $response->{success} or croak "GET $path: $response->{status}\n"
                                  . $self->log;

    return decode_json($response->{content});
}

# until(CODE, SECONDS): its value as soon as it is true.  Only a test that fails
# waits for so long

sub until {
    my ($self, $code, $seconds) = @_;

    my $end = time + patience($seconds // 60);

    while (1) {
        my $value = eval { $code->() };

        return $value if $value;
        return 0 if time > $end;

        sleep 0.05;
    }
}

# report(PATH, CODE, SECONDS): waits until the report is so, and returns it

sub report {
    my ($self, $path, $code, $seconds) = @_;

    my $report;

    $self->until(sub { local $_ = $report = $self->json($path); $code->() },
                 $seconds);

    return $report;
}

# a reload that is over: new workers serve, none of the old ones is left

sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->pids(qr/^nginx: worker/);

    kill HUP => $self->master;

    return $self->until(sub {
        my @now = $self->pids(qr/^nginx: worker/);

        @now == $self->{workers} && !grep { $old{$_} } @now;
    });
}

sub log {
    my ($self) = @_;

    open my $file, '<', "$self->{prefix}/error.log" or return '';
    local $/ = undef;

    return <$file> // '';
}

sub logged {
    my ($self, $like) = @_;

    my @lines = grep { $_ =~ $like } split /\n/, $self->log;

    return scalar @lines;
}

# logged_times(LIKE, N): how many such lines there are, once there are N: nginx
# tells of a process's end after its client may have had the answer

sub logged_times {
    my ($self, $like, $n) = @_;

    $self->until(sub { $self->logged($like) >= $n });

    return $self->logged($like);
}

# the lines that nobody wants to see in a log

sub alerts {
    my ($self) = @_;

    my @lines = grep { /\[(?:alert|crit|emerg)\]/ } split /^/, $self->log;

    # where Valgrind looks for leaks longer than the worker waits

    @lines = grep { !/caphealth-collector \d+ exited on signal 9/ } @lines
        if $ENV{TEST_NGINX_USE_VALGRIND};

    return join '', @lines;
}

# a daemon's exit status may wait long for the init of a container

sub lives {
    my ($pid) = @_;

    open my $file, '<', "/proc/$pid/stat" or return 0;

    return (<$file> // '') =~ /\) [^ZX] /;
}

# stop(SIGNAL): true once the master and all below it are gone

sub stop {
    my ($self, $signal) = @_;

    my $master = $self->master or return $self->sane;
    my @all = ($master, keys %{ $self->processes });

    kill $signal // 'QUIT', $master;

    my $gone = $self->until(sub { !grep { lives($_) } @all });

    kill KILL => @all unless $gone;

    delete $alive{ $self->{prefix} };

    return $gone && $self->sane;
}

# whether neither Valgrind nor a sanitizer has reported anything: nginx's stderr
# is its log

sub sane {
    my ($self) = @_;

    my @reports = $self->log
                  =~ /^.*(?:Sanitizer|runtime error:).*(?:\n.+){0,40}/mg;

    push @reports, grep { $_ } memory_errors($self->{prefix});

    return 1 if !@reports;

    Test::More::diag(@reports[0 .. ($#reports < 2 ? $#reports : 2)]);

    return 0;
}

$SIG{INT} = $SIG{TERM} = sub { exit 1 };

END {
    my $status = $?;

    for my $server (values %alive) {
        $server->stop('TERM') or $status ||= 1;
    }

    unlink map { $_->[1] } grep { $_->[2] == $$ } @locks;

    $? = $status;
}

1;
