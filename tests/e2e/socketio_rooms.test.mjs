// Rooms that have nothing to do with jobs, by configuration: joining, leaving, publishing; and what back ends do with one
// connection: send, call, close.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { io } from 'socket.io-client';
import { startServer } from './lib/server.mjs';
import { Inbox, within } from './lib/wait.mjs';

const config = {
    threads: 2,
    tenants: { elsewhere: { hosts: ['elsewhere.example.com'] } },
    connection: { subscriptions_max: 3 },
    socketio: {
        namespaces: ['/', '/game'],
        rooms: [
            { join: 'enter', leave: 'exit', topic: 'chat/{room}', key: 'room', tenant_field: '', publish: ['say', 'wave'] },
            { join: 'sit', leave: 'rise', topic: 'tables/{house}/{table}', key: 'table', tenant: 'token', publish: ['play'] },
            { join: 'look', leave: 'look-away', topic: 'news/{room}', key: 'room', tenant_field: '' },
        ],
    },
};

const server = await startServer({ config });
test.after(() => server.stop());

const OK = { ok: true };
const refused = (error) => ({ ok: false, error });
const NOT_IN = refused('not in the room');
let count = 0;
const newRoom = () => `r${++count}`;

class Member {
    events = new Inbox(); // {name, args}

    static async start(t, { namespace = '', token = server.token, transports = ['websocket'], host } = {}) {
        const member = new Member();
        member.socket = io(server.url + namespace, {
            transports,
            auth: { token },
            extraHeaders: host && { Host: host },
            forceNew: true,
            reconnectionDelay: 5,
            reconnectionDelayMax: 20,
        });
        member.socket.onAny((name, ...args) => {
            const answer = typeof args.at(-1) === 'function' ? args.pop() : undefined;
            member.events.push({ name, args, answer });
        });
        t.after(() => member.socket.disconnect());
        await within('the connection', once(member.socket, 'connect'));
        return member;
    }

    ask(name, ...args) {
        return within(`the ack of ${name}`, this.socket.emitWithAck(name, ...args));
    }

    async next(name) {
        const event = await this.events.next(name);
        assert.equal(event.name, name);
        return event;
    }

    /** Everything that was on its way has come: nothing of it was for us. */
    async gotNothing() {
        await this.ask('exit', { room: 'none' });
        assert.deepEqual(this.events.peek(), []);
    }

    get path() {
        return `/v1/connections/${this.socket.id}`;
    }
}

async function published(topic, name, data) {
    const answer = await server.backend.post(`/v1/topics/${encodeURIComponent(topic)}/events`, JSON.stringify({ name, data }));
    assert.ok(answer.status < 300, answer.text);
}

for (const transports of [['websocket'], ['polling']]) {
    test(`joining, publishing, leaving, ${transports}`, async (t) => {
        const room = newRoom();
        const [anna, ben, carl] = [
            await Member.start(t, { transports }),
            await Member.start(t, { transports }),
            await Member.start(t, { transports }),
        ];
        assert.deepEqual(await anna.ask('enter', { room }), OK);
        assert.deepEqual(await anna.ask('enter', { room }), OK); // the same membership
        assert.deepEqual(await ben.ask('enter', { room, more: 'is ignored' }), OK);
        assert.deepEqual(await carl.ask('say', { room, text: 'let me in' }), NOT_IN);
        assert.deepEqual(await anna.ask('say', { room, text: 'hello' }), OK);
        assert.deepEqual(await ben.ask('wave', { text: 'to my only room' }), OK);
        for (const member of [anna, ben]) {
            assert.deepEqual((await member.next('say')).args, [{ room, text: 'hello' }]);
            assert.deepEqual((await member.next('wave')).args, [{ text: 'to my only room' }]);
        }
        await published(`chat/${room}`, 'from behind', [1, null, { a: 'ü' }]);
        for (const member of [anna, ben]) assert.deepEqual((await member.next('from behind')).args, [[1, null, { a: 'ü' }]]);
        assert.deepEqual(await ben.ask('exit', room), OK); // the bare value
        assert.deepEqual(await ben.ask('exit', { room }), OK); // leaving twice is nothing
        anna.socket.emit('say', { room, text: 'without an ack' });
        assert.deepEqual((await anna.next('say')).args, [{ room, text: 'without an ack' }]);
        assert.deepEqual(await ben.ask('say', { room }), NOT_IN);
        for (const member of [ben, carl]) await member.gotNothing();
    });

    test(`binary values, ${transports}`, async (t) => {
        const room = newRoom();
        const [anna, ben] = [await Member.start(t, { transports }), await Member.start(t, { transports })];
        for (const member of [anna, ben]) assert.deepEqual(await member.ask('enter', { room }), OK);
        const bytes = Buffer.from([0, 1, 254, 255]);
        assert.deepEqual(await anna.ask('say', { room, deep: [{ bytes }, bytes], empty: Buffer.alloc(0) }), OK);
        for (const member of [anna, ben])
            assert.deepEqual((await member.next('say')).args, [{ room, deep: [{ bytes }, bytes], empty: Buffer.alloc(0) }]);
        await published(`chat/${room}`, 'picture', { picture: { $binary: bytes.toString('base64') } });
        for (const member of [anna, ben]) assert.deepEqual((await member.next('picture')).args, [{ picture: bytes }]);
        const send = { name: 'picture', data: { $binary: bytes.toString('base64') } };
        assert.equal((await server.backend.post(`${anna.path}/send`, send)).status, 202);
        assert.deepEqual((await anna.next('picture')).args, [bytes]);
        const seen = await server.backend.get(`/v1/topics/${encodeURIComponent(`chat/${room}`)}/events?after=start`);
        assert.deepEqual(
            seen.json.events.map(({ data }) => data)[0],
            { room, deep: [{ bytes: { $binary: 'AAH+/w==' } }, { $binary: 'AAH+/w==' }], empty: { $binary: '' } },
        );
    });

    test(`calls, ${transports}`, async (t) => {
        const anna = await Member.start(t, { transports });
        const call = (name, data, more = {}) => server.backend.post(`${anna.path}/call`, { name, data, ...more });
        const bytes = Buffer.from('bytes');
        for (const [answer, data] of [
            [[], null],
            [['one'], 'one'],
            [[{ a: [1] }], { a: [1] }],
            [[null], null],
            [[1, 'two', { three: 3 }], [1, 'two', { three: 3 }]],
            [[bytes], { $binary: bytes.toString('base64') }],
            [[{ bytes }, 2], [{ bytes: { $binary: bytes.toString('base64') } }, 2]],
        ]) {
            const called = call('question', { of: 'life' });
            const question = await anna.next('question');
            assert.deepEqual(question.args, [{ of: 'life' }]);
            question.answer(...answer);
            const { status, json } = await called;
            assert.deepEqual([status, json], [200, { data }]);
        }
        const [first, second] = [call('a'), call('b', { $binary: bytes.toString('base64') })]; // answered in the other order
        const [a, b] = [await anna.events.next('a call'), await anna.events.next('another')].sort((x, y) => (x.name < y.name ? -1 : 1));
        assert.deepEqual(b.args, [bytes]);
        b.answer('b');
        assert.deepEqual((await second).json, { data: 'b' });
        a.answer('a');
        assert.deepEqual((await first).json, { data: 'a' });
    });

    test(`a call without an answer, ${transports}`, async (t) => {
        const anna = await Member.start(t, { transports });
        const late = await server.backend.post(`${anna.path}/call`, { name: 'slow', timeout_ms: 50 });
        assert.deepEqual([late.status, late.json.reason], [504, 'call_timeout']);
        (await anna.next('slow')).answer('too late'); // counts for nothing
        const lost = server.backend.post(`${anna.path}/call`, { name: 'lost', timeout_ms: 60_000 });
        await anna.next('lost');
        anna.socket.io.engine.close(); // no DISCONNECT
        const { status, json } = await within('the call to end at once', lost);
        assert.deepEqual([status, json.reason], [410, 'connection_lost']);
        await within('the next connection', once(anna.socket, 'connect'));
        const left = server.backend.post(`${anna.path}/call`, { name: 'left', timeout_ms: 60_000 });
        await anna.next('left');
        anna.socket.disconnect();
        assert.equal((await within('the call to end at once', left)).json.reason, 'connection_lost');
    });

    test(`closed by a back end: the client does not come back, ${transports}`, async (t) => {
        const room = newRoom();
        const anna = await Member.start(t, { transports });
        assert.deepEqual(await anna.ask('enter', { room }), OK);
        const gone = once(anna.socket, 'disconnect');
        const { path } = anna;
        assert.equal((await server.backend.post(`${path}/send`, { name: 'farewell' })).status, 202);
        assert.equal((await server.backend.delete(path)).status, 204);
        assert.equal((await within('the end', gone))[0], 'io server disconnect');
        await anna.next('farewell'); // in order
        assert.equal((await server.backend.get(path)).status, 404);
        assert.equal((await server.backend.post(`${path}/send`, { name: 'x' })).status, 404);
        assert.equal(anna.socket.active, false); // it does not even try
        const list = await server.backend.get(`/v1/connections?topic=${encodeURIComponent(`chat/${room}`)}`);
        assert.deepEqual(list.json.connections, []);
    });
}

test('several rooms: whose is a publication without fields?', async (t) => {
    const [one, two] = [newRoom(), newRoom()];
    const anna = await Member.start(t);
    assert.deepEqual(await anna.ask('say', { text: 'x' }), NOT_IN);
    for (const room of [one, two]) assert.deepEqual(await anna.ask('enter', { room }), OK);
    assert.deepEqual(await anna.ask('say', { text: 'x' }), NOT_IN); // which one?
    assert.deepEqual(await anna.ask('say', { room: two, text: 'two' }), OK);
    assert.deepEqual((await anna.next('say')).args, [{ room: two, text: 'two' }]);
    assert.deepEqual(await anna.ask('exit', { room: one }), OK);
    assert.deepEqual(await anna.ask('say', 'anything at all'), OK);
    assert.deepEqual((await anna.next('say')).args, ['anything at all']);
    assert.deepEqual(await anna.ask('say'), OK);
    assert.deepEqual((await anna.next('say')).args, [null]);
    assert.deepEqual(await anna.ask('play', { card: 7 }), NOT_IN); // of another kind of room
    for (const room of [one, '', 'a/b', null, {}]) // whoever names a room means that one
        assert.deepEqual(await anna.ask('say', { room }), NOT_IN, JSON.stringify(room));
});

test('fields: several, numbers, a tenant, what is missing or not fit', async (t) => {
    const anna = await Member.start(t);
    const tenantId = '127_0_0_1';
    for (const [argument, answer] of [
        [{ house: 'x', table: 7, tenantId }, OK],
        [{ house: 'x', table: '7', tenantId }, OK], // the same table
        [{ house: 'x', table: 7, tenantId: 'demo' }, OK],
        [{ house: 'x', table: 7, tenantId: 'other' }, refused('no such tenant here')],
        [{ house: 'x', table: 7 }, refused('no such tenant here')],
        [{ house: 'x', tenantId }, refused('a field is missing or not fit')],
        [{ house: 'a/b', table: 7, tenantId }, refused('a field is missing or not fit')],
        [{ house: '', table: 7, tenantId }, refused('a field is missing or not fit')],
        [{ house: ['x'], table: 7, tenantId }, refused('a field is missing or not fit')],
        ['x', refused('the argument is not an object')],
        [undefined, refused('the argument is not an object')],
    ])
        assert.deepEqual(await anna.ask('sit', ...(argument === undefined ? [] : [argument])), answer, JSON.stringify(argument));
    const [connection] = (await server.backend.get(`/v1/connections?topic=${encodeURIComponent('tables/x/7')}`)).json.connections;
    assert.equal(connection.id, anna.socket.id);
    assert.deepEqual(connection.topics, ['tables/x/7']);
    assert.deepEqual([connection.door, connection.transport, connection.space, connection.client], ['socketio', 'websocket', '/', connection.client]);
    assert.deepEqual(await anna.ask('play', { house: 'x', table: 7, card: 'ace' }), OK);
    assert.deepEqual((await anna.next('play')).args, [{ house: 'x', table: 7, card: 'ace' }]);
});

test('a room in which members may not publish', async (t) => {
    const room = newRoom();
    const anna = await Member.start(t);
    assert.deepEqual(await anna.ask('look', { room }), OK);
    anna.socket.emit('say', { room, text: 'x' });
    await published(`news/${room}`, 'news', 1);
    assert.deepEqual((await anna.next('news')).args, [1]);
    assert.deepEqual(await anna.ask('look-away', room), OK);
    await published(`news/${room}`, 'news', 2);
    await anna.gotNothing();
});

test('as many rooms as allowed', async (t) => {
    const anna = await Member.start(t);
    const rooms = [newRoom(), newRoom(), newRoom(), newRoom()];
    for (const room of rooms.slice(0, 3)) assert.deepEqual(await anna.ask('enter', { room }), OK);
    assert.deepEqual(await anna.ask('enter', { room: rooms[3] }), refused('too many rooms'));
    assert.deepEqual(await anna.ask('enter', { room: rooms[0] }), OK); // that one it has
    assert.deepEqual(await anna.ask('exit', { room: rooms[0] }), OK);
    assert.deepEqual(await anna.ask('enter', { room: rooms[3] }), OK);
});

test('namespaces are apart, and tenants too', async (t) => {
    const room = newRoom();
    const anna = await Member.start(t);
    const ben = await Member.start(t, { namespace: '/game' });
    const stranger = await Member.start(t, {
        token: await server.newToken('elsewhere', 'stranger'),
        host: 'elsewhere.example.com',
    });
    assert.deepEqual(await anna.ask('enter', { room }), OK);
    assert.deepEqual(await stranger.ask('enter', { room }), OK); // their own room of that name
    assert.deepEqual(await ben.ask('say', { room, text: 'x' }), NOT_IN);
    assert.deepEqual(await ben.ask('enter', { room }), OK); // a topic is for all namespaces
    assert.deepEqual(await ben.ask('say', { room, text: 'from the game' }), OK);
    for (const member of [anna, ben]) assert.deepEqual((await member.next('say')).args, [{ room, text: 'from the game' }]);
    await stranger.gotNothing();
    const list = (await server.backend.get(`/v1/connections?topic=${encodeURIComponent(`chat/${room}`)}`)).json.connections;
    assert.deepEqual(list.map(({ space }) => space).sort(), ['/', '/game']);
    assert.equal((await server.backend.post(`${stranger.path}/send`, { name: 'x' })).status, 404);
    assert.equal((await server.backend.post(`${ben.path}/send`, { name: 'to the game', data: 1 })).status, 202);
    assert.deepEqual((await ben.next('to the game')).args, [1]);
});

test('what arrives at once is answered in order', async (t) => {
    const room = newRoom();
    const anna = await Member.start(t);
    assert.deepEqual(await anna.ask('enter', { room }), OK);
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => anna.ask('say', { room, n })));
    assert.ok(answers.every(({ ok }) => ok));
    for (let n = 0; n < 200; n++) assert.equal((await anna.next('say')).args[0].n, n);
});
