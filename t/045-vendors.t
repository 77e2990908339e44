# The list of vendors in the capacity report, page by page.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Server;
use JSON::PP;
use Test::More;

my $shop = shop('vendors', <<'END');
INSERT INTO vendors VALUES (1, 'Anna', 1), (2, 'Bert', 0), (3, NULL, 1),
    (4, 'Anna', 1), (5, 'nothing to sell', 1);
INSERT INTO products (vendor_id) VALUES (1), (1), (2), (3), (4), (4), (4);
END

my $nginx = Caphealth::Server->new(
    http => "caphealth_database sqlite:$shop;");

my $all = $nginx->report('/capacity', sub { defined $_->{products_total} });

sub get {
    my ($args, @options) = @_;
    my $url = "http://127.0.0.1:$nginx->{port}/capacity$args";
    my $got = `curl -s -i @options '$url'`;
    my ($head, $body) = $got =~ /\A(.*?)\r\n\r\n(.*)\z/s;
    my ($status) = $head =~ /\A\S+ (\d+)/;

    return ($status, $head, $body);
}

sub list {
    my ($args) = @_;
    my ($status, $head, $body) = get("?vendors=list$args");

    is $status, 200, "?vendors=list$args" or diag $body;

    return decode_json($body);
}

subtest 'a list with ids' => sub {
    my $list = list('');

    is_deeply $list->{vendors},
              [ { id => 4, name => 'Anna', products => 3 },
                { id => 1, name => 'Anna', products => 2 },
                { id => 2, name => 'Bert', products => 1 },
                { id => 3, name => undef, products => 1 } ], 'vendors'
        or diag explain $list;
    is $list->{vendors_total}, 4, 'of so many';
    ok exists $list->{vendors_next} && !defined $list->{vendors_next},
       'the last page';
    ok !exists $list->{products_by_vendor}, 'in place of the object';

    delete @$list{qw(vendors vendors_total vendors_next)};
    my %rest = %$all;
    delete $rest{products_by_vendor};
    is_deeply [ sort keys %$list ], [ sort keys %rest ], 'the rest is there';
};

subtest 'without its arguments nothing has changed' => sub {
    my ($status, $head, $body) = get('');

    like $body, qr/\A\{"products_total":7,"products_by_vendor":\{"Anna":5,"Bert":1,"Unknown":1\},"images_total":/,
         'the object';
    unlike $body, qr/"vendors/, 'no list';

    is +(get("?$_"))[2], $body, "?$_"
        for '_=123', 'limit=0', 'after=x', 'vendor=list', 'Vendors=list';
};

subtest 'page by page' => sub {
    my (@seen, $next);

    for (1 .. 5) {
        my $page = list('&limit=1' . (defined $next ? "&after=$next" : ''));

        is @{ $page->{vendors} }, 1, 'one';
        is $page->{vendors_total}, 4, 'of all of them';
        push @seen, $page->{vendors}[0]{id};
        $next = $page->{vendors_next};
        last unless defined $next;
    }

    is "@seen", '4 1 2 3', 'each once';
    is_deeply [ map { $_->{id} } @{ list('&limit=%31000')->{vendors} } ],
              [ 4, 1, 2, 3 ], 'an escaped number';
};

subtest 'arguments that are none' => sub {
    for my $args ('vendors', 'vendors=', 'vendors=all', 'vendors=lists',
                  'vendors=list&limit=0', 'vendors=list&limit=1001',
                  'vendors=list&limit=', 'vendors=list&limit=-1',
                  'vendors=list&limit=1e3', 'vendors=list&after=',
                  'vendors=list&after=0', 'vendors=list&after=zz',
                  'vendors=list&limit=99999999999999999999',
                  'vendors=list&vendors=list', 'limit=1&vendors=list&limit=1')
    {
        my ($status, $head, $body) = get("?$args");
        my $problem = decode_json($body);

        is $status, 400, $args;
        like $head, qr{^Content-Type: application/problem\+json\r?$}m, 'type';
        is $problem->{type}, 'urn:caphealth:problem:invalid-argument',
           'problem';
        like $problem->{detail}, qr/"limit", a number from 1 to 1000/,
             'what is accepted';
    }
};

subtest 'tags' => sub {
    my %etag;

    for my $args ('', '?vendors=list', '?vendors=list&limit=1',
                  '?vendors=list&limit=2')
    {
        my ($status, $head, $body) = get($args);
        my ($etag) = $head =~ /^ETag: (\S+)/m;
        my ($length) = $head =~ /^Content-Length: (\d+)/m;

        ok $etag && !$etag{$etag}++, "a tag of its own: '$args'";
        like $head, qr/^Age: \d+\r?$/m, 'age';
        is $length, length $body, 'length';

        # another tag where the system was looked at in between

        my $again;

        for (1 .. 3) {
            ($again) = get($args, '-H', "'If-None-Match: $etag'");
            last if $again == 304;
            ($etag) = (get($args))[1] =~ /^ETag: (\S+)/m;
        }

        is $again, 304, 'not again';

        my ($headed, $only) = get($args, '-I');
        is $headed, 200, 'HEAD';
        like $only, qr/^Content-Length: $length\r?$/m, 'of the same length';
    }
};

ok $nginx->stop, 'quits';

subtest 'nothing is known' => sub {
    my $bare = Caphealth::Server->new;
    my $list = decode_json(`curl -s 'http://127.0.0.1:$bare->{port}/capacity?vendors=list'`);

    for (qw(vendors vendors_total vendors_next)) {
        ok exists $list->{$_} && !defined $list->{$_}, "$_ is null";
    }

    ok $bare->stop, 'quits';
};

subtest 'a query of two columns' => sub {
    my $own = Caphealth::Server->new(
        http => "caphealth_database sqlite:$shop;
                 caphealth_query products_by_vendor
                     \"SELECT name, 2 FROM vendors\";");

    $own->report('/capacity', sub { defined $_->{products_by_vendor} });

    my $list = decode_json(`curl -s 'http://127.0.0.1:$own->{port}/capacity?vendors=list'`);

    is_deeply $list->{vendors},
              [ { id => undef, name => 'Anna', products => 4 },
                { id => undef, name => 'Bert', products => 2 },
                { id => undef, name => 'nothing to sell', products => 2 },
                { id => undef, name => undef, products => 2 } ],
              'equal names add up' or diag explain $list;
    ok $own->stop, 'quits';
};

done_testing;
