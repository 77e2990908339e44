// From the documents of the endpoints to what the page shows.

import { age, finite, known, number, percent, plural, t, unit } from './text.js';

const shapes = {
    ok: '●', healthy: '●', info: '○', warning: '▲', degraded: '▲',
    critical: '■', not_configured: '–',
};

const GIB = 1024 ** 3;

export function shape(status) {
    return shapes[status] ?? '◇';
}

export function verdict(prefix, status) {
    return { status, shape: shape(status), state: t(`${prefix}.${status}`) };
}

export function since(section, name, now) {
    const at = section?.[name] ?? null;

    return {
        time: at,
        age: section?.configured === false ? t('age.off')
             : at === null ? t('age.never') : age(Date.parse(at), now),
    };
}

function length(x) {
    return `${Math.min(100, Math.max(0, finite(x) ? x : 0)).toFixed(1)}%`;
}

function line(key, value) {
    return { key, label: t(`line.${key}`), value };
}

function tile(prefix, key, value, exact = null) {
    return { key, label: t(`${prefix}.${key}`), value, exact };
}

function bytes(n) {
    return finite(n) ? unit('number.bytes', n, 0) : null;
}

function of(a, b) {
    return finite(a) && finite(b)
           ? t('number.of', { a: number(a), b: unit('number.gb', b) })
           : t('number.unknown');
}

// --- cards ---

// the first of the thresholds is the bar's; the worst of them the status

const kinds = [
    { key: 'cpu', thresholds: ['cpu_percent'], section: 'system', show: cpu },
    { key: 'memory', thresholds: ['memory_percent'], section: 'system',
      show: memory },
    { key: 'disk', thresholds: ['disk_percent', 'inodes_percent', 'read_only'],
      section: 'disks', show: disk },
    { key: 'database', thresholds: ['db_size_mb', 'products_total'],
      section: 'database', show: database },
    { key: 'images', thresholds: ['storage_gb', 'upload_failures_percent'],
      section: 'image_storage', show: images },
];

const order = ['not_configured', 'ok', 'unknown', 'warning', 'critical'];

// "disk_percent:/srv" is a disk_percent

function base(key) {
    return key.split(':', 1)[0];
}

export function cards(health, now) {
    return kinds.map((kind) => card(kind, health, now));
}

function card(kind, health, now) {
    const threshold = health.thresholds.find((one) =>
                                             one.key === kind.thresholds[0]);
    const section = [health[kind.section]].flat()[0] ?? {};
    const title = t(`card.${kind.key}`);

    return {
        key: kind.key,
        title,
        error: section.error,
        exact: null,
        ...verdict('check', worst(kind, health, section)),
        ...since(section, 'collected_at', now),
        ...bar(title, threshold),
        ...kind.show(section, health),
    };
}

function worst(kind, health, section) {
    if (section.configured === false) {
        return 'not_configured';
    }

    const found = health.thresholds
        .filter(({ key }) => kind.thresholds.includes(base(key)))
        .map(({ status }) => order.indexOf(status));

    if (section.reachable === false) {
        found.push(order.indexOf('critical'));

    } else if (kind.section === 'database' && section.error) {
        found.push(order.indexOf('warning'));
    }

    return order[Math.max(...found)] ?? 'unknown';
}

function bar(name, { percent_used: used, warning, critical, limit }) {
    return {
        bar: finite(used)
             ? t('card.bar', { name, used: percent(used),
                               warning: number(warning),
                               critical: number(critical) })
             : t('card.bar.unknown', { name }),
        fill: length(used),
        warning: length(100 * warning / limit),
        critical: length(100 * critical / limit),
    };
}

function cpu(system) {
    const value = percent(system.cpu_percent);
    const lines = [];

    if (system.load_average?.every(finite)) {
        lines.push(line('load', system.load_average.map((x) => number(x))
                                                   .join(' · ')));
    }

    if (system.scope) {
        lines.push(line('scope', t(`scope.${system.scope}`)));
    }

    lines.push(line('mean', percent(system.cpu_mean_percent)));

    if (system.cpu_converters_percent > 0) {
        lines.push(line('converters', percent(system.cpu_converters_percent)));
    }

    return {
        value,
        chart: system.cpu_percent,
        exact: finite(system.cpu_percent) && finite(system.cores)
               ? t('card.exact.cpu', { value,
                                       cores: plural('cores', system.cores) })
               : null,
        lines,
    };
}

function memory(system) {
    const used = of(system.memory_used_gb, system.memory_total_gb);

    return {
        value: percent(system.memory_percent),
        chart: system.memory_percent,
        exact: used,
        lines: [line('used', used)],
    };
}

function disk(first, health) {
    const used = of(first.used_gb, first.total_gb);
    const lines = [line('used', used)];

    health.disks.forEach((one, i) => lines.push({
        key: `disk ${i}`,
        label: one.path,
        value: one.error ?? percent(one.percent)
               + (one.read_only ? `, ${t('line.read_only')}` : ''),
    }));

    // those that are judged for the images' sake alone

    const listed = new Set(health.disks.map(({ path }) => path));

    for (const one of health.thresholds) {
        if (base(one.key) === 'disk_percent' && one.path !== null
            && !listed.has(one.path))
        {
            lines.push({ key: one.key, label: one.path,
                         value: percent(one.current) });
        }
    }

    return {
        value: percent(health.system.disk_percent),
        chart: health.system.disk_percent,
        exact: used,
        lines,
    };
}

function database(section) {
    const lines = ['products', 'orders', 'vendors', 'inventory'].map((key) =>
        line(key, number(section[`${key}_count`], 0)));

    if (section.engine) {
        lines.push(line('engine', `${section.engine} ${section.version ?? ''}`));
    }

    return {
        value: unit('number.mb', section.size_mb),
        chart: section.size_mb,
        exact: bytes(section.size_bytes),
        lines,
    };
}

function images(section) {
    return {
        value: unit('number.gb', section.total_size_gb),
        chart: section.total_size_gb,
        exact: bytes(section.total_bytes),
        lines: [
            line('files', number(section.total_files, 0)),
            line('sets', number(section.products_estimated, 0)),
            line('fullest', number(section.max_files_per_dir, 0)),
        ],
    };
}

// --- thresholds ---

export function thresholds(health) {
    return health.thresholds.map((one) => ({
        key: one.key,
        name: name(one.key, one.path),
        ...(base(one.key) === 'read_only' ? flag(one) : numbers(one)),
        ...verdict('check', one.status),
    }));
}

function numbers(one) {

    // nothing to judge, and nothing wrong: no uploads

    const none = one.current === null && one.status === 'ok';

    return {
        current: none ? t('number.none') : number(one.current),
        warning: number(one.warning),
        critical: number(one.critical),
        limit: number(one.limit),
        used: none ? t('number.none') : percent(one.percent_used),
    };
}

function flag({ current }) {
    return {
        current: current === null ? t('number.unknown')
                 : t(current > 0 ? 'number.yes' : 'number.no'),
        warning: '',
        critical: t('number.yes'),
        limit: '',
        used: '',
    };
}

function name(key, path) {
    return key.includes(':') ? t(`name.${base(key)}.path`, { path })
                             : t(`name.${key}`, { path });
}

// --- recommendations, and the verdict ---

export function advice(health) {
    const rows = health.recommendations.map((one, i) => ({
        key: i,
        priority: one.priority,
        code: one.code,
        ...verdict('check', one.priority),
        ...sentences(one, health),
    }));

    return ['critical', 'warning', 'info'].flatMap((priority) =>
        rows.filter((row) => row.priority === priority));
}

function sentences(one, health) {
    const args = { subject: subject(one), ...details(one, health) };
    const say = (part, plain) => known(`advice.${one.code}.${part}`)
                                 ? t(`advice.${one.code}.${part}`, args)
                                 : one[plain];

    return {
        title: say('title', 'title'),
        text: say('text', 'description'),
        action: say('action', 'action'),
    };
}

function details(one, health) {
    if (!health) {
        return {};
    }

    const threshold = health.thresholds.find(({ key }) => key === one.subject);

    if (threshold) {
        return {
            used: percent(threshold.percent_used),
            current: number(threshold.current),
            limit: number(threshold.limit),
        };
    }

    const i = health.tiers.findIndex(({ name }) =>
                                     name === health.infrastructure_tier);
    const tier = health.tiers[i];
    const share = (n, bound) => percent(bound > 0 ? 100 * n / bound : null);

    return tier && {
        tier: tier.name,
        next: health.tiers[i + 1]?.name,
        vendors: share(health.database.vendors_count, tier.max_clients),
        products: share(health.database.products_count, tier.max_products),
    };
}

function subject(one) {
    return one.subject ? name(one.subject, one.path ?? '') : '';
}

// the most urgent cause first, and the action that is for it

export function overall(health, now) {
    const status = health.overall_status;
    const rows = ['critical', 'warning', 'info'].flatMap((priority) =>
        health.recommendations.filter((one) => one.priority === priority));
    const first = rows[0];

    return {
        ...verdict('status', status),
        summary: summary(rows, status),
        action: status !== 'healthy' && first && first.priority !== 'info'
                ? sentences(first, health).action : null,
        ...since(health.system, 'collected_at', now),
    };
}

const unknown = /^(source|value|database)-/;

function summary(rows, status) {
    if (status === 'healthy') {
        return t('summary.healthy');
    }

    const all = status === 'unknown';
    const about = rows.filter((one) => one.subject
        && (all ? unknown.test(one.code) : one.priority !== 'info'));
    const names = [...new Set(about.map(subject))];
    const what = names.join(', ');

    if (names.length > 0) {
        return all ? t('summary.unknown', { what })
                   : plural('summary.attention', names.length, { what });
    }

    return rows.length > 0
           ? t('summary.because', { why: sentences(rows[0]).title })
           : t('summary.unknown.all');
}

// --- the ladder of tiers ---

const NEAR = 70;

const sides = [
    { key: 'vendors', count: 'vendors_count', bound: 'max_clients' },
    { key: 'products', count: 'products_count', bound: 'max_products' },
];

export function tier(health) {
    const here = health.tiers.findIndex(({ name }) =>
                                        name === health.infrastructure_tier);
    const current = health.tiers[here];

    return {
        ladder: health.tiers.map((one, i) => step(one, i, here)),
        dimensions: current
                    ? sides.map((side) => dimension(side, current,
                                                    health.database))
                    : [],
        next: current ? next(health, here) : t('tier.unknown'),
    };
}

function step(one, i, here) {
    const place = here < 0 || i > here ? 'above' : i < here ? 'below' : 'here';

    return {
        key: i,
        place,
        shape: { above: '○', below: '✓', here: '▶' }[place],
        current: place === 'here' ? 'step' : 'false',
        name: one.name,
        bounds: bounds(one),
        here: place === 'here' ? t('tier.here') : null,
    };
}

function bounds({ max_clients: clients, max_products: products }) {
    const key = clients === null
                ? products === null ? 'tier.bounds.none'
                                    : 'tier.bounds.products'
                : products === null ? 'tier.bounds.vendors' : 'tier.bounds';

    return t(key, { vendors: number(clients, 0),
                    products: number(products, 0) });
}

function dimension({ key, count, bound }, current, section) {
    const n = section[count];
    const most = current[bound];
    const label = t(`tier.${key}`);
    const value = most === null
                  ? number(n, 0)
                  : t('tier.of', { n: number(n, 0), bound: number(most, 0) });

    const share = most > 0 && finite(n) ? 100 * n / most : null;

    return {
        key,
        label,
        value,
        bar: `${label}: ${value}`,
        fill: length(share),
        status: share > NEAR ? 'warning' : 'ok',
    };
}

function next(health, here) {
    const current = health.tiers[here];
    const above = health.tiers[here + 1];

    return above === undefined
           ? t('tier.next.last')
           : t('tier.next', { next: above.name,
                              bounds: either(current, {}),
                              room: either(current, health.database) });
}

// of the bounds what is not used yet: "5 vendors or 100 products"

function either(current, used) {
    return sides.filter(({ bound }) => current[bound] !== null)
                .map(({ key, count, bound }) =>
                     unit(`tier.room.${key}`,
                          current[bound] - (used[count] ?? 0), 0))
                .join(t('tier.and'));
}

// --- the platform ---

export function platform(capacity, now) {
    const tiles = {
        orders: capacity.orders_this_month,
        vendors: capacity.active_vendors,
        products: capacity.products_total,
        images: capacity.images_total,
    };

    return {
        tiles: Object.entries(tiles).map(([key, n]) =>
                                         tile('tile', key, number(n, 0))),
        error: capacity.error,
        ...since(capacity, 'collected_at', now),
    };
}

export function vendor({ name, products }, total, most) {
    return {
        key: name,
        name,
        focus: name.length > 100 ? 0 : null,
        products: number(products, 0),
        share: percent(100 * products / total),
        fill: length(100 * products / most),
    };
}

// --- the image trees ---

export function imageStats(stats, now) {
    const some = stats.roots.length > 0;

    return {
        tiles: some ? imageTiles(stats, now) : [],
        note: some ? imageSource(stats) : t('images.none'),
        error: stats.error,
        ...since(stats, 'timestamp', now),
        roots: stats.roots.map(imageRoot),
    };
}

function imageTiles(stats, now) {
    const { drift_files: files, drift_bytes: size } = stats;
    const count = (key, n) => tile('images', key, number(n, 0));

    return [
        count('files', stats.total_files),
        count('sets', stats.products_estimated),
        count('incomplete', stats.incomplete_sets),
        count('strays', stats.stray_files),
        tile('images', 'size', unit('number.mb', stats.total_size_mb),
             bytes(stats.total_bytes)),
        tile('images', 'fullest', number(stats.max_files_per_dir, 0),
             stats.max_files_dir),
        tile('images', 'drift',
             finite(files) && finite(size)
             ? t('images.drift.value', { files: number(files, 0),
                                         bytes: number(size, 0) })
             : t('number.unknown')),
        tile('images', 'scanned',
             stats.last_full_scan === null
             ? t('images.scanned.never')
             : age(Date.parse(stats.last_full_scan), now)),
    ];
}

function imageSource({ source }) {
    return source === null ? t('age.never')
           : source === 'live' ? t('images.live') : t('images.saved');
}

function imageRoot(root, i) {
    const lines = [
        tile('images', 'files', number(root.total_files, 0)),
        tile('images', 'free',
             unit('number.gb', root.filesystem
                               && root.filesystem.available_bytes / GIB)),
        tile('images', 'left', number(root.images_left, 0)),
    ];

    if (root.scan) {
        lines.push(tile('images', 'scan', percent(root.scan.percent)));
    }

    return { key: i, path: root.path, error: root.error, lines };
}
