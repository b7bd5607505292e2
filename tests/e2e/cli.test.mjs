// The command line.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { assertProblem } from './lib/api.mjs';
import { binary, ringback, startServer, temporaryDirectory, worker } from './lib/server.mjs';
import { spawn } from 'node:child_process';

const configFile = (text) => {
    const file = path.join(temporaryDirectory(), 'ringback.yaml');
    writeFileSync(file, text);
    return file;
};

test('version and help', async () => {
    assert.match((await ringback('version')).stdout, /^ringback \d+\.\d+\.\d+\n$/);
    assert.equal((await ringback('--version')).stdout, (await ringback('version')).stdout);
    const help = await ringback('help');
    assert.equal(help.status, 0);
    for (const command of ['dev', 'serve', 'check', 'token', 'options', 'limits', 'reasons', 'version']) {
        assert.match(help.stdout, new RegExp(`^  ${command} +\\S`, 'm'));
        assert.equal((await ringback(command === 'token' ? 'token' : command, '--help')).status, 0, command);
    }
    assert.ok(!help.stdout.includes('worker-exec'));
    assert.equal((await ringback()).stdout, help.stdout);
    assert.match((await ringback('dev', '--help')).stdout, /--listen +HOST:PORT/);
});

test('wrong usage', async () => {
    const wrong = ['nonsense', 'dev --nonsense', 'dev --data', 'dev --json=1', 'token nonsense', 'check x'];
    for (const args of wrong.map((line) => line.split(' '))) {
        const { status, stdout, stderr } = await ringback(...args);
        assert.equal(status, 2, args.join(' '));
        assert.equal(stdout, '');
        assert.match(stderr, /^ringback[^\n]+\n$/);
    }
    assert.match((await ringback('nonsense')).stderr, /'nonsense'.*ringback help/);
});

test('reference pages are those of the repository', async () => {
    const page = (name) => readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');
    assert.equal((await ringback('options')).stdout, page('configuration.md'));
    assert.equal((await ringback('limits')).stdout, page('limits.md'));
    assert.equal((await ringback('reasons')).stdout, page('reasons.md'));
});

test('check: a good file', async () => {
    const file = configFile(`jobs:\n  a:\n    command: [${worker}, id]\n`);
    const { status, stdout, stderr } = await ringback('check', '-c', file);
    assert.deepEqual([status, stdout, stderr], [0, `${file}: fine, 1 kinds of jobs\n`, '']);
    const example = await ringback('check', '-c', new URL('../../examples/ringback.yaml', import.meta.url).pathname);
    assert.equal(example.status, 0, example.stderr);
});

test('check: a bad file, with file, line, key and remedy', async () => {
    const file = configFile(
        'listen: 127.0.0.1:8080\njobs:\n  export:\n    comand: [/bin/true]\n    timeout: 5\n'
            + '  other:\n    command: [true]\n    retry: maybe\nlog:\n  level: loud\n',
    );
    const { status, stdout, stderr } = await ringback('check', '-c', file);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    const lines = stderr.trimEnd().split('\n');
    for (const [line, key, what] of [
        [3, 'jobs.export.command', /required|missing/],
        [4, 'jobs.export.comand', /did you mean 'command'/],
        [5, 'jobs.export.timeout', /'5s'|5s|unit/],
        [8, 'jobs.other.retry', /true or false/],
        [10, 'log.level', /debug, info, warn/],
    ])
        assert.ok(lines.some((text) => text.startsWith(`${file}:${line}: ${key}`) && what.test(text)), `${key}: ${stderr}`);

    for (const command of ['serve', 'dev']) {
        const flags = command === 'dev' ? ['--listen', '127.0.0.1:0', '--data', temporaryDirectory()] : [];
        const refused = await ringback(command, ...flags, '-c', file);
        assert.equal(refused.status, 1, command);
        assert.equal(refused.stderr, stderr);
    }
    const missing = await ringback('check', '-c', '/nonexistent.yaml');
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /\/nonexistent\.yaml.*No such file/);
    const broken = await ringback('check', '-c', configFile('jobs: {a: [}\n'));
    assert.match(broken.stderr, /ringback\.yaml:1: /);
    assert.match((await ringback('check', '-c', configFile('a: &x 1\nb: *x\n'))).stderr, /ringback\.yaml:1: .*anchor/i);
});

test('tokens beside a running server', async (t) => {
    const server = await startServer({ t, config: { jobs: {} }, args: ['--clock-control'] });
    const token = (...args) => ringback('token', args[0], '--data', server.data, ...args.slice(1));
    const list = async () => (await server.client.get('/v1/jobs', { token: made })).status;

    const made = await server.newToken('demo', 'carol', '--label', 'carols-laptop');
    assert.match(made, /^rb_[A-Za-z0-9_-]{32}$/);
    assert.equal(await list(), 200); // at once
    const listed = await token('list', '--tenant', 'demo');
    assert.equal(listed.status, 0);
    assert.match(listed.stdout, /^demo\tcarols-laptop\tcarol\tclient\tcreated \S+\texpires never$/m);
    assert.equal(listed.stdout.trimEnd().split('\n').length, 4); // and the three of dev
    assert.ok(!listed.stdout.includes(made) && !listed.stdout.includes(server.token)); // they cannot be read again
    assert.equal((await token('list')).stdout.trimEnd().split('\n').length, 4);

    assert.equal((await token('revoke', '--tenant', 'demo', '--label', 'carols-laptop')).status, 0);
    await server.client.post('/test/clock', { advance_ms: 10_000 }); // within seconds, on every loop
    for (let i = 0; i < 20; i++) assert.equal(await list(), 401);
    assert.equal((await token('list', '--tenant', 'demo')).stdout.trimEnd().split('\n').length, 3);

    const forAcme = ['--tenant', 'acme', '--client', 'x', '--role', 'backend', '--days', '7'];
    const asJson = JSON.parse((await token('create', ...forAcme, '--json')).stdout);
    assert.deepEqual({ ...asJson, token: '' }, { token: '', tenant: 'acme', client: 'x', role: 'backend', label: 'x' });
    assert.match((await token('list', '--tenant', 'acme')).stdout, /\tbackend\tcreated \S+\texpires 2\d{3}-/);

    for (const args of [
        ['create', '--tenant', 'a b', '--client', 'x'],
        ['create', '--tenant', 'a'],
        ['create', '--tenant', 'a', '--client', 'x', '--role', 'king'],
        ['create', '--tenant', 'a', '--client', 'x', '--days', 'many'],
        ['revoke', '--tenant', 'demo'],
    ]) {
        const refused = await token(...args);
        assert.equal(refused.status, 1, args.join(' '));
        assert.match(refused.stderr, /^ringback token: [^\n]+\n$/);
    }
});

test('an expired token', async (t) => {
    const server = await startServer({ t, config: { jobs: {} }, args: ['--clock-control'] });
    const api = await server.as('demo', 'brief', '--days', '1');
    assert.equal((await api.get('/v1/jobs')).status, 200);
    await server.client.post('/test/clock', { advance_ms: 86_400_000 + 1000 });
    assertProblem(await api.get('/v1/jobs'), 401, 'unauthenticated');
});

test('dev --conformance: no tokens, short times, both protocols', async (t) => {
    const server = await startServer({ t, args: ['--conformance', '--ping-interval', '700', '--ping-timeout=500'] });
    assert.deepEqual([server.token, server.backendToken], [undefined, undefined]);
    const open = async (path) => (await server.client.get(`${path}&transport=polling`)).text;
    assert.match(await open('/engine.io/?EIO=4'), /^0\{.*"pingInterval":700,"pingTimeout":500,"maxPayload":1000000\}$/);
    assert.match(await open('/engine.io/?EIO=3'), /^\d+:0\{"sid":/);
    assert.match(await open('/engine.io/?EIO=5'), /Unsupported protocol version/);
    assert.match(await open('/socket.io/?EIO=4'), /^0\{"sid":/);
    for (const wrong of [['-c', configFile('')], ['--ping-interval', 'x'], ['--connect-timeout', '1s']]) {
        const { status, stderr } = await ringback('dev', '--listen', '127.0.0.1:0', '--conformance', ...wrong);
        assert.equal(status, 1, wrong.join(' '));
        assert.match(stderr, /^ringback dev: [^\n]+\n$/);
    }
});

test('dev: loopback only', async () => {
    const elsewhere = ['0.0.0.0:0', '192.0.2.1:8080', '[::]:0', 'example.com:80'];
    const malformed = ['8080', '127.0.0.1', '127.0.0.1:x', '127.0.0.1:65536'];
    for (const listen of [...elsewhere, ...malformed]) {
        const { status, stderr } = await ringback('dev', '--listen', listen, '--data', temporaryDirectory());
        assert.equal(status, 1, listen);
        assert.match(stderr, /^ringback dev: [^\n]+\n$/);
    }
    assert.match((await ringback('dev', '--listen', '0.0.0.0:0', '--data', temporaryDirectory())).stderr, /loopback.*serve/);
});

test('dev: what it prints and leaves', async (t) => {
    const server = await startServer({ t, config: { jobs: {} } });
    const file = path.join(server.data, 'dev.env');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(server.data).mode & 0o077, 0); // nobody else's to read
    const text = readFileSync(file, 'utf8');
    assert.match(text, new RegExp(`^export RINGBACK_URL=${server.url}$`, 'm'));
    assert.match(text, new RegExp(`^export RINGBACK_TOKEN=${server.token}$`, 'm'));
    assert.match(text, new RegExp(`^export RINGBACK_BACKEND_TOKEN=${server.backendToken}$`, 'm'));
    assert.equal((await server.client.post('/test/clock', { advance_ms: 1 })).status, 404); // for tests only
});

test('dev: the demo', async (t) => {
    const server = await startServer({ t });
    const answer = await server.client.post('/v1/jobs/noop', {}, { headers: { Prefer: 'wait=30' } });
    assert.equal(answer.json.state, 'finished', answer.text);
});

test('one server for one directory, and one for one port', async (t) => {
    const server = await startServer({ t, config: { jobs: {} } });
    const same = await ringback('dev', '--listen', '127.0.0.1:0', '--data', server.data, '--json');
    assert.equal(same.status, 1);
    assert.equal(same.stdout, '');
    assert.match(same.stderr, new RegExp(`process ${server.child.pid}\\) uses ${server.data}`));
    const port = await ringback('dev', '--listen', `127.0.0.1:${server.port}`, '--data', temporaryDirectory(), '--json');
    assert.equal(port.status, 1);
    assert.match(port.stderr, /in use/i);
    const other = net.createServer().listen(0, '127.0.0.1'); // also when somebody else has it
    await once(other, 'listening');
    t.after(() => other.close());
    const address = `127.0.0.1:${other.address().port}`;
    const taken = await ringback('dev', '--listen', address, '--data', temporaryDirectory(), '--json');
    assert.equal(taken.status, 1);
    assert.match(taken.stderr, /in use/i);
    assert.equal((await server.client.get('/livez')).status, 200);
});

test('serve: from a file, with JSON in the log', async (t) => {
    const dir = temporaryDirectory();
    const file = configFile(JSON.stringify({
        listen: '127.0.0.1:0', data: path.join(dir, 'data'), log: { format: 'json' }, jobs: { id: { command: [worker, 'id'] } },
    }));
    const child = spawn(binary, ['serve', '-c', file], { stdio: ['ignore', 'inherit', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    let port;
    let stderr = '';
    child.stderr.setEncoding('utf8');
    for await (const text of child.stderr) {
        stderr += text;
        const line = stderr.split('\n').find((each) => each.includes('server.listening'));
        if (!line) continue;
        port = JSON.parse(line).port;
        break;
    }
    assert.ok(Number(port) > 0, stderr);
    child.kill('SIGTERM');
    const [status] = await once(child, 'exit');
    assert.equal(status, 0);
});

test('a data directory that cannot be used', async () => {
    const dir = temporaryDirectory();
    writeFileSync(path.join(dir, 'file'), '');
    const notDirectory = await ringback('dev', '--listen', '127.0.0.1:0', '--data', path.join(dir, 'file'), '--json');
    assert.equal(notDirectory.status, 1);
    assert.match(notDirectory.stderr, /Not a directory/i);
    writeFileSync(path.join(dir, 'ringback.db'), 'this is no database, whatever its name says'.repeat(100));
    const notDatabase = await ringback('dev', '--listen', '127.0.0.1:0', '--data', dir, '--json');
    assert.equal(notDatabase.status, 1);
    assert.match(notDatabase.stderr, /^ringback dev: not started: [^\n]+\n$/);
});
