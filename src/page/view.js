// From the documents of the endpoints to what the page shows.

import { age, ahead, axisTime, change, finite, GIB, known, MIB, number, percent,
         plural, size, sizeUnit, span, t } from './text.js';

const shapes = {
    ok: '●', healthy: '●', info: '○', warning: '▲', degraded: '▲',
    critical: '■', not_configured: '–',
};

const DAY = 86400e3;

export function shape(status) {
    return shapes[status] ?? '◇';
}

export function verdict(prefix, status) {
    return { status, shape: shape(status), state: t(`${prefix}.${status}`) };
}

// when a section's numbers are of; what is fresh need not say so

export function since(section, name, now) {
    const at = section?.[name] ?? null;

    return {
        time: at,
        old: section?.configured !== false && section?.stale !== false,
        age: section?.configured === false ? t('age.off')
             : at === null ? t('age.never') : age(Date.parse(at), now),
    };
}

function length(x) {
    return `${Math.min(100, Math.max(0, finite(x) ? x : 0)).toFixed(1)}%`;
}

function tile(prefix, key, value, exact = null) {
    return { key, label: t(`${prefix}.${key}`), value, exact };
}

function bytes(n) {
    return finite(n) ? plural('number.exact', n) : null;
}

function of(a, b) {
    return finite(a) && finite(b)
           ? t('number.of', { a: size(a * GIB, b * GIB), b: size(b * GIB) })
           : t('number.unknown');
}

// --- what a threshold measures, in words ---

// "disk_percent:/srv" is a disk_percent

export function base(key) {
    return key.split(':', 1)[0];
}

const units = {
    GiB: (x) => size(x * GIB),
    MiB: (x) => size(x * MIB),
    percent,
    products: (x) => number(x, 0),
};

export function amount(one, x) {
    return !finite(x) ? t('number.unknown')
           : (units[one.unit] ?? ((n) => number(n)))(x);
}

export function name(key, path) {
    return key.includes(':') ? t(`name.${base(key)}.path`, { path })
                             : t(`name.${key}`, { path });
}

function judged(one) {
    const flag = one.unit === 'flag' || base(one.key) === 'read_only';

    return {
        key: one.key,
        name: name(one.key, one.path),
        ...verdict('check', one.status),
        ...(flag ? yesOrNo(one) : numbers(one)),
    };
}

function numbers(one) {

    // nothing to judge, and nothing wrong: no uploads

    const none = one.current === null && one.status === 'ok';

    return {
        current: none ? t('number.none') : amount(one, one.current),
        bounds: one.status === 'not_configured' ? t('check.not_configured')
                : t(`bounds.${one.unit === 'percent' && one.limit === 100
                              ? 'percent' : 'limit'}`, {
                    warning: amount(one, one.warning),
                    critical: amount(one, one.critical),
                    limit: amount(one, one.limit),
                }),
    };
}

function yesOrNo({ current }) {
    return {
        current: current === null ? t('number.unknown')
                 : t(current > 0 ? 'number.yes' : 'number.no'),
        bounds: '',
    };
}

// --- forecasts: "full in 38 days (31 to 52)" ---

// in milliseconds; null: there is none

function forecast(one, factor = 1) {
    const days = one?.forecast?.limit_in_days;

    return days?.mid > 0 && finite(one.current) && finite(one.limit)
           ? { value: factor * one.current, target: factor * one.limit,
               low: DAY * days.low, mid: DAY * days.mid, high: DAY * days.high }
           : null;
}

// "full in 38 days (31 to 52)"; null: there is no forecast

export function fullIn(one) {
    const days = one?.forecast?.limit_in_days;

    return !finite(days?.mid) ? null
           : days.mid > 0 ? t('forecast.full', { mid: ahead(days.mid),
                                                 ...range(days) })
           : t('forecast.reached');
}

// the ends of the band in the unit of its middle

function range({ low, mid, high }) {
    const unit = mid < 2 ? 1 / 24 : mid < 60 ? 1 : mid < 730 ? 30.44 : 365.25;

    const digits = unit > 365 ? 1 : 0;

    return { low: number(low / unit, digits), high: number(high / unit, digits) };
}

// why there is none, in a word or two, by its code

function reason(code) {
    return known(`forecast.${code}`) ? t(`forecast.${code}`) : '–';
}

// --- cards ---

// series: its name in the history, times factor; the worst of the thresholds
// is the card's status, the first is drawn

const kinds = [
    { key: 'cpu', thresholds: ['cpu_percent'], section: 'system', show: cpu,
      series: 'cpu_mean_percent', most: 100 },
    { key: 'memory', thresholds: ['memory_percent'], section: 'system',
      show: memory, series: 'memory_percent', most: 100 },
    { key: 'database', thresholds: ['db_size_mb', 'products_total'],
      section: 'database', show: database,
      series: 'database_size_gb', factor: GIB, bound: MIB },
    { key: 'images', thresholds: ['upload_failures_percent', 'storage_gb'],
      section: 'image_storage', show: images,
      series: 'uploads_per_minute', bound: null },
];

const order = ['not_configured', 'ok', 'unknown', 'warning', 'critical'];

export function cards(health, now, past) {
    return kinds.map((kind) => card(kind, health, now, past));
}

function find(health, kind) {
    return health.thresholds.filter(({ key }) => kind.thresholds.includes(key))
        .sort((a, b) => kind.thresholds.indexOf(a.key)
                        - kind.thresholds.indexOf(b.key));
}

function card(kind, health, now, past) {
    const section = [health[kind.section]].flat()[0] ?? {};
    const all = find(health, kind);
    const [first] = all;
    const bound = kind.bound === undefined ? 1 : kind.bound;

    return {
        key: kind.key,
        title: t(`card.${kind.key}`),
        error: section.error,
        exact: null,
        ...verdict('check', worst(kind, all, section)),
        ...since(section, 'collected_at', now),
        judged: section.configured === false ? []
                : all.filter((one) => told(one, one === first && bound !== null))
                     .map((one) => one === first && bound !== null
                                   ? { ...judged(one), name: '', current: '' }
                                   : brief(one)),
        chart: {
            series: kind.series, factor: kind.factor ?? 1,
            most: kind.most ?? null,
            bounds: bound === null || !first ? {}
                    : { warning: bound * first.warning,
                        critical: bound * first.critical },
            forecast: bound === null ? null : forecast(first, bound),
            format: kind.factor ? sizes : kind.most ? percents : rates,
        },
        ...shown(kind.show(section, health, past),
                 bound !== null && first ? judged(first).bounds : null),
    };
}

// what is drawn and well needs no words beside the chart, and there are none
// for what nothing is known of

function told({ status, current }, drawn) {
    return status !== 'not_configured'
           && (status !== 'ok' || (!drawn && current !== null));
}

// the bounds of what is well are drawn, or far away

function brief(one) {
    return one.status === 'ok' && one.unit !== 'percent'
           ? { ...judged(one), bounds: t('number.limit', {
               limit: amount(one, one.limit) }) }
           : judged(one);
}

// the bounds of what is drawn can be read at the value

function shown({ exact, ...rest }, bounds) {
    return { ...rest, exact: join(exact, bounds) || null };
}

function worst(kind, all, section) {
    if (section.configured === false) {
        return 'not_configured';
    }

    const found = all.map(({ status }) => order.indexOf(status));

    if (section.reachable === false) {
        found.push(order.indexOf('critical'));

    } else if (kind.section === 'database' && section.error) {
        found.push(order.indexOf('warning'));
    }

    return order[Math.max(...found)] ?? 'unknown';
}

// a value, and a round top of the scale

function round(most, one = 1) {
    const power = 10 ** Math.floor(Math.log10(most / one));

    return one * power * [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((n) =>
        n * power >= most / one);
}

export const percents = { text: percent, top: () => 100 };

const sizes = {
    text: size,
    top: (most) => most > 0 ? round(most, sizeUnit(most)[1]) : MIB,
};

const rates = {
    text: (x, of) => of === undefined ? t('number.perMinute', { n: number(x) })
                                      : number(x),
    top: (most) => most > 0 ? Math.max(2, round(most)) : 2,
};

export function join(...parts) {
    return parts.filter((one) => one !== null && one !== undefined
                                 && one !== '').join(' · ');
}

function stall(pressure, kind) {
    const some = pressure?.[kind]?.some?.avg300;

    return finite(some) ? t('line.stall', { n: percent(some) }) : null;
}

function cpu(system) {
    const value = percent(system.cpu_mean_percent ?? system.cpu_percent);
    const minutes = system.cpu_mean_seconds / 60;

    return {
        value,
        exact: finite(system.cpu_percent)
               ? t('card.exact.cpu', { value: percent(system.cpu_percent) })
               : null,
        facts: join(
            minutes > 0 ? t('line.mean', { n: number(Math.max(1, minutes), 0) })
                        : null,
            stall(system.pressure, 'cpu'),
            system.cpu_converters_percent > 0
            ? t('line.converters', {
                n: percent(system.cpu_converters_percent) }) : null,
            finite(system.load_average?.[0]) && finite(system.cores)
            ? t('line.load', { n: number(system.load_average[0]),
                               cores: plural('cores', system.cores) }) : null,
            system.scope === 'cgroup' ? t('scope.cgroup') : null),
    };
}

function memory(system) {
    return {
        value: percent(system.memory_percent),
        facts: join(of(system.memory_used_gb, system.memory_total_gb),
                    stall(system.pressure, 'memory')),
    };
}

function database(section, health) {
    const threshold = health.thresholds.find(({ key }) => key === 'db_size_mb');
    const products = health.thresholds.find(({ key }) =>
                                            key === 'products_total');
    const count = (key) => finite(section[`${key}_count`])
        ? plural(`count.${key}`, section[`${key}_count`]) : null;

    return {
        value: section.configured === false ? t('number.none')
               : size(section.size_mb * MIB),
        exact: join(bytes(section.size_bytes), count('orders'),
                    count('inventory'),
                    section.engine ? `${section.engine} ${
                        section.version ?? ''}` : null),
        facts: join(fullIn(threshold),
                    finite(products?.current) ? null : count('products'),
                    count('vendors')),
    };
}

// past: what the history says of a day of uploads

function images(section, health, past) {
    const stored = finite(section.products_estimated)
        ? t('line.stored', {
            images: plural('count.images', section.products_estimated),
            size: size(section.total_bytes) }) : null;

    if (section.configured === false) {
        return { value: t('number.none'), facts: '' };
    }

    if (!finite(past.uploads)) {
        return {
            value: number(section.products_estimated, 0),
            exact: bytes(section.total_bytes),
            facts: join(t('line.images', { size: size(section.total_bytes) }),
                        fullIn(health.thresholds.find(({ key }) =>
                                                       key === 'storage_gb'))),
        };
    }

    return {
        value: number(past.uploads, 0),
        exact: stored,
        facts: join(t('line.uploads'),
                    finite(past.p95)
                    ? t('line.p95', { n: number(past.p95) }) : null,
                    finite(past.failures)
                    ? t('line.failed', { n: number(past.failures, 0) }) : null,
                    finite(past.waiting)
                    ? t('line.waiting', { n: number(past.waiting, 0) })
                    : null),
    };
}

// --- disks and trees: a row a file system ---

export function disks(health) {
    const bounds = health.thresholds.filter(({ key }) =>
                                            base(key) === 'disk_percent');
    const own = (path) => bounds.find((one) => one.path === path);

    // a path without a threshold of its own is on the file system of another

    const paths = [...new Set([
        ...health.disks.filter(({ path, error }, i) =>
            i === 0 || error || own(path)).map(({ path }) => path),
        ...bounds.map(({ path }) => path),
    ])].filter((path) => path !== null);

    return paths.map((path) => disk(path, health));
}

function disk(path, health) {
    const ofPath = (kind) => health.thresholds.find((one) =>
        one.path === path && base(one.key) === kind);
    const space = ofPath('disk_percent');
    const inodes = ofPath('inodes_percent');
    const seen = health.disks.find((one) => one.path === path);
    const root = (health.image_storage.roots ?? []).find((one) =>
                                                         one.path === path);
    const free = seen?.available_gb * GIB
                 || root?.filesystem?.available_bytes;
    const states = ['disk_percent', 'inodes_percent', 'read_only']
        .map(ofPath).filter(Boolean).map(({ status }) => order.indexOf(status));
    const used = space?.current ?? seen?.percent;
    const days = space?.forecast?.limit_in_days;

    return {
        key: path,
        path,
        ...verdict('check', order[Math.max(...states)] ?? 'unknown'),
        used: finite(used) ? percent(used) : t('number.unknown'),
        free: size(free),
        inodes: finite(inodes?.current) ? percent(inodes.current)
                : t(space ? 'number.none' : 'number.unknown'),
        full: days?.mid > 0 ? ahead(days.mid) : days?.mid === 0
              ? t('forecast.reached') : reason(space?.forecast_code),
        band: days?.mid > 0 ? t('forecast.band', range(days)) : '',
        note: seen?.error ?? (ofPath('read_only')?.current > 0
                              || seen?.read_only ? t('line.read_only') : null),
        threshold: space,
        series: `disk_percent:${path}`,
        mid: space?.forecast?.limit_in_days?.mid ?? Infinity,
        rank: Math.max(...states),
        chart: {
            name: path, most: 100, format: percents,
            bounds: space ? { warning: space.warning,
                              critical: space.critical } : {},
            forecast: forecast(space),
        },
    };
}

// the one that is drawn if nobody chose: the worst, then the first to be full,
// then the fullest

export function worstDisk(rows) {
    return [...rows].sort((a, b) => b.rank - a.rank || a.mid - b.mid
        || (b.threshold?.current ?? 0) - (a.threshold?.current ?? 0))[0];
}

const ofDisks = ['disk_percent', 'inodes_percent', 'read_only'];

// what of it is not ok, for a table cannot say bounds

export function disksJudged(health) {
    return health.thresholds
        .filter(({ key, status }) => ofDisks.includes(base(key))
                && !['ok', 'not_configured'].includes(status))
        .map(judged);
}

// --- the ladder of tiers ---

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
        next: current ? next(health, here) : t('tier.unknown'),
    };
}

// the first tier that holds both, or -1

export function tierOf(tiers, vendors, products) {
    const holds = (bound, n) => bound === null || n <= bound;

    return tiers.findIndex((one) => holds(one.max_clients, vendors)
                                    && holds(one.max_products, products));
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

// one sentence: how full the tier is, what comes behind it, and when

function next(health, here) {
    const current = health.tiers[here];
    const above = health.tiers[here + 1];

    if (above === undefined) {
        return t('tier.next.last', { tier: current.name });
    }

    const shares = sides.filter(({ bound }) => current[bound] > 0)
        .map(({ key, count, bound }) => t(`tier.share.${key}`, {
            share: percent(100 * health.database[count] / current[bound]) }));

    return [t('tier.next', { tier: current.name, next: above.name,
                             shares: shares.join(t('tier.and')) }),
            arrival(health, above)].filter(Boolean).join(' ');
}

// the dimension that gets there first; the report may not have any of it

function arrival(health, above) {
    const [first] = sides
        .map(({ key }) => ({ key, ...health.tier_forecast?.[key] }))
        .filter((one) => one.forecast?.limit_in_days?.mid > 0)
        .sort((a, b) => a.forecast.limit_in_days.mid
                        - b.forecast.limit_in_days.mid);

    return first && t('tier.arrival', {
        next: above.name,
        what: t(`tier.${first.key}`),
        mid: ahead(first.forecast.limit_in_days.mid),
        ...range(first.forecast.limit_in_days),
        date: axisTime(Date.now() + DAY * first.forecast.limit_in_days.mid, DAY),
    });
}

// --- the platform ---

// growth: of the products, or null

export function platform(capacity, now, growth) {
    const counts = {
        products: capacity.products_total,
        active: capacity.active_vendors,
        month: capacity.orders_this_month,
    };

    return {
        counts: join(...Object.entries(counts).map(([key, n]) =>
            finite(n) ? plural(`count.${key}`, n) : null),
            growth && t('line.growth', { n: change(growth.perDay),
                                         span: span(growth.ms) })),
        unknown: capacity.products_by_vendor ? t('vendors.images') : null,
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
    const { drift_files: files, drift_bytes: drift } = stats;
    const count = (key, n) => tile('images', key, number(n, 0));

    return [
        count('files', stats.total_files),
        count('sets', stats.products_estimated),
        count('incomplete', stats.incomplete_sets),
        count('strays', stats.stray_files),
        tile('images', 'size', size(stats.total_bytes),
             bytes(stats.total_bytes)),
        tile('images', 'fullest', number(stats.max_files_per_dir, 0),
             stats.max_files_dir),
        tile('images', 'drift',
             finite(files) && finite(drift)
             ? t('images.drift.value', { files: plural('count.files', files),
                                         size: size(drift) })
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
        tile('images', 'size', size(root.total_bytes)),
        tile('images', 'free', size(root.filesystem?.available_bytes)),
        tile('images', 'left', number(root.images_left, 0)),
    ];

    if (root.scan) {
        lines.push(tile('images', 'scan', percent(root.scan.percent)));
    }

    return { key: i, path: root.path, error: root.error, lines };
}
