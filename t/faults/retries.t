# Uploads that are repeated with their key, or of the same photo: whatever dies
# in between, each is stored once, answered the same, and counted.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Upload qw(photo);
use JSON::PP qw(decode_json);
use Test::More;

my $photo = photo('600x400');

# the records, the names of claims, and the other files

sub left {
    my ($nginx) = @_;

    my @files = $nginx->files;

    return join ' ', map { my $like = $_; scalar grep { /$like/ } @files }
        qr/\.answer$/, qr/\.tmp$/, qr/\.webp$/;
}

# a claim is given up when its request has been answered

sub is_left {
    my ($nginx, $wanted, $name) = @_;

    $nginx->until(sub { left($nginx) eq $wanted });

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return is left($nginx), $wanted, $name;
}

sub key {
    my ($key) = @_;

    return { 'Idempotency-Key' => $key };
}

subtest 'a restart, and the files' => sub {
    my $nginx = Caphealth::Upload->new(
        workers => 2,
        location => 'caphealth_image_id key; caphealth_image_delete on;');
    my $first = $nginx->post($photo, key('a'));

    is $first->{status}, 201, 'stored';
    is_left($nginx, '1 0 3', 'a record and three variants');
    ok $nginx->reload, 'reload';

    my $again = $nginx->post($photo, key('a'));

    is $again->{status}, 200, 'repeated after it';
    is $again->{content}, $first->{content}, 'byte for byte';

    my $id = decode_json($first->{content})->{images}[0]{id};

    is $nginx->remove($id)->{status}, 204, 'removed';
    is_left($nginx, '0 0 0', 'all of it');
    is $nginx->post($photo, key('a'))->{status}, 201, 'the key is free';
    ok $nginx->report('/stats', sub {
        $_->{total_files} == 3 && $_->{stray_files} == 0
    }), 'and it is counted once';
    ok $nginx->stop, 'quits';
};

for my $id (qw(key content)) {
    subtest "many at once: $id" => sub {
        my $nginx = Caphealth::Upload->new(
            workers => 2, location => "caphealth_image_id $id;");
        my @answers = $nginx->parallel(8, sub {
            my $response = $nginx->post($photo, key('a'));

            return "$response->{status} "
                   . ($response->{content} =~ s/,"duplicate":true//r);
        });

        is scalar(grep { /^201 / } @answers), 1, 'one stores it';
        is scalar(grep { /^200 / } @answers), 7, 'the others get its answer';

        my %bodies = map { s/^\d+ //r => 1 } @answers;

        is keys(%bodies), 1, 'the same';
        is_left($nginx, '1 0 3', 'nothing is left over');
        ok $nginx->stop, 'quits';
    };
}

subtest 'a worker is killed while it has the key' => sub {
    my $nginx = Caphealth::Upload->new(
        workers => 2, location => 'caphealth_image_id key;');

    my @converters = $nginx->hold(key('none'));
    my $lost = $nginx->raw("POST /upload HTTP/1.0\r\nIdempotency-Key: a\r\n"
                           . 'Content-Length: ' . length($photo)
                           . "\r\n\r\n$photo");

    ok $nginx->until(sub { left($nginx) =~ / 1 / }), 'the key is taken';
    kill KILL => $nginx->workers;
    kill CONT => @converters;
    ok $nginx->until(sub { $nginx->workers == 2 }), 'new workers';
    is_left($nginx, '0 1 0', 'its claim is left');

    my $first;

    ok $nginx->until(sub {
        ($first = $nginx->post($photo, key('a')))->{status} == 201
    }), 'the retry is stored';
    is_left($nginx, '1 0 3', 'and nothing is left over');

    # as if it had died before the record had its name, after the mark had

    my ($record) = grep { /\.answer$/ } $nginx->files;

    unlink "$nginx->{root}/$record" or die $!;

    is $nginx->post(photo('300x200'), key('a'))->{status}, 201,
       'another body, because the first was never answered';
    is_left($nginx, '1 0 3', 'replaces it');
    ok $nginx->report('/stats', sub { $_->{total_files} == 3 }), 'counted';
    ok $nginx->stop, 'quits';
};

subtest 'a client that goes away' => sub {
    my $nginx = Caphealth::Upload->new(
        location => 'caphealth_image_id key;');

    my @converters = $nginx->hold(key('none'));
    my $gone = $nginx->raw("POST /upload HTTP/1.0\r\nIdempotency-Key: a\r\n"
                           . 'Content-Length: ' . length($photo)
                           . "\r\n\r\n$photo");

    ok $nginx->until(sub { left($nginx) =~ / 1 / }), 'the key is taken';
    ok $nginx->gone($gone), 'nginx knows that it is gone';
    kill CONT => @converters;
    is_left($nginx, '0 0 0', 'and given up');
    is $nginx->post($photo, key('a'))->{status}, 201, 'the retry is stored';
    ok $nginx->stop, 'quits';
};

done_testing();
