// Engine.IO v4: from long-polling to WebSocket, and WebSocket from the beginning.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PING_INTERVAL_MS, Polling, RS, ask, echoes, openSocket, sent, startCalmEcho, startEcho, waits } from './lib/engineio.mjs';
import { RawConnection, RawSocket, closePayload, upgradeHead } from './lib/raw.mjs';
import { within } from './lib/wait.mjs';

const BAD_REQUEST = '{"code":3,"message":"Bad request"}';

let server, port;
before(async () => {
    server = await startCalmEcho();
    port = server.port;
});
after(() => server.stop());

const open = () => Polling.open(port);

/** A WebSocket on the link that has been probed. */
async function probed(t, link) {
    const socket = await link.socket(t);
    socket.text('2probe');
    assert.equal(await socket.next('the answer to the probe'), '3probe');
    return socket;
}

async function assertOnSocket(link, socket) {
    await echoes(socket);
    for (const answer of [await link.get(), await link.post('4x')]) {
        assert.deepEqual([answer.status, answer.text], [400, BAD_REQUEST]);
    }
    await echoes(socket, 'unharmed');
}

// ---- the upgrade

test('probe, then 5: the link is on the WebSocket', async (t) => {
    for (let i = 0; i < 8; i++) { // whatever loops the two connections are born on
        const link = await open();
        const socket = await probed(t, link);
        socket.text('5');
        await assertOnSocket(link, socket);
    }
});

test('from the probe on no GET is left waiting', async (t) => {
    const link = await open();
    const { get } = await link.pending();
    const socket = await link.socket(t);
    assert.ok(await waits(port, get), 'not yet');
    socket.text('2probe');
    assert.equal(await socket.next(), '3probe');
    assert.equal((await get).text, '6');
    for (let i = 0; i < 5; i++) assert.equal(await link.poll(), '6');
    socket.text('5');
    await echoes(socket);
});

test('a probe may be repeated', async (t) => {
    const link = await open();
    const socket = await probed(t, link);
    socket.text('2probe');
    assert.equal(await socket.next(), '3probe');
    socket.text('5');
    await echoes(socket);
});

test('while it is probed, packets go both ways by polling; what waits is flushed after 5, in order', async (t) => {
    const link = await open();
    await link.say('40');
    const socket = await probed(t, link);
    await link.say('41');
    assert.equal(await link.poll(), `40${RS}41`);
    const packets = Array.from({ length: 30 }, (_, i) => `4n${i}`);
    await link.say([...packets, 'bAQID'].join(RS));
    socket.text('5');
    socket.text('4last');
    for (const packet of packets) assert.equal(await socket.next(), packet);
    const binary = await socket.frames.next();
    assert.deepEqual([binary.type, [...binary.payload]], ['binary', [1, 2, 3]]);
    assert.equal(await socket.next(), '4last');
});

test('5 without a probe, at once, and a GET that waits gets 6', async (t) => {
    const link = await open();
    const { get } = await link.pending();
    const socket = await link.socket(t);
    socket.text('5');
    assert.equal((await get).text, '6');
    await assertOnSocket(link, socket);
});

test('as C# 4.x: a POST, then 5 without a probe and without ever having polled; the answer comes on the WebSocket', async (t) => {
    const link = await Polling.open(port, { path: '/socket.io/' });
    await link.say('40{"token":"T"}');
    const socket = await link.socket(t);
    socket.text('5');
    assert.match(await socket.next(), /^40\{"sid":"/);
});

test('frames that come together with the upgrade request', async (t) => {
    const { frame } = await import('./lib/raw.mjs');
    const link = await open();
    const both = await link.socket(t, {}, Buffer.concat([frame('text', '2probe'), frame('text', '5'), frame('text', '4x')]));
    assert.equal(await both.next(), '3probe');
    assert.equal(await both.next(), '4x');
    await assertOnSocket(link, both);
});

test('as Swift: 6 by POST between probe and 5', async (t) => {
    const link = await open();
    const socket = await probed(t, link);
    await link.say('6');
    assert.equal(await link.poll(), '6');
    socket.text('5');
    await assertOnSocket(link, socket);
});

test('any other first packet ends the WebSocket, the link stays where it is', async (t) => {
    for (const packet of ['2', '2prob', '4x', '40', '3probe', '6', '1', '', 'x', '5x']) {
        const link = await open();
        const socket = await link.socket(t);
        socket.text(packet);
        await socket.closed(null);
        await link.alive();
    }
    const link = await open();
    const socket = await link.socket(t);
    socket.send('binary', '5');
    await socket.closed(null);
    await link.alive();
});

test('something else than 5 after the probe: the same, and GETs wait again', async (t) => {
    const link = await open();
    const socket = await probed(t, link);
    socket.text('4x');
    await socket.closed(null);
    const { get } = await link.pending();
    await link.say('4hello');
    assert.equal((await get).text, '4hello');
    const again = await probed(t, link);
    again.text('5');
    await assertOnSocket(link, again);
});

test('a client that closes or cuts its probe stays on polling', async (t) => {
    for (const end of [(socket) => socket.send('close', closePayload(1000)), (socket) => socket.tcp.destroy()]) {
        const link = await open();
        const socket = await probed(t, link);
        end(socket);
        await within('the end of the probe', socket.ended);
        let answer; // the server may hear of it a little later
        do {
            await link.say('4x');
            answer = await link.poll();
        } while (answer === '6');
        assert.equal(answer, '4x');
        const again = await probed(t, link);
        again.text('5');
        await assertOnSocket(link, again);
    }
});

test('a second WebSocket while one probes gets 101 and a Close; the first goes on', async (t) => {
    const link = await open();
    const first = await probed(t, link);
    const second = await link.socket(t);
    await second.closed(null);
    first.text('5');
    await assertOnSocket(link, first);
});

test('a WebSocket for a link that has one gets 101 and a Close', async (t) => {
    const link = await open();
    const socket = await probed(t, link);
    socket.text('5');
    const another = await link.socket(t);
    another.text('2probe');
    await another.closed(null);
    await assertOnSocket(link, socket);

    const only = await openSocket(t, port);
    const thief = await RawSocket.open(t, port, `/engine.io/?EIO=4&transport=websocket&sid=${only.sid}`);
    await thief.closed(null);
    await echoes(only);
});

test('a POST whose body is still coming at the 5 is not lost', async (t) => {
    const link = await open();
    const post = link.post(null, { headers: { 'Content-Length': '6' } });
    post.request.write('4ear');
    await sent(post);
    await waits(port, post);
    const socket = await probed(t, link);
    socket.text('5');
    await echoes(socket);
    post.request.end('ly');
    assert.equal((await post).text, 'ok');
    assert.equal(await socket.next(), '4early');
});

test('a link that ends takes its probe along', async (t) => {
    const link = await open();
    const socket = await probed(t, link);
    await link.say('1');
    await socket.closed(null);
    await link.gone();
});

test('the heartbeat goes on after the switch', async (t) => {
    const lively = await startEcho({ t });
    for (const hasPing of [false, true]) {
        const link = await Polling.open(lively.port);
        if (hasPing) assert.equal(await link.poll(), '2');
        const socket = await probed(t, link);
        socket.text('5');
        const since = performance.now();
        assert.equal(await socket.next('a ping'), '2'); // the deadline of the one before is dropped
        if (hasPing) assert.ok(performance.now() - since > PING_INTERVAL_MS - 60);
        socket.text('3');
        assert.equal(await socket.next('a ping'), '2');
        await socket.closed(null);
    }
});

// ---- WebSocket from the beginning

test('the handshake on WebSocket: the same packet, no upgrades', async (t) => {
    const socket = await openSocket(t, port);
    const { sid, ...rest } = JSON.parse(socket.hello.slice(1));
    assert.match(sid, /^[A-Za-z0-9_-]{24}$/);
    assert.deepEqual(rest, { upgrades: [], pingInterval: 20000, pingTimeout: 20000, maxPayload: 1000000 });
    await echoes(socket);
});

test('what came with the request is handled after the open packet', async (t) => {
    const { frame } = await import('./lib/raw.mjs');
    const socket = await openSocket(t, port, { behind: Buffer.concat([frame('text', '4a'), frame('text', '4b')]) });
    assert.equal(await socket.next(), '4a');
    assert.equal(await socket.next(), '4b');
});

test('the first subprotocol is echoed, extensions are declined', async (t) => {
    const socket = await openSocket(t, port, {
        headers: { 'Sec-WebSocket-Protocol': 'one, two', 'Sec-WebSocket-Extensions': 'permessage-deflate' },
    });
    assert.match(socket.head, /\r\nSec-WebSocket-Protocol: one\r\n/);
    assert.ok(!/Sec-WebSocket-Extensions/i.test(socket.head));
    await echoes(socket);
});

test('text, binary, base64, fragments', async (t) => {
    const socket = await openSocket(t, port);
    await echoes(socket, '€');
    socket.send('binary', Buffer.from([1, 2, 3]));
    assert.deepEqual([...(await socket.frames.next()).payload], [1, 2, 3]);
    socket.text('bAQID');
    const back = await socket.frames.next();
    assert.deepEqual([back.type, [...back.payload]], ['binary', [1, 2, 3]]);
    socket.send('text', '4ab', { fin: false });
    socket.send('continuation', 'cd');
    assert.equal(await socket.next(), '4abcd');
});

test('bad packets close it without a code', async (t) => {
    for (const packet of ['2', '2probe', '7', '', 'x', 'b!']) {
        const socket = await openSocket(t, port);
        socket.text(packet);
        await socket.closed(null);
    }
});

test('ignored: 0, 3, 5, 6; 1 closes', async (t) => {
    const socket = await openSocket(t, port);
    for (const packet of ['0', '3', '5', '6']) {
        socket.text(packet);
        await echoes(socket);
    }
    socket.text('4before');
    socket.text('1');
    assert.equal(await socket.next(), '4before');
    await socket.closed(null);
});

test('its sid is of no use once it is closed', async (t) => {
    const socket = await openSocket(t, port);
    socket.send('close');
    await within('the end', socket.ended);
    const answer = await ask(port, `/engine.io/?EIO=4&transport=polling&sid=${socket.sid}`);
    assert.match(answer.text, /"code":1/);
});

test('frames behind the Close are ignored', async (t) => {
    const socket = await openSocket(t, port);
    socket.send('close', closePayload(1000));
    socket.text('41');
    socket.text('1');
    const close = await socket.frames.next();
    assert.deepEqual([close.type, close.payload.readUInt16BE(0)], ['close', 1000]);
});

test('heartbeat on WebSocket', async (t) => {
    const lively = await startEcho({ t });
    const socket = await openSocket(t, lively.port);
    for (let i = 0; i < 3; i++) {
        const since = performance.now();
        assert.equal(await socket.next('a ping'), '2');
        const took = performance.now() - since;
        if (i > 0) assert.ok(took > PING_INTERVAL_MS - 30, `${took} ms`); // the first one is counted from the handshake
        socket.text('3');
    }
    assert.equal(await socket.next('a ping'), '2');
    await socket.closed(null);
});

test('an upgrade that is no WebSocket leaves the link alone', async (t) => {
    const link = await open();
    const raw = await RawConnection.open(t, port);
    raw.send(upgradeHead(link.url('', { transport: 'websocket' }), { 'Sec-WebSocket-Key': null }));
    assert.equal((await raw.answer()).status, 400);
    await link.alive();
    const socket = await probed(t, link);
    socket.text('5');
    await assertOnSocket(link, socket);
});
