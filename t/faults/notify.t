# Notifications of a real nginx to a real receiver: each change once, whatever
# the receiver does, over reloads, restarts and a collector that is killed.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Receiver;
use Caphealth::Server;
use Digest::SHA qw(hmac_sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $secret = 'a secret of a test';

chmod 0755, $dir;

sub spill {
    my ($path, $text) = @_;

    open my $file, '>', $path or die "open() \"$path\" failed: $!\n";
    print {$file} $text;
    close $file or die $!;

    return $path;
}

# root's, and nobody else's: the master reads it

chmod 0600, spill("$dir/secret", "$secret\n");

my $database = shop('notify', <<'SQL');
INSERT INTO vendors (name) VALUES ('Anna');
SQL

# the number of products is the status: 10 is degraded, 20 critical

sub products {
    my ($n) = @_;

    system('sqlite3', '-cmd', '.timeout 5000', $database, <<"SQL") == 0 or die;
DELETE FROM products;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $n)
INSERT INTO products (vendor_id) SELECT 1 FROM n WHERE $n > 0;
SQL

    return;
}

sub directives {
    my (@more) = @_;

    return join "\n", <<"CONF", @more;
caphealth_state_dir         $dir/state;
caphealth_refresh           1s;
caphealth_database          sqlite:$database;
caphealth_database_refresh  1s;
caphealth_threshold cpu_percent    off;
caphealth_threshold memory_percent off;
caphealth_threshold disk_percent   off;
caphealth_threshold products_total warning=10 critical=20 limit=100;
CONF
}

products(1);

my $receiver = Caphealth::Receiver->new;
my $hook = "http://127.0.0.1:$receiver->{port}/hook/T0K3N";

# not what is unknown while a busy machine answers late

my $quick = "caphealth_notify $hook secret=$dir/secret hold=0 interval=0 "
            . 'on=warning,critical,recovery '
            . 'runbooks=https://handbook.test/operations;';

my $nginx = Caphealth::Server->new(
    http      => directives($quick),
    locations => 'location = /metrics { caphealth_metrics; }');

# told(N): waits until so many were delivered, and a moment for one too many

sub told {
    my ($n) = @_;

    $nginx->until(sub { my @all = $receiver->delivered; @all >= $n });

    return $receiver->delivered;
}

sub settled {
    my ($status) = @_;

    return $nginx->report('/health', sub { $_->{overall_status} eq $status });
}

sub metric {
    my ($result) = @_;

    my ($n) = $nginx->get('/metrics')->{content}
        =~ /^caphealth_notifications_total\{result="$result"\} (\d+)$/m;

    return $n;
}

subtest 'a change' => sub {
    settled('healthy');
    sleep 3;

    is scalar(told(0)), 0, 'no notification for a first status of healthy';

    products(20);
    my @told = told(1);

    is scalar @told, 1, 'a change is sent';

    my ($note) = @told;
    my ($request) = $receiver->requests;

    is $request->{line}, 'POST /hook/T0K3N HTTP/1.1', 'a POST to that URL';
    is $request->{headers}{'content-type'}, 'application/json', 'of JSON';
    is $request->{headers}{'x-caphealth-signature'},
       'sha256=' . hmac_sha256_hex($request->{body}, $secret),
       'signed with the secret';
    is $request->{headers}{'idempotency-key'}, "\"$note->{id}\"",
       'with a key';
    like $request->{headers}{'user-agent'}, qr{^caphealth/\d}, 'by us';

    is $note->{kind}, 'critical', 'its kind';
    is "$note->{from} $note->{to}", 'healthy critical', 'from and to';
    ok !$note->{reminder}, 'no reminder';
    is $note->{attempt}, 1, 'the first attempt';
    like $note->{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, $_
        for qw(at since sent_at);
    is $note->{node}, $nginx->json('/health')->{host}, 'the node';
    is $note->{version}, $nginx->json('/health')->{version}, 'the version';
    is_deeply [ map { $_->{subject} } @{ $note->{causes} } ],
              ['products_total'], 'the cause';

    my ($cause) = @{ $note->{causes} };

    is $cause->{status}, 'critical', 'its status';
    is $cause->{code}, 'threshold', 'its code';
    is $cause->{current} . ' of ' . $cause->{bound}, '20 of 20',
       'its numbers';
    like $cause->{sentence}, qr/^Products: 20 products, critical/,
         'its sentence';
    is $cause->{runbook_url}, 'https://handbook.test/operations/'
       . 'capacity-monitoring.html#when-a-threshold-turns', 'its runbook';
    like $note->{summary}, qr/ is critical \(was healthy\): Products: 20 /,
         'a summary';

    $nginx->until(sub { metric('delivered') == 1 });
    is metric('delivered'), 1, 'it is counted';
    is metric($_), 0, "$_: none" for qw(retried abandoned);

    products(1);
    ($note) = (told(2))[1];

    is "$note->{kind} $note->{from} $note->{to}", 'recovery critical healthy',
       'the recovery';
    is_deeply $note->{causes}, [], 'it has no cause';

    sleep 3;
    is scalar(told(2)), 2, 'each once';
};

subtest 'over a reload, a restart and a kill' => sub {
    ok $nginx->reload, 'a reload';
    sleep 3;
    is scalar(told(2)), 2, 'nothing is sent again';

    $nginx->stop;
    products(10);
    $nginx->start;

    my ($note) = (told(3))[2];

    is "$note->{kind} $note->{from} $note->{to}", 'warning healthy degraded',
       'a change while nginx was stopped is sent';

    my $changed = directives($quick) =~ s/warning=10 critical=20/warning=90 critical=95/r;

    $nginx->configure(http => $changed);
    ok $nginx->reload, 'a reload with other bounds';

    ($note) = (told(4))[3];

    is "$note->{kind} $note->{from} $note->{to}", 'recovery degraded healthy',
       'a change by a reload is sent';

    $nginx->configure(http => directives($quick));
    ok $nginx->reload, 'and back';
    is((told(5))[4]{kind}, 'warning', 'that, too');

    kill KILL => $nginx->collector;
    $nginx->until(sub { $nginx->logged(qr/collector \d+ exited/) });
    $nginx->collector;
    sleep 4;
    is scalar(told(5)), 5, 'a new collector sends nothing again';

    products(1);
    is((told(6))[5]{kind}, 'recovery', 'and goes on');
};

subtest 'a receiver that fails' => sub {
    $receiver->does('500');
    products(20);

    $nginx->until(sub {
        2 <= grep { $_->{does} eq '500' } $receiver->requests });

    my @failed = grep { $_->{does} eq '500' } $receiver->requests;
    my @bodies = map { decode_json($_->{body}) } @failed;

    cmp_ok scalar @failed, '>=', 2, 'it is tried again';
    is $bodies[1]{id}, $bodies[0]{id}, 'with the same id';
    is $bodies[1]{attempt}, 2, 'and its number';
    is $_->{headers}{'x-caphealth-signature'},
       'sha256=' . hmac_sha256_hex($_->{body}, $secret), 'signed again'
        for $failed[1];
    is $nginx->logged(qr{^\d{4}/\d\d/\d\d\ [\d:]{8}\ \[error\]\ \d+\#\d+:\ caphealth-
                         collector:\ .*\ not\ delivered:\ it\ answered\ with\ 500}x),
       1, 'the log says so once, in a line as those of nginx';
    is $nginx->logged(qr/T0K3N/), 0, 'without the secret part of the URL';

    $receiver->does('429 Retry-After: 4');

    $nginx->until(sub {
        grep { $_->{does} =~ /^429/ } $receiver->requests });

    my ($busy) = grep { $_->{does} =~ /^429/ } $receiver->requests;

    $receiver->does('200');

    my ($note) = (told(7))[6];
    my ($then) = (grep { $_->{does} eq '200' } $receiver->requests)[-1];

    is $note->{id}, $bodies[0]{id}, 'delivered at last';
    cmp_ok $then->{time} - $busy->{time}, '>=', 3.9, 'Retry-After is kept';
    is $nginx->logged_times(qr/\[notice\] .* delivered after \d+ attempts/, 1), 1,
       'the log says so';

    products(1);
    told(8);
    ok $nginx->until(sub { metric('retried') >= 3 }), 'counted';
};

subtest 'one that hangs, and one that resets' => sub {
    my $timed_out = qr/not delivered: .*timed out/i;

    $receiver->does('hang');
    products(20);

    $nginx->until(sub {
        grep { $_->{does} eq 'hang' } $receiver->requests });

    my $before = $nginx->json('/health')->{timestamp};

    ok $nginx->report('/health', sub { $_->{timestamp} gt $before }),
       'new facts come';
    is $nginx->logged($timed_out), 0, 'no source waits for it';
    settled('critical');

    ok $nginx->until(sub { $nginx->logged($timed_out) }), 'it times out';

    $receiver->does('reset');

    ok $nginx->until(sub {
        grep { $_->{does} eq 'reset' } $receiver->requests }),
        'the next is reset';

    # away, and a restart of nginx: what waits is in the file

    $receiver->close_down;
    $nginx->stop;
    $receiver->does('200');
    $receiver->listen;
    $nginx->start;

    my ($note) = (told(9))[8];

    is $note->{kind}, 'critical', 'delivered by the next nginx';
    cmp_ok $note->{attempt}, '>=', 3, 'which counts on';

    products(1);
    is((told(10))[9]{kind}, 'recovery', 'the next');
};

subtest 'one that refuses' => sub {
    for my $status (404, '302 Location: http://127.0.0.1/elsewhere') {
        my ($code) = split / /, $status;

        $receiver->does($status);
        products(20);

        $nginx->until(sub {
            $nginx->logged(qr/is not tried again: it answered with $code/) });

        is scalar(grep { $_->{does} eq $status } $receiver->requests), 1,
           "$code: not tried again";

        products(1);
        settled('healthy');
        $nginx->until(sub {
            $nginx->logged(qr/is not tried again: it answered with $code/)
                >= 2 });
        $receiver->does('200');
    }

    $nginx->until(sub { metric('abandoned') == 4 });
    is metric('abandoned'), 4, 'counted';
    is scalar(told(10)), 10, 'nothing was delivered';
};

subtest 'a value that swings' => sub {
    $nginx->configure(http => directives(
        $quick =~ s/hold=0 interval=0/hold=6s interval=15s/r));
    ok $nginx->reload, 'a reload';

    my $end = time + 20;

    while (time < $end) {
        products(20);
        settled('critical');
        sleep 1;
        products(1);
        settled('healthy');
        sleep 1;
    }

    is scalar(told(10)), 10, 'it is not sent';

    products(20);
    is((told(11))[10]{kind}, 'critical', 'a status that lasts is sent');
    products(1);
    is((told(12))[11]{kind}, 'recovery', 'so is the recovery');
};

subtest 'a reminder, and other formats' => sub {
    my $chat = Caphealth::Receiver->new;
    my $alerts = Caphealth::Receiver->new;

    $nginx->configure(http => directives(
        "caphealth_notify http://127.0.0.1:$chat->{port}/ format=slack "
        . 'on=warning hold=0 interval=0;',
        "caphealth_notify http://127.0.0.1:$alerts->{port}/api/v2/alerts "
        . 'format=alertmanager remind=1h hold=0 interval=0;'));
    ok $nginx->reload, 'a reload';

    products(10);

    ok $nginx->until(sub { $chat->delivered && $alerts->delivered }),
       'both are sent';

    like(($chat->delivered)[0]{text},
         qr/ is degraded(?: \(was healthy\))?: Products: 10 products, warning/,
         'a text for chats');

    my ($first) = map { decode_json($_->{body}) } $alerts->requests;
    my %ends = map { $_->{labels}{status} => $_ } @$first;

    is_deeply [ sort keys %ends ], [qw(critical degraded unknown)],
              'an alert a status';
    cmp_ok $ends{degraded}{endsAt}, 'gt', $ends{critical}{endsAt},
           'of which one fires';
    is $ends{degraded}{labels}{severity}, 'warning', 'its severity';

    products(1);
    $nginx->until(sub { my @n = $alerts->requests; @n >= 2 });

    sleep 2;
    is scalar(my @chat = $chat->requests), 1,
       'who wants no recovery hears of none';
};

subtest 'TLS' => sub {
    system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -batch "
           . "-subj /CN=localhost -addext subjectAltName=DNS:localhost "
           . "-keyout $dir/key.pem -out $dir/cert.pem 2> /dev/null") == 0
        or die 'openssl';

    chmod 0644, "$dir/cert.pem";

    my $secure = Caphealth::Receiver->new(cert => "$dir/cert.pem",
                                          key => "$dir/key.pem");
    my $url = "https://localhost:$secure->{port}/";

    $nginx->configure(http => directives(
        "caphealth_notify $url hold=0 interval=0;"));
    ok $nginx->reload, 'a reload';
    products(20);

    ok $nginx->until(sub {
        $nginx->logged(qr/"\Qhttps:\/\/localhost:$secure->{port}\E" was not delivered: .*certificate/) }),
        'a certificate that nobody has signed is refused';
    is scalar(my @none = $secure->requests), 0, 'and nothing was sent';

    $nginx->configure(http => directives(
        "caphealth_notify $url ca=$dir/cert.pem hold=0 interval=0;"));
    ok $nginx->reload, 'a reload';

    ok $nginx->until(sub { $secure->delivered }),
       'one that is trusted is not';
};

subtest 'a state directory that cannot be used' => sub {
    my ($file) = glob "$dir/state/notify-*.json";

    for (glob "$dir/state/notify-*.json") { spill($_, '{"version":1}') }

    $nginx->configure(http => directives($quick));
    ok $nginx->reload, 'a reload';
    ok $nginx->until(sub { $nginx->logged(qr/notify-\w+\.json" is damaged/) }),
       'a damaged file is logged';

    products(1);
    settled('healthy');

    my $n = () = $receiver->delivered;

    products(20);
    ok $nginx->until(sub { my @all = $receiver->delivered; @all > $n }),
       'and it goes on';
};

$nginx->stop;
is join('', grep { !/collector \d+ exited on signal 9/ }
   split /^/, $nginx->alerts), '', 'no alerts but of the one that was killed';
ok $nginx->sane, 'sane';

done_testing;
