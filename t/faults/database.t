# A real PostgreSQL that is stopped and started, and an SQLite file that is
# locked: the endpoints answer with the last good values and say how old.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Postgres;
use Caphealth::Server;
use Caphealth::Valgrind qw(patience);
use Test::More;
use Time::HiRes qw(sleep time);

my $timeout = patience(1);
my $often = <<"END";
caphealth_refresh          1s;
caphealth_database_refresh 1s;
caphealth_timeout          ${timeout}s;
END

my $sql = <<'END';
INSERT INTO vendors (name) VALUES ('Anna');
INSERT INTO products (vendor_id) VALUES (1), (1);
END

sub known { return defined $_->{database}{products_count} }

subtest 'PostgreSQL, started later, stopped, started again' => sub {
    my $postgres = Caphealth::Postgres->new;

    $postgres->shop($sql);
    $postgres->stop;

    my $nginx = Caphealth::Server->new(
        http => "$often caphealth_database " . $postgres->url . ';');

    my $report = $nginx->report('/health', sub { $_->{database}{error} });

    is $report->{database}{products_count}, undef, 'unknown, not 0';
    is $report->{overall_status}, 'critical', 'down is critical';
    is $report->{infrastructure_tier}, undef, 'there is no tier';
    like $report->{database}{error}, qr/Connection refused/, 'the error';

    $postgres->start;

    $report = $nginx->report('/health', \&known);
    is $report->{database}{products_count}, 2, 'started later';
    is $report->{database}{error}, undef, 'no error';
    is $report->{database}{reachable}, JSON::PP::true, 'reachable';

    $postgres->stop;

    $report = $nginx->report('/health', sub { $_->{database}{stale} });
    is $report->{database}{products_count}, 2, 'stopped: the last good number';
    is $report->{overall_status}, 'critical', 'critical';
    is $report->{stale}, JSON::PP::false, 'the system is not stale';

    my $age = $nginx->get('/capacity')->{headers}{age};

    cmp_ok $age, '>=', 3, 'the Age is of the oldest number';

    $postgres->start;

    $report = $nginx->report('/health', sub { !$_->{database}{error} });
    is $report->{database}{error}, undef, 'heals';

    is $nginx->logged(qr/\[error\].*caphealth database: /), 2,
       'each outage is logged once when it begins';
    is $nginx->logged(qr/caphealth database works again, after \d+ seconds/),
       2, 'and once when it ends';
    ok $nginx->stop, 'quits';
};

subtest 'PostgreSQL hangs' => sub {
    my $postgres = Caphealth::Postgres->new;

    $postgres->shop($sql);

    my $nginx = Caphealth::Server->new(
        http => "$often caphealth_database " . $postgres->url . ';');

    $nginx->report('/health', \&known);
    $postgres->signal('STOP');

    my $report = $nginx->report('/health', sub { $_->{database}{error} });

    like $report->{database}{error}, qr/no answer within/, 'the error';
    is $report->{database}{products_count}, 2, 'the last good number';
    is $report->{overall_status}, 'critical', 'critical';

    $postgres->signal('CONT');
    $report = $nginx->report('/health', sub { !$_->{database}{error} });
    is $report->{database}{error}, undef, 'heals';
    is $nginx->logged(qr/it is replaced/), 0, 'by the same collector';
    ok $nginx->stop, 'quits';
};

subtest 'a password is wrong' => sub {
    my $postgres = Caphealth::Postgres->new;

    $postgres->shop($sql);

    my $nginx = Caphealth::Server->new(
        http => "$often caphealth_database " . $postgres->url('not-it') . ';');

    my $report = $nginx->report('/health', sub { $_->{database}{error} });

    like $report->{database}{error}, qr/password authentication failed/,
         'the error';
    unlike $report->{database}{error}, qr/not-it/, 'without the password';
    is $nginx->logged(qr/not-it/), 0, 'nor is it in the log';

    my ($pid) = $nginx->collector;

    for my $file ("/proc/$pid/cmdline", "/proc/$pid/environ") {
        open my $in, '<', $file or next;
        local $/ = undef;

        unlike scalar <$in> // '', qr/not-it/, "nor in $file";
    }

    $nginx->configure(
        http => "$often caphealth_database " . $postgres->url . ';');
    $nginx->reload;
    is $nginx->report('/health', \&known)->{database}{products_count}, 2,
       'corrected by a reload';
    ok $nginx->stop, 'quits';
};

subtest 'SQLite, locked by a writer' => sub {
    my $database = shop('locked', $sql);
    my $nginx = Caphealth::Server->new(
        http => "$often caphealth_database sqlite:$database;");

    $nginx->report('/health', \&known);

    open my $sqlite, '|-', 'sqlite3', $database or die $!;
    $sqlite->autoflush(1);
    print {$sqlite} "BEGIN EXCLUSIVE; INSERT INTO inventory VALUES (1, 1);\n";

    my $report = $nginx->report('/health', sub { $_->{database}{error} });

    like $report->{database}{error}, qr/locked/, 'the error';
    is $report->{database}{products_count}, 2, 'the last good number';

    print {$sqlite} "COMMIT;\n";
    close $sqlite;

    $report = $nginx->report('/health', sub {
        ($_->{database}{inventory_count} // 0) == 1;
    });
    is $report->{database}{inventory_count}, 1, 'heals';
    is $report->{database}{error}, undef, 'no error';
    ok $nginx->stop, 'quits';
};

subtest 'SQLite, made later and replaced' => sub {
    my $database = shop('later', $sql);

    rename $database, "$database.away" or die $!;

    my $nginx = Caphealth::Server->new(
        http => "$often caphealth_database sqlite:$database;");

    my $report = $nginx->report('/health', sub { $_->{database}{error} });

    is $report->{overall_status}, 'critical', 'missing is critical';
    ok !-e $database, 'and it is not made';

    rename "$database.away", $database or die $!;
    is $nginx->report('/health', \&known)->{database}{products_count}, 2,
       'made later';

    my $new = shop('new', "$sql INSERT INTO products (vendor_id) VALUES (1);");

    rename $new, $database or die $!;

    $report = $nginx->report('/health', sub {
        $_->{database}{products_count} == 3;
    });
    is $report->{database}{products_count}, 3, 'replaced by another file';
    ok $nginx->stop, 'quits';
};

subtest 'SQLite: another cause is logged when it comes' => sub {
    my $nginx = Caphealth::Server->new(
        http => "$often caphealth_database sqlite:shop.db;");

    $nginx->report('/health', sub { $_->{database}{error} });

    is $nginx->logged(qr/\[error\].*caphealth database: /), 1, 'no file';

    open my $file, '>', "$nginx->{prefix}/shop.db" or die $!;
    print $file 'not a database' x 1000;
    close $file or die $!;

    $nginx->report('/health',
                   sub { ($_->{database}{error} // '') =~ /not a database/ });

    ok $nginx->until(sub {
        $nginx->logged(
            qr/\[error\].*caphealth database has another error: .*not a database/)
    }), 'a file that is none';
};


done_testing;
