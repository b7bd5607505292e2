// Live connections as back ends see them: searched, sent to, called, closed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api, assertProblem } from './lib/api.mjs';
import { NativeSocket } from './lib/native_socket.mjs';
import { RawConnection, RawSocket } from './lib/raw.mjs';
import { startServer } from './lib/server.mjs';
import { openStream } from './lib/sse.mjs';
import { within } from './lib/wait.mjs';

const NOBODY = 'A'.repeat(24);

let server;
before(async () => {
    server = await startServer({ config: { threads: 4, http: { wait_max: '20s' }, websocket: { message_max: '64KiB' } } });
});
after(() => server.stop());

/** An authenticated socket of a client of its own, with its id. */
async function connect(t, client = server.token) {
    const socket = await NativeSocket.open(t, server, client.token ?? client);
    socket.id = (await socket.ask({ op: 'whoami' })).connection;
    return socket;
}

let clients = 0;
const newClient = async (...args) => {
    const name = `client-${++clients}`;
    return Object.assign(await server.as('demo', name, ...args), { name });
};

const search = async (query, api = server.backend) => {
    const answer = await api.get(`/v1/connections?${new URLSearchParams(query)}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
};
const idsOf = async (query) => (await search({ limit: 1000, ...query })).connections.map(({ id }) => id);
const send = (id, body, api = server.backend) => api.post(`/v1/connections/${id}/send`, body);
const call = (id, body, api = server.backend) => api.post(`/v1/connections/${id}/call`, body, { ms: 60_000 });
const show = (id, api = server.backend) => api.get(`/v1/connections/${id}`);
const close = (id, api = server.backend) => api.delete(`/v1/connections/${id}`);

/** When the server has seen that it is gone. */
async function untilGone(id) {
    await within(`${id} to be gone`, (async () => {
        while ((await show(id)).status !== 404);
    })());
}

const nextCall = async (socket) => {
    const message = await socket.next('a call');
    assert.equal(message.op, 'call', JSON.stringify(message));
    return message;
};

// ---- who one is ----

test('a connection learns its id', async (t) => {
    const api = await newClient();
    const socket = await NativeSocket.open(t, server, null);
    assert.equal((await socket.ask({ op: 'whoami' })).reason, 'unauthenticated');
    const ok = await socket.ask({ op: 'auth', token: api.token });
    assert.match(ok.connection, /^[\w-]{24}$/);
    assert.deepEqual(await socket.ask({ op: 'whoami' }), {
        op: 'ok',
        id: 3,
        connection: ok.connection,
        client: api.name,
        tenant: 'demo',
    });
    const other = await connect(t, api);
    assert.notEqual(other.id, ok.connection);
    assert.deepEqual((await idsOf({ client: api.name })).sort(), [ok.connection, other.id].sort());
});

test('before it has said who it is nobody sees it', async (t) => {
    const api = await newClient();
    const socket = await NativeSocket.open(t, server, null);
    assert.equal((await socket.ask({ op: 'auth', token: 'rb_wrong' })).reason, 'unauthenticated');
    assert.deepEqual(await idsOf({ client: api.name }), []);
    const { connection } = await socket.ask({ op: 'auth', token: api.token });
    assert.deepEqual(await idsOf({ client: api.name }), [connection]);
});

// ---- searching ----

test('what is said of a connection', async (t) => {
    const api = await newClient();
    const began = Date.now();
    const socket = await connect(t, api);
    await socket.subscribe('facts/1');
    await socket.subscribe('facts/ü');
    const answer = await show(socket.id);
    assert.equal(answer.status, 200, answer.text);
    const { since, ...facts } = answer.json;
    assert.deepEqual(facts, {
        id: socket.id,
        client: api.name,
        door: 'native',
        transport: 'websocket',
        address: '127.0.0.1',
        topics: ['facts/1', 'facts/ü'],
        topic_count: 2,
    });
    assert.ok(Date.parse(since) >= began - 1000 && Date.parse(since) <= Date.now(), since);
    assert.deepEqual((await search({ client: api.name })).connections, [answer.json]);
});

test('filters', async (t) => {
    const [ann, bob] = [await newClient(), await newClient()];
    const [one, two, three] = [await connect(t, ann), await connect(t, ann), await connect(t, bob)];
    await one.subscribe('filters/a b&c');
    await three.subscribe('filters/a b&c');
    const stream = await openStream(t, `${server.url}/v1/topics/filters%2Fs/events`, bob.token);
    assert.equal(stream.status, 200);
    const [streamed] = await idsOf({ topic: 'filters/s' });
    const rows = [
        [{ client: ann.name }, [one.id, two.id]],
        [{ topic: 'filters/a b&c' }, [one.id, three.id]],
        [{ topic: 'filters/a b&c', client: bob.name }, [three.id]],
        [{ client: bob.name, door: 'native' }, [three.id, streamed]],
        [{ client: bob.name, door: 'socketio' }, []],
        [{ client: 'nobody' }, []],
        [{ topic: 'filters' }, []],
    ];
    for (const [query, expected] of rows) assert.deepEqual((await idsOf(query)).sort(), expected.sort(), JSON.stringify(query));
    assert.equal((await show(streamed)).json.transport, 'sse');
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'after=0', 'after=x', 'after=-1'])
        assertProblem(await server.backend.get(`/v1/connections?${query}`), 400, 'bad_request');
    assertProblem(await server.backend.get('/v1/connections?topic='), 400, 'bad_name');
});

test('filters of properties, and masks', async (t) => {
    const [ann, bob] = [await newClient(), await newClient()];
    const [one, two] = [await connect(t, ann), await connect(t, bob)];
    await one.subscribe('properties/1');
    const property = (name) => ['property', name];
    const rows = [
        [['==', property('client'), ann.name], [one.id]],
        [['in', property('client'), ['list', ann.name, bob.name, 'nobody']], [one.id, two.id]],
        [['and', ['like', property('client'), `${bob.name}%`], ['==', property('address'), '127.0.0.1']], [two.id]],
        [['and', ['==', property('id'), one.id], ['>', property('peer_port'), 0]], [one.id]],
        [['and', ['==', property('id'), one.id], ['==', property('session'), null]], [one.id]],
        [['and', ['==', property('id'), one.id], ['==', property('user_id'), 'u7']], []],
        [['and', ['==', property('id'), one.id], ['in', 'msg', property('capabilities')]], []],
        [['and', ['==', property('id'), one.id], ['<', property('since'), '2020-01-01T00:00:00.000Z']], []],
    ];
    for (const [filter, expected] of rows)
        assert.deepEqual((await idsOf({ filter: JSON.stringify(filter) })).sort(), expected.sort(), JSON.stringify(filter));
    const words = { session: 's', capability: 'msg', application: '/app', address: '10.1.2.3' };
    for (const [name, value] of Object.entries(words)) assert.deepEqual(await idsOf({ client: ann.name, [name]: value }), []);
    assert.deepEqual(await idsOf({ client: ann.name, address: '127.0.0.1' }), [one.id]);

    const { connections } = await search({ client: ann.name, mask: 'door,topics,login' });
    assert.deepEqual(connections, [{ id: one.id, door: 'native', topics: ['properties/1'] }]);
    assert.deepEqual((await search({ client: ann.name, mask: 'id' })).connections, [{ id: one.id }]);

    const refused = [
        ['filter=%5B', 400, 'bad_json', /^filter: At byte 1/],
        ['filter=[%22=%22,1,1]', 422, 'unprocessable', /no operator "="/],
        [`filter=${encodeURIComponent(JSON.stringify(['not', ['==', property('shoe'), 1]]))}`, 422, 'unprocessable', /"shoe"/],
        ['mask=id,shoe', 422, 'unprocessable', /"shoe"/],
        ['mask=', 422, 'unprocessable', /""/],
    ];
    for (const [query, status, reason, detail] of refused) {
        const answer = await server.backend.get(`/v1/connections?${query}`);
        assertProblem(answer, status, reason);
        assert.match(answer.json.detail, detail);
    }
});

test('pages', async (t) => {
    const api = await newClient();
    const sockets = await Promise.all(Array.from({ length: 25 }, () => connect(t, api)));
    for (const limit of [1, 7, 25]) {
        const ids = [];
        let page = { next: undefined };
        do {
            page = await search({ client: api.name, limit, ...(page.next && { after: page.next }) });
            ids.push(...page.connections.map(({ id }) => id));
            assert.ok(page.connections.length === limit || page.next === null);
        } while (page.next !== null);
        assert.deepEqual(ids.sort(), sockets.map(({ id }) => id).sort(), `pages of ${limit}`);
    }
    assert.equal((await search({ after: 9e15 })).connections.length, 0);
});

// ---- sending ----

test('send: byte for byte, in order with events', async (t) => {
    const raw = await RawSocket.open(t, server.port, '/v1/socket', { Authorization: `Bearer ${server.token}` });
    raw.text('{"op":"whoami"}');
    const { connection } = JSON.parse(await raw.next());
    const data = '{"z":1.0e0,"a":[ 1,\t2 ],"u":"\\u00e9\\/","big":123456789012345678901234567890}';
    const answer = await send(connection, `{ "data" : ${data} , "name":"a\\"ü" }`);
    assert.equal(answer.status, 202, answer.text);
    assert.deepEqual(answer.json, { status: 'queued' });
    assert.equal(await raw.next(), `{"op":"message","name":"a\\"ü","data":${data}}`);
    assert.equal((await send(connection, { name: 'n' })).status, 202);
    assert.equal(await raw.next(), '{"op":"message","name":"n","data":null}');
});

test('send to an event stream', async (t) => {
    const stream = await openStream(t, `${server.url}/v1/topics/sends%2Fsse/events`, server.token);
    const [id] = await idsOf({ topic: 'sends/sse' });
    assert.equal((await send(id, '{"name":"hello","data":[1,\n2]}')).status, 202);
    assert.deepEqual(await stream.events.next(), { event: 'hello', data: '[1,\n2]' });
    assert.equal((await send(id, { name: 'bare' })).status, 202);
    assert.deepEqual(await stream.events.next(), { event: 'bare', data: 'null' });
    assertProblem(await call(id, { name: 'n' }), 422, 'call_unsupported');
    assert.equal((await close(id)).status, 204);
    await within('the end of the stream', stream.ended);
    assertProblem(await show(id), 404, 'no_such_connection');
});

test('what is refused', async (t) => {
    const socket = await connect(t);
    const rows = [
        ['{', 400, 'bad_json'],
        ['', 400, 'bad_json'],
        ['[]', 422, 'unprocessable'],
        ['{}', 400, 'bad_name'],
        [{ name: '' }, 400, 'bad_name'],
        [{ name: 'a\nb' }, 400, 'bad_name'],
        [{ name: 'x'.repeat(256) }, 400, 'bad_name'],
        [{ name: 7 }, 400, 'bad_name'],
        [{ name: 'n', data: 'x'.repeat(65536) }, 413, 'body_too_large'],
    ];
    for (const [body, status, reason] of rows)
        for (const verb of [send, call]) assertProblem(await verb(socket.id, body), status, reason);
    for (const timeout_ms of [0, -1, 1.5, '5', null])
        assertProblem(await call(socket.id, { name: 'n', timeout_ms }), 422, 'unprocessable');
    assert.equal((await send(socket.id, { name: 'x'.repeat(255), data: 'end' })).status, 202);
    assert.equal((await socket.next()).data, 'end'); // and nothing before it
});

test('ids that are none, of nobody, of another tenant; and who may ask', async (t) => {
    const socket = await connect(t);
    const foreign = await server.as('acme', 'backend', '--role', 'backend');
    const verbs = [show, close, (id, api) => send(id, { name: 'n' }, api), (id, api) => call(id, { name: 'n' }, api)];
    for (const verb of verbs) {
        for (const id of ['x', NOBODY, '_'.repeat(24), `${socket.id}A`, `${socket.id.slice(0, 23)}!`])
            assertProblem(await verb(id), 404, 'no_such_connection');
        assertProblem(await verb(socket.id, foreign), 404, 'no_such_connection');
        assertProblem(await verb(socket.id, server.client), 403, 'forbidden');
        assertProblem(await verb(socket.id, new Api(server.url, null)), 401, 'unauthenticated');
    }
    assertProblem(await server.client.get('/v1/connections'), 403, 'forbidden');
    assert.deepEqual(await search({}, foreign), { connections: [], next: null });
    assert.equal((await socket.ask({ op: 'whoami' })).op, 'ok'); // and nothing has come to it
});

// ---- calling ----

test('call and reply, byte for byte', async (t) => {
    const raw = await RawSocket.open(t, server.port, '/v1/socket', { Authorization: `Bearer ${server.token}` });
    raw.text('{"op":"whoami"}');
    const { connection } = JSON.parse(await raw.next());
    const answered = call(connection, '{"name":"sum","data":{"b":1.50,"a":[ ]},"timeout_ms":5000}');
    const message = await raw.next();
    const [, number] = /^\{"op":"call","call":"(\d+)","name":"sum","data":\{"b":1\.50,"a":\[ \]\},"timeout_ms":5000\}$/.exec(message);
    raw.text(`{"op":"reply","data":{ "z":1e2, "a":"\\u0041"},"call":"${number}"}`);
    const answer = await answered;
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.text, '{"data":{ "z":1e2, "a":"\\u0041"}}');
});

test('the forms of replies', async (t) => {
    const socket = await connect(t);
    const rows = [
        [{ data: 7 }, (answer) => assert.deepEqual([answer.status, answer.json], [200, { data: 7 }])],
        [{}, (answer) => assert.deepEqual([answer.status, answer.json], [200, { data: null }])],
        [{ error: 'no "such" file' }, (answer) => {
            assertProblem(answer, 502, 'call_failed');
            assert.equal(answer.json.detail, 'no "such" file');
        }],
        [{ error: '', data: 1 }, (answer) => assertProblem(answer, 502, 'call_failed')],
    ];
    for (const [reply, check] of rows) {
        const answered = call(socket.id, { name: 'n' });
        const message = await nextCall(socket);
        assert.equal(message.timeout_ms, 10_000);
        assert.equal((await socket.ask({ op: 'reply', call: '0' })).reason, 'not_found');
        assert.equal((await socket.ask({ op: 'reply', call: 7 })).reason, 'bad_request');
        assert.equal((await socket.ask({ op: 'reply', call: 'x' })).reason, 'bad_request');
        assert.equal((await socket.ask({ op: 'reply' })).reason, 'bad_request');
        assert.equal((await socket.ask({ op: 'reply', call: message.call, error: 7 })).reason, 'bad_request');
        assert.equal((await socket.ask({ op: 'reply', call: message.call, ...reply })).op, 'ok');
        check(await answered);
        assert.equal((await socket.ask({ op: 'reply', call: message.call, ...reply })).reason, 'not_found');
    }
});

test('a call that nobody answers, and the answer that comes too late', async (t) => {
    const socket = await connect(t);
    const answered = call(socket.id, { name: 'n', timeout_ms: 50 });
    const { call: number, timeout_ms } = await nextCall(socket);
    assert.equal(timeout_ms, 50);
    assertProblem(await answered, 504, 'call_timeout');
    socket.send({ op: 'reply', call: number, data: 'late' });
    assert.equal((await socket.ask({ op: 'reply', call: number, data: 'later' })).reason, 'not_found');
    const next = call(socket.id, { name: 'n', timeout_ms: 3_600_000 });
    const message = await nextCall(socket);
    assert.equal(message.timeout_ms, 20_000); // cut to http.wait_max
    socket.send({ op: 'reply', call: message.call, data: 'in time' });
    assert.deepEqual((await next).json, { data: 'in time' });
});

test('many calls at once, answered in another order', async (t) => {
    const [one, two] = [await connect(t), await connect(t)];
    const answered = Array.from({ length: 50 }, (_, i) => call([one, two][i % 2].id, { name: 'n', data: i }));
    const messages = [];
    for (let i = 0; i < 50; i++) messages.push([[one, two][i % 2], await nextCall([one, two][i % 2])]);
    const numbersOf = (socket) => messages.filter(([whose]) => whose === socket).map(([, { call: number }]) => number);
    for (const [socket, other] of [[one, two], [two, one]])
        for (const number of numbersOf(other).filter((number) => !numbersOf(socket).includes(number)))
            assert.equal((await socket.ask({ op: 'reply', call: number, data: 'forged' })).reason, 'not_found');
    messages.reverse();
    for (const [socket, { call: number, data }] of messages) socket.send({ op: 'reply', call: number, data: data * 2 });
    const answers = await Promise.all(answered);
    assert.deepEqual(answers.map(({ json }) => json.data), Array.from({ length: 50 }, (_, i) => i * 2));
});

test('more calls than a connection may have', async (t) => {
    const socket = await connect(t);
    const answered = Array.from({ length: 256 }, (_, data) => call(socket.id, { name: 'n', data, timeout_ms: 20_000 }));
    const messages = [];
    for (let i = 0; i < 256; i++) messages.push(await nextCall(socket));
    const refused = await call(socket.id, { name: 'n' });
    assertProblem(refused, 429, 'too_many_requests');
    assert.ok(refused.headers['retry-after']);
    for (const { call: number, data } of messages) socket.send({ op: 'reply', call: number, data });
    for (const [i, answer] of (await Promise.all(answered)).entries()) assert.equal(answer.json.data, i);
});

test('the connection goes while a call waits: that is known at once', async (t) => {
    const ends = [(socket) => socket.ws.terminate(), (socket) => socket.ws.close(), (socket) => close(socket.id)];
    for (const end of ends) {
        const socket = await connect(t);
        const answered = call(socket.id, { name: 'n', timeout_ms: 20_000 });
        await nextCall(socket);
        const began = performance.now();
        end(socket);
        assertProblem(await answered, 410, 'connection_lost');
        assert.ok(performance.now() - began < 10_000);
        await untilGone(socket.id);
        assertProblem(await call(socket.id, { name: 'n' }), 404, 'no_such_connection');
    }
});

test('who has called goes: the reply is for nobody', async (t) => {
    const socket = await connect(t);
    const abort = new AbortController();
    const gone = fetch(`${server.url}/v1/connections/${socket.id}/call`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${server.backendToken}` },
        body: '{"name":"n"}',
        signal: abort.signal,
    });
    const { call: number } = await nextCall(socket);
    abort.abort();
    await assert.rejects(gone);
    assert.ok(['ok', 'error'].includes((await socket.ask({ op: 'reply', call: number, data: 1 })).op));
    assert.equal((await send(socket.id, { name: 'n' })).status, 202);
});

// ---- closing ----

test('close', async (t) => {
    const socket = await connect(t);
    await send(socket.id, { name: 'last', data: 'words' });
    const answer = await close(socket.id);
    assert.equal(answer.status, 204);
    assertProblem(await show(socket.id), 404, 'no_such_connection'); // before the client has answered the close
    assert.equal((await socket.next()).data, 'words');
    assert.deepEqual(await socket.closed, { code: 4403, reason: 'closed_by_backend' });
    assertProblem(await close(socket.id), 404, 'no_such_connection');
});

test('once closed it is gone, also while its client does not take note', async (t) => {
    const raw = await RawSocket.open(t, server.port, '/v1/socket', { Authorization: `Bearer ${server.token}` });
    raw.text('{"op":"whoami"}');
    const { connection } = JSON.parse(await raw.next());
    const answered = call(connection, { name: 'n', timeout_ms: 20_000 });
    await raw.next();
    raw.tcp.pause();
    assert.equal((await close(connection)).status, 204);
    assertProblem(await show(connection), 404, 'no_such_connection');
    assertProblem(await within('the end of the call', answered, 4000), 410, 'connection_lost'); // before it is cut
    const stream = await RawConnection.open(t, server.port);
    stream.send('GET /v1/topics/closing%2Fsse/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n');
    stream.send(`Authorization: Bearer ${server.token}\r\n\r\n`);
    await stream.until(/ 200 OK\r\n/);
    const [id] = await idsOf({ topic: 'closing/sse' });
    stream.tcp.pause();
    assert.equal((await close(id)).status, 204);
    assertProblem(await show(id), 404, 'no_such_connection');
});

test('after a thousand connections that came and went the list is right', async (t) => {
    const api = await newClient();
    const stay = [];
    for (let round = 0; round < 20; round++) {
        const sockets = await Promise.all(Array.from({ length: 50 }, () => connect(t, api)));
        assert.equal(new Set(sockets.map(({ id }) => id)).size, 50);
        stay.push(sockets.pop());
        const ids = sockets.map(({ id }) => id);
        for (const [i, { ws }] of sockets.entries()) i % 2 ? ws.terminate() : ws.close();
        await Promise.all(ids.map(untilGone));
    }
    assert.deepEqual((await idsOf({ client: api.name })).sort(), stay.map(({ id }) => id).sort());
    for (const { id } of stay) assert.equal((await send(id, { name: 'n', data: id })).status, 202);
    for (const socket of stay) assert.equal((await socket.next()).data, socket.id);
});

test('the server stops while calls wait', async (t) => {
    const own = await startServer({ t, config: { threads: 4 } });
    const answered = [];
    for (let i = 0; i < 20; i++) {
        const socket = await NativeSocket.open(t, own);
        const { connection } = await socket.ask({ op: 'whoami' });
        answered.push(call(connection, { name: 'n', timeout_ms: 60_000 }, own.backend));
        await nextCall(socket);
    }
    await own.stop();
    for (const answer of await Promise.all(answered))
        assert.ok(['shutting_down', 'connection_lost'].includes(answer.json.reason), answer.text);
});
