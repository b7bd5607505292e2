// The Era door's capabilities: verdicts, scripts, file links, subscriptions, messages to clients, declared capabilities and hooks.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EraSocket, advance, eraConfig, newPoint, openToken, openUser } from './lib/era.mjs';
import { startServer } from './lib/server.mjs';
import { until, within } from './lib/wait.mjs';

const start = (t, more, jobs) => startServer({ t, config: eraConfig(more, jobs), args: ['--clock-control'] });
const jobsOf = async (server, kind) => (await server.backend.get(`/v1/jobs?kind=${kind}`)).json.jobs;

test('verdicts', async (t) => {
    const server = await start(t, {
        capabilities: {
            desk: { families: ['user'], events: ['hello'] },
            ops: { roles: ['operator'], events: ['alarm'] },
        },
    });
    const socket = await openToken(t, server);
    assert.equal(await socket.error('test'), 1405); // a method before its setup
    assert.deepEqual(await socket.setup('test', 'nope', 'msg'), [['test', 'ok'], ['nope', 'error'], ['msg', 'ok']]);
    await socket.ok('test');
    // A second setup replaces the first.
    assert.deepEqual(await socket.setup('msg', 'msg', 'rest', 'desk', 'ops', 'a,b'), [
        ['msg', 'ok'],
        ['msg', 'ok'],
        ['rest', 'error'],
        ['desk', 'error'],
        ['ops', 'error'],
        ['a,b', 'error'],
    ]);
    assert.equal(await socket.error('test'), 1405);
    assert.deepEqual((await socket.ok('connection_info')).capabilities, ['msg']);
    for (const params of [{ capabilities: 'msg' }, { capabilities: ['msg'] }, { capabilities: [{ key: 1 }] }, { appPath: 7 }])
        assert.equal(await socket.error('setup', params), 1400);
    assert.deepEqual((await socket.ok('connection_info')).capabilities, ['msg'], 'a bad setup changes nothing');
    assert.deepEqual(await socket.setup(), []);
    assert.deepEqual((await socket.ok('connection_info')).capabilities, []);

    const allowed = await newPoint(server, 'narrow', '--roles', 'operator', '--capabilities', 'test,ops');
    const narrow = await openToken(t, server, [], allowed.token);
    const { capabilities } = await narrow.ok('setup', { capabilities: [{ key: 'msg' }, { key: 'test' }, { key: 'ops' }] });
    assert.deepEqual(capabilities, [
        { key: 'msg', result: 'error', errormsg: 'Access denied' },
        { key: 'test', result: 'ok' },
        { key: 'ops', result: 'ok' },
    ]);
    const user = await openUser(t, server);
    assert.deepEqual(await user.setup('desk', 'ops'), [['desk', 'ok'], ['ops', 'error']]);
});

test('scripts', async (t) => {
    const server = await start(t);
    const socket = await openToken(t, server, ['svcscript']);
    const variables = async (params) => {
        const { data, ...rest } = await socket.ok('start_svcscript', params);
        assert.deepEqual(rest, { result: 'ok' });
        const { job_id, ...variables } = data.variables;
        assert.match(job_id, /^[\w-]+$/);
        return variables;
    };
    const echoed = await variables({ code: 'echo', startparam1: 'one', startparam2: '{"a":1}', startparam20: '20', startparam21: 'x' });
    assert.deepEqual(echoed, {
        state: 'finished',
        result: { startparam1: 'one', startparam2: '{"a":1}', startparam20: '20' },
        error: null,
    });
    const named = await variables({ code: 'id' });
    assert.match(named.result, /^result of /);
    assert.deepEqual(await variables({ code: 'binary' }), {
        state: 'finished',
        result: { name: 'zeros.bin', type: 'application/octet-stream', bytes: 10 },
        error: null,
    });
    assert.deepEqual(await variables({ code: 'variables', startparam1: 'x' }), {
        state: 'finished',
        result: 'x',
        length: 2.5,
        error: null,
    });
    assert.deepEqual(await variables({ code: 'failing' }), { state: 'failed', result: null, error: 'something is wrong' });
    assert.equal(await socket.error('start_svcscript', { code: 'no-such' }), 1404);
    assert.equal(await socket.error('start_svcscript', {}), 1400);
    assert.equal(await socket.error('start_svcscript', { code: 'id', timeout: 'x' }), 1400);
    assert.equal(await socket.error('start_svcscript', { code: 'gated' }), 1400); // a parameter of its command is missing
    assert.deepEqual((await jobsOf(server, 'echo')).map(({ client }) => client), ['dev-api']);
});

test('scripts that take too long, and that are taken back', async (t) => {
    const server = await start(t);
    const socket = await openToken(t, server, ['svcscript']);
    const cancelled = (count) => async () => {
        const jobs = await jobsOf(server, 'hang');
        return jobs.length === count && jobs.every(({ state }) => state === 'cancelled');
    };
    assert.equal(await socket.error('start_svcscript', { code: 'hang', timeout: 200 }), 1408);
    await until(cancelled(1), 'the job to be cancelled');
    // Without a timeout it is ten seconds.
    socket.send('start_svcscript', { qid: 'slow', code: 'hang' });
    await until(async () => (await jobsOf(server, 'hang'))[0].state === 'running', 'the job to run');
    assert.equal((await socket.call('start_svcscript', { code: 'hang' }, 'slow')).errorcode, 1409);
    await advance(server, 10_000);
    assert.deepEqual((await socket.named('start_svcscript_result')).errorcode, 1408);
    await until(cancelled(2), 'the job to be cancelled');

    socket.send('start_svcscript', { qid: [1, { a: 2 }], code: 'hang' });
    await until(async () => (await jobsOf(server, 'hang'))[0].state === 'running', 'the job to run');
    socket.send('abort_svcscript', { qid: [1, { a: 2 }] });
    assert.deepEqual(await socket.next(), ['abort_svcscript_result', { qid: [1, { a: 2 }], result: 'ok' }]);
    await until(cancelled(3), 'the job to be cancelled');
    assert.equal((await socket.call('abort_svcscript', {}, 'slow')).errorcode, 1404);
    // Taken back before the job has an id.
    socket.send('start_svcscript', { qid: 'early', code: 'hang' });
    socket.send('abort_svcscript', { qid: 'early' });
    assert.equal((await socket.next())[0], 'abort_svcscript_result');
    await until(cancelled(4), 'the job to be cancelled');
    // A finished one.
    await socket.call('start_svcscript', { code: 'id' }, 'done');
    assert.equal((await socket.call('abort_svcscript', {}, 'done')).errorcode, 1404);
    await socket.ok('connection_info');
    assert.deepEqual(socket.messages.peek(), []);
});

test('what is under way when a socket closes', async (t) => {
    const server = await start(t);
    const fifo = path.join(server.dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const socket = await openToken(t, server, ['svcscript']);
    socket.send('start_svcscript', { qid: 1, code: 'gated', startparam1: fifo });
    for (let i = 0; i < 63; i++) socket.send('start_svcscript', { qid: `n${i}`, code: 'hang' });
    assert.equal((await socket.call('start_svcscript', { code: 'hang' }, 'more')).errorcode, 1429);
    await until(async () => (await jobsOf(server, 'gated'))[0]?.state === 'running', 'the job to run');
    await socket.terminate();
    writeFileSync(fifo, 'through\n');
    await until(async () => (await jobsOf(server, 'gated'))[0].state === 'finished', 'the job to go on all the same');
});

test('links', async (t) => {
    const server = await start(t);
    const socket = await openToken(t, server, ['svcscript', 'callrecord']);
    const { data } = await socket.ok('start_svcscript', { code: 'id' });
    const key = `job:${data.variables.job_id}/id.txt`;
    const { result } = await socket.call('callrecord_get_path', { key });
    assert.match(result, /^\/temp\/[a-z2-7]{26,}\.txt$/);
    const file = await server.client.request('GET', result, { token: null });
    assert.deepEqual([file.status, file.text], [200, `result of ${data.variables.job_id}\n`]);
    assert.equal(await socket.error('callrecord_get_path', { key: 'job:nope/id.txt' }), 1404);
    assert.equal(await socket.error('callrecord_get_path', { key: `job:${data.variables.job_id}/other` }), 1404);
    assert.equal(await socket.error('callrecord_get_path', { key: '/etc/passwd' }), 1400);
    assert.equal(await socket.error('callrecord_get_path', {}), 1400);
    const stranger = await newPoint(server, 'stranger');
    const other = await openToken(t, server, ['callrecord'], stranger.token);
    assert.equal(await other.error('callrecord_get_path', { key }), 1404);
    await advance(server, 301_000);
    assert.equal((await server.client.request('GET', result, { token: null })).status, 404);
});

test('subscriptions to connections', async (t) => {
    const server = await start(t);
    const token = await openToken(t, server, ['subscr']);
    const events = ['registrarevents'];
    const own = (await token.ok('connection_info')).connectionid;
    const notice = async (type, field = 'connection_id') => {
        let params;
        do params = await token.named('notify');
        while (params.data.connection_id === own); // it is renewed when it likes
        assert.deepEqual(Object.keys(params), ['class', 'type', 'eventts', 'data']);
        assert.deepEqual([params.class, params.type], ['registrarevents', type]);
        assert.ok(Math.abs(params.eventts - Date.now()) < 7200_000);
        return params.data[field];
    };
    await token.ok('subscribe', { id: 'all', events, expires: 300 });
    const user = await openUser(t, server, ['msg']);
    const { connectionid, sessionid } = await user.ok('connection_info');
    let data;
    do ({ data } = await token.named('notify'));
    while (data.connection_id === own);
    assert.equal(typeof data.peer_port, 'number');
    const named = createHash('sha256').update(sessionid).digest('hex').slice(0, 32);
    assert.deepEqual(
        { ...data, peer_port: 0 },
        {
            domain: 'demo',
            ownertype: 'user',
            user_id: 'u-dev',
            login: 'demo',
            integration_point_id: '',
            connection_id: connectionid,
            session_id: named.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), // not the id, which opens the session
            app: '',
            caps: '',
            peer_address: '127.0.0.1',
            peer_port: 0,
            ttl: 120,
        },
    );
    // A sign of life renews, from 40 s on.
    await advance(server, 41_000);
    await user.ok('ping');
    assert.equal(await notice('user_registered'), connectionid);
    // Twice for two subscriptions that it fits; a third is for somebody else.
    await token.ok('subscribe', { id: 'mine', events, objects: ['u-dev'], expires: 300 });
    await token.ok('subscribe', { id: 7, events, objects: 'u-other', expires: 300 });
    await user.terminate();
    assert.equal(await notice('user_unregistered', 'reason'), 'unregister_contact');
    assert.equal(await notice('user_unregistered'), connectionid);
    // Two that ask for the same.
    await token.ok('subscribe', { id: 'mine', expires: 0 });
    await token.ok('subscribe', { id: 'again', events, expires: 600 });
    const second = await openUser(t, server);
    const id = (await second.ok('connection_info')).connectionid;
    assert.deepEqual([await notice('user_registered'), await notice('user_registered')], [id, id]);
    // One runs out, the other was renewed.
    await advance(server, 200_000);
    await token.ok('subscribe', { id: 'all', expires: 300 });
    await advance(server, 250_000);
    await token.ok('subscribe', { id: 'again', expires: 600 });
    await advance(server, 100_000);
    await token.ok('ping');
    const third = await openUser(t, server);
    const thirdId = (await third.ok('connection_info')).connectionid;
    let renewed;
    do renewed = await notice('user_registered');
    while (renewed !== thirdId);
    await token.ok('subscribe', { id: 'again', expires: 0 });
    await token.ok('subscribe', { id: 'again', expires: 0 });
    const fourth = await openUser(t, server);
    await fourth.ok('ping');
    await token.ok('ping');
    assert.deepEqual(token.messages.peek(), [], 'one was sent, and none after the last subscription went');
});

test('who may subscribe to what', async (t) => {
    const server = await start(t);
    const plain = await newPoint(server, 'plain');
    const token = await openToken(t, server, ['subscr'], plain.token);
    assert.equal(await token.error('subscribe', { id: 1, events: ['registrarevents'], expires: 60 }), 1403);
    await token.ok('subscribe', { id: 1, expires: 0 }); // without a check of rights
    const good = await openToken(t, server, ['subscr', 'svcscript']);
    const bad = [
        {},
        { id: 'x' },
        { id: 'x', events: [] },
        { id: 'x', events: ['nothing'] },
        { id: 'x', events: [7] },
        { id: 'x', events: ['jobevents'] },
        { id: 'x', events: ['registrarevents'], objects: ['a/b'] },
        { id: 'x', events: ['registrarevents'], objects: Array(101).fill('u') },
        { id: 'x', events: ['registrarevents'], expires: -1 },
        { id: 'x'.repeat(300), events: ['registrarevents'] },
    ];
    for (const params of bad) assert.equal(await good.error('subscribe', params), 1400, JSON.stringify(params));
    assert.equal(await good.error('subscribe', { id: 'x', events: ['jobevents'], objects: ['nope'] }), 1404);
    for (let i = 0; i < 64; i++) await good.ok('subscribe', { id: i, events: ['registrarevents'] });
    assert.equal(await good.error('subscribe', { id: 'more', events: ['registrarevents'] }), 1429);
    await good.ok('subscribe', { id: 5, events: ['registrarevents'] }); // in place of a former one
    const user = await openUser(t, server);
    await user.ok('ping');
    for (let i = 0; i < 64; i++) assert.equal((await good.named('notify')).type, 'user_registered');
    await good.ok('ping');
    assert.deepEqual(good.messages.peek(), []);
});

test('subscriptions to jobs', async (t) => {
    const server = await start(t);
    const token = await openToken(t, server, ['subscr', 'svcscript']);
    const api = { token: server.apiToken };
    const started = await server.client.request('POST', '/v1/jobs/id', api);
    const { id } = started.json;
    await server.client.request('GET', `/v1/jobs/${id}?wait=30`, api);
    await token.ok('subscribe', { id: 'job', events: 'jobevents', objects: [id] });
    const types = [];
    do {
        const params = await token.named('notify');
        assert.deepEqual([params.class, params.data.job_id], ['jobevents', id]);
        types.push(params.type);
    } while (types.at(-1) !== 'finished');
    assert.deepEqual(types, ['queued', 'running', 'finished']);
    const foreign = (await server.client.post('/v1/jobs/id')).json.id;
    assert.equal(await token.error('subscribe', { id: 'x', events: ['jobevents'], objects: [id, foreign] }), 1404);
});

test('messages to clients', async (t) => {
    const server = await start(t);
    const socket = await openToken(t, server, ['msg']);
    const { connectionid } = await socket.ok('connection_info');
    const send = (body) => server.backend.post(`/v1/connections/${connectionid}/send`, body);
    const call = (body) => server.backend.post(`/v1/connections/${connectionid}/call`, body);
    assert.equal((await send({ name: 'job_done', data: { job: 'j-7', n: 1 } })).status, 202);
    assert.deepEqual(await socket.next(), ['job_done', { job: 'j-7', n: 1 }]);
    await send({ name: 'any', data: [1, 'x'] });
    assert.deepEqual(await socket.next(), ['any', [1, 'x']]);

    const asked = call({ name: 'ask_size', data: { qid: 'mine', unit: 'mm' }, timeout: 5 });
    const [name, { qid, ...rest }] = await socket.next();
    assert.deepEqual([name, rest], ['ask_size', { unit: 'mm' }]);
    assert.match(qid, /^rb-\d+-/);
    socket.send('other_result', { qid, w: 1 }); // another name
    socket.send('ask_size_result', { qid: 'rb-1', w: 2 }); // another qid
    socket.send('ask_size_result', { w: 3 });
    socket.send('ask_size_result', { qid, result: 'ok', w: 70 });
    socket.send('ask_size_result', { qid, result: 'ok', w: 71 }); // twice
    const answer = await asked;
    assert.deepEqual([answer.status, answer.json.data], [200, { result: 'ok', w: 70 }], answer.text);
    await socket.ok('ping');
    assert.deepEqual(socket.messages.peek(), [], 'replies that fit nothing are dropped without a word');
    const stats = (await server.backend.get('/v1/connections/stats')).json;
    assert.equal(stats.calls.late_replies, 4);

    const failing = call({ name: 'ask', data: {} });
    socket.send('ask_result', { qid: (await socket.next())[1].qid, result: 'error', errormsg: 'out of order' });
    const failed = await failing;
    assert.equal(failed.json.reason, 'call_failed');
    assert.match(failed.text, /out of order/);
    assert.equal((await call({ name: 'ask', data: [] })).status, 422);
    const waiting = call({ name: 'ask', data: {} });
    await socket.next();
    await socket.terminate();
    assert.equal((await waiting).status, 410);
});

test('at most 64 requests wait for a client', async (t) => {
    const server = await start(t);
    const socket = await openToken(t, server, ['msg']);
    const { connectionid } = await socket.ok('connection_info');
    const calls = Array.from({ length: 65 }, () => server.backend.post(`/v1/connections/${connectionid}/call`, { name: 'ask', data: {} }));
    const first = await within('the one that is too many', Promise.race(calls));
    assert.equal(first.status, 429);
    for (let i = 0; i < 64; i++) socket.send('ask_result', { qid: (await socket.next())[1].qid, result: 'ok' });
    const statuses = (await Promise.all(calls)).map(({ status }) => status).sort();
    assert.deepEqual(statuses, [...Array(64).fill(200), 429]);
});

test('hooks', async (t) => {
    const seen = [];
    const answers = { '/claimed': '["pong",{"qid":9,"x":2.50}]', '/none': '', '/bad': '' };
    const web = http.createServer(async (request, response) => {
        let text = '';
        for await (const piece of request) text += piece;
        seen.push([request.method, request.url, request.headers['content-type'], JSON.parse(text)]);
        if (request.url === '/slow') return;
        response.writeHead(request.url === '/bad' ? 500 : 200, { 'content-type': 'application/json' });
        response.end(answers[request.url]);
    });
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    t.after(() => web.closeAllConnections?.() ?? web.close());
    t.after(() => web.close());
    const url = `http://127.0.0.1:${web.address().port}`;
    const server = await start(t, {
        unclaimed_kind: 'message',
        capabilities: {
            game: { methods: ['poke'], url: `${url}/claimed` },
            quiet: { methods: ['note'], url: `${url}/none` },
            broken: { methods: ['broken'], url: `${url}/bad` },
            slow: { methods: ['slow'], url: `${url}/slow`, timeout: '200ms' },
        },
    });
    const socket = await openToken(t, server);
    const { connectionid } = await socket.ok('connection_info');
    assert.equal(await socket.error('poke', { a: 1 }), 1405);
    await socket.setup('game', 'quiet', 'broken', 'slow');
    socket.send('poke', { qid: 9, a: 1 });
    assert.deepEqual(await socket.next(), ['pong', { qid: 9, x: 2.5 }]);
    assert.equal(socket.texts.at(-1), '["pong",{"qid":9,"x":2.50}]');
    assert.deepEqual(seen.pop(), [
        'POST',
        '/claimed',
        'application/json',
        { connectionid, integration_point: 'p-dev', method: 'poke', params: { qid: 9, a: 1 } },
    ]);
    await socket.ok('note');
    assert.equal(await socket.error('broken'), 1500);
    assert.equal(await socket.error('slow'), 1408);
    socket.send('hello', { qid: 5 }); // claimed by nobody
    assert.deepEqual(await socket.next(), ['greeting', { qid: 5, hello: true }]);
    const user = new EraSocket(t, server);
    await user.open;
    assert.equal(await user.error('hello'), 1401);
    assert.equal((await jobsOf(server, 'message')).length, 1);
});
