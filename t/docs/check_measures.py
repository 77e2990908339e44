#!/usr/bin/python3
"""The table of measures, and what util/measures has written of it.  TAP."""

import json
import subprocess

import handbook
from handbook import BUILD, TOP, none, ok, read

check = subprocess.run([TOP + '/util/measures', '--check'],
                       capture_output=True, text=True, check=False)

ok(check.returncode == 0, 'util/measures has nothing to write',
   check.stdout + check.stderr)

objects = json.loads(subprocess.run([BUILD + '/unit/probe_measures'],
                                    capture_output=True, text=True,
                                    check=True).stdout)

for kind, path, comment in (('members', 'docs/http-api.md', '<!-- '),
                            ('members', 'contrib/openapi.yaml', '# '),
                            ('metrics', 'docs/metrics.md', '<!-- ')):
    text = read(path)
    written = {name for line in text.split('\n')
               if line.strip().startswith(comment + kind + ': ')
               for name in line.split(': ')[1].replace(' -->', '').split()}
    wanted = {o['name'] for o in objects
              if (o['schema'] if kind == 'members' else
                  any(row.get('metric') for row in o['rows']))}

    # those that a row of another object describes

    if path == 'docs/http-api.md':
        wanted -= {'stall', 'scan', 'filesystem'}

    none(wanted ^ written, '%s: the %s of each object are there' % (path, kind))

rows = [row for o in objects for row in o['rows']]

ok(len(rows) > 100, 'rows: %d' % len(rows))

none({row['name'] for o in objects for row in o['rows'] if row['name']
      and sum(r['name'] == row['name'] for r in o['rows']) > 1},
     'each member is once in its object')

families = {}

for row in rows:
    if row.get('metric'):
        families.setdefault(row['metric'], set()).add(
            (row['metric_type'], row['help']))

none({name for name, described in families.items() if len(described) > 1},
     'the samples of a metric agree on its type and help')

handbook.done()
