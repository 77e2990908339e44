# File systems that fill up, run out of inodes or become read-only, and uploads
# that fail: each is judged, named, and heals.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Upload qw(photo strange);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;

# mounting needs a privilege that a test may not have

my @mounts;

sub mounted {
    my ($options) = @_;

    my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1);

    chmod 0755, $dir;

    if (system("mount -t tmpfs -o $options tmpfs $dir 2> /dev/null") != 0) {
        rmdir $dir;
        return;
    }

    push @mounts, $dir;

    return $dir;
}

END {
    my $status = $?;

    for my $dir (@mounts) {
        system("umount $dir 2> /dev/null || umount -l $dir");
        rmdir $dir;
    }

    $? = $status;
}

my $calm = <<'END';
caphealth_refresh   1s;
caphealth_threshold memory_percent off;
caphealth_threshold cpu_percent    off;
END

sub row {
    my ($report, $key) = @_;

    my ($row) = grep { $_->{key} eq $key } @{ $report->{thresholds} };

    return $row;
}

sub keys_of {
    my ($report) = @_;

    return [ map { $_->{key} } @{ $report->{thresholds} } ];
}

# write(FILE, KILOBYTES): as far as there is room

sub fill {
    my ($file, $kilobytes) = @_;

    system("dd if=/dev/zero of=$file bs=1k count=$kilobytes 2> /dev/null");

    return;
}

# an nginx with one watched disk, and images on another that is not named

sub server {
    my ($disk, $root, %option) = @_;

    my $nginx = Caphealth::Upload->new(%option, root => $root,
        http => "$calm caphealth_disk $disk; " . ($option{http} // ''));

    $nginx->configure(locations => "$nginx->{locations}
        location = /ready { caphealth_probe ready; }
        location = /metrics { caphealth_metrics; }");
    $nginx->reload or die 'reload';

    $nginx->report('/health', sub {
        my $row = row($_, "disk_percent:$root");

        defined $_->{system}{cpu_mean_percent} && $row
            && defined $row->{current} && defined $_->{image_storage}{total_files};
    });

    return $nginx;
}

subtest 'an image disk that is full, while the watched one is fine' => sub {
    my $disk = mounted('size=1m') or plan skip_all => 'no privilege to mount';
    my $root = mounted('size=4m');
    my $nginx = server($disk, $root);
    my $report = $nginx->json('/health');

    is $report->{overall_status}, 'healthy', 'healthy at first';
    is_deeply keys_of($report),
        [ qw(products_total storage_gb db_size_mb disk_percent memory_percent
             cpu_percent), "inodes_percent:$disk", "read_only:$disk",
          "disk_percent:$root", "inodes_percent:$root", "read_only:$root",
          'upload_failures_percent' ],
        'the six, and what follows them';
    is scalar @{ $report->{disks} }, 1, 'one disk is watched';
    is $nginx->get('/ready')->{status}, 200, 'ready';

    fill("$root/full", 10000);

    $report = $nginx->report('/health',
                             sub { $_->{overall_status} eq 'critical' });

    is $report->{overall_status}, 'critical', 'critical when it is full';
    is row($report, "disk_percent:$root")->{status}, 'critical', 'by its row';
    is row($report, "disk_percent:$root")->{current}, 100, 'at 100 %';
    is row($report, 'disk_percent')->{status}, 'ok', 'not by the first disk';

    my ($advice) = grep { $_->{priority} eq 'critical' } @{ $report->{recommendations} };

    is $advice->{title}, "Disk Usage (%): $root at critical level", 'named';
    is $advice->{path}, $root, 'with its path';

    is $nginx->post(photo('640x480'))->{status}, 507, 'as uploads say';

    my $ready = $nginx->get('/ready');

    is $ready->{status}, 503, 'not ready';
    like $ready->{content}, qr/^\[-\]images failed: \Q$root\E: 100\.0 percent/m,
         'for the images';
    like $ready->{content}, qr/^\[\+\]disk ok/m, 'not for the watched disk';
    like $nginx->get('/metrics')->{content},
         qr/^caphealth_check_status\{check="disk_percent:\Q$root\E",.*status="critical"\} 1$/m,
         'and in the metrics';

    my $health = decode_json($nginx->get('/health', {
        Accept => 'application/health+json' })->{content});
    my ($check) = grep { $_->{componentId} eq $root }
                  @{ $health->{checks}{'disk:utilization'} };

    is $health->{status}, 'fail', 'health+json fails';
    is $check->{status}, 'fail', 'for that disk';

    unlink "$root/full";

    $report = $nginx->report('/health', sub {
        row($_, "disk_percent:$root")->{status} eq 'ok';
    });
    is row($report, "disk_percent:$root")->{status}, 'ok', 'heals';
    ok $nginx->until(sub { $nginx->get('/ready')->{status} == 200 }),
       'ready again';
    is $nginx->post(photo('640x480'))->{status}, 201, 'uploads work';
    ok $nginx->stop, 'quits';
};

subtest 'a disk without inodes' => sub {
    my $disk = mounted('size=1m,nr_inodes=50')
        or plan skip_all => 'no privilege to mount';
    my $nginx = server($disk, mounted('size=4m'));

    is $nginx->json('/health')->{overall_status}, 'healthy', 'at first';

    for my $i (1 .. 60) {
        open my $file, '>', "$disk/$i" or last;
    }

    my $report = $nginx->report('/health',
                                sub { $_->{overall_status} eq 'critical' });

    is row($report, "inodes_percent:$disk")->{status}, 'critical',
       'critical, by its inodes';
    is row($report, 'disk_percent')->{status}, 'ok', 'not by its space';

    my $ready = $nginx->get('/ready');

    is $ready->{status}, 503, 'not ready';
    like $ready->{content}, qr/^\[-\]disk failed: \Q$disk\E: inodes [\d.]+ percent/m,
         'and why';

    unlink glob "$disk/*";
    is $nginx->report('/health', sub { $_->{overall_status} eq 'healthy' })
       ->{overall_status}, 'healthy', 'heals';
    ok $nginx->stop, 'quits';
};

subtest 'file systems that become read-only' => sub {
    my $disk = mounted('size=1m') or plan skip_all => 'no privilege to mount';
    my $root = mounted('size=4m');
    my $nginx = server($disk, $root);

    for my $case ([ $root, 'images' ], [ $disk, 'disk' ]) {
        my ($dir, $check) = @$case;

        system("mount -o remount,ro $dir") == 0 or die 'mount';

        my $report = $nginx->report('/health',
                                    sub { $_->{overall_status} eq 'critical' });

        is row($report, "read_only:$dir")->{status}, 'critical', $check;
        is $report->{recommendations}[0]{code}, 'filesystem-read-only',
           'said first';
        like $report->{recommendations}[0]{action}, qr/mount it read-write/,
             'with an action that helps';
        like $nginx->get('/ready')->{content},
             qr/^\[-\]$check failed: \Q$dir\E: read-only$/m, 'not ready';

        system("mount -o remount,rw $dir") == 0 or die 'mount';

        is $nginx->report('/health', sub { $_->{overall_status} eq 'healthy' })
           ->{overall_status}, 'healthy', 'heals';
    }

    ok $nginx->stop, 'quits';
};

subtest 'a mount that is read-only on purpose' => sub {
    my $disk = mounted('size=1m') or plan skip_all => 'no privilege to mount';
    my $bind = tempdir('caphealth-XXXXXX', TMPDIR => 1);

    # the file system can be written, but not by this way

    system("mount --bind $disk $bind && mount -o remount,bind,ro $bind") == 0
        or plan skip_all => 'no bind mounts';
    push @mounts, $bind;

    my $nginx = server($bind, mounted('size=4m'));
    my $report = $nginx->report('/health',
                                sub { $_->{disks}[0]{read_only} });

    ok $report->{disks}[0]{read_only}, 'it is reported';
    is $report->{overall_status}, 'healthy', 'and harms nobody';
    ok $nginx->stop, 'quits';
};

subtest 'two paths to one file system' => sub {
    my $disk = mounted('size=4m') or plan skip_all => 'no privilege to mount';

    mkdir "$disk/$_" for qw(images home);

    my $nginx = Caphealth::Upload->new(root => "$disk/images",
        http => "$calm caphealth_disk $disk; caphealth_disk $disk/home;");
    my $report = $nginx->report('/health', sub {
        defined $_->{disks}[1]{percent} && !row($_, "disk_percent:$disk/home")
            && !row($_, "disk_percent:$disk/images");
    });

    is_deeply [ grep { m{/} } @{ keys_of($report) } ],
              [ "inodes_percent:$disk", "read_only:$disk" ], 'one row each';

    fill("$disk/full", 10000);

    $report = $nginx->report('/health',
                             sub { $_->{overall_status} eq 'critical' });
    is row($report, 'disk_percent')->{status}, 'critical', 'critical once';
    is scalar(grep { $_->{priority} eq 'critical' } @{ $report->{recommendations} }), 1,
       'and logged once';
    ok $nginx->stop, 'quits';
};

# with room on the disk, and inodes: a tree that nobody may write

subtest 'uploads that fail for reasons of ours' => sub {
    my $helpers = Caphealth::Upload::strange_helpers();
    my $nginx = Caphealth::Upload->new(
        http => "$calm caphealth_helper_dir $helpers;
                 caphealth_threshold disk_percent warning=100 critical=100;");

    $nginx->report('/health', sub { $_->{overall_status} eq 'healthy' });

    is $nginx->post(strange('well'))->{status}, 201, 'stored' for 1 .. 2;
    is $nginx->post(strange('crash'))->{status}, 422, 'an image of no use'
        for 1 .. 5;

    my $report = $nginx->report('/health', sub {
        defined row($_, 'upload_failures_percent')->{current};
    });

    is row($report, 'upload_failures_percent')->{current}, 0,
       'which is no failure of ours';
    is $report->{overall_status}, 'healthy', 'healthy';

    is $nginx->post(strange('full'))->{status}, 507, 'no room' for 1 .. 3;

    $report = $nginx->report('/health',
                             sub { $_->{overall_status} eq 'critical' });

    is row($report, 'upload_failures_percent')->{current}, 60, '3 of 5';

    my ($advice) = @{ $report->{recommendations} };

    is $advice->{title}, 'Image uploads fail', 'named';
    like $advice->{description}, qr/^3 of 5 uploads of the last 5 minutes/,
         'counted';
    is $advice->{code}, 'uploads-full', 'and why';

    # as many that work outweigh them; a reload keeps the count

    is $nginx->post(strange('well'))->{status}, 201, 'stored' for 1 .. 2;
    ok $nginx->reload, 'reload';

    $report = $nginx->report('/health',
                             sub { $_->{overall_status} eq 'degraded' });
    is row($report, 'upload_failures_percent')->{current}, 42.9, '3 of 7';
    is $report->{overall_status}, 'degraded', 'degraded';
    ok $nginx->stop, 'quits';
};

done_testing;
