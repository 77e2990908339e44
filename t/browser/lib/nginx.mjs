// A real nginx, master and workers, on a port of its own.

import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync,
         writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const binary = process.env.TEST_NGINX_BINARY || 'nginx';
const modules = (process.env.TEST_NGINX_LOAD_MODULES || '').split(/\s+/)
                                                           .filter(Boolean);
const running = new Set();

process.on('exit', () => running.forEach((server) => server.kill()));

for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => process.exit(1));
}

// whatever this machine is doing, it is well

export const calm = ['memory', 'disk'].map((name) =>
    `caphealth_threshold ${name}_percent warning=100 critical=100;`).join(' ')
    + ' caphealth_threshold cpu_percent off;';

const data = {
    '= /platform/health': 'caphealth_health;',
    '= /platform/capacity': 'caphealth_capacity;',
    '= /platform/image-stats': 'caphealth_image_stats;',
    '/platform/images': `caphealth_image_upload; client_max_body_size 8m;
        caphealth_image_delete on;
        caphealth_image_root images; caphealth_image_url /media/;`,
    '^~ /media/': 'alias images/; types { image/webp webp; }',
    '/admin/platform-health': 'caphealth_dashboard;',
};

export class Nginx {

    // http: directives; locations: { name: directives }, over those above;
    // null leaves one out

    constructor({ http = calm, locations = {}, refresh = '1s' } = {}) {
        this.prefix = mkdtempSync(join(tmpdir(), 'caphealth-'));
        this.http = http;
        this.refresh = refresh;
        this.locations = { ...data, ...locations };

        chmodSync(this.prefix, 0o755);
        mkdirSync(join(this.prefix, 'tmp'));
    }

    url(path = '/admin/platform-health') {
        return `http://127.0.0.1:${this.port}${path}`;
    }

    configure() {
        const load = modules.map((path) => `load_module ${path};`).join('\n');
        const user = process.getuid() === 0 ? 'user root;' : '';
        const locations = Object.entries(this.locations)
            .filter(([, directives]) => directives !== null)
            .map(([name, directives]) => `location ${name} { ${directives} }`)
            .join('\n');

        writeFileSync(join(this.prefix, 'nginx.conf'), `
            ${load}
            ${user}
            worker_processes 2;
            pid nginx.pid;
            error_log error.log notice;
            events { worker_connections 512; }
            http {
                access_log off;
                client_body_temp_path tmp/body; proxy_temp_path tmp/proxy;
                fastcgi_temp_path tmp/fastcgi; uwsgi_temp_path tmp/uwsgi;
                scgi_temp_path tmp/scgi;
                caphealth_state_dir state;
                caphealth_refresh ${this.refresh};
                ${this.http}
                server {
                    listen 127.0.0.1:${this.port};
                    ${locations}
                }
            }`);
    }

    // the port stays the same when it is started again

    async start() {
        this.port ??= await freePort();
        this.configure();

        await run(binary, this.args());
        running.add(this);

        await this.until(async () => (await fetch(this.url('/'))).status > 0);

        return this;
    }

    args() {
        return ['-p', `${this.prefix}/`, '-c', 'nginx.conf', '-e', 'error.log'];
    }

    async stop() {
        const pid = this.pid();

        if (pid > 0) {
            process.kill(pid, 'SIGTERM');
            await this.until(() => !alive(pid));
        }

        running.delete(this);
    }

    kill() {
        const pid = this.pid();

        if (pid > 0 && alive(pid)) {
            process.kill(pid, 'SIGTERM');
        }
    }

    async end() {
        await this.stop();
        rmSync(this.prefix, { recursive: true, force: true });
    }

    pid() {
        try {
            return Number(readFileSync(join(this.prefix, 'nginx.pid'), 'utf8'));
        } catch {
            return 0;
        }
    }

    log() {
        return readFileSync(join(this.prefix, 'error.log'), 'utf8');
    }

    // of this nginx, by its workers

    collectors() {
        const workers = children(this.pid());

        return workers.flatMap(children).filter((pid) =>
            /caphealth-collector/.test(slurp(`/proc/${pid}/cmdline`)));
    }

    async json(path) {
        return (await fetch(this.url(path))).json();
    }

    // resolves once check() is true; rejects after ms

    async until(check, ms = 60000) {
        const end = Date.now() + ms;

        for (;;) {
            try {
                if (await check()) {
                    return;
                }
            } catch {
                // not yet
            }

            if (Date.now() > end) {
                throw new Error(`it never came to ${check}\n${this.log()}`);
            }

            await sleep(50);
        }
    }
}

// started, with facts of every source, and gone after the test; open: where
// the health can be read

export async function serve(t, { open = '/platform/health', ...options }) {
    const server = await new Nginx(options).start();

    t.after(() => server.end());

    await server.until(async () => {
        const health = await server.json(open);

        return health.system.cpu_percent !== null
               && (!health.database.configured
                   || health.database.attempted_at !== null)
               && (!health.image_storage.configured
                   || health.image_storage.total_files !== null);
    });

    return server;
}

function slurp(path) {
    try {
        return readFileSync(path, 'utf8');
    } catch {
        return '';
    }
}

function alive(pid) {
    return /\) [^ZX] /.test(slurp(`/proc/${pid}/stat`));
}

function children(pid) {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
        .filter((name) => {
            const [, parent] = /\) \S (\d+)/.exec(slurp(`/proc/${name}/stat`))
                               ?? [];

            return Number(parent) === pid;
        })
        .map(Number);
}

// below those that the kernel gives to clients

function freePort() {
    const port = 10000 + Math.floor(22000 * Math.random());

    return new Promise((resolve) => {
        const socket = createServer()
            .on('error', () => resolve(freePort()))
            .listen(port, '127.0.0.1', () => {
                socket.close(() => resolve(port));
            });
    });
}
