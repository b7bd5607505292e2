// Files from and to one live connection: /v1/scratch.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { assertProblem } from './lib/api.mjs';
import { eraConfig, openUser } from './lib/era.mjs';
import { NativeSocket } from './lib/native_socket.mjs';
import { RawConnection } from './lib/raw.mjs';
import { startServer } from './lib/server.mjs';
import { openStream } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

let server;
before(async () => {
    server = await startServer({
        args: ['--clock-control'],
        config: { threads: 2, files: { scratch_quota: '32MiB', scratch_files: 5 }, websocket: { ping_interval: '1h' }, jobs: {} },
    });
});
after(() => server.stop());

async function connect(t, token) {
    const socket = await NativeSocket.open(t, server, token);
    socket.id = (await socket.ask({ op: 'whoami' })).connection;
    return socket;
}

const urlOf = (id, name) => `/v1/scratch/${id}/${encodeURIComponent(name)}`;
const put = (id, name, body, api = server.client, options = {}) => api.request('PUT', urlOf(id, name), { body, ...options });
const get = (id, name, headers = {}, api = server.client) => api.get(urlOf(id, name), { headers });
const list = async (id, api = server.client) => {
    const answer = await api.get(`/v1/scratch/${id}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
};
const stored = () => readdirSync(path.join(server.data, 'scratch'));
const advance = (ms) => server.client.post('/test/clock', { advance_ms: ms });

test('put, list, get, replace, delete', async (t) => {
    const { id } = await connect(t);
    assert.deepEqual(await list(id), { files: [], room: 32 << 20 });
    const first = await put(id, 'r\u00e9port 1.txt', 'hello');
    assert.equal(first.status, 201, first.text);
    const { modified, ...rest } = first.json;
    assert.deepEqual(rest, { name: 'r\u00e9port 1.txt', bytes: 5, url: `/v1/scratch/${id}/r%C3%A9port%201.txt` });
    assert.match(modified, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(await list(id), { files: [first.json], room: (32 << 20) - 5 });

    const got = await server.client.get(first.json.url);
    assert.deepEqual([got.status, got.text], [200, 'hello']);
    assert.equal(got.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(got.headers['content-disposition'], `attachment; filename="r_port 1.txt"; filename*=UTF-8''r%C3%A9port%201.txt`);
    assert.equal(got.headers['x-content-type-options'], 'nosniff');
    assert.equal(got.headers.etag, first.headers.etag);
    assert.equal(got.headers['cache-control'], 'private, no-cache');
    assert.ok(Math.abs(Date.parse(got.headers['last-modified']) - Date.parse(modified)) < 1000);

    const second = await put(id, 'r\u00e9port 1.txt', '');
    assert.deepEqual([second.status, second.json.bytes], [200, 0], second.text);
    assert.notEqual(second.headers.etag, first.headers.etag);
    assert.deepEqual((await get(id, 'r\u00e9port 1.txt')).text, '');
    assert.equal((await server.client.delete(first.json.url)).status, 204);
    assertProblem(await server.client.delete(first.json.url), 404, 'not_found');
    assertProblem(await server.client.get(first.json.url), 404, 'not_found');
    assert.deepEqual(await list(id), { files: [], room: 32 << 20 });
});

test('conditions and ranges', async (t) => {
    const { id } = await connect(t);
    const { headers } = await put(id, 'a', '0123456789');
    const part = await get(id, 'a', { Range: 'bytes=2-4' });
    assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, '234', 'bytes 2-4/10']);
    assert.equal((await get(id, 'a', { Range: 'bytes=-3', 'If-Range': headers.etag })).text, '789');
    assert.equal((await get(id, 'a', { Range: 'bytes=-3', 'If-Range': '"other"' })).text, '0123456789');
    assert.equal((await get(id, 'a', { 'If-None-Match': headers.etag })).status, 304);
    assertProblem(await get(id, 'a', { Range: 'bytes=10-' }), 416, 'range_not_satisfiable');
    const head = await server.client.request('HEAD', urlOf(id, 'a'));
    assert.deepEqual([head.status, head.headers['content-length'], head.headers.etag], [200, '10', headers.etag]);
    assert.equal(head.body.length, 0);
    await put(id, 'a', 'changed');
    assert.equal((await get(id, 'a', { 'If-None-Match': headers.etag })).status, 200);
    await server.client.delete(urlOf(id, 'a'));
});

test('a file larger than any buffer, both ways, with its length or in chunks', async (t) => {
    const { id } = await connect(t);
    const content = randomBytes(20 << 20);
    const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
    for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }]) {
        const answer = await put(id, 'big', content, server.client, { headers });
        assert.ok([200, 201].includes(answer.status), answer.text);
        assert.equal(answer.json.bytes, content.length);
        assert.equal(hash((await get(id, 'big')).body), hash(content));
    }
    await server.client.delete(urlOf(id, 'big'));
});

test('a client that waits for 100 Continue', async (t) => {
    const { id } = await connect(t);
    const raw = await RawConnection.open(t, server.port);
    raw.send(`PUT ${urlOf(id, 'c')} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${server.token}\r\n`);
    raw.send('Expect: 100-continue\r\nContent-Length: 5\r\n\r\n');
    await raw.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    raw.send('hello');
    assert.equal((await raw.answer()).status, 201);
    raw.send(`GET ${urlOf(id, 'c')} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${server.token}\r\n\r\n`); // it goes on
    assert.equal((await raw.answer()).body, 'hello');
    await server.client.delete(urlOf(id, 'c'));
});

test('whose it is', async (t) => {
    const { id } = await connect(t);
    const stranger = await server.as('demo', 'stranger');
    const elsewhere = await server.as('other', 'boss', '--role', 'backend');
    assert.equal((await put(id, 'of the client', 'c')).status, 201);
    assert.equal((await put(id, 'of the back end', 'b', server.backend)).status, 201);
    assert.deepEqual((await list(id)).files.map(({ name }) => name), ['of the back end', 'of the client']);
    assert.deepEqual(await list(id, server.backend), await list(id));
    for (const api of [stranger, elsewhere]) {
        assertProblem(await api.get(`/v1/scratch/${id}`), 404, 'no_such_connection');
        assertProblem(await get(id, 'of the client', {}, api), 404, 'no_such_connection');
        assertProblem(await put(id, 'of the client', 'x', api), 404, 'no_such_connection');
        assertProblem(await api.delete(urlOf(id, 'of the client')), 404, 'no_such_connection');
    }
    assertProblem(await server.client.get(`/v1/scratch/${id}`, { token: null }), 401, 'unauthenticated');
    assertProblem(await server.client.request('PUT', urlOf(id, 'x'), { body: 'x', token: null }), 401, 'unauthenticated');
    assert.equal((await get(id, 'of the client')).text, 'c');
    const other = await connect(t); // of the same client: another directory
    assert.deepEqual((await list(other.id)).files, []);
    for (const name of ['of the client', 'of the back end']) await server.client.delete(urlOf(id, name));
});

test('quotas', async (t) => {
    const { id } = await connect(t);
    const big = Buffer.alloc(20 << 20);
    assert.equal((await put(id, 'a', big)).status, 201);
    assertProblem(await put(id, 'b', big), 413, 'quota_exceeded');
    assertProblem(await put(id, 'b', big, server.client, { headers: { 'Transfer-Encoding': 'chunked' } }), 413, 'quota_exceeded');
    assert.equal((await put(id, 'a', big)).status, 200); // what is replaced makes room
    assert.equal((await put(id, 'b', Buffer.alloc(12 << 20))).status, 201);
    assert.equal((await list(id)).room, 0);
    assertProblem(await put(id, 'c', 'x'), 413, 'quota_exceeded');
    for (const name of ['c', 'd', 'e']) assert.equal((await put(id, name, '')).status, 201);
    assertProblem(await put(id, 'f', ''), 413, 'quota_exceeded');
    for (const name of ['a', 'b', 'c', 'd', 'e']) assert.equal((await server.client.delete(urlOf(id, name))).status, 204);
});

test('it goes with its connection', async (t) => {
    const socket = await connect(t);
    const stream = await openStream(t, `${server.url}/v1/topics/t/events`, server.token);
    const streamId = (await server.backend.get('/v1/connections?limit=1000')).json.connections.find(
        ({ transport }) => transport === 'sse',
    ).id;
    assert.equal((await put(socket.id, 'a', 'x')).status, 201);
    assert.equal((await put(streamId, 'a', 'y')).status, 201);
    for (let i = 0; i < 10; i++) await advance(10_000); // it stays as long as the connection
    await list(socket.id);
    assert.equal(stored().length, 2);
    socket.ws.close();
    stream.close();
    for (const id of [socket.id, streamId]) {
        await until(async () => (await server.client.get(`/v1/scratch/${id}`)).status === 404, 'the connection to be gone');
        assertProblem(await get(id, 'a'), 404, 'no_such_connection');
        assertProblem(await put(id, 'a', 'late'), 404, 'no_such_connection');
    }
    for (let i = 0; i < 4; i++) {
        await advance(5000);
        await server.client.get('/v1/jobs'); // it has had the time to look
    }
    assert.equal(stored().length, 2);
    await until(async () => {
        await advance(1000);
        return stored().length === 0;
    }, 'the files to be removed');
});

test('connections of one session have one scratch', async (t) => {
    const config = { threads: 2, ...eraConfig({ ping_interval: '1h', silence_max: '3h' }) };
    const on = await startServer({ t, args: ['--clock-control'], config });
    const first = await openUser(t, on);
    const second = await openUser(t, on, [], { rsessionid: first.session });
    const plain = await NativeSocket.open(t, on);
    const rows = (await on.backend.get('/v1/connections')).json.connections;
    const ids = rows.filter(({ door }) => door === 'era').map(({ id }) => id);
    assert.equal(ids.length, 2);
    const namesOf = async (id) => {
        const answer = await on.backend.get(`/v1/scratch/${id}`);
        return answer.status === 200 ? answer.json.files.map(({ name }) => name) : answer.json.reason;
    };
    assert.equal((await on.backend.request('PUT', urlOf(ids[0], 'a'), { body: 'x' })).status, 201);
    assert.equal((await on.backend.request('PUT', urlOf(first.session, 'b'), { body: 'y' })).status, 201);
    for (const id of [...ids, first.session]) assert.deepEqual(await namesOf(id), ['a', 'b']);
    assert.deepEqual(await namesOf((await plain.ask({ op: 'whoami' })).connection), []);
    const link = await on.backend.post('/v1/links', { scratch: first.session, name: 'b' });
    assert.equal((await on.backend.get(link.json.url)).text, 'y');
    assertProblem(await on.client.get(`/v1/scratch/${first.session}`), 404, 'no_such_connection');
    const elsewhere = await on.as('other', 'boss', '--role', 'backend');
    assertProblem(await elsewhere.get(`/v1/scratch/${first.session}`), 404, 'no_such_connection');
    await first.close();
    assert.deepEqual(await namesOf(first.session), ['a', 'b']);
    await second.close();
    await until(async () => (await namesOf(first.session)) === 'no_such_connection', 'the session to be without connections');
    const left = () => readdirSync(path.join(on.data, 'scratch')).length;
    await on.client.post('/test/clock', { advance_ms: 28_000 });
    const again = await openUser(t, on, [], { rsessionid: first.session });
    assert.deepEqual([await namesOf(first.session), left()], [['a', 'b'], 2]);
    await again.close();
    await until(async () => {
        await on.client.post('/test/clock', { advance_ms: 5000 });
        return left() === 0;
    }, 'the files to be removed');
});

test('nothing of it is there after a restart', async (t) => {
    const on = await startServer({ t, config: { jobs: {} } });
    const socket = await NativeSocket.open(t, on);
    const { connection } = await socket.ask({ op: 'whoami' });
    await on.client.request('PUT', urlOf(connection, 'a'), { body: 'x' });
    const dir = path.join(on.data, 'scratch');
    assert.equal(readdirSync(dir).length, 1);
    await on.kill();
    assert.equal(readdirSync(dir).length, 1);
    await on.start();
    assert.deepEqual(readdirSync(dir), []);
    assertProblem(await on.client.get(urlOf(connection, 'a')), 404, 'no_such_connection');
});
