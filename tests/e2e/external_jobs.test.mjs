// Jobs whose work is done elsewhere: told of over HTTP, across restarts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem } from './lib/api.mjs';
import { startServer, worker } from './lib/server.mjs';
import { openStream } from './lib/sse.mjs';

const config = {
    http: { wait_max: '30s' },
    jobs: {
        survey: { external: true, concurrency: 1 },
        hasty: { external: true, timeout: '300ms' },
        id: { command: [worker, 'id'] },
    },
};

let server;
let client;
before(async () => {
    server = await startServer({ config });
    ({ client } = server);
});
after(() => server.stop());

const report = (api, id, body) => api.post(`/v1/jobs/${id}/report`, body);
const finish = (api, id, body) => api.post(`/v1/jobs/${id}/finish`, body);

test('reported, finished, watched', async (t) => {
    const { id } = await client.start('survey', { site: 'north' });
    const stream = await openStream(t, `${server.url}/v1/jobs/${id}/events?after=start`, client.token);
    assert.equal((await report(client, id, { progress: 10, title: 'Driving' })).status, 204);
    const running = await client.job(id);
    assert.deepEqual([running.state, running.attempt, running.progress.title], ['running', 1, 'Driving']);
    const seen = [];
    while (seen.at(-1) !== 'progress') seen.push((await stream.events.next()).event);
    assert.deepEqual(seen, ['queued', 'running', 'progress']);
    const waiting = client.get(`/v1/jobs/${id}?wait=30`, { ms: 60_000 });
    assert.equal((await report(server.backend, id, { event: 'photo', data: { n: 1 } })).status, 204);
    const answer = await finish(client, id, { state: 'finished', report: { progress: 100, info: 'dry' } });
    assert.equal(answer.status, 200, answer.text);
    const shape = { progress: 100, stage: 1, title: 'Driving', warnings: [], infos: ['dry'], errors: [] };
    for (const job of [answer.json, (await waiting).json]) {
        assert.deepEqual([job.state, job.reason, job.result], ['finished', null, null]);
        assert.deepEqual(job.progress, shape);
    }
    let event;
    do event = await stream.events.next();
    while (event.event !== 'finished');
    assert.deepEqual(JSON.parse(event.data).report, shape);
});

test('several run, whatever concurrency says', async () => {
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await client.start('survey')).id);
    for (const id of ids) {
        await client.event(id, 'running');
        assert.equal((await finish(client, id, { state: 'finished' })).json.state, 'finished');
    }
});

test('failed, with a message', async () => {
    const { id } = await client.start('survey');
    const { json } = await finish(client, id, { state: 'failed', message: 'the road is closed' });
    assert.deepEqual([json.state, json.reason, json.message], ['failed', 'failed', 'the road is closed']);
    assertProblem(await finish(client, id, { state: 'finished' }), 409, 'conflict');
    assertProblem(await report(client, id, { progress: 1 }), 409, 'conflict');
});

test('out of time', async () => {
    const { id } = await client.start('hasty');
    const job = await client.end(id);
    assert.deepEqual([job.state, job.reason], ['failed', 'job_timeout']);
});

test('cancelled', async () => {
    const { id } = await client.start('survey');
    const answer = await client.delete(`/v1/jobs/${id}`);
    assert.deepEqual([answer.status, answer.json.state], [200, 'cancelled']);
});

test('what is refused', async () => {
    const { id } = await client.start('survey');
    for (const body of [{}, [], '"x"', { progress: 'half' }, { event: 'finished' }])
        assertProblem(await report(client, id, body), 422, 'unprocessable');
    assertProblem(await report(client, id, '{'), 422, 'unprocessable');
    for (const body of [{}, [], { state: 'running' }, { state: 7 }, { state: 'failed', message: 7 }, { state: 'finished', report: {} }])
        assertProblem(await finish(client, id, body), 422, 'unprocessable');
    assertProblem(await finish(client, id, '{'), 400, 'bad_json');
    assertProblem(await finish(client, id, ''), 400, 'bad_json');
    const stranger = await server.as('demo', 'somebody-else');
    assertProblem(await report(stranger, id, { progress: 1 }), 404, 'not_found');
    assertProblem(await finish(stranger, id, { state: 'finished' }), 404, 'not_found');
    assert.equal((await client.job(id)).state, 'running');
    const own = await client.start('id');
    await client.end(own.id);
    assertProblem(await report(client, own.id, { progress: 1 }), 409, 'conflict');
    assertProblem(await report(client, 'none', { progress: 1 }), 404, 'not_found');
    await finish(client, id, { state: 'finished' });
});

for (const how of ['stop', 'kill'])
    test(`${how}: it goes on`, async (t) => {
        const own = await startServer({ t, config });
        const { id } = await own.client.start('survey', { site: 'south' });
        assert.equal((await report(own.client, id, { progress: 30 })).status, 204);
        const { started_at } = await own.client.job(id);
        await own[how]();
        await own.start();
        const job = await own.client.job(id);
        assert.deepEqual([job.state, job.attempt, job.started_at], ['running', 1, started_at]);
        assert.equal((await report(own.client, id, { progress: 60 })).status, 204);
        const done = (await finish(own.client, id, { state: 'finished' })).json;
        assert.deepEqual([done.state, done.progress.progress], ['finished', 60]);
        const { events } = (await own.client.get(`/v1/jobs/${id}/events?after=start`)).json;
        const stored = events.map((event) => event.name).filter((name) => name !== 'progress');
        assert.deepEqual(stored, ['queued', 'running', 'finished']);
    });
