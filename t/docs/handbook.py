"""What the tests of the documents share: TAP, the documents, a real nginx."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '../lib'))

import ports
from tap import done, none, ok, skip

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get('BUILD') or os.path.join(TOP, 'build')
NGINX = (os.environ.get('TEST_NGINX_BINARY') or shutil.which('nginx')
         or '/usr/sbin/nginx')
MODULE = (os.environ.get('TEST_NGINX_LOAD_MODULES')
          or os.path.join(BUILD, 'ngx_http_caphealth_module.so'))

FENCE = re.compile(r'^(`{3,})(\w*)[^\n]*\n(.*?)^\1\s*$', re.M | re.S)


def read(path):
    with open(os.path.join(TOP, path), encoding='utf-8') as f:
        return f.read()


def documents():
    """README.md and each page of the handbook, relative to the top."""

    pages = glob.glob(os.path.join(TOP, 'docs', '**', '*.md'), recursive=True)

    return ['README.md'] + sorted(os.path.relpath(p, TOP) for p in pages)


def prose(text):
    """The text without its blocks of code."""

    return FENCE.sub('', text)


def blocks(text, language):
    """Each block of code in that language: its line, and the code."""

    return [(text.count('\n', 0, m.start()) + 2, m.group(3))
            for m in FENCE.finditer(text) if m.group(2) == language]


def section(text, title):
    """A section of a document, to the next heading that is not below it."""

    plain = FENCE.sub(lambda m: re.sub(r'[^\n]', '.', m.group()), text)
    head = re.search(r'^(#+) %s$' % re.escape(title), plain, re.M)

    if head is None:
        return ''

    end = re.compile(r'^#{1,%d} ' % len(head.group(1)), re.M).search(
        plain, head.end())

    return text[head.end():end.start() if end else len(text)]


def directives():
    """The module's, of the table that nginx itself reads."""

    source = read('ngx_http_caphealth_module.c')
    table = source[source.index('ngx_http_caphealth_commands[] = {'):
                   source.index('ngx_null_command')]

    return re.findall(r'ngx_string\("(\w+)"\)', table)


class Nginx:
    """A real one, master and workers, in a directory of its own."""

    def __init__(self, http, locations):
        self.dir = tempfile.mkdtemp(prefix='caphealth-')
        self.port = ports.free()
        os.chmod(self.dir, 0o755)
        os.mkdir(self.dir + '/tmp')

        with open(self.dir + '/nginx.conf', 'w', encoding='utf-8') as f:
            f.write('''
%s
load_module %s;
pid nginx.pid;
error_log error.log notice;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    %s
    server { listen 127.0.0.1:%d; %s }
}
''' % ('user root;' if os.getuid() == 0 else '', MODULE, http, self.port,
                    locations))

        subprocess.run([*self.command(), '-e', 'error.log'], check=True)

    def command(self):
        return [NGINX, '-p', self.dir + '/', '-c', 'nginx.conf']

    def ask(self, path, data=None, method=None, headers=None):
        """The status, the headers and the body."""

        request = urllib.request.Request(
            'http://127.0.0.1:%d%s' % (self.port, path), data=data,
            method=method, headers=headers or {})

        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()

        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def json(self, path, **options):
        return json.loads(self.ask(path, **options)[2])

    def until(self, path, true):
        """The document as soon as it is so."""

        end = time.time() + 60

        while True:
            document = self.json(path)

            if true(document):
                return document

            if time.time() > end:
                raise SystemExit('Bail out! %s never was as it should: %s'
                                 % (path, document))

            time.sleep(0.1)

    def stop(self):
        subprocess.run([*self.command(), '-s', 'quit', '-e', 'error.log'],
                       check=False)

        end = time.time() + 15

        while os.path.exists(self.dir + '/nginx.pid') and time.time() < end:
            time.sleep(0.05)

        shutil.rmtree(self.dir, ignore_errors=True)
