package Caphealth;

# What the suites share: a small shop to look at, and time for the collector
# to have looked.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);

our @EXPORT = qw(shop $WAIT $WAIT_HTTP later);

# a second request to /wait is answered half a second after the first

our $WAIT_HTTP = <<'END';
    limit_req_zone $server_port zone=wait:64k rate=2r/s;
END

our $WAIT = <<'END';
    location = /wait { limit_req zone=wait burst=9; empty_gif; }
END

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $dir;

# later(2, 'GET /x'): the requests that ask for /x, 2 half seconds late

sub later {
    my ($halves, @requests) = @_;

    return [ ('GET /wait') x ($halves + 1), @requests ];
}

# shop(NAME, SQL): the path of an SQLite database with the platform's tables

sub shop {
    my ($name, $sql) = @_;

    my $path = "$dir/$name.db";

    unlink $path;

    open my $sqlite, '|-', 'sqlite3', '-bail', $path
        or die "sqlite3 cannot be started: $!\n";

    print {$sqlite} <<'END', $sql // '';
CREATE TABLE vendors (id INTEGER PRIMARY KEY, name TEXT,
    is_active BOOLEAN NOT NULL DEFAULT 1);
CREATE TABLE products (id INTEGER PRIMARY KEY, vendor_id INTEGER);
CREATE TABLE orders (id INTEGER PRIMARY KEY, created_at DATETIME);
CREATE TABLE inventory (id INTEGER PRIMARY KEY, product_id INTEGER);
END

    close $sqlite or die "sqlite3 failed for \"$path\"\n";
    chmod 0644, $path;

    return $path;
}

1;
