#!/usr/bin/python3
"""The system's percentages are what psutil says of the same moment.

The moment is held still: /proc/stat and /proc/meminfo are copied twice, with
work in between, and both sides read the copies.  The disk cannot be copied;
psutil looks before and after, and ours must lie between.

Usage: check_psutil.py DIRECTORY, with probe_host in it.  Prints TAP.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import psutil

count = failed = 0


def ok(condition, name, *said):
    global count, failed

    count += 1

    if condition:
        print("ok %d - %s" % (count, name))
    else:
        failed += 1
        print("not ok %d - %s\n# %r" % (count, name, said))


def copy(root):
    """Another moment of /proc, without the limits of a control group."""
    os.makedirs(os.path.join(root, "proc"), exist_ok=True)

    for name in ("stat", "meminfo", "loadavg"):
        shutil.copyfile("/proc/" + name, os.path.join(root, "proc", name))


def work():
    end = time.monotonic() + 0.4

    while time.monotonic() < end:
        sum(range(1000))


def look(probe):
    probe.stdin.write("\n")
    probe.stdin.flush()

    return json.loads(probe.stdout.readline())


def main():
    program = os.path.join(sys.argv[1], "probe_host")

    with tempfile.TemporaryDirectory() as root:
        psutil.PROCFS_PATH = os.path.join(root, "proc")

        copy(root)

        probe = subprocess.Popen([program, root, "/"], text=True,
                                 stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        look(probe)
        psutil.cpu_percent()

        for _ in range(3):
            work()
            copy(root)

            before = psutil.disk_usage("/").percent
            ours = look(probe)
            after = psutil.disk_usage("/").percent

            system, disk = ours["system"], ours["disk"]
            cpu = psutil.cpu_percent()
            memory = psutil.virtual_memory()

            ok(round(system["cpu_percent"], 1) == cpu, "cpu",
               system["cpu_percent"], cpu)

            percent = 100 * system["memory_used"] / system["memory_total"]

            ok(round(percent, 1) == memory.percent, "memory", percent,
               memory.percent)
            ok(system["memory_total"] == memory.total, "total memory")
            ok(system["cores"] == psutil.cpu_count(), "cores",
               system["cores"], psutil.cpu_count())

            percent = round(100 * disk["used"]
                            / (disk["used"] + disk["available"]), 1)

            ok(min(before, after) <= percent <= max(before, after), "disk",
               before, percent, after)

        probe.stdin.close()
        probe.wait()

    print("1..%d" % count)
    sys.exit(failed > 0)


main()
