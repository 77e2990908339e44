// What if there were more vendors, or more products: which limits would break,
// and which tier would hold them.  A product costs what the products there are
// cost on average, in images and in the database.

import { fill } from './bind.js';
import { finite, GIB, MIB, number, percent, size, t } from './text.js';
import { amount, base, shape, tierOf, verdict } from './view.js';

const STEPS = 1000;

const panel = document.getElementById('whatif');
const reset = document.getElementById('whatif-reset');
const sliders = {
    vendors: document.getElementById('whatif-vendors'),
    products: document.getElementById('whatif-products'),
};

let health = null;

export function start() {

    // a phone has no room for it unless it is asked for

    panel.querySelector('details').open =
        matchMedia('(min-width: 30rem)').matches;

    for (const slider of Object.values(sliders)) {
        slider.addEventListener('input', render);
    }

    reset.addEventListener('click', () => {
        for (const slider of Object.values(sliders)) {
            slider.value = 0;
        }

        render();
        sliders.vendors.focus();
    });
}

// the health report, or null if it may not be seen

export function update(report) {
    health = report;
    render();
}

function render() {
    const { vendors_count: vendors, products_count: products,
            size_bytes: database } = health?.database ?? {};

    if (!finite(vendors) || !finite(products) || products === 0
        || vendors === 0)
    {
        fill(panel, { possible: null, absent: t('whatif.unknown'), limits: [] });
        return;
    }

    const average = {
        products: products / vendors,
        images: (health.image_storage?.total_bytes ?? 0) / products,
        database: finite(database) ? database / products : null,
    };
    const more = {
        vendors: added(sliders.vendors, most(vendors, 'max_clients')),
        products: added(sliders.products, most(products, 'max_products')),
    };
    const total = {
        vendors: vendors + more.vendors,
        products: products + more.products
                  + Math.round(more.vendors * average.products),
    };
    const extra = total.products - products;

    reset.hidden = more.vendors + more.products === 0;

    fill(panel, {
        possible: true,
        absent: null,
        vendors: of(total.vendors, vendors),
        products: of(total.products, products),
        average: t('whatif.average', {
            products: number(average.products, 1),
            images: size(average.images * average.products),
            database: size(average.database * average.products),
        }),
        limits: [...limits(total, extra, average), tier(total)],
    });

    for (const [name, slider] of Object.entries(sliders)) {
        slider.setAttribute('aria-valuetext', number(total[name], 0));
    }
}

// what the slider reaches: beyond the highest tier that has a bound, and at
// least three times what there is

function most(n, bound) {
    const bounds = health.tiers.map((one) => one[bound])
                               .filter((one) => one !== null);

    return Math.max(2 * n, 1.2 * Math.max(0, ...bounds) - n);
}

// finer at its beginning, where the differences are

function added(slider, reach) {
    return Math.round(reach * (slider.value / STEPS) ** 2);
}

function of(total, now) {
    return total === now ? number(now, 0)
           : t('whatif.more', { n: number(total, 0),
                                more: number(total - now, 0) });
}

function limits(total, extra, average) {
    const growth = {
        products_total: extra,
        storage_gb: extra * average.images / GIB,
        db_size_mb: extra * average.database / MIB,
    };

    return health.thresholds.flatMap((one) => {
        if (!finite(one.current) || one.status === 'not_configured') {
            return [];
        }

        const value = one.key in growth
                      ? one.current + growth[one.key]
                      : base(one.key) === 'disk_percent'
                        ? disk(one, extra * average.images) : null;

        return value === null ? [] : [row(one, value)];
    });
}

// the disks that hold images; the others stay as they are

function disk(one, bytes) {
    const roots = health.image_storage.roots ?? [];
    const total = health.image_storage.total_bytes;
    const here = roots.filter(({ path }) => path === one.path);
    const share = here.reduce((sum, root) => sum + root.total_bytes, 0) / total;
    const free = here[0]?.filesystem?.available_bytes;

    if (!(share > 0) || !finite(free) || one.current >= 100) {
        return null;
    }

    // used + free = whole, and used = current % of it

    const whole = free / (1 - one.current / 100);

    return one.current + 100 * bytes * share / whole;
}

function row(one, value) {
    const status = value >= one.critical ? 'critical'
                   : value >= one.warning ? 'warning' : 'ok';
    const broken = value >= one.limit;

    return {
        key: one.key,
        name: t(`whatif.${base(one.key)}`, { path: one.path }),
        ...verdict('check', status),
        value: amount(one, value),
        bounds: t(broken ? 'whatif.broken' : 'number.limit',
                  { limit: one.unit === 'percent' ? percent(one.limit)
                                                  : amount(one, one.limit) }),
    };
}

function tier({ vendors, products }) {
    const i = tierOf(health.tiers, vendors, products);
    const name = health.tiers[i]?.name;
    const same = name === health.infrastructure_tier;

    return {
        key: 'tier',
        name: t('tier.title'),
        status: i < 0 ? 'critical' : same ? 'ok' : 'warning',
        shape: shape(i < 0 ? 'critical' : same ? 'ok' : 'warning'),
        state: t(same ? 'whatif.same' : 'whatif.other'),
        value: name ?? t('whatif.none'),
        bounds: same ? '' : t('whatif.from',
                              { tier: health.infrastructure_tier }),
    };
}
