// The BIMserver door: its configuration and users, calls and streams by hand, and models to check in.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { WebSocket } from 'ws';
import { Gate } from './gate.mjs';
import { binary, root, worker } from './server.mjs';
import { Inbox, within } from './wait.mjs';

export const modelName = 'ticket-office.ifc';
export const model = readFileSync(path.join(root, 'examples/checkin', modelName));
export const password = 'correct horse battery';

/** A configuration with the door. Check-ins are read by the example, unless the model is a GatedModel. */
export const bimConfig = (more = {}, jobs = {}) => ({
    http: { wait_max: '30s' },
    bimserver: { enabled: true, checkin: 'checkin', default_tenant: 'demo', ...more },
    jobs: { checkin: { command: [worker, 'checkin'], concurrency: 8, result_keep: '3650d' }, ...jobs },
});

/** Makes a user beside the running server. */
export async function addUser(server, login, ...args) {
    const command = ['user', 'add', '--data', server.data, '--tenant', 'demo', '--login', login, ...args];
    const child = spawn(binary, command, { stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.end(`${password}\n`);
    const [status] = await once(child, 'close');
    assert.equal(status, 0, `user ${login}`);
}

/** What a call was refused with. */
export class BimError extends Error {
    constructor(exception) {
        super(exception.message);
        this.exception = exception;
    }
}

/** Calls as JSON. Interfaces are named as in `NotificationRegistryInterface.getProgress`. */
export class Bim {
    constructor(server, token = null, { prefix = 'org.bimserver.', path = '' } = {}) {
        Object.assign(this, { server, token, prefix, path });
    }

    /** Logged in. */
    static async as(server, login, options) {
        const bim = new Bim(server, null, options);
        bim.token = await bim.call('AuthInterface.login', { username: login, password });
        return bim;
    }

    request(name, parameters = {}) {
        const [, intf, method] = /^(.*)\.(.*)$/.exec(name);
        return { interface: this.prefix + intf, method, parameters };
    }

    /** The answer to these bytes, or to this object. */
    post(body, headers = { 'Content-Type': 'application/json; charset=UTF-8' }) {
        return this.server.client.request('POST', `${this.path}/json`, { body, headers, token: null, ms: 60_000 });
    }

    /** The envelope of the answer to one call. */
    async answer(name, parameters) {
        const answer = await this.post({ ...(this.token && { token: this.token }), request: this.request(name, parameters) });
        assert.equal(answer.status, 200, answer.text);
        assert.match(answer.headers['content-type'], /^application\/json/);
        return answer.json;
    }

    async call(name, parameters) {
        const { response } = await this.answer(name, parameters);
        if (response.exception) throw new BimError(response.exception);
        return response.result;
    }

    /** The exception of a call that must fail. */
    async exception(name, parameters) {
        const { response } = await this.answer(name, parameters);
        assert.ok(response.exception, `${name} was not refused: ${JSON.stringify(response)}`);
        return response.exception;
    }

    /** ... only its message. */
    async refusal(name, parameters) {
        return (await this.exception(name, parameters)).message;
    }

    async project(name = `project ${projects++}`) {
        return (await this.call('ServiceInterface.addProject', { projectName: name, schema: 'ifc2x3tc1' })).oid;
    }

    async deserializer(poid) {
        return (await this.call('ServiceInterface.getSuggestedDeserializerForExtension', { extension: 'ifc', poid })).oid;
    }

    async serializer(name = 'Ifc2x3tc1 (Streaming)') {
        return (await this.call('ServiceInterface.getSerializerByName', { serializerName: name })).oid;
    }

    /** Parameters of a check-in of this file. */
    async file(poid, bytes = model, fileName = modelName) {
        return {
            poid,
            comment: 'from the tests',
            deserializerOid: await this.deserializer(poid),
            fileSize: bytes.length,
            fileName,
            data: Buffer.from(bytes).toString('base64'),
            merge: false,
        };
    }

    /** Checks in; the topic. */
    async checkin(poid, bytes, fileName) {
        return this.call('ServiceInterface.checkinAsync', await this.file(poid, bytes, fileName));
    }

    /** Checks in and waits; the final state. */
    async checkinSync(poid, bytes, fileName) {
        return this.call('ServiceInterface.checkinSync', await this.file(poid, bytes, fileName));
    }

    progress(topicId) {
        return this.call('NotificationRegistryInterface.getProgress', { topicId });
    }

    register(topicId, stream) {
        return this.call('NotificationRegistryInterface.registerProgressHandler', { topicId, endPointId: stream.endpoint });
    }

    unregister(topicId, stream) {
        return this.call('NotificationRegistryInterface.unregisterProgressHandler', { topicId, endPointId: stream.endpoint });
    }

    /** A form as /upload takes it; fields in their order, the file is the last. */
    upload(fields, bytes = model, { fileName = modelName, part = 'file' } = {}) {
        const form = new FormData();
        for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
        if (bytes) form.append(part, new Blob([bytes]), fileName);
        return this.form(form);
    }

    async form(form) {
        const response = await within('the answer of /upload', fetch(`${this.server.url}${this.path}/upload`, { method: 'POST', body: form }), 60_000);
        return { status: response.status, type: response.headers.get('content-type'), json: JSON.parse(await response.text()) };
    }

    download(parameters, { method = 'GET', headers = {} } = {}) {
        const query = new URLSearchParams({ token: this.token, ...parameters });
        return this.server.client.request(method, `${this.path}/download?${query}`, { token: null, headers });
    }
}

let projects = 1;

/** /stream by hand: every frame, as text and parsed. */
export class Stream {
    frames = new Inbox(); // objects, and Buffers of binary frames
    texts = [];

    /** An endpoint of this token. */
    static async open(t, bim) {
        const stream = new Stream(t, bim);
        await stream.next('welcome', (frame) => 'welcome' in frame);
        stream.send({ token: bim.token });
        stream.endpoint = (await stream.next('the endpoint', (frame) => 'endpointid' in frame)).endpointid;
        return stream;
    }

    constructor(t, bim) {
        this.bim = bim;
        this.socket = new WebSocket(`ws://127.0.0.1:${bim.server.port}${bim.path}/stream`);
        this.socket.on('message', (data, isBinary) => {
            if (!isBinary) this.texts.push(data.toString());
            this.frames.push(isBinary ? data : JSON.parse(data.toString()));
        });
        this.closed = new Promise((resolve) => this.socket.on('close', resolve));
        this.closed.then((code) => this.frames.end(`closed with ${code}`));
        this.socket.on('error', () => {});
        t.after(() => this.socket.terminate());
    }

    send(frame) {
        this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    }

    next(what, fits) {
        return this.frames.next(what, fits);
    }

    /** The parameters of the next call of this method; fits: of them. */
    async pushed(method, fits = () => true) {
        const frame = await this.next(`${method} to be pushed`, ({ request }) => request?.method === method && fits(request.parameters));
        return frame.request.parameters;
    }

    /** The first state of this topic that fits. */
    async state(topicId, fits = () => true) {
        return (await this.pushed('progress', (parameters) => parameters.topicId === topicId && fits(parameters.state))).state;
    }

    over(topicId) {
        return this.state(topicId, ({ state }) => state === 'FINISHED' || state === 'AS_ERROR');
    }

    /** A call over the stream, which is also a fence: what was sent before has come when it is answered. */
    async call(name, parameters, token = this.bim.token) {
        const id = calls++;
        this.send({ id, token, request: this.bim.request(name, parameters) });
        return (await this.next(`the answer to ${name}`, (frame) => frame.id === id)).response;
    }

    /** How many calls of this method have come. */
    count(method) {
        return this.texts.filter((text) => JSON.parse(text).request?.method === method).length;
    }
}

let calls = 0;

/** A model whose check-in does what the test says: reports these objects, and ends. */
export class GatedModel {
    constructor(t) {
        this.gate = new Gate(t);
        this.bytes = Buffer.from(`gate ${this.gate.path}\n`);
    }

    report(...reports) {
        for (const report of reports) this.gate.open(JSON.stringify(report));
    }

    /** Ends well, or with this status. */
    end(status = 0) {
        this.gate.open(`exit ${status}`);
    }
}
