// Users and API clients, made by the command line beside a running server.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { assertProblem } from './lib/api.mjs';
import { binary, ringback, startServer, temporaryDirectory } from './lib/server.mjs';

/** `ringback user ...` with this as its standard input. */
async function user(data, input, action, ...args) {
    const child = spawn(binary, ['user', action, '--data', data, ...args]);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.stdin.on('error', () => {}).end(input); // it may not want it
    const [status] = await once(child, 'close');
    return { status, stdout, stderr };
}

const ann = ['--tenant', 'acme', '--login', 'ann'];

test('users: added, listed, removed', async (t) => {
    const server = await startServer({ t, config: { jobs: {} } });
    const added = await user(server.data, 'correct horse\n', 'add', ...ann, '--name', 'Ann Ä.', '--roles', 'a,backend');
    assert.equal(added.status, 0, added.stderr);
    assert.match(added.stdout, /^u[\w-]{20}\n$/);
    const again = await user(server.data, 'correct horse\n', 'add', ...ann);
    assert.deepEqual([again.status, again.stdout], [1, '']);
    assert.match(again.stderr, /^ringback user: there is a user of this login\n$/);
    const bob = ['--tenant', 'other', '--login', 'bob', '--capabilities', 'x,y', '--json'];
    const asJson = JSON.parse((await user(server.data, 'correct horse', 'add', ...bob)).stdout);
    assert.deepEqual({ ...asJson, id: '' }, { id: '', login: 'bob', tenant: 'other' });

    const list = async (...args) => (await user(server.data, '', 'list', ...args)).stdout;
    const whole = await list();
    assert.match(whole, /^acme\tann\tu\S+\tAnn Ä\.\troles a,backend\tcreated \S+\n/);
    assert.match(whole, /\nother\tbob\tu.*\tcapabilities x,y\tcreated \S+\n$/);
    assert.equal((await list('--tenant', 'acme')).trimEnd().split('\n').length, 1);
    const listed = (await list('--json')).trimEnd().split('\n').map((line) => JSON.parse(line));
    const [first, second] = ['acme', 'other'].map((tenant) => listed.find((each) => each.tenant === tenant));
    assert.deepEqual({ ...first, created: '' }, {
        id: added.stdout.trim(), login: 'ann', tenant: 'acme', name: 'Ann Ä.', roles: 'a,backend', capabilities: null, created: '',
    });
    assert.equal(second.id, asJson.id);

    assert.equal((await user(server.data, '', 'remove', ...ann)).status, 0);
    const gone = await user(server.data, '', 'remove', ...ann);
    assert.equal(gone.status, 1);
    assert.match(gone.stderr, /^ringback user: not done: [^\n]+\n$/);
    assert.equal((await list('--tenant', 'acme')), '');
});

test('passwords: where they come from, and that they go nowhere', async () => {
    const data = temporaryDirectory();
    const file = path.join(data, 'password');
    const of = (login) => ['--tenant', 't', '--login', login];
    writeFileSync(file, 'a swordfish in a file\r\n');
    assert.equal((await user(data, '', 'add', ...of('filed'), '--password-file', file)).status, 0);
    assert.equal((await user(data, 'x'.repeat(8), 'add', ...of('short'))).status, 0);
    assert.equal((await user(data, `${'x'.repeat(1024)}\r\n`, 'add', ...of('long'))).status, 0);
    assert.equal((await user(data, 'another swordfish\n', 'passwd', ...of('short'))).status, 0);
    for (const [input, ...args] of [
        ['x'.repeat(7)], ['\n'], [''], ['x'.repeat(7) + '\n'], ['x'.repeat(1025)], ['x'.repeat(5000)],
        ['', '--password-file', path.join(data, 'missing')], ['', '--password-file', data],
    ]) {
        const refused = await user(data, input, 'add', ...of('refused'), ...args);
        assert.equal(refused.status, 1, input.length);
        assert.match(refused.stderr, /^ringback user: no password: [^\n]+\n$/);
    }
    assert.equal((await user(data, 'nobody is there', 'passwd', ...of('nobody'))).status, 1);
    assert.equal((await user(data, 'password', 'add', '--password', 'password', ...of('x'))).status, 2); // no such flag
    const stored = ['ringback.db', 'ringback.db-wal'].map((name) => readFileSync(path.join(data, name), 'latin1')).join('');
    assert.ok(stored.includes('scrypt$15$8$1$'));
    assert.ok(!stored.includes('swordfish'));
});

test('a password that is typed is not shown', async (t) => {
    if (spawnSync('script', ['--version']).error) return t.skip('there is no script(1)');
    const data = temporaryDirectory();
    const type = async (login, ...lines) => {
        const command = `${binary} user add --data ${data} --tenant t --login ${login}`;
        const child = spawn('script', ['-qec', command, '/dev/null']);
        let screen = '';
        child.stdout.setEncoding('utf8').on('data', (text) => {
            screen += text;
            if (/: $/.test(text)) child.stdin.write(`${lines.shift()}\n`);
        });
        const [status] = await once(child, 'exit');
        return { status, screen };
    };
    const good = await type('ann', 'correct horse', 'correct horse');
    assert.equal(good.status, 0, good.screen);
    assert.match(good.screen, /^Password: \r\nAgain: \r\nu\S+\r\n$/);
    const mistyped = await type('bob', 'correct horse', 'correct house');
    assert.equal(mistyped.status, 1);
    assert.match(mistyped.screen, /not the same/);
});

test('wrong usage of users', async () => {
    const data = temporaryDirectory();
    for (const args of [
        ['add', '--tenant', 't'],
        ['add', '--tenant', 'a b', '--login', 'x'],
        ['add', '--tenant', 't', '--login', 'a/b'],
        ['add', '--tenant', 't', '--login', 'x', '--roles', 'a b'],
        ['add', '--tenant', 't', '--login', 'x', '--capabilities', 'a,'],
        ['add', '--tenant', 't', '--login', 'x', '--name', 'a\nb'],
        ['passwd', '--tenant', 't'],
        ['remove', '--tenant', 't'],
    ]) {
        const refused = await user(data, 'password', ...args);
        assert.equal(refused.status, 1, args.join(' '));
        assert.match(refused.stderr, /^ringback user: [^\n]+\n$/);
    }
    const unknown = await ringback('user', 'nonsense');
    assert.deepEqual([unknown.status, unknown.stderr], [2, 'ringback user: say add, passwd, list or remove\n']);
    assert.match((await ringback('user', '--help')).stdout, /^usage: ringback user add\|passwd\|list\|remove \[flags\]$/m);
});

const client = (data, action, ...args) => ringback('client', action, '--data', data, ...args);

test('API clients: their tokens work, and go with them', async (t) => {
    const server = await startServer({ t, config: { jobs: {} }, args: ['--clock-control'] });
    const status = async (token) => (await server.client.get('/v1/jobs', { token })).status;
    const made = await client(server.data, 'create', '--tenant', 'acme', '--id', 'erp');
    assert.equal(made.status, 0, made.stderr);
    const [, token] = made.stdout.match(/^client +erp\ntoken +(rb_[\w-]{32})\n$/);
    assert.equal(await status(token), 200);

    assert.equal((await user(server.data, 'correct horse\n', 'add', ...ann)).status, 0);
    const brought = '0123456789abcdef0123456789abcdef';
    const facts = ['--type', 'crm', '--roles', 'x,backend', '--capabilities', 'c', '--addresses', '10.0.0.0/8,::1'];
    const asJson = JSON.parse((await client(server.data, 'create', '--tenant', 'acme', '--id', 'old', '--token', brought,
        '--user', 'ann', ...facts, '--json')).stdout);
    assert.match(asJson.id, /^p[\w-]{20}$/);
    assert.deepEqual({ ...asJson, id: '' }, { client: 'old', token: brought, tenant: 'acme', id: '', role: 'backend' });
    assert.equal(await status(brought), 200);
    assert.equal((await client(server.data, 'create', '--signing', '--tenant', 'acme', '--id', 'signs')).status, 0);

    const lines = (await client(server.data, 'list', '--tenant', 'acme')).stdout.trimEnd().split('\n');
    assert.equal(lines.length, 3);
    assert.match(lines[0], /^acme\tsigns\tcreated \S+$/);
    assert.match(lines[1], /^acme\terp\tcreated \S+\ttoken\ttype \troles $/);
    assert.match(lines[2], /^acme\told\tcreated \S+\ttoken\ttype crm\troles x,backend\tcapabilities c\taddresses 10\.0\.0\.0\/8,::1\tuser u\S+$/);
    const tokens = (await ringback('token', 'list', '--data', server.data, '--tenant', 'acme')).stdout;
    assert.match(tokens, /^acme\told\told\tbackend\t/m);
    assert.ok(!lines.join().includes(token) && !tokens.includes(brought));

    for (const id of ['old', 'signs']) {
        assert.equal((await client(server.data, 'revoke', '--tenant', 'acme', '--id', id)).status, 0);
        assert.equal((await client(server.data, 'revoke', '--tenant', 'acme', '--id', id)).status, 1);
    }
    assert.equal((await ringback('token', 'revoke', '--data', server.data, '--tenant', 'acme', '--label', 'erp')).status, 0);
    assert.equal((await client(server.data, 'list', '--tenant', 'acme')).stdout, '');
    await server.client.post('/test/clock', { advance_ms: 10_000 });
    assertProblem(await server.client.get('/v1/jobs', { token }), 401, 'unauthenticated');
    assertProblem(await server.client.get('/v1/jobs', { token: brought }), 401, 'unauthenticated');
    assert.equal((await client(server.data, 'create', '--tenant', 'acme', '--id', 'erp')).status, 0); // the name is free again
});

test('wrong usage of clients', async () => {
    const data = temporaryDirectory();
    const erp = ['create', '--tenant', 't', '--id', 'erp'];
    assert.equal((await client(data, ...erp, '--token', 'x'.repeat(16))).status, 0);
    for (const args of [
        erp, // it is there
        ['create', '--tenant', 't', '--id', 'other', '--token', 'x'.repeat(16)], // the token is
        ['create', '--tenant', 't'],
        ['create', '--tenant', 't', '--id', 'a b'],
        ['create', '--tenant', 't', '--id', 'x', '--type', 'a b'],
        ['create', '--tenant', 't', '--id', 'x', '--roles', 'a b'],
        ['create', '--tenant', 't', '--id', 'x', '--addresses', '10.0.0.0/33'],
        ['create', '--tenant', 't', '--id', 'x', '--addresses', 'localhost'],
        ['create', '--tenant', 't', '--id', 'x', '--user', 'nobody'],
        ['create', '--tenant', 't', '--id', 'x', '--token', 'x'.repeat(15)],
        ['create', '--tenant', 't', '--id', 'x', '--token', 'x'.repeat(129)],
        ['create', '--tenant', 't', '--id', 'x', '--token', 'with a blank within'],
        ['create', '--tenant', 't', '--id', 'x', '--token', `rbj_${'x'.repeat(32)}`],
        ['create', '--tenant', 't', '--id', 'x', '--replay-guard'],
        ['create', '--tenant', 't', '--id', 'x', '--signing', '--roles', 'backend'],
        ['revoke', '--tenant', 't'],
        ['revoke', '--tenant', 't', '--id', 'nobody'],
    ]) {
        const refused = await client(data, ...args);
        assert.equal(refused.status, 1, args.join(' '));
        assert.match(refused.stderr, /^ringback client: [^\n]+\n$/);
    }
    assert.equal((await client(data, 'list')).stdout.trimEnd().split('\n').length, 1);
});
