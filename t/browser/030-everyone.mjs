// For everyone: keys, colours, sizes, paper, languages, no script.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { accessible, assertStatus, clean, eventually, shoot, text, visit }
    from './lib/chromium.mjs';
import { calm, serve } from './lib/nginx.mjs';
import { shop } from './lib/shop.mjs';

const busy = 'caphealth_threshold products_total warning=5 critical=15 limit=20;';

test('the keyboard alone', async (t) => {
    const server = await serve(t, { http: calm + shop(t, { vendors: 40 }) });
    const page = await visit(t, server);

    const where = () => page.evaluate(() => {
        const { activeElement: element } = document;

        return element === document.body ? '' : element.id || (element.className.baseVal ?? element.className)
               || element.textContent.trim() || element.tagName;
    });

    await page.keyboard.press('Tab');
    assert.equal(await where(), 'skip');
    await page.keyboard.press('Enter');
    assert.equal(await where(), 'content');

    await page.keyboard.press('Shift+Tab');
    assert.equal(await where(), 'language');

    // once around: all that can be used is reached, is seen, and has a name

    const reached = [];

    for (let i = 0; i < 100; i++) {
        await page.keyboard.press('Tab');

        const place = await where();

        if (place === 'skip' || place === '') {
            break;
        }

        reached.push(place);

        assert.ok(await page.evaluate(() => {
            const style = getComputedStyle(document.activeElement);

            return parseFloat(style.outlineWidth) >= 2
                   && style.outlineStyle !== 'none';
        }), `${place} shows its focus`);
    }

    assert.ok(reached.includes('vendor-search'));
    assert.ok(reached.includes('vendor-more'));
    assert.ok(reached.filter((one) => one.startsWith('num')).length >= 4);
    assert.ok(reached.includes('whatif-vendors'));
    assert.ok(reached.includes('shortcut'));
    assert.ok(reached.filter((one) => one.startsWith('Products')).length >= 1);

    // to the other view and back

    await page.locator('nav a', { hasText: 'Images' }).focus();
    await page.keyboard.press('Enter');
    await eventually(async () => assert.equal(await where(), 'images-title'));
    assert.equal(await page.locator('#capacity-monitor').isVisible(), false);
    assert.equal(await text(page, 'nav a[aria-current=page]'), 'Images');
    assert.equal(await page.locator('#overall').isVisible(), true);

    await page.goBack();
    await eventually(async () => {
        assert.equal(await page.locator('#capacity-monitor').isVisible(), true);
    });
    clean(page);
});

for (const scheme of ['light', 'dark']) {
    test(`${scheme}, as the system`, async (t) => {
        const server = await serve(t, { http: calm + busy + shop(t) });
        const page = await visit(t, server, { colorScheme: scheme });

        const ground = () => page.evaluate(() =>
            getComputedStyle(document.body).backgroundColor);
        const dark = async () => /rgb\((\d+)/.exec(await ground())[1] < 100;

        assert.equal(await dark(), scheme === 'dark');
        await accessible(page);
        await shoot(page, scheme);

        await page.locator('nav a', { hasText: 'Images' }).click();
        await accessible(page);
        await shoot(page, `${scheme}-images`);

        // switched, and remembered before the first paint

        const other = scheme === 'dark' ? 'light' : 'dark';

        await page.locator('#theme').selectOption(other);
        assert.equal(await dark(), other === 'dark');
        await page.reload();
        assert.equal(await page.locator('#theme').inputValue(), other);
        assert.equal(await dark(), other === 'dark');

        await page.locator('#theme').selectOption('system');
        assert.equal(await dark(), scheme === 'dark');
        clean(page);
    });
}

for (const [width, height] of [[360, 740], [768, 1024], [1440, 900],
                               [3840, 2160]])
{
    test(`${width} pixels wide`, async (t) => {
        const server = await serve(t, { http: calm + busy + shop(t) });
        const page = await visit(t, server, { viewport: { width, height } });

        for (const view of ['Overview', 'Images']) {
            await page.locator('nav a', { hasText: view }).click();

            assert.deepEqual(await wide(page), []);
            assert.deepEqual(await cut(page), []);
            await accessible(page);
            await shoot(page, `${width}-${view.toLowerCase()}`);
        }

        // what matters is there at the first sight

        await page.locator('nav a', { hasText: 'Overview' }).click();

        const { y, height: tall } = await page.locator('#overall').boundingBox();

        assert.ok(y + tall < height);

        // on a phone three screens are enough

        if (width === 360) {
            const whole = await page.evaluate(() =>
                document.documentElement.scrollHeight);

            assert.ok(whole <= 3 * height, `${whole} pixels high`);
        }

        clean(page);
    });
}

// what reaches beyond the window, though it cannot be scrolled by itself

async function wide(page) {
    return page.evaluate(() =>
        [...document.querySelectorAll('body *')]
            .filter((one) => one.checkVisibility() && !one.closest('.scroll')
                             && one.getBoundingClientRect().right > innerWidth)
            .map((one) => one.outerHTML.slice(0, 100)));
}

// words that do not fit into their element

async function cut(page) {
    return page.evaluate(() =>
        [...document.querySelectorAll('h2, h3, p, dt, dd, a, button, .badge')]
            .filter((one) => one.checkVisibility()
                             && !one.closest('.scroll, .exact')
                             && one.scrollWidth > one.clientWidth + 1
                             && getComputedStyle(one).display !== 'inline')
            .map((one) => one.textContent.trim().slice(0, 60)));
}

// everything that it can say at once

const full = ['cpu_percent', 'memory_percent', 'disk_percent', 'db_size_mb']
    .map((name) => `caphealth_threshold ${name} warning=0.001;`).join(' ')
    + 'caphealth_disk /; caphealth_disk /proc; caphealth_disk /sys;'
    + 'caphealth_disk /dev;';

test('on one page of paper', async (t) => {
    const server = await serve(t, {
        http: full + busy + shop(t, { vendors: 271 }),
    });
    const page = await visit(t, server, { colorScheme: 'dark' });

    await eventually(async () => {
        assert.ok(await page.locator('#advice li').count() >= 5);
    });

    const pdf = await page.pdf({ preferCSSPageSize: true });

    assert.equal(pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length, 1);

    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.locator('.top nav').isVisible(), false);
    assert.equal(await page.locator('#overall').isVisible(), true);
    assert.equal(await page.locator('#vendors tr:visible').count(), 8);
    await page.setViewportSize({ width: 718, height: 1047 });
    await shoot(page, 'print');

    // the other view too

    await page.emulateMedia({ media: 'screen' });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.locator('nav a', { hasText: 'Images' }).click();

    const other = await page.pdf({ preferCSSPageSize: true });

    assert.equal(other.toString('latin1').match(/\/Type\s*\/Page\b/g).length, 1);
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize({ width: 718, height: 1047 });
    assert.equal(await page.locator('#image-stats').isVisible(), true);
    await shoot(page, 'print-images');
    clean(page);
});

test('German, in the reader\'s way to write numbers', async (t) => {
    const server = await serve(t, {
        http: calm + busy + shop(t, { orders: 1234 }),
    });
    const page = await visit(t, server, { locale: 'de-DE' });

    assert.equal(await page.locator('html').getAttribute('lang'), 'de');
    await assertStatus(page, 'degraded', 'Beeinträchtigt');
    assert.match(await text(page, '#counts'),
                 /1\.234 Bestellungen in diesem Monat/);
    assert.match(await text(page, '.summary'),
                 /^Produkte nahe am Limit: 12 von 20 \(60\s%\)\.$/);
    assert.match(await text(page, '#every'), /vor \d+\ss|gerade eben/);
    await accessible(page);

    for (const width of [360, 1440]) {
        await page.setViewportSize({ width, height: 900 });
        assert.deepEqual(await wide(page), []);
        assert.deepEqual(await cut(page), []);
        await shoot(page, `german-${width}`);
    }

    // nothing of the tables is out of sight

    assert.ok(await page.locator('#capacity-monitor .scroll').first()
                        .evaluate((one) => one.scrollWidth <= one.clientWidth));
    clean(page);

    // a locale of the same language writes it in another way

    const swiss = await visit(t, server, { locale: 'de-CH' });

    assert.match(await text(swiss, '#platform'), /1['’]234 Bestellungen/);
    clean(swiss);

    // one that the page does not speak

    const french = await visit(t, server, { locale: 'fr-FR' });

    assert.equal(await french.locator('html').getAttribute('lang'), 'en');

    // but that is chosen, and remembered

    await french.locator('#language').selectOption('de');
    assert.equal(await french.locator('html').getAttribute('lang'), 'de');
    assert.match(await text(french, '.verdict'), /Beeinträchtigt/);
    assert.match(await text(french, '#advice-title'), /Empfehlungen/);
    await french.reload();
    await assertStatus(french, 'degraded', 'Beeinträchtigt');
    clean(french);
});

test('without JavaScript', async (t) => {
    const server = await serve(t, { http: calm + shop(t) });
    const page = await visit(t, server, { javaScriptEnabled: false });

    assert.match(await text(page, 'noscript'), /needs JavaScript/);
    assert.equal(await page.locator('.scripted:visible').count(), 0);

    for (const name of ['health', 'capacity', 'images']) {
        const link = page.locator('footer a', { hasText: name });
        const url = new URL(await link.getAttribute('href'), server.url());

        assert.equal((await fetch(url)).status, 200);
    }

    await shoot(page, 'no-script');

    // Chromium does not preload a script that it would not run

    clean(page, /^failed: \S+\.js csp$/);
});

// what is shown at first is as large as what comes: nothing moves

for (const [width, height] of [[360, 740], [1440, 900], [3840, 2160]]) {
    test(`nothing moves when the data comes: ${width}`, async (t) => {
        const server = await serve(t, { http: calm + shop(t) });
        const page = await visit(t, server, { viewport: { width, height } });

        const shift = await page.evaluate(() => new Promise((resolve) => {
            new PerformanceObserver((list) => resolve(
                list.getEntries().reduce((sum, { value }) => sum + value, 0)))
                .observe({ type: 'layout-shift', buffered: true });
            setTimeout(() => resolve(0), 500);
        }));

        assert.ok(shift < 0.1, `the layout shift is ${shift}`);
        clean(page);
    });
}
