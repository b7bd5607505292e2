#!/usr/bin/env node
// npm's socket.io, started and spoken to as `ringback dev` is, as far as the tests of clients need it: to see that those tests are
// right, and to measure both by the same program.
//
//   RINGBACK=tests/e2e/reference.mjs tests/e2e/run socketio_clients.test.mjs
//
// Knows --conformance with its times, rooms (join, leave, publish), tokens, publishing to a topic, and /v1/connections. Nothing lasts.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { Server } from 'socket.io';

const { positionals, values: options } = parseArgs({
    allowPositionals: true,
    strict: false,
    options: {
        listen: { type: 'string', default: '127.0.0.1:0' },
        data: { type: 'string' },
        json: { type: 'boolean' },
        conformance: { type: 'boolean' },
        config: { type: 'string', short: 'c' },
        'ping-interval': { type: 'string', default: '300' },
        'ping-timeout': { type: 'string', default: '200' },
        'connect-timeout': { type: 'string', default: '1000' },
        tenant: { type: 'string' },
        client: { type: 'string' },
        role: { type: 'string', default: 'client' },
    },
});

const tokenOf = (client, role) => `token.${client}.${role}`;

if (positionals[0] === 'token') {
    console.log(tokenOf(options.client, options.role));
    process.exit();
}

const config = (options.config && JSON.parse(readFileSync(options.config, 'utf8')).socketio) || {};
const ms = (text) => text && Number.parseInt(text) * (/[0-9]s$/.test(text) ? 1000 : 1);
const server = http.createServer(answer);
const io = new Server(server, {
    serveClient: false,
    allowEIO3: options.conformance || config.v3,
    ...(options.conformance
        ? {
              pingInterval: Number(options['ping-interval']),
              pingTimeout: Number(options['ping-timeout']),
              connectTimeout: Number(options['connect-timeout']),
          }
        : {
              pingInterval: ms(config.ping_interval) ?? 25000,
              pingTimeout: ms(config.ping_timeout) ?? 20000,
              connectTimeout: ms(config.connect_timeout) ?? 45000,
          }),
    connectionStateRecovery: config.recovery && config.recovery !== 'off' ? {} : undefined,
});

// ---- the application of the test suites

function conform() {
    io.on('connection', (socket) => {
        socket.emit('auth', socket.handshake.auth);
        socket.on('message', (...args) => socket.emit('message-back', ...args));
        socket.on('message-with-ack', (...args) => args.pop()(...args));
    });
    io.of('/custom').on('connection', (socket) => socket.emit('auth', socket.handshake.auth));
}

// ---- rooms

function serveRooms(namespace) {
    namespace.use((socket, next) => {
        const { auth, query, headers } = socket.handshake;
        const token = auth.token ?? query.token ?? headers.authorization?.slice('Bearer '.length);
        const [, client] = /^token\.([^.]+)\.client$/.exec(token) ?? [];
        socket.data.client = client;
        next(client ? undefined : new Error('Not authorized'));
    });
    namespace.on('connection', (socket) => {
        for (const room of config.rooms ?? []) serveRoom(namespace, socket, room);
    });
}

function serveRoom(namespace, socket, room) {
    const topicOf = (argument) => {
        const fields = typeof argument === 'object' ? argument : { [room.key]: argument };
        return room.topic.replace(/\{(\w+)\}/g, (whole, name) => String(fields[name]));
    };
    socket.on(room.join, (argument, ack) => {
        socket.join(topicOf(argument));
        ack?.({ ok: true });
    });
    socket.on(room.leave, (argument, ack) => {
        socket.leave(topicOf(argument));
        ack?.({ ok: true });
    });
    for (const name of room.publish ?? []) {
        socket.on(name, (argument, ack) => {
            const isMember = socket.rooms.has(topicOf(argument));
            if (isMember) namespace.to(topicOf(argument)).emit(name, argument);
            ack?.(isMember ? { ok: true } : { ok: false, error: 'not in the room' });
        });
    }
}

// ---- what back ends ask by HTTP

function answer(request, response) {
    if (request.url.startsWith('/socket.io/')) return; // the sockets' own
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
        const { status, body } = await handle(request, parts.length > 0 ? JSON.parse(Buffer.concat(parts)) : undefined);
        response.writeHead(status, { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json' });
        response.end(body && JSON.stringify(body));
    });
}

async function handle({ method, url }, body) {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const [first, second, name, action] = pathname.split('/').slice(1).map(decodeURIComponent);
    if (first !== 'v1') return { status: 200 };
    if (second === 'topics') {
        for (const event of [body].flat()) for (const [, each] of io._nsps) each.to(name).emit(event.name, inflate(event.data));
        return { status: 200, body: {} };
    }
    if (name === undefined) return { status: 200, body: { connections: await list(searchParams.get('topic')) } };
    const socket = [...io._nsps.values()].map((each) => each.sockets.get(name)).find(Boolean);
    if (!socket) return problem(404, 'no_such_connection');
    if (method === 'DELETE') {
        socket.disconnect(true);
        return { status: 204 };
    }
    if (action === 'send') {
        socket.emit(body.name, inflate(body.data));
        return { status: 202, body: { status: 'queued' } };
    }
    return new Promise((resolve) =>
        socket.timeout(body.timeout_ms ?? 10000).emit(body.name, inflate(body.data), (error, ...args) =>
            resolve(
                error
                    ? problem(504, 'call_timeout')
                    : { status: 200, body: { data: deflate(args.length === 1 ? args[0] : args.length === 0 ? null : args) } },
            ),
        ),
    );
}

const problem = (status, reason) => ({ status, body: { status, reason, title: reason } });

async function list(topic) {
    const sockets = [...io._nsps.values()].flatMap((each) => [...each.sockets.values()]);
    return sockets
        .filter((socket) => topic === null || socket.rooms.has(topic))
        .map((socket) => ({ id: socket.id, client: socket.data.client, door: 'socketio', transport: socket.conn.transport.name }));
}

// Binary values are {"$binary": base64} in JSON.
const inflate = (value) => change(value, (each) => each?.$binary !== undefined && Buffer.from(each.$binary, 'base64'));
const deflate = (value) => change(value, (each) => Buffer.isBuffer(each) && { $binary: each.toString('base64') });

function change(value, replace) {
    const other = replace(value);
    if (other) return other;
    if (Array.isArray(value)) return value.map((each) => change(each, replace));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, change(each, replace)]));
}

// ---- start and end

if (options.conformance) conform();
else (config.namespaces ?? ['/']).forEach((name) => serveRooms(io.of(name)));

const [, host, port] = /^(.*):(\d+)$/.exec(options.listen);
server.keepAliveTimeout = 0;
server.listen({ host, port: Number(port), backlog: 4096 }, () =>
    console.log(
        JSON.stringify({
            url: `http://${host}:${server.address().port}`,
            client_token: tokenOf('dev-client', 'client'),
            backend_token: tokenOf('dev-backend', 'backend'),
        }),
    ),
);
process.on('SIGTERM', () => {
    io.close();
    server.closeAllConnections();
    process.exit();
});
