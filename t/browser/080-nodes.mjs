// The nodes of a fleet: of fleets that are made up, and where there is none.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { accessible, clean, eventually, shoot, text, visit }
    from './lib/chromium.mjs';
import { serve } from './lib/nginx.mjs';

const ago = (s) => new Date(Date.now() - 1000 * s).toISOString()
                                                  .replace(/\.\d+Z/, 'Z');

function node(name, status = 'healthy', more = {}) {
    return { name, status, cause: null, silent: false, version: '0.1.0',
             reported_at: ago(3), interval_seconds: 10, started_at: ago(86400),
             clock_offset_seconds: 0.012, doubled: false, cause_code: null,
             cause_args: null, database_differs: false, ...more };
}

const ranks = ['healthy', 'degraded', 'unknown', 'critical'];

function fleet(nodes, more = {}) {
    const n = (status) => nodes.filter((one) => one.status === status).length;

    return { platform_status: ranks[Math.max(...nodes.map(({ status }) =>
                 ranks.indexOf(status)))],
             reason: null,
             counts: { ...Object.fromEntries(ranks.map((one) => [one, n(one)])),
                       silent: nodes.filter(({ silent }) => silent).length },
             node: 'node-1', lease_holder: 'node-2', lease_held: false,
             database_from: 'node-2', alone: false, clock_offset_seconds: 0,
             collected_at: ago(1), attempted_at: ago(1), stale: false,
             error: null, error_code: null, refresh_seconds: 10,
             version: '0.1.0', nodes, database_differs: false, ...more };
}

const memory = 'Memory Usage (%): 80.3 percent, warning from 75 percent';

const mixed = fleet([
    node('node-1'),
    node('node-2', 'degraded', {
        cause: memory, cause_code: 'threshold',
        cause_args: { subject: 'memory_percent', unit: 'percent',
                      current: 80.3, bound: 75 } }),
    node('node-3', 'unknown', { silent: true, reported_at: ago(7200) }),
    node('node-4', 'critical', { cause: 'Disk Usage (%) of /srv/images: 97.1 '
        + 'percent, critical from 85 percent' }),
    node('node-5', 'healthy', { clock_offset_seconds: 121.4, doubled: true }),
    node('node-10', 'healthy', { version: '0.2.0', database_differs: true }),
]);

// A page that asks for the nodes and is given a document; of a function, its
// result; null: what the server has.

async function open(t, document, options = {}) {
    const server = await serve(t, { locations: {
        '= /platform/nodes': 'caphealth_nodes;',
    } });

    const page = await visit(t, server, {
        path: '/admin/platform-health#nodes', ...options,
        before: document && ((one) => one.route('**/platform/nodes', (route) =>
            route.fulfill({ json: typeof document === 'function'
                                  ? document() : document }))),
    });

    return { page, server };
}

const names = (page) => page.locator('#nodes-rows bdi').allInnerTexts();

test('the worst first, with their causes', async (t) => {
    const { page } = await open(t, mixed);

    assert.deepEqual(await names(page), ['node-4', 'node-3', 'node-2', 'node-1',
                                         'node-5', 'node-10']);
    assert.match(await text(page, '#verdict'), /■\s+Critical/);
    assert.match(await text(page, '#overall'),
                 /node-4: Disk Usage \(%\) of \/srv\/images: 97\.1/);
    assert.match(await text(page, '#nodes-panel'),
                 /Shown by node-1 · node-2 queries the shop’s database for all · its numbers were read by node-2/);
    assert.match(await text(page, '#nodes-rows tr:nth-of-type(2)'),
                 /◇\s+node-3\s+No report since .+\s+2\sh ago/);
    assert.match(await text(page, '#nodes-rows tr:nth-of-type(3)'),
                 /node-2 queries the shop’s database\s+Memory usage at 80\.3\s?%, threshold 75\s?%/);
    assert.match(await page.locator('#nodes-rows tr:nth-of-type(3) [title]')
                           .first().getAttribute('title'), /^Memory Usage/);
    assert.match(await text(page, '#nodes-rows tr:nth-of-type(4)'),
                 /●\s+node-1 this node/);
    assert.match(await text(page, '#nodes-rows tr:nth-of-type(5)'),
                 /Two running nodes have this name[^]*121\ss fast/);
    assert.match(await text(page, '#nodes-rows tr:nth-of-type(6)'),
                 /node-10\s+Its caphealth_database or caphealth_query differs from that of node-2\./);
    assert.equal(await page.locator('#overall .strip').isVisible(), false);
    assert.match(await text(page, '#overall'), /all nodes together/);
    assert.match(await page.title(), /^Critical/);
    assert.equal(await text(page, '#nodes-count'), '6 nodes');
    assert.equal(await page.locator('#nodes-link .shape')
                           .getAttribute('aria-label'), 'Critical');

    // by their status, and by their names; the address remembers both

    await page.locator('#nodes-filter label', { hasText: 'Healthy: 3' }).click();
    assert.deepEqual(await names(page), ['node-1', 'node-5', 'node-10']);
    assert.equal(await text(page, '#nodes-count'), '3 of 6 nodes');

    await page.locator('#nodes-search').fill('NODE-1');
    assert.deepEqual(await names(page), ['node-1', 'node-10']);
    assert.match(page.url(), /\?status=healthy&node=NODE-1#nodes$/);

    await page.reload();
    await eventually(async () =>
        assert.deepEqual(await names(page), ['node-1', 'node-10']));

    // this node's own status is that of the other views

    await page.locator('nav a[href="#capacity-monitor"]').click();
    await eventually(async () => assert.doesNotMatch(
        await text(page, '#overall'), /node-4/));
    assert.equal(await page.locator('#overall .strip').isVisible(), true);
    await page.locator('#nodes-link a').click();

    await page.locator('#nodes-search').fill('none');
    assert.deepEqual(await names(page), []);
    assert.equal(await text(page, '#nodes-count'), 'No matching nodes.');
    clean(page);
});

test('the keyboard alone: the view, the filter, the rows', async (t) => {
    const { page } = await open(t, mixed, { path: undefined });

    await page.locator('#nodes-link a').focus();
    await page.keyboard.press('Enter');
    await eventually(async () => assert.equal(
        await page.evaluate(() => document.activeElement.id), 'nodes-title'));
    assert.equal(await page.locator('#capacity-monitor').isVisible(), false);
    assert.equal(await page.locator('#range').isVisible(), false);
    assert.equal(await page.locator('#nodes').isVisible(), true);

    await page.locator('#nodes-filter input:checked').focus();
    await page.keyboard.press('ArrowRight');
    assert.deepEqual(await names(page), ['node-4']);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className),
                 'scroll');
    clean(page);
});

test('3,000 nodes', async (t) => {
    const many = Array.from({ length: 3000 }, (_, i) =>
        node(`node-${i}`, i % 10 === 0 ? 'degraded' : 'healthy',
             i % 10 === 0 ? { cause: memory } : {}));
    const { page } = await open(t, fleet(many));
    const more = page.locator('#nodes-more');

    assert.equal((await names(page)).length, 100);
    assert.equal((await names(page))[1], 'node-10');

    for (const n of [200, 300, 400, 500]) {
        await more.click();
        assert.equal((await names(page)).length, n);
    }

    assert.equal(await more.isVisible(), false);

    await page.locator('#nodes-search').fill('2999');
    assert.deepEqual(await names(page), ['node-2999']);
    clean(page);
});

test('what this node does not know', async (t) => {
    let now = { ...mixed, platform_status: 'unknown', alone: true,
                error: 'connection refused' };
    const { page } = await open(t, () => now);

    assert.match(await text(page, '#overall'),
                 /Unknown\s+This node cannot reach the fleet’s database\./);
    assert.match(await text(page, '#nodes-panel .error'), /connection refused/);

    now = { ...mixed, platform_status: 'unknown', stale: true };
    await eventually(async () => assert.match(
        await text(page, '#overall'),
        /This node has not read the reports of the others since/));

    now = fleet([node('node-1')], { lease_holder: null, database_from: null });
    await eventually(async () => assert.match(
        await text(page, '#overall'), /Healthy\s+All nodes are healthy\./));
    await eventually(async () => assert.match(
        await text(page, '#nodes-panel'),
        /Shown by node-1 · no node queries the shop’s database/));
    assert.equal(await text(page, '#nodes-count'), '1 node');
    clean(page);
});

test('names and causes are text', async (t) => {
    const { page } = await open(t, fleet([
        node('a', 'critical', { cause: '<img src=x onerror=alert(1)>' }),
    ]));

    assert.match(await text(page, '#nodes-rows'), /<img src=x onerror/);
    assert.equal(await page.locator('#nodes img').count(), 0);
    clean(page);
});

test('no fleet: no view of it', async (t) => {
    const { page } = await open(t, null);

    await eventually(async () => assert.equal(
        await page.locator('#capacity-monitor').isVisible(), true));
    assert.equal(await page.locator('#nodes-link').isVisible(), false);
    assert.equal(await page.locator('#nodes').isVisible(), false);
    assert.equal(await page.locator('.banner:visible').count(), 0);
    clean(page, /404/);

    const server = await serve(t, {});
    const other = await visit(t, server,
                              { path: '/admin/platform-health#nodes' });

    await eventually(async () => assert.equal(
        await other.locator('#capacity-monitor').isVisible(), true));
    assert.equal(await other.locator('#nodes-link').isVisible(), false);
    clean(other);
});

test('a viewer without access to them sees a sentence', async (t) => {
    const server = await serve(t, { locations: {
        '= /platform/nodes': 'caphealth_nodes; deny all;',
    } });
    const page = await visit(t, server,
                             { path: '/admin/platform-health#nodes' });

    assert.match(await text(page, '#nodes-panel .error'),
                 /You may not see the nodes of the fleet: the server answered 403/);
    clean(page, /403/);
});

const sizes = { 1280: 900, 400: 800 };

for (const scheme of ['light', 'dark']) {
    for (const [width, height] of Object.entries(sizes)) {
        for (const locale of ['en-US', 'de-DE']) {
            test(`looked at: ${scheme}, ${width}, ${locale}`, async (t) => {
                const { page } = await open(t, mixed, {
                    colorScheme: scheme, locale,
                    viewport: { width: Number(width), height },
                });

                await accessible(page);
                await shoot(page, `nodes-${scheme}-${width}-${locale}`);
                assert.ok(await page.evaluate(() => document.documentElement
                    .scrollWidth <= document.documentElement.clientWidth));

                if (locale === 'de-DE') {
                    assert.match(await text(page, '#nodes-rows'),
                                 /Keine Meldung seit/);
                    assert.match(await text(page, '#nodes-rows'),
                                 /bei 80,3\s?%, Schwelle 75\s?%/);
                    assert.match(await text(page, '#verdict'), /Kritisch/);
                    assert.match(await text(page, '#nodes-filter'),
                                 /In Ordnung: 3/);
                }

                clean(page);
            });
        }
    }
}
