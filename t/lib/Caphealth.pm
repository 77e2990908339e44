package Caphealth;

# What the suites share: a small shop to look at, and time for the collector
# to have looked.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);

our @EXPORT = qw(shop late);

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $dir;

# late(N): locations /late/health and /late/capacity, which answer with that
# report after N to 2N seconds, when the collector has had the time to look

sub late {
    my ($seconds) = @_;

    $seconds *= 6 if $ENV{TEST_NGINX_USE_VALGRIND};

    my $slow = '<!--# include virtual="/slow" wait="yes" -->' x $seconds;
    my $body = '.' x 400;

    return join '', <<"END", map { <<"END" } qw(health capacity);
    location = /slow {
        internal;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_SERVER_PORT/limited;
    }
    location = /limited { limit_rate 300; return 200 "$body"; }
    location = /health { caphealth_health; }
    location = /capacity { caphealth_capacity; }
END
    location = /late/$_ {
        ssi on;
        ssi_types *;
        return 200 '$slow<!--# include virtual="/$_" -->';
    }
END
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
