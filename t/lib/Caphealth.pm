package Caphealth;

# What the suites share: a small shop to look at, and reports that wait until
# the collector has looked.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);

our @EXPORT = qw(shop collected silent uncollected);

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $dir;

# collected(cpu => 1, also => [URI, ...]): locations /collected/health and
# /collected/capacity, which answer with that report as soon as each source has
# been looked at and, if "cpu" is set, twice, which its value needs;
# /collected/also answers with those URIs, one behind the other.  nginx itself
# waits, so that it works with the real Test::Nginx::Socket, too: the page asks
# for the health report again and again, each time after auth_delay, until it is
# complete

sub collected {
    my (%option) = @_;

    my $delay = $ENV{TEST_NGINX_USE_VALGRIND} ? '1s' : '100ms';
    my $complete = '/^(?!.*source-absent).*'
                   . ($option{cpu} ? 'cpu_percent.:[0-9]/' : 'overall_status/');
    my $look = "<!--# if expr=\"\$report != $complete\" -->"
               . include('/look" set="report" wait="yes') . '<!--# endif -->';
    my %page = (health => ['/health'], capacity => ['/capacity'],
                also => $option{also} // []);
    my $pages = tempdir('pages-XXXXXX', DIR => $dir);

    chmod 0755, $pages;

    my @locations = <<"END";
    location = /look {
        internal;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_SERVER_PORT/looked;
        proxy_set_header Accept "";
        subrequest_output_buffer_size 1m;
    }
    location = /looked {
        auth_basic           caphealth;
        auth_basic_user_file nobody;
        auth_delay           $delay;
        error_page           401 = /health;
    }
    location = /health { caphealth_health; }
    location = /capacity { caphealth_capacity; }
END

    for my $name (sort keys %page) {
        spill("$pages/$name",
              $look x 300 . join '', map { include($_) } @{ $page{$name} });

        push @locations, <<"END";
    location = /collected/$name {
        ssi       on;
        ssi_types *;
        alias     $pages/$name;
    }
END
    }

    return join '', @locations;
}

sub include {
    my ($what) = @_;

    return "<!--# include virtual=\"$what\" -->";
}

sub spill {
    my ($path, $text) = @_;

    open my $file, '>', $path or die "open() \"$path\" failed: $!\n";
    print {$file} $text;
    close $file or die "close() \"$path\" failed: $!\n";
    chmod 0644, $path;

    return;
}

# silent(): a directory of helper programs that never answer, and end with their
# worker

sub silent {
    my $helpers = "$dir/silent";

    return $helpers if -d $helpers;

    mkdir $helpers or die "mkdir() \"$helpers\" failed: $!\n";
    chmod 0755, $helpers;

    for my $name (qw(collector converter shipper)) {
        my $path = "$helpers/caphealth-$name";

        spill($path, "#!/bin/sh\nexec cat <&3 > /dev/null\n");
        chmod 0755, $path;
    }

    return $helpers;
}

# uncollected(): directives of a server whose collector never answers, so that a
# test of what is not known yet need not be faster than the collector

sub uncollected {
    return 'caphealth_timeout 10m; caphealth_helper_dir ' . silent() . ';';
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
