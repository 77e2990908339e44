// The page comes alive: asks, shows, and says what it does not know.

import { fill, list, text } from './bind.js';
import { Chart } from './chart.js';
import { Rhythm, Source } from './data.js';
import { age, full, load, moment, number, percent, t, translate, unit }
    from './text.js';
import * as upload from './upload.js';
import * as vendors from './vendors.js';
import * as view from './view.js';

const root = document.documentElement;
const { refresh, health, capacity, images, upload: photos } = root.dataset;
const assets = new URL('.', import.meta.url).pathname;
const element = (id) => document.getElementById(id);

const sources = Object.entries({ health, capacity, images })
    .filter(([, url]) => url !== '')
    .map(([name, url]) => new Source(name, url));

const source = (name) => sources.find((one) => one.name === name);
const charts = new Map();

const nothing = { error: null, time: null, age: '' };

const rhythm = new Rhythm(Number(refresh), look);

// the server's clock: ages are counted by it

function now() {
    return Date.now() + (source('health')?.offset ?? 0);
}

async function look() {
    const patience = Math.max(5000, Number(refresh));

    await Promise.all(sources.map((one) => one.ask(patience)));

    render();

    return sources.every(({ state }) => state !== 'unreachable');
}

function render() {
    list(element('banners'), banners());

    renderHealth();
    renderCapacity();
    renderImages();
    tick();
}

// --- what is known ---

function renderHealth() {
    const { body, state } = source('health');

    if (body === null) {
        if (state !== 'new') {
            withdraw();
        }

        return;
    }

    const cards = view.cards(body, now());
    const overall = view.overall(body, now());

    verdict(overall);
    list(element('cards'), cards);
    list(element('advice'), advice(body));
    list(element('thresholds'), view.thresholds(body));
    fill(element('tier'), view.tier(body));

    for (const card of cards) {
        chart(card).add(Date.parse(card.time), card.chart);
    }
}

// what this client may not see any more, or has not got yet

function withdraw() {
    verdict({ ...view.verdict('status', 'unknown'), ...nothing,
              summary: doubt() ?? t('summary.unknown.all'), action: null });

    for (const id of ['cards', 'advice', 'thresholds']) {
        list(element(id), []);
    }

    fill(element('tier'), { ladder: [], dimensions: [],
                            next: t('tier.unknown') });
    charts.clear();
}

// nobody has asked for long: the page rests

function outdated() {
    const { at } = source('health');

    return rhythm.resting && at !== null && Date.now() - at > 3 * refresh;
}

// what is old does not say that all is well

function advice(body) {
    const rows = view.advice(body);

    return doubt() ? rows.filter(({ code }) => code !== 'all-healthy') : rows;
}

// why what is shown is no verdict; null: it is one

function doubt() {
    const one = source('health');

    switch (one.state) {

    case 'unreachable':
        return t('summary.offline');

    case 'refused':
        return t('summary.refused', { status: one.status });

    case 'bad':
        return t('summary.bad', { status: one.status });

    default:
        return outdated() ? t('summary.paused', { time: moment(one.at) })
                          : null;
    }
}

// also where only the tab is seen; what is old is no verdict, and asks for
// nothing

function verdict(overall) {
    const why = doubt();
    const status = why ? 'unknown' : overall.status;

    fill(element('overall'), why
         ? { ...overall, ...view.verdict('status', 'unknown'), summary: why,
             action: null }
         : overall);
    root.dataset.status = status;

    document.title = t('page.title', { state: t(`status.${status}`) });

    const icon = document.querySelector('link[rel=icon]');
    const href = `${assets}icon-${status}.svg`;

    if (icon.getAttribute('href') !== href) {
        icon.setAttribute('href', href);
    }
}

const formats = {
    database: (x) => unit('number.mb', x),
    images: (x) => unit('number.gb', x),
};

function chart({ key, title }) {
    if (!charts.has(key)) {
        const box = element('cards').querySelector(`[data-key=${key}] .chart`);
        const format = formats[key] ?? percent;

        charts.set(key, new Chart(box, title, format,
                                  formats[key] ? null : 100));
    }

    return charts.get(key);
}

function renderCapacity() {
    const one = source('capacity');

    if (one?.body) {
        fill(element('platform'), view.platform(one.body, now()));
        vendors.update(one.body.products_by_vendor);

    } else if (one?.state !== 'new') {
        fill(element('platform'), { tiles: [], ...nothing,
                                    error: absence('capacity', one) });
        vendors.update(undefined);
    }
}

function renderImages() {
    const one = source('images');

    if (one?.body) {
        fill(element('image-stats'), view.imageStats(one.body, now()));

    } else if (one?.state !== 'new') {
        fill(element('image-stats'), { tiles: [], roots: [], note: null,
                                       ...nothing,
                                       error: absence('images', one) });
    }
}

// Why a panel is empty: its location is not configured, or its access rules
// refuse this client.  Other reasons are shown as a banner.

function absence(name, one) {
    return one === undefined ? t(`source.absent.${name}`)
           : one.state === 'refused' ? refusal(one) : null;
}

// --- what is not ---

function banners() {
    const lost = sources.filter(({ state }) => state === 'unreachable');
    const rows = sources.filter((one) => one.state === 'bad'
                                         || one.state === 'refused'
                                            && one.name === 'health')
                        .map(complaint);

    if (lost.length > 0) {
        const key = lost.some(({ body }) => body) ? 'banner.unreachable'
                                                  : 'banner.unreachable.yet';

        rows.unshift(banner('unreachable', 'critical',
                            t(key, { time: seen(lost) })));

    } else if (source('health').body?.stale) {
        const at = source('health').body.system.collected_at;

        rows.unshift(banner('stale', 'warning',
                            t('banner.stale', { time: moment(Date.parse(at)) })));
    }

    if (rhythm.paused) {
        rows.push(banner('paused', 'info', t('banner.paused')));
    }

    return rows;
}

function banner(key, kind, sentence) {
    return { key, kind, shape: view.shape(kind), text: sentence };
}

function complaint(one) {
    return banner(one.name, 'warning',
                  one.state === 'refused' ? refusal(one)
                  : t(one.body ? 'banner.bad' : 'refused.other',
                      { what: t(`source.${one.name}`), status: one.status,
                        time: seen([one]) }));
}

function refusal({ name, status }) {
    return t(`refused.${status}`, { what: t(`source.${name}`) });
}

// the oldest of the last answers

function seen(some) {
    const times = some.map(({ at }) => at).filter((at) => at !== null);

    return times.length > 0 ? moment(Math.min(...times)) : t('age.never');
}

// --- the time that passes ---

function tick() {
    if (outdated() && root.dataset.status !== 'unknown') {
        renderHealth();
    }

    for (const one of document.querySelectorAll('time[datetime]')) {
        const at = Date.parse(one.dateTime);

        if (!Number.isNaN(at)) {
            text(one, age(at, now()));

            if (one.title !== full(at)) {
                one.title = full(at);
            }
        }
    }

    const wait = Math.max(0, Math.ceil((rhythm.due - Date.now()) / 1000));

    text(element('every'), rhythm.paused ? ''
         : rhythm.misses > 0 ? t('control.next', { n: number(wait, 0) })
         : t('control.every', { n: number(refresh / 1000, 1) }));
}

// --- what an operator does ---

function pause() {
    const button = element('pause');

    rhythm.pause(!rhythm.paused);

    text(button.firstElementChild, t(rhythm.paused ? 'control.resume'
                                                   : 'control.pause'));

    if (rhythm.paused) {
        list(element('banners'), banners());
    } else {
        rhythm.now();
    }
}

function key(event) {
    const typing = event.target.closest('input:not([type=file]), select, '
                                        + 'textarea');

    if (event.key.toLowerCase() === 'p' && !typing && !event.ctrlKey
        && !event.metaKey && !event.altKey && !event.repeat)
    {
        pause();
    }
}

function theme() {
    const select = element('theme');

    select.value = root.dataset.theme ?? 'system';

    select.addEventListener('change', () => {
        if (select.value === 'system') {
            delete root.dataset.theme;
        } else {
            root.dataset.theme = select.value;
        }

        try {
            localStorage.setItem('caphealth-theme', select.value);
        } catch {
            // it lasts as long as the page
        }
    });
}

function route(event) {
    const id = location.hash.slice(1) || 'capacity-monitor';
    const section = element(id);

    if (!section?.classList.contains('view')) {
        return;
    }

    root.dataset.view = id;

    for (const link of document.querySelectorAll('nav a[href^="#"]')) {
        if (link.hash === `#${id}`) {
            link.setAttribute('aria-current', 'page');
        } else {
            link.removeAttribute('aria-current');
        }
    }

    if (event) {
        section.querySelector('h1').focus({ preventScroll: true });
        scrollTo(0, 0);
    }
}

await load(new URL('texts.json', import.meta.url));

translate(document);
root.dataset.alive = '';

theme();
route();
vendors.start();

if (photos !== '') {
    element('photos-panel').hidden = false;
    upload.start(element('upload'), () => rhythm.now());
}

// the address is the view's

document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault();
    element('content').focus();
});

element('pause').addEventListener('click', pause);
document.addEventListener('keydown', key);
window.addEventListener('hashchange', route);

setInterval(tick, 1000);
rhythm.now();
