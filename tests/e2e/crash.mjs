// kill -9 at any moment: nothing that was accepted is lost, nothing ends in two ways, everything is announced.
//
//   ROUNDS=200 node crash.mjs          (default 200; the suite runs 8)
//
// Callers start jobs, each with an Idempotency-Key that it repeats until it is answered; a Socket.IO client sits in their room;
// the server is killed again and again at random moments and started anew on the same data. In the end all is compared: what
// was answered, what was seen on the way, what was announced, what is stored and what can be downloaded.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { Api } from './lib/api.mjs';
import { Proxy } from './lib/proxy.mjs';
import { startServer, worker } from './lib/server.mjs';
import { Rigi } from './lib/sio.mjs';
import { within } from './lib/wait.mjs';
import { unzip } from './lib/zip.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 200);
const CALLERS = 4;
const PROJECT = 'crash';
const FINAL = ['finished', 'failed', 'cancelled', 'expired'];

// What may become of a job of each kind: "state" or "state reason".
const KINDS = {
    steady: { action: 'nap', retry: true, ends: ['finished'] },
    fragile: { action: 'nap', retry: false, ends: ['finished', 'failed interrupted'] },
    packed: { action: 'nap-zip', retry: true, ends: ['finished'] },
    unlucky: { action: 'nap-fail', retry: true, ends: ['failed failed'] },
};

const config = {
    jobs: Object.fromEntries(
        Object.entries(KINDS).map(([kind, { action, retry }]) => [
            kind,
            {
                command: [worker, action, '{nap}'],
                routes: [`POST /api/projects/{projectId}/process/${kind}`],
                retry,
                concurrency: 4,
                queue_max: 100_000,
            },
        ]),
    ),
    socketio: {
        ping_interval: '100ms', // often confirmed, so that little is announced anew
        ping_timeout: '20s',
        rooms: [{ join: 'joinProcessRoom', leave: 'leaveProcessRoom', topic: 'projects/{projectId}', kinds: Object.keys(KINDS) }],
    },
};

const cleanUps = [];
const t = { after: (cleanUp) => cleanUps.push(cleanUp) };
const random = (from, to) => from + Math.random() * (to - from);
const choose = (list) => list[Math.floor(Math.random() * list.length)];

// ---- the server, which comes and goes behind a line that stays

const server = await startServer({ config });
const line = await Proxy.start(t, server.port);
const client = new Api(line.url, server.token);
let up = Promise.resolve();
let isDone = false;

async function killAndRestart() {
    let isUp;
    up = new Promise((resolve) => (isUp = resolve));
    await server.kill();
    await server.start();
    line.toPort = server.port;
    isUp();
}

/** The answer, however often the server dies before it comes. */
async function persistently(ask) {
    for (;;) {
        await up;
        try {
            return await ask();
        } catch (error) {
            if (!['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes(error.code)) throw error;
            await new Promise(setImmediate); // whoever has killed it says so first
        }
    }
}

// ---- what is known

const accepted = new Map(); // id -> {key, kind}
const ends = new Map(); // id -> how it was seen to have ended first
const announced = new Map(); // id -> downloadId
let observations = 0;
let repeats = 0;

function observe(id, end) {
    observations++;
    if (!ends.has(id)) ends.set(id, end);
    assert.equal(end, ends.get(id), `job ${id} ended in two ways`);
}

const endOf = ({ state, reason }) => (reason ? `${state} ${reason}` : state);

async function look(id) {
    const { status, json, text } = await persistently(() => client.get(`/v1/jobs/${id}`));
    assert.equal(status, 200, `job ${id} was accepted and is lost: ${text}`);
    if (FINAL.includes(json.state)) observe(id, endOf(json));
    else assert.ok(!ends.has(id), `job ${id} was ${ends.get(id)} and is ${json.state}`);
}

// ---- the clients

async function startJob(kind, key) {
    const nap = random(0, 0.15).toFixed(3);
    const call = () =>
        client.post(`/api/projects/${PROJECT}/process/${kind}?nap=${nap}`, undefined, { headers: { 'Idempotency-Key': key } });
    const { status, json, text } = await persistently(call);
    assert.equal(status, 202, text);
    const { jobId } = json;
    assert.ok(!accepted.has(jobId), `two keys, one job: ${key} and ${accepted.get(jobId)?.key}`);
    accepted.set(jobId, { key, kind });
    if (Math.random() < 0.2) {
        const again = await persistently(call); // as one does who is not sure
        assert.deepEqual([again.status, again.json.jobId], [202, jobId], `one key, two jobs: ${key}`);
        repeats++;
    }
    return jobId;
}

async function caller(name) {
    for (let i = 0; !isDone; i++) {
        await startJob(choose(Object.keys(KINDS)), `${name}-${i}`);
        await look(choose([...accepted.keys()]));
    }
}

const rigi = new Rigi(t, line.url, server.token);
const room = { projectId: PROJECT, tenantId: '127_0_0_1' };
let joins = 0;
let told = 0;
rigi.socket.on('connect', () => rigi.socket.emit('joinProcessRoom', room, () => joins++));
rigi.socket.offAny();
const waiting = new Map(); // id -> function to call when it is announced
rigi.socket.onAny((kind, { downloadId, jobId, state }) => {
    told++;
    assert.equal(/^\d+$/.test(downloadId), state === 'finished', `${kind} ${downloadId}: ${state}`);
    assert.equal(announced.get(jobId) ?? downloadId, downloadId, `job ${jobId} was announced in two ways`);
    announced.set(jobId, downloadId);
    const end = ends.get(jobId);
    if (end) assert.equal(end.split(' ')[0], state, `job ${jobId} was announced otherwise than stored`);
    waiting.get(jobId)?.();
});

// ---- the rounds

const callers = Promise.all(Array.from({ length: CALLERS }, (_, i) => caller(`caller-${i}`)));
let failure = null;
callers.catch((error) => (failure = error));
for (let round = 1; round <= ROUNDS && !failure; round++) {
    await new Promise((resolve) => setTimeout(resolve, random(20, 400)));
    await killAndRestart();
    if (round % 20 === 0) console.log(`${round} rounds, ${accepted.size} jobs`);
}
isDone = true;
await within('the callers', callers, 120_000);

// ---- the reckoning

const lastWord = new Promise((resolve) => (waiting.set('last', resolve)));
for (const id of accepted.keys()) await client.end(id);
const last = await startJob('steady', 'the last one'); // announced behind all others
waiting.set(last, waiting.get('last'));
if (announced.has(last)) waiting.get('last')();
await within('the last announcement', lastWord, 60_000);

const tally = {};
for (const [id, { kind }] of accepted) {
    const job = await client.end(id);
    const end = endOf(job);
    tally[`${kind}: ${end}`] = (tally[`${kind}: ${end}`] ?? 0) + 1;
    observe(id, end);
    assert.equal(job.kind, kind);
    assert.ok(KINDS[kind].ends.includes(end), `a job of kind ${kind} has ${end}: ${job.message}`);
    await checkResult(job);
    const { events } = (await client.get(`/v1/jobs/${id}/events?limit=1000`)).json;
    assert.deepEqual(events.filter((event) => event.final).map((event) => event.name), [job.state], `final events of ${id}`);
    assert.ok(announced.has(id), `job ${id} (${end}) was never announced`);
    if (job.state === 'finished') assert.equal(announced.get(id), String(job.number));
}

async function checkResult(job) {
    if (job.state !== 'finished') {
        assert.equal(job.result, null);
        return;
    }
    const result = await client.get(job.result.url);
    assert.equal(result.status, 200, result.text);
    assert.equal(result.body.length, job.result.bytes, `the size of the result of ${job.id}`);
    if (job.kind === 'packed') {
        const files = Object.entries(unzip(result.body)).map(([name, data]) => `${name}: ${data}`);
        assert.deepEqual(files, [1, 2, 3].map((i) => `${i}.txt: ${i} of ${job.id}\n`));
    } else {
        assert.equal(result.text, `result of ${job.id}\n`);
    }
    const download = await client.get(`/api/download/${job.number}`);
    assert.ok(download.body.equals(result.body));
}

/** All jobs that the server has. */
async function countJobs() {
    let count = 0;
    for (let next = ''; next !== null; ) {
        const page = (await client.get(`/v1/jobs?limit=100${next && `&before=${next}`}`)).json;
        count += page.jobs.length;
        next = page.next;
    }
    return count;
}
assert.equal(await countJobs(), accepted.size, 'one job for each key');

const find = `grep -lza "^RINGBACK_OUT=${server.data}/" /proc/[0-9]*/environ 2>/dev/null; true`;
const left = execFileSync('/bin/sh', ['-c', find], { encoding: 'utf8' });
assert.equal(left, '', 'workers left behind');
await server.stop();
assert.deepEqual(readdirSync(path.join(server.data, 'work')), [], 'work directories left behind');

console.log(`${ROUNDS} rounds, ${accepted.size} jobs, ${repeats} repeated calls, ${observations} observations, `
    + `${joins} joins, ${told} announcements of ${announced.size} jobs`);
for (const name of Object.keys(tally).sort()) console.log(`  ${String(tally[name]).padStart(6)}  ${name}`);
for (const cleanUp of cleanUps.reverse()) cleanUp();
