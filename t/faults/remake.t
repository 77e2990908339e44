#!/usr/bin/perl

# caphealth-converter --remake beside an nginx that stores and removes images.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Tree qw(settled);
use Caphealth::Upload qw(form photo);
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use IPC::Open3;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep);

my $build = $ENV{BUILD} || 'build';
my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

my $n = 0;
our @three = ('original', '80 max=80', '40 max=40');
my $scan = 'caphealth_refresh 1s; caphealth_image_scan 1s;
            caphealth_image_scan_share 100%;';

# a server with only the first variants of @three

sub server {
    my ($variants, %option) = @_;

    my $source = "$dir/source" . $n++;
    my $nginx = Caphealth::Upload->new(
        %option,
        http => "$scan caphealth_state_dir $source.state; " . join(' ', map { "caphealth_image_variant $_;" }
                                  @three[0 .. $variants - 1]),
        location => "caphealth_image_delete on;
                     caphealth_image_source $source;");

    $nginx->{source} = $source;

    return $nginx;
}

sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or return '';
    local $/ = undef;

    return <$file> // '';
}

sub leaf { return substr($_[0], 0, 2) . '/' . substr($_[0], 2, 2) }

sub stored {
    my ($nginx, $photo) = @_;

    my $answer = $nginx->post($photo // photo('160x120'));

    return $answer->{status} == 201
           ? decode_json($answer->{content})->{images}[0]{id} : '';
}

# begun(NGINX, OPTION, ...): the process, and the file with what it says; at
# the idle priority it would wait for all other tests

sub begun {
    my ($nginx, @options) = @_;

    my $name = "$dir/out" . $n++;

    open my $out, '>', $name or die "open: $!\n";
    open my $err, '>', "$name.err" or die "open: $!\n";

    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        open STDOUT, '>&', $out;
        open STDERR, '>&', $err;
        exec "$build/caphealth-converter", '--remake', '--root',
             $nginx->{root}, '--source', $nginx->{source},
             '--priority', 'normal', (map { ('--variant', $_) } @three), @options;
        exit 127;
    }

    return ($pid, $name);
}

sub ended {
    my ($pid, $name) = @_;

    waitpid $pid, 0;

    my $code = $? & 127 ? "signal $?" : $? >> 8;
    my @lines = split /\n/, slurp($name);

    return ($code, @lines ? decode_json($lines[-1]) : {},
            slurp("$name.err"), scalar @lines);
}

sub remake { return ended(begun(@_)) }

# { id => number of files }, whatever their format

sub sets {
    my ($nginx) = @_;

    my %sets;

    $sets{$_}++ for map { m{/([0-9a-f]{32})_} ? $1 : () } $nginx->files;

    return \%sets;
}

# focus(SOURCE): what is kept with it; focus(SOURCE, TEXT): changes it, '' is
# none

sub focus {
    my ($path, @text) = @_;

    my $call = !@text ? 'getxattr(p, n).decode()'
               : $text[0] eq '' ? 'removexattr(p, n)'
               : 'setxattr(p, n, sys.argv[2].encode())';

    open my $out, '-|', 'python3', '-c', <<"END", $path, @text or die $!;
import os, sys
p, n = sys.argv[1], 'user.caphealth.focus'
try:
    print(os.$call, end='')
except OSError as e:
    print(e.strerror, end='')
END
    local $/ = undef;

    return <$out> // '';
}

subtest 'what the images lack is made' => sub {
    my $nginx = server(1);
    my @ids = map { stored($nginx) } 1 .. 6;
    my %before = map { $_ => sha256_hex(slurp("$nginx->{root}/$_")) }
                 $nginx->files;

    my ($code, $said, $err) = remake($nginx);

    is $code, 0, 'exit code' or diag $err;
    is_deeply [ @{$said}{qw(total sources complete images files failed)} ],
              [ 6, 6, 0, 6, 12, 0 ], 'what it says';
    ok $said->{finished}, 'to the end';
    is_deeply [ grep { $_ != 3 } values %{ sets($nginx) } ], [],
              'all variants of all';
    is_deeply { map { $_ => sha256_hex(slurp("$nginx->{root}/$_")) }
                keys %before }, \%before, 'what existed is not changed';

    my $made = "$nginx->{root}/" . leaf($ids[0]) . "/$ids[0]_80.webp";
    like `file $made`, qr/Web\/P image/, 'a WebP file';
    is sprintf('%o', (stat $made)[2] & 07777), '644', 'as an upload makes it';
    is +(stat $made)[4], (stat $nginx->{root})[4], 'of the same user';

    ($code, $said) = remake($nginx, '--jobs', '3');

    is $code, 0, 'once more';
    is_deeply [ @{$said}{qw(complete images files)} ], [ 6, 0, 0 ],
              'there is nothing to be made';

    # broken ones are said, and the others made

    my @sources = split /\n/, `find $nginx->{source} -type f | sort`;

    unlink $made, glob "$nginx->{root}/" . leaf($ids[1]) . "/$ids[1]_80.*";
    truncate "$nginx->{source}/" . leaf($ids[0]) . "/$ids[0].jpeg", 500;

    ($code, $said, $err) = remake($nginx);

    is $code, 1, 'a broken source';
    is_deeply [ @{$said}{qw(images failed)} ], [ 1, 1 ],
              'does not concern the others';
    like $err, qr/"$ids[0]\.jpeg": /, 'is named';
    ok !-e $made, 'and makes nothing';

    is_deeply [ remake($nginx, '--replace', 'x') ]->[0], 2, 'no such variant';
    ok $nginx->stop, 'quits';
};

subtest 'replaced' => sub {
    my $nginx = server(1);
    my $id = stored($nginx);

    remake($nginx);

    my $path = "$nginx->{root}/" . leaf($id) . "/$id";
    my %before = map { $_ => (stat "${path}_$_.webp")[1] }
                 qw(original 80 40);

    local our @three = ('original', '80 max=80 quality=5', $three[2]);

    my ($code, $said) = remake($nginx);

    is $said->{files}, 0, 'a variant with other options is one that is there';

    ($code, $said) = remake($nginx, '--replace', '80');

    is_deeply [ $code, @{$said}{qw(images files)} ], [ 0, 1, 1 ], 'replaced';
    isnt +(stat "${path}_80.webp")[1], $before{80}, 'by another file';
    is sets($nginx)->{$id}, 3, 'nothing else is left';
    is +(stat "${path}_$_.webp")[1], $before{$_}, "$_ is not touched"
        for qw(original 40);

    ($code, $said) = remake($nginx, '--all');
    is $said->{files}, 3, 'all of them';
    is sets($nginx)->{$id}, 3, 'nothing else is left';

    for my $to ([ jpeg => 'jpg' ], [ avif => 'avif' ], [ webp => 'webp' ]) {
        my ($format, $extension) = @$to;

        local our @three = ('original', "80 max=80 format=$format", $three[2]);

        my @old = glob "${path}_80.*";

        is scalar @old, 1, 'one file';
        is +(remake($nginx))[1]{files}, 0, "$format: another is there, too";

        ($code, $said) = remake($nginx, '--replace', '80');

        is_deeply [ $code, $said->{files} ], [ 0, 1 ], 'replaced';
        is_deeply [ glob "${path}_80.*" ], [ "${path}_80.$extension" ],
                  'by one of that format, and the other is gone';
    }

    is sets($nginx)->{$id}, 3, 'nothing else is left';
    ok settled($nginx), 'a scan';
    is $nginx->json('/stats')->{total_files}, 3, 'counts the same';
    is $nginx->remove($id)->{status}, 204, 'removed';
    is_deeply [ $nginx->files ], [], 'all of it';
    ok $nginx->stop, 'quits';
};

# fit=cover cuts as it did at the upload

subtest 'the focus' => sub {
    my $cover = '80 size=80x80 fit=cover';

    local our @three = ('original', $cover, '40 max=40');

    my $nginx = server(2);
    my ($form, $headers) = form('a.png' => photo('400x100', 'png'));

    my $with = sub {
        my ($focus) = @_;

        my $text = $form =~ s/(?=--b1234--)/--b1234\r
Content-Disposition: form-data; name="focus"\r
\r
$focus\r
/r;

        return decode_json($nginx->post($text, $headers)->{content})
                   ->{images}[0]{id};
    };

    my %id = (left => $with->('0,0.5'), third => $with->('0.3333,0.5'),
              middle => $with->('0.5,0.5'));
    my %path = map { $_ => "$nginx->{root}/" . leaf($id{$_})
                           . "/$id{$_}_80.webp" } keys %id;
    my %cut = map { $_ => sha256_hex(slurp($path{$_})) } keys %id;
    my %source = map { $_ => "$nginx->{source}/" . leaf($id{$_})
                             . "/$id{$_}.png" } keys %id;

    is keys %{ { reverse %cut } }, 3, 'three different cuts';

    my $kept = focus($source{third});

    SKIP: {
        skip 'no extended attributes here', 13 if $kept =~ /not supported/;

        is $kept, '0.333298,0.500000', 'it is kept with the source';
        like focus($source{middle}), qr/No data/, 'unless it is the middle';

        # --all: a variant that is made alone is made of the source itself,
        # not of the next larger one, and so differs in some bits

        is +(remake($nginx, '--all'))[0], 0, 'remade';
        is_deeply { map { $_ => sha256_hex(slurp($path{$_})) } keys %id },
                  \%cut, 'the same cuts';

        focus($source{middle}, '0,0');
        focus($source{left}, '');
        is +(remake($nginx, '--all'))[0], 0, 'changed';
        isnt sha256_hex(slurp($path{middle})), $cut{middle}, 'another cut';

        my $before = slurp($path{left});

        remake($nginx, '--all', '--focus', '0,0.5');
        is_deeply [ map { sha256_hex(slurp($path{$_})) } qw(left third) ],
                  [ @cut{qw(left third)} ],
                  '--focus is for those of which none is kept';
        isnt $before, slurp($path{left}), 'which was the middle';

        for my $bad ('0.5', '2,2', 'x' x 100) {
            focus($source{third}, $bad);

            my ($code, undef, $err) = remake($nginx, '--replace', '80');

            is $code, 1, 'one that is none';
            like $err,
                 qr/"$id{third}\.png":[ ]its[ ]attribute
                    [ ]"user\.caphealth\.focus"[ ]must[ ]be/x,
                 'is named';
        }
    }

    ok $nginx->stop, 'quits';
};

subtest 'images that are lost' => sub {
    my $nginx = server(3);
    my @ids = map { stored($nginx) } 1 .. 4;

    system('rm', '-r', map { "$nginx->{root}/" . leaf($_) } @ids[0 .. 2]);

    my ($code, $said) = remake($nginx);

    is_deeply [ $code, @{$said}{qw(lost images complete)} ], [ 0, 3, 0, 1 ],
              'they are left alone';

    ($code, $said) = remake($nginx, '--lost');

    is_deeply [ $code, @{$said}{qw(lost images files)} ], [ 0, 0, 3, 9 ],
              'unless it is asked for';
    is_deeply [ sort keys %{ sets($nginx) } ], [ sort @ids ], 'all are there';
    ok settled($nginx), 'a scan';
    is $nginx->json('/stats')->{products_estimated}, 4, 'counts them';
    is $nginx->json('/stats')->{sources}[0]{without_image}, 0, 'all of them';
    ok $nginx->stop, 'quits';
};

subtest 'stopped, and resumed' => sub {
    my $nginx = server(1);

    stored($nginx, photo('800x600')) for 1 .. 40;

    my $state = "$dir/state";
    my ($pid, $name) = begun($nginx, '--state', $state, '--progress');

    $nginx->until(sub { scalar($nginx->files) > 44 });
    like `chrt -p $pid`, qr/SCHED_OTHER/, 'the priority is normal';
    kill INT => $pid;

    my ($code, $said, $err) = ended($pid, $name);

    is $code, 3, 'stopped' or diag $err;
    ok !$said->{finished}, 'it says so';

    my $sets = sets($nginx);

    is scalar(grep { $_ == 2 } values %$sets), 0, 'the image in hand is whole';
    cmp_ok scalar(grep { $_ == 1 } values %$sets), '>', 0, 'some are left';
    is $said->{images}, scalar(grep { $_ == 3 } values %$sets), 'counted';

    my $made = $said->{images};

    ($code, $said) = remake($nginx, '--state', $state);

    is $code, 0, 'resumed';
    cmp_ok $said->{total}, '<', 40, 'what was done is not looked at again';
    is $said->{images}, 40 - $made, 'the others are made';
    is_deeply [ grep { $_ != 3 } values %{ sets($nginx) } ], [], 'all';

    ($code, $said, $err) = remake($nginx, '--state', $state, '--all');

    is $code, 2, 'a state of another task';
    like $err, qr/it is of another task/, 'is refused';

    ($code, $said, $err) = remake($nginx, '--priority', 'low');

    is $code, 2, 'a priority that there is not';
    like $err, qr/--priority "low": idle and normal are accepted/, 'is refused';

    # what a process leaves that is killed

    unlink grep { /_80/ } map { "$nginx->{root}/$_" } $nginx->files;

    ($pid, $name) = begun($nginx, '--jobs', '2');
    $nginx->until(sub { scalar(grep { /_80/ } $nginx->files) > 5 });
    kill KILL => $pid;
    ended($pid, $name);
    sleep 0.5;

    is_deeply [ grep { /\.tmp$/ } $nginx->files ], [], 'killed: no leftovers';

    ($pid, $name) = begun($nginx, '--priority', 'idle');
    ok $nginx->until(sub { `chrt -p $pid` =~ /SCHED_IDLE/ }),
       'as idle as it may be';
    kill KILL => $pid;
    ended($pid, $name);

    is +(remake($nginx))[0], 0, 'and it goes on';
    is_deeply [ grep { $_ != 3 } values %{ sets($nginx) } ], [], 'to the end';
    ok $nginx->stop, 'quits';
};

# an image that is deleted meanwhile must not come back

subtest 'beside uploads and deletions' => sub {
    my $nginx = server(1, workers => 2);
    my @ids = map { stored($nginx, photo('320x240')) } 1 .. 60;
    my ($pid, $name) = begun($nginx, '--jobs', '4', '--state-dir',
                             "$nginx->{source}.state");

    my @answers = $nginx->parallel(3, sub {
        my ($i) = @_;

        return join ' ', map { $nginx->remove($_)->{status} } @ids[0 .. 29]
            if $i == 0;

        return join ' ', map { stored($nginx) } 1 .. 20;
    });

    my ($code, $said, $err) = ended($pid, $name);

    is $code, 0, 'it ends' or diag $err;
    is_deeply [ grep { $_ ne '204' } split ' ', $answers[0] ], [],
              'all deletions work';

    my $sets = sets($nginx);

    is_deeply [ grep { $sets->{$_} } @ids[0 .. 29] ], [],
              'what was deleted stays deleted';
    is_deeply [ grep { ($sets->{$_} // 0) != 3 } @ids[30 .. 59] ], [],
              'the others have all variants';
    is scalar(grep { !$sets->{$_} } map { split ' ' } @answers[1, 2]), 0,
       'all uploads are there';

    remake($nginx);
    ok settled($nginx), 'a scan';

    my $stats = $nginx->json('/stats');

    is $stats->{total_files}, scalar($nginx->files), 'the counts agree';
    is $stats->{sources}[0]{without_image}, 0, 'every source has its image';
    is $stats->{sources}[0]{total_files}, scalar keys %{ sets($nginx) },
       'and the reverse';
    ok $nginx->stop, 'quits';
};

done_testing;
