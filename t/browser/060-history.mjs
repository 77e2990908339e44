// The past, and what lies ahead: axes, gaps, events, forecasts, the strip of
// days, what if.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { accessible, assertStatus, clean, eventually, shoot, text, visit }
    from './lib/chromium.mjs';
import { history, location, write } from './lib/history.mjs';
import { calm, serve } from './lib/nginx.mjs';
import { shop } from './lib/shop.mjs';

const vendors = ['Alder Ceramics', 'Brunnen Garden', 'Copper Toys',
                 'Dahlia Outdoor', 'Ember Books', 'Fjord Kitchen',
                 'Grove & Sons', 'Harbour Lamps'];

const path = '/admin/platform-health';

// of a shop that has grown, with a disk that fills, and with forecasts

function grown(body) {
    const threshold = (key) => body.thresholds.find((one) => one.key === key);
    const disk = { ...threshold('disk_percent'), warning: 70, critical: 85,
                   limit: 100, path: '/srv/images' };
    const days = (low, mid, high) => ({
        forecast: { limit_in_days: { low, mid, high }, from_days: 28,
                    hit_rate: .86 },
    });

    body.host = 'shop-1.example.com';
    body.overall_status = 'degraded';
    body.infrastructure_tier = 'Large';
    body.thresholds.push(
        { ...disk, key: 'disk_percent:/srv/images', current: 75.2,
          percent_used: 75.2, status: 'warning', ...days(31, 38.4, 52) },
        { ...disk, key: 'inodes_percent:/srv/images', current: 12,
          percent_used: 12, status: 'ok', forecast: null,
          forecast_reason: 'It is not growing.',
          forecast_code: 'not_growing' });
    body.disks.push({ ...body.disks[0], path: '/srv/images', percent: 75.2,
                      available_gb: 92, inodes_percent: 12 });
    Object.assign(threshold('db_size_mb'), { current: 9523,
                                             ...days(160, 214, 300) });
    Object.assign(threshold('products_total'), { current: 200000 });
    Object.assign(threshold('storage_gb'), { current: 279.4 });
    Object.assign(body.database, { size_mb: 9523, size_bytes: 9523 * 2 ** 20,
                                   products_count: 200000,
                                   vendors_count: 120 });
    Object.assign(body.image_storage, { total_bytes: 3e11,
                                        products_estimated: 180000 });
    body.recommendations = [{ priority: 'warning', code: 'threshold-warning',
                              subject: 'disk_percent:/srv/images',
                              path: '/srv/images', title: '', description: '',
                              action: '' }];

    return body;
}

async function open(t, options = {}) {
    const server = await serve(t, {
        http: `${calm} ${shop(t, { vendors, products: 40 })}
            caphealth_dashboard_link Runbook /wiki;`,
        locations: location,
    });

    write(server);

    // the report is changed on its way

    const before = (page) => page.route('**/platform/health', async (route) => {
        try {
            const response = await route.fetch();

            await route.fulfill({ response,
                                  json: grown(await response.json()) });
        } catch {
            // the page has gone meanwhile
        }
    });

    return { server, page: await visit(t, server, { path, before,
                                                    ...options }) };
}

const chart = (key) => `.card[data-key=${key}] .chart`;

// where the pieces of a line begin and end, in pixels

async function pieces(page, selector) {
    const d = await page.locator(`${selector} .line`).getAttribute('d');

    return d.split('M').slice(1).map((piece) => {
        const xs = [...piece.matchAll(/(?:^|L)([\d.]+) /g)].map(([, x]) =>
            Number(x));

        return [xs[0], xs.at(-1)];
    });
}

test('a time axis, a scale, bounds, gaps and events', async (t) => {
    const { page } = await open(t);

    const width = await page.locator(chart('cpu')).evaluate((one) =>
        one.clientWidth - 56);

    // what is not known of yesterday is a gap, as long as it lasted

    const [before, after] = await pieces(page, chart('cpu'));
    const hours = (48 / width) * (after[0] - before[1]);

    assert.equal(before[0], 0);
    assert.ok(Math.abs(hours - 3) < .6, `the gap is of ${hours} hours`);

    // the events of two days are marks; the axis has round times

    assert.equal(await page.locator(`${chart('cpu')} .events line`).count(), 4);
    assert.match(await page.locator(`${chart('cpu')} .events`).textContent(),
                 /outage/);
    assert.match(await page.locator(`${chart('cpu')} .grid`).textContent(),
                 /0%50%100%.*12:00/);
    assert.equal(await page.locator(`${chart('database')} .bounds line`).count(),
                 2);

    // what has been seen since it was opened goes on from there

    await eventually(async () => {
        const [, , last] = [...await pieces(page, chart('cpu')), null];
        const end = (last ?? after)[1];

        assert.ok(width - end < 4, `${end} of ${width}`);
    });

    // the value, its range, and what happened then

    await page.locator(`${chart('images')} svg`).focus();
    await page.keyboard.press('Home');
    assert.match(await text(page, `${chart('images')} .readout`),
                 / a minute.*, \w+ \d+, \d\d:\d\d$/);
    await accessible(page);
    await shoot(page, 'history-2d');
    clean(page);
});

test('ranges, and the address', async (t) => {
    const { page } = await open(t);

    for (const [range, long] of [['2h', '2 hours'], ['60d', '60 days'],
                                 ['3y', '3 years']])
    {
        await page.locator(`#range input[value="${range}"]`).check();
        await eventually(async () => {
            assert.match(await page.locator(`${chart('memory')} svg`)
                                   .getAttribute('aria-label'),
                         new RegExp(`^Memory, the last ${long}: now`));
        });
        assert.match(page.url(), new RegExp(`\\?range=${range}$`));
        await shoot(page, `history-${range}`);
    }

    await page.reload();
    assert.equal(await page.locator('#range :checked').inputValue(), '3y');
    await page.locator('#range input[value="2d"]').check();
    assert.equal(new URL(page.url()).search, '?range=2d');

    // what was under way when it was loaded again

    clean(page, /ERR_ABORTED/);
});

test('the forecast, in words and ahead of now', async (t) => {
    const { page } = await open(t, { path: `${path}?range=60d` });

    await assertStatus(page, 'degraded', 'Degraded');
    assert.equal(await text(page, '.summary'),
                 'Disk usage of /srv/images near the limit: 75.2% · '
                 + 'full in 38 days (31 to 52).');
    assert.match(await text(page, '.next-limit'),
                 /^Next limit: Database size, full in 7 months \(5 to 10\)\.$/);
    assert.match(await text(page, '#disks tr[aria-current]'),
                 /\/srv\/images\s+75.2%\s+92\sGiB\s+12%\s+38 days\s+\(31–52\)/);
    assert.match(await text(page, '.card[data-key=database]'),
                 /full in 7 months \(5 to 10\)/);
    assert.equal(await page.locator('#disk-chart .ahead .band').count(), 1);
    assert.equal(await page.locator(`${chart('database')} .ahead .mid`).count(),
                 1);
    assert.equal(await page.locator(`${chart('cpu')} .ahead path`).count(), 0);

    // the line of a month in each row

    assert.ok((await page.locator('#disks .spark path').last()
                         .getAttribute('d')).length > 100);
    assert.equal(await page.locator('#runbook').getAttribute('href'), '/wiki');
    clean(page);
});

test('since when, the last 30 days, and what happened', async (t) => {
    const { page } = await open(t);

    assert.match(await text(page, '.since'),
                 /^Since \w+ \d+, \d\d:\d\d \(4\sd\) · healthy for 7\sd before/);
    assert.equal(await page.locator('.days > span').count(), 30);
    assert.equal(await page.locator('.days > [data-status=critical]').count(), 1);
    assert.ok(await page.locator('.days > [data-status=degraded]').count() >= 4);
    assert.match(await text(page, '.strip p:last-child'),
                 /^8\d\.\d+% of known time healthy$/);
    assert.match(await text(page, '#about'), /· up 41\sd$/);

    assert.match(await text(page, '#events li'), /reload: generation 7/);
    assert.equal(await page.locator('#events li').count(), 6);
    await page.locator('#events-all').click();
    assert.equal(await page.locator('#events li').count(), 8);
    assert.match(await text(page, '#events li:nth-of-type(5)'),
                 /Healthy → Degraded: Disk usage of \/srv\/images at 70\.1%, threshold 70%$/);
    assert.match(await text(page, '.card[data-key=images] .facts'),
                 / in 24 hours · p95 2\.13 s · \d+ failed · 0 waiting/);
    assert.match(await text(page, '#platform'),
                 / · \+790 products a day \(29\sd\)/);
    assert.match(await text(page, '#platform'), /Images per vendor: not known/);
    clean(page);
});

test('what if', async (t) => {
    const { page } = await open(t);
    const limits = '#whatif .judged';

    assert.match(await text(page, '#whatif'),
                 /average 1,666\.7 products, 2\.33\sGiB of images/);
    assert.match(await text(page, limits), /● Products 200,000 of 500,000/);
    assert.equal(await page.locator('#whatif-reset').isVisible(), false);

    await page.locator('#whatif-vendors').fill('560');
    assert.match(await text(page, limits),
                 /■ Products [5-9]\d\d,\d+ beyond the limit of 500,000/);
    assert.match(await text(page, limits),
                 /■ Image storage 1\.04\sTiB beyond the limit of 1,000\sGiB/);
    assert.match(await text(page, limits), /▲ Infrastructure tier \w+ now Large/);
    await shoot(page, 'what-if');

    await page.locator('#whatif-reset').click();
    assert.match(await text(page, limits), /● Products 200,000 of 500,000/);

    await page.locator('#whatif-products').focus();
    await page.keyboard.press('End');
    assert.match(await text(page, limits), /■ Products/);
    assert.match(await text(page, limits), /▲ Infrastructure tier/);
    clean(page);
});

for (const [name, directives, sentence] of [
    ['not there', 'return 404;', /^The server has no history yet\./],
    ['not for everyone', 'deny all;', /^You may not see the history: 403\./],
]) {
    test(`a history that is ${name}`, async (t) => {
        const server = await serve(t, {
            http: calm + shop(t),
            locations: { ...location, '= /platform/history': directives },
        });
        const page = await visit(t, server, { path });

        await assertStatus(page, 'healthy', 'Healthy');
        await eventually(async () => {
            assert.match(await text(page, '#events-note'), sentence);
        });
        assert.match(await text(page, '.since'), /^Seen here since/);
        assert.equal(await page.locator('.banner[data-key]').count(), 0);
        clean(page, /console: Failed to load resource.*40[34]/);
    });
}

test('the server\'s own history', async (t) => {
    const server = await serve(t, {
        http: calm + shop(t),
        locations: { '= /platform/history': 'caphealth_history;' },
    });

    await server.until(async () => {
        const answer = await fetch(server.url('/platform/history?window=2d'));

        return answer.status === 200;
    }, 90000);

    const page = await visit(t, server, { path: `${path}?range=2h` });

    await assertStatus(page, 'healthy', 'Healthy');
    await eventually(async () => {
        assert.match(await page.locator(`${chart('memory')} svg`)
                               .getAttribute('aria-label'),
                     /^Memory, the last 2 hours: now/);
        assert.equal(await page.locator('.banner[data-key]').count(), 0);
    });
    assert.equal(await page.locator('footer a', { hasText: 'history' })
                           .getAttribute('href'), '/platform/history');
    await shoot(page, 'history-own');

    // unless a range is asked for, the axis is as long as what is known

    const young = await visit(t, server, { path });

    await eventually(async () => {
        assert.equal(await young.locator(`${chart('memory')} .unknown rect`)
                                .count(), 1);
        assert.doesNotMatch(await young.locator(`${chart('memory')} .grid`)
                                       .textContent(), /00:00.*12:00/);
    });
    clean(young);
    clean(page);
});

test('the generator, column by column', () => {
    const { series, columns } = history('2h', 1795916760);

    for (const { min, mean, max } of Object.values(series)) {
        assert.equal(mean.length, columns);
        mean.forEach((x, i) => assert.ok(x === null
                                         || min[i] <= x && x <= max[i]));
    }
});

for (const [name, options] of Object.entries({
    'history-dark': { colorScheme: 'dark' },
    'history-german': { locale: 'de-DE', path: `${path}?range=60d` },
    'history-360': { viewport: { width: 360, height: 740 } },
    'history-3840': { viewport: { width: 3840, height: 2160 },
                      path: `${path}?range=60d` },
})) {
    test(`looked at: ${name}`, async (t) => {
        const { page } = await open(t, options);

        await accessible(page);
        await shoot(page, name);

        if (name === 'history-german') {
            await page.locator('#events-all').click();
            assert.match(await text(page, '#events'),
                         /Plattenbelegung von \/srv\/images bei 70,1\s%, Schwelle 70\s%/);
            assert.match(await text(page, '#events'),
                         /Kritisch: Datenbank: keine Antwort innerhalb der Frist/);
        }

        if (name === 'history-360') {
            const whole = await page.evaluate(() =>
                document.documentElement.scrollHeight);

            assert.ok(whole <= 3 * 740, `${whole} pixels high`);
        }

        clean(page);
    });
}
