package Caphealth::Clock;

# A clock of one's own for an nginx and its helpers; that of this machine is left
# alone.  A shim takes an offset, in seconds, from a file:
#
#     my $clock = Caphealth::Clock->new;
#     my $nginx = $clock->server(http => ...);    # as Caphealth::Server->new
#     $clock->set(-3600);

use strict;
use warnings;

use Caphealth::Server;
use Carp qw(croak);
use File::Temp qw(tempdir);

sub new {
    my ($class) = @_;

    my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $cc = $ENV{CC} || 'cc';

    chmod 0755, $dir;

    open my $source, '>', "$dir/clock.c" or croak $!;

    print {$source} <<"END";
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long
offset(void)
{
    long   seconds = 0;
    FILE  *file = fopen("$dir/offset", "r");

    if (file != NULL) {
        if (fscanf(file, "%ld", &seconds) != 1) {
            seconds = 0;
        }
        fclose(file);
    }

    return seconds;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
    long  rc = syscall(SYS_clock_gettime, id, ts);

    if (id == CLOCK_REALTIME) {
        ts->tv_sec += offset();
    }

    return (int) rc;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  ts;

    (void) tz;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}
END

    close $source or croak $!;

    system("$cc -shared -fPIC -o $dir/clock.so $dir/clock.c") == 0
        or croak "cc failed";

    return bless { dir => $dir }, $class;
}

sub server {
    my ($self, %option) = @_;

    my $preload = join ' ', grep { $_ } $ENV{TEST_NGINX_PRELOAD},
                  "$self->{dir}/clock.so";

    local $ENV{TEST_NGINX_PRELOAD} = $preload;

    return Caphealth::Server->new(%option,
        main => qq{env "LD_PRELOAD=$preload"; } . ($option{main} // ''));
}

# replaced as a whole, for it is read all the time

sub set {
    my ($self, $seconds) = @_;

    open my $file, '>', "$self->{dir}/offset.new" or croak $!;
    print {$file} "$seconds\n";
    close $file or croak $!;

    rename "$self->{dir}/offset.new", "$self->{dir}/offset" or croak $!;

    return;
}

1;
