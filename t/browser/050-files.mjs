// What the page is made of, as it comes over the wire.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { clean, visit } from './lib/chromium.mjs';
import { serve } from './lib/nginx.mjs';

// fetch() hides what is compressed

function get(url, headers = {}) {
    return new Promise((resolve, reject) => {
        request(url, { headers }, (response) => {
            const chunks = [];

            response.on('data', (chunk) => chunks.push(chunk));
            response.on('end', () => resolve({
                status: response.statusCode,
                headers: response.headers,
                body: Buffer.concat(chunks),
            }));
        }).on('error', reject).end();
    });
}

// all that the page, opened in both views, loads of its own

async function files(t, server) {
    const page = await visit(t, server);

    await page.locator('nav a', { hasText: 'Images' }).click();

    const names = await page.evaluate(() =>
        performance.getEntriesByType('resource').map(({ name }) => name));

    clean(page);

    return [...new Set(names)].filter((name) => /[0-9a-f]{16}\//.test(name));
}

test('small, compressed, and kept', async (t) => {
    const server = await serve(t, {});
    const urls = await files(t, server);
    const { body: html } = await get(server.url());
    let size = gzipSync(html).length;

    assert.ok(urls.length >= 10);

    for (const url of urls) {
        const plain = await get(url);
        const small = await get(url, { 'Accept-Encoding': 'gzip' });

        assert.equal(plain.status, 200);
        assert.equal(plain.headers['content-encoding'], undefined);
        assert.equal(small.headers['content-encoding'], 'gzip');
        assert.ok(small.body.length < plain.body.length);

        for (const { headers } of [plain, small]) {
            assert.equal(headers['cache-control'],
                         'public, max-age=31536000, immutable');
            assert.equal(headers['x-content-type-options'], 'nosniff');
            assert.equal(headers.vary, 'Accept-Encoding');
            assert.match(headers.etag, /^"[^"]+"$/);
        }

        // two encodings are two representations

        assert.notEqual(plain.headers.etag, small.headers.etag);

        const again = await get(url, {
            'Accept-Encoding': 'gzip', 'If-None-Match': small.headers.etag,
        });

        assert.equal(again.status, 304);
        assert.equal(again.body.length, 0);

        size += small.body.length;
    }

    assert.ok(size < 80 * 1024, `${size} bytes in all`);
    t.diagnostic(`${size} bytes in all, of ${urls.length + 1} answers`);
});

// the modules are asked for with the page, and not when the first has come

test('each module is preloaded', async (t) => {
    const server = await serve(t, {});
    const html = (await get(server.url())).body.toString();
    const preloaded = [...html.matchAll(/rel="modulepreload" href="([^"]+)"/g)]
        .map(([, path]) => server.url(path));
    const modules = (await files(t, server)).filter((url) =>
        /(?<!\/page|\/theme)\.js$/.test(url));

    assert.deepEqual(preloaded.sort(), modules.sort());
});

test('nothing inline, nothing from elsewhere', async (t) => {
    const server = await serve(t, {});
    const html = (await get(server.url())).body.toString();

    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/i);
    assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)/);
    assert.doesNotMatch(html, /(?:src|href|action)="(?:https?:)?\/\//);

    for (const url of await files(t, server)) {
        const text = (await get(url)).body.toString();

        assert.doesNotMatch(text.replaceAll('http://www.w3.org/2000/svg', ''),
                            /https?:\/\//);
        assert.doesNotMatch(text, /\binnerHTML\b|\beval\(|\bdocument\.write/);
    }
});

test('every text is in every language', async (t) => {
    const server = await serve(t, {});
    const urls = await files(t, server);
    const url = urls.find((one) => one.endsWith('/texts.json'));
    const texts = JSON.parse((await get(url)).body.toString());
    const holes = (text) => (text.match(/\{\w+\}/g) ?? []).sort();

    assert.deepEqual(Object.keys(texts).sort(), ['de', 'en']);
    assert.deepEqual(Object.keys(texts.de).sort(), Object.keys(texts.en).sort());

    for (const [key, text] of Object.entries(texts.en)) {
        assert.deepEqual(holes(texts.de[key]), holes(text), key);
    }
});
