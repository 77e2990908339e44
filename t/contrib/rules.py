#!/usr/bin/python3
"""The alert rules, by promtool: their syntax, their tests, and that there is
a test of each alert.  TAP."""

import glob
import os
import re
import subprocess

import yaml

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
RULES = 'caphealth.rules.yml'

tests = 0


def ok(passed, name, detail=''):
    global tests

    tests += 1
    print('%sok %d - %s' % ('' if passed else 'not ', tests, name))

    if not passed:
        print('# ' + str(detail).strip().replace('\n', '\n# '))


def skip(name, why):
    global tests

    tests += 1
    print('ok %d - %s # SKIP %s' % (tests, name, why))


def promtool(*arguments):
    done = subprocess.run(['promtool', *arguments], capture_output=True,
                          text=True, check=False)

    ok(done.returncode == 0, 'promtool ' + ' '.join(arguments),
       done.stdout + done.stderr)


def load(path):
    with open(path, encoding='utf-8') as file:
        return yaml.safe_load(file)


def fired_and_silent(paths):
    """The alerts that a test expects, and those it expects not."""

    fired, silent = set(), set()

    for path in paths:
        for test in load(path)['tests']:
            for check in test['alert_rule_test']:
                name = check['alertname']
                (fired if check.get('exp_alerts') else silent).add(name)

    return fired, silent


def headings(path):
    """The anchors of a page, as MkDocs makes them."""

    anchors = set()

    with open(path, encoding='utf-8') as page:
        for line in page:
            title = re.match(r'#+ (.*?)\s*(?:\{ *#([-\w]+) *\}\s*)?$', line)

            if title:
                text = re.sub(r'[^\w\s-]', '', title[1]).strip().lower()
                anchors.add(title[2] or re.sub(r'[-\s]+', '-', text))

    return anchors


def pages(runbook):
    """What a runbook may come out as: all ways through its template's ifs."""

    found = re.match(r'(.*?)\s*\{\{-? *if .*?\}\}(.*)\{\{-? *end *\}\}(.*)$',
                     runbook, re.S)

    if not found:
        return [runbook]

    before, ways, after = found.groups()

    return [before + way + after
            for way in re.split(r'\s*\{\{-? *else\b.*?\}\}', ways)]


os.chdir(os.path.join(TOP, 'contrib', 'prometheus'))

unit_tests = sorted(glob.glob('*.test.yml'))

promtool('check', 'rules', RULES)
promtool('check', 'config', 'prometheus.yml')

for path in unit_tests:
    promtool('test', 'rules', path)

alerts = [rule for group in load(RULES)['groups'] for rule in group['rules']
          if 'alert' in rule]
names = [alert['alert'] for alert in alerts]
fired, silent = fired_and_silent(unit_tests)

ok(len(names) > 20 and len(set(names)) == len(names), 'there are alerts',
   names)
ok(set(names) <= fired, 'each alert fires in a test', set(names) - fired)
ok(set(names) <= silent, 'and stays silent in another', set(names) - silent)

for alert in alerts:
    severity = re.findall(r'\w+', re.sub(r'\{\{.*?\}\}', ' ',
                                         alert['labels']['severity']))
    annotations = alert['annotations']

    ok(severity and set(severity) <= {'critical', 'warning', 'info'}
       and set(annotations) == {'summary', 'description', 'runbook',
                                'runbook_url'}
       and all(annotations.values()),
       alert['alert'] + ' has its label and annotations', alert)

name = 'the runbooks are pages of the handbook, and their anchors are there'

if os.path.isdir(os.path.join(TOP, 'docs', 'operations')):
    lost = []

    for alert in alerts:
        for runbook in pages(alert['annotations']['runbook']):
            page, _, anchor = runbook.partition('#')
            page = os.path.join(TOP, page)

            if not os.path.exists(page) or anchor not in headings(page):
                lost.append(alert['alert'] + ': ' + runbook)

    ok(not lost, name, '\n'.join(lost))

    other = [alert['alert'] for alert in alerts
             if alert['annotations']['runbook_url']
             != re.sub(r'\bdocs/', 'https://handbook.caphealth.example/',
                       alert['annotations']['runbook']).replace('.md#',
                                                                '.html#')]

    ok(not other, 'and runbook_url is the same page, absolute', other)
else:
    skip(name, 'there is no docs/operations')

with open('../README.md', encoding='utf-8') as readme:
    text = readme.read()

told = dict(re.findall(r'^\| `(\w+)` \| (\w+)', text, re.M))

ok(set(told) == set(names), 'README.md lists each alert',
   set(told) ^ set(names))
ok(all(told.get(alert['alert']) in alert['labels']['severity']
       for alert in alerts), 'and its severity')

print('1..%d' % tests)
