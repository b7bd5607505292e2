// Protocol Buffers on a port of its own: a client that npm's protobufjs makes of our .proto files.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import protobuf from 'protobufjs';
import { Bim, GatedModel, Stream, addUser, bimConfig, model, modelName, password } from './lib/bim.mjs';
import { freePort } from './lib/ports.mjs';
import { root, startServer } from './lib/server.mjs';
import { within } from './lib/wait.mjs';

const protos = path.join(root, 'src/doors/bimserver/proto');
const load = (wanted) =>
    new protobuf.Root().loadSync(readdirSync(protos).filter(wanted).map((name) => path.join(protos, name)), { keepCase: true });
const types = { '': load((name) => !name.startsWith('Bimsie1')), Bimsie1: load((name) => name.startsWith('Bimsie1')) };

const utf = (text) => {
    const bytes = Buffer.from(text);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};

/** A connection on which calls go one after the other. */
class Channel {
    #bytes = Buffer.alloc(0);
    #waiting = [];

    constructor(t, port, { prefix = '', token = '' } = {}) {
        Object.assign(this, { prefix, token });
        this.socket = net.connect(port, '127.0.0.1');
        this.socket.on('data', (bytes) => {
            this.#bytes = Buffer.concat([this.#bytes, bytes]);
            this.#take();
        });
        this.socket.on('error', () => {});
        this.closed = new Promise((resolve) => this.socket.on('close', resolve));
        t.after(() => this.socket.destroy());
    }

    /** A response is a varint and so many bytes. */
    #take() {
        while (this.#waiting.length > 0) {
            const reader = protobuf.Reader.create(this.#bytes);
            let message;
            try {
                message = reader.bytes();
            } catch {
                return; // not all of it is there
            }
            this.#bytes = this.#bytes.subarray(reader.pos);
            this.#waiting.shift()(message);
        }
    }

    /** The next message, as bytes. */
    message() {
        return within('a message', new Promise((resolve) => {
            this.#waiting.push(resolve);
            this.#take();
        }));
    }

    type(name) {
        return types[this.prefix].lookupType(name);
    }

    /** The whole response. */
    async answer(name, parameters = {}) {
        const [intf, method] = name.split('.');
        const service = types[this.prefix].lookupService(this.prefix + intf);
        const { requestType, responseType } = service.methods[method];
        const type = this.type(requestType);
        assert.equal(type.verify(parameters), null);
        const request = type.encodeDelimited(type.create(parameters)).finish();
        this.socket.write(Buffer.concat([utf(this.prefix + intf), utf(method), utf(this.token), request]));
        const response = this.type(responseType);
        return response.toObject(response.decode(await this.message()), { longs: Number, enums: String, bytes: Buffer });
    }

    async call(name, parameters) {
        const { errorMessage, value } = await this.answer(name, parameters);
        assert.equal(errorMessage, 'OKE');
        return value;
    }

    async refusal(name, parameters) {
        const answer = await this.answer(name, parameters);
        assert.deepEqual(Object.keys(answer), ['errorMessage']);
        return answer.errorMessage;
    }
}

let server;
let bim;
let port;
before(async () => {
    port = await freePort();
    server = await startServer({ config: bimConfig({ protobuf_port: port }) });
    await addUser(server, 'ann');
    bim = await Bim.as(server, 'ann');
});
after(() => server.stop());

async function login(t, prefix = '') {
    const channel = new Channel(t, port, { prefix });
    channel.token = await channel.call('AuthInterface.login', { username: 'ann', password });
    assert.match(channel.token, /^[0-9a-f]{96}$/);
    return channel;
}

for (const prefix of ['', 'Bimsie1'])
    test(`${prefix || 'today'}: a check-in is followed`, async (t) => {
        const channel = await login(t, prefix);
        assert.equal(await channel.call('AuthInterface.isLoggedIn'), true);
        const poid = await bim.project();
        const deserializerOid = await bim.deserializer(poid);
        const topicId = await channel.call('ServiceInterface.initiateCheckin', { poid, deserializerOid });
        const stream = await Stream.open(t, new Bim(server, channel.token));
        const endpoint = { topicId, endPointId: stream.endpoint };
        assert.equal(await channel.call('NotificationRegistryInterface.registerProgressHandler', endpoint), undefined);
        const gated = new GatedModel(t);
        const form = { token: channel.token, deserializerOid, comment: '', poid, topicId };
        await bim.upload(form, gated.bytes, { fileName: 'gated.ifc' });
        gated.report({ progress: 40, title: 'Höhe' }, { warning: 'w1' }, { warning: 'w2' });
        await stream.pushed('progress', ({ state }) => state.title === 'Höhe' && state.warnings.length === 2);
        const state = await channel.call('NotificationRegistryInterface.getProgress', { topicId });
        const same = prefix ? state : state.__SLongCheckinActionState;
        if (!prefix) assert.equal(state.__actual_type, 'SLongCheckinActionState');
        assert.match(same.state, /STARTED$/);
        assert.deepEqual([same.progress, same.title, same.warnings], [40, 'Höhe', ['w1', 'w2']]);
        assert.equal(await channel.call('NotificationRegistryInterface.unregisterProgressHandler', endpoint), undefined);
        const count = stream.count('progress');
        gated.end();
        let end;
        do end = await channel.call('NotificationRegistryInterface.getProgress', { topicId });
        while (/STARTED$/.test((end.__SLongCheckinActionState ?? end).state));
        assert.match((end.__SLongCheckinActionState ?? end).state, /FINISHED$/);
        await stream.call('AuthInterface.isLoggedIn');
        assert.equal(stream.count('progress'), count);
    });

test('a model in a message, and back; calls on one connection are answered in order', async (t) => {
    const channel = await login(t);
    const poid = await bim.project();
    const deserializerOid = await bim.deserializer(poid);
    const end = await channel.call('ServiceInterface.checkinSync', {
        poid, comment: 'x', deserializerOid, fileSize: model.length, fileName: modelName, data: model, merge: false,
    });
    assert.match(end.state, /FINISHED$/);
    const { oid: serializerOid } = await channel.call('ServiceInterface.getSerializerByContentType', { contentType: 'application/ifc' });
    const topicId = await channel.call('ServiceInterface.download', { roids: [end.roid], query: '{}', serializerOid, sync: true });
    const data = await channel.call('ServiceInterface.getDownloadData', { topicId });
    assert.equal(data.__actual_type, 'SCheckoutResult');
    assert.deepEqual((data.__SCheckoutResult ?? data).file, model);
    const open = await channel.call('ServiceInterface.initiateCheckin', { poid, deserializerOid });
    assert.deepEqual(await channel.call('NotificationRegistryInterface.getProgressTopicsOnProject', { poid }), [open]);

    const [user, version, rooms] = await Promise.all([
        channel.call('AuthInterface.getLoggedInUser'),
        channel.call('AdminInterface.getVersion'),
        channel.call('MetaInterface.getEnumLiterals', { enumName: 'SActionState' }),
    ]);
    assert.deepEqual([user.username, version.fullString, rooms], ['ann', '1.6.0', ['UNKNOWN', 'STARTED', 'AS_ERROR', 'FINISHED']]);
});

test('a plain state names its type', async (t) => {
    const channel = await login(t);
    const topicId = await channel.call('NotificationRegistryInterface.registerProgressTopic', { type: 2, description: 'by hand' });
    const state = { __actual_type: 'SLongActionState', oid: -1, progress: 30, rid: 0, stage: 0, state: 1, title: 'Third' };
    assert.equal(await channel.call('NotificationRegistryInterface.updateProgressTopic', { topicId, state }), undefined);
    const got = await channel.call('NotificationRegistryInterface.getProgress', { topicId });
    assert.deepEqual([got.__actual_type, got.progress, got.title], ['SLongActionState', 30, 'Third']);
    await channel.call('NotificationRegistryInterface.unregisterProgressTopic', { topicId });
});

test('what is refused is answered, and the connection goes on', async (t) => {
    const channel = await login(t);
    assert.equal(await channel.refusal('NotificationRegistryInterface.getProgress', { topicId: 999_999 }), 'No topic found with topicId 999999');
    assert.equal(await channel.refusal('AuthInterface.login', { username: 'ann', password: 'x' }), 'Invalid username/password combination');
    const raw = async (intf, method, token) => {
        channel.socket.write(Buffer.concat([utf(intf), utf(method), utf(token), Buffer.from([0])]));
        return channel.type('VoidResponse').decode(await channel.message()).errorMessage;
    };
    assert.equal(await raw('NoInterface', 'x', ''), 'No service found with name NoInterface');
    assert.equal(await raw('AuthInterface', 'nonsense', ''), 'Method nonsense not found on AuthInterface');
    assert.equal(await raw('AuthInterface', 'getLoggedInUser', ''), 'Authentication required for this call');
    assert.equal(await raw('AuthInterface', 'getLoggedInUser', '00'), 'Invalid token');
    assert.equal((await channel.call('AuthInterface.getLoggedInUser')).username, 'ann');
});

test('a length that is too large ends the connection', async (t) => {
    const channel = new Channel(t, port);
    channel.socket.write(Buffer.concat([utf('AuthInterface'), utf('login'), utf(''), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f])]));
    await within('the end of the connection', channel.closed);
});

test('the .proto files can be fetched', async () => {
    for (const name of ['AuthInterface', 'NotificationRegistryInterface', 'ServiceInterface']) {
        const answer = await server.client.get(`/download?action=getfile&type=proto&name=${name}`, { token: null });
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.text, readFileSync(path.join(protos, `${name}.proto`), 'utf8'));
    }
});
