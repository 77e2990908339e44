// The past: what the history's location knows, and behind that what this page
// has seen since it was opened.

export const windows = {
    '2h': 7200e3, '2d': 2 * 86400e3, '60d': 60 * 86400e3, '3y': 1096 * 86400e3,
};

// how many samples of a series are kept; when there are more, two neighbours
// of the older half become one, which stands for a longer span

const MOST = 4000;

// a line is broken where nothing is known for as long as makes a number stale

const STALE = 3.5;

const MINUTE = 60000;

export class History {

    // url: '' if there is none; refresh: milliseconds

    constructor(url, refresh) {
        this.url = url;
        this.refresh = refresh;
        this.opened = Date.now();
        this.documents = new Map();
        this.samples = new Map();
        this.seen = [];
        this.status = 0;
        this.state = url === '' ? 'absent' : 'new';
    }

    // One window's document, if it can be newer than the one that is there.
    // patience: milliseconds

    async ask(window, patience) {
        const old = this.documents.get(window);

        if (this.state === 'absent' || old?.due > Date.now()) {
            return;
        }

        try {
            const response = await fetch(`${this.url}?window=${window}`, {
                cache: 'no-cache',
                redirect: 'manual',
                headers: { Accept: 'application/json' },
                signal: AbortSignal.timeout(patience),
            });

            await this.take(window, response, old);

        } catch {
            this.state = 'unreachable';
        }
    }

    async take(window, response, old) {
        this.status = response.type === 'opaqueredirect' ? 401
                                                         : response.status;

        if (this.status === 401 || this.status === 403) {
            this.documents.clear();
            this.state = 'refused';
            return;
        }

        if (!response.ok || !isJSON(response)) {
            this.state = this.status === 404 ? 'missing' : 'unreachable';
            this.keep(window, old ?? {}, MINUTE);
            return;
        }

        const etag = response.headers.get('ETag');

        this.state = 'ok';

        if (etag !== null && old?.etag === etag) {
            this.keep(window, old, wait(old));
            return;
        }

        const body = await response.json();

        const document = { etag, body, start: Date.parse(body.start),
                           step: 1000 * body.step,
                           end: Date.parse(body.generated_at) || Infinity };

        this.keep(window, document, wait(document));
    }

    keep(window, document, ms) {
        this.documents.set(window, { ...document, due: Date.now() + ms });
    }

    // what is known of the past, or may become known

    get known() {
        return this.state === 'ok' || this.state === 'unreachable'
               && this.documents.size > 0;
    }

    // since when a window's document tells of it

    start(window) {
        return this.documents.get(window)?.start ?? this.opened;
    }

    // at: milliseconds since the epoch; the same one twice counts once

    sample(name, at, value) {
        const list = this.samples.get(name) ?? [];
        const last = list.at(-1);

        if (!Number.isFinite(value) || !Number.isFinite(at)
            || last?.at === at)
        {
            return;
        }

        // the server's clock was set back

        if (last?.at > at) {
            list.length = 0;
        }

        list.push({ at, span: 0, min: value, mean: value, max: value });
        this.samples.set(name, list.length > MOST ? thin(list) : list);
    }

    event(event) {
        this.seen.push(event);
    }

    // The points of a series from a time on, oldest first, times factor; null:
    // nothing is known between its neighbours.

    points(name, window, from, factor = 1) {
        const points = recorded(this.documents.get(window), name, from, factor);
        const step = this.documents.get(window)?.step ?? 0;
        const gap = Math.max(STALE * this.refresh, 1.5 * step);
        let end = Math.min(points.at(-1)?.at + step / 2,
                           this.documents.get(window)?.end ?? Infinity);

        if (!(end >= from)) {
            end = from;
        }

        for (const { at, span, min, mean, max }
             of this.samples.get(name) ?? [])
        {
            if (at <= end) {
                continue;
            }

            if (points.length > 0 && at - points.at(-1).at > gap + span) {
                points.push(null);
            }

            points.push({ at, min: factor * min, mean: factor * mean,
                          max: factor * max });
        }

        return points;
    }

    // the mean of a series over a time, and how much of the time is known

    mean(name, window, from, to) {
        let sum = 0;
        let count = 0;

        for (const point of this.points(name, window, from)) {
            if (point && point.at <= to) {
                sum += point.mean;
                count++;
            }
        }

        return count > 0 ? sum / count : null;
    }

    // the newest first, each with the time in milliseconds

    events(from) {
        const all = new Map();

        for (const { body } of this.documents.values()) {
            for (const event of body?.events ?? []) {
                const at = Date.parse(event.at);

                all.set(`${event.at} ${event.kind} ${event.text}`,
                        { ...event, at });
            }
        }

        const last = Math.max(0, ...[...all.values()].map(({ at }) => at));
        const seen = this.seen.filter(({ at }) => at > last + MINUTE);

        return [...all.values(), ...seen].filter(({ at }) => at >= from)
                                         .sort((a, b) => b.at - a.at);
    }

    // The last n days, today the last: the worst of the status, or null, and
    // how much of what is known was healthy.

    days(n, now) {
        const days = Array.from({ length: n }, (_, i) => {
            const date = new Date(now);

            date.setHours(0, 0, 0, 0);
            date.setDate(date.getDate() - (n - 1 - i));

            return { at: date.getTime(), worst: null, known: 0, healthy: 0 };
        });
        let i = 0;

        for (const point of this.points('status', '60d', days[0].at)) {
            if (point === null) {
                continue;
            }

            while (i < n - 1 && point.at >= days[i + 1].at) {
                i++;
            }

            days[i].known++;
            days[i].healthy += point.max === 0 ? 1 : 0;
            days[i].worst = Math.max(days[i].worst ?? 0, Math.round(point.max));
        }

        return days;
    }
}

function isJSON(response) {
    return /^application\/json/.test(response.headers.get('Content-Type'));
}

// a document of large steps is asked for less often than one of small ones

function wait({ step }) {
    return Math.min(3600e3, Math.max(MINUTE, step));
}

function recorded(document, name, from, factor) {
    const series = document?.body?.series[name];
    const points = [];

    if (!series) {
        return points;
    }

    const first = Math.max(0, Math.ceil((from - document.start)
                                        / document.step - .5));

    for (let i = first; i < series.mean.length; i++) {
        if (series.mean[i] !== null) {
            // the last column has not come to its end yet

            points.push({
                at: Math.min(document.start + (i + .5) * document.step,
                             document.end),
                min: factor * series.min[i],
                mean: factor * series.mean[i],
                max: factor * series.max[i],
            });

        } else if (points.length > 0 && points.at(-1) !== null) {
            points.push(null);
        }
    }

    if (points.at(-1) === null) {
        points.pop();
    }

    return points;
}

function thin(list) {
    const half = list.length >> 1;
    const older = [];

    for (let i = 0; i + 1 < half; i += 2) {
        const [a, b] = [list[i], list[i + 1]];

        older.push({
            at: (a.at + b.at) / 2,
            span: b.at - a.at + Math.max(a.span, b.span),
            min: Math.min(a.min, b.min),
            mean: (a.mean + b.mean) / 2,
            max: Math.max(a.max, b.max),
        });
    }

    return [...older, ...list.slice(half & ~1)];
}
