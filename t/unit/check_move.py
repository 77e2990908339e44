#!/usr/bin/python3
"""caphealth-shipper --move between a tree and a real object store, Swift, with
a proxy between them that does what it should not.  TAP."""

import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.append(TOP + '/t/lib')

import ports
from tap import done, ok, skip

BUILD = os.environ.get('BUILD') or TOP + '/build'
SHIPPER = BUILD + '/caphealth-shipper'
HERE = tempfile.mkdtemp(prefix='caphealth-')
os.chmod(HERE, 0o755)
SWIFT = [TOP + '/t/lib/swift']
FLAKY = [TOP + '/t/lib/flaky']
SECRET = 'testing'


def swift(command, *arguments, check=True):
    return subprocess.run(SWIFT + [command, HERE + '/swift', *arguments],
                          capture_output=True, text=True, check=check)


def rules(*lines):
    """What the proxy does from now on.  Empties its log."""

    with open(HERE + '/flaky/rules', 'w', encoding='ascii') as file:
        file.write('\n'.join(lines) + '\n')

    # it is read again when its time of change is another

    os.utime(HERE + '/flaky/rules', ns=(time.time_ns(),) * 2)
    open(HERE + '/flaky/log', 'w', encoding='ascii').close()


def log():
    """Methods and paths, in order."""

    with open(HERE + '/flaky/log', encoding='utf-8') as file:
        return [tuple(line.split()[:2]) for line in file]


def puts():
    return [path for method, path in log() if method == 'PUT']


class Moved:
    """A run that has ended."""

    def __init__(self, *arguments, options=(), program=SHIPPER):
        run = subprocess.run([program, '--move', *map(str, arguments),
                              *(options or OPTIONS)], capture_output=True,
                             text=True, check=False, timeout=300)

        self.code, self.err = run.returncode, run.stderr
        self.lines = run.stdout.splitlines()
        self.all = run.stdout + run.stderr
        self.said = json.loads(
            self.lines[-1] if self.all.startswith('{') else '{}')

    def is_(self, code, **members):
        return (self.code == code and SECRET not in self.all
                and all(self.said.get(name) == value
                        for name, value in members.items()))

    def __str__(self):
        return '%d %s %s' % (self.code, self.said, self.err)


def tree(name, photos):
    path = pathlib.Path(HERE, name)
    path.mkdir()
    subprocess.run([BUILD + '/caphealth-converter', '--convert', *photos,
                    path], check=True, capture_output=True)

    return path


def files(path):
    return {str(p.relative_to(path)): p.read_bytes()
            for p in path.rglob('*') if p.is_file()}


def stored(prefix):
    """{key: bytes} of the store, below the prefix, by Swift's own API."""

    lines = swift('list', 'shop', prefix).stdout.splitlines()

    return {line.split(' ', 1)[1][len(prefix):]: int(line.split(' ', 1)[0])
            for line in lines}


def same(path, prefix):
    """Whether the store has the files of the tree, byte by byte."""

    ours, theirs = files(path), stored(prefix)

    return ours.keys() == theirs.keys() and all(
        subprocess.run(SWIFT + ['get', HERE + '/swift', 'shop', prefix + key],
                       capture_output=True, check=True).stdout == data
        for key, data in ours.items())


def whole(source, prefix):
    """Whether each image in the store that has its mark has all its files."""

    keys = stored(prefix)

    return all(key in keys for key in files(source)
               if key[:39] + 'original.webp' in keys)


def options_are_checked():
    cases = (
        ([], 'name a tree and an object store'),
        ([HERE], 'name a tree and an object store'),
        ([HERE, HERE], 'name a tree and an object store'),
        (['s3://shop', 's3://shop'], 'name a tree and an object store'),
        ([HERE, 's3://shop', 'more'], 'name a tree and an object store'),
        ([HERE, 's3://S'], 'the store "s3://S"'),
        ([HERE, 's3://shop'], '--endpoint is missing'),
        ([HERE, 's3://shop', '--endpoint', 'http://a'],
         '--region is missing'),
        ([HERE, 's3://shop', '--endpoint', 'http://a', '--region', 'r'],
         '--credentials is missing'),
        ([HERE, 's3://shop', '--endpoint', 'ftp://a'],
         '--endpoint "ftp://a"'),
        ([HERE, 's3://shop', '--region', 'a/b'], '--region "a/b"'),
        ([HERE, 's3://shop', '--style', 'host'], '--style "host"'),
        ([HERE, 's3://shop', '--mark', 'A'], '--mark "A"'),
        ([HERE, 's3://shop', '--jobs', '0'], '--jobs "0"'),
        ([HERE, 's3://shop', '--jobs', '65'], 'from 1 to 64'),
        ([HERE, 's3://shop', '--jobs', '8x'], '--jobs "8x"'),
        ([HERE, 's3://shop', '--timeout', '-1'], '--timeout "-1"'),
        ([HERE, 's3://shop', '--no-such'], 'try caphealth-shipper --move'),
        ([HERE, 's3://shop', *OPTIONS, '--credentials', HERE],
         '--credentials "%s": Is a directory' % HERE),
        ([HERE, 's3://shop', *OPTIONS, '--credentials', HERE + '/none'],
         'No such file'),
        ([HERE, 's3://shop', *OPTIONS, '--credentials', 'env'],
         '--credentials "env"'),
        ([HERE, 's3://shop', *OPTIONS, '--ca', HERE + '/none'], '--ca'),
        ([HERE, 's3://shop', *OPTIONS, '--style', 'virtual'], '--style'),
        ([HERE + '/none', 's3://shop', *OPTIONS], 'No such file'),
    )

    for arguments, said in cases:
        run = Moved(*arguments, options=['--jobs', '1'])
        ok(run.code == 2 and said in run.err and not run.lines,
           'refused: %s' % said, run)

    run = Moved('--help', options=['--help'])
    ok(run.code == 0 and 's3://BUCKET' in run.all, '--help')

    # by a link, as it is in /usr/bin

    os.symlink(os.path.abspath(BUILD + '/caphealth-converter'),
               HERE + '/converter')

    run = Moved('--help', options=['--help'], program=HERE + '/converter')
    ok(run.code == 0 and 's3://BUCKET' in run.all,
       'the converter executes the shipper', run)

    os.mkdir(HERE + '/alone')
    shutil.copy(BUILD + '/caphealth-converter', HERE + '/alone/')

    run = Moved('--help', options=['--help'],
                program=HERE + '/alone/caphealth-converter')
    ok(run.code == 2 and '/alone/caphealth-shipper" cannot be executed: No such'
       in run.err, 'which has to be beside it', run)


def there_and_back(photos):
    rules()
    source = tree('tree', photos)
    (source / 'notes.txt').write_text('a stray file')
    first = sorted(files(source))[0]
    record = source / (first[:38] + '_' + 32 * '0' + '.answer')
    record.write_text('what a client was told')

    run = Moved(source, 's3://shop/a')
    (source / 'notes.txt').unlink()
    record.unlink()

    total = sum(map(len, files(source).values()))
    ok(run.is_(0, images=5, files=15, bytes=total, complete=0, failed=0,
               percent=100, finished=True), 'a tree is moved', run)
    ok(same(source, 'a/'), 'with each byte, and without what is no image')

    order = [re.sub(r'^.*/|\?.*', '', path) for path in puts()]
    late = [name for i, name in enumerate(order)
            if not name.endswith('_original.webp')
            and name[:32] + '_original.webp' in order[:i]]
    ok(not late and len(set(order)) == 15, 'the commit marks last', order)

    rules()
    run = Moved(source, 's3://shop/a')
    ok(run.is_(0, images=0, files=0, complete=5) and not puts(),
       'begun again, nothing is put', run)

    # a variant that was made later

    key = first[:38] + '_400.webp'
    (source / key).write_bytes(files(source)[first])
    run = Moved(source, 's3://shop/a')
    ok(run.is_(0, images=1, files=1, complete=4)
       and set(puts()) == {'/shop/a/' + key},
       'a new variant of an old image is put, and only that', (run, puts()))

    back = pathlib.Path(HERE, 'back')
    back.mkdir()
    back.chmod(0o755)

    if os.geteuid() == 0:
        os.chown(back, 65534, 65534)

    run = Moved('s3://shop/a', back)
    ok(run.is_(0, images=5, files=16, complete=0, failed=0), 'and back', run)
    ok(files(back) == files(source), 'the same tree')
    ok({p.stat().st_uid for p in back.rglob('*')} == {back.stat().st_uid}
       and {p.stat().st_mode & 0o7777 for p in back.rglob('*.webp')}
       == {0o644}, "it is the tree's owner's")

    run = Moved('s3://shop/a', back)
    ok(run.is_(0, images=0, complete=5), 'again: nothing', run)

    return source


def records(source):
    """What clients were told is moved with their images."""

    rules()
    recorded = pathlib.Path(HERE, 'recorded')
    shutil.copytree(source, recorded)

    def record(mark, secret):
        path = recorded / (mark[:38] + '_' + 32 * secret + '.answer')
        path.write_text(json.dumps({
            'version': 1, 'mark': mark[6:], 'request': 64 * 'a', 'url': '/',
            'image': {'id': mark[6:38], 'variants': {}}},
            separators=(',', ':')))

        return path

    marks = sorted(k for k in files(source) if '_original.' in k)
    kept = [record(mark, 'b') for mark in marks[:3]]

    # of an image that is not there, and what is no record

    record(marks[0].replace(marks[0][6:38], marks[0][6:30] + '00000000'),
           'c').write_text(kept[0].read_text())
    record(marks[3], 'd').write_text('{}')

    run = Moved(recorded, 's3://shop/r')
    ok(run.is_(0, images=5, files=16, incomplete=0, failed=0, records=3),
       'records are moved', run)
    wanted = set(files(source)) | {str(p.relative_to(recorded)) for p in kept}
    ok(set(stored('r/')) == wanted, 'those of images', stored('r/'))

    order = [re.sub(r'^.*/|\?.*', '', path) for path in puts()]
    late = [name for i, name in enumerate(order) if name.endswith('.answer')
            and name[:32] + '_original.webp' not in order[:i]]
    ok(not late, 'behind their images', order)

    rules()
    run = Moved(recorded, 's3://shop/r')
    ok(run.is_(0, images=0, complete=5, records=0) and not puts(),
       'begun again, nothing is put', run)

    again = pathlib.Path(HERE, 'recorded-back')
    again.mkdir()
    run = Moved('s3://shop/r', again)
    ok(run.is_(0, images=5, files=16, records=3), 'and back', run)
    ok(set(files(again)) == wanted
       and all(files(again)[k] == files(recorded)[k] for k in wanted),
       'the same', sorted(files(again)))
    ok({p.stat().st_mode & 0o7777 for p in again.rglob('*.answer')}
       == {0o600}, 'only their owner may read them')

    rules('PUT [.]answer status 403 AccessDenied')
    run = Moved(recorded, 's3://shop/s')
    ok(run.is_(1, records=0) and run.said['failed'] and '.answer' in run.err,
       'records that the store refuses', run)


def owned(path):
    """{owner's directory: ids} of a tree, whose counts must be right."""

    found = {}

    for owner in path.glob('.owners/*'):
        links = [p for p in owner.iterdir() if p.name != '.counts']
        images = [p for p in links if p.exists()]
        size = sum(p.stat().st_size for image in images
                   for p in path.glob('%.2s/*/%s_*' % (image.name, image.name))
                   if p.suffix != '.answer')

        # "caphown", images, bytes, when, and the directory's time

        noted = struct.unpack('=QqqdqqQ', (owner / '.counts').read_bytes())
        mtime = owner.stat().st_mtime_ns

        if ((noted[1], noted[2]) != (len(images), size)
                or noted[4] * 10**9 + noted[5] != mtime):
            raise AssertionError('%s: %s, not %d images, %d bytes, %d' % (
                owner, noted, len(images), size, mtime))

        found[owner.name] = sorted(p.name for p in images)

    return found


def owners(source):
    """Whose an image is goes with it."""

    rules()
    mine = pathlib.Path(HERE, 'mine')
    shutil.copytree(source, mine)
    marks = sorted(k for k in files(source) if '_original.' in k)
    strange = 'Gr%c3%bc%c3%9fe%2f%2e%2e%2f%20%22b%22'

    def name(path, owner, mark):
        owner = path / '.owners' / owner
        owner.mkdir(parents=True, exist_ok=True)
        (owner / mark[6:38]).symlink_to('../../' + mark)

    def give(path):
        """To the user of the workers, if this is root."""

        for p in [path, *path.rglob('*')]:
            if os.geteuid() == 0:
                os.chown(p, 65534, 65534, follow_symlinks=False)

        return path

    def empty(where):
        pathlib.Path(HERE, where).mkdir()

        return give(pathlib.Path(HERE, where))

    def looks():
        return [p for m, p in log() if m == 'HEAD']

    for owner, mark in (('vendor-7', marks[0]), ('vendor-7', marks[1]),
                        (strange, marks[2])):
        name(mine, owner, mark)

    # of an image that is not there any more, and what is no owner

    name(mine, 'vendor-7', marks[3].replace(marks[3][6:38], 32 * 'a'))
    name(mine, 'no.owner', marks[3])
    give(mine)

    wanted = {'vendor-7': sorted((marks[0][6:38], marks[1][6:38])),
              strange: [marks[2][6:38]]}

    run = Moved(mine, 's3://shop/o')
    ok(run.is_(0, images=5, files=16, failed=0, owners=3),
       'owners are moved', run)
    ok(sorted(looks()) == sorted('/shop/o/' + m for m in marks[:3]),
       'and verified', looks())

    back = empty('mine-back')
    run = Moved('s3://shop/o', back)
    ok(run.is_(0, images=5, files=16, failed=0, owners=3), 'and back', run)
    ok(owned(back) == wanted, 'the same, and counted', owned(back))
    ok({p.stat().st_mode & 0o7777 for p in (back / '.owners').rglob('.')}
       == {0o700}, 'and nobody else can see it')

    rules()
    run = Moved(mine, 's3://shop/o')
    ok(run.is_(0, complete=5, owners=0) and not puts() and len(looks()) == 3,
       'begun again, they are compared', run)
    run = Moved('s3://shop/o', back)
    ok(run.is_(0, complete=5, owners=0) and owned(back) == wanted,
       'in both directions', run)

    # what a run that was killed has not named, and what it has not published

    (back / '.owners/vendor-7' / marks[0][6:38]).unlink()
    run = Moved('s3://shop/o', back)
    ok(run.is_(0, complete=5, owners=1) and owned(back) == wanted,
       'a name that is missing', run)

    (back / marks[1]).unlink()
    run = Moved('s3://shop/o', back)
    ok(run.is_(0, images=1, complete=4, owners=1), 'an image that is missing',
       run)
    run = Moved(back, 's3://shop/o')
    ok(run.is_(0, complete=5), 'the tree is whole', run)

    # a new variant

    for key in (marks[0][:38] + '_300.webp', marks[4][:38] + '_300.webp'):
        (mine / key).write_bytes(files(source)[marks[0]])
    run = Moved(mine, 's3://shop/o')
    ok(run.is_(0, images=2, files=2, complete=3, owners=1), 'new variants',
       run)
    third = empty('mine-third')
    run = Moved('s3://shop/o', third)
    ok(run.is_(0, images=5, files=18, owners=3) and owned(third) == wanted,
       'are counted', run)

    # one that is changed by nginx

    fourth = empty('mine-fourth')
    (fourth / '.owners').mkdir(mode=0o700)
    (fourth / '.owners/vendor-7').mkdir(mode=0o700)
    give(fourth)
    fd = os.open(fourth / '.owners/vendor-7', os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)

    def release():
        while not list(fourth.rglob('*_original.webp')):
            time.sleep(0.02)

        os.close(fd)

    thread = threading.Thread(target=release)
    thread.start()
    run = Moved('s3://shop/o', fourth)
    thread.join()
    ok(run.is_(0, images=5, owners=3) and owned(fourth) == wanted,
       'an owner who is locked', run)

    # what differs

    (fourth / '.owners/vendor-7' / marks[0][6:38]).unlink()
    name(fourth, 'vendor-8', marks[0])
    (fourth / (marks[0][:38] + '_500.webp')).write_bytes(
        files(source)[marks[0]])
    give(fourth)
    rules()

    for arguments in ((fourth, 's3://shop/o'), ('s3://shop/o', fourth)):
        run = Moved(*arguments)
        ok(run.is_(1, failed=1, owners=0) and not puts()
           and '"%s": its owner is "vendor-8" in the tree and "vendor-7" in '
           'the store' % marks[0] in run.err, 'another owner', run)

    swift('put', 'shop', 'o/' + marks[2], str(source / marks[2]))
    run = Moved(mine, 's3://shop/o')
    ok(run.is_(1, failed=1) and marks[2] in run.err
       and '/../ "b"" in the tree and "" in the store' in run.err,
       'an owner whom the store does not have', run)
    run = Moved('s3://shop/o', third)
    ok(run.is_(0, complete=5) and owned(third) == wanted,
       'the tree keeps its own', run)

    # a store that does not answer, or does so late

    rules('HEAD _original status 403 AccessDenied')
    run = Moved(mine, 's3://shop/p')
    ok(run.is_(1, owners=0) and run.said['failed']
       and 'its owner is not known' in run.err, 'a store that does not say',
       run)
    fifth = empty('mine-fifth')
    run = Moved('s3://shop/o', fifth)
    ok(run.is_(1, images=0, owners=0) and not files(fifth),
       'nothing is fetched without it', run)

    rules('HEAD _original times=4 drop')
    run = Moved(mine, 's3://shop/p')
    ok(run.is_(0) and run.said['failed'] == 0, 'answers that are lost', run)
    run = Moved('s3://shop/p', fifth)
    ok(run.is_(0, images=5, owners=3) and owned(fifth) == wanted,
       'all of it', run)

    # the directory of owners

    (fifth / '.owners').chmod(0)
    run = Moved(fifth, 's3://shop/p')
    (fifth / '.owners').chmod(0o700)
    ok(run.is_(1, images=0) and 'the owners of its images cannot be read'
       in run.err, 'owners who cannot be read', run)


def what_differs(source):
    """Nothing is overwritten, on either side."""

    rules()
    keys = sorted(files(source))
    data = files(source)[keys[1]]
    other = bytes([data[0] ^ 1]) + data[1:]
    path = HERE + '/other'
    pathlib.Path(path).write_bytes(other)

    for what, content in (('of the same length', other),
                          ('of another length', data[:-1])):
        pathlib.Path(path).write_bytes(content)
        swift('put', 'shop', 'a/' + keys[1], path)

        run = Moved(source, 's3://shop/a')
        ok(run.is_(1, complete=4, failed=1, images=0)
           and '"%s": the tree and the store have different' % keys[1]
           in run.err, 'another file in the store, ' + what, run)

        run = Moved('s3://shop/a', source)
        ok(run.is_(1, complete=4, failed=1)
           and files(source)[keys[1]] == data, 'and back', run)

    pathlib.Path(path).write_bytes(data)
    swift('put', 'shop', 'a/' + keys[1], path)

    # an entity tag that is no MD5: the bytes are compared

    key = keys[1]
    mine = [k for k in keys if k[:2] == key[:2]]
    listing = '<ListBucketResult><IsTruncated>false</IsTruncated>%s' \
        '</ListBucketResult>' % ''.join(
            '<Contents><Key>a/%s</Key><Size>%d</Size><ETag>"%s-2"</ETag>'
            '</Contents>' % (k, len(files(source)[k]), 32 * 'a')
            for k in mine)
    rules('GET list-type=2.*prefix=a(/|%%2F)%s body %s' % (key[:2], listing))
    run = Moved(source, 's3://shop/a')
    gets = [p for m, p in log() if m == 'GET' and 'list-type' not in p]
    ok(run.is_(0, complete=5, images=0) and not puts()
       and len(gets) == len(mine), 'entity tags of parts', run)


def incomplete(source):
    """An image without its commit mark is none."""

    rules()
    partial = pathlib.Path(HERE, 'partial')
    shutil.copytree(source, partial)
    mark = sorted(partial.rglob('*_original.webp'))[0]
    mark.unlink()

    run = Moved(partial, 's3://shop/b')
    ok(run.is_(0, images=4, incomplete=1), 'without its commit mark', run)
    ok(not [k for k in stored('b/') if mark.name[:32] in k], 'it is not put')

    swift('put', 'shop', 'b/' + str(sorted(files(source))[0]),
          str(source / sorted(files(source))[0]))
    empty = pathlib.Path(HERE, 'empty')
    empty.mkdir()

    run = Moved('s3://shop/b', empty)
    ok(run.is_(0, images=4, incomplete=1), 'nor is it fetched', run)

    run = Moved(source, 's3://shop/b')
    ok(run.is_(0, images=1, complete=4) and same(source, 'b/'),
       'what was left of it is completed', run)

    run = Moved(partial, 's3://shop/c', options=OPTIONS + ['--mark', '200'])
    ok(run.is_(0, images=5, incomplete=0), '--mark', run)


def faults(source):
    quick = OPTIONS + ['--timeout', '3']

    rules('PUT _800 times=2 drop', 'PUT _original times=1 status 503 SlowDown',
          'GET list-type times=1 cut')
    run = Moved(source, 's3://shop/d')
    ok(run.is_(0, images=5, failed=0) and same(source, 'd/'),
       'answers that are lost, a store that is busy', run)

    rules('PUT . status 503 ServiceUnavailable')
    run = Moved(source, 's3://shop/e', options=quick)
    ok(run.code == 1 and 'run it again to go on' in run.err
       and run.said['finished'] is False and not stored('e/'),
       'a store that is away: it ends', run)

    rules('PUT . skip=4 status 403 AccessDenied')
    run = Moved(source, 's3://shop/e', options=quick + ['--jobs', '1'])
    ok(run.code == 1 and 'run it again' in run.err and whole(source, 'e/'),
       'credentials that are withdrawn', run)

    rules()
    run = Moved(source, 's3://shop/e')
    ok(run.is_(0) and same(source, 'e/'), 'it goes on', run)

    # the proxy's answer is not what the store has

    fetched = pathlib.Path(HERE, 'fetched')
    fetched.mkdir()
    rules('GET _800 times=1 body nonsense', 'GET _200 skip=1 times=1 length -1')
    run = Moved('s3://shop/e', fetched, options=quick + ['--jobs', '1'])
    ok(run.is_(1, failed=2, images=3)
       and all(files(source)[key] == data
               for key, data in files(fetched).items())
       and len({key[:38] for key in files(fetched)}) == 3,
       'a file that arrives as another is not published, nor its image', run)

    rules('GET _800 times=1 cut-answer 100')
    run = Moved('s3://shop/e', fetched)
    ok(run.is_(0, images=2, complete=3) and files(fetched) == files(source),
       'one that is cut is fetched again', run)

    # what the store has lost after it has said 200

    rules('PUT _200 times=1 lose')
    run = Moved(source, 's3://shop/f')
    ok(run.is_(1, failed=1) and 'the file was put, but' in run.err,
       'a store that says 200 and has nothing', run)


def stopped(source):
    rules('PUT . delay 0.3')
    process = subprocess.Popen([SHIPPER, '--move', source, 's3://shop/g',
                                '--jobs', '1', *OPTIONS],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)

    while len(puts()) < 4:
        time.sleep(0.02)

    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    said = json.loads(out.splitlines()[-1])
    ok(process.returncode == 3 and said['finished'] is False
       and 1 <= said['images'] < 5 and whole(source, 'g/'),
       'SIGTERM: images under way are finished', (process.returncode, out))

    process = subprocess.Popen([SHIPPER, '--move', source, 's3://shop/g',
                                '--jobs', '2', *OPTIONS],
                               stdout=subprocess.DEVNULL)
    before = len(puts())

    while len(puts()) < before + 2:
        time.sleep(0.02)

    process.kill()
    process.wait()
    rules()
    ok(whole(source, 'g/'), 'SIGKILL: no image has its mark without the others')

    run = Moved(source, 's3://shop/g')
    ok(run.is_(0) and run.said['complete'] >= 1 and same(source, 'g/'),
       'it goes on', run)

    run = Moved(source, 's3://shop/g', options=OPTIONS + ['--progress'])
    percents = [json.loads(line)['percent'] for line in run.lines]
    ok(run.is_(0, complete=5) and percents == sorted(percents),
       '--progress', run)


started = swift('start', str(ports.free(5)), check=False)

if started.returncode == 77:
    skip('an object store', started.stderr.strip())
    done()

if started.returncode != 0:
    raise SystemExit('Bail out! ' + started.stderr)

ENDPOINT = started.stdout.strip()
FRONT = ports.free()

try:
    subprocess.run(FLAKY + ['start', HERE + '/flaky', str(FRONT),
                            ENDPOINT.rpartition(':')[2]], check=True,
                   stdout=subprocess.DEVNULL)
    swift('bucket', 'shop')

    with open(HERE + '/credentials', 'w', encoding='ascii') as f:
        f.write('[default]\naws_access_key_id = test:tester\n'
                'aws_secret_access_key = %s\n' % SECRET)

    os.chmod(HERE + '/credentials', 0o600)

    OPTIONS = ['--endpoint', 'http://127.0.0.1:%d' % FRONT, '--region',
               'us-east-1', '--credentials', HERE + '/credentials']

    options_are_checked()
    images = there_and_back(sorted(
        str(p) for p in pathlib.Path(TOP, 'conf/demo-photos').glob('*.jpg')))
    records(images)
    owners(images)
    what_differs(images)
    incomplete(images)
    faults(images)
    stopped(images)

finally:
    subprocess.run(FLAKY + ['stop', HERE + '/flaky'], check=False)
    swift('stop', check=False)
    shutil.rmtree(HERE, ignore_errors=True)

done()
