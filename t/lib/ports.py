#!/usr/bin/python3
"""Ports of 127.0.0.1 that nobody listens at.  As a program: prints one, or the
first of as many in a row as its argument says."""

import random
import socket
import sys


def free(n=1):
    """The first of n ports in a row, below those that the kernel gives to
    clients."""

    while True:
        first = random.randrange(10000, 32000)
        probes = []

        try:
            for i in range(n):
                probes.append(socket.create_server(('127.0.0.1', first + i)))

            return first

        except OSError:
            pass

        finally:
            for probe in probes:
                probe.close()


if __name__ == '__main__':
    print(free(*map(int, sys.argv[1:])))
