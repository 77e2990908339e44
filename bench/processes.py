"""What an nginx and its helpers take, by the kernel's own counters."""

import glob
import os
import shutil

NGINX = (shutil.which(os.environ.get("NGINX_BINARY") or "nginx")
         or "/usr/sbin/nginx")


def collector(prefix):
    """Its pid: the one whose parent's parent is this nginx."""

    with open(prefix + "/nginx.pid", encoding="ascii") as file:
        master = file.read().strip()

    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/cmdline", encoding="utf-8") as file:
                if "caphealth-collector" not in file.read():
                    continue

            if parent(parent(path[6:])) == master:
                return path[6:]
        except OSError:
            pass

    return None


def parent(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[1]


def used(pid):
    """CPU seconds of all threads."""

    total = 0

    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as file:
            total += int(file.read().split()[0])

    return total / 1e9


def resident(pid):
    """MiB."""

    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file
                    if line.startswith("VmRSS:"))
