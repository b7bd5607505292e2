// docs/doors/envoy.md
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runPage } from './lib/docs.mjs';

test('ten minutes', async () => {
    const stdout = await runPage('doors/envoy.md', { until: '## What is the same', port: '8091' });
    assert.match(stdout, /ringback\.yaml: fine/);
    assert.match(stdout, /^shop\t[0-9a-f]{16}\tcreated /m);
    assert.match(stdout, /"id":"1","jsonrpc":"2.0","error":null,"result":\{"client_token":"/);
    assert.equal(stdout.match(/\{"status":"success","delivered":1\}/g).length, 2, stdout);
    assert.match(stdout, /left: (10:00|09:5\d)\nnews: cGFja2Vk\ndone: c2VudA==\ndone: c2VudA==\n/);
});
