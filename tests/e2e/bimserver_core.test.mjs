// The BIMserver door by hand: frames and envelopes as they stand in the protocol, and the rules that clients lean on.
import assert from 'node:assert/strict';
import { io } from 'socket.io-client';
import { after, before, test } from 'node:test';
import { Bim, GatedModel, Stream, addUser, bimConfig, model, modelName, password } from './lib/bim.mjs';
import { Gate, gatedCommand } from './lib/gate.mjs';
import { startServer } from './lib/server.mjs';
import { openStream } from './lib/sse.mjs';
import { Inbox, until, within } from './lib/wait.mjs';

let server;
let bim;
let other;
before(async () => {
    server = await startServer({
        config: {
            ...bimConfig(),
            jobs: { ...bimConfig().jobs, gated: { routes: ['POST /run/{room}'], command: gatedCommand } },
            socketio: { rooms: [{ join: 'joinRoom', leave: 'leaveRoom', topic: 'rooms/{room}', key: 'room', kinds: ['gated'] }] },
        },
    });
    for (const login of ['ann', 'eve']) await addUser(server, login);
    [bim, other] = [await Bim.as(server, 'ann'), await Bim.as(server, 'eve')];
});
after(() => server.stop());

/** A check-in that waits for the test: {poid, topicId, gated}. */
async function gatedCheckin(t, by = bim) {
    const gated = new GatedModel(t);
    const poid = await by.project();
    return { gated, poid, topicId: await by.checkin(poid, gated.bytes, 'gated.ifc') };
}

// ---- the stream ----

test('the handshake, byte for byte', async (t) => {
    const begun = Date.now();
    const stream = await Stream.open(t, bim);
    assert.match(stream.texts[0], /^\{"welcome":\d{13}\}$/);
    assert.ok(Math.abs(JSON.parse(stream.texts[0]).welcome - begun) < 60_000);
    const id = stream.endpoint;
    assert.equal(stream.texts[1], `{"type":"endpoint","payload":{"endpointid":${id}},"endpointid":${id}}`);
    stream.send({ token: bim.token }); // a fresh one in place of the old one
    const { endpointid } = await stream.next('another endpoint', (frame) => frame.endpointid);
    assert.ok(endpointid > id);
    const { topicId, gated } = await gatedCheckin(t);
    assert.equal(await bim.refusal('NotificationRegistryInterface.registerProgressHandler', { topicId, endPointId: id }), `Endpoint with id ${id} not found`);
    gated.end();
});

test('the token may come before the welcome has been read', async (t) => {
    const stream = new Stream(t, bim);
    stream.socket.on('open', () => stream.send({ token: bim.token }));
    assert.ok((await stream.next('the endpoint', (frame) => frame.endpointid)).endpointid >= 2);
});

test('a heartbeat is answered by nothing, and so is what cannot be read', async (t) => {
    const stream = await Stream.open(t, bim);
    const count = stream.texts.length;
    for (const frame of [{ hb: true }, 'nonsense', '[]', '1', '{}', { action: 'nonsense' }, { hb: true }]) stream.send(frame);
    assert.deepEqual(await stream.call('AuthInterface.isLoggedIn'), { result: true });
    assert.equal(stream.texts.length, count + 1);
});

test('a bad token: told, another is awaited, closed in the end', async (t) => {
    const stream = new Stream(t, bim);
    await stream.next('welcome');
    stream.send({ token: '00' });
    assert.deepEqual(await stream.next('the error'), { error: 'Invalid token' });
    stream.send({ token: bim.token });
    assert.ok((await stream.next('the endpoint')).endpointid >= 2);

    const bad = new Stream(t, bim);
    await bad.next('welcome');
    bad.send({ token: null }); // bimserverapi without a token
    assert.deepEqual(await bad.next('the error'), { error: 'Invalid token' });
    assert.equal(await within('the end of the stream', bad.closed), 1008);
    assert.equal((await stream.call('AuthInterface.isLoggedIn')).result, true); // which goes on
});

test('calls over the stream', async (t) => {
    const stream = await Stream.open(t, bim);
    assert.equal((await stream.call('AdminInterface.getVersion')).result.fullString, '1.6.0');
    const { exception } = await stream.call('AuthInterface.getLoggedInUser', {}, null); // its own token, never the socket's
    assert.deepEqual(exception, { __type: 'UserException', message: 'Authentication required for this call' });
    const bad = await stream.call('AuthInterface.getLoggedInUser', {}, '00');
    assert.deepEqual(bad.exception, { __type: 'InvalidTokenException', message: 'Invalid token' });
    stream.send({ id: 0, token: bim.token, request: { interface: 'AuthInterface', method: 'isLoggedIn', parameters: {} } });
    await stream.next('the answer');
    assert.equal(stream.texts.at(-1), '{"id":0,"response":{"result":true}}');
    stream.send({ token: bim.token, request: { interface: 'AuthInterface', method: 'isLoggedIn', parameters: {} } });
    assert.deepEqual(await stream.next('an answer without id'), { response: { result: true } });
});

test('the calls of the server: one a frame, no id, parameters in their order', async (t) => {
    const stream = await Stream.open(t, bim);
    const { topicId, gated } = await gatedCheckin(t);
    await bim.register(topicId, stream);
    gated.report({ progress: 7, title: 'Seven' });
    const state = await stream.state(topicId, ({ title }) => title === 'Seven');
    const text = stream.texts.findLast((each) => each.includes('Seven'));
    assert.equal(
        text,
        `{"request":{"interface":"NotificationInterface","method":"progress","parameters":{"topicId":${topicId},"state":{` +
            `"__type":"SLongCheckinActionState","deserializeErrorCode":0,"end":null,"errors":[],"infos":[],"oid":-1,"progress":7,` +
            `"rid":0,"roid":0,"stage":${state.stage},"start":${state.start},"state":"STARTED","title":"Seven","topicId":${topicId},` +
            `"uuid":null,"warnings":[]}}}}`,
    );
    gated.report({ info: 'i1' }, { warning: 'w1' });
    await stream.state(topicId, ({ infos, warnings }) => infos[0] === 'i1' && warnings[0] === 'w1');
    gated.end();
    const end = await stream.over(topicId);
    assert.deepEqual([end.state, end.progress, end.roid], ['FINISHED', 100, topicId]);
    assert.ok(end.end >= end.start);
    assert.ok(Buffer.byteLength(text) < 65536);
});

test('registered twice: told once; unregistered without having been: fine', async (t) => {
    const stream = await Stream.open(t, bim);
    const { topicId, gated } = await gatedCheckin(t);
    assert.deepEqual(await bim.unregister(topicId, stream), {});
    await bim.register(topicId, stream);
    await bim.register(topicId, stream);
    gated.report({ progress: 5, title: 'Once' });
    await stream.state(topicId, ({ title }) => title === 'Once');
    await stream.call('AuthInterface.isLoggedIn');
    assert.equal(stream.texts.filter((text) => text.includes('"Once"')).length, 1);
    gated.end();
});

test('the last state comes right after a registration, also of what is long over', async (t) => {
    const poid = await bim.project();
    const { topicId } = await bim.checkinSync(poid);
    const stream = await Stream.open(t, bim);
    await bim.register(topicId, stream);
    const end = await stream.state(topicId);
    assert.equal(end.state, 'FINISHED');
    assert.deepEqual(await bim.progress(topicId), end);
});

test('unregistered in the middle of many states: none after the answer', async (t) => {
    const stream = await Stream.open(t, bim);
    const { topicId, gated } = await gatedCheckin(t);
    for (let round = 0; round < 20; round++) {
        await bim.register(topicId, stream);
        for (let i = 0; i < 5; i++) gated.report({ progress: round, title: `${round}.${i}` });
        const answered = bim.unregister(topicId, stream).then(() => stream.count('progress'));
        const count = await answered;
        gated.report({ progress: round, title: `after ${round}` });
        await until(async () => (await bim.progress(topicId)).title === `after ${round}`, 'the state');
        await stream.call('AuthInterface.isLoggedIn');
        // What the answer overtook on its way to this process had been sent before: another connection carries the answer.
        const late = stream.texts.filter((text) => text.includes(`"after ${round}"`));
        assert.deepEqual([late, stream.count('progress') - count >= 0], [[], true]);
    }
    gated.end();
});

// ---- who may ----

test('topics and endpoints of others', async (t) => {
    const mine = await Stream.open(t, bim);
    const theirs = await Stream.open(t, other);
    const { topicId, gated } = await gatedCheckin(t);
    const register = (by, topic, endPointId) =>
        by.exception('NotificationRegistryInterface.registerProgressHandler', { topicId: topic, endPointId });
    assert.deepEqual(await register(bim, topicId, theirs.endpoint), {
        __type: 'UserException',
        message: `Endpoint with id ${theirs.endpoint} not found`,
        errorType: 'DefaultErrorCode',
        errorCode: 1,
    });
    assert.equal((await register(other, topicId, theirs.endpoint)).message, `Topic with id ${topicId} not found`);
    assert.equal(await other.refusal('NotificationRegistryInterface.getProgress', { topicId }), `No topic found with topicId ${topicId}`);
    assert.equal(
        await other.refusal('NotificationRegistryInterface.unregisterProgressHandler', { topicId, endPointId: mine.endpoint }),
        `Endpoint with id ${mine.endpoint} not found`,
    );
    const anonymous = new Bim(server);
    assert.equal((await register(anonymous, topicId, mine.endpoint)).message, 'Authentication required for this call');
    const { status } = await other.download({ topicId });
    assert.ok(status >= 400 && status < 500, status);
    gated.end();
});

test('logged out: the token is over, and so is its stream', async (t) => {
    const short = await Bim.as(server, 'ann');
    const stream = await Stream.open(t, short);
    const onAllLoops = (call) => Promise.all(Array.from({ length: 16 }, call));
    await onAllLoops(() => short.call('AuthInterface.getLoggedInUser'));
    assert.deepEqual(await short.answer('AuthInterface.logout'), { response: { result: {} } });
    for (const exception of await onAllLoops(() => short.exception('AuthInterface.getLoggedInUser')))
        assert.deepEqual(exception, { __type: 'InvalidTokenException', message: 'Invalid token' });
    await within('the end of its stream', stream.closed);
    const { topicId, gated } = await gatedCheckin(t);
    const endPoint = { topicId, endPointId: stream.endpoint };
    for (const [by, message] of [[short, 'Invalid token'], [bim, `Endpoint with id ${stream.endpoint} not found`]])
        assert.equal(await by.refusal('NotificationRegistryInterface.registerProgressHandler', endPoint), message);
    gated.end();
});

// ---- envelopes ----

test('what is refused, and with which words', async () => {
    const poid = await bim.project();
    const rows = [
        ['AuthInterface.login', { username: 'ann', password: 'x' }, 'Invalid username/password combination'],
        ['AuthInterface.login', { username: 'ann' }, 'Missing parameter: login -> password'],
        ['NoInterface.login', {}, 'No service found with name org.bimserver.NoInterface'],
        ['AuthInterface.addProject', {}, 'Method addProject not found on org.bimserver.AuthInterface (suggestion: ServiceInterface)'],
        ['AuthInterface.nonsense', {}, 'Method nonsense not found on org.bimserver.AuthInterface'],
        ['NotificationRegistryInterface.getProgress', { topicId: 987_654 }, 'No topic found with topicId 987654'],
        ['NotificationRegistryInterface.registerProgressHandler', { topicId: 1, endPointId: null }, 'No EndpointId given', 1],
        ['NotificationRegistryInterface.registerProgressHandler', { topicId: 1, endPointId: 1 }, 'Endpoint with id 1 not found', 1],
        ['ServiceInterface.getDownloadData', { topicId: 987_654 }, 'No data found for topicId 987654'],
        ['AuthInterface.loginUserToken', { token: '00' }, 'Invalid token', 3],
    ];
    for (const [name, parameters, message, errorCode] of rows) {
        const expected = { __type: 'UserException', message, ...(errorCode && { errorType: 'DefaultErrorCode', errorCode }) };
        assert.deepEqual(await bim.exception(name, parameters), expected, name);
    }
    const { exception } = (await bim.post({ token: bim.token, request: { interface: 'AuthInterface', method: 'login' } })).json.response;
    assert.equal(exception.message, "Missing 'parameters' field, expected 2 parameters");
    for (const [request, message] of [
        [{ method: 'login', parameters: {} }, 'No "interface" parameter found in request'],
        [{ interface: 'AuthInterface', parameters: {} }, 'No "method" parameter found in request'],
    ])
        assert.equal((await bim.post({ request })).json.response.exception.message, message);
    assert.deepEqual(await new Bim(server, '00').exception('ServiceInterface.getProjectByPoid', { poid }), {
        __type: 'InvalidTokenException',
        message: 'Invalid token',
    });
});

test('envelopes: one, several, an id, bodies that are none, any content type', async () => {
    const one = bim.request('AuthInterface.isLoggedIn');
    const bad = bim.request('AuthInterface.nonsense');
    const several = await bim.post({ token: bim.token, id: 7, requests: [one, bad, bim.request('AdminInterface.getVersion')] });
    assert.deepEqual(Object.keys(several.json), ['id', 'responses']);
    assert.equal(several.json.id, 7);
    const [first, second, third] = several.json.responses;
    assert.deepEqual([first, second.exception.message, third.result.__type], [{ result: true }, 'Method nonsense not found on org.bimserver.AuthInterface', 'SVersion']);
    for (const body of ['', 'nonsense', '{"request":']) {
        const answer = await bim.post(body);
        assert.deepEqual([answer.status, answer.text], [500, ''], body);
    }
    for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/plain', 'application/octet-stream']) {
        const answer = await bim.post(JSON.stringify({ token: bim.token, request: one }), { 'Content-Type': type });
        assert.equal(answer.text, '{"response":{"result":true}}', type);
    }
    const bearer = await bim.post(JSON.stringify({ request: one }), { Authorization: `Bearer ${bim.token}` });
    assert.equal(bearer.json.response.result, true);
    const simple = await bim.post({ token: bim.token, request: { ...one, interface: 'AuthInterface' } });
    assert.equal(simple.json.response.result, true);
    const without = await bim.post({ token: bim.token, request: { interface: 'AuthInterface', method: 'isLoggedIn' } });
    assert.equal(without.json.response.result, true);
});

test('numbers and booleans may be texts; unknown parameters do not matter', async () => {
    const poid = await bim.project();
    const project = await bim.call('ServiceInterface.getProjectByPoid', { poid: String(poid), more: [1] });
    assert.equal(project.oid, poid);
    const file = await bim.file(poid);
    const topicId = await bim.call('ServiceInterface.checkin', {
        ...file,
        poid: String(poid),
        fileSize: String(file.fileSize),
        merge: 'false',
        sync: 'true',
    });
    assert.equal((await bim.progress(String(topicId))).state, 'FINISHED');
});

test('without a token: what a client asks before its login', async () => {
    const anonymous = new Bim(server);
    const info = await anonymous.call('AdminInterface.getServerInfo');
    assert.deepEqual(Object.keys(info), ['__type', 'errorMessage', 'oid', 'rid', 'serverState', 'uuid', 'version']);
    const interfaces = await anonymous.call('MetaInterface.getServiceInterfaces');
    for (const { name, simpleName, nameSpace } of interfaces) {
        assert.deepEqual([name, nameSpace], [`org.bimserver.${simpleName}`, 'org.bimserver']);
        const methods = await anonymous.call('MetaInterface.getServiceMethods', { serviceInterfaceName: name });
        assert.ok(methods.length > 0);
        for (const method of methods) {
            assert.ok(typeof method.doc === 'string' && typeof method.name === 'string');
            const parameters = { serviceInterfaceName: name, serviceMethodName: method.name };
            for (const each of await anonymous.call('MetaInterface.getServiceMethodParameters', parameters))
                assert.ok(typeof each.doc === 'string' && each.type.simpleName, JSON.stringify(each));
        }
    }
    const all = JSON.parse(await anonymous.call('MetaInterface.getAllAsJson'));
    assert.equal(all.services.length, interfaces.length);
    const registry = await anonymous.call('MetaInterface.getServiceMethods', {
        serviceInterfaceName: 'org.bimserver.NotificationRegistryInterface',
    });
    assert.equal(registry.length, 27);
});

test('logins: a password hash is not told; user tokens', async () => {
    const user = await bim.call('AuthInterface.getLoggedInUser');
    assert.deepEqual([user.passwordHash, user.passwordSalt, user.userType, user.state], [null, null, 'USER', 'ACTIVE']);
    const again = new Bim(server, await bim.call('AuthInterface.loginUserToken', { token: server.token }));
    assert.notEqual(again.token, server.token);
    assert.equal(await again.call('AuthInterface.isLoggedIn'), true);
    assert.equal(await new Bim(server).call('AuthInterface.isLoggedIn'), false);
    assert.equal(await bim.call('AuthInterface.getAccessMethod'), 'JSON');
});

// ---- across the doors ----

test('a job of the native API is followed on the stream', async (t) => {
    const native = new Bim(server, server.token);
    const gate = new Gate(t);
    const { id } = await server.client.start('gated', { gate: gate.path, room: 'a' });
    const { number } = await server.client.job(id);
    const stream = await Stream.open(t, native);
    await native.register(number, stream);
    const running = await stream.state(number, ({ title }) => title === 'Waiting');
    assert.deepEqual([running.__type, running.state], ['SLongActionState', 'STARTED']);
    gate.open();
    assert.equal((await stream.over(number)).state, 'FINISHED');
});

test('a job that a Socket.IO page started is followed on the stream', async (t) => {
    const native = new Bim(server, server.token);
    const gate = new Gate(t);
    const heard = new Inbox();
    const page = io(server.url, { auth: { token: server.token }, transports: ['websocket'] });
    t.after(() => page.close());
    page.onAny((name, ...args) => heard.push({ name, args }));
    await within('the page', new Promise((resolve) => page.on('connect', resolve)));
    page.emit('joinRoom', { room: 'b', tenant: 'demo' });
    const started = await server.client.post('/run/b', { gate: gate.path });
    assert.ok(started.status < 300, started.text);
    const { number } = (await server.client.get('/v1/jobs?kind=gated')).json.jobs.find(({ state }) => state !== 'finished');
    const stream = await Stream.open(t, native);
    await native.register(number, stream);
    await stream.state(number, ({ title }) => title === 'Waiting');
    gate.open();
    assert.equal((await stream.over(number)).state, 'FINISHED');
});

test('a check-in is followed by server-sent events', async (t) => {
    const { topicId, gated } = await gatedCheckin(t);
    const { jobs } = (await server.backend.get('/v1/jobs?kind=checkin')).json;
    const { id } = jobs.find(({ number }) => number === topicId);
    const events = await openStream(t, `${server.url}/v1/jobs/${id}/events?after=start`, bim.token);
    assert.equal(events.status, 200);
    gated.report({ progress: 11, title: 'By two doors' });
    const progress = await events.events.next('progress', ({ event, data }) => event === 'progress' && data.includes('By two doors'));
    assert.equal(JSON.parse(progress.data).progress, 11);
    gated.end();
    await events.events.next('the end', ({ event }) => event === 'finished');
});

// ---- topics that clients feed ----

test('a client publishes progress of its own', async (t) => {
    const stream = await Stream.open(t, bim);
    const topicId = await bim.call('NotificationRegistryInterface.registerProgressTopic', { type: 'RUNNING_SERVICE', description: 'By hand' });
    assert.deepEqual(await bim.call('NotificationRegistryInterface.getProgressTopicsOnServer').then((all) => all.includes(topicId)), true);
    await bim.register(topicId, stream);
    const update = (state) =>
        bim.call('NotificationRegistryInterface.updateProgressTopic', { topicId, state: { __type: 'SLongActionState', ...state } });
    await update({ state: 'STARTED', title: 'Mixing', progress: 20 });
    const mixing = await stream.state(topicId, ({ title }) => title === 'Mixing');
    assert.deepEqual([mixing.__type, mixing.progress, mixing.state], ['SLongActionState', 20, 'STARTED']);
    assert.equal(
        await other.refusal('NotificationRegistryInterface.updateProgressTopic', { topicId, state: { __type: 'SLongActionState' } }),
        `Topic with id ${topicId} not found`,
    );
    await update({ state: 'FINISHED', title: 'Mixed', progress: 100 });
    const end = await stream.over(topicId);
    assert.deepEqual([end.state, end.title, end.progress], ['FINISHED', 'Mixed', 100]);
    await bim.call('NotificationRegistryInterface.unregisterProgressTopic', { topicId });
});

// ---- check-ins ----

test('one check-in at a time for a project', async (t) => {
    const { gated, poid, topicId } = await gatedCheckin(t);
    const second = await bim.exception('ServiceInterface.checkinAsync', await bim.file(poid));
    assert.deepEqual(second, {
        __type: 'UserException',
        message: `Checkin in progress on this project (topicId: ${topicId}), please try again later`,
    });
    gated.end();
    await until(async () => (await bim.progress(topicId)).state === 'FINISHED', 'the end');
    assert.equal((await bim.checkinSync(poid)).state, 'FINISHED');
});

test('initiated, then given its model by a call', async (t) => {
    const poid = await bim.project();
    const stream = await Stream.open(t, bim);
    const file = await bim.file(poid);
    const topicId = await bim.call('ServiceInterface.initiateCheckin', { poid, deserializerOid: file.deserializerOid });
    await bim.register(topicId, stream);
    assert.equal(await bim.call('ServiceInterface.checkinInitiatedAsync', { topicId, ...file }), topicId);
    assert.equal((await stream.over(topicId)).title, `Checkin of ${modelName}`);
    const next = await bim.call('ServiceInterface.initiateCheckin', { poid, deserializerOid: file.deserializerOid });
    const end = await bim.call('ServiceInterface.checkinInitiatedSync', { topicId: next, ...file });
    assert.deepEqual([end.topicId, end.state], [next, 'FINISHED']);
});

test('terminated', async (t) => {
    const { topicId } = await gatedCheckin(t);
    const stream = await Stream.open(t, bim);
    await bim.register(topicId, stream);
    await stream.state(topicId);
    await bim.call('ServiceInterface.terminateLongRunningAction', { topicId });
    const end = await stream.over(topicId);
    assert.deepEqual([end.state, end.progress], ['AS_ERROR', 0]);
    for (const gone of [topicId, 987_654]) await bim.call('ServiceInterface.cleanupLongAction', { topicId: gone });
});
