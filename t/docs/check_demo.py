#!/usr/bin/env python3
#
# The demo, as "make run" starts it, on a port and in a directory of its own.

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from handbook import TOP, done, ok, ports


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def get(url):
    try:
        with urllib.request.build_opener(Stay).open(url, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
    except OSError:
        return 0, {}, b'{}'


def until(seconds, condition):
    end = time.monotonic() + seconds

    while time.monotonic() < end:
        value = condition()

        if value:
            return value

        time.sleep(0.2)

    return None


def report(url):
    status, _, body = get(url)

    return json.loads(body) if status == 200 else {}

# converters have the idle priority, so on a busy machine the first may get no
# CPU time

BUSY = re.compile(r'caphealth-converter \d+ (?:got \d+ ms of CPU time|'
                  r'was starved|exited on signal 9)')


def main():
    top = tempfile.mkdtemp(prefix='caphealth-')
    os.chmod(top, 0o755)
    demo = os.path.join(top, 'demo')

    port = ports.free()
    env = dict(os.environ, PORT=str(port), DEMO=demo)
    out = os.path.join(top, 'out')

    with open(out, 'w', encoding='utf-8') as log:
        nginx = subprocess.Popen([os.path.join(TOP, 'util', 'run')], env=env,
                                 stdout=log, stderr=log)

    url = 'http://127.0.0.1:%d' % port

    try:
        tell(url, env, demo, out)
    finally:
        nginx.terminate()
        nginx.wait(30)
        shutil.rmtree(top, ignore_errors=True)



def tell(url, env, demo, out):
    until(180, lambda: get(url + '/platform/live')[0] == 200)

    status, headers, _ = get(url + '/')
    ok(status == 302 and headers['Location'] == url + '/admin/platform-health',
       '/ leads to the page', open(out, encoding='utf-8').read())
    ok(get(headers['Location'])[0] == 200, 'which is there')

    taken = subprocess.run([os.path.join(TOP, 'util', 'run')], env=env,
                          capture_output=True, text=True, timeout=60)
    ok(taken.returncode == 1 and 'is taken' in taken.stderr
       and 'PORT=%d make run' % (int(env['PORT']) + 1) in taken.stderr,
       'a port that is taken: which one to choose', taken.stderr)

    taken = subprocess.run([os.path.join(TOP, 'util', 'run')],
                          env=dict(env, PORT='web'), capture_output=True,
                          text=True, timeout=60)
    ok(taken.returncode == 2 and 'must be between 1 and 65535' in taken.stderr,
       'a port that is none', taken.stderr)

    photos = len(os.listdir(os.path.join(TOP, 'conf', 'demo-photos')))
    stats = until(240, lambda: [s for s in
                                [report(url + '/platform/image-stats')]
                                if s.get('products_estimated') == photos])
    ok(stats, 'its photos are uploaded', report(url + '/platform/image-stats'))

    health = until(120, lambda: [h for h in [report(url + '/platform/health')]
                                if h and h['thresholds'][0]['forecast']])
    ok(health, 'the past is long enough for a forecast',
       report(url + '/platform/health'))

    past = report(url + '/platform/history?window=60d&series=products_count')
    known = [n for n in past['series']['products_count']['mean']
             if n is not None]
    ok(len(known) * past['step'] > 29 * 86400, 'thirty days of it', len(known))
    ok(any('made up' in event['text'] for event in past['events']),
       'which is marked as made up', past['events'])

    with open(os.path.join(demo, 'nginx.pid'), encoding='ascii') as pid:
        owner = os.stat('/proc/' + pid.read().strip()).st_uid

    ok(owner != 0 or os.geteuid() != 0, 'not as root', owner)

    with open(os.path.join(demo, 'error.log'), encoding='utf-8') as log:
        said = [line for line in log
                if '[notice]' not in line and not BUSY.search(line)]

    ok(not said, 'nothing in the log', ''.join(said))


main()
done()
