package Caphealth::Tree;

# What is in an image tree, by find, and what nginx says is in it.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(find_tree scans settled stats);

# options(%option), for Caphealth::Upload->new: scans all the time, or every
# scan => TIME

sub options {
    my (%option) = @_;

    my $scan = delete $option{scan} // '1s';

    return {
        %option,
        location => 'caphealth_image_delete on;',
        http     => "caphealth_refresh 1s; caphealth_image_scan $scan;
                     caphealth_image_scan_share 100%;
                     " . ($option{http} // ''),
    };
}

# by a plain find, and a plain count

sub find_tree {
    my ($root) = @_;

    my %tree = (total_files => 0, total_bytes => 0, products_estimated => 0,
                max_files_per_dir => 0);
    my %leaf;

    for (split /\n/, `find $root -type f -printf '%P %s\n'`) {
        my ($leaf, $id, $variant, $size) =
            m{^([0-9a-f]{2}/[0-9a-f]{2})/([0-9a-f]{32})_([a-z0-9-]+)\.webp (\d+)$}
            or next;

        next if $leaf ne substr($id, 0, 2) . '/' . substr($id, 2, 2);

        $tree{total_files}++;
        $tree{total_bytes} += $size;
        $tree{products_estimated}++ if $variant eq 'original';

        my $n = ++$leaf{$leaf};

        $tree{max_files_per_dir} = $n if $n > $tree{max_files_per_dir};
    }

    return \%tree;
}

# the same as nginx has it

sub stats {
    my ($nginx) = @_;

    my $stats = $nginx->json('/stats');

    return { map { $_ => $stats->{$_} }
             qw(total_files total_bytes products_estimated
                max_files_per_dir) };
}

# scans(NGINX): how many full scans have ended

sub scans {
    my ($nginx) = @_;

    return scalar(() = $nginx->log =~ /images found in/g);
}

# settled(NGINX): waits until a full scan that began after now has ended

sub settled {
    my ($nginx) = @_;

    my $seen = scans($nginx);
    my $roots = @{ $nginx->json('/stats')->{roots} };

    return $nginx->until(sub { scans($nginx) >= $seen + 2 * $roots }, 120);
}

1;
