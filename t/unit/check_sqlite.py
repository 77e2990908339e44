#!/usr/bin/python3
"""The shop's own SQLite file is read, and never harmed.  TAP.

    check_sqlite.py UNIT-DIRECTORY

The shop and the collector are two users, as they are on a server, which takes
root; otherwise they are one.  Each of the shop's connections waits for no
lock, so that one of ours would be an error of the shop's.
"""

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '../lib'))

import tap
from tap import ok

ROOT = os.geteuid() == 0
SHOP = 33331 if ROOT else os.geteuid()
READER = 33332 if ROOT else os.geteuid()

MODES = ('delete', 'truncate', 'persist', 'memory', 'off', 'wal')

TABLES = '''
CREATE TABLE vendors (id INTEGER PRIMARY KEY, name TEXT, is_active);
CREATE TABLE products (id INTEGER PRIMARY KEY, vendor_id INTEGER);
CREATE TABLE orders (id INTEGER PRIMARY KEY, created_at DATETIME, note);
CREATE TABLE inventory (id INTEGER PRIMARY KEY, note);
INSERT INTO vendors VALUES (1, 'Anna', 1);
INSERT INTO products (vendor_id) VALUES (1), (1);
'''

# in one transaction, and of several pages

SALE = ('BEGIN IMMEDIATE; INSERT INTO orders (note) VALUES (randomblob(3000));'
        'INSERT INTO inventory (note) VALUES (randomblob(3000)); COMMIT')

# 0 in each state that the shop has committed

TORN = ('SELECT abs((SELECT count(*) FROM orders)'
        ' - (SELECT count(*) FROM inventory))')

TMP = tempfile.TemporaryDirectory(prefix='caphealth-')
os.chmod(TMP.name, 0o755)


def same(got, expected, name):
    ok(got == expected, name, 'got %r, expected %r' % (got, expected))


class Shop:
    """A process of the shop's: run() gives the last statement's rows."""

    def __init__(self, path, mode=None):
        self.pipe, child = multiprocessing.Pipe()
        self.process = multiprocessing.Process(
            target=self.serve, args=(path, child), daemon=True)
        self.process.start()
        child.close()

        if mode:
            self.run('PRAGMA journal_mode = ' + mode)

    def serve(self, path, pipe):
        os.setgroups([]) if ROOT else None
        os.setgid(SHOP) if ROOT else None
        os.setuid(SHOP) if ROOT else None

        db = sqlite3.connect(path, timeout=0, isolation_level=None)

        while True:
            statements = pipe.recv()

            if statements is None:
                break

            try:
                rows = []

                for sql in statements.split(';'):
                    rows = db.execute(sql).fetchall()

                pipe.send(rows)

            except sqlite3.Error as e:
                pipe.send('error: %s' % e)

        db.close()
        os._exit(0)

    def run(self, sql):
        self.pipe.send(sql)
        return self.pipe.recv()

    def end(self):
        self.pipe.send(None)
        self.process.join()
        self.pipe.close()

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


class Probe:
    """The collector's database source."""

    def __init__(self, path, timeout=5, **queries):
        self.process = subprocess.Popen(
            [PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            **({'user': READER, 'group': READER, 'extra_groups': []}
               if ROOT else {}))
        self.send({'url': 'sqlite:' + path, 'timeout': timeout,
                   'queries': queries})

    def send(self, what):
        self.process.stdin.write(json.dumps(what) + '\n')
        self.process.stdin.flush()

    def look(self):
        self.process.stdin.write('\n')
        self.process.stdin.flush()

        answer = json.loads(self.process.stdout.readline())

        return answer['data'] or {}, answer['error']

    def orders(self):
        data, error = self.look()

        return error or data['orders_count']

    def descriptors(self):
        of = '/proc/%d/fd' % self.process.pid

        return [name for name in (os.readlink(os.path.join(of, fd))
                                  for fd in os.listdir(of))
                if 'shop' in name]

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Busy:
    """Looks one after the other, until the block ends."""

    def __init__(self, path):
        self.probe = Probe(path, orders_count=TORN)
        self.looks = 0
        self.torn = []
        self.over = threading.Event()
        self.first = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            data, error = self.probe.look()
            self.looks += 1
            self.first.set()

            if data.get('orders_count') not in (0, None) or \
               'malformed' in error or \
               (data.get('orders_count') is None and not error):
                self.torn.append((data, error))

    def __enter__(self):
        self.thread.start()
        self.first.wait()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()
        self.probe.end()


def directory(name, mode=0o755):
    where = os.path.join(TMP.name, name)
    os.mkdir(where)

    if ROOT:
        os.chown(where, SHOP, SHOP)

    os.chmod(where, mode)

    return os.path.join(where, 'shop.db')


def made(path, mode):
    shop = Shop(path)

    for sql in ('PRAGMA journal_mode = ' + mode, TABLES.strip().rstrip(';')):
        rows = shop.run(sql)

        if isinstance(rows, str):
            sys.exit(rows)

    return shop


def files(path):
    """Names, owners and modes of what is beside the file."""

    where = os.path.dirname(path)

    return sorted((e.name, e.stat().st_uid, e.stat().st_mode)
                  for e in os.scandir(where))


def as_shop(*command):
    return subprocess.run(
        command, capture_output=True, text=True, check=False,
        **({'user': SHOP, 'group': SHOP, 'extra_groups': []} if ROOT else {}))


def check_mode(mode, writable):
    """Connected, not connected, and at work."""

    name = '%s, %s' % (mode, 'our user may write there' if writable
                       else 'our user may only read')
    path = directory('%s-%d' % (mode, writable), 0o777 if writable else 0o755)
    shop = made(path, mode)
    probe = Probe(path)

    before = files(path)
    same(probe.orders(), 0, name + ': connected')
    same(shop.run(SALE), [], 'the shop writes')
    same(probe.orders(), 1, 'which is seen')
    same(probe.descriptors(), [], 'nothing is left open')
    shop.end()

    before = files(path)
    same(probe.orders(), 1, name + ': not connected')
    same(files(path), before, 'no file of ours appears')

    shop = Shop(path, None if mode in ('wal', 'delete') else mode)
    same(shop.run(SALE), [], 'the shop writes again')
    same(probe.orders(), 2, 'which is seen')

    with Busy(path) as busy:
        rows = [shop.run(SALE) for _ in range(100)]

    same([r for r in rows if r != []], [], 'no write waits for us')
    same(busy.torn, [], 'and no look sees half of one')
    same(probe.orders(), 102, 'all are counted')
    shop.end()

    same({uid for _, uid, _ in files(path)}, {SHOP}, 'each file is the shop\'s')
    same([n for n, _, _ in files(path) if n.endswith(('-wal', '-shm'))], [],
         'and no WAL stays behind')

    shutil.copy(path, path + '.copy')
    db = sqlite3.connect(path + '.copy')
    same(db.execute('SELECT count(*) FROM orders').fetchone()[0], 102,
         'a copy of the file has all')
    db.close()
    probe.end()


def check_work(mode, writable):
    """What an administrator does, while looks are going on."""

    path = directory('work-%s-%d' % (mode, writable),
                     0o777 if writable else 0o755)
    other = 'delete' if mode == 'wal' else 'wal'
    shop = made(path, mode)
    probe = Probe(path)

    for _ in range(5):
        shop.run(SALE)

    same(probe.orders(), 5, mode + ': before')

    with Busy(path) as busy:
        for _ in range(3):
            same(shop.run(SALE), [], 'a sale')
            same(shop.run('VACUUM'), [], 'VACUUM')
            same(shop.run('PRAGMA wal_checkpoint(TRUNCATE)'),
                 [(0, 0, 0)] if mode == 'wal' else [(0, -1, -1)],
                 'a checkpoint')
            same(shop.run('PRAGMA journal_mode = ' + other), [(other,)],
                 'journal_mode there')
            same(shop.run(SALE), [], 'a sale')
            same(shop.run('PRAGMA journal_mode = ' + mode), [(mode,)],
                 'and back')

        into = path + '.into'
        same(shop.run("VACUUM INTO '%s'" % into), [], 'VACUUM INTO')
        backup = as_shop('sqlite3', path, ".backup '%s.backup'" % path)
        same((backup.returncode, backup.stderr), (0, ''), '.backup')

    same(busy.torn, [], '%d looks were whole' % busy.looks)
    same(probe.orders(), 11, 'after it')
    same(sqlite3.connect(into).execute('SELECT count(*) FROM orders')
         .fetchone()[0], 11, 'the backup has all')

    # 50 orders, and a clean end

    for _ in range(50):
        shop.run(SALE)

    same(probe.orders(), 61, '50 more')
    shop.end()
    shutil.copy(path, path + '.cp')
    same(sqlite3.connect(path + '.cp').execute('SELECT count(*) FROM orders')
         .fetchone()[0], 61, 'cp has them')
    same(probe.orders(), 61, 'and so have we')

    # the shop is at rest, and its older file is put back

    as_shop('cp', into, path)
    same(probe.orders(), 11, 'restored by cp over the file')
    as_shop('mv', path + '.backup', path)
    same(probe.orders(), 11, 'restored by mv over the file')
    as_shop('cp', '-p', path + '.cp', path + '.new')
    as_shop('mv', path + '.new', path)
    same(probe.orders(), 61, 'and another')

    shop = Shop(path)
    same(shop.run(SALE), [], 'the shop goes on')
    same(probe.orders(), 62, 'and is seen')
    shop.end()
    probe.end()

    same({uid for n, uid, _ in files(path) if n.startswith('shop.db-')}
         - {SHOP}, set(), 'no file of ours')


def check_restore_while_read():
    """Two files of other sizes in turn are one or the other."""

    path = directory('restore')
    shop = made(path, 'delete')
    shop.end()
    as_shop('cp', path, path + '.small')

    shop = Shop(path)
    for _ in range(40):
        shop.run(SALE)
    shop.end()
    as_shop('cp', path, path + '.large')

    with Busy(path) as busy:
        for _ in range(20):
            for name in ('small', 'large'):
                as_shop('cp', '%s.%s' % (path, name), path)

    wrong = [t for t in busy.torn if 'malformed' not in t[1]]
    same(wrong, [], '%d looks while the file is copied over' % busy.looks)


def check_hot_journal():
    """A shop that is killed in the middle of a transaction."""

    path = directory('hot')
    shop = made(path, 'delete')
    shop.run(SALE)
    probe = Probe(path, 0.3)
    same(probe.orders(), 1, 'before')

    shop.run('PRAGMA cache_size = 1; BEGIN IMMEDIATE')
    for _ in range(200):
        shop.run('INSERT INTO orders (note) VALUES (randomblob(3000))')
    shop.kill()

    before = files(path)
    size = os.path.getsize(path)
    data, error = probe.look()
    same(data, {}, 'a hot journal: nothing is read')
    ok('was left in the middle of a transaction' in error, 'and it is said',
       error)
    same(files(path), before, 'the journal is left')
    same(os.path.getsize(path), size, 'and so is the file')

    shop = Shop(path)
    same(shop.run('SELECT count(*) FROM orders'), [(1,)], 'the shop repairs it')
    shop.end()
    same(probe.orders(), 1, 'and it is read')
    probe.end()


def check_journal_of_the_living():
    """A transaction that is not yet committed hides nothing."""

    path = directory('living')
    shop = made(path, 'delete')
    probe = Probe(path)

    shop.run('BEGIN IMMEDIATE; INSERT INTO orders (note) VALUES (1)')
    ok(os.path.exists(path + '-journal'), 'there is a journal')
    same(probe.orders(), 0, 'the state before it')
    same(shop.run('COMMIT'), [], 'it can be committed')
    same(probe.orders(), 1, 'and is seen')
    shop.end()
    probe.end()


def check_killed_wal():
    """A WAL that nobody has recovered or checkpointed."""

    path = directory('killed')
    shop = made(path, 'wal')
    probe = Probe(path)

    for _ in range(7):
        shop.run(SALE)

    shop.run('BEGIN IMMEDIATE; PRAGMA cache_size = 1')
    for _ in range(100):
        shop.run('INSERT INTO orders (note) VALUES (randomblob(3000))')

    shop.kill()
    os.unlink(path + '-shm')

    before = files(path)
    same(probe.orders(), 7, 'killed: what was committed')
    same(files(path), before, 'nothing is made')

    with open(path + '-wal', 'r+b') as wal:
        wal.seek(-2000, os.SEEK_END)
        wal.write(b'\0' * 500)

    same(probe.orders(), 7, 'a frame that is damaged behind it')

    if ROOT:
        os.chmod(path + '-wal', 0o600)
        ok('-wal" cannot be opened: Permission denied' in probe.look()[1],
           'a WAL that may not be read is named', probe.look()[1])
        os.chmod(path + '-wal', 0o644)

    shop = Shop(path)
    same(shop.run('SELECT count(*) FROM orders'), [(7,)], 'as the shop has it')
    shop.end()
    same(probe.orders(), 7, 'and we still')
    probe.end()


def check_page_sizes():
    """Pages of each size, through a checkpoint that a reader hinders."""

    for size in (512, 1024, 4096, 8192, 65536):
        path = directory('pages-%d' % size)
        shop = Shop(path)
        shop.run('PRAGMA page_size = %d' % size)
        shop.run('PRAGMA journal_mode = wal')
        shop.run(TABLES.strip().rstrip(';'))
        probe = Probe(path)

        reader = Shop(path)
        reader.run('BEGIN; SELECT count(*) FROM orders')

        for _ in range(20):
            shop.run(SALE)

        shop.run('PRAGMA wal_checkpoint(PASSIVE)')
        same(probe.orders(), 20, 'pages of %d bytes' % size)
        data, _ = probe.look()
        same(data['size'], shop.run('PRAGMA page_count')[0][0] * size,
             'the size with its WAL')
        reader.run('COMMIT')

        shop.run('DELETE FROM orders; DELETE FROM inventory')
        shop.run('VACUUM')
        same(probe.orders(), 0, 'after a VACUUM in the WAL')
        shop.run('PRAGMA wal_checkpoint(RESTART)')
        same(shop.run(SALE), [], 'the WAL starts again')
        same(probe.orders(), 1, 'and only what is new in it counts')

        for s in (reader, shop):
            s.end()

        probe.end()


def check_exclusive():
    """locking_mode = EXCLUSIVE, in which SQLite has no -shm at all."""

    path = directory('exclusive')
    shop = Shop(path)
    shop.run('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = wal')
    shop.run(TABLES.strip().rstrip(';'))
    shop.run(SALE)
    probe = Probe(path, 0.3)

    ok(not os.path.exists(path + '-shm'), 'an exclusive WAL has no index')
    same(probe.orders(), 1, 'and is read')
    shop.end()

    shop = Shop(path, 'delete')
    shop.run('BEGIN EXCLUSIVE')
    ok('is locked by another connection' in probe.look()[1],
       'a lock on the file is named', probe.look()[1])
    same(shop.run('COMMIT'), [], 'and goes')
    same(probe.orders(), 1, 'heals')
    shop.end()
    probe.end()


def check_links():
    """Through a symbolic link the WAL is beside the file itself."""

    path = directory('linked')
    shop = made(path, 'wal')
    shop.run(SALE)
    link = os.path.join(TMP.name, 'link.db')
    os.symlink(path, link)
    probe = Probe(link)
    same(probe.orders(), 1, 'a symbolic link')
    shop.end()
    probe.end()


def check_rest():
    """What makes the collector query again, and what does not."""

    path = directory('rest')
    shop = made(path, 'wal')
    probe = Probe(path, products_count='SELECT abs(random() % 1000000)')
    still = Probe(path)
    same(still.orders(), 0, 'first')

    a, b = probe.look()[0], probe.look()[0]
    ok(a['products_count'] != b['products_count'],
       'a query of the operator\'s is always asked', (a, b))

    shop.run(SALE)
    same(still.orders(), 1, 'a commit in the WAL')
    shop.run('PRAGMA wal_checkpoint(TRUNCATE)')
    same(still.orders(), 1, 'a checkpoint')
    shop.run("UPDATE vendors SET name = 'Bert'")
    same(still.look()[0]['vendors'], [['Bert', 2, 1]], 'a name of the same length')
    shop.end()
    same(still.look()[0]['vendors'], [['Bert', 2, 1]], 'the shop has gone')

    for end in (probe, still):
        end.end()


PROBE = os.path.join(TMP.name, 'probe_db')
shutil.copy(os.path.join(sys.argv[1], 'probe_db'), PROBE)
os.chmod(PROBE, 0o755)

for journal in MODES:
    for may_write in (False, True):
        check_mode(journal, may_write)

for journal in ('wal', 'delete', 'truncate', 'persist'):
    for may_write in (False, True):
        check_work(journal, may_write)

check_restore_while_read()
check_hot_journal()
check_journal_of_the_living()
check_killed_wal()
check_page_sizes()
check_exclusive()
check_links()
check_rest()

tap.done()
