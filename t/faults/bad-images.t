# Input that is wrong, or that somebody made to do harm: each gets its answer,
# and costs no more than a good one.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Broken qw(chunk png riff segment insert_segment insert_chunk
                         rewrite_frame many_scans);
use Caphealth::Upload qw(photo form);
use Compress::Zlib qw(compress);
use JSON::PP qw(decode_json);
use Test::More;

my $MEMORY = 512;
my $asan = $ENV{TEST_NGINX_PRELOAD};

my $jpeg = photo('320x240');
my $png = photo('320x240', 'png');
my $webp = photo('320x240', 'webp');
my $progressive = `convert -size 320x240 -seed 7 plasma:fractal -interlace JPEG jpeg:-`;
my $php = '<?php system($_GET["c"]); ?><script>alert(1)</script>';

my $nginx = Caphealth::Upload->new(
    http => "caphealth_image_memory ${MEMORY}m;
             caphealth_image_timeout 30s;");

# a tenth, two tenths ...: what a broken connection leaves

sub cut {
    my ($name, $image, $from) = @_;

    return map {
        [ "$name, cut at $_ tenths",
          substr($image, 0, int length($image) * $_ / 10), 422 ]
    } ($from // 1) .. 9;
}

sub plane {
    my ($width, $height) = @_;

    my $row = "\0" . "\0" x $width;

    return compress($row x $height);
}

sub bad_crc {
    my ($chunk) = @_;

    return substr($chunk, 0, -4) . 'abcd';
}

sub exif {
    my ($tiff) = @_;

    return insert_segment($jpeg, segment(0xe1, "Exif\0\0$tiff"));
}

sub profile {
    my ($profile) = @_;

    return insert_segment($jpeg, segment(0xe2, "ICC_PROFILE\0\x01\x01"
                                               . $profile));
}

sub icc_chunk {
    my ($profile) = @_;

    return chunk('iCCP', "x\0\0" . compress($profile));
}

my $bomb = "\0" x (100 * 1024 * 1024);

# name, bytes, status, what the detail says

my @images = (
    [ 'an empty body', '', 415, qr/empty/ ],
    [ 'one byte', 'x', 415 ],
    [ 'text', "just text, whatever it is called\n" x 9, 415 ],
    [ 'SVG', '<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', 415,
      qr/SVG/ ],
    [ 'HTML', "<!DOCTYPE html>\n<p>hi", 415 ],
    [ 'PHP', $php, 415 ],
    [ 'a video', "\0\0\0\x18ftypisom\0\0\0\0isommp41" . "\0" x 99, 415,
      qr/video/ ],
    [ 'TIFF', photo('20x20', 'tiff'), 415, qr/TIFF/ ],
    [ 'BMP', photo('20x20', 'bmp'), 415, qr/BMP/ ],

    cut('JPEG', $jpeg),
    cut('progressive JPEG', $progressive),
    cut('PNG', $png),
    cut('WebP', $webp),

    # JPEG

    [ 'a JPEG of its first marker', "\xff\xd8\xff", 422 ],
    [ 'a JPEG of 65,500 by 65,500', rewrite_frame($jpeg, width => 65500,
                                                  height => 65500), 422,
      qr/pixels/ ],
    [ 'a JPEG without lines', rewrite_frame($jpeg, height => 0), 422 ],
    [ 'a JPEG without columns', rewrite_frame($jpeg, width => 0), 422 ],
    [ 'a lossless JPEG', rewrite_frame($jpeg, marker => 0xc3), 415 ],
    [ 'a JPEG of 12 bits', rewrite_frame($jpeg, marker => 0xc1,
                                         precision => 12), 415 ],
    [ 'a JPEG of 1,000 scans', many_scans($progressive, 1000), 422,
      qr/scans/ ],
    [ 'a JPEG with PHP behind it', $jpeg . $php, 201 ],
    [ 'a JPEG with PHP in a comment',
      insert_segment($jpeg, segment(0xfe, $php)), 201 ],
    [ 'a profile of garbage', profile(join '', map { chr($_ * 7 % 256) }
                                               1 .. 3000), 201 ],
    [ 'a profile that says it is long', profile(pack('N', 0xffffffff)
                                                . 'x' x 500), 201 ],
    [ 'an EXIF directory that is its own next',
      exif("II*\0\x08\0\0\0\0\0\x08\0\0\0"), 201 ],
    [ 'an EXIF directory beyond its end', exif("II*\0\xff\xff\xff\xff"), 201 ],
    [ 'an EXIF directory of 65,535 entries',
      exif("MM\0*\0\0\0\x08\xff\xff" . "\x01\x12\0\x03\xff\xff\xff\xff" x 99),
      201 ],
    [ 'an orientation of 9',
      exif("MM\0*\0\0\0\x08\0\x01" . "\x01\x12\0\x03\0\0\0\x01\0\x09\0\0"
           . "\0\0\0\0"), 201 ],
    [ 'an empty EXIF', exif(''), 201 ],

    # PNG

    [ 'a PNG of its signature', "\x89PNG\r\n\x1a\n", 422 ],
    [ 'a PNG of 65,000 by 65,000', png(65000, 65000, undef,
                                       chunk('IDAT', 'x' x 60)), 422,
      qr/pixels/ ],
    [ 'a PNG of 2,147,483,647 by as many', png(2147483647, 2147483647), 422 ],
    [ 'a PNG of 0 by 0', png(0, 0), 422 ],
    [ 'a PNG without a picture', png(10, 10), 422 ],
    [ 'a PNG with too little picture', png(100, 100, [ 8, 0 ],
                                           chunk('IDAT', plane(100, 9))),
      422 ],
    [ 'a PNG with a bad CRC in its header',
      substr($png, 0, 29) . 'abcd' . substr($png, 33), 422 ],
    [ 'a PNG with a bad CRC in its picture',
      png(10, 10, [ 8, 0 ], bad_crc(chunk('IDAT', plane(10, 10)))), 422 ],
    [ 'a PNG with a bad CRC in a text',
      insert_chunk($png, "\0\0\0\x03tEXta\0babcd"), 201 ],
    [ 'a PNG with PHP in a text and behind it',
      insert_chunk($png, chunk('tEXt', "c\0$php")) . $php, 201 ],
    [ 'a PNG with colours but no palette', png(10, 10, [ 8, 3 ],
                                               chunk('IDAT', plane(10, 10))),
      422 ],
    [ 'a PNG of colour type 5', png(10, 10, [ 8, 5 ]), 422 ],
    [ 'a PNG with a chunk of 2 GB', insert_chunk($png, "\x7f\xff\xff\xffabCd"),
      422 ],
    [ 'a profile of 100 MB in 100 kB', insert_chunk($png, icc_chunk($bomb)),
      201 ],
    [ 'a text of 100 MB in 100 kB',
      insert_chunk($png, chunk('zTXt', "x\0\0" . compress($bomb))), 201 ],
    [ '5,000 texts', insert_chunk($png, chunk('tEXt', "x\0y") x 5000), 201 ],
    [ 'an orientation that is none', insert_chunk($png, chunk('eXIf', 'II')),
      201 ],
    [ '49 megapixels in 48 kB', png(7000, 7000, [ 8, 0 ],
                                    chunk('IDAT', plane(7000, 7000))), 201 ],

    # WebP

    [ 'a WebP of its header', riff(undef), 422 ],
    [ 'a WebP that says it has 4 GB', "RIFF\xf0\xff\xff\xff"
                                      . substr($webp, 8), 422 ],
    [ 'a WebP that says it has nothing', "RIFF\0\0\0\0" . substr($webp, 8),
      422 ],
    [ 'a WebP whose picture says it has 4 GB',
      riff(undef, [ 'VP8 ', substr($webp, 20), 0xfffffffe ]), 422 ],
    [ 'a WebP whose picture says it has nothing',
      riff(undef, [ 'VP8 ', substr($webp, 20), 0 ]), 422 ],
    [ 'a WebP with a canvas of 16,384 by 16,384 and nothing on it',
      riff(undef, [ 'VP8X', "\0\0\0\0\xff\x3f\0\xff\x3f\0" ]), 422 ],
    [ 'a WebP of 16,384 by 16,384',
      riff(undef, [ 'VP8L', "\x2f\xff\xff\xff\x0f" . "\0" x 40 ]), 422,
      qr/pixels/ ],
    [ 'a WebP whose canvas is another size',
      riff(undef, [ 'VP8X', "\0\0\0\0\x09\0\0\x09\0\0" ],
           [ 'VP8 ', substr $webp, 20 ]), 422 ],
    [ 'a WebP of unknown chunks', riff(undef, ([ 'xxxx', 'y' x 9 ]) x 999),
      422 ],
    [ 'a WebP with PHP behind it', $webp . $php, 201 ],
);

sub part {
    my ($disposition, $bytes) = @_;

    return "--b1234\r\nContent-Disposition: form-data; $disposition\r\n\r\n"
           . "$bytes\r\n";
}

my $end = "--b1234--\r\n";
my $form = 'multipart/form-data; boundary=b1234';
my ($whole) = form('a.jpg' => $jpeg);

# name, body, Content-Type, status, what the detail says

my @forms = (
    [ 'text named .jpg', (form('photo.jpg' => 'no photo'))[0], $form, 415,
      qr/photo\.jpg/ ],
    [ 'no boundary', $whole, 'multipart/form-data', 400, qr/boundary/ ],
    [ 'an empty boundary', $whole, 'multipart/form-data; boundary=', 400 ],
    [ 'a boundary of 71 characters', $whole,
      'multipart/form-data; boundary=' . 'b' x 71, 400 ],
    [ 'two boundaries', $whole, "$form; boundary=c", 400 ],
    [ 'another boundary', $whole, 'multipart/form-data; boundary=c', 400 ],
    [ 'never closed', substr($whole, 0, -11), $form, 400 ],
    [ 'never closed, in a part', substr($whole, 0, 2000), $form, 400 ],
    [ 'closed at once', $end, $form, 400 ],
    [ 'fields, no file', part('name="a"', 'x') . $end, $form, 400 ],
    [ '10,000 parts', part('name="a"', 'x') x 10000 . $end, $form, 400 ],
    [ '11 files', part('name="f"; filename="a"', $jpeg) x 11 . $end, $form,
      413, qr/10 files/ ],
    [ 'a header line of 1 MB',
      part('name="a"; filename="' . 'x' x (1024 * 1024) . '"', $jpeg) . $end,
      $form, 400 ],
    [ 'a part without a header', "--b1234\r\n\r\n$jpeg\r\n$end", $form, 400 ],
    [ 'a header without an end', "--b1234\r\nContent-Disposition: form-data",
      $form, 400 ],
    [ 'two dispositions',
      "--b1234\r\nContent-Disposition: form-data; name=a; filename=b\r\n"
      . "Content-Disposition: form-data; name=c\r\n\r\n$jpeg\r\n$end", $form,
      400 ],
    [ 'an encoding', "--b1234\r\nContent-Disposition: form-data; name=a; "
      . "filename=b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n$end",
      $form, 400 ],
    [ 'bytes behind the end', $whole . 'x' x 5000, $form, [ 201, 400 ] ],
    [ 'a name with ../', part('name="f"; filename="../../../etc/x.jpg"',
                              $jpeg) . $end, $form, 201 ],
    [ 'an absolute name', part('name="f"; filename="/etc/cron.d/x"', $jpeg)
                          . $end, $form, 201 ],
    [ 'a name with NUL', part("name=\"f\"; filename=\"a.php\0.jpg\"", $jpeg)
                         . $end, $form, 400 ],
    [ 'a name with quotes', part('name="f"; filename="a\"b\\\\c.jpg"', $jpeg)
                            . $end, $form, 201 ],
    [ 'a name that is not UTF-8', part("name=\"f\"; filename=\"\xff\xfe.jpg\"",
                                       $jpeg) . $end, $form, 201 ],
    [ 'no name at all', part('name="f"; filename=""', $jpeg) . $end, $form,
      201 ],
    [ 'a good one beside a bad one',
      (form('a.jpg' => $jpeg, 'b.jpg' => 'text'))[0], $form, 415,
      qr/b\.jpg/ ],
);

# how much memory, in MB, the converters have ever had

sub peak {
    my $peak = 0;

    for my $pid ($nginx->converters) {
        open my $file, '<', "/proc/$pid/status" or next;

        my ($kb) = join('', <$file>) =~ /^VmHWM:\s+(\d+)/m;

        $peak = $kb / 1024 if $kb && $kb / 1024 > $peak;
    }

    return $peak;
}

my ($stored, $peak) = (0, 0);

sub judge {
    my ($name, $response, $status, $detail) = @_;

    my $answer = eval { decode_json($response->{content}) } // {};
    my $now = peak();

    $peak = $now if $now > $peak;

    if ($response->{status} == 201) {
        $stored += @{ $answer->{images} };
        delete $answer->{images};
    }

    ok scalar(grep { $response->{status} == $_ }
                   ref $status ? @$status : $status), $name
        or diag "$response->{status} "
                . ($answer->{detail} // $response->{content});

    if ($response->{status} != 201) {
        like $answer->{detail} // '', $detail // qr/\w+ .*\.$/,
             '... and a sentence';
    }

    return;
}

is $nginx->post($jpeg)->{status}, 201, 'a photo at first';
$stored++;

my $before = $nginx->descriptors;
my @workers = $nginx->workers;

subtest 'images' => sub {
    for my $case (@images) {
        my ($name, $bytes, $status, $detail) = @$case;

        judge($name, $nginx->post($bytes), $status, $detail);
    }
};

subtest 'forms' => sub {
    for my $case (@forms) {
        my ($name, $body, $type, $status, $detail) = @$case;

        judge($name, $nginx->post($body, { 'Content-Type' => $type }),
              $status, $detail);
    }
};

subtest 'afterwards' => sub {
    is $nginx->post($jpeg)->{status}, 201, 'a photo works';
    $stored++;

    my $sets = $nginx->sets;

    is keys %$sets, $stored, 'what was answered with 201 is there';
    is scalar(grep { $_ != 3 } values %$sets), 0, 'whole';
    is `grep -rlF -e '<?php' -e '<script' $nginx->{root} | wc -l` + 0, 0,
       'and nothing that a client hid in it';

    is_deeply [ $nginx->workers ], \@workers, 'the workers live';
    is $nginx->logged(qr/caphealth-converter \d+ exited on signal/), 0,
       'no converter died';
    is $nginx->alerts, '', 'no alert';
    ok $nginx->idle($before), 'no descriptor is left open';

    cmp_ok $peak, '>', 1, "the converters' memory was seen";

  SKIP: {
        skip 'sanitizers take memory of their own', 1 if $asan;
        cmp_ok $peak, '<=', $MEMORY, 'and it stayed within its limit';
    }

    ok $nginx->stop, 'quits';
};

done_testing;
