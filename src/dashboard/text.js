// Words, numbers and times, in the page's language and the reader's locale.
// The server says the same with caphealth_words.c.

const language = document.documentElement.lang;
const locale = navigator.languages.find((tag) => tag.split('-')[0] === language)
               ?? language;
const plurals = new Intl.PluralRules(language);
const collator = new Intl.Collator(locale, { numeric: true });
const formats = [0, 1, 2].map((digits) =>
    new Intl.NumberFormat(locale, { maximumFractionDigits: digits }));
const clock = new Intl.DateTimeFormat(locale, { timeStyle: 'medium' });
const calendar = new Intl.DateTimeFormat(locale, { dateStyle: 'medium',
                                                   timeStyle: 'medium' });

let words = {};

export async function load(url) {
    const response = await fetch(url);

    words = (await response.json())[language];
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
