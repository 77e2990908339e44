// The page comes alive: asks, shows, and says what it does not know.

import { fill, list, text } from './bind.js';
import { Chart, sparkline } from './chart.js';
import { Rhythm, Source } from './data.js';
import { History, windows } from './history.js';
import * as nodes from './nodes.js';
import { age, choose, full, languages, load, moment, number, span, store,
         stored, t, translate } from './text.js';
import * as upload from './upload.js';
import * as vendors from './vendors.js';
import * as judgement from './verdict.js';
import * as view from './view.js';
import * as whatif from './whatif.js';

const root = document.documentElement;
const { refresh, health, capacity, images, nodes: fleet, upload: photos }
    = root.dataset;
const assets = new URL('.', import.meta.url).pathname;
const element = (id) => document.getElementById(id);

const sources = Object.entries({ health, capacity, images, nodes: fleet })
    .filter(([, url]) => url !== '')
    .map(([name, url]) => new Source(name, url));

const source = (name) => sources.find((one) => one.name === name);
const charts = new Map();
const past = new History(root.dataset.history, Number(refresh));

const nothing = { error: null, time: null, age: '', old: false };

const DAY = 86400e3;
const LEAST = 600e3;             // of a time axis
const SOON = 300;                // milliseconds
const EVENTS = matchMedia('(min-width: 140rem)').matches ? 18 : 6;

const rhythm = new Rhythm(Number(refresh), look);

const address = new URLSearchParams(location.search);

let range = address.get('range') in windows ? address.get('range') : '2d';
let disk = null;                 // whose row was chosen
let allEvents = false;
let ticks = 0;
let current = { status: null, since: null };

// the server's clock: ages are counted by it

function now() {
    return Date.now() + (source('health')?.offset ?? 0);
}

async function look() {
    const patience = Math.max(5000, Number(refresh));
    let rendered = false;

    // the past may take its time: the present does not wait for it

    const asked = remember(patience).then(() => {
        if (rendered) {
            render();
        }
    });

    await Promise.all([...sources.map((one) => one.ask(patience)),
                       Promise.race([asked, sleep(SOON)])]);

    sample();
    render();
    rendered = true;

    return sources.every(({ state }) => state !== 'unreachable');
}

// the window that is shown, and the one of the last 30 days

async function remember(patience) {
    await Promise.all([...new Set(['60d', range])].map((window) =>
                      past.ask(window, patience)));
}

function sleep(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
}

// what this page sees is the past from here on

function sample() {
    const { body, state } = source('health');

    if (body === null || state !== 'ok') {
        return;
    }

    const { system, database, thresholds } = body;
    const at = Date.parse(system.collected_at);

    past.sample('cpu_mean_percent', at, system.cpu_mean_percent);
    past.sample('memory_percent', at, system.memory_percent);
    past.sample('database_size_gb', Date.parse(database.collected_at),
                database.size_mb / 1024);

    for (const { key, path, current } of thresholds) {
        if (view.base(key) === 'disk_percent') {
            past.sample(`disk_percent:${path}`, at, current);
        }
    }

    const code = judgement.code(body.overall_status);

    if (code >= 0 && !body.stale) {
        past.sample('status', at, code);
    }
}

// a change of the verdict that this page has seen; what it says at first is no
// change

function notice(status) {
    const before = current.status;

    if (status === before) {
        return;
    }

    current = { status, since: now() };

    if (before !== null) {
        past.event({ at: now(), kind: 'status', from: before, to: status,
                     text: '' });
    }
}

function render() {
    list(element('banners'), banners());

    renderNodes();
    renderHealth();
    renderCapacity();
    renderImages();
    renderEvents();
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

    delete root.dataset.refused;

    const cards = view.cards(body, now(), uploads());
    const disks = view.disks(body);

    verdict(judgement.overall(body, now()));
    list(element('cards'), cards);
    list(element('advice'), advice(body));
    list(element('disks'), disks);
    fill(element('disks-panel'), { judged: view.disksJudged(body) });
    fill(element('tier'), view.tier(body));
    whatif.update(body);

    text(element('host'), body.fleet?.node ?? body.host ?? 'caphealth');
    text(element('about'), about(body));

    for (const card of cards) {
        draw(card.key, element('cards').querySelector(
            `[data-key=${card.key}] .chart`), card);
    }

    renderDisks(disks);
}

// how long it runs is known by the history's last start

function about({ version }) {
    const start = past.events(0).find(({ kind }) => kind === 'start');
    const words = version ? t('page.version', { version }) : '';

    return start ? `${words} · ${t('page.up', { span: span(now() - start.at) })}`
                 : words;
}

// of the last day: how many were stored and failed, and how many wait now

function uploads() {
    const from = now() - DAY;
    const window = past.documents.has('2d') ? '2d' : '60d';
    const daily = (name) => {
        const mean = past.mean(name, window, from, now());

        return mean === null ? null : Math.round(mean * 1440);
    };
    const last = (name) => past.points(name, window, from).at(-1)?.mean ?? null;

    return { uploads: daily('uploads_per_minute'),
             failures: daily('upload_failures_per_minute'),
             p95: last('upload_p95_seconds'),
             waiting: last('converters_waiting') };
}

// of the products, in the last 30 days; null: not known for as long as a day

function growth() {
    const points = past.points('products_count', '60d', now() - 30 * DAY)
                       .filter((point) => point !== null);
    const [first, last] = [points.at(0), points.at(-1)];
    const ms = last?.at - first?.at;

    return ms >= DAY ? { perDay: DAY * (last.mean - first.mean) / ms, ms } : null;
}

function renderDisks(rows) {
    const to = now();
    const from = to - 30 * DAY;

    for (const row of element('disks').children) {
        const one = rows.find(({ key }) => key === row.dataset.key);

        if (one) {
            sparkline(row.querySelector('.spark'),
                      past.points(one.series, '60d', from), from, to, 5);
        }
    }

    const shown = rows.find(({ key }) => key === disk) ?? view.worstDisk(rows);

    if (!shown) {
        return;
    }

    for (const row of element('disks').children) {
        if (row.dataset.key === shown.key && rows.length > 1) {
            row.setAttribute('aria-current', 'true');
        } else {
            row.removeAttribute('aria-current');
        }
    }

    draw('disk', element('disk-chart'), {
        title: t('chart.disk', { path: shown.path }),
        chart: { ...shown.chart, series: shown.series, factor: 1 },
    });
}

// what this client may not see any more, or has not got yet

function withdraw() {
    verdict({ ...view.verdict('status', 'unknown'), ...nothing,
              summary: doubt() ?? t('summary.unknown.all'), action: null,
              coming: null });

    for (const id of ['cards', 'advice', 'disks', 'events']) {
        list(element(id), []);
    }

    root.dataset.refused = '';
    element('disk-chart').replaceChildren();
    fill(element('tier'), { ladder: [], next: t('tier.unknown') });
    fill(element('disks-panel'), { judged: [] });
    whatif.update(null);
    charts.clear();
}

// nobody has asked for long: the page rests

function outdated() {
    const { at } = source('health');

    return rhythm.resting && at !== null && Date.now() - at > 3 * refresh;
}

// what is old does not say that all is well

function advice(body) {
    const rows = judgement.advice(body);

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
// nothing; beside the nodes it is the platform's, and no past of this node

function verdict(overall) {
    const why = doubt();
    const own = why ? 'unknown' : overall.status;
    const days = past.days(30, now());
    const platform = !why && root.dataset.view === 'nodes' ? nodes.overall()
                                                           : null;
    const status = platform?.status ?? own;

    notice(own);

    fill(element('overall'), {
        ...(why ? { ...overall, ...view.verdict('status', 'unknown'),
                    summary: why, action: null, coming: null }
                : overall),
        since: judgement.sinceWhen(own, past.events(0), now(), current.since),
        ...judgement.month(days, past.known),
        ...platform,
    });
    root.dataset.status = status;

    document.title = t('page.title', { state: t(`status.${status}`) });

    const icon = document.querySelector('link[rel=icon]');
    const href = `${assets}icon-${status}.svg`;

    if (icon.getAttribute('href') !== href) {
        icon.setAttribute('href', href);
    }
}

// --- what was ---

function draw(key, box, { title, chart }) {
    if (charts.get(key)?.container !== box) {
        charts.set(key, new Chart(box, chart.format));
    }

    const to = now();
    const window = shown();
    const from = to - window;
    const ahead = chart.forecast && window >= windows['60d'] ? window / 4 : 0;

    charts.get(key).show({
        name: title,
        range: t(past.known ? `range.${range}.long` : 'range.seen'),
        from: from + ahead,
        now: to,
        to: to + ahead,
        points: past.points(chart.series, range, from + ahead, chart.factor),
        most: chart.most,
        bounds: chart.bounds,
        forecast: chart.forecast,
        events: marks(from),
        note: gap(),
    });
}

// Without a past no more than what this page can have seen; with one that has
// just begun no more than that, unless a range is asked for.

function shown() {
    const first = past.known ? past.start(range) : past.opened;

    return past.known && address.has('range') ? windows[range]
           : Math.min(windows[range], Math.max(LEAST, now() - first));
}

function marks(from) {
    return past.events(from).map((one) => ({
        at: one.at, severity: judgement.severity(one), name: judgement.eventName(one),
    }));
}

// why there is nothing before this page was opened

function gap() {
    return {
        absent: t('past.absent'),
        missing: t('past.missing'),
        refused: t('past.refused', { status: past.status }),
        unreachable: t('past.unreachable'),
    }[past.state] ?? t('past.unknown');
}

function renderEvents() {
    if (source('health').state === 'refused') {
        return;
    }

    const all = past.events(now() - windows['60d']);
    const button = element('events-all');

    list(element('events'), (allEvents ? all.slice(0, 200)
                                       : all.slice(0, EVENTS)).map(judgement.event));

    button.hidden = all.length <= EVENTS;
    button.setAttribute('aria-expanded', allEvents);
    text(button, allEvents ? t('events.few')
                           : t('events.all', { n: number(all.length, 0) }));
    text(element('events-note'),
         past.known ? all.length > 0 ? '' : t('events.none')
         : `${gap()} ${all.length > 0 ? '' : t('events.none.seen')}`);
}

function renderCapacity() {
    const one = source('capacity');

    if (one?.body) {
        fill(element('platform'), view.platform(one.body, now(), growth()));
        vendors.update(one.body.products_by_vendor);

    } else if (one?.state !== 'new') {
        fill(element('platform'), { counts: '', ...nothing,
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

// a location without a fleet is as none

function renderNodes() {
    const one = source('nodes');
    const absent = one === undefined || lone(one) || one.state === 'new';

    element('nodes-link').hidden = absent;

    if (!absent) {
        nodes.update(one.body, one.state === 'refused' ? refusal(one) : null,
                     now());

    } else if (root.dataset.view === 'nodes' && one?.state !== 'new') {
        location.replace('#capacity-monitor');
    }
}

function lone({ name, status }) {
    return name === 'nodes' && status === 404;
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
    const rows = sources.filter((one) => one.state === 'bad' && !lone(one)
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

    for (const one of document.querySelectorAll('.age time[datetime]')) {
        const at = Date.parse(one.dateTime);

        if (!Number.isNaN(at)) {
            text(one, age(at, now()));

            if (one.title !== full(at)) {
                one.title = full(at);
            }
        }
    }

    live();
}

// live, and how old what is shown is

function live() {
    const { body, at } = source('health');
    const wait = Math.max(0, Math.ceil((rhythm.due - Date.now()) / 1000));
    const state = rhythm.paused ? 'unknown'
                  : rhythm.misses > 0 ? 'critical'
                  : body?.stale ? 'warning' : 'ok';
    const old = Date.parse(body?.system.collected_at);

    element('live').dataset.status = state;
    text(element('live').firstElementChild, rhythm.paused ? '‖'
                                            : view.shape(state));
    text(element('every'),
         rhythm.misses > 0 ? t('control.next', { n: number(wait, 0) })
         : at === null ? t('age.never')
         : t(rhythm.paused ? 'control.paused' : 'control.live',
             { age: Number.isNaN(old) ? t('age.never') : age(old, now()) }));
}

// --- what an operator does ---

// what is not in the URL has its usual value

function remembered(changes) {
    for (const [name, value] of Object.entries(changes)) {
        if (value === '') {
            address.delete(name);
        } else {
            address.set(name, value);
        }
    }

    const query = address.size > 0 || [...address].length > 0
                  ? `?${address}` : '';

    history.replaceState(history.state, '',
                         location.pathname + query + location.hash);
}

function ranges() {
    for (const radio of element('range').querySelectorAll('input')) {
        radio.checked = radio.value === range;

        radio.addEventListener('change', async () => {
            range = radio.value;
            remembered({ range });
            render();
            await past.ask(range, 5000);
            render();
        });
    }
}

function pause() {
    const button = element('pause');

    rhythm.pause(!rhythm.paused);

    text(button.firstElementChild, t(rhythm.paused ? 'control.resume'
                                                   : 'control.pause'));

    if (rhythm.paused) {
        tick();
    } else {
        rhythm.now();
    }
}

function shortcut() {
    const box = element('shortcut');
    const apply = () => {
        const hint = element('pause').querySelector('kbd');

        hint.hidden = !box.checked;

        if (box.checked) {
            element('pause').setAttribute('aria-keyshortcuts', 'p');
        } else {
            element('pause').removeAttribute('aria-keyshortcuts');
        }
    };

    box.checked = stored('caphealth-shortcut') !== 'off';
    apply();

    box.addEventListener('change', () => {
        store('caphealth-shortcut', box.checked ? null : 'off');
        apply();
    });
}

function key(event) {
    const typing = event.target.closest('input:not([type=file]), select, '
                                        + 'textarea');

    if (element('shortcut').checked && event.key.toLowerCase() === 'p'
        && !typing && !event.ctrlKey && !event.metaKey && !event.altKey
        && !event.repeat)
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

        store('caphealth-theme', select.value);
    });
}

function language() {
    const select = element('language');

    for (const { code, language } of languages()) {
        select.add(new Option(language, code, false, code === root.lang));
    }

    select.addEventListener('change', () => {
        store('caphealth-language', select.value);
        choose(select.value);
        speak();
        vendors.translate();
        nodes.translate();
        render();
    });
}

// all that stands there from the beginning

function speak() {
    translate(document);

    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

    text(element('zone'), t('page.zone', { zone }));
    text(element('pause').firstElementChild,
         t(rhythm.paused ? 'control.resume' : 'control.pause'));
}

// the link that the operator has called so is for the time of need

function runbook() {
    const link = [...document.querySelectorAll('.links a')]
        .find(({ textContent }) => /\brun-?\s?book\b/i.test(textContent));

    if (link) {
        element('runbook').href = link.getAttribute('href');
        element('runbook').hidden = false;
    }
}

function chosenDisk(event) {
    const button = event.target.closest('button');

    if (button) {
        disk = button.closest('tr').dataset.key;
        renderHealth();
    }
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
        renderHealth();
        section.querySelector('h1').focus({ preventScroll: true });
        scrollTo(0, 0);
    }
}

await load(new URL('texts.json', import.meta.url));

speak();
root.dataset.alive = '';

theme();
language();
shortcut();
ranges();
runbook();
route();
vendors.start(address, remembered);
nodes.start(address, remembered);
whatif.start();

if (photos !== '') {
    element('photos-panel').hidden = false;
    upload.start(element('upload'), () => rhythm.now(),
                 { most: Number(root.dataset.uploadMax),
                   deletes: root.dataset.uploadDelete === 'on' });
}

// the address is the view's

document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault();
    element('content').focus();
});

element('pause').addEventListener('click', pause);
element('disks').addEventListener('click', chosenDisk);
element('events-all').addEventListener('click', () => {
    allEvents = !allEvents;
    renderEvents();
});
document.addEventListener('keydown', key);
window.addEventListener('hashchange', route);

setInterval(() => {
    ticks++;

    // the seconds to the next try count; an age need not

    if (rhythm.misses > 0 || ticks % 5 === 0) {
        tick();
    }
}, 1000);
rhythm.now();
