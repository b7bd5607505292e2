// Tickets of the native API: made by HTTP and by the command line, used on /v1/socket and for event streams.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { NativeSocket } from './lib/native_socket.mjs';
import { ringback, startServer } from './lib/server.mjs';
import { Inbox, within } from './lib/wait.mjs';
import { advance } from './lib/envoy.mjs';

const start = (t) => startServer({ t, config: {}, args: ['--clock-control'] });

async function ticket(server, topic, more = {}) {
    const answer = await server.backend.post('/v1/tickets', { topic, ...more });
    assert.equal(answer.status, 201, answer.text);
    assert.match(answer.json.ticket, /^rbt_[A-Za-z0-9_-]{44}$/);
    assert.equal(answer.json.topic, topic);
    assert.ok(Date.parse(answer.json.expires) > Date.now());
    return answer.json.ticket;
}

async function publish(server, topic, event) {
    const answer = await server.backend.post(`/v1/topics/${encodeURIComponent(topic)}/events`, event);
    assert.equal(answer.status, 200, answer.text);
}

async function holder(t, server, text) {
    const socket = await NativeSocket.open(t, server, null);
    socket.hello = await socket.ask({ op: 'auth', ticket: text });
    return socket;
}

/** Events of a stream: {status, events}. */
async function stream(t, server, topic, text, path = '') {
    const events = new Inbox();
    const response = await new Promise((resolve, reject) => {
        const headers = { Authorization: `Bearer ${text}`, Accept: 'text/event-stream' };
        const request = http.get(`${server.url}/v1/topics/${topic}/events${path}`, { headers, agent: false }, resolve);
        request.on('error', reject);
        t.after(() => request.destroy());
    });
    let rest = '';
    response.on('error', () => {});
    response.setEncoding('utf8').on('data', (part) => {
        const blocks = (rest + part).split('\n\n');
        rest = blocks.pop();
        for (const block of blocks) {
            const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s)));
            if (fields.event) events.push({ name: fields.event, data: JSON.parse(fields.data) });
        }
    });
    response.on('end', () => events.end('the end of the stream'));
    return { status: response.statusCode, events };
}

test('a socket with a ticket sees its topic, and nothing else', async (t) => {
    const server = await start(t);
    const text = await ticket(server, 'orders/1', { client: 'guest' });
    const socket = await holder(t, server, text);
    assert.deepEqual([socket.hello.op, socket.hello.topic, socket.hello.timeout], ['ok', 'orders/1', 0]);
    const who = await socket.ask({ op: 'whoami' });
    assert.deepEqual([who.client, who.tenant], ['guest', 'demo']);
    assert.equal((await socket.ask({ op: 'subscribe', topic: 'orders/2' })).reason, 'forbidden');
    assert.equal((await socket.ask({ op: 'publish', topic: 'orders/1', name: 'n' })).reason, 'forbidden');
    await socket.subscribe('orders/1');
    await publish(server, 'orders/1', { name: 'paid', data: 1 });
    assert.equal(await socket.event('paid'), 1);
    assert.equal((await server.client.get('/v1/jobs', { token: text })).status, 401, 'a ticket is no token');
});

test('uses and minutes', async (t) => {
    const server = await start(t);
    const twice = await ticket(server, 'x', { uses: 2 });
    assert.equal((await holder(t, server, twice)).hello.op, 'ok');
    assert.equal((await holder(t, server, twice)).hello.op, 'ok');
    assert.equal((await holder(t, server, twice)).hello.reason, 'ticket_expired');
    const short = await ticket(server, 'x', { minutes: 1 });
    const open = await holder(t, server, short);
    await open.subscribe('x');
    await advance(server, 61_000);
    assert.equal((await holder(t, server, short)).hello.reason, 'ticket_expired');
    assert.equal((await holder(t, server, 'rbt_x')).hello.reason, 'unauthenticated');
    await publish(server, 'x', { name: 'still', data: null });
    await open.event('still');
});

test('who was refused may try again on the same socket', async (t) => {
    const server = await start(t);
    const socket = await holder(t, server, 'rbt_no');
    assert.equal(socket.hello.reason, 'unauthenticated');
    assert.equal((await socket.ask({ op: 'auth', ticket: await ticket(server, 'again') })).op, 'ok');
});

test('one at a time', async (t) => {
    const server = await start(t);
    const first = await holder(t, server, await ticket(server, 'r', { policy: { instances: 'replace' } }));
    const second = await holder(t, server, await ticket(server, 'r'));
    assert.equal(second.hello.op, 'ok');
    assert.deepEqual(await within('the end', first.closed), { code: 4409, reason: 'replaced' });
    await holder(t, server, await ticket(server, 'f', { policy: { instances: 'refuse' } }));
    const late = await holder(t, server, await ticket(server, 'f'));
    assert.equal(late.hello.reason, 'taken');
});

test('timeouts', async (t) => {
    const server = await start(t);
    const policy = { timeout: 60 };
    const socket = await holder(t, server, await ticket(server, 'd', { policy }));
    assert.equal(socket.hello.timeout, 60);
    await socket.subscribe('d');
    await advance(server, 50_000);
    await publish(server, 'd', { name: 'more', data: 1, timeout: 100 });
    await socket.event('more');
    await advance(server, 90_000);
    await publish(server, 'd', { name: 'hello', data: 1 });
    await socket.event('hello');
    await advance(server, 15_000);
    assert.deepEqual(await within('the end', socket.closed), { code: 4408, reason: 'deadline' });
    const other = await holder(t, server, await ticket(server, 'd'));
    await other.subscribe('d');
    await publish(server, 'd', { name: 'last', data: 2, final: true });
    assert.equal(await other.event('last'), 2);
    await advance(server, 2500);
    assert.equal((await within('the end', other.closed)).code, 1000);
    const shared = { timeout: 60, shared_timeout: true };
    const one = await holder(t, server, await ticket(server, 's', { policy: shared }));
    await advance(server, 40_000);
    const two = await holder(t, server, await ticket(server, 's'));
    assert.ok(two.hello.timeout <= 20 && one.hello.timeout === 60);
});

test('event streams', async (t) => {
    const server = await start(t);
    await publish(server, 'e', { name: 'before', data: 0 });
    const text = await ticket(server, 'e', { policy: { instances: 'replace' } });
    const { status, events } = await stream(t, server, 'e', text, '?after=start');
    assert.equal(status, 200);
    assert.deepEqual(await events.next(), { name: 'before', data: 0 });
    await publish(server, 'e', { name: 'live', data: 1 });
    assert.deepEqual(await events.next(), { name: 'live', data: 1 });
    const second = await stream(t, server, 'e', await ticket(server, 'e'));
    assert.deepEqual(await events.next(), { name: 'end', data: { reason: 'replaced' } });
    await assert.rejects(events.next(), /the end of the stream/);
    await publish(server, 'e', { name: 'last', data: 2, final: true });
    assert.deepEqual(await second.events.next(), { name: 'last', data: 2 });
    assert.equal((await stream(t, server, 'other', text)).status, 403);
    assert.equal((await stream(t, server, 'e', 'rbt_no')).status, 401);
    assert.equal((await server.client.get('/v1/topics/e/events', { token: text })).status, 406);
});

test('what is refused', async (t) => {
    const server = await start(t);
    for (const [what, body, status, reason] of [
        ['no topic', {}, 422, 'unprocessable'],
        ['a bad topic', { topic: '' }, 400, 'bad_name'],
        ['a bad client', { topic: 't', client: 'a b' }, 400, 'bad_name'],
        ['no minutes', { topic: 't', minutes: 0 }, 422, 'unprocessable'],
        ['no uses', { topic: 't', uses: 0 }, 422, 'unprocessable'],
        ['a bad policy', { topic: 't', policy: { instances: 'x' } }, 422, 'unprocessable'],
        ['another’s policy', { topic: 'jobs/1', policy: {} }, 403, 'forbidden'],
        ['not JSON', '{', 400, 'bad_json'],
    ])
        await t.test(what, async () => {
            const answer = await server.backend.request('POST', '/v1/tickets', { body });
            assert.deepEqual([answer.status, answer.json.reason], [status, reason], answer.text);
        });
    assert.equal((await server.client.post('/v1/tickets', { topic: 't' })).status, 403);
});

test('the command line', async (t) => {
    const server = await start(t);
    const made = await ringback('ticket', 'create', '--data', server.data, '--tenant', 'demo', '--topic', 'c', '--uses', '1');
    assert.equal(made.status, 0, made.stderr);
    const socket = await holder(t, server, made.stdout.trim());
    assert.equal(socket.hello.topic, 'c');
    for (const args of [['--topic', 'c'], ['--tenant', 'demo'], ['--tenant', 'demo', '--topic', 'c', '--minutes', '0']])
        assert.equal((await ringback('ticket', 'create', '--data', server.data, ...args)).status, 1);
});

test('what moves a deadline is published by itself', async (t) => {
    const server = await start(t);
    const answer = await server.backend.post('/v1/topics/d/events', [{ name: 'a' }, { name: 'b', timeout: 5 }]);
    assert.equal(answer.status, 422);
    assert.equal(answer.json.detail, 'Event 1: one that moves a deadline is published by itself.');
    const page = await server.backend.get('/v1/topics/d/events?after=start');
    assert.equal(page.json.events.length, 0); // none of them
});
