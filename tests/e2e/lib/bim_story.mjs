// What every JavaScript client of BIMserver does in its life.
import assert from 'node:assert/strict';
import { File } from 'node:buffer';
import { after, before, test } from 'node:test';
import { GatedModel, addUser, bimConfig, model, modelName } from './bim.mjs';
import { NpmClient, isOver, progressOf } from './bim_clients.mjs';
import { startServer } from './server.mjs';
import { until } from './wait.mjs';

/** All states up to the end; they never go back. */
export async function statesToTheEnd(states) {
    const seen = [];
    do {
        seen.push(await states.next('a state'));
        const [last, state] = [seen.at(-2), seen.at(-1)];
        if (last) assert.ok(state.stage >= last.stage && (state.progress >= last.progress || isOver(state)), JSON.stringify(seen));
    } while (!isOver(seen.at(-1)));
    return seen;
}

/** Defines the tests; the server is in the object that it returns. */
export function tellStory(version) {
    const story = {};
    before(async () => {
        story.server = await startServer({ config: bimConfig() });
        await addUser(story.server, 'ann');
        story.as = (t, login = 'ann') => NpmClient.as(t, version, story.server, login);
    });
    after(() => story.server.stop());

    test('init and login, which opens the stream', async (t) => {
        const client = await NpmClient.of(t, version, story.server);
        assert.deepEqual([client.info.serverState, client.info.version.major], ['RUNNING', 1]);
        assert.equal(client.info.version.fullString, '1.6.0');
        assert.equal(client.socket ?? null, null);
        await client.login('ann');
        assert.ok(client.endpoint >= 2);
        assert.equal((await client.call('AuthInterface', 'getLoggedInUser')).username, 'ann');
        await until(() => client.api.user, 'the user'); // 0.0.95 asks beside the login
        assert.deepEqual([client.api.user.__type, client.api.user.name], ['SUser', 'ann']);
        assert.equal(client.socket.texts.length, 2);
    });

    test('a wrong password', async (t) => {
        const client = await NpmClient.of(t, version, story.server);
        await assert.rejects(client.login('ann', 'wrong'), (error) => {
            assert.deepEqual(error, { __type: 'UserException', message: 'Invalid username/password combination' });
            return true;
        });
        assert.equal(client.socket ?? null, null);
    });

    test('a check-in in base64, followed to its end', async (t) => {
        const client = await story.as(t);
        const { oid: poid } = await client.project(`base64 ${version}`);
        const topicId = await client.call('ServiceInterface', 'checkinAsync', {
            poid,
            comment: 'first',
            deserializerOid: await client.deserializer(poid),
            fileSize: model.length,
            fileName: modelName,
            data: model.toString('base64'),
            merge: false,
        });
        const end = (await statesToTheEnd(await client.follow(topicId))).at(-1);
        assert.deepEqual(
            [end.__type, end.state, end.progress, end.title, end.topicId, end.errors],
            ['SLongCheckinActionState', 'FINISHED', 100, `Checkin of ${modelName}`, topicId, []],
        );
        const project = await client.call('ServiceInterface', 'getProjectByPoid', { poid });
        assert.equal(project.lastRevisionId, end.roid);
    });

    test('a check-in by upload, followed from before its beginning', async (t) => {
        const client = await story.as(t);
        const project = await client.project(`upload ${version}`);
        const deserializer = await client.deserializer(project.oid);
        const topicId = await client.initiate(project, deserializer);
        const states = await client.follow(topicId);
        const gated = new GatedModel(t);
        const sent = [];
        const file = new File([gated.bytes], 'gated.ifc');
        assert.equal(await client.upload(topicId, project, file, deserializer, (percent) => sent.push(percent)), topicId);
        assert.ok(sent.every((percent) => percent >= 0 && percent <= 100));
        for (const progress of [10, 60, 95]) {
            gated.report({ progress, title: `At ${progress}` });
            const state = await states.next('its state', ({ title }) => title === `At ${progress}`);
            assert.deepEqual([state.state, state.progress], ['STARTED', progress]);
        }
        gated.end();
        const seen = await statesToTheEnd(states);
        assert.deepEqual([seen.at(-1).state, seen.at(-1).progress], ['FINISHED', 100]);
    });

    test('a check-in that fails', async (t) => {
        const client = await story.as(t);
        const project = await client.project(`broken ${version}`);
        const deserializer = await client.deserializer(project.oid);
        const topicId = await client.initiate(project, deserializer);
        const states = await client.follow(topicId);
        await client.upload(topicId, project, new File(['this is no model'], 'no.ifc'), deserializer);
        const end = (await statesToTheEnd(states)).at(-1);
        assert.deepEqual([end.state, end.progress], ['AS_ERROR', 0]);
        assert.match(end.title, /^no\.ifc: the file ends in the middle of a statement/);
    });

    test('unregistered: not a frame more', async (t) => {
        const client = await story.as(t);
        const project = await client.project(`silence ${version}`);
        const deserializer = await client.deserializer(project.oid);
        const gated = new GatedModel(t);
        const topicId = await client.initiate(project, deserializer);
        const states = await client.follow(topicId);
        await client.upload(topicId, project, new File([gated.bytes], 'gated.ifc'), deserializer);
        gated.report({ progress: 10, title: 'Halfway' });
        await states.next('its title', ({ title }) => title === 'Halfway');
        const { socket } = client;
        await client.unfollow(topicId, states);
        const count = progressOf(socket);
        gated.report({ progress: 20, title: 'Unheard' }, { progress: 30, title: 'Unheard too' });
        gated.end();
        const progress = () => client.call('NotificationRegistryInterface', 'getProgress', { topicId });
        await until(async () => (await progress()).state === 'FINISHED', 'the end of the check-in');
        const fence = await client.project(`fence ${version}`); // and what is pushed about something else does come
        const other = await client.initiate(fence, deserializer);
        await (await client.follow(other)).next('a state of another topic');
        assert.equal(progressOf(socket), count + socket.texts.filter((text) => text.includes(`"topicId":${other},"state"`)).length);
    });

    test('download: prepared, fetched, done', async (t) => {
        const client = await story.as(t);
        const { oid: poid } = await client.project(`download ${version}`);
        const { roid } = await client.call('ServiceInterface', 'checkinSync', {
            poid,
            comment: '',
            deserializerOid: await client.deserializer(poid),
            fileSize: model.length,
            fileName: modelName,
            data: model.toString('base64'),
            merge: false,
        });
        const { oid: serializerOid } = await client.call('ServiceInterface', 'getSerializerByContentType', {
            contentType: 'application/ifc',
        });
        const topicId = await client.call('ServiceInterface', 'download', { roids: [roid], query: '{}', serializerOid, sync: false });
        const states = await client.follow(topicId);
        const ready = await states.next('the file to be ready', ({ title }) => title === 'Done preparing');
        assert.deepEqual([ready.__type, ready.state], ['SLongActionState', 'STARTED']);
        const response = await fetch(client.api.generateRevisionDownloadUrl({ topicId, serializerOid }));
        assert.deepEqual(Buffer.from(await response.arrayBuffer()), model);
        const done = await states.next('the end', isOver);
        assert.deepEqual([done.state, done.title, done.progress], ['FINISHED', 'Done', 100]);
        await client.call('ServiceInterface', 'cleanupLongAction', { topicId });
    });

    test('reconnected: a new endpoint, the same topic', async (t) => {
        const client = await story.as(t);
        const project = await client.project(`reconnect ${version}`);
        const deserializer = await client.deserializer(project.oid);
        const gated = new GatedModel(t);
        const topicId = await client.initiate(project, deserializer);
        const states = await client.follow(topicId);
        await client.upload(topicId, project, new File([gated.bytes], 'gated.ifc'), deserializer);
        gated.report({ progress: 10, title: 'Before' });
        await states.next('its title', ({ title }) => title === 'Before');
        const { socket, endpoint } = client;
        socket.close();
        await socket.closed;
        await story.reopen(client);
        assert.ok(client.endpoint > endpoint);
        const again = await client.follow(topicId);
        const first = await again.next('the last state, at once');
        assert.deepEqual([first.title, first.progress], ['Before', 10]);
        gated.report({ progress: 20, title: 'After' });
        await again.next('a new state', ({ title }) => title === 'After');
        gated.end();
        assert.equal((await again.next('the end', isOver)).state, 'FINISHED');
    });

    return story;
}
