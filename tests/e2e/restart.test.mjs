// What a server that was stopped or killed finds again.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { assertProblem } from './lib/api.mjs';
import { Gate, gatedCommand } from './lib/gate.mjs';
import { RawConnection } from './lib/raw.mjs';
import { dispatchGated, rigiConfig } from './lib/rigi_config.mjs';
import { startServer, worker } from './lib/server.mjs';
import { joined } from './lib/sio.mjs';

const config = {
    jobs: {
        fragile: { command: gatedCommand },
        retried: { command: gatedCommand, retry: true },
        single: { command: gatedCommand, concurrency: 1, retry: true },
        id: { command: [worker, 'id'] },
    },
};

/** Whether any process still works for this job. */
const isWorking = (server, id) => {
    const dir = path.join(server.data, 'work');
    return existsSync(dir) && readdirSync(dir).some((name) => name.includes(id));
};

for (const how of ['stop', 'kill']) {
    test(`${how}: a job that ran has failed, as interrupted`, async (t) => {
        const server = await startServer({ t, config });
        const gate = new Gate(t);
        const { id } = await server.client.start('fragile', { gate: gate.path });
        await server.client.event(id, 'progress');
        await server[how]();
        await server.start();
        const job = await server.client.end(id);
        assert.deepEqual([job.state, job.reason, job.attempt], ['failed', 'interrupted', 1]);
        assert.match(job.message, /stopped/);
        const { events } = (await server.client.get(`/v1/jobs/${id}/events`)).json;
        assert.deepEqual(events.filter((event) => event.final).map((event) => event.name), ['failed']);
        assert.equal(isWorking(server, id), false);
    });

    test(`${how}: a job that ran and may be retried runs again`, async (t) => {
        const server = await startServer({ t, config });
        const gate = new Gate(t);
        const { id } = await server.client.start('retried', { gate: gate.path });
        await server.client.event(id, 'progress');
        await server[how]();
        await server.start();
        gate.open('second');
        const job = await server.client.end(id);
        assert.deepEqual([job.state, job.attempt], ['finished', 2]);
        assert.equal((await server.client.get(job.result.url)).text, 'second\n');
    });

    test(`${how}: jobs that waited go on waiting, in their order`, async (t) => {
        const server = await startServer({ t, config });
        const gate = new Gate(t);
        const ids = [];
        for (let i = 0; i < 4; i++) ids.push((await server.client.start('single', { gate: gate.path, i })).id);
        await server.client.event(ids[0], 'progress');
        await server.client.delete(`/v1/jobs/${ids[2]}`);
        await server[how]();
        await server.start();
        for (const text of ['a', 'b', 'c']) gate.open(text);
        const results = {};
        for (const [i, id] of ids.entries()) {
            const job = await server.client.end(id);
            results[i] = job.state === 'finished' ? (await server.client.get(job.result.url)).text : job.state;
        }
        assert.equal(results[2], 'cancelled');
        assert.ok(results[1] < results[3], JSON.stringify(results)); // the one that ran takes its place anew
        assert.deepEqual([results[0], results[1], results[3]].sort(), ['a\n', 'b\n', 'c\n']);
    });

    test(`${how}: results, keys and tokens are still there`, async (t) => {
        const server = await startServer({ t, config });
        const { client } = server;
        const options = { headers: { 'Idempotency-Key': 'k' } };
        const { id } = await client.start('id', {}, options);
        const job = await client.end(id);
        const other = await server.newToken('demo', 'other');
        const before = await client.get(job.result.url);
        await server[how]();
        await server.start();
        assert.equal(server.token, client.token);
        const after = await server.client.get(job.result.url);
        assert.equal(after.text, `result of ${id}\n`);
        assert.equal(after.headers.etag, before.headers.etag);
        assert.deepEqual(await server.client.job(id), job);
        assert.equal((await server.client.start('id', {}, options)).id, id);
        assert.equal((await server.client.get('/v1/jobs', { token: other })).status, 200);
    });

    test(`${how}: a result waits for the client that comes back`, async (t) => {
        const server = await startServer({ t, config: rigiConfig({ jobs: { id: { command: [worker, 'id'] } } }) });
        const gate = new Gate(t);
        gate.open();
        const job = await dispatchGated(server.client, gate);
        await server.client.end(job);
        await server[how]();
        await server.start();
        const rigi = await joined(t, server.url, server.token);
        const { jobId, downloadId } = await rigi.outcome('gated');
        assert.equal(jobId, job);
        assert.equal((await server.client.get(`/api/download/${downloadId}`)).text, 'open\n');
        await rigi.leave();
        rigi.socket.disconnect();
        await server.client.end((await server.client.start('id')).id); // the store has taken what came before this
        await server[how](); // what was confirmed stays confirmed
        await server.start();
        const again = await joined(t, server.url, server.token);
        const fence = await dispatchGated(server.client, gate);
        gate.open();
        assert.equal((await again.outcome('gated')).jobId, fence);
    });
}

test('an interrupted job is announced as text', async (t) => {
    const gated = { routes: ['POST /api/projects/{projectId}/process/gated'], command: gatedCommand }; // not retried
    const server = await startServer({ t, config: rigiConfig({ jobs: { gated } }) });
    const gate = new Gate(t);
    const job = await dispatchGated(server.client, gate);
    await server.client.event(job, 'progress');
    await server.kill();
    await server.start();
    const rigi = await joined(t, server.url, server.token);
    const { jobId, downloadId, state } = await rigi.outcome('gated');
    assert.deepEqual([jobId, state], [job, 'failed']);
    assert.match(downloadId, /stopped/);
});

test('a kind that is no longer configured', async (t) => {
    const server = await startServer({ t, config });
    const gate = new Gate(t);
    const { id } = await server.client.start('single', { gate: gate.path });
    const waiting = await server.client.start('single', { gate: gate.path });
    await server.client.event(id, 'progress');
    await server.stop();
    const without = await startServer({ t, data: server.data, config: { jobs: {} } });
    for (const job of [id, waiting.id]) {
        const { state, reason, message } = await without.client.end(job);
        assert.deepEqual([state, reason], ['failed', 'spawn_failed']);
        assert.match(message, /no longer configured/);
    }
});

test('while the server stops', async (t) => {
    const stubborn = { command: [worker, 'stubborn'], kill_grace: '500ms' };
    const server = await startServer({ t, config: { jobs: { stubborn } } });
    const { client } = server;
    const { id } = await client.start('stubborn');
    await client.event(id, 'progress');
    const waiting = await RawConnection.open(t, server.port);
    const get = (path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${client.token}\r\n\r\n`;
    waiting.send(get('/livez') + get(`/v1/jobs/${id}?wait=60`)); // when the first is answered, the second is there
    assert.equal((await waiting.answer()).status, 200);
    const stopped = server.stop('SIGINT');
    const answer = await waiting.answer(); // told, not cut: what became of the job or, if it was not yet looked up, why not
    const { state, reason } = JSON.parse(answer.body);
    if (answer.status === 503) assert.equal(reason, 'shutting_down');
    else assert.deepEqual([answer.status, state, reason], [200, 'failed', 'interrupted']);
    await stopped;
});

test('results are gone when their time is over', async (t) => {
    const server = await startServer({
        t, args: ['--clock-control'], config: rigiConfig({ jobs: { id: { command: [worker, 'id'], result_keep: '1h' } } }),
    });
    const { client } = server;
    const job = await client.end((await client.start('id')).id);
    assert.equal((await client.get(job.result.url)).status, 200);
    assert.equal((await client.get(`/api/download/${job.number}`)).status, 200);
    await client.post('/test/clock', { advance_ms: 3_600_000 + 120_000 });
    let answer;
    do answer = await client.get(job.result.url);
    while (answer.status === 200); // it is looked for now and then
    assert.ok([404, 410].includes(answer.status), answer.text);
    assertProblem(answer, answer.status, answer.status === 410 ? 'expired' : 'not_found');
    assert.ok([404, 410].includes((await client.get(`/api/download/${job.number}`)).status));
});
