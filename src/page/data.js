// Asks the data locations, again and again, and tells what came of it.

// one location: the last good answer, and what became of the last request

export class Source {
    constructor(name, url) {
        this.name = name;
        this.url = url;
        this.state = 'new';          // ok, refused, bad, unreachable
        this.status = 0;
        this.body = null;
        this.at = null;              // when the body came
    }

    // patience: milliseconds

    async ask(patience) {
        try {
            const response = await fetch(this.url, {
                cache: 'no-cache',
                redirect: 'manual',
                headers: { Accept: 'application/json' },
                signal: AbortSignal.timeout(patience),
            });

            await this.take(response);

        } catch {
            this.state = 'unreachable';
        }

        return this.state;
    }

    async take(response) {
        // a redirect leads to some form to sign in

        this.status = response.type === 'opaqueredirect' ? 401
                                                         : response.status;

        if (this.status === 401 || this.status === 403) {
            this.state = 'refused';
            this.body = null;
            return;
        }

        if (response.status >= 502 && response.status <= 504) {
            this.state = 'unreachable';
            return;
        }

        if (!response.ok || !isJSON(response)) {
            this.state = 'bad';
            return;
        }

        this.body = await response.json();
        this.state = 'ok';
        this.at = Date.now();
        this.offset = Date.parse(response.headers.get('Date')) - this.at || 0;
    }
}

function isJSON(response) {
    return /^application\/json/.test(response.headers.get('Content-Type'));
}

// The rhythm: an interval; longer and longer while the server is away; none
// while the page is hidden or paused.

export class Rhythm {
    constructor(interval, beat) {
        this.interval = interval;
        this.beat = beat;            // async; true: the server is there
        this.paused = false;
        this.busy = false;
        this.hurry = false;
        this.misses = 0;
        this.due = 0;

        document.addEventListener('visibilitychange', () => this.wake());
        window.addEventListener('online', () => this.now());
    }

    get resting() {
        return this.paused || document.hidden;
    }

    // at once, whenever the next would have been

    now() {
        this.due = 0;
        this.hurry = this.busy;
        this.wake();
    }

    pause(paused) {
        this.paused = paused;
        this.wake();
    }

    wake() {
        clearTimeout(this.timer);

        if (!this.resting && !this.busy) {
            this.timer = setTimeout(() => this.run(),
                                    Math.max(0, this.due - Date.now()));
        }
    }

    async run() {
        this.busy = true;

        try {
            this.misses = await this.beat() ? 0 : this.misses + 1;

        } finally {
            this.busy = false;
            this.due = this.hurry ? 0 : Date.now() + this.wait();
            this.hurry = false;
            this.wake();
        }
    }

    wait() {
        return this.misses === 0
               ? this.interval
               : Math.min(30000, 1000 * 2 ** Math.min(this.misses - 1, 5));
    }
}
