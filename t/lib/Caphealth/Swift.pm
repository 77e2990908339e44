package Caphealth::Swift;

# A real OpenStack Swift with its S3 API, started by t/lib/swift on ports of its
# own.

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(dirname);
use File::Spec;
use File::Temp qw(tempdir);

my $program = File::Spec->rel2abs(dirname(__FILE__) . '/../swift');
my $ports = File::Spec->rel2abs(dirname(__FILE__) . '/../ports.py');
my %made;

# new(BUCKET, ...): with these buckets; where Swift cannot run, undef and why

sub new {
    my ($class, @buckets) = @_;

    my $self = bless { pid => $$, why => '', dir => tempdir(
        'caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1) }, $class;

    chmod 0755, $self->{dir};

    for (1 .. 5) {
        chomp(my $port = `$ports 5`);

        $self->{endpoint}
            = `$program start $self->{dir}/swift $port 2>$self->{dir}/why`;
        chomp $self->{endpoint};

        last if $? == 0 || $? >> 8 == 77;
    }

    if ($?) {
        open my $why, '<', "$self->{dir}/why" or croak $!;
        local $/ = undef;
        my $text = <$why>;

        croak "Swift does not start: $text" if $? >> 8 != 77;

        return (undef, $text);
    }

    $made{ $self->{dir} } = $self;
    $self->call('bucket', $_) for @buckets;

    return $self;
}

# call(COMMAND, ARGUMENT, ...): of t/lib/swift, what it prints

sub call {
    my ($self, $command, @arguments) = @_;

    open my $out, '-|', $program, $command, "$self->{dir}/swift", @arguments
        or croak $!;
    local $/ = undef;
    my $text = <$out> // '';

    close $out or croak "swift $command @arguments failed";

    return $text;
}

# { key => bytes } of a bucket

sub list {
    my ($self, $bucket) = @_;

    return { map { /^(\d+) (.*)$/ ? ($2 => $1) : () }
             split /\n/, $self->call('list', $bucket) };
}

# what caphealth_image_store takes, but for its first argument

sub parameters {
    my ($self) = @_;

    my $path = "$self->{dir}/credentials";

    open my $file, '>', $path or croak $!;
    print {$file} "[default]\naws_access_key_id = test:tester\n"
                  . "aws_secret_access_key = testing\n";
    close $file or croak $!;
    chmod 0600, $path;

    return "endpoint=$self->{endpoint} region=us-east-1 credentials=$path";
}

sub stop {
    my ($self) = @_;

    system $program, 'stop', "$self->{dir}/swift";

    return;
}

END {
    my $status = $?;

    $_->{pid} == $$ and $_->stop for values %made;
    $? = $status;
}

1;
