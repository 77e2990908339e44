# The clock is set back; a report that has not changed is not rendered again.
#
# The clock of this machine is left alone: a shim takes an offset, in seconds,
# from a file.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Server;
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep);

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $dir;

open my $source, '>', "$dir/clock.c" or die $!;

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

close $source;

my $cc = $ENV{CC} || 'cc';

system("$cc -shared -fPIC -o $dir/clock.so $dir/clock.c") == 0
    or die "cc failed\n";

my $preload = join ' ', grep { $_ } $ENV{TEST_NGINX_PRELOAD}, "$dir/clock.so";

subtest 'the clock is set back' => sub {
    local $ENV{TEST_NGINX_PRELOAD} = $preload;

    my $nginx = Caphealth::Server->new(
        main => qq{env "LD_PRELOAD=$preload";},
        http => 'caphealth_refresh 1s;');
    my $before = $nginx->report('/health', sub {
        defined $_->{system}{cpu_percent};
    });

    open my $file, '>', "$dir/offset" or die $!;
    print {$file} "-3600\n";
    close $file;

    my $after = $nginx->report('/health', sub {
        $_->{timestamp} lt $before->{timestamp} && !$_->{stale};
    });

    cmp_ok $after->{timestamp}, 'lt', $before->{timestamp},
           'new facts are taken';
    ok !$after->{stale}, 'and they are fresh';

    my $next = $nginx->report('/health', sub {
        $_->{timestamp} gt $after->{timestamp};
    });

    cmp_ok $next->{timestamp}, 'gt', $after->{timestamp}, 'and go on';
    ok $nginx->stop, 'quits';
};

subtest 'a report is rendered again when it has changed' => sub {
    my $database = shop('shop', 'INSERT INTO vendors (name) VALUES (\'A\');');
    my $nginx = Caphealth::Server->new(http => <<"END");
caphealth_refresh          1s;
caphealth_database_refresh 1h;
caphealth_database         sqlite:$database;
END

    my $before = $nginx->report('/health', sub {
        defined $_->{database}{vendors_count}
        && defined $_->{system}{cpu_percent};
    });
    my $tag = $nginx->get('/capacity')->{headers}{etag};

    $nginx->report('/health', sub { $_->{timestamp} gt $before->{timestamp} });
    is $nginx->get('/capacity', { 'If-None-Match' => $tag })->{status}, 304,
       'capacity has not, for all that the system has';

    $nginx->configure(http => <<"END");
caphealth_refresh          1s;
caphealth_database_refresh 1s;
caphealth_database         sqlite:$database;
END

    ok $nginx->reload, 'reload';
    $tag = $nginx->get('/capacity')->{headers}{etag};

    ok $nginx->until(sub {
        $nginx->get('/capacity', { 'If-None-Match' => $tag })->{status} == 200
    }), 'capacity has';
    ok $nginx->stop, 'quits';
};

done_testing;
