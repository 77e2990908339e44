-- The demo shop: 120 vendors, 200,000 products, 100,000 orders of the last 90
-- days, inventory.  Run by sqlite3 over an empty file; takes a second or two.

PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;

CREATE TABLE vendors (
    id          INTEGER PRIMARY KEY,
    name        TEXT,
    is_active   BOOLEAN NOT NULL DEFAULT 1,
    created_at  DATETIME NOT NULL
);

CREATE TABLE products (
    id           INTEGER PRIMARY KEY,
    vendor_id    INTEGER NOT NULL REFERENCES vendors (id),
    sku          TEXT NOT NULL,
    name         TEXT NOT NULL,
    price_cents  INTEGER NOT NULL,
    created_at   DATETIME NOT NULL
);

CREATE TABLE orders (
    id           INTEGER PRIMARY KEY,
    vendor_id    INTEGER NOT NULL REFERENCES vendors (id),
    total_cents  INTEGER NOT NULL,
    status       TEXT NOT NULL,
    created_at   DATETIME NOT NULL
);

CREATE TABLE inventory (
    id          INTEGER PRIMARY KEY,
    product_id  INTEGER NOT NULL REFERENCES products (id),
    quantity    INTEGER NOT NULL,
    updated_at  DATETIME NOT NULL
);

BEGIN;

-- a name is one of each; 12 * 10 of them, no two alike

WITH RECURSIVE
n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 119),
first (i, word) AS (VALUES (0, 'Alder'), (1, 'Brunnen'), (2, 'Copper'),
    (3, 'Dahlia'), (4, 'Ember'), (5, 'Fjord'), (6, 'Garnet'), (7, 'Hazel'),
    (8, 'Île Verte'), (9, 'Juniper'), (10, 'Köhler'), (11, 'Lindgren')),
second (i, word) AS (VALUES (0, 'Ceramics'), (1, 'Garden'), (2, 'Toys'),
    (3, 'Outdoor'), (4, 'Books'), (5, 'Kitchen'), (6, 'Audio'),
    (7, 'Textiles'), (8, 'Tools'), (9, '& Daughters'))
INSERT INTO vendors
SELECT n.i + 1, first.word || ' ' || second.word, n.i % 13 <> 7,
       datetime('now', '-' || (100 + n.i * 9) || ' days')
FROM n
JOIN first ON first.i = n.i % 12
JOIN second ON second.i = n.i / 12;

-- large vendors and small ones: the share falls off with the square, and the
-- last four have nothing to sell yet

WITH RECURSIVE
n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000),
drawn (i, share) AS (SELECT i, (i * 7919 % 200000) / 200000.0 FROM n)
INSERT INTO products
SELECT i, 1 + CAST(116 * share * share AS INTEGER), printf('SKU-%06d', i),
       'Product ' || i, 199 + i * 37 % 24800,
       datetime('now', '-' || (i * 31 % 900) || ' days')
FROM drawn;

WITH RECURSIVE
n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO orders
SELECT n.i, p.vendor_id, p.price_cents * (1 + n.i % 4),
       CASE n.i % 20 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'open'
                     ELSE 'shipped' END,
       datetime('now', '-' || CAST(n.i * 77.76 AS INTEGER) || ' seconds')
FROM n
JOIN products p ON p.id = 1 + n.i * 6151 % 200000;

INSERT INTO inventory
SELECT id, id, id * 17 % 250, datetime('now') FROM products;

COMMIT;

CREATE INDEX products_vendor_id ON products (vendor_id);
CREATE INDEX orders_created_at ON orders (created_at);
CREATE INDEX inventory_product_id ON inventory (product_id);

ANALYZE;

PRAGMA journal_mode = WAL;
