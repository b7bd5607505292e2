// The registry says what is open: nothing else, nothing less, whatever way connections have come and gone. SEED repeats a run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Crowd, ends, kinds } from './lib/crowd.mjs';
import { openSocket } from './lib/engineio.mjs';
import { NativeSocket } from './lib/native_socket.mjs';
import { Proxy } from './lib/proxy.mjs';
import { startServer } from './lib/server.mjs';
import { Inbox, until, within } from './lib/wait.mjs';

const SEED = Number(process.env.SEED ?? 20261122);
const STEPS = 10_000;
const BATCH = 100;
const CROWDS = 4;
const TARGET = 400; // connections, about which their number moves

/** mulberry32: a number from 0 to below n. */
function dice(seed) {
    return (n) => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) % n;
    };
}

/** What the registry has, as clients know it. */
async function registered(server) {
    const keys = [];
    let after;
    do {
        const answer = await server.backend.get(`/v1/connections?limit=250&mask=transport,topics${after ? `&after=${after}` : ''}`);
        assert.equal(answer.status, 200, answer.text);
        for (const { id, transport, topics } of answer.json.connections) keys.push(transport === 'sse' ? topics[0] : id);
        after = answer.json.next;
    } while (after);
    return keys.sort();
}

/** Ends of clients reach the server when they do; then it must be exactly these. */
async function expectRegistered(server, expected) {
    const wanted = [...expected].sort();
    let got;
    const isSame = async () => JSON.stringify((got = await registered(server))) === JSON.stringify(wanted);
    await until(isSame, 'the registry to be right').catch(() => assert.deepEqual(got, wanted));
    assert.equal((await server.backend.get('/v1/connections/stats')).json.connections, wanted.length);
}

const allKeys = (crowds) => crowds.flatMap(({ keys }) => [...keys]);

test(`after ${STEPS} comings and goings the registry has what is open`, async (t) => {
    t.diagnostic(`seed ${SEED}`);
    const server = await startServer({ t, config: { threads: 4 } });
    const roll = dice(SEED);
    const pick = (list) => list[roll(list.length)];
    const crowds = Array.from({ length: CROWDS }, () => new Crowd(server));
    t.after(() => Promise.all(crowds.map((crowd) => crowd.kill())));
    const counts = {};
    const count = (what, n = 1) => (counts[what] = (counts[what] ?? 0) + n);

    let steps = 0;
    for (let batch = 1; steps < STEPS; batch++) {
        const doing = [];
        for (let i = 0; i < BATCH; i++) {
            const crowd = pick(crowds);
            const isComing = crowd.keys.size === 0 || roll(2 * TARGET) > allKeys(crowds).length;
            if (isComing) {
                const kind = pick(Object.keys(kinds));
                doing.push(crowd.open(kind, steps++));
                count(kind);
            } else {
                const how = pick(Object.keys(ends));
                doing.push(crowd.end(pick([...crowd.keys]), how));
                steps++;
                count(how);
            }
        }
        await Promise.all(doing);
        if (batch % 5 === 0) {
            const at = roll(CROWDS);
            count('killed', crowds[at].keys.size);
            steps += crowds[at].keys.size;
            await crowds[at].kill();
            crowds[at] = new Crowd(server);
        }
        if (batch % 10 === 0) await expectRegistered(server, allKeys(crowds));
    }
    await expectRegistered(server, allKeys(crowds));
    t.diagnostic(JSON.stringify({ steps, open: allKeys(crowds).length, ...counts }));
});

test('a server that was killed comes back with an empty registry, and is right from then on', async (t) => {
    const server = await startServer({ t, config: { threads: 4 } });
    const crowd = new Crowd(server);
    t.after(() => crowd.kill());
    const fill = (crowd) =>
        Promise.all(Object.keys(kinds).flatMap((kind) => Array.from({ length: 40 }, (_, i) => crowd.open(kind, `${kind}${i}`))));
    await fill(crowd);
    await expectRegistered(server, crowd.keys);
    await server.kill();
    await server.start();
    assert.deepEqual(await registered(server), []);
    const next = new Crowd(server);
    t.after(() => next.kill());
    await fill(next);
    await expectRegistered(server, next.keys);
    for (const stale of [...crowd.keys].filter((key) => !key.includes('/')).slice(0, 20))
        assert.equal((await server.backend.get(`/v1/connections/${stale}`)).status, 404);
    await crowd.kill(); // whose connections the server never had
    await expectRegistered(server, next.keys);
});

// ---- clients that vanish: no close, no reset, and nothing comes any more ----

const INTERVAL_MS = 25_000;
const TIMEOUT_MS = 20_000;

const advance = async (server, ms) => assert.equal((await server.client.post('/test/clock', { advance_ms: ms })).status, 200);

/** Answers pings; `pinged` is an inbox of those that it has answered. */
async function livelyNative(t, server) {
    const socket = await NativeSocket.open(t, server);
    const pinged = new Inbox();
    socket.ws.on('ping', () => pinged.push('ping')); // ws has answered by itself
    const { connection: key } = await socket.ask({ op: 'whoami' });
    return {
        key,
        async answered() {
            await pinged.next('a ping');
            assert.equal((await socket.ask({ op: 'whoami' })).op, 'ok'); // which came behind the pong
        },
    };
}

async function livelySocketIo(t, server) {
    const socket = await openSocket(t, server.port, { path: '/socket.io/' });
    socket.text(`40{"token":"${server.token}"}`);
    const key = JSON.parse((await socket.next()).slice(2)).sid;
    return {
        key,
        async answered() {
            assert.equal(await socket.next('a ping'), '2');
            socket.text('3');
            const asked = server.backend.post(`/v1/connections/${key}/send`, { name: 'sync', receipt: 'acknowledged' });
            const [, number] = /^42(\d+)/.exec(await socket.next());
            socket.text(`43${number}[]`);
            assert.equal((await asked).json.status, 'acknowledged'); // so the pong has come before
        },
    };
}

test('clients that vanish are gone after the ping timeout, and the others are not', async (t) => {
    const server = await startServer({
        t,
        args: ['--clock-control'],
        config: {
            threads: 4,
            websocket: { ping_interval: `${INTERVAL_MS}ms`, ping_timeout: `${TIMEOUT_MS}ms` },
            socketio: { ping_interval: `${INTERVAL_MS}ms`, ping_timeout: `${TIMEOUT_MS}ms` },
        },
    });
    const hole = await Proxy.start(t, server.port);
    const beyond = { port: Number(new URL(hole.url).port), token: server.token };
    const lively = [];
    const vanished = [];
    for (let i = 0; i < 10; i++) {
        lively.push(await livelyNative(t, server), await livelySocketIo(t, server));
        vanished.push((await kinds.native(beyond)).key, (await kinds.socketio(beyond)).key);
    }
    const livelyKeys = lively.map(({ key }) => key);
    await expectRegistered(server, [...livelyKeys, ...vanished]);
    hole.swallow(true);
    await advance(server, INTERVAL_MS);
    await within('all pings to be answered', Promise.all(lively.map((each) => each.answered())));
    await expectRegistered(server, [...livelyKeys, ...vanished]); // they may still answer
    await advance(server, TIMEOUT_MS);
    await expectRegistered(server, livelyKeys);
    for (const key of vanished) assert.equal((await server.backend.get(`/v1/connections/${key}`)).status, 404);
});
