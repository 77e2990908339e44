#!/usr/bin/python3
"""caphealth-converter as a command: exit codes, messages, progress.  TAP.

    check_command.py UNIT-DIRECTORY
"""

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
import tempfile

from PIL import Image

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '../lib'))

import tap
from tap import ok

CONVERTER = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])),
                         'caphealth-converter')
COLLECTOR = os.path.join(os.path.dirname(CONVERTER), 'caphealth-collector')
TMP = tempfile.TemporaryDirectory(prefix='caphealth-')


def run(*arguments, program=CONVERTER):
    return subprocess.run([program, *arguments], capture_output=True,
                          text=True, check=False)


def path(name):
    return os.path.join(TMP.name, name)


def on_a_terminal(*arguments):
    """The exit code, and what a person would have seen on stderr."""

    master, slave = pty.openpty()
    done = subprocess.Popen([CONVERTER, *arguments], stderr=slave,
                            stdout=subprocess.DEVNULL)
    os.close(slave)

    seen = b''

    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break

        if not data:
            break

        seen += data

    os.close(master)

    return done.wait(), seen.decode()


for number in (1, 2):
    Image.new('RGB', (30, 20), (number, 2, 3)).save(path('%d.png' % number))

with open(path('bad.jpg'), 'wb') as bad:
    bad.write(b'not an image')

for program in (CONVERTER, COLLECTOR):
    name = os.path.basename(program)

    done = run('--help', program=program)
    ok(done.returncode == 0 and 'usage: ' + name in done.stdout,
       name + ' --help', done)
    done = run('--version', program=program)
    ok(done.returncode == 0 and done.stdout.startswith(name + ' '),
       name + ' --version', done)
    done = run('--bad', program=program)
    ok(done.returncode == 2 and '--help' in done.stderr,
       name + ', an unknown option', done)
    done = run(program=program)
    ok(done.returncode == 2 and '--help' in done.stderr,
       name + ', by hand', done)

for arguments in (['--convert'], ['--convert', path('1.png')],
                  ['--convert', '--variant', 'a max=x', path('1.png'),
                   path('out')],
                  ['--convert', '--memory', 'much', path('1.png'),
                   path('out')]):
    done = run(*arguments)
    ok(done.returncode == 2 and done.stderr and not done.stdout,
       ' '.join(map(os.path.basename, arguments)) + ': exit code 2', done)

done = run('--convert', path('1.png'), path('missing.png'), path('bad.jpg'),
           path('2.png'), path('out'))
ok(done.returncode == 1, 'some were not converted: exit code 1', done)
ok('missing.png' in done.stderr and 'bad.jpg' in done.stderr
   and '1.png' not in done.stderr, 'they are named', done.stderr)
ok(len(json.loads(done.stdout)['images']) == 2, 'the others are there',
   done.stdout)
ok('%' not in done.stderr, 'no progress but on a terminal', done.stderr)

code, seen = on_a_terminal('--convert', path('1.png'), path('2.png'),
                           path('out'))
ok(code == 0 and '2 of 2 (100%)' in seen, 'progress on a terminal', seen)

done = run('--scan', path('out'), program=COLLECTOR)
ok(done.returncode == 0, 'a scan', done)
counted = json.loads(done.stdout)
found = [os.path.getsize(os.path.join(top, file))
         for top, _, files in os.walk(path('out')) for file in files]
ok(counted['total_files'] == len(found) == 12
   and counted['total_bytes'] == sum(found)
   and counted['products_estimated'] == 4, 'counts what was converted',
   counted)

done = run('--scan', path('nowhere'), program=COLLECTOR)
ok(done.returncode == 1 and 'nowhere" cannot be read' in done.stderr,
   'a scan of nothing', done)

# a database, as the person who sets it up sees it

shop = sqlite3.connect(path('shop.db'))
shop.executescript('''
CREATE TABLE vendors (id INTEGER PRIMARY KEY, name TEXT, is_active INTEGER);
CREATE TABLE products (id INTEGER PRIMARY KEY, vendor_id INTEGER);
CREATE TABLE orders (id INTEGER PRIMARY KEY, created_at TEXT);
INSERT INTO vendors (name, is_active) VALUES ('Anna', 1);
INSERT INTO products (vendor_id) VALUES (1), (1);
''')
shop.close()

url = 'sqlite:' + path('shop.db')
done = run('--check', url, program=COLLECTOR)
ok(done.returncode == 1 and re.search(r'^products_count +2 ', done.stdout, re.M)
   and 'no such table: inventory' in done.stdout
   and '--query' in done.stdout, 'a check: what is known, what to do', done)

done = run('--check', url, '--query', 'inventory_count=SELECT 7',
           program=COLLECTOR)
ok(done.returncode == 0 and re.search(r'^inventory_count +7 ', done.stdout, re.M)
   and 'SCAN products' in done.stdout, 'with a query of its own', done)

for arguments, said in (
        ([], 'needs the URL'),
        (['mysql://root:s3same@db/shop'], 'needs the URL'),
        (['postgresql://u:s3same@db:0/shop'], 'a port must be'),
        ([url, '--query', 'sales=SELECT 1'], 'products_count'),
        ([url, '--query', 'orders_count=DELETE FROM orders'],
         'must be a SELECT'),
        ([url, '--timeout', 'never'], 'between 0.1 and 600'),
        ([url, '--tmeout', '3'], 'is not an argument')):
    done = run('--check', *arguments, program=COLLECTOR)
    ok(done.returncode == 2 and said in done.stderr and not done.stdout
       and 's3same' not in done.stderr, 'a check: ' + said, done)

tap.done()
