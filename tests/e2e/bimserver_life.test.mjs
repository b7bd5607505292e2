// The BIMserver door over time: restarts, crashes, idle streams, and what is remembered.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bim, GatedModel, Stream, addUser, bimConfig, model, modelName } from './lib/bim.mjs';
import { startServer } from './lib/server.mjs';
import { until, within } from './lib/wait.mjs';

async function start(t, ...args) {
    const server = await startServer({ t, config: bimConfig(), args });
    await addUser(server, 'ann');
    return { server, bim: await Bim.as(server, 'ann') };
}

for (const [how, end] of [['kill -9', 'kill'], ['a restart', 'stop']])
    test(`${how}: token, projects, revisions, topics and their last states stay`, async (t) => {
        const { server, bim } = await start(t);
        const poid = await bim.project('survivor');
        const done = await bim.checkinSync(poid);
        const serializerOid = await bim.serializer();
        const download = await bim.call('ServiceInterface.download', { roids: [done.roid], query: '{}', serializerOid, sync: true });
        const byHand = await bim.call('NotificationRegistryInterface.registerProgressTopic', {
            type: 'RUNNING_SERVICE',
            description: 'By hand',
        });
        const deserializerOid = await bim.deserializer(poid);
        const held = await bim.project();
        const waiting = await bim.call('ServiceInterface.initiateCheckin', { poid: held, deserializerOid });
        const before = await Stream.open(t, bim);
        await server[end]();
        const code = await within('the end of the stream', before.closed);
        if (end === 'stop') assert.ok([1001, 1012].includes(code), code);
        await server.start();

        assert.deepEqual(await bim.progress(done.topicId), done);
        const project = await bim.call('ServiceInterface.getProjectByPoid', { poid });
        assert.deepEqual([project.name, project.lastRevisionId], ['survivor', done.roid]);
        assert.deepEqual((await bim.download({ topicId: download })).body, model);

        const stream = await Stream.open(t, bim);
        for (const topicId of [done.topicId, byHand, waiting]) await bim.register(topicId, stream);
        const state = { __type: 'SLongActionState', state: 'FINISHED', title: 'After all', progress: 100 };
        await bim.call('NotificationRegistryInterface.updateProgressTopic', { topicId: byHand, state });
        assert.equal((await stream.over(byHand)).title, 'After all');
        const { json } = await bim.upload({ token: bim.token, topicId: waiting, poid: held, deserializerOid, comment: '' });
        assert.equal(json.topicId, waiting);
        assert.equal((await stream.over(waiting)).state, 'FINISHED');
    });

test('a check-in that runs is run again after a crash', async (t) => {
    const config = bimConfig();
    config.jobs.checkin.retry = true;
    const server = await startServer({ t, config });
    await addUser(server, 'ann');
    const bim = await Bim.as(server, 'ann');
    const gated = new GatedModel(t);
    const poid = await bim.project();
    const topicId = await bim.checkin(poid, gated.bytes, 'gated.ifc');
    gated.report({ progress: 30, title: 'Before' });
    await until(async () => (await bim.progress(topicId)).title === 'Before', 'the first attempt');
    await server.kill();
    await server.start();
    const stream = await Stream.open(t, bim);
    await bim.register(topicId, stream);
    gated.report({ progress: 5, title: 'Again' });
    await stream.state(topicId, ({ title }) => title === 'Again');
    gated.end();
    const end = await stream.over(topicId);
    assert.deepEqual([end.state, end.__type, end.topicId], ['FINISHED', 'SLongCheckinActionState', topicId]);
    assert.equal((await bim.call('ServiceInterface.getProjectByPoid', { poid })).lastRevisionId, end.roid);
});

test('a check-in that cannot be run again is an error, and the project is free', async (t) => {
    const { server, bim } = await start(t);
    const gated = new GatedModel(t);
    const poid = await bim.project();
    const topicId = await bim.checkin(poid, gated.bytes, 'gated.ifc');
    gated.report({ progress: 30, title: 'Before' });
    await until(async () => (await bim.progress(topicId)).title === 'Before', 'the attempt');
    await server.kill();
    await server.start();
    await until(async () => (await bim.progress(topicId)).state !== 'STARTED', 'the end of what was interrupted');
    const state = await bim.progress(topicId);
    assert.deepEqual([state.state, state.progress], ['AS_ERROR', 0]);
    assert.equal((await bim.checkinSync(poid)).state, 'FINISHED');
});

test('a stream that breaks: another one of the same token goes on with the topic', async (t) => {
    const { bim } = await start(t);
    const gated = new GatedModel(t);
    const topicId = await bim.checkin(await bim.project(), gated.bytes, 'gated.ifc');
    const first = await Stream.open(t, bim);
    await bim.register(topicId, first);
    gated.report({ progress: 10, title: 'One' });
    await first.state(topicId, ({ title }) => title === 'One');
    first.socket.terminate();
    await first.closed;
    gated.report({ progress: 20, title: 'Two' });
    await until(async () => (await bim.progress(topicId)).title === 'Two', 'the state');
    const second = await Stream.open(t, bim);
    assert.ok(second.endpoint > first.endpoint);
    assert.equal(
        await bim.refusal('NotificationRegistryInterface.registerProgressHandler', { topicId, endPointId: first.endpoint }),
        `Endpoint with id ${first.endpoint} not found`,
    );
    await bim.register(topicId, second);
    assert.equal((await second.state(topicId)).title, 'Two'); // what was missed, at once
    gated.end();
    await second.over(topicId);
});

test('getProgress long after the end', async (t) => {
    const { server, bim } = await start(t, '--clock-control');
    const done = await bim.checkinSync(await bim.project());
    const answer = await server.client.post('/test/clock', { advance_ms: 12 * 3_600_000 });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(await bim.progress(done.topicId), done);
});

test('a token ends after 30 days', async (t) => {
    const { server, bim } = await start(t, '--clock-control');
    for (const days of [29, 2]) {
        assert.equal(await bim.call('AuthInterface.isLoggedIn'), true);
        await server.client.post('/test/clock', { advance_ms: days * 86_400_000 });
    }
    assert.equal((await bim.exception('AuthInterface.getLoggedInUser')).__type, 'InvalidTokenException');
});

test('an idle stream is pinged before a proxy cuts it', async (t) => {
    const { bim } = await start(t);
    const stream = await Stream.open(t, bim);
    await within('a ping', new Promise((resolve) => stream.socket.on('ping', resolve)), 30_000);
});

test('states that pass at a pace: at most one in 200 ms, but each title and the end', async (t) => {
    const { bim } = await start(t);
    const gated = new GatedModel(t);
    const topicId = await bim.checkin(await bim.project(), gated.bytes, 'gated.ifc');
    const stream = await Stream.open(t, bim);
    await bim.register(topicId, stream);
    gated.report({ progress: 0, title: 'Fast' });
    await stream.state(topicId, ({ title }) => title === 'Fast');
    const begun = performance.now();
    const count = stream.count('progress');
    gated.report(...Array.from({ length: 90 }, (_, i) => ({ progress: i })));
    gated.report({ progress: 90, title: 'Faster' });
    await stream.state(topicId, ({ title }) => title === 'Faster');
    gated.end();
    await stream.over(topicId);
    const pushed = stream.count('progress') - count;
    const seconds = (performance.now() - begun) / 1000;
    assert.ok(pushed <= 6 + seconds * 5, `${pushed} in ${seconds} s`);
});

test('a server that stops tells its streams', async (t) => {
    const { server, bim } = await start(t);
    const stream = await Stream.open(t, bim);
    const [, code] = await Promise.all([server.stop(), stream.closed]);
    assert.ok([1001, 1012].includes(code), code);
});

test('many check-ins at a time, each followed to its end', async (t) => {
    const { bim } = await start(t);
    const stream = await Stream.open(t, bim);
    const topics = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
            const topicId = await bim.checkin(await bim.project(`many ${i}`), model, `${i}-${modelName}`);
            await bim.register(topicId, stream);
            return topicId;
        }),
    );
    const open = new Set(topics);
    while (open.size > 0) {
        const { topicId, state } = await stream.pushed('progress');
        if (state.state === 'FINISHED') open.delete(topicId);
        else assert.equal(state.state, 'STARTED', JSON.stringify(state));
    }
});
