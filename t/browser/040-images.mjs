// The Images view: what is in the trees, and photos on their way into them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { accessible, clean, eventually, shoot, text, visit }
    from './lib/chromium.mjs';
import { calm, serve } from './lib/nginx.mjs';

const path = '/admin/platform-health#images';

// photos as a camera makes them: large, and not smooth

function photos(t, names) {
    const dir = mkdtempSync(join(tmpdir(), 'caphealth-photos-'));

    t.after(() => rmSync(dir, { recursive: true, force: true }));

    return names.map((name, i) => {
        const file = join(dir, name);

        execFileSync('convert', ['-size', '1600x1200', '-seed', String(i + 1),
                                 'plasma:red-blue', '-depth', '8', '-quality', '90',
                                 file]);
        return file;
    });
}

// as if they were dropped from the desktop; a name with a slash at its end is
// a folder

async function drop(page, files) {
    const transfer = await page.evaluateHandle((all) => {
        const data = new DataTransfer();

        for (const { name, bytes } of all) {
            data.items.add(new File([Uint8Array.from(atob(bytes), (c) =>
                c.charCodeAt(0))], name));
        }

        return data;
    }, files.map((file) => ({
        name: file.split('/').at(-1),
        bytes: readFileSync(file).toString('base64'),
    })));

    await page.dispatchEvent('#upload', 'dragover', { dataTransfer: transfer });
    assert.match(await page.locator('#upload').getAttribute('class'), /over/);
    await page.dispatchEvent('#upload', 'drop', { dataTransfer: transfer });
}

const row = (page, name) => page.locator('#uploads > li, #gallery > li',
                                         { hasText: name });

test('photos become variants', async (t) => {
    const server = await serve(t, {});
    const page = await visit(t, server, { path });
    const files = photos(t, ['shoe.jpg', 'bag.png', 'hat.webp']);

    assert.match(await text(page, '#image-stats'), /Files\s+0/);
    await page.locator('#photos').setInputFiles(files);

    for (const name of ['shoe.jpg', 'bag.png', 'hat.webp']) {
        await row(page, name).and(page.locator('[data-state=done]')).waitFor();

        const links = row(page, name).locator('.variants a');

        assert.equal(await links.count(), 3);
        assert.match(await links.nth(0).innerText(), /^200, 200 × 150, [\d.]+\sKiB$/);
        assert.match(await links.nth(1).innerText(), /^800, 800 × 600, /);
        assert.match(await links.nth(2).innerText(), /^original, 1,600 × 1,200, /);

        // the picture is there, and is what was sent

        const picture = row(page, name).locator('img');

        await eventually(async () => {
            assert.equal(await picture.evaluate((one) => one.naturalWidth), 200);
        });

        const answer = await fetch(new URL(await links.nth(2)
                                                      .getAttribute('href'),
                                           server.url()));

        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('Content-Type'), 'image/webp');
    }

    assert.match(await text(page, '#upload-status'), /: done$/);
    assert.equal(await page.locator('.cancel:visible').count(), 0);

    await eventually(async () => {
        assert.match(await text(page, '#image-stats'), /Files\s+9/);
        assert.match(await text(page, '#image-stats'), /Complete images\s+3/);
    });

    await accessible(page);
    await shoot(page, 'uploads');
    await page.setViewportSize({ width: 360, height: 740 });
    await shoot(page, 'uploads-360');
    clean(page);
});

// of the same file twice: two images, or one that both are told of

for (const [id, images] of [['key', 6], ['content', 3]]) {
    test(`photos where ids follow from the ${id}`, async (t) => {
        const server = await serve(t, { locations: {
            '/platform/images': `caphealth_image_upload; caphealth_image_id ${id};
                client_max_body_size 8m;
                caphealth_image_root images; caphealth_image_url /media/;`,
        } });
        const page = await visit(t, server, { path });
        const done = page.locator('#gallery > li[data-state=done]');
        const [photo] = photos(t, ['shoe.jpg']);

        for (const n of [1, 2]) {
            await page.locator('#photos').setInputFiles(photo);
            await eventually(async () => assert.equal(await done.count(), n));
        }

        await eventually(async () => {
            assert.match(await text(page, '#image-stats'),
                         new RegExp(`Files\\s+${images}`));
        });
        clean(page);
    });
}

test('dropped, a bad one among them', async (t) => {
    const server = await serve(t, {});
    const page = await visit(t, server, { path });
    const [good] = photos(t, ['good.jpg']);
    const bad = join(good, '..', '<b>notes.txt');

    writeFileSync(bad, 'Not a photo at all.');
    await drop(page, [good, bad]);

    await row(page, 'good.jpg').and(page.locator('[data-state=done]')).waitFor();
    await row(page, '<b>notes.txt').and(page.locator('[data-state=failed]'))
                                   .waitFor();

    // the reason names the formats, as the page does above it

    const [formats] = (await page.locator('#upload .hint').innerText()).split('.');
    const reason = await row(page, '<b>notes.txt').locator('.error').innerText();

    assert.ok(reason.includes(`Send ${formats}.`), `${reason} / ${formats}`);

    // it would fail again

    assert.equal(await row(page, 'notes').locator('.again').isVisible(), false);
    assert.equal(await page.locator('#upload').getAttribute('class'),
                 'drop live');
    await accessible(page);
    await shoot(page, 'upload-failed');
    clean(page, /console: Failed to load resource.*415/);
});

// whether the page takes what is dropped there for itself

async function taken(page, selector, file) {
    return page.evaluate(([where, isFile]) => {
        const data = new DataTransfer();

        data.items.add(...(isFile ? [new File(['x'], 'x.jpg')]
                                  : ['Vendor 1', 'text/plain']));

        return !document.querySelector(where).dispatchEvent(
            new DragEvent('drop', { bubbles: true, cancelable: true,
                                    dataTransfer: data }));
    }, [selector, file]);
}

test('a file may be dropped anywhere on the page, and so may text',
     async (t) => {
    const server = await serve(t, {});
    const page = await visit(t, server);

    assert.equal(await taken(page, '#vendor-search', false), false);
    assert.equal(await page.locator('#images').isVisible(), false);

    assert.equal(await taken(page, 'footer', true), true);
    await row(page, 'x.jpg').and(page.locator('[data-state=failed]')).waitFor();
    assert.equal(await page.locator('#images').isVisible(), true);
    assert.equal(await page.locator('#overall').isVisible(), true);
    clean(page, /console: Failed to load resource.*415/);
});

test('progress, and a change of mind', async (t) => {
    const server = await serve(t, {});
    const page = await visit(t, server, { path });
    const [file] = photos(t, ['slow.png']);

    // a slow line

    const client = await page.context().newCDPSession(page);

    await client.send('Network.enable');
    await client.send('Network.emulateNetworkConditions', {
        offline: false, latency: 0, downloadThroughput: -1,
        uploadThroughput: 300 * 1024,
    });

    await page.locator('#photos').setInputFiles(file);

    const bar = row(page, 'slow.png').locator('progress');

    await eventually(async () => {
        const value = await bar.evaluate((one) => one.value);

        assert.ok(value > 0 && value < 1);
    });
    assert.match(await row(page, 'slow.png').locator('.state').innerText(),
                 /^sending, \d+%$/);
    await shoot(page, 'upload-progress');

    await row(page, 'slow.png').locator('.cancel').click();
    await row(page, 'slow.png').and(page.locator('[data-state=cancelled]'))
                               .waitFor();

    // and a second thought

    await client.send('Network.emulateNetworkConditions', {
        offline: false, latency: 0, downloadThroughput: -1,
        uploadThroughput: -1,
    });
    assert.equal(await page.evaluate(() => document.activeElement.className),
                 'again');
    await page.keyboard.press('Enter');
    await row(page, 'slow.png').and(page.locator('[data-state=done]')).waitFor();

    await eventually(async () => {
        const stats = await server.json('/platform/image-stats');

        assert.equal(stats.total_files, 3);
    });
    clean(page, /failed: .*ERR_ABORTED/);
});

test('a photo that is larger than the server takes', async (t) => {
    const server = await serve(t, {
        locations: {
            '/platform/images': `caphealth_image_upload;
                client_max_body_size 100k; caphealth_image_root images;
                caphealth_image_url /media/;`,
        },
    });
    const page = await visit(t, server, { path });

    await page.locator('#photos').setInputFiles(photos(t, ['huge.png']));
    await row(page, 'huge.png').and(page.locator('[data-state=failed]'))
                               .waitFor();
    assert.match(await row(page, 'huge.png').locator('.error').innerText(),
                 /^The photo, [\d.,]+\sMiB, is larger than the server takes: 100\sKiB/);

    // it was not sent, and would fail again

    assert.equal(await row(page, 'huge.png').locator('.again').isVisible(),
                 false);
    clean(page);
});

function busy(route, seconds) {
    return route.fulfill({ status: 503,
                           headers: { 'Retry-After': String(seconds) },
                           contentType: 'application/problem+json',
                           body: '{"detail": "busy"}' });
}

test('a busy server is asked again', async (t) => {
    const server = await serve(t, {});
    const page = await visit(t, server, { path });
    let asked = 0;

    await page.route('**/platform/images', (route) => {
        asked++;

        return asked === 1 ? busy(route, 1) : route.continue();
    });

    await page.locator('#photos').setInputFiles(photos(t, ['one.jpg']));
    await row(page, 'one.jpg').and(page.locator('[data-state=busy]')).waitFor();
    assert.match(await row(page, 'one.jpg').locator('.state').innerText(),
                 /busy, again in 1 s/);
    await row(page, 'one.jpg').and(page.locator('[data-state=done]')).waitFor();
    assert.equal(asked, 2);
    clean(page, /console: Failed to load resource.*503/);
});

test('cancelled while the server is busy, again, and cancelled', async (t) => {
    const server = await serve(t, {});
    const page = await visit(t, server, { path });
    let asked = 0;

    // busy once, and then without an answer

    await page.route('**/platform/images', (route) => {
        asked++;

        return asked === 1 ? busy(route, 60)
               : asked === 2 ? null : route.continue();
    });

    const [one, two, three] = photos(t, ['one.jpg', 'two.jpg', 'three.jpg']);
    const given = page.waitForEvent('requestfailed', (request) =>
        /platform\/images$/.test(request.url()));

    await page.locator('#photos').setInputFiles([one]);
    await row(page, 'one.jpg').and(page.locator('[data-state=busy]')).waitFor();
    await row(page, 'one.jpg').locator('.cancel').click();
    await row(page, 'one.jpg').locator('.again').click();
    await eventually(() => assert.equal(asked, 2));
    await row(page, 'one.jpg').locator('.cancel').click();

    // the request is given up, and both places are free

    await given;

    await page.locator('#photos').setInputFiles([two, three]);
    await row(page, 'two.jpg').and(page.locator('[data-state=done]')).waitFor();
    await row(page, 'three.jpg').and(page.locator('[data-state=done]'))
                                .waitFor();
    assert.equal(asked, 4);
    clean(page, /console: Failed to load resource.*503|ERR_ABORTED/);
});

test('the server goes away under an upload', async (t) => {
    const server = await serve(t, {});
    const page = await visit(t, server, { path });

    await page.keyboard.press('p');
    await page.waitForLoadState('networkidle');
    await server.stop();

    await page.locator('#photos').setInputFiles(photos(t, ['lost.jpg']));
    await row(page, 'lost.jpg').and(page.locator('[data-state=failed]'))
                               .waitFor();
    assert.match(await row(page, 'lost.jpg').locator('.error').innerText(),
                 /The connection was lost/);

    await server.start();
    await row(page, 'lost.jpg').locator('.again').click();
    await row(page, 'lost.jpg').and(page.locator('[data-state=done]')).waitFor();
    clean(page, /ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_SOCKET|ERR_ABORTED/);
});

test('a viewer without access to uploads sees a sentence', async (t) => {
    const server = await serve(t, {
        locations: {
            '/platform/images': `caphealth_image_upload; deny all;
                caphealth_image_root images; caphealth_image_url /media/;`,
        },
    });
    const page = await visit(t, server, { path });

    await page.locator('#photos').setInputFiles(photos(t, ['plain.jpg']));
    await page.locator('#uploads [data-state=failed]').waitFor();
    assert.match(await text(page, '#uploads .error'),
                 /You may not see the image upload: the server answered 403/);
    clean(page, /console: Failed to load resource.*403/);
});

// what a shop's own form sends: fields around the files, an input that nobody
// chose a file for, and names that Chromium does not escape

test('a form of a browser', async (t) => {
    const names = ['a.jpg', 'ends in \\', 'quote".jpg', 'line\nbreak.jpg',
                   'per%22cent.jpg', 'ümläut \u{1f4f7}.jpg'];
    const server = await serve(t, {});
    const page = await visit(t, server, { path });
    const bytes = readFileSync(photos(t, ['photo.jpg'])[0]).toString('base64');

    const answer = await page.evaluate(async ({ names, bytes }) => {
        const data = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
        const form = document.createElement('form');

        form.innerHTML = '<input name="before" value="1">'
            + '<input name="none" type="file"><textarea name="text">a\nb'
            + '</textarea>';

        const body = new FormData(form);

        names.forEach((name) => body.append('file[]', new File([data], name)));
        body.append('blob', new Blob([data], { type: 'image/jpeg' }));
        body.append('after "quote"', '\\');

        const response = await fetch('/platform/images',
                                     { method: 'POST', body });

        return { status: response.status, json: await response.json() };
    }, { names, bytes });

    assert.equal(answer.status, 201, JSON.stringify(answer.json));
    assert.equal(answer.json.images.length, names.length + 1);

    const none = await page.evaluate(async () => {
        const form = document.createElement('form');

        form.innerHTML = '<input name="none" type="file">';

        const response = await fetch('/platform/images',
            { method: 'POST', body: new FormData(form) });

        return { status: response.status, json: await response.json() };
    });

    assert.equal(none.status, 400);
    assert.match(none.json.type, /no-image$/);
});

test('all together: a total, cancelled, and tried again', async (t) => {
    const server = await serve(t, {});
    const page = await visit(t, server, { path });
    let lost = true;

    // two without an answer, until they are cancelled

    await page.route('**/platform/images', (route) =>
        lost ? null : route.continue());

    await page.locator('#photos').setInputFiles(
        photos(t, ['one.jpg', 'two.jpg', 'three.jpg']));
    assert.match(await text(page, '#upload-count'),
                 /^0 of 3 stored, [\d.]+\s[KM]iB in all$/);
    await page.locator('#cancel-all').click();
    assert.equal(await page.locator('#uploads > [data-state=cancelled]').count(),
                 3);
    assert.equal(await page.locator('#cancel-all').isVisible(), false);
    await accessible(page);

    lost = false;
    await page.locator('#retry-failed').click();
    await eventually(async () => {
        assert.match(await text(page, '#upload-count'), /^3 of 3 stored/);
    });
    assert.equal(await page.locator('#upload-total').evaluate((one) =>
        one.value), 1);
    assert.equal(await page.locator('#retry-failed').isVisible(), false);
    clean(page, /ERR_ABORTED/);
});

test('a gallery, which survives a reload, and deletes', async (t) => {
    const server = await serve(t, {});
    const page = await visit(t, server, { path });

    await page.locator('#photos').setInputFiles(photos(t, ['one.jpg', 'two.jpg']));
    await eventually(async () => {
        assert.equal(await page.locator('#gallery > li').count(), 2);
    });

    await page.reload();
    await eventually(async () => {
        assert.equal(await page.locator('#gallery > li').count(), 2);
    });
    assert.equal(await page.locator('#upload-all').isVisible(), false);

    const remove = row(page, 'one.jpg').locator('.delete');

    // asked first, and deleted when it is confirmed

    await remove.click();
    assert.equal(await remove.innerText(), 'Really delete?');
    await accessible(page);
    await shoot(page, 'gallery');
    await remove.click();
    await eventually(async () => {
        assert.equal(await page.locator('#gallery > li').count(), 1);
    });
    assert.equal(await page.evaluate(() => document.activeElement.className),
                 'delete');
    await eventually(async () => {
        assert.equal((await server.json('/platform/image-stats')).total_files,
                     3);
    });

    await page.reload();
    await eventually(async () => {
        assert.equal(await page.locator('#gallery > li').count(), 1);
    });

    // Chromium says so of a 204

    clean(page, /failed: .*ERR_ABORTED/);
});

test('no button to delete where the server does not', async (t) => {
    const server = await serve(t, {
        locations: {
            '/platform/images': `caphealth_image_upload;
                client_max_body_size 8m; caphealth_image_root images;
                caphealth_image_url /media/;`,
        },
    });
    const page = await visit(t, server, { path });

    await page.locator('#photos').setInputFiles(photos(t, ['one.jpg']));
    await row(page, 'one.jpg').and(page.locator('[data-state=done]')).waitFor();
    assert.equal(await page.locator('.delete:visible').count(), 0);
    clean(page);
});

test('errors in the reader\'s language', async (t) => {
    const server = await serve(t, {});
    const page = await visit(t, server, { path, locale: 'de-DE' });
    const [good] = photos(t, ['good.jpg']);
    const bad = join(good, '..', 'bad.txt');

    writeFileSync(bad, 'Not a photo at all.');
    await page.locator('#photos').setInputFiles([good, bad]);
    await row(page, 'bad.txt').and(page.locator('[data-state=failed]')).waitFor();
    assert.match(await row(page, 'bad.txt').locator('.error').innerText(),
                 /^Das ist kein Bild eines unterstützten Formats\. /);
    assert.equal(await row(page, 'bad.txt').locator('small')
                                           .getAttribute('lang'), 'en');
    await row(page, 'good.jpg').and(page.locator('[data-state=done]')).waitFor();
    await shoot(page, 'uploads-german');
    clean(page, /console: Failed to load resource.*415/);
});
