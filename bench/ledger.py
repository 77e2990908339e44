"""Where the benches write down what they measured, for bench/table.

Each row is a line of JSON in $BUILD/bench/results.jsonl: what was measured,
beside which peer, the median and all rounds, and the floor, if the design
has one.
"""

import json
import os
import statistics
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD") or os.path.join(TOP, "build")
RESULTS = os.path.join(BUILD, "bench", "results.jsonl")


def argument(*known):
    """Returns the only argument, one of those that are known; None: there is none.
    With any other it ends, with the usage."""

    given = sys.argv[1:]

    if len(given) > 1 or (given and given[0] not in known):
        print("usage: bench/" + os.path.basename(sys.argv[0])
              + (" [" + " | ".join(known) + "]" if known else ""),
              file=sys.stderr)
        sys.exit(2)

    return given[0] if given else None


def note(what, rounds, peer="", floor=None, most=True, unit=""):
    """Writes a row down, and returns its median.

    rounds: the ratios to the peer, or without one the values in that unit;
    floor: the most that the median may be, or the least where most is False.
    """

    value = statistics.median(rounds)
    row = {"what": what, "peer": peer, "unit": unit, "value": value,
           "rounds": list(rounds), "floor": floor, "most": most,
           "missed": missed(value, floor, most)}

    os.makedirs(os.path.dirname(RESULTS), exist_ok=True)

    with open(RESULTS, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")

    return value


def missed(value, floor, most):
    if floor is None:
        return False

    return value > floor if most else value < floor
