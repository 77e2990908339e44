"""TAP of the tests that are written in Python."""

import sys

count = 0
failed = 0


def ok(passed, name, detail=''):
    """A test: detail, of any type, is shown if it has not passed."""

    global count, failed

    count += 1
    failed += not passed
    print('%sok %d - %s' % ('' if passed else 'not ', count, name))

    if not passed and detail:
        print('# ' + str(detail).rstrip().replace('\n', '\n# '))

    sys.stdout.flush()


def none(wrong, name):
    """Passes if the list of what is wrong is empty."""

    ok(not wrong, name, '\n'.join(sorted(map(str, wrong))))


def skip(name, why):
    global count

    count += 1
    print('ok %d - %s # SKIP %s' % (count, name, why))


def done():
    print('1..%d' % count)
    sys.exit(1 if failed or not count else 0)
