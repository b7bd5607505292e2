// The Era door's sockets: who may open them, login, messages, life, events of connections.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EraSocket, advance, eraConfig, newPoint, openToken, openUser } from './lib/era.mjs';
import { startServer } from './lib/server.mjs';
import { until, within } from './lib/wait.mjs';

const start = (t, more, jobs) => startServer({ t, config: eraConfig(more, jobs), args: ['--clock-control'] });

test('upgrades', async (t) => {
    const server = await start(t, { default_tenant: 'demo' });
    const refusal = (options) => new EraSocket(t, server, options).refusal();
    const path = `/ws/token/v1/${server.apiToken}`;
    assert.deepEqual(await refusal({ path: '/ws/token/v1/0123456789abcdef0123456789abcdef' }), [401, 1401]);
    assert.deepEqual(await refusal({ path: '/ws/token/v1' }), [401, 1401]);
    assert.deepEqual(await refusal({ path: '/ws/token/v1', headers: { authorization: 'Basic eA==' } }), [401, 1401]);
    assert.deepEqual(await refusal({ path, origin: 'https://evil.example' }), [403, 1403]);
    assert.deepEqual(await refusal({ path: '/ws', origin: 'https://evil.example' }), [403, 1403]);
    const far = await newPoint(server, 'far', '--addresses', '10.0.0.0/8,2001:db8::/32');
    const near = await newPoint(server, 'near', '--addresses', '10.0.0.0/8,127.0.0.0/8');
    assert.deepEqual(await refusal({ path: `/ws/token/v1/${far.token}` }), [403, 1403]);
    await openToken(t, server, ['msg'], near.token);
    const answer = await server.client.request('GET', '/ws', { token: null });
    assert.equal(answer.status, 426);
    const old = await newPoint(server, 'old', '--token', '0f343b0931126a20f133d67c2b018a3b');
    await openToken(t, server, ['msg'], old.token);
    assert.ok(!server.stderr.includes(server.apiToken), 'the log shows no token');
});

test('path and header give the same connection', async (t) => {
    const server = await start(t);
    const authorization = `Bearer ${server.apiToken}`;
    const one = await openToken(t, server, ['msg']);
    const other = await openToken(t, server, ['msg'], '', { path: '/ws/token/v1', headers: { authorization } });
    const changing = ['connectionid', 'sessionid', 'datetime', 'timestamp'];
    const [a, b] = [await one.ok('connection_info'), await other.ok('connection_info')];
    for (const key of changing) assert.ok(a[key] && b[key], key);
    assert.notEqual(a.connectionid, b.connectionid);
    assert.notEqual(a.sessionid, b.sessionid);
    assert.match(a.sessionid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.match(a.datetime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(new Date(a.datetime).getTime(), a.timestamp);
    for (const key of changing) delete a[key], delete b[key];
    assert.deepEqual(a, b);
    assert.deepEqual(a, {
        result: 'ok',
        site: 'main',
        ownertype: 'token',
        domain: 'demo',
        capabilities: ['msg'],
        roles: ['subscr'],
        integration_point_id: 'p-dev',
        integration_point_type: 'dev',
        token: server.apiToken,
    });
});

test('qid comes back as it was', async (t) => {
    const server = await start(t);
    const socket = await openToken(t, server);
    for (const qid of ['0.19082918216295153', '930293482233', '"x"', 'null', '[1,{"a":2}]', '1e400', '[1, {"a" : 2.0}]', '"\\u0041"']) {
        socket.socket.send(`["ping",{"qid":${qid}}]`);
        await until(() => socket.texts.length > 0, 'the reply');
        assert.equal(socket.texts.pop(), `["ping_result",{"qid":${qid},"result":"ok"}]`);
    }
    socket.socket.send('["ping",{}]'); // no qid, no reply
    socket.socket.send('["ping",{"qid":7}]');
    await until(() => socket.texts.length > 0, 'the reply');
    assert.deepEqual(socket.texts, ['["ping_result",{"qid":7,"result":"ok"}]']);
});

test('what is no message', async (t) => {
    const server = await start(t, { message_max: '4KiB' });
    const socket = await openToken(t, server);
    for (const text of ['', 'hello', '{}', '[]', '["ping"]', '["ping",{},1]', '["ping",[]]', '[1,{}]', '["",{}]', '["ping",{"a":1,"a":2}]']) {
        socket.socket.send(text);
        const [name, params] = await socket.next();
        assert.equal(name, 'error', text);
        assert.deepEqual([params.result, params.errorcode], ['error', 1400], text);
    }
    socket.send('no_such_method', {});
    assert.deepEqual(await socket.next(), [
        'error',
        { result: 'error', errorcode: 1404, errormsg: 'There is no such method.', method: 'no_such_method' },
    ]);
    assert.equal(await socket.error('no_such_method'), 1404);
    await socket.ok('ping');
    await t.test('too large', async (t) => {
        const other = await openToken(t, server);
        other.socket.send(`["ping",{"x":"${'x'.repeat(5000)}"}]`);
        assert.equal(await other.end(), 1009);
    });
    await t.test('binary', async (t) => {
        const other = await openToken(t, server);
        other.socket.send(Buffer.from('["ping",{}]'));
        assert.equal(await other.end(), 1003);
    });
    await t.test('no UTF-8', async (t) => {
        const other = await openToken(t, server);
        other.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
        assert.equal(await other.end(), 1007);
    });
});

test('setup and login in both orders', async (t) => {
    const server = await start(t);
    const who = { td: 'demo', ...server.user };
    const asked = { capabilities: [{ key: 'msg' }, { key: 'nope' }, { key: 'svcscript' }], appPath: '/desk/' };
    const verdicts = [
        { key: 'msg', result: 'ok' },
        { key: 'nope', result: 'error', errormsg: 'Unknown capability' },
        { key: 'svcscript', result: 'error', errormsg: 'Unknown capability' },
    ];
    const first = new EraSocket(t, server);
    await first.open;
    assert.equal(await first.error('connection_info'), 1401);
    assert.equal(await first.error('whatever'), 1401);
    assert.deepEqual((await first.ok('setup', asked)).capabilities, verdicts.map(({ key }) => ({ key, result: 'ok' })));
    const { sessionid, ...reply } = await first.ok('login', who);
    assert.deepEqual(reply, { result: 'ok', td: 'demo', login: 'demo', register: 'ok', capabilities: verdicts });

    const second = new EraSocket(t, server);
    await second.open;
    const { sessionid: other, ...bare } = await second.ok('login', who);
    assert.deepEqual(bare, { result: 'ok', td: 'demo', login: 'demo', register: 'ok' });
    assert.notEqual(other, sessionid);
    assert.deepEqual((await second.ok('setup', asked)).capabilities, verdicts);

    const { datetime, timestamp, connectionid, ...info } = await first.ok('connection_info');
    assert.ok(datetime && timestamp && connectionid);
    assert.deepEqual(info, {
        result: 'ok',
        site: 'main',
        ownertype: 'user',
        domain: 'demo',
        sessionid,
        capabilities: ['msg'],
        roles: ['subscr'],
        user_id: 'u-dev',
        login: 'demo',
        app: '/desk/',
    });
    assert.equal(await first.error('login', who), 1409);
    const third = await openUser(t, server, ['msg'], { rsessionid: sessionid });
    assert.equal((await third.ok('connection_info')).sessionid, sessionid);
});

test('logins that fail', async (t) => {
    const server = await start(t, { default_tenant: 'demo' });
    const socket = new EraSocket(t, server);
    await socket.open;
    assert.equal(await socket.error('login', { login: 'demo' }), 1400);
    assert.equal(await socket.error('login', { ...server.user, td: 'other' }), 1401);
    assert.equal(await socket.error('login', { login: 'demo', pwd: 'wrong' }), 1401);
    assert.equal(await socket.error('login', { login: 'nobody', pwd: 'wrong' }), 1401);
    assert.equal(await socket.error('login', { rsessionid: '00000000-0000-4000-8000-000000000000' }), 1401);
    await socket.ok('login', server.user); // the socket has stayed open, and the tenant need not be named
    const token = await openToken(t, server);
    assert.equal(await token.error('login', server.user), 1400);
    const { sessionid } = await token.ok('connection_info');
    const braked = new EraSocket(t, server);
    await braked.open;
    assert.equal(await braked.error('login', { rsessionid: sessionid }), 1401); // no session of people
    for (let i = 0; i < 5; i++) await braked.error('login', { login: 'demo', pwd: 'wrong' });
    assert.equal(await braked.error('login', server.user), 1429);
    await advance(server, 29_000);
    assert.equal(await braked.error('login', server.user), 1429);
    await advance(server, 1_500);
    assert.equal(await braked.end(), 4401);
    await advance(server, 181_000);
    // Guesses of sessions count as well.
    const { session } = await openUser(t, server, [], server.user);
    const guesser = new EraSocket(t, server);
    await guesser.open;
    for (let i = 0; i < 5; i++) assert.equal(await guesser.error('login', { rsessionid: `guess ${i}` }), 1401);
    assert.equal(await guesser.error('login', { rsessionid: session }), 1429);
});

test('a deadline for the login', async (t) => {
    const server = await start(t);
    const socket = new EraSocket(t, server);
    await socket.open;
    await socket.ok('setup', { capabilities: [{ key: 'msg' }] });
    await advance(server, 29_000);
    assert.equal(await socket.error('ping'), 1401);
    await advance(server, 1_500);
    assert.equal(await socket.end(), 4401);
});

test('life', async (t) => {
    const server = await start(t);
    const socket = await openToken(t, server);
    let pings = 0;
    socket.socket.on('ping', () => pings++);
    for (let i = 1; i <= 10; i++) {
        await advance(server, 30_000);
        await until(() => pings >= i, 'a ping');
        await socket.ok('ping');
    }
    // One that answers no pings goes, and not before it was asked.
    const dead = new EraSocket(t, server, { path: `/ws/token/v1/${server.apiToken}`, autoPong: false });
    await dead.open;
    await dead.ok('ping');
    await advance(server, 600_000);
    await until(() => pings >= 11, 'a ping');
    await socket.ok('ping');
    await advance(server, 31_000);
    assert.equal(await dead.end(), 1006);
    await socket.ok('ping');
});

test('the registry knows it until it goes', async (t) => {
    const server = await start(t);
    const user = await openUser(t, server, ['msg']);
    const token = await openToken(t, server, ['msg', 'test']);
    const list = async (query) => (await server.backend.get(`/v1/connections?${query}`)).json.connections;
    const { connectionid } = await token.ok('connection_info');
    const [row] = await list('capability=test');
    assert.equal(row.id, connectionid);
    assert.deepEqual([row.door, row.client, row.owner], ['era', 'dev-api', 'token']);
    assert.deepEqual((await list('capability=msg')).length, 2);
    assert.deepEqual((await list(`filter=${encodeURIComponent('["==",["property","user_id"],"u-dev"]')}`)).length, 1);
    await token.terminate();
    await until(async () => (await list('capability=test')).length === 0, 'the record to be gone');
    await user.close();
    await until(async () => (await list('')).length === 0, 'all records to be gone');
});

test('logging out elsewhere', async (t) => {
    const server = await start(t);
    const user = await openUser(t, server, ['msg']);
    const headers = { authorization: `Bearer ${user.session}` };
    const answer = await server.client.request('DELETE', '/rest/v1/iam/sessions/current', { token: null, headers });
    assert.ok(answer.status < 300, answer.text);
    user.send('ping', { qid: 1 });
    assert.equal(await user.end(), 4401);
});

test('shutting down', async (t) => {
    const server = await start(t);
    const user = new EraSocket(t, server);
    const token = await openToken(t, server);
    await user.open;
    const stopped = server.stop();
    assert.deepEqual([await token.end(), await user.end()], [1001, 1001]);
    await stopped;
});

test('a job for each connection', async (t) => {
    const server = await start(t, { incoming_kind: 'echo' });
    const token = await openToken(t, server);
    const { connectionid } = await token.ok('connection_info');
    let jobs;
    await until(async () => {
        jobs = (await server.backend.get('/v1/jobs?kind=echo')).json.jobs;
        return jobs.length === 1 && jobs[0].state === 'finished';
    }, 'the job');
    assert.equal(jobs[0].client, 'dev-api');
    const params = (await server.backend.get(`/v1/jobs/${jobs[0].id}/result`)).json;
    assert.deepEqual(params, { connectionid, integration_point: 'p-dev', application: '' });
});

test('within a second, many', async (t) => {
    const server = await start(t);
    const sockets = await Promise.all(Array.from({ length: 50 }, () => openToken(t, server, ['msg', 'test'])));
    const infos = await Promise.all(sockets.map((socket) => socket.ok('connection_info')));
    assert.equal(new Set(infos.map(({ connectionid }) => connectionid)).size, 50);
    await within('all of them to close', Promise.all(sockets.map((socket) => socket.close())));
});
