// Engine.IO v3, where it is allowed: other bodies, and the client pings.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LATE_MS, PING_INTERVAL_MS, PING_TIMEOUT_MS, Polling, ask, echoes, openSocket, startCalmEcho, startEcho } from './lib/engineio.mjs';

const BYTES = { 'Content-Type': 'application/octet-stream' };

let server, port;
before(async () => {
    server = await startCalmEcho();
    port = server.port;
});
after(() => server.stop());

const open = (query) => Polling.open(port, { eio: 3, query });

/** A body in the form of bytes: text packets as strings, binary data as buffers. */
function inBytes(...packets) {
    return Buffer.concat(packets.map((packet) => {
        const isText = typeof packet === 'string';
        const bytes = isText ? Buffer.from(packet) : Buffer.concat([Buffer.from([4]), packet]);
        return Buffer.concat([Buffer.from([isText ? 0 : 1, ...String(bytes.length).split('').map(Number), 255]), bytes]);
    }));
}

test('the handshake: the same packet, with its length in front', async () => {
    const link = await open();
    const { text, headers } = link.answer;
    assert.equal(text, `${link.hello.length}:${link.hello}`);
    assert.equal(headers['content-type'], 'text/plain; charset=UTF-8');
    const { sid, ...rest } = JSON.parse(link.hello.slice(1));
    assert.deepEqual(rest, { upgrades: ['websocket'], pingInterval: 20000, pingTimeout: 20000, maxPayload: 1000000 });
    assert.match(sid, /^[A-Za-z0-9_-]{24}$/);
});

test('only EIO=3 is v3, and a link keeps its revision', async () => {
    for (const query of ['transport=polling', 'EIO=2&transport=polling', 'EIO=&transport=polling', 'EIO=33&transport=polling'])
        assert.equal((await ask(port, `/engine.io/?${query}`)).text, '{"code":5,"message":"Unsupported protocol version"}');
    const link = await open();
    assert.equal((await ask(port, link.url('', { eio: 4 }))).text, '{"code":3,"message":"Bad request"}');
    await link.alive();
});

test('lengths are in UTF-16 units', async () => {
    const link = await open();
    await link.say('6:4hello2:4€3:4😀');
    assert.equal(await link.poll(), '6:4hello2:4€3:4😀');
});

test('binary: a body of bytes, in both directions; text alone stays text', async () => {
    const link = await open();
    const body = inBytes('4€', Buffer.from([1, 2, 3, 255]), '4x');
    await link.say(body, { headers: BYTES });
    const answer = await link.get();
    assert.equal(answer.headers['content-type'], 'application/octet-stream');
    assert.deepEqual(answer.body, body);
    await link.say('10:b4AQIDBA==');
    assert.deepEqual((await link.get()).body, inBytes(Buffer.from([1, 2, 3, 4])));
    await link.say(inBytes('4text'), { headers: BYTES });
    const text = await link.get();
    assert.equal(text.headers['content-type'], 'text/plain; charset=UTF-8');
    assert.equal(text.text, '5:4text');
});

test('b64=1: binary as base64', async () => {
    for (const [first, later] of [['&b64=1', ''], ['', '&b64=1']]) {
        const link = await open(first);
        await link.say('2:4x10:b4AQIDBA==');
        const answer = await link.get(later);
        assert.equal(answer.text, '2:4x10:b4AQIDBA==');
        assert.equal(answer.headers['content-type'], 'text/plain; charset=UTF-8');
    }
});

test('bad bodies end the link', async () => {
    const BAD = [
        ['', {}], ['4x', {}], ['3:4x', {}], ['1:4x', {}], ['x:4x', {}], [':4x', {}], ['0:', {}], ['2:7x', {}], ['1:3', {}],
        [inBytes('4x').subarray(0, -1), BYTES], [Buffer.from([2, 1, 255, 52]), BYTES], [Buffer.from([1, 1, 255, 5]), BYTES],
    ];
    for (const [body, headers] of BAD) {
        const link = await open();
        const { get } = await link.pending();
        const answer = await link.post(body, { headers });
        assert.deepEqual([answer.status, answer.text], [400, '{"code":3,"message":"Bad request"}'], String(body));
        assert.equal((await get).text, '1:1');
        await link.gone();
    }
});

test('the client leaves', async () => {
    const link = await open();
    const { get } = await link.pending();
    await link.say('1:1');
    assert.equal((await get).text, '1:6');
    await link.gone();
});

test('the server closes', async () => {
    const link = await Polling.open(port, { eio: 3, path: '/socket.io/' });
    await link.say('4:4abc');
    while ((await link.poll()) !== '1:61:1'); // what was said before comes first
    await link.gone();
});

test('upgrade', async (t) => {
    const link = await open();
    const socket = await link.socket(t);
    const { get } = await link.pending();
    socket.text('2probe');
    assert.equal(await socket.next(), '3probe');
    assert.equal((await get).text, '1:6');
    await link.say(inBytes('4x', Buffer.from([1, 2])), { headers: BYTES });
    socket.text('5');
    assert.equal(await socket.next(), '4x');
    assert.deepEqual([...(await socket.frames.next()).payload], [4, 1, 2]);
    await echoes(socket);
    assert.equal((await link.get()).text, '{"code":3,"message":"Bad request"}');
});

test('WebSocket: binary begins with its type, base64 with b4', async (t) => {
    const socket = await openSocket(t, port, { eio: 3 });
    for (const send of [() => socket.send('binary', Buffer.from([4, 1, 2, 3])), () => socket.text('b4AQID')]) {
        send();
        const { type, payload } = await socket.frames.next();
        assert.deepEqual([type, [...payload]], ['binary', [4, 1, 2, 3]]);
    }
    for (const bad of [Buffer.from([1, 2]), Buffer.alloc(0)]) {
        const other = await openSocket(t, port, { eio: 3 });
        other.send('binary', bad);
        await other.closed(null);
    }
});

test('WebSocket with b64=1: no binary messages', async (t) => {
    const socket = await openSocket(t, port, { eio: 3, query: '&b64=1' });
    socket.text('b4AQID');
    assert.equal(await socket.next(), 'b4AQID');
    await echoes(socket);
});

test('the client pings, the server answers and never pings itself', async (t) => {
    const lively = await startEcho({ t });

    await t.test('on WebSocket', async (t) => {
        const socket = await openSocket(t, lively.port, { eio: 3 });
        for (let i = 0; i < 3; i++) {
            await pause(PING_INTERVAL_MS);
            socket.text('2');
            assert.equal(await socket.next(), '3');
        }
        const since = performance.now();
        const beat = setInterval(() => socket.text('4x'), 50); // other packets do not count
        let got;
        do got = await socket.frames.next();
        while (got.text === '4x');
        clearInterval(beat);
        assert.equal(got.type, 'close');
        assertTook(since);
    });

    await t.test('on polling', async () => {
        const link = await Polling.open(lively.port, { eio: 3 });
        await link.say('1:2');
        const since = performance.now();
        assert.equal(await link.poll(), '1:3');
        assert.equal(await link.poll(), '1:1');
        assertTook(since);
        await link.gone();
    });

    await t.test('a pong of the client is against the protocol', async (t) => {
        const socket = await openSocket(t, lively.port, { eio: 3 });
        socket.text('3');
        await socket.closed(null);
    });
});

/** As long as a client waits between its pings: that is what is tested. */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function assertTook(since) {
    const took = performance.now() - since;
    const wanted = PING_INTERVAL_MS + PING_TIMEOUT_MS;
    assert.ok(took > wanted - 40 && took < wanted + LATE_MS, `${took} ms`);
}
