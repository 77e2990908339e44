# A watched mount that hangs: its section goes stale, the rest goes on, the
# collector is replaced, reload and quit work.
#
# A mount that really hangs needs a kernel to hang with; here statvfs() of one
# path never returns while a file is there.  Everything above that call is
# real.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Server;
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep time);

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $dir;
mkdir "$dir/mount";

open my $source, '>', "$dir/hang.c" or die $!;

print {$source} <<"END";
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

int
statvfs(const char *path, struct statvfs *buf)
{
    int  (*next)(const char *, struct statvfs *);

    while (strcmp(path, "$dir/mount") == 0
           && access("$dir/hangs", F_OK) == 0)
    {
        usleep(20000);
    }

    next = (int (*)(const char *, struct statvfs *)) dlsym(RTLD_NEXT,
                                                           "statvfs");

    return next(path, buf);
}
END

close $source;

my $cc = $ENV{CC} || 'cc';

system("$cc -shared -fPIC -o $dir/hang.so $dir/hang.c -ldl") == 0
    or die "cc failed\n";

my $preload = join ' ', grep { $_ } $ENV{TEST_NGINX_PRELOAD}, "$dir/hang.so";

sub touch {
    open my $file, '>', "$dir/hangs" or die $!;
    return;
}

my $nginx = Caphealth::Server->new(
    main => qq{env "LD_PRELOAD=$preload";},
    http => <<"END");
caphealth_refresh 1s;
caphealth_timeout 500ms;
caphealth_disk    /;
caphealth_disk    $dir/mount;
END

my $report = $nginx->report('/health', sub {
    defined $_->{system}{cpu_percent} && defined $_->{disks}[1]{percent};
});

isnt $report->{overall_status}, 'unknown', 'at first all is known';

my $first = $nginx->collector;
touch();

$report = $nginx->report('/health', sub { $_->{disks}[1]{error} });
is $report->{disks}[1]{error}, 'no answer within the timeout',
   'the error says so';
ok defined $report->{disks}[1]{percent}, 'the last good number is there';

$report = $nginx->report('/health', sub { $_->{disks}[1]{stale} });
ok $report->{disks}[1]{stale}, 'the mount goes stale';
isnt $report->{overall_status}, 'healthy', 'what is stale is not healthy';
ok !$report->{stale}, 'the rest is not stale';
ok !$report->{disks}[0]{stale}, 'nor is the other mount';
is $report->{disks}[0]{error}, undef, 'which has no error';

ok $nginx->until(sub { $nginx->collector != $first }), 'is replaced';
ok $nginx->logged(qr/hangs in a source, it is replaced/), 'the log says why';
is $nginx->logged(qr/caphealth disk .*no answer/), 1, 'the log says it once';

ok $nginx->reload, 'reload while it hangs';
ok $nginx->until(sub { $nginx->collectors == 1 }), 'nobody is left behind';
ok defined $nginx->json('/health')->{system}{cpu_percent}, 'the facts are there';

unlink "$dir/hangs";

$report = $nginx->report('/health', sub { !$_->{disks}[1]{error} });
is $report->{disks}[1]{error}, undef, 'heals';
is $nginx->logged(qr/caphealth disk .*works again/), 1, 'the log says it once';

touch();
$nginx->report('/health', sub { $_->{disks}[1]{error} });
ok $nginx->stop('QUIT'), 'quit while it hangs, nobody is left behind';

done_testing;
