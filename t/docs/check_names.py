#!/usr/bin/python3
"""What the code has, the documents name, and the other way round: directives,
members of the answers, types of problems, metrics.  TAP.

Directives are those of the table that nginx reads; members and metrics those
of a real nginx's answers, and of the tables they are made of.
"""

import glob
import io
import json
import os
import re
import subprocess
import tempfile

import handbook
from handbook import (BUILD, TOP, Nginx, directives, documents, none, ok,
                      prose, read, section, skip)

API = 'docs/http-api.md'
NAME = r'[a-z][a-z0-9_]*'
MEMBER = r'[a-z][A-Za-z0-9_]*'
OTHER_FORM = 'application/health+json'

# objects whose members are names of the operator's or of the shop

NAMED = ('products_by_vendor', 'missing_variants', 'variants', 'checks')

SHOP = tempfile.TemporaryDirectory(prefix='caphealth-')

# the first headings of tables of members, and whose they are

TABLES = {'member': ''}


def sources():
    return ''.join(read(os.path.relpath(p, TOP)) for p in sorted(
        glob.glob(TOP + '/src/**/*.[ch]', recursive=True)
        + [TOP + '/ngx_http_caphealth_module.c']))


SOURCES = sources()


def check_directives():
    manual = read('docs/configuration/directives.md')
    documented = re.findall(r'^## (\w+)$', manual, re.M)

    none(set(directives()) - set(documented),
         'each directive is described in directives.md')
    none(set(documented) - set(directives()),
         'each directive that is described is there')
    none({d for d in documented if documented.count(d) > 1},
         'each is described once')

    wrong = []

    for text in re.split(r'^## ', manual, flags=re.M)[1:]:
        name = text.split('\n')[0]
        syntax = re.search(r'^\*\*syntax:\*\* `%s\b' % name, text, re.M)

        if not syntax or not re.search(r'^\*\*context:\*\* \w', text, re.M):
            wrong.append(name)

    none(wrong, 'each with its syntax and its context')

    guide = read('docs/configuration/index.md')
    none([d for d in directives() if not re.search(r'#%s\)' % d, guide)
          and not re.search(r'`%s\b' % d, guide)
          and d not in ('caphealth_health', 'caphealth_capacity')],
         'the guide knows each directive')

    front = read('README.md')
    none([d for d in directives() if '#%s)' % d not in front],
         'README.md links to each')

    # any other word that looks like one

    known = set(directives()) | set(families('docs/metrics.md'))
    wrong = []

    for document in documents():
        for word in re.findall(r'\bcaphealth_%s' % NAME, read(document)):
            word = re.sub(r'_(bucket|sum|count)$', '', word)

            if word not in known and not re.search(
                    r'\b%s' % word, SOURCES + read('config')):
                wrong.append('%s: %s' % (document, word))

    none(set(wrong), 'no document speaks of another one')


def contexts():
    """As the table has them, and as directives.md says."""

    source = read('ngx_http_caphealth_module.c')
    manual = read('docs/configuration/directives.md')
    wrong = []

    table = {}

    # one that is another in a location has two rows

    for name, flags in re.findall(
            r'ngx_string\("(caphealth_\w+)"\),\s*([A-Z0-9_|\s]+),', source):
        table[name] = table.get(name, '') + flags

    for name, flags in table.items():
        said = re.search(r'^## %s\n.*?^\*\*context:\*\* ([^\n]*)$' % name,
                         manual, re.M | re.S)
        real = [words for flag, words in (('NGX_HTTP_MAIN_CONF', 'http'),
                                          ('NGX_HTTP_SRV_CONF', 'server'),
                                          ('NGX_HTTP_LOC_CONF', 'location'))
                if flag in flags]

        if said and said.group(1) != ', '.join(real):
            wrong.append('%s: %s' % (name, ', '.join(real)))

    none(wrong, 'the contexts are those of the table')


def members(value, path=''):
    """Paths of all members of a document."""

    found = set()

    if isinstance(value, dict):
        for name, member in value.items():
            below = path + '.' + name if path else name
            found.add(below)

            if name not in NAMED:
                found |= members(member, below)

            elif name not in ('products_by_vendor', 'missing_variants'):
                for named in member.values():
                    found |= members(named, below)

    elif isinstance(value, list):
        for member in value:
            found |= members(member, path)

    return found


def spans(text):
    return re.findall(r'`([^`\n]+)`', text)


def tables(text):
    """Rows of the tables that are about members: where, and the first cell."""

    found, inside = [], None

    for line in text.split('\n'):
        cells = [c.strip() for c in line.strip().strip('|').split(' | ')]

        if not line.startswith('|'):
            inside = None

        elif cells[0] in TABLES:
            inside = TABLES[cells[0]]

        elif inside is not None and not set(line) <= set('|-'):
            found.append((inside, cells[0]))

    return found


def documented(text):
    """Paths in the first cells; a name without a dot is beside the one before
    it in the same cell."""

    found = set()

    for parent, cell in tables(text):
        for name in spans(cell):
            name = name.replace('[]', '').replace('.*', '')

            if '.' in name:
                parent = name.rpartition('.')[0] + '.'
                found.add(name)
            else:
                found.add(parent + name)

    return found


def part(title):
    """A section of the API's document, without that of the other form."""

    text = section(read(API), title)
    other = section(read(API), OTHER_FORM)

    return text.replace(other, '') if other and title != OTHER_FORM else text


def words_of(text):
    return {word for span in spans(prose(text))
            for word in re.findall(MEMBER, span)}


def check_members(title, answer, more=()):
    """A section of the API's document against a real answer."""

    real = members(answer)
    last = {path.rpartition('.')[2] for path in real}
    words = words_of('\n'.join(map(part, (title, *more))))
    said = documented(part(title))

    # of images, and of what has a name of the operator's, by their own names

    if title in ('Image upload', OTHER_FORM):
        real |= last

    none(last - words, '%s: each of %d members is documented'
         % (title, len(real)))

    if said:
        none(said - real,
             '%s: each documented member is in the answer' % title)


def check_tables(answers):
    """Members of the tables in the code, whether an answer had them or not."""

    found = set()

    for path in glob.glob(TOP + '/src/model/*.c'):
        text = read(os.path.relpath(path, TOP))

        found |= set(re.findall(
            r'caphealth_(?:json|report)_\w+\(&?\w+(?:->json|\.json)?, '
            r'"(%s)"' % MEMBER, text))

    found |= {row['name'] for o in json.loads(subprocess.run(
                  [BUILD + '/unit/probe_measures'], capture_output=True,
                  text=True, check=True).stdout)
              for row in o['rows'] if row['name']}

    found |= set(re.findall(r'"(%s)", (?:json_|ngx_http_caphealth_)' % NAME,
                            read('src/upload/'
                                 'ngx_http_caphealth_upload_answer.c')))

    words = words_of(read(API))

    ok(len(found) > 60, 'the tables of members are found: %d' % len(found))
    none(found - words, 'each member of a table is documented')

    # what the document names in any place is a member, or a word of the code

    literals = {word for text in re.findall(r'"([^"\n]*)"', SOURCES)
                for word in re.findall(NAME, text)}
    real = {p.rpartition('.')[2] for a in answers for p in members(a)}
    named = {span for span in spans(prose(read(API)))
             if re.fullmatch(NAME + r'_[a-z0-9_]+', span)}

    none(named - literals - real - set(directives())
         - {'client_max_body_size', 'error_page'},
         'each member that is documented is in the code')


def check_variables():
    real = {name for table in re.findall(
                r'ngx_http_variable_t\s+\w+\[\] = \{(.*?)\n\};', SOURCES, re.S)
            for name in re.findall(r'ngx_string\("(\w+)"\)', table)}
    said = set(re.findall(r'^\| `\$(\w+)` \|', read('docs/configuration/variables.md'),
                          re.M))

    none(real ^ said, 'variables: %d, described in variables.md' % len(real))


def check_problems():
    urn = r'NGX_HTTP_CAPHEALTH_URN "([a-z-]+)"'
    real = set(re.findall(urn, SOURCES))
    real |= set(re.findall(r'\[CAPHEALTH_OUTCOME_\w+\] =\s*\{ [1-9]\d*,'
                           r'(?: NULL,)? "([a-z-]+)"', SOURCES))
    text = read(API)
    said = {name for row in re.findall(r'^\| `([^`]+)` \| \d{3} \|', text,
                                       re.M)
            for name in [row.replace('urn:caphealth:problem:', '')]}

    ok(len(real) > 10, 'the types of problems are found: %d' % len(real))
    none(real - said, 'each type of problem is documented')
    none(said - real, 'each documented type is in the code')

    # those that the configurations of conf/ make

    made = set(re.findall(r'urn:caphealth:problem:([a-z-]+)', ''.join(
        read(os.path.relpath(p, TOP))
        for p in glob.glob(TOP + '/conf/**/*.conf', recursive=True))))
    index = read('docs/operations/index.md')

    none({n for n in real | made if '`%s`' % n not in index},
         'each type leads to a runbook')


def check_formats():
    """A list of the formats, from the first on, names each of them."""

    about = subprocess.run([BUILD + '/caphealth-converter', '--help'],
                           capture_output=True, text=True, check=True).stdout
    labels = re.findall(r'^  ([A-Z]\w+) ', about, re.M)
    label = '(?:%s)' % '|'.join(labels)
    lists = re.compile(r'\b%s(?:,\s+%s)*(?:,| or| and| oder| und)\s+%s\b'
                       % (labels[0], label, label))
    found, wrong = 0, []

    for document in documents() + ['man/caphealth-converter.1',
                                   'debian/control'] + [
                os.path.relpath(p, TOP)
                for p in glob.glob(TOP + '/src/*/texts.json')]:
        for text in lists.findall(read(document)):
            found += 1

            if re.findall(label, text) != labels:
                wrong.append('%s: %s' % (document, text))

    # and those of the OpenAPI document: an upload's answer, and its body

    names = [label.lower() for label in labels]
    openapi = read('contrib/openapi.yaml')

    made = re.findall(r'^ +row\([A-Z]+, "(\w+)", ', read('src/store/caphealth_output.h'), re.M)

    for text in re.findall(r'\bformat: \{ enum: \[(.*?)\] \}', openapi):
        found += 1

        if text.split(', ') not in (names, made):
            wrong.append('contrib/openapi.yaml: format %s' % text)

    types = re.findall(r'^ +image/(\w+): \{\}$', openapi, re.M)

    if types != names:
        wrong.append('contrib/openapi.yaml: image/%s' % ', '.join(types))

    ok(len(labels) > 2, 'formats: %s' % ', '.join(labels))
    ok(found > 6, 'lists of them are found: %d' % found)
    none(wrong, 'each names all of them')


# what nginx, the kernel and libpq say

THEIRS = ('exited on signal; failed (28: No space left on device); nginx -t; '
          '(122: Disk quota exceeded)')

# what a line of the log, or a title, has in the place of a %s

VARYING = re.compile(r'"|\.\.\.|: |, |\b(?:N|the|disk|database|system|'
                     r'caphealth(?:-\w+)?)\b')

PARTS = ('Symptom', 'What it means', 'What users notice', 'Check', 'Fix',
         'Prevent')


def check_runbooks():
    wrong, runbooks = [], 0

    for document in documents():
        for text in re.split(r'^## ', read(document), flags=re.M)[1:]:
            found = re.findall(r'^\*\*([A-Z][a-z ]+)\.\*\*(?: |$)', text,
                               re.M)

            if 'Symptom' in found:
                runbooks += 1

                if tuple(found) != PARTS:
                    wrong.append('%s: %s: %s' % (document,
                                                 text.split('\n')[0], found))

    ok(runbooks > 20, 'runbooks are found: %d' % runbooks)
    none(wrong, 'each runbook has its parts, in order')

    # who searches for what the log said must find it: the longest of the
    # pieces between what changes from one line to the next

    literals = re.sub(r'"\s*\n\s*"', '', SOURCES).replace('\\"', '"')
    index = read('docs/operations/index.md')
    wrong = []

    for title in ('By the error log', 'By the report'):
        for row in re.findall(r'^\| (.*?) \| ', section(index, title), re.M):
            for span in spans(row):
                piece = max(VARYING.split(span), key=len).strip()

                if piece not in literals + THEIRS:
                    wrong.append('%s: "%s"' % (title, piece))

    none(wrong, 'what the index of runbooks quotes is in the code')


def families(path):
    """Metrics that the tables of a document describe."""

    if not os.path.exists(os.path.join(TOP, path)):
        return set()

    cells = re.findall(r'^\| (.*?) \| ', prose(read(path)), re.M)

    return {span.split('{')[0] for cell in cells for span in spans(cell)
            if span.startswith('caphealth_')}


def check_metrics(nginx):
    if 'caphealth_metrics' not in directives():
        skip('metrics are documented', 'this build has no caphealth_metrics')
        return

    text = nginx.ask('/metrics')[2].decode()
    real = set(re.findall(r'^# TYPE (\w+) ', text, re.M))
    said = families('docs/metrics.md')

    ok(len(real) > 10, 'metrics: %d families' % len(real))
    none(real - said, 'each family is documented')

    # such as tells of a scan under way, which is not always

    literals = set(re.findall(r'"(%s)"' % NAME, SOURCES))

    none({name for name in said - real if name not in literals
          and not any(re.sub('_(info|total)$', '', name).endswith('_' + word)
                      and '_' in word for word in literals)},
         'each documented family is in the answer, or in the code')


def photo():
    """A picture to upload."""

    from PIL import Image

    out = io.BytesIO()
    Image.new('RGB', (64, 48), (200, 30, 30)).save(out, 'JPEG')

    return out.getvalue()


def form(image, times, **fields):
    """A form that has it so often, with the boundary "b"."""

    parts = [b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s'
             % (name.encode(), text.encode()) for name, text in fields.items()]
    parts += [b'--b\r\nContent-Disposition: form-data; name="file"; '
              b'filename="a.jpg"\r\n\r\n%s' % image] * times

    return b'\r\n'.join(parts) + b'\r\n--b--\r\n'


def answers():
    """A real nginx with everything, and what it answers."""

    os.chmod(SHOP.name, 0o755)

    subprocess.run(['sqlite3', '-bail', SHOP.name + '/shop.db', '''
CREATE TABLE vendors (id INTEGER PRIMARY KEY, name TEXT, is_active BOOLEAN);
CREATE TABLE products (id INTEGER PRIMARY KEY, vendor_id INTEGER);
CREATE TABLE orders (id INTEGER PRIMARY KEY, created_at DATETIME);
CREATE TABLE inventory (id INTEGER PRIMARY KEY, product_id INTEGER);
INSERT INTO vendors VALUES (1, 'Anna', 1);
INSERT INTO products VALUES (1, 1);
'''], check=True)
    os.chmod(SHOP.name + '/shop.db', 0o644)

    metrics = ('location = /metrics { caphealth_metrics; }'
               if 'caphealth_metrics' in directives() else '')
    vendors = ('caphealth_metrics_vendors 10;'
               if 'caphealth_metrics_vendors' in directives() else '')
    nginx = Nginx('''caphealth_refresh 1s;
        caphealth_threshold memory_percent warning=0;
        caphealth_database sqlite:%s/shop.db;
        caphealth_image_root images;
        caphealth_notify http://127.0.0.1:9/ hold=1d;
        %s''' % (SHOP.name, vendors), '''
        location = /health { caphealth_health; }
        location = /capacity { caphealth_capacity; }
        location = /stats { caphealth_image_stats; }
        location /upload {
            caphealth_image_upload;
            caphealth_image_owner vendor-7;
            caphealth_image_source sources;
            caphealth_image_id content;
        }
        location = /owners { caphealth_image_owners; }
        ''' + metrics)

    try:
        nginx.until('/health', lambda d: d['system']['cpu_percent'] is not None
                    and d['database']['products_count'] == 1
                    and d['image_storage']['total_files'] is not None)
        nginx.until('/stats', lambda d: d['roots'][0]['filesystem'])

        found = {
            'Image upload': nginx.json(
                '/upload', data=form(photo(), 2, alt='A chair'),
                headers={'Content-Type':
                         'multipart/form-data; boundary=b'}),
            'Health': nginx.json('/health'),
            'Capacity': nginx.json('/capacity'),
            'Vendors, page by page': {
                name: member for name, member in nginx.json(
                    '/capacity?vendors=list').items()
                if name.startswith('vendors')},
            'Image statistics': nginx.json('/stats'),
            'Owners of images': nginx.json('/owners'),
        }

        if '"%s"' % OTHER_FORM in SOURCES:
            found[OTHER_FORM] = nginx.json('/health',
                                           headers={'Accept': OTHER_FORM})

        return nginx, found

    except BaseException:
        nginx.stop()
        raise


def check_usage():
    """For an unknown option, a script prints its usage and does no more."""

    scripts = [path for path in glob.glob(TOP + '/util/*')
               + glob.glob(TOP + '/bench/*') + [TOP + '/fuzz/seeds']
               if os.path.isfile(path) and os.access(path, os.X_OK)]
    wrong = []

    with tempfile.TemporaryDirectory(prefix='caphealth-') as work:
        for script in sorted(scripts):
            name = os.path.relpath(script, TOP)
            run = subprocess.run([script, '--no-such'], cwd=work, text=True,
                                 capture_output=True, timeout=60, check=False,
                                 env=dict(os.environ, BUILD=work + '/build'))

            if (run.returncode != 2 or run.stdout
                    or 'usage: ' + name not in run.stderr
                    or os.listdir(work)):
                wrong.append('%s: %d, %r' % (name, run.returncode,
                                             run.stdout + run.stderr))

    ok(len(scripts) > 20, 'scripts are found: %d' % len(scripts))
    none(wrong, 'each answers an unknown option with its usage')


check_directives()
contexts()
check_usage()
check_variables()
check_problems()
check_formats()
check_runbooks()

server, documents_of = answers()

try:
    for name, document in documents_of.items():
        check_members(name, document, {
            'Health': ('Age, staleness, errors', 'Image statistics'),
            'Capacity': ('Age, staleness, errors',),
        }.get(name, ()))

    check_tables(documents_of.values())
    check_metrics(server)

finally:
    server.stop()

handbook.done()
