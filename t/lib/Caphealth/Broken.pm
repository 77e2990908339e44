package Caphealth::Broken;

# Images that nobody's camera makes, byte by byte.

use strict;
use warnings;

use Carp qw(croak);
use Compress::Zlib qw(compress crc32);
use Exporter qw(import);

our @EXPORT_OK = qw(chunk png riff segment insert_segment insert_chunk
                    rewrite_frame many_scans);

# --- PNG ---

sub chunk {
    my ($type, $data) = @_;

    return pack('N', length $data) . $type . $data
           . pack('N', crc32($type . $data));
}

# png(WIDTH, HEIGHT, [ DEPTH, COLOUR TYPE ], CHUNKS): signature, IHDR, CHUNKS

sub png {
    my ($width, $height, $kind, @chunks) = @_;

    my ($depth, $colour) = @{ $kind // [ 8, 2 ] };

    return "\x89PNG\r\n\x1a\n"
           . chunk('IHDR', pack('NNCCCCC', $width, $height, $depth, $colour,
                                0, 0, 0))
           . join('', @chunks) . chunk('IEND', '');
}

# after the IHDR

sub insert_chunk {
    my ($png, $chunk) = @_;

    return substr($png, 0, 33) . $chunk . substr $png, 33;
}

# --- JPEG ---

sub segment {
    my ($marker, $data) = @_;

    return pack('Cn', $marker, 2 + length $data) =~ s/^/\xff/r . $data;
}

# after the SOI

sub insert_segment {
    my ($jpeg, $segment) = @_;

    return substr($jpeg, 0, 2) . $segment . substr $jpeg, 2;
}

# the segments up to the first scan: [ MARKER, OFFSET, LENGTH ]

sub segments {
    my ($jpeg) = @_;

    my @segments;
    my $at = 2;

    while ($at + 4 <= length $jpeg) {
        my ($ff, $marker, $length) = unpack 'CCn', substr $jpeg, $at, 4;

        last if $ff != 0xff;

        push @segments, [ $marker, $at, 2 + $length ];
        last if $marker == 0xda;

        $at += 2 + $length;
    }

    return @segments;
}

# rewrite_frame(JPEG, marker => M, width => W, height => H, precision => P)

sub rewrite_frame {
    my ($jpeg, %new) = @_;

    for my $segment (segments($jpeg)) {
        my ($marker, $at) = @$segment;

        next if $marker < 0xc0 || $marker > 0xc2;

        substr $jpeg, $at + 1, 1, chr $new{marker} if $new{marker};
        substr $jpeg, $at + 4, 1, chr $new{precision} if $new{precision};
        substr $jpeg, $at + 5, 2, pack 'n', $new{height}
            if defined $new{height};
        substr $jpeg, $at + 7, 2, pack 'n', $new{width}
            if defined $new{width};

        return $jpeg;
    }

    croak 'no frame';
}

# a progressive JPEG whose last scan comes N times more

sub many_scans {
    my ($jpeg, $n) = @_;

    my $end = rindex $jpeg, "\xff\xd9";
    my $scan = rindex $jpeg, "\xff\xda", $end;

    $end > 0 && $scan > 0 or croak 'no scan';

    return substr($jpeg, 0, $end)
           . substr($jpeg, $scan, $end - $scan) x $n . "\xff\xd9";
}

# --- WebP ---

# riff([ TYPE, DATA, SIZE IF IT IS A LIE ], ...)

sub riff {
    my ($size, @chunks) = @_;

    my $data = '';

    for my $chunk (@chunks) {
        my ($type, $bytes, $lie) = @$chunk;

        $data .= $type . pack('V', $lie // length $bytes) . $bytes;
        $data .= "\0" if length($bytes) % 2;
    }

    return 'RIFF' . pack('V', $size // 4 + length $data) . 'WEBP' . $data;
}

1;
