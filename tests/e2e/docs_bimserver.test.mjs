// docs/doors/bimserver.md: its commands, as they stand there, in an empty directory.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './lib/ports.mjs';
import { binary, root, temporaryDirectory } from './lib/server.mjs';

/** The blocks of one language, in order. */
const blocks = (page, language) => [...page.matchAll(new RegExp('^```' + language + '\\n(.*?)^```', 'gms'))].map((found) => found[1]);

test('ten minutes', async () => {
    const page = readFileSync(path.join(root, 'docs/doors/bimserver.md'), 'utf8').split('\n## What is the same')[0];
    const dir = temporaryDirectory();
    const modules = fileURLToPath(new URL('node_modules', import.meta.url));
    const port = String(await freePort());
    // Another port than the page's, which may be taken; the examples and packages are those of this tree.
    const here = (text) => text.replaceAll('8082', port).replaceAll('/usr/share/ringback/examples', path.join(root, 'examples'));
    for (const name of ['bin', 'node_modules']) mkdirSync(path.join(dir, name));
    symlinkSync(binary, path.join(dir, 'bin/ringback'));
    for (const name of readdirSync(modules).filter((each) => !each.startsWith('.') && each !== 'bimserverapi'))
        symlinkSync(path.join(modules, name), path.join(dir, 'node_modules', name));
    cpSync(path.join(modules, 'bimserverapi'), path.join(dir, 'node_modules/bimserverapi'), { recursive: true }); // it is changed
    for (const code of blocks(page, 'js')) writeFileSync(path.join(dir, /^\/\/ (\S+)/.exec(code)[1]), here(code));
    const commands = here(blocks(page, 'sh').join('\n')).replace(/^npm install .*$/m, '');
    writeFileSync(path.join(dir, 'commands.sh'), `set -eu\ntrap 'kill %1' EXIT\n${commands}\n`);
    const { stdout } = await promisify(execFile)('bash', ['-m', 'commands.sh'], {
        cwd: dir,
        env: { ...process.env, PATH: `${path.join(dir, 'bin')}:${process.env.PATH}` },
        timeout: 60_000,
    });
    assert.match(stdout, /ringback\.yaml: fine/);
    assert.match(stdout, /^STARTED \d+ Reading ticket-office\.ifc$/m);
    assert.match(stdout, /^FINISHED 100 Checkin of ticket-office\.ifc$/m);
    assert.match(stdout, /^the same file$/m);
    assert.match(stdout, /^\{"response":\{"result":\{"__type":"SLongCheckinActionState",.*"state":"FINISHED"/m);
    assert.match(stdout, /<state>FINISHED<\/state><title>Checkin of ticket-office\.ifc<\/title>/);
    assert.match(stdout, /^event: queued\nevent: running\n(.*\n)*event: finished$/m);
});
