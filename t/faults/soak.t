# Everything that clients do, while everything goes wrong that can be made to:
# each failure has a fault that explains it, nothing is lost, nothing grows.
#
# CAPHEALTH_SOAK_SECONDS says for how long, CAPHEALTH_SEED repeats a run.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Postgres;
use Caphealth::Tree qw(find_tree settled stats);
use Caphealth::Upload qw(photo form);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use List::Util qw(max min sum0);
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{CAPHEALTH_SOAK_SECONDS} || 20;
my $seed = $ENV{CAPHEALTH_SEED} || int time;

my %good = (
    small => [ photo('64x48'), {} ],
    photo => [ photo('1200x900'), {} ],
    png   => [ photo('300x200', 'png'), {} ],
    webp  => [ photo('300x200', 'webp'), {} ],
    form  => [ form('a.jpg' => photo('64x48'), 'b.png' => photo('9x9', 'png')) ],
);

my %bad = (
    text      => [ 'This is not an image.', {} ],
    truncated => [ substr(photo('300x200'), 0, 2000), {} ],
    garbled   => [ substr(photo('300x200'), 0, 400) . 'x' x 9000, {} ],
    headless  => [ 'no boundary', { 'Content-Type' => 'multipart/form-data' } ],
);

# mounting needs a privilege that a test may not have

my $disk = tempdir('caphealth-XXXXXX', TMPDIR => 1);

chmod 0755, $disk;

my $mounted = system("mount -t tmpfs -o size=96m tmpfs $disk 2> /dev/null") == 0;
my $postgres = Caphealth::Postgres->new;

$postgres->shop("INSERT INTO vendors (name) VALUES ('Ann'), ('Bob');
                 INSERT INTO products (vendor_id) VALUES (1), (1), (2);");

mkdir "$disk/images";

my $nginx = Caphealth::Upload->new(
    workers  => 2,
    root     => "$disk/images",
    location => 'caphealth_image_delete on;',
    http     => 'caphealth_database ' . $postgres->url . ';
                 caphealth_refresh 1s; caphealth_database_refresh 1s;
                 caphealth_timeout 2s;
                 caphealth_image_scan 2s; caphealth_image_scan_share 100%;',
);

$nginx->configure(locations => "$nginx->{locations}
    location /admin { caphealth_dashboard; }
    location /metrics { caphealth_metrics; }
    location /live { caphealth_probe live; }
    location /ready { caphealth_probe ready fresh database; }");

ok $nginx->reload, 'starts';
settled($nginx);

# --- those who ask ---

# ask(METHOD, URL PATH, OPTIONS): the status, or 0 without an answer, and what
# happened when

sub ask {
    my ($events, $name, $method, $path, $options) = @_;

    my $start = time;
    my $response = HTTP::Tiny->new(timeout => 30, keep_alive => 0)->request(
        $method, "http://127.0.0.1:$nginx->{port}$path", $options // {});
    my $status = $response->{status} == 599 ? 0 : $response->{status};

    push @$events, { name => $name, status => $status, start => $start,
                     end => time };

    return $response;
}

my @paths = qw(/health /capacity /stats /admin /metrics /live /ready /pid);

sub reader {
    my ($i, $until) = @_;

    my @events;

    srand $seed + $i;

    while (time < $until) {
        my $path = $paths[rand @paths];
        my $response = ask(\@events, "GET $path", 'GET', $path);

        if ($path eq '/admin' && $response->{content} =~ /href="([^"]+\.css)"/) {
            ask(\@events, 'GET a file of the page', 'GET', $1);
        }

        sleep rand 0.02;
    }

    return encode_json(\@events);
}

# a client that goes away in the middle of its upload

sub leave {
    my ($content) = @{ $good{photo} };

    # its worker may be killed

    local $SIG{PIPE} = 'IGNORE';

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $nginx->{port}) or return;

    print $socket "POST /upload HTTP/1.1\r\nHost: localhost\r\n",
                  'Content-Length: ', length $content, "\r\n\r\n",
                  substr $content, 0, rand length $content;
    $socket->flush;
    sleep rand 0.02;

    return close $socket;
}

sub shopkeeper {
    my ($i, $until) = @_;

    my (@events, @mine);

    srand $seed + $i;

    while (time < $until) {
        if (@mine && rand() < 0.45) {
            my $id = splice @mine, rand @mine, 1;

            ask(\@events, 'DELETE', 'DELETE', "/upload/$id");
            next;
        }

        if (rand() < 0.05) {
            leave();
            next;
        }

        my $from = rand() < 0.25 ? \%bad : \%good;
        my $kind = (sort keys %$from)[rand keys %$from];
        my ($content, $headers) = @{ $from->{$kind} };
        my $response = ask(\@events, "POST $kind", 'POST', '/upload',
                           { content => $content, headers => $headers });

        push @mine, map { $_->{id} }
                    @{ decode_json($response->{content})->{images} }
            if $response->{status} == 201;

        sleep rand 0.05;
    }

    return encode_json(\@events);
}

# --- what goes wrong ---

my %fault = (
    reload     => sub { kill HUP => $nginx->master },
    worker     => sub { one('KILL', $nginx->workers) },
    collector  => sub { one('KILL', $nginx->collectors) },
    hang       => sub { one('STOP', $nginx->collectors) },
    converter  => sub { one('KILL', $nginx->converters) },
    database   => sub { $postgres->stop; sleep 1 + rand 2; $postgres->start },
    silence    => sub {
        $postgres->signal('STOP');
        sleep 1 + rand 3;
        $postgres->signal('CONT');
    },
    full       => \&fill_disk,
);

sub one {
    my ($signal, @pids) = @_;

    kill $signal => $pids[rand @pids] if @pids;

    return;
}

sub fill_disk {
    return if !$mounted;

    system("dd if=/dev/zero of=$disk/filler bs=64k 2> /dev/null");
    sleep 0.5 + rand;
    unlink "$disk/filler";

    return;
}

# in the second half the workers live on, or a leak of theirs would not be seen

sub disturber {
    my ($until) = @_;

    my @faults;
    my @all = sort keys %fault;
    my @later = grep { !/^(?:reload|worker)$/ } @all;

    srand $seed - 1;

    while (time < $until) {
        my $start = time;
        my @kinds = $start < $until - $seconds / 2 ? @all : @later;
        my $name = $kinds[rand @kinds];

        $fault{$name}->();
        push @faults, { name => $name, start => $start, end => time };

        sleep 0.2 + rand 1.5;
    }

    return encode_json(\@faults);
}

# --- what all of them take ---

my %kind = (worker => qr/^nginx: worker process(?! is shutting down)/,
            collector => qr/caphealth-collector/,
            converter => qr/caphealth-converter/);

sub sampler {
    my ($until) = @_;

    my @samples;

    while (time < $until) {
        my %sample;

        for my $kind (sort keys %kind) {
            my @pids = $nginx->pids($kind{$kind});

            $sample{$kind} = max(0, map { resident($_) } @pids);
            $sample{descriptors} += sum0(map { scalar(() = glob "/proc/$_/fd/*") }
                                         @pids);
        }

        my $master = $nginx->master;

        $sample{master} = resident($master);
        $sample{'master descriptors'} = () = glob "/proc/$master/fd/*";

        push @samples, \%sample;
        sleep 1;
    }

    return encode_json(\@samples);
}

# in KiB

sub resident {
    my ($pid) = @_;

    open my $file, '<', "/proc/$pid/statm" or return 0;

    return 4 * ((split ' ', <$file> // '0 0')[1] // 0);
}

# --- an hour, or a few seconds ---

my $until = time + $seconds;
my ($faults, $samples, @events) = map { decode_json($_) } $nginx->parallel(6, sub {
    my ($i) = @_;

    return $i == 0 ? disturber($until)
         : $i == 1 ? sampler($until)
         : $i < 4 ? reader($i, $until) : shopkeeper($i, $until);
});

my %done;

$done{ $_->{name} }++ for @$faults;
diag "seed $seed: ", join ', ', map { "$_ $done{$_}" } sort keys %done
    if $ENV{CAPHEALTH_SOAK_SECONDS};

# --- each failure is explained ---

# what a fault may lead to, and for how many seconds after it

my %excuse = (
    worker    => { after => 1, statuses => { 0 => 1 } },
    converter => { after => 2, statuses => { 422 => 1, 503 => 1 } },
    full      => { after => 1, statuses => { 507 => 1, 500 => 1 } },
);

# what has an effect on the facts, and for how long at most until they are
# fresh again, the collector's growing pause and a probe that waits included

my %unready = map { $_ => 60 }
              qw(worker collector hang reload database silence);

my %wanted = (
    text      => { 415 => 1 },
    truncated => { 201 => 1, 422 => 1 },
    garbled   => { 201 => 1, 422 => 1 },
    headless  => { 400 => 1 },
);

sub expected {
    my ($event) = @_;

    return $event->{status} == 200 if $event->{name} =~ /^GET/;

    # one whose upload was answered, but whose worker was killed, is gone

    return $event->{status} == 204 if $event->{name} eq 'DELETE';

    my ($kind) = $event->{name} =~ /^POST (\w+)/;

    return $wanted{$kind}{ $event->{status} } if $wanted{$kind};

    return $event->{status} == 201;
}

sub excused {
    my ($event) = @_;

    for my $fault (@$faults) {
        my $excuse = $excuse{ $fault->{name} } or next;

        return 1 if $excuse->{statuses}{ $event->{status} }
                    && $event->{end} >= $fault->{start}
                    && $event->{start} <= $fault->{end} + $excuse->{after};
    }

    # the queue is full, and says so; the facts are not there, and it says so

    return $event->{name} =~ /^POST/ && $event->{status} == 503
           || $event->{name} eq 'GET /ready' && $event->{status} == 503
              && grep { $event->{start} <= $_->{end} + $unready{ $_->{name} }
                        && $event->{end} >= $_->{start} }
                 grep { $unready{ $_->{name} } } @$faults;
}

my @all = map { @$_ } @events;
my @strange = grep { !expected($_) && !excused($_) } @all;

cmp_ok scalar @all, '>', 10 * $seconds, 'there was a load: ' . @all;
cmp_ok scalar(grep { $_->{status} == 201 } @all), '>', $seconds,
       'most uploads worked';
is scalar @strange, 0, 'no request failed that was not meant to'
    or diag "seed $seed\n", map { encode_json($_) . "\n" } @strange[0 .. 9],
            $nginx->log;

# --- nothing is lost, and it heals ---

kill CONT => $nginx->collectors;

ok $nginx->until(sub { $nginx->workers == 2 && $nginx->collectors == 1 }),
   'two workers and a collector';
ok $nginx->until(sub {
    my $health = $nginx->json('/health');

    return !$health->{stale} && $health->{database}{reachable}
           && $health->{database}{products_count} == 3;
}), 'the facts are fresh';

ok $nginx->until(sub { $nginx->get('/ready')->{status} == 200 }),
   'it is ready';
cmp_ok scalar(grep { $_->{name} eq 'GET /ready' && $_->{status} == 200 } @all),
       '>', 0, 'and was at times';

sleep 1;
settled($nginx);
is_deeply stats($nginx), find_tree($nginx->{root}), 'counted as find counts';
is $nginx->post(@{ $good{small} })->{status}, 201, 'the next upload works';

# --- nothing grows: the last quarter beside the one before ---

sub median {
    my @sorted = sort { $a <=> $b } @_;

    return $sorted[@sorted / 2] // 0;
}

# as blocks of eight heights, at most 60 of them

sub chart {
    my @values = @_;

    my $top = max(1, @values);
    my $width = min(60, scalar @values);

    return join '', map {
        chr 0x2581 + int 7 * $values[$_ * @values / $width] / $top
    } 0 .. $width - 1;
}

binmode Test::More->builder->$_, ':encoding(UTF-8)'
    for qw(output failure_output);

# in KiB; in seconds a worker's threads do not all get their first piece of
# memory, nor a converter its largest image

my $growth = $seconds < 600 ? 8192 : 768;

# the address sanitizer keeps that much of what was freed

$growth += 256 * 1024 if $ENV{TEST_NGINX_PRELOAD};

for my $what (sort keys %{ $samples->[0] }) {

    # one that dies again and again is away for longer and longer

    my @values = grep { $_ > 0 } map { $_->{$what} } @$samples;
    my $n = @values;
    my $middle = median(@values[$n / 2 .. 3 * $n / 4]);
    my $end = median(@values[3 * $n / 4 .. $n - 1]);

    diag sprintf '%-18s %7d %7d  %s', $what, $middle, $end, chart(@values)
        if $ENV{CAPHEALTH_SOAK_SECONDS};

    cmp_ok $middle, '>', 0, "$what: looked at";
    cmp_ok $end, '<=', $middle + ($what =~ /descriptors/ ? 12 : $growth),
           "$what: flat";
}

# --- nothing is alarming that no fault explains ---

my @alerts = grep { /\[(?:alert|emerg)\]/ } split /\n/, $nginx->log;
my @unexplained = grep { !/exited on signal 9/ } @alerts;

is scalar @unexplained, 0, 'no alert that no fault explains'
    or diag join "\n", "seed $seed", @unexplained;

ok $nginx->stop, 'quits';

if ($mounted) {
    system("umount $disk") == 0 or diag 'umount';
}

system("rm -rf $disk");

done_testing;
