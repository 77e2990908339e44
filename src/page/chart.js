// A line over time, with what it is measured against: a picture with a name
// for those who hear it, and each point for those who look.

import { age, axisTime, finite, moment, t } from './text.js';

const SVG = 'http://www.w3.org/2000/svg';

// around the plot, in pixels: the scale at the right, the times below

const GUTTER = 56;
const FOOT = 18;
const HEAD = 6;
const LABEL = 58;               // a time's width

const MINUTE = 60e3;
const DAY = 86400e3;

// how far apart the marks of the time axis may be; longer ones are months

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((n) =>
    n * MINUTE).concat([1, 2, 5, 7, 10, 14, 20].map((n) => n * DAY));
const MONTHS = [1, 2, 3, 6, 12];
const MONTH = 30.44 * DAY;

export class Chart {

    // format: { text(value), top(most) }: a value in words, and a round top
    // of the scale for the largest value

    constructor(container, format) {
        this.container = container;
        this.format = format;
        this.points = [];
        this.columns = [];

        this.plot = element('svg', { role: 'img', tabindex: 0 });
        this.parts = {};

        for (const [name, tag] of [['grid', 'g'], ['unknown', 'g'],
                                   ['ahead', 'g'], ['range', 'path'],
                                   ['line', 'path'], ['bounds', 'g'],
                                   ['events', 'g'], ['mark', 'line']])
        {
            this.parts[name] = element(tag, { class: name });
            this.plot.append(this.parts[name]);
        }

        this.readout = document.createElement('p');
        this.readout.className = 'readout';
        this.readout.setAttribute('role', 'status');

        container.replaceChildren(this.plot, this.readout);

        this.plot.addEventListener('pointermove', (event) => this.point(event));
        this.plot.addEventListener('pointerleave', () => this.leave());
        this.plot.addEventListener('keydown', (event) => this.key(event));
        this.plot.addEventListener('focus', () => {
            this.read(this.columns.length - 1);
        });
        this.plot.addEventListener('blur', () => this.leave());

        new ResizeObserver(() => this.render()).observe(container);
    }

    // what is drawn, see the members below; times in milliseconds
    //
    //   name, range     for the picture's name
    //   from, now, to   the time axis; now is to if nothing lies ahead
    //   points          { at, min, mean, max }, or null for a gap
    //   most            top of the scale, or null: of what there is
    //   bounds          { warning, critical }
    //   events          { at, kind, severity, text }
    //   forecast        { value, target, low, mid, high }, or null
    //   note            why what lies before the first point is not known

    show(what) {
        Object.assign(this, what);
        this.render();
    }

    render() {
        this.width = this.container.clientWidth;
        this.height = this.container.clientHeight;

        if (this.width <= GUTTER || this.points === undefined
            || this.from === undefined)
        {
            return;
        }

        this.plot.setAttribute('viewBox', `0 0 ${this.width} ${this.height}`);

        const values = this.points.filter((one) => one !== null);

        this.low = Math.min(...values.map(({ min }) => min));
        this.high = Math.max(...values.map(({ max }) => max));
        this.top = this.most ?? this.scale();
        this.columns = this.fold();

        this.drawLine();
        this.drawGrid();
        this.drawUnknown();
        this.drawBounds();
        this.drawEvents();
        this.drawForecast();
        this.label(values);
    }

    // a bound is in the picture if that does not flatten the line

    scale() {
        const near = [this.bounds.warning, this.bounds.critical,
                      this.forecast?.target]
            .filter((bound) => finite(bound) && bound < 3 * this.high);

        return this.format.top(Math.max(this.high, ...near));
    }

    x(at) {
        return (this.width - GUTTER) * (at - this.from) / (this.to - this.from);
    }

    y(value) {
        const range = this.height - HEAD - FOOT;

        return HEAD + range * (1 - Math.min(1, Math.max(0, value / this.top)));
    }

    // The points that fall on one pixel are one column; a gap begins a new
    // piece of line.

    fold() {
        const columns = [];
        let broken = true;
        let last = null;

        for (const point of this.points) {
            if (point === null) {
                broken = true;
                continue;
            }

            const x = Math.round(this.x(point.at));

            if (last && !broken && last.x === x) {
                last.min = Math.min(last.min, point.min);
                last.max = Math.max(last.max, point.max);
                last.mean += (point.mean - last.mean) / ++last.count;
                last.at = point.at;
                continue;
            }

            last = { ...point, x, count: 1, first: broken };
            columns.push(last);
            broken = false;
        }

        return columns;
    }

    drawLine() {
        const line = [];
        const range = [];
        let piece = [];

        const end = () => {
            if (piece.length > 0) {
                range.push(`M${piece.map(({ x, max }) =>
                    `${x} ${this.y(max).toFixed(1)}`).join('L')}L`
                    + piece.reverse().map(({ x, min }) =>
                    `${x} ${this.y(min).toFixed(1)}`).join('L') + 'Z');
                piece = [];
            }
        };

        for (const one of this.columns) {
            if (one.first) {
                end();
            }

            // a point alone is seen by its round ends

            line.push(`${one.first ? 'M' : 'L'}${one.x} `
                      + `${this.y(one.mean).toFixed(1)}`
                      + (one.first ? 'h.01' : ''));
            piece.push(one);
        }

        end();
        this.parts.line.setAttribute('d', line.join(''));
        this.parts.range.setAttribute('d', range.join(''));
    }

    drawGrid() {
        const right = this.width - GUTTER;
        const bottom = this.height - FOOT;
        const marks = [];

        for (const share of [0, .5, 1]) {
            const y = this.y(share * this.top);

            marks.push(element('line', { x1: 0, x2: right, y1: y, y2: y }),
                       words(right + 5, y + 4,
                             this.format.text(share * this.top, this.top)));
        }

        const { times, step } = this.times();

        for (const at of times) {
            const x = this.x(at);

            marks.push(element('line', { x1: x, x2: x, y1: bottom,
                                         y2: bottom + 4 }));

            if (x > LABEL / 2 - 14 && x < right + GUTTER - LABEL / 2) {
                marks.push(words(x, this.height - 2, axisTime(at, step),
                                 'middle'));
            }
        }

        if (this.to > this.now) {
            const x = this.x(this.now);

            marks.push(element('line', { class: 'now', x1: x, x2: x, y1: HEAD,
                                         y2: bottom }));
        }

        this.parts.grid.replaceChildren(...marks);
    }

    // round times of the reader's time zone

    times() {
        const span = this.to - this.from;
        const most = Math.max(1, Math.floor((this.width - GUTTER) / LABEL));
        const step = STEPS.find((one) => span / one <= most);
        const date = new Date(this.from);
        const times = [];

        if (step === undefined) {
            const months = MONTHS.find((n) => span / (n * MONTH) <= most) ?? 12;

            date.setHours(0, 0, 0, 0);
            date.setMonth(Math.floor(date.getMonth() / months) * months, 1);

            for (; date < this.to; date.setMonth(date.getMonth() + months)) {
                times.push(date.getTime());
            }

            return { times: times.filter((at) => at >= this.from),
                     step: months * MONTH };
        }

        date.setHours(0, 0, 0, 0);

        if (step >= DAY) {
            for (; date < this.to; date.setDate(date.getDate() + step / DAY)) {
                times.push(date.getTime());
            }

        } else {
            for (let at = date.getTime(); at < this.to; at += step) {
                times.push(at);
            }
        }

        return { times: times.filter((at) => at >= this.from), step };
    }

    // what lies before the first point

    drawUnknown() {
        const first = this.columns[0]?.x ?? this.x(this.now);
        const parts = [];

        if (first > 8) {
            const bottom = this.height - FOOT;

            parts.push(element('rect', { x: 0, y: HEAD, width: first,
                                         height: bottom - HEAD }));

            if (this.note && first > 6 * this.note.length) {
                parts.push(words(first / 2, (HEAD + bottom) / 2 + 4, this.note,
                                 'middle'));
            }
        }

        this.parts.unknown.replaceChildren(...parts);
    }

    drawBounds() {
        const right = this.width - GUTTER;
        const lines = Object.entries(this.bounds)
            .filter(([, value]) => finite(value) && value <= this.top)
            .map(([kind, value]) => element('line', {
                class: kind, x1: 0, x2: right,
                y1: this.y(value), y2: this.y(value),
            }));

        this.parts.bounds.replaceChildren(...lines);
    }

    drawEvents() {
        const right = this.width - GUTTER;
        const parts = [];
        let taken = Infinity;

        // from the newest: of those that are too close, it is named

        for (const { at, name, severity } of this.events) {
            const x = this.x(at);

            if (x < 0 || x > right) {
                continue;
            }

            const g = element('g', { 'data-status': severity });

            g.append(element('line', { x1: x, x2: x, y1: HEAD,
                                       y2: this.height - FOOT }));

            if (taken - x > 7 * name.length + 8) {
                const end = x + 7 * name.length > right;

                g.append(words(end ? x - 3 : x + 3, HEAD + 9, name,
                               end ? 'end' : 'start'));
                taken = end ? x - 7 * name.length : x;
            }

            parts.push(g);
        }

        this.parts.events.replaceChildren(...parts);
    }

    // from now to the limit: the time in between, and the earliest and the
    // latest

    drawForecast() {
        if (!this.forecast || this.to <= this.now) {
            this.parts.ahead.replaceChildren();
            return;
        }

        const { value, target, low, mid, high } = this.forecast;
        const room = this.to - this.now;
        const place = (ms, of) => `${this.x(this.now + ms).toFixed(1)} ${
            this.y(value + (target - value) * Math.min(1, ms / of)).toFixed(1)}`;
        const from = place(0, mid);
        const first = Math.min(low, room);
        const last = Math.min(high, room);

        this.parts.ahead.replaceChildren(
            element('path', { class: 'band', d: `M${from}L${place(first, low)}L${
                place(last, low)}L${place(last, high)}Z` }),
            element('path', { class: 'mid', d: `M${from}L${
                place(Math.min(mid, room), mid)}` }));
    }

    label(values) {
        const now = values.at(-1);

        this.plot.setAttribute('aria-label', values.length === 0
            ? t('chart.none', { name: this.name, range: this.range })
            : t('chart.label', {
                name: this.name,
                range: this.range,
                now: this.format.text(now.mean),
                min: this.format.text(this.low),
                max: this.format.text(this.high),
            }));
    }

    point(event) {
        const x = event.clientX - this.plot.getBoundingClientRect().left;
        let best = 0;

        this.columns.forEach((one, i) => {
            if (Math.abs(one.x - x) < Math.abs(this.columns[best].x - x)) {
                best = i;
            }
        });

        this.read(best);
    }

    key(event) {
        const last = this.columns.length - 1;
        const to = {
            ArrowLeft: this.shown - 1,
            ArrowRight: this.shown + 1,
            Home: 0,
            End: last,
        }[event.key];

        if (to !== undefined) {
            event.preventDefault();
            this.read(to);
        }
    }

    read(i) {
        this.shown = Math.min(this.columns.length - 1, Math.max(0, i));

        const one = this.columns[this.shown];

        if (one === undefined) {
            return;
        }

        const near = this.events.find(({ at }) =>
                                      Math.abs(this.x(at) - one.x) < 4);
        const low = this.format.text(one.min);
        const high = this.format.text(one.max);

        this.readout.textContent = t(low === high ? 'chart.at'
                                                  : 'chart.at.range', {
            value: this.format.text(one.mean), min: low, max: high,
            time: moment(one.at),
        }) + (near ? ` – ${near.name}` : '');

        for (const end of ['x1', 'x2']) {
            this.parts.mark.setAttribute(end, one.x);
        }

        this.parts.mark.setAttribute('y1', HEAD);
        this.parts.mark.setAttribute('y2', this.height - FOOT);
        this.container.classList.add('read');
    }

    leave() {
        if (document.activeElement !== this.plot) {
            this.container.classList.remove('read');
            this.readout.textContent = '';
        }
    }
}

// A line without axes, for a row of a table: from its lowest to its highest,
// but never so that a change of a few percent looks like a cliff.

export function sparkline(svg, points, from, to, least) {
    const values = points.filter((one) => one !== null);
    const low = Math.min(...values.map(({ mean }) => mean));
    const high = Math.max(...values.map(({ mean }) => mean));
    const range = Math.max(least, high - low);
    const base = (low + high - range) / 2;
    const path = [];
    let broken = true;
    let last = -1;

    for (const point of points) {
        const x = point && Math.round(100 * (point.at - from) / (to - from));

        if (point === null) {
            broken = true;

        } else if (broken || x !== last) {
            path.push(`${broken ? 'M' : 'L'}${x} ${
                (18 - 16 * (point.mean - base) / range).toFixed(1)}`
                + (broken ? 'h.01' : ''));
            broken = false;
            last = x;
        }
    }

    const line = svg.querySelector('path');
    const d = path.join('');

    if (line.getAttribute('d') !== d) {
        line.setAttribute('d', d);
    }
}

function element(name, attributes) {
    const one = document.createElementNS(SVG, name);

    for (const [key, value] of Object.entries(attributes)) {
        one.setAttribute(key, value);
    }

    return one;
}

function words(x, y, text, anchor = 'start') {
    const one = element('text', { x, y, 'text-anchor': anchor });

    one.textContent = text;

    return one;
}
