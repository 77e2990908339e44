#!/usr/bin/python3
"""The version is src/ipc/caphealth_version.h's, wherever else it stands.  TAP.
"""

import re

import handbook
from handbook import documents, none, ok, read

HEADER = 'src/ipc/caphealth_version.h'

VERSION = re.search(r'#define CAPHEALTH_VERSION +"(.*)"', read(HEADER)).group(1)

SEMVER = r'(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9A-Za-z.-]+)?'


def same(name, found):
    ok(found == VERSION, '%s has the version of %s' % (name, HEADER),
       'it has %s, expected %s' % (found, VERSION))


ok(re.fullmatch(SEMVER, VERSION), 'the version is one of semver.org', VERSION)

same('contrib/openapi.yaml', re.search(r'^info:\n(?: .*\n)*?  version: (.*)$',
                                       read('contrib/openapi.yaml'),
                                       re.M).group(1))
same('debian/changelog', re.match(r'\S+ \((.*?)(?:-[^-]*)?\)',
                                  read('debian/changelog')).group(1))

RELEASES = re.findall(r'^## \[(.*?)\](.*)$', read('CHANGELOG.md'), re.M)

ok(RELEASES and RELEASES[0][0] == 'Unreleased',
   'CHANGELOG.md begins with what is not released')
same('CHANGELOG.md', RELEASES[1][0])
none([name for name, date in RELEASES[1:]
      if not re.fullmatch(SEMVER, name)
      or not re.fullmatch(r' - \d{4}-\d\d-\d\d', date)],
     'each release in it has a version and a date')

none(['%s: %s' % (path, found) for path in documents()
      for found in re.findall(r'"releaseId": "(.*?)"', read(path))
      if found != VERSION],
     'examples in the documents have it')

handbook.done()
