// A past as the history's location tells it: the same at each run, but for
// where it ends, which is now.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const windows = {
    '2h': { step: 10, columns: 720 },
    '2d': { step: 60, columns: 2880 },
    '60d': { step: 600, columns: 8640 },
    '3y': { step: 21600, columns: 4384 },
};

// where the documents are, as a location; they are written by write()

export const location = {
    '= /platform/history': `root documents; default_type application/json;
        try_files /$arg_window.json =404;`,
    '/admin/platform-health':
        'caphealth_dashboard history=/platform/history;',
};

const HOUR = 3600;
const DAY = 86400;

// -1 to 1, the same for the same number

function noise(n) {
    const x = Math.sin(n * 12.9898) * 43758.5453;

    return 2 * (x - Math.floor(x)) - 1;
}

// ago: seconds before now; at: since the epoch

const day = (at) => Math.sin(2 * Math.PI * (at % DAY / DAY - .3));

const series = {
    cpu_mean_percent: ['percent', (ago, at) => ago > 20 * HOUR
        && ago < 20.6 * HOUR ? 92 : 25 + 14 * day(at) + 3 * noise(at / 60)],
    memory_percent: ['percent', (ago, at) => 43 + 2 * day(at)],
    database_size_gb: ['GiB', (ago) => 9.3 - .02 * ago / DAY],
    'disk_percent:/srv/images': ['percent', (ago) => 75 - .5 * ago / DAY
        + (ago > 40 * DAY ? 12 : 0)],
    'disk_inodes_percent:/srv/images': ['percent', () => 12],
    'disk_percent:/': ['percent', (ago) => 26 - .01 * ago / DAY],
    uploads_per_minute: ['per minute', (ago, at) =>
        Math.max(0, 1.6 * day(at) + .2 * noise(at / 600))],
    upload_failures_per_minute: ['per minute', (ago, at) =>
        noise(at) > .995 ? .5 : 0],
    converters_waiting: ['', () => 0],
    upload_p95_seconds: ['seconds', () => 2.13],
    vendors_count: ['vendors', (ago) => Math.round(5000 - 2 * ago / DAY)],
    products_count: ['products', (ago) => Math.round(200000 - 790 * ago / DAY)],
    status: ['status', (ago) => ago < 4 * DAY ? 1
        : ago > 11 * DAY && ago < 11 * DAY + 43 * 60 ? 2 : 0],
};

// nothing is known of three hours of yesterday, and of what is older than 50
// days

const gaps = [[26 * HOUR, 29 * HOUR], [50 * DAY, Infinity]];

const happened = [
    [3 * HOUR, 'reload', null, null, 'generation 7'],
    [20 * HOUR, 'upload_failed', null, null, '3 of 12,040: undecodable-image'],
    [26 * HOUR, 'outage', null, null, 'nothing was collected for 3 h'],
    [30 * HOUR, 'scan', null, null, 'no drift, 41 s'],
    [4 * DAY, 'status', 'healthy', 'warning',
     'disk usage of "/srv/images": 70.1 percent, warning from 70 percent',
     'threshold', { subject: 'disk_percent:/srv/images', path: '/srv/images',
                    unit: 'percent', current: 70.1, bound: 70 }],
    [11 * DAY, 'status', 'critical', 'healthy', ''],
    [11 * DAY + 43 * 60, 'status', 'healthy', 'critical',
     'database: no answer', 'source-failed',
     { subject: 'database', error_code: 'database_timeout' }],
    [41 * DAY, 'start', null, null, '0.1.0'],
];

const round = (x) => Math.round(100 * x) / 100;
const iso = (s) => new Date(1000 * s).toISOString().replace('.000Z', 'Z');

// now: seconds since the epoch

export function history(window, now) {
    const { step, columns } = windows[window];
    const end = Math.floor(now / step) * step;
    const start = end - columns * step;
    const known = (ago) => !gaps.some(([from, to]) => ago > from && ago < to);

    const column = (f, i, which) => {
        const at = start + (i + .5) * step;
        const ago = now - at;

        if (!known(ago)) {
            return null;
        }

        const width = which * .5 * step;

        return round(f(ago + width, at + width) + (step > 600 ? which : 0));
    };

    return {
        window, step, start: iso(start), columns, generated_at: iso(end),
        series: Object.fromEntries(Object.entries(series).map(
            ([name, [unit, f]]) => {
                const all = Array.from({ length: columns }, (_, i) =>
                    [-1, 0, 1].map((which) => column(f, i, which)));
                const pick = (how) => all.map((three) =>
                    three[1] === null ? null
                    : how(three.map((x) => x ?? three[1])));

                return [name, {
                    unit,
                    min: pick((three) => Math.min(...three)),
                    mean: pick((three) => three[1]),
                    max: pick((three) => Math.max(...three)),
                }];
            })),
        events: happened.filter(([ago]) => ago < columns * step)
            .map(([ago, kind, from, to, text, code = null, args = {}]) =>
                 ({ at: iso(Math.floor(now - ago)), kind, from, to, text,
                    code, args })),
    };
}

export function write(server, now = Date.now() / 1000) {
    const directory = join(server.prefix, 'documents');

    mkdirSync(directory, { recursive: true });

    for (const window of Object.keys(windows)) {
        writeFileSync(join(directory, `${window}.json`),
                      JSON.stringify(history(window, now)));
    }
}
