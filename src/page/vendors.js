// Products by vendor: sorted, searched, and only as many rows as are looked
// at.

import { Rows, text } from './bind.js';
import { compare, number, plural, t } from './text.js';
import { vendor } from './view.js';

// a larger screen shows more

const FIRST = matchMedia('(min-width: 140rem)').matches ? 24 : 8;

const count = document.getElementById('vendor-count');
const search = document.getElementById('vendor-search');
const rows = new Rows(document.getElementById('vendors'),
                      document.getElementById('vendor-more'), FIRST, render);
const heads = [...document.querySelectorAll('th[data-sort]')];

const orders = {
    name: (a, b) => compare(a.name, b.name),
    products: (a, b) => a.products - b.products || compare(b.name, a.name),
};

let all = [];
let source;
let order = 'products';
let down = true;
let changed;

// address: what the page's URL says of it; remember: called with what it should
// say

export function start(address, remember) {
    changed = remember;
    search.value = address.get('q') ?? '';

    if (address.get('sort') in orders) {
        order = address.get('sort');
        down = address.get('order') === 'down';
    }

    for (const head of heads) {
        const button = document.createElement('button');

        button.type = 'button';
        button.append(...head.childNodes);
        button.addEventListener('click', () => sort(head.dataset.sort));
        head.append(button);
    }

    search.addEventListener('input', () => {
        rows.restart();
        changed({ q: search.value });
        render();
    });
}

// in other words

export function translate() {
    render();
}

// vendors: name → products, or null; undefined: may not be seen

export function update(vendors) {
    if (source !== undefined && vendors === source) {
        return;
    }

    source = vendors;

    all = Object.entries(vendors ?? {}).map(([name, products]) =>
        ({ name, products, folded: fold(name) }));

    arrange();
}

function sort(by) {
    down = order === by ? !down : by === 'products';
    order = by;
    changed(order === 'products' && down ? { sort: '', order: '' }
            : { sort: order, order: down ? 'down' : 'up' });
    arrange();
}

function arrange() {
    all.sort(orders[order]);

    if (down) {
        all.reverse();
    }

    for (const head of heads) {
        if (head.dataset.sort === order) {
            head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        } else {
            head.removeAttribute('aria-sort');
        }
    }

    render();
}

// without case and accents

function fold(string) {
    return string.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

function render() {
    const wanted = fold(search.value.trim());
    const found = wanted === '' ? all
                  : all.filter(({ folded }) => folded.includes(wanted));
    const total = all.reduce((sum, { products }) => sum + products, 0);
    const most = all.reduce((max, { products }) => Math.max(max, products), 0);

    rows.show(found, (one) => vendor(one, total, most),
              (n) => t('vendors.more', { n: number(n, 0) }));
    text(count, summary(found, wanted));
}

function summary(found, wanted) {
    if (source === null || source === undefined) {
        return t('vendors.unknown');
    }

    if (all.length === 0) {
        return t('vendors.none');
    }

    if (wanted === '') {
        return plural('vendors.count', all.length);
    }

    return found.length === 0
           ? t('vendors.nothing')
           : t('vendors.match', { n: number(found.length, 0),
                                  total: number(all.length, 0) });
}
