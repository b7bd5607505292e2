// The first code that a user sees: examples/clients/rigi.mjs, as the README shows it.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { root, startServer, temporaryDirectory } from './lib/server.mjs';
import { unzip } from './lib/zip.mjs';

let server;
let script;
let dir;
before(async () => {
    server = await startServer(); // the demo itself
    dir = temporaryDirectory();
    script = path.join(dir, 'rigi.mjs');
    copyFileSync(path.join(root, 'examples/clients/rigi.mjs'), script); // beside the packages that are installed for the tests
    symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), path.join(dir, 'node_modules'));
});
after(() => server.stop());

async function run(args, env = {}) {
    const all = { ...process.env, RINGBACK_URL: server.url, RINGBACK_TOKEN: server.token, ...env };
    const options = { cwd: dir, env: all, timeout: 60_000 };
    try {
        return { status: 0, ...(await promisify(execFile)(process.execPath, [script, ...args], options)) };
    } catch ({ code, stdout, stderr }) {
        return { status: code, stdout, stderr };
    }
}

test('its packages are those that the tests use', () => {
    const versions = (file) => JSON.parse(readFileSync(path.join(root, file), 'utf8'));
    const mine = versions('tests/e2e/package.json').dependencies;
    assert.equal(versions('examples/clients/package.json').dependencies['socket.io-client'], mine['socket.io-client']);
    for (const lock of ['tests/e2e/package-lock.json', 'examples/clients/package-lock.json'])
        assert.ok(!JSON.stringify(versions(lock)).includes('"resolved"'), lock); // whatever registry they came from
});

test('an export', async () => {
    const { status, stdout, stderr } = await run([]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /POST \/api\/projects\/12\/process\/pseudo: 202 in \d+ ms\n/);
    assert.match(stdout, / 25 % Compiling en_XA of ferry\n/); // it watches
    const name = readdirSync(dir).find((file) => /^pseudo-\d+\.zip$/.test(file));
    assert.match(stdout, new RegExp(`${name} is here\n`));
    assert.equal(Object.keys(unzip(readFileSync(path.join(dir, name)))).length, 4);
    if (spawnSync('unzip', ['-v']).status === 0) assert.match(stdout, /locale\/en_XA\/LC_MESSAGES\/ferry\.mo/);
});

test('an export that fails', async () => {
    const { status, stdout } = await run(['13', 'targets']);
    assert.equal(status, 1);
    assert.match(stdout, /failed: .*nl\.po:30/);
});

test('what can go wrong', async () => {
    const nobody = net.createServer().listen(0, '127.0.0.1'); // a port that was free a moment ago
    await once(nobody, 'listening');
    const { port } = nobody.address();
    nobody.close();
    for (const [args, env, said] of [
        [['12', 'nonsense'], {}, /KIND is one of pseudo, sources, targets/],
        [[], { RINGBACK_TOKEN: 'rb_wrong' }, /refused: Not authorized|No valid credential/],
        [[], { RINGBACK_URL: `http://127.0.0.1:${port}` }, /no server at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/],
    ]) {
        const { status, stderr } = await run(args, env);
        assert.equal(status, 1);
        assert.match(stderr, said);
        assert.equal(stderr.trimEnd().split('\n').length, 1, stderr); // a sentence, not a stack
    }
});
