// Words, numbers and times, in the page's language and the reader's locale.

let texts = {};
let words = {};
let plurals;
let collator;
let formats;
let three;
let changes;
let dates;

// The language is the one that was chosen, else the first of the reader's
// that there are texts for.

export async function load(url) {
    texts = await (await fetch(url)).json();

    choose(stored('caphealth-language'));
}

export function languages() {
    return Object.entries(texts).map(([code, { language }]) =>
                                     ({ code, language }));
}

export function choose(language) {
    const base = (tag) => tag.split('-')[0];
    const wanted = language in texts ? [language] : Object.keys(texts);
    const locale = navigator.languages.find((tag) => wanted.includes(base(tag)))
                   ?? (language in texts ? language : 'en');

    words = texts[base(locale)];
    document.documentElement.lang = base(locale);

    plurals = new Intl.PluralRules(locale);
    collator = new Intl.Collator(locale, { numeric: true });
    formats = [0, 1, 2].map((digits) =>
        new Intl.NumberFormat(locale, { maximumFractionDigits: digits }));
    three = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
    changes = new Intl.NumberFormat(locale, { maximumFractionDigits: 0,
                                              signDisplay: 'exceptZero' });
    dates = Object.fromEntries(Object.entries({
        seconds: { ...hours, second: '2-digit' },
        minutes: hours,
        day: { day: 'numeric', month: 'short' },
        date: { day: 'numeric', month: 'short', year: 'numeric' },
        dayMinutes: { day: 'numeric', month: 'short', ...hours },
        month: { month: 'short' },
        year: { year: 'numeric' },
        full: { dateStyle: 'full', timeStyle: 'long' },
    }).map(([name, options]) =>
           [name, new Intl.DateTimeFormat(locale, options)]));
}

const hours = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };

// what the reader has chosen lasts as long as the page where nothing is stored

export function stored(key) {
    try {
        return localStorage.getItem(key);
    } catch {
        return null;
    }
}

export function store(key, value) {
    try {
        if (value === null) {
            localStorage.removeItem(key);
        } else {
            localStorage.setItem(key, value);
        }
    } catch {
        // no storage
    }
}

// data-t: the key of an element's text; data-label: of its aria-label;
// data-hint: of its placeholder.  What is in a <template> is reached through
// its content.

export function translate(root) {
    for (const element of root.querySelectorAll('[data-t]')) {
        element.textContent = t(element.dataset.t);
    }

    for (const element of root.querySelectorAll('[data-label]')) {
        element.setAttribute('aria-label', t(element.dataset.label));
    }

    for (const element of root.querySelectorAll('[data-hint]')) {
        element.placeholder = t(element.dataset.hint);
    }

    for (const { content } of root.querySelectorAll('template')) {
        translate(content);
    }
}

export function known(key) {
    return key in words;
}

export function t(key, args = {}) {
    return (words[key] ?? key).replace(/\{(\w+)\}/g,
                                       (all, name) => args[name] ?? '');
}

export function plural(key, n, args = {}) {
    return t(`${key}.${plurals.select(n)}`, { ...args, n: number(n, 0) });
}

export function finite(x) {
    return typeof x === 'number' && Number.isFinite(x);
}

export function number(x, digits = 2) {
    return finite(x) ? formats[digits].format(x) : t('number.unknown');
}

// with its sign

export function change(x) {
    return finite(x) ? changes.format(x) : t('number.unknown');
}

export function unit(key, x, digits = 2) {
    return finite(x) ? t(key, { n: number(x, digits) }) : t('number.unknown');
}

export function percent(x) {
    return unit('number.percent', x, 1);
}

// --- sizes: in steps of 1024, which KiB, MiB, GiB and TiB are ---

export const KIB = 1024;
export const MIB = 1024 ** 2;
export const GIB = 1024 ** 3;

const sizes = [['tib', 1024 ** 4], ['gib', GIB], ['mib', MIB], ['kib', KIB]];

// the unit of a size as [name, bytes]

export function sizeUnit(bytes) {
    return sizes.find(([, one]) => Math.abs(bytes) >= one) ?? ['bytes', 1];
}

export function size(bytes, of = bytes) {
    if (!finite(bytes)) {
        return t('number.unknown');
    }

    const [name, one] = sizeUnit(of);
    const n = bytes / one;

    return t(`number.${name}`, { n: n >= 1000 ? number(n, 0)
                                              : three.format(n) });
}

// --- times: a day has 24 hours, and the reader's time zone counts ---

function duration(prefix, ms) {
    const s = Math.max(0, Math.floor(ms / 1000));

    return s < 120 ? unit(`${prefix}.s`, s, 0)
           : s < 7200 ? unit(`${prefix}.min`, Math.floor(s / 60), 0)
           : s < 2 * 86400 ? unit(`${prefix}.h`, Math.floor(s / 3600), 0)
           : plural(`${prefix}.d`, Math.floor(s / 86400));
}

// how long, in milliseconds

export function span(ms) {
    return duration('span', ms);
}

// then, now: milliseconds since the epoch

export function age(then, now) {
    return now - then < 1000 ? t('age.now') : duration('age', now - then);
}

// a time ahead that is not known well: hours, days, weeks, months, years

export function ahead(days) {
    return days < 2 ? plural('ahead.hours', Math.max(1, Math.round(24 * days)))
           : days < 60 ? plural('ahead.days', Math.round(days))
           : days < 730 ? plural('ahead.months', Math.round(days / 30.44))
           : plural('ahead.years', Math.round(days / 365.25));
}

// The one way in which a time is written: with seconds today, with the day
// before that, with the year in another one.

export function moment(at) {
    const date = new Date(at);
    const today = new Date();

    return date.toDateString() === today.toDateString()
           ? dates.seconds.format(date)
           : date.getFullYear() === today.getFullYear()
             ? dates.dayMinutes.format(date)
             : `${dates.date.format(date)}, ${dates.minutes.format(date)}`;
}

export function day(at) {
    return dates.day.format(at);
}

export function full(at) {
    return dates.full.format(at);
}

// what stands at a place of a time axis whose marks are step milliseconds
// apart

export function axisTime(at, step) {
    const date = new Date(at);
    const midnight = date.getHours() === 0 && date.getMinutes() === 0;

    return step >= 28 * 86400e3
           ? dates[date.getMonth() === 0 ? 'year' : 'month'].format(date)
           : dates[step >= 86400e3 || midnight ? 'day' : 'minutes'].format(date);
}

export function compare(a, b) {
    return collator.compare(a, b);
}
