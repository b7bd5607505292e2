// The Era door with a client of another language: Debian's python3-websockets.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eraConfig } from './lib/era.mjs';
import { root, startServer } from './lib/server.mjs';
import { within } from './lib/wait.mjs';

const python = '/usr/bin/python3'; // the system's, whose packages are Debian's
const client = path.join(root, 'tests/e2e/era_client.py');
const at = (server, more) =>
    JSON.stringify({ url: server.url.replace('http', 'ws'), token: server.apiToken, user: server.user, ...more });

test('tokens, users, qids, scripts', async (t) => {
    const server = await startServer({ t, config: eraConfig() });
    const { stdout } = await promisify(execFile)(python, [client, at(server)], { timeout: 60_000 });
    const { token, user, refused } = JSON.parse(stdout);
    assert.equal(refused, 401);
    assert.deepEqual([token.early.qid, token.early.result, token.early.errorcode], [1, 'error', 1405]);
    assert.equal(
        token.setup,
        '["setup_result",{"qid":0.19082918216295153,"result":"ok","capabilities":[{"key":"svcscript","result":"ok"},' +
            '{"key":"nope","result":"error","errormsg":"Unknown capability"}]}]',
    );
    assert.deepEqual([token.info.qid, token.info.ownertype, token.info.capabilities], [null, 'token', ['svcscript']]);
    assert.notEqual(token.info.connectionid, token.other_info.connectionid);
    for (const key of ['site', 'domain', 'integration_point_id', 'integration_point_type', 'roles', 'token'])
        assert.deepEqual(token.info[key], token.other_info[key], key);
    assert.deepEqual(token.script.qid, [1, { a: 2 }]);
    assert.deepEqual(token.script.data.variables.result, { startparam1: 'zażółć' });

    assert.deepEqual(user.setup.capabilities, [{ key: 'msg', result: 'ok' }, { key: 'nope', result: 'ok' }]);
    assert.deepEqual([user.wrong.result, user.wrong.errorcode], ['error', 1401]);
    assert.deepEqual([user.login.qid, user.login.result, user.login.register], [930293482233, 'ok', 'ok']);
    assert.deepEqual(user.login.capabilities, user.late.capabilities);
    assert.deepEqual(user.login.capabilities[1], { key: 'nope', result: 'error', errormsg: 'Unknown capability' });
    assert.equal(user.again.sessionid, user.login.sessionid);
});

test('a call to it', async (t) => {
    const server = await startServer({ t, config: eraConfig() });
    const child = spawn(python, [client, at(server, { answering: true })], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill());
    const exited = once(child, 'exit');
    const [line] = await within('its id', once(readline.createInterface({ input: child.stdout }), 'line'));
    const { connectionid } = JSON.parse(line);
    const answer = await server.backend.post(`/v1/connections/${connectionid}/call`, { name: 'ask_size', data: { unit: 35 } });
    assert.deepEqual([answer.status, answer.json.data], [200, { result: 'ok', w: 70 }], answer.text);
    assert.equal((await server.backend.request('DELETE', `/v1/connections/${connectionid}`)).status, 204);
    assert.deepEqual(await within('its end', exited), [0, null]);
});
