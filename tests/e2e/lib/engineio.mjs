// Engine.IO by hand: long-polling requests one by one, each on a connection of its own (so they come to all loops of the server).
import assert from 'node:assert/strict';
import http from 'node:http';
import { RawSocket } from './raw.mjs';
import { startServer } from './server.mjs';
import { within } from './wait.mjs';

export const RS = '\x1e';
export const PING_INTERVAL_MS = 300;
/** How late a busy machine may be: no test is about that. */
export const LATE_MS = 5000;
export const PING_TIMEOUT_MS = 200;

/** A server with the echo endpoint that test suites of Engine.IO expect. */
export function startEcho(options = {}) {
    return startServer({ ...options, args: ['--conformance', ...(options.args ?? [])] });
}

/** One with a heartbeat that does not get in the way. */
export function startCalmEcho(options = {}) {
    return startEcho({ ...options, args: ['--ping-interval', '20000', '--ping-timeout', '20000', '--connect-timeout', '60000'] });
}

/** One request. The promise of {status, headers, body (bytes), text}; it has abort() and what is in flight as `request`. */
export function ask(port, path, { method = 'GET', headers = {}, body } = {}) {
    const request = http.request({ port, host: '127.0.0.1', path, method, headers, agent: false });
    const answer = new Promise((resolve, reject) => {
        request.on('error', reject);
        request.on('response', (response) => {
            const parts = [];
            response.on('data', (part) => parts.push(part));
            response.on('error', reject);
            response.on('end', () => {
                const bytes = Buffer.concat(parts);
                resolve({ status: response.statusCode, headers: response.headers, body: bytes, text: bytes.toString() });
            });
        });
    });
    answer.catch(() => {}); // who aborts does not wait for it
    if (body !== null) request.end(body);
    const promise = within(`the answer to ${method} ${path}`, answer);
    promise.catch(() => {});
    return Object.assign(promise, { request, abort: () => request.destroy() });
}

/** When the connection of a request has been made and its bytes are on their way. */
export function sent(pending) {
    return new Promise((resolve, reject) => {
        pending.request.on('error', reject);
        pending.request.on('socket', (socket) => socket.once('connect', () => setImmediate(resolve)));
    });
}

/** Whether the promise is still open after everything that was sent before has been handled by all loops. */
export async function waits(port, promise) {
    let done = false;
    promise.then(() => (done = true), () => (done = true));
    for (let i = 0; i < 12; i++) await ask(port, '/livez');
    return !done;
}

/** A link on long-polling. */
export class Polling {
    static async open(port, { path = '/engine.io/', eio = 4, query = '' } = {}) {
        const link = new Polling();
        Object.assign(link, { port, path, eio });
        link.answer = await ask(port, `${path}?EIO=${eio}&transport=polling${query}`);
        assert.equal(link.answer.status, 200, link.answer.text);
        const { text } = link.answer;
        link.hello = eio === 3 ? text.slice(text.indexOf(':') + 1) : text;
        assert.equal(link.hello[0], '0', text);
        link.sid = JSON.parse(link.hello.slice(1)).sid;
        return link;
    }

    url(query = '', { transport = 'polling', eio = this.eio } = {}) {
        return `${this.path}?EIO=${eio}&transport=${transport}&sid=${this.sid}${query}`;
    }

    get(query) {
        return ask(this.port, this.url(query));
    }

    post(body, { headers = { 'Content-Type': 'text/plain;charset=UTF-8' }, query } = {}) {
        return ask(this.port, this.url(query), { method: 'POST', headers, body });
    }

    /** The text of the next poll, which must succeed. */
    async poll(query) {
        const { status, text } = await this.get(query);
        assert.equal(status, 200, text);
        return text;
    }

    /** A poll that waits at the server: {get}, a promise within an object, so that it is not waited for here. */
    async pending(query) {
        const get = this.get(query);
        await sent(get);
        assert.ok(await waits(this.port, get), 'the poll was answered at once');
        return { get };
    }

    async say(body, options) {
        const { status, text } = await this.post(body, options);
        assert.deepEqual({ status, text }, { status: 200, text: 'ok' });
    }

    /** A WebSocket that names this link. */
    socket(t, headers, behind) {
        return RawSocket.open(t, this.port, this.url('', { transport: 'websocket' }), headers, behind);
    }

    /** It must be gone: the sid is not known any more. */
    async gone() {
        const { status, text } = await this.get();
        assert.deepEqual({ status, text }, { status: 400, text: '{"code":1,"message":"Session ID unknown"}' });
    }

    /** It must be there, on polling. */
    async alive(text = 'still there?') {
        const prefix = this.eio === 3 ? `${text.length + 1}:` : '';
        await this.say(`${prefix}4${text}`);
        assert.equal(await this.poll(), `${prefix}4${text}`);
    }
}

/** A link on WebSocket from the beginning. */
export async function openSocket(t, port, { path = '/engine.io/', eio = 4, query = '', headers, behind } = {}) {
    const socket = await RawSocket.open(t, port, `${path}?EIO=${eio}&transport=websocket${query}`, headers, behind);
    socket.hello = await socket.next('the open packet');
    socket.sid = JSON.parse(socket.hello.slice(1)).sid;
    return socket;
}

export async function echoes(socket, text = 'still there?') {
    socket.text(`4${text}`);
    assert.equal(await socket.next('the echo'), `4${text}`);
}

/** Whether the link is there no more, asked without touching it. */
export async function isGone(link) {
    const { status } = await ask(link.port, link.url(), { method: 'PUT' }); // 405 while it is there
    return status === 400;
}

/** Asks until it is so. */
export async function until(holds) {
    await within('it to be so', (async () => {
        while (!(await holds()));
    })());
}
