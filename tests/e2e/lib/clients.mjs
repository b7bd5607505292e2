// Every generation of socket.io-client, on every way to connect, behind one interface.
import { createRequire } from 'node:module';
import { Inbox, within } from './wait.mjs';

const require = createRequire(import.meta.url);

const client = (version, module, protocol) => {
    const library = require(module);
    return { version, protocol, io: library.io ?? library };
};

/** protocol: of Engine.IO. */
export const CLIENTS = [
    client('4.8', 'socket.io-client', 4),
    client('4.0', 'socket.io-client-4.0', 4),
    client('3.1', 'socket.io-client-3.1', 4),
    client('2.5', 'socket.io-client-2.5', 3),
    client('1.7', 'socket.io-client-1.7', 3),
];

export const TRANSPORTS = [
    { way: 'polling', transports: ['polling'], ends: 'polling' },
    { way: 'WebSocket', transports: ['websocket'], ends: 'websocket' },
    { way: 'polling, then WebSocket', transports: ['polling', 'websocket'], ends: 'websocket' },
];

/** All of them with all of those. */
export const MATRIX = CLIENTS.flatMap((client) =>
    TRANSPORTS.map((transport) => ({ ...client, ...transport, title: `socket.io-client ${client.version}, ${transport.way}` })),
);

/** One socket in one namespace; with `at`, further ones on the same link. */
export class Client {
    events = new Inbox(); // {name, args} of the events listened to
    connects = 0;

    /** row: of the matrix. auth: what the server is to know; old clients have only the query string for it. */
    static to(t, row, url, { namespace = '/', auth = {}, listen = [], ...options } = {}) {
        const socket = row.io(url + namespace, {
            transports: row.transports,
            forceNew: true,
            reconnectionDelay: 10,
            reconnectionDelayMax: 50,
            ...identity(row, auth),
            ...options,
        });
        t.after(() => (socket.io._close ?? socket.io.close).call(socket.io)); // with all namespaces
        return new Client(row, socket, listen);
    }

    constructor(row, socket, listen) {
        Object.assign(this, { row, socket });
        socket.on('connect', () => this.connects++);
        for (const name of listen) this.listen(name);
    }

    listen(name) {
        this.socket.on(name, (...args) => this.events.push({ name, args }));
    }

    /** Another namespace over the same link. */
    at(namespace, { auth = {}, listen = [] } = {}) {
        return new Client(this.row, this.socket.io.socket(namespace, identity(this.row, auth)), listen);
    }

    get engine() {
        return this.socket.io.engine;
    }

    /** Resolves with this once it is connected, on whatever transport. */
    async connected() {
        if (!this.socket.connected) await this.once('connect');
        return this;
    }

    /** ... and on the transport where it is to end. */
    async settled() {
        await this.connected();
        const { engine } = this;
        if (engine.transport.name !== this.row.ends)
            await within('the upgrade', new Promise((resolve) => engine.once('upgrade', resolve)));
        return this;
    }

    once(name) {
        return within(`socket event ${name}`, new Promise((resolve) => this.socket.once(name, (...args) => resolve(args))));
    }

    /** The first argument of what comes when the server refuses it. */
    async refused() {
        const [error] = await this.once(this.row.protocol === 4 ? 'connect_error' : 'error');
        return error;
    }

    /** Emits with an acknowledgement; its arguments. */
    ask(name, ...args) {
        return within(
            `the ack of ${name}`,
            new Promise((resolve) => this.socket.emit(name, ...args, (...answer) => resolve(answer))),
        );
    }

    /** The arguments of the next event, which must be this one. */
    async next(name) {
        const event = await this.events.next(`event ${name}`);
        if (event.name !== name) throw new Error(`not ${name}: ${JSON.stringify(event)}`);
        return event.args;
    }

    /** When the engine has seen so many heartbeats. */
    heartbeats(count) {
        const type = this.row.protocol === 4 ? 'ping' : 'pong';
        const { engine } = this;
        return within(
            `${count} heartbeats`,
            new Promise((resolve) => engine.on('packet', (packet) => packet.type === type && --count === 0 && resolve())),
        );
    }
}

function identity(row, auth) {
    if (row.protocol === 4) return { auth };
    return Object.keys(auth).length > 0 ? { query: new URLSearchParams(auth).toString() } : {};
}

/** The bytes of whatever a client gives for binary data. */
export const bytesOf = (value) => Buffer.from(value).toString('hex');
