#!/usr/bin/python3
"""Each configuration in README.md, the handbook and conf/ passes "nginx -t"
with the module as it was built.  TAP.

A block begins at the level of the main context, of http, server or location, or
is of locations and what belongs beside their server; it gets what is missing
around it.  Its paths lead into a directory of the
test's own.
"""

import glob
import os
import re
import shutil
import subprocess
import tempfile

import handbook
from handbook import BUILD, MODULE, NGINX, TOP, blocks, documents, ok, read

TOKEN = re.compile(r'\s+|#[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[{};]'
                   r'|(?:\\.|\$\{|[^\s{};\\])+', re.S)

# whose first argument is a file or a directory that is there on the machine
# of the reader who copies the example

PATHS = {'caphealth_image_root', 'caphealth_state_dir', 'alias', 'root',
         'auth_basic_user_file', 'ssl_certificate', 'ssl_certificate_key',
         'proxy_ssl_trusted_certificate', 'proxy_cache_path', 'error_log',
         'access_log', 'pid'}

LEVELS = ('main', 'http', 'server', 'locations', 'location')

HERE = tempfile.mkdtemp(prefix='caphealth-')


def statements(text):
    """Lists of words; "{" and "}" end one as ";" does."""

    words, found, at = [], [], 0

    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None:
            raise ValueError('cannot be read at "%s"' % text[at:at + 20])

        at, token = token.end(), token.group()

        if token in (';', '{', '}'):
            found.append(words + [token])
            words = []

        elif not token.isspace() and not token.startswith('#'):
            words.append(token)

    if words:
        raise ValueError('"%s" is not ended' % ' '.join(words))

    return found


def moved(path):
    path = HERE + path
    os.makedirs(os.path.dirname(path.rstrip('/')), exist_ok=True)

    return path


def here(words):
    """The statement, with its paths below our own directory."""

    name, first = words[0], words[1] if len(words) > 1 else ''

    if name in PATHS and first.startswith('/'):
        words[1] = moved(first)

    elif name == 'caphealth_database' and first.startswith('sqlite:/'):
        words[1] = 'sqlite:' + moved(first[7:])

    elif name in ('caphealth_notify', 'caphealth_image_store'):
        words = [re.sub(r'^((?:secret|credentials)=)(/.*)', lambda m:
                        m.group(1) + moved(m.group(2)), w) for w in words]

    elif name == 'load_module':
        words[1] = MODULE

    elif name == 'caphealth_helper_dir':
        words[1] = BUILD

    elif name == 'listen':
        words[1] = re.sub(r'^(.*:)?(\d+)$', lambda m: '127.0.0.1:%d'
                          % (20000 + int(m.group(2)) % 20000), first)

    return ' '.join(words) + '\n'


def parted(found):
    """Locations at the top of an example, and what else there is."""

    depth, parts, location = 0, ([], []), False

    for words in found:
        if depth == 0:
            location = words[0] == 'location'

        parts[not location].append(words)
        depth += (words[-1] == '{') - (words[-1] == '}')

    return parts


def wrapped(text, level):
    found = statements(text)
    names = {s[0] for s in found}
    beside = ''

    if level == 'locations':
        found, others = parted(found)
        beside = ''.join(here(s) for s in others)

    body = ''.join(here(s) for s in found)

    if level == 'location':
        body = 'location /the/example/ {\n%s}\n' % body

    if level in ('location', 'locations', 'server'):
        if 'caphealth_health' not in names:
            body += 'location = /the/health { caphealth_health; }\n'

        body = 'server {\nlisten 127.0.0.1:20000;\n%s}\n' % body

    body = beside + body

    if level != 'main':
        if 'caphealth_database' not in names:
            body += 'caphealth_database sqlite:shop.db;\n'

        if 'caphealth_health' not in body:
            body += ('server { listen 127.0.0.1:20000;\n'
                     'location = /the/health { caphealth_health; } }\n')

        body = ('load_module %s;\nevents { }\nhttp {\n%s}\n'
                % (MODULE, body))

    if level == 'main' and 'events' not in names:
        body += 'events { }\n'

    if 'pid' not in names:
        body = 'pid nginx.pid;\n' + body

    if 'error_log' not in names:
        body = 'error_log error.log;\n' + body

    if os.getuid() == 0 and 'user' not in names:
        body = 'user root;\n' + body

    # what nginx would otherwise write to its own places

    defaults = {'access_log': 'off'}

    for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'):
        defaults[kind + '_temp_path'] = 'tmp'

    for name, value in defaults.items():
        if name not in names:
            body = re.sub(r'^http \{', 'http {\n%s %s;' % (name, value), body,
                          1, re.M)

    return body


def test(text, level):
    """Whether nginx takes it, and what it says."""

    with open(HERE + '/nginx.conf', 'w', encoding='utf-8') as f:
        f.write(wrapped(text, level))

    done = subprocess.run([NGINX, '-t', '-q', '-p', HERE + '/', '-c',
                           'nginx.conf', '-e', 'error.log'],
                          capture_output=True, text=True, check=False)

    # an example's disks are not this machine's

    said = [line for line in done.stderr.splitlines()
            if '[warn] "caphealth_disk"' not in line]

    return done.returncode == 0 and not said, done.stderr


def check(text, name):
    """Passes if there is a level at which nginx takes the example."""

    said = ''

    try:
        for level in LEVELS:
            passed, why = test(text, level)
            if passed:
                ok(True, '%s (%s)' % (name, level))
                return

            said += 'as %s: %s' % (level, why)

    except ValueError as error:
        said = str(error)

    ok(False, name, said)


def prepare():
    os.makedirs(HERE + '/tmp')
    os.makedirs(HERE + '/etc/nginx')

    for name in ('shop.crt', 'shop.key', 'platform.htpasswd',
                 'caphealth.secret', 's3.credentials'):
        moved('/etc/nginx/' + name)

    with open(HERE + '/etc/nginx/caphealth.secret', 'w') as secret:
        secret.write('0123456789abcdef\n')

    with open(HERE + '/etc/nginx/s3.credentials', 'w') as credentials:
        credentials.write('[default]\naws_access_key_id = a\n'
                          'aws_secret_access_key = b\n')

    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                    '-subj', '/CN=shop',
                    '-keyout', HERE + '/etc/nginx/shop.key',
                    '-out', HERE + '/etc/nginx/shop.crt'],
                   check=True, capture_output=True)

    shutil.copy(HERE + '/etc/nginx/shop.crt',
                moved('/etc/ssl/certs/ca-certificates.crt'))

    with open(HERE + '/etc/nginx/s3.credentials', 'w') as file:
        file.write('[default]\naws_access_key_id = AKIDEXAMPLE\n'
                   'aws_secret_access_key = secret\n')

    os.chmod(HERE + '/etc/nginx/s3.credentials', 0o600)


prepare()

try:
    for document in documents():
        for line, code in blocks(read(document), 'nginx'):
            check(code, '%s:%d' % (document, line))

    for path in sorted(glob.glob(os.path.join(TOP, 'conf', '**', '*.conf'),
                                 recursive=True)):
        check(read(path), os.path.relpath(path, TOP))

    # this test itself would see a mistake

    for text in ('caphealth_refresh never;', 'location / { no_such_thing; }'):
        ok(not any(test(text, level)[0]
                   for level in LEVELS),
           'nginx refuses "%s"' % text)

finally:
    shutil.rmtree(HERE)

handbook.done()
