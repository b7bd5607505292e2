// Engine.IO v4 over long-polling: how links end, the heartbeat, and whose pages may use them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LATE_MS, PING_INTERVAL_MS, PING_TIMEOUT_MS, Polling, RS, ask, isGone, startCalmEcho, startEcho, until } from './lib/engineio.mjs';
import { RawConnection, upgradeHead } from './lib/raw.mjs';
import { startServer } from './lib/server.mjs';

let server, port;
before(async () => {
    server = await startCalmEcho();
    port = server.port;
});
after(() => server.stop());

const open = (options) => Polling.open(port, options);

// ---- the client leaves

test('a client that says 1 is answered ok; its GET gets 6; what it says after that does not count', async () => {
    const link = await open();
    const { get } = await link.pending();
    await link.say(`1${RS}4late`);
    assert.equal((await get).text, '6');
    await link.gone();
    const other = await open();
    await other.say('1');
    await other.gone();
    for (let i = 0; i < 10; i++) { // on their way at the same time: the POST may come first
        const both = await open();
        const [poll, post] = await Promise.all([both.get(), both.post('1')]);
        assert.deepEqual([poll.status, poll.text, post.text], [200, '6', 'ok']);
        await both.gone();
    }
});

// ---- the server's close, as seen above it: a bad Socket.IO packet

test('the server closes: a GET that waits gets 1', async () => {
    const link = await open({ path: '/socket.io/' });
    const { get } = await link.pending();
    await link.say('4abc');
    assert.equal((await get).text, '1');
    await link.gone();
});

test('the server closes: without a GET the next one gets 6 and 1', async () => {
    const link = await open({ path: '/socket.io/' });
    await link.say('4abc');
    await link.say('40'); // ignored, and still answered
    assert.equal(await link.poll(), `6${RS}1`);
    await link.gone();
});

test('the server closes: what waits is fetched first', async () => {
    const link = await open({ path: '/socket.io/' });
    await link.say(`40${RS}4abc`);
    assert.match(await link.poll(), /^40\{"sid":"[^"]+"\}\x1e42\["auth",\{\}\]$/);
    assert.equal(await link.poll(), `6${RS}1`);
    await link.gone();
});

// ---- heartbeat

test('heartbeat', async (t) => {
    const lively = await startEcho({ t });

    await t.test('a ping each interval, from the handshake, then from the pong; whatever else flows', async () => {
        const link = await Polling.open(lively.port);
        let last = performance.now();
        for (let i = 0; i < 3; i++) {
            assert.equal(await link.poll(), '2');
            const took = performance.now() - last;
            assert.ok(took > PING_INTERVAL_MS - 30 && took < PING_INTERVAL_MS + LATE_MS, `${took} ms`);
            last = performance.now();
            await link.say(`3${RS}4x`);
            assert.equal(await link.poll(), '4x');
        }
    });

    await t.test('no pong: a GET that waits gets 1', async () => {
        const link = await Polling.open(lively.port);
        assert.equal(await link.poll(), '2');
        const since = performance.now();
        assert.equal(await link.poll(), '1');
        const took = performance.now() - since;
        assert.ok(took > PING_TIMEOUT_MS - 30 && took < PING_TIMEOUT_MS + LATE_MS, `${took} ms`);
        await link.gone();
    });

    await t.test('a client that never polls is gone at the same time', async () => {
        const link = await Polling.open(lively.port);
        const since = performance.now();
        await until(() => isGone(link));
        const took = performance.now() - since;
        assert.ok(took > PING_INTERVAL_MS + PING_TIMEOUT_MS - 30 && took < PING_INTERVAL_MS + PING_TIMEOUT_MS + LATE_MS, `${took} ms`);
    });

    await t.test('another packet moves the deadline, once', async () => {
        const link = await Polling.open(lively.port);
        assert.equal(await link.poll(), '2');
        const since = performance.now();
        const get = link.get();
        const beat = setInterval(() => link.post('6').catch(() => {}), 40);
        assert.equal((await get).text, '1');
        clearInterval(beat);
        const took = performance.now() - since;
        assert.ok(took > PING_TIMEOUT_MS + 10 && took < 2 * PING_TIMEOUT_MS + LATE_MS, `${took} ms`);
    });
});

// ---- CORS

test('CORS', async (t) => {
    const ours = 'https://app.example.com';
    const config = { origins: [ours], socketio: {} };
    const open = await startServer({ t, config });
    const get = (origin, more = {}) => ask(open.port, '/socket.io/?EIO=4&transport=polling', { ...more, headers: { ...more.headers, Origin: origin } });

    await t.test('answers tell whose pages may read them, errors too', async () => {
        for (const answer of [await get(ours), await get(ours, { method: 'POST' })]) {
            assert.equal(answer.headers['access-control-allow-origin'], ours);
            assert.equal(answer.headers.vary, 'Origin');
        }
    });

    await t.test('preflight', async () => {
        const answer = await get(ours, { method: 'OPTIONS', headers: { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-a, x-b' } });
        assert.equal(answer.status, 204);
        assert.equal(answer.headers['access-control-allow-methods'], 'GET,POST');
        assert.equal(answer.headers['access-control-allow-headers'], 'x-a, x-b');
        assert.equal(answer.headers['content-length'], '0');
    });

    await t.test('pages of others are refused; no Origin and the same host pass', async () => {
        const answer = await get('https://evil.example.com');
        assert.equal(answer.status, 403);
        assert.equal(answer.text, '{"code":4,"message":"Forbidden"}');
        assert.equal(answer.headers['access-control-allow-origin'], undefined);
        assert.equal((await get(`http://127.0.0.1:${open.port}`, { headers: { Host: `127.0.0.1:${open.port}` } })).status, 200);
        assert.equal((await ask(open.port, '/socket.io/?EIO=4&transport=polling')).status, 200);
    });

    await t.test('upgrades: refused with 400, or with the header in the 101', async (t) => {
        for (const [origin, first] of [['https://evil.example.com', /^HTTP\/1\.1 400 [^]*\r\n\r\nForbidden$/], [ours, /^HTTP\/1\.1 101 [^]*\r\nAccess-Control-Allow-Origin: https:\/\/app\.example\.com\r\n/]]) {
            const raw = await RawConnection.open(t, open.port);
            raw.send(upgradeHead('/socket.io/?EIO=4&transport=websocket', { Origin: origin }));
            await raw.until(first);
        }
    });
});
