// Words, numbers and times, in the page's language and the reader's locale.

let words = {};
let plurals;
let collator;
let formats;
let clock;
let calendar;

// The language is the first of the reader's that there are texts for.

export async function load(url) {
    const texts = await (await fetch(url)).json();
    const base = (tag) => tag.split('-')[0];
    const locale = navigator.languages.find((tag) => base(tag) in texts)
                   ?? 'en';

    words = texts[base(locale)];
    document.documentElement.lang = base(locale);

    plurals = new Intl.PluralRules(locale);
    collator = new Intl.Collator(locale, { numeric: true });
    formats = [0, 1, 2].map((digits) =>
        new Intl.NumberFormat(locale, { maximumFractionDigits: digits }));
    clock = new Intl.DateTimeFormat(locale, { timeStyle: 'medium' });
    calendar = new Intl.DateTimeFormat(locale, { dateStyle: 'medium',
                                                 timeStyle: 'medium' });
}

// data-t: the key of an element's text; data-label: of its aria-label.  What
// is in a <template> is reached through its content.

export function translate(root) {
    for (const element of root.querySelectorAll('[data-t]')) {
        element.textContent = t(element.dataset.t);
    }

    for (const element of root.querySelectorAll('[data-label]')) {
        element.setAttribute('aria-label', t(element.dataset.label));
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

export function unit(key, x, digits = 2) {
    return finite(x) ? t(key, { n: number(x, digits) }) : t('number.unknown');
}

export function percent(x) {
    return unit('number.percent', x, 1);
}

// then, now: milliseconds since the epoch

export function age(then, now) {
    const s = Math.max(0, Math.floor((now - then) / 1000));

    return s < 1 ? t('age.now')
           : s < 120 ? unit('age.s', s, 0)
           : s < 7200 ? unit('age.min', Math.floor(s / 60), 0)
           : s < 2 * 86400 ? unit('age.h', Math.floor(s / 3600), 0)
           : unit('age.d', Math.floor(s / 86400), 0);
}

export function time(date) {
    return clock.format(date);
}

// with the day, unless that is today; date: milliseconds since the epoch

export function moment(date) {
    return new Date(date).toDateString() === new Date().toDateString()
           ? clock.format(date) : calendar.format(date);
}

export function full(date) {
    return calendar.format(date);
}

export function compare(a, b) {
    return collator.compare(a, b);
}
