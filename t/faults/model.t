# The counts against a plain find, after random uploads and deletes, files
# made and removed by hand, kills, reloads and restarts.
#
# CAPHEALTH_SOAK_SECONDS says for how long, CAPHEALTH_SEED repeats a run.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Tree qw(find_tree settled stats);
use Caphealth::Upload qw(photo);
use File::Path qw(make_path);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{CAPHEALTH_SOAK_SECONDS} || 15;
my $seed = $ENV{CAPHEALTH_SEED} || time;
my $photo = photo('64x48');

diag "seed $seed" if $ENV{CAPHEALTH_SOAK_SECONDS};

sub matches {
    my ($nginx, $what) = @_;

    my ($said, $found);

    # two walks of a tree that nobody changes say the same

    is_deeply $said = stats($nginx), $found = find_tree($nginx->{root}), $what
        or diag "seed $seed\n", $nginx->log;

    return;
}

# one that uploads and deletes: what it was answered, by what status

sub shopkeeper {
    my ($nginx, $i, $until) = @_;

    my (@mine, %answers);

    srand $seed + $i;

    while (time < $until) {
        if (@mine && rand() < 0.4) {
            my $id = splice @mine, rand @mine, 1;

            $answers{ 'DELETE ' . $nginx->remove($id)->{status} }++;
            next;
        }

        my $response = $nginx->post($photo);

        $answers{"POST $response->{status}"}++;
        push @mine, decode_json($response->{content})->{images}[0]{id}
            if $response->{status} == 201;
    }

    return join ' ', map { s/ /:/r . "=$answers{$_}" } sort keys %answers;
}

# one that works on the tree by hand

sub hand {
    my ($nginx, $until) = @_;

    my @made;

    srand $seed - 1;

    while (time < $until) {
        sleep rand 0.05;

        if (@made && rand() < 0.5) {
            unlink splice @made, rand @made, 1;
            next;
        }

        my $id = join '', map { sprintf '%02x', rand 256 } 1 .. 16;
        my $dir = "$nginx->{root}/" . substr($id, 0, 2) . '/'
                  . substr($id, 2, 2);
        my $variant = (qw(original 800 200))[rand 3];

        make_path($dir);
        open my $file, '>', "$dir/${id}_$variant.webp" or next;
        print {$file} 'x' x rand 1000;
        close $file;

        push @made, "$dir/${id}_$variant.webp";
    }

    return '';
}

sub disturb {
    my ($nginx, $until) = @_;

    srand $seed - 2;

    while (time < $until) {
        sleep 0.3 + rand 1;

        my $what = int rand 4;

        kill HUP => $nginx->master if $what == 0;

        my @pids = $what == 1 ? $nginx->workers
                 : $what == 2 ? $nginx->collectors
                 : $what == 3 ? $nginx->converters : ();

        kill KILL => $pids[rand @pids] if @pids;
    }

    return '';
}

subtest 'no drift, ever: uploads and deletes while scans run' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options(
        workers => 2) });

    settled($nginx);

    my $until = time + $seconds / 3;
    my @answers = $nginx->parallel(4, sub {
        return shopkeeper($nginx, $_[0], $until);
    });

    matches($nginx, 'counted, without another scan');
    settled($nginx);
    matches($nginx, 'and with one');

    is scalar(() = $nginx->log =~ /were off by (?!0 files, 0 bytes)/g), 0,
       'no scan found a drift' or diag $nginx->log;
    unlike "@answers", qr/=\d+.*(?:POST|DELETE):(?!201|204|503)/,
           "no other answer: $answers[0]";
    cmp_ok scalar(() = $nginx->log =~ /images found in/g), '>', 2,
           'scans did run';
    ok $nginx->stop, 'quits';
};

subtest 'everything at once' => sub {
    my $nginx = Caphealth::Upload->new(%{ Caphealth::Tree::options(
        workers => 2) });

    my $until = time + $seconds;
    my @answers = $nginx->parallel(5, sub {
        return $_[0] == 0 ? disturb($nginx, $until)
             : $_[0] == 1 ? hand($nginx, $until)
             : shopkeeper($nginx, $_[0], $until);
    });

    ok $nginx->until(sub { $nginx->get('/pid')->{success} }), 'it serves';

    # a reload may be under way, and a worker that quits finishes uploads

    sleep 1;
    settled($nginx);
    matches($nginx, "counted: @answers[2 .. 4]");

    ok $nginx->stop('TERM'), 'terminates';
    $nginx->start;
    ok $nginx->until(sub {
        ($nginx->json('/stats')->{source} // '') =~ /^(?:saved|live)$/
    }, 2), 'known at once';
    matches($nginx, 'what was saved is right');
    ok $nginx->stop, 'quits';

    is $nginx->logged(qr/\[(?:alert|emerg)\](?!.*exited on signal)/), 0,
       'no alert' or diag grep { /alert|emerg/ } split /^/, $nginx->log;
};

done_testing;
