"""A shipper as a worker sees it: caphealth_ship.h, over a socket."""

import json
import os
import re
import select
import socket
import struct
import subprocess

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
MESSAGE = struct.Struct('=HHIQ')
FILE = struct.Struct('=96sQII')
RESULT = struct.Struct('=IIIIQIIII160s')
REQUESTS = struct.Struct('=12Q')
ERROR = struct.Struct('=I512s')
WALK = struct.Struct('=10qQ16i256i')
FORMATS = ('webp', 'jpeg', 'avif')
EXTENSIONS = ('webp', 'jpg', 'avif')
STATUSES = ('ok', 'exists', 'not found', 'away', 'full', 'denied', 'read',
            'failed', 'busy')
CLAIMS = ('look', 'take', 'release')


def numbers():
    """The version, and the numbers of the messages."""

    with open(TOP + '/src/ipc/caphealth_ipc.h', encoding='utf-8') as file:
        text = file.read()

    names = re.search(r'typedef enum \{\s+CAPHEALTH_IPC_HELLO = 1,(.*?)\}',
                      text, re.S).group(1)
    names = re.sub(r'/\*.*?\*/', '', names, flags=re.S)
    names = ['HELLO'] + re.findall(r'CAPHEALTH_IPC_(\w+)', names)

    return (int(re.search(r'IPC_VERSION\s+(\d+)', text).group(1)),
            {name: i for i, name in enumerate(names, 1)})


VERSION, TYPE = numbers()


def sealed(data):
    fd = os.memfd_create('settings', os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    # F_ADD_SEALS: SEAL, SHRINK, GROW, WRITE
    import fcntl
    fcntl.fcntl(fd, 1033, 15)

    return fd


def memory(data):
    """A descriptor of a file that has no name."""

    fd = os.memfd_create('file', os.MFD_CLOEXEC)

    with os.fdopen(os.dup(fd), 'wb') as file:
        file.write(data)

    return fd


class Shipper:
    def __init__(self, program, settings, stderr=None, env=None):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX,
                                                socket.SOCK_SEQPACKET)
        self.serial = 0
        self.answers = {}
        self.requests = dict.fromkeys(STATUSES + ('damaged', 'retries',
                                                  'sent'), 0)
        self.pages = 0

        def descriptor():
            os.dup2(theirs.fileno(), 3)

        self.process = subprocess.Popen(
            [program], stdin=subprocess.DEVNULL, stderr=stderr, env=env,
            pass_fds=(3,), preexec_fn=descriptor)
        theirs.close()

        self.hello = self.receive(10)
        self.send('CONFIGURE', fds=[sealed(json.dumps(settings).encode()
                                           if not isinstance(settings, bytes)
                                           else settings)])
        self.ready = self.receive(20)

    def send(self, name, value=0, body=b'', fds=(), version=VERSION):
        """Returns the serial.  The descriptors are closed."""

        self.serial += 1
        message = MESSAGE.pack(version, TYPE[name], value, self.serial)
        socket.send_fds(self.socket, [message + body], list(fds))

        for fd in fds:
            os.close(fd)

        return self.serial

    def receive(self, seconds=60):
        """Name, value, serial, body, and what came beside that; None if it is
        gone, or says nothing."""

        if not select.select([self.socket], [], [], seconds)[0]:
            return None

        try:
            data, fds, _, _ = socket.recv_fds(self.socket, 65536, 8)
        except ConnectionResetError:
            return None

        if not data:
            return None

        _, number, value, serial = MESSAGE.unpack_from(data)
        body = data[MESSAGE.size:]
        beside = b''

        for fd in fds:
            with os.fdopen(fd, 'rb') as file:
                file.seek(0)
                beside = file.read()

        name = next(n for n, i in TYPE.items() if i == number)

        return name, value, serial, body or beside, beside

    def wait(self, serial, seconds=60):
        while serial not in self.answers:
            answer = self.receive(seconds)

            if answer is None:
                return None

            if answer[0] == 'REQUESTS':
                for name, n in zip(self.requests, REQUESTS.unpack(answer[3])):
                    self.requests[name] += n
                continue

            if answer[0] == 'SCANNING':
                self.pages += 1
                continue

            self.answers[answer[2]] = answer

        return self.answers.pop(serial)

    def ask_ship(self, files, timeout=20000, claim=('', ''), owner=''):
        """files: (key, bytes), the mark first; or a descriptor in place of
        bytes, with a length.  claim: the record, and its token."""

        fds, body = [], struct.pack('=II96s40s88s', len(files), timeout,
                                    *(text.encode() for text in claim),
                                    owner.encode())

        for key, data, *size in files:
            ext = key.rpartition('.')[2]
            body += FILE.pack(key.encode(), size[0] if size else len(data),
                              EXTENSIONS.index(ext), 0)
            fds.append(data if isinstance(data, int) else memory(data))

        body += bytes(FILE.size * (8 - len(files)))

        return self.send('SHIP', body=body, fds=fds)

    def ask_unship(self, prefix, mark, timeout=20000, claim=('', ''),
                   lease=3600000, withdraw=0, owner=''):
        return self.send('UNSHIP', body=struct.pack(
            '=96s96s96s40s88sIIII', prefix.encode(), mark.encode(),
            *(text.encode() for text in claim), owner.encode(), timeout, lease,
            withdraw, 0))

    def ask_claim(self, action, claim, data=b'', timeout=20000, lease=3600000):
        return self.send('CLAIM', body=struct.pack(
            '=96s40sQIIII', *(text.encode() for text in claim), len(data),
            CLAIMS.index(action), timeout, lease, 0),
            fds=[memory(data)] if action == 'take' else [])

    def result(self, serial, seconds=60):
        answer = self.wait(serial, seconds)

        if answer is None or answer[0] != 'SHIPPED':
            return None

        (status, error, http, files, size, marked, left, after, _,
         detail) = RESULT.unpack(answer[3])

        return {'status': STATUSES[status], 'error': error, 'http': http,
                'files': files, 'bytes': size, 'marked': marked, 'left': left,
                'retry_after': after, 'text': answer[4],
                'detail': detail.partition(b'\0')[0].decode()}

    def ship(self, files, timeout=20000, claim=('', ''), owner=''):
        return self.result(self.ask_ship(files, timeout, claim, owner),
                           timeout / 1000 + 10)

    def unship(self, prefix, mark, timeout=20000, **more):
        return self.result(self.ask_unship(prefix, mark, timeout, **more),
                           timeout / 1000 + 10)

    def claim(self, action, claim, data=b'', timeout=20000, **more):
        return self.result(self.ask_claim(action, claim, data, timeout, **more),
                           timeout / 1000 + 10)

    def scan(self, piece, seconds=120):
        """The counts of a slice."""

        answer = self.wait(self.send('SCAN', piece << 16), seconds)

        if answer is None or answer[0] != 'SCANNED':
            return None

        numbers = WALK.unpack_from(answer[3])
        code, text = ERROR.unpack_from(answer[3], WALK.size)
        names = ('files', 'bytes', 'complete', 'incomplete', 'strays',
                 'stray_bytes', 'foreign', 'removed', 'removed_bytes', 'cpu',
                 'counted')

        return {**dict(zip(names, numbers)), 'missing': numbers[11:27],
                'leaves': {i: n for i, n in enumerate(numbers[27:283]) if n},
                'code': code, 'error': text.partition(b'\0')[0].decode()}

    def close(self, seconds=10):
        """The exit status."""

        self.socket.close()

        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
