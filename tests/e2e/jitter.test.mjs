// Short runs of jitter.mjs, which may be run with more clients and for longer by hand.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('jitter.mjs', import.meta.url));

for (const transport of ['websocket', 'polling', 'upgrade']) {
    test(`lines break all the time: ${transport}`, async (t) => {
        const args = [program, '--clients', '40', '--seconds', '6', '--cut', '2', '--transport', transport];
        const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 180_000 });
        assert.match(stdout, /^[1-9]\d* cuts, [1-9]\d* recoveries, 0 clients that had to begin anew$/m);
        for (const line of stdout.trimEnd().split('\n')) t.diagnostic(line);
    });
}
