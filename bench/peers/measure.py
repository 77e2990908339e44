#!/usr/bin/python3
"""measure.py COMMAND ...: its output, then a line: its CPU seconds and its
peak in megabytes.

A process of its own, for the peak of a child begins with what its parent has.
"""

import os
import sys

sys.stdout.flush()
pid = os.fork()

if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])

_, status, usage = os.wait4(pid, 0)

if status:
    sys.exit("measure.py: %s failed" % sys.argv[1])

print("%.6f %.1f" % (usage.ru_utime + usage.ru_stime,
                     usage.ru_maxrss / 1024))
