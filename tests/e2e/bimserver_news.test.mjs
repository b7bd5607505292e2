// What endpoints of the BIMserver door are told beside progress; branches, and models that the server fetches.
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Bim, GatedModel, Stream, addUser, bimConfig, model, modelName, password } from './lib/bim.mjs';
import { startServer } from './lib/server.mjs';

const files = http.createServer((request, response) => {
    response.statusCode = request.url === '/models/gone.ifc' ? 404 : 200;
    response.end(model);
});

let server;
let ann;
let eve;
before(async () => {
    files.listen(0, '127.0.0.1');
    await once(files, 'listening');
    server = await startServer({ config: bimConfig({ fetch: [`http://127.0.0.1:${files.address().port}/models/`] }) });
    for (const login of ['ann', 'eve']) await addUser(server, login);
    [ann, eve] = [await Bim.as(server, 'ann'), await Bim.as(server, 'eve')];
});
after(async () => {
    files.close();
    await server.stop();
});

const registry = (name) => `NotificationRegistryInterface.${name}`;
const topics = { type: 'RUNNING_SERVICE', description: 'by hand' };

/** Ends a topic that a client feeds. */
const finish = (by, topicId) =>
    by.call(registry('updateProgressTopic'), { topicId, state: { __type: 'SLongActionState', state: 'FINISHED', title: 'Done', progress: 100 } });

/** The parameters of the next call of this method, with their order. */
async function told(stream, method) {
    return Object.entries(await stream.pushed(method));
}

/** Every call that has come, by method. */
const methods = (stream) => stream.texts.map((text) => JSON.parse(text).request?.method).filter(Boolean);

test('topics of the server', async (t) => {
    const stream = await Stream.open(t, ann);
    await ann.call(registry('registerChangeProgressOnServer'), { endPointId: stream.endpoint });
    const topicId = await ann.call(registry('registerProgressTopic'), topics);
    assert.deepEqual(await told(stream, 'newProgressOnServerTopic'), [['topicId', topicId]]);
    assert.ok((await ann.call(registry('getProgressTopicsOnServer'))).includes(topicId));
    await finish(ann, topicId);
    assert.deepEqual(await told(stream, 'closedProgressOnServerTopic'), [['topicId', topicId]]);

    const { roid } = await ann.checkinSync(await ann.project());
    const serializerOid = await ann.serializer();
    const download = await ann.call('ServiceInterface.download', { roids: [roid], query: '{}', serializerOid, sync: true });
    assert.deepEqual(await told(stream, 'newProgressOnServerTopic'), [['topicId', download]]);
    await ann.download({ topicId: download });
    assert.deepEqual(await told(stream, 'closedProgressOnServerTopic'), [['topicId', download]]);

    await ann.call(registry('unregisterChangeProgressOnServer'), { endPointId: stream.endpoint });
    const count = methods(stream).length;
    await finish(ann, await ann.call(registry('registerProgressTopic'), topics));
    await stream.call('AuthInterface.isLoggedIn');
    assert.equal(methods(stream).length, count);
});

test('topics of a project', async (t) => {
    const stream = await Stream.open(t, ann);
    const [poid, other] = [await ann.project(), await ann.project()];
    const endpoint = { endPointId: stream.endpoint, poid };
    await ann.call(registry('registerChangeProgressOnProject'), endpoint);
    await ann.call(registry('registerProgressOnProjectTopic'), { ...topics, poid: other });
    const topicId = await ann.call(registry('registerProgressOnProjectTopic'), { ...topics, poid });
    assert.deepEqual(await told(stream, 'newProgressOnProjectTopic'), [['poid', poid], ['topicId', topicId]]);
    assert.deepEqual(await ann.call(registry('getProgressTopicsOnProject'), { poid }), [topicId]);
    await finish(ann, topicId);
    assert.deepEqual(await told(stream, 'closedProgressOnProjectTopic'), [['poid', poid], ['topicId', topicId]]);
    const gated = new GatedModel(t);
    const checkin = await ann.checkin(poid, gated.bytes, 'gated.ifc');
    assert.deepEqual(await told(stream, 'newProgressOnProjectTopic'), [['poid', poid], ['topicId', checkin]]);
    gated.end();
    assert.deepEqual(await told(stream, 'closedProgressOnProjectTopic'), [['poid', poid], ['topicId', checkin]]);
    await ann.call(registry('unregisterChangeProgressOnProject'), endpoint);
});

test('topics of a revision', async (t) => {
    const stream = await Stream.open(t, ann);
    const poid = await ann.project();
    const { roid } = await ann.checkinSync(poid);
    const endpoint = { endPointId: stream.endpoint, roid, poid };
    await ann.call(registry('registerChangeProgressOnRevision'), endpoint);
    const topicId = await ann.call(registry('registerProgressOnRevisionTopic'), { ...topics, poid, roid });
    const parameters = [['poid', poid], ['roid', roid], ['topicId', topicId]];
    assert.deepEqual(await told(stream, 'newProgressOnRevisionTopic'), parameters);
    assert.deepEqual(await ann.call(registry('getProgressTopicsOnRevision'), { poid, roid }), [topicId]);
    await finish(ann, topicId);
    assert.deepEqual(await told(stream, 'closedProgressOnRevisionTopic'), parameters);
    await ann.call(registry('unregisterChangeProgressOnRevision'), endpoint);
    // bimserverapi 0.0.167 takes these two for each other when it unregisters.
    assert.deepEqual(await ann.call(registry('unregisterChangeProgressOnProject'), { roid, endPointId: stream.endpoint }), {});
});

test('projects and revisions: all of the tenant, nobody else', async (t) => {
    const stream = await Stream.open(t, eve);
    for (const name of ['registerNewProjectHandler', 'registerNewRevisionHandler', 'registerNewUserHandler'])
        await eve.call(registry(name), { endPointId: stream.endpoint });
    const poid = await ann.project();
    assert.deepEqual(await told(stream, 'newProject'), [['poid', poid]]);
    const { roid } = await ann.checkinSync(poid);
    assert.deepEqual(await told(stream, 'newRevision'), [['poid', poid], ['roid', roid]]);
    await eve.call(registry('registerNewExtendedDataOnRevisionHandler'), { endPointId: stream.endpoint, roid });
    await eve.call(registry('unregisterNewExtendedDataOnRevisionHandler'), { endPointId: stream.endpoint, roid });
    for (const name of ['unregisterNewProjectHandler', 'unregisterNewRevisionHandler', 'unregisterNewUserHandler'])
        await eve.call(registry(name), { endPointId: stream.endpoint });
    const count = methods(stream).length;
    await ann.checkinSync(await ann.project());
    await stream.call('AuthInterface.isLoggedIn');
    assert.equal(methods(stream).length, count);
});

test('another tenant', async (t) => {
    await addUser(server, 'ann', '--tenant', 'elsewhere');
    const far = new Bim(server, await ann.call('AuthInterface.login', { username: 'elsewhere/ann', password }));
    const stream = await Stream.open(t, far);
    await far.call(registry('registerNewProjectHandler'), { endPointId: stream.endpoint });
    const mine = await Stream.open(t, ann);
    const poid = await ann.project('hidden');
    const gated = new GatedModel(t);
    const topicId = await ann.checkin(poid, gated.bytes, 'gated.ifc');
    const endPointId = stream.endpoint;
    assert.equal(await far.refusal(registry('registerProgressHandler'), { topicId, endPointId }), `Topic with id ${topicId} not found`);
    assert.equal(
        await far.refusal(registry('registerProgressHandler'), { topicId, endPointId: mine.endpoint }),
        `Endpoint with id ${mine.endpoint} not found`,
    );
    assert.deepEqual(await far.call('ServiceInterface.getProjectsByName', { name: 'hidden' }), []);
    assert.ok(await far.refusal('ServiceInterface.getProjectByPoid', { poid }));
    assert.ok(await far.refusal('ServiceInterface.checkinAsync', { ...(await ann.file(poid)), deserializerOid: 65536 }));
    gated.end();
    const own = await far.project();
    assert.deepEqual(await told(stream, 'newProject'), [['poid', own]]); // the first that came
});

test('branches', async () => {
    const poid = await ann.project();
    const { roid } = await ann.checkinSync(poid);
    const serializerOid = await ann.serializer();
    const projectName = `branch ${roid}`;
    const first = await ann.call('ServiceInterface.branchToNewProject', { roid, projectName, comment: 'b', sync: true });
    const [made] = await ann.call('ServiceInterface.getProjectsByName', { name: projectName });
    const second = await ann.call('ServiceInterface.branchToExistingProject', { roid: made.lastRevisionId, destPoid: poid, comment: 'c', sync: true });
    assert.notEqual(first, second);
    const project = await ann.call('ServiceInterface.getProjectByPoid', { poid });
    assert.notEqual(project.lastRevisionId, roid);
    assert.equal(project.revisions.length, 2);
    const topicId = await ann.call('ServiceInterface.download', { roids: [project.lastRevisionId], query: '{}', serializerOid, sync: true });
    assert.deepEqual((await ann.download({ topicId })).body, model);
});

test('a model that the server fetches, from where it may', async () => {
    const poid = await ann.project();
    const base = `http://127.0.0.1:${files.address().port}`;
    const { comment, deserializerOid, merge } = await ann.file(poid);
    const from = (url, method = 'checkinFromUrlSync') =>
        ann.answer(`ServiceInterface.${method}`, { poid, comment, deserializerOid, fileName: modelName, url, merge });
    const { response } = await from(`${base}/models/${modelName}`);
    assert.deepEqual([response.result?.state, response.result?.title], ['FINISHED', `Checkin of ${modelName}`], JSON.stringify(response));
    for (const url of [
        `${base}/other/${modelName}`,
        `${base}/models/../other/x.ifc`,
        `${base}/models/%2E%2e/other/x.ifc`,
        `${base}/models/a/.%2e/../../other/x.ifc`,
        `${base}/models/..\\other/x.ifc`,
        `${base}/models/gone.ifc`, // which is not there
        'http://localhost:1/models/x.ifc',
        'file:///etc/passwd',
    ]) {
        const { exception } = (await from(url)).response;
        assert.equal(exception?.__type, 'UserException', url);
    }
    const { response: later } = await from(`${base}/models/${modelName}`, 'checkinFromUrlAsync');
    assert.equal(typeof later.result, 'number');
});
