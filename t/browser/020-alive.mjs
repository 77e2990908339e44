// What happens while the page is open.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { assertStatus, clean, eventually, shoot, text, visit }
    from './lib/chromium.mjs';
import { calm, serve } from './lib/nginx.mjs';
import { hostile, shop } from './lib/shop.mjs';

// how often the health has been asked for

function count(page) {
    const counter = { asked: 0 };

    page.on('request', (request) => {
        if (/\/platform\/health$/.test(request.url())) {
            counter.asked++;
        }
    });

    return counter;
}

test('numbers move by themselves', async (t) => {
    const server = await serve(t, { http: `${calm} ${shop(t)}
        caphealth_database_refresh 1s;` });
    const page = await visit(t, server);
    const [, path] = /sqlite:(.*?);/.exec(server.http);

    assert.match(await text(page, '#counts'), /7 orders this month/);

    const card = await page.locator('.card[data-key=cpu]').elementHandle();

    execFileSync('sqlite3', [path,
        `INSERT INTO orders (created_at) VALUES (datetime('now'));
         INSERT INTO vendors VALUES (99, 'Newcomer', 1);
         INSERT INTO products (vendor_id) VALUES (99);`]);

    await eventually(async () => {
        assert.match(await text(page, '#counts'), /8 orders this month/);
        assert.match(await text(page, '#vendors'), /Newcomer/);
        assert.match(await text(page, '.card[data-key=database]'),
                     /4 vendors/);
    });

    // the elements are the same as before

    assert.ok(await card.evaluate((element) => element.isConnected));
    clean(page);
});

test('the place, the focus and the search stay', async (t) => {
    const server = await serve(t, { http: calm + shop(t, { vendors: 60 }) });
    const page = await visit(t, server);

    await page.locator('#vendor-search').fill('Vendor 1');
    await page.setViewportSize({ width: 1440, height: 400 });
    await page.locator('#vendors tr').nth(5).scrollIntoViewIfNeeded();
    await page.locator('#vendor-search').focus();

    const place = () => page.evaluate(() =>
        document.querySelector('#vendor-search').getBoundingClientRect().top);
    const before = await place();
    const asked = count(page);

    assert.ok(await page.evaluate(() => scrollY) > 0);
    await eventually(() => assert.ok(asked.asked >= 4));

    assert.ok(Math.abs(await place() - before) < 1);
    assert.equal(await page.evaluate(() => document.activeElement.id),
                 'vendor-search');
    assert.equal(await page.locator('#vendor-search').inputValue(), 'Vendor 1');
    assert.equal(await text(page, '#vendor-count'), '11 of 60 vendors match.');
    clean(page);
});

test('pause by key and by button', async (t) => {
    const server = await serve(t, { http: calm });
    const page = await visit(t, server);
    const pause = page.locator('#pause');

    await page.keyboard.press('p');
    await eventually(async () => {
        assert.match(await text(page, '#every'), /^Paused/);
    });
    assert.equal(await pause.innerText(), 'Resume P');

    // one that was under way may still come

    await page.waitForLoadState('networkidle');

    const asked = count(page);

    await page.waitForTimeout(2500);
    assert.equal(asked.asked, 0);

    // what nobody asks for any more is not known any more

    await assertStatus(page, 'unknown', 'Unknown');
    assert.match(await text(page, '.summary'), /unknown: nobody has asked since/);
    await pause.click();
    await eventually(async () => {
        assert.match(await text(page, '#every'), /^Live/);
    });
    await eventually(() => assert.ok(asked.asked >= 2));
    assert.equal(await pause.innerText(), 'Pause P');
    await assertStatus(page, 'healthy', 'Healthy');
    clean(page);
});

test('the key can be switched off', async (t) => {
    const server = await serve(t, { http: calm });
    const page = await visit(t, server);

    await page.locator('#shortcut').uncheck();
    assert.equal(await text(page, '#pause'), 'Pause');
    assert.equal(await page.locator('#pause').getAttribute('aria-keyshortcuts'),
                 null);
    await page.locator('#pause').focus();
    await page.keyboard.press('p');
    assert.equal(await text(page, '#pause'), 'Pause');

    // and stays so

    await page.reload();
    await eventually(async () => {
        assert.equal(await page.locator('#shortcut').isChecked(), false);
        assert.equal(await text(page, '#pause'), 'Pause');
    });
    await page.keyboard.press('p');
    assert.equal(await text(page, '#pause'), 'Pause');

    await page.locator('#shortcut').check();
    await page.locator('#pause').focus();
    await page.keyboard.press('p');
    assert.equal(await text(page, '#pause'), 'Resume P');
    clean(page, /ERR_ABORTED/);
});

test('a P that is typed does not pause', async (t) => {
    const server = await serve(t, { http: calm + shop(t) });
    const page = await visit(t, server);

    await page.locator('#vendor-search').focus();
    await page.keyboard.type('pp');

    assert.equal(await text(page, '#pause'), 'Pause P');
    assert.equal(await page.locator('#vendor-search').inputValue(), 'pp');
    clean(page);
});

test('rests while hidden', async (t) => {
    const server = await serve(t, { http: calm });
    const page = await visit(t, server);

    const hide = (hidden) => page.evaluate((value) => {
        Object.defineProperty(document, 'hidden',
                              { configurable: true, get: () => value });
        document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);

    await hide(true);
    await page.waitForLoadState('networkidle');

    const asked = count(page);

    await page.waitForTimeout(2500);
    assert.equal(asked.asked, 0);

    // a tab's title is seen when the page is not

    await eventually(async () => {
        assert.match(await page.title(), /^Unknown/);
    });

    await hide(false);
    await eventually(() => assert.ok(asked.asked >= 2));
    await assertStatus(page, 'healthy', 'Healthy');
    clean(page);
});

test('the server goes, and comes back', async (t) => {
    const server = await serve(t, { http: calm + shop(t) });
    const page = await visit(t, server);

    await assertStatus(page, 'healthy', 'Healthy');
    await server.stop();

    await page.locator('.banner[data-key=unreachable]').waitFor();
    await assertStatus(page, 'unknown', 'Unknown');
    assert.match(await text(page, '.banner[data-key]'),
                 /The server cannot be reached\. What is shown is what it said/);
    assert.equal(await text(page, '.summary'), 'The platform\'s status is '
                 + 'unknown: the server cannot be reached.');
    assert.doesNotMatch(await text(page, '#advice'), /healthy/);
    await eventually(async () => {
        assert.match(await text(page, '#every'), /^Next try in \d+ s/);
    });

    // what it last said is still there

    assert.match(await text(page, '#vendor-count'), /3 vendors/);
    await shoot(page, 'unreachable');

    // what this page has seen is told

    assert.match(await text(page, '#events'), /Healthy → Unknown/);

    await server.start();
    await page.locator('.banner[data-key]').waitFor({ state: 'detached',
                                            timeout: 60000 });
    await assertStatus(page, 'healthy', 'Healthy');

    // while it is away, or has not collected anything yet

    clean(page, /ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_SOCKET|ERR_ABORTED/);
});

test('a balancer that finds no server', async (t) => {
    const server = await serve(t, { http: calm });
    const page = await visit(t, server);

    await page.route('**/platform/*', (route) => route.fulfill({
        status: 502, contentType: 'text/html', body: 'Bad Gateway',
    }));
    await page.locator('.banner[data-key=unreachable]').waitFor();
    await assertStatus(page, 'unknown', 'Unknown');

    await page.unroute('**/platform/*');
    await page.locator('.banner[data-key]').waitFor({ state: 'detached',
                                            timeout: 60000 });
    clean(page, /console: Failed to load resource.*502/);
});

for (const file of ['texts.json', 'data.js']) {
    test(`${file} does not arrive`, async (t) => {
        const server = await serve(t, { http: calm });
        const page = await visit(t, server, { without: file });

        await page.locator('#frozen').waitFor();
        assert.match(await text(page, '#frozen'), /did not load/);
        clean(page, /ERR_FAILED|TypeError: Failed to fetch|preload/);
    });
}

test('what was seen since the page was opened', async (t) => {
    const server = await serve(t, { http: calm + shop(t) });
    const page = await visit(t, server, {
        path: '/admin/platform-health?range=2h' });
    const plot = page.locator('.card[data-key=memory] .chart svg');

    await plot.waitFor();
    assert.match(await plot.getAttribute('aria-label'),
                 /^Memory, since this page was opened: now \S+%, lowest/);
    assert.match(await text(page, '#events-note'),
                 /^No history is configured\. None since this page/);
    assert.equal(await text(page, '.strip p:last-child'),
                 'No history');

    await plot.focus();
    await page.keyboard.press('Home');
    assert.match(await text(page, '.card[data-key=memory] .readout'),
                 /^[\d.]+%.*, \d\d:\d\d:\d\d$/);

    await page.keyboard.press('Tab');
    assert.equal(await text(page, '.card[data-key=memory] .readout'), '');
    clean(page);
});

test('exact values on hover and on focus', async (t) => {
    const server = await serve(t, { http: calm + shop(t) });
    const page = await visit(t, server);
    const value = page.locator('.card[data-key=database] .big');
    const exact = value.locator('.exact');

    const shown = () => exact.evaluate((element) =>
        element.getBoundingClientRect().width > 10);

    assert.equal(await shown(), false);

    await value.focus();
    assert.equal(await shown(), true);
    assert.match(await exact.innerText(), /^[\d,]+\sbytes · 7 orders · \d+ stock entr(y|ies) · sqlite 3.* · warning /);

    await page.locator('#pause').focus();
    assert.equal(await shown(), false);

    await value.hover();
    assert.equal(await shown(), true);
    clean(page);
});

test('5,000 vendors', async (t) => {
    const server = await serve(t, {
        http: calm + shop(t, { vendors: 5000, products: 20 }),
    });
    const page = await visit(t, server);
    const first = page.locator('#vendors tr').first();

    assert.equal(await text(page, '#vendor-count'), '5,000 vendors');
    assert.equal(await page.locator('#vendors tr').count(), 8);
    assert.match(await first.innerText(), /^Vendor 1\s/);

    await page.locator('#vendor-more').click();
    assert.equal(await page.locator('#vendors tr').count(), 108);

    // by name, as people count; then from the end

    const name = page.locator('th[data-sort=name]');

    await name.locator('button').click();
    assert.equal(await name.getAttribute('aria-sort'), 'ascending');
    assert.match(await page.locator('#vendors tr').nth(9).innerText(),
                 /^Vendor 10\s/);

    await name.locator('button').click();
    assert.equal(await name.getAttribute('aria-sort'), 'descending');
    assert.match(await first.innerText(), /^Vendor 5000\s/);

    await page.locator('#vendor-search').fill('véndor 4999');
    assert.equal(await text(page, '#vendor-count'), '1 of 5,000 vendors match.');
    assert.match(await first.innerText(), /^Vendor 4999\s/);

    // the address leads there again

    assert.match(page.url(), /\?sort=name&order=down&q=v%C3%A9ndor\+4999$/);
    await page.reload();
    await eventually(async () => {
        assert.match(await first.innerText(), /^Vendor 4999\s/);
    });
    assert.equal(await name.getAttribute('aria-sort'), 'descending');

    await page.locator('#vendor-search').fill('nobody');
    assert.equal(await text(page, '#vendor-count'), 'No vendor matches.');

    await page.locator('#vendor-search').fill('');
    await shoot(page, 'vendors');
    clean(page, /ERR_ABORTED/);
});

test('hostile names are text', async (t) => {
    const names = [...hostile, ''];
    const server = await serve(t, {
        http: `${calm} ${shop(t, { vendors: names })}
            caphealth_query orders_count
                "SELECT [<img src=x onerror=alert(1)>] FROM orders";
            caphealth_dashboard_link '<b>"&' "/a?b=1&c='x'";`,
    });
    const page = await visit(t, server);

    page.on('dialog', (dialog) => {
        page.complaints.push(`dialog: ${dialog.message()}`);
        dialog.dismiss();
    });

    if (await page.locator('#vendor-more').isVisible()) {
        await page.locator('#vendor-more').click();
    }

    const assertText = async () => {
        const shown = await page.locator('#vendors bdi').allTextContents();

        assert.deepEqual(shown.sort(), names.sort());
        assert.match(await text(page, '.card[data-key=database] .error'),
                     /<img src=x onerror=alert\(1\)>/);
        assert.equal(await page.locator('img').count(), 0);
        assert.equal(await page.locator('script:not([src])').count(), 0);
    };

    await assertText();

    const link = page.locator('.links a', { hasText: '<b>"&' });

    assert.equal(await link.getAttribute('href'), "/a?b=1&c='x'");

    await page.setViewportSize({ width: 360, height: 800 });
    assert.ok(await page.evaluate(() =>
        document.documentElement.scrollWidth <= innerWidth));
    await shoot(page, 'hostile');

    clean(page);
});
