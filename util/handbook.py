"""The handbook's hook: what mkdocs does with our pages before it renders them.

The pages are written to be read in the repository too, so a link in them is
relative to its file and may lead to README.md or to a file that is no page.
What is written elsewhere is not copied but brought in by a line of its own:

    <!-- file: conf/snippets/x.conf --> a file, as a block of code
    <!-- alerts: x.rules.yml -->        a table of the alerts and their runbooks

and takes the place of the paragraph below it, which is for readers in the
repository.
"""

import os
import posixpath
import re

import yaml

from mkdocs.exceptions import PluginError

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

SNIPPETS = 'configuration/snippets.md'

FENCE = re.compile(r'^(`{3,}|~{3,}).*?^\1\s*$', re.M | re.S)
INCLUDE = re.compile(r'^<!-- (file|alerts): (.+?) -->\n(?:.+\n)+', re.M)
LINK = re.compile(r'(?<!!)\[((?:[^][]|\[[^]]*\])+)\]\(([^()\s]+)\)')
ACTION = re.compile(r'\{\{.*?\}\}')


def read(name):
    with open(os.path.join(TOP, name), encoding='utf-8') as f:
        return f.read()


def outside_fences(text, change):
    """The text, with change() made of all of it but its blocks of code."""

    parts, end = [], 0

    for fence in FENCE.finditer(text):
        parts += [change(text[end:fence.start()]), fence.group()]
        end = fence.end()

    return ''.join(parts + [change(text[end:])])


def slug(title):
    return re.sub(r'[^\w\- ]', '', title.lower()).strip().replace(' ', '-')


def to_page(page, target, anchor=''):
    here = posixpath.dirname(page)

    return posixpath.relpath(target, here or '.') + (anchor and '#' + anchor)


def relinked(text, source, page):
    """The text of the file source, with its links as the page needs them."""

    def link(match):
        words, target = match.groups()

        if re.match(r'[a-z]+:', target):
            return match.group()

        path, _, anchor = target.partition('#')
        path = path and posixpath.normpath(
            posixpath.join(posixpath.dirname(source), path))

        if path in ('', source):
            return match.group()

        if path.startswith('docs/'):
            return '[%s](%s)' % (words, to_page(page, path[5:], anchor))

        if path.startswith('conf/snippets'):
            name = slug(path[len('conf/snippets/'):])

            return '[%s](%s)' % (words, to_page(page, SNIPPETS, name))

        if not os.path.exists(os.path.join(TOP, path)):
            raise PluginError('%s: "%s" is not there' % (page, target))

        return words if path in words else '%s (`%s`)' % (words, path)

    return outside_fences(text, lambda part: LINK.sub(link, part))


def alerts(rules, page):
    """A table of the alerts of Prometheus' rules, and of their runbooks."""

    rows = ['| alert | severity | go to |', '|---|---|---|']

    for group in yaml.safe_load(read(rules))['groups']:
        for rule in group['rules']:
            if 'alert' not in rule:
                continue

            links = []

            for path, anchor in runbooks(rule['annotations']['runbook']):
                title = headings(path).get(anchor)

                if title is None:
                    raise PluginError(
                        '%s: the runbook of %s is not there: %s#%s'
                        % (rules, rule['alert'], path, anchor))

                links.append('[%s](%s)' % (title, to_page(
                    page, path[len('docs/'):], anchor)))

            severity = ACTION.sub(' ', rule['labels']['severity']).split()

            rows.append('| `%s` | %s | %s |' % (
                rule['alert'], ' or '.join(severity), ', '.join(links)))

    return '\n'.join(rows) + '\n'


def runbooks(annotation):
    """Documents and anchors of all its branches: Prometheus may choose the
    runbook, or its end, by a label."""

    folder = path = ''

    for word in ACTION.sub(' ', annotation).split():
        name, sharp, anchor = word.rpartition('#')

        if word.endswith('/'):
            folder = word
            continue

        if sharp:
            path = folder + name

        if anchor:
            yield path, anchor


def headings(path):
    """The titles of a document by their anchors."""

    found = {}

    outside_fences(read(path), lambda part: found.update(
        (slug(title), title)
        for title in re.findall(r'^#+ (.+)$', part, re.M)) or '')

    return found


def on_page_markdown(markdown, page, config, files):
    name = page.file.src_path

    def included(match):
        kind, what = match.groups()

        if kind == 'alerts':
            return (alerts(what, name) if os.path.exists(
                os.path.join(TOP, what)) else match.group())

        return '```nginx\n%s```\n' % read(what)

    return INCLUDE.sub(included, relinked(markdown, 'docs/' + name, name))
