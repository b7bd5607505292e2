// The native API: the WebSocket, and the echo of dev.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { NativeSocket } from './lib/native_socket.mjs';
import { RawSocket } from './lib/raw.mjs';
import { startServer, worker } from './lib/server.mjs';
import { Inbox, within } from './lib/wait.mjs';

let server;
before(async () => {
    server = await startServer({
        config: {
            jobs: { id: { command: [worker, 'id'] } },
            topics: { rules: { 'short/*': { retention: 'count', keep_count: 3 } } },
            websocket: { message_max: '64KiB' },
            connection: { subscriptions_max: 5 },
        },
    });
});
after(() => server.stop());

let topics = 0;
const newTopic = (prefix = 't') => `${prefix}/${++topics}`;

test('auth as the first message', async (t) => {
    const socket = await NativeSocket.open(t, server, null);
    const error = await socket.ask({ op: 'subscribe', topic: 't' });
    assert.deepEqual([error.op, error.reason], ['error', 'unauthenticated']);
    const wrong = await socket.ask({ op: 'auth', token: 'rb_wrong' });
    assert.deepEqual([wrong.op, wrong.reason], ['error', 'unauthenticated']);
    const { connection, ...ok } = await socket.ask({ op: 'auth', token: server.token });
    assert.deepEqual(ok, { op: 'ok', id: 3 });
    assert.match(connection, /^[\w-]{24}$/);
    assert.equal((await socket.ask({ op: 'auth', token: server.token })).reason, 'conflict');
    await socket.subscribe(newTopic());
});

test('messages behind auth wait for it', async (t) => {
    const api = await server.as('demo', 'hasty-native');
    const socket = await NativeSocket.open(t, server, null);
    socket.send({ op: 'auth', id: 'a', token: api.token });
    socket.send({ op: 'subscribe', id: 'b', topic: newTopic() });
    const authenticated = await socket.next();
    assert.deepEqual([authenticated.op, authenticated.id], ['ok', 'a']);
    const reply = await socket.next();
    assert.deepEqual([reply.op, reply.id], ['ok', 'b']);
});

test('a token in the header; a wrong one is refused before the upgrade', async (t) => {
    const socket = await NativeSocket.open(t, server);
    await socket.subscribe(newTopic());
    await assert.rejects(NativeSocket.open(t, server, 'rb_wrong'), /401/);
    await assert.rejects(NativeSocket.open(t, server, null, { origin: 'https://evil.example.com' }), /403/);
    await NativeSocket.open(t, server, server.token, { origin: server.url });
});

test('subscribe, events in order, unsubscribe', async (t) => {
    const topic = newTopic();
    const socket = await NativeSocket.open(t, server);
    const backend = await NativeSocket.open(t, server, server.backendToken);
    const start = await socket.subscribe(topic);
    assert.match(start, /^[0-9a-f]+:\d+$/);
    const positions = [];
    for (let i = 0; i < 20; i++) {
        const reply = await backend.ask({ op: 'publish', topic, name: 'n', data: i });
        assert.equal(reply.op, 'ok');
        positions.push(reply.position);
    }
    for (let i = 0; i < 20; i++)
        assert.deepEqual(await socket.next(), { op: 'event', topic, position: positions[i], name: 'n', data: i });
    await backend.ask({ op: 'publish', topic, name: 'end', data: null, final: true });
    assert.equal((await socket.next()).final, true);
    assert.equal((await socket.ask({ op: 'unsubscribe', topic })).op, 'ok');
    assert.equal((await socket.ask({ op: 'unsubscribe', topic })).reason, 'not_subscribed');
    await backend.ask({ op: 'publish', topic, name: 'n', data: 'unheard' });
    const again = await socket.subscribe(topic, positions[17]);
    assert.equal(again, positions[17]);
    for (const data of [18, 19]) assert.equal(await socket.event('n'), data);
    assert.equal(await socket.event('end'), null);
    assert.equal(await socket.event('n'), 'unheard');
});

test('from the start of what is kept; and a gap', async (t) => {
    const topic = newTopic('short');
    const backend = await NativeSocket.open(t, server, server.backendToken);
    const positions = [];
    for (let i = 0; i < 10; i++) positions.push((await backend.ask({ op: 'publish', topic, name: 'n', data: i })).position);
    const socket = await NativeSocket.open(t, server);
    await socket.subscribe(topic, 'start');
    for (const data of [7, 8, 9]) assert.equal(await socket.event('n'), data);
    const late = await NativeSocket.open(t, server);
    await late.subscribe(topic, positions[0]);
    assert.deepEqual(await late.next('a gap'), { op: 'gap', topic, after: positions[0], next: positions[6] });
    for (const data of [7, 8, 9]) assert.equal(await late.event('n'), data);
});

test('data is forwarded byte for byte', async (t) => {
    const topic = newTopic();
    const socket = await RawSocket.open(t, server.port, '/v1/socket', { Authorization: `Bearer ${server.backendToken}` });
    socket.text(`{"op":"subscribe","id":1,"topic":"${topic}"}`);
    assert.match(await socket.next(), /^\{"op":"ok","id":1,"position":"/);
    const data = '{"z":1.0e0,"a":[ 1,\t2 ],"u":"\\u00e9\\/","big":123456789012345678901234567890}';
    socket.text(`{"op":"publish","id":2,"topic":"${topic}","name":"n","data":${data}}`);
    const both = [await socket.next(), await socket.next()].sort(); // an event of one's own may come before the ok
    assert.ok(both[0].startsWith('{"op":"event"') && both[0].includes(`"data":${data}`), both[0]);
});

test('messages that are refused leave the connection open', async (t) => {
    const socket = await NativeSocket.open(t, server);
    const refused = async (message, reason) => {
        socket.send(message);
        const reply = await socket.next(message);
        assert.deepEqual([reply.op, reply.reason], ['error', reason], `${message}: ${JSON.stringify(reply)}`);
        assert.ok(reply.detail.length > 0);
        return reply;
    };
    await refused('{', 'bad_json');
    await refused('', 'bad_json');
    await refused('[]', 'bad_request');
    await refused('{}', 'bad_request');
    await refused('{"op":"x"}', 'bad_request');
    await refused('{"op":"subscribe"}', 'bad_name');
    await refused('{"op":"subscribe","topic":""}', 'bad_name');
    await refused('{"op":"subscribe","topic":"t","after":1}', 'bad_position');
    await refused('{"op":"subscribe","topic":"t","after":"x"}', 'bad_position');
    await refused('{"op":"subscribe","topic":"t","id":{}}', 'bad_request');
    await refused('{"op":"publish","topic":"t","name":"n"}', 'forbidden');
    assert.equal((await refused('{"op":"x","id":"my id"}', 'bad_request')).id, 'my id');
    for (let i = 0; i < 5; i++) await socket.subscribe(`many/${i}`);
    assert.equal((await socket.ask({ op: 'subscribe', topic: 'many/0' })).reason, 'already_subscribed');
    assert.equal((await socket.ask({ op: 'subscribe', topic: 'many/5' })).reason, 'too_many_subscriptions');
    await socket.ask({ op: 'unsubscribe', topic: 'many/0' });
    await socket.subscribe('many/5');

    const backend = await NativeSocket.open(t, server, server.backendToken);
    const publish = async (message) => (await backend.ask({ op: 'publish', ...message })).reason;
    assert.equal(await publish({ topic: 'jobs/x', name: 'n' }), 'forbidden');
    assert.equal(await publish({ topic: 't' }), 'bad_name');
    assert.equal(await publish({ topic: 't', name: 'n', final: 1 }), 'unprocessable');
});

test('the topic of a job', async (t) => {
    const job = await server.client.start('id');
    const socket = await NativeSocket.open(t, server);
    await socket.subscribe(`jobs/${job.id}`, 'start');
    for (const name of ['queued', 'running', 'finished']) assert.equal((await socket.event(name)).state, name);
});

test('what ends the connection', async (t) => {
    const tooLong = await NativeSocket.open(t, server);
    tooLong.send(JSON.stringify({ op: 'x', id: 1, text: 'a'.repeat(65536) }));
    assert.equal((await within('the close', tooLong.closed)).code, 1009);
    const binary = await NativeSocket.open(t, server);
    binary.send(Buffer.from('{}'));
    assert.deepEqual(await within('the close', binary.closed), { code: 1003, reason: 'unsupported_media_type' });
    const plain = await server.client.get('/v1/socket');
    assert.equal(plain.status, 426);
    assert.equal(plain.headers.upgrade, 'websocket');
});

test('time: who says nothing is closed, who is quiet is pinged', async (t) => {
    const slow = await startServer({ t, args: ['--clock-control'], config: { jobs: {} } });
    const advance = (ms) => slow.client.post('/test/clock', { advance_ms: ms });
    const nobody = await NativeSocket.open(t, slow, null);
    await advance(10_500);
    assert.deepEqual(await within('the close', nobody.closed), { code: 4408, reason: 'connect_timeout' });

    const quiet = await NativeSocket.open(t, slow, slow.token, { autoPong: false });
    const pings = new Inbox();
    quiet.ws.on('ping', () => pings.push('ping'));
    await advance(25_500);
    await pings.next('a ping');
    quiet.send({ op: 'x', id: 1 }); // any message is a sign of life
    assert.equal((await quiet.next()).op, 'error');
    await advance(20_500);
    await quiet.ask({ op: 'x', id: 2 });
    await advance(25_500);
    await pings.next('another ping');
    await advance(20_500);
    assert.deepEqual(await within('the close', quiet.closed), { code: 4408, reason: 'ping_timeout' });
});

test('the server goes: 1001', async (t) => {
    const own = await startServer({ t, config: { jobs: {} } });
    const socket = await NativeSocket.open(t, own);
    await socket.subscribe('t');
    await own.stop();
    assert.deepEqual(await within('the close', socket.closed), { code: 1001, reason: 'shutting_down' });
});

// ---- /echo

async function echo(t, send) {
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}/echo`, { maxPayload: 32 << 20 });
    t.after(() => ws.terminate());
    await within('a WebSocket', new Promise((resolve, reject) => ws.on('open', resolve).on('error', reject)));
    const inbox = new Inbox();
    ws.on('message', (data, isBinary) => inbox.push({ data, isBinary }));
    const closed = new Promise((resolve) => ws.on('close', resolve));
    return { ws, inbox, closed };
}

test('echo: text and binary of all sizes', async (t) => {
    const { ws, inbox } = await echo(t);
    for (const n of [0, 1, 125, 126, 65535, 65536, 1 << 20, 16 << 20]) {
        const bytes = randomBytes(n);
        ws.send(bytes);
        const binary = await inbox.next(`${n} bytes`);
        assert.ok(binary.isBinary && Buffer.compare(binary.data, bytes) === 0, `${n} bytes`);
        const text = 'é'.repeat(n >> 1);
        ws.send(text);
        const back = await inbox.next(`${n} bytes of text`);
        assert.ok(!back.isBinary && back.data.toString() === text, `${n} bytes of text`);
    }
    for (let i = 0; i < 1000; i++) ws.send(String(i)); // many at once, in order
    for (let i = 0; i < 1000; i++) assert.equal((await inbox.next()).data.toString(), String(i));
});

test('echo: one byte too many', async (t) => {
    const { ws, closed } = await echo(t);
    ws.send(Buffer.alloc((16 << 20) + 1));
    assert.equal(await within('the close', closed), 1009);
});
