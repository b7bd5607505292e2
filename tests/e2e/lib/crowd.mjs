// A process with many connections that come and go when they are told: forked by registry_truth.test.mjs, which may kill it.
// By hand on TCP, since a decent client would not leave as some of these do.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openSocket } from './engineio.mjs';
import { RawConnection, RawSocket, closePayload } from './raw.mjs';
import { within } from './wait.mjs';

const self = fileURLToPath(import.meta.url);
const nobody = { after() {} }; // no test stands behind a connection here

/** How each kind of connection comes about: {tcp, ended, close (says goodbye), key}. What it is known by in the registry is `key`. */
export const kinds = {
    async native({ port, token }) {
        const socket = await RawSocket.open(nobody, port, '/v1/socket', { Authorization: `Bearer ${token}` });
        socket.text('{"op":"whoami"}');
        const key = JSON.parse(await socket.next()).connection;
        return { tcp: socket.tcp, ended: socket.ended, key, close: () => socket.send('close', closePayload(1000)) };
    },
    async sse({ port, token }, name) {
        const raw = await RawConnection.open(nobody, port);
        const topic = `truth/${name}`;
        raw.send(`GET /v1/topics/${encodeURIComponent(topic)}/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n`);
        raw.send(`Authorization: Bearer ${token}\r\n\r\n`);
        await raw.until(/ 200 OK\r\n[^]*?\r\n\r\n/);
        return { tcp: raw.tcp, ended: raw.ended, key: topic, close: () => raw.tcp.end() };
    },
    async socketio({ port, token }) {
        const socket = await openSocket(nobody, port, { path: '/socket.io/' });
        socket.text(`40{"token":"${token}"}`);
        const key = JSON.parse((await socket.next()).slice(2)).sid;
        return { tcp: socket.tcp, ended: socket.ended, key, close: () => socket.text('41') || socket.send('close') };
    },
};

/** By its client's will, cut off, or with one direction closed. */
export const ends = {
    close: (connection) => connection.close(),
    reset: (connection) => connection.tcp.resetAndDestroy(),
    half: (connection) => connection.tcp.end(),
    destroy: (connection) => connection.tcp.destroy(),
};

async function serve(server) {
    const open = new Map();
    const commands = {
        async open({ kind, name }) {
            const connection = await kinds[kind](server, name);
            open.set(connection.key, connection);
            return connection.key;
        },
        async end({ key, how }) {
            const connection = open.get(key);
            open.delete(key);
            ends[how](connection);
            await within(`the end of a connection by ${how}`, connection.ended);
            return key;
        },
    };
    process.on('message', async ({ id, command, ...rest }) => {
        try {
            process.send({ id, result: await commands[command](rest) });
        } catch (error) {
            process.send({ id, error: String(error.stack) });
        }
    });
    process.on('disconnect', () => process.exit());
}

/** The process, seen from the test. */
export class Crowd {
    keys = new Set(); // of the connections that it has open
    #asked = new Map();
    #count = 0;

    constructor(server) {
        this.child = fork(self, [JSON.stringify({ port: server.port, token: server.token })]);
        this.exited = new Promise((resolve) => this.child.once('exit', resolve));
        this.child.on('message', ({ id, result, error }) => {
            const { resolve, reject } = this.#asked.get(id);
            this.#asked.delete(id);
            if (error) reject(new Error(error));
            else resolve(result);
        });
    }

    #ask(command, rest) {
        const id = ++this.#count;
        const answer = new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }));
        this.child.send({ id, command, ...rest });
        return within(command, answer, 60_000);
    }

    async open(kind, name) {
        this.keys.add(await this.#ask('open', { kind, name }));
    }

    async end(key, how) {
        this.keys.delete(key);
        await this.#ask('end', { key, how });
    }

    /** kill -9: the kernel ends its connections. */
    async kill() {
        this.keys.clear();
        this.child.kill('SIGKILL');
        await this.exited;
    }
}

if (process.argv[1] === self) await serve(JSON.parse(process.argv[2]));
