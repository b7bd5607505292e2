// What no client of scratch directories can do: reach anything else, leave anything behind, show anything half done.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isName, nameOfRawPath, names, pathOf, rawPaths, treeOf } from './lib/abuse.mjs';
import { assertProblem } from './lib/api.mjs';
import { NativeSocket } from './lib/native_socket.mjs';
import { RawConnection } from './lib/raw.mjs';
import { startServer, temporaryDirectory } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
before(async () => {
    server = await startServer({ config: { threads: 2, files: { scratch_quota: '1MiB', upload_max: '2MiB' }, jobs: {} } });
    writeFileSync(path.join(server.dir, 'x'), 'not yours'); // what the simplest ways out would hit
    writeFileSync(path.join(server.data, 'x'), 'not yours');
});
after(() => server.stop());

async function connect(t, on = server) {
    const socket = await NativeSocket.open(t, on);
    socket.id = (await socket.ask({ op: 'whoami' })).connection;
    return socket;
}

/** As the bytes are, with no library between. */
async function ask(t, method, target, body, on = server) {
    const raw = await RawConnection.open(t, on.port);
    const length = body === undefined ? '' : `Content-Length: ${body.length}\r\n`;
    raw.send(`${method} ${target} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${on.token}\r\n${length}\r\n${body ?? ''}`);
    const answer = await raw.answer();
    raw.tcp.destroy();
    return answer;
}

/** All that is not of scratches. */
const outside = () => treeOf(server.dir, { without: /^data\/(scratch|spool)\// });
const spooled = () => readdirSync(path.join(server.data, 'spool'));
const stored = () => readdirSync(path.join(server.data, 'scratch'));

const list = async (id) => (await server.client.get(`/v1/scratch/${id}`)).json.files.map(({ name }) => name);

/** Puts, reads and deletes at the target; meant: the name that it is there as, null when it must be refused. */
async function tryOut(t, id, target, meant, what) {
    const content = `contents of ${encodeURIComponent(what)}`;
    const before = outside();
    const put = await ask(t, 'PUT', target, content);
    const got = await ask(t, 'GET', target);
    if (meant === null) {
        assert.ok([400, 404, 405].includes(put.status), `PUT ${what}: ${put.status} ${put.body}`);
        assert.ok([400, 404].includes(got.status) || !got.body.includes('not yours'), `GET ${what}: ${got.status}`);
        assert.deepEqual(await list(id), [], what);
        assert.deepEqual(stored(), [], what);
    } else {
        assert.equal(put.status, 201, `${what}: ${put.body}`);
        assert.equal(got.status, 200, what);
        assert.equal(got.body, content, what);
        assert.deepEqual(await list(id), [meant.toString()], what);
        assert.equal(stored().length, 1, what);
        assert.match(stored()[0], /^[0-9a-f]{16}$/);
    }
    assert.deepEqual(outside(), before, what);
    const removed = await ask(t, 'DELETE', target);
    if (meant === null) assert.ok([400, 404, 405].includes(removed.status), `DELETE ${what}: ${removed.status}`);
    else assert.equal(removed.status, 204, what);
    assert.deepEqual([stored(), spooled()], [[], []], what);
    assert.deepEqual(outside(), before, what);
}

test('the table is right about itself, and long enough', () => {
    assert.ok(names.length >= 200);
    assert.ok(names.filter((name) => name.isName).length >= 100 && names.filter((name) => !name.isName).length >= 100);
    for (const name of names) assert.equal(isName(name.bytes), name.isName, `${name.group}: ${JSON.stringify(name.bytes.toString())}`);
});

for (const group of new Set(names.map((name) => name.group)))
    test(`names: ${group}`, async (t) => {
        const { id } = await connect(t);
        for (const name of names.filter((one) => one.group === group)) {
            const what = `${group} ${JSON.stringify(name.bytes.toString())} (${name.bytes.toString('hex')})`.slice(0, 200);
            await tryOut(t, id, `/v1/scratch/${id}/${pathOf(name.bytes)}`, name.isName ? name.bytes : null, what);
        }
    });

test('names: as they may be written in a path', async (t) => {
    const { id } = await connect(t);
    for (const raw of rawPaths) await tryOut(t, id, `/v1/scratch/${id}/${raw}`, nameOfRawPath(raw), `path ${JSON.stringify(raw)}`);
});

test('ids: only live connections and sessions have a scratch', async (t) => {
    const { id } = await connect(t);
    const before = outside();
    const ids = ['..', '.', '%2e%2e', '%2e', '..%2f', '%00', '', 'A'.repeat(24), 'A'.repeat(23), 'A'.repeat(300), `${id}x`, `x${id}`];
    const more = [id.slice(1), id.toLowerCase(), `${id}%00`, `${id}%2f..`, '00000000-0000-4000-8000-000000000000', 'null', '*', '%20'];
    for (const other of [...ids, ...more])
        for (const method of ['GET', 'PUT', 'DELETE']) {
            if (other === id) continue;
            const answer = await ask(t, method, `/v1/scratch/${other}/x`, method === 'PUT' ? 'x' : undefined);
            assert.ok([400, 404].includes(answer.status), `${method} ${other}: ${answer.status}`);
        }
    assert.deepEqual([outside(), stored(), spooled()], [before, [], []]);
});

// ---- uploads that do not come to their end ----

/** A PUT of which only the first bytes have come: {raw, send(text)}. */
async function begin(t, target, length, text) {
    const raw = await RawConnection.open(t, server.port);
    const framing = length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`;
    raw.send(`PUT ${target} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${server.token}\r\n${framing}\r\n\r\n${text}`);
    return raw;
}

const half = 'h'.repeat(300_000); // more than one block that is written

for (const [what, length, first] of [
    ['with a length', 600_000, half],
    ['in chunks', 'chunked', `${half.length.toString(16)}\r\n${half}\r\n`],
])
    test(`a slow upload ${what} is seen by nobody, and leaves nothing when it breaks`, async (t) => {
        const { id } = await connect(t);
        const target = `/v1/scratch/${id}/slow.bin`;
        const before = outside();
        const put = await begin(t, target, length, first);
        await until(() => spooled().length === 1, 'the upload to begin');
        assert.deepEqual(await list(id), []);
        assertProblem(await server.client.get(target), 404, 'not_found');
        assert.deepEqual(stored(), []);
        put.tcp.resetAndDestroy();
        await until(() => spooled().length === 0, 'what was left to be removed');
        assert.deepEqual([await list(id), stored(), outside()], [[], [], before]);

        await server.client.request('PUT', target, { body: 'the old' });
        const again = await begin(t, target, length, first);
        await until(() => spooled().length === 1, 'the upload to begin');
        assert.equal((await server.client.get(target)).text, 'the old');
        again.tcp.end(); // only its half: no more will come
        await until(() => spooled().length === 0, 'what was left to be removed');
        assert.equal((await server.client.get(target)).text, 'the old');
        assert.equal(stored().length, 1);
        await server.client.delete(target);
    });

test('uploads that are refused leave nothing, however they are refused', async (t) => {
    const { id } = await connect(t);
    const target = `/v1/scratch/${id}/x`;
    const before = outside();
    const big = 'b'.repeat(1_100_000); // more than the quota, less than what a request may bring
    const chunks = `${big.length.toString(16)}\r\n${big}\r\n0\r\n\r\n`;
    const cases = [
        ['Content-Length: 1100000', '', 413],
        ['Content-Length: 3000000', '', 413],
        ['Transfer-Encoding: chunked', chunks, 413],
        ['Transfer-Encoding: chunked', '5\r\nhello\r\nzz\r\n', 400],
        ['Transfer-Encoding: chunked', '5\r\nhello!\r\n', 400],
        ['Content-Length: 1\r\nContent-Length: 2', 'x', 400],
        ['Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5', 'hello', 415],
        ['Content-Length: 5\r\nOrigin: http://evil.example', 'hello', 403],
        ['Content-Length: 5\r\nAuthorization: Bearer rb_wrong', 'hello', 401, ''],
        ['Content-Length: 5', 'hello', 401, ''],
    ];
    for (const [headers, body, status, authorization = `Authorization: Bearer ${server.token}\r\n`] of cases) {
        const raw = await RawConnection.open(t, server.port);
        raw.send(`PUT ${target} HTTP/1.1\r\nHost: h\r\n${authorization}${headers}\r\n\r\n${body}`);
        const answer = await raw.answer();
        assert.equal(answer.status, status, `${headers}: ${answer.body}`);
        raw.tcp.destroy();
        await until(() => spooled().length === 0, 'what was left to be removed');
        assert.deepEqual([await list(id), stored(), outside()], [[], [], before], headers);
    }
});

test('what is refused anyway is refused before it is read', async (t) => {
    const { id } = await connect(t);
    const target = `/v1/scratch/${id}`;
    for (const [end, length, reason] of [
        [`${target}/..%2fx`, 1000, 'bad_name'],
        [`${target}/x`, 1_100_000, 'quota_exceeded'],
        [`/v1/scratch/${'A'.repeat(24)}/x`, 1000, 'no_such_connection'],
    ]) {
        const put = await begin(t, end, length, '');
        assert.equal(JSON.parse((await put.answer()).body).reason, reason);
    }
    const raw = await begin(t, `${target}/x`, 'chunked', `16e360\r\n${'b'.repeat(1_500_000)}\r\n`); // and it would go on
    await until(() => spooled().length === 1 && statSync(path.join(server.data, 'spool', spooled()[0])).size > 700_000, 'most of it');
    assert.equal((await server.client.get(`${target}/x`)).status, 404);
    raw.send('0\r\n\r\n');
    assert.equal((await raw.answer()).status, 413);
    assert.deepEqual([spooled(), stored()], [[], []]);
});

test('many at the same name at once: one of them, and whole', async (t) => {
    const { id } = await connect(t);
    const target = `/v1/scratch/${id}/same`;
    const texts = Array.from({ length: 20 }, (_, i) => `${i}`.padStart(5000, String.fromCharCode(97 + i)));
    const before = outside();
    const seen = new Set();
    await Promise.all(
        texts.map(async (body) => {
            const put = await server.client.request('PUT', target, { body });
            assert.ok([200, 201].includes(put.status), put.text);
            const got = await server.client.get(target);
            assert.equal(got.status, 200);
            seen.add(got.text);
        }),
    );
    for (const text of seen) assert.ok(texts.includes(text), 'a file of two writers');
    assert.deepEqual([await list(id), stored().length, spooled(), outside()], [['same'], 1, [], before]);
    await server.client.delete(target);
});

test('what stands in its directories when the server starts is removed, and followed nowhere', async (t) => {
    const dir = temporaryDirectory();
    const data = path.join(dir, 'data');
    const precious = path.join(dir, 'precious');
    mkdirSync(path.join(precious, 'sub'), { recursive: true });
    writeFileSync(path.join(precious, 'file'), 'precious');
    mkdirSync(path.join(data, 'scratch', 'deep', 'er'), { recursive: true, mode: 0o700 });
    writeFileSync(path.join(data, 'scratch', 'deep', 'er', 'x'), 'left over');
    symlinkSync(precious, path.join(data, 'scratch', 'link'));
    symlinkSync(path.join(precious, 'file'), path.join(data, 'scratch', '0000000000000001'));
    symlinkSync(precious, path.join(data, 'spool')); // the directory itself
    symlinkSync('/', path.join(data, 'links'));
    const before = treeOf(precious);
    const on = await startServer({ t, data, config: { jobs: {} } });
    for (const name of ['scratch', 'spool', 'links']) assert.deepEqual(readdirSync(path.join(data, name)), []);
    const { id } = await connect(t, on);
    assert.equal((await ask(t, 'PUT', `/v1/scratch/${id}/file`, 'mine', on)).status, 201);
    assert.equal((await ask(t, 'GET', `/v1/scratch/${id}/file`, undefined, on)).body, 'mine');
    assert.deepEqual(treeOf(precious), before);
});
