#!/usr/bin/python3
"""The links of README.md and of the handbook, in the repository and on the
site that mkdocs makes of it.  TAP.

Links to elsewhere are looked at, not followed.
"""

import glob
import html.parser
import os
import re
import shutil
import subprocess
import tempfile
import urllib.parse

import handbook
from handbook import TOP, documents, none, ok, prose, read

LINK = re.compile(r'\[(?:[^][]|\[[^]]*\])+\]\(([^()\s]+)\)')

SOURCE = re.compile(r'`((?:[\w.-]+/)*[\w-]+\.(?:[chtd]|py|mjs|yaml))`')

CONTRIBUTORS = ['CONTRIBUTING.md', 't/README.md', 't/lib/README.md']


def anchors(text):
    """As the repository's viewers make them of the headings."""

    seen, found = {}, set()

    for heading in re.findall(r'^#+ (.+)$', prose(text), re.M):
        words = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading)
        slug = re.sub(r'[^\w\- ]', '', words.lower()).strip()
        slug = slug.replace(' ', '-')

        found.add('%s-%d' % (slug, seen[slug]) if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1

    return found


def sources():
    """Files that a contributor is sent to, by their path or name."""

    there = set()

    for place, dirs, files in os.walk(TOP):
        dirs[:] = [d for d in dirs if d not in ('.git', 'build', 'servroot')]
        there |= set(files)

    none(['%s: %s' % (name, path) for name in CONTRIBUTORS
          for path in SOURCE.findall(prose(read(name)))
          if not os.path.exists(os.path.join(TOP, path))
          and ('/' in path or path not in there)],
         'each file that contributors are sent to is there')


def external(target):
    """What is wrong with the address, or None."""

    try:
        parts = urllib.parse.urlsplit(target)
        parts.port
    except ValueError as error:
        return str(error)

    if parts.scheme == 'mailto':
        return None if '@' in parts.path else 'no address'

    if parts.scheme not in ('http', 'https'):
        return 'unknown scheme'

    if not re.fullmatch(r'[\w-]+(\.[\w-]+)*', parts.hostname or ''):
        return 'no host'

    return None


def repository():
    wrong, elsewhere = [], []

    others = CONTRIBUTORS + ['CHANGELOG.md'] + [
        os.path.relpath(path, TOP)
        for path in glob.glob(TOP + '/contrib/**/*.md', recursive=True)]

    for name in documents() + others:
        for target in LINK.findall(prose(read(name))):
            place = '%s: %s' % (name, target)

            if re.match(r'[a-z][a-z0-9+.-]*:', target):
                why = external(target)
                elsewhere += ['%s: %s' % (place, why)] if why else []
                continue

            path, _, anchor = target.partition('#')
            path = os.path.normpath(os.path.join(os.path.dirname(name), path)
                                    if path else name)

            if path.startswith('..') or not os.path.exists(
                    os.path.join(TOP, path)):
                wrong.append(place + ': no such file')

            elif anchor and anchor not in anchors(read(path)):
                wrong.append(place + ': no such heading')

    none(wrong, 'links of the documents, in the repository')
    none(elsewhere, 'links to elsewhere are well formed')


def installed():
    """Of the pages that "make install" puts beside the module."""

    with tempfile.TemporaryDirectory(prefix='caphealth-') as top:
        done = subprocess.run(['make', '-s', 'install-files',
                               'DESTDIR=' + top, 'DOC_DIR=/doc'], cwd=TOP,
                              capture_output=True, text=True, check=False)
        ok(done.returncode == 0, 'make install-files', done.stderr)

        wrong = []
        pages = glob.glob(top + '/doc/**/*.md', recursive=True)

        for page in pages:
            with open(page, encoding='utf-8') as f:
                text = f.read()

            for target in LINK.findall(prose(text)):
                path = target.partition('#')[0]

                if path and not re.match(r'[a-z][a-z0-9+.-]*:', path) \
                        and not os.path.exists(os.path.join(
                            os.path.dirname(page), path)):
                    wrong.append('%s: %s' % (os.path.relpath(page, top),
                                             target))

        none(wrong, 'links of the pages that are installed')
        ok(len(pages) > 20, 'which are all', pages)


class Page(html.parser.HTMLParser):
    """What a page of the site refers to."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)

        if attrs.get('id'):
            self.ids.add(attrs['id'])

        if tag == 'a' and attrs.get('href') is not None:
            self.links.append(attrs['href'])

        if tag == 'link' and attrs.get('rel') not in ('canonical', 'prev',
                                                      'next'):
            self.loaded.append(attrs.get('href', ''))

        if attrs.get('src'):
            self.loaded.append(attrs['src'])


def built(site):
    done = subprocess.run(['mkdocs', 'build', '--quiet', '--strict',
                           '--site-dir', site],
                          cwd=TOP, capture_output=True, text=True,
                          check=False)
    said = done.stdout + done.stderr

    ok(done.returncode == 0 and not said, 'mkdocs build --strict says nothing',
       said)

    return done.returncode == 0


def on_site(site):
    pages = {}

    for folder, _, names in os.walk(site):
        for name in names:
            if name.endswith('.html'):
                path = os.path.join(folder, name)

                with open(path, encoding='utf-8') as f:
                    pages[os.path.relpath(path, site)] = Page(f.read())

    wrong, loaded, reached = [], [], set()

    for name, page in pages.items():
        if name == '404.html':
            continue        # served at any address, its links begin with "/"

        for target in page.links + page.loaded:
            if re.match(r'(https?|mailto):', target):
                continue

            path, _, anchor = target.partition('#')
            path = os.path.normpath(os.path.join(os.path.dirname(name),
                                                 urllib.parse.unquote(path))
                                    if path else name)

            if os.path.isdir(os.path.join(site, path)):
                path = os.path.normpath(os.path.join(path, 'index.html'))

            if not os.path.isfile(os.path.join(site, path)):
                wrong.append('%s: %s: no such file' % (name, target))

            elif path in pages and anchor and not anchor.startswith('__') \
                    and anchor not in pages[path].ids:
                wrong.append('%s: %s: no such place' % (name, target))

            if path != name:
                reached.add(path)

        loaded += ['%s: %s' % (name, target) for target in page.loaded
                   if re.match(r'(\w+:)?//', target)]

    none(wrong, 'links of the site: %d pages' % len(pages))
    none(loaded, 'a page loads nothing from elsewhere')
    none(set(pages) - reached - {'404.html'}, 'each page can be reached')

    ours = {os.path.relpath(d, 'docs')[:-3] + '.html' for d in documents()
            if d.startswith('docs/')}
    ok(ours <= set(pages), 'each document is a page', ours - set(pages))


def styles(site):
    wrong = []

    for folder, _, names in os.walk(site):
        for name in names:
            if name.endswith('.css'):
                with open(os.path.join(folder, name), encoding='utf-8') as f:
                    wrong += [name + ': ' + url for url in re.findall(
                        r'(?:url\(|@import)\s*["\']?((?:https?:)?//[^)"\']+)',
                        f.read())]

    none(wrong, 'nor does a style sheet')


def navigation():
    text = read('mkdocs.yml')
    named = set(re.findall(r'([\w/-]+\.md)$', text, re.M))

    none({d[5:] for d in documents() if d.startswith('docs/')} - named,
         'each document is in the navigation')


repository()
installed()
sources()
navigation()

tmp = tempfile.mkdtemp(prefix='caphealth-')

try:
    if built(tmp + '/site'):
        on_site(tmp + '/site')
        styles(tmp + '/site')
finally:
    shutil.rmtree(tmp)

handbook.done()
