// The synchronous way: returnZip=true answers with the ZIP itself, or says why not.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Gate } from './lib/gate.mjs';
import { KINDS, dispatch, rigiConfig } from './lib/rigi_config.mjs';
import { startServer } from './lib/server.mjs';
import { joined } from './lib/sio.mjs';
import { unzip } from './lib/zip.mjs';

let server;
before(async () => {
    server = await startServer({ config: rigiConfig() });
});
after(() => server.stop());

test('the answer is the ZIP', async () => {
    for (const value of ['true', 'TRUE', '1']) {
        const answer = await server.client.post(`/api/projects/12/process/pseudo?returnZip=${value}`);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.headers['content-type'], 'application/zip');
        assert.equal(Object.keys(unzip(answer.body)).length, 4);
    }
    assert.equal((await server.client.get('/api/projects/12/process/pseudo?returnZip=true')).status, 200);
    for (const value of ['false', '0', ''])
        assert.equal((await server.client.post(`/api/projects/12/process/pseudo?returnZip=${value}`)).status, 202);
});

test('and is announced to nobody', async (t) => {
    const api = await server.as('demo', 'sync');
    const rigi = await joined(t, server.url, api.token);
    await api.post('/api/projects/12/process/pseudo?returnZip=true');
    const job = await dispatch(api, 'sources');
    assert.equal((await rigi.outcome(KINDS.sources)).jobId, job);
});

test('the answer is the error', async () => {
    const broken = await server.client.post('/api/projects/13/process/targets?returnZip=true');
    assert.equal(broken.status, 500);
    assert.match(broken.headers['content-type'], /^application\/json/);
    assert.equal(broken.json.error, 'failed');
    assert.match(broken.json.message, /nl\.po:30/);
    const unknown = await server.client.post('/api/projects/99/process/pseudo?returnZip=true');
    assert.equal(unknown.status, 500);
    assert.match(unknown.json.message, /unknown project "99"/);
});

async function startImpatient(t, sync_timeout_job) {
    const process = { sync_timeout: '300ms', sync_timeout_job };
    return startServer({ t, config: rigiConfig({ socketio: { process } }) });
}

const idIn = (answer) => /[Jj]ob (\S+) was not done in time/.exec(answer.json.message)[1];

test('too long: 504, and the job goes on', async (t) => {
    const { client } = await startImpatient(t, 'continue');
    const gate = new Gate(t);
    const answer = await client.post(`/api/projects/12/process/gated?returnZip=true&gate=${gate.path}`);
    assert.equal(answer.status, 504, answer.text);
    assert.equal(answer.json.error, 'timeout');
    gate.open();
    const job = await client.end(idIn(answer));
    assert.equal(job.state, 'finished');
    assert.equal((await client.get(job.result.url)).text, 'open\n');
});

test('too long: 504, and the job is cancelled', async (t) => {
    const { client } = await startImpatient(t, 'cancel');
    const gate = new Gate(t);
    const answer = await client.post(`/api/projects/12/process/gated?returnZip=true&gate=${gate.path}`);
    assert.equal(answer.status, 504, answer.text);
    assert.equal((await client.end(idIn(answer))).state, 'cancelled');
});

test('a caller that goes away while it waits disturbs nobody', async (t) => {
    const { client } = server;
    const gate = new Gate(t);
    const waiting = client.post(`/api/projects/12/process/gated?returnZip=true&gate=${gate.path}`, undefined, { ms: 100 });
    await assert.rejects(waiting, /waited 100 ms/); // and its connection is still there
    gate.open();
    assert.equal((await client.post('/api/projects/12/process/pseudo?returnZip=true')).status, 200);
});
