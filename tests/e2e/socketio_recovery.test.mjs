// Connection state recovery: socket.io-client as it is, on lines that break.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { io } from 'socket.io-client';
import { Room } from './lib/chat.mjs';
import { Proxy } from './lib/proxy.mjs';
import { startServer } from './lib/server.mjs';
import { Inbox, within } from './lib/wait.mjs';

const room = (prefix, more = {}) => ({
    join: `join-${prefix}`,
    leave: `leave-${prefix}`,
    topic: `${prefix}/{room}`,
    key: 'room',
    tenant_field: '',
    ...more,
});

const config = (socketio = {}) => ({
    threads: 2,
    jobs: { export: { command: ['/bin/true'], routes: ['POST /export/{room}'] } },
    topics: { rules: { 'small/*': { keep_count: 2 } } },
    socketio: {
        namespaces: ['/', '/other'],
        rooms: [room('chat'), room('small'), room('results', { kinds: ['export'], results: 'room' })],
        ...socketio,
    },
});

/** A client that asks for recovery, on a line of its own; ticks are numbers in the order in which they came. */
class Talker {
    ticks = [];
    #wake = () => {};

    static async start(t, server, { transports = ['websocket'], auth = {}, line, namespace = '', ...options } = {}) {
        const talker = new Talker();
        talker.line = line ?? (await Proxy.start(t, server.port));
        const socket = io(talker.line.url + namespace, {
            transports,
            auth: { token: server.token, recovery: true, ...auth },
            forceNew: true,
            reconnectionDelay: 5,
            reconnectionDelayMax: 20,
            ...options,
        });
        talker.socket = socket;
        talker.connects = new Inbox(); // {recovered, id}
        talker.others = new Inbox();
        socket.on('connect', () => talker.connects.push({ recovered: !!socket.recovered, id: socket.id }));
        socket.on('tick', ({ room, n }, ...offset) => {
            talker.ticks.push(room === undefined ? n : `${room}${n}`);
            talker.offset = offset;
            talker.#wake();
        });
        socket.onAny((name, ...args) => name !== 'tick' && talker.others.push({ name, args }));
        t.after(() => socket.io._close()); // with all namespaces
        await talker.connected();
        return talker;
    }

    connected() {
        return this.connects.next('a connection');
    }

    async join(event, room) {
        const answer = await within(event, new Promise((resolve) => this.socket.emit(event, { room }, resolve)));
        assert.deepEqual(answer, { ok: true });
        return this;
    }

    /** When so many ticks have come. */
    async count(n) {
        while (this.ticks.length < n)
            await within(`${n} ticks; came: ${this.ticks}`, new Promise((resolve) => (this.#wake = resolve)));
    }

    /** Off, and on again when `meanwhile` is done; what the client then says of it. */
    async interrupted(meanwhile = () => {}) {
        const gone = within('the client to notice', once(this.socket, 'disconnect'));
        this.line.isRefusing = true;
        this.line.cut();
        await gone;
        await meanwhile();
        this.line.isRefusing = false;
        return this.connected();
    }

    /** Off and at once on again. Between two polls there is nothing to cut. */
    async cut() {
        const gone = once(this.socket, 'disconnect');
        const cutting = setInterval(() => this.line.cut(), 1);
        this.line.cut();
        await within('the client to notice', gone).finally(() => clearInterval(cutting));
    }

    get loop() {
        return Buffer.from(this.socket.io.engine.id, 'base64url')[2];
    }
}

const tick = (n, room) => ({ name: 'tick', data: { room, n } });
const ticks = (from, to, room) => Array.from({ length: to - from + 1 }, (_, i) => tick(from + i, room));
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
let count = 0;
const newRoom = (server, prefix = 'chat') => {
    const made = new Room(server.backend, `r${++count}`);
    made.topic = `${prefix}/${made.name}`;
    return made;
};

const server = await startServer({ config: config() });
test.after(() => server.stop());

for (const transports of [['websocket'], ['polling']]) {
    test(`one room, ${transports}`, async (t) => {
        const room = newRoom(server);
        const talker = await Talker.start(t, server, { transports });
        await talker.join('join-chat', room.name);
        const { id } = talker.socket;
        await room.publish(ticks(1, 3));
        await talker.count(3);
        assert.deepEqual(await talker.interrupted(() => room.publish(ticks(4, 6))), { recovered: true, id });
        await room.publish([tick(7)]);
        await talker.count(7);
        assert.deepEqual(await talker.interrupted(), { recovered: true, id });
        await room.publish([tick(8)]);
        await talker.count(8);
        assert.deepEqual(talker.ticks, range(1, 8));
    });

    test(`several rooms, ${transports}`, async (t) => {
        const rooms = [newRoom(server), newRoom(server), newRoom(server)];
        const talker = await Talker.start(t, server, { transports });
        const { id } = talker.socket;
        for (const room of rooms) await talker.join('join-chat', room.name);
        let n = 0;
        const say = () => Promise.all(rooms.map((room) => room.publish([tick(n, room.name)])));
        for (let round = 0; round < 3; round++) {
            for (const stop = n + 3; n < stop; n++) await say();
            await talker.count(n * 3);
            const back = await talker.interrupted(async () => {
                for (const stop = n + 3; n < stop; n++) await say();
            });
            assert.deepEqual(back, { recovered: true, id });
            await talker.count(n * 3);
        }
        for (const room of rooms)
            assert.deepEqual(
                talker.ticks.filter((text) => text.startsWith(`${room.name}`) && /^r\d+$/.test(room.name)).length,
                talker.ticks.filter((text) => text.startsWith(room.name)).length,
            );
        assert.equal(new Set(talker.ticks).size, talker.ticks.length);
        assert.equal(talker.ticks.length, n * 3);
    });

    test(`cut in the middle of bursts, ${transports}`, async (t) => {
        const rooms = [newRoom(server), newRoom(server)];
        const talker = await Talker.start(t, server, { transports });
        const { id } = talker.socket;
        for (const room of rooms) await talker.join('join-chat', room.name);
        let n = 0;
        for (let round = 0; round < 15; round++) {
            const published = Promise.all(rooms.map((room) => room.publish(ticks(n + 1, n + 40, room.name))));
            n += 40;
            if (round % 3 > 0) await talker.count(talker.ticks.length + round); // some of it may be there
            await talker.cut();
            assert.deepEqual(await talker.connected(), { recovered: true, id });
            await published;
        }
        await talker.count(n * 2);
        for (const { name } of rooms)
            assert.deepEqual(
                talker.ticks.filter((text) => text.startsWith(name) && Number.isInteger(Number(text.slice(name.length)))),
                range(1, n).map((i) => name + i),
            );
        assert.equal(talker.ticks.length, n * 2);
    });

    test(`a client that never got an event, ${transports}`, async (t) => {
        const room = newRoom(server);
        const talker = await Talker.start(t, server, { transports });
        const { id } = talker.socket;
        await talker.join('join-chat', room.name);
        assert.deepEqual(await talker.interrupted(() => room.publish(ticks(1, 2))), { recovered: true, id });
        await talker.count(2);
        assert.deepEqual(talker.ticks, [1, 2]);
    });

    test(`more than fits before the answer, ${transports}`, async (t) => {
        const [few, many, large] = [newRoom(server), newRoom(server), newRoom(server)];
        const talker = await Talker.start(t, server, { transports });
        const { id } = talker.socket;
        for (const room of [few, many, large]) await talker.join('join-chat', room.name);
        await few.publish([tick(0, 'few')]);
        await talker.count(1);
        const back = await talker.interrupted(async () => {
            await many.publish(ticks(1, 300, 'many'));
            for (let i = 1; i <= 9; i++)
                await large.publish([{ name: 'tick', data: { room: 'large', n: i, filling: 'x'.repeat(100_000) } }]);
        });
        assert.deepEqual(back, { recovered: true, id });
        await talker.count(310);
        for (const [name, n] of [['many', 300], ['large', 9]])
            assert.deepEqual(
                talker.ticks.filter((text) => text.startsWith(name)),
                range(1, n).map((i) => name + i),
            );
        assert.equal(talker.ticks.length, 310);
        assert.deepEqual(await talker.interrupted(), { recovered: true, id });
        assert.equal(talker.ticks.length, 310);
    });

    test(`on whatever loop it comes back, ${transports}`, async (t) => {
        const room = newRoom(server);
        const talker = await Talker.start(t, server, { transports });
        const { id } = talker.socket;
        await talker.join('join-chat', room.name);
        const loops = [talker.loop];
        const moves = new Set();
        let n = 0;
        for (let round = 0; round < 100 && !(moves.has('0 1') && moves.has('1 0')); round++) {
            const back = await talker.interrupted(() => room.publish([tick(++n)]));
            assert.deepEqual(back, { recovered: true, id });
            await room.publish([tick(++n)]);
            await talker.count(n);
            assert.equal((await room.connection()).id, id);
            moves.add(`${loops.at(-1)} ${talker.loop}`);
            loops.push(talker.loop);
        }
        assert.ok(moves.has('0 1') && moves.has('1 0'), loops.join(' '));
        assert.deepEqual(talker.ticks, range(1, n));
        assert.deepEqual((await server.backend.post(`/v1/connections/${id}/send`, { name: 'hi', data: 1 })).status, 202);
        assert.deepEqual((await talker.others.next('hi')).args[0], 1);
    });
}

test('results: a room with kinds goes on confirming', async (t) => {
    const room = newRoom(server, 'results');
    const talker = await Talker.start(t, server);
    await talker.join('join-results', room.name);
    const exported = async () => {
        const answer = await server.backend.post(`/export/${room.name}`);
        assert.equal((await server.backend.end(answer.json.jobId)).state, 'finished');
    };
    const { recovered } = await talker.interrupted(exported);
    assert.equal(recovered, true);
    const { name, args } = await talker.others.next('the outcome');
    assert.equal(name, 'export');
    assert.equal(typeof args[0].downloadId, 'string');
    const again = new Promise((resolve) => talker.socket.emit('leave-results', room.name, resolve));
    assert.deepEqual(await within('the leave', again), { ok: true });
    await talker.join('join-results', room.name);
    await exported();
    await talker.others.next('the next outcome');
    assert.equal(talker.others.size, 0);
});

test('the server has not noticed yet that the client is gone', async (t) => {
    const room = newRoom(server);
    const line = net.createServer((client) => {
        const to = net.connect(server.port, '127.0.0.1');
        to.on('data', (bytes) => client.destroyed || client.write(bytes)).on('error', () => {});
        client.on('data', (bytes) => to.write(bytes)).on('error', () => {});
        line.clients.add(client);
        line.servers.add(to);
    });
    Object.assign(line, { clients: new Set(), servers: new Set() });
    line.listen(0, '127.0.0.1');
    await once(line, 'listening');
    t.after(() => {
        for (const end of [...line.clients, ...line.servers]) end.destroy();
        line.close();
    });
    line.url = `http://127.0.0.1:${line.address().port}`;
    const talker = await Talker.start(t, server, { line });
    const { id } = talker.socket;
    await talker.join('join-chat', room.name);
    for (let round = 1; round <= 10; round++) {
        await room.publish([tick(2 * round - 1)]);
        await talker.count(2 * round - 1);
        for (const client of line.clients) client.destroy();
        await room.publish([tick(2 * round)]); // to nobody, but the server thinks that it arrives
        assert.deepEqual(await talker.connected(), { recovered: true, id });
        await talker.count(2 * round);
        assert.equal((await room.connection()).id, id);
    }
    assert.deepEqual(talker.ticks, range(1, 20));
});

test('several namespaces on one line', async (t) => {
    const room = newRoom(server);
    const talker = await Talker.start(t, server);
    const other = talker.socket.io.socket('/other', { auth: { token: server.token, recovery: true } });
    const got = new Inbox();
    other.on('tick', ({ n }) => got.push(n));
    await within('the other namespace', once(other, 'connect'));
    assert.deepEqual(await other.emitWithAck('join-chat', { room: room.name }), { ok: true });
    await talker.join('join-chat', room.name);
    await room.publish([tick(1)]);
    await talker.count(1);
    assert.equal(await got.next(), 1);
    const ids = [talker.socket.id, other.id];
    const back = once(other, 'connect');
    assert.equal((await talker.interrupted(() => room.publish([tick(2)]))).recovered, true);
    await within('the other namespace', back);
    assert.equal(other.recovered, true);
    assert.deepEqual([talker.socket.id, other.id], ids);
    await talker.count(2);
    assert.equal(await got.next(), 2);
});

test('not for those who do not ask', async (t) => {
    const room = newRoom(server);
    const talker = await Talker.start(t, server, { auth: { recovery: false } });
    await talker.join('join-chat', room.name);
    await room.publish([tick(1)]);
    await talker.count(1);
    assert.deepEqual(talker.offset, []);
    assert.equal(talker.socket._pid, undefined);
    assert.equal((await talker.interrupted()).recovered, false);
});

test('each event has an offset, the same for all', async (t) => {
    const room = newRoom(server);
    const [one, two] = [await Talker.start(t, server), await Talker.start(t, server)];
    assert.equal((await server.backend.post(`/v1/connections/${one.socket.id}/send`, { name: 'hi', data: 1 })).status, 202);
    assert.deepEqual((await one.others.next('hi')).args, [1, '0']);
    for (const talker of [one, two]) await talker.join('join-chat', room.name);
    await room.publish([tick(1)]);
    await Promise.all([one.count(1), two.count(1)]);
    assert.deepEqual(one.offset, two.offset);
    assert.equal(typeof one.offset[0], 'string');
    assert.equal((await server.backend.post(`/v1/connections/${one.socket.id}/send`, { name: 'hi', data: 2 })).status, 202);
    assert.deepEqual((await one.others.next('hi')).args, [2, one.offset[0]]);
    assert.equal((await one.interrupted(() => room.publish([tick(2)]))).recovered, true);
    await one.count(2);
    assert.deepEqual(one.ticks, [1, 2]);
});

/** Comes back as somebody new: in no room, under another id. */
async function comesBackNew(talker, room, meanwhile) {
    const { id, _pid: pid } = talker.socket;
    const back = await talker.interrupted(meanwhile);
    assert.equal(back.recovered, false);
    assert.notEqual(back.id, id);
    assert.notEqual(talker.socket._pid, pid);
    await room.empty();
    assert.equal((await server.backend.get(`/v1/connections/${id}`)).status, 404);
}

test('what was missed is no longer kept: recovered is false', async (t) => {
    const room = newRoom(server, 'small');
    const talker = await Talker.start(t, server);
    await talker.join('join-small', room.name);
    await room.publish(ticks(1, 2));
    await talker.count(2);
    await comesBackNew(talker, room, () => room.publish(ticks(3, 8)));
    await talker.join('join-small', room.name);
    assert.equal((await talker.interrupted(() => room.publish(ticks(9, 10)))).recovered, true); // it still names offset 2
    await talker.count(4);
    assert.deepEqual(talker.ticks, [1, 2, 9, 10]);
});

test('a wrong pid, a wrong offset', async (t) => {
    const room = newRoom(server);
    for (const spoil of [
        (socket) => (socket._pid = `${socket._pid.slice(0, -1)}${socket._pid.endsWith('A') ? 'B' : 'A'}`),
        (socket) => (socket._pid = 'x'),
        (socket) => (socket._pid = 'x'.repeat(40)),
        (socket) => (socket._lastOffset = 'x'),
        (socket) => (socket._lastOffset = `${socket._lastOffset}0`),
        (socket) => (socket._lastOffset = 7),
    ]) {
        const talker = await Talker.start(t, server);
        const { id } = talker.socket;
        await talker.join('join-chat', room.name);
        await room.publish([tick(1)]);
        await talker.count(1);
        const back = await talker.interrupted(() => spoil(talker.socket));
        assert.equal(back.recovered, false);
        assert.notEqual(back.id, id);
        assert.equal((await room.connections()).length, 0);
        talker.socket.disconnect();
    }
});

test("another client's token does not open it", async (t) => {
    const room = newRoom(server);
    const victim = await Talker.start(t, server);
    const { id, _pid: pid } = victim.socket;
    await victim.join('join-chat', room.name);
    await room.publish([tick(1)]);
    await victim.count(1);
    const token = await server.newToken('demo', 'thief');
    const steal = async () => {
        const thief = await Talker.start(t, server, { auth: { token, pid, offset: victim.offset[0] } });
        assert.notEqual(thief.socket.id, id);
        await room.publish([tick(2)]);
        thief.socket.disconnect();
        assert.deepEqual(thief.ticks, []);
    };
    await steal();
    await victim.count(2);
    assert.equal(victim.socket.id, id); // and it noticed nothing
    assert.deepEqual(await victim.interrupted(steal), { recovered: true, id });
    await victim.count(3);
    assert.deepEqual(victim.ticks, [1, 2, 2]);
});

test('after a DISCONNECT of either side there is nothing to recover', async (t) => {
    const room = newRoom(server);
    const talker = await Talker.start(t, server);
    await talker.join('join-chat', room.name);
    await room.publish([tick(1)]);
    await talker.count(1);
    talker.socket.disconnect();
    talker.socket.connect();
    assert.equal((await talker.connected()).recovered, false);
    await room.empty();
    await talker.join('join-chat', room.name);
    const gone = once(talker.socket, 'disconnect');
    assert.equal((await server.backend.delete(`/v1/connections/${talker.socket.id}`)).status, 204);
    assert.deepEqual((await within('the end', gone))[0], 'io server disconnect');
    talker.socket.connect();
    assert.equal((await talker.connected()).recovered, false);
    await room.empty();
});

test('after its time, and after a restart, it is gone', async (t) => {
    const server = await startServer({ t, config: config({ recovery_window: '1m', recovery: 'always' }), args: ['--clock-control'] });
    const advance = (ms) => server.client.post('/test/clock', { advance_ms: ms });
    const room = newRoom(server);
    const talker = await Talker.start(t, server, { auth: { recovery: undefined } });
    const { id } = talker.socket;
    await talker.join('join-chat', room.name);
    await room.publish([tick(1)]);
    await talker.count(1);
    assert.equal((await server.backend.post(`/v1/connections/${id}/send`, { name: 'hi' })).status, 202);
    assert.equal((await talker.interrupted(() => advance(50_000))).recovered, true);
    const back = await talker.interrupted(async () => {
        assert.equal((await server.backend.post(`/v1/connections/${id}/send`, { name: 'hi' })).status, 410); // it may come back
        await advance(61_000);
    });
    assert.equal(back.recovered, false);
    assert.equal((await server.backend.get(`/v1/connections/${id}`)).status, 404);
    await talker.join('join-chat', room.name);
    const again = await talker.interrupted(async () => {
        await server.stop();
        await server.start();
        talker.line.toPort = server.port;
    });
    assert.equal(again.recovered, false);
});

test('a topic in which nothing ever happened can be come back to', async (t) => {
    const server = await startServer({ t, config: config(), args: ['--clock-control'] });
    const rooms = [newRoom(server), newRoom(server), newRoom(server), newRoom(server)]; // some are at home on the other loop
    const talker = await Talker.start(t, server);
    for (const room of rooms) await talker.join('join-chat', room.name);
    const back = await talker.interrupted(async () => {
        for (let i = 0; i < 8; i++) {
            await server.client.post('/test/clock', { advance_ms: 10_000 });
            await server.client.get('/livez');
        }
        for (const room of rooms) await room.publish([tick(1, room.name)]);
    });
    assert.equal(back.recovered, true);
    await talker.count(4);
});
