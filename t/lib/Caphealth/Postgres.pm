package Caphealth::Postgres;

# A real PostgreSQL on a loopback port of its own, as an ordinary user, with
# the platform's tables in a database "shop" and a role that needs a password.

use strict;
use warnings;

use Carp qw(croak);
use Caphealth::Server;
use File::Temp qw(tempdir);

my %running;

sub new {
    my ($class) = @_;

    my ($initdb) = reverse sort glob '/usr/lib/postgresql/*/bin/initdb';

    $initdb or croak 'PostgreSQL is not installed';

    my $self = bless {
        dir  => tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1),
        bin  => $initdb =~ s{/initdb$}{}r,
        port => Caphealth::Server::free_port(),
    }, $class;

    # PostgreSQL refuses to run as root

    $self->{as} = $> == 0 ? [ qw(setpriv --reuid=nobody --regid=nogroup
                                 --clear-groups) ] : [];

    if ($> == 0) {
        my ($uid, $gid) = (getpwnam 'nobody')[ 2, 3 ];

        chown $uid, $gid, $self->{dir};
    }

    $self->run('initdb', '-D', "$self->{dir}/data", '-U', 'postgres',
               '-A', 'scram-sha-256', '--pwfile', $self->password_file,
               '-E', 'UTF8', '--locale=C', '--no-sync');
    $self->start;
    $self->sql('CREATE ROLE caphealth LOGIN PASSWORD \'secret\'');
    $self->sql('CREATE DATABASE shop');

    return $self;
}

sub password_file {
    my ($self) = @_;

    open my $file, '>', "$self->{dir}/password" or croak $!;
    print {$file} "postgres\n";
    close $file;

    chmod 0644, "$self->{dir}/password";

    return "$self->{dir}/password";
}

sub run {
    my ($self, $program, @arguments) = @_;

    my @command = (@{ $self->{as} }, "$self->{bin}/$program", @arguments);
    my $pid = fork // croak $!;

    if ($pid == 0) {
        chdir $self->{dir};
        open STDOUT, '>>', "$self->{dir}/log.$program";
        open STDERR, '>&', \*STDOUT;
        exec @command or exit 127;
    }

    waitpid $pid, 0;

    return if $? == 0;

    system 'tail', '-n', '20', "$self->{dir}/log.$program",
           "$self->{dir}/server.log";
    croak "$program failed";
}

sub start {
    my ($self) = @_;

    $self->run('pg_ctl', '-D', "$self->{dir}/data", '-w', '-t', 60,
               '-l', "$self->{dir}/server.log", '-o',
               "-p $self->{port} -k $self->{dir} -c listen_addresses=127.0.0.1"
               . ' -c fsync=off -c timezone=Pacific/Kiritimati', 'start');
    $running{ $self->{dir} } = $self;

    return;
}

sub stop {
    my ($self) = @_;

    $self->signal('CONT');
    $self->run('pg_ctl', '-D', "$self->{dir}/data", '-w', '-m', 'immediate',
               'stop');
    delete $running{ $self->{dir} };

    return;
}

# to the server and every process of it

sub signal {
    my ($self, $signal) = @_;

    open my $file, '<', "$self->{dir}/data/postmaster.pid" or return;

    my $pid = <$file> + 0;
    my @below = split ' ', `pgrep -P $pid`;

    kill $signal => $pid, @below;

    return;
}

# sql(TEXT, DATABASE): what psql prints

sub sql {
    my ($self, $sql, $database) = @_;

    local $ENV{PGPASSWORD} = 'postgres';

    open my $psql, '-|', "$self->{bin}/psql", '-X', '-q', '-A', '-t',
         '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', $self->{port},
         '-U', 'postgres', '-c', $sql, $database // 'postgres'
        or croak $!;

    local $/ = undef;
    my $out = <$psql>;

    close $psql or croak "psql failed: $sql";

    return $out // '';
}

# shop(SQL): the platform's tables, and what SQL does with them

sub shop {
    my ($self, $sql) = @_;

    $self->sql(<<"END", 'shop');
CREATE TABLE vendors (id serial PRIMARY KEY, name text,
    is_active boolean NOT NULL DEFAULT true);
CREATE TABLE products (id serial PRIMARY KEY, vendor_id integer);
CREATE TABLE orders (id serial PRIMARY KEY, created_at timestamp);
CREATE TABLE inventory (id serial PRIMARY KEY, product_id integer);
GRANT SELECT ON vendors, products, orders, inventory TO caphealth;
$sql
END

    return;
}

sub url {
    my ($self, $password) = @_;

    $password //= 'secret';

    return "postgresql://caphealth:$password\@127.0.0.1:$self->{port}/shop";
}

END {
    my $status = $?;

    $_->stop for values %running;
    $? = $status;
}

1;
