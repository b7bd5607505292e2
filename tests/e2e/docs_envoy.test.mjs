// docs/doors/envoy.md: its commands, as they stand there, in an empty directory.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { binary, root, temporaryDirectory } from './lib/server.mjs';

/** The blocks of one language, in order. */
const blocks = (page, language) => [...page.matchAll(new RegExp('^```' + language + '\\n(.*?)^```', 'gms'))].map((found) => found[1]);

async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}

test('ten minutes', async () => {
    const page = readFileSync(path.join(root, 'docs/doors/envoy.md'), 'utf8').split('\n## What is the same')[0];
    const dir = temporaryDirectory();
    const port = String(await freePort());
    mkdirSync(path.join(dir, 'bin'));
    symlinkSync(binary, path.join(dir, 'bin/ringback'));
    symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), path.join(dir, 'node_modules'));
    // Another port than the page's, which may be taken; the packages are those of the tests.
    for (const code of blocks(page, 'js')) writeFileSync(path.join(dir, /^\/\/ (\S+)/.exec(code)[1]), code.replaceAll('8091', port));
    const commands = blocks(page, 'sh').join('\n').replaceAll('8091', port).replace(/^npm install .*$/m, '');
    writeFileSync(path.join(dir, 'commands.sh'), `set -eu\ntrap 'kill %1' EXIT\n${commands}\n`);
    const { stdout } = await promisify(execFile)('bash', ['-m', 'commands.sh'], {
        cwd: dir,
        env: { ...process.env, PATH: `${path.join(dir, 'bin')}:${process.env.PATH}` },
        timeout: 60_000,
    });
    assert.match(stdout, /ringback\.yaml: fine/);
    assert.match(stdout, /^shop\t[0-9a-f]{16}\tcreated /m);
    assert.match(stdout, /"id":"1","jsonrpc":"2.0","error":null,"result":\{"client_token":"/);
    assert.equal(stdout.match(/\{"status":"success","delivered":1\}/g).length, 2, stdout);
    assert.match(stdout, /left: (10:00|09:5\d)\nnews: cGFja2Vk\ndone: c2VudA==\ndone: c2VudA==\n/);
});
