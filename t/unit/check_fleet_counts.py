#!/usr/bin/python3
#
# count_images() of contrib/postgresql/caphealth-fleet.sql in a real PostgreSQL,
# by random histories of nodes with object stores: requests and answers are lost
# and sent again, old requests come late, nodes quit, are killed, are of an older
# version, the server's clock is set, and a dump is restored.  The node here is
# that of src/store/caphealth_fleet_counts.c.
#
# The test sets the time.  After each history there are only refreshes and
# listings, until all nodes take their counts for complete; then the counts have
# to be right.

import copy
import json
import os
import random
import signal
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
sys.path.append(os.path.join(TOP, 't/lib'))

import tap
from tap import ok

SLICES = 257
HOT = 6                       # slices that are changed
SECONDS = 10                  # between two refreshes of a node
TABLES = ('stores', 'store_slices', 'store_listings', 'store_nodes')

HISTORIES = 20
STEPS = 250

# what happens, and how often

COMMON = {'begin': 20, 'go_on': 20, 'list': 20, 'list_all': 3, 'refresh': 40}
FAULTS = {'lose_request': 4, 'lose_answer': 4, 'repeat': 4, 'quit': 2, 'kill': 1,
          'cut_off': 2, 'set_clock': 1, 'save_or_restore': 2,
          'of_version_1': 1}


class Postgres:
    """A session of psql, which answers a line for each statement."""

    script = os.path.join(TOP, 't/lib/postgres.sh')

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='caphealth-')
        os.chmod(self.dir, 0o755)
        subprocess.run([self.script, 'start', self.dir], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([self.script, 'psql', self.dir, '-f', os.path.join(
            TOP, 'contrib/postgresql/caphealth-fleet.sql')], check=True)
        self.psql = subprocess.Popen(
            [self.script, 'psql', self.dir, '-v', 'ON_ERROR_STOP=1'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, sql):
        """What the statements return, a line for each row."""

        self.psql.stdin.write(sql + ";\nSELECT '.';\n")
        self.psql.stdin.flush()

        lines = []

        while True:
            line = self.psql.stdout.readline()

            if line == '':
                raise RuntimeError('psql has ended')
            if line == '.\n':
                return lines

            lines.append(line.rstrip('\n'))

    def remove(self):
        self.psql.stdin.close()
        self.psql.wait()
        subprocess.run([self.script, 'remove', self.dir], check=True)


class Delta:
    def __init__(self):
        self.files = 0
        self.images = 0
        self.first = 0
        self.last = 0
        self.doubtful = 0

    def touch(self, now):
        self.first = self.first or now
        self.last = now


class Store:
    """What a node knows of a store: caphealth_fleet_counts_t and a tree."""

    def __init__(self):
        self.pending = [Delta() for _ in range(SLICES)]
        self.sent = [Delta() for _ in range(SLICES)]
        self.sequence = self.stored = self.version = 0
        self.contact = self.clock = self.early = self.late = 0
        self.complete_to = 0
        self.copy = [(0, 0)] * SLICES
        self.changes = [0] * SLICES
        self.changing = {}
        self.todo = set()
        self.lister = self.trusted = False
        self.listing = None
        self.listings = {}

    def unsent(self):
        return self.stored < self.sequence and any(d.first for d in self.sent)

    def send(self, now, wall):
        self.sequence = self.sequence + 1 if self.sequence else wall

        for i in self.changing.values():
            self.pending[i].touch(now)

        self.sent = self.pending
        self.pending = [Delta() for _ in range(SLICES)]

        for i in self.changing.values():
            self.pending[i].touch(now)

        self.complete_to = now

    def request(self, name, ended=False):
        if self.contact:
            times = lambda d: [d.first + self.early, d.last + self.late]
        else:
            times = lambda d: [0, 1e15]

        request = {
            'name': name, 'sequence': self.sequence,
            'acknowledged': self.stored, 'version': self.version,
            'counted': '0', 'scan': 0,
            'slices': [[i, d.files, d.files * 10, d.images, 0, d.files]
                       + times(d) + [d.doubtful]
                       for i, d in enumerate(self.sent) if d.first],
            'listings': [[i, start + self.early, end + self.late, files,
                          files * 10, images, 0, 0, 0, 0, files, 0, 0, [0]]
                         for i, (start, end, files, images)
                         in self.listings.items()]
        }

        if self.contact:
            request['complete_to'] = self.complete_to + self.early
        if ended:
            request['ended'] = True

        return request

    def take(self, answer, clock, asked, now):
        if clock <= self.clock and self.clock - clock < 60:
            return

        self.clock = clock
        self.contact = now
        self.early = clock - now
        self.late = clock - asked
        self.stored = answer['sequence']

        if answer['sequence'] >= self.sequence:
            self.sent = [Delta() for _ in range(SLICES)]

        for row in answer['rows'] or []:
            i = row[0]
            own = (self.sent[i], self.pending[i])
            self.copy[i] = (row[1] + sum(d.files for d in own),
                            row[3] + sum(d.images for d in own))

        self.version = answer['version']
        self.lister = answer['lister']
        self.trusted = answer['trusted'] and answer['version'] > 0
        todo = answer['todo'] or ''
        self.todo = {i for i, digit in enumerate(todo) if digit == '1'}
        self.todo -= set(self.listings)


class Node:
    number = 0

    def __init__(self):
        Node.number += 1
        self.instance = 'i%d' % Node.number
        self.stores = {}
        self.cut_off = 0              # from the database, until then


class History:
    def __init__(self, postgres, seed):
        self.postgres = postgres
        self.random = random.Random(seed)
        self.now = 1000.0             # CLOCK_BOOTTIME of all nodes
        self.offset = 1.7e9           # of the server's clock to that
        self.names = ['s3://a', 's3://b'][:1 + seed % 2]
        self.truth = {name: [(0, 0)] * SLICES for name in self.names}
        self.nodes = [Node() for _ in range(3)]
        self.late = []                # requests that may come once more
        self.saved = False            # there is a dump

        postgres.run('TRUNCATE caphealth.nodes, caphealth.tries, '
                     + ', '.join('caphealth.' + t for t in TABLES))

    def store(self, node):
        name = self.random.choice(self.names)
        return name, node.stores.setdefault(name, Store())

    def clock(self):
        return self.now + self.offset

    def wall(self):
        return int(self.now * 1000) + 10 ** 12

    def pass_time(self, most):
        self.now += self.random.uniform(0.001, most)

    # a change begins, is made in the store, is counted, and ends

    def begin(self, node):
        name, store = self.store(node)
        i = self.random.randrange(HOT)

        store.pending[i].touch(self.now)
        store.changes[i] += 1
        files = self.random.choice((3, 3, 3, -3))
        store.changing[(self.now, files, name, 'begun')] = i

    def go_on(self, node):
        for name, store in node.stores.items():
            for key in sorted(store.changing):
                if self.random.random() < 0.5:
                    self.advance(name, store, key)

    def advance(self, name, store, key):
        at, files, _, state = key
        i = store.changing.pop(key)

        if state == 'begun':
            old = self.truth[name][i]
            if old[0] + files >= 0:
                self.truth[name][i] = (old[0] + files, old[1] + files // 3)
            else:
                files = 0
            store.changing[(at, files, name, 'made')] = i
            return

        d = store.pending[i]
        d.touch(self.now)
        d.files += files
        d.images += files // 3
        store.changes[i] += 1
        store.copy[i] = (store.copy[i][0] + files,
                         store.copy[i][1] + files // 3)

    def settle(self, node):
        for name, store in node.stores.items():
            while store.changing:
                self.advance(name, store, next(iter(store.changing)))

    # the lister lists a slice, in which time passes

    def list(self, node):
        name, store = self.store(node)

        if store.listing is None:
            due = [i for i in sorted(store.todo)
                   if i not in store.changing.values()]
            if store.lister and due:
                i = self.random.choice(due)
                store.listing = (i, self.now, store.changes[i],
                                 self.random.choice((None,
                                                     self.truth[name][i])))
            return

        i, start, changes, found = store.listing
        store.listing = None

        if store.changes[i] == changes and i not in store.changing.values():
            found = found or self.truth[name][i]
            store.listings[i] = (start, self.now) + found
            store.todo.discard(i)

    def list_all(self, node):
        for name, store in node.stores.items():
            if store.lister:
                start = self.now
                self.pass_time(0.1)
                for i in sorted(store.todo - set(store.changing.values())):
                    store.listings[i] = (start, self.now) + self.truth[name][i]
                    store.todo.discard(i)

    # what the database does

    def call(self, request, node, owner, holder):
        return self.postgres.run(
            "SELECT caphealth.count_images('%s', 'n', '%s', %d,"
            " to_timestamp(%r), %s, %s)"
            % (json.dumps(request), node.instance, SECONDS, self.clock(),
               owner, holder))[0]

    def refresh(self, node, fate='answered'):
        if self.now < node.cut_off:
            fate = 'lost'

        for name in self.names:
            store = node.stores.setdefault(name, Store())

            if store.contact and not store.unsent():
                store.send(self.now, self.wall())

            request = store.request(name)
            store.listings = {}
            asked = self.now

            if self.random.random() < 0.1:
                self.late.append((node, request))

            self.pass_time(0.05)

            if fate == 'lost':
                continue

            answer = self.call(request, node, True, node is self.nodes[0])
            clock = self.clock()
            self.pass_time(0.05)

            if fate == 'answered':
                store.take(json.loads(answer), clock, asked, self.now)

    def lose_request(self, node):
        self.refresh(node, 'lost')

    def lose_answer(self, node):
        self.refresh(node, 'stored')

    def cut_off(self, node):
        node.cut_off = self.now + self.random.uniform(1, 10 * SECONDS)

    def kill(self, node):
        self.nodes[self.nodes.index(node)] = Node()
        self.random.shuffle(self.nodes)

    def quit(self, node):
        self.settle(node)
        self.pass_time(1)
        fate = self.random.choice(('lost', 'stored', 'stored', 'stored'))

        for name, store in node.stores.items():
            if fate == 'stored':
                self.call(store.request(name), node, False, False)
                store.send(self.now, self.wall())
                self.call(store.request(name, True), node, False, False)

        self.kill(node)

    def repeat(self, _):
        if self.late:
            node, request = self.late.pop(self.random.randrange(len(self.late)))
            self.call(request, node, self.random.random() < 0.5, False)

    def set_clock(self, _):
        self.offset += self.random.choice((-100, -70, -20, -5, 5, 20, 100))

    def save_or_restore(self, _):
        if self.saved and self.random.random() < 0.5:
            for table in TABLES:
                self.postgres.run('TRUNCATE caphealth.%s;'
                                  ' INSERT INTO caphealth.%s TABLE dump.%s'
                                  % (table, table, table))
            return

        for table in TABLES:
            self.postgres.run('DROP TABLE IF EXISTS dump.%s;'
                              ' CREATE TABLE dump.%s AS TABLE caphealth.%s'
                              % (table, table, table))

        self.saved = True

    def of_version_1(self, _):
        """A node that changes a store and tells nobody."""

        self.postgres.run(
            "INSERT INTO caphealth.nodes (name, instance, started, reported,"
            " seconds, version, state, cause, shop, report) VALUES ('old',"
            " 'old', now(), to_timestamp(%r), %d, '', '', '', false, '{}')"
            " ON CONFLICT (name) DO UPDATE SET reported = excluded.reported"
            % (self.clock(), SECONDS))

        # a refresh sees it

        for node in self.nodes:
            self.refresh(node)
            name = self.random.choice(self.names)
            i = self.random.randrange(HOT)
            files, images = self.truth[name][i]
            self.truth[name][i] = (files + 3, images + 1)

    def chaos(self):
        weights = dict(COMMON)

        # of the faults a few, for one may hide what another has done

        for fault in self.random.sample(sorted(FAULTS), self.random.randrange(4)):
            weights[fault] = FAULTS[fault]

        for _ in range(STEPS):
            self.pass_time(1)
            what = self.random.choices(list(weights), weights.values())[0]
            getattr(self, what)(self.random.choice(self.nodes))

    def calm(self):
        """Refreshes and listings until all nodes say that all is known."""

        for node in self.nodes:
            node.cut_off = 0
            self.settle(node)

        rounds = 0

        for _ in range(400):
            for node in self.nodes:
                self.now += SECONDS / 3
                self.list_all(node)
                self.refresh(node)

            stores = [s for n in self.nodes for s in n.stores.values()]

            if all(s.trusted and not s.unsent()
                   and not any(d.first for d in s.pending)
                   and not s.todo for s in stores):
                rounds += 1
            else:
                rounds = 0

            # the second one has what the first has told

            if rounds == 2:
                return True

        return False

    def wrong(self):
        wrong = []

        for name in self.names:
            rows = self.postgres.run(
                "SELECT slice, files, bytes / 10, complete, leaf_files"
                " FROM caphealth.store_slices WHERE store = '%s'"
                " ORDER BY slice" % name)

            # a slice that was changed during four listings is not exact

            excused = {int(i) for i in self.postgres.run(
                "SELECT slice FROM caphealth.tries WHERE store = '%s'" % name)}

            for i, (files, images) in enumerate(self.truth[name]):
                expected = '%d|%d|%d|%d|%d' % (i, files, files, images, files)

                if i in excused:
                    continue
                if rows[i] != expected:
                    wrong.append('%s: %s, not %s' % (name, rows[i], expected))

                for node in self.nodes:
                    if node.stores[name].copy[i] != (files, images):
                        wrong.append('%s %s, slice %d: %s, not %s' % (
                            name, node.instance, i, node.stores[name].copy[i],
                            (files, images)))

        return wrong


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    postgres = Postgres()

    try:
        postgres.run('''
SET client_min_messages = warning;
CREATE SCHEMA dump;
CREATE TABLE caphealth.tries (store text, slice integer);
CREATE FUNCTION caphealth.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.overlapped AND OLD.tries >= 4 THEN
        INSERT INTO caphealth.tries VALUES (OLD.store, OLD.slice);
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER note BEFORE DELETE ON caphealth.store_listings
    FOR EACH ROW EXECUTE FUNCTION caphealth.note()''')

        first = int(os.environ.get('SEED', 1))

        for seed in range(first, first + HISTORIES):
            history = History(postgres, seed)
            name = 'history %d' % seed

            history.chaos()

            ok(history.calm(), name + ': the counts are complete')

            wrong = history.wrong()
            ok(not wrong, name + ': and right', '\n'.join(wrong[:20]))
    finally:
        postgres.remove()

    tap.done()


main()
