# Each problem that a client can be answered with, byte by byte: every type, and
# what it says in each of its cases.  They are held against
# t/unit/data/golden/problems; a change that is meant is written with
# GOLDEN=write in the environment, and seen in the diff.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Broken qw(png rewrite_frame);
use Caphealth::Server;
use Caphealth::Token qw(token key_file);
use Caphealth::Upload qw(photo strange form);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Test::More;

my $GOLDEN = 't/unit/data/golden/problems';

my $asan = $ENV{TEST_NGINX_PRELOAD};
my $helpers = Caphealth::Upload::strange_helpers();

# { NAME => "STATUS, headers\nBODY" }, in the order of the file

my (%golden, %got, @names);

# problem(NAME, RESPONSE): remembered under that name

sub problem {
    my ($name, $response) = @_;

    my $headers = $response->{headers};

    is $headers->{'content-type'}, 'application/problem+json', $name
        or diag "$response->{status} $response->{content}";

    push @names, $name;
    $got{$name} = join('', $response->{status},
                       $headers->{allow} ? ", Allow: $headers->{allow}" : '',
                       $headers->{'retry-after'} ? ', Retry-After' : '')
                  . "\n$response->{content}";

    return;
}

# encoded(RESPONSE): what problem() needs of it, out of parallel()

sub encoded {
    my ($response) = @_;

    return JSON::PP->new->encode({ map { $_ => $response->{$_} }
                                   qw(status content headers) });
}

# part(HEADERS, ...): a form of such parts, each with an "x" in it

my $FORM = { 'Content-Type' => 'multipart/form-data; boundary=b' };

sub part {
    return join('', map { "--b\r\n$_\r\n\r\nx\r\n" } @_) . "--b--\r\n";
}

my $QUEUE_FULL = 'caphealth_image_upload_requests_total{result="queue-full"}';

subtest 'who may ask, and for what' => sub {
    my $nginx = Caphealth::Upload->new(
        http => 'set_real_ip_from 127.0.0.1; real_ip_header X-Client;');

    $nginx->configure(locations => "$nginx->{locations}
        location /deletions {
            caphealth_image_upload;
            caphealth_image_delete on;
        }
        location /admin { caphealth_dashboard upload=off; }");
    ok $nginx->reload, 'reload';

    my $url = "http://127.0.0.1:$nginx->{port}";
    my $ask = sub {
        my ($method, $path, %headers) = @_;

        return HTTP::Tiny->new->request($method, "$url$path",
                                        { headers => \%headers });
    };

    problem 'a client from elsewhere',
            $ask->(GET => '/health', 'X-Client' => '192.0.2.7');
    problem 'a POST of what can only be read', $ask->(POST => '/health');
    problem 'a GET of uploads', $ask->(GET => '/upload');
    problem 'a GET of uploads and deletions', $ask->(GET => '/deletions');
    problem 'an argument that is not valid', $ask->(GET => '/capacity?vendors=x');
    problem 'a file that the page has not', $ask->(GET => '/admin/x.js');
    problem 'a page of another site',
            $ask->(POST => '/upload', 'Sec-Fetch-Site' => 'cross-site');
    problem 'an id that is none', $ask->(DELETE => '/deletions/x');
    problem 'an image that is not there',
            $ask->(DELETE => '/deletions/' . '0' x 32);
    ok $nginx->stop, 'quits';
};

subtest 'tokens' => sub {
    my $nginx = Caphealth::Upload->new;
    my $keys = key_file('a ' . '0f' x 32);

    $nginx->configure(locations => "$nginx->{locations}
        location /tokens {
            caphealth_image_upload;
            caphealth_image_delete on;
            caphealth_image_tokens $keys;
            caphealth_image_owner \$http_x_owner;
        }
        location = /owners { caphealth_image_owners; }");
    ok $nginx->reload, 'reload';

    my $url = "http://127.0.0.1:$nginx->{port}";
    my $ask = sub {
        my ($method, $claims, $key, %headers) = @_;

        $key = { kid => 'a', secret => '0f' x 32, %$key };
        $headers{Authorization} = 'Bearer ' . token($key, %$claims);

        return HTTP::Tiny->new->request($method, "$url/tokens/" . '0' x 32,
            { headers => \%headers, content => photo('60x40') });
    };
    my %soon = (exp => 4000000000);

    problem 'a request without a token',
            HTTP::Tiny->new->post("$url/tokens", { content => 'x' });
    problem 'a token that is none', HTTP::Tiny->new->post("$url/tokens?token=x",
                                                          { content => 'x' });
    problem 'an algorithm', $ask->(POST => \%soon, { alg => 'none' });
    problem 'a key that is not there', $ask->(POST => \%soon, { kid => 'b' });
    problem 'another secret', $ask->(POST => \%soon, { secret => '0e' x 32 });
    problem 'no expiry', $ask->(POST => {}, {});
    problem 'expired', $ask->(POST => { exp => 1 }, {});
    problem 'not yet', $ask->(POST => { %soon, nbf => 4000000000 }, {});
    problem 'another audience', $ask->(POST => { %soon, aud => 'mail' }, {});
    problem 'an owner that is none', $ask->(POST => { %soon, sub => '' }, {});
    problem 'a limit that is none', $ask->(POST => { %soon, bytes => 0 }, {});
    problem 'nobody\'s quota', $ask->(POST => { %soon, images => 1 }, {});
    problem 'delete, not a boolean', $ask->(POST => { %soon, delete => 1 }, {});
    problem 'one use without a name',
            $ask->(POST => { %soon, once => JSON::PP::true }, {});
    problem 'one use for long',
            $ask->(POST => { %soon, once => JSON::PP::true, jti => 'a' }, {});
    problem 'a token for uploads', $ask->(DELETE => \%soon, {});
    problem 'an owner with a long name',
            $ask->(POST => \%soon, {}, 'X-Owner' => 'x' x 81);
    problem 'more bytes than granted', HTTP::Tiny->new->post("$url/tokens", {
        headers => { Authorization => 'Bearer ' . token(
            { kid => 'a', secret => '0f' x 32 }, %soon, bytes => 3) },
        content => 'four' });
    problem 'more pixels than granted',
            $ask->(POST => { %soon, pixels => 2399 }, {});

    my ($form, $headers) = form(map { ("$_.jpg" => photo('60x40')) } 1 .. 2);

    problem 'more files than granted', HTTP::Tiny->new->post("$url/tokens", {
        headers => { %$headers, Authorization => 'Bearer ' . token(
            { kid => 'a', secret => '0f' x 32 }, %soon, files => 1) },
        content => $form });
    problem 'more images than the quota', HTTP::Tiny->new->post("$url/tokens", {
        headers => { %$headers, Authorization => 'Bearer ' . token(
            { kid => 'a', secret => '0f' x 32 }, %soon, sub => 'vendor-7',
            images => 1) },
        content => $form });
    problem 'more bytes than the quota',
            $ask->(POST => { %soon, sub => 'vendor-7', owner_bytes => 1 }, {});

    my %once = (exp => time + 600, once => JSON::PP::true, jti => 'a');

    is $ask->(POST => \%once, {})->{status}, 201, 'one use';
    problem 'another use', $ask->(POST => \%once, {});
    problem 'a list of owners that is none',
            HTTP::Tiny->new->get("$url/owners?limit=0");
    ok $nginx->stop, 'quits';
};

subtest 'a body that is not as it must be' => sub {
    my $nginx = Caphealth::Upload->new(
        http     => "caphealth_helper_dir $helpers;
                     caphealth_image_max_files 2;
                     caphealth_image_memory 64m;",
        location => 'client_max_body_size 0;');
    my $disposition = 'Content-Disposition: form-data';
    my ($form) = part("$disposition; name=a; filename=x");

    for my $case (
        [ 'a type without a value' => 'multipart/form-data; boundary' ],
        [ 'two boundaries' => 'multipart/form-data; boundary=a; boundary=b' ],
        [ 'no boundary' => 'multipart/form-data' ],
        [ 'another multipart' => 'multipart/mixed; boundary=b' ])
    {
        my ($name, $type) = @$case;

        problem $name, $nginx->post($form, { 'Content-Type' => $type });
    }

    for my $case (
        [ 'a control character', "$disposition; name=a\0" ],
        [ 'a line that is no header', 'x' ],
        [ 'two dispositions',
          "$disposition; name=a\r\n$disposition; name=a" ],
        [ 'a malformed disposition', "$disposition; name=\"a" ],
        [ 'two names', "$disposition; name=a; name=b" ],
        [ 'two file names', "$disposition; name=a; filename=b; filename=c" ],
        [ 'no headers', '' ],
        [ 'no disposition', 'X: y' ],
        [ 'another disposition', 'Content-Disposition: inline; name=a' ],
        [ 'no name', "$disposition; filename=a" ],
        [ 'an encoded part', "$disposition; name=a; filename=b\r\n"
                             . 'Content-Transfer-Encoding: base64' ])
    {
        my ($name, $headers) = @$case;

        problem $name, $nginx->post(part($headers), $FORM);
    }

    problem 'a form that is cut', $nginx->post(substr($form, 0, -9), $FORM);
    problem 'no form in it', $nginx->post('x', $FORM);
    problem 'no file', $nginx->post(part("$disposition; name=a"), $FORM);

    my ($files) = form(map { ("$_.jpg" => strange('well')) } 1 .. 2);
    my $alt = "--b1234\r\n$disposition; name=alt\r\n\r\n";

    problem 'a field that is not UTF-8', $nginx->post("${alt}caf\xe9\r\n$files",
        { 'Content-Type' => 'multipart/form-data; boundary=b1234' });
    problem 'a field that is too long',
            $nginx->post($alt . 'x' x 4097 . "\r\n$files",
        { 'Content-Type' => 'multipart/form-data; boundary=b1234' });
    problem 'more fields than files',
            $nginx->post("${alt}a\r\n" x 3 . $files,
        { 'Content-Type' => 'multipart/form-data; boundary=b1234' });
    problem 'too many files',
            $nginx->post(form(map { ("$_.jpg" => strange('well')) } 1 .. 3));

    my $socket = $nginx->raw("POST /upload HTTP/1.0\r\nHost: a\r\n"
                             . "Content-Length: 99999999999\r\n\r\n");
    my ($head, $body) = split /\r\n\r\n/, join('', <$socket>), 2;

    problem 'a body that is too long', {
        status  => $head =~ /^HTTP\S+ (\d+)/,
        content => $body,
        headers => { 'content-type' => $head =~ /^Content-Type: (.*?)\r?$/m },
    };
    problem 'a file that is too long',
            $nginx->post(form('a.jpg' => 'x' x (33 << 20)));

    problem 'an empty file', $nginx->post('');
    problem 'another format', $nginx->post("BM\1\0\1\0\0\0\0;");
    problem 'text', $nginx->post('text');
    problem 'a file of no format', $nginx->post("\1\2\3");
    problem 'the second of a form',
            $nginx->post(form('a.jpg' => strange('well'),
                              'b".bmp' => "BM\1\0\1\0\0\0\0;"));
    ok $nginx->stop, 'quits';
};

subtest 'ids that follow from a key, or from the bytes' => sub {
    my $nginx = Caphealth::Upload->new(location => 'caphealth_image_id key;');

    problem 'no key', $nginx->post('');
    problem 'half a key', $nginx->post('', { 'Idempotency-Key' => '"a' });
    problem 'a key that is too long',
            $nginx->post('', { 'Idempotency-Key' => 'a' x 256 });
    problem 'two keys', $nginx->post('', { 'Idempotency-Key' => [ 'a', 'b' ] });

    is $nginx->post(photo('40x30'), { 'Idempotency-Key' => 'a' })->{status},
       201, 'the first';
    problem 'a key that was used',
            $nginx->post(photo('50x30'), { 'Idempotency-Key' => 'a' });

    my @converters = $nginx->converters;

    kill STOP => @converters;

    my $body = photo('40x30');
    my $first = $nginx->raw("POST /upload HTTP/1.0\r\nIdempotency-Key: b\r\n"
                            . 'Content-Length: ' . length($body)
                            . "\r\n\r\n$body");

    ok $nginx->until(sub { glob "$nginx->{root}/*/*/.*.tmp" }), 'one waits';
    problem 'a key that is in use',
            $nginx->post($body, { 'Idempotency-Key' => 'b' });
    kill CONT => @converters;
    like join('', <$first>), qr/^HTTP\S+ 201 /, 'the first is stored';
    ok $nginx->stop, 'quits';

    $nginx = Caphealth::Upload->new(
        location => 'caphealth_image_id content; caphealth_image_delete on;');

    problem 'an image that may be shared', $nginx->remove('0' x 32);
    ok $nginx->stop, 'quits';
};

subtest 'an image that cannot be converted' => sub {
    my $nginx = Caphealth::Upload->new(
        http => "caphealth_image_max_pixels 1000000;
                 caphealth_image_timeout 60s;");

    problem 'a lossless JPEG',
            $nginx->post(rewrite_frame(photo('40x30'), marker => 0xc3));
    problem 'a damaged PNG', $nginx->post(png(10, 10));
    problem 'too many pixels', $nginx->post(photo('1200x1000', 'png'));
    ok $nginx->stop, 'quits';

    $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers; caphealth_image_timeout 2s;
                 caphealth_image_memory 200m;");

    # on a busy machine the answer may be another one: the client comes again

    for my $case ([ 'a decoder that dies' => crash => 'decoder stopped' ],
                  [ 'a decoder that says why' => quotes => 'damaged' ],
                  [ 'too little memory' => bloat => 'more memory' ],
                  [ 'a decoder that takes too long' => hang => 'timeout' ],
                  [ 'no room on the disk' => full => 'storage-full' ],
                  [ 'a converter without CPU time' => sleep => 'too busy' ])
    {
        my ($name, $word, $told) = @$case;
        my $response;

        next if $asan && $word eq 'bloat';

        $nginx->until(sub {
            $nginx->prefer;
            $response = $nginx->post(strange($word));
            $response->{content} =~ /$told/;
        });
        problem $name, $response;
    }

    my $killed;

    $nginx->until(sub {
        $nginx->post(strange('well'));

        ($killed) = $nginx->parallel(2, sub {
            my ($i) = @_;

            return encoded($nginx->post(strange('hang'))) if $i == 0;

            $nginx->converting;
            kill KILL => $nginx->converters;

            return '';
        });

        return $killed =~ /ended the program/;
    });

    problem 'a converter that is killed', decode_json($killed);
    ok $nginx->stop, 'quits';
};

subtest 'what is wrong with the server' => sub {
    my $dir = tempdir(CLEANUP => 1);

    chmod 0755, $dir;
    system("cp $helpers/* $dir/") == 0 or die 'cp';

    my $nginx = Caphealth::Upload->new(
        http     => "caphealth_helper_dir $dir;",
        location => 'caphealth_image_delete on;');

    unlink "$dir/caphealth-converter";

    problem 'a converter that is not there', $nginx->post(strange('well'));
    ok $nginx->stop, 'quits';

    $nginx = Caphealth::Upload->new(
        http     => "caphealth_helper_dir $helpers;",
        location => 'caphealth_image_delete on;');

    my $id = decode_json($nginx->post(strange('well'))->{content})
             ->{images}[0]{id};

    system("rm -rf $nginx->{root}/*") == 0 or die 'rm';

    for (0 .. 255) {
        open my $file, '>', sprintf('%s/%02x', $nginx->{root}, $_) or die $!;
    }

    problem 'a tree that cannot be written', $nginx->post(strange('well'));
    problem 'an image that cannot be removed', $nginx->remove($id);
    ok $nginx->stop, 'quits';
};

subtest 'a server that is busy' => sub {
    my $nginx = Caphealth::Upload->new(
        main     => 'thread_pool default threads=1 max_queue=0;',
        http     => "caphealth_helper_dir $helpers;",
        location => 'caphealth_image_delete on;');


    # some of them keep the one thread busy, so that others are refused

    my (%busy, @answers);

    $nginx->until(sub {
        for my $answer ($nginx->parallel(8, sub {
            my ($i) = @_;

            for (1 .. 20) {
                my $response = $i < 4 ? $nginx->post(strange('well'))
                                      : $nginx->remove('0' x 32);

                return "$i " . encoded($response)
                    if $response->{content} =~ /server-busy/;
            }

            return '';
        }))
        {
            my ($i, $response) = split ' ', $answer, 2;

            $busy{ $i < 4 ? 'upload' : 'deletion' } = decode_json($response)
                if defined $i;
        }

        return keys %busy == 2;
    });

    problem 'an upload without a thread', $busy{upload};
    problem 'a deletion without a thread', $busy{deletion};
    ok $nginx->stop, 'quits';

    $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers; caphealth_image_queue 3;");

    $nginx->configure(locations => "$nginx->{locations}
                                    location = /metrics { caphealth_metrics; }");
    ok $nginx->reload, 'reload';
    is $nginx->post(strange('well'))->{status}, 201, 'works at first';

    # the first is at work, the second waits, so that three more do not fit in

    @answers = $nginx->held(3, sub {
        my ($i) = @_;

        return encoded($nginx->post(strange('well'))) if $i < 2;

        $nginx->until(sub {
            $nginx->metric('caphealth_image_queue_jobs') == 1;
        });

        return encoded($nginx->post(form(map { ("$_.jpg" => strange('well')) }
                                         1 .. 3)));
    }, $QUEUE_FULL, 1);

    problem 'images that do not fit into the queue', decode_json($answers[2]);

    @answers = $nginx->held(5, sub {
        my ($i) = @_;

        return encoded($nginx->post(strange('well'))) if $i < 4;

        $nginx->until(sub {
            $nginx->metric('caphealth_image_queue_jobs') == 3;
        });

        return encoded($nginx->post(strange('well')));
    }, $QUEUE_FULL, 2);

    problem 'a queue that is full', decode_json($answers[4]);
    ok $nginx->stop, 'quits';

    $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $helpers; caphealth_image_timeout 2s;
                 caphealth_image_priority normal;");

    my $late;

    $nginx->until(sub {
        ($late) = grep { /has waited/ } $nginx->parallel(12, sub {
            return encoded($nginx->post(strange('slow')));
        });

        return $late;
    });
    problem 'an image that has waited too long', decode_json($late);
    ok $nginx->stop, 'quits';
};

subtest 'an object store' => sub {
    my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $build = $ENV{BUILD} || 'build';

    chmod 0755, $dir;
    symlink '/bin/false', "$dir/caphealth-shipper" or die $!;
    system('cp', "$build/caphealth-collector", "$build/caphealth-converter",
           "$dir/") == 0 or die;

    open my $file, '>', "$dir/credentials" or die $!;
    print {$file} "[default]\naws_access_key_id=a\n"
                  . "aws_secret_access_key=b\n";
    close $file;
    chmod 0600, "$dir/credentials";

    my $nginx = Caphealth::Upload->new(
        http => "caphealth_helper_dir $dir;",
        keep => "caphealth_image_store s3://shop endpoint=http://127.0.0.1:1
                     region=none credentials=$dir/credentials;");

    problem 'the object store is away', $nginx->post(photo('64x64'));
    ok $nginx->stop, 'quits';
};

subtest 'the history' => sub {
    my $dir = tempdir(CLEANUP => 1);

    chmod 0755, $dir;

    # a collector that exits at once writes none

    symlink '/bin/false', "$dir/caphealth-$_" or die $!
        for qw(collector converter);

    my $nginx = Caphealth::Server->new(
        http      => "caphealth_state_dir $dir/state;
                      caphealth_helper_dir $dir;",
        locations => 'location = /history { caphealth_history; }
                      location = /nodes { caphealth_nodes; }');

    for my $case (
        [ 'a window twice' => 'window=2h&window=2d' ],
        [ 'an unknown window' => 'window=5d' ],
        [ 'series twice' => 'series=a&series=b' ],
        [ 'no series' => 'series=,' ],
        [ 'an unknown argument' => 'x=1' ],
        [ 'a time that is none' => 'from=yesterday' ],
        [ 'the end of the time twice' =>
          'to=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z' ],
        [ 'an end before the beginning' =>
          'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z' ])
    {
        my ($name, $query) = @$case;

        problem $name, $nginx->get("/history?$query");
    }

    problem 'no fleet', $nginx->get('/nodes');
    problem 'no history yet', $nginx->get('/history');

    $nginx->configure(http => "$nginx->{http} caphealth_history off;");
    ok $nginx->reload, 'reload';
    problem 'no history at all', $nginx->get('/history');
    ok $nginx->stop, 'quits';
};

if ($ENV{GOLDEN}) {
    open my $file, '>', $GOLDEN or die "$GOLDEN: $!";
    print {$file} join "\n", map { "$_: $got{$_}" } @names;
    close $file or die $!;
}

{
    local $/ = undef;
    open my $file, '<', $GOLDEN or die "$GOLDEN: $!";
    %golden = map { /^(.*?): (.*)\z/s } split /\n\n/, <$file> =~ s/\n\z//r;
}

for my $name (@names) {
    chomp $got{$name};
    is $got{$name}, $golden{$name}, "$name is the same";
    delete $golden{$name};
}

delete $golden{'too little memory'} if $asan;

is join(', ', sort keys %golden), '', 'all of them have been seen';

# what the OpenAPI document knows, but for nginx's own answer to a large body

open my $openapi, '<', 'contrib/openapi.yaml' or die $!;

my %known = map { $_ => 1 } join('', <$openapi>)
            =~ /const: '(urn:caphealth:problem:[a-z-]+)'/g;

delete $known{$_} for 'urn:caphealth:problem:body-too-large',
                      map { decode_json(s/^.*?\n//r)->{type} } values %got;

is join(', ', sort keys %known), '', 'each type is among them';

done_testing;
