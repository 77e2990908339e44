# The clock is set back; a report that has not changed is not rendered again.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Clock;
use Caphealth::Server;
use Test::More;
use Time::HiRes qw(sleep);

my $clock = Caphealth::Clock->new;

subtest 'the clock is set back' => sub {
    my $nginx = $clock->server(http => 'caphealth_refresh 1s;');
    my $before = $nginx->report('/health', sub {
        defined $_->{system}{cpu_percent};
    });

    $clock->set(-3600);

    my $after = $nginx->report('/health', sub {
        $_->{timestamp} lt $before->{timestamp} && !$_->{stale};
    });

    cmp_ok $after->{timestamp}, 'lt', $before->{timestamp},
           'new facts are taken';
    ok !$after->{stale}, 'and they are fresh';

    my $next = $nginx->report('/health', sub {
        $_->{timestamp} gt $after->{timestamp};
    });

    cmp_ok $next->{timestamp}, 'gt', $after->{timestamp}, 'and go on';
    ok $nginx->stop, 'quits';
};

subtest 'a report is rendered again when it has changed' => sub {
    my $database = shop('shop', 'INSERT INTO vendors (name) VALUES (\'A\');');
    my $nginx = Caphealth::Server->new(http => <<"END");
caphealth_refresh          1s;
caphealth_database_refresh 1h;
caphealth_database         sqlite:$database;
END

    my $before = $nginx->report('/health', sub {
        defined $_->{database}{vendors_count}
        && defined $_->{system}{cpu_percent};
    });
    my $tag = $nginx->get('/capacity')->{headers}{etag};

    $nginx->report('/health', sub { $_->{timestamp} gt $before->{timestamp} });
    is $nginx->get('/capacity', { 'If-None-Match' => $tag })->{status}, 304,
       'capacity has not, for all that the system has';

    $nginx->configure(http => <<"END");
caphealth_refresh          1s;
caphealth_database_refresh 1s;
caphealth_database         sqlite:$database;
END

    ok $nginx->reload, 'reload';
    $tag = $nginx->get('/capacity')->{headers}{etag};

    ok $nginx->until(sub {
        $nginx->get('/capacity', { 'If-None-Match' => $tag })->{status} == 200
    }), 'capacity has';
    ok $nginx->stop, 'quits';
};

done_testing;
