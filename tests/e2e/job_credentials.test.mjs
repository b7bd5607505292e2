// What a worker may do with the token that its job is lent, and for how long.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Api, assertProblem } from './lib/api.mjs';
import { openToken } from './lib/era.mjs';
import { NativeSocket } from './lib/native_socket.mjs';
import { startServer, temporaryDirectory, worker } from './lib/server.mjs';
import { openStream } from './lib/sse.mjs';
import { within } from './lib/wait.mjs';

const config = {
    era: { enabled: true },
    jobs: {
        ask: { command: [worker, 'ask'] },
        lend: { command: [worker, 'lend', '{dir}'] },
        crash: { command: [worker, 'lend-crash', '{dir}'] },
    },
};

let server;
before(async () => (server = await startServer({ config })));
after(() => server.stop());

async function ask(api) {
    const job = await api.end((await api.start('ask')).id);
    assert.equal(job.state, 'finished', job.message);
    return { job, statuses: (await api.get(`/v1/jobs/${job.id}/log`)).text.trim().split('\n') };
}

test('a client\'s worker reads its job, and publishes nothing', async () => {
    const { job, statuses } = await ask(server.client);
    assert.deepEqual(statuses, ['200', '403', '403']);
    assert.equal(job.result.name, 'ask.zip');
});

test('a back end\'s worker may do what a back end may', async () => {
    const { statuses } = await ask(server.backend);
    assert.deepEqual(statuses.map((status) => status[0]), ['2', '2', '2']);
    const { events } = (await server.backend.get('/v1/topics/news/events?after=start')).json;
    assert.deepEqual(events.map((event) => event.data), [{ by: 'worker' }]);
});

const tokenIn = (dir) => readFileSync(path.join(dir, 'token'), 'utf8').trim();

test('it is good as long as the worker lives', async () => {
    const dir = temporaryDirectory();
    const { id } = await server.client.start('lend', { dir });
    await server.client.event(id, 'ready');
    const borrowed = new Api(server.url, tokenIn(dir));
    assert.equal((await borrowed.job(id)).state, 'running');
    assertProblem(await borrowed.get('/v1/connections'), 403, 'forbidden');
    const stranger = await (await server.as('demo', 'somebody-else')).start('lend', { dir: temporaryDirectory() });
    assertProblem(await borrowed.get(`/v1/jobs/${stranger.id}`), 404, 'not_found');
    await server.backend.delete(`/v1/jobs/${stranger.id}`);

    await borrowed.delete(`/v1/jobs/${id}`); // it may end itself
    assert.equal((await server.client.end(id)).state, 'cancelled');
    assertProblem(await borrowed.get(`/v1/jobs/${id}`), 401, 'unauthenticated');
});

test('what was opened with it goes with it', async (t) => {
    const dir = temporaryDirectory();
    const { id } = await server.client.start('lend', { dir });
    await server.client.event(id, 'ready');
    const socket = await openToken(t, server, ['msg'], tokenIn(dir));
    const { sessionid } = await socket.ok('connection_info');
    const session = new Api(server.url, sessionid);
    const cloned = await session.post('/rest/v1/iam/sessions', { session_type: 'token_clone_cookie' });
    const sessions = [session, ...(cloned.status === 201 ? [new Api(server.url, cloned.json.session_token)] : [])];
    const statuses = () => Promise.all(sessions.map(async (api) => (await api.get('/era/v1/connections')).status));
    assert.deepEqual(await statuses(), sessions.map(() => 200));

    await server.client.delete(`/v1/jobs/${id}`);
    await server.client.end(id);
    assert.deepEqual(await statuses(), sessions.map(() => 401));
    socket.send('ping', { qid: 1 });
    assert.equal(await socket.end(), 4401);
});

test('what it has opened ends with it', async (t) => {
    const dir = temporaryDirectory();
    const { id } = await server.client.start('lend', { dir });
    await server.client.event(id, 'ready');
    const socket = await NativeSocket.open(t, server, tokenIn(dir));
    assert.equal((await socket.ask({ op: 'whoami' })).op, 'ok');
    const stream = await openStream(t, `${server.url}/v1/topics/news/events`, tokenIn(dir));
    await server.backend.post('/v1/topics/news/events', { name: 'n', data: 'before' });
    assert.equal((await stream.events.next('an event')).data, '"before"');
    await server.client.delete(`/v1/jobs/${id}`);
    await server.client.end(id);
    socket.send({ op: 'whoami' });
    assert.deepEqual(await socket.closed, { code: 4401, reason: 'unauthenticated' });
    await server.backend.post('/v1/topics/news/events', { name: 'n', data: 'the last' });
    await within('the end of the stream', stream.ended);
});

test('a crash takes it back too', async () => {
    const dir = temporaryDirectory();
    await server.client.end((await server.client.start('crash', { dir })).id);
    assertProblem(await new Api(server.url, tokenIn(dir)).get('/v1/jobs'), 401, 'unauthenticated');
});

test('it is nowhere to be read, and nothing after a restart', async (t) => {
    const own = await startServer({ t, config, args: ['--log', 'debug'] });
    const dir = temporaryDirectory();
    const { id } = await own.client.start('lend', { dir });
    await own.client.event(id, 'ready');
    const token = tokenIn(dir);
    const { text } = await own.client.get(`/v1/jobs/${id}`);
    assert.ok(!text.includes(token));
    await own.kill();
    assert.ok(own.stderr.includes('job.accepted'), own.stderr); // it does log
    assert.ok(!own.stderr.includes(token) && !own.stderr.includes('rbj_'));
    for (const file of readdirSync(own.data))
        if (/sqlite|\.db/.test(file)) assert.ok(!readFileSync(path.join(own.data, file)).includes(token), file);
    await own.start();
    assertProblem(await new Api(own.url, token).get('/v1/jobs'), 401, 'unauthenticated');
});
