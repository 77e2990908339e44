package Caphealth::Postgres;

# A real PostgreSQL, by t/lib/postgres.sh, with the platform's tables in the
# database "shop", for the role "sesame", which needs a password.

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(dirname);
use File::Spec;
use File::Temp qw(tempdir);

my $script = dirname(__FILE__) . '/../postgres.sh';
my %made;

sub new {
    my ($class) = @_;

    my $self = bless {
        dir => tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1),
    }, $class;

    $made{ $self->{dir} } = $self;
    $self->start;

    return $self;
}

# standby(OF): a hot standby of another one

sub standby {
    my ($class, $of) = @_;

    my $self = bless {
        dir => tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1),
    }, $class;

    $made{ $self->{dir} } = $self;
    chomp($self->{port} = $self->run('standby', $of->{dir}));

    return $self;
}

sub run {
    my ($self, $action, @arguments) = @_;

    open my $pipe, '-|', $script, $action, $self->{dir}, @arguments
        or croak $!;

    my $out = join '', <$pipe>;

    close $pipe or croak "postgres.sh $action failed";

    return $out;
}

sub start {
    my ($self) = @_;

    chomp($self->{port} = $self->run('start'));

    return;
}

sub stop {
    my ($self) = @_;

    $self->run('stop');

    return;
}

# to the server and every process of it

sub signal {
    my ($self, $signal) = @_;

    $self->run('signal', $signal);

    return;
}

# what psql prints

sub sql {
    my ($self, $sql) = @_;

    return $self->run('psql', '-c', $sql);
}

# fleet: the fleet's schema, for the role "caphealth", with psql's arguments

sub fleet {
    my ($self, @arguments) = @_;

    return $self->run('psql', @arguments, '-f', File::Spec->rel2abs(
        dirname(__FILE__)
        . '/../../../contrib/postgresql/caphealth-fleet.sql'));
}

sub fleet_url {
    my ($self) = @_;

    return "postgresql://caphealth\@127.0.0.1:$self->{port}/shop";
}

# shop(SQL): the platform's tables, and what SQL does with them

sub shop {
    my ($self, $sql) = @_;

    $self->sql(<<"END");
CREATE TABLE vendors (id serial PRIMARY KEY, name text,
    is_active boolean NOT NULL DEFAULT true);
CREATE TABLE products (id serial PRIMARY KEY, vendor_id integer);
CREATE TABLE orders (id serial PRIMARY KEY, created_at timestamp);
CREATE TABLE inventory (id serial PRIMARY KEY, product_id integer);
GRANT SELECT ON vendors, products, orders, inventory TO sesame;
$sql
END

    return;
}

sub url {
    my ($self, $password) = @_;

    $password //= 'open-sesame';

    return "postgresql://sesame:$password\@127.0.0.1:$self->{port}/shop";
}

END {
    my $status = $?;

    $_->run('remove') for values %made;
    $? = $status;
}

1;
