package Caphealth::Upload;

# A real nginx that takes uploads, and what they leave behind.

use strict;
use warnings;

use parent 'Caphealth::Server';

use Caphealth::Valgrind qw(patience);
use Carp qw(croak);
use Exporter qw(import);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Time::HiRes qw(sleep);

our @EXPORT_OK = qw(photo strange form);

my $build = $ENV{BUILD} || 'build';
my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $dir;

# photo(WIDTHxHEIGHT, FORMAT): the bytes of a picture with something in it

my %photo;

sub photo {
    my ($size, $format) = @_;

    $format //= 'jpeg';

    return $photo{"$size $format"} //= do {
        my $data = `convert -size $size -seed 7 plasma:fractal $format:-`;

        $? == 0 or croak "convert failed\n";
        $data;
    };
}

# strange(WORD): what makes t/strange/convert.c do that

sub strange {
    my ($word) = @_;

    return "\xff\xd8\xff$word";
}

# form(NAME => BYTES, ...): the body of a form, and its headers

sub form {
    my @files = @_;

    my $body = '';

    while (my ($name, $bytes) = splice @files, 0, 2) {
        $body .= "--b1234\r\nContent-Disposition: form-data; name=\"file\"; "
                 . "filename=\"$name\"\r\n\r\n$bytes\r\n";
    }

    return ("$body--b1234--\r\n",
            { 'Content-Type' => 'multipart/form-data; boundary=b1234' });
}

# a directory of helper programs, with the strange converter in it

sub strange_helpers {
    my $helpers = "$dir/strange";

    if (!-d $helpers) {
        mkdir $helpers;
        system('cp', "$build/strange/caphealth-converter",
               "$build/caphealth-collector", "$helpers/") == 0
            or croak "cp failed\n";
    }

    return $helpers;
}

# new(%option), as Caphealth::Server's, and root => PATH, location => ..., keep =>
# the directive, if images are kept elsewhere

sub new {
    my ($class, %option) = @_;

    my $root = $option{root} // tempdir('images-XXXXXX', DIR => $dir);
    my $http = $option{http} // '';
    my $location = $option{location} // '';
    my $keep = $option{keep} // "caphealth_image_root $root;";

    return $class->SUPER::new(
        %option,
        root => $root,
        http => "client_max_body_size 32m;
                 $keep
                 caphealth_image_url /media/;
                 $http",
        locations => "location /upload { caphealth_image_upload; $location }
                      location /media/ { alias $root/; }
                      location = /stats { caphealth_image_stats; }",
    );
}

sub post {
    my ($self, $content, $headers, $path) = @_;

    $path //= '/upload';

    return HTTP::Tiny->new(timeout => patience(60))->post(
        "http://127.0.0.1:$self->{port}$path",
        { content => $content, headers => $headers // {} });
}

sub remove {
    my ($self, $id) = @_;

    return $self->{client}->delete(
        "http://127.0.0.1:$self->{port}/upload/$id");
}

# parallel(N, CODE): runs CODE->(0) ... CODE->(N - 1) at once, in processes of
# their own; the values they return, in order

sub parallel {
    my ($self, $n, $code) = @_;

    my (@pipes, @values);

    for my $i (0 .. $n - 1) {
        my $pid = open my $pipe, '-|';

        defined $pid or croak "fork: $!";

        if ($pid == 0) {
            require POSIX;

            my $value = eval { $code->($i) } // "died: $@";

            syswrite STDOUT, $value;
            POSIX::_exit(0);
        }

        push @pipes, $pipe;
    }

    for my $pipe (@pipes) {
        local $/ = undef;
        push @values, scalar readline $pipe;
        close $pipe;
    }

    return @values;
}

# raw(BYTES): a connection on which that was sent

sub raw {
    my ($self, $bytes) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $self->{port})
        or croak "connect: $!";

    print {$socket} $bytes;
    $socket->flush;

    return $socket;
}

# gone(SOCKET): closes it; true once nginx has closed its end, too

sub gone {
    my ($self, $socket) = @_;

    my $end = sprintf '%04X \w+:%04X 0[18] ', $self->{port}, $socket->sockport;

    close $socket;

    return $self->until(sub { `cat /proc/net/tcp` !~ /:$end/ });
}

# counted: the statistics, once the first scan of each tree has ended

sub counted {
    my ($self) = @_;

    return $self->report('/stats', sub {
        !grep { !defined $_->{total_files} } @{ $_->{roots} },
                                             @{ $_->{sources} // [] };
    });
}

sub converters {
    my ($self) = @_;

    return $self->pids(qr/caphealth-converter/);
}

# prefer: gives the converters a higher priority than other programs, where the
# test is permitted to.  nginx takes a converter that hangs for one that gets no
# CPU time if it has had less than a quarter of the time limit

sub prefer {
    my ($self) = @_;

    setpriority 0, $_, -20 for converters($self);

    return;
}

# the CPU time of those that live, in seconds

sub converter_seconds {
    my ($self) = @_;

    my $ticks = 0;

    for my $pid ($self->converters) {
        open my $file, '<', "/proc/$pid/stat" or next;
        my @field = split ' ', (<$file> // '') =~ s/.*\) //r;

        $ticks += $field[11] + $field[12];
    }

    return $ticks / 100;
}

# true once one is at work on something that takes long

sub converting {
    my ($self) = @_;

    my $before = $self->converter_seconds;

    return $self->until(sub { $self->converter_seconds > $before + 0.03 });
}

# hold(HEADERS): stops the converters and returns them, so that what is uploaded
# waits until they get a SIGCONT.  A worker starts its converter for its first
# image; one that is broken leaves nothing.  HEADERS: what an upload needs

sub hold {
    my ($self, $headers) = @_;

    my @converters;

    $self->until(sub {
        $self->post("\xff\xd8\xff\xe0broken", $headers);
        @converters = $self->converters;

        return @converters == $self->{workers}
               && !grep { /\.tmp$/ } $self->files;
    }) or croak "no converter for each worker but @converters";

    kill STOP => @converters;

    return @converters;
}

# held(N, CODE, METRIC, VALUE): as parallel(), with a converter that does
# nothing until that metric, at /metrics, has the value

sub held {
    my ($self, $n, $code, $metric, $value) = @_;

    my @converters = $self->converters;

    kill STOP => @converters;

    my @values = $self->parallel($n + 1, sub {
        my ($i) = @_;

        return $code->($i) if $i < $n;

        my $seen = $self->until(sub { $self->metric($metric) == $value });

        kill CONT => @converters;

        return $seen ? '' : "$metric is not $value";
    });

    my $failed = pop @values;

    croak $failed if $failed;

    return @values;
}

# the value of a metric, given as NAME or NAME{LABELS}

sub metric {
    my ($self, $name) = @_;

    my ($value) = $self->get('/metrics')->{content} =~ /^\Q$name\E (\S+)$/m;

    return $value // -1;
}

# files below the root, relative to it

sub files {
    my ($self) = @_;

    my @files = split /\n/, `cd $self->{root} && find . -type f`;

    return @files;
}

# the sets of files: { id => number of files }

sub sets {
    my ($self) = @_;

    my %sets;

    for my $file ($self->files) {
        my ($id) = $file =~ m{^\./../../([0-9a-f]{32})_[a-z0-9]+\.webp$}
            or croak "a stray file: $file\n";

        $sets{$id}++;
    }

    return \%sets;
}

# open descriptors of the workers, but for connections of clients: once
# nothing is being closed any more

sub descriptors {
    my ($self) = @_;

    my $last = '';
    my $now;

    $self->until(sub {
        my $same = $last;

        sleep 0.1;
        $now = $self->count_descriptors;
        $last = listed($now);

        return $last eq $same;
    });

    return $now;
}

sub count_descriptors {
    my ($self) = @_;

    my %count;

    for my $pid ($self->workers) {
        for my $fd (glob "/proc/$pid/fd/*") {
            my $target = readlink $fd // next;

            $target =~ s/:\[?\d*\]?.*//;
            $count{$target}++;
        }
    }

    delete $count{socket};

    return \%count;
}

# all is as it should be when nothing is going on

sub idle {
    my ($self, $before) = @_;

    my $wanted = listed($before);
    my $now;

    return 1 if $self->until(sub {
        $now = listed($self->count_descriptors);

        return $now eq $wanted;
    });

    warn "# before: $wanted\n# now:    $now\n";

    return 0;
}

sub listed {
    my ($count) = @_;

    return join ' ', map { "$_=$count->{$_}" } sort keys %$count;
}

1;
