# The database source on real SQLite files.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Probe;
use Test::More;

my $sql = <<'END';
INSERT INTO vendors (name) VALUES ('Anna'), ('Bert');
INSERT INTO products (vendor_id) VALUES (1), (1), (2), (77);
END

sub sqlite {
    my ($path, $statement) = @_;

    open my $pipe, '-|', 'sqlite3', '-bail', $path, $statement or die $!;
    my $out = join '', <$pipe>;

    close $pipe or die "sqlite3 failed: $statement\n";
    chomp $out;

    return $out;
}

subtest 'counts are what sqlite3 says' => sub {
    my $path = shop('counts', $sql . <<'END');
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO inventory (product_id) SELECT i FROM n;
UPDATE vendors SET is_active = 'true' WHERE id = 1;
UPDATE vendors SET is_active = 'false' WHERE id = 2;
END
    my ($data, $error) = Caphealth::Probe->new("sqlite:$path")->look;

    is $error, '', 'no error';

    for my $table (qw(products orders vendors inventory)) {
        is $data->{"${table}_count"}, sqlite($path, "SELECT count(*) FROM $table"),
           $table;
    }

    is $data->{size}, -s $path, 'the size is that of the file';
    is $data->{active_vendors}, 1, 'active vendors';
    is $data->{version}, sqlite($path, 'SELECT sqlite_version()'), 'version';
    is_deeply $data->{vendors}, [ [ 'Anna', 2, 1 ], [ 'Bert', 1, 2 ] ],
              'a product of no vendor is not listed';
};

subtest 'orders of this month, as a shop may write its dates' => sub {
    my @in = ("datetime('now', 'start of month')",
              "strftime('%Y-%m-%dT%H:%M:%S', 'now', 'start of month')",
              "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', 'start of month')",
              "strftime('%Y-%m-%d %H:%M:%f', 'now', 'start of month')",
              "date('now', 'start of month')",
              "unixepoch('now', 'start of month')",
              "unixepoch('now', 'start of month') * 1000",
              "strftime('%Y-%m-%dT%H:%M:%S+02:00', 'now', 'start of month', '+2 hours')",
              "datetime('now', 'start of month', '+1 month', '-1 second')",
              "unixepoch('now', 'start of month', '+1 month') - 1",
              "CAST(unixepoch('now', 'start of month') AS TEXT)");
    my @out = ("datetime('now', 'start of month', '-1 second')",
               "strftime('%Y-%m-%dT%H:%M:%S+02:00', 'now', 'start of month', '+1 hours')",
               "datetime('now', 'start of month', '+1 month')",
               "unixepoch('now', 'start of month') - 1",
               "unixepoch('now', 'start of month', '+1 month') * 1000",
               "'soon'", "''", 'NULL');

    for my $type (qw(DATETIME TEXT INTEGER)) {
        my $path = shop("dates-$type", <<"END");
DROP TABLE orders;
CREATE TABLE orders (id INTEGER PRIMARY KEY, created_at $type);
@{[ map { "INSERT INTO orders (created_at) VALUES ($_);\n" } @in, @out ]}
END
        my ($data, $error) = Caphealth::Probe->new("sqlite:$path")->look;

        is $error, '', 'no error';
        is $data->{orders_this_month}, scalar @in, "a column of type $type";
    }
};

subtest 'nothing that changes is missed, nothing that rests is read' => sub {
    my $path = shop('changes', $sql);
    my $probe = Caphealth::Probe->new("sqlite:$path");

    is +($probe->look)[0]{products_count}, 4, 'first';
    is +($probe->look)[0]{products_count}, 4, 'unchanged';
    sqlite($path, 'DELETE FROM products WHERE id = 1');
    is +($probe->look)[0]{products_count}, 3, 'changed';
    sqlite($path, 'PRAGMA journal_mode = WAL');
    sqlite($path, 'DELETE FROM products WHERE id = 2');
    is +($probe->look)[0]{products_count}, 2, 'changed in WAL mode';
};

subtest 'no read transaction is left open' => sub {
    my $path = shop('wal', $sql);

    sqlite($path, 'PRAGMA journal_mode = WAL');

    my $probe = Caphealth::Probe->new("sqlite:$path");

    for (1 .. 3) {
        is +($probe->look)[1], '', 'no error';
        sqlite($path, 'INSERT INTO orders (created_at) VALUES (1)');
        like sqlite($path, 'PRAGMA wal_checkpoint(TRUNCATE)'), qr/^0\|0\|0$/,
             'the log can be emptied';
    }
};

subtest 'files that are none' => sub {
    my $path = shop('none', $sql);

    my %case = (
        "$path.missing" => qr/"\Q$path.missing\E" cannot be opened: No such/,
        '/tmp'          => qr/"\/tmp" cannot be (opened|read): /,
        __FILE__,  qr/cannot be read: file is not a database/,
    );

    for my $file (sort keys %case) {
        my ($data, $error) = Caphealth::Probe->new("sqlite:$file")->look;

        is $data, undef, "$file: no data";
        like $error, $case{$file}, 'the error';
    }

    ok !-e "$path.missing", 'nothing is made';
};

subtest 'a table is missing' => sub {
    my $path = shop('missing', "$sql DROP TABLE inventory;");
    my ($data, $error) = Caphealth::Probe->new("sqlite:$path")->look;

    is $data->{products_count}, 4, 'the rest is there';
    is $data->{inventory_count}, undef, 'it is unknown';
    is $error, 'inventory_count: no such table: inventory', 'and named';
};

subtest 'locked for longer than the timeout' => sub {
    my $path = shop('locked', $sql);
    my $probe = Caphealth::Probe->new("sqlite:$path", timeout => 0.3);

    open my $writer, '|-', 'sqlite3', $path or die $!;
    $writer->autoflush(1);
    print {$writer} "BEGIN EXCLUSIVE;\n.shell touch $path.held\n";
    select undef, undef, undef, 0.05 until -e "$path.held";

    is_deeply [ $probe->look ],
              [ undef, "\"$path\" is locked by another connection" ], 'said so';

    print {$writer} "COMMIT;\n";
    close $writer;

    is +($probe->look)[0]{products_count}, 4, 'heals';
};

subtest 'queries of the operator, of any shape' => sub {
    my $path = shop('shapes', $sql);

    my @case = (
        [ 'SELECT 1, 2', 'query "orders_count" returned 2 columns, expected 1' ],
        [ 'SELECT 1 UNION SELECT 2', 'query "orders_count" returned more than one row, expected one' ],
        [ 'SELECT 1 WHERE 0', 'query "orders_count" returned no row, expected one' ],
        [ 'SELECT NULL', 'query "orders_count" returned NULL, expected a whole number' ],
        [ "SELECT 'many'", 'query "orders_count" returned "many", expected a whole number that is not negative' ],
        [ 'SELECT -1', 'query "orders_count" returned "-1", expected a whole number that is not negative' ],
        [ 'SELECT 1.5', 'query "orders_count" returned "1.5", expected a whole number that is not negative' ],
        [ 'SELECT ?1', 'query "orders_count" has 1 parameters, expected none, or two: the first second of this month and of the next' ],
        [ 'SELECT 1; DELETE FROM products', 'query "orders_count" is not one statement that only reads' ],
        [ 'DELETE FROM products RETURNING 1', 'query "orders_count" is not one statement that only reads' ],
        [ "ATTACH '$path.more' AS more", 'orders_count: not authorized' ],
        [ 'SELEC 1', 'orders_count: near "SELEC": syntax error' ],
        [ '-- nothing', 'query "orders_count" is not one statement that only reads' ],
        [ 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n', 'query "orders_count": no answer within the timeout' ],
    );

    for my $case (@case) {
        my ($query, $expected) = @$case;
        my $probe = Caphealth::Probe->new("sqlite:$path", timeout => 0.5,
                                          queries => { orders_count => $query });

        is +($probe->look)[1], $expected, $query;
    }

    is sqlite($path, 'SELECT count(*) FROM products'), 4, 'nothing was written';
    ok !-e "$path.more", 'nor made';

    my $probe = Caphealth::Probe->new("sqlite:$path", queries => {
        orders_count       => 'SELECT ?2 - ?1;',
        products_by_vendor => "SELECT 'all', count(*) FROM products",
    });
    my ($data, $error) = $probe->look;

    is $error, '', 'no error';
    ok +(grep { $data->{orders_count} == $_ * 86400 } 28 .. 31),
       'the parameters are a month';
    is_deeply $data->{vendors}, [ [ 'all', 4, undef ] ], 'rows';

    ($data, $error) = Caphealth::Probe->new("sqlite:$path", queries => {
        products_by_vendor => 'SELECT 1' })->look;
    is $error, 'query "products_by_vendor" returned 1 columns, expected 2 or 3',
       'rows of one column';
};

subtest 'names that are no text' => sub {
    my $path = shop('names', <<'END');
INSERT INTO vendors VALUES (1, CAST(x'41ff42' AS TEXT), 1), (2, '', 1),
    (3, NULL, 1), (4, char(128512), 1);
INSERT INTO products (vendor_id) VALUES (1), (1), (1), (1), (2), (2), (2),
    (3), (4), (4);
END
    my ($data, $error) = Caphealth::Probe->new("sqlite:$path")->look;

    is $error, '', 'no error';
    is_deeply $data->{vendors},
              [ [ "A\x{fffd}B", 4, 1 ], [ '', 3, 2 ],
                [ "\x{1f600}", 2, 4 ], [ undef, 1, 3 ] ], 'what is not UTF-8 is replaced';
};

done_testing;
