// The native API: jobs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem } from './lib/api.mjs';
import { Gate, gatedCommand } from './lib/gate.mjs';
import { startServer, worker } from './lib/server.mjs';

let server;
let client;
before(async () => {
    server = await startServer({
        config: {
            jobs: {
                gated: { command: gatedCommand, concurrency: 8 },
                single: { command: gatedCommand, concurrency: 1, queue_max: 2 },
                echo: { command: [worker, 'echo'] },
                id: { command: [worker, 'id'] },
                report: { command: [worker, 'report'] },
                exit: { command: [worker, 'exit'] },
                expiring: { command: gatedCommand, concurrency: 1, queue_timeout: '100ms' },
                named: { command: ['/bin/sh', '-c', 'printf %s "$1" >"$RINGBACK_OUT/$2"', 'sh', '{a}{b}', '{file}'] },
            },
        },
    });
    client = server.client;
});
after(() => server.stop());

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test('start, read, result, log', async () => {
    const answer = await client.post('/v1/jobs/echo', { n: 1, text: 'é', deep: [{ a: null }] });
    assert.equal(answer.status, 202);
    const { id } = answer.json;
    assert.equal(answer.headers.location, `/v1/jobs/${id}`);
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.json.state, 'queued');
    assert.equal(answer.json.result, null);
    assert.ok(id.length >= 20);

    const job = await client.end(id);
    assert.equal(job.state, 'finished');
    assert.equal(job.kind, 'echo');
    assert.equal(job.client, 'dev-client');
    assert.equal(job.attempt, 1);
    assert.deepEqual(job.params, { n: 1, text: 'é', deep: [{ a: null }] });
    for (const at of ['created_at', 'started_at', 'ended_at']) assert.match(job[at], TIME);
    assert.equal(job.reason, null);
    assert.equal(job.result.name, 'params.json');
    assert.equal(job.result.type, 'application/json');
    assert.equal(job.result.url, `/v1/jobs/${id}/result`);
    const result = await client.get(job.result.url);
    assert.equal(result.text, '{"n":1,"text":"é","deep":[{"a":null}]}\n'); // byte for byte, and the end of a line
    assert.equal(result.body.length, job.result.bytes);
    assert.match(result.headers['content-disposition'], /filename="params\.json"/);
    assert.equal((await client.get(job.links.log)).text, '');
});

test('parameters in the command', async () => {
    const job = await client.start('named', { a: 'x y;$(z)', b: 12.50, file: 'r.txt' });
    assert.equal((await client.end(job.id)).state, 'finished');
    const result = await client.get(`/v1/jobs/${job.id}/result`);
    assert.equal(result.text, 'x y;$(z)12.5'); // JSON.stringify made 12.5 of it
    assert.equal(result.headers['content-type'], 'text/plain; charset=utf-8');
    const raw = await client.post('/v1/jobs/named', '{"a":"","b":12.50,"file":"r.txt"}');
    await client.end(raw.json.id);
    assert.equal((await client.get(`/v1/jobs/${raw.json.id}/result`)).text, '12.50'); // the number as it was written

    const wrong = [{ a: 'x' }, { a: 'x', b: {}, file: 'r' }, { a: 'x', b: null, file: 'r' }, { a: '-rf', b: '', file: 'r' }];
    for (const params of wrong) {
        const refused = await client.post('/v1/jobs/named', params);
        assertProblem(refused, 422, 'unprocessable');
        assert.match(refused.json.detail, /parameter/);
    }
});

test('reports become progress', async () => {
    const { id } = await client.start('report');
    const job = await client.end(id);
    assert.deepEqual(job.progress, {
        progress: 100, stage: 2, title: 'Second', warnings: ['a warning'], infos: ['an info'], errors: [],
    });
    assert.equal((await client.get(`/v1/jobs/${id}/log`)).text, 'just a line\n');
    assert.equal(job.result, null);
    assertProblem(await client.get(`/v1/jobs/${id}/result`), 404, 'no_result');
});

test('failure', async () => {
    const { id } = await client.start('exit');
    const job = await client.end(id);
    assert.deepEqual([job.state, job.reason, job.message], ['failed', 'failed', 'something is wrong']);
    assert.match((await client.get(`/v1/jobs/${id}/log`)).text, /first line\nsomething is wrong\n/);
});

test('bodies that are no parameters', async () => {
    assertProblem(await client.post('/v1/jobs/echo', '{"a":'), 400, 'bad_json');
    assertProblem(await client.post('/v1/jobs/echo', '[1]'), 422, 'unprocessable');
    assertProblem(await client.post('/v1/jobs/echo', '12'), 422, 'unprocessable');
    assertProblem(await client.post('/v1/jobs/echo', '{"a":1,"a":2}'), 400, 'bad_json');
    assertProblem(await client.post('/v1/jobs/echo', Buffer.from([0x22, 0xff, 0x22])), 400, 'bad_utf8');
    assertProblem(await client.post('/v1/jobs/echo', `${'['.repeat(5000)}${']'.repeat(5000)}`), 400, 'too_deep');
    const empty = await client.post('/v1/jobs/echo', '');
    assert.equal(empty.status, 202);
    assert.deepEqual((await client.end(empty.json.id)).params, {});
});

test('what there is not', async () => {
    assertProblem(await client.post('/v1/jobs/unknown', {}), 404, 'not_found');
    for (const path of ['/v1/jobs/nothing', '/v1/jobs/nothing/result', '/v1/jobs/nothing/log', '/v1/jobs/nothing/events'])
        assertProblem(await client.get(path), 404, 'not_found');
    assertProblem(await client.delete('/v1/jobs/nothing'), 404, 'not_found');
});

test('long-poll until the end', async (t) => {
    const gate = new Gate(t);
    const { id } = await client.start('gated', { gate: gate.path });
    await client.event(id, 'running');
    assert.equal((await client.get(`/v1/jobs/${id}?wait=0`)).json.state, 'running');
    const waiting = [client.get(`/v1/jobs/${id}?wait=30`), client.get(`/v1/jobs/${id}?wait=30`)];
    assert.equal((await client.job(id)).state, 'running'); // others are served meanwhile
    gate.open();
    for (const answer of await Promise.all(waiting)) {
        assert.equal(answer.status, 200);
        assert.equal(answer.json.state, 'finished');
    }
    const before = performance.now();
    assert.equal((await client.get(`/v1/jobs/${id}?wait=30`)).json.state, 'finished'); // at once
    assert.ok(performance.now() - before < 10_000);
    assertProblem(await client.get(`/v1/jobs/${id}?wait=x`), 400, 'bad_request');
});

test('a wait that is over before the job', async (t) => {
    const gate = new Gate(t);
    const { id } = await client.start('gated', { gate: gate.path });
    const before = performance.now();
    const answer = await client.get(`/v1/jobs/${id}?wait=1`);
    assert.ok(performance.now() - before >= 990);
    assert.equal(answer.status, 200);
    assert.ok(['queued', 'running'].includes(answer.json.state));
    gate.open();
    assert.equal((await client.end(id)).state, 'finished');
});

test('Prefer: wait', async (t) => {
    const prefer = (value) => ({ headers: { Prefer: value } });
    const done = await client.post('/v1/jobs/id', {}, prefer('wait=30'));
    assert.equal(done.status, 200);
    assert.equal(done.headers['preference-applied'], 'wait=30');
    assert.equal(done.json.state, 'finished');
    assert.equal(done.headers.location, `/v1/jobs/${done.json.id}`);
    assert.equal((await client.get(done.json.result.url)).text, `result of ${done.json.id}\n`);

    assert.equal((await client.post('/v1/jobs/id', {}, prefer('respond-async, wait="30"; x=1'))).status, 200);
    assert.equal((await client.post('/v1/jobs/id', {}, prefer('wait=500'))).headers['preference-applied'], 'wait=60');

    const gate = new Gate(t);
    const early = await client.post('/v1/jobs/gated', { gate: gate.path }, prefer('wait=1'));
    assert.equal(early.status, 202);
    gate.open();
    assert.equal((await client.end(early.json.id)).state, 'finished');
});

test('Idempotency-Key', async (t) => {
    const gate = new Gate(t);
    const start = (api, key, body, kind = 'gated') => api.post(`/v1/jobs/${kind}`, body, { headers: { 'Idempotency-Key': key } });
    const body = { gate: gate.path };
    const first = await start(client, 'key', body);
    assert.equal(first.headers['idempotent-replay'], undefined);
    const again = await start(client, 'key', body);
    assert.equal(again.status, 202);
    assert.equal(again.headers['idempotent-replay'], 'true');
    assert.equal(again.json.id, first.json.id);
    const other = await start(client, 'key', { ...body, more: 1 });
    assertProblem(other, 422, 'idempotency_mismatch');
    gate.open();
    await client.end(first.json.id);
    const late = await start(client, 'key', body); // the same job, which is over
    assert.equal(late.json.id, first.json.id);
    assert.equal(late.status, 200);
    assert.equal(late.json.state, 'finished');

    const bob = await server.as('demo', 'idempotent-bob'); // keys are each client's own, and each kind's
    const his = await start(bob, 'key', body);
    assert.notEqual(his.json.id, first.json.id);
    gate.open();
    assert.notEqual((await start(client, 'key', {}, 'id')).json.id, first.json.id);
    assertProblem(await start(client, 'x'.repeat(256), body), 400, 'bad_request');

    const many = await Promise.all(Array.from({ length: 20 }, () => start(client, 'race', {}, 'id')));
    assert.equal(new Set(many.map((answer) => answer.json.id)).size, 1); // all at the same time
});

test('cancel', async (t) => {
    const gate = new Gate(t);
    const { id } = await client.start('gated', { gate: gate.path });
    await client.event(id, 'running');
    const answer = await client.delete(`/v1/jobs/${id}`);
    assert.ok([200, 202].includes(answer.status), answer.text);
    const job = await client.end(id);
    assert.deepEqual([job.state, job.reason], ['cancelled', 'cancelled']);
    assertProblem(await client.delete(`/v1/jobs/${id}`), 409, 'conflict');
});

test('a queue: in order, bounded, cancelled while waiting', async (t) => {
    const gate = new Gate(t);
    const start = () => client.post('/v1/jobs/single', { gate: gate.path });
    const running = (await start()).json;
    await client.event(running.id, 'running');
    const second = (await start()).json;
    const third = (await start()).json;
    const refused = await start();
    assertProblem(refused, 429, 'queue_full');
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    assert.equal((await client.job(second.id)).state, 'queued');
    await client.delete(`/v1/jobs/${second.id}`);
    assert.equal((await client.end(second.id)).state, 'cancelled');
    const fourth = await start(); // there is room again
    assert.equal(fourth.status, 202);
    gate.open('one');
    gate.open('two');
    gate.open('three');
    const texts = [];
    for (const { id } of [running, third, fourth.json]) {
        const job = await client.end(id);
        texts.push((await client.get(job.result.url)).text);
    }
    assert.deepEqual(texts, ['one\n', 'two\n', 'three\n']);
});

test('a job that waits too long expires', async (t) => {
    const gate = new Gate(t);
    const first = await client.start('expiring', { gate: gate.path });
    await client.event(first.id, 'running');
    const second = await client.start('expiring', { gate: gate.path });
    const job = await client.end(second.id);
    assert.deepEqual([job.state, job.reason], ['expired', 'job_expired']);
    gate.open();
    assert.equal((await client.end(first.id)).state, 'finished');
});

test('lists', async () => {
    const api = await server.as('demo', 'lister');
    const ids = [];
    for (let i = 0; i < 5; i++) ids.unshift((await api.start(i % 2 ? 'id' : 'exit')).id); // the newest first
    for (const id of ids) await api.end(id);
    const list = async (query = '') => (await api.get(`/v1/jobs${query}`)).json;
    const all = await list();
    assert.deepEqual(all.jobs.map((job) => job.id), ids);
    assert.equal(all.next, null);
    assert.equal(all.jobs[0].params, undefined);
    const page = await list('?limit=2');
    assert.deepEqual(page.jobs.map((job) => job.id), ids.slice(0, 2));
    const next = await list(`?limit=2&before=${page.next}`);
    assert.deepEqual(next.jobs.map((job) => job.id), ids.slice(2, 4));
    assert.deepEqual((await list(`?limit=2&before=${next.next}`)).jobs.map((job) => job.id), ids.slice(4));
    assert.deepEqual((await list('?kind=id')).jobs.map((job) => job.id), [ids[1], ids[3]]);
    assert.equal((await list('?state=failed')).jobs.length, 3);
    assert.equal((await list('?state=running')).jobs.length, 0);
    assert.deepEqual((await list('?client=dev-client')).jobs, []); // others' jobs do not exist for it
    const backend = (await server.backend.get('/v1/jobs?client=lister')).json;
    assert.deepEqual(backend.jobs.map((job) => job.id), ids);
    for (const query of ['?state=x', '?limit=0', '?limit=101', '?before=x'])
        assertProblem(await api.get(`/v1/jobs${query}`), 400, 'bad_request');
});

test('other clients and other tenants see nothing', async (t) => {
    const gate = new Gate(t);
    const mine = await client.start('gated', { gate: gate.path });
    const { id } = await client.start('id');
    await client.end(id);
    const strangers = [
        await server.as('demo', 'stranger'),
        await server.as('acme', 'dev-client'),
        await server.as('acme', 'backend', '--role', 'backend'),
    ];
    for (const stranger of strangers) {
        for (const path of ['', '?wait=5', '/result', '/log', '/events'])
            assertProblem(await stranger.get(`/v1/jobs/${id}${path}`), 404, 'not_found');
        assertProblem(await stranger.delete(`/v1/jobs/${mine.id}`), 404, 'not_found');
        assert.deepEqual((await stranger.get('/v1/jobs')).json.jobs, []);
        assert.equal((await stranger.get(`/v1/jobs/${mine.id}`)).text, (await stranger.get('/v1/jobs/nothing')).text);
    }
    assert.equal((await server.backend.get(`/v1/jobs/${id}/result`)).status, 200);
    gate.open();
    assert.equal((await client.end(mine.id)).state, 'finished');
});

test('who has no token', async () => {
    const calls = ['POST /v1/jobs/id', 'GET /v1/jobs', 'GET /v1/jobs/x', 'GET /v1/topics/t/events'];
    for (const token of [null, 'rb_wrong', `${client.token}x`]) {
        for (const [method, path] of calls.map((call) => call.split(' '))) {
            const answer = await client.request(method, path, { token });
            assertProblem(answer, 401, 'unauthenticated');
            assert.equal(answer.headers['www-authenticate'], 'Bearer');
        }
    }
    const basic = await client.get('/v1/jobs', { token: null, headers: { Authorization: `Basic ${client.token}` } });
    assertProblem(basic, 401, 'unauthenticated');
    const lower = await client.get('/v1/jobs', { token: null, headers: { Authorization: `bearer ${client.token}` } });
    assert.equal(lower.status, 200);
    assert.equal((await client.get(`/v1/jobs?token=${client.token}`, { token: null })).status, 401); // never in a URL
});
