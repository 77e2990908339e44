package Caphealth::Postgres;

# A real PostgreSQL on a port of its own, by t/lib/postgres.sh.

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

my $script = dirname(__FILE__) . '/../postgres.sh';
my %running;
