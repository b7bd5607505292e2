// What clients in other languages send, byte for byte, and what must come back: C# (SocketIOClient 3.x and 4.0.x), Python
// (python-socketio), Java and Swift, and the sequences of JavaScript clients that a client library hides.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Room } from './lib/chat.mjs';
import { RS } from './lib/engineio.mjs';
import { RawConnection, RawSocket, closePayload, frame } from './lib/raw.mjs';
import { startServer } from './lib/server.mjs';

const SID = '"[A-Za-z0-9_-]{20,24}"';
const JOINED = new RegExp(`^40\\{"sid":${SID}\\}$`);
const TENANT = '127_0_0_1';
const UNKNOWN = '{"code":1,"message":"Session ID unknown"}';

const config = (socketio = {}) => ({
    socketio: {
        rooms: [
            { join: 'joinProcessRoom', leave: 'leaveProcessRoom', topic: 'projects/{projectId}', key: 'projectId', publish: ['echo'] },
        ],
        ...socketio,
    },
});

let server, port, token;
before(async () => {
    server = await startServer({ config: config() });
    ({ port, token } = server);
});
after(() => server.stop());

/** The room of a project: published to by back ends. */
function room(id, on = server) {
    const room = new Room(on.backend, id);
    room.topic = `projects/${id}`;
    return room;
}

const join = (id, ack = '') => `42${ack}["joinProcessRoom",{"projectId":${JSON.stringify(id)},"tenantId":"${TENANT}"}]`;

/** One request on a connection of its own, headers and body as they are given: {status, head, body}. */
async function ask(t, method, path, { headers = [], body = '', on = server } = {}) {
    const raw = await send(t, method, path, { headers, body, on });
    return raw.answer();
}

/** ... whose answer is not waited for. */
async function send(t, method, path, { headers = [], body = '', on = server } = {}) {
    const raw = await RawConnection.open(t, on.port);
    const lines = [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${on.port}`, ...headers];
    raw.send(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`));
    return raw;
}

/** A POST with the bytes of a text in UTF-8. */
function post(t, path, body, { type = 'text/plain;charset=UTF-8', on } = {}) {
    const headers = [`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body)}`];
    return ask(t, 'POST', path, { headers, body, on });
}

async function posted(t, path, body, options) {
    const answer = await post(t, path, body, options);
    assert.deepEqual([answer.status, answer.body], [200, 'ok']);
    assert.match(answer.head, /\r\nContent-Type: /i);
}

/** The open packet in the answer to a polling handshake; the sid. */
function opened(answer, query = '') {
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.head, /\r\nContent-Type: text\/plain; charset=UTF-8\r\n/i);
    const form = `^0\\{"sid":${SID},"upgrades":\\["websocket"\\],"pingInterval":\\d+,"pingTimeout":\\d+,"maxPayload":1000000\\}$`;
    assert.match(answer.body, new RegExp(form));
    const { sid } = JSON.parse(answer.body.slice(1));
    return `/socket.io/?EIO=4&transport=polling&sid=${sid}${query}`;
}

const socketPath = (path) => path.replace('=polling', '=websocket');

/** Data as the C# clients send it: in fragments of 8192 bytes. */
function fragments(type, data) {
    const bytes = Buffer.from(data);
    const parts = [];
    for (let at = 0; at === 0 || at < bytes.length; at += 8192) {
        const fin = at + 8192 >= bytes.length;
        parts.push(frame(at === 0 ? type : 'continuation', bytes.subarray(at, at + 8192), { fin }));
    }
    return Buffer.concat(parts);
}

/** System.Text.Json: everything but plain ASCII, and some of that, comes escaped. */
const netJson = (value) =>
    JSON.stringify(value).replace(/[^\x20-\x7e]|[<>&'+]/g, (c) => `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`);

// ---- C#

const csharpHead = (query = '') =>
    `GET /socket.io/?EIO=4&transport=websocket${query} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\n`
    + 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** The sample client's session, from the upgrade on; pings come as configured. */
async function sample(t, on, project) {
    const raw = await RawConnection.open(t, on.port);
    raw.send(csharpHead().replace(`:${port}\r\n`, `:${on.port}\r\n`));
    await raw.until(/^HTTP\/1\.1 101 [^]*?\r\n\r\n/);
    const open = await raw.until(/^\x81.0\{[^}]*\}/);
    assert.match(open.slice(2), new RegExp(`^0\\{"sid":${SID},"upgrades":\\[\\],"pingInterval":300,"pingTimeout":20000,"maxPayload":1000000\\}$`));
    assert.equal(open.charCodeAt(1), open.length - 2, 'one short frame');
    raw.send(frame('text', `40{"token":"${on.token}","withCredentials":true}`));
    await raw.until(new RegExp(`^\x81[^]40\\{"sid":${SID}\\}`));
    raw.send(frame('text', join(project)));
    await raw.until(/^\x81\x012/);
    raw.send(frame('text', '3'));
    await raw.until(/^\x81\x012/); // so the room has been joined
    raw.send(frame('text', '3'));
    await room(project, on).publish({ name: 'process_export_target', data: { downloadId: '4711' } });
    const event = '42["process_export_target",{"downloadId":"4711"}]';
    await raw.until(new RegExp(`^(\x81\x012)*\x81${String.fromCharCode(event.length)}${event.replace(/[[{}\]]/g, '\\$&')}`));
    raw.send(frame('text', `42["leaveProcessRoom",${project}]`));
    await room(project, on).empty();
    raw.send(frame('close', closePayload(1000)));
    assert.match(await raw.rest(), /^(\x81\x012)*\x88\x02\x03\xe8$/);
}

test('C# 3.x: the sample client', async (t) => {
    const on = await startServer({ t, config: config({ ping_interval: '300ms', ping_timeout: '20s' }) });
    await sample(t, on, 12);
});

test('C# 3.x with its default options: a polling link that is left alone, then the same', async (t) => {
    const on = await startServer({ t, config: config({ ping_interval: '300ms', ping_timeout: '20s', connect_timeout: '1s' }) });
    const orphan = opened(await ask(t, 'GET', '/socket.io/?EIO=4&transport=polling', { on }));
    await sample(t, on, 13);
    // Which is what becomes of the link: it ends because it has joined nothing.
    let answer;
    do answer = await ask(t, 'GET', orphan, { on });
    while (answer.body === '2');
    if (answer.status === 200) {
        assert.equal(answer.body, '1');
        answer = await ask(t, 'GET', orphan, { on });
    }
    assert.deepEqual([answer.status, answer.body], [400, UNKNOWN]);
});

test('C# 3.x by polling only: text and attachments in separate POSTs, seconds as t', async (t) => {
    const path = opened(await ask(t, 'GET', '/socket.io/?EIO=4&transport=polling'), '&t=1700000000');
    await posted(t, path, `40${netJson({ token, text: '<\u20ac>' })}`, { type: 'text/plain; charset=utf-8' });
    assert.match((await ask(t, 'GET', path)).body, JOINED);
    await posted(t, path, join(31, '0'), { type: 'text/plain; charset=utf-8' });
    assert.equal((await ask(t, 'GET', path)).body, '430[{"ok":true}]');
    await posted(t, path, '451-1["echo",{"projectId":31,"data":{"_placeholder":true,"num":0}}]');
    await posted(t, path, 'bAAEC');
    const first = (await ask(t, 'GET', path)).body;
    const rest = first.includes('431[') && first.includes('451-') ? '' : RS + (await ask(t, 'GET', path)).body;
    const event = `451-["echo",{"projectId":31,"data":{"_placeholder":true,"num":0}}]${RS}bAAEC`;
    assert.deepEqual((first + rest).replace(event, 'event').split(RS).sort(), ['431[{"ok":true}]', 'event']);
});

test('C# 4.0.x with its default options: an upgrade by 5 alone', async (t) => {
    const path = opened(await ask(t, 'GET', '/socket.io/?EIO=4&transport=polling', { headers: ['Content-Length: 0'] }), '&t=1700000001');
    await posted(t, path, `40${netJson({ token })}`, { type: 'text/plain; charset=utf-8' });
    const socket = await RawSocket.open(t, port, socketPath(path));
    socket.tcp.write(fragments('text', '5'));
    assert.match(await socket.next('the answer to CONNECT'), JOINED);
    socket.tcp.write(fragments('text', join(14, '1')));
    assert.equal(await socket.next(), '431[{"ok":true}]');
    const { id } = await room(14).connection();
    const call = server.backend.post(`/v1/connections/${id}/call`, { name: 'price', data: 1, timeout_ms: 20000 });
    const [, number] = /^42(\d+)\["price",1\]$/.exec(await socket.next());
    assert.ok(Number(number) < 2 ** 31);
    socket.tcp.write(fragments('text', `43${number}[{"eur":2}]`));
    assert.deepEqual((await call).json, { data: { eur: 2 } });
    socket.text('41');
    socket.send('close', closePayload(1000, 'io client disconnect'));
    const { type, payload } = await socket.frames.next();
    assert.deepEqual([type, payload.readUInt16BE(0)], ['close', 1000]);
});

test('C#: fragments of 8192 bytes, text and binary', async (t) => {
    const socket = await RawSocket.open(t, port, '/socket.io/?EIO=4&transport=websocket');
    await socket.next('the open packet');
    socket.tcp.write(fragments('text', `40${netJson({ token, filling: 'f'.repeat(30_000) })}`));
    assert.match(await socket.next(), JOINED);
    socket.text(join(15, '1'));
    assert.equal(await socket.next(), '431[{"ok":true}]');
    const text = 'x<\u20ac>'.repeat(5000);
    const bytes = [Buffer.alloc(8192, 1), Buffer.alloc(8193, 2), Buffer.alloc(50_000, 3), Buffer.alloc(0)];
    const placeholders = bytes.map((_, num) => ({ _placeholder: true, num }));
    const event = ['echo', { projectId: '15', text, bytes: placeholders }];
    socket.tcp.write(fragments('text', `454-${netJson(event)}`));
    for (const each of bytes) socket.tcp.write(fragments('binary', each));
    const back = await socket.next('the event');
    assert.match(back, /^454-\[/);
    assert.deepEqual(JSON.parse(back.slice(4)), event);
    for (const each of bytes) {
        const { type, payload } = await socket.frames.next('an attachment');
        assert.equal(type, 'binary');
        assert.ok(payload.equals(each));
    }
});

// ---- Python

test('Python: polling, then WebSocket before anything is joined; what follows its Close is ignored', async (t) => {
    const headers = ['Accept-Encoding: identity', 'Accept: */*', 'User-Agent: python-requests/2.28.1'];
    const path = opened(await ask(t, 'GET', `/socket.io/?transport=polling&EIO=4&t=${Date.now() / 1000}`, { headers }));
    const socket = await RawSocket.open(t, port, socketPath(path), { Origin: `http://127.0.0.1:${port}` });
    socket.text('2probe');
    assert.equal(await socket.next(), '3probe');
    socket.text('5');
    socket.text(`40${JSON.stringify({ token })}`);
    assert.match(await socket.next(), JOINED);
    socket.text(join(16, '1'));
    assert.equal(await socket.next(), '431[{"ok":true}]');
    socket.tcp.write(Buffer.concat([frame('close', closePayload(1000)), frame('text', '41'), frame('text', '1')]));
    const { type, payload } = await socket.frames.next();
    assert.deepEqual([type, payload.readUInt16BE(0)], ['close', 1000]);
    await room(16).empty();
});

test('Python: no auth is {}, a POST of plain text, at most 16 packets in an answer', async (t) => {
    const path = opened(await ask(t, 'GET', '/socket.io/?transport=polling&EIO=4'));
    await posted(t, path, '40{}', { type: 'text/plain' });
    assert.equal((await ask(t, 'GET', path)).body, '44{"message":"Not authorized"}');
    await posted(t, path, `40${JSON.stringify({ token })}`, { type: 'text/plain' });
    assert.match((await ask(t, 'GET', path)).body, JOINED);
    await posted(t, path, join('py', '1'), { type: 'text/plain' });
    assert.equal((await ask(t, 'GET', path)).body, '431[{"ok":true}]');
    const count = 100;
    await room('py').publish(Array.from({ length: count }, (_, i) => ({ name: 'tick', data: i })));
    const got = [];
    while (got.length < count) {
        const packets = (await ask(t, 'GET', path)).body.split(RS);
        assert.ok(packets.length <= 16, `${packets.length} packets`);
        got.push(...packets);
    }
    assert.deepEqual(got, Array.from({ length: count }, (_, i) => `42["tick",${i}]`));
});

test('Python leaves between two polls', async (t) => {
    const path = opened(await ask(t, 'GET', '/socket.io/?transport=polling&EIO=4'));
    await posted(t, path, `40${JSON.stringify({ token })}`, { type: 'text/plain' });
    assert.match((await ask(t, 'GET', path)).body, JOINED);
    await posted(t, path, '41', { type: 'text/plain' });
    await posted(t, path, '1', { type: 'text/plain' });
    assert.equal((await ask(t, 'GET', path)).body, UNKNOWN);
});

// ---- JavaScript

test('JavaScript 4.x: POST and upgrade at the same time, a GET pending', async (t) => {
    const query = '&t=abc.1';
    const path = opened(await ask(t, 'GET', `/socket.io/?EIO=4&transport=polling${query}`, { headers: ['Accept: */*'] }), query);
    const get = await send(t, 'GET', path);
    const [socket] = await Promise.all([
        RawSocket.open(t, port, socketPath(path), { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }),
        posted(t, path, `40${JSON.stringify({ token })}`),
    ]);
    assert.ok(!/Sec-WebSocket-Extensions/i.test(socket.head), socket.head);
    socket.text('2probe');
    assert.equal(await socket.next(), '3probe');
    const { body } = await get.answer();
    assert.ok(body === '6' || JOINED.test(body), body);
    let answer = body;
    while (answer === '6') { // it polls until it is told that it may stop; here until it is in
        const next = (await ask(t, 'GET', path)).body;
        if (next !== '6') answer = next;
        else break; // then the answer waits for the WebSocket
    }
    socket.text('5');
    if (answer === '6') assert.match(await socket.next(), JOINED);
    else assert.match(answer, JOINED);
    socket.text(join(17, '0'));
    assert.equal(await socket.next(), '430[{"ok":true}]');
    await room(17).publish({ name: 'tick', data: { n: 1 } });
    assert.equal(await socket.next(), '42["tick",{"n":1}]');
    socket.text('41');
    socket.send('close');
    const { type, payload } = await socket.frames.next();
    assert.deepEqual([type, payload.length], ['close', 0]);
});

test('recovery: what was missed, then the CONNECT answer, then what is live', async (t) => {
    const on = await startServer({ t, config: config({ recovery: 'asked' }) });
    const auth = { token: on.token, recovery: true };
    const connect = async (packet) => {
        const socket = await RawSocket.open(t, on.port, '/socket.io/?EIO=4&transport=websocket');
        await socket.next('the open packet');
        socket.text(packet);
        return socket;
    };
    const first = await connect(`40${JSON.stringify(auth)}`);
    const { sid, pid } = JSON.parse((await first.next()).slice(2));
    assert.equal(typeof pid, 'string');
    first.text(join(18, '0'));
    assert.equal(await first.next(), '430[{"ok":true}]');
    const offsets = [];
    const tick = async (socket, n) => {
        const packet = JSON.parse((await socket.next()).slice(2));
        const offset = packet.pop();
        assert.deepEqual([packet, typeof offset], [['tick', { n }], 'string']);
        offsets.push(offset);
    };
    const publish = (n) => room(18, on).publish({ name: 'tick', data: { n } });
    for (let n = 0; n < 3; n++) await publish(n);
    for (let n = 0; n < 3; n++) await tick(first, n);
    first.tcp.destroy();
    for (let n = 3; n < 6; n++) await publish(n);
    const second = await connect(`40${JSON.stringify({ pid, offset: offsets[1], ...auth })}`);
    for (let n = 2; n < 6; n++) await tick(second, n);
    assert.deepEqual(JSON.parse((await second.next()).slice(2)), { sid, pid });
    await publish(6);
    await tick(second, 6);
    assert.equal(new Set(offsets).size, 7, 'the third event came twice, the others once');
    second.tcp.destroy();
});

test('closed by the server while it polls, and between two polls', async (t) => {
    for (const isPending of [true, false]) {
        const path = opened(await ask(t, 'GET', '/socket.io/?EIO=4&transport=polling'));
        await posted(t, path, `40${JSON.stringify({ token })}`);
        assert.match((await ask(t, 'GET', path)).body, JOINED);
        await posted(t, path, join(19, '0'));
        assert.equal((await ask(t, 'GET', path)).body, '430[{"ok":true}]');
        const { id } = await room(19).connection();
        const get = isPending && (await send(t, 'GET', path));
        const gone = await server.backend.delete(`/v1/connections/${id}`);
        assert.equal(gone.status, 204, gone.text);
        assert.equal((isPending ? await get.answer() : await ask(t, 'GET', path)).body, '41');
        assert.equal((await ask(t, 'GET', path)).body, `6${RS}1`);
        const last = await ask(t, 'GET', path);
        assert.deepEqual([last.status, last.body], [400, UNKNOWN]);
        await room(19).empty();
    }
});

// ---- Swift

test('Swift: b64=1, 40/, and 41/, and a POST of 6 within the upgrade', async (t) => {
    const path = opened(await ask(t, 'GET', '/socket.io/?transport=polling&b64=1&EIO=4'), '&b64=1');
    const get = await send(t, 'GET', path);
    const socket = await RawSocket.open(t, port, socketPath(path));
    socket.text('2probe');
    assert.equal(await socket.next(), '3probe');
    await posted(t, path, '6');
    assert.equal((await get.answer()).body, '6');
    socket.text('5');
    socket.text(`40/,${JSON.stringify({ token })}`);
    assert.match(await socket.next(), JOINED);
    socket.text(join(20, '0'));
    assert.equal(await socket.next(), '430[{"ok":true}]');
    socket.text('41/,');
    await room(20).empty();
    socket.text(`40/,${JSON.stringify({ token })}`);
    assert.match(await socket.next(), JOINED);
    socket.text(join(20, '1'));
    assert.equal(await socket.next(), '431[{"ok":true}]');
    socket.text('1'); // the end: without 41
    socket.send('close', closePayload(1000));
    await socket.frames.next('the Close', ({ type }) => type === 'close');
    await room(20).empty();
});

test('Swift by polling only', async (t) => {
    const path = opened(await ask(t, 'GET', '/socket.io/?transport=polling&b64=1&EIO=4'), '&b64=1');
    await posted(t, path, `40/,${JSON.stringify({ token })}`, { type: 'text/plain; charset=UTF-8' });
    assert.match((await ask(t, 'GET', path)).body, JOINED);
    await posted(t, path, `${join(21, '0')}${RS}6`, { type: 'text/plain; charset=UTF-8' });
    assert.equal((await ask(t, 'GET', path)).body, '430[{"ok":true}]');
    const get = await send(t, 'GET', path);
    await posted(t, path, '1');
    assert.equal((await get.answer()).body, '6');
    assert.equal((await ask(t, 'GET', path)).body, UNKNOWN);
});

// ---- Java

test('Java: base64 with a line break after each 76 characters and at the end', async (t) => {
    const path = opened(await ask(t, 'GET', '/socket.io/?EIO=4&transport=polling&t=N1'), '&t=N2');
    await posted(t, path, `40${JSON.stringify({ token })}`, { type: 'text/plain;charset=UTF-8' });
    assert.match((await ask(t, 'GET', path)).body, JOINED);
    await posted(t, path, join(22, '0'));
    assert.equal((await ask(t, 'GET', path)).body, '430[{"ok":true}]');
    for (const n of [0, 1, 2, 3, 57, 58, 1000]) {
        const bytes = Buffer.from(Array.from({ length: n }, (_, i) => (i * 7) & 255));
        const base64 = bytes.toString('base64');
        const lines = base64.replace(/.{76}/g, '$&\n') + (n % 57 === 0 && n > 0 ? '' : '\n');
        await posted(t, path, `451-["echo",{"projectId":22,"b":{"_placeholder":true,"num":0}}]${RS}b${lines}`);
        const event = `451-["echo",{"projectId":22,"b":{"_placeholder":true,"num":0}}]${RS}b${base64}`;
        assert.equal((await ask(t, 'GET', path)).body, event);
    }
});
