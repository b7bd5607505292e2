// Results that must reach a client although its line breaks. Every test cuts the line at another moment.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './lib/wait.mjs';
import { Gate } from './lib/gate.mjs';
import { Proxy } from './lib/proxy.mjs';
import { dispatchGated, rigiConfig } from './lib/rigi_config.mjs';
import { startServer } from './lib/server.mjs';
import { Rigi } from './lib/sio.mjs';

/** A server, a line that can be cut, and a client on it that joins whenever it is connected, as the users' clients do. */
async function setUp(t, socketio = {}) {
    const server = await startServer({ t, config: rigiConfig({ socketio }) });
    const line = await Proxy.start(t, server.port);
    const rigi = new Rigi(t, line.url, server.token);
    const room = { projectId: 12, tenantId: '127_0_0_1' };
    const joining = { count: 0, hooks: [] };
    rigi.socket.on('connect', () =>
        rigi.socket.emit('joinProcessRoom', room, (answer) => {
            assert.deepEqual(answer, { ok: true });
            joining.hooks.shift()?.();
        }),
    );
    rigi.inRoom = () => new Promise((resolve) => joining.hooks.push(resolve));
    await rigi.inRoom();
    const api = server.client;
    const finish = async (gate, job) => {
        gate.open();
        assert.equal((await api.end(job)).state, 'finished');
    };
    return { server, line, rigi, api, finish };
}

/** The next outcome is the one of this job; and then, behind it, the one of another: so it came once. */
async function hearsOnce(t, rigi, api, job) {
    assert.equal((await rigi.outcome('gated')).jobId, job);
    const gate = new Gate(t);
    const fence = await dispatchGated(api, gate);
    gate.open();
    assert.equal((await rigi.outcome('gated')).jobId, fence);
}

test('cut while the job runs, back before it ends', async (t) => {
    const { line, rigi, api, finish } = await setUp(t);
    const gate = new Gate(t);
    const job = await dispatchGated(api, gate);
    await api.event(job, 'running');
    for (let i = 0; i < 3; i++) {
        const back = rigi.inRoom();
        const gone = rigi.once('disconnect');
        line.cut();
        assert.match((await gone)[0], /transport/);
        await back;
    }
    await finish(gate, job);
    await hearsOnce(t, rigi, api, job);
});

test('cut while the job runs, back after it has ended', async (t) => {
    const { line, rigi, api, finish } = await setUp(t);
    const gate = new Gate(t);
    const job = await dispatchGated(api, gate);
    await api.event(job, 'running');
    const gone = rigi.once('disconnect');
    line.isRefusing = true;
    line.cut();
    await gone;
    await finish(gate, job);
    assert.equal(rigi.events.size, 0);
    const back = rigi.inRoom();
    line.isRefusing = false;
    await back;
    await hearsOnce(t, rigi, api, job);
});

test('sent, and lost on the way', async (t) => {
    const { line, rigi, api, finish } = await setUp(t);
    const gate = new Gate(t);
    const job = await dispatchGated(api, gate);
    line.swallow(true);
    const lost = line.swallowed('"downloadId"'); // the server has done all it can
    await finish(gate, job);
    await lost;
    assert.equal(rigi.events.size, 0);
    const back = rigi.inRoom();
    line.swallow(false);
    line.cut();
    await back;
    await hearsOnce(t, rigi, api, job);
});

test('sent, and lost twice on the way', async (t) => {
    const { line, rigi, api, finish } = await setUp(t);
    const gate = new Gate(t);
    const job = await dispatchGated(api, gate);
    line.swallow(true);
    let lost = line.swallowed('"downloadId"');
    await finish(gate, job);
    await lost;
    line.cut(); // the handshake of the next connection is lost as well
    await line.swallowed('101 Switching Protocols');
    const back = rigi.inRoom();
    line.swallow(false);
    line.cut();
    await back;
    await hearsOnce(t, rigi, api, job);
});

test('delivered, and confirmed by a heartbeat: a cut brings nothing back', async (t) => {
    const { line, rigi, api, finish } = await setUp(t, { ping_interval: '100ms', ping_timeout: '10s' });
    const gate = new Gate(t);
    const job = await dispatchGated(api, gate);
    await finish(gate, job);
    assert.equal((await rigi.outcome('gated')).jobId, job);
    const ping = () => new Promise((resolve) => rigi.socket.io.once('ping', resolve));
    await ping();
    await ping(); // the first one's pong has arrived, else this one would not have been sent
    const back = rigi.inRoom();
    line.cut();
    await back;
    const fenceGate = new Gate(t);
    const fence = await dispatchGated(api, fenceGate);
    fenceGate.open();
    assert.equal((await rigi.outcome('gated')).jobId, fence);
});

test('delivered, and cut before it was confirmed: once more, rather than never', async (t) => {
    const { line, rigi, api, finish } = await setUp(t);
    const gate = new Gate(t);
    const job = await dispatchGated(api, gate);
    await finish(gate, job);
    assert.equal((await rigi.outcome('gated')).jobId, job);
    const back = rigi.inRoom();
    line.cut();
    await back;
    await hearsOnce(t, rigi, api, job);
});

test('a client that leaves of its own will has what it was sent', async (t) => {
    const { server, rigi, api, finish } = await setUp(t);
    const gate = new Gate(t);
    const job = await dispatchGated(api, gate);
    await finish(gate, job);
    assert.equal((await rigi.outcome('gated')).jobId, job);
    rigi.socket.disconnect();
    // Two connections have no order of their own: the server has seen the end of the first one.
    await until(async () => (await server.backend.get('/v1/connections')).json.connections.length === 0, 'its end');
    const next = await new Rigi(t, server.url, server.token).connected();
    await next.join();
    const fenceGate = new Gate(t);
    const fence = await dispatchGated(api, fenceGate);
    fenceGate.open();
    assert.equal((await next.outcome('gated')).jobId, fence);
});

test('a line that is silently dead is noticed, and the result comes over the next one', async (t) => {
    const { line, rigi, api, finish } = await setUp(t, { ping_interval: '200ms', ping_timeout: '200ms' });
    const gate = new Gate(t);
    const job = await dispatchGated(api, gate);
    await api.event(job, 'running');
    const gone = rigi.once('disconnect');
    line.swallow(true);
    await finish(gate, job);
    assert.match((await gone)[0], /ping timeout|transport/); // the client misses the pings
    line.swallow(false);
    line.cut();
    await hearsOnce(t, rigi, api, job);
});

test('the server restarts while the job runs', async (t) => {
    const { server, line, rigi, api } = await setUp(t);
    const gate = new Gate(t);
    const job = await dispatchGated(api, gate);
    await api.event(job, 'running');
    const gone = rigi.once('disconnect');
    await server.stop();
    await gone; // and not told to go away: it will come back
    assert.equal(rigi.socket.active, true);
    const back = rigi.inRoom();
    await server.start();
    line.toPort = server.port;
    await back;
    gate.open(); // the kind retries
    assert.equal((await rigi.outcome('gated')).jobId, job);
    assert.equal((await server.client.job(job)).attempt, 2);
});
