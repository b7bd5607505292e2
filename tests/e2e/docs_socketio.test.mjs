// docs/doors/socketio.md
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runPage } from './lib/docs.mjs';

test('ten minutes', async () => {
    // The sleep is the reader's, to look.
    const edit = (commands) => commands.replace('sleep 2;', 'until grep -q ^chat: alice.log; do sleep 0.1; done;');
    const stdout = await runPage('doors/socketio.md', { until: '## What is the same', port: '8090', edit });
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
