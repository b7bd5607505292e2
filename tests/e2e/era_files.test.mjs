// websocktemp: the files of a session, over HTTP.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { formOf, isName, nameOfForm, nameOfRawPath, names, pathOf, rawPaths, treeOf } from './lib/abuse.mjs';
import { Api } from './lib/api.mjs';
import { advance, eraConfig, newPoint, openToken, openUser } from './lib/era.mjs';
import { RawConnection } from './lib/raw.mjs';
import { startServer } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const target = '/rest/v1/fs/targets/websocktemp';

let server;
before(async () => {
    server = await startServer({
        args: ['--clock-control'],
        config: {
            threads: 2,
            files: { scratch_quota: '1MiB', scratch_files: 40, upload_max: '2MiB' },
            http: { body_timeout: '10m' },
            ...eraConfig({ ping_interval: '1h', silence_max: '3h' }),
        },
    });
    writeFileSync(path.join(server.dir, 'x'), 'not yours'); // what the simplest ways out would hit
});
after(() => server.stop());

const stored = () => readdirSync(path.join(server.data, 'scratch'));
const spooled = () => readdirSync(path.join(server.data, 'spool'));

/** Requests with a session's id as bearer. */
const as = (id) => new Api(server.url, id);

async function user(t, who) {
    const socket = await openUser(t, server, [], who);
    socket.api = as(socket.session);
    return socket;
}

/** A multipart body of these parts: [file name (text or bytes), contents]; field: of all of them. */
function form(parts, { field = 'filename', bare = false } = {}) {
    const head = (name) =>
        Buffer.concat([
            Buffer.from(`--edge\r\nContent-Disposition: form-data; name="${field}"; filename="`),
            formOf(Buffer.from(name)),
            Buffer.from(bare ? '"\r\n\r\n' : '"\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n'),
        ]);
    const bodies = parts.flatMap(([name, contents]) => [head(name), Buffer.from(contents), Buffer.from('\r\n')]);
    return { body: Buffer.concat([...bodies, Buffer.from('--edge--\r\n')]), headers: { 'Content-Type': 'multipart/form-data; boundary=edge' } };
}

const upload = (api, parts, options = {}) => api.post(target, undefined, { ...form(parts, options), ...options.request });
const replace = (api, name, body, options = {}) => api.request('PUT', `${target}/${pathOf(Buffer.from(name))}`, { body, ...options });
const listed = async (api, query = '') => (await api.get(target + query)).json;

function assertError(answer, status, code = 1000 + status) {
    assert.deepEqual([answer.status, answer.json?.error_code], [status, code], answer.text);
    assert.equal(typeof answer.json.error_message, 'string');
}

// ---- what it is for ----

test('several files at once, read, replaced, deleted', async (t) => {
    const { api } = await user(t);
    const posted = await upload(api, [['a.txt', 'first'], ['b.bin', 'second one'], ['\u00e4 \u20ac.txt', '']]);
    assert.equal(posted.status, 200, posted.text);
    assert.deepEqual(posted.json, [
        { name: 'a.txt', size: 5, status: 'ok' },
        { name: 'b.bin', size: 10, status: 'ok' },
        { name: '\u00e4 \u20ac.txt', size: 0, status: 'ok' },
    ]);

    const got = await api.get(`${target}/a.txt`);
    assert.deepEqual([got.status, got.text, got.headers['content-type']], [200, 'first', 'text/plain; charset=utf-8']);
    assert.match(got.headers['content-disposition'], /^attachment; filename="a\.txt"/);
    assert.equal(got.headers['accept-ranges'], 'bytes');
    assert.match(got.headers['last-modified'], /GMT$/);
    const part = await api.get(`${target}/b.bin`, { headers: { Range: 'bytes=7-' } });
    assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, 'one', 'bytes 7-9/10']);
    assert.equal((await api.get(`${target}/b.bin`, { headers: { Range: 'bytes=10-' } })).status, 416);

    const put = await replace(api, 'a.txt', 'another');
    assert.deepEqual([put.status, put.json], [200, { name: 'a.txt', size: 7, status: 'ok' }]);
    const again = await api.get(`${target}/a.txt`);
    assert.equal(again.text, 'another');
    assert.notEqual(again.headers.etag, got.headers.etag);
    const known = await api.get(`${target}/a.txt`, { headers: { 'If-None-Match': again.headers.etag } });
    assert.deepEqual([known.status, known.text], [304, '']);

    const removed = await api.delete(`${target}/a.txt`);
    assert.deepEqual([removed.status, removed.text], [204, '']);
    for (const method of ['GET', 'DELETE']) assertError(await api.request(method, `${target}/a.txt`), 404);
    assert.equal((await api.request('HEAD', `${target}/a.txt`)).status, 404);
});

test('HEAD says what GET would', async (t) => {
    const { api } = await user(t);
    await upload(api, [['page.html', '<p>']]);
    const [head, get] = [await api.request('HEAD', `${target}/page.html`), await api.get(`${target}/page.html`)];
    assert.deepEqual([head.status, head.text], [200, '']);
    for (const name of ['content-length', 'content-type', 'last-modified', 'etag', 'accept-ranges', 'content-disposition']) {
        assert.ok(head.headers[name], name);
        assert.equal(head.headers[name], get.headers[name], name);
    }
});

test('to be shown in the browser, but never as a page of ours', async (t) => {
    const { api } = await user(t);
    await upload(api, [['page.html', '<script>alert(1)</script>']]);
    for (const [query, kind] of [['', 'attachment'], ['?type=attachment', 'attachment'], ['?type=other', 'attachment'], ['?type=inline', 'inline']]) {
        const { headers } = await api.get(`${target}/page.html${query}`);
        assert.equal(headers['content-disposition'].split(';')[0], kind, query);
        assert.equal(headers['content-security-policy'], kind === 'inline' ? 'sandbox' : undefined, query);
        assert.equal(headers['x-content-type-options'], 'nosniff');
    }
});

test('lists: filter, mask, order, offset, limit', async (t) => {
    const { api } = await user(t);
    assert.deepEqual(await listed(api), []);
    await upload(api, [['b', '22'], ['a', '1'], ['c', '22']]);
    const all = await listed(api);
    assert.deepEqual(all.map(({ name, size }) => [name, size]), [['a', 1], ['b', 2], ['c', 2]]);
    for (const { last_modified } of all) assert.match(last_modified, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const query = (parameters) => `?${new URLSearchParams(parameters)}`;
    const rows = [
        [{ mask: 'name' }, [{ name: 'a' }, { name: 'b' }, { name: 'c' }]],
        [{ mask: 'size,name', order: '["-size","-name"]' }, [{ name: 'c', size: 2 }, { name: 'b', size: 2 }, { name: 'a', size: 1 }]],
        [{ mask: 'name', order: '[{"size":"desc"},"name"]', limit: 2 }, [{ name: 'b' }, { name: 'c' }]],
        [{ mask: 'name', offset: 1, limit: 1 }, [{ name: 'b' }]],
        [{ mask: 'name', offset: 7 }, []],
        [{ mask: 'name', filter: '["==",["property","size"],2]' }, [{ name: 'b' }, { name: 'c' }]],
        [{ mask: 'name', filter: '["and",["<",["property","size"],2],["like",["property","name"],"%a%"]]' }, [{ name: 'a' }]],
    ];
    for (const [parameters, expected] of rows) assert.deepEqual(await listed(api, query(parameters)), expected, JSON.stringify(parameters));
    const wrong = [{ mask: 'owner' }, { order: 'name' }, { limit: 0 }, { offset: 'x' }, { filter: '{' }, { filter: '["==",["property","owner"],1]' }];
    for (const parameters of wrong) assertError(await api.get(target + query(parameters)), 400);
});

// ---- what can go wrong with uploads ----

test('a name that is taken: the others are stored, and it is not overwritten', async (t) => {
    const { api } = await user(t);
    await upload(api, [['taken', 'first']]);
    const answer = await upload(api, [['taken', 'second'], ['fresh', 'x']]);
    assert.equal(answer.status, 200);
    const [{ error_message, ...failed }, good] = answer.json;
    assert.deepEqual(failed, { name: 'taken', status: 'error', error_code: 1409 });
    assert.ok(error_message.length > 0);
    assert.deepEqual(good, { name: 'fresh', size: 1, status: 'ok' });
    assert.equal((await api.get(`${target}/taken`)).text, 'first');
    assertError(await upload(api, [['taken', 'third']]), 409);
    const twice = await upload(api, [['twice', '1'], ['twice', '2']]);
    assert.deepEqual(twice.json.map(({ status }) => status), ['ok', 'error']);
});

test('nothing was stored: the status says it', async (t) => {
    const { api } = await user(t);
    assertError(await upload(api, [['a/b', 'x']]), 400);
    assertError(await upload(api, [['', 'x'], ['..', 'x']]), 400);
    assertError(await upload(api, [['big', 'x'.repeat(1024 * 1024 + 1)]]), 413);
    assertError(await upload(api, [['huge', 'x'.repeat(2 * 1024 * 1024)]]), 413);
    assertError(await api.post(target, undefined, { body: '--edge--\r\n', headers: form([]).headers }), 400);
    assertError(await api.post(target, 'just bytes', { headers: { 'Content-Type': 'application/octet-stream' } }), 400);
    assertError(await api.post(target, 'x', { headers: { 'Content-Type': 'multipart/form-data' } }), 400);
    assert.deepEqual(await listed(api), []);
    assert.deepEqual(spooled(), []);
});

test('the quota: of bytes and of files', async (t) => {
    const { api } = await user(t);
    const half = 'x'.repeat(600_000);
    const answer = await upload(api, [['one', half], ['two', half], ['three', 'small']]);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json.map(({ status, error_code }) => error_code ?? status), ['ok', 1413, 'ok']);
    assertError(await replace(api, 'three', half), 413);
    assert.equal((await replace(api, 'one', 'y'.repeat(1_000_000))).status, 200, 'what it replaces does not count');
    assert.equal((await api.get(`${target}/three`)).text, 'small');
    const many = await upload(api, Array.from({ length: 40 }, (_, i) => [`n${i}`, '']));
    assert.deepEqual(many.json.filter(({ status }) => status === 'ok').length, 38);
    assert.ok(many.json.slice(38).every(({ error_code }) => error_code === 1413));
});

test('a body that breaks off leaves whole files, and no part of one', async (t) => {
    const { api, session } = await user(t);
    const { body } = form([['whole', 'all of it'], ['part', 'p'.repeat(400_000)]]);
    const head = (length) =>
        `POST ${target} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${session}\r\nContent-Type: multipart/form-data; boundary=edge\r\n` +
        `Content-Length: ${length}\r\n\r\n`;
    const broken = await RawConnection.open(t, server.port);
    broken.send(Buffer.concat([Buffer.from(head(body.length)), body.subarray(0, 390_000)]));
    await until(async () => (await listed(api)).length === 1, 'the first file');
    assert.deepEqual((await listed(api, '?mask=name,size')), [{ name: 'whole', size: 9 }]);
    broken.tcp.resetAndDestroy();
    await until(() => spooled().length === 0, 'what was left to be removed');
    assert.deepEqual(await listed(api, '?mask=name'), [{ name: 'whole' }]);

    // Complete as a body, cut short as a form: in the middle of a file, and between two.
    const { body: two } = form([['next', 'n'], ['part', 'p'.repeat(1000)]]);
    const { body: one } = form([['last', 'l']]);
    const broke = [undefined, 1400];
    for (const [cut, expected] of [[two.subarray(0, 700), [['next', 'ok'], ['part', 1400], broke]], [one.subarray(0, -4), [['last', 'ok'], broke]]]) {
        const short = await RawConnection.open(t, server.port);
        short.send(Buffer.concat([Buffer.from(head(cut.length)), cut]));
        const answer = await short.answer();
        assert.equal(answer.status, 200, answer.body);
        assert.deepEqual(JSON.parse(answer.body).map(({ name, status, error_code }) => [name, error_code ?? status]), expected);
    }
    assert.deepEqual(await listed(api, '?mask=name'), [{ name: 'last' }, { name: 'next' }, { name: 'whole' }]);
    assert.deepEqual(spooled(), []);
});

test('PUT: only what is there, in one step, as it is or as a form of one part', async (t) => {
    const { api } = await user(t);
    assertError(await replace(api, 'missing', 'x'), 404);
    assertError(await replace(api, 'missing', form([['missing', 'x']]).body, { headers: form([]).headers }), 404);
    await upload(api, [['file', 'old']]);
    const { body, headers } = form([['whatever it is called', 'from a form']], { bare: true, field: 'x' });
    assert.deepEqual((await replace(api, 'file', body, { headers })).json, { name: 'file', size: 11, status: 'ok' });
    assert.equal((await api.get(`${target}/file`)).text, 'from a form');
    for (const parts of [[], [['a', '1'], ['b', '2']]]) {
        const several = form(parts);
        assertError(await replace(api, 'file', several.body, several), 400);
    }
    assert.equal((await api.get(`${target}/file`)).text, 'from a form');
    assert.equal((await replace(api, 'file', '')).json.size, 0);
    assert.deepEqual(spooled(), []);
});

// ---- whose they are ----

test('only who has the session, with a WebSocket of it', async (t) => {
    const [mine, other] = [await user(t), await user(t)];
    await upload(mine.api, [['secret', 'mine']]);
    assertError(await other.api.get(`${target}/secret`), 404);
    assert.deepEqual(await listed(other.api), []);
    const everything = [['GET', ''], ['POST', ''], ['GET', '/secret'], ['PUT', '/secret'], ['DELETE', '/secret']];
    const loggedIn = await server.client.post('/rest/v1/iam/sessions', { domain: 'demo', ...server.user, session_type: 'token' }, { token: null });
    for (const [method, name] of everything) {
        const options = method === 'POST' ? form([['x', 'x']]) : { body: method === 'PUT' ? 'x' : undefined };
        assertError(await server.client.request(method, target + name, { ...options, token: null }), 401);
        assertError(await as('rb_made_up_token').request(method, target + name, options), 401);
        assertError(await as(loggedIn.json.session_token).request(method, target + name, options), 409);
        assertError(await mine.api.request(method, target + name, { ...options, headers: { ...options.headers, Origin: 'https://evil.example' } }), 403);
    }
    assert.equal((await mine.api.get(`${target}/secret`)).text, 'mine');
    assert.deepEqual(spooled(), []);
});

test('by cookie, under either name', async (t) => {
    const { api, session } = await user(t);
    await upload(api, [['a', '1']]);
    for (const name of ['RSessionId', 'RSession']) {
        const answer = await server.client.get(`${target}/a`, { token: null, headers: { Cookie: `x=y; ${name}=${session}` } });
        assert.deepEqual([answer.status, answer.text], [200, '1'], name);
    }
    const sent = await upload(server.client, [['b', '2']], { request: { token: null, headers: { ...form([]).headers, Cookie: `RSessionId=${session}` } } });
    assert.equal(sent.status, 200, sent.text);
});

test('an outside system: its token, and which connection', async (t) => {
    const socket = await openToken(t, server);
    const { connectionid, sessionid } = await socket.ok('connection_info');
    const outside = as(server.apiToken);
    const query = `?connectionid=${connectionid}`;
    const { body, headers } = form([['a', 'from outside']]);
    const posted = await outside.post(target + query, body, { headers });
    assert.deepEqual(posted.json, [{ name: 'a', size: 12, status: 'ok' }]);
    assert.equal((await outside.get(`${target}/a${query}`)).text, 'from outside');
    assert.equal((await server.backend.get(`${target}/a${query}`)).text, 'from outside');
    assert.equal((await as(sessionid).get(`${target}/a`)).text, 'from outside');
    assert.equal((await outside.request('PUT', `${target}/a${query}`, { body: 'again' })).status, 200);
    assert.equal((await outside.delete(`${target}/a${query}`)).status, 204);

    const stranger = as((await newPoint(server, 'stranger')).token);
    for (const [api, on, status] of [
        [outside, '', 400],
        [outside, '?connectionid=x', 404],
        [stranger, query, 404],
        [server.client, query, 404],
        [await server.as('elsewhere', 'boss', '--role', 'backend'), query, 404],
    ]) {
        assertError(await api.get(target + on), status);
        assertError(await api.post(target + on, body, { headers }), status);
        assertError(await api.request('PUT', `${target}/a${on}`, { body: 'x' }), status);
    }
    await socket.close();
    await until(async () => (await outside.get(target + query)).status === 404, 'the connection to be gone');
    assert.deepEqual(spooled(), []);
});

// ---- how long they are there ----

/** When the files of former sessions are gone. */
async function tidied() {
    await advance(server, 31_000);
    await until(() => stored().length === 0, 'former files to be gone');
}

/** When the server has seen the socket's end: no files without one. */
const deserted = (api) => until(async () => (await api.get(target)).status === 409, 'the session to have no socket');

test('a second socket of the session keeps them when the first closes', async (t) => {
    const first = await user(t);
    const second = await openUser(t, server, [], { rsessionid: first.session });
    assert.equal(second.session, first.session);
    await upload(first.api, [['kept', 'x']]);
    await first.close();
    await advance(server, 60_000);
    assert.equal((await first.api.get(`${target}/kept`)).text, 'x');
});

test('back within 29 s: they are there; after 31 s: they are gone', async (t) => {
    await tidied();
    const first = await user(t);
    await upload(first.api, [['kept', 'x']]);
    assert.equal(stored().length, 1);
    await first.close();
    await deserted(first.api);
    await advance(server, 29_000);
    assertError(await first.api.get(`${target}/kept`), 409);
    const second = await openUser(t, server, [], { rsessionid: first.session });
    assert.equal((await first.api.get(`${target}/kept`)).text, 'x');
    await advance(server, 60_000);
    assert.equal((await first.api.get(`${target}/kept`)).text, 'x');

    await second.close();
    await deserted(first.api);
    await advance(server, 31_000);
    await openUser(t, server, [], { rsessionid: first.session });
    assert.deepEqual(await listed(first.api), []);
    await until(() => stored().length === 0, 'the file to be gone');
});

test('logging out takes them along', async (t) => {
    await tidied();
    const socket = await user(t);
    await upload(socket.api, [['x', 'x']]);
    assert.equal(stored().length, 1);
    assert.equal((await socket.api.delete('/rest/v1/iam/sessions/current')).status, 204);
    assertError(await socket.api.get(target), 401);
    socket.terminate();
    await until(async () => {
        await advance(server, 1_000);
        return stored().length === 0;
    }, 'the file to be gone');
});

test('what comes in after the end of its session is not kept', async (t) => {
    await tidied();
    for (const end of ['logout', 'desertion']) {
        const socket = end === 'logout' ? await user(t) : await openToken(t, server);
        const { connectionid, sessionid } = await socket.ok('connection_info');
        const { body } = form([['late', 'l'.repeat(1000)]]);
        const authorization = end === 'logout' ? sessionid : server.apiToken;
        const raw = await RawConnection.open(t, server.port);
        raw.send(
            `POST ${target}?connectionid=${connectionid} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${authorization}\r\n` +
                `Content-Type: multipart/form-data; boundary=edge\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
        );
        await raw.until(/100 Continue\r\n\r\n/);
        if (end === 'logout') await socket.api.delete('/rest/v1/iam/sessions/current');
        await socket.close();
        await until(async () => {
            await advance(server, 1_000);
            return [401, 404].includes((await as(authorization).get(`${target}?connectionid=${connectionid}`)).status);
        }, 'the session to be over');
        await advance(server, end === 'logout' ? 2_000 : 40_000);
        await server.backend.get('/livez');
        raw.send(body);
        assert.equal((await raw.answer()).status, 200, end);
        await until(() => stored().length === 0, `the file to be gone (${end})`);
        await advance(server, 181_000);
    }
});

test('a download goes on although the file is replaced, or deleted', async (t) => {
    const { api, session } = await user(t);
    const content = 'y'.repeat(1_000_000);
    await upload(api, [['long', content]]);
    const raw = await RawConnection.open(t, server.port);
    raw.tcp.pause();
    raw.send(`GET ${target}/long HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${session}\r\n\r\n`);
    await replace(api, 'long', 'short');
    await api.delete(`${target}/long`);
    raw.tcp.resume();
    const answer = await raw.answer();
    assert.ok(answer.status === 404 || answer.body === content || answer.body === 'short', `${answer.status} ${answer.body.length}`);
});

// ---- names with which nobody means well ----

/** All that is not of scratches. */
const outside = () => treeOf(server.dir, { without: /^data\/(scratch|spool)\// });

for (const group of new Set(names.map((name) => name.group)))
    test(`names in forms: ${group}`, async (t) => {
        const { api } = await user(t);
        const before = [outside(), stored().length];
        for (const { bytes } of names.filter((one) => one.group === group)) {
            const meant = nameOfForm(formOf(bytes));
            const what = `${JSON.stringify(bytes.toString())} (${bytes.toString('hex')})`.slice(0, 200);
            const answer = await upload(api, [[bytes, `contents of ${what}`]]);
            if (isName(meant)) {
                assert.equal(answer.status, 200, `${what}: ${answer.text}`);
                assert.equal(answer.json[0].name, meant.toString(), what);
                const file = `${target}/${pathOf(meant)}`;
                assert.equal((await api.get(file)).text, `contents of ${what}`, what);
                assert.equal((await replace(api, meant, 'new')).status, 200, what);
                assert.equal((await api.delete(file)).status, 204, what);
            } else {
                assert.equal(answer.status, 400, `${what}: ${answer.status} ${answer.text}`);
            }
            assert.deepEqual(await listed(api), [], what);
        }
        assert.deepEqual([outside(), stored().length], before);
        assert.deepEqual(spooled(), []);
    });

test('names in paths, coded once, twice, wrongly or not at all', async (t) => {
    const { api, session } = await user(t);
    const before = outside();
    for (const raw of rawPaths) {
        const meant = nameOfRawPath(raw);
        if (meant) await upload(api, [[meant, 'here']]);
        const connection = await RawConnection.open(t, server.port);
        connection.send(`GET ${target}/${raw} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${session}\r\n\r\n`);
        const answer = await connection.answer();
        connection.tcp.destroy();
        if (meant) assert.deepEqual([answer.status, answer.body], [200, 'here'], raw);
        else assert.ok([400, 404].includes(answer.status), `${raw}: ${answer.status}`);
        if (meant) await api.delete(`${target}/${pathOf(meant)}`);
        assert.deepEqual(await listed(api), [], raw);
    }
    assert.deepEqual(outside(), before);
});

// ---- guessing ----

test('made-up session ids are counted', async (t) => {
    await advance(server, 181_000);
    const { api } = await user(t);
    const made = (i) => as(`0000000${i}-89ab-4cde-8f01-23456789abcd`);
    for (let i = 0; i < 5; i++) assertError(await made(i).get(target), 401);
    const braked = await made(6).get(target);
    assertError(braked, 429);
    assert.ok(Number(braked.headers['retry-after']) > 100);
    assert.equal((await api.get(target)).status, 200, 'who has one is served');
    await advance(server, 181_000);
    assertError(await made(7).get(target), 401);
});
