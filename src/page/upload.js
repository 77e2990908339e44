// Photos on their way: each a request of its own, so that each has its own
// progress and its own answer.  Not fetch(): it tells no progress.

import { number, percent, size, t } from './text.js';

const ATONCE = 2;
const PATIENCE = 10;                 // times that a busy server is asked again

const queue = [];

let url;
let rows;
let pattern;
let status;
let done;
let active = 0;

// finished: called after each photo that the server has taken

export function start(form, finished) {
    const input = form.querySelector('input[type=file]');

    url = form.action;
    rows = document.getElementById('uploads');
    pattern = document.getElementById('upload-row');
    status = document.getElementById('upload-status');
    done = finished;

    form.classList.add('live');

    input.addEventListener('change', () => {
        add([...input.files]);
        input.value = '';
    });

    form.addEventListener('submit', (event) => event.preventDefault());

    window.addEventListener('dragover', (event) => {
        if (!hasFiles(event)) {
            return;
        }

        event.preventDefault();
        form.classList.toggle('over', form.contains(event.target));
    });

    window.addEventListener('drop', (event) => {
        if (!hasFiles(event)) {
            return;
        }

        event.preventDefault();
        form.classList.remove('over');

        if (form.contains(event.target)) {
            add([...event.dataTransfer.files], folders(event.dataTransfer));
        }
    });

    window.addEventListener('dragleave', () => form.classList.remove('over'));

    window.addEventListener('beforeunload', (event) => {
        if (active > 0) {
            event.preventDefault();
        }
    });
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
    for (const file of files) {
        const photo = new Photo(file);

        if (folder.has(file.name)) {
            photo.fail(t('upload.folder'), false);
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
}

function over() {
    active--;
    next();
}

class Photo {
    constructor(file) {
        this.file = file;
        this.tries = 0;

        this.row = pattern.content.firstElementChild.cloneNode(true);
        this.bar = this.row.querySelector('progress');
        this.error = this.row.querySelector('.error');
        this.again = this.row.querySelector('.again');
        this.cancel = this.row.querySelector('.cancel');

        this.row.querySelector('bdi').textContent = file.name;
        this.bar.setAttribute('aria-label', file.name);

        this.again.addEventListener('click', () => this.retry());
        this.cancel.addEventListener('click', () => this.stop());

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

    send() {
        const form = new FormData();
        const request = new XMLHttpRequest();

        form.append('file', this.file);

        request.open('POST', url);
        request.responseType = 'json';

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

        if (share < 1) {
            this.say('sending', t('upload.sending',
                                  { percent: percent(Math.floor(100 * share)) }));
        } else {
            this.bar.removeAttribute('value');
            this.say('converting', t('upload.converting'));
        }
    }

    answer(request) {
        const body = request.response;

        if (request.status === 503 && this.tries < PATIENCE) {
            this.later(Number(request.getResponseHeader('Retry-After')) || 1);
            return;
        }

        over();

        if (request.status === 201 && body?.images?.length > 0) {
            this.finish(body.images[0]);

        } else {
            this.fail(reason(request, this.file), request.status >= 500);
        }
    }

    // keeps its place: those behind it would only find the same

    later(seconds) {
        this.tries++;
        this.bar.value = 0;
        this.say('busy', t('upload.busy', { n: number(seconds, 0) }));
        this.timer = setTimeout(() => {
            this.timer = null;
            this.send();
        }, 1000 * seconds);
    }

    finish(image) {
        this.bar.value = 1;
        this.cancel.hidden = true;
        this.say('done', t('upload.done'));
        this.announce(t('upload.done'));
        this.row.querySelector('.variants').append(...variants(image));
        done();
    }

    fail(sentence, again) {
        this.bar.value = 0;
        this.cancel.hidden = true;
        this.again.hidden = !again;
        this.error.hidden = false;
        this.error.textContent = sentence;
        this.say('failed', t('upload.failed'));
        this.announce(sentence);
    }

    retry() {
        this.tries = 0;
        this.error.hidden = true;
        this.again.hidden = true;
        this.cancel.hidden = false;
        this.say('waiting', t('upload.waiting'));
        this.cancel.focus();
        queue.push(this);
        next();
    }

    stop() {
        const waiting = queue.indexOf(this);

        if (waiting >= 0) {
            queue.splice(waiting, 1);

        } else if (this.timer) {
            clearTimeout(this.timer);
            this.timer = null;
            over();

        } else {
            this.request.abort();
        }

        this.bar.value = 0;
        this.cancel.hidden = true;
        this.again.hidden = false;
        this.again.focus();
        this.say('cancelled', t('upload.cancelled'));
    }
}

function reason({ status: code, response }, file) {
    if (typeof response?.detail === 'string') {
        return response.detail;
    }

    // nginx's own answer, which is no JSON

    if (code === 413) {
        return t('upload.large', { size: size(file.size) });
    }

    const key = code === 401 || code === 403 ? `refused.${code}`
                                             : 'refused.other';

    return t(key, { what: t('source.upload'), status: code });
}

// the smallest is shown, each is a link

function variants(image) {
    const all = Object.entries(image.variants)
                      .sort(([, a], [, b]) => a.width - b.width);

    return all.map(([name, variant], i) => {
        const item = document.createElement('li');
        const link = document.createElement('a');

        if (i === 0) {
            link.append(picture(variant));
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

function picture(variant) {
    const element = document.createElement('img');

    element.src = variant.url;
    element.width = variant.width;
    element.height = variant.height;
    element.alt = '';

    return element;
}
