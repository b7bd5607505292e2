// The Envoy door: signed calls of a back end, and clients with two unrelated WebSocket libraries.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { WebSocket } from 'ws';
import { Inbox, within } from './wait.mjs';

const { w3cwebsocket: OtherWebSocket } = createRequire(import.meta.url)('websocket');

export const account = { id: 'shop', secret: 'ringback-demo-secret' };
export const otherAccount = { id: 'rival', secret: 'another-secret' };

/** A configuration with the door and two accounts of the tenant of `dev`. */
export const envoyConfig = (more = {}) => ({
    accounts: {
        [account.id]: { tenant: 'demo', secret: account.secret },
        [otherAccount.id]: { tenant: 'demo', secret: otherAccount.secret, replay_guard: true },
    },
    envoy: { enabled: true, calls_per_second: 0, ...more },
});

export const sign = (body, secret = account.secret) => createHmac('sha512', secret).update(body).digest('hex');

export class BackEnd {
    constructor(server, by = account, path = '/envoy/') {
        Object.assign(this, { server, by, path });
    }

    /** The answer to these bytes. */
    async post(body, headers = {}) {
        const signed = { 'public-id': this.by.id, sign: sign(body, this.by.secret), ...headers };
        return this.server.client.request('POST', this.path, { body, headers: signed, token: null });
    }

    /** The answer to a call; more: members of the envelope. */
    async call(method, params, more = {}) {
        return this.post(JSON.stringify({ jsonrpc: '2.0', method, id: '7', params, ...more }));
    }

    async #result(method, params) {
        const answer = await this.call(method, params);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.json.error, null, answer.text);
        return answer.json.result;
    }

    /** {client_token, task_id} */
    token(context, task = {}, params = {}) {
        return this.#result('get_envoy_token', { ...params, Task: { task_context: context, ...task } });
    }

    async invoke(task_id, message, new_timeout) {
        const result = await this.#result('invoke_envoy', { task_id, message, new_timeout });
        assert.equal(result.status, 'success');
        return result.delivered;
    }

    async error(method, params, more) {
        const answer = await this.call(method, params, more);
        assert.equal(answer.json.result, null, answer.text);
        return [answer.status, answer.json.error.code];
    }
}

const libraries = {
    ws: (url, client) => {
        const socket = new WebSocket(url);
        socket.on('message', (data) => client.arrived(data.toString()));
        socket.on('close', (code) => client.ended(code));
        socket.on('error', () => {});
        socket.on('unexpected-response', (request, response) => client.refused(response));
        return socket;
    },
    websocket: (url, client) => {
        const socket = new OtherWebSocket(url);
        socket.onmessage = ({ data }) => client.arrived(data);
        socket.onclose = ({ code }) => client.ended(code);
        socket.onerror = () => {};
        return socket;
    },
};
export const libraryNames = Object.keys(libraries);

export class Client {
    frames = new Inbox(); // all
    messages = new Inbox(); // with a message, an error, or Completed
    ticks = []; // texts, with when they came

    constructor(t, server, token, { library = 'ws', path = '/envoy/', first } = {}) {
        this.closed = new Promise((resolve) => (this.ended = resolve));
        this.refusal = new Promise((resolve) => (this.refused = resolve));
        this.closed.then((code) => {
            this.frames.end(`closed with ${code}`);
            this.messages.end(`closed with ${code}`);
        });
        this.socket = libraries[library](`ws://127.0.0.1:${server.port}${path}`, this);
        const hello = first ?? JSON.stringify({ ClientToken: token });
        if (hello) this.socket.onopen = () => this.socket.send(hello);
        t.after(() => this.close());
    }

    arrived(text) {
        const frame = JSON.parse(text);
        assert.deepEqual(Object.keys(frame), ['Error', 'Ticks', 'Message', 'Completed']);
        this.frames.push(frame);
        if (frame.Error || frame.Message || frame.Completed) this.messages.push(frame);
        else this.ticks.push({ text: frame.Ticks, at: performance.now() });
    }

    /** The next frame that is more than a tick. */
    next(what = 'a message') {
        return this.messages.next(what);
    }

    /** When it is in: the first tick has come. */
    async joined() {
        const frame = await this.frames.next('the first tick');
        assert.deepEqual([frame.Error, frame.Message, frame.Completed], ['', '', false]);
        return frame.Ticks;
    }

    /** Waits for a tick that fits. */
    tick(fits) {
        return this.frames.next('a tick', (frame) => !frame.Message && !frame.Error && fits(frame.Ticks));
    }

    async end() {
        return within('the end of the socket', this.closed);
    }

    close() {
        this.socket.close();
    }
}

/** Like a real one-shot client: settles only on a message and Completed in one frame, or on an error. */
export function oneShot(t, server, token, library) {
    const client = new Client(t, server, token, { library });
    return new Promise((resolve, reject) => {
        const shown = [];
        const look = async () => {
            for (;;) {
                const frame = await client.next('the one-shot client’s next frame');
                if (frame.Error) return reject(new Error(frame.Error));
                if (frame.Completed && frame.Message) {
                    client.close();
                    return resolve({ shown, message: frame.Message });
                }
                shown.push(frame.Message);
            }
        };
        look().catch(reject);
    });
}

export async function advance(server, ms) {
    const answer = await server.client.post('/test/clock', { advance_ms: ms });
    assert.equal(answer.status, 200, answer.text);
}
