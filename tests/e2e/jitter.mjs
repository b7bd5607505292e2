// Many clients whose lines break all the time, and one room to which events are published: each client must get every event, in
// order and once, by connection state recovery alone. Prints how long they took.
//
//   node jitter.mjs --clients 1000 --seconds 30 --cut 3 --rate 10 --transport websocket
//   node jitter.mjs --server reference ...        the same with npm's socket.io
//
// Clients are socket.io-client in worker processes; each worker has a proxy of its own between its clients and the server, which
// cuts so many lines that each client is hit about once in --cut seconds, at any moment, half of them by a reset. With
// --transport polling each poll is a connection of its own, since that is what the client does under Node.js.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const self = fileURLToPath(import.meta.url);
const { values: options } = parseArgs({
    options: {
        clients: { type: 'string', default: '1000' },
        seconds: { type: 'string', default: '30' },
        cut: { type: 'string', default: '3' },
        rate: { type: 'string', default: '10' },
        transport: { type: 'string', default: 'websocket' },
        server: { type: 'string', default: 'ringback' },
        workers: { type: 'string', default: '2' },
        worker: { type: 'boolean', default: false },
    },
});
for (const name of ['clients', 'seconds', 'cut', 'rate', 'workers']) options[name] = Number(options[name]);

const now = () => Number(process.hrtime.bigint() / 1000n); // microseconds, the same in all processes
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const RECONNECT_MS = 100; // doubled up to four times that, and jittered, as the client does

// ---- in a worker: lines that break

class Lines {
    #pairs = new Set();
    #owed = 0; // cuts that are due
    cuts = 0;

    async open(port) {
        this.server = net.createServer((client) => this.#join(client, net.connect(port, '127.0.0.1')));
        this.server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
        await once(this.server, 'listening');
        return this.server.address().port;
    }

    #join(client, server) {
        const pair = { client, server, doom: this.#owed >= 1 ? this.#draw() : null };
        this.#pairs.add(pair);
        for (const [end, other] of [[client, server], [server, client]]) {
            end.setNoDelay();
            end.on('error', () => {});
            end.on('close', () => {
                this.#pairs.delete(pair);
                other.destroy();
            });
        }
        client.on('data', (bytes) => {
            server.write(bytes);
            if (pair.doom === 'asked') setImmediate(() => this.#cut(pair));
        });
        server.on('data', (bytes) => {
            client.write(pair.doom === 'answered' ? bytes.subarray(0, bytes.length * Math.random()) : bytes);
            if (pair.doom === 'answered') setImmediate(() => this.#cut(pair));
        });
        if (pair.doom === 'opened') this.#cut(pair);
    }

    /** So many cuts, at any moment, in each second from now on. Lines that live for a poll only are chosen when they open. */
    jitter(rate) {
        let last = performance.now();
        this.timer = setInterval(() => {
            const seconds = (performance.now() - last) / 1000;
            last += seconds * 1000;
            this.#owed += rate * seconds;
            const open = [...this.#pairs];
            while (this.#owed >= 1 && open.length > 0) {
                this.#owed--;
                const [pair] = open.splice(Math.floor(Math.random() * open.length), 1);
                this.#cut(pair);
            }
        }, 20);
    }

    #draw() {
        this.#owed--;
        return ['opened', 'asked', 'answered'][Math.floor(Math.random() * 3)];
    }

    #cut(pair) {
        if (!this.#pairs.delete(pair)) return;
        this.cuts++;
        const isReset = Math.random() < 0.5;
        for (const end of [pair.client, pair.server]) isReset ? end.resetAndDestroy() : end.destroy();
    }

    calm() {
        clearInterval(this.timer);
        this.#owed = 0;
    }
}

// ---- in a worker: clients

class Listener {
    next = 0; // the number of the event that is to come
    counts = { missing: 0, repeated: 0, recovered: 0, unrecovered: 0 };

    constructor(io, url, { token, transport }, latencies) {
        this.latencies = latencies;
        this.socket = io(url, {
            transports: transport === 'upgrade' ? ['polling', 'websocket'] : [transport],
            auth: { token, recovery: true },
            forceNew: true,
            reconnectionDelay: RECONNECT_MS,
            reconnectionDelayMax: 4 * RECONNECT_MS,
        });
        this.joined = new Promise((resolve) => this.socket.on('connect', () => this.#connected(resolve)));
        this.ended = new Promise((resolve) => (this.#end = resolve));
        this.socket.on('chat', (event) => this.#take(event));
    }

    #end;
    #isIn = false;

    #connected(resolve) {
        if (this.#isIn && this.socket.recovered) {
            this.counts.recovered++;
            return;
        }
        if (this.#isIn) this.counts.unrecovered++;
        this.socket.emit('join-chat', { room: 'jitter' }, () => {
            this.#isIn = true;
            resolve();
        });
    }

    #take({ n, at, last }) {
        if (n < this.next) {
            this.counts.repeated++;
            return;
        }
        this.counts.missing += n - this.next;
        this.next = n + 1;
        this.latencies.push(now() - at);
        if (last) this.#end();
    }
}

async function work() {
    const { io } = await import('socket.io-client');
    const lines = new Lines();
    const [job] = await once(process, 'message');
    const url = `http://127.0.0.1:${await lines.open(job.port)}`;
    const latencies = [];
    const listeners = [];
    while (listeners.length < job.clients) {
        const some = Array.from({ length: Math.min(25, job.clients - listeners.length) }, () => new Listener(io, url, job, latencies));
        await Promise.all(some.map((listener) => listener.joined));
        listeners.push(...some);
    }
    process.send('joined');
    for (;;) {
        const [message] = await once(process, 'message');
        if (message === 'jitter') lines.jitter(job.clients / job.cut);
        if (message === 'calm') break;
    }
    lines.calm();
    await Promise.race([Promise.all(listeners.map((listener) => listener.ended)), pause(60_000)]);
    const counts = { cuts: lines.cuts, unfinished: listeners.filter((each) => each.next < job.total).length };
    for (const listener of listeners) {
        counts.missing = (counts.missing ?? 0) + job.total - listener.next;
        for (const [name, count] of Object.entries(listener.counts)) counts[name] = (counts[name] ?? 0) + count;
    }
    process.send({ counts, latencies: Buffer.from(Uint32Array.from(latencies).buffer).toString('base64') }, () => process.exit());
}

// ---- in the main process

async function run() {
    if (options.server === 'reference') process.env.RINGBACK = fileURLToPath(new URL('reference.mjs', import.meta.url));
    const { startServer } = await import('./lib/server.mjs');
    const { Room, chatConfig } = await import('./lib/chat.mjs');
    const server = await startServer({ config: chatConfig({ recovery: 'asked' }) });
    const total = Math.round(options.seconds * options.rate);
    const shares = Array.from({ length: options.workers }, (_, i) => Math.floor((options.clients + i) / options.workers));
    const workers = shares.map((clients) => {
        const worker = fork(self, ['--worker']);
        worker.on('exit', (status) => status !== 0 && process.exit(1));
        worker.send({ port: server.port, token: server.token, transport: options.transport, cut: options.cut, clients, total });
        return worker;
    });
    const heard = () => Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    await heard();
    for (const worker of workers) worker.send('jitter');
    const room = new Room(server.backend, 'jitter');
    const begun = now();
    for (let n = 0; n < total; n++) {
        await pause((begun + (n * 1e6) / options.rate - now()) / 1000);
        await room.publish({ name: 'chat', data: { n, at: now(), last: n === total - 1 } });
    }
    const done = heard();
    for (const worker of workers) worker.send('calm');
    report(await done, total);
    await server.stop();
}

function report(results, total) {
    const counts = {};
    for (const result of results) {
        for (const [name, count] of Object.entries(result.counts)) counts[name] = (counts[name] ?? 0) + count;
    }
    const all = results.flatMap(({ latencies }) => [...new Uint32Array(Uint8Array.from(Buffer.from(latencies, 'base64')).buffer)]);
    const sorted = Uint32Array.from(all).sort();
    const at = (part) => `${(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] / 1000).toFixed(1)} ms`;
    console.log(`${options.server}, ${options.transport}: ${options.clients} clients, ${total} events, ${sorted.length} deliveries`);
    console.log(`${counts.cuts} cuts, ${counts.recovered} recoveries, ${counts.unrecovered} clients that had to begin anew`);
    console.log(`${counts.missing} missing, ${counts.repeated} repeated, ${counts.unfinished} clients that did not get the last`);
    console.log(`latency: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}, max ${at(1)}`);
    const isGood = counts.missing + counts.repeated + counts.unfinished === 0 && sorted.length === options.clients * total;
    process.exitCode = isGood ? 0 : 1;
}

await (options.worker ? work() : run());
