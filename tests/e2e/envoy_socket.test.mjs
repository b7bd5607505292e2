// The Envoy door's sockets: what real clients of it rely on, with two unrelated WebSocket libraries. Minutes pass by the test
// clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackEnd, Client, advance, envoyConfig, libraryNames, oneShot } from './lib/envoy.mjs';
import { startServer } from './lib/server.mjs';
import { within } from './lib/wait.mjs';
import { WebSocket } from 'ws';

const MINUTE = 60_000;

async function start(t, more) {
    const server = await startServer({ t, config: envoyConfig(more), args: ['--clock-control'] });
    return { server, shop: new BackEnd(server) };
}

const frame = (Message, Completed, Ticks) => ({ Error: '', Ticks, Message, Completed });
const farewell = (Error, Completed) => ({ Error, Ticks: '00:00', Message: '', Completed });

for (const library of libraryNames) {
    test(`one shot, ${library}`, async (t) => {
        const { server, shop } = await start(t);
        const { client_token, task_id } = await shop.token('one');
        const client = new Client(t, server, client_token, { library });
        assert.equal(await client.joined(), '60:00'.replace('60:00', '01:00:00'));
        assert.equal(await shop.invoke(task_id, 'c3RlcA==', 20), 1);
        assert.deepEqual(await client.next(), frame('c3RlcA==', false, '20:00'));
        await client.tick((ticks) => ticks === '20:00' || ticks === '19:59');
        assert.equal(await shop.invoke(task_id, 'ZG9uZQ=='), 1);
        assert.deepEqual(await client.next(), frame('ZG9uZQ==', true, '00:00'));
        await advance(server, 2000);
        assert.equal(await client.end(), 1000);
    });

    test(`the one-shot client settles, ${library}`, async (t) => {
        const { server, shop } = await start(t);
        const { client_token, task_id } = await shop.token('settles', { send_offline_message: true });
        const outcome = oneShot(t, server, client_token, library);
        await shop.invoke(task_id, 'first', 5);
        await shop.invoke(task_id, 'last', 0);
        const { shown, message } = await outcome;
        assert.equal(message, 'last');
        assert.ok(shown.length <= 1 && shown.every((text) => text === 'first'));
        await assert.rejects(oneShot(t, server, 'no such token', library), /invalid token/);
    });
}

test('messages are opaque and in order', async (t) => {
    const { server, shop } = await start(t);
    const { client_token, task_id } = await shop.token('opaque');
    const client = new Client(t, server, client_token);
    await client.joined();
    const texts = ['plain words, not base64', '"\\\n\t', 'zażółć 🛎', '\u0000', ...Array.from({ length: 50 }, (_, i) => `m${i}`)];
    for (const text of texts) await shop.invoke(task_id, text, 1);
    for (const text of texts) assert.equal((await client.next()).Message, text);
});

test('ticks', async (t) => {
    const { server, shop } = await start(t);
    const { client_token } = await shop.token('ticks', { timeout: 2880 });
    const client = new Client(t, server, client_token, { library: 'websocket' });
    assert.equal(await client.joined(), '48:00:00');
    while (client.ticks.length < 5) await client.frames.next('a tick');
    const gaps = client.ticks.slice(1).map((tick, i) => tick.at - client.ticks[i].at);
    assert.ok(Math.max(...gaps) < 3000, `${gaps}`);
    assert.deepEqual(new Set(client.ticks.slice(1).map((tick) => tick.text)).size, client.ticks.length - 1);
    await advance(server, 47 * 60 * MINUTE);
    await client.tick((ticks) => /^59:\d\d$/.test(ticks));
    await advance(server, 59 * MINUTE);
    await client.tick((ticks) => /^00:\d\d$/.test(ticks));
});

test('the first frame', async (t) => {
    const { server, shop } = await start(t, { refusals_per_minute: 0 });
    const { client_token } = await shop.token('first');
    for (const [what, first] of Object.entries({
        'not JSON': 'hello',
        'no object': '"x"',
        'no token': '{}',
        'no text': '{"ClientToken":1}',
        binary: Buffer.from([1, 2]),
    }))
        await t.test(what, async (t) => {
            const client = new Client(t, server, null, { first });
            assert.deepEqual(await client.next(), farewell('bad request', true));
            assert.equal(await client.end(), 4400);
        });
    await t.test('in any case', async (t) => {
        const client = new Client(t, server, null, { first: JSON.stringify({ clienttoken: client_token }) });
        await client.joined();
    });
    await t.test('too large', async (t) => {
        assert.equal(await new Client(t, server, 'x'.repeat(9000)).end(), 1009);
    });
    await t.test('too late', async (t) => {
        const client = new Client(t, server, null, { first: '' });
        await within('open', new Promise((resolve) => client.socket.on('open', resolve)));
        await advance(server, 10_000);
        assert.deepEqual(await client.next(), farewell('bad request', true));
        assert.equal(await client.end(), 4400);
    });
    await t.test('more of them are ignored, up to a limit', async (t) => {
        const client = new Client(t, server, client_token);
        await client.joined();
        for (let i = 0; i < 20; i++) client.socket.send('{"ClientToken":"x"}');
        await client.tick(() => true);
        for (let i = 0; i < 50; i++) client.socket.send('x');
        assert.equal(await client.end(), 1008);
    });
});

test('offline messages', async (t) => {
    const { server, shop } = await start(t);
    for (const keeps of [true, false])
        await t.test(keeps ? 'wanted' : 'not wanted', async (t) => {
            const task = { send_offline_message: keeps, timeout: 10 };
            const { client_token, task_id } = await shop.token(['offline', keeps], task);
            const join = async (t) => {
                const client = new Client(t, server, client_token);
                await client.joined();
                return client;
            };
            assert.equal(await shop.invoke(task_id, 'older', 60), 0);
            assert.equal(await shop.invoke(task_id, 'newer', 60), 0);
            const first = await join(t);
            if (keeps) assert.deepEqual(await first.next(), frame('newer', false, '10:00'));
            first.close();
            const reloaded = await join(t);
            if (keeps) assert.equal((await reloaded.next()).Message, 'newer');
            await shop.invoke(task_id, 'live', 60);
            assert.equal((await reloaded.next()).Message, 'live', 'once, and nothing before it');
            await shop.invoke(task_id, 'the end', 0);
            assert.equal((await reloaded.next()).Completed, true);
            const late = new Client(t, server, client_token);
            if (keeps) assert.deepEqual(await late.next(), frame('the end', true, '00:00'));
            else assert.deepEqual(await late.next(), farewell('task completed', true));
            await advance(server, 2000);
            assert.equal(await late.end(), keeps ? 1000 : 4410);
            await shop.invoke(task_id, 'open again', 60);
            const again = await join(t);
            if (keeps) assert.equal((await again.next()).Message, 'open again');
        });
});

test('single instance', async (t) => {
    const { server, shop } = await start(t);
    const options = ['single', { single_instance: true, send_offline_message: true }];
    const { client_token: a, task_id } = await shop.token(...options);
    const { client_token: b } = await shop.token(...options);
    const first = new Client(t, server, a);
    await first.joined();
    const second = new Client(t, server, b, { library: 'websocket' });
    await second.joined();
    assert.deepEqual(await first.next(), farewell('replaced by a newer connection', false));
    assert.equal(await first.end(), 4409);
    const comeback = new Client(t, server, a);
    assert.deepEqual(await comeback.next(), farewell('replaced by a newer connection', false), 'not within ten seconds');
    assert.equal(await comeback.end(), 4409);
    assert.equal(await shop.invoke(task_id, 'm', 5), 1);
    assert.equal((await second.next()).Message, 'm');
    await advance(server, 10_000);
    const third = new Client(t, server, a);
    await third.joined();
    assert.equal(await second.end(), 4409);
    third.close();
    await third.end();
    await within('the place to be free', (async () => { while ((await shop.invoke(task_id, 'm', 5)) > 0); })());
    await new Client(t, server, b).joined();
});

test('tokens', async (t) => {
    const { server, shop } = await start(t);
    await t.test('reusable for its minutes; what it opened goes on', async (t) => {
        const { client_token, task_id } = await shop.token('reusable', {}, { reusable_minutes: 1 });
        const [first, second] = [new Client(t, server, client_token), new Client(t, server, client_token)];
        await first.joined();
        await second.joined();
        await advance(server, 61_000);
        const late = new Client(t, server, client_token);
        assert.deepEqual(await late.next(), farewell('token expired', true));
        assert.equal(await late.end(), 4401);
        assert.equal(await shop.invoke(task_id, 'still here', 1), 2);
        assert.equal((await first.next()).Message, 'still here');
    });
    await t.test('0 minutes: one connection', async (t) => {
        const { client_token } = await shop.token('once', {}, { reusable_minutes: 0 });
        await new Client(t, server, client_token).joined();
        assert.equal((await new Client(t, server, client_token).next()).Error, 'token expired');
    });
    await t.test('options of the latest call hold for new connections', async (t) => {
        const { client_token } = await shop.token('latest', { timeout: 10 });
        const first = new Client(t, server, client_token);
        assert.equal(await first.joined(), '10:00');
        await shop.token('latest', { timeout: 30 });
        assert.equal(await new Client(t, server, client_token).joined(), '30:00');
        await first.tick((ticks) => ticks.startsWith('09:'));
    });
});

test('timeout', async (t) => {
    const { server, shop } = await start(t);
    await t.test('closes', async (t) => {
        const { client_token } = await shop.token('t1', { timeout: 1 });
        const client = new Client(t, server, client_token);
        await client.joined();
        await advance(server, 57_000);
        await client.tick((ticks) => ticks === '00:02');
        assert.deepEqual(await client.next(), farewell('timeout', true));
        assert.equal(await client.end(), 4408);
    });
    await t.test('new_timeout moves the end', async (t) => {
        const { client_token, task_id } = await shop.token('t2', { timeout: 1 });
        const client = new Client(t, server, client_token);
        await client.joined();
        await advance(server, 30_000);
        await shop.invoke(task_id, 'more time', 2);
        assert.equal((await client.next()).Ticks, '02:00');
        await advance(server, 115_000);
        await client.tick((ticks) => ticks === '00:03' || ticks === '00:04');
        await advance(server, 5_000);
        assert.equal((await client.next()).Error, 'timeout');
    });
    await t.test('a reload buys time, unless it persists', async (t) => {
        for (const persist_timeout of [false, true]) {
            const { client_token, task_id } = await shop.token(['t3', persist_timeout], { timeout: 1, persist_timeout });
            const first = new Client(t, server, client_token);
            await first.joined();
            await advance(server, 40_000);
            first.close();
            await first.end();
            const reloaded = new Client(t, server, client_token);
            const left = await reloaded.joined();
            assert.match(left, persist_timeout ? /^00:(20|19)$/ : /^01:00$/);
            if (!persist_timeout) continue;
            await advance(server, 20_000);
            assert.equal((await reloaded.next()).Error, 'timeout');
            assert.equal((await new Client(t, server, client_token).next()).Error, 'timeout', 'it is over for the task');
            await shop.invoke(task_id, 'anew', 3);
            assert.equal(await new Client(t, server, client_token).joined(), '03:00');
        }
    });
});

test('stubborn clients', async (t) => {
    const { server, shop } = await start(t);
    for (let i = 0; i < 10; i++) assert.equal(await new Client(t, server, 'no good').end(), 4401);
    const refused = new Client(t, server, 'no good');
    const answer = await within('an answer', refused.refusal);
    assert.equal(answer.statusCode, 429);
    assert.ok(Number(answer.headers['retry-after']) > 0);
    await advance(server, MINUTE);
    const { client_token } = await shop.token('good');
    await new Client(t, server, client_token).joined();
    for (let i = 0; i < 15; i++) assert.equal(await new Client(t, server, 'no good').end(), 4401, 'whoever had a good one is not shut out');
});

test('as many sockets as allowed', async (t) => {
    const { server, shop } = await start(t, { sockets_max: 2 });
    const { client_token } = await shop.token('many');
    await new Client(t, server, client_token).joined();
    await new Client(t, server, client_token).joined();
    const third = new Client(t, server, client_token);
    assert.deepEqual(await third.next(), farewell('too many connections', false));
    assert.equal(await third.end(), 4429);
});

test('a client that does not read', async (t) => {
    const { server, shop } = await start(t);
    const { client_token, task_id } = await shop.token('slow');
    const slow = new Client(t, server, client_token);
    const reader = new Client(t, server, client_token);
    await slow.joined();
    await reader.joined();
    slow.socket.pause();
    const message = 'x'.repeat(64 * 1024);
    for (let i = 0; i < 300; i++) await shop.invoke(task_id, message, 60);
    for (let i = 0; i < 300; i++) await reader.next();
    await within('the slow one to be given up', (async () => { while ((await shop.invoke(task_id, 'm', 60)) > 1); })());
    slow.socket.resume();
    const frames = [];
    for (let found; found?.Error !== 'slow consumer'; frames.push(found)) found = await slow.next();
    assert.ok(frames.length > 1 && frames.length < 300);
    assert.equal((await reader.next()).Message, 'm');
});

test('restart in the middle', async (t) => {
    const { server, shop } = await start(t);
    const { client_token, task_id } = await shop.token('restart', { send_offline_message: true, timeout: 30 });
    const { client_token: once } = await shop.token('restart', { send_offline_message: true, timeout: 30 }, { reusable_minutes: 0 });
    const before = new Client(t, server, client_token);
    await before.joined();
    await shop.invoke(task_id, 'kept', 60);
    await server.stop();
    await before.next();
    assert.deepEqual(await before.next(), farewell('server restart', false));
    assert.equal(await before.end(), 1012);
    await server.start();
    const after = new Client(t, server, client_token);
    assert.equal(await after.joined(), '30:00');
    assert.equal((await after.next()).Message, 'kept');
    assert.equal((await shop.token('restart')).task_id, task_id);
    await new Client(t, server, once).joined();
    assert.equal((await new Client(t, server, once).next()).Error, 'token expired');
    await shop.invoke(task_id, 'live', 60);
    assert.equal((await after.next()).Message, 'live');
});

test('kill -9: tokens and tasks that were answered are there', async (t) => {
    const { server, shop } = await start(t);
    const { client_token, task_id } = await shop.token('killed', { single_instance: true });
    await server.kill();
    await server.start();
    const first = new Client(t, server, client_token);
    await first.joined();
    assert.equal(await shop.invoke(task_id, 'm', 1), 1);
    await new Client(t, server, client_token).joined();
    assert.equal(await first.end(), 4409);
});

test('back ends see the sockets among their connections', async (t) => {
    const { server, shop } = await start(t);
    const { client_token, task_id } = await shop.token('seen');
    const client = new Client(t, server, client_token);
    await client.joined();
    const list = (await server.backend.get('/v1/connections?door=envoy')).json;
    const [row] = list.connections;
    assert.deepEqual([row.door, row.transport, row.client, row.topics], ['envoy', 'websocket', 'shop', [`envoy/${task_id}`]]);
    assert.equal((await server.backend.post(`/v1/connections/${row.id}/send`, { name: 'n', data: 'hi' })).status, 202);
    assert.equal((await client.next()).Message, 'hi');
    assert.equal((await server.backend.delete(`/v1/connections/${row.id}`)).status, 204);
    await client.end();
});

test('another page’s origin', async (t) => {
    const { server } = await start(t);
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/envoy/`, { origin: 'https://evil.example' });
    const answer = await within('an answer', new Promise((resolve) => socket.on('unexpected-response', (_, response) => resolve(response)).on('error', () => {})));
    assert.equal(answer.statusCode, 403);
});
