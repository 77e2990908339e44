// The nodes of a fleet: the worst first, by status and name, and only as many
// rows as are looked at.

import { fill, Rows, text } from './bind.js';
import { age, compare, finite, moment, number, plural, t } from './text.js';
import { happened } from './verdict.js';
import { join, shape, verdict } from './view.js';

const FIRST = 100;
const MOST = 500;                // rows; others are found by their names
const SECOND = 1;                // that a clock may be off

// the worst first, as the platform's status is the worst

const statuses = ['critical', 'unknown', 'degraded', 'healthy'];

const element = (id) => document.getElementById(id);
const rows = new Rows(element('nodes-rows'), element('nodes-more'), FIRST,
                      render);
const search = element('nodes-search');
const filter = element('nodes-filter');

let report = null;
let time = 0;                    // the server's
let failure = null;
let wanted = '';                 // a status, or all
let changed;

// address: what the page's URL says of it; remember: called with what it should
// say

export function start(address, remember) {
    changed = remember;
    search.value = address.get('node') ?? '';

    if (statuses.includes(address.get('status'))) {
        wanted = address.get('status');
    }

    for (const radio of filter.querySelectorAll('input')) {
        radio.checked = radio.value === wanted;

        radio.addEventListener('change', () => {
            wanted = radio.value;
            rows.restart();
            changed({ status: wanted });
            render();
        });
    }

    search.addEventListener('input', () => {
        rows.restart();
        changed({ node: search.value });
        render();
    });
}

// in other words

export function translate() {
    render();
}

// document: the nodes' report, or null; error: why there is none; now: the
// server's time

export function update(document, error, now) {
    report = document;
    failure = error;
    time = now;
    render();
}

// what the banner says of the platform; null: nothing is known of the nodes

export function overall() {
    const all = sorted(report?.nodes ?? []);
    const status = report?.platform_status;

    return report && {
        ...verdict('status', status),
        status,
        summary: reason(all) ?? t(status === 'healthy' ? 'nodes.healthy'
                                                       : 'nodes.unknown'),
        action: null,
        coming: null,
        since: t('nodes.together'),
    };
}

function render() {
    const link = element('nodes-link');
    const status = report?.platform_status ?? 'unknown';
    const all = sorted(report?.nodes ?? []);
    const found = all.filter((one) => matches(one));

    link.dataset.status = status;
    text(link.querySelector('.shape'), shape(status));
    link.querySelector('.shape').setAttribute('aria-label',
                                              t(`status.${status}`));

    fill(element('nodes-panel'), {
        facts: report ? facts() : '',
        error: failure ?? report?.error ?? null,
    });

    for (const label of filter.querySelectorAll('label')) {
        const { value } = label.querySelector('input');

        text(label.lastElementChild, t('nodes.only', {
            state: t(value === '' ? 'nodes.all' : `status.${value}`),
            n: number(value === '' ? all.length : report?.counts[value], 0) }));
    }

    rows.show(found, row, (n) => t('nodes.more', { n: number(n, 0) }), MOST);
    text(element('nodes-count'), summary(all, found));
}

function sorted(nodes) {
    return [...nodes].sort((a, b) =>
        statuses.indexOf(a.status) - statuses.indexOf(b.status)
        || compare(a.name, b.name));
}

function matches({ name, status }) {
    return (wanted === '' || status === wanted)
           && name.toLowerCase().includes(search.value.trim().toLowerCase());
}

// what makes the platform what it is: the worst node, unless this one does not
// know of them

function reason([worst]) {
    return report.alone ? t('nodes.alone', { time: when(report.collected_at) })
           : report.stale ? t('nodes.stale', { time: when(report.collected_at) })
           : worst && worst.status !== 'healthy'
             ? t('nodes.worst', { name: worst.name, cause: cause(worst) })
             : null;
}

function facts() {
    return join(report.node && t('nodes.here', { name: report.node }),
                report.lease_holder
                ? t('nodes.lease', { name: report.lease_holder })
                : t('nodes.lease.none'),
                report.database_from
                && t('nodes.database', { name: report.database_from }));
}

function when(at) {
    return at === null ? t('age.never') : moment(Date.parse(at));
}

// the sentence of the server is in English

function cause(node) {
    return node.silent ? t('nodes.silent', { time: when(node.reported_at) })
           : (node.cause_code && happened({ code: node.cause_code,
                                            args: node.cause_args }))
             || (node.cause ?? '');
}

function row(node) {
    const off = node.clock_offset_seconds;

    return {
        key: node.name,
        ...verdict('status', node.status),
        name: node.name,
        note: join(node.name === report.node ? t('nodes.this') : null,
                   node.name === report.lease_holder ? t('nodes.holder')
                                                     : null),
        doubled: node.doubled ? t('nodes.doubled') : null,
        differs: node.database_differs
                 ? t('nodes.differs', { name: report.lease_holder ?? '' }) : null,
        cause: cause(node),
        sentence: node.silent ? null : node.cause,
        time: node.reported_at,
        age: node.reported_at === null ? t('age.never')
             : age(Date.parse(node.reported_at), time),
        version: node.version ?? t('number.unknown'),
        clock: !finite(off) ? t('number.unknown')
               : Math.abs(off) < SECOND ? t('nodes.clock.right')
               : t(off > 0 ? 'nodes.clock.fast' : 'nodes.clock.slow',
                   { n: number(Math.abs(off), 0) }),
    };
}

function summary(all, found) {
    return report === null ? t('nodes.unknown')
           : found.length === all.length ? plural('nodes.count', all.length)
           : found.length === 0 ? t('nodes.nothing')
           : t('nodes.match', { n: number(found.length, 0),
                                total: number(all.length, 0) });
}
