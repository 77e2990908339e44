#!/usr/bin/env python3
#
# docs/operations/postgresql.md, against a real PostgreSQL: the block that sets it
# up, as a stock Debian has it, and all queries for a shop of another shape.

import os
import pwd
import re
import shlex
import subprocess
import tempfile

from handbook import TOP, done, ok, skip

PAGE = os.path.join(TOP, 'docs', 'operations', 'postgresql.md')
POSTGRES = os.path.join(TOP, 't', 'lib', 'postgres.sh')
COLLECTOR = os.environ['TEST_NGINX_COLLECTOR']

SHOP = '''
CREATE TABLE vendors (id serial PRIMARY KEY, name text,
                      is_active boolean DEFAULT true);
CREATE TABLE products (id serial PRIMARY KEY, vendor_id integer);
CREATE TABLE orders (id serial PRIMARY KEY, created_at timestamptz);
CREATE TABLE inventory (id serial PRIMARY KEY);
REVOKE ALL ON SCHEMA public FROM PUBLIC;

INSERT INTO vendors (name) VALUES ('Anna'), ('Bert');
INSERT INTO products (vendor_id) VALUES (1), (1), (2);
INSERT INTO orders (created_at) VALUES (now());
INSERT INTO inventory DEFAULT VALUES;

CREATE SCHEMA catalog; CREATE SCHEMA sales; CREATE SCHEMA people;

CREATE TABLE people.sellers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text, status text, deleted_at timestamptz);
CREATE TABLE catalog.items (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seller_id uuid, deleted_at timestamptz);
CREATE TABLE catalog.stock (item_id uuid, on_hand integer);
CREATE TABLE sales.purchases (id uuid DEFAULT gen_random_uuid(),
    placed_at timestamptz) PARTITION BY RANGE (placed_at);
CREATE TABLE sales.old PARTITION OF sales.purchases
    FOR VALUES FROM (MINVALUE) TO (date_trunc('month', now(), 'UTC'));
CREATE TABLE sales.recent PARTITION OF sales.purchases
    FOR VALUES FROM (date_trunc('month', now(), 'UTC')) TO (MAXVALUE);

INSERT INTO people.sellers (name, status, deleted_at) VALUES
    ('Cem', 'open', NULL), ('Dora', 'shut', NULL), ('Emil', 'open', now());
INSERT INTO catalog.items (seller_id, deleted_at)
    SELECT id, CASE WHEN n = 1 THEN now() END
    FROM people.sellers, generate_series(1, 5) AS n WHERE name = 'Cem';
INSERT INTO catalog.stock (on_hand) VALUES (3), (4);
INSERT INTO sales.purchases (placed_at) VALUES
    (now()), (now() - interval '40 days'), (now() - interval '80 days');
'''

# all that the queries on the page must say of the shop above

COUNTS = {
    'products_count': 4, 'orders_count': 3, 'orders_this_month': 1,
    'vendors_count': 2, 'active_vendors': 1, 'inventory_count': 7,
    'products_by_vendor': 1,
}

def block(name):
    with open(PAGE) as page:
        return re.search(r'<!-- test: %s -->\n```\w+\n(.*?)```' % name,
                         page.read(), re.S).group(1)


def queries(name):
    return re.findall(r'^caphealth_query\s+(\w+)\s+"(.*)";$', block(name),
                      re.M)


def check(url, *extra, timeout='5'):
    command = [COLLECTOR, '--check', '--timeout', timeout, url]

    for name, sql in extra:
        command += ['--query', '%s=%s' % (name, sql)]

    if os.geteuid() == 0:
        command = ['setpriv', '--reuid=www-data', '--regid=www-data',
                   '--clear-groups'] + command

    return subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, cwd='/')


def numbers(said):
    return {name: int(n) for name, n in
            re.findall(r'^(\w+) +(\d+) +[\d.]+  ', said, re.M)}


def psql(server, *arguments, **options):
    return subprocess.run([POSTGRES, 'psql', server] + list(arguments),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, **options)


def run_setup(server, port):
    """The block as it is, with "sudo -u postgres psql" made that of a server
    on another port, whose superuser is trusted on its socket."""

    script = block('setup')
    psql_bin = 'psql -U postgres -h %s -p %s' % (shlex.quote(server), port)

    script = script.replace('sudo -u postgres psql -tAc',
                            psql_bin + ' -d postgres -tAc')
    script = script.replace('sudo -u postgres psql -c',
                            psql_bin + ' -d postgres -c')
    script = script.replace('sudo -u postgres psql', psql_bin)

    return subprocess.run(['bash', '-euc', script], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def main():
    if os.geteuid() != 0:
        skip('a database that is set up',
             'only root can become the workers\' user')
        return

    try:
        pwd.getpwnam('www-data')
    except KeyError:
        skip('a database that is set up', 'there is no user "www-data"')
        return

    with tempfile.TemporaryDirectory(prefix='caphealth-') as top:
        os.chmod(top, 0o755)
        server = os.path.join(top, 'pg')

        port = subprocess.run([POSTGRES, 'start', server], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()
        try:
            tell(server, port)
        finally:
            subprocess.run([POSTGRES, 'remove', server], check=False)



def tell(server, port):
    url = 'postgresql://caphealth@/shop?host=%s&port=%s' % (server, port)

    # the role that t/lib/postgres.sh has made owns the database

    said = psql(server, '-q', '-c', 'ALTER DATABASE shop OWNER TO postgres',
                '-c', 'DROP OWNED BY caphealth', '-c', 'DROP ROLE caphealth',
                '-c', SHOP)
    ok(said.returncode == 0, 'a shop', said.stdout)

    # as on Debian: users other than the system's user are refused

    said = psql(server, '-tAc', 'SHOW hba_file')
    with open(said.stdout.strip(), 'r+') as hba:
        lines = [line for line in hba.read().splitlines()
                 if not line.startswith('local')]
        hba.seek(0)
        hba.truncate()
        hba.write('local all postgres trust\nlocal all all peer\n'
                  + '\n'.join(lines) + '\n')

    psql(server, '-qc', 'SELECT pg_reload_conf()')

    said = check(url)
    ok(said.returncode == 1 and 'no connection' in said.stdout
       and 'pg_hba.conf' in said.stdout, 'before: refused, and what to do',
       said.stdout)

    said = run_setup(server, port)
    ok(said.returncode == 0, 'the block to copy', said.stdout)

    said = check(url)
    ok(said.returncode == 0 and said.stdout.count('\n') > 8
       and 'all is known' in said.stdout, 'after: all is known', said.stdout)
    ok(numbers(said.stdout).get('products_count') == 3, 'and right',
       said.stdout)
    ok(len(re.findall(r'cost=', said.stdout)) == 8, 'each with its plan',
       said.stdout)
    ok('www-data' in said.stdout.splitlines()[0], 'as the workers\' user',
       said.stdout)

    own = queries('queries')
    ok(len(own) == 8, 'the page has all eight queries', own)

    said = check(url, *own)
    ok(said.returncode == 1 and 'permission denied for schema' in said.stdout
       and 'GRANT USAGE' in said.stdout, 'no USAGE: what to do', said.stdout)

    psql(server, '-qc', '''
GRANT USAGE ON SCHEMA catalog, sales, people TO caphealth;
GRANT SELECT ON people.sellers, catalog.items, catalog.stock, sales.purchases
    TO caphealth''')

    said = check(url, *own)
    seen = numbers(said.stdout)
    seen.pop('database_size', None)
    ok(said.returncode == 0 and seen == COUNTS, 'another shape: all eight',
       said.stdout)

    said = check(url, *queries('estimates'))
    ok('returned NULL' in said.stdout and said.returncode == 1,
       'estimates before ANALYZE: not known', said.stdout)

    psql(server, '-qc', 'ANALYZE')

    said = check(url, *queries('estimates'))
    seen = numbers(said.stdout)
    ok((seen.get('products_count'), seen.get('orders_count')) == (5, 3),
       'estimates', said.stdout)

    said = check(url, ('products_count',
                       'SELECT count(*) FROM (SELECT pg_sleep(60)) AS s'),
                 timeout='1')
    ok(re.search(r'canceling|timeout', said.stdout)
       and 'a longer caphealth_timeout' in said.stdout
       and numbers(said.stdout).get('vendors_count') == 2,
       'a query that is too slow, and those behind it', said.stdout)


main()
done()
