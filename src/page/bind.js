// Puts values into the page's elements, and touches only what has changed:
// focus, selection and scroll position stay.
//
//   data-f="field"              the text
//   data-a="attribute:field …"  attributes; null or '' removes one
//   data-if="field"             hidden unless there is something
//   data-list="field"           a row for each; its <template> is the pattern,
//                               and what else is there at first stands for
//                               rows that have not come yet
//
// What a model has no field for is left as it is.

export function fill(element, model) {
    apply(element, model);

    for (const child of element.children) {
        const name = child.dataset?.list;

        if (name === undefined) {
            fill(child, model);

        } else if (model[name]) {
            list(child, model[name]);
        }
    }
}

// rows: each with a key of its own; those that stay keep their elements

export function list(container, rows) {
    const pattern = container.querySelector(':scope > template');
    const old = new Map();

    const wanted = new Set(rows.map((row) => String(row.key)));

    for (const child of [...container.children]) {
        if (child === pattern) {
            continue;
        }

        if (wanted.has(child.dataset.key)) {
            old.set(child.dataset.key, child);
        } else {
            child.remove();
        }
    }

    let last = pattern;

    for (const row of rows) {
        const key = String(row.key);
        const element = old.get(key)
                        ?? pattern.content.firstElementChild.cloneNode(true);

        element.dataset.key = key;
        fill(element, row);

        if (last.nextElementSibling !== element) {
            last.after(element);
        }

        last = element;
    }
}

// A long list, of which the first rows are shown, and more whenever the button
// is pressed; render is called then, and calls show().

const STEP = 100;

export class Rows {
    constructor(container, button, first, render) {
        this.container = container;
        this.button = button;
        this.first = first;
        this.shown = first;

        button.addEventListener('click', () => {
            const last = container.lastElementChild;

            this.shown += STEP;
            render();

            // the button may be gone: on with what is new

            if (button.hidden) {
                last.tabIndex = -1;
                last.focus();
            }
        });
    }

    restart() {
        this.shown = this.first;
    }

    // row: makes one of what was found; label: the button's, for how many rows;
    // most: more are never shown

    show(found, row, label, most = found.length) {
        const rest = Math.min(STEP, Math.min(most, found.length) - this.shown);

        list(this.container, found.slice(0, this.shown).map(row));
        this.button.hidden = rest <= 0;
        text(this.button, label(rest));
    }
}

export function text(element, value) {
    const string = value === null || value === undefined ? '' : String(value);

    if (element.textContent !== string) {
        element.textContent = string;
    }
}

function apply(element, model) {
    const { f, a, if: condition } = element.dataset ?? {};

    if (f in model) {
        text(element, model[f]);
    }

    for (const pair of a?.split(' ') ?? []) {
        const [name, field] = pair.split(':');

        if (field in model) {
            attribute(element, name, model[field]);
        }
    }

    if (condition in model && element.hidden === Boolean(model[condition])) {
        element.hidden = !model[condition];
    }
}

function attribute(element, name, value) {
    if (value === null || value === undefined || value === '') {
        element.removeAttribute(name);

    } else if (element.getAttribute(name) !== String(value)) {
        element.setAttribute(name, value);
    }
}
