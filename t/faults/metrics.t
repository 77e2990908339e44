# The metrics: what promtool and a real Prometheus make of them, that they say
# what the JSON says, and that their counters are exact whatever happens.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Prometheus qw(checked parsed);
use Caphealth::Upload qw(photo strange form);
use Test::More;

my $helpers = Caphealth::Upload::strange_helpers();
my $photo = photo('64x48');

my $shop_file = shop('shop', <<'END');
INSERT INTO vendors (name, is_active) VALUES ('A "b" \c', 1),
    ('Zoë' || char(10) || 'x', 1), (printf('%.10000c', 'v'), 0), (NULL, 1);
INSERT INTO products (vendor_id) VALUES (1), (1), (1), (2), (2), (3), (4);
INSERT INTO orders (created_at) VALUES (datetime('now')), (datetime('now'));
INSERT INTO inventory (product_id) VALUES (1);
END

my $openmetrics = { Accept => 'application/openmetrics-text' };

# metrics(NGINX): { name and labels => value }

sub metrics {
    my ($nginx) = @_;

    my $text = $nginx->get('/metrics')->{content};

    return { map { /^([^#].*) (\S+)$/ ? ($1 => $2) : () } split /\n/, $text };
}

# requests(NGINX, METHOD): those by result that are not zero

sub requests {
    my ($nginx, $what) = @_;

    my $all = metrics($nginx);
    my $name = "caphealth_image_${what}_requests_total";

    return { map { /^$name\{result="(.*)"\}$/ && $all->{$_} ? ($1 => $all->{$_})
                                                            : () }
             keys %$all };
}

sub server {
    my (%option) = @_;

    return Caphealth::Upload->new(
        %option,
        location => "caphealth_image_delete on; $option{location}
                     } location = /metrics { caphealth_metrics; ",
    );
}

sub complete {
    return defined $_->{system}{cpu_percent}
           && defined $_->{database}{products_count}
           && defined $_->{image_storage}{total_files}
           && defined $_->{disks}[0]{percent};
}

subtest 'nothing to find for promtool, nor for a strict parser' => sub {
    my $nginx = server(
        location => '',
        http     => "caphealth_database sqlite:$shop_file;
                     caphealth_metrics_vendors 10; caphealth_refresh 1s;");

    for my $when ('before anything has been looked at', 'with everything') {
        my $text = $nginx->get('/metrics')->{content};
        my $open = $nginx->get('/metrics', $openmetrics)->{content};

        is checked($text), '', "promtool: $when";
        like parsed($open), qr/^\d\d$/, "OpenMetrics: $when";
        like checked("a_total_b 1\n"), qr/\S/, 'promtool does find something';
        like parsed($open . "x\n"), qr/Error/, 'and so does the parser';

        $nginx->report('/health', \&complete);
        is $nginx->post($photo)->{status}, 201, 'an upload';
    }

    ok $nginx->stop, 'quits';
};

subtest 'what Prometheus answers is what the JSON says' => sub {
    # Prometheus asks for OpenMetrics; the other format comes through a proxy

    my $nginx = server(
        location => '} location = /text {
                         proxy_pass http://127.0.0.1:$server_port/metrics;
                         proxy_set_header Accept text/plain;',
        workers  => 2,
        http     => "caphealth_database sqlite:$shop_file;
                     caphealth_metrics_vendors 10;
                     caphealth_refresh 1h; caphealth_database_refresh 1h;
                     caphealth_threshold products_total warning=3;");

    $nginx->post($photo) for 1 .. 3;

    like $nginx->get('/text')->{headers}{'content-type'},
         qr{^text/plain; version=0\.0\.4}, 'the text format';

    # nothing is looked at any more once this is there

    my $health = $nginx->report('/health', \&complete);
    my $capacity = $nginx->json('/capacity');

    # a worker counts the uploads that have failed when it reads new facts,
    # which may be before the photos

    my $failures = qr/upload_failures_percent/;
    my @thresholds = grep { $_->{key} !~ $failures } @{ $health->{thresholds} };
    my $stats = $nginx->counted;
    my $here = "127.0.0.1:$nginx->{port}";
    my $prometheus = Caphealth::Prometheus->new(open => "$here/metrics",
                                                text => "$here/text");

    for my $job (qw(open text)) {
        my $got;

        $prometheus->until(sub {
            $got = $prometheus->query("{job=\"$job\",__name__=~\"caphealth.*\"}");
            return $got->{'caphealth_image_files{root="' . $nginx->{root}
                          . '"}'};
        });

        my $value = sub { $got->{ "caphealth_$_[0]" } };
        my $percent = sub { sprintf('%.1f', 100 * ($value->(@_) // -1)) + 0 };
        my $database = $health->{database};
        my $system = $health->{system};
        my $disk = $health->{disks}[0];
        my $root = "root=\"$nginx->{root}\"";

        my %got = (
            status    => join(' ', grep { $value->("status{status=\"$_\"}") }
                                   qw(healthy degraded critical unknown)),
            size      => $value->('database_size_bytes{}'),
            cpu       => $percent->('cpu_utilization_ratio{}'),
            memory    => $percent->('memory_utilization_ratio{}'),
            cores     => $value->('cpu_cores{}') + 0,
            load      => sprintf('%.2f', $value->('load1{}')) + 0,
            disk      => $percent->('filesystem_utilization_ratio{mountpoint="'
                                    . $disk->{path} . '"}'),
            disk_gb   => sprintf('%.2f',
                             $value->('filesystem_size_bytes{mountpoint="'
                                      . $disk->{path} . '"}') / 1024 ** 3),
            read_only => $value->('filesystem_readonly{mountpoint="'
                                  . $disk->{path} . '"}'),
            reachable => $value->('database_up{}'),
            orders    => $value->('orders_this_month{}'),
            active    => $value->('active_vendors{}'),
            tier      => $value->('infrastructure_tier{tier="'
                                  . $health->{infrastructure_tier} . '"}'),
            files     => $value->("image_files{$root}"),
            bytes     => $value->("image_bytes{$root}"),
            sets      => $value->("image_sets{$root}"),
            fullest   => $value->("image_directory_files_max{$root}"),
            stored    => $value->('image_upload_requests_total'
                                  . '{result="stored"}'),
            map({ ("rows $_" => $value->("database_rows{table=\"$_\"}")) }
                qw(products orders vendors inventory)),
            map({ ("collector $_" => $value->(
                       "collector_up{collector=\"$_\"}")) }
                qw(system database)),
            map({ ("threshold $_->{key}" => threshold($value, $_)) }
                @thresholds),
            map({ ("vendor $_" => $value->("vendor_products{vendor=\"$_\"}")) }
                keys %{ $capacity->{products_by_vendor} }),
        );

        my %wanted = (
            status    => $health->{overall_status},
            size      => $database->{size_bytes},
            cpu       => $system->{cpu_percent},
            memory    => $system->{memory_percent},
            cores     => $system->{cores},
            load      => $system->{load_average}[0],
            disk      => $disk->{percent},
            disk_gb   => sprintf('%.2f', $disk->{total_gb}),
            read_only => $disk->{read_only} ? 1 : 0,
            reachable => $database->{reachable} ? 1 : 0,
            orders    => $capacity->{orders_this_month},
            active    => $capacity->{active_vendors},
            tier      => 1,
            files     => $stats->{total_files},
            bytes     => $stats->{total_bytes},
            sets      => $stats->{products_estimated},
            fullest   => $stats->{max_files_per_dir},
            stored    => 3,
            map({ ("rows $_" => $database->{"${_}_count"}) }
                qw(products orders vendors inventory)),
            map({ ("collector $_" => 1) } qw(system database)),
            map({ ("threshold $_->{key}" => "$_->{current} $_->{warning} "
                   . "$_->{critical} $_->{limit} $_->{status}") }
                @thresholds),
            map({ ("vendor $_" => $capacity->{products_by_vendor}{$_}) }
                keys %{ $capacity->{products_by_vendor} }),
        );

        is_deeply \%got, \%wanted, "$job: each of them";
        is $wanted{size}, -s $shop_file, "$job: and the file has that size";
        is keys %{ $capacity->{products_by_vendor} }, 4, "$job: four vendors";
    }

    is_deeply [ $prometheus->errors ], [], 'Prometheus has no complaint';
    unlike $prometheus->log, qr/level=(?:warn|error)/, 'nor its log'
        or diag $prometheus->log;

    my ($open, $text) = map {
        [ sort grep { !/threshold_current.*$failures/ } keys %{
            $prometheus->query("{job=\"$_\",__name__=~\"caphealth.*\"}") } ]
    } qw(open text);

    is_deeply $open, $text, 'the same series in both formats';

    ok $prometheus->stop, 'Prometheus stops';
    ok $nginx->stop, 'quits';
};

# a threshold as the JSON has it: its numbers, in its own unit

sub threshold {
    my ($value, $t) = @_;

    my $unit = $t->{key} =~ /_gb$/ ? 1024 ** 3
             : $t->{key} =~ /_mb$/ ? 1024 ** 2
             : $t->{key} =~ /_percent(?::|$)/ ? 0.01 : 1;

    return join ' ',
        map({ my $x = sprintf '%.2f', $value->($_) / $unit; $x + 0 }
            "threshold_current{check=\"$t->{key}\"}",
            map { "threshold{check=\"$t->{key}\",level=\"$_\"}" }
                qw(warning critical limit)),
        grep { $value->("check_status{check=\"$t->{key}\",status=\"$_\"}") }
             qw(ok warning critical unknown not_configured);
}

subtest 'counted exactly, in all workers, over a reload' => sub {
    my $nginx = server(location => 'client_max_body_size 100k;', workers => 2);

    my ($form, $headers) = form(a => $photo, b => $photo);
    my @answers = $nginx->parallel(4, sub {
        return join ' ', map {
            my $i = $_ % 4;

            $i == 0 ? $nginx->post('none')->{status}
            : $i == 1 ? $nginx->post($form, $headers)->{status}
            : $nginx->post($photo)->{status};
        } 1 .. 20;
    });

    my %statuses;

    $statuses{$_}++ for map { split ' ' } @answers;

    is_deeply \%statuses, { 201 => 60, 415 => 20 }, 'all are answered';
    is_deeply requests($nginx, 'upload'),
              { stored => 60, 'unsupported-image' => 20 }, 'and counted';

    my $metrics = metrics($nginx);
    my $stage = 'caphealth_image_upload_stage_duration_seconds_count';

    is $metrics->{"${stage}{stage=\"receive\"}"}, 80, 'received';
    is $metrics->{"${stage}{stage=\"queue\"}"}, 80, 'queued, by image';
    is $metrics->{"${stage}{stage=\"convert\"}"}, 80, 'converted, by image';
    is $metrics->{"${stage}{stage=\"publish\"}"}, 60, 'published';
    is $metrics->{caphealth_image_upload_received_bytes_total},
       20 * 4 + 20 * length($form) + 40 * length($photo), 'bytes in';
    is $metrics->{caphealth_image_upload_written_bytes_total},
       $nginx->counted->{total_bytes}, 'bytes out';
    is $metrics->{caphealth_image_queue_jobs}, 0, 'nothing waits';
    is $metrics->{caphealth_converter_starts_total},
       scalar $nginx->converters, 'converters';

    for my $http ('', 'caphealth_zone 2m;') {
        $nginx->configure(http => "$nginx->{http} $http");
        ok $nginx->reload, 'reload';
        is_deeply requests($nginx, 'upload'),
                  { stored => 60, 'unsupported-image' => 20 },
                  'nothing is forgotten';
    }

    my @ids = map { m{/([0-9a-f]{32})_original} ? $1 : () } $nginx->files;

    $nginx->remove($_) for @ids[0 .. 4], $ids[0];

    is_deeply requests($nginx, 'delete'),
              { deleted => 5, 'no-such-image' => 1 }, 'removed';
    ok $nginx->stop, 'quits';
};

subtest 'those that do not end by an answer of ours' => sub {
    my $nginx = server(
        http     => "caphealth_helper_dir $helpers; log_format note
                     '[note] \$caphealth_image_id \$caphealth_image_result';",
        location => "access_log error.log note; client_max_body_size 100;
                     error_page 413 = \@large; }
                     location \@large { access_log error.log note;
                                        return 413 large;");

    my $raw = sub { $nginx->raw("POST /upload HTTP/1.1\r\nHost: a\r\n$_[0]") };
    my $large = $raw->("Transfer-Encoding: chunked\r\n\r\n80\r\n"
                       . ('x' x 128) . "\r\n0\r\n\r\n");

    like scalar(<$large>), qr/ 413 /, 'too large, as it comes in';
    close $large;

    my $bad = $raw->("Transfer-Encoding: chunked\r\n\r\nx\r\n");

    like scalar(<$bad>), qr/ 400 /, 'not what a chunk is';
    close $bad;

    close $raw->("Content-Length: 50\r\n\r\nx");

    my $hang = strange('hang');
    my $gone = $raw->('Content-Length: ' . length($hang) . "\r\n\r\n$hang");

    $nginx->converting;
    close $gone;

    my $wanted = { 'body-too-large' => 1, 'bad-request' => 1,
                   'client-closed-request' => 2 };

    ok $nginx->until(sub {
        my $got = requests($nginx, 'upload');

        join(' ', map { "$_=$got->{$_}" } sort keys %$got)
            eq join ' ', map { "$_=$wanted->{$_}" } sort keys %$wanted;
    }), 'each is counted' or diag explain requests($nginx, 'upload');

    for my $result (keys %$wanted) {
        ok $nginx->until(sub {
            $nginx->logged(qr/^\[note\] - $result$/) == $wanted->{$result};
        }), "and logged: $result" or diag $nginx->log;
    }

    ok $nginx->stop, 'quits';
};

subtest 'what waits, in a worker that is killed' => sub {
    my $nginx = server(
        location => '',
        http     => "caphealth_helper_dir $helpers;");

    $nginx->post(strange('well'));

    my $hang = strange('hang');
    my @sockets = map {
        $nginx->raw("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: "
                    . length($hang) . "\r\n\r\n$hang");
    } 1 .. 4;

    ok $nginx->until(sub {
        metrics($nginx)->{caphealth_image_queue_jobs} == 3;
    }), 'three wait for a converter';

    my ($worker) = $nginx->workers;

    kill KILL => $worker;
    close $_ for @sockets;

    ok $nginx->until(sub { my ($w) = $nginx->workers; $w && $w != $worker }),
       'another worker';
    ok $nginx->until(sub {
        metrics($nginx)->{caphealth_image_queue_jobs} == 0;
    }), 'in which nothing waits';
    is requests($nginx, 'upload')->{stored}, 1, 'what was counted stays';

    my $starts = metrics($nginx)->{caphealth_converter_starts_total};

    is $nginx->post(strange('well'))->{status}, 201, 'the next upload works';

    kill KILL => $nginx->converters;

    ok $nginx->until(sub {
        metrics($nginx)->{caphealth_converter_deaths_total} == 1;
    }), 'the death of a converter';
    ok $nginx->until(sub { $nginx->post(strange('well'))->{status} == 201 }),
       'works again';
    is metrics($nginx)->{caphealth_converter_starts_total}, $starts + 2,
       'two more starts';

    kill KILL => $nginx->collector;

    ok $nginx->until(sub {
        metrics($nginx)->{caphealth_collector_restarts_total} >= 1;
    }), 'the death of a collector';
    ok $nginx->stop, 'quits';
};

subtest 'what cannot be looked at' => sub {
    my $shop = shop('gone');
    my $nginx = server(
        location => '',
        http     => "caphealth_database sqlite:$shop; caphealth_refresh 1s;
                     caphealth_database_refresh 1s; caphealth_timeout 10m;");
    my $up = 'caphealth_collector_up{collector="database"}';

    $nginx->configure(locations => "$nginx->{locations}
        location = /status { return 200 \$caphealth_status; }");
    ok $nginx->reload, 'reload';
    ok $nginx->until(sub { metrics($nginx)->{$up} == 1 }), 'up';

    rename $shop, "$shop.away" or die $!;

    ok $nginx->until(sub { metrics($nginx)->{$up} == 0 }), 'down';

    my $metrics = metrics($nginx);

    is $metrics->{caphealth_database_up}, 0, 'and so is the database';
    is $metrics->{'caphealth_database_rows{table="products"}'}, 0,
       'with its last good numbers';
    cmp_ok $metrics->{'caphealth_collector_failures_total{collector="database"}'},
           '>', 0, 'failures';
    is $nginx->get('/status')->{content}, 'critical', 'the variable says so';

    rename "$shop.away", $shop or die $!;

    ok $nginx->until(sub { metrics($nginx)->{$up} == 1 }), 'up again';

    my $collector = $nginx->collector;

    kill STOP => $collector;

    ok $nginx->until(sub { $nginx->get('/status')->{content} eq 'unknown' }),
       'stale is unknown, with nobody else to ask';
    is $nginx->json('/health')->{overall_status}, 'unknown', 'to all';

    $metrics = metrics($nginx);

    is $metrics->{'caphealth_status{caphealth_status="unknown",'
                  . 'status="unknown"}'}, 1, 'in the metrics too';
    is $metrics->{'caphealth_collector_stale{collector="system"}'}, 1, 'stale';
    is $metrics->{'caphealth_collector_up{collector="system"}'}, 0,
       'and so not up';

    kill CONT => $collector;

    ok $nginx->until(sub { $nginx->get('/status')->{content} ne 'unknown' }),
       'known again';
    ok $nginx->stop, 'quits';
};

done_testing;
