#!/usr/bin/python3
"""What caphealth-shipper does with an object store.

    check_shipper.py UNIT-DIRECTORY

Against a real Swift, against it through a proxy that loses answers and worse,
and against a store of our own that knows If-None-Match, which Swift does not.
TAP.
"""

import collections
import contextlib
import email.utils
import glob
import importlib.machinery
import importlib.util
import hashlib
import http.server
import json
import os
import re
import resource
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '../lib'))

import ports
import tap
from shipper import Shipper, memory
from tap import ok

# its name has no suffix

loader = importlib.machinery.SourceFileLoader('swift_server', os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '../lib/swift'))
swift = importlib.util.module_from_spec(
    importlib.util.spec_from_loader('swift_server', loader))
sys.dont_write_bytecode = True
loader.exec_module(swift)

BUILD = os.path.dirname(os.path.abspath(sys.argv[1]))
LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib')
PROGRAM = os.path.join(BUILD, 'caphealth-shipper')
COLLECTOR = os.path.join(BUILD, 'caphealth-collector')
TMP = tempfile.TemporaryDirectory(prefix='caphealth-')
os.chmod(TMP.name, 0o711)        # Swift may run as another user

SWIFT = os.path.join(TMP.name, 'swift')
FLAKY = os.path.join(TMP.name, 'flaky')
SECRET = 'testing'
TREE = {'marks': ['original'], 'variants': ['800', '200'],
        'counted': ['800', '200'], 'since': 0}

# not a real one, but not to be told from one without decoding it

CERTIFICATE = ('-----BEGIN CERTIFICATE-----\nMIIB\n'
               '-----END CERTIFICATE-----\n')

count = 0
account = None


def settings(port, **more):
    return {'endpoint': 'http://127.0.0.1:%d' % port, 'bucket': 'images',
            'prefix': 'shop', 'region': 'us-east-1', 'key_id': 'test:tester',
            'secret': SECRET, **TREE, **more}


def shipper(port, **more):
    return Shipper(PROGRAM, settings(port, **more),
                   stderr=open(TMP.name + '/stderr', 'ab'))


def image(sizes=(30000, 5000, 100), leaf='abcd'):
    """The files of an image, the mark first, and its stem."""

    global count

    count += 1
    stem = '%s/%s/%s%028x_' % (leaf[:2], leaf[2:], leaf, count)
    names = ('original.webp', '800.jpg', '200.avif', '100.webp', '50.webp')

    return stem, [(stem + name, os.urandom(size))
                  for name, size in zip(names, sizes)]


def stored(stem='', bucket='images', prefix='shop/'):
    """Bytes by key, below the prefix."""

    return {key[len(prefix):]: size
            for size, key in account.list(bucket, prefix + stem)}


def rules(*lines):
    with open(FLAKY + '/new', 'w', encoding='ascii') as file:
        file.write('\n'.join(lines) + '\n')

    os.rename(FLAKY + '/new', FLAKY + '/rules')
    open(FLAKY + '/log', 'w', encoding='ascii').close()


def requests():
    """Method, path and what was sent."""

    with open(FLAKY + '/log', encoding='ascii') as file:
        return [line.strip('\0').split() for line in file]


def is_stored(name, result, files):
    wanted = {key: len(data) for key, data in files}
    found = stored(files[0][0].rpartition('_')[0])
    wrong = []

    if (result or {}).get('status') != 'ok':
        wrong.append(result)
    elif (result['files'] != len(files)
          or result['bytes'] != sum(wanted.values()) or result['left']):
        wrong.append(result)

    if found != wanted:
        wrong.append('in the store: %s' % found)

    tap.none(wrong, name)


def is_refused(name, result, status, stem, left=0, detail=''):
    wrong = []

    if (result or {}).get('status') != status or result['left'] != left:
        wrong.append(result)
    elif detail not in result['detail'] or result['files']:
        wrong.append(result)

    if not left and stored(stem):
        wrong.append('left in the store: %s' % stored(stem))

    tap.none(wrong, name)


def check_swift(port):
    s = shipper(port)
    ok(s.hello and s.hello[0] == 'HELLO' and s.ready
       and s.ready[0] == 'READY', 'it says what it is, and that it is ready',
       (s.hello, s.ready))

    stem, files = image()
    is_stored('an image is put', s.ship(files), files)

    wrong = [key for key, data in files
             if account.get('images', 'shop/' + key) != data]
    tap.none(wrong, 'its files are what they were')

    stem2, files2 = image((7,))
    is_stored('an image of one file is put', s.ship(files2), files2)

    several = [image() for _ in range(30)]
    serials = [s.ask_ship(files3) for _, files3 in several]
    wrong = [s.result(serial) for serial in serials]
    wrong = [r for r in wrong if not r or r['status'] != 'ok']
    tap.none(wrong, '30 images at once are put')

    account.put('images', 'shop/' + stem[:-1] + '0', b'beside it')
    account.put('images', 'shop/' + stem + '900.webp', b'older')

    r = s.unship(stem, stem + 'original.')
    ok(r and r['status'] == 'ok' and r['files'] == 4 and r['marked'] == 1
       and r['bytes'] == 35105 and not stored(stem), 'an image is removed, '
       'with a variant that is not made any more', (r, stored(stem)))
    ok(stored(stem[:-1]) == {stem[:-1] + '0': 9}, 'and nothing else',
       stored(stem[:-1]))

    r = s.unship(stem, stem + 'original.')
    ok(r and r['status'] == 'not found', 'it is not found then', r)

    account.delete('images', 'shop/' + files2[0][0])
    account.put('images', 'shop/' + stem2 + '800.webp', b'alone')
    r = s.unship(stem2, stem2 + 'original.')
    ok(r and r['status'] == 'ok' and r['files'] == 1 and r['marked'] == 0,
       'one without a mark is removed and counted', r)

    stem, files = image()
    r = s.ship([(files[0][0], memory(b'short'), 100)] + files[1:])
    is_refused('a file that is shorter than was said', r, 'read', stem)

    stem, files = image()
    r = s.ship([(files[0][0], os.open('/', os.O_RDONLY), 100)] + files[1:])
    is_refused('a descriptor that cannot be read', r, 'read', stem)

    ok(s.close() == 0, 'it ends with its worker')


def record(stem):
    """The record of an image, of a request, and its claim of the id."""

    ident = stem[6:-1]
    secret = os.urandom(16).hex()
    text = json.dumps({'version': 1, 'mark': ident + '_original.webp',
                       'request': os.urandom(32).hex(), 'url': '/media/',
                       'image': {'id': ident, 'variants': {}}})

    return text.encode(), (stem + secret + '.answer', os.urandom(16).hex())


def check_claims(kind, s, stored_in, put, get, copy):
    """Ids that follow from a key, in a store of that kind.  copy returns what
    puts an object again, as it is."""

    def is_status(name, r, status, **more):
        wrong = [] if r and r['status'] == status else [r]
        wrong += ['%s: %s' % (key, r[key]) for key, value in more.items()
                  if not wrong and r[key] != value]
        tap.none(wrong, '%s: %s' % (kind, name))

    stem, files = image()
    text, claim = record(stem)
    other = (claim[0], os.urandom(16).hex())

    is_status('a look at an id that is free', s.claim('look', claim),
              'not found', left=0)
    is_status('it is taken', s.claim('take', claim, text), 'ok', left=0)
    ok(stored_in(stem) == {claim[0]: len(text)}, '%s: by its record' % kind,
       stored_in(stem))
    r = s.claim('look', other, lease=60000, timeout=60000)
    is_status('it is in use then', r, 'busy')
    ok(1 <= r['retry_after'] <= 60, '%s: until the lease is over' % kind, r)
    is_status('and not taken twice', s.claim('take', other, text), 'busy')
    is_status('what another has is not released', s.claim('release', other),
              'ok')
    is_status('nor removed', s.unship(stem, stem + 'original.'), 'busy')
    is_status('nor by one that has lost it',
              s.unship(stem, stem + 'original.', claim=other), 'not found')

    r = s.ship(files, claim=other)
    is_status('who does not have it stores nothing', r, 'busy')
    ok('%soriginal.webp' % stem not in stored_in(stem),
       '%s: no mark is put' % kind, stored_in(stem))
    is_status('what that has put is removed by who has it',
              s.unship(stem, stem + 'original.', claim=claim), 'ok', marked=0)
    ok(stored_in(stem) == {claim[0]: len(text)}, '%s: but the record' % kind,
       stored_in(stem))

    is_status('its image is put', s.ship(files, claim=claim), 'ok', files=3)
    r = s.claim('look', other)
    is_status('the record is read', r, 'exists', text=text)
    is_status('and by who would take it', s.claim('take', other, text),
              'exists', text=text)
    is_status('a deletion', s.unship(stem, stem + 'original.'), 'ok', files=3,
              bytes=35100, marked=1)
    ok(not stored_in(stem), '%s: nothing is left' % kind, stored_in(stem))
    is_status('once more', s.unship(stem, stem + 'original.'), 'not found')

    # the upload is withdrawn, and then a mark comes that was held up

    s.claim('take', claim, text)
    s.ship(files, claim=claim)
    mark = copy(files[0][0])
    r = s.unship(stem, stem + 'original.', claim=claim, withdraw=1)
    is_status('an upload that is withdrawn', r, 'ok', files=3, marked=1)
    mark()
    is_status('a mark that comes late', s.claim('look', other), 'busy')
    is_status('it is given up', s.claim('release', claim), 'ok')
    is_status('then it is free', s.claim('look', other), 'not found')
    is_status('and taken by another', s.claim('take', other, text), 'ok')
    is_status('whose mark it is not', s.claim('look', other), 'busy')
    r = s.ship(files, claim=other)

    if r['status'] == 'exists':
        is_status('it is in the way', s.unship(stem, stem + 'original.',
                                               claim=other), 'ok', marked=1)
        r = s.ship(files, claim=other)

    is_status('its own is', r, 'ok')
    is_status('then', s.claim('look', claim), 'exists', text=text)
    is_status('all is removed', s.unship(stem, stem + 'original.'), 'ok')

    is_status('the id is free again', s.claim('take', other, text), 'ok')
    is_status('and given up', s.claim('release', other), 'ok')
    ok(not stored_in(stem), '%s: without a record' % kind, stored_in(stem))
    is_status('once more', s.claim('release', other), 'ok')

    # who has taken it dies, with some of its files put

    is_status('taken', s.claim('take', claim, text), 'ok')
    put(*files[1])
    r = wait_for(lambda: (lambda r: r if r and r['status'] != 'busy'
                          else None)(s.claim('look', other, timeout=1000,
                                             lease=1000)))
    is_status('the lease is over', r, 'not found', left=1)
    is_status('another takes it', s.claim('take', other, text, timeout=1000,
                                          lease=1000), 'ok', left=1)
    is_status('who had it before cannot go on', s.ship(files, claim=claim),
              'busy')
    is_status('nor give it up', s.claim('release', claim), 'ok')
    is_status('what was left is removed',
              s.unship(stem, stem + 'original.', claim=other), 'ok')
    is_status('and the image put', s.ship(files, claim=other), 'ok')
    ok(len(stored_in(stem)) == 4, '%s: all of it' % kind, stored_in(stem))
    ok(get(claim[0]) == text, '%s: with the record' % kind, get(claim[0]))

    # a deletion that dies has put this

    put(claim[0], b'{}')
    r = s.claim('look', other)
    is_status('a record without an answer', r, 'busy')
    is_status('and a mark', s.unship(stem, stem + 'original.'), 'ok', files=3)

    for name, data in (('no JSON', b'{'), ('none at all', b''),
                       ('that of another', record('ab/cd/x_')[0]),
                       ('a long one', b' ' * 300000 + text)):
        put(claim[0], data)
        is_status('a record that is %s' % name, s.claim('look', other), 'busy')

    put(claim[0], b'{}')
    r = wait_for(lambda: (lambda r: r if r and r['status'] != 'busy'
                          else None)(s.unship(stem, stem + 'original.',
                                              timeout=1000, lease=1000)))
    is_status('a record alone is no image', r, 'not found')
    ok(not stored_in(stem), '%s: but is removed' % kind, stored_in(stem))


def check_owners(kind, s, stored_in):
    """Who has an owner removes images of that owner only."""

    for owner in ('vendor-7', 'Gr\u00fc\u00dfe/../ "b"', '\u00e9' * 40, ' a ',
                  '%2e'):
        stem, files = image()
        mark = stem + 'original.'
        r = s.ship(files, owner=owner)
        wrong = [] if r and r['status'] == 'ok' else [r]

        for other in (owner[:-1], owner + '.', owner.upper() + 'X',
                      urllib.parse.quote(owner, safe='') + '-'):
            other = other.encode()[:80].decode(errors='ignore')

            if other and other != owner:
                r = s.unship(stem, mark, owner=other)
                wrong += [] if r and r['status'] == 'not found' else [r]

        if len(stored_in(stem)) != 3:
            wrong.append(stored_in(stem))

        r = s.unship(stem, mark, owner=owner)

        if not r or r['status'] != 'ok' or r['files'] != 3 or not r['marked']:
            wrong.append(r)
        if stored_in(stem):
            wrong.append(stored_in(stem))

        tap.none(wrong, '%s: an image of "%s" is removed by that owner only'
                 % (kind, owner))

    stem, files = image()
    s.ship(files)
    r = s.unship(stem, stem + 'original.', owner='vendor-7')
    ok(r and r['status'] == 'not found' and len(stored_in(stem)) == 3,
       '%s: an image without an owner is not removed by one' % kind, r)

    stem, files = image()
    s.ship(files, owner='vendor-7')
    r = s.unship(stem, stem + 'original.')
    ok(r and r['status'] == 'ok' and not stored_in(stem),
       '%s: a request without an owner removes any' % kind, r)

    stem, files = image()
    text, claim = record(stem)
    s.claim('take', claim, text)
    s.ship(files, claim=claim, owner='vendor-7')
    r = s.unship(stem, stem + 'original.', owner='vendor-8')
    ok(r and r['status'] == 'not found' and len(stored_in(stem)) == 4,
       '%s: an image with a record, of another' % kind, r)
    r = s.unship(stem, stem + 'original.', owner='vendor-7')
    ok(r and r['status'] == 'ok' and not stored_in(stem),
       '%s: and of the owner' % kind, (r, stored_in(stem)))


def check_owners_of_parts():
    """What is left of an image, or is not there yet."""

    store = Store()
    s = shipper(store.port)

    def stored_in(stem):
        return {key: len(data) for key, data in store.objects.items()
                if key.startswith(stem)}

    def remove(stem, owner):
        return s.unship(stem, stem + 'original.', 1500, owner=owner)

    check_owners('with conditions', s, stored_in)

    stem, files = image()
    s.ship(files, owner='a b')
    sent = store.headers[files[0][0]]
    ok(sent['x-amz-meta-caphealth-owner'] == 'a%20b'
       and 'x-amz-meta-caphealth;x-amz-meta-caphealth-owner'
       in sent['Authorization'], 'the owner is signed', sent)

    # a removal whose answers are lost when the mark is gone

    del store.objects[files[0][0]]
    r = remove(stem, 'other')
    ok(r and r['status'] == 'not found' and len(stored_in(stem)) == 2,
       'without its mark, of another', (r, stored_in(stem)))
    r = remove(stem, 'a b')
    ok(r and r['status'] == 'ok' and r['files'] == 2 and not r['marked']
       and not stored_in(stem), 'and of the owner', (r, stored_in(stem)))

    # the mark decides

    stem, files = image()
    s.ship(files, owner='vendor-7')
    store.objects[stem + '1.webp'] = b'by hand'
    store.owners[files[1][0]] = None
    store.owners[files[2][0]] = 'vendor-8'
    r = remove(stem, 'vendor-8')
    ok(r and r['status'] == 'not found', 'the owner of another file only', r)
    r = remove(stem, 'vendor-7')
    ok(r and r['status'] == 'ok' and r['files'] == 4,
       'the owner of its mark', r)

    for owner in ('vendor-7%', '%7', 'vendor%2D7', 'vendor%2d7', 'v' * 250,
                  'vendor 7'):
        stem, files = image()
        s.ship(files, owner='vendor-7')
        store.owners[files[0][0]] = owner
        r = remove(stem, 'vendor-7')
        ok(r and r['status'] == 'not found', 'metadata that is not encoded so: '
           + owner[:10], r)

    # an upload under way

    stem, files = image()
    text, claim = record(stem)
    s.claim('take', claim, text)
    r = remove(stem, 'vendor-7')
    ok(r and r['status'] == 'not found' and list(stored_in(stem)) == [claim[0]],
       'an upload with only its record', r)
    s.ship(files, claim=claim, owner='vendor-7')
    del store.objects[files[0][0]]
    r = remove(stem, 'vendor-8')
    ok(r and r['status'] == 'not found', 'of another, without its mark', r)
    r = remove(stem, 'vendor-7')
    ok(r and r['status'] == 'busy' and len(stored_in(stem)) == 3,
       'of the owner: it is waited for', r)

    # the listing is late, and has files that were removed

    def late(handler, key, body):
        if handler.command == 'HEAD' and ('original' in key or '200' in key):
            handler.answer(404)
            return True

        return False

    stem, files = image()
    s.ship(files, owner='vendor-7')
    store.hook = late
    r = remove(stem, 'vendor-8')
    ok(r and r['status'] == 'not found' and len(stored_in(stem)) == 3,
       'a listing that is late, of another', r)
    r = remove(stem, 'vendor-7')
    ok(r and r['status'] == 'ok' and not stored_in(stem), 'and of the owner', r)

    store.hook = None
    stem, files = image()
    s.ship(files, owner='vendor-7')
    store.hook = lambda handler, *_: (handler.command == 'HEAD'
                                      and (handler.answer(404), True)[1])
    r = remove(stem, 'vendor-7')
    ok(r and r['status'] == 'not found' and len(stored_in(stem)) == 3,
       'an image whose files are all gone', r)

    # who it is of cannot be found out

    for status, wanted in ((503, 'away'), (403, 'denied'), (418, 'failed')):
        store.hook = lambda handler, *_, status=status: (
            handler.command == 'HEAD' and (handler.answer(status), True)[1])
        r = remove(stem, 'vendor-7')
        ok(r and r['status'] == wanted and len(stored_in(stem)) == 3,
           '%d to the question: nothing is removed' % status, r)

    lost = [1, 1]

    def lose(handler, key, body):
        if handler.command == 'HEAD' and lost:
            lost.pop()
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return True

        return False

    store.hook = lose
    r = remove(stem, 'vendor-7')
    ok(r and r['status'] == 'ok' and not lost and not stored_in(stem),
       'answers that are lost: it is asked again', r)
    s.close()
    store.shutdown()


def check_virtual_host(port):
    s = shipper(port, endpoint='http://s3.localhost:%d' % port,
                style='virtual')
    stem, files = image()
    is_stored('the bucket in the name of the host', s.ship(files), files)
    r = s.unship(stem, stem + 'original.')
    ok(r and r['status'] == 'ok' and r['files'] == 3, 'and a listing there', r)
    s.close()

    s = shipper(port, prefix='')
    stem, files = image()
    r = s.ship(files)
    ok(r and r['status'] == 'ok'
       and len(stored(stem, prefix='')) == 3, 'no prefix', r)
    r = s.unship(stem, stem + 'original.')
    ok(r and r['status'] == 'ok' and r['files'] == 3, 'and it is removed', r)
    s.close()


def check_refused(port):
    cases = (('another secret', {'secret': 'wrong-secret'}, 'denied',
              'SignatureDoesNotMatch'),
             ('another key', {'key_id': 'nobody'}, 'denied', 'answered 403'),
             ('another region', {'region': 'eu-central-1'}, 'denied',
              'AuthorizationHeaderMalformed'),
             ('no bucket', {'bucket': 'nothing-here'}, 'denied',
              'NoSuchBucket'),
             ('a quota', {'bucket': 'small'}, 'full', ''))

    for name, more, status, detail in cases:
        s = shipper(port, **more)
        stem, files = image()
        is_refused(name, s.ship(files), status, stem, detail=detail)

        if status == 'denied':
            r = s.unship(stem, stem + 'original.')
            ok(r and r['status'] == 'denied', name + ', of a removal', r)

        s.close()

    found = stored('', 'small')
    ok(not found, 'nothing is left where there is a quota', found)


def check_count(port):
    """A listing beside the walk of a tree of the same files."""

    root = TMP.name + '/tree'
    names = []

    for n in range(40):
        stem = 'f0/%02x/f0%02x%028x_' % (n % 7, n % 7, n)
        names += [(stem + 'original.webp', 100 + n), (stem + '800.jpg', 50)]

        if n % 3:
            names.append((stem + '200.avif', 7))
        if n % 5 == 0:
            names.pop(-2 if n % 3 else -1)
            names = [pair for pair in names
                     if pair[0] != stem + 'original.webp' or n % 10]

    names += [('f0/01/f001%028x_another.webp' % 1000, 11),
              ('f0/01/f002%028x_800.webp' % 1000, 12),
              ('f0/01/README', 13), ('f0/0/x', 14), ('f0/stray', 15),
              ('f0/02/deep/er/x', 16), ('robots.txt', 17),
              ('old/f0/01/f001%028x_original.webp' % 1, 18),
              ('old/x y+z%41&<>"\'', 19), ('f00/x', 20)]

    for name, size in names:
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)

        with open(os.path.join(root, name), 'wb') as file:
            file.write(bytes(size))

        account.put('images', 'count/' + name, bytes(size))

    walked = json.loads(subprocess.run([COLLECTOR, '--scan', root],
                                       capture_output=True,
                                       check=True).stdout)

    s = shipper(port, prefix='count')
    slices = [s.scan(i) for i in (0xf0, 256, 0x3)]
    found = {name: sum(s[key] for s in slices)
             for name, key in (('total_files', 'files'),
                               ('total_bytes', 'bytes'),
                               ('products_estimated', 'complete'),
                               ('incomplete_sets', 'incomplete'),
                               ('stray_files', 'strays'),
                               ('stray_bytes', 'stray_bytes'))}
    wrong = ['%s: %s, not %s' % (name, value, walked[name])
             for name, value in found.items() if walked[name] != value]
    wrong += [s['error'] for s in slices if s['error']]
    tap.none(wrong, 'a listing counts what a walk of the same files does')

    first = slices[0]
    leaves = collections.Counter(
        int(name[3:5], 16) for name, _ in names
        if re.match('f0/(..)/f0\\1[0-9a-f]{28}_[0-9a-z]+[.](webp|jpg|avif)$',
                    name))
    ok(first['leaves'] == dict(leaves), 'and the files of each leaf',
       (first['leaves'], leaves))

    whole = {}

    for name, _ in names:
        match = re.match('f0/(..)/(f0\\1[0-9a-f]{28})_(\\w+)[.]', name)
        if match:
            whole.setdefault(match.group(2), set()).add(match.group(3))

    lack = tuple(sum('original' in made and name not in made
                     for made in whole.values()) for name in ('800', '200'))
    ok(first['missing'][:2] == lack, 'and the images that lack a variant',
       (first['missing'], lack))
    s.close()


def counted(s, before):
    """What a shipper has told of its requests since then."""

    return {name: n - before[name] for name, n in s.requests.items()
            if n != before[name]}


def check_flaky(port):
    """Through a proxy that does what it should not."""

    s = shipper(port)
    s.ship(image()[1])           # it knows then that this store has no
                                 # If-None-Match, which is counted as nothing
    ok(counted(s, dict.fromkeys(s.requests, 0))
       == {'ok': 3, 'sent': 35100}, 'its requests are told', s.requests)

    stem, files = image()
    before = dict(s.requests)
    rules('PUT 800 times=2 status 503')
    s.ship(files)
    ok(counted(s, before) == {'ok': 3, 'away': 2, 'retries': 2,
                              'sent': 35100 + 2 * 5000},
       'each attempt, with its bytes', counted(s, before))

    before = dict(s.requests)
    rules('GET . times=1 cut-answer 20')
    s.unship(stem, stem + 'original.')
    found = counted(s, before)
    ok(found == {'ok': 4, 'damaged': 1, 'retries': 1}
       or found == {'ok': 4, 'away': 1, 'retries': 1},
       'an answer that is cut', found)

    before = dict(s.requests)
    rules('PUT 200 status 403 AccessDenied')
    s.ship(image()[1])
    found = counted(s, before)
    ok(found.get('denied') == 1 and 'away' not in found, 'what is refused',
       found)

    stem, files = image()
    rules()
    is_stored('through the proxy', s.ship(files), files)
    asked = requests()
    ok(len(asked) == 3 and asked[-1][1].endswith('original.webp'),
       'the mark is the last', asked)

    recovered = (
        ('503 twice', ['PUT . times=2 status 503']),
        ('429 and SlowDown', ['PUT . times=1 status 429',
                              'PUT . times=1 status 503 SlowDown']),
        ('500 to the mark', ['PUT original times=3 status 500 InternalError']),
        ('connections that are closed', ['PUT . times=2 cut']),
        ('a body that is cut', ['PUT original times=1 cut-request 1000']),
        ('an answer that is lost', ['PUT original times=1 drop']),
        ('answers that are lost', ['PUT . times=3 drop']),
        ('an answer that is cut', ['PUT . times=1 cut-answer 0']),
        ('it was done, and 503', ['PUT . times=2 after 503']),
        ('400 RequestTimeout', ['PUT . times=1 status 400 RequestTimeout']),
        ('409 OperationAborted', ['PUT . times=1 status 409 OperationAborted']),
        ('slow answers', ['PUT . delay 0.5']))

    for name, lines in recovered:
        rules(*lines)
        stem, files = image()
        is_stored(name + ': it is put', s.ship(files), files)

    rules('PUT original times=1 status 503 SlowDown 2')
    stem, files = image()
    begun = time.monotonic()
    is_stored('Retry-After: it is put', s.ship(files), files)
    took = time.monotonic() - begun
    ok(took >= 2, 'after the time that was asked for', took)

    rules('PUT original times=1 status 503 SlowDown 1000')
    stem, files = image()
    r = s.ship(files, 3000)
    ok(r and r['retry_after'] == 1000, 'a long Retry-After is passed on', r)
    is_refused('and not waited for', r, 'away', stem, left=r['left'])

    stem, files = image()
    begun = time.monotonic()
    r = s.ship(files, 1500)
    took = time.monotonic() - begun
    ok(r and r['status'] == 'away' and took < 7,
       'the store is left alone by others then, too', (r, took))
    s.close()

    s = shipper(port)
    rules()
    s.ship(image()[1])

    refused = (
        ('403 to one', ['PUT 800 status 403 AccessDenied'], 'denied', 0),
        ('403 to the mark', ['PUT original status 403 AccessDenied'],
         'denied', 0),
        ('507', ['PUT 200 status 507'], 'full', 0),
        ('QuotaExceeded', ['PUT 200 status 403 QuotaExceeded'], 'full', 0),
        ('418', ['PUT 200 status 418'], 'failed', 0),
        ('404', ['PUT 200 status 404'], 'denied', 0),
        ('200 without an ETag', ['PUT 200 status 200'], 'denied', 1),
        ('a redirect', ['PUT 200 status 307 TemporaryRedirect'], 'denied', 0),
        ('the clock', ['PUT 200 status 403 RequestTimeTooSkewed'], 'denied',
         0))

    for name, lines, status, left in refused:
        rules(*lines)
        stem, files = image()
        is_refused(name + ': nothing is left', s.ship(files, 4000), status,
                   stem, left)
        follow = [r for r in requests() if r[0] == 'GET']
        ok(not follow, name + ': it is not followed', follow)

    rules('PUT original status 503')
    stem, files = image()
    begun = time.monotonic()
    r = s.ship(files, 2000)
    took = time.monotonic() - begun
    ok(r and r['status'] == 'away' and r['http'] == 503 and 1 < took < 7
       and not stored(stem), '503 until its time is over: nothing is left',
       (r, took, stored(stem)))

    rules('PUT original drop', 'HEAD original status 503',
          'DELETE . status 503')
    stem, files = image()
    r = s.ship(files, 1500)
    ok(r and r['status'] == 'away' and r['left'] == 1,
       'what cannot be removed is reported as left', r)

    rules('PUT original drop')
    stem, files = image()
    r = s.ship(files, 1500)
    is_stored('every answer to the mark is lost: it is there', r, files)

    rules('* . hang')
    stem, files = image()
    begun = time.monotonic()
    r = s.ship(files, 1000)
    took = time.monotonic() - begun
    ok(r and r['status'] == 'away' and took < 7, 'a store that says nothing',
       (r, took))
    s.close()

    s = shipper(port, connections=32)
    rules('PUT original delay 1.5')
    several = [image() for _ in range(8)]

    for _, files in several:
        s.ask_ship(files)

    wait_for(lambda: len(requests()) >= 16 or None)
    ok(s.close() == 0, 'the worker goes in the middle: it ends')
    wait_for(lambda: not any(stored(stem) for stem, _ in several) or None)
    left = [stored(stem) for stem, _ in several]
    tap.none([files for files in left if files], 'and nothing is left')


def wait_for(check, seconds=60):
    end = time.monotonic() + seconds
    found = check()

    while found is None and time.monotonic() < end:
        time.sleep(0.05)
        found = check()

    return found


def check_flaky_removal(port):
    s = shipper(port)

    cases = (
        ('a listing of 503', ['GET . times=2 status 503']),
        ('a listing that is cut', ['GET . times=1 cut-answer 200']),
        ('a listing that is lost', ['GET . times=1 drop']),
        ('a listing that says it is longer', ['GET . times=1 length 100']),
        ('a listing that says it is shorter', ['GET . times=1 length -100']),
        ('a listing that is none', ['GET . times=1 body hello']),
        ('a listing with a DTD', ['GET . times=1 body <!DOCTYPE a [<!ENTITY '
                                  'b "c">]><ListBucketResult><IsTruncated>'
                                  'false</IsTruncated></ListBucketResult>']),
        ('removals whose answers are lost', ['DELETE . times=2 drop']),
        ('removals of 500', ['DELETE . times=2 status 500']),
        ('a removal of 403', ['DELETE 800 times=1 status 403']),
        ('slow removals', ['DELETE . delay 1']))

    for name, lines in cases:
        rules()
        stem, files = image()
        s.ship(files)
        rules(*lines)
        r = s.unship(stem, stem + 'original.')
        ok(r and r['status'] == 'ok' and r['marked'] and not stored(stem)
           and r['files'] == 3, name + ': it is removed', (r, stored(stem)))

    rules()
    stem, files = image()
    s.ship(files)
    rules('DELETE . status 503')
    r = s.unship(stem, stem + 'original.', 1500)
    ok(r and r['status'] == 'away' and r['files'] == 0
       and len(stored(stem)) == 3, 'the mark cannot be removed: all is there',
       r)

    rules('DELETE 800 status 503')
    r = s.unship(stem, stem + 'original.', 1500)
    ok(r and r['status'] == 'ok' and r['marked'] == 1 and r['left'] == 1
       and r['files'] == 2 and len(stored(stem)) == 1,
       'another one cannot be removed: it is reported as left',
       (r, stored(stem)))

    rules('GET . status 403 AccessDenied')
    walk = s.scan(0xab)
    ok(walk and walk['code'] and '403, AccessDenied' in walk['error'],
       'a slice that cannot be listed is an error', walk)

    rules('GET . times=1 cut-answer 3000', 'GET . times=1 status 503')
    walk = s.scan(0xab)
    rules()
    again = s.scan(0xab)

    for one in (walk, again):
        one.pop('cpu')

    ok(walk == again and walk['files'] > 50 and not walk['error'],
       'a page that was damaged is not counted twice', (walk, again))
    s.close()


def certificate(name, *options):
    """A pair of files: a certificate, by default for two days, and its key."""

    path = '%s/%s' % (TMP.name, name)

    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                    '-subj', '/CN=' + name, '-keyout', path + '.key',
                    '-out', path + '.pem', *options],
                   check=True, capture_output=True)

    return path + '.pem', path + '.key'


def check_tls(port, target):
    """By a store with an authority of its own."""

    names = ('-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1')
    authority, key = certificate('authority')
    leaf = certificate('store', '-CA', authority, '-CAkey', key, *names)
    expired = certificate('expired', *names)

    subprocess.run(['openssl', 'x509', '-x509toreq', '-in', expired[0],
                    '-copy_extensions', 'copy', '-signkey', expired[1], '-out',
                    TMP.name + '/request'], check=True, capture_output=True)
    subprocess.run(['openssl', 'x509', '-req', '-in', TMP.name + '/request',
                    '-copy_extensions', 'copy', '-key', expired[1], '-days',
                    '-1', '-out', expired[0]], check=True, capture_output=True)

    with open(authority, encoding='ascii') as file:
        trusted = file.read()

    with open(expired[0], encoding='ascii') as file:
        both = 'both of them\n' + trusted + 'and\n' + file.read()

    def refused(name, detail, left=0, **more):
        s = shipper(port, **more)
        stem, files = image()
        begun = time.monotonic()
        is_refused(name, s.ship(files), 'denied', stem, left, detail)
        ok(time.monotonic() - begun < 15, name + ': it is not tried again')
        s.close()

    with flaky('tls', port, target, *leaf):
        for host in ('127.0.0.1', 'localhost'):
            endpoint = 'https://%s:%d' % (host, port)

            s = shipper(port, endpoint=endpoint, certificates=both)
            stem, files = image()
            is_stored('TLS, %s' % host, s.ship(files), files)
            s.close()

        refused('an authority that is not trusted', 'SSL certificate problem',
                endpoint=endpoint)
        refused('a certificate of another host',
                'no alternative certificate subject',
                endpoint='https://other.localhost:%d' % port,
                certificates=trusted)
        refused('a certificate that is none',
                'CA cert', endpoint=endpoint, certificates=CERTIFICATE)
    with flaky('tls', port, target, *expired):
        refused('a certificate that has expired', 'has expired',
                endpoint=endpoint, certificates=both)

    refused('TLS to a port of HTTP', 'does not answer by TLS',
            endpoint='https://localhost:%d' % target)

    # a server of TLS that answers HTTP with an alert

    class Alert(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(65536)
            self.request.sendall(b'\x15\3\1\0\2\2\x46')
            self.request.shutdown(socket.SHUT_WR)

            while self.request.recv(65536):
                pass

    with socketserver.ThreadingTCPServer(('127.0.0.1', 0), Alert) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        refused('HTTP to a port of TLS', 'it may expect TLS', left=1,
                endpoint='http://localhost:%d' % server.server_address[1])
        server.shutdown()


@contextlib.contextmanager
def flaky(name, *arguments):
    directory = '%s/%s' % (TMP.name, name)

    subprocess.run([LIB + '/flaky', 'start', directory, *map(str, arguments)],
                   check=True, stdout=subprocess.DEVNULL)

    try:
        yield
    finally:
        subprocess.run([LIB + '/flaky', 'stop', directory], check=True)


class Store(http.server.ThreadingHTTPServer):
    """A store that knows If-None-Match, in memory."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address=('127.0.0.1', 0)):
        super().__init__(address, Handler)
        self.lock = threading.Lock()
        self.objects = {}
        self.modified = {}
        self.marks = {}
        self.owners = {}
        self.headers = {}
        self.asked = []
        self.running = 0
        self.most = 0
        self.hook = None
        self.page = None
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format, *args):
        pass

    def answer(self, status, body=b'', headers=()):
        self.send_response(status)

        for name, value in headers:
            self.send_header(name, value)

        if status != 204 and self.command != 'HEAD':
            self.send_header('Content-Length', str(len(body)))

        self.end_headers()

        if self.command != 'HEAD':
            self.wfile.write(body)

        self.wfile.flush()

    def handle_one(self):
        store = self.server
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        path, _, query = self.path.partition('?')
        key = urllib.parse.unquote(path).removeprefix('/images/shop/')

        with store.lock:
            store.asked.append((self.command, self.path))
            store.running += 1
            store.most = max(store.most, store.running)

        try:
            if store.hook and store.hook(self, key, body):
                return

            getattr(self, 'on_' + self.command.lower())(key, body, query)
        finally:
            with store.lock:
                store.running -= 1

    do_GET = do_PUT = do_HEAD = do_DELETE = handle_one

    def on_put(self, key, body, query):
        store = self.server

        with store.lock:
            match = self.headers['If-Match']

            if self.headers['If-None-Match'] == '*' and key in store.objects:
                exists = True
            elif match and match != etag(store.objects.get(key)):
                exists = True
            else:
                exists = False
                store.objects[key] = body
                store.modified[key] = time.time()
                store.marks[key] = self.headers['x-amz-meta-caphealth']
                store.owners[key] = self.headers['x-amz-meta-caphealth-owner']
                store.headers[key] = self.headers

        if exists:
            self.answer(412, b'<Error><Code>PreconditionFailed</Code></Error>')
        else:
            self.answer(200, headers=[('ETag', etag(body))])

    def on_head(self, key, body, query):
        store = self.server

        if key not in store.objects:
            self.answer(404)
        else:
            self.answer(200, headers=[
                ('Content-Length', str(len(store.objects[key])))]
                + self.metadata(key))

    def metadata(self, key):
        store = self.server

        return [('ETag', etag(store.objects[key])),
                ('Last-Modified', email.utils.formatdate(
                    store.modified.get(key, time.time()), usegmt=True))] + [
            (name, text) for name, text in (
                ('x-amz-meta-caphealth', store.marks.get(key)),
                ('X-Amz-Meta-Caphealth-Owner', store.owners.get(key))) if text]

    def on_delete(self, key, body, query):
        with self.server.lock:
            self.server.objects.pop(key, None)

        self.answer(204)

    def on_get(self, key, body, query):
        query = dict(urllib.parse.parse_qsl(query))

        if 'list-type' not in query:
            found = self.server.objects.get(key)

            if found is None:
                self.answer(404, b'<Error><Code>NoSuchKey</Code></Error>')
            else:
                self.answer(200, found, self.metadata(key))

            return

        if self.server.page:
            self.answer(200, self.server.page(query))
            return

        with self.server.lock:
            keys = sorted('shop/' + key for key in self.server.objects)

        keys = [key for key in keys if key.startswith(query['prefix'])
                and key > query.get('continuation-token', '')]
        self.answer(200, listing(
            [(key, len(self.server.objects[key[5:]]),
              self.server.modified.get(key[5:], time.time()))
             for key in keys[:3]], keys[2] if len(keys) > 3 else None))


def etag(body):
    return '"%s"' % hashlib.md5(body).hexdigest() if body is not None else ''


def listing(objects, token=None):
    text = ['<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
            '><Name>images</Name><IsTruncated>%s</IsTruncated>'
            % ('true' if token else 'false')]

    for key, size, modified in objects:
        text.append('<Contents><Key>%s</Key><LastModified>%s.000Z'
                    '</LastModified><ETag>&quot;a&quot;</ETag><Size>%d</Size>'
                    '<StorageClass>STANDARD</StorageClass></Contents>'
                    % (key, time.strftime('%Y-%m-%dT%H:%M:%S',
                                          time.gmtime(modified)), size))

    if token:
        text.append('<NextContinuationToken>%s</NextContinuationToken>'
                    % token)

    return (''.join(text) + '</ListBucketResult>').encode()


def check_conditional():
    """A store that puts only where there is nothing."""

    store = Store()
    s = shipper(store.port)

    def image_in(stem):
        return {key for key in store.objects if key.startswith(stem)}

    stem, files = image()
    r = s.ship(files)
    ok(r and r['status'] == 'ok' and store.objects[files[0][0]] == files[0][1],
       'an image is put', r)

    headers = [store.headers[key] for key, _ in files]
    wrong = [str(h) for h in headers
             if h['Cache-Control'] != 'public, max-age=31536000, immutable'
             or not h['Content-Type'].startswith('image/')
             or 'SignedHeaders=cache-control;content-type;host;'
             not in h['Authorization']]
    tap.none(wrong, 'its files may be cached for ever, which is signed')

    before = dict(store.objects)
    other = [(key, b'other' + data) for key, data in files]
    r = s.ship(other)
    ok(r and r['status'] == 'exists' and r['left'] == 0
       and store.objects == before, 'an image whose id is taken: it is as it '
       'was', r)

    # it cannot be known whose it is

    for code, status, detail in ((403, 'denied', '403'),
                                 (404, 'away', 'was removed at the same')):
        store.hook = lambda handler, key, body: (
            handler.command == 'HEAD' and (handler.answer(code) or True))
        r = s.ship(other)
        ok(r and r['status'] == status and detail in r['detail']
           and store.objects == before, 'an image whose id is taken, and HEAD '
           'is answered with %d' % code, r)

    store.hook = None

    # a file becomes shorter after it was read for the signature

    stem, files = image()
    fd = memory(files[1][1])
    same = [os.dup(fd)]

    def shorter(handler, key, body):
        if handler.command == 'PUT' and '800' in key and same:
            os.ftruncate(same[0], 0)
            os.close(same.pop())
            handler.answer(503)
            return True

        return False

    store.hook = shorter
    before = dict(s.requests)
    r = s.ship([files[0], (files[1][0], fd, len(files[1][1])), files[2]])
    store.hook = None
    ok(r and r['status'] == 'read' and counted(s, before).get('read') == 1,
       'a request whose file cannot be read is counted',
       (r, counted(s, before)))

    # only its mark is there

    stem, files = image()
    store.objects[files[0][0]] = b'mark'
    r = s.ship(files)
    ok(r and r['status'] == 'exists' and image_in(stem) == {files[0][0]},
       'a mark that is there stays, and what was put beside it goes',
       (r, image_in(stem)))

    # answers that are lost, of what was done and of what was not

    for name, which, done in (('of the mark', 'original', 1),
                              ('of another', '800', 1),
                              ('of the mark, not done', 'original', 0)):
        lost = [1]

        def lose(handler, key, body):
            if handler.command == 'PUT' and which in key and lost:
                lost.pop()

                if done:
                    store.objects[key] = body
                    store.marks[key] = handler.headers['x-amz-meta-caphealth']

                handler.close_connection = True
                handler.connection.shutdown(socket.SHUT_RDWR)
                return True

            return False

        store.hook = lose
        stem, files = image()
        r = s.ship(files)
        ok(r and r['status'] == 'ok' and len(image_in(stem)) == 3,
           'an answer is lost, %s: it is put' % name, r)

    # the same, but what is there then is another's

    def another(handler, key, body):
        if handler.command == 'PUT' and 'original' in key:
            store.objects[key] = body
            store.marks[key] = 'another'
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            store.hook = None
            return True

        return False

    store.hook = another
    stem, files = image()
    r = s.ship(files)
    ok(r and r['status'] == 'exists' and image_in(stem) == {files[0][0]},
       'an answer is lost, and another one came first', (r, image_in(stem)))

    # it fails for ever after it was done

    def done_and_500(handler, key, body):
        if handler.command == 'PUT' and '800' in key:
            store.objects[key] = body
            store.marks[key] = handler.headers['x-amz-meta-caphealth']
            handler.answer(500)
            return True

        return False

    store.hook = done_and_500
    stem, files = image()
    r = s.ship(files, 1500)
    store.hook = None
    ok(r and r['status'] == 'away' and not image_in(stem),
       'it was done, and 500: nothing is left', (r, image_in(stem)))

    stem, files = image()
    s.ship(files)
    r = s.unship(stem, stem + 'original.')
    deleted = [path for method, path in store.asked if method == 'DELETE'
               and stem in path]
    ok(r and r['status'] == 'ok' and r['files'] == 3
       and 'original' in deleted[0], 'a removal begins with the mark',
       (r, deleted))

    # more files than a page has

    stem, files = image()
    s.ship(files)

    for n in range(20):
        store.objects[stem + 'v%d.webp' % n] = b'12345'

    r = s.unship(stem, stem + 'original.')
    ok(r and r['files'] == 23 and not image_in(stem), 'a removal of several '
       'pages', r)
    s.close()

    # connections

    s = shipper(store.port, connections=3)
    store.most = 0
    store.hook = lambda *_: time.sleep(0.05)
    serials = [s.ask_ship(image()[1]) for _ in range(100)]
    results = [s.result(serial) for serial in serials]
    tap.none([r for r in results if not r or r['status'] != 'ok'],
             '100 images at once')
    ok(store.most == 3, 'by as many connections as are set', store.most)
    s.close()

    # a store that takes four requests at once, and refuses any more

    refused = []

    def busy(handler, key, body):
        if store.running > 4:
            refused.append(key)
            handler.answer(503, b'<Error><Code>SlowDown</Code></Error>')
            return True

        time.sleep(0.01)

        return False

    s = shipper(store.port, connections=32)
    store.hook = busy
    several = [image() for _ in range(60)]
    serials = [s.ask_ship(files, 60000) for _, files in several]
    results = [s.result(serial, 90) for serial in serials]
    tap.none([r for r in results if not r or r['status'] != 'ok'],
             'a store that is too busy for so many requests at once: all is '
             'put')
    ok(0 < len(refused) < 180, 'by fewer requests at once', len(refused))
    s.close()
    store.shutdown()


def check_claims_by_condition():
    """A store that knows If-None-Match, with If-Match and without it."""

    store = Store()
    s = shipper(store.port)

    def stored_in(stem):
        return {key: len(data) for key, data in store.objects.items()
                if key.startswith(stem)}

    def put(key, data):
        store.objects[key] = data
        store.modified[key] = time.time()
        store.marks[key] = None

    def copy(key):
        data, mark = store.objects[key], store.marks[key]

        def again():
            put(key, data)
            store.marks[key] = mark

        return again

    check_claims('with conditions', s, stored_in, put, store.objects.get, copy)

    def unmatched(handler, key, body):
        if handler.headers['If-Match']:
            handler.answer(501, b'<Error><Code>NotImplemented</Code></Error>')
            return True

        return False

    store.hook = unmatched
    check_claims('without If-Match', s, stored_in, put, store.objects.get,
                 copy)

    # as Ceph, which answers 412, to tags with quotes or to all

    for kind, known in (('If-Match without quotes', True),
                        ('If-Match that is never true', False)):
        matched = []

        def unquoted(handler, key, body):
            tag = handler.headers['If-Match']

            if tag and known and tag.strip('"') == tag:
                handler.headers.replace_header('If-Match', '"%s"' % tag)
                matched.append(key)

            elif tag:
                handler.answer(412,
                               b'<Error><Code>PreconditionFailed</Code></Error>')
                return True

            return False

        store.hook = unquoted
        check_claims(kind, s, stored_in, put, store.objects.get, copy)
        ok(bool(matched) == known, kind, matched)

    # another request takes it between the look and the record

    stem, files = image()
    text, claim = record(stem)

    def taken(handler, key, body):
        if handler.command == 'PUT':
            put(key, b'other')

        return False

    store.hook = taken
    r = s.claim('take', claim, text)
    ok(r and r['status'] == 'busy' and store.objects[claim[0]] == b'other',
       'of two that find it free one takes it', r)

    # the answer to the record is lost

    store.objects.clear()
    lost = [1]

    def lose(handler, key, body):
        if handler.command == 'PUT' and lost:
            lost.pop()
            put(key, body)
            store.marks[key] = handler.headers['x-amz-meta-caphealth']
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return True

        return False

    store.hook = lose
    r = s.claim('take', claim, text)
    ok(r and r['status'] == 'ok', 'the answer to the record is lost: it is '
       'taken', r)

    # a deletion, or one that is faster, comes between the files and the mark

    def removed(handler, key, body):
        if handler.command == 'HEAD' and key == claim[0]:
            put(key, b'{}')

        return False

    store.hook = removed
    r = s.ship(files, claim=claim)
    ok(r and r['status'] == 'busy' and files[0][0] not in store.objects
       and files[1][0] in store.objects, 'an id that is lost before the mark '
       'is put', (r, stored_in(stem)))
    store.hook = None

    # its worker goes in the middle

    store.objects.clear()
    s.claim('take', claim, text)
    at = threading.Event()

    def hold(handler, key, body):
        if handler.command == 'PUT' and key == files[1][0]:
            at.set()
            time.sleep(0.2)

        return False

    store.hook = hold
    s.ask_ship(files, claim=claim)
    at.wait(20)
    ok(s.close() == 0 and not store.objects, 'its worker goes: nothing is '
       'left, nor the record', stored_in(stem))

    # of two deletions, and one whose record cannot be removed

    s = shipper(store.port)
    store.hook = None
    s.claim('take', claim, text)
    s.ship(files, claim=claim)

    def refuse(handler, key, body):
        if handler.command == 'DELETE' and key == claim[0]:
            handler.answer(403, b'<Error><Code>AccessDenied</Code></Error>')
            return True

        return False

    store.hook = refuse
    r = s.unship(stem, stem + 'original.')
    ok(r and r['status'] == 'ok' and r['files'] == 3 and r['left'] == 1
       and list(store.objects) == [claim[0]], 'a record that cannot be '
       'removed is said to be left', (r, stored_in(stem)))

    def overtaken(handler, key, body):
        if handler.command == 'DELETE' and key == files[1][0]:
            put(claim[0], b'{}')

        return False

    store.hook = None
    store.objects.clear()
    s.claim('take', claim, text)
    s.ship(files, claim=claim)
    store.hook = overtaken
    r = s.unship(stem, stem + 'original.')
    ok(r and r['status'] == 'ok' and list(store.objects) == [claim[0]],
       'the record of another deletion stays', (r, stored_in(stem)))

    # a store that is full takes no record, so an image that is stored is removed
    # without one, its mark behind the others; "full" is no answer to a removal,
    # after which the worker would end the shipper

    def full(handler, key, body):
        if handler.command == 'PUT':
            handler.answer(507)
            return True

        return False

    store.hook = None
    store.objects.clear()
    s.claim('take', claim, text)
    s.ship(files, claim=claim)
    store.hook = full

    r = s.unship(stem, stem + 'original.', claim=claim, withdraw=1)
    ok(r and r['status'] == 'failed' and r['http'] == 507
       and len(stored_in(stem)) == 4, 'the store is full: a withdrawal fails',
       (r, stored_in(stem)))

    for name, key, value, mark in (
            ('another upload has the id', claim[0], text, '1' * 32),
            ('the upload was withdrawn', claim[0], b'{}', claim[1]),
            ('it has no mark', files[0][0], None, None)):
        was = dict(store.objects), dict(store.marks)

        if value is None:
            del store.objects[key]
        else:
            store.objects[key], store.marks[key] = value, mark

        store.modified[claim[0]] = 1e9
        count = len(stored_in(stem))
        r = s.unship(stem, stem + 'original.')
        ok(r and r['status'] == 'failed' and r['http'] == 507
           and len(stored_in(stem)) == count, 'the store is full, and ' + name,
           (r, stored_in(stem)))
        store.objects, store.marks = was

    def refused(handler, key, body):
        if handler.command == 'DELETE' and key == files[1][0]:
            handler.answer(403, b'<Error><Code>AccessDenied</Code></Error>')
            return True

        return full(handler, key, body)

    store.hook = refused
    r = s.unship(stem, stem + 'original.')
    ok(r and r['status'] == 'denied' and set(stored_in(stem))
       == {files[0][0], files[1][0], claim[0]},
       'the store is full, and a variant cannot be removed', (r,
                                                              stored_in(stem)))

    def taken_last(handler, key, body):
        if handler.command == 'DELETE' and key == files[0][0]:
            put(claim[0], b'other')
            store.marks[claim[0]] = '1' * 32

        return full(handler, key, body)

    store.hook = taken_last
    r = s.unship(stem, stem + 'original.')
    ok(r and r['status'] == 'ok' and r['marked'] == 1
       and list(store.objects) == [claim[0]],
       'the store is full, and another upload takes the id: its record stays',
       (r, stored_in(stem)))

    for mark in (claim[1], None):
        store.hook = None
        store.objects.clear()
        s.claim('take', claim, text)
        s.ship(files, claim=claim)
        store.marks[claim[0]] = mark
        store.hook = full
        r = s.unship(stem, stem + 'original.')
        ok(r and r['status'] == 'ok' and r['files'] == 3 and r['left'] == 0
           and not store.objects, 'the store is full: a removal works',
           (r, stored_in(stem)))

    store.hook = None
    s.claim('take', claim, text)
    s.ship(files, claim=claim)

    # more withdrawals than it may have descriptors

    store.hook = None
    resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE, (40, 40))
    failed = []

    for _ in range(40):
        r = s.unship(stem, stem + 'original.', claim=claim, withdraw=1)
        s.claim('release', claim)
        s.claim('take', claim, text)
        s.ship(files, claim=claim)
        failed += [] if r and r['status'] == 'ok' else [r]

    tap.none(failed, 'many uploads are withdrawn')
    s.close()
    store.shutdown()


def check_claims_in_swift(port):
    """Which knows no conditions."""

    def copy(key):
        account.copy('images', 'shop/' + key, 'aside')

        return lambda: account.copy('images', 'aside', 'shop/' + key)

    rules()
    s = shipper(port)
    check_claims('Swift', s, stored,
                 lambda key, data: account.put('images', 'shop/' + key, data),
                 lambda key: account.get('images', 'shop/' + key), copy)
    account.delete('images', 'aside')
    check_owners('Swift', s, stored)
    s.close()


def check_leftovers():
    store = Store()
    s = shipper(store.port)
    old = time.time() - 3700

    def add(leaf, names, modified):
        stem, _ = image(leaf=leaf)

        for name in names:
            store.objects[stem + name] = b'12345'
            store.modified[stem + name] = modified

        return stem

    stays = [add('cd00', ['original.webp', '800.webp'], old),
             add('cd00', ['800.webp', '200.jpg'], old + 3600),
             add('cd00', ['800.webp', 'unknown.webp'], old),
             add('cd01', ['800.webp'], old),
             add('cd03', ['original.webp', '0' * 32 + '.answer'], old),
             add('cd03', ['1' * 32 + '.answer'], old + 3600),
             add('cd03', ['200.webp'], old)]
    goes = [add('cd01', ['800.webp', '200.avif'], old),
            add('cd02', ['200.webp'], old),
            add('cd03', ['800.webp', '2' * 32 + '.answer'], old),
            add('cd03', ['3' * 32 + '.answer'], old)]
    store.objects[stays[3] + '200.webp'] = b'young'
    store.objects[stays[6] + '4' * 32 + '.answer'] = b'young'

    walk = s.scan(0xcd)
    ok(walk and walk['removed'] == 4 and walk['removed_bytes'] == 20
       and walk['files'] == 10 and walk['bytes'] == 50
       and walk['complete'] == 2 and walk['incomplete'] == 4
       and not walk['error'], 'leftovers are removed, and counted', walk)
    ok(all(any(key.startswith(stem) for key in store.objects)
           for stem in stays)
       and not any(key.startswith(stem) for key in store.objects
                   for stem in goes), 'and only these', sorted(store.objects))

    # its mark is put between the two listings

    stem = add('ce00', ['800.webp'], old)
    seen = []

    def marked(handler, key, body):
        if handler.command == 'GET':
            seen.append(handler.path)

            if len(seen) == 2:
                store.objects[stem + 'original.webp'] = b'mark'

        return False

    store.hook = marked
    walk = s.scan(0xce)
    ok(walk and walk['removed'] == 0 and len(seen) == 2
       and stem + '800.webp' in store.objects,
       'one whose mark comes just then stays', (walk, seen))

    # it cannot be removed

    store.hook = lambda handler, key, body: (
        handler.command == 'DELETE' and (handler.answer(403) or True))
    stem = add('cf00', ['800.webp'], old)
    walk = s.scan(0xcf)
    ok(walk and walk['removed'] == 0 and 'a leftover, cannot be removed'
       in walk['error'] and stem[:-1] in walk['error'],
       'one that cannot be removed is an error', walk)
    s.close()

    # since the marks are other ones, the old ones may be meant

    store.hook = None
    s = shipper(store.port, since=time.time() - 7200)
    stem = add('cf01', ['800.webp'], old)
    walk = s.scan(0xcf)
    ok(walk and walk['removed'] == 0 and walk['incomplete'] == 2,
       'one from before the marks were these stays', walk)
    s.close()
    store.shutdown()


def check_strange_listings():
    store = Store()
    s = shipper(store.port, timeout=2)
    key = 'shop/ab/cd/abcd%028x_%s'

    def scan_of(*pages):
        """A page a request; the last one again and again."""

        left = list(pages)
        store.page = lambda query: left.pop(0) if len(left) > 1 else left[0]

        return s.scan(0xab)

    def contents(*objects, token=None):
        return listing([(name, 10, time.time()) for name in objects], token)

    walk = scan_of(contents(key % (1, '800.webp'), token='x'))
    ok(walk and walk['error'], 'a listing without an end', walk)

    # the page that each token asks for; "" is the first one

    for cycle in ({'': 'a', 'a': 'b', 'b': 'a'},
                  {'': 'a', 'a': 'b', 'b': 'c', 'c': 'd', 'd': 'b'}):
        for of in (0xab, 256):
            def page(query):
                if of == 256 and 'delimiter' not in query:
                    return contents()

                return contents(token=cycle[
                    query.get('continuation-token', '')]).replace(
                        b'</ListBucketResult>',
                        b'<CommonPrefixes><Prefix>shop/other/</Prefix>'
                        b'</CommonPrefixes></ListBucketResult>')

            store.page = page
            walk = s.scan(of)
            ok(walk and walk['error'], 'tokens that recur', (walk, cycle, of))

    walk = scan_of(contents(key % (2, 'original.webp')
                            , key % (1, 'original.webp')))
    ok(walk and 'does not list keys in their order' in walk['error'],
       'keys that are in no order', walk)

    walk = scan_of(contents('shop/ac/cd/x', 'elsewhere', 'shop/ab'))
    ok(walk and walk['files'] == walk['strays'] == 0 and not walk['error'],
       'keys that were not asked for', walk)

    for name, page in (
            ('no size', contents('shop/ab/x').replace(b'<Size>10</Size>',
                                                      b'')),
            ('a size that is none', contents('shop/ab/x')
             .replace(b'10</Size>', b'-1</Size>')),
            ('a size that is too large', contents('shop/ab/x')
             .replace(b'10</Size>', b'9' * 30 + b'</Size>')),
            ('a key that is too long', contents('shop/ab/' + 'x' * 1100)),
            ('no key', contents('shop/ab/x').replace(b'shop/ab/x', b'')),
            ('more without a token', contents('x').replace(b'false',
                                                           b'true')),
            ('more bytes than any has', contents('shop/ab/x').replace(
                b'<IsTruncated>', b' ' * (16 << 20) + b'<IsTruncated>')),
            ('nothing at all', b''),
            ('no word of more', contents('x').replace(b'IsTruncated',
                                                      b'Other'))):
        walk = scan_of(page)
        ok(walk and walk['error'], 'a listing with %s' % name, walk)

    # what no store has, which would overflow when it is added up

    sizes = [2 ** 48] * 1000
    walk = scan_of(listing([(key % (n, 'original.webp'), size, 1e9)
                            for n, size in enumerate(sizes)]))
    ok(walk and walk['bytes'] == 2 ** 47 - 1 and walk['files'] == 1000
       and not walk['error'], 'sizes that are too large together', walk)

    # encoded, as AWS says before the objects, and MinIO behind them

    encoded = b'<EncodingType>url</EncodingType>'

    def say(page, where):
        return page.replace(where, encoded + where, 1)

    for name, where in (('said before them', b'<IsTruncated>'),
                        ('said behind them', b'</ListBucketResult>')):
        walk = scan_of(say(contents(
            'shop%2Fab%2Fcd%2Fabcd' + '0' * 28 + '_original.webp',
            'shop/ab/%E1%88%B4%20+'), where))
        ok(walk and walk['files'] == walk['complete'] == 1
           and walk['strays'] == 1, 'keys that are encoded, which is ' + name,
           walk)

    # beside the slices, the prefix "shop/a b+%20/", below which is a key: as
    # AWS encodes it, as others do, and as it is

    for sent, where in ((b'shop/a+b%2B%2520/', b'<IsTruncated>'),
                        (b'shop/a%20b%2B%2520/', b'</ListBucketResult>'),
                        (b'shop/a b+%20/', None)):
        def page(query):
            if 'delimiter' in query:
                text = contents().replace(
                    b'</ListBucketResult>', b'<CommonPrefixes><Prefix>' + sent
                    + b'</Prefix></CommonPrefixes></ListBucketResult>')
            else:
                text = contents(*[sent.decode() + 'x']
                                * (query['prefix'] == 'shop/a b+%20/'))

            return say(text, where) if where else text

        store.page = page
        walk = s.scan(256)
        ok(walk and walk['strays'] == 1 and not walk['error'],
           'a prefix that is sent as "%s"' % sent.decode(), walk)

    # as others write XML

    page = contents(key % (1, 'original.webp'), key % (1, '800.webp'))
    page = page.replace(b'>10<', b'>4294967297<', 1)

    for name, text in (
            ('a prefix of the namespace', re.sub(
                rb'<(/?)(\w)', rb'<\1s3:\2', page).replace(b'xmlns=',
                                                          b'xmlns:s3=')),
            ('no namespace', re.sub(rb' xmlns="[^"]*"', b'', page)),
            ('spaces and lines between', page.replace(b'>', b'>\n\t ')
             .replace(b'<Key>\n\t ', b'<Key>')),
            ('CDATA and a comment', page.replace(b'<Key>', b'<Key><![CDATA[')
             .replace(b'</Key>', b']]></Key><!-- ]]> -->')),
            ('references to characters', page.replace(b'_original',
                                                      b'&#95;&#x6f;riginal')),
            ('elements that are not known', page.replace(
                b'<Size>', b'<Owner><ID>1</ID><Key>x</Key><Size>y</Size>'
                b'</Owner><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>'
                b'<Size>')),
            ('a time without a fraction', page.replace(b'.000Z', b'Z')),
            ('no time and no tag', re.sub(
                rb'<LastModified>.*?</ETag>', b'', page))):
        walk = scan_of(text)
        ok(walk and walk['complete'] == 1 and walk['files'] == 2
           and walk['bytes'] == 4294967307 and not walk['strays']
           and not walk['error'], 'a listing with %s' % name,
           (walk, text.decode()))

    walk = scan_of(contents(key % (1, 'original.webp'), key % (1, '800.webp'),
                            token='a'),
                   contents(key % (1, '900.webp'), key % (2, '800.webp'),
                            token='b'),
                   contents(key % (2, 'original.webp')))
    ok(walk and walk['complete'] == 2 and walk['files'] == 5
       and walk['incomplete'] == 0, 'images whose keys are on two pages',
       walk)

    ok(s.scan(0xab) is not None, 'it works still')
    s.close()
    store.shutdown()


def check_a_million():
    """Memory does not grow with the number of keys."""

    store = Store()
    s = shipper(store.port)
    pages = 1000

    def page(query):
        n = int(query.get('continuation-token', '0'))
        objects = []

        for i in range(n * 250, n * 250 + 250):
            stem = 'shop/ab/%02x/ab%02x%028x_' % (i // 1000, i // 1000, i)
            objects += [(stem + name, 1000, 1e9) for name in
                        ('200.webp', '800.webp', 'original.webp', 'x.webp')]

        return listing(objects, str(n + 1) if n + 1 < pages else None)

    store.page = page
    walk = s.scan(0xab, 600)

    with open('/proc/%d/status' % s.process.pid, encoding='ascii') as file:
        status = file.read()

    peak = int(re.search(r'VmHWM:\s+(\d+)', status).group(1)) / 1024

    ok(walk and walk['files'] == 1000 * pages and walk['complete']
       == 250 * pages and walk['bytes'] == 10 ** 6 * pages
       and not walk['error'], 'a slice of 1,000,000 keys', walk)
    ok(peak < 64, 'in less than 64 MB', '%.1f MB' % peak)
    ok(s.pages == pages, 'each page is told', s.pages)
    print('# %.1f MB, %.2f s of a CPU' % (peak, walk['cpu'] / 1e6))
    s.close()
    store.shutdown()


def check_protocol():
    """An invalid message ends it; invalid settings are logged."""

    store = Store()
    stem, files = image()

    def exits(name, send):
        s = shipper(store.port)
        send(s)
        ok(s.receive(20) is None and s.process.wait(20) == 1, name)
        s.socket.close()

    exits('an unknown message', lambda s: s.send('COLLECT'))
    exits('another version', lambda s: s.send('SCAN', version=1))
    exits('a slice that there is not', lambda s: s.send('SCAN', 257 << 16))
    exits('a body that is too short', lambda s: s.send('SHIP', body=b'x'))
    exits('a key of another kind',
          lambda s: s.ask_ship([('../x.webp', b'x')]))
    exits('too few descriptors',
          lambda s: s.send('SHIP', body=struct.pack(
              '=II136s96sQII', 1, 1000, b'', files[0][0].encode(), 5, 0, 0)
              + bytes(112 * 7)))
    exits('a prefix of another kind', lambda s: s.ask_unship('ab', 'ab'))
    exits('a record of another kind',
          lambda s: s.ask_claim('look', (stem + 'x.answer', '0' * 32)))
    exits('a claim without a record',
          lambda s: s.ask_claim('take', record(stem)[1]))

    good = settings(store.port)
    bad = [b'', b'{', b'[]', b'{}']
    bad += [json.dumps({**good, name: value}).encode()
            for name, value in (('endpoint', 'ftp://a'), ('endpoint', 5),
                                ('bucket', 'A'), ('bucket', 'a/../b'),
                                ('prefix', '../x'), ('region', ''),
                                ('style', 'other'), ('style', 'virtual'),
                                ('key_id', ''), ('secret', 'with space'),
                                ('secret', None), ('connections', 0),
                                ('connections', 257), ('timeout', 0),
                                ('timeout', 'x'), ('marks', [5]),
                                ('certificates', '/etc/ssl/cert.pem'),
                                ('certificates', CERTIFICATE[:-20]),
                                ('certificates', CERTIFICATE.replace('M', '?')))]

    for text in bad:
        errors = TMP.name + '/bad'

        with open(errors, 'wb') as stderr:
            if text == b'':
                text = b' '

            s = Shipper(PROGRAM, text, stderr=stderr)
            code = s.process.wait(20)

        with open(errors, encoding='utf-8') as file:
            said = file.read()

        ok(s.ready is None and code == 1
           and 'its settings cannot be used: ' in said and SECRET not in said,
           'settings that cannot be used: %s' % text.decode()[-40:], said)
        s.socket.close()

    # what others can see of it

    s = shipper(store.port, secret='AveryPrivateSecret')
    seen = b''

    for name in ('cmdline', 'environ', 'limits'):
        try:
            with open('/proc/%d/%s' % (s.process.pid, name), 'rb') as file:
                seen += file.read()
        except OSError:
            pass

    ok(b'AveryPrivateSecret' not in seen and re.search(
        rb'Max core file size\s+0\s+0', seen), 'no secret in its arguments, '
       'and no core file', seen)

    tasks = glob.glob('/proc/%d/task/*' % s.process.pid)
    ok(len(tasks) == 1, 'it has one thread', tasks)
    s.close()
    store.shutdown()

    with open(TMP.name + '/stderr', encoding='utf-8') as file:
        said = file.read()

    ok(SECRET not in said.replace('tester', ''), 'no secret in the log', said)


def check_address():
    """The store's name gets another address, and the old one is away."""

    hosts = TMP.name + '/hosts'
    name = 'store.example'
    script = TMP.name + '/in-namespace'
    unshare = next((words for words in (['unshare', '-m'], ['unshare', '-rm'])
                    if subprocess.run(words + ['true'], check=False,
                                      capture_output=True).returncode == 0),
                   None)

    if unshare is None:
        tap.skip('another address', 'no mount namespace can be made')
        return

    def write(address):
        with open(hosts, 'w', encoding='ascii') as file:
            file.write('%s %s\n' % (address, name))

    with open(script, 'w', encoding='ascii') as file:
        file.write('#!/bin/sh\nexec %s sh -c \'mount --bind "$1" /etc/hosts && '
                   'exec "$2"\' sh %s %s\n'
                   % (' '.join(unshare), hosts, PROGRAM))

    os.chmod(script, 0o755)
    write('127.0.0.2')

    old = Store(('127.0.0.2', 0))
    new = Store(('127.0.0.3', old.port))
    s = Shipper(script, settings(old.port, endpoint='http://%s:%d'
                                 % (name, old.port)))
    stem, files = image()
    r = s.ship(files)
    ok(r and r['status'] == 'ok' and len(old.objects) == 3,
       'an image is put at the first address', r)

    def closed(handler, key, body):
        handler.close_connection = True
        return True

    write('127.0.0.3')
    old.hook = closed
    old.shutdown()
    old.server_close()

    stem, files = image()
    r = s.ship(files, 20000)
    ok(r and r['status'] == 'ok' and len(new.objects) == 3,
       'then at the second one', r)
    s.close()


def check_away(port):
    s = shipper(port)
    stem, files = image()
    begun = time.monotonic()
    r = s.ship(files, 1500)
    took = time.monotonic() - begun
    ok(r and r['status'] == 'away' and r['left'] == 0 and r['http'] == 0
       and took < 3, 'nobody listens', (r, took))
    r = s.unship(stem, stem + 'original.', 500)
    ok(r and r['status'] == 'away', 'of a removal', r)
    s.close()

    s = shipper(port, endpoint='http://nobody.invalid')
    r = s.ship(files, 1000)
    ok(r and r['status'] == 'away' and r['left'] == 0,
       'a name that is none', r)
    s.close()


def main():
    global account

    check_conditional()
    check_claims_by_condition()
    check_owners_of_parts()
    check_leftovers()
    check_strange_listings()
    check_address()
    check_protocol()
    check_a_million()

    port = ports.free(8)
    check_away(port)
    started = subprocess.run([LIB + '/swift', 'start', SWIFT, str(port)],
                             capture_output=True, text=True, check=False)

    if started.returncode == 77:
        tap.skip('against Swift', started.stderr.strip())
        tap.done()

    ok(started.returncode == 0, 'Swift runs', started.stderr)

    if started.returncode:
        tap.done()

    try:
        subprocess.run([LIB + '/flaky', 'start', FLAKY, str(port + 5),
                        str(port)], check=True, stdout=subprocess.DEVNULL)
        account = swift.Account(SWIFT)
        account.bucket('images')
        account.bucket('small', '20000')

        check_swift(port)
        check_claims_in_swift(port + 5)
        check_virtual_host(port)
        check_refused(port)
        check_count(port)
        check_flaky(port + 5)
        check_flaky_removal(port + 5)
        check_tls(port + 6, port)
    finally:
        subprocess.run([LIB + '/flaky', 'stop', FLAKY], check=False)
        subprocess.run([LIB + '/swift', 'stop', SWIFT], check=False)

    tap.done()


if __name__ == '__main__':
    main()
