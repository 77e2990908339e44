#!/usr/bin/python3
#
# Our percentages beside psutil's, of the same counters:
#
#     check_psutil.py probe_host
#
# CPU and memory are compared on copies of /proc that both read, so that not a
# tick lies between the two; such a copy has no control groups, so it does not
# matter whether we run in a limited one.  The disk is the real one.

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import psutil

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '../lib'))

import tap
from tap import ok

# psutil rounds to one decimal
ROUNDING = 0.05 + 1e-9

# user nice system idle iowait irq softirq steal guest guest_nice
CPU = (
    ('busy and idle', (0,) * 10, (10, 10, 10, 50, 10, 5, 3, 2, 0, 0)),
    ('idle only', (5,) * 10, (5, 5, 5, 905, 105, 5, 5, 5, 5, 5)),
    ('busy only', (5,) * 10, (505, 5, 105, 5, 5, 5, 5, 5, 5, 5)),
    ('steal', (9,) * 10, (9, 9, 9, 109, 9, 9, 9, 309, 9, 9)),
    ('guests', (0,) * 10, (700, 200, 0, 300, 0, 0, 0, 0, 600, 150)),
    ('iowait that went backwards',
     (100, 0, 100, 1000, 500, 0, 0, 0, 0, 0),
     (137, 0, 111, 1077, 450, 0, 0, 0, 0, 0)),
    ('idle that went backwards',
     (100, 0, 100, 1000, 500, 0, 0, 0, 0, 0),
     (137, 0, 111, 960, 599, 0, 0, 0, 0, 0)),
    ('user that went backwards',
     (100, 0, 100, 1000, 500, 0, 0, 0, 0, 0),
     (93, 0, 131, 1077, 500, 0, 0, 0, 0, 0)),
    ('a long uptime',
     (9000000000, 1, 700000000, 80000000000, 3, 4, 5, 6, 0, 0),
     (9000000333, 1, 700000111, 80000000777, 3, 4, 5, 6, 0, 0)),
)

# MemTotal, MemAvailable, in kB
MEMORY = ((24683656, 24250304), (16384, 0), (16384, 16384), (3, 1),
          (8388608, 1234567), (4294967296, 4294967))


class Probe:
    """The program, which takes a sample for each line of its input."""

    def __init__(self, program, root, disk='/'):
        self.process = subprocess.Popen([program, root, disk], text=True,
                                        stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def look(self):
        self.process.stdin.write('\n')
        self.process.stdin.flush()

        return json.loads(self.process.stdout.readline())


class Copy:
    """A /proc of our own, which psutil reads while we have it."""

    def __enter__(self):
        self.root = tempfile.mkdtemp(prefix='caphealth-')
        self.proc = os.path.join(self.root, 'proc')
        os.mkdir(self.proc)

        for name in ('stat', 'meminfo', 'loadavg'):
            self.copy(name)

        psutil.PROCFS_PATH = self.proc

        return self

    def __exit__(self, *exc):
        psutil.PROCFS_PATH = '/proc'
        shutil.rmtree(self.root)

    def copy(self, name):
        shutil.copyfile(f'/proc/{name}', f'{self.proc}/{name}')

    def write(self, name, text):
        with open(f'{self.proc}/{name}', 'w', encoding='ascii') as f:
            f.write(text)


def near(ours, theirs):
    return ours is not None and abs(ours - theirs) <= ROUNDING


def compare_cpu(program, copy, name, first, second):
    with Probe(program, copy.root) as probe:
        first()
        psutil.cpu_percent()
        unknown = probe.look()['system']['cpu_percent']

        second()
        theirs = psutil.cpu_percent()
        ours = probe.look()['system']['cpu_percent']

    ok(unknown is None and near(ours, theirs), f'cpu percent, {name}',
       f'first look {unknown}, then {ours}; psutil {theirs}')


def check_cpu(program):
    def stat(ticks):
        line = ' '.join(str(n) for n in ticks)
        return f'cpu  {line}\ncpu0 {line}\nintr 1\n'

    with Copy() as copy:
        for name, first, second in CPU:
            compare_cpu(program, copy, name,
                        lambda text=stat(first): copy.write('stat', text),
                        lambda text=stat(second): copy.write('stat', text))

        def later():
            until = time.monotonic() + 1
            while time.monotonic() < until:
                sum(range(10000))
            copy.copy('stat')

        compare_cpu(program, copy, 'this machine', lambda: copy.copy('stat'),
                    later)

        with Probe(program, copy.root) as probe:
            ours = probe.look()['system']['cores']

        theirs = len(psutil.cpu_times(percpu=True))
        ok(ours == theirs, 'cores', f'{ours}; psutil {theirs}')


def compare_memory(program, copy, name):
    with Probe(program, copy.root) as probe:
        system = probe.look()['system']

    total, used = system['memory_total'], system['memory_used']
    theirs = psutil.virtual_memory()

    ok(system['scope'] == 'host'
       and total == theirs.total
       and used == theirs.total - theirs.available
       and near(100.0 * used / total, theirs.percent),
       f'memory percent, {name}', f'{used} of {total}; psutil {theirs}')


def check_memory(program):
    with Copy() as copy:
        compare_memory(program, copy, 'this machine')

        for total, available in MEMORY:
            copy.write('meminfo', f'MemTotal: {total} kB\nMemFree: 1 kB\n'
                       f'MemAvailable: {available} kB\nBuffers: 0 kB\n'
                       'Cached: 0 kB\nShmem: 0 kB\nActive: 0 kB\n'
                       'Inactive: 0 kB\nSlab: 0 kB\n')
            compare_memory(program, copy, f'{available} of {total} kB')


def check_live(program):
    with Probe(program, '') as probe:
        look = probe.look()

    system = look['system']
    theirs = psutil.virtual_memory().total

    if system['scope'] == 'host':
        right = system['memory_total'] == theirs
    else:
        right = system['memory_total'] <= theirs

    ok(right and system['memory_used'] is not None and not
       look['system_error'], 'the system as it is', f'{look}; psutil {theirs}')


def check_disk(program, path):
    """Somebody may write between two looks: then look again."""

    with Probe(program, '', path) as probe:
        for _ in range(100):
            before = psutil.disk_usage(path)
            disk = probe.look()['disk']
            after = psutil.disk_usage(path)

            total, used, available = (disk[k] for k in
                                      ('total', 'used', 'available'))
            percent = 100.0 * used / (used + available)

            same = (total == after.total and used == after.used
                    and available == after.free
                    and near(percent, after.percent))

            if before == after and same:
                break

            time.sleep(0.05)

    ok(same, f'disk percent of {path}', f'{disk}; psutil {before}, {after}')


def main():
    program = sys.argv[1]

    if os.path.isdir(program):
        program = os.path.join(program, 'probe_host')

    check_cpu(program)
    check_memory(program)
    check_live(program)
    check_disk(program, '/')
    tap.done()


sys.exit(main())
