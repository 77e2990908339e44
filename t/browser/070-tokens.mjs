// Uploads with tokens: the example of contrib/upload from a second origin, and
// the field of the page.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync }
    from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { accessible, blank, clean, eventually, shoot, visit }
    from './lib/chromium.mjs';
import { calm, serve } from './lib/nginx.mjs';

const KEY = '5a'.repeat(32);
const html = readFileSync('contrib/upload/upload.html', 'utf8');

function token(lifetime) {
    const text = [{ alg: 'HS256', kid: 'shop' },
                  { exp: Math.floor(Date.now() / 1000) + lifetime, sub: 'v7' }]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.');

    return `${text}.${createHmac('sha256', Buffer.from(KEY, 'hex'))
                      .update(text).digest('base64url')}`;
}

// a directory with a key file and a photo

function files(t) {
    const dir = mkdtempSync(join(tmpdir(), 'caphealth-tokens-'));
    const keys = join(dir, 'keys');
    const photo = join(dir, 'shoe.jpg');

    t.after(() => rmSync(dir, { recursive: true, force: true }));
    writeFileSync(keys, `shop ${KEY}\n`, { mode: 0o600 });
    execFileSync('convert', ['-size', '600x400', 'plasma:red-blue', photo]);

    return { keys, photo };
}

function images(t, keys, more = '', others = {}) {
    return serve(t, {
        http: `${calm} log_format uploads
               "$request_method $status $http_origin $request_uri";`,
        locations: {
            '/platform/images': `caphealth_image_upload;
                ${/client_max/.test(more) ? '' : 'client_max_body_size 8m;'}
                caphealth_image_delete on;
                caphealth_image_root images; caphealth_image_url /media/;
                caphealth_image_tokens ${keys};
                access_log uploads.log uploads; ${more}`,
            ...others,
        },
    });
}

const logged = (server) =>
    readFileSync(join(server.prefix, 'uploads.log'), 'utf8').split('\n')
                                                            .filter(Boolean);

async function listen(t, handler) {
    const server = createServer(handler);

    t.after(() => {
        server.close();
        server.closeAllConnections();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');

    return server.address().port;
}

// a port that is free, for a program that takes one as its argument

async function spare() {
    const server = createServer().listen(0, '127.0.0.1');

    await once(server, 'listening');

    const { port } = server.address();

    await new Promise((resolve) => server.close(resolve));

    return port;
}

// the shop: its page, and the tokens that its token server signs; site.token:
// another to hand out; site.action: where the page uploads to

async function shop(t, program) {
    const port = await spare();
    const signer = spawn(program[0], [...program.slice(1), String(port)],
                         { env: { ...process.env, UPLOAD_KEY: `shop ${KEY}` },
                           stdio: 'ignore' });
    const site = {};

    t.after(() => signer.kill());

    const handler = async (request, response) => {
        if (request.url !== '/upload-token') {
            response.setHeader('Content-Type', 'text/html');
            response.end(html.replace(
                'https://images.example.com/platform/images', site.action));
            return;
        }

        const answer = site.token ? { token: site.token }
            : await (await fetch(`http://127.0.0.1:${port}/`,
                                 { method: 'POST' })).json();

        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify(answer));
    };

    await eventually(() => fetch(`http://127.0.0.1:${port}/`,
                                 { method: 'POST' }));

    site.origin = `http://127.0.0.1:${await listen(t, handler)}`;
    site.stranger = `http://127.0.0.1:${await listen(t, handler)}`;

    return site;
}

async function upload(page, photo) {
    await page.locator('input[type=file]').setInputFiles(photo);
    await page.locator('button').click();
    await page.waitForFunction(() =>
        !/^(Uploading…)?$/.test(document.querySelector('#status').textContent));

    return page.locator('#status').innerText();
}

for (const program of [['/usr/bin/python3', 'contrib/upload/token.py'],
                       [process.execPath, 'contrib/upload/token.mjs']]) {
    test(`upload.html of another origin, ${program[1]}`, async (t) => {
        const { keys, photo } = files(t);
        const site = await shop(t, program);
        const server = await images(t, keys,
                                    `caphealth_image_cors ${site.origin};
                                     caphealth_image_id key;`);
        const page = await blank(t);

        site.action = server.url('/platform/images');
        await page.goto(site.origin);

        assert.match(await upload(page, photo), /^\/media\/\S+_200\.webp$/);
        await eventually(() => assert.deepEqual(logged(server), [
            `OPTIONS 204 ${site.origin} /platform/images`,
            `POST 201 ${site.origin} /platform/images`,
        ]));

        // the same once more, as after an answer that was lost

        await page.locator('button').click();
        await eventually(() => assert.equal(
            logged(server).at(-1), `POST 200 ${site.origin} /platform/images`));

        // another choice is another upload

        const other = photo.replace('shoe', 'bag');

        copyFileSync(photo, other);
        await upload(page, other);
        await eventually(() => assert.equal(
            logged(server).at(-1), `POST 201 ${site.origin} /platform/images`));

        // the page can read the problem, which another origin cannot

        site.token = token(-60);
        await page.reload();
        assert.equal(await upload(page, photo),
                     'The token has expired. Ask for a new one.');
        site.token = null;

        await eventually(() => assert.equal(
            logged(server).at(-1), `POST 401 ${site.origin} /platform/images`));

        const before = logged(server).length;

        await page.goto(site.stranger);
        assert.match(await upload(page, photo), /^No connection: /);
        await eventually(() => assert.ok(logged(server).length > before));
        assert.deepEqual(logged(server).slice(before).filter((line) =>
            line.startsWith('POST')), []);
    });
}

test('upload.html shows that a body is too large', async (t) => {
    const { keys, photo } = files(t);
    const site = await shop(t, [process.execPath, 'contrib/upload/token.mjs']);
    const readme = readFileSync('contrib/upload/README.md', 'utf8');
    const [, refusal] = /location @image_too_large \{([^}]*\}[^}]*)\}/
        .exec(readme);
    const server = await images(t, keys, `
        caphealth_image_cors ${site.origin}; caphealth_image_id key;
        client_max_body_size 100;
        error_page 413 = @image_too_large;`, {
        '@image_too_large': refusal.replace('https://shop.example.com',
                                            site.origin),
    });
    const page = await blank(t);

    site.action = server.url('/platform/images');
    await page.goto(site.origin);
    assert.match(await upload(page, photo),
                 /^The whole request may have 32 megabytes\. Send fewer/);
});

for (const [locale, label] of [['en-US', 'Token for uploads'],
                               ['de-DE', 'Token zum Hochladen']]) {
    test(`the page asks for a token, ${locale}`, async (t) => {
        const { keys, photo } = files(t);
        const server = await images(t, keys);
        const page = await visit(t, server,
                                 { path: '/admin/platform-health#images',
                                   locale });
        const field = page.getByLabel(label);
        const stored = page.locator('#gallery > li[data-state=done]');
        const failed = page.locator('#uploads > li[data-state=failed]');

        assert.equal(await field.isVisible(), false);
        await page.locator('#photos').setInputFiles(photo);
        await failed.waitFor();
        await field.waitFor();
        assert.equal(await failed.locator('.again').isVisible(), true);
        await accessible(page);
        await shoot(page, `token-${locale}`);

        // one that is refused, then a good one, by the keyboard

        await field.focus();
        await page.keyboard.insertText(token(-60));
        await page.keyboard.press('Enter');
        await eventually(() => assert.equal(
            logged(server).filter((line) => /^POST 401/.test(line)).length, 2));
        await field.waitFor();
        assert.equal(await field.inputValue(), '');

        await field.focus();
        await page.keyboard.insertText(` ${token(600)}\n`);
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await stored.waitFor();
        assert.equal(await field.isVisible(), false);
        assert.notEqual(await page.evaluate(() =>
            document.activeElement.tagName), 'BODY');

        // kept for the next one, and after a reload; in no URL, nor for ever

        await page.reload();
        await page.locator('#photos').setInputFiles(photo);
        await eventually(async () => assert.equal(await stored.count(), 2));
        assert.equal(await page.evaluate(() => JSON.stringify(
            [location.href, localStorage]).includes('eyJ')), false);
        assert.ok(logged(server).every((line) => !line.includes('eyJ')));
        clean(page, /console: Failed to load resource.*401/);
    });
}
