// HTTP/1.1 as it goes over the wire: what is refused, how, and what becomes of the connection.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem } from './lib/api.mjs';
import { RawConnection } from './lib/raw.mjs';
import { startServer, worker } from './lib/server.mjs';

let server;
before(async () => {
    server = await startServer({
        config: {
            jobs: { echo: { command: [worker, 'echo'] } },
            http: { head_max: '4KiB', target_max: '1KiB', body_max: '8KiB' },
        },
    });
});
after(() => server.stop());

const HOST = 'Host: 127.0.0.1\r\n';

/** Sends this, and gives the one answer to it. */
async function exchange(t, bytes, on = server) {
    const raw = await RawConnection.open(t, on.port);
    raw.send(bytes);
    return { ...(await raw.answer()), raw };
}

function problemIn({ status, head, body }, wanted, reason) {
    assert.equal(status, wanted, head);
    assert.match(head, /\r\nContent-Type: application\/problem\+json\r\n/);
    assert.equal(JSON.parse(body).reason, reason);
}

test('health', async () => {
    for (const path of ['/livez', '/readyz']) {
        const answer = await server.client.get(path, { token: null });
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.json, { status: 'ok' });
    }
});

test('paths and methods', async () => {
    const { client } = server;
    for (const path of ['/', '/v1', '/v1/', '/v1/jobs/', '/v1//jobs', '/V1/jobs', '/livez/'])
        assertProblem(await client.get(path), 404, 'not_found');
    const allow = {
        '/v1/jobs': 'GET, HEAD, OPTIONS',
        '/v1/jobs/x': 'GET, HEAD, POST, DELETE, OPTIONS',
        '/v1/jobs/x/events': 'GET, HEAD, OPTIONS',
    };
    for (const [path, methods] of Object.entries(allow)) {
        const answer = await client.request('PUT', path);
        assertProblem(answer, 405, 'method_not_allowed');
        assert.equal(answer.headers.allow, methods);
        const options = await client.request('OPTIONS', path);
        assert.equal(options.status, 204);
        assert.equal(options.headers.allow, methods);
    }
    const head = await client.request('HEAD', '/livez');
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-length'], '15');
    assert.equal(head.body.length, 0);
});

test('several requests on one connection, in order', async (t) => {
    const raw = await RawConnection.open(t, server.port);
    const paths = ['/livez', '/nothing', '/livez', '/v1/jobs'];
    raw.send(paths.map((path) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`).join(''));
    for (const status of [200, 404, 200, 401]) assert.equal((await raw.answer()).status, status);
    raw.send(`GET /livez HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
    const last = await raw.answer();
    assert.match(last.head, /\r\nConnection: close\r\n/);
    assert.equal(await raw.rest(), '');
});

test('HTTP/1.0 closes, unless told otherwise', async (t) => {
    const closing = await exchange(t, 'GET /livez HTTP/1.0\r\n\r\n');
    assert.equal(closing.status, 200);
    assert.equal(await closing.raw.rest(), '');
    const kept = await exchange(t, 'GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    assert.match(kept.head, /\r\nConnection: keep-alive\r\n/);
    kept.raw.send('GET /livez HTTP/1.0\r\n\r\n');
    assert.equal((await kept.raw.answer()).status, 200);
});

const authorized = () => `Authorization: Bearer ${server.token}\r\n`;

test('bodies: with a length, in chunks, expected', async (t) => {
    const post = (rest) => `POST /v1/jobs/echo HTTP/1.1\r\n${HOST}${authorized()}${rest}`;
    assert.equal((await exchange(t, post('Content-Length: 7\r\n\r\n{"a":1}'))).status, 202);
    const chunks = '3;x=y\r\n{"b\r\n4\r\n":2}\r\n0\r\nTrailer: 1\r\n\r\n';
    const chunked = await exchange(t, post(`Transfer-Encoding: chunked\r\n\r\n${chunks}`));
    assert.equal(chunked.status, 202, chunked.body);
    assert.deepEqual(JSON.parse(chunked.body).params, { b: 2 });
    const raw = await RawConnection.open(t, server.port);
    raw.send(post('Expect: 100-continue\r\nContent-Length: 2\r\n\r\n'));
    assert.equal(await raw.until(/\r\n\r\n/), 'HTTP/1.1 100 Continue\r\n\r\n');
    raw.send('{}');
    assert.equal((await raw.answer()).status, 202);
    problemIn(await exchange(t, post('Expect: magic\r\nContent-Length: 2\r\n\r\n')), 417, 'expectation_failed');
});

test('too much', async (t) => {
    const post = (rest) => `POST /v1/jobs/echo HTTP/1.1\r\n${HOST}${authorized()}${rest}`;
    const announced = await exchange(t, post('Content-Length: 8193\r\n\r\n')); // nobody has to send it
    problemIn(announced, 413, 'body_too_large');
    assert.equal(await announced.raw.rest(), '');
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
    problemIn(await exchange(t, post(`Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}${chunk}`)), 413, 'body_too_large');
    assert.equal((await exchange(t, post(`Content-Length: 8192\r\n\r\n{"a":"${'x'.repeat(8184)}"}`))).status, 202);

    problemIn(await exchange(t, `GET /${'x'.repeat(1024)} HTTP/1.1\r\n${HOST}\r\n`), 414, 'target_too_long');
    problemIn(await exchange(t, `GET /${'x'.repeat(3000)}`), 414, 'target_too_long'); // before its end is there
    assert.equal((await exchange(t, `GET /${'x'.repeat(1023)} HTTP/1.1\r\n${HOST}\r\n`)).status, 404);
    problemIn(await exchange(t, `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(4096)}\r\n\r\n`), 431, 'head_too_large');
    problemIn(await exchange(t, `GET / HTTP/1.1\r\n${HOST}${'X: y\r\n'.repeat(500)}\r\n`), 431, 'head_too_large');
});

test('what is no HTTP', async (t) => {
    const post = `POST /v1/jobs/echo HTTP/1.1\r\n${HOST}`;
    const bad = {
        'no version': `GET /livez\r\n${HOST}\r\n`,
        'a bare CR': `GET /livez HTTP/1.1\rHost: x\r\n\r\n`,
        'a bare LF': `GET /livez HTTP/1.1\nHost: x\n\n`,
        'no Host': 'GET /livez HTTP/1.1\r\n\r\n',
        'two Hosts': `GET /livez HTTP/1.1\r\n${HOST}${HOST}\r\n`,
        'another Host in the target': `GET http://other/livez HTTP/1.1\r\n${HOST}\r\n`,
        'a blank before the colon': `GET /livez HTTP/1.1\r\n${HOST}A : b\r\n\r\n`,
        'a folded line': `GET /livez HTTP/1.1\r\n${HOST}A: b\r\n c\r\n\r\n`,
        'a length and chunks': `${post}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        'two lengths': `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
        'a length with a sign': `${post}Content-Length: +1\r\n\r\n`,
        'a target with a blank': `GET /li vez HTTP/1.1\r\n${HOST}\r\n`,
        'a path out of the root': `GET /v1/../livez HTTP/1.1\r\n${HOST}\r\n`,
        'a bad escape': `GET /%zz HTTP/1.1\r\n${HOST}\r\n`,
        'TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
    };
    for (const [name, bytes] of Object.entries(bad))
        await t.test(name, async (t) => problemIn(await exchange(t, bytes), 400, 'bad_request'));
    problemIn(await exchange(t, `GET /livez HTTP/2.0\r\n${HOST}\r\n`), 505, 'unsupported_version');
    problemIn(await exchange(t, `${post}Transfer-Encoding: gzip, chunked\r\n\r\n`), 501, 'not_implemented');
    const chunks = await exchange(t, `${post}${authorized()}Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n`);
    problemIn(chunks, 400, 'bad_request');
    assert.equal(await chunks.raw.rest(), '');
    assert.equal((await server.client.get('/livez')).status, 200);
});

test('time: a slow head, a slow body, an idle connection', async (t) => {
    const slow = await startServer({ t, args: ['--clock-control'], config: { jobs: { echo: { command: [worker, 'echo'] } } } });
    // The bytes may still be on their way when the clock is moved; so it is moved until what must come has come.
    const advanceUntil = async (promise, ms) => {
        let isDone = false;
        promise.then(() => (isDone = true), () => (isDone = true));
        while (!isDone) await slow.client.post('/test/clock', { advance_ms: ms });
        return promise;
    };
    const head = await RawConnection.open(t, slow.port);
    head.send(`GET /livez HTTP/1.1\r\n${HOST}`);
    problemIn(await advanceUntil(head.answer(), 10_500), 408, 'request_timeout');
    assert.equal(await head.rest(), '');

    const body = await RawConnection.open(t, slow.port);
    body.send(`POST /v1/jobs/echo HTTP/1.1\r\n${HOST}Authorization: Bearer ${slow.token}\r\nContent-Length: 10\r\n\r\n{`);
    problemIn(await advanceUntil(body.answer(), 30_500), 408, 'request_timeout');
    assert.equal(await body.rest(), '');

    const idle = await exchange(t, `GET /livez HTTP/1.1\r\n${HOST}\r\n`, slow);
    assert.equal(await advanceUntil(idle.raw.rest(), 75_500), '');
});

test('origins of pages', async () => {
    const { client } = server;
    const get = (origin) => client.get('/v1/jobs', { headers: { Origin: origin } });
    assertProblem(await get('https://evil.example.com'), 403, 'origin_refused');
    assertProblem(await get('null'), 403, 'origin_refused');
    assert.equal((await get(server.url)).status, 200);
    assert.equal((await client.get('/livez', { headers: { Origin: 'https://evil.example.com' } })).status, 200);
});
