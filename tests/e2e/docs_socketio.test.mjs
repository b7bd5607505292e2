// docs/doors/socketio.md: its commands, as they stand there, in an empty directory.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './lib/ports.mjs';
import { binary, root, temporaryDirectory } from './lib/server.mjs';

/** The blocks of one language, in order. */
const blocks = (page, language) => [...page.matchAll(new RegExp('^```' + language + '\\n(.*?)^```', 'gms'))].map((found) => found[1]);

test('ten minutes', async () => {
    const page = readFileSync(path.join(root, 'docs/doors/socketio.md'), 'utf8').split('\n## What is the same')[0];
    const dir = temporaryDirectory();
    mkdirSync(path.join(dir, 'bin'));
    symlinkSync(binary, path.join(dir, 'bin/ringback'));
    symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), path.join(dir, 'node_modules'));
    for (const code of blocks(page, 'js')) writeFileSync(path.join(dir, /^\/\/ (\S+)/.exec(code)[1]), code);
    // Another port than the page's, which may be taken; the packages are those of the tests; the sleep is the reader's, to look.
    const commands = blocks(page, 'sh')
        .join('\n')
        .replaceAll('8090', String(await freePort()))
        .replace(/^npm install .*$/m, '')
        .replace('sleep 2;', 'until grep -q ^chat: alice.log; do sleep 0.1; done;');
    writeFileSync(path.join(dir, 'commands.sh'), `set -eu\ntrap 'kill %1' EXIT\n${commands}\n`);
    const { stdout } = await promisify(execFile)('bash', ['-m', 'commands.sh'], {
        cwd: dir,
        env: { ...process.env, PATH: `${path.join(dir, 'bin')}:${process.env.PATH}` },
        timeout: 60_000,
    });
    assert.match(stdout, /ringback\.yaml: fine/);
    assert.match(stdout, /connected as [A-Za-z0-9_-]{24}\n/);
    assert.match(stdout, /join: \{ ok: true \}/);
    assert.match(stdout, /chat: \{ ok: true \}/);
    assert.match(stdout, /"client":"alice"/);
    assert.match(stdout, /\{"data":\{"accepted":true\}\}/);
    assert.match(stdout, /"status":"queued"/);
    assert.match(stdout, /chat \{ room: 'lobby', text: 'hello' \}/);
    assert.match(stdout, /chat \{ room: 'lobby', text: 'from the back end' \}/);
});
