// The clients of npm as they are, given the globals that a browser has. What comes over their sockets is counted here.
import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { password } from './bim.mjs';
import { temporaryDirectory } from './server.mjs';
import { Inbox, within } from './wait.mjs';

const require = createRequire(import.meta.url);
const { w3cwebsocket } = require('websocket');
const XMLHttpRequest = require('xhr2');

/** Keeps every text frame that it got, and tells when it is closed. */
class Socket extends w3cwebsocket {
    static last; // opened by whatever client
    texts = [];

    constructor(...args) {
        super(...args);
        Socket.last = this;
        this.addEventListener('message', ({ data }) => typeof data === 'string' && this.texts.push(data));
        this.closed = new Promise((resolve) => this.addEventListener('close', resolve));
    }
}

// xhr2 cannot send forms; browsers can.
const { send } = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.send = function (body) {
    if (!(body instanceof FormData)) return send.call(this, body);
    const form = new Response(body);
    this.setRequestHeader('Content-Type', form.headers.get('content-type'));
    form.arrayBuffer().then((bytes) => send.call(this, bytes));
};

/** They write what they do to the console. */
for (const name of ['log', 'info', 'error', 'warn']) console[name] = () => {};

let modules;

/** Its files are modules, which its package.json does not say. */
function asModules(name) {
    const from = path.dirname(require.resolve(`${name}/package.json`));
    const dir = temporaryDirectory();
    for (const file of readdirSync(from).filter((each) => each.endsWith('.js'))) cpSync(path.join(from, file), path.join(dir, file));
    writeFileSync(path.join(dir, 'package.json'), '{"type":"module"}');
    return pathToFileURL(dir).href;
}

const versions = {
    '0.0.167': async () => {
        Object.assign(globalThis, { XMLHttpRequest, WebSocket: Socket });
        modules ??= asModules('bimserverapi');
        return (await import(`${modules}/bimserverclient.js`)).BimServerClient;
    },
    '0.0.95': () => {
        Object.assign(globalThis, { window: globalThis, WebSocket: Socket });
        const scripts = ['promise', 'websocket'].map((name) => `bimserverapi${name}`); // as a page names them
        for (const name of [...scripts, 'ifc2x3tc1', 'ifc4', 'translations_en', 'model', 'bimserverclient'])
            require(`bimserverapi-0.0.95/js/${name}.js`);
        return window.BimServerClient;
    },
};

const quiet = Object.fromEntries(
    ['setInfo', 'setSuccess', 'setError', 'resetStatus', 'resetStatusQuick', 'clear'].map((name) => [name, () => {}]),
);

/** A client with promises around its callbacks. */
export class NpmClient {
    static async of(t, version, server, path = '') {
        const Api = await versions[version]();
        const client = new NpmClient();
        client.api = new Api(`${server.url}${path}/`, quiet); // with the slash that they strip
        t.after(() => client.api.webSocket._ws?.close());
        client.info = await client.promise('init', (resolve) => client.api.init((api, info) => resolve(info)));
        return client;
    }

    static async as(t, version, server, login, path) {
        const client = await NpmClient.of(t, version, server, path);
        await client.login(login);
        return client;
    }

    promise(what, run) {
        return within(what, new Promise(run));
    }

    login(username, secret = password) {
        return this.promise('login', (resolve, reject) => this.api.login(username, secret, resolve, reject));
    }

    call(intf, method, data = {}) {
        return this.promise(method, (resolve, reject) => this.api.call(intf, method, data, resolve, reject));
    }

    get socket() {
        return this.api.webSocket._ws;
    }

    get endpoint() {
        return this.api.webSocket.endPointId;
    }

    async project(projectName) {
        return this.call('ServiceInterface', 'addProject', { projectName, schema: 'ifc2x3tc1' });
    }

    async deserializer(poid) {
        return (await this.call('ServiceInterface', 'getSuggestedDeserializerForExtension', { extension: 'ifc', poid })).oid;
    }

    /** Registers with one of the client's own methods; the inbox gets the handler's arguments. */
    async listen(method, ...args) {
        const inbox = new Inbox();
        await this.promise(method, (resolve) => this.api[method](...args, (...got) => inbox.push(got), resolve));
        return inbox;
    }

    /** Follows a topic; an inbox of its states. All handlers get everything, so others' are dropped. */
    async follow(topicId) {
        const states = new Inbox();
        const handler = (topic, state) => topic === topicId && states.push(state);
        await this.promise('registerProgressHandler', (resolve) => this.api.registerProgressHandler(topicId, handler, resolve));
        return Object.assign(states, { handler });
    }

    unfollow(topicId, { handler }) {
        return this.promise('unregisterProgressHandler', (resolve) => this.api.unregisterProgressHandler(topicId, handler, resolve));
    }

    initiate(project, deserializer) {
        return this.promise('initiateCheckin', (resolve, reject) => this.api.initiateCheckin(project, deserializer, resolve, reject));
    }

    /** Uploads a file; what the server calls the check-in. */
    upload(topicId, project, file, deserializer, onProgress = () => {}) {
        return this.promise('checkin', (resolve, reject) =>
            this.api.checkin(topicId, project, 'from the tests', file, deserializer, onProgress, resolve, reject),
        );
    }
}

/** How many progress calls have come over this socket. */
export const progressOf = (socket) => socket.texts.filter((text) => text.includes('"progress","parameters"')).length;

export const isOver = ({ state }) => state === 'FINISHED' || state === 'AS_ERROR';
