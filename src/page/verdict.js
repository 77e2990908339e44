// What needs somebody, and since when: recommendations, the verdict, the status
// of the last days, events.

import { day, finite, full, known, moment, number, percent, plural, size, span,
         t } from './text.js';
import { amount, fullIn, join, name, shape, since, verdict } from './view.js';

export function advice(health) {
    const rows = health.recommendations.map((one, i) => ({
        key: i,
        priority: one.priority,
        code: one.code,
        ...verdict('check', one.priority),
        ...sentences(one, health),
    }));

    return ['critical', 'warning', 'info'].flatMap((priority) =>
        rows.filter((row) => row.priority === priority));
}

function sentences(one, health) {
    const args = { subject: subject(one), ...details(one, health) };
    const say = (part, plain) => known(`advice.${one.code}.${part}`)
                                 ? t(`advice.${one.code}.${part}`, args)
                                 : one[plain];

    return {
        title: say('title', 'title'),
        text: join(args.percent ?? say('text', 'description'), args.full),
        action: say('action', 'action'),
    };
}

function details(one, health) {
    const threshold = health.thresholds.find(({ key }) => key === one.subject);

    if (threshold) {
        return {
            used: percent(threshold.percent_used),
            current: amount(threshold, threshold.current),
            limit: amount(threshold, threshold.limit),
            full: fullIn(threshold),

            // a percentage of 100 percent need not be told of them

            percent: threshold.unit === 'percent' && threshold.limit === 100
                     && one.code.startsWith('threshold-')
                     ? amount(threshold, threshold.current) : null,
        };
    }

    const i = health.tiers.findIndex(({ name }) =>
                                     name === health.infrastructure_tier);
    const tier = health.tiers[i];
    const share = (n, bound) => percent(bound > 0 ? 100 * n / bound : null);

    return tier && {
        tier: tier.name,
        next: health.tiers[i + 1]?.name,
        vendors: share(health.database.vendors_count, tier.max_clients),
        products: share(health.database.products_count, tier.max_products),
    };
}

function subject(one) {
    return one.subject ? name(one.subject, one.path ?? '') : '';
}

// the most urgent cause first, and the action that is for it

export function overall(health, now) {
    const status = health.overall_status;
    const rows = ['critical', 'warning', 'info'].flatMap((priority) =>
        health.recommendations.filter((one) => one.priority === priority));
    const first = rows[0];

    return {
        ...verdict('status', status),
        summary: summary(rows, status, health),
        action: status !== 'healthy' && first && first.priority !== 'info'
                ? sentences(first, health).action : null,
        coming: status === 'unknown' ? null : coming(health, first?.subject),
        ...since(health.system, 'collected_at', now),
    };
}

const unknown = /^(source|value|database)-/;

function summary(rows, status, health) {
    if (status === 'healthy') {
        return t('summary.healthy');
    }

    const all = status === 'unknown';
    const about = rows.filter((one) => one.subject
        && (all ? unknown.test(one.code) : one.priority !== 'info'));

    if (about.length > 0 && !all) {
        const { title, text } = sentences(about[0], health);

        return [text ? t('summary.cause', { title, text }) : title,
                about.length > 1
                ? plural('summary.more', about.length - 1) : ''].join(' ');
    }

    const names = [...new Set(about.map(subject))];

    return names.length > 0
           ? t('summary.unknown', { what: names.join(', ') })
           : rows.length > 0
             ? t('summary.because', { why: sentences(rows[0], health).title })
             : t('summary.unknown.all');
}

// what comes first of what is coming

function coming(health, told) {
    const [first] = health.thresholds
        .filter((one) => one.key !== told && finite(one.forecast?.limit_in_days?.mid)
                         && one.forecast.limit_in_days.mid > 0)
        .sort((a, b) => a.forecast.limit_in_days.mid
                        - b.forecast.limit_in_days.mid);

    return first
           ? t('verdict.coming', { what: name(first.key, first.path),
                                   full: fullIn(first) })
           : null;
}

// --- the status over time ---

const codes = ['healthy', 'degraded', 'critical'];
const synonyms = { warning: 'degraded', ok: 'healthy' };

export function code(status) {
    return codes.indexOf(status);
}

// since when it is as it is, by the history's events; opened: when the page
// was, if that is all that is known

export function sinceWhen(status, events, now, seen) {
    const changes = events.filter(({ kind, to }) => kind === 'status' && to);
    const [last, before] = changes;
    const plain = (word) => synonyms[word] ?? word;

    if (last && plain(last.to) === status) {
        const since = t('verdict.since', { time: moment(last.at),
                                           span: span(now - last.at) });

        return before && last.from
               ? `${since} · ${t('verdict.before', {
                   state: t(`before.${plain(last.from)}`),
                   span: span(last.at - before.at) })}`
               : since;
    }

    return seen ? t('verdict.seen', { time: moment(seen),
                                      span: span(now - seen) }) : '';
}

export function month(days, past) {
    const seen = days.filter(({ known }) => known > 0);
    const known = seen.reduce((sum, one) => sum + one.known, 0);
    const healthy = seen.reduce((sum, one) => sum + one.healthy, 0);

    const share = known > 0
                  ? t('strip.share', { share: parts(healthy / known) }) : '';

    return {
        days: days.map(({ at, worst }, i) => {
            const status = worst === null ? 'unknown' : codes[worst];

            return { key: i, status,
                     title: `${day(at)}: ${t(`status.${status}`)}` };
        }),
        daysLabel: `${t('strip.title')}: ${share || t('strip.none')}`,
        share: past ? share || t('strip.none') : t('strip.none'),
    };
}

// never rounded up to a whole that it is not

function parts(share) {
    const percents = 100 * share;

    return percents === 100 ? percent(100)
           : t('number.percent', { n: number(Math.floor(100 * percents) / 100) });
}

// --- events ---

const severities = { outage: 'critical', recovery: 'ok',
                     upload_failed: 'warning' };

export function severity({ kind, to }) {
    return kind === 'status' ? synonyms[to] ?? to : severities[kind] ?? 'info';
}

export function eventName(event) {
    return known(`event.${event.kind}`) ? t(`event.${event.kind}`)
                                        : event.kind;
}

export function event(one) {
    const state = (word) => known(`status.${synonyms[word] ?? word}`)
                            ? t(`status.${synonyms[word] ?? word}`) : word;
    const change = one.kind === 'status' && one.to
                   ? t('event.change', { from: state(one.from),
                                         to: state(one.to) })
                   : null;
    const said = happened(one);
    const text = said ?? one.text;

    return {
        key: `${one.at} ${one.kind} ${one.text ?? ''}`,
        severity: severity(one),
        shape: shape(severity(one)),
        time: new Date(one.at).toISOString(),
        full: full(one.at),
        at: moment(one.at),
        text: !text ? change ?? eventName(one)
              : change === null && said !== null ? said
              : t('event.text', { what: change ?? eventName(one), text }),
    };
}

// What an event says, by its code; '': no more than its kind; null: there are
// no words for the code, and the server's own are in English.

export function happened({ code, args }) {
    if (code === 'all-healthy') {
        return '';
    }

    const key = `happened.${code}`;
    const { subject, path, error_code: error, unit, current, bound, count,
            files, bytes, seconds } = args ?? {};

    if (!known(key) && !known(`${key}.other`)) {
        return null;
    }

    const words = {
        subject: subject ? name(subject, path ?? '') : '',
        path,
        current: amount({ unit }, current),
        bound: amount({ unit }, bound),
        error: known(`error.${error}`) ? t(`error.${error}`) : t('error.other'),
        files: plural('count.files', files),
        size: size(bytes),
        span: span(1000 * Math.abs(seconds)),
        direction: t(seconds < 0 ? 'clock.back' : 'clock.forward'),
    };

    return known(key) ? t(key, words) : plural(key, count);
}
