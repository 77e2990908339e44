// What the page shows in each state of the platform.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { accessible, assertStatus, clean, eventually, shoot, text, visit }
    from './lib/chromium.mjs';
import { calm, serve } from './lib/nginx.mjs';
import { shop } from './lib/shop.mjs';

const card = (name) => `.card[data-key=${name}]`;

test('healthy', async (t) => {
    const server = await serve(t, { http: calm + shop(t) });
    const page = await visit(t, server);

    await assertStatus(page, 'healthy', 'Healthy');
    assert.equal(await text(page, '.summary'), 'No action needed.');
    assert.equal(await page.locator('.card').count(), 4);
    assert.equal(await page.locator('.card[data-status=ok]').count(), 3);

    // each threshold stands where its measure is

    assert.match(await text(page, card('cpu')), /Not configured[^]*\d\s*%/);
    assert.match(await text(page, card('memory')),
                 /warning 100\s*%, critical 100\s*%[^]*GiB of [\d.]+\sGiB/);
    assert.match(await text(page, card('database')),
                 /7 orders[^]*3 vendors/);
    assert.match(await text(page, card('database')),
                 /warning 19\.5\sGiB, critical 23\.4\sGiB, limit 24\.4\sGiB/);
    assert.match(await text(page, card('database')),
                 /Products\s+12\s+of 500,000/);
    assert.doesNotMatch(await text(page, card('images')), /Failed uploads/);
    assert.match(await text(page, card('images')),
                 /Image storage\s+0\sB\s+of 1,000\sGiB/);
    assert.match(await text(page, '#disks'), /\/\s+\d+(\.\d)?\s*%\s+[\d.]+\sGiB/);
    assert.match(await text(page, '#platform'), /7 orders this month/);
    assert.match(await text(page, '#vendor-count'), /3 vendors/);
    assert.match(await text(page, '.ladder [aria-current=step]'), /Starter/);
    assert.match(await text(page, '.next'),
                 /^Tier Starter: 6\s*% of vendors, 0\.1\s*% of products used. Next tier: Small\./);
    assert.match(await text(page, '#every'), /^Live, .*(ago|just now)/);
    assert.match(await text(page, '#about'), /^caphealth \d+\.\d+\.\d+/);
    assert.match(await text(page, '.since'), /^Seen here since/);

    await accessible(page);
    await shoot(page, 'healthy');
    clean(page);
});

test('degraded', async (t) => {
    const server = await serve(t, { http: calm + shop(t)
        + 'caphealth_threshold products_total warning=10 critical=100 limit=200;'
        + 'caphealth_tier Stall max_clients=4 max_products=100;'
        + 'caphealth_tier Market;' });
    const page = await visit(t, server);

    await assertStatus(page, 'degraded', 'Degraded');
    await eventually(async () => {
        assert.equal(await text(page, '.summary'),
                     'Products near the limit: 12 of 200 (6%).');
        assert.equal(await text(page, '#overall .action'),
                     'Plan scaling in the next 2–4 weeks');
    });

    const row = page.locator('.judged [data-key=products_total]').first();

    assert.equal(await row.getAttribute('data-status'), 'warning');
    assert.match(await row.innerText(),
                 /▲ Products 12 warning 10, critical 100, limit 200/);
    assert.match(await text(page, '#advice li'), /12 of 200 \(6%\)/);
    assert.match(await text(page, '#advice li:nth-of-type(2)'),
                 /Next tier is near: Market\s+Stall is filled to 75% of its vendors and 12% of its products/);

    await accessible(page);
    await shoot(page, 'degraded');
    clean(page);
});

test('critical', async (t) => {
    const server = await serve(t, { http: calm + shop(t)
        + 'caphealth_threshold products_total warning=5 critical=10 limit=20;'
        + 'caphealth_threshold db_size_mb warning=0.001 critical=100;' });
    const page = await visit(t, server);

    await assertStatus(page, 'critical', 'Critical');
    await eventually(async () => {
        assert.equal(await text(page, '.summary'),
                     'Products critical: 12 of 20 (60%). '
                     + 'One more needs attention, see below.');
    });
    assert.equal(await text(page, '#overall .action'),
                 'Immediate scaling or cleanup required');
    assert.match(await text(page, '#advice li:nth-of-type(1)'),
                 /■ Products critical/);
    assert.match(await text(page, '#advice li:nth-of-type(2)'),
                 /▲ Database size near the limit/);

    await accessible(page);
    await shoot(page, 'critical');
    clean(page);
});

test('stale, and fresh again', async (t) => {
    const server = await serve(t, { http: `${calm} caphealth_timeout 60s;` });
    const page = await visit(t, server);

    await assertStatus(page, 'healthy', 'Healthy');

    const collectors = server.collectors();

    assert.equal(collectors.length, 1);
    process.kill(collectors[0], 'SIGSTOP');

    try {
        await page.locator('.banner[data-key=stale]').waitFor();
        await assertStatus(page, 'unknown', 'Unknown');
        assert.match(await text(page, '.banner[data-key]'), /The data is stale/);
        assert.match(await text(page, '.summary'), /status is unknown/);
        await accessible(page);
        await shoot(page, 'stale');

    } finally {
        process.kill(collectors[0], 'SIGCONT');
    }

    await page.locator('.banner[data-key=stale]').waitFor({ state: 'detached' });
    clean(page);
});

test('database down', async (t) => {
    const server = await serve(t, { http: calm
        + 'caphealth_database postgresql://nobody@127.0.0.1:1/shop;' });
    const page = await visit(t, server);

    await assertStatus(page, 'critical', 'Critical');
    assert.equal(await page.locator(card('database'))
                           .getAttribute('data-status'), 'critical');
    assert.match(await text(page, `${card('database')} .error`),
                 /onnection.*refused/);
    assert.match(await text(page, '#advice li'), /Database cannot be reached/);
    assert.match(await text(page, '#vendor-count'), /are not known/);
    assert.match(await text(page, '.next'), /The tier is not known/);

    await accessible(page);
    await shoot(page, 'database-down');
    clean(page);
});

test('what is most urgent comes first, with its action', async (t) => {
    const server = await serve(t, { http: `${calm}
        caphealth_database postgresql://nobody@127.0.0.1:1/shop;`.replace(
            'memory_percent warning=100 critical=100',
            'memory_percent warning=0 critical=0') });
    const page = await visit(t, server);

    await assertStatus(page, 'critical', 'Critical');
    await eventually(async () => {
        assert.match(await text(page, '.summary'),
                     /^Database cannot be reached: .*One more needs attention/);
    });
    assert.match(await text(page, '#overall .action'),
                 /^Check that the database is running/);
    clean(page);
});

test('a cause that no bar shows', async (t) => {
    const server = await serve(t, { http: calm + shop(t)
        + 'caphealth_threshold products_total warning=5 critical=10 limit=20;' });
    const page = await visit(t, server);

    await assertStatus(page, 'critical', 'Critical');
    await eventually(async () => {
        assert.equal(await text(page, '.summary'),
                     'Products critical: 12 of 20 (60%).');
        assert.equal(await page.locator(card('database'))
                               .getAttribute('data-status'), 'critical');
    });
    clean(page);
});

test('an image disk that is full, while the first disk is fine', async (t) => {
    const disk = mkdtempSync(join(tmpdir(), 'caphealth-disk-'));

    try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk],
                     { stdio: 'ignore' });
    } catch {
        rmSync(disk, { recursive: true });
        t.skip('no privilege to mount');
        return;
    }

    t.after(() => {
        execFileSync('umount', ['-l', disk]);
        rmSync(disk, { recursive: true });
    });

    writeFileSync(join(disk, 'full'), Buffer.alloc(1900 * 1024));

    const server = await serve(t, {
        http: `${calm} ${shop(t)} caphealth_disk /;`.replace(
            'disk_percent warning=100 critical=100',
            'disk_percent warning=89 critical=90'),
        locations: {
            '/platform/images': `caphealth_image_upload;
                caphealth_image_root ${disk}; caphealth_image_url /media/;`,
        },
    });
    const page = await visit(t, server);

    await assertStatus(page, 'critical', 'Critical');
    await eventually(async () => {
        assert.match(await text(page, '.summary'),
                     new RegExp(`^Disk usage of ${disk} critical: 9\\d`));
    });
    assert.equal(await text(page, '#overall .action'),
                 'Immediate scaling or cleanup required');

    const row = page.locator(`#disks tr[data-key="${disk}"]`);

    assert.equal(await row.getAttribute('data-status'), 'critical');
    assert.match(await row.innerText(), new RegExp(`${disk}\\s+9\\d`));

    // the worst is drawn

    assert.equal(await row.getAttribute('aria-current'), 'true');
    assert.match(await page.locator('#disk-chart svg').getAttribute('aria-label'),
                 new RegExp(disk));
    assert.match(await text(page, '#disks-judged'),
                 /warning 89%, critical 90%/);

    await accessible(page);
    await shoot(page, 'disk-full');
    clean(page);
});

test('unknown, and why', async (t) => {
    const server = await serve(t, { http: `${calm} ${shop(t)}
        caphealth_disk /; caphealth_disk /nonexistent;
        caphealth_tier Stall max_clients=4 max_products=100;
        caphealth_tier Market;` });
    const page = await visit(t, server);

    await assertStatus(page, 'unknown', 'Unknown');
    await eventually(async () => {
        assert.equal(await text(page, '.summary'),
                     'The platform\'s status is unknown. '
                     + 'Missing: Disk /nonexistent.');
    });

    await shoot(page, 'unknown');
    clean(page);
});

test('no database, no images, no capacity', async (t) => {
    const server = await serve(t, {
        http: calm,
        locations: { '/platform/images': null, '= /platform/capacity': null,
                     '= /platform/image-stats': null },
    });
    const page = await visit(t, server);

    await assertStatus(page, 'healthy', 'Healthy');
    assert.match(await text(page, card('database')), /– Not configured/);
    assert.match(await text(page, card('images')), /– Not configured/);
    assert.match(await text(page, '#platform'),
                 /No location with caphealth_capacity/);

    await page.locator('nav a', { hasText: 'Images' }).click();
    assert.match(await text(page, '#image-stats'),
                 /No location with caphealth_image_stats/);
    assert.equal(await page.locator('#upload').isVisible(), false);

    await accessible(page);
    clean(page);
});

for (const [code, rule, sentence] of [
    [401, 'auth_request /no;',
     /You are not signed in for the platform's health/],
    [403, 'deny all;', /You may not see the platform's health/],
]) {
    test(`unauthorised: ${code}`, async (t) => {
        const server = await serve(t, {
            open: '/open',
            http: calm + shop(t),
            locations: {
                '= /open': 'caphealth_health;',
                '= /no': 'return 401;',
                '= /platform/health': `caphealth_health; ${rule}`,
                '/admin/platform-health':
                    'caphealth_dashboard health=/platform/health;',
            },
        });
        const page = await visit(t, server);

        assert.match(await text(page, '.banner[data-key=health]'), sentence);
        await assertStatus(page, 'unknown', 'Unknown');
        assert.equal(await page.locator('.card').count(), 0);
    assert.equal(await page.locator('#disks-panel').isVisible(), false);
    assert.equal(await page.locator('#tier').isVisible(), false);

        // what may be seen is there

        assert.match(await text(page, '#vendor-count'), /3 vendors/);

        await accessible(page);
        await shoot(page, `unauthorised-${code}`);
        clean(page, /console: Failed to load resource.*40[13]/);
    });
}

test('the rules change while the page is open', async (t) => {
    const server = await serve(t, { http: calm + shop(t) });
    const page = await visit(t, server);

    await assertStatus(page, 'healthy', 'Healthy');

    server.locations['= /platform/capacity'] = 'caphealth_capacity; deny all;';
    server.configure();
    process.kill(server.pid(), 'SIGHUP');

    await eventually(async () => {
        assert.match(await text(page, '#platform .error'),
                     /You may not see the platform's capacity/);
    });
    assert.equal(await page.locator('#vendors tr').count(), 0);
    assert.equal(await text(page, '#counts'), '');
    await assertStatus(page, 'healthy', 'Healthy');
    clean(page, /console: Failed to load resource.*403/);
});

test('an answer that is none', async (t) => {
    const server = await serve(t, { http: calm + shop(t) });
    const page = await visit(t, server);

    await page.route('**/platform/capacity', (route) => route.fulfill({
        status: 500, contentType: 'text/html', body: '<h1>Oops</h1>',
    }));

    await page.locator('.banner[data-key=capacity]').waitFor();
    assert.match(await text(page, '.banner[data-key=capacity]'),
                 /Asked for the platform's capacity, the server answered 500/);
    assert.match(await text(page, '#vendor-count'), /3 vendors/);

    await page.unroute('**/platform/capacity');
    await page.locator('.banner[data-key]').waitFor({ state: 'detached' });
    clean(page, /console: Failed to load resource.*500/);
});
