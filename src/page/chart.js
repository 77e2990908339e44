// A small line chart of what was seen since the page was opened: a picture
// with a name for those who hear it, and each point for those who look.

import { t, time } from './text.js';

const SVG = 'http://www.w3.org/2000/svg';
const POINTS = 360;
const WIDTH = 100;
const HEIGHT = 32;

export class Chart {

    // format: a value as text; most: the top of the scale, or null

    constructor(container, name, format, most) {
        this.name = name;
        this.format = format;
        this.most = most;
        this.points = [];

        this.plot = document.createElementNS(SVG, 'svg');
        this.plot.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
        this.plot.setAttribute('preserveAspectRatio', 'none');
        this.plot.setAttribute('role', 'img');
        this.plot.setAttribute('tabindex', '0');

        this.line = this.draw('polyline');
        this.mark = this.draw('line');
        this.mark.classList.add('mark');

        this.readout = document.createElement('p');
        this.readout.className = 'readout';
        this.readout.setAttribute('role', 'status');

        container.append(this.plot, this.readout);
        this.plot.style.visibility = 'hidden';
        this.container = container;

        this.plot.addEventListener('pointermove', (event) => this.point(event));
        this.plot.addEventListener('pointerleave', () => this.leave());
        this.plot.addEventListener('keydown', (event) => this.key(event));
        this.plot.addEventListener('focus', () => {
            this.show(this.points.length - 1);
        });
        this.plot.addEventListener('blur', () => this.leave());
    }

    draw(name) {
        const element = document.createElementNS(SVG, name);

        element.setAttribute('vector-effect', 'non-scaling-stroke');
        this.plot.append(element);

        return element;
    }

    // at: milliseconds since the epoch; the same one twice counts once

    add(at, value) {
        const last = this.points.at(-1)?.at;

        if (!Number.isFinite(value) || last === at) {
            return;
        }

        // the server's clock was set back

        if (last > at) {
            this.points = [];
        }

        this.points.push({ at, value });

        if (this.points.length > POINTS) {
            this.points.shift();
        }

        this.plot.style.visibility = this.points.length < 2 ? 'hidden' : '';
        this.render();
    }

    render() {
        const values = this.points.map(({ value }) => value);
        const low = Math.min(...values);
        const high = Math.max(...values);

        this.bottom = this.most === null ? low : 0;
        this.top = this.most ?? high;

        this.line.setAttribute('points', this.points.map((point, i) =>
            `${this.x(i).toFixed(2)},${this.y(point.value).toFixed(2)}`)
            .join(' '));

        this.plot.setAttribute('aria-label', t('chart.label', {
            name: this.name,
            now: this.format(values.at(-1)),
            min: this.format(low),
            max: this.format(high),
        }));
    }

    x(i) {
        return i * WIDTH / Math.max(1, this.points.length - 1);
    }

    y(value) {
        const range = this.top - this.bottom;

        return range > 0
               ? HEIGHT - 2 - (HEIGHT - 4) * (value - this.bottom) / range
               : HEIGHT / 2;
    }

    point(event) {
        const box = this.plot.getBoundingClientRect();
        const share = (event.clientX - box.left) / box.width;

        this.show(Math.round(share * (this.points.length - 1)));
    }

    key(event) {
        const last = this.points.length - 1;
        const to = {
            ArrowLeft: this.shown - 1,
            ArrowRight: this.shown + 1,
            Home: 0,
            End: last,
        }[event.key];

        if (to !== undefined) {
            event.preventDefault();
            this.show(to);
        }
    }

    show(i) {
        this.shown = Math.min(this.points.length - 1, Math.max(0, i));

        const point = this.points[this.shown];

        if (point === undefined) {
            return;
        }

        this.readout.textContent = t('chart.at', {
            value: this.format(point.value),
            time: time(point.at),
        });

        const x = this.x(this.shown);

        this.mark.setAttribute('x1', x);
        this.mark.setAttribute('x2', x);
        this.mark.setAttribute('y2', HEIGHT);
        this.container.classList.add('read');
    }

    leave() {
        if (document.activeElement !== this.plot) {
            this.container.classList.remove('read');
            this.readout.textContent = '';
        }
    }
}
