// socket.io-client as users have it: connecting, joining and leaving rooms of the Rigi dialect, events in an inbox.
import assert from 'node:assert/strict';
import { io } from 'socket.io-client';
import { Inbox, within } from './wait.mjs';

export const TENANT = '127_0_0_1';

export class Rigi {
    events = new Inbox(); // {name, args}

    constructor(t, url, token, { namespace = '', ...options } = {}) {
        this.socket = io(url + namespace, {
            transports: ['websocket'],
            auth: { token, withCredentials: true },
            forceNew: true,
            reconnectionDelay: 10,
            reconnectionDelayMax: 50,
            ...options,
        });
        this.socket.onAny((name, ...args) => this.events.push({ name, args }));
        t?.after(() => this.socket.disconnect());
    }

    /** Resolves when connected, with this. */
    async connected() {
        if (!this.socket.connected) await this.once('connect');
        return this;
    }

    /** The arguments of a socket event ("connect", "disconnect", "connect_error"). */
    once(name) {
        return within(`socket event ${name}`, new Promise((resolve) => this.socket.once(name, (...args) => resolve(args))));
    }

    /** Emits with an ack, and gives its one argument. */
    async ask(name, ...args) {
        const [first, ...more] = await within(
            `the ack of ${name}`,
            new Promise((resolve) => this.socket.emit(name, ...args, (...answer) => resolve(answer))),
        );
        assert.equal(more.length, 0);
        return first;
    }

    async join(projectId = 12, tenantId = TENANT) {
        assert.deepEqual(await this.ask('joinProcessRoom', { projectId, tenantId }), { ok: true });
        return this;
    }

    async leave(projectId = 12) {
        assert.deepEqual(await this.ask('leaveProcessRoom', projectId), { ok: true });
        return this;
    }

    /** The next event, which must have this name and one object as its argument; that object. */
    async outcome(name) {
        const event = await this.events.next(`event ${name}`);
        assert.equal(event.name, name, JSON.stringify(event));
        assert.equal(event.args.length, 1);
        return event.args[0];
    }
}

/** Connected, and in the room of the project. */
export async function joined(t, url, token, projectId = 12) {
    const rigi = await new Rigi(t, url, token).connected();
    return rigi.join(projectId);
}
