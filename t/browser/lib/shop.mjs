// Shops in SQLite.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const hostile = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    `O'Neil & "Sons"`,
    '{{page.title}} ${7*7}',
    'שלום‮evil‬ مرحبا',
    `Long ${'x'.repeat(10 * 1024)}`,
];

// vendors: how many, or their names; products: for the first of them, and one
// less for each that follows, but at least one

export function shop(t, { vendors = 3, products = 5, orders = 7 } = {}) {
    const dir = mkdtempSync(join(tmpdir(), 'caphealth-shop-'));
    const path = join(dir, 'shop.db');
    const names = Array.isArray(vendors)
                  ? vendors
                  : Array.from({ length: vendors },
                               (_, i) => `Vendor ${i + 1}`);

    t.after(() => rmSync(dir, { recursive: true, force: true }));

    execFileSync('sqlite3', ['-bail', path], { input: `
        CREATE TABLE vendors (id INTEGER PRIMARY KEY, name TEXT,
                              is_active BOOLEAN NOT NULL);
        CREATE TABLE products (id INTEGER PRIMARY KEY, vendor_id INTEGER);
        CREATE TABLE orders (id INTEGER PRIMARY KEY, created_at DATETIME);
        CREATE TABLE inventory (id INTEGER PRIMARY KEY);
        BEGIN;
        ${names.map((name, i) => `INSERT INTO vendors VALUES
            (${i + 1}, ${quote(name)}, 1);`).join('\n')}
        WITH RECURSIVE n (i) AS
            (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${products})
        INSERT INTO products (vendor_id)
        SELECT vendors.id FROM vendors JOIN n
        ON n.i <= max(1, ${products} + 1 - vendors.id);
        WITH RECURSIVE n (i) AS
            (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${orders})
        INSERT INTO orders (created_at) SELECT datetime('now') FROM n;
        COMMIT;` });

    return `caphealth_database sqlite:${path};`;
}

function quote(name) {
    return `'${name.replaceAll("'", "''")}'`;
}
