// The server dies and starts again, on the same port and data, while many clients are connected and jobs run: every client comes
// back by itself, and none misses the outcome of a job, whether that ended before, meanwhile or after.
//
//   node socketio_restart.mjs --clients 2000 --signal SIGKILL --transport websocket
//
// Clients are socket.io-client with its own times for reconnecting. Each sits in the room of one project; they join when they
// connect, as users' clients do. Prints how long it took until all were back.
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { io } from 'socket.io-client';
import { startServer, worker } from './lib/server.mjs';
import { within } from './lib/wait.mjs';

const { values: options } = parseArgs({
    options: {
        clients: { type: 'string', default: '2000' },
        rooms: { type: 'string', default: '50' },
        signal: { type: 'string', default: 'SIGKILL' },
        transport: { type: 'string', default: 'websocket' },
    },
});
const CLIENTS = Number(options.clients);
const ROOMS = Number(options.rooms);
const TENANT = '127_0_0_1';
const PATIENCE_MS = 120_000;

const server = await startServer({
    config: {
        jobs: {
            done: {
                command: [worker, 'nap', '{nap}'],
                routes: ['POST /api/projects/{projectId}/process/done'],
                retry: true,
                concurrency: 4,
                queue_max: 100_000,
            },
        },
        socketio: {
            rooms: [{ join: 'join', leave: 'leave', topic: 'projects/{projectId}', kinds: ['done'], results: 'room' }],
        },
    },
});
server.args = server.args.map((arg) => (arg === '127.0.0.1:0' ? `127.0.0.1:${server.port}` : arg)); // the same when it starts again

// ---- clients: what a room keeps for one of its clients is kept by name, so each name is in a room once

class Client {
    outcomes = new Map(); // job: how often
    isIn = false;

    constructor(token, projectId) {
        this.projectId = projectId;
        this.socket = io(server.url, { transports: [options.transport], auth: { token }, forceNew: true });
        this.socket.on('connect', () =>
            this.socket.emit('join', { projectId, tenantId: TENANT }, (answer) => {
                assert.deepEqual(answer, { ok: true });
                this.isIn = true;
            }),
        );
        this.socket.on('disconnect', () => (this.isIn = false));
        this.socket.on('done', ({ jobId, state }) => {
            assert.equal(state, 'finished');
            this.outcomes.set(jobId, (this.outcomes.get(jobId) ?? 0) + 1);
        });
    }

    misses(job) {
        return job.projectId === this.projectId && !this.outcomes.has(job.id);
    }
}

/** When it is true, asked often. */
function until(what, isTrue) {
    return within(
        what,
        new Promise((resolve) => {
            const timer = setInterval(() => isTrue() && resolve(clearInterval(timer)), 20);
        }),
        PATIENCE_MS,
    );
}

const names = Math.ceil(CLIENTS / ROOMS);
const tokens = [];
for (let i = 0; i < names; i++) tokens.push(await server.newToken('demo', `client-${i}`));
const clients = [];
const areAllIn = () => clients.every((client) => client.isIn);
for (let i = 0; i < CLIENTS; i++) {
    clients.push(new Client(tokens[Math.floor(i / ROOMS)], i % ROOMS));
    if (i % 100 === 99) await until('a hundred clients', areAllIn);
}
await until('all clients', areAllIn);

// ---- jobs: one in each room before the end, one after it

const jobs = [];
async function startJobs(nap) {
    for (let projectId = 0; projectId < ROOMS; projectId++) {
        const answer = await server.backend.post(`/api/projects/${projectId}/process/done?nap=${nap}`);
        assert.equal(answer.status, 202, answer.text);
        jobs.push({ id: answer.json.jobId, projectId });
    }
}

const areToldOf = (some) => some.every((job) => !clients.some((client) => client.misses(job)));

await startJobs(0.1);
await until('some outcomes', () => areToldOf(jobs.slice(0, ROOMS / 4)));
const before = jobs.filter((job) => areToldOf([job])).length;
await (options.signal === 'SIGKILL' ? server.kill() : server.stop(options.signal));
await until('all clients to be gone', () => clients.every((client) => !client.isIn));
await server.start();
const startedAt = performance.now();
await startJobs(0.01);
await until('all clients to be back', areAllIn);
const backAfter = performance.now() - startedAt;
await until('all outcomes', () => areToldOf(jobs)).catch(() => {}); // said below
const toldAfter = performance.now() - startedAt;

const missed = clients.reduce((sum, client) => sum + jobs.filter((job) => client.misses(job)).length, 0);
const repeated = clients.reduce((sum, { outcomes }) => sum + [...outcomes.values()].filter((count) => count > 1).length, 0);
console.log(`${options.signal}, ${options.transport}: ${CLIENTS} clients in ${ROOMS} rooms, ${jobs.length} jobs`);
console.log(`outcomes heard by all before the end: ${before}; missed: ${missed}; heard twice: ${repeated}`);
console.log(`all back after ${(backAfter / 1000).toFixed(1)} s, all told after ${(toldAfter / 1000).toFixed(1)} s`);
for (const { socket } of clients) socket.disconnect();
await server.stop();
process.exit(missed === 0 ? 0 : 1);
