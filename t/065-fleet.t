# Several nodes on a real PostgreSQL: what each writes there, who holds the
# lease, and that one of them asks the shop's database for all.

use strict;
use warnings;

use lib 't/lib';

use Caphealth;
use Caphealth::Postgres;
use Caphealth::Receiver;
use Caphealth::Server;
use JSON::PP;
use Test::More;

my $often = <<'END';
caphealth_refresh          1s;
caphealth_database_refresh 1s;
caphealth_threshold        cpu_percent off;
END

my $postgres = Caphealth::Postgres->new;

$postgres->shop(<<'END');
INSERT INTO vendors (name) VALUES ('Anna'), ('Ünï "quoted"'), (NULL);
INSERT INTO products (vendor_id) VALUES (1), (1), (2), (3), (3), (3);
INSERT INTO orders (created_at) VALUES (now() AT TIME ZONE 'UTC');
END

$postgres->fleet;

sub node {
    my ($name, %option) = @_;

    return Caphealth::Server->new(%option,
        locations => 'location = /nodes { caphealth_nodes; }',
        http => "$often caphealth_fleet " . $postgres->fleet_url
                . " node=$name;" . ($option{http} // '')
                . ' caphealth_database ' . $postgres->url . ';');
}

sub nodes {
    return join ' ', split ' ', $postgres->sql(
        "SELECT string_agg(name || ':' || state, ' ' ORDER BY name)
         FROM caphealth.nodes WHERE reported > now() - interval '3 s'");
}

sub holder {
    my $name = $postgres->sql('SELECT node FROM caphealth.lease
                               WHERE expires > clock_timestamp()');
    chomp $name;

    return $name;
}

# the object as it stands in the body

sub vendors {
    my ($nginx) = @_;

    my ($vendors) = $nginx->get('/capacity')->{content}
                    =~ /"products_by_vendor":(\{.*?\})/;

    return $vendors;
}

my $counted = sub { defined $_->{database}{products_count} };

my $one = node('one', main => 'env LD_PRELOAD; env ASAN_OPTIONS;');

subtest 'the first node' => sub {
    my $report = $one->report('/health', $counted);

    is $report->{database}{products_count}, 6, 'asks the shop';

    $one->until(sub { nodes() eq 'one:healthy' });
    is nodes(), 'one:healthy', 'reports what it is';
    is holder(), 'one', 'holds the lease';

    my $row = decode_json $postgres->sql(
        'SELECT row_to_json(n) FROM caphealth.nodes n');

    like $row->{version}, qr/^\d+\.\d+/, 'its version';
    cmp_ok abs $row->{clock_offset}, '<', 5, 'its clock';
    is $row->{seconds}, 1, 'its interval';
    ok defined $row->{report}{series}{memory_percent}, 'its measures';
};

my $two = node('two');

subtest 'the shop is asked by one' => sub {
    my $report = $two->report('/health', $counted);

    is $report->{database}{products_count}, 6, 'the other has the numbers';
    is $report->{database}{engine}, 'postgresql', 'and the engine';
    is $report->{database}{error}, undef, 'without an error';
    is_deeply $two->json('/capacity')->{products_by_vendor},
              $one->json('/capacity')->{products_by_vendor},
              'the same vendors';
    is vendors($two), vendors($one), 'in the same order';

    is holder(), 'one', 'the lease stays where it is';

    $two->until(sub { nodes() eq 'one:healthy two:healthy' });
    is nodes(), 'one:healthy two:healthy', 'both report';

    $postgres->sql('INSERT INTO products (vendor_id) VALUES (1)');
    $report = $two->report('/health', sub {
        ($_->{database}{products_count} // 0) == 7
    });
    is $report->{database}{products_count}, 7, 'new numbers reach it';
    is $postgres->sql("SELECT string_agg(DISTINCT facts_node, ' ')
                       FROM caphealth.shop"), "one\n", 'which "one" wrote';
};

subtest 'a reload' => sub {
    ok $one->reload, 'is done';
    $one->report('/health', $counted);
    is holder(), 'one', 'the lease stays';
    is $postgres->sql('SELECT count(*) FROM caphealth.nodes
                       WHERE rival IS NOT NULL'), "0\n",
       'the new collector is no other process';
};

subtest 'a binary upgrade' => sub {
    my $old = $one->master;
    my $lease = sub {
        return $postgres->sql("SELECT instance FROM caphealth.lease
                               WHERE node = 'one'
                               AND expires > clock_timestamp()");
    };
    my $before = $lease->();

    kill USR2 => $old;

    # both report for a while, which would be logged of two nodes

    ok $one->until(sub {
        $postgres->sql("SELECT rival_upgrade
                               AND rival_at > n.started + interval '3 s'
                               AND reported > rival_at - interval '2 s'
                        FROM caphealth.nodes n
                        WHERE name = 'one'") eq "t\n"
    }), 'both masters run' or diag $one->log;
    is $lease->(), $before, 'the lease stays with the old one';
    is_deeply [ map { $_->{doubled} ? $_->{name} : () }
                @{ $one->json('/nodes')->{nodes} } ], [],
       'they are one node';

    kill QUIT => $old;
    ok $one->until(sub { my $now = $lease->(); $now && $now ne $before }),
       'the new one takes it over';
    is $one->logged(qr/have the name/), 0, 'two nodes are not logged';
    ok $one->until(sub { !Caphealth::Server::lives($old) }), 'the old one quits';
    is holder(), 'one', 'the lease stays at this node';
};

subtest 'the holder quits' => sub {
    ok $one->stop, 'it does';

    $two->until(sub { holder() eq 'two' });
    is holder(), 'two', 'the other takes the lease';

    $postgres->sql('INSERT INTO products (vendor_id) VALUES (1)');
    my $report = $two->report('/health', sub {
        ($_->{database}{products_count} // 0) == 8
    });
    is $report->{database}{products_count}, 8, 'and asks the shop';
    is $report->{database}{error}, undef, 'without an error';
};

subtest 'two nodes of one name' => sub {
    my $other = node('two');

    $other->until(sub { $other->logged(qr/have the name "two": give each/) });
    is $other->logged(qr/have the name "two": give each/), 1, 'it is logged';
    $two->until(sub { $two->logged(qr/have the name "two": give each/) });
    is $two->logged(qr/have the name "two": give each/), 1, 'so is the older';
    is holder(), 'two', 'which keeps the lease';

    my $report = $other->report('/health', sub {
        ($_->{database}{products_count} // 0) == 8
    });
    is $report->{database}{products_count}, 8,
       'the newer has the numbers of the shop';

    ok $two->stop, 'the older quits';
    $other->until(sub {
        $postgres->sql("SELECT rival IS NULL AND state = 'healthy'
                        FROM caphealth.nodes WHERE name = 'two'
                        AND reported > now() - interval '2 s'") eq "t\n"
    });
    is $postgres->sql("SELECT count(*) FROM caphealth.nodes
                       WHERE name = 'two'"), "1\n", 'the newer has the row';
    ok $other->stop, 'quits';
};

subtest 'a node is retired' => sub {
    is $postgres->sql("SELECT caphealth.retire('two')"), "t\n", 'it was there';
    is $postgres->sql("SELECT caphealth.retire('two')"), "f\n", 'it is gone';
};

subtest 'one node notifies for all' => sub {
    $postgres->sql("SELECT caphealth.retire('one')");

    my $receiver = Caphealth::Receiver->new;
    my $notify = 'caphealth_threshold products_total warning=20 critical=90'
                 . " limit=99; caphealth_notify http://127.0.0.1:"
                 . "$receiver->{port}/ on=warning,recovery hold=3s interval=0;";

    # not what is unknown while a loaded machine answers late

    my @node = map { node($_) } qw(three four);

    $node[0]->until(sub { nodes() eq 'four:healthy three:healthy' });

    for my $node (@node) {
        $node->configure(http => "$node->{http} $notify");
        $node->reload;
    }

    $node[0]->until(sub { nodes() eq 'four:healthy three:healthy' });
    $postgres->sql('INSERT INTO products (vendor_id)
                    SELECT 1 FROM generate_series(1, 20)');
    $node[0]->until(sub { my @all = $receiver->delivered; @all >= 1 });
    $node[0]->until(sub { nodes() eq 'four:degraded three:degraded' });

    # what was told is stored with the next report

    $node[0]->until(sub {
        $postgres->sql("SELECT told->>'state' FROM caphealth.lease")
            eq "degraded\n"
    });

    my $holder = holder();
    my ($gone, $stays) = $holder eq 'three' ? @node : reverse @node;

    ok $gone->stop, 'the holder quits';
    $postgres->sql("SELECT caphealth.retire('$holder')");

    $stays->until(sub { holder() ne $holder && holder() ne '' });
    $postgres->sql('DELETE FROM products WHERE id > 10');
    $stays->until(sub { my @all = $receiver->delivered; @all >= 2 });

    my @all = $receiver->delivered;

    is_deeply [ map { $_->{to} } @all ], [ qw(degraded healthy) ],
              'each change once' or diag explain \@all;
    is $all[0]{node}, $holder, 'the first by the one that held the lease';
    is $all[1]{node}, holder(), 'the second by the next';
    like encode_json($all[0]{causes}),
         qr/three|four/, 'it names the node';
    like $all[0]{summary},
         qr/^$holder: the platform is degraded \(was healthy\): (three|four): /,
         'and the summary says whose status it is';

    ok $stays->stop, 'quits';
};

subtest 'the rights that a node needs' => sub {
    for my $table (qw(nodes lease shop schema stores
                       store_slices store_listings store_nodes)) {
        is $postgres->sql("SELECT has_table_privilege('caphealth',
            'caphealth.$table', 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')"),
           "f\n", "none on $table";
    }

    is $postgres->sql("SELECT has_function_privilege('caphealth',
        'caphealth.refresh(jsonb, json)', 'EXECUTE')"), "t\n",
       'only to refresh';
};

subtest 'the file is run again' => sub {
    my $rows = $postgres->sql('SELECT count(*) FROM caphealth.nodes');

    $postgres->fleet;
    is $postgres->sql('SELECT count(*) FROM caphealth.nodes'), $rows,
       'what is there stays';

    $postgres->sql('UPDATE caphealth.schema SET version = 9');
    ok !eval { $postgres->fleet; 1 }, 'not over a newer version';
    is $postgres->sql('SELECT version FROM caphealth.schema'), "9\n",
       'which stays';
    $postgres->sql('UPDATE caphealth.schema SET version = 2');
};

subtest 'the owner of the schema has no other right' => sub {
    $postgres->sql('CREATE ROLE keeper LOGIN');
    $postgres->sql('CREATE DATABASE kept');
    $postgres->sql('ALTER DATABASE kept SET search_path = missing');

    my @keeper = ('-c', '\connect kept keeper');

    ok !eval { $postgres->fleet(@keeper); 1 }, 'it cannot make the schema';
    $postgres->run('psql', '-c', '\connect kept postgres', '-c',
                   'CREATE SCHEMA caphealth AUTHORIZATION keeper');

    for my $time (qw(once twice)) {
        ok eval { $postgres->fleet(@keeper); 1 }, "it runs the file $time";
    }

    is $postgres->run('psql', @keeper, '-c',
                      'SELECT version FROM caphealth.schema'),
       "2\n", 'the schema is there';
};

subtest 'what a node says of itself is bounded' => sub {
    my $refresh = sub {
        my ($seconds) = @_;

        return "SELECT fleet FROM caphealth.refresh(jsonb_build_object(
                'schema', 1, 'node', 'odd', 'instance', 'i', 'seconds',
                $seconds, 'cause', repeat('a', 9999), 'clock', 1), NULL)";
    };

    $postgres->sql($refresh->('1e9'));
    is $postgres->sql("SELECT seconds || ' ' || length(cause)
                       FROM caphealth.nodes WHERE name = 'odd'"),
       "86400 255\n", 'an interval, a cause';
    ok !eval { $postgres->sql($refresh->(q('often'))); 1 }, 'no interval';
    ok !eval { $postgres->sql($refresh->('1') =~ s/'odd'/'o d d'/r); 1 },
       'no name';

    my $last = encode_json({ node => 'odd', instance => 'i', seconds => 1e300,
                             stores => [ {
        name => 's3://odd', version => 0, acknowledged => 0, sequence => 1,
        slices => [], listings => [], ended => JSON::PP::true } ] });

    $postgres->sql("SELECT caphealth.finish('$last')");
    is $postgres->sql("SELECT seconds || ' ' || lost FROM caphealth.store_nodes
                       WHERE instance = 'i'"), "86400 true\n",
       'an interval of one that ends';
    $postgres->sql("SELECT caphealth.retire('odd');
                    DELETE FROM caphealth.stores;
                    DELETE FROM caphealth.store_slices;
                    DELETE FROM caphealth.store_nodes");
};

# what a collector sends; one of version 1 knows nothing of the rest.  A lease lasts
# longer than the tests

sub refresh {
    my ($name, $looked, %more) = @_;

    my $request = encode_json({ schema => 2, node => $name, instance => $name,
                                seconds => 600, version => '1', state => 'healthy',
                                cause => '', clock => 1, report => {},
                                shop => JSON::PP::true, looks => 1, %more });

    $request =~ s/'/''/g;
    $looked = defined $looked
              ? qq('{"age":0,"failed":) . ($looked ? 'false,"facts":{}' : 'true')
                . qq(}') : 'NULL';

    return decode_json $postgres->sql(
        "SELECT jsonb_build_object('shop', shop) || fleet::jsonb
         FROM caphealth.refresh('$request', $looked)");
}

subtest 'the holder cannot query the shop' => sub {
    $postgres->sql('TRUNCATE caphealth.nodes, caphealth.lease,
                    caphealth.overview');

    my $fails = sub { refresh('old', 0, schema => 1) for 1 .. $_[0] };
    my $ends = sub {
        $postgres->sql("UPDATE caphealth.lease SET probe_until
                        = probe_until - interval '1 h'");
    };

    ok refresh('old', 1, schema => 1)->{leader}, 'one of version 1 holds it';
    $fails->(2);
    ok !refresh('x')->{probe}, 'twice it has failed';
    $fails->(1);
    ok !refresh('other', undef, shop => JSON::PP::false)->{probe},
       'a node without the shop is not asked';
    ok refresh('x')->{probe}, 'another one is to try';
    ok !refresh('x')->{probe}, 'once';
    ok !refresh('y')->{probe}, 'no other meanwhile';
    ok !refresh('x', 0)->{leader}, 'it cannot either';

    $fails->(1);
    $ends->();
    ok refresh('y')->{probe}, 'the next one';
    ok refresh('old')->{leader}, 'the lease stays until somebody can';
    ok !refresh('x', 1)->{leader}, 'of those who are asked to';
    ok refresh('y', 1)->{leader}, 'that one gets it';
    ok !refresh('old', 0, schema => 1)->{leader}, 'and the first one loses it';
    is $postgres->sql('SELECT facts_node FROM caphealth.shop'), "y\n",
       'its numbers are stored';

    refresh('y', 0) for 1 .. 2;
    refresh('y', 1);
    refresh('y', 0) for 1 .. 2;
    ok !refresh('x')->{probe}, 'failures that end do not count';
};

# a node that waited began before the other one, or the server after a failover is
# a little behind; and what is further in the future is corrected, see below

subtest 'what was stored a moment later' => sub {
    $postgres->sql("UPDATE caphealth.shop
                    SET collected = now() + interval '5 s',
                        attempted = now() + interval '5 s'");
    is_deeply [ map { 0 + $_ } @{ refresh('x')->{shop} }{qw(age attempt_age)} ],
              [ 0, 0 ], 'has no negative age';

    my $store = sub {
        return refresh('y', undef, stores => [ {
            name => 's3://later', version => 0, scan => 86400, counted => '',
            acknowledged => 0, sequence => 1, complete_to => time, slices => [],
            listings => [] } ])->{stores}[0];
    };

    $store->();
    $postgres->sql("UPDATE caphealth.stores
                    SET pass_began = now() + interval '5 s',
                        scanned = now() + interval '5 s',
                        scan_began = now()");

    my $answer = $store->();

    cmp_ok $answer->{pass_age}, '==', 0, 'nor has a pass over a store';
    cmp_ok $answer->{scan_age}, '==', 0, 'nor the one before';

    $postgres->sql('DELETE FROM caphealth.stores;
                    DELETE FROM caphealth.store_slices;
                    DELETE FROM caphealth.store_nodes');
};

subtest 'the shop of another node' => sub {
    my $differs = sub {
        $postgres->sql("UPDATE caphealth.overview SET at = '-infinity'");
        refresh('y', undef, settings => 'a');

        return $postgres->sql("SELECT string_agg(n->>'name', ' ')
            FROM caphealth.overview, json_array_elements(nodes) n
            WHERE (n->>'differs')::boolean");
    };

    refresh('x', undef, settings => 'a');
    refresh('old', undef, schema => 1);
    is $differs->(), "\n", 'is the same';
    refresh('x', undef, settings => 'b');
    is $differs->(), "x\n", 'is another one';
    refresh('x', undef, settings => 'b', shop => JSON::PP::false);
    is $differs->(), "\n", 'is not asked';
};

subtest 'facts of before 1970' => sub {
    refresh('y', 1);
    $postgres->sql("UPDATE caphealth.lease
                    SET expires = now() + interval '1 h';
                    UPDATE caphealth.shop
                    SET collected = '1900-01-01', attempted = '1900-01-01'");

    my $node = node('late');

    $node->until(sub {
        $postgres->sql("SELECT reported > started + interval '3 s'
                        FROM caphealth.nodes WHERE name = 'late'") eq "t\n"
    });
    is $node->logged(qr/sent invalid facts/), 0,
       'do not end the collector';
    is $node->json('/health')->{database}{products_count}, undef,
       'and are not shown';
    ok $node->stop, 'quits';

    $postgres->sql('TRUNCATE caphealth.nodes, caphealth.shop,
                    caphealth.overview');
};

# a collector whose connection was closed sends a request once more

subtest 'a request that is sent twice' => sub {
    my $now = time - 1000;
    my $tell = sub {
        my ($sequence, $until, %more) = @_;

        refresh('x', undef, stores => [ {
            name => 's3://twice', version => 0, scan => 0, counted => '',
            acknowledged => $sequence - 1, sequence => $sequence,
            complete_to => $now + $until, slices => [], listings => [], %more
        } ]) for 1 .. 2;

        return $postgres->sql("SELECT files, s.removed
            FROM caphealth.stores s
            JOIN caphealth.store_slices l ON store = name AND slice = 7
            WHERE name = 's3://twice'");
    };

    # 3 files of 30 bytes, and 2 of 20 that the listing has removed

    my $listing = [ 7, $now + 1, $now + 2, 3, 30, 1, 0, 0, 0, 0, 3, 2, 20, [] ];

    $tell->(1, 0);
    is $tell->(2, 0, listings => [ $listing ]), "0|0\n", 'a listing waits';
    is $tell->(3, 3), "3|2\n", 'and counts once';

    $listing->[$_] += 10 for 1, 2;
    is $tell->(4, 20, listings => [ $listing ]), "3|4\n",
       'so does one that is exact at once';
    is $tell->(5, 30, slices => [ [ 7, 1, 10, 0, 0, 0, $now + 25, $now + 26,
                                    0 ] ]),
       "4|4\n", 'and a change';

    $postgres->sql("UPDATE caphealth.store_slices SET listed_from = $now + 5000,
                    listed_until = $now + 5001 WHERE slice = 7");
    is $tell->(6, 40, slices => [ [ 7, 1, 10, 0, 0, 0, $now + 35, $now + 36,
                                    0 ] ]),
       "5|4\n", q(also after the server's clock was set back);
    is $postgres->sql("SELECT substr(todo, 8, 1) FROM caphealth.stores
                       WHERE name = 's3://twice'"), "1\n",
       'the slice is listed again then';

    # a node may have what was changed after a dump that is restored

    my $version = sub {
        chomp(my $v = $postgres->sql('SELECT version FROM caphealth.stores'));
        return $v;
    };

    my $dumped = $version->();
    my $change = [ 7, 1, 10, 0, 0, 0, $now + 45, $now + 46, 0 ];

    $tell->(7, 50, slices => [ $change ]);

    my $known = $version->();

    $postgres->sql("UPDATE caphealth.stores SET version = $dumped;
                    UPDATE caphealth.store_slices SET version = $dumped
                    WHERE version > $dumped");
    $tell->(8, 60, slices => [ $change ]);
    cmp_ok $version->(), '>', $known, 'no version is used twice';

    $postgres->sql("DELETE FROM caphealth.stores;
                    DELETE FROM caphealth.store_slices;
                    DELETE FROM caphealth.store_listings;
                    DELETE FROM caphealth.store_nodes");
};

subtest 'the clock of the server is set back' => sub {
    $postgres->sql('TRUNCATE caphealth.nodes, caphealth.lease, caphealth.shop,
                    caphealth.overview');

    my @store = (stores => [ {
        name => 's3://back', version => 0, scan => 0, counted => '',
        acknowledged => 0, sequence => 1, complete_to => time, slices => [],
        listings => [] } ]);
    my $back = sub {
        $postgres->sql(q(
            UPDATE caphealth.nodes SET reported = reported + interval '1 h';
            UPDATE caphealth.lease SET expires = expires + interval '1 h',
                probe_until = probe_until + interval '1 h';
            UPDATE caphealth.shop SET attempted = attempted + interval '1 h',
                collected = collected + interval '1 h';
            UPDATE caphealth.stores SET scanned = now() + interval '1 h',
                scan_began = now() + interval '1 h', pass_began = NULL;
            UPDATE caphealth.store_nodes
                SET reported = reported + interval '1 h';
            UPDATE caphealth.overview SET at = at + interval '1 h'));
    };
    my $later = sub {
        return $postgres->sql(q(
            SELECT (SELECT count(*) FROM caphealth.nodes
                     WHERE reported > clock_timestamp())
                 + (SELECT count(*) FROM caphealth.lease
                     WHERE expires > clock_timestamp() + interval '30 min')
                 + (SELECT count(*) FROM caphealth.shop
                     WHERE greatest(attempted, collected) > clock_timestamp())
                 + (SELECT count(*) FROM caphealth.stores
                     WHERE greatest(scanned, scan_began) > clock_timestamp())
                 + (SELECT count(*) FROM caphealth.store_nodes
                     WHERE reported > clock_timestamp())));
    };

    ok refresh('dead', 1, @store)->{leader}, 'a node has the lease, and dies';
    refresh('x', undef, @store);
    $back->();
    refresh('x', undef, @store);
    is $later->(), "0\n", 'a node that lives corrects all times';
    is $postgres->sql("SELECT pass, pass_began = scanned FROM caphealth.stores
                       WHERE name = 's3://back'"), "2|t\n",
       'a store is listed again';
    is $postgres->sql('SELECT count(*) FROM caphealth.nodes
                       WHERE rival_at IS NOT NULL'), "0\n",
       'no other time is set';

    $back->();
    refresh('new', undef);
    is $later->(), "0\n", 'so does one that is new';

    $postgres->sql("UPDATE caphealth.lease SET expires = now()");
    ok refresh('x', 1, @store)->{leader}, 'the lease can be taken';
    $back->();
    refresh('x', 1, @store);
    is $postgres->sql('SELECT facts_node FROM caphealth.shop'), "x\n",
       'and what its holder reads is stored';

    $postgres->sql("DELETE FROM caphealth.stores;
                    DELETE FROM caphealth.store_slices;
                    DELETE FROM caphealth.store_nodes;
                    UPDATE caphealth.lease SET expires = now()");
};

subtest 'an older schema' => sub {
    my $more = 'settings, process, follows, rival_upgrade';

    refresh($_) for 'y', 'x';
    $postgres->sql('ALTER TABLE caphealth.nodes '
                   . join ', ', map { "DROP COLUMN $_" } split /, /, $more);
    $postgres->sql('ALTER TABLE caphealth.lease DROP COLUMN failed,
                    DROP COLUMN prober, DROP COLUMN probe_until;
                    UPDATE caphealth.schema SET version = 1');
    $postgres->fleet;
    is $postgres->sql("SELECT name, $more FROM caphealth.nodes
                       WHERE name = 'x'"), "x||||\n", 'keeps its nodes';
    ok refresh('y')->{leader}, 'and its lease';
    $postgres->sql('TRUNCATE caphealth.nodes, caphealth.lease,
                    caphealth.overview');
};

subtest 'the schema is missing, old, or too new' => sub {
    $postgres->sql('UPDATE caphealth.schema SET version = 0');

    my $node = node('three');

    $node->until(sub { $node->logged(qr/version 0, and 2 is needed; run/) });
    ok $node->logged(qr/caphealth fleet: .* version 0, and 2 is needed; run caphealth-fleet\.sql/),
       'old';

    $postgres->sql('UPDATE caphealth.schema SET version = 9, oldest = 8');
    $node->until(sub { $node->logged(qr/upgrade caphealth on this node/) });
    ok $node->logged(qr/takes nodes of version 8 and newer, not 2; upgrade/),
       'too new';
    ok $node->stop, 'quits';

    $postgres->sql('DROP SCHEMA caphealth CASCADE');
    $node = node('three');
    $node->until(sub { $node->logged(qr/caphealth fleet: .*no schema/) });
    ok $node->logged(qr/no schema "caphealth", or an old one: run caphealth-fleet\.sql in it/),
       'missing';

    $postgres->fleet;
    $node->until(sub { nodes() eq 'three:healthy' });
    is nodes(), 'three:healthy', 'it is made, and the node is there';
    ok $node->stop, 'quits';
};

done_testing;
