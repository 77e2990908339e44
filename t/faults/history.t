# The history of a real nginx: what is kept, over reloads, kills, a damaged file,
# one of a newer version, a disk that is full, and what is answered of it.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Server;
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Uncompress::Gunzip qw(gunzip);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep);

my $calm = <<'END';
caphealth_refresh 1s;
caphealth_disk    /;
caphealth_threshold cpu_percent off;
caphealth_threshold memory_percent off;
END

my $location = 'location = /history { caphealth_history; }';
my $state = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $state;

my $nginx = Caphealth::Server->new(
    http      => "$calm caphealth_state_dir $state/state;",
    locations => $location);

# the document, once it is so

sub comes {
    my ($code, $query) = @_;

    my $response;

    $nginx->until(sub {
        $response = $nginx->get('/history' . ($query // ''));
        local $_ = decode_json($response->{content});
        $response->{status} == 200 && $code->();
    }, 75) or diag "$response->{status} " . substr $response->{content}, 0, 999;

    return decode_json($response->{content});
}

sub kinds { return join ' ', map { $_->{kind} } @{ $_[0]{events} } }

sub known {
    my ($document, $name) = @_;

    return grep { defined } @{ $document->{series}{$name}{mean} // [] };
}

subtest 'a start' => sub {
    # the first document may have been written before the disk was looked at

    my $document = comes(sub {
        kinds($_) =~ /start/ && known($_, 'disk_percent:/');
    });

    is $document->{window}, '2h', 'the window';
    is $document->{step}, 10, 'the step';
    is kinds($document), 'start', 'the start is an event';
    ok known($document, 'memory_percent'), 'the memory is known';
    ok $document->{series}{'disk_percent:/'}, 'so is a disk';

    my @files = map { "history-$_.json" } qw(2h 2d 60d 3y);
    my $wanted = join ' ', sort @files, map { "$_.gz" } @files;
    my $there = sub {
        join ' ', sort map { s{.*/}{}r } glob "$state/state/history*.json*";
    };

    $nginx->until(sub { $there->() eq $wanted });
    is $there->(), $wanted, 'the documents';
    ok !(grep { (stat)[2] & 077 } glob "$state/state/history*"),
       'nobody else may read them';
};

subtest 'what may be asked' => sub {
    for my $window (qw(2h 2d 60d 3y)) {
        my $response = $nginx->get("/history?window=$window");
        my $document = decode_json($response->{content});

        is $document->{window}, $window, $window;
        is $response->{headers}{'content-type'}, 'application/json', 'its type';
        is $response->{headers}{'cache-control'}, 'private, no-cache',
           'it is asked about';
    }

    my $response = $nginx->get('/history?window=2d');
    my $etag = $response->{headers}{etag};
    my $modified = $response->{headers}{'last-modified'};

    is $nginx->get('/history?window=2d',
                   { 'If-None-Match' => $etag })->{status}, 304, '304 by tag';
    is $nginx->get('/history?window=2d',
                   { 'If-Modified-Since' => $modified })->{status}, 304,
       'and by time';

    my $part = $nginx->get('/history?window=2d', { Range => 'bytes=2-9' });

    is $part->{status}, 206, 'a range';
    is $part->{content}, substr($response->{content}, 2, 8), 'of it';

    my $packed = $nginx->get('/history?window=2d',
                             { 'Accept-Encoding' => 'gzip' });
    my $plain;

    is $packed->{headers}{'content-encoding'}, 'gzip', 'compressed';
    gunzip(\$packed->{content}, \$plain);
    is decode_json($plain)->{window}, '2d', 'the same';

    my $head = $nginx->{client}->head(
        "http://127.0.0.1:$nginx->{port}/history?window=2d");

    is $head->{status}, 200, 'HEAD';
    is $head->{content} // '', '', 'has no body';

    my $document = decode_json($nginx->get(
        '/history?series=memory_percent,disk_percent:%2F,none')->{content});

    is_deeply [sort keys %{ $document->{series} }],
              ['disk_percent:/', 'memory_percent'], 'two series';

    my $old = decode_json($nginx->get(
        '/history?from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z')
        ->{content});

    is $old->{window}, '3y', 'the window that reaches back furthest';
    is $old->{columns}, 0, 'nothing is known of then';
    is_deeply $old->{events}, [], 'and nothing happened';

    my $csv = $nginx->get('/history?series=memory_percent',
                          { Accept => 'text/csv' });

    is $csv->{headers}{'content-type'}, 'text/csv; charset=utf-8', 'CSV';
    like $csv->{content}, qr/\Atime,"memory_percent\ min",
        "memory_percent\ mean","memory_percent\ max"\r\n
        \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ,[\d.]+,[\d.]+,[\d.]+\r\n/x, 'its rows';

    for (['window=1h', qr/"window" must be 2h, 2d, 60d or 3y/],
         ['x=1', qr/unknown argument/],
         ['from=yesterday', qr/"from" must be a time by RFC 3339/],
         ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
          qr/"from" must be before "to"/],
         ['series=', qr/"series" must be/])
    {
        my ($query, $like) = @$_;
        my $refused = $nginx->get("/history?$query");
        my $problem = decode_json($refused->{content});

        is $refused->{status}, 400, $query;
        like $problem->{detail}, $like, 'and why';
        is $problem->{type}, 'urn:caphealth:problem:invalid-query', 'its type';
    }

    my $post = $nginx->{client}->post(
        "http://127.0.0.1:$nginx->{port}/history");

    is $post->{status}, 405, 'POST';
};

subtest 'a reload' => sub {
    ok $nginx->reload, 'reload';

    my $document = comes(sub { kinds($_) =~ /reload/ });

    like kinds($document), qr/start.*reload/, 'is an event, and the start is kept';
};

subtest 'a collector that is killed' => sub {
    my $pid = $nginx->collector;

    kill KILL => $pid;
    ok $nginx->until(sub { $nginx->collector != $pid }), 'it is replaced';

    my $document = comes(sub { kinds($_) =~ /reload/ });

    like kinds($document), qr/start/, 'nothing that was written is lost';
};

subtest 'a damaged file, and one of a newer version' => sub {
    $nginx->stop;

    open my $file, '+<', "$state/state/history.sqlite" or die $!;
    print {$file} 'no database' x 100;
    close $file;

    $nginx->start;

    ok $nginx->until(sub { -e "$state/state/history.sqlite.damaged" }),
       'is set aside';
    like join("\n", map { $_->{text} }
                    @{ comes(sub { kinds($_) =~ /history/ })->{events} }),
         qr/the file is damaged, and was set aside/, 'it is an event';
    is $nginx->logged(
           qr/history\.sqlite": the file is damaged, and was set aside/), 1,
       'and is logged once';

    $nginx->stop;
    is system('sqlite3', "$state/state/history.sqlite",
              'PRAGMA user_version=99'), 0, 'a newer one';
    $nginx->start;

    ok $nginx->until(sub { -e "$state/state/history.sqlite.newer" }),
       'is set aside';
    is $nginx->logged_times(qr/a newer version has written the file/, 1), 1,
       'and is logged once';
};

subtest 'a disk that is full' => sub {
    plan skip_all => 'it needs root' if $> != 0;

    $nginx->stop;

    mkdir "$state/small";
    plan skip_all => 'no file system can be mounted'
        if system("mount -t tmpfs -o size=256k tmpfs $state/small") != 0;

    chmod 0700, "$state/small";
    open my $fill, '>', "$state/small/fill";
    syswrite $fill, "\0" x 4096 for 1 .. 64;
    close $fill;

    $nginx->configure(http => "$calm caphealth_state_dir $state/small;");
    $nginx->start;

    ok $nginx->until(sub {
        $nginx->logged(
            qr{\[error\].*caphealth history in "$state/small" is not written:});
    }), 'is an error';

    my $response = $nginx->get('/history');

    is $response->{status}, 404, 'there is none yet';
    is decode_json($response->{content})->{type},
       'urn:caphealth:problem:no-history', 'which the problem names';
    is $nginx->get('/health')->{status}, 200, 'the rest goes on';

    unlink "$state/small/fill";

    ok $nginx->until(sub {
        $nginx->logged(qr/\[notice\].*caphealth\ history\ in.*written\ again/x)
    }, 90), 'it is written when there is room again';
    ok known(comes(sub { kinds($_) =~ /start/ }), 'memory_percent'),
       'with what was recorded meanwhile';
    is $nginx->logged(qr/is not written/), 1, 'it was said once';

    $nginx->stop;
    system("umount $state/small");
    $nginx->configure(http => "$calm caphealth_state_dir $state/state;");
    $nginx->start;
};

# The collector writes once a minute, and at its end, for which the worker waits:
# it would be killed with it.

subtest 'what was recorded just before the end' => sub {
    my $collector = $nginx->collector;
    my $exits = $nginx->logged(qr/: exiting$/);
    my $last = $nginx->report('/health', sub {
        defined $_->{system}{collected_at}
    })->{system}{collected_at};

    # the record of a look is sent with its facts

    $last = $nginx->report('/health', sub {
        $_->{system}{collected_at} gt $last
    })->{system}{collected_at};

    kill STOP => $collector;
    kill QUIT => $nginx->master;
    ok $nginx->until(sub { $nginx->logged(qr/: exiting$/) > $exits }),
       'the worker exits, the collector has written nothing yet';
    kill CONT => $collector;
    ok $nginx->stop, 'quits';

    like $last, qr/^[\d:.TZ-]+$/, 'the time of the last look';
    is qx(sqlite3 $state/state/history.sqlite "SELECT max(time)
          >= CAST(strftime('%s', '$last') AS INTEGER) FROM seconds"), "1\n",
       'what was seen then is in the file';

    $nginx->start;
};

# answers that a thread still cuts, out of a document that takes it a while

subtest 'a worker that quits' => sub {
    my $file = "$state/state/history-3y.json";

    $nginx->configure(main => 'thread_pool default threads=1;',
                      http => "$calm caphealth_state_dir $state/state;");
    ok $nginx->reload, 'reload';

    comes(sub { known($_, 'memory_percent') }, '?window=3y');

    open my $fh, '<', $file or die "$file: $!\n";
    my $document = do { local $/ = undef; <$fh> };
    my ($series) = $document =~ /("memory_percent":\{.*?\]\})/
        or die "no series in $document\n";
    my $others = join ',', map { $series =~ s/_/$_/r }
                           1 .. 50_000_000 / length $series;

    $document =~ s/(?="memory_percent")/$others,/;

    open $fh, '>', "$file.large" or die "$file.large: $!\n";
    print {$fh} $document;
    close $fh or die "$file.large: $!\n";
    rename "$file.large", $file or die "rename: $!\n";

    my ($worker) = $nginx->workers;
    my $query = 'window=3y&series=memory_percent';
    my @clients = map {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                              PeerPort => $nginx->{port})
    } 1 .. 8;

    print {$_} "GET /history?$query HTTP/1.0\r\n\r\n" for @clients;

    my $cut = sub {
        grep { (readlink // '') eq $file } glob "/proc/$worker/fd/*";
    };

    # proc(5): local address, remote address, state, bytes to send and to read

    my $read = sub {
        open my $tcp, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";

        my %unread = map { /:(\w{4}) \w+:(\w{4}) \w\w \w+:(\w+)/
                           && hex $1 == $nginx->{port}
                           ? (hex $2 => hex $3) : () } <$tcp>;

        return !grep { $unread{ $_->sockport } // 1 } @clients;
    };

    ok $nginx->until(sub { $read->() && $cut->() }),
       'the requests are read, and a thread cuts the first';
    ok $nginx->stop, 'quits';

    my @answers = map { local $/ = undef; readline($_) // '' } @clients;

    is scalar(grep { /^HTTP\S+ 200 .*"memory_percent"/s } @answers), 8,
       'after all were answered';

    $nginx->start;
};

subtest 'off' => sub {
    $nginx->configure(http => "$calm caphealth_history off;
                               caphealth_state_dir $state/none;");
    ok $nginx->reload, 'reload';

    my $response = $nginx->get('/history');

    is $response->{status}, 404, 'it is not there';
    is decode_json($response->{content})->{type},
       'urn:caphealth:problem:history-off', 'because it is off';
    is_deeply [glob "$state/none/history*"], [], 'nothing is written';
};

is join('', grep { !/caphealth-collector \d+ exited on signal 9/ }
            split /^/, $nginx->alerts), '', 'no alerts but for the kill';

done_testing();
