# Owners of images: how many each has, and may have.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Caphealth::Token qw(token key_file);
use Caphealth::Upload qw(photo form);
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use Test::More;

my $key = { kid => 'a', secret => '0f' x 32 };
my $keys = key_file('a ' . '0f' x 32);
my $location = "caphealth_image_tokens $keys; caphealth_image_delete on;
                caphealth_image_quota images=3 bytes=1m;";
my $nginx = Caphealth::Upload->new(location => $location);
my $photo = photo('60x40');

$nginx->configure(locations => "$nginx->{locations}
    location = /owners { caphealth_image_owners; }
    location /named {
        caphealth_image_upload;
        caphealth_image_delete on;
        caphealth_image_owner \$http_x_owner;
        caphealth_image_quota images=1;
    }
    location /trusted { caphealth_image_upload; caphealth_image_delete on; }");
ok $nginx->reload, 'reload';

sub ask {
    my ($method, $path, $headers, $body) = @_;

    return HTTP::Tiny->new->request($method,
        "http://127.0.0.1:$nginx->{port}$path",
        { headers => $headers // {}, defined $body ? (content => $body) : () });
}

sub bearer {
    my (%claims) = @_;

    return 'Bearer ' . token($key, exp => time + 600, %claims);
}

sub post {
    my (%claims) = @_;

    return ask(POST => '/upload', { Authorization => bearer(%claims) },
               $photo);
}

sub id {
    my ($response) = @_;

    return eval { decode_json($response->{content})->{images}[0]{id} }
           // die "$response->{status} $response->{content}";
}

# the bytes of all variants, by the tree itself

sub bytes {
    my (@ids) = @_;

    my $sum = 0;

    for my $id (@ids) {
        $sum += -s $_ for glob "$nginx->{root}/??/??/${id}_*";
    }

    return $sum;
}

sub owners {
    my ($query) = @_;

    return decode_json(ask(GET => '/owners' . ($query // ''))->{content});
}

# is_owned(NAME, OWNER => [IDS], ...): exactly these, with exactly their bytes

sub is_owned {
    my ($name, %ids) = @_;

    my $list = owners();
    my %got = map { $_->{owner} => "$_->{images} $_->{bytes}" }
              @{ $list->{owners} };
    my %wanted = map { $_ => @{ $ids{$_} } . ' ' . bytes(@{ $ids{$_} }) }
                 keys %ids;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return is_deeply \%got, \%wanted, $name;
}

sub quota {
    my ($response, $detail, $name) = @_;

    my $problem = eval { decode_json($response->{content}) } // {};

    is "$response->{status} " . ($problem->{type} // ''),
       '507 urn:caphealth:problem:quota-exceeded', $name
        or diag $response->{content};

    return like $problem->{detail}, $detail, "$name: which";
}

is_deeply owners(), { total_owners => 0, total_images => 0, total_bytes => 0,
                      owners => [] }, 'nobody has anything';

my @a = map { id(post(sub => 'vendor-7')) } 1 .. 3;
my @b = id(post(sub => 'Grüße/../ "b"'));

id(post());
is_owned('who has what', 'vendor-7' => \@a, 'Grüße/../ "b"' => \@b);
is owners()->{total_images}, 4, 'what is nobody\'s is not counted';

quota(post(sub => 'vendor-7'),
      qr/The owner "vendor-7" has 3 images and may have 3: 1 more are too many/,
      'as many as the location grants');
push @a, id(post(sub => 'vendor-7', images => 4));
quota(post(sub => 'vendor-7', images => 4), qr/has 4 images and may have 4/,
      'as the token grants');
is post(sub => 'Grüße/../ "b"', owner_bytes => 2 * bytes(@b) + 100)->{status},
   201, 'bytes for one more';
push @b, grep { $_ ne $b[0] } map { /\/([0-9a-f]{32})$/ ? $1 : () }
         glob "$nginx->{root}/.owners/Gr*/*";
quota(post(sub => 'Grüße/../ "b"', owner_bytes => bytes(@b) + 100),
      qr/has images of \d+ bytes and may have \d+, variants included/,
      'and for none');
is_owned('what was refused is not counted', 'vendor-7' => \@a,
         'Grüße/../ "b"' => \@b);

is $nginx->counted->{stray_files}, 0, 'no stray files';

subtest 'DELETE' => sub {
    my $remove = sub {
        my ($id, @headers) = @_;

        return ask(DELETE => "/upload/$id", { Authorization =>
                   bearer(delete => JSON::PP::true, @headers) })->{status};
    };

    is $remove->($a[0], sub => 'vendor-8'), 404, 'of somebody else';
    is $remove->($a[0], sub => 'vendor-7'), 204, 'of the owner';
    is $remove->($a[0], sub => 'vendor-7'), 404, 'once';
    shift @a;
    is $remove->(shift @a), 204, 'of a token for nobody';
    is ask(DELETE => '/trusted/' . shift @a)->{status}, 204,
       'of the shop itself';
    is_owned('they are taken from their owner', 'vendor-7' => \@a,
             'Grüße/../ "b"' => \@b);
};

subtest 'an owner without a token' => sub {
    my $c = id(ask(POST => '/named', { 'X-Owner' => 'c' }, $photo));

    is_owned('is counted', 'vendor-7' => \@a, 'Grüße/../ "b"' => \@b,
             c => [$c]);
    quota(ask(POST => '/named', { 'X-Owner' => 'c' }, $photo),
          qr/has 1 images and may have 1/, 'has a quota');
    is ask(POST => '/named', {}, $photo)->{status}, 201, 'nobody has none';
    is ask(POST => '/named', { 'X-Owner' => 'x' x 81 }, $photo)->{status}, 403,
       'a name that is none';
    is ask(DELETE => "/named/$c", { 'X-Owner' => 'd' })->{status}, 404,
       'of somebody else';
    is ask(DELETE => "/named/$c", { 'X-Owner' => 'c' })->{status}, 204,
       'of the owner';
};

subtest 'all at once' => sub {
    my @status = sort $nginx->parallel(6, sub {
        return post(sub => 'race', images => 2)->{status};
    });

    is "@status", '201 201 507 507 507 507', 'no more than the quota';

    my ($form, $headers) = form(map { ("$_.jpg" => $photo) } 1 .. 3);

    quota(ask(POST => '/upload', { %$headers, Authorization =>
              bearer(sub => 'form', images => 2) }, $form),
          qr/has 0 images and may have 2: 3 more/, 'a form is all or none');
};

subtest 'the list' => sub {
    my $all = owners();

    is_deeply [ map { $_->{owner} } @{ $all->{owners} } ],
              [ map { $_->{owner} }
                sort { $b->{bytes} <=> $a->{bytes}
                       || $a->{owner} cmp $b->{owner} }
                @{ $all->{owners} } ], 'by bytes';
    is_deeply owners('?limit=1&offset=1')->{owners}, [ $all->{owners}[1] ],
              'a page';
    is_deeply owners('?offset=99')->{owners}, [], 'beyond the last';

    for my $query ('limit=0', 'limit=1001', 'limit=x', 'offset=-1') {
        is ask(GET => "/owners?$query")->{status}, 400, $query;
    }

    is ask(POST => '/owners')->{status}, 405, 'POST';
};

subtest 'kept' => sub {
    my $before = owners();

    ok $nginx->reload, 'a reload';
    is_deeply owners(), $before, 'is the same';

    # what nobody has noted, as of a worker that was killed

    unlink glob "$nginx->{root}/.owners/*/.counts";
    is_deeply owners(), $before, 'also when counted again';
};

is $nginx->logged(qr/\[alert\]|\[crit\]|\[emerg\]/), 0, 'nothing is wrong';
ok $nginx->stop, 'quits';

done_testing;
