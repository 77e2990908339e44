# Many, slow and large: what is refused, and how, and that the rest goes on.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Upload qw(photo form);
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

my $photo = photo('64x48');

# a head, and what is read of an answer's: its status, and one header

sub head {
    my ($line, @headers) = @_;

    return join "\r\n", "$line HTTP/1.1", 'Host: localhost', @headers, '', '';
}

sub answer {
    my ($socket) = @_;

    my $head = '';

    while (my $line = readline $socket) {
        last if $line eq "\r\n";
        $head .= $line;
    }

    my ($status) = $head =~ m{^HTTP/1\.1 (\d+)} or return 'none';
    my ($length) = $head =~ /^Content-Length: (\d+)/mi;

    read $socket, my $body, $length // 0;

    return $head =~ /^Retry-After: \d+/mi ? "$status+retry" : $status;
}

sub tally {
    my %count;

    $count{$_}++ for map { split ' ' } @_;

    return \%count;
}

# how many connections of clients the workers hold

sub held {
    my ($nginx) = @_;

    my $n = 0;

    for my $pid ($nginx->workers) {
        $n += grep { (readlink $_ // '') =~ /^socket:/ } glob "/proc/$pid/fd/*";
    }

    return $n;
}

# root may raise the limit, but under Valgrind nobody may

my $valgrind = $ENV{TEST_NGINX_USE_VALGRIND};
my $ulimit = $valgrind ? 'ulimit -n' : 'ulimit -Hn';
my ($limit) = `sh -c '$ulimit'` =~ /(\d+)/;

SKIP: {
    skip 'a process may have fewer than 12,000 descriptors here', 1
        if ($> != 0 || $valgrind) && defined $limit && $limit < 12_000;

    subtest 'ten thousand idle connections' => sub {
        my $nginx = Caphealth::Upload->new(
            workers     => 2,
            connections => 12_000,
            main        => $valgrind ? '' : 'worker_rlimit_nofile 12000;',
            http        => 'keepalive_timeout 120s;',
        );

        $nginx->post($photo);

        my $before = $nginx->descriptors;
        my $sockets = held($nginx);

        # those that hold them wait for the end of this

        pipe my $wait, my $go or die "pipe: $!";

        my @holders;

        for (1 .. 20) {
            my $pid = open(my $pipe, '-|') // die "fork: $!";

            if ($pid == 0) {
                close $go;
                hold($nginx, 500, $wait);
            }

            push @holders, $pipe;
        }

        close $wait;

        my @held = map { scalar readline $_ } @holders;

        is_deeply tally(@held), { 200 => 10_000 },
            'each was answered the health, and stays';
        cmp_ok held($nginx) - $sockets, '>=', 10_000, 'the workers hold them';

        is $nginx->get('/health')->{status}, 200, 'the health is answered';
        is $nginx->get('/capacity')->{status}, 200, 'the capacity';
        is $nginx->get('/stats')->{status}, 200, 'the image stats';
        is $nginx->get('/pid')->{status}, 200, 'another location';
        is $nginx->post($photo)->{status}, 201, 'an upload';

        close $go;
        readline $_ for @holders;
        close $_ for @holders;

        ok $nginx->idle($before), 'no descriptor is left open';

        # a second worker may have a converter by now

        ok $nginx->until(sub { held($nginx) < $sockets + 10 }),
            'nor a connection';
        is $nginx->alerts, '', 'nothing is alarming';
        ok $nginx->stop, 'quits';
    };
}

sub hold {
    my ($nginx, $n, $wait) = @_;

    $| = 1;

    my @sockets = map { $nginx->raw(head('GET /health')) } 1 .. $n;
    my @statuses = map { answer($_) } @sockets;

    print "@statuses\n";
    readline $wait;

    require POSIX;
    POSIX::_exit(0);
}

subtest 'a thousand uploads at once' => sub {
    my $nginx = Caphealth::Upload->new(connections => 2048);

    $nginx->post($photo);

    my $before = $nginx->descriptors;
    my $others = 0;

    my @answers = $nginx->parallel(11, sub {
        my ($i) = @_;

        # one who asks for other things meanwhile

        if ($i == 10) {
            return join ' ', map { sleep 0.02; 'other:'
                                   . $nginx->get($_)->{status} }
                             ('/health', '/pid', '/stats') x 10;
        }

        my @sockets = map {
            $nginx->raw(head('POST /upload', 'Connection: close',
                             'Content-Length: ' . length $photo))
        } 1 .. 100;

        print {$_} $photo for @sockets;
        $_->flush for @sockets;

        return join ' ', map { answer($_) } @sockets;
    });

    my $count = tally(@answers);

    is delete $count->{'other:200'}, 30, 'other requests are answered';

    my $stored = delete $count->{201};
    my $refused = delete $count->{'503+retry'} // 0;

    is_deeply $count, {}, 'an upload is stored, or refused until later';
    is $stored + $refused, 1000, 'each has an answer';
    cmp_ok $stored, '>=', 32, "those that fit into the queue are ($stored)";
    is keys %{ $nginx->sets }, 1 + $stored, 'and are on the disk';
    ok $nginx->until(sub {
        $nginx->json('/stats')->{products_estimated} == 1 + $stored
    }), 'and counted';
    ok $nginx->idle($before), 'no descriptor is left open';
    is $nginx->post($photo)->{status}, 201, 'the next upload works';
    ok $nginx->stop, 'quits';
};

subtest 'slow ones' => sub {
    my $nginx = Caphealth::Upload->new(
        http => 'client_header_timeout 1s; caphealth_image_queue 4;',
        location => 'client_body_timeout 1s; }
                     location /patient { caphealth_image_upload; ',
    );

    $nginx->post($photo);

    my $before = $nginx->descriptors;

    # heads that never end, bodies that never end, and bodies by the byte

    my @heads = map { $nginx->raw("POST /upload HTTP/1.1\r\nHost: x\r\n") }
                1 .. 100;
    my @bodies = map {
        $nginx->raw(head('POST /upload', 'Content-Length: 100000') . $photo)
    } 1 .. 100;
    my @bytes = map {
        $nginx->raw(head('POST /patient', 'Content-Length: ' . length $photo))
    } 1 .. 3;

    for my $i (0 .. 9) {
        print {$_} substr $photo, $i, 1 for @bytes;
        $_->flush for @bytes;
        sleep 0.05;
    }

    # what waits for its body takes no place in the queue

    is $nginx->post($photo)->{status}, 201, 'an upload beside them works';
    is $nginx->get('/health')->{status}, 200, 'and the health';

    print {$_} substr $photo, 10 for @bytes;
    $_->flush for @bytes;

    is_deeply tally(map { answer($_) } @bytes), { 201 => 3 },
        'one that is only slow is stored';
    is_deeply tally(map { answer($_) } @bodies), { none => 100 },
        'a body that does not come is given up';
    is_deeply tally(map { answer($_) } @heads), { none => 100 },
        'so is a head';

    close $_ for @heads, @bodies, @bytes;

    ok $nginx->idle($before), 'no descriptor is left open';
    is keys %{ $nginx->sets }, 5, 'nothing else is stored';
    is scalar(glob "$nginx->{prefix}/tmp/*"), undef,
       'no temporary file is left';
    ok $nginx->stop, 'quits';
};

subtest 'large heads' => sub {
    my $nginx = Caphealth::Upload->new;
    my $large = 'x' x 10_000;

    for my $case ([400, head('POST /upload', "X-Large: $large")],
                  [400, head("GET /health", map { "X-$_: $large" } 1 .. 4)],
                  [414, head("GET /health?$large")],
                  [501, head('POST /upload', 'Transfer-Encoding: gzip')],
                  [413, head('POST /upload', 'Content-Length: 999999999')])
    {
        my ($status, $bytes) = @$case;

        is answer($nginx->raw($bytes)), $status,
           "$status for " . join ', ', map { substr $_, 0, 24 }
                                       split /\r\n/, $bytes;
    }

    my ($body, $headers) = form('a.jpg' => $photo);

    is $nginx->post($body =~ s/filename="a/filename="$large/r, $headers)
             ->{status}, 400, 'a part with a large head';
    is $nginx->post($body, { 'Content-Type' =>
                             "multipart/form-data; boundary=$large" })
             ->{status}, 400, 'a boundary that is too large';
    is $nginx->post($body, $headers)->{status}, 201, 'the next upload works';
    ok $nginx->stop, 'quits';
};

done_testing;
