// The BIMserver door's files: /upload, /download, services, addresses, and what browsers ask for beforehand.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { Bim, GatedModel, Stream, addUser, bimConfig, model, modelName } from './lib/bim.mjs';
import { startServer, worker } from './lib/server.mjs';
import { until, within } from './lib/wait.mjs';
import { unzip } from './lib/zip.mjs';

let server;
let bim;
let deserializerOid;
before(async () => {
    server = await startServer({ config: { ...bimConfig({ services: ['copy'] }, { copy: { command: [worker, 'copy'] } }), origins: ['https://viewer.example.com'] } });
    await addUser(server, 'ann');
    bim = await Bim.as(server, 'ann');
    deserializerOid = await bim.deserializer(await bim.project());
});
after(() => server.stop());

const form = (poid, more = {}) => ({ token: bim.token, deserializerOid, comment: 'c', poid, ...more });

/** A download of a fresh revision: {topicId, roid}. */
async function prepared(serializerName = 'Ifc2x3tc1 (Streaming)') {
    const { roid } = await bim.checkinSync(await bim.project());
    const serializerOid = await bim.serializer(serializerName);
    const topicId = await bim.call('ServiceInterface.download', { roids: [roid], query: '{}', serializerOid, sync: true });
    return { roid, topicId };
}

// ---- upload ----

test('asynchronous: both names of the topic, before the job ends', async (t) => {
    const gated = new GatedModel(t);
    const answer = await bim.upload(form(await bim.project()), gated.bytes, { fileName: 'gated.ifc' });
    assert.equal(answer.status, 200);
    assert.match(answer.type, /^text\/json/);
    const { topicId, checkinid } = answer.json;
    assert.equal(topicId, checkinid);
    assert.equal((await bim.progress(topicId)).state, 'STARTED');
    gated.end();
});

test('synchronous: the final state', async () => {
    const { json } = await bim.upload(form(await bim.project(), { sync: 'true', merge: 'false' }));
    assert.deepEqual([json.__type, json.state, json.title], ['SLongCheckinActionState', 'FINISHED', `Checkin of ${modelName}`]);
});

test('packed, under any part name, as Java sends it', async () => {
    for (const [compression, pack] of [['deflate', deflateSync], ['gzip', gzipSync]]) {
        const poid = await bim.project();
        const topicId = await bim.call('ServiceInterface.initiateCheckin', { poid, deserializerOid });
        const fields = { topicId, token: bim.token, deserializerOid, merge: false, poid, comment: 'c', sync: true, compression };
        const { json } = await bim.upload(fields, pack(model), { part: 'data' });
        assert.deepEqual([json.topicId, json.state], [topicId, 'FINISHED']);
        const serializerOid = await bim.serializer();
        const download = await bim.call('ServiceInterface.download', { roids: [json.roid], query: '{}', serializerOid, sync: true });
        assert.deepEqual((await bim.download({ topicId: download })).body, model);
    }
});

test('no topic is a new one', async () => {
    for (const topicId of [undefined, -1]) {
        const { json } = await bim.upload(form(await bim.project(), { sync: true, ...(topicId && { topicId }) }));
        assert.equal(json.state, 'FINISHED');
    }
});

test('several MiB', async () => {
    const point = '#%=IFCCARTESIANPOINT((1.,2.,3.));\n';
    const many = Array.from({ length: 200_000 }, (_, i) => point.replace('%', 1000 + i)).join('');
    const large = Buffer.from(model.toString().replace('\nENDSEC;\nEND-ISO', `\n${many}ENDSEC;\nEND-ISO`));
    const { json } = await bim.upload(form(await bim.project(), { sync: true }), large, { fileName: 'large.ifc' });
    assert.equal(json.state, 'FINISHED', JSON.stringify(json));
    const serializerOid = await bim.serializer();
    const topicId = await bim.call('ServiceInterface.download', { roids: [json.roid], query: '{}', serializerOid, sync: true });
    assert.deepEqual((await bim.download({ topicId })).body, large);
});

test('what is refused', async () => {
    const poid = await bim.project();
    const { poid: dropped, ...without } = form(poid);
    assert.ok(dropped);
    assert.deepEqual((await bim.upload(without)).json, { exception: 'No poid' });
    assert.deepEqual((await bim.upload({ ...form(poid), token: '' }, model)).json, {});
    const bad = await bim.upload({ ...form(poid), token: '00' });
    assert.deepEqual(bad.json, { exception: { __type: 'InvalidTokenException', message: 'Invalid token' } });
    const unknown = await bim.upload(form(987_654));
    assert.equal(unknown.json.exception.__type, 'UserException');
    const plain = await server.client.request('POST', '/upload', { body: 'x', headers: { 'Content-Type': 'text/plain' }, token: null });
    assert.deepEqual([plain.status, plain.text], [200, '{}']);
    const broken = await bim.upload(form(poid, { compression: 'deflate', sync: true }), Buffer.from('not packed'));
    assert.ok(broken.json.exception, JSON.stringify(broken.json));
    assert.equal((await bim.checkinSync(poid)).state, 'FINISHED'); // nothing of all that holds the project
});

test('a second check-in is refused while one goes on', async (t) => {
    const gated = new GatedModel(t);
    const poid = await bim.project();
    const { json } = await bim.upload(form(poid), gated.bytes, { fileName: 'gated.ifc' });
    const second = await bim.upload(form(poid));
    assert.deepEqual(second.json.exception, {
        __type: 'UserException',
        message: `Checkin in progress on this project (topicId: ${json.topicId}), please try again later`,
    });
    gated.end();
});

// ---- download ----

test('GET and POST, with its name; wrapped, renamed, packed', async () => {
    for (const method of ['GET', 'POST']) {
        const { topicId } = await prepared();
        const answer = await bim.download({ topicId }, { method });
        assert.deepEqual([answer.status, answer.body], [200, model], method);
        assert.match(answer.headers['content-disposition'], /^inline; filename="ticket-office\.ifc"/);
        await until(async () => (await bim.progress(topicId)).state === 'FINISHED', 'the end, a moment after the last byte');
        const state = await bim.progress(topicId);
        assert.deepEqual([state.title, state.progress], ['Done', 100]);
    }
    const { topicId } = await prepared();
    const zip = await bim.download({ topicId, zip: 'on' });
    assert.equal(zip.headers['content-type'], 'application/zip');
    assert.deepEqual(Object.values(unzip(zip.body)), [model]);
    const typed = await bim.download({ topicId, mime: 'text/plain' });
    assert.match(typed.headers['content-type'], /^text\/plain/);
    assert.equal(typed.headers['content-disposition'], undefined);
    const packed = await bim.download({ topicId }, { headers: { 'Accept-Encoding': 'gzip' } });
    const body = packed.headers['content-encoding'] === 'gzip' ? gunzipSync(packed.body) : packed.body;
    assert.deepEqual(body, model);
});

test('the result of the check-in itself', async () => {
    const { topicId } = await prepared('Result');
    const files = unzip((await bim.download({ topicId })).body);
    assert.deepEqual(files[modelName], model);
    assert.equal(JSON.parse(files[`${modelName}.summary.json`]).schema, 'IFC2X3');
});

test('in base64 by a call, which waits for the job', async () => {
    const { roid } = await bim.checkinSync(await bim.project());
    const serializerOid = await bim.serializer();
    const topicId = await bim.call('ServiceInterface.checkout', { roid, serializerOid, sync: false });
    const data = await bim.call('ServiceInterface.getDownloadData', { topicId });
    assert.deepEqual([data.__type, Buffer.from(data.file, 'base64')], ['SCheckoutResult', model]);
});

test('over the stream, in binary frames', async (t) => {
    const { topicId } = await prepared();
    const stream = await Stream.open(t, bim);
    stream.send({ action: 'download', token: bim.token, topicId });
    const pieces = [];
    for (;;) {
        const frame = await stream.next('a binary frame', Buffer.isBuffer);
        assert.equal(Number(frame.readBigInt64LE(0)), topicId);
        assert.ok(frame.length <= 1 << 20);
        if (frame.readBigInt64LE(8) === 1n) break;
        pieces.push(frame.subarray(16));
    }
    assert.deepEqual(Buffer.concat(pieces), model);
});

test('errors have a status that clients see', async () => {
    for (const parameters of [{}, { topicId: 'x' }, { topicId: 987_654 }]) {
        const answer = await bim.download(parameters);
        assert.ok(answer.status >= 400 && answer.status < 500, answer.status);
        assert.match(answer.headers['content-type'], /^text\/plain/);
        assert.ok(answer.text.length > 0);
    }
    const { topicId } = await prepared();
    const bad = await new Bim(server, '00').download({ topicId });
    assert.ok(bad.status >= 400 && bad.status < 500);
});

// ---- addresses and pages ----

test('the address of the server, below any path', async () => {
    for (const path of ['/.getbimserveraddress', '/some/where.getbimserveraddress']) {
        const answer = await server.client.get(path, { token: null });
        assert.deepEqual(answer.json, { address: server.url });
    }
});

test('pages of other origins', async () => {
    const send = (method, path, origin) => server.client.request(method, path, { headers: origin ? { Origin: origin } : {}, token: null });
    for (const path of ['/json', '/upload', '/download', '/soap11/AuthInterface']) {
        const answer = await send('OPTIONS', path, 'https://viewer.example.com');
        assert.deepEqual([answer.status, answer.text], [200, '']);
        assert.equal(answer.headers['access-control-allow-origin'], 'https://viewer.example.com');
        assert.match(answer.headers['access-control-allow-headers'], /Content-Type/);
        const refused = await send('OPTIONS', path, 'https://elsewhere.example.com');
        assert.deepEqual([refused.status, refused.text], [403, ''], path);
        assert.equal((await send('OPTIONS', path)).headers['access-control-allow-origin'], '*');
    }
    const call = { headers: { Origin: 'https://viewer.example.com' }, body: JSON.stringify({ request: bim.request('AdminInterface.getVersion') }), token: null };
    const answer = await server.client.request('POST', '/json', call);
    assert.equal(answer.headers['access-control-allow-origin'], 'https://viewer.example.com');
    const refused = await server.client.request('POST', '/json', { ...call, headers: { Origin: 'https://elsewhere.example.com' } });
    assert.deepEqual([refused.status, refused.text], [403, '']);
});

test('a context path in front of everything', async (t) => {
    const config = bimConfig({ path: '/bim/' });
    const below = await startServer({ t, config });
    await addUser(below, 'ann');
    const there = await Bim.as(below, 'ann', { path: '/bim' });
    const { roid } = await there.checkinSync(await there.project());
    const serializerOid = await there.serializer();
    const topicId = await there.call('ServiceInterface.download', { roids: [roid], query: '{}', serializerOid, sync: true });
    assert.deepEqual((await there.download({ topicId })).body, model);
    assert.ok((await Stream.open(t, there)).endpoint >= 2);
    assert.match((await below.client.get('/bim/soap11/AuthInterface?wsdl', { token: null })).text, /address location="http:[^"]*\/bim\/soap11\/AuthInterface"/);
    const unknown = await below.client.get('/bim/nothing/here', { token: null });
    assert.equal(unknown.status, 404);
    assert.ok(unknown.text.length > 0);
});

// ---- BIMbots ----

test('services: listed, run, and run with the answer pushed', async (t) => {
    const list = (await server.client.get('/servicelist', { token: null })).json;
    assert.deepEqual(list.capabilities, ['WEBSOCKET']);
    const [service] = list.services;
    for (const key of ['id', 'name', 'description', 'provider', 'inputs', 'outputs', 'oauth', 'resourceUrl'])
        assert.ok(key in service, key);
    const run = (headers) =>
        server.client.request('POST', '/services', {
            body: model,
            headers: { Token: bim.token, ServiceName: String(service.id), 'Input-Type': service.inputs[0], ...headers },
            token: null,
            ms: 60_000,
        });
    const direct = await run({});
    assert.equal(direct.status, 200, direct.text);
    assert.ok(direct.headers['output-type']);
    assert.ok(direct.body.length > 0);

    const stream = await Stream.open(t, bim);
    const later = await run({ 'Accept-Flow': 'SYNC,ASYNC_WS', 'Context-Id': 'c-1' });
    assert.deepEqual([later.status, later.headers['output-type'], later.text], [200, 'Async', '']);
    const topicId = Number(later.headers['topic-id']);
    const output = await stream.next('the output', (frame) => frame.type === 'output' && frame.topicId === topicId);
    assert.equal(output.payload.contextId, 'c-1');
    assert.deepEqual(await stream.next('the bytes', Buffer.isBuffer), direct.body);
});

test('services need a token', async () => {
    const answer = await server.client.request('POST', '/services', { body: 'x', headers: { ServiceName: '1' }, token: null });
    assert.ok(answer.status >= 400 && answer.status < 500);
    await within('the server', server.client.get('/readyz'));
});
