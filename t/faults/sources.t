#!/usr/bin/perl

# The source of an image: kept whole with the image or not at all, whatever
# fails or dies on the way.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Tree qw(settled);
use Caphealth::Upload qw(form photo);
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep);

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

my $n = 0;
my $scan = 'caphealth_refresh 1s; caphealth_image_scan 1s;
            caphealth_image_scan_share 100%;';

# a server that keeps sources, and where it does

sub server {
    my (%option) = @_;

    my $source = $option{source} // "$dir/source" . $n++;
    my $nginx = Caphealth::Upload->new(
        %option,
        location => "caphealth_image_delete on;
                     caphealth_image_source $source; "
                    . ($option{location} // '')
                    . '} location = /metrics { caphealth_metrics;');

    return ($nginx, $source);
}

sub sources {
    my ($source) = @_;

    my @files = split /\n/, `cd $source && find . -type f | sort`;

    return @files;
}

sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or return '';
    local $/ = undef;

    return <$file>;
}

sub leaf { return substr($_[0], 0, 2) . '/' . substr($_[0], 2, 2) }

sub stored {
    my ($nginx, @post) = @_;

    my $answer = $nginx->post(@post);

    is $answer->{status}, 201, 'stored' or diag $answer->{content};

    return map { $_->{id} } @{ decode_json($answer->{content})->{images} };
}

sub of_source { return $_[0]->json('/stats')->{sources}[0] }

subtest 'the bytes as they came' => sub {
    my ($nginx, $source) = server(http => $scan);
    my %photos = (jpeg => photo('640x480'), png => photo('64x48', 'png'),
                  webp => photo('320x200', 'webp'));
    my @names = sort keys %photos;
    my @ids = stored($nginx, form(map { ("a.$_" => $photos{$_}) } @names));

    for my $i (0 .. $#names) {
        my $path = "$source/" . leaf($ids[$i]) . "/$ids[$i].$names[$i]";

        is sha256_hex(slurp($path)), sha256_hex($photos{$names[$i]}),
           "$names[$i] of a form";
        is sprintf('%o', (stat $path)[2] & 07777), '600', 'private';
    }

    my ($id) = stored($nginx, $photos{jpeg});

    is sha256_hex(slurp("$source/" . leaf($id) . "/$id.jpeg")),
       sha256_hex($photos{jpeg}), 'a body that is an image';

    my @dirs = split /\n/, `find $source -mindepth 1 -type d -printf '%m\n'`;

    is_deeply [ grep { $_ ne '700' } @dirs ], [], 'directories are private';
    is sprintf('%o', (stat $source)[2] & 07777), '700', 'the root, too';

    my $bytes = 0;
    $bytes += length $_ for values %photos, $photos{jpeg};

    is $nginx->counted->{sources}[0]{total_files}, 4, 'counted';
    is of_source($nginx)->{total_bytes}, $bytes, 'and its bytes';
    ok settled($nginx), 'a scan';
    is_deeply [ @{ of_source($nginx) }{qw(total_files total_bytes drift_files
                without_image stray_files path images)} ],
              [ 4, $bytes, 0, 0, 0, $source, $nginx->{root} ],
              'finds the same';
    is $nginx->metric("caphealth_image_source_bytes{root=\"$source\"}"),
       $bytes, 'metrics';

    is $nginx->remove($id)->{status}, 204, 'removed';
    is scalar(sources($source)), 3, 'with its source';
    is of_source($nginx)->{total_files}, 3, 'counted';
    is $nginx->remove($id)->{status}, 404, 'only once';

    my $answer = $nginx->post(form(a => $photos{jpeg}, b => "\xff\xd8\xff"));

    is $answer->{status}, 422, 'a form with a broken image';
    is scalar(sources($source)), 3, 'leaves nothing';

    $nginx->stop;
    $nginx->start;

    is of_source($nginx)->{total_files}, 3, 'saved over a restart';
    ok $nginx->stop, 'quits';
};

subtest 'a source without an image, and the reverse' => sub {
    my ($nginx, $source) = server(http => $scan);
    my @ids = map { stored($nginx, photo('64x48')) } 1 .. 3;

    system('rm', '-r', "$nginx->{root}/" . leaf($ids[0]));
    ok settled($nginx), 'a scan';
    is of_source($nginx)->{without_image}, 1, 'an image is lost: counted';
    is scalar(sources($source)), 3, 'its source is kept';

    is $nginx->remove($ids[0])->{status}, 204, 'deleted';
    is scalar(sources($source)), 2, 'with what was left of it';

    system('rm', '-r', "$source/" . leaf($ids[1]));
    is $nginx->remove($ids[1])->{status}, 204,
       'an image without its source is deleted';
    is scalar($nginx->files), 3, 'and another one is left';
    ok $nginx->stop, 'quits';
};

# what a process leaves that died; t/unit/test_walk.c has what becomes of them

subtest 'hidden sources' => sub {
    my ($nginx, $source) = server(http => $scan);
    my @ids = map { stored($nginx, photo('64x48')) } 1 .. 5;

    my $hide = sub {
        my ($id) = @_;
        my $hidden = "$source/" . leaf($id) . "/.$id.jpeg.0a1b2c3d.tmp";

        rename "$source/" . leaf($id) . "/$id.jpeg", $hidden
            or die "rename: $!\n";

        return $hidden;
    };

    my @hidden = map { $hide->($_) } @ids[0 .. 3];

    unlink glob "$nginx->{root}/" . leaf($ids[1]) . "/$ids[1]_*";
    unlink glob "$nginx->{root}/" . leaf($ids[2]) . "/$ids[2]_*";
    system('rm', '-r', "$nginx->{root}/" . leaf($ids[3]));

    ok settled($nginx), 'a scan';
    is scalar(sources($source)), 5, 'those of the last hour are left alone';
    is of_source($nginx)->{total_files}, 1, 'and not counted';

    ok $nginx->stop, 'quits';
};

subtest 'workers are killed' => sub {
    my ($nginx, $source) = server(http => $scan, workers => 2);

    my @answers = $nginx->parallel(4, sub {
        my ($i) = @_;

        if ($i) {
            my @stored;

            for (1 .. 25) {
                my $answer = $nginx->post(photo('64x48'));

                push @stored, map { $_->{id} }
                    @{ decode_json($answer->{content})->{images} }
                    if $answer->{status} == 201;
            }

            return "@stored";
        }

        for (1 .. 8) {
            sleep 0.3;
            my @pids = $nginx->workers;
            kill KILL => $pids[rand @pids];
        }

        return '';
    });

    my %stored = map { $_ => 1 } map { split ' ' } @answers;
    my %named = map { m{/([0-9a-f]{32})\.jpeg$} ? ($1 => 1) : () }
                sources($source);
    my %images = map { m{/([0-9a-f]{32})_original} ? ($1 => 1) : () }
                 $nginx->files;

    cmp_ok scalar(keys %stored), '>', 10, 'many work';
    is_deeply [ grep { !$named{$_} || !$images{$_} } keys %stored ], [],
              'everything that was answered has image and source';
    is_deeply [ grep { !$images{$_} } keys %named ], [],
              'no source is there without its image';
    ok settled($nginx), 'a scan';
    is of_source($nginx)->{total_files}, scalar keys %named,
       'the counts agree';
    ok $nginx->stop, 'quits';
};

SKIP: {
    my $disk = "$dir/full";

    mkdir $disk;

    skip 'no tmpfs can be mounted', 1
        if $> != 0
           || system("mount -t tmpfs -o size=1m,mode=755 caphealth $disk"
                     . ' 2>/dev/null');

    subtest 'the disk of the sources is full, the other is not' => sub {
        my ($nginx, $source) = server(http => $scan,
                                      source => "$disk/sources");
        my $photo = photo('320x240', 'png');
        my $status = 201;
        my $stored = -1;

        while ($status == 201) {
            $stored++;
            $status = $nginx->post($photo)->{status};
        }

        is $status, 507, 'no room';
        cmp_ok $stored, '>', 0, 'after some';
        is scalar(sources($source)), $stored, 'nothing is left';
        is scalar($nginx->files), 3 * $stored, 'in neither tree';
        ok $nginx->logged(qr/copy of a source in image source/), 'logged';
        is of_source($nginx)->{total_files}, $stored, 'counted';

        my ($id) = $nginx->files ? ($nginx->files)[0] =~ /([0-9a-f]{32})/ : '';

        is $nginx->remove($id)->{status}, 204, 'room is made';
        is $nginx->post(photo('64x48'))->{status}, 201, 'it heals';
        ok $nginx->stop, 'quits';
    };

    system('umount', $disk);
}

subtest 'after a change of variants' => sub {
    my $variants = 'caphealth_image_variant original;
                    caphealth_image_variant 80 max=80;';
    my ($nginx, $source) = server(http => "$scan $variants");

    my @ids = map { stored($nginx, photo('64x48')) } 1 .. 3;

    ok settled($nginx), 'a scan';
    is_deeply $nginx->json('/stats')->{roots}[0]{missing_variants},
              { original => 0, 80 => 0 }, 'nothing is missing';

    my $http = $nginx->{http};

    $nginx->configure(http => "$http caphealth_image_variant 40 max=40;");
    $nginx->reload;

    ok $nginx->until(sub {
        my $missing =
            $nginx->json('/stats')->{roots}[0]{missing_variants} // {};

        return ($missing->{40} // 0) == 3;
    }), 'all lack the new one';

    unlink "$nginx->{root}/" . leaf($ids[0]) . "/$ids[0]_80.webp";
    stored($nginx, photo('64x48'));

    ok settled($nginx), 'a scan';
    is_deeply $nginx->json('/stats')->{roots}[0]{missing_variants},
              { original => 0, 80 => 1, 40 => 3 }, 'how many lack which';
    is $nginx->metric('caphealth_image_missing_variants{root="'
                      . $nginx->{root} . '",variant="40"}'), 3, 'metrics';
    ok $nginx->stop, 'quits';
};

done_testing;
