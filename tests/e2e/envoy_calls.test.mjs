// The Envoy door's HTTP side: signatures, spellings, errors, limits.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { BackEnd, account, envoyConfig, otherAccount, sign } from './lib/envoy.mjs';
import { ringback, startServer, temporaryDirectory } from './lib/server.mjs';

const body =
    '{"jsonrpc":"2.0","method":"get_envoy_token","id":"7","params":{"reusable_minutes":60,"Task":{"task_context":"order-4711","timeout":10}}}';
const signature =
    '3b5fa1644d6a2ce046d8259fe9815df1d48f6d57eda241e27b0c35f5559f65b5d3033fd642bedf018d36f67bf7217a96de1caa50cca2f0e7d0a550f2f816c3fe';

const start = (t, more) => startServer({ t, config: envoyConfig(more) });

test('signatures', async (t) => {
    const server = await start(t);
    const shop = new BackEnd(server);
    await t.test('the check value, by Node and by openssl', async () => {
        assert.equal(sign(body), signature);
        const file = path.join(temporaryDirectory(), 'body');
        writeFileSync(file, body);
        const { stdout } = await promisify(execFile)('openssl', ['dgst', '-sha512', '-hmac', account.secret, '-hex', file]);
        assert.equal(stdout.trim().split(' ').at(-1), signature);
        const answer = await shop.post(body, { sign: signature });
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.json.id, '7');
        assert.equal(answer.json.jsonrpc, '2.0');
        assert.match(answer.text, /"error":null/);
        assert.match(answer.json.result.task_id, /^[0-9a-f]{64}$/);
        assert.equal(answer.json.result.client_token, answer.json.result.envoy_token);
        assert.ok(Buffer.from(answer.json.result.client_token, 'base64').length >= 32);
    });
    await t.test('upper case, and any layout that was signed', async () => {
        assert.equal((await shop.post(body, { sign: signature.toUpperCase() })).status, 200);
        assert.equal((await shop.post(JSON.stringify(JSON.parse(body), null, 2).replaceAll('\n', '\r\n'))).status, 200);
    });
    const refusals = [
        ['one byte of the body', body.replace('4711', '4712'), { sign: signature }],
        ['one digit of the signature', body, { sign: signature.replace(/.$/, 'f') }],
        ['another account', body, { 'public-id': otherAccount.id, sign: signature }],
        ['no such account', body, { 'public-id': 'nobody', sign: signature }],
        ['no signature', body, { sign: '' }],
        ['half a signature', body, { sign: signature.slice(0, 64) }],
        ['not JSON either', '{', { sign: signature }],
    ];
    for (const [what, text, headers] of refusals)
        await t.test(`refused: ${what}`, async () => {
            const answer = await shop.post(text, headers);
            assert.equal(answer.status, 401, answer.text);
            assert.deepEqual([answer.json.error.code, answer.json.result, answer.json.id], [-32001, null, null]);
        });
    await t.test('a guarded account is not replayed', async () => {
        const rival = new BackEnd(server, otherAccount);
        assert.equal((await rival.post(body)).status, 200);
        assert.equal((await rival.post(body)).status, 401);
        assert.equal((await rival.post(body, { sign: sign(body, otherAccount.secret).toUpperCase() })).status, 401);
        assert.equal((await rival.post(body.replace('"7"', '"8"'))).status, 200);
        assert.equal((await shop.post(body)).status, 200, 'others may repeat themselves');
    });
});

test('accounts made beside the server', async (t) => {
    const server = await start(t);
    const made = await ringback('client', 'create', '--signing', '--data', server.data, '--tenant', 'demo', '--json');
    assert.equal(made.status, 0, made.stderr);
    const { public_id: id, secret } = JSON.parse(made.stdout);
    const backEnd = new BackEnd(server, { id, secret });
    assert.match((await backEnd.token('x')).task_id, /^[0-9a-f]{64}$/);
    const list = await ringback('client', 'list', '--data', server.data);
    assert.match(list.stdout, new RegExp(id));
    assert.ok(!list.stdout.includes(secret), 'a secret is shown once');
    assert.ok(!server.stderr.includes(secret));
    assert.equal((await ringback('client', 'revoke', '--data', server.data, '--tenant', 'demo', '--id', id)).status, 0);
});

test('spellings', async (t) => {
    const server = await start(t);
    const shop = new BackEnd(server);
    const { task_id } = await shop.token('spelled');
    const spellings = {
        'all capitals, no id': '{"Jsonrpc":"2.0","Method":"get_envoy_token","Params":{"envoy_task":{"task_context":"spelled"}}}',
        'no version': '{"method":"get_envoy_token","params":{"task":{"task_context":"spelled"}}}',
        'other cases': '{"METHOD":"get_envoy_token","PARAMS":{"TASK":{"Task_Context":"spelled","TIMEOUT":9}}}',
        'trailing commas': '{"method":"get_envoy_token","params":{"Task":{"task_context":"spelled",}, },\r\n}',
        'nulls': '{"method":"get_envoy_token","id":null,"params":{"reusable_minutes":null,"Task":{"task_context":"spelled","timeout":null}}}',
        'the documented one wins': '{"Method":"x","method":"get_envoy_token","params":{"envoy_task":{"task_context":"no"},"Task":{"task_context":"spelled"}}}',
        'unknown members': '{"method":"get_envoy_token","v":[1],"params":{"more":{},"Task":{"task_context":"spelled","x":1}}}',
    };
    for (const [what, text] of Object.entries(spellings))
        await t.test(what, async () => {
            const answer = await shop.post(text);
            assert.equal(answer.json.result?.task_id, task_id, answer.text);
        });
    await t.test('both paths, and without the slash', async () => {
        for (const path of ['/envoy/', '/envoy', '/envoy/api'])
            assert.equal((await new BackEnd(server, account, path).token('spelled')).task_id, task_id);
    });
    await t.test('the id comes back as it was', async () => {
        for (const id of ['2', 2, -1.5, true, null]) {
            const answer = await shop.call('get_envoy_token', { Task: { task_context: 1 } }, { id });
            assert.deepEqual(answer.json.id, id);
        }
    });
});

test('contexts', async (t) => {
    const server = await start(t);
    const shop = new BackEnd(server);
    const same = [
        ['text', 'a', 'a'],
        ['swapped keys', { a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 }],
        ['number', 4711, 4711],
    ];
    for (const [what, one, two] of same)
        await t.test(`the same: ${what}`, async () => {
            const [first, second] = [await shop.token(one), await shop.token(two)];
            assert.equal(first.task_id, second.task_id);
            assert.notEqual(first.client_token, second.client_token);
        });
    await t.test('others', async () => {
        const ids = [];
        for (const context of ['1', 1, [1], { 1: 1 }, 'a', 'A', true, '']) ids.push((await shop.token(context)).task_id);
        ids.push((await new BackEnd(server, otherAccount).token('1')).task_id);
        assert.equal(new Set(ids).size, ids.length);
    });
});

test('errors', async (t) => {
    const server = await start(t);
    const shop = new BackEnd(server);
    const { task_id } = await shop.token('e');
    const { task_id: rivals } = await new BackEnd(server, otherAccount).token('e');
    const task = (more) => ({ Task: { task_context: 'e', ...more } });
    const cases = [
        ['unknown method', 'get_token', {}, 200, -32601],
        ['no task', 'get_envoy_token', {}, 200, -32602],
        ['no context', 'get_envoy_token', { Task: {} }, 200, -32602],
        ['a negative timeout', 'get_envoy_token', task({ timeout: -1 }), 200, -32602],
        ['a timeout of nothing', 'get_envoy_token', task({ timeout: 0 }), 200, -32602],
        ['minutes as text', 'get_envoy_token', { ...task(), reusable_minutes: '60' }, 200, -32602],
        ['a flag as number', 'get_envoy_token', task({ single_instance: 1 }), 200, -32602],
        ['a large context', 'get_envoy_token', { Task: { task_context: 'x'.repeat(5000) } }, 413, -32013],
        ['no task_id', 'invoke_envoy', { message: 'm' }, 200, -32602],
        ['no message', 'invoke_envoy', { task_id }, 200, -32602],
        ['an empty message', 'invoke_envoy', { task_id, message: '' }, 200, -32602],
        ['a large message', 'invoke_envoy', { task_id, message: 'x'.repeat(130 * 1024) }, 413, -32013],
        ['an unknown task', 'invoke_envoy', { task_id: '0'.repeat(64), message: 'm' }, 200, -32004],
        ['no id at all', 'invoke_envoy', { task_id: '../x', message: 'm' }, 200, -32004],
        ['another account’s task', 'invoke_envoy', { task_id: rivals, message: 'm' }, 200, -32004],
    ];
    for (const [what, method, params, status, code] of cases)
        await t.test(what, async () => assert.deepEqual(await shop.error(method, params), [status, code]));
    for (const [what, text, status, code] of [
        ['not JSON', '{"method":', 400, -32700],
        ['two commas', '{"method":"get_envoy_token",,}', 400, -32700],
        ['a comma and nothing', '{,}', 400, -32700],
        ['nothing', '', 400, -32700],
        ['a batch', '[{"method":"get_envoy_token"}]', 400, -32600],
        ['no method', '{"params":{}}', 400, -32600],
        ['a large body', `{"method":"${'x'.repeat(300 * 1024)}"}`, 413, -32013],
    ])
        await t.test(what, async () => {
            const answer = await shop.post(text);
            assert.deepEqual([answer.status, answer.json.error.code], [status, code], answer.text);
            assert.equal(typeof answer.json.error.message, 'string');
        });
});

test('limits', async (t) => {
    const server = await startServer({ t, config: envoyConfig({ calls_per_second: 3, tokens_max: 2 }), args: ['--clock-control'] });
    const shop = new BackEnd(server);
    await shop.token('l');
    await shop.token('l');
    assert.deepEqual(await shop.error('get_envoy_token', { Task: { task_context: 'l' } }), [429, -32029]);
    const answer = await shop.call('invoke_envoy', {});
    assert.deepEqual([answer.status, answer.json.error.code, answer.headers['retry-after']], [429, -32029, '1']);
    await server.client.post('/test/clock', { advance_ms: 1000 });
    assert.deepEqual(await shop.error('invoke_envoy', {}), [200, -32602]);
});
