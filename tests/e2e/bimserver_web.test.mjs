// What the BIMserver door has over HTTP beside its calls, where it is pulled at: uploads that break off or are none, bulk uploads,
// downloads in all forms, BIMbots, and strangers. The plain course of uploads and downloads is in bimserver_files.test.mjs.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { Bim, GatedModel, Stream, addUser, bimConfig, model, modelName } from './lib/bim.mjs';
import { RawConnection } from './lib/raw.mjs';
import { startServer, worker } from './lib/server.mjs';
import { until, within } from './lib/wait.mjs';
import { unzip } from './lib/zip.mjs';
import { zip } from './lib/zip_make.mjs';

const UPLOAD_MAX = 4 << 20;
const jobs = {
    copy: { command: [worker, 'copy'] },
    gated: { command: [worker, 'checkin'] },
    silent: { command: [worker, 'silent'] },
    picky: { command: [worker, 'id', '{colour}'] },
};
const config = {
    ...bimConfig({ services: Object.keys(jobs) }, jobs),
    origins: ['https://viewer.example.com'],
    files: { upload_max: `${UPLOAD_MAX}B` },
};

let server;
let ann;
let bob;
before(async () => {
    server = await startServer({ config });
    for (const login of ['ann', 'bob']) await addUser(server, login);
    [ann, bob] = await Promise.all(['ann', 'bob'].map((login) => Bim.as(server, login)));
});
after(() => server.stop());

const spooled = () => readdirSync(path.join(server.data, 'spool'));
const nothingSpooled = () => until(() => spooled().length === 0, 'the spool to be empty');
const user = (message) => ({ exception: { __type: 'UserException', message } });
const ask = (method, where, options) => server.client.request(method, where, { token: null, ms: 60_000, ...options });

/** The parts of a form as bytes; without an end for one that breaks off. */
function parts(fields, fileName = modelName) {
    const lines = Object.entries(fields).map(([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
    return `${lines.join('')}--b\r\nContent-Disposition: form-data; name="file"; filename="${fileName}"\r\nContent-Type: application/ifc\r\n\r\n`;
}

const head = (length, more = '', where = '/upload') =>
    `POST ${where} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${length}\r\n${more}\r\n`;

async function fields(bim = ann, more = {}) {
    const poid = await bim.project();
    return { token: bim.token, deserializerOid: await bim.deserializer(poid), comment: 'c', poid, ...more };
}

async function downloadOf(bim, roid) {
    return bim.call('ServiceInterface.download', { roids: [roid], query: '{}', serializerOid: await bim.serializer(), sync: true });
}

/** A topic of ann's with this file to download. */
async function prepared(bytes = model, fileName = modelName) {
    const { json } = await ann.upload(await fields(ann, { sync: true }), bytes, { fileName });
    assert.equal(json.state, 'FINISHED', JSON.stringify(json));
    return downloadOf(ann, json.roid);
}

// ---- uploads ----

test('broken off in the middle: nothing of it stays, and the project is free', async (t) => {
    const form = await fields();
    const raw = await RawConnection.open(t, server.port);
    const start = parts(form);
    raw.send(head(start.length + 2_000_000) + start);
    raw.send(randomBytes(1_000_000));
    await until(() => spooled().length > 0, 'the file to be received');
    raw.tcp.destroy();
    await nothingSpooled();
    const { json } = await ann.upload({ ...form, sync: true });
    assert.equal(json.state, 'FINISHED', JSON.stringify(json));
});

test('a form that ends before its end', async (t) => {
    const raw = await RawConnection.open(t, server.port);
    const body = `${parts(await fields())}ISO-10303-21;`;
    raw.send(head(body.length) + body);
    const answer = await raw.answer();
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.body), user('The body is cut short.'));
    await nothingSpooled();
});

test('too large, said before and found out', async (t) => {
    const said = await RawConnection.open(t, server.port);
    said.send(head(UPLOAD_MAX + 1));
    const refused = await said.answer();
    assert.equal(refused.status, 200);
    assert.equal(JSON.parse(refused.body).exception.__type, 'UserException');
    assert.match(refused.head, /\r\nAccess-Control-Allow-Origin: \*\r\n/);
    await said.rest();

    const bomb = gzipSync(Buffer.alloc(UPLOAD_MAX + 1));
    const { json } = await ann.upload(await fields(ann, { compression: 'gzip' }), bomb);
    assert.deepEqual(json, user('The body is larger than allowed.'));
    await nothingSpooled();
});

test('a bad token ends the upload before its file is there', async (t) => {
    const raw = await RawConnection.open(t, server.port);
    const start = parts({ ...(await fields()), token: 'no-such-token' });
    raw.send(head(start.length + 3_000_000) + start);
    raw.send(randomBytes(1_000_000));
    const answer = await raw.answer();
    assert.deepEqual(JSON.parse(answer.body), { exception: { __type: 'InvalidTokenException', message: 'Invalid token' } });
    await raw.rest();
    await nothingSpooled();
});

test('forms that are none, or have no token, get nothing', async () => {
    const { token, ...without } = await fields();
    assert.deepEqual((await ann.upload(without)).json, {});
    const form = new FormData(); // a token behind the file comes too late
    form.append('file', new Blob([model]), modelName);
    form.append('token', token);
    assert.deepEqual((await ann.form(form)).json, user('The token comes before the file'));
    for (const type of ['application/json', 'application/x-www-form-urlencoded'])
        assert.deepEqual((await ask('POST', '/upload', { body: '{}', headers: { 'Content-Type': type } })).json, {});
    await nothingSpooled();
});

test('forms that lack something', async () => {
    const form = await fields();
    assert.deepEqual((await ann.upload(form, null)).json, user('No file given'));
    assert.deepEqual((await ann.upload({ ...form, compression: 'bzip2' })).json, user('compression is gzip, deflate, or left away'));
    assert.deepEqual((await ann.upload({ ...form, compression: 'deflate' })).json, user('The file is not packed as the form says'));
    const cut = deflateSync(model).subarray(0, 1000);
    assert.deepEqual((await ann.upload({ ...form, compression: 'deflate' }, cut)).json, user('The file is not packed as the form says'));
    assert.deepEqual((await ann.upload({ ...form, deserializerOid: 'x' })).json, user('Deserializer with oid -1 not found'));
    const two = new FormData();
    for (const [name, value] of Object.entries(form)) two.append(name, value);
    for (const name of ['a.ifc', 'b.ifc']) two.append('file', new Blob([model]), name);
    assert.deepEqual((await ann.form(two)).json, user('A form has one file'));
    await nothingSpooled();
});

test("another client's topic", async () => {
    const form = await fields();
    const topicId = await ann.call('ServiceInterface.initiateCheckin', { poid: form.poid, deserializerOid: form.deserializerOid });
    const { json } = await bob.upload({ ...form, token: bob.token, topicId, sync: true });
    assert.deepEqual(json, user(`Topic with id ${topicId} not found`));
    assert.equal((await ann.upload({ ...form, topicId, sync: true })).json.state, 'FINISHED');
    assert.deepEqual((await ann.upload({ ...form, topicId: 987_654 })).json, user('Topic with id 987654 not found'));
    await nothingSpooled();
});

test('a client that goes while it waits', async (t) => {
    const gated = new GatedModel(t);
    const form = await fields(ann, { sync: true });
    const raw = await RawConnection.open(t, server.port);
    const body = `${parts(form)}${gated.bytes}\r\n--b--\r\n`;
    raw.send(head(body.length) + body);
    await until(async () => (await ann.call('ServiceInterface.getProjectByPoid', { poid: form.poid })).checkinInProgress > 0, 'the check-in');
    raw.tcp.destroy();
    gated.end();
    await until(async () => (await ann.call('ServiceInterface.getProjectByPoid', { poid: form.poid })).lastRevisionId > 0, 'the revision');
});

test('a file that is kept, and what its client gets back', async () => {
    const notes = Buffer.from('Notes on the model\n');
    const { json } = await ann.upload({ token: ann.token, action: 'file' }, notes, { fileName: 'notes.txt' });
    assert.deepEqual(Object.keys(json), ['fileId']);
    for (const query of [{ topicId: json.fileId }, { action: 'extendeddata', edid: json.fileId }]) {
        const answer = await ann.download(query);
        assert.deepEqual([answer.status, answer.body], [200, notes]);
        assert.match(answer.headers['content-type'], /^text\/plain/);
        assert.match(answer.headers['content-disposition'], /^inline; filename="notes\.txt"/);
        assert.equal((await bob.download(query)).status, 404);
    }
    await nothingSpooled();
});

// ---- bulk uploads ----

async function bulk(fields, bytes, bim = ann) {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
    form.append('file', new Blob([bytes]), 'models.zip');
    const response = await within('the answer', fetch(`${server.url}${bim.path}/bulkupload`, { method: 'POST', body: form }), 60_000);
    assert.equal(response.status, 200);
    return response.json();
}

test('each model of an archive is checked in, and its path leads nowhere', async () => {
    const { deserializerOid, ...form } = await fields();
    assert.ok(deserializerOid);
    const archive = zip([
        ['readme.txt', Buffer.from('not a model')],
        ['north/', Buffer.alloc(0)],
        ['north/../../../../tmp/one.ifc', model],
        ['/etc/two.IFC', model],
        ['..\\three.ifc', model],
        ['.hidden.ifc', model],
    ]);
    const answer = await bulk(form, archive);
    assert.deepEqual(answer.files.map(({ name }) => name), ['one.ifc', 'two.IFC', 'three.ifc']);
    assert.deepEqual(answer.files.map(({ topicId }) => topicId), answer.topicIds);
    for (const topicId of answer.topicIds) await until(async () => (await ann.progress(topicId)).state === 'FINISHED', 'a check-in');
    const { revisions } = await ann.call('ServiceInterface.getProjectByPoid', { poid: form.poid });
    assert.deepEqual(revisions, answer.topicIds);
    const topicId = await downloadOf(ann, revisions[2]);
    assert.deepEqual((await ann.download({ topicId })).body, model);
    await nothingSpooled();
});

test('archives that are none, or hold nothing, or too much', async () => {
    const form = await fields(ann, { deserializerOid: -1 });
    const cases = [
        [Buffer.from('no archive at all'), /^The file is no ZIP archive\.$/],
        [zip([['a.ifc', model]]).fill(0, 40, 60), /^The archive cannot be read: /],
        [zip([['a.txt', model]]), /^There are no models in the archive$/],
        [zip([]), /^There are no models in the archive$/],
        [zip([['a.ifc', Buffer.alloc(3 << 20)]]), /^The archive unfolds to more than is allowed\.$/], // a thousandfold
        [zip(['a.ifc', 'b.ifc'].map((name) => [name, Buffer.from(randomBytes(1_100_000).toString('hex'))])), /^The archive unfolds to/],
        [zip(Array.from({ length: 1001 }, (_, i) => [`${i}.txt`, Buffer.alloc(0)])), /^The archive may have at most 1000 entries\.$/],
    ];
    for (const [bytes, expected] of cases) {
        const { exception } = await bulk(form, bytes);
        assert.match(exception?.message ?? '', expected);
    }
    const { poid, ...without } = form;
    assert.deepEqual(await bulk(without, zip([['a.ifc', model]])), { exception: 'No poid' });
    assert.deepEqual(await bulk({ poid }, zip([['a.ifc', model]])), {});
    await nothingSpooled();
    assert.equal((await ann.checkinSync(poid)).state, 'FINISHED');
});

test('an archive waits for no check-in that is under way', async (t) => {
    const gated = new GatedModel(t);
    const form = await fields();
    const { json } = await ann.upload(form, gated.bytes, { fileName: 'gated.ifc' });
    const refused = await bulk(form, zip([['a.ifc', model], ['b.ifc', model]]));
    assert.match(refused.exception.message, new RegExp(`^Checkin in progress on this project \\(topicId: ${json.topicId}\\)`));
    gated.end();
    await nothingSpooled();
});

// ---- downloads ----

test('by gzip for who accepts it, in parts for who asks for them', async () => {
    const topicId = await prepared();
    const query = `/download?token=${ann.token}&topicId=${topicId}`;
    const packed = await ask('GET', query, { headers: { 'Accept-Encoding': 'br;q=1, gzip' } });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.ok(packed.body.length < model.length / 2);
    assert.deepEqual(gunzipSync(packed.body), model);
    assert.equal(packed.headers['content-type'], 'application/ifc');
    assert.match(packed.headers.vary, /Accept-Encoding/);

    for (const coding of ['gzip;q=0', 'identity', 'br']) {
        const plain = await ask('GET', query, { headers: { 'Accept-Encoding': coding } });
        assert.deepEqual([plain.headers['content-encoding'], plain.body], [undefined, model], coding);
        assert.notEqual(plain.headers.etag, packed.headers.etag);
    }
    const part = await ask('GET', query, { headers: { 'Accept-Encoding': 'gzip', Range: 'bytes=10-19' } });
    assert.deepEqual([part.status, part.body, part.headers['content-encoding']], [206, model.subarray(10, 20), undefined]);
    const known = await ask('GET', query, { headers: { 'If-None-Match': part.headers.etag } });
    assert.equal(known.status, 304);
    const only = await ask('HEAD', query);
    assert.deepEqual([only.status, only.headers['content-length'], only.body.length], [200, String(model.length), 0]);
    assert.deepEqual(await spooled(), []);
});

test('in a ZIP, under other names, with another type', async () => {
    const topicId = await prepared(model, 'Büro "1".ifc');
    const archive = await ann.download({ topicId, zip: 'on' }, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(archive.headers['content-encoding'], undefined);
    assert.deepEqual(unzip(archive.body), { 'Büro "1".ifc': model });
    assert.match(archive.headers['content-disposition'], /filename\*=UTF-8''B%C3%BCro%20%221%22\.ifc\.zip$/);
    const old = await ask('GET', `/download/any/thing?token=${ann.token}&longActionId=${topicId}&zip=off&serializerOid=1`);
    assert.deepEqual([old.status, old.body], [200, model]);
    const typed = await ann.download({ topicId, mime: 'text/html' });
    assert.equal(typed.headers['content-type'], 'text/html');
    assert.equal(typed.headers['content-security-policy'], 'sandbox');
    assert.equal(typed.headers['content-disposition'], undefined);
    for (const mime of ['nonsense', 'a/b\r\nX-Injected: 1', '/', `a/${'b'.repeat(300)}`]) {
        const answer = await ann.download({ topicId, mime });
        assert.deepEqual([answer.headers['content-type'], answer.headers['x-injected']], ['application/ifc', undefined]);
    }
    const byHeader = await ask('GET', `/download?topicId=${topicId}`, { headers: { Token: ann.token } });
    assert.equal(byHeader.status, 200);
});

test('its topic says that it is sent, and when it is over', async (t) => {
    const topicId = await prepared();
    const stream = await Stream.open(t, ann);
    await ann.register(topicId, stream);
    const first = await stream.state(topicId);
    assert.deepEqual([first.state, first.title], ['STARTED', 'Done preparing']);
    assert.equal((await ask('HEAD', `/download?token=${ann.token}&topicId=${topicId}`)).status, 200);
    await ann.download({ topicId });
    const sending = await stream.state(topicId, ({ title }) => title !== 'Done preparing');
    assert.deepEqual([sending.state, sending.title], ['STARTED', 'Downloading...']);
    const over = await stream.over(topicId);
    assert.deepEqual([over.state, over.title, over.progress], ['FINISHED', 'Done', 100]);
    assert.deepEqual((await ann.download({ topicId })).body, model); // again
});

test('it waits for a job that goes on, and may be left', async (t) => {
    const gated = new GatedModel(t);
    const { json } = await ann.upload(await fields(), gated.bytes, { fileName: 'gated.ifc' });
    const raw = await RawConnection.open(t, server.port);
    raw.send(`GET /download?token=${ann.token}&topicId=${json.topicId} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const waiting = ann.download({ topicId: json.topicId });
    raw.tcp.destroy();
    await ann.call('AuthInterface.isLoggedIn');
    gated.end();
    assert.deepEqual((await waiting).body, gated.bytes);
});

test('what there is not', async () => {
    const topicId = await prepared();
    const cases = [
        [{ topicId: '' }, 400, 'No valid topicId'],
        [{ topicId: '-1' }, 400, 'No valid topicId'],
        [{ topicId: 987_654 }, 404, 'No data found for topicId 987654'],
        [{ action: 'extendeddata', topicId }, 400, 'No valid topicId'],
        [{ action: 'getfile', type: 'serverlog' }, 403, 'The log is not given out.'],
        [{ action: 'getfile', type: 'proto', name: 'Nothing' }, 404, 'There is no such interface.'],
        [{ action: 'delete', topicId }, 400, 'No valid action'],
        [{ topicId, token: '' }, 401, 'Invalid token'],
        [{ topicId, token: '00' }, 401, 'Invalid token'],
    ];
    for (const [parameters, status, text] of cases) {
        const answer = await ann.download(parameters);
        assert.deepEqual([answer.status, answer.text], [status, text], JSON.stringify(parameters));
        assert.match(answer.headers['content-type'], /^text\/plain/);
    }
    assert.equal((await bob.download({ topicId })).status, 404);
    const proto = await ask('GET', '/download?action=getfile&type=proto&name=AuthInterface');
    assert.match(proto.text, /message LoginRequest \{/);
    const failed = await ann.upload(await fields(ann, { sync: true }), Buffer.from('no model'));
    assert.equal(failed.json.state, 'AS_ERROR');
    assert.equal((await ann.download({ topicId: failed.json.topicId })).status, 404);
});

// ---- BIMbots ----

const run = (service, headers = {}, body = model, bim = ann) =>
    ask('POST', `/services/${service}`, { body, headers: { Token: bim.token, 'Input-Type': 'IFC_STEP_2X3TC1', ...headers } });

test('services are listed with where to post', async () => {
    const { services, capabilities } = (await ask('GET', '/servicelist')).json;
    assert.deepEqual(capabilities, ['WEBSOCKET']);
    assert.deepEqual(services.map(({ name }) => name), Object.keys(jobs));
    assert.equal(new Set(services.map(({ id }) => id)).size, services.length);
    for (const { id, name, resourceUrl } of services) {
        assert.ok(Number.isInteger(id) && id > 0 && id < 2 ** 31);
        assert.equal(resourceUrl, `${server.url}/services/${name}`);
    }
});

test('answered with the result', async () => {
    for (const headers of [{}, { 'Accept-Flow': 'SYNC' }, { 'Accept-Flow': 'SYNC,ASYNC_WS' }]) {
        const answer = await run('copy', { 'Context-Id': 'c-7', ...headers }, model, bob);
        assert.deepEqual([answer.status, answer.body], [200, model], answer.text);
        assert.equal(answer.headers['data-title'], 'copy.ifc');
        assert.equal(answer.headers['context-id'], 'c-7');
        assert.equal(answer.headers['output-type'], answer.headers['content-type']);
        assert.match(answer.headers['content-disposition'], /^inline; filename="copy\.ifc"/);
    }
    const { services } = (await ask('GET', '/servicelist')).json;
    const byNumber = await ask('POST', '/services', { body: model, headers: { Authorization: `Bearer ${ann.token}`, ServiceName: String(services[0].id) } });
    assert.deepEqual(byNumber.body, model);
    const empty = await run('silent');
    assert.deepEqual([empty.status, empty.text, empty.headers['output-type']], [200, '', undefined]);
    await nothingSpooled();
});

test('answered at once, with progress and result on the stream of the same token', async (t) => {
    const gated = new GatedModel(t);
    const [stream, other] = [await Stream.open(t, ann), await Stream.open(t, bob)];
    const answer = await run('gated', { 'Accept-Flow': 'ASYNC_WS', 'Context-Id': 'c-8' }, gated.bytes);
    assert.deepEqual([answer.status, answer.text, answer.headers['output-type']], [200, '', 'Async']);
    const topicId = Number(answer.headers['topic-id']);
    gated.report({ progress: 40, title: 'Looking' });
    const looking = await stream.next('progress', ({ type, payload }) => type === 'progress' && payload.label === 'Looking');
    assert.deepEqual(looking, { type: 'progress', topicId, payload: { progress: 40, label: 'Looking' } });
    gated.end();
    const output = await stream.next('the output', ({ type }) => type === 'output');
    const { contentDisposition, ...payload } = output.payload;
    const type = (await ann.download({ topicId })).headers['content-type'];
    assert.deepEqual([output.topicId, payload], [topicId, { schemaName: type, contentType: type, title: 'model.ifc', contextId: 'c-8' }]);
    assert.match(contentDisposition, /filename="model\.ifc"/);
    assert.deepEqual(await stream.next('the bytes', Buffer.isBuffer), gated.bytes);
    await other.call('AuthInterface.isLoggedIn');
    assert.ok(!other.texts.some((text) => /"(progress|output)"/.test(text)));
});

test('a client that comes back gets the rest', async (t) => {
    const gated = new GatedModel(t);
    const before = await Stream.open(t, ann);
    const answer = await run('gated', { 'Accept-Flow': 'ASYNC_WS' }, gated.bytes);
    assert.equal(answer.headers['output-type'], 'Async');
    before.socket.terminate();
    const after = await Stream.open(t, ann);
    gated.end();
    assert.equal((await after.next('the output', ({ type }) => type === 'output')).topicId, Number(answer.headers['topic-id']));
    assert.deepEqual(await after.next('the bytes', Buffer.isBuffer), gated.bytes);
});

test('nothing, failure, and what is too large are pushed too', async (t) => {
    const stream = await Stream.open(t, ann);
    const flow = { 'Accept-Flow': 'ASYNC_WS' };
    await run('silent', flow);
    await stream.next('the output', ({ type }) => type === 'output');
    assert.equal((await stream.next('no bytes', Buffer.isBuffer)).length, 0);

    const gated = new GatedModel(t);
    await run('gated', flow, gated.bytes);
    gated.report({ error: 'It is no building' });
    gated.end(1);
    assert.equal((await stream.next('an error', ({ type }) => type === 'error')).payload.label, 'It is no building');

    const large = await run('copy', flow, randomBytes(700_000));
    const topicId = large.headers['topic-id'];
    const { payload } = await stream.next('an error', ({ type }) => type === 'error');
    assert.equal(payload.label, `The result is too large to be pushed; GET /download?topicId=${topicId}`);
    assert.equal((await ann.download({ topicId })).body.length, 700_000);
});

test('services that are refused', async (t) => {
    const flow = { 'Accept-Flow': 'ASYNC_WS' };
    const cases = [
        [await run('nothing'), 404, 'There is no such service.'],
        [await run('checkin'), 404, 'There is no such service.'],
        [await run('copy', { Token: 'wrong' }), 401, 'Invalid token'],
        [await run('copy', { Token: '' }), 401, 'No token given'],
        [await run('copy', flow, model, bob), 409, 'No stream is open under this token.'],
    ];
    for (const [answer, status, text] of cases) assert.deepEqual([answer.status, answer.text], [status, text]);
    assert.equal((await run('picky')).status, 422);
    const gated = new GatedModel(t);
    const failing = run('gated', {}, gated.bytes);
    gated.report({ error: 'It is no building' });
    gated.end(1);
    const failed = await failing;
    assert.deepEqual([failed.status, failed.text], [500, 'It is no building']);
    await nothingSpooled();
});

test('inputs that break off, or are too large, or come before their token is known', async (t) => {
    const post = (length, token) => `POST /services/copy HTTP/1.1\r\nHost: x\r\nToken: ${token}\r\nContent-Length: ${length}\r\n\r\n`;
    const large = await RawConnection.open(t, server.port);
    large.send(post(UPLOAD_MAX + 1, ann.token));
    assert.equal((await large.answer()).status, 413);
    const broken = await RawConnection.open(t, server.port);
    broken.send(post(1_000_000, ann.token));
    broken.send(randomBytes(500_000));
    await until(() => spooled().length > 0, 'the input to be received');
    broken.tcp.destroy();
    await nothingSpooled();
    const stranger = await RawConnection.open(t, server.port);
    stranger.send(post(1_000_000, `no-${randomBytes(8).toString('hex')}`));
    stranger.send(randomBytes(500_000));
    assert.equal((await stranger.answer()).status, 401);
    await nothingSpooled();
});

test('a client that goes while its service runs', async (t) => {
    const gated = new GatedModel(t);
    const raw = await RawConnection.open(t, server.port);
    raw.send(`POST /services/gated HTTP/1.1\r\nHost: x\r\nToken: ${ann.token}\r\nContent-Length: ${gated.bytes.length}\r\n\r\n${gated.bytes}`);
    const running = async () => (await server.backend.get('/v1/jobs?kind=gated&state=running')).json.jobs.length;
    await until(async () => (await running()) > 0, 'the job to run');
    raw.tcp.destroy();
    gated.end();
    await until(async () => (await running()) === 0, 'the job to end');
});

// ---- strangers ----

test('pages of other origins are refused before anything is read', async (t) => {
    const raw = await RawConnection.open(t, server.port);
    raw.send(head(3_000_000, 'Origin: https://elsewhere.example.com\r\n'));
    const answer = await raw.answer();
    assert.deepEqual([answer.status, answer.body], [403, '']);
    for (const where of ['/download', '/servicelist', '/bulkupload', '/services/copy']) {
        const refused = await ask('OPTIONS', where, { headers: { Origin: 'https://elsewhere.example.com' } });
        assert.deepEqual([refused.status, refused.text], [403, ''], where);
        const fine = await ask('OPTIONS', where, { headers: { Origin: 'https://viewer.example.com' } });
        assert.deepEqual([fine.status, fine.text], [200, '']);
        assert.equal(fine.headers['access-control-allow-headers'], 'Content-Type, Input-Type, Token');
        assert.equal(fine.headers['access-control-expose-headers'], 'Content-Length, Data-Title, Output-Type');
        assert.equal(fine.headers['access-control-allow-origin'], 'https://viewer.example.com');
    }
    const json = await ask('OPTIONS', '/json');
    assert.deepEqual([json.status, json.headers['access-control-allow-headers']], [200, 'Content-Type']);
});

test('at the root of the server, what is nowhere is as it was', async () => {
    assert.deepEqual((await ask('GET', '/deep/er/any.getbimserveraddress')).json, { address: server.url });
    const nowhere = await ask('GET', '/nothing/here');
    assert.deepEqual([nowhere.status, nowhere.json.reason], [404, 'not_found']);
    assert.equal((await ask('POST', '/nothing/here')).status, 404);
    assert.equal((await ask('DELETE', '/download')).status, 405);
});

test('below a path of its own all is its', async (t) => {
    const below = await startServer({ t, config: { ...config, bimserver: { ...config.bimserver, path: '/bim/', site: 'https://bim.example.org' } } });
    const send = (method, where, origin) => below.client.request(method, where, { token: null, headers: origin ? { Origin: origin } : {} });
    assert.deepEqual((await send('GET', '/bim/x/y.getbimserveraddress')).json, { address: 'https://bim.example.org/bim' });
    assert.match((await send('GET', '/bim/servicelist')).text, /"resourceUrl":"https:\/\/bim\.example\.org\/bim\/services\/copy"/);
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
        const answer = await send(method, '/bim/nothing');
        assert.deepEqual([answer.status, answer.text], [404, 'There is nothing here.'], method);
        assert.equal(answer.headers['access-control-allow-origin'], '*');
    }
    assert.deepEqual([(await send('OPTIONS', '/bim/nothing')).status, (await send('OPTIONS', '/bim/nothing')).text], [200, '']);
    assert.equal((await send('GET', '/bim/nothing', 'https://elsewhere.example.com')).status, 403);
    assert.equal((await send('GET', '/upload')).json.reason, 'not_found');
});
