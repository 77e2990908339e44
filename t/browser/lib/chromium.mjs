// Debian's Chromium: pages that remember every complaint.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const home = resolve(process.env.BUILD || 'build', 'browser');
const require = createRequire(join(home, 'package.json'));
const { chromium } = require('playwright-core');
const axeSource = readFileSync(require.resolve('axe-core'), 'utf8');
const shots = join(home, 'shots');

mkdirSync(shots, { recursive: true });

let browser;

after(() => browser?.close());

async function launch() {
    return chromium.launch({
        executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
        chromiumSandbox: process.getuid() !== 0,
    });
}

// A page of the server's, with everything that it complained of in
// page.complaints: an error or a warning on the console, an exception, a
// violation of its policy, a request to elsewhere or one that failed.

// without: a file that does not arrive; before: called with the page before it
// is opened

export async function visit(t, server, { path, without, before, ...options }
                            = {}) {
    const page = await blank(t, options);

    watch(page, server);

    if (without) {
        await page.route(`**/${without}`, (route) => route.abort());
    }

    await before?.(page);
    await page.goto(server.url(path));

    if (options.javaScriptEnabled !== false && !without) {
        await page.waitForFunction(() =>
            document.querySelector('#every').textContent !== ''
            && !document.querySelector('.skeleton'));
    }

    return page;
}

// a page that nothing is open in, nor watched

export async function blank(t, options = {}) {
    browser ??= await launch();

    const context = await browser.newContext({
        viewport: { width: 1440, height: 900 },
        locale: 'en-US',
        reducedMotion: 'reduce',
        ...options,
    });

    t.after(() => context.close());
    context.setDefaultTimeout(60000);

    return context.newPage();
}

function watch(page, server) {
    page.complaints = [];

    const complain = (sentence) => page.complaints.push(sentence);

    page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) {
            complain(`console: ${message.text()}`);
        }
    });

    page.on('pageerror', (error) => complain(`exception: ${error.stack}`));

    page.on('request', (request) => {
        if (new URL(request.url()).origin !== new URL(server.url()).origin) {
            complain(`request to elsewhere: ${request.url()}`);
        }
    });

    // the page itself aborts a request that a newer one replaces

    page.on('requestfailed', (request) => {
        if (request.failure().errorText === 'net::ERR_ABORTED') {
            return;
        }

        complain(`failed: ${request.url()} ${request.failure().errorText}`);
    });

    page.addInitScript(() => {
        addEventListener('securitypolicyviolation', (event) => {
            console.error(`policy: ${event.violatedDirective} `
                          + event.blockedURI);
        });
    });
}

// allowed: what had to come, as a server that is away

export function clean(page, allowed = /(?!)/) {
    assert.deepEqual(page.complaints.filter((one) => !allowed.test(one)), []);
}

// what axe-core finds serious or critical is none

export async function accessible(page) {
    await page.evaluate(axeSource);

    const { violations } = await page.evaluate(() => axe.run(document, {
        resultTypes: ['violations'],
    }));

    const grave = violations
        .filter(({ impact }) => ['serious', 'critical'].includes(impact))
        .map(({ id, help, nodes }) => ({
            id, help, nodes: nodes.map(({ html }) => html.slice(0, 200)),
        }));

    assert.deepEqual(grave, []);
}

// until the assertions in check() hold: what is shown changes with what this
// machine does

export async function eventually(check, ms = 60000) {
    const end = Date.now() + ms;

    for (;;) {
        try {
            return await check();

        } catch (error) {
            if (Date.now() > end) {
                throw error;
            }
        }

        await sleep(100);
    }
}

// in words, in the tab, and in its icon

export async function assertStatus(page, name, word) {
    await eventually(async () => {
        assert.equal(await page.locator('#overall').getAttribute('data-status'),
                     name);
        assert.ok((await text(page, '#overall .verdict')).endsWith(word));
        assert.ok((await page.title()).startsWith(`${word} – `));
        assert.match(await page.locator('link[rel=icon]').getAttribute('href'),
                     new RegExp(`/icon-${name}\\.svg$`));
    });
}

export async function shoot(page, name, options = {}) {
    await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true,
                            ...options });
}

export async function text(page, selector) {
    return (await page.locator(selector).first().innerText()).trim();
}
