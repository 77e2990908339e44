# The database source on a real PostgreSQL.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Postgres;
use Caphealth::Probe;
use Caphealth::Server;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $postgres = Caphealth::Postgres->new;

$postgres->shop(<<'END');
INSERT INTO vendors (name, is_active) VALUES ('Anna', true), (NULL, false),
    ('Ünï "quoted"', true);
INSERT INTO products (vendor_id) SELECT 1 + i % 3 FROM generate_series(1, 500) i;
INSERT INTO products (vendor_id) VALUES (77);
INSERT INTO orders (created_at)
    SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + d::interval
    FROM unnest(ARRAY['0', '-1 second', '1 month', '1 month -1 second',
                      '-1 month', '10 days']) d;
INSERT INTO inventory (product_id) SELECT i FROM generate_series(1, 321) i;
END

subtest 'counts are what psql says' => sub {
    my ($data, $error) = Caphealth::Probe->new($postgres->url)->look;

    is $error, '', 'no error';

    for my $table (qw(products orders vendors inventory)) {
        is $data->{"${table}_count"},
           $postgres->sql("SELECT count(*) FROM $table") + 0, $table;
    }

    is $data->{active_vendors}, 2, 'active vendors';
    is $data->{size}, $postgres->sql("SELECT pg_database_size('shop')") + 0,
       'the size';
    like $postgres->sql('SHOW server_version'), qr/^\Q$data->{version}\E\b/,
         'version';
    is_deeply $data->{vendors},
              [ [ undef, 167, 2 ], [ "\x{dc}n\x{ef} \"quoted\"", 167, 3 ],
                [ 'Anna', 166, 1 ] ], 'vendors'
        or diag explain $data->{vendors};
};

subtest 'a month is one in UTC, wherever the server is' => sub {
    my $probe = Caphealth::Probe->new($postgres->url);

    is $postgres->sql('SHOW TimeZone'), "Pacific/Kiritimati\n",
       'the server is 14 hours ahead';
    is +($probe->look)[0]{orders_this_month}, 3, 'timestamp';

    $postgres->sql("ALTER TABLE orders ALTER created_at TYPE timestamptz
                    USING created_at AT TIME ZONE 'UTC'");
    is +($probe->look)[0]{orders_this_month}, 3, 'timestamptz';
};

subtest 'in the report' => sub {
    my $nginx = Caphealth::Server->new(
        http => 'caphealth_database ' . $postgres->url . ';');
    my $health = $nginx->report('/health', sub {
        defined $_->{database}{size_mb};
    });

    is $health->{database}{products_count}, 501, 'health';
    is $health->{database}{engine}, 'postgresql', 'engine';
    is_deeply $nginx->json('/capacity')->{products_by_vendor},
              { Anna => 166, Unknown => 167, "\x{dc}n\x{ef} \"quoted\"" => 167 },
              'capacity';
    ok $nginx->stop, 'quits';
};

subtest 'ids in the list of vendors' => sub {
    my $url = $postgres->url;
    my $uuid = '0e37df36-f698-11e6-8dd4-cb9ced3df976';

    for ([ "'$uuid'::uuid", $uuid ], [ '7::smallint', 7 ], [ '8::int', 8 ],
         [ '9007199254740991::bigint', 9007199254740991 ],
         [ '9007199254740993::bigint', '9007199254740993' ],
         [ '-3::int', -3 ], [ "'7'::text", '7' ], [ '7::numeric', '7' ],
         [ 'NULL::uuid', undef ], [ "repeat('x', 64)", 'x' x 64 ],
         [ "repeat('x', 65)", undef ])
    {
        my ($sql, $id) = @$_;
        my ($data, $error) = Caphealth::Probe->new($url,
            queries => { products_by_vendor => "SELECT 'a', 1, $sql" })->look;

        is $error, '', $sql;
        is encode_json($data->{vendors}), encode_json([ [ 'a', 1, $id ] ]),
           "$sql: the id";
    }
};

subtest 'the session only reads' => sub {
    $postgres->sql('GRANT INSERT, DELETE ON products TO sesame');

    for my $query ('DELETE FROM products RETURNING 1',
                   'WITH gone AS (DELETE FROM products RETURNING 1) SELECT count(*) FROM gone',
                   "SELECT nextval('products_id_seq')")
    {
        my ($data, $error) = Caphealth::Probe->new($postgres->url,
            queries => { orders_count => $query })->look;

        like $error, qr/^orders_count: (cannot execute \w+(\(\))? in a read-only transaction|permission denied)/, $query;
        is $data->{products_count}, 501, 'the rest is there';
    }

    like +(Caphealth::Probe->new($postgres->url, queries => {
        orders_count => 'SELECT 1; DELETE FROM products' })->look)[1],
        qr/^orders_count: cannot insert multiple commands/, 'one statement';
    is $postgres->sql('SELECT count(*) FROM products'), "501\n",
       'nothing was written';
};

subtest 'a table is missing' => sub {
    $postgres->sql('ALTER TABLE inventory RENAME TO stock');

    my ($data, $error) = Caphealth::Probe->new($postgres->url)->look;

    is $data->{products_count}, 501, 'the rest is there';
    is $data->{inventory_count}, undef, 'it is unknown';
    is $error, 'inventory_count: relation "inventory" does not exist', 'named';


    $postgres->sql('ALTER TABLE stock RENAME TO inventory');
};

subtest 'queries of any shape' => sub {
    my @case = (
        [ 'SELECT 1, 2', 'query "orders_count" returned 2 columns, expected 1' ],
        [ 'SELECT generate_series(1, 2)', 'query "orders_count" returned more than one row, expected one' ],
        [ 'SELECT 1 WHERE false', 'query "orders_count" returned no row, expected one' ],
        [ 'SELECT NULL', 'query "orders_count" returned NULL, expected a whole number' ],
        [ "SELECT 'many'", 'query "orders_count" returned "many", expected a whole number that is not negative' ],
        [ 'SELECT -1', 'query "orders_count" returned "-1", expected a whole number that is not negative' ],
        [ 'SELECT $1::int', 'query "orders_count" has 1 parameters, expected none, or two: the first second of this month and of the next' ],
        [ 'SELEC 1', 'orders_count: syntax error at or near "SELEC"' ],
        [ '', 'query "orders_count" returned 0 columns, expected 1' ],
    );

    for my $case (@case) {
        my ($query, $expected) = @$case;

        is +(Caphealth::Probe->new($postgres->url,
             queries => { orders_count => $query })->look)[1], $expected,
           $query;
    }

    my ($data, $error) = Caphealth::Probe->new($postgres->url, queries => {
        orders_count => 'SELECT extract(epoch FROM $2::timestamptz - $1::timestamptz)::numeric(20, 0)',
    })->look;

    is $error, '', 'no error';
    ok +(grep { $data->{orders_count} == $_ * 86400 } 28 .. 31),
       'the parameters are a month';
};

subtest 'slow, locked, silent' => sub {
    my $start = time;
    my ($data, $error) = Caphealth::Probe->new($postgres->url, timeout => 1,
        queries => { orders_count => 'SELECT pg_sleep(60)::text' })->look;

    like $error, qr/orders_count: canceling statement due to statement timeout/,
         'a slow query is ended by the server';
    cmp_ok time - $start, '<', 30, 'and not waited for';

    open my $psql, '|-', 't/lib/postgres.sh', 'psql', $postgres->{dir}
        or die $!;
    $psql->autoflush(1);
    print {$psql} "BEGIN; LOCK TABLE orders; \\! touch $postgres->{dir}/held\n";
    select undef, undef, undef, 0.05 until -e "$postgres->{dir}/held";

    ($data, $error) = Caphealth::Probe->new($postgres->url, timeout => 1)->look;
    like $error, qr/orders_count: canceling statement due to (lock|statement) timeout/,
         'a locked table is named';

    print {$psql} "COMMIT;\n";
    close $psql;

    my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1');
    my $port = $silent->sockport;

    is_deeply [ Caphealth::Probe->new(
                    "postgresql://caphealth:secret\@127.0.0.1:$port/shop",
                    timeout => 0.5)->look ],
              [ undef, 'the server gave no answer within the timeout' ],
              'a server that accepts and says nothing';

    # whatever is asked: rows to be copied, which are never sent; or that
    # another command is done, for ever

    for my $answer ([ 'copies', 'H' . pack('N C n', 7, 0, 0), 1 ],
                    [ 'never comes to an end',
                      'C' . pack('N Z*', 13, 'SELECT 1'), 1_000_000 ])
    {
        my ($name, $message, $times) = @$answer;
        my $hostile = IO::Socket::INET->new(Listen => 5,
                                            LocalAddr => '127.0.0.1');
        my $pid = fork // die $!;

        if ($pid == 0) {
            local $SIG{PIPE} = 'IGNORE';
            my $client = $hostile->accept;

            sysread $client, my $startup, 4096;
            syswrite $client, 'R' . pack('N N', 8, 0) . 'Z' . pack('N a', 5, 'I');
            sysread $client, my $query, 4096;

            for (1 .. $times) {
                syswrite $client, $message x 1000 or last;
            }

            sysread $client, my $end, 1;
            POSIX::_exit(0);
        }

        $port = $hostile->sockport;

        is_deeply [ Caphealth::Probe->new(
                        "postgresql://caphealth\@127.0.0.1:$port/shop"
                        . '?sslmode=disable&gssencmode=disable',
                        timeout => 1)->look ],
                  [ undef, 'query "database_size": no answer within the timeout' ],
                  "a server that $name";
        waitpid $pid, 0;
    }
};

subtest 'a connection that cannot be had, and no password in the error' => sub {
    my %case = (
        $postgres->url('not-it') => qr/password authentication failed for user "sesame"/,
        $postgres->url =~ s/shop$/none/r => qr/database "none" does not exist/,
        'postgresql://caphealth:secret@127.0.0.1:1/shop' => qr/Connection refused/,
        'postgresql://caphealth:secret@[::1/shop' => qr/IPv6 host address in URI: "\.\.\."/,
        'postgresql://caphealth:secret@127.0.0.1/shop?colour=red' => qr/invalid URI query parameter: "colour"/,
    );

    for my $url (sort keys %case) {
        my ($data, $error) = Caphealth::Probe->new($url)->look;

        is $data, undef, 'no data';
        like $error, $case{$url}, 'the error';
        unlike $error, qr/secret|not-it|open-sesame|\n/, 'one line, no password';
    }
};

subtest 'a session for each look, and none between them' => sub {
    my $probe = Caphealth::Probe->new($postgres->url);
    my $count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'caphealth'";

    is +($probe->look)[1], '', 'no error';

    # the server ends it a moment after the client has gone

    select undef, undef, undef, 0.05 while $postgres->sql($count) > 0;
    pass 'no session is left';

    $postgres->sql('CREATE DATABASE copied TEMPLATE shop');
    pass 'the database can be copied';
    is +($probe->look)[1], '', 'and looked at again';

    $postgres->stop;
    like +($probe->look)[1], qr/Connection refused/, 'stopped';
    $postgres->start;
    is +($probe->look)[1], '', 'started again';
};

done_testing;
