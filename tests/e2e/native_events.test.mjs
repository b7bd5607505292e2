// The native API: events by HTTP, as streams and as pages.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem } from './lib/api.mjs';
import { Gate, gatedCommand } from './lib/gate.mjs';
import { Proxy } from './lib/proxy.mjs';
import { RawConnection } from './lib/raw.mjs';
import { startServer, worker } from './lib/server.mjs';
import { eventSource, openStream } from './lib/sse.mjs';

let server;
let client;
let backend;
before(async () => {
    server = await startServer({
        config: {
            jobs: { gated: { command: gatedCommand }, report: { command: [worker, 'report'] } },
            topics: {
                rules: {
                    'short/*': { retention: 'count', keep_count: 3 },
                    'last/*': { retention: 'last' },
                    'none/*': { retention: 'none' },
                    'durable/*': { durable: true },
                },
            },
        },
    });
    ({ client, backend } = server);
});
after(() => server.stop());

let topics = 0;
const newTopic = (prefix = 't') => `${prefix}/${++topics}`;
const eventsOf = (topic) => `/v1/topics/${encodeURIComponent(topic)}/events`;

async function publish(topic, ...events) {
    const answer = await backend.post(eventsOf(topic), events.length === 1 ? events[0] : events);
    assert.equal(answer.status, 200, answer.text);
    return events.length === 1 ? [answer.json.position] : answer.json.positions;
}

const numbered = (n) => ({ name: 'n', data: n });

// ---- topics

test('publish and read', async () => {
    const topic = newTopic();
    const raw = '{"name":"greeting","data":{"b":1.50,"a":"\\u00e9","list":[ 1 ]},"final":true}';
    const { position } = (await backend.post(eventsOf(topic), raw)).json;
    assert.match(position, /^[0-9a-f]+:\d+$/);
    const page = await client.get(eventsOf(topic));
    assert.equal(page.headers['cache-control'], 'no-store');
    assert.ok(page.text.includes('"data":{"b":1.50,"a":"\\u00e9","list":[ 1 ]}'), page.text); // byte for byte
    const [event] = page.json.events;
    assert.deepEqual([event.position, event.name, event.final], [position, 'greeting', true]);
    assert.match(event.time, /^\d{4}-/);
    assert.equal(page.json.position, position);

    await publish(topic, { name: 'nothing' });
    const rest = (await client.get(`${eventsOf(topic)}?after=${position}`)).json;
    assert.deepEqual(rest.events.map(({ name, data, final }) => [name, data, final]), [['nothing', null, undefined]]);
});

test('several at once, and pages', async () => {
    const topic = newTopic();
    const positions = await publish(topic, ...Array.from({ length: 25 }, (_, i) => numbered(i)));
    assert.equal(new Set(positions).size, 25);
    const seen = [];
    for (let after = 'start'; ; ) {
        const page = (await client.get(`${eventsOf(topic)}?after=${after}&limit=10`)).json;
        if (page.events.length === 0) break;
        seen.push(...page.events);
        after = page.position;
    }
    assert.deepEqual(seen.map((event) => event.data), Array.from({ length: 25 }, (_, i) => i));
    assert.deepEqual(seen.map((event) => event.position), positions);
    assert.deepEqual((await backend.post(eventsOf(topic), [])).json, { positions: [] });
    assert.deepEqual((await client.get(`${eventsOf(topic)}?after=now`)).json.events, []);
});

test('publishing that is refused', async () => {
    const topic = newTopic();
    const refused = async (body, status, reason) => assertProblem(await backend.post(eventsOf(topic), body), status, reason);
    await refused('{', 400, 'bad_json');
    await refused('12', 422, 'unprocessable');
    await refused({ data: 1 }, 400, 'bad_name');
    await refused({ name: '' }, 400, 'bad_name');
    await refused({ name: 'a\nb' }, 400, 'bad_name');
    await refused({ name: 'x'.repeat(129) }, 400, 'bad_name');
    await refused({ name: 'n', final: 'yes' }, 422, 'unprocessable');
    await refused({ name: 'n', audience: 'a b' }, 400, 'bad_name');
    await refused([numbered(1), { data: 1 }], 400, 'bad_name'); // all or nothing
    assert.deepEqual((await client.get(eventsOf(topic))).json.events, []);
    assertProblem(await client.post(eventsOf(topic), numbered(1)), 403, 'forbidden'); // clients do not publish
    assertProblem(await backend.post(eventsOf('jobs/x'), numbered(1)), 403, 'forbidden');
    assertProblem(await backend.post(eventsOf('a\x01b'), numbered(1)), 400, 'bad_name');
    assertProblem(await backend.post(eventsOf('x'.repeat(256)), numbered(1)), 400, 'bad_name');
});

test('an event for one client', async () => {
    const topic = newTopic();
    const bob = await server.as('demo', 'audience-bob');
    await publish(topic, { name: 'mine', audience: 'dev-client' }, { name: 'his', audience: 'audience-bob' }, { name: 'all' });
    const names = async (api) => (await api.get(eventsOf(topic))).json.events.map((event) => event.name);
    assert.deepEqual(await names(client), ['mine', 'all']);
    assert.deepEqual(await names(bob), ['his', 'all']);
});

test('topics of tenants are apart', async () => {
    const topic = newTopic();
    await publish(topic, numbered(1));
    const other = await server.as('acme', 'other');
    assert.deepEqual((await other.get(eventsOf(topic))).json.events, []);
    assert.deepEqual((await other.get(eventsOf(`../demo/${topic}`))).json.events, []);
});

test('long-poll: answered when something comes', async () => {
    const topic = newTopic();
    const [position] = await publish(topic, numbered(1));
    const waiting = client.get(`${eventsOf(topic)}?after=${position}&wait=30`);
    await publish(topic, numbered(2));
    assert.deepEqual((await waiting).json.events.map((event) => event.data), [2]);
    const nothing = await client.get(`${eventsOf(topic)}?after=now&wait=1`);
    assert.deepEqual(nothing.json.events, []);
    assert.equal(nothing.json.position, (await waiting).json.position);
});

test('bad positions', async () => {
    for (const query of ['after=x', 'after=1:', 'after=:1', 'after=1:2:3'])
        assertProblem(await client.get(`${eventsOf('t')}?${query}`), 400, 'bad_position');
    for (const query of ['limit=0', 'limit=1001', 'wait=-1'])
        assertProblem(await client.get(`${eventsOf('t')}?${query}`), 400, 'bad_request');
});

test('a stream of a topic: from now, or after a position', async (t) => {
    const topic = newTopic();
    const [first, second] = await publish(topic, numbered(1), numbered(2));
    const live = await openStream(t, server.url + eventsOf(topic), client.token);
    assert.equal(live.status, 200);
    assert.equal(live.headers['content-type'], 'text/event-stream');
    assert.equal(live.headers['cache-control'], 'no-store');
    const after = await openStream(t, `${server.url}${eventsOf(topic)}?after=${first}`, client.token);
    assert.deepEqual(await after.events.next(), { id: second, event: 'n', data: '2' });
    const again = await openStream(t, server.url + eventsOf(topic), client.token, { 'Last-Event-ID': first });
    assert.deepEqual(await again.events.next(), { id: second, event: 'n', data: '2' });
    const [third] = await publish(topic, { name: 'n', data: { text: 'a\nb' } });
    for (const stream of [after, again])
        assert.deepEqual(await stream.events.next(), { id: third, event: 'n', data: '{"text":"a\\nb"}' });
    const seen = await live.events.next('the live event', ({ id }) => id === third); // 2 may not have come: it was before
    assert.equal(seen.data, '{"text":"a\\nb"}');
});

test('a stream over HTTP/1.0 ends with its connection', async (t) => {
    const topic = newTopic();
    const raw = await RawConnection.open(t, server.port);
    const headers = `Accept: text/event-stream\r\nAuthorization: Bearer ${client.token}\r\n`;
    raw.send(`GET ${eventsOf(topic)}?after=start HTTP/1.0\r\n${headers}\r\n`);
    const head = await raw.until(/\r\n\r\n/);
    assert.ok(!/Transfer-Encoding/i.test(head), head);
    await publish(topic, numbered(7));
    await raw.until(/event: n\ndata: 7\n\n/);
});

test('what is no longer kept is told as a gap', async (t) => {
    const topic = newTopic('short');
    const positions = [];
    for (let i = 0; i < 10; i++) positions.push(...(await publish(topic, numbered(i))));
    const page = (await client.get(`${eventsOf(topic)}?after=${positions[0]}`)).json;
    assert.deepEqual(page.events.map((event) => event.data), [7, 8, 9]);
    assert.deepEqual(page.gap, { after: positions[0], next: positions[6] });
    const stream = await openStream(t, `${server.url}${eventsOf(topic)}`, client.token, { 'Last-Event-ID': positions[0] });
    const gap = await stream.events.next('a gap');
    assert.deepEqual([gap.id, gap.event], [positions[6], 'gap']);
    assert.deepEqual(JSON.parse(gap.data), { after: positions[0], next: positions[6] });
    assert.equal((await stream.events.next()).data, '7');
    const none = (await client.get(`${eventsOf(topic)}?after=${positions[6]}`)).json;
    assert.equal(none.gap, undefined);
});

test('retention: the last one, or none', async () => {
    const last = newTopic('last');
    await publish(last, numbered(1), numbered(2), numbered(3));
    assert.deepEqual((await client.get(eventsOf(last))).json.events.map((event) => event.data), [3]);
    const none = newTopic('none');
    const waiting = client.get(`${eventsOf(none)}?after=now&wait=30`);
    while ((await Promise.race([waiting, publish(none, numbered(4))])).json === undefined); // until it stands there
    assert.deepEqual((await waiting).json.events[0].data, 4);
    assert.deepEqual((await client.get(eventsOf(none))).json.events, []);
});

// ---- jobs

const NAMES = ['queued', 'running', 'progress', 'info', 'warning', 'custom', 'finished', 'failed', 'gap'];

test('the stream of a job: to its end, and then no more', async (t) => {
    const gate = new Gate(t);
    const { id } = await client.start('gated', { gate: gate.path });
    const url = `${server.url}/v1/jobs/${id}/events`;
    const stream = await openStream(t, url, client.token);
    for (const name of ['queued', 'running']) {
        const { event, data } = await stream.events.next();
        assert.equal(event, name);
        assert.equal(JSON.parse(data).state, name);
    }
    const progress = await stream.events.next();
    assert.equal(progress.event, 'progress');
    assert.equal(JSON.parse(progress.data).title, 'Waiting');
    gate.open();
    const final = await stream.events.next('the end', ({ event }) => event === 'finished');
    assert.equal(JSON.parse(final.data).state, 'finished');
    await stream.ended;

    const replay = await openStream(t, url, client.token); // the stored ones, and the end
    for (const wanted of ['queued', 'running', 'finished']) await replay.events.next(wanted, ({ event }) => event === wanted);
    await replay.ended;
    assert.equal(replay.events.size, 0);
    const enough = await openStream(t, url, client.token, { 'Last-Event-ID': final.id });
    assert.equal(enough.status, 204); // tells an EventSource to stay away
});

test('custom events and reports', async () => {
    const { id } = await client.start('report');
    const waiting = client.event(id, 'custom');
    await client.end(id);
    assert.deepEqual((await waiting).data, { n: [1, 2.5, 'x'] });
});

test('EventSource: over a cut of the line, nothing twice and nothing missing', async (t) => {
    const line = await Proxy.start(t, server.port);
    const topic = newTopic();
    await publish(topic, numbered(0));
    const { source, events } = eventSource(t, `${line.url}${eventsOf(topic)}?after=start`, client.token, ['n', 'gap']);
    assert.equal((await events.next()).data, 0);
    const failed = new Promise((resolve) => source.addEventListener('error', resolve, { once: true }));
    line.cut();
    await failed;
    await publish(topic, numbered(1), numbered(2)); // while it is away, which is 3 s
    for (const n of [1, 2]) assert.equal((await events.next()).data, n);
    await publish(topic, numbered(3));
    assert.equal((await events.next()).data, 3);
});

test('EventSource: stays away when the job is over', async (t) => {
    const gate = new Gate(t);
    const { id } = await client.start('gated', { gate: gate.path });
    const { source, events } = eventSource(t, `${server.url}/v1/jobs/${id}/events`, client.token, NAMES);
    await events.next('running', ({ event }) => event === 'running');
    gate.open();
    await events.next('finished', ({ event }) => event === 'finished');
    await new Promise((resolve) => source.addEventListener('error', () => source.readyState === source.CLOSED && resolve()));
    assert.equal(events.size, 0);
});

test('durable topics survive a restart, others have a new epoch', async (t) => {
    const own = await startServer({ t, config: { topics: { rules: { 'durable/*': { durable: true } } } } });
    const post = async (topic, event) => (await own.backend.post(eventsOf(topic), event)).json.position;
    const kept = await post('durable/1', numbered(1));
    const lost = await post('t/1', numbered(1));
    await own.stop();
    await own.start();
    const durable = (await own.client.get(`${eventsOf('durable/1')}?after=start`)).json;
    assert.deepEqual(durable.events.map((event) => event.position), [kept]);
    await post('durable/1', numbered(2));
    const after = (await own.client.get(`${eventsOf('durable/1')}?after=${kept}`)).json;
    assert.deepEqual([after.events.map((event) => event.data), after.gap], [[2], undefined]);
    await post('t/1', numbered(2));
    const gone = (await own.client.get(`${eventsOf('t/1')}?after=${lost}`)).json;
    assert.deepEqual(gone.events.map((event) => event.data), [2]);
    assert.equal(gone.gap.after, lost); // told, not hidden
});
