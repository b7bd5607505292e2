// Receipts: how far a message to one connection has come; and the numbers that the registry counts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem } from './lib/api.mjs';
import { Polling, openSocket } from './lib/engineio.mjs';
import { NativeSocket } from './lib/native_socket.mjs';
import { RawConnection, RawSocket } from './lib/raw.mjs';
import { startServer } from './lib/server.mjs';
import { openStream } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

const BIG = 'x'.repeat(60_000);

let server;
before(async () => {
    server = await startServer({ config: { threads: 4, websocket: { message_max: '64KiB' } } });
});
after(() => server.stop());

const send = (id, body) => server.backend.post(`/v1/connections/${id}/send`, { name: 'n', ...body }, { ms: 60_000 });
const written = (id, body) => send(id, { receipt: 'written', ...body });
const acknowledged = (id, body) => send(id, { receipt: 'acknowledged', ...body });
const stats = async () => (await server.backend.get('/v1/connections/stats')).json;
const idsOf = async (query) =>
    (await server.backend.get(`/v1/connections?${new URLSearchParams(query)}`)).json.connections.map(({ id }) => id);

function expect(answer, status, json) {
    assert.equal(answer.status, status, answer.text);
    assert.deepEqual(answer.json, json);
}

async function connect(t) {
    const socket = await NativeSocket.open(t, server);
    socket.id = (await socket.ask({ op: 'whoami' })).connection;
    return socket;
}

/** A native socket whose client reads nothing any more. */
async function deaf(t) {
    const raw = await RawSocket.open(t, server.port, '/v1/socket', { Authorization: `Bearer ${server.token}` });
    raw.text('{"op":"whoami"}');
    const { connection: id } = JSON.parse(await raw.next());
    raw.tcp.pause();
    return { raw, id };
}

/** Sends until the kernel takes no more of it. */
async function fill(id, patience_ms = 200) {
    for (;;) {
        const answer = await written(id, { data: BIG, timeout_ms: patience_ms });
        assert.equal(answer.status, 200, answer.text);
        if (answer.json.status === 'written') continue;
        assert.deepEqual(answer.json, { status: 'expired', reached: 'queued' });
        return;
    }
}

/** When so many receipts wait at their connections. */
const waiting = (count) => until(async () => (await stats()).receipts.waiting === count, `${count} receipts to wait`);

/** The counts that have changed, by how much. */
async function counted(kind, act) {
    const from = (await stats())[kind];
    await act();
    const to = (await stats())[kind];
    return Object.fromEntries(Object.keys(to).filter((key) => to[key] !== from[key]).map((key) => [key, to[key] - from[key]]));
}

test('queued, written, acknowledged', async (t) => {
    const socket = await connect(t);
    const receipts = await counted('receipts', async () => {
        expect(await send(socket.id, { data: 1 }), 202, { status: 'queued' });
        expect(await send(socket.id, { data: 2, receipt: 'queued' }), 202, { status: 'queued' });
        expect(await written(socket.id, { data: 3 }), 200, { status: 'written' });
        for (const data of [1, 2, 3]) assert.deepEqual(await socket.next(), { op: 'message', name: 'n', data });
        for (const reply of [{ data: 7 }, { error: 'whatever' }]) {
            const answered = acknowledged(socket.id, { data: 4, timeout_ms: 7000 });
            const { call, ...message } = await socket.next();
            assert.deepEqual(message, { op: 'call', name: 'n', data: 4, timeout_ms: 7000 });
            socket.send({ op: 'reply', call, ...reply });
            expect(await answered, 200, { status: 'acknowledged' });
        }
    });
    assert.deepEqual(receipts, { queued: 2, written: 1, acknowledged: 2 });
});

test('not in time: how far it came', async (t) => {
    const socket = await connect(t);
    const receipts = await counted('receipts', async () => {
        expect(await acknowledged(socket.id, { timeout_ms: 50 }), 200, { status: 'expired', reached: 'written' });
        const { raw, id } = await deaf(t);
        await fill(id);
        expect(await acknowledged(id, { timeout_ms: 50 }), 200, { status: 'expired', reached: 'queued' });
        raw.tcp.resume();
        expect(await written(id, { timeout_ms: 20_000 }), 200, { status: 'written' });
    });
    assert.equal(receipts.expired, 3);
    const calls = await counted('calls', async () => {
        const { call } = await socket.next();
        assert.equal((await socket.ask({ op: 'reply', call })).reason, 'not_found');
    });
    assert.deepEqual(calls, { late_replies: 1 });
});

test('the connection goes meanwhile', async (t) => {
    const ends = [(raw) => raw.tcp.destroy(), (raw) => raw.tcp.resetAndDestroy()];
    for (const end of ends) {
        const { raw, id } = await deaf(t);
        await fill(id);
        const receipts = await counted('receipts', async () => {
            const answered = [written(id), acknowledged(id), written(id)];
            await waiting(3);
            end(raw);
            for (const answer of await Promise.all(answered)) assertProblem(answer, 410, 'connection_lost');
        });
        assert.equal(receipts.lost, 3);
        assertProblem(await written(id), 404, 'no_such_connection');
    }
});

test('event streams: written, but nobody there to acknowledge', async (t) => {
    const stream = await openStream(t, `${server.url}/v1/topics/receipts%2Fsse/events`, server.token);
    const [id] = await idsOf({ topic: 'receipts/sse' });
    expect(await written(id, { data: 1 }), 200, { status: 'written' });
    assert.deepEqual(await stream.events.next(), { event: 'n', data: '1' });
    assertProblem(await acknowledged(id, { data: 2 }), 422, 'call_unsupported');
    expect(await written(id, { data: 3 }), 200, { status: 'written' });
    assert.deepEqual(await stream.events.next(), { event: 'n', data: '3' });
    const raw = await RawConnection.open(t, server.port);
    raw.send('GET /v1/topics/receipts%2Fdeaf/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n');
    raw.send(`Authorization: Bearer ${server.token}\r\n\r\n`);
    await raw.until(/ 200 OK\r\n/);
    raw.tcp.pause();
    const [deafId] = await idsOf({ topic: 'receipts/deaf' });
    await fill(deafId);
    raw.tcp.resume();
    expect(await written(deafId, { timeout_ms: 20_000 }), 200, { status: 'written' });
});

// ---- Socket.IO ----

const path = '/socket.io/';

/** Joined over long-polling; its id, as the client knows it. */
async function polling() {
    const link = await Polling.open(server.port, { path });
    await link.say(`40{"token":"${server.token}"}`);
    link.id = JSON.parse((await link.poll()).slice(2)).sid;
    return link;
}

test('Socket.IO on WebSocket', async (t) => {
    const socket = await openSocket(t, server.port, { path });
    socket.text(`40{"token":"${server.token}"}`);
    const { sid } = JSON.parse((await socket.next()).slice(2));
    expect(await written(sid, { data: [1] }), 200, { status: 'written' });
    assert.equal(await socket.next(), '42["n",[1]]');
    const acked = acknowledged(sid, { data: 2 });
    const [, number] = /^42(\d+)\["n",2\]$/.exec(await socket.next());
    socket.text(`43${number}["got it"]`);
    expect(await acked, 200, { status: 'acknowledged' });
    socket.tcp.pause();
    await fill(sid);
    const answered = written(sid, { timeout_ms: 20_000 });
    await waiting(1);
    socket.tcp.destroy();
    assertProblem(await answered, 410, 'connection_lost');
});

test('Socket.IO on polling: written is taken by a poll', async () => {
    const link = await polling();
    expect(await written(link.id, { data: 1, timeout_ms: 50 }), 200, { status: 'expired', reached: 'queued' });
    assert.equal(await link.poll(), '42["n",1]'); // and nobody waits for it any more
    const answered = written(link.id, { data: 2 });
    await waiting(1);
    assert.equal(await link.poll(), '42["n",2]');
    expect(await answered, 200, { status: 'written' });
    const { get } = await link.pending();
    expect(await written(link.id, { data: 3 }), 200, { status: 'written' });
    assert.equal((await get).text, '42["n",3]');
    const acked = acknowledged(link.id, { data: 4 });
    const [, number] = /^42(\d+)\["n",4\]$/.exec(await link.poll());
    await link.say(`43${number}[]`);
    expect(await acked, 200, { status: 'acknowledged' });
});

test('Socket.IO from polling to WebSocket: the receipt goes along', async (t) => {
    const link = await polling();
    const socket = await link.socket(t);
    const answered = written(link.id, { data: 1 });
    await waiting(1);
    socket.text('5');
    assert.equal(await socket.next(), '42["n",1]');
    expect(await answered, 200, { status: 'written' });
});

test('Socket.IO on polling: the link goes', async () => {
    const link = await polling();
    const answered = [written(link.id, { data: 1 }), written(link.id, { data: 2 })];
    await waiting(2);
    const leaving = link.post('1');
    for (const answer of await Promise.all(answered)) assertProblem(answer, 410, 'connection_lost');
    await leaving;
});

// ---- what is refused, and what is counted ----

test('what is refused', async (t) => {
    const socket = await connect(t);
    for (const receipt of ['', 'read', 'QUEUED', 1, null, ['written']])
        assertProblem(await send(socket.id, { receipt }), 422, 'unprocessable');
    for (const timeout_ms of [0, -1, 1.5, '5', null])
        for (const receipt of ['written', 'acknowledged'])
            assertProblem(await send(socket.id, { receipt, timeout_ms }), 422, 'unprocessable');
    assert.equal((await send(socket.id, { data: 'end' })).status, 202);
    assert.equal((await socket.next()).data, 'end'); // and nothing before it
    assertProblem(await server.client.get('/v1/connections/stats'), 403, 'forbidden');
});

test('numbers', async (t) => {
    const { connections } = await stats();
    const socket = await connect(t);
    assert.equal((await stats()).connections, connections + 1);
    const call = (body) => server.backend.post(`/v1/connections/${socket.id}/call`, { name: 'n', ...body });
    const calls = await counted('calls', async () => {
        for (const reply of [{ data: 1 }, { error: 'no' }]) {
            const answered = call();
            const message = await socket.next();
            assert.equal((await stats()).calls.waiting, 1);
            socket.send({ op: 'reply', call: message.call, ...reply });
            await answered;
        }
        assertProblem(await call({ timeout_ms: 20 }), 504, 'call_timeout');
        const lost = call();
        await socket.next();
        await socket.next();
        socket.ws.terminate();
        assertProblem(await lost, 410, 'connection_lost');
    });
    assert.deepEqual(calls, { replied: 1, failed: 1, timeout: 1, lost: 1 });
    assert.equal((await stats()).connections, connections);
});
