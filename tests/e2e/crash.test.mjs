// A short run of crash.mjs, which may be run for longer by hand.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

test('kill -9, again and again', async (t) => {
    const env = { ...process.env, ROUNDS: process.env.ROUNDS ?? '8' };
    const script = fileURLToPath(new URL('crash.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script], { env, timeout: 600_000 });
    assert.match(stdout, /^\d+ rounds, \d+ jobs/m);
    for (const line of stdout.trimEnd().split('\n')) t.diagnostic(line);
});
