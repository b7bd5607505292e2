// The Rigi flow with socket.io-client: connect, join, dispatch, event, download, leave.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api } from './lib/api.mjs';
import { Gate } from './lib/gate.mjs';
import { KINDS, dispatch, dispatchGated, rigiConfig } from './lib/rigi_config.mjs';
import { startServer } from './lib/server.mjs';
import { Rigi, joined } from './lib/sio.mjs';
import { unzip } from './lib/zip.mjs';

let server;
before(async () => {
    server = await startServer({ config: rigiConfig() });
});
after(() => server.stop());

/** A client with a token of its own, so that tests do not see each other's results. */
let clients = 0;
const newClient = () => server.as('demo', `client-${++clients}`);

const NAMES = {
    targets: (names) => names.includes('locale/pl/LC_MESSAGES/ferry.mo') && names.length === 28,
    sources: (names) => names.join() === 'templates/ferry.pot,templates/notices.pot',
    pseudo: (names) => names.includes('locale/en_XA/LC_MESSAGES/notices.po') && names.length === 4,
};

for (const [call, kind] of Object.entries(KINDS)) {
    for (const method of ['POST', 'GET']) {
        test(`${method} ${call}: accepted, announced, downloaded`, async (t) => {
            const api = await newClient();
            const rigi = await joined(t, server.url, api.token);
            const answer = await api.request(method, `/api/projects/12/process/${call}`);
            assert.equal(answer.status, 202);
            assert.deepEqual(Object.keys(answer.json), ['status', 'jobId']);
            assert.equal(answer.json.status, 'accepted');

            const outcome = await rigi.outcome(kind);
            assert.equal(typeof outcome.downloadId, 'string');
            assert.match(outcome.downloadId, /^[1-9]\d{0,9}$/);
            assert.equal(outcome.jobId, answer.json.jobId);

            const zip = await api.get(`/api/projects/12/download/${outcome.downloadId}`);
            assert.equal(zip.status, 200);
            assert.equal(zip.headers['content-type'], 'application/zip');
            assert.match(zip.headers['content-disposition'], /^attachment; filename="process_export_\w+\.zip"/);
            assert.equal(zip.headers['x-content-type-options'], 'nosniff');
            const names = Object.keys(unzip(zip.body));
            assert.ok(NAMES[call](names), names.join());
            await rigi.leave();
        });
    }
}

test('a download in parts', async (t) => {
    const api = await newClient();
    const rigi = await joined(t, server.url, api.token);
    await dispatch(api, 'pseudo');
    const { downloadId } = await rigi.outcome(KINDS.pseudo);
    const path = `/api/projects/12/download/${downloadId}`;
    const whole = await api.get(path);
    const size = whole.body.length;
    const { etag } = whole.headers;
    assert.equal(whole.headers['accept-ranges'], 'bytes');
    const part = (headers) => api.get(path, { headers });

    const head = await api.request('HEAD', path);
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-length'], String(size));
    assert.equal(head.body.length, 0);

    const middle = await part({ Range: 'bytes=10-19' });
    assert.equal(middle.status, 206);
    assert.equal(middle.headers['content-range'], `bytes 10-19/${size}`);
    assert.deepEqual(middle.body, whole.body.subarray(10, 20));

    const suffix = await part({ Range: 'bytes=-7' });
    assert.equal(suffix.status, 206);
    assert.equal(suffix.headers['content-range'], `bytes ${size - 7}-${size - 1}/${size}`);
    assert.deepEqual(suffix.body, whole.body.subarray(size - 7));

    const rest = await part({ Range: `bytes=${size - 3}-` });
    assert.deepEqual(rest.body, whole.body.subarray(size - 3));

    assert.equal((await part({ Range: 'bytes=0-0', 'If-Range': etag })).status, 206);
    const changed = await part({ Range: 'bytes=0-0', 'If-Range': '"another"' });
    assert.equal(changed.status, 200);
    assert.deepEqual(changed.body, whole.body);

    const beyond = await part({ Range: `bytes=${size}-` });
    assert.equal(beyond.status, 416);
    assert.equal(beyond.headers['content-range'], `bytes */${size}`);
    assert.equal((await part({ 'If-None-Match': etag })).status, 304);
    assert.deepEqual((await api.get(`/api/download/${downloadId}`)).body, whole.body);
});

test('downloads that there are not', async () => {
    const api = await newClient();
    for (const id of ['2147483647', '0', 'x', '99999999999']) {
        const answer = await api.get(`/api/projects/12/download/${id}`);
        assert.equal(answer.status, 404, id);
        assert.equal(answer.json.error, 'not_found');
        assert.ok(answer.json.message.length > 0);
    }
    const nobody = await api.get('/api/projects/12/download/1', { token: null });
    assert.equal(nobody.status, 401);
    assert.equal(nobody.json.error, 'unauthenticated');
});

test('done before the join: delivered once', async (t) => {
    const api = await newClient();
    const early = await dispatch(api, 'pseudo');
    assert.equal((await api.end(early)).state, 'finished');

    const rigi = await joined(t, server.url, api.token);
    assert.equal((await rigi.outcome(KINDS.pseudo)).jobId, early);
    await rigi.join(); // again, while in the room: the same membership
    const second = await dispatch(api, 'sources'); // whatever would be delivered again would come before this
    assert.equal((await rigi.outcome(KINDS.sources)).jobId, second);

    await rigi.leave();
    await rigi.join();
    const third = await dispatch(api, 'sources');
    assert.equal((await rigi.outcome(KINDS.sources)).jobId, third);
    await rigi.leave();

    const other = await joined(t, server.url, api.token);
    const fourth = await dispatch(api, 'sources');
    assert.equal((await other.outcome(KINDS.sources)).jobId, fourth);
});

test('two sockets of one client both hear', async (t) => {
    const api = await newClient();
    const first = await joined(t, server.url, api.token);
    const second = await joined(t, server.url, api.token);
    const job = await dispatch(api, 'pseudo');
    assert.equal((await first.outcome(KINDS.pseudo)).jobId, job);
    assert.equal((await second.outcome(KINDS.pseudo)).jobId, job);
});

test('who has left hears nothing until the next join', async (t) => {
    const api = await newClient();
    const rigi = await joined(t, server.url, api.token);
    await rigi.leave();
    const witness = await joined(t, server.url, api.token);
    const job = await dispatch(api, 'pseudo');
    await witness.outcome(KINDS.pseudo);
    assert.deepEqual(await rigi.ask('leaveProcessRoom', 12), { ok: true }); // leaving twice is nothing
    assert.equal(rigi.events.size, 0);
    await rigi.join();
    assert.equal((await rigi.outcome(KINDS.pseudo)).jobId, job);
});

test('project ids are compared as text', async (t) => {
    const api = await newClient();
    const rigi = await joined(t, server.url, api.token, '12');
    const first = await dispatch(api, 'pseudo', 12);
    assert.equal((await rigi.outcome(KINDS.pseudo)).jobId, first);
    await rigi.leave(12); // joined as text, left as a number
    await rigi.join(12);
    await rigi.leave({ projectId: '12', tenantId: '127_0_0_1' });
    const witness = await joined(t, server.url, api.token, 12);
    const second = await dispatch(api, 'pseudo', '12');
    assert.equal((await witness.outcome(KINDS.pseudo)).jobId, second);
    assert.equal(rigi.events.size, 0);
});

test('rooms are apart', async (t) => {
    const api = await newClient();
    const twelve = await joined(t, server.url, api.token, 12);
    const thirteen = await joined(t, server.url, api.token, 13);
    const there = await dispatch(api, 'sources', 13);
    assert.equal((await thirteen.outcome(KINDS.sources)).jobId, there); // before the back end comes to 13 below
    const here = await dispatch(api, 'sources', 12);
    assert.equal((await twelve.outcome(KINDS.sources)).jobId, here);
    assert.equal(thirteen.events.size, 0);
});

test('each client gets its own results only', async (t) => {
    const alice = await newClient();
    const bob = await newClient();
    const atAlice = await joined(t, server.url, alice.token);
    const atBob = await joined(t, server.url, bob.token);
    const first = await dispatch(alice, 'pseudo');
    const { jobId, downloadId } = await atAlice.outcome(KINDS.pseudo);
    assert.equal(jobId, first);
    const second = await dispatch(bob, 'pseudo');
    assert.equal((await atBob.outcome(KINDS.pseudo)).jobId, second); // the first one that comes to Bob
    const third = await dispatch(alice, 'pseudo');
    assert.equal((await atAlice.outcome(KINDS.pseudo)).jobId, third); // and Alice had nothing in between

    const path = `/api/projects/12/download/${downloadId}`;
    assert.equal((await alice.get(path)).status, 200);
    assert.equal((await bob.get(path)).status, 404);
    assert.equal((await server.backend.get(path)).status, 200);
    assert.equal((await bob.get(`/v1/jobs/${first}`)).status, 404);
});

test('what a back end starts is announced to all in the room', async (t) => {
    const alice = await newClient();
    const bob = await newClient();
    const rooms = [await joined(t, server.url, alice.token, 13), await joined(t, server.url, bob.token, 13)];
    const job = await dispatch(server.backend, 'pseudo', 13);
    for (const [i, rigi] of rooms.entries()) {
        const { jobId, downloadId } = await rigi.outcome(KINDS.pseudo);
        assert.equal(jobId, job);
        const zip = await [alice, bob][i].get(`/api/download/${downloadId}`);
        assert.equal(Object.keys(unzip(zip.body)).length, 2);
    }
});

test('failures are told as text', async (t) => {
    const api = await newClient();
    const broken = await joined(t, server.url, api.token, 13);
    const job = await dispatch(api, 'targets', 13);
    const isIt = (event) => event.name === KINDS.targets; // others may have been started by the back end
    const { downloadId, state } = (await broken.events.next('the failure', isIt)).args[0];
    assert.match(downloadId, /nl\.po:30/);
    assert.ok(!/^\d+$/.test(downloadId) && !/[\n\r]/.test(downloadId) && downloadId.length <= 200, downloadId);
    assert.equal(state, 'failed');
    const { number, reason } = await api.job(job);
    assert.equal(reason, 'failed');
    const nothing = await api.get(`/api/projects/13/download/${number}`);
    assert.equal(nothing.status, 404);
    assert.equal(nothing.json.error, 'no_result');

    const unknown = await joined(t, server.url, api.token, 99);
    await dispatch(api, 'pseudo', 99);
    assert.match((await unknown.outcome(KINDS.pseudo)).downloadId, /unknown project "99"/);
});

test('a cancelled job is told as text', async (t) => {
    const api = await newClient();
    const rigi = await joined(t, server.url, api.token, 'cancel');
    const gate = new Gate(t);
    const job = await dispatchGated(api, gate, 'cancel');
    await api.event(job, 'running');
    await api.delete(`/v1/jobs/${job}`);
    const { downloadId, state } = await rigi.outcome('gated');
    assert.equal(state, 'cancelled');
    assert.match(downloadId, /cancelled/);
});

test('joins that are refused, and answers to acks', async (t) => {
    const api = await newClient();
    const rigi = await new Rigi(t, server.url, api.token).connected();
    const refused = async (argument, why) => {
        const answer = await rigi.ask('joinProcessRoom', ...argument);
        assert.equal(answer.ok, false, JSON.stringify(argument));
        assert.match(answer.error, why);
    };
    await refused([{ projectId: 12, tenantId: 'acme_rigi_io' }], /tenant/);
    await refused([{ projectId: 12 }], /tenant/);
    await refused([{ tenantId: '127_0_0_1' }], /field/);
    await refused([{ projectId: 'a/b', tenantId: '127_0_0_1' }], /field/);
    await refused([{ projectId: null, tenantId: '127_0_0_1' }], /field/);
    await refused([12], /object/);
    await refused([], /object/);

    await dispatch(api, 'pseudo');
    await rigi.join(12, 'LOCALHOST'); // the same server by another of its names
    assert.equal((await rigi.events.next()).name, KINDS.pseudo);
    assert.equal((await rigi.ask('leaveProcessRoom', { nothing: 1 })).ok, false);

    rigi.socket.emit('joinProcessRoom', { projectId: 'quiet', tenantId: '127_0_0_1' }); // without an ack: silence
    rigi.socket.emit('unknownEvent', 1, () => assert.fail('acked'));
    await rigi.leave(12);
    assert.equal(rigi.events.size, 0);
});

test('tokens and namespaces', async (t) => {
    const refusal = async (...args) => {
        const rigi = new Rigi(t, server.url, ...args);
        const [error] = await rigi.once('connect_error');
        assert.equal(rigi.socket.active, false); // it does not try again
        return error.message;
    };
    assert.equal(await refusal('rb_wrong'), 'Not authorized');
    assert.equal(await refusal(''), 'Not authorized');
    assert.equal(await refusal(undefined), 'Not authorized');
    assert.equal(await refusal(12), 'Not authorized');
    assert.equal(await refusal(server.token, { namespace: '/other' }), 'Invalid namespace');
});

test('REST calls without a good token, or with a bad body', async () => {
    const call = '/api/projects/12/process/pseudo';
    for (const api of [new Api(server.url, null), new Api(server.url, 'rb_wrong')]) {
        const answer = await api.post(call);
        assert.equal(answer.status, 401);
        assert.equal(answer.headers['www-authenticate'], 'Bearer');
        assert.equal(answer.json.error, 'unauthenticated');
    }
    const api = await newClient();
    const badJson = await api.post(call, '{');
    assert.equal(badJson.status, 400);
    assert.equal(badJson.json.error, 'bad_json');
    assert.equal((await api.post('/api/projects/12/process/gated')).status, 422); // {gate} is missing
    const put = await api.request('PUT', call);
    assert.equal(put.status, 405);
    assert.equal(put.headers.allow, 'GET, HEAD, POST, OPTIONS');
});

test('an Idempotency-Key starts one job', async (t) => {
    const api = await newClient();
    const gate = new Gate(t);
    const start = (path) => api.post(path, undefined, { headers: { 'Idempotency-Key': 'k1' } });
    const path = `/api/projects/12/process/gated?gate=${gate.path}`;
    const first = await start(path);
    const again = await start(path);
    assert.equal(again.status, 202);
    assert.equal(again.json.jobId, first.json.jobId);
    assert.equal((await start(`${path}&more=1`)).status, 422);
    gate.open();
    assert.equal((await api.end(first.json.jobId)).state, 'finished');
});
