// Engine.IO v4 over long-polling, request by request.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Polling, RS, ask, isGone, sent, startCalmEcho, until, waits } from './lib/engineio.mjs';
import { RawConnection, upgradeHead } from './lib/raw.mjs';

const UNKNOWN_SID = '{"code":1,"message":"Session ID unknown"}';
const BAD_REQUEST = '{"code":3,"message":"Bad request"}';

let server, port;
before(async () => {
    server = await startCalmEcho();
    port = server.port;
});
after(() => server.stop());

const open = (options) => Polling.open(port, options);

// ---- the handshake

test('the handshake: one open packet with exactly five keys', async () => {
    const link = await open({ query: '&t=abc&j=0&b64=1' });
    const { sid, ...rest } = JSON.parse(link.hello.slice(1));
    assert.match(sid, /^[A-Za-z0-9_-]{24}$/);
    assert.deepEqual(rest, { upgrades: ['websocket'], pingInterval: 20000, pingTimeout: 20000, maxPayload: 1000000 });
    const { headers } = link.answer;
    assert.equal(headers['content-type'], 'text/plain; charset=UTF-8');
    assert.equal(headers['content-length'], String(link.answer.body.length));
    assert.equal(headers['cache-control'], 'no-store');
    for (const name of ['access-control-allow-origin', 'vary', 'set-cookie']) assert.equal(headers[name], undefined);
    assert.notEqual((await open()).sid, sid);
});

test('refusals of plain requests, in the order of the rules', async () => {
    const link = await open();
    const REFUSED = [
        ['GET', '', 0, 'Transport unknown'],
        ['GET', 'EIO=4', 0, 'Transport unknown'],
        ['GET', 'EIO=5', 0, 'Transport unknown'],
        ['GET', 'EIO=4&transport=webtransport', 0, 'Transport unknown'],
        ['GET', 'EIO=4&Transport=polling', 0, 'Transport unknown'],
        ['GET', 'EIO=4&transport=polling&transport=x', 0, 'Transport unknown'],
        ['GET', 'EIO=4&transport=polling&sid=abc', 1, 'Session ID unknown'],
        ['GET', `EIO=4&transport=polling&sid=${'A'.repeat(24)}`, 1, 'Session ID unknown'],
        ['GET', `EIO=4&transport=polling&sid=${link.sid}x`, 1, 'Session ID unknown'],
        ['POST', 'EIO=4&transport=polling&sid=abc', 1, 'Session ID unknown'],
        ['GET', `EIO=3&transport=polling&sid=${link.sid}`, 3, 'Bad request'],
        ['GET', `transport=polling&sid=${link.sid}`, 3, 'Bad request'],
        ['GET', `EIO=4&transport=websocket&sid=${link.sid}`, 3, 'Bad request'],
        ...['POST', 'PUT', 'OPTIONS', 'DELETE', 'PATCH', 'REPORT'].map((method) =>
            [method, 'EIO=4&transport=polling', 2, 'Bad handshake method']),
        ['GET', 'EIO=4&transport=websocket', 3, 'Bad request'],
        ['GET', 'transport=polling', 5, 'Unsupported protocol version'],
        ['GET', 'EIO=5&transport=polling', 5, 'Unsupported protocol version'],
        ['GET', 'EIO=04&transport=polling', 5, 'Unsupported protocol version'],
    ];
    for (const [method, query, code, message] of REFUSED) {
        const answer = await ask(port, `/engine.io/?${query}`, { method });
        const what = `${method} ${query}`;
        assert.equal(answer.status, 400, what);
        assert.equal(answer.headers['content-type'], 'application/json', what);
        assert.equal(answer.text, `{"code":${code},"message":"${message}"}`, what);
    }
    const head = await ask(port, '/engine.io/?EIO=4&transport=polling', { method: 'HEAD' });
    assert.equal(head.status, 400);
    await link.alive();
});

test('refusals of upgrades: 400 with the bare text, and the connection ends', async (t) => {
    const link = await open();
    for (const [query, text] of [
        ['EIO=4', 'Transport unknown'],
        ['EIO=4&transport=polling', 'Bad request'],
        ['EIO=4&transport=websocket&sid=abc', 'Session ID unknown'],
        [`EIO=4&transport=polling&sid=${link.sid}`, 'Bad request'],
        [`EIO=3&transport=websocket&sid=${link.sid}`, 'Bad request'],
        ['EIO=2&transport=websocket', 'Unsupported protocol version'],
    ]) {
        const raw = await RawConnection.open(t, port);
        raw.send(upgradeHead(`/engine.io/?${query}`));
        const answer = await raw.rest();
        assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/, query);
        assert.match(answer, /\r\nContent-Type: text\/html\r\n/i);
        assert.match(answer, /\r\nConnection: close\r\n/i);
        assert.equal(answer.slice(answer.indexOf('\r\n\r\n') + 4), text, query);
    }
    const raw = await RawConnection.open(t, port);
    raw.send(upgradeHead(link.url('', { transport: 'websocket' })).replace('GET', 'POST'));
    assert.match(await raw.rest(), /^HTTP\/1\.1 400 [^]*\r\n\r\nBad request$/);
    await link.alive();
});

test('other methods on a known link: 405, and the link lives', async () => {
    const link = await open();
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'REPORT']) {
        const answer = await ask(port, link.url(), { method });
        assert.equal(answer.status, 405, method);
        assert.equal(answer.headers.allow, 'GET, POST');
        assert.ok(answer.headers['content-type'], 'clients read it unasked');
        assert.equal(answer.text, '');
    }
    await link.alive();
});

test('paths: with and without the slash, nothing behind it', async () => {
    const query = '?EIO=4&transport=polling';
    assert.equal((await ask(port, `/engine.io${query}`)).status, 200);
    for (const path of ['/engine.io/x', '/engine.io/engine.io.js', '/engine.ioo/', '/Engine.io/'])
        assert.equal((await ask(port, path + query)).status, 404, path);
});

test('queries: decoded, the last one wins, an empty sid opens a link, unknown names do not matter', async () => {
    for (const query of ['EIO=4&transport=%70olling', 'EIO=3&EIO=4&transport=websocket&transport=polling&token=1', 'EIO=4&transport=polling&sid='])
        assert.match((await ask(port, `/engine.io/?${query}`)).text, /^0\{"sid":/, query);
});

// ---- GET and POST

test('a POST is answered ok, with the headers that clients read', async () => {
    const link = await open();
    for (const headers of [{}, { 'Content-Type': 'text/plain' }, { 'Content-Type': 'text/plain;charset=UTF-8' },
        { 'Content-Type': 'application/x-www-form-urlencoded' }, { 'Content-Type': 'application/json' }]) {
        const answer = await link.post('4hello', { headers });
        assert.equal(answer.status, 200);
        assert.equal(answer.text, 'ok');
        assert.equal(answer.headers['content-type'], 'text/html');
        assert.equal(answer.headers['content-length'], '2');
        assert.equal(answer.headers['cache-control'], 'no-store');
        assert.equal(await link.poll(), '4hello');
    }
});

test('packets come back in order, text and binary', async () => {
    const link = await open();
    await link.say(['41', 'bAQID', '4€', '4', '4{"a":"\\u001e"}', 'b'].join(RS));
    const answer = await link.get();
    assert.equal(answer.text, ['41', 'bAQID', '4€', '4', '4{"a":"\\u001e"}', 'b'].join(RS));
    assert.equal(answer.headers['content-type'], 'text/plain; charset=UTF-8');
    await link.say('4a');
    await link.say('4b');
    assert.equal(await link.poll(), `4a${RS}4b`);
});

test('base64 as clients write it', async () => {
    const link = await open();
    const long = Buffer.alloc(200, 0xfb).toString('base64');
    for (const [sent, back] of [
        ['bAQIDBA==', 'bAQIDBA=='],
        ['bAQIDBA', 'bAQIDBA=='],
        ['b-_-_', 'b+/+/'],
        ['bAQID\nBA==\n', 'bAQIDBA=='],
        [`b${long.replace(/.{76}/g, '$&\n')}\n`, `b${long}`],
    ]) {
        await link.say(sent);
        assert.equal(await link.poll(), back, JSON.stringify(sent));
    }
    const other = await open();
    assert.equal((await other.post('b!!!!')).status, 400);
    await other.gone();
});

test('a GET waits until there is something, and gets it at once', async () => {
    const link = await open();
    const { get } = await link.pending();
    await link.say('4hello');
    assert.equal((await get).text, '4hello');
});

test('at most 16 packets an answer, the rest next time', async () => {
    const link = await open();
    const packets = Array.from({ length: 40 }, (_, i) => (i % 7 === 3 ? 'bAQID' : `4n${i}`));
    await link.say(packets.join(RS));
    for (const [from, to] of [[0, 16], [16, 32], [32, 40]]) assert.equal(await link.poll(), packets.slice(from, to).join(RS));
    assert.ok(await waits(port, link.get()));
});

test('about one megabyte an answer, the rest next time; never nothing', async () => {
    const link = await open();
    const packets = [1, 2].map((i) => `b${Buffer.alloc(390_000, i).toString('base64')}`); // 520,001 bytes each
    for (const packet of packets) await link.say(packet);
    for (const packet of packets) assert.equal(await link.poll(), packet);
    await link.say(packets[0]);
    await link.say(packets[1].slice(0, 400_001));
    assert.equal(await link.poll(), `${packets[0]}${RS}${packets[1].slice(0, 400_001)}`);
    const large = `4${'x'.repeat(999_999)}`;
    await link.say(large);
    assert.equal(await link.poll(), large);
});

test('output that nobody fetches is limited', async () => {
    const link = await open();
    const large = `4${'x'.repeat(999_999)}`;
    await link.say(large);
    assert.equal((await link.post(large)).text, 'ok');
    await link.gone();
});

test('a second GET ends the link: 400 for it, 1 for the first', async () => {
    const link = await open();
    const { get: first } = await link.pending();
    const second = await link.get();
    assert.deepEqual([second.status, second.text], [400, '']);
    assert.ok(second.headers['content-type']);
    const { status, text } = await first;
    assert.deepEqual([status, text], [200, '1']);
    await link.gone();
});

test('a second POST ends the link: 400 for it, and the first is lost', async () => {
    const link = await open();
    const { get } = await link.pending();
    const first = link.post(null, { headers: { Connection: 'keep-alive', 'Content-Length': '100' } });
    first.request.write('4begin');
    await sent(first);
    await waits(port, first);
    const second = await link.post('4x');
    assert.deepEqual([second.status, second.text], [400, '']);
    assert.equal((await get).text, '1');
    const { status, headers } = await first;
    assert.deepEqual([status, headers.connection], [400, 'close']);
    await link.gone();
});

test('who aborts a GET or a POST ends the link', async () => {
    const one = await open();
    const { get } = await one.pending();
    get.abort();
    await until(() => isGone(one));
    const two = await open();
    const { get: poll } = await two.pending();
    const post = two.post(null, { headers: { 'Content-Length': '100' } });
    post.request.write('4begin');
    await sent(post);
    await waits(port, post);
    post.abort();
    assert.equal((await poll).text, '1');
    await two.gone();
});

test('bodies: exactly the limit is fine, more is 413 and the link lives', async () => {
    const link = await open();
    await link.say(`4${'€'.repeat(333_333)}`); // 1,000,000 bytes
    assert.equal((await link.poll()).length, 333_334);
    for (const headers of [{ 'Content-Length': '1000001' }, { 'Transfer-Encoding': 'chunked' }]) {
        const answer = await link.post('4'.repeat(1_000_001), { headers }).catch(() => null);
        if (answer) {
            assert.equal(answer.status, 413);
            assert.equal(answer.text, '');
            assert.ok(answer.headers['content-type']);
        }
        await link.alive();
    }
});

test('bodies that are refused before they come are answered at once', async (t) => {
    const link = await open();
    const raw = await RawConnection.open(t, port);
    raw.send(`POST ${link.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\nExpect: 100-continue\r\n\r\n`);
    assert.equal((await raw.answer()).status, 413);
    await link.alive();
});

test('chunked bodies, Expect: 100-continue, and GETs that look as if they had a body', async (t) => {
    const link = await open();
    await link.say('4chunked', { headers: { 'Transfer-Encoding': 'chunked' } });
    assert.equal(await link.poll(), '4chunked');
    const raw = await RawConnection.open(t, port);
    raw.send(`POST ${link.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n`);
    await raw.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    raw.send('4y');
    assert.equal((await raw.answer()).body, 'ok');
    raw.send(`GET ${link.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Type: text/plain\r\n\r\n`);
    assert.equal((await raw.answer()).body, '4y');
});

test('a body that is no HTTP: 400, and the link lives', async (t) => {
    const link = await open();
    const raw = await RawConnection.open(t, port);
    raw.send(`POST ${link.url()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`);
    const answer = await raw.rest();
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /\r\nContent-Type: /i);
    await link.alive();
});

test('one connection for everything, kept alive', async (t) => {
    for (let i = 0; i < 8; i++) { // wherever it is born, it goes to the link's loop once
        const link = await open();
        const raw = await RawConnection.open(t, port);
        for (let k = 0; k < 3; k++) {
            raw.send(`POST ${link.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n4${i}${k}`);
            assert.equal((await raw.answer()).body, 'ok');
            raw.send(`GET ${link.url()} HTTP/1.1\r\nHost: x\r\n\r\n`);
            assert.equal((await raw.answer()).body, `4${i}${k}`);
        }
    }
});

// ---- bad packets

test('bad packets: 400 with code 3, those before count, a GET gets 1, the link is gone', async () => {
    for (const bad of ['', 'x', '7', '2', '2probe', 'b!', `${RS}4a`, `4a${RS}`, `4a${RS}${RS}4b`, `4a${RS}abc${RS}4b`, '4\xff']) {
        const link = await open();
        const { get } = await link.pending();
        const answer = await link.post(Buffer.from(bad, 'latin1'));
        assert.equal(answer.status, 400, bad);
        assert.equal(answer.text, BAD_REQUEST);
        assert.equal(answer.headers['content-type'], 'application/json');
        assert.equal((await get).text, '1', bad);
        await link.gone();
    }
});

test('packets that are ignored', async () => {
    const link = await open();
    for (const packet of ['0', '3', '3x', '5', '6', '0{"a":1}']) {
        await link.say(packet);
        await link.alive();
    }
});

test('octet-stream is not spoken in v4: 400, the link is gone', async () => {
    const link = await open();
    const answer = await link.post('4x', { headers: { 'Content-Type': 'application/octet-stream' } });
    assert.deepEqual([answer.status, answer.text], [400, '']);
    assert.ok(answer.headers['content-type']);
    await link.gone();
});

test('abandoned handshakes disturb nobody', async () => {
    for (let i = 0; i < 20; i++) await open();
    await (await open()).alive();
});

test('links of one endpoint are not known at the other', async () => {
    const link = await open();
    const other = `/socket.io/?EIO=4&transport=polling&sid=${link.sid}`;
    assert.equal((await ask(port, other)).text, UNKNOWN_SID);
    await link.alive();
});
