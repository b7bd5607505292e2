// Engine.IO v4 and Socket.IO v5 as they go over the wire, with frames made by hand.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { RawConnection, RawSocket, closePayload, frame, upgradeHead } from './lib/raw.mjs';
import { Gate } from './lib/gate.mjs';
import { dispatch, dispatchGated, rigiConfig } from './lib/rigi_config.mjs';
import { startServer } from './lib/server.mjs';
import { within } from './lib/wait.mjs';

const PATH = '/socket.io/?EIO=4&transport=websocket';
const SID = /^[A-Za-z0-9_-]{24}$/;
const JOIN = '420["joinProcessRoom",{"projectId":12,"tenantId":"127_0_0_1"}]';
const JOINED = '430[{"ok":true}]';

let server;
before(async () => {
    server = await startServer({
        config: rigiConfig({
            socketio: { namespaces: ['/', '/other'], max_payload: 20000 },
            origins: ['https://app.example.com'],
        }),
    });
});
after(() => server.stop());

async function openLink(t, on = server) {
    const link = await RawSocket.open(t, on.port, PATH);
    link.hello = await link.next('the open packet');
    return link;
}

/** A link in the main namespace. */
async function connect(t, on = server) {
    const link = await openLink(t, on);
    link.text(`40{"token":"${on.token}"}`);
    assert.match(await link.next(), /^40\{"sid":"[A-Za-z0-9_-]{24}"\}$/);
    return link;
}

/** Whether it still works: joins a room, with an ack. */
async function assertAlive(link) {
    link.text(JOIN);
    assert.equal(await link.next('the ack of a join'), JOINED);
}

// ---- the transcript of the sample client

test('C# 3.x, as the sample client of the dialect', async (t) => {
    const api = await server.as('demo', 'csharp');
    const head = 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n'
        + `Host: 127.0.0.1:${server.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
        + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
    const raw = await RawConnection.open(t, server.port);
    raw.send(head);
    const answer = await raw.until(/\r\n\r\n/);
    assert.match(answer, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    assert.match(answer, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
    assert.ok(!/Sec-WebSocket-Extensions|Set-Cookie|Content-Length|Transfer-Encoding/i.test(answer), answer);

    // The bytes of each frame: final, text, unmasked, length.
    const text = async (pattern) => {
        const form = new RegExp(`^(?:\x81[\x00-\x7d]|\x81\x7e[^]{2})(${pattern})`);
        const [whole, packet] = form.exec(await raw.until(new RegExp(pattern))) ?? [];
        assert.ok(whole, `no frame of ${pattern}`);
        const n = packet.length;
        assert.equal(whole, String.fromCharCode(0x81, ...(n < 126 ? [n] : [126, n >> 8, n & 255])) + packet);
        return packet;
    };
    const sid = '[A-Za-z0-9_-]{24}';
    const numbers = '"pingInterval":25000,"pingTimeout":20000,"maxPayload":20000';
    const open = await text(`0\\{"sid":"${sid}","upgrades":\\[\\],${numbers}\\}`);
    raw.send(frame('text', `40{"token":"${api.token}","withCredentials":true}`));
    const joined = await text(`40\\{"sid":"${sid}"\\}`);
    assert.notEqual(open.slice(8, 32), joined.slice(9, 33)); // the link's sid is a secret
    raw.send(frame('text', '42["joinProcessRoom",{"projectId":12,"tenantId":"127_0_0_1"}]'));
    const job = await dispatch(api, 'pseudo');
    const { number } = await api.end(job);
    await text(`42\\["process_export_pseudo",\\{"downloadId":"${number}","jobId":"${job}","state":"finished"\\}\\]`);
    raw.send(frame('text', '42["leaveProcessRoom",12]'));
    raw.send(frame('close', closePayload(1000)));
    assert.equal(await raw.rest(), '\x88\x02\x03\xe8'); // echoed, and nothing else
});

test('the open packet has exactly five keys, and numbers as configured', async (t) => {
    const link = await openLink(t);
    assert.equal(link.hello[0], '0');
    const open = JSON.parse(link.hello.slice(1));
    assert.match(open.sid, SID);
    assert.deepEqual({ ...open, sid: '' }, { sid: '', upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 20000 });
    const other = await openLink(t);
    assert.notEqual(JSON.parse(other.hello.slice(1)).sid, open.sid);
});

// ---- packets, good and bad

const CLOSES = [
    '4abc', '47', '48["x"]', '4',
    '42{}', '42[]', '42[true]', '42[null]', '42["connect"]', '42["a"]x', '42abc["a"]', '42-1["a"]', '421.5["a"]',
    '42["disconnecting"]', '42["a"', '42["\\ud800"]x',
    '42', '4212', '43', '4312', // events and acks without JSON
    '40["a"]', '40null', '40"x"', '40{a}', '40mw,',
    '41{"a":1}', '44{"message":"x"}', '40', '40{}',
    '450-["a"]', '45-["a"]', '451["a"]', '4511-["a"]',
    '4299999999999999999999["a"]', // an ack id beyond 2^53-1
    '2', '2probe', '7', 'x', '', '1', 'bAAAA',
];
const IGNORED = [
    '43[1]', '43999[1]', '42[1,2]', '42["nobody",{}]', '4277["nobody"]',
    '0', '3', '3probe', '5', '6', '41/other,', '42/other,["a"]',
];

test('bad packets close the link, and disturb nobody else', async (t) => {
    const bystander = await connect(t);
    for (const packet of CLOSES) {
        await t.test(JSON.stringify(packet), async (t) => {
            const link = await connect(t);
            link.text(packet);
            await link.closed(null);
        });
    }
    await t.test('text where an attachment was announced', async (t) => {
        const link = await connect(t);
        link.text('451-["a",{"_placeholder":true,"num":0}]');
        link.text('42["b"]');
        await link.closed(null);
    });
    await t.test('a binary frame that nothing announced', async (t) => {
        const link = await connect(t);
        link.send('binary', Buffer.from([1, 2, 3]));
        await link.closed(null);
    });
    await assertAlive(bystander);
});

test('packets that are ignored', async (t) => {
    for (const packet of IGNORED) {
        await t.test(JSON.stringify(packet), async (t) => {
            const link = await connect(t);
            link.text(packet);
            await assertAlive(link);
        });
    }
});

test('nobody speaks before joining', async (t) => {
    for (const packet of ['42["a"]', '430[1]', '41', '41/other', '42/other,["a"]']) {
        const link = await openLink(t);
        link.text(packet);
        await link.closed(null);
    }
});

test('forms of CONNECT and DISCONNECT that clients send', async (t) => {
    for (const form of ['40{"token":"T"}', '40/,{"token":"T"}', '40{"other":[1],"token":"T","token2":null}', '4012{"token":"T"}']) {
        const link = await openLink(t);
        link.text(form.replace('"T"', `"${server.token}"`));
        assert.match(await link.next(form), /^40\{"sid":"/);
        await assertAlive(link);
    }
    for (const form of ['41', '41/,', '41/']) {
        const link = await connect(t);
        link.text(form);
        link.text(JOIN); // for a namespace just left: ignored
        link.text(`40{"token":"${server.token}"}`); // and may be joined anew
        assert.match(await link.next(form), /^40\{"sid":"/);
        await assertAlive(link);
    }
});

test('a refused CONNECT leaves the link open', async (t) => {
    const link = await openLink(t);
    for (const [packet, answer] of [
        ['40', '44{"message":"Not authorized"}'],
        ['40{"token":"rb_wrong"}', '44{"message":"Not authorized"}'],
        ['40{"token":{"a":1}}', '44{"message":"Not authorized"}'],
        ['40/random,{}', '44/random,{"message":"Invalid namespace"}'],
        ['40/other?x=1,{}', '44/other?x=1,{"message":"Invalid namespace"}'],
        ['40/other,{"token":"rb_wrong"}', '44/other,{"message":"Not authorized"}'],
    ]) {
        link.text(packet);
        assert.equal(await link.next(packet), answer);
    }
    link.text(`40{"token":"${server.token}"}`);
    assert.match(await link.next(), /^40\{"sid":"/);
    await assertAlive(link);
});

test('packets behind a CONNECT are handled after it, in order', async (t) => {
    const api = await server.as('demo', 'hasty');
    const connectPacket = `40{"token":"${api.token}"}`; // not in the cache: looked up while the others wait
    const all = Buffer.concat([connectPacket, JOIN, '421["leaveProcessRoom",12]'].map((packet) => frame('text', packet)));
    const link = await openLink(t);
    link.tcp.write(all);
    assert.match(await link.next(), /^40\{"sid":"/);
    assert.equal(await link.next(), JOINED);
    assert.equal(await link.next(), '431[{"ok":true}]');

    const early = await RawSocket.open(t, server.port, PATH, {}, all); // even before the answer to the upgrade
    assert.match(await early.next(), /^0\{/);
    assert.match(await early.next(), /^40\{"sid":"/);
    assert.equal(await early.next(), JOINED);
    assert.equal(await early.next(), '431[{"ok":true}]');
});

test('several namespaces on one link', async (t) => {
    const api = await server.as('demo', 'spaces');
    const link = await openLink(t);
    link.text(`40/other,{"token":"${api.token}"}`);
    assert.match(await link.next(), /^40\/other,\{"sid":"[A-Za-z0-9_-]{24}"\}$/);
    link.text('42/other,7["joinProcessRoom",{"projectId":"spaces","tenantId":"127_0_0_1"}]');
    assert.equal(await link.next(), '43/other,7[{"ok":true}]');
    const gate = new Gate(t);
    gate.open();
    const job = await dispatchGated(api, gate, 'spaces');
    const { number } = await api.end(job);
    assert.equal(await link.next(), `42/other,["gated",{"downloadId":"${number}","jobId":"${job}","state":"finished"}]`);
    link.text(`40{"token":"${api.token}"}`);
    assert.match(await link.next(), /^40\{"sid":"/);
    link.text('41/other,');
    link.text(`40/other,{"token":"${api.token}"}`);
    assert.match(await link.next(), /^40\/other,\{"sid":"/);
    await assertAlive(link);
});

test('ack ids come back as numbers', async (t) => {
    const link = await connect(t);
    const leave = '["leaveProcessRoom",12]';
    for (const [id, back] of [['0', '0'], ['007', '7'], ['9007199254740991', '9007199254740991']]) {
        link.text(`42${id}${leave}`);
        assert.equal(await link.next(), `43${back}[{"ok":true}]`);
    }
});

// ---- WebSocket (RFC 6455)

test('messages in fragments', async (t) => {
    const link = await connect(t);
    const join = JSON.stringify(['joinProcessRoom', { projectId: 12, tenantId: '127_0_0_1', padding: 'é'.repeat(9000) }]);
    const bytes = Buffer.from(`420${join}`);
    assert.ok(bytes.length > 2 * 8192 && bytes.length <= 20000);
    for (let at = 0; at < bytes.length; at += 8192) {
        const isLast = at + 8192 >= bytes.length;
        link.send(at === 0 ? 'text' : 'continuation', bytes.subarray(at, at + 8192), { fin: isLast });
        if (isLast) break;
        link.send('ping', `between ${at}`); // allowed, and answered at once
        const { type, text } = await link.frames.next('a pong');
        assert.deepEqual([type, text], ['pong', `between ${at}`]);
    }
    assert.equal(await link.next('the ack of a join'), JOINED);
    await assertAlive(link);
});

test('a message of the largest size, and one byte more', async (t) => {
    const link = await connect(t);
    const message = (n) => `42["x","${'a'.repeat(n - 10)}"]`;
    link.text(message(20000));
    await assertAlive(link);
    link.text(message(20001));
    await link.closed(1009);

    const inParts = await connect(t);
    inParts.send('text', 'a'.repeat(15000), { fin: false });
    inParts.send('continuation', 'a'.repeat(5001), { fin: true });
    await inParts.closed(1009);

    const announced = await connect(t); // refused by its header: nobody has to send it
    announced.tcp.write(Buffer.from([0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]));
    await announced.closed(1009);
});

test('frames that break the protocol', async (t) => {
    const breaks = {
        'not masked': [1002, frame('text', '3', { masked: false })],
        'a reserved opcode': [1002, frame(3, 'x')],
        'a reserved control opcode': [1002, frame(11, 'x')],
        'a reserved bit': [1002, frame('text', '3', { rsv: 4 })],
        'a continuation of nothing': [1002, frame('continuation', 'x')],
        'a new message inside another': [1002, Buffer.concat([frame('text', 'a', { fin: false }), frame('text', 'b')])],
        'a fragmented ping': [1002, frame('ping', 'x', { fin: false })],
        'a ping too long': [1002, frame('ping', 'x'.repeat(126))],
        'a Close of one byte': [1002, frame('close', 'x')],
        'a Close with a forbidden code': [1002, frame('close', closePayload(1005))],
        'bad UTF-8': [1007, frame('text', Buffer.from([0x34, 0xc3, 0x28]))],
        'half a character at the end': [1007, frame('text', Buffer.from([0x34, 0xe2, 0x82]))],
        'bad UTF-8 in a Close': [1007, frame('close', Buffer.concat([closePayload(1000), Buffer.from([0xff])]))],
    };
    for (const [name, [code, bytes]] of Object.entries(breaks)) {
        await t.test(name, async (t) => {
            const link = await connect(t);
            link.tcp.write(bytes);
            await link.closed(code);
        });
    }
});

test('a character cut by fragments is whole', async (t) => {
    const link = await connect(t);
    const bytes = Buffer.from('42["€"]');
    link.send('text', bytes.subarray(0, 5), { fin: false });
    link.send('continuation', bytes.subarray(5));
    await assertAlive(link);
});

test('Close frames of the client', async (t) => {
    for (const payload of ['', closePayload(1000), closePayload(1001, 'going away'), closePayload(4999)]) {
        const link = await connect(t);
        link.send('close', payload);
        link.text('41'); // python-socketio 5.7.2 says these behind its Close
        link.text('1');
        const { type, payload: echoed } = await link.frames.next();
        assert.equal(type, 'close');
        assert.deepEqual(echoed, Buffer.from(payload).subarray(0, 2));
        await within('the end', link.ended);
    }
});

test('pings of RFC 6455', async (t) => {
    const link = await connect(t);
    for (const payload of ['', 'hello', 'x'.repeat(125)]) {
        link.send('ping', payload);
        const { type, text } = await link.frames.next();
        assert.deepEqual([type, text], ['pong', payload]);
    }
    link.send('pong', 'nobody asked');
    await assertAlive(link);
});

test('compression is declined', async (t) => {
    const client = new WebSocket(`ws://127.0.0.1:${server.port}${PATH}`, { perMessageDeflate: true });
    t.after(() => client.terminate());
    const [message] = await within('the open packet', new Promise((resolve) => client.once('message', (...all) => resolve(all))));
    assert.equal(message.toString()[0], '0');
    assert.equal(client.extensions, '');
});

// ---- the handshake request

const plain = (query, method = 'GET') => server.client.request(method, `/socket.io/${query}`, { token: null });

test('plain requests that are no handshake', async () => {
    const table = [
        ['', 0, 'Transport unknown'],
        ['?EIO=4', 0, 'Transport unknown'],
        ['?EIO=3&transport=webtransport', 0, 'Transport unknown'],
        ['?EIO=4&transport=Websocket', 0, 'Transport unknown'],
        ['?EIO=4&transport=websocket&sid=x', 1, 'Session ID unknown'],
        ['?EIO=4&transport=websocket', 2, 'Bad handshake method', 'POST'],
        ['?EIO=4&transport=websocket', 2, 'Bad handshake method', 'PUT'],
        ['?EIO=4&transport=websocket', 3, 'Bad request'],
        ['?EIO=4&transport=websocket&sid=', 3, 'Bad request'],
        ['?EIO=3&transport=websocket', 3, 'Bad request'],
    ];
    for (const [query, code, message, method] of table) {
        const answer = await plain(query, method);
        assert.equal(answer.status, 400, query);
        assert.equal(answer.headers['content-type'], 'application/json');
        assert.equal(answer.text, `{"code":${code},"message":"${message}"}`, query);
    }
    assert.equal((await server.client.get('/socket.io/anything')).status, 404);
});

test('upgrades that are refused', async (t) => {
    const table = [
        ['/socket.io/?EIO=4', 'Transport unknown'],
        ['/socket.io/?EIO=4&transport=polling', 'Bad request'],
        ['/socket.io/?EIO=3&transport=websocket', 'Unsupported protocol version'],
        ['/socket.io/?transport=websocket', 'Unsupported protocol version'],
        ['/socket.io/?EIO=4&EIO=5&transport=websocket', 'Unsupported protocol version'],
        ['/socket.io/?EIO=4&transport=websocket&sid=abc', 'Session ID unknown'],
        [PATH, 'Forbidden', { Origin: 'https://evil.example.com' }],
        [PATH, 'Forbidden', { Origin: 'null' }],
    ];
    for (const [path, message, headers] of table) {
        const raw = await RawConnection.open(t, server.port);
        raw.send(upgradeHead(path, headers));
        const answer = await raw.answer();
        assert.equal(answer.status, 400, path);
        assert.equal(answer.body, message);
        assert.match(answer.head, /\r\nContent-Type: text\/html\r\n/i);
        assert.match(answer.head, /\r\nConnection: close\r\n/i);
        assert.equal(await raw.rest(), '');
    }
    const versions = { 'Sec-WebSocket-Version': '12' };
    const raw = await RawConnection.open(t, server.port);
    raw.send(upgradeHead(PATH, versions));
    const answer = await raw.answer();
    assert.equal(answer.status, 426);
    assert.match(answer.head, /\r\nSec-WebSocket-Version: 13\r\n/);
    const keyless = await RawConnection.open(t, server.port);
    keyless.send(upgradeHead(PATH, { 'Sec-WebSocket-Key': null }));
    assert.equal((await keyless.answer()).status, 400);
});

test('upgrades that are not refused', async (t) => {
    for (const [path, headers] of [
        ['/socket.io?EIO=4&transport=websocket'], // people forget the slash
        ['/socket.io/?transport=polling&transport=websocket&EIO=4'], // the last one counts
        ['/socket.io/?EIO=4&transport=websocket&t=abc&b64=1&mine=%20x'],
        ['/socket.io/?EIO=%34&transport=web%73ocket'],
        [PATH, { Origin: 'http://127.0.0.1', Host: '127.0.0.1' }],
        [PATH, { Origin: 'https://app.example.com' }],
        [PATH, { Connection: 'keep-alive, Upgrade', Upgrade: 'WebSocket' }],
    ]) {
        const link = await RawSocket.open(t, server.port, path, headers);
        assert.match(await link.next(), /^0\{"sid":"/);
    }
});

// ---- time

const advance = (on, ms) => on.client.post('/test/clock', { advance_ms: ms });

test('heartbeat: pings as configured, a pong keeps the link, silence ends it', async (t) => {
    const socketio = { ping_interval: '300ms', ping_timeout: '200ms' };
    const quick = await startServer({ t, config: rigiConfig({ socketio }) });
    const link = await openLink(t, quick);
    assert.match(link.hello, /"pingInterval":300,"pingTimeout":200,/);
    link.text(`40{"token":"${quick.token}"}`);
    assert.match(await link.next(), /^40/);
    let last = performance.now();
    for (let i = 0; i < 4; i++) {
        assert.equal(await link.next('a ping'), '2');
        const now = performance.now();
        assert.ok(now - last >= 290 || i === 0, `a ping after ${now - last} ms`); // from the last pong
        last = now;
        link.text('3');
    }
    assert.equal(await link.next('a ping'), '2');
    const silent = performance.now();
    await link.closed(null);
    assert.ok(performance.now() - silent >= 190);
});

test('heartbeat: another packet extends the wait for a pong, once', async (t) => {
    const slow = await startServer({ t, config: rigiConfig(), args: ['--clock-control'] });
    const link = await connect(t, slow);
    await advance(slow, 25_000);
    assert.equal(await link.next('a ping'), '2');
    await advance(slow, 15_000);
    await assertAlive(link); // now the deadline is 35 s after the ping
    await advance(slow, 15_000);
    await assertAlive(link); // which moves nothing any more
    await advance(slow, 6_000);
    await link.closed(null);
});

test('heartbeat: WebSocket pings and unsolicited pongs are no answer', async (t) => {
    const slow = await startServer({ t, config: rigiConfig(), args: ['--clock-control'] });
    const link = await connect(t, slow);
    link.text('3'); // before the ping
    await advance(slow, 25_000);
    assert.equal(await link.next('a ping'), '2');
    link.send('ping', 'x');
    assert.equal((await link.frames.next('a pong')).type, 'pong');
    await advance(slow, 21_000);
    await link.closed(null);
});

test('a link on which nobody joins is closed after 45 s', async (t) => {
    const slow = await startServer({ t, config: rigiConfig(), args: ['--clock-control'] });
    const idle = await openLink(t, slow);
    const refused = await openLink(t, slow);
    refused.text('40{"token":"rb_wrong"}');
    assert.match(await refused.next(), /^44/);
    const left = await connect(t, slow);
    left.text('41');
    await advance(slow, 25_000);
    for (const link of [idle, refused, left]) {
        assert.equal(await link.next('a ping'), '2');
        link.text('3');
        link.send('ping'); // a fence: the pong before it has been heard
        assert.equal((await link.frames.next()).type, 'pong');
    }
    await advance(slow, 20_500);
    await idle.closed(null);
    await refused.closed(null);
    left.text(`40{"token":"${slow.token}"}`); // had joined once: may take its time
    assert.match(await left.next(), /^40/);
});

test('the server goes: links are closed without a DISCONNECT, so that clients come back', async (t) => {
    const own = await startServer({ t, config: rigiConfig() });
    const link = await connect(t, own);
    await assertAlive(link);
    const stopping = own.stop();
    await link.closed(null);
    await stopping;
});
