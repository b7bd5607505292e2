// Every generation of socket.io-client on every way to connect, against the application that Socket.IO's own test suites
// expect: `auth` on connect, `message` sent back, `message-with-ack` acknowledged with what it brought; namespaces `/` and `/custom`.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client, MATRIX, bytesOf } from './lib/clients.mjs';
import { startServer } from './lib/server.mjs';
import { within } from './lib/wait.mjs';

const times = ['--ping-interval', '400', '--ping-timeout', '20000', '--connect-timeout', '20000'];
let server;
before(async () => {
    server = await startServer({ args: ['--conformance', ...times] });
});
after(() => server.stop());

const LISTEN = ['auth', 'message-back'];
const open = (t, row, options) => Client.to(t, row, server.url, { listen: LISTEN, ...options });

/** Connected, `auth` taken. */
async function ready(t, row) {
    const client = await open(t, row).settled();
    await client.next('auth');
    return client;
}

const PLAIN = [1, -2.5, 'text "quoted" \u2028 \x1e', 'h\u00e4\u20ac\u{1f40e}', true, null, [], {}, [[1], { a: { b: ['c'] } }]];

/** The same with its binary values as hex. */
function readable(value) {
    if (value instanceof Uint8Array || value instanceof ArrayBuffer) return `bytes ${bytesOf(value)}`;
    if (Array.isArray(value)) return value.map(readable);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, readable(each)]));
}

const NESTED = [
    Buffer.from([0]),
    { deep: [{ down: Buffer.from([1, 2, 3, 0x1e, 255]) }, 'text'], empty: Buffer.alloc(0) },
    'between',
    [Buffer.from('\u20ac in bytes'), [Buffer.alloc(300, 7)]],
];

const CASES = {
    'is told what it brought': async (t, row) => {
        const auth = { token: '123', other: 'h\u00e4\u20ac' };
        const client = await open(t, row, { auth }).settled();
        // Version 3 of the protocol has no payload for the main namespace.
        assert.deepEqual(await client.next('auth'), [row.protocol === 4 ? auth : {}]);
        assert.equal(client.engine.transport.name, row.ends);
        assert.equal(client.connects, 1);
    },
    'brings nothing': async (t, row) => {
        const client = await open(t, row).settled();
        assert.deepEqual(await client.next('auth'), [{}]);
    },
    'gets back what it sends': async (t, row) => {
        const client = await ready(t, row);
        client.socket.emit('message', ...PLAIN);
        assert.deepEqual(await client.next('message-back'), PLAIN);
        client.socket.emit('message');
        assert.deepEqual(await client.next('message-back'), []);
    },
    'is acknowledged': async (t, row) => {
        const client = await ready(t, row);
        assert.deepEqual(await client.ask('message-with-ack', ...PLAIN), PLAIN);
        assert.deepEqual(await client.ask('message-with-ack'), []);
        const many = await Promise.all(Array.from({ length: 20 }, (_, i) => client.ask('message-with-ack', i)));
        assert.deepEqual(many, Array.from({ length: 20 }, (_, i) => [i]));
    },
    'waits in vain for an acknowledgement, with a timeout': async (t, row) => {
        const client = await ready(t, row);
        if (row.version === '4.8') {
            await assert.rejects(client.socket.timeout(50).emitWithAck('nobody', 1), /timed out/);
        } else {
            const ack = new Promise((resolve) => client.socket.emit('nobody', 1, resolve));
            await assert.rejects(within('nobody', ack, 50), /waited 50 ms/);
        }
        assert.deepEqual(await client.ask('message-with-ack', 'fine'), ['fine']);
    },
    'sends bytes, nested, and gets them back': async (t, row) => {
        const client = await ready(t, row);
        client.socket.emit('message', ...NESTED);
        assert.deepEqual(readable(await client.next('message-back')), readable(NESTED));
        assert.deepEqual(readable(await client.ask('message-with-ack', ...NESTED)), readable(NESTED));
    },
    'keeps texts and bytes in order, also while it upgrades': async (t, row) => {
        const client = await open(t, row).connected();
        await client.next('auth');
        const count = 120;
        const parts = Array.from({ length: count }, (_, i) => (i % 3 === 0 ? Buffer.from([i]) : i));
        let sent = 0;
        const send = (upto) => {
            while (sent < Math.min(upto, count)) client.socket.emit('message', parts[sent++]);
        };
        send(5);
        for (let i = 0; i < count; i++) {
            assert.deepEqual(readable(await client.next('message-back')), readable([parts[i]]));
            send(i + 8);
        }
        await client.settled();
        assert.deepEqual(await client.ask('message-with-ack', 'fine'), ['fine']);
    },
    'sends and gets large messages': async (t, row) => {
        const client = await ready(t, row);
        const text = '\u20ac'.repeat(100_000);
        const bytes = Buffer.alloc(200_000, 'large');
        client.socket.emit('message', text);
        assert.deepEqual(await client.next('message-back'), [text]);
        client.socket.emit('message', bytes);
        assert.deepEqual(readable(await client.next('message-back')), readable([bytes]));
    },
    'has two namespaces on one link': async (t, row) => {
        const client = await ready(t, row);
        const auth = { token: 'abc' };
        const custom = await client.at('/custom', { auth, listen: LISTEN }).connected();
        assert.deepEqual(await custom.next('auth'), [auth]);
        assert.equal(custom.engine, client.engine);
        if (row.protocol === 4) assert.notEqual(custom.socket.id, client.socket.id); // else the client makes it of its link
        assert.deepEqual(await client.ask('message-with-ack', 1), [1]);
        custom.socket.disconnect();
        assert.deepEqual(await client.ask('message-with-ack', 2), [2]);
        await custom.socket.connect();
        await custom.connected();
        assert.deepEqual(await custom.next('auth'), [auth]);
        assert.equal(client.connects, 1);
    },
    'is refused a namespace that is not there': async (t, row) => {
        const client = await ready(t, row);
        const other = client.at('/random');
        const error = await other.refused();
        assert.equal(error.message ?? error, 'Invalid namespace');
        assert.equal(other.connects, 0);
        assert.deepEqual(await client.ask('message-with-ack', 1), [1]);
    },
    'lives on heartbeats': async (t, row) => {
        const client = await ready(t, row);
        await client.heartbeats(3);
        assert.deepEqual(await client.ask('message-with-ack', 1), [1]);
        assert.equal(client.connects, 1);
    },
    'leaves, and comes again': async (t, row) => {
        const client = await ready(t, row);
        const gone = client.once('disconnect');
        client.socket.disconnect();
        assert.equal((await gone)[0], 'io client disconnect');
        client.socket.connect();
        await client.settled();
        assert.deepEqual(await client.next('auth'), [{}]);
        assert.deepEqual(await client.ask('message-with-ack', 1), [1]);
    },
};

for (const row of MATRIX)
    for (const [what, run] of Object.entries(CASES)) test(`${row.title} ${what}`, (t) => run(t, row));
