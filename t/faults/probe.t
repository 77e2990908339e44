# Probes and health+json of a real nginx, through what they are for: a start,
# a collector that falls silent, a database that goes away.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Server;
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;

my $probes = <<'END';
location = /live { caphealth_probe live; }
location = /ready { caphealth_probe ready; }
END

my $strict = <<'END';
location = /strict { caphealth_probe ready fresh cpu memory disk database; }
END

my $calm = <<'END';
caphealth_refresh          1s;
caphealth_database_refresh 1s;
caphealth_timeout          1s;
caphealth_disk             /;
caphealth_threshold cpu_percent    warning=100 critical=100;
caphealth_threshold memory_percent warning=100 critical=100;
caphealth_threshold disk_percent   warning=100 critical=100;
END

my $json = { Accept => 'application/health+json' };

# the body, once the answer has that status, and is like that

sub comes {
    my ($nginx, $path, $status, $like) = @_;

    my $response;

    $nginx->until(sub {
        $response = $nginx->get($path);
        $response->{status} == $status
            && (!$like || $response->{content} =~ $like);
    });

    is $response->{status}, $status, "$path comes to be $status"
        or diag $response->{content};

    return $response->{content};
}

# the document, once the worst of its checks is that; but for the CPU, which
# on a busy machine is at 100 %

sub health {
    my ($nginx, $status) = @_;

    my ($response, $document, $worst);

    $nginx->until(sub {
        $response = $nginx->get('/health', $json);
        $document = decode_json($response->{content});

        my %checks = %{ $document->{checks} };

        delete $checks{'cpu:utilization'};

        my %is = map { $_->{status} => 1 } map { @$_ } values %checks;

        ($worst) = grep { $is{$_} } qw(fail warn pass);

        return $worst eq $status;
    });

    is $worst, $status, "health+json is $status" or diag $response->{content};
    is $response->{status}, $document->{status} eq 'fail' ? 503 : 200,
       'and so is the status of HTTP';

    return $document;
}

subtest 'a start, and a collector that falls silent' => sub {
    my $helpers = helpers();
    my $nginx = Caphealth::Server->new(
        http => "$calm caphealth_helper_dir $helpers;",
        locations => $probes);
    my $text = comes($nginx, '/ready', 200);

    is $text, "ok\n", 'short';

    health($nginx, 'pass');

    my $etag = $nginx->get('/health')->{headers}{etag};

    # what takes its place never says a word

    rename "$helpers/caphealth-collector", "$helpers/away" or die $!;
    rename "$helpers/silent", "$helpers/caphealth-collector" or die $!;
    kill KILL => $nginx->collectors;

    # the disk may become stale before the system

    $text = comes($nginx, '/ready', 503, qr/^\[-\]fresh/);
    like $text, qr/^\[-\]fresh failed: stale, the latest values are of \d{4}-\S+Z(: [^\n]+)?\n/,
         'stale, and since when';
    like $text, qr/^\[-\]memory failed: stale/m, 'and so is what comes with it';
    like $text, qr/^ready check failed$/m, 'the outcome';
    isnt $nginx->get('/health')->{headers}{etag}, $etag, 'another tag';

    is $nginx->get('/live')->{status}, 200, 'it is live nevertheless';

    rename "$helpers/away", "$helpers/caphealth-collector" or die $!;
    comes($nginx, '/ready', 200);
    ok $nginx->stop, 'quits';
};

subtest 'nothing has been collected yet' => sub {
    my $helpers = silent();
    my $nginx = Caphealth::Server->new(
        http => "$calm caphealth_helper_dir $helpers;",
        locations => $probes);

    my $response = $nginx->get('/ready?verbose');

    is $response->{status}, 503, 'not ready';
    like $response->{content}, qr/^\[-\]fresh failed: \S/, 'and why';
    is $nginx->get('/ready?exclude=fresh&exclude=memory&exclude=disk')
           ->{content}, "ok\n", 'unless nobody wants to know';

    my $document = health($nginx, 'fail');

    is $document->{status}, 'fail', 'as a whole';
    is $document->{checks}{'cpu:utilization'}[0]{observedValue}, undef,
       'unknown is null';
    ok !exists $document->{checks}{'cpu:utilization'}[0]{time}, 'of no time';
    is $nginx->get('/health')->{status}, 200, 'the report is 200 nevertheless';
    is $nginx->get('/live')->{status}, 200, 'it lives';
    ok $nginx->stop, 'quits';
};

subtest 'a database that goes away takes nobody out who did not ask' => sub {
    my $database = shop('away');
    my $nginx = Caphealth::Server->new(
        http => "$calm caphealth_database sqlite:$database;",
        locations => $probes . $strict, workers => 2);

    comes($nginx, '/strict?exclude=cpu', 200);
    comes($nginx, '/ready', 200);

    rename $database, "$database.away" or die $!;

    my $text = comes($nginx, '/strict?exclude=cpu', 503);

    like $text, qr/^\[-\]database failed: [^\n]*cannot be opened/m, 'why';
    is $nginx->get('/ready')->{content}, "ok\n", 'ready nevertheless';
    is $nginx->get('/strict?exclude=cpu&exclude=database')->{status}, 200, 'excluded';

    my $document = health($nginx, 'fail');

    is $document->{status}, 'fail', 'as a whole';
    is $document->{checks}{'database:reachable'}[0]{observedValue},
       JSON::PP::false, 'it says what';
    like $document->{output}, qr/database:reachable: /, 'and why';

    rename "$database.away", $database or die $!;

    comes($nginx, '/strict?exclude=cpu', 200);
    health($nginx, 'pass');
    ok $nginx->stop, 'quits';
};

subtest 'a reload judges the same facts by other bounds' => sub {
    my $nginx = Caphealth::Server->new(http => $calm, locations => $probes);

    comes($nginx, '/ready', 200);

    my $tight = $calm =~ s/(memory_percent) +warning=100 critical=100/$1 warning=0 critical=0/r;

    $nginx->configure(http => $tight);
    $nginx->reload;
    like comes($nginx, '/ready', 503), qr/^\[-\]memory failed: [\d.]+ percent, critical from 0 percent$/m,
         'critical now';
    is $nginx->logged(qr/\[alert\]/), 0, 'no alert';
    ok $nginx->stop, 'quits';
};

# a directory with the collector, and with one that is silent

sub helpers {
    my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $collector = $ENV{TEST_NGINX_COLLECTOR} || 'build/caphealth-collector';

    chmod 0755, $dir;
    system('cp', $collector, "$dir/caphealth-collector") == 0 or die;
    system('cp', silent() . '/caphealth-collector', "$dir/silent") == 0 or die;

    return $dir;
}

done_testing;
