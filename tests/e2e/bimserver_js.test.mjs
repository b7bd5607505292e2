// bimserverapi 0.0.167 of npm.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { model, modelName } from './lib/bim.mjs';
import { NpmClient } from './lib/bim_clients.mjs';
import { tellStory } from './lib/bim_story.mjs';

const story = tellStory('0.0.167');

// The next call opens the stream again.
story.reopen = (client) => client.call('AuthInterface', 'isLoggedIn');

const checkin = async (client, poid) =>
    client.call('ServiceInterface', 'checkinSync', {
        poid,
        comment: '',
        deserializerOid: await client.deserializer(poid),
        fileSize: model.length,
        fileName: modelName,
        data: model.toString('base64'),
        merge: false,
    });

test('calls over the stream', async (t) => {
    const client = await story.as(t);
    const over = (...args) => client.promise('an answer', (resolve, reject) => client.api.callWithWebsocket(...args).then(resolve, reject));
    const [user, version] = await Promise.all([
        over('AuthInterface', 'getLoggedInUser', {}),
        over('AdminInterface', 'getVersion', {}),
    ]);
    assert.deepEqual([user.username, version.fullString], ['ann', '1.6.0']);
    assert.equal(await over('AuthInterface', 'nonsense', {}), undefined); // that is how it tells of exceptions
});

test('several calls in one', async (t) => {
    const client = await story.as(t);
    const calls = [
        ['AuthInterface', 'isLoggedIn', {}],
        ['AdminInterface', 'getVersion', {}],
    ];
    const answers = await client.promise('answers', (resolve, reject) => client.api.multiCall(calls, resolve, reject, false, false, false));
    assert.equal(answers.length, 2);
    assert.deepEqual([answers[0].result, answers[1].result.major], [true, 1]);
});

test('a token in place of a login', async (t) => {
    const { api } = await story.as(t);
    const other = await NpmClient.of(t, '0.0.167', story.server);
    await other.promise('setToken', (resolve, reject) => other.api.setToken(api.token, resolve, reject));
    assert.equal(other.api.user.username, 'ann');
    assert.ok(other.endpoint > 2);
    const bad = await NpmClient.of(t, '0.0.167', story.server);
    await bad.promise('setToken to fail', (resolve, reject) => bad.api.setToken('00', reject, resolve));
});

test('logged out', async (t) => {
    const client = await story.as(t);
    await client.promise('logout', (resolve) => client.api.logout(resolve));
    await assert.rejects(client.call('AuthInterface', 'getLoggedInUser'), (error) => error.message === 'Invalid token');
});

test('news of projects, revisions and topics', async (t) => {
    const client = await story.as(t);
    const newProject = await client.listen('registerNewProjectHandler');
    await client.listen('registerNewUserHandler'); // users are made by the command line, of which nobody is told
    const { oid: poid } = await client.project('news');
    assert.deepEqual(await newProject.next('newProject'), [poid]);
    const newRevision = await client.listen('registerNewRevisionOnSpecificProjectHandler', poid);
    const closed = [];
    const topics = await client.listen('registerChangeProgressProjectHandler', poid, (...args) => closed.push(['new', ...args]));
    const { roid, topicId } = await checkin(client, poid);
    assert.deepEqual(await newRevision.next('newRevision'), [poid, roid]);
    assert.deepEqual(await topics.next('closedProgressOnProjectTopic'), [poid, topicId]);
    assert.deepEqual(closed, [['new', poid, topicId]]);
    await client.promise('unregister', (resolve) => client.api.unregisterNewProjectHandler(() => {}, resolve));
    await client.project('not told');
    await checkin(client, poid);
    await newRevision.next('newRevision, sent later');
    assert.equal(newProject.size, 0);
});

test('download over the stream', async (t) => {
    const client = await story.as(t);
    const { oid: poid } = await client.project('by the socket');
    const { roid } = await checkin(client, poid);
    const serializer = await client.call('ServiceInterface', 'getSerializerByContentType', { contentType: 'application/ifc' });
    const topicId = await client.call('ServiceInterface', 'download', {
        roids: [roid],
        query: '{}',
        serializerOid: serializer.oid,
        sync: false,
    });
    const pieces = [];
    await client.promise('the file by the socket', (resolve) => {
        client.api.setBinaryDataListener(topicId, (buffer) => {
            const view = new DataView(buffer);
            assert.equal(view.getBigInt64(0, true), BigInt(topicId));
            if (view.getBigInt64(8, true) === 1n) resolve();
            else pieces.push(Buffer.from(buffer, 16));
        });
        client.api.downloadViaWebsocket({ topicId });
    });
    assert.deepEqual(Buffer.concat(pieces), model);
});
