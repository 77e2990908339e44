// Photos on their way: each a request of its own, so that each has its own
// progress and its own answer.  Not fetch(): it tells no progress.

import { text } from './bind.js';
import { known, number, percent, plural, size, t } from './text.js';

const ATONCE = 2;
const PATIENCE = 10;                 // times that a busy server is asked again
const FORM = 1024;                   // bytes around a file, at most
const KEPT = 100;                    // images that the gallery knows after a reload
const SURE = 5000;                   // milliseconds to say it again

const queue = [];

let batch = [];                      // photos since nothing was under way
let limits;
let url;
let rows;
let gallery;
let pattern;
let status;
let done;
let active = 0;

const element = (id) => document.getElementById(id);

// finished: called after each photo that the server has taken; most: bytes of a
// request, 0: not known, or no limit; deletes: whether the server deletes

export function start(form, finished, { most, deletes }) {
    const input = form.querySelector('input[type=file]');

    url = form.action;
    rows = element('uploads');
    gallery = element('gallery');
    pattern = element('upload-row');
    status = element('upload-status');
    done = finished;
    limits = { most, deletes };

    form.classList.add('live');

    input.addEventListener('change', () => {
        add([...input.files]);
        input.value = '';
    });

    form.addEventListener('submit', (event) => event.preventDefault());
    element('cancel-all').addEventListener('click', cancelAll);
    element('retry-failed').addEventListener('click', retryFailed);
    element('token-form').addEventListener('submit', takeToken);

    // anywhere on the page

    window.addEventListener('dragover', (event) => {
        if (hasFiles(event)) {
            event.preventDefault();
            form.classList.add('over');
            document.documentElement.dataset.dropping = '';
        }
    });

    window.addEventListener('drop', (event) => {
        if (hasFiles(event)) {
            event.preventDefault();
            leave(form);
            location.hash = '#images';
            add([...event.dataTransfer.files], folders(event.dataTransfer));
        }
    });

    window.addEventListener('dragleave', (event) => {
        if (event.relatedTarget === null) {
            leave(form);
        }
    });

    window.addEventListener('beforeunload', (event) => {
        if (active > 0) {
            event.preventDefault();
        }
    });

    for (const { name, image } of remembered()) {
        const photo = new Photo({ name, size: 0 });

        photo.show(image);
    }

    total();
}

function leave(form) {
    form.classList.remove('over');
    delete document.documentElement.dataset.dropping;
}

// text may be dropped into the search

function hasFiles({ dataTransfer }) {
    return dataTransfer.types.includes('Files');
}

function folders({ items }) {
    const entries = [...items].map((item) => item.webkitGetAsEntry?.());

    return new Set(entries.filter((entry) => entry?.isDirectory)
                          .map(({ name }) => name));
}

function add(files, folder = new Set()) {
    if (!batch.some((photo) => photo.pending)) {
        batch = [];
    }

    for (const file of files) {
        const photo = new Photo(file);

        batch.push(photo);

        if (folder.has(file.name)) {
            photo.fail(t('upload.folder'), false);

        } else if (limits.most > 0 && file.size + FORM > limits.most) {
            photo.fail(large(file), false);

        } else {
            queue.push(photo);
        }
    }

    next();
}

function next() {
    while (active < ATONCE && queue.length > 0) {
        active++;
        queue.shift().send();
    }

    total();
}

function over() {
    active--;
    next();
}

// --- all of them ---

function total() {
    const bar = element('upload-total');
    const bytes = batch.reduce((sum, { file }) => sum + file.size, 0);
    const sent = batch.reduce((sum, { file, share }) =>
                              sum + file.size * share, 0);
    const count = (state) => batch.filter((photo) =>
                                          photo.row.dataset.state === state)
                                  .length;
    const pending = batch.filter((photo) => photo.pending).length;

    element('upload-all').hidden = batch.length === 0;
    element('cancel-all').hidden = pending === 0;
    element('retry-failed').hidden = !batch.some((photo) => photo.again);
    element('gallery-title').hidden = gallery.childElementCount === 0;

    bar.value = bytes > 0 ? sent / bytes : 0;
    text(element('upload-count'), [
        t('upload.total', { n: number(count('done'), 0),
                            total: number(batch.length, 0),
                            size: size(bytes) }),
        count('failed') > 0 ? plural('upload.total.failed', count('failed'))
                            : '',
    ].filter(Boolean).join(' · '));
}

function cancelAll() {
    for (const photo of [...batch].reverse()) {
        if (photo.pending) {
            photo.stop();
        }
    }

    element('photos').focus();
}

function retryFailed() {
    for (const photo of batch) {
        if (photo.again) {
            photo.retry();
        }
    }

    element('cancel-all').focus();
}

// --- the token, where the server wants one ---

function authorization(token) {
    return token ? { Authorization: `Bearer ${token}` } : {};
}

// a photo that is sent again has the same, so that it is not stored twice where
// the server looks at it

function newKey() {
    return [...crypto.getRandomValues(new Uint8Array(16))]
        .map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

// used: the token that the server refused, if any; another may have been
// entered since

function askForToken(used) {
    if (used === storedToken()) {
        storeToken('');
        element('token-form').hidden = false;
    }
}

function wantsToken(code, challenge) {
    return code === 401 && /^Bearer\b/i.test(challenge ?? '');
}

function takeToken(event) {
    const field = element('token');

    event.preventDefault();

    // what no header can have, as a line's end or a letter with an accent,
    // is in no token

    storeToken(field.value.replace(/[^!-~]/g, ''));
    field.value = '';
    element('token-form').hidden = true;
    retryFailed();

    // the button to cancel is hidden as soon as all are done

    element('photos').focus();
}

// --- one ---

class Photo {
    constructor(file) {
        this.file = file;
        this.key = newKey();
        this.tries = 0;
        this.share = 0;
        this.again = false;          // may be tried again
        this.pending = true;

        this.row = pattern.content.firstElementChild.cloneNode(true);
        this.bar = this.row.querySelector('progress');
        this.error = this.row.querySelector('.error');
        this.retryButton = this.row.querySelector('.again');
        this.cancel = this.row.querySelector('.cancel');
        this.remove = this.row.querySelector('.delete');

        this.row.querySelector('bdi').textContent = file.name;
        this.bar.setAttribute('aria-label', file.name);

        this.retryButton.addEventListener('click', () => {
            this.retry();
            this.cancel.focus();
        });
        this.cancel.addEventListener('click', () => {
            this.stop();
            this.retryButton.focus();
        });
        this.remove.addEventListener('click', () => this.askToDelete());

        this.say('waiting', t('upload.waiting'));
        rows.prepend(this.row);
    }

    say(state, sentence) {
        this.row.dataset.state = state;
        this.row.querySelector('.state').textContent = sentence;
    }

    announce(sentence) {
        status.textContent = t('upload.announce', { name: this.file.name,
                                                    state: sentence });
    }

    // it is over, for good or ill

    settle(again) {
        this.pending = false;
        this.again = again;
        this.cancel.hidden = true;
        this.retryButton.hidden = !again;
        total();
    }

    send() {
        const form = new FormData();
        const request = new XMLHttpRequest();

        form.append('file', this.file);

        this.token = storedToken();

        request.open('POST', url);
        request.responseType = 'json';

        for (const header of Object.entries(authorization(this.token))) {
            request.setRequestHeader(...header);
        }

        request.setRequestHeader('Idempotency-Key', this.key);

        request.upload.addEventListener('progress', (event) => {
            this.progress(event.loaded / event.total);
        });
        request.addEventListener('load', () => this.answer(request));
        request.addEventListener('error', () => {
            over();
            this.fail(t('upload.lost'), true);
        });
        request.addEventListener('abort', over);

        this.request = request;
        this.progress(0);
        request.send(form);
    }

    progress(share) {
        this.bar.value = share;
        this.share = share;

        if (share < 1) {
            this.say('sending', t('upload.sending',
                                  { percent: percent(Math.floor(100 * share)) }));
        } else {
            this.bar.removeAttribute('value');
            this.say('converting', t('upload.converting'));
        }

        total();
    }

    answer(request) {
        const body = request.response;

        if (request.status === 503 && this.tries < PATIENCE) {
            this.later(Number(request.getResponseHeader('Retry-After')) || 1);
            return;
        }

        // 200: it is stored already

        if ((request.status === 201 || request.status === 200)
            && body?.images?.length > 0)
        {
            this.finish(body.images[0]);

        } else {
            const wanted = wantsToken(request.status, request
                                      .getResponseHeader('WWW-Authenticate'));

            if (wanted) {
                askForToken(this.token);
            }

            this.fail(reason(request, this.file),
                      wanted || request.status >= 500, body?.detail);
        }

        over();
    }

    // keeps its place: those behind it would only find the same

    later(seconds) {
        this.tries++;
        this.bar.value = 0;
        this.share = 0;
        this.say('busy', t('upload.busy', { n: number(seconds, 0) }));
        this.timer = setTimeout(() => {
            this.timer = null;
            this.send();
        }, 1000 * seconds);
    }

    finish(image) {
        this.show(image);
        this.announce(t('upload.done'));
        keep({ name: this.file.name, image });
        done();
    }

    // in the gallery

    show(image) {
        this.image = image;
        this.share = 1;
        this.bar.hidden = true;
        this.remove.hidden = !limits.deletes;
        this.offer('upload.delete');
        this.row.querySelector('.variants').replaceChildren(
            ...variants(image, this.file.name));
        this.say('done', t('upload.done'));
        gallery.prepend(this.row);
        this.settle(false);
    }

    // detail: what the server says of it in English

    fail(sentence, again, detail) {
        const words = [document.createTextNode(sentence)];

        if (typeof detail === 'string' && detail !== sentence) {
            const small = document.createElement('small');

            small.lang = 'en';
            small.textContent = ` ${detail}`;
            words.push(small);
        }

        this.bar.value = 0;
        this.share = 1;
        this.error.hidden = false;
        this.error.replaceChildren(...words);
        this.say('failed', t('upload.failed'));
        this.announce(sentence);
        this.settle(again);
    }

    retry() {
        this.tries = 0;
        this.share = 0;
        this.pending = true;
        this.again = false;
        this.error.hidden = true;
        this.retryButton.hidden = true;
        this.cancel.hidden = false;
        this.say('waiting', t('upload.waiting'));

        if (!batch.includes(this)) {
            batch.push(this);
        }

        queue.push(this);
        next();
    }

    stop() {
        const waiting = queue.indexOf(this);

        this.bar.value = 0;
        this.share = 1;
        this.say('cancelled', t('upload.cancelled'));
        this.settle(true);

        if (waiting >= 0) {
            queue.splice(waiting, 1);

        } else if (this.timer) {
            clearTimeout(this.timer);
            this.timer = null;
            over();

        } else {
            this.request.abort();
        }
    }

    // the button to delete, for those who do not see beside which image it is

    offer(key) {
        text(this.remove, t(key));
        this.remove.setAttribute('aria-label', t('upload.delete.name', {
            what: t(key), name: this.file.name }));
    }

    // a click asks, the next one within some seconds deletes

    askToDelete() {
        if (this.sure) {
            clearTimeout(this.sure);
            this.sure = null;
            this.deleteImage();
            return;
        }

        this.offer('upload.delete.sure');
        this.sure = setTimeout(() => {
            this.sure = null;
            this.offer('upload.delete');
        }, SURE);
    }

    async deleteImage() {
        const token = storedToken();

        this.remove.disabled = true;

        try {
            const response = await fetch(`${url}/${this.image.id}`, {
                method: 'DELETE', headers: authorization(token),
            });

            if (wantsToken(response.status,
                           response.headers.get('WWW-Authenticate'))) {
                askForToken(token);
            }

            if (!response.ok && response.status !== 404) {
                const body = await response.json().catch(() => null);

                throw new Error(reason({ status: response.status,
                                         response: body }, this.file));
            }

            this.gone();

        } catch (error) {
            this.remove.disabled = false;
            this.offer('upload.delete');
            this.error.hidden = false;
            text(this.error, error instanceof TypeError ? t('upload.lost.delete')
                                                        : error.message);
        }
    }

    gone() {
        const near = (this.row.nextElementSibling
                      ?? this.row.previousElementSibling)
                     ?.querySelector('.delete') ?? element('photos');

        this.row.remove();
        batch = batch.filter((photo) => photo !== this);
        forget(this.image.id);
        this.announce(t('upload.deleted'));
        total();
        near.focus();
        done();
    }
}

// by the problem's type, in the reader's language

function reason({ status: code, response }, file) {
    const type = String(response?.type ?? '').replace(/^urn:caphealth:problem:/,
                                                      'problem.');

    if (known(type)) {
        return t(type);
    }

    if (typeof response?.detail === 'string') {
        return response.detail;
    }

    // nginx's own answer, which is no JSON

    if (code === 413) {
        return large(file);
    }

    const key = code === 401 || code === 403 ? `refused.${code}`
                                             : 'refused.other';

    return t(key, { what: t('source.upload'), status: code });
}

function large(file) {
    return limits.most > 0
           ? t('upload.large.most', { size: size(file.size),
                                      most: size(limits.most) })
           : t('upload.large', { size: size(file.size) });
}

// the smallest is shown, each is a link

function variants(image, photo) {
    const all = Object.entries(image.variants)
                      .sort(([, a], [, b]) => a.width - b.width);

    return all.map(([name, variant], i) => {
        const item = document.createElement('li');
        const link = document.createElement('a');

        if (i === 0) {
            link.append(picture(variant, photo));
        }

        link.href = variant.url;
        link.target = '_blank';
        link.rel = 'noopener';
        link.append(t('upload.variant', {
            name,
            width: number(variant.width, 0),
            height: number(variant.height, 0),
            size: size(variant.bytes),
        }));
        item.append(link);

        return item;
    });
}

function picture(variant, photo) {
    const one = document.createElement('img');

    one.src = variant.url;
    one.width = variant.width;
    one.height = variant.height;
    one.alt = photo;

    return one;
}

// never in the URL; without a storage it lasts as long as the page

const TOKEN = 'caphealth-token';

let lastToken = '';

function storedToken() {
    try {
        return sessionStorage.getItem(TOKEN) ?? '';
    } catch {
        return lastToken;
    }
}

function storeToken(token) {
    lastToken = token;

    try {
        sessionStorage.setItem(TOKEN, token);
    } catch {
        // lastToken is used
    }
}

// --- what was stored in this tab, after a reload too ---

const KEY = 'caphealth-gallery';

function remembered() {
    try {
        return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
    } catch {
        return [];
    }
}

function remember(images) {
    try {
        sessionStorage.setItem(KEY, JSON.stringify(images.slice(-KEPT)));
    } catch {
        // no storage: it lasts as long as the page
    }
}

function keep(image) {
    remember([...remembered(), image]);
}

function forget(id) {
    remember(remembered().filter(({ image }) => image.id !== id));
}
