// What clients of the BIMserver door cannot have: more memory, or a longer life for a token, than is theirs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Bim, Stream, addUser, bimConfig } from './lib/bim.mjs';
import { startServer, temporaryDirectory, worker } from './lib/server.mjs';

let server;
let ann;
before(async () => {
    const jobs = { checkin: { command: ['/bin/true'] }, lend: { command: [worker, 'lend', '{dir}'] } };
    server = await startServer({ config: bimConfig({}, jobs) });
    await addUser(server, 'ann');
    ann = await Bim.as(server, 'ann');
});
after(() => server.stop());

test('a token that is lent to a worker makes no other', async () => {
    const dir = temporaryDirectory();
    const { id } = await server.client.start('lend', { dir });
    await server.client.event(id, 'ready');
    const lent = new Bim(server, readFileSync(path.join(dir, 'token'), 'utf8').trim());
    assert.equal(await lent.call('AuthInterface.isLoggedIn'), true);
    const { message, errorCode } = await lent.exception('AuthInterface.loginUserToken', { token: lent.token });
    assert.deepEqual([message, errorCode], ['Invalid token', 3]);
    assert.match(await ann.call('AuthInterface.loginUserToken', { token: ann.token }), /^[0-9a-f]{96}$/);
    await server.client.delete(`/v1/jobs/${id}`);
});

test('calls that wait on a stream take so much memory, and no more', async (t) => {
    const stream = await Stream.open(t, ann);
    const padding = 'x'.repeat(900_000);
    const parameters = { username: 'nobody', password: 'nothing' };
    for (let id = 0; id < 20; id++) stream.send({ id, padding, request: ann.request('AuthInterface.login', parameters) });
    const answers = [];
    while (answers.length < 20) answers.push(await stream.next('the answer to each call', (frame) => frame.response));
    assert.deepEqual(answers.map(({ id }) => id).sort((a, b) => a - b), [...Array(20).keys()]);
    const refused = ({ response }) => response.exception.message === 'More requests than allowed.';
    assert.ok(answers.some(refused) && !answers.every(refused));
});

test('a file that is too large for its call can still be downloaded', async () => {
    const poid = await ann.project();
    const large = Buffer.alloc((64 << 20) + 1, ' ');
    const { json } = await ann.upload({ token: ann.token, poid, deserializerOid: await ann.deserializer(poid), comment: '', sync: true }, large);
    assert.equal(json.state, 'FINISHED', JSON.stringify(json));
    const parameters = { roids: [json.roid], query: '{}', serializerOid: await ann.serializer(), sync: true };
    const topicId = await ann.call('ServiceInterface.download', parameters);
    assert.match(await ann.refusal('ServiceInterface.getDownloadData', { topicId }), /^The file is too large for this call/);
    const state = { __type: 'SLongActionState', state: 'STARTED', title: 'Still open', progress: 1 };
    await ann.call('NotificationRegistryInterface.updateProgressTopic', { topicId, state }); // one that is over takes none
    assert.equal((await ann.download({ topicId })).body.length, large.length);
});
