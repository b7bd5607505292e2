// Temporary public links: /v1/links and /temp.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { assertProblem } from './lib/api.mjs';
import { NativeSocket } from './lib/native_socket.mjs';
import { RawConnection } from './lib/raw.mjs';
import { startServer, worker } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const sh = (script) => ({ command: ['/bin/sh', '-c', script] });

let server;
before(async () => {
    server = await startServer({
        args: ['--clock-control'],
        config: {
            threads: 2,
            websocket: { ping_interval: '1h' },
            jobs: {
                id: { command: [worker, 'id'] },
                silent: { command: [worker, 'silent'] },
                big: sh('head -c 50000000 /dev/zero >"$RINGBACK_OUT/big.bin"'),
                busy: sh('ln -s /etc/passwd link; echo in work >work.txt; echo in out >o; mv o "$RINGBACK_OUT/out.txt"; exec sleep 1000'),
            },
        },
    });
});
after(() => server.stop());

const make = (body, api = server.client) => api.post('/v1/links', body);
const fetchLink = (url, headers = {}, method = 'GET') => server.client.request(method, url, { headers, token: null });
const advance = (ms) => server.client.post('/test/clock', { advance_ms: ms });
const files = () => readdirSync(path.join(server.data, 'links'));
const finished = async (kind, params) => server.client.end((await server.client.start(kind, params)).id);

async function made(body, api) {
    const answer = await make(body, api);
    assert.equal(answer.status, 201, answer.text);
    assert.match(answer.json.url, /^\/temp\/[a-z2-7]{32}(\.[a-z0-9]{1,10})?$/);
    assert.equal(answer.headers.location, answer.json.url);
    return answer.json;
}

test("a job's result, for everybody, as often as they like", async () => {
    const job = await finished('id');
    const { url, expires } = await made({ job: job.id });
    const left = Date.parse(expires) - Date.parse((await finished('id')).ended_at);
    assert.ok(left > 280_000 && left <= 300_500, expires);
    for (let i = 0; i < 2; i++) {
        const got = await fetchLink(url);
        assert.deepEqual([got.status, got.text], [200, `result of ${job.id}\n`]);
        assert.equal(got.headers['content-type'], 'text/plain; charset=utf-8');
        assert.match(got.headers['content-disposition'], /^attachment; filename="id\.txt"/);
        assert.equal(got.headers['cache-control'], 'private, no-store');
        assert.equal(got.headers['referrer-policy'], 'no-referrer');
        assert.equal(got.headers['x-content-type-options'], 'nosniff');
    }
    const part = await fetchLink(url, { Range: 'bytes=0-5' });
    assert.deepEqual([part.status, part.text], [206, 'result']);
    const head = await fetchLink(url, {}, 'HEAD');
    assert.deepEqual([head.status, head.body.length, Number(head.headers['content-length'])], [200, 0, job.result.bytes]);
    assertProblem(await fetchLink(`${url.slice(0, -5)}x`), 404, 'not_found');
    assertProblem(await fetchLink(url, {}, 'DELETE'), 405, 'method_not_allowed');
    const again = await made({ job: job.id });
    assert.notEqual(again.url, url);
});

test('a result by its name; back ends for all of the tenant', async () => {
    const job = await finished('id');
    assert.equal((await fetchLink((await made({ job: job.id, file: 'id.txt' })).url)).text, `result of ${job.id}\n`);
    assert.equal((await fetchLink((await made({ job: job.id }, server.backend)).url)).status, 200);
    assertProblem(await make({ job: job.id, file: 'other.txt' }), 404, 'not_found');
    assertProblem(await make({ job: job.id }, await server.as('demo', 'stranger')), 404, 'not_found');
    assertProblem(await make({ job: job.id }, await server.as('other', 'boss', '--role', 'backend')), 404, 'not_found');
    assertProblem(await make({ job: (await finished('silent')).id }), 404, 'no_result');
});

test('files of a worker while it runs', async (t) => {
    const { id } = await server.client.start('busy');
    t.after(() => server.client.delete(`/v1/jobs/${id}`));
    await until(async () => (await make({ job: id, file: 'out.txt' })).status === 201, 'the worker to write');
    assert.equal((await fetchLink((await made({ job: id, file: 'out.txt' })).url)).text, 'in out\n');
    assert.equal((await fetchLink((await made({ job: id, file: 'work.txt' })).url)).text, 'in work\n');
    for (const file of ['link', 'out', 'none']) assertProblem(await make({ job: id, file }), 404, 'not_found');
    for (const file of ['../x', '..', '', 'out/out.txt', '/etc/passwd']) assertProblem(await make({ job: id, file }), 400, 'bad_name');
    assertProblem(await make({ job: id }), 404, 'no_result');
});

test('a file of a scratch, whatever becomes of it', async (t) => {
    const socket = await NativeSocket.open(t, server);
    const { connection } = await socket.ask({ op: 'whoami' });
    const target = `/v1/scratch/${connection}/a.json`;
    await server.client.request('PUT', target, { body: '{"a":1}' });
    const { url } = await made({ scratch: connection, name: 'a.json' });
    assert.match(url, /\.json$/);
    await server.client.request('PUT', target, { body: 'changed' });
    assert.equal((await fetchLink(url)).text, '{"a":1}');
    await server.client.delete(target);
    const got = await fetchLink(url);
    assert.deepEqual([got.text, got.headers['content-type']], ['{"a":1}', 'application/json']);
    assertProblem(await make({ scratch: connection, name: 'a.json' }), 404, 'not_found');
    assertProblem(await make({ scratch: connection, name: 'a.json' }, await server.as('demo', 'stranger')), 404, 'no_such_connection');
    assertProblem(await make({ scratch: connection, name: '../a.json' }), 400, 'bad_name');
    assertProblem(await make({ scratch: 'A'.repeat(24), name: 'a.json' }), 404, 'no_such_connection');
});

test('what is not a request', async () => {
    const { id } = await server.client.start('id');
    const cases = [{}, [], { job: id, scratch: id, name: 'x' }, { job: 1 }, { scratch: id }, { job: id, file: 1 }, 'x'];
    const more = [0, -1, 1.5, 86401, '300', null].map((ttl_s) => ({ job: id, ttl_s }));
    for (const body of [...cases, ...more]) {
        const answer = await make(JSON.stringify(body));
        assertProblem(answer, 422, 'unprocessable');
        assert.ok(answer.json.detail, answer.text);
    }
    assertProblem(await make('{'), 400, 'bad_json');
    assertProblem(await make({ job: 'none' }), 404, 'not_found');
    assertProblem(await server.client.post('/v1/links', { job: id }, { token: null }), 401, 'unauthenticated');
});

test('its time: five minutes, or as long as was asked for', async () => {
    const job = await finished('id');
    const { url } = await made({ job: job.id });
    const long = await made({ job: job.id, ttl_s: 3600 });
    await advance(4 * 60_000 + 58_000);
    assert.equal((await fetchLink(url)).status, 200);
    await advance(3000);
    assertProblem(await fetchLink(url), 404, 'not_found');
    assert.equal((await fetchLink(long.url)).status, 200);
    await until(async () => {
        await advance(1000);
        return !files().includes(path.basename(url));
    }, 'its file to be removed');
    assert.equal((await fetchLink(long.url)).status, 200);
    await advance(3_600_000);
    await until(() => files().length === 0, 'all files to be removed');
});

test('a fetch that has begun comes to its end', async (t) => {
    const job = await finished('big');
    const { url } = await made({ job: job.id, ttl_s: 10 });
    assert.equal(statSync(path.join(server.data, 'links', path.basename(url))).nlink, 2, 'a result is not copied');
    const raw = await RawConnection.open(t, server.port);
    raw.send(`GET ${url} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    await until(() => raw.received.length > 0, 'the answer to begin');
    raw.tcp.pause();
    for (let i = 0; i < 5; i++) await advance(3000);
    await until(() => files().length === 0, 'its file to be removed');
    assertProblem(await fetchLink(url), 404, 'not_found');
    assert.ok(raw.received.length < 50_000_000);
    raw.tcp.resume();
    assert.ok((await raw.rest()).length > 50_000_000);
});

test('no link outlives its server', async (t) => {
    const on = await startServer({ t, config: { jobs: { id: { command: [worker, 'id'] } } } });
    const job = await on.client.end((await on.client.start('id')).id);
    const { json } = await on.client.post('/v1/links', { job: job.id });
    assert.equal((await on.client.get(json.url)).status, 200);
    await on.kill();
    await on.start();
    assertProblem(await on.client.get(json.url), 404, 'not_found');
    assert.deepEqual(readdirSync(path.join(on.data, 'links')), []);
    assert.equal((await on.client.get(`/v1/jobs/${job.id}/result`)).status, 200);
});
