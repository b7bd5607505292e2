// /v1/socket with npm's ws: messages in an inbox, requests with their replies.
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { Inbox, within } from './wait.mjs';

export class NativeSocket {
    messages = new Inbox(); // parsed, in order
    #count = 0;

    /** token null: says nothing of who it is. In the header, as back ends do. */
    static async open(t, server, token = server.token, options = {}) {
        const socket = new NativeSocket();
        const headers = token ? { Authorization: `Bearer ${token}` } : {};
        socket.ws = new WebSocket(`ws://127.0.0.1:${server.port}/v1/socket`, { headers, ...options });
        socket.closed = new Promise((resolve) =>
            socket.ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
        );
        socket.closed.then(({ code, reason }) => socket.messages.end(`closed with ${code} ${reason}`));
        socket.ws.on('message', (text) => socket.messages.push(JSON.parse(text.toString())));
        t.after(() => socket.ws.terminate());
        await within('a WebSocket', new Promise((resolve, reject) => socket.ws.on('open', resolve).on('error', reject)));
        return socket;
    }

    send(message) {
        this.ws.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
    }

    /** Sends with an id of its own; the reply to it, which must come before anything else. */
    async ask(message) {
        const id = ++this.#count;
        this.send({ id, ...message });
        const reply = await this.messages.next(`the reply to ${message.op}`);
        assert.equal(reply.id, message.id ?? id, JSON.stringify(reply));
        return reply;
    }

    async subscribe(topic, after) {
        const reply = await this.ask({ op: 'subscribe', topic, after });
        assert.equal(reply.op, 'ok', JSON.stringify(reply));
        return reply.position;
    }

    async next(what) {
        return this.messages.next(what);
    }

    /** The next message must be an event of this name; its data. */
    async event(name) {
        const message = await this.messages.next(`event ${name}`);
        assert.deepEqual([message.op, message.name], ['event', name], JSON.stringify(message));
        return message.data;
    }
}
