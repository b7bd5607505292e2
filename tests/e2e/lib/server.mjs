// The server under test: the real binary (RINGBACK names another one than build/ringback), on a port of the kernel's choice and
// a data directory of its own.
import assert from 'node:assert/strict';
import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Api } from './api.mjs';
import { within } from './wait.mjs';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const binary = path.resolve(process.env.RINGBACK ?? path.join(root, 'build/ringback'));
export const localize = path.join(root, 'examples/localize/localize');
export const worker = path.join(root, 'tests/e2e/worker');

/** What no server may ever write. */
const COMPLAINT = /AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehavior|runtime error:|check failed|panic/i;

const environment = {
    ...process.env,
    ASAN_OPTIONS: `detect_leaks=1:${process.env.ASAN_OPTIONS ?? ''}`,
    UBSAN_OPTIONS: `print_stacktrace=1:halt_on_error=1:${process.env.UBSAN_OPTIONS ?? ''}`,
    TSAN_OPTIONS: process.env.TSAN_OPTIONS ?? `suppressions=${path.join(root, 'tests/tsan.supp')}`,
};

/** What must be gone when this process is: servers that a failed test has left behind, then all directories. */
const directories = [];
const servers = new Set();
process.on('exit', () => {
    for (const server of servers) server.child.kill('SIGKILL');
    for (const dir of directories) rmSync(dir, { recursive: true, force: true, maxRetries: 20 });
});

export function temporaryDirectory() {
    const dir = mkdtempSync(path.join(tmpdir(), 'ringback-e2e-'));
    directories.push(dir);
    return dir;
}

/** A configuration file of this object. JSON in the flow style of YAML is YAML. */
export function writeConfig(dir, config) {
    const file = path.join(dir, 'ringback.yaml');
    writeFileSync(file, JSON.stringify(config, null, 1));
    return file;
}

/** Runs the program to its end: {status, stdout, stderr}. */
export async function ringback(...args) {
    try {
        const { stdout, stderr } = await promisify(execFile)(binary, args, { env: environment, timeout: 60_000 });
        return { status: 0, stdout, stderr };
    } catch (error) {
        if (error.signal || typeof error.code !== 'number') throw error;
        return { status: error.code, stdout: error.stdout, stderr: error.stderr };
    }
}

/**
 * Starts `ringback dev`. Options: config (object), data (directory), args, t (the test that it is for: stops it at the end).
 */
export async function startServer({ t, config, data, args = [] } = {}) {
    const server = new Server();
    server.dir = temporaryDirectory();
    server.data = data ?? path.join(server.dir, 'data');
    server.args = ['dev', '--listen', '127.0.0.1:0', '--data', server.data, '--json', ...args];
    if (config) server.args.push('-c', writeConfig(server.dir, config));
    await server.start();
    t?.after(() => server.isUp && server.stop());
    return server;
}

export class Server {
    stderr = '';

    get isUp() {
        return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
    }

    async start() {
        const child = spawn(binary, this.args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
        this.child = child;
        this.exited = once(child, 'exit');
        servers.add(this);
        this.exited.then(() => servers.delete(this));
        for (const handle of [child, child.stdout, child.stderr]) handle.unref(); // they do not keep this process alive
        this.stderr = '';
        child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
        const line = once(readline.createInterface({ input: child.stdout }), 'line');
        const first = await within('the server to listen', Promise.race([line, this.exited]));
        assert.ok(this.isUp, `the server ended at once, with ${child.exitCode ?? child.signalCode}: ${this.stderr}`);
        const hello = JSON.parse(first[0]);
        this.url = hello.url;
        this.port = Number(new URL(hello.url).port);
        this.token = hello.client_token;
        this.backendToken = hello.backend_token;
        this.apiToken = hello.api_token;
        this.user = { login: hello.user, pwd: hello.password };
        this.client = new Api(this.url, this.token);
        this.backend = new Api(this.url, this.backendToken);
        return this;
    }

    /** SIGTERM; it must end by itself, without any complaint. */
    async stop(signal = 'SIGTERM') {
        this.child.kill(signal);
        const [status, by] = await within('the server to end', this.exited, 60_000);
        assert.ok(!COMPLAINT.test(this.stderr), this.stderr);
        assert.equal(status, 0, `ended with ${status ?? by}: ${this.stderr}`);
    }

    /** kill -9. */
    async kill() {
        this.child.kill('SIGKILL');
        await within('the server to be gone', this.exited);
        assert.ok(!COMPLAINT.test(this.stderr), this.stderr);
    }

    /** A token beside the running server. */
    async newToken(tenant, client, ...args) {
        const done = await ringback('token', 'create', '--data', this.data, '--tenant', tenant, '--client', client, ...args);
        assert.equal(done.status, 0, done.stderr);
        return done.stdout.trim();
    }

    async as(tenant, client, ...args) {
        return new Api(this.url, await this.newToken(tenant, client, ...args));
    }
}
