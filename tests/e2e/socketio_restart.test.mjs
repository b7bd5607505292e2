// Small runs of socketio_restart.mjs, which may be run with more clients by hand.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('socketio_restart.mjs', import.meta.url));

for (const [signal, transport] of [['SIGKILL', 'websocket'], ['SIGTERM', 'websocket'], ['SIGKILL', 'polling']]) {
    test(`all come back and miss nothing: ${signal}, ${transport}`, async (t) => {
        const args = [program, '--clients', '100', '--rooms', '10', '--signal', signal, '--transport', transport];
        const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 180_000 });
        assert.match(stdout, /; missed: 0; /);
        for (const line of stdout.trimEnd().split('\n')) t.diagnostic(line);
    });
}
