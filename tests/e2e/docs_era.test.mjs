// docs/doors/era.md
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runPage } from './lib/docs.mjs';

test('ten minutes', async () => {
    const stdout = await runPage('doors/era.md', { until: '## What is the same', port: '8092' });
    assert.match(stdout, /ringback\.yaml: fine/);
    assert.match(stdout, /connected as \S+\n/);
    assert.match(stdout, /"ownertype":"token"/);
    assert.equal(stdout.match(/"transfer":"transfer","result":\{"result":"ok","w":70\}/g).length, 2, stdout);
    assert.equal(stdout.match(/^seventy millimetres, tomorrow$/gm).length, 2, stdout);
    assert.match(stdout, /"name":"order.txt","size":10,"status":"ok"/);
    assert.match(stdout, /"session_token":"/);
});
