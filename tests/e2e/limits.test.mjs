// Limits of the process, of an address, of a tenant: what happens at each, and that nothing is lost by it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import WebSocket from 'ws';
import { startServer, worker } from './lib/server.mjs';
import { until, within } from './lib/wait.mjs';

const request = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';

async function connect(server) {
    const { hostname, port } = new URL(server.url);
    const socket = net.connect(Number(port), hostname);
    socket.text = '';
    socket.setEncoding('latin1').on('data', (text) => (socket.text += text)).on('error', () => {});
    await once(socket, 'connect');
    return socket;
}

const answered = (socket) => until(() => /^HTTP\/1\.1 \d+/.test(socket.text), 'an answer');
const statusOf = (socket) => Number(/^HTTP\/1\.1 (\d+)/.exec(socket.text)[1]);

test('connections of the process: those beyond wait until there is room', async (t) => {
    const server = await startServer({ t, config: { threads: 1, limits: { connections: 5 } } });
    const first = await Promise.all(Array.from({ length: 5 }, () => connect(server)));
    for (const socket of first) socket.write(request);
    for (const socket of first) await answered(socket);
    const late = await connect(server); // by the kernel
    late.write(request);
    first[0].write(request); // who is in goes on
    await until(() => first[0].text.split('HTTP/1.1 200').length === 3, 'another answer');
    assert.equal(late.text, '');
    first[1].destroy();
    await answered(late);
    assert.equal(statusOf(late), 200);
    for (const socket of [...first, late]) socket.destroy();
    await until(() => /net\.accept_paused/.test(server.stderr), 'the log says so');
});

test('connections of an address: one too many is told so', async (t) => {
    const server = await startServer({ t, config: { limits: { connections_per_address: 3 } } });
    const sockets = await Promise.all(Array.from({ length: 3 }, () => connect(server)));
    for (const socket of sockets) socket.write(request);
    for (const socket of sockets) await answered(socket);
    const fourth = await connect(server);
    await answered(fourth);
    assert.equal(statusOf(fourth), 429);
    assert.match(fourth.text, /"reason":"too_many_connections"/);
    await until(() => fourth.closed, 'its end');
    sockets[0].destroy();
    await until(async () => {
        const next = await connect(server);
        next.write(request);
        await answered(next);
        const status = statusOf(next);
        next.destroy();
        return status === 200;
    }, 'room again');
    for (const socket of sockets) socket.destroy();
});

test('connections of a tenant', async (t) => {
    const server = await startServer({ t, config: { limits: { connections_per_tenant: 2 } } });
    const open = async () => {
        const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/socket`, {
            headers: { authorization: `Bearer ${server.token}` },
        });
        const outcome = new Promise((resolve) => {
            socket.once('close', (code, text) => resolve({ code, text: String(text) }));
            socket.once('message', () => resolve('open'));
            socket.once('open', () => socket.send('{"op":"whoami","id":1}'));
            socket.once('unexpected-response', (request, answer) => resolve({ status: answer.statusCode }));
            socket.once('error', () => {});
        });
        return { socket, outcome: await within('open or closed', outcome) };
    };
    const first = await open();
    const second = await open();
    assert.deepEqual([first.outcome, second.outcome], ['open', 'open']);
    assert.deepEqual((await open()).outcome, { status: 429 });
    first.socket.close();
    await once(first.socket, 'close');
    await until(async () => (await open()).outcome === 'open', 'room again');
    second.socket.terminate();
});

test('jobs of a tenant', async (t) => {
    const server = await startServer({
        t,
        config: { limits: { jobs_per_tenant: 2 }, jobs: { slow: { command: [worker, 'nap', '1000'] } } },
    });
    const start = () => server.client.post('/v1/jobs/slow', {});
    assert.equal((await start()).status, 202);
    assert.equal((await start()).status, 202);
    const third = await start();
    assert.equal(third.status, 429);
    assert.equal(third.json.reason, 'queue_full');
    assert.equal(third.headers['retry-after'], '1');
});
