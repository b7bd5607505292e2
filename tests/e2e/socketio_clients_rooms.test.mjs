// Every generation of socket.io-client on every way to connect, as a real application has it: tokens, rooms, and a back end
// that publishes to them, sends to single clients, asks them, and closes them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Room, binary, chatConfig } from './lib/chat.mjs';
import { Client, MATRIX, bytesOf } from './lib/clients.mjs';
import { startServer } from './lib/server.mjs';

let server;
let count = 0;
before(async () => {
    server = await startServer({ config: chatConfig() });
});
after(() => server.stop());

const LISTEN = ['chat', 'note', 'last'];

function open(t, row, options) {
    return Client.to(t, row, server.url, { auth: { token: server.token }, listen: LISTEN, ...options });
}

/** A client in a room of its own. */
async function inRoom(t, row, room = new Room(server.backend, `room-${count++}`)) {
    const client = await open(t, row).settled();
    assert.deepEqual(await client.ask('join-chat', { room: room.name }), [{ ok: true }]);
    return { client, room };
}

const connection = (id, action = '') => `/v1/connections/${encodeURIComponent(id)}${action}`;

const CASES = {
    'is refused without a good token': async (t, row) => {
        for (const auth of [{ token: 'wrong' }, {}]) {
            const client = open(t, row, { auth });
            const error = await client.refused();
            assert.equal(error.message ?? error, 'Not authorized');
            assert.equal(client.connects, 0);
        }
    },
    'gets what is published in its room, in order': async (t, row) => {
        const { client, room } = await inRoom(t, row);
        const other = new Room(server.backend, `${room.name}-other`);
        await other.publish({ name: 'chat', data: 'not for you' });
        await room.publish(Array.from({ length: 40 }, (_, i) => ({ name: i % 2 ? 'note' : 'chat', data: { i } })));
        for (let i = 0; i < 40; i++) assert.deepEqual(await client.next(i % 2 ? 'note' : 'chat'), [{ i }]);
        assert.deepEqual(await client.ask('leave-chat', room.name), [{ ok: true }]);
        await room.publish({ name: 'chat', data: 'no longer' });
        assert.deepEqual(await client.ask('join-chat', { room: other.name }), [{ ok: true }]);
        await other.publish({ name: 'last' });
        assert.deepEqual(await client.next('last'), [null]);
    },
    'gets bytes that are published': async (t, row) => {
        const { client, room } = await inRoom(t, row);
        await room.publish({ name: 'chat', data: { text: 'x', parts: [binary([1, 2, 255]), { deep: binary('abc') }] } });
        const [{ text, parts }] = await client.next('chat');
        assert.deepEqual([text, bytesOf(parts[0]), bytesOf(parts[1].deep)], ['x', '0102ff', '616263']);
    },
    'publishes to its room': async (t, row) => {
        const { client, room } = await inRoom(t, row);
        const { client: other } = await inRoom(t, row, room);
        const message = { room: room.name, text: 'h\u00e4\u20ac', blob: Buffer.from([9, 8, 7]) };
        assert.deepEqual(await client.ask('chat', message), [{ ok: true }]);
        for (const each of [client, other]) {
            const [{ blob, ...rest }] = await each.next('chat');
            assert.deepEqual([rest, bytesOf(blob)], [{ room: room.name, text: message.text }, '090807']);
        }
    },
    'publishes to no other room': async (t, row) => {
        const { client, room } = await inRoom(t, row);
        assert.deepEqual(await client.ask('chat', { room: 'others' }), [{ ok: false, error: 'not in the room' }]);
        for (const unfit of ['with a blank', '', 'x'.repeat(65), null, {}]) { // and not to the one room that it is in, either
            const [{ ok, error }] = await client.ask('chat', { room: unfit });
            assert.deepEqual([ok, typeof error], [false, 'string'], JSON.stringify(unfit));
        }
        await room.publish({ name: 'last' });
        await client.next('last');
    },
    'is sent something, by its id': async (t, row) => {
        const { client, room } = await inRoom(t, row);
        const { id, transport } = await room.connection();
        assert.equal(transport, row.ends);
        if (row.protocol === 4) assert.equal(id, client.socket.id);
        const data = { n: 1.50, bytes: binary([0]) };
        const answer = await server.backend.post(connection(id, '/send'), { name: 'note', data });
        assert.equal(answer.status, 202, answer.text);
        const [{ n, bytes }] = await client.next('note');
        assert.deepEqual([n, bytesOf(bytes)], [1.5, '00']);
    },
    'is asked, and answers': async (t, row) => {
        const { client, room } = await inRoom(t, row);
        const { id } = await room.connection();
        const ask = (data) => server.backend.post(connection(id, '/call'), { name: 'price', data, timeout_ms: 20000 });
        client.socket.on('price', (data, ack) => {
            if (data === 'none') ack();
            else if (data === 'several') ack(1, 'two', [3]);
            else ack({ got: data, bytes: Buffer.from([5, 6]) });
        });
        const answers = await Promise.all(['none', 'several', { eur: 95 }].map(ask));
        assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
        assert.deepEqual(answers.map(({ json }) => json.data), [
            null,
            [1, 'two', [3]],
            { got: { eur: 95 }, bytes: binary([5, 6]) },
        ]);
    },
    'is asked, and answers too late': async (t, row) => {
        const { client, room } = await inRoom(t, row);
        const { id } = await room.connection();
        const asked = new Promise((resolve) => client.socket.on('price', (data, ack) => resolve(ack)));
        const answer = await server.backend.post(connection(id, '/call'), { name: 'price', data: 1, timeout_ms: 100 });
        assert.deepEqual([answer.status, answer.json.reason], [504, 'call_timeout'], answer.text);
        (await asked)('late');
        await room.publish({ name: 'last' });
        await client.next('last');
    },
    'is closed, and stays away': async (t, row) => {
        const { client, room } = await inRoom(t, row);
        const { id } = await room.connection();
        const gone = client.once('disconnect');
        const answer = await server.backend.delete(connection(id));
        assert.equal(answer.status, 204, answer.text);
        assert.equal((await gone)[0], 'io server disconnect');
        await room.empty();
        const { client: other } = await inRoom(t, row); // takes longer than a client that reconnects would
        assert.equal(other.connects, 1);
        assert.equal(client.connects, 1);
        assert.equal(client.socket.connected, false);
        client.socket.connect(); // when it wants to
        await client.connected();
    },
};

for (const row of MATRIX)
    for (const [what, run] of Object.entries(CASES)) test(`${row.title} ${what}`, (t) => run(t, row));
