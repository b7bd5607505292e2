// The Era door: sockets of users and of outside systems, with npm's ws.
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { ringback, worker } from './server.mjs';
import { Inbox, within } from './wait.mjs';

export { advance } from './envoy.mjs';

/** A configuration with the door; more: of its section; jobs: more kinds. */
export const eraConfig = (more = {}, jobs = {}) => ({
    era: { enabled: true, ...more },
    jobs: {
        id: { command: [worker, 'id'] },
        echo: { command: [worker, 'echo'] },
        hang: { command: [worker, 'hang'], kill_grace: '100ms' },
        failing: { command: [worker, 'exit'] },
        variables: { command: [worker, 'variables'] },
        message: { command: [worker, 'message'] },
        binary: { command: ['/bin/sh', '-c', 'head -c 10 /dev/zero >"$RINGBACK_OUT/zeros.bin"'] },
        gated: { command: [worker, 'gated', '{startparam1}'] },
        ...jobs,
    },
});

export class EraSocket {
    messages = new Inbox(); // [name, params]
    texts = []; // all, as they came
    #qids = 0;

    /** Options: headers, origin, path. */
    constructor(t, server, { path = '/ws', ...options } = {}) {
        this.server = server;
        this.closed = new Promise((resolve) => (this.ended = resolve));
        this.closed.then((code) => this.messages.end(`closed with ${code}`));
        this.socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, options);
        this.socket.on('message', (data, isBinary) => {
            assert.equal(isBinary, false);
            this.texts.push(data.toString());
            this.messages.push(JSON.parse(data));
        });
        this.socket.on('close', (code) => this.ended(code));
        this.socket.on('error', () => {});
        this.open = new Promise((resolve, reject) => {
            this.socket.on('open', resolve);
            this.socket.on('unexpected-response', (request, response) => {
                let text = '';
                response.on('data', (piece) => (text += piece));
                response.on('end', () => reject(Object.assign(new Error('refused'), { status: response.statusCode, text })));
            });
        });
        this.open.catch(() => {});
        t.after(() => this.socket.terminate());
    }

    /** [status, error_code] of a refused upgrade. */
    async refusal() {
        const error = await within('a refusal', this.open.then(() => assert.fail('it was let in'), (error) => error));
        const json = JSON.parse(error.text);
        assert.deepEqual(Object.keys(json), ['error_code', 'error_message']);
        return [error.status, json.error_code];
    }

    send(name, params) {
        this.socket.send(JSON.stringify([name, params]));
    }

    next(what = 'a message') {
        return this.messages.next(what);
    }

    /** The message of this name, with those before it dropped. */
    async named(name) {
        return (await this.messages.next(`${name}`, (message) => message[0] === name))[1];
    }

    /** The reply to a request, without its qid. */
    async call(method, params = {}, qid = ++this.#qids) {
        this.send(method, { qid, ...params });
        const fits = ([name, reply]) => name === `${method}_result` && reply.qid === qid;
        const [, { qid: same, ...reply }] = await this.messages.next(`the reply to ${method}`, fits);
        assert.equal(same, qid);
        return reply;
    }

    async ok(method, params) {
        const reply = await this.call(method, params);
        assert.equal(reply.result, 'ok', JSON.stringify(reply));
        return reply;
    }

    /** The code of the error with which a request is answered. */
    async error(method, params) {
        const reply = await this.call(method, params);
        assert.equal(reply.result, 'error', JSON.stringify(reply));
        assert.equal(typeof reply.errormsg, 'string');
        return reply.errorcode;
    }

    /** The verdicts: [key, result]. */
    async setup(...keys) {
        const { capabilities } = await this.ok('setup', { capabilities: keys.map((key) => ({ key })) });
        return capabilities.map(({ key, result }) => [key, result]);
    }

    end() {
        return within('the end of the socket', this.closed);
    }

    close() {
        this.socket.close();
        return this.end();
    }

    terminate() {
        this.socket.terminate();
        return this.end();
    }
}

/** An outside system, with these capabilities switched on. */
export async function openToken(t, server, capabilities = [], token = server.apiToken, options = {}) {
    const socket = new EraSocket(t, server, { path: `/ws/token/v1/${token}`, ...options });
    await within('the socket', socket.open);
    if (capabilities.length) await socket.setup(...capabilities);
    return socket;
}

/** A user who has logged in; who: {login, pwd, td} or {rsessionid}. */
export async function openUser(t, server, capabilities = [], who = { td: 'demo', ...server.user }, options = {}) {
    const socket = new EraSocket(t, server, options);
    await within('the socket', socket.open);
    socket.session = (await socket.ok('login', who)).sessionid;
    if (capabilities.length) await socket.setup(...capabilities);
    return socket;
}

/** An API client beside those of `dev`: its token. */
export async function newPoint(server, id, ...args) {
    const done = await ringback('client', 'create', '--data', server.data, '--tenant', 'demo', '--id', id, '--json', ...args);
    assert.equal(done.status, 0, done.stderr);
    return JSON.parse(done.stdout);
}
