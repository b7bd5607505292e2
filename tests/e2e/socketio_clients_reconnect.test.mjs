// Every generation of socket.io-client on every way to connect, when its line breaks or its server goes: it comes back by itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Room, chatConfig } from './lib/chat.mjs';
import { Client, MATRIX } from './lib/clients.mjs';
import { Proxy } from './lib/proxy.mjs';
import { startServer } from './lib/server.mjs';

/** In its room, and again whenever it is connected again. */
function inRoom(t, row, server, line, room) {
    const auth = { token: server.token };
    const client = Client.to(t, row, line.url, { auth, listen: ['chat'], timeout: 5000 });
    const waiting = [];
    client.reasons = [];
    client.joined = () => new Promise((resolve) => waiting.push(resolve));
    client.socket.on('disconnect', (reason) => client.reasons.push(reason));
    client.socket.on('connect', () =>
        client.socket.emit('join-chat', { room: room.name }, (answer) => {
            assert.deepEqual(answer, { ok: true });
            waiting.splice(0).forEach((resolve) => resolve());
        }),
    );
    return client;
}

async function hears(client, room, text) {
    await room.publish({ name: 'chat', data: text });
    assert.deepEqual(await client.next('chat'), [text]);
}

/** The reason that the client gives. Between two polls there is nothing to cut, so again until it has noticed. */
async function cut(line, client) {
    let reason;
    const gone = client.once('disconnect').then(([text]) => (reason = text));
    while (!reason) {
        line.cut();
        await Promise.race([gone, new Promise(setImmediate)]);
    }
    return reason;
}

const BROKEN = /^(transport (close|error)|ping timeout)$/;

test('the line is cut', async (t) => {
    const server = await startServer({ t, config: chatConfig() });
    for (const [i, row] of MATRIX.entries()) {
        await t.test(row.title, async (t) => {
            const line = await Proxy.start(t, server.port);
            const room = new Room(server.backend, `cut-${i}`);
            const client = inRoom(t, row, server, line, room);
            await client.joined();
            await client.settled();
            await hears(client, room, 'before');
            for (let round = 1; round <= 2; round++) {
                const back = client.joined();
                assert.match(await cut(line, client), BROKEN);
                await back;
                await client.settled();
                await hears(client, room, `after ${round}`);
                assert.equal(client.connects, round + 1);
            }
            assert.equal((await room.connections()).length, 1, 'the old link is gone');
        });
    }
});

test('the line is silently dead', async (t) => {
    const config = chatConfig({ ping_interval: '300ms', ping_timeout: '300ms' });
    const server = await startServer({ t, config });
    const clients = await Promise.all(
        MATRIX.map(async (row, i) => {
            const line = await Proxy.start(t, server.port);
            const room = new Room(server.backend, `dead-${i}`);
            const client = inRoom(t, row, server, line, room);
            await client.joined();
            await client.settled();
            return { row, line, room, client };
        }),
    );
    await Promise.all(
        clients.map(async ({ row, line, room, client }) => {
            const gone = client.once('disconnect');
            line.swallow(true);
            assert.match((await gone)[0], BROKEN, row.title); // it misses the heartbeats
            const back = client.joined();
            line.swallow(false);
            line.cut();
            await back;
            await hears(client, room, 'back');
        }),
    );
});

for (const [how, end] of [['is stopped', 'stop'], ['is killed', 'kill']]) {
    test(`the server ${how} and starts again`, async (t) => {
        const server = await startServer({ t, config: chatConfig() });
        const line = await Proxy.start(t, server.port);
        const clients = await Promise.all(
            MATRIX.map(async (row, i) => {
                const client = inRoom(t, row, server, line, new Room(server.backend, `restart-${i}`));
                await client.joined();
                return client.settled();
            }),
        );
        const back = clients.map((client) => client.joined());
        const gone = clients.map((client) => client.once('disconnect'));
        await server[end]();
        line.cut();
        for (const [i, each] of gone.entries()) assert.match((await each)[0], BROKEN, clients[i].row.title);
        await server.start();
        line.toPort = server.port;
        await Promise.all(back);
        for (const [i, client] of clients.entries()) {
            await hears(client, new Room(server.backend, `restart-${i}`), 'back');
            assert.equal(client.reasons.length, 1, `${client.row.title}: ${client.reasons}`);
        }
    });
}
