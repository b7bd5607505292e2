// The component "operation with websocket connection" as one call: what it sends, what comes back, how it ends.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Api } from './lib/api.mjs';
import { advance, eraConfig, newPoint, openToken, openUser } from './lib/era.mjs';
import { NativeSocket } from './lib/native_socket.mjs';
import { startServer, temporaryDirectory } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const shared = temporaryDirectory();
const worker = path.join(shared, 'operate');
mkdirSync(path.join(shared, 'deep', 'er'), { recursive: true });
writeFileSync(path.join(shared, 'notice.txt'), 'shared with all');
writeFileSync(path.join(shared, 'deep', 'er', 'file.bin'), 'far below');
symlinkSync('/etc/passwd', path.join(shared, 'link'));
symlinkSync('/etc', path.join(shared, 'etc'));
// A job that hands a file of its own over, and takes one: it calls with the token that it is lent.
writeFileSync(
    worker,
    `#!/bin/sh
call() { curl -sS -H "Authorization: Bearer $RINGBACK_TOKEN" "$RINGBACK_URL/era/v1/operation" -d "$1" && echo; }
dir=$(dirname "$RINGBACK_OUT")
echo "made by $RINGBACK_JOB" >"$dir/draft.txt"
call '{"operation":"websocktemp","conn":"'"$1"'","websocktempMethod":"put_file","websocktempFilePath":"draft.txt","websocktempFileName":"final.txt"}'
call '{"operation":"ws_temp_file","conn":"'"$1"'","filePath":"draft.txt"}'
call '{"operation":"websocktemp","conn":"'"$1"'","websocktempMethod":"get_file","websocktempFileName":"from_client.txt"}'
cat "$dir/from_client.txt" || cat "$RINGBACK_OUT/from_client.txt"
`,
);
chmodSync(worker, 0o755);

let server;
before(async () => {
    const capabilities = {
        desk: { families: ['user', 'token'], events: ['show'], requests: ['ask'] },
        phone: { families: ['token'], events: ['ring'] },
    };
    server = await startServer({
        args: ['--clock-control'],
        config: {
            threads: 2,
            ...eraConfig({ capabilities, shared, ping_interval: '1h', silence_max: '3h' }, { operate: { command: [worker, '{conn}'] } }),
        },
    });
});
after(() => server.stop());

const idOf = async (socket) => (await socket.ok('connection_info')).connectionid;

async function token(t, capabilities = ['msg'], ...rest) {
    const socket = await openToken(t, server, capabilities, ...rest);
    socket.id = await idOf(socket);
    return socket;
}

async function user(t, capabilities = ['desk']) {
    const socket = await openUser(t, server, capabilities);
    socket.id = await idOf(socket);
    return socket;
}

/** The outcome of what was understood. */
async function operate(body, api = server.backend) {
    const answer = await api.post('/era/v1/operation', body);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['cache-control'], 'no-store');
    return answer.json;
}

/** [transfer, error_code] */
async function failure(body, api) {
    const { transfer, error, ...rest } = await operate(body, api);
    assert.deepEqual(rest, {});
    assert.ok(error.error_message.length > 0);
    return [transfer, error.error_code];
}

async function result(body, api) {
    const outcome = await operate(body, api);
    assert.equal(outcome.transfer, 'transfer', JSON.stringify(outcome));
    return outcome.result;
}

/** The next message from the server, which must be a request; its parameters. */
async function asked(socket, name) {
    const [got, params] = await socket.next(name);
    assert.equal(got, name);
    assert.match(params.qid, /^rb-/);
    return params;
}

const ask = (conn, more = {}) => ({ operation: 'sendtokenmsg', conn, eventName: 'ask_size', syncMode: true, ...more });
const tell = (conn, more = {}) => ({ conn, eventName: 'job_done', ...more });
const late = ['transferTimeout', 1408];
const error = (code) => ['transferError', code];

// ---- messages ----

test('a message: its code and its content, untouched, and no reply', async (t) => {
    const socket = await token(t);
    const contents = ['{"job": "j-7",  "n": 0.1000, "qid": "mine"}', '[1, 2]', '"text"', '7', 'null'];
    for (const content of contents) {
        assert.deepEqual(await operate(`{"conn":"${socket.id}","eventName":"job_done","content":${content}}`), { transfer: 'transfer' });
        await socket.next();
        assert.equal(socket.texts.at(-1), `["job_done",${content}]`);
    }
    await operate(tell(socket.id));
    assert.equal((await socket.next())[0], 'job_done');
});

test('a request: the reply is the result, without its qid', async (t) => {
    const socket = await token(t);
    const outcome = operate(ask(socket.id, { content: { unit: 'mm', qid: 'not this' } }));
    const { qid, ...params } = await asked(socket, 'ask_size');
    assert.deepEqual(params, { unit: 'mm' });
    socket.send('ask_size_result', { qid, result: 'ok', w: 70 });
    assert.deepEqual(await outcome, { transfer: 'transfer', result: { result: 'ok', w: 70 } });
});

test('content may be JSON in a text, as scripts have it', async (t) => {
    const socket = await token(t);
    const outcome = operate(ask(socket.id, { syncMode: 'yes', content: '{"unit":"mm"}' }));
    const { qid, unit } = await asked(socket, 'ask_size');
    assert.equal(unit, 'mm');
    socket.send('ask_size_result', { qid, result: 'ok' });
    assert.equal((await outcome).transfer, 'transfer');
});

test('steps and variables of the scenario come back', async (t) => {
    const socket = await token(t);
    const steps = { resultVariable: 'w', errorVariable: 'e', transfer: 'on', transferError: 'off', timeoutSec: 0.1 };
    assert.deepEqual(await operate(tell(socket.id, steps)), { transfer: 'transfer', next: 'on', resultVariable: 'w', errorVariable: 'e' });
    const { error: why, ...rest } = await operate(ask(socket.id, steps));
    assert.deepEqual(rest, { transfer: 'transferTimeout', next: 'off', resultVariable: 'w', errorVariable: 'e' });
    assert.equal(why.error_code, 1408);
});

// ---- connections that do not answer as they should ----

test('a made-up id, a closed one, and one that is none', async (t) => {
    const socket = await token(t);
    const made = `${socket.id.slice(0, -1)}${socket.id.endsWith('A') ? 'B' : 'A'}`;
    await socket.close();
    for (const conn of [socket.id, made, 'c-81f', 'x'.repeat(500)])
        for (const body of [tell(conn), ask(conn), { conn, operation: 1, filePath: 'shared:notice.txt' }, { conn, operation: 2 }])
            assert.deepEqual(await failure(body), error(1404), conn);
});

test('it closes during the wait: at once', async (t) => {
    const socket = await token(t);
    const begun = performance.now();
    const outcome = failure(ask(socket.id, { timeoutSec: 3600 }));
    await asked(socket, 'ask_size');
    socket.terminate();
    assert.deepEqual(await outcome, error(1410));
    assert.ok(performance.now() - begun < 20_000);
});

test('a silent one: the time is over; then its reply is late', async (t) => {
    const socket = await token(t);
    const late_before = (await server.backend.get('/v1/connections/stats')).json.calls.late_replies;
    const outcome = failure(ask(socket.id, { timeoutSec: '0.2' }));
    const { qid } = await asked(socket, 'ask_size');
    assert.deepEqual(await outcome, late);
    socket.send('ask_size_result', { qid, result: 'ok' });
    await socket.ok('ping');
    const late_after = (await server.backend.get('/v1/connections/stats')).json.calls.late_replies;
    assert.equal(late_after, late_before + 1);
});

test('ten seconds, unless something else is said', async (t) => {
    const socket = await token(t);
    const outcome = failure(ask(socket.id));
    await asked(socket, 'ask_size');
    await advance(server, 9_000);
    await socket.ok('ping');
    let isOver = false;
    outcome.finally(() => (isOver = true));
    await server.backend.get('/livez');
    assert.equal(isOver, false);
    await advance(server, 1_500);
    assert.deepEqual(await outcome, late);
});

test('replies: the first counts; another name, another qid do not', async (t) => {
    const socket = await token(t);
    const outcome = operate(ask(socket.id));
    const { qid } = await asked(socket, 'ask_size');
    socket.send('ask_weight_result', { qid, result: 'ok', w: 1 });
    socket.send('ask_size', { qid, result: 'ok', w: 2 }); // a request of its own, which nobody knows
    assert.deepEqual((await socket.next()).slice(0, 1), ['ask_size_result']);
    socket.send('ask_size_result', { qid: 'rb-0-0', result: 'ok', w: 3 });
    socket.send('ask_size_result', { qid, result: 'ok', w: 4 });
    socket.send('ask_size_result', { qid, result: 'ok', w: 5 });
    assert.deepEqual(await outcome, { transfer: 'transfer', result: { result: 'ok', w: 4 } });
    const again = operate(ask(socket.id));
    const { qid: next } = await asked(socket, 'ask_size');
    assert.notEqual(next, qid);
    socket.send('ask_size_result', { qid: next, result: 'ok', w: 6 });
    assert.equal((await again).result.w, 6);
});

test('a reply that is an error is the error', async (t) => {
    const socket = await token(t);
    const outcome = operate(ask(socket.id));
    const { qid } = await asked(socket, 'ask_size');
    socket.send('ask_size_result', { qid, result: 'error', errormsg: 'no scale here' });
    assert.deepEqual(await outcome, { transfer: 'transferError', error: { error_code: 1500, error_message: 'no scale here' } });
});

test('64 requests wait at one connection, and no more', async (t) => {
    const socket = await token(t);
    const waiting = Array.from({ length: 64 }, () => operate(ask(socket.id)));
    const qids = [];
    for (let i = 0; i < 64; i++) qids.push((await asked(socket, 'ask_size')).qid);
    assert.equal(new Set(qids).size, 64);
    assert.deepEqual(await failure(ask(socket.id)), error(1429));
    for (const qid of qids) socket.send('ask_size_result', { qid, result: 'ok' });
    for (const outcome of await Promise.all(waiting)) assert.equal(outcome.transfer, 'transfer');
});

// ---- families and capabilities ----

test('directions: to which family, by which capability, with which code', async (t) => {
    const outside = await token(t, ['msg', 'desk']);
    const person = await user(t, ['desk']);
    const bare = await token(t, []);
    const event = { direction: 1, capabilityName: 'desk', eventName: 'show' };
    const rows = [
        [tell(person.id), 1400, 'direction 0 to a user'],
        [tell(person.id, event), 1400, 'direction 1 to a user'],
        [tell(outside.id, { ...event, direction: 2 }), 1400, 'direction 2 to an outside system'],
        [tell(bare.id), 1405, 'msg is not on'],
        [tell(bare.id, event), 1405, 'desk is not on'],
        [tell(outside.id, { ...event, capabilityName: 'phone', eventName: 'ring' }), 1405, 'phone is not on'],
        [tell(outside.id, { ...event, capabilityName: 'nope' }), 1405, 'nobody knows it'],
        [tell(outside.id, { ...event, eventName: 'hide' }), 1400, 'a code that is not declared'],
    ];
    for (const [body, code, why] of rows) assert.deepEqual(await failure(body), error(code), why);
    for (const [direction, socket] of [[1, outside], ['token_plugin_event', outside], [2, person], ['user api event', person]]) {
        assert.deepEqual(await operate(tell(socket.id, { ...event, direction, content: { on: direction } })), { transfer: 'transfer' });
        assert.deepEqual(await socket.next(), ['show', { on: direction }]);
    }
    await operate(tell(outside.id, { direction: 1, capabilityName: 'msg', eventName: 'anything' }));
    assert.equal((await outside.next())[0], 'anything');
    for (const [direction, socket] of [[1, outside], [2, person]]) {
        const outcome = operate(ask(socket.id, { direction, capabilityName: 'desk', eventName: 'ask' }));
        const { qid } = await asked(socket, 'ask');
        socket.send('ask_result', { qid, result: 'ok', yes: true });
        assert.deepEqual((await outcome).result, { result: 'ok', yes: true });
    }
});

test('a connection of another door takes messages, and has no capabilities', async (t) => {
    const socket = await NativeSocket.open(t, server);
    const { connection } = await socket.ask({ op: 'whoami' });
    assert.deepEqual(await operate(tell(connection, { content: { n: 1 } })), { transfer: 'transfer' });
    assert.deepEqual(await socket.next(), { op: 'message', name: 'job_done', data: { n: 1 } });
    const outcome = operate(ask(connection));
    const { call } = await socket.next();
    socket.send({ op: 'reply', call, data: { w: 70 } });
    assert.deepEqual(await outcome, { transfer: 'transfer', result: { w: 70 } });
    assert.deepEqual(await failure(tell(connection, { direction: 2, capabilityName: 'desk', eventName: 'show' })), error(1400));
    assert.deepEqual(await failure({ conn: connection, operation: 2 }), error(1400));
});

// ---- who may ----

test('a back end reaches all of its tenant, a client its own, nobody nothing', async (t) => {
    const socket = await token(t);
    const other = await newPoint(server, 'other-system');
    const stranger = await server.as('elsewhere', 'boss', '--role', 'backend');
    const bodies = [tell(socket.id), { conn: socket.id, operation: 1, filePath: 'shared:notice.txt' }, { conn: socket.id, operation: 2 }];
    for (const body of bodies) {
        assert.equal((await operate(body)).transfer, 'transfer');
        assert.equal((await operate(body, new Api(server.url, server.apiToken))).transfer, 'transfer');
        for (const api of [new Api(server.url, other.token), server.client, stranger]) assert.deepEqual(await failure(body, api), error(1404));
        for (const no of [null, 'rb_made_up', '01234567-89ab-4cde-8f01-23456789abcd']) {
            const answer = await server.client.post('/era/v1/operation', body, { token: no });
            assert.deepEqual([answer.status, answer.json.error_code], [401, 1401]);
        }
    }
});

test('what is not understood is 400', async (t) => {
    const socket = await token(t);
    const bodies = ['', '{', '[]', '{}', tell(socket.id, { eventName: '' }), tell(socket.id, { operation: 9 }), tell(undefined)];
    for (const body of bodies) {
        const answer = await server.backend.post('/era/v1/operation', body);
        assert.deepEqual([answer.status, answer.json.error_code], [400, 1400], JSON.stringify(body));
        assert.ok(answer.json.error_message.length > 0);
    }
    const big = await server.backend.post('/era/v1/operation', tell(socket.id, { content: 'x'.repeat(1024 * 1024) }));
    assert.deepEqual([big.status, big.json.error_code], [413, 1413]);
    const huge = await server.backend.post('/era/v1/operation', tell(socket.id, { content: 'x'.repeat(3 * 1024 * 1024) }));
    assert.deepEqual([huge.status, huge.json.error_code], [413, 1413]);
    const page = await server.backend.post('/era/v1/operation', tell(socket.id), { headers: { Origin: 'https://elsewhere.example' } });
    assert.deepEqual([page.status, page.json.error_code], [403, 1403]);
});

// ---- files ----

const link = (conn, filePath, more = {}) => ({ operation: 'ws_temp_file', conn, filePath, ...more });
const files = (conn, websocktempMethod, websocktempFileName, more = {}) => ({
    operation: 'websocktemp',
    conn,
    websocktempMethod,
    websocktempFileName,
    ...more,
});
const put = (conn, name, from) => files(conn, 'put_file', name, { websocktempFilePath: from });
const fetched = (url, options = {}) => server.client.request('GET', url, { token: null, ...options });

async function finished(kind, api = server.client) {
    return api.end((await api.start(kind)).id);
}

test('a public link: five minutes, for everybody', async (t) => {
    const socket = await token(t);
    const url = await result(link(socket.id, 'shared:notice.txt'));
    assert.match(url, /^\/temp\/[a-z2-7]{26,}\.txt$/);
    for (const wait of [0, 0, 299_000]) {
        await advance(server, wait);
        const got = await fetched(url);
        assert.deepEqual([got.status, got.text], [200, 'shared with all']);
    }
    const part = await fetched(url, { headers: { Range: 'bytes=7-10' } });
    assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, 'with', 'bytes 7-10/15']);
    const head = await server.client.request('HEAD', url, { token: null });
    assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '15', '']);
    assert.match(head.headers['content-disposition'], /filename="notice\.txt"/);
    await advance(server, 2_000);
    assert.equal((await fetched(url)).status, 404);
});

test('names of links are random, each another', async (t) => {
    const socket = await token(t);
    const urls = await Promise.all(Array.from({ length: 300 }, () => result(link(socket.id, 'shared:notice.txt'))));
    const names = urls.map((url) => url.slice('/temp/'.length, -'.txt'.length));
    assert.equal(new Set(names).size, 300);
    const counts = {};
    for (const character of names.join('')) counts[character] = (counts[character] ?? 0) + 1;
    assert.equal(Object.keys(counts).length, 32);
    const expected = names.join('').length / 32;
    const chi2 = Object.values(counts).reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    assert.ok(chi2 < 80, `31 degrees of freedom: ${chi2}`); // beyond 1 in 300,000
    for (let at = 0; at < names[0].length; at++) assert.ok(new Set(names.map((name) => name[at])).size > 20, `place ${at}`);
});

test('paths: files of jobs, what is shared, and nothing else', async (t) => {
    const socket = await token(t);
    const job = await finished('id');
    const own = await fetched(await result(link(socket.id, `job:${job.id}/id.txt`)));
    assert.equal(own.text, `result of ${job.id}\n`);
    assert.equal((await fetched(await result(link(socket.id, 'shared:deep/er/file.bin')))).text, 'far below');
    const absent = [`job:${job.id}/other.txt`, 'job:0000/id.txt', 'shared:missing', 'shared:link', 'shared:etc/passwd', 'shared:deep'];
    for (const filePath of absent) assert.deepEqual(await failure(link(socket.id, filePath)), error(1404), filePath);
    const wrong = ['/etc/passwd', 'id.txt', 'shared:../x', 'shared:/etc/passwd', 'shared:deep/../notice.txt', `job:${job.id}/../x`, 'job:x', ':SYNC/x'];
    for (const filePath of wrong) assert.deepEqual(await failure(link(socket.id, filePath)), error(1400), filePath);

    const outside = new Api(server.url, server.apiToken); // whose connection it is, but not whose job
    assert.deepEqual(await failure(link(socket.id, `job:${job.id}/id.txt`), outside), error(1404));
    const its = await finished('id', outside);
    assert.match(await result(link(socket.id, `job:${its.id}/id.txt`), outside), /^\/temp\//);
});

test("the session's directory: put, list, get, delete", async (t) => {
    for (const socket of [await user(t), await token(t)]) {
        assert.deepEqual(await result(files(socket.id)), []);
        const stored = await result(put(socket.id, 'a.txt', 'shared:notice.txt'));
        assert.deepEqual(stored, { name: 'a.txt', size: 15, status: 'ok' });
        await result(put(socket.id, 'b.bin', 'shared:deep/er/file.bin'));
        const listed = await result(files(socket.id, 'get_coll'));
        assert.deepEqual(listed.map(({ name, size }) => [name, size]), [['a.txt', 15], ['b.bin', 9]]);
        for (const { last_modified } of listed) assert.match(last_modified, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.equal((await result(put(socket.id, 'a.txt', 'shared:deep/er/file.bin'))).size, 9, 'a script replaces');
        const url = await result(files(socket.id, 'get_file', 'a.txt'));
        assert.match(url, /^\/temp\/.*\.txt$/);
        assert.equal((await fetched(url)).text, 'far below');
        assert.deepEqual(await result(files(socket.id, 'delete_file', 'a.txt')), { name: 'a.txt', status: 'ok' });
        for (const method of ['get_file', 'delete_file']) assert.deepEqual(await failure(files(socket.id, method, 'a.txt')), error(1404));
        assert.equal((await fetched(url)).text, 'far below', 'the link has its own copy');
        assert.deepEqual(await failure(put(socket.id, 'c', 'shared:missing')), error(1404));
        assert.deepEqual(await failure(put(socket.id, 'c', 'draft.txt')), error(1400));
    }
});

test('a worker: bare names are in its directory, copies come there', async (t) => {
    const socket = await user(t);
    await result(put(socket.id, 'from_client.txt', 'shared:notice.txt'));
    const started = await server.backend.start('operate', { conn: socket.id });
    const job = await server.backend.end(started.id);
    const log = (await server.backend.get(`/v1/jobs/${job.id}/log`)).text;
    const outcomes = log.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    assert.equal(outcomes.length, 3, log);
    assert.deepEqual(outcomes[0], { transfer: 'transfer', result: { name: 'final.txt', size: 9 + job.id.length, status: 'ok' } });
    assert.equal((await fetched(outcomes[1].result)).text, `made by ${job.id}\n`);
    assert.deepEqual(outcomes[2], { transfer: 'transfer', result: `job:${job.id}/from_client.txt` });
    assert.match(log, /shared with all/);
});

test('time for files: given, it counts', async (t) => {
    const socket = await token(t);
    assert.match(await result(link(socket.id, 'shared:notice.txt', { timeoutSec: 3600 })), /^\/temp\//);
    const answer = await server.backend.post('/era/v1/operation', link(socket.id, 'shared:notice.txt', { timeoutSec: 0 }));
    assert.equal(answer.status, 400);
});

test('who asked is gone: the reply finds nobody, and nothing breaks', async (t) => {
    const socket = await token(t);
    const gone = new AbortController();
    const pending = fetch(`${server.url}/era/v1/operation`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${server.backendToken}` },
        body: JSON.stringify(ask(socket.id)),
        signal: gone.signal,
    }).catch((failed) => failed);
    const { qid } = await asked(socket, 'ask_size');
    gone.abort();
    await pending;
    await until(async () => (await server.backend.get('/livez')).status === 200, 'it to live');
    socket.send('ask_size_result', { qid, result: 'ok' });
    await socket.ok('ping');
    assert.deepEqual(await operate(tell(socket.id)), { transfer: 'transfer' });
});
