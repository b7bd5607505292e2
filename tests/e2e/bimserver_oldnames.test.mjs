// Clients of servers 1.3 and 1.4: the names that begin with Bimsie1, and their parameters.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Bim, GatedModel, Stream, addUser, bimConfig, model, modelName, password } from './lib/bim.mjs';
import { startServer } from './lib/server.mjs';

let server;
before(async () => {
    server = await startServer({ config: bimConfig() });
    await addUser(server, 'ann');
});
after(() => server.stop());

/** Interfaces whose names and prefix the old servers changed; those of Auth that did not stay where they were. */
class OldBim extends Bim {
    static async as(login) {
        const bim = new OldBim(server);
        bim.token = await bim.call('Bimsie1AuthInterface.login', { username: login, password });
        return bim;
    }

    request(name, parameters = {}) {
        const [intf, method] = name.split('.');
        const prefix = intf.startsWith('Bimsie1') ? 'org.buildingsmart.bimsie1.' : 'org.bimserver.';
        return { interface: prefix + intf, method, parameters };
    }
}

async function setUp(schema = { schema: 'ifc2x3tc1' }) {
    const bim = await OldBim.as('ann');
    const project = await bim.call('Bimsie1ServiceInterface.addProject', { projectName: `old ${Math.random()}`, ...schema });
    const deserializer = await bim.call('Bimsie1ServiceInterface.getSuggestedDeserializerForExtension', { extension: 'ifc' });
    return { bim, poid: project.oid, deserializerOid: deserializer.oid };
}

const file = (bytes, fileName = modelName) => ({
    comment: '',
    fileSize: bytes.length,
    fileName,
    data: bytes.toString('base64'),
});

/** A socket of these clients: the endpoint, and a registration under the old name. */
async function follow(t, bim, topicId) {
    const stream = await Stream.open(t, bim);
    await bim.call('Bimsie1NotificationRegistryInterface.registerProgressHandler', { topicId, endPointId: stream.endpoint });
    return stream;
}

const old = ({ request }) => request?.interface === 'Bimsie1NotificationInterface';

test('the whole cycle', async (t) => {
    const { bim, poid, deserializerOid } = await setUp();
    assert.equal((await bim.call('AuthInterface.getLoggedInUser')).username, 'ann');
    assert.equal(await bim.call('Bimsie1AuthInterface.isLoggedIn'), true);
    const topicId = await bim.call('Bimsie1ServiceInterface.checkin', { poid, deserializerOid, ...file(model), sync: false });
    const stream = await follow(t, bim, topicId);
    const { request } = await stream.next('the end', (frame) => old(frame) && frame.request.parameters.state.state === 'FINISHED');
    assert.deepEqual(Object.keys(request), ['interface', 'method', 'parameters']);
    assert.deepEqual(Object.keys(request.parameters), ['topicId', 'state']);
    assert.deepEqual(Object.keys(request.parameters.state), [
        '__type', 'end', 'errors', 'infos', 'oid', 'progress', 'rid', 'stage', 'start', 'state', 'title', 'warnings',
    ]);
    assert.equal(request.parameters.state.__type, 'SLongActionState');
    const end = await bim.call('Bimsie1NotificationRegistryInterface.getProgress', { topicId });
    assert.deepEqual(end, request.parameters.state);
    await bim.call('Bimsie1NotificationRegistryInterface.unregisterProgressHandler', { topicId, endPointId: stream.endpoint });
    assert.ok(stream.texts.every((text) => !text.includes('"NotificationInterface"')));

    const { lastRevisionId: roid } = await bim.call('Bimsie1ServiceInterface.getProjectByPoid', { poid });
    const { oid: serializerOid } = await bim.call('Bimsie1ServiceInterface.getSerializerByContentType', {
        contentType: 'application/ifc',
    });
    const longActionId = await bim.call('Bimsie1ServiceInterface.download', { roid, serializerOid, showOwn: true, sync: true });
    const data = await bim.call('Bimsie1ServiceInterface.getDownloadData', { actionId: longActionId });
    assert.deepEqual(Buffer.from(data.file, 'base64'), model);
    const answer = await bim.download({ longActionId, zip: '', serializerOid });
    assert.deepEqual([answer.status, answer.body], [200, model]);
});

test('servers 1.3: no schema, no project for a deserializer', async () => {
    const { bim, poid } = await setUp({});
    const project = await bim.call('Bimsie1ServiceInterface.getProjectByPoid', { poid });
    assert.equal(project.oid, poid);
    const [only] = await bim.call('Bimsie1ServiceInterface.getProjectsByName', { name: project.name });
    assert.equal(only.oid, poid);
});

test('each registration hears its own dialect', async (t) => {
    const { bim, poid, deserializerOid } = await setUp();
    const gated = new GatedModel(t);
    const topicId = await bim.call('Bimsie1ServiceInterface.initiateCheckin', { poid, deserializerOid });
    const [oldStream, newStream] = [await follow(t, bim, topicId), await Stream.open(t, bim)];
    await bim.register(topicId, newStream); // under org.bimserver
    const form = { token: bim.token, deserializerOid, comment: '', poid, topicId };
    const { json } = await bim.upload(form, gated.bytes, { fileName: 'gated.ifc' });
    assert.equal(json.checkinid, topicId);
    gated.report({ progress: 50, title: 'Half' });
    const half = ({ request }) => request?.parameters.state?.title === 'Half';
    const [a, b] = [await oldStream.next('the old one', half), await newStream.next('the new one', half)];
    assert.deepEqual([a.request.interface, b.request.interface], ['Bimsie1NotificationInterface', 'NotificationInterface']);
    assert.deepEqual([a.request.parameters.state.topicId, b.request.parameters.state.topicId], [undefined, topicId]);
    gated.end();
    await newStream.over(topicId);
});

test('what asks for a part of a model is told that there are none', async () => {
    const { bim, poid, deserializerOid } = await setUp();
    const topicId = await bim.call('Bimsie1ServiceInterface.checkin', { poid, deserializerOid, ...file(model), sync: true });
    assert.ok(topicId > 0);
    const { lastRevisionId: roid } = await bim.call('Bimsie1ServiceInterface.getProjectByPoid', { poid });
    const { oid: serializerOid } = await bim.call('Bimsie1ServiceInterface.getSerializerByName', {
        serializerName: 'Ifc2x3tc1 (Streaming)',
    });
    const common = { roids: [roid], serializerOid, sync: true };
    const whole = await bim.call('Bimsie1ServiceInterface.downloadRevisions', common);
    assert.deepEqual((await bim.download({ longActionId: whole })).body, model);
    for (const [method, parameters] of [
        ['downloadByOids', { ...common, oids: [1], deep: false }],
        ['downloadByTypes', { ...common, schema: 'ifc2x3tc1', classNames: ['IfcDoor'], includeAllSubtypes: true, useObjectIDM: false, deep: false }],
        ['downloadByGuids', { ...common, guids: ['1zQ6l8pjWkYDswAVLFuvQs'], deep: false }],
        ['downloadByNames', { ...common, names: ['Door'], deep: false }],
        ['downloadByJsonQuery', { ...common, jsonQuery: '{}' }],
        ['downloadQuery', { roid, qeid: 1, code: '', sync: true, serializerOid }],
    ])
        assert.equal(
            await bim.refusal(`Bimsie1ServiceInterface.${method}`, parameters),
            'This server gives models as a whole; call download',
        );
});

test('binary frames as they were', async (t) => {
    const { bim, poid, deserializerOid } = await setUp();
    await bim.call('Bimsie1ServiceInterface.checkin', { poid, deserializerOid, ...file(model), sync: true });
    const { lastRevisionId: roid } = await bim.call('Bimsie1ServiceInterface.getProjectByPoid', { poid });
    const { oid: serializerOid } = await bim.call('Bimsie1ServiceInterface.getSerializerByContentType', {
        contentType: 'application/ifc',
    });
    const longActionId = await bim.call('Bimsie1ServiceInterface.download', { roid, serializerOid, showOwn: true, sync: true });
    const stream = await Stream.open(t, bim);
    stream.send({ action: 'download', token: bim.token, longActionId, topicId: longActionId, serializerOid });
    const frame = await stream.next('a binary frame', Buffer.isBuffer);
    assert.deepEqual([frame.readInt32BE(0), frame.readInt32LE(4)], [longActionId, 0]);
    assert.deepEqual(frame.subarray(8), model);
});

test('what the old names do not hold, and that they are not listed', async () => {
    const { bim } = await setUp();
    const refusal = (name) => bim.refusal(name, {});
    assert.equal(await refusal('Bimsie1AuthInterface.getLoggedInUser'), 'Method getLoggedInUser not found on org.buildingsmart.bimsie1.Bimsie1AuthInterface');
    assert.equal(await refusal('Bimsie1AuthInterface.nonsense'), 'Method nonsense not found on org.buildingsmart.bimsie1.Bimsie1AuthInterface');
    const names = (await bim.call('MetaInterface.getServiceInterfaces')).map(({ simpleName }) => simpleName);
    assert.ok(names.includes('AuthInterface') && names.every((name) => !name.startsWith('Bimsie1')), names.join());
});
